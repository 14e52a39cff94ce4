//! Why an attempt ended as it did: its stages with their times, the rule that decided, and the hub's words for it.
//!
//! Kept in the transaction that ends the attempt, so what is kept and what was decided cannot differ. Stages say what
//! came in and when; the rules themselves are in [`crate::attempt`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::attempts::Outcome;
use crate::events::Method;
use crate::ports::{Answer, How, Said};
use crate::time::Moment;

/// How many stages one attempt keeps. A lock that never stops talking costs no more than this.
const MOST_STAGES: usize = 32;

/// What is kept of an attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// What happened, in order, beginning after the acceptance; the last is [`Step::Ended`].
    pub stages: Vec<Stage>,
    /// How many stages before the last ones were left out.
    pub left_out: u32,
    /// The message that decided, if something heard decided and the driver has words for it.
    pub words: Option<Words>,
}

impl Evidence {
    /// When `step` came first.
    pub fn first(&self, step: impl Fn(&Step) -> bool) -> Option<Duration> {
        self.stages.iter().find(|stage| step(&stage.step)).map(|stage| stage.after)
    }

    /// How it was decided.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        match self.stages.last()?.step {
            Step::Ended(rule) => Some(rule),
            _ => None,
        }
    }
}

/// One thing that happened to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// How long after the acceptance, on the clock that never jumps. (After a restart there is only the wall clock.)
    pub after: Duration,
    /// What.
    pub step: Step,
}

/// What can happen to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The lock was free for it.
    TurnCame,
    /// The driver asked its gate, was told that it may, and wrote the command.
    Written,
    /// The hub said that the lock (or the hub, where nothing better can be had) accepted the command.
    Acknowledged,
    /// The hub said that the lock did not acknowledge the command.
    NotAcknowledged,
    /// The lock or its hub refused the command.
    Refused,
    /// The lock said something of its bolt.
    Reported {
        /// What.
        said: Said,
        /// How.
        manner: Manner,
    },
    /// The lock was asked for its state.
    ReadAsked,
    /// That got no answer.
    ReadFailed,
    /// The connection to the hub was lost.
    LinkLost,
    /// It is there again.
    LinkBack,
    /// A starting server found the attempt unfinished.
    Restarted,
    /// It ended.
    Ended(Rule),
}

impl Step {
    /// What the hub said of the command.
    #[must_use]
    pub const fn of_answer(answer: &Answer) -> Self {
        match answer {
            Answer::Accepted => Self::Acknowledged,
            Answer::NotAcknowledged => Self::NotAcknowledged,
            Answer::Refused(_) => Self::Refused,
        }
    }
}

/// How a lock said something: [`How`], without the number of the read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// By itself, without a word on what moved the bolt.
    Untagged,
    /// By itself, with what moved the bolt, and the keypad slot where there is one.
    Tagged(Method, Option<u32>),
    /// In answer to a read.
    Read,
    /// It was true once: retained, cached or replayed.
    Remembered,
    /// The hub set it by itself.
    Assumed,
}

impl From<How> for Manner {
    fn from(how: How) -> Self {
        match how {
            How::Untagged => Self::Untagged,
            How::Tagged(method, slot) => Self::Tagged(method, slot),
            How::Read(_) => Self::Read,
            How::Remembered => Self::Remembered,
            How::Assumed => Self::Assumed,
        }
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $heard:literal;)+) => {
        /// Which rule ended an attempt. See "How an attempt ends" in `docs/architecture.md`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule {
            $($(#[$doc])* $variant,)+
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name, as it is kept and shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// Whether it takes something heard to decide by it. What time or this server decides has no words.
            #[must_use]
            pub const fn is_heard(self) -> bool {
                match self { $(Self::$variant => $heard,)+ }
            }

            /// The rule of this name.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|rule| rule.as_str() == word)
            }
        }
    };
}

