//! What the hub tells of its locks, and what happens at the door.

use thumbturn_conformance::wait_until;
use thumbturn_core::commands::{AutoLock, Command};
use thumbturn_core::events::{EventKind, Method};
use thumbturn_core::hub::outcome_of;
use thumbturn_core::locks::Bolt;
use thumbturn_hubsim::zwave::{By, Faults, House as Network, LockSpec, Place, Saying, Tells};

use crate::house::{CONFIRMED, FIRST, House, SOON, failure, lock};

/// A Yale YRD226, a Schlage BE469 and a Kwikset 914C, as the driver's database has them.
const YALE: [u16; 3] = [0x0129, 0x8002, 0x0600];
const SCHLAGE: [u16; 3] = [0x003b, 0x6341, 0x5044];
const KWIKSET: [u16; 3] = [0x0090, 0x0003, 0x0446];

#[tokio::test(flavor = "multi_thread")]
async fn locks_are_found_with_make_and_abilities_and_everything_else_is_passed_over() {
    let locks = [
        LockSpec { model: Some(YALE), codes: Some(5), battery: 44, ..LockSpec::at(2) },
        LockSpec { model: Some(SCHLAGE), auto_relock: Some(30), ..LockSpec::at(3) },
        LockSpec { model: Some(KWIKSET), ..LockSpec::at(4) },
        LockSpec { lock_cc: true, ..LockSpec::at(5) },
    ];
    let network = Network::build(&locks, &[9]).await.unwrap();
    let house = House::on(network, locks.iter().map(|lock| lock.id).collect()).await;
    let found = |node: u32| {
        let native = format!("7e570001-{node}");
        let devices = house.shelf.devices();
        devices.into_iter().find(|device| device.about.native.as_str() == native).unwrap()
    };
    for (node, device_type, manufacturer) in [
        (2, "yale_lock", "yale"),
        (3, "schlage_lock", "schlage"),
        (4, "kwikset_lock", "kwikset"),
        (5, "smartthings_lock", found(5).about.manufacturer.as_str()),
    ] {
        let about = found(node).about;
        assert_eq!((about.device_type.as_str(), about.manufacturer.as_str()), (device_type, manufacturer), "{about:?}");
        assert!(about.can_lock && about.can_unlock && !about.has_direct_power, "{about:?}");
    }
    assert!(found(2).about.model.contains("YRD226"), "{:?}", found(2).about);
    assert_eq!([2, 3, 4, 5].map(|node| found(node).about.has_keypad), [true, false, false, false]);
    assert_eq!([2, 3, 4, 5].map(|node| found(node).about.can_configure_auto_lock), [false, true, false, false]);
    wait_until("its battery", SOON, || found(2).state.battery == Some(0.44)).await;
    wait_until("its auto-lock", SOON, || found(3).state.auto_lock == Some(AutoLock::After(30))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_at_the_door_is_told_with_its_cause() {
    let house = House::plain().await;
    let name = lock(FIRST);
    house.is_settled().await;
    let act = |to, by, slot| house.network.act(FIRST, to, by, slot);
    act(Place::Unlocked, By::Keypad, Some(3)).await.unwrap();
    house.told(1).await;
    act(Place::Locked, By::Auto, None).await.unwrap();
    house.told(2).await;
    act(Place::Unlocked, By::Manual, None).await.unwrap();
    house.shows(&name, Bolt::Unlocked).await;
    house.told(3).await;
    let told = [
        (Bolt::Unlocked, Method::Keycode, Some(3)),
        (Bolt::Locked, Method::Automatic, None),
        (Bolt::Unlocked, Method::Manual, None),
    ];
    assert_eq!(house.moves(), told);
    house.network.say(FIRST, Saying { event: Some(50), ..Saying::default() }).await.unwrap();
    let denied = || house.shelf.kinds().contains(&EventKind::LockAccessDenied { reason: Some("unknown_code") });
    wait_until("a wrong code", SOON, denied).await;
    // Not fully locked by hand.
    house.network.say(FIRST, Saying { event: Some(7), ..Saying::default() }).await.unwrap();
    house.until("a jam", &name, |state| state.jammed_since.is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_movement_that_is_only_reported_is_told_without_a_cause() {
    let house = House::plain().await;
    house.is_settled().await;
    house.network.turn(FIRST, Place::Unlocked, Tells::Report).await.unwrap();
    house.shows(&lock(FIRST), Bolt::Unlocked).await;
    house.told(1).await;
    assert_eq!(house.moves(), [(Bolt::Unlocked, Method::Unknown, None)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn battery_and_door_are_told() {
    let house = House::plain().await;
    let name = lock(FIRST);
    assert_eq!(house.state(&name).door_open, None, "nobody has said");
    house.network.say(FIRST, Saying { battery: Some(20), ..Saying::default() }).await.unwrap();
    house.until("its battery", &name, |state| state.battery == Some(0.2)).await;
    let low = |kind: &EventKind| matches!(kind, EventKind::DeviceLowBattery { .. });
    wait_until("a low battery", SOON, || house.shelf.kinds().iter().any(low)).await;
    house.network.say(FIRST, Saying { door: Some("open"), ..Saying::default() }).await.unwrap();
    house.until("an open door", &name, |state| state.door_open == Some(true)).await;
    house.network.say(FIRST, Saying { door: Some("closed"), ..Saying::default() }).await.unwrap();
    house.until("a closed door", &name, |state| state.door_open == Some(false)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_it_locks_itself_is_set_and_asked_of_the_lock() {
    let house = House::with(vec![LockSpec { auto_relock: Some(0), ..LockSpec::at(FIRST) }]).await;
    let name = lock(FIRST);
    assert_eq!(house.state(&name).auto_lock, Some(AutoLock::Off));
    let set = |to| house.command(&name, Command::AutoLock(to));
    assert_eq!(outcome_of(set(AutoLock::After(45)).await).await.unwrap(), CONFIRMED);
    assert_eq!(house.physical(FIRST).await.auto_relock, 45);
    assert_eq!(house.state(&name).auto_lock, Some(AutoLock::After(45)));
    house.faults(FIRST, Faults { refuse: true, ..Faults::default() }).await;
    let outcome = outcome_of(set(AutoLock::Off).await).await.unwrap();
    assert_eq!(failure(&outcome), thumbturn_core::attempts::FailureKind::CommandRejected);
    assert_eq!(house.state(&name).auto_lock, Some(AutoLock::After(45)));
}
