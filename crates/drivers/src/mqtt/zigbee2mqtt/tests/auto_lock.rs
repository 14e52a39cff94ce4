//! When a lock locks itself: what is the lock's word on it, and what is only the hub's echo.

use thumbturn_core::commands::AutoLock;

use super::*;

const REFUSED: &str = "z2m: Publish 'set' 'auto_relock_time' to 'floor 1/Haustür Süd' failed: 'Error: ZCL command \
                       0x00158d0000a00001/1 closuresDoorLock.write({\"autoRelockTime\":45}, {}) failed (Status \
                       'INVALID_VALUE')'";
const UNHEARD: &str = "z2m: Publish 'set' 'auto_relock_time' to 'floor 1/Haustür Süd' failed: 'Error: ZCL command \
                       0x00158d0000a00001/1 closuresDoorLock.write({\"autoRelockTime\":45}, {}) failed (Timeout - 8193)'";
const UNREAD: &str = "z2m: Publish 'get' 'auto_relock_time' to 'floor 1/Haustür Süd' failed: 'Error: ZCL command \
                      0x00158d0000a00001/1 closuresDoorLock.read([\"autoRelockTime\"], {}) failed (Timeout - 8193)'";

impl Bench {
    /// A bench whose lock has said that it never locks itself.
    fn never(seen: bool) -> Self {
        let mut bench = Self::at(seen, "LOCK");
        assert_eq!(told(&bench.auto(0)), [AutoLock::Off]);
        bench.pass(5000);
        bench
    }

    /// A message of the resting lock with this setting.
    fn auto(&mut self, seconds: u32) -> Vec<Signal> {
        self.state("LOCK", &json!({"auto_relock_time": seconds}))
    }

