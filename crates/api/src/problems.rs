//! What is wrong with an input, all of it at once, in the tree form that official clients take apart
//! (`validation_errors` of an `invalid_input` error).

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// The text for a missing parameter. The summary turns it into `<path> is required`.
const REQUIRED: &str = "Required";

/// Name of the list of problems in each node of the tree; no child may carry it.
const ERRORS_KEY: &str = "_errors";

/// How many children a node keeps, so that a hostile input cannot make the answer grow without limit.
const MAX_CHILDREN: usize = 50;

/// How many problems the summary spells out: each may name a list of words, and a caller may be wrong in many elements.
const MAX_SUMMARIZED: usize = 10;

/// How many characters of a name chosen by the caller are repeated back.
const MAX_NAME_CHARS: usize = 64;

/// A node of the tree: problems of this value and problems of the values inside it, in order of discovery.
///
/// Serializes as `{"_errors": [...], "<name>": {...}}`. Problems never repeat the value of free text, so that no
/// secret comes back in an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    errors: Vec<String>,
    children: Vec<(String, Problems)>,
}

impl Problems {
    /// A tree with one problem that concerns the whole input.
    pub fn of_input(text: impl Into<String>) -> Self {
        let mut problems = Self::default();
        problems.add(text);
        problems
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty() && self.children.is_empty()
    }

    /// Records a problem of this value.
    pub fn add(&mut self, text: impl Into<String>) {
        self.errors.push(text.into());
    }

    /// Records that this value is missing.
    pub fn add_required(&mut self) {
        self.add(REQUIRED);
    }

    /// Records that this value has the wrong type: `Expected string, received number`.
    pub fn add_type(&mut self, expected: &str, received: &Value) {
        self.add(format!("Expected {expected}, received {}", type_name(received)));
    }

    /// Lets `read` record problems of the value called `name` inside this one (an index for array elements).
    pub fn at<T>(&mut self, name: &str, read: impl FnOnce(&mut Problems) -> T) -> T {
        let mut inner = Problems::default();
        let result = read(&mut inner);
        self.attach(name, inner);
        result
    }

    fn attach(&mut self, name: &str, inner: Problems) {
        if inner.is_empty() || self.children.len() >= MAX_CHILDREN {
            return;
        }
        if name == ERRORS_KEY {
            self.absorb(inner);
            return;
        }
        let name: String = name.chars().take(MAX_NAME_CHARS).collect();
        match self.children.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => known.absorb(inner),
            None => self.children.push((name, inner)),
        }
    }

    /// Takes over everything that is wrong in another node.
    fn absorb(&mut self, other: Problems) {
        self.errors.extend(other.errors);
        for (name, child) in other.children {
            self.attach(&name, child);
        }
    }

    /// The one-line summary that becomes the error's message.
    ///
    /// One problem: `device_id is required` or `Invalid uuid for "device_id"`; several: `2 Input Errors: a, b`;
    /// a problem of the whole input: just its text. The first ten are spelled out, the tree has the others.
    pub fn message(&self) -> String {
        let mut lines = Vec::new();
        self.summarize("", &mut lines);
        match (lines.as_slice(), lines.len().saturating_sub(MAX_SUMMARIZED)) {
            ([only], _) => only.clone(),
            (all, 0) => format!("{} Input Errors: {}", all.len(), all.join(", ")),
            (all, more) => {
                format!("{} Input Errors: {}, and {more} more", all.len(), all[..MAX_SUMMARIZED].join(", "))
            }
        }
    }

    fn summarize(&self, path: &str, lines: &mut Vec<String>) {
        for text in &self.errors {
            lines.push(match text.as_str() {
                _ if path.is_empty() => text.clone(),
                REQUIRED => format!("{path} is required"),
                _ => format!("{text} for \"{path}\""),
            });
        }
        for (name, child) in &self.children {
            let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            child.summarize(&inner, lines);
        }
    }
}

impl Serialize for Problems {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.children.len() + 1))?;
        map.serialize_entry(ERRORS_KEY, &self.errors)?;
        for (name, child) in &self.children {
            map.serialize_entry(name, child)?;
        }
        map.end()
    }
}

/// The name of a JSON value's type, as problems state it.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_problem_is_its_own_summary() {
        let mut problems = Problems::default();
        problems.at("device_id", Problems::add_required);
        assert_eq!(problems.message(), "device_id is required");
        assert_eq!(
            serde_json::to_value(&problems).unwrap(),
            json!({"_errors": [], "device_id": {"_errors": ["Required"]}})
        );
    }

    #[test]
    fn several_problems_are_counted() {
        let mut problems = Problems::default();
        problems.at("device_id", Problems::add_required);
        problems.at("ids", |inner| inner.at("1", |element| element.add("Invalid uuid")));
        assert_eq!(problems.message(), "2 Input Errors: device_id is required, Invalid uuid for \"ids.1\"");
    }

    #[test]
    fn the_summary_of_many_problems_spells_out_the_first() {
        let mut problems = Problems::default();
        for index in 0..12 {
            problems.at("ids", |inner| inner.at(&index.to_string(), |element| element.add("Invalid uuid")));
        }
        let message = problems.message();
        assert!(message.starts_with("12 Input Errors: Invalid uuid for \"ids.0\", "), "{message}");
        assert!(message.ends_with("Invalid uuid for \"ids.9\", and 2 more"), "{message}");
    }

    #[test]
    fn a_problem_of_the_whole_input_is_just_its_text() {
        assert_eq!(Problems::of_input("Pick one").message(), "Pick one");
    }

    #[test]
    fn hostile_names_and_numbers_of_problems_are_bounded() {
        let mut problems = Problems::default();
        problems.at("_errors", |inner| inner.add("hidden"));
        for index in 0..1000 {
            problems.at(&format!("{index}{}", "x".repeat(1000)), |inner| inner.add("bad"));
        }
        assert_eq!(problems.children.len(), MAX_CHILDREN);
        assert!(problems.children.iter().all(|(name, _)| name.chars().count() <= MAX_NAME_CHARS));
        assert_eq!(problems.errors, ["hidden"]);
    }

    #[test]
    fn what_is_found_in_one_value_at_two_times_is_one_node() {
        let mut problems = Problems::default();
        problems.at("a", |a| a.at("x", |x| x.add("first")));
        problems.at("a", |a| a.at("y", |y| y.add("second")));
        problems.at("_errors", |hidden| hidden.at("z", |z| z.add("third")));
        let message = "3 Input Errors: first for \"a.x\", second for \"a.y\", third for \"z\"";
        assert_eq!(problems.message(), message);
    }
}
