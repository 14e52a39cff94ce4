//! Locks: bolts, actions, and the rules for beginning an action.

use std::time::Duration;

use crate::commands::Command;
use crate::devices::OfflineBecause;
use crate::ids::{AccountId, DeviceId, WorkspaceId};
use crate::scope::{Scope, Visibility};

/// Where a bolt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bolt {
    /// Thrown: the door is locked.
    Locked,
    /// Drawn back: the door can be opened.
    Unlocked,
}

impl Bolt {
    /// The other position.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Locked => Self::Unlocked,
            Self::Unlocked => Self::Locked,
        }
    }
}

/// What an attempt is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Throw the bolt.
    LockDoor,
    /// Draw the bolt.
    UnlockDoor,
    /// Change when the lock locks itself.
    ConfigureAutoLock,
    /// Type a PIN at a virtual lock.
    SimulateKeypadCodeEntry,
    /// Press the lock button of a virtual lock.
    SimulateManualLockViaKeypad,
    /// Bring a sandbox workspace back to its start.
    ResetSandboxWorkspace,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 6] = [
        Self::LockDoor,
        Self::UnlockDoor,
        Self::ConfigureAutoLock,
        Self::SimulateKeypadCodeEntry,
        Self::SimulateManualLockViaKeypad,
        Self::ResetSandboxWorkspace,
    ];

    /// The position that the action wants, if it is about one.
    #[must_use]
    pub const fn wanted(self) -> Option<Bolt> {
        match self {
            Self::LockDoor => Some(Bolt::Locked),
            Self::UnlockDoor => Some(Bolt::Unlocked),
            _ => None,
        }
    }

    /// The contract's `action_type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LockDoor => "LOCK_DOOR",
            Self::UnlockDoor => "UNLOCK_DOOR",
            Self::ConfigureAutoLock => "CONFIGURE_AUTO_LOCK",
            Self::SimulateKeypadCodeEntry => "SIMULATE_KEYPAD_CODE_ENTRY",
            Self::SimulateManualLockViaKeypad => "SIMULATE_MANUAL_LOCK_VIA_KEYPAD",
            Self::ResetSandboxWorkspace => "RESET_SANDBOX_WORKSPACE",
        }
    }

    /// The action that `word` names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == word)
    }
}

/// What is read on every action request: whose the device is and what it can do. Small, so that it can be cached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The device.
    pub device: DeviceId,
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// Its account, whose hub session carries the command out.
    pub account: AccountId,
    /// Whether it is managed.
    pub is_managed: bool,
    /// Whether its hub no longer knows it.
    pub is_removed: bool,
    /// Whether it understands commands to lock.
    pub can_lock: bool,
    /// Whether it understands commands to unlock.
    pub can_unlock: bool,
    /// Whether it can be told when to lock itself.
    pub can_configure_auto_lock: bool,
    /// Whether it has a keypad.
    pub has_keypad: bool,
    /// Whether it is a virtual lock that is to be limited as real ones are.
    pub is_limited_like_real: bool,
}

impl Route {
    /// The capability flag that `command` needs and the device's model has not.
    fn missing_for(&self, command: &Command) -> Option<&'static str> {
        let (has, flag) = match command {
            Command::Move(Bolt::Locked) => (self.can_lock, "can_remotely_lock"),
            Command::Move(Bolt::Unlocked) => (self.can_unlock, "can_remotely_unlock"),
            Command::AutoLock(_) => (self.can_configure_auto_lock, "can_configure_auto_lock"),
            Command::Simulate(_) => (self.has_keypad, "can_unlock_with_code"),
        };
        (!has).then_some(flag)
    }
}

/// Why an action is refused before an attempt exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Unknown, of another workspace, or removed.
    #[error("device not found")]
    NotFound,
    /// Outside the client session's grant.
    #[error("not authorized to view this device")]
    NotGranted,
    /// Unmanaged devices cannot be controlled.
    #[error("device is unmanaged")]
    Unmanaged,
    /// The model can never do it.
    #[error("the device has no capability {capability}")]
    NotSupported {
        /// The missing capability flag.
        capability: &'static str,
    },
}

/// Checks whether `scope` may give `command` to the device behind `route`, in the contract's order.
///
/// # Errors
/// The first [`Refusal`] that applies.
pub fn may_begin(scope: &Scope, route: Option<&Route>, command: &Command) -> Result<(), Refusal> {
    let route = route.ok_or(Refusal::NotFound)?;
    match scope.judge(route.workspace, route.account, route.device) {
        Visibility::Invisible => return Err(Refusal::NotFound),
        Visibility::Refused => return Err(Refusal::NotGranted),
        Visibility::Visible => {}
    }
    if !route.is_managed {
        return Err(Refusal::Unmanaged);
    }
    if route.is_removed {
        return Err(Refusal::NotFound);
    }
    match route.missing_for(command) {
        Some(capability) => Err(Refusal::NotSupported { capability }),
        None => Ok(()),
    }
}

/// How a lock and its hub behave, as its driver knows them. The engine's rules follow from these facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    /// Whether the lock ever reports its bolt. `false`: assumed state, nothing can be confirmed.
    pub reports: bool,
    /// Whether the hub lets us ask the lock for its state.
    pub readable: bool,
    /// Whether the lock is known to say *how* its bolt was moved (remote, manual, keypad, automatic).
    pub tags: bool,
    /// How long before the deadline a command must be written: as long as its hub may hold it or repeat it.
    pub margin: Duration,
    /// How long after the write a movement may take before we read the lock back.
    pub settle: Duration,
    /// The same when the lock already was where it should be, or a report is in doubt: no long movement is expected.
    pub settle_unchanged: Duration,
}

impl Traits {
    /// The same lock under a deadline that may be shorter than what its driver would like: the margin and the short wait
    /// take at most half of it each, so that an installation with short deadlines still sends and still reads back. How
    /// long a movement may take is a fact of the lock and stays: what it does after the deadline is unknown, and is
    /// called so.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        let half = deadline / 2;
        Self { margin: self.margin.min(half), settle_unchanged: self.settle_unchanged.min(half), ..self }
    }
}

/// Whether a lock can be reached, as its driver knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachability {
    /// Its hub hears it.
    Reachable,
    /// Its hub knows that it cannot be reached: attempts end at once.
    Unreachable,
    /// A hub of its own, between the one we talk to and the lock, cannot be reached: attempts end at once.
    HubUnreachable,
    /// Perhaps: the next command may wake it.
    WorthATry,
}

/// Why a command cannot be written at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// The hub session is down.
    HubDisconnected,
    /// The hub refuses our credentials.
    AccountDisconnected,
    /// The lock is known to be unreachable.
    DeviceDisconnected,
    /// The hub no longer knows the lock.
    DeviceRemoved,
}

impl From<OfflineBecause> for Unavailable {
    fn from(because: OfflineBecause) -> Self {
        match because {
            OfflineBecause::DeviceDisconnected => Self::DeviceDisconnected,
            OfflineBecause::HubDisconnected | OfflineBecause::OwnHubDisconnected => Self::HubDisconnected,
            OfflineBecause::AccountDisconnected => Self::AccountDisconnected,
            OfflineBecause::DeviceRemoved => Self::DeviceRemoved,
        }
    }
}
