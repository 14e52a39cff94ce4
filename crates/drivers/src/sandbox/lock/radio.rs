//! The radio of a lock: commands and reads on their way in, answers and reports on their way out.

use std::time::Duration;

use thumbturn_core::events::Method;
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::Reachability;
use thumbturn_core::ports::{Answer, How, ReadId, Refused, Said};
use thumbturn_core::time::Moment;

use super::super::fate::{Deed, Fate};
use super::super::physics::{Command, NotTaken, Word};
use super::super::script::Step;
use super::super::settings::Times;
use super::{Air, Cause, End, Happening, Run, VirtualLock};

/// How many commands a lock's hub and the lock itself hold together.
pub(super) const MOST_COMMANDS: usize = 32;
/// How many reads may be on their way to one lock.
const MOST_READS: usize = 32;
/// How many repeats of one lock's reports the hub keeps.
const MOST_REPEATS: usize = 64;

impl VirtualLock {
    pub(super) const fn on_air(&self) -> bool {
        self.powered && !self.silent && !self.cut && !self.hub_lost && !self.removed
    }

    /// Whether the hub knows that the lock cannot be reached.
    fn check_reach(&self) -> Result<(), NotTaken> {
        if self.hub.reach == Reachability::Reachable { Ok(()) } else { Err(NotTaken::Unreachable) }
    }

    /// Makes room for one more command on its way; how long it will be under way in all.
    pub(super) fn take_command(&mut self) -> Result<Duration, NotTaken> {
        self.check_reach()?;
        if self.commands_in_air + self.waiting.len() >= MOST_COMMANDS {
            return Err(NotTaken::QueueFull);
        }
        self.commands_in_air += 1;
        Ok(self.travel())
    }

    /// A command arrives; `None` if nobody is there to take it, otherwise the step of the script that it uses up.
    pub(super) fn command_arrives(&mut self, air: &mut Air<'_>, attempt: AttemptId, life: u32) -> Option<Option<Step>> {
        self.commands_in_air = self.commands_in_air.saturating_sub(1);
        if !self.powered || life != self.life {
            air.emit(Word::Answered(attempt, Answer::NotAcknowledged));
            return None;
        }
        if !self.on_air() {
            return None;
        }
        self.commands += 1;
        let step = self.use_step(air);
        if self.unpaid {
            let why = Refused::Other("the lock's paid subscription has ended".to_owned());
            air.emit(Word::Answered(attempt, Answer::Refused(why)));
            return None;
        }
        Some(step)
    }

    /// When a word sent now reaches the lock, if its way takes `way`.
    pub(super) fn arrival(&mut self, now: Moment, way: Duration) -> Moment {
        let arrival = now.after(way);
        let arrival = self.last_arrival.filter(|last| last.steady > arrival.steady).unwrap_or(arrival);
        self.last_arrival = Some(arrival);
        arrival
    }

    pub(super) fn travel(&mut self) -> Duration {
        self.chance.around(self.settings.latency_ms, self.settings.jitter_ms)
    }

    pub(in crate::sandbox) fn command(&mut self, air: &mut Air<'_>, command: Command) -> Result<(), NotTaken> {
        let travel = self.take_command()?;
        let way = travel / 4;
        let arrival = self.arrival(air.at, way);
        air.plan(arrival, Happening::Arrive { command, motor: travel.saturating_sub(way), life: self.life });
        Ok(())
    }

    pub(in crate::sandbox) fn ask(&mut self, air: &mut Air<'_>, read: ReadId) -> Result<(), NotTaken> {
        self.check_reach()?;
        if self.reads_in_air >= MOST_READS {
            return Err(NotTaken::QueueFull);
        }
        self.reads_in_air += 1;
        let way = self.travel() / 4;
        let arrival = self.arrival(air.at, way);
        air.plan(arrival, Happening::Asked(read));
        Ok(())
    }

