//! Hubs that go away and come back, locks out of reach, refused credentials.

use thumbturn_core::accounts::{AccountEdit, LinkState};
use thumbturn_core::attempts::FailureKind;
use thumbturn_core::devices::{OfflineBecause, Reach};
use thumbturn_core::events::Method;
use thumbturn_core::locks::{Bolt, Reachability};
use thumbturn_core::ports::{ConnectError, How, Signal};

use crate::house::{CONFIRMED, House, LOCKED, TALKATIVE, TERSE, UNLOCKED, account, failed, lock};
use crate::hub::{Deed, Word};
use crate::store::Rows;

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_away_ends_attempts_at_once_and_nothing_is_written_when_it_returns() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.go_away().await;
    house.pass(10).await;
    let ticket = house.unlock(0).await;
    assert_eq!(house.timed(ticket).await, (failed(FailureKind::HubDisconnected), 0));
    house.hub.come_back();
    house.pass(60_000).await;
    assert_eq!(house.hub.wrote().len(), 0);
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, CONFIRMED);
}

#[tokio::test(start_paused = true)]
async fn attempts_that_wait_when_the_hub_goes_away_end_at_once() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![]));
    let written = house.unlock(0).await;
    let waiting = house.lock(0).await;
    house.pass(100).await;
    house.hub.go_away().await;
    assert_eq!(house.timed(waiting).await, (failed(FailureKind::HubDisconnected), 0));
    house.hub.come_back();
    assert_eq!(house.end(written).await, failed(FailureKind::OutcomeUnknown));
    house.pass(60_000).await;
    assert_eq!(house.hub.wrote().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_command_on_its_way_to_a_hub_that_goes_away_is_not_written() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Dawdle(5_000, vec![(1, Word::Ack)]));
    let ticket = house.unlock(0).await;
    house.pass(100).await;
    house.hub.go_away().await;
    assert_eq!(house.timed(ticket).await, (failed(FailureKind::HubDisconnected), 0));
    house.hub.come_back();
    house.pass(60_000).await;
    assert_eq!(house.hub.wrote().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_after_the_write_is_read_back_once_it_returns() {
    for (moves, outcome) in [(true, CONFIRMED), (false, failed(FailureKind::OutcomeUnknown))] {
        let house = House::with(1, TALKATIVE).await;
        let step = if moves { Word::Move } else { Word::Ack };
        house.hub.next(0, Deed::Write(vec![(10, Word::Lost), (900, step)]));
        house.hub.set(|state| state.refuses = Some(ConnectError::Unreachable("away".to_owned())));
        let ticket = house.unlock(0).await;
        house.pass(8_000).await;
        house.hub.come_back();
        let reads = house.hub.reads();
        let id = ticket.attempt.id;
        assert_eq!(house.end(ticket).await, outcome);
        assert!(house.hub.reads() - reads <= 2);
        house.pass(60_000).await;
        assert_eq!(house.hub.wrote().len(), 1, "not sent again");
        let named = house.moves(0).iter().filter(|moved| moved.2 == Some(id)).count();
        assert_eq!(named, usize::from(moves));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_out_of_reach_ends_attempts_at_once() {
    let house = House::with(2, TALKATIVE).await;
    house.hub.reach(0, Reachability::Unreachable).await;
    house.pass(10).await;
    let ticket = house.unlock(0).await;
    assert_eq!(house.timed(ticket).await, (failed(FailureKind::DeviceDisconnected), 0));
    assert_eq!(house.state(0).shown_bolt(), None);
    let ticket = house.unlock(1).await;
    assert_eq!(house.end(ticket).await, CONFIRMED);
    house.hub.reach(0, Reachability::WorthATry).await;
    house.pass(100).await;
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, CONFIRMED);
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_end_attempts_at_once() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.go_away().await;
    house.hub.set(|state| state.refuses = Some(ConnectError::CredentialsRefused("no".to_owned())));
    house.pass(6_000).await;
    let ticket = house.unlock(0).await;
    assert_eq!(house.timed(ticket).await, (failed(FailureKind::AccountDisconnected), 0));
    let because = OfflineBecause::AccountDisconnected;
    assert!(matches!(house.state(0).reach, Reach::Offline { because: known, .. } if known == because));
}

#[tokio::test(start_paused = true)]
async fn a_removed_lock_ends_attempts_and_may_come_back() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![]));
    let written = house.unlock(0).await;
    let waiting = house.lock(0).await;
    house.pass(10).await;
    house.hub.signal(Signal::Gone(house.hub.native(0))).await;
    assert_eq!(house.timed(waiting).await, (failed(FailureKind::DeviceRemoved), 0));
    assert_eq!(house.end(written).await, failed(FailureKind::OutcomeUnknown));
    let described = lock(0, TALKATIVE);
    let about = Box::new(described.about);
    house.hub.signal(Signal::Discovered { about, traits: TALKATIVE }).await;
    house.hub.reach(0, Reachability::Unreachable).await;
    house.pass(10).await;
    let because = OfflineBecause::DeviceDisconnected;
    assert!(matches!(house.state(0).reach, Reach::Offline { because: known, .. } if known == because));
    house.hub.reach(0, Reachability::Reachable).await;
    house.pass(3_000).await;
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, CONFIRMED);
    assert_eq!(house.names().iter().filter(|name| **name == "device.added").count(), 2);
    assert_eq!(house.names().iter().filter(|name| **name == "device.removed").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_edit_of_the_account_counts_for_the_locks_found_after_it() {
    let house = House::with(1, TALKATIVE).await;
    let found = async |n: usize| {
        let about = Box::new(lock(n, TALKATIVE).about);
        house.hub.signal(Signal::Discovered { about, traits: TALKATIVE }).await;
        house.pass(10).await;
        let device =
            |rows: &Rows| rows.devices.values().find(|device| device.about == lock(n, TALKATIVE).about).cloned();
        house.store.look(|rows| device(rows)).unwrap().is_managed
    };
    assert!(found(1).await);
    for manages in [false, true] {
        let edit = AccountEdit { manages_new_devices: Some(manages), ..AccountEdit::default() };
        house.engine.edit_account(account(0).id, edit).await.unwrap();
        assert_eq!(found(2 + usize::from(manages)).await, manages);
    }
    assert!(found(0).await, "a known lock stays as it was");
}

#[tokio::test(start_paused = true)]
async fn a_first_word_after_a_reconnection_is_a_movement_only_if_it_differs() {
    let house = House::with(1, TALKATIVE).await;
    for (said, moves) in [(LOCKED, 0), (UNLOCKED, 1), (UNLOCKED, 1), (LOCKED, 2)] {
        house.hub.go_away().await;
        house.pass(10_000).await;
        assert_eq!(house.state(0).shown_bolt(), None, "nobody knows");
        house.hub.set(|state| state.locks[0].said = said);
        house.hub.come_back();
        house.pass(10_000).await;
        assert_eq!(house.moves(0).len(), moves);
        assert!(house.state(0).shown_bolt().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_retained_word_is_no_evidence_and_no_position_of_a_lock_that_can_be_read() {
    let house = House::built(1, TALKATIVE, |hub| {
        hub.set(|state| {
            state.locks[0].remembered = Some(UNLOCKED);
            state.locks[0].reads = crate::hub::Reads::Never;
        });
    })
    .await;
    assert_eq!(house.state(0).shown_bolt(), None);
    house.hub.next(0, Deed::Write(vec![(10, Word::Ack)]));
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown));
}

#[tokio::test(start_paused = true)]
async fn a_movement_that_waits_for_its_tag_is_not_lost_with_the_connection() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.moved(0, Bolt::Unlocked, How::Untagged).await;
    house.pass(1).await;
    house.hub.go_away().await;
    house.pass(200).await;
    assert_eq!(house.moves(0), [(Bolt::Unlocked, Method::Unknown, None, None)]);
}

#[tokio::test(start_paused = true)]
async fn a_first_word_that_was_in_doubt_does_not_come_back_as_fresh_after_the_connection_is_lost() {
    let house = House::built(1, TERSE, |hub| {
        hub.set(|state| state.locks[0].reads = crate::hub::Reads::Never);
    })
    .await;
    house.pass(7_000).await;
    house.hub.next(0, Deed::Write(vec![(10, Word::Untagged), (500, Word::Lost)]));
    house.hub.set(|state| state.refuses = Some(ConnectError::Unreachable("away".to_owned())));
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown));
    assert!(!house.state(0).fresh, "nobody has heard of it since");
}

