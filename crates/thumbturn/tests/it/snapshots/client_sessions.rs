use http::Method;
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::stage::{NOTHING, shown};
use crate::app::TestApp;
use crate::ask::Ask;

async fn made(app: &TestApp) -> Value {
    let body = json!({"user_identifier_key": "u", "connected_account_ids": [app.own.account]});
    app.post("/client_sessions/create", body).await.field("client_session")
}

#[tokio::test]
async fn create() {
    let app = TestApp::start().await;
    let path = "/client_sessions/create";
    let whole = json!({
        "user_identifier_key": "u",
        "connected_account_ids": [app.own.account],
        "customer_key": "hotel",
        "expires_at": "2100-01-01T00:00:00Z",
    });
    assert_snapshot!(app.snap(path, whole.clone()).await, @r#"
    /client_sessions/create 200
    {
      "client_session": {
        "client_session_id": "[id]",
        "connect_webview_ids": [],
        "connected_account_ids": ["[id]"],
        "created_at": "[time]",
        "customer_key": "hotel",
        "device_count": 5,
        "expires_at": "[time]",
        "token": "[seam_cst1]",
        "user_identifier_key": "u",
        "user_identity_ids": [],
        "workspace_id": "[id]"
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, whole).await, @r#"
    /client_sessions/create 400 client_session_token_already_exists
    {
      "error": {
        "message": "A client session with this user_identifier_key already exists",
        "type": "client_session_token_already_exists"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"expires_at": "2001-01-01T00:00:00Z"})).await, @r#"
    /client_sessions/create 400 invalid_input
    {
      "error": {
        "message": "Must be in the future for \"expires_at\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "expires_at": {"_errors": ["Must be in the future"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"connected_account_ids": [NOTHING]})).await, @r#"
    /client_sessions/create 404 connected_account_not_found
    {
      "error": {
        "data": {"connected_account_id": "[unknown id]"},
        "message": "Connected account not found",
        "type": "connected_account_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"connect_webview_ids": [NOTHING]})).await, @r#"
    /client_sessions/create 404 connect_webview_not_found
    {
      "error": {
        "data": {"connect_webview_id": "[unknown id]"},
        "message": "Connect webview not found",
        "type": "connect_webview_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"user_identity_id": NOTHING})).await, @r#"
    /client_sessions/create 404 user_identity_not_found
    {
      "error": {
        "data": {"user_identity_id": "[unknown id]"},
        "message": "User identity not found",
        "type": "user_identity_not_found"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn get_or_create() {
    let app = TestApp::start().await;
    let path = "/client_sessions/get_or_create";
    let identity = app.post("/user_identities/create", json!({})).await.field("user_identity");
    let whole = json!({"user_identifier_key": "u", "user_identity_id": identity["user_identity_id"]});
    assert_snapshot!(app.snap(path, whole).await, @r#"
    /client_sessions/get_or_create 200
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
        "user_identity_id": "[id]",
        "user_identity_ids": ["[id]"],
        "workspace_id": "[id]"
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"user_identifier_key": ""})).await, @r#"
    /client_sessions/get_or_create 400 invalid_input
    {
      "error": {
        "message": "String must contain at least 1 character(s) for \"user_identifier_key\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "user_identifier_key": {"_errors": ["String must contain at least 1 character(s)"]}
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"connected_account_ids": [NOTHING]})).await, @r#"
    /client_sessions/get_or_create 404 connected_account_not_found
    {
      "error": {
        "data": {"connected_account_id": "[unknown id]"},
        "message": "Connected account not found",
        "type": "connected_account_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"connect_webview_ids": [NOTHING]})).await, @r#"
    /client_sessions/get_or_create 404 connect_webview_not_found
    {
      "error": {
        "data": {"connect_webview_id": "[unknown id]"},
        "message": "Connect webview not found",
        "type": "connect_webview_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"user_identity_ids": [NOTHING]})).await, @r#"
    /client_sessions/get_or_create 404 user_identity_not_found
    {
      "error": {
        "data": {"user_identity_id": "[unknown id]"},
        "message": "User identity not found",
        "type": "user_identity_not_found"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn get() {
    let app = TestApp::start().await;
    let path = "/client_sessions/get";
    let session = made(&app).await;
    let token = session["token"].as_str().unwrap();
    let id = &session["client_session_id"];
    assert_snapshot!(app.snap_as(token, path, json!({})).await, @r#"
    /client_sessions/get 200
    {
      "client_session": {
        "client_session_id": "[id]",
        "connect_webview_ids": [],
        "connected_account_ids": ["[id]"],
        "created_at": "[time]",
        "device_count": 5,
        "expires_at": "[time]",
        "token": "[seam_cst1]",
        "user_identifier_key": "u",
        "user_identity_ids": [],
        "workspace_id": "[id]"
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /client_sessions/get 400 invalid_input
    {
      "error": {
        "message": "Either 'client_session_id' or 'user_identifier_key' is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": ["Either 'client_session_id' or 'user_identifier_key' is required"]}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"client_session_id": NOTHING})).await, @r#"
    /client_sessions/get 404 client_session_not_found
    {"error": {"message": "Could not find client session", "type": "client_session_not_found"}, "ok": false}
    "#);
    let both = json!({"client_session_id": id, "user_identifier_key": "u"});
    assert_snapshot!(app.snap_as(token, path, both).await, @r#"
    /client_sessions/get 400 invalid_options
    {
      "error": {
        "message": "With a client session token, client_session_id and user_identifier_key cannot be given together",
        "type": "invalid_options"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn list() {
    let app = TestApp::start().await;
    let path = "/client_sessions/list";
    made(&app).await;
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /client_sessions/list 200
    {
      "client_sessions": [
        {
          "client_session_id": "[id]",
          "connect_webview_ids": [],
          "connected_account_ids": ["[id]"],
          "created_at": "[time]",
          "device_count": 5,
          "expires_at": "[time]",
          "token": "[seam_cst1]",
          "user_identifier_key": "u",
          "user_identity_ids": [],
          "workspace_id": "[id]"
        }
      ],
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"without_user_identifier_key": "maybe"})).await, @r#"
    /client_sessions/list 400 invalid_input
    {
      "error": {
        "message": "Expected boolean, received string for \"without_user_identifier_key\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "without_user_identifier_key": {"_errors": ["Expected boolean, received string"]}
        }
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn grant_access() {
    let app = TestApp::start().await;
    let path = "/client_sessions/grant_access";
    made(&app).await;
    let (annex, _) = app.another_account(1).await;
    let granting = |name: &str, value: Value| json!({"user_identifier_key": "u", name: value});
    assert_snapshot!(app.snap(path, granting("connected_account_ids", json!([annex]))).await, @r#"
    /client_sessions/grant_access 200
    {
      "client_session": {
        "client_session_id": "[id]",
        "connect_webview_ids": [],
        "connected_account_ids": ["[id]", "[id]"],
        "created_at": "[time]",
        "device_count": 6,
        "expires_at": "[time]",
        "token": "[seam_cst1]",
        "user_identifier_key": "u",
        "user_identity_ids": [],
        "workspace_id": "[id]"
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /client_sessions/grant_access 400 invalid_input
    {
      "error": {
        "message": "Either 'client_session_id' or 'user_identifier_key' is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": ["Either 'client_session_id' or 'user_identifier_key' is required"]}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"user_identifier_key": "nobody"})).await, @r#"
    /client_sessions/grant_access 404 client_session_not_found
    {"error": {"message": "Could not find client session", "type": "client_session_not_found"}, "ok": false}
    "#);
    assert_snapshot!(app.snap(path, granting("connected_account_ids", json!([NOTHING]))).await, @r#"
    /client_sessions/grant_access 404 connected_account_not_found
    {
      "error": {
        "data": {"connected_account_id": "[unknown id]"},
        "message": "Connected account not found",
        "type": "connected_account_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, granting("connect_webview_ids", json!([NOTHING]))).await, @r#"
    /client_sessions/grant_access 404 connect_webview_not_found
    {
      "error": {
        "data": {"connect_webview_id": "[unknown id]"},
        "message": "Connect webview not found",
        "type": "connect_webview_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, granting("user_identity_id", json!(NOTHING))).await, @r#"
    /client_sessions/grant_access 404 user_identity_not_found
    {
      "error": {
        "data": {"user_identity_id": "[unknown id]"},
        "message": "User identity not found",
        "type": "user_identity_not_found"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn revoke() {
    let app = TestApp::start().await;
    let path = "/client_sessions/revoke";
    let id = made(&app).await["client_session_id"].clone();
    assert_snapshot!(app.snap(path, json!({"client_session_id": id})).await, @r#"
    /client_sessions/revoke 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, json!({"client_session_id": NOTHING})).await, @r#"
    /client_sessions/revoke 404 client_session_not_found
    {"error": {"message": "Could not find client session", "type": "client_session_not_found"}, "ok": false}
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /client_sessions/revoke 400 invalid_input
    {
      "error": {
        "message": "client_session_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "client_session_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn delete() {
    let app = TestApp::start().await;
    let path = "/client_sessions/delete";
    let id = made(&app).await["client_session_id"].clone();
    let uri = format!("{path}?client_session_id={}&_strict=true", id.as_str().unwrap());
    let deleted = app.send(Ask::new(Method::DELETE, uri).bearer(&app.own.api_key)).await;
    assert_snapshot!(shown(path, &deleted), @r#"
    /client_sessions/delete 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, json!({"client_session_id": id})).await, @r#"
    /client_sessions/delete 404 client_session_not_found
    {"error": {"message": "Could not find client session", "type": "client_session_not_found"}, "ok": false}
    "#);
    assert_snapshot!(app.snap(path, json!({"client_session_id": 5})).await, @r#"
    /client_sessions/delete 400 invalid_input
    {
      "error": {
        "message": "Expected string, received number for \"client_session_id\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "client_session_id": {"_errors": ["Expected string, received number"]}
        }
      },
      "ok": false
    }
    "#);
}
