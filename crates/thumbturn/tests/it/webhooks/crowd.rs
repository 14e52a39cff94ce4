//! What waits for one receiver delays no other.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::support::{ALLOWED, Manner, Receiver, made, replayed};
use crate::app::{PATIENCE, SANDBOX, TestApp, eventually};

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
