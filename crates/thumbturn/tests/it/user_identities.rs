//! User identities: who they are, and what their client sessions can open: what was granted, as long as it is, and
//! nothing else.

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{TestApp, uuid};
use crate::ask::{Ask, redacted};

fn shape(facts: Value) -> Value {
    let mut whole = json!({
        "user_identity_id": "[id]",
        "workspace_id": "[id]",
        "user_identity_key": null,
        "email_address": null,
        "phone_number": null,
        "full_name": null,
        "acs_user_ids": [],
        "merged_user_identity_ids": [],
        "merged_user_identity_keys": [],
        "errors": [],
        "warnings": [],
        "created_at": "[time]",
    });
    whole.as_object_mut().unwrap().extend(facts.as_object().unwrap().clone());
    whole
}

async fn made(app: &TestApp, facts: Value) -> Value {
    app.post("/user_identities/create", facts).await.field("user_identity")
}

async fn got(app: &TestApp, identity: &Value) -> Value {
    let body = json!({"user_identity_id": identity["user_identity_id"]});
    app.post("/user_identities/get", body).await.field("user_identity")
}

async fn grant(app: &TestApp, identity: &Value, device: Uuid) {
    let body = json!({"user_identity_id": identity["user_identity_id"], "device_id": device});
    let put = Ask::new(Method::PUT, "/user_identities/grant_access_to_device").bearer(&app.own.api_key);
    assert_eq!(app.send(put.json(body)).await.body, json!({"ok": true}));
}

async fn revoke(app: &TestApp, identity: &Value, device: Uuid) {
    let id = identity["user_identity_id"].as_str().unwrap();
    let uri = format!("/user_identities/revoke_access_to_device?device_id={device}&user_identity_id={id}&_strict=true");
    assert_eq!(app.send(Ask::new(Method::DELETE, uri).bearer(&app.own.api_key)).await.body, json!({"ok": true}));
}

async fn session_of(app: &TestApp, identity: &Value) -> Value {
    let body = json!({"user_identity_id": identity["user_identity_id"]});
    app.post("/client_sessions/create", body).await.field("client_session")
}

/// A call with the session's token.
fn ask(session: &Value, path: &str, body: Value) -> Ask {
    Ask::post(path).bearer(session["token"].as_str().unwrap()).json(body)
}

/// The devices that a session lists.
async fn seen(app: &TestApp, session: &Value) -> Vec<Uuid> {
    let devices = app.send(ask(session, "/devices/list", json!({}))).await.field("devices");
    let locks = app.send(ask(session, "/locks/list", json!({}))).await.field("locks");
    assert_eq!(devices, locks);
    devices.as_array().unwrap().iter().map(|device| uuid(&device["device_id"])).collect()
}

#[tokio::test]
async fn create_and_get() {
    let app = TestApp::start().await;
    let facts = json!({
        "user_identity_key": "jane",
        "email_address": "jane@example.com",
        "phone_number": "+15555550100",
        "full_name": "Jane Doe",
        "acs_system_ids": [Uuid::new_v4()],
    });
    let answer = app.post("/user_identities/create", facts.clone()).await;
    let mut expected = facts;
    expected.as_object_mut().unwrap().remove("acs_system_ids");
    expected["display_name"] = json!("Jane Doe");
    answer.assert_body(200, &json!({"user_identity": shape(expected), "ok": true}));
    let jane = &answer.body["user_identity"];
    for body in [json!({"user_identity_id": jane["user_identity_id"]}), json!({"user_identity_key": "jane"})] {
        assert_eq!(app.post("/user_identities/get", body).await.field("user_identity"), *jane);
    }
    let nobody = made(&app, json!({"email_address": null, "full_name": null})).await;
    assert_eq!(nobody["display_name"], nobody["user_identity_id"], "a name is never empty");
    for body in [json!({"user_identity_id": Uuid::new_v4()}), json!({"user_identity_key": "Jane"})] {
        app.post("/user_identities/get", body).await.assert_refused(404, "user_identity_not_found");
    }
    for body in [json!({}), json!({"user_identity_id": jane["user_identity_id"], "user_identity_key": "jane"})] {
        app.post("/user_identities/get", body).await.assert_refused(400, "invalid_input");
    }
    for wrong in [
        json!({"user_identity_key": ""}),
        json!({"full_name": ""}),
        json!({"email_address": "jane"}),
        json!({"phone_number": "555 0100"}),
        json!({"phone_number": 15_555_550_100_u64}),
    ] {
        app.post("/user_identities/create", wrong).await.assert_refused(400, "invalid_input");
    }
}

