//! Every scoped read: with a foreign workspace, and with a session outside its grant.

use thumbturn_core::attempts::Attempt;
use thumbturn_core::change::Change;
use thumbturn_core::devices::Device;
use thumbturn_core::events::{Event, EventKind};
use thumbturn_core::ids::{AccountId, DeviceId, UserIdentityId};
use thumbturn_core::scope::Scope;
use thumbturn_store::{AttemptFilter, DeviceLookup, EventFilter, SessionFilter};

use super::World;
use crate::support::{
    ACCOUNT, ALL, OTHER_WORKSPACE, attempt, attempt_id, device_event, device_id, elsewhere, event_id, everything,
    session, session_id, session_scope,
};

/// Somebody to whom devices are granted.
const fn guest_id() -> UserIdentityId {
    UserIdentityId(uuid::Uuid::from_u128(0xa001))
}

/// Two accounts with a device, an attempt, an event and a session each. (Numbers 1 and 2.)
struct Town {
    world: World,
    second: AccountId,
    second_device: DeviceId,
}

async fn town() -> Town {
    let world = World::new().await;
    let (second, second_device) = world.second_account().await;
    world.accept(1).await;
    let other = Attempt { account: Some(second), device: Some(second_device), ..attempt(2) };
    world.commit(Change::AcceptAttempt { attempt: other, claim: None }).await;
    let here = device_event(1, 1, EventKind::DeviceRemoved);
    let there =
        Event { account: Some(second), device: Some(second_device), ..device_event(2, 1, EventKind::DeviceRemoved) };
    world.commit(crate::support::tell(vec![here, there])).await;
    world.commit(Change::SessionCreated(Box::new(session(1, &[ACCOUNT])))).await;
    world.commit(Change::SessionCreated(Box::new(session(2, &[second])))).await;
    Town { world, second, second_device }
}

/// What a scope sees, in numbers: devices, accounts, attempts, events, sessions, counted devices.
async fn sees(town: &Town, scope: &Scope) -> [usize; 6] {
    let store = &town.world.store;
    [
        store.devices(scope, &Default::default(), ALL).await.unwrap().items.len(),
        store.accounts(scope, &Default::default(), ALL).await.unwrap().items.len(),
        store.attempts(scope, &AttemptFilter::default(), ALL).await.unwrap().items.len(),
        store.events(scope, &EventFilter::default(), 100, 0).await.unwrap().len(),
        store.sessions(scope, &SessionFilter::default(), 100).await.unwrap().len(),
        usize::try_from(store.device_count(scope, &[ACCOUNT, town.second], &[]).await.unwrap()).unwrap(),
    ]
}

#[tokio::test]
async fn lists_show_what_is_in_scope_and_nothing_else() {
    let town = town().await;
    assert_eq!(sees(&town, &everything()).await, [6, 2, 2, 2, 2, 6]);
    assert_eq!(sees(&town, &elsewhere()).await, [0; 6]);
    assert_eq!(sees(&town, &session_scope(1, &[ACCOUNT])).await, [5, 1, 1, 1, 1, 5]);
    assert_eq!(sees(&town, &session_scope(2, &[town.second])).await, [1, 1, 1, 1, 1, 1]);
    assert_eq!(sees(&town, &session_scope(1, &[])).await, [0, 0, 0, 0, 1, 0]);
    // A device by itself: it, and what concerns it; not its account, and not the others of it.
    let guest = session_scope(1, &[]).with_identity(guest_id(), vec![town.second_device]);
    assert_eq!(sees(&town, &guest).await, [1, 0, 1, 1, 1, 1]);
    let both = session_scope(1, &[ACCOUNT]).with_identity(guest_id(), vec![town.second_device]);
    assert_eq!(sees(&town, &both).await, [6, 1, 2, 2, 1, 6]);
    // A grant of another workspace's accounts, should it ever come to be, opens nothing.
    let forged = Scope::of_session(OTHER_WORKSPACE, session_id(1), vec![ACCOUNT, town.second]);
    assert_eq!(sees(&town, &forged).await, [0; 6]);
    let forged = forged.with_identity(guest_id(), vec![device_id(1), town.second_device]);
    assert_eq!(sees(&town, &forged).await, [0; 6]);
}

#[tokio::test]
async fn filters_do_not_widen_a_scope() {
    let town = town().await;
    let store = &town.world.store;
    let scope = session_scope(1, &[ACCOUNT]);
    let devices = thumbturn_store::DeviceFilter { ids: Some(vec![town.second_device]), ..Default::default() };
    assert!(store.devices(&scope, &devices, ALL).await.unwrap().items.is_empty());
    assert!(store.devices_where(&scope, &devices, ALL, |_| true).await.unwrap().items.is_empty());
    let accounts = thumbturn_store::AccountFilter { ids: Some(vec![town.second]), ..Default::default() };
    assert!(store.accounts(&scope, &accounts, ALL).await.unwrap().items.is_empty());
    let events = EventFilter { devices: Some(vec![town.second_device]), ..EventFilter::default() };
    assert!(store.events(&scope, &events, 10, 0).await.unwrap().is_empty());
    let attempts = AttemptFilter { ids: Some(vec![attempt_id(2)]), device: None };
    assert!(store.attempts(&scope, &attempts, ALL).await.unwrap().items.is_empty());
    assert!(!store.device_counts(&scope).await.unwrap().contains_key(&town.second));
}

