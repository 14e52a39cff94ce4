//! Lock actions: what is answered, when, and what is refused.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{ORDINARY, SANDBOX, TestApp, eventually};
use crate::ask::{Ask, Reply};

const UNLOCK: &str = "/locks/unlock_door";
const LOCK: &str = "/locks/lock_door";

fn ended(action: &str) -> Value {
    json!({
        "action_attempt_id": "[id]",
        "action_type": action,
        "status": "success",
        "result": {"was_confirmed_by_device": true},
        "error": null,
    })
}

fn pending(action: &str) -> Value {
    json!({"action_attempt_id": "[id]", "action_type": action, "status": "pending", "result": null, "error": null})
}

async fn preferring(app: &TestApp, index: usize, prefer: &str, body: Value) -> Reply {
    let mut body = body;
    body["device_id"] = json!(app.own.devices[index]);
    app.send(Ask::post(UNLOCK).bearer(&app.own.api_key).header("prefer", prefer).json(body)).await
}

#[tokio::test]
async fn unlocking_and_locking_answer_with_the_end() {
    let app = TestApp::start().await;
    for (path, action, locked) in [
        (UNLOCK, "UNLOCK_DOOR", false),
        (UNLOCK, "UNLOCK_DOOR", false),
        (LOCK, "LOCK_DOOR", true),
        (LOCK, "LOCK_DOOR", true),
    ] {
        let answer = app.post(path, app.own.device()).await;
        answer.assert_body(200, &json!({"action_attempt": ended(action), "ok": true}));
        assert_eq!(answer.header("preference-applied"), None);
        assert_eq!(app.device(0).await["properties"]["locked"], locked, "whoever sees the success sees the state");
    }
    let truth = app.physical(0).await;
    assert_eq!((&truth["commands"], &truth["moves"]), (&json!(4), &json!(2)));
    let events = app.events(0).await;
    let count = |kind: &str| events.iter().filter(|event| event["event_type"] == kind).count();
    assert_eq!(
        count("lock.unlocked"),
        2,
        "each confirmed success has its event, also where the bolt already was there"
    );
    assert_eq!(count("lock.locked"), 2);
    assert_eq!(count("action_attempt.unlock_door.succeeded"), 2);
    assert_eq!(count("action_attempt.lock_door.succeeded"), 2);
}

#[tokio::test]
async fn who_prefers_it_gets_the_attempt_at_once_and_the_end_later() {
    let app = TestApp::start().await;
    let answer = preferring(&app, 0, "respond-async", json!({})).await;
    answer.assert_body(200, &json!({"action_attempt": pending("UNLOCK_DOOR"), "ok": true}));
    assert_eq!(answer.header("preference-applied"), Some("respond-async"));
    let attempt = app.decided(&answer.body["action_attempt"]).await;
    assert_eq!(attempt["action_attempt_id"], answer.body["action_attempt"]["action_attempt_id"]);
    assert_eq!(crate::ask::redacted(&attempt), ended("UNLOCK_DOOR"));
}

#[tokio::test]
async fn an_answer_waits_as_long_as_asked_and_no_longer() {
    let app = TestApp::with(SANDBOX, &[("THUMBTURN_ACTIONS__HOLD_MS", "0")]).await;
    app.set(0, json!({"latency_ms": 300})).await;
    let by_setting = app.post(UNLOCK, app.own.device()).await.field("action_attempt");
    assert_eq!(by_setting["status"], "pending");
    app.decided(&by_setting).await;

    let waited = preferring(&app, 0, "wait=9", json!({})).await;
    assert_eq!(waited.header("preference-applied"), Some("wait=9"));
    assert_eq!(waited.field("action_attempt")["status"], "success");
    let both = preferring(&app, 0, "respond-async, wait=9", json!({})).await;
    assert_eq!(both.field("action_attempt")["status"], "success");
    let sync = app.post(UNLOCK, json!({"device_id": app.own.devices[0], "sync": true})).await;
    assert_eq!(sync.field("action_attempt")["status"], "success");

    app.set(1, json!({"latency_ms": 600_000})).await;
    let started = tokio::time::Instant::now();
    let given_up = preferring(&app, 1, "wait=1", json!({})).await.field("action_attempt");
    assert_eq!(given_up["status"], "pending");
    let waited = started.elapsed();
    assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&waited), "{waited:?}");
}

#[tokio::test]
async fn a_preference_is_applied_only_where_there_is_something_to_wait_for() {
    let app = TestApp::start().await;
    let list = Ask::get("/devices/list").bearer(&app.own.api_key).header("prefer", "wait=3");
    assert_eq!(app.send(list).await.header("preference-applied"), None);
    let nonsense = preferring(&app, 0, "wait=soon, handling=strict", json!({})).await;
    assert_eq!(nonsense.header("preference-applied"), None);
    assert_eq!(nonsense.field("action_attempt")["status"], "success");
}

