use insta::assert_snapshot;
use serde_json::json;

use super::stage::NOTHING;
use crate::app::TestApp;

#[tokio::test]
async fn list_device_providers() {
    let app = TestApp::start().await;
    let path = "/devices/list_device_providers";
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /devices/list_device_providers 200
    {
      "device_providers": [
        {
          "can_configure_auto_lock": true,
          "can_remotely_lock": true,
          "can_remotely_unlock": true,
          "can_simulate_disconnection": true,
          "can_simulate_hub_disconnection": true,
          "can_simulate_paid_subscription": true,
          "can_simulate_removal": true,
          "can_unlock_with_code": true,
          "device_provider_name": "august",
          "display_name": "August",
          "image_url": "http://thumbturn.test/thumbturn/images/lock.svg",
          "provider_categories": ["stable", "consumer_smartlocks"]
        },
        {
          "can_configure_auto_lock": true,
          "can_remotely_lock": true,
          "can_remotely_unlock": true,
          "can_simulate_disconnection": true,
          "can_simulate_hub_disconnection": true,
          "can_simulate_paid_subscription": true,
          "can_simulate_removal": true,
          "can_unlock_with_code": true,
          "device_provider_name": "kwikset",
          "display_name": "Kwikset",
          "image_url": "http://thumbturn.test/thumbturn/images/lock.svg",
          "provider_categories": ["stable", "consumer_smartlocks"]
        },
        {
          "can_configure_auto_lock": true,
          "can_remotely_lock": true,
          "can_remotely_unlock": true,
          "can_simulate_disconnection": true,
          "can_simulate_hub_disconnection": true,
          "can_simulate_paid_subscription": true,
          "can_simulate_removal": true,
          "device_provider_name": "nuki",
          "display_name": "Nuki",
          "image_url": "http://thumbturn.test/thumbturn/images/lock.svg",
          "provider_categories": ["stable", "consumer_smartlocks"]
        },
        {
          "can_configure_auto_lock": true,
          "can_remotely_lock": true,
          "can_remotely_unlock": true,
          "can_simulate_disconnection": true,
          "can_simulate_hub_disconnection": true,
          "can_simulate_paid_subscription": true,
          "can_simulate_removal": true,
          "can_unlock_with_code": true,
          "device_provider_name": "schlage",
          "display_name": "Schlage",
          "image_url": "http://thumbturn.test/thumbturn/images/lock.svg",
          "provider_categories": ["stable", "consumer_smartlocks"]
        },
        {
          "can_configure_auto_lock": true,
          "can_remotely_lock": true,
          "can_remotely_unlock": true,
          "can_simulate_disconnection": true,
          "can_simulate_hub_disconnection": true,
          "can_simulate_paid_subscription": true,
          "can_simulate_removal": true,
          "can_unlock_with_code": true,
          "device_provider_name": "yale",
          "display_name": "Yale",
          "image_url": "http://thumbturn.test/thumbturn/images/lock.svg",
          "provider_categories": ["stable", "consumer_smartlocks"]
        }
      ],
      "ok": true
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"provider_category": "submarines"})).await, @r#"
    /devices/list_device_providers 400 invalid_input
    {
      "error": {
        "message": "Invalid enum value. Expected 'stable' | 'consumer_smartlocks' | 'beta' | 'thermostats' | 'noise_sensors' | 'access_control_systems' | 'cameras' | 'connectors', received 'submarines' for \"provider_category\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "provider_category": {
            "_errors": [
              "Invalid enum value. Expected 'stable' | 'consumer_smartlocks' | 'beta' | 'thermostats' | 'noise_sensors' | 'access_control_systems' | 'cameras' | 'connectors', received 'submarines'"
            ]
          }
        }
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn report_provider_metadata() {
    let app = TestApp::start().await;
    let path = "/devices/report_provider_metadata";
    let told =
        |id: uuid::Uuid, zone: &str| json!({"devices": [{"device_id": id, "schlage_metadata": {"time_zone": zone}}]});
    assert_snapshot!(app.snap(path, told(app.own.devices[0], "Europe/Berlin")).await, @r#"
    /devices/report_provider_metadata 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, told(app.own.devices[0], "Mars/Olympus")).await, @r#"
    /devices/report_provider_metadata 400 invalid_input
    {
      "error": {
        "message": "\"Mars/Olympus\" is not the IANA name of a time zone for \"devices.0.schlage_metadata.time_zone\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "devices": {
            "0": {
              "_errors": [],
              "schlage_metadata": {
                "_errors": [],
                "time_zone": {"_errors": ["\"Mars/Olympus\" is not the IANA name of a time zone"]}
              }
            },
            "_errors": []
          }
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"devices": []})).await, @r#"
    /devices/report_provider_metadata 400 invalid_input
    {
      "error": {
        "message": "Array must contain at least 1 element(s) for \"devices\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "devices": {"_errors": ["Array must contain at least 1 element(s)"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, told(NOTHING, "Europe/Berlin")).await, @r#"
    /devices/report_provider_metadata 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
}
