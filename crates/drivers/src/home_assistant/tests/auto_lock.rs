//! When Z-Wave locks lock themselves, as messages.

use serde_json::{Value, json};
use thumbturn_core::commands::{AutoLock, Command};
use thumbturn_core::ports::{Answer, NotWritten, Refused, Signal};

use super::{Stage, at};
use crate::home_assistant::Outbox;
use crate::home_assistant::call::{Call, ParameterCall};
use crate::websocket::{Ask as _, Hub as _};

/// As a Home Assistant 2024.3.3 lists parameters: of a Yale YRD226, and of a Kwikset SmartCode 888.
fn yale() -> Value {
    json!({
        "2-112-0-2": {"property": 2, "property_key": null, "endpoint": 0, "configuration_value_type": "enumerated",
            "metadata": {"description": null, "label": "Auto Relock", "type": "number", "min": 0, "max": 255, "unit": null,
                "writeable": true, "readable": true, "states": {"0": "Disable", "255": "Enable"}}, "value": 255},
        "2-112-0-3": {"property": 3, "property_key": null, "endpoint": 0, "configuration_value_type": "manual_entry",
            "metadata": {"description": null, "label": "Auto Relock Time", "type": "number", "min": 0, "max": 180,
                "unit": "seconds", "writeable": true, "readable": true}, "value": 30},
    })
}

fn kwikset() -> Value {
    json!({
        "2-112-0-36-1": {"property": 36, "property_key": 1, "endpoint": 0, "configuration_value_type": "enumerated",
            "metadata": {"label": "Auto Relock Door", "min": 0, "max": 1, "unit": null, "writeable": true,
                "states": {"0": "Disable", "1": "Enable"}}, "value": 0},
        "2-112-0-36-65280": {"property": 36, "property_key": 65280, "endpoint": 0,
            "configuration_value_type": "enumerated", "metadata": {"label": "Auto Relock Timing", "min": 30, "max": 120,
                "unit": null, "writeable": true, "states": {"30": "30 seconds", "60": "60 seconds"}}, "value": 30},
    })
}

fn done() -> Value {
    json!({"success": true, "result": null})
}

fn reported(number: u32, value: u32) -> Value {
    let trigger = json!({"platform": "zwave_js.value_updated", "device_id": "d1", "node_id": 2, "command_class": 112,
                         "property": number, "endpoint": 0, "property_key": null, "previous_value_raw": 0,
                         "current_value": "Enable", "current_value_raw": value});
    json!({"variables": {"trigger": trigger}, "context": null})
}

fn is_list(call: &Call) -> bool {
    matches!(call, Call::Parameters(_, ParameterCall::List(device)) if device == "d1")
}

fn is_listen(call: &Call) -> bool {
    matches!(call, Call::Parameters(_, ParameterCall::Listen(..)))
}

fn is_get(call: &Call) -> bool {
    matches!(call, Call::Parameters(_, ParameterCall::Get(..)))
}

/// A lock with these parameters, of an account whose user is an administrator.
fn stage(parameters: &Value) -> (Stage, Outbox) {
    let mut stage = Stage::with("zwave_js", "locked");
    stage.answer(|call| *call == Call::User, json!({"success": true, "result": {"is_admin": true}}));
    let out = stage.answer(is_list, json!({"success": true, "result": parameters}));
    if stage.open.iter().flatten().any(is_listen) {
        stage.answer(is_listen, done());
    }
    (stage, out)
}

fn offers(out: &Outbox) -> Option<bool> {
    out.signals.iter().rev().find_map(|signal| match signal {
        Signal::Discovered { about, .. } => Some(about.can_configure_auto_lock),
        _ => None,
    })
}

fn told(out: &Outbox) -> Vec<AutoLock> {
    let told = out.signals.iter().filter_map(|signal| match signal {
        Signal::AutoLock(_, told) => Some(*told),
        _ => None,
    });
    told.collect()
}

fn answers(out: &Outbox) -> Vec<Answer> {
    let answers = out.signals.iter().filter_map(|signal| match signal {
        Signal::Answered(_, _, answer, ..) => Some(answer.clone()),
        _ => None,
    });
    answers.collect()
}

/// A lock that was told to lock itself after 45 s, as far as Home Assistant says, and is asked about it.
fn asked() -> Stage {
    let (mut stage, _) = stage(&yale());
    let set = stage.order(Command::AutoLock(AutoLock::After(45))).unwrap();
    stage.open.push(Some(set.clone()));
    assert_eq!(answers(&stage.answer(|call| *call == set, done())), [], "that proves nothing");
    // Somebody may have set it in Home Assistant, which tells what it wants as if the lock had.
    assert_eq!(answers(&stage.event(reported(3, 45))), []);
    stage.answer(is_listen, done());
    let gets = stage.open.iter().flatten().filter(|call| is_get(call)).count();
    assert_eq!(gets, 2);
    stage
}

