//! Virtual locks that misbehave: each fault comes out as what it is, and the API never says more than is known.

use serde_json::{Value, json};

use crate::app::{SANDBOX, TestApp, eventually};
use crate::ask::redacted;

const FAST_END: [(&str, &str); 1] = [("THUMBTURN_ACTIONS__DEADLINE_MS", "2000")];

fn error(attempt: &Value) -> &str {
    assert_eq!(attempt["status"], "error", "{attempt:#}");
    assert_eq!(attempt["result"], Value::Null);
    assert!(attempt["error"]["message"].is_string());
    attempt["error"]["type"].as_str().unwrap()
}

fn confirmed(attempt: &Value) -> bool {
    assert_eq!(attempt["status"], "success", "{attempt:#}");
    assert_eq!(attempt["error"], Value::Null);
    attempt["result"]["was_confirmed_by_device"].as_bool().unwrap()
}

async fn kinds(app: &TestApp, index: usize) -> Vec<String> {
    let events = app.events(index).await;
    events.iter().map(|event| event["event_type"].as_str().unwrap().to_owned()).collect()
}

async fn moves(app: &TestApp, index: usize) -> Vec<Value> {
    let events = app.events(index).await.into_iter();
    events.filter(|event| event["event_type"].as_str().unwrap().starts_with("lock.")).collect()
}

#[tokio::test]
async fn each_fault_ends_the_attempt_as_what_it_is() {
    let app = TestApp::start().await;
    for (index, fault, expected, bolt) in [
        (0, "jam", "lock_jammed", "jammed"),
        (1, "obstruct", "bolt_obstructed", "locked"),
        (2, "ignore", "no_movement", "locked"),
        (3, "lie", "no_movement", "locked"),
        (4, "refuse", "command_rejected", "locked"),
    ] {
        app.set(index, json!({"faults": {fault: 1}})).await;
        let attempt = app.unlock(index).await;
        assert_eq!(error(&attempt), expected, "{fault}");
        let truth = app.physical(index).await;
        assert_eq!((&truth["bolt"], &truth["moves"]), (&json!(bolt), &json!(0)), "{fault}");
        assert_eq!(moves(&app, index).await, Vec::<Value>::new(), "{fault}: no bolt moved, so nothing is told");
        let failed = kinds(&app, index).await;
        assert_eq!(failed.iter().filter(|kind| *kind == "action_attempt.unlock_door.failed").count(), 1);
        let device = app.device(index).await;
        if fault == "jam" {
            assert_eq!(device["properties"].get("locked"), None);
            assert_eq!(device["warnings"][0]["warning_code"], "provider_issue");
        } else {
            assert_eq!(device["properties"]["locked"], true, "{fault}");
            assert_eq!(device["warnings"], json!([]));
        }
        assert!(confirmed(&app.unlock(index).await), "the fault was for one command");
        let device = app.device(index).await;
        assert_eq!((&device["properties"]["locked"], &device["warnings"]), (&json!(false), &json!([])));
        assert_eq!(moves(&app, index).await.len(), 1);
    }
}

#[tokio::test]
async fn a_lock_in_privacy_mode_says_why_it_refuses() {
    let app = TestApp::start().await;
    app.set(0, json!({"faults": {"privacy": true}})).await;
    for _ in 0..2 {
        assert_eq!(error(&app.unlock(0).await), "privacy_mode");
    }
    let truth = app.physical(0).await;
    assert_eq!((&truth["bolt"], &truth["moves"], &truth["commands"]), (&json!("locked"), &json!(0), &json!(2)));
    app.set(0, json!({"faults": {"privacy": false}})).await;
    assert!(confirmed(&app.unlock(0).await));
}

#[tokio::test]
async fn a_lock_that_does_not_report_is_read() {
    let app = TestApp::start().await;
    for fault in [json!({"mute": true}), json!({"stale": 1}), json!({"repeat_after_ms": 30})] {
        let index = 0;
        app.set(index, json!({"faults": {"mute": false, "stale": 0, "repeat_after_ms": 0}})).await;
        let locked = app.attempt("/locks/lock_door", app.own.device()).await;
        assert!(confirmed(&locked));
        let before = moves(&app, index).await.len();
        app.set(index, json!({"faults": fault})).await;
        assert!(confirmed(&app.unlock(index).await), "{fault}");
        assert_eq!(app.device(index).await["properties"]["locked"], false);
        assert_eq!(moves(&app, index).await.len(), before + 1, "{fault}");
    }
}

