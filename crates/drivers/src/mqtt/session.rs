//! The task of one session: works through what comes over the connection, in order, and tells the engine.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rumqttc::Publish;
use thumbturn_core::ports::{ConnectError, Signal};
use thumbturn_core::time::Moment;
use tokio::sync::{mpsc, watch};

use super::connection::Wire;
use super::desk::Shared;
use super::outbox::Outbox;
use super::state::Message;
use super::zigbee2mqtt;
use crate::session::Phase;

/// Above this size a device list is parsed on a thread of its own: 1,000 locks take tens of milliseconds.
const LONG_LIST: usize = 32 * 1024;

/// How many topics one line names.
const MOST_NAMED: usize = 10;

/// See the module.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) wires: mpsc::UnboundedReceiver<Wire>,
    pub(super) signals: mpsc::Sender<Signal>,
    pub(super) phase: watch::Sender<Phase>,
}

/// The engine no longer listens.
struct Deaf;

impl Session {
    /// Runs until the connection is over or the engine no longer listens.
    pub(super) async fn run(mut self) {
        while let Ok(true) = self.step().await {}
    }

    /// One thing that comes; `false` when the connection is over.
    async fn step(&mut self) -> Result<bool, Deaf> {
        let wake = self.shared.desk().state.wake_at();
        let clock = Arc::clone(&self.shared.clock);
        let due = async {
            match wake {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            wire = self.wires.recv() => return self.take(wire).await,
            () = due => {
                self.tick().await?;
                // A clock that returns a hair early must not make this a busy loop.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            () = self.shared.nudge.notified() => {}
        }
        Ok(true)
    }

    async fn take(&mut self, wire: Option<Wire>) -> Result<bool, Deaf> {
        match wire {
            Some(Wire::Message(message, at, _share)) => self.message(message, at).await?,
            Some(Wire::Sent(number)) => self.shared.desk().sent(number),
            Some(Wire::Taken(number, at)) => {
                let signal = self.shared.desk().taken(number, at);
                self.tell(signal).await?;
            }
            Some(Wire::Subscribed(grants)) => {
                self.subscribed(&grants).await?;
                if self.shared.desk().state.is_deaf() {
                    return self.end(self.refused()).await;
                }
            }
            Some(Wire::Ended(why)) => return self.end(why).await,
            None => return Ok(false),
        }
        if !self.shared.desk().state.is_synced() {
            self.tick().await?;
        }
        Ok(true)
    }

    /// The session is over. Nothing may be written into its connection any more, even where that still stands.
    async fn end(&self, why: ConnectError) -> Result<bool, Deaf> {
        self.shared.alive.store(false, Ordering::Release);
        self.phase.send_replace(Phase::Ended(why.clone()));
        self.tell([Signal::Lost(why)]).await?;
        Ok(false)
    }

    async fn subscribed(&mut self, grants: &[bool]) -> Result<(), Deaf> {
        let mut out = Outbox::default();
        let now = self.shared.clock.now();
        {
            let mut desk = self.shared.desk();
            let answered = desk.subscriptions.answered(grants);
            warn_of(&answered.refused);
            desk.subscribe();
            let all = desk.subscriptions.are_done();
            desk.state.subscribed(answered, all, now, &mut out);
        }
        self.settle(out).await
    }

    /// What it means when not one topic may be heard.
    fn refused(&self) -> ConnectError {
        let topics = named(&self.shared.desk().state.first_topics());
        ConnectError::CredentialsRefused(format!(
            "The MQTT broker lets this user hear nothing. Its access list must allow to subscribe to {topics}."
        ))
    }

    async fn message(&mut self, message: Publish, at: Moment) -> Result<(), Deaf> {
        let list_of = self.shared.desk().state.list_of(&message.topic);
        let mut out = Outbox::default();
        if let Some(hub) = list_of {
            let list = parse(message).await;
            self.shared.desk().state.listed(hub, list, at, &mut out);
        } else {
            let (topic, payload, retained) = (message.topic.as_str(), &message.payload[..], message.retain);
            self.shared.desk().state.hear(&Message { topic, payload, retained, at }, &mut out);
        }
        self.settle(out).await
    }

    async fn tick(&mut self) -> Result<(), Deaf> {
        let mut out = Outbox::default();
        let now = self.shared.clock.now();
        {
            let mut desk = self.shared.desk();
            let subscribed = desk.subscriptions.are_done();
            desk.state.tick(now, subscribed, &mut out);
        }
        self.settle(out).await
    }

    async fn settle(&mut self, out: Outbox) -> Result<(), Deaf> {
        let signals = self.shared.desk().settle(out);
        self.tell(signals).await?;
        if *self.phase.borrow() == Phase::Starting && self.shared.desk().state.is_synced() {
            self.phase.send_replace(Phase::Synced);
        }
        Ok(())
    }

    /// Tells the engine, which may be slower than the broker: the connection goes on meanwhile.
    async fn tell(&self, signals: impl IntoIterator<Item = Signal>) -> Result<(), Deaf> {
        for signal in signals {
            self.signals.send(signal).await.map_err(|_| Deaf)?;
        }
        Ok(())
    }
}

/// Says which topics are refused: locks that need them stay offline.
fn warn_of(refused: &[String]) {
    if !refused.is_empty() {
        let (count, topics) = (refused.len(), named(refused));
        tracing::warn!(count, topics, "the MQTT broker refuses subscriptions: look at its access list");
    }
}

/// Some topics, for people.
fn named(topics: &[String]) -> String {
    let mut text = topics.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if topics.len() > MOST_NAMED {
        text.push_str(", …");
    }
    text
}

async fn parse(message: Publish) -> Option<zigbee2mqtt::DeviceList> {
    if message.payload.len() < LONG_LIST {
        return zigbee2mqtt::parse(&message.payload);
    }
    tokio::task::spawn_blocking(move || zigbee2mqtt::parse(&message.payload)).await.ok().flatten()
}
