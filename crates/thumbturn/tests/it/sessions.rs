//! Client sessions: how they are made, what they see, and what they never see.

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{TestApp, uuid};
use crate::ask::Ask;

fn shape(key: Value, accounts: usize, devices: usize) -> Value {
    json!({
        "client_session_id": "[id]",
        "workspace_id": "[id]",
        "token": "[seam_cst1]",
        "user_identifier_key": key,
        "connected_account_ids": vec!["[id]"; accounts],
        "connect_webview_ids": [],
        "user_identity_ids": [],
        "device_count": devices,
        "created_at": "[time]",
        "expires_at": "[time]",
    })
}

#[tokio::test]
async fn create() {
    let app = TestApp::start().await;
    let made = app.post("/client_sessions/create", json!({})).await;
    made.assert_body(200, &json!({"client_session": shape(Value::Null, 0, 0), "ok": true}));
    let session = &made.body["client_session"];
    let year: jiff::Timestamp = session["expires_at"].as_str().unwrap().parse().unwrap();
    let days = year.duration_since(jiff::Timestamp::now()).as_secs() / 86_400;
    assert!((364..=365).contains(&days), "{days}");

    let body = json!({
        "user_identifier_key": "u",
        "connected_account_ids": [app.own.account, app.own.account],
        "customer_key": "c",
        "expires_at": "2100-01-01T01:00:00+01:00",
    });
    let made = app.post("/client_sessions/create", body.clone()).await;
    let mut expected = shape(json!("u"), 1, 5);
    expected["customer_key"] = json!("c");
    made.assert_body(200, &json!({"client_session": expected, "ok": true}));
    assert_eq!(made.body["client_session"]["expires_at"], "2100-01-01T00:00:00.000Z");

    app.post("/client_sessions/create", body.clone()).await.assert_refused(400, "client_session_token_already_exists");
    let put = Ask::new(Method::PUT, "/client_sessions/create").bearer(&app.own.api_key).json(body);
    assert_eq!(app.send(put).await.body, made.body);
}

#[tokio::test]
async fn create_refuses_what_is_not_there() {
    let app = TestApp::start().await;
    let nobody = Uuid::new_v4();
    for path in ["/client_sessions/create", "/client_sessions/get_or_create"] {
        for (body, status, kind) in [
            (json!({"connected_account_ids": [app.own.account, nobody]}), 404, "connected_account_not_found"),
            (json!({"connected_account_ids": [app.foreign.account]}), 404, "connected_account_not_found"),
            (json!({"connect_webview_ids": [nobody]}), 404, "connect_webview_not_found"),
            (json!({"user_identity_id": nobody}), 404, "user_identity_not_found"),
            (json!({"user_identity_ids": [nobody]}), 404, "user_identity_not_found"),
            (json!({"user_identity_ids": [nobody, nobody]}), 400, "invalid_input"),
            (json!({"user_identifier_key": ""}), 400, "invalid_input"),
            (json!({"connected_account_ids": "x"}), 400, "invalid_input"),
            (json!({"expires_at": "never"}), 400, "invalid_input"),
        ] {
            app.post(path, body).await.assert_refused(status, kind);
        }
    }
}

#[tokio::test]
async fn get_or_create() {
    let app = TestApp::start().await;
    let (annex, _) = app.another_account(2).await;
    let get = async |body: Value| app.post("/client_sessions/get_or_create", body).await.field("client_session");
    let first = get(json!({"user_identifier_key": "u", "connected_account_ids": [app.own.account]})).await;
    assert_eq!(crate::ask::redacted(&first), shape(json!("u"), 1, 5));
    assert_eq!(get(json!({"user_identifier_key": "u"})).await, first);
    let more =
        json!({"user_identifier_key": "u", "connected_account_ids": [annex], "expires_at": "2100-01-01T00:00:00Z"});
    let more = get(more).await;
    assert_eq!((&more["client_session_id"], &more["token"]), (&first["client_session_id"], &first["token"]));
    assert_eq!(more["device_count"], 7);
    assert_eq!(more["expires_at"], "2100-01-01T00:00:00.000Z");
    // One that is over gives its key up.
    let past = json!({"user_identifier_key": "u", "expires_at": "2001-01-01T00:00:00Z"});
    for path in ["/client_sessions/get_or_create", "/client_sessions/create"] {
        app.post(path, past.clone()).await.assert_refused(400, "invalid_input");
    }
    app.ok("/client_sessions/revoke", json!({"client_session_id": first["client_session_id"]})).await;
    let fresh = get(json!({"user_identifier_key": "u"})).await;
    assert_ne!(fresh["client_session_id"], first["client_session_id"]);
    assert_eq!(fresh["connected_account_ids"], json!([]));
    assert_ne!(get(json!({})).await["client_session_id"], get(json!({})).await["client_session_id"]);
}

