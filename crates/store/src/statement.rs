//! The seam between what is asked of a database and the database: statements and queries as data, rows as a trait.
//!
//! A text here is portable SQL: `$1` placeholders, row values, `ON CONFLICT`, partial indexes, explicit casts where a
//! placeholder stands in a select list. Texts and mappings are written once; an executor binds, steps and hands rows
//! over, and knows nothing of what they mean. Secrets are sealed before they become a [`Value`].

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use jiff::Timestamp;
use thumbturn_core::ids::{
    AccountId, AttemptId, CallId, ClientSessionId, DeliveryId, DeviceId, EventId, KeyId, NativeId, NodeId, OperatorId,
    SpaceId, UserIdentityId, WebhookId, WorkspaceId,
};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::error::Corrupt;

/// A value that goes into the database.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(Text),
    /// The time of the commit in microseconds, given by the writer: larger than any given before.
    CommitTime,
}

/// A text that goes into the database. Ids and words of ours, of which each row has several, take no memory of their own.
#[derive(Clone)]
pub(crate) enum Text {
    Own(String),
    Word(&'static str),
    Id([u8; Hyphenated::LENGTH]),
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Own(text) => text,
            Self::Word(word) => word,
            // An id is ASCII.
            Self::Id(id) => std::str::from_utf8(id).unwrap_or_default(),
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// What a statement must have done, else the change does not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    Any,
    /// So many rows; otherwise a conflict of this name.
    Rows(u64, &'static str),
}

/// One write.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) sql: &'static str,
    pub(crate) args: Vec<Value>,
    pub(crate) expect: Expect,
}

impl Statement {
    /// A write that may touch any number of rows.
    pub(crate) const fn any(sql: &'static str, args: Vec<Value>) -> Self {
        Self { sql, args, expect: Expect::Any }
    }

    /// A write that must touch exactly one row; otherwise the change conflicts under this name.
    pub(crate) const fn one(sql: &'static str, args: Vec<Value>, conflict: &'static str) -> Self {
        Self { sql, args, expect: Expect::Rows(1, conflict) }
    }
}

/// One read.
pub(crate) struct Query<T> {
    pub(crate) sql: Cow<'static, str>,
    pub(crate) args: Vec<Value>,
    pub(crate) map: fn(&dyn Row) -> Result<T, Corrupt>,
}

/// One row of an answer. Columns count from 0.
pub(crate) trait Row {
    fn integer(&self, column: usize) -> Result<Option<i64>, Corrupt>;
    fn real(&self, column: usize) -> Result<Option<f64>, Corrupt>;
    fn text(&self, column: usize) -> Result<Option<&str>, Corrupt>;
}

/// Reads the columns of a row one after the other, in the order of the select list.
pub(crate) struct Columns<'a> {
    row: &'a dyn Row,
    next: usize,
}

impl<'a> Columns<'a> {
    pub(crate) const fn of(row: &'a dyn Row) -> Self {
        Self { row, next: 0 }
    }

    const fn step(&mut self) -> usize {
        let column = self.next;
        self.next += 1;
        column
    }

    fn present<T>(&self, value: Option<T>) -> Result<T, Corrupt> {
        value.ok_or_else(|| Corrupt::new(format!("column {} is null", self.next - 1)))
    }

