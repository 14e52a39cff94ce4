//! Webhooks: what receivers get, and what becomes of it when they misbehave, or the server dies. The official verifiers take
//! the same messages in `e2e`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;
use thumbturn_core::change::Change;
use thumbturn_core::ids::{WebhookId, WorkspaceId};
use thumbturn_core::webhooks::{SigningSecret, Webhook};
use thumbturn_testports::Port;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::app::{PATIENCE, SANDBOX, TestApp, eventually};
use crate::ask::Ask;
use crate::program::Server;

const ALLOWED: (&str, &str) = ("THUMBTURN_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES", "true");
const DELAYS: &str = "THUMBTURN_WEBHOOKS__RETRY_DELAYS_MS";
const TIMEOUT: &str = "THUMBTURN_WEBHOOKS__TIMEOUT_MS";

/// A message that was received.
#[derive(Clone, Debug)]
struct Received {
    headers: HeaderMap,
    body: Bytes,
    at: Timestamp,
}

impl Received {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Verifies what the message is signed with, as a receiver would.
    fn verify(&self, secrets: &[&str]) {
        for what in ["id", "timestamp", "signature"] {
            assert_eq!(self.header(&format!("svix-{what}")), self.header(&format!("webhook-{what}")));
        }
        let (id, timestamp) = (self.header("svix-id"), self.header("svix-timestamp"));
        assert!(id.starts_with("msg_") && !id.contains('.'), "{id}");
        assert!((timestamp.parse::<i64>().unwrap() - self.at.as_second()).abs() <= 5, "the signature is fresh");
        let expected: Vec<String> = secrets
            .iter()
            .map(|secret| {
                let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
                let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
                mac.update(format!("{id}.{timestamp}.").as_bytes());
                mac.update(&self.body);
                format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
            })
            .collect();
        assert_eq!(self.header("svix-signature"), expected.join(" "));
    }
}

/// How a receiver answers.
#[derive(Clone, Debug)]
enum Manner {
    Status(u16),
    Redirect(String),
    Hang,
}

#[derive(Clone)]
struct Desk {
    received: Arc<Mutex<Vec<Received>>>,
    manner: Arc<Mutex<Manner>>,
}

/// A receiver on a port of its own.
struct Receiver {
    desk: Desk,
    url: String,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn receive(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    let at = Timestamp::now();
    desk.received.lock().unwrap().push(Received { headers, body, at });
    let manner = desk.manner.lock().unwrap().clone();
    match manner {
        Manner::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Manner::Redirect(to) => (StatusCode::FOUND, [("location", to)]).into_response(),
        Manner::Hang => std::future::pending().await,
    }
}

impl Receiver {
    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?tenant=a%20b", listener.local_addr().unwrap());
        let desk = Desk { received: Arc::default(), manner: Arc::new(Mutex::new(manner)) };
        let router = Router::new().fallback(receive).with_state(desk.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { desk, url, serving }
    }

    fn now_answers(&self, manner: Manner) {
        *self.desk.manner.lock().unwrap() = manner;
    }

    fn received(&self) -> Vec<Received> {
        self.desk.received.lock().unwrap().clone()
    }

    /// The messages about events of this type, once there are so many.
    async fn of_type(&self, kind: &str, count: usize) -> Vec<Received> {
        eventually(&format!("{count} messages of {kind} come"), async || {
            let all: Vec<Received> =
                self.received().into_iter().filter(|received| received.event()["event_type"] == kind).collect();
            (all.len() >= count).then_some(all)
        })
        .await
    }
}

/// The webhook that is told of these types at the receiver: its id and its secret.
async fn made(app: &TestApp, receiver: &Receiver, types: &[&str]) -> (Value, String) {
    let body = json!({"url": receiver.url, "event_types": types});
    let webhook = app.post("/webhooks/create", body).await.field("webhook");
    (webhook["webhook_id"].clone(), webhook["secret"].as_str().unwrap().to_owned())
}

/// A webhook with a private address that was made while the operator allowed that, and who listens there.
pub(crate) async fn private(app: &TestApp) -> (TcpListener, Uuid) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (id, _) = kept(app, &url, "*", app.store.last_sequence().await.unwrap()).await;
    (listener, id)
}

