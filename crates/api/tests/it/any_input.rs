//! Whatever comes as a query or a body is read or refused, in bounds; and what official clients write is read back.

use http::Method;
use proptest::prelude::*;
use serde_json::{Map, Value};
use thumbturn_api::client_sessions::CreateClientSession;
use thumbturn_api::connected_accounts::{ConnectHub, ListConnectedAccounts};
use thumbturn_api::devices::{ListDevices, UpdateDevice};
use thumbturn_api::events::ListEvents;
use thumbturn_api::sandbox::{ActOnSandboxLock, SetSandboxLock};
use thumbturn_api::workspaces::UpdateWorkspace;
use thumbturn_api::{
    Endpoint, ErrorType, Field, Kind, Request, Schema, endpoints, parse_query, read_input, read_request,
};

/// Pieces of query strings: names of parameters, what separates, what escapes, and anything.
fn query() -> impl Strategy<Value = String> {
    let names: Vec<&'static str> =
        endpoints().iter().flat_map(|endpoint| endpoint.params).map(|field| field.name).collect();
    let marks = vec![
        "&",
        "=",
        ".",
        "[]",
        "[0]",
        "[",
        ",",
        "+",
        "%",
        "%00",
        "%ff",
        "%2E",
        "_strict=true",
        "_strict",
        "true",
        "no",
        "-1",
        "1e999",
        "NaN",
        "2024-01-01T00:00:00Z",
        "\u{2028}",
    ];
    let piece = prop_oneof![
        3 => prop::sample::select(names).prop_map(str::to_owned),
        4 => prop::sample::select(marks).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

/// Bodies that are nearly JSON, mostly.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let names: Vec<&'static str> =
        endpoints().iter().flat_map(|endpoint| endpoint.params).map(|field| field.name).collect();
    let marks = vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "null",
        "true",
        "-0",
        "1e999",
        "18446744073709551616",
        "\\u0000",
        "\\ud800",
        "\"2024-01-01T00:00:00Z\"",
        "\"\"",
        "\"_errors\"",
    ];
    let piece = prop_oneof![
        2 => prop::sample::select(names).prop_map(|name| format!("\"{name}\":")),
        4 => prop::sample::select(marks).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
    ];
    prop_oneof![
        4 => prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("{{{}}}", pieces.concat()).into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..64),
    ]
}

/// Reads a request and looks at the refusal, if it is one.
fn read<E: Endpoint>(query: &str, body: &[u8]) {
    let request = Request { method: &Method::POST, query: Some(query), content_type: Some("application/json"), body };
    let Err(error) = read_request::<E>(request) else { return };
    let known = [ErrorType::InvalidInput, ErrorType::InvalidQueryParams];
    assert!(known.contains(&error.error_type), "{error}");
    assert!(!error.message.is_empty() && error.message.len() < 10_000, "{error}");
    assert_eq!(error.problems.is_some(), error.error_type == ErrorType::InvalidInput, "{error}");
}

fn read_all(query: &str, body: &[u8]) {
    read::<CreateClientSession>(query, body);
    read::<ConnectHub>(query, body);
    read::<ListConnectedAccounts>(query, body);
    read::<ListDevices>(query, body);
    read::<UpdateDevice>(query, body);
    read::<ListEvents>(query, body);
    read::<ActOnSandboxLock>(query, body);
    read::<SetSandboxLock>(query, body);
    read::<UpdateWorkspace>(query, body);
}

fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, description: String::new(), required: false, default: None, schema: Schema::of(kind) }
}

/// One parameter of each kind.
fn fields() -> [Field; 6] {
    let text = || Schema::text(None, None);
    [
        field("flag", Kind::Boolean),
        field("whole", Kind::Integer { min: None, max: None }),
        field("number", Kind::Number { min: None, max: None }),
        field("text", text().kind),
        field("list", Kind::Array { items: Box::new(text()), min_items: None, max_items: None }),
        field("map", Kind::Map { values: Box::new(text()) }),
    ]
}

prop_compose! {
    /// Values of all kinds, as official clients can send them.
    fn params()(
        flag in any::<bool>(),
        whole in any::<i64>(),
        eighths in any::<i32>(),
        text in "[\\PC\n\t]{1,8}",
        list in prop::collection::vec("\\PC{1,4}", 0..4),
        map in prop::collection::btree_map("[^.]{1,4}", "\\PC{1,4}", 1..4),
        kept in any::<[bool; 6]>(),
    ) -> Map<String, Value> {
        let all: [(&str, Value); 6] = [
            ("flag", flag.into()), ("whole", whole.into()), ("number", (f64::from(eighths) / 8.0).into()), ("text", text.into()),
            ("list", list.into()), ("map", map.into_iter().map(|(key, value)| (key, Value::from(value))).collect()),
        ];
        all.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|((name, value), _)| (name.to_owned(), value)).collect()
    }
}

/// As the official serializer writes it, with `_strict=true` behind everything.
fn written(params: &Map<String, Value>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in params {
        match value {
            Value::Array(items) if items.is_empty() => query.append_pair(name, ""),
            Value::Array(items) => query.extend_pairs(items.iter().map(|item| (name, text(item)))),
            Value::Object(fields) => {
                query.extend_pairs(fields.iter().map(|(key, value)| (format!("{name}.{key}"), text(value))))
            }
            other => query.append_pair(name, &text(other)),
        };
    }
    query.append_pair("_strict", "true").finish()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_query_is_read_or_refused(query in query()) {
        for endpoint in endpoints() {
            match parse_query(&query, endpoint.params) {
                Ok(input) => {
                    let known = |name: &String| endpoint.params.iter().any(|field| field.name == name);
                    prop_assert!(input.keys().all(known), "{query}: {input:?}");
                }
                Err(error) => prop_assert!(error.to_string().len() < 400, "{query}: {error}"),
            }
        }
        read_all(&query, b"");
    }

    #[test]
    fn any_body_is_read_or_refused(body in body(), query in query()) {
        read_all("", &body);
        read_all(&query, &body);
    }

    #[test]
    fn what_official_clients_write_is_read_back(params in params()) {
        let query = written(&params);
        prop_assert_eq!(parse_query(&query, &fields()).unwrap(), params, "{}", query);
    }

    #[test]
    fn the_body_wins_over_the_query(query_text in "[a-z]{1,4}", params in params()) {
        let body = Value::Object(params.clone()).to_string();
        let query = format!("text={query_text}");
        let request = Request {
            method: &Method::POST,
            query: Some(&query),
            content_type: Some("application/json"),
            body: body.as_bytes(),
        };
        let mut expected = Map::from_iter([("text".to_owned(), Value::from(query_text))]);
        expected.extend(params);
        prop_assert_eq!(read_input(request, &fields()).unwrap(), expected);
    }
}
