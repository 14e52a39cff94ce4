//! Advisory locks: one that the server holds as long as it lives, one for whoever changes the schema.
//!
//! Two servers on one database would both command its hubs. The lock belongs to the connection that writes: when that is
//! lost, so is the lock, and nothing is written before it is held again. Each schema has its own locks, so that several
//! installations can share a database.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::Error;

use super::connect::Link;

const RETRY: Duration = Duration::from_millis(50);

/// Waits for its turn; let go at the end of the transaction. The numbers of the locks are "thub" and "thum".
pub(super) const FOR_SCHEMA: &str = "SELECT pg_advisory_xact_lock(1952609645, hashtext(current_schema()))";

const TRY_ALONE: &str = "SELECT pg_try_advisory_lock(1952609634, hashtext(current_schema()))";
const TRY_SHARED: &str = "SELECT pg_try_advisory_lock_shared(1952609634, hashtext(current_schema()))";

/// Ends a connection of ours that the database still believes in. Its number may belong to another by now.
const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
     WHERE pid = $1 AND extract(epoch FROM backend_start)::text = $2";

/// Takes the server's lock, if it can be had within `patience`. A former connection of this process may still hold it:
/// it is ended, and with it whatever it was doing.
/// Nodes hold it together.
pub(super) async fn of_server(
    link: &Link,
    is_shared: bool,
    former: Option<&(i32, String)>,
    patience: Duration,
) -> Result<bool, Error> {
    let try_lock = if is_shared { TRY_SHARED } else { TRY_ALONE };
    let until = Instant::now() + patience;
    loop {
        if link.client.query_one(try_lock, &[]).await?.try_get(0)? {
            return Ok(true);
        }
        end_former(link, former).await?;
        if Instant::now() >= until {
            return Ok(false);
        }
        sleep(RETRY).await;
    }
}

/// Ends a former connection of this process, if it is still there. Without the right to do so it is left alone.
pub(super) async fn end_former(link: &Link, former: Option<&(i32, String)>) -> Result<(), Error> {
    let Some((pid, began)) = former else { return Ok(()) };
    match link.client.query(END, &[pid, began]).await {
        Err(error) if error.as_db_error().is_none() => Err(error),
        _ => Ok(()),
    }
}
