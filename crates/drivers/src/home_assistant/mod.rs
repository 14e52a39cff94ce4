//! Every lock that a Home Assistant instance has.
//!
//! One account is one instance. The connection, the session's task and the engine's side of it are those of every hub behind a
//! WebSocket (`crate::websocket`).
//!
//! | File | What |
//! |---|---|
//! | `config` | settings |
//! | `handshake` | token, and whether the instance runs |
//! | `refusals` | a token that was refused is not tried again and again |
//! | `wire` | the messages as they come |
//! | `entity` | the state of one entity, as it is told by differences |
//! | `home` | the instance as a value, without socket and clock |
//! | `roster` | which entities are locks, and which belong to one |
//! | `lock` | one lock as a value; when a Z-Wave lock locks itself is in `lock/auto_lock` |
//! | `habits` | what is known of integrations |
//! | `cause` | what moved a bolt, where an integration tells |
//! | `codes` | the code slots of locks of integrations that have services for them |
//! | `call`, `answer` | what is asked of the instance, and what its answers mean |
//!
//! **Invariants.** That a service was called proves nothing, and neither does that an entity was updated, unless the account
//! vouches for its integration. A state that the integration supposes is never told as a lock's word. Only the registry's word,
//! or two lists a while apart, removes a lock. The token is in no error, log or evidence.

mod answer;
mod call;
mod cause;
mod codes;
mod config;
mod entity;
mod habits;
mod handshake;
mod home;
mod lock;
mod refusals;
mod roster;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use thumbturn_core::accounts::Account;
use thumbturn_core::devices::Device;
use thumbturn_core::ids::AccountId;
use thumbturn_core::ports::{Clock, ConnectError, Driver, Later, Link, Signal};
use tokio::sync::mpsc;

pub use self::config::{Config, parse_config};

use self::call::Call;
use self::home::Home;
use self::refusals::Refusals;
use crate::websocket::{self, Claims};

/// What is to be done, as requests to a Home Assistant.
type Outbox = websocket::Outbox<Call>;

/// Between two reads when all locks are read back: each may keep a radio busy for a second.
const RESYNC_PACE: Duration = Duration::from_millis(50);

/// The driver of provider `home_assistant`.
pub struct HomeAssistantDriver {
    clock: Arc<dyn Clock>,
    homes: Claims,
    refusals: Refusals,
}

impl HomeAssistantDriver {
    /// A driver that takes its times from `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, homes: Claims::default(), refusals: Refusals::default() }
    }

    async fn open(
        &self,
        account: &Account,
        known: &[Device],
        signals: mpsc::Sender<Signal>,
    ) -> Result<Arc<dyn Link>, ConnectError> {
        let config = parse_config(&account.config).map_err(|problem| ConnectError::BadConfig(problem.to_string()))?;
        let key = config.hub_key();
        let claim = self.homes.claim(account.workspace, &key, account.id).ok_or_else(|| {
            ConnectError::BadConfig(format!("{key} is connected already, by another account of this workspace."))
        })?;
        if self.refusals.forbid(account.id, &account.config, self.clock.now()) {
            return Err(handshake::refused(&config));
        }
        let connecting = handshake::connect(&config).await;
        self.refusals.note(account.id, &account.config, connecting.as_ref().err(), self.clock.now());
        let home = Home::new(known, config.reads);
        websocket::begin(connecting?, home, claim, Arc::clone(&self.clock), signals).await
    }
}

impl Driver for HomeAssistantDriver {
    fn connect<'a>(
        &'a self,
        account: &'a Account,
        known: &'a [Device],
        signals: mpsc::Sender<Signal>,
    ) -> Later<'a, Result<Arc<dyn Link>, ConnectError>> {
        Box::pin(self.open(account, known, signals))
    }

    fn forget(&self, account: AccountId) {
        self.refusals.forget(account);
    }

    fn resync_pace(&self) -> Duration {
        RESYNC_PACE
    }
}
