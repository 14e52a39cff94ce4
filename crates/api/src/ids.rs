//! Ids: one type each, so that a device id cannot be passed where an account id belongs. On the wire all of them are
//! lower-case UUIDs.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::params::{Param, read_str};
use crate::problems::Problems;
use crate::schema::{Format, Schema};

/// Length of a UUID in the usual form with hyphens, the only form that is accepted.
const HYPHENATED_LENGTH: usize = 36;

fn parse_uuid(text: &str) -> Option<Uuid> {
    (text.len() == HYPHENATED_LENGTH).then(|| Uuid::try_parse(text).ok()).flatten()
}

impl Param for Uuid {
    fn schema() -> Schema {
        Schema::formatted(Format::Uuid)
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        parse_uuid(read_str(value, problems)?).or_else(|| {
            problems.add("Invalid uuid");
            None
        })
    }
}

macro_rules! ids {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        $crate::schema::inline_schema!($name, {"type": "string", "format": "uuid"});

        impl Param for $name {
            fn schema() -> Schema {
                Uuid::schema()
            }

            fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
                Uuid::read(value, problems).map(Self)
            }
        }
    )+};
}

ids! {
    /// Id of an access code.
    AccessCodeId,
    /// Id of an access grant.
    AccessGrantId,
    /// Id of an access method.
    AccessMethodId,
    /// Id of an access group of an access system.
    AcsAccessGroupId,
    /// Id of a credential of an access system.
    AcsCredentialId,
    /// Id of a card encoder of an access system.
    AcsEncoderId,
    /// Id of an entrance of an access system.
    AcsEntranceId,
    /// Id of an access system.
    AcsSystemId,
    /// Id of a user of an access system.
    AcsUserId,
    /// Id of an action attempt.
    ActionAttemptId,
    /// Id of a client session; not its token.
    ClientSessionId,
    /// Id of a Connect Webview.
    ConnectWebviewId,
    /// Id of a connected account: one hub or integration.
    ConnectedAccountId,
    /// Id of a device; stable for the life of the connection.
    DeviceId,
    /// Id of an event.
    EventId,
    /// Id of an organization.
    OrganizationId,
    /// Id of a space.
    SpaceId,
    /// Id of a user identity.
    UserIdentityId,
    /// Id of a webhook.
    WebhookId,
    /// Id of a delivery of an event to a webhook.
    WebhookDeliveryId,
    /// Id of a workspace.
    WorkspaceId,
}
