use insta::assert_snapshot;
use serde_json::{Value, json};

use super::stage::NOTHING;
use crate::app::{ORDINARY, TestApp};

#[tokio::test]
async fn keypad_code_entry() {
    let app = TestApp::start().await;
    let path = "/locks/simulate/keypad_code_entry";
    let of = |id: uuid::Uuid| json!({"device_id": id, "code": "1234"});
    assert_snapshot!(app.snap(path, of(app.own.devices[0])).await, @r#"
    /locks/simulate/keypad_code_entry 200
    {
      "action_attempt": {
        "action_attempt_id": "[id]",
        "action_type": "SIMULATE_KEYPAD_CODE_ENTRY",
        "error": null,
        "result": {},
        "status": "success"
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": app.own.devices[0], "code": "one"})).await, @r#"
    /locks/simulate/keypad_code_entry 400 invalid_input
    {
      "error": {
        "message": "String must be 1 to 32 digits for \"code\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "code": {"_errors": ["String must be 1 to 32 digits"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(NOTHING)).await, @r#"
    /locks/simulate/keypad_code_entry 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(app.real_lock().await.0)).await, @r#"
    /locks/simulate/keypad_code_entry 400 device_type_not_supported
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "This device is not a virtual lock",
        "type": "device_type_not_supported"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(app.own.devices[4])).await, @r#"
    /locks/simulate/keypad_code_entry 400 device_type_not_supported
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "This lock has no keypad",
        "type": "device_type_not_supported"
      },
      "ok": false
    }
    "#);
    app.unmanage(1).await;
    assert_snapshot!(app.snap(path, of(app.own.devices[1])).await, @r#"
    /locks/simulate/keypad_code_entry 400 device_unmanaged
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "Device is unmanaged. Convert it with /devices/unmanaged/update before you control it.",
        "type": "device_unmanaged"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn manual_lock_via_keypad() {
    let app = TestApp::start().await;
    let path = "/locks/simulate/manual_lock_via_keypad";
    let of = |id: uuid::Uuid| json!({"device_id": id});
    assert_snapshot!(app.snap(path, of(app.own.devices[0])).await, @r#"
    /locks/simulate/manual_lock_via_keypad 200
    {
      "action_attempt": {
        "action_attempt_id": "[id]",
        "action_type": "SIMULATE_MANUAL_LOCK_VIA_KEYPAD",
        "error": null,
        "result": {},
        "status": "success"
      },
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /locks/simulate/manual_lock_via_keypad 400 invalid_input
    {
      "error": {
        "message": "device_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "device_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(NOTHING)).await, @r#"
    /locks/simulate/manual_lock_via_keypad 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(app.real_lock().await.0)).await, @r#"
    /locks/simulate/manual_lock_via_keypad 400 device_type_not_supported
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "This device is not a virtual lock",
        "type": "device_type_not_supported"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(app.own.devices[4])).await, @r#"
    /locks/simulate/manual_lock_via_keypad 400 device_type_not_supported
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "This lock has no keypad",
        "type": "device_type_not_supported"
      },
      "ok": false
    }
    "#);
    app.unmanage(1).await;
    assert_snapshot!(app.snap(path, of(app.own.devices[1])).await, @r#"
    /locks/simulate/manual_lock_via_keypad 400 device_unmanaged
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "Device is unmanaged. Convert it with /devices/unmanaged/update before you control it.",
        "type": "device_unmanaged"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn disconnect_account() {
    let app = TestApp::start().await;
    let path = "/connected_accounts/simulate/disconnect";
    let of = |id: uuid::Uuid| json!({"connected_account_id": id});
    assert_snapshot!(app.snap(path, of(app.own.account)).await, @r#"
    /connected_accounts/simulate/disconnect 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /connected_accounts/simulate/disconnect 400 invalid_input
    {
      "error": {
        "message": "connected_account_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "connected_account_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(NOTHING)).await, @r#"
    /connected_accounts/simulate/disconnect 404 connected_account_not_found
    {
      "error": {
        "data": {"connected_account_id": "[unknown id]"},
        "message": "Connected account not found",
        "type": "connected_account_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(app.real_lock().await.1)).await, @r#"
    /connected_accounts/simulate/disconnect 400 device_type_not_supported
    {
      "error": {
        "data": {"connected_account_id": "[id]"},
        "message": "This connected account is that of a real hub",
        "type": "device_type_not_supported"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn outside_a_sandbox() {
    let app = TestApp::with(ORDINARY, &[]).await;
    let whole: Value = json!({
        "device_id": app.own.devices[0],
        "connected_account_id": app.own.account,
        "code": "1234",
        "is_expired": true,
    });
    let snap = |path| app.snap(path, whole.clone());
    assert_snapshot!(snap("/locks/simulate/keypad_code_entry").await, @r#"
    /locks/simulate/keypad_code_entry 400 workspace_not_sandbox
    {
      "error": {"message": "Simulations are possible in sandbox workspaces only", "type": "workspace_not_sandbox"},
      "ok": false
    }
    "#);
    assert_snapshot!(snap("/locks/simulate/manual_lock_via_keypad").await, @r#"
    /locks/simulate/manual_lock_via_keypad 400 workspace_not_sandbox
    {
      "error": {"message": "Simulations are possible in sandbox workspaces only", "type": "workspace_not_sandbox"},
      "ok": false
    }
    "#);
    assert_snapshot!(snap("/devices/simulate/connect").await, @r#"
    /devices/simulate/connect 400 workspace_not_sandbox
    {
      "error": {"message": "Simulations are possible in sandbox workspaces only", "type": "workspace_not_sandbox"},
      "ok": false
    }
    "#);
    assert_snapshot!(snap("/devices/simulate/disconnect").await, @r#"
    /devices/simulate/disconnect 400 workspace_not_sandbox
    {
      "error": {"message": "Simulations are possible in sandbox workspaces only", "type": "workspace_not_sandbox"},
      "ok": false
    }
    "#);
    assert_snapshot!(snap("/devices/simulate/connect_to_hub").await, @r#"
    /devices/simulate/connect_to_hub 400 workspace_not_sandbox
    {
      "error": {"message": "Simulations are possible in sandbox workspaces only", "type": "workspace_not_sandbox"},
      "ok": false
    }
    "#);
    assert_snapshot!(snap("/devices/simulate/disconnect_from_hub").await, @r#"
    /devices/simulate/disconnect_from_hub 400 workspace_not_sandbox
    {
      "error": {"message": "Simulations are possible in sandbox workspaces only", "type": "workspace_not_sandbox"},
      "ok": false
    }
    "#);
    assert_snapshot!(snap("/devices/simulate/paid_subscription").await, @r#"
    /devices/simulate/paid_subscription 400 workspace_not_sandbox
    {
      "error": {"message": "Simulations are possible in sandbox workspaces only", "type": "workspace_not_sandbox"},
      "ok": false
    }
    "#);
    assert_snapshot!(snap("/devices/simulate/remove").await, @r#"
    /devices/simulate/remove 400 workspace_not_sandbox
    {
      "error": {"message": "Simulations are possible in sandbox workspaces only", "type": "workspace_not_sandbox"},
      "ok": false
    }
    "#);
    assert_snapshot!(snap("/connected_accounts/simulate/disconnect").await, @r#"
    /connected_accounts/simulate/disconnect 400 workspace_not_sandbox
    {
      "error": {"message": "Simulations are possible in sandbox workspaces only", "type": "workspace_not_sandbox"},
      "ok": false
    }
    "#);
}
