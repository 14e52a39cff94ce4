//! Spaces: rooms, flats, buildings. They sort devices and open none: who may use a device is said by
//! [`crate::scope`] alone.
//!
//! A device is in a space because it was put there itself, or because its account was: then it is there with all its
//! devices, those found later too.

use jiff::Timestamp;

use crate::events::{EventKind, SpaceFacts};
use crate::ids::{AccountId, DeviceId, SpaceId, WorkspaceId};

/// A space as the database holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    /// Its id.
    pub id: SpaceId,
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// The name people read.
    pub name: String,
    /// The application's own id of it, unique in the workspace.
    pub key: Option<String>,
    /// The application's id of its customer, echoed back.
    pub customer_key: Option<String>,
    /// What the application noted of the customer's stay, as JSON text.
    pub customer_data: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Space {
    /// What an event tells of the space while `devices` are in it.
    #[must_use]
    pub fn facts(&self, devices: Vec<DeviceId>) -> SpaceFacts {
        SpaceFacts { space: self.id, key: self.key.clone(), devices }
    }
}

/// What the API may change of a space. `None` leaves as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpaceEdit {
    /// The name people read.
    pub name: Option<String>,
    /// The whole customer data, as JSON text.
    pub customer_data: Option<String>,
}

/// What was put into a space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Devices by themselves.
    pub devices: Vec<DeviceId>,
    /// Accounts, with all their devices.
    pub accounts: Vec<AccountId>,
}

impl Members {
    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.devices.is_empty() && self.accounts.is_empty()
    }

    /// These without those that `others` has as well.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        Self { devices: left(&self.devices, &others.devices), accounts: left(&self.accounts, &others.accounts) }
    }

    /// These and `others`, each once.
    #[must_use]
    pub fn with(&self, others: &Self) -> Self {
        let more = others.without(self);
        Self {
            devices: self.devices.iter().copied().chain(more.devices).collect(),
            accounts: self.accounts.iter().copied().chain(more.accounts).collect(),
        }
    }
}

/// A space that an account is in, or some of its devices are, with everything that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupied {
    /// The space.
    pub space: Space,
    /// Whether the account itself was put there: with all its devices, those found later too.
    pub has_account: bool,
    /// Every device in it, of whatever account, managed or not, each once.
    pub devices: Vec<DeviceId>,
}

/// What becomes of the devices of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turnover {
    /// Devices were found that had no records.
    Found(Vec<DeviceId>),
    /// The records of these devices go.
    Gone(Vec<DeviceId>),
}

impl Occupied {
    /// What is told of the space when the account's devices become others: nothing if it holds what it held.
    #[must_use]
    pub fn told(&self, turnover: &Turnover) -> Option<EventKind> {
        let after = match turnover {
            Turnover::Found(found) if self.has_account => self.devices.iter().chain(found).copied().collect(),
            Turnover::Found(_) => return None,
            Turnover::Gone(gone) => left(&self.devices, gone),
        };
        membership_event(&self.space, &self.devices, after)
    }
}

/// Those of `all` that are not among `others`, each once.
fn left<T: Copy + Eq + std::hash::Hash>(all: &[T], others: &[T]) -> Vec<T> {
    let mut known: std::collections::HashSet<T> = others.iter().copied().collect();
    all.iter().copied().filter(|item| known.insert(*item)).collect()
}

/// What is told when the devices of `space` were `before` and are `after`: nothing if they are the same, in whatever
/// order.
#[must_use]
pub fn membership_event(space: &Space, before: &[DeviceId], after: Vec<DeviceId>) -> Option<EventKind> {
    let is_same = left(before, &after).is_empty() && left(&after, before).is_empty();
    (!is_same).then(|| EventKind::SpaceDeviceMembershipChanged(space.facts(after)))
}
