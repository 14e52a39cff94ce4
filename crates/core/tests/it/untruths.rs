//! Sequences that once led to an untrue answer, a stuck attempt or a stale position.

use jiff::SignedDuration;
use thumbturn_core::attempts::FailureKind;
use thumbturn_core::devices::{OfflineBecause, Reach};
use thumbturn_core::events::Method;
use thumbturn_core::hub::outcome_of;
use thumbturn_core::locks::{Action, Bolt, Reachability};
use thumbturn_core::ports::{Clock, How, ReadId, Refused, Said, Signal};

use crate::attempt_rules::UNREADABLE;
use crate::house::{CONFIRMED, House, LOCKED, TALKATIVE, TERSE, UNCONFIRMED, UNLOCKED, account, failed, lock};
use crate::hub::{Deed, Reads, Word};

const MANUAL: How = How::Tagged(Method::Manual, None);

#[tokio::test(start_paused = true)]
async fn a_repeat_is_known_however_much_was_said_in_between() {
    for how in [How::Untagged, How::Tagged(Method::Remote, None)] {
        let house = House::with(1, TERSE).await;
        house.hub.moved(0, Bolt::Unlocked, how).await;
        house.pass(1_000).await;
        house.hub.moved(0, Bolt::Locked, how).await;
        for _ in 0..8 {
            house.pass(250).await;
            house.hub.say(0, LOCKED, How::Untagged).await;
        }
        house.hub.next(0, Deed::Write(vec![(20, Word::Ack), (1_400, Word::Repeat(how))]));
        let ticket = house.unlock(0).await;
        assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown), "{how:?}: the bolt never moved");
        assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Locked));
    }
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_was_heard_in_time_counts_however_slow_the_disk_is() {
    let house = House::with(1, TALKATIVE).await;
    let steps = vec![(20, Word::Ack), (500, Word::Move), (500, Word::Untagged), (540, Word::Tagged(Method::Manual))];
    house.hub.next(0, Deed::Write(steps));
    let ticket = house.unlock(0).await;
    house.pass(490).await;
    house.store.takes(200);
    house.hub.signal(Signal::Door(house.hub.native(0), true)).await;
    assert_ne!(house.end(ticket).await, CONFIRMED, "by hand, and the lock said so 40 ms later");
}

