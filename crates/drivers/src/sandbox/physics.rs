//! One virtual hub with its locks, as a pure state machine: it has no clock, no task and no channel. Calls say what
//! time it is; what the hub hears comes back from [`VirtualHub::advance`] in the order in which it was heard.

use thumbturn_core::commands::{AutoLock, Simulation};
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::{Bolt, Reachability, Traits};
use thumbturn_core::ports::{Answer, How, ReadId, Said};
use thumbturn_core::time::Moment;

use super::agenda::Agenda;
use super::config::Config;
use super::fate::Chance;
use super::fixtures;
use super::lock::{Air, Happening, VirtualLock};
use super::physical::{Physical, Restored};
use super::settings::{Act, Patch, PatchProblem, Settings, Simulated};

/// A command to move, as the hub takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// The attempt that answers name.
    pub attempt: AttemptId,
    /// The wanted position.
    pub wanted: Bolt,
}

/// Something the hub heard or found out.
#[derive(Clone, Debug, PartialEq)]
pub struct Emission {
    /// When it happened.
    pub at: Moment,
    /// The number of the lock, from 0.
    pub lock: usize,
    /// What.
    pub word: Word,
}

/// What the hub says of a lock.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// A report of the bolt.
    Said {
        /// What.
        said: Said,
        /// How.
        how: How,
        /// The lock's count of its reports; `None` for reads and for what the hub says by itself.
        sequence: Option<u64>,
    },
    /// An answer to a command.
    Answered(AttemptId, Answer),
    /// A read got no answer.
    ReadFailed(ReadId),
    /// The hub noticed that the lock can be reached, or no longer.
    Reach(Reachability),
    /// The lock was removed from the hub.
    Gone,
    /// Charge, 0 to 1.
    Battery(f64),
    /// When the lock locks itself.
    AutoLock(AutoLock),
    /// Whether the lock's paid subscription has ended.
    SubscriptionEnded(bool),
    /// A wrong PIN was typed; the reason in the contract's words.
    Denied(&'static str),
    /// Something that the lock kept for itself while it was not heard, with the time at which it happened.
    Kept(Moment, Box<Self>),
    /// The lock's [`Traits`] changed.
    Described,
}

/// Why the hub did not take a command or a read. Nothing of it left the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// The hub has no such lock.
    UnknownLock,
    /// The hub knows that the lock cannot be reached.
    Unreachable,
    /// As much as the hub holds is already on its way to this lock.
    QueueFull,
}

/// Why something cannot be done at a lock's door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// The hub has no such lock.
    #[error("no such lock")]
    UnknownLock,
    /// The lock has no keypad.
    #[error("the lock has no keypad")]
    NoKeypad,
}

/// What the hub last knew of a lock, right or wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Remembered {
    /// Whether it could be reached.
    pub reach: Reachability,
    /// What it last said of its bolt.
    pub said: Said,
    /// The charge it last told.
    pub battery_level: f64,
    /// When it last told that it locks itself.
    pub auto_lock: AutoLock,
    /// Whether its paid subscription has ended.
    pub unpaid: bool,
}

/// One virtual hub with its locks.
///
/// Every call that takes `now` first lets everything happen that was due by then, so that the order of calls and
/// happenings is the order of time.
pub struct VirtualHub {
    seed: u64,
    locks: Vec<VirtualLock>,
    agenda: Agenda<(usize, Happening)>,
    heard: Vec<Emission>,
}

