//! The way of a hub's signals to the engine: bounded, in order, without loss while a session listens.

use std::collections::VecDeque;
use std::sync::Arc;

use thumbturn_core::ports::Signal;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, Permit, error::TrySendError};

/// With so many signals waiting, the hub takes nothing more until the engine has caught up. Enough for every lock of
/// the largest hub to be read back at once.
const MOST_WAITING: usize = 65_536;

/// Numbers a session, so that an old one cannot speak for its successor.
pub(super) type SessionNumber = u64;

struct Session {
    number: SessionNumber,
    signals: mpsc::Sender<Signal>,
    wake: Arc<Notify>,
    greeted: bool,
}

/// The line to the engine. What fits into the channel goes at once; the rest waits for the session's task.
#[derive(Default)]
pub(super) struct Line {
    session: Option<Session>,
    sessions: SessionNumber,
    waiting: VecDeque<Signal>,
}

impl Line {
    /// Opens the line for a new session; an older one is over.
    pub(super) fn open(&mut self, signals: mpsc::Sender<Signal>) -> (SessionNumber, Arc<Notify>) {
        self.hang_up();
        self.sessions += 1;
        let wake = Arc::new(Notify::new());
        let session = Session { number: self.sessions, signals, wake: Arc::clone(&wake), greeted: false };
        self.session = Some(session);
        (self.sessions, wake)
    }

    /// Ends the session `number`, if it is not over already.
    pub(super) fn close(&mut self, number: SessionNumber) {
        if self.is(number) {
            self.hang_up();
        }
    }

    /// Ends whatever session there is.
    pub(super) fn hang_up(&mut self) {
        self.waiting.clear();
        if let Some(session) = self.session.take() {
            session.wake.notify_one();
        }
    }

    pub(super) fn is(&self, number: SessionNumber) -> bool {
        self.session.as_ref().is_some_and(|session| session.number == number)
    }

    pub(super) const fn is_open(&self) -> bool {
        self.session.is_some()
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < MOST_WAITING
    }

    pub(super) fn is_clear(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn wake(&self) {
        if let Some(session) = &self.session {
            session.wake.notify_one();
        }
    }

    /// Sends the last words of the greeting; from here on signals go directly.
    pub(super) fn greeted(&mut self, number: SessionNumber, permit: Permit<'_, Signal>) {
        let Some(session) = self.session.as_mut().filter(|session| session.number == number) else { return };
        session.greeted = true;
        permit.send(Signal::Synced);
    }

    /// Sends a signal, or lets it wait behind those that wait already. Nobody listens: it is forgotten.
    pub(super) fn send(&mut self, signal: Signal) {
        let Some(session) = &self.session else { return };
        if !session.greeted || !self.waiting.is_empty() {
            self.waiting.push_back(signal);
            return;
        }
        match session.signals.try_send(signal) {
            Ok(()) => {}
            Err(TrySendError::Full(signal)) => self.waiting.push_back(signal),
            Err(TrySendError::Closed(_)) => self.hang_up(),
        }
    }

    /// Uses `permit`, and whatever room the channel has beyond it, for the signals that wait.
    pub(super) fn deliver(&mut self, number: SessionNumber, permit: Permit<'_, Signal>) {
        if !self.is(number) {
            return;
        }
        if let Some(signal) = self.waiting.pop_front() {
            permit.send(signal);
        }
        let Some(session) = &self.session else { return };
        while !self.waiting.is_empty()
            && let Ok(permit) = session.signals.try_reserve()
            && let Some(signal) = self.waiting.pop_front()
        {
            permit.send(signal);
        }
    }
}