/// A webhook that is told of these events after this place in commit order; its courier hears of it within seconds. Its id
/// and its secret.
async fn kept(app: &TestApp, url: &str, kind: &str, queued_until: i64) -> (Uuid, &'static str) {
    const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
    let id = Uuid::new_v4();
    let webhook = Webhook {
        id: WebhookId(id),
        workspace: WorkspaceId(app.own.workspace),
        url: url.to_owned(),
        event_types: vec![kind.to_owned()],
        secret: SigningSecret(SECRET.to_owned()),
        previous: None,
        queued_until,
        failing_since: None,
        disabled_at: None,
        created_at: Timestamp::now(),
    };
    app.store.commit(Change::WebhookCreated(Box::new(webhook))).await.unwrap();
    (id, SECRET)
}

async fn deliveries(app: &TestApp, filter: Value) -> Vec<Value> {
    let found = app.post("/thumbturn/webhooks/deliveries/list", filter).await.field("webhook_deliveries");
    found.as_array().unwrap().clone()
}

/// The newest delivery to the webhook, once `look` says so of it.
async fn delivery(app: &TestApp, webhook: &Value, what: &str, look: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || {
        deliveries(app, json!({"webhook_id": webhook, "limit": 1})).await.into_iter().next().filter(|found| look(found))
    })
    .await
}

fn has_attempts(count: usize) -> impl Fn(&Value) -> bool {
    move |delivery: &Value| delivery["attempts"].as_array().is_some_and(|attempts| attempts.len() >= count)
}

#[tokio::test]
async fn what_is_listed_is_what_is_sent_signed() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let receiver = Receiver::start(Manner::Status(204)).await;
    let (webhook, secret) = made(&app, &receiver, &["*"]).await;
    app.ok("/devices/update", json!({"device_id": app.own.devices[0], "custom_metadata": {"floor": "Erdgeschoß 門"}}))
        .await;
    app.unlock(0).await;
    let message = &receiver.of_type("lock.unlocked", 1).await[0];
    message.verify(&[&secret]);
    assert_eq!(message.header("content-type"), "application/json");
    assert!(message.header("user-agent").starts_with("Thumbturn/"));
    receiver.of_type("action_attempt.unlock_door.succeeded", 1).await;
    for message in receiver.received() {
        let event = app.post("/events/get", json!({"event_id": message.event()["event_id"]})).await.field("event");
        assert_eq!(message.event(), event);
    }
    let found = delivery(&app, &webhook, "it is delivered", |delivery| delivery["status"] == "delivered").await;
    assert_eq!(found["attempts"][0]["response_status"], 204);
    assert!(found["next_attempt_at"].is_null());
    assert!(receiver.received().iter().any(|message| message.header("svix-id") == found["message_id"]));
    let foreign = Ask::post("/webhooks/list").bearer(&app.foreign.api_key).json(json!({}));
    assert_eq!(app.send(foreign).await.field("webhooks"), json!([]));
}

#[tokio::test]
async fn a_webhook_is_told_of_its_types_until_it_is_deleted() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let receiver = Receiver::start(Manner::Status(200)).await;
    let other = Receiver::start(Manner::Status(200)).await;
    let (webhook, _) = made(&app, &receiver, &["lock.unlocked"]).await;
    made(&app, &other, &["lock.locked", "lock.unlocked"]).await;
    app.unlock(0).await;
    receiver.of_type("lock.unlocked", 1).await;
    app.ok("/webhooks/update", json!({"webhook_id": webhook, "event_types": ["lock.locked"]})).await;
    app.attempt("/locks/lock_door", json!({"device_id": app.own.devices[0]})).await;
    receiver.of_type("lock.locked", 1).await;
    app.ok("/webhooks/delete", json!({"webhook_id": webhook})).await;
    app.unlock(0).await;
    other.of_type("lock.unlocked", 2).await;
    assert_eq!(receiver.received().len(), 2, "{:?}", receiver.received());
}

