//! Errors on the wire: the catalogue of `error.type`, and the body of every answer that is not a success.

use std::fmt;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::params::JsonObject;
use crate::problems::Problems;

macro_rules! error_types {
    ($($(#[doc = $doc:literal])+ $variant:ident = $word:literal, $status:ident;)+) => {
        /// The stable machine code of an error. Official clients show it as `code`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorType {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ErrorType {
            /// All types, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The status of an answer with this type, unless the place that raises it says otherwise.
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$variant => StatusCode::$status,)+
                }
            }

            /// What it means, as plain Markdown.
            pub fn description(self) -> String {
                match self {
                    $(Self::$variant => crate::schema::description(&[$($doc),+]),)+
                }
            }

            /// The type of a code.
            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == code)
            }
        }
    };
}

error_types! {
    /// The parameters are wrong; comes with `validation_errors`.
    InvalidInput = "invalid_input", BAD_REQUEST;
    /// The query string is ambiguous.
    InvalidQueryParams = "invalid_query_params", BAD_REQUEST;
    /// A body that is not declared as JSON.
    InvalidContentType = "invalid_content_type", BAD_REQUEST;
    /// The path does not serve this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED;
    /// A page cursor was used with other parameters than those it was made for.
    MismatchedPageParameters = "mismatched_page_parameters", BAD_REQUEST;

    /// No, unknown or unsuitable credential; or a session outside its scope.
    Unauthorized = "unauthorized", UNAUTHORIZED;
    /// Unknown client session. As a credential the status is 401.
    ClientSessionNotFound = "client_session_not_found", NOT_FOUND;
    /// The client session was revoked.
    ClientSessionRevoked = "client_session_revoked", UNAUTHORIZED;
    /// The client session has expired.
    ClientSessionExpired = "client_session_expired", UNAUTHORIZED;
    /// The dedicated header holds something that is not a client session token.
    InvalidClientSessionToken = "invalid_client_session_token", BAD_REQUEST;
    /// The header with the publishable key is malformed.
    InvalidPublishableKey = "invalid_publishable_key", UNAUTHORIZED;
    /// A publishable key needs a `user_identifier_key`. On `/client_sessions/get_or_create` the status is 400.
    PublishableKeyRequiresUserIdentifierKey = "publishable_key_requires_user_identifier_key", UNAUTHORIZED;
    /// A publishable key is needed here.
    PublishableKeyHeaderRequired = "publishable_key_header_required", BAD_REQUEST;
    /// A publishable key may not grant anything to the session it makes.
    PublishableKeysMustCreateEmptyClientSessions = "publishable_keys_must_create_empty_client_sessions", FORBIDDEN;
    /// A session with this `user_identifier_key` exists (`POST /client_sessions/create`).
    ClientSessionTokenAlreadyExists = "client_session_token_already_exists", BAD_REQUEST;
    /// Parameters that do not fit the credential.
    InvalidOptions = "invalid_options", BAD_REQUEST;

    /// Unknown workspace. While authenticating the status is 401, or 400 for a publishable key on `get_or_create`.
    WorkspaceNotFound = "workspace_not_found", NOT_FOUND;
    /// Only possible in a sandbox workspace.
    WorkspaceNotSandbox = "workspace_not_sandbox", BAD_REQUEST;
    /// The workspace is suspended: it can be read, not changed.
    WorkspaceSuspended = "workspace_suspended", FORBIDDEN;

    /// Unknown device, or one of the other kind (managed, unmanaged, not a lock).
    DeviceNotFound = "device_not_found", NOT_FOUND;
    /// The device is unmanaged.
    DeviceUnmanaged = "device_unmanaged", BAD_REQUEST;
    /// The device is managed.
    DeviceManaged = "device_managed", BAD_REQUEST;
    /// The simulation does not suit this device.
    DeviceTypeNotSupported = "device_type_not_supported", BAD_REQUEST;
    /// It can never be done here. Of a device, `data` names `device_id` and `capability`.
    NotSupported = "not_supported", BAD_REQUEST;

    /// Unknown action attempt; `data` names it.
    ActionAttemptNotFound = "action_attempt_not_found", NOT_FOUND;
    /// Unknown connected account.
    ConnectedAccountNotFound = "connected_account_not_found", NOT_FOUND;
    /// Unknown Connect Webview.
    ConnectWebviewNotFound = "connect_webview_not_found", NOT_FOUND;
    /// Unknown user identity.
    UserIdentityNotFound = "user_identity_not_found", NOT_FOUND;
    /// Unknown space.
    SpaceNotFound = "space_not_found", NOT_FOUND;
    /// Unknown event.
    EventNotFound = "event_not_found", NOT_FOUND;
    /// Unknown webhook.
    WebhookNotFound = "webhook_not_found", NOT_FOUND;
    /// Unknown delivery of an event to a webhook.
    WebhookDeliveryNotFound = "webhook_delivery_not_found", NOT_FOUND;
    /// A type of event that does not exist, or `*` beside others.
    InvalidEventTypes = "invalid_event_types", BAD_REQUEST;
    /// Unknown access code.
    AccessCodeNotFound = "access_code_not_found", NOT_FOUND;

    /// Too many calls; `retry-after` says when to come back.
    RateLimitExceeded = "rate_limit_exceeded", TOO_MANY_REQUESTS;
    /// The `Idempotency-Key` was used with another body.
    IdempotencyKeyConflict = "idempotency_key_conflict", CONFLICT;
    /// The connected account belongs to another customer already.
    CustomerKeyAlreadySet = "customer_key_already_set", BAD_REQUEST;
    /// The workspace has a space with this key; `data` names `space_key`.
    SpaceKeyAlreadyExists = "space_key_already_exists", CONFLICT;
    /// The workspace has a user identity with the same; `data.field` names what.
    UserIdentityAlreadyExists = "user_identity_already_exists", CONFLICT;
    /// The workspace already has a connected account for this hub.
    HubAlreadyConnected = "hub_already_connected", CONFLICT;

    /// Unknown path.
    NotFound = "not_found", NOT_FOUND;
    /// A path of the official API that this server does not serve.
    NotImplemented = "not_implemented", NOT_IMPLEMENTED;
    /// The body is too large.
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE;
    /// The server cannot serve now; `retry-after` says when to come back.
    ServiceUnavailable = "service_unavailable", SERVICE_UNAVAILABLE;
    /// Something unexpected; the log has the details.
    InternalServerError = "internal_server_error", INTERNAL_SERVER_ERROR;
}

