//! One lock: commands one at a time, in order of arrival, never late.

use std::sync::Arc;

use thumbturn_core::attempts::FailureKind;
use thumbturn_core::events::Method;
use thumbturn_core::locks::{Action, Bolt};

use crate::house::{CONFIRMED, House, TALKATIVE, failed};
use crate::hub::{Deed, Word};

#[tokio::test(start_paused = true)]
async fn commands_run_one_at_a_time_in_order_of_arrival() {
    let house = House::with(1, TALKATIVE).await;
    let mut tickets = Vec::new();
    for n in 0..10 {
        tickets.push(if n % 2 == 0 { house.unlock(0).await } else { house.lock(0).await });
    }
    let ids: Vec<_> = tickets.iter().map(|ticket| ticket.attempt.id).collect();
    for ticket in tickets {
        // Faster than the window for repeats: each is read back, which proves it as well.
        assert_eq!(house.end(ticket).await, CONFIRMED);
    }
    let wrote = house.hub.wrote();
    assert_eq!(wrote.iter().map(|wrote| wrote.attempt).collect::<Vec<_>>(), ids);
    assert!(wrote.windows(2).all(|pair| pair[1].wanted != pair[0].wanted));
    assert!(wrote.windows(2).all(|pair| pair[1].at.since(pair[0].at).as_millis() >= 500), "one at a time");
    house.store.look(|rows| assert_eq!(rows.ended, ids));
    assert_eq!(house.moves(0).iter().map(|moved| moved.2.unwrap()).collect::<Vec<_>>(), ids);
    assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Locked));
}

#[tokio::test(start_paused = true)]
async fn concurrent_callers_are_served_in_the_order_in_which_they_came() {
    let house = Arc::new(House::with(1, TALKATIVE).await);
    house.store.takes(7);
    let begin = |n: usize| {
        let house = Arc::clone(&house);
        let action = if n.is_multiple_of(2) { Action::UnlockDoor } else { Action::LockDoor };
        tokio::spawn(async move { house.begin(0, action).await.unwrap().attempt.id })
    };
    let callers: Vec<_> = (0..8).map(begin).collect();
    let mut ids = Vec::new();
    for caller in callers {
        ids.push(caller.await.unwrap());
    }
    house.pass(60_000).await;
    assert_eq!(house.hub.wrote().iter().map(|wrote| wrote.attempt).collect::<Vec<_>>(), ids);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_whose_turn_does_not_come_in_time_expires_and_is_never_written() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![]));
    let first = house.unlock(0).await;
    house.pass(1_000).await;
    let second = house.lock(0).await;
    assert_eq!(house.timed(second).await, (failed(FailureKind::Expired), 28_000));
    assert_eq!(house.end(first).await, failed(FailureKind::OutcomeUnknown));
    house.pass(60_000).await;
    assert_eq!(house.hub.wrote().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_never_asks_its_gate_has_written_nothing() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Hang);
    let first = house.unlock(0).await;
    let next = house.lock(0).await;
    assert_eq!(house.timed(first).await, (failed(FailureKind::Expired), 28_000));
    assert_eq!(house.end(next).await, failed(FailureKind::Expired));
    assert_eq!(house.hub.wrote().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_asks_its_gate_too_late_writes_nothing() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Dawdle(29_000, vec![(1, Word::Ack)]));
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, failed(FailureKind::Expired));
    house.pass(60_000).await;
    assert_eq!(house.hub.wrote().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_writes_and_never_returns_does_not_keep_the_answer_back() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::WriteAndHang(vec![(500, Word::Move), (500, Word::Tagged(Method::Remote))]));
    let ticket = house.unlock(0).await;
    assert_eq!(house.timed(ticket).await, (CONFIRMED, 500));
    house.pass(7_000).await;
    let ticket = house.lock(0).await;
    assert_eq!(house.timed(ticket).await, (CONFIRMED, 500));
    house.hub.next(0, Deed::WriteAndHang(vec![]));
    house.pass(7_000).await;
    let ticket = house.unlock(0).await;
    assert_eq!(house.timed(ticket).await, (failed(FailureKind::OutcomeUnknown), 30_000));
}
