//! The document says what the declarations say, in the form that the official generator takes.

use serde_json::Value;
use thumbturn_api::{endpoints, openapi};

fn document() -> Value {
    openapi::document("http://thumbturn.test")
}

#[test]
fn every_endpoint_is_there_with_each_of_its_methods() {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let endpoints = endpoints();
    assert_eq!(paths.len(), endpoints.len());
    for endpoint in endpoints {
        let path = &paths[endpoint.path];
        assert_eq!(path.as_object().unwrap().len(), endpoint.methods.len(), "{}", endpoint.path);
        for method in endpoint.methods {
            let operation = &path[method.as_str().to_lowercase()];
            assert_eq!(operation["x-response-key"].as_str(), endpoint.response_keys.first().copied());
            assert!(operation["operationId"].is_string());
        }
    }
}

#[test]
fn an_action_says_what_it_takes_and_what_it_answers() {
    let document = document();
    let unlock = &document["paths"]["/locks/unlock_door"]["post"];
    assert_eq!(unlock["operationId"], "locksUnlockDoorPost");
    assert_eq!(unlock["x-action-attempt-type"], "UNLOCK_DOOR");
    let body = &unlock["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["required"], serde_json::json!(["device_id"]));
    assert_eq!(body["properties"]["device_id"]["format"], "uuid");
    assert_eq!(body["properties"]["sync"]["default"], false);
    let answer = &unlock["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(answer["properties"]["action_attempt"]["$ref"], "#/components/schemas/action_attempt");
    assert_eq!(answer["required"], serde_json::json!(["action_attempt", "ok"]));
}

#[test]
fn a_list_is_an_array_of_a_resource_with_its_pages() {
    let document = document();
    let answer =
        &document["paths"]["/devices/list"]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(answer["properties"]["devices"]["items"]["$ref"], "#/components/schemas/device");
    assert_eq!(answer["properties"]["pagination"]["required"].as_array().unwrap().len(), 3);
}

#[test]
fn what_has_no_key_stands_beside_ok() {
    let document = document();
    let answer =
        &document["paths"]["/health/get_health"]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(answer["properties"]["msg"]["type"], "string");
    assert_eq!(answer["properties"]["service_health_statuses"]["type"], "array");
    assert!(answer["required"].as_array().unwrap().contains(&"msg".into()));
    let nothing =
        &document["paths"]["/devices/update"]["post"]["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(nothing["required"], serde_json::json!(["ok"]));
}

#[test]
fn a_batch_names_the_resources_that_it_is_made_of() {
    let document = document();
    let related = &document["paths"]["/spaces/get_related"]["post"];
    assert_eq!(related["x-response-key"], "batch");
    assert_eq!(related["x-batch-keys"], serde_json::json!(["connected_accounts", "devices", "spaces"]));
    let answer = &related["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["batch"];
    assert_eq!(answer["properties"]["spaces"]["items"]["$ref"], "#/components/schemas/space");
    assert_eq!(document["paths"]["/spaces/list"]["post"].get("x-batch-keys"), None);
}

/// What stands under a key of an answer is a resource, or a list of them: the official command line takes nothing else.
#[test]
fn answers_are_made_of_resources() {
    let document = document();
    for endpoint in endpoints().iter().filter(|endpoint| !endpoint.streams) {
        let answer =
            &document["paths"][endpoint.path]["post"]["responses"]["200"]["content"]["application/json"]["schema"];
        for key in endpoint.response_keys.iter().filter(|key| **key != "batch") {
            let told = &answer["properties"][key];
            let is_resource = |schema: &Value| schema.get("$ref").is_some();
            assert!(is_resource(told) || is_resource(&told["items"]), "{} {key}: {told}", endpoint.path);
        }
    }
}

/// References lead to resources, resources to a route of the document, and what may be left out is never `null`.
#[test]
fn the_generator_finds_what_it_looks_for() {
    let document = document();
    let resources = document["components"]["schemas"].as_object().unwrap();
    assert!(resources.len() >= 8, "{:?}", resources.keys());
    for (name, schema) in resources.iter().filter(|(name, _)| *name != "error") {
        let route = format!("{}/", schema["x-route-path"].as_str().unwrap());
        assert!(endpoints().iter().any(|endpoint| endpoint.path.starts_with(&route)), "{name}: {route}");
    }
    check(&document, resources);
}

fn check(node: &Value, resources: &serde_json::Map<String, Value>) {
    if let Some(target) = node.get("$ref").and_then(Value::as_str) {
        let name = target.strip_prefix("#/components/schemas/").unwrap();
        assert!(resources.contains_key(name), "{target} leads nowhere");
    }
    if let (Some(Value::String(_)), Some(Value::Object(properties))) = (node.get("type"), node.get("properties")) {
        for (name, property) in properties {
            let typed = ["type", "$ref", "oneOf", "enum", "nullable"].iter().any(|key| property.get(key).is_some());
            assert!(typed || property == &Value::Object(serde_json::Map::new()), "{name} has no type: {property}");
            assert!(!name.chars().any(char::is_uppercase), "{name}");
        }
    }
    match node {
        Value::Object(fields) => fields.values().for_each(|field| check(field, resources)),
        Value::Array(items) => items.iter().for_each(|item| check(item, resources)),
        _ => {}
    }
}

/// The official generator takes every plain object among the schemas for a resource, and asks for its route.
#[test]
fn every_operation_says_how_it_may_be_refused() {
    let document = document();
    assert_eq!(document["components"]["schemas"]["error"].get("type"), None);
    let statuses = |path: &str, method: &str| {
        let responses = document["paths"][path][method]["responses"].as_object().unwrap();
        for (status, response) in responses.iter().filter(|(status, _)| *status != "200") {
            let schema = &response["content"]["application/json"]["schema"];
            assert_eq!(schema["$ref"], "#/components/schemas/error", "{path} {status}");
        }
        responses.keys().map(|status| status.parse().unwrap()).collect::<Vec<u16>>()
    };
    assert_eq!(statuses("/health", "get"), [200, 400, 413, 500, 503]);
    assert_eq!(statuses("/devices/list", "get"), [200, 400, 401, 404, 413, 500, 503]);
    assert_eq!(statuses("/locks/unlock_door", "post"), [200, 400, 401, 403, 404, 409, 413, 429, 500, 503]);
    assert!(statuses("/connected_accounts/update", "post").contains(&501));
}

#[test]
fn a_result_without_a_key_has_its_fields_beside_ok() {
    let document = document();
    let answer = |path: &str| {
        document["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"].clone()
    };
    let health = answer("/health/get_health");
    assert_eq!(health["properties"]["service_health_statuses"]["items"]["properties"]["status"]["enum"][0], "healthy");
    let required = ["msg", "last_service_evaluation_at", "service_health_statuses", "ok"];
    assert_eq!(health["required"], serde_json::json!(required));
    assert_eq!(answer("/devices/update")["required"], serde_json::json!(["ok"]));
}

#[test]
fn null_is_allowed_where_it_means_something_and_is_never_answered_for_nothing() {
    let document = document();
    let body = |path: &str| {
        let body = &document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
        body["properties"].as_object().unwrap().clone()
    };
    assert_eq!(body("/devices/update")["name"]["nullable"], true);
    assert_eq!(body("/devices/list")["page_cursor"]["nullable"], true);
    assert_eq!(body("/client_sessions/list")["user_identity_id"]["nullable"], true);
    assert_eq!(body("/locks/unlock_door")["device_id"].get("nullable"), None);
    let device = &document["components"]["schemas"]["device"];
    assert_eq!(device["properties"]["nickname"].get("nullable"), None, "left out where there is none");
}

/// A value may be a text or a number, but not a text or an object: of those the generator makes no flag.
#[test]
fn no_parameter_may_be_either_simple_or_not() {
    fn check(path: &str, schema: &Value) {
        let is_simple = |kind: &Value| !["object", "array"].contains(&kind["type"].as_str().unwrap_or("object"));
        if let Some(kinds) = schema["oneOf"].as_array() {
            let simple = kinds.iter().filter(|kind| is_simple(kind)).count();
            assert!(simple == 0 || simple == kinds.len(), "{path}: {schema:#}");
        }
        match schema {
            Value::Object(fields) => fields.values().for_each(|inner| check(path, inner)),
            Value::Array(items) => items.iter().for_each(|inner| check(path, inner)),
            _ => {}
        }
    }
    for (path, operations) in document()["paths"].as_object().unwrap() {
        for operation in operations.as_object().unwrap().values() {
            check(path, &operation["requestBody"]);
            check(path, &operation["parameters"]);
        }
    }
}
