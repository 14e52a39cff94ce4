//! Query strings: a byte chooses the endpoint, the rest is the query.

#![no_main]

use form_urlencoded::Serializer;
use http::Method;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use thumbturn_api::{EndpointInfo, ErrorType, JsonObject, Request, parse_query, read_input};
use thumbturn_fuzz::{accepted, assert_refusal, endpoint};

fuzz_target!(|data: &[u8]| {
    let [choice, query @ ..] = data else { return };
    let (endpoint, query) = (endpoint(*choice), String::from_utf8_lossy(query));
    let request = Request { method: &Method::GET, query: Some(&query), content_type: None, body: b"" };
    match read_input(request, endpoint.params) {
        Ok(input) => read(endpoint, &input),
        Err(error) => {
            assert_eq!(error.error_type, ErrorType::InvalidQueryParams, "{error}");
            assert_refusal(&error, endpoint.params);
            let named = error.message.split('\'').nth(1).unwrap_or_default();
            assert!(endpoint.params.iter().any(|field| named.starts_with(field.name)), "{error}");
        }
    }
});

/// What was read holds declared names only, and is the same as a body and as an official client would write it.
fn read(endpoint: &EndpointInfo, input: &JsonObject) {
    let is_declared = |name: &String| endpoint.params.iter().any(|field| field.name == name);
    assert!(input.keys().all(is_declared), "{input:?}");
    let is_accepted = accepted(endpoint, input).is_some();

    let body = Value::Object(input.clone()).to_string();
    let content_type = Some("application/json");
    let request = Request { method: &Method::POST, query: None, content_type, body: body.as_bytes() };
    assert_eq!(&read_input(request, endpoint.params).expect("what was written is JSON"), input);

    if input.values().all(can_be_written) {
        let query = written(input);
        let again = parse_query(&query, endpoint.params).expect("official clients' queries are clear");
        assert_eq!(&again, input, "{query}");
        assert_eq!(accepted(endpoint, &again).is_some(), is_accepted);
    }
}

/// An official client's query has no form for an empty text beside `null`, and none for an empty object.
fn can_be_written(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty() && fields.values().all(can_be_written),
        Value::Array(items) => items.iter().all(can_be_written),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

fn written(input: &JsonObject) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in input {
        write(&mut query, name, value);
    }
    query.append_pair("_strict", "true").finish()
}

fn write(query: &mut Serializer<'_, String>, name: &str, value: &Value) {
    match value {
        Value::Null => drop(query.append_pair(name, "")),
        Value::String(text) => drop(query.append_pair(name, text)),
        Value::Bool(_) | Value::Number(_) => drop(query.append_pair(name, &value.to_string())),
        Value::Array(items) if items.is_empty() => drop(query.append_pair(name, "")),
        Value::Array(items) => items.iter().for_each(|item| write(query, name, item)),
        Value::Object(fields) => fields.iter().for_each(|(key, value)| write(query, &format!("{name}.{key}"), value)),
    }
}