#[tokio::test]
async fn what_fails_is_sent_again_under_the_same_id() {
    let app = TestApp::with(SANDBOX, &[ALLOWED, (DELAYS, "50,50")]).await;
    let receiver = Receiver::start(Manner::Status(500)).await;
    let (webhook, secret) = made(&app, &receiver, &["lock.unlocked"]).await;
    app.unlock(0).await;
    receiver.of_type("lock.unlocked", 2).await;
    receiver.now_answers(Manner::Status(200));
    let found = delivery(&app, &webhook, "it is over", |delivery| delivery["next_attempt_at"].is_null()).await;
    let messages = receiver.received();
    assert!(messages.windows(2).all(|pair| pair[0].header("svix-id") == pair[1].header("svix-id")));
    assert!(messages.windows(2).all(|pair| pair[0].body == pair[1].body));
    messages.iter().for_each(|message| message.verify(&[&secret]));
    assert_eq!(found["attempts"].as_array().unwrap().len(), messages.len());
    assert_eq!(found["attempts"][0]["response_status"], 500);
}

#[tokio::test]
async fn after_the_last_attempt_it_has_failed_and_can_be_replayed() {
    let app = TestApp::with(SANDBOX, &[ALLOWED, (DELAYS, "20,20")]).await;
    let receiver = Receiver::start(Manner::Status(410)).await;
    let (webhook, _) = made(&app, &receiver, &["lock.unlocked"]).await;
    app.unlock(0).await;
    let failed = delivery(&app, &webhook, "it has failed", |delivery| delivery["status"] == "failed").await;
    assert_eq!(failed["attempts"].as_array().unwrap().len(), 3);
    assert_eq!(receiver.received().len(), 3);
    receiver.now_answers(Manner::Status(200));
    let replay = json!({"webhook_delivery_id": failed["webhook_delivery_id"]});
    app.ok("/thumbturn/webhooks/deliveries/replay", replay).await;
    let found = delivery(&app, &webhook, "it is delivered", |delivery| delivery["status"] == "delivered").await;
    assert_eq!(found["message_id"], failed["message_id"]);
    assert_eq!(receiver.received().last().unwrap().header("webhook-id"), failed["message_id"]);
}

/// Asks for a range to be sent again until there is no more of it: how many deliveries began again, and how many are new.
async fn replayed(app: &TestApp, mut body: Value) -> (u64, u64) {
    let (mut again, mut new) = (0, 0);
    loop {
        let step = app.post("/thumbturn/webhooks/deliveries/replay_range", body.clone()).await.field("webhook_replay");
        again += step["again_count"].as_u64().unwrap();
        new += step["new_count"].as_u64().unwrap();
        if step["has_more"] == false {
            return (again, new);
        }
        body["since"] = step["replayed_until"].clone();
    }
}

#[tokio::test]
async fn what_failed_in_a_range_of_time_is_sent_again() {
    let app = TestApp::with(SANDBOX, &[ALLOWED, (DELAYS, "")]).await;
    let receiver = Receiver::start(Manner::Status(500)).await;
    let (webhook, _) = made(&app, &receiver, &["lock.unlocked", "lock.locked"]).await;
    let mut attempts = Vec::new();
    for _ in 0..3 {
        attempts.push(app.unlock(0).await["action_attempt_id"].clone());
    }
    let failed = async || deliveries(&app, json!({"webhook_id": webhook, "status": "failed"})).await;
    let failed = eventually("all fail", async || Some(failed().await).filter(|failed| failed.len() == 3)).await;
    receiver.now_answers(Manner::Status(200));
    app.attempt("/locks/lock_door", json!({"device_id": app.own.devices[0]})).await;
    receiver.of_type("lock.locked", 1).await;
    let range = |more: Value| {
        let mut body = json!({"webhook_id": webhook, "since": "2020-01-01T00:00:00Z", "limit": 1});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let events =
        app.post("/events/list", json!({"since": "2020-01-01T00:00:00Z", "event_type": "lock.unlocked"})).await;
    let events = events.field("events");
    let second = json!({"since": events[0]["created_at"], "until": events[2]["created_at"]});
    assert_eq!(replayed(&app, range(json!({"event_types": ["device.added"]}))).await, (0, 0), "no such type is wanted");
    let before = receiver.received().len();
    assert_eq!(replayed(&app, range(second)).await, (1, 0), "neither end is in the range");
    let told = eventually("it is sent again", async || receiver.received().get(before).cloned()).await;
    assert_eq!(told.event()["action_attempt_id"], attempts[1]);
    assert!(failed.iter().any(|failed| failed["message_id"] == told.header("svix-id")), "under its id");
    eventually("it is written down", async || {
        (deliveries(&app, json!({"webhook_id": webhook, "status": "delivered"})).await.len() == 2).then_some(())
    })
    .await;
    assert_eq!(replayed(&app, range(json!({}))).await, (2, 0), "what was taken is left alone");
    receiver.of_type("lock.unlocked", 6).await;
    eventually("all are taken", async || {
        (deliveries(&app, json!({"webhook_id": webhook, "status": "delivered"})).await.len() == 4).then_some(())
    })
    .await;
    let locked = json!({"event_types": ["lock.locked"], "include_delivered": true});
    assert_eq!(replayed(&app, range(locked)).await, (1, 0));
    receiver.of_type("lock.locked", 2).await;
}

#[tokio::test]
async fn what_a_webhook_was_never_told_of_can_be_sent_once() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let receiver = Receiver::start(Manner::Status(200)).await;
    let missed = app.unlock(0).await;
    let (webhook, secret) = made(&app, &receiver, &["lock.unlocked"]).await;
    let range = json!({"webhook_id": webhook, "since": "2020-01-01T00:00:00Z"});
    let (one, other) = tokio::join!(replayed(&app, range.clone()), replayed(&app, range.clone()));
    // Who comes second may find it on its way, and has it sent once more under its id.
    let again = one.0 + other.0;
    assert_eq!((again.min(1), one.1 + other.1), (again, 1), "two at once make one delivery");
    let message = &receiver.of_type("lock.unlocked", 1).await[0];
    message.verify(&[&secret]);
    assert_eq!(message.event()["action_attempt_id"], missed["action_attempt_id"]);
    delivery(&app, &webhook, "it is delivered", |delivery| delivery["status"] == "delivered").await;
    if again == 0 {
        assert_eq!(replayed(&app, range).await, (0, 0));
    }
}

