//! An MQTT client for tests: keeps every message with its time, and sends some.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rumqttc::{AsyncClient, Event, Packet, QoS, SubscribeFilter};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::broker::QUEUE;
use crate::wait::{guard, wait_for};
use crate::{Broker, Error};

const UP_WITHIN: Duration = Duration::from_secs(10);

/// A message as a client saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The topic.
    pub topic: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// Whether the broker had kept it from before the subscription.
    pub retained: bool,
    /// When it came.
    pub at: Instant,
}

impl Seen {
    /// The payload as text; bytes that are no text are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }

    /// The payload as JSON, or `null` if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap_or_default()
    }
}

/// A client that listens. It reconnects and subscribes again by itself, and ends when it is dropped.
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Vec<Seen>>,
    client: Mutex<Option<AsyncClient>>,
}

impl Watch {
    /// Connects and subscribes; returns when the broker confirmed the subscription.
    pub async fn start(broker: &Broker, filters: &[&str]) -> Result<Self, Error> {
        let shared = Arc::new(Shared::default());
        let filters: Vec<String> = filters.iter().map(|filter| (*filter).to_owned()).collect();
        let task = tokio::spawn(listen(Arc::clone(&shared), broker.clone(), filters));
        let this = Self { shared, task };
        this.connected(UP_WITHIN).await?;
        Ok(this)
    }

    /// Waits until the client is connected and subscribed (again).
    pub async fn connected(&self, within: Duration) -> Result<(), Error> {
        wait_for("a watcher's subscription", within, || guard(&self.shared.client).is_some().then_some(())).await
    }

    /// Every message so far, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Seen> {
        guard(&self.shared.seen).clone()
    }

    /// Every message of one topic so far, oldest first.
    #[must_use]
    pub fn on(&self, topic: &str) -> Vec<Seen> {
        guard(&self.shared.seen).iter().filter(|seen| seen.topic == topic).cloned().collect()
    }

    /// Forgets what was seen.
    pub fn clear(&self) {
        guard(&self.shared.seen).clear();
    }

    /// The first message, seen already or still to come, that fits.
    pub async fn find(&self, what: &str, within: Duration, fits: impl Fn(&Seen) -> bool) -> Result<Seen, Error> {
        wait_for(what, within, || guard(&self.shared.seen).iter().find(|seen| fits(seen)).cloned()).await
    }

    /// Publishes a message that is not retained, with QoS 1; lost if the client is not connected.
    pub fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.send(topic, payload.into(), false);
    }

    /// Publishes a retained message, with QoS 1: for tests that do what nobody should.
    pub fn publish_retained(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.send(topic, payload.into(), true);
    }

    fn send(&self, topic: &str, payload: Vec<u8>, retain: bool) {
        let Some(client) = guard(&self.shared.client).clone() else {
            tracing::warn!(topic, "a watcher is not connected and publishes nothing");
            return;
        };
        if let Err(error) = client.try_publish(topic, QoS::AtLeastOnce, retain, payload) {
            tracing::warn!(topic, %error, "a watcher could not publish");
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(shared: Arc<Shared>, broker: Broker, filters: Vec<String>) {
    loop {
        let (options, network) = broker.options("watch");
        let (client, mut events) = AsyncClient::new(options, QUEUE);
        events.set_network_options(network);
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    let filters = filters.iter().map(|f| SubscribeFilter::new(f.clone(), QoS::AtLeastOnce));
                    if client.try_subscribe_many(filters).is_err() {
                        break;
                    }
                }
                Ok(Event::Incoming(Packet::SubAck(_))) => *guard(&shared.client) = Some(client.clone()),
                Ok(Event::Incoming(Packet::Publish(message))) => {
                    let (topic, payload, retained) = (message.topic, message.payload.to_vec(), message.retain);
                    guard(&shared.seen).push(Seen { topic, payload, retained, at: Instant::now() });
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        *guard(&shared.client) = None;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
