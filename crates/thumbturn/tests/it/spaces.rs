//! Spaces: what they hold, what lists and events say of them, and what they refuse.

use std::pin::pin;
use std::task::Poll;

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{TestApp, uuid};
use crate::ask::{Ask, redacted};

fn shape(name: &str, devices: usize) -> Value {
    json!({
        "space_id": "[id]",
        "workspace_id": "[id]",
        "name": name,
        "display_name": name,
        "device_count": devices,
        "acs_entrance_count": 0,
        "created_at": "[time]",
    })
}

async fn made(app: &TestApp, body: Value) -> Value {
    app.post("/spaces/create", body).await.field("space")
}

async fn space_ids(app: &TestApp, device: Uuid) -> Value {
    app.post("/devices/get", json!({"device_id": device})).await.field("device")["space_ids"].clone()
}

/// The events of a space: type and devices, oldest first.
async fn told(app: &TestApp, space: &Value) -> Vec<(String, Value)> {
    let body = json!({"since": "2000-01-01T00:00:00Z", "space_id": space["space_id"]});
    let events = app.post("/events/list", body).await.field("events");
    let one = |event: &Value| (event["event_type"].as_str().unwrap().to_owned(), event["device_ids"].clone());
    events.as_array().unwrap().iter().map(one).collect()
}

#[tokio::test]
async fn create() {
    let app = TestApp::start().await;
    let made = app.post("/spaces/create", json!({"name": "Room"})).await;
    made.assert_body(200, &json!({"space": shape("Room", 0), "ok": true}));
    let (account, _) = app.another_account(2).await;
    let whole = json!({
        "name": "Suite",
        "space_key": "suite",
        "customer_key": "hotel",
        "device_ids": [app.own.devices[0], app.own.devices[0]],
        "acs_entrance_ids": [],
        "connected_account_ids": [account],
        "customer_data": {"address": "High Street 1", "default_checkin_time": "15:00", "time_zone": null},
    });
    let answer = app.post("/spaces/create", whole.clone()).await;
    let mut expected = shape("Suite", 3);
    expected["space_key"] = json!("suite");
    expected["customer_key"] = json!("hotel");
    expected["customer_data"] = json!({"address": "High Street 1", "default_checkin_time": "15:00"});
    answer.assert_body(200, &json!({"space": expected, "ok": true}));
    let again = app.post("/spaces/create", whole).await;
    again.assert_refused(409, "space_key_already_exists");
    assert_eq!(again.body["error"]["data"], json!({"space_key": "suite"}));
    let foreign = Ask::post("/spaces/create").bearer(&app.foreign.api_key);
    app.send(foreign.json(json!({"name": "Theirs", "space_key": "suite"}))).await.ok();
}

