//! Simulations at Seam's own paths, and the auto-lock.

use serde_json::{Value, json};

use crate::app::{ORDINARY, SANDBOX, TestApp, eventually};
use crate::ask::{Ask, redacted};

async fn simulate(app: &TestApp, index: usize, what: &str) {
    app.ok(&format!("/devices/simulate/{what}"), json!({"device_id": app.own.devices[index]})).await;
}

async fn type_code(app: &TestApp, code: &str) -> Value {
    let body = json!({"device_id": app.own.devices[0], "code": code});
    app.attempt("/locks/simulate/keypad_code_entry", body).await
}

/// The events of the own tenant's first lock of one type.
async fn events(app: &TestApp, kind: &str) -> Vec<Value> {
    app.events(0).await.into_iter().filter(|event| event["event_type"] == kind).collect()
}

async fn count(app: &TestApp) -> usize {
    app.events(0).await.len()
}

fn failed(kind: &str, message: &str, action: &str) -> Value {
    json!({
        "action_attempt_id": "[id]",
        "action_type": action,
        "status": "error",
        "result": null,
        "error": {"type": kind, "message": message},
    })
}

fn done(action: &str) -> Value {
    json!({"action_attempt_id": "[id]", "action_type": action, "status": "success", "result": {}, "error": null})
}

#[tokio::test]
async fn an_auto_lock_is_set_shown_and_kept_to() {
    let app = TestApp::start().await;
    let set = json!({"device_id": app.own.devices[0], "auto_lock_enabled": true, "auto_lock_delay_seconds": 0.5});
    app.post("/locks/configure_auto_lock", set).await.assert_refused(400, "invalid_input");
    let set = json!({"device_id": app.own.devices[0], "auto_lock_enabled": true, "auto_lock_delay_seconds": 1});
    let attempt = app.attempt("/locks/configure_auto_lock", set).await;
    assert_eq!(redacted(&attempt), done("CONFIGURE_AUTO_LOCK"));
    let shown = app.device(0).await;
    assert_eq!(shown["properties"]["auto_lock_enabled"], true);
    assert_eq!(shown["properties"]["auto_lock_delay_seconds"], 1.0);
    app.unlock(0).await;
    eventually("the lock locks itself", async || {
        events(&app, "lock.locked").await.iter().any(|event| event["method"] == "automatic").then_some(())
    })
    .await;
    let off = json!({"device_id": app.own.devices[0], "auto_lock_enabled": false, "auto_lock_delay_seconds": 30});
    assert_eq!(redacted(&app.attempt("/locks/configure_auto_lock", off).await), done("CONFIGURE_AUTO_LOCK"));
    let shown = app.device(0).await;
    assert_eq!(shown["properties"]["auto_lock_enabled"], false);
    assert_eq!(shown["properties"].get("auto_lock_delay_seconds"), None);
    assert!(app.events(0).await.iter().all(|event| event["action_type"] != "CONFIGURE_AUTO_LOCK"));
}

#[tokio::test]
async fn a_part_of_a_second_counts_as_one() {
    let app = TestApp::start().await;
    let set = json!({"device_id": app.own.devices[0], "auto_lock_enabled": true, "auto_lock_delay_seconds": 4.2});
    app.attempt("/locks/configure_auto_lock", set).await;
    assert_eq!(app.device(0).await["properties"]["auto_lock_delay_seconds"], 5.0);
}

#[tokio::test]
async fn enabling_an_auto_lock_needs_a_delay_within_limits() {
    let app = TestApp::start().await;
    let device = app.own.devices[0];
    app.post("/locks/configure_auto_lock", json!({"device_id": device, "auto_lock_enabled": true})).await.assert_body(
        400,
        &json!({
            "error": {
                "type": "invalid_input",
                "message": "auto_lock_delay_seconds is required",
                "validation_errors": {"_errors": [], "auto_lock_delay_seconds": {"_errors": ["Required"]}},
            },
            "ok": false,
        }),
    );
    for delay in [json!(0), json!(61), json!(-1), json!("5")] {
        let body = json!({"device_id": device, "auto_lock_enabled": true, "auto_lock_delay_seconds": delay});
        app.post("/locks/configure_auto_lock", body).await.assert_refused(400, "invalid_input");
    }
}

