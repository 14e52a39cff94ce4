//! Nodes that are ended while they live, again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use thumbturn_core::change::Change;
use thumbturn_core::hub::{BeginError, EngineSettings};
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::{CommitError, Store as _};
use thumbturn_store::{AttemptFilter, PageRequest};

use crate::world::{Node, World, account, everything, within};

/// Ends a node, as another one does that finds its lease over.
fn end(world: &World, node: &Node) {
    let sql = format!("UPDATE writers SET ended = TRUE WHERE id = '{}'", node.id());
    world.database.run(&sql).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_node_writes_nothing_of_its_own_and_goes_on_as_another_one() {
    let world = World::new(1).await;
    let node = world.node().await;
    let (former, nodes) = (node.id(), node.store.nodes().unwrap());
    assert!(nodes.may_command(former));
    end(&world, &node);
    let zones = |zone: &str| Change::TimeZonesTold(vec![(crate::world::door(0), zone.to_owned())]);
    assert!(matches!(nodes.commit_as(former, zones("Europe/Berlin")).await, Err(CommitError::LeaseLost)));
    // What is no node's own is written by whoever this process is now.
    node.store.commit(zones("Europe/Paris")).await.unwrap();
    assert_ne!(node.id(), former);
    assert!(!nodes.may_command(former));
    within(async || nodes.may_command(node.id()).then_some(())).await;
    assert!(matches!(nodes.commit_as(former, zones("Europe/Rome")).await, Err(CommitError::LeaseLost)));
    nodes.commit_as(node.id(), zones("Europe/Oslo")).await.unwrap();
    assert!(matches!(nodes.take(former, Some(vec![account(0)])).await, Ok(taken) if taken.accounts.is_empty()));
    // Alone, it takes its accounts again.
    world.owners(&[&node]).await;
    let ticket = node.begin(0, Bolt::Unlocked).await.unwrap();
    assert!(node.end_of(ticket).await.succeeded());
}

/// Callers at every door on both nodes, while both nodes are ended at random moments.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_a_node_is_ended_nothing_is_commanded_twice_or_late_and_everything_ends() {
    const HUBS: u128 = 4;
    // At least so many rounds, until so many attempts have ended: a machine may be busy with other things.
    const ROUNDS: u64 = 12;
    const ENDS: u32 = 80;
    let ends = Arc::new(AtomicU32::new(0));
    let world = World::new(HUBS).await;
    let settings = EngineSettings { deadline: Duration::from_secs(8), ..EngineSettings::default() };
    let nodes = [Arc::new(world.node_with(settings).await), Arc::new(world.node_with(settings).await)];
    let stop = Arc::new(AtomicBool::new(false));
    let mut callers = Vec::new();
    for node in &nodes {
        for n in 0..HUBS {
            let (node, stop, ends) = (Arc::clone(node), Arc::clone(&stop), Arc::clone(&ends));
            callers.push(tokio::spawn(async move {
                let mut ended = 0_u32;
                for to in [Bolt::Unlocked, Bolt::Locked].into_iter().cycle() {
                    if stop.load(Ordering::Acquire) {
                        break;
                    }
                    match node.begin(n, to).await {
                        Ok(ticket) => {
                            let id = ticket.attempt.id;
                            let told = node.end_of(ticket).await;
                            assert_eq!(node.attempt(id).await.outcome, Some(told));
                            ended += 1;
                            ends.fetch_add(1, Ordering::AcqRel);
                        }
                        Err(BeginError::Busy | BeginError::Store(_)) => {
                            tokio::time::sleep(Duration::from_millis(5)).await
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                ended
            }));
        }
    }
    for round in (0_u64..120).take_while(|round| *round < ROUNDS || ends.load(Ordering::Acquire) < ENDS) {
        // Uneven pauses, so that nodes are ended in the middle of different things.
        tokio::time::sleep(Duration::from_millis(400 + round % ROUNDS * 37)).await;
        end(&world, &nodes[usize::try_from(round % 2).unwrap()]);
        if round % 3 == 0 {
            end(&world, &nodes[usize::try_from((round + 1) % 2).unwrap()]);
        }
    }
    stop.store(true, Ordering::Release);
    let mut ended = 0;
    for caller in callers {
        ended += caller.await.unwrap();
    }
    world.judge(&nodes[0].store, settings.deadline).await;
    let all = AttemptFilter::default();
    let attempts = nodes[1].store.attempts(&everything(), &all, PageRequest::first(100_000)).await.unwrap().items;
    let confirmed =
        attempts.iter().filter(|attempt| attempt.outcome.as_ref().is_some_and(|end| end.succeeded())).count();
    println!("{ended} ends told, {} attempts, {confirmed} successes", attempts.len());
    assert!(confirmed > 50, "{confirmed} of {} succeeded", attempts.len());
    world.owners(&[&nodes[0], &nodes[1]]).await;
}
