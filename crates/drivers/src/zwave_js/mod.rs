//! Locks behind a Z-Wave JS server: Z-Wave JS UI, the add-on of Home Assistant, or the server by itself.
//!
//! One account is one server, and so one Z-Wave network. The connection, the session's task and the engine's side of it are
//! those of every hub behind a WebSocket (`crate::websocket`).
//!
//! | File | What |
//! |---|---|
//! | `config` | settings |
//! | `handshake` | version of the protocol, and which network it is |
//! | `wire` | the messages as they come |
//! | `network`, `lock` | the network and its locks as values, without socket and clock |
//! | `call`, `answer` | what is asked of the hub, and what its answers mean |
//! | `notification` | what moved a bolt, as the lock tells |
//! | `codes` | its code slots: set, asked afterwards |
//!
//! **Invariants.** What the hub remembers or supposes is never told as a lock's word. One empty or broken list removes no lock:
//! only the hub's word for that very node does. Nothing of a value or notification that may hold a code is logged or kept.

mod answer;
pub(crate) mod auto_lock;
mod call;
pub(crate) mod codes;
mod config;
mod handshake;
mod lock;
mod network;
pub(crate) mod notification;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

use std::sync::Arc;
use std::time::Duration;

use thumbturn_core::accounts::Account;
use thumbturn_core::devices::Device;
use thumbturn_core::ports::{Clock, ConnectError, Driver, Later, Link, Signal};
use tokio::sync::mpsc;

pub use self::config::{Config, parse_config};

use self::call::Call;
use self::network::Network;
use crate::websocket::{self, Claims};

/// What is to be done, as requests to a Z-Wave JS server.
type Outbox = websocket::Outbox<Call>;

/// Between two reads when all locks are read back. A battery lock takes about a second to wake up for one, and the driver
/// asks few at a time.
const RESYNC_PACE: Duration = Duration::from_millis(50);

/// The driver of provider `zwave_js`.
pub struct ZwaveJsDriver {
    clock: Arc<dyn Clock>,
    homes: Claims,
}

impl ZwaveJsDriver {
    /// A driver that takes its times from `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, homes: Claims::default() }
    }

    async fn open(
        &self,
        account: &Account,
        known: &[Device],
        signals: mpsc::Sender<Signal>,
    ) -> Result<Arc<dyn Link>, ConnectError> {
        let config = parse_config(&account.config).map_err(|problem| ConnectError::BadConfig(problem.to_string()))?;
        let (connection, home) = handshake::connect(&config.server).await?;
        let claim = self.homes.claim(account.workspace, &format!("{home:08x}"), account.id).ok_or_else(|| {
            ConnectError::BadConfig(format!(
                "The Z-Wave network {home:08x} of {} is connected already, by another account of this workspace.",
                config.server.address()
            ))
        })?;
        websocket::begin(connection, Network::new(home, known), claim, Arc::clone(&self.clock), signals).await
    }
}

impl Driver for ZwaveJsDriver {
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
