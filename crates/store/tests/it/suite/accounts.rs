use jiff::Timestamp;
use thumbturn_core::accounts::{Account, AccountEdit, LinkState, LinkTrouble};
use thumbturn_core::attempts::Outcome;
use thumbturn_core::change::Change;
use thumbturn_core::events::EventKind;
use thumbturn_store::{AccountFilter, EventFilter, PageRequest};

use super::World;
use crate::support::{ACCOUNT, ALL, account, account_id, at, device_event, device_id, everything, session};

fn created(account: Account) -> Change {
    Change::AccountCreated { account: Box::new(account), events: Vec::new() }
}

fn linked(link: LinkState) -> Change {
    Change::AccountLink { account: ACCOUNT, link, first_sync_done: true, events: Vec::new() }
}

#[tokio::test]
async fn an_account_comes_back_with_its_settings() {
    let world = World::new().await;
    let whole = Account {
        customer_key: Some("hotel".to_owned()),
        custom_metadata: r#"{"wing":"west"}"#.to_owned(),
        manages_new_devices: false,
        ..account(1)
    };
    world.commit(created(whole.clone())).await;
    assert_eq!(world.store.account(&everything(), whole.id).await.unwrap(), Some(whole));
}

#[tokio::test]
async fn a_hub_is_connected_once_in_a_workspace() {
    let world = World::new().await;
    let twin = Account { hub_key: account(0).hub_key, ..account(1) };
    assert_eq!(world.conflict(created(twin)).await, "hub_key");
}

#[tokio::test]
async fn every_state_of_a_link_comes_back() {
    let world = World::new().await;
    let down = |trouble| LinkState::Down { trouble, message: "no route to host".to_owned(), since: at(3) };
    let states = [
        LinkState::Up,
        down(LinkTrouble::HubDisconnected),
        down(LinkTrouble::CredentialsRefused),
        LinkState::Connecting,
    ];
    for state in states {
        world.commit(linked(state.clone())).await;
        let found = world.store.account(&everything(), ACCOUNT).await.unwrap().unwrap();
        assert_eq!((found.link, found.first_sync_done), (state, true));
    }
}

#[tokio::test]
async fn a_change_of_an_account_that_is_gone_conflicts() {
    let world = World::new().await;
    world.commit(Change::AccountDeleted { account: ACCOUNT, events: Vec::new() }).await;
    assert_eq!(world.conflict(linked(LinkState::Up)).await, "account");
    assert_eq!(world.conflict(Change::AccountDeleted { account: ACCOUNT, events: Vec::new() }).await, "account");
}