#[tokio::test]
async fn keys_addresses_and_numbers_are_taken_once_in_a_workspace() {
    let app = TestApp::start().await;
    let facts = json!({"user_identity_key": "k", "email_address": "a@b.c", "phone_number": "+49301"});
    made(&app, facts.clone()).await;
    let other = made(&app, json!({"full_name": "Other"})).await;
    for field in ["user_identity_key", "email_address", "phone_number"] {
        let again = app.post("/user_identities/create", json!({field: facts[field]})).await;
        again.assert_refused(409, "user_identity_already_exists");
        assert_eq!(again.body["error"]["data"], json!({"field": field}));
        let update = json!({"user_identity_id": other["user_identity_id"], field: facts[field]});
        let again = app.post("/user_identities/update", update).await;
        again.assert_refused(409, "user_identity_already_exists");
        assert_eq!(again.body["error"]["data"], json!({"field": field}));
    }
    assert_eq!(got(&app, &other).await, other);
    let foreign = Ask::post("/user_identities/create").bearer(&app.foreign.api_key).json(facts);
    app.send(foreign).await.ok();
}

#[tokio::test]
async fn update_changes_what_it_names_and_null_removes() {
    let app = TestApp::start().await;
    let jane = made(&app, json!({"user_identity_key": "k", "email_address": "a@b.c", "full_name": "Jane"})).await;
    let id = &jane["user_identity_id"];
    let patch = Ask::new(Method::PATCH, "/user_identities/update").bearer(&app.own.api_key);
    let body = json!({"user_identity_id": id, "full_name": null, "phone_number": "+49301"});
    assert_eq!(app.send(patch.json(body)).await.body, json!({"ok": true}));
    let mut expected = jane.clone();
    expected["full_name"] = Value::Null;
    expected["phone_number"] = json!("+49301");
    expected["display_name"] = json!("a@b.c");
    assert_eq!(got(&app, &jane).await, expected);
    app.ok("/user_identities/update", json!({"user_identity_id": id})).await;
    assert_eq!(got(&app, &jane).await, expected);
    for (body, status, kind) in [
        (json!({"full_name": "x"}), 400, "invalid_input"),
        (json!({"user_identity_id": id, "email_address": "x"}), 400, "invalid_input"),
        (json!({"user_identity_id": Uuid::new_v4(), "full_name": "x"}), 404, "user_identity_not_found"),
    ] {
        app.post("/user_identities/update", body).await.assert_refused(status, kind);
    }
    let foreign = Ask::post("/user_identities/update").bearer(&app.foreign.api_key);
    let answer = app.send(foreign.json(json!({"user_identity_id": id, "full_name": "x"}))).await;
    answer.assert_refused(404, "user_identity_not_found");
    assert_eq!(got(&app, &jane).await, expected);
}

#[tokio::test]
async fn lists_are_filtered_and_a_session_sees_its_own_identity_alone() {
    let app = TestApp::start().await;
    let jane = made(&app, json!({"full_name": "Jane", "email_address": "j@x.org"})).await;
    let john = made(&app, json!({"full_name": "John", "phone_number": "+4930555"})).await;
    let list = async |body: Value| app.post("/user_identities/list", body).await.field("user_identities");
    for (filter, expected) in [
        (json!({}), json!([jane, john])),
        (json!({"user_identity_ids": [john["user_identity_id"], Uuid::new_v4()]}), json!([john])),
        (json!({"user_identity_ids": []}), json!([])),
        (json!({"search": "J@X"}), json!([jane])),
        (json!({"search": "555"}), json!([john])),
        (json!({"search": john["user_identity_id"]}), json!([john])),
        (json!({"created_before": jane["created_at"]}), json!([])),
        (json!({"created_before": "2100-01-01T00:00:00Z"}), json!([jane, john])),
        (json!({"credential_manager_acs_system_id": Uuid::new_v4()}), json!([jane, john])),
    ] {
        assert_eq!(list(filter.clone()).await, expected, "{filter}");
    }
    let first = app.ok("/user_identities/list", json!({"limit": 1})).await;
    let cursor = &first["pagination"]["next_page_cursor"];
    assert_eq!(list(json!({"limit": 1, "page_cursor": cursor})).await, json!([john]));

    let session = session_of(&app, &jane).await;
    let own = async |body: Value| app.send(ask(&session, "/user_identities/list", body)).await.field("user_identities");
    assert_eq!(own(json!({})).await, json!([jane]));
    assert_eq!(own(json!({"user_identity_ids": [john["user_identity_id"]]})).await, json!([]));
    let nobodys = app.session(&[app.own.account]).await;
    let list = app.send(Ask::post("/user_identities/list").bearer(&nobodys)).await;
    assert_eq!(list.field("user_identities"), json!([]));
    let foreign = app.send(Ask::post("/user_identities/list").bearer(&app.foreign.api_key)).await;
    assert_eq!(foreign.field("user_identities"), json!([]));
}

