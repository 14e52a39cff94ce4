//! Zigbee2MQTT: what an attempt ends as, next to what the bolt really did.

use std::time::Duration;

use thumbturn_core::attempts::FailureKind;
use thumbturn_core::events::{EventKind, Method};
use thumbturn_core::hub::outcome_of;
use thumbturn_core::locks::{Action, Bolt};
use thumbturn_locksim::{Bolt as Physical, Fault, LockSpec, Make, Order, SimConfig, Told, Typed};

use crate::house::{CONFIRMED, House, failure};

const LOCK: &str = "lock-001";
const SHORT: Duration = Duration::from_millis(400);

async fn house() -> House {
    House::with(SimConfig::zigbee2mqtt(1)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn unlock_and_lock_move_the_bolt_once_each_and_are_told_once() {
    let house = house().await;
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    assert_eq!((house.lock(LOCK).moves(), house.lock(LOCK).bolt()), (1, Physical::Unlocked));
    assert_eq!(house.lock_door(LOCK).await, CONFIRMED);
    assert_eq!((house.lock(LOCK).moves(), house.lock(LOCK).commands().len()), (2, 2));
    assert_eq!(house.moves(), [(Bolt::Unlocked, Method::Remote, None), (Bolt::Locked, Method::Remote, None)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_without_last_seen_and_without_actions_too() {
    let config = SimConfig::zigbee2mqtt(1).tune(|config| config.last_seen = false);
    let house = House::with(config).await;
    house.lock(LOCK).set_fault(Fault::NoAction);
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    // Already there: confirmed by a read that was asked after the command.
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    assert_eq!((house.lock(LOCK).moves(), house.lock(LOCK).commands().len()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stale_message_after_a_command_confirms_nothing() {
    // The bolt needs longer than the stale message, whose state is the one from before.
    let house = House::with(SimConfig::zigbee2mqtt(1).each(|lock| lock.motor = Duration::from_millis(1500))).await;
    let unlocking = house.begin(LOCK, Action::UnlockDoor).await;
    house.lock(LOCK).wait_for_commands(1, Duration::from_secs(5)).await.unwrap();
    assert_eq!(outcome_of(unlocking).await, Some(CONFIRMED));
    assert_eq!(house.lock(LOCK).bolt(), Physical::Unlocked);
}

async fn a_lock_that_the_record_has_wrong_is_not_called_a_success_on_its_acknowledgement() {
    // Locked by hand without a word: the hub's record says unlocked, and so does what it repeats.
    let house = House::with(SimConfig::zigbee2mqtt(1).each(|lock| lock.bolt = Physical::Unlocked)).await;
    house.lock(LOCK).turn_by_hand(Order::Lock, Told::Not);
    house.lock(LOCK).set_fault(Fault::AckWithoutMove);
    let outcome = house.unlock(LOCK).await;
    assert_eq!(house.lock(LOCK).bolt(), Physical::Locked);
    assert!(!outcome.succeeded(), "{outcome:?}");
    house.shows(LOCK, Bolt::Locked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jam_is_told_as_a_jam_in_both_directions() {
    let house = house().await;
    house.lock(LOCK).set_fault(Fault::JamOnUnlock);
    assert_eq!(failure(&house.unlock(LOCK).await), FailureKind::LockJammed);
    assert_eq!(house.state(LOCK).shown_bolt(), None);
    house.lock(LOCK).clear_faults();
    assert_eq!(house.lock_door(LOCK).await, CONFIRMED);
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    house.lock(LOCK).set_fault(Fault::JamOnLock);
    assert_eq!(failure(&house.lock_door(LOCK).await), FailureKind::LockJammed);
}

async fn an_acknowledgement_without_a_movement_is_no_movement() {
    for fault in [Fault::AckWithoutMove, Fault::Refuse] {
        let house = house().await;
        house.lock(LOCK).set_fault(fault);
        assert_eq!(failure(&house.unlock(LOCK).await), FailureKind::NoMovement);
        assert_eq!((house.lock(LOCK).moves(), house.lock(LOCK).commands().len()), (0, 1));
    }
}

async fn a_refusal_that_the_hub_hides_is_never_a_success() {
    let house = House::with(SimConfig::zigbee2mqtt(1).tune(|config| config.last_seen = false)).await;
    house.lock(LOCK).set_fault(Fault::Refuse);
    assert_eq!(failure(&house.unlock(LOCK).await), FailureKind::OutcomeUnknown);
    assert_eq!(house.lock(LOCK).moves(), 0);
}

async fn a_lock_that_moves_in_silence_is_read_back() {
    let house = house().await;
    house.lock(LOCK).set_fault(Fault::Mute);
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    assert_eq!(house.lock(LOCK).bolt(), Physical::Unlocked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_the_hub_repeats_is_one_command_of_ours() {
    let house = house().await;
    house.lock(LOCK).set_fault(Fault::LostAnswer { resend_after: SHORT });
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    house.lock(LOCK).wait_for_commands(2, Duration::from_secs(5)).await.unwrap();
    assert_eq!(house.lock(LOCK).moves(), 1);
    assert_eq!(house.lock(LOCK).commands().iter().filter(|command| !command.repeat).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_line_is_no_failure_if_the_bolt_moved() {
    let house = house().await;
    house.lock(LOCK).set_fault(Fault::LateAnswer { error_after: SHORT });
    house.lock(LOCK).set_fault(Fault::Mute);
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    assert_eq!(house.lock(LOCK).moves(), 1);
}

async fn an_unreachable_lock_ends_as_unknown_at_the_error_line() {
    let house = house().await;
    house.lock(LOCK).set_fault(Fault::Unreachable { error_after: SHORT });
    let begun = std::time::Instant::now();
    assert_eq!(failure(&house.unlock(LOCK).await), FailureKind::OutcomeUnknown);
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    assert_eq!(house.lock(LOCK).moves(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_at_the_door_is_told_with_its_method() {
    let house = house().await;
    house.lock(LOCK).turn_by_hand(Order::Unlock, Told::Manual);
    house.told(1).await;
    house.lock(LOCK).auto_relock();
    house.told(2).await;
    house.lock(LOCK).turn_by_hand(Order::Unlock, Told::Untagged);
    house.told(3).await;
    assert_eq!(
        house.moves(),
        [
            (Bolt::Unlocked, Method::Manual, None),
            (Bolt::Locked, Method::Automatic, None),
            (Bolt::Unlocked, Method::Unknown, None)
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keypad_use_names_its_slot_and_wrong_codes_are_denied() {
    for make in [Make::YaleAssure, Make::Onesti] {
        let config = SimConfig::zigbee2mqtt(1).locks([LockSpec::new(LOCK).make(make)]);
        let house = House::with(config).await;
        assert!(house.sim.keypad(LOCK, &Typed::Slot(3)));
        house.told(1).await;
        house.shows(LOCK, Bolt::Unlocked).await;
        assert_eq!(house.moves(), [(Bolt::Unlocked, Method::Keycode, Some(3))], "{make:?}");
        assert!(!house.sim.keypad(LOCK, &Typed::Wrong));
        let denied = || house.shelf.kinds().iter().any(|kind| matches!(kind, EventKind::LockAccessDenied { .. }));
        thumbturn_locksim::wait_until("a denial", Duration::from_secs(5), denied).await.unwrap();
    }
}

async fn a_hand_that_locks_does_not_confirm_our_command() {
    let house = House::with(SimConfig::zigbee2mqtt(1).each(|lock| lock.bolt = Physical::Unlocked)).await;
    house.lock(LOCK).set_fault(Fault::AckWithoutMove);
    let locking = house.begin(LOCK, Action::LockDoor).await;
    house.lock(LOCK).wait_for_commands(1, Duration::from_secs(5)).await.unwrap();
    house.lock(LOCK).turn_by_hand(Order::Lock, Told::Manual);
    let outcome = outcome_of(locking).await.unwrap();
    house.told(1).await;
    assert_ne!(outcome, CONFIRMED);
    assert_eq!(house.moves(), [(Bolt::Locked, Method::Manual, None)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_doubled_reports_are_told_once() {
    let house = house().await;
    house.lock(LOCK).set_fault(Fault::RepeatReport { after: SHORT });
    house.lock(LOCK).set_fault(Fault::DoubleReport);
    house.lock(LOCK).set_fault(Fault::NoAction);
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    assert_eq!(house.lock_door(LOCK).await, CONFIRMED);
    assert_eq!(house.lock(LOCK).bolt(), Physical::Locked);
    house.shows(LOCK, Bolt::Locked).await;
    assert_eq!(house.moves().len(), 2, "{:?}", house.moves());
    assert_eq!(house.lock(LOCK).moves(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_make_locks_and_unlocks() {
    let locks = Make::ALL.map(|make| LockSpec::new(format!("{make:?}")).make(make));
    let house = House::with(SimConfig::zigbee2mqtt(1).locks(locks)).await;
    for make in Make::ALL {
        let name = format!("{make:?}");
        assert_eq!(house.unlock(&name).await, CONFIRMED, "{name}");
        assert_eq!(house.lock_door(&name).await, CONFIRMED, "{name}");
        assert_eq!(house.lock(&name).moves(), 2, "{name}");
    }
    assert_eq!(house.device("YaleAssure").about.device_type, "yale_lock");
    assert_eq!(house.device("Onesti").about.device_type, "smartthings_lock");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_battery_is_told() {
    let house = house().await;
    house.sim.battery(LOCK, 7);
    house.until("the battery", LOCK, |state| state.battery == Some(0.07)).await;
}

/// Tests that mostly wait, side by side.
#[tokio::test(flavor = "multi_thread")]
async fn what_takes_its_time() {
    tokio::join!(
        a_lock_that_the_record_has_wrong_is_not_called_a_success_on_its_acknowledgement(),
        an_acknowledgement_without_a_movement_is_no_movement(),
        a_refusal_that_the_hub_hides_is_never_a_success(),
        a_lock_that_moves_in_silence_is_read_back(),
        an_unreachable_lock_ends_as_unknown_at_the_error_line(),
        a_hand_that_locks_does_not_confirm_our_command(),
    );
}