#[tokio::test]
async fn a_lock_that_falls_silent_leaves_the_outcome_unknown() {
    let app = TestApp::with(SANDBOX, &FAST_END).await;
    app.set(0, json!({"faults": {"offline": 1}})).await;
    let attempt = app.unlock(0).await;
    assert_eq!(error(&attempt), "outcome_unknown");
    let truth = app.physical(0).await;
    assert_eq!((&truth["bolt"], &truth["commands"]), (&json!("unlocked"), &json!(1)), "the bolt did move");
    assert_eq!(moves(&app, 0).await, Vec::<Value>::new());
    app.act(0, json!({"action": "power_on"})).await;
    let told = eventually("what was heard later is told", async || moves(&app, 0).await.pop()).await;
    assert_eq!(told["event_type"], "lock.unlocked");
    assert_eq!(app.device(0).await["properties"]["locked"], false);
    let again = app.post("/action_attempts/get", json!({"action_attempt_id": attempt["action_attempt_id"]})).await;
    assert_eq!(again.field("action_attempt"), attempt, "an end is final");
    assert!(confirmed(&app.unlock(1).await), "its neighbours do not care");
}

#[tokio::test]
async fn a_dead_lock_is_known_to_be_dead() {
    let app = TestApp::start().await;
    app.act(0, json!({"action": "power_off"})).await;
    let device = eventually("the lock goes offline", async || {
        let device = app.device(0).await;
        (device["properties"]["online"] == false).then_some(device)
    })
    .await;
    assert_eq!(device["properties"].get("locked"), None);
    assert_eq!(device["properties"].get("battery"), None);
    assert_eq!((&device["can_remotely_unlock"], &device["can_remotely_lock"]), (&json!(false), &json!(false)));
    let expected = json!([{
        "error_code": "device_disconnected",
        "message": "The lock cannot be reached.",
        "is_device_error": true,
        "created_at": "[time]",
    }]);
    assert_eq!(crate::ask::redacted(&device["errors"]), expected);
    let started = tokio::time::Instant::now();
    let attempt = app.unlock(0).await;
    assert_eq!(error(&attempt), "device_disconnected");
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    assert_eq!(app.physical(0).await["commands"], 0);

    app.act(0, json!({"action": "power_on"})).await;
    eventually("the lock comes back", async || {
        let device = app.device(0).await;
        (device["properties"]["online"] == true && device["properties"]["locked"] == true).then_some(())
    })
    .await;
    assert!(confirmed(&app.unlock(0).await));
    let kinds = kinds(&app, 0).await;
    for kind in ["device.disconnected", "device.connected"] {
        let after_start = kinds.iter().rposition(|one| one == "device.disconnected").unwrap();
        let found = kinds[after_start..].iter().filter(|one| *one == kind).count();
        assert_eq!(found, 1, "{kind}: {kinds:?}");
    }
    let disconnected = app.events(0).await;
    let disconnected = disconnected.iter().find(|event| event["event_type"] == "device.disconnected").unwrap();
    assert_eq!(disconnected["error_code"], "device_disconnected");
    for list in ["connected_account_errors", "connected_account_warnings", "device_errors", "device_warnings"] {
        assert!(disconnected[list].is_array(), "{list}");
    }
}

