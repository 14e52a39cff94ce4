//! Bolt, motor, thumb-turn and keypad.

use std::time::Duration;

use thumbturn_core::events::Method;
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::{How, Said};

use super::super::physical::{Pin, Position};
use super::super::physics::Word;
use super::radio::MOST_COMMANDS;
use super::{Air, Cause, End, Happening, Run, VirtualLock};

impl VirtualLock {
    pub(super) fn drive(&mut self, air: &mut Air<'_>, run: Run) {
        self.waiting.push_back(run);
        if self.motor.is_none() {
            self.start_next(air);
        }
    }

    fn start_next(&mut self, air: &mut Air<'_>) {
        while let Some(run) = self.waiting.pop_front() {
            if run.cause == Cause::Relock && self.bolt == Position::Locked {
                continue;
            }
            air.plan_in(run.takes, Happening::MotorStops { life: self.life });
            self.motor = Some(run);
            return;
        }
    }

    pub(super) fn motor_stops(&mut self, air: &mut Air<'_>, life: u32) {
        if life != self.life {
            return;
        }
        if let Some(run) = self.motor.take() {
            self.finish(air, run);
            self.drain(air);
        }
        self.start_next(air);
    }

    fn finish(&mut self, air: &mut Air<'_>, run: Run) {
        match run.end {
            End::Arrives => {
                let moved = self.move_bolt(air, run.wanted);
                self.relocks += u64::from(moved && run.cause == Cause::Relock);
                // Somebody may have locked the door while it locked itself: then that was the report.
                if moved || run.cause != Cause::Relock {
                    self.report(air, Said::At(run.wanted), run.cause.how(), run.mute);
                }
            }
            End::Jams => {
                self.bolt = Position::Jammed;
                self.relock.due = None;
                self.report(air, Said::Jammed, How::Untagged, run.mute);
            }
            End::Returns => self.report(air, Said::Obstructed, How::Untagged, run.mute),
        }
    }

    /// Brings the bolt to `to`; whether it moved.
    fn move_bolt(&mut self, air: &mut Air<'_>, to: Bolt) -> bool {
        let moved = self.bolt != Position::from(to);
        self.bolt = to.into();
        self.moves += u64::from(moved);
        match to {
            Bolt::Locked => self.relock.due = None,
            Bolt::Unlocked => self.plan_relock(air),
        }
        moved
    }

    pub(in crate::sandbox) fn turn_by_hand(&mut self, air: &mut Air<'_>, to: Bolt) {
        if self.move_bolt(air, to) {
            self.report(air, Said::At(to), How::Tagged(Method::Manual, None), false);
        }
    }

    pub(in crate::sandbox) const fn has_keypad(&self) -> bool {
        !self.codes.is_empty()
    }

    pub(in crate::sandbox) fn type_pin(&mut self, air: &mut Air<'_>, pin: &Pin) {
        if !self.powered {
            return;
        }
        let slot = self.codes.iter().find(|code| code.pin == *pin).map(|code| code.slot);
        match slot {
            Some(slot) if self.waiting.len() < MOST_COMMANDS => {
                let takes = self.travel();
                let cause = Cause::Keypad(slot);
                self.drive(air, Run { cause, wanted: Bolt::Unlocked, takes, end: End::Arrives, mute: false });
            }
            Some(_) => {}
            None if self.on_air() => air.emit(Word::Denied("unknown_code")),
            None => {}
        }
    }

    fn plan_relock(&mut self, air: &mut Air<'_>) {
        if self.settings.relock_after_s == 0 || !self.powered {
            return;
        }
        let due = air.at.after(Duration::from_secs(self.settings.relock_after_s));
        self.relock.due = Some(due);
        if self.relock.planned.is_none_or(|planned| planned.steady > due.steady) {
            self.relock.planned = Some(due);
            air.plan(due, Happening::Relock);
        }
    }

    pub(super) fn relock_now(&mut self, air: &mut Air<'_>) {
        if self.relock.planned.is_none_or(|planned| planned.steady > air.at.steady) {
            return;
        }
        self.relock.planned = None;
        match self.relock.due {
            Some(due) if due.steady > air.at.steady => {
                self.relock.planned = Some(due);
                air.plan(due, Happening::Relock);
            }
            Some(_) => {
                self.relock.due = None;
                let takes = self.travel();
                let cause = Cause::Relock;
                self.drive(air, Run { cause, wanted: Bolt::Locked, takes, end: End::Arrives, mute: false });
            }
            None => {}
        }
    }
}
