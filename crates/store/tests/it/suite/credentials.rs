use thumbturn_core::change::Change;
use thumbturn_core::credentials::KeyKind;

use super::World;
use crate::support::{OTHER_WORKSPACE, WORKSPACE, at, key};

#[tokio::test]
async fn a_key_is_found_by_its_kind_and_short_half() {
    let world = World::new().await;
    let find = |kind, short| world.store.key(kind, short);
    assert_eq!(find(KeyKind::ApiKey, "short1").await.unwrap(), Some(key(1, KeyKind::ApiKey)));
    assert_eq!(find(KeyKind::PersonalAccessToken, "short1").await.unwrap(), None);
    assert_eq!(find(KeyKind::ApiKey, "unknown").await.unwrap(), None);
    let token = find(KeyKind::PersonalAccessToken, "short2").await.unwrap().unwrap();
    assert!(token.workspace.is_none() && token.operator.is_some());
}

#[tokio::test]
async fn a_new_key_is_found_at_once_although_it_was_looked_for_before() {
    let world = World::new().await;
    assert_eq!(world.store.key(KeyKind::ApiKey, "short9").await.unwrap(), None);
    world.commit(Change::KeyCreated { key: Box::new(key(9, KeyKind::ApiKey)), shown: None }).await;
    assert!(world.store.key(KeyKind::ApiKey, "short9").await.unwrap().is_some());
    assert_eq!(world.store.key_by_id(key(9, KeyKind::ApiKey).id).await.unwrap(), Some(key(9, KeyKind::ApiKey)));
}

#[tokio::test]
async fn short_halves_are_unique_within_a_kind() {
    let world = World::new().await;
    let mut twin = key(8, KeyKind::ApiKey);
    twin.short = "short1".to_owned();
    assert_eq!(world.conflict(Change::KeyCreated { key: Box::new(twin.clone()), shown: None }).await, "key_short");
    twin.kind = KeyKind::PublishableKey;
    world.commit(Change::KeyCreated { key: Box::new(twin), shown: None }).await;
}

#[tokio::test]
async fn a_key_is_revoked_once() {
    let world = World::new().await;
    let id = key(1, KeyKind::ApiKey).id;
    world.commit(Change::KeyRevoked { key: id, at: at(50) }).await;
    let found = world.store.key(KeyKind::ApiKey, "short1").await.unwrap().unwrap();
    assert_eq!(found.revoked_at, Some(at(50)));
    assert_eq!(world.conflict(Change::KeyRevoked { key: id, at: at(60) }).await, "key");
}

#[tokio::test]
async fn keys_are_listed_by_workspace_or_all() {
    let world = World::new().await;
    let shorts = |keys: Vec<thumbturn_core::credentials::Key>| keys.into_iter().map(|k| k.short).collect::<Vec<_>>();
    assert_eq!(shorts(world.store.keys(None).await.unwrap()), ["short1", "short2", "short3"]);
    assert_eq!(shorts(world.store.keys(Some(WORKSPACE)).await.unwrap()), ["short1", "short3"]);
    assert!(world.store.keys(Some(OTHER_WORKSPACE)).await.unwrap().is_empty());
}
