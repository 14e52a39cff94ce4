//! A house: a simulated Z-Wave network, a real Z-Wave JS server on it, and the engine with its driver.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use serde_json::json;
use thumbturn_conformance::{By, Home, Site, Trouble, Truth};
use thumbturn_core::accounts::{Account, Provider};
use thumbturn_core::locks::Bolt;
use thumbturn_drivers::zwave_js::ZwaveJsDriver;
use thumbturn_hubsim::zwave::{By as Mover, Faults, House as Network, Hub, LockSpec, Place, Truth as Physical};

pub(crate) use thumbturn_conformance::{CONFIRMED, SOON, failure};

/// Long enough for a hub that is killed and started again in the middle of an attempt.
const DEADLINE: Duration = Duration::from_secs(20);

/// The node of the first lock.
pub(crate) const FIRST: u32 = 2;

/// See the module.
pub(crate) struct House {
    home: Home,
    pub(crate) network: Network,
    pub(crate) hub: Hub,
    nodes: Vec<u32>,
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

/// The name of the lock at a node, as long as nobody gave it another.
pub(crate) fn lock(node: u32) -> String {
    format!("Z-Wave lock (node {node})")
}

pub(crate) fn account(url: &str) -> Account {
    thumbturn_conformance::account(Provider::ZwaveJs, &json!({ "url": url }).to_string())
}

impl House {
    /// A house with one lock that is as it should be.
    pub(crate) async fn plain() -> Self {
        Self::with(vec![LockSpec::at(FIRST)]).await
    }

    /// A house with these locks; returns when the engine knows where every bolt is.
    pub(crate) async fn with(locks: Vec<LockSpec>) -> Self {
        let network = Network::build(&locks, &[]).await.unwrap();
        Self::on(network, locks.iter().map(|lock| lock.id).collect()).await
    }

    /// The same on a network that was built before.
    pub(crate) async fn on(network: Network, nodes: Vec<u32>) -> Self {
        let hub = Hub::on(&network).await.unwrap();
        let home = Home::start(account(&hub.url()), DEADLINE, ZwaveJsDriver::new).await;
        home.all_known(nodes.len()).await;
        Self { home, network, hub, nodes }
    }

    pub(crate) async fn physical(&self, node: u32) -> Physical {
        self.network.truth(node).await.unwrap()
    }

    pub(crate) async fn faults(&self, node: u32, faults: Faults) {
        self.network.set_faults(node, faults).await.unwrap();
    }
}

/// A house for the promises that every driver keeps.
pub(crate) async fn site(locks: u32) -> House {
    House::with((FIRST..FIRST + locks).map(LockSpec::at).collect()).await
}

fn node_of(lock: &str) -> u32 {
    lock.trim_start_matches("Z-Wave lock (node ").trim_end_matches(')').parse().unwrap()
}

impl Site for House {
    fn home(&self) -> &Home {
        &self.home
    }

    fn locks(&self) -> Vec<String> {
        self.nodes.iter().copied().map(lock).collect()
    }

    async fn trouble(&self, lock: &str, trouble: Option<Trouble>) {
        let mut faults = Faults::default();
        match trouble {
            None => {}
            Some(Trouble::Jam) => faults.jam = true,
            Some(Trouble::Dead) => faults.unreachable = true,
            Some(Trouble::Slow(motor)) => faults.motor_ms = u64::try_from(motor.as_millis()).ok(),
            Some(Trouble::NeverHeard) => (faults.mute, faults.unreadable) = (true, true),
            Some(Trouble::Mute) => faults.mute = true,
            Some(Trouble::Idle) => faults.lie = true,
            Some(Trouble::Repeats) => faults.repeats = 2,
            Some(Trouble::RepeatsLate(after)) => faults.repeat_after_ms = u64::try_from(after.as_millis()).unwrap(),
            Some(Trouble::Reordered) => faults.reordered = true,
        }
        self.faults(node_of(lock), faults).await;
    }

    async fn truth(&self, lock: &str) -> Truth {
        let physical = self.physical(node_of(lock)).await;
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
        self.network.act(node_of(lock), place, by, None).await.unwrap();
    }

    async fn hub_dies(&mut self) {
        self.hub.kill().await.unwrap();
    }

    async fn hub_returns(&mut self) {
        self.hub.restart(&self.network).await.unwrap();
    }
}