#[tokio::test]
async fn an_auto_lock_that_is_not_taken_is_not_called_set() {
    let app = TestApp::with(SANDBOX, &[("THUMBTURN_ACTIONS__DEADLINE_MS", "1000")]).await;
    let set = json!({"device_id": app.own.devices[0], "auto_lock_enabled": true, "auto_lock_delay_seconds": 9});
    app.set(0, json!({"faults": {"refuse": 1}})).await;
    let refused = app.attempt("/locks/configure_auto_lock", set.clone()).await;
    assert_eq!(refused["error"]["type"], "command_rejected");
    app.set(0, json!({"faults": {"ignore": 1}})).await;
    let ignored = app.attempt("/locks/configure_auto_lock", set.clone()).await;
    assert_eq!(ignored["error"]["type"], "outcome_unknown");
    simulate(&app, 0, "disconnect").await;
    let away = app.attempt("/locks/configure_auto_lock", set).await;
    assert_eq!(away["error"]["type"], "device_disconnected");
    simulate(&app, 0, "connect").await;
    assert_eq!(app.device(0).await["properties"]["auto_lock_enabled"], false);
}

#[tokio::test]
async fn a_right_code_unlocks_and_a_wrong_one_is_denied() {
    let app = TestApp::start().await;
    assert_eq!(redacted(&type_code(&app, "1234").await), done("SIMULATE_KEYPAD_CODE_ENTRY"));
    assert_eq!(app.device(0).await["properties"]["locked"], false, "what succeeded can be read");
    let unlocked = events(&app, "lock.unlocked").await;
    assert_eq!((unlocked.len(), &unlocked[0]["method"]), (1, &json!("keycode")));
    assert_eq!(events(&app, "action_attempt.simulate_keypad_code_entry.succeeded").await.len(), 1);

    let message = "The lock does not know this code.";
    let denied = type_code(&app, "4321").await;
    assert_eq!(redacted(&denied), failed("unknown_code", message, "SIMULATE_KEYPAD_CODE_ENTRY"));
    let told = events(&app, "lock.access_denied").await;
    assert_eq!((told.len(), &told[0]["reason"]["reason_code"]), (1, &json!("unknown_code")));
    assert_eq!(events(&app, "action_attempt.simulate_keypad_code_entry.failed").await.len(), 1);
    assert!(!redacted(&json!(app.events(0).await)).to_string().contains("4321"), "a PIN was told");
}

#[tokio::test]
async fn five_wrong_codes_kill_the_keypad_for_a_while() {
    let app = TestApp::start().await;
    for _ in 0..4 {
        assert_eq!(type_code(&app, "0000").await["error"]["type"], "unknown_code");
    }
    assert_eq!(type_code(&app, "0000").await["error"]["type"], "too_many_attempts");
    assert_eq!(type_code(&app, "1234").await["error"]["type"], "too_many_attempts", "not even the right one");
    let reasons = events(&app, "lock.access_denied").await;
    let reasons: Vec<&Value> = reasons.iter().map(|event| &event["reason"]["reason_code"]).collect();
    assert_eq!(reasons.last(), Some(&&json!("too_many_attempts")));
    assert_eq!(reasons.len(), 5, "a dead keypad tells nothing");
    assert_eq!(app.physical(0).await["bolt"], "locked");
}

