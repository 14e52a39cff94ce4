//! Where a webhook's messages go: its URL, taken apart once.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use url::{Host, Url};

use super::signature::Seal;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("Thumbturn/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Both families of headers say the same: some verifiers know only one of them.
const IDS: [HeaderName; 2] = [HeaderName::from_static("svix-id"), HeaderName::from_static("webhook-id")];
const TIMESTAMPS: [HeaderName; 2] =
    [HeaderName::from_static("svix-timestamp"), HeaderName::from_static("webhook-timestamp")];
const SIGNATURES: [HeaderName; 2] =
    [HeaderName::from_static("svix-signature"), HeaderName::from_static("webhook-signature")];

/// How many headers a message has.
const HEADERS: usize = 9;

/// Where messages go.
#[derive(Debug)]
pub(super) struct Destination {
    /// A name or an address, the latter without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_encrypted: bool,
    /// The `Host` header.
    authority: HeaderValue,
    /// Path and query.
    path: Uri,
}

impl Destination {
    /// Takes a URL apart; `None` if nothing can be sent there.
    pub(super) fn of(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let is_encrypted = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = match url.host()? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let name = url.host_str()?;
        let authority = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Some(Self {
            host,
            port: url.port_or_known_default()?,
            is_encrypted,
            authority: authority.parse().ok()?,
            path: path.parse().ok()?,
        })
    }

    /// The message as it is sent there; `None` never comes, since its words hold nothing that a header could not.
    pub(super) fn request(&self, seal: Seal, body: Bytes) -> Option<Request<Full<Bytes>>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        let headers = request.headers_mut();
        headers.reserve(HEADERS);
        headers.insert(HOST, self.authority.clone());
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(USER_AGENT, AGENT);
        let values = [seal.id, seal.timestamp, seal.signatures];
        for (names, value) in [IDS, TIMESTAMPS, SIGNATURES].into_iter().zip(values) {
            let value = HeaderValue::from_maybe_shared(value).ok()?;
            for name in names {
                headers.insert(name, value.clone());
            }
        }
        Some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Host, port, whether TLS, the `Host` header, path and query.
    fn parts(url: &str) -> Option<(String, u16, bool, String, String)> {
        let to = Destination::of(url)?;
        let authority = to.authority.to_str().unwrap().to_owned();
        Some((to.host, to.port, to.is_encrypted, authority, to.path.to_string()))
    }

    #[test]
    fn a_url_is_taken_apart() {
        for (url, host, port, is_encrypted, authority, path) in [
            ("https://app.example/hook", "app.example", 443, true, "app.example", "/hook"),
            ("https://App.Example:443", "app.example", 443, true, "app.example", "/"),
            ("http://app.example:8080/a?b=c%20d#e", "app.example", 8080, false, "app.example:8080", "/a?b=c%20d"),
            ("http://[::1]:81/", "::1", 81, false, "[::1]:81", "/"),
            ("http://0x7f.1/", "127.0.0.1", 80, false, "127.0.0.1", "/"),
            ("https://bücher.example/ä", "xn--bcher-kva.example", 443, true, "xn--bcher-kva.example", "/%C3%A4"),
        ] {
            let expected = (host.to_owned(), port, is_encrypted, authority.to_owned(), path.to_owned());
            assert_eq!(parts(url), Some(expected), "{url}");
        }
        for useless in ["", "app.example", "ftp://app.example/", "mailto:somebody@app.example"] {
            assert_eq!(parts(useless), None, "{useless}");
        }
    }

    #[test]
    fn a_message_names_its_receiver_and_says_everything_in_both_families() {
        let to = Destination::of("http://app.example:8080/a?b").unwrap();
        let [id, timestamp, signatures] =
            ["msg_1", "17", "v1,abc v1,def"].map(|text| Bytes::from_static(text.as_bytes()));
        let request = to.request(Seal { id, timestamp, signatures }, Bytes::from_static(b"{}")).unwrap();
        assert_eq!((request.method(), request.uri().to_string()), (&Method::POST, "/a?b".to_owned()));
        let header = |name: &str| request.headers()[name].to_str().unwrap();
        assert_eq!(header("host"), "app.example:8080");
        for family in ["svix", "webhook"] {
            let told = ["id", "timestamp", "signature"].map(|what| header(&format!("{family}-{what}")));
            assert_eq!(told, ["msg_1", "17", "v1,abc v1,def"]);
        }
        assert_eq!(request.headers().len(), HEADERS);
    }
}
