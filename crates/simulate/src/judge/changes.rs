//! Commits: each must tell one true story.

use std::time::Duration;

use thumbturn_core::attempts::Outcome;
use thumbturn_core::change::Change;
use thumbturn_core::devices::{Device, DeviceState};
use thumbturn_core::events::{Event, EventKind};
use thumbturn_core::ids::{AttemptId, DeviceId};
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::Clock;
use thumbturn_core::time::Moment;

use super::{Books, Judge, STALE};
use crate::door::Place;
use crate::town::lock::Manners;

/// How long after a movement it may be told: a first word waits for the end of the attempt that may have caused it.
const TOLD_LATE: Duration = Duration::from_secs(45);

/// What was heard has come to where it is known after this time, unless commits hold it up.
const WORKED_OFF: Duration = Duration::from_secs(1);

impl Judge {
    /// `change` is on disk. `asked` is when the engine gave it to the store.
    pub(crate) fn committed(&self, change: &Change, asked: Moment) {
        let now = self.clock.now();
        self.books().counts.commits += 1;
        match change {
            Change::AcceptAttempt { attempt, .. } => self.accepted(attempt, asked),
            Change::FinishAttempt { attempt, outcome, evidence, state, events, .. } => {
                let mut books = self.books();
                books.decided(*attempt, evidence);
                let story_fits = books.one_story(*attempt, outcome, state.as_ref(), events);
                let lock = books.cases.get(attempt).map_or(0, |case| case.lock);
                books.check(story_fits.is_ok(), lock, || {
                    format!("P6: {attempt} ended as {outcome:?}, and {}", story_fits.unwrap_or_else(|why| why))
                });
                if let Some((device, state)) = state {
                    books.state(*device, state, asked);
                }
                books.events(events, asked);
                books.ended(*attempt, outcome, now);
            }
            Change::DeviceChanged { device, state, events } => {
                let mut books = self.books();
                books.state(*device, state, asked);
                books.events(events, asked);
            }
            Change::DevicesFound { devices, events } => self.seen(devices, events, asked),
            Change::DeviceSeen { device, events } => self.seen(std::slice::from_ref(device), events, asked),
            _ => {}
        }
    }

    fn seen(&self, devices: &[Device], events: &[Event], asked: Moment) {
        let mut books = self.books();
        for device in devices {
            books.seen(device);
            books.state(device.id, &device.state, asked);
        }
        books.events(events, asked);
    }

    /// The store refused a change because a condition did not hold.
    pub(crate) fn conflict(&self, change: &Change, condition: &str) {
        if let Change::FinishAttempt { attempt, .. } = change {
            let mut books = self.books();
            let lock = books.cases.get(attempt).map(|case| case.lock);
            books.untrue(lock, &format!("P6: the end of {attempt} conflicts: {condition}"));
        }
    }
}

impl Books {
    fn seen(&mut self, device: &Device) {
        let Some(index) = self.locks.iter().position(|lock| lock.native == device.about.native) else { return };
        let known = self.by_device.insert(device.id, index);
        let is_new = known.is_none() && self.locks[index].route.is_some();
        self.locks[index].route = Some(device.route());
        self.check(!is_new, index, || "a lock became two devices".to_owned());
    }

    /// Attempt, state and events of one end fit each other.
    fn one_story(
        &self,
        id: AttemptId,
        outcome: &Outcome,
        state: Option<&(DeviceId, DeviceState)>,
        events: &[Event],
    ) -> Result<String, String> {
        let Some(case) = self.cases.get(&id) else { return Err("nobody accepted it".to_owned()) };
        let ends = events.iter().filter(|event| match event.kind {
            EventKind::AttemptEnded { attempt, succeeded, .. } => attempt == id && succeeded == outcome.succeeded(),
            _ => false,
        });
        let all_ends = events.iter().filter(|event| matches!(event.kind, EventKind::AttemptEnded { .. })).count();
        if ends.count() != 1 || all_ends != 1 {
            return Err("there is not exactly one action_attempt event".to_owned());
        }
        let naming = events.iter().filter(|event| named_by(event) == Some(id)).count();
        let moves = events.iter().filter(|event| matches!(event.kind, EventKind::LockMoved { .. })).count();
        let shown = match state {
            Some((_, state)) => state.bolt.filter(|_| state.fresh && state.jammed_since.is_none()),
            None => {
                let known = self.locks[case.lock].state.as_ref();
                known.and_then(|state| state.bolt.filter(|_| state.fresh && state.jammed_since.is_none()))
            }
        };
        match outcome {
            Outcome::Success { confirmed: true } if naming != 1 || moves != 1 => {
                Err(format!("{naming} lock events name it, of {moves}"))
            }
            Outcome::Success { confirmed: true } if shown != Some(case.wanted) => {
                Err(format!("the state with it is {shown:?}"))
            }
            Outcome::Success { confirmed: false } if moves > 0 || self.changes(case.lock, state) => {
                Err("it changes the state or tells of a movement".to_owned())
            }
            Outcome::Failure(_) if naming > 0 => Err("a lock event names it".to_owned()),
            _ => Ok(String::new()),
        }
    }

