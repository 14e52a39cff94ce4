//! How long an unlock over Matter takes through the server and by a bare client, on the same Matter server and virtual locks;
//! prints one line of JSON.
//!
//! `cargo run --release -p thumbturn-bench --bin matter -- URL API_KEY [ROUNDS]`. The bare client sends the command and waits for
//! the lock's event, and does nothing else. The two take turns. Each lock is unlocked once: a lock tells what happens within a
//! second of its last report only at the end of it.

#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thumbturn_bench::{Fallible, Target, hubs};
use thumbturn_hubsim::matter::{Client, House, Hub, LockSpec};

/// Each lock is commissioned, which takes a second.
const ROUNDS: u32 = 20;

/// What is heard right after a connection is asked about, for so long.
const YOUNG: Duration = Duration::from_secs(7);

/// The cluster of door locks, its event of an operation, and the operation that unlocks.
const DOOR_LOCK: u64 = 257;
const OPERATION: u64 = 2;
const UNLOCK: u64 = 1;

#[tokio::main]
async fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, key, rest @ ..] = args.as_slice() else { return Err("URL and API_KEY are needed".into()) };
    let rounds: u32 = rest.first().map_or(Ok(ROUNDS), |text| text.parse())?;
    let nodes: Vec<u32> = (1..=2 * rounds).collect();
    let house = House::with(&nodes.iter().copied().map(LockSpec::at).collect::<Vec<_>>()).await?;
    let hub = Hub::on(&house).await?;
    let mut server = Target::new(url, key).connect().await?;
    let account = json!({"provider": "matter", "config": {"url": hub.url()}});
    let names: Vec<_> = nodes.iter().map(|node| format!("Turn (node {node})")).collect();
    let devices = hubs::connect(&mut server, &account, &names).await?;
    let mut bare = Client::connect(&hub.url()).await?;
    tokio::time::sleep(YOUNG).await;
    let (mut by_server, mut by_bare) = (Vec::new(), Vec::new());
    for (node, device) in nodes.iter().zip(&devices) {
        if node % 2 == 0 {
            by_bare.push(unlock_bare(&mut bare, *node).await?);
        } else {
            by_server.push(hubs::unlock(&mut server, device).await?);
        }
    }
    println!("{}", json!({"server": hubs::figures(by_server), "bare": hubs::figures(by_bare)}));
    Ok(())
}

/// Unlocks as a client that knows messages and nothing of truth.
async fn unlock_bare(bare: &mut Client, node: u32) -> Fallible<Duration> {
    let command = json!({
        "node_id": node, "endpoint_id": 1, "cluster_id": DOOR_LOCK, "command_name": "UnlockDoor", "payload": {},
        "timed_request_timeout_ms": 5000,
    });
    let told = |message: &Value| {
        let data = &message["data"];
        let is_of_lock = message["event"] == "node_event" && data["node_id"] == node;
        let is_unlock = data["event_id"] == OPERATION && data["data"]["lockOperationType"] == UNLOCK;
        (is_of_lock && is_unlock).then_some(())
    };
    let began = Instant::now();
    bare.send("device_command", command).await?;
    bare.until("the lock's event", told).await?;
    Ok(began.elapsed())
}
