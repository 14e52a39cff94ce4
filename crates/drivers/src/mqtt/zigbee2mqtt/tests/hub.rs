//! The hub: its start, its end, its error lines.

use super::*;

#[test]
fn a_hub_that_starts_publishes_its_memory_and_not_the_locks_word() {
    // It was killed before it saved that the lock was opened.
    for seen in [true, false] {
        let mut bench = Bench::at(seen, "LOCK");
        let saved = bench.now.wall;
        bench.pass(1000);
        bench.state("UNLOCK", &json!({}));
        bench.pass(60_000);
        bench.raw("bridge/state", r#"{"state":"online"}"#, false);
        bench.pass(500);
        let old = if seen { json!({"last_seen": format!("{saved:.3}")}) } else { json!({}) };
        assert_eq!(words(&bench.state("LOCK", &old)), [(LOCKED, How::Remembered)], "last_seen {seen}");
        bench.pass(500);
        assert_eq!(words(&bench.state("UNLOCK", &json!({}))), [(UNLOCKED, How::Untagged)]);
    }
}

#[test]
fn what_a_starting_hub_publishes_answers_no_read() {
    let mut bench = Bench::at(false, "LOCK");
    bench.raw("bridge/state", r#"{"state":"online"}"#, false);
    let read = bench.ask(7);
    let out = bench.say("LOCK", &json!({}), false);
    assert_eq!(words(&out.signals), [(LOCKED, How::Remembered)]);
    bench.pass(2000);
    assert_eq!((out.requests.len(), bench.asks().len()), (0, 1), "it may have been the answer after all");
    assert_eq!(words(&bench.state("LOCK", &json!({}))), [(LOCKED, How::Read(read))]);
}

#[test]
fn a_lock_that_answers_after_its_hub_has_greeted_us_is_asked_once() {
    for seen in [true, false] {
        let mut bench = Bench::at(seen, "LOCK");
        let old = if seen { json!({"last_seen": "2026-11-23T00:00:00.000Z"}) } else { json!({}) };
        bench.raw("bridge/state", r#"{"state":"online"}"#, false);
        let read = bench.ask(7);
        bench.pass(100);
        let out = bench.say("LOCK", &old, false);
        assert_eq!((words(&out.signals), out.requests.len()), (vec![(LOCKED, How::Remembered)], 0));
        bench.pass(100);
        assert_eq!(words(&bench.state("LOCK", &json!({}))), [(LOCKED, How::Read(read))]);
        bench.pass(5000);
        assert!(bench.asks().is_empty());
    }
}

#[test]
fn a_hub_that_went_away_takes_its_locks_along() {
    let mut bench = Bench::at(true, "LOCK");
    let read = bench.ask(7);
    bench.raw("bridge/state", r#"{"state":"offline"}"#, false);
    let mut out = Outbox::default();
    bench.hub.tell_reach(&mut out);
    assert_eq!(failed_reads(&out.signals), [read]);
    assert!(matches!(&out.signals[1], Signal::Reach(_, Reachability::Unreachable)));
    let unavailable = Err(NotWritten::Unavailable(Unavailable::HubDisconnected));
    assert_eq!(bench.hub.command(&lock(), Bolt::Locked), unavailable);
    assert_eq!(bench.hub.read(&lock()), unavailable);
    bench.raw("bridge/state", "online", false);
    let mut out = Outbox::default();
    bench.hub.tell_reach(&mut out);
    assert!(matches!(&out.signals[..], [Signal::Reach(_, Reachability::Reachable)]));
}

#[test]
fn an_unavailable_lock_takes_no_commands_but_may_be_asked() {
    let mut bench = Bench::at(true, "LOCK");
    let topic = format!("{NAME}/availability");
    bench.raw(&topic, r#"{"state":"offline"}"#, false);
    let mut out = Outbox::default();
    bench.hub.tell_reach(&mut out);
    assert!(matches!(&out.signals[..], [Signal::Reach(_, Reachability::Unreachable)]));
    let unavailable = Err(NotWritten::Unavailable(Unavailable::DeviceDisconnected));
    assert_eq!(bench.hub.command(&lock(), Bolt::Locked), unavailable);
    assert!(bench.hub.read(&lock()).is_ok());
    bench.raw(&topic, "", false);
    bench.hub.tell_reach(&mut out);
    assert_eq!(out.signals.len(), 1, "an empty payload says nothing");
    bench.raw(&topic, "online", false);
    bench.hub.tell_reach(&mut out);
    assert_eq!(out.signals.len(), 2);
}

impl Bench {
    /// Whether commands may be sent to the lock.
    fn is_reachable(&mut self) -> bool {
        self.hub.tell_reach(&mut Outbox::default());
        self.hub.command(&lock(), Bolt::Locked).is_ok()
    }
}

#[test]
fn a_word_of_the_lock_is_newer_than_an_offline_that_the_broker_kept() {
    let topic = format!("{NAME}/availability");
    let action = json!({"action": "pin_code_added", "action_source_name": "keypad", "action_user": 7});
    for (seen, state, further, may_be_old) in [
        (true, "LOCK", json!({}), false),
        (true, "LOCK", json!({"battery": 1}), false),
        (false, "LOCK", action, false),
        (false, "UNLOCK", json!({}), true),
    ] {
        let mut bench = Bench::at(seen, "LOCK");
        bench.raw(&topic, r#"{"state":"offline"}"#, true);
        assert!(!bench.is_reachable());
        bench.state(state, &further);
        assert_eq!(bench.is_reachable(), !may_be_old, "{seen} {state} {further}");
        // The answer to the read that the first word brought about.
        bench.state(state, &json!({}));
        assert!(bench.is_reachable(), "{seen} {state} {further}");
        bench.raw(&topic, r#"{"state":"offline"}"#, false);
        assert!(!bench.is_reachable(), "that is newer again");
    }
}

#[test]
fn what_a_hub_repeats_brings_no_lock_back() {
    let topic = format!("{NAME}/availability");
    for seen in [true, false] {
        let mut bench = Bench::at(seen, "LOCK");
        let before = bench.now.before(Duration::from_secs(5)).wall;
        let old = if seen { json!({"last_seen": format!("{before:.3}")}) } else { json!({}) };
        bench.raw(&topic, r#"{"state":"offline"}"#, true);
        bench.say("LOCK", &old, false);
        bench.say("UNLOCK", &json!({}), true);
        bench.raw("bridge/state", r#"{"state":"online"}"#, false);
        bench.say("LOCK", &old, false);
        assert!(!bench.is_reachable(), "last_seen {seen}");
    }
}

#[test]
fn an_offline_from_before_availability_was_switched_off_is_void() {
    let mut bench = Bench::at(true, "LOCK");
    bench.raw(&format!("{NAME}/availability"), r#"{"state":"offline"}"#, true);
    for (config, reachable) in [
        (json!({"availability": {"enabled": false}}), true),
        (json!({"availability": {"enabled": true}}), false),
        (json!({"availability": {"enabled": false}, "devices": {IEEE: {"availability": {"timeout": 60}}}}), false),
        (json!({"availability": {"enabled": true}, "devices": {IEEE: {"availability": false}}}), true),
        (json!({}), false),
    ] {
        bench.raw("bridge/info", &json!({"config": config}).to_string(), true);
        assert_eq!(bench.is_reachable(), reachable, "{config}");
    }
}

#[test]
fn locks_of_a_hub_that_publishes_single_attributes_are_out_of_reach() {
    let mut bench = Bench::at(true, "LOCK");
    for (output, reachable) in
        [("attribute", false), ("json", true), ("attribute", false), ("attribute_and_json", true)]
    {
        bench.raw("bridge/info", &json!({"config": {"advanced": {"output": output}}}).to_string(), true);
        let mut out = Outbox::default();
        bench.hub.tell_reach(&mut out);
        let expected = if reachable { Reachability::Reachable } else { Reachability::Unreachable };
        assert!(matches!(&out.signals[..], [Signal::Reach(_, reach)] if *reach == expected), "{output}: {out:?}");
        assert_eq!(
            (bench.hub.command(&lock(), Bolt::Locked).is_ok(), bench.hub.read(&lock()).is_ok()),
            (reachable, reachable)
        );
    }
}

#[test]
fn commands_and_reads_name_the_address_and_never_toggle() {
    let bench = Bench::new();
    let topic = format!("zigbee2mqtt/{IEEE}/set");
    assert_eq!(bench.hub.command(&lock(), Bolt::Unlocked), Ok((topic.clone(), r#"{"state":"UNLOCK"}"#.to_owned())));
    assert_eq!(bench.hub.command(&lock(), Bolt::Locked), Ok((topic, r#"{"state":"LOCK"}"#.to_owned())));
    let removed = Err(NotWritten::Unavailable(Unavailable::DeviceRemoved));
    assert_eq!(bench.hub.command(&NativeId("0x9".to_owned()), Bolt::Locked), removed);
}

#[test]
fn error_lines_answer_the_command_that_is_open() {
    let radio = format!(
        "z2m: Publish 'set' 'state' to '{NAME}' failed: 'Error: ZCL command {IEEE}/1 closuresDoorLock.unlockDoor({{\"pincodevalue\":\"CANARY\"}}, {{}}) failed (Timeout)'"
    );
    let mut bench = Bench::at(true, "LOCK");
    assert!(bench.complain(&radio).is_empty(), "no command is open");
    let attempt = bench.command(1);
    assert_eq!(answers(&bench.complain(&radio)), [(attempt, Answer::NotAcknowledged)]);
    let attempt = bench.command(2);
    let line = format!(
        "z2m: Publish 'set' 'state' to '{NAME}' failed: 'Error: 'OPEN' not allowed, choose between: LOCK,UNLOCK,TOGGLE'"
    );
    let refused = answers(&bench.complain(&line));
    assert!(matches!(&refused[..], [(by, Answer::Refused(_))] if *by == attempt));
    bench.command(3);
    let other = format!("z2m: Publish 'set' 'pin_code' to '{NAME}' failed: 'Error: user must be in range for device'");
    assert!(bench.complain(&other).is_empty(), "about something else");
    assert!(bench.complain("z2m: Entity 'nobody' is unknown").is_empty());
    let refused = answers(&bench.complain(&format!("z2m: Entity '{IEEE}' is unknown")));
    assert!(matches!(&refused[..], [(_, Answer::Refused(_))]));
}

#[test]
fn error_lines_name_locks_with_odd_names() {
    let names = ["it's", "x' failed: ", "x", "x' on 'y", "x': z"];
    for name in names {
        let mut bench = Bench::new();
        let others = names.into_iter().filter(|other| *other != name).enumerate();
        let mut entries: Vec<Value> = others.map(|(n, other)| yale(&format!("0x{n}"), other)).collect();
        entries.push(yale(IEEE, name));
        bench.hub.apply(list(entries), 100, bench.now, &mut Outbox::default());
        for line in [
            format!("z2m: Publish 'set' 'state' to '{name}' failed: 'Error: ZCL command failed (x)'"),
            format!("z2m: No converter available for 'state' on '{name}': (\"x\")"),
            format!("z2m: No converter available for 'state' on '{name}'"),
        ] {
            let attempt = bench.command(1);
            let answers = answers(&bench.complain(&line));
            assert!(matches!(answers[..], [(by, _)] if by == attempt), "{line}: {answers:?}");
        }
    }
}

#[test]
fn the_answer_to_a_read_does_not_count_as_an_acknowledgement() {
    // The lock never acknowledged, so the one message that comes is the answer.
    let mut bench = Bench::at(true, "LOCK");
    bench.command(1);
    bench.pass(6000);
    let read = bench.ask(7);
    bench.pass(30);
    let signals = bench.state("LOCK", &json!({}));
    assert!(answers(&signals).is_empty(), "{signals:?}");
    assert_eq!(words(&signals), [(LOCKED, How::Remembered)], "nor does it answer: it may be the acknowledgement");
    bench.pass(30);
    assert_eq!(words(&bench.state("LOCK", &json!({}))), [(LOCKED, How::Read(read))]);
}

#[test]
fn an_error_line_belongs_to_the_oldest_command() {
    let mut bench = Bench::at(true, "LOCK");
    let (first, second) = (bench.command(1), bench.command(2));
    let line = format!("z2m: Publish 'set' 'state' to '{NAME}' failed: 'Error: x'");
    assert_eq!(answers(&bench.complain(&line)), [(first, Answer::NotAcknowledged)]);
    assert_eq!(answers(&bench.complain(&line)), [(second, Answer::NotAcknowledged)]);
}

#[test]
fn a_command_that_moved_the_bolt_is_not_blamed_later() {
    let mut bench = Bench::at(true, "LOCK");
    bench.command(1);
    bench.state("UNLOCK", &json!({}));
    let line = format!("z2m: Publish 'set' 'state' to '{NAME}' failed: 'Error: ZCL command failed (late)'");
    assert!(bench.complain(&line).is_empty());
}

#[test]
fn what_is_open_is_bounded() {
    let mut bench = Bench::at(true, "LOCK");
    for n in 0..16 {
        bench.command(n);
    }
    assert!(matches!(bench.hub.command(&lock(), Bolt::Locked), Err(NotWritten::Rejected(_))));
    bench.pass(40_000);
    bench.tick();
    assert!(bench.hub.command(&lock(), Bolt::Locked).is_ok());
}

#[test]
fn a_lock_is_called_reachable_once_it_is_listened_to() {
    let mut bench = Bench::new();
    let mut out = Outbox::default();
    bench.hub.apply(list(vec![yale(IEEE, NAME), yale("0x2", "new")]), 100, bench.now, &mut out);
    out.signals.clear();
    bench.hub.tell_reach(&mut out);
    assert!(matches!(&out.signals[..], [Signal::Reach(native, Reachability::Unreachable)] if native.as_str() == "0x2"));
    bench.hub.subscribed(bench.now, &mut Outbox::default());
    bench.hub.tell_reach(&mut out);
    assert!(matches!(out.signals[1], Signal::Reach(_, Reachability::Reachable)));
}
