//! The one door for writes. A single thread takes every change that is waiting, commits them in one transaction and
//! then answers each; so one flush to disk serves many. If one of them fails, all are taken back and tried again with
//! a savepoint each, so that it fails alone: savepoints cost more than the changes themselves.
//!
//! Invariants: no change is answered before its commit is on disk and the caches are free of what it made stale; the
//! time of each event is larger than that of any event before it.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use jiff::Timestamp;
use rusqlite::Connection;
use thumbturn_core::ports::{CommitError, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::caches::{Caches, Stale};
use crate::error::{again, unavailable};
use crate::folding::Folder;
use crate::meter::{Group, StoreMeter};
use crate::sqlite::{self, Failure};
use crate::statement::Statement;

/// How many changes one transaction takes at most.
const BATCH: usize = 512;

/// A clock that can be replaced under test.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What is to be done for one change: all of it or nothing, and what is no longer to be cached afterwards.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) statements: Vec<Statement>,
    pub(crate) stale: Vec<Stale>,
}

type Answer = Result<u64, CommitError>;

enum Message {
    Change(Plan, oneshot::Sender<Answer>),
    Close(oneshot::Sender<()>),
}

/// The caller's end of the queue.
pub(crate) struct Writer {
    /// Whether the last commit failed.
    failing: Arc<AtomicBool>,
    queue: mpsc::Sender<Message>,
    meter: Arc<dyn StoreMeter>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread needs.
pub(crate) struct WriterParts {
    pub(crate) connection: Connection,
    pub(crate) folder: Folder,
    pub(crate) caches: Arc<Caches>,
    pub(crate) clock: WallClock,
    pub(crate) meter: Arc<dyn StoreMeter>,
    /// The time of the newest event, in microseconds.
    pub(crate) last_event: i64,
    /// Held as long as the thread may write.
    pub(crate) lock: File,
}

impl Writer {
    /// Starts the thread with a queue of `capacity` changes.
    pub(crate) fn start(parts: WriterParts, capacity: usize) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel(capacity.max(1));
        let failing = Arc::new(AtomicBool::new(false));
        let meter = Arc::clone(&parts.meter);
        let thread = Thread::new(parts, Arc::clone(&failing));
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(move || thread.run(waiting))?;
        Ok(Self { failing, queue, meter, thread: Mutex::new(Some(thread)) })
    }

    /// Commits one change and says how many rows it touched. Waits for the disk, not for room in the queue.
    pub(crate) async fn commit(&self, plan: Plan) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(Message::Change(plan, reply)).map_err(|refused| match refused {
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
    /// Waits for the thread, so that the data directory is free once the last handle is gone. Nothing can be waiting
    /// in the queue any more: whoever waits holds a handle.
    fn drop(&mut self) {
        let (unconnected, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.queue, unconnected));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the store's writer thread had panicked");
        }
    }
}

fn closed() -> StoreError {
    unavailable("the store is closed")
}

/// The times of events: the clock's, but always later than the last.
struct CommitClock {
    clock: WallClock,
    last: i64,
}

impl CommitClock {
    fn tick(&mut self) -> i64 {
        self.last = (self.clock)().as_microsecond().max(self.last.saturating_add(1));
        self.last
    }
}

struct Thread {
    connection: Connection,
    /// Taken away at the end only: it must have stopped before the log is emptied.
    folder: Option<Folder>,
    caches: Arc<Caches>,
    clock: CommitClock,
    meter: Arc<dyn StoreMeter>,
    failing: Arc<AtomicBool>,
    _lock: File,
}

impl Drop for Thread {
    /// Whoever copies the database after a clean end must not need its log as well.
    fn drop(&mut self) {
        drop(self.folder.take());
        if let Err(error) = sqlite::fold_log(&self.connection) {
            tracing::warn!(%error, "the database's log could not be folded into it; keep the -wal file with it");
        }
    }
}

struct Waiting {
    plan: Plan,
    reply: oneshot::Sender<Answer>,
}

impl Thread {
    fn new(parts: WriterParts, failing: Arc<AtomicBool>) -> Self {
        let WriterParts { connection, folder, caches, clock, meter, last_event, lock } = parts;
        let clock = CommitClock { clock, last: last_event };
        Self { connection, folder: Some(folder), caches, clock, meter, failing, _lock: lock }
    }

    fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(first) = queue.blocking_recv() {
            let mut message = Some(first);
            let mut close = None;
            while let Some(next) = message {
                match next {
                    Message::Change(plan, reply) => batch.push(Waiting { plan, reply }),
                    Message::Close(reply) => close = Some(reply),
                }
                message = if batch.len() < BATCH && close.is_none() { queue.try_recv().ok() } else { None };
            }
            self.commit_batch(&mut batch);
            self.fold();
            if let Some(reply) = close {
                drop(queue);
                drop(self);
                let _ = reply.send(());
                return;
            }
        }
    }

    /// Commits a batch and answers it.
    fn commit_batch(&mut self, batch: &mut Vec<Waiting>) {
        if batch.is_empty() {
            return;
        }
        let began = Instant::now();
        let answers = self.try_batch(batch).unwrap_or_else(|error| self.fail_batch(batch.len(), error));
        let group = tally(&answers, began);
        self.failing.store(group.failed > 0, Ordering::Release);
        self.meter.group(group);
        self.caches.forget(batch.iter().flat_map(|waiting| &waiting.plan.stale));
        for (waiting, answer) in batch.drain(..).zip(answers) {
            // A caller that went away does not undo its change.
            let _ = waiting.reply.send(answer);
        }
    }

    fn fold(&mut self) {
        let Some(folder) = self.folder.as_mut() else { return };
        if let Err(error) = folder.step(&self.connection) {
            tracing::warn!(%error, "the database's log could not be folded into it; it is tried again");
        }
        let pages = |pages: i64| u64::try_from(pages).unwrap_or(0);
        self.meter.log(pages(folder.seen.pages), pages(folder.seen.unfolded()));
    }

    fn try_batch(&mut self, batch: &[Waiting]) -> Result<Vec<Answer>, rusqlite::Error> {
        sqlite::begin(&self.connection)?;
        let answers = match self.apply_all(batch) {
            Ok(answers) => answers,
            Err(failure) => {
                sqlite::rollback(&self.connection)?;
                if batch.len() == 1 {
                    return Ok(vec![Err(answer_to(failure))]);
                }
                sqlite::begin(&self.connection)?;
                batch.iter().map(|waiting| self.apply_alone(&waiting.plan)).collect::<Result<_, _>>()?
            }
        };
        sqlite::commit(&self.connection)?;
        Ok(answers)
    }

    /// Applies all changes, if none fails.
    fn apply_all(&mut self, batch: &[Waiting]) -> Result<Vec<Answer>, Failure> {
        batch.iter().map(|waiting| self.apply(&waiting.plan).map(Ok)).collect()
    }

    /// Applies one change among others. An outer error means that the transaction is lost.
    fn apply_alone(&mut self, plan: &Plan) -> Result<Answer, rusqlite::Error> {
        sqlite::savepoint(&self.connection, false)?;
        match self.apply(plan) {
            Ok(rows) => {
                sqlite::savepoint(&self.connection, true)?;
                Ok(Ok(rows))
            }
            // SQLite itself takes everything back after some errors, such as a full disk.
            Err(Failure::Database(error)) if self.connection.is_autocommit() => Err(error),
            Err(failure) => {
                sqlite::rollback_to(&self.connection)?;
                Ok(Err(answer_to(failure)))
            }
        }
    }

    fn apply(&mut self, plan: &Plan) -> Result<u64, Failure> {
        let Self { connection, clock, .. } = self;
        plan.statements
            .iter()
            .try_fold(0, |rows, statement| Ok(rows + sqlite::run(connection, statement, || clock.tick())?))
    }

    fn fail_batch(&self, count: usize, error: rusqlite::Error) -> Vec<Answer> {
        tracing::error!(error = %error, changes = count, "a commit failed; nothing of it was written");
        if let Err(error) = sqlite::rollback(&self.connection) {
            tracing::error!(error = %error, "a failed transaction could not be taken back");
        }
        let error = CommitError::Store(unavailable(error));
        (0..count).map(|_| Err(again(&error))).collect()
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

fn answer_to(failure: Failure) -> CommitError {
    match failure {
        Failure::Conflict(name) => CommitError::Conflict(name),
        Failure::Database(error) => CommitError::Store(unavailable(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::args;

    /// A writer on a database that can grow by some pages only.
    fn small(dir: &std::path::Path) -> Writer {
        let path = dir.join("small.db");
        File::create(&path).unwrap();
        let connection = sqlite::open_writer(&path, None).unwrap();
        connection.execute_batch("CREATE TABLE things (id TEXT PRIMARY KEY, value TEXT)").unwrap();
        connection.pragma_update(None, "max_page_count", 20).unwrap();
        let parts = WriterParts {
            connection,
            folder: Folder::start(&path, None).unwrap(),
            caches: Arc::new(Caches::new()),
            clock: Arc::new(Timestamp::now),
            meter: Arc::new(crate::meter::NoMeter),
            last_event: 0,
            lock: tempfile::tempfile().unwrap(),
        };
        Writer::start(parts, 16).unwrap()
    }

    fn put(id: &str, bytes: usize) -> Plan {
        let sql = "INSERT INTO things (id, value) VALUES ($1, $2)";
        Plan { statements: vec![Statement::any(sql, args![id, "x".repeat(bytes)])], stale: Vec::new() }
    }

    #[tokio::test]
    async fn a_full_disk_fails_what_does_not_fit_and_the_writer_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let writer = small(dir.path());
        assert!(matches!(writer.commit(put("large", 1_000_000)).await, Err(CommitError::Store(_))));
        assert!(writer.is_failing());
        assert_eq!(writer.commit(put("small", 10)).await.unwrap(), 1);
        assert!(!writer.is_failing());
        let (one, large, other) = tokio::join!(
            writer.commit(put("one", 10)),
            writer.commit(put("large", 1_000_000)),
            writer.commit(put("other", 10))
        );
        assert!(large.is_err());
        writer.close().await;

        let reader = sqlite::open_reader(&dir.path().join("small.db"), None).unwrap();
        let count: i64 = reader.query_row("SELECT COUNT(*) FROM things", [], |row| row.get(0)).unwrap();
        let kept = 1 + [one, other].iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(count, i64::try_from(kept).unwrap());
    }
}
