//! The physical truth of one lock: where the bolt really is, how often it really moved, what really arrived.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::air::Air;
use crate::codes;
use crate::faults::Faults;
use crate::radio::transmit;
use crate::signal::{Operation, Signal, Source};
use crate::turnstile::Turnstile;
use crate::wait::{guard, wait_until};
use crate::{Bolt, BoltMove, Cause, Error, Fault, KeptCode, LockSpec, Order, Received, Request};

/// A simulated lock. All counters tell what happened at the door, whatever the hub says of it.
#[derive(Debug)]
pub struct Lock {
    pub(crate) index: usize,
    id: String,
    first_name: String,
    pub(crate) air: Arc<Air>,
    pub(crate) radio: Turnstile,
    motor: Turnstile,
    healthy: Faults,
    slots: u16,
    pin_required: bool,
    truth: Mutex<Truth>,
}

#[derive(Debug)]
struct Truth {
    bolt: Bolt,
    before: Bolt,
    moves: Vec<BoltMove>,
    motor_runs: u64,
    received: Vec<Received>,
    battery: u8,
    /// After how many seconds it locks itself; 0: never.
    auto_lock: u32,
    codes: BTreeMap<u16, KeptCode>,
    faults: Faults,
    next: VecDeque<Vec<Fault>>,
}

/// What a lock says to a request.
pub(crate) enum Reply {
    /// Yes or no, and perhaps something of its own accord right after.
    Done { accepted: bool, then: Option<Signal> },
    /// The value asked for.
    Value(Signal),
}

impl Reply {
    pub(crate) fn bare(accepted: bool) -> Self {
        Self::Done { accepted, then: None }
    }
}

/// How a turn by hand is told to the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// As an action with the source "manual", as most locks do.
    Manual,
    /// As a report of the bolt without any cause.
    Untagged,
    /// Not at all.
    Not,
}

/// What is typed at a keypad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// The code of this slot, whatever it is: it opens.
    Slot(u16),
    /// These digits: they open if a slot keeps them and is enabled.
    Digits(String),
    /// A code that no slot keeps.
    Wrong,
}

impl Lock {
    pub(crate) fn new(
        index: usize,
        id: String,
        spec: &LockSpec,
        slots: u16,
        action_first: bool,
        air: Arc<Air>,
    ) -> Self {
        let mut healthy = Faults::none(action_first);
        healthy.motor = spec.motor;
        Self {
            index,
            id,
            first_name: spec.name.clone(),
            air,
            radio: Turnstile::default(),
            motor: Turnstile::default(),
            healthy,
            slots,
            pin_required: spec.pin_required,
            truth: Mutex::new(Truth {
                bolt: spec.bolt,
                before: spec.bolt,
                moves: Vec::new(),
                motor_runs: 0,
                received: Vec::new(),
                battery: spec.battery,
                auto_lock: 0,
                codes: BTreeMap::new(),
                faults: healthy,
                next: VecDeque::new(),
            }),
        }
    }

    /// The IEEE address (Zigbee) or the unique id (Home Assistant discovery).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name that the lock had when the simulation began.
    #[must_use]
    pub fn first_name(&self) -> &str {
        &self.first_name
    }

    /// Where the bolt really is.
    #[must_use]
    pub fn bolt(&self) -> Bolt {
        guard(&self.truth).bolt
    }

    /// How often the bolt really changed its position, whoever moved it. Getting stuck is a change of position.
    #[must_use]
    pub fn moves(&self) -> usize {
        guard(&self.truth).moves.len()
    }

    /// Every change of position, oldest first.
    #[must_use]
    pub fn history(&self) -> Vec<BoltMove> {
        guard(&self.truth).moves.clone()
    }

    /// How often the motor ran for a command over the air, also when the bolt already was there.
    #[must_use]
    pub fn motor_runs(&self) -> u64 {
        guard(&self.truth).motor_runs
    }

    /// Every command to move the bolt that arrived, oldest first, with those the hub repeated by itself.
    #[must_use]
    pub fn commands(&self) -> Vec<Received> {
        self.received().into_iter().filter(|one| matches!(one.request, Request::Operate { .. })).collect()
    }

