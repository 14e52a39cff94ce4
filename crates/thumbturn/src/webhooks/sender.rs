//! One message to one receiver: sent once, judged by its status, never redirected.

use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use jiff::Timestamp;
use rustls::CertificateError;
use thumbturn_core::webhooks::{DeliveryAnswer, DeliveryTrouble};

use super::connector::{ConnectError, Connector};
use super::destination::Destination;
use super::line::{Line, Unanswered};
use super::schedule::retry_after;

/// What came of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) answer: DeliveryAnswer,
    /// How long the receiver wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

impl Reply {
    /// Whether the receiver has too much to do.
    pub(crate) const fn is_overloaded(&self) -> bool {
        matches!(self.answer, DeliveryAnswer::Status(429) | DeliveryAnswer::Trouble(DeliveryTrouble::TimedOut))
    }
}

impl From<DeliveryTrouble> for Reply {
    fn from(trouble: DeliveryTrouble) -> Self {
        Self { answer: DeliveryAnswer::Trouble(trouble), retry_after: None }
    }
}

impl From<ConnectError> for DeliveryTrouble {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Unresolved(_) => Self::NotResolved,
            ConnectError::Private => Self::PrivateAddress,
            ConnectError::Unconnected(_) => Self::NotConnected,
            ConnectError::Certificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => Self::CertificateWrongName,
            ConnectError::Certificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            ) => Self::CertificateExpired,
            ConnectError::Certificate(_) => Self::CertificateNotTrusted,
            ConnectError::Tls(_) => Self::TlsFailed,
        }
    }
}

/// Sends messages. Redirects are failures like any other status.
pub(crate) struct Sender {
    connector: Connector,
    timeout: Duration,
}

impl Sender {
    /// A receiver must have answered within `timeout`.
    pub(crate) const fn new(connector: Connector, timeout: Duration) -> Self {
        Self { connector, timeout }
    }

    /// Longest time that one message takes.
    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a message over `line`, or over a new one. What is left there can be used again.
    pub(super) async fn send(&self, to: &Destination, line: &mut Option<Line>, request: Request<Full<Bytes>>) -> Reply {
        // Who does not answer in time, or not as agreed, leaves none behind.
        let mut used = line.take().filter(Line::is_fresh);
        let answered = match tokio::time::timeout(self.timeout, self.exchange(to, &mut used, request)).await {
            Err(_) => return DeliveryTrouble::TimedOut.into(),
            Ok(Err(trouble)) => return trouble.into(),
            Ok(Ok(answered)) => answered,
        };
        let (head, body) = answered.into_parts();
        // The status has been judged: what becomes of the rest is all the same.
        if let Some(used) = used {
            *line = used.over_with(body).await;
        }
        let asked = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        Reply {
            answer: DeliveryAnswer::Status(head.status.as_u16()),
            retry_after: asked.and_then(|header| retry_after(header, Timestamp::now())),
        }
    }

    async fn exchange(
        &self,
        to: &Destination,
        line: &mut Option<Line>,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, DeliveryTrouble> {
        if let Some(known) = line {
            match known.ask(request).await {
                Ok(answered) => return Ok(answered),
                // The receiver had closed it: nothing was sent yet.
                Err(Unanswered::Unsent(unsent)) => request = *unsent,
                Err(Unanswered::BrokenOff) => return Err(DeliveryTrouble::BrokenOff),
            }
        }
        let link = self.connector.connect(to).await?;
        let new = line.insert(Line::over(link).await.ok_or(DeliveryTrouble::BrokenOff)?);
        new.ask(request).await.map_err(|_| DeliveryTrouble::BrokenOff)
    }
}
