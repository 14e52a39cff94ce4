//! When a lock locks itself: the property `auto_relock_time`, in seconds, where 0 is *off*.
//!
//! After a `set` that the lock took, Zigbee2MQTT writes the wanted value into its cache and publishes it by itself. That echo
//! is not the lock's word, and every later message repeats it. So:
//!
//! | Message | Taken for |
//! |---|---|
//! | the wanted value, after the `set` | its echo: the `set` is through, and the lock is asked |
//! | any value after that `get`, nothing but `last_seen` and `linkquality` is new, its turn | the lock's answer |
//! | an error line about the property | the end: refused by the lock or the hub, or nothing known |
//!
//! A hub that does not echo (`optimistic: false`) is asked after a while; its first message with the wanted value counts as
//! the echo then, so that it is asked once more.
//!
//! What remains is what remains of every read here (see `device`): something else that makes the lock talk between the `get`
//! and its answer, and that changes no field, is taken for the answer. It repeats the echo, so it misleads only if the lock
//! had taken the setting and kept its old one all the same.

use std::time::Duration;

use serde_json::{Map, Value};
use thumbturn_core::commands::AutoLock;
use thumbturn_core::ids::AttemptId;
use thumbturn_core::ports::{Answer, Refused};
use thumbturn_core::time::Moment;

use super::pending::{Next, Pending, READ_LIMIT};

/// The hub publishes an acknowledgement right before its echo; what comes within this time after the first sign that a `set`
/// is through belongs to it.
const ECHO: Duration = Duration::from_millis(250);

/// A hub that says nothing of a `set` for so long may be one that does not echo.
const SILENT: Duration = Duration::from_secs(5);

/// The hub gives a `set` up after 23.1 s at most.
const GIVEN_UP: Duration = Duration::from_secs(25);

/// A message that cannot be told from the answer came while it was waited for. It is asked again if none follows within this
/// time.
const DOUBTED: Duration = Duration::from_secs(2);

const KEPT: &str = "The lock kept its old setting.";

/// What a lock offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// The property that is set and read.
    pub(super) property: String,
    /// The seconds that it takes, besides 0.
    pub(super) least: u32,
    pub(super) most: u32,
}

impl Offer {
    /// What is to be written for `to`.
    ///
    /// # Errors
    /// What the lock takes instead, in a sentence.
    pub(super) fn value(&self, to: AutoLock) -> Result<u32, String> {
        match to {
            AutoLock::Off => Ok(0),
            AutoLock::After(seconds) if (self.least..=self.most).contains(&seconds) => Ok(seconds),
            AutoLock::After(_) => Err(format!("The lock takes {} to {} seconds.", self.least, self.most)),
        }
    }

    /// The value in a state message.
    pub(super) fn told(&self, message: &Map<String, Value>) -> Option<u32> {
        message.get(&self.property)?.as_u64().and_then(|seconds| u32::try_from(seconds).ok())
    }
}

/// What a value means.
const fn meaning(seconds: u32) -> AutoLock {
    if seconds == 0 { AutoLock::Off } else { AutoLock::After(seconds) }
}

/// What is known of a lock's setting, and what was asked about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Setting {
    /// What the engine was told last.
    told: Option<AutoLock>,
    open: Option<Open>,
    /// The echo of a `set` of which nobody knows what came of it: no word of the lock.
    unproven: Option<Unproven>,
    /// Everything else that the hub's last message said.
    rest: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    /// `None`: nobody waits for it, the lock is asked since an earlier attempt left it unknown.
    attempt: Option<AttemptId>,
    wanted: u32,
    since: Moment,
    phase: Phase,
}

#[derive(Clone, Copy, Debug)]
struct Unproven {
    value: u32,
    was_asked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The `set` was handed to the hub.
    Sent,
    /// It was asked although nothing was said of the `set`.
    Probing,
    /// The `set` is through.
    Through(Moment),
    /// It was asked after that.
    Asked { at: Moment, again: bool, doubted: Option<Moment> },
    /// Nothing will be heard of it any more.
    Lost,
}

/// A message, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling {
    pub(super) at: Moment,
    /// The value that it carries.
    pub(super) value: Option<u32>,
    /// A fingerprint of everything else that is not volatile.
    pub(super) rest: u64,
    /// It may be the answer to a read, as far as its time and its kind tell: heard just now or untimed, without an action, no
    /// replay.
    pub(super) may_answer: bool,
    /// The broker kept it, or a starting hub repeats it.
    pub(super) is_old: bool,
    /// The lock spoke just now.
    pub(super) has_spoken: bool,
    /// What the device owed when it came.
    pub(super) next: Next,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What the lock told.
    pub(super) told: Option<AutoLock>,
    /// How an attempt ended.
    pub(super) answer: Option<(AttemptId, Answer)>,
    /// The lock is to be asked.
    pub(super) ask: bool,
}

impl Setting {
    /// Notes a `set` that was handed to the hub. One that is still open is over: its attempt has ended.
    pub(super) fn sent(&mut self, attempt: AttemptId, wanted: u32, at: Moment, pending: &mut Pending) {
        pending.setting_is_through();
        pending.set(at);
        self.open = Some(Open { attempt: Some(attempt), wanted, since: at, phase: Phase::Sent });
        self.unproven = Some(Unproven { value: wanted, was_asked: false });
    }

