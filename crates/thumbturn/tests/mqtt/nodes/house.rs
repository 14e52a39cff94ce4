//! Three nodes, their database, brokers and locks, and what happens to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use rustix::process::Signal;
use thumbturn_locksim::{Bolt, LockSpec, Mosquitto, Sim, SimConfig};
use thumbturn_testdb::{Database, Server as Postgres, Settings, Stop};
use tokio::task::JoinHandle;

use super::callers::{Addresses, Caller, Told};
use super::judge::judge;
use crate::kills::record::{Clocks, End, Record};
use crate::server::Server;

const NODES: usize = 3;
/// Hubs, each with a broker of its own and so many locks.
const HUBS: usize = 3;
const LOCKS: usize = 2;
/// Longer than a lease.
const PAUSE: Duration = Duration::from_millis(6_500);
/// A hub whose node is gone has another one within this time.
const TAKEOVER: Duration = Duration::from_secs(10);
/// What is left at the end has ended within this time: a deadline, or a takeover and a read, on a busy machine.
const SETTLES: Duration = Duration::from_secs(60);

/// What it came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub(super) attempts: usize,
    pub(super) commands: usize,
    pub(super) confirmed: usize,
    pub(super) unknown: usize,
    pub(super) elsewhere: usize,
    pub(super) takeover: Duration,
}

pub(super) struct House {
    seed: u64,
    chance: Xoshiro256PlusPlus,
    clocks: Clocks,
    nodes: Vec<Server>,
    addresses: Addresses,
    brokers: Vec<Mosquitto>,
    sims: Vec<Sim>,
    /// The name and the id of each lock, and its hub.
    devices: Vec<(String, String, usize)>,
    takeover: Duration,
    /// After the nodes, which use it.
    database: Database,
    postgres: Option<Postgres>,
}

