//! The official Ruby and PHP clients, replayed: what they send, as they send it, and in every answer what they would
//! break on. Ruby sends the semantic method with a strict query; PHP sends POST for everything.

use std::collections::HashSet;

use http::Method;
use serde_json::{Value, json};
use thumbturn_api::{EndpointInfo, Field, Format, Kind, Schema, endpoints, is_official_path};
use uuid::Uuid;

use crate::app::TestApp;
use crate::ask::{Ask, Reply};
use crate::credentials::{Expect, rows};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Ruby,
    Php,
}

use Client::{Php, Ruby};

impl Client {
    /// A call of the client with these parameters.
    fn ask(self, endpoint: &EndpointInfo, params: &Value) -> Ask {
        match self {
            Ruby => {
                ruby(endpoint, params).header("seam-sdk-name", "seamapi/ruby").header("seam-sdk-version", "2.146.0")
            }
            Php => Ask::post(endpoint.path)
                .json(params.clone())
                .header("seam-sdk-name", "seamapi/php")
                .header("seam-sdk-version", "3.5.1")
                .header("seam-lts-version", "1.0.0"),
        }
    }

    /// Sends a call as somebody who may; panics if the client would break on the answer.
    async fn call(self, app: &TestApp, endpoint: &EndpointInfo, params: &Value) -> Reply {
        self.call_as(app, endpoint, params, app.opens(endpoint)).await
    }

    async fn call_as(self, app: &TestApp, endpoint: &EndpointInfo, params: &Value, token: &str) -> Reply {
        let reply = app.send(self.ask(endpoint, params).bearer(token)).await;
        let shown = format!("{self:?} {} {params}", endpoint.path);
        assert_bearable(&shown, endpoint, &reply);
        reply
    }
}

fn ruby(endpoint: &EndpointInfo, params: &Value) -> Ask {
    let method = endpoint.semantic_method();
    if [Method::GET, Method::DELETE].contains(&method) {
        Ask::new(method, format!("{}{}", endpoint.path, query(params)))
    } else {
        Ask::new(method, endpoint.path).json(params.clone())
    }
}

/// The query string that J, P and R make: sorted keys, an array as repeated key, an empty one and `null` as `key=`, an
/// object as dotted keys, and `_strict=true` behind everything. Without parameters there is none at all.
fn query(params: &Value) -> String {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (name, value) in params.as_object().unwrap() {
        pairs_of(name, value, &mut pairs);
    }
    if pairs.is_empty() {
        return String::new();
    }
    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
    pairs.push(("_strict".to_owned(), "true".to_owned()));
    format!("?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

fn pairs_of(name: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Null => pairs.push((name.to_owned(), String::new())),
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => pairs.push((name.to_owned(), text.clone())),
        Value::Array(items) if items.is_empty() => pairs.push((name.to_owned(), String::new())),
        Value::Array(items) => items.iter().for_each(|item| pairs_of(name, item, pairs)),
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| pairs_of(&format!("{name}.{key}"), value, pairs));
        }
        other => pairs.push((name.to_owned(), other.to_string())),
    }
}

/// Panics where one of the two clients would break on the answer.
fn assert_bearable(shown: &str, endpoint: &EndpointInfo, reply: &Reply) {
    assert_values(shown, &reply.body);
    if reply.status != 200 {
        let error = &reply.body["error"];
        assert!(error["type"].is_string() && error["message"].is_string(), "{shown}: {:#}", reply.body);
        for name in ["data", "validation_errors"] {
            assert!(error.get(name).is_none_or(Value::is_object), "{shown}: {name} is no object: {error:#}");
        }
        return;
    }
    for key in endpoint.response_keys {
        let result = &reply.body[*key];
        let is_list = endpoint.response_type.starts_with("Page<") || endpoint.response_type.starts_with("Vec<");
        assert_eq!((result.is_array(), result.is_object()), (is_list, !is_list), "{shown}: {key}");
    }
    let pagination = &reply.body["pagination"];
    if endpoint.paginated {
        let more = pagination["has_next_page"].as_bool().unwrap_or_else(|| panic!("{shown}: no pagination"));
        assert_eq!(pagination["next_page_cursor"].is_string(), more, "{shown}: {pagination}");
    }
}

