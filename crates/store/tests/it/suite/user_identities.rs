use thumbturn_core::change::Change;
use thumbturn_core::credentials::{ClientSession, Granted};
use thumbturn_core::devices::Device;
use thumbturn_core::ids::{ClientSessionId, DeviceId, UserIdentityId};
use thumbturn_core::user_identities::{Merged, UserIdentity};
use thumbturn_store::{DeviceFilter, IdentityFilter, PageRequest, SessionFilter};
use uuid::Uuid;

use super::World;
use crate::support::{
    ACCOUNT, ALL, WORKSPACE, at, device, device_id, elsewhere, everything, session, session_id, session_scope,
};

fn identity_id(n: u128) -> UserIdentityId {
    UserIdentityId(Uuid::from_u128(0xa000 + n))
}

fn identity(n: u128) -> UserIdentity {
    UserIdentity {
        id: identity_id(n),
        workspace: WORKSPACE,
        key: Some(format!("key {n}")),
        email_address: Some(format!("{n}@example.com")),
        phone_number: Some(format!("+1555{n}")),
        full_name: Some(format!("Jane {n}")),
        merged: Vec::new(),
        created_at: at(i64::try_from(n).unwrap()),
    }
}

fn made(identity: UserIdentity) -> Change {
    Change::IdentityCreated(Box::new(identity))
}

fn granted(identity: u128, device: DeviceId) -> Change {
    Change::DeviceGranted { identity: identity_id(identity), device, at: at(7) }
}

fn revoked(identity: u128, device: DeviceId) -> Change {
    Change::DeviceRevoked { identity: identity_id(identity), device }
}

fn session_of(n: u128, identity: u128) -> Change {
    Change::SessionCreated(Box::new(ClientSession { identity: Some(identity_id(identity)), ..session(n, &[]) }))
}

fn deleted(identity: u128, sessions: &[ClientSessionId]) -> Change {
    Change::IdentityDeleted { identity: identity_id(identity), sessions: sessions.to_vec(), events: Vec::new() }
}

fn merged(into: UserIdentity, others: &[u128]) -> Change {
    let merged = others.iter().map(|n| identity_id(*n)).collect();
    Change::IdentitiesMerged { into: Box::new(into), merged }
}

async fn found(world: &World, n: u128) -> Option<UserIdentity> {
    world.store.user_identity(&everything(), identity_id(n)).await.unwrap()
}

/// What session number `n` was granted, as a request with its token finds it.
async fn grants(world: &World, n: u128) -> Vec<DeviceId> {
    let session = world.store.session_by_short(&format!("cs{n}")).await.unwrap().unwrap();
    session.granted.into_iter().map(|grant| grant.device).collect()
}

#[tokio::test]
async fn an_identity_comes_back_as_it_was_made_by_id_and_by_key() {
    let world = World::new().await;
    world.commit(made(identity(1))).await;
    assert_eq!(found(&world, 1).await, Some(identity(1)));
    let by_key = world.store.user_identity_by_key(&everything(), "key 1").await.unwrap();
    assert_eq!(by_key, Some(identity(1)));
    assert_eq!(found(&world, 2).await, None);
    assert_eq!(world.store.user_identity(&elsewhere(), identity_id(1)).await.unwrap(), None);
    assert_eq!(world.store.user_identity_by_key(&elsewhere(), "key 1").await.unwrap(), None);
}

#[tokio::test]
async fn keys_addresses_and_numbers_are_taken_once() {
    let world = World::new().await;
    world.commit(made(identity(1))).await;
    let blank = UserIdentity { key: None, email_address: None, phone_number: None, full_name: None, ..identity(2) };
    for (taken, name) in [
        (UserIdentity { key: identity(1).key, ..blank.clone() }, "user_identity_key"),
        (UserIdentity { email_address: identity(1).email_address, ..blank.clone() }, "email_address"),
        (UserIdentity { phone_number: identity(1).phone_number, ..blank.clone() }, "phone_number"),
    ] {
        assert_eq!(world.conflict(made(taken)).await, name);
    }
    world.commit(made(blank.clone())).await;
    world.commit(made(UserIdentity { id: identity_id(3), ..blank.clone() })).await;
    let taken = UserIdentity { email_address: identity(1).email_address, ..blank };
    assert_eq!(world.conflict(Change::IdentityChanged(Box::new(taken))).await, "email_address");
    assert_eq!(world.conflict(Change::IdentityChanged(Box::new(identity(9)))).await, "user_identity");
    let renamed = UserIdentity { full_name: None, key: Some("new".to_owned()), ..identity(1) };
    world.commit(Change::IdentityChanged(Box::new(renamed.clone()))).await;
    assert_eq!(found(&world, 1).await, Some(renamed));
}

