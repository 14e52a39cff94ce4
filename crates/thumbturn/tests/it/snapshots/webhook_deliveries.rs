use insta::assert_snapshot;
use serde_json::{Value, json};

use super::stage::NOTHING;
use crate::app::{TestApp, eventually};

/// A delivery that waits for its second attempt: nobody is told without TLS that has a private address.
async fn tried(app: &TestApp) -> Value {
    let (_, webhook) = crate::webhooks::private(app).await;
    app.unlock(0).await;
    eventually("it is tried", async || {
        let body = json!({"webhook_id": webhook});
        let deliveries = app.post("/thumbturn/webhooks/deliveries/list", body).await.field("webhook_deliveries");
        let tried = deliveries.as_array()?.iter().find(|delivery| {
            delivery["event_type"] == "lock.unlocked"
                && delivery["attempts"].as_array().is_some_and(|all| !all.is_empty())
        })?;
        Some(json!({"webhook_delivery_id": tried["webhook_delivery_id"]}))
    })
    .await
}

/// What differs from run to run, blotted out.
fn steady(snapshot: String) -> String {
    let lines = snapshot.lines().map(|line| {
        let line = match line.split_once("\"message_id\": \"msg_") {
            Some((before, rest)) => format!("{before}\"message_id\": \"[message]{}", &rest[32..]),
            None => line.to_owned(),
        };
        match line.split_once("\"took_ms\": ") {
            Some((before, rest)) => {
                format!("{before}\"took_ms\": [n]{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()))
            }
            None => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn get() {
    let app = TestApp::start().await;
    let path = "/thumbturn/webhooks/deliveries/get";
    let delivery = tried(&app).await;
    assert_snapshot!(steady(app.snap(path, delivery).await), @r#"
    /thumbturn/webhooks/deliveries/get 200
    {
      "ok": true,
      "webhook_delivery": {
        "attempts": [
          {"attempted_at": "[time]", "error": "private_address", "response_status": null, "took_ms": [n]}
        ],
        "created_at": "[time]",
        "event_id": "[id]",
        "event_type": "lock.unlocked",
        "message_id": "[message]",
        "next_attempt_at": "[time]",
        "status": "pending",
        "webhook_delivery_id": "[id]",
        "webhook_id": "[id]"
      }
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"webhook_delivery_id": NOTHING})).await, @r#"
    /thumbturn/webhooks/deliveries/get 404 webhook_delivery_not_found
    {
      "error": {
        "data": {"webhook_delivery_id": "[unknown id]"},
        "message": "Delivery not found",
        "type": "webhook_delivery_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"webhook_delivery_id": 7})).await, @r#"
    /thumbturn/webhooks/deliveries/get 400 invalid_input
    {
      "error": {
        "message": "Expected string, received number for \"webhook_delivery_id\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "webhook_delivery_id": {"_errors": ["Expected string, received number"]}
        }
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn list() {
    let app = TestApp::start().await;
    let path = "/thumbturn/webhooks/deliveries/list";
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /thumbturn/webhooks/deliveries/list 200
    {"ok": true, "webhook_deliveries": []}
    "#);
    assert_snapshot!(app.snap(path, json!({"status": "lost"})).await, @r#"
    /thumbturn/webhooks/deliveries/list 400 invalid_input
    {
      "error": {
        "message": "Invalid enum value. Expected 'pending' | 'delivered' | 'failed' | 'dropped', received 'lost' for \"status\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "status": {
            "_errors": [
              "Invalid enum value. Expected 'pending' | 'delivered' | 'failed' | 'dropped', received 'lost'"
            ]
          }
        }
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn replay() {
    let app = TestApp::start().await;
    let path = "/thumbturn/webhooks/deliveries/replay";
    let delivery = tried(&app).await;
    assert_snapshot!(app.snap(path, delivery).await, @r#"
    /thumbturn/webhooks/deliveries/replay 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, json!({"webhook_delivery_id": NOTHING})).await, @r#"
    /thumbturn/webhooks/deliveries/replay 404 webhook_delivery_not_found
    {
      "error": {
        "data": {"webhook_delivery_id": "[unknown id]"},
        "message": "Delivery not found",
        "type": "webhook_delivery_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /thumbturn/webhooks/deliveries/replay 400 invalid_input
    {
      "error": {
        "message": "webhook_delivery_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "webhook_delivery_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn replay_range() {
    let app = TestApp::start().await;
    let path = "/thumbturn/webhooks/deliveries/replay_range";
    app.unlock(0).await;
    let (_, webhook) = crate::webhooks::private(&app).await;
    let range = |more: Value| {
        let mut body = json!({"webhook_id": webhook, "since": "2020-01-01T00:00:00Z"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let unlocked = range(json!({"event_types": ["lock.unlocked"]}));
    assert_snapshot!(app.snap(path, unlocked).await, @r#"
    /thumbturn/webhooks/deliveries/replay_range 200
    {
      "ok": true,
      "webhook_replay": {
        "again_count": 0,
        "has_more": false,
        "new_count": 1,
        "replayed_until": "[time]",
        "webhook_id": "[id]"
      }
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"webhook_id": NOTHING, "since": "2020-01-01T00:00:00Z"})).await, @r#"
    /thumbturn/webhooks/deliveries/replay_range 404 webhook_not_found
    {
      "error": {
        "data": {"webhook_id": "[unknown id]"},
        "message": "Webhook not found",
        "type": "webhook_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, range(json!({"until": "2019-01-01T00:00:00Z"}))).await, @r#"
    /thumbturn/webhooks/deliveries/replay_range 400 invalid_input
    {
      "error": {
        "message": "Must be later than since for \"until\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "until": {"_errors": ["Must be later than since"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, range(json!({"event_types": ["lock.melted"]}))).await, @r#"
    /thumbturn/webhooks/deliveries/replay_range 400 invalid_event_types
    {
      "error": {
        "data": {"event_type": "lock.melted"},
        "message": "There is no such type of event",
        "type": "invalid_event_types"
      },
      "ok": false
    }
    "#);
}
