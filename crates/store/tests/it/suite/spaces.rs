use thumbturn_core::change::Change;
use thumbturn_core::devices::Device;
use thumbturn_core::events::{Event, EventKind};
use thumbturn_core::ids::{AccountId, DeviceId, SpaceId, UserIdentityId};
use thumbturn_core::ports;
use thumbturn_core::spaces::{Members, Occupied, Space, SpaceEdit};
use thumbturn_store::{AccountFilter, DeviceFilter, EventFilter, PageRequest, SpaceFilter};
use uuid::Uuid;

use super::World;
use crate::support::{
    ACCOUNT, ALL, OTHER_WORKSPACE, WORKSPACE, account, account_id, at, device, device_id, elsewhere, event_id,
    everything, session_scope,
};

fn space_id(n: u128) -> SpaceId {
    SpaceId(Uuid::from_u128(0x9000 + n))
}

fn space(n: u128) -> Space {
    Space {
        id: space_id(n),
        workspace: WORKSPACE,
        name: format!("Room {n}"),
        key: None,
        customer_key: None,
        customer_data: "{}".to_owned(),
        created_at: at(i64::try_from(n).unwrap()),
    }
}

fn members(devices: &[DeviceId], accounts: &[AccountId]) -> Members {
    Members { devices: devices.to_vec(), accounts: accounts.to_vec() }
}

fn made(space: Space, members: Members) -> Change {
    Change::SpaceCreated { space: Box::new(space), members, events: Vec::new() }
}

fn changed(n: u128, edit: SpaceEdit, joined: Members, left: Members) -> Change {
    Change::SpaceChanged { space: space_id(n), edit, joined, left, events: Vec::new() }
}

fn moved(n: u128, joined: Members, left: Members) -> Change {
    changed(n, SpaceEdit::default(), joined, left)
}

async fn in_space(world: &World, n: u128) -> Vec<DeviceId> {
    let filter = DeviceFilter { spaces: Some(vec![space_id(n)]), ..DeviceFilter::default() };
    let found = world.store.devices(&everything(), &filter, ALL).await.unwrap().items;
    found.into_iter().map(|device| device.id).collect()
}

/// The spaces of a device, by their numbers.
async fn spaces_of(world: &World, device: DeviceId) -> Vec<SpaceId> {
    world.store.spaces_of(&everything(), &[device]).await.unwrap().remove(&device).unwrap_or_default()
}

#[tokio::test]
async fn a_space_comes_back_as_it_was_made() {
    let world = World::new().await;
    let whole = Space {
        key: Some("lobby".to_owned()),
        customer_key: Some("hotel".to_owned()),
        customer_data: r#"{"address":"High Street 1"}"#.to_owned(),
        ..space(1)
    };
    world.commit(made(whole.clone(), members(&[device_id(2), device_id(1)], &[ACCOUNT]))).await;
    let found = world.store.spaces(&everything(), &SpaceFilter::default(), ALL).await.unwrap().items;
    assert_eq!(found, [whole]);
    let inside = world.store.space_members(&everything(), space_id(1)).await.unwrap();
    assert_eq!(inside, members(&[device_id(1), device_id(2)], &[ACCOUNT]));
}

#[tokio::test]
async fn a_key_is_taken_once_in_a_workspace() {
    let world = World::new().await;
    let keyed = |n| Space { key: Some("lobby".to_owned()), ..space(n) };
    world.commit(made(keyed(1), Members::default())).await;
    assert_eq!(world.conflict(made(keyed(2), Members::default())).await, "space_key");
    world.commit(made(space(2), Members::default())).await;
    world.commit(made(space(3), Members::default())).await;
    world.commit(Change::SpaceDeleted { space: space_id(1), events: Vec::new() }).await;
    world.commit(made(keyed(4), Members::default())).await;
}

#[tokio::test]
async fn what_does_not_exist_cannot_be_put_in_or_changed() {
    let world = World::new().await;
    let nothing = Members::default();
    let stranger = members(&[device_id(99)], &[]);
    assert_eq!(world.conflict(made(space(1), stranger.clone())).await, "member");
    assert_eq!(world.conflict(made(space(1), members(&[], &[account_id(9)]))).await, "member");
    let found = world.store.spaces(&everything(), &SpaceFilter::default(), ALL).await.unwrap().items;
    assert!(found.is_empty(), "nothing of it was written");
    world.commit(made(space(1), members(&[device_id(1)], &[]))).await;
    assert_eq!(world.conflict(moved(1, stranger, nothing.clone())).await, "member");
    assert_eq!(world.conflict(moved(1, members(&[device_id(1)], &[]), nothing.clone())).await, "member");
    assert_eq!(world.conflict(moved(2, nothing.clone(), nothing)).await, "space");
    assert_eq!(world.conflict(Change::SpaceDeleted { space: space_id(2), events: Vec::new() }).await, "space");
}

