//! Nodes that died: their accounts and attempts are taken over.

use std::time::{Duration, Instant};

use thumbturn_core::attempts::{FailureKind, Outcome};
use thumbturn_core::change::Change;
use thumbturn_core::hub::EngineSettings;
use thumbturn_core::ids::{AttemptId, NodeId};
use thumbturn_core::locks::{Action, Bolt};
use thumbturn_core::nodes::Owner;
use uuid::Uuid;

use crate::world::{Node, WORKSPACE, World, account, door, within};

const DEAD: NodeId = NodeId(Uuid::from_u128(0xdead));

/// Another node comes to own the account, and dies with so many seconds of its lease left.
async fn give_to_the_dead(world: &World, node: &Node, seconds: u32) {
    let sql = format!(
        "BEGIN; INSERT INTO writers (id, batch, lease_until) VALUES ('{DEAD}', 0, clock_timestamp() + interval '{seconds} s'); \
         UPDATE account_owners SET node_id = '{DEAD}', fence = fence + 1; COMMIT"
    );
    world.database.run(&sql).unwrap();
    within(async || (node.engine.owner_of(account(0)).await.unwrap() == Owner::Node(DEAD)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_had_taken_is_carried_out_by_the_next_owner() {
    let world = World::new(1).await;
    let node = world.node().await;
    give_to_the_dead(&world, &node, 4).await;
    let began = Instant::now();
    let ticket = node.begin(0, Bolt::Unlocked).await.unwrap();
    let id = ticket.attempt.id;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(world.doors.commanded(id), None, "its node is alive, as far as can be known");
    assert_eq!(node.end_of(ticket).await, Outcome::Success { confirmed: true });
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    world.judge(&node.store, Duration::from_secs(30)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_took_in_time_is_never_sent() {
    let world = World::new(1).await;
    let deadline = Duration::from_secs(2);
    let node = world.node_with(EngineSettings { deadline, ..EngineSettings::default() }).await;
    give_to_the_dead(&world, &node, 4).await;
    let ticket = node.begin(0, Bolt::Unlocked).await.unwrap();
    let id = ticket.attempt.id;
    assert_eq!(node.end_of(ticket).await, Outcome::Failure(FailureKind::Expired.into()));
    assert_eq!(world.doors.commanded(id), None);
    world.judge(&node.store, deadline).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_node_had_taken_is_settled_by_a_read_and_never_sent() {
    let world = World::new(1).await;
    let node = world.node().await;
    give_to_the_dead(&world, &node, 3).await;
    let mut attempts = Vec::new();
    for (n, action) in [(1, Action::LockDoor), (2, Action::UnlockDoor)] {
        let id = AttemptId(Uuid::from_u128(n));
        let (device, account) = (door(0), account(0));
        let sql = format!(
            "INSERT INTO attempts (id, workspace_id, account_id, device_id, action, status, created_at, taken_by) VALUES \
             ('{id}', '{WORKSPACE}', '{account}', '{device}', '{}', 'pending', \
             (extract(epoch FROM now()) * 1000000)::bigint, '{DEAD}')",
            action.as_str()
        );
        world.database.run(&sql).unwrap();
        attempts.push(id);
    }
    let ends = within(async || {
        let one = node.attempt(attempts[0]).await.outcome?;
        Some([one, node.attempt(attempts[1]).await.outcome?])
    })
    .await;
    // The bolt is locked: how it came there cannot be known.
    let unknown = Outcome::Failure(FailureKind::OutcomeUnknown.into());
    assert_eq!(ends, [Outcome::Success { confirmed: false }, unknown]);
    assert!(attempts.iter().all(|id| world.doors.commanded(*id).is_none()));
    world.judge(&node.store, Duration::from_secs(30)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_deleted_ends_what_was_left_for_it() {
    let world = World::new(1).await;
    let node = world.node().await;
    // Left by another node, which does not see that the account is served.
    let id = AttemptId(Uuid::from_u128(7));
    let mut attempt = thumbturn_core::attempts::Attempt {
        id,
        workspace: WORKSPACE,
        account: Some(account(0)),
        device: Some(door(0)),
        action: Action::UnlockDoor,
        created_at: jiff::Timestamp::now(),
        outcome: None,
    };
    let stored = thumbturn_core::ports::Store::accounts(&node.store).await.unwrap().remove(0);
    node.engine.drain().await;
    let command = Bolt::Unlocked.into();
    node.store.commit(Change::AttemptLeft { attempt: attempt.clone(), command, claim: None, queue: 9 }).await.unwrap();
    attempt.id = AttemptId(Uuid::from_u128(8));
    let other = world.node().await;
    within(async || (other.engine.owner_of(account(0)).await.unwrap() == Owner::Here).then_some(())).await;
    other.engine.remove_account(&stored).await.unwrap();
    let end = within(async || other.attempt(id).await.outcome).await;
    assert!(matches!(&end, Outcome::Success { .. }) || world.doors.commanded(id).is_none(), "{end:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_node_accepted_before_is_carried_out_before() {
    let world = World::new(1).await;
    let node = world.node().await;
    // Another node accepted it, and this one has not yet heard of it.
    let first = AttemptId(Uuid::from_u128(1));
    let sql = format!(
        "INSERT INTO attempts (id, workspace_id, account_id, device_id, action, status, created_at, waits_since) VALUES \
         ('{first}', '{WORKSPACE}', '{}', '{}', 'UNLOCK_DOOR', 'pending', (extract(epoch FROM now()) * 1000000)::bigint, \
         (extract(epoch FROM now()) * 1000000)::bigint)",
        account(0),
        door(0)
    );
    world.database.run(&sql).unwrap();
    let ticket = node.begin(0, Bolt::Locked).await.unwrap();
    let second = ticket.attempt.id;
    assert_eq!(node.end_of(ticket).await, Outcome::Success { confirmed: true });
    let (first, second) = (world.doors.commanded(first).unwrap(), world.doors.commanded(second).unwrap());
    assert!(first < second, "{first:?} {second:?}");
    world.judge(&node.store, Duration::from_secs(30)).await;
}
