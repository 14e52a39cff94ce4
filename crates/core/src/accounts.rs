//! Connected accounts: one configured hub each, or one set of virtual locks.

use std::fmt;

use jiff::Timestamp;

use crate::ids::{AccountId, WorkspaceId};

/// Which driver an account uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provider {
    /// Virtual locks.
    Sandbox,
    /// Zigbee2MQTT and Home Assistant MQTT discovery, over an MQTT broker.
    Mqtt,
    /// A Z-Wave network, over a Z-Wave JS server.
    ZwaveJs,
    /// Every lock of a Home Assistant instance.
    HomeAssistant,
    /// A Matter fabric, over a Matter server.
    Matter,
}

impl Provider {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Sandbox, Self::Mqtt, Self::ZwaveJs, Self::HomeAssistant, Self::Matter];

    /// The word used in requests and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Mqtt => "mqtt",
            Self::ZwaveJs => "zwave_js",
            Self::HomeAssistant => "home_assistant",
            Self::Matter => "matter",
        }
    }

    /// The provider that `word` names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.as_str() == word)
    }

    /// The name people read.
    #[must_use]
    pub const fn display_name(self) -> &'static str {
        match self {
            Self::Sandbox => "Sandbox",
            Self::Mqtt => "MQTT",
            Self::ZwaveJs => "Z-Wave JS",
            Self::HomeAssistant => "Home Assistant",
            Self::Matter => "Matter",
        }
    }
}

/// A connected account. Its `Debug` form does not show the driver's settings: they hold the hub's password.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// Its driver.
    pub provider: Provider,
    /// The name people read.
    pub display_name: String,
    /// What makes the hub unique in its workspace (address, network id), so that it is not connected twice.
    pub hub_key: String,
    /// The driver's settings, as JSON text that only the driver reads. Sealed at rest.
    pub config: String,
    /// Custom metadata, as JSON text.
    pub custom_metadata: String,
    /// The application's id of its customer.
    pub customer_key: Option<String>,
    /// Whether newly found devices start managed.
    pub manages_new_devices: bool,
    /// How its hub session is doing.
    pub link: LinkState,
    /// Whether the first discovery is done.
    pub first_sync_done: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .field("workspace", &self.workspace)
            .field("provider", &self.provider)
            .field("hub_key", &self.hub_key)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

/// What the API may change of an account. `None` leaves as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountEdit {
    /// The name people read.
    pub display_name: Option<String>,
    /// The whole custom metadata, as JSON text.
    pub custom_metadata: Option<String>,
    /// The application's id of its customer. An account is given to a customer once.
    pub customer_key: Option<String>,
    /// Whether devices found from now on start managed.
    pub manages_new_devices: Option<bool>,
}

/// How the hub session of an account is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// The first connection is still being made.
    Connecting,
    /// Connected.
    Up,
    /// Not connected: what is wrong, and since when.
    Down {
        /// What is wrong.
        trouble: LinkTrouble,
        /// For people: what happened and what to do. Holds no secret.
        message: String,
        /// Since when.
        since: Timestamp,
    },
}

/// Why a hub session is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkTrouble {
    /// The hub cannot be reached or went away; we keep trying.
    HubDisconnected,
    /// The hub refuses our credentials: somebody has to act.
    CredentialsRefused,
}
