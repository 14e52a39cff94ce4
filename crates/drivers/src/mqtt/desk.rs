//! What the session and its link share: the state, the client that writes, and what was written.
//!
//! All of it lies behind one mutex that is held for microseconds and never across a wait, so an answer cannot be worked
//! through before the command it belongs to was noted.

use std::collections::{HashMap, VecDeque};

use rumqttc::{AsyncClient, QoS, SubscribeFilter};
use thumbturn_core::evidence::Words;
use thumbturn_core::ids::{AttemptId, NativeId};
use thumbturn_core::ports::{Answer, NotWritten, Signal};
use thumbturn_core::time::Moment;

use super::outbox::Outbox;
use super::state::State;
use super::subscriptions::Subscriptions;

/// Messages of ours that the broker may owe an acknowledgement for.
pub(super) const MOST_OPEN: usize = 500;

/// What the session's task and the link hold.
pub(super) type Shared = crate::session::Shared<Desk>;

/// Whose command a message of ours is, where its acknowledgement matters.
pub(super) type Owner = Option<(NativeId, AttemptId)>;

/// See the module.
pub(super) struct Desk {
    pub(super) state: State,
    pub(super) subscriptions: Subscriptions,
    client: AsyncClient,
    /// Handed to the client, not yet written.
    queued: VecDeque<Owner>,
    /// Written, not yet acknowledged by the broker.
    open: HashMap<u16, Owner>,
}

impl Desk {
    pub(super) fn new(state: State, client: AsyncClient) -> Self {
        Self { state, subscriptions: Subscriptions::default(), client, queued: VecDeque::new(), open: HashMap::new() }
    }

    /// Hands one message to the connection: at least once to the broker, never retained, never kept for later.
    ///
    /// # Errors
    /// [`NotWritten::Rejected`] if the connection does not keep up.
    pub(super) fn write(&mut self, topic: &str, payload: String, owner: Owner) -> Result<(), NotWritten> {
        let busy = || NotWritten::Rejected("The connection to the MQTT broker does not keep up.".to_owned());
        if self.queued.len() + self.open.len() >= MOST_OPEN {
            return Err(busy());
        }
        self.client.try_publish(topic, QoS::AtLeastOnce, false, payload).map_err(|_| busy())?;
        self.queued.push_back(owner);
        Ok(())
    }

    /// The oldest message that was handed over was written.
    pub(super) fn sent(&mut self, number: u16) {
        if let Some(owner) = self.queued.pop_front() {
            self.open.insert(number, owner);
        }
    }

    /// The broker took a message.
    pub(super) fn taken(&mut self, number: u16, at: Moment) -> Option<Signal> {
        let (lock, attempt) = self.open.remove(&number)??;
        Some(Signal::Answered(lock, attempt, Answer::Accepted, at, Some(Words::fixed("PUBACK"))))
    }

    /// Does what an outbox asks of the broker, and leaves the signals.
    pub(super) fn settle(&mut self, out: Outbox) -> Vec<Signal> {
        for topic in out.unsubscribe {
            if self.subscriptions.drop(&topic) && self.client.try_unsubscribe(topic).is_err() {
                tracing::debug!("a topic stays subscribed: the connection does not keep up");
            }
        }
        out.subscribe.into_iter().for_each(|topic| self.subscriptions.want(topic));
        self.subscribe();
        for (topic, payload) in out.requests {
            if self.write(&topic, payload, None).is_err() {
                tracing::debug!(topic, "a request was not sent: the connection does not keep up");
            }
        }
        out.signals
    }

    /// Has the broker send once more what hubs and bridges keep there about their locks.
    pub(super) fn rediscover(&mut self) {
        for topic in self.state.first_topics() {
            self.subscriptions.refresh(&topic);
        }
        self.subscribe();
    }

    /// Sends the next portion of subscriptions.
    pub(super) fn subscribe(&mut self) {
        let portion = self.subscriptions.portion();
        if portion.is_empty() {
            return;
        }
        // Nothing is gained by QoS 1 here: the session is clean and the connection keeps the order, while brokers hold back
        // QoS 1 messages behind a small window.
        let filters = portion.into_iter().map(|topic| SubscribeFilter::new(topic, QoS::AtMostOnce));
        if self.client.try_subscribe_many(filters).is_err() {
            tracing::warn!("topics could not be subscribed to: the connection does not keep up");
            self.subscriptions.confirmed();
        }
    }
}
