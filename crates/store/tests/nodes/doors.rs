//! Doors that every node reaches, as hubs on a network are, and that keep count of who commanded them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use thumbturn_core::accounts::Account;
use thumbturn_core::commands::Command;
use thumbturn_core::devices::{About, Device};
use thumbturn_core::events::Method;
use thumbturn_core::ids::{AccountId, AttemptId, NativeId};
use thumbturn_core::locks::{Bolt, Reachability, Traits};
use thumbturn_core::ports::{
    Answer, Clock, ConnectError, Driver, Gate, How, Later, Link, NotWritten, Order, ReadId, Report, Said, Signal,
};
use tokio::sync::mpsc;

/// How long a bolt takes.
const MOTOR: Duration = Duration::from_millis(15);

/// Every door of every hub, whoever is connected.
#[derive(Default)]
pub(crate) struct Doors(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    bolts: HashMap<AccountId, Bolt>,
    /// How often each attempt was commanded, and when last by the clock of the test.
    commands: HashMap<AttemptId, (usize, jiff::Timestamp)>,
    what: HashMap<AttemptId, Command>,
    /// Who listens to each hub.
    listeners: HashMap<AccountId, Vec<Weak<Wire>>>,
}

impl Doors {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often the command of an attempt came, and when.
    pub(crate) fn commanded(&self, attempt: AttemptId) -> Option<(usize, jiff::Timestamp)> {
        self.inside().commands.get(&attempt).copied()
    }

    /// What the command of an attempt was.
    pub(crate) fn last_command(&self, attempt: AttemptId) -> Option<Command> {
        self.inside().what.get(&attempt).cloned()
    }

    /// Attempts whose command came more than once.
    pub(crate) fn commanded_twice(&self) -> Vec<AttemptId> {
        self.inside().commands.iter().filter(|(_, (count, _))| *count > 1).map(|(attempt, _)| *attempt).collect()
    }

    fn bolt(&self, account: AccountId) -> Bolt {
        self.inside().bolts.get(&account).copied().unwrap_or(Bolt::Locked)
    }

    fn move_bolt(&self, account: AccountId, to: Bolt) -> Vec<Arc<Wire>> {
        let mut inside = self.inside();
        inside.bolts.insert(account, to);
        inside.listeners.entry(account).or_default().iter().filter_map(Weak::upgrade).collect()
    }
}

/// The driver of one node. Each hub has one door, named as its account.
pub(crate) struct Builder {
    pub(crate) doors: Arc<Doors>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// One node's connection to one hub.
struct Wire {
    account: AccountId,
    doors: Arc<Doors>,
    clock: Arc<dyn Clock>,
    signals: mpsc::Sender<Signal>,
}

pub(crate) fn about(account: AccountId) -> About {
    About {
        native: NativeId(account.to_string()),
        name: "Door".to_owned(),
        device_type: "yale_lock".to_owned(),
        manufacturer: "yale".to_owned(),
        manufacturer_name: "Yale".to_owned(),
        model: "Conexis".to_owned(),
        serial_number: None,
        can_lock: true,
        can_unlock: true,
        can_configure_auto_lock: true,
        has_keypad: true,
        has_direct_power: false,
    }
}

const TRAITS: Traits = Traits {
    reports: true,
    readable: true,
    tags: true,
    margin: Duration::from_millis(500),
    settle: Duration::from_millis(500),
    settle_unchanged: Duration::from_millis(200),
};

impl Driver for Builder {
    fn connect<'a>(
        &'a self,
        account: &'a Account,
        _known: &'a [Device],
        signals: mpsc::Sender<Signal>,
    ) -> Later<'a, Result<Arc<dyn Link>, ConnectError>> {
        Box::pin(async move {
            let (doors, clock) = (Arc::clone(&self.doors), Arc::clone(&self.clock));
            let wire = Arc::new(Wire { account: account.id, doors, clock, signals });
            self.doors.inside().listeners.entry(account.id).or_default().push(Arc::downgrade(&wire));
            let native = NativeId(account.id.to_string());
            let discovered = Signal::Discovered { about: Box::new(about(account.id)), traits: TRAITS };
            let reach = Signal::Reach(native, Reachability::Reachable);
            for signal in [discovered, reach, Signal::Synced] {
                let _ = wire.signals.send(signal).await;
            }
            Ok(wire as Arc<dyn Link>)
        })
    }

    fn resync_pace(&self) -> Duration {
        Duration::ZERO
    }
}

impl Wire {
    fn native(&self) -> NativeId {
        NativeId(self.account.to_string())
    }

    async fn say(&self, signal: Signal) {
        let _ = self.signals.send(signal).await;
    }

    async fn report(&self, bolt: Bolt, how: How) {
        let (said, heard) = (Said::At(bolt), self.clock.now());
        let report = Report { said, how, heard, occurred_at: None, sequence: None };
        self.say(Signal::Said(self.native(), report, None)).await;
    }
}

impl Link for Wire {
    fn carry_out<'a>(&'a self, order: Order, gate: Gate<'a>) -> Later<'a, Result<(), NotWritten>> {
        Box::pin(async move {
            if !gate.is_open() {
                return Err(NotWritten::TooLate);
            }
            let count = |inside: &mut Inside| {
                let command = inside.commands.entry(order.attempt).or_insert((0, jiff::Timestamp::MIN));
                *command = (command.0 + 1, jiff::Timestamp::now());
                inside.what.insert(order.attempt, order.command.clone());
            };
            count(&mut self.doors.inside());
            let (doors, clock, signals) = (Arc::clone(&self.doors), Arc::clone(&self.clock), self.signals.clone());
            let account = self.account;
            tokio::spawn(async move {
                let wire = Self { account, doors, clock, signals };
                let accepted = Signal::Answered(wire.native(), order.attempt, Answer::Accepted, wire.clock.now(), None);
                if let Command::Move(to) = order.command {
                    tokio::time::sleep(MOTOR).await;
                    for listener in wire.doors.move_bolt(account, to) {
                        listener.report(to, How::Tagged(Method::Remote, None)).await;
                    }
                }
                wire.say(accepted).await;
            });
            Ok(())
        })
    }

    fn ask<'a>(&'a self, _lock: &'a NativeId, read: ReadId) -> Later<'a, Result<(), NotWritten>> {
        Box::pin(async move {
            self.report(self.doors.bolt(self.account), How::Read(read)).await;
            Ok(())
        })
    }
}
