//! One attempt of one delivery: signed, sent, judged and written down.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use thumbturn_core::ids::DeliveryId;
use thumbturn_core::ports::{CommitError, StoreError};
use thumbturn_core::scope::Scope;
use thumbturn_core::webhooks::{Delivery, DeliveryAttempt, DeliveryStanding, DeliveryTrouble, Webhook};
use thumbturn_store::{EventFilter, Settlement};

use super::lanes::{Kept, Parcel, Recipient};
use super::line::Line;
use super::office::Office;
use super::sender::Reply;

/// How often it is tried to write something down, while the store has too much to do.
const TRIES: usize = 5;

/// How long is waited before the second time; twice as long before each further one.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// A delivery whose event could not be read is tried again after this time.
const UNREAD: SignedDuration = SignedDuration::from_secs(30);

/// What came of a flight: how the delivery stands now has to be written down.
pub(super) struct Flown {
    /// The delivery.
    pub(super) delivery: Delivery,
    /// The attempt; `None` if none was made, because its event could not be read or is no longer kept.
    pub(super) attempt: Option<DeliveryAttempt>,
    /// Whether it has a row.
    pub(super) kept: Kept,
}

/// What was written down.
pub(super) struct Recorded {
    /// When the delivery is due again.
    pub(super) next_due: Option<Timestamp>,
    /// Whether it was a failure.
    pub(super) has_failed: bool,
}

/// What became of writing down what was in a ledger.
pub(super) struct Settled {
    /// The number of the ledger.
    pub(super) ledger: u64,
    /// The place that the webhook has come to.
    pub(super) until: i64,
    /// Until when what was written without an answer is in hand, if there is any.
    pub(super) claimed_until: Option<Timestamp>,
    /// When the first of it is due again.
    pub(super) next_due: Option<Timestamp>,
    /// Whether a failure was among it.
    pub(super) has_failed: bool,
    /// `false`: the webhook is no longer what it was.
    pub(super) outcome: Result<bool, CommitError>,
}

/// The id of the messages of a delivery: the same on every attempt. It holds no dot, which would make what is signed
/// ambiguous.
pub(crate) fn message_id(delivery: DeliveryId) -> String {
    format!("msg_{}", delivery.0.simple())
}

/// Makes the next attempt of a delivery, over `line` if it is there.
pub(super) async fn fly(office: &Office, to: &Recipient, line: &mut Option<Line>, parcel: Parcel) -> Flown {
    let Parcel { mut delivery, body, kept } = parcel;
    let body = match body {
        Some(body) => Ok(Some(body)),
        None => read(office, &to.webhook, &delivery).await,
    };
    let began = office.clock.now();
    let body = match body {
        Ok(Some(body)) => body,
        Ok(None) => {
            delivery.standing = DeliveryStanding::Dropped;
            return Flown { delivery, attempt: None, kept };
        }
        Err(error) => {
            tracing::warn!(%error, "an event could not be read; its delivery is tried again");
            let due_at = began.wall.checked_add(UNREAD).unwrap_or(Timestamp::MAX);
            delivery.standing = DeliveryStanding::Pending { due_at };
            return Flown { delivery, attempt: None, kept };
        }
    };
    let reply = send(office, to, line, &delivery, body, began.wall).await;
    let ended = office.clock.now();
    let attempt = DeliveryAttempt { at: began.wall, took: ended.since(began), answer: reply.answer };
    office.figures.attempted(reply.answer);
    delivery.attempts.push(attempt.clone());
    delivery.standing = standing(office, delivery.attempts.len(), &reply, ended.wall);
    Flown { delivery, attempt: Some(attempt), kept }
}

