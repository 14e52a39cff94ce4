//! Folding the log into the database while commits go on.
//!
//! SQLite would do it on the writer's thread, inside of some commit, which then takes as long as all that writing: the
//! 99th percentile of a busy server. Here another connection copies most of the log; only what was added meanwhile is
//! left to the writer, between two commits. (Left to others alone, the log would never be empty on a busy server, and
//! only an empty one is begun anew.)
//!
//! Both connections checkpoint with `synchronous=FULL`: SQLite syncs the log before a page of it goes into the database,
//! and the database before the log is begun anew. A cut in between finds every page in one of the two.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::sqlite;

/// How many pages of the log are folded at once: 40 MB. A page is written once, however often it is in the log, so
/// more of them make fewer writes.
const FOLD_AT: i64 = 20_000;

/// How many if nobody waits for the writer: then it costs nobody anything, and the log, begun anew, lies in the room that it has
/// (`sqlite::room`).
pub(crate) const FOLD_AT_REST: i64 = 4_000;

/// How many times that the log may hold before the writer waits for its readers: one that always finds some reader in
/// the log cannot begin it anew by itself.
const TOO_LONG: i64 = 4;

/// Each pass copies what was added during the one before. What is left after the last is the writer's, and every commit waits
/// for it: no more pages than this, if the passes gain on the writer. (After two passes that took 11 to 13 ms in the middle, now
/// 10: hardly more than two measurements differ by.)
const LEFT: i64 = 400;

/// How many passes there are at most.
const PASSES: usize = 8;

/// The thread that folds.
pub(crate) struct Folder {
    ask: Option<SyncSender<()>>,
    done: Receiver<()>,
    is_folding: bool,
    /// How long the log was when it was last looked at.
    pub(crate) seen: sqlite::LogState,
    fold_at: i64,
    thread: Option<JoinHandle<()>>,
}