    pub(in crate::sandbox) fn happen(&mut self, air: &mut Air<'_>, what: Happening) {
        match what {
            Happening::Arrive { command, motor, life } => self.arrive(air, command, motor, life),
            Happening::Configure { attempt, auto_lock, life } => self.configured(air, attempt, auto_lock, life),
            Happening::MotorStops { life } => self.motor_stops(air, life),
            Happening::Relock => self.relock_now(air),
            Happening::Asked(read) => self.asked(air, read),
            Happening::Repeat { said, how, sequence } => self.repeat(air, said, how, sequence),
            Happening::Notice => self.notice(air),
            Happening::Script => self.play_on(air),
        }
    }

    fn arrive(&mut self, air: &mut Air<'_>, command: Command, motor: Duration, life: u32) {
        let Some(step) = self.command_arrives(air, command.attempt, life) else { return };
        let fate = match step {
            Some(step) => Fate::of(step.fault),
            None => Fate::draw(&mut self.settings.faults, self.settings.odds, &mut self.chance),
        };
        self.silent = fate.offline;
        self.answer(air, command, &fate);
        let end = match fate.deed {
            Deed::Obey => End::Arrives,
            Deed::Jam => End::Jams,
            Deed::Obstruct => End::Returns,
            Deed::Refuse | Deed::Privacy | Deed::Lie | Deed::Ignore => return,
        };
        let (cause, wanted, mute) = (Cause::Command, command.wanted, fate.mute);
        self.drive(air, Run { cause, wanted, takes: motor, end, mute, attempt: None });
    }

    fn answer(&self, air: &mut Air<'_>, command: Command, fate: &Fate) {
        if !self.on_air() {
            return;
        }
        let answer = match fate.deed {
            Deed::Refuse => Answer::Refused(Refused::Other("the lock refused the command".to_owned())),
            Deed::Privacy => Answer::Refused(Refused::PrivacyMode),
            _ if !fate.acknowledged => Answer::NotAcknowledged,
            _ => Answer::Accepted,
        };
        if fate.deed == Deed::Lie {
            air.emit_said(Said::At(command.wanted), How::Assumed, None);
        }
        air.emit(Word::Answered(command.attempt, answer));
        if fate.stale {
            air.emit_said(self.hub.said, How::Untagged, None);
        }
    }

    fn asked(&mut self, air: &mut Air<'_>, read: ReadId) {
        self.reads_in_air = self.reads_in_air.saturating_sub(1);
        if !self.on_air() {
            air.emit(Word::ReadFailed(read));
            return;
        }
        self.hub.said = self.bolt.said();
        air.emit_said(self.hub.said, How::Read(read), None);
    }

    pub(super) fn report(&mut self, air: &mut Air<'_>, said: Said, how: How, mute: bool) {
        if mute || self.settings.faults.mute == Times::Always {
            return;
        }
        self.reports += 1;
        if !self.on_air() {
            // Without power nothing is kept either.
            if self.powered && matches!(how, How::Tagged(Method::Keycode | Method::Manual, _)) {
                self.keep_report(air.at, said, how);
            }
            return;
        }
        if said != Said::Obstructed {
            self.hub.said = said;
        }
        air.emit_said(said, how, Some(self.reports));
        self.plan_repeat(air, said, how);
    }

    fn plan_repeat(&mut self, air: &mut Air<'_>, said: Said, how: How) {
        let after_ms = self.settings.faults.repeat_after_ms;
        if after_ms == 0 || self.repeats_kept >= MOST_REPEATS || !self.chance.strikes(self.settings.odds.repeat) {
            return;
        }
        self.repeats_kept += 1;
        air.plan_in(Duration::from_millis(after_ms), Happening::Repeat { said, how, sequence: self.reports });
    }

    fn repeat(&mut self, air: &mut Air<'_>, said: Said, how: How, sequence: u64) {
        self.repeats_kept = self.repeats_kept.saturating_sub(1);
        if self.on_air() {
            air.emit_said(said, how, Some(sequence));
        }
    }
}
