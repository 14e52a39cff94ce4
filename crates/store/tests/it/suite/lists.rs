use thumbturn_core::accounts::Account;
use thumbturn_core::change::Change;
use thumbturn_core::devices::Device;
use thumbturn_core::ids::DeviceId;
use thumbturn_store::{DeviceFilter, MetadataValue, PageRequest};

use super::World;
use crate::support::{ACCOUNT, ALL, account, account_id, at, device, device_id, everything, session};

async fn seen(world: &World, device: Device) {
    world.commit(Change::DeviceSeen { device: Box::new(device), events: Vec::new() }).await;
}

async fn found(world: &World, filter: DeviceFilter) -> Vec<DeviceId> {
    let page = world.store.devices(&everything(), &filter, ALL).await.unwrap();
    assert_eq!(page.next, None);
    page.items.into_iter().map(|device| device.id).collect()
}

fn ids<const N: usize>(numbers: [u128; N]) -> Vec<DeviceId> {
    numbers.map(device_id).to_vec()
}

fn has(key: &str, value: MetadataValue) -> DeviceFilter {
    DeviceFilter { metadata: vec![(key.to_owned(), value)], ..DeviceFilter::default() }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Devices 0 to 4 of the sandbox account, 10 (a Schlage, unmanaged) of the hotel's account.
async fn furnished() -> World {
    let world = World::new().await;
    let hotel = Account { customer_key: text("hotel"), ..account(1) };
    world.commit(Change::AccountCreated { account: Box::new(hotel), events: Vec::new() }).await;
    let mut schlage = Device { account: account_id(1), is_managed: false, ..device(10) };
    schlage.about.device_type = "schlage_lock".to_owned();
    schlage.about.manufacturer = "schlage".to_owned();
    schlage.about.name = "ÄUSSERE Tür".to_owned();
    schlage.custom_metadata = r#"{"floor":"Third","vip":true,"n":"1"}"#.to_owned();
    seen(&world, schlage).await;
    world
}

#[tokio::test]
async fn conditions_of_a_row() {
    let world = furnished().await;
    let all = DeviceFilter::default;
    assert_eq!(found(&world, all()).await, ids([0, 1, 2, 3, 4, 10]));
    assert_eq!(found(&world, DeviceFilter::managed()).await, ids([0, 1, 2, 3, 4]));
    assert_eq!(found(&world, DeviceFilter::unmanaged()).await, ids([10]));
    let named = Some(ids([3, 1, 99]));
    assert_eq!(found(&world, DeviceFilter { ids: named, ..all() }).await, ids([1, 3]));
    assert_eq!(found(&world, DeviceFilter { ids: Some(Vec::new()), ..all() }).await, []);
    assert_eq!(found(&world, DeviceFilter { accounts: Some(vec![account_id(1)]), ..all() }).await, ids([10]));
    let types = Some(vec!["schlage_lock".to_owned(), "nuki_lock".to_owned()]);
    assert_eq!(found(&world, DeviceFilter { device_types: types, ..all() }).await, ids([10]));
    assert_eq!(found(&world, DeviceFilter { manufacturer: text("Schlage"), ..all() }).await, ids([10]));
    assert_eq!(found(&world, DeviceFilter { created_before: Some(at(2)), ..all() }).await, ids([0, 1]));
}

#[tokio::test]
async fn conditions_of_the_account() {
    let world = furnished().await;
    let mut jane = session(1, &[account_id(1)]);
    jane.user_identifier_key = text("jane");
    world.commit(Change::SessionCreated(Box::new(jane))).await;
    let all = DeviceFilter::default;
    assert_eq!(found(&world, DeviceFilter { customer_key: text("hotel"), ..all() }).await, ids([10]));
    assert_eq!(found(&world, DeviceFilter { customer_key: text("nobody"), ..all() }).await, []);
    assert_eq!(found(&world, DeviceFilter { user_identifier_key: text("jane"), ..all() }).await, ids([10]));
    assert_eq!(found(&world, DeviceFilter { user_identifier_key: text("joe"), ..all() }).await, []);
    world.commit(Change::SessionRetired(crate::support::session_id(1))).await;
    assert_eq!(found(&world, DeviceFilter { user_identifier_key: text("jane"), ..all() }).await, []);
}

#[tokio::test]
async fn conditions_on_metadata() {
    let world = furnished().await;
    assert_eq!(found(&world, has("vip", MetadataValue::Flag(true))).await, ids([10]));
    assert_eq!(found(&world, has("vip", MetadataValue::Text("true".to_owned()))).await, ids([10]));
    assert_eq!(found(&world, has("vip", MetadataValue::Unset)).await, ids([0, 1, 2, 3, 4]));
    assert_eq!(found(&world, has("floor", MetadataValue::Text("third".to_owned()))).await, []);
    assert_eq!(found(&world, has("floor", MetadataValue::Text(String::new()))).await.len(), 6);
    let mut both = has("vip", MetadataValue::Flag(true));
    both.metadata.push(("floor".to_owned(), MetadataValue::Text("Third".to_owned())));
    assert_eq!(found(&world, both).await, ids([10]));
}

#[tokio::test]
async fn search_looks_where_the_contract_says() {
    let world = furnished().await;
    let search = |part: &str| DeviceFilter { search: text(part), ..DeviceFilter::default() };
    assert_eq!(found(&world, search("door 3")).await, ids([3]));
    assert_eq!(found(&world, search("äussere")).await, ids([10]), "case does not matter beyond ASCII either");
    assert_eq!(found(&world, search("third")).await, ids([10]));
    assert_eq!(found(&world, search("floor")).await, []);
    assert_eq!(found(&world, search(&account_id(1).to_string())).await, ids([10]));
    assert_eq!(found(&world, search(&device_id(2).to_string().to_uppercase())).await, ids([2]));
    assert_eq!(found(&world, search("3002")).await, [], "ids are looked at from their beginning");
    assert_eq!(found(&world, search("%")).await, [], "no pattern language");
}

#[tokio::test]
async fn the_caller_can_sort_out_more_and_pages_stay_full() {
    let world = World::new().await;
    for n in 5..1300 {
        let mut more = device(n);
        more.created_at = at(0);
        seen(&world, more).await;
    }
    let odd = |device: &Device| device.id.0.as_u128() % 2 == 1;
    let mut after = None;
    let mut collected = Vec::new();
    let mut pages = 0;
    loop {
        let request = PageRequest { limit: 100, after };
        let page = world.store.devices_where(&everything(), &DeviceFilter::managed(), request, odd).await.unwrap();
        pages += 1;
        collected.extend(page.items.iter().map(|device| device.id));
        assert!(page.next.is_none() || page.items.len() == 100);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut unique = collected.clone();
    unique.sort();
    unique.dedup();
    assert_eq!((collected.len(), unique.len(), pages), (650, 650, 7));
}

#[tokio::test]
async fn a_page_survives_the_end_of_its_last_item() {
    let world = furnished().await;
    let filter = DeviceFilter::default();
    let mut early = device(20);
    (early.account, early.created_at) = (account_id(1), at(1));
    seen(&world, early).await;
    // In order: 0, 1, 20, 2, 3, 4, 10. The page ends with 20, which then goes with its account, as does 10.
    let first = world.store.devices(&everything(), &filter, PageRequest::first(3)).await.unwrap();
    assert_eq!(first.items[2].id, device_id(20));
    world.commit(Change::AccountDeleted { account: account_id(1), events: Vec::new() }).await;
    let request = PageRequest::after(3, first.next.unwrap());
    let second = world.store.devices(&everything(), &filter, request).await.unwrap();
    assert_eq!(second.items.iter().map(|device| device.id).collect::<Vec<_>>(), ids([2, 3, 4]));
    assert_eq!(second.next, None);
}

#[tokio::test]
async fn the_last_full_page_has_no_next() {
    let world = World::new().await;
    let page = world.store.devices(&everything(), &DeviceFilter::default(), PageRequest::first(5)).await.unwrap();
    assert_eq!((page.items.len(), page.next), (5, None));
    assert!(page.items.iter().all(|device| device.account == ACCOUNT));
}
