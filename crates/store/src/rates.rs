//! How often a lock is moved, counted in the database where several nodes take calls. Where one process has the database
//! for itself it counts in its own memory, and nothing of this runs.
//!
//! Each count is one short transaction on a connection of its own and not part of the acceptance: the acceptances of a node
//! go out together, and two nodes that lock the same rows in another order would stand in each other's way. A count
//! survives no crash of the database, so nothing waits for its disk.

use std::num::NonZeroU32;
use std::time::Duration;

use thumbturn_core::ids::DeviceId;
use thumbturn_core::locks::Action;
use thumbturn_core::ports::{CommitError, StoreError};

use crate::Store;
use crate::caches::Stale;
use crate::error::Corrupt;
use crate::statement::{Columns, Query, Row, Statement, args};
use crate::writer::Plan;

const MINUTE_US: i64 = 60_000_000;

/// Moves the time at which the next call would be due without a limit (the generic cell rate algorithm): each call by `$3`
/// microseconds, and none if it lies more than `$4` ahead. The database's clock counts, as those of nodes differ.
const COUNT: &str = "WITH moment AS MATERIALIZED (SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) \
     AS us), counted AS (INSERT INTO action_rates AS r (device_id, action, due_at) \
     SELECT d.id, CAST($2 AS TEXT), us + CAST($3 AS BIGINT) FROM moment, devices d WHERE d.id = $1 \
     ON CONFLICT (device_id, action) DO UPDATE SET due_at = GREATEST(r.due_at, excluded.due_at - $3) + $3 \
     WHERE r.due_at <= excluded.due_at - $3 + $4 RETURNING 1) \
     SELECT (SELECT COUNT(*) FROM counted), COALESCE((SELECT due_at FROM action_rates \
     WHERE device_id = $1 AND action = $2) - $4 - (SELECT us FROM moment), 0), \
     (SELECT COUNT(*) FROM devices WHERE id = $1), set_config('synchronous_commit', 'off', true)";

/// What became of a call.
struct Counted {
    is_counted: bool,
    /// Microseconds, as far as could be seen.
    wait: i64,
    is_known: bool,
}

fn map(row: &dyn Row) -> Result<Counted, Corrupt> {
    let mut row = Columns::of(row);
    Ok(Counted { is_counted: row.flag()?, wait: row.integer()?, is_known: row.flag()? })
}

impl Store {
    /// Counts a call that moves a lock, together with what other nodes count: `per_minute` of each action, at once or one
    /// after the other. `None`: it may be made. Otherwise how long to wait.
    ///
    /// Where no other node can be, nothing is counted here and every call may be made.
    ///
    /// # Errors
    /// If the database cannot be asked.
    pub async fn count_movement(
        &self,
        device: DeviceId,
        action: Action,
        per_minute: NonZeroU32,
    ) -> Result<Option<Duration>, StoreError> {
        if !self.is_shared() {
            return Ok(None);
        }
        let each = MINUTE_US / i64::from(per_minute.get());
        let ahead = each * (i64::from(per_minute.get()) - 1);
        let counted =
            self.readers().one(Query { sql: COUNT.into(), args: args![device, action.as_str(), each, ahead], map });
        let Counted { is_counted, wait, is_known } = counted.await?;
        // A device that is gone is refused for that.
        let may = is_counted || !is_known;
        // Another node may have counted in the same moment: then the wait was not seen.
        Ok((!may).then(|| Duration::from_micros(wait.clamp(1, MINUTE_US).unsigned_abs())))
    }

    /// Has a virtual lock limited like a real one from now on, or no longer.
    ///
    /// # Errors
    /// A [`CommitError`]: `device` conflicts if it is gone.
    pub async fn limit_like_real(&self, device: DeviceId, like_real: bool) -> Result<(), CommitError> {
        let sql = "UPDATE devices SET limited_like_real = $2 WHERE id = $1";
        let statements = vec![Statement::one(sql, args![device, like_real], "device")];
        self.write(Plan::new(statements, vec![Stale::Route(device)])).await.map(drop)
    }
}
