//! The headers that carry credentials, as texts. Nothing is looked up here, and this file needs nothing else of ours:
//! a fuzz target is built from it.

use http::HeaderMap;

/// The token of an `Authorization` header; `None` if there is none, or another scheme.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get("authorization")?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The token of a header that is for client sessions only. It counts where a client sends the token twice; what is no
/// text is an empty one, and so no token.
pub(crate) fn session(headers: &HeaderMap) -> Option<&str> {
    ["client-session-token", "seam-client-session-token"]
        .iter()
        .find_map(|name| headers.get(*name))
        .map(|value| value.to_str().unwrap_or_default())
}

/// The `seam-workspace` header where it is not empty. What is no text is no workspace either, and not as if nothing
/// had been sent.
pub(crate) fn workspace(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get("seam-workspace").filter(|value| !value.is_empty())?;
    Some(value.to_str().unwrap_or("not a text"))
}
