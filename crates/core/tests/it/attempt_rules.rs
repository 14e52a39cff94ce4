//! Each row of "How an attempt ends", on the pure step.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use thumbturn_core::attempt::{self, Input, State, Terms, step, wake_at};
use thumbturn_core::attempts::{Failure, FailureKind, Outcome};
use thumbturn_core::events::Method;
use thumbturn_core::evidence::{End, Rule};
use thumbturn_core::locks::{Bolt, Traits, Unavailable};
use thumbturn_core::memory::{Cause, Fact, Known, What};
use thumbturn_core::ports::{Answer, NotWritten, ReadId, Refused, Said};
use thumbturn_core::time::Moment;

use crate::house::{CONFIRMED, LOCKED, TALKATIVE, TERSE, UNCONFIRMED, UNLOCKED, failed};

pub(crate) const ASSUMED: Traits = Traits { reports: false, readable: false, tags: false, ..TALKATIVE };
pub(crate) const UNREADABLE: Traits = Traits { readable: false, ..TERSE };

pub(crate) fn at(ms: u64) -> Moment {
    let epoch = Moment { wall: Timestamp::constant(1_800_000_000, 0), steady: Duration::ZERO };
    epoch.after(Duration::from_millis(ms))
}

pub(crate) fn by(method: Method) -> Cause {
    Cause { method, slot: None }
}

pub(crate) fn fact(ms: u64, what: What) -> Input {
    Input::Fact(Fact { what, heard: at(ms), occurred_at: None })
}

pub(crate) fn moved(from: Known, to: Bolt, cause: Option<Cause>) -> What {
    What::Moved { from, to, cause, doubtful: false }
}

pub(crate) fn operated(cause: Cause) -> What {
    What::Operated { at: Bolt::Unlocked, cause, doubtful: false, late_cause: false }
}

pub(crate) fn read(asked_ms: Option<u64>, said: Said) -> What {
    What::Read {
        read: ReadId(1),
        asked: asked_ms.map(at),
        from: Known::Nothing,
        said,
        cause: None,
        awaits_cause: false,
    }
}

const WAS_LOCKED: Known = Known::At(Bolt::Locked);

/// What the step wants done; by which rule it ends is in the trial.
#[derive(Debug, PartialEq, Eq)]
enum Effect {
    Nothing,
    Write,
    Ask,
    Finish(Outcome),
}

/// An attempt to unlock, accepted at 0 with a deadline of 30 s.
struct Trial {
    terms: Terms,
    state: State,
    writes: usize,
    /// By which rule it ended.
    rule: Option<Rule>,
}

impl Trial {
    fn new(traits: Traits) -> Self {
        let terms = Terms { wanted: Some(Bolt::Unlocked), deadline: at(30_000), traits };
        Self { terms, state: State::Waiting, writes: 0, rule: None }
    }

    /// Written at 100 ms, on a lock of which `known` was known.
    fn written(traits: Traits, known: Known) -> Self {
        let mut trial = Self::new(traits);
        assert_eq!(trial.feed(100, &Input::TurnCame), Effect::Write);
        assert_eq!(trial.feed(100, &Input::Wrote { at: at(100), known }), Effect::Nothing);
        trial
    }

    fn feed_at(&mut self, now: Moment, input: &Input) -> Effect {
        let (state, effect) = step(&self.terms, self.state, input, now);
        self.state = state;
        self.writes += usize::from(effect == attempt::Effect::Write);
        assert!(self.writes <= 1, "a second command");
        match effect {
            attempt::Effect::Nothing => Effect::Nothing,
            attempt::Effect::Write => Effect::Write,
            attempt::Effect::Ask => Effect::Ask,
            attempt::Effect::Finish(End { outcome, rule }) => {
                self.rule = Some(rule);
                Effect::Finish(outcome)
            }
        }
    }

    fn feed(&mut self, ms: u64, input: &Input) -> Effect {
        self.feed_at(at(ms), input)
    }

    fn hear(&mut self, ms: u64, what: What) -> Effect {
        self.feed(ms, &fact(ms, what))
    }

