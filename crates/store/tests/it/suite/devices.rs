use thumbturn_core::change::Change;
use thumbturn_core::devices::{Device, DeviceState, Editable, OfflineBecause, Reach};
use thumbturn_core::events::EventKind;
use thumbturn_core::locks::{Bolt, Route};
use thumbturn_store::{DeviceFilter, DeviceLookup, EventFilter};

use super::World;
use crate::support::{ACCOUNT, ALL, WORKSPACE, at, device, device_event, device_id, everything, online};

async fn found(world: &World, n: u128) -> Device {
    match world.store.device(&everything(), device_id(n)).await.unwrap() {
        DeviceLookup::Found(device) => *device,
        other => panic!("{other:?}"),
    }
}

fn seen(device: Device) -> Change {
    Change::DeviceSeen { device: Box::new(device), events: Vec::new() }
}

fn changed(n: u128, state: DeviceState) -> Change {
    Change::DeviceChanged { device: device_id(n), state, events: Vec::new() }
}

/// An edit of a device that nobody has edited but for its metadata.
fn edited(n: u128, old: &str, new: &str, nickname: Option<&str>, is_managed: bool) -> Change {
    let before = Editable { custom_metadata: old.to_owned(), ..device(n).editable() };
    let after = Editable { nickname: nickname.map(str::to_owned), custom_metadata: new.to_owned(), is_managed };
    Change::DeviceEdited { device: device_id(n), before, after, events: Vec::new() }
}

#[tokio::test]
async fn every_state_comes_back_as_it_was() {
    let world = World::new().await;
    let offline = |because| DeviceState { reach: Reach::Offline { because, since: at(9) }, ..DeviceState::default() };
    let states = [
        DeviceState::default(),
        online(Bolt::Unlocked),
        DeviceState { jammed_since: Some(at(4)), door_open: Some(false), battery: Some(1.0), ..online(Bolt::Locked) },
        DeviceState { door_open: Some(true), battery: None, reported_at: None, ..online(Bolt::Locked) },
        offline(OfflineBecause::DeviceDisconnected),
        offline(OfflineBecause::HubDisconnected),
        offline(OfflineBecause::AccountDisconnected),
        offline(OfflineBecause::DeviceRemoved),
    ];
    for state in states {
        world.commit(changed(1, state.clone())).await;
        assert_eq!(found(&world, 1).await.state, state);
    }
}

#[tokio::test]
async fn devices_are_found_together_with_their_events_or_not_at_all() {
    let world = World::new().await;
    let found = |numbers: &[u128]| Change::DevicesFound {
        devices: numbers.iter().map(|n| device(*n)).collect(),
        events: numbers.iter().map(|n| device_event(1_000 + n, *n, EventKind::DeviceAdded)).collect(),
    };
    let twin = Device { about: device(1).about, ..device(70) };
    let with_twin = Change::DevicesFound {
        devices: vec![device(60), twin],
        events: vec![device_event(999, 60, EventKind::DeviceAdded)],
    };
    assert_eq!(world.conflict(with_twin).await, "native_id");
    world.commit(found(&[50, 51, 52])).await;
    let all = world.store.devices(&everything(), &DeviceFilter::default(), ALL).await.unwrap().items;
    let ids: Vec<_> = all.into_iter().map(|device| device.id).skip(5).collect();
    assert_eq!(ids, [50, 51, 52].map(device_id));
    let events = world.store.events(&everything(), &EventFilter::default(), 100, 0).await.unwrap();
    let told: Vec<_> = events.into_iter().filter_map(|event| event.event.device).collect();
    assert_eq!(told, [50, 51, 52].map(device_id));
}

