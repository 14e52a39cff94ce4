use thumbturn_core::attempts::{Attempt, Failure, FailureKind, Outcome};
use thumbturn_core::change::{Change, IdempotencyKey};
use thumbturn_core::locks::{Action, Bolt};
use thumbturn_store::{AttemptFilter, Claimed, DeviceLookup, PageRequest};

use super::World;
use crate::support::{
    ALL, WORKSPACE, accept_with_key, account_id, at, attempt, attempt_id, device_id, everything, evidence, finish,
};

#[tokio::test]
async fn an_accepted_attempt_is_read_at_once() {
    let world = World::new().await;
    for n in 0..20 {
        let attempt = world.accept(n).await;
        assert_eq!(world.store.attempt(&everything(), attempt.id).await.unwrap(), Some(attempt));
    }
}

#[tokio::test]
async fn every_outcome_comes_back() {
    let world = World::new().await;
    let failures = FailureKind::ALL.iter().map(|kind| Outcome::Failure(Failure::from(*kind)));
    let successes = [true, false].map(|confirmed| Outcome::Success { confirmed });
    for (n, outcome) in successes.into_iter().chain(failures).enumerate() {
        let n = n as u128;
        let action = if n.is_multiple_of(2) { Action::LockDoor } else { Action::UnlockDoor };
        let accepted = Attempt { action, ..attempt(n) };
        world.commit(Change::AcceptAttempt { attempt: accepted.clone(), claim: None }).await;
        world.finish(n, outcome.clone()).await;
        let ended = Attempt { outcome: Some(outcome), ..accepted };
        assert_eq!(world.store.attempt(&everything(), ended.id).await.unwrap(), Some(ended));
    }
}

