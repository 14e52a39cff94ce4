//! What all couriers share.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use thumbturn_core::ports::Clock;
use thumbturn_store::Store;

use super::schedule::Schedule;
use super::sender::Sender;
use crate::metrics::WebhookFigures;

/// A delivery is in somebody's hand for as long as so many messages may take one after the other, and a little more.
const IN_HAND: u32 = 5;

/// What all couriers share.
pub(super) struct Office {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sender: Sender,
    pub(super) schedule: Schedule,
    /// A webhook that has failed for so long is disabled.
    pub(super) disable_after: SignedDuration,
    /// Whether there is no other node, so that nobody else sends the same.
    pub(super) is_alone: bool,
    /// Whether receivers may be told without TLS everywhere.
    pub(super) allows_plain: bool,
    pub(super) figures: Arc<WebhookFigures>,
}

impl Office {
    /// Until when a delivery that is taken now is in hand: some before it may take as long as they may. One that is not sent by
    /// then is taken again.
    pub(super) fn claimed_until(&self, now: Timestamp) -> Timestamp {
        let longest = self.sender.timeout().saturating_mul(IN_HAND) + Duration::from_secs(30);
        now.checked_add(longest).unwrap_or(Timestamp::MAX)
    }
}
