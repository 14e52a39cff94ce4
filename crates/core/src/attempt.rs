//! How an attempt ends: a pure step from a state and an input to a state and an effect.
//!
//! Every promise about truth is an arm of a match here. Times come in as values; there are no tasks, timers or
//! channels. Invariants:
//! - [`Effect::Write`] is given at most once, only before `send_by`, and never after anything has ended.
//! - Until the driver has asked whether it may still write, nothing was written and nothing heard is evidence.
//! - A confirmed success needs a fact heard after the write: the lock's word of a remote operation, a change to the
//!   wanted position from another that the lock had told, or the answer to a read asked after the write.
//! - What is tagged manual, keypad or automatic, doubtful, remembered or assumed confirms nothing.
//! - "No movement" needs a read of another position and nothing that says that the bolt may have been at the wanted one
//!   since the write.

use std::time::Duration;

use crate::attempts::{Failure, FailureKind, Outcome};
use crate::events::Method;
use crate::evidence::{End, Rule};
use crate::locks::{Bolt, Traits, Unavailable};
use crate::memory::{Cause, Fact, Known, What};
use crate::ports::{Answer, NotWritten, Refused, Said};
use crate::time::Moment;

/// What does not change while an attempt lives.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The wanted position; `None` for what is not about the bolt: that ends with its hub's word.
    pub wanted: Option<Bolt>,
    /// When the attempt must have ended.
    pub deadline: Moment,
    /// How the lock and its hub behave.
    pub traits: Traits,
}

impl Terms {
    /// The last instant at which the command may be written: the deadline less the driver's margin.
    #[must_use]
    pub fn send_by(&self) -> Moment {
        self.deadline.before(self.traits.margin)
    }
}

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Accepted, nothing written.
    Waiting,
    /// Given to the driver, which has not yet asked whether it may still write.
    Handed,
    /// A movement was handed to the hub.
    Written(Written),
    /// Something else was handed to the hub, whose word ends it.
    Sent,
    /// Ended. Nothing happens any more.
    Ended,
}

/// What is known of a movement that was handed to the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    at: Moment,
    wanted: Bolt,
    before: Known,
    acknowledged: Acknowledged,
    accepted_at: Option<Moment>,
    moved_by_other: bool,
    /// Something says that it may have been where it should be since the write. A read that finds it elsewhere then does not
    /// prove that it never moved: it may have come back, as a lock does that locks itself.
    perhaps_was_there: bool,
    /// It is said to be where it should, on a lock that cannot be asked whether that is an old report said again.
    perhaps_there: bool,
    read_due: Option<Moment>,
    reads_left: u8,
    read_old: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Acknowledged {
    NotHeard,
    Yes,
    No,
}

/// What can happen to an attempt.
#[derive(Clone, Debug)]
pub enum Input {
    /// The lock's turn came to this attempt and its hub can be written to.
    TurnCame,
    /// The driver asked whether it may still write, was told so, and writes.
    Wrote {
        /// When it asked.
        at: Moment,
        /// What the lock had told before.
        known: Known,
    },
    /// The lock cannot be written to, and that is known.
    Unavailable(Unavailable),
    /// The driver did not write the command.
    NotWritten(NotWritten),
    /// The hub said something of the command.
    Answered(Answer),
    /// The lock told something.
    Fact(Fact),
    /// A read got no answer, or could not be asked.
    ReadFailed,
    /// The hub session was lost.
    LinkLost,
    /// The hub session is back.
    LinkBack,
    /// Time passed.
    Tick,
}

/// What must be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Nothing,
    /// Write the command, now.
    Write,
    /// Ask the lock for its state.
    Ask,
    /// The attempt has ended.
    Finish(End),
}

/// Reads that one attempt may cost a battery: one in doubt, one when the movement should be over.
const READS: u8 = 2;

