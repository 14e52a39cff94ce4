//! Bad input: never a fault of ours, never a change.

use std::sync::LazyLock;

use http::Method;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use thumbturn::tokens::{Token, TokenKind};
use thumbturn_api::{EndpointInfo, Field, Format, Kind, Schema, endpoints};
use tokio::runtime::Runtime;

use crate::app::TestApp;
use crate::ask::{Ask, Reply};

/// Values that no parameter of this schema may have.
fn wrong(schema: &Schema) -> Vec<Value> {
    let mut all = vec![
        json!(true),
        json!(3),
        json!(-1),
        json!(2.5),
        json!(1e300),
        json!("text"),
        json!(""),
        json!("x".repeat(10_000)),
        json!([]),
        json!([1, "a", null]),
        json!([[]]),
        json!({}),
        json!({"a": {"b": 1}}),
    ];
    all.retain(|value| !fits(schema, value));
    all
}

/// Whether a value may be right; in doubt it may.
fn fits(schema: &Schema, value: &Value) -> bool {
    match (&schema.kind, value) {
        (Kind::Boolean, value) => value.is_boolean(),
        (Kind::Integer { min, max }, Value::Number(number)) => {
            let whole = number.as_f64().is_some_and(|number| number.fract() == 0.0);
            let number = number.as_f64().unwrap_or_default();
            whole && min.is_none_or(|min| number >= min as f64) && max.is_none_or(|max| number <= max as f64)
        }
        (Kind::Number { min, max }, Value::Number(number)) => {
            let number = number.as_f64().unwrap_or_default();
            min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max)
        }
        (Kind::String { format, min_length, max_length, values }, Value::String(text)) => {
            let length = text.chars().count();
            values.is_empty()
                && !matches!(format, Some(Format::Uuid | Format::DateTime | Format::Email))
                && min_length.is_none_or(|min| length >= min)
                && max_length.is_none_or(|max| length <= max)
        }
        (Kind::Array { items, min_items, max_items }, Value::Array(elements)) => {
            min_items.is_none_or(|min| elements.len() >= min)
                && max_items.is_none_or(|max| elements.len() <= max)
                && elements.iter().all(|element| fits(items, element))
        }
        (Kind::Object { .. } | Kind::JsonObject | Kind::Map { .. }, Value::Object(_)) => true,
        (Kind::OneOf(kinds), value) => kinds.iter().any(|kind| fits(kind, value)),
        _ => false,
    }
}

/// The fields of an endpoint with the way to them, those of nested objects included.
fn paths(fields: &[Field]) -> Vec<(Vec<&'static str>, &Field)> {
    let mut all = Vec::new();
    for field in fields {
        all.push((vec![field.name], field));
        if let Kind::Object { fields } = &field.schema.kind {
            for (mut path, inner) in paths(fields) {
                path.insert(0, field.name);
                all.push((path, inner));
            }
        }
    }
    all
}

fn nested(path: &[&str], value: Value) -> Value {
    path.iter().rev().fold(value, |inner, name| json!({*name: inner}))
}

/// What a tenant consists of, as it can be read through the API.
async fn everything(app: &TestApp) -> Vec<Value> {
    let mut all = Vec::new();
    for (path, key) in [
        ("/devices/list", "devices"),
        ("/connected_accounts/list", "connected_accounts"),
        ("/action_attempts/list", "action_attempts"),
        ("/spaces/list", "spaces"),
        ("/user_identities/list", "user_identities"),
        ("/workspaces/get", "workspace"),
    ] {
        all.push(app.post(path, json!({})).await.field(key));
    }
    all.push(app.post("/events/list", json!({"since": "2000-01-01T00:00:00Z"})).await.field("events"));
    for index in 0..5 {
        all.push(app.physical(index).await);
    }
    all
}

