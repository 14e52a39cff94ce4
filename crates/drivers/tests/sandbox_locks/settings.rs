//! Settings: what is accepted, what is refused, and what the driver makes of it.

use std::time::Duration;

use thumbturn_core::locks::Bolt;
use thumbturn_core::pins::Pin;
use thumbturn_drivers::sandbox::{
    Act, Config, FaultsPatch, Patch, Profile, Times, UnknownAct, Word, fixture, fixtures, parse_config,
};

use crate::bench::{Bench, moment};

#[test]
fn a_config_may_leave_everything_out() {
    assert_eq!(parse_config("{}"), Ok(Config { locks: 5, latency_ms: 20, jitter_ms: 0, seed: 1 }));
    let full = r#"{"locks": 10000, "latency_ms": 0, "jitter_ms": 7, "seed": 18446744073709551615}"#;
    assert_eq!(parse_config(full), Ok(Config { locks: 10_000, latency_ms: 0, jitter_ms: 7, seed: u64::MAX }));
}

#[test]
fn a_bad_config_names_the_field() {
    for (text, field) in [
        ("", "config"),
        ("[]", "config"),
        (r#"{"locks": 0}"#, "locks"),
        (r#"{"locks": 10001}"#, "locks"),
        (r#"{"locks": "5"}"#, "locks"),
        (r#"{"latency_ms": -1}"#, "latency_ms"),
        (r#"{"latency_ms": 600001}"#, "latency_ms"),
        (r#"{"jitter_ms": 1.5}"#, "jitter_ms"),
        (r#"{"seed": null}"#, "seed"),
        (r#"{"lock": 5}"#, "lock"),
    ] {
        assert_eq!(parse_config(text).unwrap_err().field, field, "{text}");
    }
}

#[test]
fn out_of_range_settings_change_nothing() {
    let mut bench = Bench::new(20);
    let before = bench.physical();
    for (patch, field) in [
        (Patch { latency_ms: Some(600_001), ..Patch::default() }, "latency_ms"),
        (Patch { jitter_ms: Some(600_001), ..Patch::default() }, "jitter_ms"),
        (Patch { battery_level: Some(1.1), ..Patch::default() }, "battery_level"),
        (Patch { battery_level: Some(f64::NAN), ..Patch::default() }, "battery_level"),
        (Patch { relock_after_s: Some(86_401), ..Patch::default() }, "relock_after_s"),
        (
            Patch {
                faults: FaultsPatch { repeat_after_ms: Some(600_001), ..FaultsPatch::default() },
                latency_ms: Some(1),
                ..Patch::default()
            },
            "faults.repeat_after_ms",
        ),
    ] {
        assert_eq!(bench.hub.set(moment(0), 0, &patch).unwrap_err().field, field);
    }
    assert_eq!(bench.physical(), before);
    assert_eq!(bench.hub.set(moment(0), 99, &Patch::default()), Ok(false));
}

#[test]
fn a_new_latency_is_a_new_description() {
    let mut bench = Bench::new(20);
    let settle = |bench: &Bench| bench.hub.traits(0).unwrap().settle;
    assert_eq!(settle(&bench), Duration::from_millis(1_020));
    bench.set(Patch { latency_ms: Some(2_000), jitter_ms: Some(500), ..Patch::default() });
    assert_eq!(bench.at(0), [(0, Word::Described)]);
    assert_eq!(settle(&bench), Duration::from_millis(3_500));
    bench.set(Patch { latency_ms: Some(2_000), ..Patch::default() });
    assert_eq!(bench.at(0), []);
}

#[test]
fn a_battery_level_is_told() {
    let mut bench = Bench::new(20);
    bench.set(Patch { battery_level: Some(0.2), ..Patch::default() });
    assert_eq!(bench.at(0), [(0, Word::Battery(0.2))]);
}

#[test]
fn profiles_replace_faults_and_the_rest_of_the_patch_comes_on_top() {
    let mut bench = Bench::new(20);
    bench.set(Patch { faults: FaultsPatch { jam: Some(Times::Always), ..FaultsPatch::default() }, ..Patch::default() });
    bench.set(Patch { profile: Some(Profile::Liar), latency_ms: Some(7), ..Patch::default() });
    let settings = bench.physical().settings;
    assert_eq!((settings.faults.jam, settings.faults.lie, settings.latency_ms), (Times::Off, Times::Always, 7));
    bench.set(Patch { profile: Some(Profile::Perfect), ..Patch::default() });
    let settings = bench.physical().settings;
    assert_eq!((settings.faults.lie, settings.latency_ms), (Times::Off, 0));
    assert_eq!(settings.profile, Some(Profile::Perfect));
}

#[test]
fn words_of_profiles_acts_and_counts() {
    for profile in Profile::ALL {
        assert_eq!(Profile::from_word(profile.as_str()), Ok(profile));
    }
    assert_eq!(Profile::from_word("slow motor"), Ok(Profile::SlowMotor));
    assert!(Profile::from_word("fast").is_err());
    assert_eq!(Act::from_words("turn_lock", None), Ok(Act::Turn(Bolt::Locked)));
    assert_eq!(Act::from_words("keypad", None), Err(UnknownAct::Code));
    assert_eq!(Act::from_words("keypad", Some("12a4")), Err(UnknownAct::Code));
    assert_eq!(Act::from_words("kick", None), Err(UnknownAct::Action));
    assert_eq!([Times::from(0), Times::from(3)], [Times::Off, Times::Next(3)]);
    assert_eq!([Times::from(false), Times::from(true)], [Times::Off, Times::Always]);
}

#[test]
fn no_pin_is_shown_by_accident() {
    let bench = Bench::new(20);
    assert!(!format!("{:?}", bench.physical()).contains("1234"));
    assert!(!format!("{:?}", Act::Keypad(Pin::new("987654").unwrap())).contains("987654"));
}

#[test]
fn five_locks_have_names_and_more_are_numbered() {
    let names: Vec<String> = fixtures().into_iter().map(|fixture| fixture.name).collect();
    assert_eq!(names, ["Front Door", "Back Door", "Garage", "Side Gate", "Office"]);
    assert_eq!(fixture(0).native.as_str(), "front_door");
    assert_eq!((fixture(5).native.as_str(), fixture(5).name.as_str()), ("lock-006", "Lock 006"));
    assert_eq!(fixture(5).device_type, "august_lock");
    assert_eq!(fixture(9_999).native.as_str(), "lock-10000");
    assert!(!fixtures()[4].has_keypad);
}
