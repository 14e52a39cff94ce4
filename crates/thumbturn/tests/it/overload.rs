//! Too much at once, and a server on its way out or without its database: a clear answer, at once.

use std::sync::Arc;

use serde_json::json;
use thumbturn_core::hub::BeginError;

use crate::app::{SANDBOX, TestApp, eventually};
use crate::ask::Ask;

#[tokio::test]
async fn more_requests_than_places_are_told_to_come_back() {
    let app = TestApp::with(SANDBOX, &[("THUMBTURN_LIMITS__CONCURRENT_REQUESTS", "2")]).await;
    app.set(0, json!({"latency_ms": 400})).await;
    app.set(1, json!({"latency_ms": 400})).await;
    let others = async {
        eventually("both commands are there", async || {
            let busy = app.get("/devices/list").await;
            (busy.status == 503).then_some(busy)
        })
        .await
        .assert_refused(503, "service_unavailable");
        // Whoever watches the server must not take it for dead.
        for path in ["/health/live", "/health/ready"] {
            assert_eq!(app.send(Ask::get(path)).await.status, 200);
        }
        assert_eq!(app.send(Ask::new(http::Method::OPTIONS, "/devices/list")).await.status, 200);
    };
    let (first, second, ()) = tokio::join!(app.unlock(0), app.unlock(1), others);
    assert_eq!((&first["status"], &second["status"]), (&json!("success"), &json!("success")));
    assert_eq!(app.get("/devices/list").await.status, 200);
}

#[tokio::test]
async fn a_server_that_stops_takes_no_new_attempts_and_ends_the_running_ones() {
    let app = Arc::new(TestApp::start().await);
    app.set(0, json!({"latency_ms": 300})).await;
    let ask = Ask::post("/locks/unlock_door").bearer(&app.own.api_key).header("prefer", "respond-async");
    let running = app.send(ask.json(app.own.device())).await.field("action_attempt");
    let draining = {
        let app = Arc::clone(&app);
        tokio::spawn(async move { app.app.drain().await })
    };
    eventually("the server stops", async || app.app.is_draining().then_some(())).await;
    let refused = app.post("/locks/unlock_door", json!({"device_id": app.own.devices[1]})).await;
    refused.assert_refused(503, "service_unavailable");
    app.send(Ask::get("/health/ready")).await.assert_refused(503, "service_unavailable");
    assert_eq!(app.send(Ask::get("/health/live")).await.status, 200);
    let read = json!({"action_attempt_id": running["action_attempt_id"]});
    assert_eq!(app.post("/action_attempts/get", read.clone()).await.status, 200, "reads go on");
    draining.await.unwrap();
    assert_eq!(app.post("/action_attempts/get", read).await.field("action_attempt")["status"], "success");
    assert_eq!(app.physical(1).await["commands"], 0);
}

#[tokio::test]
async fn without_the_database_the_answer_is_503_and_says_when_to_come_back() {
    let app = TestApp::start().await;
    app.store.close().await;
    for path in ["/health", "/health/get_health", "/health/ready"] {
        app.send(Ask::get(path)).await.assert_refused(503, "service_unavailable");
    }
    assert_eq!(app.send(Ask::get("/health/live")).await.status, 200);
    for (path, body) in [
        ("/locks/unlock_door", app.own.device()),
        ("/devices/update", json!({"device_id": app.own.devices[0], "name": "x"})),
        ("/client_sessions/create", json!({})),
        ("/connected_accounts/update", json!({"connected_account_id": app.own.account, "display_name": "x"})),
        ("/connected_accounts/delete", json!({"connected_account_id": app.own.account})),
        ("/thumbturn/connected_accounts/create", json!({"provider": "sandbox"})),
    ] {
        app.post(path, body).await.assert_refused(503, "service_unavailable");
    }
}

#[test]
fn a_lock_that_is_busy_is_no_conflict() {
    use axum::response::IntoResponse as _;
    let device = thumbturn_core::ids::DeviceId(uuid::Uuid::nil());
    let answer = thumbturn::http::errors::Failure::not_begun(BeginError::Busy, device).into_response();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
}