#[tokio::test]
async fn a_wrong_value_of_any_parameter_is_refused_and_changes_nothing() {
    let app = TestApp::start().await;
    let before = everything(&app).await;
    let mut asked = 0;
    for endpoint in endpoints() {
        for (path, field) in paths(endpoint.params) {
            for value in wrong(&field.schema) {
                let mut body = nested(&path, value);
                body["device_id"] = match body.get("device_id") {
                    Some(given) => given.clone(),
                    None => json!(app.own.devices[0]),
                };
                let answer = app.post_to(&endpoint, body.clone()).await;
                let text = body.to_string();
                assert_eq!(answer.refusal(), (400, "invalid_input"), "{} {text:.200}", endpoint.path);
                asked += 1;
            }
        }
    }
    assert!(asked > 500, "{asked}");
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn a_missing_parameter_is_named_and_a_null_counts_as_missing() {
    let app = TestApp::start().await;
    for endpoint in endpoints() {
        for field in endpoint.params.iter().filter(|field| field.required) {
            for body in [json!({}), json!({field.name: null})] {
                let answer = app.post_to(&endpoint, body).await;
                answer.assert_refused(400, "invalid_input");
                let problems = &answer.body["error"]["validation_errors"][field.name]["_errors"];
                assert!(
                    problems.as_array().is_some_and(|list| !list.is_empty()),
                    "{}: {:#}",
                    endpoint.path,
                    answer.body
                );
            }
        }
    }
}

#[tokio::test]
async fn wrong_values_in_a_query_are_refused_too() {
    let app = TestApp::start().await;
    let before = everything(&app).await;
    for endpoint in endpoints().iter().filter(|endpoint| endpoint.methods.contains(&Method::GET)) {
        for field in endpoint.params {
            for text in ["nonsense+value", "-1", "%00", "%F0%9F%94%92", "a,b", "=", "[]", "%7B%7D", "%ff%fe"] {
                for strict in ["", "&_strict=true"] {
                    for name in [field.name.to_owned(), format!("{}.a", field.name), format!("{}[]", field.name)] {
                        let answer = app.get(&format!("{}?{name}={text}{strict}", endpoint.path)).await;
                        assert!(answer.status.as_u16() < 500, "{} {name}={text}", endpoint.path);
                    }
                }
            }
        }
    }
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn large_but_allowed_inputs_are_answered() {
    let app = TestApp::start().await;
    let most: Vec<uuid::Uuid> = (0..26_000).map(|_| uuid::Uuid::new_v4()).collect();
    app.ok("/devices/list", json!({"device_ids": most})).await;
    let ids = &most[..3_000];
    for (path, name) in [
        ("/devices/list", "device_ids"),
        ("/devices/list", "connected_account_ids"),
        ("/locks/list", "device_ids"),
        ("/action_attempts/list", "action_attempt_ids"),
        ("/events/list", "event_ids"),
    ] {
        app.ok(path, json!({name: ids})).await;
    }
    let missing = app.post("/client_sessions/create", json!({"connected_account_ids": ids})).await;
    missing.assert_refused(404, "connected_account_not_found");
    for path in ["/devices/list", "/locks/list"] {
        let types: Vec<String> = (0..100_000).map(|n| format!("{n:x}")).collect();
        assert_eq!(app.ok(path, json!({"device_types": types})).await["devices"], json!([]));
        let types = vec!["yale_lock"; 80_000];
        assert_eq!(app.ok(path, json!({"device_types": types})).await["devices"].as_array().unwrap().len(), 1);
    }
    let types = vec!["lock.unlocked"; 60_000];
    app.ok("/events/list", json!({"since": "2000-01-01T00:00:00Z", "event_types": types})).await;
    let pairs: Map<String, Value> = (0..20_000).map(|n| (format!("k{n}"), json!(""))).collect();
    app.ok("/devices/list", json!({"custom_metadata_has": pairs})).await;
    let many: Map<String, Value> = (0..20_000).map(|n| (format!("k{n}"), json!(n.to_string()))).collect();
    let answer = app.post("/devices/list", json!({"custom_metadata_has": many})).await;
    assert!(answer.status.as_u16() < 500, "{:#}", answer.body);
    let answer = app.post("/devices/list", json!({"search": "%_\\".repeat(50_000)})).await;
    assert!(answer.status.as_u16() < 500, "{:#}", answer.body);
    let problems = app.post("/devices/list", json!({"device_ids": vec![1; 200_000]})).await;
    problems.assert_refused(400, "invalid_input");
    assert!(problems.body.to_string().len() < 20_000);
}

struct Fuzzed {
    runtime: Runtime,
    app: TestApp,
    endpoints: Vec<EndpointInfo>,
}

/// One application for all the cases.
static FUZZED: LazyLock<Fuzzed> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let app = runtime.block_on(TestApp::start());
    Fuzzed { runtime, app, endpoints: endpoints() }
});

impl Fuzzed {
    /// Whatever is asked, the answer keeps the rules of all answers, and is no fault of ours.
    fn ask(&self, ask: Ask) -> Reply {
        let shown = format!("{} {}", ask.method, ask.uri);
        let answer = self.runtime.block_on(self.app.send(ask));
        let status = answer.status.as_u16();
        assert!(status < 500 || [501, 503].contains(&status), "{shown}: {:#}", answer.body);
        answer
    }
}

