//! One MQTT connection of a simulated hub: a fresh client per attempt, nothing queued while it is down.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rumqttc::{AsyncClient, Event, LastWill, Packet, Publish, QoS, SubscribeFilter};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use crate::Broker;
use crate::broker::QUEUE;
use crate::hub::Input;
use crate::wait::guard;

const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LAST: Duration = Duration::from_secs(1);

/// What is sent to learn that everything before it has arrived.
const MARK: &str = "locksim/arrived";

/// A message on its way out.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
}

impl Outgoing {
    /// A passing message with QoS 0.
    pub(crate) fn new(topic: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        Self { topic: topic.into(), payload: payload.into(), qos: QoS::AtMostOnce, retain: false }
    }

    pub(crate) fn retained(self) -> Self {
        Self { retain: true, ..self }
    }

    pub(crate) fn qos1(self) -> Self {
        Self { qos: QoS::AtLeastOnce, ..self }
    }
}

/// What one connection of a hub looks like.
#[derive(Debug, Clone)]
pub(crate) struct LinkSpec {
    /// The beginning of the client id.
    pub(crate) name: String,
    /// Topic and payload that the broker publishes (retained) when the connection is cut.
    pub(crate) will: (String, String),
    /// Topics to subscribe to, with QoS 0.
    pub(crate) filters: Vec<String>,
}

/// The sending end of a connection. It outlives reconnects and restarts of the hub.
#[derive(Debug, Clone, Default)]
pub(crate) struct Link {
    client: Arc<Mutex<Option<AsyncClient>>>,
    receipts: Arc<Receipts>,
}

/// Messages that the broker acknowledges: how many were sent, and how many it has acknowledged.
#[derive(Debug, Default)]
struct Receipts {
    sent: AtomicUsize,
    had: watch::Sender<usize>,
}

impl Link {
    /// Sends a message if the connection stands; otherwise it is lost, as with a real hub.
    pub(crate) fn publish(&self, out: Outgoing) {
        let Some(client) = guard(&self.client).clone() else { return };
        let Outgoing { topic, payload, qos, retain } = out;
        if qos == QoS::AtLeastOnce {
            self.receipts.sent.fetch_add(1, Ordering::Relaxed);
        }
        if let Err(error) = client.try_publish(&topic, qos, retain, payload) {
            tracing::warn!(topic, %error, "the simulated hub could not publish");
        }
    }

    /// Waits until the broker has everything that was sent: it takes the messages of a connection in their order.
    pub(crate) async fn arrived(&self) {
        self.publish(Outgoing::new(MARK, "").qos1());
        let sent = self.receipts.sent.load(Ordering::Relaxed);
        // The sender is this link's own.
        let _ = self.receipts.had.subscribe().wait_for(|had| *had >= sent).await;
    }

    pub(crate) fn cut(&self) {
        *guard(&self.client) = None;
    }

    /// Keeps the connection up until the task that runs this is aborted.
    pub(crate) async fn run(self, index: usize, spec: LinkSpec, broker: Broker, hub: UnboundedSender<Input>) {
        let mut pause = RETRY_FIRST;
        loop {
            if self.hold(index, &spec, &broker, &hub).await {
                pause = RETRY_FIRST;
            }
            self.cut();
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_LAST);
        }
    }

    /// One connection from its beginning to its end; says whether it ever stood.
    async fn hold(&self, index: usize, spec: &LinkSpec, broker: &Broker, hub: &UnboundedSender<Input>) -> bool {
        let (mut options, network) = broker.options(&spec.name);
        let (topic, payload) = &spec.will;
        options.set_last_will(LastWill::new(topic, payload.as_bytes(), QoS::AtLeastOnce, true));
        let (client, mut events) = AsyncClient::new(options, QUEUE);
        events.set_network_options(network);
        let mut stood = false;
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    let filters = spec.filters.iter().map(|f| SubscribeFilter::new(f.clone(), QoS::AtMostOnce));
                    if let Err(error) = client.try_subscribe_many(filters) {
                        tracing::warn!(%error, "the simulated hub could not subscribe");
                        return stood;
                    }
                }
                Ok(Event::Incoming(Packet::SubAck(_))) => {
                    stood = true;
                    *guard(&self.client) = Some(client.clone());
                    if hub.send(Input::Up { link: index }).is_err() {
                        return stood;
                    }
                }
                Ok(Event::Incoming(Packet::Publish(message))) => {
                    if hub.send(Input::Message { link: index, message: Incoming::from(message) }).is_err() {
                        return stood;
                    }
                }
                Ok(Event::Incoming(Packet::PubAck(_))) => self.receipts.had.send_modify(|had| *had += 1),
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "the simulated hub lost its connection");
                    return stood;
                }
            }
        }
    }
}

/// A message that came in.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
}

impl Incoming {
    /// The payload as text; bytes that are no text are replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }
}

impl From<Publish> for Incoming {
    fn from(message: Publish) -> Self {
        Self { topic: message.topic, payload: message.payload.to_vec() }
    }
}