/// What breaks a client wherever it stands.
fn assert_values(shown: &str, value: &Value) {
    let fields = match value {
        Value::Object(fields) => fields,
        Value::Array(items) => return items.iter().for_each(|item| assert_values(shown, item)),
        _ => return,
    };
    for (name, value) in fields {
        if let Some(text) = value.as_str().filter(|_| name.ends_with("_at")) {
            assert!(text.parse::<jiff::Timestamp>().is_ok() && text.ends_with('Z'), "{shown}: {name} is {text}");
        }
        if ["errors", "warnings"].contains(&name.as_str()) {
            assert!(value.is_array(), "{shown}: {name} is {value}");
        }
        if name == "result" {
            assert!(value.is_object() || value.is_null(), "{shown}: result is {value}");
        }
        assert_values(shown, value);
    }
    if fields.contains_key("action_attempt_id") && fields.contains_key("status") {
        let (status, error) = (value["status"].as_str().unwrap(), &value["error"]);
        assert!(["pending", "success", "error"].contains(&status), "{shown}: {status}");
        let explained = error["type"].is_string() && error["message"].is_string();
        assert_eq!(explained, status == "error", "{shown}: {value}");
        assert_eq!(error.is_null(), status != "error", "{shown}: {value}");
    }
}

fn official() -> impl Iterator<Item = EndpointInfo> {
    endpoints().into_iter().filter(|endpoint| is_official_path(endpoint.path))
}

fn endpoint(path: &str) -> EndpointInfo {
    endpoints().into_iter().find(|endpoint| endpoint.path == path).unwrap()
}

#[test]
fn the_query_is_the_one_that_was_seen_on_the_wire() {
    let params = json!({
        "limit": 20, "device_ids": ["A", "B"], "custom_metadata_has": {"c": true, "a": "b", "d": null},
        "connected_account_ids": [], "created_before": "2024-01-01T00:00:00.000Z", "search": "", "name": "Front Door",
    });
    assert_eq!(
        query(&params),
        "?connected_account_ids=&created_before=2024-01-01T00%3A00%3A00.000Z&custom_metadata_has.a=b\
         &custom_metadata_has.c=true&custom_metadata_has.d=&device_ids=A&device_ids=B&limit=20&name=Front+Door\
         &_strict=true"
    );
    assert_eq!(query(&json!({})), "");
    assert_eq!(query(&json!({"search": "", "custom_metadata_has": {}})), "");
}

#[test]
fn what_breaks_a_client_is_found_wherever_it_stands() {
    let attempt = json!({"action_attempt_id": "1", "status": "error", "error": {"type": "a", "message": "b"}});
    assert_values("fine", &json!({"list": [attempt], "at": 1, "created_at": "2026-01-01T00:00:00.000Z", "result": {}}));
    for broken in [
        json!({"created_at": "yesterday"}),
        json!({"devices": [{"errors": {}}]}),
        json!({"warnings": null}),
        json!({"attempt": {"result": []}}),
        json!({"action_attempt_id": "1", "status": "error", "error": null}),
        json!({"action_attempt_id": "1", "status": "success", "error": {"type": "a", "message": "b"}}),
        json!({"action_attempt_id": "1", "status": "done", "error": null}),
    ] {
        let found = std::panic::catch_unwind(|| assert_values("broken", &broken)).is_err();
        assert!(found, "{broken}");
    }
}

