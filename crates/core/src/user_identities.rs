//! User identities: the end users of an application, and the devices that were granted to them. A client session of an
//! identity may use those devices ([`crate::credentials::ClientSession::scope`]).

use std::fmt;

use jiff::Timestamp;

use crate::ids::{UserIdentityId, WorkspaceId};

/// A user identity as the database holds it. Its `Debug` form does not show who it is.
#[derive(Clone, PartialEq, Eq)]
pub struct UserIdentity {
    /// Its id.
    pub id: UserIdentityId,
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// The application's own id of the person, unique in the workspace.
    pub key: Option<String>,
    /// E-mail address, unique in the workspace.
    pub email_address: Option<String>,
    /// Phone number in E.164 form, unique in the workspace.
    pub phone_number: Option<String>,
    /// The person's name.
    pub full_name: Option<String>,
    /// The identities that were merged into this one, which is found under their ids and keys too.
    pub merged: Vec<Merged>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl fmt::Debug for UserIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserIdentity")
            .field("id", &self.id)
            .field("workspace", &self.workspace)
            .field("merged", &self.merged.len())
            .finish_non_exhaustive()
    }
}

/// What is left of an identity that was merged into another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Its id.
    pub id: UserIdentityId,
    /// Its key.
    pub key: Option<String>,
}

impl UserIdentity {
    /// The name people read: full name, else e-mail address, else key, else phone number, else the id. Never empty.
    #[must_use]
    pub fn display_name(&self) -> String {
        [&self.full_name, &self.email_address, &self.key, &self.phone_number]
            .into_iter()
            .flatten()
            .find(|text| !text.is_empty())
            .map_or_else(|| self.id.to_string(), Clone::clone)
    }

    /// This identity with what it lacks, taken from `others`: from the first that has it. What it has stays. Its key is
    /// its own: it is found under the keys of the others in any case.
    #[must_use]
    pub fn completed_by(mut self, others: &[Self]) -> Self {
        let first = |of: fn(&Self) -> &Option<String>| others.iter().find_map(|other| of(other).clone());
        self.email_address = self.email_address.or_else(|| first(|other| &other.email_address));
        self.phone_number = self.phone_number.or_else(|| first(|other| &other.phone_number));
        self.full_name = self.full_name.or_else(|| first(|other| &other.full_name));
        self
    }
}