#[tokio::test(start_paused = true)]
async fn a_doubt_that_no_read_settles_is_not_shown_as_known() {
    for reads in [Reads::Fail, Reads::Never, Reads::Hang, Reads::NotWritten] {
        for traits in [TERSE, TALKATIVE] {
            let house = House::with(1, traits).await;
            house.hub.set(|state| state.locks[0].reads = reads.clone());
            for to in [Bolt::Unlocked, Bolt::Locked, Bolt::Unlocked] {
                house.hub.moved(0, to, MANUAL).await;
                house.pass(2_000).await;
            }
            house.pass(3_600_000).await;
            assert_ne!(house.state(0).shown_bolt(), Some(Bolt::Locked), "{reads:?}: open for an hour");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_retained_word_invents_no_time_of_a_report() {
    let house = House::built(1, UNREADABLE, |hub| {
        hub.set(|state| {
            state.locks[0].remembered = Some(LOCKED);
            state.locks[0].said = UNLOCKED;
        });
    })
    .await;
    assert_eq!(house.state(0).reported_at, None);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_could_not_be_deleted_still_works_or_is_shown_offline() {
    let house = House::with(1, TALKATIVE).await;
    assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Locked));
    house.store.fails(true);
    assert!(house.engine.remove_account(&account(0)).await.is_err());
    house.store.fails(false);
    house.hub.moved(0, Bolt::Unlocked, MANUAL).await;
    house.pass(60_000).await;
    assert_ne!(house.state(0).shown_bolt(), Some(Bolt::Locked), "nobody listens any more");
    assert!(house.begin(0, Action::UnlockDoor).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_does_not_stop_a_deletion_halfway() {
    let house = House::with(1, TALKATIVE).await;
    house.store.takes(100);
    let gone = account(0);
    tokio::select! {
        biased;
        _ = house.engine.remove_account(&gone) => panic!("it takes 100 ms"),
        () = house.pass(50) => {}
    }
    house.store.takes(0);
    house.pass(60_000).await;
    let left = house.store.look(|rows| rows.devices.len());
    assert!(left == 0 || house.begin(0, Action::UnlockDoor).await.is_ok(), "neither deleted nor served");
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_panics_leaves_no_attempt_pending() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Panic);
    let first = house.unlock(0).await;
    let second = house.lock(0).await;
    house.pass(120_000).await;
    for ticket in [&first, &second] {
        assert!(house.stored(ticket.attempt.id).outcome.is_some(), "pending for ever");
    }
    let third = house.begin(0, Action::UnlockDoor).await.unwrap();
    assert!(outcome_of(third.outcome).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_is_said_while_connecting_may_be_a_repeat_too() {
    let house = House::with(1, TERSE).await;
    house.hub.go_away().await;
    house.pass(8_000).await;
    house.hub.set(|state| {
        state.locks[0].greets = Some((UNLOCKED, How::Untagged));
        state.connects_in = 100;
    });
    house.hub.come_back();
    house.pass(60_000).await;
    assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Locked), "it stands locked and can be read");
    assert_eq!(house.moves(0), []);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_the_hub_no_longer_describes_is_not_commanded_in_a_later_session() {
    let house = House::with(2, TALKATIVE).await;
    house.hub.go_away().await;
    house.pass(10).await;
    house.hub.set(|state| state.locks[0].described = false);
    house.hub.come_back();
    house.pass(10_000).await;
    let because = OfflineBecause::DeviceDisconnected;
    let ticket = house.unlock(0).await;
    let end = house.timed(ticket).await;
    let reach = house.state(0).reach;
    assert!(
        end == (failed(FailureKind::DeviceDisconnected), 0)
            && matches!(reach, Reach::Offline { because: known, .. } if known == because),
        "{end:?} {reach:?} wrote {}",
        house.hub.wrote().len()
    );
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_set_right_after_the_start_does_not_cut_the_recovery_short() {
    let mut house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![]));
    let id = house.unlock(0).await.attempt.id;
    house.pass(300).await;
    house
        .killed(|hub| {
            hub.set(|state| {
                state.locks[0].said = UNLOCKED;
                state.locks[0].reads = Reads::Answer(500);
            })
        })
        .await;
    house.pass(100).await;
    house.clock.jump(SignedDuration::from_hours(24));
    house.pass(15_000).await;
    assert_eq!(house.stored(id).outcome, Some(UNCONFIRMED));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_into_the_mailbox_of_an_unreadable_lock_makes_it_unknown() {
    let house = House::with(1, UNREADABLE).await;
    house.hub.moved(0, Bolt::Locked, How::Untagged).await;
    house.pass(10_000).await;
    assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Locked));
    house.store.takes(50);
    house.hub.signal(Signal::Door(house.hub.native(0), true)).await;
    house.pass(1).await;
    for _ in 0..800 {
        house.hub.say(0, LOCKED, How::Assumed).await;
    }
    house.hub.moved(0, Bolt::Unlocked, How::Untagged).await;
    house.pass(60_000).await;
    assert_ne!(house.state(0).shown_bolt(), Some(Bolt::Locked));
}

#[tokio::test(start_paused = true)]
async fn a_report_that_comes_long_after_the_read_that_confirmed_is_no_second_event() {
    let house = House::with(1, TALKATIVE).await;
    let steps = vec![(20, Word::Ack), (900, Word::Move), (8_000, Word::Tagged(Method::Remote))];
    house.hub.next(0, Deed::Write(steps));
    let ticket = house.unlock(0).await;
    let id = ticket.attempt.id;
    assert_eq!(house.end(ticket).await, CONFIRMED);
    house.pass(20_000).await;
    assert_eq!(house.moves(0), [(Bolt::Unlocked, Method::Remote, Some(id), None)]);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_clears_no_jam_and_tells_no_movement_on_an_unreadable_lock() {
    let house = House::with(1, UNREADABLE).await;
    house.hub.moved(0, Bolt::Locked, How::Untagged).await;
    house.pass(10_000).await;
    house.hub.moved(0, Bolt::Unlocked, How::Untagged).await;
    house.pass(2_000).await;
    house.hub.say(0, Said::Jammed, How::Untagged).await;
    house.pass(2_400).await;
    house.hub.say(0, UNLOCKED, How::Untagged).await;
    house.pass(10).await;
    assert!(house.state(0).jammed_since.is_some());
    assert_eq!(house.state(0).shown_bolt(), None);
}

#[tokio::test(start_paused = true)]
async fn a_read_answered_between_a_change_and_its_tag_does_not_lose_the_tag() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.reach(0, Reachability::Unreachable).await;
    house.hub.reach(0, Reachability::Reachable).await;
    house.pass(1).await;
    house.hub.say(0, LOCKED, How::Untagged).await;
    house.pass(14).await;
    house.hub.moved(0, Bolt::Unlocked, How::Untagged).await;
    house.pass(40).await;
    house.hub.say(0, UNLOCKED, How::Tagged(Method::Keycode, Some(3))).await;
    house.pass(10_000).await;
    assert_eq!(house.moves(0), [(Bolt::Unlocked, Method::Keycode, None, Some(3))]);
}

#[tokio::test(start_paused = true)]
async fn a_jam_that_the_hub_tells_late_is_told() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![(31_000, Word::Refuse(Refused::Jammed))]));
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown));
    house.pass(5_000).await;
    assert!(house.state(0).jammed_since.is_some(), "{:?}", house.state(0));
}

