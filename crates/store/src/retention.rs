//! Deleting what is kept long enough, in small transactions so that nothing else waits for long.

use jiff::Timestamp;
use thumbturn_core::ports::CommitError;

use crate::Store;
use crate::statement::{Statement, Value, args};
use crate::writer::Plan;

/// How many rows one transaction deletes at most.
const CHUNK: i64 = 500;

/// How many rows were deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Events.
    pub events: u64,
    /// Attempts.
    pub attempts: u64,
    /// Idempotency keys, with what was answered under them.
    pub idempotency: u64,
}

/// The newest event of the installation always stays: the times of later ones are measured by it.
const EVENTS: &str = "DELETE FROM events WHERE sequence IN (SELECT sequence FROM events WHERE workspace_id = $1 \
     AND created_at < $2 ORDER BY created_at LIMIT $3) AND sequence < (SELECT MAX(sequence) FROM events)";

const ATTEMPTS: &str = "DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE workspace_id = $1 \
     AND created_at < $2 AND ended_at IS NOT NULL ORDER BY created_at LIMIT $3)";

const IDEMPOTENCY: &str = "DELETE FROM idempotency WHERE workspace_id = $1 AND created_at <= (SELECT MAX(created_at) \
     FROM (SELECT created_at FROM idempotency WHERE workspace_id = $1 AND created_at < $2 ORDER BY created_at \
     LIMIT $3) AS oldest)";

const KEPT_CALLS: &str = "DELETE FROM kept_calls WHERE call_id IN (SELECT call_id FROM kept_calls WHERE created_at < $1 \
     ORDER BY created_at LIMIT $2)";

/// What is still on its way stays.
const DELIVERIES: &str = "DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries \
     WHERE webhook_id = $1 AND created_at < $2 AND due_at IS NULL ORDER BY created_at LIMIT $3)";

impl Store {
    /// Deletes events committed, attempts accepted and idempotency keys claimed before these times. Pending attempts
    /// stay, however old.
    ///
    /// # Errors
    /// A [`CommitError`]; what was deleted until then stays deleted, and the next call goes on from there.
    pub async fn delete_older(
        &self,
        events_before: Timestamp,
        attempts_before: Timestamp,
        idempotency_before: Timestamp,
    ) -> Result<Deleted, CommitError> {
        let mut deleted = Deleted::default();
        for workspace in self.workspaces().await? {
            deleted.events += self.delete_chunks(EVENTS, args![workspace.id, events_before]).await?;
            deleted.attempts += self.delete_chunks(ATTEMPTS, args![workspace.id, attempts_before]).await?;
            deleted.idempotency += self.delete_chunks(IDEMPOTENCY, args![workspace.id, idempotency_before]).await?;
        }
        deleted.idempotency += self.delete_chunks(KEPT_CALLS, args![idempotency_before]).await?;
        Ok(deleted)
    }

    /// Deletes deliveries to webhooks that were queued before this time and are over.
    ///
    /// # Errors
    /// As [`Store::delete_older`].
    pub async fn delete_older_deliveries(&self, before: Timestamp) -> Result<u64, CommitError> {
        let mut deleted = 0;
        for webhook in self.webhook_ids(None).await? {
            deleted += self.delete_chunks(DELIVERIES, args![webhook, before]).await?;
        }
        Ok(deleted)
    }

    /// Deletes chunk by chunk; the size of one is the last argument of `sql`.
    async fn delete_chunks(&self, sql: &'static str, mut args: Vec<Value>) -> Result<u64, CommitError> {
        args.push(CHUNK.into());
        let mut total = 0;
        loop {
            let chunk = Statement::any(sql, args.clone());
            let deleted = self.write(Plan::new(vec![chunk], Vec::new())).await?;
            total += deleted;
            if deleted == 0 {
                return Ok(total);
            }
        }
    }
}
