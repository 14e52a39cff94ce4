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
async fn grant_access_to_device() {
    let app = TestApp::start().await;
    let path = "/user_identities/grant_access_to_device";
    let jane = made(&app).await;
    let door = json!(app.own.devices[0]);
    assert_snapshot!(app.snap(path, with(jane.clone(), "device_id", door.clone())).await, @r#"
    /user_identities/grant_access_to_device 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, jane.clone()).await, @r#"
    /user_identities/grant_access_to_device 400 invalid_input
    {
      "error": {
        "message": "device_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "device_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with(nobody(), "device_id", door)).await, @r#"
    /user_identities/grant_access_to_device 404 user_identity_not_found
    {
      "error": {
        "data": {"user_identity_id": "[unknown id]"},
        "message": "User identity not found",
        "type": "user_identity_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with(jane.clone(), "device_id", json!(NOTHING))).await, @r#"
    /user_identities/grant_access_to_device 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    app.unmanage(1).await;
    assert_snapshot!(app.snap(path, with(jane, "device_id", json!(app.own.devices[1]))).await, @r#"
    /user_identities/grant_access_to_device 400 device_unmanaged
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "Device is unmanaged. Convert it with /devices/unmanaged/update before you grant access to it.",
        "type": "device_unmanaged"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn revoke_access_to_device() {
    let app = TestApp::start().await;
    let path = "/user_identities/revoke_access_to_device";
    let jane = made(&app).await;
    let door = json!(app.own.devices[0]);
    assert_snapshot!(app.snap(path, with(jane.clone(), "device_id", door.clone())).await, @r#"
    /user_identities/revoke_access_to_device 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, with(json!({}), "device_id", door.clone())).await, @r#"
    /user_identities/revoke_access_to_device 400 invalid_input
    {
      "error": {
        "message": "user_identity_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "user_identity_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with(nobody(), "device_id", door)).await, @r#"
    /user_identities/revoke_access_to_device 404 user_identity_not_found
    {
      "error": {
        "data": {"user_identity_id": "[unknown id]"},
        "message": "User identity not found",
        "type": "user_identity_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with(jane, "device_id", json!(NOTHING))).await, @r#"
    /user_identities/revoke_access_to_device 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn list_accessible_devices() {
    let app = TestApp::start().await;
    let path = "/user_identities/list_accessible_devices";
    let jane = made(&app).await;
    let grant = with(jane.clone(), "device_id", json!(app.own.devices[4]));
    app.ok("/user_identities/grant_access_to_device", grant).await;
    assert_snapshot!(app.snap(path, jane).await, @r#"
    /user_identities/list_accessible_devices 200
    {
      "accessible_devices": [
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
          "capabilities_supported": ["lock"],
          "connected_account_id": "[id]",
          "created_at": "[time]",
          "custom_metadata": {},
          "device_id": "[id]",
          "device_manufacturer": {"display_name": "Nuki", "manufacturer": "nuki"},
          "device_provider": {
            "device_provider_name": "sandbox",
            "display_name": "Sandbox",
            "provider_category": "stable"
          },
          "device_type": "nuki_lock",
          "display_name": "Office",
          "errors": [],
          "is_managed": true,
          "properties": {
            "appearance": {"name": "Office"},
            "auto_lock_enabled": false,
            "battery": {"level": 1.0, "status": "full"},
            "battery_level": 1.0,
            "image_alt_text": "A door lock",
            "image_url": "http://thumbturn.test/thumbturn/images/lock.svg",
            "locked": true,
            "manufacturer": "nuki",
            "model": {
              "display_name": "Smart Lock 4.0 Pro",
              "has_built_in_keypad": false,
              "manufacturer_display_name": "Nuki"
            },
            "name": "Office",
            "offline_access_codes_enabled": false,
            "online": true,
            "online_access_codes_enabled": false,
            "serial_number": "VIRTUAL-00005"
          },
          "space_ids": [],
          "warnings": [],
          "workspace_id": "[id]"
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
          "capabilities_supported": ["lock"],
          "connected_account_id": "[id]",
          "created_at": "[time]",
          "custom_metadata": {},
          "device_id": "[id]",
          "device_manufacturer": {"display_name": "Nuki", "manufacturer": "nuki"},
          "device_provider": {
            "device_provider_name": "sandbox",
            "display_name": "Sandbox",
            "provider_category": "stable"
          },
          "device_type": "nuki_lock",
          "display_name": "Office",
          "errors": [],
          "is_managed": true,
          "properties": {
            "appearance": {"name": "Office"},
            "auto_lock_enabled": false,
            "battery": {"level": 1.0, "status": "full"},
            "battery_level": 1.0,
            "image_alt_text": "A door lock",
            "image_url": "http://thumbturn.test/thumbturn/images/lock.svg",
            "locked": true,
            "manufacturer": "nuki",
            "model": {
              "display_name": "Smart Lock 4.0 Pro",
              "has_built_in_keypad": false,
              "manufacturer_display_name": "Nuki"
            },
            "name": "Office",
            "offline_access_codes_enabled": false,
            "online": true,
            "online_access_codes_enabled": false,
            "serial_number": "VIRTUAL-00005"
          },
          "space_ids": [],
          "warnings": [],
          "workspace_id": "[id]"
        }
      ],
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /user_identities/list_accessible_devices 400 invalid_input
    {
      "error": {
        "message": "user_identity_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "user_identity_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, nobody()).await, @r#"
    /user_identities/list_accessible_devices 404 user_identity_not_found
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
