use insta::assert_snapshot;
use serde_json::{Value, json};

use super::stage::NOTHING;
use crate::app::{ORDINARY, TestApp};

/// A new webhook, to a name that never has an address.
async fn made(app: &TestApp) -> Value {
    let body = json!({"url": "https://thumbturn.invalid/hook", "event_types": ["lock.unlocked"]});
    let webhook = app.post("/webhooks/create", body).await.field("webhook");
    json!({"webhook_id": webhook["webhook_id"]})
}

#[tokio::test]
async fn create() {
    let app = TestApp::with(ORDINARY, &[]).await;
    let path = "/webhooks/create";
    assert_snapshot!(app.snap(path, json!({"url": "https://thumbturn.invalid/hook"})).await, @r#"
    /webhooks/create 200
    {
      "ok": true,
      "webhook": {
        "event_types": ["*"],
        "secret": "[whsec_]",
        "url": "https://thumbturn.invalid/hook",
        "webhook_id": "[id]"
      }
    }
    "#);
    let url = |url: &str| json!({"url": url});
    assert_snapshot!(app.snap(path, url("ftp://thumbturn.invalid")).await, @r#"
    /webhooks/create 400 invalid_input
    {
      "error": {
        "message": "Invalid url, expected http:// or https:// for \"url\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "url": {"_errors": ["Invalid url, expected http:// or https://"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, url("http://thumbturn.invalid")).await, @r#"
    /webhooks/create 400 invalid_input
    {
      "error": {
        "message": "Invalid url, expected https://; the operator may allow http:// by webhooks.allow_private_addresses for \"url\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "url": {
            "_errors": [
              "Invalid url, expected https://; the operator may allow http:// by webhooks.allow_private_addresses"
            ]
          }
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, url("https://169.254.169.254/latest")).await, @r#"
    /webhooks/create 400 invalid_input
    {
      "error": {
        "message": "A private address; the operator may allow those by webhooks.allow_private_addresses for \"url\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "url": {
            "_errors": ["A private address; the operator may allow those by webhooks.allow_private_addresses"]
          }
        }
      },
      "ok": false
    }
    "#);
    let types = |types: Value| json!({"url": "https://thumbturn.invalid/hook", "event_types": types});
    assert_snapshot!(app.snap(path, types(json!(["lock.melted"]))).await, @r#"
    /webhooks/create 400 invalid_event_types
    {
      "error": {
        "data": {"event_type": "lock.melted"},
        "message": "There is no such type of event",
        "type": "invalid_event_types"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, types(json!(["*", "lock.locked"]))).await, @r#"
    /webhooks/create 400 invalid_event_types
    {
      "error": {"message": "* stands for every type, so it must stand alone", "type": "invalid_event_types"},
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn get() {
    let app = TestApp::start().await;
    let path = "/webhooks/get";
    let webhook = made(&app).await;
    assert_snapshot!(app.snap(path, webhook).await, @r#"
    /webhooks/get 200
    {
      "ok": true,
      "webhook": {
        "event_types": ["lock.unlocked"],
        "secret": "[whsec_]",
        "url": "https://thumbturn.invalid/hook",
        "webhook_id": "[id]"
      }
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"webhook_id": NOTHING})).await, @r#"
    /webhooks/get 404 webhook_not_found
    {
      "error": {
        "data": {"webhook_id": "[unknown id]"},
        "message": "Webhook not found",
        "type": "webhook_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /webhooks/get 400 invalid_input
    {
      "error": {
        "message": "webhook_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "webhook_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn list() {
    let app = TestApp::start().await;
    made(&app).await;
    assert_snapshot!(app.snap("/webhooks/list", json!({})).await, @r#"
    /webhooks/list 200
    {
      "ok": true,
      "webhooks": [
        {
          "event_types": ["lock.unlocked"],
          "secret": "[whsec_]",
          "url": "https://thumbturn.invalid/hook",
          "webhook_id": "[id]"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn update() {
    let app = TestApp::start().await;
    let path = "/webhooks/update";
    let mut webhook = made(&app).await;
    webhook["event_types"] = json!(["lock.locked"]);
    assert_snapshot!(app.snap(path, webhook.clone()).await, @r#"
    /webhooks/update 200
    {"ok": true}
    "#);
    webhook["event_types"] = json!(["lock.melted"]);
    assert_snapshot!(app.snap(path, webhook.clone()).await, @r#"
    /webhooks/update 400 invalid_event_types
    {
      "error": {
        "data": {"event_type": "lock.melted"},
        "message": "There is no such type of event",
        "type": "invalid_event_types"
      },
      "ok": false
    }
    "#);
    webhook["event_types"] = json!([]);
    assert_snapshot!(app.snap(path, webhook).await, @r#"
    /webhooks/update 400 invalid_input
    {
      "error": {
        "message": "Array must contain at least 1 element(s) for \"event_types\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "event_types": {"_errors": ["Array must contain at least 1 element(s)"]}
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"webhook_id": NOTHING, "event_types": ["*"]})).await, @r#"
    /webhooks/update 404 webhook_not_found
    {
      "error": {
        "data": {"webhook_id": "[unknown id]"},
        "message": "Webhook not found",
        "type": "webhook_not_found"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn delete() {
    let app = TestApp::start().await;
    let path = "/webhooks/delete";
    let webhook = made(&app).await;
    assert_snapshot!(app.snap(path, webhook).await, @r#"
    /webhooks/delete 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, json!({"webhook_id": NOTHING})).await, @r#"
    /webhooks/delete 404 webhook_not_found
    {
      "error": {
        "data": {"webhook_id": "[unknown id]"},
        "message": "Webhook not found",
        "type": "webhook_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /webhooks/delete 400 invalid_input
    {
      "error": {
        "message": "webhook_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "webhook_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn list_states() {
    let app = TestApp::start().await;
    made(&app).await;
    assert_snapshot!(app.snap("/thumbturn/webhooks/list_states", json!({})).await, @r#"
    /thumbturn/webhooks/list_states 200
    {
      "ok": true,
      "webhook_states": [
        {
          "disabled_at": null,
          "failing_since": null,
          "is_disabled": false,
          "pending_deliveries": 0,
          "url": "https://thumbturn.invalid/hook",
          "webhook_id": "[id]"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn enable() {
    let app = TestApp::start().await;
    let path = "/thumbturn/webhooks/enable";
    let webhook = made(&app).await;
    assert_snapshot!(app.snap(path, webhook).await, @r#"
    /thumbturn/webhooks/enable 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, json!({"webhook_id": NOTHING})).await, @r#"
    /thumbturn/webhooks/enable 404 webhook_not_found
    {
      "error": {
        "data": {"webhook_id": "[unknown id]"},
        "message": "Webhook not found",
        "type": "webhook_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /thumbturn/webhooks/enable 400 invalid_input
    {
      "error": {
        "message": "webhook_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "webhook_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn rotate_secret() {
    let app = TestApp::start().await;
    let path = "/thumbturn/webhooks/rotate_secret";
    let webhook = made(&app).await;
    assert_snapshot!(app.snap(path, webhook).await, @r#"
    /thumbturn/webhooks/rotate_secret 200
    {
      "ok": true,
      "webhook": {
        "event_types": ["lock.unlocked"],
        "secret": "[whsec_]",
        "url": "https://thumbturn.invalid/hook",
        "webhook_id": "[id]"
      }
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"webhook_id": NOTHING})).await, @r#"
    /thumbturn/webhooks/rotate_secret 404 webhook_not_found
    {
      "error": {
        "data": {"webhook_id": "[unknown id]"},
        "message": "Webhook not found",
        "type": "webhook_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /thumbturn/webhooks/rotate_secret 400 invalid_input
    {
      "error": {
        "message": "webhook_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "webhook_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
}
