//! An empty database that takes everything of another: schema, rows and counters in one transaction.

use std::pin::pin;

use futures::TryStreamExt as _;
use tokio::sync::mpsc;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Statement};

use super::connect::{Connector, Link};
use super::execute::{PgRow, bind};
use super::url::Target as Place;
use super::{lock, migrate, open};
use crate::error::{Corrupt, OpenError};
use crate::moving::{Kind, MoveError, Sum, Table, Values};
use crate::statement::{Row as _, Value};

/// What holds or shows rows, but for what an extension of the server brought along.
const RELATIONS: &str = "SELECT relname::text FROM pg_class c WHERE relnamespace = to_regnamespace(current_schema()::text) \
     AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT EXISTS (SELECT FROM pg_depend d \
     WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') ORDER BY (relkind = 'S'), 1";
/// How many of them are named.
const NAMED: usize = 5;

/// No event after the move is older than the newest before it.
const CLOCK: &str = "UPDATE event_clock SET last_event = \
     GREATEST(last_event, (SELECT COALESCE(MAX(created_at), 0) FROM events))";

/// Attempts that a server on the old database did not finish were in its queue, and it may have written their commands: a
/// node that is gone has taken them, so they are settled and never written again.
const TAKEN: &str = "UPDATE attempts SET taken_by = '00000000-0000-0000-0000-000000000000' \
     WHERE ended_at IS NULL AND taken_by IS NULL";

/// A database in the middle of the one transaction that fills it.
pub(crate) struct Target {
    link: Link,
    name: String,
}

impl Target {
    /// Connects, makes sure that the database is empty, and makes the schema in it.
    pub(crate) async fn begin(url: &str) -> Result<Self, MoveError> {
        let place = Place::parse(url).map_err(OpenError::DatabaseUrl)?;
        let name = place.name();
        let unsuitable = |reason| OpenError::Unsuitable { path: name.clone().into(), reason };
        let connector = Connector::new(place).map_err(unsuitable)?;
        let unreachable =
            |source: Error| MoveError::from(OpenError::Database { path: name.clone().into(), source: source.into() });
        let link = connector.connect("migrate-store", None).await.map_err(unreachable)?;
        open::check(&link, &name).await?;
        let target = Self { link, name };
        target.make().await?;
        Ok(target)
    }

    async fn make(&self) -> Result<(), MoveError> {
        // Reading the old database may take a while between two rows.
        self.run("SET idle_in_transaction_session_timeout = 0; BEGIN").await?;
        self.run(lock::FOR_SCHEMA).await?;
        let found = self.link.client.query(RELATIONS, &[]).await.map_err(|error| self.failed(error))?;
        let found: Result<Vec<String>, Error> = found.iter().map(|row| row.try_get(0)).collect();
        let found = found.map_err(|error| self.failed(error))?;
        if !found.is_empty() {
            return Err(MoveError::NotEmpty { to: self.name.clone(), found: self.in_words(&found).await });
        }
        migrate::make(&self.link).await.map_err(|error| self.failed(error))
    }

    /// What is in a database that should be empty.
    async fn in_words(&self, found: &[String]) -> String {
        if found.iter().any(|name| name == "schema_version") && found.iter().any(|name| name == "workspaces") {
            let sql = "SELECT (SELECT COUNT(*) FROM workspaces), (SELECT COUNT(*) FROM devices), \
                       (SELECT COUNT(*) FROM events)";
            if let Ok(row) = self.link.client.query_one(sql, &[]).await
                && let (Ok(workspaces), Ok(devices), Ok(events)) =
                    (row.try_get::<_, i64>(0), row.try_get::<_, i64>(1), row.try_get::<_, i64>(2))
            {
                return format!(
                    "a Thumbturn installation (workspaces: {workspaces}, devices: {devices}, events: {events})"
                );
            }
        }
        let named = found.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        match found.len().saturating_sub(NAMED) {
            0 => named,
            more => format!("{named} and {more} more"),
        }
    }

    /// Takes rows until no more come. `tell` hears how many more there are.
    pub(crate) async fn take(
        &mut self,
        table: &Table,
        mut rows: mpsc::Receiver<Vec<Values>>,
        tell: impl Fn(u64),
    ) -> Result<(), MoveError> {
        let (columns, types) = self.columns(table).await?;
        let sql = format!("COPY {} ({columns}) FROM STDIN BINARY", quoted(&table.name));
        let sink = self.link.client.copy_in(&sql).await.map_err(|error| self.failed(error))?;
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
        while let Some(chunk) = rows.recv().await {
            for row in &chunk {
                writer.as_mut().write_raw(bind(row, 0)).await.map_err(|error| self.failed(error))?;
            }
            tell(chunk.len() as u64);
        }
        writer.as_mut().finish().await.map(drop).map_err(|error| self.failed(error))
    }

