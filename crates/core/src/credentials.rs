//! Credentials as the rules see them: who they belong to and whether they still work. Token texts live at the edge.

use std::fmt;

use jiff::Timestamp;

use crate::ids::{AccountId, ClientSessionId, DeviceId, KeyId, OperatorId, UserIdentityId, WorkspaceId};
use crate::scope::Scope;

/// What a key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// `seam_…`: one workspace, everything in it.
    ApiKey,
    /// `seam_at…`: an operator's, opens every workspace of the installation unless bound to one.
    PersonalAccessToken,
    /// `seam_pk…`: may only create client sessions. Not a secret.
    PublishableKey,
}

/// A key at rest. The secret half of the token is stored only as a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// What it is good for.
    pub kind: KeyKind,
    /// The workspace it opens; `None` for a personal access token that opens all.
    pub workspace: Option<WorkspaceId>,
    /// The operator it belongs to; only for personal access tokens.
    pub operator: Option<OperatorId>,
    /// A name for people.
    pub name: String,
    /// The short half of the token: shown in lists, used for look-up.
    pub short: String,
    /// SHA-256 of the long half, hexadecimal.
    pub long_hash: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A client session: a token limited to one end user's resources. Its `Debug` form does not show the token.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSession {
    /// Its id.
    pub id: ClientSessionId,
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// The short half of the token, for look-up.
    pub short: String,
    /// SHA-256 of the long half, hexadecimal.
    pub long_hash: String,
    /// The whole token, in clear here and sealed at rest: every read of a session returns it.
    pub token: String,
    /// The application's own id of the user.
    pub user_identifier_key: Option<String>,
    /// The accounts whose devices it may see.
    pub accounts: Vec<AccountId>,
    /// The user identity whose grants it has.
    pub identity: Option<UserIdentityId>,
    /// The devices that were granted to that identity. Read with the session, never written with it.
    pub granted: Vec<Granted>,
    /// The application's id of its customer, echoed back.
    pub customer_key: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSession")
            .field("id", &self.id)
            .field("workspace", &self.workspace)
            .field("short", &self.short)
            .field("accounts", &self.accounts)
            .field("identity", &self.identity)
            .field("expires_at", &self.expires_at)
            .field("revoked_at", &self.revoked_at)
            .finish_non_exhaustive()
    }
}

/// A device that was granted to a user identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The device.
    pub device: DeviceId,
    /// The account through which it is reached. It is not granted with the device.
    pub account: AccountId,
}

/// Whether a client session may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStanding {
    /// It may.
    Live,
    /// It was revoked.
    Revoked,
    /// Its time is over.
    Expired,
}

impl ClientSession {
    /// What the session may touch: the devices of its accounts, and those granted to its user identity.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let scope = Scope::of_session(self.workspace, self.id, self.accounts.clone());
        match self.identity {
            Some(identity) => scope.with_identity(identity, self.granted.iter().map(|grant| grant.device).collect()),
            None => scope,
        }
    }

    /// Whether the session may be used at `now`. A revoked session that also expired counts as revoked.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> SessionStanding {
        if self.revoked_at.is_some() {
            SessionStanding::Revoked
        } else if self.expires_at <= now {
            SessionStanding::Expired
        } else {
            SessionStanding::Live
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_revoked_session_does_not_come_back_when_the_clock_is_put_back() {
        let session = ClientSession {
            id: ClientSessionId(Uuid::nil()),
            workspace: WorkspaceId(Uuid::nil()),
            short: String::new(),
            long_hash: String::new(),
            token: String::new(),
            user_identifier_key: None,
            accounts: Vec::new(),
            identity: None,
            granted: Vec::new(),
            customer_key: None,
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::MAX,
            revoked_at: Some(Timestamp::constant(7_200, 0)),
        };
        assert_eq!(session.standing(Timestamp::constant(3_600, 0)), SessionStanding::Revoked);
    }
}
