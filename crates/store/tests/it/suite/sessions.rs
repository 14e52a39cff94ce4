use thumbturn_core::accounts::Account;
use thumbturn_core::change::Change;
use thumbturn_core::credentials::ClientSession;
use thumbturn_core::ids::AccountId;
use thumbturn_store::SessionFilter;
use uuid::Uuid;

use super::World;
use crate::support::{ACCOUNT, WORKSPACE, account, at, everything, session, session_id};

fn made(session: &ClientSession) -> Change {
    Change::SessionCreated(Box::new(session.clone()))
}

fn for_user(n: u128, user: &str) -> ClientSession {
    ClientSession { user_identifier_key: Some(user.to_owned()), ..session(n, &[]) }
}

#[tokio::test]
async fn a_session_comes_back_as_it_was_made_with_its_token() {
    let world = World::new().await;
    let (second, _) = world.second_account().await;
    let whole = ClientSession {
        user_identifier_key: Some("jane".to_owned()),
        customer_key: Some("hotel".to_owned()),
        ..session(1, &[second, ACCOUNT])
    };
    world.commit(made(&whole)).await;
    assert_eq!(world.store.session_by_short("cs1").await.unwrap(), Some(whole.clone()));
    assert_eq!(world.store.session_by_short("cs1").await.unwrap(), Some(whole.clone()), "from the cache");
    assert_eq!(world.store.session(&everything(), session_id(1)).await.unwrap(), Some(whole.clone()));
    assert_eq!(world.store.session_by_user_key(WORKSPACE, "jane").await.unwrap(), Some(whole));
    assert_eq!(world.store.session_by_short("cs2").await.unwrap(), None);
}

#[tokio::test]
async fn the_end_of_time_is_read_back() {
    let world = World::new().await;
    let endless = ClientSession { expires_at: jiff::Timestamp::MAX, ..session(1, &[]) };
    world.commit(made(&endless)).await;
    let found = world.store.session_by_short("cs1").await.unwrap().unwrap();
    assert_eq!(found.expires_at.as_second(), jiff::Timestamp::MAX.as_second());
}

#[tokio::test]
async fn one_live_session_for_each_user_identifier_key() {
    let world = World::new().await;
    world.commit(made(&for_user(1, "jane"))).await;
    assert_eq!(world.conflict(made(&for_user(2, "jane"))).await, "user_identifier_key");
    world.commit(Change::SessionRetired(session_id(1))).await;
    assert_eq!(world.store.session_by_user_key(WORKSPACE, "jane").await.unwrap(), None);
    world.commit(made(&for_user(2, "jane"))).await;
    let holder = world.store.session_by_user_key(WORKSPACE, "jane").await.unwrap().unwrap();
    assert_eq!(holder.id, session_id(2));
    assert!(world.store.session(&everything(), session_id(1)).await.unwrap().is_some(), "the retired one stays");
}

#[tokio::test]
async fn grants_and_end_of_a_session_change_together() {
    let world = World::new().await;
    let (second, _) = world.second_account().await;
    world.commit(made(&session(1, &[]))).await;
    world.store.session_by_short("cs1").await.unwrap();
    let change = |accounts: Vec<AccountId>| Change::SessionChanged {
        session: session_id(1),
        accounts,
        identity: None,
        expires_at: at(77),
    };
    world.commit(change(vec![second, ACCOUNT, second])).await;
    let found = world.store.session_by_short("cs1").await.unwrap().unwrap();
    assert_eq!((found.accounts, found.expires_at), (vec![second, ACCOUNT], at(77)));
    world.commit(change(Vec::new())).await;
    assert!(world.store.session_by_short("cs1").await.unwrap().unwrap().accounts.is_empty());
}

#[tokio::test]
async fn what_does_not_exist_cannot_be_granted_or_changed() {
    let world = World::new().await;
    let nobody = AccountId(Uuid::nil());
    assert_eq!(world.conflict(made(&session(1, &[nobody]))).await, "account");
    assert_eq!(world.store.session_by_short("cs1").await.unwrap(), None, "nothing of it was written");
    let change =
        Change::SessionChanged { session: session_id(1), accounts: Vec::new(), identity: None, expires_at: at(1) };
    assert_eq!(world.conflict(change).await, "session");
    assert_eq!(world.conflict(Change::SessionRetired(session_id(1))).await, "session");
}

#[tokio::test]
async fn a_deleted_account_is_struck_from_sessions() {
    let world = World::new().await;
    let Account { id: second, .. } = account(1);
    world.second_account().await;
    world.commit(made(&session(1, &[second, ACCOUNT]))).await;
    world.store.session_by_short("cs1").await.unwrap();
    world.commit(Change::AccountDeleted { account: second, events: Vec::new() }).await;
    assert_eq!(world.store.session_by_short("cs1").await.unwrap().unwrap().accounts, [ACCOUNT]);
}

#[tokio::test]
async fn sessions_are_listed_oldest_first() {
    let world = World::new().await;
    for n in [3, 1, 2] {
        world.commit(made(&if n == 2 { for_user(2, "jane") } else { session(n, &[ACCOUNT]) })).await;
    }
    let ids = async |filter: SessionFilter, limit| -> Vec<_> {
        let found = world.store.sessions(&everything(), &filter, limit).await.unwrap();
        found.into_iter().map(|session| session.id).collect()
    };
    assert_eq!(ids(SessionFilter::default(), 10).await, [session_id(1), session_id(2), session_id(3)]);
    assert_eq!(ids(SessionFilter::default(), 2).await, [session_id(1), session_id(2)]);
    let jane = SessionFilter { user_identifier_key: Some("jane".to_owned()), ..SessionFilter::default() };
    assert_eq!(ids(jane, 10).await, [session_id(2)]);
    let nobodys = SessionFilter { without_user_identifier_key: true, ..SessionFilter::default() };
    assert_eq!(ids(nobodys, 10).await, [session_id(1), session_id(3)]);
    let third = SessionFilter { id: Some(session_id(3)), ..SessionFilter::default() };
    assert_eq!(ids(third, 10).await, [session_id(3)]);
}