#[tokio::test]
async fn a_device_seen_again_keeps_what_people_set() {
    let world = World::new().await;
    world.commit(edited(1, "{}", r#"{"room":"4"}"#, Some("Suite"), false)).await;
    let mut again = device(1);
    again.about.name = "Renamed at the hub".to_owned();
    again.about.can_lock = false;
    again.about.serial_number = None;
    again.state = online(Bolt::Unlocked);
    again.nickname = Some("must not win".to_owned());
    again.created_at = at(999);
    world.commit(seen(again.clone())).await;
    let now = found(&world, 1).await;
    assert_eq!((now.about, now.state), (again.about, again.state));
    assert_eq!(now.nickname.as_deref(), Some("Suite"));
    assert_eq!((now.custom_metadata.as_str(), now.is_managed), (r#"{"room":"4"}"#, false));
    assert_eq!(now.created_at, at(1));
}

#[tokio::test]
async fn a_device_id_cannot_be_taken_over_by_another_account() {
    let world = World::new().await;
    let (second, _) = world.second_account().await;
    assert_eq!(world.conflict(seen(Device { account: second, ..device(1) })).await, "device");
    assert_eq!(found(&world, 1).await.account, ACCOUNT);
}

#[tokio::test]
async fn a_hub_has_each_lock_once() {
    let world = World::new().await;
    let mut twin = device(50);
    twin.about.native = device(1).about.native;
    assert_eq!(world.conflict(seen(twin)).await, "native_id");
}

#[tokio::test]
async fn changes_of_a_device_that_is_not_there_conflict() {
    let world = World::new().await;
    assert_eq!(world.conflict(changed(77, DeviceState::default())).await, "device");
    let orphan = Device { account: crate::support::account_id(77), ..device(77) };
    assert_eq!(world.conflict(seen(orphan)).await, "foreign_key");
}

#[tokio::test]
async fn an_edit_needs_everything_to_be_as_it_was_read() {
    let world = World::new().await;
    world.commit(edited(1, "{}", r#"{"a":"1"}"#, None, true)).await;
    assert_eq!(world.conflict(edited(1, "{}", r#"{"b":"2"}"#, None, true)).await, "device_edited");
    assert_eq!(found(&world, 1).await.custom_metadata, r#"{"a":"1"}"#);
    world.commit(edited(2, "{}", "{}", Some("Suite"), true)).await;
    assert_eq!(world.conflict(edited(2, "{}", r#"{"b":"2"}"#, None, true)).await, "device_edited");
    world.commit(edited(3, "{}", "{}", None, false)).await;
    assert_eq!(world.conflict(edited(3, "{}", r#"{"b":"2"}"#, None, true)).await, "device_edited");
}

#[tokio::test]
async fn a_device_is_found_by_the_name_that_is_shown() {
    let world = World::new().await;
    world.commit(edited(1, "{}", "{}", Some("Suite"), true)).await;
    world.commit(edited(2, "{}", "{}", None, false)).await;
    let named = async |name, managed| match world.store.device_by_name(&everything(), name, managed).await.unwrap() {
        DeviceLookup::Found(device) => Some(device.id),
        _ => None,
    };
    assert_eq!(named("Suite", true).await, Some(device_id(1)));
    assert_eq!(named("Door 1", true).await, None, "a nickname replaces the hub's name");
    assert_eq!(named("Door 0", true).await, Some(device_id(0)));
    assert_eq!(named("Door 2", true).await, None);
    assert_eq!(named("Door 2", false).await, Some(device_id(2)));
}

#[tokio::test]
async fn a_route_says_what_an_action_needs() {
    let world = World::new().await;
    let route = Route {
        device: device_id(1),
        workspace: WORKSPACE,
        account: ACCOUNT,
        is_managed: true,
        is_removed: false,
        can_lock: true,
        can_unlock: true,
        can_configure_auto_lock: false,
        has_keypad: true,
        is_limited_like_real: false,
    };
    assert_eq!(world.store.route(device_id(1)).await.unwrap(), Some(route.clone()));
    assert_eq!(world.store.route(device_id(1)).await.unwrap(), Some(route.clone()), "from the cache");
    for is_limited_like_real in [true, false] {
        world.store.limit_like_real(device_id(1), is_limited_like_real).await.unwrap();
        let limited = Route { is_limited_like_real, ..route.clone() };
        assert_eq!(world.store.route(device_id(1)).await.unwrap(), Some(limited));
    }
    world.store.limit_like_real(device_id(77), true).await.unwrap_err();
    assert_eq!(world.store.route(device_id(77)).await.unwrap(), None);
}

#[tokio::test]
async fn a_new_run_trusts_no_state_and_forgets_no_position() {
    let world = World::new().await;
    world.store.begin_run().await.unwrap();
    let state = found(&world, 1).await.state;
    assert!(!state.fresh);
    assert_eq!(state.bolt, Some(Bolt::Locked));
}

#[tokio::test]
async fn a_change_and_its_events_are_one() {
    use thumbturn_core::events::EventKind;
    let world = World::new().await;
    let event = device_event(1, 1, EventKind::DeviceRemoved);
    let with_event = |state| Change::DeviceChanged { device: device_id(1), state, events: vec![event.clone()] };
    world.commit(with_event(online(Bolt::Unlocked))).await;
    assert_eq!(world.conflict(with_event(online(Bolt::Locked))).await, "event_id");
    assert_eq!(found(&world, 1).await.state.bolt, Some(Bolt::Unlocked), "the state was taken back with its event");
    assert_eq!(world.store.events(&everything(), &EventFilter::default(), 10, 0).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_name_may_hold_any_character() {
    let world = World::new().await;
    for name in ["a\0b", "\u{1a}", "\u{1a}0\0", "Tür 号 \u{1f6aa}"] {
        let mut seen = device(1);
        seen.about.name = name.to_owned();
        world.commit(Change::DeviceSeen { device: Box::new(seen), events: Vec::new() }).await;
        let DeviceLookup::Found(found) = world.store.device(&everything(), device_id(1)).await.unwrap() else {
            panic!()
        };
        assert_eq!(found.about.name, name);
        let by_name = world.store.device_by_name(&everything(), name, true).await.unwrap();
        assert_eq!(by_name, DeviceLookup::Found(found));
    }
}
