use insta::assert_snapshot;
use serde_json::json;

use super::stage::{NOTHING, shown};
use crate::app::TestApp;

#[tokio::test]
async fn get() {
    let app = TestApp::start().await;
    let path = "/thumbturn/action_attempts/evidence";
    app.set(0, json!({"faults": {"refuse": 1}})).await;
    let id = app.unlock(0).await["action_attempt_id"].clone();
    let mut evidence = app.post(path, json!({"action_attempt_id": id})).await;
    for stage in evidence.body["action_attempt_evidence"]["stages"].as_array_mut().unwrap() {
        assert!(stage["after_ms"].is_number(), "{stage}");
        stage["after_ms"] = json!("[number]");
    }
    assert_snapshot!(shown(path, &evidence), @r#"
    /thumbturn/action_attempts/evidence 200
    {
      "action_attempt_evidence": {
        "action_attempt_id": "[id]",
        "action_type": "UNLOCK_DOOR",
        "device_id": "[id]",
        "raw_message": "command: refused",
        "stages": [
          {"after_ms": "[number]", "at": "[time]", "stage": "accepted"},
          {"after_ms": "[number]", "at": "[time]", "stage": "turn_came"},
          {"after_ms": "[number]", "at": "[time]", "stage": "written"},
          {"after_ms": "[number]", "at": "[time]", "stage": "refused"},
          {"after_ms": "[number]", "at": "[time]", "decided_by": "refused", "stage": "ended"}
        ],
        "stages_left_out": 0,
        "status": "error"
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"action_attempt_id": NOTHING})).await, @r#"
    /thumbturn/action_attempts/evidence 404 action_attempt_not_found
    {
      "error": {
        "data": {"action_attempt_id": "[unknown id]"},
        "message": "action_attempt not found",
        "type": "action_attempt_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /thumbturn/action_attempts/evidence 400 invalid_input
    {
      "error": {
        "message": "action_attempt_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "action_attempt_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
}
