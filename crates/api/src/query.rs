//! Query strings: how the official clients' serializer writes parameters, and what people write by hand.
//!
//! A query with `_strict=true` comes from an official client: arrays are repeated keys, commas and spaces are data.
//! Without it commas, `ids[]`, `yes`/`no` and stray spaces are understood too. The schema of the endpoint says what a
//! value is meant to be; a value that does not fit stays text and then fails validation.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::params::JsonObject;
use crate::schema::{Field, Format, Kind, Schema};

/// Name of the parameter that switches to strict reading. It is not a parameter of any endpoint.
const STRICT: &str = "_strict";

/// A query string whose meaning is ambiguous; answered as `invalid_query_params`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    parameter: String,
    reason: &'static str,
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Could not parse parameter: '{}' {}", self.parameter, self.reason)
    }
}

impl std::error::Error for QueryError {}

/// Reads a query string (without the `?`) into an object, by the parameters that the endpoint declares. Names that are
/// not declared are ignored.
pub fn parse_query(query: &str, fields: &[Field]) -> Result<JsonObject, QueryError> {
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let strict = pairs.iter().any(|(name, value)| name == STRICT && value == "true");
    Query { pairs, strict }.object("", fields)
}

struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    strict: bool,
}

impl Query<'_> {
    /// The fields of an object whose names start with `prefix` (empty or ending in a dot).
    fn object(&self, prefix: &str, fields: &[Field]) -> Result<JsonObject, QueryError> {
        let mut object = JsonObject::new();
        for field in fields {
            if let Some(value) = self.value(&format!("{prefix}{}", field.name), &field.schema)? {
                object.insert(field.name.to_owned(), value);
            }
        }
        Ok(object)
    }

    fn value(&self, name: &str, schema: &Schema) -> Result<Option<Value>, QueryError> {
        match &schema.kind {
            Kind::Array { items, .. } => self.array(name, items),
            Kind::Object { fields } => self.nested(name, |prefix| self.object(prefix, fields)),
            Kind::Map { values } => self.nested(name, |prefix| self.map(prefix, values)),
            Kind::JsonObject => self.nested(name, |prefix| self.map(prefix, &Schema::text(None, None).or_null())),
            _ => self.scalar(name, schema),
        }
    }

    /// All values under exactly this name.
    fn values(&self, name: &str) -> Vec<&str> {
        self.pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_ref()).collect()
    }

    fn scalar(&self, name: &str, schema: &Schema) -> Result<Option<Value>, QueryError> {
        match self.values(name).as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(self.convert(only, schema))),
            _ => Err(problem(name, "is given more than once")),
        }
    }

    fn array(&self, name: &str, items: &Schema) -> Result<Option<Value>, QueryError> {
        let elements = if self.strict { self.values(name) } else { self.lenient_elements(name)? };
        match elements.as_slice() {
            [] => return Ok(None),
            [only] if self.is_empty(only, items) => return Ok(Some(Value::Array(Vec::new()))),
            many if many.iter().any(|element| self.is_empty(element, items)) => {
                return Err(problem(name, "mixes empty and other values"));
            }
            _ => {}
        }
        Ok(Some(elements.into_iter().map(|element| self.convert(element, items)).collect()))
    }

    /// The elements of an array in any of the three forms `ids=1&ids=2`, `ids[]=1&ids[]=2` and `ids=1,2`.
    fn lenient_elements<'q>(&'q self, name: &str) -> Result<Vec<&'q str>, QueryError> {
        let plain = self.values(name);
        let bracketed = self.values(&format!("{name}[]"));
        let has_comma = |values: &[&str]| values.iter().any(|value| value.contains(','));
        if self.is_indexed(name) {
            return Err(problem(name, "uses an index, which is not supported"));
        }
        match (plain.as_slice(), bracketed.as_slice()) {
            ([_, ..], [_, ..]) => Err(problem(name, "mixes several ways of writing an array")),
            (_, [_, ..]) if has_comma(&bracketed) => Err(problem(name, "combines brackets with commas")),
            (_, [_, ..]) => Ok(bracketed),
            ([only], _) if only.contains(',') => Ok(only.split(',').collect()),
            _ if has_comma(&plain) => Err(problem(name, "mixes several ways of writing an array")),
            _ => Ok(plain),
        }
    }

    /// Whether there is `name[0]` or the like.
    fn is_indexed(&self, name: &str) -> bool {
        self.pairs.iter().any(|(known, _)| {
            let inside = known.strip_prefix(name).and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']'));
            inside.is_some_and(|index| !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()))
        })
    }

    /// An object in the form `name.key=value`, or `name=` for `null`.
    fn nested(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<JsonObject, QueryError>,
    ) -> Result<Option<Value>, QueryError> {
        let prefix = format!("{name}.");
        let has_keys = self.pairs.iter().any(|(known, _)| known.starts_with(&prefix));
        match (self.values(name).as_slice(), has_keys) {
            ([], false) => Ok(None),
            ([], true) => read(&prefix).map(|object| Some(Value::Object(object))),
            ([only], false) if self.trimmed(only).is_empty() => Ok(Some(Value::Null)),
            ([only], false) => Ok(Some(Value::String((*only).to_owned()))),
            (_, true) => Err(problem(name, "is given both as a value and as an object")),
            (_, false) => Err(problem(name, "is given more than once")),
        }
    }

    /// The pairs of an object whose keys the caller chooses; a key has no dot.
    fn map(&self, prefix: &str, values: &Schema) -> Result<JsonObject, QueryError> {
        let mut map = JsonObject::new();
        for (name, value) in &self.pairs {
            let Some(key) = name.strip_prefix(prefix) else { continue };
            if key.contains('.') {
                return Err(problem(name, "has a dot in its key"));
            }
            if map.insert(key.to_owned(), self.convert(value, values)).is_some() {
                return Err(problem(name, "is given more than once"));
            }
        }
        Ok(map)
    }

    /// What a text means where a value of this schema is expected. What does not fit stays text.
    fn convert(&self, text: &str, schema: &Schema) -> Value {
        if self.is_empty(text, schema) {
            let keeps_empty_text = !self.strict && !schema.nullable && is_plain_text(schema);
            return if keeps_empty_text { Value::String(String::new()) } else { Value::Null };
        }
        self.parse(text, schema).unwrap_or_else(|| Value::String(text.to_owned()))
    }

    fn parse(&self, text: &str, schema: &Schema) -> Option<Value> {
        match &schema.kind {
            Kind::Boolean => self.boolean(text).map(Value::Bool),
            Kind::Integer { .. } | Kind::Number { .. } => number(self.trimmed(text)),
            Kind::String { format: Some(Format::DateTime), .. } => Some(self.trimmed(text).into()),
            Kind::String { .. } => Some(text.into()),
            Kind::OneOf(alternatives) => alternatives.iter().find_map(|alternative| self.parse(text, alternative)),
            _ => None,
        }
    }

    fn boolean(&self, text: &str) -> Option<bool> {
        match self.trimmed(text) {
            "true" => Some(true),
            "false" => Some(false),
            "True" | "TRUE" | "yes" | "Yes" | "YES" | "1" if !self.strict => Some(true),
            "False" | "FALSE" | "no" | "No" | "NO" | "0" if !self.strict => Some(false),
            _ => None,
        }
    }

    fn trimmed<'t>(&self, text: &'t str) -> &'t str {
        if self.strict { text } else { text.trim() }
    }

    /// Whether a text counts as no value: blank is as good as empty where spaces mean nothing.
    fn is_empty(&self, text: &str, schema: &Schema) -> bool {
        text.is_empty() || (!is_plain_text(schema) && self.trimmed(text).is_empty())
    }
}

/// Whether spaces around the value are part of it.
fn is_plain_text(schema: &Schema) -> bool {
    match &schema.kind {
        Kind::String { format, .. } => *format != Some(Format::DateTime),
        Kind::OneOf(alternatives) => alternatives.iter().any(is_plain_text),
        _ => false,
    }
}

fn number(text: &str) -> Option<Value> {
    let digits_only = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    if !digits_only {
        return None; // not "inf" or "nan"
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number)
}

fn problem(parameter: &str, reason: &'static str) -> QueryError {
    /// A name comes from the caller; only its beginning is repeated.
    const MAX_NAME_CHARS: usize = 64;
    QueryError { parameter: parameter.chars().take(MAX_NAME_CHARS).collect(), reason }
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
