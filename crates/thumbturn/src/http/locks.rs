//! Locks: the two actions, and the older reads.

use thumbturn_api::action_attempts::ActionAttempt;
use thumbturn_api::device_filters::is_lock_device_type;
use thumbturn_api::devices::Device;
use thumbturn_api::locks::{GetLock, ListLocks, LockDoor, UnlockDoor};
use thumbturn_api::{ErrorType, Limit, Page};
use thumbturn_core::attempts::Attempt;
use thumbturn_core::change::IdempotencyClaim;
use thumbturn_core::hub::{BeginError, OutcomeWatch, outcome_of};
use thumbturn_core::ids::DeviceId;
use thumbturn_core::locks::{Action, may_begin};
use thumbturn_core::scope::Scope;

use super::call::Call;
use super::errors::{Failure, Outcome};
use super::{cursors, devices, to_wire};
use crate::app::App;

/// `/locks/unlock_door`
pub(crate) async fn unlock_door(app: App, call: Call, params: UnlockDoor) -> Outcome<ActionAttempt> {
    act(&app, &call, params.device_id.0.into(), Action::UnlockDoor, params.sync, "/locks/unlock_door").await
}

/// `/locks/lock_door`
pub(crate) async fn lock_door(app: App, call: Call, params: LockDoor) -> Outcome<ActionAttempt> {
    act(&app, &call, params.device_id.0.into(), Action::LockDoor, params.sync, "/locks/lock_door").await
}

/// `/locks/get`
pub(crate) async fn get(app: App, call: Call, params: GetLock) -> Outcome<Device> {
    let device = devices::find(&app, &call, params.device_id, params.name.as_deref()).await?;
    if !is_lock_device_type(&device.device_type) {
        return Err(super::errors::device_not_found(device.device_id.0.into()));
    }
    Ok(device)
}

/// `/locks/list`: official clients expect no pages here, so the answer is whole unless a limit is asked for.
pub(crate) async fn list(app: App, call: Call, params: ListLocks) -> Outcome<Page<Device>> {
    let after = cursors::read::<ListLocks>(&call.input, &params.page_cursor)?;
    let is_limited = call.input.get("limit").is_some_and(|limit| !limit.is_null());
    let limit = if is_limited { params.limit } else { Limit::of(u32::MAX) };
    let (items, next) = devices::page(&app, &call, params.filters, true, limit, after).await?;
    let pagination = cursors::pagination::<ListLocks>(app.public_url(), &call.input, next.as_ref());
    Ok(Page { items, pagination })
}

async fn act(
    app: &App,
    call: &Call,
    device: DeviceId,
    action: Action,
    sync: bool,
    path: &'static str,
) -> Outcome<ActionAttempt> {
    let scope = call.caller.scope()?;
    let claim = claim(app, call, &scope, path)?;
    let hold = call.preference.hold(sync, app.hold());
    if let Some(claim) = &claim
        && let Some(attempt) = repeated(app, &scope, claim).await?
    {
        let watch = app.engine().watch(attempt.id);
        return settle(app, &scope, attempt, watch, hold).await;
    }
    let route = app.store().route(device).await?;
    may_begin(&scope, route.as_ref(), action).map_err(|refusal| Failure::refused(refusal, device))?;
    limit(app, &scope, device, action).await?;
    match app.engine().begin(&scope, route.as_ref(), action, claim.clone()).await {
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
        key,
        body_hash: call.input_hash(),
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
    hold: std::time::Duration,
) -> Outcome<ActionAttempt> {
    if let Some(claim) = &claim
        && let Some(attempt) = repeated(app, scope, claim).await?
    {
        let watch = app.engine().watch(attempt.id);
        return settle(app, scope, attempt, watch, hold).await;
    }
    Err(Failure::unavailable("The first call with this Idempotency-Key is still being accepted. Try again."))
}

async fn limit(app: &App, scope: &Scope, device: DeviceId, action: Action) -> Outcome<()> {
    let sandbox = app.is_sandbox(scope.workspace()).await?;
    app.limits().check(sandbox, device, action).map_err(|wait| {
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
    hold: std::time::Duration,
) -> Outcome<ActionAttempt> {
    let Some(watch) = watch else {
        // It has ended, perhaps since it was read.
        let ended = app.store().attempt(scope, attempt.id).await?;
        return Ok(to_wire::action_attempt(ended.as_ref().unwrap_or(&attempt)));
    };
    if !hold.is_zero() {
        attempt.outcome = tokio::time::timeout(hold, outcome_of(watch)).await.ok().flatten();
    }
    Ok(to_wire::action_attempt(&attempt))
}
