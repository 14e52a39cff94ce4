use insta::assert_snapshot;
use serde_json::{Value, json};

use super::stage::NOTHING;
use crate::app::TestApp;

#[tokio::test]
async fn acs_entrances() {
    let app = TestApp::start().await;
    let id = app.post("/spaces/create", json!({"name": "Room"})).await.field("space")["space_id"].clone();
    let with = |space: &Value| json!({"space_id": space, "acs_entrance_ids": [NOTHING]});
    let path = "/spaces/add_acs_entrances";
    assert_snapshot!(app.snap(path, with(&id)).await, @r#"
    /spaces/add_acs_entrances 400 not_supported
    {
      "error": {
        "message": "This server has no access systems, so a space can have no entrances",
        "type": "not_supported"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with(&json!(NOTHING))).await, @r#"
    /spaces/add_acs_entrances 404 space_not_found
    {
      "error": {"data": {"space_id": "[unknown id]"}, "message": "Space not found", "type": "space_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"space_id": id})).await, @r#"
    /spaces/add_acs_entrances 400 invalid_input
    {
      "error": {
        "message": "acs_entrance_ids is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "acs_entrance_ids": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
    let path = "/spaces/remove_acs_entrances";
    assert_snapshot!(app.snap(path, with(&id)).await, @r#"
    /spaces/remove_acs_entrances 400 not_supported
    {
      "error": {
        "message": "This server has no access systems, so a space can have no entrances",
        "type": "not_supported"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with(&json!(NOTHING))).await, @r#"
    /spaces/remove_acs_entrances 404 space_not_found
    {
      "error": {"data": {"space_id": "[unknown id]"}, "message": "Space not found", "type": "space_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"space_id": id})).await, @r#"
    /spaces/remove_acs_entrances 400 invalid_input
    {
      "error": {
        "message": "acs_entrance_ids is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "acs_entrance_ids": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
}
