use insta::assert_snapshot;
use serde_json::{Value, json};

use super::stage::NOTHING;
use crate::app::TestApp;

fn nobody() -> Value {
    json!({"connected_account_id": NOTHING})
}

fn own(app: &TestApp) -> Value {
    json!({"connected_account_id": app.own.account})
}

#[tokio::test]
async fn get() {
    let app = TestApp::start().await;
    let path = "/connected_accounts/get";
    assert_snapshot!(app.snap(path, own(&app)).await, @r#"
    /connected_accounts/get 200
    {
      "connected_account": {
        "accepted_capabilities": ["lock"],
        "account_type": "sandbox",
        "account_type_display_name": "Sandbox",
        "automatically_manage_new_devices": true,
        "connected_account_id": "[id]",
        "created_at": "[time]",
        "custom_metadata": {},
        "display_name": "Sandbox locks",
        "errors": [],
        "user_identifier": {},
        "warnings": []
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, nobody()).await, @r#"
    /connected_accounts/get 404 connected_account_not_found
    {
      "error": {
        "data": {"connected_account_id": "[unknown id]"},
        "message": "Connected account not found",
        "type": "connected_account_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"email": "jane@example.com"})).await, @r#"
    /connected_accounts/get 404 connected_account_not_found
    {"error": {"message": "Connected account not found", "type": "connected_account_not_found"}, "ok": false}
    "#);
    assert_snapshot!(app.snap(path, json!({"email": "no address"})).await, @r#"
    /connected_accounts/get 400 invalid_input
    {
      "error": {
        "message": "Invalid email for \"email\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "email": {"_errors": ["Invalid email"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /connected_accounts/get 400 invalid_input
    {
      "error": {
        "message": "Either 'connected_account_id' or 'email' is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": ["Either 'connected_account_id' or 'email' is required"]}
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn an_account_that_is_out_of_reach() {
    let app = TestApp::start().await;
    let path = "/connected_accounts/get";
    let (_, account) = app.real_lock().await;
    let unreached = app.snap(path, json!({"connected_account_id": account})).await;
    // Systems number their errors differently.
    let unreached = unreached.replace(" (os error 111)", "").replace(" (os error 61)", "");
    assert_snapshot!(unreached, @r#"
    /connected_accounts/get 200
    {
      "connected_account": {
        "accepted_capabilities": ["lock"],
        "account_type": "mqtt",
        "account_type_display_name": "MQTT",
        "automatically_manage_new_devices": true,
        "connected_account_id": "[id]",
        "created_at": "[time]",
        "custom_metadata": {},
        "display_name": "MQTT 127.0.0.1:1",
        "errors": [],
        "user_identifier": {"api_url": "127.0.0.1:1"},
        "warnings": [
          {
            "created_at": "[time]",
            "message": "The MQTT broker 127.0.0.1:1 is not connected: Connection refused.",
            "warning_code": "provider_service_unavailable"
          }
        ]
      },
      "ok": true
    }
    "#);
    app.ok("/connected_accounts/simulate/disconnect", own(&app)).await;
    assert_snapshot!(app.snap(path, own(&app)).await, @r#"
    /connected_accounts/get 200
    {
      "connected_account": {
        "accepted_capabilities": ["lock"],
        "account_type": "sandbox",
        "account_type_display_name": "Sandbox",
        "automatically_manage_new_devices": true,
        "connected_account_id": "[id]",
        "created_at": "[time]",
        "custom_metadata": {},
        "display_name": "Sandbox locks",
        "errors": [
          {
            "created_at": "[time]",
            "error_code": "account_disconnected",
            "is_connected_account_error": true,
            "message": "The provider no longer accepts the login (simulated). Reset the sandbox to connect again."
          }
        ],
        "user_identifier": {},
        "warnings": []
      },
      "ok": true
    }
    "#);
}

#[tokio::test]
async fn list() {
    let app = TestApp::start().await;
    let path = "/connected_accounts/list";
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /connected_accounts/list 200
    {
      "connected_accounts": [
        {
          "accepted_capabilities": ["lock"],
          "account_type": "sandbox",
          "account_type_display_name": "Sandbox",
          "automatically_manage_new_devices": true,
          "connected_account_id": "[id]",
          "created_at": "[time]",
          "custom_metadata": {},
          "display_name": "Sandbox locks",
          "errors": [],
          "user_identifier": {},
          "warnings": []
        }
      ],
      "ok": true,
      "pagination": {"has_next_page": false, "next_page_cursor": null, "next_page_url": null}
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"custom_metadata_has": "vip"})).await, @r#"
    /connected_accounts/list 400 invalid_input
    {
      "error": {
        "message": "Expected object, received string for \"custom_metadata_has\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "custom_metadata_has": {"_errors": ["Expected object, received string"]}
        }
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn update() {
    let app = TestApp::start().await;
    let path = "/connected_accounts/update";
    let with = |name: &str, value: Value| json!({"connected_account_id": app.own.account, name: value});
    let whole = json!({
        "connected_account_id": app.own.account,
        "display_name": "Annex",
        "customer_key": "hotel",
        "custom_metadata": {"wing": "west", "vip": true},
        "automatically_manage_new_devices": false,
    });
    assert_snapshot!(app.snap(path, whole).await, @r#"
    /connected_accounts/update 200
    {
      "connected_account": {
        "accepted_capabilities": ["lock"],
        "account_type": "sandbox",
        "account_type_display_name": "Sandbox",
        "automatically_manage_new_devices": false,
        "connected_account_id": "[id]",
        "created_at": "[time]",
        "custom_metadata": {"vip": true, "wing": "west"},
        "customer_key": "hotel",
        "display_name": "Annex",
        "errors": [],
        "user_identifier": {},
        "warnings": []
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, with("custom_metadata", json!({"floor": 3}))).await, @r#"
    /connected_accounts/update 400 invalid_input
    {
      "error": {
        "message": "Expected string or boolean, received number for \"custom_metadata.floor\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "custom_metadata": {
            "_errors": [],
            "floor": {"_errors": ["Expected string or boolean, received number"]}
          }
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, nobody()).await, @r#"
    /connected_accounts/update 404 connected_account_not_found
    {
      "error": {
        "data": {"connected_account_id": "[unknown id]"},
        "message": "Connected account not found",
        "type": "connected_account_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with("customer_key", json!("motel"))).await, @r#"
    /connected_accounts/update 400 customer_key_already_set
    {
      "error": {
        "data": {"customer_key": "hotel"},
        "message": "The connected account belongs to another customer already",
        "type": "customer_key_already_set"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with("accepted_capabilities", json!(["camera"]))).await, @r#"
    /connected_accounts/update 501 not_implemented
    {
      "error": {
        "message": "Accounts take in locks and nothing else yet: accepted_capabilities can only be [\"lock\"]",
        "type": "not_implemented"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn delete() {
    let app = TestApp::start().await;
    let path = "/connected_accounts/delete";
    assert_snapshot!(app.snap(path, own(&app)).await, @r#"
    /connected_accounts/delete 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, own(&app)).await, @r#"
    /connected_accounts/delete 404 connected_account_not_found
    {
      "error": {
        "data": {"connected_account_id": "[id]"},
        "message": "Connected account not found",
        "type": "connected_account_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /connected_accounts/delete 400 invalid_input
    {
      "error": {
        "message": "connected_account_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "connected_account_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn sync() {
    let app = TestApp::start().await;
    let path = "/connected_accounts/sync";
    assert_snapshot!(app.snap(path, own(&app)).await, @r#"
    /connected_accounts/sync 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, nobody()).await, @r#"
    /connected_accounts/sync 404 connected_account_not_found
    {
      "error": {
        "data": {"connected_account_id": "[unknown id]"},
        "message": "Connected account not found",
        "type": "connected_account_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"connected_account_id": null})).await, @r#"
    /connected_accounts/sync 400 invalid_input
    {
      "error": {
        "message": "Expected string, received null for \"connected_account_id\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "connected_account_id": {"_errors": ["Expected string, received null"]}
        }
      },
      "ok": false
    }
    "#);
}
