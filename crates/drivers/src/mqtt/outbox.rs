//! What a message or a moment brings about: signals to the engine, messages and subscriptions at the broker.
//!
//! Everything that reads messages writes into an [`Outbox`] and touches no socket, so that it can be tested as values.

use thumbturn_core::evidence::Words;
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
        self.tell(Signal::Said(lock.clone(), report, None));
    }

    /// Gives the message that brought them to the signals after the first `before`, where it may be evidence. What was
    /// only remembered is none, and is not worth the words.
    pub(super) fn quote(&mut self, before: usize, message: impl FnOnce() -> Words) {
        let is_evidence = |signal: &&mut Signal| match signal {
            Signal::Said(_, report, words) => words.is_none() && !matches!(report.how, How::Remembered),
            Signal::Answered(.., words) => words.is_none(),
            _ => false,
        };
        let mut quoted = self.signals.iter_mut().skip(before).filter(is_evidence).peekable();
        if quoted.peek().is_none() {
            return;
        }
        let message = message();
        for signal in quoted {
            if let Signal::Said(.., words) | Signal::Answered(.., words) = signal {
                *words = Some(message.clone());
            }
        }
    }

    /// Asks a hub for something.
    pub(super) fn request(&mut self, topic: String, payload: String) {
        self.requests.push((topic, payload));
    }
}
