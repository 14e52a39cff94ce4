//! Hubs that die, stop, freeze, lose their radio and come back; locks that come, go and are renamed.

use std::time::Duration;

use serde_json::json;
use thumbturn_conformance::wait_until;
use thumbturn_core::attempts::FailureKind;
use thumbturn_core::locks::Bolt;
use thumbturn_hubsim::zigbee2mqtt::{By, HubSettings, LockSpec, Place};
use thumbturn_locksim::Watch;

use crate::house::{CONFIRMED, House, SOON, failure};

const LOCK: &str = "Front door";
const OTHER: &str = "Back door";

async fn what_a_hub_remembers_of_before_is_no_word_of_the_lock(last_seen: bool) {
    let settings = HubSettings { last_seen, ..HubSettings::default() };
    let mut house = House::set_up(vec![LockSpec::named(LOCK)], &settings, Duration::from_secs(8)).await;
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    // It goes politely, and keeps that the bolt is drawn back.
    house.hub.stop().await.unwrap();
    house.until("offline", LOCK, |state| !state.reach.is_online()).await;
    assert_eq!(house.state(LOCK).shown_bolt(), None);
    assert_eq!(failure(&house.unlock(LOCK).await), FailureKind::DeviceDisconnected);
    house.locks.turn(LOCK, Place::Locked, By::Hand).unwrap();
    let told = house.moves().len();
    house.hub.restart().await.unwrap();
    house.shows(LOCK, Bolt::Locked).await;
    let moves = house.moves();
    assert!(moves[told..].iter().all(|(to, _, _)| *to == Bolt::Locked), "{moves:?}");
    assert_eq!(house.physical(LOCK).commands.len(), 1, "nothing was kept for later");
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    assert_eq!(house.physical(LOCK).moves, 3);
}

async fn a_command_that_a_frozen_hub_carries_out_late_is_unknown_and_its_movement_told_once() {
    let locks = vec![LockSpec::named(LOCK)];
    let house = House::set_up(locks, &HubSettings::default(), Duration::from_secs(6)).await;
    house.hub.freeze().unwrap();
    assert_eq!(failure(&house.unlock(LOCK).await), FailureKind::OutcomeUnknown);
    assert_eq!(house.physical(LOCK).commands.len(), 0);
    house.hub.thaw().unwrap();
    house.shows(LOCK, Bolt::Unlocked).await;
    let physical = house.physical(LOCK);
    assert_eq!((physical.bolt, physical.moves, physical.commands.len()), (Place::Unlocked, 1, 1));
    house.told(1).await;
    assert_eq!(house.moves().len(), 1, "{:?}", house.moves());
}

async fn a_hub_without_its_radio_is_away_until_it_is_started_again() {
    let mut house = House::with(vec![LockSpec::named(LOCK), LockSpec::named(OTHER)]).await;
    house.locks.unplug();
    house.hub.ends().await.unwrap();
    house.until("offline", LOCK, |state| !state.reach.is_online()).await;
    assert_eq!(failure(&house.unlock(LOCK).await), FailureKind::DeviceDisconnected);
    house.locks.turn(OTHER, Place::Unlocked, By::Hand).unwrap();
    house.hub.restart().await.unwrap();
    house.shows(OTHER, Bolt::Unlocked).await;
    house.shows(LOCK, Bolt::Locked).await;
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    assert_eq!((house.physical(LOCK).moves, house.physical(LOCK).commands.len()), (1, 1));
}

async fn a_broker_that_comes_back_without_anything_it_kept_finds_the_locks_again() {
    let mut house = House::with(vec![LockSpec::named(LOCK), LockSpec::named(OTHER)]).await;
    house.broker.kill().unwrap();
    house.until("offline", LOCK, |state| !state.reach.is_online()).await;
    house.locks.turn(LOCK, Place::Unlocked, By::Hand).unwrap();
    house.broker.restart().await.unwrap();
    house.shows(LOCK, Bolt::Unlocked).await;
    house.restart_server().await;
    house.shows(LOCK, Bolt::Unlocked).await;
    house.shows(OTHER, Bolt::Locked).await;
    assert_eq!(house.lock_door(LOCK).await, CONFIRMED);
    assert_eq!(house.shelf.devices().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_are_renamed_join_and_leave() {
    let house = House::with(vec![LockSpec::named(LOCK), LockSpec::named(OTHER)]).await;
    let before = house.device(LOCK).id;
    let watch = Watch::start(house.broker.broker(), &["zigbee2mqtt/bridge/response/#"]).await.unwrap();
    let rename = json!({"from": LOCK, "to": "north wing/Haupttür"}).to_string();
    watch.publish("zigbee2mqtt/bridge/request/device/rename", rename);
    let renamed = || house.shelf.devices().iter().any(|device| device.about.name == "north wing/Haupttür");
    wait_until("another name", SOON, renamed).await;
    assert_eq!(house.device("north wing/Haupttür").id, before);
    house.shows("north wing/Haupttür", Bolt::Locked).await;
    assert_eq!(house.unlock("north wing/Haupttür").await, CONFIRMED);
    assert_eq!(house.physical(LOCK).moves, 1);

    // One that the hub was not told about is called by its address.
    house.locks.joins(LockSpec::named("Cellar"));
    let cellar = house.locks.ieee("Cellar").unwrap();
    wait_until("a new lock", SOON, || house.shelf.devices().len() == 3).await;
    house.shows(&cellar, Bolt::Locked).await;
    assert_eq!(house.unlock(&cellar).await, CONFIRMED);

    house.locks.leaves(OTHER).unwrap();
    let removed = |state: &thumbturn_core::devices::DeviceState| state.reach.is_removed();
    house.until("removed", OTHER, removed).await;
    assert_eq!(failure(&house.unlock(OTHER).await), FailureKind::DeviceRemoved);
    assert!(house.state(&cellar).reach.is_online());
}

/// Tests that mostly wait, side by side.
#[tokio::test(flavor = "multi_thread")]
async fn what_takes_its_time() {
    tokio::join!(
        what_a_hub_remembers_of_before_is_no_word_of_the_lock(true),
        what_a_hub_remembers_of_before_is_no_word_of_the_lock(false),
        a_command_that_a_frozen_hub_carries_out_late_is_unknown_and_its_movement_told_once(),
        a_hub_without_its_radio_is_away_until_it_is_started_again(),
        a_broker_that_comes_back_without_anything_it_kept_finds_the_locks_again(),
    );
}
