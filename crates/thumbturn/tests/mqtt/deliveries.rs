//! Webhooks and the event stream on two built nodes with one PostgreSQL. (Virtual locks do: it is about the nodes.)

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use thumbturn_testdb::Database;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::server::{PATIENCE, Server};

/// How long a receiver may take, so how long a delivery is in one node's hand: five times that and half a minute.
const TIMEOUT_MS: &str = "1000";
const IN_HAND: Duration = Duration::from_secs(35);

/// Each message that came: the id of its event and its own.
type Received = Vec<(String, String)>;

#[derive(Clone, Default)]
struct Desk {
    received: Arc<Mutex<Received>>,
    /// How long it takes for an answer.
    slowness: Arc<Mutex<Duration>>,
}

async fn receive(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let event: Value = serde_json::from_slice(&body).unwrap();
    let message = headers["webhook-id"].to_str().unwrap().to_owned();
    desk.received.lock().unwrap().push((event["event_id"].as_str().unwrap().to_owned(), message));
    let slowness = *desk.slowness.lock().unwrap();
    tokio::time::sleep(slowness).await;
    StatusCode::NO_CONTENT
}

/// Two nodes, their database, and a receiver that is told of everything that moves.
struct Nodes {
    nodes: Vec<Server>,
    devices: Vec<String>,
    desk: Desk,
    serving: JoinHandle<()>,
    /// After the nodes, which use it.
    _database: Database,
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Nodes {
    async fn start() -> Self {
        let database = tokio::task::spawn_blocking(|| Database::create().unwrap()).await.unwrap();
        let url = database.url();
        let first = Server::start(&[
            ("THUMBTURN_DATABASE_URL", url.as_str()),
            ("THUMBTURN_DATABASE__SEVERAL_NODES", "true"),
            ("THUMBTURN_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES", "true"),
            ("THUMBTURN_WEBHOOKS__TIMEOUT_MS", TIMEOUT_MS),
        ])
        .await;
        let second = first.beside().await;
        let (desk, listener) = (Desk::default(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let hook = format!("http://{}/", listener.local_addr().unwrap());
        let router = Router::new().fallback(receive).with_state(desk.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let body = json!({"url": hook, "event_types": ["lock.unlocked", "lock.locked"]});
        let (status, answer) = first.call("/webhooks/create", body).await;
        assert_eq!(status, 200, "{answer}");
        let mut devices = Vec::new();
        for name in ["Front Door", "Back Door", "Garage", "Side Gate", "Office"] {
            devices.push(first.lock(name).await);
        }
        Self { nodes: vec![first, second], devices, desk, serving, _database: database }
    }

    /// Turns every lock to and fro, each time through the other one of these nodes.
    async fn turn(&self, nodes: &[&Server], times: usize) {
        let turns = self.devices.iter().map(async |device| {
            for n in 0..times {
                let path = if n % 2 == 0 { "/locks/unlock_door" } else { "/locks/lock_door" };
                let attempt = nodes[n % nodes.len()].act(path, device).await;
                assert_eq!(attempt["status"], "success", "{attempt}");
            }
        });
        futures::future::join_all(turns).await;
    }

    fn received(&self) -> Received {
        self.desk.received.lock().unwrap().clone()
    }

    /// The ids of the messages of each event, once every movement there was has been told.
    async fn all_told(&self, node: &Server, within: Duration) -> BTreeMap<String, Vec<String>> {
        let types = ["lock.unlocked", "lock.locked"];
        let body = json!({"since": "2020-01-01T00:00:00Z", "event_types": types, "limit": 10_000});
        let (_, answer) = node.call("/events/list", body).await;
        let events: BTreeSet<String> = answer["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["event_id"].as_str().unwrap().to_owned())
            .collect();
        let until = Instant::now() + within;
        loop {
            let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (event, message) in self.received() {
                told.entry(event).or_default().push(message);
            }
            // What happened before the webhook was made is not told.
            let missing = events.iter().filter(|event| !told.contains_key(*event)).count();
            if missing == 0 {
                return told;
            }
            assert!(Instant::now() < until, "{missing} of {} events were not told", events.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_nodes_one_makes_each_delivery_and_a_killed_one_loses_none() {
    let mut nodes = Nodes::start().await;
    let (one, other) = (&nodes.nodes[0], &nodes.nodes[1]);
    nodes.turn(&[one, other], 10).await;
    let told = nodes.all_told(one, PATIENCE).await;
    assert_eq!(told.len(), 50, "each movement once");
    let twice: Vec<_> = told.iter().filter(|(_, messages)| messages.len() > 1).collect();
    assert!(twice.is_empty(), "both nodes made a delivery: {twice:?}");

    // Both have deliveries in hand that are not answered yet when one of them dies.
    *nodes.desk.slowness.lock().unwrap() = Duration::from_millis(300);
    nodes.turn(&[one, other], 10).await;
    nodes.nodes[0].kill();
    *nodes.desk.slowness.lock().unwrap() = Duration::ZERO;
    nodes.turn(&[&nodes.nodes[1]], 4).await;
    let told = nodes.all_told(&nodes.nodes[1], IN_HAND + PATIENCE).await;
    assert_eq!(told.len(), 120);
    for (event, messages) in &told {
        let ids: BTreeSet<&String> = messages.iter().collect();
        assert_eq!(ids.len(), 1, "{event} came under several ids");
        assert!(messages.len() <= 2, "{event} came {} times", messages.len());
    }
    let again = told.values().filter(|messages| messages.len() > 1).count();
    assert!(again <= 64, "{again} came twice: more than a node has in hand");
}

#[tokio::test]
async fn who_follows_events_at_one_node_sees_a_door_unlocked_through_the_other() {
    let nodes = Nodes::start().await;
    for (at, through) in [(0, 1), (1, 0)] {
        let (address, key) = nodes.nodes[at].address_and_key();
        let stream = TcpStream::connect(&address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::get("/thumbturn/events/stream?event_type=lock.unlocked")
            .header("host", &address)
            .header("authorization", format!("Bearer {key}"))
            .body(Full::<Bytes>::default())
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let mut body = answer.into_body();
        let mut told = String::new();
        let first = body.frame().await.unwrap().unwrap();
        assert!(first.data_ref().is_some(), "the first word says where it begins");
        let attempt = nodes.nodes[through].act("/locks/unlock_door", &nodes.devices[at]).await;
        let attempt = attempt["action_attempt_id"].as_str().unwrap().to_owned();
        let seen = async {
            while !told.contains(&attempt) {
                let frame = body.frame().await.expect("the stream goes on").unwrap();
                told.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
            }
        };
        tokio::time::timeout(PATIENCE, seen).await.expect("the unlock is told");
    }
}
