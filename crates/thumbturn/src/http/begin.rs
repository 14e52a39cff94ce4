//! Beginning an attempt on a lock: refusals, idempotency key, rate, and how long the answer waits.

use std::time::Duration;

use thumbturn_api::action_attempts::ActionAttempt;
use thumbturn_api::{Endpoint, ErrorType};
use thumbturn_core::attempts::Attempt;
use thumbturn_core::change::{IdempotencyClaim, IdempotencyKey};
use thumbturn_core::commands::Command;
use thumbturn_core::hub::{BeginError, OutcomeWatch, outcome_of};
use thumbturn_core::ids::{CallId, DeviceId};
use thumbturn_core::locks::{Action, Route, may_begin};
use thumbturn_core::scope::Scope;

use super::call::Call;
use super::errors::{Failure, Outcome};
use super::to_wire;
use crate::app::App;

/// What is to be begun.
pub(crate) struct Begin {
    /// The lock.
    pub(crate) device: DeviceId,
    /// What it is to do.
    pub(crate) command: Command,
    /// Whether the answer waits longer than usual.
    pub(crate) sync: bool,
}

/// Begins an attempt for the endpoint `E`, unless the same key began it before, and holds the answer for its outcome.
pub(crate) async fn begin<E: Endpoint>(app: &App, call: &Call, what: Begin) -> Outcome<ActionAttempt> {
    begin_if::<E>(app, call, what, async { Ok(()) }).await
}

/// The same, if it is allowed. A repetition is answered whether or not the call would be allowed by now.
pub(crate) async fn begin_if<E: Endpoint>(
    app: &App,
    call: &Call,
    what: Begin,
    allowed: impl Future<Output = Outcome<()>>,
) -> Outcome<ActionAttempt> {
    let scope = call.caller.scope()?;
    let hold = call.preference.hold(what.sync, app.hold());
    let (attempt, watch) = match claim(app, call, &scope, E::PATH)? {
        None => begun(app, &scope, what, None, allowed).await?,
        Some(claim) => {
            // Of two calls at the same time the second finds what the first began, and counts as no further call.
            let _turn = app.running().alone(turn(&claim)).await;
            match repeated(app, &scope, &claim).await? {
                Some(attempt) => watched(app, attempt),
                None => begun(app, &scope, what, Some(claim), allowed).await?,
            }
        }
    };
    settle(app, &scope, attempt, watch, hold).await
}

/// An attempt, and where its outcome will appear unless it has ended.
type Begun = (Attempt, Option<OutcomeWatch>);

fn watched(app: &App, attempt: Attempt) -> Begun {
    let watch = app.engine().watch(attempt.id);
    (attempt, watch)
}

/// Begins an attempt, unless it is refused.
async fn begun(
    app: &App,
    scope: &Scope,
    what: Begin,
    claim: Option<IdempotencyClaim>,
    allowed: impl Future<Output = Outcome<()>>,
) -> Outcome<Begun> {
    let Begin { device, command, .. } = what;
    allowed.await?;
    let route = app.store().route(device).await?;
    may_begin(scope, route.as_ref(), &command).map_err(|refusal| Failure::refused(refusal, device))?;
    limit(app, route.as_ref(), command.action()).await?;
    match app.engine().begin(scope, route.as_ref(), command, claim.clone()).await {
        Ok(ticket) => Ok((ticket.attempt, Some(ticket.outcome))),
        Err(BeginError::Repeated) => simultaneous(app, scope, claim).await,
        Err(error) => Err(Failure::not_begun(error, device)),
    }
}

/// Whose turn it is under the key of a claim.
fn turn(claim: &IdempotencyClaim) -> CallId {
    let IdempotencyClaim { workspace, credential, path, key, .. } = claim;
    CallId::derived(workspace.0, &format!("{credential}\n{path}\n{}", key.0))
}

fn claim(app: &App, call: &Call, scope: &Scope, path: &'static str) -> Outcome<Option<IdempotencyClaim>> {
    let Some(key) = call.idempotency_key()? else { return Ok(None) };
    Ok(Some(IdempotencyClaim {
        workspace: scope.workspace(),
        credential: call.caller.kind(),
        path,
        key: IdempotencyKey(key),
        body_hash: app.store().call_hash(&call.canonical_input()),
        at: app.now(),
    }))
}

/// The attempt that the same key began before.
async fn repeated(app: &App, scope: &Scope, claim: &IdempotencyClaim) -> Outcome<Option<Attempt>> {
    let found = app.store().idempotent(claim.workspace, claim.credential, claim.path, &claim.key, claim.at).await?;
    let Some(first) = found else { return Ok(None) };
    if first.body_hash != claim.body_hash {
        return Err(Failure::new(
            ErrorType::IdempotencyKeyConflict,
            "This Idempotency-Key was used with other parameters. Use a new key for a new action.",
        ));
    }
    Ok(app.store().attempt(scope, first.attempt).await?)
}

/// The caller of the first call with a key went away while it was being accepted: the second answers with its attempt.
async fn simultaneous(app: &App, scope: &Scope, claim: Option<IdempotencyClaim>) -> Outcome<Begun> {
    if let Some(claim) = &claim
        && let Some(attempt) = repeated(app, scope, claim).await?
    {
        return Ok(watched(app, attempt));
    }
    Err(Failure::unavailable("The first call with this Idempotency-Key is still being accepted. Try again."))
}

/// Only movements are limited: here first, then together with what other nodes count.
async fn limit(app: &App, route: Option<&Route>, action: Action) -> Outcome<()> {
    let Some(Route { workspace, device, is_limited_like_real, .. }) = route.filter(|_| action.wanted().is_some())
    else {
        return Ok(());
    };
    let as_sandbox = !is_limited_like_real && app.is_sandbox(*workspace).await?;
    let Some(per_minute) = app.limits().per_minute(as_sandbox) else { return Ok(()) };
    let wait = match app.limits().check(as_sandbox, *workspace, *device, action) {
        Err(wait) => Some(wait),
        Ok(()) => app.store().count_movement(*device, action, per_minute).await?,
    };
    wait.map_or(Ok(()), |wait| {
        Err(Failure::new(ErrorType::RateLimitExceeded, "Too many calls for this lock. Try again later.")
            .with_data("device_id", device)
            .retry_after(wait))
    })
}

/// Waits for the outcome as long as the answer may be held, then answers what is true.
async fn settle(
    app: &App,
    scope: &Scope,
    mut attempt: Attempt,
    watch: Option<OutcomeWatch>,
    hold: Duration,
) -> Outcome<ActionAttempt> {
    let Some(watch) = watch else {
        // It has ended, perhaps since it was read.
        let ended = app.store().attempt(scope, attempt.id).await?;
        return Ok(to_wire::action_attempt(ended.as_ref().unwrap_or(&attempt)));
    };
    if !hold.is_zero() {
        let _held = app.metrics().requests().held();
        attempt.outcome = tokio::time::timeout(hold, outcome_of(watch)).await.ok().flatten();
    }
    Ok(to_wire::action_attempt(&attempt))
}