#[tokio::test]
async fn commands_for_one_lock_run_in_order_and_for_many_side_by_side() {
    let app = TestApp::start().await;
    for index in 0..5 {
        app.set(index, json!({"latency_ms": 2_000})).await;
    }
    let started = tokio::time::Instant::now();
    let calls = (0..5).map(|index| app.unlock(index));
    for attempt in futures::future::join_all(calls).await {
        assert_eq!(attempt["status"], "success");
    }
    assert!(started.elapsed() < Duration::from_secs(8), "five locks took {:?}", started.elapsed());
    app.set(0, json!({"latency_ms": 200})).await;
    for path in [LOCK, UNLOCK, LOCK, UNLOCK, LOCK] {
        let ask = Ask::post(path).bearer(&app.own.api_key).header("prefer", "respond-async");
        app.send(ask.json(app.own.device())).await.field("action_attempt");
    }
    let done = app.attempt(UNLOCK, app.own.device()).await;
    assert_eq!(done["status"], "success");
    let moves: Vec<String> = app
        .events(0)
        .await
        .iter()
        .filter_map(|event| event["event_type"].as_str().filter(|kind| kind.starts_with("lock.")))
        .map(str::to_owned)
        .collect();
    let expected = [
        "lock.unlocked",
        "lock.locked",
        "lock.unlocked",
        "lock.locked",
        "lock.unlocked",
        "lock.locked",
        "lock.unlocked",
    ];
    assert_eq!(moves, expected);
    assert_eq!(app.physical(0).await["commands"], 7);
}

#[tokio::test]
async fn refusals_come_in_the_order_of_the_contract() {
    // One call a minute, so that a call that counts shows.
    let limits = [("THUMBTURN_LIMITS__SANDBOX_LOCK_ACTIONS_PER_MINUTE", "1")];
    let app = TestApp::with(SANDBOX, &limits).await;
    let token = app.session(&[]).await;
    app.ok("/devices/update", json!({"device_id": app.own.devices[1], "is_managed": false})).await;
    for path in [UNLOCK, LOCK] {
        for body in
            [json!({}), json!({"device_id": null}), json!({"device_id": ""}), json!({"device_id": "front door"})]
        {
            app.post(path, body).await.assert_refused(400, "invalid_input");
        }
        for id in [Uuid::new_v4(), app.foreign.devices[0], Uuid::nil(), Uuid::max()] {
            let answer = app.post(path, json!({"device_id": id})).await;
            let expected = json!({
                "error": {
                    "type": "device_not_found",
                    "message": "Device not found",
                    "data": {"device_id": id.to_string()},
                },
                "ok": false,
            });
            assert_eq!(answer.body, expected);
        }
        // A session without the grant learns nothing of the device, not even that it is unmanaged.
        for index in [0, 1] {
            let body = json!({"device_id": app.own.devices[index]});
            let answer = app.send(Ask::post(path).bearer(&token).json(body)).await;
            answer.assert_refused(401, "unauthorized");
        }
        // An unmanaged device is refused before the limit, and refusals do not count.
        for _ in 0..3 {
            let body = json!({"device_id": app.own.devices[1]});
            app.post(path, body).await.assert_refused(400, "device_unmanaged");
        }
    }
    let mut capabilities = Vec::new();
    for (id, can_lock, can_unlock) in incapable(&app).await {
        for (path, can, capability) in
            [(LOCK, can_lock, "can_remotely_lock"), (UNLOCK, can_unlock, "can_remotely_unlock")]
        {
            if can {
                continue;
            }
            let answer = app.post(path, json!({"device_id": id})).await;
            answer.assert_refused(400, "not_supported");
            let data = json!({"device_id": id.to_string(), "capability": capability});
            assert_eq!(answer.body["error"]["data"], data);
            let device = app.post("/devices/get", json!({"device_id": id})).await.field("device");
            assert_eq!(device.get(capability), None);
            capabilities.push(capability);
        }
    }
    assert_eq!(capabilities.len(), 2);
    let all = app.post("/action_attempts/list", json!({})).await.field("action_attempts");
    assert_eq!(all, json!([]), "a refused call left an attempt");
    assert_eq!(app.unlock(0).await["status"], "success");
    app.post(UNLOCK, app.own.device()).await.assert_refused(429, "rate_limit_exceeded");
}

