//! Events: what happened. Rules as in the "Events" chapter of the Seam API reference.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};

use crate::endpoint::endpoints;
use crate::envelope::Answer;
use crate::event_types::EventType;
use crate::ids::{
    AccessCodeId, AccessGrantId, AccessMethodId, AcsAccessGroupId, AcsCredentialId, AcsEncoderId, AcsEntranceId,
    AcsSystemId, AcsUserId, ConnectWebviewId, ConnectedAccountId, DeviceId, EventId, SpaceId, UserIdentityId,
    WorkspaceId,
};
use crate::params::{JsonObject, object};
use crate::time::{PreciseTimestamp, Timestamp};
use crate::values::{Integer, Limit, List, NonEmptyString, Secret, TimeRange};

/// An event: a flat object. The same object is answered by the API and sent to webhooks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "event", extend("x-route-path" = "/events"))]
pub struct Event {
    /// Id of the event.
    pub event_id: EventId,
    /// One of [`crate::event_types::EVENT_TYPES`].
    pub event_type: String,
    /// The workspace it happened in.
    pub workspace_id: WorkspaceId,
    /// When the server recorded it; non-decreasing within a workspace.
    pub created_at: PreciseTimestamp,
    /// When it happened on the device or hub; may be much earlier.
    pub occurred_at: Timestamp,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_description: Option<String>,
    /// The fields that depend on the type. Some types carry a PIN.
    #[serde(flatten)]
    pub fields: Secret<JsonObject>,
}

object! {
    /// Which events are meant. Filters combine with AND; an event without the filtered field does not match.
    EventFilters {
        /// Only events of this type.
        event_type: Option<EventType>,
        /// Only events of these types.
        event_types: Option<Vec<EventType>>,
        /// Only events of this device.
        device_id: Option<DeviceId>,
        /// Only events of these devices.
        device_ids: Option<Vec<DeviceId>>,
        /// Only events of this access code.
        access_code_id: Option<AccessCodeId>,
        /// Only events of these access codes.
        access_code_ids: Option<Vec<AccessCodeId>>,
        /// Only events of this account.
        connected_account_id: Option<ConnectedAccountId>,
        /// Only events of this webview.
        connect_webview_id: Option<ConnectWebviewId>,
        /// Only events of this customer.
        customer_key: Option<NonEmptyString>,
        /// Only events of this access grant.
        access_grant_id: Option<AccessGrantId>,
        /// Only events of these access grants.
        access_grant_ids: Option<List<AccessGrantId, 0, 100>>,
        /// Only events of this access method.
        access_method_id: Option<AccessMethodId>,
        /// Only events of these access methods.
        access_method_ids: Option<List<AccessMethodId, 0, 100>>,
        /// Only events of this space.
        space_id: Option<SpaceId>,
        /// Only events of these spaces.
        space_ids: Option<List<SpaceId, 0, 100>>,
        /// Only events of this access system.
        acs_system_id: Option<AcsSystemId>,
        /// Only events of these access systems.
        acs_system_ids: Option<Vec<AcsSystemId>>,
        /// Only events of this entrance.
        acs_entrance_id: Option<AcsEntranceId>,
        /// Only events of this user of an access system.
        acs_user_id: Option<AcsUserId>,
        /// Only events of this credential.
        acs_credential_id: Option<AcsCredentialId>,
        /// Only events of this access group.
        acs_access_group_id: Option<AcsAccessGroupId>,
        /// Only events of this card encoder.
        acs_encoder_id: Option<AcsEncoderId>,
        /// Only events of this user identity.
        user_identity_id: Option<UserIdentityId>,
    }
}

/// What a call answers that goes on: each event as it happens, as server-sent events.
#[derive(Debug)]
pub struct EventStream;

impl Answer for EventStream {
    const PAGINATED: bool = false;
    const STREAMS: bool = true;

    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }

    fn write<S: Serializer>(&self, _: &'static [&'static str], _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("a stream has no envelope"))
    }
}

endpoints! {
    /// Returns the newest event that matches all of the given parameters.
    endpoint GetEvent {
        path: "/events/get",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [event] => Event,
        changes: false,
        params: {
            /// The event.
            event_id: Option<EventId>,
            /// Its type.
            event_type: Option<NonEmptyString>,
            /// Its device.
            device_id: Option<DeviceId>,
        },
        rules: [AtLeastOne("event_id", "event_type", "device_id")],
        errors: [EventNotFound],
        without: "events of what is not served yet",
    }

    /// Lists events, oldest first. Filters combine with AND; an event without the filtered field does not match.
    endpoint ListEvents {
        path: "/events/list",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [events] => Vec<Event>,
        changes: false,
        groups: {
            /// Which events to list.
            filters: EventFilters,
        },
        params: {
            /// Only events created later than this, itself excluded.
            since: Option<Timestamp>,
            /// Only events created between these two, both excluded.
            between: Option<TimeRange>,
            /// Largest number of events to answer.
            limit: Limit = Limit::DEFAULT,
            /// How many events to skip.
            unstable_offset: Integer<0, { i64::MAX }> = Integer::of(0),
            /// Only these events.
            event_ids: Option<Vec<EventId>>,
        },
        rules: [AtLeastOne("since", "between", "event_ids"), AtMostOne("since", "between")],
        without: "events of what is not served yet",
    }

    /// Follows events as they happen: the answer goes on as server-sent events, oldest first, each with the event as
    /// `/events/list` answers it in `data` and its `created_at` in `id`.
    ///
    /// Whoever comes back sends the last `id` as the header `Last-Event-ID`, and misses nothing. Filters combine with AND;
    /// an event without the filtered field does not match. A client session follows what it may see.
    endpoint StreamEvents {
        path: "/thumbturn/events/stream",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [] => EventStream,
        changes: false,
        groups: {
            /// Which events to follow.
            filters: EventFilters,
        },
        params: {
            /// Begin after this time, itself excluded; from now on without it. `Last-Event-ID` goes first.
            since: Option<Timestamp>,
        },
    }
}
