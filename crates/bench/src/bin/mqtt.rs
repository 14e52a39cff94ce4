//! How long an unlock over MQTT takes through the server and by a bare MQTT client, on the same broker and simulated hub;
//! prints one line of JSON.
//!
//! `cargo run --release -p thumbturn-bench --bin mqtt -- URL API_KEY [ROUNDS]`. The bare client publishes the command and
//! waits for the same report that the server believes, the one in which the lock says that it was unlocked from afar, and does
//! nothing else. The two take turns. Each lock is unlocked once: of a lock that is
//! turned to and fro within seconds the server asks whether a report is a late repeat, and the bare client believes it.

#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::time::{Duration, Instant};

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, NetworkOptions, Packet, QoS};
use serde_json::{Value, json};
use thumbturn_bench::{Fallible, Target, hubs};
use thumbturn_locksim::{Broker, Mosquitto, Sim, SimConfig};

const ROUNDS: usize = 60;

/// How long the motors of the simulated locks take.
const MOTOR: Duration = Duration::from_millis(20);

/// How long the server may take to find the locks, and a lock to report.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, key, rest @ ..] = args.as_slice() else { return Err("URL and API_KEY are needed".into()) };
    let rounds: usize = rest.first().map_or(Ok(ROUNDS), |text| text.parse())?;
    let mosquitto = Mosquitto::start().await?;
    let config = SimConfig::zigbee2mqtt(rounds * 2).each(|lock| lock.motor = MOTOR);
    let sim = Sim::start(mosquitto.broker(), config).await?;
    let names: Vec<String> = sim.locks().iter().map(|lock| lock.first_name().to_owned()).collect();
    let (of_bare, _) = names.split_at(rounds);
    let mut server = Target::new(url, key).connect().await?;
    let broker = mosquitto.broker();
    let config = json!({"url": format!("mqtt://{}:{}", broker.host, broker.port)});
    let account = json!({"provider": "mqtt", "config": config});
    let devices = hubs::connect(&mut server, &account, &names).await?.split_off(rounds);
    let mut bare = Bare::connect(mosquitto.broker(), of_bare).await?;
    let (mut by_server, mut by_bare) = (Vec::new(), Vec::new());
    for (lock, device) in of_bare.iter().zip(devices) {
        by_bare.push(bare.unlock(lock).await?);
        by_server.push(hubs::unlock(&mut server, &device).await?);
    }
    println!("{}", json!({"server": hubs::figures(by_server), "bare": hubs::figures(by_bare)}));
    Ok(())
}

/// A client that knows topics and nothing of truth.
struct Bare {
    client: AsyncClient,
    events: EventLoop,
}

impl Bare {
    async fn connect(broker: &Broker, locks: &[String]) -> Fallible<Self> {
        let mut options = MqttOptions::new("bare", broker.host.clone(), broker.port);
        options.set_max_packet_size(1 << 24, 1 << 24);
        let (client, mut events) = AsyncClient::new(options, 16);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        events.set_network_options(network);
        let mut bare = Self { client, events };
        for lock in locks {
            bare.client.subscribe(format!("zigbee2mqtt/{lock}"), QoS::AtMostOnce).await?;
            bare.until(|packet| matches!(packet, Packet::SubAck(_)).then_some(())).await?;
        }
        Ok(bare)
    }

    async fn unlock(&mut self, lock: &str) -> Fallible<Duration> {
        let topic = format!("zigbee2mqtt/{lock}");
        let began = Instant::now();
        self.client.publish(format!("{topic}/set"), QoS::AtMostOnce, false, r#"{"state":"UNLOCK"}"#).await?;
        self.until(|packet| {
            let Packet::Publish(report) = packet else { return None };
            let told: Value = serde_json::from_slice(&report.payload).ok()?;
            (report.topic == topic && told["action"] == "unlock").then_some(())
        })
        .await?;
        Ok(began.elapsed())
    }

    async fn until(&mut self, wanted: impl Fn(Packet) -> Option<()>) -> Fallible<()> {
        let waiting = async {
            loop {
                if let Event::Incoming(packet) = self.events.poll().await?
                    && wanted(packet).is_some()
                {
                    return Ok(());
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await?
    }
}