impl House {
    /// Lives through so many troubles.
    pub(super) async fn live(seed: u64, troubles: usize) -> Sum {
        let mut house = Self::new(seed).await;
        let (stop, callers) = house.callers();
        for trouble in 0..troubles {
            tokio::time::sleep(Duration::from_millis(house.chance.random_range(500..2_000))).await;
            house.trouble(trouble).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.store(true, Ordering::Release);
        let mut told = Vec::new();
        for caller in callers {
            told.push(caller.await.unwrap());
        }
        let sum = house.settle(&told).await;
        house.obey().await;
        sum
    }

    async fn new(seed: u64) -> Self {
        let mut chance = Xoshiro256PlusPlus::seed_from_u64(seed);
        let clocks = Clocks::now();
        let settings = Settings { durable: true, ..Settings::default() };
        let postgres = tokio::task::spawn_blocking(|| Postgres::start(settings).unwrap()).await.unwrap();
        let database = postgres.database().unwrap();
        let settings =
            [("THUMBTURN_DATABASE_URL", database.url()), ("THUMBTURN_DATABASE__SEVERAL_NODES", "true".to_owned())];
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let first = Server::start(&settings).await;
        let (mut brokers, mut sims, mut devices) = (Vec::new(), Vec::new(), Vec::new());
        for hub in 0..HUBS {
            let broker = Mosquitto::start().await.unwrap();
            let mut name = |n: usize| {
                let mut lock = LockSpec::new(format!("lock-{hub}-{n}"));
                lock.motor = Duration::from_millis(chance.random_range(20..400));
                lock
            };
            let locks: Vec<LockSpec> = (0..LOCKS).map(&mut name).collect();
            let sim = Sim::start(broker.broker(), SimConfig::zigbee2mqtt(1).locks(locks)).await.unwrap();
            first.connect(broker.broker()).await;
            for lock in sim.locks() {
                devices.push((lock.first_name().to_owned(), first.lock(lock.first_name()).await, hub));
            }
            brokers.push(broker);
            sims.push(sim);
        }
        let mut nodes = vec![first];
        while nodes.len() < NODES {
            let node = nodes[0].beside().await;
            nodes.push(node);
        }
        let (addresses, takeover) = (Addresses::default(), Duration::ZERO);
        let postgres = Some(postgres);
        let house =
            Self { seed, chance, clocks, nodes, addresses, brokers, sims, devices, takeover, database, postgres };
        house.tell_addresses();
        house
    }

    fn tell_addresses(&self) {
        self.addresses.are(self.nodes.iter().map(|node| node.address_and_key().0).collect());
    }

    fn callers(&mut self) -> (Arc<AtomicBool>, Vec<JoinHandle<Told>>) {
        let stop = Arc::new(AtomicBool::new(false));
        let api_key = self.nodes[0].address_and_key().1;
        let mut callers = Vec::new();
        for (name, device, _) in &self.devices {
            for n in 0..2 {
                let caller = Caller {
                    device: device.clone(),
                    name: format!("{name}-{n}"),
                    nodes: self.addresses.clone(),
                    api_key: api_key.clone(),
                    stop: Arc::clone(&stop),
                    clocks: self.clocks,
                };
                let chance = Xoshiro256PlusPlus::seed_from_u64(self.chance.random());
                callers.push(tokio::spawn(caller.calls(chance)));
            }
        }
        (stop, callers)
    }

    /// One of each in turn, at a node by chance.
    async fn trouble(&mut self, which: usize) {
        let at = self.chance.random_range(0..NODES);
        match which % 4 {
            0 => self.kill(at).await,
            1 => self.pause(at).await,
            2 => self.cut_off(at),
            _ => self.restart_database().await,
        }
    }

    /// `kill -9`; half of the dead nodes come back at once, the others after their hubs were taken over.
    async fn kill(&mut self, at: usize) {
        let node = std::fs::read_to_string(self.nodes[at].folder().join("thumbturn.lock")).unwrap();
        self.nodes[at].kill();
        if self.chance.random() {
            self.measure_takeover(&node).await;
        }
        self.nodes[at].serve().await;
        self.tell_addresses();
    }

    /// Nothing of it runs until long after its lease; then it goes on in the middle of whatever it did.
    async fn pause(&mut self, at: usize) {
        self.nodes[at].signal(Signal::STOP);
        tokio::time::sleep(PAUSE).await;
        self.nodes[at].signal(Signal::CONT);
    }

    /// Ends the writing connection of a node, and by chance all connections of all nodes.
    fn cut_off(&mut self, at: usize) {
        let whose = if self.chance.random_ratio(1, 3) {
            "application_name LIKE 'thumbturn %'".to_owned()
        } else {
            format!("pid = (SELECT backend_pid FROM writers WHERE NOT ended ORDER BY id OFFSET {at} LIMIT 1)")
        };
        let sql = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {whose}");
        self.database.run(&sql).unwrap();
    }

    async fn restart_database(&mut self) {
        let how = if self.chance.random() { Stop::Fast } else { Stop::Crash };
        let mut postgres = self.postgres.take().unwrap();
        let restarting = tokio::task::spawn_blocking(move || {
            postgres.stop(how).unwrap();
            postgres.run().unwrap();
            postgres
        });
        self.postgres = Some(restarting.await.unwrap());
    }

    /// How long until every hub has a node, and none has this dead one. Asked of the database: the nodes are busy.
    async fn measure_takeover(&mut self, dead: &str) {
        let began = Instant::now();
        let every = &format!(
            "DO $$ BEGIN IF EXISTS (SELECT 1 FROM accounts a WHERE NOT EXISTS (SELECT 1 FROM account_owners o \
             JOIN writers w ON w.id = o.node_id WHERE o.account_id = a.id AND NOT w.ended AND w.id <> '{dead}')) \
             THEN RAISE 'free'; END IF; END $$"
        );
        while self.database.run(every).is_err() {
            assert!(began.elapsed() < TAKEOVER, "NODES_SEED={} a hub has no node", self.seed);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.takeover = self.takeover.max(began.elapsed());
    }

    /// Waits until all attempts have ended, and judges everything that happened.
    async fn settle(&self, told: &[Told]) -> Sum {
        let mut sum = Sum { takeover: self.takeover, ..Sum::default() };
        let began = Instant::now();
        for (place, (name, device, hub)) in self.devices.iter().enumerate() {
            let told: Told = told[2 * place..2 * place + 2]
                .iter()
                .flatten()
                .map(|(id, known)| (id.clone(), known.clone()))
                .collect();
            let mut record = loop {
                let record = Record::of(&self.sims[*hub].lock(name), device, &self.nodes[0], &[0], self.clocks).await;
                if record.attempts.iter().all(|attempt| attempt.end.is_some()) || began.elapsed() > SETTLES {
                    break record;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            };
            record.look_up_commands(&self.nodes[0]).await;
            let broken = judge(&record, &told);
            assert!(broken.is_empty(), "NODES_SEED={} {name}: {broken:#?} in {record:#?}", self.seed);
            let ends = |wanted: &dyn Fn(&End) -> bool| {
                record.attempts.iter().filter(|attempt| attempt.end.as_ref().is_some_and(wanted)).count()
            };
            sum.attempts += record.attempts.len();
            sum.commands += record.commands.len();
            sum.confirmed += ends(&|end| *end == End::Confirmed);
            sum.unknown += ends(&|end| *end == End::Error("outcome_unknown".to_owned()) || *end == End::Unconfirmed);
        }
        sum.elsewhere = self.elsewhere();
        sum
    }

    /// How many attempts were accepted by another node than the one that served their hub.
    fn elsewhere(&self) -> usize {
        let mut count = 0;
        // A number cannot be asked for, but whether there are more than so many.
        let more = |than: usize| {
            let sql = format!(
                "DO $$ BEGIN IF (SELECT COUNT(*) FROM attempts WHERE waits_since IS NOT NULL) <= {than} \
                 THEN RAISE 'no more'; END IF; END $$"
            );
            self.database.run(&sql).is_ok()
        };
        let mut step = 1 << 16;
        while step > 0 {
            if more(count + step - 1) {
                count += step;
            }
            step /= 2;
        }
        count
    }

    /// After all of it every lock still obeys, whichever node is asked.
    async fn obey(&self) {
        for (n, (name, device, hub)) in self.devices.iter().enumerate() {
            let is_locked = self.sims[*hub].lock(name).bolt() == Bolt::Locked;
            let path = if is_locked { "/locks/unlock_door" } else { "/locks/lock_door" };
            let attempt = self.nodes[n % NODES].act(path, device).await;
            assert_eq!(End::of(&attempt), Some(End::Confirmed), "NODES_SEED={} {attempt}", self.seed);
        }
        assert_eq!(self.brokers.len(), HUBS);
    }
}
