//! What a message or a moment brings about: signals to the engine, messages and subscriptions at the broker.
//!
//! Everything that reads messages writes into an [`Outbox`] and touches no socket, so that it can be tested as values.

use thumbturn_core::ids::NativeId;
use thumbturn_core::ports::{How, Report, Said, Signal};
use thumbturn_core::time::Moment;

/// What is to be done, in order within each kind.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// What the engine is told.
    pub(super) signals: Vec<Signal>,
    /// Reads and requests to hubs: topic and payload. Never a command that moves a bolt.
    pub(super) requests: Vec<(String, String)>,
    /// Topics that are wanted from now on.
    pub(super) subscribe: Vec<String>,
    /// Topics that are no longer wanted.
    pub(super) unsubscribe: Vec<String>,
}

impl Outbox {
    /// Tells the engine something.
    pub(super) fn tell(&mut self, signal: Signal) {
        self.signals.push(signal);
    }

    /// Passes on what a lock said.
    pub(super) fn said(&mut self, lock: &NativeId, said: Said, how: How, heard: Moment) {
        self.report(lock, Report { said, how, heard, occurred_at: None, sequence: None });
    }

    /// Passes on a report.
    pub(super) fn report(&mut self, lock: &NativeId, report: Report) {
        self.tell(Signal::Said(lock.clone(), report));
    }

    /// Asks a hub for something.
    pub(super) fn request(&mut self, topic: String, payload: String) {
        self.requests.push((topic, payload));
    }
}
