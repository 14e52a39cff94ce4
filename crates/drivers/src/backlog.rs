//! Messages that were received and not yet worked through: bounded by what they weigh.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Kilobytes of messages that were received and not yet worked through.
const BACKLOG_KB: usize = 128 * 1024;

/// How long a connection may stand still because of a full backlog. Less than a hub's patience with a silent client.
const BACKLOG_LIMIT: Duration = Duration::from_secs(2);

/// The share of one message in the backlog, given back when it is dropped.
pub(crate) type Share = OwnedSemaphorePermit;

/// The backlog of one connection.
pub(crate) struct Backlog(Arc<Semaphore>);

impl Backlog {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(BACKLOG_KB)))
    }

    /// Room for a message; `None` if there is none for too long.
    pub(crate) async fn room(&self, bytes: usize) -> Option<Share> {
        let kilobytes = u32::try_from(bytes / 1024 + 1).ok()?;
        let room = Arc::clone(&self.0).acquire_many_owned(kilobytes);
        tokio::time::timeout(BACKLOG_LIMIT, room).await.ok()?.ok()
    }
}
