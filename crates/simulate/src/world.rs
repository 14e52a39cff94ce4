//! One story: a server with its store, some hubs with locks, people who command them, and what goes wrong.

use std::collections::HashMap;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::executor::block_on;
use thumbturn_core::accounts::{Account, LinkState, Provider};
use thumbturn_core::change::{Change, SetUp};
use thumbturn_core::devices::Device;
use thumbturn_core::hub::{Engine, EngineSettings};
use thumbturn_core::ids::{AccountId, OperatorId, WorkspaceId};
use thumbturn_core::ports::{Clock, Driver, Store as _};
use thumbturn_core::scope::Scope;
use thumbturn_core::workspaces::Workspace;
use thumbturn_store::{AttemptFilter, EventFilter, OpenOptions, PageRequest, Store};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::clock::SimClock;
use crate::dice::Dice;
use crate::disk::{Disk, Health};
use crate::judge::{Counts, Judge};
use crate::life::Life;
use crate::people;
use crate::town::driver::SimDriver;
use crate::town::hub::Hub;
use crate::town::lock::{Manners, SimLock};

/// The deadline of every attempt: the default.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// How often the judge looks whether everything ends in time.
const LOOK_MS: u64 = 2_000;

/// How long a healed town takes to come to rest.
const REST_MS: u64 = 120_000;

/// What one story is made of.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Decides everything.
    pub seed: u64,
    /// How many attempts are to be accepted, about.
    pub cycles: u64,
    /// Something goes wrong around one in so many commands; 0: never.
    pub trouble_every: u64,
    /// How many hubs.
    pub hubs: usize,
    /// How many locks each hub has.
    pub locks: usize,
}

/// How a story ended.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What was counted.
    pub counts: Counts,
    /// Everything that was not true, with its story; empty if all is well.
    pub untruths: Vec<String>,
    /// The same for the same seed.
    pub digest: u64,
}

/// A story could not be told: the machine failed, not the product.
#[derive(Debug, thiserror::Error)]
pub enum CannotTell {
    /// Files or threads.
    #[error("the simulation cannot use this machine: {0}")]
    Machine(#[from] std::io::Error),
    /// The store.
    #[error("the simulation's store failed: {0}")]
    Store(Box<dyn std::error::Error + Send + Sync>),
}

impl CannotTell {
    fn store(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Store(Box::new(error))
    }
}

/// A server in one of its lives.
pub(crate) struct Server {
    pub(crate) engine: Arc<Engine>,
    pub(crate) life: Arc<Life>,
    disk: Arc<Disk>,
}

/// Everything that the people of a story reach.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) judge: Arc<Judge>,
    pub(crate) hubs: Arc<Vec<Arc<Hub>>>,
    pub(crate) health: Arc<Mutex<Health>>,
    server: Mutex<Option<Arc<Server>>>,
    started: Notify,
    pub(crate) workspace: WorkspaceId,
}

/// Tells one story to its end, or to its first untruth.
///
/// # Errors
/// [`CannotTell`] if the machine fails.
pub fn tell(plan: Plan, folder: &Path) -> Result<Verdict, CannotTell> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let dir = tempfile::Builder::new().prefix("simulate").tempdir_in(folder)?;
    let verdict = runtime.block_on(story(plan, dir.path()));
    runtime.shutdown_background();
    verdict
}

async fn story(plan: Plan, dir: &Path) -> Result<Verdict, CannotTell> {
    let world = Arc::new(World::new(plan));
    world.set_up(dir)?;
    let failed = Arc::new(Mutex::new(None));
    let (world_too, dir_too, failed_too) = (Arc::clone(&world), dir.to_owned(), Arc::clone(&failed));
    tokio::spawn(async move {
        let ended = world_too.serve(&dir_too).await;
        *failed_too.lock().unwrap_or_else(PoisonError::into_inner) = ended.err();
    });
    let people = people::start(&world);
    while !people.are_done() && world.judge.is_satisfied() {
        world.clock.pass(LOOK_MS).await;
        world.judge.check_liveness();
        if let Some(error) = failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
    }
    if world.judge.is_satisfied() {
        world.come_to_rest().await?;
    }
    let (counts, untruths, digest) = world.judge.verdict();
    Ok(Verdict { counts, untruths, digest })
}

