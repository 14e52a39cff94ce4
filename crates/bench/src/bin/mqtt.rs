//! How long an unlock over MQTT takes through the server and by a bare MQTT client, on the same broker and simulated hub;
//! prints one line of JSON.
//!
//! `cargo run --release -p thumbturn-bench --bin mqtt -- URL API_KEY [ROUNDS]`. The bare client publishes the command and
//! waits for the report of the lock, and does nothing else. The two take turns.

#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::time::{Duration, Instant};

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, NetworkOptions, Packet, QoS};
use serde_json::{Value, json};
use thumbturn_bench::{Connection, Fallible, Target, percentile};
use thumbturn_locksim::{Broker, Mosquitto, Sim, SimConfig};

const ROUNDS: usize = 200;

/// How long the motors of the simulated locks take.
const MOTOR: Duration = Duration::from_millis(20);

/// How long the server may take to find the locks, and a lock to report.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, key, rest @ ..] = args.as_slice() else { return Err("URL and API_KEY are needed".into()) };
    let rounds = rest.first().map_or(Ok(ROUNDS), |text| text.parse())?;
    let mosquitto = Mosquitto::start().await?;
    let config = SimConfig::zigbee2mqtt(2).each(|lock| lock.motor = MOTOR);
    let _sim = Sim::start(mosquitto.broker(), config).await?;
    let mut server = Target::new(url, key).connect().await?;
    let device = connect_hub(&mut server, mosquitto.broker(), "lock-002").await?;
    let mut bare = Bare::connect(mosquitto.broker(), "lock-001").await?;
    let (mut by_server, mut by_bare) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let unlock = round % 2 == 0;
        by_bare.push(bare.turn(unlock).await?);
        by_server.push(turn(&mut server, &device, unlock).await?);
    }
    let figures =
        |times: &mut Vec<Duration>| json!({"median_us": percentile(times, 0.5), "p99_us": percentile(times, 0.99)});
    println!("{}", json!({"server": figures(&mut by_server), "bare": figures(&mut by_bare)}));
    Ok(())
}

/// Connects the server to the broker; the id of the lock of this name, once the server knows where its bolt is.
async fn connect_hub(server: &mut Connection, broker: &Broker, name: &str) -> Fallible<String> {
    let config = json!({"url": format!("mqtt://{}:{}", broker.host, broker.port)});
    server.ask("/thumbturn/connected_accounts/create", &json!({"provider": "mqtt", "config": config})).await?;
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let list = server.ask("/devices/list", &json!({"search": name})).await?;
        let devices = list["devices"].as_array().map(Vec::as_slice).unwrap_or_default();
        if let Some(known) = devices.iter().find(|device| device["properties"]["locked"].is_boolean()) {
            return Ok(known["device_id"].as_str().ok_or("a device without an id")?.to_owned());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(format!("the server does not find {name}").into())
}

/// Locks or unlocks through the server.
async fn turn(server: &mut Connection, device: &str, unlock: bool) -> Fallible<Duration> {
    let path = if unlock { "/locks/unlock_door" } else { "/locks/lock_door" };
    let body = format!("{{\"device_id\":\"{device}\"}}");
    let began = Instant::now();
    let (_, answer) = server.call(path, body, None).await?;
    let took = began.elapsed();
    let answer: Value = serde_json::from_slice(&answer)?;
    if answer["action_attempt"]["result"]["was_confirmed_by_device"] != true {
        return Err(format!("not confirmed: {answer}").into());
    }
    Ok(took)
}

/// A client that knows one lock and nothing of truth.
struct Bare {
    client: AsyncClient,
    events: EventLoop,
    topic: String,
}

impl Bare {
    async fn connect(broker: &Broker, lock: &str) -> Fallible<Self> {
        let mut options = MqttOptions::new("bare", broker.host.clone(), broker.port);
        options.set_max_packet_size(1 << 24, 1 << 24);
        let (client, mut events) = AsyncClient::new(options, 16);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        events.set_network_options(network);
        let topic = format!("zigbee2mqtt/{lock}");
        client.subscribe(topic.clone(), QoS::AtMostOnce).await?;
        let mut bare = Self { client, events, topic };
        bare.until(|packet| matches!(packet, Packet::SubAck(_)).then_some(())).await?;
        Ok(bare)
    }

    /// Locks or unlocks.
    async fn turn(&mut self, unlock: bool) -> Fallible<Duration> {
        let wanted = if unlock { "UNLOCK" } else { "LOCK" };
        let began = Instant::now();
        let set = format!("{}/set", self.topic);
        self.client.publish(set, QoS::AtMostOnce, false, format!("{{\"state\":\"{wanted}\"}}")).await?;
        self.until(|packet| {
            let Packet::Publish(report) = packet else { return None };
            let report: Value = serde_json::from_slice(&report.payload).ok()?;
            (report["state"] == wanted).then_some(())
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