#[tokio::test]
async fn what_is_replayed_to_a_disabled_webhook_is_sent_once_it_is_enabled() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let receiver = Receiver::start(Manner::Status(200)).await;
    app.unlock(0).await;
    let (webhook, _) = made(&app, &receiver, &["lock.unlocked"]).await;
    let database = rusqlite::Connection::open(app.database()).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    database.execute("UPDATE webhooks SET disabled_at = 2, failing_since = 1", []).unwrap();
    app.ok("/webhooks/update", json!({"webhook_id": webhook, "event_types": ["*"]})).await;
    let range = json!({"webhook_id": webhook, "since": "2020-01-01T00:00:00Z", "event_types": ["lock.unlocked"]});
    assert_eq!(replayed(&app, range).await, (0, 1));
    app.ok("/thumbturn/webhooks/enable", json!({"webhook_id": webhook})).await;
    receiver.of_type("lock.unlocked", 1).await;
    delivery(&app, &webhook, "it is delivered", |delivery| delivery["status"] == "delivered").await;
}

#[tokio::test]
async fn a_receiver_does_not_wait_for_the_disk() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let receiver = Receiver::start(Manner::Status(200)).await;
    app.unlock(0).await;
    let database = rusqlite::Connection::open(app.database()).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    let (webhook, secret) = kept(&app, &receiver.url, "lock.unlocked", 0).await;
    // Before it is told of the unlock, which it was not there for, nothing can be written down any more.
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    receiver.of_type("lock.unlocked", 1).await[0].verify(&[secret]);
    database.execute_batch("COMMIT").unwrap();
    let found =
        delivery(&app, &json!(webhook), "it is written down", |delivery| delivery["status"] == "delivered").await;
    assert_eq!(found["message_id"], receiver.received()[0].header("svix-id"));
}

#[tokio::test]
async fn redirects_are_failures_and_are_not_followed() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let elsewhere = Receiver::start(Manner::Status(200)).await;
    let receiver = Receiver::start(Manner::Redirect(elsewhere.url.clone())).await;
    let (webhook, _) = made(&app, &receiver, &["lock.unlocked"]).await;
    app.unlock(0).await;
    let found = delivery(&app, &webhook, "it is tried", has_attempts(1)).await;
    assert_eq!(found["attempts"][0]["response_status"], 302);
    assert_eq!(found["status"], "pending");
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn who_hangs_is_given_up_and_left_alone_for_a_minute() {
    let app = TestApp::with(SANDBOX, &[ALLOWED, (TIMEOUT, "100"), (DELAYS, "10")]).await;
    let receiver = Receiver::start(Manner::Hang).await;
    let (webhook, _) = made(&app, &receiver, &["lock.unlocked"]).await;
    app.unlock(0).await;
    let found = delivery(&app, &webhook, "it is tried", has_attempts(1)).await;
    assert_eq!(found["attempts"][0]["error"], "timed_out");
    let at = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(at(&found["next_attempt_at"]).duration_since(at(&found["attempts"][0]["attempted_at"])).as_secs() >= 60);
}

