use insta::assert_snapshot;
use serde_json::{Value, json};

use super::stage::NOTHING;
use crate::app::TestApp;

fn nobody() -> Value {
    json!({"device_id": NOTHING})
}

#[tokio::test]
async fn get() {
    let app = TestApp::start().await;
    let path = "/locks/get";
    assert_snapshot!(app.snap(path, app.own.device()).await, @r#"
    /locks/get 200
    {
      "device": {
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
        "space_ids": [],
        "warnings": [],
        "workspace_id": "[id]"
      },
      "lock": {
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
        "space_ids": [],
        "warnings": [],
        "workspace_id": "[id]"
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /locks/get 400 invalid_input
    {
      "error": {
        "message": "Either 'device_id' or 'name' is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": ["Either 'device_id' or 'name' is required"]}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, nobody()).await, @r#"
    /locks/get 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap_as(&app.session(&[]).await, path, app.own.device()).await, @r#"
    /locks/get 401 unauthorized
    {"error": {"message": "Not authorized to view this device", "type": "unauthorized"}, "ok": false}
    "#);
}

#[tokio::test]
async fn list() {
    let app = TestApp::start().await;
    let path = "/locks/list";
    assert_snapshot!(app.snap(path, json!({"device_ids": [app.own.devices[4]]})).await, @r#"
    /locks/list 200
    {
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
      "locks": [
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
      "ok": true,
      "pagination": {"has_next_page": false, "next_page_cursor": null, "next_page_url": null}
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"created_before": "soon"})).await, @r#"
    /locks/list 400 invalid_input
    {
      "error": {
        "message": "Invalid datetime for \"created_before\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "created_before": {"_errors": ["Invalid datetime"]}}
      },
      "ok": false
    }
    "#);
}