/// How a delivery stands after so many attempts.
fn standing(office: &Office, attempts: usize, reply: &Reply, now: Timestamp) -> DeliveryStanding {
    if reply.answer.is_success() {
        return DeliveryStanding::Delivered;
    }
    let chance = rand::random::<f64>();
    let wait = office.schedule.wait(attempts, reply.is_overloaded(), reply.retry_after, chance);
    let due_at = wait.and_then(|wait| now.checked_add(SignedDuration::try_from(wait).ok()?).ok());
    due_at.map_or(DeliveryStanding::Failed, |due_at| DeliveryStanding::Pending { due_at })
}

/// The event as `/events/list` shows it; `None` if it is no longer kept.
async fn read(office: &Office, webhook: &Webhook, delivery: &Delivery) -> Result<Option<Bytes>, StoreError> {
    let filter = EventFilter { ids: Some(vec![delivery.event]), ..EventFilter::default() };
    let found = office.store.event(&Scope::workspace_wide(webhook.workspace), &filter).await?;
    Ok(found.as_ref().and_then(crate::http::event_json))
}

async fn send(
    office: &Office,
    to: &Recipient,
    line: &mut Option<Line>,
    delivery: &Delivery,
    body: Bytes,
    now: Timestamp,
) -> Reply {
    let Some(destination) = &to.destination else { return DeliveryTrouble::NotResolved.into() };
    if !destination.is_encrypted && !office.allows_plain {
        match office.store.workspace(to.webhook.workspace).await {
            Ok(Some(workspace)) if workspace.is_sandbox => {}
            _ => return DeliveryTrouble::NotEncrypted.into(),
        }
    }
    let seal = to.signer.seal(&message_id(delivery.id), now, &body);
    match destination.request(seal, body) {
        Some(request) => office.sender.send(destination, line, request).await,
        None => DeliveryTrouble::NotResolved.into(),
    }
}

/// Writes down how a delivery stands that has a row, and whether its webhook fails. What cannot be written down is sent again
/// when its claim has run out: the receiver knows it by its id.
pub(super) async fn record(office: Arc<Office>, delivery: Delivery, failing: Option<bool>) -> Recorded {
    let next_due = match delivery.standing {
        DeliveryStanding::Pending { due_at } => Some(due_at),
        _ => None,
    };
    let recorded = Recorded { next_due, has_failed: failing == Some(true) };
    let began = delivery.attempts.last().map_or_else(|| office.clock.now().wall, |attempt| attempt.at);
    let mut wait = FIRST_WAIT;
    for _ in 0..TRIES {
        match office.store.record_delivery(&delivery, failing, began).await {
            Ok(()) => return recorded,
            Err(CommitError::Busy) => {
                office.clock.sleep_until(office.clock.now().after(wait)).await;
                wait *= 2;
            }
            Err(error) => {
                tracing::warn!(delivery = %delivery.id, %error, "what came of a delivery could not be kept");
                return recorded;
            }
        }
    }
    tracing::warn!(delivery = %delivery.id, "what came of a delivery could not be kept: the server is busy");
    recorded
}

/// Writes down deliveries that have no row yet, with what came of them.
pub(super) async fn settle(office: Arc<Office>, settlement: Settlement, ledger: u64) -> Settled {
    let due = |standing| match standing {
        DeliveryStanding::Pending { due_at } => Some(due_at),
        _ => None,
    };
    let claimed_until = settlement.rows.iter().find_map(|row| row.claimed_until);
    let over = settlement.rows.iter().filter(|row| row.claimed_until.is_none());
    let next_due = over.filter_map(|row| due(row.delivery.standing)).min();
    let has_failed =
        settlement.rows.iter().any(|row| row.delivery.attempts.last().is_some_and(|last| !last.answer.is_success()));
    let (until, mut wait, mut tries) = (settlement.until, FIRST_WAIT, 1);
    let outcome = loop {
        match office.store.settle_deliveries(&settlement).await {
            Err(CommitError::Busy) if tries < TRIES => {
                office.clock.sleep_until(office.clock.now().after(wait)).await;
                (wait, tries) = (2 * wait, tries + 1);
            }
            other => break other,
        }
    };
    Settled { ledger, until, claimed_until, next_due, has_failed, outcome }
}
