//! Who waits for which attempt. A waiter is woken after the commit that ended the attempt, never before.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::attempts::Outcome;
use crate::ids::AttemptId;

/// Where an attempt's outcome will appear.
pub type OutcomeWatch = watch::Receiver<Option<Outcome>>;

/// The attempts that have not ended, on this node.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    running: Mutex<HashMap<AttemptId, watch::Sender<Option<Outcome>>>>,
}

impl Waiters {
    /// Announces an attempt; its outcome will appear in the watch.
    pub(crate) fn announce(&self, attempt: AttemptId) -> OutcomeWatch {
        let (sender, receiver) = watch::channel(None);
        self.lock().insert(attempt, sender);
        receiver
    }

    /// Where the outcome of a running attempt will appear; `None` if it has ended or runs elsewhere.
    pub(crate) fn watch(&self, attempt: AttemptId) -> Option<OutcomeWatch> {
        self.lock().get(&attempt).map(watch::Sender::subscribe)
    }

    /// Wakes whoever waits for `attempt`.
    pub(crate) fn wake(&self, attempt: AttemptId, outcome: Outcome) {
        if let Some(sender) = self.lock().remove(&attempt) {
            sender.send_replace(Some(outcome));
        }
    }

    /// Forgets an attempt that was never accepted.
    pub(crate) fn forget(&self, attempt: AttemptId) {
        self.lock().remove(&attempt);
    }

    /// How many attempts are running.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<AttemptId, watch::Sender<Option<Outcome>>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until the outcome has appeared; `None` if the engine stopped before.
pub async fn outcome_of(mut watch: OutcomeWatch) -> Option<Outcome> {
    watch.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone())
}
