//! Signatures, as Standard Webhooks and Svix define them: official clients verify them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use thumbturn_core::webhooks::{SigningSecret, Webhook};

/// How secrets begin.
const PREFIX: &str = "whsec_";

/// How large the key is that a new secret holds, in bytes.
const KEY: usize = 32;

/// A new random secret.
pub(crate) fn new_secret() -> SigningSecret {
    let mut key = [0_u8; KEY];
    rand::fill(&mut key);
    SigningSecret(format!("{PREFIX}{}", BASE64.encode(key)))
}

/// Room for a timestamp with a dot on each side, and for a token with a space.
const TIMESTAMP: usize = 13;
const TOKEN: usize = 48;

/// What a message says of itself beside its body. The three lie in one piece of memory, as what is signed begins with two of
/// them.
pub(super) struct Seal {
    /// The message's id.
    pub(super) id: Bytes,
    /// When it is sent, in seconds since 1970.
    pub(super) timestamp: Bytes,
    /// Its signatures.
    pub(super) signatures: Bytes,
}

/// Who signs the messages of a webhook. What can be worked out of a secret alone is worked out once.
pub(super) struct Signer {
    /// The newest first, each until when it signs.
    keys: Vec<(Hmac<Sha256>, Option<Timestamp>)>,
}

impl Signer {
    /// With the webhook's secret, and the one before as long as that signs. A secret that holds no key signs nothing.
    pub(super) fn of(webhook: &Webhook) -> Self {
        let previous = webhook.previous.iter().map(|(secret, until)| (secret, Some(*until)));
        let secrets = std::iter::once((&webhook.secret, None)).chain(previous);
        Self { keys: secrets.filter_map(|(secret, until)| Some((key(secret)?, until))).collect() }
    }

    /// The seal of a message with this id and body at `now`: a token for each secret.
    pub(super) fn seal(&self, id: &str, now: Timestamp, body: &[u8]) -> Seal {
        let mut text = String::with_capacity(id.len() + TIMESTAMP + self.keys.len() * TOKEN);
        text.push_str(id);
        text.push('.');
        // Writing to a text does not fail.
        let _ = write!(text, "{}.", now.as_second());
        let signed = text.len();
        for (key, _) in self.keys.iter().filter(|(_, until)| until.is_none_or(|until| now < until)) {
            let mut mac = key.clone();
            mac.update(text.get(..signed).unwrap_or_default().as_bytes());
            mac.update(body);
            text.push_str(if text.len() == signed { "v1," } else { " v1," });
            BASE64.encode_string(mac.finalize().into_bytes(), &mut text);
        }
        let (text, dot) = (Bytes::from(text), id.len());
        Seal { id: text.slice(..dot), timestamp: text.slice(dot + 1..signed - 1), signatures: text.slice(signed..) }
    }
}

fn key(secret: &SigningSecret) -> Option<Hmac<Sha256>> {
    let key = BASE64.decode(secret.0.strip_prefix(PREFIX)?).ok()?;
    Hmac::new_from_slice(&key).ok()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use thumbturn_core::ids::{WebhookId, WorkspaceId};
    use uuid::Uuid;

    use super::*;

    #[derive(Deserialize)]
    struct Vector {
        name: String,
        secret: String,
        previous_secret: Option<String>,
        id: String,
        timestamp: i64,
        body: String,
        signature: String,
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn webhook(secret: &str, previous: Option<(String, Timestamp)>) -> Webhook {
        Webhook {
            id: WebhookId(Uuid::nil()),
            workspace: WorkspaceId(Uuid::nil()),
            url: "https://app.example/hook".to_owned(),
            event_types: vec!["*".to_owned()],
            secret: SigningSecret(secret.to_owned()),
            previous: previous.map(|(secret, until)| (SigningSecret(secret), until)),
            queued_until: 0,
            failing_since: None,
            disabled_at: None,
            created_at: at(0),
        }
    }

    fn signed_by(signer: &Signer, second: i64) -> String {
        String::from_utf8(signer.seal("msg_1", at(second), b"{}").signatures.to_vec()).unwrap()
    }

    /// Accepted by the official verifiers of four languages, and made with another implementation.
    #[test]
    fn the_vectors_are_signed_as_the_official_verifiers_want_them() {
        let vectors: Vec<Vector> = serde_json::from_str(include_str!("vectors.json")).unwrap();
        assert_eq!(vectors.len(), 6);
        for vector in vectors {
            let previous = vector.previous_secret.map(|secret| (secret, Timestamp::MAX));
            let signer = Signer::of(&webhook(&vector.secret, previous));
            let seal = signer.seal(&vector.id, at(vector.timestamp), vector.body.as_bytes());
            assert_eq!(seal.signatures, vector.signature, "{}", vector.name);
            assert_eq!((seal.id, seal.timestamp), (vector.id.into(), vector.timestamp.to_string().into()));
        }
    }

    #[test]
    fn the_previous_secret_signs_after_the_newest_until_its_end() {
        let signed = |secret: &str, second| signed_by(&Signer::of(&webhook(secret, None)), second);
        let both = Signer::of(&webhook("whsec_bmV3", Some(("whsec_b2xk".to_owned(), at(100)))));
        let expected = format!("{} {}", signed("whsec_bmV3", 99), signed("whsec_b2xk", 99));
        assert_eq!(signed_by(&both, 99), expected);
        assert_eq!(signed_by(&both, 100), signed("whsec_bmV3", 100));
    }

    #[test]
    fn a_new_secret_is_random_and_holds_a_key() {
        let (one, other) = (new_secret(), new_secret());
        assert_ne!(one, other);
        assert_eq!(BASE64.decode(one.0.strip_prefix("whsec_").unwrap()).unwrap().len(), 32);
        let signed = |secret: &str| signed_by(&Signer::of(&webhook(secret, None)), 1);
        assert!(signed(&one.0).starts_with("v1,"));
        assert_eq!(signed("secret"), "");
    }
}
