//! What an attempt ends as, next to what the bolt really did: of locks that are as different as Matter allows.

use thumbturn_core::attempts::{FailureKind, Outcome};
use thumbturn_core::events::Method;
use thumbturn_core::hub::outcome_of;
use thumbturn_core::locks::{Action, Bolt};
use thumbturn_hubsim::matter::{Faults, LockSpec, Place};

use crate::house::{CONFIRMED, FIRST, House, failure, lock};

/// What was said of a failure.
fn message(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failure(failure) => failure.message.clone(),
        Outcome::Success { .. } => panic!("{outcome:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_apart_and_say_what_to_do() {
    let pin = LockSpec { codes: Some(5), requires_pin: true, ..LockSpec::at(4) };
    let private = LockSpec { mode: 2, ..LockSpec::at(3) };
    let house = House::with(vec![LockSpec::at(1), LockSpec::at(2), private, pin]).await;
    house.faults(1, Faults { refuse: Some("Busy"), ..Faults::default() }).await;
    house.faults(2, Faults { refuse: Some("Failure"), ..Faults::default() }).await;
    house.faults(3, Faults { refuse: Some("Failure"), ..Faults::default() }).await;
    for (id, kind, word) in [
        (1, FailureKind::CommandRejected, "busy"),
        (2, FailureKind::CommandRejected, "refused"),
        (3, FailureKind::PrivacyMode, ""),
        (4, FailureKind::CommandRejected, "RequirePINforRemoteOperation"),
    ] {
        let outcome = house.unlock(&lock(id)).await;
        assert_eq!(failure(&outcome), kind, "{outcome:?}");
        assert!(message(&outcome).contains(word), "{outcome:?}");
        assert_eq!(house.physical(id).await.moves, 0);
    }
    assert_eq!(house.physical(4).await.commands, [], "each would have counted as a wrong code");
    assert_eq!(house.moves(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_that_say_little_are_believed_no_sooner_than_they_moved() {
    let untold = LockSpec { untold: true, ..LockSpec::at(1) };
    let slow = LockSpec { motor_ms: 1500, ..LockSpec::at(2) };
    let house = House::with(vec![untold, slow]).await;
    house.is_settled().await;
    for (action, place) in [(Action::UnlockDoor, Place::Unlocked), (Action::LockDoor, Place::Locked)] {
        let attempts = [house.begin(&lock(1), action).await, house.begin(&lock(2), action).await];
        for (id, attempt) in [1, 2].into_iter().zip(attempts) {
            assert_eq!(outcome_of(attempt).await.unwrap(), CONFIRMED, "{action:?} of lock {id}");
            assert_eq!(house.physical(id).await.bolt, place, "{action:?} of lock {id}");
        }
    }
    for id in [1, 2] {
        let truth = house.physical(id).await;
        assert_eq!((truth.moves, truth.motor_runs, truth.commands.len()), (2, 2, 2), "lock {id}");
    }
    assert!(house.moves().iter().all(|(_, method, _)| *method == Method::Remote), "{:?}", house.moves());
    assert_eq!(house.moves().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_answer_is_lost_is_asked_about_and_not_sent_again() {
    let house = House::with(vec![LockSpec::at(FIRST)]).await;
    let name = lock(FIRST);
    house.faults(FIRST, Faults { silent_when_commanded: true, ..Faults::default() }).await;
    let unlocking = house.begin(&name, Action::UnlockDoor).await;
    while house.physical(FIRST).await.moves == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // It can be heard again before the server gives up on it.
    house.faults(FIRST, Faults::default()).await;
    assert_eq!(outcome_of(unlocking).await.unwrap(), CONFIRMED);
    let truth = house.physical(FIRST).await;
    assert_eq!((truth.bolt, truth.moves, truth.commands.len()), (Place::Unlocked, 1, 1));
    house.shows(&name, Bolt::Unlocked).await;
    assert_eq!(house.moves(), [(Bolt::Unlocked, Method::Remote, None)]);
}
