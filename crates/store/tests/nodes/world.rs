//! One database, doors, and nodes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;
use thumbturn_core::accounts::{Account, LinkState, Provider};
use thumbturn_core::attempts::{Attempt, Outcome};
use thumbturn_core::change::{Change, SetUp};
use thumbturn_core::commands::Command;
use thumbturn_core::devices::{Device, DeviceState};
use thumbturn_core::hub::{BeginError, Engine, EngineSettings, Ticket, outcome_of};
use thumbturn_core::ids::{AccountId, AttemptId, DeviceId, NodeId, OperatorId, WorkspaceId};
use thumbturn_core::locks::Bolt;
use thumbturn_core::nodes::Owner;
use thumbturn_core::ports::{Clock, Driver, Later, Store as _};
use thumbturn_core::scope::Scope;
use thumbturn_core::time::Moment;
use thumbturn_core::workspaces::Workspace;
use thumbturn_store::{AttemptFilter, EventFilter, OpenOptions, PageRequest, Role, Store};
use thumbturn_testdb::Database;
use tokio::time::Instant;
use uuid::Uuid;

use crate::doors::{Builder, Doors, about};

pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
pub(crate) const WORKSPACE: WorkspaceId = WorkspaceId(Uuid::from_u128(1));

pub(crate) fn account(n: u128) -> AccountId {
    AccountId(Uuid::from_u128(0x100 + n))
}

/// The door of an account.
pub(crate) fn door(n: u128) -> DeviceId {
    DeviceId(Uuid::from_u128(0x1000 + n))
}

pub(crate) fn everything() -> Scope {
    Scope::workspace_wide(WORKSPACE)
}

struct RealClock(Instant);

impl Clock for RealClock {
    fn now(&self) -> Moment {
        Moment { wall: Timestamp::now(), steady: self.0.elapsed() }
    }

    fn sleep_until(&self, moment: Moment) -> Later<'_, ()> {
        Box::pin(async move {
            while !self.now().reached(moment) {
                let left = moment.steady.saturating_sub(self.now().steady).max(Duration::from_millis(1));
                tokio::time::sleep(left.min(Duration::from_millis(500))).await;
            }
        })
    }
}

pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) doors: Arc<Doors>,
    keys: TempDir,
    count: u128,
}

pub(crate) struct Node {
    pub(crate) store: Store,
    pub(crate) engine: Engine,
    _dir: TempDir,
}

impl World {
    /// A database that is set up, with so many hubs of one door each.
    pub(crate) async fn new(hubs: u128) -> Self {
        let database = Database::create().unwrap();
        let world = Self { database, doors: Arc::default(), keys: tempfile::tempdir().unwrap(), count: hubs };
        let (store, _dir) = world.open();
        store.commit(Change::SetUp(Box::new(set_up()))).await.unwrap();
        for n in 1..hubs {
            let created = Change::AccountCreated { account: Box::new(hub(n)), events: Vec::new() };
            store.commit(created).await.unwrap();
            store.commit(Change::DeviceSeen { device: Box::new(device(n)), events: Vec::new() }).await.unwrap();
        }
        store.close().await;
        world
    }

    fn open(&self) -> (Store, TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let options = OpenOptions {
            role: Role::Node,
            database_url: Some(self.database.url()),
            key_file: Some(self.keys.path().join("secrets.key")),
            ..OpenOptions::new(dir.path())
        };
        (thumbturn_store::open(options).unwrap(), dir)
    }

    pub(crate) async fn node(&self) -> Node {
        self.node_with(EngineSettings::default()).await
    }

    pub(crate) async fn node_with(&self, settings: EngineSettings) -> Node {
        let (store, dir) = self.open();
        let clock: Arc<dyn Clock> = Arc::new(RealClock(Instant::now()));
        let driver = Builder { doors: Arc::clone(&self.doors), clock: Arc::clone(&clock) };
        let drivers = HashMap::from([(Provider::Sandbox, Arc::new(driver) as Arc<dyn Driver>)]);
        let engine = Engine::start(Arc::new(store.clone()), clock, drivers, settings).await.unwrap();
        engine.settled(PATIENCE).await;
        Node { store, engine, _dir: dir }
    }

