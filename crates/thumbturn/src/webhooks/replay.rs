//! A range of time, told to a webhook again. One call deals with so many events and says where the next one goes on: its
//! deliveries are on disk then, and sent like any other.

use jiff::Timestamp;
use thumbturn_core::ports::CommitError;
use thumbturn_core::scope::Scope;
use thumbturn_core::webhooks::{EVERY_TYPE, Webhook};
use thumbturn_store::{EventFilter, Store};

/// What is to be told again.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    /// Only events recorded after this time.
    pub(crate) since: Timestamp,
    /// Only events recorded before this time.
    pub(crate) until: Option<Timestamp>,
    /// Only events of these types.
    pub(crate) types: Option<Vec<String>>,
    /// Whether what the receiver has taken is sent again as well.
    pub(crate) with_delivered: bool,
    /// So many events at most.
    pub(crate) limit: usize,
}

/// What one call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Deliveries that begin again.
    pub(crate) again: u64,
    /// Deliveries that are new.
    pub(crate) new: u64,
    /// Every event that was recorded up to here has been dealt with.
    pub(crate) until: Timestamp,
    /// Whether the range goes on after it.
    pub(crate) has_more: bool,
}

/// Replays the first events of a range. What the webhook's courier has not come to yet is told without this.
pub(crate) async fn step(store: &Store, webhook: &Webhook, range: &Range, now: Timestamp) -> Result<Step, CommitError> {
    let filter = EventFilter {
        after: Some(range.since),
        before: range.until,
        types: wanted(webhook, range.types.as_deref()),
        ..EventFilter::default()
    };
    let mut events = store.events(&Scope::workspace_wide(webhook.workspace), &filter, range.limit, 0).await?;
    let has_more = events.len() == range.limit;
    let queued = events.partition_point(|event| event.sequence <= webhook.queued_until);
    let has_more = has_more && queued == events.len();
    events.truncate(queued);
    let until = events.last().map_or(range.since, |event| event.created_at);
    let done = store.replay_events(webhook.id, &events, range.with_delivered, now).await?;
    Ok(Step { again: done.again, new: done.new, until, has_more })
}

/// The types that a webhook wants, of these; `None`: all.
fn wanted(webhook: &Webhook, asked: Option<&[String]>) -> Option<Vec<String>> {
    match asked {
        Some(asked) => Some(asked.iter().filter(|kind| webhook.wants(kind)).cloned().collect()),
        None if webhook.wants(EVERY_TYPE) => None,
        None => Some(webhook.event_types.clone()),
    }
}
