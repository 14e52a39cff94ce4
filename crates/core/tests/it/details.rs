//! Small rules that nothing else holds in place: each of these fails when one line of the engine is turned round.

use std::time::Duration;

use jiff::SignedDuration;
use thumbturn_core::attempts::FailureKind;
use thumbturn_core::events::Method;
use thumbturn_core::hub::BeginError;
use thumbturn_core::locks::{Action, Bolt, Reachability};
use thumbturn_core::ports::{Clock, ConnectError, Gate, How, ReadId, Refused, Said, Signal};

use crate::attempt_rules::UNREADABLE;
use crate::clock::SimClock;
use crate::house::{CONFIRMED, House, LOCKED, TALKATIVE, TERSE, UNCONFIRMED, UNLOCKED, account, failed, route, scope};
use crate::hub::{Deed, Reads, Word};

#[tokio::test(start_paused = true)]
async fn a_gate_closes_on_either_clock() {
    let clock = SimClock::new();
    let send_by = clock.now().after(Duration::from_secs(28));
    assert!(Gate::new(&clock, send_by).is_open());
    clock.jump(SignedDuration::from_secs(28));
    assert!(!Gate::new(&clock, send_by).is_open(), "a machine that slept");
    clock.jump(SignedDuration::from_secs(-28));
    clock.pass(28_000).await;
    assert!(!Gate::new(&clock, send_by).is_open());
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_asks_its_gate_in_the_instant_it_closes_writes_nothing() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Dawdle(28_000, vec![(1, Word::Ack)]));
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, failed(FailureKind::Expired));
    assert_eq!(house.hub.wrote().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_lost_its_database_to_another_writes_nothing() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Dawdle(100, vec![(1, Word::Ack)]));
    let ticket = house.unlock(0).await;
    house.store.is_taken();
    assert_eq!(house.end(ticket).await, failed(FailureKind::Expired));
    assert_eq!(house.hub.wrote().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn attempts_that_ended_while_they_waited_take_no_room() {
    let house = House::with(1, TALKATIVE).await;
    for _ in 0..3 {
        house.hub.next(0, Deed::Write(vec![]));
        for _ in 0..32 {
            house.unlock(0).await;
        }
        house.pass(60_000).await;
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_that_do_not_fit_into_the_mailbox_take_no_room() {
    let house = House::with(1, TALKATIVE).await;
    house.store.takes(1_000);
    house.hub.signal(Signal::Door(house.hub.native(0), true)).await;
    house.pass(1).await;
    for _ in 0..300 {
        house.hub.say(0, LOCKED, How::Assumed).await;
    }
    house.pass(1).await;
    for _ in 0..100 {
        assert!(matches!(house.begin(0, Action::UnlockDoor).await, Err(BeginError::Busy)));
    }
    house.store.takes(0);
    house.pass(10_000).await;
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, CONFIRMED);
    house.engine.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_does_not_ask_its_gate_may_have_written_at_any_time() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Ungated(300, vec![(500, Word::Move), (500, Word::Tagged(Method::Remote))]));
    let ticket = house.unlock(0).await;
    assert_eq!(house.timed(ticket).await, (CONFIRMED, 500));
    house.pass(10_000).await;
    house.hub.next(0, Deed::Ungated(300, vec![]));
    let ticket = house.lock(0).await;
    assert_eq!(house.timed(ticket).await, (failed(FailureKind::OutcomeUnknown), 30_000), "not expired: it was written");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_removed_in_the_instant_of_the_write_leaves_an_unknown_outcome() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::WriteAndHang(vec![]));
    let ticket = house.unlock(0).await;
    while house.hub.wrote().is_empty() {
        tokio::task::yield_now().await;
    }
    house.engine.remove_account(&account(0)).await.unwrap();
    assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown));
}

#[tokio::test(start_paused = true)]
async fn what_is_held_back_is_told_before_a_command_begins() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.moved(0, Bolt::Unlocked, How::Untagged).await;
    house.pass(50).await;
    house.hub.next(0, Deed::Write(vec![(1, Word::Move), (1, Word::Tagged(Method::Remote))]));
    let ticket = house.lock(0).await;
    let id = ticket.attempt.id;
    assert_eq!(house.end(ticket).await, CONFIRMED);
    let expected = [(Bolt::Unlocked, Method::Unknown, None, None), (Bolt::Locked, Method::Remote, Some(id), None)];
    assert_eq!(house.moves(0), expected);
}