rules! {
    /// Confirmed: the lock reported, after the write, that it was operated remotely.
    ReportedRemote = "reported_remote", true;
    /// Confirmed: the lock reported, after the write, a change from another position that it had told.
    ReportedChange = "reported_change", true;
    /// Confirmed: a read that was asked after the write shows the wanted position.
    ReadBack = "read_back", true;
    /// Confirmed, and not about the bolt: the hub says that it is done.
    HubWord = "hub_word", true;
    /// Unconfirmed: accepted, and the lock cannot report.
    AcceptedCannotReport = "accepted_cannot_report", true;
    /// Unconfirmed: accepted, the lock already was there, and its hub offers no read.
    AcceptedAlreadyThere = "accepted_already_there", true;
    /// Unconfirmed: accepted, the lock says that it is there, that may be an old report said again, and its hub offers no
    /// read.
    AcceptedPerhapsThere = "accepted_perhaps_there", true;
    /// Unconfirmed: the lock stands there, but nobody knows since when, and its hub offers no read.
    FirstWord = "first_word", true;
    /// Unconfirmed: a read shows the wanted position, and somebody else brought the bolt there.
    MovedByOther = "moved_by_other", true;
    /// The lock or its hub refused the command.
    Refused = "refused", true;
    /// The lock reported a jam.
    JamReported = "jam_reported", true;
    /// The lock reported that something blocks its bolt.
    ObstructionReported = "obstruction_reported", true;
    /// Accepted, and a read after the wait shows the old position.
    AcceptedNotMoved = "accepted_not_moved", true;
    /// Accepted, a read after the wait shows another position, and something heard since the write may mean that the bolt
    /// had been where it should.
    AcceptedPerhapsMoved = "accepted_perhaps_moved", true;
    /// Not acknowledged, and a read shows the old position.
    NotAcknowledgedNotMoved = "not_acknowledged_not_moved", true;
    /// Not acknowledged, and the read failed.
    NotAcknowledgedNotRead = "not_acknowledged_not_read", true;
    /// Not about the bolt, and the hub says that it was not acknowledged.
    NotAcknowledged = "not_acknowledged", true;
    /// Not about the bolt, and the connection was lost before the hub said anything.
    LinkLost = "link_lost", false;
    /// Written, and nothing that decides was heard by the deadline.
    Silence = "silence", false;
    /// Not written: hub, lock or account known to be out of reach.
    Unavailable = "unavailable", false;
    /// Not written: its turn, or its driver, came too late.
    TooLate = "too_late", false;
    /// Not written: the driver could not hand it over.
    NotHandedOver = "not_handed_over", false;
    /// Not written: its device became unmanaged.
    Unmanaged = "unmanaged", false;
    /// Its device or account was deleted.
    Deleted = "deleted", false;
    /// Unfinished at a restart, and a read shows the lock in the wanted position.
    RestartRead = "restart_read", true;
    /// Unfinished at a restart, and no read shows the wanted position.
    RestartUnknown = "restart_unknown", true;
}

/// How an attempt ended, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The outcome.
    pub outcome: Outcome,
    /// The rule.
    pub rule: Rule,
}

/// What a hub said, in its own words: shortened, and without secrets, which is the driver's to see to.
///
/// It may quote what was written at a door, so its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Words(Text);

#[derive(Clone)]
enum Text {
    Fixed(&'static str),
    Heard(Arc<str>),
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl Text {
    fn as_str(&self) -> &str {
        match self {
            Self::Fixed(text) => text,
            Self::Heard(text) => text,
        }
    }
}

impl Words {
    /// How many bytes are kept.
    pub const MOST: usize = 500;

    /// Words that are always the same: they cost nothing.
    #[must_use]
    pub const fn fixed(text: &'static str) -> Self {
        Self(Text::Fixed(text))
    }

    /// Words as they came, cut to [`Self::MOST`] bytes.
    #[must_use]
    pub fn heard(text: &str) -> Self {
        if text.len() <= Self::MOST {
            return Self(Text::Heard(text.into()));
        }
        const CUT: &str = "…";
        let end = text.floor_char_boundary(Self::MOST - CUT.len());
        let kept = text.get(..end).unwrap_or_default();
        Self(Text::Heard(format!("{kept}{CUT}").into()))
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words(…)")
    }
}

/// From when the times of an attempt count.
#[derive(Clone, Copy, Debug)]
enum Since {
    Accepted(Moment),
    /// Of an attempt from before a restart only the wall clock is left.
    Created(Timestamp),
}

/// The evidence of an attempt as it grows.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    since: Since,
    stages: Vec<Stage>,
    left_out: u32,
    words: Option<Words>,
}

impl Record {
    /// Of an attempt that was accepted at that moment.
    pub(crate) fn since(accepted: Moment) -> Self {
        Self { since: Since::Accepted(accepted), stages: Vec::with_capacity(8), left_out: 0, words: None }
    }