/// What was acknowledged is done: a session's end takes nothing back that it was promised.
#[tokio::test]
async fn an_attempt_that_waits_runs_though_its_session_is_revoked_meanwhile() {
    let app = TestApp::start().await;
    let made = app.post("/client_sessions/create", json!({"connected_account_ids": [app.own.account]})).await;
    let session = made.field("client_session");
    let token = session["token"].as_str().unwrap();
    app.set(0, json!({"latency_ms": 400})).await;
    let mut attempts = Vec::new();
    for path in ["/locks/unlock_door", "/locks/lock_door"] {
        let ask = Ask::post(path).bearer(token).header("prefer", "respond-async").json(app.own.device());
        attempts.push(app.send(ask).await.field("action_attempt"));
    }
    app.ok("/client_sessions/revoke", json!({"client_session_id": session["client_session_id"]})).await;
    assert!(app.physical(0).await["commands"].as_u64().unwrap() < 2, "the second one waits behind the first");
    let more = Ask::post("/locks/unlock_door").bearer(token).json(app.own.device());
    app.send(more).await.assert_refused(401, "client_session_revoked");
    for attempt in &attempts {
        assert_eq!(app.decided(attempt).await["status"], "success");
    }
    assert_eq!(app.physical(0).await["commands"], 2);
}