#[tokio::test]
async fn a_device_is_found_refused_or_not_there() {
    let town = town().await;
    let store = &town.world.store;
    let verdict = |lookup: DeviceLookup| match lookup {
        DeviceLookup::Found(_) => "found",
        DeviceLookup::Refused => "refused",
        DeviceLookup::NotFound => "not found",
    };
    let granted = session_scope(1, &[ACCOUNT]);
    let guest = session_scope(1, &[]).with_identity(guest_id(), vec![town.second_device]);
    for (scope, id, expected) in [
        (everything(), town.second_device, "found"),
        (everything(), device_id(99), "not found"),
        (elsewhere(), device_id(1), "not found"),
        (granted.clone(), device_id(1), "found"),
        (granted.clone(), town.second_device, "refused"),
        (granted.clone(), device_id(99), "not found"),
        (guest.clone(), town.second_device, "found"),
        (guest.clone(), device_id(1), "refused"),
        (guest.clone(), device_id(99), "not found"),
    ] {
        assert_eq!(verdict(store.device(&scope, id).await.unwrap()), expected, "{scope:?} {id}");
    }
    for (scope, name, expected) in [
        (everything(), "Door 100", "found"),
        (elsewhere(), "Door 1", "not found"),
        (granted.clone(), "Door 1", "found"),
        (granted.clone(), "Door 100", "refused"),
        (granted, "Door 99", "not found"),
        (guest.clone(), "Door 100", "found"),
        (guest, "Door 1", "refused"),
    ] {
        assert_eq!(verdict(store.device_by_name(&scope, name, true).await.unwrap()), expected, "{scope:?} {name}");
    }
}

#[tokio::test]
async fn a_name_that_two_devices_share_finds_the_one_in_scope() {
    let town = town().await;
    let mut twin = Device { account: town.second, ..crate::support::device(101) };
    twin.about.name = "Door 1".to_owned();
    town.world.commit(Change::DeviceSeen { device: Box::new(twin), events: Vec::new() }).await;
    let found = town.world.store.device_by_name(&session_scope(2, &[town.second]), "Door 1", true).await.unwrap();
    assert!(matches!(found, DeviceLookup::Found(device) if device.id == device_id(101)));
}

#[tokio::test]
async fn single_things_out_of_scope_are_not_there() {
    let town = town().await;
    let store = &town.world.store;
    let event = |n| EventFilter { ids: Some(vec![event_id(n)]), ..EventFilter::default() };
    for scope in [elsewhere(), session_scope(2, &[town.second]), session_scope(2, &[])] {
        assert_eq!(store.account(&scope, ACCOUNT).await.unwrap(), None);
        assert_eq!(store.attempt(&scope, attempt_id(1)).await.unwrap(), None);
        assert_eq!(store.event(&scope, &event(1)).await.unwrap(), None);
        assert_eq!(store.session(&scope, session_id(1)).await.unwrap(), None);
    }
    let scope = session_scope(2, &[town.second]);
    assert!(store.account(&scope, town.second).await.unwrap().is_some());
    assert!(store.attempt(&scope, attempt_id(2)).await.unwrap().is_some());
    assert!(store.event(&scope, &event(2)).await.unwrap().is_some());
    assert!(store.session(&scope, session_id(2)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_granted_device_tells_nothing_of_its_account() {
    let town = town().await;
    let metadata = thumbturn_core::accounts::AccountEdit {
        custom_metadata: Some(r#"{"floor":"3"}"#.to_owned()),
        ..Default::default()
    };
    town.world.commit(Change::AccountEdited { account: town.second, edit: metadata }).await;
    let store = &town.world.store;
    let guest = session_scope(1, &[]).with_identity(guest_id(), vec![town.second_device]);
    for (scope, told) in [(everything(), true), (session_scope(2, &[town.second]), true), (guest.clone(), false)] {
        let filter = EventFilter { devices: Some(vec![town.second_device]), ..EventFilter::default() };
        let one = store.event(&scope, &filter).await.unwrap().unwrap();
        let listed = store.events(&scope, &filter, 10, 0).await.unwrap();
        assert_eq!(one.account_custom_metadata.is_some(), told, "{scope:?}");
        assert_eq!(listed, [one]);
    }
    assert_eq!(store.account(&guest, town.second).await.unwrap(), None);
    assert_eq!(store.device_counts(&guest).await.unwrap(), [(town.second, 1)].into());
}

#[tokio::test]
async fn a_user_identifier_key_belongs_to_its_workspace() {
    let town = town().await;
    let mut jane = session(3, &[]);
    jane.user_identifier_key = Some("jane".to_owned());
    town.world.commit(Change::SessionCreated(Box::new(jane))).await;
    assert_eq!(town.world.store.session_by_user_key(OTHER_WORKSPACE, "jane").await.unwrap(), None);
}