#[tokio::test]
async fn what_has_no_answer_yet_is_listed_and_written_down_when_it_has() {
    let app = TestApp::with(SANDBOX, &[ALLOWED, (TIMEOUT, "3000")]).await;
    let receiver = Receiver::start(Manner::Hang).await;
    let (webhook, _) = made(&app, &receiver, &["lock.unlocked"]).await;
    app.unlock(0).await;
    let found = delivery(&app, &webhook, "it is listed", |_| true).await;
    assert_eq!((&found["status"], &found["attempts"]), (&json!("pending"), &json!([])));
    let found = delivery(&app, &webhook, "it is given up", has_attempts(1)).await;
    assert_eq!(found["attempts"][0]["error"], "timed_out");
    assert_eq!(receiver.received().len(), 1);
    let state =
        async || app.post("/thumbturn/webhooks/list_states", json!({})).await.field("webhook_states")[0].clone();
    eventually("it is known to fail", async || state().await["failing_since"].is_string().then_some(())).await;
}

/// How many messages came of each event.
fn told(receiver: &Receiver) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for message in receiver.received() {
        *told.entry(message.event()["event_id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_in_peace_sends_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let receiver = Receiver::start(Manner::Status(200)).await;
    let mut server = Server::start(&data, &[ALLOWED]);
    let key = server.told("API key").unwrap();
    let ask = |path: &str, body: Value| Ask::post(path).bearer(&key).json(body);
    let body = json!({"url": receiver.url, "event_types": ["lock.unlocked", "lock.locked"]});
    server.send(ask("/webhooks/create", body)).await.unwrap().field("webhook");
    let devices = server.devices(&key).await;
    for _ in 0..3 {
        for path in ["/locks/unlock_door", "/locks/lock_door"] {
            let calls = devices.iter().map(async |device| {
                server.send(ask(path, json!({"device_id": device}))).await.unwrap();
            });
            futures::future::join_all(calls).await;
        }
        // At once: what is on its way is waited for.
        server.signal("TERM");
        assert_eq!(server.wait(), Some(0));
        server = Server::start(&data, &[ALLOWED]);
        let list =
            json!({"since": "2000-01-01T00:00:00Z", "event_types": ["lock.unlocked", "lock.locked"], "limit": 1000});
        let events = server.send(ask("/events/list", list)).await.unwrap().field("events");
        let all = events.as_array().unwrap().len();
        assert!(all >= devices.len(), "{all} events");
        eventually("every event has come", async || (told(&receiver).len() == all).then_some(())).await;
    }
    assert!(told(&receiver).values().all(|count| *count == 1), "{:?}", told(&receiver));
}

#[tokio::test]
async fn who_closes_early_or_is_not_there_has_not_received() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closing = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    // Port 1 refuses at once.
    for (url, error) in [(closing.as_str(), "broken_off"), ("http://127.0.0.1:1/", "not_connected")] {
        let made = app.post("/webhooks/create", json!({"url": url, "event_types": ["lock.unlocked"]})).await;
        let webhook = made.field("webhook")["webhook_id"].clone();
        app.unlock(0).await;
        let found = delivery(&app, &webhook, "it is tried", has_attempts(1)).await;
        assert_eq!(found["attempts"][0]["error"], error, "{found:#}");
        app.ok("/webhooks/delete", json!({"webhook_id": webhook})).await;
    }
    serving.abort();
}

/// Takes one message on a connection, answers it as a whole, and closes without having said so.
async fn answer_one(mut stream: tokio::net::TcpStream) {
    let mut message = Vec::new();
    let length =
        |head: &str| head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    loop {
        let text = String::from_utf8_lossy(&message);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && length(head).is_some_and(|length| body.len() >= length)
        {
            break;
        }
        if stream.read_buf(&mut message).await.unwrap() == 0 {
            return;
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
}

#[tokio::test]
async fn who_closes_the_connection_after_each_answer_is_told_at_once_all_the_same() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_one(stream));
        }
    });
    let made = app.post("/webhooks/create", json!({"url": url, "event_types": ["lock.unlocked"]})).await;
    let webhook = made.field("webhook")["webhook_id"].clone();
    for count in 1..=5 {
        app.unlock(0).await;
        let all = eventually("it is delivered", async || {
            let filter = json!({"webhook_id": webhook, "status": "delivered"});
            Some(deliveries(&app, filter).await).filter(|all| all.len() == count)
        })
        .await;
        assert!(all.iter().all(|delivery| delivery["attempts"].as_array().unwrap().len() == 1), "{all:#?}");
    }
    serving.abort();
}

