//! Token texts: made, taken apart, hashed. The formats are those that official clients check before they send.
//!
//! `seam_<short>_<long>` (API key), `seam_at1<short>_<long>` (personal access token), `seam_cst1<short>_<long>` (client
//! session), `seam_pk1<short>_<long>` (publishable key): 8 and 24 base58 characters. The short half is kept in clear for
//! look-up and display, of the long half only the SHA-256.

use std::fmt;

use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const SHORT: usize = 8;
const LONG: usize = 24;

/// What a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// `seam_…`
    ApiKey,
    /// `seam_at1…`
    PersonalAccessToken,
    /// `seam_cst1…`
    ClientSession,
    /// `seam_pk1…`
    PublishableKey,
}

impl TokenKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "seam_",
            Self::PersonalAccessToken => "seam_at1",
            Self::ClientSession => "seam_cst1",
            Self::PublishableKey => "seam_pk1",
        }
    }
}

/// A token. Its `Debug` does not show the secret half.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    kind: TokenKind,
    short: String,
    long: String,
}

impl Token {
    /// A new random token. API keys of sandbox workspaces are recognisable by `test`.
    #[must_use]
    pub fn random(kind: TokenKind, sandbox: bool) -> Self {
        let short = loop {
            let short = match (kind, sandbox) {
                (TokenKind::ApiKey, true) => format!("test{}", base58(SHORT - 4)),
                _ => base58(SHORT),
            };
            if is_clear(kind, sandbox, &short) {
                break short;
            }
        };
        Self { kind, short, long: base58(LONG) }
    }

    /// Takes a token of `kind` apart; `None` if the text is none.
    #[must_use]
    pub fn parse(kind: TokenKind, text: &str) -> Option<Self> {
        let (short, long) = text.strip_prefix(kind.prefix())?.split_once('_')?;
        let plain = |part: &str| (1..=64).contains(&part.len()) && part.bytes().all(|byte| BASE58.contains(&byte));
        (plain(short) && plain(long)).then(|| Self { kind, short: short.to_owned(), long: long.to_owned() })
    }

    /// The half that is kept in clear.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.short
    }

    /// SHA-256 of the secret half, hexadecimal.
    #[must_use]
    pub fn long_hash(&self) -> String {
        sha256_hex(self.long.as_bytes())
    }

    /// Whether the secret half has this hash; takes the same time whatever the answer.
    #[must_use]
    pub fn has_hash(&self, hash: &str) -> bool {
        self.long_hash().as_bytes().ct_eq(hash.as_bytes()).into()
    }

    /// The whole text, secret included.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{}{}_{}", self.kind.prefix(), self.short, self.long)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}_…", self.kind.prefix(), self.short)
    }
}

/// Clients tell the kinds apart by prefix: an API key's short half must not look like another kind's, and a production
/// key must not say `test`.
fn is_clear(kind: TokenKind, sandbox: bool, short: &str) -> bool {
    let looks_like_other = ["at", "cst", "pk"].iter().any(|prefix| short.starts_with(prefix));
    kind != TokenKind::ApiKey || (!looks_like_other && (sandbox || !short.contains("test")))
}

fn base58(length: usize) -> String {
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(BASE58[rng.random_range(0..BASE58.len())])).collect()
}

/// SHA-256 of `bytes`, hexadecimal.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text() {
        for kind in
            [TokenKind::ApiKey, TokenKind::PersonalAccessToken, TokenKind::ClientSession, TokenKind::PublishableKey]
        {
            for sandbox in [true, false] {
                let token = Token::random(kind, sandbox);
                assert_eq!(Token::parse(kind, &token.reveal()), Some(token));
            }
        }
    }

    #[test]
    fn an_api_key_never_looks_like_another_kind() {
        for _ in 0..20_000 {
            let text = Token::random(TokenKind::ApiKey, false).reveal();
            assert!(!["seam_at", "seam_cst", "seam_pk"].iter().any(|prefix| text.starts_with(prefix)), "{text}");
            assert!(!text.split('_').nth(1).unwrap().contains("test"));
        }
        assert!(Token::random(TokenKind::ApiKey, true).reveal().starts_with("seam_test"));
    }

    #[test]
    fn debug_hides_the_secret_half() {
        let token = Token::random(TokenKind::ApiKey, true);
        assert!(!format!("{token:?}").contains(&token.long));
    }

    #[test]
    fn the_secret_half_is_compared_by_hash() {
        let token = Token::random(TokenKind::ApiKey, true);
        assert!(token.has_hash(&token.long_hash()));
        assert!(!token.has_hash(&Token::random(TokenKind::ApiKey, true).long_hash()));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["", "seam_", "seam_a", "seam_a_", "seam__b", "seam_a_b_c", "seam_a_\u{fc}", "other_a_b"] {
            assert_eq!(Token::parse(TokenKind::ApiKey, text), None, "{text}");
        }
    }
}
