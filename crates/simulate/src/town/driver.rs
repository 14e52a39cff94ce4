//! The driver between the engine and the simulated hubs, one for each life of the server.

use std::sync::Arc;
use std::time::Duration;

use thumbturn_core::accounts::Account;
use thumbturn_core::commands::Command;
use thumbturn_core::devices::Device;
use thumbturn_core::ids::NativeId;
use thumbturn_core::locks::Unavailable;
use thumbturn_core::ports::{Clock, ConnectError, Driver, Gate, Later, Link, NotWritten, Order, ReadId, Signal};
use tokio::sync::mpsc;

use super::hub::{Hub, Session};
use super::lock::{DriverTrouble, ReadTrouble};
use crate::clock::SimClock;
use crate::judge::Judge;
use crate::life::Life;

pub(crate) struct SimDriver {
    pub(crate) hubs: Arc<Vec<Arc<Hub>>>,
    pub(crate) life: Arc<Life>,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) judge: Arc<Judge>,
}

impl Driver for SimDriver {
    fn connect<'a>(
        &'a self,
        account: &'a Account,
        _known: &'a [Device],
        signals: mpsc::Sender<Signal>,
    ) -> Later<'a, Result<Arc<dyn Link>, ConnectError>> {
        Box::pin(async move {
            self.life.step().await;
            let hub = self.hubs.iter().find(|hub| hub.account.id == account.id);
            let hub = hub.ok_or_else(|| ConnectError::BadConfig("no such hub".to_owned()))?;
            let session = hub.connect(signals).await?;
            self.life.step().await;
            let link = SimLink {
                hub: Arc::clone(hub),
                session,
                life: Arc::clone(&self.life),
                clock: Arc::clone(&self.clock),
                judge: Arc::clone(&self.judge),
            };
            Ok(Arc::new(link) as Arc<dyn Link>)
        })
    }
}

struct SimLink {
    hub: Arc<Hub>,
    session: Session,
    life: Arc<Life>,
    clock: Arc<SimClock>,
    judge: Arc<Judge>,
}

/// What a driver that panics says; nobody needs to read it.
pub(crate) struct DriverPanicked;

const NO_SUCH_LOCK: &str = "The hub has no such lock.";

impl SimLink {
    /// A trouble strikes now, perhaps long after it was prepared.
    fn disturbed(&self, n: usize, is_disturbed: bool) {
        if is_disturbed {
            self.hub.lock(n, |lock| lock.door.look().disturb(self.clock.now().steady));
        }
    }

    /// Asks the gate and writes, without anything between the two.
    fn write(&self, n: usize, order: &Order, gate: Gate<'_>) -> Result<(), NotWritten> {
        let Command::Move(wanted) = order.command else {
            return Err(NotWritten::Rejected("The lock has no such command.".to_owned()));
        };
        if !self.session.is_live() {
            return Err(NotWritten::Unavailable(Unavailable::HubDisconnected));
        }
        if !gate.is_open() {
            return Err(NotWritten::TooLate);
        }
        let trouble = self.hub.lock(n, |lock| lock.next.take());
        self.judge.wrote(order.attempt, self.life.number, trouble);
        tokio::spawn(Arc::clone(&self.hub).play(n, order.attempt, wanted, trouble));
        Ok(())
    }
}

impl Link for SimLink {
    fn carry_out<'a>(&'a self, order: Order, gate: Gate<'a>) -> Later<'a, Result<(), NotWritten>> {
        Box::pin(async move {
            self.life.step().await;
            let n = self.hub.find(&order.lock).ok_or_else(|| NotWritten::Rejected(NO_SUCH_LOCK.to_owned()))?;
            let trouble = self.hub.lock(n, |lock| lock.driver.take());
            self.disturbed(n, trouble.is_some());
            match trouble {
                Some(DriverTrouble::Hangs) => std::future::pending().await,
                Some(DriverTrouble::Slow(ms)) => self.clock.pass(ms).await,
                Some(DriverTrouble::Rejects) => return Err(NotWritten::Rejected("The queue is full.".to_owned())),
                Some(DriverTrouble::Panics) => std::panic::panic_any(DriverPanicked),
                Some(DriverTrouble::HangsAfter) | None => {}
            }
            self.life.step().await;
            self.write(n, &order, gate)?;
            self.life.step().await;
            if matches!(trouble, Some(DriverTrouble::HangsAfter)) {
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    }

    fn ask<'a>(&'a self, lock: &'a NativeId, read: ReadId) -> Later<'a, Result<(), NotWritten>> {
        Box::pin(async move {
            self.life.step().await;
            let n = self.hub.find(lock).ok_or_else(|| NotWritten::Rejected(NO_SUCH_LOCK.to_owned()))?;
            if !self.session.is_live() {
                return Err(NotWritten::Unavailable(Unavailable::HubDisconnected));
            }
            let (trouble, ms) = self.hub.lock(n, |lock| (lock.reads.pop_front(), lock.dice.between(30, 150)));
            self.judge.asked(self.hub.lock(n, |lock| lock.index));
            self.disturbed(n, trouble.is_some());
            let asked = self.clock.now().steady;
            let ms = match trouble {
                Some(ReadTrouble::Hangs) => std::future::pending().await,
                Some(ReadTrouble::Never) => return Ok(()),
                Some(ReadTrouble::Late(ms)) => ms,
                Some(ReadTrouble::Fails) | None => ms,
            };
            let fails = matches!(trouble, Some(ReadTrouble::Fails));
            tokio::spawn(answer_read(
                Arc::clone(&self.hub),
                self.session.clone(),
                Arc::clone(&self.clock),
                Question { n, read, asked },
                ms,
                fails,
            ));
            Ok(())
        })
    }
}

/// A read of lock `n`, and when it was asked.
#[derive(Clone, Copy)]
struct Question {
    n: usize,
    read: ReadId,
    asked: Duration,
}

async fn answer_read(hub: Arc<Hub>, session: Session, clock: Arc<SimClock>, question: Question, ms: u64, fails: bool) {
    let Question { n, read, asked } = question;
    // What it says is what was true when the lock was asked, and its answer has a way to go.
    clock.pass(ms / 2).await;
    let said = hub.lock(n, |lock| lock.says());
    clock.pass(ms - ms / 2).await;
    if !session.is_live() {
        return;
    }
    if fails || !hub.reaches(n) {
        hub.read_failed(n, read).await;
    } else {
        hub.answer_read(n, said, read, asked).await;
    }
}
