//! Hubs that tell of many locks at once.

use std::collections::HashSet;

use thumbturn_core::devices::{Device, Reach};
use thumbturn_core::events::{Event, EventKind, Method};
use thumbturn_core::ids::NativeId;
use thumbturn_core::locks::{Bolt, Reachability, Traits};
use thumbturn_core::ports::{Clock as _, ConnectError, How, Report, Said, Signal};
use thumbturn_core::spaces::Members;

use crate::house::{House, LOCKED, TALKATIVE, UNLOCKED, account, lock};
use crate::rooms::space;

/// The scripted hub itself does not know the locks that are told of here, so nobody may ask it for them.
const TOLD: Traits = Traits { readable: false, ..TALKATIVE };

fn discovered(n: usize) -> Signal {
    Signal::Discovered { about: Box::new(lock(n, TOLD).about), traits: TOLD }
}

fn native(n: usize) -> NativeId {
    lock(n, TALKATIVE).about.native
}

fn said(house: &House, n: usize, said: Said) -> Signal {
    let report = Report {
        said,
        how: How::Tagged(Method::Manual, None),
        heard: house.clock.now(),
        occurred_at: None,
        sequence: None,
    };
    Signal::Said(native(n), report, None)
}

/// Says all of it before the session hears any.
async fn say(house: &House, signals: Vec<Signal>) {
    for signal in signals {
        house.hub.signal(signal).await;
    }
    house.pass(10).await;
}

fn commits(house: &House) -> usize {
    house.store.look(|rows| rows.commits)
}

fn found(house: &House) -> usize {
    house.store.look(|rows| rows.devices.len())
}

#[tokio::test(start_paused = true)]
async fn locks_that_are_told_of_together_are_committed_together() {
    let house = House::with(1, TALKATIVE).await;
    let before = commits(&house);
    say(&house, (1..=100).map(discovered).collect()).await;
    assert_eq!(found(&house), 101);
    assert_eq!(commits(&house) - before, 1);
    assert_eq!(house.names().iter().filter(|name| **name == "device.added").count(), 101);
}

#[tokio::test(start_paused = true)]
async fn a_very_large_hub_is_committed_in_pieces() {
    let house = House::with(1, TALKATIVE).await;
    let before = commits(&house);
    say(&house, (1..=1000).map(discovered).collect()).await;
    assert_eq!(found(&house), 1001);
    let pieces = commits(&house) - before;
    assert!((4..=8).contains(&pieces), "{pieces}");
}

#[tokio::test(start_paused = true)]
async fn a_space_is_told_once_of_the_locks_that_come_together() {
    let house = House::with(1, TALKATIVE).await;
    let members = Members { devices: Vec::new(), accounts: vec![account(0).id] };
    house.store.look(|rows| rows.rooms.fill(space(1), members, &rows.devices));
    say(&house, (1..=1000).map(discovered).collect()).await;
    let told: Vec<usize> = house
        .events()
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::SpaceDeviceMembershipChanged(facts) => Some(facts.devices.len()),
            _ => None,
        })
        .collect();
    assert_eq!(told.last(), Some(&1001));
    assert!(told.len() <= 8, "one for each commit: {told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_a_lock_right_after_it_was_found_is_heard_and_what_came_before_is_not() {
    let house = House::with(1, TALKATIVE).await;
    let mut signals = vec![said(&house, 2, UNLOCKED), Signal::Gone(native(3))];
    for n in 1..=3 {
        signals.extend([discovered(n), Signal::Reach(native(n), Reachability::Reachable)]);
    }
    signals.extend([said(&house, 1, UNLOCKED), said(&house, 3, LOCKED)]);
    signals.extend([said(&house, 3, UNLOCKED), Signal::Gone(native(2))]);
    say(&house, signals).await;
    let state = |n: usize| {
        let native = native(n);
        house
            .store
            .look(|rows| rows.devices.values().find(|device| device.about.native == native).unwrap().clone())
            .state
    };
    assert_eq!((state(1).reach, state(1).bolt), (Reach::Online, Some(Bolt::Unlocked)));
    assert_eq!((state(3).reach, state(3).bolt), (Reach::Online, Some(Bolt::Unlocked)));
    assert!(state(2).reach.is_removed());
    assert_eq!(state(2).bolt, None, "it was not known yet when that was said");
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_cannot_be_stored_keeps_no_other_from_it() {
    let house = House::with(1, TALKATIVE).await;
    house.store.look(|rows| rows.refuses.insert(native(5)));
    say(&house, (1..=10).map(discovered).collect()).await;
    assert_eq!(found(&house), 10);
    let added = house.names().iter().filter(|name| **name == "device.added").count();
    assert_eq!(added, 10, "of one that is not there nothing is told");
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_told_of_twice_is_found_once_and_shown_as_told_last() {
    let house = House::with(1, TALKATIVE).await;
    let mut again = lock(1, TALKATIVE).about;
    again.name = "Renamed".to_owned();
    let again = Signal::Discovered { about: Box::new(again), traits: TOLD };
    say(&house, vec![discovered(1), again]).await;
    assert_eq!(found(&house), 2);
    let native = native(1);
    let stored = house.store.look(|rows| rows.devices.values().find(|device| device.about.native == native).cloned());
    assert_eq!(stored.unwrap().about.name, "Renamed");
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_the_end_of_a_connection_is_not_heard() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.set(|state| state.refuses = Some(ConnectError::Unreachable("away".to_owned())));
    let lost = Signal::Lost(ConnectError::Unreachable("lost".to_owned()));
    say(&house, vec![discovered(1), lost, discovered(2)]).await;
    assert_eq!(found(&house), 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_hub_tells_while_it_connects_is_committed_together_too() {
    let house = House::built(40, TALKATIVE, |hub| hub.set(|state| state.connects_in = 300)).await;
    house.pass(2_000).await;
    assert_eq!(found(&house), 40);
    let added = |event: &&Event| event.kind.name() == "device.added";
    let times: HashSet<_> = house.events().iter().filter(added).map(|event| event.occurred_at).collect();
    assert_eq!(times.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_very_large_hub_leaves_room_in_the_store_for_others() {
    let house = House::with(1, TALKATIVE).await;
    house.store.takes(50);
    let online =
        |n| [discovered(n), Signal::Reach(native(n), Reachability::Reachable), Signal::Battery(native(n), 0.5)];
    for signal in (1..=3_000).flat_map(online) {
        house.hub.signal(signal).await;
    }
    house.pass(2_000).await;
    let is_online = |device: &&Device| device.state.reach == Reach::Online;
    assert_eq!(house.store.look(|rows| rows.devices.values().filter(is_online).count()), 3_001);
    assert!(house.store.most_waiting() <= 1_100, "{}", house.store.most_waiting());
}

#[tokio::test(start_paused = true)]
async fn what_a_hub_says_of_a_lock_at_once_is_stored_at_once() {
    let house = House::with(1, TALKATIVE).await;
    let before = commits(&house);
    let n = 1;
    let told = [Signal::Battery(native(n), 0.5), Signal::Door(native(n), false), Signal::Door(native(n), true)];
    let reach = [Signal::Reach(native(n), Reachability::Reachable), said(&house, n, UNLOCKED)];
    say(&house, [discovered(n)].into_iter().chain(reach).chain(told).collect()).await;
    assert_eq!(commits(&house) - before, 2, "that it is there, and how it stands");
    let names = house.names();
    assert_eq!(names[names.len() - 3..], ["device.added", "device.connected", "lock.unlocked"]);
}
