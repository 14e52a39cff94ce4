//! `was_confirmed_by_device: true` is never said without the lock's own word, and nothing moves late.

use std::time::Duration;

use serde_json::{Value, json};
use thumbturn_locksim::{Bolt, Fault, Mosquitto, Order, Sim, SimConfig, Told};

use crate::server::Server;

const UNLOCK: &str = "/locks/unlock_door";

struct House {
    broker: Mosquitto,
    sim: Sim,
    server: Server,
    device: String,
}

/// One Zigbee lock, locked, with a deadline that a test can wait for.
async fn house() -> House {
    let broker = Mosquitto::start().await.unwrap();
    let sim = Sim::start(broker.broker(), SimConfig::zigbee2mqtt(1)).await.unwrap();
    let server = Server::start(&[("THUMBTURN_ACTIONS__DEADLINE_MS", "4000")]).await;
    server.connect(broker.broker()).await;
    let device = server.lock("lock-001").await;
    House { broker, sim, server, device }
}

async fn unlock(house: &House) -> Value {
    let attempt = house.server.act(UNLOCK, &house.device).await;
    house.server.ended(attempt["action_attempt_id"].as_str().unwrap()).await
}

fn error_of(attempt: &Value) -> &str {
    attempt["error"]["type"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_without_movement_is_no_success() {
    let house = house().await;
    house.sim.lock("lock-001").set_fault(Fault::AckWithoutMove);
    let attempt = unlock(&house).await;
    assert_eq!(attempt["status"], "error", "{attempt}");
    assert!(["outcome_unknown", "no_movement"].contains(&error_of(&attempt)), "{attempt}");
    assert_eq!(house.sim.lock("lock-001").commands().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_no_success() {
    let house = house().await;
    house.sim.lock("lock-001").set_fault(Fault::Refuse);
    let attempt = unlock(&house).await;
    assert_eq!(attempt["status"], "error", "{attempt}");
    assert_eq!(house.sim.lock("lock-001").moves(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jam_is_told_as_a_jam_and_the_position_is_left_out() {
    let house = house().await;
    house.sim.lock("lock-001").fault_next([Fault::JamOnUnlock]);
    let attempt = unlock(&house).await;
    assert_eq!(error_of(&attempt), "lock_jammed", "{attempt}");
    let device = house.server.device("lock-001", |device| !device["warnings"].as_array().unwrap().is_empty()).await;
    assert!(device["properties"].get("locked").is_none(), "{device}");
    let attempt = unlock(&house).await;
    assert_eq!(attempt["result"], json!({"was_confirmed_by_device": true}), "{attempt}");
    let device = house.server.device("lock-001", |device| device["properties"]["locked"] == false).await;
    assert_eq!(device["warnings"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_report_is_made_good_by_one_read() {
    let house = house().await;
    house.sim.lock("lock-001").set_fault(Fault::Mute);
    let attempt = unlock(&house).await;
    assert_eq!(attempt["result"], json!({"was_confirmed_by_device": true}), "{attempt}");
    assert_eq!(house.sim.lock("lock-001").bolt(), Bolt::Unlocked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_turn_that_is_reported_as_manual_confirms_nothing() {
    let house = house().await;
    let lock = house.sim.lock("lock-001");
    lock.set_fault(Fault::AckWithoutMove);
    let (address, key) = house.server.address_and_key();
    let body = json!({"device_id": house.device, "sync": true});
    let call = tokio::spawn(async move { crate::server::call(&address, &key, UNLOCK, body).await.unwrap() });
    lock.wait_for_commands(1, crate::server::PATIENCE).await.unwrap();
    house.sim.turn_by_hand("lock-001", Order::Unlock, Told::Manual);
    let (_, answer) = call.await.unwrap();
    let id = answer["action_attempt"]["action_attempt_id"].as_str().unwrap();
    let attempt = house.server.ended(id).await;
    assert_ne!(attempt["result"]["was_confirmed_by_device"], true, "{attempt}");
    let event = house.server.event(&house.device, |event| event["event_type"] == "lock.unlocked").await;
    assert_eq!(event["method"], "manual");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_hub_ends_the_attempt_at_once_and_nothing_moves_when_it_returns() {
    let house = house().await;
    house.sim.die().await;
    house.server.device("lock-001", |device| device["properties"]["online"] == false).await;
    let started = std::time::Instant::now();
    let attempt = house.server.act(UNLOCK, &house.device).await;
    assert!(["hub_disconnected", "device_disconnected"].contains(&error_of(&attempt)), "{attempt}");
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    house.sim.revive().await.unwrap();
    house.server.lock("lock-001").await;
    let lock = house.sim.lock("lock-001");
    assert_eq!((lock.moves(), lock.commands().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_broker_ends_the_attempt_at_once_and_nothing_moves_when_it_returns() {
    let mut house = house().await;
    house.broker.kill().unwrap();
    house.server.device("lock-001", |device| device["properties"]["online"] == false).await;
    let attempt = house.server.act(UNLOCK, &house.device).await;
    assert_eq!(error_of(&attempt), "hub_disconnected", "{attempt}");
    house.broker.restart().await.unwrap();
    house.server.lock("lock-001").await;
    let lock = house.sim.lock("lock-001");
    assert_eq!((lock.moves(), lock.commands().len()), (0, 0));
    assert_eq!(unlock(&house).await["result"], json!({"was_confirmed_by_device": true}));
    assert_eq!(lock.moves(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_repeats_a_command_by_itself_makes_no_second_attempt() {
    let house = house().await;
    let lock = house.sim.lock("lock-001");
    lock.set_fault(Fault::LostAnswer { resend_after: std::time::Duration::from_millis(300) });
    let attempt = unlock(&house).await;
    lock.wait_for_commands(2, crate::server::PATIENCE).await.unwrap();
    assert!(lock.commands().iter().skip(1).all(|command| command.repeat), "we sent it twice");
    assert_eq!((lock.bolt(), lock.moves()), (Bolt::Unlocked, 1));
    assert_eq!(attempt["status"], "success", "{attempt}");
}

/// By which rule an attempt ended, and the message that decided.
async fn decided(house: &House, attempt: &Value) -> (String, Value) {
    let evidence = house.server.evidence(attempt).await;
    let rule = evidence["stages"].as_array().unwrap().last().unwrap()["decided_by"].as_str().unwrap().to_owned();
    (rule, evidence["raw_message"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_that_confirmed_is_kept_with_its_topic() {
    let house = house().await;
    let attempt = unlock(&house).await;
    let (rule, message) = decided(&house, &attempt).await;
    // So soon after the connection a change may be an old report said again, and is read back.
    assert!(["reported_remote", "reported_change", "read_back"].contains(&rule.as_str()), "{rule}");
    let message = message.as_str().unwrap();
    assert!(message.starts_with("zigbee2mqtt/lock-001 {"), "{message}");
    assert!(message.contains("unlock"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_the_read_that_decided_is_kept() {
    let house = house().await;
    house.sim.lock("lock-001").set_fault(Fault::Mute);
    let attempt = unlock(&house).await;
    let (rule, message) = decided(&house, &attempt).await;
    assert_eq!(rule, "read_back");
    assert!(message.as_str().unwrap().starts_with("zigbee2mqtt/lock-001 {"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_error_line_of_a_hub_is_kept_without_its_digits() {
    let house = house().await;
    let soon = Duration::from_millis(100);
    let lock = house.sim.lock("lock-001");
    lock.set_fault(Fault::Unreachable { error_after: soon });
    lock.set_fault(Fault::ReadFails { error_after: soon });
    let attempt = unlock(&house).await;
    let (rule, message) = decided(&house, &attempt).await;
    assert_eq!(rule, "not_acknowledged_not_read");
    let message = message.as_str().unwrap();
    assert!(message.starts_with("zigbee2mqtt/bridge/logging {"), "{message}");
    assert!(message.contains("Publish 'set' 'state' to 'lock-001' failed"), "{message}");
    assert!(!message.contains("0x00"), "an address has more digits than are shown: {message}");
}
