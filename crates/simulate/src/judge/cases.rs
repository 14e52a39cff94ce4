//! Attempts, from their acceptance to their end.

use std::time::Duration;

use thumbturn_core::attempts::{Attempt, FailureKind, Outcome};
use thumbturn_core::devices::DeviceState;
use thumbturn_core::evidence::{Evidence, Step};
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::Clock;
use thumbturn_core::time::Moment;

use super::{Books, Judge};
use crate::door::Place;
use crate::town::lock::Manners;
use crate::town::trouble::Trouble;
use crate::world::DEADLINE;

/// How long after its time an attempt may still be without its end, on a sound disk.
const GRACE: Duration = Duration::from_secs(3);

/// For how long a lock that says the same again may be repeating itself.
const LATELY: Duration = Duration::from_secs(8);

/// How long the settling of left-over attempts may take after a start: the engine's wait, and a connection.
const RECOVERY: Duration = Duration::from_secs(25);

/// What is heard within so short a time may have been heard in another order.
const TIE: Duration = Duration::from_millis(10);

/// What the judge knows of one attempt.
pub(super) struct Case {
    pub(super) lock: usize,
    pub(super) wanted: Bolt,
    pub(super) accepted: Moment,
    life: u32,
    written: Option<Moment>,
    pub(super) ended: Option<Outcome>,
    /// When its end was decided: its commit may have been held up.
    decided: Option<Duration>,
    /// Whether the bolt was there, and was known to be elsewhere, when the command was written.
    was_there: bool,
    was_known: bool,
    was_known_elsewhere: bool,
    /// Whether it was there so shortly before that its report may be an old one said again.
    was_there_lately: bool,
    reads: u32,
    halted_before: Duration,
}

impl Judge {
    /// An attempt is on disk. `asked` is when the engine gave it to the store.
    pub(super) fn accepted(&self, attempt: &Attempt, asked: Moment) {
        let now = self.clock.now();
        let mut books = self.books();
        let Some(index) = attempt.device.and_then(|device| books.by_device.get(&device).copied()) else {
            books.untrue(None, "an attempt on a device that nobody discovered");
            return;
        };
        let Some(wanted) = attempt.action.wanted() else { return };
        let case = Case {
            lock: index,
            wanted,
            accepted: asked,
            life: books.life,
            written: None,
            ended: None,
            decided: None,
            was_there: false,
            was_known: false,
            was_known_elsewhere: false,
            was_there_lately: false,
            reads: 0,
            halted_before: books.halted(now.steady),
        };
        books.counts.cycles += 1;
        books.line(index, now.steady, format_args!("{} accepted: {wanted:?}", attempt.id));
        books.digest("accepted", index, now.steady);
        books.cases.insert(attempt.id, case);
        books.locks[index].open.push(attempt.id);
    }

    /// A command leaves the process.
    pub(crate) fn wrote(&self, id: AttemptId, life: u32, trouble: Option<Trouble>) {
        let now = self.clock.now();
        let mut books = self.books();
        let Some(case) = books.cases.get_mut(&id) else {
            books.untrue(None, &format!("P4: the command of {id} was written before its attempt was on disk"));
            return;
        };
        let (index, accepted, began, wanted) = (case.lock, case.accepted, case.life, case.wanted);
        let before = case.written.replace(now);
        let is_over = case.ended.is_some();
        let lock = &books.locks[index];
        let (there, shown) = (lock.door.look().is_at(wanted), lock.state.as_ref().and_then(DeviceState::shown_bolt));
        let lately = lock.door.look().was(Place::At(wanted), now.steady.saturating_sub(LATELY), now.steady);
        if let Some(case) = books.cases.get_mut(&id) {
            case.was_there_lately = lately;
            case.was_there = there;
            case.was_known = shown.is_some();
            case.was_known_elsewhere = shown == Some(wanted.other());
        }
        let margin = books.locks[index].manners.traits().margin;
        let limit = accepted.after(DEADLINE).before(margin);
        let first_open = books.locks[index].open.first().copied();
        if trouble.is_some() {
            // It was meant for an earlier command, which was not written.
            books.locks[index].door.look().disturb(now.steady);
        }
        let trouble = trouble.map_or("", Trouble::as_str);
        books.line(index, now.steady, format_args!("{id} written {trouble}"));
        books.digest("written", index, now.steady);
        books.check(before.is_none(), index, || format!("P3: {id} was written twice"));
        books.check(!is_over, index, || format!("P2: {id} was written after its end"));
        books.check(began == life, index, || format!("P4: {id} was written after a restart"));
        books.check(!now.reached(limit), index, || format!("P2: {id} was written too late"));
        books.check(first_open == Some(id), index, || format!("P5: {id} was written before its turn"));
    }