#[tokio::test]
async fn a_private_address_is_refused_when_it_is_named_and_when_it_is_connected_to() {
    let app = TestApp::start().await;
    for url in ["http://127.0.0.1:1/", "https://localhost/", "http://[::1]/", "http://10.0.0.1/", "https://0x7f.1/"] {
        app.post("/webhooks/create", json!({"url": url})).await.assert_refused(400, "invalid_input");
    }
    let (listener, webhook) = private(&app).await;
    app.unlock(0).await;
    let found = delivery(&app, &json!(webhook), "it is tried", has_attempts(1)).await;
    assert_eq!(found["attempts"][0]["error"], "private_address");
    let called = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(called.is_err(), "somebody connected");
}

#[tokio::test]
async fn who_hangs_delays_no_other() {
    let app = TestApp::with(SANDBOX, &[ALLOWED, (TIMEOUT, "30000")]).await;
    let (hanging, other) = (Receiver::start(Manner::Hang).await, Receiver::start(Manner::Status(200)).await);
    made(&app, &hanging, &["*"]).await;
    made(&app, &other, &["lock.unlocked"]).await;
    for _ in 0..25 {
        app.unlock(0).await;
    }
    other.of_type("lock.unlocked", 25).await;
    let held = hanging.received().len();
    assert!((1..=16).contains(&held), "{held} messages at once");
}

#[tokio::test]
async fn after_a_rotation_both_secrets_verify() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let receiver = Receiver::start(Manner::Status(200)).await;
    let (webhook, old) = made(&app, &receiver, &["lock.unlocked"]).await;
    let rotated = app.post("/thumbturn/webhooks/rotate_secret", json!({"webhook_id": webhook})).await.field("webhook");
    let new = rotated["secret"].as_str().unwrap();
    assert_ne!(new, old);
    assert_eq!(app.post("/webhooks/get", json!({"webhook_id": webhook})).await.field("webhook"), rotated);
    // Until its courier has heard of it, the old one signs alone.
    let message = eventually("a message is signed twice", async || {
        app.unlock(0).await;
        receiver.received().into_iter().find(|message| message.header("svix-signature").contains(' '))
    })
    .await;
    message.verify(&[new, &old]);
}

#[tokio::test]
async fn after_five_days_of_failures_it_is_disabled_until_it_is_enabled() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let receiver = Receiver::start(Manner::Status(500)).await;
    let (webhook, _) = made(&app, &receiver, &["lock.unlocked"]).await;
    let state =
        async || app.post("/thumbturn/webhooks/list_states", json!({})).await.field("webhook_states")[0].clone();
    app.unlock(0).await;
    eventually("it fails", async || state().await["failing_since"].is_string().then_some(())).await;
    assert_eq!(state().await["is_disabled"], false);
    let days_ago = Timestamp::now().as_microsecond() - 6 * 86_400_000_000;
    let database = rusqlite::Connection::open(app.database()).unwrap();
    database.execute("UPDATE webhooks SET failing_since = ?1", [days_ago]).unwrap();
    let disabled = eventually("it is disabled", async || {
        app.unlock(0).await;
        Some(state().await).filter(|state| state["is_disabled"] == true)
    })
    .await;
    assert!(disabled["disabled_at"].is_string());
    assert_eq!(disabled["pending_deliveries"], 0, "what was on its way is dropped");
    receiver.now_answers(Manner::Status(200));
    let before = receiver.received().len();
    app.unlock(0).await;
    app.ok("/thumbturn/webhooks/enable", json!({"webhook_id": webhook})).await;
    assert_eq!(state().await["is_disabled"], false);
    let unlocked = app.unlock(0).await;
    let told = eventually("it is told again", async || receiver.received().get(before).cloned()).await;
    assert_eq!(told.event()["action_attempt_id"], unlocked["action_attempt_id"], "not of what happened meanwhile");
}