    /// Lets time pass, tick by tick as asked for, up to the end; tells when the reads were.
    fn wait(&mut self) -> (Outcome, Vec<u128>) {
        let mut reads = Vec::new();
        for _ in 0..10 {
            let wake = wake_at(&self.terms, &self.state).unwrap();
            let now = Moment { wall: at(0).after(wake.steady).wall, ..wake };
            match self.feed_at(now, &Input::Tick) {
                Effect::Ask => reads.push(now.steady.as_millis()),
                Effect::Finish(outcome) => return (outcome, reads),
                effect => assert_eq!(effect, Effect::Nothing),
            }
        }
        panic!("it does not end: {:?}", self.state);
    }
}

fn ends(outcome: Outcome) -> Effect {
    Effect::Finish(outcome)
}

// --- Evidence ---------------------------------------------------------------------------------------------------------

#[test]
fn a_report_of_a_remote_operation_confirms() {
    for known in [Known::Nothing, WAS_LOCKED, Known::At(Bolt::Unlocked), Known::Jammed] {
        let mut trial = Trial::written(TALKATIVE, known);
        let remote = moved(known, Bolt::Unlocked, Some(by(Method::Remote)));
        assert_eq!(trial.hear(600, remote), ends(CONFIRMED));
        let mut trial = Trial::written(TALKATIVE, known);
        assert_eq!(trial.hear(600, operated(by(Method::Remote))), ends(CONFIRMED));
    }
}

#[test]
fn an_untagged_change_from_another_known_state_confirms() {
    let mut trial = Trial::written(TERSE, WAS_LOCKED);
    assert_eq!(trial.hear(600, moved(WAS_LOCKED, Bolt::Unlocked, None)), ends(CONFIRMED));
    let mut trial = Trial::written(TERSE, Known::Jammed);
    assert_eq!(trial.hear(600, moved(Known::Jammed, Bolt::Unlocked, None)), ends(CONFIRMED));
}

#[test]
fn a_first_word_of_the_wanted_state_is_read_back_before_it_counts() {
    let mut trial = Trial::written(TERSE, Known::Nothing);
    assert_eq!(trial.hear(600, moved(Known::Nothing, Bolt::Unlocked, None)), Effect::Nothing);
    assert_eq!(trial.feed(1_100, &Input::Tick), Effect::Ask);
    assert_eq!(trial.hear(1_200, read(Some(1_100), UNLOCKED)), ends(CONFIRMED));
}

#[test]
fn a_read_asked_after_the_write_confirms() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.hear(700, read(Some(600), UNLOCKED)), ends(CONFIRMED));
}

#[test]
fn a_read_asked_before_the_write_confirms_nothing() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.hear(700, read(Some(99), UNLOCKED)), Effect::Nothing);
    assert_eq!(trial.hear(700, read(None, UNLOCKED)), Effect::Nothing);
    assert_eq!(trial.hear(700, read(Some(99), LOCKED)), Effect::Nothing);
}

#[test]
fn a_report_heard_before_the_write_is_not_a_confirmation() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    let remote = moved(WAS_LOCKED, Bolt::Unlocked, Some(by(Method::Remote)));
    assert_eq!(trial.feed(600, &fact(99, remote)), Effect::Nothing);
    assert_eq!(trial.feed(600, &fact(99, operated(by(Method::Remote)))), Effect::Nothing);
    assert_eq!(trial.feed(600, &fact(99, What::Jammed)), Effect::Nothing);
}

#[test]
fn nothing_heard_before_the_driver_wrote_is_evidence() {
    let mut trial = Trial::new(TALKATIVE);
    assert_eq!(trial.feed(100, &Input::TurnCame), Effect::Write);
    assert_eq!(trial.hear(200, moved(WAS_LOCKED, Bolt::Unlocked, None)), Effect::Nothing);
    assert_eq!(trial.hear(300, operated(by(Method::Remote))), Effect::Nothing);
    assert_eq!(trial.feed(900, &Input::Wrote { at: at(800), known: Known::At(Bolt::Unlocked) }), Effect::Nothing);
    assert_eq!(trial.feed(950, &fact(799, operated(by(Method::Remote)))), Effect::Nothing);
    assert_eq!(trial.feed(960, &fact(801, operated(by(Method::Remote)))), ends(CONFIRMED));
}