#[tokio::test(start_paused = true)]
async fn a_first_word_in_doubt_never_overwrites_a_later_one() {
    let house = House::built(1, TERSE, |hub| {
        hub.set(|state| state.locks[0].reads = crate::hub::Reads::Never);
    })
    .await;
    house.pass(7_000).await;
    house.hub.next(0, Deed::Write(vec![(10, Word::Untagged), (6_000, Word::Stale)]));
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown));
    assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Locked));
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_commanded_only_once_its_hub_has_described_it() {
    let mut house = House::with(2, TALKATIVE).await;
    house.killed(|hub| hub.set(|state| state.locks[0].described = false)).await;
    house.pass(1_000).await;
    let ticket = house.unlock(0).await;
    assert_eq!(house.timed(ticket).await, (failed(FailureKind::DeviceDisconnected), 0));
    let ticket = house.unlock(1).await;
    assert_eq!(house.end(ticket).await, CONFIRMED);
    let about = Box::new(lock(0, TALKATIVE).about);
    house.hub.signal(Signal::Discovered { about, traits: TALKATIVE }).await;
    house.hub.reach(0, Reachability::Reachable).await;
    house.pass(1_000).await;
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, CONFIRMED);
}

#[tokio::test(start_paused = true)]
async fn a_renamed_lock_keeps_its_id_and_its_state() {
    let house = House::with(1, TALKATIVE).await;
    let ticket = house.unlock(0).await;
    assert_eq!(house.end(ticket).await, CONFIRMED);
    let before = house.device(0);
    let about = Box::new(thumbturn_core::devices::About { name: "Haustür/Süd 1".to_owned(), ..before.about.clone() });
    house.hub.signal(Signal::Discovered { about, traits: TALKATIVE }).await;
    house.pass(10).await;
    let after = house.device(0);
    assert_eq!((after.id, after.about.name.as_str()), (before.id, "Haustür/Süd 1"));
    assert_eq!(after.state, before.state);
}