#[tokio::test(start_paused = true)]
async fn a_bolt_that_jams_again_ends_the_next_attempt_as_well() {
    for traits in [TERSE, TALKATIVE, UNREADABLE] {
        let house = House::with(1, traits).await;
        house.hub.next(0, Deed::Write(vec![(700, Word::Jam)]));
        let ticket = house.unlock(0).await;
        assert_eq!(house.timed(ticket).await, (failed(FailureKind::LockJammed), 700));
        house.pass(20_000).await;
        house.hub.next(0, Deed::Write(vec![(20, Word::Ack), (700, Word::Jam)]));
        let ticket = house.unlock(0).await;
        let (outcome, ms) = house.timed(ticket).await;
        assert!(
            outcome == failed(FailureKind::LockJammed) && ms <= 1_700,
            "{outcome:?} after {ms}, readable {}",
            traits.readable
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_found_later_is_read() {
    let house = House::with(1, TALKATIVE).await;
    let new = lock(1, TALKATIVE);
    let about = Box::new(new.about.clone());
    house.hub.set(|state| state.locks.push(new));
    house.hub.signal(Signal::Discovered { about, traits: TALKATIVE }).await;
    house.hub.reach(1, Reachability::Reachable).await;
    house.pass(60_000).await;
    assert_eq!(house.state(1).shown_bolt(), Some(Bolt::Locked));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_was_removed_and_is_found_again_is_read() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.signal(Signal::Gone(house.hub.native(0))).await;
    house.pass(10).await;
    let about = Box::new(lock(0, TALKATIVE).about);
    house.hub.signal(Signal::Discovered { about, traits: TALKATIVE }).await;
    house.hub.reach(0, Reachability::Reachable).await;
    house.pass(60_000).await;
    assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Locked));
}

#[tokio::test(start_paused = true)]
async fn a_repeat_of_what_only_a_read_found_confirms_nothing() {
    let house = House::with(1, TERSE).await;
    // the first transmission of "unlocked" is lost; a read finds it; somebody locks; the lock's repeat of it arrives.
    house.hub.set(|state| state.locks[0].said = UNLOCKED);
    house.hub.reach(0, Reachability::Unreachable).await;
    house.hub.reach(0, Reachability::Reachable).await;
    house.pass(2_100).await;
    assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Unlocked));
    house.hub.moved(0, Bolt::Locked, MANUAL).await;
    house.pass(200).await;
    house.hub.next(0, Deed::Write(vec![(20, Word::Ack), (1_500, Word::Repeat(How::Untagged))]));
    let ticket = house.unlock(0).await;
    assert_ne!(house.end(ticket).await, CONFIRMED);
}

