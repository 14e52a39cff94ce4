//! Limits, stopping, and accounts that are removed.

use thumbturn_core::attempts::{FailureKind, Outcome};
use thumbturn_core::hub::{BeginError, outcome_of};
use thumbturn_core::locks::{Action, Bolt};
use thumbturn_core::ports::{How, Signal};

use crate::house::{CONFIRMED, House, TALKATIVE, account, failed};
use crate::hub::{Deed, Word};

#[tokio::test(start_paused = true)]
async fn a_full_queue_answers_busy_and_drops_nothing() {
    let house = House::with(2, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![]));
    let mut tickets = Vec::new();
    for _ in 0..32 {
        tickets.push(house.unlock(0).await);
    }
    assert!(matches!(house.begin(0, Action::UnlockDoor).await, Err(BeginError::Busy)));
    let ticket = house.unlock(1).await;
    assert_eq!(house.end(ticket).await, CONFIRMED);
    for ticket in tickets {
        assert!(matches!(house.end(ticket).await, Outcome::Failure(_)));
    }
    for _ in 0..40 {
        let ticket = house.unlock(0).await;
        assert_eq!(house.end(ticket).await, CONFIRMED, "room again");
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_that_were_never_accepted_take_no_room() {
    let house = House::with(1, TALKATIVE).await;
    house.store.fails(true);
    for _ in 0..100 {
        assert!(house.begin(0, Action::UnlockDoor).await.is_err());
        house.pass(1).await;
    }
    house.store.fails(false);
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, CONFIRMED);
    house.engine.drain().await;
}

#[tokio::test(start_paused = true)]
async fn removing_an_account_ends_its_attempts_and_deletes_its_devices() {
    let house = House::with(1, TALKATIVE).await;
    for deed in [Deed::Write(vec![]), Deed::Hang] {
        house.hub.next(0, deed);
    }
    let first = house.unlock(0).await;
    let second = house.lock(0).await;
    house.pass(100).await;
    let route = house.route(0);
    house.engine.remove_account(&account(0)).await.unwrap();
    assert_eq!(house.end(first).await, failed(FailureKind::OutcomeUnknown));
    assert_eq!(house.end(second).await, failed(FailureKind::DeviceRemoved));
    let begun =
        house.engine.begin(&crate::house::scope(), Some(&route), crate::house::command(Action::UnlockDoor), None).await;
    assert!(matches!(begun, Err(BeginError::Busy)));
    house.store.look(|rows| assert!(rows.devices.is_empty() && rows.accounts.is_empty()));
    let names = house.names();
    assert_eq!(names[names.len() - 2..], ["device.deleted", "connected_account.deleted"]);
    let commits = house.store.look(|rows| rows.commits);
    house.hub.moved(0, Bolt::Unlocked, How::Untagged).await;
    house.pass(60_000).await;
    assert_eq!(house.store.look(|rows| rows.commits), commits, "nobody listens any more");
    assert_eq!(house.hub.wrote().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_command_on_its_way_when_the_account_is_removed_is_not_written() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Dawdle(1_000, vec![(1, Word::Ack)]));
    let ticket = house.unlock(0).await;
    house.pass(100).await;
    house.engine.remove_account(&account(0)).await.unwrap();
    assert_eq!(house.end(ticket).await, failed(FailureKind::DeviceRemoved));
    house.pass(5_000).await;
    assert_eq!(house.hub.wrote().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn draining_takes_nothing_new_and_waits_for_the_rest() {
    let house = House::with(2, TALKATIVE).await;
    let ticket = house.unlock(0).await;
    let refused = async {
        house.pass(10).await;
        house.begin(1, Action::UnlockDoor).await
    };
    let ((), refused) = tokio::join!(house.engine.drain(), refused);
    assert!(matches!(refused, Err(BeginError::Stopping)));
    assert_eq!(*ticket.outcome.borrow(), Some(CONFIRMED));
}

#[tokio::test(start_paused = true)]
async fn draining_ends_with_the_last_deadline() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![]));
    let ticket = house.unlock(0).await;
    house.engine.drain().await;
    house.pass(1).await;
    assert_eq!(*ticket.outcome.borrow(), Some(failed(FailureKind::OutcomeUnknown)));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_dropped_stops_and_leaves_unfinished_what_is_unfinished() {
    let mut house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Dawdle(1_000, vec![(1, Word::Ack)]));
    let ticket = house.unlock(0).await;
    house.pass(100).await;
    house.killed(|hub| hub.set(|state| state.hangs = true)).await;
    assert_eq!(outcome_of(ticket.outcome).await, None);
    assert_eq!(house.stored(ticket.attempt.id).outcome, None);
    house.pass(5_000).await;
    assert_eq!(house.hub.wrote().len(), 0, "what was on its way is not written");
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_speaks_of_unknown_locks_is_ignored() {
    let house = House::with(1, TALKATIVE).await;
    let stranger = thumbturn_core::ids::NativeId("stranger".to_owned());
    house.hub.signal(Signal::Battery(stranger.clone(), 0.5)).await;
    house.hub.signal(Signal::Gone(stranger)).await;
    house.pass(10).await;
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, CONFIRMED);
}