    /// A client saw how its attempt ended.
    pub(crate) fn told(&self, id: AttemptId, outcome: &Outcome) {
        let mut books = self.books();
        let Some(case) = books.cases.get(&id) else { return };
        let (lock, stored) = (case.lock, case.ended.clone());
        books.check(stored.as_ref() == Some(outcome), lock, || {
            format!("P4: {id} was told as {outcome:?}, and stored as {stored:?}")
        });
    }

    /// A repetition of a request was accepted as a new attempt.
    pub(crate) fn repeated(&self, id: AttemptId) {
        let mut books = self.books();
        let lock = books.cases.get(&id).map(|case| case.lock);
        books.untrue(lock, &format!("P3: a repeated idempotency key made a second attempt, {id}"));
    }

    /// Every attempt ends in time.
    pub(crate) fn check_liveness(&self) {
        let now = self.now();
        let mut books = self.books();
        let halted = books.halted(now);
        let open: Vec<AttemptId> = books.locks.iter().flat_map(|lock| lock.open.iter().copied()).collect();
        for id in open {
            let Some(case) = books.cases.get(&id) else { continue };
            let own = case.accepted.steady + DEADLINE;
            let due = if case.life == books.life { own } else { own.max(books.life_began + RECOVERY) };
            let limit = due + GRACE + halted.saturating_sub(case.halted_before);
            let lock = case.lock;
            books.check(now <= limit, lock, || format!("{id} has not ended in time"));
        }
    }
}

impl Books {
    /// A read was asked of the lock: whose attempt pays for it?
    pub(super) fn asked_for_running(&mut self, index: usize) {
        let running = self.locks.get(index).and_then(|lock| lock.open.first().copied());
        if let Some(case) = running.and_then(|id| self.cases.get_mut(&id)) {
            case.reads += 1;
        }
    }

    /// What led to an attempt's end is on disk.
    pub(super) fn decided(&mut self, id: AttemptId, evidence: &Evidence) {
        if let Some(case) = self.cases.get_mut(&id) {
            let after = evidence.first(|step| matches!(step, Step::Ended(_)));
            case.decided = after.map(|after| case.accepted.steady + after);
        }
    }

    /// An attempt's end is on disk: is it true?
    pub(super) fn ended(&mut self, id: AttemptId, outcome: &Outcome, now: Moment) {
        let Some(case) = self.cases.get_mut(&id) else {
            self.untrue(None, &format!("{id} ended without having been accepted"));
            return;
        };
        let before = case.ended.replace(outcome.clone());
        let (index, wanted, written, began) = (case.lock, case.wanted, case.written, case.life);
        let word = word(outcome);
        *self.counts.outcomes.entry(word).or_default() += 1;
        self.line(index, now.steady, format_args!("{id} ended: {word}"));
        self.digest(word, index, now.steady);
        self.locks[index].open.retain(|open| *open != id);
        self.check(before.is_none(), index, || format!("P6: {id} ended twice"));
        self.check_truth(id, index, wanted, written, outcome, now);
        self.check_unknown_is_shown(id, outcome);
        if began != self.life {
            let allowed =
                matches!(outcome, Outcome::Success { confirmed: false }) || is(outcome, FailureKind::OutcomeUnknown);
            self.check(allowed, index, || format!("P4: {id} ended as {word} in a later life"));
        }
        self.check_sound(id, outcome, now);
    }

