//! What a stopped server left unfinished. Nothing is sent again.

use thumbturn_core::accounts::LinkState;
use thumbturn_core::attempts::FailureKind;
use thumbturn_core::events::Method;
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::{ConnectError, How};

use crate::attempt_rules::UNREADABLE;
use crate::house::{CONFIRMED, House, LOCKED, TALKATIVE, UNCONFIRMED, UNLOCKED, account, failed};
use crate::hub::{Deed, Hub, Reads};

/// How an unlock that was written ends when the server is killed in the middle, and how one does that waited behind it.
async fn after_restart(
    traits: thumbturn_core::locks::Traits,
    while_down: impl FnOnce(&Hub),
) -> (House, [thumbturn_core::attempts::Outcome; 2]) {
    let mut house = House::with(1, traits).await;
    house.hub.next(0, Deed::Write(vec![]));
    let first = house.unlock(0).await.attempt.id;
    let second = house.lock(0).await.attempt.id;
    house.pass(300).await;
    house.killed(while_down).await;
    house.pass(15_000).await;
    let outcomes = [first, second].map(|id| house.stored(id).outcome.unwrap());
    assert_eq!(house.hub.wrote().len(), 1, "nothing is sent again");
    (house, outcomes)
}

#[tokio::test(start_paused = true)]
async fn a_lock_in_the_wanted_state_is_an_unconfirmed_success() {
    let (house, outcomes) = after_restart(TALKATIVE, |hub| hub.set(|state| state.locks[0].said = UNLOCKED)).await;
    assert_eq!(outcomes, [UNCONFIRMED, failed(FailureKind::OutcomeUnknown)]);
    assert_eq!(house.moves(0), [(Bolt::Unlocked, Method::Unknown, None, None)], "it moved; nobody knows why");
    let ticket = house.lock(0).await;
    assert_eq!(house.end(ticket).await, CONFIRMED);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_elsewhere_is_unknown() {
    let (_, outcomes) = after_restart(TALKATIVE, |_| {}).await;
    assert_eq!(outcomes, [failed(FailureKind::OutcomeUnknown), UNCONFIRMED]);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_cannot_be_read_is_unknown() {
    let unknown = || [failed(FailureKind::OutcomeUnknown), failed(FailureKind::OutcomeUnknown)];
    assert_eq!(after_restart(UNREADABLE, |_| {}).await.1, unknown());
    for reads in [Reads::Fail, Reads::Never, Reads::Hang, Reads::NotWritten] {
        let (_, outcomes) = after_restart(TALKATIVE, |hub| hub.set(|state| state.locks[0].reads = reads.clone())).await;
        assert_eq!(outcomes, unknown(), "{reads:?}");
    }
    let away = |hub: &Hub| hub.set(|state| state.refuses = Some(ConnectError::Unreachable("away".to_owned())));
    assert_eq!(after_restart(TALKATIVE, away).await.1, unknown());
    let vanished = |hub: &Hub| hub.set(|state| state.locks[0].described = false);
    assert_eq!(after_restart(TALKATIVE, vanished).await.1, unknown());
}

#[tokio::test(start_paused = true)]
async fn a_movement_after_the_restart_names_the_attempt_that_was_left_unknown() {
    let mut house = House::with(1, UNREADABLE).await;
    house.hub.say(0, LOCKED, How::Untagged).await;
    house.hub.next(0, Deed::Write(vec![]));
    let id = house.unlock(0).await.attempt.id;
    house.pass(300).await;
    house.killed(|_| {}).await;
    house.pass(15_000).await;
    assert_eq!(house.stored(id).outcome, Some(failed(FailureKind::OutcomeUnknown)));
    for to in [Bolt::Unlocked, Bolt::Locked, Bolt::Unlocked] {
        house.hub.moved(0, to, How::Untagged).await;
        house.pass(10_000).await;
    }
    let expected = [
        (Bolt::Unlocked, Method::Remote, Some(id), None),
        (Bolt::Locked, Method::Unknown, None, None),
        (Bolt::Unlocked, Method::Unknown, None, None),
    ];
    assert_eq!(house.moves(0), expected);
}

#[tokio::test(start_paused = true)]
async fn new_attempts_wait_until_the_old_ones_are_settled() {
    let mut house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![]));
    let old = house.unlock(0).await.attempt.id;
    house.pass(300).await;
    house.killed(|_| {}).await;
    let new = house.lock(0).await;
    let id = new.attempt.id;
    assert_eq!(house.end(new).await, CONFIRMED);
    house.store.look(|rows| assert_eq!(rows.ended, [old, id]));
}

#[tokio::test(start_paused = true)]
async fn what_was_known_before_a_restart_is_not_shown_until_it_is_heard_again() {
    let mut house = House::with(1, TALKATIVE).await;
    assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Locked));
    house.killed(|hub| hub.set(|state| state.locks[0].reads = Reads::Never)).await;
    house.pass(15_000).await;
    assert_eq!(house.state(0).shown_bolt(), None);
    house.killed(|hub| hub.set(|state| state.locks[0].reads = Reads::Answer(30))).await;
    house.pass(15_000).await;
    assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Locked));
    assert_eq!(house.moves(0), [], "nothing moved");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_goes_while_no_server_runs_leaves_nothing_unfinished() {
    let house = House::with(2, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![]));
    let first = house.unlock(0).await.attempt.id;
    let second = house.lock(0).await.attempt.id;
    house.pass(300).await;
    let before = house.events().len();
    let account = account(0);
    assert_eq!(house.at_rest().remove_account(&account).await.unwrap(), 2);
    for id in [first, second] {
        assert_eq!(house.stored(id).outcome, Some(failed(FailureKind::OutcomeUnknown)));
    }
    let told: Vec<&str> = house.events()[before..].iter().map(|event| event.kind.name()).collect();
    for attempt in ["action_attempt.unlock_door.failed", "action_attempt.lock_door.failed"] {
        assert!(told[..2].contains(&attempt), "{told:?}");
    }
    assert_eq!(told[2..], ["device.deleted", "device.deleted", "connected_account.deleted"]);
    assert!(house.store.look(|rows| rows.accounts.is_empty() && rows.devices.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_comes_while_no_server_runs_waits_for_the_start() {
    let house = House::with(1, TALKATIVE).await;
    let engine = house.at_rest();
    engine.add_account(account(1)).await.unwrap();
    engine.account_settled(account(1).id, std::time::Duration::from_secs(5)).await;
    let link = house.store.look(|rows| rows.accounts[&account(1).id].link.clone());
    assert_eq!(link, LinkState::Connecting);
}