/// How long before the deadline a last read is asked, so that its answer can still count.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// The step.
#[must_use]
pub fn step(terms: &Terms, state: State, input: &Input, now: Moment) -> (State, Effect) {
    match state {
        State::Ended => (State::Ended, Effect::Nothing),
        State::Waiting => waiting(terms, input, now),
        State::Handed => handed(terms, input, now),
        State::Written(written) => written.step(terms, input, now),
        State::Sent => sent(terms, input, now),
    }
}

/// When the attempt wants a [`Input::Tick`].
#[must_use]
pub fn wake_at(terms: &Terms, state: &State) -> Option<Moment> {
    match state {
        State::Waiting | State::Handed => Some(terms.send_by()),
        State::Written(written) => Some(written.wake_at(terms)),
        State::Sent => Some(terms.deadline),
        State::Ended => None,
    }
}

fn waiting(terms: &Terms, input: &Input, now: Moment) -> (State, Effect) {
    if now.reached(terms.send_by()) {
        return fail(FailureKind::Expired, Rule::TooLate);
    }
    match input {
        Input::TurnCame => (State::Handed, Effect::Write),
        Input::Unavailable(unavailable) => fail((*unavailable).into(), Rule::Unavailable),
        _ => (State::Waiting, Effect::Nothing),
    }
}

/// Nothing has left this process yet, and nothing that is heard can be the command's doing.
fn handed(terms: &Terms, input: &Input, now: Moment) -> (State, Effect) {
    match input {
        Input::Wrote { at, known } => {
            let written = |wanted| State::Written(Written::new(terms, wanted, *known, *at));
            (terms.wanted.map_or(State::Sent, written), Effect::Nothing)
        }
        Input::NotWritten(why) => (State::Ended, Effect::Finish(not_written(why))),
        _ if now.reached(terms.send_by()) => fail(FailureKind::Expired, Rule::TooLate),
        Input::Unavailable(unavailable) => fail((*unavailable).into(), Rule::Unavailable),
        Input::LinkLost => fail(FailureKind::HubDisconnected, Rule::Unavailable),
        _ => (State::Handed, Effect::Nothing),
    }
}

/// A setting was sent, or a hand sent to a virtual lock: done when the hub says so, unknown if it never does.
fn sent(terms: &Terms, input: &Input, now: Moment) -> (State, Effect) {
    match input {
        Input::NotWritten(why) => (State::Ended, Effect::Finish(not_written(why))),
        Input::Answered(Answer::Accepted) => (State::Ended, confirmed(Rule::HubWord)),
        Input::Answered(Answer::Refused(why)) => (State::Ended, refused(why)),
        Input::Answered(Answer::NotAcknowledged) => fail(FailureKind::OutcomeUnknown, Rule::NotAcknowledged),
        Input::LinkLost => fail(FailureKind::OutcomeUnknown, Rule::LinkLost),
        _ if now.reached(terms.deadline) => fail(FailureKind::OutcomeUnknown, Rule::Silence),
        _ => (State::Sent, Effect::Nothing),
    }
}

fn fail(kind: FailureKind, rule: Rule) -> (State, Effect) {
    (State::Ended, failure(kind, rule))
}

const fn confirmed(rule: Rule) -> Effect {
    Effect::Finish(End { outcome: Outcome::Success { confirmed: true }, rule })
}

const fn unconfirmed(rule: Rule) -> Effect {
    Effect::Finish(End { outcome: Outcome::Success { confirmed: false }, rule })
}

fn failure(kind: FailureKind, rule: Rule) -> Effect {
    Effect::Finish(End { outcome: Outcome::Failure(kind.into()), rule })
}

impl Written {
    fn new(terms: &Terms, wanted: Bolt, known: Known, at: Moment) -> Self {
        let traits = &terms.traits;
        let wait = if known == Known::At(wanted) { traits.settle_unchanged } else { traits.settle };
        Self {
            at,
            wanted,
            before: known,
            acknowledged: Acknowledged::NotHeard,
            accepted_at: None,
            moved_by_other: false,
            perhaps_was_there: known == Known::At(wanted),
            perhaps_there: false,
            read_due: (traits.reports && traits.readable)
                .then(|| at.after(wait).steadily().or_earlier(latest_read(terms, at))),
            reads_left: READS,
            read_old: false,
        }
    }

