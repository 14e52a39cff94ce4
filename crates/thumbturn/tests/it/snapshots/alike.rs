//! What many endpoints answer alike. Each test asks all endpoints of a layer and finds one answer; [`super::register`]
//! takes its snapshot for all of them.

use std::collections::BTreeMap;

use axum::response::IntoResponse as _;
use http::Method;
use http_body_util::BodyExt as _;
use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use thumbturn::http::errors::Failure;
use thumbturn::tokens::{Token, TokenKind};
use thumbturn_api::{Credential, EndpointInfo};
use thumbturn_core::change::{Change, ClaimedCall};
use thumbturn_core::ids::{CallId, WorkspaceId};
use thumbturn_core::ports::StoreError;

use super::layers::{
    BEGINS, CHANGES, CLOSED, EVERY, FOR_KEYS, FOR_SESSIONS, Layer, NOT_FOR_PUBLISHABLE_KEYS, NOT_FOR_SESSIONS, NOWHERE,
    OF_LISTS_ONLY, PAGINATED, SUSPENDABLE, WITH_A_SCALAR, WITHOUT_PARAMETERS, is_scalar, of,
};
use super::stage::{shown, shown_without};
use crate::app::{SANDBOX, SUSPENDED, TestApp, stored_session};
use crate::ask::{Ask, Reply};

/// The one answer of all endpoints of a layer. What differs by design, the second part of the question, is blotted out.
async fn alike(app: &TestApp, layer: &Layer, ask: impl Fn(&EndpointInfo) -> (Ask, String)) -> String {
    let mut answers: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for endpoint in of(layer) {
        let (ask, own) = ask(&endpoint);
        let reply = app.send(ask).await;
        let text = match &*own {
            "" => shown(layer.name, &reply),
            own => shown_without(layer.name, &reply, own, "[its own]"),
        };
        answers.entry(text).or_default().push(endpoint.path);
    }
    assert_eq!(answers.len(), 1, "{answers:#?}");
    answers.into_keys().collect()
}

/// An empty call of an endpoint by somebody who may call it.
fn bare(app: &TestApp, endpoint: &EndpointInfo) -> Ask {
    Ask::post(endpoint.path).bearer(app.opens(endpoint))
}

