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
async fn create() {
    let app = TestApp::start().await;
    let path = "/spaces/create";
    let whole = json!({
        "name": "Suite",
        "space_key": "suite",
        "customer_key": "hotel",
        "device_ids": [app.own.devices[0]],
        "connected_account_ids": [app.another_account(2).await.0],
        "customer_data": {"address": "High Street 1", "default_checkin_time": "15:00", "time_zone": null},
    });
    let with = |name: &str, value: Value| json!({"name": "Room", name: value});
    assert_snapshot!(app.snap(path, whole.clone()).await, @r#"
    /spaces/create 200
    {
      "ok": true,
      "space": {
        "acs_entrance_count": 0,
        "created_at": "[time]",
        "customer_data": {"address": "High Street 1", "default_checkin_time": "15:00"},
        "customer_key": "hotel",
        "device_count": 3,
        "display_name": "Suite",
        "name": "Suite",
        "space_id": "[id]",
        "space_key": "suite",
        "workspace_id": "[id]"
      }
    }
    "#);
    assert_snapshot!(app.snap(path, whole).await, @r#"
    /spaces/create 409 space_key_already_exists
    {
      "error": {
        "data": {"space_key": "suite"},
        "message": "The workspace already has a space with this space_key",
        "type": "space_key_already_exists"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /spaces/create 400 invalid_input
    {
      "error": {
        "message": "name is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "name": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with("customer_data", json!({"default_checkin_time": "3 pm"}))).await, @r#"
    /spaces/create 400 invalid_input
    {
      "error": {
        "message": "Invalid time, expected HH:mm or HH:mm:ss for \"customer_data.default_checkin_time\"",
        "type": "invalid_input",
        "validation_errors": {
          "_errors": [],
          "customer_data": {
            "_errors": [],
            "default_checkin_time": {"_errors": ["Invalid time, expected HH:mm or HH:mm:ss"]}
          }
        }
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with("device_ids", json!([NOTHING]))).await, @r#"
    /spaces/create 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with("connected_account_ids", json!([NOTHING]))).await, @r#"
    /spaces/create 404 connected_account_not_found
    {
      "error": {
        "data": {"connected_account_id": "[unknown id]"},
        "message": "Connected account not found",
        "type": "connected_account_not_found"
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with("acs_entrance_ids", json!([NOTHING]))).await, @r#"
    /spaces/create 400 not_supported
    {
      "error": {
        "message": "This server has no access systems, so a space can have no entrances",
        "type": "not_supported"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn get() {
    let app = TestApp::start().await;
    let path = "/spaces/get";
    let id = made(&app).await;
    assert_snapshot!(app.snap(path, json!({"space_id": id})).await, @r#"
    /spaces/get 200
    {
      "ok": true,
      "space": {
        "acs_entrance_count": 0,
        "created_at": "[time]",
        "device_count": 1,
        "display_name": "Room",
        "name": "Room",
        "space_id": "[id]",
        "space_key": "room",
        "workspace_id": "[id]"
      }
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"space_id": id, "space_key": "room"})).await, @r#"
    /spaces/get 400 invalid_input
    {
      "error": {
        "message": "Either 'space_id' or 'space_key' may be given, not both",
        "type": "invalid_input",
        "validation_errors": {"_errors": ["Either 'space_id' or 'space_key' may be given, not both"]}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"space_id": NOTHING})).await, @r#"
    /spaces/get 404 space_not_found
    {
      "error": {"data": {"space_id": "[unknown id]"}, "message": "Space not found", "type": "space_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"space_key": "nowhere"})).await, @r#"
    /spaces/get 404 space_not_found
    {
      "error": {"data": {"space_key": "nowhere"}, "message": "Space not found", "type": "space_not_found"},
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn list() {
    let app = TestApp::start().await;
    let path = "/spaces/list";
    made(&app).await;
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /spaces/list 200
    {
      "ok": true,
      "pagination": {"has_next_page": false, "next_page_cursor": null, "next_page_url": null},
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
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"parent_space_id": "x"})).await, @r#"
    /spaces/list 400 invalid_input
    {
      "error": {
        "message": "Invalid uuid for \"parent_space_id\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "parent_space_id": {"_errors": ["Invalid uuid"]}}
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn update() {
    let app = TestApp::start().await;
    let path = "/spaces/update";
    let id = made(&app).await;
    let with = |name: &str, value: Value| json!({"space_id": id, name: value});
    assert_snapshot!(app.snap(path, with("name", json!("Hall"))).await, @r#"
    /spaces/update 200
    {
      "ok": true,
      "space": {
        "acs_entrance_count": 0,
        "created_at": "[time]",
        "device_count": 1,
        "display_name": "Hall",
        "name": "Hall",
        "space_id": "[id]",
        "space_key": "room",
        "workspace_id": "[id]"
      }
    }
    "#);
    assert_snapshot!(app.snap(path, with("name", json!(""))).await, @r#"
    /spaces/update 400 invalid_input
    {
      "error": {
        "message": "String must contain at least 1 character(s) for \"name\"",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "name": {"_errors": ["String must contain at least 1 character(s)"]}}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /spaces/update 400 invalid_input
    {
      "error": {
        "message": "Either 'space_id' or 'space_key' is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": ["Either 'space_id' or 'space_key' is required"]}
      },
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({"space_id": NOTHING})).await, @r#"
    /spaces/update 404 space_not_found
    {
      "error": {"data": {"space_id": "[unknown id]"}, "message": "Space not found", "type": "space_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with("device_ids", json!([NOTHING]))).await, @r#"
    /spaces/update 404 device_not_found
    {
      "error": {"data": {"device_id": "[unknown id]"}, "message": "Device not found", "type": "device_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, with("acs_entrance_ids", json!([NOTHING]))).await, @r#"
    /spaces/update 400 not_supported
    {
      "error": {
        "message": "This server has no access systems, so a space can have no entrances",
        "type": "not_supported"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn delete() {
    let app = TestApp::start().await;
    let path = "/spaces/delete";
    let id = made(&app).await;
    assert_snapshot!(app.snap(path, json!({"space_id": id})).await, @r#"
    /spaces/delete 200
    {"ok": true}
    "#);
    assert_snapshot!(app.snap(path, json!({"space_id": id})).await, @r#"
    /spaces/delete 404 space_not_found
    {
      "error": {"data": {"space_id": "[id]"}, "message": "Space not found", "type": "space_not_found"},
      "ok": false
    }
    "#);
    assert_snapshot!(app.snap(path, json!({})).await, @r#"
    /spaces/delete 400 invalid_input
    {
      "error": {
        "message": "space_id is required",
        "type": "invalid_input",
        "validation_errors": {"_errors": [], "space_id": {"_errors": ["Required"]}}
      },
      "ok": false
    }
    "#);
}