    /// Which node has which accounts, once each has one of these.
    pub(crate) async fn owners(&self, nodes: &[&Node]) -> BTreeMap<AccountId, NodeId> {
        within(async || {
            let mut owners = BTreeMap::new();
            for n in 0..self.count {
                for node in nodes {
                    if node.engine.owner_of(account(n)).await.unwrap() == Owner::Here {
                        let other = owners.insert(account(n), node.id());
                        assert_eq!(other, None, "two nodes serve {}", account(n));
                    }
                }
            }
            (owners.len() as u128 == self.count).then_some(owners)
        })
        .await
    }

    /// Everything that must hold in the end: every attempt has ended, with one event of it, and was commanded once at most
    /// and not after its deadline.
    pub(crate) async fn judge(&self, store: &Store, deadline: Duration) {
        let attempts = within(async || {
            let all = store.attempts(&everything(), &AttemptFilter::default(), PageRequest::first(100_000)).await;
            let all = all.unwrap().items;
            all.iter().all(|attempt| attempt.outcome.is_some()).then_some(all)
        })
        .await;
        assert_eq!(self.doors.commanded_twice(), [], "nothing is commanded twice");
        let filter = EventFilter::default();
        let events = store.events(&everything(), &filter, 100_000, 0).await.unwrap();
        for attempt in &attempts {
            let of_it = |kind: &thumbturn_core::events::EventKind| matches!(kind, thumbturn_core::events::EventKind::AttemptEnded { attempt: id, .. } if *id == attempt.id);
            assert_eq!(events.iter().filter(|stored| of_it(&stored.event.kind)).count(), 1, "{attempt:?}");
            let commanded = self.doors.commanded(attempt.id);
            if let Some((_, at)) = commanded {
                let late = at.duration_since(attempt.created_at).unsigned_abs();
                assert!(late < deadline, "{attempt:?} was commanded after {late:?}");
            }
            if attempt.outcome == Some(Outcome::Success { confirmed: true }) {
                assert!(commanded.is_some(), "{attempt:?} was confirmed and never commanded");
            }
        }
    }
}

impl Node {
    pub(crate) fn id(&self) -> NodeId {
        *self.store.nodes().unwrap().node().borrow()
    }

    pub(crate) async fn begin(&self, n: u128, to: Bolt) -> Result<Ticket, BeginError> {
        self.command(n, Command::Move(to)).await
    }

    pub(crate) async fn command(&self, n: u128, command: Command) -> Result<Ticket, BeginError> {
        let route = self.store.route(door(n)).await.unwrap();
        self.engine.begin(&everything(), route.as_ref(), command, None).await
    }

    /// The end of an attempt, as this node tells whoever waits for it.
    pub(crate) async fn end_of(&self, ticket: Ticket) -> Outcome {
        let told = tokio::time::timeout(PATIENCE, outcome_of(ticket.outcome)).await;
        let kept = self.attempt(ticket.attempt.id).await;
        told.unwrap_or_else(|_| panic!("nobody tells the end of {kept:?}")).unwrap()
    }

    pub(crate) async fn attempt(&self, id: AttemptId) -> Attempt {
        self.store.attempt(&everything(), id).await.unwrap().unwrap()
    }
}

/// Asks until there is an answer.
pub(crate) async fn within<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap()
}

fn set_up() -> SetUp {
    SetUp {
        operator: OperatorId(Uuid::from_u128(9)),
        workspace: Workspace {
            id: WORKSPACE,
            name: "House".to_owned(),
            company_name: "Doors".to_owned(),
            is_sandbox: true,
            is_suspended: false,
            publishable_key_enabled: false,
            publishable_key: None,
            customization: "{}".to_owned(),
            created_at: Timestamp::now(),
        },
        keys: Vec::new(),
        account: hub(0),
        devices: vec![device(0)],
        events: Vec::new(),
    }
}

fn hub(n: u128) -> Account {
    Account {
        id: account(n),
        workspace: WORKSPACE,
        provider: Provider::Sandbox,
        display_name: format!("Hub {n}"),
        hub_key: format!("hub-{n}"),
        config: "{}".to_owned(),
        custom_metadata: "{}".to_owned(),
        customer_key: None,
        manages_new_devices: true,
        link: LinkState::Connecting,
        first_sync_done: false,
        created_at: Timestamp::now(),
    }
}

fn device(n: u128) -> Device {
    Device {
        id: door(n),
        workspace: WORKSPACE,
        account: account(n),
        provider: Provider::Sandbox,
        about: about(account(n)),
        nickname: None,
        custom_metadata: "{}".to_owned(),
        is_managed: true,
        time_zone: None,
        state: DeviceState::default(),
        created_at: Timestamp::now(),
    }
}
