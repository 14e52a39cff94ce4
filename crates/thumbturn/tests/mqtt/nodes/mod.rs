//! Three nodes on one PostgreSQL, under load, while everything happens to them that can: a node is killed, or paused past its
//! lease and let go on, its connections to the database are cut, the database restarts.
//!
//! `NODES_TROUBLES` says how often, `NODES_SEED` what and when. Brokers, locks and callers outlive every node; the locks count
//! for themselves what came to them.

mod callers;
mod house;
mod judge;

use std::env;

use house::House;

/// One of each.
const TROUBLES: usize = 4;
const SEED: u64 = 20_261;

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    let Ok(text) = env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn on_three_nodes_nothing_acknowledged_is_lost_and_nothing_is_sent_twice_whatever_happens_to_them() {
    let (seed, troubles) = (setting("NODES_SEED", SEED), setting("NODES_TROUBLES", TROUBLES));
    println!("NODES_SEED={seed} NODES_TROUBLES={troubles}");
    let sum = House::live(seed, troubles).await;
    println!(
        "{troubles} troubles of 3 nodes: {} attempts acknowledged, {} commands sent, {} attempts left unfinished, {} \
         confirmed, {} through another node than their hub's; longest takeover {} ms; 0 lost, 0 pending for ever, 0 second \
         commands",
        sum.attempts,
        sum.commands,
        sum.unknown,
        sum.confirmed,
        sum.elsewhere,
        sum.takeover.as_millis(),
    );
    assert!(sum.confirmed > troubles, "hardly anything came to a good end");
    assert!(sum.elsewhere > 0, "every attempt was accepted by the node of its hub");
}
