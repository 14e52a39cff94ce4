use std::time::{Duration, Instant};

use jiff::Timestamp;
use thumbturn_core::change::Change;
use thumbturn_core::events::{Event, EventKind, RecordedEvent};
use thumbturn_core::ids::{DeliveryId, EventId, WebhookId};
use thumbturn_core::scope::Scope;
use thumbturn_core::webhooks::{
    Delivery, DeliveryAnswer, DeliveryAttempt, DeliveryStanding, DeliveryTrouble, SigningSecret, Webhook,
};
use thumbturn_store::{DeliveryFilter, NewDelivery, Replayed, Settlement};
use uuid::Uuid;

use super::World;
use crate::support::{OTHER_WORKSPACE, WORKSPACE, at};

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

fn webhook(n: u128) -> Webhook {
    Webhook {
        id: WebhookId(Uuid::from_u128(n)),
        workspace: WORKSPACE,
        url: "https://app.example/hook".to_owned(),
        event_types: vec!["lock.unlocked".to_owned()],
        secret: SigningSecret(SECRET.to_owned()),
        previous: None,
        queued_until: 7,
        failing_since: None,
        disabled_at: None,
        created_at: at(i64::try_from(n).unwrap()),
    }
}

fn delivery(webhook: &Webhook, n: u128, due: i64) -> Delivery {
    let event = EventId(Uuid::from_u128(n));
    Delivery {
        id: DeliveryId::of(webhook.id, event),
        webhook: webhook.id,
        event,
        event_type: "lock.unlocked".into(),
        attempts: Vec::new(),
        standing: DeliveryStanding::Pending { due_at: at(due) },
        created_at: at(due),
    }
}

fn scope() -> Scope {
    Scope::workspace_wide(WORKSPACE)
}

async fn made(world: &World, n: u128) -> Webhook {
    world.commit(Change::WebhookCreated(Box::new(webhook(n)))).await;
    webhook(n)
}

async fn read(world: &World, n: u128) -> Webhook {
    world.store.webhook(&scope(), webhook(n).id).await.unwrap().unwrap()
}

async fn one(world: &World, n: u128) -> Delivery {
    let filter = DeliveryFilter { event: Some(EventId(Uuid::from_u128(n))), ..DeliveryFilter::default() };
    world.store.deliveries(&scope(), &filter, 10).await.unwrap().remove(0)
}

async fn queue(world: &World, webhook: &Webhook, until: i64, rows: &[(Delivery, i64)], claimed: Timestamp) -> bool {
    world.store.queue_deliveries(webhook, until, rows, claimed).await.unwrap()
}

#[tokio::test]
async fn webhooks_are_kept_in_their_workspace() {
    let world = World::new().await;
    let (one, two) = (made(&world, 1).await, made(&world, 2).await);
    assert_eq!(world.store.webhooks(&scope()).await.unwrap(), [one.clone(), two.clone()]);
    assert_eq!(world.store.webhook(&Scope::workspace_wide(OTHER_WORKSPACE), one.id).await.unwrap(), None);
    assert_eq!(world.store.every_webhook().await.unwrap().len(), 2);
    assert_eq!(world.store.webhook_count(WORKSPACE).await.unwrap(), 2);
    world.commit(Change::WebhookChanged { webhook: one.id, event_types: vec!["*".to_owned()] }).await;
    assert_eq!(read(&world, 1).await.event_types, ["*"]);
    let secret = SigningSecret("whsec_bmV3".to_owned());
    world.commit(Change::WebhookRotated { webhook: one.id, secret: secret.clone(), until: at(100) }).await;
    let world = world.reopen().await;
    let rotated = read(&world, 1).await;
    assert_eq!((rotated.secret, rotated.previous), (secret, Some((SigningSecret(SECRET.to_owned()), at(100)))));
    world.commit(Change::WebhookDeleted(one.id)).await;
    assert_eq!(world.store.webhooks(&scope()).await.unwrap(), [two]);
    for gone in [
        Change::WebhookDeleted(one.id),
        Change::WebhookChanged { webhook: one.id, event_types: Vec::new() },
        Change::WebhookEnabled { webhook: one.id, from: 1 },
    ] {
        assert_eq!(world.conflict(gone).await, "webhook");
    }
}

