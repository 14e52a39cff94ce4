//! What endpoints do, find and refuse; their whole answers are in `snapshots`.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::TestApp;
use crate::ask::Ask;

fn unknown_device(id: Uuid) -> Value {
    json!({
        "error": {"type": "device_not_found", "message": "Device not found", "data": {"device_id": id.to_string()}},
        "ok": false,
    })
}

#[tokio::test]
async fn devices_get() {
    let app = TestApp::start().await;
    let id = app.own.devices[0];
    let door = app.get("/devices/list").await.field("devices");
    let door = door.as_array().unwrap().iter().find(|device| device["device_id"] == json!(id)).unwrap();
    for body in [
        json!({"device_id": id}),
        json!({"name": "Front Door"}),
        json!({"device_id": id, "name": "Front Door"}),
        json!({"device_id": id.to_string().to_uppercase()}),
    ] {
        assert_eq!(app.post("/devices/get", body).await.field("device"), *door);
    }
    for gone in [Uuid::new_v4(), app.foreign.devices[0]] {
        let answer = app.post("/devices/get", json!({"device_id": gone})).await;
        assert_eq!(answer.body, unknown_device(gone));
    }
    for body in [
        json!({"name": "Nowhere"}),
        json!({"name": "front door"}),
        json!({"device_id": id, "name": "Back Door"}),
        json!({"device_id": app.foreign.devices[0], "name": "Front Door"}),
    ] {
        app.post("/devices/get", body).await.assert_refused(404, "device_not_found");
    }
    for body in [
        json!({}),
        json!({"device_id": null}),
        json!({"name": ""}),
        json!({"device_id": "x"}),
        json!({"device_id": id.simple().to_string()}),
        json!({"device_id": 5}),
    ] {
        app.post("/devices/get", body).await.assert_refused(400, "invalid_input");
    }
}

#[tokio::test]
async fn devices_and_locks_are_listed_oldest_first() {
    let app = TestApp::start().await;
    for path in ["/devices/list", "/locks/list"] {
        let answer = app.ok(path, json!({})).await;
        let mut shown: Vec<&str> =
            answer["devices"].as_array().unwrap().iter().map(|d| d["display_name"].as_str().unwrap()).collect();
        shown.sort_unstable();
        assert_eq!(shown, ["Back Door", "Front Door", "Garage", "Office", "Side Gate"]);
    }
}

#[tokio::test]
async fn lists_of_devices_are_filtered() {
    let app = TestApp::start().await;
    let (account, others) = app.another_account(2).await;
    let id = app.own.devices[0];
    let update = json!({"device_id": id, "name": "Haustür", "custom_metadata": {"floor": "3", "vip": true}});
    app.ok("/devices/update", update).await;
    let session = json!({"user_identifier_key": "guest", "connected_account_ids": [account]});
    app.ok("/client_sessions/create", session).await;
    let nobody = Uuid::new_v4();
    for (filter, expected) in [
        (json!({}), 7),
        (json!({"device_ids": [id, id]}), 1),
        (json!({"device_ids": []}), 0),
        (json!({"device_ids": [id, app.foreign.devices[0], nobody]}), 1),
        (json!({"connected_account_id": account}), 2),
        (json!({"connected_account_id": app.foreign.account}), 0),
        (json!({"connected_account_ids": [account, app.own.account]}), 7),
        (json!({"connected_account_id": account, "connected_account_ids": [app.own.account]}), 0),
        (json!({"connected_account_ids": []}), 0),
        (json!({"connect_webview_id": nobody}), 0),
        (json!({"space_id": nobody}), 0),
        (json!({"unstable_location_id": nobody}), 0),
        (json!({"unstable_location_id": null}), 7),
        (json!({"customer_key": "c"}), 0),
        (json!({"user_identifier_key": "guest"}), 2),
        (json!({"user_identifier_key": "nobody"}), 0),
        (json!({"device_type": "yale_lock"}), 2),
        (json!({"device_type": "no_such_lock"}), 0),
        (json!({"device_types": ["yale_lock", "nuki_lock"]}), 3),
        (json!({"device_types": []}), 0),
        (json!({"manufacturer": "august"}), 2),
        (json!({"manufacturer": "nobody"}), 0),
        (json!({"created_before": "2000-01-01T00:00:00Z"}), 0),
        (json!({"created_before": "2100-01-01T00:00:00Z"}), 7),
        (json!({"custom_metadata_has": {"floor": "3", "vip": true}}), 1),
        (json!({"custom_metadata_has": {"floor": "3", "vip": "true"}}), 1),
        (json!({"custom_metadata_has": {"vip": false}}), 0),
        (json!({"custom_metadata_has": {"floor": null}}), 6),
        (json!({"custom_metadata_has": {"floor": ""}}), 7),
        (json!({"search": "haust"}), 1),
        (json!({"search": "%"}), 0),
        (json!({"search": &id.to_string()[..8]}), 1),
        (json!({"include_if": ["can_remotely_unlock"]}), 7),
        (json!({"include_if": ["can_hvac_heat"]}), 0),
        (json!({"exclude_if": ["can_unlock_with_code"]}), 1),
        (json!({"exclude_if": ["can_remotely_lock"]}), 0),
        (json!({"include_if": [], "exclude_if": []}), 7),
        (json!({"limit": 1_000_000_000_000u64}), 7),
        (json!({"limit": 2.0}), 2),
    ] {
        for path in ["/devices/list", "/locks/list"] {
            let found = app.post(path, filter.clone()).await.field("devices");
            assert_eq!(found.as_array().unwrap().len(), expected, "{path} {filter}");
        }
    }
    assert_eq!(others.len(), 2);
}

