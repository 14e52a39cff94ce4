//! Zigbee2MQTT: hubs that die, freeze and come back.

use std::time::Duration;

use thumbturn_core::attempts::FailureKind;
use thumbturn_core::devices::{OfflineBecause, Reach};
use thumbturn_core::hub::outcome_of;
use thumbturn_core::locks::{Action, Bolt};
use thumbturn_locksim::{Bolt as Physical, Fault, Order, Request, SimConfig, Told};

use crate::house::{CONFIRMED, House, failure};

const LOCK: &str = "lock-001";

async fn house() -> House {
    House::with(SimConfig::zigbee2mqtt(2)).await
}

async fn a_dead_hub_takes_its_locks_offline_and_gets_no_command() {
    let house = house().await;
    house.sim.die().await;
    house.until("offline", LOCK, |state| !state.reach.is_online()).await;
    assert_eq!(house.state(LOCK).shown_bolt(), None);
    assert_eq!(failure(&house.unlock(LOCK).await), FailureKind::DeviceDisconnected);
    house.sim.revive().await.unwrap();
    house.all_known().await;
    assert_eq!(house.lock(LOCK).commands().len(), 0, "nothing was kept for later");
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
}

async fn what_happened_while_a_hub_was_away_is_read_back() {
    let house = house().await;
    house.sim.die().await;
    house.until("offline", LOCK, |state| !state.reach.is_online()).await;
    house.lock(LOCK).turn_by_hand(Order::Unlock, Told::Manual);
    house.sim.revive().await.unwrap();
    house.shows(LOCK, Bolt::Unlocked).await;
}

async fn a_hub_that_comes_back_has_each_lock_read_once() {
    let house = house().await;
    let reads = || house.lock(LOCK).received().iter().filter(|it| it.request == Request::ReadState).count();
    house.sim.die().await;
    house.until("offline", LOCK, |state| !state.reach.is_online()).await;
    let before = reads();
    house.sim.revive().await.unwrap();
    house.all_known().await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(reads() - before, 1);
}

async fn a_hub_that_dies_after_a_command_leaves_the_outcome_to_a_read() {
    let house = house().await;
    house.lock(LOCK).set_fault(Fault::Motor(Duration::from_millis(500)));
    let unlocking = house.begin(LOCK, Action::UnlockDoor).await;
    house.lock(LOCK).wait_for_commands(1, Duration::from_secs(5)).await.unwrap();
    house.sim.die().await;
    house.lock(LOCK).wait_for_moves(1, Duration::from_secs(5)).await.unwrap();
    house.sim.revive().await.unwrap();
    assert_eq!(outcome_of(unlocking).await, Some(CONFIRMED));
    assert_eq!((house.lock(LOCK).moves(), house.lock(LOCK).commands().len()), (1, 1));
}

async fn a_command_that_a_frozen_hub_carries_out_late_is_unknown_and_its_movement_told() {
    let house = house().await;
    house.sim.freeze(Duration::from_secs(60));
    assert_eq!(failure(&house.unlock(LOCK).await), FailureKind::OutcomeUnknown);
    house.sim.thaw();
    house.shows(LOCK, Bolt::Unlocked).await;
    assert_eq!((house.lock(LOCK).moves(), house.lock(LOCK).bolt()), (1, Physical::Unlocked));
    assert_eq!(house.moves().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn availability_is_told_for_one_lock_alone() {
    let house = house().await;
    house.sim.set_available(LOCK, false);
    let away = |because| matches!(because, Reach::Offline { because: OfflineBecause::DeviceDisconnected, .. });
    house.until("offline", LOCK, |state| away(state.reach)).await;
    assert!(house.state("lock-002").reach.is_online());
    assert_eq!(failure(&house.unlock(LOCK).await), FailureKind::DeviceDisconnected);
    assert_eq!(house.unlock("lock-002").await, CONFIRMED);
    // Any word from the lock brings it back.
    house.lock(LOCK).turn_by_hand(Order::Unlock, Told::Manual);
    house.shows(LOCK, Bolt::Unlocked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_lock_holds_up_no_other() {
    let house = house().await;
    house.lock(LOCK).set_fault(Fault::Silent { error_after: Duration::from_secs(20) });
    let slow = house.begin(LOCK, Action::UnlockDoor).await;
    assert_eq!(house.unlock("lock-002").await, CONFIRMED);
    assert_eq!(house.lock_door("lock-002").await, CONFIRMED);
    assert!(slow.borrow().is_none());
}

/// Tests that mostly wait, side by side.
#[tokio::test(flavor = "multi_thread")]
async fn what_takes_its_time() {
    tokio::join!(
        a_dead_hub_takes_its_locks_offline_and_gets_no_command(),
        what_happened_while_a_hub_was_away_is_read_back(),
        a_hub_that_comes_back_has_each_lock_read_once(),
        a_hub_that_dies_after_a_command_leaves_the_outcome_to_a_read(),
        a_command_that_a_frozen_hub_carries_out_late_is_unknown_and_its_movement_told(),
    );
}