#[test]
fn acknowledgement_alone_is_not_a_confirmation() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.feed(120, &Input::Answered(Answer::Accepted)), Effect::Nothing);
    let (outcome, reads) = trial.wait();
    assert_eq!(outcome, failed(FailureKind::OutcomeUnknown));
    assert_eq!(reads, [5_120]);
}

#[test]
fn a_hand_turn_a_code_and_an_auto_relock_confirm_nothing() {
    for method in [Method::Manual, Method::Keycode, Method::Automatic, Method::Card, Method::Unknown] {
        let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
        assert_eq!(trial.hear(600, moved(WAS_LOCKED, Bolt::Unlocked, Some(by(method)))), Effect::Nothing);
        assert_eq!(trial.hear(700, operated(by(method))), Effect::Nothing);
        assert_eq!(trial.wait().0, failed(FailureKind::OutcomeUnknown), "{method:?}");
    }
}

#[test]
fn a_read_after_a_hand_turn_proves_the_place_but_not_the_cause() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.hear(600, moved(WAS_LOCKED, Bolt::Unlocked, Some(by(Method::Manual)))), Effect::Nothing);
    assert_eq!(trial.hear(5_200, read(Some(5_100), UNLOCKED)), ends(UNCONFIRMED));
}

#[test]
fn a_doubtful_hand_turn_that_a_read_bears_out_is_still_a_hand_turn() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    let cause = Some(by(Method::Manual));
    let answer = What::Read {
        read: ReadId(1),
        asked: Some(at(1_100)),
        from: WAS_LOCKED,
        said: UNLOCKED,
        cause,
        awaits_cause: false,
    };
    assert_eq!(trial.hear(1_200, answer), ends(UNCONFIRMED));
}

#[test]
fn a_hand_turn_whose_cause_comes_late_is_still_a_hand_turn() {
    let mut trial = Trial::written(TALKATIVE, Known::Nothing);
    assert_eq!(trial.hear(600, moved(Known::Nothing, Bolt::Unlocked, None)), Effect::Nothing);
    let late = What::Operated { at: Bolt::Unlocked, cause: by(Method::Manual), doubtful: false, late_cause: true };
    assert_eq!(trial.hear(900, late), Effect::Nothing);
    assert_eq!(trial.hear(1_200, read(Some(1_100), UNLOCKED)), ends(UNCONFIRMED));
}

/// Found by the simulation: what was known was wrong, so the hand that turned it told of no change.
#[test]
fn a_hand_turn_to_where_the_lock_was_thought_to_be_is_a_hand_turn() {
    for doubtful in [false, true] {
        let mut trial = Trial::written(TALKATIVE, Known::At(Bolt::Unlocked));
        let by_hand = What::Operated { at: Bolt::Unlocked, cause: by(Method::Manual), doubtful, late_cause: false };
        assert_eq!(trial.hear(300, by_hand), Effect::Nothing);
        assert_eq!(trial.hear(1_200, read(Some(1_100), UNLOCKED)), ends(UNCONFIRMED), "doubtful: {doubtful}");
    }
}

#[test]
fn a_repeat_confirms_nothing_but_is_worth_one_read() {
    let mut trial = Trial::written(TERSE, WAS_LOCKED);
    let doubtful = What::Moved { from: WAS_LOCKED, to: Bolt::Unlocked, cause: None, doubtful: true };
    assert_eq!(trial.hear(300, doubtful), Effect::Nothing);
    assert_eq!(trial.hear(400, What::Doubt { to: Known::At(Bolt::Unlocked) }), Effect::Nothing);
    assert_eq!(trial.feed(1_099, &Input::Tick), Effect::Nothing);
    assert_eq!(trial.feed(1_100, &Input::Tick), Effect::Ask);
    assert_eq!(trial.hear(1_200, read(Some(1_100), LOCKED)), Effect::Nothing);
    let (outcome, reads) = trial.wait();
    assert_eq!((outcome, reads), (failed(FailureKind::OutcomeUnknown), vec![5_100]));
}

#[test]
fn a_repeated_remote_report_confirms_nothing() {
    let mut trial = Trial::written(UNREADABLE, WAS_LOCKED);
    let repeat = What::Operated { at: Bolt::Unlocked, cause: by(Method::Remote), doubtful: true, late_cause: false };
    assert_eq!(trial.hear(300, repeat), Effect::Nothing);
    assert_eq!(trial.wait().0, failed(FailureKind::OutcomeUnknown));
}

