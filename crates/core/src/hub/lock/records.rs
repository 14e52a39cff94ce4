//! What becomes true, and on disk: each commit holds the state and its events.

use jiff::Timestamp;

use super::LockTask;
use crate::attempts::Attempt;
use crate::change::Change;
use crate::devices::{Device, DeviceState};
use crate::events::{Event, EventKind};
use crate::evidence::{End, Record};
use crate::hub::observed::Observed;
use crate::hub::shared::Recorded;
use crate::memory::Fact;
use crate::meter::Spans;

impl LockTask {
    /// Attempt, state and events in one commit; then the waiter.
    pub(super) async fn commit_end(
        &mut self,
        attempt: &Attempt,
        end: End,
        record: Record,
        told: Vec<Event>,
        state_changed: bool,
    ) {
        let End { outcome, rule } = end;
        let ended = EventKind::of_end(attempt.id, attempt.action, outcome.succeeded());
        let now = self.shared.now();
        let mut events = Vec::with_capacity(1 + told.len());
        events.extend(self.events(ended, now.wall));
        events.extend(told);
        let evidence = record.ended(now, rule);
        // Before the waiter is woken, so that who has the answer finds it counted.
        self.shared.meter.ended(self.device.provider, attempt.action, &outcome, Spans::of(&evidence));
        let change = Change::FinishAttempt {
            attempt: attempt.id,
            outcome: outcome.clone(),
            ended_at: now.wall,
            evidence,
            state: state_changed.then(|| (self.device.id, self.observed.state.clone())),
            events,
        };
        self.shared.record(change).await;
        self.shared.waiters.wake(attempt.id, outcome);
    }

    pub(super) async fn note_fact(&mut self, fact: &Fact) {
        self.note_fact_as(fact, true).await;
    }

    /// Tells what the lock told; what may no longer hold is told as something that happened, and not shown as true.
    pub(super) async fn note_fact_as(&mut self, fact: &Fact, holds: bool) {
        let now = self.shared.now();
        let credit = fact.what.position().and_then(|to| self.unresolved.of(to, now));
        let before = self.observed.state.clone();
        let kinds = self.observed.apply(fact, credit);
        self.observed.state.fresh &= holds;
        for kind in &kinds {
            if let EventKind::LockMoved { attempt: Some(attempt), .. } = kind {
                self.unresolved.settle(*attempt);
            }
        }
        self.record(&before, kinds, fact.occurred_at.unwrap_or(fact.heard.wall)).await;
    }

    pub(super) async fn note(&mut self, change: impl FnOnce(&mut Observed) -> Vec<EventKind>) {
        let before = self.observed.state.clone();
        let kinds = change(&mut self.observed);
        self.record(&before, kinds, self.shared.now().wall).await;
    }

    async fn record(&mut self, before: &DeviceState, kinds: Vec<EventKind>, occurred_at: Timestamp) {
        if *before != self.observed.state || !kinds.is_empty() {
            let events = self.events(kinds, occurred_at);
            self.commit_state(events).await;
        }
    }

    pub(super) async fn commit_state(&mut self, events: Vec<Event>) {
        let change = Change::DeviceChanged { device: self.device.id, state: self.observed.state.clone(), events };
        if self.shared.record(change).await == Recorded::Obsolete {
            tracing::debug!(device.id = %self.device.id, "the device is gone");
        }
    }

    /// What the hub says of the device, with the state that this task knows: nobody else may write it.
    pub(super) async fn commit_seen(&mut self, kinds: Vec<EventKind>) {
        let device = Box::new(Device { state: self.observed.state.clone(), ..(*self.device).clone() });
        let events = self.events(kinds, self.shared.now().wall);
        self.shared.record(Change::DeviceSeen { device, events }).await;
    }

    pub(super) fn events(&self, kinds: impl IntoIterator<Item = EventKind>, occurred_at: Timestamp) -> Vec<Event> {
        kinds
            .into_iter()
            .map(|kind| Event {
                id: self.shared.next_event(),
                workspace: self.device.workspace,
                account: Some(self.device.account),
                device: Some(self.device.id),
                occurred_at,
                kind,
            })
            .collect()
    }
}
