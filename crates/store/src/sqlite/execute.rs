//! Binding, stepping, and the names of broken constraints.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode};
use thumbturn_core::ports::StoreError;

use crate::error::{Corrupt, unavailable};
use crate::statement::{Expect, Query, Row, Statement, Value};

/// Why a statement did not do what it should.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A condition did not hold. Only this change fails.
    Conflict(&'static str),
    /// The database failed.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        match &error {
            rusqlite::Error::SqliteFailure(cause, message) if cause.code == ErrorCode::ConstraintViolation => {
                Self::Conflict(constraint(message.as_deref().unwrap_or_default()))
            }
            _ => Self::Database(error),
        }
    }
}

/// The constraint that a message of SQLite is about. SQLite names the columns, PostgreSQL the constraint.
fn constraint(message: &str) -> &'static str {
    const NAMES: &[(&str, &str)] = &[
        ("idempotency.", "idempotency_key"),
        ("kept_calls.", "kept_call"),
        ("accounts.hub_key", "hub_key"),
        ("client_sessions.user_identifier_hash", "user_identifier_key"),
        ("client_sessions.short", "session_short"),
        ("keys.short", "key_short"),
        ("devices.native_id", "native_id"),
        ("settings.key", "set_up"),
        ("spaces.space_key", "space_key"),
        ("space_devices.", "member"),
        ("space_accounts.", "member"),
        ("user_identities.user_identity_key", "user_identity_key"),
        ("user_identities.email_address", "email_address"),
        ("user_identities.phone_number", "phone_number"),
        ("device_grants.", "grant"),
        ("events.event_id", "event_id"),
        ("FOREIGN KEY", "foreign_key"),
    ];
    NAMES.iter().find(|(part, _)| message.contains(part)).map_or("id", |(_, name)| name)
}

/// Runs statements and says how many rows they touched. Of many that are the same, as those of deliveries are, the first is
/// looked up.
pub(crate) fn run(
    connection: &Connection,
    statements: &[Statement],
    mut now: impl FnMut() -> i64,
) -> Result<u64, Failure> {
    let (mut touched, mut left) = (0, statements);
    while let Some(first) = left.first() {
        let mut prepared = connection.prepare_cached(first.sql)?;
        let places = places(&prepared)?;
        let same = left.iter().position(|statement| statement.sql != first.sql).unwrap_or(left.len());
        let (some, after) = left.split_at(same);
        for statement in some {
            touched += run_one(&mut prepared, &places, statement, &mut now)?;
        }
        left = after;
    }
    Ok(touched)
}

fn run_one(
    prepared: &mut CachedStatement<'_>,
    places: &[usize],
    statement: &Statement,
    now: impl FnOnce() -> i64,
) -> Result<u64, Failure> {
    let is_timed = statement.args.iter().any(|value| matches!(value, Value::CommitTime));
    let commit_time = if is_timed { now() } else { 0 };
    bind(prepared, places, &statement.args, commit_time)?;
    let rows = prepared.raw_execute()? as u64;
    match statement.expect {
        Expect::Rows(expected, conflict) if rows != expected => Err(Failure::Conflict(conflict)),
        _ => Ok(rows),
    }
}

/// Runs one query and maps all its rows.
pub(crate) fn fetch<T>(connection: &Connection, query: &Query<T>) -> Result<Vec<T>, StoreError> {
    let mut prepared = connection.prepare_cached(&query.sql).map_err(unavailable)?;
    let places = places(&prepared).map_err(unavailable)?;
    bind(&mut prepared, &places, &query.args, 0).map_err(unavailable)?;
    let mut rows = prepared.raw_query();
    let mut items = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        items.push((query.map)(&SqliteRow(row))?);
    }
    Ok(items)
}

/// Which argument each placeholder stands for, by its *name*: SQLite numbers `$2` by its first appearance, not as the second.
fn places(prepared: &CachedStatement<'_>) -> rusqlite::Result<Vec<usize>> {
    let place = |index| {
        let number = prepared.parameter_name(index).and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
        number.and_then(|number| number.checked_sub(1)).ok_or(rusqlite::Error::InvalidParameterCount(index, 0))
    };
    (1..=prepared.parameter_count()).map(place).collect()
}

