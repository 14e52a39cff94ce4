//! What is physically true of one lock, whatever anybody says of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::Bolt;

/// Where a bolt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    At(Bolt),
    Stuck,
}

/// What moved it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mover {
    Nobody,
    Command(AttemptId),
    Hand,
}

#[derive(Clone, Copy, Debug)]
struct Stay {
    since: Duration,
    place: Place,
    mover: Mover,
}

/// How many movements are remembered, and how many lines of what happened.
const MOVES_KEPT: usize = 64;
const LINES_KEPT: usize = 60;

/// What the server has heard of where a bolt is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Words {
    locked: Option<Duration>,
    unlocked: Option<Duration>,
    /// When it last heard something new that was true at that moment.
    pub(crate) newest: Option<Duration>,
}

impl Words {
    /// When `bolt` was last said to be its place; for the answer to a read: when that was asked.
    pub(crate) const fn of(&self, bolt: Bolt) -> Option<Duration> {
        match bolt {
            Bolt::Locked => self.locked,
            Bolt::Unlocked => self.unlocked,
        }
    }

    pub(crate) fn hear(&mut self, bolt: Bolt, at: Duration) {
        let last = match bolt {
            Bolt::Locked => &mut self.locked,
            Bolt::Unlocked => &mut self.unlocked,
        };
        *last = (*last).max(Some(at));
    }
}

/// The truth about one bolt.
#[derive(Debug)]
pub(crate) struct Door {
    stays: VecDeque<Stay>,
    lines: VecDeque<String>,
    /// Until when something that happened to it excuses an attempt that does not end as a confirmed success.
    pub(crate) disturbed_until: Duration,
    /// Whether its last movement was told to nobody.
    pub(crate) unheard: bool,
    /// When one was told again.
    heard_again: Duration,
    /// Where and when the server last heard that a hand, a code or the lock itself had moved it.
    pub(crate) told_by_other: Option<(Place, Duration)>,
    /// What the server has heard of where it is.
    pub(crate) words: Words,
    /// The last commands that its lock or hub accepted, and those that its motor ran for.
    accepted: VecDeque<AttemptId>,
    ran: VecDeque<AttemptId>,
}

impl Door {
    pub(crate) fn new(bolt: Bolt) -> Self {
        let first = Stay { since: Duration::ZERO, place: Place::At(bolt), mover: Mover::Nobody };
        Self {
            stays: VecDeque::from([first]),
            lines: VecDeque::new(),
            disturbed_until: Duration::ZERO,
            unheard: false,
            heard_again: Duration::ZERO,
            told_by_other: None,
            words: Words::default(),
            accepted: VecDeque::new(),
            ran: VecDeque::new(),
        }
    }

    pub(crate) fn place(&self) -> Place {
        self.stays.back().map_or(Place::Stuck, |stay| stay.place)
    }

    pub(crate) fn is_at(&self, bolt: Bolt) -> bool {
        self.place() == Place::At(bolt)
    }

    pub(crate) fn go(&mut self, place: Place, mover: Mover, now: Duration) {
        if self.place() != place {
            self.stays.push_back(Stay { since: now, place, mover });
            if self.stays.len() > MOVES_KEPT {
                self.stays.pop_front();
            }
        }
    }

    /// The stays that touch the time from `from` to `to`.
    fn within(&self, from: Duration, to: Duration) -> impl Iterator<Item = &Stay> {
        let ends = self.stays.iter().skip(1).map(|next| next.since).chain([Duration::MAX]);
        self.stays.iter().zip(ends).filter(move |(stay, end)| stay.since <= to && *end >= from).map(|(stay, _)| stay)
    }

    /// Whether the bolt was there at any moment from `from` to `to`.
    pub(crate) fn was(&self, place: Place, from: Duration, to: Duration) -> bool {
        self.within(from, to).any(|stay| stay.place == place)
    }

    /// Whether it was anywhere else at any moment from `from` to `to`.
    pub(crate) fn was_elsewhere(&self, bolt: Bolt, from: Duration, to: Duration) -> bool {
        self.within(from, to).any(|stay| stay.place != Place::At(bolt))
    }

    /// Whether a command of ours moved it between the two moments.
    pub(crate) fn moved_by(&self, attempt: AttemptId) -> bool {
        self.stays.iter().any(|stay| stay.mover == Mover::Command(attempt))
    }

    /// When a command of ours last moved it.
    pub(crate) fn came_by(&self, attempt: AttemptId) -> Option<Duration> {
        self.stays.iter().rev().find(|stay| stay.mover == Mover::Command(attempt)).map(|stay| stay.since)
    }

    /// Whether every way in which it came there from `from` to `to` was another's doing.
    pub(crate) fn only_others_moved_it(&self, bolt: Bolt, from: Duration, to: Duration) -> bool {
        self.within(from, to).filter(|stay| stay.place == Place::At(bolt)).all(|stay| stay.mover == Mover::Hand)
    }

    /// Excuses an attempt that runs at `until`.
    pub(crate) fn disturb(&mut self, until: Duration) {
        self.disturbed_until = self.disturbed_until.max(until);
    }

    /// Its place was told, and came through to its hub.
    pub(crate) fn came_through(&mut self, said: Place, now: Duration) {
        if self.unheard && said == self.place() {
            self.unheard = false;
            self.heard_again = now;
        }
    }

    /// Whether its last movement up to `asked` was told to nobody.
    pub(crate) fn was_unheard(&self, asked: Duration) -> bool {
        self.unheard || self.heard_again >= asked
    }

    pub(crate) fn accept(&mut self, attempt: AttemptId) {
        keep(&mut self.accepted, attempt);
    }

    pub(crate) fn was_accepted(&self, attempt: AttemptId) -> bool {
        self.accepted.contains(&attempt)
    }

    pub(crate) fn run(&mut self, attempt: AttemptId) {
        keep(&mut self.ran, attempt);
    }

    pub(crate) fn ran_for(&self, attempt: AttemptId) -> bool {
        self.ran.contains(&attempt)
    }

    /// Notes what happened, for the story of an untrue answer.
    pub(crate) fn line(&mut self, now: Duration, what: impl std::fmt::Display) {
        self.lines.push_back(format!("{:>10.3} s  {what}", now.as_secs_f64()));
        if self.lines.len() > LINES_KEPT {
            self.lines.pop_front();
        }
    }

    pub(crate) fn story(&self) -> String {
        self.lines.iter().map(|line| format!("    {line}\n")).collect()
    }
}

fn keep(attempts: &mut VecDeque<AttemptId>, attempt: AttemptId) {
    attempts.push_back(attempt);
    if attempts.len() > MOVES_KEPT {
        attempts.pop_front();
    }
}

/// A door that its lock, its hub, people and the judge look at.
#[derive(Clone, Debug)]
pub(crate) struct SharedDoor(Arc<Mutex<Door>>);

impl SharedDoor {
    pub(crate) fn new(bolt: Bolt) -> Self {
        Self(Arc::new(Mutex::new(Door::new(bolt))))
    }

    pub(crate) fn look(&self) -> MutexGuard<'_, Door> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
