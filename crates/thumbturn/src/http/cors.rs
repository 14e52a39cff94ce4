//! Cross-origin calls: official browser clients send credentials, so the origin is echoed, never `*`, when there is one.

use http::{HeaderMap, HeaderName, HeaderValue, header};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS");

const HEADERS: HeaderValue = HeaderValue::from_static(
    "x-csrf-token, x-requested-with, accept, accept-version, content-length, content-md5, content-type, date, \
     x-api-version, seam-workspace, authorization, user-agent, seam-lts-version, seam-sdk-version, seam-sdk-name, \
     seam-publishable-key, seam-client-session-token, client-session-token, seam-api-key, \
     seam-user-identifier-key, user-identifier-key, idempotency-key, prefer",
);

const EXPOSED: HeaderValue = HeaderValue::from_static("seam-request-id, retry-after, preference-applied");

/// Which browser origins may call.
#[derive(Clone, Debug)]
pub struct Origins(Vec<String>);

impl Origins {
    /// These origins, or any if there are none.
    #[must_use]
    pub fn new(allowed: Vec<String>) -> Self {
        Self(allowed)
    }

    /// Adds the headers that let a browser at `origin` read the answer; none if it may not.
    pub fn allow(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        let Some(allowed) = self.allowed(origin) else {
            headers.insert(header::VARY, HeaderValue::from_static("Origin"));
            return;
        };
        let fixed: [(HeaderName, HeaderValue); 5] = [
            (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")),
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
            (header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
            (header::VARY, HeaderValue::from_static("Origin")),
        ];
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.extend(fixed);
    }

    fn allowed(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        match origin {
            Some(origin) => {
                (self.0.is_empty() || self.0.iter().any(|known| *origin == **known)).then(|| origin.clone())
            }
            None => self.0.is_empty().then(|| HeaderValue::from_static("*")),
        }
    }
}
