use insta::assert_snapshot;
use serde_json::{Value, json};

use super::stage::NOTHING;
use crate::app::TestApp;

fn acting(id: uuid::Uuid, action: &str) -> Value {
    json!({"device_id": id, "action": action})
}

#[tokio::test]
async fn get() {
    let app = TestApp::start().await;
    let path = "/thumbturn/sandbox/locks/get";
    assert_snapshot!(app.snap(path, app.own.device()).await, @r#"
    /thumbturn/sandbox/locks/get 200
    {
      "ok": true,
      "sandbox_lock": {
        "battery_level": 1.0,
        "bolt": "locked",
        "codes": [1],
        "commands": 0,
        "device_id": "[id]",
        "faults": {
          "busy_ms": 0,
          "ignore": false,
          "jam": false,
          "lie": false,
          "mute": false,
          "obstruct": false,
          "offline": false,
          "privacy": false,
          "refuse": false,
          "repeat_after_ms": 0,
          "stale": false
        },
        "jitter_ms": 0,
        "latency_ms": 20,
        "motor": "idle",
        "moves": 0,
        "powered": true,
        "profile": "custom",
        "rate_limited": false,
        "relock_after_s": null,
        "script": []
      }
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /thumbturn/sandbox/locks/get 400 invalid_input
    {
      "error": {
        "message": "device_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "device_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": NOTHING})).await, @r#"
    /thumbturn/sandbox/locks/get 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    let (real, _) = app.real_lock().await;
    assert_snapshot!(app.snap(path, json!({"device_id": real})).await, @r#"
    /thumbturn/sandbox/locks/get 400 device_type_not_supported
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
async fn set() {
    let app = TestApp::start().await;
    let path = "/thumbturn/sandbox/locks/set";
    let whole = json!({
        "device_id": app.own.devices[0],
        "latency_ms": 7,
        "jitter_ms": 2,
        "battery_level": 0.5,
        "relock_after_s": 60,
        "faults": {"jam": 2, "mute": true, "repeat_after_ms": 9},
        "script": ["jam", {"then": "turn_lock", "battery_level": 0.1, "after_ms": 2_000}],
    });
    assert_snapshot!(app.snap(path, whole).await, @r#"
    /thumbturn/sandbox/locks/set 200
    {
      "ok": true,
      "sandbox_lock": {
        "battery_level": 0.5,
        "bolt": "locked",
        "codes": [1],
        "commands": 0,
        "device_id": "[id]",
        "faults": {
          "busy_ms": 0,
          "ignore": false,
          "jam": 2,
          "lie": false,
          "mute": true,
          "obstruct": false,
          "offline": false,
          "privacy": false,
          "refuse": false,
          "repeat_after_ms": 9,
          "stale": false
        },
        "jitter_ms": 2,
        "latency_ms": 7,
        "motor": "idle",
        "moves": 0,
        "powered": true,
        "profile": "custom",
        "rate_limited": false,
        "relock_after_s": 60,
        "script": [
          {"fault": "jam"},
          {"after_ms": 2000, "battery_level": 0.1, "fault": "obey", "then": "turn_lock"}
        ]
      }
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": app.own.devices[0], "profile": "no_such"})).await, @r#"
    /thumbturn/sandbox/locks/set 400 invalid_input
    {
      "error": {
        "message": "must be perfect, slow_motor, flaky_radio, liar or dying_battery for \"profile\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "profile": {"_errors": ["must be perfect, slow_motor, flaky_radio, liar or dying_battery"]}
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": app.own.devices[0], "faults": {"jam": "often"}})).await, @r#"
    /thumbturn/sandbox/locks/set 400 invalid_input
    {
      "error": {
        "message": "Expected boolean or number, received string for \"faults.jam\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "faults": {"_errors": [], "jam": {"_errors": ["Expected boolean or number, received string"]}}
        }
      },
      "ok": false
    }
    "#);
    let script = json!(["obey", {"fault": "jam", "after_ms": 5}, "jump"]);
    assert_snapshot!(app.snap(path, json!({"device_id": app.own.devices[0], "script": script})).await, @r#"
    /thumbturn/sandbox/locks/set 400 invalid_input
    {
      "error": {
        "message": "2 Input Errors: Says when 'then' or 'battery_level' happens: one of them is required for \"script.1.after_ms\", Invalid enum value. Expected 'obey' | 'refuse' | 'privacy' | 'lie' | 'ignore' | 'obstruct' | 'jam' | 'mute' | 'stale' | 'offline', received 'jump' for \"script.2\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "script": {
            "1": {
              "_errors": [],
              "after_ms": {"_errors": ["Says when 'then' or 'battery_level' happens: one of them is required"]}
            },
            "2": {
              "_errors": [
                "Invalid enum value. Expected 'obey' | 'refuse' | 'privacy' | 'lie' | 'ignore' | 'obstruct' | 'jam' | 'mute' | 'stale' | 'offline', received 'jump'"
              ]
            },
            "_errors": []
          }
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"device_id": NOTHING})).await, @r#"
    /thumbturn/sandbox/locks/set 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    let (real, _) = app.real_lock().await;
    assert_snapshot!(app.snap(path, json!({"device_id": real})).await, @r#"
    /thumbturn/sandbox/locks/set 400 device_type_not_supported
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
async fn act() {
    let app = TestApp::start().await;
    let path = "/thumbturn/sandbox/locks/act";
    assert_snapshot!(app.snap(path, acting(app.own.devices[0], "power_off")).await, @r#"
    /thumbturn/sandbox/locks/act 200
    {
      "ok": true,
      "sandbox_lock": {
        "battery_level": 1.0,
        "bolt": "locked",
        "codes": [1],
        "commands": 0,
        "device_id": "[id]",
        "faults": {
          "busy_ms": 0,
          "ignore": false,
          "jam": false,
          "lie": false,
          "mute": false,
          "obstruct": false,
          "offline": false,
          "privacy": false,
          "refuse": false,
          "repeat_after_ms": 0,
          "stale": false
        },
        "jitter_ms": 0,
        "latency_ms": 20,
        "motor": "idle",
        "moves": 0,
        "powered": false,
        "profile": "custom",
        "rate_limited": false,
        "relock_after_s": null,
        "script": []
      }
    }
    "#);
    assert_snapshot!(app.snap(path, acting(app.own.devices[0], "kick")).await, @r#"
    /thumbturn/sandbox/locks/act 400 invalid_input
    {
      "error": {
        "message": "Invalid enum value. Expected 'turn_lock' | 'turn_unlock' | 'keypad' | 'power_off' | 'power_on' | 'restart_hub', received 'kick' for \"action\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "action": {
            "_errors": [
              "Invalid enum value. Expected 'turn_lock' | 'turn_unlock' | 'keypad' | 'power_off' | 'power_on' | 'restart_hub', received 'kick'"
            ]
          }
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, acting(app.own.devices[1], "keypad")).await, @r#"
    /thumbturn/sandbox/locks/act 400 invalid_input
    {
      "error": {
        "message": "code is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "code": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, acting(NOTHING, "turn_lock")).await, @r#"
    /thumbturn/sandbox/locks/act 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    let (real, _) = app.real_lock().await;
    assert_snapshot!(app.snap(path, acting(real, "turn_lock")).await, @r#"
    /thumbturn/sandbox/locks/act 400 device_type_not_supported
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "This device is not a virtual lock",
        "type": "device_type_not_supported"
      },
      "ok": false
    }
    "#);
    let keyless = json!({"device_id": app.own.devices[4], "action": "keypad", "code": "1234"});
    assert_snapshot!(app.snap(path, keyless).await, @r#"
    /thumbturn/sandbox/locks/act 400 device_type_not_supported
    {
      "error": {
        "data": {"device_id": "[id]"},
        "message": "This lock has no keypad",
        "type": "device_type_not_supported"
      },
      "ok": false
    }
    "#);
}
