//! A few connections to SQLite that can only read, each used by one query at a time on a blocking thread.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use thumbturn_core::ports::StoreError;
use tokio::sync::Semaphore;

use super::{fetch, open_reader};
use crate::error::unavailable;
use crate::reader::READS_WAITING;
use crate::statement::Query;

/// The connections for reading.
pub(crate) struct Pool {
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// A borrowed connection, given back also after a panic.
struct Lease {
    connection: Option<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Lease {
    fn take(idle: &Arc<Mutex<Vec<Connection>>>) -> Self {
        let connection = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self { connection, idle: Arc::clone(idle) }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let connection = self.connection.take();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(connection);
    }
}

impl Pool {
    /// Opens `count` connections.
    pub(crate) fn open(path: &Path, vfs: Option<&str>, count: usize) -> rusqlite::Result<Self> {
        let count = count.max(1);
        let idle = (0..count).map(|_| open_reader(path, vfs)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            idle: Arc::new(Mutex::new(idle)),
            free: Arc::new(Semaphore::new(count)),
            waiting: Arc::new(Semaphore::new(READS_WAITING)),
        })
    }

    /// Every row of the answer.
    pub(crate) async fn all<T: Send + 'static>(&self, query: Query<T>) -> Result<Vec<T>, StoreError> {
        let _place = self.waiting.try_acquire().map_err(|_| unavailable("too many reads are waiting"))?;
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(unavailable)?;
        let idle = Arc::clone(&self.idle);
        let read = move || {
            let lease = Lease::take(&idle);
            let connection = lease.connection.as_ref().ok_or_else(|| unavailable("no connection is left"))?;
            let rows = fetch(connection, &query);
            drop(lease);
            drop(permit);
            rows
        };
        tokio::task::spawn_blocking(read).await.map_err(unavailable)?
    }
}
