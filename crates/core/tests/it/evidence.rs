//! Whole attempts: what a lock and its hub do to a command, and how the attempt ends.

use std::time::Duration;

use thumbturn_core::attempts::{Failure, FailureKind, Outcome};
use thumbturn_core::events::Method;
use thumbturn_core::locks::{Bolt, Traits, Unavailable};
use thumbturn_core::ports::{How, NotWritten, Refused, Said};

use crate::attempt_rules::{ASSUMED, UNREADABLE};
use crate::house::{CONFIRMED, House, LOCKED, TALKATIVE, TERSE, UNCONFIRMED, failed};
use crate::hub::{Deed, Reads, Step, Word};

/// What one command comes to: how it ends, after how many milliseconds, with how many reads.
async fn comes_to(traits: Traits, steps: Vec<Step>) -> (Outcome, u128, usize) {
    let house = House::with(1, traits).await;
    let reads = house.hub.reads();
    house.hub.next(0, Deed::Write(steps));
    let ticket = house.unlock(0).await;
    let (outcome, ms) = house.timed(ticket).await;
    assert_eq!(house.hub.wrote().len(), 1, "one command");
    (outcome, ms, house.hub.reads() - reads)
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_reports_a_remote_operation_is_confirmed_at_once() {
    let steps = vec![(20, Word::Ack), (500, Word::Move), (500, Word::Tagged(Method::Remote))];
    assert_eq!(comes_to(TALKATIVE, steps).await, (CONFIRMED, 500, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_reports_a_change_is_confirmed_at_once() {
    let steps = vec![(500, Word::Move), (500, Word::Untagged)];
    assert_eq!(comes_to(TERSE, steps.clone()).await, (CONFIRMED, 500, 0));
    assert_eq!(
        comes_to(UNREADABLE, [vec![(9, Word::Ack)], steps].concat()).await.0,
        UNCONFIRMED,
        "it stands there, as it says, but nobody knows since when"
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_waits_for_its_tag_before_it_confirms() {
    let steps = vec![(500, Word::Move), (500, Word::Untagged)];
    assert_eq!(comes_to(TALKATIVE, steps).await, (CONFIRMED, 600, 0));
}

#[tokio::test(start_paused = true)]
async fn the_old_state_right_after_the_command_confirms_nothing_and_harms_nothing() {
    let steps = vec![(44, Word::Stale), (266, Word::Move), (266, Word::Untagged), (267, Word::Tagged(Method::Remote))];
    assert_eq!(comes_to(TALKATIVE, steps).await, (CONFIRMED, 267, 0));
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_without_movement_is_no_movement() {
    assert_eq!(comes_to(TALKATIVE, vec![(20, Word::Ack)]).await, (failed(FailureKind::NoMovement), 5_050, 1));
}

#[tokio::test(start_paused = true)]
async fn a_motor_that_may_still_run_is_not_called_unmoved() {
    let slow = |seconds| Traits { settle: Duration::from_secs(seconds), ..TALKATIVE };
    assert_eq!(comes_to(slow(25), vec![(20, Word::Ack)]).await, (failed(FailureKind::NoMovement), 25_050, 1));
    // A read in time for the deadline is still made, but the old state says nothing yet.
    assert_eq!(comes_to(slow(40), vec![(20, Word::Ack)]).await, (failed(FailureKind::OutcomeUnknown), 30_000, 1));
    let late = vec![(20, Word::Ack), (29_000, Word::Move), (29_000, Word::Tagged(Method::Remote))];
    assert_eq!(comes_to(slow(40), late).await, (CONFIRMED, 29_000, 1));
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_and_a_silent_movement_are_confirmed_by_a_read() {
    let steps = vec![(20, Word::Ack), (900, Word::Move)];
    assert_eq!(comes_to(TALKATIVE, steps).await, (CONFIRMED, 5_050, 1));
}

#[tokio::test(start_paused = true)]
async fn an_assumed_state_confirms_nothing() {
    let steps = vec![(20, Word::Assumed), (30, Word::Ack)];
    assert_eq!(comes_to(TALKATIVE, steps).await.0, failed(FailureKind::NoMovement));
    let steps = vec![(20, Word::Assumed), (30, Word::Ack)];
    assert_eq!(comes_to(ASSUMED, steps).await, (UNCONFIRMED, 30, 0));
}

#[tokio::test(start_paused = true)]
async fn silence_ends_as_unknown_at_the_deadline() {
    assert_eq!(comes_to(TALKATIVE, vec![]).await, (failed(FailureKind::OutcomeUnknown), 30_000, 1));
    assert_eq!(comes_to(UNREADABLE, vec![]).await, (failed(FailureKind::OutcomeUnknown), 30_000, 0));
    assert_eq!(comes_to(ASSUMED, vec![]).await, (failed(FailureKind::OutcomeUnknown), 30_000, 0));
}

#[tokio::test(start_paused = true)]
async fn not_acknowledged_is_read_back() {
    let steps = vec![(300, Word::NotAck), (900, Word::Move)];
    assert_eq!(comes_to(TALKATIVE, steps).await, (CONFIRMED, 5_030, 1));
    let unknown = failed(FailureKind::OutcomeUnknown);
    assert_eq!(comes_to(TALKATIVE, vec![(300, Word::NotAck)]).await, (unknown, 5_030, 1));
}

#[tokio::test(start_paused = true)]
async fn reads_that_fail_in_any_way_leave_the_outcome_unknown() {
    for reads in [Reads::Fail, Reads::Never, Reads::Hang, Reads::NotWritten] {
        for first in [Word::Ack, Word::NotAck, Word::Move] {
            let house = House::with(1, TALKATIVE).await;
            house.hub.set(|state| state.locks[0].reads = reads.clone());
            house.hub.next(0, Deed::Write(vec![(10, first.clone())]));
            let asked = house.hub.reads();
            let ticket = house.unlock(0).await;
            let (outcome, ms) = house.timed(ticket).await;
            assert_eq!(outcome, failed(FailureKind::OutcomeUnknown), "{reads:?} after {first:?}");
            assert!(ms <= 30_001, "{ms}");
            assert!(house.hub.reads() - asked <= 2, "a battery pays for each");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_end_at_once() {
    let rows = [
        (Refused::Obstructed, failed(FailureKind::BoltObstructed)),
        (Refused::PrivacyMode, failed(FailureKind::PrivacyMode)),
        (Refused::Jammed, failed(FailureKind::LockJammed)),
    ];
    for (why, outcome) in rows {
        assert_eq!(comes_to(TALKATIVE, vec![(300, Word::Refuse(why))]).await, (outcome, 300, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_does_not_write_says_why() {
    let rejected = Failure { kind: FailureKind::CommandRejected, message: "full".to_owned() };
    let rows = [
        (NotWritten::TooLate, failed(FailureKind::Expired)),
        (NotWritten::Unavailable(Unavailable::DeviceDisconnected), failed(FailureKind::DeviceDisconnected)),
        (NotWritten::Rejected("full".to_owned()), Outcome::Failure(rejected)),
    ];
    for (why, outcome) in rows {
        let house = House::with(1, TALKATIVE).await;
        house.hub.next(0, Deed::NotWritten(why));
        let ticket = house.unlock(0).await;
        assert_eq!(house.timed(ticket).await, (outcome, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hand_turn_that_the_lock_reports_as_manual_is_not_a_confirmation() {
    for method in [Method::Manual, Method::Keycode, Method::Automatic, Method::Card] {
        let steps = vec![(20, Word::Ack), (500, Word::Move), (500, Word::Untagged), (540, Word::Tagged(method))];
        assert_eq!(comes_to(TALKATIVE, steps).await, (UNCONFIRMED, 5_050, 1), "{method:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_doubtful_hand_turn_is_not_a_confirmation_either() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.moved(0, Bolt::Unlocked, How::Tagged(Method::Manual, None)).await;
    house.pass(1_000).await;
    house.hub.moved(0, Bolt::Locked, How::Tagged(Method::Manual, None)).await;
    house.pass(1_000).await;
    let steps = vec![(500, Word::Move), (500, Word::Tagged(Method::Manual))];
    house.hub.next(0, Deed::Write(steps));
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, UNCONFIRMED);
    assert_eq!(house.moves(0).last(), Some(&(Bolt::Unlocked, Method::Manual, None, None)));
    assert_eq!(house.moves(0).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_movement_reported_before_the_command_left_is_not_its_confirmation() {
    let house = House::with(1, TERSE).await;
    house.hub.next(0, Deed::Dawdle(1_000, vec![]));
    let ticket = house.unlock(0).await;
    house.pass(500).await;
    house.hub.moved(0, Bolt::Unlocked, How::Untagged).await;
    house.pass(400).await;
    house.hub.moved(0, Bolt::Locked, How::Tagged(Method::Manual, None)).await;
    assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown));
    assert_eq!(house.moves(0).len(), 2, "they are told all the same");
}

#[tokio::test(start_paused = true)]
async fn a_tag_for_a_movement_before_the_command_is_not_its_confirmation() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.moved(0, Bolt::Unlocked, How::Untagged).await;
    house.pass(50).await;
    house.hub.next(0, Deed::Write(vec![]));
    let ticket = house.unlock(0).await;
    house.pass(20).await;
    house.hub.say(0, Said::At(Bolt::Unlocked), How::Tagged(Method::Remote, None)).await;
    house.pass(20).await;
    assert!(ticket.outcome.borrow().is_none(), "somebody else's remote operation");
    house.hub.set(|state| state.locks[0].said = LOCKED);
    assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown));
}

#[tokio::test(start_paused = true)]
async fn a_repeat_of_an_old_report_confirms_nothing_and_changes_no_state() {
    for how in [How::Untagged, How::Tagged(Method::Remote, None), How::Tagged(Method::Manual, None)] {
        let house = House::with(1, TERSE).await;
        house.hub.moved(0, Bolt::Unlocked, how).await;
        house.pass(2_000).await;
        house.hub.moved(0, Bolt::Locked, how).await;
        house.pass(1_400).await;
        house.hub.next(0, Deed::Write(vec![(20, Word::Ack)]));
        let moves = house.moves(0).len();
        let ticket = house.unlock(0).await;
        house.pass(1_000).await;
        house.hub.say(0, Said::At(Bolt::Unlocked), how).await;
        house.pass(1).await;
        assert_eq!(house.state(0).shown_bolt(), None, "in doubt");
        assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown), "{how:?}: it may have come and gone");
        assert_eq!(house.moves(0).len(), moves);
        assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Locked));
    }
}

#[tokio::test(start_paused = true)]
async fn a_doubt_that_no_read_settles_is_not_shown_as_truth_and_is_asked_about_again() {
    let house = House::with(1, TERSE).await;
    house.pass(10_000).await;
    for (bolt, later) in [(Bolt::Unlocked, 1_800), (Bolt::Locked, 1_800), (Bolt::Unlocked, 1)] {
        house.hub.set(|state| state.locks[0].reads = Reads::Fail);
        house.hub.moved(0, bolt, How::Untagged).await;
        house.pass(later).await;
    }
    assert_eq!(house.state(0).shown_bolt(), None);
    let reads = house.hub.reads();
    house.pass(24 * 3_600_000).await;
    assert_eq!(house.state(0).shown_bolt(), None, "unknown is called unknown");
    let asked = house.hub.reads() - reads;
    assert!((10..=40).contains(&asked), "{asked} reads in a day");
    house.hub.set(|state| state.locks[0].reads = Reads::Answer(30));
    house.pass(3_600_000).await;
    assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Unlocked));
    assert_eq!(house.moves(0).last().map(|(to, ..)| *to), Some(Bolt::Unlocked));
}

#[tokio::test(start_paused = true)]
async fn already_there_is_confirmed_by_the_report_or_by_a_read_and_told_once() {
    for (traits, steps) in [
        (TALKATIVE, vec![(300, Word::Tagged(Method::Remote))]),
        (TALKATIVE, vec![(20, Word::Ack)]),
        (TERSE, vec![(20, Word::Ack), (300, Word::Untagged)]),
    ] {
        let house = House::with(1, traits).await;
        house.hub.next(0, Deed::Write(steps));
        let ticket = house.lock(0).await;
        let id = ticket.attempt.id;
        assert_eq!(house.end(ticket).await, CONFIRMED);
        assert_eq!(house.moves(0), [(Bolt::Locked, Method::Remote, Some(id), None)]);
    }
}

#[tokio::test(start_paused = true)]
async fn already_there_and_unreadable_is_unconfirmed_and_changes_nothing() {
    let house = House::with(1, UNREADABLE).await;
    house.hub.say(0, LOCKED, How::Untagged).await;
    house.pass(1).await;
    let before = (house.state(0), house.moves(0));
    house.hub.next(0, Deed::Write(vec![(20, Word::Ack)]));
    let ticket = house.lock(0).await;
    assert_eq!(house.timed(ticket).await, (UNCONFIRMED, 1_000));
    assert_eq!((house.state(0), house.moves(0)), before);
}

#[tokio::test(start_paused = true)]
async fn a_jam_ends_the_attempt_in_the_commit_that_records_it() {
    for steps in [vec![(700, Word::Jam)], vec![(700, Word::Refuse(Refused::Jammed))]] {
        let house = House::with(1, TALKATIVE).await;
        house.hub.next(0, Deed::Write(steps));
        let ticket = house.unlock(0).await;
        assert_eq!(house.timed(ticket).await, (failed(FailureKind::LockJammed), 700));
        let state = house.state(0);
        assert!(state.jammed_since.is_some());
        assert_eq!(state.shown_bolt(), None, "unknown is unknown");
        assert_eq!(house.moves(0), []);
        house.pass(10_000).await;
        let ticket = house.lock(0).await;
        assert_eq!(house.end(ticket).await, CONFIRMED);
        assert_eq!((house.state(0).jammed_since, house.state(0).shown_bolt()), (None, Some(Bolt::Locked)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_jam_is_cleared_by_a_turn_at_the_door() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![(700, Word::Refuse(Refused::Jammed))]));
    let ticket = house.unlock(0).await;
    house.end(ticket).await;
    house.pass(10_000).await;
    house.hub.moved(0, Bolt::Locked, How::Untagged).await;
    house.pass(200).await;
    assert_eq!((house.state(0).jammed_since, house.state(0).shown_bolt()), (None, Some(Bolt::Locked)));
    assert_eq!(house.moves(0), [(Bolt::Locked, Method::Unknown, None, None)]);
}

#[tokio::test(start_paused = true)]
async fn an_obstruction_ends_the_attempt() {
    let steps = vec![(20, Word::Ack), (400, Word::Obstruct)];
    assert_eq!(comes_to(TALKATIVE, steps).await, (failed(FailureKind::BoltObstructed), 400, 0));
}

#[tokio::test(start_paused = true)]
async fn a_read_asked_in_the_instant_before_the_write_is_not_its_confirmation() {
    use thumbturn_core::locks::Reachability::{Reachable, Unreachable};
    let house = House::with(1, TALKATIVE).await;
    house.hub.reach(0, Unreachable).await;
    house.hub.set(|state| state.locks[0].said = Said::At(Bolt::Unlocked));
    let reads = house.hub.reads();
    house.hub.reach(0, Reachable).await;
    while house.hub.reads() == reads {
        tokio::task::yield_now().await;
    }
    house.hub.next(0, Deed::Write(vec![(20, Word::Ack)]));
    let ticket = house.unlock(0).await;
    assert_eq!(house.timed(ticket).await, (CONFIRMED, 5_050), "by a read of its own");
}
