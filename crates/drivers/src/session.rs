//! What the drivers of hubs behind one connection have in common: how far a session is, and what its tasks and its link share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thumbturn_core::locks::Unavailable;
use thumbturn_core::ports::{Clock, ConnectError, NotWritten};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

/// How far a session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The locks are still being told.
    Starting,
    /// They were told.
    Synced,
    /// The connection is over.
    Ended(ConnectError),
}

/// Waits until the locks were told, so that the engine knows them before it commands them, but not longer than `limit`. If
/// the session is gone, `gone` says so.
pub(crate) async fn started(
    mut phases: watch::Receiver<Phase>,
    limit: Duration,
    gone: &str,
) -> Result<(), ConnectError> {
    let told = phases.wait_for(|phase| *phase != Phase::Starting);
    match tokio::time::timeout(limit, told).await {
        Ok(Ok(phase)) => match &*phase {
            Phase::Ended(why) => Err(why.clone()),
            Phase::Starting | Phase::Synced => Ok(()),
        },
        Ok(Err(_)) => Err(ConnectError::Unreachable(gone.to_owned())),
        Err(_) => Ok(()),
    }
}

/// Tasks that end when this is dropped.
#[derive(Debug)]
pub(crate) struct Tasks(pub(crate) Vec<AbortHandle>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

/// What the session's task and the link hold.
pub(crate) struct Shared<Desk> {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) alive: Arc<AtomicBool>,
    /// Something new may be due.
    pub(crate) nudge: Notify,
    desk: Mutex<Desk>,
}

impl<Desk> Shared<Desk> {
    pub(crate) fn new(clock: Arc<dyn Clock>, alive: Arc<AtomicBool>, desk: Desk) -> Self {
        Self { clock, alive, nudge: Notify::new(), desk: Mutex::new(desk) }
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a connection to write to.
    ///
    /// # Errors
    /// [`NotWritten::Unavailable`] if not.
    pub(crate) fn connected(&self) -> Result<(), NotWritten> {
        if self.alive.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(NotWritten::Unavailable(Unavailable::HubDisconnected))
        }
    }
}
