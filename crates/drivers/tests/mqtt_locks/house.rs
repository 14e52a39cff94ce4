//! A house: a broker, a simulated hub with its locks, and the engine with the MQTT driver.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use thumbturn_conformance::{By, Home, Site, Trouble, Truth};
use thumbturn_core::accounts::{Account, Provider};
use thumbturn_core::locks::Bolt;
use thumbturn_drivers::mqtt::MqttDriver;
use thumbturn_locksim::{
    Bolt as Physical, Broker, Fault, Lock, Mosquitto, MosquittoConfig, Order, Sim, SimConfig, Told,
};

pub(crate) use thumbturn_conformance::{CONFIRMED, SOON, Shelf, UNCONFIRMED, clock, failure};

/// Short, so that what ends as unknown ends soon; the engine then cuts the driver's margin and waits to half of it.
const DEADLINE: Duration = Duration::from_secs(8);

/// How long the hub takes to say that a lock did not answer.
const GIVES_UP: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct House {
    home: Home,
    pub(crate) sim: Sim,
    pub(crate) broker: Mosquitto,
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

impl House {
    /// A house with a plain broker; returns when the engine has heard every lock speak.
    pub(crate) async fn with(config: SimConfig) -> Self {
        let house = Self::build(MosquittoConfig::default(), config, &json!({})).await;
        house.all_known().await;
        house
    }

    /// A house of one kind of locks with any broker and further account settings. Waits for the first synchronisation.
    pub(crate) async fn build(broker: MosquittoConfig, config: SimConfig, further: &Value) -> Self {
        let broker = Mosquitto::with(broker).await.unwrap();
        let sim = Sim::start(broker.broker(), config).await.unwrap();
        let home = Home::start(account(&settings(broker.broker(), further)), DEADLINE, MqttDriver::new).await;
        Self { home, sim, broker }
    }

    /// Waits until the position of every lock is known that can be known.
    pub(crate) async fn all_known(&self) {
        self.home.all_known(self.sim.locks().len()).await;
    }

    pub(crate) fn lock(&self, name: &str) -> Arc<Lock> {
        self.sim.lock(name)
    }
}

/// A house for the promises that every driver keeps.
pub(crate) async fn site(locks: usize) -> House {
    House::with(SimConfig::zigbee2mqtt(locks)).await
}

impl Site for House {
    fn home(&self) -> &Home {
        &self.home
    }

    fn locks(&self) -> Vec<String> {
        self.sim.locks().iter().map(|lock| lock.first_name().to_owned()).collect()
    }

    async fn trouble(&self, lock: &str, trouble: Option<Trouble>) {
        let lock = self.lock(lock);
        lock.clear_faults();
        let Some(trouble) = trouble else { return };
        let faults: &[Fault] = match trouble {
            Trouble::Jam => &[Fault::JamOnUnlock],
            Trouble::Dead => {
                &[Fault::Unreachable { error_after: GIVES_UP }, Fault::ReadFails { error_after: GIVES_UP }]
            }
            Trouble::Slow(motor) => &[Fault::Motor(motor)],
            Trouble::NeverHeard => &[Fault::Mute, Fault::ReadFails { error_after: GIVES_UP }],
            Trouble::Mute => &[Fault::Mute],
            Trouble::Idle => &[Fault::AckWithoutMove],
            Trouble::Repeats => &[Fault::DoubleReport],
            Trouble::RepeatsLate(after) => &[Fault::RepeatReport { after }],
            Trouble::Reordered => &[Fault::ActionFirst],
        };
        faults.iter().for_each(|fault| lock.set_fault(*fault));
    }

    async fn truth(&self, lock: &str) -> Truth {
        let lock = self.lock(lock);
        let bolt = match lock.bolt() {
            Physical::Locked => Some(Bolt::Locked),
            Physical::Unlocked => Some(Bolt::Unlocked),
            _ => None,
        };
        Truth { bolt, moves: lock.moves(), commands: lock.commands().len() }
    }

    async fn turn(&self, lock: &str, to: Bolt, by: By) {
        let order = if to == Bolt::Locked { Order::Lock } else { Order::Unlock };
        match by {
            By::Hand => self.lock(lock).turn_by_hand(order, Told::Manual),
            By::Itself => self.lock(lock).auto_relock(),
        }
    }

    async fn hub_dies(&mut self) {
        self.sim.die().await;
    }

    async fn hub_returns(&mut self) {
        self.sim.revive().await.unwrap();
    }
}

/// The account's config for a broker.
pub(crate) fn settings(broker: &Broker, further: &Value) -> String {
    let mut config = json!({"url": broker.url()});
    if let Some((username, password)) = &broker.credentials {
        config["username"] = username.as_str().into();
        config["password"] = password.as_str().into();
    }
    if let Some(ca_pem) = &broker.ca_pem {
        config["ca_pem"] = ca_pem.as_str().into();
    }
    for (key, value) in further.as_object().unwrap() {
        config[key] = value.clone();
    }
    config.to_string()
}

pub(crate) fn account(config: &str) -> Account {
    thumbturn_conformance::account(Provider::Mqtt, config)
}
