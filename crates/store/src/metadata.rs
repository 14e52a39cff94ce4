//! Custom metadata in filters: kept as JSON text, compared here and not in SQL, so that every database agrees.

use serde_json::{Map, Value};

/// What a key of the custom metadata must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataValue {
    /// This text, or the truth value that is written so. Every value matches an empty text.
    Text(String),
    /// This truth value.
    Flag(bool),
    /// The key must not be there.
    Unset,
}

/// Whether the metadata in `json` have all that is `wanted`. Metadata that cannot be read have nothing.
pub(crate) fn has(json: &str, wanted: &[(String, MetadataValue)]) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let metadata = parse(json);
    wanted.iter().all(|(key, wanted)| {
        let actual = metadata.get(key);
        match wanted {
            MetadataValue::Text(text) if text.is_empty() => true,
            MetadataValue::Text(text) => actual.and_then(plain).as_ref() == Some(text),
            MetadataValue::Flag(flag) => actual.and_then(Value::as_bool) == Some(*flag),
            MetadataValue::Unset => actual.and_then(plain).is_none(),
        }
    })
}

/// Whether a value of the metadata in `json` contains `part`, which is in lower case.
pub(crate) fn mentions(json: &str, part: &str) -> bool {
    parse(json).values().filter_map(plain).any(|value| value.to_lowercase().contains(part))
}

fn parse(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_default()
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(json: &str, value: MetadataValue) -> bool {
        has(json, &[("k".to_owned(), value)])
    }

    #[test]
    fn a_text_matches_the_truth_value_that_it_writes_and_not_the_other_way_round() {
        for json in [r#"{"k":true}"#, r#"{"k":"true"}"#] {
            assert!(matches(json, MetadataValue::Text("true".to_owned())));
            assert!(!matches(json, MetadataValue::Flag(false)));
        }
        assert!(matches(r#"{"k":true}"#, MetadataValue::Flag(true)));
        assert!(!matches(r#"{"k":"true"}"#, MetadataValue::Flag(true)));
    }

    #[test]
    fn unset_means_that_the_key_is_not_there() {
        assert!(matches("{}", MetadataValue::Unset));
        assert!(!matches(r#"{"k":"x"}"#, MetadataValue::Unset));
    }

    #[test]
    fn an_empty_text_asks_for_nothing() {
        assert!(matches("{}", MetadataValue::Text(String::new())));
        assert!(!matches("{}", MetadataValue::Text("x".to_owned())));
    }

    #[test]
    fn values_are_searched_and_keys_are_not() {
        assert!(mentions(r#"{"room":"Suite 4"}"#, "suite"));
        assert!(!mentions(r#"{"room":"Suite 4"}"#, "room"));
    }
}
