use insta::assert_snapshot;
use serde_json::json;

use super::stage::NOTHING;
use crate::app::TestApp;

#[tokio::test]
async fn get() {
    let app = TestApp::start().await;
    let path = "/action_attempts/get";
    let id = app.unlock(0).await["action_attempt_id"].clone();
    assert_snapshot!(app.snap(path, json!({"action_attempt_id": id})).await, @r#"
    /action_attempts/get 200
    {
      "action_attempt": {
        "action_attempt_id": "[id]",
        "action_type": "UNLOCK_DOOR",
        "error": null,
        "result": {"was_confirmed_by_device": true},
        "status": "success"
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"action_attempt_id": NOTHING})).await, @r#"
    /action_attempts/get 404 action_attempt_not_found
    {
      "error": {
        "data": {"action_attempt_id": "[unknown id]"},
        "message": "action_attempt not found",
        "type": "action_attempt_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"action_attempt_id": "x"})).await, @r#"
    /action_attempts/get 400 invalid_input
    {
      "error": {
        "message": "Invalid uuid for \"action_attempt_id\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "action_attempt_id": {"_errors": ["Invalid uuid"]}}
      },
      "ok": false
    }
    "#);
}

/// One that has not ended, and one that has ended badly.
#[tokio::test]
async fn attempts_that_are_no_success() {
    let app = TestApp::start().await;
    let path = "/action_attempts/get";
    app.set(0, json!({"latency_ms": 600_000})).await;
    let ask = crate::ask::Ask::post("/locks/unlock_door").bearer(&app.own.api_key).header("prefer", "respond-async");
    let pending = app.send(ask.json(app.own.device())).await.field("action_attempt");
    assert_snapshot!(app.snap(path, json!({"action_attempt_id": pending["action_attempt_id"]})).await, @r#"
    /action_attempts/get 200
    {
      "action_attempt": {
        "action_attempt_id": "[id]",
        "action_type": "UNLOCK_DOOR",
        "error": null,
        "result": null,
        "status": "pending"
      },
      "ok": true
    }
    "#);
    app.set(1, json!({"faults": {"jam": true}})).await;
    let jammed = app.decided(&app.unlock(1).await).await;
    assert_snapshot!(app.snap(path, json!({"action_attempt_id": jammed["action_attempt_id"]})).await, @r#"
    /action_attempts/get 200
    {
      "action_attempt": {
        "action_attempt_id": "[id]",
        "action_type": "UNLOCK_DOOR",
        "error": {"message": "The lock reports that its bolt is jammed.", "type": "lock_jammed"},
        "result": null,
        "status": "error"
      },
      "ok": true
    }
    "#);
}

#[tokio::test]
async fn list() {
    let app = TestApp::start().await;
    let path = "/action_attempts/list";
    for index in [0, 1] {
        app.unlock(index).await;
    }
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /action_attempts/list 200
    {
      "action_attempts": [
        {
          "action_attempt_id": "[id]",
          "action_type": "UNLOCK_DOOR",
          "error": null,
          "result": {"was_confirmed_by_device": true},
          "status": "success"
        },
        {
          "action_attempt_id": "[id]",
          "action_type": "UNLOCK_DOOR",
          "error": null,
          "result": {"was_confirmed_by_device": true},
          "status": "success"
        }
      ],
      "ok": true,
      "pagination": {"has_next_page": false, "next_page_cursor": null, "next_page_url": null}
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"limit": 0})).await, @r#"
    /action_attempts/list 400 invalid_input
    {
      "error": {
        "message": "Number must be greater than 0 for \"limit\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "limit": {"_errors": ["Number must be greater than 0"]}}
      },
      "ok": false
    }
    "#);
}