/// Found by the simulation: the third of three quick commands took the whole deadline and held up the next.
#[test]
fn a_report_that_may_be_a_repeat_on_a_lock_that_cannot_be_asked_is_an_unconfirmed_success() {
    let mut trial = Trial::written(UNREADABLE, WAS_LOCKED);
    trial.feed(200, &Input::Answered(Answer::Accepted));
    let doubtful = What::Moved { from: WAS_LOCKED, to: Bolt::Unlocked, cause: None, doubtful: true };
    assert_eq!(trial.hear(500, doubtful), Effect::Nothing);
    assert_eq!(trial.feed(1_100, &Input::Tick), ends(UNCONFIRMED));

    let mut trial = Trial::written(UNREADABLE, WAS_LOCKED);
    assert_eq!(trial.hear(1_500, doubtful), Effect::Nothing, "nothing was accepted");
    assert_eq!(trial.feed(1_600, &Input::Answered(Answer::Accepted)), ends(UNCONFIRMED));

    let mut trial = Trial::written(UNREADABLE, WAS_LOCKED);
    trial.hear(500, doubtful);
    let back = moved(Known::At(Bolt::Unlocked), Bolt::Locked, None);
    trial.hear(600, back);
    assert_eq!(trial.feed(1_600, &Input::Answered(Answer::Accepted)), Effect::Nothing, "it went back");
}

/// Found by the random orders: a later word outweighs an earlier one that may be a repeat, also where it was asked for.
#[test]
fn a_read_that_shows_the_old_state_outweighs_a_report_that_may_be_a_repeat() {
    let mut trial = Trial::written(UNREADABLE, Known::Nothing);
    trial.hear(500, What::Moved { from: Known::Nothing, to: Bolt::Unlocked, cause: None, doubtful: true });
    trial.hear(600, read(Some(550), LOCKED));
    assert_eq!(trial.feed(1_600, &Input::Answered(Answer::Accepted)), Effect::Nothing);
}

#[test]
fn what_was_true_once_confirms_nothing() {
    let mut trial = Trial::written(UNREADABLE, Known::Nothing);
    assert_eq!(trial.hear(300, What::Recalled { at: Bolt::Unlocked }), Effect::Nothing);
    assert_eq!(trial.wait().0, failed(FailureKind::OutcomeUnknown));
}

#[test]
fn a_report_of_the_other_position_confirms_nothing() {
    let mut trial = Trial::written(TALKATIVE, Known::At(Bolt::Unlocked));
    let away = moved(Known::At(Bolt::Unlocked), Bolt::Locked, Some(by(Method::Remote)));
    assert_eq!(trial.hear(300, away), Effect::Nothing);
}

// --- Unconfirmed successes ---------------------------------------------------------------------------------------------

#[test]
fn a_lock_that_cannot_report_is_an_unconfirmed_success_once_accepted() {
    let mut trial = Trial::written(ASSUMED, Known::Nothing);
    assert_eq!(trial.feed(200, &Input::Answered(Answer::Accepted)), ends(UNCONFIRMED));
}

#[test]
fn a_lock_that_cannot_report_and_never_answers_is_unknown() {
    let mut trial = Trial::written(ASSUMED, Known::Nothing);
    assert_eq!(trial.wait(), (failed(FailureKind::OutcomeUnknown), vec![]));
}

#[test]
fn already_there_and_unreadable_is_an_unconfirmed_success() {
    let mut trial = Trial::written(UNREADABLE, Known::At(Bolt::Unlocked));
    assert_eq!(trial.feed(200, &Input::Answered(Answer::Accepted)), Effect::Nothing);
    assert_eq!(trial.feed(1_099, &Input::Tick), Effect::Nothing);
    assert_eq!(trial.feed(1_100, &Input::Tick), ends(UNCONFIRMED));
}

#[test]
fn already_there_but_moved_away_since_is_no_success() {
    let mut trial = Trial::written(UNREADABLE, Known::At(Bolt::Unlocked));
    assert_eq!(trial.feed(200, &Input::Answered(Answer::Accepted)), Effect::Nothing);
    let away = moved(Known::At(Bolt::Unlocked), Bolt::Locked, Some(by(Method::Manual)));
    assert_eq!(trial.hear(300, away), Effect::Nothing);
    assert_eq!(trial.wait().0, failed(FailureKind::OutcomeUnknown));
}

