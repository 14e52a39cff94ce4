//! `Idempotency-Key`: on attempts, and on everything else that changes something.

use serde_json::{Value, json};

use crate::app::{SANDBOX, TestApp, eventually};
use crate::ask::{Ask, Reply};

const UNLOCK: &str = "/locks/unlock_door";
const LOCK: &str = "/locks/lock_door";

async fn call(app: &TestApp, token: &str, path: &str, key: &str, body: Value) -> Reply {
    app.send(Ask::post(path).bearer(token).header("idempotency-key", key).json(body)).await
}

async fn own(app: &TestApp, path: &str, key: &str, body: Value) -> Reply {
    call(app, &app.own.api_key, path, key, body).await
}

fn id(answer: Reply) -> Value {
    answer.field("action_attempt")["action_attempt_id"].clone()
}

#[tokio::test]
async fn the_same_call_is_the_same_attempt_and_another_body_a_conflict() {
    let app = TestApp::start().await;
    let first = own(&app, UNLOCK, "k", app.own.device()).await.field("action_attempt");
    assert_eq!(first["status"], "success");
    for _ in 0..2 {
        assert_eq!(own(&app, UNLOCK, "k", app.own.device()).await.field("action_attempt"), first);
    }
    let by_query = Ask::post(format!("{UNLOCK}?device_id={}", app.own.devices[0]));
    let by_query = by_query.bearer(&app.own.api_key).header("idempotency-key", "k");
    assert_eq!(app.send(by_query).await.field("action_attempt"), first);
    for body in [json!({"device_id": app.own.devices[1]}), json!({"device_id": app.own.devices[0], "sync": true})] {
        own(&app, UNLOCK, "k", body).await.assert_refused(409, "idempotency_key_conflict");
    }
    let truth = app.physical(0).await;
    assert_eq!((&truth["commands"], &truth["moves"]), (&json!(1), &json!(1)));
    assert_eq!(app.physical(1).await["commands"], 0);
    assert_ne!(id(own(&app, UNLOCK, "K", app.own.device()).await), first["action_attempt_id"]);
}

