//! What an attempt ends as, next to what the bolt really did, where the hub's own habits matter.

use std::time::Duration;

use thumbturn_conformance::wait_until;
use thumbturn_core::attempts::FailureKind;
use thumbturn_core::commands::{AutoLock, Command};
use thumbturn_core::events::{EventKind, Method};
use thumbturn_core::hub::outcome_of;
use thumbturn_core::locks::{Action, Bolt};
use thumbturn_hubsim::zigbee2mqtt::{By, Faults, HubSettings, LockSpec, Place};
use thumbturn_locksim::Watch;

use crate::house::{CONFIRMED, House, SOON, failure};

const LOCK: &str = "Front door";
/// Names that topics take and that are no single level of one.
const OTHERS: [&str; 3] = ["floor 1/room 101", "Haustür Süd", "0 (back)"];

/// The deadline that a server has by default, for what the hub does to the end.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn any_name_and_every_make_and_what_happens_at_the_door() {
    let makes = [("Yale", "YRL256 TS", 1), ("Kwikset", "SMARTCODE_DEADBOLT_5_L", 2), ("Danalock", "V3-BTZB", 1)];
    let others = OTHERS.into_iter().zip(makes);
    let spec = |(name, (maker, model, endpoint))| LockSpec { maker, model, endpoint, ..LockSpec::named(name) };
    let mut specs: Vec<_> = others.map(spec).collect();
    specs.push(LockSpec::named(LOCK));
    let house = House::with(specs).await;
    for name in OTHERS {
        assert_eq!(house.unlock(name).await, CONFIRMED, "{name}");
        assert_eq!(house.lock_door(name).await, CONFIRMED, "{name}");
        let physical = house.physical(name);
        assert_eq!((physical.moves, physical.motor_runs, physical.commands.len()), (2, 2, 2), "{name}");
    }
    let before = house.moves().len();
    house.locks.turn(LOCK, Place::Unlocked, By::Code(3)).unwrap();
    house.told(before + 1).await;
    house.locks.turn(LOCK, Place::Locked, By::Itself).unwrap();
    house.told(before + 2).await;
    house.locks.turn(LOCK, Place::Unlocked, By::Hand).unwrap();
    house.told(before + 3).await;
    house.locks.turn(LOCK, Place::Locked, By::Untold).unwrap();
    house.told(before + 4).await;
    let told = [
        (Bolt::Unlocked, Method::Keycode, Some(3)),
        (Bolt::Locked, Method::Automatic, None),
        (Bolt::Unlocked, Method::Manual, None),
        (Bolt::Locked, Method::Unknown, None),
    ];
    assert_eq!(house.moves()[before..], told);
    house.locks.wrong_code(LOCK).unwrap();
    let denied = || house.shelf.kinds().iter().any(|kind| matches!(kind, EventKind::LockAccessDenied { .. }));
    wait_until("a denial", SOON, denied).await;
    house.locks.battery(LOCK, 7).unwrap();
    house.until("the battery", LOCK, |state| state.battery == Some(0.07)).await;
    a_setting_is_confirmed_by_the_lock(&house).await;
}

