//! How long an unlock over Home Assistant takes through the server and by a bare client, on the same Home Assistant and
//! simulated locks; prints one line of JSON.
//!
//! `cargo run --release -p thumbturn-bench --bin home_assistant -- URL API_KEY [ROUNDS]`. The bare client calls the service and
//! waits for the state, and does nothing else. The two take turns.

#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thumbturn_bench::{Fallible, Target, hubs};
use thumbturn_hubsim::home_assistant::{Client, House, Hub, LockSpec};

const ROUNDS: usize = 30;

#[tokio::main]
async fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, key, rest @ ..] = args.as_slice() else { return Err("URL and API_KEY are needed".into()) };
    let rounds: usize = rest.first().map_or(Ok(ROUNDS), |text| text.parse())?;
    let names: Vec<_> = (0..2 * rounds).map(|number| format!("Door {number}")).collect();
    let house = House::with(&names.iter().map(|name| LockSpec::named(name)).collect::<Vec<_>>()).await?;
    let hub = Hub::on(&house).await?;
    let mut server = Target::new(url, key).connect().await?;
    let account = json!({"provider": "home_assistant", "config": {"url": hub.url(), "token": hub.token()}});
    let devices = hubs::connect(&mut server, &account, &names).await?;
    let mut bare = Client::connect(&hub).await?;
    bare.call(json!({"type": "subscribe_entities"})).await?;
    let (mut by_server, mut by_bare) = (Vec::new(), Vec::new());
    for (number, device) in devices.iter().enumerate() {
        if number % 2 == 0 {
            by_bare.push(unlock_bare(&mut bare, &format!("lock.door_{number}")).await?);
        } else {
            by_server.push(hubs::unlock(&mut server, device).await?);
        }
    }
    println!("{}", json!({"server": hubs::figures(by_server), "bare": hubs::figures(by_bare)}));
    Ok(())
}

/// Unlocks as a client that knows messages and nothing of truth.
async fn unlock_bare(bare: &mut Client, entity: &str) -> Fallible<Duration> {
    let call = json!({"type": "call_service", "domain": "lock", "service": "unlock", "target": {"entity_id": entity}});
    let began = Instant::now();
    bare.ask(call).await?;
    let is_open = |message: &Value| (message["event"]["c"][entity]["+"]["s"] == "unlocked").then_some(());
    bare.until("an open lock", is_open).await?;
    Ok(began.elapsed())
}
