//! Signatures, as Standard Webhooks and Svix define them: official clients verify them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
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

    /// What a message with this id and body is signed with at `now`: a token for each secret.
    pub(super) fn signatures(&self, id: &str, now: Timestamp, body: &[u8]) -> String {
        let (mut signatures, timestamp) = (String::new(), now.as_second().to_string());
        for (key, _) in self.keys.iter().filter(|(_, until)| until.is_none_or(|until| now < until)) {
            let mut mac = key.clone();
            for part in [id.as_bytes(), &b"."[..], timestamp.as_bytes(), &b"."[..], body] {
                mac.update(part);
            }
            signatures.push_str(if signatures.is_empty() { "v1," } else { " v1," });
            BASE64.encode_string(mac.finalize().into_bytes(), &mut signatures);
        }
        signatures
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

    /// Accepted by the official verifiers of four languages, and made with another implementation.
    #[test]
    fn the_vectors_are_signed_as_the_official_verifiers_want_them() {
        let vectors: Vec<Vector> = serde_json::from_str(include_str!("vectors.json")).unwrap();
        assert_eq!(vectors.len(), 6);
        for vector in vectors {
            let previous = vector.previous_secret.map(|secret| (secret, Timestamp::MAX));
            let signer = Signer::of(&webhook(&vector.secret, previous));
            let signed = signer.signatures(&vector.id, at(vector.timestamp), vector.body.as_bytes());
            assert_eq!(signed, vector.signature, "{}", vector.name);
        }
    }

    #[test]
    fn the_previous_secret_signs_after_the_newest_until_its_end() {
        let signed = |secret: &str, second| Signer::of(&webhook(secret, None)).signatures("msg_1", at(second), b"{}");
        let both = Signer::of(&webhook("whsec_bmV3", Some(("whsec_b2xk".to_owned(), at(100)))));
        let expected = format!("{} {}", signed("whsec_bmV3", 99), signed("whsec_b2xk", 99));
        assert_eq!(both.signatures("msg_1", at(99), b"{}"), expected);
        assert_eq!(both.signatures("msg_1", at(100), b"{}"), signed("whsec_bmV3", 100));
    }

    #[test]
    fn a_new_secret_is_random_and_holds_a_key() {
        let (one, other) = (new_secret(), new_secret());
        assert_ne!(one, other);
        assert_eq!(BASE64.decode(one.0.strip_prefix("whsec_").unwrap()).unwrap().len(), 32);
        let signed = |secret: &str| Signer::of(&webhook(secret, None)).signatures("msg_1", at(1), b"{}");
        assert!(signed(&one.0).starts_with("v1,"));
        assert_eq!(signed("secret"), "");
    }
}
