//! One lock: its bolt, and what it does when it is told something.

use std::collections::BTreeMap;
use std::time::Duration;

use super::spec::{By, Faults, LockSpec, Place, Truth};
use super::zcl::{self, Message, general};
use super::zdo::Address;

/// The attribute that tells where a bolt is.
const LOCK_STATE: u16 = 0x0000;

/// The attribute that tells after how many seconds it locks itself.
const AUTO_LOCK: u16 = 0x0023;

/// Something moved the bolt.
const OPERATION_EVENT: u8 = 0x20;

/// Nobody's code.
const NO_USER: u16 = 0xffff;

/// Who does something, in a lock's events.
pub(super) const BY_KEYPAD: u8 = 0;
pub(super) const BY_RADIO: u8 = 1;
pub(super) const BY_HAND: u8 = 2;

/// A wrong code was entered.
const UNLOCK_FAILURE: u8 = 5;

/// A lock.
pub(super) struct Lock {
    pub(super) spec: LockSpec,
    pub(super) at: Address,
    pub(super) faults: Faults,
    pub(super) truth: Truth,
    pub(super) has_joined: bool,
    battery: u8,
    /// The number of the last message of its own.
    number: u8,
    /// The last command, by its number: the hub repeats it as it was.
    last: Option<(u8, Place)>,
}

/// What becomes of a message.
pub(super) enum Course {
    /// Nobody takes it.
    Unacknowledged,
    /// It is taken, and this happens, each after so long.
    Taken(Vec<(Duration, Event)>),
}

/// What happens at a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// It says this, in this cluster.
    Says(u16, Vec<u8>),
    /// Its bolt arrives.
    Arrives(Place),
}

impl Lock {
    pub(super) fn new(spec: LockSpec, at: Address) -> Self {
        let truth = Truth {
            bolt: spec.bolt,
            moves: 0,
            motor_runs: 0,
            commands: Vec::new(),
            repeated_commands: 0,
            reads: 0,
            auto_lock: spec.auto_lock,
            codes: BTreeMap::new(),
            code_writes: 0,
            code_reads: 0,
        };
        let (faults, battery) = (Faults::default(), spec.battery);
        Self { spec, at, faults, truth, has_joined: false, battery, number: 0, last: None }
    }

    /// The hub says something to it.
    pub(super) fn hear(&mut self, message: &Message) -> Course {
        if self.faults.unreachable {
            return Course::Unacknowledged;
        }
        if self.faults.silent {
            return Course::Taken(Vec::new());
        }
        Course::Taken(match (message.cluster, message.is_for_cluster, message.command) {
            (_, false, _) => self.hear_general(message),
            (zcl::DOOR_LOCK, true, 0) => self.command(message, Place::Locked),
            (zcl::DOOR_LOCK, true, 1) => self.command(message, Place::Unlocked),
            (zcl::DOOR_LOCK, true, _) => self.hear_keypad(message),
            _ => at_once(message.cluster, message.not_understood()),
        })
    }

    fn hear_general(&mut self, message: &Message) -> Vec<(Duration, Event)> {
        let answer = match message.command {
            general::READ => {
                let is_of_bolt = message.cluster == zcl::DOOR_LOCK && message.asked_for().contains(&LOCK_STATE);
                self.truth.reads += usize::from(is_of_bolt);
                if self.faults.unreadable {
                    return Vec::new();
                }
                message.attributes(|id| self.attribute(message.cluster, id))
            }
            general::WRITE => self.write_attribute(message),
            general::CONFIGURE_REPORTS => message.general_answer(general::CONFIGURE_REPORTS_ANSWER, &[0]),
            general::DEFAULT_ANSWER => return Vec::new(),
            _ => message.not_understood(),
        };
        at_once(message.cluster, answer)
    }

    fn attribute(&self, cluster: u16, id: u16) -> Option<Vec<u8>> {
        Some(match (cluster, id) {
            (zcl::BASIC, 0) => zcl::byte(3),
            (zcl::BASIC, 1..=3) => zcl::byte(1),
            (zcl::BASIC, 4) => zcl::text(self.spec.maker),
            (zcl::BASIC, 5) => zcl::text(self.spec.model),
            (zcl::BASIC, 6) => zcl::text("20240101"),
            // A battery.
            (zcl::BASIC, 7) => zcl::choice(3),
            (zcl::BASIC, 0x4000) => zcl::text("2.17.0"),
            (zcl::POWER, 0x21) => zcl::byte(self.battery * 2),
            (zcl::POWER, 0x3e) => vec![0x1b, 0, 0, 0, 0],
            (zcl::DOOR_LOCK, LOCK_STATE) => zcl::choice(self.truth.bolt as u8),
            (zcl::DOOR_LOCK, AUTO_LOCK) => zcl::long(self.truth.auto_lock),
            _ => return None,
        })
    }

    fn write_attribute(&mut self, message: &Message) -> Vec<u8> {
        let seconds = message.long_to_write().filter(|(id, _)| (message.cluster, *id) == (zcl::DOOR_LOCK, AUTO_LOCK));
        let Some((id, seconds)) = seconds else { return message.written(None) };
        if self.faults.refuse {
            return message.written(Some(id));
        }
        if !self.faults.idle {
            self.truth.auto_lock = seconds;
        }
        message.written(None)
    }

    /// Somebody sets at the lock after how many seconds it locks itself, which it reports.
    pub(super) fn set_auto_lock(&mut self, seconds: u32) -> Vec<(Duration, Event)> {
        self.truth.auto_lock = seconds;
        let report = zcl::report(self.next_number(), AUTO_LOCK, &zcl::long(seconds));
        self.unless_away(vec![(Duration::ZERO, Event::Says(zcl::DOOR_LOCK, report))])
    }

