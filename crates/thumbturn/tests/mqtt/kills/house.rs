//! A server with its locks, killed again and again.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use thumbturn_locksim::{Bolt, LockSpec, Mosquitto, Sim, SimConfig};
use thumbturn_testdb::Database;
use tokio::task::JoinHandle;

use super::Sum;
use super::callers::{Answer, Call, Caller};
use super::judge::judge;
use super::record::{Clocks, End, Record, Time, id};
use crate::server::Server;

const LOCKS: usize = 6;
/// Commands that were on their way at a kill have come when none came for so long.
const QUIET: Duration = Duration::from_millis(300);

pub(super) struct House {
    seed: u64,
    sim: Sim,
    server: Server,
    /// The name and the id of each lock.
    devices: Vec<(String, String)>,
    chance: Xoshiro256PlusPlus,
    clocks: Clocks,
    /// When each life of the server began.
    lives: Vec<Time>,
    /// Every attempt that was acknowledged, by its lock, with its end if that was told.
    told: Vec<HashMap<String, Option<End>>>,
    sum: Sum,
    /// After the server, which uses it.
    _database: Option<Database>,
}

impl House {
    /// Lives until the server was killed so many times.
    pub(super) async fn live(seed: u64, kills: usize, on_postgres: bool) -> Sum {
        let broker = Mosquitto::start().await.unwrap();
        let mut house = Self::new(seed, &broker, on_postgres).await;
        while house.sum.kills < kills {
            house.one_round().await;
        }
        house.settle().await;
        house.obey().await;
        house.sum
    }

    async fn new(seed: u64, broker: &Mosquitto, on_postgres: bool) -> Self {
        let mut chance = Xoshiro256PlusPlus::seed_from_u64(seed);
        let clocks = Clocks::now();
        let motors = |lock: &mut LockSpec| lock.motor = Duration::from_millis(chance.random_range(20..1200));
        let sim = Sim::start(broker.broker(), SimConfig::zigbee2mqtt(LOCKS).each(motors)).await.unwrap();
        let database = on_postgres.then(|| Database::create().unwrap());
        let url = database.as_ref().map_or_else(String::new, Database::url);
        let server = Server::start(&[("THUMBTURN_DATABASE_URL", &url)]).await;
        server.connect(broker.broker()).await;
        let mut devices = Vec::new();
        for lock in sim.locks() {
            devices.push((lock.first_name().to_owned(), server.lock(lock.first_name()).await));
        }
        let told = vec![HashMap::new(); devices.len()];
        let lives = vec![clocks.at(Instant::now())];
        Self { seed, sim, server, devices, chance, clocks, lives, told, sum: Sum::default(), _database: database }
    }

    /// Half of the rounds begin when everything has ended, half in the middle of the recovery. Half of the lives are
    /// short.
    async fn one_round(&mut self) {
        if self.chance.random() {
            self.settle().await;
        }
        let (stop, callers) = self.callers();
        let longest = if self.chance.random() { 500 } else { 5000 };
        tokio::time::sleep(Duration::from_millis(self.chance.random_range(20..longest))).await;
        self.server.kill();
        self.sum.kills += 1;
        stop.store(true, Ordering::Release);
        let mut calls = Vec::new();
        for caller in callers {
            calls.push(caller.await.unwrap());
        }
        self.quiet().await;
        while self.chance.random_ratio(1, 3) {
            self.lives.push(self.clocks.at(Instant::now()));
            self.server.serve_briefly(Duration::from_millis(self.chance.random_range(0..300))).await;
            self.sum.kills += 1;
            self.quiet().await;
        }
        self.lives.push(self.clocks.at(Instant::now()));
        self.server.serve().await;
        self.call_again(calls).await;
    }

