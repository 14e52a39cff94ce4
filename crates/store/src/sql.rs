//! Queries whose conditions depend on a filter, put together piece by piece. Texts are ours; what callers say is bound.

use std::borrow::Cow;

use crate::error::Corrupt;
use crate::statement::{Query, Row, Value};

/// A query under construction.
#[derive(Debug)]
pub(crate) struct Sql {
    text: String,
    args: Vec<Value>,
}

impl Sql {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), args: Vec::new() }
    }

    /// Adds text of ours.
    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds a placeholder for `value`.
    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.args.push(value.into());
        self.text.push('$');
        self.text.push_str(&self.args.len().to_string());
        self
    }

    /// Adds ` AND <column> IN (…)`. Nothing is in an empty list.
    pub(crate) fn and_in<V: Into<Value>>(&mut self, column: &str, values: impl IntoIterator<Item = V>) -> &mut Self {
        self.push(" AND ").within(column, values)
    }

    /// Adds `<column> IN (…)`. Nothing is in an empty list.
    pub(crate) fn within<V: Into<Value>>(&mut self, column: &str, values: impl IntoIterator<Item = V>) -> &mut Self {
        self.push(column).push(" IN (");
        let mut first = true;
        for value in values {
            if !std::mem::take(&mut first) {
                self.push(", ");
            }
            self.bind(value);
        }
        self.push(if first { "NULL)" } else { ")" })
    }

    /// Adds ` AND <column> = …` if there is a value.
    pub(crate) fn and_eq<V: Into<Value>>(&mut self, column: &str, value: Option<V>) -> &mut Self {
        match value {
            Some(value) => self.push(" AND ").push(column).push(" = ").bind(value),
            None => self,
        }
    }

    /// The finished query.
    pub(crate) fn query<T>(self, map: fn(&dyn Row) -> Result<T, Corrupt>) -> Query<T> {
        Query { sql: Cow::Owned(self.text), args: self.args, map }
    }
}
