//! What the server tells of its locks, and what happens at the door.

use serde_json::json;
use thumbturn_conformance::{SOON, wait_until};
use thumbturn_core::commands::{AutoLock, Command};
use thumbturn_core::events::{EventKind, Method};
use thumbturn_core::hub::outcome_of;
use thumbturn_core::locks::Bolt;
use thumbturn_hubsim::matter::{By, LockSpec, Place, Saying};

use crate::house::{CONFIRMED, FIRST, House, lock};

/// A lock with everything that one can have.
fn rich(id: u32) -> LockSpec {
    LockSpec { codes: Some(5), door_sensor: true, auto_relock: Some(0), battery: Some(44), ..LockSpec::at(id) }
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_are_found_with_make_abilities_battery_and_door() {
    let locks = vec![
        LockSpec { vendor: "Yale", product: "Assure", label: Some("Front door"), ..rich(1) },
        LockSpec { battery: None, ..LockSpec::at(2) },
    ];
    let house = House::with(locks).await;
    let about = house.device("Front door").about;
    assert_eq!((about.device_type.as_str(), about.model.as_str()), ("yale_lock", "Assure"), "{about:?}");
    assert_eq!(about.serial_number.as_deref(), Some("serial-1"));
    assert!(about.can_lock && about.can_unlock && about.has_keypad && about.can_configure_auto_lock, "{about:?}");
    let plain = house.device(&lock(2)).about;
    assert!(!plain.has_keypad && !plain.can_configure_auto_lock, "{plain:?}");
    house.until("its battery", "Front door", |state| state.battery == Some(0.44)).await;
    house.until("its auto-lock", "Front door", |state| state.auto_lock == Some(AutoLock::Off)).await;
    house.until("its door", "Front door", |state| state.door_open == Some(false)).await;
    assert_eq!(house.state(&lock(2)).door_open, None, "it has no sensor");

    let say = |saying| house.network.say(1, saying);
    say(Saying { battery: Some(10), ..Saying::default() }).await.unwrap();
    house.until("a low battery", "Front door", |state| state.battery == Some(0.1)).await;
    say(Saying { attributes: Some(json!({"doorState": 0})), ..Saying::default() }).await.unwrap();
    house.until("an open door", "Front door", |state| state.door_open == Some(true)).await;

    // When it locks itself is written, and asked of the lock.
    let set = house.command("Front door", Command::AutoLock(AutoLock::After(45))).await;
    assert_eq!(outcome_of(set).await.unwrap(), CONFIRMED);
    assert_eq!(house.physical(1).await.auto_relock, 45);
    assert_eq!(house.state("Front door").auto_lock, Some(AutoLock::After(45)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_at_the_door_is_told_with_its_cause() {
    let house = House::with(vec![rich(FIRST)]).await;
    let name = lock(FIRST);
    house.is_settled().await;
    let steps = [
        (Place::Unlocked, By::Keypad, Some((2, 3)), (Bolt::Unlocked, Method::Keycode, Some(3))),
        (Place::Locked, By::Auto, None, (Bolt::Locked, Method::Automatic, None)),
        (Place::Unlocked, By::Manual, None, (Bolt::Unlocked, Method::Manual, None)),
        (Place::Locked, By::Proprietary, None, (Bolt::Locked, Method::Unknown, None)),
    ];
    for (number, (to, by, code, _)) in steps.iter().enumerate() {
        house.network.act(FIRST, *to, *by, *code).await.unwrap();
        house.told(number + 1).await;
    }
    assert_eq!(house.moves(), steps.map(|(.., told)| told));

    let wrong = json!({
        "lockOperationType": 1, "operationSource": 3, "operationError": 1, "userIndex": null, "fabricIndex": null,
        "sourceNode": null, "credentials": null,
    });
    let saying = Saying { event: Some("lockOperationError"), payload: Some(wrong), ..Saying::default() };
    house.network.say(FIRST, saying).await.unwrap();
    let denied = |reason| {
        let house = &house;
        move || house.shelf.kinds().contains(&EventKind::LockAccessDenied { reason: Some(reason) })
    };
    wait_until("a wrong code", SOON, denied("unknown_code")).await;
    let alarm = |code: u32| Saying {
        event: Some("doorLockAlarm"),
        payload: Some(json!({"alarmCode": code})),
        ..Saying::default()
    };
    house.network.say(FIRST, alarm(4)).await.unwrap();
    wait_until("too many wrong codes", SOON, denied("too_many_attempts")).await;
    house.network.say(FIRST, alarm(0)).await.unwrap();
    house.until("a jam", &name, |state| state.jammed_since.is_some()).await;
}