    fn check_truth(
        &mut self,
        id: AttemptId,
        index: usize,
        wanted: Bolt,
        written: Option<Moment>,
        outcome: &Outcome,
        now: Moment,
    ) {
        let door = self.locks[index].door.clone();
        let since = written.map_or(now.steady, |written| written.steady);
        let was = |place| door.look().was(place, since, now.steady);
        // One that an earlier life left over ends by where the bolt is found in this one.
        let is_left_over = self.cases.get(&id).is_some_and(|case| case.life != self.life);
        let found_since = if is_left_over { self.life_began } else { since };
        match outcome {
            Outcome::Success { confirmed: true } => {
                self.check(written.is_some(), index, || format!("P1: {id} confirmed and never written"));
                self.check(was(Place::At(wanted)), index, || {
                    format!("P1: {id} confirmed, and the bolt was never {wanted:?} after the command")
                });
                let heard = door.look().words.of(wanted).is_some_and(|heard| heard >= since);
                self.check(heard, index, || format!("P1: {id} confirmed, and the lock has said nothing of it since"));
                let assumed = self.locks[index].manners == Manners::Assumed;
                self.check(!assumed, index, || format!("P1: {id} confirmed by a lock that never reports"));
                let by_other = self.was_others_doing(id, index, wanted, since, now.steady);
                self.check(!by_other, index, || format!("P1: {id} confirmed by what somebody else did, as was told"));
            }
            Outcome::Success { confirmed: false } => {
                let found = door.look().was(Place::At(wanted), found_since, now.steady);
                let excused = found || door.look().was_accepted(id);
                self.check(excused, index, || format!("{id} ended as a success out of nothing"));
            }
            Outcome::Failure(failure) => self.check_failure(id, index, wanted, written, failure.kind, &was, now),
        }
    }

    /// After a command whose outcome is unknown, only what the lock has said since is shown.
    fn check_unknown_is_shown(&mut self, id: AttemptId, outcome: &Outcome) {
        let Some(case) = self.cases.get(&id).filter(|case| case.life == self.life) else { return };
        let (index, Some(written)) = (case.lock, case.written) else { return };
        let lock = &self.locks[index];
        let shown = lock.state.as_ref().and_then(DeviceState::shown_bolt);
        let Some(shown) = shown.filter(|_| is(outcome, FailureKind::OutcomeUnknown)) else { return };
        let heard = lock.door.look().words.of(shown).is_some_and(|heard| heard >= written.steady);
        let is_there = lock.door.look().is_at(shown);
        self.check(heard || is_there, index, || format!("P7: {id} ended as unknown, and {shown:?} is still shown"));
    }

    /// Whether the command did nothing, somebody else brought the bolt there after it, and the lock had said so.
    fn was_others_doing(&self, id: AttemptId, index: usize, wanted: Bolt, since: Duration, now: Duration) -> bool {
        let lock = &self.locks[index];
        let door = lock.door.look();
        let told = door.told_by_other.is_some_and(|(place, at)| place == Place::At(wanted) && at > since && at < now);
        lock.manners.traits().tags && told && !door.ran_for(id) && door.only_others_moved_it(wanted, since, now)
    }

