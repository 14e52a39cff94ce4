//! What the session and its link share: the hub, the way into the connection, and what was asked.
//!
//! All of it lies behind one mutex that is held for microseconds and never across a wait, so an answer cannot be worked
//! through before the request it belongs to was noted.

use std::collections::HashMap;
use std::sync::Arc;

use thumbturn_core::ids::NativeId;
use thumbturn_core::locks::Unavailable;
use thumbturn_core::ports::{NotWritten, Signal};
use thumbturn_core::time::Moment;
use tokio::sync::{Notify, oneshot};

use super::connection::Outgoing;
use super::{Ask as _, Hub, Outbox};

/// Requests that may be open.
const MOST_OPEN: usize = 4096;

/// Requests that may wait for the connection before a command is turned away: it would be written late.
const MOST_WAITING: usize = 64;

/// What the session's task and the link hold.
pub(super) type Shared<H> = crate::session::Shared<Desk<H>>;

/// See the module.
pub(super) struct Desk<H: Hub> {
    pub(super) hub: H,
    outgoing: Outgoing,
    /// What the hub is called in a sentence.
    name: &'static str,
    number: u64,
    open: HashMap<u64, (H::Ask, Moment)>,
    /// Who waits for the answers to some of them.
    waiting: HashMap<u64, oneshot::Sender<H::Heard>>,
    /// The locks whose commands are kept back for now.
    kept_back: Vec<NativeId>,
    /// What the link brought about and the session has yet to tell.
    untold: Vec<Signal>,
    /// Tells whoever waits with a command that something was heard.
    pub(super) changed: Arc<Notify>,
}

impl<H: Hub> Desk<H> {
    pub(super) fn new(hub: H, outgoing: Outgoing, name: &'static str) -> Self {
        Self {
            hub,
            outgoing,
            name,
            number: 0,
            open: HashMap::new(),
            waiting: HashMap::new(),
            kept_back: Vec::new(),
            untold: Vec::new(),
            changed: Arc::default(),
        }
    }

    /// Has the hub tell its locks.
    pub(super) fn list(&mut self, at: Moment) {
        let mut out = Outbox::default();
        self.hub.list(&mut out);
        self.settle_later(out, at);
    }

    /// Whether a command would be written at once.
    ///
    /// # Errors
    /// [`NotWritten::Rejected`] if the connection does not keep up.
    pub(super) fn has_room(&self) -> Result<(), NotWritten> {
        if self.outgoing.waiting() < MOST_WAITING && self.open.len() < MOST_OPEN {
            Ok(())
        } else {
            Err(NotWritten::Rejected(format!("The connection to the {} does not keep up.", self.name)))
        }
    }

    /// Hands one request to the connection.
    ///
    /// # Errors
    /// [`NotWritten::Unavailable`] if it is over.
    pub(super) fn write(&mut self, ask: H::Ask, at: Moment) -> Result<(), NotWritten> {
        self.number += 1;
        let limit = ask.limit();
        if !self.outgoing.write(ask.message(self.number)) {
            return Err(NotWritten::Unavailable(Unavailable::HubDisconnected));
        }
        self.open.insert(self.number, (ask, at.after(limit).steadily()));
        Ok(())
    }

    /// Hands over a request whose answer somebody waits for: its number, and where the answer comes.
    ///
    /// # Errors
    /// [`NotWritten::Unavailable`] if the connection is over.
    pub(super) fn ask(&mut self, ask: H::Ask, at: Moment) -> Result<(u64, oneshot::Receiver<H::Heard>), NotWritten> {
        self.write(ask.clone(), at)?;
        self.hub.commanded(&ask, at);
        let (waiting, answer) = oneshot::channel();
        self.waiting.insert(self.number, waiting);
        Ok((self.number, answer))
    }

    /// Who waits for the answer to this request.
    pub(super) fn waiting(&mut self, number: u64) -> Option<oneshot::Sender<H::Heard>> {
        self.waiting.remove(&number)
    }

    /// Nobody waits for that answer any more. The request stays open: what comes is the hub's to hear.
    pub(super) fn stop_waiting(&mut self, number: u64) {
        self.waiting.remove(&number);
    }

    /// The connection is over: nothing that is waited for will come.
    pub(super) fn hang_up(&mut self) {
        self.waiting.clear();
        self.changed.notify_waiters();
    }

    /// Whether a request of a conversation can be passed on now.
    ///
    /// # Errors
    /// As [`Hub::admits`].
    pub(super) fn admits(&self, ask: &H::Ask) -> Result<bool, NotWritten> {
        self.hub.admits(ask, &self.kept_back)
    }

    /// A command for a lock is kept back from now on.
    pub(super) fn keep_back(&mut self, lock: &NativeId) {
        self.kept_back.push(lock.clone());
    }

    /// It no longer is.
    pub(super) fn let_go(&mut self, lock: &NativeId) {
        if let Some(place) = self.kept_back.iter().position(|kept| kept == lock) {
            self.kept_back.swap_remove(place);
        }
        self.changed.notify_waiters();
    }

    /// The request of this number, once.
    pub(super) fn take(&mut self, number: u64) -> Option<H::Ask> {
        self.open.remove(&number).map(|(ask, _)| ask)
    }

    /// Asks the hub for what an outbox asks, and leaves the signals.
    pub(super) fn settle(&mut self, out: Outbox<H::Ask>, at: Moment) -> Vec<Signal> {
        for ask in out.asks {
            if self.open.len() >= MOST_OPEN || self.write(ask.clone(), at).is_err() {
                tracing::debug!(?ask, "a request was not sent: the connection does not keep up");
            }
        }
        self.changed.notify_waiters();
        let mut signals = std::mem::take(&mut self.untold);
        signals.extend(out.signals);
        signals
    }

    /// The same for what the link brought about: the session tells it.
    pub(super) fn settle_later(&mut self, out: Outbox<H::Ask>, at: Moment) {
        let signals = self.settle(out, at);
        self.untold = signals;
    }

    /// When something is due.
    pub(super) fn wake_at(&self, now: Moment) -> Option<Moment> {
        let limits = self.open.values().map(|(_, limit)| *limit);
        limits.chain(self.hub.wake_at(now)).min_by_key(|at| at.steady)
    }

    /// Does what is due at `now`.
    pub(super) fn tick(&mut self, now: Moment) -> Vec<Signal> {
        let mut out = Outbox::default();
        let late: Vec<u64> =
            self.open.iter().filter(|(_, (_, limit))| now.reached(*limit)).map(|(number, _)| *number).collect();
        for number in late {
            // Whoever waits for it no longer does.
            self.stop_waiting(number);
            if let Some(ask) = self.take(number) {
                self.hub.unanswered(&ask, now, &mut out);
            }
        }
        self.hub.tick(now, &mut out);
        self.settle(out, now)
    }
}
