//! The rules under every order of inputs: random sequences against an oracle written from the promises, and every
//! permutation of small sets.

use std::time::Duration;

use jiff::SignedDuration;
use proptest::prelude::*;
use thumbturn_core::attempt::{Effect, Input, State, Terms, step, wake_at};
use thumbturn_core::attempts::{FailureKind, Outcome};
use thumbturn_core::events::Method;
use thumbturn_core::locks::{Bolt, Traits, Unavailable};
use thumbturn_core::memory::{Cause, Fact, Known, Memory, REPEAT_WINDOW, What};
use thumbturn_core::ports::{Answer, How, NotWritten, ReadId, Refused, Report, Said};
use thumbturn_core::time::Moment;

use crate::attempt_rules::{at, by, fact, moved, operated, read};
use crate::house::{CONFIRMED, LOCKED, TALKATIVE, UNLOCKED};

const DEADLINE_MS: u64 = 30_000;
const MOST_ASKS: usize = 2;

/// What an independent reader of the promises notes down while the inputs go by.
#[derive(Default)]
struct Oracle {
    wrote_at: Option<Moment>,
    writes: usize,
    asks: usize,
    evidence: bool,
    by_hand: bool,
    accepted: bool,
    /// The lock was where it was wanted when the command was written, and has not said otherwise since.
    was_there: bool,
    /// It said, untagged and with nothing known before, that it is where it should be.
    said_there: bool,
    /// Known or said since the write, however doubtful: it was where it should be, or came back to where it was.
    perhaps_was_there: bool,
    /// A read asked after the write found it where it was wanted.
    read_there: bool,
    ended: Option<Outcome>,
}

impl Oracle {
    /// Whether `what`, heard at `heard`, proves by promise P1 that the lock is where it was wanted.
    fn proves(&self, what: &What, heard: Moment) -> bool {
        let Some(wrote_at) = self.wrote_at.filter(|at| heard.steady >= at.steady) else { return false };
        let wanted = Bolt::Unlocked;
        match *what {
            What::Moved { from, to, cause: None, doubtful } => {
                to == wanted && !doubtful && matches!(from, Known::At(Bolt::Locked) | Known::Jammed | Known::At(_))
            }
            What::Moved { to, cause: Some(cause), doubtful, .. } => {
                to == wanted && !doubtful && cause.method == Method::Remote
            }
            What::Operated { at, cause, doubtful, .. } => at == wanted && !doubtful && cause.method == Method::Remote,
            What::Read { asked: Some(asked), said, cause, .. } => {
                let other = self.by_hand || cause.is_some_and(|cause| cause.method != Method::Remote);
                asked.steady >= wrote_at.steady && said == UNLOCKED && !other
            }
            _ => false,
        }
    }

    fn note(&mut self, input: &Input) {
        match input {
            Input::Wrote { at, known } if self.writes > 0 && self.wrote_at.is_none() => {
                self.wrote_at = Some(*at);
                self.was_there = *known == Known::At(Bolt::Unlocked);
                self.perhaps_was_there = self.was_there;
            }
            Input::Answered(Answer::Accepted) => self.accepted |= self.wrote_at.is_some(),
            Input::Fact(fact) => {
                self.evidence |= self.proves(&fact.what, fact.heard);
                if self.wrote_at.is_some_and(|at| fact.heard.steady >= at.steady) {
                    self.note_hand(&fact.what);
                    self.note_place(&fact.what);
                    self.note_passage(&fact.what);
                }
            }
            _ => {}
        }
    }

    fn note_place(&mut self, what: &What) {
        match *what {
            What::Moved { to: Bolt::Locked, .. } | What::Unsure => self.was_there = false,
            // Perhaps an old report said again: where nothing can be asked, that is all there is.
            What::Moved { to: Bolt::Unlocked, doubtful: true, .. } => self.was_there = true,
            What::Moved { from: Known::Nothing, to: Bolt::Unlocked, cause: None, doubtful: false } => {
                self.said_there = true;
            }
            What::Read { asked: Some(asked), said, .. }
                if self.wrote_at.is_some_and(|at| asked.steady >= at.steady) =>
            {
                self.read_there |= said == UNLOCKED;
                self.was_there &= said != LOCKED;
            }
            _ => {}
        }
    }

    fn note_passage(&mut self, what: &What) {
        self.perhaps_was_there |= match *what {
            What::Moved { to: Bolt::Unlocked, .. }
            | What::Operated { at: Bolt::Unlocked, .. }
            | What::Doubt { to: Known::At(Bolt::Unlocked) } => true,
            What::Operated { at: Bolt::Locked, cause, doubtful, late_cause } => {
                cause.method != Method::Remote && !doubtful && !late_cause
            }
            _ => false,
        };
    }

