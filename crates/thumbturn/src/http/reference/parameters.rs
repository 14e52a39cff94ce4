//! The parameters of an endpoint as rows of a table: those of nested objects stand below the object.

use thumbturn_api::{Field, Format, Kind, Schema};

use super::prose::{Piece, pieces};

/// The largest number of words that a row lists; more are folded away.
const LISTED: usize = 12;

/// One row.
pub(super) struct Parameter {
    /// `faults.jam`: the field `jam` of the object `faults`; `devices[].id`: of each element.
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) required: bool,
    pub(super) default: Option<String>,
    /// `1 to 255 characters`; empty where there are none.
    pub(super) limits: String,
    /// The words that are allowed, where not any text is.
    pub(super) words: Vec<&'static str>,
    pub(super) description: Vec<Piece>,
}

impl Parameter {
    pub(super) fn folds(&self) -> bool {
        self.words.len() > LISTED
    }
}

/// The rows of an endpoint.
pub(super) fn rows(fields: &[Field]) -> Vec<Parameter> {
    let mut rows = Vec::new();
    add(&mut rows, fields, "");
    rows
}

fn add(rows: &mut Vec<Parameter>, fields: &[Field], before: &str) {
    for field in fields {
        let name = format!("{before}{}", field.name);
        rows.push(Parameter {
            kind: kind(&field.schema),
            required: field.required,
            default: field.default.as_ref().map(ToString::to_string),
            limits: limits(&field.schema.kind),
            words: words(&field.schema.kind),
            description: pieces(&field.description),
            name: name.clone(),
        });
        inside(rows, &field.schema, &name);
    }
}

fn inside(rows: &mut Vec<Parameter>, schema: &Schema, name: &str) {
    match &schema.kind {
        Kind::Object { fields } => add(rows, fields, &format!("{name}.")),
        Kind::Array { items, .. } => inside(rows, items, &format!("{name}[]")),
        Kind::Map { values } => inside(rows, values, &format!("{name}.*")),
        Kind::OneOf(kinds) => kinds.iter().for_each(|kind| inside(rows, kind, name)),
        _ => {}
    }
}

fn kind(schema: &Schema) -> String {
    let kind = match &schema.kind {
        Kind::Boolean => "boolean".to_owned(),
        Kind::Integer { .. } => "integer".to_owned(),
        Kind::Number { .. } => "number".to_owned(),
        Kind::String { format, .. } => text(*format).to_owned(),
        Kind::Array { items, .. } => format!("array of {}", kind(items)),
        Kind::Object { .. } | Kind::JsonObject => "object".to_owned(),
        Kind::Map { values } => format!("object of {}", kind(values)),
        Kind::OneOf(kinds) => kinds.iter().map(kind).collect::<Vec<_>>().join(" or "),
    };
    if schema.nullable { kind + " or null" } else { kind }
}

const fn text(format: Option<Format>) -> &'static str {
    match format {
        None => "string",
        Some(Format::Uuid) => "uuid",
        Some(Format::DateTime) => "date-time",
        Some(Format::Email) => "e-mail address",
    }
}

fn limits(kind: &Kind) -> String {
    match kind {
        Kind::Integer { min, max } => range(*min, max.filter(|max| *max < i64::from(u32::MAX)), ""),
        Kind::Number { min, max } => range(*min, *max, ""),
        Kind::String { min_length, max_length, .. } => range(*min_length, *max_length, " characters"),
        Kind::Array { items, min_items, max_items } => {
            let (count, each) = (range(*min_items, *max_items, " elements"), limits(&items.kind));
            [count, each].into_iter().filter(|limit| !limit.is_empty()).collect::<Vec<_>>().join(", each ")
        }
        Kind::OneOf(kinds) => {
            let limits = kinds.iter().map(|schema| limits(&schema.kind)).filter(|limit| !limit.is_empty());
            limits.collect::<Vec<_>>().join("; ")
        }
        Kind::Boolean | Kind::Object { .. } | Kind::Map { .. } | Kind::JsonObject => String::new(),
    }
}

/// `1 to 5 elements`, `at least 1`, `at most 5`.
fn range<T: ToString + PartialEq>(min: Option<T>, max: Option<T>, what: &str) -> String {
    match (min, max) {
        (None, None) => String::new(),
        (Some(min), None) => format!("at least {}{what}", min.to_string()),
        (None, Some(max)) => format!("at most {}{what}", max.to_string()),
        (Some(min), Some(max)) if min == max => format!("{}{what}", min.to_string()),
        (Some(min), Some(max)) => format!("{} to {}{what}", min.to_string(), max.to_string()),
    }
}

fn words(kind: &Kind) -> Vec<&'static str> {
    match kind {
        Kind::String { values, .. } => values.to_vec(),
        Kind::Array { items, .. } => words(&items.kind),
        Kind::OneOf(kinds) => kinds.iter().flat_map(|schema| words(&schema.kind)).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_where_there_are_any() {
        assert_eq!(limits(&Kind::Integer { min: Some(1), max: Some(i64::MAX) }), "at least 1");
        assert_eq!(limits(&Kind::Number { min: Some(0.0), max: Some(1.0) }), "0 to 1");
        assert_eq!(limits(&Schema::text(Some(1), Some(255)).kind), "1 to 255 characters");
        let ids = Kind::Array { items: Box::new(Schema::text(Some(4), None)), min_items: Some(1), max_items: Some(1) };
        assert_eq!(limits(&ids), "1 elements, each at least 4 characters");
        assert_eq!(limits(&Kind::Boolean), "");
    }

    #[test]
    fn an_endpoints_nested_fields_have_rows_of_their_own() {
        let endpoints = thumbturn_api::endpoints();
        let set = endpoints.iter().find(|endpoint| endpoint.path == "/thumbturn/sandbox/locks/set").unwrap();
        let rows = rows(set.params);
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert!(names.contains(&"device_id") && names.contains(&"faults.jam"), "{names:?}");
        let relock = rows.iter().find(|row| row.name == "relock_after_s").unwrap();
        assert_eq!(relock.kind, "integer or null");
    }
}
