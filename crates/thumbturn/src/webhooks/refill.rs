//! What a courier takes in hand next: deliveries that are due, and new ones of events. It is done beside the sending, so that
//! no receiver waits for the database.
//!
//! Where there is no other node, new deliveries are sent before they are written down: a receiver does not wait for the disk,
//! and a delivery is written once. Whatever ends in between, the event is still there, and its message has the same id when it
//! comes again.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use thumbturn_core::events::RecordedEvent;
use thumbturn_core::ids::{DeliveryId, EventId};
use thumbturn_core::ports::{CommitError, StoreError};
use thumbturn_core::scope::Scope;
use thumbturn_core::webhooks::{Delivery, DeliveryStanding, EVERY_TYPE, Webhook};
use thumbturn_store::EventFilter;

use super::lanes::{Kept, Parcel, Place};
use super::office::Office;

/// How far a courier goes through events that nobody wants before it notes that.
pub(super) const UNNOTED: i64 = 1_000;

/// Why a courier could not do its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The database could not be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// The database could not be written.
    #[error(transparent)]
    Write(#[from] CommitError),
}

/// What is to be taken.
pub(super) struct Refill {
    pub(super) office: Arc<Office>,
    /// The webhook, with how far its courier has come.
    pub(super) webhook: Webhook,
    /// The place up to which every event was looked at.
    pub(super) seen: i64,
    /// So many at most.
    pub(super) room: usize,
    /// Whether a delivery is due.
    pub(super) is_due: bool,
    /// Whether there may be events after `seen`.
    pub(super) is_behind: bool,
    /// The ledger of what is in hand.
    pub(super) ledger: u64,
    /// Whether new deliveries go into it, and are written down with what came of them; otherwise they are written before they
    /// are sent.
    pub(super) is_early: bool,
}

/// What was taken, also if there was trouble then.
#[derive(Default)]
pub(super) struct Refilled {
    pub(super) parcels: Vec<Parcel>,
    /// When the next delivery that is not in hand is due, if that was asked.
    pub(super) next_due: Option<Timestamp>,
    /// The ledger of what was in hand when it was begun.
    pub(super) ledger: u64,
    /// The place up to which every event was looked at.
    pub(super) seen: Option<i64>,
    /// The place up to which that was noted.
    pub(super) noted: Option<i64>,
    /// Whether there may be events after it.
    pub(super) is_behind: bool,
    /// What the webhook is now, because it is not what it was: `Some(None)` if it is gone.
    pub(super) webhook: Option<Option<Webhook>>,
    pub(super) trouble: Option<Trouble>,
}

impl Refill {
    /// Takes what there is room for. What is sent again, and what has happened meanwhile, share it: neither waits for all of
    /// the other.
    pub(super) async fn run(self) -> Refilled {
        let mut taken = Refilled { ledger: self.ledger, ..Refilled::default() };
        if let Err(trouble) = self.take(&mut taken).await {
            taken.trouble = Some(trouble);
        }
        taken
    }

    async fn take(&self, taken: &mut Refilled) -> Result<(), Trouble> {
        let now = self.office.clock.now().wall;
        if self.is_due {
            let share = if self.is_behind { self.room.div_ceil(2) } else { self.room };
            self.take_due(taken, now, share).await?;
        }
        let room = self.room.saturating_sub(taken.parcels.len());
        taken.is_behind = self.is_behind;
        if self.is_behind && room > 0 {
            self.take_new(taken, now, room).await?;
        }
        Ok(())
    }

    /// Takes deliveries that are tried again, or that somebody had in hand who is gone.
    async fn take_due(&self, taken: &mut Refilled, now: Timestamp, room: usize) -> Result<(), Trouble> {
        let store = &self.office.store;
        let due = store.due_deliveries(self.webhook.id, now, room).await?;
        let mut bodies = self.bodies(&due).await?;
        let claimed_until = self.office.claimed_until(now);
        let claim = |delivery: Delivery| {
            let body = bodies.remove(&delivery.event);
            async move {
                let won = store.claim_delivery(delivery.id, now, claimed_until).await?;
                Ok::<_, Trouble>(won.then_some(Parcel { delivery, body, kept: Kept::Until(claimed_until) }))
            }
        };
        let mut failed = Ok(());
        for claimed in futures::future::join_all(due.into_iter().map(claim)).await {
            match claimed {
                Ok(parcel) => taken.parcels.extend(parcel),
                Err(trouble) => failed = Err(trouble),
            }
        }
        failed?;
        taken.next_due = store.next_delivery(self.webhook.id, now).await?;
        Ok(())
    }