fn bind(
    prepared: &mut CachedStatement<'_>,
    places: &[usize],
    args: &[Value],
    commit_time: i64,
) -> rusqlite::Result<()> {
    for (place, index) in places.iter().zip(1..) {
        let value = args.get(*place).ok_or(rusqlite::Error::InvalidParameterCount(index, args.len()))?;
        prepared.raw_bind_parameter(index, Bound { value, commit_time })?;
    }
    Ok(())
}

struct Bound<'a> {
    value: &'a Value,
    commit_time: i64,
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.value {
            Value::Null => ValueRef::Null,
            Value::Integer(value) => ValueRef::Integer(*value),
            Value::Real(value) => ValueRef::Real(*value),
            Value::Text(value) => ValueRef::Text(value.as_bytes()),
            Value::CommitTime => ValueRef::Integer(self.commit_time),
        }))
    }
}

struct SqliteRow<'a, 'b>(&'a rusqlite::Row<'b>);

impl SqliteRow<'_, '_> {
    fn at(&self, column: usize) -> Result<ValueRef<'_>, Corrupt> {
        self.0.get_ref(column).map_err(|_| Corrupt::new(format!("no column {column}")))
    }
}

fn unlike(column: usize, wanted: &str) -> Corrupt {
    Corrupt::new(format!("column {column} is not {wanted}"))
}

impl Row for SqliteRow<'_, '_> {
    fn integer(&self, column: usize) -> Result<Option<i64>, Corrupt> {
        match self.at(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(value) => Ok(Some(value)),
            _ => Err(unlike(column, "an integer")),
        }
    }

    fn real(&self, column: usize) -> Result<Option<f64>, Corrupt> {
        match self.at(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Real(value) => Ok(Some(value)),
            _ => Err(unlike(column, "a real number")),
        }
    }

    fn text(&self, column: usize) -> Result<Option<&str>, Corrupt> {
        match self.at(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(value) => std::str::from_utf8(value).map(Some).map_err(|_| unlike(column, "UTF-8")),
            _ => Err(unlike(column, "text")),
        }
    }
}

/// Begins a transaction that may write.
pub(crate) fn begin(connection: &Connection) -> rusqlite::Result<()> {
    step(connection, "BEGIN IMMEDIATE")
}

/// Commits: what was written is on disk afterwards.
pub(crate) fn commit(connection: &Connection) -> rusqlite::Result<()> {
    step(connection, "COMMIT")
}

/// Takes the whole transaction back, if one is open.
pub(crate) fn rollback(connection: &Connection) -> rusqlite::Result<()> {
    if connection.is_autocommit() { Ok(()) } else { step(connection, "ROLLBACK") }
}

/// Begins one change within a transaction, or, with `release`, keeps it.
pub(crate) fn savepoint(connection: &Connection, release: bool) -> rusqlite::Result<()> {
    step(connection, if release { "RELEASE change" } else { "SAVEPOINT change" })
}

/// Takes one change back and leaves the others.
pub(crate) fn rollback_to(connection: &Connection) -> rusqlite::Result<()> {
    step(connection, "ROLLBACK TO change")?;
    step(connection, "RELEASE change")
}

fn step(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.raw_execute().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_bound_by_name() {
        let connection = Connection::open_in_memory().unwrap();
        let query = Query {
            sql: "SELECT $2, $1, $2".into(),
            args: crate::statement::args!["one", "two"],
            map: |row| Ok((row.text(0)?.map(str::to_owned), row.text(1)?.map(str::to_owned))),
        };
        let rows = fetch(&connection, &query).unwrap();
        assert_eq!(rows, [(Some("two".to_owned()), Some("one".to_owned()))]);
    }

    #[test]
    fn a_missing_argument_is_an_error() {
        let connection = Connection::open_in_memory().unwrap();
        let query = Query { sql: "SELECT $2".into(), args: vec![Value::Null], map: |_| Ok(()) };
        assert!(fetch(&connection, &query).is_err());
    }
}
