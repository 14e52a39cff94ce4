//! Conversations: requests to a hub whose answer somebody in this process waits for, one after the other, as when a code is
//! written and read back. (For what the engine commands and reads, nobody waits: `link`.)

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use thumbturn_core::locks::Unavailable;
use thumbturn_core::ports::{Gate, NotWritten};
use thumbturn_core::time::Moment;
use tokio::sync::oneshot;

use super::desk::Shared;
use super::{Ask as _, Hub};

/// How long a request waits for what its hub has to do before: a lock that keeps it busy for longer does not answer.
const KEPT_BACK: Duration = Duration::from_secs(30);

/// A way to talk to a hub for as long as its session lasts.
pub(crate) struct Line<H: Hub>(pub(super) Arc<Shared<H>>);

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// It was not written.
    NotWritten(NotWritten),
    /// Nothing came within its limit, or the connection was lost.
    Silence,
}

/// The number of a request, and where its answer comes.
type Written<H> = (u64, oneshot::Receiver<<H as Hub>::Heard>);

/// Somebody who waits. When that is over, the answer is nobody's.
struct Waiting<'a, H: Hub> {
    shared: &'a Shared<H>,
    number: u64,
}

impl<H: Hub> Drop for Waiting<'_, H> {
    fn drop(&mut self) {
        self.shared.desk().stop_waiting(self.number);
    }
}

impl<H: Hub> Line<H> {
    /// Asks, and waits for the answer as long as the request has patience. With a `gate` it is a command, which is written only
    /// while that is open. Dropped before it was written, it never is.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub(crate) async fn ask(&self, ask: H::Ask, gate: Option<Gate<'_>>) -> Result<H::Heard, Unanswered> {
        let patience = ask.patience();
        let (number, answer) = self.written(&ask, gate).await.map_err(Unanswered::NotWritten)?;
        let _waiting = Waiting { shared: &self.0, number };
        // The session has a new limit to keep.
        self.0.nudge.notify_one();
        tokio::select! {
            biased;
            heard = answer => heard.map_err(|_| Unanswered::Silence),
            () = self.pause(patience) => Err(Unanswered::Silence),
        }
    }

    /// Waits until the hub would pass the request on, and writes it.
    async fn written(&self, ask: &H::Ask, gate: Option<Gate<'_>>) -> Result<Written<H>, NotWritten> {
        let changed = Arc::clone(&self.0.desk().changed);
        let mut too_long = pin!(self.pause(KEPT_BACK));
        loop {
            let mut heard = pin!(changed.notified());
            // From here on nothing is missed.
            heard.as_mut().enable();
            if let Some(written) = self.write(ask, gate)? {
                return Ok(written);
            }
            tokio::select! {
                () = heard => {}
                () = &mut too_long => return Err(NotWritten::Unavailable(Unavailable::DeviceDisconnected)),
            }
        }
    }

    /// `None` if it has to wait.
    fn write(&self, ask: &H::Ask, gate: Option<Gate<'_>>) -> Result<Option<Written<H>>, NotWritten> {
        let mut desk = self.0.desk();
        self.0.connected()?;
        if !desk.admits(ask)? {
            return Ok(None);
        }
        desk.has_room()?;
        let at = self.now();
        if gate.is_some_and(|gate| !gate.is_open()) {
            return Err(NotWritten::TooLate);
        }
        desk.ask(ask.clone(), at).map(Some)
    }

    /// Asks without waiting: the answer is the hub's to hear. What cannot be written now is left.
    pub(crate) fn send(&self, ask: H::Ask) {
        let mut desk = self.0.desk();
        if self.0.connected().is_ok() && desk.has_room().is_ok() {
            // The connection may end in this moment, and with it whatever this was about.
            let _ = desk.write(ask, self.now());
        }
        drop(desk);
        self.0.nudge.notify_one();
    }

    /// Waits until what the hub has told is as wanted, but no longer than that.
    pub(crate) async fn until<T>(&self, limit: Duration, look: impl Fn(&mut H) -> Option<T>) -> Option<T> {
        let changed = Arc::clone(&self.0.desk().changed);
        let end = self.now().after(limit).steadily();
        loop {
            let mut heard = pin!(changed.notified());
            // From here on nothing is missed.
            heard.as_mut().enable();
            if let Some(found) = self.look(&look) {
                return Some(found);
            }
            tokio::select! {
                () = heard => {}
                () = self.0.clock.sleep_until(end) => return self.look(&look),
            }
        }
    }

    /// Looks at the hub's value. Never held over a wait.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut H) -> T) -> T {
        look(&mut self.0.desk().hub)
    }

    /// Now.
    pub(crate) fn now(&self) -> Moment {
        self.0.clock.now()
    }

    /// Waits.
    pub(crate) async fn pause(&self, pause: Duration) {
        self.0.clock.sleep_until(self.now().after(pause).steadily()).await;
    }
}
