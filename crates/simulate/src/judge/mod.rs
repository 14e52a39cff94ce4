//! The judge: knows what physically happened, looks at everything that the server does to the outside, and notes each
//! untruth. It shares no code with the engine's rules.

mod cases;
mod changes;
mod end;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Display;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thumbturn_core::devices::DeviceState;
use thumbturn_core::ids::{AttemptId, DeviceId, NativeId};
use thumbturn_core::locks::Route;
use thumbturn_core::ports::Clock;

use crate::clock::SimClock;
use crate::door::SharedDoor;
use crate::town::lock::Manners;
use crate::town::trouble::Trouble;

use cases::Case;

/// How long ago a position that is told as new may have been: a late report, a held cause and a slow commit.
const STALE: Duration = Duration::from_secs(12);

/// How long after a start what a lock says may be an old report said again, so that it is asked once more.
const YOUNG: Duration = Duration::from_secs(15);

/// How many untruths are noted of one story; the first is the one that matters.
const NOTED: usize = 5;

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Accepted attempts.
    pub cycles: u64,
    /// What went wrong, by kind.
    pub troubles: BTreeMap<Trouble, u64>,
    /// How attempts ended, by the contract's words.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// How many single checks were made.
    pub checks: u64,
    /// How often the server crashed.
    pub crashes: u64,
    /// How many commits were made.
    pub commits: u64,
    /// Reads that locks were asked for.
    pub reads: u64,
    /// Attempts around which nothing went wrong.
    pub sound: u64,
    /// Simulated time.
    pub simulated: Duration,
}

impl Counts {
    /// Adds the counts of another story.
    pub fn add(&mut self, other: &Self) {
        self.cycles += other.cycles;
        for (trouble, times) in &other.troubles {
            *self.troubles.entry(*trouble).or_default() += times;
        }
        for (outcome, times) in &other.outcomes {
            *self.outcomes.entry(outcome).or_default() += times;
        }
        self.checks += other.checks;
        self.crashes += other.crashes;
        self.commits += other.commits;
        self.reads += other.reads;
        self.sound += other.sound;
        self.simulated += other.simulated;
    }
}

/// One lock as the judge knows it.
struct Witness {
    native: NativeId,
    manners: Manners,
    door: SharedDoor,
    route: Option<Route>,
    state: Option<DeviceState>,
    /// Its attempts that have not ended, in order of acceptance.
    open: Vec<AttemptId>,
}

struct Books {
    locks: Vec<Witness>,
    by_device: HashMap<DeviceId, usize>,
    cases: HashMap<AttemptId, Case>,
    /// Attempts that lock events have named.
    named: HashSet<AttemptId>,
    counts: Counts,
    untruths: Vec<String>,
    /// For how long the disk has not taken commits, or the server was down, in all.
    halted: Duration,
    halted_since: Duration,
    halts: u32,
    /// When commits were last taken again.
    resumed: Duration,
    life: u32,
    life_began: Duration,
    digest: DefaultHasher,
}

pub(crate) struct Judge {
    clock: Arc<SimClock>,
    books: Mutex<Books>,
}

impl Judge {
    pub(crate) fn new(clock: Arc<SimClock>, locks: Vec<(NativeId, Manners, SharedDoor)>) -> Self {
        let witness =
            |(native, manners, door)| Witness { native, manners, door, route: None, state: None, open: Vec::new() };
        let books = Books {
            locks: locks.into_iter().map(witness).collect(),
            by_device: HashMap::new(),
            cases: HashMap::new(),
            named: HashSet::new(),
            counts: Counts::default(),
            untruths: Vec::new(),
            halted: Duration::ZERO,
            halted_since: Duration::ZERO,
            halts: 0,
            resumed: Duration::ZERO,
            life: 0,
            life_began: Duration::ZERO,
            digest: DefaultHasher::new(),
        };
        Self { clock, books: Mutex::new(books) }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.clock.now().steady
    }

    /// How lock number `index` is commanded, once it was discovered.
    pub(crate) fn route(&self, index: usize) -> Option<Route> {
        self.books().locks.get(index).and_then(|lock| lock.route.clone())
    }

