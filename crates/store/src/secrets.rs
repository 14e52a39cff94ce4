//! Secrets at rest: the key file, and columns sealed with it.
//!
//! A sealed text is `1.` and base64 of a random nonce and the XChaCha20-Poly1305 ciphertext. Its associated data name
//! the column and the row, so that a sealed text copied to another place does not open.

use std::fmt;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use thumbturn_core::ports::StoreError;
use uuid::Uuid;

use crate::error::{Corrupt, OpenError};
use crate::files;

const NONCE: usize = 24;
const FORMAT: &str = "1.";

/// A sealed column.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sealed {
    SessionToken,
    UserIdentifierKey,
    AccountConfig,
    KeptAnswer,
    EvidenceWords,
    Command,
    ForwardedCall,
    ForwardedAnswer,
    WebhookSecret,
}

impl Sealed {
    const fn name(self) -> &'static str {
        match self {
            Self::SessionToken => "client_sessions.token",
            Self::UserIdentifierKey => "client_sessions.user_identifier_key",
            Self::AccountConfig => "accounts.config",
            Self::KeptAnswer => "kept_calls.answer",
            Self::EvidenceWords => "attempts.words",
            Self::Command => "attempts.command",
            Self::ForwardedCall => "forwarded_calls.request",
            Self::ForwardedAnswer => "forwarded_calls.answer",
            Self::WebhookSecret => "webhooks.secret",
        }
    }

    fn associated(self, row: Uuid) -> String {
        format!("{}:{row}", self.name())
    }
}

/// The key for everything sealed. It shows nothing of itself.
pub(crate) struct Secrets {
    cipher: XChaCha20Poly1305,
    hash_key: [u8; 32],
    fingerprint: String,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    pub(crate) fn new(master: &[u8; 32]) -> Self {
        let key = Key::from(derive(b"thumbturn seal 1", master));
        Self {
            cipher: XChaCha20Poly1305::new(&key),
            hash_key: derive(b"thumbturn hash 1", master),
            fingerprint: hex(&derive(b"thumbturn fingerprint 1", master)),
        }
    }

    /// Reads the key file.
    pub(crate) fn read(path: &Path) -> Result<Self, OpenError> {
        let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => OpenError::KeyMissing { path: path.to_owned() },
            io::ErrorKind::InvalidData => OpenError::KeyMalformed { path: path.to_owned() },
            _ => files::io_error(path, source),
        })?;
        files::warn_if_open(path);
        let master = parse(text.trim()).ok_or_else(|| OpenError::KeyMalformed { path: path.to_owned() })?;
        Ok(Self::new(&master))
    }

    /// Reads the key file, or makes it if it is not there. Only for a new database.
    pub(crate) fn read_or_make(path: &Path) -> Result<Self, OpenError> {
        let mut master = [0_u8; 32];
        rand::fill(&mut master);
        let text = format!("{}\n", BASE64.encode(master));
        match files::write_private(path, text.as_bytes()) {
            Ok(()) => Ok(Self::new(&master)),
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => Self::read(path),
            Err(source) => Err(files::io_error(path, source)),
        }
    }

    /// What the database keeps of the key, to tell whether it is given the right one.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// A hash of `clear` that only who has the key can make.
    pub(crate) fn keyed_hash(&self, clear: &str) -> String {
        hex(&derive(clear.as_bytes(), &self.hash_key))
    }

    /// Seals `clear` for one column of one row.
    pub(crate) fn seal(&self, column: Sealed, row: Uuid, clear: &str) -> Result<String, StoreError> {
        let mut nonce = [0_u8; NONCE];
        rand::fill(&mut nonce);
        let associated = column.associated(row);
        let payload = Payload { msg: clear.as_bytes(), aad: associated.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| fault(column, row, "sealed"))?;
        Ok(format!("{FORMAT}{}", BASE64.encode([nonce.as_slice(), sealed.as_slice()].concat())))
    }

    /// Opens what was sealed for this column of this row.
    pub(crate) fn open(&self, column: Sealed, row: Uuid, sealed: &str) -> Result<String, StoreError> {
        self.try_open(column, row, sealed).ok_or_else(|| fault(column, row, "opened"))
    }

    fn try_open(&self, column: Sealed, row: Uuid, sealed: &str) -> Option<String> {
        let bytes = BASE64.decode(sealed.strip_prefix(FORMAT)?).ok()?;
        let (nonce, message) = bytes.split_first_chunk::<NONCE>()?;
        let associated = column.associated(row);
        let payload = Payload { msg: message, aad: associated.as_bytes() };
        String::from_utf8(self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()?).ok()
    }
}

fn fault(column: Sealed, row: Uuid, done: &str) -> StoreError {
    Corrupt::new(format!("{} of {row} cannot be {done}", column.name())).into()
}

fn derive(purpose: &[u8], master: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(purpose).chain_update([0]).chain_update(master).finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse(text: &str) -> Option<[u8; 32]> {
    if text.len() == 64 && text.is_ascii() {
        let bytes: Option<Vec<u8>> = (0..32).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()).collect();
        return bytes?.try_into().ok();
    }
    BASE64.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(byte: u8) -> Secrets {
        Secrets::new(&[byte; 32])
    }

    #[test]
    fn what_was_sealed_opens() {
        let row = Uuid::from_u128(1);
        let sealed = secrets(1).seal(Sealed::SessionToken, row, "seam_cst1abc").unwrap();
        assert!(!sealed.contains("seam_cst1"));
        assert_eq!(secrets(1).open(Sealed::SessionToken, row, &sealed).unwrap(), "seam_cst1abc");
    }

    #[test]
    fn the_same_text_never_seals_the_same() {
        let row = Uuid::from_u128(1);
        let seal = || secrets(1).seal(Sealed::AccountConfig, row, "{}").unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn a_sealed_text_opens_only_in_its_place_and_with_its_key() {
        let row = Uuid::from_u128(1);
        let sealed = secrets(1).seal(Sealed::SessionToken, row, "clear").unwrap();
        assert!(secrets(1).open(Sealed::SessionToken, Uuid::from_u128(2), &sealed).is_err());
        assert!(secrets(1).open(Sealed::AccountConfig, row, &sealed).is_err());
        assert!(secrets(2).open(Sealed::SessionToken, row, &sealed).is_err());
        assert!(secrets(1).open(Sealed::SessionToken, row, "1.AAAA").is_err());
    }

    #[test]
    fn a_keyed_hash_depends_on_text_and_key() {
        let hash = secrets(1).keyed_hash("{}");
        assert_eq!(hash, secrets(1).keyed_hash("{}"));
        assert_ne!(hash, secrets(1).keyed_hash("{ }"));
        assert_ne!(hash, secrets(2).keyed_hash("{}"));
        assert_ne!(hash, hex(&Sha256::digest("{}")));
    }

    #[test]
    fn keys_are_read_as_base64_and_as_hexadecimal() {
        assert_eq!(parse(&BASE64.encode([7_u8; 32])), Some([7; 32]));
        assert_eq!(parse(&"07".repeat(32)), Some([7; 32]));
        assert_eq!(parse("short"), None);
        assert_eq!(parse(&"é".repeat(32)), None);
    }

    #[test]
    fn nothing_of_the_key_is_shown() {
        assert_eq!(format!("{:?}", secrets(1)), "Secrets(…)");
    }
}
