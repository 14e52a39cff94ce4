//! Events: reads.

use std::collections::BTreeSet;

use thumbturn_api::events::{Event, GetEvent, ListEvents};
use thumbturn_api::{ErrorType, List};
use thumbturn_store::EventFilter;

use super::call::Call;
use super::errors::{Failure, Outcome};
use super::{devices, to_wire};
use crate::app::App;

/// `/events/get`: the newest event that matches everything given.
pub(crate) async fn get(app: App, call: Call, params: GetEvent) -> Outcome<Event> {
    let filter = EventFilter {
        ids: params.event_id.map(|id| vec![id.0.into()]),
        types: params.event_type.map(|kind| vec![kind.into_string()]),
        devices: params.device_id.map(|id| vec![id.0.into()]),
        ..EventFilter::default()
    };
    let found = app.store().event(&call.caller.scope()?, &filter).await?;
    found.as_ref().map(to_wire::event).ok_or_else(|| Failure::new(ErrorType::EventNotFound, "Event not found"))
}

/// `/events/list`: oldest first.
pub(crate) async fn list(app: App, call: Call, params: ListEvents) -> Outcome<Vec<Event>> {
    if names_what_no_event_has(&params) {
        return Ok(Vec::new());
    }
    let limit = app.page_limit(params.limit);
    let skip = usize::try_from(params.unstable_offset.get()).unwrap_or(usize::MAX);
    let filter = EventFilter {
        after: params.since.map(|at| at.0).or(params.between.map(|range| range.from.0)),
        before: params.between.map(|range| range.to.0),
        ids: params.event_ids.map(|ids| ids.into_iter().map(|id| id.0.into()).collect()),
        types: devices::both(params.event_type, params.event_types).map(|kinds| {
            let names: BTreeSet<&str> = kinds.into_iter().map(|kind| kind.as_str()).collect();
            names.into_iter().map(str::to_owned).collect()
        }),
        devices: devices::both(params.device_id, params.device_ids)
            .map(|ids| ids.into_iter().map(|id| id.0.into()).collect()),
        accounts: params.connected_account_id.map(|id| vec![id.0.into()]),
        customer_key: params.customer_key.map(thumbturn_api::Text::into_string),
        spaces: devices::both(params.space_id, params.space_ids.map(List::into_vec))
            .map(|ids| ids.into_iter().map(|id| id.0.into()).collect()),
        ..EventFilter::default()
    };
    let found = app.store().events(&call.caller.scope()?, &filter, limit, skip).await?;
    Ok(found.iter().map(to_wire::event).collect())
}

/// Filters by resources that this server has no events of yet: nothing matches.
fn names_what_no_event_has(params: &ListEvents) -> bool {
    params.access_code_id.is_some()
        || params.access_code_ids.is_some()
        || params.connect_webview_id.is_some()
        || params.access_grant_id.is_some()
        || params.access_grant_ids.is_some()
        || params.access_method_id.is_some()
        || params.access_method_ids.is_some()
        || params.acs_system_id.is_some()
        || params.acs_system_ids.is_some()
        || params.acs_entrance_id.is_some()
        || params.acs_user_id.is_some()
        || params.acs_credential_id.is_some()
        || params.acs_access_group_id.is_some()
        || params.acs_encoder_id.is_some()
        || params.user_identity_id.is_some()
}
