//! The locks, which a power cut at the server does not touch, and the driver that talks to them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use thumbturn_core::accounts::Account;
use thumbturn_core::commands::Command;
use thumbturn_core::devices::{About, Device};
use thumbturn_core::events::Method;
use thumbturn_core::ids::{AttemptId, NativeId};
use thumbturn_core::locks::{Bolt, Reachability, Traits, Unavailable};
use thumbturn_core::ports::{
    Answer, Clock, ConnectError, Driver, Gate, How, Later, Link, NotWritten, Order, ReadId, Refused, Report, Said,
    Signal,
};
use thumbturn_powercut::Disk;
use tokio::sync::mpsc;

use crate::mutants::Mutant;

pub(crate) const LOCKS: usize = 4;

const TRAITS: Traits = Traits {
    reports: true,
    readable: true,
    tags: true,
    margin: Duration::from_secs(2),
    settle: Duration::from_secs(3),
    settle_unchanged: Duration::from_secs(1),
};

/// A command that came to a lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) attempt: AttemptId,
    /// In which life of the server.
    pub(crate) life: u32,
    wanted: Bolt,
}

struct Lock {
    bolt: Bolt,
    going: Option<Bolt>,
    received: Vec<Received>,
}

/// The locks at the doors.
pub(crate) struct Hardware(Mutex<Vec<Lock>>);

impl Hardware {
    pub(crate) fn new() -> Self {
        let locked = |_| Lock { bolt: Bolt::Locked, going: None, received: Vec::new() };
        Self(Mutex::new((0..LOCKS).map(locked).collect()))
    }

    /// Every command that came to any lock.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.0.lock().unwrap().iter().flat_map(|lock| lock.received.clone()).collect()
    }

    fn receive(&self, n: usize, received: Received, moves: bool) {
        let lock = &mut self.0.lock().unwrap()[n];
        lock.received.push(received);
        if moves {
            lock.going = Some(received.wanted);
        }
    }

    /// The motor has stopped.
    fn arrive(&self, n: usize) {
        let lock = &mut self.0.lock().unwrap()[n];
        lock.bolt = lock.going.take().unwrap_or(lock.bolt);
    }

    fn bolt(&self, n: usize) -> Bolt {
        self.0.lock().unwrap()[n].bolt
    }

    /// While the server is down every motor comes to its end.
    pub(crate) fn come_to_rest(&self) {
        (0..LOCKS).for_each(|n| self.arrive(n));
    }
}

/// What a command does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Obeys,
    MovesSilently,
    OnlyAcknowledges,
    Refuses,
    Ignores,
}

/// The driver, and its connection to the hub.
#[derive(Clone)]
pub(crate) struct Wires(Arc<Parts>);

struct Parts {
    hardware: Arc<Hardware>,
    disk: Arc<Disk>,
    clock: Arc<dyn Clock>,
    life: u32,
    mutant: Mutant,
    chance: Mutex<Xoshiro256PlusPlus>,
}

impl Wires {
    pub(crate) fn new(
        hardware: Arc<Hardware>,
        disk: Arc<Disk>,
        clock: Arc<dyn Clock>,
        life: u32,
        mutant: Mutant,
        seed: u64,
    ) -> Self {
        let chance = Mutex::new(Xoshiro256PlusPlus::seed_from_u64(seed));
        Self(Arc::new(Parts { hardware, disk, clock, life, mutant, chance }))
    }
}

impl Parts {
    fn up_to(&self, ms: u64) -> Duration {
        Duration::from_millis(self.chance.lock().unwrap().random_range(0..=ms))
    }

    fn fate(&self) -> Fate {
        match self.chance.lock().unwrap().random_range(0..100_u32) {
            0..80 => Fate::Obeys,
            80..86 => Fate::MovesSilently,
            86..92 => Fate::OnlyAcknowledges,
            92..97 => Fate::Refuses,
            _ => Fate::Ignores,
        }
    }

    /// A command leaves the machine, if that still runs.
    fn send(&self, n: usize, received: Received, fate: Fate) -> bool {
        let moves = matches!(fate, Fate::Obeys | Fate::MovesSilently);
        self.disk.while_on(|| self.hardware.receive(n, received, moves)).is_some()
    }

    fn report(&self, n: usize, how: How) -> Signal {
        let said = Said::At(self.hardware.bolt(n));
        let report = Report { said, how, heard: self.clock.now(), occurred_at: None, sequence: None };
        Signal::Said(native(n), report, None)
    }