#[tokio::test(start_paused = true)]
async fn the_account_tells_of_its_connection_once() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.go_away().await;
    house.pass(30_000).await;
    house.hub.come_back();
    house.pass(30_000).await;
    house.store.look(|rows| assert_eq!(rows.accounts[&account(0).id].link, LinkState::Up));
    let names: Vec<_> = house.names().into_iter().filter(|name| name.starts_with("connected_account")).collect();
    let expected = [
        "connected_account.connected",
        "connected_account.completed_first_sync",
        "connected_account.disconnected",
        "connected_account.connected",
        "connected_account.completed_first_sync_after_reconnection",
    ];
    assert_eq!(names, expected);
    let devices: Vec<_> = house.names().into_iter().filter(|name| name.starts_with("device.")).collect();
    assert_eq!(devices, ["device.added", "device.connected", "device.disconnected", "device.connected"]);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_locks_are_read_back_at_the_hubs_pace() {
    let house = House::with(1_000, TALKATIVE).await;
    assert_eq!(house.hub.reads(), 1_000);
    house.pass(86_400_000).await;
    assert_eq!(house.hub.reads(), 1_000, "an idle day costs nothing");
}

#[tokio::test(start_paused = true)]
async fn a_repeat_of_a_report_that_nobody_heard_is_not_a_confirmation() {
    for how in [How::Untagged, How::Tagged(Method::Remote, None)] {
        let house = House::with(1, TERSE).await;
        house.hub.go_away().await;
        house.hub.moved(0, Bolt::Unlocked, how).await;
        house.hub.moved(0, Bolt::Locked, How::Tagged(Method::Manual, None)).await;
        house.hub.come_back();
        house.pass(2_000).await;
        house.hub.next(0, Deed::Write(vec![(20, Word::Ack), (2_000, Word::Repeat(how))]));
        let ticket = house.unlock(0).await;
        assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown), "it may have come and gone");
        assert_eq!(house.moves(0), []);
        assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Locked));
    }
}

#[tokio::test(start_paused = true)]
async fn a_bolt_that_moved_right_after_a_connection_and_came_back_is_not_called_unmoved() {
    for how in [How::Untagged, How::Tagged(Method::Automatic, None)] {
        let house = House::built(1, TALKATIVE, |_| {}).await;
        let steps = vec![(20, Word::Ack), (300, Word::Move), (300, Word::Tagged(Method::Remote))];
        house.hub.next(0, Deed::Write(steps));
        let ticket = house.unlock(0).await;
        house.pass(600).await;
        house.hub.moved(0, Bolt::Locked, how).await;
        assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown), "{how:?}: it moved, and came back");
        assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Locked));
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_on_its_way_to_a_lock_that_goes_out_of_reach_is_not_written() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Dawdle(5_000, vec![(1, Word::Ack)]));
    let ticket = house.unlock(0).await;
    house.pass(100).await;
    house.hub.reach(0, Reachability::Unreachable).await;
    assert_eq!(house.timed(ticket).await, (failed(FailureKind::DeviceDisconnected), 0));
    house.hub.reach(0, Reachability::Reachable).await;
    house.pass(60_000).await;
    assert_eq!(house.hub.wrote().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_new_hub_is_connected_before_its_locks_are_and_synced_after_them() {
    let house = House::with(3, TALKATIVE).await;
    let names = house.names();
    let first: Vec<_> = names.iter().copied().take(8).collect();
    let mut expected = vec!["connected_account.connected", "device.added", "device.added", "device.added"];
    expected.extend(["device.connected"; 3]);
    expected.push("connected_account.completed_first_sync");
    assert_eq!(first[0], expected[0], "{names:?}");
    assert_eq!(first[7], expected[7], "{names:?}");
    let sorted = |mut names: Vec<&'static str>| {
        names.sort_unstable();
        names
    };
    assert_eq!(sorted(first), sorted(expected));
}
