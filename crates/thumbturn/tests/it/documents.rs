//! The two documents that describe answers, and a check of an answer against both: the official document, cut down by
//! `e2e/js/official_schema.mjs`, and our own. Nothing an answer holds may contradict the one, and nothing may be missing
//! from the other.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use http::{Method, StatusCode};
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use thumbturn_api::openapi;

use crate::app::PUBLIC_URL;

/// Answers `ok` and stands in no document: whoever restarts the server asks for it.
const PROBES: [&str; 2] = ["/health/live", "/health/ready"];

/// What the official document requires in a newer version than the one that is published.
const REQUIRED_LATER: [(&str, &str); 3] = [
    ("unmanaged_device", "display_name"),
    ("user_identity", "merged_user_identity_ids"),
    ("user_identity", "merged_user_identity_keys"),
];

/// Words of a schema that say nothing about a value.
const PROSE: [&str; 4] = ["description", "default", "title", "deprecated"];

static OFFICIAL: LazyLock<Document> = LazyLock::new(official);
static OWN: LazyLock<Document> = LazyLock::new(|| own(&OWN_TEXT));
static OWN_TEXT: LazyLock<Value> = LazyLock::new(|| openapi::document(PUBLIC_URL));

/// Holds an answer with a body against both documents; panics where it contradicts one.
pub(crate) fn check(method: &Method, path: &str, status: StatusCode, body: &Value) {
    let operations = &OWN_TEXT["paths"][path];
    if status != StatusCode::OK {
        OWN.check("error", body);
        assert!(may_refuse(operations, method, status), "{method} {path} does not say that it may answer {status}");
    } else if PROBES.contains(&path) {
        assert_eq!(*body, json!({"ok": true}), "{path}");
    } else if path == "/openapi.json" {
        assert_eq!(body["paths"], OWN_TEXT["paths"]);
    } else {
        assert!(operations.is_object(), "{path} is not in the document");
        OWN.check(path, body);
        if OFFICIAL.answers.contains_key(path) {
            OFFICIAL.check(path, body);
        }
    }
}

/// Whether the document has this status for the call. What it does not have at all is refused as unknown or not
/// implemented, or because the server is busy; a method that it does not have, as that, once the caller is known.
fn may_refuse(operations: &Value, method: &Method, status: StatusCode) -> bool {
    let Some(operations) = operations.as_object() else {
        return [404, 405, 501, 503].contains(&status.as_u16());
    };
    let word = if *method == Method::HEAD { "get".to_owned() } else { method.as_str().to_lowercase() };
    let has = |operation: &Value| operation["responses"].get(status.as_str()).is_some();
    match operations.get(&word) {
        Some(operation) => has(operation),
        None => status == StatusCode::METHOD_NOT_ALLOWED || operations.values().any(has),
    }
}

/// Schemas of answers by path, with what they refer to.
struct Document {
    name: &'static str,
    answers: Map<String, Value>,
    components: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Document {
    fn check(&self, path: &str, body: &Value) {
        let validator = self.validator(path);
        let problems: Vec<String> = validator.iter_errors(body).map(|error| described(&error)).collect();
        assert!(problems.is_empty(), "{path} against {}:\n{}\n{body:#}", self.name, problems.join("\n"));
    }

    fn validator(&self, path: &str) -> Arc<Validator> {
        let mut made = self.validators.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let validator = made.entry(path.to_owned()).or_insert_with(|| {
            let mut schema = self.answers[path].clone();
            schema["components"] = self.components.clone();
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            Arc::new(options.build(&schema).unwrap_or_else(|error| panic!("{path}: {error}")))
        });
        validator.clone()
    }
}

fn described(error: &jsonschema::ValidationError<'_>) -> String {
    let text: String = error.to_string().chars().take(600).collect();
    format!("  at {}: {text}\n    rule {}", error.instance_path(), error.schema_path())
}

fn official() -> Document {
    let mut document: Value = serde_json::from_str(include_str!("../official/openapi.json")).unwrap();
    for (schema, field) in REQUIRED_LATER {
        document["components"]["schemas"][schema]["required"].as_array_mut().unwrap().push(json!(field));
    }
    let Value::Object(answers) = document["answers"].take() else { panic!("no answers") };
    Document {
        name: "the official document",
        answers: answers.iter().map(|(path, schema)| (path.clone(), json_schema(schema, Rest::Open))).collect(),
        components: components(&document, Rest::Open),
        validators: Mutex::default(),
    }
}

/// All methods of a path answer the same. Beside them stands the body of every refusal, as `error`.
fn own(document: &Value) -> Document {
    let answer = |operations: &Value| {
        let operation = operations.as_object().unwrap().values().next().unwrap();
        json_schema(&operation["responses"]["200"]["content"]["application/json"]["schema"], Rest::Closed)
    };
    let paths = document["paths"].as_object().unwrap();
    let mut answers: Map<String, Value> =
        paths.iter().map(|(path, operations)| (path.clone(), answer(operations))).collect();
    let error = json_schema(&document["components"]["schemas"]["error"], Rest::Open);
    answers.insert("error".to_owned(), error);
    Document {
        name: "our document",
        answers,
        components: components(document, Rest::Closed),
        validators: Mutex::default(),
    }
}

fn components(document: &Value, rest: Rest) -> Value {
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let schemas: Map<String, Value> =
        schemas.iter().map(|(name, schema)| (name.clone(), json_schema(schema, rest))).collect();
    json!({"schemas": schemas})
}

/// Whether an object may have fields that its schema does not name. The official schemas allow it; ours must name all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Open,
    Closed,
}

