//! Values and rows, and what the errors of PostgreSQL mean.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::error::Error as StdError;
use std::io;

use bytes::BytesMut;
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::types::{IsNull, ToSql, Type, WrongType, to_sql_checked};
use tokio_postgres::{Error, Row as Answered};

use crate::error::Corrupt;
use crate::sql::EACH;
use crate::statement::{Row, Value};

/// What went wrong with the database.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// It says so, or the connection to it broke.
    #[error("{}", words(.0))]
    Database(#[from] Error),
    /// It says nothing.
    #[error("the database does not answer")]
    Silent,
    /// Another server commands the hubs now.
    #[error("another server has taken the database")]
    Taken,
    /// This node was ended.
    #[error("the lease of this node is over")]
    Fenced,
    /// A fault of ours.
    #[error("the values do not fit the statement: {0}")]
    Unfit(&'static str),
}

/// An error with its cause: by itself it says "db error".
fn words(error: &Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Why a statement did not do what it should.
#[derive(Debug)]
pub(super) enum Failure {
    /// A condition did not hold. Only this change fails.
    Conflict(&'static str),
    /// The database refused: a full disk, most likely. The connection is well.
    Refused(Fault),
    /// Two transactions were in each other's way. Trying again helps.
    Again(Fault),
    /// The connection is gone, or goes.
    Lost(Fault),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let Some(told) = error.as_db_error() else {
            let broke = error.is_closed() || error.source().is_some_and(|source| source.is::<io::Error>());
            return if broke { Self::Lost(error.into()) } else { Self::Refused(error.into()) };
        };
        let code = told.code();
        match code.code().get(..2) {
            Some("23") => Self::Conflict(constraint(code, told.constraint().unwrap_or_default())),
            // Shut down, cut off by an operator, or starting up; a broken connection.
            Some("57" | "08") => Self::Lost(error.into()),
            _ if matches!(told.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) => Self::Lost(error.into()),
            // A failover has made this server a standby.
            _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION => Self::Lost(error.into()),
            _ if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code) => {
                Self::Again(error.into())
            }
            _ => Self::Refused(error.into()),
        }
    }
}

/// The name under which a broken constraint conflicts. Most are named in the schema; others by PostgreSQL.
fn constraint(code: &SqlState, name: &str) -> &'static str {
    const NAMED: [&str; 12] = [
        "idempotency_key",
        "kept_call",
        "hub_key",
        "user_identifier_key",
        "session_short",
        "key_short",
        "native_id",
        "space_key",
        "user_identity_key",
        "email_address",
        "phone_number",
        "event_id",
    ];
    match name {
        _ if *code == SqlState::FOREIGN_KEY_VIOLATION => "foreign_key",
        "settings_pkey" => "set_up",
        "space_devices_pkey" | "space_accounts_pkey" => "member",
        "device_grants_pkey" => "grant",
        name => NAMED.into_iter().find(|known| *known == name).unwrap_or("id"),
    }
}

/// PostgreSQL keeps no NUL in a text. It is written as this character and a `0`, and the character itself twice.
const ESCAPE: char = '\u{1a}';

fn escape(text: &str) -> Option<String> {
    if !text.contains(['\0', ESCAPE]) {
        return None;
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => escaped.extend([ESCAPE, '0']),
            ESCAPE => escaped.extend([ESCAPE, ESCAPE]),
            other => escaped.push(other),
        }
    }
    Some(escaped)
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(match c {
            ESCAPE if chars.next() == Some('0') => '\0',
            other => other,
        });
    }
    plain
}

/// A value on its way into a statement.
#[derive(Debug)]
pub(super) struct Bound<'a> {
    pub(super) value: &'a Value,
    pub(super) commit_time: i64,
}

impl ToSql for Bound<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match (self.value, kind) {
            (Value::Null, _) => Ok(IsNull::Yes),
            (Value::Integer(value), &Type::INT8) => value.to_sql(kind, out),
            (Value::CommitTime, &Type::INT8) => self.commit_time.to_sql(kind, out),
            (Value::Real(value), &Type::FLOAT8) => value.to_sql(kind, out),
            (Value::Text(text), &Type::TEXT) => match escape(text) {
                None => (&**text).to_sql(kind, out),
                Some(escaped) => escaped.to_sql(kind, out),
            },
            // A list: see `in_postgres`.
            (Value::Text(text), &Type::JSON) => {
                out.extend_from_slice(text.as_bytes());
                Ok(IsNull::No)
            }
            _ => Err(WrongType::new::<i64>(kind.clone()).into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The text of a query as PostgreSQL understands it.
pub(super) fn in_postgres(sql: &str) -> Cow<'_, str> {
    if sql.contains(EACH) { sql.replace(EACH, "json_array_elements_text(").into() } else { sql.into() }
}

/// The values of a statement, in the order of its placeholders.
pub(super) fn bind(args: &[Value], commit_time: i64) -> impl ExactSizeIterator<Item = Bound<'_>> {
    args.iter().map(move |value| Bound { value, commit_time })
}

/// A row of an answer.
pub(super) struct PgRow<'a> {
    row: &'a Answered,
    /// Texts that were escaped, by column.
    plain: Vec<OnceCell<String>>,
}

impl<'a> PgRow<'a> {
    pub(super) fn new(row: &'a Answered) -> Self {
        Self { row, plain: vec![OnceCell::new(); row.len()] }
    }
}

fn unlike(column: usize, wanted: &str) -> Corrupt {
    Corrupt::new(format!("column {column} is not {wanted}"))
}

impl Row for PgRow<'_> {
    fn integer(&self, column: usize) -> Result<Option<i64>, Corrupt> {
        self.row.try_get(column).map_err(|_| unlike(column, "an integer"))
    }

    fn real(&self, column: usize) -> Result<Option<f64>, Corrupt> {
        self.row.try_get(column).map_err(|_| unlike(column, "a real number"))
    }

    fn text(&self, column: usize) -> Result<Option<&str>, Corrupt> {
        let text: Option<&str> = self.row.try_get(column).map_err(|_| unlike(column, "text"))?;
        Ok(match (text, self.plain.get(column)) {
            (Some(text), Some(plain)) if text.contains(ESCAPE) => Some(plain.get_or_init(|| unescape(text))),
            _ => text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_a_nul_comes_back_as_it_was() {
        for text in ["", "plain", "a\0b", "\0", "\u{1a}", "\u{1a}0", "\u{1a}\0\u{1a}0\0"] {
            let kept = escape(text).unwrap_or_else(|| text.to_owned());
            assert!(!kept.contains('\0'));
            assert_eq!(unescape(&kept), text, "{text:?}");
        }
    }
}