#[tokio::test]
async fn the_lock_button_locks_by_hand() {
    let app = TestApp::start().await;
    app.unlock(0).await;
    let attempt = app.attempt("/locks/simulate/manual_lock_via_keypad", app.own.device()).await;
    assert_eq!(redacted(&attempt), done("SIMULATE_MANUAL_LOCK_VIA_KEYPAD"));
    assert_eq!(app.device(0).await["properties"]["locked"], true);
    let locked = events(&app, "lock.locked").await;
    assert_eq!((locked.len(), &locked[0]["method"]), (1, &json!("manual")));
    assert_eq!(events(&app, "action_attempt.simulate_manual_lock_via_keypad.succeeded").await.len(), 1);
    app.attempt("/locks/simulate/manual_lock_via_keypad", app.own.device()).await;
    assert_eq!(events(&app, "lock.locked").await.len(), 1, "no bolt moved");
}

#[tokio::test]
async fn a_lock_without_a_keypad_and_a_code_without_digits_are_refused() {
    let app = TestApp::start().await;
    let office = json!({"device_id": app.own.devices[4], "code": "1234"});
    for path in ["/locks/simulate/keypad_code_entry", "/locks/simulate/manual_lock_via_keypad"] {
        app.post(path, office.clone()).await.assert_refused(400, "device_type_not_supported");
    }
    for code in ["12 34", "abcd", "", &"1".repeat(33)] {
        let body = json!({"device_id": app.own.devices[0], "code": code});
        let refused = app.post("/locks/simulate/keypad_code_entry", body).await;
        refused.assert_refused(400, "invalid_input");
        assert!(refused.body["error"]["validation_errors"]["code"].is_object(), "{:#}", refused.body);
    }
}

#[tokio::test]
async fn nothing_is_simulated_outside_a_sandbox() {
    let app = TestApp::with(ORDINARY, &[]).await;
    let body = json!({
        "device_id": app.own.devices[0],
        "connected_account_id": app.own.account,
        "code": "1234",
        "is_expired": true,
    });
    let simulations: Vec<_> =
        thumbturn_api::endpoints().into_iter().filter(|endpoint| endpoint.path.contains("/simulate/")).collect();
    assert_eq!(simulations.len(), 9);
    for endpoint in simulations {
        app.post(endpoint.path, body.clone()).await.assert_refused(400, "workspace_not_sandbox");
    }
    app.post("/workspaces/reset_sandbox", json!({})).await.assert_refused(400, "workspace_not_sandbox");
    assert_eq!(app.device(0).await["properties"]["online"], true);
}

#[tokio::test]
async fn a_disconnected_lock_is_offline_and_comes_back() {
    let app = TestApp::start().await;
    let before = count(&app).await;
    simulate(&app, 0, "disconnect").await;
    let away = app.device(0).await;
    assert_eq!(away["properties"]["online"], false);
    for omitted in ["locked", "battery", "battery_level"] {
        assert_eq!(away["properties"].get(omitted), None, "{omitted}");
    }
    assert_eq!(away["errors"][0]["error_code"], "device_disconnected");
    assert_eq!(away["errors"][0]["is_device_error"], true);
    let flags = |device: &Value| {
        ["can_remotely_unlock", "can_configure_auto_lock", "can_simulate_connection", "can_simulate_disconnection"]
            .map(|flag| device[flag].clone())
    };
    assert_eq!(flags(&away), [false, false, true, false].map(Value::Bool));
    assert_eq!(app.unlock(0).await["error"]["type"], "device_disconnected");
    let told = events(&app, "device.disconnected").await;
    assert_eq!((told.len(), &told[0]["error_code"]), (1, &json!("device_disconnected")));

    simulate(&app, 0, "disconnect").await;
    assert_eq!(events(&app, "device.disconnected").await.len(), 1, "repeating changes nothing");

    simulate(&app, 0, "connect").await;
    let back = app.device(0).await;
    assert_eq!((&back["properties"]["online"], &back["properties"]["locked"]), (&json!(true), &json!(true)));
    assert_eq!(back["errors"], json!([]));
    assert_eq!(flags(&back), [true, true, false, true].map(Value::Bool));
    simulate(&app, 0, "connect").await;
    assert_eq!(events(&app, "device.connected").await.len(), 1 + usize::from(before > 0 && was_connected(&app).await));
    assert_eq!(app.unlock(0).await["result"]["was_confirmed_by_device"], true);
}