    fn greeting(&self) -> Vec<Signal> {
        let of = |n| {
            let discovered = Signal::Discovered { about: Box::new(about(n)), traits: TRAITS };
            [discovered, Signal::Reach(native(n), Reachability::Reachable)]
        };
        (0..LOCKS).flat_map(of).chain([Signal::Synced]).collect()
    }

    /// A hub's client that repeats the last command of each lock when it starts.
    fn send_again(&self) {
        for n in 0..LOCKS {
            let last = self.hardware.0.lock().unwrap()[n].received.last().copied();
            if let Some(last) = last {
                self.send(n, Received { life: self.life, ..last }, Fate::Obeys);
            }
        }
    }
}

impl Driver for Wires {
    fn connect<'a>(
        &'a self,
        _account: &'a Account,
        _known: &'a [Device],
        signals: mpsc::Sender<Signal>,
    ) -> Later<'a, Result<Arc<dyn Link>, ConnectError>> {
        Box::pin(async move {
            if self.0.mutant == Mutant::SendsAgainAfterRestart {
                self.0.send_again();
            }
            for signal in self.0.greeting() {
                let _ = signals.send(signal).await;
            }
            Ok(Arc::new(Session { parts: Arc::clone(&self.0), signals }) as Arc<dyn Link>)
        })
    }
}

struct Session {
    parts: Arc<Parts>,
    signals: mpsc::Sender<Signal>,
}

impl Session {
    /// What the lock does with a command, and says.
    fn play(&self, n: usize, attempt: AttemptId, fate: Fate) {
        let (parts, signals) = (Arc::clone(&self.parts), self.signals.clone());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(5) + parts.up_to(20)).await;
            let answer = match fate {
                Fate::Refuses => Some(Answer::Refused(Refused::Jammed)),
                Fate::Ignores => None,
                _ => Some(Answer::Accepted),
            };
            if let Some(answer) = answer {
                let _ = signals.send(Signal::Answered(native(n), attempt, answer, parts.clock.now(), None)).await;
            }
            tokio::time::sleep(Duration::from_millis(100) + parts.up_to(400)).await;
            if matches!(fate, Fate::Obeys | Fate::MovesSilently) {
                parts.hardware.arrive(n);
            }
            if fate == Fate::Obeys {
                let _ = signals.send(parts.report(n, How::Tagged(Method::Remote, None))).await;
            }
        });
    }
}

impl Link for Session {
    fn carry_out<'a>(&'a self, order: Order, gate: Gate<'a>) -> Later<'a, Result<(), NotWritten>> {
        Box::pin(async move {
            tokio::time::sleep(self.parts.up_to(4)).await;
            let Command::Move(wanted) = order.command else { return Err(NotWritten::Rejected("no".to_owned())) };
            let (n, fate) = (number(&order.lock), self.parts.fate());
            if !gate.is_open() {
                return Err(NotWritten::TooLate);
            }
            let received = Received { attempt: order.attempt, life: self.parts.life, wanted };
            if !self.parts.send(n, received, fate) {
                return Err(NotWritten::Unavailable(Unavailable::HubDisconnected));
            }
            if self.parts.mutant == Mutant::SendsTwice {
                self.parts.send(n, received, fate);
            }
            self.play(n, order.attempt, fate);
            Ok(())
        })
    }

    fn ask<'a>(&'a self, lock: &'a NativeId, read: ReadId) -> Later<'a, Result<(), NotWritten>> {
        let (parts, signals, n) = (Arc::clone(&self.parts), self.signals.clone(), number(lock));
        Box::pin(async move {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(5) + parts.up_to(50)).await;
                let fails = parts.chance.lock().unwrap().random_ratio(1, 20);
                let signal = if fails { Signal::ReadFailed(native(n), read) } else { parts.report(n, How::Read(read)) };
                let _ = signals.send(signal).await;
            });
            Ok(())
        })
    }
}

fn native(n: usize) -> NativeId {
    NativeId(n.to_string())
}

fn number(lock: &NativeId) -> usize {
    lock.as_str().parse().unwrap()
}

/// Which lock a device is.
pub(crate) fn number_of(device: &Device) -> usize {
    number(&device.about.native)
}

fn about(n: usize) -> About {
    About {
        native: native(n),
        name: format!("Door {n}"),
        device_type: "yale_lock".to_owned(),
        manufacturer: "yale".to_owned(),
        manufacturer_name: "Yale".to_owned(),
        model: "Assure".to_owned(),
        serial_number: None,
        can_lock: true,
        can_unlock: true,
        can_configure_auto_lock: false,
        has_keypad: false,
        has_direct_power: false,
    }
}