#[tokio::test]
async fn a_session_of_an_identity_opens_what_was_granted_and_nothing_else() {
    let app = TestApp::start().await;
    let (jane, john) = (made(&app, json!({})).await, made(&app, json!({})).await);
    let (session, other) = (session_of(&app, &jane).await, session_of(&app, &john).await);
    let [granted, refused] = [app.own.devices[0], app.own.devices[1]];
    assert_eq!(seen(&app, &session).await, [] as [Uuid; 0]);
    grant(&app, &jane, granted).await;
    grant(&app, &jane, granted).await;
    assert_eq!(seen(&app, &session).await, [granted]);
    assert_eq!(seen(&app, &other).await, [] as [Uuid; 0], "another person's grant");
    let unlock = |session: &Value, device: Uuid| ask(session, "/locks/unlock_door", json!({"device_id": device}));
    let attempt = app.send(unlock(&session, granted)).await.field("action_attempt");
    assert_eq!(attempt["status"], "success");
    for (who, device) in [(&session, refused), (&other, granted)] {
        for path in ["/devices/get", "/locks/get", "/locks/unlock_door", "/locks/lock_door", "/devices/update"] {
            let answer = app.send(ask(who, path, json!({"device_id": device}))).await;
            answer.assert_refused(401, "unauthorized");
        }
    }
    for device in [app.foreign.devices[0], Uuid::new_v4()] {
        app.send(unlock(&session, device)).await.assert_refused(404, "device_not_found");
    }
    assert_eq!(app.physical(1).await["commands"], 0);
    // What concerns the device is seen; its account is not.
    let mine = json!({"action_attempt_id": attempt["action_attempt_id"]});
    app.send(ask(&session, "/action_attempts/get", mine.clone())).await.ok();
    app.send(ask(&other, "/action_attempts/get", mine)).await.assert_refused(404, "action_attempt_not_found");
    let all = json!({"since": "2000-01-01T00:00:00Z"});
    let events = app.send(ask(&session, "/events/list", all.clone())).await.field("events");
    assert!(!events.as_array().unwrap().is_empty());
    for event in events.as_array().unwrap() {
        assert_eq!(event["device_id"], json!(granted), "{event:#}");
        assert_eq!(event.get("connected_account_custom_metadata"), None);
    }
    assert_eq!(app.send(ask(&other, "/events/list", all)).await.field("events"), json!([]));
    let account = json!({"connected_account_id": app.own.account});
    let answer = app.send(ask(&session, "/connected_accounts/get", account)).await;
    answer.assert_refused(404, "connected_account_not_found");
    let accounts = app.send(ask(&session, "/connected_accounts/list", json!({}))).await;
    assert_eq!(accounts.field("connected_accounts"), json!([]));

    revoke(&app, &jane, granted).await;
    app.send(unlock(&session, granted)).await.assert_refused(401, "unauthorized");
    assert_eq!(seen(&app, &session).await, [] as [Uuid; 0]);
    revoke(&app, &jane, granted).await;
    grant(&app, &jane, granted).await;
    assert_eq!(app.send(unlock(&session, granted)).await.field("action_attempt")["status"], "success");
}

