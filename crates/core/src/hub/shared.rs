//! What every task of the engine holds: the ports, the settings and the waiters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{RwLock, Semaphore};

use super::census::Standings;
use super::waiters::Waiters;
use crate::change::Change;
use crate::ids::{EventId, NodeId};
use crate::meter::Meter;
use crate::ports::{self, Clock, CommitError, Later, ReadId, Store, StoreError};
use crate::time::Moment;

/// Settings of the engine.
#[derive(Clone, Copy, Debug)]
pub struct EngineSettings {
    /// How long an attempt may take in all. Default 30 s.
    pub deadline: Duration,
    /// How many attempts may wait for one lock. Default 32.
    pub queue_per_lock: usize,
    /// How long after a restart a lock's hub may take before the attempts that were left over are called unknown.
    pub recovery: Duration,
    /// How many reads of a lock on batteries may go out in a day that decide no attempt. Default 48.
    pub reads_per_day: u32,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            queue_per_lock: 32,
            recovery: Duration::from_secs(10),
            reads_per_day: 48,
        }
    }
}

#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: EngineSettings,
    pub(crate) waiters: Arc<Waiters>,
    /// Held alone to change what is in spaces; with others, to find that something is in none. Whoever holds it waits
    /// for the store and for nobody else.
    pub(crate) spaces: Arc<RwLock<()>>,
    pub(crate) meter: Arc<dyn Meter>,
    pub(crate) standings: Arc<Standings>,
    /// Places in the store's queue for what is nobody's attempt.
    aside: Arc<Semaphore>,
    reads: Arc<AtomicU64>,
    /// The node that the tasks with this serve for. Once that was ended, they write nothing any more, neither to the store
    /// nor to a hub. `None` where there are no nodes, and for what is not about a hub.
    pub(crate) tenure: Option<NodeId>,
}

/// How many of those are there: enough for two transactions. A hub with a hundred thousand locks must leave room for the
/// attempts and the callers of others.
const ASIDE: usize = 1_024;

/// First and longest wait between tries to commit what must be committed.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

impl Shared {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        settings: EngineSettings,
        meter: Arc<dyn Meter>,
    ) -> Self {
        let (waiters, standings, spaces) = Default::default();
        let (reads, aside) = (Arc::new(AtomicU64::new(1)), Arc::new(Semaphore::new(ASIDE)));
        Self { store, clock, settings, waiters, spaces, meter, standings, aside, reads, tenure: None }
    }

    /// The same for tasks that serve for a node.
    pub(crate) fn under(&self, node: NodeId) -> Self {
        Self { tenure: Some(node), ..self.clone() }
    }

    /// Commits one change, for the node that this serves for.
    pub(crate) fn commit(&self, change: Change) -> Later<'_, Result<(), CommitError>> {
        match (self.tenure, self.store.nodes()) {
            (Some(node), Some(nodes)) => nodes.commit_as(node, change),
            _ => self.store.commit(change),
        }
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(crate) fn next_read(&self) -> ReadId {
        ReadId(self.reads.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn next_event(&self) -> EventId {
        EventId::new_at(self.now().wall)
    }

    /// Commits what has already happened in the world and so cannot be given up: tries until it is stored.
    ///
    /// A conflict means that the row is gone or has ended; there is nothing left to record then.
    ///
    /// Boxed: the task of a lock that waits, as most do, must not hold room for it.
    pub(crate) fn record(&self, change: Change) -> Later<'_, Recorded> {
        Box::pin(async move { self.insist(|| self.commit(change.clone())).await })
    }

    /// The same for what nobody waits for: it takes its place behind other such changes.
    pub(crate) fn record_aside(&self, change: Change) -> Later<'_, Recorded> {
        Box::pin(async move {
            // The semaphore is never closed.
            let _place = self.aside.acquire().await;
            self.insist(|| self.commit(change.clone())).await
        })
    }

    /// The same for what takes more than one change to commit: `commit` is tried as a whole.
    pub(crate) async fn insist<'a>(&self, commit: impl Fn() -> Later<'a, Result<(), CommitError>>) -> Recorded {
        let mut wait = RETRY.0;
        loop {
            match commit().await {
                Ok(()) => return Recorded::Stored,
                Err(CommitError::Conflict(what)) => {
                    tracing::warn!(condition = what, "a change found its row gone or ended");
                    return Recorded::Obsolete;
                }
                Err(CommitError::LeaseLost) => return Recorded::Fenced,
                Err(CommitError::Store(error @ StoreError::Corrupt(_))) => {
                    tracing::error!(%error, "a change cannot be stored; trying again would not help");
                    return Recorded::Obsolete;
                }
                Err(CommitError::Busy) => tracing::debug!("the write queue is full; trying again"),
                Err(error) => tracing::error!(%error, "a change could not be stored; trying again"),
            }
            self.clock.sleep_until(self.now().after(wait)).await;
            wait = (wait * 2).min(RETRY.1);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    Stored,
    Obsolete,
    /// It is not this node's to record any more.
    Fenced,
}

impl ports::Standing for Shared {
    fn may_command(&self) -> bool {
        match (self.tenure, self.store.nodes()) {
            (Some(node), Some(nodes)) => nodes.may_command(node),
            _ => self.store.may_command(),
        }
    }
}
