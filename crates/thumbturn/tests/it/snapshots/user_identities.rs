use insta::assert_snapshot;
use serde_json::{Value, json};

use super::stage::NOTHING;
use crate::app::TestApp;

fn nobody() -> Value {
    json!({"user_identity_id": NOTHING})
}

/// Jane, by her id.
async fn made(app: &TestApp) -> Value {
    let jane = json!({"user_identity_key": "jane", "full_name": "Jane Doe"});
    let made = app.post("/user_identities/create", jane).await.field("user_identity");
    json!({"user_identity_id": made["user_identity_id"]})
}

fn with(mut identity: Value, name: &str, value: Value) -> Value {
    identity[name] = value;
    identity
}

#[tokio::test]
async fn create() {
    let app = TestApp::start().await;
    let path = "/user_identities/create";
    let whole = json!({
        "user_identity_key": "jane",
        "email_address": "jane@example.com",
        "phone_number": "+15555550100",
        "full_name": "Jane Doe",
    });
    assert_snapshot!(app.snap(path, whole).await, @r#"
    /user_identities/create 200
    {
      "ok": true,
      "user_identity": {
        "acs_user_ids": [],
        "created_at": "[time]",
        "display_name": "Jane Doe",
        "email_address": "jane@example.com",
        "errors": [],
        "full_name": "Jane Doe",
        "merged_user_identity_ids": [],
        "merged_user_identity_keys": [],
        "phone_number": "+15555550100",
        "user_identity_id": "[id]",
        "user_identity_key": "jane",
        "warnings": [],
        "workspace_id": "[id]"
      }
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"user_identity_key": "jane"})).await, @r#"
    /user_identities/create 409 user_identity_already_exists
    {
      "error": {
        "data": {"field": "user_identity_key"},
        "message": "The workspace already has a user identity with this user_identity_key",
        "type": "user_identity_already_exists"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"email_address": "jane@example.com"})).await, @r#"
    /user_identities/create 409 user_identity_already_exists
    {
      "error": {
        "data": {"field": "email_address"},
        "message": "The workspace already has a user identity with this email_address",
        "type": "user_identity_already_exists"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"phone_number": "+15555550100"})).await, @r#"
    /user_identities/create 409 user_identity_already_exists
    {
      "error": {
        "data": {"field": "phone_number"},
        "message": "The workspace already has a user identity with this phone_number",
        "type": "user_identity_already_exists"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"phone_number": "555", "email_address": "jane"})).await, @r#"
    /user_identities/create 400 invalid_input
    {
      "error": {
        "message": "2 Input Errors: Invalid email for \"email_address\", Invalid phone number, expected E.164 form such as +15555550100 for \"phone_number\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "email_address": {"_errors": ["Invalid email"]},
          "phone_number": {"_errors": ["Invalid phone number, expected E.164 form such as +15555550100"]}
        }
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn get() {
    let app = TestApp::start().await;
    let path = "/user_identities/get";
    assert_snapshot!(app.snap(path, made(&app).await).await, @r#"
    /user_identities/get 200
    {
      "ok": true,
      "user_identity": {
        "acs_user_ids": [],
        "created_at": "[time]",
        "display_name": "Jane Doe",
        "email_address": null,
        "errors": [],
        "full_name": "Jane Doe",
        "merged_user_identity_ids": [],
        "merged_user_identity_keys": [],
        "phone_number": null,
        "user_identity_id": "[id]",
        "user_identity_key": "jane",
        "warnings": [],
        "workspace_id": "[id]"
      }
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /user_identities/get 400 invalid_input
    {
      "error": {
        "message": "Either 'user_identity_id' or 'user_identity_key' is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": ["Either 'user_identity_id' or 'user_identity_key' is required"]}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, nobody()).await, @r#"
    /user_identities/get 404 user_identity_not_found
    {
      "error": {
        "data": {"user_identity_id": "[unknown id]"},
        "message": "User identity not found",
        "type": "user_identity_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"user_identity_key": "nobody"})).await, @r#"
    /user_identities/get 404 user_identity_not_found
    {
      "error": {
        "data": {"user_identity_key": "nobody"},
        "message": "User identity not found",
        "type": "user_identity_not_found"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn list() {
    let app = TestApp::start().await;
    let path = "/user_identities/list";
    made(&app).await;
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /user_identities/list 200
    {
      "ok": true,
      "pagination": {"has_next_page": false, "next_page_cursor": null, "next_page_url": null},
      "user_identities": [
        {
          "acs_user_ids": [],
          "created_at": "[time]",
          "display_name": "Jane Doe",
          "email_address": null,
          "errors": [],
          "full_name": "Jane Doe",
          "merged_user_identity_ids": [],
          "merged_user_identity_keys": [],
          "phone_number": null,
          "user_identity_id": "[id]",
          "user_identity_key": "jane",
          "warnings": [],
          "workspace_id": "[id]"
        }
      ]
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"user_identity_ids": ["x"]})).await, @r#"
    /user_identities/list 400 invalid_input
    {
      "error": {
        "message": "Invalid uuid for \"user_identity_ids.0\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "user_identity_ids": {"0": {"_errors": ["Invalid uuid"]}, "_errors": []}
        }
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn update() {
    let app = TestApp::start().await;
    let path = "/user_identities/update";
    app.ok("/user_identities/create", json!({"user_identity_key": "john"})).await;
    let jane = made(&app).await;
    assert_snapshot!(app.snap(path, with(jane.clone(), "full_name", json!("Jane Roe"))).await, @r#"
    /user_identities/update 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, with(jane.clone(), "phone_number", json!("555"))).await, @r#"
    /user_identities/update 400 invalid_input
    {
      "error": {
        "message": "Invalid phone number, expected E.164 form such as +15555550100 for \"phone_number\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "phone_number": {"_errors": ["Invalid phone number, expected E.164 form such as +15555550100"]}
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, nobody()).await, @r#"
    /user_identities/update 404 user_identity_not_found
    {
      "error": {
        "data": {"user_identity_id": "[unknown id]"},
        "message": "User identity not found",
        "type": "user_identity_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with(jane, "user_identity_key", json!("john"))).await, @r#"
    /user_identities/update 409 user_identity_already_exists
    {
      "error": {
        "data": {"field": "user_identity_key"},
        "message": "The workspace already has a user identity with this user_identity_key",
        "type": "user_identity_already_exists"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn delete() {
    let app = TestApp::start().await;
    let path = "/user_identities/delete";
    let jane = made(&app).await;
    assert_snapshot!(app.snap(path, jane.clone()).await, @r#"
    /user_identities/delete 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, jane).await, @r#"
    /user_identities/delete 404 user_identity_not_found
    {
      "error": {
        "data": {"user_identity_id": "[id]"},
        "message": "User identity not found",
        "type": "user_identity_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /user_identities/delete 400 invalid_input
    {
      "error": {
        "message": "user_identity_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "user_identity_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn merge() {
    let app = TestApp::start().await;
    let path = "/user_identities/merge";
    let jane = made(&app).await;
    let john = app.post("/user_identities/create", json!({"user_identity_key": "john"})).await.field("user_identity");
    let ids = |id: Value| with(jane.clone(), "merged_user_identity_ids", json!([id]));
    assert_snapshot!(app.snap(path, ids(john["user_identity_id"].clone())).await, @r#"
    /user_identities/merge 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, jane.clone()).await, @r#"
    /user_identities/merge 400 invalid_input
    {
      "error": {
        "message": "2 Input Errors: Either 'merged_user_identity_ids' or 'merged_user_identity_keys' is required, Either 'user_identity_id' with 'merged_user_identity_ids' or 'user_identity_key' with 'merged_user_identity_keys' is required",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [
            "Either 'merged_user_identity_ids' or 'merged_user_identity_keys' is required",
            "Either 'user_identity_id' with 'merged_user_identity_ids' or 'user_identity_key' with 'merged_user_identity_keys' is required"
          ]
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /user_identities/merge 400 invalid_input
    {
      "error": {
        "message": "2 Input Errors: Either 'user_identity_id' or 'user_identity_key' is required, Either 'merged_user_identity_ids' or 'merged_user_identity_keys' is required",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [
            "Either 'user_identity_id' or 'user_identity_key' is required",
            "Either 'merged_user_identity_ids' or 'merged_user_identity_keys' is required"
          ]
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, ids(json!(NOTHING))).await, @r#"
    /user_identities/merge 404 user_identity_not_found
    {
      "error": {
        "data": {"user_identity_id": "[unknown id]"},
        "message": "User identity not found",
        "type": "user_identity_not_found"
      },
      "ok": false
    }
    "#);
    let keys = json!({"user_identity_key": "jane", "merged_user_identity_keys": ["nobody"]});
    assert_snapshot!(app.snap(path, keys).await, @r#"
    /user_identities/merge 404 user_identity_not_found
    {
      "error": {
        "data": {"user_identity_key": "nobody"},
        "message": "User identity not found",
        "type": "user_identity_not_found"
      },
      "ok": false
    }
    "#);
}