/// Whether the lock was told to be connected when the server started.
async fn was_connected(app: &TestApp) -> bool {
    let events = app.events(0).await;
    let first = |kind: &str| events.iter().position(|event| event["event_type"] == kind);
    first("device.connected") < first("device.disconnected")
}

/// A real lock works alone, and tells afterwards who was there and when.
#[tokio::test]
async fn what_is_typed_at_a_disconnected_lock_is_told_when_it_comes_back() {
    let app = TestApp::start().await;
    simulate(&app, 0, "disconnect").await;
    let gone = app.app.now();
    assert_eq!(type_code(&app, "4321").await["error"]["type"], "unknown_code");
    assert_eq!(type_code(&app, "1234").await["status"], "success");
    assert_eq!(app.physical(0).await["bolt"], "unlocked");
    assert_eq!(app.device(0).await["properties"].get("locked"), None);
    assert_eq!(events(&app, "lock.unlocked").await.len(), 0, "nobody has heard of it");
    let back = app.app.now();
    simulate(&app, 0, "connect").await;
    assert_eq!(app.device(0).await["properties"]["locked"], false);
    let at = |event: &Value| event["occurred_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let millisecond = jiff::SignedDuration::from_millis(1);
    for (kind, name, value) in
        [("lock.unlocked", "method", json!("keycode")), ("lock.access_denied", "device_id", json!(app.own.devices[0]))]
    {
        let told = events(&app, kind).await;
        assert_eq!((told.len(), &told[0][name]), (1, &value));
        assert!((gone - millisecond..=back).contains(&at(&told[0])), "{kind} when it happened: {}", told[0]);
    }
}

#[tokio::test]
async fn a_hub_of_its_own_goes_and_comes_back() {
    let app = TestApp::start().await;
    simulate(&app, 0, "disconnect_from_hub").await;
    let away = app.device(0).await;
    assert_eq!(away["errors"][0]["error_code"], "hub_disconnected");
    assert_eq!(away["can_simulate_hub_connection"], true);
    assert_eq!(away["can_simulate_hub_disconnection"], false);
    assert_eq!(app.unlock(0).await["error"]["type"], "hub_disconnected");
    let told = events(&app, "device.disconnected").await;
    assert_eq!(told[0]["error_code"], "hub_disconnected");
    assert_eq!(told[0]["connected_account_warnings"], json!([]), "its account is well");
    let account = json!({"connected_account_id": app.own.account});
    let account = app.post("/connected_accounts/get", account).await.field("connected_account");
    assert_eq!((&account["errors"], &account["warnings"]), (&json!([]), &json!([])));
    assert_eq!(app.device(1).await["properties"]["online"], true);

    // Both at once: the lock itself is away when the hub is back.
    simulate(&app, 0, "disconnect").await;
    simulate(&app, 0, "connect_to_hub").await;
    assert_eq!(app.device(0).await["errors"][0]["error_code"], "device_disconnected");
    simulate(&app, 0, "connect").await;
    assert_eq!(app.device(0).await["properties"]["online"], true);
}

#[tokio::test]
async fn without_its_subscription_a_lock_refuses() {
    let app = TestApp::start().await;
    let set = |expired: bool| json!({"device_id": app.own.devices[0], "is_expired": expired});
    app.ok("/devices/simulate/paid_subscription", set(true)).await;
    let unpaid = app.device(0).await;
    assert_eq!(unpaid["errors"][0]["error_code"], "subscription_required");
    assert_eq!((&unpaid["can_remotely_unlock"], &unpaid["properties"]["online"]), (&json!(false), &json!(true)));
    assert_eq!(app.unlock(0).await["error"]["type"], "command_rejected");
    app.ok("/devices/simulate/paid_subscription", set(true)).await;
    let told = events(&app, "device.error.subscription_required").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["device_errors"][0]["error_code"], "subscription_required");
    app.ok("/devices/simulate/paid_subscription", set(false)).await;
    assert_eq!(app.device(0).await["errors"], json!([]));
    assert_eq!(events(&app, "device.error.subscription_required.resolved").await.len(), 1);
    assert_eq!(app.unlock(0).await["status"], "success");
    app.post("/devices/simulate/paid_subscription", app.own.device()).await.assert_refused(400, "invalid_input");
}

