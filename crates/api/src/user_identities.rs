//! User identities: an application's end users, and the devices that are granted to them. Rules as in the "User
//! identities" chapter of the Seam API reference, as far as they carry access to devices.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::devices::Device;
use crate::endpoint::endpoints;
use crate::envelope::Page;
use crate::ids::{AcsSystemId, AcsUserId, DeviceId, UserIdentityId, WorkspaceId};
use crate::params::{Nullable, Param, object, read_str};
use crate::problems::Problems;
use crate::schema::{Schema, inline_schema};
use crate::time::Timestamp;
use crate::values::{Email, Limit, List, NonEmptyString, Text};

/// Longest name or key that is kept, in characters.
const KEPT_CHARS: usize = 500;

/// A name or a key that is kept.
type Kept = Text<1, KEPT_CHARS>;

/// Most identities that become one in one call.
const MOST_MERGED: usize = 20;

/// Most digits of a phone number in E.164 form.
const PHONE_DIGITS: usize = 15;

/// A user identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "user_identity", extend("x-route-path" = "/user_identities"))]
pub struct UserIdentity {
    /// Id of the identity.
    pub user_identity_id: UserIdentityId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// The application's own id of the person, unique in the workspace.
    pub user_identity_key: Option<String>,
    /// E-mail address, unique in the workspace.
    pub email_address: Option<String>,
    /// Phone number in E.164 form, unique in the workspace.
    pub phone_number: Option<String>,
    /// The person's name.
    pub full_name: Option<String>,
    /// Full name, else e-mail address, else key, else phone number, else the id.
    pub display_name: String,
    /// Always empty: there are no access systems here.
    pub acs_user_ids: Vec<AcsUserId>,
    /// Ids of identities that were merged into this one; they still lead to it.
    pub merged_user_identity_ids: Vec<UserIdentityId>,
    /// Keys of identities that were merged into this one; they still lead to it.
    pub merged_user_identity_keys: Vec<String>,
    /// What keeps it from working. Always empty.
    pub errors: Vec<IdentityIssue>,
    /// What may become a problem. Always empty.
    pub warnings: Vec<IdentityIssue>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An unmanaged user identity: one that an access system knows and the application does not. There are none here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "unmanaged_user_identity", extend("x-route-path" = "/user_identities/unmanaged"))]
pub struct UnmanagedUserIdentity {
    /// Id of the identity.
    pub user_identity_id: UserIdentityId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// E-mail address.
    pub email_address: Option<String>,
    /// Phone number in E.164 form.
    pub phone_number: Option<String>,
    /// The person's name.
    pub full_name: Option<String>,
    /// The name people read.
    pub display_name: String,
    /// Users of access systems.
    pub acs_user_ids: Vec<AcsUserId>,
    /// What keeps it from working.
    pub errors: Vec<IdentityIssue>,
    /// What may become a problem.
    pub warnings: Vec<IdentityIssue>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An error or a warning of a user identity: a matter of access systems, of which there are none here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdentityIssue {}

inline_schema!(IdentityIssue, {"type": "object"});

/// A phone number in E.164 form, such as `+15555550100`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// The number as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Param for PhoneNumber {
    fn schema() -> Schema {
        Schema::text(Some(2), Some(PHONE_DIGITS + 1))
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        let text = read_str(value, problems)?;
        let is_number = text.strip_prefix('+').is_some_and(|digits| {
            (1..=PHONE_DIGITS).contains(&digits.len())
                && digits.bytes().all(|byte| byte.is_ascii_digit())
                && !digits.starts_with('0')
        });
        if !is_number {
            problems.add("Invalid phone number, expected E.164 form such as +15555550100");
        }
        is_number.then(|| Self(text.to_owned()))
    }
}

object! {
    /// Who somebody is.
    IdentityFacts {
        /// The application's own id of the person, unique in the workspace.
        user_identity_key: Nullable<Kept>,
        /// E-mail address, unique in the workspace.
        email_address: Nullable<Email>,
        /// Phone number in E.164 form, unique in the workspace.
        phone_number: Nullable<PhoneNumber>,
        /// The person's name.
        full_name: Nullable<Kept>,
    }
}