/// An error on its way to the client.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    /// The machine code.
    pub error_type: ErrorType,
    /// Usually the status of the type.
    pub status: StatusCode,
    /// Text for people. Clients take an answer without it for something else than an API error.
    pub message: String,
    /// More for machines, such as the id that was not found. Left out when empty.
    pub data: JsonObject,
    /// With `invalid_input` only: what is wrong with which parameter.
    pub problems: Option<Problems>,
}

impl ApiError {
    /// An error with the usual status of its type.
    pub fn new(error_type: ErrorType, message: impl Into<String>) -> Self {
        Self {
            error_type,
            status: error_type.status(),
            message: message.into(),
            data: JsonObject::new(),
            problems: None,
        }
    }

    /// The same error with another status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same error with one more entry in `data`.
    #[must_use]
    pub fn with_data(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }

    /// The body of the answer.
    pub fn body(&self) -> ErrorBody {
        ErrorBody {
            error: ErrorDetail {
                error_type: self.error_type.as_str().to_owned(),
                message: self.message.clone(),
                data: (!self.data.is_empty()).then(|| self.data.clone()),
                validation_errors: self.problems.as_ref().and_then(|tree| serde_json::to_value(tree).ok()),
            },
            ok: false,
        }
    }
}

impl From<Problems> for ApiError {
    fn from(problems: Problems) -> Self {
        Self { problems: Some(problems.clone()), ..Self::new(ErrorType::InvalidInput, problems.message()) }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error_type.as_str(), self.message)
    }
}

impl std::error::Error for ApiError {}

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
    /// Always `false`.
    pub ok: bool,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// The machine code; a client may meet codes that it does not know.
    #[serde(rename = "type")]
    pub error_type: String,
    /// Text for people.
    pub message: String,
    /// Always an object where it is present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<JsonObject>,
    /// The tree of problems of an `invalid_input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_errors: Option<Value>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn codes_are_unique_lower_snake_case() {
        let mut codes: Vec<_> = ErrorType::ALL.iter().map(|known| known.as_str()).collect();
        assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ErrorType::ALL.len());
    }

    #[test]
    fn the_body_has_data_and_validation_errors_only_where_there_are_any() {
        let plain = ApiError::new(ErrorType::Unauthorized, "No");
        assert_eq!(
            serde_json::to_value(plain.body()).unwrap(),
            json!({"error": {"type": "unauthorized", "message": "No"}, "ok": false})
        );
        let mut problems = Problems::default();
        problems.at("device_id", Problems::add_required);
        let full = ApiError::from(problems).with_data("device_id", "x");
        assert_eq!(
            serde_json::to_value(full.body()).unwrap(),
            json!({"error": {
                "type": "invalid_input", "message": "device_id is required", "data": {"device_id": "x"},
                "validation_errors": {"_errors": [], "device_id": {"_errors": ["Required"]}}
            }, "ok": false})
        );
    }
}