/// The JSON Schema of an OpenAPI 3.0 schema.
fn json_schema(node: &Value, rest: Rest) -> Value {
    let fields = match node {
        Value::Object(fields) => fields,
        Value::Array(items) => return items.iter().map(|item| json_schema(item, rest)).collect(),
        other => return other.clone(),
    };
    let said = fields.iter().filter(|(word, _)| !PROSE.contains(&word.as_str()) && !word.starts_with("x-"));
    let words = said.filter(|(word, _)| !["nullable", "discriminator", "exclusiveMinimum"].contains(&word.as_str()));
    let mut schema: Map<String, Value> = words
        .map(|(word, value)| {
            let value = match word.as_str() {
                "properties" => named(value, rest),
                "enum" | "required" => value.clone(),
                _ => json_schema(value, rest),
            };
            (word.clone(), value)
        })
        .collect();
    if fields.get("exclusiveMinimum") == Some(&json!(true)) {
        let limit = schema.remove("minimum").unwrap();
        schema.insert("exclusiveMinimum".to_owned(), limit);
    }
    if rest == Rest::Closed && schema.contains_key("properties") && !schema.contains_key("additionalProperties") {
        schema.insert("additionalProperties".to_owned(), json!(false));
    }
    let nothing = json!({"type": "null"});
    match fields.get("nullable") {
        // A schema that says only this means "always null".
        Some(Value::Bool(true)) if schema.is_empty() => nothing,
        Some(Value::Bool(true)) => json!({"anyOf": [schema, nothing]}),
        _ => Value::Object(schema),
    }
}

/// The keys of `properties` are names of fields, not words of the schema language.
fn named(properties: &Value, rest: Rest) -> Value {
    let properties = properties.as_object().unwrap();
    properties.iter().map(|(name, schema)| (name.clone(), json_schema(schema, rest))).collect::<Map<_, _>>().into()
}

/// Whether both documents accept the answer, the official one first.
fn accepted(path: &str, body: &Value) -> [bool; 2] {
    [&*OFFICIAL, &*OWN].map(|document| document.validator(path).is_valid(body))
}

fn attempt(fields: &[(&str, Value)]) -> Value {
    let mut attempt = json!({
        "action_attempt_id": "b7254ba6-6b5c-4c1e-9b4f-d5c9f2a0e8b1",
        "action_type": "UNLOCK_DOOR", "status": "success", "result": {"was_confirmed_by_device": true}, "error": null,
    });
    for (name, value) in fields {
        attempt[*name] = value.clone();
    }
    json!({"action_attempt": attempt, "ok": true})
}

#[test]
fn an_attempt_is_taken_in_its_three_forms_and_in_no_other() {
    let error = json!({"type": "lock_jammed", "message": "The bolt is stuck."});
    let forms: [&[(&str, Value)]; 3] = [
        &[],
        &[("status", json!("pending")), ("result", Value::Null)],
        &[("status", json!("error")), ("result", Value::Null), ("error", error.clone())],
    ];
    for form in forms {
        assert_eq!(accepted("/locks/unlock_door", &attempt(form)), [true; 2], "{form:?}");
    }
    let wrong: [&[(&str, Value)]; 6] = [
        &[("result", Value::Null)],
        &[("status", json!("pending"))],
        &[("status", json!("error")), ("error", error)],
        &[("status", json!("done"))],
        &[("action_attempt_id", json!("1"))],
        &[("action_type", json!("OPEN_DOOR"))],
    ];
    for form in wrong {
        assert_eq!(accepted("/locks/unlock_door", &attempt(form)), [false; 2], "{form:?}");
    }
    assert_eq!(accepted("/locks/unlock_door", &attempt(&[("more", json!(1))])), [true, false]);
    assert_eq!(accepted("/locks/unlock_door", &json!({"ok": true})), [false; 2]);
}

#[tokio::test]
async fn a_device_with_one_wrong_field_is_refused() {
    let app = crate::app::TestApp::start().await;
    let answer = app.post("/devices/get", app.own.device()).await.body;
    assert_eq!(accepted("/devices/get", &answer), [true; 2]);
    // Ours leaves open which kinds of devices and of problems there will be.
    let wrong = [
        ("/device/device_id", json!("front-door"), false),
        ("/device/created_at", json!("yesterday"), false),
        ("/device/can_remotely_unlock", Value::Null, false),
        ("/device/properties/locked", Value::Null, false),
        ("/device/properties/online", json!("yes"), false),
        ("/device/errors", json!({}), false),
        ("/device/device_type", json!("a_lock"), true),
        (
            "/device/errors",
            json!([{"error_code": "unheard_of", "message": "?", "created_at": "2026-01-01T00:00:00.000Z"}]),
            true,
        ),
    ];
    for (place, value, is_open) in wrong {
        let mut body = answer.clone();
        *body.pointer_mut(place).unwrap() = value;
        assert_eq!(accepted("/devices/get", &body), [false, is_open], "{place}");
    }
}

#[test]
#[should_panic(expected = "does not say that it may answer 418")]
fn a_status_that_no_document_has_is_found() {
    let body = json!({"error": {"type": "not_found", "message": "No."}, "ok": false});
    check(&Method::GET, "/devices/get", StatusCode::IM_A_TEAPOT, &body);
}
