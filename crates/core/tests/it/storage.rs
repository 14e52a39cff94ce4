//! A store that fails or is slow: nothing is lost, and nobody is told before it is on disk.

use thumbturn_core::attempts::FailureKind;
use thumbturn_core::events::Method;
use thumbturn_core::hub::BeginError;
use thumbturn_core::locks::{Action, Bolt};
use thumbturn_core::ports::How;

use crate::house::{CONFIRMED, House, TALKATIVE, failed};

#[tokio::test(start_paused = true)]
async fn an_end_that_cannot_be_stored_is_tried_until_it_is() {
    let house = House::with(1, TALKATIVE).await;
    let ticket = house.unlock(0).await;
    let id = ticket.attempt.id;
    house.store.fails(true);
    house.pass(5_000).await;
    assert!(ticket.outcome.borrow().is_none(), "woken before the commit");
    house.store.fails(false);
    let (outcome, ms) = house.timed(ticket).await;
    assert_eq!(outcome, CONFIRMED);
    assert!(ms <= 1_000);
    assert_eq!(house.moves(0), [(Bolt::Unlocked, Method::Remote, Some(id), None)]);
}

#[tokio::test(start_paused = true)]
async fn what_happens_at_the_door_meanwhile_is_told_afterwards() {
    let house = House::with(1, TALKATIVE).await;
    house.store.fails(true);
    for to in [Bolt::Unlocked, Bolt::Locked, Bolt::Unlocked] {
        house.hub.moved(0, to, How::Tagged(Method::Manual, None)).await;
        house.pass(7_000).await;
    }
    house.store.fails(false);
    house.pass(2_000).await;
    assert_eq!(house.moves(0).len(), 3);
    let at: Vec<_> = house.events().iter().rev().take(3).map(|event| event.occurred_at).collect();
    assert_eq!(at[0].duration_since(at[2]).as_secs(), 14, "with the times at which it happened");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_cannot_be_stored_is_refused_and_never_written() {
    let house = House::with(1, TALKATIVE).await;
    house.store.fails(true);
    let refused = house.begin(0, Action::UnlockDoor).await;
    assert!(matches!(refused, Err(BeginError::Store(_))));
    house.store.fails(false);
    house.pass(60_000).await;
    assert_eq!(house.hub.wrote().len(), 0);
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, CONFIRMED);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_before_the_attempt_is_on_disk() {
    let house = House::with(1, TALKATIVE).await;
    house.store.takes(3_000);
    let ticket = house.unlock(0).await;
    let wrote = house.hub.wrote();
    house.pass(100).await;
    let accepted = ticket.attempt.created_at;
    assert!(wrote.is_empty() || wrote[0].at.wall.duration_since(accepted).as_secs() >= 3);
    house.store.takes(0);
    assert_eq!(house.end(ticket).await, CONFIRMED);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_on_disk_too_late_expires() {
    let house = House::with(1, TALKATIVE).await;
    house.store.takes(28_500);
    let ticket = house.unlock(0).await;
    house.store.takes(0);
    assert_eq!(house.end(ticket).await, failed(FailureKind::Expired));
    assert_eq!(house.hub.wrote().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_leaves_an_attempt_that_runs() {
    let house = House::with(1, TALKATIVE).await;
    house.store.takes(100);
    tokio::select! {
        biased;
        _ = house.begin(0, Action::UnlockDoor) => panic!("it takes 100 ms"),
        () = house.pass(50) => {}
    }
    house.pass(5_000).await;
    let outcomes: Vec<_> = house.store.look(|rows| rows.attempts.values().map(|row| row.outcome.clone()).collect());
    assert_eq!(outcomes, [Some(CONFIRMED)]);
    house.engine.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_begins_nothing() {
    let house = House::with(1, TALKATIVE).await;
    let first = house.begin_once(0, Action::UnlockDoor, "key").await.unwrap();
    let again = house.begin_once(0, Action::UnlockDoor, "key").await;
    assert!(matches!(again, Err(BeginError::Repeated)));
    assert_eq!(house.end(first).await, CONFIRMED);
    house.pass(60_000).await;
    assert_eq!(house.hub.wrote().len(), 1);
    let other = house.begin_once(0, Action::LockDoor, "other key").await.unwrap();
    assert_eq!(house.end(other).await, CONFIRMED);
}