/// Two locks of the own tenant that cannot do everything; stored as a driver's discovery would.
async fn incapable(app: &TestApp) -> [(Uuid, bool, bool); 2] {
    use thumbturn_core::change::Change;
    use thumbturn_core::ids::{DeviceId, NativeId, WorkspaceId};
    use thumbturn_core::scope::Scope;
    use thumbturn_store::{DeviceFilter, PageRequest};

    let scope = Scope::workspace_wide(WorkspaceId(app.own.workspace));
    let known = app.store.devices(&scope, &DeviceFilter::managed(), PageRequest::first(1)).await.unwrap();
    let made = [(Uuid::new_v4(), true, false), (Uuid::new_v4(), false, true)];
    for (id, can_lock, can_unlock) in made {
        let mut device = known.items[0].clone();
        device.id = DeviceId(id);
        device.about.native = NativeId(id.to_string());
        (device.about.can_lock, device.about.can_unlock) = (can_lock, can_unlock);
        app.store.commit(Change::DeviceSeen { device: Box::new(device), events: Vec::new() }).await.unwrap();
    }
    made
}

#[tokio::test]
async fn a_device_that_its_hub_no_longer_knows_is_not_found() {
    use thumbturn_core::change::Change;
    use thumbturn_core::devices::{OfflineBecause, Reach};
    use thumbturn_core::ids::{DeviceId, WorkspaceId};
    use thumbturn_core::scope::Scope;

    let app = TestApp::start().await;
    let scope = Scope::workspace_wide(WorkspaceId(app.own.workspace));
    let id = DeviceId(app.own.devices[0]);
    let thumbturn_store::DeviceLookup::Found(device) = app.store.device(&scope, id).await.unwrap() else { panic!() };
    let mut state = device.state.clone();
    state.reach = Reach::Offline { because: OfflineBecause::DeviceRemoved, since: jiff::Timestamp::now() };
    app.store.commit(Change::DeviceChanged { device: id, state, events: Vec::new() }).await.unwrap();
    app.post(UNLOCK, app.own.device()).await.assert_refused(404, "device_not_found");
    let device = app.device(0).await;
    assert_eq!(device["errors"][0]["error_code"], "device_removed");
    assert_eq!(device["properties"]["online"], false);
}

#[tokio::test]
async fn calls_are_limited_per_lock_and_action_where_limits_are_on() {
    let app = TestApp::with(ORDINARY, &[("THUMBTURN_LIMITS__LOCK_ACTIONS_PER_MINUTE", "2")]).await;
    for _ in 0..2 {
        assert_eq!(app.unlock(0).await["status"], "success");
    }
    let refused = app.post(UNLOCK, app.own.device()).await;
    refused.assert_refused(429, "rate_limit_exceeded");
    assert_eq!(refused.body["error"]["data"], json!({"device_id": app.own.devices[0].to_string()}));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(app.attempt(LOCK, app.own.device()).await["status"], "success");
    assert_eq!(app.unlock(1).await["status"], "success");
    for _ in 0..4 {
        let foreign = Ask::post(UNLOCK).bearer(&app.foreign.api_key).json(app.foreign.device());
        assert_eq!(app.send(foreign).await.field("action_attempt")["status"], "success");
    }
    assert_eq!(app.physical(0).await["commands"], 3);
}

#[tokio::test]
async fn the_queue_of_a_lock_is_bounded_and_nothing_accepted_is_dropped() {
    let app = TestApp::with(SANDBOX, &[("THUMBTURN_ACTIONS__QUEUE_PER_LOCK", "3")]).await;
    app.set(0, json!({"latency_ms": 150})).await;
    let calls = (0..8).map(|_| preferring(&app, 0, "respond-async", json!({})));
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for answer in futures::future::join_all(calls).await {
        if answer.status == 200 {
            accepted.push(answer.field("action_attempt"));
        } else {
            answer.assert_refused(503, "service_unavailable");
            refused += 1;
        }
    }
    assert_eq!((accepted.len(), refused), (3, 5));
    for attempt in &accepted {
        assert_eq!(app.decided(attempt).await["status"], "success");
    }
    assert_eq!(app.physical(0).await["commands"], 3);
    assert_eq!(app.unlock(0).await["status"], "success");
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_nothing_with_it() {
    let app = TestApp::start().await;
    app.set(0, json!({"latency_ms": 200})).await;
    let call = app.unlock(0);
    assert!(tokio::time::timeout(Duration::from_millis(60), call).await.is_err());
    eventually("the attempt ends all the same", async || {
        let all = app.post("/action_attempts/list", json!({})).await.field("action_attempts");
        (all[0]["status"] == "success").then_some(())
    })
    .await;
    assert_eq!(app.physical(0).await["moves"], 1);
}