    /// The columns of a table as SQL has them, and their types.
    async fn columns(&self, table: &Table) -> Result<(String, Vec<Type>), MoveError> {
        let sql = "SELECT column_name::text, data_type::text FROM information_schema.columns \
                   WHERE table_schema = current_schema() AND table_name = $1";
        let known = self.link.client.query(sql, &[&table.name]).await.map_err(|error| self.failed(error))?;
        let is_known = |name: &str| known.iter().any(|row| row.try_get::<_, &str>(0).is_ok_and(|known| known == name));
        if known.is_empty() {
            return Err(MoveError::Unknown { what: format!("the table {}", table.name) });
        }
        if let Some((unknown, _)) = table.columns.iter().find(|(name, _)| !is_known(name)) {
            return Err(MoveError::Unknown { what: format!("the column {}.{unknown}", table.name) });
        }
        let names: Vec<String> = table.columns.iter().map(|(name, _)| quoted(name)).collect();
        let type_of = |kind: &Kind| match kind {
            Kind::Integer => Type::INT8,
            Kind::Real => Type::FLOAT8,
            Kind::Text => Type::TEXT,
        };
        Ok((names.join(", "), table.columns.iter().map(|(_, kind)| type_of(kind)).collect()))
    }

    /// Has the counter of a table go on behind the numbers that it has given in the old database.
    pub(crate) async fn set_counter(&self, table: &Table) -> Result<(), MoveError> {
        let Some(counter) = table.counter.filter(|counter| *counter > 0) else { return Ok(()) };
        let column = "SELECT column_name::text FROM information_schema.columns WHERE table_schema = current_schema() \
                      AND table_name = $1 AND is_identity = 'YES'";
        let column = self.link.client.query_opt(column, &[&table.name]).await.map_err(|error| self.failed(error))?;
        let unknown = || MoveError::Unknown { what: format!("a counter of {}", table.name) };
        let column: String = column.ok_or_else(unknown)?.try_get(0).map_err(|error| self.failed(error))?;
        let sql = "SELECT setval(pg_get_serial_sequence($1::text, $2::text), $3)";
        let params: [&(dyn ToSql + Sync); 3] = [&quoted(&table.name), &column, &counter];
        self.link.client.query(sql, &params).await.map(drop).map_err(|error| self.failed(error))
    }

    /// How many rows a table has, and their sum.
    pub(crate) async fn sum(&self, table: &Table) -> Result<(u64, Sum), MoveError> {
        let failed = |error: Error| self.failed(error);
        let (columns, _) = self.columns(table).await?;
        let sql = format!("SELECT {columns} FROM {}", quoted(&table.name));
        let prepared: Statement = self.link.client.prepare(&sql).await.map_err(failed)?;
        let nothing: [&(dyn ToSql + Sync); 0] = [];
        let rows = self.link.client.query_raw(&prepared, nothing).await.map_err(failed)?;
        let (mut rows, mut count, mut sum) = (pin!(rows), 0, Sum::default());
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            let row = PgRow::new(&row);
            let value = |(at, (_, kind)): (usize, &(String, Kind))| {
                Ok::<_, Corrupt>(match kind {
                    Kind::Integer => row.integer(at)?.map_or(Value::Null, Value::Integer),
                    Kind::Real => row.real(at)?.map_or(Value::Null, Value::Real),
                    Kind::Text => row.text(at)?.map_or(Value::Null, Value::from),
                })
            };
            let values: Result<Values, Corrupt> = table.columns.iter().enumerate().map(value).collect();
            sum.add(&values.map_err(|corrupt| self.broke(thumbturn_core::ports::StoreError::from(corrupt)))?);
            count += 1;
        }
        Ok((count, sum))
    }

    /// Keeps everything; the name of the database.
    pub(crate) async fn commit(self) -> Result<String, MoveError> {
        self.run(CLOCK).await?;
        self.run(TAKEN).await?;
        if let Err(error) = self.link.client.batch_execute("COMMIT").await {
            let is_refused = error.as_db_error().is_some();
            return Err(if is_refused {
                self.failed(error)
            } else {
                MoveError::Unsure { to: self.name, source: error.into() }
            });
        }
        // The planner would find out by itself, but a minute late.
        let _ = self.link.client.batch_execute("ANALYZE").await;
        let Self { link, name } = self;
        link.end().await;
        Ok(name)
    }

    async fn run(&self, sql: &str) -> Result<(), MoveError> {
        self.link.client.batch_execute(sql).await.map_err(|error| self.failed(error))
    }

    fn failed(&self, source: Error) -> MoveError {
        self.broke(source)
    }

    fn broke(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> MoveError {
        MoveError::Target { to: self.name.clone(), source: source.into() }
    }
}

/// A name as SQL has it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