#[tokio::test]
async fn every_endpoint_answers_both_as_it_answers_anybody() {
    for client in [Ruby, Php] {
        let app = TestApp::start().await;
        for row in rows(&app).await.iter().filter(|row| is_official_path(row.path)) {
            let reply = client.call(&app, &endpoint(row.path), &row.body).await;
            match row.own {
                Expect::Ok => assert_eq!(reply.status, 200, "{client:?} {}: {:#}", row.path, reply.body),
                Expect::Refused(status, kind) => drop(reply.assert_refused(status, kind)),
            }
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_both_in_a_form_that_they_can_read() {
    let app = TestApp::start().await;
    let [no_token, foreign] = ["seam_nobody_nothing", app.foreign.api_key.as_str()];
    for (row, client) in rows(&app).await.iter().flat_map(|row| [(row, Ruby), (row, Php)]) {
        let endpoint = endpoint(row.path);
        if !is_official_path(row.path) {
            continue;
        }
        client.call_as(&app, &endpoint, &row.body, no_token).await.assert_refused(401, "unauthorized");
        client.call_as(&app, &endpoint, &row.body, foreign).await;
        for field in endpoint.params {
            let mut params = row.body.clone();
            params[field.name] = json!([[["?"]]]);
            if client == Php {
                let reply = client.call(&app, &endpoint, &params).await;
                assert_eq!(reply.refusal(), (400, "invalid_input"), "{} {params}", endpoint.path);
            }
            params[field.name] = json!("?");
            client.call(&app, &endpoint, &params).await;
        }
    }
}

/// A value that the schema allows, for a query.
fn example(schema: &Schema) -> Value {
    match &schema.kind {
        Kind::Boolean => json!(true),
        Kind::Integer { min, .. } => json!(min.unwrap_or(0).max(1)),
        Kind::Number { min, .. } => json!(min.unwrap_or(0.0).max(1.0)),
        Kind::String { format: Some(Format::Uuid), .. } => json!(Uuid::new_v4()),
        Kind::String { format: Some(Format::DateTime), .. } => json!("2024-01-01T00:00:00.000Z"),
        Kind::String { format: Some(Format::Email), .. } => json!("jane@example.com"),
        Kind::String { values: [first, ..], .. } => json!(first),
        Kind::String { .. } => json!("a+b & c=ü, 100 %"),
        Kind::Array { items, .. } => json!([example(items), example(items)]),
        Kind::Map { .. } => json!({"floor": "2 & 3", "none": null}),
        Kind::Object { fields } => fields.iter().map(|field| (field.name.to_owned(), example(&field.schema))).collect(),
        Kind::JsonObject => json!({}),
        Kind::OneOf(kinds) => example(&kinds[0]),
    }
}

/// What a client may send for a parameter.
fn examples(field: &Field) -> Vec<Value> {
    let mut values = vec![example(&field.schema)];
    if let Kind::Array { items, .. } = &field.schema.kind {
        values.extend([json!([]), json!([example(items)])]);
    }
    if field.schema.nullable {
        values.push(Value::Null);
    }
    values
}

/// Reads by query and reads by body are the same reads: each parameter by itself, and with what is required.
#[tokio::test]
async fn a_strict_query_of_ruby_means_what_the_body_of_php_means() {
    let app = TestApp::start().await;
    let rows = rows(&app).await;
    let mut compared = 0;
    for endpoint in official().filter(|endpoint| endpoint.semantic_method() == Method::GET) {
        let right = &rows.iter().find(|row| row.path == endpoint.path).unwrap().body;
        for (field, value) in
            endpoint.params.iter().flat_map(|field| examples(field).into_iter().map(move |v| (field, v)))
        {
            for mut params in [json!({}), right.clone()] {
                params[field.name] = value.clone();
                let by_query = Ruby.call(&app, &endpoint, &params).await;
                let by_body = Php.call(&app, &endpoint, &params).await;
                assert_eq!(by_query.body, by_body.body, "{} {params}", endpoint.path);
                compared += 1;
            }
        }
    }
    assert!(compared > 150, "{compared}");
}

#[tokio::test]
async fn a_list_read_page_by_page_has_an_end_and_never_the_same_cursor_twice() {
    let app = TestApp::start().await;
    let (_, devices) = app.another_account(3).await;
    for device in &devices {
        app.attempt("/locks/unlock_door", json!({"device_id": device})).await;
    }
    for (endpoint, client) in
        official().filter(|endpoint| endpoint.paginated).flat_map(|e| [(e.clone(), Ruby), (e, Php)])
    {
        let mut params = json!({"limit": 1});
        let (mut cursors, mut items) = (HashSet::new(), Vec::new());
        loop {
            let answer = client.call(&app, &endpoint, &params).await.ok();
            items.extend(answer[endpoint.response_keys[0]].as_array().unwrap().clone());
            let Some(cursor) = answer["pagination"]["next_page_cursor"].as_str() else { break };
            assert!(cursors.insert(cursor.to_owned()), "{client:?} {}: a cursor came twice", endpoint.path);
            params["page_cursor"] = json!(cursor);
        }
        let whole = client.call(&app, &endpoint, &json!({})).await.field(endpoint.response_keys[0]);
        assert_eq!(Value::Array(items), whole, "{client:?} {}", endpoint.path);
    }
}

/// PHP polls once whatever the first answer was; Ruby polls while the attempt is pending.
#[tokio::test]
async fn an_attempt_is_followed_to_its_end_whatever_the_end_is() {
    let app = TestApp::start().await;
    let unlock = endpoint("/locks/unlock_door");
    let get = endpoint("/action_attempts/get");
    for (client, faults, end) in [Ruby, Php]
        .into_iter()
        .flat_map(|client| [(client, json!({}), "success"), (client, json!({"jam": 1}), "error")])
    {
        app.attempt("/locks/lock_door", app.own.device()).await;
        app.set(0, json!({"faults": faults, "latency_ms": 0})).await;
        let attempt = client.call(&app, &unlock, &app.own.device()).await.field("action_attempt");
        let polled = client.call(&app, &get, &json!({"action_attempt_id": attempt["action_attempt_id"]})).await;
        let decided = app.decided(&polled.field("action_attempt")).await;
        assert_eq!(decided["status"], end, "{client:?}: {decided}");
    }
    let list = endpoint("/action_attempts/list");
    for client in [Ruby, Php] {
        let attempts = client.call(&app, &list, &json!({})).await.field("action_attempts");
        assert!(attempts.as_array().unwrap().iter().any(|attempt| attempt["status"] == "error"));
    }
}

/// Deletions by query and by body.
#[tokio::test]
async fn what_is_deleted_is_gone_for_both() {
    let app = TestApp::start().await;
    for client in [Ruby, Php] {
        let key = json!({"user_identifier_key": Uuid::new_v4()});
        let made = client.call(&app, &endpoint("/client_sessions/create"), &key).await.field("client_session");
        let session = json!({"client_session_id": made["client_session_id"]});
        let account = json!({"connected_account_id": app.another_account(1).await.0});
        for (path, params, kind) in [
            ("/client_sessions/delete", session, "client_session_not_found"),
            ("/connected_accounts/delete", account, "connected_account_not_found"),
        ] {
            assert_eq!(client.call(&app, &endpoint(path), &params).await.ok().len(), 0);
            client.call(&app, &endpoint(path), &params).await.assert_refused(404, kind);
        }
    }
}

/// PHP takes a client session's token for an API key and sends it as a bearer.
#[tokio::test]
async fn a_client_session_opens_the_lists_for_php() {
    let app = TestApp::start().await;
    let token = app.session(&[app.own.account]).await;
    for path in ["/devices/list", "/locks/list", "/connected_accounts/list", "/devices/unmanaged/list"] {
        let endpoint = endpoint(path);
        assert_eq!(Php.call_as(&app, &endpoint, &json!({"limit": 2}), &token).await.status, 200, "{path}");
    }
}