#[tokio::test]
async fn a_lock_that_loses_power_while_it_moves_confirms_nothing() {
    let app = TestApp::with(SANDBOX, &FAST_END).await;
    app.set(0, json!({"latency_ms": 1_000})).await;
    let call = app.unlock(0);
    let pull = async {
        eventually("the motor runs", async || (app.physical(0).await["motor"] == "moving").then_some(())).await;
        app.act(0, json!({"action": "power_off"})).await;
    };
    let (attempt, ()) = tokio::join!(call, pull);
    let ended = app.decided(&attempt).await;
    assert!(["outcome_unknown", "device_disconnected"].contains(&error(&ended)), "{ended:#}");
    assert_eq!(moves(&app, 0).await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_happens_at_the_door_is_told_with_its_method() {
    let app = TestApp::start().await;
    let steps = [
        (json!({"action": "turn_unlock"}), "lock.unlocked", "manual"),
        (json!({"action": "turn_lock"}), "lock.locked", "manual"),
        (json!({"action": "keypad", "code": "1234"}), "lock.unlocked", "keycode"),
    ];
    for (count, (act, kind, method)) in steps.into_iter().enumerate() {
        app.act(0, act).await;
        let told = eventually("the movement is told", async || {
            let moves = moves(&app, 0).await;
            (moves.len() == count + 1).then_some(moves)
        })
        .await;
        let last = told.last().unwrap();
        assert_eq!((&last["event_type"], &last["method"]), (&json!(kind), &json!(method)));
        assert_eq!(last.get("action_attempt_id"), None);
        assert!(!redacted(last).to_string().contains("1234"), "a PIN was told");
        assert_eq!(app.device(0).await["properties"]["locked"], kind == "lock.locked");
    }
    app.act(0, json!({"action": "keypad", "code": "9999"})).await;
    let denied = eventually("the wrong code is told", async || {
        app.events(0).await.into_iter().find(|event| event["event_type"] == "lock.access_denied")
    })
    .await;
    assert_eq!(denied["reason"]["reason_code"], "unknown_code");
    assert!(denied["reason"]["message"].is_string());
    assert!(!redacted(&denied).to_string().contains("9999"));
    let truth = app.physical(0).await;
    assert_eq!((&truth["moves"], &truth["commands"]), (&json!(3), &json!(0)));
}

#[tokio::test]
async fn a_lock_that_locks_itself_says_so() {
    let app = TestApp::start().await;
    app.set(0, json!({"relock_after_s": 1})).await;
    assert!(confirmed(&app.unlock(0).await));
    let told = eventually("the lock locks itself", async || {
        let moves = moves(&app, 0).await;
        (moves.len() == 2).then_some(moves)
    })
    .await;
    assert_eq!((&told[0]["event_type"], &told[0]["method"]), (&json!("lock.unlocked"), &json!("remote")));
    assert_eq!((&told[1]["event_type"], &told[1]["method"]), (&json!("lock.locked"), &json!("automatic")));
    assert_eq!(told[1].get("action_attempt_id"), None);
    assert_eq!(app.physical(0).await["moves"], 2);
    assert_eq!(app.device(0).await["properties"]["locked"], true);
}

#[tokio::test]
async fn a_hand_in_the_middle_of_a_command_is_not_taken_for_its_success() {
    let app = TestApp::with(SANDBOX, &FAST_END).await;
    app.set(0, json!({"faults": {"ignore": 1}, "latency_ms": 200})).await;
    let call = app.unlock(0);
    let hand = async {
        eventually("the command is there", async || (app.physical(0).await["commands"] == 1).then_some(())).await;
        app.act(0, json!({"action": "turn_unlock"})).await;
    };
    let (attempt, ()) = tokio::join!(call, hand);
    let ended = app.decided(&attempt).await;
    let told = moves(&app, 0).await;
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!((&told[0]["method"], told[0].get("action_attempt_id")), (&json!("manual"), None));
    // The lock is where it should be, which may be said; that the command did it may not.
    assert!(ended["status"] != "success" || !confirmed(&ended), "{ended:#}");
    assert_eq!(app.physical(0).await["moves"], 1);
}

#[tokio::test]
async fn a_low_battery_is_told_once() {
    let app = TestApp::start().await;
    app.set(0, json!({"battery_level": 0.2})).await;
    eventually("the battery is told", async || {
        let battery = &app.device(0).await["properties"]["battery"];
        (*battery == json!({"level": 0.2, "status": "low"})).then_some(())
    })
    .await;
    app.set(0, json!({"battery_level": 0.19})).await;
    eventually("the battery is told again", async || {
        (app.device(0).await["properties"]["battery_level"] == 0.19).then_some(())
    })
    .await;
    let kinds = kinds(&app, 0).await;
    let count = |kind: &str| kinds.iter().filter(|one| *one == kind).count();
    assert_eq!(count("device.low_battery"), 1, "{kinds:?}");
    assert_eq!(count("device.battery_status_changed"), 1, "{kinds:?}");
    let low = app.post("/events/get", json!({"event_type": "device.low_battery"})).await.field("event");
    assert_eq!((&low["battery_level"], &low["battery_source"]), (&json!(0.2), &json!("lock")));
}

#[tokio::test]
async fn every_movement_is_told_exactly_once() {
    let app = TestApp::start().await;
    app.set(0, json!({"latency_ms": 5, "faults": {"repeat_after_ms": 20}})).await;
    for path in ["/locks/unlock_door", "/locks/lock_door"].repeat(10) {
        assert!(confirmed(&app.attempt(path, app.own.device()).await));
    }
    for action in ["turn_unlock", "turn_lock"].repeat(5) {
        let before = moves(&app, 0).await.len();
        app.act(0, json!({"action": action})).await;
        eventually("the turn is told", async || (moves(&app, 0).await.len() > before).then_some(())).await;
    }
    let truth = app.physical(0).await;
    assert_eq!((&truth["moves"], &truth["commands"]), (&json!(30), &json!(20)));
    let told = moves(&app, 0).await;
    assert_eq!(told.len(), 30);
    let mut attempts: Vec<String> =
        told.iter().filter_map(|event| event.get("action_attempt_id")).map(Value::to_string).collect();
    assert_eq!(attempts.len(), 20);
    attempts.sort();
    attempts.dedup();
    assert_eq!(attempts.len(), 20, "two movements named one attempt");
}
