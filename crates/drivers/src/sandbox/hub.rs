//! One virtual hub at work: the state machine behind a mutex, its clock, and its line to the engine.
//!
//! The mutex is held for the length of one call and never across a wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thumbturn_core::accounts::{Account, LinkState, LinkTrouble};
use thumbturn_core::commands::Command as Asked;
use thumbturn_core::devices::{Device, OfflineBecause, Reach};
use thumbturn_core::ids::NativeId;
use thumbturn_core::locks::{Bolt, Reachability, Unavailable};
use thumbturn_core::ports::{Clock, ConnectError, Gate, How, NotWritten, Order, ReadId, Report, Signal};
use thumbturn_core::time::Moment;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, Permit};

use super::config::Config;
use super::driver::Pace;
use super::fixtures::fixture;
use super::hubs::SandboxError;
use super::line::{Line, SessionNumber};
use super::physical::{Physical, Position, Restored};
use super::physics::{Command, Emission, NotTaken, VirtualHub, Word};
use super::settings::{Act, Patch, Simulated};
use super::words;

pub(super) struct Hub {
    clock: Arc<dyn Clock>,
    pace: Pace,
    inner: Mutex<Inner>,
}

struct Inner {
    world: VirtualHub,
    config: Config,
    /// The locks that the hub speaks of, by number.
    names: Vec<NativeId>,
    numbers: HashMap<NativeId, usize>,
    line: Line,
    /// The hub's own time where it goes step by step.
    stepped_to: Moment,
    /// Until when the session's task believes it can sleep.
    asleep_until: Option<Moment>,
    /// Whether the login at the provider is no longer good.
    refuses: bool,
}

/// What people are told of a login that is no longer good.
const REFUSED: &str = "The provider no longer accepts the login (simulated). Reset the sandbox to connect again.";

/// The same of a hub that starts anew.
const RESTARTS: &str = "The hub restarts (simulated).";

/// What the session's task has to do next.
pub(super) enum Turn {
    /// Nothing more: the session is over.
    Over,
    /// Wait for room in the channel, then [`Hub::deliver`].
    Deliver,
    /// Sleep until then, or until woken.
    Sleep(Option<Moment>),
}

impl Hub {
    pub(super) fn new(clock: Arc<dyn Clock>, pace: Pace, config: Config, account: &Account, known: &[Device]) -> Self {
        let stepped_to = clock.now();
        let mut inner = Inner {
            world: VirtualHub::new(&config),
            config,
            names: Vec::new(),
            numbers: HashMap::new(),
            line: Line::default(),
            stepped_to,
            asleep_until: None,
            refuses: is_refused(account),
        };
        inner.name_locks();
        for device in known {
            if let Some(lock) = inner.number(&device.about.native) {
                inner.world.restore(lock, restored(device));
            }
        }
        inner.world.wake(stepped_to);
        Self { clock, pace, inner: Mutex::new(inner) }
    }

    /// Takes over a changed configuration.
    pub(super) fn reconfigure(&self, config: Config) {
        let mut inner = self.lock();
        if inner.config != config {
            inner.config = config;
            inner.world.resize(&config);
            inner.name_locks();
        }
    }

    /// Whether the login is still good.
    pub(super) fn log_in(&self) -> Result<(), ConnectError> {
        if self.lock().refuses { Err(ConnectError::CredentialsRefused(REFUSED.to_owned())) } else { Ok(()) }
    }

    /// From now on the login is no longer good: nothing more is taken, and a session that stands is over once it has
    /// heard so, behind what still waits for it.
    pub(super) fn refuse(&self) {
        let mut inner = self.lock();
        inner.refuses = true;
        inner.line.send(Signal::Lost(ConnectError::CredentialsRefused(REFUSED.to_owned())));
        inner.line.wake();
    }

    // ---- a session ----

    pub(super) fn open(&self, signals: mpsc::Sender<Signal>) -> (SessionNumber, Arc<Notify>) {
        let mut inner = self.lock();
        // What happened while nobody listened was heard by nobody.
        let now = self.now(&inner);
        drop(inner.world.advance(now));
        inner.asleep_until = None;
        inner.line.open(signals)
    }

    pub(super) fn close(&self, session: SessionNumber) {
        self.lock().line.close(session);
    }

    pub(super) fn hang_up(&self) {
        self.lock().line.hang_up();
    }

    pub(super) fn has(&self, native: &NativeId) -> bool {
        let inner = self.lock();
        inner.number(native).is_some_and(|lock| inner.world.has(lock))
    }

