//! The engine's side of a session: commands and reads.

use std::sync::Arc;

use thumbturn_core::commands::{AutoLock, Command};
use thumbturn_core::ids::NativeId;
use thumbturn_core::ports::{Gate, Later, Link, NotWritten, Order, ReadId};

use super::desk::{Desk, Shared};
use crate::session::Tasks;

/// A live session. Dropping it ends the tasks and with them the connection and everything queued in it.
pub(super) struct MqttLink {
    pub(super) shared: Arc<Shared>,
    pub(super) tasks: Tasks,
}

/// What is said of a command that no hub has words for.
const NO_WORDS: &str = "Over MQTT nothing can be done at the keypad of a lock.";

impl MqttLink {
    fn command(&self, order: &Order, gate: Gate<'_>) -> Result<(), NotWritten> {
        let mut desk = self.shared.desk();
        self.shared.connected()?;
        let wanted = match order.command {
            Command::Move(wanted) => wanted,
            Command::AutoLock(to) => return self.auto_lock(&mut desk, order, to, gate),
            Command::Simulate(_) => return Err(NotWritten::Rejected(NO_WORDS.to_owned())),
        };
        let command = desk.state.command(&order.lock, wanted)?;
        let owner = command.accepted_by_broker.then(|| (order.lock.clone(), order.attempt));
        let at = self.shared.clock.now();
        if !gate.is_open() {
            return Err(NotWritten::TooLate);
        }
        desk.write(&command.topic, command.payload, owner)?;
        desk.state.commanded(&order.lock, order.attempt, at);
        Ok(())
    }

    /// Writes a setting once; that it is read back follows from what the hub says of it.
    fn auto_lock(&self, desk: &mut Desk, order: &Order, to: AutoLock, gate: Gate<'_>) -> Result<(), NotWritten> {
        let (topic, payload, value) = desk.state.auto_lock(&order.lock, to)?;
        let at = self.shared.clock.now();
        if !gate.is_open() {
            return Err(NotWritten::TooLate);
        }
        desk.write(&topic, payload, None)?;
        desk.state.set(&order.lock, order.attempt, value, at);
        Ok(())
    }

    fn read(&self, lock: &NativeId, read: ReadId) -> Result<(), NotWritten> {
        let mut desk = self.shared.desk();
        self.shared.connected()?;
        let (topic, payload) = desk.state.read(lock)?;
        let at = self.shared.clock.now();
        desk.write(&topic, payload, None)?;
        desk.state.asked(lock, read, at);
        Ok(())
    }
}

impl Link for MqttLink {
    fn carry_out<'a>(&'a self, order: Order, gate: Gate<'a>) -> Later<'a, Result<(), NotWritten>> {
        Box::pin(async move {
            let written = self.command(&order, gate);
            self.shared.nudge.notify_one();
            written
        })
    }

    fn ask<'a>(&'a self, lock: &'a NativeId, read: ReadId) -> Later<'a, Result<(), NotWritten>> {
        Box::pin(async move {
            let written = self.read(lock, read);
            self.shared.nudge.notify_one();
            written
        })
    }

    fn rediscover(&self) -> Later<'_, ()> {
        Box::pin(async move { self.shared.desk().rediscover() })
    }
}

impl Drop for MqttLink {
    fn drop(&mut self) {
        // Whoever still holds the desk must not find a connection that looks alive.
        self.shared.alive.store(false, std::sync::atomic::Ordering::Release);
        tracing::debug!(tasks = self.tasks.0.len(), "an MQTT session ends");
    }
}
