//! What answers a read, and what does not.

use super::*;

#[test]
fn the_answer_to_a_read_is_an_answer() {
    for seen in [true, false] {
        let mut bench = Bench::at(seen, "LOCK");
        let read = bench.ask(7);
        bench.pass(30);
        assert_eq!(words(&bench.state("LOCK", &json!({"linkquality": 90}))), [(LOCKED, How::Read(read))]);
        bench.pass(30);
        assert_eq!(words(&bench.state("LOCK", &json!({}))), [(LOCKED, How::Remembered)]);
    }
}

#[test]
fn the_first_message_of_a_session_may_be_an_answer() {
    for seen in [true, false] {
        let mut bench = Bench::with(seen);
        let read = bench.ask(7);
        bench.pass(30);
        assert_eq!(words(&bench.state("LOCK", &json!({}))), [(LOCKED, How::Read(read))]);
    }
}

#[test]
fn a_first_word_that_may_be_old_is_asked_about() {
    let mut bench = Bench::with(false);
    let out = bench.say("LOCK", &json!({}), false);
    assert_eq!(words(&out.signals), [(LOCKED, How::Remembered)]);
    assert_eq!(out.requests, [(format!("zigbee2mqtt/{IEEE}/get"), r#"{"state":""}"#.to_owned())]);
    bench.pass(10);
    let out = bench.say("LOCK", &json!({"battery": 91}), false);
    assert_eq!((words(&out.signals), out.requests.len()), (vec![(LOCKED, How::Remembered)], 0), "asked once");
    bench.pass(6000);
    assert_eq!(failed_reads(&bench.tick()), [OWN_READ], "so that the engine goes on asking");
    assert_eq!(words(&bench.state("LOCK", &json!({"battery": 91}))), [(LOCKED, How::Read(OWN_READ))]);
}

#[test]
fn a_first_word_that_may_be_old_is_the_best_there_is_of_a_lock_that_cannot_be_asked() {
    let mut bench = Bench::with(false);
    let mut deaf = yale(IEEE, NAME);
    deaf["definition"]["exposes"][0]["features"][0]["access"] = 3.into();
    bench.hub.apply(list(vec![deaf]), 100, bench.now, &mut Outbox::default());
    let out = bench.say("LOCK", &json!({}), false);
    assert_eq!((words(&out.signals), out.requests.len()), (vec![(LOCKED, How::Untagged)], 0));
}

#[test]
fn the_acknowledgement_of_a_command_is_not_the_answer_to_a_read_that_follows_it() {
    // The record is wrong: the hub believes in UNLOCK, and the lock takes its time to acknowledge.
    let mut bench = Bench::at(true, "UNLOCK");
    bench.command(1);
    bench.pass(2500);
    let read = bench.ask(7);
    bench.pass(500);
    let signals = bench.state("UNLOCK", &json!({}));
    assert_eq!(words(&signals), [(UNLOCKED, How::Remembered)]);
    assert!(answers(&signals).is_empty(), "it cannot be told from the answer, so it proves nothing either");
    bench.pass(30);
    assert_eq!(words(&bench.state("LOCK", &json!({}))), [(LOCKED, How::Untagged)]);
    bench.pass(300);
    assert_eq!(words(&bench.tick()), [(LOCKED, How::Read(read))]);
}

#[test]
fn a_battery_report_or_an_action_is_not_the_answer() {
    let mut bench = Bench::at(true, "LOCK");
    let read = bench.ask(7);
    bench.pass(10);
    assert_eq!(words(&bench.state("LOCK", &json!({"battery": 91}))), [(LOCKED, How::Remembered)]);
    bench.pass(10);
    let code = json!({"battery": 91, "action": "pin_code_added", "action_source_name": "keypad", "action_user": 7});
    assert_eq!(words(&bench.state("LOCK", &code)), [(LOCKED, How::Remembered)]);
    bench.pass(10);
    assert_eq!(words(&bench.state("LOCK", &json!({"battery": 91}))), [(LOCKED, How::Read(read))]);
}

#[test]
fn a_message_for_which_the_lock_was_not_heard_is_not_the_answer() {
    let mut bench = Bench::at(true, "LOCK");
    let old = format!("{:.3}", bench.now.before(Duration::from_secs(5)).wall);
    bench.ask(7);
    bench.pass(10);
    let out = bench.say("LOCK", &json!({"last_seen": old}), false);
    assert_eq!(words(&out.signals), [(LOCKED, How::Remembered)]);
    assert!(out.requests.is_empty(), "the answer may be on its way");
    bench.pass(2000);
    assert_eq!(bench.asks(), [(format!("zigbee2mqtt/{IEEE}/get"), r#"{"state":""}"#.to_owned())], "asked once more");
    bench.say("LOCK", &json!({"last_seen": old}), false);
    bench.pass(2000);
    assert!(bench.asks().is_empty(), "but only once");
    bench.pass(10);
    assert_eq!(words(&bench.state("LOCK", &json!({}))), [(LOCKED, How::Read(ReadId(7)))]);
}

#[test]
fn a_read_without_an_answer_fails_and_a_late_answer_still_counts() {
    let mut bench = Bench::at(true, "LOCK");
    let read = bench.ask(7);
    bench.pass(5999);
    assert!(bench.tick().is_empty());
    bench.pass(1);
    assert_eq!(failed_reads(&bench.tick()), [read]);
    assert!(bench.tick().is_empty());
    bench.pass(1000);
    assert_eq!(words(&bench.state("LOCK", &json!({}))), [(LOCKED, How::Read(read))]);
}

#[test]
fn the_late_answer_to_an_earlier_read_is_not_the_answer_to_a_later_one() {
    let mut bench = Bench::at(true, "LOCK");
    let first = bench.ask(7);
    bench.pass(6000);
    bench.tick();
    bench.command(1);
    bench.pass(1000);
    let second = bench.ask(8);
    assert_eq!(words(&bench.state("LOCK", &json!({}))), [(LOCKED, How::Read(first))]);
    bench.pass(10);
    assert_eq!(words(&bench.state("LOCK", &json!({}))), [(LOCKED, How::Remembered)], "the acknowledgement");
    bench.pass(10);
    assert_eq!(words(&bench.state("LOCK", &json!({}))), [(LOCKED, How::Read(second))]);
}

#[test]
fn a_read_that_the_hub_could_not_do_fails_at_once() {
    let mut bench = Bench::at(true, "LOCK");
    let read = bench.ask(7);
    let line = format!(
        "z2m: Publish 'get' 'state' to '{NAME}' failed: 'Error: ZCL command {IEEE}/1 closuresDoorLock.read([\"lockState\"]) failed (x)'"
    );
    assert_eq!(failed_reads(&bench.complain(&line)), [read]);
    assert!(failed_reads(&bench.complain(&line)).is_empty());
}

#[test]
fn a_read_that_a_hub_may_not_have_got_right_after_its_start_is_asked_once_more() {
    // It says that it is online, and subscribes after that.
    let mut bench = Bench::at(true, "LOCK");
    bench.raw("bridge/state", r#"{"state":"online"}"#, false);
    bench.pass(5);
    let read = bench.ask(7);
    bench.pass(1900);
    assert_eq!(bench.asks(), []);
    bench.pass(100);
    assert_eq!(bench.asks(), [(format!("zigbee2mqtt/{IEEE}/get"), r#"{"state":""}"#.to_owned())]);
    bench.pass(30);
    assert_eq!(words(&bench.state("LOCK", &json!({}))), [(LOCKED, How::Read(read))]);
    bench.pass(10_000);
    assert_eq!(bench.asks(), [], "once, and answered");

    // Later on it is there.
    bench.ask(8);
    bench.pass(3000);
    assert_eq!(bench.asks(), []);
}
