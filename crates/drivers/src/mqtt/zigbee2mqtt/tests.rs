//! What captured messages mean, row by row.

use serde_json::{Value, json};
use thumbturn_core::events::Method;
use thumbturn_core::ids::{AttemptId, NativeId, uuid_at};
use thumbturn_core::locks::{Bolt, Reachability, Unavailable};
use thumbturn_core::ports::{Answer, How, NotWritten, ReadId, Refused, Said, Signal};
use thumbturn_core::time::Moment;

use super::devices::tests::{list, yale};
use super::pending::OWN_READ;
use super::*;
use crate::mqtt::outbox::Outbox;

const IEEE: &str = "0x00158d0000a00001";
const NAME: &str = "floor 1/Haustür Süd";

const LOCKED: Said = Said::At(Bolt::Locked);
const UNLOCKED: Said = Said::At(Bolt::Unlocked);

/// One hub with one lock, and a clock that is turned by hand.
struct Bench {
    hub: Hub,
    now: Moment,
    seen: bool,
}

impl Bench {
    /// An online hub whose messages carry `last_seen`.
    fn new() -> Self {
        Self::with(true)
    }

    fn with(seen: bool) -> Self {
        let now = Moment { wall: "2026-11-23T00:00:00Z".parse().unwrap(), steady: Duration::from_secs(1000) };
        let mut bench = Self { hub: Hub::new("zigbee2mqtt", Vec::new()), now, seen };
        bench.raw("bridge/state", r#"{"state":"online"}"#, true);
        bench.hub.apply(list(vec![yale(IEEE, NAME)]), 100, bench.now, &mut Outbox::default());
        bench.hub.subscribed(bench.now, &mut Outbox::default());
        bench.hub.tell_reach(&mut Outbox::default());
        bench
    }

    /// A bench on which the lock has said where it stands.
    fn at(seen: bool, state: &str) -> Self {
        let mut bench = Self::with(seen);
        bench.state(state, &json!({}));
        if !seen {
            bench.pass(30);
            assert!(matches!(words(&bench.state(state, &json!({})))[..], [(_, How::Read(OWN_READ))]));
        }
        bench.pass(5000);
        bench
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.after(Duration::from_millis(ms));
    }

    fn raw(&mut self, rest: &str, payload: &str, retained: bool) -> Vec<Signal> {
        let mut out = Outbox::default();
        self.hub.hear(&Incoming { rest, payload: payload.as_bytes(), retained, at: self.now }, &mut out);
        out.signals
    }

    /// A live state message: `LOCK`, `UNLOCK` or `JAM`, with further fields.
    fn state(&mut self, state: &str, further: &Value) -> Vec<Signal> {
        self.say(state, further, false).signals
    }

    fn say(&mut self, state: &str, further: &Value, retained: bool) -> Outbox {
        let (state, lock_state) = match state {
            "LOCK" => ("LOCK", "locked"),
            "JAM" => ("UNLOCK", "not_fully_locked"),
            _ => ("UNLOCK", "unlocked"),
        };
        let mut message = json!({"battery": 92, "linkquality": 121, "lock_state": lock_state, "state": state});
        if self.seen {
            message["last_seen"] = format!("{:.3}", self.now.wall).into();
        }
        for (key, value) in further.as_object().unwrap() {
            message[key] = value.clone();
        }
        let mut out = Outbox::default();
        let payload = message.to_string();
        self.hub.hear(&Incoming { rest: NAME, payload: payload.as_bytes(), retained, at: self.now }, &mut out);
        out
    }

    fn command(&mut self, n: i64) -> AttemptId {
        let attempt = attempt(n);
        self.hub.commanded(&lock(), attempt, self.now);
        attempt
    }

    fn ask(&mut self, n: u64) -> ReadId {
        self.hub.asked(&lock(), ReadId(n), self.now);
        ReadId(n)
    }

    fn tick(&mut self) -> Vec<Signal> {
        let mut out = Outbox::default();
        self.hub.tick(self.now, &mut out);
        out.signals
    }

    /// What is asked as time passes.
    fn asks(&mut self) -> Vec<(String, String)> {
        let mut out = Outbox::default();
        self.hub.tick(self.now, &mut out);
        out.requests
    }

    fn complain(&mut self, message: &str) -> Vec<Signal> {
        self.raw("bridge/logging", &json!({"level": "error", "message": message}).to_string(), false)
    }
}

fn lock() -> NativeId {
    NativeId(IEEE.to_owned())
}

fn attempt(n: i64) -> AttemptId {
    AttemptId(uuid_at(jiff::Timestamp::from_second(n).unwrap()))
}

/// What was said of the bolt.
fn words(signals: &[Signal]) -> Vec<(Said, How)> {
    let reports = signals.iter().filter_map(|signal| match signal {
        Signal::Said(_, report) => Some((report.said, report.how)),
        _ => None,
    });
    reports.collect()
}

fn answers(signals: &[Signal]) -> Vec<(AttemptId, Answer)> {
    let answers = signals.iter().filter_map(|signal| match signal {
        Signal::Answered(_, attempt, answer, _) => Some((*attempt, answer.clone())),
        _ => None,
    });
    answers.collect()
}

fn failed_reads(signals: &[Signal]) -> Vec<ReadId> {
    let reads = signals.iter().filter_map(|signal| match signal {
        Signal::ReadFailed(_, read) => Some(*read),
        _ => None,
    });
    reads.collect()
}

// --- Reports ------------------------------------------------------------------------------------------------------

#[test]
fn the_stale_message_after_a_command_is_an_acknowledgement_and_no_report() {
    let mut bench = Bench::at(true, "LOCK");
    let attempt = bench.command(1);
    bench.pass(44);
    let signals = bench.state("LOCK", &json!({}));
    assert_eq!(words(&signals), [(LOCKED, How::Remembered)]);
    assert_eq!(answers(&signals), [(attempt, Answer::Accepted)]);
    bench.pass(222);
    assert_eq!(words(&bench.state("UNLOCK", &json!({}))), [(UNLOCKED, How::Untagged)]);
    bench.pass(1);
    let action = json!({"action": "unlock", "action_source": 1, "action_source_name": "rf", "action_user": null});
    assert_eq!(words(&bench.state("UNLOCK", &action)), [(UNLOCKED, How::Tagged(Method::Remote, None))]);
}

#[test]
fn without_last_seen_nothing_is_an_acknowledgement() {
    let mut bench = Bench::at(false, "LOCK");
    bench.command(1);
    let signals = bench.state("LOCK", &json!({"battery": 91}));
    assert!(answers(&signals).is_empty());
    assert_eq!(words(&signals), [(LOCKED, How::Remembered)]);
    assert_eq!(words(&bench.state("UNLOCK", &json!({"battery": 91}))), [(UNLOCKED, How::Untagged)]);
}

#[test]
fn a_battery_report_is_no_acknowledgement() {
    let mut bench = Bench::at(true, "LOCK");
    bench.command(1);
    let signals = bench.state("LOCK", &json!({"battery": 91}));
    assert!(answers(&signals).is_empty());
    assert!(matches!(signals.last(), Some(Signal::Battery(_, level)) if *level == 0.91));
}

#[test]
fn a_jam_is_a_jam_although_its_state_says_unlock() {
    let mut bench = Bench::at(true, "LOCK");
    bench.command(1);
    assert_eq!(words(&bench.state("JAM", &json!({}))), [(Said::Jammed, How::Untagged)]);
    // Whatever an action claims in a message that tells of a jam.
    bench.pass(10);
    let action = json!({"action": "unlock", "action_source_name": "rf"});
    assert_eq!(words(&bench.state("JAM", &action)), [(Said::Jammed, How::Remembered)]);
}

#[test]
fn an_action_that_comes_first_tells_the_position_and_the_old_state_after_it_is_no_movement_back() {
    let mut bench = Bench::at(true, "LOCK");
    let keypad = json!({"action": "unlock", "action_source": 0, "action_source_name": "keypad", "action_user": 3});
    assert_eq!(words(&bench.state("LOCK", &keypad)), [(UNLOCKED, How::Tagged(Method::Keycode, Some(3)))]);
    bench.pass(20);
    assert_eq!(words(&bench.state("LOCK", &json!({}))), [(LOCKED, How::Remembered)]);
    bench.pass(20);
    assert_eq!(words(&bench.state("UNLOCK", &json!({}))), [(UNLOCKED, How::Untagged)]);
}

#[test]
fn wrong_codes_are_denied_at_the_keypad_and_refused_over_the_radio() {
    let mut bench = Bench::at(true, "LOCK");
    let wrong =
        json!({"action": "unlock_failure_invalid_pin_or_id", "action_source_name": "keypad", "action_user": null});
    let signals = bench.state("LOCK", &wrong);
    assert!(matches!(signals[0], Signal::Denied(_, Some("unknown_code"), _)), "{signals:?}");
    assert!(answers(&signals).is_empty());
    let attempt = bench.command(1);
    let wrong = json!({"action": "unlock_failure_invalid_pin_or_id", "action_source_name": "rf"});
    let answers = answers(&bench.state("LOCK", &wrong));
    assert!(matches!(&answers[..], [(by, Answer::Refused(Refused::Other(_)))] if *by == attempt));
}

#[test]
fn a_refusal_that_follows_the_acknowledgement_is_still_the_commands() {
    let wrong = json!({"action": "unlock_failure_invalid_pin_or_id", "action_source_name": "rf"});
    let mut bench = Bench::at(true, "LOCK");
    let attempt = bench.command(1);
    bench.pass(44);
    assert_eq!(answers(&bench.state("LOCK", &json!({}))), [(attempt, Answer::Accepted)]);
    bench.pass(100);
    let refused = answers(&bench.state("LOCK", &wrong));
    assert!(matches!(&refused[..], [(by, Answer::Refused(_))] if *by == attempt), "{refused:?}");
    bench.pass(100);
    assert!(answers(&bench.state("LOCK", &wrong)).is_empty(), "said once");
    // One that moved the bolt was not refused, and one from long ago is not meant.
    for (state, pause) in [("UNLOCK", 100), ("LOCK", 31_000)] {
        bench.command(2);
        bench.pass(44);
        bench.state("LOCK", &json!({}));
        bench.pass(pause);
        bench.state(state, &json!({}));
        bench.pass(100);
        assert!(answers(&bench.state(state, &wrong)).is_empty(), "{state}");
        bench.state("LOCK", &json!({}));
    }
}

#[test]
fn a_refusal_is_told_for_what_it_is() {
    for (word, part) in [
        ("unlock_failure_invalid_pin_or_id", "code"),
        ("unlock_failure_invalid_schedule", "schedule"),
        ("lock_failure", "refused"),
    ] {
        let mut bench = Bench::at(true, "LOCK");
        bench.command(1);
        let answers = answers(&bench.state("LOCK", &json!({"action": word, "action_source_name": "rf"})));
        let [(_, Answer::Refused(Refused::Other(why)))] = &answers[..] else { panic!("{word}: {answers:?}") };
        assert!(why.contains(part) && why.contains("code") == (part == "code"), "{word}: {why}");
    }
}

#[test]
fn what_was_retained_is_remembered_its_action_too() {
    let mut bench = Bench::new();
    let signals = bench.say("UNLOCK", &json!({"action": "unlock", "action_source_name": "rf"}), true).signals;
    assert_eq!(words(&signals), [(UNLOCKED, How::Remembered)]);
}

#[test]
fn the_time_of_a_report_is_the_hubs_where_its_clock_is_good() {
    let mut bench = Bench::at(true, "LOCK");
    let Signal::Said(_, report) = &bench.state("UNLOCK", &json!({}))[0] else { panic!() };
    assert_eq!(report.occurred_at, Some(report.heard.wall));
    let far = json!({"last_seen": "2027-01-01T00:00:00.000Z"});
    let Signal::Said(_, report) = &bench.state("LOCK", &far)[0] else { panic!() };
    assert_eq!(report.occurred_at, None);
}

#[test]
fn odd_payloads_say_nothing() {
    let mut bench = Bench::at(true, "LOCK");
    for payload in ["", "null", "[]", "LOCK", "{", r#"{"state":null,"lock_state":null}"#, r#"{"state":{}}"#, "\u{0}"] {
        assert!(words(&bench.raw(NAME, payload, false)).is_empty(), "{payload}");
    }
    assert_eq!(words(&bench.state("UNLOCK", &json!({}))), [(UNLOCKED, How::Untagged)]);
}

// --- Reads --------------------------------------------------------------------------------------------------------

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

// --- Several bolts ------------------------------------------------------------------------------------------------

/// A device with a left and a right bolt.
fn twin() -> Value {
    let bolt = |endpoint: &str| {
        json!({"type": "lock", "endpoint": endpoint, "features": [
            {"name": "state", "property": format!("state_{endpoint}"), "access": 7, "value_on": "LOCK", "value_off": "UNLOCK"},
            {"name": "lock_state", "property": format!("lock_state_{endpoint}"), "access": 1}]})
    };
    json!({"ieee_address": TWIN, "friendly_name": "twin", "type": "EndDevice",
        "definition": {"vendor": "X", "exposes": [bolt("left"), bolt("right")]}})
}

const TWIN: &str = "0x00158d0000a00002";

fn left() -> NativeId {
    NativeId(format!("{TWIN}/left"))
}

fn right() -> NativeId {
    NativeId(format!("{TWIN}/right"))
}

/// A bench with a twin whose bolts are both known to be locked.
fn twins() -> Bench {
    let mut bench = Bench::new();
    bench.hub.apply(list(vec![yale(IEEE, NAME), twin()]), 100, bench.now, &mut Outbox::default());
    bench.hub.subscribed(bench.now, &mut Outbox::default());
    bench.hub.tell_reach(&mut Outbox::default());
    bench.hub.asked(&left(), ReadId(1), bench.now);
    bench.hub.asked(&right(), ReadId(2), bench.now);
    let signals = bench.twin("LOCK", "LOCK", &json!({}));
    assert_eq!(words_of(&left(), &signals), [(LOCKED, How::Read(ReadId(1)))], "one answer settles one read");
    assert_eq!(words_of(&right(), &signals), [(LOCKED, How::Remembered)]);
    bench.pass(30);
    let signals = bench.twin("LOCK", "LOCK", &json!({}));
    assert_eq!(words_of(&left(), &signals), [(LOCKED, How::Remembered)]);
    assert_eq!(words_of(&right(), &signals), [(LOCKED, How::Read(ReadId(2)))]);
    bench.pass(5000);
    bench
}

impl Bench {
    /// A live message of the twin.
    fn twin(&mut self, left: &str, right: &str, further: &Value) -> Vec<Signal> {
        let word = |state: &str| if state == "LOCK" { "locked" } else { "unlocked" };
        let mut message = json!({"state_left": left, "lock_state_left": word(left), "state_right": right,
            "lock_state_right": word(right), "last_seen": format!("{:.3}", self.now.wall)});
        for (key, value) in further.as_object().unwrap() {
            message[key] = value.clone();
        }
        self.raw("twin", &message.to_string(), false)
    }
}

fn words_of(lock: &NativeId, signals: &[Signal]) -> Vec<(Said, How)> {
    let own = signals.iter().filter(|signal| matches!(signal, Signal::Said(native, _) if native == lock));
    words(&own.cloned().collect::<Vec<_>>())
}

#[test]
fn what_one_bolt_does_is_nothing_that_the_other_says() {
    let mut bench = twins();
    bench.hub.commanded(&right(), attempt(1), bench.now);
    bench.hub.asked(&right(), ReadId(3), bench.now);
    // The left bolt is opened by hand and closed again.
    for to in ["UNLOCK", "LOCK"] {
        bench.pass(300);
        let signals = bench.twin(to, "LOCK", &json!({}));
        assert!(answers(&signals).is_empty(), "{signals:?}");
        assert_eq!(words_of(&right(), &signals), [(LOCKED, How::Remembered)]);
        assert!(matches!(words_of(&left(), &signals)[..], [(_, How::Untagged)]));
    }
}

#[test]
fn one_message_settles_one_request_of_a_device_the_oldest() {
    let mut bench = twins();
    bench.hub.asked(&right(), ReadId(3), bench.now);
    bench.hub.asked(&left(), ReadId(4), bench.now);
    bench.pass(30);
    let signals = bench.twin("LOCK", "LOCK", &json!({}));
    assert_eq!(words_of(&right(), &signals), [(LOCKED, How::Read(ReadId(3)))]);
    assert_eq!(words_of(&left(), &signals), [(LOCKED, How::Remembered)]);
    bench.pass(30);
    assert_eq!(words_of(&left(), &bench.twin("LOCK", "LOCK", &json!({}))), [(LOCKED, How::Read(ReadId(4)))]);
}

#[test]
fn an_acknowledgement_proves_nothing_while_the_other_bolt_has_a_request_open() {
    let mut bench = twins();
    let second = attempt(2);
    bench.hub.commanded(&left(), attempt(1), bench.now);
    bench.hub.commanded(&right(), second, bench.now);
    bench.pass(40);
    assert!(answers(&bench.twin("LOCK", "LOCK", &json!({}))).is_empty(), "whose is it?");
    bench.pass(40);
    assert_eq!(answers(&bench.twin("LOCK", "LOCK", &json!({}))), [(second, Answer::Accepted)]);
}

#[test]
fn the_first_message_of_a_device_with_several_bolts_is_no_bolts_word() {
    let mut bench = Bench::new();
    bench.hub.apply(list(vec![yale(IEEE, NAME), twin()]), 100, bench.now, &mut Outbox::default());
    let signals = bench.twin("UNLOCK", "LOCK", &json!({}));
    assert_eq!(words_of(&left(), &signals), [(UNLOCKED, How::Remembered)]);
    assert_eq!(words_of(&right(), &signals), [(LOCKED, How::Remembered)]);
    bench.pass(30);
    let signals = bench.twin("UNLOCK", "LOCK", &json!({}));
    assert_eq!(words_of(&left(), &signals), [(UNLOCKED, How::Read(OWN_READ))], "each was asked");
    bench.pass(30);
    let signals = bench.twin("UNLOCK", "UNLOCK", &json!({}));
    assert_eq!(words_of(&right(), &signals), [(UNLOCKED, How::Untagged)]);
}

#[test]
fn an_error_line_names_the_bolt_by_its_property() {
    let mut bench = twins();
    let second = attempt(2);
    bench.hub.commanded(&left(), attempt(1), bench.now);
    bench.hub.commanded(&right(), second, bench.now);
    let line = "z2m: Publish 'set' 'state_right' to 'twin' failed: 'Error: x'";
    assert_eq!(answers(&bench.complain(line)), [(second, Answer::NotAcknowledged)]);
}

// --- The hub ------------------------------------------------------------------------------------------------------

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

// --- The list -----------------------------------------------------------------------------------------------------

#[test]
fn a_rename_moves_the_topics_and_keeps_the_lock() {
    let mut bench = Bench::at(true, "LOCK");
    let mut out = Outbox::default();
    let vanished = bench.hub.apply(list(vec![yale(IEEE, "new name")]), 100, bench.now, &mut out);
    assert!(vanished.missing.is_empty() && vanished.left.is_empty());
    assert_eq!(out.unsubscribe, [format!("zigbee2mqtt/{NAME}"), format!("zigbee2mqtt/{NAME}/availability")]);
    assert_eq!(out.subscribe, ["zigbee2mqtt/new name", "zigbee2mqtt/new name/availability"]);
    assert!(out.signals.iter().any(
        |signal| matches!(signal, Signal::Discovered { about, .. } if about.native == lock() && about.name == "new name")
    ));
    assert!(bench.state("UNLOCK", &json!({})).is_empty(), "the old topic is nobody's");
    let seen = format!("{:.3}", bench.now.wall);
    let payload = json!({"lock_state": "unlocked", "state": "UNLOCK", "last_seen": seen}).to_string();
    assert_eq!(words(&bench.raw("new name", &payload, false)), [(UNLOCKED, How::Untagged)]);
}

#[test]
fn what_a_renamed_lock_said_before_it_was_heard_again_is_read_back() {
    let mut bench = Bench::at(true, "LOCK");
    let mut out = Outbox::default();
    bench.hub.apply(list(vec![yale(IEEE, "new name")]), 100, bench.now, &mut out);
    assert_eq!(words(&out.signals), [(Said::Unsure, How::Untagged)]);
    bench.hub.tell_reach(&mut out);
    assert!(!out.signals.iter().any(|signal| matches!(signal, Signal::Reach(..))), "it can still be commanded");
    assert!(out.requests.is_empty(), "the answer would be missed");
    bench.pass(200);
    bench.hub.subscribed(bench.now, &mut out);
    assert_eq!(out.requests, [(format!("zigbee2mqtt/{IEEE}/get"), r#"{"state":""}"#.to_owned())]);
    bench.hub.subscribed(bench.now, &mut out);
    assert_eq!(out.requests.len(), 1, "once");
    bench.pass(30);
    let answer = json!({"battery": 92, "lock_state": "unlocked", "state": "UNLOCK",
        "last_seen": format!("{:.3}", bench.now.wall)});
    assert_eq!(words(&bench.raw("new name", &answer.to_string(), false)), [(UNLOCKED, How::Read(OWN_READ))]);
}

#[test]
fn a_lock_that_gets_a_name_that_cannot_be_heard_is_out_of_reach() {
    for name in ["a+b", "c#", "bridge/x"] {
        let mut bench = Bench::at(true, "LOCK");
        let read = bench.ask(7);
        let mut out = Outbox::default();
        bench.hub.apply(list(vec![yale(IEEE, name)]), 100, bench.now, &mut out);
        assert_eq!(out.unsubscribe.len(), 2, "{name}");
        bench.hub.subscribed(bench.now, &mut out);
        bench.hub.tell_reach(&mut out);
        assert!(matches!(out.signals.last(), Some(Signal::Reach(_, Reachability::Unreachable))), "{name}");
        assert_eq!((failed_reads(&out.signals), out.requests.len()), (vec![read], 0), "{name}");
        let unavailable = NotWritten::Unavailable(Unavailable::DeviceDisconnected);
        assert_eq!(bench.hub.command(&lock(), Bolt::Locked), Err(unavailable.clone()));
        assert_eq!(bench.hub.read(&lock()), Err(unavailable));
        bench.hub.apply(list(vec![yale(IEEE, NAME)]), 100, bench.now, &mut out);
        bench.hub.subscribed(bench.now, &mut out);
        bench.hub.tell_reach(&mut out);
        assert!(matches!(out.signals.last(), Some(Signal::Reach(_, Reachability::Reachable))), "{name}");
    }
}

#[test]
fn a_device_whose_bolts_change_gives_up_its_reads_and_is_reached_anew() {
    let mut bench = Bench::at(true, "LOCK");
    let read = bench.ask(7);
    let mut changed = yale(IEEE, NAME);
    changed["definition"]["exposes"][0]["features"][0]["value_on"] = "SHUT".into();
    let mut out = Outbox::default();
    bench.hub.apply(list(vec![changed]), 100, bench.now, &mut out);
    assert_eq!(failed_reads(&out.signals), [read]);
    bench.hub.tell_reach(&mut out);
    let reaches = out.signals.iter().filter_map(|signal| match signal {
        Signal::Reach(_, reach) => Some(*reach),
        _ => None,
    });
    let reaches: Vec<_> = reaches.collect();
    assert_eq!(reaches, [Reachability::Unreachable, Reachability::Reachable], "so that the engine reads it");
}

#[test]
fn two_locks_may_swap_names() {
    let mut bench = Bench::new();
    let mut out = Outbox::default();
    bench.hub.apply(list(vec![yale("0x1", "a"), yale("0x2", "b")]), 100, bench.now, &mut out);
    bench.hub.apply(list(vec![yale("0x1", "b"), yale("0x2", "a")]), 100, bench.now, &mut out);
    let signals = bench.raw("a", r#"{"lock_state":"unlocked","state":"UNLOCK"}"#, false);
    assert!(matches!(&signals[..], [Signal::Said(native, _)] if native.as_str() == "0x2"));
}

#[test]
fn names_that_cannot_be_topics_break_nothing() {
    let mut bench = Bench::new();
    let mut out = Outbox::default();
    let entries = vec![yale("0x1", "a+b"), yale("0x2", "c#"), yale("0x3", "bridge/state"), yale("0x4", "fine")];
    bench.hub.apply(list(entries), 100, bench.now, &mut out);
    assert_eq!(out.subscribe, ["zigbee2mqtt/fine", "zigbee2mqtt/fine/availability"]);
    bench.hub.subscribed(bench.now, &mut out);
    out.signals.clear();
    bench.hub.tell_reach(&mut out);
    let reachable = out.signals.iter().filter(|signal| matches!(signal, Signal::Reach(_, Reachability::Reachable)));
    assert_eq!((out.signals.len(), reachable.count()), (4, 1), "known, but not within reach");
}

#[test]
fn lists_that_prove_nothing_remove_nothing() {
    let mut bench = Bench::new();
    for entries in [Vec::new(), vec![json!("broken"), yale("0x2", "other")]] {
        let vanished = bench.hub.apply(list(entries), 100, bench.now, &mut Outbox::default());
        assert!(vanished.missing.is_empty() && vanished.left.is_empty());
        assert!(bench.hub.has(&lock()));
    }
    let vanished = bench.hub.apply(list(vec![yale("0x2", "other")]), 100, bench.now, &mut Outbox::default());
    assert_eq!(vanished.missing, [lock()]);
}

#[test]
fn a_lock_that_left_is_gone_with_the_next_list_even_if_it_was_the_last() {
    let mut bench = Bench::new();
    let leave = json!({"type": "device_leave", "data": {"friendly_name": NAME, "ieee_address": IEEE}}).to_string();
    bench.raw("bridge/event", &leave, false);
    assert!(bench.hub.has(&lock()));
    let vanished = bench.hub.apply(list(Vec::new()), 100, bench.now, &mut Outbox::default());
    assert_eq!(vanished.left, [lock()]);
}

#[test]
fn a_lock_that_left_and_joined_again_stays() {
    let mut bench = Bench::new();
    let event = |kind: &str| json!({"type": kind, "data": {"ieee_address": IEEE}}).to_string();
    bench.raw("bridge/event", &event("device_leave"), false);
    bench.raw("bridge/event", &event("device_joined"), false);
    let vanished = bench.hub.apply(list(Vec::new()), 100, bench.now, &mut Outbox::default());
    assert!(vanished.left.is_empty() && vanished.missing.is_empty());
}

#[test]
fn a_lost_list_is_asked_for_with_the_address_of_a_known_lock() {
    let now = Bench::new().now;
    let mut bench = Bench { hub: Hub::new("zigbee2mqtt", vec![IEEE.to_owned()]), now, seen: true };
    bench.raw("bridge/state", r#"{"state":"online"}"#, true);
    assert!(bench.hub.lacks_list());
    bench.pass(1500);
    let mut out = Outbox::default();
    bench.hub.tick(bench.now, &mut out);
    let (topic, payload) = &out.requests[0];
    assert_eq!(topic, "zigbee2mqtt/bridge/request/device/options");
    let payload: Value = serde_json::from_str(payload).unwrap();
    assert_eq!((&payload["id"], &payload["options"]), (&json!(IEEE), &json!({})));
    for _ in 0..24 * 60 {
        bench.pass(60_000);
        bench.hub.tick(bench.now, &mut out);
    }
    assert!((90..120).contains(&out.requests.len()), "seldom, but for ever: {}", out.requests.len());
    bench.hub.apply(list(vec![yale(IEEE, NAME)]), 100, bench.now, &mut out);
    assert_eq!(bench.hub.wake_at(), None);
}

#[test]
fn a_hub_that_does_not_know_an_address_is_asked_with_the_next_one_at_once() {
    let addresses = ["0x1", "0x2", "0x3"];
    let hub = Hub::new("zigbee2mqtt", addresses.map(str::to_owned).to_vec());
    let mut bench = Bench { hub, now: Bench::new().now, seen: true };
    bench.raw("bridge/state", r#"{"state":"online"}"#, true);
    for pause in [1500, 1000, 2000, 4000] {
        bench.pass(pause - 1);
        let mut out = Outbox::default();
        bench.hub.tick(bench.now, &mut out);
        assert!(out.requests.is_empty(), "a pause of {pause} ms");
        bench.pass(1);
        bench.hub.tick(bench.now, &mut out);
        for address in addresses {
            let request: Value = serde_json::from_str(&out.requests[0].1).unwrap();
            assert_eq!((out.requests.len(), &request["id"]), (1, &json!(address)));
            let response = |transaction: &Value, status: &str| {
                json!({"data": {}, "error": format!("Device '{address}' does not exist"), "status": status,
                    "transaction": transaction})
                .to_string()
            };
            for other in [response(&json!("else's"), "error"), response(&Value::Null, "error"), "[]".to_owned()] {
                assert!(bench.respond(&other).is_empty(), "{other}");
            }
            assert!(bench.respond(&response(&request["transaction"], "ok")).is_empty());
            out.requests = bench.respond(&response(&request["transaction"], "error"));
        }
        assert!(out.requests.is_empty(), "each was tried");
    }
}

impl Bench {
    fn respond(&mut self, response: &str) -> Vec<(String, String)> {
        let mut out = Outbox::default();
        let (rest, payload) = ("bridge/response/device/options", response.as_bytes());
        self.hub.hear(&Incoming { rest, payload, retained: false, at: self.now }, &mut out);
        out.requests
    }
}

#[test]
fn locks_beyond_the_limit_are_left_out() {
    let mut bench = Bench::new();
    let mut out = Outbox::default();
    bench.hub.apply(list(vec![yale(IEEE, NAME), yale("0x2", "b"), yale("0x3", "c")]), 1, bench.now, &mut out);
    assert_eq!(bench.hub.count(), 2);
}