#[tokio::test]
async fn sessions_asked_for_at_the_same_time_are_one_and_lose_nothing() {
    let app = TestApp::start().await;
    let mut accounts = vec![app.own.account];
    for _ in 0..4 {
        accounts.push(app.another_account(1).await.0);
    }
    let calls = accounts.iter().map(|account| {
        let body = json!({"user_identifier_key": "u", "connected_account_ids": [account]});
        app.post("/client_sessions/get_or_create", body)
    });
    let mut ids: Vec<Uuid> = Vec::new();
    for answer in futures::future::join_all(calls).await {
        ids.push(uuid(&answer.field("client_session")["client_session_id"]));
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let session = app.post("/client_sessions/get", json!({"user_identifier_key": "u"})).await.field("client_session");
    assert_eq!(session["connected_account_ids"].as_array().unwrap().len(), 5, "{session:#}");
    let puts = (0..8).map(|_| {
        let body = json!({"user_identifier_key": "v"});
        app.send(Ask::new(Method::PUT, "/client_sessions/create").bearer(&app.own.api_key).json(body))
    });
    let mut ids: Vec<Uuid> = Vec::new();
    for answer in futures::future::join_all(puts).await {
        ids.push(uuid(&answer.field("client_session")["client_session_id"]));
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn a_publishable_key_makes_empty_sessions_for_named_users() {
    let app = TestApp::start().await;
    let ask = |path: &str| Ask::post(path).header("seam-publishable-key", &app.own.publishable_key);
    let by_body = ask("/client_sessions/get_or_create").json(json!({"user_identifier_key": "u"}));
    let made = app.send(by_body).await;
    made.assert_body(200, &json!({"client_session": shape(json!("u"), 0, 0), "ok": true}));
    assert_eq!(made.body["client_session"]["workspace_id"], app.own.workspace.to_string());
    for name in ["seam-user-identifier-key", "user-identifier-key"] {
        for (key, is_first) in [("u", true), ("ü", false)] {
            let answer = app.send(ask("/client_sessions/get_or_create").header(name, key)).await;
            let session = answer.field("client_session");
            assert_eq!(session["user_identifier_key"], key);
            assert_eq!(session["token"] == made.body["client_session"]["token"], is_first);
        }
    }
    let created = ask("/client_sessions/create").json(json!({"user_identifier_key": "w"}));
    assert_eq!(app.send(created).await.status, 200);
    for (path, status) in [("/client_sessions/create", 401), ("/client_sessions/get_or_create", 400)] {
        for body in [json!({}), json!({"connected_account_ids": []})] {
            let kind = "publishable_key_requires_user_identifier_key";
            app.send(ask(path).json(body)).await.assert_refused(status, kind);
        }
        for body in [
            json!({"user_identifier_key": "x", "connected_account_ids": [app.own.account]}),
            json!({"user_identifier_key": "x", "connected_account_ids": []}),
            json!({"user_identifier_key": "x", "connect_webview_ids": [Uuid::new_v4()]}),
            json!({"user_identifier_key": "x", "user_identity_id": Uuid::new_v4()}),
            json!({"user_identifier_key": "x", "customer_key": "c"}),
        ] {
            if path.ends_with("get_or_create") && body.get("customer_key").is_some() {
                continue; // not a parameter there
            }
            let kind = "publishable_keys_must_create_empty_client_sessions";
            app.send(ask(path).json(body)).await.assert_refused(403, kind);
        }
    }
    let longer = json!({"user_identifier_key": "u", "expires_at": "2100-01-01T00:00:00Z"});
    let same = app.send(ask("/client_sessions/get_or_create").json(longer)).await.field("client_session");
    assert_eq!(same["expires_at"], made.body["client_session"]["expires_at"], "not for a key that browsers carry");
    let header_on_create = ask("/client_sessions/create").header("user-identifier-key", "u");
    app.send(header_on_create).await.assert_refused(401, "publishable_key_requires_user_identifier_key");
}

/// The contract has it for publishable keys only; whoever holds an API key says it in the body.
#[tokio::test]
async fn a_header_with_a_user_means_nothing_beside_an_api_key() {
    let app = TestApp::start().await;
    for name in ["seam-user-identifier-key", "user-identifier-key"] {
        let ask = || Ask::post("/client_sessions/get_or_create").bearer(&app.own.api_key).header(name, "u");
        let made = app.send(ask().json(json!({}))).await.field("client_session");
        assert_eq!(made["user_identifier_key"], Value::Null);
        let keyed = |user: &str| {
            let ask = Ask::post("/client_sessions/create").bearer(&app.own.api_key).header(name, user);
            app.send(ask.header("idempotency-key", name).json(json!({})))
        };
        let first = keyed("one").await.field("client_session");
        assert_eq!(keyed("two").await.field("client_session"), first, "the key is the caller's own");
    }
}

#[tokio::test]
async fn get() {
    let app = TestApp::start().await;
    let body = json!({"user_identifier_key": "u", "connected_account_ids": [app.own.account]});
    let made = app.post("/client_sessions/create", body).await.field("client_session");
    let id = &made["client_session_id"];
    for body in [
        json!({"client_session_id": id}),
        json!({"user_identifier_key": "u"}),
        json!({"client_session_id": id, "user_identifier_key": "u"}),
    ] {
        assert_eq!(app.post("/client_sessions/get", body).await.field("client_session"), made);
    }
    for body in [
        json!({"client_session_id": Uuid::new_v4()}),
        json!({"user_identifier_key": "nobody"}),
        json!({"client_session_id": id, "user_identifier_key": "nobody"}),
    ] {
        app.post("/client_sessions/get", body).await.assert_refused(404, "client_session_not_found");
    }
    app.post("/client_sessions/get", json!({})).await.assert_refused(400, "invalid_input");

    let own = |body: Value| {
        Ask::post("/client_sessions/get").header("client-session-token", made["token"].as_str().unwrap()).json(body)
    };
    for body in [json!({}), json!({"client_session_id": id}), json!({"user_identifier_key": "u"})] {
        assert_eq!(app.send(own(body)).await.field("client_session"), made);
    }
    let both = json!({"client_session_id": id, "user_identifier_key": "u"});
    app.send(own(both)).await.assert_refused(400, "invalid_options");
    let other = app.post("/client_sessions/create", json!({})).await.field("client_session");
    let other = json!({"client_session_id": other["client_session_id"]});
    app.send(own(other)).await.assert_refused(404, "client_session_not_found");
}

#[tokio::test]
async fn a_session_sees_its_grant_and_nothing_else() {
    let app = TestApp::start().await;
    let (annex, devices) = app.another_account(2).await;
    let token = app.session(&[annex]).await;
    let as_session = |path: &str, body: Value| app.send(Ask::post(path).bearer(&token).json(body));
    for path in ["/devices/list", "/locks/list"] {
        let found = as_session(path, json!({})).await.field("devices");
        let found: Vec<Uuid> = found.as_array().unwrap().iter().map(|device| uuid(&device["device_id"])).collect();
        assert_eq!(found, devices, "{path}");
        for filter in [
            json!({"connected_account_id": app.own.account}),
            json!({"device_ids": [app.own.devices[0]]}),
            json!({"search": "Front Door", "connected_account_ids": [app.own.account]}),
            json!({"user_identifier_key": "nobody"}),
        ] {
            assert_eq!(as_session(path, filter).await.field("devices"), json!([]));
        }
    }
    let accounts = as_session("/connected_accounts/list", json!({})).await.field("connected_accounts");
    assert_eq!(accounts.as_array().unwrap().len(), 1);
    assert_eq!(accounts[0]["connected_account_id"], annex.to_string());
    let elsewhere = json!({"connected_account_id": app.own.account});
    as_session("/connected_accounts/get", elsewhere).await.assert_refused(404, "connected_account_not_found");

    for id in [app.own.devices[0], app.foreign.devices[0], Uuid::new_v4()] {
        let (status, kind) = if id == app.own.devices[0] { (401, "unauthorized") } else { (404, "device_not_found") };
        for path in ["/devices/get", "/locks/get", "/locks/unlock_door", "/locks/lock_door", "/devices/update"] {
            as_session(path, json!({"device_id": id})).await.assert_refused(status, kind);
        }
    }
    let granted = json!({"device_id": devices[0]});
    let attempt = as_session("/locks/unlock_door", granted.clone()).await.field("action_attempt");
    assert_eq!(attempt["status"], "success");
    let id = json!({"action_attempt_id": attempt["action_attempt_id"]});
    assert_eq!(as_session("/action_attempts/get", id).await.field("action_attempt"), attempt);
    as_session("/devices/update", json!({"device_id": devices[0], "name": "Mine"})).await.ok();

    let others = app.unlock(0).await;
    let id = json!({"action_attempt_id": others["action_attempt_id"]});
    as_session("/action_attempts/get", id).await.assert_refused(404, "action_attempt_not_found");
    as_session("/action_attempts/list", json!({})).await.assert_refused(401, "unauthorized");

    let events = as_session("/events/list", json!({"since": "2000-01-01T00:00:00Z"})).await.field("events");
    let events = events.as_array().unwrap();
    assert!(events.iter().any(|event| event["event_type"] == "lock.unlocked"));
    assert!(events.iter().all(|event| event["connected_account_id"] == annex.to_string()), "{events:#?}");
    let theirs = json!({"device_id": app.own.devices[0]});
    as_session("/events/get", theirs).await.assert_refused(404, "event_not_found");
    assert_eq!(app.physical(0).await["commands"], 1);
}

#[tokio::test]
async fn a_session_loses_what_is_deleted_and_gains_what_is_granted_at_once() {
    let app = TestApp::start().await;
    let (annex, _) = app.another_account(2).await;
    let body = json!({"user_identifier_key": "u", "connected_account_ids": [annex]});
    let made = app.post("/client_sessions/get_or_create", body).await.field("client_session");
    let token = made["token"].as_str().unwrap();
    let count = async || {
        let devices = app.send(Ask::get("/devices/list").bearer(token)).await.field("devices");
        devices.as_array().unwrap().len()
    };
    assert_eq!(count().await, 2);
    let more = json!({"user_identifier_key": "u", "connected_account_ids": [app.own.account]});
    app.ok("/client_sessions/get_or_create", more).await;
    assert_eq!(count().await, 7);
    app.ok("/connected_accounts/delete", json!({"connected_account_id": annex})).await;
    assert_eq!(count().await, 5);
    let session = app.post("/client_sessions/get", json!({"user_identifier_key": "u"})).await.field("client_session");
    assert_eq!(session["connected_account_ids"], json!([app.own.account]));
}

#[tokio::test]
async fn list() {
    let app = TestApp::start().await;
    let make = async |body: Value| app.post("/client_sessions/create", body).await.field("client_session");
    let named = make(json!({"user_identifier_key": "u", "connected_account_ids": [app.own.account]})).await;
    let nameless = make(json!({})).await;
    let nobody = Uuid::new_v4();
    app.get("/client_sessions/list")
        .await
        .assert_body(200, &json!({"client_sessions": [shape(json!("u"), 1, 5), shape(Value::Null, 0, 0)], "ok": true}));
    for (body, expected) in [
        (json!({}), json!([named, nameless])),
        (json!({"client_session_id": named["client_session_id"]}), json!([named])),
        (json!({"user_identifier_key": "u"}), json!([named])),
        (json!({"user_identifier_key": "v"}), json!([])),
        (json!({"without_user_identifier_key": true}), json!([nameless])),
        (json!({"connect_webview_id": null, "user_identity_id": null}), json!([named, nameless])),
        (json!({"connect_webview_id": nobody}), json!([])),
        (json!({"user_identity_id": nobody}), json!([])),
    ] {
        assert_eq!(app.post("/client_sessions/list", body).await.field("client_sessions"), expected);
    }
    app.post("/client_sessions/list", json!({"client_session_id": "x"})).await.assert_refused(400, "invalid_input");
}

#[tokio::test]
async fn grant_access() {
    let app = TestApp::start().await;
    let (annex, _) = app.another_account(2).await;
    let made = app.post("/client_sessions/create", json!({"user_identifier_key": "u"})).await.field("client_session");
    let token = made["token"].as_str().unwrap();
    let sees =
        async || app.send(Ask::get("/devices/list").bearer(token)).await.field("devices").as_array().unwrap().len();
    assert_eq!(sees().await, 0);
    let by_key = json!({"user_identifier_key": "u", "connected_account_ids": [app.own.account]});
    let patch = Ask::new(Method::PATCH, "/client_sessions/grant_access").bearer(&app.own.api_key).json(by_key);
    app.send(patch).await.assert_body(200, &json!({"client_session": shape(json!("u"), 1, 5), "ok": true}));
    assert_eq!(sees().await, 5);
    let by_id = json!({"client_session_id": made["client_session_id"], "connected_account_ids": [annex]});
    let granted = app.post("/client_sessions/grant_access", by_id).await;
    granted.assert_body(200, &json!({"client_session": shape(json!("u"), 2, 7), "ok": true}));
    assert_eq!(sees().await, 7);
    let (id, nobody) = (&made["client_session_id"], Uuid::new_v4());
    for (body, status, kind) in [
        (json!({}), 400, "invalid_input"),
        (json!({"client_session_id": nobody}), 404, "client_session_not_found"),
        (json!({"user_identifier_key": "v"}), 404, "client_session_not_found"),
        (json!({"client_session_id": id, "connected_account_ids": [nobody]}), 404, "connected_account_not_found"),
        (
            json!({"client_session_id": id, "connected_account_ids": [app.foreign.account]}),
            404,
            "connected_account_not_found",
        ),
        (json!({"client_session_id": id, "connect_webview_ids": [nobody]}), 404, "connect_webview_not_found"),
        (json!({"client_session_id": id, "user_identity_id": nobody}), 404, "user_identity_not_found"),
    ] {
        app.post("/client_sessions/grant_access", body).await.assert_refused(status, kind);
    }
    assert_eq!(sees().await, 7);
}

#[tokio::test]
async fn revoke_keeps_the_record_and_delete_does_not() {
    let app = TestApp::start().await;
    let made = app.post("/client_sessions/create", json!({"user_identifier_key": "u"})).await.field("client_session");
    let (body, token) = (json!({"client_session_id": made["client_session_id"]}), made["token"].as_str().unwrap());
    let look = async || app.send(Ask::get("/devices/list").bearer(token)).await;
    assert_eq!(look().await.status, 200);
    for _ in 0..2 {
        app.post("/client_sessions/revoke", body.clone()).await.assert_body(200, &json!({"ok": true}));
        look().await.assert_refused(401, "client_session_revoked");
    }
    assert_eq!(app.post("/client_sessions/get", body.clone()).await.field("client_session"), made);
    assert_eq!(app.get("/client_sessions/list").await.field("client_sessions"), json!([]));

    let delete = |id: &Value| {
        let uri = format!("/client_sessions/delete?client_session_id={}&_strict=true", id.as_str().unwrap());
        Ask::new(Method::DELETE, &uri).bearer(&app.own.api_key)
    };
    app.send(delete(&made["client_session_id"])).await.assert_body(200, &json!({"ok": true}));
    look().await.assert_refused(401, "client_session_not_found");
    for path in ["/client_sessions/get", "/client_sessions/revoke", "/client_sessions/delete"] {
        app.post(path, body.clone()).await.assert_refused(404, "client_session_not_found");
    }

    let other = app.post("/client_sessions/create", json!({"user_identifier_key": "u"})).await.field("client_session");
    app.send(delete(&other["client_session_id"])).await.ok();
    let told = json!({"since": "2000-01-01T00:00:00Z", "event_type": "client_session.deleted"});
    let told = app.post("/events/list", told).await.field("events");
    let told: Vec<&Value> = told.as_array().unwrap().iter().map(|event| &event["client_session_id"]).collect();
    assert_eq!(told, [&made["client_session_id"], &other["client_session_id"]]);
}

#[tokio::test]
async fn a_session_until_the_end_of_time_can_be_read_and_ended() {
    let app = TestApp::start().await;
    let ends = ["9999-12-31T23:59:59Z", "9999-12-30T22:00:00.5Z", "9999-12-30T22:00:00.999999999Z"];
    for (n, end) in ends.into_iter().enumerate() {
        let body = json!({"user_identifier_key": format!("u{n}"), "expires_at": end});
        let ask = Ask::post("/client_sessions/create").header("seam-publishable-key", &app.own.publishable_key);
        let made = app.send(ask.json(body)).await.field("client_session");
        assert_eq!(made["expires_at"], "9999-12-30T22:00:00.000Z");
        let token = made["token"].as_str().unwrap();
        app.send(Ask::post("/devices/list").bearer(token).json(json!({}))).await.field("devices");
        let listed = app.ok("/client_sessions/list", json!({})).await["client_sessions"].clone();
        assert_eq!(listed.as_array().unwrap().len(), 1);
        let id = json!({"client_session_id": made["client_session_id"]});
        app.ok("/client_sessions/revoke", id.clone()).await;
        app.ok("/client_sessions/delete", id).await;
    }
}

#[tokio::test]
async fn a_user_identifier_key_has_an_end() {
    let app = TestApp::start().await;
    for path in ["/client_sessions/create", "/client_sessions/get_or_create"] {
        let long = app.post(path, json!({"user_identifier_key": "é".repeat(1_001)})).await;
        long.assert_refused(400, "invalid_input");
    }
    app.post("/client_sessions/create", json!({"user_identifier_key": "é".repeat(1_000)}))
        .await
        .field("client_session");
}

#[tokio::test]
async fn a_session_that_is_deleted_while_it_is_changed_is_not_found() {
    let app = TestApp::start().await;
    for n in 0..20 {
        let key = format!("u{n}");
        let made =
            app.post("/client_sessions/create", json!({"user_identifier_key": key})).await.field("client_session");
        let id = &made["client_session_id"];
        let grant = json!({"client_session_id": id, "connected_account_ids": [app.own.account]});
        let again = json!({"user_identifier_key": key, "expires_at": "2100-01-01T00:00:00Z"});
        let (granted, found, deleted) = tokio::join!(
            app.post("/client_sessions/grant_access", grant),
            app.post("/client_sessions/get_or_create", again),
            app.post("/client_sessions/delete", json!({"client_session_id": id})),
        );
        assert!(granted.status == 200 || granted.refusal() == (404, "client_session_not_found"), "{:?}", granted.body);
        assert_eq!((found.status.as_u16(), deleted.status.as_u16()), (200, 200), "{:?}", found.body);
    }
}
