//! A house: simulated Zigbee locks, a real Zigbee2MQTT on them, a broker, and the engine with the MQTT driver.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use serde_json::json;
use thumbturn_conformance::{By, Home, Site, Trouble, Truth};
use thumbturn_core::accounts::{Account, Provider};
use thumbturn_core::locks::Bolt;
use thumbturn_drivers::mqtt::MqttDriver;
use thumbturn_hubsim::zigbee2mqtt::{
    By as Mover, Faults, House as Locks, Hub, HubSettings, LockSpec, Place, Truth as Physical,
};
use thumbturn_locksim::Mosquitto;

pub(crate) use thumbturn_conformance::{CONFIRMED, SOON, failure};

/// Long enough for a hub that is killed and started again in the middle of an attempt.
const DEADLINE: Duration = Duration::from_secs(25);

/// See the module.
pub(crate) struct House {
    home: Home,
    pub(crate) locks: Locks,
    pub(crate) hub: Hub,
    pub(crate) broker: Mosquitto,
    names: Vec<String>,
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

pub(crate) fn account(url: &str) -> Account {
    thumbturn_conformance::account(Provider::Mqtt, &json!({ "url": url }).to_string())
}

impl House {
    /// A house with these locks; returns when the engine knows where every bolt is.
    pub(crate) async fn with(specs: Vec<LockSpec>) -> Self {
        Self::set_up(specs, &HubSettings::default(), DEADLINE).await
    }

    /// The same with other settings of the hub and for other attempts.
    pub(crate) async fn set_up(specs: Vec<LockSpec>, settings: &HubSettings, deadline: Duration) -> Self {
        let broker = Mosquitto::start().await.unwrap();
        let url = broker.broker().url();
        let locks = Locks::with(&specs).await.unwrap();
        let hub = Hub::with(&locks, &url, settings).await.unwrap();
        let home = Home::start(account(&url), deadline, MqttDriver::new).await;
        home.all_known(specs.len()).await;
        Self { home, locks, hub, broker, names: specs.into_iter().map(|spec| spec.name).collect() }
    }

    pub(crate) fn physical(&self, lock: &str) -> Physical {
        self.locks.truth(lock).unwrap()
    }

    pub(crate) fn faults(&self, lock: &str, faults: Faults) {
        self.locks.set_faults(lock, faults).unwrap();
    }
}

/// A house for the promises that every driver keeps.
pub(crate) async fn site(locks: u32) -> House {
    House::with((1..=locks).map(|number| LockSpec::named(&format!("Door {number}"))).collect()).await
}

impl Site for House {
    fn home(&self) -> &Home {
        &self.home
    }

    fn locks(&self) -> Vec<String> {
        self.names.clone()
    }

    async fn trouble(&self, lock: &str, trouble: Option<Trouble>) {
        let mut faults = Faults::default();
        match trouble {
            None => {}
            Some(Trouble::Jam) => faults.jam = true,
            Some(Trouble::Dead) => faults.unreachable = true,
            Some(Trouble::Slow(motor)) => faults.motor = Some(motor),
            Some(Trouble::NeverHeard) => (faults.lost, faults.unreadable) = (true, true),
            Some(Trouble::Mute) => faults.mute = true,
            Some(Trouble::Idle) => faults.idle = true,
            Some(Trouble::Repeats) => faults.repeats = 2,
            Some(Trouble::RepeatsLate(after)) => faults.repeats_after = Some(after),
            Some(Trouble::Reordered) => faults.reordered = true,
        }
        self.faults(lock, faults);
    }

    async fn truth(&self, lock: &str) -> Truth {
        let physical = self.physical(lock);
        let bolt = match physical.bolt {
            Place::Locked => Some(Bolt::Locked),
            Place::Unlocked => Some(Bolt::Unlocked),
            Place::Stuck => None,
        };
        Truth { bolt, moves: physical.moves, commands: physical.commands.len() }
    }

    async fn turn(&self, lock: &str, to: Bolt, by: By) {
        let place = if to == Bolt::Locked { Place::Locked } else { Place::Unlocked };
        let by = if by == By::Hand { Mover::Hand } else { Mover::Itself };
        self.locks.turn(lock, place, by).unwrap();
    }

    async fn hub_dies(&mut self) {
        self.hub.kill().await.unwrap();
    }

    async fn hub_returns(&mut self) {
        self.hub.restart().await.unwrap();
    }
}
