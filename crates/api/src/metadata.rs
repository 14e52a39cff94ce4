//! `custom_metadata`: pairs that applications attach to devices and accounts. Limits as in the "Custom metadata" chapter
//! of the Seam API reference.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::params::{JsonObject, Param, read_object};
use crate::problems::Problems;
use crate::schema::{Kind, Schema};

/// Largest number of pairs.
pub const MAX_PAIRS: usize = 50;

/// Largest number of characters of a key. A key may not contain a dot.
pub const MAX_KEY_CHARS: usize = 40;

/// Largest number of characters of a text value.
pub const MAX_VALUE_CHARS: usize = 500;

/// A value of a pair.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MetadataValue {
    /// Text of 1 to 500 characters.
    Text(String),
    /// A boolean.
    Boolean(bool),
}

crate::schema::inline_schema!(MetadataValue, {"oneOf": [{"type": "string"}, {"type": "boolean"}]});

impl MetadataValue {
    fn is_empty_text(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }
}

/// Pairs as they are answered; `{}` when there are none.
pub type CustomMetadata = BTreeMap<String, MetadataValue>;

/// Pairs to set (`Some`) and keys to remove (`None`, sent as `null` or an empty text).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetadataChanges(pub BTreeMap<String, Option<MetadataValue>>);

/// A filter by pairs: all have to match. `None` (sent as `null`) matches where the key is unset; a pair with an empty
/// text is left out of the filter. In a query string every value is text, so the text `true` also matches the boolean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetadataFilter(pub BTreeMap<String, Option<MetadataValue>>);

fn schema() -> Schema {
    let text = Schema::text(None, Some(MAX_VALUE_CHARS));
    let values = Box::new(Schema::of(Kind::OneOf(vec![text, Schema::of(Kind::Boolean)])).or_null());
    Schema::of(Kind::Map { values })
}

/// Reads the pairs. An empty text is kept as such; `null` becomes `None`.
fn read_pairs(input: &JsonObject, problems: &mut Problems) -> Option<BTreeMap<String, Option<MetadataValue>>> {
    let pairs: BTreeMap<_, _> = input
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), problems.at(key, |p| read_value(value, p))?)))
        .collect();
    (pairs.len() == input.len()).then_some(pairs)
}

fn read_value(value: &Value, problems: &mut Problems) -> Option<Option<MetadataValue>> {
    match value {
        Value::Null => Some(None),
        Value::Bool(boolean) => Some(Some(MetadataValue::Boolean(*boolean))),
        Value::String(text) if text.chars().count() <= MAX_VALUE_CHARS => Some(Some(MetadataValue::Text(text.clone()))),
        Value::String(_) => {
            problems.add(format!("String must contain at most {MAX_VALUE_CHARS} character(s)"));
            None
        }
        _ => {
            problems.add_type("string or boolean", value);
            None
        }
    }
}

fn check_keys(input: &JsonObject, problems: &mut Problems) {
    if input.values().filter(|value| !value.is_null() && value.as_str() != Some("")).count() > MAX_PAIRS {
        problems.add(format!("Object must contain at most {MAX_PAIRS} key(s)"));
    }
    for key in input.keys() {
        if key.is_empty() || key.contains('.') || key.chars().count() > MAX_KEY_CHARS {
            problems.at(key, |inner| inner.add(format!("Key must have 1 to {MAX_KEY_CHARS} characters and no dot")));
        }
    }
}

impl Param for MetadataChanges {
    fn schema() -> Schema {
        schema()
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        let input = read_object(value, problems)?;
        check_keys(input, problems);
        let pairs = read_pairs(input, problems)?;
        let changes = pairs.into_iter().map(|(key, value)| (key, value.filter(|value| !value.is_empty_text())));
        problems.is_empty().then(|| Self(changes.collect()))
    }
}

impl Param for MetadataFilter {
    fn schema() -> Schema {
        schema()
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        let mut pairs = read_pairs(read_object(value, problems)?, problems)?;
        pairs.retain(|_, value| !value.as_ref().is_some_and(MetadataValue::is_empty_text));
        Some(Self(pairs))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read<T: Param>(value: &Value) -> Result<T, String> {
        let mut problems = Problems::default();
        T::read(value, &mut problems).ok_or_else(|| problems.message())
    }

    #[test]
    fn null_and_empty_text_remove_a_key() {
        let changes: MetadataChanges = read(&json!({"a": "x", "b": null, "c": "", "d": false})).unwrap();
        let removed: Vec<_> = changes.0.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| key).collect();
        assert_eq!(removed, ["b", "c"]);
        assert_eq!(changes.0["d"], Some(MetadataValue::Boolean(false)));
    }

    #[test]
    fn limits_are_enforced() {
        assert_eq!(
            read::<MetadataChanges>(&json!({"a": 1})).unwrap_err(),
            "Expected string or boolean, received number for \"a\""
        );
        assert!(read::<MetadataChanges>(&json!({"a.b": "x"})).is_err());
        assert!(read::<MetadataChanges>(&json!({"k".repeat(41): "x"})).is_err());
        assert!(read::<MetadataChanges>(&json!({"k".repeat(40): "x".repeat(500)})).is_ok());
        assert!(read::<MetadataChanges>(&json!({"k": "x".repeat(501)})).is_err());
        let many: JsonObject = (0..51).map(|n| (n.to_string(), json!(true))).collect();
        assert_eq!(read::<MetadataChanges>(&Value::Object(many)).unwrap_err(), "Object must contain at most 50 key(s)");
    }

    #[test]
    fn removals_do_not_count() {
        let many: JsonObject = (0..51).map(|n| (n.to_string(), json!(null))).collect();
        assert_eq!(read::<MetadataChanges>(&Value::Object(many)).unwrap().0.len(), 51);
    }

    #[test]
    fn a_filter_keeps_what_must_be_unset_and_leaves_empty_texts_out() {
        let filter: MetadataFilter = read(&json!({"vip": "true", "gone": null, "ignored": ""})).unwrap();
        assert_eq!(filter.0.keys().collect::<Vec<_>>(), ["gone", "vip"]);
        assert_eq!(filter.0["gone"], None);
    }
}
