//! What receivers get.

use std::time::Duration;

use serde_json::json;

use super::support::{ALLOWED, Manner, Receiver, delivery, has_attempts, made, private};
use crate::app::{SANDBOX, TestApp, eventually};
use crate::ask::Ask;

#[tokio::test]
async fn what_is_listed_is_what_is_sent_signed() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let receiver = Receiver::start(Manner::Status(204)).await;
    let (webhook, secret) = made(&app, &receiver, &["*"]).await;
    app.ok("/devices/update", json!({"device_id": app.own.devices[0], "custom_metadata": {"floor": "Erdgeschoß 門"}}))
        .await;
    app.unlock(0).await;
    let message = &receiver.of_type("lock.unlocked", 1).await[0];
    message.verify(&[&secret]);
    assert_eq!(message.header("content-type"), "application/json");
    assert!(message.header("user-agent").starts_with("Thumbturn/"));
    receiver.of_type("action_attempt.unlock_door.succeeded", 1).await;
    for message in receiver.received() {
        let event = app.post("/events/get", json!({"event_id": message.event()["event_id"]})).await.field("event");
        assert_eq!(message.event(), event);
    }
    let found = delivery(&app, &webhook, "it is delivered", |delivery| delivery["status"] == "delivered").await;
    assert_eq!(found["attempts"][0]["response_status"], 204);
    assert!(found["next_attempt_at"].is_null());
    assert!(receiver.received().iter().any(|message| message.header("svix-id") == found["message_id"]));
    let foreign = Ask::post("/webhooks/list").bearer(&app.foreign.api_key).json(json!({}));
    assert_eq!(app.send(foreign).await.field("webhooks"), json!([]));
}

#[tokio::test]
async fn a_webhook_is_told_of_its_types_until_it_is_deleted() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let receiver = Receiver::start(Manner::Status(200)).await;
    let other = Receiver::start(Manner::Status(200)).await;
    let (webhook, _) = made(&app, &receiver, &["lock.unlocked"]).await;
    made(&app, &other, &["lock.locked", "lock.unlocked"]).await;
    app.unlock(0).await;
    receiver.of_type("lock.unlocked", 1).await;
    app.ok("/webhooks/update", json!({"webhook_id": webhook, "event_types": ["lock.locked"]})).await;
    app.attempt("/locks/lock_door", json!({"device_id": app.own.devices[0]})).await;
    receiver.of_type("lock.locked", 1).await;
    app.ok("/webhooks/delete", json!({"webhook_id": webhook})).await;
    app.unlock(0).await;
    other.of_type("lock.unlocked", 2).await;
    assert_eq!(receiver.received().len(), 2, "{:?}", receiver.received());
}

#[tokio::test]
async fn after_a_rotation_both_secrets_verify() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let receiver = Receiver::start(Manner::Status(200)).await;
    let (webhook, old) = made(&app, &receiver, &["lock.unlocked"]).await;
    let rotated = app.post("/thumbturn/webhooks/rotate_secret", json!({"webhook_id": webhook})).await.field("webhook");
    let new = rotated["secret"].as_str().unwrap();
    assert_ne!(new, old);
    assert_eq!(app.post("/webhooks/get", json!({"webhook_id": webhook})).await.field("webhook"), rotated);
    // Until its courier has heard of it, the old one signs alone.
    let message = eventually("a message is signed twice", async || {
        app.unlock(0).await;
        receiver.received().into_iter().find(|message| message.header("svix-signature").contains(' '))
    })
    .await;
    message.verify(&[new, &old]);
}

#[tokio::test]
async fn a_private_address_is_refused_when_it_is_named_and_when_it_is_connected_to() {
    let app = TestApp::start().await;
    for url in ["http://127.0.0.1:1/", "https://localhost/", "http://[::1]/", "http://10.0.0.1/", "https://0x7f.1/"] {
        app.post("/webhooks/create", json!({"url": url})).await.assert_refused(400, "invalid_input");
    }
    let (listener, webhook) = private(&app).await;
    app.unlock(0).await;
    let found = delivery(&app, &json!(webhook), "it is tried", has_attempts(1)).await;
    assert_eq!(found["attempts"][0]["error"], "private_address");
    let called = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(called.is_err(), "somebody connected");
}
