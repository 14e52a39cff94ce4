use insta::assert_snapshot;
use serde_json::json;

use super::stage::NOTHING;
use crate::app::TestApp;

#[tokio::test]
async fn get() {
    let app = TestApp::start().await;
    let path = "/devices/unmanaged/get";
    let door = app.unmanage(0).await;
    assert_snapshot!(app.snap(path, door.clone()).await, @r#"
    /devices/unmanaged/get 200
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
        "device_type": "august_lock",
        "display_name": "Front Door",
        "errors": [],
        "is_managed": false,
        "properties": {
          "battery": {"level": 1.0, "status": "full"},
          "battery_level": 1.0,
          "image_alt_text": "A door lock",
          "image_url": "http://thumbturn.test/thumbturn/images/lock.svg",
          "manufacturer": "august",
          "model": {
            "display_name": "Smart Lock Pro",
            "has_built_in_keypad": true,
            "manufacturer_display_name": "August"
          },
          "name": "Front Door",
          "online": true
        },
        "warnings": [],
        "workspace_id": "[id]"
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": app.own.devices[1]})).await, @r#"
    /devices/unmanaged/get 404 device_not_found
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "This device is managed. Convert it to a unmanaged device with /devices/update.",
        "type": "device_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": NOTHING})).await, @r#"
    /devices/unmanaged/get 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /devices/unmanaged/get 400 invalid_input
    {
      "error": {
        "message": "Either 'device_id' or 'name' is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": ["Either 'device_id' or 'name' is required"]}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap_as(&app.session(&[]).await, path, door).await, @r#"
    /devices/unmanaged/get 401 unauthorized
    {"error": {"message": "Not authorized to view this device", "type": "unauthorized"}, "ok": false}
    "#);
}

#[tokio::test]
async fn list() {
    let app = TestApp::start().await;
    let path = "/devices/unmanaged/list";
    app.unmanage(4).await;
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /devices/unmanaged/list 200
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
          "device_type": "nuki_lock",
          "display_name": "Office",
          "errors": [],
          "is_managed": false,
          "properties": {
            "battery": {"level": 1.0, "status": "full"},
            "battery_level": 1.0,
            "image_alt_text": "A door lock",
            "image_url": "http://thumbturn.test/thumbturn/images/lock.svg",
            "manufacturer": "nuki",
            "model": {
              "display_name": "Smart Lock 4.0 Pro",
              "has_built_in_keypad": false,
              "manufacturer_display_name": "Nuki"
            },
            "name": "Office",
            "online": true
          },
          "warnings": [],
          "workspace_id": "[id]"
        }
      ],
      "ok": true,
      "pagination": {"has_next_page": false, "next_page_cursor": null, "next_page_url": null}
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"page_cursor": "x"})).await, @r#"
    /devices/unmanaged/list 400 invalid_input
    {
      "error": {
        "message": "Invalid page cursor for \"page_cursor\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "page_cursor": {"_errors": ["Invalid page cursor"]}}
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn update() {
    let app = TestApp::start().await;
    let path = "/devices/unmanaged/update";
    let managed = json!({"device_id": app.own.devices[1], "is_managed": true});
    assert_snapshot!(app.snap(path, managed).await, @r#"
    /devices/unmanaged/update 400 device_managed
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "Device is managed. Use /devices/update",
        "type": "device_managed"
      },
      "ok": false
    }
    "#);
    app.unmanage(0).await;
    let id = app.own.devices[0];
    assert_snapshot!(app.snap(path, json!({"device_id": id, "is_managed": false})).await, @r#"
    /devices/unmanaged/update 400 invalid_input
    {
      "error": {
        "message": "Invalid literal value, expected true for \"is_managed\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "is_managed": {"_errors": ["Invalid literal value, expected true"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": NOTHING, "is_managed": true})).await, @r#"
    /devices/unmanaged/update 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": id, "is_managed": true})).await, @r#"
    /devices/unmanaged/update 200
    {"ok": true}
    "#);
}
