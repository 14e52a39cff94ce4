//! What can go wrong while a house is set up.

use std::path::PathBuf;
use std::time::Duration;

/// Why a house or a hub could not be started or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The Node packages are not there.
    #[error("the Node packages of {} are missing, run `npm ci` there", .0.display())]
    NotInstalled(PathBuf),
    /// The Python environment is not there.
    #[error("the Python environment {} is missing, run `cargo xtask test` or `cargo xtask e2e` once", .0.display())]
    NoPython(PathBuf),
    /// A program could not be started, or not be talked to.
    #[error("{what}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A program ended, or did not say what it should.
    #[error("{0} ended or said something unexpected; its words: {1}")]
    Ended(&'static str, String),
    /// A server could not be talked to.
    #[error("the server could not be talked to: {0}")]
    Socket(String),
    /// A house could not do what it was asked for.
    #[error("the house could not do it: {0}")]
    Problem(String),
    /// Something took too long.
    #[error("{what}: not within {within:?}")]
    TimedOut {
        /// What was waited for.
        what: &'static str,
        /// How long.
        within: Duration,
    },
}

impl Error {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}
