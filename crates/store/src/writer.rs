//! The one door for writes: a queue, and a thread of the database at hand that takes everything that is waiting, commits
//! it in one transaction and then answers each; so one flush to disk serves many. If one of them fails, all are taken
//! back and tried again with a savepoint each, so that it fails alone.
//!
//! Invariants: no change is answered before its commit is on disk and the caches are free of what it made stale; the
//! time of each event is larger than that of any event before it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use thumbturn_core::ids::NodeId;
use thumbturn_core::nodes::Channel;
use thumbturn_core::ports::{CommitError, StoreError};
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use crate::caches::{Caches, Stale};
use crate::error::unavailable;
use crate::meter::{Group, StoreMeter};
use crate::statement::Statement;

/// How many changes one transaction takes at most.
pub(crate) const BATCH: usize = 512;

/// A clock that can be replaced under test.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What is to be done for one change: all of it or nothing, and what is no longer to be cached afterwards.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) statements: Vec<Statement>,
    pub(crate) stale: Vec<Stale>,
    /// What other nodes are told once it is done: a word on a channel. Said more than once, or of a change that failed, it
    /// costs them a look and nothing else.
    pub(crate) news: Vec<(Channel, String)>,
    /// The node that wants it: nothing of it is written once that was ended.
    pub(crate) by: Option<NodeId>,
}

impl Plan {
    /// Statements, and what they make stale.
    pub(crate) const fn new(statements: Vec<Statement>, stale: Vec<Stale>) -> Self {
        Self { statements, stale, news: Vec::new(), by: None }
    }
}

/// How many rows a change touched, or why it did not happen.
pub(crate) type Answer = Result<u64, CommitError>;

/// What comes to a writing thread.
pub(crate) enum Message {
    Change(Waiting),
    /// Commit what was queued before, take nothing more, and say so.
    Close(oneshot::Sender<()>),
}

/// A change that waits for its commit.
pub(crate) struct Waiting {
    pub(crate) plan: Plan,
    reply: oneshot::Sender<Answer>,
}

impl Waiting {
    /// Answers that nothing of it was written.
    pub(crate) fn refuse(self, error: CommitError) {
        let _ = self.reply.send(Err(error));
    }
}

/// Until when this process may take itself for the one that commands the hubs. Time is told by both clocks, as for
/// deadlines: the monotonic one stands still while a machine sleeps, the other one may be set.
pub(crate) struct Standing {
    /// When the database was last asked and answered; `None`: the connection is lost.
    proven: Mutex<Option<(Instant, SystemTime)>>,
    /// Who this process is among the nodes.
    node: watch::Sender<NodeId>,
}

impl Standing {
    /// A proof holds for so long. Whoever takes over has to wait at least until the database has noticed that a connection
    /// is gone; a process that hears nothing from the database stops before.
    const HOLDS: Duration = Duration::from_millis(1_500);

    pub(crate) fn new() -> Self {
        Self { proven: Mutex::new(None), node: watch::Sender::new(NodeId(Uuid::new_v4())) }
    }

    /// Who this process is among the nodes.
    pub(crate) fn node(&self) -> watch::Receiver<NodeId> {
        self.node.subscribe()
    }

    /// Whether this process still is `node`, and may take itself for the one that commands its hubs.
    pub(crate) fn holds_for(&self, node: NodeId) -> bool {
        // In this order: a proof for the next node must not be taken for one for this.
        self.holds() && *self.node.borrow() == node
    }

    /// The node was ended: this process goes on as another one.
    pub(crate) fn begin_again(&self) {
        self.lose();
        self.node.send_replace(NodeId(Uuid::new_v4()));
    }

    /// The moment before a question that was answered since.
    pub(crate) fn now() -> (Instant, SystemTime) {
        (Instant::now(), SystemTime::now())
    }

    /// The database has answered what was asked then.
    pub(crate) fn prove(&self, asked: (Instant, SystemTime)) {
        *self.proven.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
    }

