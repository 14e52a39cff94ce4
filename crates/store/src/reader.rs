//! Reads: a few connections that can only read, each used by one query at a time on a blocking thread.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use thumbturn_core::ports::StoreError;
use tokio::sync::Semaphore;

use crate::error::{Corrupt, unavailable};
use crate::page::{Cursor, Page, PageRequest};
use crate::sqlite;
use crate::statement::Query;

/// How many reads may run or wait; more are turned away.
const READS_WAITING: usize = 4096;
/// How many rows are read at once where rows are sorted out after reading.
const CHUNK: usize = 500;

/// The connections for reading.
pub(crate) struct Readers {
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

impl Readers {
    /// Opens `count` connections.
    pub(crate) fn open(path: &Path, vfs: Option<&str>, count: usize) -> rusqlite::Result<Self> {
        let count = count.max(1);
        let idle = (0..count).map(|_| sqlite::open_reader(path, vfs)).collect::<Result<Vec<_>, _>>()?;
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
            let rows = sqlite::fetch(connection, &query);
            drop(lease);
            drop(permit);
            rows
        };
        tokio::task::spawn_blocking(read).await.map_err(unavailable)?
    }

    /// The first row of the answer.
    pub(crate) async fn first<T: Send + 'static>(&self, query: Query<T>) -> Result<Option<T>, StoreError> {
        Ok(self.all(query).await?.into_iter().next())
    }

    /// The only row of an answer that always has one.
    pub(crate) async fn one<T: Send + 'static>(&self, query: Query<T>) -> Result<T, StoreError> {
        self.first(query).await?.ok_or_else(|| Corrupt::new("a row is missing").into())
    }

    /// One page of a list. `query` gives the rows after a place.
    pub(crate) async fn page<T: Send + 'static>(
        &self,
        request: PageRequest,
        query: impl FnOnce(Option<Cursor>, usize) -> Query<T> + Send,
        place: impl Fn(&T) -> Cursor + Send,
    ) -> Result<Page<T>, StoreError> {
        let rows = self.all(query(request.after, request.limit.saturating_add(1))).await?;
        Ok(Page::cut(rows, request.limit, place))
    }

    /// One page of a list whose rows are sorted out by `keep` after reading.
    pub(crate) async fn page_where<T: Send + 'static>(
        &self,
        request: PageRequest,
        query: impl Fn(Option<Cursor>, usize) -> Query<T> + Send,
        place: impl Fn(&T) -> Cursor + Send,
        keep: impl Fn(&T) -> bool + Send,
    ) -> Result<Page<T>, StoreError> {
        let wanted = request.limit.saturating_add(1);
        let chunk = wanted.max(CHUNK);
        let (mut kept, mut after) = (Vec::new(), request.after);
        loop {
            let rows = self.all(query(after, chunk)).await?;
            let is_last = rows.len() < chunk;
            after = rows.last().map(&place).or(after);
            kept.extend(rows.into_iter().filter(&keep));
            if is_last || kept.len() >= wanted {
                kept.truncate(wanted);
                return Ok(Page::cut(kept, request.limit, &place));
            }
        }
    }
}
