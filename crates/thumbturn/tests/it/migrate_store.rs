//! Moving from SQLite to PostgreSQL with the built program: what a server answered before, it answers afterwards.

use serde_json::{Value, json};
use thumbturn_testdb::Database;

use crate::ask::Ask;
use crate::program::{Place, Server, place, run};

const CANARY: &str = "canary-move";

/// Every list that an application may know, each as it is answered.
async fn everything(server: &Server, key: &str, token: &str) -> Vec<(&'static str, Value)> {
    let since = json!({"since": "2020-01-01T00:00:00Z", "limit": 10_000});
    let mut lists = Vec::new();
    for (path, name, body) in [
        ("/devices/list", "devices", json!({})),
        ("/connected_accounts/list", "connected_accounts", json!({})),
        ("/action_attempts/list", "action_attempts", json!({"limit": 1_000})),
        ("/events/list", "events", since),
        ("/spaces/list", "spaces", json!({})),
        ("/user_identities/list", "user_identities", json!({})),
        ("/client_sessions/list", "client_sessions", json!({})),
    ] {
        let Value::Array(items) = post(server, key, path, body).await.field(name) else { panic!("{path}") };
        assert!(!items.is_empty(), "{path} lists nothing");
        lists.push((path, Value::Array(items)));
    }
    lists.push(("/workspaces/list", post(server, token, "/workspaces/list", json!({})).await.field("workspaces")));
    lists
}

async fn post(server: &Server, key: &str, path: &str, body: Value) -> crate::ask::Reply {
    server.send(Ask::post(path).bearer(key).json(body)).await.expect("no answer")
}

/// What does not depend on whether a hub has connected again meanwhile.
fn lasting(mut lists: Vec<(&'static str, Value)>) -> Vec<(&'static str, Value)> {
    for (path, items) in &mut lists {
        for item in items.as_array_mut().unwrap() {
            if *path == "/devices/list" {
                item["properties"].as_object_mut().unwrap().retain(|name, _| name == "name" || name == "locked");
                item.as_object_mut().unwrap().remove("errors");
                item.as_object_mut().unwrap().remove("warnings");
            }
        }
    }
    lists
}

fn move_it(place: &Place, more: &[&str], url: &str) -> crate::program::Ended {
    let folder = place.data.display().to_string();
    let words: Vec<&str> = ["migrate-store", "--data-dir", &folder].into_iter().chain(more.iter().copied()).collect();
    run(&words, &[("THUMBTURN_DATABASE_URL", url)])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_the_new_database_answers_as_the_old_one_did() {
    let (place, database) = (place(), Database::create().unwrap());
    let url = database.url();
    let mut server = Server::start(&place.data, &[]);
    let (key, token) = (server.told("API key").unwrap(), server.told("personal access token").unwrap());
    let devices = server.devices(&key).await;
    for (n, device) in devices.iter().enumerate() {
        let path = if n % 2 == 0 { "/locks/unlock_door" } else { "/locks/lock_door" };
        let ask = Ask::post(path).bearer(&key).header("idempotency-key", &format!("{CANARY}-{n}"));
        server.send(ask.json(json!({"device_id": device, "sync": true}))).await.unwrap().ok();
    }
    let named = json!({"device_id": devices[0], "name": "Door of “Ünal”"});
    post(&server, &key, "/devices/update", named).await.ok();
    post(&server, &key, "/spaces/create", json!({"name": "Hall", "device_ids": [devices[0]]})).await.ok();
    let identity = json!({"full_name": "Jane", "user_identity_key": "jane"});
    post(&server, &key, "/user_identities/create", identity).await.ok();
    let session = json!({"user_identifier_key": CANARY});
    let session = post(&server, &key, "/client_sessions/create", session).await.field("client_session");

    let busy = move_it(&place, &[], &url);
    assert!(busy.code == 1 && busy.err.contains("another thumbturn is running on"), "{busy:?}");
    let before = lasting(everything(&server, &key, &token).await);
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    let moved = move_it(&place, &[], &url);
    assert_eq!(moved.code, 0, "{moved:?}");
    for told in ["secrets.key", "Keep a copy apart", "the same in both", "Start no server on it again"] {
        assert!(moved.out.contains(told), "{told} is not in {}", moved.out);
    }
    assert!(moved.err.contains("events: ") && moved.err.contains("rows copied and compared"), "{moved:?}");
    let again = move_it(&place, &[], &url);
    assert!(again.code == 1 && again.err.contains("a Thumbturn installation (workspaces: 1, devices: 5"), "{again:?}");

    let server = Server::start(&place.data, &[("THUMBTURN_DATABASE_URL", &url)]);
    assert_eq!(server.told("API key"), None, "it was set up before");
    let after = lasting(everything(&server, &key, &token).await);
    for ((path, mut before), (_, after)) in before.into_iter().zip(after) {
        if path == "/events/list" {
            // The hub may have connected since: nothing but later events.
            let count = before.as_array().unwrap().len();
            let mut older = after.clone();
            older.as_array_mut().unwrap().truncate(count);
            before.as_array_mut().unwrap().truncate(count);
            assert_eq!(older, before, "{path}");
            continue;
        }
        assert_eq!(after, before, "{path}");
    }
    let first = json!({"device_id": devices[0], "sync": true});
    let repeated = Ask::post("/locks/unlock_door").bearer(&key).header("idempotency-key", &format!("{CANARY}-0"));
    let repeated = server.send(repeated.json(first.clone())).await.unwrap().field("action_attempt");
    let attempts = post(&server, &key, "/action_attempts/list", json!({"limit": 100})).await.field("action_attempts");
    assert_eq!(attempts.as_array().unwrap().len(), devices.len(), "the old key still names the old attempt");
    assert!(attempts.as_array().unwrap().contains(&repeated));
    let unlocked = post(&server, &key, "/locks/unlock_door", first).await.field("action_attempt");
    assert_eq!(unlocked["result"], json!({"was_confirmed_by_device": true}), "{unlocked}");
    let by_session = Ask::post("/devices/list").header("client-session-token", session["token"].as_str().unwrap());
    server.send(by_session.json(json!({}))).await.unwrap().ok();
}

#[test]
fn words_that_name_no_database_are_refused() {
    let place = place();
    let folder = place.data.display().to_string();
    let nowhere = run(&["migrate-store", "--data-dir", &folder], &[]);
    assert!(nowhere.code == 1 && nowhere.err.contains("THUMBTURN_DATABASE_URL"), "{nowhere:?}");
    let url = "postgres://door:hunter2@127.0.0.1:1/doors";
    let nothing = move_it(&place, &[], url);
    assert!(nothing.code == 1 && nothing.err.contains("there is no SQLite database"), "{nothing:?}");
    let backwards = move_it(&place, &["--from", url], url);
    assert!(backwards.code == 1 && backwards.err.contains("--from postgres://…"), "{backwards:?}");
    let wrong = run(&["migrate-store", "--data-dir", &folder, "--to", "mysql://door:hunter2@host/x"], &[]);
    assert!(wrong.code == 1 && wrong.err.contains("database_url"), "{wrong:?}");
    assert_eq!(run(&["init", "--data-dir", &folder], &[]).code, 0);
    let unreachable = run(&["migrate-store", "--from", &folder, "--to", url], &[]);
    assert!(unreachable.code == 1 && unreachable.err.contains("postgres://127.0.0.1:1/doors"), "{unreachable:?}");
    for ended in [nothing, backwards, wrong, unreachable] {
        assert!(!ended.err.contains("hunter2") && !ended.out.contains("hunter2"), "{ended:?}");
    }
}
