//! The OpenAPI 3.0 document, made from the declarations: for people, for tools, and for the official command line, which
//! builds its commands from it. The `x-` fields are those that its generator asks for.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::endpoint::{Credential, EndpointInfo};
use crate::endpoints;
use crate::envelope::Pagination;
use crate::error::ErrorType;
use crate::schema::{Field, Format, Kind, Schema};

/// Where the schemas of resources are in the document.
const COMPONENTS: &str = "#/components/schemas/";

/// Name of the schema of the body of every answer that is not a success.
const ERROR: &str = "error";

/// What marks a schema as a resource: it stays by itself, everything else is written out where it is used.
const ROUTE: &str = "x-route-path";

/// The document for a server at `url`.
pub fn document(url: &str) -> Value {
    let settings =
        SchemaSettings::openapi3().with(|settings| settings.contract = schemars::generate::Contract::Serialize);
    let mut generator = settings.into_generator();
    let endpoints = endpoints();
    let pagination = generator.subschema_for::<Pagination>().to_value();
    let mut paths: Map<String, Value> = endpoints
        .iter()
        .map(|endpoint| (endpoint.path.to_owned(), path(endpoint, &pagination, &mut generator)))
        .collect();
    let schemas = generator.take_definitions(true);
    for path in paths.values_mut() {
        write_out(path, &schemas);
        for operation in path.as_object_mut().into_iter().flat_map(Map::values_mut) {
            operation.get_mut("responses").into_iter().for_each(only_required_may_be_null);
            name_batch(operation);
        }
    }
    let mut resources: Map<String, Value> = schemas
        .iter()
        .filter(|(_, schema)| is_resource(schema))
        .map(|(name, schema)| (name.clone(), schema.clone()))
        .collect();
    for resource in resources.values_mut() {
        write_out(resource, &schemas);
        only_required_may_be_null(resource);
    }
    resources.insert(ERROR.to_owned(), error_body());
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Thumbturn", "version": env!("CARGO_PKG_VERSION")},
        "servers": [{"url": url}],
        "tags": [],
        "paths": paths,
        "components": {"schemas": resources, "securitySchemes": security_schemes()},
    })
}

fn is_resource(schema: &Value) -> bool {
    schema.get(ROUTE).is_some()
}

/// Replaces references to what is no resource by what they refer to.
fn write_out(node: &mut Value, schemas: &Map<String, Value>) {
    let name = node.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix(COMPONENTS));
    if let Some(schema) = name.and_then(|name| schemas.get(name)).filter(|schema| !is_resource(schema)) {
        *node = schema.clone();
    }
    unwrap_single(node);
    match node {
        Value::Object(fields) => fields.values_mut().for_each(|field| write_out(field, schemas)),
        Value::Array(items) => items.iter_mut().for_each(|item| write_out(item, schemas)),
        _ => {}
    }
    // What was unwrapped may be a reference in its turn.
    let is_open = node.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix(COMPONENTS));
    if is_open.is_some_and(|name| schemas.get(name).is_some_and(|schema| !is_resource(schema))) {
        write_out(node, schemas);
    }
}

/// Names what a batch of resources is made of: its lists of resources that are in the document.
fn name_batch(operation: &mut Value) {
    if operation["x-response-key"] != "batch" {
        return;
    }
    let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    let lists = schema["properties"]["batch"]["properties"].as_object().into_iter().flatten();
    let keys: Vec<&String> =
        lists.filter(|(_, list)| list["items"].get("$ref").is_some()).map(|(key, _)| key).collect();
    operation["x-batch-keys"] = json!(keys);
}

/// `allOf` one thing, or `anyOf` one thing and nothing, is that thing, with the words that stood beside it.
fn unwrap_single(node: &mut Value) {
    let is_null = |kind: &&Value| kind.get("enum") == Some(&json!([null]));
    let listed = |word: &str| node.get(word).and_then(Value::as_array).cloned().unwrap_or_default();
    let (all, any) = (listed("allOf"), listed("anyOf"));
    let optional = any.iter().any(|kind| is_null(&kind));
    let kinds: Vec<&Value> = all.iter().chain(any.iter().filter(|kind| !is_null(kind))).collect();
    let ([Value::Object(single)], Some(beside)) = (kinds.as_slice(), node.as_object()) else { return };
    let mut single = single.clone();
    if optional {
        single.insert("nullable".to_owned(), json!(true));
    }
    let words = beside.iter().filter(|(name, _)| !["allOf", "anyOf"].contains(&name.as_str()));
    single.extend(words.map(|(name, value)| (name.clone(), value.clone())));
    *node = Value::Object(single);
}

