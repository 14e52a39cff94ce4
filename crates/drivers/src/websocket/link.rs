//! The engine's side of a session: commands and reads.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use thumbturn_core::ids::NativeId;
use thumbturn_core::ports::{CodeSlots, Gate, Later, Link, NotWritten, Order, ReadId};

use super::desk::{Desk, Shared};
use super::{Claim, Hub, Outbox};
use crate::session::Tasks;

/// A live session. Dropping it ends the tasks and with them the connection and everything queued in it.
pub(super) struct SocketLink<H: Hub> {
    pub(super) shared: Arc<Shared<H>>,
    pub(super) codes: Option<Box<dyn CodeSlots>>,
    pub(super) tasks: Tasks,
    pub(super) _claim: Claim,
}

/// A command that waits. Conversations about its lock go after it.
struct KeptBack<'a, H: Hub> {
    shared: &'a Shared<H>,
    lock: &'a NativeId,
}

impl<'a, H: Hub> KeptBack<'a, H> {
    fn new(shared: &'a Shared<H>, lock: &'a NativeId) -> Self {
        shared.desk().keep_back(lock);
        Self { shared, lock }
    }
}

impl<H: Hub> Drop for KeptBack<'_, H> {
    fn drop(&mut self) {
        self.shared.desk().let_go(self.lock);
    }
}

impl<H: Hub> SocketLink<H> {
    /// Waits until the hub would pass the command on, and writes it.
    async fn command(&self, order: &Order, gate: Gate<'_>) -> Result<(), NotWritten> {
        let changed = Arc::clone(&self.shared.desk().changed);
        let mut kept_back = None;
        loop {
            let mut heard = pin!(changed.notified());
            // From here on nothing is missed.
            heard.as_mut().enable();
            if let Some(written) = self.try_command(order, gate) {
                return written;
            }
            kept_back.get_or_insert_with(|| KeptBack::new(&self.shared, &order.lock));
            heard.await;
        }
    }

    /// `None` if it has to wait.
    fn try_command(&self, order: &Order, gate: Gate<'_>) -> Option<Result<(), NotWritten>> {
        let mut desk = self.shared.desk();
        if let Err(over) = self.shared.connected() {
            return Some(Err(over));
        }
        if desk.hub.must_wait(&order.lock) {
            return None;
        }
        Some(self.write(&mut desk, order, gate))
    }

    fn write(&self, desk: &mut Desk<H>, order: &Order, gate: Gate<'_>) -> Result<(), NotWritten> {
        let ask = desk.hub.command(order)?;
        desk.has_room()?;
        let at = self.shared.clock.now();
        if !gate.is_open() {
            return Err(NotWritten::TooLate);
        }
        desk.write(ask.clone(), at)?;
        desk.hub.commanded(&ask, at);
        Ok(())
    }

    fn read(&self, lock: &NativeId, read: ReadId) -> Result<(), NotWritten> {
        let mut desk = self.shared.desk();
        self.shared.connected()?;
        let (now, mut out) = (self.shared.clock.now(), Outbox::default());
        let wanted = desk.hub.want_read(lock, read, now, &mut out);
        desk.settle_later(out, now);
        wanted
    }
}

impl<H: Hub> Link for SocketLink<H> {
    fn carry_out<'a>(&'a self, order: Order, gate: Gate<'a>) -> Later<'a, Result<(), NotWritten>> {
        Box::pin(async move {
            let written = self.command(&order, gate).await;
            self.shared.nudge.notify_one();
            written
        })
    }

    fn ask<'a>(&'a self, lock: &'a NativeId, read: ReadId) -> Later<'a, Result<(), NotWritten>> {
        Box::pin(async move {
            let asked = self.read(lock, read);
            self.shared.nudge.notify_one();
            asked
        })
    }

    fn rediscover(&self) -> Later<'_, ()> {
        Box::pin(async move {
            let now = self.shared.clock.now();
            self.shared.desk().list(now);
            self.shared.nudge.notify_one();
        })
    }

    fn codes(&self) -> Option<&dyn CodeSlots> {
        self.codes.as_deref()
    }
}

impl<H: Hub> Drop for SocketLink<H> {
    fn drop(&mut self) {
        // Whoever still holds the desk must not find a connection that looks alive.
        self.shared.alive.store(false, Ordering::Release);
        tracing::debug!(tasks = self.tasks.0.len(), "a session ends");
    }
}
