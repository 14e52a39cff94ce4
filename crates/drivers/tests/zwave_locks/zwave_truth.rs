//! What an attempt ends as, next to what the bolt really did: of locks that are as different as Z-Wave allows.

use serde_json::json;
use thumbturn_core::attempts::FailureKind;
use thumbturn_core::events::Method;
use thumbturn_core::hub::outcome_of;
use thumbturn_core::locks::{Action, Bolt};
use thumbturn_hubsim::zwave::{Client, Faults, LockSpec, Place, Tells};

use crate::house::{CONFIRMED, FIRST, House, failure, lock};

/// Every kind of lock that says less than a plain one does, or says it otherwise.
fn kinds() -> Vec<LockSpec> {
    let plain = LockSpec::at;
    vec![
        LockSpec { supervised: false, ..plain(2) },
        LockSpec { secure: true, ..plain(3) },
        LockSpec { lock_cc: true, ..plain(4) },
        LockSpec { supervised: false, lock_cc: true, notifies: false, tells: Tells::Report, ..plain(5) },
        LockSpec { notifies: false, tells: Tells::Report, ..plain(6) },
        LockSpec { tells: Tells::Notification, ..plain(7) },
        LockSpec { supervised: false, tells: Tells::Report, ..plain(8) },
        LockSpec { supervised: false, tells: Tells::None, ..plain(9) },
        LockSpec { supervised: false, secure: true, tells: Tells::None, ..plain(10) },
        LockSpec { motor_ms: 1500, ..plain(11) },
        LockSpec { supervised: false, motor_ms: 1500, ..plain(12) },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_lock_opens_and_closes_once_and_is_believed_no_sooner_than_it_moved() {
    let kinds = kinds();
    let house = House::with(kinds.clone()).await;
    for (action, place) in [(Action::UnlockDoor, Place::Unlocked), (Action::LockDoor, Place::Locked)] {
        let mut attempts = Vec::new();
        for kind in &kinds {
            attempts.push((kind.id, house.begin(&lock(kind.id), action).await));
        }
        for (node, attempt) in attempts {
            assert_eq!(outcome_of(attempt).await.unwrap(), CONFIRMED, "{action:?} at node {node}");
            assert_eq!(house.physical(node).await.bolt, place, "{action:?} at node {node}");
        }
    }
    for kind in &kinds {
        let truth = house.physical(kind.id).await;
        assert_eq!((truth.moves, truth.motor_runs, truth.commands.len()), (2, 2, 2), "node {}", kind.id);
    }
    assert_eq!(house.moves().len(), kinds.len() * 2, "{:?}", house.moves());
    assert!(house.moves().iter().all(|(_, method, _)| *method == Method::Remote), "{:?}", house.moves());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jam_is_told_by_every_kind_of_lock() {
    let kinds = kinds();
    let house = House::with(kinds.clone()).await;
    let mut attempts = Vec::new();
    for kind in &kinds {
        house.faults(kind.id, Faults { jam: true, ..Faults::default() }).await;
        // The older class has no word for it, without a notification it is a lock that did not do it.
        if !kind.lock_cc {
            attempts.push((kind.id, house.begin(&lock(kind.id), Action::UnlockDoor).await));
        }
    }
    for (node, attempt) in attempts {
        let outcome = outcome_of(attempt).await.unwrap();
        assert_eq!(failure(&outcome), FailureKind::LockJammed, "node {node}");
        assert_eq!(house.state(&lock(node)).shown_bolt(), None, "node {node}");
    }
    assert_eq!(house.moves(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_one_where_the_lock_says_so_and_no_movement_where_it_does_not() {
    let house = House::with(vec![LockSpec::at(2), LockSpec { supervised: false, ..LockSpec::at(3) }]).await;
    for node in [2, 3] {
        house.faults(node, Faults { refuse: true, ..Faults::default() }).await;
    }
    assert_eq!(failure(&house.unlock(&lock(2)).await), FailureKind::CommandRejected);
    assert_eq!(failure(&house.unlock(&lock(3)).await), FailureKind::NoMovement);
    for node in [2, 3] {
        house.shows(&lock(node), Bolt::Locked).await;
    }
    assert_eq!(house.moves(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_whose_answer_is_lost_is_read_when_it_can_be_heard_again() {
    let house = House::plain().await;
    let name = lock(FIRST);
    house.faults(FIRST, Faults { lost_answer: true, ..Faults::default() }).await;
    let unlocking = house.begin(&name, Action::UnlockDoor).await;
    // The hub gives up on the lock after three tries.
    let mut other = Client::connect(&house.hub.url()).await.unwrap();
    other.until("a dead lock", |message| (message["event"]["event"] == "dead").then_some(())).await.unwrap();
    house.faults(FIRST, Faults::default()).await;
    assert_eq!(outcome_of(unlocking).await.unwrap(), CONFIRMED);
    let truth = house.physical(FIRST).await;
    assert_eq!((truth.bolt, truth.moves), (Place::Unlocked, 1), "the hub tries several times, and we do once");
    assert_eq!(house.moves(), [(Bolt::Unlocked, Method::Remote, None)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_hub_supposes_after_somebody_elses_command_is_not_believed() {
    let house = House::with(vec![LockSpec { supervised: false, ..LockSpec::at(FIRST) }]).await;
    let name = lock(FIRST);
    house.is_settled().await;
    house.faults(FIRST, Faults { deaf: true, ..Faults::default() }).await;
    let mut other = Client::connect(&house.hub.url()).await.unwrap();
    let value = json!({"commandClass": 98, "endpoint": 0, "property": "targetMode"});
    let set = json!({"command": "node.set_value", "nodeId": FIRST, "valueId": value, "value": 0});
    other.send(set).await.unwrap();
    let notes = |mode: u32| {
        move |message: &serde_json::Value| {
            let args = &message["event"]["args"];
            (args["property"] == "currentMode" && args["newValue"] == mode).then_some(())
        }
    };
    other.until("what the hub supposes", notes(0)).await.unwrap();
    // It asks the lock after 5 s; whoever had believed it would have told a movement long before.
    other.until("what the lock says", notes(255)).await.unwrap();
    assert_eq!(house.state(&name).shown_bolt(), Some(Bolt::Locked));
    assert_eq!(house.moves(), []);
    assert_eq!(house.physical(FIRST).await.bolt, Place::Locked);
}