/// In an answer, a field that may be left out is left out where there is nothing, and never `null`.
fn only_required_may_be_null(node: &mut Value) {
    match node {
        Value::Object(fields) => fields.values_mut().for_each(only_required_may_be_null),
        Value::Array(items) => items.iter_mut().for_each(only_required_may_be_null),
        _ => {}
    }
    let required: Vec<String> = node
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect())
        .unwrap_or_default();
    // Only of a schema: a device has a field of this name.
    let is_schema = node.get("type").is_some_and(Value::is_string);
    let Some(Value::Object(properties)) = node.get_mut("properties").filter(|_| is_schema) else { return };
    for (_, property) in properties.iter_mut().filter(|(name, _)| !required.contains(name)) {
        if let Some(fields) = property.as_object_mut() {
            fields.remove("nullable");
        }
        if let Some(Value::Array(words)) = property.get_mut("enum") {
            words.retain(|word| !word.is_null());
        }
    }
}

fn path(endpoint: &EndpointInfo, pagination: &Value, generator: &mut SchemaGenerator) -> Value {
    let response = response(endpoint, pagination, generator);
    let operations = endpoint.methods.iter().map(|method| {
        let word = method.as_str().to_lowercase();
        (word, operation(endpoint, method, &response))
    });
    Value::Object(operations.collect())
}

fn operation(endpoint: &EndpointInfo, method: &Method, response: &Value) -> Value {
    let mut operation = json!({
        "summary": endpoint.path,
        "description": endpoint.description,
        "operationId": operation_id(endpoint.path, method),
        "tags": [endpoint.path.rsplit_once('/').map_or("", |(route, _)| route)],
        "security": security(endpoint),
        "responses": responses(endpoint, response),
        "x-response-key": endpoint.response_keys.first(),
        "x-title": endpoint.name,
    });
    if let Some(attempt) = endpoint.attempt {
        operation["x-action-attempt-type"] = json!(attempt);
    }
    if *method == Method::GET || *method == Method::DELETE {
        operation["parameters"] = endpoint.params.iter().map(query_parameter).collect();
    } else {
        let schema = object(endpoint.params);
        operation["requestBody"] = json!({"content": {"application/json": {"schema": schema}}});
    }
    operation
}

fn responses(endpoint: &EndpointInfo, success: &Value) -> Value {
    let schema = json!({"$ref": format!("{COMPONENTS}{ERROR}")});
    let mut responses = Map::from_iter([("200".to_owned(), success.clone())]);
    for status in refusals(endpoint) {
        let refusal =
            json!({"description": status.canonical_reason(), "content": {"application/json": {"schema": schema}}});
        responses.insert(status.as_str().to_owned(), refusal);
    }
    Value::Object(responses)
}

/// The statuses that a call to the endpoint with one of its methods may be refused with, in order.
fn refusals(endpoint: &EndpointInfo) -> BTreeSet<StatusCode> {
    let anywhere = ErrorType::ANYWHERE.iter().filter(|kind| **kind != ErrorType::MethodNotAllowed);
    let mut statuses: BTreeSet<StatusCode> = anywhere.map(|kind| kind.status()).collect();
    statuses.extend(endpoint.possible_errors().iter().map(|kind| kind.status()));
    // A credential that is not found is no 404.
    if !endpoint.auth.contains(&Credential::Public) {
        statuses.insert(StatusCode::UNAUTHORIZED);
    }
    statuses
}

/// The body of every answer that is not a success. It stands below `allOf`, because the official generator takes every
/// plain object for a resource.
fn error_body() -> Value {
    let types: Vec<&str> = ErrorType::ALL.iter().map(|known| known.as_str()).collect();
    let problems = json!({
        "type": "object",
        "description": "With `invalid_input`: what is wrong with which parameter. Parameters are keys, and each is such a tree.",
        "properties": {"_errors": {"type": "array", "items": {"type": "string"}}},
        "required": ["_errors"],
        "additionalProperties": {"type": "object"},
    });
    let error = json!({
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": types, "description": "The machine code. More may come."},
            "message": {"type": "string", "minLength": 1, "description": "Text for people."},
            "data": {"type": "object", "minProperties": 1, "description": "More for machines."},
            "validation_errors": problems,
        },
        "required": ["type", "message"],
    });
    let ok = json!({"type": "boolean", "enum": [false]});
    json!({"allOf": [{"type": "object", "properties": {"error": error, "ok": ok}, "required": ["error", "ok"]}]})
}

/// `/locks/unlock_door` and POST: `locksUnlockDoorPost`.
fn operation_id(path: &str, method: &Method) -> String {
    let method = method.as_str().to_lowercase();
    let words = path.split(['/', '_']).filter(|word| !word.is_empty()).chain([method.as_str()]);
    let capital =
        |word: &str| word.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(word.chars().skip(1)).collect();
    words.enumerate().map(|(at, word)| if at == 0 { word.to_owned() } else { capital(word) }).collect()
}

