//! No text with a NUL character, in whatever parameter: not every database can hold one, and nobody means one.

use serde_json::Value;

use crate::params::JsonObject;
use crate::problems::Problems;
use crate::schema::Field;

/// Records every text and every key inside a declared parameter that has a NUL character.
pub(crate) fn refuse(input: &JsonObject, fields: &[Field], problems: &mut Problems) {
    let declared = fields.iter().filter_map(|field| input.get_key_value(field.name));
    for (name, value) in declared.filter(|(_, value)| is_within(value)) {
        problems.at(name, |at| record(value, at));
    }
}

/// Looks before anything is recorded: lists are long, and hardly ever is there one.
fn is_within(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(is_within),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || is_within(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn record(value: &Value, problems: &mut Problems) {
    match value {
        Value::String(text) if text.contains('\0') => problems.add("String must not contain the NUL character"),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate().filter(|(_, item)| is_within(item)) {
                problems.at(&index.to_string(), |at| record(item, at));
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                if name.contains('\0') {
                    problems.at(name, |at| at.add("Key must not contain the NUL character"));
                }
                problems.at(name, |at| record(value, at));
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
