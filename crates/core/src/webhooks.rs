//! Webhooks: who is told of events, and what became of each telling.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::ids::{DeliveryId, EventId, WebhookId, WorkspaceId};

/// The word that stands for every type of event.
pub const EVERY_TYPE: &str = "*";

/// A webhook: a receiver that is told of the events of its workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// Where the events go.
    pub url: String,
    /// The types of events that it is told of, or [`EVERY_TYPE`] alone.
    pub event_types: Vec<String>,
    /// What its messages are signed with.
    pub secret: SigningSecret,
    /// What they were signed with before, and until when they still are.
    pub previous: Option<(SigningSecret, Timestamp)>,
    /// The place in commit order up to which every event that it wants has a delivery.
    pub queued_until: i64,
    /// Since when every attempt has failed.
    pub failing_since: Option<Timestamp>,
    /// When it was disabled, because every attempt had failed for too long.
    pub disabled_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Webhook {
    /// Whether it is told of events of this type.
    #[must_use]
    pub fn wants(&self, kind: &str) -> bool {
        self.event_types.iter().any(|wanted| wanted == EVERY_TYPE || wanted == kind)
    }
}

/// A signing secret: `whsec_` and base64 of random bytes. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(pub String);

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// One event on its way to one webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id: the same on every attempt.
    pub id: DeliveryId,
    /// The webhook.
    pub webhook: WebhookId,
    /// The event.
    pub event: EventId,
    /// Its type.
    pub event_type: Cow<'static, str>,
    /// What was tried, oldest first.
    pub attempts: Vec<DeliveryAttempt>,
    /// How it stands.
    pub standing: DeliveryStanding,
    /// When it was queued.
    pub created_at: Timestamp,
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStanding {
    /// The next attempt is due then.
    Pending {
        /// When.
        due_at: Timestamp,
    },
    /// The receiver has it.
    Delivered,
    /// The last attempt failed.
    Failed,
    /// Its webhook was disabled, or its event is no longer kept.
    Dropped,
}

/// One attempt of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What came of it.
    pub answer: DeliveryAnswer,
}

/// What came of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryAnswer {
    /// The receiver answered with this status. 200 to 299 is a success.
    Status(u16),
    /// No answer came.
    Trouble(DeliveryTrouble),
}

impl DeliveryAnswer {
    /// Whether the receiver has it.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Status(200..=299))
    }
}

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryTrouble {
    /// The receiver took too long.
    TimedOut,
    /// Its name has no address.
    NotResolved,
    /// It cannot be connected to.
    NotConnected,
    /// Its address is private, and private addresses are not allowed.
    PrivateAddress,
    /// It would have been told without TLS, and that is not allowed.
    NotEncrypted,
    /// No authority that is trusted has signed its certificate, or it cannot be trusted for another reason.
    CertificateNotTrusted,
    /// Its certificate is for other names.
    CertificateWrongName,
    /// Its certificate is not valid any more, or not yet.
    CertificateExpired,
    /// TLS failed otherwise.
    TlsFailed,
    /// The connection broke off, or what came is no HTTP.
    BrokenOff,
}

impl DeliveryTrouble {
    /// Every trouble.
    pub const ALL: [Self; 10] = [
        Self::TimedOut,
        Self::NotResolved,
        Self::NotConnected,
        Self::PrivateAddress,
        Self::NotEncrypted,
        Self::CertificateNotTrusted,
        Self::CertificateWrongName,
        Self::CertificateExpired,
        Self::TlsFailed,
        Self::BrokenOff,
    ];

    /// The trouble in a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TimedOut => "timed_out",
            Self::NotResolved => "not_resolved",
            Self::NotConnected => "not_connected",
            Self::PrivateAddress => "private_address",
            Self::NotEncrypted => "not_encrypted",
            Self::CertificateNotTrusted => "certificate_not_trusted",
            Self::CertificateWrongName => "certificate_wrong_name",
            Self::CertificateExpired => "certificate_expired",
            Self::TlsFailed => "tls_failed",
            Self::BrokenOff => "broken_off",
        }
    }

    /// The trouble of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trouble| trouble.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn webhook(types: &[&str]) -> Webhook {
        Webhook {
            id: WebhookId(Uuid::nil()),
            workspace: WorkspaceId(Uuid::nil()),
            url: "https://app.example/hook".to_owned(),
            event_types: types.iter().map(|kind| (*kind).to_owned()).collect(),
            secret: SigningSecret("whsec_bmV3".to_owned()),
            previous: Some((SigningSecret("whsec_b2xk".to_owned()), at(100))),
            queued_until: 0,
            failing_since: None,
            disabled_at: None,
            created_at: at(0),
        }
    }

    #[test]
    fn it_wants_its_types_or_all() {
        assert!(webhook(&["*"]).wants("lock.locked"));
        assert!(webhook(&["lock.unlocked", "lock.locked"]).wants("lock.locked"));
        assert!(!webhook(&["lock.unlocked"]).wants("lock.locked"));
        assert!(!webhook(&[]).wants("lock.locked"));
    }

    #[test]
    fn its_secrets_are_not_shown() {
        assert!(!format!("{:?}", webhook(&["*"])).contains("whsec"));
    }

    #[test]
    fn only_two_hundreds_are_a_success() {
        for status in [200, 204, 299] {
            assert!(DeliveryAnswer::Status(status).is_success());
        }
        for status in [100, 199, 300, 301, 304, 404, 410, 429, 500] {
            assert!(!DeliveryAnswer::Status(status).is_success());
        }
        for trouble in DeliveryTrouble::ALL {
            assert_eq!(DeliveryTrouble::from_word(trouble.as_str()), Some(trouble));
            assert!(!DeliveryAnswer::Trouble(trouble).is_success());
        }
    }
}
