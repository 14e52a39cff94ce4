//! Nodes that live: accounts are shared out, and any node takes any attempt.

use std::time::{Duration, Instant};

use thumbturn_core::attempts::Outcome;
use thumbturn_core::commands::{AutoLock, Command, Simulation};
use thumbturn_core::hub::{BeginError, EngineSettings};
use thumbturn_core::locks::Bolt;
use thumbturn_core::nodes::Owner;
use thumbturn_core::pins::Pin;

use crate::world::{Node, World, account, within};

const CONFIRMED: Outcome = Outcome::Success { confirmed: true };

/// The node that serves an account, and one that does not.
async fn owner_and_other(n: u128, nodes: [&Node; 2]) -> (&Node, &Node) {
    within(async || {
        for (owner, other) in [(nodes[0], nodes[1]), (nodes[1], nodes[0])] {
            if owner.engine.owner_of(account(n)).await.unwrap() == Owner::Here {
                return Some((owner, other));
            }
        }
        None
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_are_shared_out_and_each_has_one_owner() {
    let world = World::new(8).await;
    let one = world.node().await;
    assert_eq!(world.owners(&[&one]).await.len(), 8);
    let other = world.node().await;
    // A fair share and one more at most.
    within(async || {
        let owners = world.owners(&[&one, &other]).await;
        let own = owners.values().filter(|owner| **owner == one.id()).count();
        (3..=5).contains(&own).then_some(())
    })
    .await;
    // Whoever is asked names the same owner.
    for n in 0..8 {
        let (owner, elsewhere) = owner_and_other(n, [&one, &other]).await;
        assert_eq!(elsewhere.engine.owner_of(account(n)).await.unwrap(), Owner::Node(owner.id()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_another_node_accepts_is_carried_out_and_wakes_its_waiter() {
    let world = World::new(1).await;
    let nodes = [world.node().await, world.node().await];
    let (owner, other) = owner_and_other(0, [&nodes[0], &nodes[1]]).await;
    let mut took = [Vec::new(), Vec::new()];
    for n in 0..20 {
        for (node, took) in [owner, other].into_iter().zip(&mut took) {
            let to = if n % 2 == 0 { Bolt::Unlocked } else { Bolt::Locked };
            let began = Instant::now();
            let ticket = node.begin(0, to).await.unwrap();
            let id = ticket.attempt.id;
            assert_eq!(node.end_of(ticket).await, CONFIRMED);
            took.push(began.elapsed());
            assert_eq!(world.doors.commanded(id).map(|(count, _)| count), Some(1));
            assert_eq!(other.attempt(id).await.outcome, Some(CONFIRMED));
        }
    }
    for took in &mut took {
        took.sort();
    }
    println!("median at the owner {:?}, at the other node {:?}", took[0][10], took[1][10]);
    assert!(took[1][10] < Duration::from_millis(900), "it is told, and not found out about by looking: {took:?}");
    world.judge(&owner.store, Duration::from_secs(30)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_action_alone_does_not_tell_comes_along_and_is_forgotten() {
    let world = World::new(1).await;
    let nodes = [world.node().await, world.node().await];
    let (_, other) = owner_and_other(0, [&nodes[0], &nodes[1]]).await;
    let pin = Pin::new("80217364").unwrap();
    for command in [
        Command::AutoLock(AutoLock::Off),
        Command::AutoLock(AutoLock::After(90)),
        Command::Simulate(Simulation::TypeCode(pin)),
        Command::Simulate(Simulation::LockAtKeypad),
    ] {
        let ticket = other.command(0, command.clone()).await.unwrap();
        let id = ticket.attempt.id;
        assert_eq!(other.end_of(ticket).await, CONFIRMED, "{command:?}");
        assert_eq!(world.doors.last_command(id), Some(command));
    }
    let kept = "DO $$ BEGIN IF EXISTS (SELECT 1 FROM attempts WHERE command IS NOT NULL) \
                THEN RAISE 'kept'; END IF; END $$";
    world.database.run(kept).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_of_a_lock_is_bounded_on_every_node() {
    let world = World::new(1).await;
    let settings = EngineSettings { queue_per_lock: 3, ..EngineSettings::default() };
    let nodes = [world.node_with(settings).await, world.node_with(settings).await];
    let (_, other) = owner_and_other(0, [&nodes[0], &nodes[1]]).await;
    let calls = (0..40).map(|_| other.begin(0, Bolt::Unlocked));
    let mut taken = Vec::new();
    let mut busy = 0;
    for call in join_all(calls).await {
        match call {
            Ok(ticket) => taken.push(ticket),
            Err(BeginError::Busy) => busy += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(busy > 0 && !taken.is_empty(), "{busy} of 40 were turned away");
    for ticket in taken {
        assert_eq!(other.end_of(ticket).await, CONFIRMED);
    }
    world.judge(&other.store, Duration::from_secs(30)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_gives_its_accounts_up_at_once() {
    let world = World::new(4).await;
    let one = world.node().await;
    let other = world.node().await;
    world.owners(&[&one, &other]).await;
    let began = Instant::now();
    one.engine.drain().await;
    assert!(matches!(one.begin(0, Bolt::Unlocked).await, Err(BeginError::Stopping)));
    world.owners(&[&other]).await;
    assert!(began.elapsed() < Duration::from_secs(4), "no lease had to end: {:?}", began.elapsed());
    one.store.close().await;
    let ticket = other.begin(0, Bolt::Unlocked).await.unwrap();
    assert_eq!(other.end_of(ticket).await, CONFIRMED);
}

async fn join_all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in futures.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(value) = future.as_mut().poll(context) {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