    fn changes(&self, lock: usize, state: Option<&(DeviceId, DeviceState)>) -> bool {
        state.is_some_and(|(_, state)| self.locks[lock].state.as_ref() != Some(state))
    }

    /// A state that says something new about the bolt says something that was true a moment ago.
    fn state(&mut self, device: DeviceId, state: &DeviceState, asked: Moment) {
        let Some(index) = self.by_device.get(&device).copied() else {
            self.untrue(None, "the state of a device that nobody discovered");
            return;
        };
        let halted = self.last_halt(asked.steady);
        let lock = &mut self.locks[index];
        let before = lock.state.replace(state.clone());
        let told = |state: &DeviceState| (state.bolt, state.fresh, state.jammed_since, state.reported_at);
        if before.as_ref().map(told) == Some(told(state)) || lock.is_beyond_knowledge(asked) {
            return;
        }
        if let Some(bolt) = state.bolt.filter(|_| state.fresh && state.jammed_since.is_none()) {
            let was = lock.was(Place::At(bolt), asked, STALE);
            let outdated = lock.is_outdated(bolt, asked, halted);
            self.check(was, index, || format!("P7: the state says {bolt:?}, and the bolt was not there lately"));
            self.check(!outdated, index, || format!("P7: the state says {bolt:?}, and newer was heard before"));
        }
        let newly_jammed = state.jammed_since.is_some() && before.is_none_or(|before| before.jammed_since.is_none());
        if newly_jammed {
            let was = self.locks[index].was(Place::Stuck, asked, STALE);
            self.check(was, index, || "P7: the state says jammed, and nothing was stuck lately".to_owned());
        }
    }

    fn events(&mut self, events: &[Event], asked: Moment) {
        for event in events {
            let EventKind::LockMoved { to, attempt, .. } = event.kind else { continue };
            let Some(index) = event.device.and_then(|device| self.by_device.get(&device).copied()) else { continue };
            self.digest("moved", index, asked.steady);
            if !self.locks[index].is_beyond_knowledge(asked) {
                let was = self.locks[index].was(Place::At(to), asked, TOLD_LATE);
                self.check(was, index, || format!("P6: an event tells of a movement to {to:?} that was not"));
            }
            if let Some(attempt) = attempt {
                self.named_once(index, attempt, to);
            }
        }
    }

    fn named_once(&mut self, index: usize, attempt: AttemptId, to: Bolt) {
        let is_first = self.named.insert(attempt);
        self.check(is_first, index, || format!("P6: two lock events name {attempt}"));
        let wanted = self.cases.get(&attempt).map(|case| (case.lock, case.wanted));
        self.check(wanted == Some((index, to)), index, || format!("P6: a lock event to {to:?} names {attempt}"));
    }
}

impl super::Witness {
    fn was(&self, place: Place, asked: Moment, lately: Duration) -> bool {
        self.door.look().was(place, asked.steady.saturating_sub(lately), asked.steady)
    }

    /// Whether the lock had said by then, and the server had heard it, that the bolt is elsewhere, and it did not come
    /// back.
    fn is_outdated(&self, bolt: Bolt, asked: Moment, last_halt: Duration) -> bool {
        let by_then = asked.steady.saturating_sub(WORKED_OFF);
        let newest = self.door.look().words.newest.filter(|heard| *heard <= by_then && *heard > last_halt);
        newest.is_some_and(|heard| !self.door.look().was(Place::At(bolt), heard, asked.steady))
    }

    /// Whether nobody can know where it is: it cannot be asked, and its last word was lost.
    fn is_beyond_knowledge(&self, asked: Moment) -> bool {
        matches!(self.manners, Manners::Retained | Manners::Assumed) && self.door.look().was_unheard(asked.steady)
    }
}

/// The attempt that a lock event names.
fn named_by(event: &Event) -> Option<AttemptId> {
    let EventKind::LockMoved { attempt, .. } = event.kind else { return None };
    attempt
}
