use insta::assert_snapshot;
use serde_json::{Value, json};

use super::stage::NOTHING;
use crate::app::TestApp;

/// The id of a new space with a device in it.
async fn made(app: &TestApp) -> Value {
    let body = json!({"name": "Room", "space_key": "room", "device_ids": [app.own.devices[0]]});
    app.post("/spaces/create", body).await.field("space")["space_id"].clone()
}

#[tokio::test]
async fn add_devices() {
    let app = TestApp::start().await;
    let path = "/spaces/add_devices";
    let id = made(&app).await;
    let with = |space: &Value, device: Value| json!({"space_id": space, "device_ids": device});
    assert_snapshot!(app.snap(path, with(&id, json!([app.own.devices[1]]))).await, @r#"
    /spaces/add_devices 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, with(&id, json!([]))).await, @r#"
    /spaces/add_devices 400 invalid_input
    {
      "error": {
        "message": "Array must contain at least 1 element(s) for \"device_ids\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "device_ids": {"_errors": ["Array must contain at least 1 element(s)"]}
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with(&json!(NOTHING), json!([app.own.devices[1]]))).await, @r#"
    /spaces/add_devices 404 space_not_found
    {
      "error": {"data": {"space_id": "[unknown id]"}, "message": "Space not found", "type": "space_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with(&id, json!([NOTHING]))).await, @r#"
    /spaces/add_devices 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn remove_devices() {
    let app = TestApp::start().await;
    let path = "/spaces/remove_devices";
    let id = made(&app).await;
    let with = |space: &Value, device: Value| json!({"space_id": space, "device_ids": device});
    assert_snapshot!(app.snap(path, with(&id, json!([app.own.devices[0]]))).await, @r#"
    /spaces/remove_devices 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, with(&id, json!(["x"]))).await, @r#"
    /spaces/remove_devices 400 invalid_input
    {
      "error": {
        "message": "Invalid uuid for \"device_ids.0\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "device_ids": {"0": {"_errors": ["Invalid uuid"]}, "_errors": []}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with(&json!(NOTHING), json!([app.own.devices[0]]))).await, @r#"
    /spaces/remove_devices 404 space_not_found
    {
      "error": {"data": {"space_id": "[unknown id]"}, "message": "Space not found", "type": "space_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with(&id, json!([NOTHING]))).await, @r#"
    /spaces/remove_devices 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn add_connected_account() {
    let app = TestApp::start().await;
    let path = "/spaces/add_connected_account";
    let id = made(&app).await;
    let with = |space: &Value, account: Value| json!({"space_id": space, "connected_account_id": account});
    assert_snapshot!(app.snap(path, with(&id, json!(app.own.account))).await, @r#"
    /spaces/add_connected_account 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, json!({"space_id": id})).await, @r#"
    /spaces/add_connected_account 400 invalid_input
    {
      "error": {
        "message": "connected_account_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "connected_account_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with(&json!(NOTHING), json!(app.own.account))).await, @r#"
    /spaces/add_connected_account 404 space_not_found
    {
      "error": {"data": {"space_id": "[unknown id]"}, "message": "Space not found", "type": "space_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with(&id, json!(NOTHING))).await, @r#"
    /spaces/add_connected_account 404 connected_account_not_found
    {
      "error": {
        "data": {"connected_account_id": "[unknown id]"},
        "message": "Connected account not found",
        "type": "connected_account_not_found"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn remove_connected_account() {
    let app = TestApp::start().await;
    let path = "/spaces/remove_connected_account";
    let id = made(&app).await;
    let with = |space: &Value, account: Value| json!({"space_id": space, "connected_account_id": account});
    assert_snapshot!(app.snap(path, with(&id, json!(app.own.account))).await, @r#"
    /spaces/remove_connected_account 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, json!({"connected_account_id": app.own.account})).await, @r#"
    /spaces/remove_connected_account 400 invalid_input
    {
      "error": {
        "message": "space_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "space_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with(&json!(NOTHING), json!(app.own.account))).await, @r#"
    /spaces/remove_connected_account 404 space_not_found
    {
      "error": {"data": {"space_id": "[unknown id]"}, "message": "Space not found", "type": "space_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with(&id, json!(NOTHING))).await, @r#"
    /spaces/remove_connected_account 404 connected_account_not_found
    {
      "error": {
        "data": {"connected_account_id": "[unknown id]"},
        "message": "Connected account not found",
        "type": "connected_account_not_found"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn get_related() {
    let app = TestApp::start().await;
    let path = "/spaces/get_related";
    let id = made(&app).await;
    assert_snapshot!(app.snap(path, json!({"space_ids": [id]})).await, @r#"
    /spaces/get_related 200
    {
      "batch": {
        "access_methods": [],
        "acs_entrances": [],
        "acs_systems": [],
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
        "devices": [
          {
            "can_configure_auto_lock": true,
            "can_remotely_lock": true,
            "can_remotely_unlock": true,
            "can_simulate_connection": false,
            "can_simulate_disconnection": true,
            "can_simulate_hub_connection": false,
            "can_simulate_hub_disconnection": true,
            "can_simulate_paid_subscription": true,
            "can_simulate_removal": true,
            "can_unlock_with_code": true,
            "capabilities_supported": ["lock"],
            "connected_account_id": "[id]",
            "created_at": "[time]",
            "custom_metadata": {},
            "device_id": "[id]",
            "device_manufacturer": {"display_name": "August", "manufacturer": "august"},
            "device_provider": {
              "device_provider_name": "sandbox",
              "display_name": "Sandbox",
              "provider_category": "stable"
            },
            "device_type": "august_lock",
            "display_name": "Front Door",
            "errors": [],
            "is_managed": true,
            "properties": {
              "appearance": {"name": "Front Door"},
              "auto_lock_enabled": false,
              "battery": {"level": 1.0, "status": "full"},
              "battery_level": 1.0,
              "image_alt_text": "A door lock",
              "image_url": "http://thumbturn.test/thumbturn/images/lock.svg",
              "locked": true,
              "manufacturer": "august",
              "model": {
                "display_name": "Smart Lock Pro",
                "has_built_in_keypad": true,
                "manufacturer_display_name": "August"
              },
              "name": "Front Door",
              "offline_access_codes_enabled": false,
              "online": true,
              "online_access_codes_enabled": false,
              "serial_number": "VIRTUAL-00001"
            },
            "space_ids": ["[id]"],
            "warnings": [],
            "workspace_id": "[id]"
          }
        ],
        "spaces": [
          {
            "acs_entrance_count": 0,
            "created_at": "[time]",
            "device_count": 1,
            "display_name": "Room",
            "name": "Room",
            "space_id": "[id]",
            "space_key": "room",
            "workspace_id": "[id]"
          }
        ]
      },
      "ok": true
    }
    "#);
    app.ok("/spaces/add_connected_account", json!({"space_id": id, "connected_account_id": app.own.account})).await;
    assert_snapshot!(app.snap(path, json!({"space_ids": [id], "exclude": ["devices"]})).await, @r#"
    /spaces/get_related 200
    {
      "batch": {
        "access_methods": [],
        "acs_entrances": [],
        "acs_systems": [],
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
        "spaces": [
          {
            "acs_entrance_count": 0,
            "created_at": "[time]",
            "device_count": 5,
            "display_name": "Room",
            "name": "Room",
            "space_id": "[id]",
            "space_key": "room",
            "workspace_id": "[id]"
          }
        ]
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /spaces/get_related 400 invalid_input
    {
      "error": {
        "message": "Either 'space_ids' or 'space_keys' is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": ["Either 'space_ids' or 'space_keys' is required"]}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"space_ids": [id], "include": ["gardens"]})).await, @r#"
    /spaces/get_related 400 invalid_input
    {
      "error": {
        "message": "Invalid enum value. Expected 'spaces' | 'devices' | 'acs_entrances' | 'connected_accounts' | 'acs_systems' | 'access_methods', received 'gardens' for \"include.0\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "include": {
            "0": {
              "_errors": [
                "Invalid enum value. Expected 'spaces' | 'devices' | 'acs_entrances' | 'connected_accounts' | 'acs_systems' | 'access_methods', received 'gardens'"
              ]
            },
            "_errors": []
          }
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"space_ids": [NOTHING]})).await, @r#"
    /spaces/get_related 404 space_not_found
    {
      "error": {"data": {"space_id": "[unknown id]"}, "message": "Space not found", "type": "space_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"space_keys": ["nowhere"]})).await, @r#"
    /spaces/get_related 404 space_not_found
    {
      "error": {"data": {"space_key": "nowhere"}, "message": "Space not found", "type": "space_not_found"},
      "ok": false
    }
    "#);
}
