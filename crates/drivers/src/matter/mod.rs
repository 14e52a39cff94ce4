//! Locks behind a Matter server: the one that Home Assistant ships, or its successor made with matter.js.
//!
//! One account is one server, and so one fabric. The connection, the session's task and the engine's side of it are those of
//! every hub behind a WebSocket (`crate::websocket`).
//!
//! | File | What |
//! |---|---|
//! | `config` | settings |
//! | `handshake` | version of the protocol, and which fabric it is |
//! | `wire` | the messages as they come |
//! | `nodes`, `lock` | the fabric and its locks as values, without socket and clock |
//! | `call`, `answer` | what is asked of the server, and what its answers mean |
//! | `operation` | what moved a bolt, as the lock tells |
//! | `codes` | the code slots of the locks |
//!
//! **Invariants.** The server deals with what is asked of one node one after another, and may take 45 s for something that
//! gets no answer: so nothing is asked of a node before the last answer came, and a command waits for it here, where its gate
//! is asked, not there. What the server remembers is never told as a lock's word. One empty or broken list removes no lock:
//! only the server's word for that very node does.

mod answer;
mod call;
mod codes;
mod config;
mod handshake;
mod lock;
mod nodes;
mod operation;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use thumbturn_core::accounts::Account;
use thumbturn_core::devices::Device;
use thumbturn_core::ports::{Clock, ConnectError, Driver, Later, Link, Signal};
use tokio::sync::mpsc;

pub use self::config::{Config, parse_config};

use self::call::Call;
use self::nodes::Nodes;
use crate::websocket::{self, Claims};

/// What is to be done, as requests to a Matter server.
type Outbox = websocket::Outbox<Call>;

/// Between two reads when all locks are read back.
const RESYNC_PACE: Duration = Duration::from_millis(20);

/// The driver of provider `matter`.
pub struct MatterDriver {
    clock: Arc<dyn Clock>,
    fabrics: Claims,
}

impl MatterDriver {
    /// A driver that takes its times from `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, fabrics: Claims::default() }
    }

    async fn open(
        &self,
        account: &Account,
        known: &[Device],
        signals: mpsc::Sender<Signal>,
    ) -> Result<Arc<dyn Link>, ConnectError> {
        let config = parse_config(&account.config).map_err(|problem| ConnectError::BadConfig(problem.to_string()))?;
        let (connection, fabric) = handshake::connect(&config.server).await?;
        let claim = self.fabrics.claim(account.workspace, &format!("{fabric:016x}"), account.id).ok_or_else(|| {
            ConnectError::BadConfig(format!(
                "The Matter fabric {fabric:016x} of {} is connected already, by another account of this workspace.",
                config.server.address()
            ))
        })?;
        websocket::begin(connection, Nodes::new(fabric, known), claim, Arc::clone(&self.clock), signals).await
    }
}

impl Driver for MatterDriver {
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