/// Words that mean something here, and words that mean nothing.
fn word() -> impl Strategy<Value = String> {
    let known = [
        "seam_x_y",
        "true",
        "1",
        "-1",
        "2000-01-01T00:00:00Z",
        "sandbox",
        "mqtt",
        "jam",
        "locks",
        "_errors",
        "_strict",
        "turn_lock",
        "keypad",
        "1234",
        "lock.unlocked",
        "null",
        "can_remotely_unlock",
        "wait=1",
        "respond-async",
    ];
    prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        Just(()).prop_map(|()| FUZZED.app.own.devices[4].to_string()),
        "\\PC{0,12}",
        "[a-z_.\\[\\]]{0,10}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e20..1e20).prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(word(), inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// An endpoint, and an object whose names are mostly its parameters.
fn input() -> impl Strategy<Value = (EndpointInfo, Map<String, Value>)> {
    prop::sample::select(FUZZED.endpoints.clone()).prop_flat_map(|endpoint| {
        let names: Vec<String> = endpoint.params.iter().map(|field| field.name.to_owned()).collect();
        let name = if names.is_empty() {
            word().boxed()
        } else {
            prop_oneof![4 => prop::sample::select(names), 1 => word()].boxed()
        };
        let fields = prop::collection::btree_map(name, value(), 0..5);
        (Just(endpoint), fields.prop_map(|fields| fields.into_iter().collect()))
    })
}

fn method() -> impl Strategy<Value = Method> {
    prop::sample::select(vec![Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD])
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Texts that are nearly tokens.
fn token_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec!["seam_", "at1", "cst1", "pk1", "_", "test", "\0", " "]).prop_map(str::to_owned),
        "[1-9A-HJ-NP-Za-km-z]{1,24}",
        "\\PC{0,3}",
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_token_in_one_way_or_none(text in token_text()) {
        let kinds =
            [TokenKind::ApiKey, TokenKind::PersonalAccessToken, TokenKind::ClientSession, TokenKind::PublishableKey];
        for token in kinds.into_iter().filter_map(|kind| Token::parse(kind, &text)) {
            prop_assert_eq!(token.reveal(), &*text);
            let secret = text.rsplit('_').next().unwrap();
            // All but the secret half, which may look like any other part.
            let shown = text.strip_suffix(secret).unwrap();
            prop_assert_eq!(format!("{token:?}"), format!("{shown}…"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json_body_gets_an_answer((endpoint, body) in input(), method in method(), keyed in prop::bool::weighted(0.9)) {
        let mut ask = Ask::new(method, endpoint.path).header("prefer", "respond-async").json(Value::Object(body));
        if keyed {
            ask = ask.bearer(&FUZZED.app.own.api_key);
        }
        FUZZED.ask(ask);
    }

    #[test]
    fn any_query_gets_an_answer(
        (endpoint, input) in input(),
        strict in any::<bool>(),
        method in method(),
        extra in word(),
    ) {
        let pairs: Vec<String> = input
            .iter()
            .map(|(name, value)| format!("{}={}", escaped(name), escaped(value.as_str().unwrap_or(&value.to_string()))))
            .chain([escaped(&extra), format!("_strict={strict}")])
            .collect();
        let ask = Ask::new(method, format!("{}?{}", endpoint.path, pairs.join("&")));
        FUZZED.ask(ask.bearer(&FUZZED.app.own.api_key).header("prefer", "respond-async"));
    }

    #[test]
    fn any_bytes_get_an_answer(
        endpoint in prop::sample::select(FUZZED.endpoints.clone()),
        body in prop::collection::vec(any::<u8>(), 0..64),
        method in method(),
    ) {
        let ask = Ask::new(method, endpoint.path).bearer(&FUZZED.app.own.api_key);
        FUZZED.ask(ask.header("content-type", "application/json").header("prefer", "respond-async").raw(body));
    }

    #[test]
    fn any_headers_get_an_answer(
        endpoint in prop::sample::select(FUZZED.endpoints.clone()),
        headers in prop::collection::vec(
            (
                prop::sample::select(vec![
                    "authorization", "seam-workspace", "client-session-token", "seam-client-session-token",
                    "seam-publishable-key", "user-identifier-key", "idempotency-key", "prefer", "origin", "content-type",
                    "content-length", "seam-request-id",
                ]),
                "[\\x20-\\x7e\\u{80}-\\u{ff}]{0,40}",
            ),
            0..5,
        ),
        keyed in any::<bool>(),
    ) {
        let mut ask = Ask::post(endpoint.path).json(json!({"user_identifier_key": "u"}));
        if keyed {
            ask = ask.bearer(&FUZZED.app.own.api_key);
        }
        for (name, value) in headers {
            ask = ask.header(name, &value);
        }
        FUZZED.ask(ask);
    }

    #[test]
    fn any_path_gets_an_answer(path in "/[!-~&&[^?#\\\\\"<>`{}|^]]{0,40}", method in method()) {
        if path.parse::<http::Uri>().is_ok() {
            FUZZED.ask(Ask::new(method, path).bearer(&FUZZED.app.own.api_key));
        }
    }
}