    /// The connection is lost.
    pub(crate) fn lose(&self) {
        *self.proven.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn holds(&self) -> bool {
        let proven = *self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.is_some_and(|(monotonic, wall)| {
            monotonic.elapsed() < Self::HOLDS && wall.elapsed().is_ok_and(|age| age < Self::HOLDS)
        })
    }
}

/// The thread's end of the queue.
pub(crate) struct Queue {
    pub(crate) messages: mpsc::Receiver<Message>,
    pub(crate) meter: Arc<dyn StoreMeter>,
    /// Whether the last commit failed.
    pub(crate) failing: Arc<AtomicBool>,
    /// Closed once the last handle to the store is gone.
    pub(crate) gone: oneshot::Receiver<()>,
}

/// The caller's end of the queue.
pub(crate) struct Writer {
    failing: Arc<AtomicBool>,
    queue: mpsc::Sender<Message>,
    meter: Arc<dyn StoreMeter>,
    here: Option<oneshot::Sender<()>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts a thread that does `work`, with a queue of `capacity` changes.
    pub(crate) fn start(
        capacity: usize,
        meter: Arc<dyn StoreMeter>,
        work: impl FnOnce(Queue) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (queue, messages) = mpsc::channel(capacity.max(1));
        let (here, gone) = oneshot::channel();
        let failing = Arc::new(AtomicBool::new(false));
        let end = Queue { messages, meter: Arc::clone(&meter), failing: Arc::clone(&failing), gone };
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(move || work(end))?;
        Ok(Self { failing, queue, meter, here: Some(here), thread: Mutex::new(Some(thread)) })
    }

    /// Commits one change and says how many rows it touched. Waits for the disk, not for room in the queue.
    pub(crate) async fn commit(&self, plan: Plan) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(Message::Change(Waiting { plan, reply })).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => {
                self.meter.turned_away();
                CommitError::Busy
            }
            mpsc::error::TrySendError::Closed(_) => closed().into(),
        })?;
        answer.await.unwrap_or_else(|_| Err(closed().into()))
    }

    /// How many changes wait, and how many may.
    pub(crate) fn queue(&self) -> (usize, usize) {
        (self.queue.max_capacity() - self.queue.capacity(), self.queue.max_capacity())
    }

    /// Whether the thread still takes changes.
    pub(crate) fn is_open(&self) -> bool {
        !self.queue.is_closed()
    }

    /// Returns once the thread takes no more changes.
    pub(crate) async fn closed(&self) {
        self.queue.closed().await;
    }

    /// Whether the last commit failed: a full disk, most likely.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// Commits what was queued before, then stops for good.
    pub(crate) async fn close(&self) {
        let (reply, stopped) = oneshot::channel();
        if self.queue.send(Message::Close(reply)).await.is_ok() {
            let _ = stopped.await;
        }
    }
}

impl Drop for Writer {
    /// Waits for the thread, so that the database is free once the last handle is gone. Nothing can be waiting in the
    /// queue any more: whoever waits holds a handle.
    fn drop(&mut self) {
        let (unconnected, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.queue, unconnected));
        drop(self.here.take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the store's writer thread had panicked");
        }
    }
}

fn closed() -> StoreError {
    unavailable("the store is closed")
}

/// Takes what waits behind `first`, as much as one transaction may hold. A wish to close ends it.
pub(crate) fn gather(
    first: Message,
    queue: &mut mpsc::Receiver<Message>,
    batch: &mut Vec<Waiting>,
) -> Option<oneshot::Sender<()>> {
    let mut message = Some(first);
    while let Some(next) = message {
        match next {
            Message::Change(waiting) => batch.push(waiting),
            Message::Close(reply) => return Some(reply),
        }
        message = if batch.len() < BATCH { queue.try_recv().ok() } else { None };
    }
    None
}

impl Queue {
    /// Answers a batch that began then: first the caches forget what it made stale.
    pub(crate) fn answer(&self, batch: &mut Vec<Waiting>, answers: Vec<Answer>, caches: &Caches, began: Instant) {
        let group = tally(&answers, began);
        self.failing.store(group.failed > 0, Ordering::Release);
        self.meter.group(group);
        caches.forget(batch.iter().flat_map(|waiting| &waiting.plan.stale));
        for (waiting, answer) in batch.drain(..).zip(answers) {
            // A caller that went away does not undo its change.
            let _ = waiting.reply.send(answer);
        }
    }
}

/// What became of the changes of a group that began then.
fn tally(answers: &[Answer], began: Instant) -> Group {
    let mut group = Group { written: 0, refused: 0, failed: 0, took: began.elapsed() };
    for answer in answers {
        match answer {
            Ok(_) => group.written += 1,
            Err(CommitError::Store(_)) => group.failed += 1,
            Err(_) => group.refused += 1,
        }
    }
    group
}
