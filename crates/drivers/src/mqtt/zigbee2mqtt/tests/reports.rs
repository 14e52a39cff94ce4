//! What a lock reports.

use super::*;

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
    let Signal::Said(_, report, _) = &bench.state("UNLOCK", &json!({}))[0] else { panic!() };
    assert_eq!(report.occurred_at, Some(report.heard.wall));
    let far = json!({"last_seen": "2027-01-01T00:00:00.000Z"});
    let Signal::Said(_, report, _) = &bench.state("LOCK", &far)[0] else { panic!() };
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
