//! Several servers on one PostgreSQL, asked through the API: whichever of them a call comes to.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use base64::Engine as _;
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tempfile::TempDir;
use thumbturn::admin::AdminSocket;
use thumbturn::app::App;
use thumbturn::hubs::HubsRequest;
use thumbturn::metrics::Metrics;
use thumbturn_api::Secret;
use thumbturn_core::ids::AccountId;
use thumbturn_core::nodes::Owner;
use thumbturn_core::ports::Clock;
use thumbturn_store::{OpenOptions, Role, Store};
use thumbturn_testdb::Database;

use crate::app::{PATIENCE, config, eventually};
use crate::ask::{Ask, Reply};

/// One of the servers.
struct Node {
    app: App,
    store: Store,
    service: TowerToHyperService<Router>,
    _dir: TempDir,
}

/// Servers on one database, and who may call them.
struct Nodes {
    nodes: Vec<Node>,
    api_key: String,
    devices: Vec<Value>,
    account: AccountId,
    database: Database,
    _keys: TempDir,
}

impl Node {
    async fn start(database: &Database, key: &Path, settings: &[(&str, &str)]) -> Self {
        let dir = TempDir::new().unwrap();
        let config = config(dir.path(), settings);
        let clock: Arc<dyn Clock> = Arc::new(thumbturn::clock::SystemClock::start());
        let metrics = Arc::new(Metrics::new(clock.now().wall));
        let options = OpenOptions {
            database_url: Some(database.url()),
            key_file: Some(key.to_owned()),
            role: Role::Node,
            ..OpenOptions::new(dir.path())
        };
        let store = tokio::task::spawn_blocking(move || thumbturn_store::open(options)).await.unwrap().unwrap();
        let url = "http://localhost".to_owned();
        let app = thumbturn::serve::start(&config, store.clone(), clock, url, metrics).await.unwrap();
        tokio::spawn(thumbturn::http::forward::serve(app.clone()));
        let service = TowerToHyperService::new(thumbturn::http::service(app.clone()));
        Self { app, store, service, _dir: dir }
    }

    async fn send(&self, ask: Ask) -> Reply {
        let (method, request) = (ask.method.clone(), ask.into_http());
        let path = request.uri().path().to_owned();
        let sending = async {
            let answer = self.service.call(request).await.unwrap();
            let (parts, body) = answer.into_parts();
            (parts, body.collect().await.unwrap().to_bytes())
        };
        let (parts, bytes) = tokio::time::timeout(PATIENCE * 2, sending).await.expect("no answer");
        Reply::of(&method, &path, parts.status, parts.headers, &bytes)
    }
}

impl Nodes {
    /// Two servers on a new database.
    async fn start(settings: &[(&str, &str)]) -> Self {
        let database = Database::create().unwrap();
        let dir = TempDir::new().unwrap();
        let key = dir.path().join("secrets.key");
        let (api_key, devices) = Self::set_up(&database, &key).await;
        let mut nodes = Vec::new();
        for _ in 0..2 {
            nodes.push(Node::start(&database, &key, settings).await);
        }
        let account = database.ask("SELECT id FROM accounts").unwrap().parse().map(AccountId).unwrap();
        let nodes = Self { nodes, api_key, devices, account, database, _keys: dir };
        eventually("every lock tells where its bolt is", async || {
            let devices = nodes.ask(0, "/devices/list", json!({})).await.field("devices");
            let is_known = |device: &Value| device["properties"]["locked"].is_boolean();
            devices.as_array().unwrap().iter().all(is_known).then_some(())
        })
        .await;
        nodes
    }

    /// The first start on a database; API key and devices.
    async fn set_up(database: &Database, key: &Path) -> (String, Vec<Value>) {
        let dir = TempDir::new().unwrap();
        let (database_url, key_file) = (Some(database.url()), Some(key.to_owned()));
        let options = OpenOptions { database_url, key_file, ..OpenOptions::new(dir.path()) };
        let store = tokio::task::spawn_blocking(move || thumbturn_store::open(options)).await.unwrap().unwrap();
        let made = thumbturn::setup::set_up(&store, jiff::Timestamp::now()).await.unwrap();
        store.close().await;
        let devices = made.devices.iter().map(|device| json!(device.device_id)).collect();
        let token = |secret: Option<Secret<String>>| secret.unwrap().into_exposed();
        (token(made.api_key), devices)
    }