#[tokio::test]
async fn lists_are_filtered_and_a_session_sees_its_own_identity_alone() {
    let world = World::new().await;
    for n in 1..4 {
        world.commit(made(identity(n))).await;
    }
    let none = IdentityFilter::default;
    for (filter, expected) in [
        (none(), vec![1, 2, 3]),
        (IdentityFilter { ids: Some(vec![identity_id(2), identity_id(9)]), ..none() }, vec![2]),
        (IdentityFilter { ids: Some(Vec::new()), ..none() }, vec![]),
        (IdentityFilter { created_before: Some(at(2)), ..none() }, vec![1]),
        (IdentityFilter { search: Some("JANE 3".to_owned()), ..none() }, vec![3]),
        (IdentityFilter { search: Some("2@EXAMPLE".to_owned()), ..none() }, vec![2]),
        (IdentityFilter { search: Some("15551".to_owned()), ..none() }, vec![1]),
        (IdentityFilter { search: Some(identity_id(3).to_string()), ..none() }, vec![3]),
        (IdentityFilter { search: Some("key 3".to_owned()), ..none() }, vec![]),
    ] {
        let found = world.store.user_identities(&everything(), &filter, ALL).await.unwrap().items;
        let expected: Vec<UserIdentity> = expected.into_iter().map(identity).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    let own = session_scope(1, &[ACCOUNT]).with_identity(identity_id(2), Vec::new());
    let first = PageRequest::first(2);
    assert_eq!(world.store.user_identities(&own, &none(), first).await.unwrap().items, [identity(2)]);
    assert_eq!(world.store.user_identity(&own, identity_id(1)).await.unwrap(), None);
    let nobody = session_scope(1, &[ACCOUNT]);
    assert!(world.store.user_identities(&nobody, &none(), first).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_grant_reaches_the_sessions_of_its_identity_at_once_and_so_does_its_end() {
    let world = World::new().await;
    let (second, second_device) = world.second_account().await;
    for n in 1..3 {
        world.commit(made(identity(n))).await;
        world.commit(session_of(n, n)).await;
        assert_eq!(grants(&world, n).await, []);
    }
    world.commit(granted(1, second_device)).await;
    world.commit(granted(1, device_id(1))).await;
    assert_eq!(grants(&world, 1).await, [device_id(1), second_device]);
    assert_eq!(grants(&world, 2).await, [], "another person's");
    let whole = world.store.session(&everything(), session_id(1)).await.unwrap().unwrap();
    let expected =
        [Granted { device: device_id(1), account: ACCOUNT }, Granted { device: second_device, account: second }];
    assert_eq!(whole.granted, expected);
    world.commit(revoked(1, device_id(1))).await;
    assert_eq!(grants(&world, 1).await, [second_device]);
    world.commit(revoked(1, device_id(1))).await;
    assert_eq!(grants(&world, 1).await, [second_device], "revoking twice changes nothing");
}

#[tokio::test]
async fn a_grant_ends_with_its_device_also_for_a_device_that_comes_back_under_its_id() {
    let world = World::new().await;
    let (second, second_device) = world.second_account().await;
    world.commit(made(identity(1))).await;
    world.commit(session_of(1, 1)).await;
    world.commit(granted(1, second_device)).await;
    assert_eq!(grants(&world, 1).await, [second_device]);
    world.commit(Change::AccountDeleted { account: second, events: Vec::new() }).await;
    let again = Device { id: second_device, ..device(100) };
    world.commit(Change::DeviceSeen { device: Box::new(again), events: Vec::new() }).await;
    assert_eq!(grants(&world, 1).await, []);
}

#[tokio::test]
async fn only_what_exists_in_the_workspace_can_be_granted_once() {
    let world = World::new().await;
    world.commit(made(identity(1))).await;
    assert_eq!(world.conflict(granted(1, device_id(99))).await, "grant");
    assert_eq!(world.conflict(granted(2, device_id(1))).await, "grant");
    world.commit(granted(1, device_id(1))).await;
    assert_eq!(world.conflict(granted(1, device_id(1))).await, "grant");
    let filter = DeviceFilter { granted_to: Some(identity_id(1)), ..DeviceFilter::default() };
    let seen = async |scope| -> Vec<DeviceId> {
        let found = world.store.devices(&scope, &filter, ALL).await.unwrap().items;
        found.into_iter().map(|device| device.id).collect()
    };
    assert_eq!(seen(everything()).await, [device_id(1)]);
    assert_eq!(seen(elsewhere()).await, []);
    assert_eq!(seen(session_scope(1, &[])).await, []);
}

#[tokio::test]
async fn a_session_belongs_to_an_identity_that_exists() {
    let world = World::new().await;
    assert_eq!(world.conflict(session_of(1, 1)).await, "user_identity");
    assert_eq!(world.store.session_by_short("cs1").await.unwrap(), None, "nothing of it was written");
    world.commit(made(identity(1))).await;
    world.commit(Change::SessionCreated(Box::new(session(1, &[])))).await;
    world.commit(granted(1, device_id(1))).await;
    assert_eq!(grants(&world, 1).await, []);
    let change = |identity: Option<u128>| Change::SessionChanged {
        session: session_id(1),
        accounts: Vec::new(),
        identity: identity.map(identity_id),
        expires_at: at(99),
    };
    world.commit(change(Some(1))).await;
    assert_eq!(grants(&world, 1).await, [device_id(1)]);
    assert_eq!(world.conflict(change(Some(2))).await, "user_identity");
    let filter = |identity: Option<u128>| SessionFilter {
        identity: identity.map(identity_id),
        without_identity: identity.is_none(),
        ..SessionFilter::default()
    };
    let count = async |of| world.store.sessions(&everything(), &filter(of), 10).await.unwrap().len();
    assert_eq!((count(Some(1)).await, count(Some(2)).await, count(None).await), (1, 0, 0));
    world.commit(change(None)).await;
    assert_eq!((grants(&world, 1).await, count(Some(1)).await, count(None).await), (Vec::new(), 0, 1));
}

#[tokio::test]
async fn an_identity_is_deleted_with_its_sessions_and_grants() {
    let world = World::new().await;
    world.commit(made(identity(1))).await;
    world.commit(granted(1, device_id(1))).await;
    for n in 1..3 {
        world.commit(session_of(n, 1)).await;
        grants(&world, n).await;
    }
    world.commit(Change::SessionCreated(Box::new(session(3, &[ACCOUNT])))).await;
    assert_eq!(world.conflict(deleted(1, &[session_id(1)])).await, "identity_sessions");
    assert_eq!(grants(&world, 1).await, [device_id(1)], "nothing of it was written");
    world.commit(deleted(1, &[session_id(1), session_id(2), session_id(3)])).await;
    assert_eq!(found(&world, 1).await, None);
    assert_eq!(world.store.session_by_short("cs1").await.unwrap(), None);
    assert_eq!(world.store.session_by_short("cs2").await.unwrap(), None);
    assert!(world.store.session_by_short("cs3").await.unwrap().is_some(), "somebody else's session");
    assert_eq!(world.conflict(deleted(1, &[])).await, "user_identity");
    world.commit(made(identity(1))).await;
    world.commit(session_of(4, 1)).await;
    assert_eq!(grants(&world, 4).await, []);
}

#[tokio::test]
async fn what_is_merged_moves_and_is_found_under_its_old_names() {
    let world = World::new().await;
    for n in 1..5 {
        world.commit(made(identity(n))).await;
        world.commit(session_of(n, n)).await;
        grants(&world, n).await;
    }
    world.commit(granted(1, device_id(1))).await;
    world.commit(granted(2, device_id(1))).await;
    world.commit(granted(2, device_id(2))).await;
    world.commit(granted(4, device_id(4))).await;
    world.commit(merged(identity(2), &[3])).await;
    world.commit(merged(identity(1), &[2])).await;

    let old = |n| Merged { id: identity_id(n), key: identity(n).key };
    let whole = UserIdentity { merged: vec![old(2), old(3)], ..identity(1) };
    for n in 1..4 {
        assert_eq!(found(&world, n).await.as_ref(), Some(&whole), "{n}");
        let key = format!("key {n}");
        assert_eq!(world.store.user_identity_by_key(&everything(), &key).await.unwrap().as_ref(), Some(&whole));
        assert_eq!(grants(&world, n).await, [device_id(1), device_id(2)], "session {n}");
    }
    assert_eq!(grants(&world, 4).await, [device_id(4)], "nobody asked for this one");
    let all = world.store.user_identities(&everything(), &IdentityFilter::default(), ALL).await.unwrap().items;
    assert_eq!(all, [whole, identity(4)]);

    // Its keys stay taken; its address is free, unless the one that stays took it.
    let taken = UserIdentity { key: identity(2).key, email_address: None, phone_number: None, ..identity(5) };
    assert_eq!(world.conflict(made(taken.clone())).await, "user_identity_key");
    world.commit(made(UserIdentity { key: None, email_address: identity(2).email_address, ..taken })).await;

    for change in [merged(identity(1), &[2]), merged(identity(1), &[9]), merged(identity(1), &[1])] {
        assert_eq!(world.conflict(change).await, "user_identity");
    }
    assert_eq!(world.conflict(granted(2, device_id(3))).await, "grant", "the old id is no identity any more");
    let sessions: Vec<_> = (1..4).map(session_id).collect();
    world.commit(deleted(1, &sessions)).await;
    for n in 1..4 {
        assert_eq!(found(&world, n).await, None, "{n}");
    }
}
