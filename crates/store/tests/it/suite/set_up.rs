use thumbturn_core::change::Change;
use thumbturn_core::credentials::KeyKind;
use thumbturn_core::ids::{AccountId, DeviceId, KeyId, WorkspaceId};
use thumbturn_core::ports;
use thumbturn_store::DeviceFilter;
use uuid::Uuid;

use super::World;
use crate::support::{ACCOUNT, ALL, WORKSPACE, account, device, everything, key, set_up, workspace};

#[tokio::test]
async fn a_new_store_is_not_set_up() {
    let world = World::empty();
    let store = &world.store;
    assert!(!store.is_set_up().await.unwrap());
    assert!(store.workspaces().await.unwrap().is_empty());
    store.health().await.unwrap();
}

#[tokio::test]
async fn setting_up_makes_everything_at_once() {
    let world = World::new().await;
    let store = &world.store;
    assert!(store.is_set_up().await.unwrap());
    assert_eq!(store.workspace(WORKSPACE).await.unwrap(), Some(workspace()));
    assert_eq!(store.workspace(WORKSPACE).await.unwrap(), Some(workspace()), "from the cache");
    assert_eq!(store.workspaces().await.unwrap(), [workspace()]);
    assert_eq!(store.operators().await.unwrap(), [set_up().operator]);
    assert_eq!(store.keys(None).await.unwrap(), set_up().keys);
    assert_eq!(store.account(&everything(), ACCOUNT).await.unwrap(), Some(account(0)));
    let devices = store.devices(&everything(), &DeviceFilter::managed(), ALL).await.unwrap();
    assert_eq!(devices.items, (0..5).map(device).collect::<Vec<_>>());
}

#[tokio::test]
async fn setting_up_twice_conflicts_and_changes_nothing() {
    let world = World::new().await;
    let mut again = set_up();
    again.workspace.id = WorkspaceId(Uuid::from_u128(1));
    again.account.id = AccountId(Uuid::from_u128(2));
    again.devices[0].id = DeviceId(Uuid::from_u128(3));
    again.keys[0].id = KeyId(Uuid::from_u128(4));
    assert_eq!(world.conflict(Change::SetUp(Box::new(again))).await, "set_up");
    assert_eq!(world.store.workspaces().await.unwrap().len(), 1);
    assert_eq!(world.store.keys(None).await.unwrap().len(), 3);
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let world = World::new().await.reopen().await;
    assert!(world.store.is_set_up().await.unwrap());
    assert_eq!(world.store.key(KeyKind::ApiKey, "short1").await.unwrap(), Some(key(1, KeyKind::ApiKey)));
    assert_eq!(world.store.account(&everything(), ACCOUNT).await.unwrap(), Some(account(0)));
}

#[tokio::test]
async fn the_engine_reads_through_its_port() {
    let world = World::new().await;
    let pending = world.accept(1).await;
    world.accept(2).await;
    world.finish(2, thumbturn_core::attempts::Outcome::Success { confirmed: true }).await;
    let store: &dyn ports::Store = &world.store;
    assert_eq!(store.accounts().await.unwrap(), [account(0)]);
    assert_eq!(store.devices_of(ACCOUNT).await.unwrap().len(), 5);
    assert_eq!(store.unfinished_attempts(ACCOUNT).await.unwrap(), [pending]);
    assert!(store.devices_of(AccountId(Uuid::nil())).await.unwrap().is_empty());
}