    // --- The bolt -------------------------------------------------------------------------------------------------

    fn command(&mut self, message: &Message, to: Place) -> Vec<(Duration, Event)> {
        if self.last == Some((message.number, to)) {
            self.truth.repeated_commands += 1;
        } else {
            self.last = Some((message.number, to));
            self.truth.commands.push(to);
        }
        let mut course = Vec::new();
        if !self.faults.lost && !self.faults.lost_answer {
            let answer = message.answer(message.command, &[u8::from(self.faults.refuse)]);
            course.push((self.faults.answers_after.unwrap_or_default(), Event::Says(zcl::DOOR_LOCK, answer)));
        }
        if !self.faults.refuse && !self.faults.idle {
            course.extend(self.motion(to));
        }
        course.sort_by_key(|(after, _)| *after);
        course
    }

    /// The motor runs: to where it should, or it gets stuck.
    fn motion(&mut self, to: Place) -> Vec<(Duration, Event)> {
        self.truth.motor_runs += 1;
        let to = if self.faults.jam { Place::Stuck } else { to };
        let motor = self.faults.motor.unwrap_or(self.spec.motor);
        let mut course = vec![(motor, Event::Arrives(to))];
        if !self.faults.lost && !self.faults.mute {
            let cause = operation(to).filter(|_| self.spec.tells_cause);
            course.extend(self.telling(motor, to, cause.map(|how| (BY_RADIO, how, NO_USER))));
        }
        course
    }

    /// The bolt comes somewhere.
    pub(super) fn arrives(&mut self, at: Place) {
        if self.truth.bolt != at && at != Place::Stuck {
            self.truth.moves += 1;
        }
        self.truth.bolt = at;
    }

    /// What it says after so long of a bolt that came there, and of what moved it: by whom, how, with whose code.
    fn telling(&mut self, after: Duration, at: Place, cause: Option<(u8, u8, u16)>) -> Vec<(Duration, Event)> {
        let report = self.report(at);
        let cause = cause.map(|(by, how, user)| self.operation(by, how, user));
        let mut words: Vec<Event> = std::iter::once(report.clone()).chain(cause).collect();
        if self.faults.reordered {
            words.reverse();
        }
        let repeated = std::iter::repeat_n(words, 1 + self.faults.repeats).flatten();
        let mut telling: Vec<_> = repeated.map(|word| (after, word)).collect();
        telling.extend(self.faults.repeats_after.map(|later| (after + later, report)));
        telling
    }

    // --- At the door ----------------------------------------------------------------------------------------------

    /// Something at the door moves the bolt, and the lock tells of it.
    pub(super) fn turn(&mut self, to: Place, by: By) -> Vec<(Duration, Event)> {
        self.arrives(to);
        let is_locking = to == Place::Locked;
        let cause = match by {
            By::Hand => Some((BY_HAND, if is_locking { 0x0d } else { 0x0e }, NO_USER)),
            By::Itself => Some((BY_HAND, 0x0a, NO_USER)),
            By::Code(slot) => operation(to).map(|code| (BY_KEYPAD, code, slot)),
            By::Untold => None,
        };
        let telling = self.telling(Duration::ZERO, to, cause);
        self.unless_away(telling)
    }

    /// Somebody enters a wrong code.
    pub(super) fn wrong_code(&mut self) -> Vec<(Duration, Event)> {
        let told = vec![(Duration::ZERO, self.operation(BY_KEYPAD, UNLOCK_FAILURE, NO_USER))];
        self.unless_away(told)
    }

    /// It reports where its bolt is, true or not.
    pub(super) fn says(&mut self, at: Place) -> Vec<(Duration, Event)> {
        vec![(Duration::ZERO, self.report(at))]
    }

    /// Its battery has so many percent left, which it reports.
    pub(super) fn battery(&mut self, percent: u8) -> Vec<(Duration, Event)> {
        self.battery = percent;
        let report = zcl::report(self.next_number(), 0x21, &zcl::byte(percent * 2));
        vec![(Duration::ZERO, Event::Says(zcl::POWER, report))]
    }

    pub(super) fn unless_away(&self, course: Vec<(Duration, Event)>) -> Vec<(Duration, Event)> {
        if self.faults.unreachable || self.faults.lost { Vec::new() } else { course }
    }

    pub(super) fn next_number(&mut self) -> u8 {
        self.number = self.number.wrapping_add(1);
        self.number
    }

    fn report(&mut self, at: Place) -> Event {
        Event::Says(zcl::DOOR_LOCK, zcl::report(self.next_number(), LOCK_STATE, &zcl::choice(at as u8)))
    }

    fn operation(&mut self, by: u8, how: u8, user: u16) -> Event {
        let user = user.to_le_bytes();
        // Without the code, at no time, without further data.
        let data = [by, how, user[0], user[1], 0, 0, 0, 0, 0, 0];
        Event::Says(zcl::DOOR_LOCK, zcl::event(self.next_number(), OPERATION_EVENT, &data))
    }
}

/// How a lock calls a movement that it made itself; a bolt that got stuck made none.
const fn operation(to: Place) -> Option<u8> {
    match to {
        Place::Locked => Some(1),
        Place::Unlocked => Some(2),
        Place::Stuck => None,
    }
}

/// It answers without delay.
pub(super) fn at_once(cluster: u16, answer: Vec<u8>) -> Vec<(Duration, Event)> {
    vec![(Duration::ZERO, Event::Says(cluster, answer))]
}