    /// What a hub says of its lock number `lock` at the start of a session; `None` after the last.
    pub(super) fn introduce(&self, lock: usize) -> Option<Vec<Signal>> {
        let heard = self.clock.now();
        self.lock().introduce(lock, heard)
    }

    pub(super) fn greeted(&self, session: SessionNumber, permit: Permit<'_, Signal>) {
        self.lock().line.greeted(session, permit);
    }

    pub(super) fn deliver(&self, session: SessionNumber, permit: Permit<'_, Signal>) {
        self.lock().line.deliver(session, permit);
    }

    /// Lets happen what is due, unless signals still wait: while the engine is behind, the hub stands still.
    pub(super) fn turn(&self, session: SessionNumber) -> Turn {
        let mut inner = self.lock();
        if inner.line.is_clear() && self.pace == Pace::Runs {
            let now = self.clock.now();
            self.let_happen(&mut inner, now);
        }
        if !inner.line.is(session) {
            return Turn::Over;
        }
        if !inner.line.is_clear() {
            return Turn::Deliver;
        }
        inner.asleep_until = self.next_at(&inner);
        Turn::Sleep(inner.asleep_until)
    }

    /// The hub starts anew: a session that stands is over once it has heard so, behind what still waits for it. Its
    /// locks know nothing of it; what they say until the next session nobody hears.
    pub(super) fn restart(&self) {
        let mut inner = self.lock();
        inner.line.send(Signal::Lost(ConnectError::Unreachable(RESTARTS.to_owned())));
        inner.line.wake();
    }

    // ---- commands and reads ----

    /// Waits as long as the hub is busy with other things before it takes up a command. What is done at a keypad does
    /// not pass through it.
    pub(super) async fn while_busy(&self, order: &Order) {
        let busy_ms = self.lock().busy_ms(&order.lock);
        if busy_ms > 0 && !matches!(order.command, Asked::Simulate(_)) {
            self.clock.sleep_until(self.clock.now().after(Duration::from_millis(busy_ms))).await;
        }
    }

    pub(super) fn carry_out(&self, session: SessionNumber, order: &Order, gate: Gate<'_>) -> Result<(), NotWritten> {
        let attempt = order.attempt;
        self.write(session, &order.lock, |world, now, lock| {
            if !gate.is_open() {
                return Err(NotWritten::TooLate);
            }
            match &order.command {
                Asked::Move(wanted) => {
                    world.command(now, lock, Command { attempt, wanted: *wanted }).map_err(not_written)
                }
                Asked::AutoLock(auto_lock) => world.configure(now, lock, attempt, *auto_lock).map_err(not_written),
                Asked::Simulate(what) => {
                    let removed = NotWritten::Unavailable(Unavailable::DeviceRemoved);
                    world.use_keypad(now, lock, attempt, what).then_some(()).ok_or(removed)
                }
            }
        })
    }

    /// Tells of every lock once more.
    pub(super) fn rediscover(&self, session: SessionNumber) {
        let mut inner = self.lock();
        if inner.line.is(session) && inner.line.has_room() {
            for lock in 0..inner.names.len() {
                if let Some(described) = inner.described(lock) {
                    inner.line.send(described);
                }
            }
            inner.line.wake();
        }
    }

    /// Changes a lock's standing with this hub. What is returned is notified once the engine has dealt with it; `None`
    /// if nobody listens.
    pub(super) fn simulate(&self, lock: &NativeId, what: Simulated) -> Result<Option<Arc<Notify>>, SandboxError> {
        let dealt_with = Arc::new(Notify::new());
        self.touch(lock, |world, now, lock| {
            world.simulate(now, lock, what).then_some(()).ok_or(SandboxError::UnknownLock)
        })?;
        let mut inner = self.lock();
        inner.line.send(Signal::DealtWith(lock.clone(), Arc::clone(&dealt_with)));
        inner.line.wake();
        Ok(inner.line.is_open().then_some(dealt_with))
    }

    /// Lets a lock go whose record was deleted, and says so as the last word of it.
    pub(super) fn let_go(&self, session: SessionNumber, lock: &NativeId) -> bool {
        let mut inner = self.lock();
        let Some(number) = inner.number(lock).filter(|_| inner.line.is(session)) else { return false };
        inner.world.let_go(number);
        inner.line.send(Signal::Gone(lock.clone()));
        inner.line.wake();
        true
    }

    /// The locks that nobody knows any more were deleted, perhaps while nobody listened.
    pub(super) fn let_go_of_others(&self, known: &[Device]) {
        self.lock().let_go_of_others(known);
    }

    pub(super) fn ask(&self, session: SessionNumber, lock: &NativeId, read: ReadId) -> Result<(), NotWritten> {
        self.write(session, lock, |world, now, lock| world.ask(now, lock, read).map_err(not_written))
    }