/// When a lock locks itself, on a house that runs already.
async fn a_setting_is_confirmed_by_the_lock(house: &House) {
    let offers = |name: &str| house.device(name).about.can_configure_auto_lock;
    assert_eq!(OTHERS.map(offers), [true, false, false]);
    let set = async |to| outcome_of(house.command(LOCK, Command::AutoLock(to)).await).await.unwrap();
    let kept = || (house.physical(LOCK).auto_lock, house.state(LOCK).auto_lock);
    for (to, seconds) in [(AutoLock::After(45), 45), (AutoLock::After(45), 45), (AutoLock::Off, 0)] {
        assert_eq!((set(to).await, kept()), (CONFIRMED, (seconds, Some(to))));
    }
    house.locks.set_auto_lock(LOCK, 30).unwrap();
    house.until("a setting made at the lock", LOCK, |state| state.auto_lock == Some(AutoLock::After(30))).await;
    // It refuses; or it says that it takes it, which the hub publishes as done, and keeps its old one.
    for faults in [Faults { refuse: true, ..Faults::default() }, Faults { idle: true, ..Faults::default() }] {
        house.faults(LOCK, faults);
        assert_eq!(failure(&set(AutoLock::After(60)).await), FailureKind::CommandRejected, "{faults:?}");
        assert_eq!(kept(), (30, Some(AutoLock::After(30))), "{faults:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_without_last_seen_and_without_causes_too() {
    let settings = HubSettings { last_seen: false, ..HubSettings::default() };
    let lock = LockSpec { tells_cause: false, ..LockSpec::named(LOCK) };
    let house = House::set_up(vec![lock], &settings, Duration::from_secs(8)).await;
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    // Already there: confirmed by a read that was asked after the command.
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    let physical = house.physical(LOCK);
    assert_eq!((physical.moves, physical.commands.len()), (1, 2));
    let to = AutoLock::After(45);
    let set = outcome_of(house.command(LOCK, Command::AutoLock(to)).await).await.unwrap();
    assert_eq!((set, house.physical(LOCK).auto_lock, house.state(LOCK).auto_lock), (CONFIRMED, 45, Some(to)));
    // The record of the hub is wrong, and its lock says that it obeys and does not.
    house.locks.turn_in_silence(LOCK, Place::Locked).unwrap();
    house.faults(LOCK, Faults { idle: true, ..Faults::default() });
    let outcome = house.unlock(LOCK).await;
    assert!(!outcome.succeeded(), "{outcome:?}");
    assert_eq!(house.physical(LOCK).bolt, Place::Locked);
    house.shows(LOCK, Bolt::Locked).await;
}

async fn a_command_that_the_hub_sends_again_is_one_command_of_ours() {
    let house = House::set_up(vec![LockSpec::named(LOCK)], &HubSettings::default(), DEFAULT_DEADLINE).await;
    house.faults(LOCK, Faults { lost_answer: true, ..Faults::default() });
    let watch = Watch::start(house.broker.broker(), &["zigbee2mqtt/Front door"]).await.unwrap();
    // Right after a connection a report is read back, and the hub reads no lock that it waits for.
    house.is_settled().await;
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    assert_eq!(house.physical(LOCK).repeated_commands, 0, "by the report, before the hub misses the answer");
    // Its motor runs again, finds the bolt where it should be, and the lock says once more that it was the radio.
    let said_again =
        || watch.on("zigbee2mqtt/Front door").iter().filter(|said| said.json()["action"] == "unlock").count();
    wait_until("the hub's own repetition", DEFAULT_DEADLINE, || said_again() == 2).await;
    // What comes after that is told after it.
    house.locks.battery(LOCK, 50).unwrap();
    house.until("the battery", LOCK, |state| state.battery == Some(0.5)).await;
    let physical = house.physical(LOCK);
    assert_eq!((physical.moves, physical.motor_runs, physical.commands.len()), (1, 2, 1));
    // The lock was operated by radio twice, and says so twice.
    assert_eq!(house.moves(), [(Bolt::Unlocked, Method::Remote, None); 2]);
}

async fn an_error_line_after_a_movement_is_no_failure() {
    // The bolt moves, and nothing is heard of it but what it says when it is asked; the hub gives up after 23 s.
    let house = House::set_up(vec![LockSpec::named(LOCK)], &HubSettings::default(), DEFAULT_DEADLINE).await;
    house.faults(LOCK, Faults { lost: true, ..Faults::default() });
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    let physical = house.physical(LOCK);
    assert_eq!((physical.bolt, physical.moves, physical.commands.len()), (Place::Unlocked, 1, 1));
    house.shows(LOCK, Bolt::Unlocked).await;
}

async fn a_lock_that_cannot_be_reached_and_one_that_is_silent_hold_up_no_other_and_end_as_unknown() {
    let names = ["Away", "Silent", LOCK];
    let house = House::set_up(names.map(LockSpec::named).to_vec(), &HubSettings::default(), DEFAULT_DEADLINE).await;
    house.faults("Away", Faults { unreachable: true, ..Faults::default() });
    house.faults("Silent", Faults { silent: true, ..Faults::default() });
    let away = house.begin("Away", Action::UnlockDoor).await;
    let silent = house.begin("Silent", Action::UnlockDoor).await;
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    assert_eq!(house.lock_door(LOCK).await, CONFIRMED);
    assert!(away.borrow().is_none() && silent.borrow().is_none());
    assert_eq!(failure(&outcome_of(away).await.unwrap()), FailureKind::OutcomeUnknown);
    assert_eq!(failure(&outcome_of(silent).await.unwrap()), FailureKind::OutcomeUnknown);
    for lock in ["Away", "Silent"] {
        assert_eq!((house.physical(lock).moves, house.state(lock).shown_bolt()), (0, None), "{lock}");
        house.faults(lock, Faults::default());
        assert_eq!(house.unlock(lock).await, CONFIRMED, "{lock}");
        assert_eq!(house.physical(lock).moves, 1, "{lock}");
    }
}

async fn a_refusal_is_never_a_success(last_seen: bool) {
    let settings = HubSettings { last_seen, ..HubSettings::default() };
    let house = House::set_up(vec![LockSpec::named(LOCK)], &settings, Duration::from_secs(8)).await;
    house.faults(LOCK, Faults { refuse: true, ..Faults::default() });
    let kind = failure(&house.unlock(LOCK).await);
    assert!(matches!(kind, FailureKind::NoMovement | FailureKind::OutcomeUnknown), "{kind:?}");
    let physical = house.physical(LOCK);
    assert_eq!((physical.moves, physical.motor_runs, physical.commands.len()), (0, 0, 1));
    house.shows(LOCK, Bolt::Locked).await;
}

/// Tests that mostly wait, side by side.
#[tokio::test(flavor = "multi_thread")]
async fn what_takes_its_time() {
    tokio::join!(
        a_command_that_the_hub_sends_again_is_one_command_of_ours(),
        an_error_line_after_a_movement_is_no_failure(),
        a_lock_that_cannot_be_reached_and_one_that_is_silent_hold_up_no_other_and_end_as_unknown(),
        a_refusal_is_never_a_success(true),
        a_refusal_is_never_a_success(false),
    );
}
