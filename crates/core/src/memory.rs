//! What one lock has told, and what a further report therefore means.
//!
//! Hubs repeat, replay and split what a lock says. [`Memory`] turns reports into [`Fact`]s: a movement once, with its
//! cause where the lock tells it; a jam once; a doubt where a report may be an old one said again. It has no clock and
//! decides nothing about attempts: see [`crate::attempt`].

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use crate::events::Method;
use crate::locks::{Bolt, Traits};
use crate::ports::{How, ReadId, Report, Said};
use crate::time::Moment;

/// Some locks send the same report a second time 4 to 5 s later. A report that says the same as one within this time,
/// with another in between, may be such a repeat.
pub const REPEAT_WINDOW: Duration = Duration::from_secs(6);

/// How long a change waits for the report that says what caused it, on locks that are known to send one.
pub const TAG_WAIT: Duration = Duration::from_millis(100);

/// A cause that comes after its change was already told still belongs to that change for this long; after a change that
/// a read found for longer, because the lock's own report of it may have been lost and said again.
const LATE_TAG: Duration = Duration::from_millis(1500);
const LATE_REPORT: Duration = REPEAT_WINDOW;

/// A report count so far below the last one is no repeat: the lock counts from the beginning again.
const COUNT_RESTARTS: u64 = 1_000;

const READS: usize = 8;

/// What moved a bolt, as the lock told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// How.
    pub method: Method,
    /// The keypad slot that was used.
    pub slot: Option<u32>,
}

/// What is known of the bolt since the hub session came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing yet.
    Nothing,
    /// The lock told a position.
    At(Bolt),
    /// The lock told a jam.
    Jammed,
}

/// What a report means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What.
    pub what: What,
    /// When its first report was heard. For a cause that comes late: when its movement was.
    pub heard: Moment,
    /// When it happened, where the lock or its hub told.
    pub occurred_at: Option<Timestamp>,
}

/// The kinds of fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The bolt is at another place than the lock told before (`from` is `Nothing` for a first word).
    Moved {
        /// Where it was known to be.
        from: Known,
        /// Where it is.
        to: Bolt,
        /// What moved it.
        cause: Option<Cause>,
        /// Whether this may be an old report said again. Such a movement is never evidence.
        doubtful: bool,
    },
    /// The lock told of an operation that left the bolt where it was known to be.
    Operated {
        /// Where it is.
        at: Bolt,
        /// What operated it.
        cause: Cause,
        /// Whether this may be an old report said again.
        doubtful: bool,
        /// Whether it only adds the cause to a movement that was already told.
        late_cause: bool,
    },
    /// The lock says something that it said shortly before something else: perhaps a repeat. Worth a read.
    Doubt {
        /// Where the bolt would be, if it is true.
        to: Known,
    },
    /// The answer to a read.
    Read {
        /// Which.
        read: ReadId,
        /// When we asked; `None` if the read is not one of ours.
        asked: Option<Moment>,
        /// What was known before.
        from: Known,
        /// The answer.
        said: Said,
        /// The cause that a doubtful report had told, if the read bears it out.
        cause: Option<Cause>,
        /// Whether a movement to there is held back for its cause, and will be told by itself.
        awaits_cause: bool,
    },
    /// A value from before, on a lock that cannot be asked: the best there is, and no evidence.
    Recalled {
        /// Where the bolt was.
        at: Bolt,
    },
    /// The lock tells a jam that it had not told before.
    Jammed,
    /// The lock tells that something blocks the bolt.
    Obstructed,
    /// The lock no longer knows where its bolt is.
    Unsure,
}