fn response(endpoint: &EndpointInfo, pagination: &Value, generator: &mut SchemaGenerator) -> Value {
    if endpoint.streams {
        return json!({"description": "OK", "content": {"text/event-stream": {"schema": {"type": "string"}}}});
    }
    let result = (endpoint.response_schema)(generator).map(schemars::Schema::to_value).unwrap_or_default();
    let (mut properties, mut required) = match endpoint.response_keys {
        [] => fields_of(&result, generator),
        keys => (
            keys.iter().map(|key| ((*key).to_owned(), result.clone())).collect(),
            keys.iter().map(|key| json!(key)).collect(),
        ),
    };
    if endpoint.paginated {
        properties.insert("pagination".to_owned(), pagination.clone());
        required.push(json!("pagination"));
    }
    properties.insert("ok".to_owned(), json!({"type": "boolean", "enum": [true]}));
    required.push(json!("ok"));
    let schema = json!({"type": "object", "properties": properties, "required": required});
    json!({"description": "OK", "content": {"application/json": {"schema": schema}}})
}

/// The fields of a result that stand beside `ok`, and which of them are always there.
fn fields_of(result: &Value, generator: &SchemaGenerator) -> (Map<String, Value>, Vec<Value>) {
    let name = result.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix(COMPONENTS));
    let schema = name.and_then(|name| generator.definitions().get(name)).unwrap_or(result);
    let properties = schema.get("properties").and_then(Value::as_object).cloned();
    let required = schema.get("required").and_then(Value::as_array).cloned();
    (properties.unwrap_or_default(), required.unwrap_or_default())
}

fn query_parameter(field: &Field) -> Value {
    json!({
        "in": "query",
        "name": field.name,
        "required": field.required,
        "description": field.description,
        "schema": value(&field.schema),
    })
}

fn object(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut object = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn property(field: &Field) -> Value {
    let mut property = value(&field.schema);
    property["description"] = json!(field.description);
    if let Some(default) = &field.default {
        property["default"] = default.clone();
    }
    property
}

fn value(schema: &Schema) -> Value {
    let mut value = match &schema.kind {
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Integer { min, max } => limited("integer", [("minimum", json!(min)), ("maximum", json!(max))]),
        Kind::Number { min, max } => limited("number", [("minimum", json!(min)), ("maximum", json!(max))]),
        Kind::String { format, min_length, max_length, values } => text(*format, *min_length, *max_length, values),
        Kind::Array { items, min_items, max_items } => {
            let mut array = limited("array", [("minItems", json!(min_items)), ("maxItems", json!(max_items))]);
            array["items"] = self::value(items);
            array
        }
        Kind::Object { fields } => object(fields),
        Kind::Map { values } => json!({"type": "object", "additionalProperties": self::value(values)}),
        Kind::JsonObject => json!({"type": "object"}),
        Kind::OneOf(kinds) => json!({"oneOf": kinds.iter().map(self::value).collect::<Vec<_>>()}),
    };
    if schema.nullable {
        value["nullable"] = json!(true);
    }
    value
}

fn limited(kind: &str, limits: [(&str, Value); 2]) -> Value {
    let mut value = json!({"type": kind});
    for (name, limit) in limits {
        // The largest numbers mean that there is no limit.
        if limit.as_u64().is_some_and(|limit| limit < u64::from(u32::MAX))
            || limit.is_f64()
            || limit.as_i64().is_some_and(|n| n < 0 && n > i64::MIN)
        {
            value[name] = limit;
        }
    }
    value
}

fn text(format: Option<Format>, min: Option<usize>, max: Option<usize>, values: &[&str]) -> Value {
    let mut text = limited("string", [("minLength", json!(min)), ("maxLength", json!(max))]);
    if let Some(format) = format {
        text["format"] = json!(match format {
            Format::Uuid => "uuid",
            Format::DateTime => "date-time",
            Format::Email => "email",
        });
    }
    if !values.is_empty() {
        text["enum"] = json!(values);
    }
    text
}

/// The name of a credential in the official document; none for "no credential".
const fn scheme(credential: Credential) -> Option<&'static str> {
    match credential {
        Credential::ApiKey => Some("api_key"),
        Credential::PatWithWorkspace => Some("pat_with_workspace"),
        Credential::PatWithoutWorkspace => Some("pat_without_workspace"),
        Credential::ClientSession => Some("client_session"),
        Credential::PublishableKey => Some("publishable_key"),
        Credential::Public => None,
    }
}

fn security(endpoint: &EndpointInfo) -> Vec<Value> {
    let schemes = endpoint.auth.iter().filter_map(|credential| scheme(*credential));
    schemes.map(|scheme| Value::Object(Map::from_iter([(scheme.to_owned(), json!([]))]))).collect()
}

fn security_schemes() -> Value {
    let bearer = |format: &str| json!({"type": "http", "scheme": "bearer", "bearerFormat": format});
    json!({
        "api_key": bearer("API Key"),
        "pat_with_workspace": bearer("Personal access token, with the header seam-workspace"),
        "pat_without_workspace": bearer("Personal access token"),
        "client_session": bearer("Client Session Token"),
        "publishable_key": {"type": "apiKey", "in": "header", "name": "seam-publishable-key"},
    })
}
