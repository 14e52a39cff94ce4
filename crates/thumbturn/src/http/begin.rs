//! Beginning an attempt on a lock: refusals, idempotency key, rate, and how long the answer waits.

use std::time::Duration;

use thumbturn_api::action_attempts::ActionAttempt;
use thumbturn_api::{Endpoint, ErrorType};
use thumbturn_core::attempts::Attempt;
use thumbturn_core::change::{IdempotencyClaim, IdempotencyKey};
use thumbturn_core::commands::Command;
use thumbturn_core::hub::{BeginError, OutcomeWatch, outcome_of};
use thumbturn_core::ids::DeviceId;
use thumbturn_core::locks::{Action, may_begin};
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
    let Begin { device, command, sync } = what;
    let scope = call.caller.scope()?;
    let claim = claim(app, call, &scope, E::PATH)?;
    let hold = call.preference.hold(sync, app.hold());
    if let Some(claim) = &claim
        && let Some(attempt) = repeated(app, &scope, claim).await?
    {
        let watch = app.engine().watch(attempt.id);
        return settle(app, &scope, attempt, watch, hold).await;
    }
    allowed.await?;
    let route = app.store().route(device).await?;
    may_begin(&scope, route.as_ref(), &command).map_err(|refusal| Failure::refused(refusal, device))?;
    limit(app, &scope, device, command.action()).await?;
    match app.engine().begin(&scope, route.as_ref(), command, claim.clone()).await {
        Ok(ticket) => settle(app, &scope, ticket.attempt, Some(ticket.outcome), hold).await,
        Err(BeginError::Repeated) => simultaneous(app, &scope, claim, hold).await,
        Err(error) => Err(Failure::not_begun(error, device)),
    }
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

/// Two calls with one key at the same time: the one that came second answers with the first one's attempt.
async fn simultaneous(
    app: &App,
    scope: &Scope,
    claim: Option<IdempotencyClaim>,
    hold: Duration,
) -> Outcome<ActionAttempt> {
    if let Some(claim) = &claim
        && let Some(attempt) = repeated(app, scope, claim).await?
    {
        let watch = app.engine().watch(attempt.id);
        return settle(app, scope, attempt, watch, hold).await;
    }
    Err(Failure::unavailable("The first call with this Idempotency-Key is still being accepted. Try again."))
}

/// Only movements are limited.
async fn limit(app: &App, scope: &Scope, device: DeviceId, action: Action) -> Outcome<()> {
    if action.wanted().is_none() {
        return Ok(());
    }
    let sandbox = app.is_sandbox(scope.workspace()).await?;
    app.limits().check(sandbox, scope.workspace(), device, action).map_err(|wait| {
        Failure::new(ErrorType::RateLimitExceeded, "Too many calls for this lock. Try again later.")
            .with_data("device_id", device)
            .retry_after(wait)
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
