//! A house: a broker, a simulated hub with its locks, and the engine with the MQTT driver.

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use thumbturn_core::accounts::{Account, LinkState, Provider};
use thumbturn_core::attempts::{Attempt, FailureKind, Outcome};
use thumbturn_core::change::Change;
use thumbturn_core::commands::Command;
use thumbturn_core::devices::{Device, DeviceState};
use thumbturn_core::events::{Event, EventKind, Method};
use thumbturn_core::hub::{Engine, EngineSettings, OutcomeWatch, outcome_of};
use thumbturn_core::ids::{AccountId, DeviceId, WorkspaceId};
use thumbturn_core::locks::{Action, Bolt, Route};
use thumbturn_core::ports::{Clock, CommitError, Driver, Later, Store, StoreError};
use thumbturn_core::scope::Scope;
use thumbturn_core::spaces::Occupied;
use thumbturn_core::time::Moment;
use thumbturn_drivers::mqtt::MqttDriver;
use thumbturn_locksim::{Broker, Lock, Mosquitto, MosquittoConfig, Sim, SimConfig, wait_until};
use uuid::Uuid;

/// How long a test waits for what should come soon.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) const CONFIRMED: Outcome = Outcome::Success { confirmed: true };
pub(crate) const UNCONFIRMED: Outcome = Outcome::Success { confirmed: false };

/// The machine's clocks.
struct RealClock(Instant);

impl Clock for RealClock {
    fn now(&self) -> Moment {
        Moment { wall: Timestamp::now(), steady: self.0.elapsed() }
    }

    fn sleep_until(&self, moment: Moment) -> Later<'_, ()> {
        Box::pin(tokio::time::sleep(moment.steady.saturating_sub(self.0.elapsed())))
    }
}

/// A store that remembers everything and survives a house.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Contents>);

#[derive(Default)]
struct Contents {
    accounts: HashMap<AccountId, Account>,
    devices: HashMap<DeviceId, Device>,
    events: Vec<Event>,
}

impl Shelf {
    fn open(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap()
    }

    pub(crate) fn devices(&self) -> Vec<Device> {
        self.open().devices.values().cloned().collect()
    }

    pub(crate) fn link(&self) -> LinkState {
        self.open().accounts.values().next().unwrap().link.clone()
    }

    pub(crate) fn kinds(&self) -> Vec<EventKind> {
        self.open().events.iter().map(|event| event.kind.clone()).collect()
    }
}

impl Contents {
    fn apply(&mut self, change: Change) {
        match change {
            Change::AccountCreated { account, .. } => drop(self.accounts.insert(account.id, *account)),
            Change::AccountLink { account, link, first_sync_done, events } => {
                let account = self.accounts.get_mut(&account).unwrap();
                account.link = link;
                account.first_sync_done = first_sync_done;
                self.events.extend(events);
            }
            Change::DeviceSeen { mut device, events } => {
                if let Some(known) = self.devices.get(&device.id) {
                    device.state = known.state.clone();
                }
                self.devices.insert(device.id, *device);
                self.events.extend(events);
            }
            Change::DeviceChanged { device, state, events } => {
                self.devices.get_mut(&device).unwrap().state = state;
                self.events.extend(events);
            }
            Change::FinishAttempt { state, events, .. } => {
                if let Some((device, state)) = state {
                    self.devices.get_mut(&device).unwrap().state = state;
                }
                self.events.extend(events);
            }
            _ => {}
        }
    }
}

impl Store for Shelf {
    fn commit(&self, change: Change) -> Later<'_, Result<(), CommitError>> {
        self.open().apply(change);
        Box::pin(ready(Ok(())))
    }

    fn accounts(&self) -> Later<'_, Result<Vec<Account>, StoreError>> {
        let accounts = self.open().accounts.values().cloned().collect();
        Box::pin(ready(Ok(accounts)))
    }

    fn devices_of(&self, _account: AccountId) -> Later<'_, Result<Vec<Device>, StoreError>> {
        let devices = self.devices();
        Box::pin(ready(Ok(devices)))
    }

    fn unfinished_attempts(&self, _account: AccountId) -> Later<'_, Result<Vec<Attempt>, StoreError>> {
        Box::pin(ready(Ok(Vec::new())))
    }

    fn spaces_around(&self, _account: AccountId) -> Later<'_, Result<Vec<Occupied>, StoreError>> {
        Box::pin(ready(Ok(Vec::new())))
    }
}

