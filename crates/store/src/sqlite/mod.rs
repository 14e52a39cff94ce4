//! The executor for SQLite: opens connections, runs statements and queries. Knows nothing of what they mean.

mod execute;
mod open;
#[cfg(test)]
mod plans;
mod pool;
mod room;
mod source;
mod writer;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

pub(crate) use execute::{Failure, begin, commit, fetch, rollback, rollback_to, run, savepoint};
pub(crate) use open::open;
pub(crate) use pool::Pool;
pub(crate) use source::Source;

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS_LEAVE: Duration = Duration::from_millis(100);
const STATEMENTS_KEPT: usize = 256;

/// Opens the one connection that writes. A commit on it is on disk when it returns.
pub(crate) fn open_writer(path: &Path, vfs: Option<&str>) -> rusqlite::Result<Connection> {
    let connection = open_folder(path, vfs)?;
    // Counts when the database is new. An unlock changes a few bytes in many pages, so half the usual size makes half
    // the writes.
    connection.pragma_update(None, "page_size", 2048)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A commit after which the tree was balanced walks through the whole cache: with 32 MB that was an eighth of what the
    // writer did. What is not in it is in the system's cache.
    connection.pragma_update(None, "cache_size", -4_096)?;
    // What a savepoint could take back is kept in memory: in a file it doubled what an unlock writes.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "journal_size_limit", 67_108_864)?;
    Ok(connection)
}

/// Opens a connection that may fold the log. It syncs whatever it writes, and folds only when it is told to.
pub(crate) fn open_folder(path: &Path, vfs: Option<&str>) -> rusqlite::Result<Connection> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, vfs)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

/// How long the log is.
#[derive(Clone, Copy, Default)]
pub(crate) struct LogState {
    /// Pages in it.
    pub(crate) pages: i64,
    /// Those of them that are in the database, too.
    folded: i64,
}

impl LogState {
    /// How many pages are not in the database yet.
    pub(crate) const fn unfolded(&self) -> i64 {
        self.pages - self.folded
    }
}

/// How long the log is. Changes nothing.
pub(crate) fn log_state(connection: &Connection) -> rusqlite::Result<LogState> {
    let mut state = connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?;
    state.query_row([], |row| Ok(LogState { pages: row.get(1)?, folded: row.get(2)? }))
}

/// Writes as much of the log into the database as can be without waiting for anybody.
pub(crate) fn fold_some(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

/// Folds the log and lets the next commit begin it anew; waits a moment for those who read in it. If one of them takes
/// longer, the log stays as it is.
pub(crate) fn begin_log_anew(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(READERS_LEAVE)?;
    let folded = connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()));
    connection.busy_timeout(BUSY_TIMEOUT)?;
    folded
}

/// Writes everything that is only in the log into the database, and empties the log.
pub(crate) fn fold_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Opens a connection that can only read.
pub(crate) fn open_reader(path: &Path, vfs: Option<&str>) -> rusqlite::Result<Connection> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, vfs)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -1_024)?;
    Ok(connection)
}

fn connect(path: &Path, access: OpenFlags, vfs: Option<&str>) -> rusqlite::Result<Connection> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs),
        None => Connection::open_with_flags(path, flags),
    }?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(connection)
}
