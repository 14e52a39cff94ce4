//! Codes over the radio.

use serde_json::{Value, json};
use thumbturn_locksim::{LockSpec, Make, Seen, SimConfig, Typed, wait_until};

use crate::support::{SOON, Scene, ms};

const LOCK: &str = "lock-001";

fn set(scene: &Scene, body: &Value) {
    scene.watch.publish("zigbee2mqtt/lock-001/set", body.to_string());
}

fn users(scene: &Scene) -> Value {
    scene.states(LOCK).last().unwrap()["users"].clone()
}

async fn read(scene: &Scene, slot: u16) {
    let before = scene.states(LOCK).len();
    scene.watch.publish("zigbee2mqtt/lock-001/get", json!({"pin_code": {"user": slot}}).to_string());
    wait_until("the slot", SOON, || scene.states(LOCK).len() > before).await.unwrap();
}

#[tokio::test]
async fn a_code_is_added_changed_and_deleted() {
    let scene = Scene::new(SimConfig::zigbee2mqtt(1).tune(|hub| hub.last_seen = false)).await;
    set(
        &scene,
        &json!({"pin_code": {"user": 3, "user_type": "unrestricted", "user_enabled": true, "pin_code": "0123"}}),
    );
    let added = scene.state(LOCK, "action", "pin_code_added").await.json();
    assert_eq!((&added["action_user"], &added["action_source_name"]), (&3.into(), &"rf".into()));
    assert_eq!(scene.sim.lock(LOCK).codes()[&3].digits, "0123", "the leading zero is kept");
    read(&scene, 3).await;
    assert_eq!(users(&scene), json!({"3": {"status": "enabled"}}));
    set(&scene, &json!({"pin_code": {"user": 3, "pin_code": "4711"}}));
    scene.state(LOCK, "action", "pin_code_changed").await;
    set(&scene, &json!({"pin_code": {"user": 3, "pin_code": null}}));
    let deleted = scene.state(LOCK, "action", "pin_code_deleted").await.json();
    assert_eq!(deleted["users"]["3"]["status"], "enabled", "nobody has read the slot since");
    read(&scene, 3).await;
    assert_eq!(users(&scene), json!({"3": {"status": "available"}}));
}

#[tokio::test]
async fn the_same_digits_in_a_second_slot_are_refused_in_silence() {
    let scene = Scene::new(SimConfig::zigbee2mqtt(1).tune(|hub| hub.last_seen = false)).await;
    set(&scene, &json!({"pin_code": {"user": 1, "pin_code": "1234"}}));
    scene.state(LOCK, "action", "pin_code_added").await;
    scene.watch.clear();
    set(&scene, &json!({"pin_code": {"user": 2, "pin_code": "1234"}}));
    read(&scene, 2).await;
    assert_eq!(users(&scene)["2"]["status"], "available");
    assert_eq!((scene.states(LOCK).len(), scene.error_lines()), (1, 0));
}

#[tokio::test]
async fn digits_are_shown_only_with_the_option_for_it() {
    let scene = Scene::new(SimConfig::zigbee2mqtt(1)).await;
    let options = json!({"id": LOCK, "options": {"expose_pin": true}});
    scene.watch.publish("zigbee2mqtt/bridge/request/device/options", options.to_string());
    set(&scene, &json!({"pin_code": {"user": 3, "pin_code": "1234"}}));
    scene.state(LOCK, "action", "pin_code_added").await;
    scene.watch.publish("zigbee2mqtt/lock-001/get", r#"{"pin_code":{"user":3}}"#);
    scene.state(LOCK, "users", json!({"3": {"pin_code": "1234", "status": "enabled"}})).await;
}

#[tokio::test]
async fn a_disabled_code_does_not_open() {
    let scene = Scene::new(SimConfig::zigbee2mqtt(1)).await;
    let lock = scene.sim.lock(LOCK);
    set(&scene, &json!({"pin_code": {"user": 5, "pin_code": "5555"}}));
    set(&scene, &json!({"user_status": {"user": 5, "status": "disabled"}}));
    wait_until("both", SOON, || lock.codes().get(&5).is_some_and(|code| !code.enabled)).await.unwrap();
    assert!(!lock.keypad(&Typed::Digits("5555".to_owned())));
    assert_eq!(lock.moves(), 0);
}

#[tokio::test]
async fn weiser_is_asked_for_the_slot_after_its_code_was_typed() {
    let locks = [LockSpec::new(LOCK).make(Make::Weiser)];
    let scene = Scene::new(SimConfig::zigbee2mqtt(0).locks(locks)).await;
    scene.sim.keypad(LOCK, &Typed::Slot(2));
    scene.state(LOCK, "users", json!({"2": {"status": "available"}})).await;
}

#[tokio::test]
async fn a_lock_may_want_its_code_over_the_radio() {
    let spec = LockSpec { pin_required: true, ..LockSpec::new(LOCK).motor(ms(5)) };
    let scene = Scene::new(SimConfig::zigbee2mqtt(0).locks([spec])).await;
    set(&scene, &json!({"pin_code": {"user": 1, "pin_code": "4711"}}));
    scene.state(LOCK, "action", "pin_code_added").await;
    scene.command(LOCK, "UNLOCK");
    let lock = scene.sim.lock(LOCK);
    lock.wait_for_commands(1, SOON).await.unwrap();
    assert_eq!(lock.motor_runs(), 0);
    set(&scene, &json!({"state": {"state": "UNLOCK", "code": "4711"}}));
    lock.wait_for_moves(1, SOON).await.unwrap();
}

#[tokio::test]
async fn a_lock_without_codes_has_no_converter_for_them() {
    let locks = [LockSpec::new(LOCK).make(Make::Kwikset)];
    let scene = Scene::new(SimConfig::zigbee2mqtt(0).locks(locks)).await;
    set(&scene, &json!({"pin_code": {"user": 1, "pin_code": "4711"}}));
    scene.error_line("No converter available for 'pin_code' on 'lock-001'").await;
    let quiet = |seen: &Seen| seen.topic == "zigbee2mqtt/lock-001";
    assert!(!scene.watch.all().iter().any(quiet));
}
