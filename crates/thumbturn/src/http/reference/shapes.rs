//! What is answered, as rows of a table, from the schemas of the OpenAPI document.

use std::collections::BTreeMap;

use serde_json::Value;

use super::prose::{Piece, pieces};

/// Where the document keeps resources.
const RESOURCES: &str = "#/components/schemas/";

/// One field of an answer.
pub(super) struct Answered {
    /// `properties.locked`: inside the object `properties`; `errors[].message`: of each element.
    pub(super) name: String,
    pub(super) kind: String,
    /// The resource that it is or holds.
    pub(super) resource: Option<String>,
    /// The words that it can be, where they are listed.
    pub(super) words: Vec<String>,
    /// Whether it is there in every answer.
    pub(super) always: bool,
    pub(super) description: Vec<Piece>,
}

/// The fields of an object, those of nested objects below the object.
pub(super) fn rows(schema: &Value) -> Vec<Answered> {
    let mut rows = Vec::new();
    add(&mut rows, &[schema], "");
    rows
}

/// Adds the fields of something that is one of `kinds`.
fn add(rows: &mut Vec<Answered>, kinds: &[&Value], before: &str) {
    let objects: Vec<&Value> = kinds.iter().copied().flat_map(alternatives).filter(|kind| is_object(kind)).collect();
    let mut fields: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for object in &objects {
        for (name, field) in object["properties"].as_object().into_iter().flatten() {
            fields.entry(name).or_default().extend(alternatives(field));
        }
    }
    for (name, kinds) in fields {
        let full = format!("{before}{name}");
        rows.push(Answered {
            kind: name_of(&kinds),
            resource: kinds.iter().copied().find_map(resource),
            words: words(&kinds),
            always: objects.iter().all(|object| is_required(object, name)),
            description: pieces(description(&kinds)),
            name: full.clone(),
        });
        let (lists, others): (Vec<&Value>, Vec<&Value>) = kinds.iter().partition(|kind| kind.get("items").is_some());
        let elements: Vec<&Value> = lists.iter().filter_map(|list| list.get("items")).collect();
        add(rows, &elements, &format!("{full}[]."));
        add(rows, &others, &format!("{full}."));
    }
}

/// A schema, or each of those that it leaves the choice between.
fn alternatives(schema: &Value) -> Vec<&Value> {
    let listed = ["oneOf", "anyOf"].iter().find_map(|word| schema.get(*word)?.as_array());
    listed.map_or_else(|| vec![schema], |kinds| kinds.iter().flat_map(alternatives).collect())
}

fn is_object(schema: &Value) -> bool {
    schema.get("properties").is_some_and(Value::is_object) && schema.get("type").is_some_and(Value::is_string)
}

fn is_required(object: &Value, name: &str) -> bool {
    object["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name))
}

/// What is said of the kind that is something, not of the one that is always null.
fn description<'a>(kinds: &[&'a Value]) -> &'a str {
    let told = kinds.iter().find(|kind| kind.get("type").is_some()).or(kinds.first());
    told.and_then(|kind| kind["description"].as_str()).unwrap_or_default()
}

/// `string or null`.
fn name_of(kinds: &[&Value]) -> String {
    let mut names: Vec<String> = Vec::new();
    for kind in kinds {
        let name = kind_name(kind);
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    if kinds.iter().any(|kind| kind["nullable"] == true) {
        names.push("null".to_owned());
    }
    names.join(" or ")
}

fn kind_name(kind: &Value) -> String {
    if let Some(name) = kind["$ref"].as_str().and_then(|target| target.strip_prefix(RESOURCES)) {
        return name.to_owned();
    }
    if let Some(items) = kind.get("items") {
        return format!("array of {}", name_of(&alternatives(items)));
    }
    if let Some(values) = kind.get("additionalProperties").filter(|values| values.is_object()) {
        return format!("object of {}", name_of(&alternatives(values)));
    }
    let format = kind["format"].as_str().filter(|format| ["uuid", "date-time", "email"].contains(format));
    let of_nothing = if kind["nullable"] == true { "" } else { "any" };
    format.or_else(|| kind["type"].as_str()).unwrap_or(of_nothing).to_owned()
}

fn resource(kind: &Value) -> Option<String> {
    let target = kind.get("items").unwrap_or(kind)["$ref"].as_str()?;
    Some(target.strip_prefix(RESOURCES)?.to_owned())
}

fn words(kinds: &[&Value]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in kinds.iter().filter_map(|kind| kind["enum"].as_array()).flatten().filter_map(Value::as_str) {
        if !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resource_rows(name: &str) -> Vec<Answered> {
        let document = thumbturn_api::openapi::document("http://thumbturn.test");
        rows(&document["components"]["schemas"][name])
    }

    fn row<'a>(rows: &'a [Answered], name: &str) -> &'a Answered {
        rows.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("{name} is missing"))
    }

    #[test]
    fn what_may_be_one_of_several_objects_is_one_table() {
        let attempt = resource_rows("action_attempt");
        let mut names: Vec<&str> = attempt.iter().map(|row| row.name.as_str()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "a field is there once");
        assert_eq!(row(&attempt, "status").words, ["pending", "success", "error"]);
        assert_eq!(row(&attempt, "error").kind, "object or null");
        assert_eq!(row(&attempt, "error.type").kind, "string");
        assert!(row(&attempt, "result").always && !row(&attempt, "result.was_confirmed_by_device").always);
    }

    #[test]
    fn fields_of_lists_and_maps_are_told() {
        let device = resource_rows("device");
        assert_eq!(row(&device, "errors").kind, "array of object");
        assert!(row(&device, "errors[].error_code").always);
        assert_eq!(row(&device, "custom_metadata").kind, "object of string or boolean");
        assert!(!row(&device, "nickname").always);
        assert_eq!(row(&device, "device_id").kind, "uuid");
    }

    #[test]
    fn a_resource_is_named() {
        let list = json!({"type": "object", "properties": {"devices": {"type": "array", "items": {"$ref": "#/components/schemas/device"}}}});
        let rows = rows(&list);
        assert_eq!((rows[0].kind.as_str(), rows[0].resource.as_deref()), ("array of device", Some("device")));
    }
}
