//! Where a hub is, as the settings of its account say it.

use std::fmt;

use serde_json::{Map, Value};
use url::Url;

use crate::config::{ConfigProblem, text_of};
use crate::{address, tls};

/// How long the path of a URL may be.
const MOST_PATH: usize = 1024;

/// What the addresses of one kind of hub look like.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// What it is called in a sentence: `Z-Wave JS server`.
    pub(crate) name: &'static str,
    /// An address, as an example.
    pub(crate) example: &'static str,
    /// How a plain address begins: `ws`.
    pub(crate) plain: &'static str,
    /// How one for encrypted connections begins: `wss`.
    pub(crate) encrypted: &'static str,
    /// The port that nobody changed.
    pub(crate) port: u16,
    /// The port of encrypted connections, which usually something in front of the hub takes.
    pub(crate) encrypted_port: u16,
    /// Why an address holds no user and password.
    pub(crate) no_credentials: &'static str,
    /// The largest message that a hub of this kind sends with good reason, in bytes.
    pub(crate) largest: usize,
}

/// A hub's address.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) kind: &'static Kind,
    /// The hub's host name or address, lower-case; an IPv6 address without brackets.
    pub(crate) host: String,
    /// The hub's port.
    pub(crate) port: u16,
    /// The path, beginning with a slash.
    pub(crate) path: String,
    /// Whether the connection is encrypted.
    pub(crate) tls: bool,
    /// The authorities to trust instead of the system's, in PEM.
    pub(crate) ca_pem: Option<String>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("url", &self.url()).field("ca_pem", &self.ca_pem.is_some()).finish()
    }
}

impl Server {
    /// Reads `url` and `ca_pem` of an account's settings.
    ///
    /// # Errors
    /// The key that is missing or cannot work.
    pub(crate) fn of(kind: &'static Kind, keys: &Map<String, Value>) -> Result<Self, ConfigProblem> {
        let mut server = Self::at(kind, text_of(keys, "url")?)?;
        server.ca_pem = text_of(keys, "ca_pem")?.map(str::to_owned);
        let Some(pem) = &server.ca_pem else { return Ok(server) };
        if !server.tls {
            let problem = format!("needs an encrypted connection: use {}:// in url", kind.encrypted);
            return Err(ConfigProblem::new("ca_pem", problem));
        }
        match tls::roots_of(pem) {
            Ok(_) => Ok(server),
            Err(problem) => Err(ConfigProblem::new("ca_pem", problem)),
        }
    }

    fn at(kind: &'static Kind, url: Option<&str>) -> Result<Self, ConfigProblem> {
        let bad = |problem: &str| ConfigProblem::new("url", problem);
        let like = |problem: &str| bad(&format!("{problem}; it looks like {}", kind.example));
        let text = url.ok_or_else(|| like("is missing"))?.trim();
        let url = Url::parse(text).map_err(|_| like("is not a URL"))?;
        let tls = url.scheme() == kind.encrypted;
        if !tls && url.scheme() != kind.plain {
            let (plain, encrypted) = (kind.plain, kind.encrypted);
            return Err(bad(&format!("must begin with {plain}:// or, for an encrypted connection, {encrypted}://")));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad(&format!("must not hold credentials: {}", kind.no_credentials)));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("must end after the port or the path"));
        }
        if url.path().len() > MOST_PATH {
            return Err(bad("has a path of more than 1,024 characters"));
        }
        let host = address::host(&url).map_err(bad)?;
        let port = port(&url, text, if tls { kind.encrypted_port } else { kind.port });
        if port == 0 {
            return Err(bad("has the port 0"));
        }
        Ok(Self { kind, host, port, path: url.path().to_owned(), tls, ca_pem: None })
    }

    /// What makes the hub unique: its address, however it is spelled, and its path where it has one.
    pub(crate) fn hub_key(&self) -> String {
        let path = self.path.trim_end_matches('/');
        format!("{}{path}", address::key(&self.host, self.port))
    }

    /// Where the hub is, as it was given.
    pub(crate) fn address(&self) -> String {
        address::with_port(&self.host, self.port)
    }

    /// The address of the WebSocket.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls { "wss" } else { "ws" };
        format!("{scheme}://{}{}", self.address(), self.path)
    }
}

/// The port that was given, or the usual one. A URL's own idea of a usual port (80) is no hub's, but it may be meant when it
/// is written down.
fn port(url: &Url, text: &str, usual: u16) -> u16 {
    let authority = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    let written = authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    url.port().or_else(|| url.port_or_known_default().filter(|_| written)).unwrap_or(usual)
}