#[tokio::test]
async fn of_two_who_queue_the_same_events_one_does() {
    let world = World::new().await;
    let known = made(&world, 1).await;
    assert!(queue(&world, &known, 9, &[(delivery(&known, 10, 1), 8), (delivery(&known, 11, 1), 9)], at(50)).await);
    assert!(!queue(&world, &known, 9, &[(delivery(&known, 20, 1), 8)], at(50)).await, "it has come further");
    let known = read(&world, 1).await;
    assert_eq!(known.queued_until, 9);
    let changed = Webhook { event_types: vec!["*".to_owned()], ..known.clone() };
    assert!(!queue(&world, &changed, 12, &[], at(50)).await, "somebody changed it");
    assert!(queue(&world, &known, 12, &[], at(50)).await);
    let all = world.store.deliveries(&scope(), &DeliveryFilter::default(), 10).await.unwrap();
    assert_eq!(all.len(), 2);
    let foreign = Scope::workspace_wide(OTHER_WORKSPACE);
    assert_eq!(world.store.deliveries(&foreign, &DeliveryFilter::default(), 10).await.unwrap(), []);
}

#[tokio::test]
async fn what_was_begun_without_a_row_is_settled_together_with_how_far_the_webhook_has_come() {
    let world = World::new().await;
    let known = made(&world, 1).await;
    let attempt = DeliveryAttempt { at: at(2), took: Duration::from_millis(5), answer: DeliveryAnswer::Status(204) };
    let taken = Delivery { attempts: vec![attempt], standing: DeliveryStanding::Delivered, ..delivery(&known, 10, 1) };
    let row = |delivery: Delivery, sequence, claimed_until| NewDelivery { delivery, sequence, claimed_until };
    let rows = vec![row(taken.clone(), 8, None), row(delivery(&known, 11, 1), 9, Some(at(50)))];
    let first = Settlement { webhook: known.id, from: 7, until: 12, rows, failing: vec![(true, at(2))] };
    let settle = async |settlement: &Settlement| world.store.settle_deliveries(settlement).await.unwrap();
    assert!(settle(&first).await);
    assert_eq!(one(&world, 10).await, taken);
    let state = read(&world, 1).await;
    assert_eq!((state.queued_until, state.failing_since), (12, Some(at(2))));
    let due = async |now| world.store.due_deliveries(known.id, at(now), 10).await.unwrap();
    assert_eq!(due(49).await, [], "what has no answer is in hand");
    assert_eq!(due(50).await, [delivery(&known, 11, 1)]);
    assert!(!settle(&first).await, "it has come further");
    // Which events it wants, may have been changed meanwhile.
    world.commit(Change::WebhookChanged { webhook: known.id, event_types: vec!["*".to_owned()] }).await;
    let failing = vec![(false, at(3)), (true, at(4)), (false, at(5)), (true, at(6))];
    let rows = vec![row(delivery(&known, 12, 1), 13, None), row(delivery(&known, 10, 1), 8, None)];
    assert!(settle(&Settlement { from: 12, until: 13, rows, failing, ..first.clone() }).await);
    assert_eq!(read(&world, 1).await.failing_since, Some(at(6)), "the last success was before that");
    assert_eq!(one(&world, 10).await, taken, "a row that is there stays as it is");
    assert_eq!(one(&world, 12).await, delivery(&known, 12, 1));
    assert!(world.store.disable_webhook(known.id, at(6), at(80)).await.unwrap());
    let rows = vec![row(delivery(&known, 13, 1), 14, None)];
    let last = Settlement { from: 13, until: 14, rows, failing: Vec::new(), ..first.clone() };
    assert!(!settle(&last).await, "it is disabled");
    world.commit(Change::WebhookDeleted(known.id)).await;
    assert!(!settle(&last).await, "it is gone");
    assert_eq!(world.store.deliveries(&scope(), &DeliveryFilter::default(), 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_delivery_is_in_one_hand_and_comes_back_when_its_time_is_over() {
    let world = World::new().await;
    let known = made(&world, 1).await;
    queue(&world, &known, 9, &[(delivery(&known, 10, 1), 8), (delivery(&known, 11, 1), 9)], at(50)).await;
    let due = async |now| world.store.due_deliveries(known.id, at(now), 10).await.unwrap();
    assert_eq!(due(49).await, []);
    assert_eq!(world.store.next_delivery(known.id, at(49)).await.unwrap(), Some(at(50)));
    let ripe = due(50).await;
    assert_eq!(ripe, [delivery(&known, 10, 1), delivery(&known, 11, 1)], "in the order of the events");
    assert!(world.store.claim_delivery(ripe[0].id, at(50), at(90)).await.unwrap());
    assert!(!world.store.claim_delivery(ripe[0].id, at(51), at(90)).await.unwrap(), "it is in hand");
    assert_eq!(due(51).await, [delivery(&known, 11, 1)]);
    let next = async |now| world.store.next_delivery(known.id, at(now)).await.unwrap();
    assert!(next(51).await.is_some_and(|next| next <= at(51)), "11 is in no hand any more");
    assert!(world.store.claim_delivery(delivery(&known, 11, 1).id, at(51), at(80)).await.unwrap());
    assert_eq!(next(52).await, Some(at(80)), "the first that comes back");
    let later = Delivery { standing: DeliveryStanding::Pending { due_at: at(70) }, ..delivery(&known, 11, 1) };
    world.store.record_delivery(&later, None, at(53)).await.unwrap();
    assert_eq!(next(54).await, Some(at(70)), "11 is tried again before 10 comes back");
    world.store.release_deliveries().await.unwrap();
    assert_eq!(due(71).await.len(), 2, "the node is gone");
}

#[tokio::test]
async fn what_came_of_an_attempt_is_kept() {
    let world = World::new().await;
    let known = made(&world, 1).await;
    let mut sent = delivery(&known, 10, 1);
    queue(&world, &known, 9, &[(sent.clone(), 8)], at(50)).await;
    let trouble = DeliveryAnswer::Trouble(DeliveryTrouble::TimedOut);
    sent.attempts.push(DeliveryAttempt { at: at(2), took: Duration::from_millis(15), answer: trouble });
    sent.standing = DeliveryStanding::Pending { due_at: at(70) };
    world.store.record_delivery(&sent, Some(true), at(2)).await.unwrap();
    assert_eq!(one(&world, 10).await, sent);
    assert_eq!(read(&world, 1).await.failing_since, Some(at(2)));
    assert!(world.store.claim_delivery(sent.id, at(70), at(90)).await.unwrap(), "it is in no hand any more");
    world.store.record_delivery(&sent, Some(true), at(70)).await.unwrap();
    assert_eq!(read(&world, 1).await.failing_since, Some(at(2)), "since the first");
    let answer = DeliveryAnswer::Status(204);
    sent.attempts.push(DeliveryAttempt { at: at(71), took: Duration::from_millis(5), answer });
    sent.standing = DeliveryStanding::Delivered;
    world.store.record_delivery(&sent, Some(false), at(71)).await.unwrap();
    let world = world.reopen().await;
    assert_eq!(one(&world, 10).await, sent);
    assert_eq!(read(&world, 1).await.failing_since, None);
    assert_eq!(world.store.next_delivery(known.id, at(99)).await.unwrap(), None);
    assert_eq!(world.store.pending_deliveries(known.id).await.unwrap(), 0);
    world.store.replay_delivery(sent.id, at(80)).await.unwrap();
    let again = one(&world, 10).await;
    assert_eq!((again.standing, again.attempts.len()), (DeliveryStanding::Pending { due_at: at(80) }, 0));
}

#[tokio::test]
async fn a_webhook_is_disabled_once_and_enabled_from_now_on() {
    let world = World::new().await;
    let known = made(&world, 1).await;
    let mut sent = delivery(&known, 10, 1);
    queue(&world, &known, 9, &[(sent.clone(), 8), (delivery(&known, 11, 1), 9)], at(50)).await;
    sent.standing = DeliveryStanding::Pending { due_at: at(70) };
    world.store.record_delivery(&sent, Some(true), at(10)).await.unwrap();
    assert!(!world.store.disable_webhook(known.id, at(9), at(80)).await.unwrap(), "it has not failed for so long");
    assert!(world.store.disable_webhook(known.id, at(10), at(80)).await.unwrap());
    assert!(!world.store.disable_webhook(known.id, at(10), at(81)).await.unwrap(), "it is");
    assert_eq!(read(&world, 1).await.disabled_at, Some(at(80)));
    assert_eq!(one(&world, 11).await.standing, DeliveryStanding::Dropped);
    sent.standing = DeliveryStanding::Delivered;
    world.store.record_delivery(&sent, None, at(82)).await.unwrap();
    assert_eq!(one(&world, 10).await.standing, DeliveryStanding::Dropped, "what is over stays over");
    assert!(!queue(&world, &read(&world, 1).await, 20, &[], at(90)).await, "nothing is queued");
    world.commit(Change::WebhookEnabled { webhook: known.id, from: 33 }).await;
    let enabled = read(&world, 1).await;
    assert_eq!((enabled.disabled_at, enabled.failing_since, enabled.queued_until), (None, None, 33));
    world.commit(Change::WebhookEnabled { webhook: known.id, from: 44 }).await;
    assert_eq!(read(&world, 1).await.queued_until, 33, "one that is enabled misses nothing");
}

#[tokio::test]
async fn old_deliveries_are_deleted_once_they_are_over() {
    let world = World::new().await;
    let known = made(&world, 1).await;
    let mut over = delivery(&known, 10, 1);
    let rows = [(over.clone(), 8), (delivery(&known, 11, 1), 9), (delivery(&known, 12, 60), 10)];
    queue(&world, &known, 10, &rows, at(50)).await;
    over.standing = DeliveryStanding::Delivered;
    world.store.record_delivery(&over, None, at(2)).await.unwrap();
    assert_eq!(world.store.delete_older_deliveries(at(50)).await.unwrap(), 1);
    let left = world.store.deliveries(&scope(), &DeliveryFilter::default(), 10).await.unwrap();
    assert_eq!(left.iter().map(|delivery| delivery.event.0.as_u128()).collect::<Vec<_>>(), [12, 11]);
    world.commit(Change::WebhookDeleted(known.id)).await;
    assert_eq!(world.store.deliveries(&scope(), &DeliveryFilter::default(), 10).await.unwrap(), []);
}

#[tokio::test]
async fn deliveries_are_found_by_what_they_are_newest_first() {
    let world = World::new().await;
    let (one, other) = (made(&world, 1).await, made(&world, 2).await);
    // The last event has deliveries to both.
    queue(&world, &one, 9, &[(delivery(&one, 10, 1), 8), (delivery(&one, 12, 3), 9)], at(50)).await;
    queue(&world, &other, 9, &[(delivery(&other, 11, 2), 8), (delivery(&other, 12, 4), 9)], at(50)).await;
    let over = Delivery { standing: DeliveryStanding::Delivered, ..delivery(&other, 11, 2) };
    world.store.record_delivery(&over, None, at(2)).await.unwrap();
    let ids = async |filter: DeliveryFilter, limit| {
        let found = world.store.deliveries(&scope(), &filter, limit).await.unwrap();
        found.iter().map(|found| (found.webhook.0.as_u128(), found.event.0.as_u128())).collect::<Vec<_>>()
    };
    let any = DeliveryFilter::default();
    assert_eq!(ids(any.clone(), 9).await, [(2, 12), (1, 12), (2, 11), (1, 10)]);
    assert_eq!(ids(any.clone(), 3).await, [(2, 12), (1, 12), (2, 11)]);
    assert_eq!(ids(DeliveryFilter { webhook: Some(one.id), ..any.clone() }, 9).await, [(1, 12), (1, 10)]);
    assert_eq!(ids(DeliveryFilter { status: Some("delivered"), ..any.clone() }, 9).await, [(2, 11)]);
    let of_last = DeliveryFilter { event: Some(EventId(Uuid::from_u128(12))), ..any.clone() };
    assert_eq!(ids(of_last.clone(), 9).await, [(2, 12), (1, 12)]);
    assert_eq!(ids(of_last.clone(), 1).await, [(2, 12)]);
    assert_eq!(ids(DeliveryFilter { webhook: Some(one.id), ..of_last.clone() }, 9).await, [(1, 12)]);
    assert_eq!(ids(DeliveryFilter { status: Some("delivered"), ..of_last.clone() }, 9).await, []);
    let by_id = DeliveryFilter { id: Some(over.id), ..any };
    assert_eq!(ids(by_id.clone(), 9).await, [(2, 11)]);
    assert_eq!(ids(DeliveryFilter { webhook: Some(one.id), ..by_id }, 9).await, []);
    assert_eq!(ids(DeliveryFilter { id: Some(over.id), ..of_last }, 9).await, []);
    let foreign = Scope::workspace_wide(OTHER_WORKSPACE);
    let by_id = DeliveryFilter { id: Some(over.id), ..DeliveryFilter::default() };
    assert_eq!(world.store.deliveries(&foreign, &by_id, 9).await.unwrap(), []);
}

/// The event of `delivery(_, n, _)`, at this place in commit order.
fn event(n: u128, sequence: i64) -> RecordedEvent {
    let id = EventId(Uuid::from_u128(n));
    let kind = EventKind::DeviceAdded;
    let event = Event { id, workspace: WORKSPACE, account: None, device: None, occurred_at: at(1), kind };
    RecordedEvent {
        sequence,
        created_at: at(sequence),
        event,
        device_custom_metadata: None,
        account_custom_metadata: None,
    }
}

#[tokio::test]
async fn a_replay_of_events_begins_again_what_is_not_on_its_way_and_makes_what_is_not_there() {
    let world = World::new().await;
    let known = made(&world, 1).await;
    // Of these 10 was taken, 11 has failed, 12 waits for its next attempt, 13 is due, and 14 is in hand.
    let all: Vec<(Delivery, i64)> = (10..15).map(|n| (delivery(&known, n, 1), i64::try_from(n).unwrap())).collect();
    assert!(queue(&world, &known, 14, &all, at(50)).await);
    let standings = [
        DeliveryStanding::Delivered,
        DeliveryStanding::Failed,
        DeliveryStanding::Pending { due_at: at(900) },
        DeliveryStanding::Pending { due_at: at(40) },
    ];
    for ((delivery, _), standing) in all.iter().zip(standings) {
        let answer = DeliveryAnswer::Status(500);
        let attempts = vec![DeliveryAttempt { at: at(2), took: Duration::from_millis(5), answer }];
        let delivery = Delivery { attempts, standing, ..delivery.clone() };
        world.store.record_delivery(&delivery, None, at(2)).await.unwrap();
    }
    let events: Vec<RecordedEvent> = (10..16).map(|n| event(n, i64::try_from(n).unwrap())).collect();
    let replay = async |with_delivered, now| {
        world.store.replay_events(known.id, &events, with_delivered, at(now)).await.unwrap()
    };
    assert_eq!(replay(false, 45).await, Replayed { again: 2, new: 1 });
    let again = |n| Delivery { standing: DeliveryStanding::Pending { due_at: at(45) }, ..delivery(&known, n, 1) };
    for n in [11, 12] {
        assert_eq!(one(&world, n).await, again(n), "its attempts are counted anew");
    }
    assert_eq!(one(&world, 10).await.standing, DeliveryStanding::Delivered);
    assert_eq!(one(&world, 13).await.attempts.len(), 1, "it is due as it was");
    let filter = DeliveryFilter { event: Some(events[5].event.id), ..DeliveryFilter::default() };
    let new = world.store.deliveries(&scope(), &filter, 10).await.unwrap();
    assert_eq!(new[0].id, DeliveryId::of(known.id, events[5].event.id));
    assert_eq!((new.len(), new[0].standing), (1, DeliveryStanding::Pending { due_at: at(45) }));
    assert_eq!(replay(false, 46).await, Replayed::default(), "all is on its way");
    assert_eq!(replay(true, 46).await, Replayed { again: 1, new: 0 });
    let due: Vec<u128> = world
        .store
        .due_deliveries(known.id, at(47), 10)
        .await
        .unwrap()
        .iter()
        .map(|one| one.event.0.as_u128())
        .collect();
    assert_eq!(due, [13, 11, 12, 15, 10], "the longest due first, then in the order of the events");
}

#[tokio::test]
async fn of_two_who_replay_the_same_at_once_one_makes_what_is_not_there() {
    let world = World::new().await;
    let known = made(&world, 1).await;
    let events: Vec<RecordedEvent> = (10..60).map(|n| event(n, i64::try_from(n).unwrap())).collect();
    let replay = async || world.store.replay_events(known.id, &events, false, at(45)).await.unwrap();
    let (one, other) = tokio::join!(replay(), replay());
    assert_eq!(one.new + other.new, 50, "{one:?} {other:?}");
    assert_eq!(world.store.pending_deliveries(known.id).await.unwrap(), 50);
}

/// How long it takes at best to find out which delivery is next.
async fn time_of_the_next(world: &World, webhook: &Webhook) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let began = Instant::now();
        assert_eq!(world.store.next_delivery(webhook.id, at(99)).await.unwrap(), Some(at(150)));
        assert_eq!(world.store.due_deliveries(webhook.id, at(99), 16).await.unwrap(), []);
        best = best.min(began.elapsed());
    }
    best
}

#[tokio::test]
async fn however_many_deliveries_wait_the_next_is_found_as_fast() {
    const MANY: u128 = 30_000;
    let world = World::new().await;
    let (few, many) = (made(&world, 1).await, made(&world, 2).await);
    let offset = |webhook: &Webhook| webhook.id.0.as_u128() * 1_000_000;
    for (webhook, count) in [(&few, 100), (&many, MANY)] {
        let row = |n: u128| (delivery(webhook, offset(webhook) + n, if n < 60 { 1 } else { 200 }), 0);
        let rows: Vec<(Delivery, i64)> = (0..count).map(row).collect();
        for rows in rows.chunks(5_000) {
            let known = read(&world, webhook.id.0.as_u128()).await;
            assert!(queue(&world, &known, known.queued_until + 1, rows, at(50)).await);
        }
    }
    world.store.release_deliveries().await.unwrap();
    // Some are in somebody's hand, the others wait for later attempts.
    for id in
        [&few, &many].into_iter().flat_map(|webhook| (0..60).map(|n| delivery(webhook, offset(webhook) + n, 1).id))
    {
        assert!(world.store.claim_delivery(id, at(99), at(150)).await.unwrap());
    }
    let (few, many) = (time_of_the_next(&world, &few).await, time_of_the_next(&world, &many).await);
    assert!(many < 3 * few + Duration::from_millis(3), "{many:?} with {MANY} of them, {few:?} with 100");
}
