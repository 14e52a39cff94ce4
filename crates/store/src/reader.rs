//! Reads: one query at a time on one of a few connections, and lists page by page.

use thumbturn_core::ports::StoreError;

use crate::error::Corrupt;
use crate::page::{Cursor, Page, PageRequest};
use crate::sql::DeviceIndex;
use crate::statement::Query;
use crate::{postgres, sqlite};

/// How many reads may run or wait; more are turned away.
pub(crate) const READS_WAITING: usize = 4096;
/// How many rows are read at once where rows are sorted out after reading.
const CHUNK: usize = 500;

/// The connections for reading.
pub(crate) enum Readers {
    Sqlite(sqlite::Pool),
    Postgres(postgres::Pool),
}

impl Readers {
    /// How attempts and events are found by their device.
    pub(crate) const fn device_index(&self) -> DeviceIndex {
        match self {
            Self::Sqlite(_) => DeviceIndex::Runs,
            Self::Postgres(_) => DeviceIndex::Each,
        }
    }

    /// Every row of the answer.
    pub(crate) async fn all<T: Send + 'static>(&self, query: Query<T>) -> Result<Vec<T>, StoreError> {
        match self {
            Self::Sqlite(pool) => pool.all(query).await,
            Self::Postgres(pool) => pool.all(query).await,
        }
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
