use insta::assert_snapshot;
use serde_json::json;

use super::stage::NOTHING;
use crate::app::TestApp;

#[tokio::test]
async fn get() {
    let app = TestApp::start().await;
    let path = "/devices/get";
    assert_snapshot!(app.snap(path, app.own.device()).await, @r#"
    /devices/get 200
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
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /devices/get 400 invalid_input
    {
      "error": {
        "message": "Either 'device_id' or 'name' is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": ["Either 'device_id' or 'name' is required"]}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": NOTHING})).await, @r#"
    /devices/get 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"name": "Nowhere"})).await, @r#"
    /devices/get 404 device_not_found
    {"error": {"message": "Device not found", "type": "device_not_found"}, "ok": false}
    "#);
    assert_snapshot!(app.snap_as(&app.session(&[]).await, path, app.own.device()).await, @r#"
    /devices/get 401 unauthorized
    {"error": {"message": "Not authorized to view this device", "type": "unauthorized"}, "ok": false}
    "#);
}

/// What is not known of it is left out.
#[tokio::test]
async fn a_device_that_is_away() {
    let app = TestApp::start().await;
    app.ok("/devices/simulate/disconnect", app.own.device()).await;
    assert_snapshot!(app.snap("/devices/get", app.own.device()).await, @r#"
    /devices/get 200
    {
      "device": {
        "can_configure_auto_lock": false,
        "can_remotely_lock": false,
        "can_remotely_unlock": false,
        "can_simulate_connection": true,
        "can_simulate_disconnection": false,
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
        "errors": [
          {
            "created_at": "[time]",
            "error_code": "device_disconnected",
            "is_device_error": true,
            "message": "The lock cannot be reached."
          }
        ],
        "is_managed": true,
        "properties": {
          "appearance": {"name": "Front Door"},
          "auto_lock_enabled": false,
          "image_alt_text": "A door lock",
          "image_url": "http://thumbturn.test/thumbturn/images/lock.svg",
          "manufacturer": "august",
          "model": {
            "display_name": "Smart Lock Pro",
            "has_built_in_keypad": true,
            "manufacturer_display_name": "August"
          },
          "name": "Front Door",
          "offline_access_codes_enabled": false,
          "online": false,
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
}

#[tokio::test]
async fn list() {
    let app = TestApp::start().await;
    let path = "/devices/list";
    assert_snapshot!(app.snap(path, json!({"device_ids": [app.own.devices[4]]})).await, @r#"
    /devices/list 200
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
      "ok": true,
      "pagination": {"has_next_page": false, "next_page_cursor": null, "next_page_url": null}
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"include_if": ["can_fly"]})).await, @r#"
    /devices/list 400 invalid_input
    {
      "error": {
        "message": "Invalid enum value. Expected 'can_remotely_unlock' | 'can_remotely_lock' | 'can_configure_auto_lock' | 'can_unlock_with_code' | 'can_program_online_access_codes' | 'can_program_offline_access_codes' | 'can_simulate_connection' | 'can_simulate_disconnection' | 'can_simulate_removal' | 'can_simulate_hub_connection' | 'can_simulate_hub_disconnection' | 'can_simulate_paid_subscription' | 'can_hvac_heat' | 'can_hvac_cool' | 'can_hvac_heat_cool' | 'can_turn_off_hvac' | 'can_run_thermostat_programs' | 'can_program_thermostat_programs_as_weekday_weekend' | 'can_program_thermostat_programs_as_different_each_day' | 'can_program_thermostat_programs_as_same_each_day', received 'can_fly' for \"include_if.0\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "include_if": {
            "0": {
              "_errors": [
                "Invalid enum value. Expected 'can_remotely_unlock' | 'can_remotely_lock' | 'can_configure_auto_lock' | 'can_unlock_with_code' | 'can_program_online_access_codes' | 'can_program_offline_access_codes' | 'can_simulate_connection' | 'can_simulate_disconnection' | 'can_simulate_removal' | 'can_simulate_hub_connection' | 'can_simulate_hub_disconnection' | 'can_simulate_paid_subscription' | 'can_hvac_heat' | 'can_hvac_cool' | 'can_hvac_heat_cool' | 'can_turn_off_hvac' | 'can_run_thermostat_programs' | 'can_program_thermostat_programs_as_weekday_weekend' | 'can_program_thermostat_programs_as_different_each_day' | 'can_program_thermostat_programs_as_same_each_day', received 'can_fly'"
              ]
            },
            "_errors": []
          }
        }
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn update() {
    let app = TestApp::start().await;
    let path = "/devices/update";
    let id = app.own.devices[0];
    assert_snapshot!(app.snap(path, json!({"device_id": id, "name": "Porch"})).await, @r#"
    /devices/update 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": id, "custom_metadata": {"a.b": "x"}})).await, @r#"
    /devices/update 400 invalid_input
    {
      "error": {
        "message": "Key must have 1 to 40 characters and no dot for \"custom_metadata.a.b\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "custom_metadata": {"_errors": [], "a.b": {"_errors": ["Key must have 1 to 40 characters and no dot"]}}
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": NOTHING})).await, @r#"
    /devices/update 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap_as(&app.session(&[]).await, path, app.own.device()).await, @r#"
    /devices/update 401 unauthorized
    {"error": {"message": "Not authorized to view this device", "type": "unauthorized"}, "ok": false}
    "#);
    let unmanaged = app.unmanage(0).await;
    assert_snapshot!(app.snap(path, unmanaged).await, @r#"
    /devices/update 400 device_unmanaged
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "Device is unmanaged. Use /devices/unmanaged/update",
        "type": "device_unmanaged"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn delete() {
    let app = TestApp::start().await;
    let path = "/devices/delete";
    assert_snapshot!(app.snap(path, app.own.device()).await, @r#"
    /devices/delete 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, app.own.device()).await, @r#"
    /devices/delete 404 device_not_found
    {
      "error": {"data": {"device_id": "[id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /devices/delete 400 invalid_input
    {
      "error": {
        "message": "device_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "device_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
}