#[tokio::test]
async fn grants_name_a_managed_device_of_the_workspace() {
    let app = TestApp::start().await;
    let jane = made(&app, json!({})).await;
    let id = &jane["user_identity_id"];
    let nobody = Uuid::new_v4();
    let device = app.own.devices[0];
    for verb in ["grant", "revoke"] {
        let path = format!("/user_identities/{verb}_access_to_device");
        for (body, status, kind) in [
            (json!({"user_identity_id": nobody, "device_id": device}), 404, "user_identity_not_found"),
            (json!({"user_identity_id": id, "device_id": nobody}), 404, "device_not_found"),
            (json!({"user_identity_id": id, "device_id": app.foreign.devices[0]}), 404, "device_not_found"),
            (json!({"user_identity_id": id}), 400, "invalid_input"),
            (json!({"device_id": device}), 400, "invalid_input"),
        ] {
            app.post(&path, body).await.assert_refused(status, kind);
        }
        let foreign = Ask::post(&path).bearer(&app.foreign.api_key);
        let body = json!({"user_identity_id": id, "device_id": app.foreign.devices[0]});
        app.send(foreign.json(body)).await.assert_refused(404, "user_identity_not_found");
    }
    grant(&app, &jane, device).await;
    app.ok("/devices/update", json!({"device_id": device, "is_managed": false})).await;
    let refused =
        app.post("/user_identities/grant_access_to_device", json!({"user_identity_id": id, "device_id": device})).await;
    refused.assert_refused(400, "device_unmanaged");
    let accessible = async || {
        let answer = app.ok("/user_identities/list_accessible_devices", json!({"user_identity_id": id})).await;
        assert_eq!(answer["devices"], answer["accessible_devices"]);
        answer["devices"].clone()
    };
    assert_eq!(accessible().await, json!([]), "an unmanaged device cannot be operated");
    app.ok("/devices/unmanaged/update", json!({"device_id": device, "is_managed": true})).await;
    assert_eq!(accessible().await, json!([app.device(0).await]));
    revoke(&app, &jane, device).await;
    assert_eq!(accessible().await, json!([]));
    let unknown = json!({"user_identity_id": nobody});
    app.post("/user_identities/list_accessible_devices", unknown).await.assert_refused(404, "user_identity_not_found");
}

#[tokio::test]
async fn sessions_show_their_identity_and_count_what_it_was_granted() {
    let app = TestApp::start().await;
    let (annex, others) = app.another_account(2).await;
    let (jane, john) = (made(&app, json!({})).await, made(&app, json!({})).await);
    for device in [app.own.devices[0], others[0]] {
        grant(&app, &jane, device).await;
    }
    let session = session_of(&app, &jane).await;
    let id = &jane["user_identity_id"];
    let expected = json!({
        "client_session_id": "[id]",
        "workspace_id": "[id]",
        "token": "[seam_cst1]",
        "user_identifier_key": null,
        "connected_account_ids": [],
        "connect_webview_ids": [],
        "user_identity_ids": ["[id]"],
        "user_identity_id": "[id]",
        "device_count": 2,
        "created_at": "[time]",
        "expires_at": "[time]",
    });
    assert_eq!(redacted(&session), expected);
    assert_eq!((&session["user_identity_id"], &session["user_identity_ids"]), (id, &json!([id])));
    let own = app.send(ask(&session, "/client_sessions/get", json!({}))).await.field("client_session");
    assert_eq!(own, session);

    let name = json!({"client_session_id": session["client_session_id"]});
    let more = |key: &str, value: Value| json!({"client_session_id": session["client_session_id"], key: value});
    let wider = app
        .post("/client_sessions/grant_access", more("connected_account_ids", json!([annex])))
        .await
        .field("client_session");
    assert_eq!((&wider["device_count"], &wider["user_identity_id"]), (&json!(3), id), "counted once");
    let listed = app.post("/client_sessions/list", json!({})).await.field("client_sessions");
    assert_eq!(listed, json!([wider]));
    let handed =
        app.post("/client_sessions/grant_access", more("user_identity_ids", json!([john["user_identity_id"]]))).await;
    let handed = handed.field("client_session");
    assert_eq!((&handed["user_identity_id"], &handed["device_count"]), (&john["user_identity_id"], &json!(2)));
    let first = ask(&session, "/devices/get", app.own.device());
    app.send(first).await.assert_refused(401, "unauthorized");
    assert_eq!(app.post("/client_sessions/get", name).await.field("client_session"), handed);

    let nobody = app.post("/client_sessions/create", json!({})).await.field("client_session");
    let list = async |filter: Value| app.post("/client_sessions/list", filter).await.field("client_sessions");
    assert_eq!(list(json!({"user_identity_id": john["user_identity_id"]})).await, json!([handed]));
    assert_eq!(list(json!({"user_identity_id": id})).await, json!([]));
    assert_eq!(list(json!({"user_identity_id": Uuid::new_v4()})).await, json!([]));
    assert_eq!(list(json!({"user_identity_id": null})).await, json!([nobody]));

    let body = json!({"user_identifier_key": "u", "user_identity_ids": [id]});
    let got = app.post("/client_sessions/get_or_create", body.clone()).await.field("client_session");
    assert_eq!((&got["user_identity_id"], &got["device_count"]), (id, &json!(2)));
    assert_eq!(app.post("/client_sessions/get_or_create", body).await.field("client_session"), got);
    let devices = app.post("/devices/list", json!({"user_identifier_key": "u"})).await.field("devices");
    assert_eq!(devices.as_array().unwrap().len(), 2, "what that session sees");
    let grant = more("user_identity_id", json!(Uuid::new_v4()));
    app.post("/client_sessions/grant_access", grant).await.assert_refused(404, "user_identity_not_found");
    let theirs = Ask::post("/client_sessions/create").bearer(&app.foreign.api_key);
    app.send(theirs.json(json!({"user_identity_id": id}))).await.assert_refused(404, "user_identity_not_found");
}

