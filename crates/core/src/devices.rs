//! Devices: what is known of a lock besides the rules for moving it.

use jiff::Timestamp;

use crate::commands::AutoLock;
use crate::ids::{AccountId, DeviceId, NativeId, WorkspaceId};
use crate::locks::{Bolt, Route};

/// A device as the database holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// The account through which it is reached.
    pub account: AccountId,
    /// That account's driver.
    pub provider: crate::accounts::Provider,
    /// What the hub says it is.
    pub about: About,
    /// The name set through the API.
    pub nickname: Option<String>,
    /// Custom metadata, as JSON text.
    pub custom_metadata: String,
    /// Whether it is managed.
    pub is_managed: bool,
    /// The IANA name of its time zone, where it was told.
    pub time_zone: Option<String>,
    /// What is known of it now.
    pub state: DeviceState,
    /// When it was first seen.
    pub created_at: Timestamp,
}

impl Device {
    /// What is needed to begin a command on it. How often it may be commanded is not known here.
    #[must_use]
    pub fn route(&self) -> Route {
        Route {
            device: self.id,
            workspace: self.workspace,
            account: self.account,
            is_managed: self.is_managed,
            is_removed: self.state.reach.is_removed(),
            can_lock: self.about.can_lock,
            can_unlock: self.about.can_unlock,
            can_configure_auto_lock: self.about.can_configure_auto_lock,
            has_keypad: self.about.has_keypad,
            is_limited_like_real: false,
        }
    }

    /// What the API may change of it, as it is now.
    #[must_use]
    pub fn editable(&self) -> Editable {
        Editable {
            nickname: self.nickname.clone(),
            custom_metadata: self.custom_metadata.clone(),
            is_managed: self.is_managed,
        }
    }
}

/// What the API may change of a device. It is replaced as a whole, if it still is what it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Editable {
    /// The nickname, or none.
    pub nickname: Option<String>,
    /// The whole custom metadata, as JSON text.
    pub custom_metadata: String,
    /// Whether it is managed.
    pub is_managed: bool,
}

/// What a hub says a device is: identity, make and abilities. Changes rarely.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// The hub's own id of it, stable over renames.
    pub native: NativeId,
    /// The hub's name for it.
    pub name: String,
    /// The device type on the wire (`yale_lock`, `schlage_lock`, …), from the closed list of the contract.
    pub device_type: String,
    /// Lower-case maker, as filters compare it (`yale`).
    pub manufacturer: String,
    /// The maker's name for people.
    pub manufacturer_name: String,
    /// The model's name for people.
    pub model: String,
    /// Serial number, where the hub tells it.
    pub serial_number: Option<String>,
    /// Whether commands to lock are understood.
    pub can_lock: bool,
    /// Whether commands to unlock are understood.
    pub can_unlock: bool,
    /// Whether it can be told when to lock itself.
    pub can_configure_auto_lock: bool,
    /// Whether it has a keypad.
    pub has_keypad: bool,
    /// Whether it is wired.
    pub has_direct_power: bool,
}

/// What the engine knows of a device at present. Written as a whole, by the engine alone.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceState {
    /// The bolt's last position that the lock itself told, however old.
    pub bolt: Option<Bolt>,
    /// Whether `bolt` was told since the hub session last came up. A position that is not fresh is not shown.
    pub fresh: bool,
    /// Whether the lock last reported a jam.
    pub jammed_since: Option<Timestamp>,
    /// Whether the door stands open, where a sensor tells.
    pub door_open: Option<bool>,
    /// Whether it can be reached.
    pub reach: Reach,
    /// Battery charge, 0 to 1.
    pub battery: Option<f64>,
    /// When it locks itself, where it tells.
    pub auto_lock: Option<AutoLock>,
    /// Since when the paid subscription that it needs has ended.
    pub subscription_ended_since: Option<Timestamp>,
    /// When the lock last told its bolt's position.
    pub reported_at: Option<Timestamp>,
}

impl Default for DeviceState {
    fn default() -> Self {
        Self {
            bolt: None,
            fresh: false,
            jammed_since: None,
            door_open: None,
            reach: Reach::Unknown,
            battery: None,
            auto_lock: None,
            subscription_ended_since: None,
            reported_at: None,
        }
    }
}

impl DeviceState {
    /// The position that may be shown: known, fresh, not jammed, and the lock is online. Unknown is unknown.
    #[must_use]
    pub fn shown_bolt(&self) -> Option<Bolt> {
        if self.fresh && self.jammed_since.is_none() && self.reach.is_online() { self.bolt } else { None }
    }
}

/// Whether a device can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Not yet heard: shown as offline without an error.
    Unknown,
    /// Reachable now.
    Online,
    /// Not reachable.
    Offline {
        /// Why.
        because: OfflineBecause,
        /// Since when.
        since: Timestamp,
    },
}

impl Reach {
    /// Whether it is reachable now.
    #[must_use]
    pub const fn is_online(self) -> bool {
        matches!(self, Self::Online)
    }

    /// Whether its hub no longer knows it.
    #[must_use]
    pub const fn is_removed(self) -> bool {
        matches!(self, Self::Offline { because: OfflineBecause::DeviceRemoved, .. })
    }
}

/// Why a device is offline. The words are the contract's error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OfflineBecause {
    /// The lock itself cannot be reached.
    DeviceDisconnected,
    /// The hub of its account cannot be reached.
    HubDisconnected,
    /// A hub of its own, between that one and the lock, cannot be reached.
    OwnHubDisconnected,
    /// The hub refuses our credentials.
    AccountDisconnected,
    /// The hub no longer knows the lock.
    DeviceRemoved,
}

impl OfflineBecause {
    /// The contract's error code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeviceDisconnected => "device_disconnected",
            Self::HubDisconnected | Self::OwnHubDisconnected => "hub_disconnected",
            Self::AccountDisconnected => "account_disconnected",
            Self::DeviceRemoved => "device_removed",
        }
    }
}

/// Battery status as the contract names it; the thresholds are ours (critical up to 0.1, low up to 0.25, full from 0.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatteryStatus {
    /// At most 10 %.
    Critical,
    /// At most 25 %.
    Low,
    /// In between.
    Good,
    /// At least 80 %.
    Full,
}

impl BatteryStatus {
    /// The status of a charge `level` between 0 and 1.
    #[must_use]
    pub fn of(level: f64) -> Self {
        if level <= 0.1 {
            Self::Critical
        } else if level <= 0.25 {
            Self::Low
        } else if level >= 0.8 {
            Self::Full
        } else {
            Self::Good
        }
    }

    /// The contract's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Low => "low",
            Self::Good => "good",
            Self::Full => "full",
        }
    }
}
