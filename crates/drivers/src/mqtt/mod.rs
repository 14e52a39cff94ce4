//! Locks behind an MQTT broker: those of Zigbee2MQTT and those announced by Home Assistant MQTT discovery.
//!
//! One account is one broker. Both dialects run over one connection, made anew for every session and thrown away at its
//! first error together with everything queued in it.
//!
//! | File | What |
//! |---|---|
//! | `config`, `topic` | settings, topics |
//! | `connection` | one connection to the broker: options, what comes over it, what its errors mean |
//! | `session` | the task that works through what comes, in order |
//! | `link` | commands and reads of the engine |
//! | `desk` | what session and link share |
//! | `state` | hubs, announced locks and the start of a session as values, without socket and clock |
//! | `orphans`, `subscriptions`, `outbox` | missed locks, wanted topics, what is to be done |
//! | `quote` | a message as it may be kept as evidence, without secrets |
//! | `zigbee2mqtt`, `discovery` | the two dialects |
//!
//! **Invariants.** A command is written by `link` alone, only into a connection that stands, once, with QoS 1, never
//! retained, never `TOGGLE`. What the broker kept, what a hub repeats from its cache and what a hub assumes is never told as
//! a lock's word. One empty or broken list removes no lock. Nothing of a payload that may hold a code is logged.

mod config;
mod connection;
mod desk;
mod discovery;
mod link;
mod orphans;
mod outbox;
mod quote;
mod session;
mod state;
mod subscriptions;
mod topic;
mod zigbee2mqtt;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use thumbturn_core::accounts::Account;
use thumbturn_core::devices::Device;
use thumbturn_core::ports::{Clock, ConnectError, Driver, Later, Link, Signal};
use tokio::sync::{mpsc, watch};

pub use self::config::{Config, parse_config};

use self::connection::Connection;
use self::desk::{Desk, Shared};
use self::link::MqttLink;
use self::outbox::Outbox;
use self::session::Session;
use self::state::State;
use crate::session::{Phase, Tasks, started};

/// How long the start of a session may hold up the connection to the engine: with the 3 s that a connection takes at most,
/// this stays below [`thumbturn_core::ports::CONNECT_LIMIT`].
const START_LIMIT: Duration = Duration::from_millis(6500);

/// Between two reads when all locks are read back. A Zigbee network carries a few dozen messages a second.
const RESYNC_PACE: Duration = Duration::from_millis(50);

/// The driver of provider `mqtt`.
pub struct MqttDriver {
    clock: Arc<dyn Clock>,
}

impl MqttDriver {
    /// A driver that takes its times from `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }

    async fn open(
        &self,
        account: &Account,
        known: &[Device],
        signals: mpsc::Sender<Signal>,
    ) -> Result<Arc<dyn Link>, ConnectError> {
        let config = parse_config(&account.config).map_err(|problem| ConnectError::BadConfig(problem.to_string()))?;
        let connection = Connection::open(&config).await?;
        let state = State::new(&config, state::still_there(known), self.clock.now());
        let first = Outbox { subscribe: state.first_topics(), ..Outbox::default() };
        let mut desk = Desk::new(state, connection.client.clone());
        desk.settle(first);
        let alive = Arc::new(AtomicBool::new(true));
        let shared = Arc::new(Shared::new(Arc::clone(&self.clock), Arc::clone(&alive), desk));
        let (wires, arriving) = mpsc::unbounded_channel();
        let (phase, phases) = watch::channel(Phase::Starting);
        let session = Session { shared: Arc::clone(&shared), wires: arriving, signals, phase };
        let pump = tokio::spawn(connection.pump(config, Arc::clone(&self.clock), alive, wires));
        let tasks = Tasks(vec![pump.abort_handle(), tokio::spawn(session.run()).abort_handle()]);
        let link = MqttLink { shared, tasks };
        started(phases, START_LIMIT, "The MQTT session ended.").await?;
        Ok(Arc::new(link))
    }
}

impl Driver for MqttDriver {
    fn connect<'a>(
        &'a self,
        account: &'a Account,
        known: &'a [Device],
        signals: mpsc::Sender<Signal>,
    ) -> Later<'a, Result<Arc<dyn Link>, ConnectError>> {
        Box::pin(self.open(account, known, signals))
    }

    fn resync_pace(&self) -> Duration {
        RESYNC_PACE
    }
}
