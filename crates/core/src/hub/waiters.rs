//! Who waits for which attempt. A waiter is woken after the commit that ended the attempt, never before.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::attempts::Outcome;
use crate::ids::AttemptId;

/// Where an attempt's outcome will appear.
pub type OutcomeWatch = watch::Receiver<Option<Outcome>>;

/// The attempts that somebody on this node may wait for and that have not ended.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    running: Mutex<HashMap<AttemptId, Waiter>>,
}

#[derive(Debug)]
struct Waiter {
    outcome: watch::Sender<Option<Outcome>>,
    /// Whether it ends elsewhere: what is known of it stands in the database.
    is_elsewhere: bool,
    /// Whether it stands in the database. Until then, that it is not there tells nothing.
    is_accepted: bool,
}

impl Waiters {
    /// Announces an attempt; its outcome will appear in the watch.
    pub(crate) fn announce(&self, attempt: AttemptId) -> OutcomeWatch {
        self.subscribe(attempt, false, false)
    }

    /// The same for one that another node ends, or whoever serves its lock next.
    pub(crate) fn announce_elsewhere(&self, attempt: AttemptId) -> OutcomeWatch {
        self.subscribe(attempt, true, false)
    }

    /// The same for one that stands in the database.
    pub(crate) fn await_elsewhere(&self, attempt: AttemptId) -> OutcomeWatch {
        self.subscribe(attempt, true, true)
    }

    /// An attempt stands in the database.
    pub(crate) fn accepted(&self, attempt: AttemptId) {
        if let Some(waiter) = self.lock().get_mut(&attempt) {
            waiter.is_accepted = true;
        }
    }

    fn subscribe(&self, attempt: AttemptId, is_elsewhere: bool, is_accepted: bool) -> OutcomeWatch {
        let new = || Waiter { outcome: watch::Sender::new(None), is_elsewhere, is_accepted };
        self.lock().entry(attempt).or_insert_with(new).outcome.subscribe()
    }

    /// Where the outcome of a running attempt will appear; `None` if it has ended or runs elsewhere.
    pub(crate) fn watch(&self, attempt: AttemptId) -> Option<OutcomeWatch> {
        self.lock().get(&attempt).map(|waiter| waiter.outcome.subscribe())
    }

    /// Whether somebody may wait for `attempt` here.
    pub(crate) fn knows(&self, attempt: AttemptId) -> bool {
        self.lock().contains_key(&attempt)
    }

    /// Wakes whoever waits for `attempt`.
    pub(crate) fn wake(&self, attempt: AttemptId, outcome: Outcome) {
        if let Some(waiter) = self.lock().remove(&attempt) {
            waiter.outcome.send_replace(Some(outcome));
        }
    }

    /// Forgets an attempt that was never accepted.
    pub(crate) fn forget(&self, attempt: AttemptId) {
        self.lock().remove(&attempt);
    }

    /// How many attempts are running here.
    pub(crate) fn count(&self) -> usize {
        self.lock().values().filter(|waiter| !waiter.is_elsewhere).count()
    }

    /// The attempts in the database that end elsewhere.
    pub(crate) fn elsewhere(&self) -> Vec<AttemptId> {
        self.lock()
            .iter()
            .filter(|(_, waiter)| waiter.is_elsewhere && waiter.is_accepted)
            .map(|(attempt, _)| *attempt)
            .collect()
    }

    /// This node lost its accounts: what ran here ends elsewhere.
    pub(crate) fn all_end_elsewhere(&self) {
        self.lock().values_mut().for_each(|waiter| waiter.is_elsewhere = true);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<AttemptId, Waiter>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until the outcome has appeared; `None` if the engine stopped before.
pub async fn outcome_of(mut watch: OutcomeWatch) -> Option<Outcome> {
    watch.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone())
}
