//! What is cached is never older than the last answered commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use thumbturn_core::change::Change;
use thumbturn_core::credentials::KeyKind;
use thumbturn_core::devices::{DeviceState, Editable, OfflineBecause, Reach};
use thumbturn_core::locks::Bolt;

use super::World;
use crate::support::{ACCOUNT, at, device, device_id, key, online, session, session_id};

#[tokio::test]
async fn a_route_follows_every_change_of_its_device() {
    let world = World::new().await;
    let route = async || world.store.route(device_id(1)).await.unwrap().unwrap();
    assert!(!route().await.is_removed);

    let reach = Reach::Offline { because: OfflineBecause::DeviceRemoved, since: at(1) };
    let changed = |state| Change::DeviceChanged { device: device_id(1), state, events: Vec::new() };
    world.commit(changed(DeviceState { reach, ..DeviceState::default() })).await;
    assert!(route().await.is_removed);
    world.commit(changed(online(Bolt::Locked))).await;
    assert!(!route().await.is_removed);

    let mut seen = device(1);
    seen.about.can_lock = false;
    world.commit(Change::DeviceSeen { device: Box::new(seen), events: Vec::new() }).await;
    assert!(!route().await.can_lock);

    let edit = Change::DeviceEdited {
        device: device_id(1),
        before: device(1).editable(),
        after: Editable { nickname: None, custom_metadata: "{}".to_owned(), is_managed: false },
        events: Vec::new(),
    };
    world.commit(edit).await;
    assert!(!route().await.is_managed);

    world.commit(Change::AccountDeleted { account: ACCOUNT, events: Vec::new() }).await;
    assert_eq!(world.store.route(device_id(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_session_follows_every_change() {
    let world = World::new().await;
    world.commit(Change::SessionCreated(Box::new(session(1, &[])))).await;
    assert!(world.store.session_by_short("cs1").await.unwrap().unwrap().accounts.is_empty());
    let change =
        Change::SessionChanged { session: session_id(1), accounts: vec![ACCOUNT], identity: None, expires_at: at(5) };
    world.commit(change).await;
    let now = world.store.session_by_short("cs1").await.unwrap().unwrap();
    assert_eq!((now.accounts, now.expires_at), (vec![ACCOUNT], at(5)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_revoked_key_is_revoked_for_whoever_asks_after_the_answer() {
    let world = World::new().await;
    let stop = Arc::new(AtomicBool::new(false));
    let askers: Vec<_> = (0..4)
        .map(|_| {
            let (store, stop) = (world.store.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    for n in 100..150 {
                        store.key(KeyKind::ApiKey, &format!("short{n}")).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for n in 100..150 {
        world.commit(Change::KeyCreated { key: Box::new(key(n, KeyKind::ApiKey)), shown: None }).await;
        tokio::task::yield_now().await;
        world.commit(Change::KeyRevoked { key: key(n, KeyKind::ApiKey).id, at: at(9) }).await;
        for _ in 0..20 {
            let found = world.store.key(KeyKind::ApiKey, &format!("short{n}")).await.unwrap().unwrap();
            assert_eq!(found.revoked_at, Some(at(9)), "key {n}");
        }
    }
    stop.store(true, Ordering::Relaxed);
    for asker in askers {
        asker.await.unwrap();
    }
}