#[tokio::test]
async fn a_deleted_identity_ends_its_sessions() {
    let app = TestApp::start().await;
    let jane = made(&app, json!({"user_identity_key": "jane"})).await;
    let (live, over) = (session_of(&app, &jane).await, session_of(&app, &jane).await);
    let other = app.session(&[app.own.account]).await;
    grant(&app, &jane, app.own.devices[0]).await;
    assert_eq!(seen(&app, &live).await.len(), 1);
    app.ok("/client_sessions/revoke", json!({"client_session_id": over["client_session_id"]})).await;
    let body = json!({"user_identity_id": jane["user_identity_id"]});
    assert_eq!(app.post("/user_identities/delete", body.clone()).await.body, json!({"ok": true}));
    for session in [&live, &over] {
        let answer = app.send(ask(session, "/devices/list", json!({}))).await;
        answer.assert_refused(401, "client_session_not_found");
    }
    assert_eq!(app.send(Ask::post("/devices/list").bearer(&other)).await.status, 200);
    let ends = json!({"since": "2000-01-01T00:00:00Z", "event_type": "client_session.deleted"});
    let ends = app.post("/events/list", ends).await.field("events");
    let told: Vec<&Value> = ends.as_array().unwrap().iter().map(|event| &event["client_session_id"]).collect();
    assert_eq!(told, [&over["client_session_id"], &live["client_session_id"]], "each end once");
    for path in ["/user_identities/get", "/user_identities/delete", "/user_identities/list_accessible_devices"] {
        app.post(path, body.clone()).await.assert_refused(404, "user_identity_not_found");
    }
    let again = made(&app, json!({"user_identity_key": "jane"})).await;
    assert_eq!(seen(&app, &session_of(&app, &again).await).await, [] as [Uuid; 0]);
}

#[tokio::test]
async fn merged_identities_are_one_under_all_their_names() {
    let app = TestApp::start().await;
    let first = made(&app, json!({"user_identity_key": "a"})).await;
    let second = made(&app, json!({"user_identity_key": "b", "email_address": "b@x.org", "full_name": "B"})).await;
    let third = made(&app, json!({"full_name": "C"})).await;
    let sessions = [session_of(&app, &first).await, session_of(&app, &second).await];
    grant(&app, &first, app.own.devices[0]).await;
    grant(&app, &second, app.own.devices[1]).await;
    grant(&app, &third, app.own.devices[0]).await;
    let (id, old) = (&first["user_identity_id"], [&second["user_identity_id"], &third["user_identity_id"]]);
    let body = json!({"user_identity_id": id, "merged_user_identity_ids": old});
    assert_eq!(app.post("/user_identities/merge", body.clone()).await.body, json!({"ok": true}));
    let whole = got(&app, &first).await;
    let mut expected = first.clone();
    expected["email_address"] = json!("b@x.org");
    expected["full_name"] = json!("B");
    expected["display_name"] = json!("B");
    expected["merged_user_identity_ids"] = json!(old);
    expected["merged_user_identity_keys"] = json!(["b"]);
    assert_eq!(whole, expected);
    for names in [
        json!({"user_identity_id": old[0]}),
        json!({"user_identity_id": old[1]}),
        json!({"user_identity_key": "b"}),
        json!({"user_identity_key": "a"}),
    ] {
        assert_eq!(app.post("/user_identities/get", names).await.field("user_identity"), whole);
    }
    assert_eq!(app.post("/user_identities/list", json!({})).await.field("user_identities"), json!([whole]));
    let mut both = [app.own.devices[0], app.own.devices[1]];
    both.sort_unstable();
    for session in &sessions {
        let mut devices = seen(&app, session).await;
        devices.sort_unstable();
        assert_eq!(devices, both);
        let own = app.send(ask(session, "/client_sessions/get", json!({}))).await.field("client_session");
        assert_eq!(own["user_identity_id"], *id);
    }
    // Repeating it, by ids or by keys, changes nothing.
    app.ok("/user_identities/merge", body).await;
    app.ok("/user_identities/merge", json!({"user_identity_key": "b", "merged_user_identity_keys": ["a", "b"]})).await;
    assert_eq!(got(&app, &first).await, whole);
    app.post("/user_identities/create", json!({"user_identity_key": "b"}))
        .await
        .assert_refused(409, "user_identity_already_exists");
    // A grant under an old name is a grant.
    revoke(&app, &second, app.own.devices[1]).await;
    assert_eq!(seen(&app, &sessions[0]).await, [app.own.devices[0]]);
}