#[test]
fn already_there_and_not_accepted_is_unknown() {
    let mut trial = Trial::written(UNREADABLE, Known::At(Bolt::Unlocked));
    assert_eq!(trial.wait().0, failed(FailureKind::OutcomeUnknown));
}

#[test]
fn already_there_and_readable_is_read_early() {
    let mut trial = Trial::written(TALKATIVE, Known::At(Bolt::Unlocked));
    assert_eq!(trial.feed(200, &Input::Answered(Answer::Accepted)), Effect::Nothing);
    assert_eq!(trial.feed(1_100, &Input::Tick), Effect::Ask);
    assert_eq!(trial.hear(1_200, read(Some(1_100), UNLOCKED)), ends(CONFIRMED));
}

// --- Refusals ----------------------------------------------------------------------------------------------------------

#[test]
fn refusals_end_at_once_with_their_reason() {
    let other = Failure { kind: FailureKind::CommandRejected, message: "no".to_owned() };
    let rows = [
        (Refused::Jammed, failed(FailureKind::LockJammed)),
        (Refused::Obstructed, failed(FailureKind::BoltObstructed)),
        (Refused::PrivacyMode, failed(FailureKind::PrivacyMode)),
        (Refused::Other("no".to_owned()), Outcome::Failure(other)),
    ];
    for (why, outcome) in rows {
        let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
        assert_eq!(trial.feed(300, &Input::Answered(Answer::Refused(why))), ends(outcome));
    }
}

#[test]
fn a_jam_and_an_obstruction_end_at_once() {
    let rows = [
        (What::Jammed, FailureKind::LockJammed),
        (What::Obstructed, FailureKind::BoltObstructed),
        (read(Some(100), Said::Jammed), FailureKind::LockJammed),
        (read(Some(100), Said::Obstructed), FailureKind::BoltObstructed),
    ];
    for (what, kind) in rows {
        let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
        assert_eq!(trial.hear(300, what), ends(failed(kind)));
    }
}

// --- Old state -----------------------------------------------------------------------------------------------------------

#[test]
fn accepted_and_still_where_it_was_after_the_wait_is_no_movement() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.feed(200, &Input::Answered(Answer::Accepted)), Effect::Nothing);
    assert_eq!(trial.feed(5_100, &Input::Tick), Effect::Nothing, "its motor may have begun when it accepted");
    assert_eq!(trial.feed(5_200, &Input::Tick), Effect::Ask);
    assert_eq!(trial.hear(5_220, read(Some(5_200), LOCKED)), ends(failed(FailureKind::NoMovement)));
}

#[test]
fn a_short_deadline_leaves_time_for_the_read_that_decides() {
    let mut trial = Trial::new(TALKATIVE);
    trial.terms.deadline = at(7_150);
    trial.feed(100, &Input::TurnCame);
    trial.feed(100, &Input::Wrote { at: at(100), known: WAS_LOCKED });
    trial.feed(200, &Input::Answered(Answer::Accepted));
    assert_eq!(trial.feed(5_150, &Input::Tick), Effect::Ask, "the last read that can be answered in time for sure");
    assert_eq!(trial.hear(5_180, read(Some(5_150), LOCKED)), Effect::Nothing, "20 ms before the bolt must be at rest");
    assert_eq!(trial.feed(5_200, &Input::Tick), Effect::Ask);
    assert_eq!(trial.hear(5_230, read(Some(5_200), LOCKED)), ends(failed(FailureKind::NoMovement)));
}

#[test]
fn an_old_state_read_before_the_wait_is_over_decides_nothing() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.feed(200, &Input::Answered(Answer::Accepted)), Effect::Nothing);
    assert_eq!(trial.hear(1_500, read(Some(1_400), LOCKED)), Effect::Nothing);
    assert_eq!(trial.feed(5_300, &Input::Tick), Effect::Ask);
    assert_eq!(trial.hear(5_400, read(Some(5_300), LOCKED)), ends(failed(FailureKind::NoMovement)));
}

