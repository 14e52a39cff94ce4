//! Scripts of virtual locks: an application's test says what becomes of each attempt, and that comes.

use serde_json::{Value, json};

use crate::app::{TestApp, eventually};

/// How an attempt ended, in one word.
fn end(attempt: &Value) -> &str {
    match attempt["status"].as_str() {
        Some("success") if attempt["result"]["was_confirmed_by_device"] == true => "confirmed",
        Some("error") => attempt["error"]["type"].as_str().unwrap(),
        _ => panic!("{attempt:#}"),
    }
}

async fn left(app: &TestApp) -> Value {
    app.physical(0).await["script"].clone()
}

#[tokio::test]
async fn each_attempt_ends_as_its_step_says() {
    let app = TestApp::start().await;
    let script = json!(["jam", "obey", {"fault": "mute"}, "lie", "privacy", "refuse", "obstruct", "ignore", "stale"]);
    app.set(0, json!({"script": script, "faults": {"refuse": true}})).await;
    for (number, (wanted, expected)) in [
        ("unlock", "lock_jammed"),
        ("unlock", "confirmed"),
        ("lock", "confirmed"),
        ("unlock", "no_movement"),
        ("unlock", "privacy_mode"),
        ("unlock", "command_rejected"),
        ("unlock", "bolt_obstructed"),
        ("unlock", "no_movement"),
        ("unlock", "confirmed"),
        // From here on the fault has its turn.
        ("lock", "command_rejected"),
    ]
    .into_iter()
    .enumerate()
    {
        let attempt = app.attempt(&format!("/locks/{wanted}_door"), app.own.device()).await;
        assert_eq!(end(&attempt), expected, "attempt {number}");
        assert_eq!(left(&app).await.as_array().unwrap().len(), 8_usize.saturating_sub(number));
    }
    let truth = app.physical(0).await;
    assert_eq!((&truth["commands"], &truth["bolt"]), (&json!(10), &json!("unlocked")));
}

#[tokio::test]
async fn what_a_step_has_in_store_is_told_like_anything_at_the_door() {
    let app = TestApp::start().await;
    app.set(0, json!({"script": [{"then": "turn_lock", "battery_level": 0.1, "after_ms": 200}]})).await;
    assert_eq!(
        left(&app).await,
        json!([{"fault": "obey", "then": "turn_lock", "battery_level": 0.1, "after_ms": 200}])
    );
    assert_eq!(end(&app.unlock(0).await), "confirmed");
    assert_eq!(left(&app).await, json!([]));
    let told = eventually("a hand turns the bolt back", async || {
        let events = app.events(0).await;
        events.into_iter().find(|event| event["event_type"] == "lock.locked")
    })
    .await;
    assert_eq!((&told["method"], told.get("action_attempt_id")), (&json!("manual"), None));
    let is_low = |event: &Value| event["event_type"] == "device.low_battery" && event["battery_level"] == 0.1;
    assert_eq!(app.events(0).await.iter().filter(|event| is_low(event)).count(), 1);
    assert_eq!(app.device(0).await["properties"]["locked"], true);
}

#[tokio::test]
async fn a_script_is_replaced_as_a_whole_and_taken_away_by_nothing_a_profile_and_a_reset() {
    let app = TestApp::start().await;
    let jam = json!([{"fault": "jam"}]);
    for (change, expected) in [
        (json!({"script": ["jam", "jam"]}), json!([{"fault": "jam"}, {"fault": "jam"}])),
        (json!({"script": ["jam"]}), jam.clone()),
        (json!({"latency_ms": 5, "faults": {"mute": 1}}), jam.clone()),
        (json!({"script": []}), json!([])),
        (json!({"script": ["jam"], "profile": "perfect"}), jam),
        (json!({"profile": "perfect"}), json!([])),
        (json!({"script": ["jam"]}), json!([{"fault": "jam"}])),
    ] {
        app.set(0, change.clone()).await;
        assert_eq!(left(&app).await, expected, "{change}");
    }
    app.ok("/workspaces/reset_sandbox", json!({})).await;
    assert_eq!(left(&app).await, json!([]));
    assert_eq!(end(&app.unlock(0).await), "confirmed");
}

/// What a script shows can be given back.
#[tokio::test]
async fn what_is_left_can_be_set_again() {
    let app = TestApp::start().await;
    let script = json!(["jam", {"then": "power_on", "fault": "offline"}, {"battery_level": 0.5, "after_ms": 7}, {}]);
    app.set(0, json!({"script": script})).await;
    let shown = left(&app).await;
    app.set(1, json!({"script": shown})).await;
    assert_eq!(app.physical(1).await["script"], shown);
    assert_eq!(shown[1], json!({"fault": "offline", "then": "power_on", "after_ms": 0}));
}