#[tokio::test(start_paused = true)]
async fn a_slow_lock_does_not_hold_the_session_up() {
    let house = House::with(2, TALKATIVE).await;
    let ticket = {
        house.hub.next(1, Deed::Write(vec![(2_000, Word::Move), (2_000, Word::Tagged(Method::Remote))]));
        house.unlock(1).await
    };
    house.store.takes(1_000);
    house.pass(1_000).await;
    house.hub.signal(Signal::Door(house.hub.native(0), true)).await;
    house.pass(1).await;
    for _ in 0..300 {
        house.hub.say(0, LOCKED, How::Assumed).await;
    }
    for n in 0..8 {
        let mut about = lock(0, TALKATIVE).about;
        about.name = format!("x{n}");
        house.hub.signal(Signal::Discovered { about: Box::new(about), traits: TALKATIVE }).await;
    }
    house.pass(990).await;
    let begun = house.clock.now();
    let outcome = house.end(ticket).await;
    let ms = house.clock.now().since(begun).as_millis();
    assert!(outcome == CONFIRMED && ms <= 1_100, "{outcome:?} {ms}");
}

#[test]
fn a_lock_that_counts_from_the_beginning_again_is_heard() {
    use crate::attempt_rules::at;
    use thumbturn_core::memory::Memory;
    use thumbturn_core::ports::Report;
    let mut memory = Memory::default();
    let mut hear = |ms, said, n| {
        memory.hear(&Report { said, how: How::Untagged, heard: at(ms), occurred_at: None, sequence: Some(n) }, &TERSE)
    };
    hear(1_000, LOCKED, 5_000);
    // New batteries, an hour later.
    assert!(!hear(3_600_000, UNLOCKED, 1).is_empty(), "the door is open and nobody hears it");
}

#[test]
fn an_answer_that_may_be_older_than_a_report_is_a_doubt() {
    use crate::attempt_rules::at;
    use thumbturn_core::memory::{Known, Memory};
    use thumbturn_core::ports::Report;
    let mut memory = Memory::default();
    let hear = |memory: &mut Memory, ms, said, how| {
        memory.hear(&Report { said, how, heard: at(ms), occurred_at: None, sequence: None }, &TERSE)
    };
    hear(&mut memory, 0, LOCKED, How::Untagged);
    memory.asked(ReadId(1), at(9_000));
    hear(&mut memory, 9_500, UNLOCKED, How::Untagged);
    hear(&mut memory, 9_600, LOCKED, How::Read(ReadId(1)));
    assert!(memory.known() != Known::At(Bolt::Locked) || memory.in_doubt());
}

#[tokio::test(start_paused = true)]
async fn a_movement_minutes_after_an_unknown_outcome_is_not_its_doing() {
    let house = House::with(1, TERSE).await;
    house.hub.next(0, Deed::Write(vec![]));
    let ticket = house.unlock(0).await;
    house.end(ticket).await;
    house.pass(540_000).await;
    house.hub.moved(0, Bolt::Unlocked, How::Untagged).await;
    house.pass(10).await;
    assert_eq!(house.moves(0)[0].1, Method::Unknown);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_leaves_the_position_unknown() {
    for (traits, reads) in [(TALKATIVE, Reads::Fail), (TERSE, Reads::Never), (UNREADABLE, Reads::Never)] {
        let house = House::with(1, traits).await;
        house.hub.say(0, LOCKED, How::Untagged).await;
        house.pass(10_000).await;
        house.hub.set(|state| state.locks[0].reads = reads.clone());
        house.hub.next(0, Deed::Write(vec![(20, Word::Ack), (900, Word::Move)]));
        let ticket = house.unlock(0).await;
        assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown));
        assert_ne!(house.state(0).shown_bolt(), Some(Bolt::Locked), "the bolt may have moved; it has");
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_could_not_be_deleted_is_served_as_before() {
    let house = House::with(1, TALKATIVE).await;
    let device = house.device(0);
    house.store.fails(true);
    let back = async {
        house.pass(5_000).await;
        house.store.fails(false);
    };
    let (deleted, ()) = tokio::join!(house.engine.delete_device(&device), back);
    assert!(deleted.is_err());
    house.pass(5_000).await;
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, crate::house::CONFIRMED);
}

/// Found by the simulation: the lock told the old position while its motor was still to run, then nothing more.
#[tokio::test(start_paused = true)]
async fn a_position_told_before_the_movement_could_be_over_is_not_shown_after_an_unknown_outcome() {
    let house = House::with(1, UNREADABLE).await;
    house.hub.moved(0, Bolt::Locked, How::Untagged).await;
    house.pass(10_000).await;
    house.hub.next(0, Deed::Write(vec![(20, Word::Ack), (100, Word::Stale), (900, Word::Move)]));
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown));
    assert_eq!(house.state(0).shown_bolt(), None);
}
