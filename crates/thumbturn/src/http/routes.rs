//! The router, made from the endpoint declarations: the parameter type of a handler says which endpoint it serves.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode};
use thumbturn_api::{ApiError, Credential, Endpoint, Envelope, Field, JsonObject};

use super::call::Call;
use super::errors::{Failure, Outcome};
use super::forward::Whose;
use super::idempotency;
use crate::app::{App, LARGEST_PAGE};

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;
type Handler = Box<dyn Fn(App, Call, &HeaderMap) -> Answering + Send + Sync>;

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
    /// Whose node has to carry it out; `None`: any.
    pub whose: Option<Whose>,
    handler: Handler,
}

impl Route {
    /// Validates the parameters, runs the handler and wraps its answer.
    pub(crate) fn run(&self, app: App, call: Call, headers: &HeaderMap) -> Answering {
        (self.handler)(app, call, headers)
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
        self.serve(handler, E::CHANGES, None)
    }

    /// The same for a handler that needs the memory of the node that commands a hub.
    #[must_use]
    pub fn on_node_of<E, F, Fut>(self, whose: Whose, handler: F) -> Self
    where
        E: Endpoint,
        F: Fn(App, Call, E) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Outcome<E::Response>> + Send + 'static,
    {
        self.serve(handler, E::CHANGES, Some(whose))
    }

    /// The same for a handler that begins an attempt on a lock: the attempt itself keeps the idempotency key.
    #[must_use]
    pub fn begins<E, F, Fut>(self, handler: F) -> Self
    where
        E: Endpoint,
        F: Fn(App, Call, E) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Outcome<E::Response>> + Send + 'static,
    {
        self.serve(handler, false, None)
    }

    /// The same for a handler whose answer goes on. It gets the headers too: who follows has to show again who it is.
    #[must_use]
    pub fn streams<E, F, Fut>(self, handler: F) -> Self
    where
        E: Endpoint,
        F: Fn(App, Call, HeaderMap, E) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Outcome<Response>> + Send + 'static,
    {
        self.add::<E>(
            None,
            Box::new(move |app, call, headers| {
                let params = read::<E>(&call.input);
                let headers = headers.clone();
                Box::pin(async move {
                    let answered = async { handler(app, call, headers, params?).await };
                    answered.await.unwrap_or_else(Failure::into_response)
                })
            }),
        )
    }

    fn serve<E, F, Fut>(self, handler: F, keeps_answers: bool, whose: Option<Whose>) -> Self
    where
        E: Endpoint,
        F: Fn(App, Call, E) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Outcome<E::Response>> + Send + 'static,
    {
        self.add::<E>(
            whose,
            Box::new(move |app, call, _| {
                Box::pin(async move {
                    match answer(handler, keeps_answers, app, call).await {
                        Ok(response) => response,
                        Err(failure) => failure.into_response(),
                    }
                })
            }),
        )
    }

    fn add<E: Endpoint>(mut self, whose: Option<Whose>, handler: Handler) -> Self {
        let route = Route {
            path: E::PATH,
            methods: E::METHODS,
            auth: E::AUTH,
            params: E::params(),
            is_closed_by_suspension: E::info().is_closed_by_suspension(),
            whose,
            handler,
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
    F: Fn(App, Call, E) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome<E::Response>> + Send + 'static,
{
    let params = read::<E>(&call.input)?;
    if keeps_answers && let Some(key) = call.idempotency_key()? {
        let claimed = idempotency::claimed::<E>(&app, &call, &key);
        let place = Arc::clone(&call.place);
        let work = carried_out(handler, app.clone(), call.under(claimed.id), params);
        return idempotency::once::<E>(app, claimed, place, work).await;
    }
    let Some(_rows) = app.clone().room().rows(rows_at_most(E::PATH, &call.input)).await else {
        return Err(super::busy());
    };
    let waits = E::CHANGES && E::RESPONSE_KEYS.contains(&"action_attempt");
    let applied = call.preference.applied().filter(|_| waits);
    let result = if keeps_answers {
        to_its_end(carried_out(handler, app, call, params)).await?
    } else {
        handler(app, call, params).await?
    };
    let mut response = super::json(StatusCode::OK, &Envelope::<E>::new(&result));
    if let Some(applied) = applied {
        response.headers_mut().insert("preference-applied", applied);
    }
    Ok(response)
}

/// How often another node may be faster.
const TRIES: usize = 10;

/// Carries a call out, and once more where another node changed first what it was reading.
async fn carried_out<E, F, Fut>(handler: F, app: App, call: Call, mut params: E) -> Outcome<E::Response>
where
    E: Endpoint,
    F: Fn(App, Call, E) -> Fut,
    Fut: Future<Output = Outcome<E::Response>> + Send + 'static,
{
    if app.store().is_shared() {
        for _ in 1..TRIES {
            match handler(app.clone(), call.clone(), params).await {
                Err(failure) if failure.was_outrun() => params = read::<E>(&call.input)?,
                other => return other,
            }
        }
    }
    handler(app, call, params).await
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