    fn note_hand(&mut self, what: &What) {
        match *what {
            What::Moved { to: Bolt::Unlocked, cause: Some(cause), doubtful: false, .. } => {
                self.by_hand |= cause.method != Method::Remote;
            }
            What::Operated { at: Bolt::Unlocked, cause, late_cause: true, .. } => {
                self.by_hand |= cause.method != Method::Remote;
            }
            What::Moved { to: Bolt::Locked, .. } => self.by_hand = false,
            What::Read { asked: Some(asked), said: LOCKED, .. }
                if self.wrote_at.is_some_and(|at| asked.steady >= at.steady) =>
            {
                self.by_hand = false;
            }
            _ => {}
        }
    }

    fn judge(&mut self, terms: &Terms, effect: &Effect, now: Moment) -> Result<(), TestCaseError> {
        prop_assert!(self.ended.is_none() || *effect == Effect::Nothing, "{effect:?} after the end");
        match effect {
            Effect::Write => {
                self.writes += 1;
                prop_assert!(!now.reached(terms.send_by()), "written too late");
            }
            Effect::Ask => self.asks += 1,
            Effect::Finish(end) => self.ended = Some(end.outcome.clone()),
            Effect::Nothing => {}
        }
        prop_assert!(self.writes <= 1, "written twice");
        prop_assert!(self.asks <= MOST_ASKS, "asked too often");
        prop_assert!(self.asks == 0 || self.wrote_at.is_some(), "asked before it was written");
        self.judge_end(terms)
    }

    fn judge_end(&self, terms: &Terms) -> Result<(), TestCaseError> {
        match &self.ended {
            Some(Outcome::Success { confirmed: true }) => {
                prop_assert!(self.evidence, "confirmed without evidence");
            }
            Some(Outcome::Success { confirmed: false }) => {
                let there = self.was_there && !terms.traits.readable;
                let said = self.said_there && !terms.traits.readable;
                let excused = said || self.accepted && (!terms.traits.reports || there);
                prop_assert!(self.read_there || excused, "a success out of nothing");
            }
            Some(Outcome::Failure(failure)) => match failure.kind {
                FailureKind::NoMovement => {
                    prop_assert!(self.accepted, "no movement of what was never accepted");
                    prop_assert!(!self.perhaps_was_there, "no movement of what may have come and gone");
                }
                FailureKind::OutcomeUnknown => prop_assert!(self.writes == 1, "unknown, but never given away"),
                FailureKind::CommandRejected | FailureKind::PrivacyMode => prop_assert!(self.writes == 1),
                _ => {}
            },
            None => {}
        }
        Ok(())
    }
}

fn bolts() -> impl Strategy<Value = Bolt> {
    prop_oneof![Just(Bolt::Locked), Just(Bolt::Unlocked)]
}

fn known() -> impl Strategy<Value = Known> {
    prop_oneof![Just(Known::Nothing), Just(Known::Jammed), bolts().prop_map(Known::At)]
}

fn causes() -> impl Strategy<Value = Cause> {
    prop_oneof![Just(Method::Remote), Just(Method::Manual), Just(Method::Keycode), Just(Method::Automatic)].prop_map(by)
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        4 => bolts().prop_map(Said::At),
        1 => Just(Said::Jammed),
        1 => Just(Said::Obstructed),
        1 => Just(Said::Unsure),
    ]
}

prop_compose! {
    fn traits()(
        reports in prop::bool::weighted(0.8),
        readable in any::<bool>(),
        tags in any::<bool>(),
        margin in 0..40_u64,
        settle in 0..20_u64,
        settle_unchanged in 0..5_u64,
    ) -> Traits {
        let (margin, settle) = (Duration::from_secs(margin), Duration::from_secs(settle));
        Traits { reports, readable, tags, margin, settle, settle_unchanged: Duration::from_secs(settle_unchanged) }
    }
}

/// How far in the past something was heard or asked, in milliseconds; mostly it is now.
fn lags() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(0_u64), 1 => 0..2_000_u64]
}

/// Something that can happen, without the times that the run gives it.
#[derive(Clone, Debug)]
enum Act {
    Feed(Input),
    Wrote(u64, Known),
    Fact(u64, What),
    Read(Option<u64>, Said, Option<Cause>),
    WallJump(i64),
}

