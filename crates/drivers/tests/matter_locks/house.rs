//! A house: virtual Matter locks, a real Matter server beside them, and the engine with its driver.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use serde_json::json;
use thumbturn_conformance::{By, Home, Site, Trouble, Truth};
use thumbturn_core::accounts::{Account, Provider};
use thumbturn_core::locks::Bolt;
use thumbturn_drivers::matter::MatterDriver;
use thumbturn_hubsim::matter::{By as Mover, Faults, House as Network, Hub, LockSpec, Place, Truth as Physical};

pub(crate) use thumbturn_conformance::{CONFIRMED, failure};

/// Long enough for a hub that finds out that a lock does not answer, and for one that is started again.
const DEADLINE: Duration = Duration::from_secs(30);

/// The first lock.
pub(crate) const FIRST: u32 = 1;

/// See the module.
pub(crate) struct House {
    home: Home,
    pub(crate) network: Network,
    pub(crate) hub: Hub,
    locks: Vec<u32>,
}

impl Deref for House {
    type Target = Home;

    fn deref(&self) -> &Home {
        &self.home
    }
}

impl DerefMut for House {
    fn deref_mut(&mut self) -> &mut Home {
        &mut self.home
    }
}

/// The name of a lock, as long as nobody gave it another.
pub(crate) fn lock(id: u32) -> String {
    format!("Turn (node {id})")
}

pub(crate) fn account(url: &str) -> Account {
    thumbturn_conformance::account(Provider::Matter, &json!({ "url": url }).to_string())
}

impl House {
    /// A house with these locks; returns when the engine knows where every bolt is.
    pub(crate) async fn with(locks: Vec<LockSpec>) -> Self {
        let network = Network::with(&locks).await.unwrap();
        let hub = Hub::on(&network).await.unwrap();
        let home = Home::start(account(&hub.url()), DEADLINE, MatterDriver::new).await;
        home.all_known(locks.len()).await;
        Self { home, network, hub, locks: locks.iter().map(|lock| lock.id).collect() }
    }

    pub(crate) async fn physical(&self, lock: u32) -> Physical {
        self.network.truth(lock).await.unwrap()
    }

    pub(crate) async fn faults(&self, lock: u32, faults: Faults) {
        self.network.set_faults(lock, faults).await.unwrap();
    }
}

/// A house for the promises that every driver keeps.
pub(crate) async fn site(locks: u32) -> House {
    House::with((FIRST..FIRST + locks).map(LockSpec::at).collect()).await
}

fn id_of(lock: &str) -> u32 {
    lock.trim_start_matches("Turn (node ").trim_end_matches(')').parse().unwrap()
}

fn millis(duration: Duration) -> Option<u64> {
    u64::try_from(duration.as_millis()).ok()
}

impl Site for House {
    fn home(&self) -> &Home {
        &self.home
    }

    fn locks(&self) -> Vec<String> {
        self.locks.iter().copied().map(lock).collect()
    }

    async fn trouble(&self, lock: &str, trouble: Option<Trouble>) {
        let mut faults = Faults::default();
        match trouble {
            None => {}
            Some(Trouble::Jam) => faults.jam = true,
            Some(Trouble::Dead) => faults.unreachable = true,
            Some(Trouble::Slow(motor)) => faults.motor_ms = millis(motor),
            Some(Trouble::NeverHeard) => faults.silent_when_commanded = true,
            Some(Trouble::Mute) => faults.mute = true,
            Some(Trouble::Idle) => faults.lie = true,
            Some(Trouble::Repeats) => faults.repeats = 2,
            Some(Trouble::RepeatsLate(after)) => faults.repeat_after_ms = millis(after),
            Some(Trouble::Reordered) => faults.reordered = Some(50),
        }
        self.faults(id_of(lock), faults).await;
    }

    async fn truth(&self, lock: &str) -> Truth {
        let physical = self.physical(id_of(lock)).await;
        let bolt = match physical.bolt {
            Place::Locked => Some(Bolt::Locked),
            Place::Unlocked => Some(Bolt::Unlocked),
            Place::Stuck => None,
        };
        Truth { bolt, moves: physical.moves as usize, commands: physical.commands.len() }
    }

    async fn turn(&self, lock: &str, to: Bolt, by: By) {
        let place = if to == Bolt::Locked { Place::Locked } else { Place::Unlocked };
        let by = if by == By::Hand { Mover::Manual } else { Mover::Auto };
        self.network.act(id_of(lock), place, by, None).await.unwrap();
    }

    async fn hub_dies(&mut self) {
        self.hub.kill().await.unwrap();
    }

    async fn hub_returns(&mut self) {
        self.hub.restart(&self.network).await.unwrap();
    }
}
