//! A Z-Wave lock with a keypad behind a Home Assistant: the simulated network, the real Z-Wave JS server on it, and the real
//! Home Assistant with its own integration on that.

use std::sync::Arc;

use thumbturn_conformance::codes::{CodeTrouble, Keypads};
use thumbturn_core::accounts::Account;
use thumbturn_core::ports::{Clock, Driver};
use thumbturn_drivers::home_assistant::HomeAssistantDriver;
use thumbturn_hubsim::home_assistant::{House as Locks, Hub};
use thumbturn_hubsim::zwave::{Faults, House as Network, Hub as Server, LockSpec};

use crate::house::account;

/// The node of the lock.
pub(crate) const NODE: u32 = 2;

/// How many slots the lock has.
pub(crate) const SLOTS: u16 = 10;

/// See the module.
pub(crate) struct Keypad {
    pub(crate) network: Network,
    _server: Server,
    locks: Locks,
    pub(crate) hub: Hub,
    /// The token that the driver has.
    pub(crate) token: String,
}

/// A lock with a keypad that is as it should be.
pub(crate) fn lock() -> LockSpec {
    LockSpec { codes: Some(SLOTS), ..LockSpec::at(NODE) }
}

pub(crate) async fn site() -> Keypad {
    Keypad::with(lock()).await
}

impl Keypad {
    pub(crate) async fn with(lock: LockSpec) -> Self {
        Self::on(&[lock]).await
    }

    /// The same with several locks.
    pub(crate) async fn on(all: &[LockSpec]) -> Self {
        let network = Network::build(all, &[]).await.unwrap();
        let server = Server::on(&network).await.unwrap();
        let locks = Locks::with(&[]).await.unwrap();
        let hub = Hub::with_zwave(&locks, &server.url()).await.unwrap();
        let token = hub.admin().to_owned();
        Self { network, _server: server, locks, hub, token }
    }

    pub(crate) async fn faults(&self, faults: Faults) {
        self.network.set_faults(NODE, faults).await.unwrap();
    }
}

impl Keypads for Keypad {
    fn account(&self) -> Account {
        account(&self.hub.url(), &self.token, &[])
    }

    fn driver(&self, clock: Arc<dyn Clock>) -> Arc<dyn Driver> {
        Arc::new(HomeAssistantDriver::new(clock))
    }

    async fn trouble(&self, trouble: Option<CodeTrouble>) {
        let mut faults = Faults::default();
        match trouble {
            None => {}
            Some(CodeTrouble::Refuses) => faults.refuse = true,
            Some(CodeTrouble::Lies) => faults.lie = true,
            Some(CodeTrouble::Silent) => faults.silent_codes = true,
            Some(CodeTrouble::Dead) => faults.unreachable = true,
            Some(CodeTrouble::Slow) => faults.store_after_ms = 1_000,
        }
        self.faults(faults).await;
    }

    async fn kept(&self) -> Vec<(u32, String)> {
        let codes = self.network.truth(NODE).await.unwrap().codes;
        codes.into_iter().filter(|kept| kept.status == 1).map(|kept| (kept.slot, kept.code)).collect()
    }

    async fn writes(&self) -> u32 {
        self.network.truth(NODE).await.unwrap().code_writes
    }

    async fn program(&self, slot: u32, code: Option<&str>) {
        self.network.program(NODE, slot, code).await.unwrap();
    }

    async fn hub_dies(&mut self) {
        self.hub.kill().await.unwrap();
    }

    async fn hub_returns(&mut self) {
        self.hub.restart(&self.locks).await.unwrap();
    }
}
