//! The two loads, and what must hold while they go on and after them.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::aftermath;
use crate::callers::{Call, Callers, Tally};
use crate::pests;
use crate::server::Server;

const SECONDS: u64 = 3;
const SEED: u64 = 20_261;

/// How much more is asked for than can be done.
const TIMES: f64 = 10.0;

/// How long the capacity is measured.
const CALM: Duration = Duration::from_secs(1);

/// How soon after the load an unlock must be as quick as before.
const RECOVERY: Duration = Duration::from_secs(2);

/// How much memory a load may cost, in MiB: a hundred requests, some hundred connections, caches that fill.
const MEMORY: u64 = 150;

/// Of each kind.
const PESTS: usize = 25;

/// Locks in the second load, beside the first five.
const MORE_LOCKS: usize = 95;

fn setting(name: &str, default: u64) -> u64 {
    let Ok(text) = env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_is_refused_and_nothing_acknowledged_is_lost() {
    let (seconds, seed) = (setting("OVERLOAD_SECONDS", SECONDS), setting("OVERLOAD_SEED", SEED));
    println!("OVERLOAD_SEED={seed} OVERLOAD_SECONDS={seconds}");
    allow_many_connections();
    let mut server = Server::start().await;
    let mut acknowledged = Vec::new();
    let locks = server.devices.clone();
    acknowledged.extend(overload(&server, "slow locks", &locks, seconds, seed).await);
    let locks = quick_locks(&server).await;
    acknowledged.extend(overload(&server, "quick locks", &locks, seconds, seed + 1).await);
    server.stop().await;
    aftermath::examine(&server, &acknowledged);
    println!("{} attempts acknowledged; 0 lost, 0 pending for ever", acknowledged.len());
}

/// Many locks that need no time, so that the server is what cannot keep up.
async fn quick_locks(server: &Server) -> Vec<String> {
    let callers = Callers::of(server);
    for device in &server.devices {
        let quick = json!({"device_id": device, "latency_ms": 0});
        callers.call(Call::new("/thumbturn/sandbox/locks/set", quick)).await.unwrap();
    }
    let more = json!({"provider": "sandbox", "config": {"locks": MORE_LOCKS, "latency_ms": 0}});
    callers.call(Call::new("/thumbturn/connected_accounts/create", more)).await.unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let list = callers.call(Call::list()).await.unwrap();
        let devices = list["devices"].as_array().unwrap();
        let known = devices.iter().filter(|device| device["properties"]["locked"].is_boolean());
        let known: Vec<_> = known.map(|device| device["device_id"].as_str().unwrap().to_owned()).collect();
        if known.len() == MORE_LOCKS + server.devices.len() {
            return known;
        }
        assert!(Instant::now() < until, "{} locks are known", known.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One load, and what must hold; the attempts that were acknowledged.
async fn overload(server: &Server, name: &str, locks: &[String], seconds: u64, seed: u64) -> Vec<(String, String)> {
    let callers = Callers::of(server);
    let usual = usual_latency(&callers, &locks[0]).await;
    let capacity = capacity(&callers, locks).await;
    let mut acknowledged = callers.tally().acknowledged;

    let before = server.memory();
    let watch = MemoryWatch::begin(server);
    let pests = pests::loose(server, PESTS);
    let mut chance = StdRng::seed_from_u64(seed);
    let time = Duration::from_secs(seconds);
    let left = callers.rush(capacity * TIMES, time, |number| some_call(&mut chance, locks, seed, number)).await;
    drop(pests);
    let recovery = recovered(&callers, &locks[0], usual, Instant::now()).await;
    left.join_all().await;
    let (tally, peak) = (callers.tally(), watch.end());

    println!(
        "{name}: capacity {capacity:.0}/s; {} calls in {seconds} s: {:?}, {:?} unanswered, {} stayed away; \
         an unlock takes {usual:?}, and again {recovery:?} after the load; memory {before} MiB, at most {peak} MiB",
        tally.sent, tally.statuses, tally.unanswered, tally.stayed_away,
    );
    judge(&tally);
    assert!(peak <= before + MEMORY, "memory grew from {before} to {peak} MiB");
    acknowledged.extend(tally.acknowledged);
    acknowledged
}

fn judge(tally: &Tally) {
    let strange: Vec<_> = tally.statuses.keys().filter(|status| ![200, 429, 503].contains(*status)).collect();
    assert!(strange.is_empty(), "answered with {strange:?}");
    assert_eq!(tally.refused_without_hint, 0, "a refusal says when to come back");
    assert!(tally.unanswered.is_empty(), "{:?}", tally.unanswered);
    assert!(tally.statuses.contains_key(&200), "nothing at all was done");
    assert!(tally.statuses.contains_key(&503), "that was no overload");
}

fn some_call(chance: &mut StdRng, locks: &[String], seed: u64, number: usize) -> Call {
    let lock = &locks[chance.random_range(0..locks.len())];
    match chance.random_range(0..10) {
        0..5 => Call::unlock(lock).with("prefer", "respond-async"),
        5..8 => Call::unlock(lock),
        8 => Call::unlock(lock).with("idempotency-key", format!("{seed}-{number}")),
        _ => Call::list(),
    }
}

/// The median of a few unlocks while nothing else is going on.
async fn usual_latency(callers: &Callers, lock: &str) -> Duration {
    let mut times = Vec::new();
    for _ in 0..9 {
        times.push(timed_unlock(callers, lock).await.expect("an unlock at rest"));
    }
    times.sort_unstable();
    times[times.len() / 2]
}

async fn timed_unlock(callers: &Callers, lock: &str) -> Option<Duration> {
    let began = Instant::now();
    let answer: Value = callers.call(Call::unlock(lock)).await?;
    (answer["action_attempt"]["status"] == "success").then(|| began.elapsed())
}

/// How many unlocks a second come to an end when two callers take turns at each of some locks.
async fn capacity(callers: &Arc<Callers>, locks: &[String]) -> f64 {
    let (began, done) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let each = locks.iter().cycle().take(locks.len().min(20) * 2).cloned().map(|lock| {
        let (callers, done) = (Arc::clone(callers), Arc::clone(&done));
        tokio::spawn(async move {
            while began.elapsed() < CALM {
                let unlocked = timed_unlock(&callers, &lock).await;
                done.fetch_add(u64::from(unlocked.is_some()), Ordering::Relaxed);
            }
        })
    });
    for task in each.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}

/// How long after `ended` an unlock took no longer than usual. (Twice, and a little for a machine that others use, too.)
async fn recovered(callers: &Callers, lock: &str, usual: Duration, ended: Instant) -> Duration {
    let limit = usual * 2 + Duration::from_millis(50);
    loop {
        let took = timed_unlock(callers, lock).await;
        if took.is_some_and(|took| took <= limit) {
            return ended.elapsed();
        }
        assert!(ended.elapsed() < RECOVERY, "after {:?} an unlock took {took:?}, usually {usual:?}", ended.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Looks at the server's memory now and then.
struct MemoryWatch<'a> {
    server: &'a Server,
    over: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<()>,
}

impl<'a> MemoryWatch<'a> {
    fn begin(server: &'a Server) -> Self {
        let (over, peak) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ended, highest, look) = (Arc::clone(&over), Arc::clone(&peak), server.memory_reader());
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                highest.fetch_max(look(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        Self { server, over, peak, thread }
    }

    fn end(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.peak.load(Ordering::Relaxed).max(self.server.memory())
    }
}

/// As many open files as the system allows this process.
fn allow_many_connections() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let all = rustix::process::Rlimit { current: limit.maximum, ..limit };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, all).unwrap();
}
