//! What is told when the server ends, in peace or not, and when its disk hangs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::support::{ALLOWED, DELAYS, Manner, Receiver, delivery, kept};
use crate::app::{PATIENCE, SANDBOX, TestApp, eventually};
use crate::ask::Ask;
use crate::program::Server;

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
