//! The caches of the store, and what makes an entry of theirs stale.

use std::collections::HashSet;

use thumbturn_core::credentials::{ClientSession, Key, KeyKind};
use thumbturn_core::ids::{AccountId, ClientSessionId, DeviceId, KeyId, UserIdentityId, WorkspaceId};
use thumbturn_core::locks::Route;
use thumbturn_core::workspaces::Workspace;
use uuid::Uuid;

use crate::cache::Cache;
use crate::listeners::Listeners;

const KEYS: usize = 4096;
const SESSIONS: usize = 16_384;
const ROUTES: usize = 65_536;
const WORKSPACES: usize = 4096;

/// What a change makes stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stale {
    Key(KeyId),
    Workspace(WorkspaceId),
    /// Any workspace: rare, and they are few.
    Workspaces,
    Session(ClientSessionId),
    /// All but the workspace itself and its keys is gone.
    Tenant(WorkspaceId),
    /// The identity's grants changed, and with them what its sessions may touch.
    Identity(UserIdentityId),
    /// The account is gone, and with it its devices, their grants and its place in sessions.
    Account(AccountId),
    /// The device is gone, and with it its grants. Its id may come back.
    Device(DeviceId),
    Route(DeviceId),
    /// The route, unless it already says so of the device's removal.
    Removal(DeviceId, bool),
    /// What was read of the workspace's events is not all any more.
    Events(WorkspaceId),
}

impl Stale {
    /// The entry in a word, for other processes on the same database. `None` of what is not worth it: a device that is
    /// there reports all the time.
    pub(crate) fn word(&self) -> Option<String> {
        Some(match self {
            Self::Key(id) => format!("key:{id}"),
            Self::Workspace(id) => format!("workspace:{id}"),
            Self::Workspaces => "workspaces:".to_owned(),
            Self::Session(id) => format!("session:{id}"),
            Self::Tenant(id) => format!("tenant:{id}"),
            Self::Identity(id) => format!("identity:{id}"),
            Self::Account(id) => format!("account:{id}"),
            Self::Device(id) => format!("device:{id}"),
            Self::Route(id) | Self::Removal(id, true) => format!("route:{id}"),
            Self::Removal(_, false) => return None,
            Self::Events(id) => format!("events:{id}"),
        })
    }

    /// What [`Stale::word`] wrote.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        let (kind, id) = word.split_once(':')?;
        if kind == "workspaces" {
            return Some(Self::Workspaces);
        }
        let id = Uuid::try_parse(id).ok()?;
        Some(match kind {
            "key" => Self::Key(KeyId(id)),
            "workspace" => Self::Workspace(WorkspaceId(id)),
            "session" => Self::Session(ClientSessionId(id)),
            "tenant" => Self::Tenant(WorkspaceId(id)),
            "identity" => Self::Identity(UserIdentityId(id)),
            "account" => Self::Account(AccountId(id)),
            "device" => Self::Device(DeviceId(id)),
            "route" => Self::Route(DeviceId(id)),
            "events" => Self::Events(WorkspaceId(id)),
            _ => return None,
        })
    }
}

/// Everything cached. (No `Debug`: sessions hold their tokens.)
pub(crate) struct Caches {
    pub(crate) keys: Cache<(KeyKind, String), Key>,
    pub(crate) sessions: Cache<String, ClientSession>,
    pub(crate) routes: Cache<DeviceId, Route>,
    pub(crate) workspaces: Cache<WorkspaceId, Workspace>,
    /// Whoever follows events keeps none, and is told instead.
    pub(crate) listeners: Listeners,
}

impl Caches {
    pub(crate) fn new() -> Self {
        Self {
            keys: Cache::new(KEYS),
            sessions: Cache::new(SESSIONS),
            routes: Cache::new(ROUTES),
            workspaces: Cache::new(WORKSPACES),
            listeners: Listeners::default(),
        }
    }

    /// Forgets everything.
    pub(crate) fn forget_all(&self) {
        self.keys.forget_where(|_| true);
        self.sessions.forget_where(|_| true);
        self.routes.forget_where(|_| true);
        self.workspaces.forget_where(|_| true);
        self.listeners.wake_all();
    }

    /// Forgets everything and takes nothing in until [`Caches::resume`]: what others change is not heard of.
    pub(crate) fn suspend(&self) {
        self.set_open(false);
        self.forget_all();
    }

    /// Takes in again what is read from now on.
    pub(crate) fn resume(&self) {
        self.forget_all();
        self.set_open(true);
    }

    fn set_open(&self, open: bool) {
        self.keys.set_open(open);
        self.sessions.set_open(open);
        self.routes.set_open(open);
        self.workspaces.set_open(open);
    }

    /// Forgets what a batch of changes made stale, with at most one walk through each cache.
    pub(crate) fn forget<'a>(&self, stale: impl Iterator<Item = &'a Stale>) {
        let (mut keys, mut sessions, mut accounts) = (HashSet::new(), HashSet::new(), HashSet::new());
        let (mut tenants, mut identities, mut devices) = (HashSet::new(), HashSet::new(), HashSet::new());
        for stale in stale {
            match stale {
                Stale::Key(id) => drop(keys.insert(*id)),
                Stale::Workspace(id) => self.workspaces.forget(id),
                Stale::Workspaces => self.workspaces.forget_where(|_| true),
                Stale::Session(id) => drop(sessions.insert(*id)),
                Stale::Tenant(id) => drop(tenants.insert(*id)),
                Stale::Identity(id) => drop(identities.insert(*id)),
                Stale::Account(id) => drop(accounts.insert(*id)),
                Stale::Device(id) => {
                    self.routes.forget(id);
                    devices.insert(*id);
                }
                Stale::Route(id) => self.routes.forget(id),
                Stale::Events(id) => self.listeners.wake(*id),
                Stale::Removal(id, removed) => self.routes.forget_unless(id, |route| route.is_removed == *removed),
            }
        }
        if !keys.is_empty() {
            self.keys.forget_where(|key| keys.contains(&key.id));
        }
        if !accounts.is_empty() || !tenants.is_empty() {
            let is_gone = |route: &Route| accounts.contains(&route.account) || tenants.contains(&route.workspace);
            self.routes.forget_where(is_gone);
        }
        let are_known =
            [sessions.is_empty(), accounts.is_empty(), tenants.is_empty(), identities.is_empty(), devices.is_empty()];
        if are_known.contains(&false) {
            let is_stale = |session: &ClientSession| {
                let mut named = session.accounts.iter().chain(session.granted.iter().map(|grant| &grant.account));
                sessions.contains(&session.id)
                    || tenants.contains(&session.workspace)
                    || named.any(|account| accounts.contains(account))
                    || session.granted.iter().any(|grant| devices.contains(&grant.device))
                    || session.identity.is_some_and(|identity| identities.contains(&identity))
            };
            self.sessions.forget_where(is_stale);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_understood() {
        let id = Uuid::from_u128(7);
        let all = [
            Stale::Key(KeyId(id)),
            Stale::Workspace(WorkspaceId(id)),
            Stale::Workspaces,
            Stale::Session(ClientSessionId(id)),
            Stale::Tenant(WorkspaceId(id)),
            Stale::Identity(UserIdentityId(id)),
            Stale::Account(AccountId(id)),
            Stale::Device(DeviceId(id)),
            Stale::Route(DeviceId(id)),
            Stale::Events(WorkspaceId(id)),
        ];
        for stale in all {
            let word = stale.word().unwrap();
            assert_eq!(Stale::from_word(&word), Some(stale));
        }
        assert!(Stale::from_word("moon:1").is_none());
    }
}
