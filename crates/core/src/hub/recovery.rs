//! Attempts that a stopped server left unfinished. Nothing is sent for them again.

use crate::attempts::{Attempt, FailureKind, Outcome};
use crate::ports::{ReadId, Said};
use crate::time::Moment;

/// The left-over attempts of one lock.
#[derive(Debug)]
pub(crate) struct Recovery {
    attempts: Vec<Attempt>,
    /// The read whose answer settles them.
    pub(crate) asked: Option<ReadId>,
    /// When they are called unknown without an answer.
    pub(crate) until: Moment,
}

impl Recovery {
    /// `None` if nothing was left over.
    pub(crate) fn of(attempts: Vec<Attempt>, until: Moment) -> Option<Self> {
        (!attempts.is_empty()).then_some(Self { attempts, asked: None, until })
    }

    /// How each ends, given what the lock says now: an unconfirmed success where the lock is in the wanted state (the
    /// cause cannot be proven), unknown everywhere else.
    pub(crate) fn outcomes(self, said: Option<Said>) -> Vec<(Attempt, Outcome)> {
        self.attempts
            .into_iter()
            .map(|attempt| {
                let there = attempt.action.wanted().is_some_and(|wanted| said == Some(Said::At(wanted)));
                let outcome = if there {
                    Outcome::Success { confirmed: false }
                } else {
                    Outcome::Failure(FailureKind::OutcomeUnknown.into())
                };
                (attempt, outcome)
            })
            .collect()
    }
}