#[tokio::test]
async fn what_is_no_input() {
    let app = TestApp::start().await;
    let text =
        |endpoint: &EndpointInfo| (bare(&app, endpoint).header("content-type", "text/plain").raw("{}"), String::new());
    assert_snapshot!(alike(&app, &EVERY, text).await, @r#"
    every endpoint 400 invalid_content_type
    {
      "error": {
        "message": "POST requests must have \"Content-Type\" header with \"application/json\"",
        "type": "invalid_content_type"
      },
      "ok": false
    }
    "#);
    let large = |endpoint: &EndpointInfo| {
        (bare(&app, endpoint).header("content-length", "99999999").json(json!({})), String::new())
    };
    assert_snapshot!(alike(&app, &EVERY, large).await, @r#"
    every endpoint 413 payload_too_large
    {"error": {"message": "The body is larger than 1 MiB", "type": "payload_too_large"}, "ok": false}
    "#);
    let list = |endpoint: &EndpointInfo| (bare(&app, endpoint).json(json!([])), String::new());
    assert_snapshot!(alike(&app, &WITHOUT_PARAMETERS, list).await, @r#"
    every endpoint without parameters 400 invalid_input
    {
      "error": {
        "message": "Expected object, received array",
        "type": "invalid_input",
        "validation_errors": {"_errors": ["Expected object, received array"]}
      },
      "ok": false
    }
    "#);
    let method = |endpoint: &EndpointInfo| {
        let wrong = if endpoint.methods.contains(&Method::DELETE) { Method::PATCH } else { Method::DELETE };
        let served: Vec<&str> = endpoint.methods.iter().map(Method::as_str).collect();
        (Ask::new(wrong, endpoint.path).bearer(app.opens(endpoint)), served.join(","))
    };
    assert_snapshot!(alike(&app, &EVERY, method).await, @r#"
    every endpoint 405 method_not_allowed
    {"error": {"message": "only [its own] accepted", "type": "method_not_allowed"}, "ok": false}
    "#);
}

#[tokio::test]
async fn ambiguous_queries() {
    let app = TestApp::start().await;
    let asked = |endpoint: &EndpointInfo, name: &str, query: &str| {
        let uri = format!("{}?{}", endpoint.path, query.replace("NAME", name));
        (Ask::post(uri).bearer(app.opens(endpoint)), format!("'{name}'"))
    };
    let twice = |endpoint: &EndpointInfo| {
        let scalar = endpoint.params.iter().find(|field| is_scalar(field)).unwrap();
        asked(endpoint, scalar.name, "NAME=1&NAME=2")
    };
    assert_snapshot!(alike(&app, &WITH_A_SCALAR, twice).await, @r#"
    every endpoint with a parameter that is no list 400 invalid_query_params
    {
      "error": {
        "message": "Could not parse parameter: [its own] is given more than once",
        "type": "invalid_query_params"
      },
      "ok": false
    }
    "#);
    let mixed = |endpoint: &EndpointInfo| asked(endpoint, endpoint.params[0].name, "NAME=1&NAME=");
    assert_snapshot!(alike(&app, &OF_LISTS_ONLY, mixed).await, @r#"
    every endpoint whose parameters are lists 400 invalid_query_params
    {
      "error": {
        "message": "Could not parse parameter: [its own] mixes empty and other values",
        "type": "invalid_query_params"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn cursors_of_other_lists() {
    let app = TestApp::start().await;
    let first = app.ok("/devices/list", json!({"limit": 1})).await;
    let cursor = first["pagination"]["next_page_cursor"].clone();
    let elsewhere = |endpoint: &EndpointInfo| {
        let limit = if endpoint.path == "/devices/list" { 2 } else { 1 };
        (bare(&app, endpoint).json(json!({"limit": limit, "page_cursor": cursor})), String::new())
    };
    assert_snapshot!(alike(&app, &PAGINATED, elsewhere).await, @r#"
    every endpoint with pages 400 mismatched_page_parameters
    {
      "error": {
        "message": "The page_cursor was made for other parameters. Repeat the parameters of the first page exactly.",
        "type": "mismatched_page_parameters"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn callers_that_are_not_known() {
    let app = TestApp::start().await;
    let workspace = app.own.workspace.to_string();
    let nothing = |endpoint: &EndpointInfo| (Ask::post(endpoint.path), String::new());
    assert_snapshot!(alike(&app, &CLOSED, nothing).await, @r#"
    every endpoint that is not public 401 unauthorized
    {"error": {"message": "No authentication methods succeeded", "type": "unauthorized"}, "ok": false}
    "#);
    let token = Token::random(TokenKind::PersonalAccessToken, true).reveal();
    let pat = |endpoint: &EndpointInfo| {
        (Ask::post(endpoint.path).bearer(&token).header("seam-workspace", &workspace), String::new())
    };
    assert_snapshot!(alike(&app, &CLOSED, pat).await, @r#"
    every endpoint that is not public 401 unauthorized
    {"error": {"message": "Access token not found", "type": "unauthorized"}, "ok": false}
    "#);
    let key = Token::random(TokenKind::ApiKey, true).reveal();
    let key = |endpoint: &EndpointInfo| (Ask::post(endpoint.path).bearer(&key), String::new());
    assert_snapshot!(alike(&app, &FOR_KEYS, key).await, @r#"
    every endpoint for API keys 401 unauthorized
    {"error": {"message": "API Key not found", "type": "unauthorized"}, "ok": false}
    "#);
    let session = app.session(&[app.own.account]).await;
    let session = |endpoint: &EndpointInfo| (Ask::post(endpoint.path).bearer(&session), String::new());
    assert_snapshot!(alike(&app, &NOT_FOR_SESSIONS, session).await, @r#"
    every endpoint closed to client sessions 401 unauthorized
    {"error": {"message": "No authentication methods succeeded", "type": "unauthorized"}, "ok": false}
    "#);
    let publishable = |endpoint: &EndpointInfo| {
        (Ask::post(endpoint.path).header("seam-publishable-key", &app.own.publishable_key), String::new())
    };
    assert_snapshot!(alike(&app, &NOT_FOR_PUBLISHABLE_KEYS, publishable).await, @r#"
    every endpoint closed to publishable keys 401 unauthorized
    {"error": {"message": "No authentication methods succeeded", "type": "unauthorized"}, "ok": false}
    "#);
}

#[tokio::test]
async fn sessions_that_are_over() {
    let app = TestApp::start().await;
    let (now, later) = (Timestamp::now(), Timestamp::now() + SignedDuration::from_hours(1));
    let stored = async |until, revoked| stored_session(&app.store, app.own.workspace, &[], until, revoked).await;
    let by = async |token: String| {
        let ask = |endpoint: &EndpointInfo| {
            (Ask::post(endpoint.path).header("seam-client-session-token", &token), String::new())
        };
        alike(&app, &FOR_SESSIONS, ask).await
    };
    assert_snapshot!(by(Token::random(TokenKind::ClientSession, true).reveal()).await, @r#"
    every endpoint for client sessions 401 client_session_not_found
    {"error": {"message": "Could not find client session", "type": "client_session_not_found"}, "ok": false}
    "#);
    assert_snapshot!(by(stored(later, Some(now)).await).await, @r#"
    every endpoint for client sessions 401 client_session_revoked
    {"error": {"message": "This client session was revoked", "type": "client_session_revoked"}, "ok": false}
    "#);
    assert_snapshot!(by(stored(now, None).await).await, @r#"
    every endpoint for client sessions 401 client_session_expired
    {"error": {"message": "This client session has expired", "type": "client_session_expired"}, "ok": false}
    "#);
    assert_snapshot!(by(app.own.api_key.clone()).await, @r#"
    every endpoint for client sessions 400 invalid_client_session_token
    {
      "error": {
        "message": "The client session header does not hold a client session token: those start with seam_cst",
        "type": "invalid_client_session_token"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn suspended_workspaces() {
    let app = TestApp::with(SUSPENDED, &[]).await;
    let change = |endpoint: &EndpointInfo| (Ask::post(endpoint.path).bearer(&app.own.api_key), String::new());
    assert_snapshot!(alike(&app, &SUSPENDABLE, change).await, @r#"
    every change of a workspace 403 workspace_suspended
    {
      "error": {"message": "This workspace is suspended: it can only be read", "type": "workspace_suspended"},
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn keys_that_were_used() {
    let app = TestApp::start().await;
    let rows = crate::credentials::rows(&app).await;
    let ask = |endpoint: &EndpointInfo, body: &serde_json::Value| {
        Ask::post(endpoint.path).bearer(app.opens(endpoint)).header("idempotency-key", "k").json(body.clone())
    };
    let valid = |endpoint: &EndpointInfo| rows.iter().find(|row| row.path == endpoint.path).unwrap().body.clone();
    for endpoint in of(&BEGINS) {
        app.send(ask(&endpoint, &valid(&endpoint))).await.ok();
    }
    let other = |endpoint: &EndpointInfo| {
        let mut body = valid(endpoint);
        body["device_id"] = json!(app.own.devices[1]);
        (ask(endpoint, &body), String::new())
    };
    assert_snapshot!(alike(&app, &BEGINS, other).await, @r#"
    every action on a lock 409 idempotency_key_conflict
    {
      "error": {
        "message": "This Idempotency-Key was used with other parameters. Use a new key for a new action.",
        "type": "idempotency_key_conflict"
      },
      "ok": false
    }
    "#);
    for endpoint in of(&CHANGES) {
        claim(&app, &endpoint).await;
    }
    let again = |endpoint: &EndpointInfo| (ask(endpoint, &valid(endpoint)), String::new());
    assert_snapshot!(alike(&app, &CHANGES, again).await, @r#"
    every other change 409 idempotency_key_conflict
    {
      "error": {
        "message": "This Idempotency-Key was used with other parameters.",
        "type": "idempotency_key_conflict"
      },
      "ok": false
    }
    "#);
}

/// Has the key "k" used, for parameters that nobody sends.
async fn claim(app: &TestApp, endpoint: &EndpointInfo) {
    let by_key = endpoint.auth.contains(&Credential::ApiKey);
    let (owner, kind) = if by_key { (app.own.workspace, "api_key") } else { (uuid::Uuid::nil(), "operator") };
    let claimed = ClaimedCall {
        id: CallId::derived(owner, &format!("{kind}\n{}\nk", endpoint.path)),
        workspace: by_key.then_some(WorkspaceId(app.own.workspace)),
        body_hash: app.store.call_hash("others"),
        at: app.app.now(),
    };
    app.store.commit(Change::CallClaimed(claimed)).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_busy() {
    let app = TestApp::with(SANDBOX, &[("THUMBTURN_LIMITS__CONCURRENT_REQUESTS", "1")]).await;
    // Holds the only place until it is dropped.
    let _place = app.app.admit().unwrap();
    let ask = |endpoint: &EndpointInfo| (bare(&app, endpoint), String::new());
    assert_snapshot!(alike(&app, &EVERY, ask).await, @r#"
    every endpoint 503 service_unavailable
    {"error": {"message": "The server is busy. Try again shortly.", "type": "service_unavailable"}, "ok": false}
    "#);
}

/// What is at no endpoint.
#[tokio::test]
async fn paths_that_are_not_served() {
    let app = TestApp::start().await;
    assert_snapshot!(paths(&app, &["/", "/locks", "/locks/unlock_door/"]).await, @r#"
    every other path 404 not_found
    {"error": {"message": "There is nothing at this path", "type": "not_found"}, "ok": false}
    "#);
    assert_snapshot!(paths(&app, &["/access_codes/create", "/thermostats/list"]).await, @r#"
    every other path 501 not_implemented
    {
      "error": {"message": "[its own] is not implemented by this server yet", "type": "not_implemented"},
      "ok": false
    }
    "#);
}

/// The one answer of all these paths.
async fn paths(app: &TestApp, paths: &[&str]) -> String {
    let mut answers = BTreeMap::new();
    for path in paths {
        let reply = app.post(path, json!({})).await;
        answers.insert(shown_without(NOWHERE, &reply, path, "[its own]"), path);
    }
    assert_eq!(answers.len(), 1, "{answers:#?}");
    answers.into_keys().collect()
}

/// The server is there, but what an action needs is not.
#[tokio::test]
async fn what_is_not_to_be_had_now() {
    let app = TestApp::with(SANDBOX, &[("THUMBTURN_ACTIONS__QUEUE_PER_LOCK", "1")]).await;
    let path = "/locks/unlock_door";
    app.set(0, json!({"latency_ms": 600_000})).await;
    let ask = Ask::post(path).bearer(&app.own.api_key).header("prefer", "respond-async").json(app.own.device());
    app.send(ask).await.ok();
    assert_snapshot!(app.snap(path, app.own.device()).await, @r#"
    /locks/unlock_door 503 service_unavailable
    {
      "error": {
        "message": "Too many actions are waiting for this lock. Try again shortly.",
        "type": "service_unavailable"
      },
      "ok": false
    }
    "#);
    app.store.close().await;
    assert_snapshot!(app.snap(path, json!({"device_id": app.own.devices[1]})).await, @r#"
    /locks/unlock_door 503 service_unavailable
    {
      "error": {
        "message": "The database is not available at the moment. Try again shortly.",
        "type": "service_unavailable"
      },
      "ok": false
    }
    "#);
}

#[tokio::test]
async fn a_fault_of_ours() {
    let response = Failure::from(StoreError::Corrupt("a canary".to_owned())).into_response();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap();
    let reply = Reply { status: parts.status, headers: parts.headers, body };
    assert_snapshot!(shown(EVERY.name, &reply), @r#"
    every endpoint 500 internal_server_error
    {
      "error": {
        "message": "Something unexpected happened; the server's log has more",
        "type": "internal_server_error"
      },
      "ok": false
    }
    "#);
}