#[tokio::test]
async fn devices_update() {
    let app = TestApp::start().await;
    let id = app.own.devices[0];
    let update = async |mut body: Value| {
        body["device_id"] = json!(id);
        let answer = app.post("/devices/update", body).await;
        assert_eq!(answer.body, json!({"ok": true}));
        app.device(0).await
    };
    let named = update(json!({"name": "Porch"})).await;
    assert_eq!(named["nickname"], "Porch");
    assert_eq!(named["display_name"], "Porch");
    assert_eq!(named["properties"]["name"], "Porch");
    assert_eq!(named["properties"]["appearance"]["name"], "Front Door");
    assert_eq!(update(json!({"properties": {"name": "Gate"}})).await["nickname"], "Gate");
    let back = update(json!({"name": null})).await;
    assert_eq!((back.get("nickname"), &back["display_name"]), (None, &json!("Front Door")));
    let pairs = update(json!({"custom_metadata": {"a": "1", "b": true, "c": "x"}})).await;
    assert_eq!(pairs["custom_metadata"], json!({"a": "1", "b": true, "c": "x"}));
    let merged = update(json!({"custom_metadata": {"a": null, "b": false, "c": "", "d": "4"}})).await;
    assert_eq!(merged["custom_metadata"], json!({"b": false, "d": "4"}));
    assert_eq!(update(json!({})).await["custom_metadata"], merged["custom_metadata"]);
    let names: Vec<Value> = app
        .events(0)
        .await
        .into_iter()
        .filter(|event| event["event_type"] == "device.name_changed")
        .map(|event| event["device_name"].clone())
        .collect();
    assert_eq!(names, ["Porch", "Gate", "Front Door"]);
}

#[tokio::test]
async fn devices_update_refuses_what_is_too_much() {
    let app = TestApp::start().await;
    let id = app.own.devices[0];
    let pairs = |from: usize, to: usize| -> Value {
        (from..to).map(|n| (format!("k{n}"), json!(true))).collect::<serde_json::Map<_, _>>().into()
    };
    let update = async |body: Value| app.post("/devices/update", body).await;
    update(json!({"device_id": id, "custom_metadata": pairs(0, 50)})).await.ok();
    for body in [
        json!({"custom_metadata": pairs(50, 51)}),
        json!({"custom_metadata": pairs(0, 51)}),
        json!({"custom_metadata": {"a.b": "x"}}),
        json!({"custom_metadata": {"k".repeat(41): "x"}}),
        json!({"custom_metadata": {"a": "x".repeat(501)}}),
        json!({"custom_metadata": {"a": 5}}),
        json!({"custom_metadata": []}),
        json!({"name": 5}),
        json!({"name": "x".repeat(256)}),
        json!({"properties": {"name": "x".repeat(256)}}),
        json!({"properties": "x"}),
        json!({"is_managed": "no"}),
    ] {
        let mut body = body;
        body["device_id"] = json!(id);
        update(body).await.assert_refused(400, "invalid_input");
    }
    let device = app.device(0).await;
    assert_eq!(device["custom_metadata"].as_object().unwrap().len(), 50);
    assert_eq!(device.get("nickname"), None);
    update(json!({"device_id": Uuid::new_v4(), "name": "x"})).await.assert_refused(404, "device_not_found");
    update(json!({"device_id": app.foreign.devices[0], "name": "x"})).await.assert_refused(404, "device_not_found");
    update(json!({})).await.assert_refused(400, "invalid_input");
}

#[tokio::test]
async fn changes_of_one_device_at_the_same_time_do_not_undo_each_other() {
    let app = TestApp::start().await;
    let id = app.own.devices[0];
    let calls = (0..5)
        .map(|n| app.post("/devices/update", json!({"device_id": id, "custom_metadata": {format!("k{n}"): "x"}})));
    for answer in futures::future::join_all(calls).await {
        answer.ok();
    }
    assert_eq!(app.device(0).await["custom_metadata"].as_object().unwrap().len(), 5);
}

#[tokio::test]
async fn an_unmanaged_device_is_out_of_reach() {
    let app = TestApp::start().await;
    let id = app.own.devices[1];
    let body = json!({"device_id": id});
    app.ok("/devices/update", json!({"device_id": id, "is_managed": false})).await;
    app.post("/devices/get", body.clone()).await.assert_refused(404, "device_not_found");
    app.post("/locks/get", body.clone()).await.assert_refused(404, "device_not_found");
    app.post("/devices/get", json!({"name": "Back Door"})).await.assert_refused(404, "device_not_found");
    for path in ["/devices/list", "/locks/list"] {
        assert_eq!(app.ok(path, json!({})).await["devices"].as_array().unwrap().len(), 4);
    }
    let managing = json!({"device_id": id, "is_managed": true});
    app.post("/devices/update", managing).await.assert_refused(400, "device_unmanaged");
    for path in ["/locks/unlock_door", "/locks/lock_door"] {
        app.post(path, body.clone()).await.assert_refused(400, "device_unmanaged");
    }
    let converted = app.events(1).await;
    let converted = converted.iter().filter(|event| event["event_type"] == "device.converted_to_unmanaged");
    assert_eq!(converted.count(), 1);
    assert_eq!(app.physical(1).await["commands"], 0);
}

