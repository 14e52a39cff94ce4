//! What a message or a moment brings about: signals to the engine and requests to the hub.

use thumbturn_core::evidence::Words;
use thumbturn_core::ids::{AttemptId, NativeId};
use thumbturn_core::ports::{Answer, How, Report, Said, Signal};
use thumbturn_core::time::Moment;

/// What is to be done, in order within each kind.
#[derive(Debug)]
pub(crate) struct Outbox<Ask> {
    /// What the engine is told.
    pub(crate) signals: Vec<Signal>,
    /// What is asked of the hub. Never a command that moves a bolt.
    pub(crate) asks: Vec<Ask>,
}

impl<Ask> Default for Outbox<Ask> {
    fn default() -> Self {
        Self { signals: Vec::new(), asks: Vec::new() }
    }
}

impl<Ask> Outbox<Ask> {
    /// Tells the engine something.
    pub(crate) fn tell(&mut self, signal: Signal) {
        self.signals.push(signal);
    }

    /// Passes on what a lock said.
    pub(crate) fn said(&mut self, lock: &NativeId, said: Said, how: How, heard: Moment, words: Option<Words>) {
        let report = Report { said, how, heard, occurred_at: None, sequence: None };
        self.tell(Signal::Said(lock.clone(), report, words));
    }

    /// Passes on what the hub said of a command.
    pub(crate) fn answered(&mut self, lock: &NativeId, attempt: AttemptId, answer: Answer, at: Moment, words: Words) {
        self.tell(Signal::Answered(lock.clone(), attempt, answer, at, Some(words)));
    }
}
