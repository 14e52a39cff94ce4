//! A request and its answer. Whatever is asked, the answer is held against the rules that all answers follow.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex};

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use serde_json::{Map, Value, json};
use thumbturn_api::ErrorType;

use crate::documents;

/// What an answer is that goes on.
pub(crate) const EVENT_STREAM: &str = "text/event-stream";

/// A request, step by step.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: Method, uri: impl Into<String>) -> Self {
        Self { method, uri: uri.into(), headers: HeaderMap::new(), body: Vec::new() }
    }

    pub(crate) fn get(uri: impl Into<String>) -> Self {
        Self::new(Method::GET, uri)
    }

    /// A POST without a body.
    pub(crate) fn post(uri: impl Into<String>) -> Self {
        Self::new(Method::POST, uri)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn json(self, body: Value) -> Self {
        let text = body.to_string();
        self.header("content-type", "application/json").raw(text)
    }

    pub(crate) fn raw(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn into_http(self) -> Request<Body> {
        let mut request = Request::new(Body::from(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri.parse().unwrap();
        *request.headers_mut() = self.headers;
        request
    }
}

/// An answer that keeps the rules of all answers.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    /// Takes an answer in; panics if it breaks a rule that all answers follow.
    pub(crate) fn of(method: &Method, path: &str, status: StatusCode, headers: HeaderMap, bytes: &[u8]) -> Self {
        check_request_id(&headers);
        if headers.get("content-type").is_some_and(|kind| kind == EVENT_STREAM) {
            return Self { status, headers, body: json!({"ok": true, "stream": stream_text(bytes)}) };
        }
        let body = if *method == Method::HEAD || *method == Method::OPTIONS {
            assert!(bytes.is_empty(), "{method} has a body: {}", String::from_utf8_lossy(bytes));
            Value::Null
        } else {
            let kind = headers["content-type"].to_str().unwrap();
            assert_eq!(kind, "application/json; charset=utf-8");
            let body = serde_json::from_slice(bytes)
                .unwrap_or_else(|_| panic!("{status} is not JSON: {}", String::from_utf8_lossy(bytes)));
            check_envelope(status, &headers, &body);
            documents::check(method, path, status, &body);
            body
        };
        Self { status, headers, body }
    }

    /// The answer to a call that must succeed, without `ok`.
    #[track_caller]
    pub(crate) fn ok(self) -> Map<String, Value> {
        assert_eq!(self.status, StatusCode::OK, "{:#}", self.body);
        let Value::Object(mut fields) = self.body else { panic!("not an object") };
        fields.remove("ok");
        fields
    }

    /// What stands under `key` of a successful answer.
    #[track_caller]
    pub(crate) fn field(self, key: &str) -> Value {
        self.ok().remove(key).unwrap_or_else(|| panic!("{key} is missing"))
    }

    /// Status and type of a refusal.
    #[track_caller]
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["error"]["type"].as_str().unwrap_or("none"))
    }

    #[track_caller]
    pub(crate) fn assert_refused(&self, status: u16, kind: &str) -> &Self {
        assert_eq!(self.refusal(), (status, kind), "{:#}", self.body);
        self
    }

    #[track_caller]
    pub(crate) fn assert_body(&self, status: u16, expected: &Value) {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.body);
        assert_eq!(redacted(&self.body), *expected, "\n{:#}", redacted(&self.body));
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// What a stream said, with the times blotted out.
fn stream_text(bytes: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(bytes).unwrap();
    let blotted = |line: &str| match line.split_once(": ") {
        Some(("id", time)) => format!("id: {}", redacted_text(time)),
        _ => line.to_owned(),
    };
    text.lines().map(blotted).collect()
}

fn check_request_id(headers: &HeaderMap) {
    static SEEN: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    let mut ids = headers.get_all("seam-request-id").iter();
    let id = ids.next().expect("seam-request-id is missing").to_str().unwrap().to_owned();
    assert!(ids.next().is_none(), "seam-request-id twice");
    assert!(!id.is_empty());
    assert!(SEEN.lock().unwrap().insert(id), "a request id came twice");
}

fn check_envelope(status: StatusCode, headers: &HeaderMap, body: &Value) {
    if status == StatusCode::OK {
        assert_eq!(body["ok"], json!(true), "{body:#}");
        assert!(body.get("error").is_none(), "{body:#}");
        return;
    }
    assert_eq!(body["ok"], json!(false), "{body:#}");
    let error = &body["error"];
    let kind = error["type"].as_str().unwrap_or_else(|| panic!("{status} without a type: {body:#}"));
    let known = ErrorType::ALL.iter().any(|known| known.as_str() == kind);
    assert!(known, "{kind} is not in the catalogue");
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{body:#}");
    assert!(error.get("data").is_none_or(|data| data.as_object().is_some_and(|data| !data.is_empty())), "{body:#}");
    match error.get("validation_errors") {
        Some(tree) => {
            assert_eq!(kind, "invalid_input", "{body:#}");
            check_tree(tree);
        }
        None => assert!(kind != "invalid_input" || status != StatusCode::BAD_REQUEST, "{body:#}"),
    }
    if [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status) {
        let wait: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{body:#}");
}

fn check_tree(node: &Value) {
    for (name, inner) in node.as_object().unwrap_or_else(|| panic!("not a tree: {node}")) {
        if name == "_errors" {
            assert!(inner.as_array().unwrap().iter().all(Value::is_string));
        } else {
            check_tree(inner);
        }
    }
    assert!(node["_errors"].is_array());
}

/// The same value with ids, times and tokens blotted out.
pub(crate) fn redacted(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(redacted_text(text)),
        Value::Array(items) => Value::Array(items.iter().map(redacted).collect()),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), redacted(value))).collect())
        }
        other => other.clone(),
    }
}

fn redacted_text(text: &str) -> String {
    if text.parse::<uuid::Uuid>().is_ok() {
        return "[id]".to_owned();
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        let decimals = text.strip_suffix('Z').and_then(|text| text.split_once('.')).map_or(0, |(_, d)| d.len());
        assert!([3, 6].contains(&decimals), "{text} has not three decimals, or six");
        assert!(time.as_second() > 1_000_000_000, "{text}");
        return "[time]".to_owned();
    }
    for prefix in ["seam_cst1", "seam_pk1", "whsec_"] {
        if text.starts_with(prefix) {
            return format!("[{prefix}]");
        }
    }
    text.to_owned()
}
