//! A lock with a keypad, for the promises about codes.

use std::sync::Arc;

use thumbturn_conformance::codes::{CodeTrouble, Keypads};
use thumbturn_core::accounts::Account;
use thumbturn_core::ports::{Clock, Driver};
use thumbturn_drivers::zwave_js::ZwaveJsDriver;
use thumbturn_hubsim::zwave::{Faults, House as Network, Hub, KeptCode, LockSpec};

use crate::house::{FIRST, account};

/// How many slots the lock has.
pub(crate) const SLOTS: u16 = 10;

/// See the module.
pub(crate) struct Keypad {
    pub(crate) network: Network,
    pub(crate) hub: Hub,
}

/// A lock with a keypad that is as it should be.
pub(crate) fn lock() -> LockSpec {
    LockSpec { codes: Some(SLOTS), ..LockSpec::at(FIRST) }
}

pub(crate) async fn site() -> Keypad {
    Keypad::with(lock()).await
}

/// A lock with the newer command class.
pub(crate) async fn newer() -> Keypad {
    Keypad::with(LockSpec { credentials: Some(SLOTS), ..LockSpec::at(FIRST) }).await
}

impl Keypad {
    pub(crate) async fn with(lock: LockSpec) -> Self {
        let network = Network::build(&[lock], &[]).await.unwrap();
        let hub = Hub::on(&network).await.unwrap();
        Self { network, hub }
    }

    pub(crate) async fn faults(&self, faults: Faults) {
        self.network.set_faults(FIRST, faults).await.unwrap();
    }

    pub(crate) async fn codes(&self) -> Vec<KeptCode> {
        self.network.truth(FIRST).await.unwrap().codes
    }
}

impl Keypads for Keypad {
    fn account(&self) -> Account {
        account(&self.hub.url())
    }

    fn driver(&self, clock: Arc<dyn Clock>) -> Arc<dyn Driver> {
        Arc::new(ZwaveJsDriver::new(clock))
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
        self.codes().await.into_iter().filter(|kept| kept.status == 1).map(|kept| (kept.slot, kept.code)).collect()
    }

    async fn writes(&self) -> u32 {
        self.network.truth(FIRST).await.unwrap().code_writes
    }

    async fn program(&self, slot: u32, code: Option<&str>) {
        self.network.program(FIRST, slot, code).await.unwrap();
    }

    async fn hub_dies(&mut self) {
        self.hub.kill().await.unwrap();
    }

    async fn hub_returns(&mut self) {
        self.hub.restart(&self.network).await.unwrap();
    }
}
