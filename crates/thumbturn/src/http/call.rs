//! One call: who calls, with which headers, for which parameters.

use std::sync::Arc;

use http::{HeaderMap, Method};
use thumbturn_api::{ErrorType, JsonObject};
use thumbturn_core::credentials::ClientSession;
use thumbturn_core::ids::{CallId, OperatorId, WorkspaceId};
use thumbturn_core::scope::Scope;
use tokio::sync::OwnedSemaphorePermit;

use super::errors::{Failure, Outcome};
use super::prefer::Preference;

/// Who calls.
#[derive(Clone)]
pub enum Caller {
    /// An API key, or a personal access token with a workspace: everything in the workspace.
    Workspace {
        /// The workspace.
        workspace: WorkspaceId,
        /// The kind of credential, in a word: idempotency keys are kept apart by it.
        credential: &'static str,
    },
    /// A personal access token without a workspace.
    Operator {
        /// Whose it is; `None` for a token bound to a workspace.
        operator: Option<OperatorId>,
        /// The only workspace it opens; `None` for all.
        only: Option<WorkspaceId>,
    },
    /// A client session.
    Session(Box<ClientSession>),
    /// A publishable key.
    Publishable {
        /// The workspace.
        workspace: WorkspaceId,
    },
    /// Nobody in particular.
    Public,
}

impl Caller {
    /// What the caller may touch.
    ///
    /// # Errors
    /// 401 if the caller has no workspace; endpoints that need one do not list such credentials.
    pub fn scope(&self) -> Outcome<Scope> {
        match self {
            Self::Workspace { workspace, .. } => Ok(Scope::workspace_wide(*workspace)),
            Self::Session(session) => Ok(session.scope()),
            Self::Operator { .. } | Self::Publishable { .. } | Self::Public => {
                Err(Failure::new(ErrorType::Unauthorized, "This credential opens no workspace"))
            }
        }
    }

    /// The workspace that the call is about; `None` where it is about none in particular.
    #[must_use]
    pub fn workspace(&self) -> Option<WorkspaceId> {
        match self {
            Self::Workspace { workspace, .. } | Self::Publishable { workspace } => Some(*workspace),
            Self::Session(session) => Some(session.workspace),
            Self::Operator { .. } | Self::Public => None,
        }
    }

    /// The kind of credential, in a word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Workspace { credential, .. } => credential,
            Self::Operator { .. } => "operator",
            Self::Session(_) => "client_session",
            Self::Publishable { .. } => "publishable_key",
            Self::Public => "public",
        }
    }
}

/// A place among the requests that are answered at the same time. It is free again when everybody has let go of it.
pub type Place = Arc<OwnedSemaphorePermit>;

/// One call. It holds what the caller sent, secrets included, so it cannot be printed.
#[derive(Clone)]
pub struct Call {
    /// Who calls.
    pub caller: Caller,
    /// The method, as sent.
    pub method: Method,
    /// Query and body, merged; the body wins.
    pub input: JsonObject,
    /// How long the answer may wait.
    pub preference: Preference,
    /// What it is kept as, if it has an idempotency key that is not kept with an attempt.
    pub claimed: Option<CallId>,
    /// The place that it takes, also after whoever called has gone away.
    pub place: Place,
    /// Every `Idempotency-Key`, as sent.
    idempotency_keys: Vec<http::HeaderValue>,
    /// `seam-user-identifier-key` or `user-identifier-key`, which mean something beside a publishable key only.
    pub user_identifier_key: Option<String>,
}

/// Longest `Idempotency-Key`, in characters.
const IDEMPOTENCY_KEY_CHARS: usize = 255;

impl Call {
    /// A call by `caller`.
    #[must_use]
    pub fn new(caller: Caller, method: Method, headers: &HeaderMap, input: JsonObject, place: Place) -> Self {
        let text = |name: &str| String::from_utf8(headers.get(name)?.as_bytes().to_vec()).ok();
        let user = || text("seam-user-identifier-key").or_else(|| text("user-identifier-key"));
        let is_publishable = matches!(caller, Caller::Publishable { .. });
        Self {
            caller,
            method,
            input,
            preference: Preference::read(headers),
            claimed: None,
            place,
            idempotency_keys: headers.get_all("idempotency-key").iter().cloned().collect(),
            user_identifier_key: is_publishable.then(user).flatten(),
        }
    }

    /// The same call, kept as `claimed`.
    #[must_use]
    pub fn under(self, claimed: CallId) -> Self {
        Self { claimed: Some(claimed), ..self }
    }

    /// The `Idempotency-Key`, if one was sent.
    ///
    /// # Errors
    /// 400 if it is empty, too long, not text, or not the only one.
    pub fn idempotency_key(&self) -> Outcome<Option<String>> {
        let only = match self.idempotency_keys.as_slice() {
            [] => return Ok(None),
            [only] => Some(only),
            _ => None,
        };
        let text =
            only.and_then(|value| value.to_str().ok()).filter(|text| (1..=IDEMPOTENCY_KEY_CHARS).contains(&text.len()));
        text.map(|text| Some(text.to_owned())).ok_or_else(|| {
            Failure::invalid("There must be one Idempotency-Key header of 1 to 255 visible ASCII characters or spaces")
        })
    }

    /// The parameters in a canonical form (sorted names), secrets included.
    #[must_use]
    pub fn canonical_input(&self) -> String {
        serde_json::Value::Object(self.input.clone()).to_string()
    }
}