#[tokio::test(start_paused = true)]
async fn a_doubt_that_outlives_its_attempt_is_settled_by_a_read() {
    let house = House::with(1, TERSE).await;
    house.hub.moved(0, Bolt::Unlocked, How::Untagged).await;
    house.pass(1_000).await;
    house.hub.moved(0, Bolt::Locked, How::Untagged).await;
    house.pass(1_000).await;
    house.hub.next(
        0,
        Deed::Write(vec![
            (300, Word::Move),
            (300, Word::Untagged),
            (310, Word::Refuse(Refused::Other("no".to_owned()))),
        ]),
    );
    let ticket = house.unlock(0).await;
    assert!(!house.end(ticket).await.succeeded());
    house.pass(5_000).await;
    assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Unlocked));
}

#[tokio::test(start_paused = true)]
async fn a_first_word_is_told_however_the_attempt_ends() {
    // a failure
    let house = House::built(1, TERSE, |hub| hub.set(|state| state.locks[0].reads = Reads::Never)).await;
    house.pass(7_000).await;
    house.hub.next(0, Deed::Write(vec![(300, Word::Move), (300, Word::Untagged)]));
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown));
    assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Unlocked));
}

#[tokio::test(start_paused = true)]
async fn a_first_word_whose_cause_comes_late_is_told_with_it() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.set(|state| state.locks[0].reads = Reads::Never);
    house.hub.go_away().await;
    house.hub.come_back();
    house.pass(10_000).await;
    house.hub.set(|state| state.locks[0].reads = Reads::Answer(30));
    let steps = vec![(20, Word::Ack), (500, Word::Move), (500, Word::Untagged), (800, Word::Tagged(Method::Keycode))];
    house.hub.next(0, Deed::Write(steps));
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, UNCONFIRMED);
    assert_eq!(house.moves(0), [(Bolt::Unlocked, Method::Keycode, None, None)]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_an_earlier_command_says_nothing_of_a_later_one() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![(30_200, Word::Refuse(Refused::PrivacyMode))]));
    let first = house.unlock(0).await;
    assert_eq!(house.end(first).await, failed(FailureKind::OutcomeUnknown));
    house.hub.next(0, Deed::Write(vec![(1_000, Word::Move), (1_000, Word::Tagged(Method::Remote))]));
    let second = house.unlock(0).await;
    assert_eq!(house.end(second).await, CONFIRMED);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_read_that_fails_says_nothing_of_the_attempt() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.set(|state| state.locks[0].reads = Reads::Answer(2_000));
    house.hub.next(0, Deed::Write(vec![(300, Word::NotAck), (900, Word::Move)]));
    let ticket = house.unlock(0).await;
    house.pass(5_500).await;
    house.hub.signal(Signal::ReadFailed(house.hub.native(0), ReadId(9_999))).await;
    assert_eq!(house.end(ticket).await, CONFIRMED);
}

#[tokio::test(start_paused = true)]
async fn only_the_read_that_was_asked_for_it_settles_what_was_left_over() {
    let mut house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![]));
    let id = house.unlock(0).await.attempt.id;
    house.pass(300).await;
    house.killed(|hub| hub.set(|state| state.locks[0].reads = Reads::Answer(2_000))).await;
    house.pass(500).await;
    house.hub.say(0, UNLOCKED, How::Read(ReadId(9_999))).await;
    house.pass(10).await;
    assert_eq!(house.stored(id).outcome, None, "an answer from before");
    house.pass(5_000).await;
    assert_eq!(house.stored(id).outcome, Some(failed(FailureKind::OutcomeUnknown)));
}