    /// Of an attempt that a starting server found unfinished.
    pub(crate) fn found(created_at: Timestamp, now: Moment) -> Self {
        let mut record = Self { since: Since::Created(created_at), ..Self::since(now) };
        record.note(now, Step::Restarted);
        record
    }

    /// Notes what happened at `at`. When there is no room left the newest stays: it is the one that may decide.
    pub(crate) fn note(&mut self, at: Moment, step: Step) {
        let stage = Stage { after: self.after(at), step };
        if self.stages.len() == MOST_STAGES {
            self.stages.pop();
            self.left_out += 1;
        }
        self.stages.push(stage);
    }

    /// Notes what was heard, with the words for it.
    pub(crate) fn heard(&mut self, at: Moment, step: Step, words: Option<&Words>) {
        self.note(at, step);
        if let Some(words) = words {
            self.words = Some(words.clone());
        }
    }

    /// The whole, of an attempt that ended `now`.
    pub(crate) fn ended(mut self, now: Moment, rule: Rule) -> Evidence {
        // What was heard before something and dealt with after it stands before it.
        self.stages.sort_by_key(|stage| stage.after);
        // Where only the wall clock is left, it may have been set back.
        let last = self.stages.last().map_or(Duration::ZERO, |stage| stage.after);
        self.stages.push(Stage { after: self.after(now).max(last), step: Step::Ended(rule) });
        Evidence { stages: self.stages, left_out: self.left_out, words: self.words.filter(|_| rule.is_heard()) }
    }

    fn after(&self, at: Moment) -> Duration {
        match self.since {
            Since::Accepted(accepted) => at.since(accepted),
            Since::Created(created_at) => at.wall.duration_since(created_at).try_into().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        let epoch = Moment { wall: Timestamp::constant(1_800_000_000, 0), steady: Duration::ZERO };
        epoch.after(Duration::from_millis(ms))
    }

    #[test]
    fn words_are_cut_between_letters_and_never_printed() {
        let long = "ä".repeat(400);
        let words = Words::heard(&long);
        assert!(words.as_str().len() <= Words::MOST && words.as_str().len() > Words::MOST - 4);
        assert!(words.as_str().ends_with("ä…"));
        assert_eq!(Words::heard("short"), Words::fixed("short"));
        assert_eq!(format!("{words:?}"), "Words(…)");
    }

    #[test]
    fn a_lock_that_never_stops_talking_costs_no_more_and_its_last_word_stays() {
        let mut record = Record::since(at(0));
        let reported = |said| Step::Reported { said, manner: Manner::Remembered };
        for ms in 0..100 {
            record.heard(at(ms), reported(Said::Unsure), None);
        }
        record.heard(at(100), reported(Said::Jammed), Some(&Words::fixed("jam")));
        let evidence = record.ended(at(101), Rule::JamReported);
        assert_eq!(evidence.stages.len(), MOST_STAGES + 1);
        assert_eq!(evidence.left_out, 101 - 32);
        let [.., jam, end] = &evidence.stages[..] else { panic!() };
        assert_eq!((jam.step, jam.after), (reported(Said::Jammed), Duration::from_millis(100)));
        assert_eq!(end.step, Step::Ended(Rule::JamReported));
        assert_eq!(evidence.words, Some(Words::fixed("jam")));
    }

    #[test]
    fn what_nothing_heard_decided_has_no_words() {
        let mut record = Record::since(at(0));
        record.heard(at(1), Step::Acknowledged, Some(&Words::fixed("accepted")));
        assert_eq!(record.clone().ended(at(2), Rule::Silence).words, None);
        assert!(record.ended(at(2), Rule::Refused).words.is_some());
    }

    #[test]
    fn after_a_restart_the_wall_clock_counts_and_never_backwards() {
        let mut record = Record::found(at(5_000).wall, Moment { steady: Duration::ZERO, ..at(9_000) });
        record.note(Moment { steady: Duration::from_secs(1), ..at(4_000) }, Step::ReadAsked);
        let after: Vec<u128> = record.stages.iter().map(|stage| stage.after.as_millis()).collect();
        assert_eq!(after, [4_000, 0]);
    }

    #[test]
    fn every_rule_is_found_by_its_name() {
        for rule in Rule::ALL {
            assert_eq!(Rule::from_word(rule.as_str()), Some(*rule));
        }
    }
}