impl World {
    fn new(plan: Plan) -> Self {
        let clock = Arc::new(SimClock::new());
        let workspace = WorkspaceId(Uuid::from_u128(1));
        let mut witnesses = Vec::new();
        let hubs: Vec<Arc<Hub>> = (0..plan.hubs)
            .map(|hub| {
                let locks = (0..plan.locks).map(|n| lock(&plan, hub * plan.locks + n)).collect::<Vec<_>>();
                witnesses.extend(locks.iter().map(|lock| (lock.about.native.clone(), lock.manners, lock.door.clone())));
                Arc::new(Hub::new(Arc::clone(&clock), account(workspace, hub), locks))
            })
            .collect();
        let judge = Arc::new(Judge::new(Arc::clone(&clock), witnesses));
        Self {
            plan,
            clock,
            judge,
            hubs: Arc::new(hubs),
            health: Arc::default(),
            server: Mutex::new(None),
            started: Notify::new(),
            workspace,
        }
    }

    fn open(&self, dir: &Path) -> Result<Store, CannotTell> {
        self.clock.now();
        let options = OpenOptions { readers: 1, clock: self.clock.for_store(), ..OpenOptions::new(dir) };
        thumbturn_store::open(options).map_err(CannotTell::store)
    }

    fn set_up(&self, dir: &Path) -> Result<(), CannotTell> {
        let store = self.open(dir)?;
        let now = self.clock.now().wall;
        let mut accounts = self.hubs.iter().map(|hub| hub.account.clone());
        let Some(first) = accounts.next() else { return Ok(()) };
        let workspace = Workspace {
            id: self.workspace,
            name: "Town".to_owned(),
            company_name: String::new(),
            is_sandbox: true,
            is_suspended: false,
            publishable_key_enabled: false,
            publishable_key: None,
            customization: "{}".to_owned(),
            created_at: now,
        };
        let set_up = SetUp {
            operator: OperatorId(Uuid::from_u128(2)),
            workspace,
            keys: Vec::new(),
            account: first,
            devices: Vec::new(),
            events: Vec::new(),
        };
        block_on(store.commit(Change::SetUp(Box::new(set_up)))).map_err(CannotTell::store)?;
        for account in accounts {
            let created = Change::AccountCreated { account: Box::new(account), events: Vec::new() };
            block_on(store.commit(created)).map_err(CannotTell::store)?;
        }
        Ok(())
    }

    /// Starts the server, and again after each crash.
    async fn serve(&self, dir: &Path) -> Result<(), CannotTell> {
        let mut dice = Dice::new(self.plan.seed, 1_000_001);
        for number in 1.. {
            let life = Arc::new(Life::new(number));
            let store = self.open(dir)?;
            block_on(store.begin_run()).map_err(CannotTell::store)?;
            let disk = Disk::new(
                store,
                Arc::clone(&self.clock),
                Arc::clone(&self.judge),
                Arc::clone(&life),
                Arc::clone(&self.health),
            );
            self.judge.life_began(number);
            tokio::select! {
                biased;
                () = life.ended() => {}
                engine = self.engine(&life, &disk) => {
                    // A start that fails (the disk, most likely) is tried again, as a supervisor of the process would.
                    if let Some(engine) = engine {
                        let server = Server { engine: Arc::new(engine), life: Arc::clone(&life), disk: Arc::clone(&disk) };
                        self.runs(Some(Arc::new(server)));
                        life.ended().await;
                    } else {
                        life.end();
                    }
                }
            }
            self.runs(None);
            self.judge.crashed();
            self.judge.halt();
            for hub in &*self.hubs {
                hub.hang_up();
            }
            disk.crash();
            self.clock.pass(dice.between(50, 20_000)).await;
            self.judge.resume();
        }
        Ok(())
    }