/// See the module.
pub(crate) struct House {
    pub(crate) engine: Engine,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) sim: Sim,
    pub(crate) broker: Mosquitto,
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
        let shelf = Arc::new(Shelf::default());
        let engine = start(&shelf).await;
        engine.add_account(account(&settings(broker.broker(), further))).await.unwrap();
        let this = Self { engine, shelf, sim, broker };
        this.engine.account_settled(this.account(), SOON).await;
        this
    }

    /// The server is started anew, on what it had stored.
    pub(crate) async fn restart_server(&mut self) {
        self.engine = start(&self.shelf).await;
        self.engine.settled(SOON).await;
    }

    pub(crate) fn account(&self) -> AccountId {
        *self.shelf.open().accounts.keys().next().unwrap()
    }

    /// Waits until the position of every lock is known that can be known.
    pub(crate) async fn all_known(&self) {
        let count = self.sim.locks().len();
        let known = || {
            let devices = self.shelf.devices();
            devices.len() == count && devices.iter().all(|device| device.state.shown_bolt().is_some())
        };
        wait_until("a position of every lock", SOON, known).await.unwrap();
    }

    pub(crate) fn lock(&self, name: &str) -> Arc<Lock> {
        self.sim.lock(name)
    }

    /// The device with this name.
    pub(crate) fn device(&self, name: &str) -> Device {
        let devices = self.shelf.devices();
        devices.into_iter().find(|device| device.about.name == name).unwrap_or_else(|| panic!("no device {name:?}"))
    }

    pub(crate) fn state(&self, name: &str) -> DeviceState {
        self.device(name).state
    }

    /// Waits until the state of a device is as wanted.
    pub(crate) async fn until(&self, what: &str, name: &str, fits: impl Fn(&DeviceState) -> bool) {
        wait_until(what, SOON, || fits(&self.state(name))).await.unwrap();
    }

    /// Waits until something is shown.
    pub(crate) async fn shows(&self, name: &str, bolt: Bolt) {
        self.until(&format!("{name} at {bolt:?}"), name, |state| state.shown_bolt() == Some(bolt)).await;
    }

    /// Begins an action.
    pub(crate) async fn begin(&self, name: &str, action: Action) -> OutcomeWatch {
        let device = self.device(name);
        let route = Route { is_managed: true, is_removed: false, ..device.route() };
        let scope = Scope::workspace_wide(device.workspace);
        self.engine.begin(&scope, Some(&route), Command::Move(action.wanted().unwrap()), None).await.unwrap().outcome
    }

    /// Carries an action out, to its end.
    pub(crate) async fn act(&self, name: &str, action: Action) -> Outcome {
        outcome_of(self.begin(name, action).await).await.unwrap()
    }

    pub(crate) async fn unlock(&self, name: &str) -> Outcome {
        self.act(name, Action::UnlockDoor).await
    }

    pub(crate) async fn lock_door(&self, name: &str) -> Outcome {
        self.act(name, Action::LockDoor).await
    }

    /// The movements that were told, in order.
    pub(crate) fn moves(&self) -> Vec<(Bolt, Method, Option<u32>)> {
        let kinds = self.shelf.kinds().into_iter();
        let moves = kinds.filter_map(|kind| match kind {
            EventKind::LockMoved { to, method, slot, .. } => Some((to, method, slot)),
            _ => None,
        });
        moves.collect()
    }

    /// Waits until this many movements were told.
    pub(crate) async fn told(&self, count: usize) {
        wait_until(&format!("{count} movements told"), SOON, || self.moves().len() >= count).await.unwrap();
    }
}

/// The kind of a failure.
pub(crate) fn failure(outcome: &Outcome) -> FailureKind {
    match outcome {
        Outcome::Failure(failure) => failure.kind,
        Outcome::Success { confirmed } => panic!("a success (confirmed: {confirmed}) where a failure was expected"),
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(RealClock(Instant::now()))
}

async fn start(shelf: &Arc<Shelf>) -> Engine {
    let clock = clock();
    let driver: Arc<dyn Driver> = Arc::new(MqttDriver::new(Arc::clone(&clock)));
    // Short, so that what ends as unknown ends soon; the engine then cuts the driver's margin and waits to half of it.
    let settings = EngineSettings { deadline: Duration::from_secs(8), ..EngineSettings::default() };
    let store: Arc<dyn Store> = Arc::clone(shelf) as Arc<dyn Store>;
    Engine::start(store, clock, HashMap::from([(Provider::Mqtt, driver)]), settings).await.unwrap()
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
    Account {
        id: AccountId(Uuid::now_v7()),
        workspace: WorkspaceId(Uuid::now_v7()),
        provider: Provider::Mqtt,
        display_name: "MQTT".to_owned(),
        hub_key: "broker".to_owned(),
        config: config.to_owned(),
        custom_metadata: "{}".to_owned(),
        customer_key: None,
        manages_new_devices: true,
        link: LinkState::Connecting,
        first_sync_done: false,
        created_at: Timestamp::now(),
    }
}