#[test]
fn a_wall_clock_set_forward_does_not_shorten_the_wait_for_the_bolt() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.feed(200, &Input::Answered(Answer::Accepted)), Effect::Nothing);
    let jumped = Moment { wall: at(200 + 10_000).wall, ..at(200) };
    assert_eq!(trial.feed_at(jumped, &Input::Tick), Effect::Nothing);
    let old = fact(300, read(Some(250), LOCKED));
    assert_eq!(trial.feed_at(Moment { wall: at(10_300).wall, ..at(300) }, &old), Effect::Nothing);
}

#[test]
fn an_old_state_read_before_a_late_acceptance_is_not_no_movement() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.feed(5_100, &Input::Tick), Effect::Ask);
    assert_eq!(trial.hear(5_200, read(Some(5_100), LOCKED)), Effect::Nothing);
    assert_eq!(trial.feed(17_000, &Input::Answered(Answer::Accepted)), Effect::Nothing);
    assert_eq!(trial.feed(22_000, &Input::Tick), Effect::Ask, "read again after it");
    assert_eq!(trial.hear(22_100, read(Some(22_000), LOCKED)), ends(failed(FailureKind::NoMovement)));
}

/// What a lock may say between a command and a read that finds the bolt elsewhere.
#[test]
fn a_bolt_that_may_have_come_and_gone_is_not_called_unmoved() {
    let relocked =
        |doubtful, late_cause| What::Operated { at: Bolt::Locked, cause: by(Method::Automatic), doubtful, late_cause };
    let (unknown, unmoved) = (FailureKind::OutcomeUnknown, FailureKind::NoMovement);
    let rows = [
        (What::Doubt { to: Known::At(Bolt::Unlocked) }, unknown),
        (moved(Known::Nothing, Bolt::Unlocked, None), unknown),
        (moved(WAS_LOCKED, Bolt::Unlocked, Some(by(Method::Manual))), unknown),
        (What::Operated { at: Bolt::Unlocked, cause: by(Method::Remote), doubtful: true, late_cause: false }, unknown),
        (relocked(false, false), unknown),
        (relocked(true, false), unmoved),
        (relocked(false, true), unmoved),
        (What::Doubt { to: WAS_LOCKED }, unmoved),
    ];
    for (what, kind) in rows {
        let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
        trial.feed(200, &Input::Answered(Answer::Accepted));
        assert_eq!(trial.hear(300, what), Effect::Nothing, "{what:?}");
        trial.feed(1_100, &Input::Tick);
        assert_eq!(
            trial.hear(1_150, read(Some(1_100), LOCKED)),
            Effect::Nothing,
            "{what:?}: it may still be on its way"
        );
        assert_eq!(trial.feed(5_200, &Input::Tick), Effect::Ask, "{what:?}");
        assert_eq!(trial.hear(5_250, read(Some(5_200), LOCKED)), ends(failed(kind)), "{what:?}");
        let rule = if kind == unknown { Rule::AcceptedPerhapsMoved } else { Rule::AcceptedNotMoved };
        assert_eq!(trial.rule, Some(rule), "{what:?}");
    }
}

#[test]
fn a_bolt_that_stood_there_and_went_is_not_called_unmoved() {
    let mut trial = Trial::written(TALKATIVE, Known::At(Bolt::Unlocked));
    trial.feed(200, &Input::Answered(Answer::Accepted));
    let relocked = moved(Known::At(Bolt::Unlocked), Bolt::Locked, Some(by(Method::Automatic)));
    assert_eq!(trial.hear(300, relocked), Effect::Nothing);
    trial.feed(5_200, &Input::Tick);
    assert_eq!(trial.hear(5_250, read(Some(5_200), LOCKED)), ends(failed(FailureKind::OutcomeUnknown)));
}

// --- Written, and no good answer ------------------------------------------------------------------------------------------

#[test]
fn silence_is_read_back_and_in_the_wanted_state_it_is_confirmed() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.feed(5_100, &Input::Tick), Effect::Ask);
    assert_eq!(trial.hear(5_200, read(Some(5_100), UNLOCKED)), ends(CONFIRMED));
}

#[test]
fn silence_and_an_old_state_are_unknown() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.feed(5_100, &Input::Tick), Effect::Ask);
    assert_eq!(trial.hear(5_200, read(Some(5_100), LOCKED)), Effect::Nothing);
    assert_eq!(trial.wait(), (failed(FailureKind::OutcomeUnknown), vec![]));
}