    fn write(
        &self,
        session: SessionNumber,
        lock: &NativeId,
        work: impl FnOnce(&mut VirtualHub, Moment, usize) -> Result<(), NotWritten>,
    ) -> Result<(), NotWritten> {
        let mut inner = self.lock();
        if !inner.line.is(session) {
            return Err(NotWritten::Unavailable(Unavailable::HubDisconnected));
        }
        if inner.refuses {
            return Err(NotWritten::Unavailable(Unavailable::AccountDisconnected));
        }
        let number = inner.number(lock).ok_or(NotWritten::Unavailable(Unavailable::DeviceRemoved))?;
        if !inner.line.has_room() {
            return Err(NotWritten::Rejected("the hub has more to tell than is listened to".to_owned()));
        }
        let now = self.now(&inner);
        let written = work(&mut inner.world, now, number);
        self.settle(&mut inner, now);
        written
    }

    // ---- the physical truth ----

    pub(super) fn physical(&self, lock: &NativeId) -> Option<Physical> {
        let mut inner = self.lock();
        if inner.line.has_room() {
            let now = self.now(&inner);
            self.settle(&mut inner, now);
        }
        inner.number(lock).and_then(|lock| inner.world.physical(lock))
    }

    pub(super) fn set(&self, lock: &NativeId, patch: &Patch) -> Result<Physical, SandboxError> {
        self.touch(lock, |world, now, lock| world.set(now, lock, patch).map(drop).map_err(SandboxError::OutOfRange))
    }

    pub(super) fn act(&self, lock: &NativeId, act: &Act) -> Result<Physical, SandboxError> {
        self.touch(lock, |world, now, lock| world.act(now, lock, act).map_err(SandboxError::from))
    }

    fn touch(
        &self,
        lock: &NativeId,
        work: impl FnOnce(&mut VirtualHub, Moment, usize) -> Result<(), SandboxError>,
    ) -> Result<Physical, SandboxError> {
        let mut inner = self.lock();
        let number = inner.number(lock).ok_or(SandboxError::UnknownLock)?;
        if !inner.line.has_room() {
            return Err(SandboxError::Busy);
        }
        let now = self.now(&inner);
        let done = work(&mut inner.world, now, number);
        self.settle(&mut inner, now);
        done?;
        inner.world.physical(number).ok_or(SandboxError::UnknownLock)
    }

    // ---- time ----

    /// Goes to the next moment at which something happens; `None` if nothing will, or if the hub runs by itself.
    pub(super) fn step(&self) -> Option<Moment> {
        let at = self.lock().world.next_at()?;
        self.advance_to(at).then_some(at)
    }

    /// Goes to `moment`, if that is not in the hub's past; `false` if the hub runs by itself.
    pub(super) fn advance_to(&self, moment: Moment) -> bool {
        if self.pace == Pace::Runs {
            return false;
        }
        let mut inner = self.lock();
        if moment.steady > inner.stepped_to.steady {
            inner.stepped_to = moment;
        }
        let now = inner.stepped_to;
        self.settle(&mut inner, now);
        true
    }

    /// The hub's own time.
    pub(super) fn time(&self) -> Moment {
        self.now(&self.lock())
    }

    fn now(&self, inner: &Inner) -> Moment {
        match self.pace {
            Pace::Runs => self.clock.now(),
            Pace::Steps => inner.stepped_to,
        }
    }

    fn next_at(&self, inner: &Inner) -> Option<Moment> {
        if self.pace == Pace::Runs { inner.world.next_at() } else { None }
    }

    /// Lets everything happen that is due and sends what was heard.
    fn let_happen(&self, inner: &mut Inner, now: Moment) {
        let emissions = inner.world.advance(now);
        if emissions.is_empty() || !inner.line.is_open() {
            return;
        }
        // Heard now, on the engine's clock: after the gate of a command whose outcome comes at once, and also where the
        // hub's own time goes in steps.
        let heard = self.clock.now();
        for emission in emissions {
            if let Some(signal) = inner.signal(emission, heard) {
                inner.line.send(signal);
            }
        }
    }

