//! Why the store could not be opened, and how its inner errors become the engine's.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thumbturn_core::ports::{CommitError, StoreError};

/// Why the store could not be opened. The texts are for the operator: they say what to look at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A file or folder could not be made, read or locked.
    #[error("cannot use {path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process has the data directory open.
    #[error("another thumbturn is running on {path}")]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// Another server commands the hubs of this PostgreSQL database.
    #[error(
        "another thumbturn is running on {path}. Several servers can share it, if `several_nodes = true` stands under \
         [database] in the settings of each of them (or THUMBTURN_DATABASE__SEVERAL_NODES=true)"
    )]
    NotShared {
        /// The database.
        path: PathBuf,
    },
    /// The database was written by a newer program.
    #[error(
        "{path} has schema version {found}, but this program knows only versions up to {known}: use a newer program"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The version of the database.
        found: i64,
        /// The newest version that the program knows.
        known: i64,
    },
    /// The database was written by an older program, and this process may not change it.
    #[error(
        "{path} has schema version {found}, and this program needs version {known}: start its server once with this \
         program"
    )]
    Older {
        /// The database.
        path: PathBuf,
        /// The version of the database.
        found: i64,
        /// The version that the program needs.
        known: i64,
    },
    /// There is nothing in the database, and this process may not change that.
    #[error("{path} is empty: `thumbturn init` or the first `thumbturn serve` sets it up")]
    Empty {
        /// The database.
        path: PathBuf,
    },
    /// The URL of the database cannot be used.
    #[error("database_url is {0}")]
    DatabaseUrl(&'static str),
    /// The database cannot hold what we keep, or cannot be reached as it should be.
    #[error("{path} cannot be used: {reason}")]
    Unsuitable {
        /// The database.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The database exists, but its key file does not.
    #[error("the key file {path} is missing: the database cannot be read without it")]
    KeyMissing {
        /// Where the key file should be.
        path: PathBuf,
    },
    /// The key file holds another key than the one that the database was made with.
    #[error("the key file {path} holds another key than the one this database was made with")]
    KeyDiffers {
        /// The key file.
        path: PathBuf,
    },
    /// The key file does not hold a key.
    #[error("the key file {path} does not hold a key: expected 32 bytes as base64 or hexadecimal text")]
    KeyMalformed {
        /// The key file.
        path: PathBuf,
    },
    /// The database holds something that it should not.
    #[error("{path} is damaged: {reason}")]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The database failed.
    #[error("cannot open the database {path}")]
    Database {
        /// The database.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Something was read that cannot be understood.
#[derive(Debug)]
pub(crate) struct Corrupt(String);

impl Corrupt {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl From<Corrupt> for StoreError {
    fn from(Corrupt(what): Corrupt) -> Self {
        Self::Corrupt(what)
    }
}

/// A failure that may pass.
pub(crate) fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::Unavailable(Arc::from(source.into()))
}

/// The same error for one more waiter. (Neither error type is `Clone`, but everything in them is.)
pub(crate) fn again(error: &CommitError) -> CommitError {
    match error {
        CommitError::Conflict(name) => CommitError::Conflict(name),
        CommitError::Busy => CommitError::Busy,
        CommitError::LeaseLost => CommitError::LeaseLost,
        CommitError::Store(StoreError::Unavailable(source)) => StoreError::Unavailable(Arc::clone(source)).into(),
        CommitError::Store(StoreError::Corrupt(what)) => StoreError::Corrupt(what.clone()).into(),
    }
}
