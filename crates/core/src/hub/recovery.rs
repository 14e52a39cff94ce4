//! Attempts that a stopped server left unfinished. Nothing is sent for them again.

use crate::attempts::{Attempt, FailureKind, Outcome};
use crate::evidence::{End, Record, Rule, Step, Words};
use crate::ports::{ReadId, Said};
use crate::time::Moment;

/// The left-over attempts of one lock.
#[derive(Debug)]
pub(crate) struct Recovery {
    /// Each with what is kept of it. What the stopped server had heard went with it.
    attempts: Vec<(Attempt, Record)>,
    /// The read whose answer settles them.
    pub(crate) asked: Option<ReadId>,
    /// When they are called unknown without an answer.
    pub(crate) until: Moment,
}

impl Recovery {
    /// What was found `now`; `None` if nothing was left over.
    pub(crate) fn of(attempts: Vec<Attempt>, now: Moment, until: Moment) -> Option<Self> {
        let found = |attempt: Attempt| {
            let record = Record::found(attempt.created_at, now);
            (attempt, record)
        };
        let attempts: Vec<_> = attempts.into_iter().map(found).collect();
        (!attempts.is_empty()).then_some(Self { attempts, asked: None, until })
    }

    /// Keeps what happens meanwhile as evidence of each.
    pub(crate) fn heard(&mut self, at: Moment, step: Step, words: Option<&Words>) {
        for (_, record) in &mut self.attempts {
            record.heard(at, step, words);
        }
    }

    /// How each ends, given what the lock says now: an unconfirmed success where the lock is in the wanted state (the
    /// cause cannot be proven), unknown everywhere else.
    pub(crate) fn ends(self, said: Option<Said>) -> impl Iterator<Item = (Attempt, Record, End)> {
        self.attempts.into_iter().map(move |(attempt, record)| {
            let there = attempt.action.wanted().is_some_and(|wanted| said == Some(Said::At(wanted)));
            let end = if there {
                End { outcome: Outcome::Success { confirmed: false }, rule: Rule::RestartRead }
            } else {
                let outcome = Outcome::Failure(FailureKind::OutcomeUnknown.into());
                End { outcome, rule: Rule::RestartUnknown }
            };
            (attempt, record, end)
        })
    }
}
