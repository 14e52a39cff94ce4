//! `Idempotency-Key` on calls that change something: the first answer is kept and given again.
//!
//! Attempts on locks keep their keys themselves, in the transaction that accepts them ([`super::begin`]): their answer
//! is the attempt as it is now. Here a call is claimed before it runs and its answer kept after it, so a server that
//! dies in between leaves a claim without an answer. What such a call did is unknown, and is called so.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use thumbturn_api::{Endpoint, Envelope, ErrorType};
use thumbturn_core::change::{Change, ClaimedCall, KeptAnswer};
use thumbturn_core::ids::CallId;
use thumbturn_core::ports::CommitError;
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use super::call::{Call, Caller, Place};
use super::errors::{Failure, Outcome};
use crate::app::App;

/// From so many calls on, those that have ended are cleared away.
const CLEAR_FROM: usize = 1024;

/// The calls under a key that run at present: a second one waits for the first.
#[derive(Default)]
pub(crate) struct Running(Mutex<HashMap<CallId, Weak<tokio::sync::Mutex<()>>>>);

impl Running {
    async fn alone(&self, call: CallId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if calls.len() >= CLEAR_FROM {
                calls.retain(|_, turn| turn.strong_count() > 0);
            }
            let turn = calls.get(&call).and_then(Weak::upgrade).unwrap_or_default();
            calls.insert(call, Arc::downgrade(&turn));
            turn
        };
        turn.lock_owned().await
    }
}

/// Runs `work` once under the key of a call, or gives the first answer again.
///
/// It runs to its end even if the caller goes away: whoever lost a connection will ask again. Until then it keeps the
/// place of its request, so that such calls are bounded like all others.
pub(crate) async fn once<E: Endpoint>(
    app: App,
    claimed: ClaimedCall,
    place: Place,
    work: impl Future<Output = Outcome<E::Response>> + Send + 'static,
) -> Outcome<Response> {
    let running = tokio::spawn(async move {
        let _place = place;
        let _alone = app.running().alone(claimed.id).await;
        if let Some(kept) = app.store().kept_call(claimed.id, claimed.at).await? {
            return again(kept.body_hash == claimed.body_hash, kept.answer);
        }
        match app.store().commit(Change::CallClaimed(claimed.clone())).await {
            // Another process holds it: this one would have waited.
            Err(CommitError::Conflict(_)) => return again(true, None),
            other => other?,
        }
        let answered = work.await.and_then(|result| body::<E>(&result));
        match answered {
            Ok(body) => Ok(keep(&app, claimed, body).await),
            // What failed half-way may have changed something: its key stays claimed, and is never answered.
            Err(failure) if !failure.changed_nothing() => Err(failure),
            Err(failure) => {
                if let Err(error) = app.store().commit(Change::CallReleased(claimed.id)).await {
                    tracing::warn!(%error, "an idempotency key of a refused call could not be released");
                }
                Err(failure)
            }
        }
    });
    // A fault of ours in a handler is answered as one.
    running.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// The claim of a call under `key`. The user whom a header names is a part of it: a publishable key is everybody's.
pub(crate) fn claimed<E: Endpoint>(app: &App, call: &Call, key: &str) -> ClaimedCall {
    let mut name = format!("{}\n{}\n{key}", call.caller.kind(), E::PATH);
    if let Some(user) = &call.user_identifier_key {
        name.push('\n');
        name.push_str(user);
    }
    ClaimedCall {
        id: CallId::derived(owner(&call.caller), &name),
        workspace: call.caller.workspace(),
        body_hash: app.store().call_hash(&call.canonical_input()),
        at: app.now(),
    }
}

/// Whose keys they are. Those of a client session are its own: its answers are for one end user.
fn owner(caller: &Caller) -> Uuid {
    match caller {
        Caller::Workspace { workspace, .. } | Caller::Publishable { workspace } => workspace.0,
        Caller::Session(session) => session.id.0,
        Caller::Operator { operator, only } => {
            operator.map(|operator| operator.0).or(only.map(|only| only.0)).unwrap_or_default()
        }
        Caller::Public => Uuid::nil(),
    }
}

fn body<E: Endpoint>(result: &E::Response) -> Outcome<String> {
    let unwritable = |_| Failure::new(ErrorType::InternalServerError, "The answer could not be written");
    serde_json::to_string(&Envelope::<E>::new(result)).map_err(unwritable)
}

async fn keep(app: &App, call: ClaimedCall, body: String) -> Response {
    let answer = KeptAnswer(body.clone());
    if let Err(error) = app.store().commit(Change::CallAnswered { call, answer }).await {
        // What was asked for is done all the same.
        tracing::warn!(%error, "the answer under an idempotency key could not be kept");
    }
    given(body)
}

fn again(is_same: bool, answer: Option<String>) -> Outcome<Response> {
    match answer {
        _ if !is_same => Err(Failure::key_conflict("This Idempotency-Key was used with other parameters")),
        Some(body) => Ok(given(body)),
        None => Err(Failure::key_conflict(
            "The first call with this Idempotency-Key was interrupted, and whether it changed anything is not known. \
             Look, then use a new key",
        )),
    }
}

fn given(body: String) -> Response {
    super::json_text(StatusCode::OK, body).into_response()
}

impl Failure {
    fn key_conflict(message: &str) -> Self {
        Self::new(ErrorType::IdempotencyKeyConflict, format!("{message}."))
    }
}
