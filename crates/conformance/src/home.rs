//! The engine with one driver, and a store that remembers everything.

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use thumbturn_core::accounts::{Account, LinkState, LinkTrouble, Provider};
use thumbturn_core::attempts::{Attempt, FailureKind, Outcome};
use thumbturn_core::change::Change;
use thumbturn_core::commands::Command;
use thumbturn_core::devices::{Device, DeviceState};
use thumbturn_core::events::{Event, EventKind, Method};
use thumbturn_core::hub::{Engine, EngineSettings, OutcomeWatch, outcome_of};
use thumbturn_core::ids::{AccountId, DeviceId, WorkspaceId};
use thumbturn_core::locks::{Action, Bolt, Route};
use thumbturn_core::memory::REPEAT_WINDOW;
use thumbturn_core::ports::{Clock, CommitError, Driver, Later, Store, StoreError};
use thumbturn_core::scope::Scope;
use thumbturn_core::spaces::Occupied;
use thumbturn_core::time::Moment;
use uuid::Uuid;

/// How long a test waits for what should come soon.
pub const SOON: Duration = Duration::from_secs(20);

/// The lock proved that it is where it should be.
pub const CONFIRMED: Outcome = Outcome::Success { confirmed: true };
/// Accepted, and nothing proves it.
pub const UNCONFIRMED: Outcome = Outcome::Success { confirmed: false };

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
pub struct Shelf(Mutex<Contents>);

#[derive(Default)]
struct Contents {
    accounts: HashMap<AccountId, Account>,
    devices: HashMap<DeviceId, Device>,
    events: Vec<Event>,
}

impl Shelf {
    fn open(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every device.
    #[must_use]
    pub fn devices(&self) -> Vec<Device> {
        self.open().devices.values().cloned().collect()
    }

    /// How the session of the account is doing.
    #[must_use]
    pub fn link(&self) -> LinkState {
        self.open().accounts.values().next().unwrap().link.clone()
    }

    /// The same of one account among several.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn link_of(&self, account: AccountId) -> LinkState {
        self.open().accounts[&account].link.clone()
    }

    /// What is wrong with the session of the account, and what is said of it.
    ///
    /// # Panics
    /// If nothing is.
    #[must_use]
    pub fn trouble(&self) -> (LinkTrouble, String) {
        match self.link() {
            LinkState::Down { trouble, message, .. } => (trouble, message),
            other => panic!("{other:?}"),
        }
    }

