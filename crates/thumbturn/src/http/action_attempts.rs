//! Action attempts: reads.

use thumbturn_api::action_attempts::{ActionAttempt, GetActionAttempt, ListActionAttempts};
use thumbturn_api::{ActionAttemptId, ErrorType, Page};
use thumbturn_store::{AttemptFilter, PageRequest};

use super::call::Call;
use super::errors::{Failure, Outcome};
use super::{cursors, to_wire};
use crate::app::App;

/// `/action_attempts/get`
pub(crate) async fn get(app: App, call: Call, params: GetActionAttempt) -> Outcome<ActionAttempt> {
    let id = params.action_attempt_id;
    let attempt = app.store().attempt(&call.caller.scope()?, id.0.into()).await?;
    attempt.as_ref().map(to_wire::action_attempt).ok_or_else(|| not_found(id))
}

/// An attempt that is unknown, or out of reach: nobody can tell which.
pub(crate) fn not_found(id: ActionAttemptId) -> Failure {
    Failure::new(ErrorType::ActionAttemptNotFound, "action_attempt not found").with_data("action_attempt_id", id.0)
}

/// `/action_attempts/list`
pub(crate) async fn list(app: App, call: Call, params: ListActionAttempts) -> Outcome<Page<ActionAttempt>> {
    let after = cursors::read::<ListActionAttempts>(&call.input, &params.page_cursor)?;
    let filter = AttemptFilter {
        ids: params.action_attempt_ids.map(|ids| ids.into_iter().map(|id| id.0.into()).collect()),
        device: params.device_id.map(|id| id.0.into()),
    };
    let page = PageRequest { limit: app.page_limit(params.limit), after };
    let found = app.store().attempts(&call.caller.scope()?, &filter, page).await?;
    Ok(Page {
        items: found.items.iter().map(to_wire::action_attempt).collect(),
        pagination: cursors::pagination::<ListActionAttempts>(app.public_url(), &call.input, found.next.as_ref()),
    })
}
