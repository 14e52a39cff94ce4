//! Events: reads.

use std::collections::BTreeSet;

use bytes::Bytes;
use thumbturn_api::events::{Event, EventFilters, GetEvent, ListEvents};
use thumbturn_api::{ErrorType, List};
use thumbturn_core::events::RecordedEvent;
use thumbturn_store::EventFilter;

use super::call::Call;
use super::devices;
use super::errors::{Failure, Outcome};
use super::wire_event::{self, Sent};
use crate::app::App;

/// Most events take no more bytes than this.
const USUAL: usize = 1024;

/// An event as lists show it, in bytes: what webhooks are sent. `None` never comes; it would be a fault of ours.
pub(crate) fn json(event: &RecordedEvent) -> Option<Bytes> {
    let mut bytes = Vec::with_capacity(USUAL);
    match serde_json::to_writer(&mut bytes, &Sent(event)) {
        Ok(()) => Some(bytes.into()),
        Err(error) => {
            tracing::error!(%error, "an event could not be written as JSON");
            None
        }
    }
}

/// `/events/get`: the newest event that matches everything given.
pub(crate) async fn get(app: App, call: Call, params: GetEvent) -> Outcome<Event> {
    let filter = EventFilter {
        ids: params.event_id.map(|id| vec![id.0.into()]),
        types: params.event_type.map(|kind| vec![kind.into_string()]),
        devices: params.device_id.map(|id| vec![id.0.into()]),
        ..EventFilter::default()
    };
    let found = app.store().event(&call.caller.scope()?, &filter).await?;
    found.as_ref().map(wire_event::event).ok_or_else(|| Failure::new(ErrorType::EventNotFound, "Event not found"))
}

/// `/events/list`: oldest first.
pub(crate) async fn list(app: App, call: Call, params: ListEvents) -> Outcome<Vec<Event>> {
    let Some(filter) = filter(params.filters) else { return Ok(Vec::new()) };
    let limit = app.page_limit(params.limit);
    let skip = usize::try_from(params.unstable_offset.get()).unwrap_or(usize::MAX);
    let filter = EventFilter {
        after: params.since.map(|at| at.0).or(params.between.map(|range| range.from.0)),
        before: params.between.map(|range| range.to.0),
        ids: params.event_ids.map(|ids| ids.into_iter().map(|id| id.0.into()).collect()),
        ..filter
    };
    let found = app.store().events(&call.caller.scope()?, &filter, limit, skip).await?;
    Ok(found.iter().map(wire_event::event).collect())
}

/// Which events are meant, apart from when they were recorded; `None`: such as nothing has here.
pub(super) fn filter(filters: EventFilters) -> Option<EventFilter> {
    if names_what_no_event_has(&filters) {
        return None;
    }
    Some(EventFilter {
        types: devices::both(filters.event_type, filters.event_types).map(|kinds| {
            let names: BTreeSet<&str> = kinds.into_iter().map(|kind| kind.as_str()).collect();
            names.into_iter().map(str::to_owned).collect()
        }),
        devices: devices::both(filters.device_id, filters.device_ids)
            .map(|ids| ids.into_iter().map(|id| id.0.into()).collect()),
        accounts: filters.connected_account_id.map(|id| vec![id.0.into()]),
        customer_key: filters.customer_key.map(thumbturn_api::Text::into_string),
        spaces: devices::both(filters.space_id, filters.space_ids.map(List::into_vec))
            .map(|ids| ids.into_iter().map(|id| id.0.into()).collect()),
        ..EventFilter::default()
    })
}

/// Filters by resources that this server has no events of yet: nothing matches.
fn names_what_no_event_has(filters: &EventFilters) -> bool {
    filters.access_code_id.is_some()
        || filters.access_code_ids.is_some()
        || filters.connect_webview_id.is_some()
        || filters.access_grant_id.is_some()
        || filters.access_grant_ids.is_some()
        || filters.access_method_id.is_some()
        || filters.access_method_ids.is_some()
        || filters.acs_system_id.is_some()
        || filters.acs_system_ids.is_some()
        || filters.acs_entrance_id.is_some()
        || filters.acs_user_id.is_some()
        || filters.acs_credential_id.is_some()
        || filters.acs_access_group_id.is_some()
        || filters.acs_encoder_id.is_some()
        || filters.user_identity_id.is_some()
}