    #[expect(clippy::too_many_arguments, reason = "they are the facts of one verdict")]
    fn check_failure(
        &mut self,
        id: AttemptId,
        index: usize,
        wanted: Bolt,
        written: Option<Moment>,
        kind: FailureKind,
        was: &dyn Fn(Place) -> bool,
        now: Moment,
    ) {
        let since = written.map_or(now.steady, |written| written.steady);
        match kind {
            FailureKind::NoMovement => {
                let elsewhere = self.locks[index].door.look().was_elsewhere(wanted, since, now.steady);
                let accepted = self.locks[index].door.look().was_accepted(id);
                self.check(elsewhere && written.is_some(), index, || {
                    format!("{id} ended as no_movement, and the bolt was {wanted:?} all the time")
                });
                self.check(accepted, index, || format!("{id} ended as no_movement, and nobody had accepted it"));
                self.check_unmoved(id, index, wanted, now.steady);
            }
            FailureKind::LockJammed => {
                self.check(was(Place::Stuck), index, || format!("{id} ended as lock_jammed, and nothing was stuck"));
            }
            FailureKind::Expired
            | FailureKind::HubDisconnected
            | FailureKind::DeviceDisconnected
            | FailureKind::AccountDisconnected
            | FailureKind::DeviceRemoved => {
                self.check(written.is_none(), index, || {
                    format!("{id} says that no command was sent ({}), and it was", kind.as_str())
                });
            }
            FailureKind::OutcomeUnknown => {
                let recovered = self.cases.get(&id).is_some_and(|case| case.life != self.life);
                self.check(written.is_some() || recovered, index, || {
                    format!("{id} ended as outcome_unknown, and nothing was ever written")
                });
            }
            _ => {}
        }
    }

    /// A bolt that came to where it should be, as its lock said, was moved, wherever it is by now. (A lock that counts may
    /// say it under a count that was heard before.) What is heard in the same moment as the read that decides may come after it.
    fn check_unmoved(&mut self, id: AttemptId, index: usize, wanted: Bolt, now: Duration) {
        let lock = &self.locks[index];
        let (counts, door) = (lock.manners == Manners::Counted, lock.door.look());
        let decided = self.cases.get(&id).and_then(|case| case.decided).unwrap_or(now);
        let said = door
            .came_by(id)
            .zip(door.words.of(wanted))
            .is_some_and(|(came, heard)| came <= heard && heard + TIE <= decided);
        drop(door);
        self.check(counts || !said, index, || {
            format!("P7: {id} ended as no_movement, and the bolt had moved, as its lock said")
        });
    }

    /// Where nothing went wrong, an attempt ends as well as its lock can tell, and costs its battery nothing.
    fn check_sound(&mut self, id: AttemptId, outcome: &Outcome, now: Moment) {
        let Some(case) = self.cases.get(&id) else { return };
        let (index, was_there, reads) = (case.lock, case.was_there, case.reads);
        let was_known_elsewhere = case.was_known_elsewhere && !case.was_there_lately;
        let (was_known, may_repeat) = (case.was_known, case.was_there_lately);
        let lock = &self.locks[index];
        if lock.door.look().disturbed_until >= case.accepted.steady || case.life != self.life {
            return;
        }
        self.counts.sound += 1;
        let traits = lock.manners.traits();
        let moved = lock.door.look().moved_by(id);
        let confirmed = matches!(outcome, Outcome::Success { confirmed: true });
        let as_well_as_it_can = if traits.readable || (traits.reports && moved && was_known_elsewhere) {
            confirmed
        } else {
            // One that tells of changes only, and of whose place nothing is known, may have nothing to tell.
            outcome.succeeded() || (traits.reports && !was_known)
        };
        let took = now.steady.saturating_sub(case.accepted.steady);
        self.check(as_well_as_it_can, index, || format!("{id} ended as {} though nothing went wrong", word(outcome)));
        self.check(reads == 0 || !moved || was_there || may_repeat, index, || {
            format!("P12: {id} cost {reads} reads in {took:?} though the lock reported")
        });
    }
}

fn is(outcome: &Outcome, kind: FailureKind) -> bool {
    matches!(outcome, Outcome::Failure(failure) if failure.kind == kind)
}

pub(super) fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Success { confirmed: true } => "success, confirmed",
        Outcome::Success { confirmed: false } => "success, unconfirmed",
        Outcome::Failure(failure) => failure.kind.as_str(),
    }
}
