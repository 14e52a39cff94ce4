//! What a caller may touch. Every read and write takes a scope first, so a query without a tenant does not compile.

use crate::ids::{AccountId, ClientSessionId, DeviceId, UserIdentityId, WorkspaceId};

/// The part of the installation that one request may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    workspace: WorkspaceId,
    reach: Reach,
}

/// How much of the workspace is in scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everything in the workspace: API keys and personal access tokens.
    Whole,
    /// What was granted to one client session.
    Session {
        /// The session.
        session: ClientSessionId,
        /// The accounts whose devices it may see.
        accounts: Vec<AccountId>,
        /// The user identity whose grants it has.
        identity: Option<UserIdentityId>,
        /// The devices that were granted to that identity, of whatever account.
        devices: Vec<DeviceId>,
    },
}

impl Scope {
    /// Everything in `workspace`.
    #[must_use]
    pub const fn workspace_wide(workspace: WorkspaceId) -> Self {
        Self { workspace, reach: Reach::Whole }
    }

    /// What `session` was granted in `workspace`: the devices of these accounts. See [`Scope::with_identity`].
    #[must_use]
    pub const fn of_session(workspace: WorkspaceId, session: ClientSessionId, accounts: Vec<AccountId>) -> Self {
        Self { workspace, reach: Reach::Session { session, accounts, identity: None, devices: Vec::new() } }
    }

    /// The same scope of a session with what its user identity was granted. A scope that is not a session's has
    /// everything already.
    #[must_use]
    pub fn with_identity(mut self, of: UserIdentityId, granted: Vec<DeviceId>) -> Self {
        if let Reach::Session { identity, devices, .. } = &mut self.reach {
            (*identity, *devices) = (Some(of), granted);
        }
        self
    }

    /// The workspace that everything in this scope belongs to.
    #[must_use]
    pub const fn workspace(&self) -> WorkspaceId {
        self.workspace
    }

    /// How much of the workspace.
    #[must_use]
    pub const fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Whether `account` with all its devices may be seen, given that it belongs to this workspace.
    #[must_use]
    pub fn sees_account(&self, account: AccountId) -> bool {
        match &self.reach {
            Reach::Whole => true,
            Reach::Session { accounts, .. } => accounts.contains(&account),
        }
    }

    /// Judges one device: in scope, invisible (another tenant's: as if it did not exist) or refused (same workspace,
    /// outside the session's grants).
    #[must_use]
    pub fn judge(&self, workspace: WorkspaceId, account: AccountId, device: DeviceId) -> Visibility {
        if workspace != self.workspace {
            Visibility::Invisible
        } else if self.sees_account(account) || self.was_granted(device) {
            Visibility::Visible
        } else {
            Visibility::Refused
        }
    }

    /// Whether the device by itself was granted to the session's user identity.
    fn was_granted(&self, device: DeviceId) -> bool {
        matches!(&self.reach, Reach::Session { devices, .. } if devices.contains(&device))
    }
}

/// What a scope says of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// In scope.
    Visible,
    /// Of the same workspace, but not granted to the session.
    Refused,
    /// Of another workspace: must look as if it did not exist.
    Invisible,
}
