//! Webhooks: receivers that are told of events. Rules as in the "Webhooks" chapter of the Seam API reference; what stands
//! under `/thumbturn/` is ours.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::endpoints;
use crate::enums::string_enum;
use crate::ids::{EventId, WebhookDeliveryId, WebhookId};
use crate::time::{PreciseTimestamp, Timestamp};
use crate::values::{Integer, Limit, List, NonEmptyString, Secret, Text};

/// Longest URL, in characters.
const URL_CHARS: usize = 2_000;

/// Most types of events that are named at once.
const MOST_TYPES: usize = 200;

/// Most events that one call of a replay looks at.
const MOST_REPLAYED: i64 = 1_000;

/// How many it looks at if nobody says.
const REPLAYED: i64 = 500;

/// A webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "webhook", extend("x-route-path" = "/webhooks"))]
pub struct Webhook {
    /// Id of the webhook.
    pub webhook_id: WebhookId,
    /// Where the events are sent.
    pub url: String,
    /// The types of events that are sent; `*` stands for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_types: Option<Vec<String>>,
    /// What the messages are signed with: give it to the verifier of an official client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret<String>>,
}

/// How a webhook does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "webhook_state", extend("x-route-path" = "/thumbturn/webhooks"))]
pub struct WebhookState {
    /// Id of the webhook.
    pub webhook_id: WebhookId,
    /// Where the events are sent.
    pub url: String,
    /// Whether nothing is sent any more, because every attempt failed for too long.
    pub is_disabled: bool,
    /// Since when.
    pub disabled_at: Option<Timestamp>,
    /// Since when every attempt has failed; `null` if the last one did not.
    pub failing_since: Option<Timestamp>,
    /// Deliveries that have begun and are not over.
    pub pending_deliveries: u64,
}

string_enum! {
    /// How a delivery stands.
    DeliveryStatus {
        /// On its way.
        Pending = "pending",
        /// The receiver has it.
        Delivered = "delivered",
        /// The last attempt failed.
        Failed = "failed",
        /// Its webhook was disabled, or its event is no longer kept.
        Dropped = "dropped",
    }
}

/// One event on its way to one webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "webhook_delivery", extend("x-route-path" = "/thumbturn/webhooks/deliveries"))]
pub struct WebhookDelivery {
    /// Id of the delivery.
    pub webhook_delivery_id: WebhookDeliveryId,
    /// What the receiver finds in `svix-id` and `webhook-id`, the same on every attempt.
    pub message_id: String,
    /// The webhook.
    pub webhook_id: WebhookId,
    /// The event.
    pub event_id: EventId,
    /// Its type.
    pub event_type: String,
    /// How it stands.
    pub status: DeliveryStatus,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Timestamp>,
    /// What was tried, oldest first.
    pub attempts: Vec<WebhookDeliveryAttempt>,
    /// When it was queued.
    pub created_at: Timestamp,
}

/// One attempt of a delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "webhook_delivery_attempt")]
pub struct WebhookDeliveryAttempt {
    /// When it began.
    pub attempted_at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What the receiver answered; `null` if no answer came.
    pub response_status: Option<u16>,
    /// Why none came: `timed_out`, `not_resolved`, `not_connected`, `private_address`, `not_encrypted`,
    /// `certificate_not_trusted`, `certificate_wrong_name`, `certificate_expired`, `tls_failed` or `broken_off`.
    pub error: Option<String>,
}

/// What one call of a replay did.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "webhook_replay", extend("x-route-path" = "/thumbturn/webhooks/deliveries"))]
pub struct WebhookReplay {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// Deliveries that begin again, under the message ids that they have.
    pub again_count: u64,
    /// Deliveries of events that had none: from while the webhook was disabled, or before there was one.
    pub new_count: u64,
    /// Every event that was created up to here has been dealt with.
    pub replayed_until: PreciseTimestamp,
    /// Whether the range goes on: call again with `replayed_until` as `since`.
    pub has_more: bool,
}

