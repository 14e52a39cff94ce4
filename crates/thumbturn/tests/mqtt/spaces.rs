//! Locks that join a real hub come into the spaces of its account.

use std::time::Instant;

use serde_json::{Value, json};
use thumbturn_locksim::{LockSpec, Mosquitto, Sim, SimConfig};

use crate::server::{PATIENCE, Server};

/// What was told of a space after it was made, oldest first, once that is so much.
async fn told(server: &Server, space: &Value, count: usize) -> Vec<Value> {
    let body = json!({"since": "2020-01-01T00:00:00Z", "space_id": space["space_id"],
        "event_type": "space.device_membership_changed"});
    let until = Instant::now() + PATIENCE;
    loop {
        let (_, answer) = server.call("/events/list", body.clone()).await;
        let events = answer["events"].as_array().cloned().unwrap_or_default();
        if events.len() >= count {
            return events.into_iter().map(|event| event["device_ids"].clone()).collect();
        }
        assert!(Instant::now() < until, "only {events:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_joins_the_hub_comes_into_its_spaces_and_leaves_them_with_its_record() {
    let broker = Mosquitto::start().await.unwrap();
    let sim = Sim::start(broker.broker(), SimConfig::zigbee2mqtt(1)).await.unwrap();
    let server = Server::start(&[]).await;
    let account = server.connect(broker.broker()).await;
    let first = server.lock("lock-001").await;
    let body = json!({"name": "Lobby", "connected_account_ids": [account]});
    let (_, answer) = server.call("/spaces/create", body).await;
    let space = &answer["space"];
    assert_eq!(space["device_count"], 1, "{answer}");

    sim.add_lock(LockSpec::new("late"));
    let late = server.lock("late").await;
    assert_eq!(told(&server, space, 1).await, [json!([first, late])]);
    let device = server.device("late", |_| true).await;
    assert_eq!(device["space_ids"], json!([space["space_id"]]));

    sim.remove_lock("late");
    server.device("late", |device| device["errors"][0]["error_code"] == "device_removed").await;
    assert_eq!(told(&server, space, 1).await.len(), 1, "its record is still there");
    assert_eq!(server.call("/devices/delete", json!({"device_id": late})).await.0, 200);
    assert_eq!(told(&server, space, 2).await, [json!([first, late]), json!([first])]);

    assert_eq!(server.call("/connected_accounts/delete", json!({"connected_account_id": account})).await.0, 200);
    assert_eq!(told(&server, space, 3).await, [json!([first, late]), json!([first]), json!([])]);
}
