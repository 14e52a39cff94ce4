//! Devices with several bolts.

use super::*;

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
    let own = signals.iter().filter(|signal| matches!(signal, Signal::Said(native, ..) if native == lock));
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
