use insta::assert_snapshot;
use serde_json::json;

use super::stage::NOTHING;
use crate::app::TestApp;

#[tokio::test]
async fn connect() {
    let app = TestApp::start().await;
    let path = "/devices/simulate/connect";
    let of = |id: uuid::Uuid| json!({"device_id": id});
    assert_snapshot!(app.snap(path, of(app.own.devices[0])).await, @r#"
    /devices/simulate/connect 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /devices/simulate/connect 400 invalid_input
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
    /devices/simulate/connect 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(app.real_lock().await.0)).await, @r#"
    /devices/simulate/connect 400 device_type_not_supported
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "This device is not a virtual lock",
        "type": "device_type_not_supported"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn disconnect() {
    let app = TestApp::start().await;
    let path = "/devices/simulate/disconnect";
    let of = |id: uuid::Uuid| json!({"device_id": id});
    assert_snapshot!(app.snap(path, of(app.own.devices[0])).await, @r#"
    /devices/simulate/disconnect 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": "x"})).await, @r#"
    /devices/simulate/disconnect 400 invalid_input
    {
      "error": {
        "message": "Invalid uuid for \"device_id\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "device_id": {"_errors": ["Invalid uuid"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(NOTHING)).await, @r#"
    /devices/simulate/disconnect 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(app.real_lock().await.0)).await, @r#"
    /devices/simulate/disconnect 400 device_type_not_supported
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "This device is not a virtual lock",
        "type": "device_type_not_supported"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn connect_to_hub() {
    let app = TestApp::start().await;
    let path = "/devices/simulate/connect_to_hub";
    let of = |id: uuid::Uuid| json!({"device_id": id});
    assert_snapshot!(app.snap(path, of(app.own.devices[0])).await, @r#"
    /devices/simulate/connect_to_hub 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": null})).await, @r#"
    /devices/simulate/connect_to_hub 400 invalid_input
    {
      "error": {
        "message": "Expected string, received null for \"device_id\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "device_id": {"_errors": ["Expected string, received null"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(NOTHING)).await, @r#"
    /devices/simulate/connect_to_hub 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(app.real_lock().await.0)).await, @r#"
    /devices/simulate/connect_to_hub 400 device_type_not_supported
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "This device is not a virtual lock",
        "type": "device_type_not_supported"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn disconnect_from_hub() {
    let app = TestApp::start().await;
    let path = "/devices/simulate/disconnect_from_hub";
    let of = |id: uuid::Uuid| json!({"device_id": id});
    assert_snapshot!(app.snap(path, of(app.own.devices[0])).await, @r#"
    /devices/simulate/disconnect_from_hub 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": 5})).await, @r#"
    /devices/simulate/disconnect_from_hub 400 invalid_input
    {
      "error": {
        "message": "Expected string, received number for \"device_id\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "device_id": {"_errors": ["Expected string, received number"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(NOTHING)).await, @r#"
    /devices/simulate/disconnect_from_hub 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(app.real_lock().await.0)).await, @r#"
    /devices/simulate/disconnect_from_hub 400 device_type_not_supported
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "This device is not a virtual lock",
        "type": "device_type_not_supported"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn paid_subscription() {
    let app = TestApp::start().await;
    let path = "/devices/simulate/paid_subscription";
    let of = |id: uuid::Uuid| json!({"device_id": id, "is_expired": true});
    assert_snapshot!(app.snap(path, of(app.own.devices[0])).await, @r#"
    /devices/simulate/paid_subscription 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": app.own.devices[0]})).await, @r#"
    /devices/simulate/paid_subscription 400 invalid_input
    {
      "error": {
        "message": "is_expired is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "is_expired": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(NOTHING)).await, @r#"
    /devices/simulate/paid_subscription 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(app.real_lock().await.0)).await, @r#"
    /devices/simulate/paid_subscription 400 device_type_not_supported
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "This device is not a virtual lock",
        "type": "device_type_not_supported"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn remove() {
    let app = TestApp::start().await;
    let path = "/devices/simulate/remove";
    let of = |id: uuid::Uuid| json!({"device_id": id});
    assert_snapshot!(app.snap(path, of(app.own.devices[0])).await, @r#"
    /devices/simulate/remove 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /devices/simulate/remove 400 invalid_input
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
    /devices/simulate/remove 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, of(app.real_lock().await.0)).await, @r#"
    /devices/simulate/remove 400 device_type_not_supported
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "This device is not a virtual lock",
        "type": "device_type_not_supported"
      },
      "ok": false
    }
    "#);
}
