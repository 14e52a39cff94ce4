//! What every kind of hub's settings have in common: a JSON object, and a refusal that names the key.

use serde_json::{Map, Value};

/// What is wrong with a hub's settings, and where. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct ConfigProblem {
    /// The key at fault; `config` where the whole is no JSON object.
    pub field: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl ConfigProblem {
    pub(crate) fn new(field: &str, problem: impl Into<String>) -> Self {
        Self { field: field.to_owned(), problem: problem.into() }
    }
}

/// How long a text of the settings may be; a bundle of authorities is the longest.
const MOST_TEXT: usize = 256 * 1024;

/// A text, or nothing where the key is absent or null.
///
/// # Errors
/// Something else than a text, or too much of it.
pub(crate) fn text_of<'a>(keys: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, ConfigProblem> {
    match keys.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= MOST_TEXT => Ok(Some(text)),
        Some(Value::String(_)) => Err(ConfigProblem::new(key, "is too long")),
        Some(_) => Err(ConfigProblem::new(key, "must be a string")),
    }
}

/// The keys of a hub's settings.
///
/// # Errors
/// A text that is no JSON object.
pub(crate) fn keys_of(text: &str) -> Result<Map<String, Value>, ConfigProblem> {
    match serde_json::from_str(text) {
        Ok(Value::Object(keys)) => Ok(keys),
        Ok(_) => Err(ConfigProblem::new("config", "must be a JSON object")),
        Err(_) => Err(ConfigProblem::new("config", "is not JSON")),
    }
}