    /// When the command was handed to the hub.
    #[must_use]
    pub const fn at(&self) -> Moment {
        self.at
    }

    fn wake_at(&self, terms: &Terms) -> Moment {
        self.read_due.into_iter().chain(self.unconfirmable_at(terms)).fold(terms.deadline, Moment::or_earlier)
    }

    /// When a movement that the command caused must be over.
    #[must_use]
    pub fn settled(&self, terms: &Terms) -> Moment {
        self.accepted_at.unwrap_or(self.at).after(terms.traits.settle).steadily()
    }

    /// When an accepted command may end as an unconfirmed success: the lock already was where it should be, or what it
    /// says may be an old report, and its hub offers no read.
    fn unconfirmable_at(&self, terms: &Terms) -> Option<Moment> {
        let unprovable = self.before == Known::At(self.wanted) || self.perhaps_there;
        (unprovable && !terms.traits.readable && self.acknowledged == Acknowledged::Yes)
            .then(|| self.at.after(terms.traits.settle_unchanged).steadily())
    }

    fn step(mut self, terms: &Terms, input: &Input, now: Moment) -> (State, Effect) {
        let effect = match input {
            Input::NotWritten(why) => Effect::Finish(not_written(why)),
            Input::Answered(answer) => self.answered(terms, answer, now),
            Input::Fact(fact) => self.heard(terms, fact, now),
            Input::ReadFailed => self.read_failed(terms, now),
            Input::LinkLost => self.link_lost(),
            Input::LinkBack => self.link_back(terms, now),
            Input::TurnCame | Input::Wrote { .. } | Input::Unavailable(_) | Input::Tick => Effect::Nothing,
        };
        let effect = if effect == Effect::Nothing { self.time_passed(terms, now) } else { effect };
        match effect {
            Effect::Finish(_) => (State::Ended, effect),
            _ => (State::Written(self), effect),
        }
    }

    fn answered(&mut self, terms: &Terms, answer: &Answer, now: Moment) -> Effect {
        match answer {
            Answer::Refused(why) => refused(why),
            Answer::Accepted if !terms.traits.reports => unconfirmed(Rule::AcceptedCannotReport),
            Answer::Accepted => {
                let deciding = self.last_read(terms);
                self.acknowledged = Acknowledged::Yes;
                self.accepted_at = Some(now);
                if self.read_due.is_some_and(|due| due.steady == deciding.steady) {
                    // The motor may have begun only now, and a read that comes too early is a read in vain.
                    self.read_due = Some(self.last_read(terms));
                }
                if std::mem::take(&mut self.read_old) {
                    // What was read before the lock accepted says nothing about what it does now.
                    self.plan_read(terms, now.after(terms.traits.settle));
                }
                Effect::Nothing
            }
            Answer::NotAcknowledged => {
                self.acknowledged = Acknowledged::No;
                self.plan_last_read(terms, now);
                Effect::Nothing
            }
        }
    }

    fn heard(&mut self, terms: &Terms, fact: &Fact, now: Moment) -> Effect {
        if fact.heard.steady < self.at.steady {
            return Effect::Nothing;
        }
        match fact.what {
            What::Moved { from, to, cause, doubtful } if to == self.wanted => {
                self.arrived(terms, from, cause, doubtful, now)
            }
            What::Moved { to, .. } => {
                self.moved_by_other = false;
                self.perhaps_there = false;
                self.before = Known::At(to);
                Effect::Nothing
            }
            What::Operated { at, cause, doubtful, .. } if at == self.wanted => {
                // Also where it was thought to be there, and where it may be an old report said again: a hand that says
                // so has perhaps brought it there only now.
                self.moved_by_other |= cause.method != Method::Remote;
                self.perhaps_was_there = true;
                self.operated(terms, cause, doubtful, now)
            }
            What::Operated { cause, doubtful: false, late_cause: false, .. } => {
                // Moved to where it was known to be: so it was elsewhere before, and nobody heard of that.
                self.perhaps_was_there |= cause.method != Method::Remote;
                Effect::Nothing
            }
            What::Doubt { to } => {
                self.perhaps_was_there |= to == Known::At(self.wanted);
                self.read_soon(terms, now)
            }
            What::Read { asked, said, cause, .. } => self.read(terms, asked, said, cause, now),
            What::Jammed => failure(FailureKind::LockJammed, Rule::JamReported),
            What::Obstructed => failure(FailureKind::BoltObstructed, Rule::ObstructionReported),
            What::Unsure => {
                self.before = Known::Nothing;
                self.perhaps_there = false;
                Effect::Nothing
            }
            What::Operated { .. } | What::Recalled { .. } => Effect::Nothing,
        }
    }

