//! Back to the start: a sandbox that is reset, a device that is deleted, a hub that is asked again.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{SANDBOX, TestApp, eventually, uuid};
use crate::ask::{Ask, redacted};

async fn listed(app: &TestApp) -> Vec<Uuid> {
    let devices = app.post("/devices/list", json!({})).await.field("devices");
    devices.as_array().unwrap().iter().map(|device| uuid(&device["device_id"])).collect()
}

async fn reset(app: &TestApp) -> Value {
    app.attempt("/workspaces/reset_sandbox", json!({})).await
}

#[tokio::test]
async fn a_reset_leaves_what_the_workspace_began_with() {
    let app = TestApp::start().await;
    let session = app.session(&[app.own.account]).await;
    let (other, others) = app.another_account(2).await;
    let earlier = app.unlock(0).await;
    app.set(1, json!({"faults": {"jam": true}, "battery_level": 0.05})).await;
    app.ok("/devices/update", json!({"device_id": app.own.devices[0], "name": "Renamed"})).await;
    app.ok("/devices/delete", json!({"device_id": app.own.devices[3]})).await;
    app.ok("/devices/simulate/remove", json!({"device_id": app.own.devices[2]})).await;

    let attempt = reset(&app).await;
    let expected = json!({
        "action_attempt_id": "[id]",
        "action_type": "RESET_SANDBOX_WORKSPACE",
        "status": "success",
        "result": {},
        "error": null,
    });
    assert_eq!(redacted(&attempt), expected);
    assert_eq!(app.decided(&attempt).await, attempt, "it is still there to be read");

    assert_eq!(listed(&app).await, app.own.devices, "the same ids in the same order");
    for index in 0..5 {
        let device = app.device(index).await;
        assert_eq!((&device["properties"]["online"], &device["errors"]), (&json!(true), &json!([])));
        assert_eq!(app.physical(index).await["bolt"], "locked");
    }
    assert_eq!(app.device(0).await["display_name"], "Front Door");
    assert_eq!(app.device(1).await["properties"]["battery_level"], 1.0);
    assert_eq!(app.unlock(1).await["status"], "success", "its faults are gone");
    app.post("/connected_accounts/get", json!({"connected_account_id": other}))
        .await
        .assert_refused(404, "connected_account_not_found");
    app.post("/devices/get", json!({"device_id": others[0]})).await.assert_refused(404, "device_not_found");
    let lost = json!({"action_attempt_id": earlier["action_attempt_id"]});
    app.post("/action_attempts/get", lost).await.assert_refused(404, "action_attempt_not_found");
    app.send(Ask::get("/devices/list").bearer(&session)).await.assert_refused(401, "client_session_not_found");
    let kinds: Vec<Value> = app.events(0).await.iter().map(|event| event["event_type"].clone()).collect();
    assert_eq!(kinds.first(), Some(&json!("device.added")));
    assert!(!kinds.contains(&json!("device.removed")) && !kinds.contains(&json!("device.deleted")), "{kinds:?}");
}

#[tokio::test]
async fn a_reset_forgets_how_often_its_locks_were_called() {
    let app = TestApp::with(SANDBOX, &[("THUMBTURN_LIMITS__SANDBOX_LOCK_ACTIONS_PER_MINUTE", "1")]).await;
    let foreign = || {
        let ask = Ask::post("/locks/unlock_door").bearer(&app.foreign.api_key);
        app.send(ask.json(app.foreign.device()))
    };
    foreign().await.ok();
    for _ in 0..2 {
        assert_eq!(app.unlock(0).await["status"], "success");
        app.post("/locks/unlock_door", app.own.device()).await.assert_refused(429, "rate_limit_exceeded");
        reset(&app).await;
    }
    foreign().await.assert_refused(429, "rate_limit_exceeded");
}

#[tokio::test]
async fn a_reset_touches_no_other_workspace() {
    let app = TestApp::start().await;
    let foreign = |path: &str, body: Value| app.send(Ask::post(path).bearer(&app.foreign.api_key).json(body));
    let theirs = foreign("/locks/unlock_door", app.foreign.device()).await.field("action_attempt");
    reset(&app).await;
    let read = json!({"action_attempt_id": theirs["action_attempt_id"]});
    assert_eq!(foreign("/action_attempts/get", read).await.field("action_attempt"), theirs);
    let device = foreign("/devices/get", app.foreign.device()).await.field("device");
    assert_eq!(device["properties"]["locked"], false);
}

#[tokio::test]
async fn whoever_waits_for_an_attempt_hears_of_the_reset() {
    let app = TestApp::start().await;
    app.set(0, json!({"latency_ms": 3_000})).await;
    let waits = async {
        let running = app.unlock(0).await;
        assert_eq!(running["status"], "error", "{running}");
        assert_eq!(running["error"]["type"], "outcome_unknown", "it was sent");
    };
    let resets = async {
        eventually("the command is there", async || (app.physical(0).await["commands"] == 1).then_some(())).await;
        reset(&app).await;
    };
    tokio::join!(waits, resets);
    assert_eq!(app.unlock(0).await["status"], "success");
}

