//! The thread that writes to SQLite. If a change of a batch fails, all are taken back and run again with a savepoint each:
//! savepoints cost more than the changes themselves.

use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;
use thumbturn_core::ports::CommitError;

use super::{Failure, begin, commit, fold_log, rollback, rollback_to, run, savepoint};
use crate::caches::Caches;
use crate::error::{again, unavailable};
use crate::folding::Folder;
use crate::meter::StoreMeter;
use crate::writer::{Answer, BATCH, Plan, Queue, Waiting, WallClock, Writer, gather};

/// What the thread needs.
pub(crate) struct Parts {
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

/// Starts the thread with a queue of `capacity` changes.
pub(crate) fn start(parts: Parts, capacity: usize) -> std::io::Result<Writer> {
    let meter = Arc::clone(&parts.meter);
    Writer::start(capacity, meter, |queue| Thread::new(parts).run(queue))
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
    _lock: File,
}

impl Drop for Thread {
    /// Whoever copies the database after a clean end must not need its log as well.
    fn drop(&mut self) {
        drop(self.folder.take());
        if let Err(error) = fold_log(&self.connection) {
            tracing::warn!(%error, "the database's log could not be folded into it; keep the -wal file with it");
        }
    }
}

impl Thread {
    fn new(parts: Parts) -> Self {
        let Parts { connection, folder, caches, clock, meter: _, last_event, lock } = parts;
        let clock = CommitClock { clock, last: last_event };
        Self { connection, folder: Some(folder), caches, clock, _lock: lock }
    }

    fn run(mut self, mut queue: Queue) {
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(first) = queue.messages.blocking_recv() {
            let close = gather(first, &mut queue.messages, &mut batch);
            let is_alone = batch.len() <= 1;
            self.commit_batch(&mut batch, &queue);
            let at_rest = is_alone && queue.messages.is_empty();
            self.fold(&queue, at_rest);
            if let Some(reply) = close {
                drop(queue);
                drop(self);
                let _ = reply.send(());
                return;
            }
        }
    }

    /// Commits a batch and answers it.
    fn commit_batch(&mut self, batch: &mut Vec<Waiting>, queue: &Queue) {
        if batch.is_empty() {
            return;
        }
        let began = Instant::now();
        let answers = self.try_batch(batch).unwrap_or_else(|error| self.fail_batch(batch.len(), error));
        queue.answer(batch, answers, &self.caches, began);
    }

    fn fold(&mut self, queue: &Queue, at_rest: bool) {
        let Some(folder) = self.folder.as_mut() else { return };
        if let Err(error) = folder.step(&self.connection, at_rest) {
            tracing::warn!(%error, "the database's log could not be folded into it; it is tried again");
        }
        let pages = |pages: i64| u64::try_from(pages).unwrap_or(0);
        queue.meter.log(pages(folder.seen.pages), pages(folder.seen.unfolded()));
    }

    fn try_batch(&mut self, batch: &[Waiting]) -> Result<Vec<Answer>, rusqlite::Error> {
        begin(&self.connection)?;
        let answers = match self.apply_all(batch) {
            Ok(answers) => answers,
            Err(failure) => {
                rollback(&self.connection)?;
                if batch.len() == 1 {
                    return Ok(vec![Err(answer_to(failure))]);
                }
                begin(&self.connection)?;
                batch.iter().map(|waiting| self.apply_alone(&waiting.plan)).collect::<Result<_, _>>()?
            }
        };
        commit(&self.connection)?;
        Ok(answers)
    }

    /// Applies all changes, if none fails.
    fn apply_all(&mut self, batch: &[Waiting]) -> Result<Vec<Answer>, Failure> {
        batch.iter().map(|waiting| self.apply(&waiting.plan).map(Ok)).collect()
    }

    /// Applies one change among others. An outer error means that the transaction is lost.
    fn apply_alone(&mut self, plan: &Plan) -> Result<Answer, rusqlite::Error> {
        savepoint(&self.connection, false)?;
        match self.apply(plan) {
            Ok(rows) => {
                savepoint(&self.connection, true)?;
                Ok(Ok(rows))
            }
            // SQLite itself takes everything back after some errors, such as a full disk.
            Err(Failure::Database(error)) if self.connection.is_autocommit() => Err(error),
            Err(failure) => {
                rollback_to(&self.connection)?;
                Ok(Err(answer_to(failure)))
            }
        }
    }

    fn apply(&mut self, plan: &Plan) -> Result<u64, Failure> {
        let Self { connection, clock, .. } = self;
        run(connection, &plan.statements, || clock.tick())
    }

    fn fail_batch(&self, count: usize, error: rusqlite::Error) -> Vec<Answer> {
        tracing::error!(error = %error, changes = count, "a commit failed; nothing of it was written");
        if let Err(error) = rollback(&self.connection) {
            tracing::error!(error = %error, "a failed transaction could not be taken back");
        }
        let error = CommitError::Store(unavailable(error));
        (0..count).map(|_| Err(again(&error))).collect()
    }
}

fn answer_to(failure: Failure) -> CommitError {
    match failure {
        Failure::Conflict(name) => CommitError::Conflict(name),
        Failure::Database(error) => CommitError::Store(unavailable(error)),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::{open_reader, open_writer};
    use super::*;
    use crate::statement::{Statement, args};

    /// A writer on a database that can grow by some pages only.
    fn small(dir: &std::path::Path) -> Writer {
        let path = dir.join("small.db");
        File::create(&path).unwrap();
        let connection = open_writer(&path, None).unwrap();
        connection.execute_batch("CREATE TABLE things (id TEXT PRIMARY KEY, value TEXT)").unwrap();
        connection.pragma_update(None, "max_page_count", 20).unwrap();
        let parts = Parts {
            connection,
            folder: Folder::start(&path, None).unwrap(),
            caches: Arc::new(Caches::new()),
            clock: Arc::new(Timestamp::now),
            meter: Arc::new(crate::meter::NoMeter),
            last_event: 0,
            lock: tempfile::tempfile().unwrap(),
        };
        start(parts, 16).unwrap()
    }

    fn put(id: &str, bytes: usize) -> Plan {
        let sql = "INSERT INTO things (id, value) VALUES ($1, $2)";
        Plan::new(vec![Statement::any(sql, args![id, "x".repeat(bytes)])], Vec::new())
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

        let reader = open_reader(&dir.path().join("small.db"), None).unwrap();
        let count: i64 = reader.query_row("SELECT COUNT(*) FROM things", [], |row| row.get(0)).unwrap();
        let kept = 1 + [one, other].iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(count, i64::try_from(kept).unwrap());
    }
}