    fn set(&mut self, n: i64, seconds: u32) -> AttemptId {
        let to = if seconds == 0 { AutoLock::Off } else { AutoLock::After(seconds) };
        let (topic, payload, value) = self.hub.auto_lock(&lock(), to).unwrap();
        assert_eq!(topic, format!("zigbee2mqtt/{IEEE}/set"));
        assert_eq!(payload, format!(r#"{{"auto_relock_time":{seconds}}}"#));
        let attempt = attempt(n);
        self.hub.set(&lock(), attempt, value, self.now);
        attempt
    }

    /// The hub writes and echoes: where it tells times, the acknowledgement with the old value comes first.
    fn echoes(&mut self, old: u32, new: u32) {
        self.pass(30);
        if self.seen {
            assert!(quiet(&self.auto(old)));
        }
        assert!(quiet(&self.auto(new)), "an echo is no proof");
        assert_eq!(self.asks(), [], "what belongs to the echo is waited for");
        self.pass(250);
        assert_eq!(self.asks(), [get()]);
        self.pass(30);
    }
}

fn get() -> (String, String) {
    (format!("zigbee2mqtt/{IEEE}/get"), r#"{"auto_relock_time":""}"#.to_owned())
}

fn told(signals: &[Signal]) -> Vec<AutoLock> {
    let told = signals.iter().filter_map(|signal| match signal {
        Signal::AutoLock(_, told) => Some(*told),
        _ => None,
    });
    told.collect()
}

/// Nothing is said of the setting.
fn quiet(signals: &[Signal]) -> bool {
    told(signals).is_empty() && answers(signals).is_empty()
}

fn kept() -> Answer {
    Answer::Refused(Refused::Other("The lock kept its old setting.".to_owned()))
}

#[test]
fn only_the_answer_to_a_get_proves_a_setting() {
    for seen in [true, false] {
        for seconds in [45, 0] {
            let mut bench = Bench::never(seen);
            let set = bench.set(1, seconds);
            bench.echoes(0, seconds);
            let signals = bench.auto(seconds);
            assert_eq!(answers(&signals), [(set, Answer::Accepted)], "{seen} {seconds}");
            assert_eq!(told(&signals), if seconds == 0 { vec![] } else { vec![AutoLock::After(45)] });
            bench.pass(60_000);
            assert!(bench.tick().is_empty());
        }
    }
}

#[test]
fn a_lock_that_takes_a_setting_and_keeps_its_old_one_refused_it() {
    for seen in [true, false] {
        let mut bench = Bench::never(seen);
        let set = bench.set(1, 45);
        bench.echoes(0, 45);
        let signals = bench.auto(0);
        assert_eq!((answers(&signals), told(&signals)), (vec![(set, kept())], vec![]), "{seen}");
    }
}

#[test]
fn what_repeats_the_echo_while_the_lock_is_asked_is_no_answer() {
    let mut bench = Bench::never(true);
    let set = bench.set(1, 45);
    bench.echoes(0, 45);
    let turned = json!({"auto_relock_time": 45, "action": "manual_unlock", "action_source_name": "manual"});
    for (state, further) in [
        ("UNLOCK", json!({"auto_relock_time": 45})),
        ("UNLOCK", turned),
        ("UNLOCK", json!({"auto_relock_time": 45, "battery": 91})),
        ("UNLOCK", json!({"battery": 91})),
    ] {
        bench.pass(20);
        assert!(quiet(&bench.state(state, &further)), "{further}");
    }
    // The hub says again what it said, without having heard the lock.
    assert!(quiet(&bench.state("UNLOCK", &json!({"auto_relock_time": 45, "battery": 91}))));
    // Any of them may have been the answer, told together with something else.
    bench.pass(2000);
    assert_eq!(bench.asks(), [get()]);
    bench.pass(20);
    let signals = bench.state("UNLOCK", &json!({"auto_relock_time": 0, "battery": 91}));
    assert_eq!(answers(&signals), [(set, kept())]);
}

#[test]
fn error_lines_end_it() {
    let refused = |why: &str| Answer::Refused(Refused::Other(why.to_owned()));
    for (line, answer) in [
        (REFUSED, refused("The lock refused the setting.")),
        (UNHEARD, Answer::NotAcknowledged),
        ("z2m: Entity '0x00158d0000a00001' is unknown", refused("Zigbee2MQTT does not know this lock.")),
        (
            "z2m: No converter available for 'auto_relock_time' on 'floor 1/Haustür Süd': (45)",
            refused("Zigbee2MQTT has no way to send this setting to the lock."),
        ),
    ] {
        let mut bench = Bench::never(true);
        let set = bench.set(1, 45);
        assert!(answers(&bench.complain(UNREAD)).is_empty());
        assert_eq!(answers(&bench.complain(line)), [(set, answer)], "{line}");
        assert!(answers(&bench.complain(line)).is_empty());
    }
    let mut bench = Bench::never(true);
    let set = bench.set(1, 45);
    bench.echoes(0, 45);
    assert!(answers(&bench.complain(REFUSED)).is_empty(), "that one is through");
    assert_eq!(answers(&bench.complain(UNREAD)), [(set, Answer::NotAcknowledged)]);
}

#[test]
fn after_an_unknown_end_the_echo_is_told_once_the_lock_has_said_so() {
    let mut bench = Bench::never(true);
    let set = bench.set(1, 45);
    bench.echoes(0, 45);
    bench.pass(6000);
    assert_eq!(answers(&bench.tick()), [(set, Answer::NotAcknowledged)]);
    // The hub repeats its echo, and nobody knows whether it is true: the lock is asked when it speaks again.
    let out = bench.say("LOCK", &json!({"auto_relock_time": 45, "battery": 91}), false);
    assert!(quiet(&out.signals));
    assert_eq!(out.requests, [get()]);
    bench.pass(30);
    let signals = bench.state("LOCK", &json!({"auto_relock_time": 45, "battery": 91}));
    assert_eq!((told(&signals), answers(&signals)), (vec![AutoLock::After(45)], vec![]));
}

#[test]
fn a_hub_that_does_not_echo_is_asked_twice_and_silence_is_unknown() {
    let mut bench = Bench::never(false);
    let set = bench.set(1, 45);
    bench.pass(5000);
    assert_eq!(bench.asks(), [get()]);
    bench.pass(30);
    assert!(quiet(&bench.auto(45)), "it may be a late echo");
    bench.pass(250);
    assert_eq!(bench.asks(), [get()]);
    bench.pass(30);
    assert_eq!(answers(&bench.auto(45)), [(set, Answer::Accepted)]);

    let set = bench.set(2, 30);
    bench.pass(5000);
    assert_eq!(bench.asks(), [get()]);
    bench.pass(19_000);
    assert!(bench.tick().is_empty(), "the hub may still be at it");
    bench.pass(1000);
    assert_eq!(answers(&bench.tick()), [(set, Answer::NotAcknowledged)]);
}

#[test]
fn a_hub_that_goes_away_leaves_it_unknown() {
    let mut bench = Bench::never(true);
    let set = bench.set(1, 45);
    bench.raw("bridge/state", r#"{"state":"offline"}"#, false);
    bench.hub.tell_reach(&mut Outbox::default());
    assert!(bench.hub.wake_at().is_some_and(|at| at.steady <= bench.now.steady));
    assert_eq!(answers(&bench.tick()), [(set, Answer::NotAcknowledged)]);
    let refused = bench.hub.auto_lock(&lock(), AutoLock::Off).unwrap_err();
    assert_eq!(refused, NotWritten::Unavailable(Unavailable::HubDisconnected));
}

#[test]
fn a_read_of_the_bolt_and_one_of_the_setting_settle_one_each_in_their_order() {
    let mut bench = Bench::never(true);
    let set = bench.set(1, 45);
    bench.echoes(0, 45);
    let read = bench.ask(7);
    let signals = bench.auto(45);
    assert_eq!(answers(&signals), [(set, Answer::Accepted)]);
    assert_eq!(words(&signals), [(LOCKED, How::Remembered)], "that was about the setting");
    bench.pass(30);
    assert_eq!(words(&bench.auto(45)), [(LOCKED, How::Read(read))]);

    // The acknowledgement of a setting and its echo are no word on the bolt.
    let read = bench.ask(8);
    bench.set(2, 0);
    bench.pass(30);
    assert_eq!(words(&bench.auto(45)), [(LOCKED, How::Read(read))]);
    bench.pass(30);
    assert_eq!(words(&bench.auto(45)), [(LOCKED, How::Remembered)]);
    assert_eq!(words(&bench.auto(0)), [(LOCKED, How::Remembered)]);
}

#[test]
fn what_a_lock_tells_by_itself_is_told_once() {
    let mut bench = Bench::never(true);
    assert_eq!(told(&bench.auto(90)), [AutoLock::After(90)]);
    bench.pass(1000);
    assert!(told(&bench.auto(90)).is_empty());
    for strange in [json!(null), json!("90"), json!(-1), json!(1.5), json!(1_u64 << 32)] {
        assert!(told(&bench.state("LOCK", &json!({ "auto_relock_time": strange }))).is_empty());
    }
    assert_eq!(told(&bench.auto(0)), [AutoLock::Off]);
}

#[test]
fn what_a_lock_does_not_take_is_not_written() {
    let bench = Bench::never(true);
    let refused = bench.hub.auto_lock(&lock(), AutoLock::After(3601)).unwrap_err();
    assert_eq!(refused, NotWritten::Rejected("The lock takes 1 to 3600 seconds.".to_owned()));
}
