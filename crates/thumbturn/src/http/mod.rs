//! Everything that knows HTTP: the order in which a request is judged, and the answer's outer form.
//!
//! The order is the contract's: cross-origin headers (and at once the answer to OPTIONS), request id, path,
//! credentials, method, body, parameters, handler. So a call without credentials learns nothing but that. Probes are
//! answered before all of it: a server that is busy is alive all the same.

pub mod auth;
pub mod call;
pub mod cors;
pub mod cursors;
pub mod documents;
pub mod errors;
pub mod forward;
pub(crate) mod idempotency;
pub mod prefer;
pub mod reference;
pub mod routes;

mod action_attempts;
mod begin;
mod client_sessions;
mod connected_accounts;
mod credential_headers;
mod device_providers;
mod devices;
mod event_stream;
mod events;
mod evidence;
mod health;
mod locks;
mod sandbox;
mod simulations;
mod spaces;
mod to_wire;
mod unmanaged_devices;
mod user_identities;
mod webhooks;
mod wire_event;
mod workspaces;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::FutureExt as _;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Serialize;
use thumbturn_api::{ErrorType, official_path, read_input};
use tokio::sync::OwnedSemaphorePermit;

use self::call::{Call, Caller, Place};
use self::errors::{Failure, Outcome};
pub(crate) use self::events::json as event_json;
use self::forward::Whose;
use self::routes::{Route, Routes};
pub(crate) use self::webhooks::delivery_to_wire as webhook_delivery;
use crate::app::App;
use crate::connections::WithoutPlace;
use crate::rest;

/// Largest body that is read, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// How long a client may take for a body.
const BODY_TIME: Duration = Duration::from_secs(30);

/// How much of a body that nobody wants is read away, in bytes, and for how long. Most clients send all before they read,
/// and would find a broken connection where the refusal should be.
const UNWANTED: (usize, Duration) = (8 * 1024 * 1024, Duration::from_secs(5));

/// How many headers an answer has at most, as a rule: a map that grows is made anew.
const HEADERS: usize = 12;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// The service, ready to be served.
pub fn service(app: App) -> Router {
    Router::new().fallback(handle).with_state(app)
}

/// The service of an address that serves metrics and nothing else.
pub fn metrics_service(app: App) -> Router {
    Router::new().fallback(handle_metrics).with_state(app)
}

async fn handle_metrics(State(app): State<App>, request: Request) -> Response {
    if request.uri().path() == health::METRICS {
        health::metrics(&app, request.headers())
    } else {
        no_route("").into_response()
    }
}

/// The paths that are answered outside the API's envelope rules.
pub(crate) fn probes() -> impl Iterator<Item = &'static str> {
    health::PROBES.into_iter()
}

