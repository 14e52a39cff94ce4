//! A house: simulated locks, a real Home Assistant on them, and the engine with its driver.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use serde_json::json;
use thumbturn_conformance::{By, Home, Site, Trouble, Truth};
use thumbturn_core::accounts::{Account, Provider};
use thumbturn_core::locks::Bolt;
use thumbturn_drivers::home_assistant::HomeAssistantDriver;
use thumbturn_hubsim::home_assistant::{Faults, House as Locks, Hub, LockSpec, Place, Truth as Physical};

pub(crate) use thumbturn_conformance::{CONFIRMED, SOON, UNCONFIRMED, failure};

/// Long enough for a hub that is killed and started again in the middle of an attempt.
const DEADLINE: Duration = Duration::from_secs(25);

/// See the module.
pub(crate) struct House {
    home: Home,
    pub(crate) locks: Locks,
    pub(crate) hub: Hub,
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

/// An account that vouches for these integrations. That of the simulated locks is called `rig`.
pub(crate) fn account(url: &str, token: &str, vouched: &[&str]) -> Account {
    let config = json!({"url": url, "token": token, "reads": vouched});
    thumbturn_conformance::account(Provider::HomeAssistant, &config.to_string())
}

impl House {
    /// A house with one lock that is as it should be.
    pub(crate) async fn plain() -> Self {
        Self::with(vec![LockSpec::named("Front")]).await
    }

    /// A house with these locks; returns when the engine knows where every bolt is that can be known.
    pub(crate) async fn with(specs: Vec<LockSpec>) -> Self {
        Self::vouching(specs, &["rig"]).await
    }

    /// The same without a word on whether the locks can be asked.
    pub(crate) async fn unvouched(specs: Vec<LockSpec>) -> Self {
        Self::vouching(specs, &[]).await
    }

    async fn vouching(specs: Vec<LockSpec>, vouched: &[&str]) -> Self {
        let locks = Locks::with(&specs).await.unwrap();
        let hub = Hub::on(&locks).await.unwrap();
        let home = Home::start(account(&hub.url(), hub.token(), vouched), DEADLINE, HomeAssistantDriver::new).await;
        for spec in specs.iter().filter(|spec| !spec.assumed) {
            home.shows(&spec.name, Bolt::Locked).await;
        }
        Self { home, locks, hub, names: specs.into_iter().map(|spec| spec.name).collect() }
    }

    pub(crate) fn physical(&self, lock: &str) -> Physical {
        self.locks.truth(lock).unwrap()
    }

    pub(crate) fn faults(&self, lock: &str, faults: Faults) {
        self.locks.set_faults(lock, faults).unwrap();
    }

    pub(crate) fn turn_by(&self, lock: &str, to: Place, by: Option<&str>) {
        self.locks.turn(lock, to, by).unwrap();
    }
}

/// A house for the promises that every driver keeps.
pub(crate) async fn site(locks: u32) -> House {
    House::with((1..=locks).map(|number| LockSpec::named(&format!("Door {number}"))).collect()).await
}

fn place(bolt: Bolt) -> Place {
    if bolt == Bolt::Locked { Place::Locked } else { Place::Unlocked }
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
            Some(Trouble::NeverHeard) => (faults.mute, faults.unreadable) = (true, true),
            Some(Trouble::Mute) => faults.mute = true,
            Some(Trouble::Idle) => faults.idle = true,
            Some(Trouble::Repeats) => faults.repeats = 2,
            Some(Trouble::RepeatsLate(after)) => faults.repeats_after = Some(after),
            Some(Trouble::Reordered) => faults.reordered = true,
        }
        self.faults(lock, faults);
        if trouble.is_none() {
            // One that was away says so, and Home Assistant passes it on.
            self.until("back", lock, |state| state.reach.is_online()).await;
        }
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
        let by = if by == By::Hand { "Manual" } else { "Auto-Lock" };
        self.turn_by(lock, place(to), Some(by));
    }

    async fn hub_dies(&mut self) {
        self.hub.kill().await.unwrap();
    }

    async fn hub_returns(&mut self) {
        self.hub.restart(&self.locks).await.unwrap();
    }
}
