//! The script of a lock: its steps, and what used steps still have in store.

use std::collections::VecDeque;
use std::time::Duration;

use thumbturn_core::time::Moment;

use super::super::script::{Step, Then};
use super::{Air, Happening, VirtualLock};

#[derive(Default)]
pub(super) struct Script {
    left: VecDeque<Step>,
    /// What used steps still have in store, earliest first; not more than a script has steps.
    to_come: Vec<(Moment, Step)>,
    /// When the agenda looks here next: at most once, however much is to come.
    planned: Option<Moment>,
}

impl Script {
    /// A new script takes the place of all of the old one, also of what that still had in store.
    pub(super) fn replace(&mut self, steps: &[Step]) {
        self.left = steps.iter().copied().collect();
        self.to_come.clear();
    }

    pub(super) fn left(&self) -> Vec<Step> {
        self.left.iter().copied().collect()
    }
}

impl VirtualLock {
    /// A command has reached the lock and uses up a step, if one is left.
    pub(super) fn use_step(&mut self, air: &mut Air<'_>) -> Option<Step> {
        let step = self.script.left.pop_front()?;
        if step.then.is_some() || step.battery_level.is_some() {
            let due = air.at.after(Duration::from_millis(step.after_ms));
            let place = self.script.to_come.partition_point(|(other, _)| other.steady <= due.steady);
            self.script.to_come.insert(place, (due, step));
            self.plan_script(air);
        }
        Some(step)
    }

    fn plan_script(&mut self, air: &mut Air<'_>) {
        let Some((due, _)) = self.script.to_come.first() else { return };
        if self.script.planned.is_none_or(|planned| planned.steady > due.steady) {
            self.script.planned = Some(*due);
            air.plan(*due, Happening::Script);
        }
    }

    /// What a used step had in store may be due.
    pub(super) fn play_on(&mut self, air: &mut Air<'_>) {
        if self.script.planned.is_none_or(|planned| planned.steady > air.at.steady) {
            return;
        }
        self.script.planned = None;
        let due = self.script.to_come.partition_point(|(due, _)| due.steady <= air.at.steady);
        for (_, step) in self.script.to_come.drain(..due).collect::<Vec<_>>() {
            self.play(air, step);
        }
        self.plan_script(air);
    }

    fn play(&mut self, air: &mut Air<'_>, step: Step) {
        if let Some(level) = step.battery_level {
            self.set_battery(air, level);
        }
        match step.then {
            Some(Then::Turn(to)) => self.turn_by_hand(air, to),
            Some(Then::PowerOff) => self.power_off(air),
            Some(Then::PowerOn) => self.power_on(air),
            None => {}
        }
    }
}
