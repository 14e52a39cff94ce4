//! When locks behind a Zigbee2MQTT lock themselves: what they were told, next to what they really keep.

use std::time::Duration;

use thumbturn_core::attempts::{FailureKind, Outcome};
use thumbturn_core::commands::{AutoLock, Command};
use thumbturn_core::hub::outcome_of;
use thumbturn_locksim::{Fault, LockSpec, Make, Order, Request, SimConfig, Told};

use crate::house::{CONFIRMED, House, failure};

const LOCK: &str = "lock-001";

async fn set(house: &House, lock: &str, to: AutoLock) -> Outcome {
    outcome_of(house.command(lock, Command::AutoLock(to)).await).await.unwrap()
}

/// How often a lock was written to and asked.
fn traffic(house: &House) -> (usize, usize) {
    let received = house.lock(LOCK).received();
    let writes = received.iter().filter(|one| matches!(one.request, Request::SetAutoLock { .. }));
    let reads = received.iter().filter(|one| one.request == Request::ReadAutoLock);
    (writes.count(), reads.count())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_is_written_once_and_confirmed_by_the_lock() {
    for last_seen in [true, false] {
        let house = House::with(SimConfig::zigbee2mqtt(1).tune(|config| config.last_seen = last_seen)).await;
        assert!(house.device(LOCK).about.can_configure_auto_lock);
        assert_eq!(house.state(LOCK).auto_lock, None, "it has not told");
        let settings = [AutoLock::After(45), AutoLock::After(45), AutoLock::After(60), AutoLock::Off];
        for (at, to) in settings.into_iter().enumerate() {
            assert_eq!(set(&house, LOCK, to).await, CONFIRMED, "{last_seen} {to:?}");
            assert_eq!(house.state(LOCK).auto_lock, Some(to), "{last_seen}");
            assert_eq!(traffic(&house), (at + 1, at + 1), "{last_seen}");
        }
        assert_eq!((house.lock(LOCK).auto_lock(), house.lock(LOCK).moves()), (0, 0));
        // The bolt is none the worse for it.
        assert_eq!(house.unlock(LOCK).await, CONFIRMED);
        house.lock(LOCK).set_auto_lock(30);
        house.until("a setting made at the lock", LOCK, |state| state.auto_lock == Some(AutoLock::After(30))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_lock_did_not_take_is_not_called_set() {
    for last_seen in [true, false] {
        let house = House::with(SimConfig::zigbee2mqtt(1).tune(|config| config.last_seen = last_seen)).await;
        assert_eq!(set(&house, LOCK, AutoLock::After(30)).await, CONFIRMED);
        // It refuses; or it says that it takes it, of which the hub makes an echo, and keeps its old one.
        for fault in [Fault::Refuse, Fault::AckWithoutMove] {
            house.lock(LOCK).set_fault(fault);
            let outcome = set(&house, LOCK, AutoLock::After(45)).await;
            assert_eq!(failure(&outcome), FailureKind::CommandRejected, "{last_seen} {fault:?}");
            assert_eq!(house.state(LOCK).auto_lock, Some(AutoLock::After(30)), "{last_seen} {fault:?}");
            house.lock(LOCK).clear_faults();
        }
        // More than it takes: nothing is written.
        let before = traffic(&house);
        assert_eq!(failure(&set(&house, LOCK, AutoLock::After(3601)).await), FailureKind::CommandRejected);
        assert_eq!((traffic(&house), house.lock(LOCK).auto_lock()), (before, 30));
        assert_eq!(set(&house, LOCK, AutoLock::After(45)).await, CONFIRMED, "{last_seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_is_called_unknown_and_what_cannot_be_written_ends_at_once() {
    let error_after = Duration::from_millis(500);
    let house = House::with(SimConfig::zigbee2mqtt(1)).await;
    assert_eq!(set(&house, LOCK, AutoLock::After(30)).await, CONFIRMED);
    // It does not hear it.
    house.lock(LOCK).set_fault(Fault::Unreachable { error_after });
    assert_eq!(failure(&set(&house, LOCK, AutoLock::After(45)).await), FailureKind::OutcomeUnknown);
    house.lock(LOCK).clear_faults();
    // It takes it and does not answer when it is asked: the echo of the hub is no word of the lock, whoever moves its bolt.
    house.lock(LOCK).set_fault(Fault::ReadFails { error_after });
    let asked = traffic(&house);
    let attempt = house.command(LOCK, Command::AutoLock(AutoLock::After(45))).await;
    let written = || traffic(&house).0 > asked.0;
    thumbturn_conformance::wait_until("a setting", crate::house::SOON, written).await;
    house.lock(LOCK).turn_by_hand(Order::Unlock, Told::Manual);
    assert_eq!(failure(&outcome_of(attempt).await.unwrap()), FailureKind::OutcomeUnknown);
    assert_eq!(house.state(LOCK).auto_lock, Some(AutoLock::After(30)));
    // As soon as the lock speaks again, it is asked.
    house.lock(LOCK).clear_faults();
    house.lock(LOCK).battery(60);
    house.until("what it had taken", LOCK, |state| state.auto_lock == Some(AutoLock::After(45))).await;

    house.sim.die().await;
    house.until("offline", LOCK, |state| !state.reach.is_online()).await;
    let kind = failure(&set(&house, LOCK, AutoLock::Off).await);
    assert!(matches!(kind, FailureKind::HubDisconnected | FailureKind::DeviceDisconnected), "{kind:?}");
    assert_eq!(house.lock(LOCK).auto_lock(), 45);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_locks_that_can_be_told_say_so() {
    let locks = Make::ALL.map(|make| LockSpec::new(format!("{make:?}")).make(make));
    let house = House::with(SimConfig::zigbee2mqtt(0).locks(locks)).await;
    for make in Make::ALL {
        let device = house.device(&format!("{make:?}"));
        assert_eq!(device.about.can_configure_auto_lock, make == Make::YaleAssure, "{make:?}");
    }
}
