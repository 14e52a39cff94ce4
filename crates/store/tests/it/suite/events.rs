use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use thumbturn_core::change::Change;
use thumbturn_core::devices::Editable;
use thumbturn_core::events::{Event, EventKind, Method, RecordedEvent};
use thumbturn_core::ids::DeviceId;
use thumbturn_core::locks::Bolt;
use thumbturn_store::EventFilter;
use uuid::Uuid;

use super::World;
use crate::support::{ACCOUNT, account_id, attempt_id, device, device_event, device_id, event_id, everything, tell};

fn moved(n: u128, device: u128) -> Event {
    let kind = EventKind::LockMoved {
        to: Bolt::Unlocked,
        method: Method::Remote,
        attempt: Some(attempt_id(n)),
        slot: Some(2),
    };
    device_event(n, device, kind)
}

async fn all(world: &World) -> Vec<RecordedEvent> {
    world.store.events(&everything(), &EventFilter::default(), 1000, 0).await.unwrap()
}

async fn found(world: &World, filter: EventFilter) -> Vec<u128> {
    let events = world.store.events(&everything(), &filter, 1000, 0).await.unwrap();
    events.into_iter().map(|event| event.event.id.0.as_u128() - 0x60_0000).collect()
}

#[tokio::test]
async fn an_event_comes_back_with_its_place_and_time() {
    let world = World::new().await;
    let edit = Change::DeviceEdited {
        device: device_id(1),
        before: device(1).editable(),
        after: Editable { nickname: None, custom_metadata: r#"{"a":"b"}"#.to_owned(), is_managed: true },
        events: vec![moved(1, 1)],
    };
    let before = Timestamp::now();
    world.commit(edit).await;
    let [recorded] = all(&world).await.try_into().unwrap();
    assert_eq!(recorded.event, moved(1, 1));
    assert_eq!(recorded.device_custom_metadata.as_deref(), Some(r#"{"a":"b"}"#));
    assert_eq!(recorded.account_custom_metadata.as_deref(), Some("{}"));
    assert!(recorded.created_at.as_microsecond() >= before.as_microsecond());
    assert_eq!(world.store.last_sequence().await.unwrap(), recorded.sequence);
}

#[tokio::test]
async fn events_are_found_by_their_device_whatever_its_id() {
    let world = World::new().await;
    // Ids that differ in every digit where a UUID says what it is.
    let ids: Vec<DeviceId> = (0..16).map(|n| DeviceId(Uuid::from_u128(n << 60))).collect();
    let of = |n: u128, id: &DeviceId| Event { device: Some(*id), ..moved(n, 1) };
    world.commit(tell((0..64).map(|n| of(n, &ids[n as usize % 16])).collect())).await;
    for (n, id) in (0..).zip(&ids) {
        let filter = EventFilter { devices: Some(vec![*id]), ..EventFilter::default() };
        assert_eq!(found(&world, filter).await, [n, n + 16, n + 32, n + 48]);
    }
    let two = EventFilter { devices: Some(vec![ids[1], ids[9]]), ..EventFilter::default() };
    assert_eq!(found(&world, two).await, [1, 9, 17, 25, 33, 41, 49, 57]);
    let every = EventFilter { devices: Some([ids, vec![device_id(7)]].concat()), ..EventFilter::default() };
    assert_eq!(found(&world, every).await, (0..64).collect::<Vec<_>>());
}

#[tokio::test]
async fn paging_by_the_last_time_seen_misses_nothing() {
    let world = World::new().await;
    for n in 0..10 {
        world.commit(tell((0..5).map(|m| moved(n * 5 + m, 0)).collect())).await;
    }
    let mut seen = Vec::new();
    let mut filter = EventFilter::default();
    loop {
        let page = world.store.events(&everything(), &filter, 7, 0).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.after = Some(last.created_at);
        seen.extend(page.into_iter().map(|event| event.event.id));
    }
    assert_eq!(seen, (0..50).map(event_id).collect::<Vec<_>>());
}

#[tokio::test]
async fn times_grow_with_the_sequence_also_when_the_clock_goes_back_and_over_restarts() {
    let now = Arc::new(AtomicI64::new(1_770_000_000_000_000));
    let clock = |now: &Arc<AtomicI64>| {
        let now = Arc::clone(now);
        move || Timestamp::from_microsecond(now.load(Ordering::SeqCst)).unwrap()
    };
    let mut world = World::with(|options| options.clock = Arc::new(clock(&now))).await;
    world.commit(tell(vec![moved(1, 0), moved(2, 0)])).await;
    now.fetch_sub(60_000_000, Ordering::SeqCst);
    world.commit(tell(vec![moved(3, 0)])).await;
    world = world.reopen_with(|options| options.clock = Arc::new(clock(&now))).await;
    world.commit(tell(vec![moved(4, 0)])).await;
    now.fetch_add(120_000_000, Ordering::SeqCst);
    world.commit(tell(vec![moved(5, 0)])).await;

    let events = all(&world).await;
    let first = 1_770_000_000_000_000;
    let times: Vec<_> = events.iter().map(|event| event.created_at.as_microsecond() - first).collect();
    assert_eq!(times, [0, 1, 2, 3, 60_000_000]);
    assert!(events.is_sorted_by_key(|event| event.sequence));
}

#[tokio::test]
async fn filters_of_events_combine() {
    let world = World::new().await;
    let (second, other) = world.second_account().await;
    let elsewhere = Event { account: Some(second), device: Some(other), ..moved(3, 0) };
    let of_account = Event { device: None, ..device_event(4, 0, EventKind::AccountConnected) };
    world.commit(tell(vec![moved(1, 1), device_event(2, 2, EventKind::DeviceRemoved)])).await;
    world.commit(tell(vec![elsewhere, of_account])).await;

    let times: Vec<_> = all(&world).await.into_iter().map(|event| event.created_at).collect();
    let none = EventFilter::default;
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    assert_eq!(found(&world, none()).await, [1, 2, 3, 4]);
    assert_eq!(found(&world, EventFilter { after: Some(times[0]), ..none() }).await, [2, 3, 4]);
    let between = EventFilter { after: Some(times[0]), before: Some(times[3]), ..none() };
    assert_eq!(found(&world, between).await, [2, 3]);
    assert_eq!(found(&world, EventFilter { after_sequence: Some(2), ..none() }).await, [3, 4]);
    assert_eq!(found(&world, EventFilter { ids: Some(vec![event_id(2), event_id(9)]), ..none() }).await, [2]);
    assert_eq!(found(&world, EventFilter { types: words(&["lock.unlocked"]), ..none() }).await, [1, 3]);
    assert_eq!(found(&world, EventFilter { types: words(&[]), ..none() }).await, []);
    assert_eq!(found(&world, EventFilter { devices: Some(vec![device_id(1), other]), ..none() }).await, [1, 3]);
    assert_eq!(found(&world, EventFilter { accounts: Some(vec![ACCOUNT]), ..none() }).await, [1, 2, 4]);
    assert_eq!(found(&world, EventFilter { accounts: Some(vec![account_id(7)]), ..none() }).await, []);
    let both = EventFilter { types: words(&["lock.unlocked"]), accounts: Some(vec![second]), ..none() };
    assert_eq!(found(&world, both).await, [3]);
    assert_eq!(found(&world, EventFilter { customer_key: Some("nobody".to_owned()), ..none() }).await, []);
}

#[tokio::test]
async fn events_of_a_customer() {
    let world = World::new().await;
    let mut hotel = crate::support::account(1);
    hotel.customer_key = Some("hotel".to_owned());
    let mut connected = device_event(1, 0, EventKind::AccountConnected);
    (connected.account, connected.device) = (Some(hotel.id), None);
    world.commit(Change::AccountCreated { account: Box::new(hotel), events: vec![connected] }).await;
    world.commit(tell(vec![moved(2, 0)])).await;
    let filter = EventFilter { customer_key: Some("hotel".to_owned()), ..EventFilter::default() };
    assert_eq!(found(&world, filter).await, [1]);
}

#[tokio::test]
async fn a_live_stream_goes_on_after_a_place_that_was_deleted() {
    let world = World::new().await;
    world.commit(tell((0..4).map(|n| moved(n, 0)).collect())).await;
    let third = all(&world).await[2].clone();
    world.store.delete_older(third.created_at, Timestamp::MIN, Timestamp::MIN).await.unwrap();
    for (after, expected) in [(0, vec![2, 3]), (2, vec![2, 3]), (third.sequence, vec![3]), (99, vec![])] {
        assert_eq!(
            found(&world, EventFilter { after_sequence: Some(after), ..EventFilter::default() }).await,
            expected
        );
    }
}

#[tokio::test]
async fn limit_and_offset_cut_a_piece_out() {
    let world = World::new().await;
    world.commit(tell((0..10).map(|n| moved(n, 0)).collect())).await;
    let events = world.store.events(&everything(), &EventFilter::default(), 3, 4).await.unwrap();
    assert_eq!(events.into_iter().map(|event| event.event.id).collect::<Vec<_>>(), [4, 5, 6].map(event_id));
}

#[tokio::test]
async fn a_single_event_is_the_newest_that_matches() {
    let world = World::new().await;
    world.commit(tell(vec![moved(1, 1), moved(2, 1), moved(3, 2)])).await;
    let newest =
        async |filter: EventFilter| world.store.event(&everything(), &filter).await.unwrap().map(|e| e.event.id);
    let of_device = EventFilter { devices: Some(vec![device_id(1)]), ..EventFilter::default() };
    assert_eq!(newest(of_device).await, Some(event_id(2)));
    let exact = EventFilter { ids: Some(vec![event_id(1)]), ..EventFilter::default() };
    assert_eq!(newest(exact).await, Some(event_id(1)));
    let unknown = EventFilter { ids: Some(vec![event_id(9)]), ..EventFilter::default() };
    assert_eq!(newest(unknown).await, None);
}
