//! Every virtual hub of this process, by account: the handle for looking at and touching virtual locks.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use thumbturn_core::accounts::Account;
use thumbturn_core::devices::Device;
use thumbturn_core::ids::{AccountId, NativeId};
use thumbturn_core::ports::Clock;
use thumbturn_core::time::Moment;
use tokio::sync::Notify;

use super::config::Config;
use super::driver::Pace;
use super::hub::Hub;
use super::physical::Physical;
use super::physics::ActError;
use super::settings::{Act, Patch, PatchProblem, Simulated};

/// Why a virtual lock could not be set or touched. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// The account has no virtual hub that was ever connected, or that hub has no such lock.
    #[error("no such virtual lock")]
    UnknownLock,
    /// The lock has no keypad.
    #[error("the lock has no keypad")]
    NoKeypad,
    /// A value out of its range.
    #[error(transparent)]
    OutOfRange(PatchProblem),
    /// The hub has more to tell than the engine listens to. Trying again helps.
    #[error("the virtual hub is busy")]
    Busy,
}

impl From<ActError> for SandboxError {
    fn from(error: ActError) -> Self {
        match error {
            ActError::UnknownLock => Self::UnknownLock,
            ActError::NoKeypad => Self::NoKeypad,
        }
    }
}

/// Every virtual hub of this process. Cheap to clone; all clones show the same hubs.
///
/// A hub appears with the first session of its account and stays when the session ends: the doors do not move because
/// nobody listens.
#[derive(Clone, Default)]
pub struct SandboxHubs {
    hubs: Arc<RwLock<HashMap<AccountId, Arc<Hub>>>>,
}

impl SandboxHubs {
    /// The physical truth of a lock.
    #[must_use]
    pub fn get(&self, account: AccountId, native: &NativeId) -> Option<Physical> {
        self.hub(account)?.physical(native)
    }

    /// Changes a lock's settings, and returns the physical truth right after.
    ///
    /// # Errors
    /// [`SandboxError`]; then nothing was changed.
    pub fn set(&self, account: AccountId, native: &NativeId, patch: &Patch) -> Result<Physical, SandboxError> {
        self.hub(account).ok_or(SandboxError::UnknownLock)?.set(native, patch)
    }

    /// Does something at a lock's door, and returns the physical truth right after.
    ///
    /// # Errors
    /// [`SandboxError`]; then nothing was done.
    pub fn act(&self, account: AccountId, native: &NativeId, act: &Act) -> Result<Physical, SandboxError> {
        self.hub(account).ok_or(SandboxError::UnknownLock)?.act(native, act)
    }

    /// Changes a lock's standing with its hub. What is returned is notified once the engine has dealt with it; `None` if
    /// nobody listens to the hub.
    ///
    /// # Errors
    /// [`SandboxError`]; then nothing was changed.
    pub fn simulate(
        &self,
        account: AccountId,
        native: &NativeId,
        what: Simulated,
    ) -> Result<Option<Arc<Notify>>, SandboxError> {
        self.hub(account).ok_or(SandboxError::UnknownLock)?.simulate(native, what)
    }

    /// From now on the hub refuses the account's login; `false` if there is no such hub.
    pub fn refuse(&self, account: AccountId) -> bool {
        self.hub(account).map(|hub| hub.refuse()).is_some()
    }

    /// The hub starts anew: its session is lost, and the engine connects again; `false` if there is no such hub.
    pub fn restart(&self, account: AccountId) -> bool {
        self.hub(account).map(|hub| hub.restart()).is_some()
    }

    /// Ends the hub's session and forgets the hub: the account is gone.
    pub fn forget(&self, account: AccountId) {
        let hub = self.hubs.write().unwrap_or_else(PoisonError::into_inner).remove(&account);
        if let Some(hub) = hub {
            hub.hang_up();
        }
    }

    /// Moves a hub that goes step by step to the next moment at which something happens. `None`: nothing is to come,
    /// the hub is unknown, or it runs by itself.
    #[must_use]
    pub fn step(&self, account: AccountId) -> Option<Moment> {
        self.hub(account)?.step()
    }

    /// Moves the time of a hub that goes step by step to `moment`; `false` if there is no such hub.
    pub fn advance_to(&self, account: AccountId, moment: Moment) -> bool {
        self.hub(account).is_some_and(|hub| hub.advance_to(moment))
    }

    /// The same by a length of time.
    pub fn advance_by(&self, account: AccountId, by: Duration) -> bool {
        self.hub(account).is_some_and(|hub| hub.advance_to(hub.time().after(by)))
    }

    /// The hub of `account`, made if need be; a changed configuration is taken over.
    pub(super) fn open(
        &self,
        account: &Account,
        config: Config,
        known: &[Device],
        clock: &Arc<dyn Clock>,
        pace: Pace,
    ) -> Arc<Hub> {
        let mut hubs = self.hubs.write().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Hub::new(Arc::clone(clock), pace, config, account, known));
        let hub = hubs.entry(account.id).or_insert_with(new);
        if account.first_sync_done {
            hub.let_go_of_others(known);
        }
        hub.reconfigure(config);
        Arc::clone(hub)
    }

    fn hub(&self, account: AccountId) -> Option<Arc<Hub>> {
        self.hubs.read().unwrap_or_else(PoisonError::into_inner).get(&account).cloned()
    }
}
