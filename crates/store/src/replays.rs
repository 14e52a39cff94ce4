//! Deliveries that are made again: one, or those of a range of events.

use std::collections::HashMap;

use jiff::Timestamp;
use thumbturn_core::events::RecordedEvent;
use thumbturn_core::ids::{DeliveryId, WebhookId};
use thumbturn_core::ports::CommitError;
use thumbturn_core::webhooks::{Delivery, DeliveryStanding};

use crate::Store;
use crate::deliveries::insert;
use crate::error::Corrupt;
use crate::sql::Sql;
use crate::statement::{Columns, Row, Statement, args};
use crate::writer::Plan;

/// Lets a delivery begin again.
pub(crate) const AGAIN: &str =
    "UPDATE webhook_deliveries SET status = 'pending', due_at = $2, attempts = '[]' WHERE id = $1";

/// How often a replay is tried again that found somebody else making the same deliveries.
const TRIES: usize = 3;

/// How many deliveries a replay has touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Those that begin again.
    pub again: u64,
    /// Those that are new, because their event had none.
    pub new: u64,
}

/// What is known of a delivery before it is made again.
struct Found {
    id: DeliveryId,
    is_delivered: bool,
    due_at: Option<Timestamp>,
}

fn map(row: &dyn Row) -> Result<Found, Corrupt> {
    let row = &mut Columns::of(row);
    let (id, is_delivered) = (row.id()?, row.str()? == "delivered");
    Ok(Found { id, is_delivered, due_at: row.opt_time()? })
}

impl Found {
    /// Whether it is to begin again: what is due already, is on its way.
    fn is_wanted(&self, with_delivered: bool, now: Timestamp) -> bool {
        match self.due_at {
            Some(due_at) => due_at > now,
            None => with_delivered || !self.is_delivered,
        }
    }
}

impl Store {
    /// Lets a delivery begin again: it is due at `now`, whatever came of it before. Conflicts (`"delivery"`) if it is gone.
    ///
    /// # Errors
    /// A [`CommitError`].
    pub async fn replay_delivery(&self, delivery: DeliveryId, now: Timestamp) -> Result<(), CommitError> {
        let again = Statement::one(AGAIN, args![delivery, now], "delivery");
        self.write(Plan::new(vec![again], Vec::new())).await.map(drop)
    }

    /// Lets the deliveries of these events to a webhook begin again, all in one commit: those that have failed, were dropped
    /// or wait for a later attempt, and `with_delivered` those that the receiver has taken. An event without a delivery gets
    /// one.
    ///
    /// # Errors
    /// A [`CommitError`]; nothing was changed then.
    pub async fn replay_events(
        &self,
        webhook: WebhookId,
        events: &[RecordedEvent],
        with_delivered: bool,
        now: Timestamp,
    ) -> Result<Replayed, CommitError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_replay(webhook, events, with_delivered, now).await {
                // Somebody else has made the delivery of an event in this moment.
                Err(CommitError::Conflict("id")) if tries < TRIES => {}
                other => return other,
            }
        }
    }

    async fn try_replay(
        &self,
        webhook: WebhookId,
        events: &[RecordedEvent],
        with_delivered: bool,
        now: Timestamp,
    ) -> Result<Replayed, CommitError> {
        let mut sql = Sql::new("SELECT id, status, due_at FROM webhook_deliveries WHERE ");
        sql.within("id", events.iter().map(|event| DeliveryId::of(webhook, event.event.id)));
        let found = self.readers().all(sql.query(map)).await?;
        let found: HashMap<DeliveryId, Found> = found.into_iter().map(|found| (found.id, found)).collect();
        let (mut replayed, mut statements) = (Replayed::default(), Vec::new());
        for event in events {
            match found.get(&DeliveryId::of(webhook, event.event.id)) {
                Some(found) if found.is_wanted(with_delivered, now) => {
                    replayed.again += 1;
                    statements.push(Statement::any(AGAIN, args![found.id, now]));
                }
                Some(_) => {}
                None => {
                    replayed.new += 1;
                    statements.push(insert(&begun(webhook, event, now), event.sequence, None)?);
                }
            }
        }
        if !statements.is_empty() {
            self.write(Plan::new(statements, Vec::new())).await?;
        }
        Ok(replayed)
    }
}

/// The delivery of an event that had none.
fn begun(webhook: WebhookId, event: &RecordedEvent, now: Timestamp) -> Delivery {
    Delivery {
        id: DeliveryId::of(webhook, event.event.id),
        webhook,
        event: event.event.id,
        event_type: event.event.kind.name().into(),
        attempts: Vec::new(),
        standing: DeliveryStanding::Pending { due_at: now },
        created_at: now,
    }
}