fn acts() -> impl Strategy<Value = Act> {
    let fixed = prop::sample::select(vec![
        Input::Tick,
        Input::ReadFailed,
        Input::LinkLost,
        Input::LinkBack,
        Input::TurnCame,
        Input::TurnCame,
        Input::Answered(Answer::Accepted),
        Input::Answered(Answer::NotAcknowledged),
        Input::Answered(Answer::Refused(Refused::PrivacyMode)),
        Input::Unavailable(Unavailable::HubDisconnected),
        Input::NotWritten(NotWritten::TooLate),
    ]);
    let whats = prop_oneof![
        4 => (known(), bolts(), prop::option::of(causes()), prop::bool::weighted(0.2))
            .prop_map(|(from, to, cause, doubtful)| What::Moved { from, to, cause, doubtful }),
        3 => (bolts(), causes(), prop::bool::weighted(0.2), prop::bool::weighted(0.2))
            .prop_map(|(at, cause, doubtful, late_cause)| What::Operated { at, cause, doubtful, late_cause }),
        1 => known().prop_map(|to| What::Doubt { to }),
        1 => bolts().prop_map(|at| What::Recalled { at }),
        1 => Just(What::Unsure),
        1 => prop::sample::select(vec![What::Jammed, What::Obstructed]),
    ];
    prop_oneof![
        6 => fixed.prop_map(Act::Feed),
        4 => (lags(), known()).prop_map(|(lag, known)| Act::Wrote(lag, known)),
        5 => (lags(), whats).prop_map(|(lag, what)| Act::Fact(lag, what)),
        3 => (prop::option::weighted(0.9, lags()), said(), prop::option::weighted(0.2, causes()))
            .prop_map(|(asked, said, cause)| Act::Read(asked, said, cause)),
        1 => (-40_000..40_000_i64).prop_map(Act::WallJump),
    ]
}

struct Run {
    terms: Terms,
    state: State,
    now: Moment,
    oracle: Oracle,
}

impl Run {
    fn new(traits: Traits) -> Self {
        let terms = Terms { wanted: Some(Bolt::Unlocked), deadline: at(DEADLINE_MS), traits };
        Self { terms, state: State::Waiting, now: at(0), oracle: Oracle::default() }
    }

    fn ago(&self, ms: u64) -> Moment {
        self.now.before(Duration::from_millis(ms))
    }

    fn input(&self, act: &Act) -> Option<Input> {
        Some(match act {
            Act::Feed(input) => input.clone(),
            Act::Wrote(lag, known) => Input::Wrote { at: self.ago(*lag), known: *known },
            Act::Fact(lag, what) => Input::Fact(Fact { what: *what, heard: self.ago(*lag), occurred_at: None }),
            Act::Read(asked, said, cause) => {
                let asked = asked.map(|lag| self.ago(lag));
                let what = What::Read {
                    read: ReadId(1),
                    asked,
                    from: Known::Nothing,
                    said: *said,
                    cause: *cause,
                    awaits_cause: false,
                };
                Input::Fact(Fact { what, heard: self.now, occurred_at: None })
            }
            Act::WallJump(_) => return None,
        })
    }

    fn feed(&mut self, input: &Input) -> Result<(), TestCaseError> {
        if self.oracle.ended.is_none() {
            self.oracle.note(input);
        }
        let (state, effect) = step(&self.terms, self.state, input, self.now);
        self.state = state;
        self.oracle.judge(&self.terms, &effect, self.now)
    }

    /// Lets the time come at which the attempt wants a tick.
    fn wake(&mut self) -> Result<bool, TestCaseError> {
        let Some(wake) = wake_at(&self.terms, &self.state) else { return Ok(false) };
        let wait = wake.steady.saturating_sub(self.now.steady);
        if !self.now.reached(wake) {
            self.now = self.now.after(wait);
        }
        self.feed(&Input::Tick)?;
        Ok(true)
    }

    /// Ticks alone must bring it to its end, in few steps and by its deadline.
    fn finish(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..6 {
            if !self.wake()? {
                break;
            }
        }
        prop_assert!(self.oracle.ended.is_some(), "it never ends: {:?}", self.state);
        Ok(())
    }

