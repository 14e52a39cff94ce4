//! Room for the log: a file that has its size already.
//!
//! A sync of a file that grows waits for the file system's own journal as well. With 50 ms between them, syncs of 24 KB took
//! 0.49 ms in the middle and 3.9 ms for every tenth where the file grew, 0.37 ms and 0.42 ms where it did not (ext4).

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{begin, rollback};
use crate::folding::FOLD_AT_REST;

/// Head of the log, and of each page in it (SQLite's file format, section 4.1).
const HEAD: u64 = 32;
const PAGE: u64 = 24 + 2048;

/// What is added while a log is folded that is long enough.
const MEANWHILE: u64 = 200;

static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// Writes zeros behind what is in the log of the database at `path`, until there is room for as many pages as a server
/// without haste writes before they are folded. SQLite reads a log up to the first page that does not belong to it, and a page
/// of zeros never does. Without room it works as well.
pub(super) fn make(connection: &Connection, path: &Path) {
    let room = HEAD + PAGE * (FOLD_AT_REST.unsigned_abs() + MEANWHILE);
    let made = begin(connection).map_err(io::Error::other).and_then(|()| {
        // Whoever else could write waits meanwhile.
        let made = lengthen(&log_of(path), room);
        rollback(connection).map_err(io::Error::other).and(made)
    });
    if let Err(error) = made {
        tracing::warn!(%error, "the database's log could not be given room; commits may take longer");
    }
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push("-wal");
    name.into()
}

fn lengthen(path: &Path, room: u64) -> io::Result<()> {
    let mut log = File::options().write(true).open(path)?;
    let mut missing = room.saturating_sub(log.seek(SeekFrom::End(0))?);
    while missing > 0 {
        let zeros = ZEROS.get(..usize::try_from(missing).unwrap_or(usize::MAX)).unwrap_or(&ZEROS);
        log.write_all(zeros)?;
        missing -= zeros.len() as u64;
    }
    log.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{commit, open_writer};

    fn count(connection: &Connection) -> i64 {
        connection.query_row("SELECT COUNT(*) FROM things", [], |row| row.get(0)).unwrap()
    }

    fn add(connection: &Connection, rows: usize) {
        begin(connection).unwrap();
        for _ in 0..rows {
            connection.execute("INSERT INTO things (value) VALUES (randomblob(1500))", []).unwrap();
        }
        commit(connection).unwrap();
    }

    #[test]
    fn a_log_with_room_does_not_grow_and_holds_what_was_committed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("things.db");
        File::create(&path).unwrap();
        let connection = open_writer(&path, None).unwrap();
        connection.execute_batch("CREATE TABLE things (id INTEGER PRIMARY KEY, value BLOB)").unwrap();
        add(&connection, 100);
        make(&connection, &path);
        let length = || log_of(&path).metadata().unwrap().len();
        let room = length();
        assert!(room > PAGE * FOLD_AT_REST.unsigned_abs());
        for _ in 0..20 {
            add(&connection, 100);
        }
        assert_eq!(length(), room);
        make(&connection, &path);
        assert_eq!(length(), room, "there is room");

        // As a power cut leaves it: the files as they are, read by somebody who knows nothing of them.
        let copy = dir.path().join("copy.db");
        std::fs::copy(&path, &copy).unwrap();
        std::fs::copy(log_of(&path), log_of(&copy)).unwrap();
        let copied = open_writer(&copy, None).unwrap();
        assert_eq!(count(&copied), 2100);
        make(&copied, &copy);
        add(&copied, 1);
        drop(connection);
        assert!(!log_of(&path).exists(), "a clean end leaves no log");
        assert_eq!(count(&open_writer(&path, None).unwrap()), 2100);
        assert_eq!(count(&copied), 2101);
    }
}
