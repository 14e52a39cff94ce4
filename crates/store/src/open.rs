//! What a store is told at its start, and which database it opens.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use crate::error::OpenError;
use crate::files::KEY_FILE;
use crate::meter::{NoMeter, StoreMeter};
use crate::store::Store;
use crate::writer::WallClock;
use crate::{postgres, sqlite};

/// What a process is to the database that it opens. SQLite has one process at a time, whatever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The one that commands the hubs: there is no other beside it.
    Server,
    /// One of those that command the hubs of a PostgreSQL together. On SQLite, the same as a server.
    Node,
    /// One that may run beside a server, as an operator's command does. It neither sets an empty database up nor upgrades
    /// an older one.
    Visitor,
}

/// What the store is told at its start.
#[derive(Clone)]
pub struct OpenOptions {
    /// Where the database lies, or only the key file with PostgreSQL. Made, mode 0700, if it is not there.
    pub data_dir: PathBuf,
    /// Where the key for everything sealed lies; `None`: `secrets.key` in the data directory.
    pub key_file: Option<PathBuf>,
    /// The PostgreSQL database, `postgres://…`; `None`: SQLite in the data directory. It may hold a password.
    pub database_url: Option<String>,
    /// What this process is to the database.
    pub role: Role,
    /// How many changes may wait to be written; more are answered [`Busy`](thumbturn_core::ports::CommitError::Busy).
    pub queue: usize,
    /// How many reads run at the same time, each on a connection of its own.
    pub readers: usize,
    /// What time it is, for the times of commits.
    pub clock: WallClock,
    /// Who counts what is done.
    pub meter: Arc<dyn StoreMeter>,
    /// The registered SQLite VFS that holds the database; `None`: the system's. For tests that cut the power: only
    /// SQLite's own files are on it, the folder, its lock and the key file stay where they are.
    pub vfs: Option<String>,
    /// SQLite: the log gets its room at the start, so that commits write over what is there instead of making it longer. For
    /// whoever stays: it takes 8 MB, and is gone after a clean end. Not on a `vfs`.
    pub log_room: bool,
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenOptions")
            .field("data_dir", &self.data_dir)
            .field("key_file", &self.key_file)
            .field("is_postgres", &self.database_url.is_some())
            .field("role", &self.role)
            .field("queue", &self.queue)
            .field("readers", &self.readers)
            .field("vfs", &self.vfs)
            .finish_non_exhaustive()
    }
}

impl OpenOptions {
    /// The defaults: the key beside the database, 4096 waiting changes, 4 readers, the system's clock, nobody who
    /// counts, no room for the log.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            key_file: None,
            database_url: None,
            role: Role::Server,
            queue: 4096,
            readers: 4,
            clock: Arc::new(Timestamp::now),
            meter: Arc::new(NoMeter),
            vfs: None,
            log_room: false,
        }
    }

    pub(crate) fn key_path(&self) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| self.data_dir.join(KEY_FILE))
    }
}

/// Opens the store, and makes schema and key file if the database is new. Blocks for the time of some file operations,
/// and with PostgreSQL until it has answered.
///
/// # Errors
/// An [`OpenError`] for the operator.
pub fn open(options: OpenOptions) -> Result<Store, OpenError> {
    match options.database_url.clone() {
        None => sqlite::open(options),
        Some(url) => postgres::open(options, &url),
    }
}