impl Folder {
    /// Starts the thread with a connection of its own.
    pub(crate) fn start(path: &Path, vfs: Option<&str>) -> Result<Self, FolderError> {
        let connection = sqlite::open_folder(path, vfs)?;
        let (ask, asked) = mpsc::sync_channel(1);
        let (tell, done) = mpsc::sync_channel(1);
        let work = move || {
            while asked.recv().is_ok() {
                fold(&connection);
                if tell.send(()).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("store-folder".into()).spawn(work)?;
        let seen = sqlite::LogState::default();
        Ok(Self { ask: Some(ask), done, is_folding: false, seen, fold_at: FOLD_AT, thread: Some(thread) })
    }

    /// Does what is due. The writer calls this after each commit; it waits for nobody, but for readers of a log that is
    /// too long already, and then not for long. `at_rest` says that nobody waits for the writer.
    pub(crate) fn step(&mut self, writer: &Connection, at_rest: bool) -> rusqlite::Result<()> {
        if self.is_folding {
            if matches!(self.done.try_recv(), Err(mpsc::TryRecvError::Empty)) {
                return Ok(());
            }
            self.is_folding = false;
            return self.fold_rest(writer);
        }
        self.seen = sqlite::log_state(writer)?;
        let fold_at = if at_rest { self.fold_at.min(FOLD_AT_REST) } else { self.fold_at };
        if self.seen.unfolded() < fold_at {
            return Ok(());
        }
        self.is_folding = self.ask.as_ref().is_some_and(|ask| ask.try_send(()).is_ok());
        // If the thread is gone: better slow than a log without end.
        if self.is_folding { Ok(()) } else { self.fold_rest(writer) }
    }

    /// Folds what the thread has left. The next commit begins the log anew if nobody reads in it.
    fn fold_rest(&mut self, writer: &Connection) -> rusqlite::Result<()> {
        sqlite::fold_some(writer)?;
        self.seen = sqlite::log_state(writer)?;
        if self.seen.pages >= self.fold_at * TOO_LONG {
            sqlite::begin_log_anew(writer)?;
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.ask = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that folds the database's log had panicked");
        }
    }
}

fn fold(connection: &Connection) {
    let mut before = i64::MAX;
    for _ in 0..PASSES {
        if let Err(error) = sqlite::fold_some(connection) {
            tracing::warn!(%error, "the database's log could not be folded into it; it is tried again");
        }
        let Ok(state) = sqlite::log_state(connection) else { return };
        let left = state.unfolded();
        // A reader may hold the log, or the writer be the faster one.
        if left <= LEFT || left >= before {
            return;
        }
        before = left;
    }
}

/// Why the thread could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error(transparent)]
    Thread(#[from] std::io::Error),
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const SMALL: i64 = 200;
    const PAGE: u64 = 2048 + 24;

    /// Each changes a page of its own, so that a row is a page of the log at least. (The same value would change none.)
    fn fill(connection: &Connection, rows: i64) {
        sqlite::begin(connection).unwrap();
        for id in 0..rows {
            let sql = "INSERT INTO things (id, value) VALUES (?1, randomblob(1500)) \
                       ON CONFLICT (id) DO UPDATE SET value = randomblob(1500)";
            connection.execute(sql, [id]).unwrap();
        }
        sqlite::commit(connection).unwrap();
    }

    fn writer(dir: &Path) -> (PathBuf, Connection, Folder) {
        let path = dir.join("things.db");
        std::fs::File::create(&path).unwrap();
        let connection = sqlite::open_writer(&path, None).unwrap();
        connection.execute_batch("CREATE TABLE things (id INTEGER PRIMARY KEY, value BLOB)").unwrap();
        let mut folder = Folder::start(&path, None).unwrap();
        folder.fold_at = SMALL;
        (path, connection, folder)
    }

    fn log_pages(path: &Path) -> u64 {
        path.with_extension("db-wal").metadata().unwrap().len() / PAGE
    }

    #[test]
    fn a_writer_that_never_rests_does_not_let_the_log_grow_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let (path, connection, mut folder) = writer(dir.path());
        for commits in 0..400 {
            fill(&connection, 20);
            if folder.is_folding {
                // As on a busy machine: what comes in during a pass is there when it ends.
                folder.done.recv().unwrap();
                folder.is_folding = false;
                folder.fold_rest(&connection).unwrap();
            } else {
                folder.step(&connection, false).unwrap();
            }
            assert!(log_pages(&path) < 400, "{} pages after {commits} commits", log_pages(&path));
        }
    }

    #[test]
    fn a_reader_that_stays_stops_no_writer_and_the_log_is_begun_anew_when_it_leaves() {
        let dir = tempfile::tempdir().unwrap();
        let (path, connection, mut folder) = writer(dir.path());
        fill(&connection, 1);
        let reader = sqlite::open_reader(&path, None).unwrap();
        reader.execute_batch("BEGIN; SELECT COUNT(*) FROM things").unwrap();
        for _ in 0..50 {
            fill(&connection, 20);
            folder.step(&connection, false).unwrap();
        }
        assert!(log_pages(&path) >= 1000, "what the reader sees is kept for it");
        reader.execute_batch("ROLLBACK").unwrap();
        if folder.is_folding {
            folder.done.recv().unwrap();
        }
        folder.fold_rest(&connection).unwrap();
        fill(&connection, 1);
        assert!(sqlite::log_state(&connection).unwrap().pages < SMALL);
    }

    #[test]
    fn without_its_thread_the_writer_folds() {
        let dir = tempfile::tempdir().unwrap();
        let (_, connection, mut folder) = writer(dir.path());
        folder.ask = None;
        while sqlite::log_state(&connection).unwrap().unfolded() < SMALL {
            fill(&connection, 50);
        }
        folder.step(&connection, false).unwrap();
        assert_eq!(sqlite::log_state(&connection).unwrap().unfolded(), 0);
    }
}