#[tokio::test]
async fn a_reset_can_leave_nothing() {
    let app = TestApp::with(SANDBOX, &[("THUMBTURN_SANDBOX__RESET_TO", "empty")]).await;
    assert_eq!(reset(&app).await["status"], "success");
    assert!(listed(&app).await.is_empty());
    assert_eq!(app.post("/connected_accounts/list", json!({})).await.field("connected_accounts"), json!([]));
    assert_eq!(reset(&app).await["status"], "success", "and again");
}

#[tokio::test]
async fn a_deleted_device_is_gone_and_stays_so() {
    let app = TestApp::start().await;
    let attempt = app.unlock(0).await;
    app.ok("/devices/delete", app.own.device()).await;
    app.post("/devices/delete", app.own.device()).await.assert_refused(404, "device_not_found");
    let left = async || {
        let mut listed = listed(&app).await;
        listed.sort_unstable();
        listed
    };
    let mut others = app.own.devices[1..].to_vec();
    others.sort_unstable();
    assert_eq!(left().await, others);
    assert_eq!(app.decided(&attempt).await, attempt, "its attempts stay readable");
    let last = app.events(0).await.pop().unwrap();
    assert_eq!((&last["event_type"], &last["device_name"]), (&json!("device.deleted"), &json!("Front Door")));
    app.ok("/connected_accounts/sync", json!({"connected_account_id": app.own.account})).await;
    assert_eq!(app.unlock(1).await["status"], "success", "the hub goes on");
    assert_eq!(left().await, others, "and does not tell of it again");
}

#[tokio::test]
async fn a_deletion_ends_what_waits_for_the_lock() {
    let app = TestApp::start().await;
    app.set(0, json!({"latency_ms": 3_000})).await;
    let (first, second, ()) = tokio::join!(app.unlock(0), app.unlock(0), async {
        eventually("both are accepted", async || {
            let pending = app.post("/action_attempts/list", app.own.device()).await.field("action_attempts");
            (pending.as_array().unwrap().len() == 2).then_some(())
        })
        .await;
        app.ok("/devices/delete", app.own.device()).await;
    });
    let mut ends = [&first["error"]["type"], &second["error"]["type"]].map(|kind| kind.as_str().unwrap().to_owned());
    ends.sort_unstable();
    assert_eq!(ends[0], "device_removed", "never sent");
    assert!(["device_removed", "outcome_unknown"].contains(&&*ends[1]), "{ends:?}");
}

#[tokio::test]
async fn time_zones_are_told_for_all_devices_or_for_none() {
    let app = TestApp::start().await;
    let told = |index: usize, zone: &str| json!({"device_id": app.own.devices[index], "schlage_metadata": {"time_zone": zone}});
    let path = "/devices/report_provider_metadata";
    let refused = app.post(path, json!({"devices": [told(0, "Europe/Berlin"), told(1, "Mars/Olympus")]})).await;
    refused.assert_refused(400, "invalid_input");
    let at = &refused.body["error"]["validation_errors"]["devices"]["1"]["schlage_metadata"]["time_zone"]["_errors"];
    assert_eq!(*at, json!(["\"Mars/Olympus\" is not the IANA name of a time zone"]), "{:#}", refused.body);
    let refused = app.post(path, json!({"devices": [told(0, "Mars/Olympus"), told(1, "Venus")]})).await;
    assert!(refused.body["error"]["message"].as_str().unwrap().starts_with("2 Input Errors"), "{:#}", refused.body);
    let two = json!({"omnitec_metadata": {"time_zone": "Europe/Berlin"}, "ultraloq_metadata": {"time_zone": "Venus"},
        "device_id": app.own.devices[0]});
    app.post(path, json!({"devices": [two]})).await.assert_refused(400, "invalid_input");
    let unknown = json!({"device_id": Uuid::new_v4(), "ultraloq_metadata": {"time_zone": "Europe/Berlin"}});
    let mixed = json!({"devices": [told(0, "Europe/Berlin"), unknown]});
    app.post(path, mixed).await.assert_refused(404, "device_not_found");
    app.post(path, json!({"devices": []})).await.assert_refused(400, "invalid_input");
    assert_eq!(app.device(0).await.get("location"), None);
    app.ok(path, json!({"devices": [told(0, "europe/berlin"), told(1, "America/New_York")]})).await;
    let expected = json!({"time_zone": "Europe/Berlin", "timezone": "Europe/Berlin"});
    assert_eq!(app.device(0).await["location"], expected);
    assert_eq!(app.device(1).await["location"]["time_zone"], "America/New_York");
}