endpoints! {
    /// Makes a user identity.
    ///
    /// A key, an e-mail address or a phone number that the workspace has already answers
    /// `user_identity_already_exists`; `data.field` names which.
    endpoint CreateUserIdentity {
        path: "/user_identities/create",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [user_identity] => UserIdentity,
        changes: true,
        groups: {
            /// Who the person is.
            facts: IdentityFacts,
        },
        params: {
            /// Access systems to enrol the person in. There are none here; it is ignored.
            acs_system_ids: Option<Vec<AcsSystemId>>,
        },
        errors: [UserIdentityAlreadyExists],
    }

    /// Returns one user identity.
    endpoint GetUserIdentity {
        path: "/user_identities/get",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [user_identity] => UserIdentity,
        changes: false,
        params: {
            /// The identity, also under the id of one that was merged into it.
            user_identity_id: Option<UserIdentityId>,
            /// The application's own id of the person, also of one that was merged into it.
            user_identity_key: Option<NonEmptyString>,
        },
        rules: [ExactlyOne("user_identity_id", "user_identity_key")],
    }

    /// Lists user identities, oldest first. A client session sees its own.
    endpoint ListUserIdentities {
        path: "/user_identities/list",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [user_identities] => Page<UserIdentity>,
        changes: false,
        params: {
            /// Only these identities; an empty array matches none.
            user_identity_ids: Option<Vec<UserIdentityId>>,
            /// Only identities in which this text occurs: full name, phone number, e-mail address or id. Case does not
            /// matter.
            search: Option<NonEmptyString>,
            /// Only identities that were made strictly earlier.
            created_before: Option<Timestamp>,
            /// A credential manager of an access system. There are none here; it is ignored.
            credential_manager_acs_system_id: Option<AcsSystemId>,
            /// Largest number of identities to answer.
            limit: Limit = Limit::DEFAULT,
            /// Where to go on, from the previous page.
            page_cursor: Nullable<String>,
        },
    }

    /// Changes who a user identity is. What is left out stays as it is; `null` removes it.
    endpoint UpdateUserIdentity {
        path: "/user_identities/update",
        methods: [PATCH, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        groups: {
            /// Who the person is.
            facts: IdentityFacts,
        },
        params: {
            /// The identity.
            user_identity_id: UserIdentityId,
        },
        errors: [UserIdentityAlreadyExists],
    }

    /// Deletes a user identity with its grants and its client sessions.
    endpoint DeleteUserIdentity {
        path: "/user_identities/delete",
        methods: [DELETE, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The identity.
            user_identity_id: UserIdentityId,
        },
    }

    /// Lets the client sessions of a user identity see and operate a managed device.
    endpoint GrantAccessToDevice {
        path: "/user_identities/grant_access_to_device",
        methods: [PUT, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The identity.
            user_identity_id: UserIdentityId,
            /// The device.
            device_id: DeviceId,
        },
        errors: [DeviceUnmanaged],
    }

    /// Takes a grant back, at once. A device that was not granted stays so.
    endpoint RevokeAccessToDevice {
        path: "/user_identities/revoke_access_to_device",
        methods: [DELETE, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The identity.
            user_identity_id: UserIdentityId,
            /// The device.
            device_id: DeviceId,
        },
    }

    /// Lists the managed devices that are granted to a user identity.
    endpoint ListAccessibleDevices {
        path: "/user_identities/list_accessible_devices",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [devices, accessible_devices] => Vec<Device>,
        changes: false,
        params: {
            /// The identity.
            user_identity_id: UserIdentityId,
        },
    }

    /// Makes several user identities one.
    ///
    /// Grants and client sessions of the others become those of the first, as does what it lacks of e-mail address,
    /// phone number and name. Ids and keys of the others lead to it from then on. Repeating it changes nothing.
    endpoint MergeUserIdentities {
        path: "/user_identities/merge",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The identity that stays. With `merged_user_identity_ids`.
            user_identity_id: Option<UserIdentityId>,
            /// The identities that become part of it.
            merged_user_identity_ids: Option<List<UserIdentityId, 1, MOST_MERGED>>,
            /// The key of the identity that stays. With `merged_user_identity_keys`.
            user_identity_key: Option<NonEmptyString>,
            /// The keys of the identities that become part of it.
            merged_user_identity_keys: Option<List<NonEmptyString, 1, MOST_MERGED>>,
        },
        rules: [
            ExactlyOne("user_identity_id", "user_identity_key"),
            ExactlyOne("merged_user_identity_ids", "merged_user_identity_keys"),
        ],
        check: ids_or_keys,
    }

    /// Returns one unmanaged user identity. There are none here.
    endpoint GetUnmanagedUserIdentity {
        path: "/user_identities/unmanaged/get",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [user_identity] => UnmanagedUserIdentity,
        changes: false,
        params: {
            /// The identity.
            user_identity_id: UserIdentityId,
        },
    }

    /// Lists unmanaged user identities. There are none here.
    endpoint ListUnmanagedUserIdentities {
        path: "/user_identities/unmanaged/list",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [user_identities] => Page<UnmanagedUserIdentity>,
        changes: false,
        params: {
            /// Only identities that were made strictly earlier.
            created_before: Option<Timestamp>,
            /// Only identities in which this text occurs.
            search: Option<NonEmptyString>,
            /// Largest number of identities to answer.
            limit: Limit = Limit::DEFAULT,
            /// Where to go on, from the previous page.
            page_cursor: Nullable<String>,
        },
    }

    /// Makes an unmanaged user identity a managed one. There are none here.
    endpoint UpdateUnmanagedUserIdentity {
        path: "/user_identities/unmanaged/update",
        methods: [PATCH, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [] => (),
        changes: true,
        params: {
            /// The identity.
            user_identity_id: UserIdentityId,
            /// `true` makes the identity managed.
            is_managed: bool,
            /// The application's own id of the person.
            user_identity_key: Option<Kept>,
        },
        check: only_becomes_managed,
    }
}

/// The one that stays and those that become part of it are named in the same way.
fn ids_or_keys(params: &MergeUserIdentities, problems: &mut Problems) {
    if params.user_identity_id.is_some() != params.merged_user_identity_ids.is_some() {
        problems.add(
            "Either 'user_identity_id' with 'merged_user_identity_ids' or 'user_identity_key' with \
             'merged_user_identity_keys' is required",
        );
    }
}

/// It is unmanaged already, so `false` can only be a mistake.
fn only_becomes_managed(params: &UpdateUnmanagedUserIdentity, problems: &mut Problems) {
    if !params.is_managed {
        problems.at("is_managed", |at| at.add("Invalid literal value, expected true"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn phone_numbers_are_in_e164_form() {
        for right in ["+15555550100", "+4930123456", "+123456789012345"] {
            assert!(PhoneNumber::read(&json!(right), &mut Problems::default()).is_some(), "{right}");
        }
        for wrong in ["", "+", "15555550100", "+0123", "+1 555", "+1234567890123456", "+1５"] {
            assert!(PhoneNumber::read(&json!(wrong), &mut Problems::default()).is_none(), "{wrong}");
        }
    }
}
