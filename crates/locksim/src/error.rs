//! What can go wrong while a simulation is set up.

use std::path::PathBuf;
use std::time::Duration;

/// Why a broker or a simulation could not be started, or why a wait ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The Mosquitto program is not installed.
    #[error(
        "{program} was not found on PATH, in /usr/sbin, /usr/local/sbin or /usr/bin; install it: apt-get install mosquitto"
    )]
    NotInstalled {
        /// The program that is missing.
        program: &'static str,
    },
    /// The broker ended before it accepted a connection.
    #[error("mosquitto ended at its start ({status}); its log: {log}")]
    BrokerEnded {
        /// How the process ended.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// A file of the test set-up could not be written or read, or a process could not be started.
    #[error("{what} ({})", path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// The file or program concerned.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A signal could not be sent to the broker.
    #[error("cannot signal the broker: {0}")]
    Signal(String),
    /// The test certificates could not be made.
    #[error("cannot make the test certificates")]
    Certificates(#[from] rcgen::Error),
    /// The address of the broker cannot be used.
    #[error("{address:?} is no broker address: {reason}")]
    Address {
        /// The address as given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The configuration of the simulation contradicts itself.
    #[error("bad simulation: {0}")]
    Config(String),
    /// A condition was not met in time.
    #[error("{what}: not within {within:?}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        within: Duration,
    },
}

impl Error {
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
