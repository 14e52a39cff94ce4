use insta::assert_snapshot;
use serde_json::{Value, json};

use super::stage::NOTHING;
use crate::app::TestApp;
use crate::ask::Ask;

/// What a publishable key is answered.
async fn publishable(app: &TestApp, path: &str, body: Value) -> String {
    app.snap_of(Ask::post(path).header("seam-publishable-key", &app.own.publishable_key).json(body)).await
}

/// What an unknown publishable key is answered, and one that is sent twice.
async fn unknown(app: &TestApp, path: &str) -> [String; 2] {
    let key = app.own.publishable_key.replace("_pk", "_pkx");
    let one = Ask::post(path).header("seam-publishable-key", &key);
    let two = one.clone().header("seam-publishable-key", &key);
    [app.snap_of(one).await, app.snap_of(two).await]
}

#[tokio::test]
async fn create_with_a_publishable_key() {
    let app = TestApp::start().await;
    let path = "/client_sessions/create";
    assert_snapshot!(publishable(&app, path, json!({"user_identifier_key": "u"})).await, @r#"
    /client_sessions/create 200
    {
      "client_session": {
        "client_session_id": "[id]",
        "connect_webview_ids": [],
        "connected_account_ids": [],
        "created_at": "[time]",
        "device_count": 0,
        "expires_at": "[time]",
        "token": "[seam_cst1]",
        "user_identifier_key": "u",
        "user_identity_ids": [],
        "workspace_id": "[id]"
      },
      "ok": true
    }
    "#);
    assert_snapshot!(publishable(&app, path, json!({})).await, @r#"
    /client_sessions/create 401 publishable_key_requires_user_identifier_key
    {
      "error": {
        "message": "With a publishable key, user_identifier_key is required",
        "type": "publishable_key_requires_user_identifier_key"
      },
      "ok": false
    }
    "#);
    let granting = json!({"user_identifier_key": "u", "connected_account_ids": [app.own.account]});
    assert_snapshot!(publishable(&app, path, granting).await, @r#"
    /client_sessions/create 403 publishable_keys_must_create_empty_client_sessions
    {
      "error": {
        "message": "With a publishable key, a client session starts without accounts, webviews, identities and customer",
        "type": "publishable_keys_must_create_empty_client_sessions"
      },
      "ok": false
    }
    "#);
    let [one, two] = unknown(&app, path).await;
    assert_snapshot!(one, @r#"
    /client_sessions/create 401 workspace_not_found
    {"error": {"message": "Workspace not found", "type": "workspace_not_found"}, "ok": false}
    "#);
    assert_snapshot!(two, @r#"
    /client_sessions/create 401 invalid_publishable_key
    {
      "error": {
        "message": "The seam-publishable-key header must be one publishable key",
        "type": "invalid_publishable_key"
      },
      "ok": false
    }
    "#);
    app.ok("/workspaces/update", json!({"is_publishable_key_auth_enabled": false})).await;
    assert_snapshot!(publishable(&app, path, json!({"user_identifier_key": "u"})).await, @r#"
    /client_sessions/create 401 unauthorized
    {
      "error": {"message": "Publishable keys are switched off in this workspace", "type": "unauthorized"},
      "ok": false
    }
    "#);
}

/// What is 401 on `/client_sessions/create` is 400 here.
#[tokio::test]
async fn get_or_create_with_a_publishable_key() {
    let app = TestApp::start().await;
    let path = "/client_sessions/get_or_create";
    assert_snapshot!(publishable(&app, path, json!({})).await, @r#"
    /client_sessions/get_or_create 400 publishable_key_requires_user_identifier_key
    {
      "error": {
        "message": "With a publishable key, user_identifier_key is required",
        "type": "publishable_key_requires_user_identifier_key"
      },
      "ok": false
    }
    "#);
    let granting = json!({"user_identifier_key": "u", "user_identity_id": NOTHING});
    assert_snapshot!(publishable(&app, path, granting).await, @r#"
    /client_sessions/get_or_create 403 publishable_keys_must_create_empty_client_sessions
    {
      "error": {
        "message": "With a publishable key, a client session starts without accounts, webviews, identities and customer",
        "type": "publishable_keys_must_create_empty_client_sessions"
      },
      "ok": false
    }
    "#);
    let [one, two] = unknown(&app, path).await;
    assert_snapshot!(one, @r#"
    /client_sessions/get_or_create 400 workspace_not_found
    {"error": {"message": "Workspace not found", "type": "workspace_not_found"}, "ok": false}
    "#);
    assert_snapshot!(two, @r#"
    /client_sessions/get_or_create 401 invalid_publishable_key
    {
      "error": {
        "message": "The seam-publishable-key header must be one publishable key",
        "type": "invalid_publishable_key"
      },
      "ok": false
    }
    "#);
}
