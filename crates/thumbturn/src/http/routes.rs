//! The router, made from the endpoint declarations: the parameter type of a handler says which endpoint it serves.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use thumbturn_api::{ApiError, Credential, Endpoint, Envelope, Field, JsonObject};

use super::call::Call;
use super::errors::{Failure, Outcome};
use super::idempotency;
use crate::app::{App, LARGEST_PAGE};

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;
type Handler = Box<dyn Fn(App, Call) -> Answering + Send + Sync>;

/// One endpoint and who serves it.
pub struct Route {
    /// Where it is served.
    pub path: &'static str,
    /// Methods that are served.
    pub methods: &'static [Method],
    /// Credentials that are accepted.
    pub auth: &'static [Credential],
    /// Its parameters.
    pub params: &'static [Field],
    /// Whether it is refused in a suspended workspace.
    pub is_closed_by_suspension: bool,
    handler: Handler,
}

impl Route {
    /// Validates the parameters, runs the handler and wraps its answer.
    pub(crate) fn run(&self, app: App, call: Call) -> Answering {
        (self.handler)(app, call)
    }
}

/// Every endpoint that is served, by path.
#[derive(Default)]
pub struct Routes {
    by_path: HashMap<&'static str, Route>,
}

impl Routes {
    /// Serves the endpoint that `handler`'s last parameter declares. What it changes, it changes whole, whether the caller
    /// waits for it or not.
    #[must_use]
    pub fn on<E, F, Fut>(self, handler: F) -> Self
    where
        E: Endpoint,
        F: Fn(App, Call, E) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Outcome<E::Response>> + Send + 'static,
    {
        self.serve(handler, E::CHANGES)
    }

    /// The same for a handler that begins an attempt on a lock: the attempt itself keeps the idempotency key.
    #[must_use]
    pub fn begins<E, F, Fut>(self, handler: F) -> Self
    where
        E: Endpoint,
        F: Fn(App, Call, E) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Outcome<E::Response>> + Send + 'static,
    {
        self.serve(handler, false)
    }

    fn serve<E, F, Fut>(mut self, handler: F, keeps_answers: bool) -> Self
    where
        E: Endpoint,
        F: Fn(App, Call, E) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Outcome<E::Response>> + Send + 'static,
    {
        let run: Handler = Box::new(move |app, call| {
            Box::pin(async move {
                match answer(handler, keeps_answers, app, call).await {
                    Ok(response) => response,
                    Err(failure) => failure.into_response(),
                }
            })
        });
        let route = Route {
            path: E::PATH,
            methods: E::METHODS,
            auth: E::AUTH,
            params: E::params(),
            is_closed_by_suspension: E::info().is_closed_by_suspension(),
            handler: run,
        };
        self.by_path.insert(E::PATH, route);
        self
    }

    /// The endpoint at `path`.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Route> {
        self.by_path.get(path)
    }

    /// The paths that are served.
    pub fn paths(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.by_path.keys().copied()
    }
}

async fn answer<E, F, Fut>(handler: F, keeps_answers: bool, app: App, call: Call) -> Result<Response, Failure>
where
    E: Endpoint,
    F: Fn(App, Call, E) -> Fut,
    Fut: Future<Output = Outcome<E::Response>> + Send + 'static,
{
    let params = read::<E>(&call.input)?;
    if keeps_answers && let Some(key) = call.idempotency_key()? {
        let claimed = idempotency::claimed::<E>(&app, &call, &key);
        let place = Arc::clone(&call.place);
        let work = handler(app.clone(), call.under(claimed.id), params);
        return idempotency::once::<E>(app, claimed, place, work).await;
    }
    let Some(_rows) = app.clone().room().rows(rows_at_most(E::PATH, &call.input)).await else {
        return Err(super::busy());
    };
    let waits = E::CHANGES && E::RESPONSE_KEYS.contains(&"action_attempt");
    let applied = call.preference.applied().filter(|_| waits);
    let work = handler(app, call, params);
    let result = if keeps_answers { to_its_end(work).await? } else { work.await? };
    let mut response = super::json(StatusCode::OK, &Envelope::<E>::new(&result));
    if let Some(applied) = applied {
        response.headers_mut().insert("preference-applied", applied);
    }
    Ok(response)
}

/// Runs a change to its end even if its caller goes away. Whoever changes the same thing next waits for it, and reads what
/// it became.
pub(super) async fn to_its_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    // A fault of ours in a handler is answered as one.
    tokio::spawn(work).await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// How many rows the answer may be made of, where that is more than a few.
fn rows_at_most(path: &str, input: &JsonObject) -> usize {
    let name = path.rsplit('/').next().unwrap_or_default();
    if !name.starts_with("list") && name != "get_related" {
        return 0;
    }
    let asked = input.get("limit").and_then(serde_json::Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    asked.map_or(LARGEST_PAGE, |limit| limit.min(LARGEST_PAGE))
}

fn read<E: Endpoint>(input: &JsonObject) -> Result<E, ApiError> {
    E::read(input).map_err(ApiError::from)
}
