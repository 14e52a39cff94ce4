//! A house to test in: an engine, a store, a clock, and hubs with locks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use thumbturn_core::accounts::{Account, LinkState, Provider};
use thumbturn_core::attempts::{Attempt, FailureKind, Outcome};
use thumbturn_core::change::{IdempotencyClaim, IdempotencyKey};
use thumbturn_core::commands::Command;
use thumbturn_core::devices::{About, Device, DeviceState};
use thumbturn_core::events::{Event, EventKind, Method};
use thumbturn_core::hub::{BeginError, Engine, EngineSettings, Ticket, outcome_of};
use thumbturn_core::ids::{AccountId, AttemptId, DeviceId, NativeId, WorkspaceId};
use thumbturn_core::locks::{Action, Bolt, Reachability, Route, Traits};
use thumbturn_core::ports::{Clock, Driver, Said, Store};
use thumbturn_core::scope::Scope;
use uuid::Uuid;

use crate::clock::SimClock;
use crate::hub::{Hub, Reads, ScriptedDriver, ScriptedLock};
use crate::store::{MemoryStore, Server};

pub(crate) const UNLOCKED: Said = Said::At(Bolt::Unlocked);
pub(crate) const LOCKED: Said = Said::At(Bolt::Locked);
pub(crate) const CONFIRMED: Outcome = Outcome::Success { confirmed: true };
pub(crate) const UNCONFIRMED: Outcome = Outcome::Success { confirmed: false };

pub(crate) const WORKSPACE: WorkspaceId = WorkspaceId(Uuid::from_u128(1));

/// A lock that reports by itself, says what moved it, and can be read.
pub(crate) const TALKATIVE: Traits = Traits {
    reports: true,
    readable: true,
    tags: true,
    margin: Duration::from_secs(2),
    settle: Duration::from_secs(5),
    settle_unchanged: Duration::from_secs(1),
};

/// The same without a word on what moved it.
pub(crate) const TERSE: Traits = Traits { tags: false, ..TALKATIVE };

pub(crate) fn failed(kind: FailureKind) -> Outcome {
    Outcome::Failure(kind.into())
}

pub(crate) fn lock(n: usize, traits: Traits) -> ScriptedLock {
    let about = About {
        native: NativeId(format!("lock {n}")),
        name: format!("Door {n}"),
        device_type: "yale_lock".to_owned(),
        manufacturer: "yale".to_owned(),
        manufacturer_name: "Yale".to_owned(),
        model: "Assure".to_owned(),
        serial_number: None,
        can_lock: true,
        can_unlock: true,
        can_configure_auto_lock: true,
        has_keypad: true,
        has_direct_power: false,
    };
    ScriptedLock {
        about,
        traits,
        said: LOCKED,
        reach: Reachability::Reachable,
        reads: Reads::Answer(30),
        described: true,
        deeds: std::collections::VecDeque::new(),
        remembered: None,
        greets: None,
        came: Vec::new(),
    }
}

pub(crate) fn account(n: u128) -> Account {
    Account {
        id: AccountId(Uuid::from_u128(100 + n)),
        workspace: WORKSPACE,
        provider: Provider::Mqtt,
        display_name: format!("Hub {n}"),
        hub_key: format!("hub {n}"),
        config: "{}".to_owned(),
        manages_new_devices: true,
        link: LinkState::Connecting,
        first_sync_done: false,
        custom_metadata: "{}".to_owned(),
        customer_key: None,
        created_at: jiff::Timestamp::constant(1_800_000_000, 0),
    }
}

pub(crate) struct House {
    pub(crate) clock: Arc<SimClock>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) driver: Arc<ScriptedDriver>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) engine: Arc<Engine>,
    server: Arc<Server>,
}

impl House {
    /// One hub with `count` locks that are locked, connected and read, long enough ago for no repeat from before.
    pub(crate) async fn with(count: usize, traits: Traits) -> Self {
        let house = Self::built(count, traits, |_| {}).await;
        house.pass(7_000).await;
        house
    }

    /// The same just after the start; `prepare` comes before it.
    pub(crate) async fn built(count: usize, traits: Traits, prepare: impl FnOnce(&Hub)) -> Self {
        let clock = Arc::new(SimClock::new());
        let store = Arc::new(MemoryStore::new(Arc::clone(&clock)));
        let driver = Arc::new(ScriptedDriver::default());
        let hub = Hub::new(Arc::clone(&clock), (0..count).map(|n| lock(n, traits)).collect());
        prepare(&hub);
        driver.hubs.lock().unwrap().insert(account(0).id, Arc::clone(&hub));
        store.look(|rows| rows.accounts.insert(account(0).id, account(0)));
        let server = Server::of(&store);
        let engine = start(&clock, &server, &driver).await;
        let house = Self { clock, store, driver, hub, engine, server };
        house.settle(count).await;
        house
    }

    async fn settle(&self, count: usize) {
        self.engine.settled(Duration::from_secs(12)).await;
        self.pass(200 + 25 * u64::try_from(count).unwrap()).await;
    }