/// How long after it happened the receiver knows, as a rule: from the commit of an unlock to its message.
async fn usual_delay(app: &TestApp, receiver: &Receiver) -> Duration {
    let mut delays = Vec::new();
    for n in 0..15 {
        let unlocked = app.unlock(n % app.own.devices.len()).await;
        let told = eventually("it is told", async || {
            let all = receiver.received();
            all.into_iter().find(|told| told.event()["action_attempt_id"] == unlocked["action_attempt_id"])
        })
        .await;
        let happened: Timestamp = told.event()["created_at"].as_str().unwrap().parse().unwrap();
        delays.push(Duration::try_from(told.at.duration_since(happened)).unwrap_or_default());
    }
    delays.sort_unstable();
    delays[delays.len() / 2]
}

/// As many more events as that, of doors that were locked.
fn many_events(app: &TestApp, count: usize) {
    let database = rusqlite::Connection::open(app.database()).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    let sql = "INSERT INTO events (event_id, workspace_id, type, device_id, account_id, occurred_at, detail, created_at) \
               WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
               SELECT printf('00000000-0000-4000-8000-%012x', i), workspace_id, 'lock.locked', device_id, account_id, \
               occurred_at, detail, newest + i FROM n, (SELECT * FROM events WHERE type = 'lock.unlocked' LIMIT 1), \
               (SELECT MAX(created_at) AS newest FROM events)";
    assert_eq!(database.execute(sql, [i64::try_from(count).unwrap()]).unwrap(), count);
}

/// The long form, with 100,000 of them, is a row of `cargo xtask bench`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_dead_receiver_delays_nobody_else_nor_does_its_end() {
    const WAITING: usize = 10_000;
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let receiver = Receiver::start(Manner::Status(200)).await;
    made(&app, &receiver, &["lock.unlocked"]).await;
    let alone = usual_delay(&app, &receiver).await;
    many_events(&app, WAITING);
    let dead = async || {
        let body = json!({"url": "http://127.0.0.1:1/", "event_types": ["lock.locked"]});
        app.post("/webhooks/create", body).await.field("webhook")["webhook_id"].clone()
    };
    let range = |webhook: &Value| json!({"webhook_id": webhook, "since": "2020-01-01T00:00:00Z", "limit": 1000});
    assert_eq!(replayed(&app, range(&dead().await)).await, (0, WAITING as u64));
    let bound = 4 * alone + Duration::from_millis(40);
    let beside = usual_delay(&app, &receiver).await;
    assert!(beside < bound, "{beside:?} beside {WAITING} that wait, {alone:?} before");

    // Another one has as many, and is disabled at its next failure.
    let ending = dead().await;
    let sql = async |sql: &str, more: &str| {
        let database = rusqlite::Connection::open(app.database()).unwrap();
        database.busy_timeout(PATIENCE).unwrap();
        let id = ending.as_str().unwrap();
        assert_eq!(database.execute(&format!("UPDATE webhooks SET {sql} WHERE id = '{id}' {more}"), []).unwrap(), 1);
        // Its courier hears of it.
        app.ok("/webhooks/update", json!({"webhook_id": id, "event_types": ["lock.locked"]})).await;
    };
    sql("failing_since = 1, disabled_at = 2", "").await;
    assert_eq!(replayed(&app, range(&ending)).await, (0, WAITING as u64));
    sql("disabled_at = NULL", "AND failing_since = 1").await;
    let state = async || {
        let states = app.post("/thumbturn/webhooks/list_states", json!({})).await.field("webhook_states");
        states.as_array().unwrap().iter().find(|state| state["webhook_id"] == ending).unwrap().clone()
    };
    let ended = eventually("it is disabled, and what was on its way is dropped", async || {
        let state = state().await;
        (state["is_disabled"] == true && state["pending_deliveries"] == 0).then_some(())
    });
    let ((), meanwhile) = tokio::join!(ended, usual_delay(&app, &receiver));
    assert!(meanwhile < bound, "{meanwhile:?} while it was disabled, {alone:?} before");
    println!("delay {alone:?} alone, {beside:?} beside {WAITING}, {meanwhile:?} while they were dropped");
}