impl VirtualHub {
    /// A hub with `config.locks` locks, all locked, powered and with full batteries.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut hub = Self { seed: config.seed, locks: Vec::new(), agenda: Agenda::new(), heard: Vec::new() };
        hub.resize(config);
        hub
    }

    /// Takes over a changed configuration: latency and jitter for every lock, and more locks if need be. Fewer are not
    /// torn out of their doors; the hub just does not speak of them. Locks keep their physical state, faults included.
    pub fn resize(&mut self, config: &Config) {
        self.seed = config.seed;
        for lock in &mut self.locks {
            lock.set_latency(config.latency_ms, config.jitter_ms);
        }
        for index in self.locks.len()..config.locks {
            let chance = Chance::of(self.seed, index);
            self.locks.push(VirtualLock::new(Settings::of(config), chance, fixtures::has_keypad(index)));
        }
    }

    /// Puts a lock into a state known from before. For the start, before anything happened to it.
    pub fn restore(&mut self, lock: usize, restored: Restored) {
        if let Some(lock) = self.locks.get_mut(lock) {
            lock.restore(restored);
        }
    }

    /// Lets restored locks go on where they stopped: one that stands open may have to lock itself.
    pub fn wake(&mut self, now: Moment) {
        for lock in 0..self.locks.len() {
            let _ = self.with(now, lock, VirtualLock::wake);
        }
    }

    /// Takes a command for a lock.
    ///
    /// # Errors
    /// [`NotTaken`]; the command is forgotten.
    pub fn command(&mut self, now: Moment, lock: usize, command: Command) -> Result<(), NotTaken> {
        self.with(now, lock, |lock, air| lock.command(air, command)).ok_or(NotTaken::UnknownLock)?
    }

    /// Takes a new auto-lock for a lock. The answer names the attempt.
    ///
    /// # Errors
    /// [`NotTaken`]; the setting is forgotten.
    pub fn configure(
        &mut self,
        now: Moment,
        lock: usize,
        attempt: AttemptId,
        auto_lock: AutoLock,
    ) -> Result<(), NotTaken> {
        self.with(now, lock, |lock, air| lock.configure(air, attempt, auto_lock)).ok_or(NotTaken::UnknownLock)?
    }

    /// Does something at the keypad for an attempt, which the lock's answer names. `false` if there is no such lock.
    pub fn use_keypad(&mut self, now: Moment, lock: usize, attempt: AttemptId, what: &Simulation) -> bool {
        let used = self.with(now, lock, |lock, air| match what {
            Simulation::TypeCode(pin) => lock.type_pin(air, pin, Some(attempt)),
            Simulation::LockAtKeypad => lock.press_lock(air, attempt),
        });
        used.is_some()
    }

    /// Changes a lock's standing with its hub; `false` if there is no such lock.
    pub fn simulate(&mut self, now: Moment, lock: usize, what: Simulated) -> bool {
        self.with(now, lock, |lock, air| lock.simulate(air, what)).is_some()
    }

    /// Lets a lock go without a word: nobody is to hear of it again.
    pub fn let_go(&mut self, lock: usize) {
        if let Some(lock) = self.locks.get_mut(lock) {
            lock.let_go();
        }
    }

    /// Whether the hub speaks of a lock.
    #[must_use]
    pub fn has(&self, lock: usize) -> bool {
        self.locks.get(lock).is_some_and(|lock| !lock.is_removed())
    }

    /// Asks a lock for its state.
    ///
    /// # Errors
    /// [`NotTaken`]; the read is forgotten.
    pub fn ask(&mut self, now: Moment, lock: usize, read: ReadId) -> Result<(), NotTaken> {
        self.with(now, lock, |lock, air| lock.ask(air, read)).ok_or(NotTaken::UnknownLock)?
    }

    /// Does something at the door. A dead keypad does nothing.
    ///
    /// # Errors
    /// [`ActError`].
    pub fn act(&mut self, now: Moment, lock: usize, act: &Act) -> Result<(), ActError> {
        self.with(now, lock, |lock, air| {
            match act {
                Act::Turn(to) => lock.turn_by_hand(air, *to),
                Act::Keypad(_) if !lock.has_keypad() => return Err(ActError::NoKeypad),
                Act::Keypad(pin) => lock.type_pin(air, pin, None),
                Act::PowerOff => lock.power_off(air),
                Act::PowerOn => lock.power_on(air),
            }
            Ok(())
        })
        .ok_or(ActError::UnknownLock)?
    }

    /// Changes a lock's settings; `false` if there is no such lock.
    ///
    /// # Errors
    /// A value out of its range; then nothing is changed.
    pub fn set(&mut self, now: Moment, lock: usize, patch: &Patch) -> Result<bool, PatchProblem> {
        patch.check()?;
        Ok(self.with(now, lock, |lock, air| lock.set(air, patch)).is_some())
    }

    /// When the next thing happens by itself.
    #[must_use]
    pub fn next_at(&self) -> Option<Moment> {
        self.agenda.next_at()
    }

    /// Lets everything happen that is due at `now`, and returns what the hub heard since the last call.
    pub fn advance(&mut self, now: Moment) -> Vec<Emission> {
        self.run(now);
        std::mem::take(&mut self.heard)
    }

    /// How many locks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.locks.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.locks.is_empty()
    }

    /// The physical truth of a lock.
    #[must_use]
    pub fn physical(&self, lock: usize) -> Option<Physical> {
        self.locks.get(lock).map(VirtualLock::physical)
    }

    /// What is set on a lock.
    #[must_use]
    pub fn settings(&self, lock: usize) -> Option<&Settings> {
        self.locks.get(lock).map(VirtualLock::settings)
    }

    /// How a lock behaves, as its driver knows it.
    #[must_use]
    pub fn traits(&self, lock: usize) -> Option<Traits> {
        self.locks.get(lock).map(VirtualLock::traits)
    }

    /// What the hub last knew of a lock.
    #[must_use]
    pub fn remembered(&self, lock: usize) -> Option<Remembered> {
        self.locks.get(lock).map(VirtualLock::remembered)
    }

    fn with<R>(
        &mut self,
        now: Moment,
        lock: usize,
        work: impl FnOnce(&mut VirtualLock, &mut Air<'_>) -> R,
    ) -> Option<R> {
        self.run(now);
        self.at(now, lock, work)
    }

    fn at<R>(&mut self, at: Moment, lock: usize, work: impl FnOnce(&mut VirtualLock, &mut Air<'_>) -> R) -> Option<R> {
        let subject = self.locks.get_mut(lock)?;
        let mut air = Air { at, lock, agenda: &mut self.agenda, heard: &mut self.heard };
        Some(work(subject, &mut air))
    }

    fn run(&mut self, now: Moment) {
        while let Some((at, (lock, what))) = self.agenda.take_due(now) {
            self.at(at, lock, |lock, air| lock.happen(air, what));
        }
    }
}
