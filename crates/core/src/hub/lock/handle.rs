//! The way to a lock's task, and what may be told it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc, oneshot};

use crate::accounts::Provider;
use crate::attempts::Attempt;
use crate::commands::{AutoLock, Command};
use crate::devices::{About, OfflineBecause};
use crate::evidence::Words;
use crate::ids::{AttemptId, NodeId};
use crate::locks::{Reachability, Traits};
use crate::ports::{Answer, Link, ReadId, Report};
use crate::time::Moment;

/// Messages that may wait for one lock. What does not fit is not lost silently: the lock is asked again.
pub(crate) const MAILBOX: usize = 256;

/// What a lock's task can be told. What is large is boxed: the mailbox of each lock keeps room for 32 of the largest.
pub(crate) enum Message {
    Run(Box<Job>),
    LinkUp(Arc<dyn Link>),
    LinkDown(OfflineBecause),
    Resync,
    Described {
        about: Option<Box<About>>,
        traits: Traits,
    },
    Reach(Reachability),
    Said(Box<(Report, Option<Words>)>),
    Battery(f64),
    AutoLock(AutoLock),
    SubscriptionEnded(bool),
    Door(bool),
    Denied(Option<&'static str>, Moment),
    Answered(Box<(AttemptId, Answer, Moment, Option<Words>)>),
    ReadFailed(ReadId),
    Gone,
    Managed(bool),
    /// Only to wake the task: see [`Load::lagging`].
    Lagging,
    /// To be answered once everything before it has been dealt with.
    Ping(oneshot::Sender<()>),
    /// The same for a driver.
    DealtWith(Arc<Notify>),
    Stop(oneshot::Sender<()>),
    /// The lock is served elsewhere from now on: ends as it stands, without a word.
    Leave(oneshot::Sender<()>),
}

/// An attempt on its way to the lock. `durable` tells when it is on disk; a dropped sender means it never was accepted.
pub(crate) struct Job {
    pub(crate) attempt: Attempt,
    pub(crate) command: Command,
    pub(crate) accepted: Moment,
    pub(crate) durable: oneshot::Receiver<()>,
}

/// The way to a lock's task.
#[derive(Clone)]
pub(crate) struct LockHandle {
    pub(crate) mailbox: mpsc::Sender<Message>,
    pub(crate) load: Arc<Load>,
    /// Whose lock it is.
    pub(crate) provider: Provider,
    /// The node that it is served for.
    pub(crate) tenure: Option<NodeId>,
}

/// What the outside sees of a lock's task without asking it, and what it left there when the mailbox was full.
#[derive(Default)]
pub(crate) struct Load {
    /// Attempts in the queue or running.
    pub(crate) attempts: AtomicUsize,
    /// Something the lock said did not fit into the mailbox.
    pub(crate) lagging: AtomicBool,
    /// The last word on whether the lock can be reached, if that did not fit: no read would bring it back.
    missed: Mutex<Option<Message>>,
}

/// Added to [`Load::attempts`] while the lock takes no attempts.
const CLOSED: usize = usize::MAX / 2;

/// Whether an attempt found a place in a lock's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    In,
    Full,
    /// The lock is about to be served elsewhere.
    Closed,
}

impl Load {
    /// Takes a place among `most`.
    pub(crate) fn enter(&self, most: usize) -> Entry {
        let before = self.attempts.fetch_add(1, Ordering::AcqRel);
        if before < most {
            return Entry::In;
        }
        self.leave();
        if before >= CLOSED { Entry::Closed } else { Entry::Full }
    }

    /// Gives a place back.
    pub(crate) fn leave(&self) {
        self.attempts.fetch_sub(1, Ordering::AcqRel);
    }

    /// Takes no more attempts from now on, unless there are any.
    pub(crate) fn close(&self) -> bool {
        self.attempts.compare_exchange(0, CLOSED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Takes attempts again.
    pub(crate) fn reopen(&self) {
        self.attempts.fetch_sub(CLOSED, Ordering::AcqRel);
    }

    /// How many attempts wait or run.
    pub(crate) fn count(&self) -> usize {
        let count = self.attempts.load(Ordering::Relaxed);
        count.checked_sub(CLOSED).unwrap_or(count)
    }

    fn missed(&self) -> MutexGuard<'_, Option<Message>> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether messages were dropped since this was last asked, and the one of them that must not be.
    pub(crate) fn lagged(&self) -> Option<Option<Message>> {
        self.lagging.swap(false, Ordering::AcqRel).then(|| self.missed().take())
    }
}

impl LockHandle {
    /// Passes on what the hub said. Never waits: a slow lock must not hold up the others.
    pub(crate) fn tell(&self, message: Message) {
        if matches!(message, Message::Reach(_) | Message::Gone) {
            self.tell_reach(message);
        } else if self.mailbox.try_send(message).is_err() {
            self.lag();
        }
    }

    /// Holds `missed` meanwhile, so that the task cannot take an older word after a newer one.
    fn tell_reach(&self, message: Message) {
        let mut missed = self.load.missed();
        match self.mailbox.try_send(message) {
            Ok(()) => *missed = None,
            Err(mpsc::error::TrySendError::Full(message) | mpsc::error::TrySendError::Closed(message)) => {
                *missed = Some(message);
                drop(missed);
                self.lag();
            }
        }
    }

    fn lag(&self) {
        self.load.lagging.store(true, Ordering::Release);
        // The task may have emptied its mailbox just before the flag was set. If this finds no room either, it has
        // not, and will see the flag.
        let _ = self.mailbox.try_send(Message::Lagging);
    }
}
