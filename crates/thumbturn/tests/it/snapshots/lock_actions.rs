use insta::assert_snapshot;
use serde_json::{Value, json};

use super::stage::NOTHING;
use crate::app::{SANDBOX, TestApp};

fn nobody() -> Value {
    json!({"device_id": NOTHING})
}

/// One movement a minute.
const LIMITED: [(&str, &str); 1] = [("THUMBTURN_LIMITS__SANDBOX_LOCK_ACTIONS_PER_MINUTE", "1")];

#[tokio::test]
async fn unlock_door() {
    let app = TestApp::with(SANDBOX, &LIMITED).await;
    let path = "/locks/unlock_door";
    let fixed = app.another_lock(|device| device.about.can_unlock = false).await;
    assert_snapshot!(app.snap(path, app.own.device()).await, @r#"
    /locks/unlock_door 200
    {
      "action_attempt": {
        "action_attempt_id": "[id]",
        "action_type": "UNLOCK_DOOR",
        "error": null,
        "result": {"was_confirmed_by_device": true},
        "status": "success"
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, app.own.device()).await, @r#"
    /locks/unlock_door 429 rate_limit_exceeded
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "Too many calls for this lock. Try again later.",
        "type": "rate_limit_exceeded"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /locks/unlock_door 400 invalid_input
    {
      "error": {
        "message": "device_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "device_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, nobody()).await, @r#"
    /locks/unlock_door 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": fixed})).await, @r#"
    /locks/unlock_door 400 not_supported
    {
      "error": {
        "data": {"capability": "can_remotely_unlock", "device_id": "[id]"},
        "message": "This device does not have the capability can_remotely_unlock",
        "type": "not_supported"
      },
      "ok": false
    }
    "#);
    let unmanaged = app.unmanage(1).await;
    assert_snapshot!(app.snap(path, unmanaged).await, @r#"
    /locks/unlock_door 400 device_unmanaged
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "Device is unmanaged. Convert it with /devices/unmanaged/update before you control it.",
        "type": "device_unmanaged"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap_as(&app.session(&[]).await, path, app.own.device()).await, @r#"
    /locks/unlock_door 401 unauthorized
    {"error": {"message": "Not authorized to view this device", "type": "unauthorized"}, "ok": false}
    "#);
}

#[tokio::test]
async fn lock_door() {
    let app = TestApp::with(SANDBOX, &LIMITED).await;
    let path = "/locks/lock_door";
    let fixed = app.another_lock(|device| device.about.can_lock = false).await;
    app.unlock(0).await;
    assert_snapshot!(app.snap(path, app.own.device()).await, @r#"
    /locks/lock_door 200
    {
      "action_attempt": {
        "action_attempt_id": "[id]",
        "action_type": "LOCK_DOOR",
        "error": null,
        "result": {"was_confirmed_by_device": true},
        "status": "success"
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, app.own.device()).await, @r#"
    /locks/lock_door 429 rate_limit_exceeded
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "Too many calls for this lock. Try again later.",
        "type": "rate_limit_exceeded"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": "front door", "sync": "yes"})).await, @r#"
    /locks/lock_door 400 invalid_input
    {
      "error": {
        "message": "2 Input Errors: Invalid uuid for \"device_id\", Expected boolean, received string for \"sync\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "device_id": {"_errors": ["Invalid uuid"]},
          "sync": {"_errors": ["Expected boolean, received string"]}
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, nobody()).await, @r#"
    /locks/lock_door 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": fixed})).await, @r#"
    /locks/lock_door 400 not_supported
    {
      "error": {
        "data": {"capability": "can_remotely_lock", "device_id": "[id]"},
        "message": "This device does not have the capability can_remotely_lock",
        "type": "not_supported"
      },
      "ok": false
    }
    "#);
    let unmanaged = app.unmanage(1).await;
    assert_snapshot!(app.snap(path, unmanaged).await, @r#"
    /locks/lock_door 400 device_unmanaged
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "Device is unmanaged. Convert it with /devices/unmanaged/update before you control it.",
        "type": "device_unmanaged"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap_as(&app.session(&[]).await, path, app.own.device()).await, @r#"
    /locks/lock_door 401 unauthorized
    {"error": {"message": "Not authorized to view this device", "type": "unauthorized"}, "ok": false}
    "#);
}

#[tokio::test]
async fn configure_auto_lock() {
    let app = TestApp::start().await;
    let path = "/locks/configure_auto_lock";
    let fixed = app.another_lock(|device| device.about.can_configure_auto_lock = false).await;
    let after = |id: uuid::Uuid, seconds: u32| json!({"device_id": id, "auto_lock_enabled": true, "auto_lock_delay_seconds": seconds});
    let id = app.own.devices[0];
    assert_snapshot!(app.snap(path, after(id, 30)).await, @r#"
    /locks/configure_auto_lock 200
    {
      "action_attempt": {
        "action_attempt_id": "[id]",
        "action_type": "CONFIGURE_AUTO_LOCK",
        "error": null,
        "result": {},
        "status": "success"
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, after(id, 61)).await, @r#"
    /locks/configure_auto_lock 400 invalid_input
    {
      "error": {
        "message": "Number must be less than or equal to 60 for \"auto_lock_delay_seconds\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "auto_lock_delay_seconds": {"_errors": ["Number must be less than or equal to 60"]}
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": id, "auto_lock_enabled": true})).await, @r#"
    /locks/configure_auto_lock 400 invalid_input
    {
      "error": {
        "message": "auto_lock_delay_seconds is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "auto_lock_delay_seconds": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, after(NOTHING, 30)).await, @r#"
    /locks/configure_auto_lock 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, after(fixed, 30)).await, @r#"
    /locks/configure_auto_lock 400 not_supported
    {
      "error": {
        "data": {"capability": "can_configure_auto_lock", "device_id": "[id]"},
        "message": "This device does not have the capability can_configure_auto_lock",
        "type": "not_supported"
      },
      "ok": false
    }
    "#);
    app.unmanage(1).await;
    assert_snapshot!(app.snap(path, after(app.own.devices[1], 30)).await, @r#"
    /locks/configure_auto_lock 400 device_unmanaged
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "Device is unmanaged. Convert it with /devices/unmanaged/update before you control it.",
        "type": "device_unmanaged"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap_as(&app.session(&[]).await, path, after(id, 30)).await, @r#"
    /locks/configure_auto_lock 401 unauthorized
    {"error": {"message": "Not authorized to view this device", "type": "unauthorized"}, "ok": false}
    "#);
}
