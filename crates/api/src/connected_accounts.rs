//! Connected accounts: one for each hub or integration. Rules as in the "Connected Accounts" chapter of the Seam API
//! reference; making one from a hub's address is ours and lives under `/thumbturn/`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::endpoints;
use crate::enums::string_enum;
use crate::envelope::Page;
use crate::ids::{ConnectedAccountId, SpaceId};
use crate::metadata::{CustomMetadata, MetadataChanges, MetadataFilter};
use crate::params::{JsonObject, Nullable};
use crate::time::Timestamp;
use crate::values::{Email, Limit, NonEmptyString, Secret, Text};

/// A connected account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "connected_account", extend("x-route-path" = "/connected_accounts"))]
pub struct ConnectedAccount {
    /// Id of the account.
    pub connected_account_id: ConnectedAccountId,
    /// Key of the provider, such as `zwave_js`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_type: Option<String>,
    /// Name of the provider for people.
    pub account_type_display_name: String,
    /// Name of the account for people.
    pub display_name: String,
    /// Whether newly found devices start managed.
    pub automatically_manage_new_devices: bool,
    /// Kinds of devices it takes in: `lock`, `thermostat`, `noise_sensor`, `access_control`, `camera`.
    pub accepted_capabilities: Vec<String>,
    /// Pairs attached by the application.
    pub custom_metadata: CustomMetadata,
    /// What keeps it from working.
    pub errors: Vec<ConnectedAccountError>,
    /// What may become a problem.
    pub warnings: Vec<ConnectedAccountWarning>,
    /// When it was connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The customer it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_key: Option<String>,
    /// Address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// IANA time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Who is logged in. Older clients read it, so it is always there.
    pub user_identifier: UserIdentifier,
}

/// Who is logged in at the provider; `{}` when that means nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserIdentifier {
    /// Name of the login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// E-mail address of the login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Phone number of the login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Address of the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,
    /// Whether no other account may use the login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusive: Option<bool>,
}

/// What keeps an account from working.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectedAccountError {
    /// One of a closed list, such as `account_disconnected`.
    pub error_code: String,
    /// Text for people.
    pub message: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Whether the account is the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_connected_account_error: Option<bool>,
    /// Whether a bridge is the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_bridge_error: Option<bool>,
}

/// What may become a problem of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectedAccountWarning {
    /// One of a closed list, such as `provider_service_unavailable`.
    pub warning_code: String,
    /// Text for people.
    pub message: String,
    /// Since when.
    pub created_at: Timestamp,
}

string_enum! {
    /// The kinds of devices that an account may take in.
    AcceptedCapability {
        /// Locks.
        Lock = "lock",
        /// Thermostats.
        Thermostat = "thermostat",
        /// Noise sensors.
        NoiseSensor = "noise_sensor",
        /// Access control systems.
        AccessControl = "access_control",
        /// Cameras.
        Camera = "camera",
    }
}

string_enum! {
    /// The kinds of hubs that can be connected.
    Provider {
        /// Virtual locks.
        Sandbox = "sandbox",
        /// An MQTT broker.
        Mqtt = "mqtt",
        /// A Z-Wave JS server.
        ZwaveJs = "zwave_js",
        /// A Home Assistant instance.
        HomeAssistant = "home_assistant",
        /// A Matter server.
        Matter = "matter",
    }
}

endpoints! {
    /// Returns one connected account.
    endpoint GetConnectedAccount {
        path: "/connected_accounts/get",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [connected_account] => ConnectedAccount,
        changes: false,
        params: {
            /// The account.
            connected_account_id: Option<ConnectedAccountId>,
            /// The e-mail address of its login.
            email: Option<Email>,
        },
        rules: [ExactlyOne("connected_account_id", "email")],
    }

    /// Lists connected accounts.
    endpoint ListConnectedAccounts {
        path: "/connected_accounts/list",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [connected_accounts] => Page<ConnectedAccount>,
        changes: false,
        params: {
            /// Only accounts with all of these pairs; `null` matches where the key is unset.
            custom_metadata_has: Option<MetadataFilter>,
            /// Only accounts of this customer.
            customer_key: Option<NonEmptyString>,
            /// Only accounts that the client session made with this key can see.
            user_identifier_key: Option<NonEmptyString>,
            /// Only accounts with devices in this space.
            space_id: Option<SpaceId>,
            /// Only accounts in which this text occurs: id, type, customer, metadata or login.
            search: Option<NonEmptyString>,
            /// Largest number of accounts to answer.
            limit: Limit = Limit::of(11_000),
            /// Where to go on, from the previous page.
            page_cursor: Nullable<String>,
        },
    }

    /// Changes a connected account. What is left out stays as it is.
    endpoint UpdateConnectedAccount {
        path: "/connected_accounts/update",
        methods: [PATCH, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [connected_account] => ConnectedAccount,
        changes: true,
        params: {
            /// The account.
            connected_account_id: ConnectedAccountId,
            /// Whether devices found from now on start managed.
            automatically_manage_new_devices: Option<bool>,
            /// Kinds of devices to take in. Locks are the only kind so far.
            accepted_capabilities: Option<Vec<AcceptedCapability>>,
            /// Takes the place of the whole metadata; pairs with `null` or an empty text are left out.
            custom_metadata: Option<MetadataChanges>,
            /// The customer to whom the account and its devices belong. It is set once.
            customer_key: Option<NonEmptyString>,
            /// Name of the account for people.
            display_name: Option<Text<1, 255>>,
        },
        errors: [CustomerKeyAlreadySet, NotImplemented],
        without: "kinds of devices other than locks",
    }

    /// Forgets a connected account and everything below it. The hardware is not touched.
    endpoint DeleteConnectedAccount {
        path: "/connected_accounts/delete",
        methods: [DELETE, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The account.
            connected_account_id: ConnectedAccountId,
            /// Whether to wait until everything is gone; it always is.
            sync: bool = false,
        },
    }

    /// Asks a hub once more which locks it has. The answer does not wait for it.
    endpoint SyncConnectedAccount {
        path: "/connected_accounts/sync",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The account.
            connected_account_id: ConnectedAccountId,
        },
    }

    /// Connects a hub, or makes a set of virtual locks.
    ///
    /// The same hub twice in a workspace answers `hub_already_connected`.
    endpoint ConnectHub {
        path: "/thumbturn/connected_accounts/create",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [connected_account] => ConnectedAccount,
        changes: true,
        params: {
            /// The kind of hub.
            provider: Provider,
            /// Where the hub is and how to log in there; what is needed depends on the provider.
            config: Secret<JsonObject> = Secret::new(JsonObject::new()),
            /// Name of the account for people.
            display_name: Option<Text<1, 255>>,
        },
        errors: [WorkspaceNotSandbox, HubAlreadyConnected, ConnectedAccountNotFound],
    }
}