    async fn engine(&self, life: &Arc<Life>, disk: &Arc<Disk>) -> Option<Engine> {
        let driver = SimDriver {
            hubs: Arc::clone(&self.hubs),
            life: Arc::clone(life),
            clock: Arc::clone(&self.clock),
            judge: Arc::clone(&self.judge),
        };
        let drivers = HashMap::from([(Provider::Mqtt, Arc::new(driver) as Arc<dyn Driver>)]);
        let clock: Arc<dyn Clock> = self.clock.clone();
        Engine::start(Arc::clone(disk) as _, clock, drivers, EngineSettings::default()).await.ok()
    }

    fn runs(&self, server: Option<Arc<Server>>) {
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = server;
        self.started.notify_waiters();
    }

    /// The server that runs, once one does.
    pub(crate) async fn running(&self) -> Arc<Server> {
        loop {
            let mut started = pin!(self.started.notified());
            started.as_mut().enable();
            let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match server {
                Some(server) => return server,
                None => started.await,
            }
        }
    }

    /// Heals everything, loses each connection once more so that every lock is asked, and compares.
    async fn come_to_rest(&self) -> Result<(), CannotTell> {
        for hub in &*self.hubs {
            hub.heal().await;
        }
        // A server that is about to crash does so now.
        self.clock.pass(REST_MS).await;
        for hub in &*self.hubs {
            hub.heal().await;
            hub.lose(100).await;
        }
        self.clock.pass(REST_MS).await;
        self.judge.check_liveness();
        let server = self.running().await;
        let Some(store) = server.disk.store() else { return Ok(()) };
        let (attempts, events) = self.stored(&store)?;
        self.judge.check_rest(&attempts, &events, &self.devices(&server.disk).await?);
        server.life.end();
        Ok(())
    }

    async fn devices(&self, disk: &Disk) -> Result<Vec<Device>, CannotTell> {
        let mut devices = Vec::new();
        for hub in &*self.hubs {
            devices.extend(disk.devices_of(hub.account.id).await.map_err(CannotTell::store)?);
        }
        Ok(devices)
    }

    fn stored(
        &self,
        store: &Store,
    ) -> Result<(Vec<thumbturn_core::attempts::Attempt>, Vec<thumbturn_core::events::Event>), CannotTell> {
        const ALL: PageRequest = PageRequest::first(1_000_000);
        let scope = Scope::workspace_wide(self.workspace);
        let attempts =
            block_on(store.attempts(&scope, &AttemptFilter::default(), ALL)).map_err(CannotTell::store)?.items;
        let recorded =
            block_on(store.events(&scope, &EventFilter::default(), ALL.limit, 0)).map_err(CannotTell::store)?;
        let events = recorded.into_iter().map(|recorded| recorded.event).collect();
        Ok((attempts, events))
    }
}

fn lock(plan: &Plan, index: usize) -> SimLock {
    let manners = Manners::ALL[index % Manners::ALL.len()];
    SimLock::new(index, manners, Dice::new(plan.seed, u64::try_from(index).unwrap_or(0)))
}

fn account(workspace: WorkspaceId, hub: usize) -> Account {
    let number = u128::try_from(hub).unwrap_or(0);
    Account {
        id: AccountId(Uuid::from_u128(100 + number)),
        workspace,
        provider: Provider::Mqtt,
        display_name: format!("Hub {hub}"),
        hub_key: format!("hub {hub}"),
        config: "{}".to_owned(),
        custom_metadata: "{}".to_owned(),
        customer_key: None,
        manages_new_devices: true,
        link: LinkState::Connecting,
        first_sync_done: false,
        created_at: jiff::Timestamp::constant(1_800_000_000, 0),
    }
}
