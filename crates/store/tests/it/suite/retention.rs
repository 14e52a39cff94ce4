use jiff::Timestamp;
use thumbturn_core::attempts::Outcome;
use thumbturn_core::events::EventKind;
use thumbturn_store::{AttemptFilter, Deleted, EventFilter};

use super::World;
use crate::support::{ALL, accept_with_key, at, attempt_id, device_event, everything, tell};

async fn counts(world: &World) -> (usize, usize) {
    let events = world.store.events(&everything(), &EventFilter::default(), 10_000, 0).await.unwrap().len();
    let attempts = world.store.attempts(&everything(), &AttemptFilter::default(), ALL).await.unwrap().items.len();
    (events, attempts)
}

#[tokio::test]
async fn what_is_old_goes_and_what_is_pending_stays() {
    let world = World::new().await;
    for n in 0..6 {
        world.commit(accept_with_key(n, &format!("k{n}"), i64::try_from(n).unwrap())).await;
        if n != 1 {
            world.finish(n, Outcome::Success { confirmed: true }).await;
        }
    }
    let deleted = world.store.delete_older(Timestamp::MIN, at(3), at(4)).await.unwrap();
    assert_eq!(deleted, Deleted { events: 0, attempts: 2, idempotency: 4 });
    let left = world.store.attempts(&everything(), &AttemptFilter::default(), ALL).await.unwrap().items;
    assert_eq!(left.iter().map(|attempt| attempt.id).collect::<Vec<_>>(), [1, 3, 4, 5].map(attempt_id));
    assert_eq!(counts(&world).await, (5, 4));
    let gone = world.store.attempt_evidence(&everything(), attempt_id(0)).await.unwrap();
    assert_eq!(gone, None, "evidence goes with its attempt");
}

#[tokio::test]
async fn the_newest_event_stays_so_that_time_goes_on() {
    let world = World::new().await;
    world.commit(tell((0..1200).map(|n| device_event(n, 0, EventKind::DeviceAdded)).collect())).await;
    let deleted = world.store.delete_older(Timestamp::MAX, Timestamp::MIN, Timestamp::MIN).await.unwrap();
    assert_eq!(deleted.events, 1199);
    assert_eq!(counts(&world).await, (1, 0));
    assert_eq!(world.store.last_sequence().await.unwrap(), 1200);
}