#[tokio::test]
async fn a_removed_lock_stays_listed_with_its_error_until_it_is_deleted() {
    let app = TestApp::start().await;
    simulate(&app, 0, "remove").await;
    simulate(&app, 0, "remove").await;
    let removed = app.device(0).await;
    assert_eq!(removed["errors"][0]["error_code"], "device_removed");
    assert_eq!(removed["can_simulate_removal"], false);
    assert_eq!(events(&app, "device.removed").await.len(), 1);
    app.post("/locks/unlock_door", app.own.device()).await.assert_refused(404, "device_not_found");
    app.post("/devices/simulate/connect", app.own.device()).await.assert_refused(404, "device_not_found");
    app.ok("/devices/delete", app.own.device()).await;
    app.post("/devices/get", app.own.device()).await.assert_refused(404, "device_not_found");
}

#[tokio::test]
async fn an_unmanaged_lock_can_be_disconnected_and_tells_so_under_its_own_name() {
    let app = TestApp::start().await;
    app.ok("/devices/update", json!({"device_id": app.own.devices[0], "is_managed": false})).await;
    simulate(&app, 0, "disconnect").await;
    assert_eq!(events(&app, "device.unmanaged.disconnected").await.len(), 1);
    let body = json!({"device_id": app.own.devices[0], "code": "1234"});
    app.post("/locks/simulate/keypad_code_entry", body).await.assert_refused(400, "device_unmanaged");
}

#[tokio::test]
async fn a_refused_login_takes_the_account_and_its_locks_offline_until_a_reset() {
    let app = TestApp::start().await;
    let account = json!({"connected_account_id": app.own.account});
    for _ in 0..2 {
        app.ok("/connected_accounts/simulate/disconnect", account.clone()).await;
    }
    let shown = app.post("/connected_accounts/get", account.clone()).await.field("connected_account");
    assert_eq!(shown["errors"][0]["error_code"], "account_disconnected");
    let device = app.device(0).await;
    assert_eq!(device["errors"][0]["error_code"], "account_disconnected");
    assert_eq!(device["errors"][0]["is_device_error"], false);
    assert_eq!(device["can_simulate_connection"], false);
    assert_eq!(app.unlock(0).await["error"]["type"], "account_disconnected");
    assert_eq!(events(&app, "device.disconnected").await[0]["error_code"], "account_disconnected");
    let all = json!({"since": "2000-01-01T00:00:00Z", "event_type": "connected_account.disconnected"});
    assert_eq!(app.post("/events/list", all).await.field("events").as_array().unwrap().len(), 1);
    // Asking again does not help: only a person could.
    app.ok("/connected_accounts/sync", account).await;
    app.ok("/workspaces/reset_sandbox", json!({})).await;
    assert_eq!(app.device(0).await["properties"]["online"], true);
    assert_eq!(app.unlock(0).await["status"], "success");
}

#[tokio::test]
async fn one_key_begins_one_simulation() {
    let app = TestApp::start().await;
    let ask = || {
        let body = json!({"device_id": app.own.devices[0], "code": "0000"});
        let path = "/locks/simulate/keypad_code_entry";
        Ask::post(path).bearer(&app.own.api_key).header("idempotency-key", "once").json(body)
    };
    let first = app.send(ask()).await.field("action_attempt");
    assert_eq!(app.send(ask()).await.field("action_attempt"), first);
    assert_eq!(events(&app, "lock.access_denied").await.len(), 1);
}