    /// The account of the virtual locks.
    fn account(&self) -> AccountId {
        self.account
    }

    fn in_database(&self, sql: &str) -> String {
        self.database.ask(sql).unwrap()
    }

    fn run(&self, sql: &str) {
        self.database.run(sql).unwrap();
    }

    async fn ask(&self, node: usize, path: &str, body: Value) -> Reply {
        self.nodes[node].send(Ask::post(path).bearer(&self.api_key).json(body)).await
    }

    /// The same under an idempotency key.
    async fn ask_once(&self, node: usize, path: &str, key: &str, body: Value) -> Reply {
        let ask = Ask::post(path).bearer(&self.api_key).header("idempotency-key", key);
        self.nodes[node].send(ask.json(body)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_a_lock_holds_over_all_nodes() {
    let nodes = Nodes::start(&[("THUMBTURN_LIMITS__SANDBOX_LOCK_ACTIONS_PER_MINUTE", "5")]).await;
    let unlock = json!({"device_id": nodes.devices[0]});
    let calls = (0..16).map(|n| nodes.ask(n % 2, "/locks/unlock_door", unlock.clone()));
    let answers = futures::future::join_all(calls).await;
    let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((made.len(), refused.len()), (5, 11));
    for answer in refused {
        answer.assert_refused(429, "rate_limit_exceeded");
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=12).contains(&wait), "{wait}");
    }
    let lock = json!({"device_id": nodes.devices[0]});
    nodes.ask(1, "/locks/lock_door", lock).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_at_two_nodes_at_the_same_time_is_one_attempt() {
    let nodes = Nodes::start(&[]).await;
    for round in 0..8 {
        let (key, body) = (format!("key {round}"), json!({"device_id": nodes.devices[round % 5]}));
        let calls = [0, 1].map(|node| nodes.ask_once(node, "/locks/unlock_door", &key, body.clone()));
        let ids: Vec<Value> = futures::future::join_all(calls)
            .await
            .into_iter()
            .map(|answer| answer.field("action_attempt")["action_attempt_id"].clone())
            .collect();
        assert_eq!(ids[0], ids[1], "both answers name the same attempt");
    }
    let all = nodes.ask(1, "/action_attempts/list", json!({"limit": 100})).await.field("action_attempts");
    assert_eq!(all.as_array().unwrap().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_at_two_nodes_at_the_same_time_is_one_call() {
    let nodes = Nodes::start(&[]).await;
    for round in 0..8 {
        let (key, name) = (format!("key {round}"), format!("Hall {round}"));
        let body = json!({"name": name, "device_ids": [nodes.devices[0]]});
        let calls = [0, 1].map(|node| nodes.ask_once(node, "/spaces/create", &key, body.clone()));
        let answers: Vec<Value> =
            futures::future::join_all(calls).await.into_iter().map(|answer| answer.field("space")).collect();
        assert_eq!(answers[0], answers[1]);
        nodes
            .ask_once(1, "/spaces/create", &key, json!({"name": "Other"}))
            .await
            .assert_refused(409, "idempotency_key_conflict");
    }
    let all = nodes.ask(0, "/spaces/list", json!({})).await.field("spaces");
    assert_eq!(all.as_array().unwrap().len(), 8);
}

/// What the events of spaces say, one after the other, of how many devices are in each: the story of each space must be
/// without a gap, whichever node told it.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_fill_a_space_at_the_same_time_lose_nothing() {
    let nodes = Nodes::start(&[]).await;
    let space = nodes.ask(0, "/spaces/create", json!({"name": "Hall"})).await.field("space")["space_id"].clone();
    for round in 0..6 {
        let calls = nodes.devices.iter().enumerate().map(|(n, device)| {
            let path = if round % 2 == 0 { "/spaces/add_devices" } else { "/spaces/remove_devices" };
            nodes.ask((n + round) % 2, path, json!({"space_id": space, "device_ids": [device]}))
        });
        futures::future::join_all(calls).await.into_iter().for_each(|answer| drop(answer.ok()));
        let expected = if round % 2 == 0 { nodes.devices.len() } else { 0 };
        let devices = nodes.ask(1, "/devices/list", json!({"space_id": space})).await.field("devices");
        assert_eq!(devices.as_array().unwrap().len(), expected, "round {round}");
    }
    let body = json!({"since": "2020-01-01T00:00:00Z", "event_types": ["space.device_membership_changed"]});
    let events = nodes.ask(0, "/events/list", body).await.field("events");
    let counts: Vec<usize> =
        events.as_array().unwrap().iter().map(|event| event["device_ids"].as_array().unwrap().len()).collect();
    assert_eq!(counts.len(), 6 * nodes.devices.len(), "one event for each change");
    let mut before = 0_usize;
    for count in counts {
        assert_eq!(before.abs_diff(count), 1, "each event tells of the one change since the event before");
        before = count;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_change_parts_of_one_thing_keep_both_parts() {
    let nodes = Nodes::start(&[]).await;
    let identity = nodes.ask(0, "/user_identities/create", json!({"full_name": "Jane"})).await.field("user_identity");
    for round in 0..6 {
        let (name, email) = (format!("Jane {round}"), format!("jane{round}@example.com"));
        let id = &identity["user_identity_id"];
        let calls = [
            nodes.ask(round % 2, "/user_identities/update", json!({"user_identity_id": id, "full_name": name})),
            nodes.ask(
                (round + 1) % 2,
                "/user_identities/update",
                json!({"user_identity_id": id, "email_address": email}),
            ),
        ];
        futures::future::join_all(calls).await.into_iter().for_each(|answer| drop(answer.ok()));
        let now = nodes.ask(0, "/user_identities/get", json!({"user_identity_id": id})).await.field("user_identity");
        assert_eq!((&now["full_name"], &now["email_address"]), (&json!(name), &json!(email)));
        let workspace = [
            nodes.ask(round % 2, "/workspaces/update", json!({"name": name})),
            nodes.ask((round + 1) % 2, "/workspaces/update", json!({"connect_partner_name": email})),
        ];
        futures::future::join_all(workspace).await.into_iter().for_each(|answer| drop(answer.ok()));
        let stored = nodes.nodes[1].store.workspaces().await.unwrap().remove(0);
        assert_eq!((stored.name, stored.company_name), (name, email));
    }
}

/// The node that commands the hub of the virtual locks, and the other one.
async fn owner_and_other(nodes: &Nodes) -> (usize, usize) {
    let account = nodes.account();
    let owner = eventually("a node owns the hub", async || {
        for (n, node) in nodes.nodes.iter().enumerate() {
            if node.app.engine().owner_of(account).await.unwrap() == Owner::Here {
                return Some(n);
            }
        }
        None
    })
    .await;
    (owner, 1 - owner)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_the_memory_of_a_hub_works_at_any_node() {
    let nodes = Nodes::start(&[]).await;
    let (owner, other) = owner_and_other(&nodes).await;
    let device = nodes.devices[0].clone();
    let at = |node: usize, path: &'static str, more: Value| {
        let mut body = json!({"device_id": device});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        nodes.ask(node, path, body)
    };
    let set = at(other, "/thumbturn/sandbox/locks/set", json!({"latency_ms": 7, "rate_limited": true})).await;
    assert_eq!(set.field("sandbox_lock")["latency_ms"], 7);
    let seen = at(owner, "/thumbturn/sandbox/locks/get", json!({})).await.field("sandbox_lock");
    assert_eq!((&seen["latency_ms"], &seen["rate_limited"]), (&json!(7), &json!(true)), "the lock itself was set");
    assert_eq!(at(other, "/thumbturn/sandbox/locks/get", json!({})).await.field("sandbox_lock"), seen);
    let typed = json!({"action": "keypad", "code": "1234"});
    at(other, "/thumbturn/sandbox/locks/act", typed).await.ok();

    at(other, "/devices/update", json!({"name": "Red Door"})).await.ok();
    for node in [owner, other] {
        let shown = at(node, "/devices/get", json!({})).await.field("device");
        assert_eq!(shown["display_name"], "Red Door");
    }
    at(other, "/devices/simulate/disconnect", json!({})).await.ok();
    assert_eq!(at(owner, "/devices/get", json!({})).await.field("device")["properties"]["online"], false);
    at(other, "/devices/simulate/connect", json!({})).await.ok();
    assert_eq!(at(owner, "/devices/get", json!({})).await.field("device")["properties"]["online"], true);

    let account = json!({"connected_account_id": nodes.account().to_string()});
    nodes.ask(other, "/connected_accounts/sync", account.clone()).await.ok();
    let mut renamed = account.clone();
    renamed["display_name"] = json!("House");
    let renamed = nodes.ask(other, "/connected_accounts/update", renamed).await.field("connected_account");
    assert_eq!(renamed["display_name"], "House");
    at(other, "/devices/delete", json!({})).await.ok();
    at(owner, "/devices/get", json!({})).await.assert_refused(404, "device_not_found");

    let reset = nodes.ask(other, "/workspaces/reset_sandbox", json!({})).await.field("action_attempt");
    assert_eq!(reset["status"], "success");
    let again = at(other, "/thumbturn/sandbox/locks/get", json!({})).await.field("sandbox_lock");
    assert_eq!((&again["rate_limited"], &again["commands"]), (&json!(false), &json!(0)), "it is as on the first day");
    nodes.ask(other, "/connected_accounts/delete", account.clone()).await.ok();
    nodes.ask(owner, "/connected_accounts/get", account).await.assert_refused(404, "connected_account_not_found");
    assert_eq!(nodes.in_database("SELECT COUNT(*) FROM forwarded_calls WHERE request IS NOT NULL"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_handed_over_is_refused_as_it_would_be_there_and_made_once() {
    let nodes = Nodes::start(&[]).await;
    let (owner, other) = owner_and_other(&nodes).await;
    for (path, body, status, kind) in [
        ("/devices/update", json!({"device_id": uuid::Uuid::new_v4(), "name": "x"}), 404, "device_not_found"),
        ("/devices/update", json!({"device_id": nodes.devices[0], "name": 7}), 400, "invalid_input"),
        (
            "/thumbturn/sandbox/locks/set",
            json!({"device_id": nodes.devices[0], "profile": "none"}),
            400,
            "invalid_input",
        ),
        (
            "/connected_accounts/sync",
            json!({"connected_account_id": uuid::Uuid::new_v4()}),
            404,
            "connected_account_not_found",
        ),
    ] {
        let answers = [nodes.ask(owner, path, body.clone()).await, nodes.ask(other, path, body).await];
        assert_eq!(answers[0].refusal(), (status, kind), "{path}");
        assert_eq!(answers[1].body, answers[0].body, "{path}");
    }
    let update = |node, name: &str| {
        let body = json!({"device_id": nodes.devices[1], "name": name});
        nodes.ask_once(node, "/devices/update", "once", body)
    };
    update(other, "First").await.ok();
    update(owner, "First").await.ok();
    update(other, "Second").await.assert_refused(409, "idempotency_key_conflict");
    let device = json!({"device_id": nodes.devices[1]});
    assert_eq!(nodes.ask(other, "/devices/get", device).await.field("device")["display_name"], "First");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_call_handed_over_is_in_clear_in_the_database() {
    let nodes = Nodes::start(&[]).await;
    let (_, other) = owner_and_other(&nodes).await;
    // What is deleted of a call is kept for this test.
    nodes.run(
        "CREATE TABLE heard (line TEXT); \
         CREATE FUNCTION hear() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN INSERT INTO heard VALUES (NEW::text); RETURN NEW; END $$; \
         CREATE TRIGGER hears AFTER INSERT OR UPDATE ON forwarded_calls FOR EACH ROW EXECUTE FUNCTION hear()",
    );
    let typed = json!({"device_id": nodes.devices[0], "action": "keypad", "code": "73519246"});
    nodes.ask(other, "/thumbturn/sandbox/locks/act", typed).await.ok();
    let named = json!({"device_id": nodes.devices[0], "name": "canary-name"});
    nodes.ask(other, "/devices/update", named).await.ok();
    assert!(nodes.in_database("SELECT COUNT(*) FROM heard").parse::<u32>().unwrap() >= 6);
    let (_, secret) = nodes.api_key.rsplit_once('_').unwrap();
    for canary in ["73519246", "canary-name", "keypad", secret] {
        let forms = [canary.to_owned(), base64::engine::general_purpose::STANDARD.encode(canary)];
        for form in forms {
            let found = format!("SELECT COUNT(*) FROM heard WHERE line LIKE '%{form}%'");
            assert_eq!(nodes.in_database(&found), "0", "{canary}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_takes_no_call_is_not_waited_for_longer_than_it_may_begin() {
    let nodes = Nodes::start(&[]).await;
    let (_, other) = owner_and_other(&nodes).await;
    // The owner of another hub lives and does not listen.
    let silent = uuid::Uuid::new_v4();
    nodes.run(&format!(
        "INSERT INTO writers (id, batch, lease_until) VALUES ('{silent}', 0, now() + interval '1 hour'); \
         UPDATE account_owners SET node_id = '{silent}', fence = fence + 1"
    ));
    let update = json!({"device_id": nodes.devices[0], "name": "Late"});
    let began = std::time::Instant::now();
    let refused = eventually("it is known whose the hub is", async || {
        let answer = nodes.ask(other, "/devices/update", update.clone()).await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("Nothing was done"), "{:#}", refused.body);
    assert!(began.elapsed() < PATIENCE);
    let shown = nodes.ask(other, "/devices/get", json!({"device_id": nodes.devices[0]})).await.field("device");
    assert_ne!(shown["display_name"], "Late");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_at_one_node_is_refused_by_the_other_within_a_second() {
    let nodes = Nodes::start(&[]).await;
    let list = async |token: &str| {
        let ask = Ask::post("/devices/list").header("client-session-token", token).json(json!({}));
        nodes.nodes[1].send(ask).await.status
    };
    for _ in 0..3 {
        let accounts = json!({"connected_account_ids": [nodes.account().to_string()]});
        let session = nodes.ask(0, "/client_sessions/create", accounts).await.field("client_session");
        let token = session["token"].as_str().unwrap().to_owned();
        assert_eq!(list(&token).await, 200, "and it is in the cache of that node");
        let revoked = json!({"client_session_id": session["client_session_id"]});
        nodes.ask(0, "/client_sessions/revoke", revoked).await.ok();
        let until = std::time::Instant::now() + Duration::from_secs(1);
        while list(&token).await != 401 {
            assert!(std::time::Instant::now() < until, "it still opens the other node");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_forgets_a_hub_at_any_node() {
    let nodes = Nodes::start(&[]).await;
    let (owner, other) = owner_and_other(&nodes).await;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("admin.sock");
    let _socket = AdminSocket::bind(&path).unwrap().serve(nodes.nodes[other].app.clone());
    let remove = HubsRequest::Remove { hub: nodes.account().0 };
    let removed = thumbturn::admin::hubs(&path, &remove).await.unwrap();
    assert_eq!(removed[0].devices, 5);
    let account = json!({"connected_account_id": nodes.account().to_string()});
    nodes.ask(owner, "/connected_accounts/get", account).await.assert_refused(404, "connected_account_not_found");
    let again = thumbturn::admin::hubs(&path, &remove).await.unwrap_err().to_string();
    assert!(again.contains(&nodes.account().to_string()), "{again}");
}