    fn act(&mut self, after_ms: u64, act: &Act) -> Result<(), TestCaseError> {
        let next = self.now.after(Duration::from_millis(after_ms));
        // A task ticks when it is told to.
        while let Some(wake) = wake_at(&self.terms, &self.state).filter(|wake| next.reached(*wake)) {
            let before = self.state;
            self.now = self.now.after(wake.steady.saturating_sub(self.now.steady).min(next.since(self.now)));
            self.feed(&Input::Tick)?;
            prop_assert!(self.state != before, "woken for nothing: {before:?}");
        }
        self.now = Moment { wall: next.wall, steady: next.steady.max(self.now.steady) };
        if let Act::WallJump(by) = act {
            self.now.wall += SignedDuration::from_millis(*by);
            return Ok(());
        }
        let Some(input) = self.input(act) else { return Ok(()) };
        self.feed(&input)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_inputs_breaks_a_promise(
        traits in traits(),
        acts in prop::collection::vec((0..6_000_u64, acts()), 0..14),
    ) {
        let mut run = Run::new(traits);
        for (after, act) in &acts {
            run.act(*after, act)?;
        }
        run.finish()?;
        prop_assert!(run.now.since(at(DEADLINE_MS)) < Duration::from_secs(90));
    }

    #[test]
    fn an_attempt_that_was_written_ends_at_its_deadline_at_the_latest(
        traits in traits(),
        known in known(),
        acts in prop::collection::vec((0..3_000_u64, acts()), 0..10),
    ) {
        let mut run = Run::new(Traits { margin: Duration::ZERO, ..traits });
        run.feed(&Input::TurnCame)?;
        run.feed(&Input::Wrote { at: at(0), known })?;
        for (after, act) in acts.iter().filter(|(_, act)| !matches!(act, Act::WallJump(_))) {
            run.act(*after, act)?;
        }
        if run.oracle.ended.is_none() {
            run.finish()?;
            prop_assert!(run.now.since(at(DEADLINE_MS)) < Duration::from_secs(3) , "late: {:?}", run.now);
        }
    }

    /// From reports to the end: whatever a lock says in whatever order, only what it may say confirms.
    #[test]
    fn only_a_remote_report_a_change_or_a_read_after_the_write_confirms(
        traits in traits(),
        before in prop::collection::vec(reports(), 0..4),
        after in prop::collection::vec(reports(), 0..6),
    ) {
        confirms_only_on_evidence(traits, &before, &after)?;
    }

    #[test]
    fn a_lock_is_told_of_each_change_once(
        traits in traits(),
        heard in prop::collection::vec(reports(), 0..20),
    ) {
        changes_once(traits, &heard)?;
    }
}

/// A report and how long after the one before it comes.
fn reports() -> impl Strategy<Value = (u64, Said, How)> {
    let hows = prop_oneof![
        4 => Just(How::Untagged),
        2 => Just(How::Tagged(Method::Remote, None)),
        2 => Just(How::Tagged(Method::Manual, None)),
        1 => Just(How::Remembered),
        1 => Just(How::Assumed),
        2 => (0..3_u64).prop_map(|read| How::Read(ReadId(read))),
    ];
    (prop_oneof![0..150_u64, 0..8_000_u64], said(), hows)
}

fn confirms_only_on_evidence(
    traits: Traits,
    before: &[(u64, Said, How)],
    after: &[(u64, Said, How)],
) -> Result<(), TestCaseError> {
    let mut memory = Memory::default();
    let mut now = at(0);
    memory.asked(ReadId(0), now);
    let hear = |memory: &mut Memory, now: &mut Moment, (gap, said, how): (u64, Said, How)| {
        *now = now.after(Duration::from_millis(gap));
        let mut facts: Vec<Fact> = memory.tick(*now).into_iter().collect();
        facts.extend(memory.hear(&Report { said, how, heard: *now, occurred_at: None, sequence: None }, &traits));
        facts
    };
    for report in before {
        hear(&mut memory, &mut now, *report);
    }
    memory.release();
    memory.discount_reads();
    let known = memory.known();
    let terms = Terms { wanted: Some(Bolt::Unlocked), deadline: now.after(Duration::from_secs(600)), traits };
    let wrote = Input::Wrote { at: now, known };
    let (state, _) = step(
        &Terms { traits: Traits { margin: Duration::ZERO, ..traits }, ..terms },
        State::Waiting,
        &Input::TurnCame,
        now,
    );
    let (mut state, _) = step(&terms, state, &wrote, now);
    memory.asked(ReadId(2), now);
    let mut may_confirm = false;
    for report in after {
        let (_, said, how) = *report;
        may_confirm |= said == UNLOCKED && !matches!(how, How::Remembered | How::Assumed | How::Read(ReadId(0 | 1)));
        let facts = hear(&mut memory, &mut now, *report);
        for fact in facts {
            let (next, effect) = step(&terms, state, &Input::Fact(fact), now);
            state = next;
            let confirmed = matches!(&effect, Effect::Finish(end) if end.outcome == CONFIRMED);
            prop_assert!(!confirmed || may_confirm, "{fact:?}");
            let by_hand = matches!(fact.what, What::Moved { cause: Some(cause), .. } | What::Operated { cause, .. } if cause.method != Method::Remote);
            prop_assert!(!(confirmed && by_hand), "{fact:?}");
        }
    }
    Ok(())
}

/// Positions told one after the other differ, unless something in between took the knowledge away.
fn changes_once(traits: Traits, heard: &[(u64, Said, How)]) -> Result<(), TestCaseError> {
    let mut memory = Memory::default();
    let mut told = Known::Nothing;
    let (mut now, mut jammed_at) = (at(0), at(0));
    for (gap, said, how) in heard {
        now = now.after(Duration::from_millis(*gap));
        prop_assert!(memory.wake_at().is_none_or(|at| at.steady <= now.after(Duration::from_millis(100)).steady));
        let mut facts: Vec<Fact> = memory.tick(now).into_iter().collect();
        let report = Report { said: *said, how: *how, heard: now, occurred_at: None, sequence: None };
        facts.extend(memory.hear(&report, &traits));
        for fact in facts {
            match fact.what {
                What::Moved { from, to, .. } => {
                    prop_assert!(from != Known::At(to), "moved from where it is");
                    prop_assert!(told != Known::At(to), "told twice: {fact:?}");
                    told = Known::At(to);
                }
                What::Recalled { at } => told = Known::At(at),
                What::Read { awaits_cause: true, .. } => {}
                What::Read { said: Said::At(at), .. } => told = Known::At(at),
                What::Jammed | What::Read { said: Said::Jammed, .. } => {
                    let again = told == Known::Jammed && matches!(fact.what, What::Jammed);
                    prop_assert!(!again || now.since(jammed_at) > REPEAT_WINDOW, "jammed twice");
                    jammed_at = now;
                    told = Known::Jammed;
                }
                What::Unsure | What::Read { said: Said::Unsure, .. } => told = Known::Nothing,
                What::Operated { .. } | What::Doubt { .. } | What::Obstructed | What::Read { .. } => {}
            }
        }
    }
    Ok(())
}

/// Every order of every subset of these.
#[test]
fn every_permutation_of_a_small_set_keeps_the_promises() {
    let was = Known::At(Bolt::Locked);
    let set: Vec<Input> = vec![
        Input::TurnCame,
        Input::Wrote { at: at(0), known: was },
        Input::Answered(Answer::Accepted),
        Input::Answered(Answer::NotAcknowledged),
        fact(0, moved(was, Bolt::Unlocked, Some(by(Method::Manual)))),
        fact(0, operated(by(Method::Remote))),
        Input::LinkLost,
        Input::LinkBack,
    ];
    let mut tried = 0;
    for traits in [TALKATIVE, Traits { readable: false, ..TALKATIVE }, Traits { reports: false, ..TALKATIVE }] {
        permute(&set, &mut Vec::new(), &mut |order| {
            let mut run = Run::new(traits);
            run.now = at(1);
            for input in order {
                run.feed(input).unwrap();
            }
            run.finish().unwrap();
            tried += 1;
        });
    }
    assert_eq!(tried, 3 * 109_601);
}

#[test]
fn reads_count_in_every_order_only_when_asked_after_the_write() {
    let set = [
        Input::Answered(Answer::Accepted),
        fact(200, read(Some(50), UNLOCKED)),
        fact(200, read(None, UNLOCKED)),
        fact(200, read(Some(150), LOCKED)),
        fact(90, operated(by(Method::Remote))),
    ];
    permute(&set, &mut Vec::new(), &mut |order| {
        let mut run = Run::new(TALKATIVE);
        run.feed(&Input::TurnCame).unwrap();
        run.feed(&Input::Wrote { at: at(100), known: Known::Nothing }).unwrap();
        run.now = at(300);
        for input in order {
            run.feed(input).unwrap();
        }
        run.finish().unwrap();
        assert_ne!(run.oracle.ended, Some(CONFIRMED));
    });
}

fn permute(rest: &[Input], chosen: &mut Vec<Input>, each: &mut impl FnMut(&[Input])) {
    each(chosen);
    for n in 0..rest.len() {
        let mut rest = rest.to_vec();
        chosen.push(rest.remove(n));
        permute(&rest, chosen, each);
        chosen.pop();
    }
}
