use insta::assert_snapshot;
use serde_json::json;

use crate::app::{ORDINARY, TestApp};

#[tokio::test]
async fn get() {
    let app = TestApp::start().await;
    assert_snapshot!(app.snap("/workspaces/get", json!({})).await, @r#"
    /workspaces/get 200
    {
      "ok": true,
      "workspace": {
        "company_name": "A company",
        "connect_partner_name": "A company",
        "connect_webview_customization": {},
        "is_publishable_key_auth_enabled": true,
        "is_sandbox": true,
        "is_suspended": false,
        "name": "A workspace",
        "organization_id": null,
        "publishable_key": "[seam_pk1]",
        "workspace_id": "[id]"
      }
    }
    "#);
}

#[tokio::test]
async fn list() {
    let app = TestApp::start().await;
    assert_snapshot!(app.snap("/workspaces/list", json!({})).await, @r#"
    /workspaces/list 200
    {
      "ok": true,
      "workspaces": [
        {
          "company_name": "A company",
          "connect_partner_name": "A company",
          "connect_webview_customization": {},
          "is_publishable_key_auth_enabled": true,
          "is_sandbox": true,
          "is_suspended": false,
          "name": "A workspace",
          "organization_id": null,
          "publishable_key": "[seam_pk1]",
          "workspace_id": "[id]"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn create() {
    let app = TestApp::start().await;
    let path = "/workspaces/create";
    let whole = json!({
        "name": "Lab",
        "connect_partner_name": "Labs Inc",
        "is_sandbox": true,
        "connect_webview_customization": {"logo_shape": "square", "success_message": "Done"},
    });
    assert_snapshot!(app.snap_as(&app.pat, path, whole).await, @r#"
    /workspaces/create 200
    {
      "ok": true,
      "workspace": {
        "company_name": "Labs Inc",
        "connect_partner_name": "Labs Inc",
        "connect_webview_customization": {"logo_shape": "square", "success_message": "Done"},
        "is_publishable_key_auth_enabled": true,
        "is_sandbox": true,
        "is_suspended": false,
        "name": "Lab",
        "organization_id": null,
        "publishable_key": "[seam_pk1]",
        "workspace_id": "[id]"
      }
    }
    "#);
    assert_snapshot!(app.snap_as(&app.pat, path, json!({"name": ""})).await, @r#"
    /workspaces/create 400 invalid_input
    {
      "error": {
        "message": "String must contain at least 1 character(s) for \"name\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "name": {"_errors": ["String must contain at least 1 character(s)"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap_as(&app.own.pat, path, json!({"name": "Lab"})).await, @r#"
    /workspaces/create 401 unauthorized
    {"error": {"message": "This token is bound to one workspace", "type": "unauthorized"}, "ok": false}
    "#);
}

#[tokio::test]
async fn update() {
    let app = TestApp::start().await;
    let path = "/workspaces/update";
    assert_snapshot!(app.snap(path, json!({"name": "Lab"})).await, @r#"
    /workspaces/update 200
    {"ok": true}
    "#);
    let shape = json!({"connect_webview_customization": {"logo_shape": "triangle"}});
    assert_snapshot!(app.snap(path, shape).await, @r#"
    /workspaces/update 400 invalid_input
    {
      "error": {
        "message": "Invalid enum value. Expected 'circle' | 'square', received 'triangle' for \"connect_webview_customization.logo_shape\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "connect_webview_customization": {
            "_errors": [],
            "logo_shape": {"_errors": ["Invalid enum value. Expected 'circle' | 'square', received 'triangle'"]}
          }
        }
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn reset_sandbox() {
    let app = TestApp::start().await;
    assert_snapshot!(app.snap("/workspaces/reset_sandbox", json!({})).await, @r#"
    /workspaces/reset_sandbox 200
    {
      "action_attempt": {
        "action_attempt_id": "[id]",
        "action_type": "RESET_SANDBOX_WORKSPACE",
        "error": null,
        "result": {},
        "status": "success"
      },
      "ok": true
    }
    "#);
    let app = TestApp::with(ORDINARY, &[]).await;
    assert_snapshot!(app.snap("/workspaces/reset_sandbox", json!({})).await, @r#"
    /workspaces/reset_sandbox 400 workspace_not_sandbox
    {
      "error": {"message": "can only reset sandbox on sandbox workspaces", "type": "workspace_not_sandbox"},
      "ok": false
    }
    "#);
}

/// Nothing deletes a workspace yet, and a key that outlives its own is told so.
#[tokio::test]
async fn a_workspace_that_is_gone() {
    let app = TestApp::start().await;
    let database = rusqlite::Connection::open(app.database()).unwrap();
    database.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM workspaces").unwrap();
    assert_snapshot!(app.snap("/workspaces/get", json!({})).await, @r#"
    /workspaces/get 404 workspace_not_found
    {"error": {"message": "Workspace not found", "type": "workspace_not_found"}, "ok": false}
    "#);
    assert_snapshot!(app.snap("/workspaces/update", json!({})).await, @r#"
    /workspaces/update 404 workspace_not_found
    {"error": {"message": "Workspace not found", "type": "workspace_not_found"}, "ok": false}
    "#);
}
