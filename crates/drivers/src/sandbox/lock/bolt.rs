//! Bolt, motor, thumb-turn, and when the lock locks itself.

use std::time::Duration;

use thumbturn_core::commands::AutoLock;
use thumbturn_core::events::Method;
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::{Answer, How, Refused, Said};

use super::super::physical::Position;
use super::super::physics::{NotTaken, Word};
use super::super::script::StepFault;
use super::{Air, Cause, End, Happening, Run, VirtualLock, seconds};

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
                if moved || matches!(run.cause, Cause::Command | Cause::Keypad(_)) {
                    self.report(air, Said::At(run.wanted), run.cause.how(), run.mute);
                }
                if let Some(attempt) = run.attempt {
                    air.emit(Word::Answered(attempt, Answer::Accepted));
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

    pub(super) fn auto_lock(&self) -> AutoLock {
        match u32::try_from(self.settings.relock_after_s).unwrap_or(u32::MAX) {
            0 => AutoLock::Off,
            seconds => AutoLock::After(seconds),
        }
    }

    pub(in crate::sandbox) fn configure(
        &mut self,
        air: &mut Air<'_>,
        attempt: AttemptId,
        auto_lock: AutoLock,
    ) -> Result<(), NotTaken> {
        let way = self.take_command()? / 4;
        let arrival = self.arrival(air.at, way);
        air.plan(arrival, Happening::Configure { attempt, auto_lock, life: self.life });
        Ok(())
    }

    /// A new auto-lock arrives. Of the faults those strike it that do not need a bolt.
    pub(super) fn configured(&mut self, air: &mut Air<'_>, attempt: AttemptId, auto_lock: AutoLock, life: u32) {
        let Some(step) = self.command_arrives(air, attempt, life) else { return };
        let faults = &mut self.settings.faults;
        let (refuses, ignores, offline) = match step {
            Some(step) => {
                [StepFault::Refuse, StepFault::Ignore, StepFault::Offline].map(|one| step.fault == Some(one)).into()
            }
            None => (faults.refuse.take(), faults.ignore.take(), faults.offline.take()),
        };
        self.silent = offline;
        if refuses {
            let why = Refused::Other("the lock refused the setting".to_owned());
            air.emit(Word::Answered(attempt, Answer::Refused(why)));
        } else if !ignores {
            self.settings.relock_after_s = seconds(auto_lock);
            self.wake(air);
            self.tell_auto_lock(air);
            if self.on_air() {
                air.emit(Word::Answered(attempt, Answer::Accepted));
            }
        }
    }

    /// Keeps to what is set, and tells it where it is news.
    pub(super) fn tell_auto_lock(&mut self, air: &mut Air<'_>) {
        if self.settings.relock_after_s == 0 {
            self.relock.due = None;
        }
        if self.on_air() && self.hub.auto_lock != self.auto_lock() {
            self.hub.auto_lock = self.auto_lock();
            air.emit(Word::AutoLock(self.hub.auto_lock));
        }
    }

    /// A door that stands open is locked in time, as if it had been opened now.
    pub(in crate::sandbox) fn wake(&mut self, air: &mut Air<'_>) {
        if self.bolt == Position::Unlocked {
            self.plan_relock(air);
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
                let (cause, wanted, end) = (Cause::Relock, Bolt::Locked, End::Arrives);
                self.drive(air, Run { cause, wanted, takes, end, mute: false, attempt: None });
            }
            None => {}
        }
    }
}
