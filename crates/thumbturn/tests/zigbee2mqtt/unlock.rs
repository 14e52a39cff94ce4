//! A lock of a Zigbee2MQTT opens the way a sandbox lock does.

use serde_json::{Value, json};
use thumbturn_hubsim::zigbee2mqtt::{By, Faults, House, Hub, LockSpec, Place};
use thumbturn_locksim::Mosquitto;

use crate::server::Server;

const UNLOCK: &str = "/locks/unlock_door";
const LOCK: &str = "/locks/lock_door";

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_opens_by_one_call_and_moves_once_and_keeps_its_id() {
    let broker = Mosquitto::start().await.unwrap();
    let house = House::with(&["Front door", "floor 1/room 101"].map(LockSpec::named)).await.unwrap();
    let mut hub = Hub::on(&house, &broker.broker().url()).await.unwrap();
    let mut server = Server::start(&[]).await;
    server.connect(broker.broker()).await;
    let is_known = |device: &Value| device["properties"]["locked"].is_boolean();
    let device = server.device("Front door", is_known).await;
    assert_eq!(device["device_type"], "yale_lock");
    assert_eq!(device["properties"]["battery_level"], 0.92);
    let device = device["device_id"].as_str().unwrap();

    let attempt = server.act(UNLOCK, device).await;
    assert_eq!(attempt["result"], json!({"was_confirmed_by_device": true}), "{attempt}");
    // The bolt is there when success is said.
    let truth = house.truth("Front door").unwrap();
    assert_eq!((truth.bolt, truth.moves, truth.motor_runs), (Place::Unlocked, 1, 1));
    assert_eq!((truth.commands.len(), truth.repeated_commands), (1, 0));
    assert_eq!(house.truth("floor 1/room 101").unwrap().moves, 0);
    let event = server.event(device, |event| event["event_type"] == "lock.unlocked").await;
    assert_eq!((&event["action_attempt_id"], &event["method"]), (&attempt["action_attempt_id"], &json!("remote")));

    // By a code at the door; and the same ids after a restart of both sides.
    let other = server.lock("floor 1/room 101").await;
    house.turn("floor 1/room 101", Place::Unlocked, By::Code(3)).unwrap();
    let event = server.event(&other, |event| event["event_type"] == "lock.unlocked").await;
    assert_eq!(event["method"], "keycode", "{event}");
    server.kill();
    hub.kill().await.unwrap();
    server.serve().await;
    hub.restart().await.unwrap();
    assert_eq!(server.lock("floor 1/room 101").await, other);
    let attempt = server.act(LOCK, device).await;
    assert_eq!(attempt["result"], json!({"was_confirmed_by_device": true}), "{attempt}");
    let truth = house.truth("Front door").unwrap();
    assert_eq!((truth.bolt, truth.moves, truth.commands.len()), (Place::Locked, 2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jam_is_no_success_and_a_hub_that_is_away_gets_no_command() {
    let broker = Mosquitto::start().await.unwrap();
    let house = House::with(&[LockSpec::named("Front door")]).await.unwrap();
    let mut hub = Hub::on(&house, &broker.broker().url()).await.unwrap();
    let server = Server::start(&[]).await;
    server.connect(broker.broker()).await;
    let device = server.lock("Front door").await;
    house.set_faults("Front door", Faults { jam: true, ..Faults::default() }).unwrap();
    let attempt = server.act(UNLOCK, &device).await;
    assert_eq!(attempt["error"]["type"], "lock_jammed", "{attempt}");
    assert_eq!(house.truth("Front door").unwrap().moves, 0);

    house.set_faults("Front door", Faults::default()).unwrap();
    hub.kill().await.unwrap();
    server.device("Front door", |device| device["properties"]["online"] == false).await;
    let attempt = server.act(UNLOCK, &device).await;
    assert_eq!(attempt["error"]["type"], "device_disconnected", "{attempt}");
    assert_eq!(house.truth("Front door").unwrap().commands.len(), 1);
}
