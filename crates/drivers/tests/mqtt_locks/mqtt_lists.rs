//! Zigbee2MQTT: locks that come, go, are renamed, and are many.

use std::time::{Duration, Instant};

use serde_json::json;
use thumbturn_core::attempts::FailureKind;
use thumbturn_core::devices::{OfflineBecause, Reach};
use thumbturn_core::events::EventKind;
use thumbturn_core::hub::outcome_of;
use thumbturn_core::locks::{Action, Bolt};
use thumbturn_locksim::{Fault, LockSpec, MosquittoConfig, Order, SimConfig, Told, Watch, wait_until};

use crate::house::{CONFIRMED, House, SOON, failure};

const LOCK: &str = "lock-001";

#[tokio::test(flavor = "multi_thread")]
async fn names_with_slashes_blanks_and_umlauts_work() {
    let names = ["floor 1/room 101", "Haustür Süd", "a/b/c/set", "日本"];
    let house = House::with(SimConfig::zigbee2mqtt(1).locks(names.map(LockSpec::new))).await;
    for name in names {
        assert_eq!(house.unlock(name).await, CONFIRMED, "{name}");
        assert_eq!(house.lock(name).moves(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_keeps_the_device_even_in_the_middle_of_a_command() {
    let house = House::with(SimConfig::zigbee2mqtt(2)).await;
    let before = house.device(LOCK).id;
    house.lock(LOCK).set_fault(Fault::Motor(Duration::from_millis(1500)));
    let unlocking = house.begin(LOCK, Action::UnlockDoor).await;
    house.lock(LOCK).wait_for_commands(1, Duration::from_secs(5)).await.unwrap();
    let watch = Watch::start(house.broker.broker(), &["x"]).await.unwrap();
    let rename = json!({"from": LOCK, "to": "Tür/neu"}).to_string();
    watch.publish("zigbee2mqtt/bridge/request/device/rename", rename);
    assert_eq!(outcome_of(unlocking).await, Some(CONFIRMED));
    wait_until("the new name", SOON, || house.shelf.devices().iter().any(|device| device.about.name == "Tür/neu"))
        .await
        .unwrap();
    assert_eq!(house.device("Tür/neu").id, before);
    assert!(house.device("Tür/neu").state.reach.is_online());
    assert_eq!(house.lock_door("Tür/neu").await, CONFIRMED);
    assert_eq!(house.shelf.devices().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_lock_is_read_back() {
    let house = House::with(SimConfig::zigbee2mqtt(1)).await;
    house.lock(LOCK).turn_by_hand(Order::Unlock, Told::Not);
    let watch = Watch::start(house.broker.broker(), &["x"]).await.unwrap();
    watch.publish("zigbee2mqtt/bridge/request/device/rename", json!({"from": LOCK, "to": "new"}).to_string());
    wait_until("the new name", SOON, || house.shelf.devices()[0].about.name == "new").await.unwrap();
    // A report that was published before we listened to the new topic would be missed like this one.
    house.shows("new", Bolt::Unlocked).await;
    let kinds = house.shelf.kinds();
    assert!(!kinds.iter().any(|kind| matches!(kind, EventKind::DeviceDisconnected { .. })), "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_joins_appears_and_one_that_leaves_is_removed() {
    let house = House::with(SimConfig::zigbee2mqtt(1)).await;
    house.sim.add_lock(LockSpec::new("late"));
    wait_until("the new lock", SOON, || house.shelf.devices().len() == 2).await.unwrap();
    house.shows("late", Bolt::Locked).await;
    assert_eq!(house.unlock("late").await, CONFIRMED);
    house.sim.remove_lock("late");
    let removed = |reach| matches!(reach, Reach::Offline { because: OfflineBecause::DeviceRemoved, .. });
    house.until("removed", "late", |state| removed(state.reach)).await;
    assert_eq!(failure(&house.unlock("late").await), FailureKind::DeviceRemoved);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_are_empty_or_broken_remove_nothing() {
    let house = House::with(SimConfig::zigbee2mqtt(2)).await;
    let watch = Watch::start(house.broker.broker(), &["zigbee2mqtt/bridge/devices"]).await.unwrap();
    for list in ["", "[]", "null", "[{]", r#"[{"type":"Coordinator","ieee_address":"0x1"}]"#] {
        watch.publish("zigbee2mqtt/bridge/devices", list);
    }
    house.sim.lose_retained();
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    assert_eq!(house.unlock("lock-002").await, CONFIRMED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_went_while_the_server_was_down_is_removed_after_a_second_list() {
    let mut house = House::with(SimConfig::zigbee2mqtt(3)).await;
    drop(std::mem::replace(&mut house.engine, idle().await));
    house.sim.remove_lock("lock-002");
    house.restart_server().await;
    let removed = |reach| matches!(reach, Reach::Offline { because: OfflineBecause::DeviceRemoved, .. });
    house.until("removed", "lock-002", |state| removed(state.reach)).await;
    house.shows(LOCK, Bolt::Locked).await;
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_lock_is_not_looked_for_at_each_start() {
    let mut house = House::with(SimConfig::zigbee2mqtt(2)).await;
    house.sim.remove_lock("lock-002");
    let removed = |reach| matches!(reach, Reach::Offline { because: OfflineBecause::DeviceRemoved, .. });
    house.until("removed", "lock-002", |state| removed(state.reach)).await;
    let watch = Watch::start(house.broker.broker(), &["zigbee2mqtt/bridge/request/#"]).await.unwrap();
    drop(std::mem::replace(&mut house.engine, idle().await));
    house.restart_server().await;
    house.shows(LOCK, Bolt::Locked).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(watch.all().is_empty(), "{:?}", watch.all());
    assert!(removed(house.state("lock-002").reach));
}

/// An engine without accounts, to put in the place of one that is to end.
async fn idle() -> thumbturn_core::hub::Engine {
    let shelf: std::sync::Arc<dyn thumbturn_core::ports::Store> = std::sync::Arc::new(crate::house::Shelf::default());
    let clock = crate::house::clock();
    thumbturn_core::hub::Engine::start(shelf, clock, Default::default(), Default::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn home_assistant_support_lists_no_lock_twice() {
    let config = SimConfig::zigbee2mqtt(3).tune(|config| config.home_assistant = true);
    let house = House::with(config).await;
    assert_eq!(house.shelf.devices().len(), 3);
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    house.lock(LOCK).turn_by_hand(Order::Lock, Told::Manual);
    house.shows(LOCK, Bolt::Locked).await;
    assert_eq!(house.shelf.devices().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_base_topic_and_two_at_once() {
    let config = SimConfig::zigbee2mqtt(2).tune(|config| config.base_topic = "haus/eg".to_owned());
    let further = json!({"zigbee2mqtt_base_topics": ["zigbee2mqtt", "haus/eg"]});
    let house = House::build(MosquittoConfig::default(), config, &further).await;
    house.all_known().await;
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_locks_in_one_list() {
    let begun = Instant::now();
    let house = House::build(MosquittoConfig::default(), SimConfig::zigbee2mqtt(1000), &json!({})).await;
    wait_until("a thousand locks", SOON, || house.shelf.devices().len() == 1000).await.unwrap();
    let listed = begun.elapsed();
    wait_until("all online", SOON, || house.shelf.devices().iter().all(|device| device.state.reach.is_online()))
        .await
        .unwrap();
    let begun = Instant::now();
    let mut outcomes = Vec::new();
    for n in (1..=1000).step_by(100) {
        outcomes.push(house.begin(&format!("lock-{n:03}"), Action::UnlockDoor).await);
    }
    for outcome in outcomes {
        assert_eq!(outcome_of(outcome).await, Some(CONFIRMED));
    }
    println!("1,000 locks listed after {listed:?}, 10 unlocked in {:?}", begun.elapsed());
    assert_eq!(house.sim.total_moves(), 10);
}
