//! What the engine tells whoever counts for the operator: attempts, their stages, reads.
//!
//! It is called on the way of every command, so an implementation only changes numbers: it neither waits nor locks.

use std::time::Duration;

use crate::accounts::Provider;
use crate::attempts::Outcome;
use crate::evidence::{Evidence, Step};
use crate::locks::Action;

/// Counts what the engine does. Nothing in the engine depends on it.
pub trait Meter: Send + Sync {
    /// An attempt is on disk and waits for its turn.
    fn accepted(&self, provider: Provider, action: Action);
    /// An attempt has ended; that is being stored, and its waiter is woken after this.
    fn ended(&self, provider: Provider, action: Action, outcome: &Outcome, spans: Spans);
    /// A lock was asked for its state: its battery pays for it.
    fn asked(&self, provider: Provider, purpose: Purpose);
    /// A read that decides no attempt waits, because the lock's budget for the day is spent.
    fn put_off(&self, provider: Provider);
}

/// What a read is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It decides how an attempt ended.
    Attempt,
    /// It tells what is to be shown: after a connection, in doubt, after a movement.
    State,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Attempt, Self::State];

    /// In a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attempt => "attempt",
            Self::State => "state",
        }
    }
}

/// Counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMeter;

impl Meter for NoMeter {
    fn accepted(&self, _: Provider, _: Action) {}
    fn ended(&self, _: Provider, _: Action, _: &Outcome, _: Spans) {}
    fn asked(&self, _: Provider, _: Purpose) {}
    fn put_off(&self, _: Provider) {}
}

/// How long each part of an attempt took; `None` for what did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    /// From the acceptance until the lock was free for it.
    pub queued: Option<Duration>,
    /// From then until the driver wrote the command.
    pub handed: Option<Duration>,
    /// From the write until the hub's first word on the command.
    pub answered: Option<Duration>,
    /// From the write until the lock's first word on its bolt.
    pub reported: Option<Duration>,
    /// From the acceptance to the end.
    pub whole: Duration,
}

impl Spans {
    /// What the evidence of an ended attempt says.
    #[must_use]
    pub fn of(evidence: &Evidence) -> Self {
        let turn = evidence.first(|step| *step == Step::TurnCame);
        let written = evidence.first(|step| *step == Step::Written);
        let since_written = |is: fn(&Step) -> bool| {
            let written = written?;
            let heard = evidence.stages.iter().find(|stage| is(&stage.step) && stage.after >= written)?;
            Some(heard.after.saturating_sub(written))
        };
        Self {
            queued: turn,
            handed: turn.zip(written).map(|(turn, written)| written.saturating_sub(turn)),
            answered: since_written(|step| matches!(step, Step::Acknowledged | Step::NotAcknowledged | Step::Refused)),
            reported: since_written(|step| matches!(step, Step::Reported { .. })),
            whole: evidence.stages.last().map_or(Duration::ZERO, |stage| stage.after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Manner, Rule, Stage};
    use crate::locks::Bolt;
    use crate::ports::Said;

    fn spans(stages: &[(u64, Step)]) -> Spans {
        let stages = stages.iter().map(|(ms, step)| Stage { after: Duration::from_millis(*ms), step: *step });
        Spans::of(&Evidence { stages: stages.collect(), ..Evidence::default() })
    }

    const REPORTED: Step = Step::Reported { said: Said::At(Bolt::Unlocked), manner: Manner::Untagged };

    #[test]
    fn what_was_heard_before_the_write_is_not_its_doing() {
        let ms = |ms| Some(Duration::from_millis(ms));
        let all = spans(&[
            (2, Step::TurnCame),
            (3, REPORTED),
            (5, Step::Written),
            (9, Step::Acknowledged),
            (25, REPORTED),
            (30, REPORTED),
            (31, Step::Ended(Rule::ReportedChange)),
        ]);
        let expected =
            Spans { queued: ms(2), handed: ms(3), answered: ms(4), reported: ms(20), whole: Duration::from_millis(31) };
        assert_eq!(all, expected);
    }

    #[test]
    fn what_did_not_happen_took_no_time() {
        let expired = spans(&[(40, Step::Ended(Rule::TooLate))]);
        assert_eq!(expired, Spans { whole: Duration::from_millis(40), ..Spans::default() });
        let silent = spans(&[(0, Step::TurnCame), (1, Step::Written), (2, Step::Ended(Rule::Silence))]);
        assert_eq!((silent.answered, silent.reported), (None, None));
    }
}