#[test]
fn silence_and_a_read_that_fails_are_unknown() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.feed(5_100, &Input::Tick), Effect::Ask);
    assert_eq!(trial.feed(5_200, &Input::ReadFailed), Effect::Nothing);
    assert_eq!(trial.feed(6_200, &Input::Tick), Effect::Ask, "once more");
    assert_eq!(trial.feed(6_300, &Input::ReadFailed), Effect::Nothing);
    assert_eq!(trial.wait(), (failed(FailureKind::OutcomeUnknown), vec![]));
}

#[test]
fn not_acknowledged_is_read_back_once_the_bolt_must_be_at_rest() {
    for (said, outcome) in [(UNLOCKED, CONFIRMED), (LOCKED, failed(FailureKind::OutcomeUnknown))] {
        let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
        assert_eq!(trial.feed(300, &Input::Answered(Answer::NotAcknowledged)), Effect::Nothing);
        assert_eq!(trial.feed(5_100, &Input::Tick), Effect::Ask);
        assert_eq!(trial.hear(5_200, read(Some(5_100), said)), ends(outcome));
    }
}

#[test]
fn not_acknowledged_late_is_read_back_at_once() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.feed(5_100, &Input::Tick), Effect::Ask);
    assert_eq!(trial.hear(5_200, read(Some(5_100), LOCKED)), Effect::Nothing);
    assert_eq!(trial.feed(17_100, &Input::Answered(Answer::NotAcknowledged)), Effect::Ask);
    assert_eq!(trial.hear(17_200, read(Some(17_100), LOCKED)), ends(failed(FailureKind::OutcomeUnknown)));
}

#[test]
fn not_acknowledged_and_a_read_that_fails_is_unknown_at_once() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.feed(6_000, &Input::Answered(Answer::NotAcknowledged)), Effect::Ask);
    assert_eq!(trial.feed(6_100, &Input::ReadFailed), ends(failed(FailureKind::OutcomeUnknown)));
}

#[test]
fn a_lost_connection_is_read_back_once_after_it_returns() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.feed(200, &Input::LinkLost), Effect::Nothing);
    assert_eq!(trial.feed(6_000, &Input::Tick), Effect::Nothing, "nobody to ask");
    assert_eq!(trial.feed(8_000, &Input::LinkBack), Effect::Ask);
    assert_eq!(trial.hear(8_100, read(Some(8_000), UNLOCKED)), ends(CONFIRMED));
}

#[test]
fn a_connection_that_returns_after_the_deadline_costs_no_read() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.feed(200, &Input::LinkLost), Effect::Nothing);
    assert_eq!(trial.feed(30_000, &Input::LinkBack), ends(failed(FailureKind::OutcomeUnknown)));
}

// --- Not written -----------------------------------------------------------------------------------------------------------

#[test]
fn nothing_is_written_where_nobody_can_be_reached() {
    let rows = [
        (Unavailable::HubDisconnected, FailureKind::HubDisconnected),
        (Unavailable::DeviceDisconnected, FailureKind::DeviceDisconnected),
        (Unavailable::AccountDisconnected, FailureKind::AccountDisconnected),
        (Unavailable::DeviceRemoved, FailureKind::DeviceRemoved),
    ];
    for (unavailable, kind) in rows {
        let mut trial = Trial::new(TALKATIVE);
        assert_eq!(trial.feed(100, &Input::Unavailable(unavailable)), ends(failed(kind)));
        assert_eq!(trial.feed(200, &Input::TurnCame), Effect::Nothing);
        let mut trial = Trial::new(TALKATIVE);
        assert_eq!(trial.feed(100, &Input::TurnCame), Effect::Write);
        assert_eq!(trial.feed(200, &Input::Unavailable(unavailable)), ends(failed(kind)));
        let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
        assert_eq!(trial.feed(200, &Input::NotWritten(NotWritten::Unavailable(unavailable))), ends(failed(kind)));
        let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
        assert_eq!(trial.feed(200, &Input::Unavailable(unavailable)), Effect::Nothing, "it was written");
    }
}