#[tokio::test]
async fn merge_refuses_what_is_not_there_and_half_pairs() {
    let app = TestApp::start().await;
    let jane = made(&app, json!({"user_identity_key": "jane"})).await;
    let id = &jane["user_identity_id"];
    let theirs = Ask::post("/user_identities/create").bearer(&app.foreign.api_key).json(json!({}));
    let theirs = app.send(theirs).await.field("user_identity");
    for (body, status, kind) in [
        (json!({"user_identity_id": id, "merged_user_identity_ids": [Uuid::new_v4()]}), 404, "user_identity_not_found"),
        (
            json!({"user_identity_id": id, "merged_user_identity_ids": [theirs["user_identity_id"]]}),
            404,
            "user_identity_not_found",
        ),
        (json!({"user_identity_id": Uuid::new_v4(), "merged_user_identity_ids": [id]}), 404, "user_identity_not_found"),
        (json!({"user_identity_key": "jane", "merged_user_identity_keys": ["x"]}), 404, "user_identity_not_found"),
        (json!({"user_identity_key": "jane", "merged_user_identity_ids": [id]}), 400, "invalid_input"),
        (json!({"user_identity_id": id, "merged_user_identity_keys": ["jane"]}), 400, "invalid_input"),
        (json!({"user_identity_id": id}), 400, "invalid_input"),
        (json!({"merged_user_identity_ids": [id]}), 400, "invalid_input"),
        (json!({"user_identity_id": id, "merged_user_identity_ids": []}), 400, "invalid_input"),
        (json!({"user_identity_id": id, "merged_user_identity_ids": vec![id; 21]}), 400, "invalid_input"),
        (json!({}), 400, "invalid_input"),
    ] {
        app.post("/user_identities/merge", body).await.assert_refused(status, kind);
    }
    assert_eq!(got(&app, &jane).await, jane);
}

#[tokio::test]
async fn there_are_no_unmanaged_identities() {
    let app = TestApp::start().await;
    let jane = made(&app, json!({})).await;
    let page = json!({"has_next_page": false, "next_page_cursor": null, "next_page_url": null});
    let list = app.post("/user_identities/unmanaged/list", json!({"search": "x", "limit": 5})).await;
    assert_eq!(list.body, json!({"user_identities": [], "pagination": page, "ok": true}));
    for id in [jane["user_identity_id"].clone(), json!(Uuid::new_v4())] {
        let get = app.post("/user_identities/unmanaged/get", json!({"user_identity_id": id})).await;
        get.assert_refused(404, "user_identity_not_found");
        let update = json!({"user_identity_id": id, "is_managed": true, "user_identity_key": "k"});
        let update = app.post("/user_identities/unmanaged/update", update).await;
        update.assert_refused(404, "user_identity_not_found");
    }
    for body in [json!({"user_identity_id": jane["user_identity_id"]}), json!({"is_managed": true})] {
        app.post("/user_identities/unmanaged/update", body).await.assert_refused(400, "invalid_input");
    }
    let wrong = json!({"user_identity_id": jane["user_identity_id"], "is_managed": false});
    app.post("/user_identities/unmanaged/update", wrong).await.assert_refused(400, "invalid_input");
    for path in ["/user_identities/add_acs_user", "/user_identities/generate_instant_key"] {
        app.post(path, json!({})).await.assert_refused(501, "not_implemented");
    }
}