    pub(crate) fn opt_str(&mut self) -> Result<Option<&'a str>, Corrupt> {
        let column = self.step();
        self.row.text(column)
    }

    pub(crate) fn str(&mut self) -> Result<&'a str, Corrupt> {
        let value = self.opt_str()?;
        self.present(value)
    }

    pub(crate) fn opt_text(&mut self) -> Result<Option<String>, Corrupt> {
        Ok(self.opt_str()?.map(str::to_owned))
    }

    pub(crate) fn text(&mut self) -> Result<String, Corrupt> {
        Ok(self.str()?.to_owned())
    }

    pub(crate) fn opt_integer(&mut self) -> Result<Option<i64>, Corrupt> {
        let column = self.step();
        self.row.integer(column)
    }

    pub(crate) fn integer(&mut self) -> Result<i64, Corrupt> {
        let value = self.opt_integer()?;
        self.present(value)
    }

    pub(crate) fn opt_real(&mut self) -> Result<Option<f64>, Corrupt> {
        let column = self.step();
        self.row.real(column)
    }

    pub(crate) fn opt_flag(&mut self) -> Result<Option<bool>, Corrupt> {
        Ok(self.opt_integer()?.map(|value| value != 0))
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Corrupt> {
        Ok(self.integer()? != 0)
    }

    pub(crate) fn opt_time(&mut self) -> Result<Option<Timestamp>, Corrupt> {
        self.opt_integer()?.map(time).transpose()
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp, Corrupt> {
        self.integer().and_then(time)
    }

    pub(crate) fn opt_id<I: From<Uuid>>(&mut self) -> Result<Option<I>, Corrupt> {
        self.opt_str()?.map(id).transpose()
    }

    pub(crate) fn id<I: From<Uuid>>(&mut self) -> Result<I, Corrupt> {
        self.str().and_then(id)
    }

    /// A word that stands for one of a closed set of things.
    pub(crate) fn word<T>(&mut self, from_word: impl FnOnce(&str) -> Option<T>) -> Result<T, Corrupt> {
        let word = self.str()?;
        from_word(word).ok_or_else(|| Corrupt::new(format!("unknown word {word:?}")))
    }
}

/// The last instant that can be read back from microseconds; beyond it, [`Timestamp`] goes on for a second.
const LATEST_US: i64 = 253_402_207_200_000_000;

fn time(microseconds: i64) -> Result<Timestamp, Corrupt> {
    Timestamp::from_microsecond(microseconds.min(LATEST_US))
        .map_err(|_| Corrupt::new(format!("no such time: {microseconds}")))
}

fn id<I: From<Uuid>>(text: &str) -> Result<I, Corrupt> {
    Uuid::try_parse(text).map(I::from).map_err(|_| Corrupt::new(format!("not an id: {text:?}")))
}

/// Maps a row of one integer.
pub(crate) fn one_integer(row: &dyn Row) -> Result<i64, Corrupt> {
    Columns::of(row).integer()
}

/// Maps a row of one id.
pub(crate) fn one_id<I: From<Uuid>>(row: &dyn Row) -> Result<I, Corrupt> {
    Columns::of(row).id()
}

/// The arguments of a statement, in the order of its placeholders.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::statement::Value::from($value)),*] };
}
pub(crate) use args;

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::from(value.to_owned())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::from(value.clone())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Text::Own(value))
    }
}

impl From<&Cow<'static, str>> for Value {
    fn from(value: &Cow<'static, str>) -> Self {
        match value {
            Cow::Borrowed(word) => Self::word(word),
            Cow::Owned(text) => Self::from(text),
        }
    }
}

impl Value {
    /// A word of ours.
    pub(crate) const fn word(word: &'static str) -> Self {
        Self::Text(Text::Word(word))
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Integer(value.as_microsecond().min(LATEST_US))
    }
}

impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        let mut id = [0; Hyphenated::LENGTH];
        value.hyphenated().encode_lower(&mut id);
        Self::Text(Text::Id(id))
    }
}

impl From<&NativeId> for Value {
    fn from(value: &NativeId) -> Self {
        Self::from(value.as_str())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! id_values {
    ($($name:ident),+) => {$(
        impl From<$name> for Value {
            fn from(value: $name) -> Self {
                Self::from(value.0)
            }
        }
    )+};
}

id_values!(
    AccountId,
    AttemptId,
    CallId,
    ClientSessionId,
    DeliveryId,
    DeviceId,
    EventId,
    KeyId,
    NodeId,
    OperatorId,
    SpaceId,
    UserIdentityId,
    WebhookId,
    WorkspaceId
);