#[tokio::test]
async fn create_refuses_what_is_not_there_and_makes_nothing() {
    let app = TestApp::start().await;
    let nobody = Uuid::new_v4();
    for (more, status, kind) in [
        (json!({"device_ids": [app.own.devices[0], nobody]}), 404, "device_not_found"),
        (json!({"device_ids": [app.foreign.devices[0]]}), 404, "device_not_found"),
        (json!({"connected_account_ids": [nobody]}), 404, "connected_account_not_found"),
        (json!({"connected_account_ids": [app.foreign.account]}), 404, "connected_account_not_found"),
        (json!({"acs_entrance_ids": [nobody]}), 400, "not_supported"),
        (json!({"name": ""}), 400, "invalid_input"),
        (json!({"space_key": ""}), 400, "invalid_input"),
        (json!({"device_ids": "x"}), 400, "invalid_input"),
        (json!({"customer_data": {"default_checkin_time": "3 pm"}}), 400, "invalid_input"),
        (json!({"customer_data": {"address": 5}}), 400, "invalid_input"),
    ] {
        let mut body = json!({"name": "Room"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        app.post("/spaces/create", body).await.assert_refused(status, kind);
    }
    app.post("/spaces/create", json!({})).await.assert_refused(400, "invalid_input");
    assert_eq!(app.post("/spaces/list", json!({})).await.field("spaces"), json!([]));
}

#[tokio::test]
async fn get_finds_by_id_or_by_key() {
    let app = TestApp::start().await;
    let space = made(&app, json!({"name": "Room", "space_key": "room", "device_ids": [app.own.devices[0]]})).await;
    for body in [json!({"space_id": space["space_id"]}), json!({"space_key": "room"})] {
        assert_eq!(app.post("/spaces/get", body).await.body, json!({"space": space, "ok": true}));
    }
    let by_query = format!("/spaces/get?space_id={}&_strict=true", space["space_id"].as_str().unwrap());
    assert_eq!(app.get(&by_query).await.field("space"), space);
    for body in [json!({"space_id": Uuid::new_v4()}), json!({"space_key": "Room"})] {
        app.post("/spaces/get", body).await.assert_refused(404, "space_not_found");
    }
    for body in [json!({}), json!({"space_id": space["space_id"], "space_key": "room"}), json!({"space_id": "x"})] {
        app.post("/spaces/get", body).await.assert_refused(400, "invalid_input");
    }
    let foreign = Ask::post("/spaces/get").bearer(&app.foreign.api_key).json(json!({"space_id": space["space_id"]}));
    app.send(foreign).await.assert_refused(404, "space_not_found");
}

#[tokio::test]
async fn lists_of_spaces_are_filtered_and_paged() {
    let app = TestApp::start().await;
    let (account, devices) = app.another_account(1).await;
    made(&app, json!({"name": "Lobby", "space_key": "L-1", "customer_key": "hotel"})).await;
    made(&app, json!({"name": "Room", "connected_account_ids": [account]})).await;
    made(&app, json!({"name": "Suite", "device_ids": devices})).await;
    for (filter, expected) in [
        (json!({}), vec!["Lobby", "Room", "Suite"]),
        (json!({"space_key": "L-1"}), vec!["Lobby"]),
        (json!({"customer_key": "hotel"}), vec!["Lobby"]),
        (json!({"search": "l-1"}), vec!["Lobby"]),
        (json!({"search": "OTEL"}), vec!["Lobby"]),
        (json!({"search": "o", "customer_key": "inn"}), vec![]),
        (json!({"connected_account_id": account}), vec!["Room", "Suite"]),
        (json!({"parent_space_id": Uuid::new_v4()}), vec![]),
        (json!({"parent_space_key": "L-1"}), vec![]),
    ] {
        let answer = app.ok("/spaces/list", filter.clone()).await;
        let names: Vec<&str> =
            answer["spaces"].as_array().unwrap().iter().map(|space| space["name"].as_str().unwrap()).collect();
        assert_eq!(names, expected, "{filter}");
        assert_eq!(answer["pagination"]["has_next_page"], false);
    }
    let first = app.ok("/spaces/list", json!({"limit": 2})).await;
    let cursor = &first["pagination"]["next_page_cursor"];
    let rest = app.ok("/spaces/list", json!({"limit": 2, "page_cursor": cursor})).await;
    assert_eq!(redacted(&rest["spaces"]), json!([shape("Suite", 1)]));
}

#[tokio::test]
async fn update_changes_what_it_names() {
    let app = TestApp::start().await;
    let data = json!({"address": "High Street 1", "time_zone": "Europe/Berlin"});
    let space = made(&app, json!({"name": "Room", "space_key": "room", "customer_data": data})).await;
    let id = &space["space_id"];
    assert_eq!(app.post("/spaces/update", json!({"space_id": id})).await.field("space"), space);
    let body = json!({
        "space_key": "room",
        "name": "Suite",
        "device_ids": [app.own.devices[0], app.own.devices[1]],
        "acs_entrance_ids": [],
        "customer_data": {"address": null, "note": "quiet"},
    });
    let mut expected = space.clone();
    expected["name"] = json!("Suite");
    expected["display_name"] = json!("Suite");
    expected["device_count"] = json!(2);
    expected["customer_data"] = json!({"time_zone": "Europe/Berlin", "note": "quiet"});
    assert_eq!(app.post("/spaces/update", body).await.field("space"), expected);
    let patch = Ask::new(Method::PATCH, "/spaces/update").bearer(&app.own.api_key);
    let answer = app.send(patch.json(json!({"space_id": id, "device_ids": [app.own.devices[1]]}))).await.field("space");
    assert_eq!(answer["device_count"], 1);
    assert_eq!(space_ids(&app, app.own.devices[0]).await, json!([]));
    assert_eq!(space_ids(&app, app.own.devices[1]).await, json!([id]));

    let before = app.post("/spaces/get", json!({"space_id": id})).await.body;
    let many: serde_json::Map<String, Value> = (0..49).map(|n| (n.to_string(), json!("x"))).collect();
    for (body, status, kind) in [
        (json!({"name": "x"}), 400, "invalid_input"),
        (json!({"space_id": id, "name": ""}), 400, "invalid_input"),
        (json!({"space_id": id, "name": "x", "customer_data": many}), 400, "invalid_input"),
        (json!({"space_id": id, "name": "x", "acs_entrance_ids": [Uuid::new_v4()]}), 400, "not_supported"),
        (json!({"space_id": id, "name": "x", "device_ids": [Uuid::new_v4()]}), 404, "device_not_found"),
        (json!({"space_id": id, "name": "x", "device_ids": [app.foreign.devices[0]]}), 404, "device_not_found"),
        (json!({"space_id": id, "space_key": "other"}), 404, "space_not_found"),
        (json!({"space_id": Uuid::new_v4(), "name": "x"}), 404, "space_not_found"),
    ] {
        app.post("/spaces/update", body).await.assert_refused(status, kind);
    }
    assert_eq!(app.post("/spaces/get", json!({"space_id": id})).await.body, before, "a refusal changes nothing");
}

#[tokio::test]
async fn devices_and_lists_follow_what_is_put_in_and_taken_out() {
    let app = TestApp::start().await;
    let (account, others) = app.another_account(2).await;
    let space = made(&app, json!({"name": "Room"})).await;
    let id = &space["space_id"];
    let own = app.own.devices[0];
    let ok = json!({"ok": true});
    let call = async |method: Method, path: &str, body: Value| {
        let ask = Ask::new(method, path).bearer(&app.own.api_key).json(body);
        assert_eq!(app.send(ask).await.body, ok, "{path}");
    };
    for _ in 0..2 {
        call(Method::PUT, "/spaces/add_devices", json!({"space_id": id, "device_ids": [own]})).await;
        let body = json!({"space_id": id, "connected_account_id": account});
        call(Method::PUT, "/spaces/add_connected_account", body).await;
    }
    assert_eq!(space_ids(&app, own).await, json!([id]));
    assert_eq!(space_ids(&app, others[1]).await, json!([id]));
    assert_eq!(space_ids(&app, app.own.devices[1]).await, json!([]));
    assert_eq!(app.post("/spaces/get", json!({"space_id": id})).await.field("space")["device_count"], 3);

    for path in ["/devices/list", "/locks/list"] {
        for filter in [json!({"space_id": id}), json!({"unstable_location_id": id})] {
            let devices = app.post(path, filter).await.field("devices");
            let mut listed: Vec<Uuid> =
                devices.as_array().unwrap().iter().map(|device| uuid(&device["device_id"])).collect();
            listed.sort_unstable();
            let mut expected = [&[own][..], &others].concat();
            expected.sort_unstable();
            assert_eq!(listed, expected, "{path}");
            assert!(devices.as_array().unwrap().iter().all(|device| device["space_ids"] == json!([id])));
        }
        let foreign = Ask::post(path).bearer(&app.foreign.api_key).json(json!({"space_id": id}));
        assert_eq!(app.send(foreign).await.field("devices"), json!([]));
        assert_eq!(app.post(path, json!({"space_id": Uuid::new_v4()})).await.field("devices"), json!([]));
        let session = app.session(&[account]).await;
        let seen = app.send(Ask::post(path).bearer(&session).json(json!({"space_id": id}))).await.field("devices");
        assert_eq!(seen.as_array().unwrap().len(), 2, "a space opens nothing");
    }
    app.ok("/devices/update", json!({"device_id": own, "is_managed": false})).await;
    let unmanaged = app.post("/devices/unmanaged/list", json!({"space_id": id})).await.field("devices");
    assert_eq!(unmanaged.as_array().unwrap().len(), 1);
    assert_eq!(unmanaged[0].get("space_ids"), None);
    app.ok("/devices/unmanaged/update", json!({"device_id": own, "is_managed": true})).await;
    let accounts = app.post("/connected_accounts/list", json!({"space_id": id})).await.field("connected_accounts");
    assert_eq!(accounts.as_array().unwrap().len(), 2);
    let nowhere = json!({"space_id": Uuid::new_v4()});
    assert_eq!(app.post("/connected_accounts/list", nowhere).await.field("connected_accounts"), json!([]));

    for _ in 0..2 {
        let uri = format!("/spaces/remove_devices?device_ids={own}&space_id={}&_strict=true", id.as_str().unwrap());
        assert_eq!(app.send(Ask::new(Method::DELETE, uri).bearer(&app.own.api_key)).await.body, ok);
        call(Method::POST, "/spaces/remove_devices", json!({"space_id": id, "device_ids": [others[0]]})).await;
    }
    assert_eq!(space_ids(&app, own).await, json!([]));
    assert_eq!(space_ids(&app, others[0]).await, json!([id]), "it is there with its account");
    for _ in 0..2 {
        let body = json!({"space_id": id, "connected_account_id": account});
        call(Method::DELETE, "/spaces/remove_connected_account", body).await;
    }
    assert_eq!(space_ids(&app, others[0]).await, json!([]));
    // Only what changed something is told.
    let events = told(&app, &space).await;
    let counts: Vec<usize> = events.iter().map(|(_, devices)| devices.as_array().unwrap().len()).collect();
    assert_eq!(counts, [0, 1, 3, 2, 0], "{events:?}");
}

#[tokio::test]
async fn what_is_put_in_must_be_there() {
    let app = TestApp::start().await;
    let space = made(&app, json!({"name": "Room"})).await;
    let id = &space["space_id"];
    let nobody = Uuid::new_v4();
    for verb in ["add", "remove"] {
        let (devices, account) = (format!("/spaces/{verb}_devices"), format!("/spaces/{verb}_connected_account"));
        for (body, status, kind) in [
            (json!({"space_id": nobody, "device_ids": [app.own.devices[0]]}), 404, "space_not_found"),
            (json!({"space_id": id, "device_ids": [app.own.devices[0], nobody]}), 404, "device_not_found"),
            (json!({"space_id": id, "device_ids": [app.foreign.devices[0]]}), 404, "device_not_found"),
            (json!({"space_id": id}), 400, "invalid_input"),
        ] {
            app.post(&devices, body).await.assert_refused(status, kind);
        }
        for (body, status, kind) in [
            (json!({"space_id": nobody, "connected_account_id": app.own.account}), 404, "space_not_found"),
            (json!({"space_id": id, "connected_account_id": nobody}), 404, "connected_account_not_found"),
            (json!({"space_id": id, "connected_account_id": app.foreign.account}), 404, "connected_account_not_found"),
            (json!({"space_id": id}), 400, "invalid_input"),
        ] {
            app.post(&account, body).await.assert_refused(status, kind);
        }
        let entrances = format!("/spaces/{verb}_acs_entrances");
        let body = json!({"space_id": id, "acs_entrance_ids": [nobody]});
        app.post(&entrances, body).await.assert_refused(400, "not_supported");
        let body = json!({"space_id": nobody, "acs_entrance_ids": [nobody]});
        app.post(&entrances, body).await.assert_refused(404, "space_not_found");
    }
    let nothing = json!({"space_id": id, "device_ids": []});
    app.post("/spaces/add_devices", nothing.clone()).await.assert_refused(400, "invalid_input");
    app.ok("/spaces/remove_devices", nothing).await;
    let uri = format!("/spaces/remove_devices?device_ids=&space_id={}&_strict=true", id.as_str().unwrap());
    app.send(Ask::new(Method::DELETE, uri).bearer(&app.own.api_key)).await.ok();
    assert_eq!(told(&app, &space).await.len(), 1, "only that it was made");
}

#[tokio::test]
async fn the_life_of_a_space_is_told_and_ends_with_it() {
    let app = TestApp::start().await;
    let first = app.own.devices[0];
    let space = made(&app, json!({"name": "Room", "space_key": "room", "device_ids": [first]})).await;
    let id = &space["space_id"];
    app.ok("/spaces/update", json!({"space_id": id, "name": "Suite"})).await;
    app.ok("/spaces/update", json!({"space_id": id, "device_ids": []})).await;
    app.ok("/spaces/add_devices", json!({"space_id": id, "device_ids": [first]})).await;
    app.ok("/spaces/delete", json!({"space_id": id})).await;
    assert_eq!(
        told(&app, &space).await,
        [
            ("space.created".to_owned(), json!([first])),
            ("space.device_membership_changed".to_owned(), json!([])),
            ("space.device_membership_changed".to_owned(), json!([first])),
            ("space.deleted".to_owned(), json!([first])),
        ]
    );
    let event = app.post("/events/get", json!({"event_type": "space.deleted"})).await;
    let expected = json!({
        "event_id": "[id]",
        "event_type": "space.deleted",
        "workspace_id": "[id]",
        "created_at": "[time]",
        "occurred_at": "[time]",
        "event_description": "A space was deleted.",
        "space_id": "[id]",
        "space_key": "room",
        "device_ids": ["[id]"],
        "acs_entrance_ids": [],
    });
    event.assert_body(200, &json!({"event": expected, "ok": true}));
    assert_eq!(space_ids(&app, first).await, json!([]));
    for path in ["/spaces/get", "/spaces/delete", "/spaces/update"] {
        app.post(path, json!({"space_id": id})).await.assert_refused(404, "space_not_found");
    }
    made(&app, json!({"name": "Room", "space_key": "room"})).await;
    let session = app.session(&[app.own.account]).await;
    let ask = Ask::post("/events/list").bearer(&session);
    let seen = app.send(ask.json(json!({"since": "2000-01-01T00:00:00Z", "space_id": id}))).await.field("events");
    assert_eq!(seen, json!([]), "spaces are none of a session's business");
    let unknown = json!({"since": "2000-01-01T00:00:00Z", "space_ids": [Uuid::new_v4()]});
    assert_eq!(app.post("/events/list", unknown).await.field("events"), json!([]));
}

#[tokio::test]
async fn what_is_deleted_leaves_its_spaces() {
    let app = TestApp::start().await;
    let (account, devices) = app.another_account(2).await;
    let space = made(&app, json!({"name": "Room", "device_ids": devices, "connected_account_ids": [account]})).await;
    assert_eq!(space["device_count"], 2);
    app.ok("/connected_accounts/delete", json!({"connected_account_id": account})).await;
    let body = json!({"space_id": space["space_id"]});
    assert_eq!(app.post("/spaces/get", body).await.field("space")["device_count"], 0);
    let events = told(&app, &space).await;
    let (kind, left) = events.last().unwrap();
    assert_eq!((events.len(), kind.as_str(), left), (2, "space.device_membership_changed", &json!([])));
}

#[tokio::test]
async fn a_lock_leaves_its_spaces_with_its_record_and_not_before() {
    let app = TestApp::start().await;
    let (account, devices) = app.another_account(2).await;
    let space = made(&app, json!({"name": "Room", "space_key": "room", "connected_account_ids": [account]})).await;
    let both = json!({"name": "Niche", "device_ids": devices, "connected_account_ids": [account]});
    let niche = made(&app, both).await;
    app.ok("/devices/simulate/remove", json!({"device_id": devices[0]})).await;
    app.ok("/devices/update", json!({"device_id": devices[1], "is_managed": false})).await;
    assert_eq!(told(&app, &space).await.len(), 1, "they are still in it");
    for device in &devices {
        app.ok("/devices/delete", json!({"device_id": device})).await;
    }
    let changed = |devices: Value| ("space.device_membership_changed".to_owned(), devices);
    for space in [&space, &niche] {
        assert_eq!(told(&app, space).await[1..], [changed(json!([devices[1]])), changed(json!([]))]);
    }
    let shown = app.post("/spaces/get", json!({"space_id": space["space_id"]})).await.field("space");
    assert_eq!(shown["device_count"], 0);
    let session = Ask::post("/events/list").bearer(&app.session(&[account]).await);
    let seen = app.send(session.json(json!({"since": "2000-01-01T00:00:00Z"}))).await.field("events");
    let is_of_space = |event: &Value| event["event_type"].as_str().unwrap().starts_with("space.");
    assert!(!seen.as_array().unwrap().iter().any(is_of_space), "spaces are none of a session's business");
}

#[tokio::test]
async fn a_reset_takes_the_spaces_with_what_was_told_of_them() {
    let app = TestApp::start().await;
    let space = made(&app, json!({"name": "Room", "connected_account_ids": [app.own.account]})).await;
    app.ok("/workspaces/reset_sandbox", json!({})).await;
    assert_eq!(app.post("/spaces/list", json!({})).await.field("spaces"), json!([]));
    assert_eq!(told(&app, &space).await, []);
}

#[tokio::test]
async fn get_related_answers_what_belongs_to_spaces() {
    let app = TestApp::start().await;
    let (account, _) = app.another_account(1).await;
    let room = made(&app, json!({"name": "Room", "space_key": "room", "device_ids": [app.own.devices[0]]})).await;
    let annex = made(&app, json!({"name": "Annex", "connected_account_ids": [account]})).await;
    let related = async |body: Value| app.post("/spaces/get_related", body).await.field("batch");
    let both = json!({"space_ids": [room["space_id"], annex["space_id"], annex["space_id"]], "space_keys": ["room"]});
    let batch = related(both).await;
    assert_eq!(batch["spaces"], json!([room, annex]));
    assert_eq!(batch["devices"].as_array().unwrap().len(), 2);
    assert!(
        batch["devices"].as_array().unwrap().iter().all(|device| device["space_ids"].as_array().unwrap().len() == 1)
    );
    assert_eq!(batch["connected_accounts"].as_array().unwrap().len(), 2);
    for kind in ["acs_entrances", "acs_systems", "access_methods"] {
        assert_eq!(batch[kind], json!([]));
    }
    let keys = |batch: Value| batch.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let some = json!({"space_keys": ["room"], "include": ["devices", "spaces"], "exclude": ["spaces"]});
    assert_eq!(keys(related(some).await), ["devices"]);
    let fewer = json!({"space_keys": ["room"], "exclude": ["devices", "acs_systems", "access_methods"]});
    assert_eq!(keys(related(fewer).await), ["acs_entrances", "connected_accounts", "spaces"]);
    assert_eq!(related(json!({"space_ids": []})).await["devices"], json!([]));
    for body in [json!({"space_ids": [Uuid::new_v4()]}), json!({"space_keys": ["room", "x"]})] {
        app.post("/spaces/get_related", body).await.assert_refused(404, "space_not_found");
    }
    for body in [json!({}), json!({"space_keys": ["room"], "include": ["doors"]})] {
        app.post("/spaces/get_related", body).await.assert_refused(400, "invalid_input");
    }
}

#[tokio::test]
async fn devices_put_in_at_the_same_time_are_all_in() {
    let app = TestApp::start().await;
    let space = made(&app, json!({"name": "Room"})).await;
    let calls =
        app.own.devices.iter().map(|device| {
            app.post("/spaces/add_devices", json!({"space_id": space["space_id"], "device_ids": [device]}))
        });
    for answer in futures::future::join_all(calls).await {
        answer.ok();
    }
    let sizes: Vec<usize> =
        told(&app, &space).await.iter().map(|(_, devices)| devices.as_array().unwrap().len()).collect();
    assert_eq!(sizes, [0, 1, 2, 3, 4, 5]);
}

/// Asks, and goes away once the call has come to wait so many times.
async fn left_alone(asking: impl Future, waits: usize) {
    let (mut asking, mut left) = (pin!(asking), waits);
    std::future::poll_fn(|context| {
        left -= 1;
        if asking.as_mut().poll(context).is_ready() || left == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_a_space_as_it_was_last_told_of() {
    let app = TestApp::start().await;
    for waits in (1..=12).cycle().take(60) {
        let space = made(&app, json!({"name": "Room"})).await;
        let body = |device: usize| json!({"space_id": space["space_id"], "device_ids": [app.own.devices[device]]});
        left_alone(app.post("/spaces/add_devices", body(0)), waits).await;
        app.ok("/spaces/add_devices", body(1)).await;
        // A third change comes after whatever the first became.
        app.ok("/spaces/add_devices", body(2)).await;
        let inside = app.post("/devices/list", json!({"space_id": space["space_id"]})).await.field("devices");
        let inside: Vec<&Value> = inside.as_array().unwrap().iter().map(|device| &device["device_id"]).collect();
        let (_, last) = told(&app, &space).await.pop().unwrap();
        assert_eq!(last, json!(inside), "gone after {waits} waits");
        let sizes: Vec<usize> =
            told(&app, &space).await.iter().map(|(_, devices)| devices.as_array().unwrap().len()).collect();
        assert_eq!(sizes, (0..=inside.len()).collect::<Vec<_>>(), "gone after {waits} waits");
    }
}
