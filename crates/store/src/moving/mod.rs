//! Moving from SQLite to PostgreSQL: everything is copied as it is stored, then read back and compared.
//!
//! Invariants:
//! - The old database is not changed, and nobody else has it meanwhile.
//! - The new one holds everything or nothing: schema, rows and counters come with one commit, after the comparison.
//! - Which tables there are is asked of the database, so that none can be forgotten.
//! - What is sealed stays sealed, with the same key: it is not copied, and must be kept apart.

mod error;
mod sum;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

pub use error::MoveError;
pub(crate) use sum::Sum;

use crate::postgres::Target;
use crate::sqlite::Source;
use crate::statement::Value;

/// How many chunks of rows may be on their way.
const CHUNKS: usize = 4;

/// One row, in the order of the columns.
pub(crate) type Values = Vec<Value>;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Real,
    Text,
}

/// A table that is copied.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<(String, Kind)>,
    pub(crate) rows: u64,
    /// The largest number that its counter has given, where it has one.
    pub(crate) counter: Option<i64>,
}

/// What is moved, and where to.
#[derive(Clone)]
pub struct MoveOptions {
    /// The file of the SQLite database.
    pub from: PathBuf,
    /// The file with the key that its secrets are sealed with.
    pub key_file: PathBuf,
    /// The PostgreSQL database, `postgres://…`. It may hold a password.
    pub database_url: String,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// So much is to be copied.
    Begins {
        /// Tables.
        tables: usize,
        /// Rows of all of them.
        rows: u64,
    },
    /// More rows of a table were copied.
    Copied {
        /// Which table.
        table: &'a str,
        /// How many more rows.
        rows: u64,
    },
    /// A table was read back, and holds what the old one does.
    Verified {
        /// Which table.
        table: &'a str,
        /// How many rows it has.
        rows: u64,
    },
}

/// A table that was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedTable {
    /// Its name.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
    /// The sum over all values of its rows, as hexadecimal text: the same in both databases.
    pub checksum: String,
}

/// What was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The new database, in words that hold no password.
    pub to: String,
    /// Every table.
    pub tables: Vec<MovedTable>,
}

/// Copies everything from a SQLite database that no server has open into an empty PostgreSQL database, compares, and
/// commits. `tell` hears how far it is.
///
/// # Errors
/// [`MoveError`]; the new database is as empty as before then, but for [`MoveError::Unsure`].
pub async fn move_to_postgres(
    options: MoveOptions,
    tell: &(dyn Fn(Progress<'_>) + Send + Sync),
) -> Result<Moved, MoveError> {
    let MoveOptions { from, key_file, database_url } = options;
    let (mut source, tables) = spawn_blocking(move || {
        let source = Source::open(&from, &key_file)?;
        let tables = source.tables()?;
        Ok::<_, MoveError>((source, tables))
    })
    .await??;
    let mut target = Target::begin(&database_url).await?;
    tell(Progress::Begins { tables: tables.len(), rows: tables.iter().map(|table| table.rows).sum() });
    let mut sums = Vec::with_capacity(tables.len());
    for table in &tables {
        let (rows, sum);
        (source, rows, sum) = copy(source, &mut target, table, tell).await?;
        target.set_counter(table).await?;
        sums.push((rows, sum));
    }
    let mut moved = Vec::with_capacity(tables.len());
    for (table, (rows, sum)) in tables.iter().zip(sums) {
        let (found_rows, found) = target.sum(table).await?;
        if (found_rows, &found) != (rows, &sum) {
            return Err(MoveError::Differs { table: table.name.clone(), rows, found: found_rows });
        }
        tell(Progress::Verified { table: &table.name, rows });
        moved.push(MovedTable { name: table.name.clone(), rows, checksum: sum.to_string() });
    }
    let to = target.commit().await?;
    Ok(Moved { to, tables: moved })
}

/// Copies one table; how many rows that were, and their sum.
async fn copy(
    source: Source,
    target: &mut Target,
    table: &Table,
    tell: &(dyn Fn(Progress<'_>) + Send + Sync),
) -> Result<(Source, u64, Sum), MoveError> {
    let (sender, receiver) = mpsc::channel(CHUNKS);
    let reads = Arc::new(table.clone());
    let reading = spawn_blocking(move || {
        let read = source.read(&reads, |rows| sender.blocking_send(rows).is_ok());
        read.map(|(rows, sum)| (source, rows, sum))
    });
    let taken = target.take(table, receiver, |rows| tell(Progress::Copied { table: &table.name, rows })).await;
    let read = reading.await?;
    // A refusal of the new database ends the reading: it is the cause.
    taken?;
    read
}
