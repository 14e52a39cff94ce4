//! The keypad: PINs, the lock button, and what the lock keeps for itself while nobody hears it.

use std::collections::VecDeque;
use std::time::Duration;

use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::Bolt;
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::{Answer, How, Refused, Said};
use thumbturn_core::time::Moment;

use super::super::physics::Word;
use super::radio::MOST_COMMANDS;
use super::{Air, Cause, End, Run, VirtualLock};

/// With so many wrong PINs in a row the keypad goes dead.
const MOST_WRONG: u32 = 5;
/// For so long.
const DEAD_FOR: Duration = Duration::from_secs(60);
/// How many things a lock keeps that nobody has heard; the oldest go first.
const MOST_KEPT: usize = 32;

#[derive(Default)]
pub(super) struct Keypad {
    /// Wrong PINs since the last right one.
    wrong: u32,
    dead_until: Option<Moment>,
    kept: VecDeque<(Moment, Word)>,
}

impl VirtualLock {
    pub(in crate::sandbox) const fn has_keypad(&self) -> bool {
        !self.codes.is_empty()
    }

    /// A PIN is typed, perhaps for an attempt that is to hear what came of it.
    pub(in crate::sandbox) fn type_pin(&mut self, air: &mut Air<'_>, pin: &Pin, attempt: Option<AttemptId>) {
        if let Some(why) = self.dead_keypad(air.at) {
            answer(air, attempt, Answer::Refused(why));
            return;
        }
        let slot = self.codes.iter().find(|code| code.pin == *pin).map(|code| code.slot);
        match slot {
            Some(slot) => {
                self.keypad.wrong = 0;
                self.press(air, Cause::Keypad(slot), Bolt::Unlocked, attempt);
            }
            None => self.wrong_pin(air, attempt),
        }
    }

    /// The lock button is pressed.
    pub(in crate::sandbox) fn press_lock(&mut self, air: &mut Air<'_>, attempt: AttemptId) {
        match self.dead_keypad(air.at).filter(|why| *why != Refused::TooManyAttempts) {
            Some(why) => answer(air, Some(attempt), Answer::Refused(why)),
            None => self.press(air, Cause::LockButton, Bolt::Locked, Some(attempt)),
        }
    }

    fn press(&mut self, air: &mut Air<'_>, cause: Cause, wanted: Bolt, attempt: Option<AttemptId>) {
        if self.waiting.len() >= MOST_COMMANDS {
            answer(air, attempt, Answer::Refused(Refused::Other("the lock is busy".to_owned())));
            return;
        }
        let takes = self.travel();
        self.drive(air, Run { cause, wanted, takes, end: End::Arrives, mute: false, attempt });
    }

    /// Why the keypad takes nothing now.
    fn dead_keypad(&self, at: Moment) -> Option<Refused> {
        if !self.powered {
            return Some(Refused::Other("the lock has no power".to_owned()));
        }
        self.keypad.dead_until.filter(|until| !at.reached(*until)).map(|_| Refused::TooManyAttempts)
    }

    fn wrong_pin(&mut self, air: &mut Air<'_>, attempt: Option<AttemptId>) {
        self.keypad.wrong += 1;
        let (reason, why) = if self.keypad.wrong >= MOST_WRONG {
            self.keypad.wrong = 0;
            self.keypad.dead_until = Some(air.at.after(DEAD_FOR));
            ("too_many_attempts", Refused::TooManyAttempts)
        } else {
            ("unknown_code", Refused::UnknownCode)
        };
        if self.on_air() {
            air.emit(Word::Denied(reason));
        } else {
            self.keep(air.at, Word::Denied(reason));
        }
        answer(air, attempt, Answer::Refused(why));
    }

    /// Keeps what was done at the keypad until somebody hears it.
    pub(super) fn keep_report(&mut self, at: Moment, said: Said, how: How) {
        self.keep(at, Word::Said { said, how, sequence: Some(self.reports) });
    }

    fn keep(&mut self, at: Moment, word: Word) {
        if self.keypad.kept.len() >= MOST_KEPT {
            self.keypad.kept.pop_front();
        }
        self.keypad.kept.push_back((at, word));
    }

    /// Tells what was kept.
    pub(super) fn tell_kept(&mut self, air: &mut Air<'_>) {
        for (at, word) in self.keypad.kept.drain(..) {
            air.emit(Word::Kept(at, Box::new(word)));
        }
    }

    /// Without power a keypad forgets its counts.
    pub(super) const fn forget_wrong_pins(&mut self) {
        self.keypad.wrong = 0;
        self.keypad.dead_until = None;
    }
}

fn answer(air: &mut Air<'_>, attempt: Option<AttemptId>, answer: Answer) {
    if let Some(attempt) = attempt {
        air.emit(Word::Answered(attempt, answer));
    }
}
