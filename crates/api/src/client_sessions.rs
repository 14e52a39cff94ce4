//! Client sessions: tokens for browsers, limited to the resources of one end user. Rules as in the "Client Session
//! Tokens" chapter of the Seam API reference.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::endpoints;
use crate::ids::{ClientSessionId, ConnectWebviewId, ConnectedAccountId, UserIdentityId, WorkspaceId};
use crate::params::{Nullable, object};
use crate::time::Timestamp;
use crate::values::{List, NonEmptyString, Secret};

/// A client session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "client_session", extend("x-route-path" = "/client_sessions"))]
pub struct ClientSession {
    /// Id of the session.
    pub client_session_id: ClientSessionId,
    /// The workspace it opens.
    pub workspace_id: WorkspaceId,
    /// The token, `seam_cst1...`; every read returns it.
    pub token: Secret<String>,
    /// The application's own id of the end user.
    pub user_identifier_key: Option<String>,
    /// Accounts it may see.
    pub connected_account_ids: Vec<ConnectedAccountId>,
    /// Webviews it may see.
    pub connect_webview_ids: Vec<ConnectWebviewId>,
    /// Older form of `user_identity_id`: no entry or one.
    pub user_identity_ids: Vec<UserIdentityId>,
    /// The user identity whose grants it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_identity_id: Option<UserIdentityId>,
    /// The customer it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_key: Option<String>,
    /// How many devices it may see: those of its accounts, and those granted to its user identity.
    pub device_count: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

object! {
    /// What a new session is made of.
    ClientSessionGrants {
        /// The application's own id of the end user. With a publishable key it is required.
        user_identifier_key: Option<NonEmptyString>,
        /// Accounts it may see. Not with a publishable key.
        connected_account_ids: Option<Vec<ConnectedAccountId>>,
        /// Webviews it may see. Not with a publishable key.
        connect_webview_ids: Option<Vec<ConnectWebviewId>>,
        /// The user identity whose grants it gets.
        user_identity_id: Option<UserIdentityId>,
        /// Older form of `user_identity_id`.
        user_identity_ids: Option<List<UserIdentityId, 1, 1>>,
        /// When it ends; one year from now by default.
        expires_at: Option<Timestamp>,
    }
}

impl ClientSessionGrants {
    /// The user identity, whichever of its two names it came under.
    pub fn user_identity(&self) -> Option<UserIdentityId> {
        self.user_identity_id.or_else(|| self.user_identity_ids.as_ref()?.first().copied())
    }
}

endpoints! {
    /// Makes a client session.
    ///
    /// If there is one with the same `user_identifier_key`, `PUT` returns it and `POST` answers
    /// `client_session_token_already_exists`.
    endpoint CreateClientSession {
        path: "/client_sessions/create",
        methods: [PUT, POST],
        auth: [ApiKey, PatWithWorkspace, PublishableKey],
        response: [client_session] => ClientSession,
        changes: true,
        groups: {
            /// What the session is made of.
            grants: ClientSessionGrants,
        },
        params: {
            /// The customer it belongs to.
            customer_key: Option<NonEmptyString>,
            /// Older form of `customer_key`.
            customer_id: Option<NonEmptyString>,
        },
        errors: [ClientSessionTokenAlreadyExists],
        without: "webviews",
    }

    /// Returns the live client session with these characteristics, or makes one.
    ///
    /// A session that exists gets the given `expires_at`, and the given accounts and webviews in addition.
    endpoint GetOrCreateClientSession {
        path: "/client_sessions/get_or_create",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace, PublishableKey],
        response: [client_session] => ClientSession,
        changes: true,
        groups: {
            /// What the session is made of.
            grants: ClientSessionGrants,
        },
        params: {},
        without: "webviews",
    }

    /// Returns a client session. With a client session token: that session itself, without parameters.
    endpoint GetClientSession {
        path: "/client_sessions/get",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [client_session] => ClientSession,
        changes: false,
        params: {
            /// The session.
            client_session_id: Option<ClientSessionId>,
            /// The application's own id of its end user.
            user_identifier_key: Option<NonEmptyString>,
        },
        errors: [InvalidOptions],
    }

    /// Lists client sessions, oldest first. Revoked ones are left out.
    endpoint ListClientSessions {
        path: "/client_sessions/list",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [client_sessions] => Vec<ClientSession>,
        changes: false,
        params: {
            /// Only this session.
            client_session_id: Option<ClientSessionId>,
            /// Only sessions of this end user.
            user_identifier_key: Option<NonEmptyString>,
            /// Only sessions that may see this webview; `null`: only sessions without one.
            connect_webview_id: Nullable<ConnectWebviewId>,
            /// Only sessions of this user identity; `null`: only sessions without one.
            user_identity_id: Nullable<UserIdentityId>,
            /// Whether to list only sessions without a `user_identifier_key`.
            without_user_identifier_key: bool = false,
        },
    }

    /// Grants a client session more than it has.
    endpoint GrantClientSessionAccess {
        path: "/client_sessions/grant_access",
        methods: [PATCH, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [client_session] => ClientSession,
        changes: true,
        params: {
            /// The session.
            client_session_id: Option<ClientSessionId>,
            /// The application's own id of its end user.
            user_identifier_key: Option<NonEmptyString>,
            /// Accounts that it may see from now on.
            connected_account_ids: Option<Vec<ConnectedAccountId>>,
            /// Webviews that it may see from now on.
            connect_webview_ids: Option<Vec<ConnectWebviewId>>,
            /// The user identity whose grants it gets.
            user_identity_id: Option<UserIdentityId>,
            /// Older form of `user_identity_id`.
            user_identity_ids: Option<List<UserIdentityId, 1, 1>>,
        },
        rules: [AtLeastOne("client_session_id", "user_identifier_key")],
        without: "webviews",
    }

    /// Ends a client session and keeps its record; its token then answers `client_session_revoked`.
    endpoint RevokeClientSession {
        path: "/client_sessions/revoke",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The session.
            client_session_id: ClientSessionId,
        },
    }

    /// Deletes a client session; its token then answers `client_session_not_found`.
    endpoint DeleteClientSession {
        path: "/client_sessions/delete",
        methods: [DELETE, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The session.
            client_session_id: ClientSessionId,
        },
    }
}