    /// What was told, in order.
    #[must_use]
    pub fn kinds(&self) -> Vec<EventKind> {
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
            Change::DevicesFound { devices, events } => {
                self.devices.extend(devices.into_iter().map(|device| (device.id, device)));
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

type Drivers = Box<dyn Fn(Arc<dyn Clock>) -> HashMap<Provider, Arc<dyn Driver>> + Send + Sync>;

/// The engine with one driver and one account.
pub struct Home {
    /// The engine.
    pub engine: Engine,
    /// What it stored.
    pub shelf: Arc<Shelf>,
    drivers: Drivers,
    deadline: Duration,
    began: Instant,
}

impl Home {
    /// Starts an engine whose attempts have until `deadline`, with an account; returns when its first connection stands, or
    /// has failed.
    ///
    /// # Panics
    /// If the engine does not start.
    pub async fn start<D: Driver + 'static>(
        account: Account,
        deadline: Duration,
        driver: impl Fn(Arc<dyn Clock>) -> D + Send + Sync + 'static,
    ) -> Self {
        let provider = account.provider;
        let drivers = Box::new(move |clock| HashMap::from([(provider, Arc::new(driver(clock)) as Arc<dyn Driver>)]));
        let shelf = Arc::new(Shelf::default());
        let engine = engine(&shelf, drivers(clock()), deadline).await;
        engine.add_account(account).await.unwrap();
        let home = Self { engine, shelf, drivers, deadline, began: Instant::now() };
        home.engine.account_settled(home.account(), SOON).await;
        Self { began: Instant::now(), ..home }
    }

    /// The server is started anew, on what it had stored.
    pub async fn restart_server(&mut self) {
        self.engine = engine(&self.shelf, (self.drivers)(clock()), self.deadline).await;
        self.engine.settled(SOON).await;
    }

    /// Waits until nothing that is heard can be an echo of what was said before the first connection.
    pub async fn is_settled(&self) {
        let settled = self.began + REPEAT_WINDOW + Duration::from_millis(500);
        tokio::time::sleep_until(settled.into()).await;
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> AccountId {
        *self.shelf.open().accounts.keys().next().unwrap()
    }

    /// Waits until the position of every lock is known that can be known.
    pub async fn all_known(&self, count: usize) {
        let known = || {
            let devices = self.shelf.devices();
            devices.len() == count && devices.iter().all(|device| device.state.shown_bolt().is_some())
        };
        wait_until("a position of every lock", SOON, known).await;
    }

    /// The device with this name.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn device(&self, name: &str) -> Device {
        let devices = self.shelf.devices();
        devices.into_iter().find(|device| device.about.name == name).unwrap_or_else(|| panic!("no device {name:?}"))
    }

    /// What is known of the device with this name.
    #[must_use]
    pub fn state(&self, name: &str) -> DeviceState {
        self.device(name).state
    }

    /// Waits until the state of a device is as wanted.
    pub async fn until(&self, what: &str, name: &str, fits: impl Fn(&DeviceState) -> bool + Send + Sync) {
        wait_until(what, SOON, || fits(&self.state(name))).await;
    }

    /// Waits until something is shown.
    pub async fn shows(&self, name: &str, bolt: Bolt) {
        self.until(&format!("{name} at {bolt:?}"), name, |state| state.shown_bolt() == Some(bolt)).await;
    }

    /// Begins an action.
    pub async fn begin(&self, name: &str, action: Action) -> OutcomeWatch {
        self.command(name, Command::Move(action.wanted().unwrap())).await
    }

    /// Begins whatever can be asked of a lock.
    pub async fn command(&self, name: &str, command: Command) -> OutcomeWatch {
        let device = self.device(name);
        let route = Route { is_managed: true, is_removed: false, ..device.route() };
        let scope = Scope::workspace_wide(device.workspace);
        self.engine.begin(&scope, Some(&route), command, None).await.unwrap().outcome
    }

    /// Carries an action out, to its end.
    pub async fn act(&self, name: &str, action: Action) -> Outcome {
        outcome_of(self.begin(name, action).await).await.unwrap()
    }

    /// Unlocks, to the end.
    pub async fn unlock(&self, name: &str) -> Outcome {
        self.act(name, Action::UnlockDoor).await
    }

    /// Locks, to the end.
    pub async fn lock_door(&self, name: &str) -> Outcome {
        self.act(name, Action::LockDoor).await
    }

    /// The movements that were told, in order.
    #[must_use]
    pub fn moves(&self) -> Vec<(Bolt, Method, Option<u32>)> {
        let kinds = self.shelf.kinds().into_iter();
        let moves = kinds.filter_map(|kind| match kind {
            EventKind::LockMoved { to, method, slot, .. } => Some((to, method, slot)),
            _ => None,
        });
        moves.collect()
    }

    /// Waits until this many movements were told.
    pub async fn told(&self, count: usize) {
        wait_until(&format!("{count} movements told"), SOON, || self.moves().len() >= count).await;
    }
}

/// The kind of a failure.
///
/// # Panics
/// If it is a success.
#[must_use]
pub fn failure(outcome: &Outcome) -> FailureKind {
    match outcome {
        Outcome::Failure(failure) => failure.kind,
        Outcome::Success { confirmed } => panic!("a success (confirmed: {confirmed}) where a failure was expected"),
    }
}

/// The machine's clocks.
#[must_use]
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(RealClock(Instant::now()))
}

async fn engine(shelf: &Arc<Shelf>, drivers: HashMap<Provider, Arc<dyn Driver>>, deadline: Duration) -> Engine {
    let settings = EngineSettings { deadline, ..EngineSettings::default() };
    let store: Arc<dyn Store> = Arc::clone(shelf) as Arc<dyn Store>;
    Engine::start(store, clock(), drivers, settings).await.unwrap()
}

/// Waits until something is so.
///
/// # Panics
/// If it does not become so in time.
pub async fn wait_until(what: &str, within: Duration, condition: impl Fn() -> bool + Send) {
    let until = Instant::now() + within;
    while !condition() {
        assert!(Instant::now() < until, "{what}: not within {within:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// An account with these settings.
#[must_use]
pub fn account(provider: Provider, config: &str) -> Account {
    Account {
        id: AccountId(Uuid::now_v7()),
        workspace: WorkspaceId(Uuid::now_v7()),
        provider,
        display_name: provider.display_name().to_owned(),
        hub_key: "hub".to_owned(),
        config: config.to_owned(),
        custom_metadata: "{}".to_owned(),
        customer_key: None,
        manages_new_devices: true,
        link: LinkState::Connecting,
        first_sync_done: false,
        created_at: Timestamp::now(),
    }
}
