//! Events: what is told about a change, written in the transaction of that change.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::accounts::LinkTrouble;
use crate::devices::{BatteryStatus, OfflineBecause};
use crate::ids::{AccountId, AttemptId, ClientSessionId, DeviceId, EventId, SpaceId, WorkspaceId};
use crate::locks::{Action, Bolt};

/// One event. Its `created_at` is given at the commit, so that it never decreases within the database.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// The account it concerns.
    pub account: Option<AccountId>,
    /// The device it concerns.
    pub device: Option<DeviceId>,
    /// When it happened at the door or the hub.
    pub occurred_at: Timestamp,
    /// What happened.
    pub kind: EventKind,
}

/// A stored event, with what the commit added.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedEvent {
    /// Its place in commit order.
    pub sequence: i64,
    /// When it was committed.
    pub created_at: Timestamp,
    /// The event.
    pub event: Event,
    /// The device's custom metadata at the time of reading, as JSON text; `None` if the device is gone.
    pub device_custom_metadata: Option<Cow<'static, str>>,
    /// The account's custom metadata at the time of reading, as JSON text; `None` if the account is gone or the reader
    /// may not see it.
    pub account_custom_metadata: Option<Cow<'static, str>>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// A device was seen for the first time, or again after it was removed.
    DeviceAdded,
    /// A device can be reached again. `managed` decides the event's name.
    DeviceConnected {
        /// Whether it is managed.
        managed: bool,
    },
    /// A device can no longer be reached.
    DeviceDisconnected {
        /// Whether it is managed.
        managed: bool,
        /// Why.
        because: OfflineBecause,
    },
    /// The hub no longer knows the device.
    DeviceRemoved,
    /// The device's record was deleted.
    DeviceDeleted {
        /// Its last name.
        name: String,
    },
    /// Its name changed.
    DeviceNameChanged {
        /// The new name.
        name: String,
    },
    /// It became unmanaged.
    DeviceConvertedToUnmanaged,
    /// It became managed.
    DeviceConvertedToManaged,
    /// Its battery fell to low or critical.
    DeviceLowBattery {
        /// Charge, 0 to 1.
        level: f64,
    },
    /// Its battery status changed.
    DeviceBatteryStatusChanged {
        /// The new status.
        status: BatteryStatus,
        /// Charge, 0 to 1.
        level: f64,
    },
    /// The paid subscription that it needs has ended.
    DeviceSubscriptionRequired,
    /// That subscription is there again.
    DeviceSubscriptionResolved,
    /// The bolt moved, or an attempt proved where it stands.
    LockMoved {
        /// Where to.
        to: Bolt,
        /// How.
        method: Method,
        /// The attempt that caused it.
        attempt: Option<AttemptId>,
        /// The keypad slot that was used, where the lock tells.
        slot: Option<u32>,
    },
    /// Somebody entered a wrong code.
    LockAccessDenied {
        /// Why, where the lock tells: `unknown_code`, `blocked_by_privacy_mode`, …
        reason: Option<&'static str>,
    },
    /// An attempt ended.
    AttemptEnded {
        /// Which.
        attempt: AttemptId,
        /// What it was to do.
        action: Action,
        /// Whether it succeeded.
        succeeded: bool,
    },
    /// A hub was connected, for the first time or again.
    AccountConnected,
    /// A hub's connection was lost.
    AccountDisconnected {
        /// Why.
        trouble: LinkTrouble,
    },
    /// The first discovery of a hub is done.
    AccountCompletedFirstSync,
    /// The discovery after a reconnection is done.
    AccountCompletedFirstSyncAfterReconnection,
    /// A connected account was deleted.
    AccountDeleted,
    /// A client session was deleted or revoked.
    SessionDeleted {
        /// Which.
        session: ClientSessionId,
    },
    /// A space was made.
    SpaceCreated(SpaceFacts),
    /// A space was deleted.
    SpaceDeleted(SpaceFacts),
    /// Devices came into a space or left it.
    SpaceDeviceMembershipChanged(SpaceFacts),
}

/// What events tell of a space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceFacts {
    /// Which.
    pub space: SpaceId,
    /// The application's own id of it.
    pub key: Option<String>,
    /// The devices that are in it now; of a deleted space, those that were.
    pub devices: Vec<DeviceId>,
}

/// Says of each kind of event which type it has in the contract's words; those behind the semicolon are never raised.
macro_rules! event_types {
    ($($kind:pat => $name:literal,)+; $($unraised:pat => $unraised_name:literal,)+) => {
        impl EventKind {
            /// Every event type that is raised.
            pub const RAISED: &'static [&'static str] = &[$($name,)+];

            /// The event type, in the contract's words.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $($kind => $name,)+
                    $($unraised => $unraised_name,)+
                }
            }
        }
    };
}