impl What {
    /// Where the bolt is, if that is what was told.
    #[must_use]
    pub const fn position(&self) -> Option<Bolt> {
        match self {
            Self::Moved { to: at, .. } | Self::Operated { at, .. } | Self::Read { said: Said::At(at), .. } => Some(*at),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Held {
    from: Known,
    to: Bolt,
    report: Report,
}

/// A movement whose cause may still come until `until`.
#[derive(Clone, Copy, Debug)]
struct ToldWithoutCause {
    to: Bolt,
    at: Moment,
    for_up_to: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Claim {
    to: Known,
    cause: Option<Cause>,
}

#[derive(Clone, Copy, Debug)]
struct AskedRead {
    read: ReadId,
    at: Moment,
    /// Whether no command was written since: else its answer may be older than what the command did.
    counts: bool,
}

/// What one lock has told since its hub session came up.
#[derive(Clone, Debug)]
pub struct Memory {
    known: Known,
    /// When each thing was last said.
    history: VecDeque<(Said, Moment)>,
    /// When each thing was last found by a read: its own report may have been lost, and be said again.
    found: VecDeque<(Said, Moment)>,
    sequence: Option<u64>,
    held: Option<Held>,
    told_without_cause: Option<ToldWithoutCause>,
    claim: Option<Claim>,
    reads: VecDeque<AskedRead>,
    session_began: Option<Moment>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            known: Known::Nothing,
            history: VecDeque::new(),
            found: VecDeque::new(),
            sequence: None,
            held: None,
            told_without_cause: None,
            claim: None,
            reads: VecDeque::new(),
            session_began: None,
        }
    }
}

impl Memory {
    /// What is known of the bolt.
    #[must_use]
    pub const fn known(&self) -> Known {
        self.known
    }

    /// Notes that a hub session began. For a while what the lock says may be a repeat of something that nobody heard.
    pub fn session_began(&mut self, at: Moment) {
        self.session_began = Some(at);
    }

    /// Forgets the position: the session is over and anything may happen until the lock speaks again. The history
    /// stays, since repeats outlive a session.
    pub fn forget_position(&mut self) {
        self.known = Known::Nothing;
        self.held = None;
        self.claim = None;
        self.discount_reads();
    }

    /// Whether the lock said something that only a read can bear out.
    #[must_use]
    pub const fn in_doubt(&self) -> bool {
        self.claim.is_some()
    }

    /// Notes a jam that was told in another way than by a report.
    pub fn jammed(&mut self) {
        self.known = Known::Jammed;
    }

    /// A command is written, or anything may have happened: the answers to earlier reads will tell nothing about it.
    pub fn discount_reads(&mut self) {
        for asked in &mut self.reads {
            asked.counts = false;
        }
    }

    /// Notes a read that was asked at `at`.
    pub fn asked(&mut self, read: ReadId, at: Moment) {
        if self.reads.len() == READS {
            self.reads.pop_front();
        }
        self.reads.push_back(AskedRead { read, at, counts: true });
    }

    /// When something held back must be told, if nothing comes before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Moment> {
        self.held.map(|held| held.report.heard.after(TAG_WAIT).steadily())
    }

    /// Tells what was held back until `now`.
    pub fn tick(&mut self, now: Moment) -> Option<Fact> {
        if self.wake_at().is_some_and(|at| now.reached(at)) { self.release() } else { None }
    }

    /// Tells at once what is held back: a command is about to be written, and what came before it must be known.
    pub fn release(&mut self) -> Option<Fact> {
        let held = self.held.take()?;
        Some(self.moved(held.from, held.to, None, false, &held.report))
    }

    /// What `report` means. At most two facts: one that was held back, and its own.
    pub fn hear(&mut self, report: &Report, traits: &Traits) -> Vec<Fact> {
        let is_statement = matches!(report.how, How::Untagged | How::Tagged(..));
        if is_statement && self.is_counted_repeat(report) {
            return Vec::new();
        }
        let mut facts = Vec::new();
        if self.contradicts_held(report) {
            facts.extend(self.release());
        }
        facts.extend(self.interpret(report, traits));
        if is_statement {
            keep_in(&mut self.history, report);
        }
        facts
    }

    fn interpret(&mut self, report: &Report, traits: &Traits) -> Option<Fact> {
        match report.how {
            How::Assumed => None,
            How::Remembered => self.recall(report, traits),
            How::Read(read) => Some(self.answer(read, report)),
            How::Untagged => self.statement(report, None, traits),
            How::Tagged(method, slot) => self.statement(report, Some(Cause { method, slot }), traits),
        }
    }

    fn is_counted_repeat(&mut self, report: &Report) -> bool {
        let Some(count) = report.sequence else { return false };
        let repeated = self.sequence.is_some_and(|seen| count <= seen && seen - count <= COUNT_RESTARTS);
        if !repeated {
            self.sequence = Some(count);
        }
        repeated
    }

    fn contradicts_held(&self, report: &Report) -> bool {
        let Some(held) = self.held else { return false };
        !matches!(report.how, How::Assumed | How::Remembered) && report.said != Said::At(held.to)
    }

    fn said_recently(&self, report: &Report) -> bool {
        is_in(&self.history, report)
    }

    /// Whether `report` may be an old one said again: the same was heard shortly before, or, so soon after the session
    /// began, was perhaps said when nobody listened. The latter is asked only where a read can settle it; elsewhere it
    /// would take all evidence away.
    fn may_be_repeat(&self, report: &Report, traits: &Traits) -> bool {
        let is_young = self.session_began.is_some_and(|began| report.heard.since(began) <= REPEAT_WINDOW);
        self.said_recently(report) || (traits.readable && is_young && report.sequence.is_none())
    }

    /// The best there is on a lock that cannot be asked: the last word that its hub kept. A hub that keeps its words
    /// keeps the last one, so a change from it is a change.
    fn recall(&mut self, report: &Report, traits: &Traits) -> Option<Fact> {
        let Said::At(at) = report.said else { return None };
        if traits.readable || self.known != Known::Nothing {
            return None;
        }
        self.known = Known::At(at);
        Some(fact(What::Recalled { at }, report))
    }

    fn answer(&mut self, read: ReadId, report: &Report) -> Fact {
        let asked = self.reads.iter().find(|asked| asked.read == read).copied();
        self.reads.retain(|asked| asked.read != read);
        if self.may_be_outdated(asked, report.said) {
            return self.doubtful_answer(report);
        }
        let asked = asked.filter(|asked| asked.counts).map(|asked| asked.at);
        let from = self.known;
        let awaits_cause = self.held.is_some_and(|held| report.said == Said::At(held.to));
        self.held = self.held.filter(|_| awaits_cause);
        let claim = self.claim.take();
        if report.said != Said::Obstructed {
            self.known = known_if(report.said);
        }
        let cause = claim.filter(|claim| self.known == claim.to).and_then(|claim| claim.cause);
        if let Said::At(to) = report.said
            && cause.is_none()
            && !matches!(from, Known::Nothing)
            && from != self.known
        {
            // The read found a movement whose report is still to come.
            self.told_without_cause = Some(ToldWithoutCause { to, at: report.heard, for_up_to: LATE_REPORT });
        }
        keep_in(&mut self.found, report);
        fact(What::Read { read, asked, from, said: report.said, cause, awaits_cause }, report)
    }

    /// Whether an answer may have been on its way for long: it contradicts what is known, and the lock has said
    /// something else since the read was asked, or a command was written since, or nobody knows when it was asked.
    fn may_be_outdated(&self, asked: Option<AskedRead>, said: Said) -> bool {
        let is_known_otherwise =
            said != Said::Obstructed && self.known != Known::Nothing && self.known != known_if(said);
        match asked {
            Some(asked) => self.contradicted_since(asked.at, said) || (!asked.counts && is_known_otherwise),
            None => self.known != known_if(said),
        }
    }

    fn contradicted_since(&self, asked: Moment, said: Said) -> bool {
        let last = self.history.iter().chain(&self.found).max_by_key(|(_, heard)| heard.steady);
        last.is_some_and(|(other, heard)| *other != said && heard.steady > asked.steady)
    }

    fn doubtful_answer(&mut self, report: &Report) -> Fact {
        let to = known_if(report.said);
        let kept = self.claim;
        let doubt = self.doubt(to, None, report);
        // What was doubtful before stays so, with the cause that it told.
        self.claim = kept.or(self.claim);
        doubt.unwrap_or_else(|| fact(What::Doubt { to }, report))
    }

    fn statement(&mut self, report: &Report, cause: Option<Cause>, traits: &Traits) -> Option<Fact> {
        match report.said {
            Said::At(to) => self.position(to, report, cause, traits),
            Said::Jammed => self.jam(report, traits),
            Said::Obstructed if traits.readable && self.said_recently(report) => self.doubt(self.known, None, report),
            Said::Obstructed => Some(fact(What::Obstructed, report)),
            Said::Unsure => {
                self.known = Known::Nothing;
                Some(fact(What::Unsure, report))
            }
        }
    }

    fn jam(&mut self, report: &Report, traits: &Traits) -> Option<Fact> {
        if self.known == Known::Jammed {
            // It may have jammed again: an attempt that runs must know.
            let is_old = self.said_recently(report) || is_in(&self.found, report);
            return (!is_old).then(|| fact(What::Jammed, report));
        }
        if traits.readable && self.may_be_repeat(report, traits) {
            return self.doubt(Known::Jammed, None, report);
        }
        self.known = Known::Jammed;
        Some(fact(What::Jammed, report))
    }

    fn position(&mut self, to: Bolt, report: &Report, cause: Option<Cause>, traits: &Traits) -> Option<Fact> {
        if let Some(cause) = cause
            && let Some(held) = self.held.take()
        {
            return Some(self.moved(held.from, held.to, Some(cause), false, &held.report));
        }
        if self.known == Known::At(to) {
            return cause.map(|cause| self.operated(to, cause, report, traits));
        }
        let doubtful = self.may_be_repeat(report, traits) || is_in(&self.found, report);
        if doubtful && traits.readable {
            return self.doubt(Known::At(to), cause, report);
        }
        let from = self.known;
        self.known = Known::At(to);
        if cause.is_none() && traits.tags && !doubtful {
            self.held = Some(Held { from, to, report: *report });
            return None;
        }
        Some(self.moved(from, to, cause, doubtful, report))
    }

    fn doubt(&mut self, to: Known, cause: Option<Cause>, report: &Report) -> Option<Fact> {
        // An untagged report beside a tagged one must not take away what the tag told.
        let kept = self.claim.filter(|claim| claim.to == to).and_then(|claim| claim.cause);
        self.claim = Some(Claim { to, cause: cause.or(kept) });
        Some(fact(What::Doubt { to }, report))
    }

    fn moved(&mut self, from: Known, to: Bolt, cause: Option<Cause>, doubtful: bool, report: &Report) -> Fact {
        self.claim = None;
        let told = ToldWithoutCause { to, at: report.heard, for_up_to: LATE_TAG };
        self.told_without_cause = cause.is_none().then_some(told);
        fact(What::Moved { from, to, cause, doubtful }, report)
    }

    /// A cause that comes late belongs to the movement that was told without one, and to that movement's time: it may
    /// have been before a command that was written since.
    fn operated(&mut self, at: Bolt, cause: Cause, report: &Report, traits: &Traits) -> Fact {
        let moved = self
            .told_without_cause
            .take()
            .filter(|told| told.to == at && report.heard.since(told.at) <= told.for_up_to)
            .map(|told| told.at);
        // Only a remote operation is evidence; of the others each is worth its event.
        let doubtful = moved.is_none()
            && match cause.method {
                Method::Remote => self.may_be_repeat(report, traits),
                _ => self.said_recently(report),
            };
        let what = What::Operated { at, cause, doubtful, late_cause: moved.is_some() };
        Fact { heard: moved.unwrap_or(report.heard), ..fact(what, report) }
    }
}

/// Keeps when each thing was last said, however much else is said in between.
fn keep_in(history: &mut VecDeque<(Said, Moment)>, report: &Report) {
    history.retain(|(said, _)| *said != report.said);
    history.push_back((report.said, report.heard));
}

fn is_in(history: &VecDeque<(Said, Moment)>, report: &Report) -> bool {
    let recently = |(said, heard): &(Said, Moment)| *said == report.said && report.heard.since(*heard) <= REPEAT_WINDOW;
    report.sequence.is_none() && history.iter().any(recently)
}

/// What is known of the bolt if `said` is true.
const fn known_if(said: Said) -> Known {
    match said {
        Said::At(at) => Known::At(at),
        Said::Jammed => Known::Jammed,
        Said::Obstructed | Said::Unsure => Known::Nothing,
    }
}

const fn fact(what: What, report: &Report) -> Fact {
    Fact { what, heard: report.heard, occurred_at: report.occurred_at }
}