#[tokio::test]
async fn a_space_of_another_workspace_takes_nothing_of_this_one() {
    let world = World::new().await;
    // There is no such workspace; if there were, its spaces could not hold these devices either.
    let abroad = Space { workspace: OTHER_WORKSPACE, ..space(1) };
    assert_eq!(world.conflict(made(abroad, members(&[device_id(1)], &[]))).await, "foreign_key");
    world.commit(made(space(1), members(&[device_id(1)], &[ACCOUNT]))).await;
    let store = &world.store;
    for scope in [elsewhere(), session_scope(1, &[ACCOUNT])] {
        assert!(store.spaces(&scope, &SpaceFilter::default(), ALL).await.unwrap().items.is_empty());
        assert!(store.space_members(&scope, space_id(1)).await.unwrap().is_empty());
        assert!(store.space_sizes(&scope, &[space_id(1)]).await.unwrap().is_empty());
    }
    assert!(store.spaces_of(&elsewhere(), &[device_id(1)]).await.unwrap().is_empty());
    let here = members(&[device_id(1)], &[ACCOUNT]);
    assert!(store.devices_of_members(&elsewhere(), &here).await.unwrap().is_empty());
    assert!(store.devices_of_members(&session_scope(1, &[]), &here).await.unwrap().is_empty());
    let filter = DeviceFilter { spaces: Some(vec![space_id(1)]), ..DeviceFilter::default() };
    assert!(store.devices(&elsewhere(), &filter, ALL).await.unwrap().items.is_empty());
    assert!(store.devices(&session_scope(1, &[]), &filter, ALL).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_device_is_in_a_space_by_itself_or_with_its_account() {
    let world = World::new().await;
    let (second, second_device) = world.second_account().await;
    world.commit(made(space(1), members(&[device_id(1)], &[second]))).await;
    world.commit(made(space(2), members(&[second_device], &[second]))).await;
    assert_eq!(in_space(&world, 1).await, [device_id(1), second_device]);
    assert_eq!(in_space(&world, 2).await, [second_device], "twice is once");
    assert_eq!(spaces_of(&world, second_device).await, [space_id(1), space_id(2)]);
    assert_eq!(spaces_of(&world, device_id(2)).await, []);
    let sizes = world.store.space_sizes(&everything(), &[space_id(1), space_id(2)]).await.unwrap();
    assert_eq!((sizes[&space_id(1)], sizes[&space_id(2)]), (2, 1));

    let found_later = Device { account: second, ..device(101) };
    world.commit(Change::DeviceSeen { device: Box::new(found_later), events: Vec::new() }).await;
    assert_eq!(in_space(&world, 1).await, [device_id(1), second_device, device_id(101)]);
    let inside = world.store.space_members(&everything(), space_id(1)).await.unwrap();
    let devices = world.store.devices_of_members(&everything(), &inside).await.unwrap();
    assert_eq!(devices, [device_id(1), second_device, device_id(101)]);

    world.commit(moved(2, Members::default(), members(&[], &[second]))).await;
    assert_eq!(in_space(&world, 2).await, [second_device], "it was put there by itself as well");
}

#[tokio::test]
async fn the_spaces_of_very_many_devices_are_read_at_once() {
    let world = World::new().await;
    world.commit(made(space(1), members(&[device_id(1)], &[]))).await;
    let many: Vec<DeviceId> = (0..2_000).map(device_id).collect();
    let found = world.store.spaces_of(&everything(), &many).await.unwrap();
    assert_eq!(found, [(device_id(1), vec![space_id(1)])].into());
}

#[tokio::test]
async fn a_space_holds_more_devices_than_a_statement_takes_values() {
    let world = World::new().await;
    let (second, second_device) = world.second_account().await;
    // Most of them are not there; the question is as long.
    let many: Vec<DeviceId> = (0..70_000).map(device_id).collect();
    let inside = members(&many, &[second]);
    let mut all: Vec<DeviceId> = (0..5).map(device_id).collect();
    all.push(second_device);
    assert_eq!(world.store.devices_of_members(&everything(), &inside).await.unwrap(), all);

    let filter = DeviceFilter { ids: Some(many.clone()), ..DeviceFilter::default() };
    assert_eq!(world.store.devices(&everything(), &filter, ALL).await.unwrap().items.len(), 6);
    let granted = session_scope(1, &[]).with_identity(UserIdentityId(Uuid::from_u128(1)), many);
    assert_eq!(world.store.devices(&granted, &DeviceFilter::default(), ALL).await.unwrap().items.len(), 6);
}

#[tokio::test]
async fn the_spaces_that_hold_an_account_are_those_that_it_was_put_into() {
    let world = World::new().await;
    let (second, second_device) = world.second_account().await;
    world.commit(made(space(1), members(&[second_device], &[]))).await;
    assert_eq!(ports::Store::spaces_holding(&world.store, second).await.unwrap(), []);
    world.commit(made(space(2), members(&[device_id(1)], &[second]))).await;
    let held = ports::Store::spaces_holding(&world.store, second).await.unwrap();
    assert_eq!(held, [Occupied { space: space(2), has_account: true, devices: vec![device_id(1), second_device] }]);
}

#[tokio::test]
async fn what_is_deleted_is_in_no_space() {
    let world = World::new().await;
    let (second, second_device) = world.second_account().await;
    world.commit(made(space(1), members(&[device_id(1), second_device], &[second]))).await;
    world.commit(Change::AccountDeleted { account: second, events: Vec::new() }).await;
    let inside = world.store.space_members(&everything(), space_id(1)).await.unwrap();
    assert_eq!(inside, members(&[device_id(1)], &[]));
    world.commit(Change::SpaceDeleted { space: space_id(1), events: Vec::new() }).await;
    assert_eq!(spaces_of(&world, device_id(1)).await, []);
    assert!(world.store.devices(&everything(), &DeviceFilter::default(), ALL).await.unwrap().items.len() == 5);
}

#[tokio::test]
async fn the_spaces_around_an_account_are_those_of_its_devices_too_with_all_that_is_in_them() {
    let world = World::new().await;
    let (second, second_device) = world.second_account().await;
    let whole = Space {
        key: Some("lobby".to_owned()),
        customer_key: Some("hotel".to_owned()),
        customer_data: r#"{"address":"High Street 1"}"#.to_owned(),
        ..space(1)
    };
    world.commit(made(whole.clone(), members(&[device_id(3), device_id(1), second_device], &[second]))).await;
    world.commit(made(space(2), members(&[second_device], &[]))).await;
    world.commit(made(space(3), members(&[device_id(2)], &[]))).await;
    world.commit(made(space(4), members(&[], &[ACCOUNT, second]))).await;
    let around = async |account| ports::Store::spaces_around(&world.store, account).await.unwrap();
    let occupied =
        |space, has_account, devices: &[DeviceId]| Occupied { space, has_account, devices: devices.to_vec() };
    let mut all: Vec<DeviceId> = (0..5).map(device_id).collect();
    all.push(second_device);
    assert_eq!(
        around(second).await,
        [
            occupied(whole.clone(), true, &[device_id(1), device_id(3), second_device]),
            occupied(space(2), false, &[second_device]),
            occupied(space(4), true, &all),
        ]
    );
    assert_eq!(
        around(ACCOUNT).await.into_iter().map(|around| (around.space.id, around.has_account)).collect::<Vec<_>>(),
        [(space_id(1), false), (space_id(3), false), (space_id(4), true)]
    );
    assert_eq!(around(account_id(9)).await, []);
    world.commit(Change::AccountDeleted { account: second, events: Vec::new() }).await;
    assert_eq!(around(second).await, []);
}

#[tokio::test]
async fn an_empty_space_is_around_the_account_that_was_put_there() {
    let world = World::new().await;
    let empty = account(1);
    world.commit(Change::AccountCreated { account: Box::new(empty.clone()), events: Vec::new() }).await;
    world.commit(made(space(1), members(&[], &[empty.id]))).await;
    let around = ports::Store::spaces_around(&world.store, empty.id).await.unwrap();
    assert_eq!(around, [Occupied { space: space(1), has_account: true, devices: Vec::new() }]);
}

#[tokio::test]
async fn an_edit_changes_what_it_names() {
    let world = World::new().await;
    world.commit(made(space(1), members(&[device_id(1), device_id(2)], &[]))).await;
    let edit = SpaceEdit { name: Some("Suite".to_owned()), customer_data: None };
    world.commit(changed(1, edit, members(&[device_id(3)], &[]), members(&[device_id(1)], &[]))).await;
    let edit = SpaceEdit { name: None, customer_data: Some(r#"{"a":"b"}"#.to_owned()) };
    world.commit(changed(1, edit, Members::default(), Members::default())).await;
    let found = world.store.spaces(&everything(), &SpaceFilter::default(), ALL).await.unwrap().items;
    let expected = Space { name: "Suite".to_owned(), customer_data: r#"{"a":"b"}"#.to_owned(), ..space(1) };
    assert_eq!(found, [expected]);
    assert_eq!(in_space(&world, 1).await, [device_id(2), device_id(3)]);
}

#[tokio::test]
async fn lists_of_spaces_are_filtered_and_paged() {
    let world = World::new().await;
    let (second, second_device) = world.second_account().await;
    let lobby = Space { key: Some("Lobby-1".to_owned()), customer_key: Some("hotel".to_owned()), ..space(1) };
    world.commit(made(lobby, members(&[], &[second]))).await;
    world.commit(made(space(2), members(&[second_device], &[]))).await;
    world.commit(made(space(3), members(&[device_id(1)], &[]))).await;
    let none = SpaceFilter::default;
    for (filter, expected) in [
        (none(), vec![1, 2, 3]),
        (SpaceFilter { ids: Some(vec![space_id(3), space_id(1)]), ..none() }, vec![1, 3]),
        (SpaceFilter { ids: Some(Vec::new()), ..none() }, vec![]),
        (SpaceFilter { keys: Some(vec!["Lobby-1".to_owned()]), ..none() }, vec![1]),
        (SpaceFilter { keys: Some(vec!["lobby-1".to_owned()]), ..none() }, vec![]),
        (SpaceFilter { customer_key: Some("hotel".to_owned()), ..none() }, vec![1]),
        (SpaceFilter { account: Some(second), ..none() }, vec![1, 2]),
        (SpaceFilter { account: Some(account_id(9)), ..none() }, vec![]),
        (SpaceFilter { search: Some("LOBBY".to_owned()), ..none() }, vec![1]),
        (SpaceFilter { search: Some("otel".to_owned()), ..none() }, vec![1]),
        (SpaceFilter { search: Some("room".to_owned()), ..none() }, vec![1, 2, 3]),
    ] {
        let found = world.store.spaces(&everything(), &filter, ALL).await.unwrap().items;
        let expected: Vec<SpaceId> = expected.into_iter().map(space_id).collect();
        assert_eq!(found.into_iter().map(|space| space.id).collect::<Vec<_>>(), expected, "{filter:?}");
    }
    let first = world.store.spaces(&everything(), &none(), PageRequest::first(2)).await.unwrap();
    let rest = world.store.spaces(&everything(), &none(), PageRequest::after(2, first.next.unwrap())).await.unwrap();
    assert_eq!((first.items.len(), rest.items.len(), rest.next), (2, 1, None));

    for (spaces, expected) in [(vec![1], vec![second]), (vec![2, 3], vec![ACCOUNT, second]), (vec![], vec![])] {
        let spaces = Some(spaces.into_iter().map(space_id).collect());
        let filter = AccountFilter { spaces, ..AccountFilter::default() };
        let found = world.store.accounts(&everything(), &filter, ALL).await.unwrap().items;
        assert_eq!(found.into_iter().map(|account| account.id).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn events_of_a_space_are_found_by_it_and_hidden_from_sessions() {
    let world = World::new().await;
    let event = |n: u128, of: u128| Event {
        id: event_id(n),
        workspace: WORKSPACE,
        account: None,
        device: None,
        occurred_at: at(5),
        kind: EventKind::SpaceCreated(space(of).facts(vec![device_id(1)])),
    };
    for n in 1..3 {
        let made =
            Change::SpaceCreated { space: Box::new(space(n)), members: Members::default(), events: vec![event(n, n)] };
        world.commit(made).await;
    }
    let refused =
        Change::SpaceCreated { space: Box::new(space(2)), members: Members::default(), events: vec![event(9, 2)] };
    world.conflict(refused).await;
    let of = |spaces: Vec<u128>| EventFilter {
        spaces: Some(spaces.into_iter().map(space_id).collect()),
        ..EventFilter::default()
    };
    let found = world.store.events(&everything(), &of(vec![2]), 10, 0).await.unwrap();
    assert_eq!(found.iter().map(|event| event.event.clone()).collect::<Vec<_>>(), [event(2, 2)]);
    assert_eq!(world.store.events(&everything(), &of(vec![1, 2]), 10, 0).await.unwrap().len(), 2);
    let whole = EventFilter::default();
    assert!(world.store.events(&session_scope(1, &[ACCOUNT]), &whole, 10, 0).await.unwrap().is_empty());
    assert!(world.store.events(&elsewhere(), &whole, 10, 0).await.unwrap().is_empty());
}