    /// Notes a trouble, which excuses the locks `of` for a while.
    pub(crate) fn trouble(&self, trouble: Trouble, of: &[usize], excuses: Duration) {
        let until = self.now() + excuses;
        let mut books = self.books();
        *books.counts.troubles.entry(trouble).or_default() += 1;
        for lock in of.iter().filter_map(|index| books.locks.get(*index)) {
            let mut door = lock.door.look();
            door.disturb(until);
            door.line(self.now(), format_args!("TROUBLE: {}", trouble.as_str()));
        }
    }

    pub(crate) fn asked(&self, index: usize) {
        let now = self.now();
        let mut books = self.books();
        books.counts.reads += 1;
        if let Some(lock) = books.locks.get(index) {
            lock.door.look().line(now, "read asked");
        }
        books.asked_for_running(index);
    }

    /// The server begins a life.
    pub(crate) fn life_began(&self, number: u32) {
        let now = self.now();
        let mut books = self.books();
        books.life = number;
        books.life_began = now;
        for lock in &mut books.locks {
            // The store shows nothing as true that a server before told.
            if let Some(state) = &mut lock.state {
                state.fresh = false;
            }
            let mut door = lock.door.look();
            door.line(now, format_args!("the server starts for the {number}. time"));
            door.disturb(now + YOUNG);
        }
    }

    pub(crate) fn crashed(&self) {
        let now = self.now();
        let mut books = self.books();
        books.counts.crashes += 1;
        for lock in &books.locks {
            lock.door.look().line(now, "the server crashed");
        }
    }

    /// Nothing can be committed from now on.
    pub(crate) fn halt(&self) {
        let now = self.now();
        let mut books = self.books();
        if books.halts == 0 {
            books.halted_since = now;
        }
        books.halts += 1;
    }

    /// Commits are taken again.
    pub(crate) fn resume(&self) {
        let now = self.now();
        let mut books = self.books();
        books.halts = books.halts.saturating_sub(1);
        if books.halts == 0 {
            let halt = now.saturating_sub(books.halted_since);
            books.halted += halt;
            books.resumed = now;
        }
    }

    /// What was found: the counts, every untruth, and a digest of the whole story.
    pub(crate) fn verdict(&self) -> (Counts, Vec<String>, u64) {
        let now = self.now();
        let mut books = self.books();
        books.counts.simulated = now;
        (books.counts.clone(), books.untruths.clone(), books.digest.finish())
    }

    pub(crate) fn cycles(&self) -> u64 {
        self.books().counts.cycles
    }

    pub(crate) fn is_satisfied(&self) -> bool {
        self.books().untruths.is_empty()
    }
}

impl Books {
    /// One check. What does not hold is an untruth, told with the story of its lock.
    fn check(&mut self, holds: bool, lock: usize, what: impl FnOnce() -> String) {
        self.counts.checks += 1;
        if !holds {
            self.untrue(Some(lock), &what());
        }
    }

    fn untrue(&mut self, lock: Option<usize>, what: &str) {
        if self.untruths.len() >= NOTED {
            return;
        }
        let witness = lock.and_then(|index| self.locks.get(index));
        let story = witness.map_or_else(String::new, |lock| {
            format!("\n  {} ({:?}):\n{}", lock.native, lock.manners, lock.door.look().story())
        });
        self.untruths.push(format!("{what}{story}"));
    }

    fn line(&self, index: usize, now: Duration, what: impl Display) {
        if let Some(lock) = self.locks.get(index) {
            lock.door.look().line(now, what);
        }
    }

    fn digest(&mut self, what: &str, index: usize, now: Duration) {
        (what, index, now).hash(&mut self.digest);
    }

    /// When it was last over that nothing could be committed, or that no server ran.
    fn last_halt(&self, now: Duration) -> Duration {
        if self.halts > 0 { now } else { self.resumed.max(self.life_began) }
    }

    /// For how long nothing could be committed, up to `now`.
    fn halted(&self, now: Duration) -> Duration {
        let running = if self.halts > 0 { now.saturating_sub(self.halted_since) } else { Duration::ZERO };
        self.halted + running
    }
}
