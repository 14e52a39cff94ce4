use thumbturn_core::attempts::{Attempt, Outcome};
use thumbturn_core::change::{Change, Reset};
use thumbturn_core::events::EventKind;
use thumbturn_core::locks::Action;
use thumbturn_store::{AccountFilter, AttemptFilter, DeviceFilter, DeviceLookup, EventFilter};

use super::World;
use crate::support::{
    ACCOUNT, ALL, account, attempt, attempt_id, device, device_event, device_id, event_id, everything, finish, session,
};

fn accept(attempt: Attempt) -> Change {
    Change::AcceptAttempt { attempt, claim: None }
}

fn end(n: u128) -> Change {
    finish(n, Outcome::Success { confirmed: true })
}

fn reset(n: u128) -> Reset {
    let attempt = Attempt {
        id: attempt_id(n),
        account: None,
        device: None,
        action: Action::ResetSandboxWorkspace,
        outcome: Some(Outcome::Success { confirmed: true }),
        ..attempt(n)
    };
    let events = vec![device_event(900 + n, 0, EventKind::DeviceAdded)];
    Reset { attempt, call: None, account: Some(account(0)), devices: vec![device(0)], events }
}

#[tokio::test]
async fn a_reset_empties_the_workspace_and_fills_it_anew() {
    let world = World::new().await;
    world.commit(accept(attempt(1))).await;
    world.commit(end(1)).await;
    world.commit(Change::SessionCreated(Box::new(session(1, &[ACCOUNT])))).await;
    assert!(world.store.session_by_short(&session(1, &[ACCOUNT]).short).await.unwrap().is_some());
    assert!(world.store.route(device_id(3)).await.unwrap().is_some());
    world.commit(Change::WorkspaceReset(Box::new(reset(7)))).await;
    let all = everything();
    let attempts = world.store.attempts(&all, &AttemptFilter::default(), ALL).await.unwrap().items;
    assert_eq!(attempts, [reset(7).attempt]);
    let devices = world.store.devices(&all, &DeviceFilter::default(), ALL).await.unwrap().items;
    assert_eq!(devices.iter().map(|device| device.id).collect::<Vec<_>>(), [device_id(0)]);
    assert_eq!(world.store.accounts(&all, &AccountFilter::default(), ALL).await.unwrap().items.len(), 1);
    let events = world.store.events(&all, &EventFilter::default(), 100, 0).await.unwrap();
    assert_eq!(events.iter().map(|event| event.event.id).collect::<Vec<_>>(), [event_id(907)]);
    assert!(
        world.store.session_by_short(&session(1, &[ACCOUNT]).short).await.unwrap().is_none(),
        "not from the cache either"
    );
    assert!(world.store.route(device_id(3)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_reset_waits_for_no_attempt_and_loses_none() {
    let world = World::new().await;
    world.commit(accept(attempt(1))).await;
    assert_eq!(world.conflict(Change::WorkspaceReset(Box::new(reset(7)))).await, "sandbox");
    assert!(world.store.attempt(&everything(), attempt_id(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_device_is_deleted_once_and_not_while_an_attempt_runs() {
    let world = World::new().await;
    let delete = || Change::DeviceDeleted { device: device_id(1), events: Vec::new() };
    world.commit(accept(attempt(1))).await;
    assert_eq!(world.conflict(delete()).await, "device");
    world.commit(end(1)).await;
    assert!(world.store.route(device_id(1)).await.unwrap().is_some());
    world.commit(delete()).await;
    assert_eq!(world.conflict(delete()).await, "device");
    assert!(world.store.route(device_id(1)).await.unwrap().is_none());
    assert_eq!(world.store.device(&everything(), device_id(1)).await.unwrap(), DeviceLookup::NotFound);
    assert!(world.store.attempt(&everything(), attempt_id(1)).await.unwrap().is_some(), "its story stays");
}

#[tokio::test]
async fn time_zones_are_told_for_all_or_for_none_and_survive_a_rediscovery() {
    let world = World::new().await;
    let told = |n| (device_id(n), "Europe/Berlin".to_owned());
    assert_eq!(world.conflict(Change::TimeZonesTold(vec![told(1), told(99)])).await, "device");
    let zone = async |n| match world.store.device(&everything(), device_id(n)).await.unwrap() {
        DeviceLookup::Found(device) => device.time_zone,
        other => panic!("{other:?}"),
    };
    assert_eq!(zone(1).await, None);
    world.commit(Change::TimeZonesTold(vec![told(1)])).await;
    world.commit(Change::DeviceSeen { device: Box::new(device(1)), events: Vec::new() }).await;
    assert_eq!(zone(1).await.as_deref(), Some("Europe/Berlin"));
}
