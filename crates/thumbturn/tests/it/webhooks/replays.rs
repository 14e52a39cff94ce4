//! What is told again.

use serde_json::{Value, json};

use super::support::{ALLOWED, DELAYS, Manner, Receiver, deliveries, delivery, made, replayed};
use crate::app::{PATIENCE, SANDBOX, TestApp, eventually};

#[tokio::test]
async fn after_the_last_attempt_it_has_failed_and_can_be_replayed() {
    let app = TestApp::with(SANDBOX, &[ALLOWED, (DELAYS, "20,20")]).await;
    let receiver = Receiver::start(Manner::Status(410)).await;
    let (webhook, _) = made(&app, &receiver, &["lock.unlocked"]).await;
    app.unlock(0).await;
    let failed = delivery(&app, &webhook, "it has failed", |delivery| delivery["status"] == "failed").await;
    assert_eq!(failed["attempts"].as_array().unwrap().len(), 3);
    assert_eq!(receiver.received().len(), 3);
    receiver.now_answers(Manner::Status(200));
    let replay = json!({"webhook_delivery_id": failed["webhook_delivery_id"]});
    app.ok("/thumbturn/webhooks/deliveries/replay", replay).await;
    let found = delivery(&app, &webhook, "it is delivered", |delivery| delivery["status"] == "delivered").await;
    assert_eq!(found["message_id"], failed["message_id"]);
    assert_eq!(receiver.received().last().unwrap().header("webhook-id"), failed["message_id"]);
}

#[tokio::test]
async fn what_failed_in_a_range_of_time_is_sent_again() {
    let app = TestApp::with(SANDBOX, &[ALLOWED, (DELAYS, "")]).await;
    let receiver = Receiver::start(Manner::Status(500)).await;
    let (webhook, _) = made(&app, &receiver, &["lock.unlocked", "lock.locked"]).await;
    let mut attempts = Vec::new();
    for _ in 0..3 {
        attempts.push(app.unlock(0).await["action_attempt_id"].clone());
    }
    let failed = async || deliveries(&app, json!({"webhook_id": webhook, "status": "failed"})).await;
    let failed = eventually("all fail", async || Some(failed().await).filter(|failed| failed.len() == 3)).await;
    receiver.now_answers(Manner::Status(200));
    app.attempt("/locks/lock_door", json!({"device_id": app.own.devices[0]})).await;
    receiver.of_type("lock.locked", 1).await;
    let range = |more: Value| {
        let mut body = json!({"webhook_id": webhook, "since": "2020-01-01T00:00:00Z", "limit": 1});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let events =
        app.post("/events/list", json!({"since": "2020-01-01T00:00:00Z", "event_type": "lock.unlocked"})).await;
    let events = events.field("events");
    let second = json!({"since": events[0]["created_at"], "until": events[2]["created_at"]});
    assert_eq!(replayed(&app, range(json!({"event_types": ["device.added"]}))).await, (0, 0), "no such type is wanted");
    let before = receiver.received().len();
    assert_eq!(replayed(&app, range(second)).await, (1, 0), "neither end is in the range");
    let told = eventually("it is sent again", async || receiver.received().get(before).cloned()).await;
    assert_eq!(told.event()["action_attempt_id"], attempts[1]);
    assert!(failed.iter().any(|failed| failed["message_id"] == told.header("svix-id")), "under its id");
    eventually("it is written down", async || {
        (deliveries(&app, json!({"webhook_id": webhook, "status": "delivered"})).await.len() == 2).then_some(())
    })
    .await;
    assert_eq!(replayed(&app, range(json!({}))).await, (2, 0), "what was taken is left alone");
    receiver.of_type("lock.unlocked", 6).await;
    eventually("all are taken", async || {
        (deliveries(&app, json!({"webhook_id": webhook, "status": "delivered"})).await.len() == 4).then_some(())
    })
    .await;
    let locked = json!({"event_types": ["lock.locked"], "include_delivered": true});
    assert_eq!(replayed(&app, range(locked)).await, (1, 0));
    receiver.of_type("lock.locked", 2).await;
}

#[tokio::test]
async fn what_a_webhook_was_never_told_of_can_be_sent_once() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let receiver = Receiver::start(Manner::Status(200)).await;
    let missed = app.unlock(0).await;
    let (webhook, secret) = made(&app, &receiver, &["lock.unlocked"]).await;
    let range = json!({"webhook_id": webhook, "since": "2020-01-01T00:00:00Z"});
    let (one, other) = tokio::join!(replayed(&app, range.clone()), replayed(&app, range.clone()));
    // Who comes second may find it on its way, and has it sent once more under its id.
    let again = one.0 + other.0;
    assert_eq!((again.min(1), one.1 + other.1), (again, 1), "two at once make one delivery");
    let message = &receiver.of_type("lock.unlocked", 1).await[0];
    message.verify(&[&secret]);
    assert_eq!(message.event()["action_attempt_id"], missed["action_attempt_id"]);
    delivery(&app, &webhook, "it is delivered", |delivery| delivery["status"] == "delivered").await;
    if again == 0 {
        assert_eq!(replayed(&app, range).await, (0, 0));
    }
}

#[tokio::test]
async fn what_is_replayed_to_a_disabled_webhook_is_sent_once_it_is_enabled() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let receiver = Receiver::start(Manner::Status(200)).await;
    app.unlock(0).await;
    let (webhook, _) = made(&app, &receiver, &["lock.unlocked"]).await;
    let database = rusqlite::Connection::open(app.database()).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    database.execute("UPDATE webhooks SET disabled_at = 2, failing_since = 1", []).unwrap();
    app.ok("/webhooks/update", json!({"webhook_id": webhook, "event_types": ["*"]})).await;
    let range = json!({"webhook_id": webhook, "since": "2020-01-01T00:00:00Z", "event_types": ["lock.unlocked"]});
    assert_eq!(replayed(&app, range).await, (0, 1));
    app.ok("/thumbturn/webhooks/enable", json!({"webhook_id": webhook})).await;
    receiver.of_type("lock.unlocked", 1).await;
    delivery(&app, &webhook, "it is delivered", |delivery| delivery["status"] == "delivered").await;
}