event_types! {
    Self::DeviceAdded => "device.added",
    Self::DeviceConnected { managed: true } => "device.connected",
    Self::DeviceConnected { managed: false } => "device.unmanaged.connected",
    Self::DeviceDisconnected { managed: true, .. } => "device.disconnected",
    Self::DeviceDisconnected { managed: false, .. } => "device.unmanaged.disconnected",
    Self::DeviceRemoved => "device.removed",
    Self::DeviceDeleted { .. } => "device.deleted",
    Self::DeviceNameChanged { .. } => "device.name_changed",
    Self::DeviceConvertedToUnmanaged => "device.converted_to_unmanaged",
    Self::DeviceConvertedToManaged => "device.unmanaged.converted_to_managed",
    Self::DeviceLowBattery { .. } => "device.low_battery",
    Self::DeviceBatteryStatusChanged { .. } => "device.battery_status_changed",
    Self::DeviceSubscriptionRequired => "device.error.subscription_required",
    Self::DeviceSubscriptionResolved => "device.error.subscription_required.resolved",
    Self::LockMoved { to: Bolt::Locked, .. } => "lock.locked",
    Self::LockMoved { to: Bolt::Unlocked, .. } => "lock.unlocked",
    Self::LockAccessDenied { .. } => "lock.access_denied",
    Self::AccountConnected => "connected_account.connected",
    Self::AccountDisconnected { .. } => "connected_account.disconnected",
    Self::AccountCompletedFirstSync => "connected_account.completed_first_sync",
    Self::AccountCompletedFirstSyncAfterReconnection => "connected_account.completed_first_sync_after_reconnection",
    Self::AccountDeleted => "connected_account.deleted",
    Self::SessionDeleted { .. } => "client_session.deleted",
    Self::SpaceCreated(_) => "space.created",
    Self::SpaceDeleted(_) => "space.deleted",
    Self::SpaceDeviceMembershipChanged(_) => "space.device_membership_changed",
    Self::AttemptEnded { action: Action::LockDoor, succeeded: true, .. } => "action_attempt.lock_door.succeeded",
    Self::AttemptEnded { action: Action::LockDoor, succeeded: false, .. } => "action_attempt.lock_door.failed",
    Self::AttemptEnded { action: Action::UnlockDoor, succeeded: true, .. } => "action_attempt.unlock_door.succeeded",
    Self::AttemptEnded { action: Action::UnlockDoor, succeeded: false, .. } => "action_attempt.unlock_door.failed",
    Self::AttemptEnded { action: Action::SimulateKeypadCodeEntry, succeeded: true, .. } =>
        "action_attempt.simulate_keypad_code_entry.succeeded",
    Self::AttemptEnded { action: Action::SimulateKeypadCodeEntry, succeeded: false, .. } =>
        "action_attempt.simulate_keypad_code_entry.failed",
    Self::AttemptEnded { action: Action::SimulateManualLockViaKeypad, succeeded: true, .. } =>
        "action_attempt.simulate_manual_lock_via_keypad.succeeded",
    Self::AttemptEnded { action: Action::SimulateManualLockViaKeypad, succeeded: false, .. } =>
        "action_attempt.simulate_manual_lock_via_keypad.failed",
    ;
    // See `EventKind::of_end`.
    Self::AttemptEnded { action: Action::ConfigureAutoLock, succeeded: true, .. } =>
        "action_attempt.configure_auto_lock.succeeded",
    Self::AttemptEnded { action: Action::ConfigureAutoLock, succeeded: false, .. } =>
        "action_attempt.configure_auto_lock.failed",
    Self::AttemptEnded { action: Action::ResetSandboxWorkspace, succeeded: true, .. } =>
        "action_attempt.reset_sandbox_workspace.succeeded",
    Self::AttemptEnded { action: Action::ResetSandboxWorkspace, succeeded: false, .. } =>
        "action_attempt.reset_sandbox_workspace.failed",
}

impl EventKind {
    /// The space that the event is about.
    #[must_use]
    pub const fn space(&self) -> Option<SpaceId> {
        match self {
            Self::SpaceCreated(facts) | Self::SpaceDeleted(facts) | Self::SpaceDeviceMembershipChanged(facts) => {
                Some(facts.space)
            }
            _ => None,
        }
    }

    /// The event of an attempt's end; the contract has none for changes of the auto-lock and for resets.
    #[must_use]
    pub const fn of_end(attempt: AttemptId, action: Action, succeeded: bool) -> Option<Self> {
        match action {
            Action::ConfigureAutoLock | Action::ResetSandboxWorkspace => None,
            _ => Some(Self::AttemptEnded { attempt, action, succeeded }),
        }
    }
}

/// How a bolt was moved, in the contract's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// A PIN at the keypad.
    Keycode,
    /// Thumb-turn, button or key.
    Manual,
    /// Auto-relock or the lock's own schedule.
    Automatic,
    /// Not told.
    Unknown,
    /// Over the network: API, app or hub.
    Remote,
    /// A card or tag.
    Card,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 6] = [Self::Keycode, Self::Manual, Self::Automatic, Self::Unknown, Self::Remote, Self::Card];

    /// The method that `word` names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == word)
    }

    /// The contract's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keycode => "keycode",
            Self::Manual => "manual",
            Self::Automatic => "automatic",
            Self::Unknown => "unknown",
            Self::Remote => "remote",
            Self::Card => "card",
        }
    }
}
