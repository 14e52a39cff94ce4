use thumbturn_core::change::{Change, ClaimedCall, KeptAnswer};
use thumbturn_core::ids::CallId;
use thumbturn_store::KeptCall;
use uuid::Uuid;

use super::World;
use crate::support::{WORKSPACE, at};

fn call(seconds: i64) -> ClaimedCall {
    let id = CallId::derived(Uuid::from_u128(1), "k");
    ClaimedCall { id, workspace: Some(WORKSPACE), body_hash: "hash".to_owned(), at: at(seconds) }
}

fn answered(seconds: i64, text: &str) -> Change {
    Change::CallAnswered { call: call(seconds), answer: KeptAnswer(text.to_owned()) }
}

async fn kept(world: &World, seconds: i64) -> Option<Option<String>> {
    let kept = world.store.kept_call(call(0).id, at(seconds)).await.unwrap();
    kept.map(|KeptCall { body_hash, answer, .. }| {
        assert_eq!(body_hash, "hash");
        answer
    })
}

const DAY: i64 = 24 * 3600;

#[tokio::test]
async fn a_call_is_claimed_once_a_day_and_its_answer_comes_back() {
    let world = World::new().await;
    world.commit(Change::CallClaimed(call(10))).await;
    assert_eq!(kept(&world, 20).await, Some(None));
    assert_eq!(world.conflict(Change::CallClaimed(call(20))).await, "kept_call");
    world.commit(answered(10, "canary_answer")).await;
    let world = world.reopen().await;
    assert_eq!(kept(&world, 9 + DAY).await, Some(Some("canary_answer".to_owned())));
    assert_eq!(kept(&world, 10 + DAY).await, None);
    world.commit(Change::CallClaimed(call(10 + DAY))).await;
    assert_eq!(kept(&world, 10 + DAY).await, Some(None), "a new day");
    assert!(!format!("{:?}", answered(1, "canary_answer")).contains("canary"));
}

#[tokio::test]
async fn a_released_call_can_be_made_again() {
    let world = World::new().await;
    world.commit(Change::CallClaimed(call(10))).await;
    world.commit(Change::CallReleased(call(10).id)).await;
    assert_eq!(kept(&world, 20).await, None);
    world.commit(Change::CallClaimed(call(20))).await;
}

#[tokio::test]
async fn an_answer_without_a_claim_is_not_kept() {
    let world = World::new().await;
    world.commit(answered(10, "{}")).await;
    assert_eq!(kept(&world, 20).await, None);
}

#[tokio::test]
async fn old_calls_are_deleted() {
    let world = World::new().await;
    world.commit(Change::CallClaimed(call(10))).await;
    let deleted = world.store.delete_older(at(0), at(0), at(11)).await.unwrap();
    assert_eq!(deleted.idempotency, 1);
    world.commit(Change::CallClaimed(call(12))).await;
}
