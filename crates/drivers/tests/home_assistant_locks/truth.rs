//! What an attempt ends as, next to what the bolt really did: of locks that are as different as Home Assistant allows.

use std::time::Duration;

use serde_json::json;
use thumbturn_core::attempts::{FailureKind, Outcome};
use thumbturn_core::events::{EventKind, Method};
use thumbturn_core::hub::outcome_of;
use thumbturn_core::locks::{Action, Bolt};
use thumbturn_hubsim::home_assistant::{Client, Faults, LockSpec, Place};

use crate::house::{CONFIRMED, House, UNCONFIRMED, failure};

/// Every kind of lock of which nobody says that it can be asked, and how its attempts end while it is as it should be.
fn kinds() -> Vec<(LockSpec, Outcome)> {
    let plain = |name| LockSpec { reads: false, ..LockSpec::named(name) };
    vec![
        (plain("Heard"), CONFIRMED),
        (LockSpec { motor: Duration::from_millis(1500), ..plain("Slow") }, CONFIRMED),
        (LockSpec { motor: Duration::from_secs(1), ..plain("Flips") }, CONFIRMED),
        (LockSpec { bare: true, battery: None, ..plain("Bare") }, CONFIRMED),
        // Its integration finds out when it looks, and it is had to look.
        (LockSpec { reads: true, ..plain("Polled") }, CONFIRMED),
        (LockSpec { assumed: true, ..plain("Assumed") }, UNCONFIRMED),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_lock_opens_and_closes_once_and_is_believed_no_sooner_than_it_moved() {
    let kinds = kinds();
    let house = House::unvouched(kinds.iter().map(|(spec, _)| spec.clone()).collect()).await;
    house.faults("Flips", Faults { flip_flop: Some(Duration::from_millis(300)), ..Faults::default() });
    house.faults("Polled", Faults { mute: true, ..Faults::default() });
    for (action, place) in [(Action::UnlockDoor, Place::Unlocked), (Action::LockDoor, Place::Locked)] {
        let mut attempts = Vec::new();
        for (kind, _) in &kinds {
            attempts.push(house.begin(&kind.name, action).await);
        }
        for ((kind, expected), attempt) in kinds.iter().zip(attempts) {
            assert_eq!(outcome_of(attempt).await.unwrap(), *expected, "{action:?} of {}", kind.name);
            if *expected == CONFIRMED {
                assert_eq!(house.physical(&kind.name).bolt, place, "{action:?} of {}", kind.name);
            }
        }
    }
    for (kind, _) in &kinds {
        assert_eq!(house.physical(&kind.name).commands.len(), 2, "{}", kind.name);
    }
    // A supposition moves nothing and is not shown.
    assert_eq!(house.moves().len(), 10, "{:?}", house.moves());
    assert!(house.moves().iter().all(|(_, method, _)| *method == Method::Remote), "{:?}", house.moves());
    assert_eq!(house.state("Assumed").shown_bolt(), None);
    // Already there, and nothing proves that it still is.
    assert_eq!(house.lock_door("Heard").await, UNCONFIRMED);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_told_apart() {
    let names = ["Jams", "Refuses", "Code", "Idle", "Away"];
    let mut specs: Vec<_> = names.map(LockSpec::named).into();
    specs[2].code_format = Some("^\\d{4}$");
    let house = House::with(specs).await;
    house.faults("Jams", Faults { jam: true, ..Faults::default() });
    house.faults("Refuses", Faults { refuse: true, ..Faults::default() });
    house.faults("Idle", Faults { idle: true, ..Faults::default() });
    house.locks.say("Away", &json!({"available": false}));
    house.until("away", "Away", |state| !state.reach.is_online()).await;
    let mut attempts = Vec::new();
    for name in names {
        attempts.push(house.begin(name, Action::UnlockDoor).await);
    }
    let expected = [
        FailureKind::LockJammed,
        // An integration that failed may have reached the lock: a read decides, and proves nothing either.
        FailureKind::OutcomeUnknown,
        FailureKind::CommandRejected,
        FailureKind::NoMovement,
        FailureKind::DeviceDisconnected,
    ];
    for ((name, attempt), expected) in names.into_iter().zip(attempts).zip(expected) {
        let outcome = outcome_of(attempt).await.unwrap();
        assert_eq!(failure(&outcome), expected, "{name}: {outcome:?}");
        assert_eq!(house.physical(name).moves, 0, "{name}");
    }
    assert_eq!(house.physical("Away").commands.len(), 0, "nothing was written");
    assert_eq!(house.physical("Code").commands.len(), 0, "nothing reached it");
    assert_eq!(house.moves(), []);

    // What is to be done about the code, done.
    let mut admin = Client::connect(&house.hub).await.unwrap();
    let entity = json!({"type": "config/entity_registry/update", "entity_id": "lock.code", "options_domain": "lock",
                        "options": {"default_code": "8642"}});
    admin.call(entity).await.unwrap();
    assert_eq!(house.unlock("Code").await, CONFIRMED);
    assert_eq!(house.physical("Code").commands, [(Place::Unlocked, Some("8642".to_owned()))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_at_the_door_is_told() {
    let door = LockSpec { door_open: Some(false), reads: false, ..LockSpec::named("Front") };
    let house = House::unvouched(vec![door]).await;
    house.is_settled().await;
    house.until("its battery", "Front", |state| state.battery == Some(0.8)).await;
    house.locks.say("Front", &json!({"battery": 12, "door_open": true}));
    house.until("a weak battery", "Front", |state| state.battery == Some(0.12)).await;
    house.until("an open door", "Front", |state| state.door_open == Some(true)).await;

    house.turn_by("Front", Place::Unlocked, Some("Keypad"));
    house.told(1).await;
    house.turn_by("Front", Place::Locked, Some("Auto-Lock"));
    house.told(2).await;
    let mut admin = Client::connect(&house.hub).await.unwrap();
    let other =
        json!({"type": "call_service", "domain": "lock", "service": "unlock", "target": {"entity_id": "lock.front"}});
    admin.call(other).await.unwrap();
    house.told(3).await;
    let told = [
        (Bolt::Unlocked, Method::Keycode, None),
        (Bolt::Locked, Method::Automatic, None),
        (Bolt::Unlocked, Method::Unknown, None),
    ];
    assert_eq!(house.moves(), told);
    house.locks.say("Front", &json!({"state": "jammed"}));
    house.until("jammed", "Front", |state| state.jammed_since.is_some()).await;
    assert!(!house.shelf.kinds().iter().any(|kind| matches!(kind, EventKind::DeviceDisconnected { .. })));
}