    /// The bolt is reported to have come to the wanted position.
    fn arrived(&mut self, terms: &Terms, from: Known, cause: Option<Cause>, doubtful: bool, now: Moment) -> Effect {
        self.perhaps_was_there = true;
        match cause {
            _ if doubtful => {
                self.perhaps_there = !terms.traits.readable;
                self.read_soon(terms, now)
            }
            Some(Cause { method: Method::Remote, .. }) => confirmed(Rule::ReportedRemote),
            Some(_) => {
                self.moved_by_other = true;
                Effect::Nothing
            }
            None if from == Known::Nothing && terms.traits.readable => self.read_soon(terms, now),
            // It stands where it should, as the lock says after the write; whether the command did that cannot be known.
            None if from == Known::Nothing => unconfirmed(Rule::FirstWord),
            None => confirmed(Rule::ReportedChange),
        }
    }

    fn operated(&mut self, terms: &Terms, cause: Cause, doubtful: bool, now: Moment) -> Effect {
        match cause.method {
            Method::Remote if doubtful => self.read_soon(terms, now),
            Method::Remote => confirmed(Rule::ReportedRemote),
            _ => Effect::Nothing,
        }
    }

    fn read(&mut self, terms: &Terms, asked: Option<Moment>, said: Said, cause: Option<Cause>, now: Moment) -> Effect {
        if asked.is_none_or(|asked| asked.steady < self.at.steady) {
            return Effect::Nothing;
        }
        let by_other = self.moved_by_other || cause.is_some_and(|cause| cause.method != Method::Remote);
        match said {
            Said::At(at) if at == self.wanted && by_other => unconfirmed(Rule::MovedByOther),
            Said::At(at) if at == self.wanted => confirmed(Rule::ReadBack),
            Said::At(at) => {
                self.before = Known::At(at);
                self.moved_by_other = false;
                self.perhaps_there = false;
                self.read_old_state(terms, now)
            }
            Said::Jammed => failure(FailureKind::LockJammed, Rule::JamReported),
            Said::Obstructed => failure(FailureKind::BoltObstructed, Rule::ObstructionReported),
            Said::Unsure => self.read_failed(terms, now),
        }
    }

    fn read_old_state(&mut self, terms: &Terms, now: Moment) -> Effect {
        if !now.reached(self.settled(terms)) {
            // The bolt may still be on its way.
            let due = self.last_read(terms);
            self.plan_read(terms, if now.reached(due) { self.settled(terms) } else { due });
            return Effect::Nothing;
        }
        match self.acknowledged {
            Acknowledged::No => failure(FailureKind::OutcomeUnknown, Rule::NotAcknowledgedNotMoved),
            Acknowledged::Yes if self.perhaps_was_there => {
                failure(FailureKind::OutcomeUnknown, Rule::AcceptedPerhapsMoved)
            }
            Acknowledged::Yes => failure(FailureKind::NoMovement, Rule::AcceptedNotMoved),
            Acknowledged::NotHeard => {
                self.read_old = true;
                Effect::Nothing
            }
        }
    }

    fn read_failed(&mut self, terms: &Terms, now: Moment) -> Effect {
        if self.acknowledged == Acknowledged::No {
            return failure(FailureKind::OutcomeUnknown, Rule::NotAcknowledgedNotRead);
        }
        self.plan_read(terms, now.after(terms.traits.settle_unchanged));
        Effect::Nothing
    }