#[test]
fn the_rules_are_those_of_zwave_js() {
    let (stage_, out) = stage(&yale());
    assert_eq!((offers(&out), told(&out)), (Some(true), vec![AutoLock::After(30)]));
    let message = |call: &Call| serde_json::from_str::<Value>(&call.message(1)).unwrap();
    let set = message(&stage_.order(Command::AutoLock(AutoLock::After(45))).unwrap());
    let data = json!({"command_class": 112, "endpoint": 0, "method_name": "setBulk",
                      "parameters": [[{"parameter": 3, "value": 45}, {"parameter": 2, "value": 255}]]});
    assert_eq!((&set["service"], &set["service_data"]), (&json!("invoke_cc_api"), &data));
    let too_long = stage_.order(Command::AutoLock(AutoLock::After(181)));
    assert!(matches!(too_long, Err(NotWritten::Rejected(why)) if why.contains("1 to 180")));

    let (stage_, out) = stage(&kwikset());
    assert_eq!((offers(&out), told(&out)), (Some(true), vec![AutoLock::Off]));
    let set = message(&stage_.order(Command::AutoLock(AutoLock::After(60))).unwrap());
    let both = json!([[{"parameter": 36, "bitMask": 65280, "value": 60}, {"parameter": 36, "bitMask": 1, "value": 1}]]);
    assert_eq!(set["service_data"]["parameters"], both);
    let between = stage_.order(Command::AutoLock(AutoLock::After(45)));
    assert!(matches!(between, Err(NotWritten::Rejected(why)) if why.contains("30, 60")));

    for unclear in [json!({}), json!({"x": 7}), json!({"2-112-0-2": yale()["2-112-0-2"]})] {
        let (stage_, out) = stage(&unclear);
        assert_eq!(offers(&out), None, "{unclear}");
        assert!(matches!(stage_.order(Command::AutoLock(AutoLock::Off)), Err(NotWritten::Rejected(_))), "{unclear}");
    }
}

#[test]
fn only_what_the_lock_reports_when_it_is_asked_ends_an_attempt() {
    let mut stage = asked();
    assert_eq!(answers(&stage.event(reported(3, 45))), []);
    let out = stage.event(reported(2, 255));
    assert_eq!((answers(&out), told(&out)), (vec![Answer::Accepted], vec![AutoLock::After(45)]));

    let mut stage = asked();
    stage.event(reported(2, 255));
    let out = stage.event(reported(3, 30));
    assert!(matches!(&answers(&out)[..], [Answer::Refused(Refused::Other(why))] if why.contains("kept its old")));
    assert_eq!(told(&out), [AutoLock::After(30)]);
}

#[test]
fn a_lock_that_does_not_report_is_asked_once_more_and_then_unknown() {
    let mut stage = asked();
    for times in 1..=2 {
        stage.answer(is_get, done());
        assert_eq!(stage.home.wake_at(at(stage.now)), None, "one question is open");
        stage.answer(is_get, done());
        assert_eq!(answers(&stage.until(stage.now + 0.4)), [], "{times}");
        let out = stage.until(stage.now + 0.2);
        let expected = if times == 1 { vec![] } else { vec![Answer::NotAcknowledged] };
        assert_eq!((answers(&out), told(&out)), (expected, vec![]), "{times}");
    }
    // What comes later is told, and ends nothing.
    stage.event(reported(2, 255));
    let out = stage.event(reported(3, 45));
    assert_eq!((answers(&out), told(&out)), (vec![], vec![AutoLock::After(45)]));
}

#[test]
fn what_home_assistant_says_of_the_call_ends_it_as_for_a_bolt() {
    for (error, is_refusal) in [("unauthorized", true), ("invalid_format", true), ("home_assistant_error", false)] {
        let (mut stage, _) = stage(&yale());
        let set = stage.order(Command::AutoLock(AutoLock::Off)).unwrap();
        stage.open.push(Some(set.clone()));
        let out = stage.answer(|call| *call == set, json!({"success": false, "error": {"code": error}}));
        let answers = answers(&out);
        let fits = matches!(&answers[..], [Answer::Refused(_)]) == is_refusal;
        assert!(fits && answers.len() == 1, "{error}: {answers:?}");
    }
    // It tells nothing of what the lock reports.
    let (mut stage, _) = stage(&yale());
    let set = stage.order(Command::AutoLock(AutoLock::Off)).unwrap();
    stage.open.push(Some(set.clone()));
    stage.answer(|call| *call == set, done());
    let out = stage.answer(is_listen, json!({"success": false, "error": {"code": "unknown_error"}}));
    assert_eq!(answers(&out), [Answer::NotAcknowledged]);
}

#[test]
fn an_ordinary_user_and_other_integrations_are_asked_nothing() {
    for (platform, is_admin) in [("zwave_js", false), ("mqtt", true)] {
        let mut stage = Stage::with(platform, "locked");
        stage.answer(|call| *call == Call::User, json!({"success": true, "result": {"is_admin": is_admin}}));
        assert!(!stage.open.iter().flatten().any(is_list), "{platform}");
        assert!(matches!(stage.order(Command::AutoLock(AutoLock::Off)), Err(NotWritten::Rejected(_))), "{platform}");
    }
}

#[test]
fn a_lock_that_comes_back_is_asked_for_its_parameters_anew() {
    let (mut stage, _) = stage(&yale());
    stage.event(json!({"c": {"lock.front": {"+": {"s": "unavailable"}}}}));
    stage.event(json!({"c": {"lock.front": {"+": {"s": "locked"}}}}));
    let out = stage.answer(is_list, json!({"success": true, "result": {}}));
    assert_eq!(offers(&out), Some(false));
}
