//! `Idempotency-Key` on calls that change something: the first answer is kept and given again.
//!
//! Attempts on locks keep their keys themselves, in the transaction that accepts them ([`super::begin`]): their answer
//! is the attempt as it is now. Here a call is claimed before it runs and its answer kept after it, so a server that
//! dies in between leaves a claim without an answer. What such a call did is unknown, and is called so.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use jiff::SignedDuration;
use thumbturn_api::{Endpoint, Envelope, ErrorType};
use thumbturn_core::change::{Change, ClaimedCall, KeptAnswer};
use thumbturn_core::ids::CallId;
use thumbturn_core::ports::{CommitError, StoreError};
use thumbturn_store::KeptCall;
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use super::call::{Call, Caller, Place};
use super::errors::{Failure, Outcome};
use crate::app::App;

/// From so many calls on, those that have ended are cleared away.
const CLEAR_FROM: usize = 1024;

/// How long to wait before each further try to store what became of a call, in milliseconds.
const PAUSES_MS: [u64; 9] = [50, 100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000];

/// How long a call waits for the same one on another node, and for how long after its beginning that may still run.
const ELSEWHERE: Duration = Duration::from_secs(10);
const RUNS_AT_MOST: SignedDuration = SignedDuration::from_secs(60);

/// Between two looks whether it has been answered.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The calls under a key that run at present: a second one waits for the first.
#[derive(Default)]
pub(crate) struct Running(Mutex<HashMap<CallId, Weak<tokio::sync::Mutex<()>>>>);

impl Running {
    /// Waits until no other call under this key runs; none does until what is returned is dropped.
    pub(super) async fn alone(&self, call: CallId) -> OwnedMutexGuard<()> {
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
    super::routes::to_its_end(async move {
        let alone = app.running().alone(claimed.id).await;
        if let Some(kept) = claim(&app, &claimed).await? {
            return again(kept.body_hash == claimed.body_hash, kept.answer);
        }
        let answered = work.await.and_then(|result| body::<E>(&result));
        let became = match &answered {
            Ok(body) => Some(Change::CallAnswered { call: claimed, answer: KeptAnswer(body.clone()) }),
            // What failed half-way may have changed something: its key stays claimed, and is never answered.
            Err(failure) if !failure.changed_nothing() => None,
            Err(_) => Some(Change::CallReleased(claimed.id)),
        };
        if let Some(became) = became
            && !is_settled(&app, &became).await
        {
            tokio::spawn(settle(app, became, (place, alone)));
        }
        answered.map(given)
    })
    .await
}

/// Claims a call, or says what is kept of the one that came first. If that came to another node and still runs there, it is
/// waited for; calls on the same node wait for their turn instead.
async fn claim(app: &App, claimed: &ClaimedCall) -> Outcome<Option<KeptCall>> {
    let until = tokio::time::Instant::now() + ELSEWHERE;
    loop {
        match app.store().kept_call(claimed.id, claimed.at).await? {
            Some(kept) if may_run_elsewhere(app, claimed, &kept) && tokio::time::Instant::now() < until => {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Some(kept) => return Ok(Some(kept)),
            None => match app.store().commit(Change::CallClaimed(claimed.clone())).await {
                // It came to another node in this moment.
                Err(CommitError::Conflict(_)) if tokio::time::Instant::now() < until => {}
                other => return Ok(other.map(|()| None)?),
            },
        }
    }
}

/// Whether a call may still run on another node. One that was claimed long ago was interrupted.
fn may_run_elsewhere(app: &App, claimed: &ClaimedCall, kept: &KeptCall) -> bool {
    let is_recent = app.now().duration_since(kept.at) < RUNS_AT_MOST;
    app.store().is_shared() && is_recent && kept.answer.is_none() && kept.body_hash == claimed.body_hash
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

/// Tries again, behind the answer, to store what became of a call. A second call with its key waits meanwhile, for the
/// turn that is `held` here with the place of the first.
async fn settle(app: App, became: Change, held: (Place, OwnedMutexGuard<()>)) {
    for pause in PAUSES_MS {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        if is_settled(&app, &became).await {
            return;
        }
    }
    tracing::error!("what became of a call was not stored: its idempotency key counts as interrupted");
    drop(held);
}

/// Commits what became of a call. `false`: that failed in a way that may pass.
async fn is_settled(app: &App, became: &Change) -> bool {
    let Err(error) = app.store().commit(became.clone()).await else { return true };
    tracing::warn!(%error, "what became of a call under an idempotency key could not be stored");
    !matches!(error, CommitError::Busy | CommitError::LeaseLost | CommitError::Store(StoreError::Unavailable(_)))
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