    /// Everything that arrived over the air, reads and codes included, oldest first.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        guard(&self.truth).received.clone()
    }

    /// After how many seconds the lock locks itself; 0: never.
    #[must_use]
    pub fn auto_lock(&self) -> u32 {
        guard(&self.truth).auto_lock
    }

    /// Somebody sets at the lock itself after how many seconds it locks itself, and the lock reports it.
    pub fn set_auto_lock(self: &Arc<Self>, seconds: u32) {
        guard(&self.truth).auto_lock = seconds;
        self.say_later(vec![Signal::AutoLock { seconds }]);
    }

    /// The codes that the lock keeps, by slot.
    #[must_use]
    pub fn codes(&self) -> BTreeMap<u16, KeptCode> {
        guard(&self.truth).codes.clone()
    }

    /// Switches a fault on, until [`Lock::clear_faults`].
    pub fn set_fault(&self, fault: Fault) {
        guard(&self.truth).faults.set(fault);
    }

    /// Makes the lock healthy again, also for what was planned with [`Lock::fault_next`].
    pub fn clear_faults(&self) {
        let mut truth = guard(&self.truth);
        truth.faults = self.healthy;
        truth.next.clear();
    }

    /// Plans faults for the next command to move the bolt only; calling it again plans for the one after that.
    pub fn fault_next(&self, faults: impl Into<Vec<Fault>>) {
        guard(&self.truth).next.push_back(faults.into());
    }

    /// Waits until the bolt moved this often since the simulation began.
    pub async fn wait_for_moves(&self, count: usize, within: Duration) -> Result<(), Error> {
        let what = format!("move {count} of the bolt of {}", self.first_name);
        wait_until(&what, within, || self.moves() >= count).await
    }

    /// Waits until this many commands to move the bolt arrived since the simulation began.
    pub async fn wait_for_commands(&self, count: usize, within: Duration) -> Result<(), Error> {
        let what = format!("command {count} at {}", self.first_name);
        wait_until(&what, within, || self.commands().len() >= count).await
    }

    /// Somebody turns the knob; the bolt has moved when this returns, the report follows.
    pub fn turn_by_hand(self: &Arc<Self>, order: Order, told: Told) {
        let target = order.target(self.bolt());
        self.move_to(target, Cause::Hand);
        let operation = if target == Bolt::Locked { Operation::ManualLock } else { Operation::ManualUnlock };
        match told {
            Told::Manual => self.tell(target, Some(action(operation, Source::Manual, None))),
            Told::Untagged => self.tell(target, None),
            Told::Not => {}
        }
    }

    /// Somebody types a code; says whether the lock opened.
    pub fn keypad(self: &Arc<Self>, typed: &Typed) -> bool {
        let opening = {
            let truth = guard(&self.truth);
            match typed {
                Typed::Slot(slot) => Some((*slot, truth.codes.get(slot).map(|code| code.digits.clone()))),
                Typed::Digits(digits) => truth
                    .codes
                    .iter()
                    .find(|(_, code)| code.enabled && code.digits == *digits)
                    .map(|(slot, code)| (*slot, Some(code.digits.clone()))),
                Typed::Wrong => None,
            }
        };
        let Some((slot, digits)) = opening else {
            self.say_later(vec![action(Operation::UnlockFailureInvalidCode, Source::Keypad, None)]);
            return false;
        };
        self.move_to(Bolt::Unlocked, Cause::Keypad(slot));
        let operation = Operation::Unlock;
        let signal = Signal::Operation { operation, source: Source::Keypad, user: Some(slot), digits };
        self.tell(Bolt::Unlocked, Some(signal));
        true
    }

    /// The lock throws its bolt by itself.
    pub fn auto_relock(self: &Arc<Self>) {
        self.move_to(Bolt::Locked, Cause::AutoRelock);
        self.tell(Bolt::Locked, Some(action(Operation::AutoLock, Source::Manual, None)));
    }

    /// Something blocks the bolt half-way, unasked; the lock reports it.
    pub fn jam_now(self: &Arc<Self>) {
        self.move_to(Bolt::Stuck, Cause::Obstacle);
        self.tell(Bolt::Stuck, None);
    }

    /// Sets the battery's charge in per cent and lets the lock report it.
    pub fn battery(self: &Arc<Self>, level: u8) {
        guard(&self.truth).battery = level;
        self.say_later(vec![Signal::Battery { level }]);
    }

    /// The lock reports its bolt once more without any cause, as after a change of batteries.
    pub fn report_now(self: &Arc<Self>) {
        self.tell(self.bolt(), None);
    }

    /// What is wrong with the lock for this request; a command uses up one planned set.
    pub(crate) fn faults_for(&self, request: &Request) -> Faults {
        let mut truth = guard(&self.truth);
        let mut faults = truth.faults;
        if matches!(request, Request::Operate { .. }) {
            for fault in truth.next.pop_front().unwrap_or_default() {
                faults.set(fault);
            }
        }
        faults
    }

    pub(crate) fn send(self: &Arc<Self>, request: Request) {
        transmit(self, request);
    }

    /// A request arrives: it is noted, and obeyed as far as the lock is able and willing.
    pub(crate) fn receive(self: &Arc<Self>, request: &Request, faults: &Faults, repeat: bool) -> Reply {
        let mut truth = guard(&self.truth);
        truth.received.push(Received { request: request.clone(), at: Instant::now(), repeat });
        match request {
            Request::Operate { order, code } => {
                let known = |code: &String| truth.codes.values().any(|kept| kept.enabled && kept.digits == *code);
                let entitled = !self.pin_required || code.as_ref().is_some_and(known);
                drop(truth);
                if faults.refuse || !entitled {
                    return Reply::bare(false);
                }
                if !faults.ack_without_move {
                    self.start_motor(*order, *faults);
                }
                Reply::bare(true)
            }
            Request::ReadState => {
                let bolt = if faults.stale_get { truth.before } else { truth.bolt };
                Reply::Value(Signal::StateRead { bolt })
            }
            Request::SetAutoLock { seconds } => {
                if !faults.refuse && !faults.ack_without_move {
                    truth.auto_lock = *seconds;
                }
                Reply::bare(!faults.refuse)
            }
            Request::ReadAutoLock => Reply::Value(Signal::AutoLock { seconds: truth.auto_lock }),
            Request::ReadBattery => Reply::Value(Signal::Battery { level: truth.battery }),
            Request::ReadCode { slot } => {
                Reply::Value(Signal::CodeRead { slot: *slot, found: truth.codes.get(slot).cloned() })
            }
            Request::SetCode { .. } | Request::ClearCode { .. } | Request::SetCodeStatus { .. } => {
                if faults.refuse {
                    Reply::bare(false)
                } else {
                    codes::change(&mut truth.codes, request, self.slots)
                }
            }
        }
    }

    fn start_motor(self: &Arc<Self>, order: Order, faults: Faults) {
        let mut ticket = self.motor.draw();
        let lock = Arc::clone(self);
        self.air.spawn(async move {
            ticket.turn().await;
            lock.run_motor(order, &faults).await;
        });
    }

    async fn run_motor(self: &Arc<Self>, order: Order, faults: &Faults) {
        let target = {
            let mut truth = guard(&self.truth);
            truth.motor_runs += 1;
            order.target(truth.bolt)
        };
        if !faults.mute {
            self.air.deliver(self.index, Signal::Starting { target });
        }
        tokio::time::sleep(faults.motor).await;
        let rest = faults.rest(target);
        self.move_to(rest, Cause::Radio);
        let operation = if target == Bolt::Locked { Operation::Lock } else { Operation::Unlock };
        let action = (rest == target).then(|| action(operation, Source::Radio, None));
        if self.air.travel(self.air.life()).await {
            self.report(rest, action, faults).await;
        }
    }

    fn move_to(&self, to: Bolt, cause: Cause) {
        let mut truth = guard(&self.truth);
        let from = truth.bolt;
        if from == to {
            return;
        }
        let done = BoltMove { lock: self.first_name.clone(), from, to, cause, at: Instant::now() };
        (truth.before, truth.bolt) = (from, to);
        truth.moves.push(done.clone());
        // Nobody may be listening, which is fine.
        let _ = self.air.moves.send(done);
    }

    /// Tells the hub of a move that no command caused.
    fn tell(self: &Arc<Self>, bolt: Bolt, action: Option<Signal>) {
        let faults = guard(&self.truth).faults;
        let (lock, life) = (Arc::clone(self), self.air.life());
        self.air.spawn(async move {
            if lock.air.travel(life).await {
                lock.report(bolt, action, &faults).await;
            }
        });
    }

    async fn report(self: &Arc<Self>, bolt: Bolt, action: Option<Signal>, faults: &Faults) {
        if faults.mute {
            return;
        }
        let action = action.filter(|_| !faults.no_action);
        let mut signals = vec![Signal::State { bolt }; if faults.double_report { 2 } else { 1 }];
        match action {
            Some(action) if faults.action_first => signals.insert(0, action),
            Some(action) => signals.push(action),
            None => {}
        }
        if let Some(after) = faults.repeat_report {
            let lock = Arc::clone(self);
            self.air.spawn(async move {
                tokio::time::sleep(after).await;
                lock.air.deliver(lock.index, Signal::State { bolt });
            });
        }
        self.say(signals).await;
    }

    fn say_later(self: &Arc<Self>, signals: Vec<Signal>) {
        let (lock, life) = (Arc::clone(self), self.air.life());
        self.air.spawn(async move {
            if lock.air.travel(life).await {
                lock.say(signals).await;
            }
        });
    }

    async fn say(&self, signals: Vec<Signal>) {
        for (n, signal) in signals.into_iter().enumerate() {
            if n > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            self.air.deliver(self.index, signal);
        }
    }
}

fn action(operation: Operation, source: Source, user: Option<u16>) -> Signal {
    Signal::Operation { operation, source, user, digits: None }
}
