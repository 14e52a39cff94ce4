//! The port of the engine: connecting to a virtual hub, and the task that keeps it going.

use std::sync::Arc;
use std::time::Duration;

use thumbturn_core::accounts::Account;
use thumbturn_core::devices::{Device, OfflineBecause, Reach};
use thumbturn_core::ids::{AccountId, NativeId};
use thumbturn_core::ports::{Clock, ConnectError, Driver, Gate, Later, Link, NotWritten, Order, ReadId, Signal};
use thumbturn_core::time::Moment;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use super::config::parse_config;
use super::hub::{Hub, Turn};
use super::hubs::SandboxHubs;
use super::line::SessionNumber;

/// What makes time go on in a virtual hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It runs by itself, on the driver's clock.
    Runs,
    /// Time stands still but for [`SandboxHubs::step`], [`SandboxHubs::advance_to`] and [`SandboxHubs::advance_by`].
    /// Without latency everything happens at once all the same. What is heard carries the time of the driver's clock.
    Steps,
}

/// The driver of virtual locks.
pub struct SandboxDriver {
    hubs: SandboxHubs,
    clock: Arc<dyn Clock>,
    pace: Pace,
}

impl SandboxDriver {
    /// A driver whose hubs go at `pace`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, pace: Pace) -> Self {
        Self { hubs: SandboxHubs::default(), clock, pace }
    }

    /// The hubs behind it, for looking at and touching their locks.
    #[must_use]
    pub fn hubs(&self) -> SandboxHubs {
        self.hubs.clone()
    }

    fn begin(
        &self,
        account: &Account,
        known: &[Device],
        signals: mpsc::Sender<Signal>,
    ) -> Result<Arc<dyn Link>, ConnectError> {
        let config = parse_config(&account.config).map_err(|problem| ConnectError::BadConfig(problem.to_string()))?;
        let hub = self.hubs.open(account, config, known, &self.clock, self.pace);
        hub.log_in()?;
        let gone = known.iter().filter(|device| is_gone(device, &hub)).map(|device| device.about.native.clone());
        let gone = gone.collect();
        let (number, wake) = hub.open(signals.clone());
        let session = Session { hub: Arc::clone(&hub), number, wake, signals, clock: Arc::clone(&self.clock) };
        let task = tokio::spawn(session.run(gone)).abort_handle();
        Ok(Arc::new(SandboxLink { hub, number, task }))
    }
}

impl Driver for SandboxDriver {
    fn connect<'a>(
        &'a self,
        account: &'a Account,
        known: &'a [Device],
        signals: mpsc::Sender<Signal>,
    ) -> Later<'a, Result<Arc<dyn Link>, ConnectError>> {
        Box::pin(async move { self.begin(account, known, signals) })
    }

    fn forget(&self, account: AccountId) {
        self.hubs.forget(account);
    }

    /// Virtual batteries and radios need no sparing.
    fn resync_pace(&self) -> Duration {
        Duration::ZERO
    }
}

/// Whether the hub no longer has a lock that it had, since the account now asks for fewer.
fn is_gone(device: &Device, hub: &Hub) -> bool {
    let is_told = matches!(device.state.reach, Reach::Offline { because: OfflineBecause::DeviceRemoved, .. });
    !is_told && !hub.has(&device.about.native)
}

struct SandboxLink {
    hub: Arc<Hub>,
    number: SessionNumber,
    task: AbortHandle,
}

impl Link for SandboxLink {
    fn carry_out<'a>(&'a self, order: Order, gate: Gate<'a>) -> Later<'a, Result<(), NotWritten>> {
        Box::pin(async move {
            self.hub.while_busy(&order).await;
            self.hub.carry_out(self.number, &order, gate)
        })
    }

    fn ask<'a>(&'a self, lock: &'a NativeId, read: ReadId) -> Later<'a, Result<(), NotWritten>> {
        Box::pin(async move { self.hub.ask(self.number, lock, read) })
    }

    fn let_go(&self, lock: &NativeId) -> bool {
        self.hub.let_go(self.number, lock)
    }

    fn rediscover(&self) -> Later<'_, ()> {
        Box::pin(async move { self.hub.rediscover(self.number) })
    }
}

impl Drop for SandboxLink {
    fn drop(&mut self) {
        self.hub.close(self.number);
        self.task.abort();
    }
}

/// The task of one session: greets, then lets time go on and delivers what found no room in the channel.
struct Session {
    hub: Arc<Hub>,
    number: SessionNumber,
    wake: Arc<Notify>,
    signals: mpsc::Sender<Signal>,
    clock: Arc<dyn Clock>,
}

/// Nobody listens any more.
struct Unheard;

impl<T> From<mpsc::error::SendError<T>> for Unheard {
    fn from(_: mpsc::error::SendError<T>) -> Self {
        Self
    }
}

impl Session {
    async fn run(self, gone: Vec<NativeId>) {
        if self.greet(gone).await.is_ok() {
            // It ends because nobody listens or because its successor took over; either way there is nothing to tell.
            let _ = self.keep_going().await;
        }
        self.hub.close(self.number);
    }

    async fn greet(&self, gone: Vec<NativeId>) -> Result<(), Unheard> {
        for native in gone {
            self.signals.send(Signal::Gone(native)).await?;
        }
        let mut lock = 0;
        while let Some(signals) = self.hub.introduce(lock) {
            for signal in signals {
                self.signals.send(signal).await?;
            }
            lock += 1;
        }
        self.hub.greeted(self.number, self.signals.reserve().await?);
        Ok(())
    }

    async fn keep_going(&self) -> Result<(), Unheard> {
        loop {
            match self.hub.turn(self.number) {
                Turn::Over => return Ok(()),
                Turn::Deliver => self.hub.deliver(self.number, self.signals.reserve().await?),
                Turn::Sleep(until) => self.sleep(until).await?,
            }
        }
    }

    async fn sleep(&self, until: Option<Moment>) -> Result<(), Unheard> {
        tokio::select! {
            () = self.wake.notified() => Ok(()),
            () = sleep_until(self.clock.as_ref(), until) => Ok(()),
            () = self.signals.closed() => Err(Unheard),
        }
    }
}

async fn sleep_until(clock: &dyn Clock, until: Option<Moment>) {
    match until {
        Some(until) => clock.sleep_until(until).await,
        None => std::future::pending().await,
    }
}
