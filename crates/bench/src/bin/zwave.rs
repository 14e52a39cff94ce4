//! How long an unlock over Z-Wave takes through the server and by a bare client, on the same Z-Wave JS server and simulated
//! network; prints one line of JSON.
//!
//! `cargo run --release -p thumbturn-bench --bin zwave -- URL API_KEY [ROUNDS]`. The bare client sends the command and waits for
//! the lock's notification, and does nothing else. The two take turns. Each lock is unlocked once: of a lock that is turned
//! to and fro within seconds the server asks whether a report is a late repeat, and the bare client believes it.
//!
//! Then as many are unlocked with a pause before each. One more lock dies, the server is asked to unlock it, and as many others
//! are unlocked beside it, with the same pause.

#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thumbturn_bench::{Connection, Fallible, Target, hubs};
use thumbturn_hubsim::zwave::{Client, Faults, House, Hub, LockSpec};

const ROUNDS: u32 = 30;

/// The node of the first lock.
const FIRST: u32 = 2;

/// What is heard right after a connection is asked about, for so long.
const YOUNG: Duration = Duration::from_secs(7);

/// Between two unlocks beside a dead lock, and between those that they are compared with.
const APART: Duration = Duration::from_millis(250);

/// The notification of an unlock by radio.
const UNLOCKED: u64 = 4;

#[tokio::main]
async fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, key, rest @ ..] = args.as_slice() else { return Err("URL and API_KEY are needed".into()) };
    let rounds: u32 = rest.first().map_or(Ok(ROUNDS), |text| text.parse())?;
    let nodes: Vec<u32> = (FIRST..=FIRST + 4 * rounds).collect();
    let house = House::with(&nodes.iter().copied().map(LockSpec::at).collect::<Vec<_>>()).await?;
    let hub = Hub::on(&house).await?;
    let (of_bare, _) = nodes.split_at(rounds as usize);
    let mut server = Target::new(url, key).connect().await?;
    let account = json!({"provider": "zwave_js", "config": {"url": hub.url()}});
    let names: Vec<_> = nodes.iter().map(|node| format!("Z-Wave lock (node {node})")).collect();
    let mut devices = hubs::connect(&mut server, &account, &names).await?.split_off(of_bare.len());
    let (dead, others) = (devices.split_off(3 * rounds as usize), devices.split_off(2 * rounds as usize));
    let before = devices.split_off(rounds as usize);
    let mut bare = Client::connect(&hub.url()).await?;
    tokio::time::sleep(YOUNG).await;
    let (mut by_server, mut by_bare) = (Vec::new(), Vec::new());
    for (node, device) in of_bare.iter().zip(devices) {
        by_bare.push(unlock_bare(&mut bare, *node).await?);
        by_server.push(hubs::unlock(&mut server, &device).await?);
    }
    let before_death = unlocked_apart(&mut server, before).await?;
    house.set_faults(FIRST + 4 * rounds, Faults { unreachable: true, ..Faults::default() }).await?;
    dies(&mut server, dead.first().ok_or("no lock to die")?).await?;
    let beside_dead = unlocked_apart(&mut server, others).await?;
    let found = json!({
        "server": hubs::figures(by_server),
        "bare": hubs::figures(by_bare),
        "before_death": hubs::figures(before_death),
        "beside_dead": hubs::figures(beside_dead),
    });
    println!("{found}");
    Ok(())
}

/// Unlocks one after the other, with a pause before each, so that they last as long as the server tries to find out what became
/// of a dead one.
async fn unlocked_apart(server: &mut Connection, devices: Vec<String>) -> Fallible<Vec<Duration>> {
    let mut times = Vec::new();
    for device in devices {
        tokio::time::sleep(APART).await;
        times.push(hubs::unlock(server, &device).await?);
    }
    Ok(times)
}

/// Asks for an unlock of the lock that cannot be reached; returns while the server still tries.
async fn dies(server: &mut Connection, device: &str) -> Fallible<()> {
    let body = format!("{{\"device_id\":\"{device}\"}}");
    let (_, answer) = server.call("/locks/unlock_door", body, None).await?;
    let answer: Value = serde_json::from_slice(&answer)?;
    match answer["action_attempt"]["status"].as_str() {
        Some("pending" | "error") => Ok(()),
        _ => Err(format!("a dead lock was unlocked: {answer}").into()),
    }
}

/// Unlocks as a client that knows messages and nothing of truth.
async fn unlock_bare(bare: &mut Client, node: u32) -> Fallible<Duration> {
    let value = json!({"commandClass": 98, "endpoint": 0, "property": "targetMode"});
    let began = Instant::now();
    bare.send(json!({"command": "node.set_value", "nodeId": node, "valueId": value, "value": 0})).await?;
    let told = |message: &Value| {
        let event = &message["event"];
        (event["event"] == "notification" && event["nodeId"] == node && event["args"]["event"] == UNLOCKED)
            .then_some(())
    };
    bare.until("the lock's notification", told).await?;
    Ok(began.elapsed())
}
