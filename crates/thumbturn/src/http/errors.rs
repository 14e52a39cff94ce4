//! From the errors of the inner rooms to answers: the one place where status, type and text are chosen.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use thumbturn_api::{ApiError, ErrorBody, ErrorType, JsonObject, Problems};
use thumbturn_core::change::AsOf;
use thumbturn_core::hub::BeginError;
use thumbturn_core::ids::{AccountId, DeviceId};
use thumbturn_core::locks::Refusal;
use thumbturn_core::ports::{CommitError, StoreError};

use crate::hubs::HubRefusal;

/// What a handler answers when it does not succeed: the error on the wire, and what goes with it.
#[derive(Debug)]
pub struct Failure(Box<Told>);

#[derive(Debug)]
struct Told {
    error: ApiError,
    headers: HeaderMap,
    /// Fields beside `error` and `ok`.
    beside: JsonObject,
    /// Whether it is certain that nothing was changed, though the server is at fault.
    is_harmless: bool,
    /// Whether another node was faster: done again it may succeed.
    was_outrun: bool,
}

/// What handlers return.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// An error with the usual status of its type.
    pub fn new(kind: ErrorType, message: impl Into<String>) -> Self {
        ApiError::new(kind, message).into()
    }

    /// The input as a whole is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        ApiError::from(Problems::of_input(message)).into()
    }

    /// One parameter is wrong.
    pub fn invalid_parameter(name: &str, problem: impl Into<String>) -> Self {
        let mut problems = Problems::default();
        problems.at(name, |at| at.add(problem));
        ApiError::from(problems).into()
    }

    /// The server cannot do it now.
    pub fn unavailable(message: &str) -> Self {
        Self::new(ErrorType::ServiceUnavailable, message).retry_after(Duration::from_secs(1))
    }

    /// The same failure with another status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.0.error.status = status;
        self
    }

    /// The same failure with one more entry in `data`.
    #[must_use]
    pub fn with_data(mut self, name: &str, value: impl ToString) -> Self {
        self.0.error.data.insert(name.to_owned(), value.to_string().into());
        self
    }

    /// The same failure with a `retry-after` header.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// The same failure with a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// The same failure with more fields beside `error` and `ok`.
    #[must_use]
    pub fn beside(mut self, fields: JsonObject) -> Self {
        self.0.beside = fields;
        self
    }

    /// The same failure, of which it is certain that nothing was changed.
    #[must_use]
    pub(crate) fn harmless(mut self) -> Self {
        self.0.is_harmless = true;
        self
    }

    /// Whether it is certain that nothing was changed: a refusal comes before every change.
    pub(crate) fn changed_nothing(&self) -> bool {
        self.0.is_harmless || self.0.error.status.is_client_error()
    }

    /// Whether it failed only because another node changed the same thing first, and nothing was changed.
    pub(crate) fn was_outrun(&self) -> bool {
        self.0.was_outrun
    }

    /// What a refused lock action answers.
    pub fn refused(refusal: Refusal, device: DeviceId) -> Self {
        match refusal {
            Refusal::NotFound => device_not_found(device),
            Refusal::NotGranted => not_granted(),
            Refusal::Unmanaged => Self::new(
                ErrorType::DeviceUnmanaged,
                "Device is unmanaged. Convert it with /devices/unmanaged/update before you control it.",
            )
            .with_data("device_id", device),
            Refusal::NotSupported { capability } => {
                Self::new(ErrorType::NotSupported, format!("This device does not have the capability {capability}"))
                    .with_data("device_id", device)
                    .with_data("capability", capability)
            }
        }
    }

    /// What an attempt that could not be begun answers.
    pub fn not_begun(error: BeginError, device: DeviceId) -> Self {
        match error {
            BeginError::Refused(refusal) => Self::refused(refusal, device),
            BeginError::Busy => Self::unavailable("Too many actions are waiting for this lock. Try again shortly."),
            BeginError::Stopping => Self::unavailable("The server is stopping. Try again shortly."),
            BeginError::Repeated => Self::new(ErrorType::IdempotencyKeyConflict, "The Idempotency-Key is in use"),
            BeginError::Store(error) => error.into(),
        }
    }
}

/// Unknown device, or one of another workspace: nobody can tell which.
pub fn device_not_found(device: DeviceId) -> Failure {
    Failure::new(ErrorType::DeviceNotFound, "Device not found").with_data("device_id", device)
}

/// Unknown connected account, or one of another workspace.
pub fn account_not_found(account: AccountId) -> Failure {
    Failure::new(ErrorType::ConnectedAccountNotFound, "Connected account not found")
        .with_data("connected_account_id", account)
}

/// A device of the same workspace outside a client session's grant.
pub fn not_granted() -> Failure {
    Failure::new(ErrorType::Unauthorized, "Not authorized to view this device")
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let (headers, beside) = (HeaderMap::new(), JsonObject::new());
        Self(Box::new(Told { error, headers, beside, is_harmless: false, was_outrun: false }))
    }
}

impl From<HubRefusal> for Failure {
    fn from(refusal: HubRefusal) -> Self {
        match refusal {
            HubRefusal::Unknown(account) => account_not_found(account),
            HubRefusal::Refused(error) => error.into(),
            HubRefusal::Store(error) => error.into(),
            HubRefusal::Commit(error) => error.into(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let chain = chain(&error);
        match error {
            StoreError::Unavailable(_) => {
                tracing::error!(error = chain, "the database is not available");
                Self::unavailable("The database is not available at the moment. Try again shortly.")
            }
            StoreError::Corrupt(_) => {
                tracing::error!(error = chain, "the database holds something unexpected");
                Self::new(ErrorType::InternalServerError, "Something unexpected happened; the server's log has more")
            }
        }
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Busy => Self::unavailable("Too many changes are being written. Try again shortly.").harmless(),
            CommitError::LeaseLost => Self::unavailable("Another node has taken over. Try again shortly.").harmless(),
            CommitError::Store(error) => error.into(),
            CommitError::Conflict(what) => {
                tracing::warn!(condition = what, "a change lost against another one");
                let mut lost = Self::unavailable("Somebody else changed this at the same time. Try again.").harmless();
                lost.0.was_outrun = what == AsOf::OUTRUN;
                lost
            }
        }
    }
}

/// The causes of an error, outermost first, on one line for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            #[serde(flatten)]
            envelope: ErrorBody,
            #[serde(flatten)]
            beside: JsonObject,
        }
        let body = Body { envelope: self.0.error.body(), beside: self.0.beside };
        let mut response = super::json(self.0.error.status, &body);
        response.headers_mut().extend(self.0.headers);
        response
    }
}
