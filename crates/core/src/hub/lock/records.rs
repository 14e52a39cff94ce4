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
use crate::ports::Later;

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
        self.store_state().await;
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
            is_awaited_elsewhere: self.shared.tenure.is_some() && !self.shared.waiters.knows(attempt.id),
            state: state_changed.then(|| (self.device.id, self.observed.state.clone())),
            events,
        };
        if self.shared.record(change).await != Recorded::Fenced {
            self.shared.waiters.wake(attempt.id, outcome);
        }
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
            self.keep_state(events).await;
        }
    }

    /// The state has changed, or there is something to tell. While nobody's attempt is here, it is stored together with
    /// what follows from the other messages that wait: a hub says half a dozen things of each lock at once.
    pub(super) async fn keep_state(&mut self, events: Vec<Event>) {
        self.unstored.get_or_insert_default().extend(events);
        if !self.is_idle() {
            self.store_state().await;
        }
    }

    /// Commits what was kept for that.
    pub(super) async fn store_state(&mut self) {
        let Some(events) = self.unstored.take() else { return };
        let change = Change::DeviceChanged { device: self.device.id, state: self.observed.state.clone(), events };
        if self.record_state(change).await == Recorded::Obsolete {
            tracing::debug!(device.id = %self.device.id, "the device is gone");
        }
    }

    /// What the hub says of the device, with the state that this task knows: nobody else may write it.
    pub(super) async fn commit_seen(&mut self, kinds: Vec<EventKind>) {
        let device = Box::new(Device { state: self.observed.state.clone(), ..(*self.device).clone() });
        let mut events = self.unstored.take().unwrap_or_default();
        events.extend(self.events(kinds, self.shared.now().wall));
        self.record_state(Change::DeviceSeen { device, events }).await;
    }

    fn record_state(&self, change: Change) -> Later<'_, Recorded> {
        if self.is_idle() { self.shared.record_aside(change) } else { self.shared.record(change) }
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