#[test]
fn a_turn_that_comes_after_the_margin_writes_nothing() {
    for now in [at(28_000), Moment { wall: at(28_000).wall, ..at(10) }, Moment { wall: at(10).wall, ..at(28_000) }] {
        let mut trial = Trial::new(TALKATIVE);
        assert_eq!(trial.feed_at(now, &Input::TurnCame), ends(failed(FailureKind::Expired)));
    }
    let mut trial = Trial::new(TALKATIVE);
    assert_eq!(trial.feed(27_999, &Input::TurnCame), Effect::Write);
}

#[test]
fn a_driver_that_is_too_late_has_written_nothing() {
    let mut trial = Trial::new(TALKATIVE);
    assert_eq!(trial.feed(100, &Input::TurnCame), Effect::Write);
    assert_eq!(trial.feed(200, &Input::NotWritten(NotWritten::TooLate)), ends(failed(FailureKind::Expired)));
    let mut trial = Trial::new(TALKATIVE);
    assert_eq!(trial.feed(100, &Input::TurnCame), Effect::Write);
    assert_eq!(trial.wait(), (failed(FailureKind::Expired), vec![]), "it never asked");
}

#[test]
fn a_margin_longer_than_the_deadline_writes_nothing_ever() {
    let mut trial = Trial::new(Traits { margin: Duration::from_secs(60), ..TALKATIVE });
    assert_eq!(trial.feed(0, &Input::TurnCame), ends(failed(FailureKind::Expired)));
}

#[test]
fn a_wall_clock_set_back_gives_no_extra_time() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    let back = Moment { wall: at(0).wall - SignedDuration::from_hours(1), ..at(30_000) };
    assert_eq!(trial.feed_at(back, &Input::Tick), ends(failed(FailureKind::OutcomeUnknown)));
}

#[test]
fn an_old_state_read_soon_after_a_late_acceptance_is_not_no_movement() {
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.feed(5_000, &Input::Answered(Answer::Accepted)), Effect::Nothing);
    let effect = trial.feed(5_100, &Input::Tick);
    if effect == Effect::Ask {
        assert_eq!(trial.hear(5_200, read(Some(5_100), LOCKED)), Effect::Nothing, "accepted 200 ms ago");
    }
}

#[test]
fn a_hand_turn_that_was_taken_back_no_longer_counts_against_the_command() {
    let by_hand = || Some(by(Method::Manual));
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.hear(600, moved(WAS_LOCKED, Bolt::Unlocked, by_hand())), Effect::Nothing);
    assert_eq!(trial.hear(900, moved(Known::At(Bolt::Unlocked), Bolt::Locked, by_hand())), Effect::Nothing);
    assert_eq!(trial.hear(5_200, read(Some(5_100), UNLOCKED)), ends(CONFIRMED));
    let mut trial = Trial::written(TALKATIVE, WAS_LOCKED);
    assert_eq!(trial.hear(600, moved(WAS_LOCKED, Bolt::Unlocked, by_hand())), Effect::Nothing);
    assert_eq!(trial.hear(1_200, read(Some(1_100), LOCKED)), Effect::Nothing);
    assert_eq!(trial.hear(5_200, read(Some(5_100), UNLOCKED)), ends(CONFIRMED));
}

#[test]
fn a_slow_lock_is_read_early_enough_for_the_answer_to_count() {
    let mut trial = Trial::written(Traits { settle: Duration::from_secs(60), ..TALKATIVE }, WAS_LOCKED);
    assert_eq!(trial.feed(300, &Input::Answered(Answer::NotAcknowledged)), Effect::Nothing);
    assert_eq!(trial.feed(28_000, &Input::Tick), Effect::Ask);
    assert_eq!(trial.hear(28_100, read(Some(28_000), UNLOCKED)), ends(CONFIRMED));
}

#[test]
fn already_there_and_accepted_is_an_unconfirmed_success_even_if_the_deadline_comes_first() {
    let traits = Traits { settle_unchanged: Duration::from_secs(60), ..UNREADABLE };
    let mut trial = Trial::written(traits, Known::At(Bolt::Unlocked));
    assert_eq!(trial.feed(200, &Input::Answered(Answer::Accepted)), Effect::Nothing);
    assert_eq!(trial.wait().0, UNCONFIRMED);
}
