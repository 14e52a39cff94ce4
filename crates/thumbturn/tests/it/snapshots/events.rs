use insta::assert_snapshot;
use serde_json::json;

use super::stage::NOTHING;
use crate::app::TestApp;
use crate::ask::Ask;

#[tokio::test]
async fn get() {
    let app = TestApp::start().await;
    let path = "/events/get";
    app.unlock(0).await;
    assert_snapshot!(app.snap(path, json!({"event_type": "lock.unlocked"})).await, @r#"
    /events/get 200
    {
      "event": {
        "action_attempt_id": "[id]",
        "connected_account_custom_metadata": {},
        "connected_account_id": "[id]",
        "created_at": "[time]",
        "device_custom_metadata": {},
        "device_id": "[id]",
        "event_description": "A door was unlocked.",
        "event_id": "[id]",
        "event_type": "lock.unlocked",
        "method": "remote",
        "occurred_at": "[time]",
        "workspace_id": "[id]"
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"event_id": NOTHING})).await, @r#"
    /events/get 404 event_not_found
    {"error": {"message": "Event not found", "type": "event_not_found"}, "ok": false}
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /events/get 400 invalid_input
    {
      "error": {
        "message": "One of 'event_id', 'event_type' or 'device_id' is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": ["One of 'event_id', 'event_type' or 'device_id' is required"]}
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn list() {
    let app = TestApp::start().await;
    let path = "/events/list";
    app.unlock(0).await;
    let ended = json!({"since": "2000-01-01T00:00:00Z", "event_type": "action_attempt.unlock_door.succeeded"});
    assert_snapshot!(app.snap(path, ended).await, @r#"
    /events/list 200
    {
      "events": [
        {
          "action_attempt_id": "[id]",
          "action_type": "UNLOCK_DOOR",
          "connected_account_id": "[id]",
          "created_at": "[time]",
          "device_id": "[id]",
          "event_description": "An action attempt succeeded.",
          "event_id": "[id]",
          "event_type": "action_attempt.unlock_door.succeeded",
          "occurred_at": "[time]",
          "status": "success",
          "workspace_id": "[id]"
        }
      ],
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /events/list 400 invalid_input
    {
      "error": {
        "message": "One of 'since', 'between' or 'event_ids' is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": ["One of 'since', 'between' or 'event_ids' is required"]}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"since": "yesterday"})).await, @r#"
    /events/list 400 invalid_input
    {
      "error": {
        "message": "Invalid datetime for \"since\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "since": {"_errors": ["Invalid datetime"]}}
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn stream() {
    let app = TestApp::start().await;
    let path = "/thumbturn/events/stream";
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /thumbturn/events/stream 200
    {"ok": true, "stream": ["id: [time]", "retry: 1000", ""]}
    "#);
    assert_snapshot!(app.snap(path, json!({"since": "yesterday"})).await, @r#"
    /thumbturn/events/stream 400 invalid_input
    {
      "error": {
        "message": "Invalid datetime for \"since\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "since": {"_errors": ["Invalid datetime"]}}
      },
      "ok": false
    }
    "#);
    let lost = Ask::post(path).bearer(&app.own.api_key).header("last-event-id", "17");
    assert_snapshot!(app.snap_of(lost).await, @r#"
    /thumbturn/events/stream 400 invalid_input
    {
      "error": {
        "message": "Last-Event-ID must be the id of an event of this stream, such as 2026-01-15T08:30:01.250731Z",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [
            "Last-Event-ID must be the id of an event of this stream, such as 2026-01-15T08:30:01.250731Z"
          ]
        }
      },
      "ok": false
    }
    "#);
}
