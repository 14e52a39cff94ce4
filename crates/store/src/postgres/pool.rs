//! A few connections for reading, opened when they are needed and again when they broke.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thumbturn_core::ports::StoreError;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Row as Answered;

use super::connect::{Link, SharedConnector};
use super::execute::{Failure, Fault, PgRow, bind, in_postgres};
use crate::error::unavailable;
use crate::reader::READS_WAITING;
use crate::statement::{Query, Value};

/// How long a read is tried again while the database cannot be reached: a restart takes a moment.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries.
const RETRY: Duration = Duration::from_millis(100);
/// How long one read may take.
const LONGEST: Duration = Duration::from_secs(30);

/// The connections for reading.
pub(crate) struct Pool {
    runtime: Handle,
    shared: Arc<Shared>,
    free: Arc<Semaphore>,
    waiting: Semaphore,
}

struct Shared {
    connector: SharedConnector,
    idle: Mutex<Vec<Link>>,
}

impl Pool {
    /// A pool of at most `count` connections.
    pub(super) fn new(connector: SharedConnector, runtime: Handle, count: usize) -> Self {
        Self {
            runtime,
            shared: Arc::new(Shared { connector, idle: Mutex::new(Vec::new()) }),
            free: Arc::new(Semaphore::new(count.max(1))),
            waiting: Semaphore::new(READS_WAITING),
        }
    }

    /// Every row of the answer.
    pub(crate) async fn all<T: Send + 'static>(&self, query: Query<T>) -> Result<Vec<T>, StoreError> {
        let _place = self.waiting.try_acquire().map_err(|_| unavailable("too many reads are waiting"))?;
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(unavailable)?;
        let shared = Arc::clone(&self.shared);
        let Query { sql, args, map } = query;
        // In a task of its own, so that a caller who goes away leaves no half-read connection behind.
        let read = self.runtime.spawn(async move {
            let rows = shared.read(sql, args).await;
            drop(permit);
            rows
        });
        let rows = read.await.map_err(unavailable)?.map_err(unavailable)?;
        rows.iter().map(|row| map(&PgRow::new(row)).map_err(StoreError::from)).collect()
    }
}

impl Shared {
    /// Reads change nothing, so one whose connection broke is made again on another.
    async fn read(&self, sql: Cow<'static, str>, args: Vec<Value>) -> Result<Vec<Answered>, Fault> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.try_read(&sql, &args).await {
                Ok(rows) => return Ok(rows),
                Err(Failure::Lost(_) | Failure::Again(_)) if Instant::now() < until => sleep(RETRY).await,
                Err(Failure::Lost(fault) | Failure::Again(fault) | Failure::Refused(fault)) => return Err(fault),
                // A read breaks no constraint.
                Err(Failure::Conflict(_)) => return Err(Fault::Silent),
            }
        }
    }

    async fn try_read(&self, sql: &str, args: &[Value]) -> Result<Vec<Answered>, Failure> {
        let mut link = match self.take() {
            Some(link) => link,
            None => self.connector.connect("reads", None).await?,
        };
        let reading = async {
            let prepared = link.prepare(&in_postgres(sql)).await?;
            let params: Vec<_> = bind(args, 0).collect();
            let params: Vec<_> =
                params.iter().map(|value| value as &(dyn tokio_postgres::types::ToSql + Sync)).collect();
            link.client.query(&prepared, &params).await
        };
        let rows = timeout(LONGEST, reading).await.map_err(|_| Failure::Refused(Fault::Silent))?;
        if !matches!(&rows, Err(error) if error.as_db_error().is_none()) {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(link);
        }
        Ok(rows?)
    }

    /// A connection that lives, as far as is known.
    fn take(&self) -> Option<Link> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(link) = idle.pop() {
            if !link.is_over() {
                return Some(link);
            }
        }
        None
    }
}
