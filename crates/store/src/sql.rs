//! Queries whose conditions depend on a filter, put together piece by piece. Texts are ours; what callers say is bound.

use std::borrow::Cow;
use std::collections::BTreeSet;

use thumbturn_core::ids::DeviceId;

use crate::error::Corrupt;
use crate::statement::{Query, Row, Value};

/// From so many values on, a list is bound as one value: a statement takes 32,766 of them on SQLite and 65,535 on
/// PostgreSQL, and a space, a grant or a session may hold more devices.
const MANY: usize = 1_000;

/// How a list that is bound as one value is taken apart on SQLite. PostgreSQL has another word for it:
/// [`crate::postgres`] puts that in its place.
pub(crate) const EACH: &str = "value FROM json_each(";

/// How attempts and events are found by their device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceIndex {
    /// An index by device, then time. Each device adds in a place of its own, so most rows cost a page.
    Each,
    /// An index by time in each of four runs, which the devices share: rows come in at four places. Whoever looks for a
    /// device walks through its run, in the index alone.
    Runs,
}

/// With more devices than this, a walk through the workspace in the order that is asked for finds enough of them sooner.
const FEW: usize = 16;

impl DeviceIndex {
    /// Whether so many devices are looked for in their runs. The workspace has to be hidden from the planner then.
    pub(crate) const fn has_runs_for(self, devices: usize) -> bool {
        matches!(self, Self::Runs) && devices <= FEW
    }
}

/// The run of a device: the 20th character of its id. In every UUID it is one of `8`, `9`, `a` and `b`, by chance.
fn run_of(device: DeviceId) -> &'static str {
    const DIGITS: [&str; 16] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"];
    let [.., byte, _, _, _, _, _, _, _] = device.0.into_bytes();
    DIGITS[usize::from(byte >> 4)]
}

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
        let values: Vec<Value> = values.into_iter().map(Into::into).collect();
        self.push(column).push(" IN (");
        if let Some(list) = as_list(&values) {
            return self.push("SELECT ").push(EACH).bind(list).push("))");
        }
        let is_empty = values.is_empty();
        for (at, value) in values.into_iter().enumerate() {
            if at > 0 {
                self.push(", ");
            }
            self.args.push(value);
            self.text.push_str(&format!("${}", self.args.len()));
        }
        self.push(if is_empty { "NULL)" } else { ")" })
    }

    /// Adds the condition that `column` is one of these devices, for the index at hand. Nothing is in an empty list.
    pub(crate) fn and_of_devices(&mut self, column: &str, devices: &[DeviceId], index: DeviceIndex) -> &mut Self {
        if !index.has_runs_for(devices.len()) {
            return self.and_in(column, devices.iter().copied());
        }
        let runs: BTreeSet<&'static str> = devices.iter().map(|device| run_of(*device)).collect();
        self.and_in(&format!("substr({column}, 20, 1)"), runs);
        // The `+` keeps SQLite from putting the device into the condition before, where it would not know the index again.
        self.and_in(&format!("+{column}"), devices.iter().copied())
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

/// Many texts as JSON. What PostgreSQL keeps in an escaped form is not found so, and no id needs that.
fn as_list(values: &[Value]) -> Option<String> {
    if values.len() < MANY {
        return None;
    }
    let texts: Vec<&str> = values.iter().map(plain).collect::<Option<_>>()?;
    serde_json::to_string(&texts).ok()
}

fn plain(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) if !text.chars().any(char::is_control) => Some(text),
        _ => None,
    }
}