endpoints! {
    /// Makes a webhook: from now on its URL is told of events.
    ///
    /// Private addresses, and outside of sandboxes URLs without TLS, are refused unless the operator allows them.
    endpoint CreateWebhook {
        path: "/webhooks/create",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [webhook] => Webhook,
        changes: true,
        params: {
            /// Where the events are to be sent.
            url: Text<1, URL_CHARS>,
            /// The types of events to send; all by default.
            event_types: Option<List<NonEmptyString, 1, MOST_TYPES>>,
        },
        errors: [InvalidEventTypes],
    }

    /// Returns one webhook.
    endpoint GetWebhook {
        path: "/webhooks/get",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [webhook] => Webhook,
        changes: false,
        params: {
            /// The webhook.
            webhook_id: NonEmptyString,
        },
    }

    /// Lists webhooks, oldest first.
    endpoint ListWebhooks {
        path: "/webhooks/list",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [webhooks] => Vec<Webhook>,
        changes: false,
        params: {},
    }

    /// Changes of what a webhook is told. What was queued before is still sent.
    endpoint UpdateWebhook {
        path: "/webhooks/update",
        methods: [PUT, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The webhook.
            webhook_id: NonEmptyString,
            /// The types of events to send; `*` alone stands for all.
            event_types: List<NonEmptyString, 1, MOST_TYPES>,
        },
        errors: [InvalidEventTypes],
    }

    /// Deletes a webhook. Nothing more is sent to it.
    endpoint DeleteWebhook {
        path: "/webhooks/delete",
        methods: [DELETE, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The webhook.
            webhook_id: NonEmptyString,
        },
    }

    /// Lists how the webhooks do: what is on its way, since when one fails, and which are disabled.
    endpoint ListWebhookStates {
        path: "/thumbturn/webhooks/list_states",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [webhook_states] => Vec<WebhookState>,
        changes: false,
        params: {},
    }

    /// Enables a webhook that was disabled, because every attempt had failed for too long. It is told of what happens from
    /// now on.
    endpoint EnableWebhook {
        path: "/thumbturn/webhooks/enable",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The webhook.
            webhook_id: NonEmptyString,
        },
    }

    /// Gives a webhook a new secret. For a day messages are signed with the one before as well.
    endpoint RotateWebhookSecret {
        path: "/thumbturn/webhooks/rotate_secret",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [webhook] => Webhook,
        changes: true,
        params: {
            /// The webhook.
            webhook_id: NonEmptyString,
        },
    }

    /// Lists deliveries with their attempts, newest first.
    endpoint ListWebhookDeliveries {
        path: "/thumbturn/webhooks/deliveries/list",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [webhook_deliveries] => Vec<WebhookDelivery>,
        changes: false,
        params: {
            /// Only deliveries to this webhook.
            webhook_id: Option<NonEmptyString>,
            /// Only deliveries of this event.
            event_id: Option<EventId>,
            /// Only deliveries that stand so.
            status: Option<DeliveryStatus>,
            /// Largest number of deliveries to answer.
            limit: Limit = Limit::DEFAULT,
        },
    }

    /// Returns one delivery with its attempts.
    endpoint GetWebhookDelivery {
        path: "/thumbturn/webhooks/deliveries/get",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [webhook_delivery] => WebhookDelivery,
        changes: false,
        params: {
            /// The delivery.
            webhook_delivery_id: WebhookDeliveryId,
        },
    }

    /// Sends a delivery again, under the same message id, whatever came of it before. Its attempts are counted anew.
    endpoint ReplayWebhookDelivery {
        path: "/thumbturn/webhooks/deliveries/replay",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The delivery.
            webhook_delivery_id: WebhookDeliveryId,
        },
    }
    /// Sends a webhook again what happened in a range of time and it wants to be told of, oldest first.
    ///
    /// Deliveries that have failed, were dropped or wait for their next attempt begin again under the same message ids;
    /// those that are being sent are left alone. An event that has no delivery gets one. One call looks at `limit` events
    /// and says where the next one goes on; a call that was answered is on disk, whatever happens then.
    endpoint ReplayWebhookDeliveries {
        path: "/thumbturn/webhooks/deliveries/replay_range",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [webhook_replay] => WebhookReplay,
        changes: true,
        params: {
            /// The webhook.
            webhook_id: NonEmptyString,
            /// Only events created later than this, itself excluded.
            since: Timestamp,
            /// Only events created before this, itself excluded; all that there are by default.
            until: Option<Timestamp>,
            /// Only events of these types, of those that the webhook wants.
            event_types: Option<List<NonEmptyString, 1, MOST_TYPES>>,
            /// Whether those are sent again as well that the receiver has taken.
            include_delivered: bool = false,
            /// Largest number of events to look at.
            limit: Integer<1, MOST_REPLAYED> = Integer::of(REPLAYED),
        },
        errors: [InvalidEventTypes],
    }
}