#[tokio::test]
async fn action_attempts_get_and_list() {
    let app = TestApp::start().await;
    let first = app.unlock(0).await;
    let second = app.unlock(1).await;
    let get = json!({"action_attempt_id": first["action_attempt_id"]});
    assert_eq!(app.post("/action_attempts/get", get).await.field("action_attempt"), first);
    let gone = Uuid::new_v4();
    for (filter, found) in [
        (json!({}), vec![&first, &second]),
        (json!({"action_attempt_ids": [first["action_attempt_id"], gone]}), vec![&first]),
        (json!({"action_attempt_ids": []}), vec![]),
        (json!({"action_attempt_ids": [gone]}), vec![]),
        (json!({"device_id": app.own.devices[1]}), vec![&second]),
        (json!({"device_id": gone}), vec![]),
        (json!({"limit": 1}), vec![&first]),
    ] {
        let answer = app.post("/action_attempts/list", filter).await.field("action_attempts");
        assert_eq!(answer, json!(found));
    }
}

#[tokio::test]
async fn workspaces() {
    let app = TestApp::start().await;
    let session = app.session(&[]).await;
    let own = app.get("/workspaces/get").await.field("workspace");
    assert_eq!(own["workspace_id"], app.own.workspace.to_string());
    for token in [&app.own.api_key, &session] {
        assert_eq!(app.send(Ask::get("/workspaces/get").bearer(token)).await.field("workspace"), own);
        assert_eq!(app.send(Ask::post("/workspaces/list").bearer(token)).await.field("workspaces"), json!([own]));
    }
    let opened = async |ask: Ask| {
        let found = app.send(ask).await.field("workspaces");
        let ids = found.as_array().unwrap().iter().map(|one| one["workspace_id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    let both = [app.own.workspace.to_string(), app.foreign.workspace.to_string()];
    let list = || Ask::get("/workspaces/list");
    assert_eq!(opened(list().bearer(&app.pat)).await, both);
    assert_eq!(opened(list().bearer(&app.pat).header("seam-workspace", &both[1])).await, both[1..]);
    assert_eq!(opened(list().bearer(&app.own.pat)).await, both[..1]);
}

fn account(name: &str) -> Value {
    json!({
        "connected_account_id": "[id]",
        "account_type": "sandbox",
        "account_type_display_name": "Sandbox",
        "display_name": name,
        "automatically_manage_new_devices": true,
        "accepted_capabilities": ["lock"],
        "custom_metadata": {},
        "errors": [],
        "warnings": [],
        "created_at": "[time]",
        "user_identifier": {},
    })
}

#[tokio::test]
async fn connected_accounts_get_and_list() {
    let app = TestApp::start().await;
    let id = json!({"connected_account_id": app.own.account});
    let found = app.post("/connected_accounts/get", id).await.field("connected_account");
    let list = app.post("/connected_accounts/list", json!({})).await.field("connected_accounts");
    assert_eq!(list, json!([found]));
    let gone = Uuid::new_v4();
    for body in [
        json!({}),
        json!({"connected_account_id": gone, "email": "jane@example.com"}),
        json!({"email": "no address"}),
        json!({"connected_account_id": "x"}),
    ] {
        app.post("/connected_accounts/get", body).await.assert_refused(400, "invalid_input");
    }
    for (filter, expected) in [
        (json!({"search": "sandbox"}), 1),
        (json!({"search": "nothing"}), 0),
        (json!({"customer_key": "c"}), 0),
        (json!({"user_identifier_key": "nobody"}), 0),
        (json!({"space_id": gone}), 0),
        (json!({"custom_metadata_has": {"a": null}}), 1),
        (json!({"custom_metadata_has": {"a": "1"}}), 0),
    ] {
        let found = app.post("/connected_accounts/list", filter.clone()).await.field("connected_accounts");
        assert_eq!(found.as_array().unwrap().len(), expected, "{filter}");
    }
}

#[tokio::test]
async fn connected_accounts_update_changes_what_it_is_given() {
    let app = TestApp::start().await;
    let update = async |changes: Value| {
        let mut body = json!({"connected_account_id": app.own.account});
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        app.post("/connected_accounts/update", body).await
    };
    let mut expected = account("Sandbox locks");
    for changes in [
        json!({"display_name": "Annex"}),
        json!({"automatically_manage_new_devices": false, "accepted_capabilities": ["lock"]}),
        json!({"custom_metadata": {"wing": "west", "vip": true}}),
        json!({"custom_metadata": {"wing": "east"}}),
        json!({"customer_key": "hotel"}),
        // Asked again, as after an answer that got lost.
        json!({"customer_key": "hotel", "display_name": "Annex 2"}),
        json!({}),
    ] {
        expected.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        update(changes).await.assert_body(200, &json!({"connected_account": expected, "ok": true}));
    }
    let emptied = json!({"custom_metadata": {"wing": null, "floor": ""}});
    assert_eq!(update(emptied).await.body["connected_account"]["custom_metadata"], json!({}));
    let found = app.post("/devices/list", json!({"customer_key": "hotel"})).await.field("devices");
    assert_eq!(found.as_array().unwrap().len(), app.own.devices.len());
}

#[tokio::test]
async fn connected_accounts_update_refuses_what_cannot_be() {
    let app = TestApp::start().await;
    let update = async |body: Value| app.post("/connected_accounts/update", body).await;
    let id = app.own.account;
    update(json!({"connected_account_id": id, "customer_key": "hotel"})).await;
    let before = app.post("/connected_accounts/get", json!({"connected_account_id": id})).await.body;
    let other = update(json!({"connected_account_id": id, "customer_key": "motel", "display_name": "x"})).await;
    other.assert_refused(400, "customer_key_already_set");
    for wrong in [
        json!({"display_name": ""}),
        json!({"display_name": "x".repeat(256)}),
        json!({"customer_key": ""}),
        json!({"automatically_manage_new_devices": "perhaps"}),
        json!({"accepted_capabilities": ["door"]}),
        json!({"custom_metadata": {"a": 1}}),
        json!({"custom_metadata": [1]}),
    ] {
        let mut body = json!({"connected_account_id": id, "display_name": "x"});
        body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        update(body).await.assert_refused(400, "invalid_input");
    }
    for kinds in [json!(["lock", "camera"]), json!([])] {
        let body = json!({"connected_account_id": id, "display_name": "x", "accepted_capabilities": kinds});
        update(body).await.assert_refused(501, "not_implemented");
    }
    for missing in [Uuid::new_v4(), app.foreign.account] {
        let answer = update(json!({"connected_account_id": missing, "display_name": "x"})).await;
        answer.assert_refused(404, "connected_account_not_found");
    }
    assert_eq!(app.post("/connected_accounts/get", json!({"connected_account_id": id})).await.body, before);
}

#[tokio::test]
async fn connected_accounts_create_and_delete() {
    let app = TestApp::start().await;
    let body = json!({"provider": "sandbox", "config": {"locks": 2, "latency_ms": 0}, "display_name": "Annex"});
    let made = app.post("/thumbturn/connected_accounts/create", body).await;
    made.assert_body(200, &json!({"connected_account": account("Annex"), "ok": true}));
    let id = made.body["connected_account"]["connected_account_id"].clone();
    let devices = app.post("/devices/list", json!({"connected_account_id": id})).await.field("devices");
    assert_eq!(devices.as_array().unwrap().len(), 2);
    let body = json!({"device_id": devices[0]["device_id"]});
    let attempt = app.attempt("/locks/unlock_door", body.clone()).await;
    assert_eq!(attempt["status"], "success");

    let id = json!({"connected_account_id": id});
    assert_eq!(app.post("/connected_accounts/delete", id.clone()).await.body, json!({"ok": true}));
    app.post("/connected_accounts/delete", id.clone()).await.assert_refused(404, "connected_account_not_found");
    app.post("/connected_accounts/get", id.clone()).await.assert_refused(404, "connected_account_not_found");
    app.post("/locks/unlock_door", body.clone()).await.assert_refused(404, "device_not_found");
    app.post("/devices/get", body.clone()).await.assert_refused(404, "device_not_found");
    let events = json!({"since": "2000-01-01T00:00:00Z", "connected_account_id": id["connected_account_id"]});
    let events = app.post("/events/list", events).await.field("events");
    let count = |kind: &str| events.as_array().unwrap().iter().filter(|event| event["event_type"] == kind).count();
    assert_eq!((count("connected_account.deleted"), count("device.deleted")), (1, 2), "{events:#}");
    assert_eq!(app.unlock(0).await["status"], "success");
}

#[tokio::test]
async fn connected_accounts_create_refuses_what_cannot_work() {
    let app = TestApp::start().await;
    let create = async |body: Value| app.post("/thumbturn/connected_accounts/create", body).await;
    for body in [
        json!({}),
        json!({"provider": "carrier_pigeon"}),
        json!({"provider": "sandbox", "config": []}),
        json!({"provider": "sandbox", "config": {"locks": -1}}),
        json!({"provider": "sandbox", "config": {"locks": 1_000_000_000}}),
        json!({"provider": "sandbox", "config": {"lcoks": 1}}),
        json!({"provider": "sandbox", "config": {"latency_ms": "fast"}}),
        json!({"provider": "sandbox", "display_name": ""}),
        json!({"provider": "sandbox", "display_name": "x".repeat(256)}),
    ] {
        create(body).await.assert_refused(400, "invalid_input");
    }
    let named = create(json!({"provider": "sandbox", "config": {"locks": -1}})).await;
    assert!(named.body["error"]["validation_errors"]["config"]["locks"]["_errors"][0].is_string(), "{:#}", named.body);
    let list = app.post("/connected_accounts/list", json!({})).await.field("connected_accounts");
    assert_eq!(list.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_hub_that_cannot_be_reached_is_kept_and_says_so_without_its_password() {
    let app = TestApp::start().await;
    let create = async |body: Value| app.post("/thumbturn/connected_accounts/create", body).await;
    for (config, field) in [
        (json!({}), "url"),
        (json!({"url": "http://127.0.0.1"}), "url"),
        (json!({"url": "mqtt://127.0.0.1:1", "username": 5}), "username"),
    ] {
        let refused = create(json!({"provider": "mqtt", "config": config})).await;
        refused.assert_refused(400, "invalid_input");
        let problems = &refused.body["error"]["validation_errors"]["config"];
        assert!(problems[field]["_errors"][0].is_string(), "{:#}", refused.body);
    }
    for (config, field) in [
        (json!({}), "url"),
        (json!({"url": "mqtt://127.0.0.1:1"}), "url"),
        (json!({"url": "ws://127.0.0.1:1", "token": "x"}), "token"),
    ] {
        let refused = create(json!({"provider": "zwave_js", "config": config})).await;
        refused.assert_refused(400, "invalid_input");
        let problems = &refused.body["error"]["validation_errors"]["config"];
        assert!(problems[field]["_errors"][0].is_string(), "{:#}", refused.body);
    }
    for (config, field) in [
        (json!({"url": "http://127.0.0.1:1"}), "token"),
        (json!({"url": "http://127.0.0.1:1", "token": "a b canary"}), "token"),
        (json!({"url": "ws://127.0.0.1:1", "token": "canary"}), "url"),
        (json!({"url": "http://127.0.0.1:1", "token": "canary", "reads": "nuki"}), "reads"),
    ] {
        let refused = create(json!({"provider": "home_assistant", "config": config})).await;
        refused.assert_refused(400, "invalid_input");
        let problems = &refused.body["error"]["validation_errors"]["config"];
        assert!(problems[field]["_errors"][0].is_string(), "{:#}", refused.body);
        assert!(!refused.body.to_string().contains("canary"), "{:#}", refused.body);
    }
    // Port 1 refuses at once.
    let body = json!({"provider": "home_assistant", "config": {"url": "http://127.0.0.1:1/ha", "token": "canary"}});
    let made = create(body).await.field("connected_account");
    assert_eq!(made["display_name"], "Home Assistant 127.0.0.1:1/ha");
    assert_eq!(made["warnings"][0]["warning_code"], "provider_service_unavailable", "{made:#}");
    assert!(!made.to_string().contains("canary"), "{made:#}");
    app.ok("/connected_accounts/delete", json!({"connected_account_id": made["connected_account_id"]})).await;
    let body = json!({"provider": "zwave_js", "config": {"url": "ws://127.0.0.1:1"}});
    let made = create(body.clone()).await.field("connected_account");
    assert_eq!((&made["account_type"], &made["display_name"]), (&json!("zwave_js"), &json!("Z-Wave JS 127.0.0.1:1")));
    let warning = &made["warnings"][0];
    assert_eq!(warning["warning_code"], "provider_service_unavailable", "{made:#}");
    assert!(warning["message"].as_str().unwrap().contains("Z-Wave JS server 127.0.0.1:1"), "{made:#}");
    let spelled_otherwise = json!({"provider": "zwave_js", "config": {"url": "ws://localhost:1/"}});
    create(spelled_otherwise).await.assert_refused(409, "hub_already_connected");
    let id = json!({"connected_account_id": made["connected_account_id"]});
    app.ok("/connected_accounts/delete", id).await;
    let refused = create(json!({"provider": "matter", "config": {"url": "http://127.0.0.1:1"}})).await;
    refused.assert_refused(400, "invalid_input");
    assert!(
        refused.body["error"]["validation_errors"]["config"]["url"]["_errors"][0].is_string(),
        "{:#}",
        refused.body
    );
    let made = create(json!({"provider": "matter", "config": {"url": "ws://127.0.0.1:1"}})).await;
    let made = made.field("connected_account");
    assert_eq!((&made["account_type"], &made["display_name"]), (&json!("matter"), &json!("Matter 127.0.0.1:1/ws")));
    let message = made["warnings"][0]["message"].as_str().unwrap();
    assert!(message.contains("Matter server 127.0.0.1:1"), "{made:#}");
    create(json!({"provider": "matter", "config": {"url": "ws://localhost:1/ws"}}))
        .await
        .assert_refused(409, "hub_already_connected");
    let id = json!({"connected_account_id": made["connected_account_id"]});
    app.ok("/connected_accounts/delete", id).await;
    let config = json!({"url": "mqtt://127.0.0.1:1", "username": "u", "password": "canary"});
    let body = json!({"provider": "mqtt", "config": config, "display_name": "Broker"});
    let made = create(body.clone()).await.field("connected_account");
    assert_eq!((&made["account_type"], &made["display_name"]), (&json!("mqtt"), &json!("Broker")));
    assert_eq!(made["warnings"][0]["warning_code"], "provider_service_unavailable", "{made:#}");
    create(body).await.assert_refused(409, "hub_already_connected");
    let list = app.post("/connected_accounts/list", json!({})).await.field("connected_accounts");
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert!(!list.to_string().contains("canary"), "{list:#}");
    let id = json!({"connected_account_id": made["connected_account_id"]});
    app.ok("/connected_accounts/delete", id).await;
}

#[tokio::test]
async fn deleting_an_account_ends_its_running_attempts() {
    let app = TestApp::start().await;
    let (account, devices) = app.another_account(1).await;
    let slow = json!({"device_id": devices[0], "latency_ms": 600_000});
    app.ok("/thumbturn/sandbox/locks/set", slow).await;
    let ask = Ask::post("/locks/unlock_door").bearer(&app.own.api_key).header("prefer", "respond-async");
    let pending = app.send(ask.json(json!({"device_id": devices[0]}))).await.field("action_attempt");
    assert_eq!(pending["status"], "pending");
    app.ok("/connected_accounts/delete", json!({"connected_account_id": account})).await;
    let ended = app.decided(&pending).await;
    assert_eq!(ended["status"], "error", "{ended}");
}

#[tokio::test]
async fn events_get_and_list() {
    let app = TestApp::start().await;
    let attempt = app.unlock(0).await;
    let events = app.events(0).await;
    let unlocked = events.iter().find(|event| event["event_type"] == "lock.unlocked").unwrap();
    assert_eq!(unlocked["action_attempt_id"], attempt["action_attempt_id"]);
    let ended = events.iter().find(|event| event["event_type"] == "action_attempt.unlock_door.succeeded").unwrap();
    assert_eq!(ended["action_attempt_id"], attempt["action_attempt_id"]);
    for body in [
        json!({"event_id": unlocked["event_id"]}),
        json!({"event_type": "lock.unlocked"}),
        json!({"device_id": app.own.devices[0], "event_type": "lock.unlocked"}),
    ] {
        assert_eq!(app.post("/events/get", body).await.field("event"), *unlocked);
    }
    for body in [
        json!({"event_id": Uuid::new_v4()}),
        json!({"event_type": "no.such"}),
        json!({"event_id": unlocked["event_id"], "device_id": app.own.devices[1]}),
    ] {
        app.post("/events/get", body).await.assert_refused(404, "event_not_found");
    }
    app.post("/events/get", json!({})).await.assert_refused(400, "invalid_input");
}

#[tokio::test]
async fn events_are_filtered() {
    let app = TestApp::start().await;
    app.unlock(0).await;
    app.unlock(1).await;
    let since = "2000-01-01T00:00:00Z";
    let all = app.post("/events/list", json!({"since": since})).await.field("events");
    let all = all.as_array().unwrap();
    let times: Vec<&str> = all.iter().map(|event| event["created_at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let count = |keep: &dyn Fn(&Value) -> bool| all.iter().filter(|event| keep(event)).count();
    let [a, b] = [app.own.devices[0], app.own.devices[1]];
    let of = |id: Uuid| count(&|event| event["device_id"] == id.to_string());
    let unlocked = count(&|event| event["event_type"] == "lock.unlocked");
    assert_eq!(unlocked, 2);
    let nobody = Uuid::new_v4();
    for (filter, expected) in [
        (json!({"since": since, "device_id": a}), of(a)),
        (json!({"since": since, "device_ids": [a, b]}), of(a) + of(b)),
        (json!({"since": since, "device_id": a, "device_ids": [b]}), 0),
        (json!({"since": since, "device_ids": []}), 0),
        (json!({"since": since, "event_type": "lock.unlocked"}), unlocked),
        (json!({"since": since, "event_types": ["lock.unlocked", "lock.locked"]}), unlocked),
        (json!({"since": since, "connected_account_id": app.own.account}), all.len()),
        (json!({"since": since, "connected_account_id": app.foreign.account}), 0),
        (json!({"since": since, "customer_key": "c"}), 0),
        (json!({"since": since, "access_code_id": nobody}), 0),
        (json!({"since": since, "space_ids": [nobody]}), 0),
        (json!({"since": since, "limit": 1}), 1),
        (json!({"since": since, "unstable_offset": all.len() - 1}), 1),
        (json!({"since": since, "unstable_offset": i64::MAX}), 0),
        (json!({"since": "2100-01-01T00:00:00Z"}), 0),
        (json!({"since": times[0]}), all.iter().filter(|event| event["created_at"] != times[0]).count()),
        (json!({"between": [since, "2100-01-01T00:00:00Z"]}), all.len()),
        (json!({"between": [since, "2000-01-02T00:00:00Z"]}), 0),
        (json!({"event_ids": [all[0]["event_id"], nobody]}), 1),
    ] {
        let found = app.post("/events/list", filter.clone()).await.field("events");
        assert_eq!(found.as_array().unwrap().len(), expected, "{filter}");
    }
    for body in [
        json!({}),
        json!({"device_id": a}),
        json!({"since": since, "between": [since, "2100-01-01T00:00:00Z"]}),
        json!({"between": [since]}),
        json!({"between": ["2100-01-01T00:00:00Z", since]}),
        json!({"since": since, "event_type": "no.such"}),
        json!({"since": since, "unstable_offset": -1}),
        json!({"since": "yesterday"}),
    ] {
        app.post("/events/list", body).await.assert_refused(400, "invalid_input");
    }
    let page = app.get(&format!("/events/list?between={since}&between=2100-01-01T00%3A00%3A00Z&_strict=true")).await;
    assert_eq!(page.field("events").as_array().unwrap().len(), all.len());
}

#[tokio::test]
async fn sandbox_locks_show_their_physical_truth() {
    let app = TestApp::start().await;
    let before = app.physical(0).await;
    assert_eq!((&before["bolt"], &before["moves"], &before["commands"]), (&json!("locked"), &json!(0), &json!(0)));
    app.unlock(0).await;
    let after = app.physical(0).await;
    assert_eq!((&after["bolt"], &after["moves"], &after["commands"]), (&json!("unlocked"), &json!(1), &json!(1)));
    let set = json!({
        "device_id": app.own.devices[0], "latency_ms": 7, "jitter_ms": 2, "battery_level": 0.5, "relock_after_s": 60,
        "faults": {"jam": 2, "mute": true, "repeat_after_ms": 9},
    });
    let shown = app.post("/thumbturn/sandbox/locks/set", set).await.field("sandbox_lock");
    for (name, value) in [("latency_ms", json!(7)), ("battery_level", json!(0.5)), ("relock_after_s", json!(60))] {
        assert_eq!(shown[name], value, "{shown:#}");
    }
    assert_eq!((&shown["faults"]["jam"], &shown["faults"]["mute"]), (&json!(2), &json!(true)));
    let off = json!({"device_id": app.own.devices[0], "relock_after_s": null, "faults": {"jam": false, "mute": 0}});
    let shown = app.post("/thumbturn/sandbox/locks/set", off).await.field("sandbox_lock");
    assert_eq!(shown["relock_after_s"], Value::Null);
    assert_eq!((&shown["faults"]["jam"], &shown["faults"]["mute"]), (&json!(false), &json!(false)));
}

#[tokio::test]
async fn sandbox_locks_refuse_what_cannot_be() {
    let app = TestApp::start().await;
    let id = app.own.devices[0];
    for (path, body) in [
        ("get", json!({})),
        ("set", json!({"device_id": id, "latency_ms": -1})),
        ("set", json!({"device_id": id, "latency_ms": 600_001})),
        ("set", json!({"device_id": id, "battery_level": 1.5})),
        ("set", json!({"device_id": id, "relock_after_s": 86_401})),
        ("set", json!({"device_id": id, "profile": "no_such"})),
        ("set", json!({"device_id": id, "profile": ""})),
        ("set", json!({"device_id": id, "faults": {"jam": "often"}})),
        ("set", json!({"device_id": id, "faults": {"jam": -1}})),
        ("set", json!({"device_id": id, "faults": 3})),
        ("set", json!({"device_id": id, "script": "jam"})),
        ("set", json!({"device_id": id, "script": vec!["jam"; 101]})),
        ("set", json!({"device_id": id, "script": ["jump"]})),
        ("set", json!({"device_id": id, "script": [{"fault": "jam", "after_ms": 1}]})),
        ("act", json!({"device_id": id})),
        ("act", json!({"device_id": id, "action": "kick"})),
        ("act", json!({"device_id": id, "action": "keypad"})),
        ("act", json!({"device_id": id, "action": "keypad", "code": ""})),
        ("act", json!({"device_id": id, "action": "keypad", "code": "not digits"})),
    ] {
        let answer = app.post(&format!("/thumbturn/sandbox/locks/{path}"), body).await;
        answer.assert_refused(400, "invalid_input");
        assert!(!answer.body.to_string().contains("not digits"), "a code came back: {:#}", answer.body);
    }
    let keypad = json!({"device_id": app.own.devices[4], "action": "keypad", "code": "1234"});
    app.post("/thumbturn/sandbox/locks/act", keypad).await.assert_refused(400, "device_type_not_supported");
    for path in ["get", "set", "act"] {
        let body = json!({"device_id": app.foreign.devices[0], "action": "power_off"});
        let answer = app.post(&format!("/thumbturn/sandbox/locks/{path}"), body).await;
        answer.assert_refused(404, "device_not_found");
    }
    assert_eq!(app.physical(0).await["commands"], 0);
}

#[tokio::test]
async fn an_unmanaged_device_is_listed_apart_and_comes_back() {
    let app = TestApp::start().await;
    let (id, door) = (app.own.devices[0], app.own.device());
    for path in ["/devices/unmanaged/get", "/devices/unmanaged/update"] {
        let kind = if path.ends_with("get") { (404, "device_not_found") } else { (400, "device_managed") };
        app.post(path, door.clone()).await.assert_refused(kind.0, kind.1);
    }
    app.ok("/devices/update", json!({"device_id": id, "is_managed": false, "custom_metadata": {"a": "b"}})).await;
    let unmanaged = app.post("/devices/unmanaged/get", door.clone()).await.field("device");
    assert_eq!((&unmanaged["device_id"], &unmanaged["custom_metadata"]), (&json!(id), &json!({"a": "b"})));
    let by_name = app.post("/devices/unmanaged/get", json!({"name": "Front Door"})).await.field("device");
    assert_eq!(by_name, unmanaged);
    assert_eq!(app.get("/devices/unmanaged/list").await.field("devices"), json!([unmanaged]));
    for path in ["/devices/get", "/locks/get"] {
        app.post(path, door.clone()).await.assert_refused(404, "device_not_found");
    }
    app.post("/locks/unlock_door", door.clone()).await.assert_refused(400, "device_unmanaged");
    app.post("/devices/update", door.clone()).await.assert_refused(400, "device_unmanaged");
    let session = app.session(&[]).await;
    let ask = Ask::post("/devices/unmanaged/get").bearer(&session).json(door.clone());
    app.send(ask).await.assert_refused(401, "unauthorized");

    let update = "/devices/unmanaged/update";
    app.post(update, json!({"device_id": id, "is_managed": false})).await.assert_refused(400, "invalid_input");
    app.ok(update, json!({"device_id": id, "custom_metadata": {"a": null, "c": true}})).await;
    let shown = app.post("/devices/unmanaged/get", door.clone()).await.field("device");
    assert_eq!(shown["custom_metadata"], json!({"c": true}));
    app.post(update, json!({"device_id": id, "is_managed": true})).await.assert_body(200, &json!({"ok": true}));
    assert_eq!(app.get("/devices/unmanaged/list").await.field("devices"), json!([]));
    let attempt = app.unlock(0).await;
    assert_eq!(attempt["status"], "success");
    let told: Vec<Value> = app.events(0).await.iter().map(|event| event["event_type"].clone()).collect();
    let position = |kind: &str| told.iter().position(|told| told == kind).unwrap();
    let (away, back) = (position("device.converted_to_unmanaged"), position("device.unmanaged.converted_to_managed"));
    assert!(away < back && back < position("lock.unlocked"), "{told:?}");
}

#[tokio::test]
async fn changes_sent_at_the_same_time_all_last() {
    let app = TestApp::start().await;
    let id = app.own.devices[0];
    let mut bodies = vec![json!({"device_id": id, "name": "Suite"})];
    bodies.extend((0..40).map(|n| json!({"device_id": id, "custom_metadata": {(format!("k{n}")): "v"}})));
    let calls = bodies.into_iter().map(|body| app.post("/devices/update", body));
    for answer in futures::future::join_all(calls).await {
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }
    let device = app.device(0).await;
    assert_eq!(device["display_name"], "Suite");
    assert_eq!(device["custom_metadata"].as_object().unwrap().len(), 40);
}

#[tokio::test]
async fn a_new_sandbox_has_five_locks_that_open_and_a_new_workspace_none() {
    let app = TestApp::start().await;
    let create = async |body: Value| {
        app.send(Ask::post("/workspaces/create").bearer(&app.pat).json(body)).await.field("workspace")
    };
    let made = create(json!({"name": "Lab", "is_sandbox": true, "webview_logo_shape": "square"})).await;
    assert_eq!((&made["is_sandbox"], &made["company_name"]), (&json!(true), &json!("Lab")));
    assert_eq!(made["connect_webview_customization"], json!({"logo_shape": "square"}));
    let workspace = made["workspace_id"].as_str().unwrap().to_owned();
    let inside = |path: &str| Ask::post(path).bearer(&app.pat).header("seam-workspace", &workspace);
    let devices = app.send(inside("/devices/list").json(json!({}))).await.field("devices");
    assert_eq!(devices.as_array().unwrap().len(), 5);
    let door = json!({"device_id": devices[0]["device_id"]});
    let attempt = app.send(inside("/locks/unlock_door").json(door)).await.field("action_attempt");
    assert_eq!(attempt["result"], json!({"was_confirmed_by_device": true}));

    let production = create(json!({"name": "Hotel", "connect_partner_name": "Hotels Inc"})).await;
    assert_eq!((&production["is_sandbox"], &production["company_name"]), (&json!(false), &json!("Hotels Inc")));
    assert!(!production["publishable_key"].as_str().unwrap().contains("test"));
    let all = app.send(Ask::get("/workspaces/list").bearer(&app.pat)).await.field("workspaces");
    assert_eq!(all.as_array().unwrap().len(), 4);
    for body in [json!({}), json!({"name": ""}), json!({"name": "x", "is_sandbox": "yes"})] {
        let ask = Ask::post("/workspaces/create").bearer(&app.pat).json(body);
        app.send(ask).await.assert_refused(400, "invalid_input");
    }
}

#[tokio::test]
async fn workspaces_update_changes_what_is_sent() {
    let app = TestApp::start().await;
    let looks = json!({"primary_button_color": "#112233", "success_message": "Done"});
    let body = json!({"name": "New", "connect_partner_name": "Co", "connect_webview_customization": looks});
    app.post("/workspaces/update", body).await.assert_body(200, &json!({"ok": true}));
    let shown = app.get("/workspaces/get").await.field("workspace");
    assert_eq!((&shown["name"], &shown["company_name"]), (&json!("New"), &json!("Co")));
    assert_eq!(shown["connect_webview_customization"], looks);
    app.ok("/workspaces/update", json!({"connect_webview_customization": {"success_message": null}})).await;
    let shown = app.get("/workspaces/get").await.field("workspace");
    assert_eq!(shown["connect_webview_customization"], json!({"primary_button_color": "#112233"}));
    app.ok("/workspaces/update", json!({"is_publishable_key_auth_enabled": false})).await;
    let ask = Ask::post("/client_sessions/create").header("seam-publishable-key", &app.own.publishable_key);
    app.send(ask.json(json!({"user_identifier_key": "u"}))).await.assert_refused(401, "unauthorized");
    app.post("/workspaces/update", json!({"name": ""})).await.assert_refused(400, "invalid_input");
}
