//! One lock: its bolt, and what it does when it is told something.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::spec::{Faults, LockSpec, Place, Truth};

/// How long after a command without a motor's time the lock says that it is done.
const AT_ONCE: Duration = Duration::from_millis(2);

/// A lock.
pub(super) struct Lock {
    pub(super) spec: LockSpec,
    pub(super) faults: Faults,
    pub(super) truth: Truth,
}

/// What becomes of a command.
pub(super) enum Course {
    /// Nobody answers.
    Silence,
    /// The integration is told a problem.
    Problem(&'static str),
    /// It is taken, and this happens, each after so long.
    Taken(Vec<(Duration, Event)>),
}

/// What happens at a lock.
pub(super) enum Event {
    /// It says this state.
    Says(&'static str),
    /// Its bolt arrives.
    Arrives(Place),
}

impl Lock {
    pub(super) fn new(spec: LockSpec) -> Self {
        let truth = Truth {
            bolt: Place::Locked,
            moves: 0,
            commands: Vec::new(),
            reads: 0,
            codes: BTreeMap::new(),
            code_writes: 0,
        };
        Self { spec, faults: Faults::default(), truth }
    }

    /// What it would say now.
    pub(super) fn says(&self) -> Value {
        json!({"state": self.truth.bolt.word(), "available": !self.faults.unreachable})
    }

    /// A command came.
    pub(super) fn command(&mut self, to: Place, code: Option<String>) -> Course {
        if self.faults.unreachable {
            return Course::Silence;
        }
        self.truth.commands.push((to, code));
        if self.faults.refuse {
            return Course::Problem("The lock refused");
        }
        if self.faults.idle {
            return Course::Taken(Vec::new());
        }
        let to = if self.faults.jam { Place::Stuck } else { to };
        Course::Taken(self.course(to))
    }

    fn course(&self, to: Place) -> Vec<(Duration, Event)> {
        let motor = self.faults.motor.unwrap_or(self.spec.motor);
        let moving = if to == Place::Unlocked { "unlocking" } else { "locking" };
        let done = motor.max(AT_ONCE);
        let mut course = vec![(done, Event::Arrives(to))];
        if self.faults.mute || self.spec.assumed {
            return course;
        }
        if motor > Duration::ZERO && !self.faults.reordered {
            course.insert(0, (Duration::ZERO, Event::Says(moving)));
        }
        if let Some(after) = self.faults.flip_flop {
            course.insert(1, (after, Event::Says(self.truth.bolt.word())));
        }
        course.push((done, Event::Says(to.word())));
        if self.faults.reordered {
            course.push((done, Event::Says(moving)));
        }
        for _ in 0..self.faults.repeats {
            course.push((done, Event::Says(to.word())));
        }
        if let Some(after) = self.faults.repeats_after {
            course.push((done + after, Event::Says(to.word())));
        }
        course
    }

    /// A slot is written to: a code, or none. Whether the lock took it the integration does not tell.
    pub(super) fn write_code(&mut self, slot: u32, code: Option<String>) -> Course {
        if self.faults.unreachable {
            return Course::Silence;
        }
        self.truth.code_writes += 1;
        if !self.faults.refuse && !self.faults.idle {
            match code {
                Some(code) => drop(self.truth.codes.insert(slot, code)),
                None => drop(self.truth.codes.remove(&slot)),
            }
        }
        Course::Taken(Vec::new())
    }

    /// The bolt comes somewhere.
    pub(super) fn arrives(&mut self, at: Place) {
        if self.truth.bolt != at && at != Place::Stuck {
            self.truth.moves += 1;
        }
        self.truth.bolt = at;
    }
}
