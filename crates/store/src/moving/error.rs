//! Why a database could not be moved.

use std::error::Error;
use std::path::PathBuf;

use tokio::task::JoinError;

use crate::error::OpenError;

/// Why a database could not be moved. The texts are for the operator: they say what to look at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// One of the databases cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no old database.
    #[error("there is no SQLite database {path}")]
    NothingThere {
        /// Where it should be.
        path: PathBuf,
    },
    /// The new database is not empty.
    #[error("{to} is not empty: it holds {found}. Nothing was changed; make a new database for the move (createdb)")]
    NotEmpty {
        /// The new database.
        to: String,
        /// What is in it.
        found: String,
    },
    /// The old database holds a table or column that this program does not know.
    #[error("the SQLite database holds {what}, which this program does not know and would have to leave behind")]
    Unknown {
        /// Which.
        what: String,
    },
    /// The old database holds a value that does not belong there.
    #[error("the SQLite database holds {found} in {table}.{column}, where {wanted} belongs: nothing was kept")]
    Odd {
        /// Its table.
        table: String,
        /// Its column.
        column: String,
        /// What it is.
        found: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// What was copied is not what was there.
    #[error(
        "the copy of {table} differs from the original ({rows} rows were copied, {found} are there, and the checksums \
         are not the same): nothing was kept"
    )]
    Differs {
        /// Which table.
        table: String,
        /// Rows that were copied.
        rows: u64,
        /// Rows that are there.
        found: u64,
    },
    /// The old database failed.
    #[error("cannot read {path}")]
    Source {
        /// The old database.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The new database failed; nothing was kept.
    #[error("cannot copy to {to}: nothing was kept")]
    Target {
        /// The new database.
        to: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The connection was lost in the commit.
    #[error(
        "the connection to {to} was lost in the last moment, and nobody knows whether everything was kept or nothing: \
         run the same command again. If it says that the database is not empty, the move is complete"
    )]
    Unsure {
        /// The new database.
        to: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A fault of ours.
    #[error("the move broke off")]
    Broken(#[from] JoinError),
}
