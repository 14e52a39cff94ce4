//! Who calls while the server lives: people at every lock, and somebody who makes checkpoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rusqlite::{Connection, OpenFlags};
use thumbturn_core::change::{IdempotencyClaim, IdempotencyKey};
use thumbturn_core::commands::Command;
use thumbturn_core::hub::{BeginError, Engine, EngineSettings, Ticket, outcome_of};
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::{Bolt, Route};
use thumbturn_core::ports::Clock as _;
use thumbturn_powercut::VFS;
use thumbturn_simulate::SimClock;
use thumbturn_store::{DATABASE_FILE, Store};

use crate::hardware::{LOCKS, number_of};
use crate::ledger::{Acknowledged, Broken};
use crate::life::{ACCOUNT, Cut, Life, Stopped, WORKSPACE, scope};

const CALLERS_PER_LOCK: u64 = 3;
const REPLAYS: usize = 3;

/// What callers see of a life.
pub(crate) struct House {
    life: Arc<Life>,
    clock: Arc<SimClock>,
    store: Store,
    engine: Arc<Engine>,
    is_closing: AtomicBool,
}

impl House {
    pub(crate) fn new(life: Arc<Life>, clock: Arc<SimClock>, store: Store, engine: Arc<Engine>) -> Arc<Self> {
        Arc::new(Self { life, clock, store, engine, is_closing: AtomicBool::new(false) })
    }

    /// Nobody calls any more.
    pub(crate) fn closing(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
    }

    fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    fn chance(&self, of: u64) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(self.life.seed ^ (of << 32))
    }

    /// The routes of all locks, once the hub has told of them.
    async fn routes(&self) -> Result<Vec<Route>, Stopped> {
        loop {
            let mut devices = thumbturn_core::ports::Store::devices_of(&self.store, ACCOUNT).await?;
            if devices.len() == LOCKS {
                devices.sort_by_key(number_of);
                return Ok(devices.iter().map(thumbturn_core::devices::Device::route).collect());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn begin(&self, route: &Route, wanted: Bolt, key: Option<&str>) -> Result<Ticket, BeginError> {
        let claim = key.map(|key| IdempotencyClaim {
            workspace: WORKSPACE,
            credential: "api_key",
            path: "/locks/unlock_door",
            key: IdempotencyKey(key.to_owned()),
            body_hash: "0".to_owned(),
            at: self.clock.now().wall,
        });
        self.engine.begin(&scope(), Some(route), Command::Move(wanted), claim).await
    }

    /// Waits for the end of an attempt, and notes it.
    async fn watch(self: Arc<Self>, ticket: Ticket) {
        let id = ticket.attempt.id;
        let accepted = ticket.attempt.created_at;
        let Some(outcome) = outcome_of(ticket.outcome).await else { return };
        self.life.ledger.told(id, outcome);
        let took = self.clock.now().wall.duration_since(accepted);
        let deadline = jiff::SignedDuration::try_from(EngineSettings::default().deadline).unwrap();
        if took > deadline + jiff::SignedDuration::from_secs(1) {
            self.life.ledger.broken(Broken::Late(id));
        }
    }
}

/// Starts everybody.
pub(crate) async fn open_the_doors(house: &Arc<House>) -> Result<(), Stopped> {
    let routes = house.routes().await?;
    tokio::spawn(replays(Arc::clone(house), routes.clone()));
    tokio::spawn(checkpoints(Arc::clone(house)));
    for (lock, route) in routes.into_iter().enumerate() {
        for caller in 0..CALLERS_PER_LOCK {
            let seed = 1 + lock as u64 * CALLERS_PER_LOCK + caller;
            tokio::spawn(caller_at(Arc::clone(house), lock, route.clone(), seed));
        }
    }
    Ok(())
}

/// Locks and unlocks, with and without a key, waiting for the end or not.
async fn caller_at(house: Arc<House>, lock: usize, route: Route, seed: u64) {
    let mut chance = house.chance(seed);
    for n in 0.. {
        tokio::time::sleep(Duration::from_millis(chance.random_range(0..600))).await;
        if house.is_closing() {
            return;
        }
        let wanted = if chance.random() { Bolt::Locked } else { Bolt::Unlocked };
        let key = chance.random::<bool>().then(|| format!("{}-{seed}-{n}", house.life.number));
        match house.begin(&route, wanted, key.as_deref()).await {
            Ok(ticket) => {
                let acknowledged = Acknowledged { life: house.life.number, lock, key, told: None };
                house.life.ledger.acknowledge(ticket.attempt.id, acknowledged);
                let end = tokio::spawn(Arc::clone(&house).watch(ticket));
                if chance.random_ratio(2, 3) {
                    let _ = end.await;
                }
            }
            Err(BeginError::Busy | BeginError::Stopping | BeginError::Store(_)) => {}
            Err(error) => house.life.ledger.broken(Broken::Refused(error.to_string())),
        }
    }
}

/// Callers that got no answer before the cut, or that did, ask again under the same key.
async fn replays(house: Arc<House>, routes: Vec<Route>) {
    let earlier: Vec<(AttemptId, usize, String)> = {
        let entries = house.life.ledger.open();
        let keyed = entries.attempts.iter().rev().filter(|(_, attempt)| attempt.life < house.life.number);
        let keyed = keyed.filter_map(|(id, attempt)| Some((*id, attempt.lock, attempt.key.clone()?)));
        keyed.take(REPLAYS).collect()
    };
    for (id, lock, key) in earlier {
        loop {
            match house.begin(&routes[lock], Bolt::Unlocked, Some(&key)).await {
                Ok(_) => house.life.ledger.broken(Broken::KeyTwice(id)),
                Err(BeginError::Busy) if !house.is_closing() => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
                Err(_) => {}
            }
            break;
        }
    }
}

/// A checkpoint now and then: the writer makes one every 40 MB, which no story comes to.
async fn checkpoints(house: Arc<House>) {
    let mut chance = house.chance(0);
    loop {
        tokio::time::sleep(Duration::from_millis(chance.random_range(500..6000))).await;
        if house.is_closing() {
            return;
        }
        if let Cut::InCheckpoint(operation) = house.life.cut {
            house.life.disk.cut_at(operation);
        }
        let path = house.life.folder.join(DATABASE_FILE);
        let kind = ["PASSIVE", "FULL", "RESTART", "TRUNCATE"][chance.random_range(0..4)];
        let _ = tokio::task::spawn_blocking(move || checkpoint(&path, kind)).await;
    }
}

/// It may find others at work, or no power.
fn checkpoint(path: &std::path::Path, kind: &str) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags_and_vfs(path, flags, VFS)?;
    connection.busy_timeout(Duration::from_millis(2))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.query_row(&format!("PRAGMA wal_checkpoint({kind})"), [], |_| Ok(()))
}