#[tokio::test]
async fn callers_at_the_same_time_share_one_attempt_and_one_movement() {
    let app = TestApp::start().await;
    app.set(0, json!({"latency_ms": 100})).await;
    let calls = (0..16).map(|_| own(&app, UNLOCK, "k", app.own.device()));
    let mut ids: Vec<Value> = Vec::new();
    for answer in futures::future::join_all(calls).await {
        let attempt = answer.field("action_attempt");
        assert_eq!(attempt["status"], "success");
        ids.push(attempt["action_attempt_id"].clone());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let truth = app.physical(0).await;
    assert_eq!((&truth["commands"], &truth["moves"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn callers_at_the_same_time_count_as_one_call_for_the_limit() {
    let app = TestApp::with(SANDBOX, &[("THUMBTURN_LIMITS__SANDBOX_LOCK_ACTIONS_PER_MINUTE", "1")]).await;
    let calls = (0..8).map(|_| own(&app, UNLOCK, "k", app.own.device()));
    let mut ids: Vec<Value> = futures::future::join_all(calls).await.into_iter().map(id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    own(&app, UNLOCK, "l", app.own.device()).await.assert_refused(429, "rate_limit_exceeded");
}

#[tokio::test]
async fn a_key_belongs_to_a_workspace_a_kind_of_credential_and_a_path() {
    let app = TestApp::start().await;
    let session = app.session(&[app.own.account]).await;
    let mut ids = vec![
        id(own(&app, UNLOCK, "k", app.own.device()).await),
        id(own(&app, LOCK, "k", app.own.device()).await),
        id(call(&app, &session, UNLOCK, "k", app.own.device()).await),
        id(call(&app, &app.foreign.api_key, UNLOCK, "k", app.foreign.device()).await),
    ];
    let pat = Ask::post(UNLOCK).bearer(&app.pat).header("seam-workspace", &app.own.workspace.to_string());
    ids.push(id(app.send(pat.header("idempotency-key", "k").json(app.own.device())).await));
    let count = ids.len();
    ids.sort_by_key(Value::to_string);
    ids.dedup();
    assert_eq!(ids.len(), count);
    let again = id(call(&app, &session, UNLOCK, "k", app.own.device()).await);
    assert!(ids.contains(&again));
}

#[tokio::test]
async fn a_session_never_gets_an_attempt_it_may_not_see() {
    let app = TestApp::start().await;
    let (annex, devices) = app.another_account(1).await;
    let [first, second] = [app.session(&[app.own.account]).await, app.session(&[annex]).await];
    id(call(&app, &first, UNLOCK, "k", app.own.device()).await);
    let refused = call(&app, &second, UNLOCK, "k", app.own.device()).await;
    refused.assert_refused(401, "unauthorized");
    let other = call(&app, &second, UNLOCK, "k", json!({"device_id": devices[0]})).await;
    other.assert_refused(409, "idempotency_key_conflict");
}

#[tokio::test]
async fn nothing_is_kept_of_a_call_that_was_refused() {
    let limits = [("THUMBTURN_LIMITS__SANDBOX_LOCK_ACTIONS_PER_MINUTE", "1")];
    let app = TestApp::with(SANDBOX, &limits).await;
    own(&app, UNLOCK, "k", json!({})).await.assert_refused(400, "invalid_input");
    own(&app, UNLOCK, "k", json!({"device_id": uuid::Uuid::new_v4()})).await.assert_refused(404, "device_not_found");
    let first = own(&app, UNLOCK, "k", app.own.device()).await.field("action_attempt");
    own(&app, UNLOCK, "l", app.own.device()).await.assert_refused(429, "rate_limit_exceeded");
    // A repetition is no further call.
    assert_eq!(own(&app, UNLOCK, "k", app.own.device()).await.field("action_attempt"), first);
    let other = json!({"device_id": app.own.devices[1]});
    assert_eq!(own(&app, UNLOCK, "l", other).await.field("action_attempt")["status"], "success");
}

#[tokio::test]
async fn a_malformed_key_is_refused_and_a_read_does_not_look_at_it() {
    let app = TestApp::start().await;
    for key in ["", &"x".repeat(256), "ü"] {
        own(&app, UNLOCK, key, app.own.device()).await.assert_refused(400, "invalid_input");
        own(&app, UNLOCK, key, json!({"device_id": uuid::Uuid::new_v4()})).await.assert_refused(400, "invalid_input");
        own(&app, "/devices/get", key, app.own.device()).await.ok();
    }
    assert_eq!(app.physical(0).await["commands"], 0);
    for key in ["x", &"x".repeat(255), "with spaces, and \"quotes\""] {
        own(&app, UNLOCK, key, app.own.device()).await.field("action_attempt");
    }
    let twice =
        Ask::post(UNLOCK).bearer(&app.own.api_key).header("idempotency-key", "a").header("idempotency-key", "b");
    app.send(twice.json(app.own.device())).await.assert_refused(400, "invalid_input");
    for _ in 0..2 {
        own(&app, "/devices/list", "k", json!({"limit": 1})).await.ok();
        own(&app, "/devices/list", "k", json!({"limit": 2})).await.ok();
    }
}

#[tokio::test]
async fn a_repetition_may_wait_or_not_for_itself() {
    let app = TestApp::start().await;
    app.set(0, json!({"latency_ms": 300})).await;
    let ask = |prefer: &str| {
        let ask = Ask::post(UNLOCK).bearer(&app.own.api_key).header("idempotency-key", "k").header("prefer", prefer);
        app.send(ask.json(app.own.device()))
    };
    let first = ask("respond-async").await.field("action_attempt");
    assert_eq!(first["status"], "pending");
    assert_eq!(ask("respond-async").await.field("action_attempt"), first);
    let ended = ask("wait=9").await.field("action_attempt");
    assert_eq!(ended["action_attempt_id"], first["action_attempt_id"]);
    assert_eq!(ended["status"], "success");
    assert_eq!(app.physical(0).await["commands"], 1);
}

#[tokio::test]
async fn a_repeat_is_answered_even_if_the_call_would_be_refused_by_now() {
    let app = TestApp::start().await;
    let first = id(own(&app, UNLOCK, "k", app.own.device()).await);
    app.ok("/devices/update", json!({"device_id": app.own.devices[0], "is_managed": false})).await;
    assert_eq!(id(own(&app, UNLOCK, "k", app.own.device()).await), first);
    own(&app, UNLOCK, "other", app.own.device()).await.assert_refused(400, "device_unmanaged");
}

/// A call that changes something for each endpoint that is no attempt on a lock, whose repetition would show.
#[tokio::test]
async fn a_call_that_makes_something_makes_it_once() {
    let app = TestApp::start().await;
    let session = json!({"connected_account_ids": [app.own.account]});
    let first = own(&app, "/client_sessions/create", "k", session.clone()).await.field("client_session");
    let again = own(&app, "/client_sessions/create", "k", session.clone()).await.field("client_session");
    assert_eq!(again, first, "token included");
    let other = own(&app, "/client_sessions/create", "l", session).await.field("client_session");
    assert_ne!(other["client_session_id"], first["client_session_id"]);
    assert_eq!(
        app.post("/client_sessions/list", json!({})).await.field("client_sessions").as_array().unwrap().len(),
        2
    );
    own(&app, "/client_sessions/create", "k", json!({})).await.assert_refused(409, "idempotency_key_conflict");

    let gone = json!({"client_session_id": first["client_session_id"]});
    own(&app, "/client_sessions/delete", "k", gone.clone()).await.ok();
    own(&app, "/client_sessions/delete", "k", gone.clone()).await.ok();
    own(&app, "/client_sessions/delete", "l", gone).await.assert_refused(404, "client_session_not_found");

    let workspace = |key: &'static str| {
        let ask = Ask::post("/workspaces/create").bearer(&app.pat).header("idempotency-key", key);
        app.send(ask.json(json!({"name": "Annex", "is_sandbox": true})))
    };
    let made = workspace("k").await.field("workspace");
    assert_eq!(workspace("k").await.field("workspace"), made);
    assert_ne!(workspace("l").await.field("workspace")["workspace_id"], made["workspace_id"]);
}

#[tokio::test]
async fn callers_at_the_same_time_wait_for_the_first() {
    let app = TestApp::start().await;
    let body = json!({"provider": "sandbox", "config": {"locks": 3}});
    let calls = (0..8).map(|_| own(&app, "/thumbturn/connected_accounts/create", "k", body.clone()));
    let mut ids: Vec<Value> = Vec::new();
    for answer in futures::future::join_all(calls).await {
        ids.push(answer.field("connected_account")["connected_account_id"].clone());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let accounts = app.post("/connected_accounts/list", json!({})).await.field("connected_accounts");
    assert_eq!(accounts.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_reset_under_a_key_happens_once() {
    let app = TestApp::start().await;
    let first = own(&app, "/workspaces/reset_sandbox", "k", json!({})).await.field("action_attempt");
    app.ok("/devices/update", json!({"device_id": app.own.devices[0], "name": "Renamed"})).await;
    assert_eq!(own(&app, "/workspaces/reset_sandbox", "k", json!({})).await.field("action_attempt"), first);
    assert_eq!(app.device(0).await["display_name"], "Renamed");
}

#[tokio::test]
async fn nothing_is_kept_of_a_change_that_was_refused() {
    let app = TestApp::start().await;
    let body = json!({"device_id": app.own.devices[0], "name": "Hall"});
    app.ok("/devices/update", json!({"device_id": app.own.devices[0], "is_managed": false})).await;
    own(&app, "/devices/update", "k", body.clone()).await.assert_refused(400, "device_unmanaged");
    app.ok("/devices/unmanaged/update", json!({"device_id": app.own.devices[0], "is_managed": true})).await;
    own(&app, "/devices/update", "k", body).await.ok();
    assert_eq!(app.device(0).await["display_name"], "Hall");
    own(&app, "/devices/update", "", app.own.device()).await.assert_refused(400, "invalid_input");
}

#[tokio::test]
async fn a_session_shares_its_keys_with_no_other() {
    let app = TestApp::start().await;
    let [one, two] = [app.session(&[app.own.account]).await, app.session(&[app.own.account]).await];
    let rename = |name: &str| json!({"device_id": app.own.devices[0], "name": name});
    call(&app, &one, "/devices/update", "k", rename("One")).await.ok();
    call(&app, &two, "/devices/update", "k", rename("Two")).await.ok();
    call(&app, &one, "/devices/update", "k", rename("Three")).await.assert_refused(409, "idempotency_key_conflict");
    assert_eq!(app.device(0).await["display_name"], "Two");
}

/// What a server that died in the middle leaves behind: a claim without an answer.
#[tokio::test]
async fn a_call_that_was_interrupted_is_not_made_again_and_not_called_done() {
    use thumbturn_core::change::{Change, ClaimedCall};
    use thumbturn_core::ids::{CallId, WorkspaceId};
    let app = TestApp::start().await;
    let path = "/client_sessions/create";
    let at = app.app.now();
    let claimed = ClaimedCall {
        id: CallId::derived(app.own.workspace, &format!("api_key\n{path}\nk")),
        workspace: Some(WorkspaceId(app.own.workspace)),
        body_hash: app.store.call_hash("{}"),
        at,
    };
    app.store.commit(Change::CallClaimed(claimed)).await.unwrap();
    let refused = own(&app, path, "k", json!({})).await;
    refused.assert_refused(409, "idempotency_key_conflict");
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("interrupted"), "{:#}", refused.body);
    assert_eq!(app.post("/client_sessions/list", json!({})).await.field("client_sessions"), json!([]));
}

/// Whoever has the database must not find the parameters of a call in it, nor its answer.
#[tokio::test]
async fn neither_answers_nor_guessable_hashes_lie_about() {
    let app = TestApp::start().await;
    let session = own(&app, "/client_sessions/create", "k", json!({"user_identifier_key": "u"})).await;
    let token = session.field("client_session")["token"].as_str().unwrap().to_owned();
    let typed = json!({"code": "1234", "device_id": app.own.devices[0]});
    own(&app, "/locks/simulate/keypad_code_entry", "k", typed.clone()).await.ok();
    let plain = thumbturn::tokens::sha256_hex(typed.to_string().as_bytes());
    for file in app.files() {
        for secret in [&token, &plain] {
            let found = file.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} lies about");
        }
    }
}

/// A publishable key is everybody's, and a header may name the user.
#[tokio::test]
async fn one_users_token_is_never_another_ones_answer() {
    let app = TestApp::start().await;
    let ask = |user: &str| {
        let ask = Ask::post("/client_sessions/get_or_create")
            .header("seam-publishable-key", &app.own.publishable_key)
            .header("seam-user-identifier-key", user)
            .header("idempotency-key", "k");
        app.send(ask.json(json!({})))
    };
    let alice = ask("alice").await.field("client_session");
    let bob = ask("bob").await.field("client_session");
    assert_ne!(bob["token"], alice["token"]);
    assert_eq!(ask("alice").await.field("client_session"), alice);
}

#[tokio::test]
async fn a_repeated_simulation_is_answered_even_if_its_lock_is_gone() {
    let app = TestApp::start().await;
    let body = json!({"device_id": app.own.devices[0], "code": "1234"});
    let path = "/locks/simulate/keypad_code_entry";
    let first = own(&app, path, "k", body.clone()).await.field("action_attempt");
    app.ok("/devices/delete", app.own.device()).await;
    assert_eq!(own(&app, path, "k", body).await.field("action_attempt"), first);
}

#[tokio::test]
async fn a_call_under_a_key_takes_one_place() {
    let app = TestApp::with(SANDBOX, &[("THUMBTURN_LIMITS__CONCURRENT_REQUESTS", "1")]).await;
    own(&app, "/devices/update", "k", app.own.device()).await.ok();
    app.ok("/devices/update", app.own.device()).await;
}

/// They are bounded though nobody may wait for them: a caller that goes away does not free the place of its call.
#[tokio::test]
async fn a_call_under_a_key_keeps_its_place_until_it_has_ended() {
    let app = TestApp::with(SANDBOX, &[("THUMBTURN_LIMITS__CONCURRENT_REQUESTS", "1")]).await;
    let hub = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}", hub.local_addr().unwrap());
    let silent = json!({"provider": "mqtt", "config": {"url": url}});
    tokio::select! {
        biased;
        answer = own(&app, "/thumbturn/connected_accounts/create", "k", silent) => panic!("{:#}", answer.body),
        connection = hub.accept() => drop(connection.unwrap()),
    }
    let busy = app.post("/devices/update", app.own.device()).await;
    busy.assert_refused(503, "service_unavailable");
    eventually("the place is free again", async || {
        (app.post("/devices/update", app.own.device()).await.status == 200).then_some(())
    })
    .await;
}

/// Lets a statement on the kept calls fail, as it would on a full disk, until this is dropped.
struct Failing(rusqlite::Connection);

impl Failing {
    fn on(app: &TestApp, statement: &str) -> Self {
        let database = rusqlite::Connection::open(app.database()).unwrap();
        database.busy_timeout(crate::app::PATIENCE).unwrap();
        let overflow = "SELECT abs(-9223372036854775808)";
        let trigger = format!("CREATE TRIGGER failing BEFORE {statement} ON kept_calls BEGIN {overflow}; END");
        database.execute_batch(&trigger).unwrap();
        Self(database)
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        self.0.execute_batch("DROP TRIGGER failing").unwrap();
    }
}

#[tokio::test]
async fn a_key_that_could_not_be_released_at_once_is_released_soon() {
    let app = TestApp::start().await;
    let body = json!({"device_id": app.own.devices[0], "name": "Hall"});
    app.ok("/devices/update", json!({"device_id": app.own.devices[0], "is_managed": false})).await;
    let failing = Failing::on(&app, "DELETE");
    own(&app, "/devices/update", "k", body.clone()).await.assert_refused(400, "device_unmanaged");
    drop(failing);
    app.ok("/devices/unmanaged/update", json!({"device_id": app.own.devices[0], "is_managed": true})).await;
    own(&app, "/devices/update", "k", body).await.ok();
}

#[tokio::test]
async fn an_answer_that_could_not_be_kept_at_once_is_kept_soon() {
    let app = TestApp::start().await;
    let failing = Failing::on(&app, "UPDATE");
    let first = own(&app, "/client_sessions/create", "k", json!({})).await.field("client_session");
    drop(failing);
    let again = own(&app, "/client_sessions/create", "k", json!({})).await.field("client_session");
    assert_eq!(again, first);
}