#[tokio::test]
async fn the_end_of_an_attempt_writes_state_and_events_with_it() {
    let world = World::new().await;
    world.accept(1).await;
    world.finish(1, Outcome::Success { confirmed: true }).await;
    let DeviceLookup::Found(device) = world.store.device(&everything(), device_id(1)).await.unwrap() else { panic!() };
    assert_eq!(device.state.bolt, Some(Bolt::Unlocked));
    assert_eq!(world.store.events(&everything(), &Default::default(), 10, 0).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_end_of_an_attempt_keeps_its_evidence() {
    let world = World::new().await;
    let accepted = world.accept(1).await;
    let pending = world.store.attempt_evidence(&everything(), accepted.id).await.unwrap();
    assert_eq!(pending, Some((accepted.clone(), None)));
    let outcome = Outcome::Success { confirmed: true };
    world.finish(1, outcome.clone()).await;
    let ended = world.store.attempt_evidence(&everything(), accepted.id).await.unwrap();
    assert_eq!(ended, Some((Attempt { outcome: Some(outcome), ..accepted }, Some(evidence()))));
    assert_eq!(world.store.attempt_evidence(&everything(), attempt_id(2)).await.unwrap(), None);
}

#[tokio::test]
async fn an_attempt_ends_once() {
    let world = World::new().await;
    world.accept(1).await;
    world.finish(1, Outcome::Success { confirmed: false }).await;
    assert_eq!(world.conflict(finish(1, FailureKind::OutcomeUnknown.into_outcome())).await, "attempt");
    assert_eq!(world.conflict(finish(2, Outcome::Success { confirmed: true })).await, "attempt");
    let kept = world.store.attempt(&everything(), attempt_id(1)).await.unwrap().unwrap();
    assert_eq!(kept.outcome, Some(Outcome::Success { confirmed: false }));
    assert_eq!(world.store.events(&everything(), &Default::default(), 10, 0).await.unwrap().len(), 1);
}

trait IntoOutcome {
    fn into_outcome(self) -> Outcome;
}

impl IntoOutcome for FailureKind {
    fn into_outcome(self) -> Outcome {
        Outcome::Failure(Failure::from(self))
    }
}

#[tokio::test]
async fn no_attempt_begins_on_a_device_that_is_not_there() {
    let world = World::new().await;
    let accept = |attempt| Change::AcceptAttempt { attempt, claim: None };
    assert_eq!(world.conflict(accept(Attempt { device: Some(device_id(99)), ..attempt(1) })).await, "device");
    assert_eq!(world.conflict(accept(Attempt { account: Some(account_id(9)), ..attempt(1) })).await, "device");
    let foreign = Attempt { workspace: crate::support::OTHER_WORKSPACE, ..attempt(1) };
    assert_eq!(world.conflict(accept(foreign)).await, "device");
}

#[tokio::test]
async fn an_idempotency_key_is_claimed_once_and_for_a_day() {
    let world = World::new().await;
    let lookup = async |key: &str, now| {
        let key = IdempotencyKey(key.to_owned());
        world.store.idempotent(WORKSPACE, "api_key", "/locks/unlock_door", &key, at(now)).await.unwrap()
    };
    world.commit(accept_with_key(1, "k", 0)).await;
    let claimed = Claimed { body_hash: "hash of 1".to_owned(), attempt: attempt_id(1), at: at(0) };
    assert_eq!(lookup("k", 10).await, Some(claimed.clone()));
    assert_eq!(lookup("other", 10).await, None);

    assert_eq!(world.conflict(accept_with_key(2, "k", 10)).await, "idempotency_key");
    assert_eq!(world.store.attempt(&everything(), attempt_id(2)).await.unwrap(), None, "its attempt is gone with it");
    assert_eq!(lookup("k", 10).await, Some(claimed));

    let day = 24 * 3600;
    assert!(lookup("k", day - 1).await.is_some());
    assert_eq!(lookup("k", day).await, None);
    world.commit(accept_with_key(3, "k", day)).await;
    assert_eq!(lookup("k", day).await.unwrap().attempt, attempt_id(3));
}

#[tokio::test]
async fn a_claim_that_fails_with_its_attempt_can_be_made_again() {
    let world = World::new().await;
    world.accept(1).await;
    // The attempt's id is taken, so the change fails after the claim was written.
    assert_eq!(world.conflict(accept_with_key(1, "k", 0)).await, "id");
    world.commit(accept_with_key(2, "k", 0)).await;
}

#[tokio::test]
async fn idempotency_keys_are_apart_by_credential_and_path() {
    let world = World::new().await;
    world.commit(accept_with_key(1, "k", 0)).await;
    let key = IdempotencyKey("k".to_owned());
    let find = |workspace, credential, path| world.store.idempotent(workspace, credential, path, &key, at(1));
    assert!(find(WORKSPACE, "client_session", "/locks/unlock_door").await.unwrap().is_none());
    assert!(find(WORKSPACE, "api_key", "/locks/lock_door").await.unwrap().is_none());
    assert!(find(crate::support::OTHER_WORKSPACE, "api_key", "/locks/unlock_door").await.unwrap().is_none());
}

#[tokio::test]
async fn attempts_are_listed_oldest_first_and_filtered() {
    let world = World::new().await;
    for n in (0..12).rev() {
        world.accept(n).await;
    }
    let found = async |filter: AttemptFilter, page| -> Vec<_> {
        let found = world.store.attempts(&everything(), &filter, page).await.unwrap();
        found.items.into_iter().map(|attempt| attempt.id).collect()
    };
    let all: Vec<_> = (0..12).map(attempt_id).collect();
    assert_eq!(found(AttemptFilter::default(), ALL).await, all);
    let on_device = AttemptFilter { device: Some(device_id(1)), ..AttemptFilter::default() };
    assert_eq!(found(on_device, ALL).await, [attempt_id(1), attempt_id(6), attempt_id(11)]);
    let named = AttemptFilter { ids: Some(vec![attempt_id(3), attempt_id(99)]), ..AttemptFilter::default() };
    assert_eq!(found(named, ALL).await, [attempt_id(3)]);

    let first = world.store.attempts(&everything(), &AttemptFilter::default(), PageRequest::first(7)).await.unwrap();
    let rest = PageRequest::after(7, first.next.unwrap());
    assert_eq!(found(AttemptFilter::default(), rest).await, all[7..]);
}
