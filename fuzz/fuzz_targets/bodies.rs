//! Bodies: a byte chooses the endpoint, one the method and the content type, the rest is the body.

#![no_main]

use http::Method;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use thumbturn_api::{ApiError, EndpointInfo, ErrorType, JsonObject, Request, read_input};
use thumbturn_fuzz::{accepted, assert_refusal, endpoint};

const JSON: Option<&str> = Some("application/json");

fuzz_target!(|data: &[u8]| {
    let [choice, form, body @ ..] = data else { return };
    let endpoint = endpoint(*choice);
    let method = [Method::POST, Method::GET, Method::PATCH, Method::DELETE][usize::from(form % 4)].clone();
    let content_type =
        [JSON, None, Some("text/plain"), Some("Application/JSON; charset=utf-8")][usize::from(form / 4 % 4)];
    match read_input(Request { method: &method, query: None, content_type, body }, endpoint.params) {
        Ok(input) => read(endpoint, &input),
        Err(error) => refused(&error),
    }
});

/// What was read is the same when it is written and read again.
fn read(endpoint: &EndpointInfo, input: &JsonObject) {
    let is_accepted = accepted(endpoint, input).is_some();
    let body = Value::Object(input.clone()).to_string();
    let request = Request { method: &Method::POST, query: None, content_type: JSON, body: body.as_bytes() };
    let again = read_input(request, endpoint.params).expect("what was written is JSON");
    assert_eq!(&again, input);
    assert_eq!(accepted(endpoint, &again).is_some(), is_accepted);
}

/// No object, so no field could be named.
fn refused(error: &ApiError) {
    match error.error_type {
        ErrorType::InvalidContentType => assert_refusal(error, &[]),
        ErrorType::InvalidInput => assert!(error.problems.is_some() && error.message.len() < 100, "{error}"),
        _ => panic!("an unexpected refusal: {error}"),
    }
}