#[tokio::test]
async fn providers_are_those_of_the_devices() {
    let app = TestApp::start().await;
    let providers = app.post("/devices/list_device_providers", json!({})).await.field("device_providers");
    let names: Vec<&str> =
        providers.as_array().unwrap().iter().map(|one| one["device_provider_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["august", "kwikset", "nuki", "schlage", "yale"]);
    let thermostats = json!({"provider_category": "thermostats"});
    assert_eq!(app.post("/devices/list_device_providers", thermostats).await.field("device_providers"), json!([]));
    let nobody = app.session(&[]).await;
    let none = app.send(Ask::get("/devices/list_device_providers").bearer(&nobody)).await.field("device_providers");
    assert_eq!(none, json!([]));
}

#[tokio::test]
async fn a_reset_takes_spaces_and_identities_along() {
    let app = TestApp::start().await;
    app.ok("/spaces/create", json!({"name": "Hall", "space_key": "hall", "device_ids": app.own.devices})).await;
    let person = json!({"user_identity_key": "jane", "full_name": "Jane"});
    app.ok("/user_identities/create", person.clone()).await;
    reset(&app).await;
    assert_eq!(app.post("/spaces/list", json!({})).await.field("spaces"), json!([]));
    assert_eq!(app.post("/user_identities/list", json!({})).await.field("user_identities"), json!([]));
    assert_eq!(app.device(0).await["space_ids"], json!([]));
    app.ok("/spaces/create", json!({"name": "Hall", "space_key": "hall"})).await;
    app.ok("/user_identities/create", person).await;
}

/// The ids of virtual locks come back with a reset; what was granted of them does not.
#[tokio::test]
async fn a_grant_ends_with_its_device() {
    let app = TestApp::start().await;
    let jane = app.post("/user_identities/create", json!({"full_name": "Jane"})).await.field("user_identity");
    let jane = &jane["user_identity_id"];
    let grant = json!({"user_identity_id": jane, "device_id": app.own.devices[0]});
    app.ok("/user_identities/grant_access_to_device", grant).await;
    let session = app.post("/client_sessions/create", json!({"user_identity_id": jane})).await.field("client_session");
    let unlock = || {
        let token = session["token"].as_str().unwrap();
        app.send(Ask::post("/locks/unlock_door").bearer(token).json(app.own.device()))
    };
    assert_eq!(unlock().await.field("action_attempt")["status"], "success");
    app.ok("/devices/delete", app.own.device()).await;
    unlock().await.assert_refused(404, "device_not_found");
    let accessible = json!({"user_identity_id": jane});
    assert_eq!(app.post("/user_identities/list_accessible_devices", accessible).await.field("devices"), json!([]));
}

#[tokio::test]
async fn resets_at_once_leave_all_their_attempts_readable() {
    let app = TestApp::start().await;
    let (one, two) = tokio::join!(reset(&app), reset(&app));
    for attempt in [one, two] {
        assert_eq!(app.decided(&attempt).await, attempt);
    }
    assert_eq!(app.unlock(0).await["status"], "success");
}

#[tokio::test]
async fn a_lock_that_is_deleted_during_a_sync_does_not_come_back() {
    let app = TestApp::start().await;
    let account = json!({"connected_account_id": app.own.account});
    for deleted in &app.own.devices[..4] {
        let sync = app.post("/connected_accounts/sync", account.clone());
        let delete = app.post("/devices/delete", json!({"device_id": deleted}));
        let (sync, delete) = tokio::join!(sync, delete);
        sync.ok();
        delete.ok();
    }
    // What the hub said before this has been dealt with after it.
    app.ok("/connected_accounts/sync", account).await;
    app.ok("/devices/simulate/connect", json!({"device_id": app.own.devices[4]})).await;
    assert_eq!(listed(&app).await, app.own.devices[4..]);
}

/// A call that began before a reset and is answered after it.
#[tokio::test]
async fn no_answer_of_before_is_kept_over_a_reset() {
    use thumbturn_core::change::{Change, ClaimedCall, KeptAnswer};
    use thumbturn_core::ids::{CallId, WorkspaceId};
    let app = TestApp::start().await;
    let path = "/client_sessions/create";
    let call = ClaimedCall {
        id: CallId::derived(app.own.workspace, &format!("api_key\n{path}\nk")),
        workspace: Some(WorkspaceId(app.own.workspace)),
        body_hash: app.store.call_hash("{}"),
        at: app.app.now(),
    };
    app.store.commit(Change::CallClaimed(call.clone())).await.unwrap();
    let session = app.post(path, json!({})).await;
    reset(&app).await;
    let answer = KeptAnswer(session.body.to_string());
    app.store.commit(Change::CallAnswered { call, answer }).await.unwrap();
    let again = Ask::post(path).bearer(&app.own.api_key).header("idempotency-key", "k").json(json!({}));
    let again = app.send(again).await.field("client_session");
    app.send(Ask::get("/devices/list").bearer(again["token"].as_str().unwrap())).await.ok();
}
