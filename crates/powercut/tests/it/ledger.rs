//! What the outside world was told, whatever the disk says later.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;
use thumbturn_core::attempts::Outcome;
use thumbturn_core::ids::AttemptId;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the database does not open: {0}")]
    DoesNotOpen(String),
    #[error("the database is damaged: {0}")]
    Damaged(String),
    #[error("the set-up was answered and is lost")]
    SetUpLost,
    #[error("{0} was acknowledged and is lost")]
    Lost(AttemptId),
    #[error("{0} is pending for ever")]
    Pending(AttemptId),
    #[error("{0} ended after its deadline")]
    Late(AttemptId),
    #[error("{0} was sent {1} times")]
    SecondCommand(AttemptId, usize),
    #[error("{0} was sent after a restart")]
    SentAfterRestart(AttemptId),
    #[error("{0} was sent and is not on the disk")]
    SentBeforeDisk(AttemptId),
    #[error("{0} was told to end as {1:?} and is {2:?}")]
    OtherEnd(AttemptId, Outcome, Option<Outcome>),
    #[error("{0} has ended and {1} events say so")]
    Events(AttemptId, usize),
    #[error("{0} is a confirmed success and was never sent")]
    Unbacked(AttemptId),
    #[error("the idempotency key of {0} was taken a second time")]
    KeyTwice(AttemptId),
    #[error("a call was answered {0}")]
    Refused(String),
}

/// An attempt that a caller has a ticket for.
#[derive(Clone, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) life: u32,
    /// On which lock.
    pub(crate) lock: usize,
    pub(crate) key: Option<String>,
    /// How it ended, once that was told.
    pub(crate) told: Option<Outcome>,
}

#[derive(Default)]
pub(crate) struct Entries {
    pub(crate) set_up: bool,
    pub(crate) attempts: BTreeMap<AttemptId, Acknowledged>,
    pub(crate) broken: Vec<Broken>,
    /// When each life began.
    lives: Vec<Timestamp>,
    /// How many attempts were found unfinished after cuts.
    pub(crate) left_over: usize,
}

/// Kept outside of the machine.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Entries>);

impl Ledger {
    pub(crate) fn open(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap()
    }

    /// The next life begins.
    pub(crate) fn begins(&self, at: Timestamp) {
        self.open().lives.push(at);
    }

    /// The number of the life in which that time was.
    pub(crate) fn life_at(&self, time: Timestamp) -> u32 {
        let begun = self.open().lives.iter().filter(|began| **began <= time).count();
        u32::try_from(begun).unwrap() - 1
    }

    pub(crate) fn acknowledge(&self, id: AttemptId, attempt: Acknowledged) {
        self.open().attempts.insert(id, attempt);
    }

    pub(crate) fn told(&self, id: AttemptId, outcome: Outcome) {
        self.open().attempts.get_mut(&id).unwrap().told = Some(outcome);
    }

    /// Notes it, once.
    pub(crate) fn broken(&self, broken: Broken) {
        let mut entries = self.open();
        if !entries.broken.contains(&broken) {
            entries.broken.push(broken);
        }
    }
}
