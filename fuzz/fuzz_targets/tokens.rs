//! Headers with credentials, and tokens. Each line is a header: a letter chooses its name, the rest is its value.

#![no_main]

// The sources themselves: built as a crate, the server would bring SQLite and its network with it, which take minutes.
#[path = "../../crates/thumbturn/src/http/credential_headers.rs"]
mod credential_headers;
#[path = "../../crates/thumbturn/src/tokens.rs"]
#[expect(dead_code, unreachable_pub, reason = "the server uses more of it, and other crates may")]
mod tokens;

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

use self::credential_headers::{bearer, session, workspace};
use self::tokens::{Token, TokenKind};

/// `a` is the first, `b` the second, …
const NAMES: [&str; 4] = ["authorization", "client-session-token", "seam-client-session-token", "seam-workspace"];

const KINDS: [TokenKind; 4] =
    [TokenKind::ApiKey, TokenKind::PersonalAccessToken, TokenKind::ClientSession, TokenKind::PublishableKey];

fuzz_target!(|data: &[u8]| {
    let headers = headers(data);
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let sent = text("authorization").filter(|text| text.to_ascii_lowercase().starts_with("bearer "));
    assert_eq!(bearer(&headers), sent.map(|text| text["bearer ".len()..].trim()));
    bearer(&headers).into_iter().for_each(parse);

    let dedicated = ["client-session-token", "seam-client-session-token"].iter().find_map(|name| headers.get(*name));
    assert_eq!(session(&headers), dedicated.map(|value| value.to_str().unwrap_or_default()));
    session(&headers).into_iter().for_each(parse);

    let named = headers.get("seam-workspace").is_some_and(|value| !value.is_empty());
    assert_eq!(workspace(&headers).is_some(), named);
});

fn headers(data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let [choice, value @ ..] = line else { continue };
        let name = NAMES[usize::from(choice.wrapping_sub(b'a')) % NAMES.len()];
        // What is no value of a header is refused before us.
        if let Ok(value) = HeaderValue::from_bytes(value.trim_ascii()) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// A token is exactly its text, and shows its secret half to nobody.
fn parse(text: &str) {
    for kind in KINDS {
        let Some(token) = Token::parse(kind, text) else { continue };
        assert_eq!(token.reveal(), text);
        assert_eq!(Token::parse(kind, &token.reveal()).as_ref(), Some(&token));
        assert!(token.has_hash(&token.long_hash()));
        let (open, secret) = text.rsplit_once('_').expect("a token has two halves");
        assert!(open.ends_with(token.short()) && !secret.is_empty());
        assert_eq!(format!("{token:?}"), format!("{open}_…"));
    }
}
