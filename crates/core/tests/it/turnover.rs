//! Devices that come and go, and what is told of the spaces that they are in.

use thumbturn_core::change::Reset;
use thumbturn_core::devices::Editable;
use thumbturn_core::events::{Event, EventKind, SpaceFacts};
use thumbturn_core::ids::{AccountId, DeviceId};
use thumbturn_core::ports::Signal;
use thumbturn_core::spaces::Members;

use crate::house::{House, TALKATIVE, account, lock};
use crate::resets::reset;
use crate::rooms::space;

const CHANGED: &str = "space.device_membership_changed";

/// Puts these into a space, as the API would.
fn fill(house: &House, n: u128, devices: &[DeviceId], accounts: &[AccountId]) {
    let members = Members { devices: devices.to_vec(), accounts: accounts.to_vec() };
    house.store.look(|rows| rows.rooms.fill(space(n), members, &rows.devices));
}

/// What was told of spaces, oldest first.
fn told(house: &House) -> Vec<SpaceFacts> {
    let facts = |event: Event| match event.kind {
        EventKind::SpaceDeviceMembershipChanged(facts) => Some(facts),
        _ => None,
    };
    house.events().into_iter().filter_map(facts).collect()
}

/// How many devices each space was told to hold.
fn sizes(house: &House) -> Vec<(&'static str, usize)> {
    let name = |facts: &SpaceFacts| ["room-1", "room-2"].into_iter().find(|key| facts.key.as_deref() == Some(key));
    told(house).iter().map(|facts| (name(facts).unwrap(), facts.devices.len())).collect()
}

