//! The end of a story: what is on disk is what was told, and what is shown is what is true.

use std::collections::HashMap;

use thumbturn_core::attempts::Attempt;
use thumbturn_core::devices::{Device, DeviceState};
use thumbturn_core::events::{Event, EventKind};
use thumbturn_core::ids::AttemptId;

use super::cases::word;
use super::{Books, Judge};
use crate::door::Place;

impl Judge {
    /// Everything was healed and has come to rest.
    pub(crate) fn check_rest(&self, attempts: &[Attempt], events: &[Event], devices: &[Device]) {
        let mut books = self.books();
        books.check_attempts(attempts);
        books.check_events(events);
        for device in devices {
            books.check_shown(device);
        }
    }
}

impl Books {
    fn check_attempts(&mut self, attempts: &[Attempt]) {
        let stored: HashMap<AttemptId, &Attempt> = attempts.iter().map(|attempt| (attempt.id, attempt)).collect();
        let cases: Vec<_> = self.cases.iter().map(|(id, case)| (*id, case.lock, case.ended.clone())).collect();
        for (id, lock, ended) in cases {
            let outcome = stored.get(&id).map(|attempt| attempt.outcome.clone());
            self.check(outcome.is_some(), lock, || format!("P4: {id} was accepted and is gone"));
            let (stored, told) = (outcome.flatten(), ended);
            self.check(stored.is_some(), lock, || format!("P4: {id} is pending for ever"));
            self.check(stored == told, lock, || {
                let word = |outcome: &Option<_>| outcome.as_ref().map_or("pending", word);
                format!("P4: {id} is stored as {}, and ended as {}", word(&stored), word(&told))
            });
        }
        let known = attempts.iter().filter(|attempt| self.cases.contains_key(&attempt.id)).count();
        self.check(known == attempts.len(), 0, || "P4: attempts are stored that nobody asked for".to_owned());
    }

    fn check_events(&mut self, events: &[Event]) {
        let mut ends: HashMap<AttemptId, usize> = HashMap::new();
        for event in events {
            if let EventKind::AttemptEnded { attempt, .. } = event.kind {
                *ends.entry(attempt).or_default() += 1;
            }
        }
        let cases: Vec<_> = self.cases.iter().map(|(id, case)| (*id, case.lock)).collect();
        for (id, lock) in cases {
            let count = ends.get(&id).copied().unwrap_or(0);
            self.check(count == 1, lock, || format!("P6: {count} action_attempt events tell of {id}"));
        }
    }

    /// A lock that can be asked shows where its bolt is, or nothing; after some quiet it must not be nothing.
    fn check_shown(&mut self, device: &Device) {
        let Some(index) = self.by_device.get(&device.id).copied() else { return };
        let lock = &self.locks[index];
        if !lock.manners.traits().readable {
            return;
        }
        let place = lock.door.look().place();
        let shown = DeviceState::shown_bolt(&device.state);
        let fits = match place {
            Place::At(bolt) => shown == Some(bolt),
            Place::Stuck => shown.is_none() && device.state.jammed_since.is_some(),
        };
        self.check(fits, index, || format!("P7: at rest the bolt is {place:?}, and {:?} is shown", device.state));
    }
}