#[tokio::test(start_paused = true)]
async fn new_attempts_wait_however_long_the_recovery_takes() {
    let mut house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![]));
    let old = house.unlock(0).await.attempt.id;
    house.pass(300).await;
    house.killed(|hub| hub.set(|state| state.locks[0].reads = Reads::Answer(2_000))).await;
    let new = house.unlock(0).await;
    let id = new.attempt.id;
    assert_eq!(house.end(new).await, CONFIRMED);
    house.store.look(|rows| assert_eq!(rows.ended, [old, id]));
    assert_eq!(house.stored(old).outcome, Some(failed(FailureKind::OutcomeUnknown)));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_out_of_reach_in_the_new_session_is_not_commanded() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.go_away().await;
    house.hub.set(|state| {
        state.locks[0].reach = Reachability::Unreachable;
        state.connects_in = 100;
    });
    house.hub.come_back();
    house.pass(10_000).await;
    let ticket = house.unlock(0).await;
    assert_eq!(house.timed(ticket).await, (failed(FailureKind::DeviceDisconnected), 0));
    assert_eq!(house.hub.wrote().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reconnection_costs_one_read_and_none_where_the_lock_spoke_first() {
    let house = House::with(1, UNREADABLE).await;
    let _ = house;
    let house = House::with(1, TALKATIVE).await;
    let reads = house.hub.reads();
    house.hub.reach(0, Reachability::Unreachable).await;
    house.pass(10_000).await;
    house.hub.say(0, LOCKED, How::Untagged).await;
    house.pass(10).await;
    house.hub.reach(0, Reachability::Reachable).await;
    house.pass(10_000).await;
    assert_eq!(house.hub.reads(), reads, "it has just spoken");
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_no_longer_knows_shows_nothing() {
    let house = House::with(1, TERSE).await;
    house.hub.say(0, Said::Unsure, How::Untagged).await;
    house.pass(10).await;
    assert_eq!(house.state(0).shown_bolt(), None);
    house.hub.say(0, LOCKED, How::Untagged).await;
    house.pass(10).await;
    assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Locked));
}

#[tokio::test(start_paused = true)]
async fn an_operation_says_when_the_lock_was_last_heard() {
    let house = House::with(1, TALKATIVE).await;
    let before = house.state(0).reported_at;
    house.hub.say(0, LOCKED, How::Tagged(Method::Keycode, Some(1))).await;
    house.pass(10).await;
    assert!(house.state(0).reported_at > before);
}

#[tokio::test(start_paused = true)]
async fn a_movement_the_other_way_or_long_after_is_not_the_doing_of_an_unknown_attempt() {
    for (wait, to) in [(1_000, Bolt::Locked), (601_000, Bolt::Unlocked)] {
        let house = House::with(1, TERSE).await;
        if to == Bolt::Locked {
            house.hub.moved(0, Bolt::Unlocked, How::Tagged(Method::Manual, None)).await;
            house.pass(10_000).await;
        }
        let moves = house.moves(0).len();
        house.hub.set(|state| state.locks[0].reads = Reads::Never);
        house.hub.next(0, Deed::Write(vec![]));
        let ticket = house.unlock(0).await;
        assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown));
        house.pass(wait).await;
        house.hub.moved(0, to, How::Untagged).await;
        house.pass(10).await;
        assert_eq!(house.moves(0)[moves..], [(to, Method::Unknown, None, None)]);
    }
}

#[tokio::test(start_paused = true)]
async fn doubts_cost_few_reads() {
    let house = House::with(1, TERSE).await;
    let reads = house.hub.reads();
    house.hub.set(|state| state.locks[0].reads = Reads::Answer(1));
    for n in 0..100 {
        house.hub.moved(0, if n % 2 == 0 { Bolt::Unlocked } else { Bolt::Locked }, How::Untagged).await;
        house.pass(100).await;
    }
    assert!(house.hub.reads() - reads <= 6, "{}", house.hub.reads() - reads);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_hangs_is_given_up_and_an_attempt_hears_of_it() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.set(|state| state.locks[0].reads = Reads::Hang);
    house.hub.next(0, Deed::Write(vec![(300, Word::NotAck)]));
    let ticket = house.unlock(0).await;
    assert_eq!(house.timed(ticket).await, (failed(FailureKind::OutcomeUnknown), 10_000));
}

#[tokio::test(start_paused = true)]
async fn a_margin_longer_than_the_deadline_takes_half_of_it() {
    let house = House::with(1, thumbturn_core::locks::Traits { margin: Duration::from_secs(60), ..TALKATIVE }).await;
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, CONFIRMED);
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_not_commanded_before_it_is_described() {
    let mut house = House::with(1, TALKATIVE).await;
    house.killed(|hub| hub.set(|state| state.silent = true)).await;
    let ticket = house.unlock(0).await;
    house.pass(5_000).await;
    assert_eq!(house.hub.wrote().len(), 0, "nobody knows its margin");
    assert_eq!(house.end(ticket).await, failed(FailureKind::Expired));
    let _ = (scope(), route(&house.device(0)), ConnectError::Unreachable(String::new()));
}