    /// The same, and wakes the session's task if it has to know.
    fn settle(&self, inner: &mut Inner, now: Moment) {
        self.let_happen(inner, now);
        let next = self.next_at(inner);
        if !inner.line.is_clear() || (next.is_some() && next != inner.asleep_until) {
            inner.line.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn name_locks(&mut self) {
        self.names = (0..self.config.locks).map(|lock| fixture(lock).native).collect();
        self.numbers = self.names.iter().cloned().zip(0..).collect();
    }

    fn number(&self, native: &NativeId) -> Option<usize> {
        self.numbers.get(native).copied()
    }

    fn busy_ms(&self, native: &NativeId) -> u64 {
        let settings = self.number(native).and_then(|lock| self.world.settings(lock));
        settings.map_or(0, |settings| settings.faults.busy_ms)
    }

    fn introduce(&self, lock: usize, heard: Moment) -> Option<Vec<Signal>> {
        let remembered = self.world.remembered(lock)?;
        let native = self.names.get(lock)?;
        let Some(described) = self.described(lock) else { return Some(Vec::new()) };
        let mut signals = vec![described, Signal::Reach(native.clone(), remembered.reach)];
        if remembered.reach == Reachability::Reachable {
            signals.push(Signal::Battery(native.clone(), remembered.battery_level));
        }
        let report = Report { said: remembered.said, how: How::Remembered, heard, occurred_at: None, sequence: None };
        signals.push(Signal::Said(native.clone(), report, None));
        signals.push(Signal::AutoLock(native.clone(), remembered.auto_lock));
        signals.push(Signal::SubscriptionEnded(native.clone(), remembered.unpaid));
        Some(signals)
    }

    fn let_go_of_others(&mut self, known: &[Device]) {
        for (lock, native) in self.names.iter().enumerate() {
            if !known.iter().any(|device| device.about.native == *native) {
                self.world.let_go(lock);
            }
        }
    }

    /// `None` for a lock that the hub no longer has.
    fn described(&self, lock: usize) -> Option<Signal> {
        if !self.world.has(lock) {
            return None;
        }
        Some(Signal::Discovered { about: Box::new(fixture(lock).about()), traits: self.world.traits(lock)? })
    }

    fn signal(&self, emission: Emission, heard: Moment) -> Option<Signal> {
        let native = self.names.get(emission.lock)?.clone();
        let (word, kept_at) = match emission.word {
            Word::Kept(at, word) => (*word, Some(at)),
            word => (word, None),
        };
        let occurred_at = kept_at.map(|at| at.wall);
        Some(match word {
            Word::Said { said, how, sequence } => {
                let words = words::of_report(said, how);
                Signal::Said(native, Report { said, how, heard, occurred_at, sequence }, Some(words))
            }
            Word::Answered(attempt, answer) => {
                let words = words::of_answer(&answer);
                Signal::Answered(native, attempt, answer, heard, Some(words))
            }
            Word::ReadFailed(read) => Signal::ReadFailed(native, read),
            Word::Reach(reach) => Signal::Reach(native, reach),
            Word::Gone => Signal::Gone(native),
            Word::Battery(level) => Signal::Battery(native, level),
            Word::AutoLock(auto_lock) => Signal::AutoLock(native, auto_lock),
            Word::SubscriptionEnded(ended) => Signal::SubscriptionEnded(native, ended),
            Word::Denied(reason) => Signal::Denied(native, Some(reason), kept_at.unwrap_or(heard)),
            Word::Described => self.described(emission.lock)?,
            // A lock keeps no envelopes.
            Word::Kept(..) => return None,
        })
    }
}

/// Whether the login was no longer good when this process started.
const fn is_refused(account: &Account) -> bool {
    matches!(account.link, LinkState::Down { trouble: LinkTrouble::CredentialsRefused, .. })
}

fn not_written(not_taken: NotTaken) -> NotWritten {
    match not_taken {
        NotTaken::UnknownLock => NotWritten::Unavailable(Unavailable::DeviceRemoved),
        NotTaken::Unreachable => NotWritten::Unavailable(Unavailable::DeviceDisconnected),
        NotTaken::QueueFull => NotWritten::Rejected("the hub's queue for this lock is full".to_owned()),
    }
}

/// What is known of a lock from before this process started.
fn restored(device: &Device) -> Restored {
    let state = &device.state;
    let bolt = if state.jammed_since.is_some() { Position::Jammed } else { state.bolt.unwrap_or(Bolt::Locked).into() };
    let is_offline = |why| matches!(state.reach, Reach::Offline { because, .. } if because == why);
    Restored {
        bolt,
        battery_level: state.battery.unwrap_or(1.0),
        // Whether its batteries were out nobody knows; a lock that is only out of reach works alone.
        powered: true,
        cut: is_offline(OfflineBecause::DeviceDisconnected),
        hub_lost: is_offline(OfflineBecause::OwnHubDisconnected),
        removed: is_offline(OfflineBecause::DeviceRemoved),
        unpaid: state.subscription_ended_since.is_some(),
        auto_lock: state.auto_lock,
    }
}