/// Every endpoint and who serves it.
#[must_use]
pub fn routes() -> Routes {
    Routes::default()
        .on(action_attempts::get)
        .on(action_attempts::list)
        .on(client_sessions::create)
        .on(client_sessions::get)
        .on(client_sessions::get_or_create)
        .on(client_sessions::list)
        .on(client_sessions::grant_access)
        .on(client_sessions::revoke)
        .on(client_sessions::delete)
        .on(connected_accounts::get)
        .on(connected_accounts::list)
        .on_node_of(Whose::Account, connected_accounts::update)
        .on_node_of(Whose::Account, connected_accounts::delete)
        .on_node_of(Whose::Account, connected_accounts::sync)
        .on(connected_accounts::create)
        .on(devices::get)
        .on(devices::list)
        .on_node_of(Whose::Device, devices::update)
        .on_node_of(Whose::Device, devices::delete)
        .on(devices::report_provider_metadata)
        .on(device_providers::list)
        .on(unmanaged_devices::get)
        .on(unmanaged_devices::list)
        .on_node_of(Whose::Device, unmanaged_devices::update)
        .on(events::get)
        .on(events::list)
        .streams(event_stream::follow)
        .on(evidence::get)
        .on(health::get)
        .on(health::get_short)
        .on(locks::get)
        .on(locks::list)
        .begins(locks::lock_door)
        .begins(locks::unlock_door)
        .begins(locks::configure_auto_lock)
        .begins(simulations::keypad_code_entry)
        .begins(simulations::manual_lock_via_keypad)
        .on_node_of(Whose::Device, simulations::connect)
        .on_node_of(Whose::Device, simulations::disconnect)
        .on_node_of(Whose::Device, simulations::connect_to_hub)
        .on_node_of(Whose::Device, simulations::disconnect_from_hub)
        .on_node_of(Whose::Device, simulations::paid_subscription)
        .on_node_of(Whose::Device, simulations::remove)
        .on_node_of(Whose::Account, simulations::disconnect_account)
        .on_node_of(Whose::Device, sandbox::get)
        .on_node_of(Whose::Device, sandbox::set)
        .on_node_of(Whose::Device, sandbox::act)
        .on(spaces::create)
        .on(spaces::get)
        .on(spaces::list)
        .on(spaces::update)
        .on(spaces::delete)
        .on(spaces::add_devices)
        .on(spaces::remove_devices)
        .on(spaces::add_connected_account)
        .on(spaces::remove_connected_account)
        .on(spaces::add_acs_entrances)
        .on(spaces::remove_acs_entrances)
        .on(spaces::get_related)
        .on(user_identities::create)
        .on(user_identities::get)
        .on(user_identities::list)
        .on(user_identities::update)
        .on(user_identities::delete)
        .on(user_identities::grant_access_to_device)
        .on(user_identities::revoke_access_to_device)
        .on(user_identities::list_accessible_devices)
        .on(user_identities::merge)
        .on(user_identities::get_unmanaged)
        .on(user_identities::list_unmanaged)
        .on(user_identities::update_unmanaged)
        .on(webhooks::create)
        .on(webhooks::get)
        .on(webhooks::list)
        .on(webhooks::update)
        .on(webhooks::delete)
        .on(webhooks::list_states)
        .on(webhooks::enable)
        .on(webhooks::rotate_secret)
        .on(webhooks::list_deliveries)
        .on(webhooks::get_delivery)
        .on(webhooks::replay_delivery)
        .on(webhooks::replay_range)
        .on(workspaces::get)
        .on(workspaces::list)
        .on(workspaces::create)
        .on(workspaces::update)
        .on_node_of(Whose::VirtualLocks, workspaces::reset_sandbox)
}

async fn handle(State(app): State<App>, request: Request) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let id = uuid::Uuid::new_v4().to_string();
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::OK.into_response()
    } else {
        answer(&app, request, &id).await
    };
    app.origins().allow(origin.as_ref(), response.headers_mut());
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert("seam-request-id", id);
    }
    response
}

/// Judges and answers one request, and logs it without its secrets.
async fn answer(app: &App, request: Request, id: &str) -> Response {
    let started = tokio::time::Instant::now();
    let (parts, mut body) = request.into_parts();
    let path = known_path(app, parts.uri.path());
    let response = match health::probe(app, &parts.method, path, &parts.headers).await {
        Some(response) => response,
        None if parts.extensions.get::<WithoutPlace>().is_some() => busy().into_response(),
        None => match app.admit() {
            Some(place) => {
                let response = guarded(app, &parts, &mut body, place).await;
                app.room().keep(response).unwrap_or_else(|| busy().into_response())
            }
            None => busy().into_response(),
        },
    };
    let took = started.elapsed();
    discard(&parts.headers, body).await;
    app.metrics().requests().answered(path, response.status(), took);
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(
        request.id = id,
        method = known_method(&parts.method),
        path,
        status = response.status().as_u16(),
        duration_ms,
        "answered"
    );
    response
}

/// A fault of ours in one request must not end the others on its connection.
async fn guarded(app: &App, parts: &Parts, body: &mut Body, place: OwnedSemaphorePermit) -> Response {
    match AssertUnwindSafe(dispatch(app, parts, body, place)).catch_unwind().await {
        Ok(outcome) => outcome.unwrap_or_else(Failure::into_response),
        Err(_) => Failure::new(ErrorType::InternalServerError, "Something unexpected happened").into_response(),
    }
}

fn busy() -> Failure {
    Failure::unavailable("The server is busy. Try again shortly.")
}

