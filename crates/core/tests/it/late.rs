//! What is heard after an end, and clocks that jump.

use jiff::SignedDuration;
use thumbturn_core::attempts::FailureKind;
use thumbturn_core::events::Method;
use thumbturn_core::locks::{Action, Bolt};
use thumbturn_core::ports::How;

use crate::house::{CONFIRMED, House, TALKATIVE, TERSE, failed};
use crate::hub::{Deed, Reads, Word};

#[tokio::test(start_paused = true)]
async fn a_late_report_updates_the_state_and_names_the_attempt_exactly_once() {
    for (traits, how) in [(TALKATIVE, Word::Tagged(Method::Remote)), (TERSE, Word::Untagged)] {
        let house = House::with(1, traits).await;
        let steps = vec![(33_000, Word::Move), (33_000, how.clone()), (37_400, how.clone()), (45_000, how)];
        house.hub.next(0, Deed::Write(steps));
        let ticket = house.unlock(0).await;
        let id = ticket.attempt.id;
        assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown));
        house.pass(10_000).await;
        assert_eq!(house.moves(0), [(Bolt::Unlocked, Method::Remote, Some(id), None)]);
        assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Unlocked));
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_movement_after_no_movement_names_the_attempt() {
    let house = House::with(1, TERSE).await;
    let steps = vec![(20, Word::Ack), (9_000, Word::Move), (9_000, Word::Untagged)];
    house.hub.next(0, Deed::Write(steps));
    let ticket = house.unlock(0).await;
    let id = ticket.attempt.id;
    assert_eq!(house.end(ticket).await, failed(FailureKind::NoMovement));
    house.pass(10_000).await;
    assert_eq!(house.moves(0), [(Bolt::Unlocked, Method::Remote, Some(id), None)]);
}

#[tokio::test(start_paused = true)]
async fn a_hand_turn_after_an_unknown_outcome_is_not_its_doing() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![]));
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown));
    house.hub.moved(0, Bolt::Unlocked, How::Tagged(Method::Keycode, Some(4))).await;
    house.pass(10).await;
    assert_eq!(house.moves(0), [(Bolt::Unlocked, Method::Keycode, None, Some(4))]);
}

#[tokio::test(start_paused = true)]
async fn a_movement_after_a_later_command_is_not_an_earlier_ones_doing() {
    let house = House::with(1, TERSE).await;
    house.hub.next(0, Deed::Write(vec![]));
    let unknown = house.unlock(0).await;
    assert_eq!(house.end(unknown).await, failed(FailureKind::OutcomeUnknown));
    let locking = house.lock(0).await;
    let id = locking.attempt.id;
    assert_eq!(house.end(locking).await, CONFIRMED);
    house.pass(60_000).await;
    house.hub.moved(0, Bolt::Unlocked, How::Untagged).await;
    house.pass(10).await;
    let expected = [(Bolt::Locked, Method::Remote, Some(id), None), (Bolt::Unlocked, Method::Unknown, None, None)];
    assert_eq!(house.moves(0), expected);
}

#[tokio::test(start_paused = true)]
async fn of_two_unknown_outcomes_each_movement_names_its_own() {
    let house = House::with(1, TERSE).await;
    let mut ids = Vec::new();
    house.hub.set(|state| state.locks[0].reads = Reads::Fail);
    for _ in 0..2 {
        house.hub.next(0, Deed::Write(vec![]));
    }
    for action in [Action::UnlockDoor, Action::LockDoor] {
        let ticket = house.begin(0, action).await.unwrap();
        ids.push(ticket.attempt.id);
        assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown));
    }
    house.hub.moved(0, Bolt::Unlocked, How::Untagged).await;
    house.pass(7_000).await;
    house.hub.moved(0, Bolt::Locked, How::Untagged).await;
    house.pass(10).await;
    let expected =
        [(Bolt::Unlocked, Method::Remote, Some(ids[0]), None), (Bolt::Locked, Method::Remote, Some(ids[1]), None)];
    assert_eq!(house.moves(0), expected);
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_set_forward_ends_what_is_over_on_it() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![]));
    let written = house.unlock(0).await;
    let waiting = house.lock(0).await;
    house.pass(100).await;
    house.clock.jump(SignedDuration::from_hours(1));
    assert_eq!(house.timed(written).await, (failed(FailureKind::OutcomeUnknown), 0));
    assert_eq!(house.end(waiting).await, failed(FailureKind::Expired));
    assert_eq!(house.hub.wrote().len(), 1);
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, CONFIRMED);
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_set_forward_by_seconds_does_not_hurry_the_bolt() {
    let house = House::with(1, TALKATIVE).await;
    let steps = vec![(20, Word::Ack), (3_000, Word::Move), (3_000, Word::Untagged)];
    house.hub.next(0, Deed::Write(steps));
    let ticket = house.unlock(0).await;
    house.pass(100).await;
    house.clock.jump(SignedDuration::from_secs(10));
    assert_eq!(house.timed(ticket).await, (CONFIRMED, 3_000), "not read, and told no movement, while it moves");
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_set_back_lets_nothing_be_late() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![]));
    let written = house.unlock(0).await;
    let waiting = house.lock(0).await;
    house.clock.jump(SignedDuration::from_hours(-1));
    assert_eq!(house.timed(waiting).await, (failed(FailureKind::Expired), 28_000));
    assert_eq!(house.timed(written).await, (failed(FailureKind::OutcomeUnknown), 2_000));
    assert_eq!(house.hub.wrote().len(), 1);
}