    /// The events of deliveries, as they are sent.
    async fn bodies(&self, deliveries: &[Delivery]) -> Result<HashMap<EventId, Bytes>, StoreError> {
        let ids: Vec<EventId> = deliveries.iter().map(|delivery| delivery.event).collect();
        let limit = ids.len();
        if limit == 0 {
            return Ok(HashMap::new());
        }
        let filter = EventFilter { ids: Some(ids), ..EventFilter::default() };
        let events = self.office.store.events(&self.scope(), &filter, limit, 0).await?;
        Ok(events.iter().filter_map(|event| Some((event.event.id, crate::http::event_json(event)?))).collect())
    }

    /// Makes deliveries of events, in the order of their commits.
    async fn take_new(&self, taken: &mut Refilled, now: Timestamp, room: usize) -> Result<(), Trouble> {
        let store = &self.office.store;
        // Asked first: whatever is committed up to there is found below.
        let newest = store.last_sequence().await?;
        let filter = EventFilter {
            after_sequence: Some(self.seen),
            types: (!self.webhook.wants(EVERY_TYPE)).then(|| self.webhook.event_types.clone()),
            ..EventFilter::default()
        };
        let events = store.events(&self.scope(), &filter, room, 0).await?;
        let has_more = events.len() == room;
        let last = events.last().map(|event| event.sequence);
        let until = if has_more { last } else { last.max(Some(newest)) };
        let until = until.unwrap_or(newest).max(self.seen);
        taken.is_behind = has_more;
        if self.is_early {
            // As of after the events: what somebody was told about the webhook before they happened, counts.
            let webhook = store.webhook(&self.scope(), self.webhook.id).await?;
            if !webhook.as_ref().is_some_and(|webhook| self.is_as_known(webhook)) {
                taken.webhook = Some(webhook);
                return Ok(());
            }
            let place = |event: &RecordedEvent| Place { sequence: event.sequence, ledger: self.ledger };
            taken.parcels.extend(events.iter().map(|event| self.parcel(event, now, Kept::NotYet(place(event)))));
            taken.seen = Some(until);
            return Ok(());
        }
        if events.is_empty() && until - self.webhook.queued_until < UNNOTED {
            taken.seen = Some(until);
            taken.is_behind = false;
            return Ok(());
        }
        let claimed_until = self.office.claimed_until(now);
        let parcel = |event| self.parcel(event, now, Kept::Until(claimed_until));
        let parcels: Vec<Parcel> = events.iter().map(parcel).collect();
        let row = |(event, parcel): (&RecordedEvent, &Parcel)| (parcel.delivery.clone(), event.sequence);
        let rows: Vec<(Delivery, i64)> = events.iter().zip(&parcels).map(row).collect();
        if !store.queue_deliveries(&self.webhook, until, &rows, claimed_until).await? {
            // Another node was faster, or somebody has changed the webhook.
            taken.webhook = Some(store.webhook(&self.scope(), self.webhook.id).await?);
            return Ok(());
        }
        (taken.seen, taken.noted) = (Some(until), Some(until));
        taken.parcels.extend(parcels);
        Ok(())
    }

    /// Whether what was looked at is wanted still. How far it has come may have been noted meanwhile.
    fn is_as_known(&self, webhook: &Webhook) -> bool {
        webhook.disabled_at.is_none()
            && webhook.queued_until <= self.seen
            && webhook.event_types == self.webhook.event_types
    }

    fn scope(&self) -> Scope {
        Scope::workspace_wide(self.webhook.workspace)
    }

    fn parcel(&self, event: &RecordedEvent, now: Timestamp, kept: Kept) -> Parcel {
        let delivery = Delivery {
            id: DeliveryId::of(self.webhook.id, event.event.id),
            webhook: self.webhook.id,
            event: event.event.id,
            event_type: event.event.kind.name().into(),
            attempts: Vec::new(),
            standing: DeliveryStanding::Pending { due_at: now },
            created_at: now,
        };
        Parcel { delivery, body: crate::http::event_json(event), kept }
    }
}