    /// Takes in a message.
    pub(super) fn hear(&mut self, telling: Telling, pending: &mut Pending) -> Outcome {
        let other_news = self.rest.replace(telling.rest).is_some_and(|known| known != telling.rest);
        let Some(value) = telling.value else { return Outcome::default() };
        if self.open.is_none() {
            return self.hear_idle(value, telling, pending);
        }
        if telling.is_old {
            return Outcome::default();
        }
        let is_answer = telling.may_answer && !other_news && telling.next == Next::Setting;
        let Some(open) = &mut self.open else { return Outcome::default() };
        match &mut open.phase {
            Phase::Sent | Phase::Probing if value == open.wanted => {
                open.phase = Phase::Through(telling.at);
                pending.is_through_until_setting();
                Outcome::default()
            }
            Phase::Asked { .. } if is_answer => self.answered(value, pending),
            Phase::Asked { doubted, .. } => {
                doubted.get_or_insert(telling.at);
                Outcome::default()
            }
            _ => Outcome::default(),
        }
    }

    /// Nothing is open: what a message says of it is the lock's word, or what the hub had cached of it.
    fn hear_idle(&mut self, value: u32, telling: Telling, pending: &mut Pending) -> Outcome {
        match &mut self.unproven {
            Some(unproven) if unproven.value == value => {
                let is_due = telling.has_spoken && !telling.is_old && !unproven.was_asked;
                if !is_due {
                    return Outcome::default();
                }
                unproven.was_asked = true;
                pending.set(telling.at);
                let phase = Phase::Asked { at: telling.at, again: true, doubted: None };
                self.open = Some(Open { attempt: None, wanted: value, since: telling.at, phase });
                Outcome { ask: true, ..Outcome::default() }
            }
            _ => {
                self.unproven = None;
                Outcome { told: self.tell(value), ..Outcome::default() }
            }
        }
    }

    fn tell(&mut self, value: u32) -> Option<AutoLock> {
        let told = meaning(value);
        (self.told.replace(told) != Some(told)).then_some(told)
    }

    /// The lock told its setting.
    fn answered(&mut self, value: u32, pending: &mut Pending) -> Outcome {
        self.unproven = None;
        let told = self.tell(value);
        let Some(open) = self.close(pending) else { return Outcome { told, ..Outcome::default() } };
        let answer = if value == open.wanted { Answer::Accepted } else { refused(KEPT) };
        Outcome { told, answer: open.attempt.map(|attempt| (attempt, answer)), ask: false }
    }

    fn close(&mut self, pending: &mut Pending) -> Option<Open> {
        pending.setting_is_through();
        self.open.take()
    }

    /// It ends with `answer`, without the lock's word.
    fn end(&mut self, answer: Answer, pending: &mut Pending) -> Outcome {
        if matches!(answer, Answer::Refused(_)) {
            // The hub echoes only what the lock took.
            self.unproven = None;
        }
        let attempt = self.close(pending).and_then(|open| open.attempt);
        Outcome { answer: attempt.map(|attempt| (attempt, answer)), ..Outcome::default() }
    }

    /// The hub says that a `set` failed. One that was heard of already is through.
    pub(super) fn set_failed(&mut self, answer: Answer, pending: &mut Pending) -> Outcome {
        match self.open.map(|open| open.phase) {
            Some(Phase::Sent | Phase::Probing) => self.end(answer, pending),
            _ => Outcome::default(),
        }
    }

    /// The hub says that a `get` failed.
    pub(super) fn get_failed(&mut self, pending: &mut Pending) -> Outcome {
        match self.open.map(|open| open.phase) {
            Some(Phase::Asked { .. }) => self.end(Answer::NotAcknowledged, pending),
            _ => Outcome::default(),
        }
    }

    /// The lock is out of sight: nothing more will be heard of what was asked, and the next tick ends it.
    pub(super) fn lost_sight(&mut self) {
        if let Some(open) = &mut self.open {
            open.phase = Phase::Lost;
        }
    }

    /// When something is due.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        self.open.as_ref().map(Open::due)
    }

    /// What time alone brings about.
    pub(super) fn tick(&mut self, now: Moment, pending: &mut Pending) -> Outcome {
        let Some(open) = self.open.as_mut().filter(|open| open.due().steady <= now.steady) else {
            return Outcome::default();
        };
        open.phase = match open.phase {
            Phase::Sent => Phase::Probing,
            Phase::Through(_) => Phase::Asked { at: now, again: false, doubted: None },
            Phase::Asked { again: false, doubted: Some(_), .. } => Phase::Asked { at: now, again: true, doubted: None },
            Phase::Probing | Phase::Asked { .. } | Phase::Lost => return self.end(Answer::NotAcknowledged, pending),
        };
        pending.setting_is_through();
        pending.set(now);
        Outcome { ask: true, ..Outcome::default() }
    }
}

impl Open {
    fn due(&self) -> Moment {
        match self.phase {
            Phase::Sent => self.since.after(SILENT),
            Phase::Probing => self.since.after(GIVEN_UP),
            Phase::Lost => self.since,
            Phase::Through(at) => at.after(ECHO),
            Phase::Asked { again: false, doubted: Some(at), .. } => at.after(DOUBTED),
            Phase::Asked { at, .. } => at.after(READ_LIMIT),
        }
    }
}

fn refused(why: &str) -> Answer {
    Answer::Refused(Refused::Other(why.to_owned()))
}
