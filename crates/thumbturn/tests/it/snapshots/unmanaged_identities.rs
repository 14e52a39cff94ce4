use insta::assert_snapshot;
use serde_json::json;

use super::stage::NOTHING;
use crate::app::TestApp;

#[tokio::test]
async fn unmanaged() {
    let app = TestApp::start().await;
    let path = "/user_identities/unmanaged/get";
    assert_snapshot!(app.snap(path, json!({"user_identity_id": NOTHING})).await, @r#"
    /user_identities/unmanaged/get 404 user_identity_not_found
    {
      "error": {
        "data": {"user_identity_id": "[unknown id]"},
        "message": "User identity not found",
        "type": "user_identity_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /user_identities/unmanaged/get 400 invalid_input
    {
      "error": {
        "message": "user_identity_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "user_identity_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
    let path = "/user_identities/unmanaged/list";
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /user_identities/unmanaged/list 200
    {
      "ok": true,
      "pagination": {"has_next_page": false, "next_page_cursor": null, "next_page_url": null},
      "user_identities": []
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"limit": "many"})).await, @r#"
    /user_identities/unmanaged/list 400 invalid_input
    {
      "error": {
        "message": "Expected number, received string for \"limit\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "limit": {"_errors": ["Expected number, received string"]}}
      },
      "ok": false
    }
    "#);
    let path = "/user_identities/unmanaged/update";
    assert_snapshot!(app.snap(path, json!({"user_identity_id": NOTHING, "is_managed": true})).await, @r#"
    /user_identities/unmanaged/update 404 user_identity_not_found
    {
      "error": {
        "data": {"user_identity_id": "[unknown id]"},
        "message": "User identity not found",
        "type": "user_identity_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"user_identity_id": NOTHING})).await, @r#"
    /user_identities/unmanaged/update 400 invalid_input
    {
      "error": {
        "message": "is_managed is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "is_managed": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
}