/// What was told of by the server is received, though it was killed again and again while it told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_no_delivery() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let settings = [ALLOWED, (DELAYS, "50,50,50,50,50,50,50")];
    let receiver = Receiver::start(Manner::Status(200)).await;
    let mut server = Server::start(&data, &settings);
    let key = server.told("API key").unwrap();
    let ask = |path: &str, body: Value| Ask::post(path).bearer(&key).json(body);
    let body = json!({"url": receiver.url, "event_types": ["lock.unlocked", "lock.locked"]});
    server.send(ask("/webhooks/create", body)).await.unwrap().field("webhook");
    let devices = server.devices(&key).await;
    for _ in 0..3 {
        let running = &server;
        let calls = devices.iter().map(async |device| {
            for path in ["/locks/unlock_door", "/locks/lock_door"].into_iter().cycle() {
                if running.send(ask(path, json!({"device_id": device}))).await.is_none() {
                    return;
                }
            }
        });
        let killer = async {
            let before = receiver.received().len();
            eventually("some come", async || (receiver.received().len() > before + 20).then_some(())).await;
            running.signal("KILL");
        };
        tokio::time::timeout(2 * PATIENCE, async { tokio::join!(futures::future::join_all(calls), killer) })
            .await
            .unwrap();
        server = Server::start(&data, &settings);
    }
    let list =
        json!({"since": "2000-01-01T00:00:00Z", "event_types": ["lock.unlocked", "lock.locked"], "limit": 25_000});
    let events = server.send(ask("/events/list", list)).await.unwrap().field("events");
    let all: BTreeSet<String> =
        events.as_array().unwrap().iter().map(|event| event["event_id"].as_str().unwrap().to_owned()).collect();
    assert!(all.len() > 60, "{} events", all.len());
    let ids = eventually("every event has come", async || {
        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for message in receiver.received() {
            let event = message.event()["event_id"].as_str().unwrap().to_owned();
            ids.entry(event).or_default().insert(message.header("svix-id").to_owned());
        }
        all.iter().all(|event| ids.contains_key(event)).then_some(ids)
    })
    .await;
    assert!(ids.values().all(|ids| ids.len() == 1), "one event came under several ids");
    assert!(ids.keys().all(|event| all.contains(event)), "what came did not happen");
}

/// What is pasted from the documents receives.
#[tokio::test]
async fn the_receiver_of_the_documents_takes_what_is_sent_and_nothing_else() {
    let docs = include_str!("../../../../docs/webhooks.md");
    let shown = docs.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    let program = include_str!("../../examples/webhook_receiver.rs");
    assert!(program.ends_with(shown), "docs/webhooks.md shows another program than crates/thumbturn/examples");

    let app = TestApp::with(SANDBOX, &[ALLOWED, (DELAYS, "100,100,100,100,100,100,100")]).await;
    let claimed = Port::free().unwrap();
    let port = claimed.number();
    let body = json!({"url": format!("http://127.0.0.1:{port}/"), "event_types": ["lock.unlocked"]});
    let made = app.post("/webhooks/create", body).await.field("webhook");
    let built = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("examples/webhook_receiver");
    let mut receiver = tokio::process::Command::new(built)
        .env("WEBHOOK_SECRET", made["secret"].as_str().unwrap())
        .env("PORT", port.to_string())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    eventually("it listens", async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()).await;
    app.unlock(0).await;
    let mut lines = BufReader::new(receiver.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
    assert_eq!(line.as_deref(), Some("\"lock.unlocked\""));
    delivery(&app, &made["webhook_id"], "it is delivered", |delivery| delivery["status"] == "delivered").await;
    let forged = unsigned(port).await;
    assert!(forged.starts_with("HTTP/1.1 400"), "{forged}");
}

/// What the receiver on this port says to a message that nobody has signed.
async fn unsigned(port: u16) -> String {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}
