//! `kill -9` under load: nothing acknowledged is lost, nothing is sent again, nothing stays pending.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use thumbturn_locksim::{Mosquitto, Sim, SimConfig};

use crate::server::{Server, call};

const LOCKS: usize = 8;

/// What one client saw: the attempts that were acknowledged to it.
async fn client(address: String, key: String, device: String, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for path in ["/locks/unlock_door", "/locks/lock_door"].iter().cycle() {
        if stop.load(Ordering::Acquire) {
            break;
        }
        let Ok((200, answer)) = call(&address, &key, path, json!({"device_id": device})).await else { break };
        acknowledged.push(answer["action_attempt"]["action_attempt_id"].as_str().unwrap().to_owned());
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_is_sent_twice_after_a_kill() {
    let broker = Mosquitto::start().await.unwrap();
    let sim = Sim::start(broker.broker(), SimConfig::zigbee2mqtt(LOCKS)).await.unwrap();
    let mut server = Server::start(&[]).await;
    server.connect(broker.broker()).await;
    let mut devices = Vec::new();
    for lock in sim.locks() {
        devices.push((lock.first_name().to_owned(), server.lock(lock.first_name()).await));
    }
    for _ in 0..3 {
        one_round(&sim, &mut server, &devices).await;
    }
}

async fn one_round(sim: &Sim, server: &mut Server, devices: &[(String, String)]) {
    let stop = Arc::new(AtomicBool::new(false));
    let (address, key) = server.address_and_key();
    let before = sim.total_moves();
    let clients: Vec<_> = devices
        .iter()
        .map(|(_, device)| tokio::spawn(client(address.clone(), key.clone(), device.clone(), Arc::clone(&stop))))
        .collect();
    thumbturn_locksim::wait_until("some bolts moved", Duration::from_secs(20), || sim.total_moves() > before + LOCKS)
        .await
        .unwrap();
    server.kill();
    stop.store(true, Ordering::Release);
    let mut acknowledged = Vec::new();
    for client in clients {
        acknowledged.extend(client.await.unwrap());
    }
    let sent: Vec<usize> = sim.locks().iter().map(|lock| lock.commands().len()).collect();

    server.serve().await;
    for attempt in &acknowledged {
        let ended = server.ended(attempt).await;
        assert_ne!(ended["status"], "pending", "{ended}");
    }
    for (name, device) in devices {
        server.lock(name).await;
        check_attempts(sim, server, name, device).await;
    }
    let after: Vec<usize> = sim.locks().iter().map(|lock| lock.commands().len()).collect();
    assert!(sent.iter().zip(&after).all(|(sent, after)| after <= &(sent + 1)), "{sent:?} became {after:?}");
}

/// Every attempt has ended, and no lock got more commands than it has attempts.
async fn check_attempts(sim: &Sim, server: &Server, name: &str, device: &str) {
    let body = json!({"device_id": device, "limit": 10_000});
    let (_, answer) = server.call("/action_attempts/list", body).await;
    let attempts: Vec<Value> = answer["action_attempts"].as_array().unwrap().clone();
    for attempt in &attempts {
        let id = attempt["action_attempt_id"].as_str().unwrap();
        assert_ne!(server.ended(id).await["status"], "pending");
    }
    let commands = sim.lock(name).commands().len();
    assert!(commands <= attempts.len(), "{name}: {commands} commands for {} attempts", attempts.len());
}
