use insta::assert_snapshot;
use serde_json::json;
use thumbturn_core::change::Change;
use thumbturn_core::ids::AccountId;

use super::stage::shown;
use crate::app::{ORDINARY, TestApp, uuid};

#[tokio::test]
async fn create() {
    let app = TestApp::start().await;
    let path = "/thumbturn/connected_accounts/create";
    let locks = |locks: i64| json!({"provider": "sandbox", "config": {"locks": locks}, "display_name": "Annex"});
    assert_snapshot!(app.snap(path, locks(1)).await, @r#"
    /thumbturn/connected_accounts/create 200
    {
      "connected_account": {
        "accepted_capabilities": ["lock"],
        "account_type": "sandbox",
        "account_type_display_name": "Sandbox",
        "automatically_manage_new_devices": true,
        "connected_account_id": "[id]",
        "created_at": "[time]",
        "custom_metadata": {},
        "display_name": "Annex",
        "errors": [],
        "user_identifier": {},
        "warnings": []
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, locks(-1)).await, @r#"
    /thumbturn/connected_accounts/create 400 invalid_input
    {
      "error": {
        "message": "must be a whole number from 1 to 10000 for \"config.locks\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "config": {"_errors": [], "locks": {"_errors": ["must be a whole number from 1 to 10000"]}}
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"provider": "carrier_pigeon"})).await, @r#"
    /thumbturn/connected_accounts/create 400 invalid_input
    {
      "error": {
        "message": "Invalid enum value. Expected 'sandbox' | 'mqtt' | 'zwave_js' | 'home_assistant' | 'matter', received 'carrier_pigeon' for \"provider\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "provider": {
            "_errors": [
              "Invalid enum value. Expected 'sandbox' | 'mqtt' | 'zwave_js' | 'home_assistant' | 'matter', received 'carrier_pigeon'"
            ]
          }
        }
      },
      "ok": false
    }
    "#);
    let broker = json!({"provider": "mqtt", "config": {"url": "mqtt://127.0.0.1:1"}});
    app.ok(path, broker.clone()).await;
    assert_snapshot!(app.snap(path, broker).await, @r#"
    /thumbturn/connected_accounts/create 409 hub_already_connected
    {
      "error": {
        "message": "This workspace already has a connected account for this hub",
        "type": "hub_already_connected"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn create_outside_a_sandbox() {
    let app = TestApp::with(ORDINARY, &[]).await;
    let path = "/thumbturn/connected_accounts/create";
    assert_snapshot!(app.snap(path, json!({"provider": "sandbox"})).await, @r#"
    /thumbturn/connected_accounts/create 400 workspace_not_sandbox
    {
      "error": {
        "message": "Virtual locks can only be made in a sandbox workspace",
        "type": "workspace_not_sandbox"
      },
      "ok": false
    }
    "#);
}

/// The answer waits for the first connection. Before this one is made or fails, somebody else deletes the account.
#[tokio::test]
async fn create_what_is_deleted_meanwhile() {
    let app = TestApp::start().await;
    let path = "/thumbturn/connected_accounts/create";
    let broker = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}", broker.local_addr().unwrap());
    let creating = app.post(path, json!({"provider": "mqtt", "config": {"url": url}}));
    let deleting = async {
        let connection = broker.accept().await.unwrap();
        let accounts = app.get("/connected_accounts/list").await.field("connected_accounts");
        let made = accounts.as_array().unwrap().iter().find(|account| account["account_type"] == "mqtt").unwrap();
        let account = AccountId(uuid(&made["connected_account_id"]));
        app.store.commit(Change::AccountDeleted { account, events: Vec::new() }).await.unwrap();
        drop(connection);
    };
    let (created, ()) = tokio::join!(creating, deleting);
    assert_snapshot!(shown(path, &created), @r#"
    /thumbturn/connected_accounts/create 404 connected_account_not_found
    {
      "error": {
        "data": {"connected_account_id": "[id]"},
        "message": "Connected account not found",
        "type": "connected_account_not_found"
      },
      "ok": false
    }
    "#);
}