async fn found(house: &House, n: usize) {
    let about = Box::new(lock(n, TALKATIVE).about);
    house.hub.signal(Signal::Discovered { about, traits: TALKATIVE }).await;
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_found_comes_into_the_spaces_of_its_account() {
    let house = House::with(1, TALKATIVE).await;
    let other = house.add_hub(1, TALKATIVE).await;
    let theirs = house.device_of(&other, account(1).id, 0).id;
    fill(&house, 1, &[theirs], &[account(0).id]);
    fill(&house, 2, &[], &[account(0).id]);
    fill(&house, 3, &[house.device(0).id], &[account(1).id]);
    let before = house.events().len();
    found(&house, 1).await;
    house.pass(10).await;
    let events = house.events().split_off(before);
    let names: Vec<_> = events.iter().map(|event| event.kind.name()).collect();
    assert_eq!(names, ["device.added", CHANGED, CHANGED]);
    assert!(events[1..].iter().all(|event| event.account.is_none() && event.device.is_none()), "not for sessions");
    assert_eq!(sizes(&house), [("room-1", 3), ("room-2", 2)]);
    assert_eq!(told(&house)[1].devices.last(), events[0].device.as_ref());
}

#[tokio::test(start_paused = true)]
async fn the_first_locks_of_a_hub_come_into_its_spaces_together() {
    let house = House::built(3, TALKATIVE, |hub| {
        hub.set(|state| state.hangs = true);
    })
    .await;
    fill(&house, 1, &[], &[account(0).id]);
    house.hub.set(|state| state.hangs = false);
    house.pass(20_000).await;
    assert_eq!(sizes(&house), [("room-1", 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_lock_whose_record_is_deleted_leaves_its_spaces_once() {
    let house = House::with(2, TALKATIVE).await;
    fill(&house, 1, &[house.device(0).id], &[account(0).id]);
    fill(&house, 2, &[house.device(0).id], &[]);
    let before = house.events().len();
    house.engine.delete_device(&house.device(0)).await.unwrap();
    let names: Vec<_> = house.names().split_off(before);
    assert_eq!(names, ["device.deleted", CHANGED, CHANGED]);
    assert_eq!(sizes(&house), [("room-1", 1), ("room-2", 0)]);
    found(&house, 0).await;
    house.pass(10).await;
    assert_eq!(sizes(&house).split_off(2), [("room-1", 2)], "only its account was put there, and it is a new device");
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_its_hub_removed_stays_where_it_is_and_comes_back_there() {
    let house = House::with(1, TALKATIVE).await;
    fill(&house, 1, &[], &[account(0).id]);
    fill(&house, 2, &[house.device(0).id], &[]);
    house.hub.signal(Signal::Gone(house.hub.native(0))).await;
    house.pass(10).await;
    assert!(house.state(0).reach.is_removed());
    found(&house, 0).await;
    house.pass(10).await;
    assert_eq!(house.names().iter().filter(|name| **name == "device.added").count(), 2);
    assert_eq!(told(&house), []);
    house.hub.signal(Signal::Gone(house.hub.native(0))).await;
    house.pass(10).await;
    house.engine.delete_device(&house.device(0)).await.unwrap();
    assert_eq!(sizes(&house), [("room-1", 0), ("room-2", 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_in_its_spaces_managed_or_not() {
    let house = House::with(1, TALKATIVE).await;
    fill(&house, 1, &[], &[account(0).id]);
    for is_managed in [false, true] {
        let device = house.device(0);
        let after = Editable { is_managed, ..device.editable() };
        house.engine.edit_device(&device, after).await.unwrap();
    }
    assert_eq!(told(&house), []);
}

#[tokio::test(start_paused = true)]
async fn the_locks_of_a_deleted_account_leave_their_spaces_at_once() {
    for at_rest in [false, true] {
        let house = House::with(3, TALKATIVE).await;
        let other = house.add_hub(1, TALKATIVE).await;
        fill(&house, 1, &[house.device_of(&other, account(1).id, 0).id], &[account(0).id]);
        fill(&house, 2, &[house.device(0).id], &[]);
        fill(&house, 3, &[], &[account(1).id]);
        let before = house.events().len();
        if at_rest {
            house.at_rest().remove_account(&account(0)).await.unwrap();
        } else {
            house.engine.remove_account(&account(0)).await.unwrap();
        }
        let names: Vec<_> = house.names().split_off(before);
        assert_eq!(names[..3], ["device.deleted"; 3]);
        assert_eq!(names[3..], [CHANGED, CHANGED, "connected_account.deleted"]);
        assert_eq!(sizes(&house), [("room-1", 1), ("room-2", 0)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_space_of_an_account_without_locks_is_not_told_of_when_that_goes() {
    let house = House::built(0, TALKATIVE, |_| {}).await;
    fill(&house, 1, &[], &[account(0).id]);
    house.engine.remove_account(&account(0)).await.unwrap();
    assert_eq!(told(&house), []);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_found_while_its_account_is_deleted_goes_with_it() {
    let house = House::with(1, TALKATIVE).await;
    fill(&house, 1, &[], &[account(0).id]);
    house.store.takes(100);
    found(&house, 1).await;
    house.pass(50).await;
    assert_eq!(house.engine.remove_account(&account(0)).await.unwrap(), 2);
    assert_eq!(house.names().iter().filter(|name| **name == "device.deleted").count(), 2);
    assert_eq!(sizes(&house), [("room-1", 2), ("room-1", 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_reset_takes_the_spaces_and_tells_of_none() {
    let house = House::with(1, TALKATIVE).await;
    fill(&house, 1, &[house.device(0).id], &[account(0).id]);
    let reset: Reset = reset(&house, Some(account(0)));
    house.engine.reset_workspace(reset).await.unwrap();
    house.pass(5_000).await;
    assert_eq!(told(&house), []);
}

#[tokio::test(start_paused = true)]
async fn locks_of_many_hubs_that_are_found_at_once_are_all_told() {
    let house = House::with(1, TALKATIVE).await;
    let others = [house.add_hub(1, TALKATIVE).await, house.add_hub(2, TALKATIVE).await];
    fill(&house, 1, &[], &[account(0).id, account(1).id, account(2).id]);
    house.store.takes(100);
    for hub in [&house.hub, &others[0], &others[1]] {
        let about = Box::new(lock(1, TALKATIVE).about);
        hub.signal(Signal::Discovered { about, traits: TALKATIVE }).await;
    }
    house.pass(1_000).await;
    assert_eq!(sizes(&house), [("room-1", 4), ("room-1", 5), ("room-1", 6)]);
}

#[tokio::test(start_paused = true)]
async fn hubs_in_no_space_do_not_wait_for_each_other() {
    let house = House::with(1, TALKATIVE).await;
    let other = house.add_hub(1, TALKATIVE).await;
    house.store.takes(100);
    for hub in [&house.hub, &other] {
        let about = Box::new(lock(1, TALKATIVE).about);
        hub.signal(Signal::Discovered { about, traits: TALKATIVE }).await;
    }
    house.pass(150).await;
    assert_eq!(house.store.look(|rows| rows.devices.len()), 4);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_found_while_the_api_changes_a_space_comes_after_that() {
    let house = House::with(1, TALKATIVE).await;
    let changing = house.engine.changing_spaces().await;
    found(&house, 1).await;
    house.pass(1_000).await;
    assert_eq!(house.store.look(|rows| rows.devices.len()), 1, "it waits");
    fill(&house, 1, &[], &[account(0).id]);
    drop(changing);
    house.pass(10).await;
    assert_eq!(sizes(&house), [("room-1", 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_holds_up_no_change_of_spaces_and_nothing_is_told_twice() {
    let house = House::with(1, TALKATIVE).await;
    fill(&house, 1, &[], &[account(0).id]);
    house.store.fails(true);
    found(&house, 1).await;
    house.pass(500).await;
    tokio::select! {
        biased;
        changing = house.engine.changing_spaces() => drop(changing),
        () = house.pass(100) => panic!("held while nothing can be stored"),
    }
    house.store.fails(false);
    house.pass(2_000).await;
    assert_eq!(sizes(&house), [("room-1", 2)]);
    house.store.fails(true);
    let back = async {
        house.pass(5_000).await;
        house.store.fails(false);
    };
    let device = house.device(0);
    let (deleted, ()) = tokio::join!(house.engine.delete_device(&device), back);
    assert!(deleted.is_err());
    house.pass(1_000).await;
    assert_eq!(sizes(&house), [("room-1", 2)], "it is still there");
}
