//! A real PostgreSQL for tests: started on a free port in a temporary folder, stopped, killed and restarted at will.
//!
//! Tests that only need a database share one server ([`Database::create`]), also over processes, and each has a database
//! of its own. Tests that stop or kill the server, or count on its disk, have one for themselves ([`Server::start`]).
//!
//! `cargo xtask test` installs PostgreSQL. Where it is missing, tests fail and say so.

mod database;
mod programs;
mod server;
mod shared;

use std::io;
use std::path::PathBuf;

pub use database::Database;
pub use server::{Server, Settings, Stop};

/// Why there is no PostgreSQL for a test.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not installed.
    #[error(
        "PostgreSQL is not installed: no `postgres` in /usr/lib/postgresql/*/bin or in PATH. `cargo xtask test` installs \
         it; by hand: sudo apt-get install postgresql"
    )]
    NotInstalled,
    /// There is no user that could run it: it refuses to run as root.
    #[error("PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`")]
    NoUser,
    /// A file or program could not be used.
    #[error("cannot {what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// One of its programs failed.
    #[error("{program} failed: {said}")]
    Failed {
        /// Which.
        program: &'static str,
        /// What it said.
        said: String,
    },
    /// It did not come up in time.
    #[error("PostgreSQL did not start within {seconds} s: {log}")]
    NotReady {
        /// How long it had.
        seconds: u64,
        /// The end of its log.
        log: String,
    },
}

impl Error {
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