/// The place is given back while the body comes, and taken again: a client that sends it slowly must not hold it.
async fn dispatch(app: &App, parts: &Parts, body: &mut Body, place: OwnedSemaphorePermit) -> Outcome<Response> {
    let path = parts.uri.path();
    let Some(route) = app.routes().find(path) else { return Err(no_route(path)) };
    let caller = auth::authenticate(app, path, route.auth, &parts.headers).await?;
    check_method(route.methods, &parts.method)?;
    check_suspension(app, route, &caller).await?;
    drop(place);
    let body = read_body(app, body, &parts.headers).await?;
    let place: Place = Arc::new(app.admit().ok_or_else(busy)?);
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let input = read_input(
        thumbturn_api::Request { method: &parts.method, query: parts.uri.query(), content_type, body: &body },
        route.params,
    )?;
    let call = Call::new(caller, parts.method.clone(), &parts.headers, input, place);
    if let Some(whose) = route.whose
        && let Some(answer) = forward::elsewhere(app, whose, &call, parts, &body).await?
    {
        return Ok(answer);
    }
    Ok(route.run(app.clone(), call, &parts.headers).await)
}

fn no_route(path: &str) -> Failure {
    if let Some(path) = official_path(path) {
        Failure::new(ErrorType::NotImplemented, format!("{path} is not implemented by this server yet"))
    } else {
        Failure::new(ErrorType::NotFound, "There is nothing at this path")
    }
}

/// The method, if it is one that anything answers to: a client may send any word.
fn known_method(method: &Method) -> &'static str {
    let known = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];
    let names = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    known.iter().position(|known| known == method).map_or("(unknown)", |at| names[at])
}

/// The path, if it is one of ours or the official API's. Any other is the caller's own text, and may hold a token.
fn known_path(app: &App, path: &str) -> &'static str {
    let served = app.routes().find(path).map(|route| route.path);
    served.or_else(|| health::probed(path)).or_else(|| official_path(path)).unwrap_or("(unknown)")
}

fn check_method(methods: &[Method], method: &Method) -> Outcome<()> {
    let asked = if method == Method::HEAD { &Method::GET } else { method };
    if methods.contains(asked) {
        return Ok(());
    }
    let served: Vec<&str> = methods.iter().map(Method::as_str).collect();
    let failure = Failure::new(ErrorType::MethodNotAllowed, format!("only {} accepted", served.join(",")));
    Err(match HeaderValue::try_from(served.join(", ")) {
        Ok(allowed) => failure.with_header(header::ALLOW, allowed),
        Err(_) => failure,
    })
}

/// A suspended workspace can be read, not changed.
async fn check_suspension(app: &App, route: &Route, caller: &Caller) -> Outcome<()> {
    let Some(workspace) = caller.workspace().filter(|_| route.is_closed_by_suspension) else { return Ok(()) };
    match app.store().workspace(workspace).await? {
        Some(found) if found.is_suspended => Err(crate::hubs::suspended().into()),
        _ => Ok(()),
    }
}

async fn read_body(app: &App, body: &mut Body, headers: &HeaderMap) -> Outcome<Bytes> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > BODY_LIMIT) {
        return Err(too_large());
    }
    let at_most = body.size_hint().upper().and_then(|size| usize::try_from(size).ok()).unwrap_or(BODY_LIMIT);
    let _room = app.room().body(at_most).ok_or_else(busy)?;
    match tokio::time::timeout(BODY_TIME, Limited::new(body, BODY_LIMIT).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) | Err(_) => Err(Failure::invalid("The body could not be read to its end")),
    }
}

/// Reads away what is left of a body, within limits. A client that asked whether it should send it has not sent it.
async fn discard(headers: &HeaderMap, body: Body) {
    if body.is_end_stream() || headers.contains_key(header::EXPECT) {
        return;
    }
    let (most, patience) = UNWANTED;
    if !rest::read_away(body, most, patience).await {
        tracing::debug!("a body that nobody wants took too long");
    }
}

fn too_large() -> Failure {
    Failure::new(ErrorType::PayloadTooLarge, "The body is larger than 1 MiB")
}

/// An answer whose body is JSON already.
fn json_text(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(HEADERS);
    headers.insert(header::CONTENT_TYPE, JSON);
    response
}

/// An answer with a JSON body.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => json_text(status, bytes),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