#[tokio::test]
async fn an_edit_changes_what_it_names_and_gives_a_customer_once() {
    let world = World::new().await;
    let edit = |edit| Change::AccountEdited { account: ACCOUNT, edit };
    let text = |text: &str| Some(text.to_owned());
    world.commit(edit(AccountEdit { display_name: text("Annex"), ..AccountEdit::default() })).await;
    world.commit(edit(AccountEdit { customer_key: text("hotel"), ..AccountEdit::default() })).await;
    let all = AccountEdit {
        display_name: None,
        custom_metadata: text(r#"{"wing":"west"}"#),
        customer_key: text("hotel"),
        manages_new_devices: Some(false),
    };
    world.commit(edit(all)).await;
    let motel = AccountEdit { customer_key: text("motel"), display_name: text("Motel"), ..AccountEdit::default() };
    assert_eq!(world.conflict(edit(motel)).await, "account");
    let expected = Account {
        display_name: "Annex".to_owned(),
        custom_metadata: r#"{"wing":"west"}"#.to_owned(),
        customer_key: text("hotel"),
        manages_new_devices: false,
        ..account(0)
    };
    assert_eq!(world.store.account(&everything(), ACCOUNT).await.unwrap(), Some(expected));
}

#[tokio::test]
async fn a_deleted_account_takes_its_devices_and_leaves_attempts_and_events() {
    let world = World::new().await;
    world.accept(1).await;
    world.finish(1, Outcome::Success { confirmed: true }).await;
    let mut gone = device_event(2, 0, EventKind::AccountDeleted);
    gone.device = None;
    world.commit(Change::AccountDeleted { account: ACCOUNT, events: vec![gone] }).await;

    let store = &world.store;
    assert_eq!(store.account(&everything(), ACCOUNT).await.unwrap(), None);
    assert!(store.devices(&everything(), &Default::default(), ALL).await.unwrap().items.is_empty());
    assert_eq!(store.route(device_id(1)).await.unwrap(), None);
    assert!(store.attempt(&everything(), crate::support::attempt_id(1)).await.unwrap().is_some());
    let events = store.events(&everything(), &EventFilter::default(), 10, 0).await.unwrap();
    assert_eq!(
        events.iter().map(|event| event.event.kind.name()).collect::<Vec<_>>(),
        ["action_attempt.unlock_door.succeeded", "connected_account.deleted",]
    );
    assert!(events.iter().all(|event| event.device_custom_metadata.is_none()));
    assert!(events.iter().all(|event| event.account_custom_metadata.is_none()));
}

#[tokio::test]
async fn an_account_with_a_pending_attempt_is_not_deleted() {
    let world = World::new().await;
    world.accept(1).await;
    let delete = Change::AccountDeleted { account: ACCOUNT, events: Vec::new() };
    assert_eq!(world.conflict(delete).await, "pending_attempts");
    assert_eq!(world.store.devices(&everything(), &Default::default(), ALL).await.unwrap().items.len(), 5);
}

#[tokio::test]
async fn filters_of_accounts_combine() {
    let world = World::new().await;
    let hotel = Account {
        customer_key: Some("Hotel".to_owned()),
        custom_metadata: r#"{"floor":"Third","vip":true}"#.to_owned(),
        ..account(1)
    };
    world.commit(created(hotel)).await;
    world.commit(created(account(2))).await;
    let mut jane = session(1, &[account_id(2)]);
    jane.user_identifier_key = Some("jane".to_owned());
    world.commit(Change::SessionCreated(Box::new(jane))).await;

    let found = async |filter: AccountFilter| -> Vec<_> {
        let page = world.store.accounts(&everything(), &filter, ALL).await.unwrap();
        page.items.into_iter().map(|account| account.id).collect()
    };
    let plain = AccountFilter::default;
    let text = |text: &str| Some(text.to_owned());
    let vip = |value| vec![("vip".to_owned(), value)];
    use thumbturn_store::MetadataValue::{Flag, Text, Unset};
    assert_eq!(found(plain()).await, [ACCOUNT, account_id(1), account_id(2)]);
    assert_eq!(found(AccountFilter { customer_key: text("Hotel"), ..plain() }).await, [account_id(1)]);
    assert_eq!(found(AccountFilter { user_identifier_key: text("jane"), ..plain() }).await, [account_id(2)]);
    assert_eq!(found(AccountFilter { search: text("hotel"), ..plain() }).await, [account_id(1)]);
    assert_eq!(found(AccountFilter { search: text("THIRD"), ..plain() }).await, [account_id(1)]);
    assert_eq!(found(AccountFilter { search: text("SANDBOX"), ..plain() }).await.len(), 3);
    assert_eq!(found(AccountFilter { metadata: vip(Flag(true)), ..plain() }).await, [account_id(1)]);
    assert_eq!(found(AccountFilter { metadata: vip(Text("true".to_owned())), ..plain() }).await, [account_id(1)]);
    assert_eq!(found(AccountFilter { metadata: vip(Unset), ..plain() }).await, [ACCOUNT, account_id(2)]);
    assert_eq!(found(AccountFilter { metadata: vip(Unset), search: text("hotel"), ..plain() }).await, []);
    assert_eq!(found(AccountFilter { ids: Some(Vec::new()), ..plain() }).await, []);
}

#[tokio::test]
async fn accounts_are_paged() {
    let world = World::new().await;
    for n in 1..4 {
        world.commit(created(account(n))).await;
    }
    let page = async |request| world.store.accounts(&everything(), &AccountFilter::default(), request).await.unwrap();
    let first = page(PageRequest::first(3)).await;
    assert_eq!(first.items.len(), 3);
    let second = page(PageRequest::after(3, first.next.unwrap())).await;
    assert_eq!(second.items.iter().map(|account| account.id).collect::<Vec<_>>(), [account_id(3)]);
    assert_eq!(second.next, None);
}

#[tokio::test]
async fn devices_are_counted() {
    let world = World::new().await;
    let (second, _) = world.second_account().await;
    let count = async |accounts: &[_]| world.store.device_count(&everything(), accounts, &[]).await.unwrap();
    assert_eq!(count(&[ACCOUNT]).await, 5);
    assert_eq!(count(&[ACCOUNT, second]).await, 6);
    assert_eq!(count(&[]).await, 0);
    let counts = world.store.device_counts(&everything()).await.unwrap();
    assert_eq!((counts[&ACCOUNT], counts[&second]), (5, 1));
}

#[test]
fn times_in_the_tests_are_whole_microseconds() {
    assert_eq!(Timestamp::from_microsecond(at(1).as_microsecond()).unwrap(), at(1));
}