    /// Another hub with one lock; its account is `account(n)`.
    pub(crate) async fn add_hub(&self, n: u128, traits: Traits) -> Arc<Hub> {
        let hub = Hub::new(Arc::clone(&self.clock), vec![lock(0, traits)]);
        self.driver.hubs.lock().unwrap().insert(account(n).id, Arc::clone(&hub));
        self.engine.add_account(account(n)).await.unwrap();
        self.engine.account_settled(account(n).id, Duration::from_secs(12)).await;
        self.pass(200).await;
        hub
    }

    /// The server is killed and started again; what was in memory is lost.
    pub(crate) async fn killed(&mut self, while_down: impl FnOnce(&Hub)) {
        self.server.kill();
        // Dropped first, as the operating system would: nothing of the old server is left when the new one starts.
        let none = Server::of(&Arc::new(MemoryStore::new(Arc::clone(&self.clock))));
        self.engine = start(&self.clock, &none, &self.driver).await;
        while_down(&self.hub);
        self.server = Server::of(&self.store);
        self.engine = start(&self.clock, &self.server, &self.driver).await;
    }

    /// The server is killed, and an operator works on what it left.
    pub(crate) fn at_rest(&self) -> Engine {
        self.server.kill();
        let clock: Arc<dyn Clock> = self.clock.clone();
        Engine::at_rest(Server::of(&self.store), clock)
    }

    pub(crate) async fn pass(&self, ms: u64) {
        self.clock.pass(ms).await;
    }

    pub(crate) fn device_of(&self, hub: &Hub, account: AccountId, n: usize) -> Device {
        let native = hub.native(n);
        self.store.look(|rows| {
            let mine = |device: &&Device| device.account == account && device.about.native == native;
            rows.devices.values().find(mine).unwrap().clone()
        })
    }

    pub(crate) fn device(&self, n: usize) -> Device {
        self.device_of(&self.hub, account(0).id, n)
    }

    pub(crate) fn state(&self, n: usize) -> DeviceState {
        self.device(n).state
    }

    pub(crate) fn route(&self, n: usize) -> Route {
        route(&self.device(n))
    }

    pub(crate) async fn begin(&self, n: usize, action: Action) -> Result<Ticket, BeginError> {
        self.engine.begin(&scope(), Some(&self.route(n)), command(action), None).await
    }

    pub(crate) async fn begin_once(&self, n: usize, action: Action, key: &str) -> Result<Ticket, BeginError> {
        let claim = IdempotencyClaim {
            workspace: WORKSPACE,
            credential: "api_key",
            path: "/locks/unlock_door",
            key: IdempotencyKey(key.to_owned()),
            body_hash: "0".to_owned(),
            at: self.clock.now().wall,
        };
        self.engine.begin(&scope(), Some(&self.route(n)), command(action), Some(claim)).await
    }

    pub(crate) async fn unlock(&self, n: usize) -> Ticket {
        self.begin(n, Action::UnlockDoor).await.unwrap()
    }

    pub(crate) async fn lock(&self, n: usize) -> Ticket {
        self.begin(n, Action::LockDoor).await.unwrap()
    }

    /// How it ended. Whoever sees that must be able to read the same.
    pub(crate) async fn end(&self, ticket: Ticket) -> Outcome {
        let outcome = outcome_of(ticket.outcome).await.unwrap();
        let stored = self.stored(ticket.attempt.id);
        assert_eq!(stored.outcome.as_ref(), Some(&outcome), "woken before the commit");
        outcome
    }

    /// How it ended, and after how many milliseconds from now.
    pub(crate) async fn timed(&self, ticket: Ticket) -> (Outcome, u128) {
        let before = self.clock.now();
        let outcome = self.end(ticket).await;
        (outcome, self.clock.now().since(before).as_millis())
    }

    pub(crate) fn stored(&self, attempt: AttemptId) -> Attempt {
        self.store.look(|rows| rows.attempts[&attempt].clone())
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.store.look(|rows| rows.events.clone())
    }

    /// The lock events of one device: where to, how, for which attempt, with which slot.
    pub(crate) fn moves(&self, n: usize) -> Vec<(Bolt, Method, Option<AttemptId>, Option<u32>)> {
        let id: DeviceId = self.device(n).id;
        let moves = self.events().into_iter().filter(|event| event.device == Some(id)).filter_map(|event| {
            let EventKind::LockMoved { to, method, attempt, slot } = event.kind else { return None };
            Some((to, method, attempt, slot))
        });
        moves.collect()
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.events().iter().map(|event| event.kind.name()).collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.store.faults(), Vec::<String>::new());
        }
    }
}

pub(crate) fn scope() -> Scope {
    Scope::workspace_wide(WORKSPACE)
}

pub(crate) fn route(device: &Device) -> Route {
    Route { is_removed: false, ..device.route() }
}

/// The command behind an action at a door.
pub(crate) fn command(action: Action) -> Command {
    Command::Move(action.wanted().unwrap())
}

async fn start(clock: &Arc<SimClock>, server: &Arc<Server>, driver: &Arc<ScriptedDriver>) -> Arc<Engine> {
    let drivers = HashMap::from([(Provider::Mqtt, Arc::clone(driver) as Arc<dyn Driver>)]);
    let (store, clock) = (Arc::clone(server) as Arc<dyn Store>, Arc::clone(clock) as Arc<dyn Clock>);
    Arc::new(Engine::start(store, clock, drivers, EngineSettings::default()).await.unwrap())
}