    fn link_lost(&mut self) -> Effect {
        self.read_due = None;
        Effect::Nothing
    }

    fn link_back(&mut self, terms: &Terms, now: Moment) -> Effect {
        if terms.traits.reports {
            self.plan_read(terms, now);
        }
        Effect::Nothing
    }

    fn plan_read(&mut self, terms: &Terms, due: Moment) {
        if terms.traits.readable && self.reads_left > 0 {
            self.read_due = Some(due.steadily());
        }
    }

    /// The read that decides: when the movement must be over, but early enough to be answered before the deadline.
    fn plan_last_read(&mut self, terms: &Terms, now: Moment) {
        let due = self.last_read(terms);
        self.plan_read(terms, if now.reached(due) { now } else { due });
    }

    fn last_read(&self, terms: &Terms) -> Moment {
        self.settled(terms).or_earlier(latest_read(terms, self.at))
    }

    /// In doubt: a read as soon as a short movement could be over.
    fn read_soon(&mut self, terms: &Terms, now: Moment) -> Effect {
        let earliest = self.at.after(terms.traits.settle_unchanged).steadily();
        let due = if now.reached(earliest) { now } else { earliest };
        if self.read_due.is_none_or(|planned| planned.steady > due.steady) {
            self.plan_read(terms, due);
        }
        Effect::Nothing
    }

    fn time_passed(&mut self, terms: &Terms, now: Moment) -> Effect {
        if now.reached(terms.deadline) {
            return self.at_deadline(terms);
        }
        if self.unconfirmable_at(terms).is_some_and(|at| now.reached(at)) {
            return self.unprovable();
        }
        if self.read_due.is_some_and(|at| now.reached(at)) {
            self.read_due = None;
            self.reads_left = self.reads_left.saturating_sub(1);
            return Effect::Ask;
        }
        Effect::Nothing
    }

    /// Accepted, and nothing that can be heard any more would prove it.
    fn unprovable(&self) -> Effect {
        unconfirmed(if self.perhaps_there { Rule::AcceptedPerhapsThere } else { Rule::AcceptedAlreadyThere })
    }

    fn at_deadline(&self, terms: &Terms) -> Effect {
        if self.unconfirmable_at(terms).is_some() {
            return self.unprovable();
        }
        failure(FailureKind::OutcomeUnknown, Rule::Silence)
    }
}

/// The last moment at which a read after a write `at` can still be answered before the deadline.
fn latest_read(terms: &Terms, at: Moment) -> Moment {
    let half_way = at.after(terms.deadline.since(at) / 2);
    let in_time = terms.deadline.before(ANSWER_TIME);
    if in_time.steady > half_way.steady { in_time.steadily() } else { half_way.steadily() }
}

fn not_written(why: &NotWritten) -> End {
    let (failure, rule) = match why {
        NotWritten::TooLate => (FailureKind::Expired.into(), Rule::TooLate),
        NotWritten::Unavailable(unavailable) => (FailureKind::from(*unavailable).into(), Rule::Unavailable),
        NotWritten::Rejected(message) => {
            (Failure { kind: FailureKind::CommandRejected, message: message.clone() }, Rule::NotHandedOver)
        }
    };
    End { outcome: Outcome::Failure(failure), rule }
}

fn refused(why: &Refused) -> Effect {
    let failure = match why {
        Refused::Jammed => FailureKind::LockJammed.into(),
        Refused::Obstructed => FailureKind::BoltObstructed.into(),
        Refused::PrivacyMode => FailureKind::PrivacyMode.into(),
        Refused::UnknownCode => FailureKind::UnknownCode.into(),
        Refused::TooManyAttempts => FailureKind::TooManyAttempts.into(),
        Refused::Other(message) => Failure { kind: FailureKind::CommandRejected, message: message.clone() },
    };
    Effect::Finish(End { outcome: Outcome::Failure(failure), rule: Rule::Refused })
}