    /// Two callers at each lock, in the order of the locks.
    fn callers(&mut self) -> (Arc<AtomicBool>, Vec<JoinHandle<Vec<Call>>>) {
        let stop = Arc::new(AtomicBool::new(false));
        let (address, api_key) = self.server.address_and_key();
        let mut callers = Vec::new();
        for (name, device) in &self.devices {
            for waits in [true, false] {
                let caller = Caller {
                    device: device.clone(),
                    name: format!("{}-{name}-{waits}", self.lives.len()),
                    address: address.clone(),
                    api_key: api_key.clone(),
                    waits,
                    stop: Arc::clone(&stop),
                };
                let chance = Xoshiro256PlusPlus::seed_from_u64(self.chance.random());
                callers.push(tokio::spawn(caller.calls(chance)));
            }
        }
        (stop, callers)
    }

    /// What was on its way to the locks has arrived.
    async fn quiet(&self) {
        let count = || self.sim.locks().iter().map(|lock| lock.commands().len()).sum::<usize>();
        let (mut commands, mut since) = (count(), Instant::now());
        while since.elapsed() < QUIET {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let now = count();
            if now != commands {
                (commands, since) = (now, Instant::now());
            }
        }
    }

    /// Whoever got no answer asks again under the same key, and so do some who got one. No key is taken twice.
    async fn call_again(&mut self, calls: Vec<Vec<Call>>) {
        let (address, api_key) = self.server.address_and_key();
        for (caller, calls) in calls.into_iter().enumerate() {
            for call in calls {
                let told = &mut self.told[caller / 2];
                match &call.answer {
                    Answer::Refused => continue,
                    Answer::Attempt(attempt) => {
                        told.insert(id(attempt), End::of(attempt));
                        if !self.chance.random_ratio(1, 5) {
                            continue;
                        }
                    }
                    Answer::None => {}
                }
                let again = call.again(&address, &api_key).await;
                let end = told.entry(id(&again)).or_default();
                *end = end.take().or(End::of(&again));
            }
        }
    }

    /// Waits until all attempts have ended, and judges everything that happened so far.
    async fn settle(&mut self) {
        let mut records = Vec::new();
        for ((name, device), told) in self.devices.iter().zip(&self.told) {
            let record = self.ended(name, device).await;
            let broken = judge(&record, told);
            assert!(broken.is_empty(), "KILL_SEED={} {name}: {broken:#?} in {record:#?}", self.seed);
            records.push(record);
        }
        self.show_the_bolts().await;
        self.sum.attempts = self.told.iter().map(HashMap::len).sum();
        self.sum.commands = records.iter().map(|record| record.commands.len()).sum();
        self.sum.left_over = records.iter().map(Record::left_over).sum();
        let confirmed = |record: &Record| record.attempts.iter().filter(|one| one.end == Some(End::Confirmed)).count();
        self.sum.confirmed = records.iter().map(confirmed).sum();
    }

    /// The lock, once all of its attempts have ended or one is overdue.
    async fn ended(&self, name: &str, device: &str) -> Record {
        let lock = self.sim.lock(name);
        loop {
            let record = Record::of(&lock, device, &self.server, &self.lives, self.clocks).await;
            let now = self.clocks.at(Instant::now());
            let mut pending = record.attempts.iter().filter(|attempt| attempt.end.is_none()).peekable();
            if pending.peek().is_none() || pending.any(|attempt| now > record.ends_by(attempt)) {
                return record;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the server shows of each bolt becomes what it is.
    async fn show_the_bolts(&self) {
        for (name, _) in &self.devices {
            let lock = self.sim.lock(name);
            let is_so = |device: &Value| device["properties"]["locked"] == (lock.bolt() == Bolt::Locked);
            self.server.device(name, is_so).await;
        }
    }

    /// After all of it every lock still obeys.
    async fn obey(&self) {
        let moves = self.devices.iter().map(async |(name, device)| {
            let is_locked = self.sim.lock(name).bolt() == Bolt::Locked;
            let path = if is_locked { "/locks/unlock_door" } else { "/locks/lock_door" };
            let attempt = self.server.act(path, device).await;
            assert_eq!(End::of(&attempt), Some(End::Confirmed), "{attempt}");
        });
        futures::future::join_all(moves).await;
    }
}
