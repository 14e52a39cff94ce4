//! Where a broker is and how to get in.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rumqttc::{MqttOptions, NetworkOptions, TlsConfiguration, Transport};
use url::Url;

use crate::Error;

/// The largest message taken or sent: a device list of 1,000 locks is 5 MB.
const MAX_PACKET: usize = 64 * 1024 * 1024;
/// Room for everything a hub of thousands of locks publishes at its start.
pub(crate) const QUEUE: usize = 65_536;
/// How long a connection may take to be made.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The address of an MQTT broker with the credentials for it.
#[derive(Clone, Debug)]
pub struct Broker {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User and password, where the broker wants them.
    pub credentials: Option<(String, String)>,
    /// The certificate authority (PEM) to trust; its presence switches TLS on.
    pub ca_pem: Option<String>,
}

impl Broker {
    /// A broker without password and TLS.
    #[must_use]
    pub fn plain(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port, credentials: None, ca_pem: None }
    }

    /// Reads `mqtt://[user:password@]host[:port]`, or `mqtts://…` together with the file of the authority to trust.
    pub fn parse(address: &str, ca_file: Option<&Path>) -> Result<Self, Error> {
        let bad = |reason: String| Error::Address { address: redacted(address), reason };
        let url = Url::parse(address).map_err(|e| bad(e.to_string()))?;
        let tls = match url.scheme() {
            "mqtt" => false,
            "mqtts" => true,
            other => return Err(bad(format!("{other}: is neither mqtt: nor mqtts:"))),
        };
        let host = url.host_str().ok_or_else(|| bad("no host".to_owned()))?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let ca_pem = match (tls, ca_file) {
            (true, Some(file)) => {
                Some(std::fs::read_to_string(file).map_err(Error::io("read the authority's certificate", file))?)
            }
            (true, None) => return Err(bad("mqtts: needs the file of the authority to trust".to_owned())),
            (false, _) => None,
        };
        let credentials = (!url.username().is_empty())
            .then(|| (url.username().to_owned(), url.password().unwrap_or_default().to_owned()));
        Ok(Self { host, port: url.port().unwrap_or(if tls { 8883 } else { 1883 }), credentials, ca_pem })
    }

    /// The address as a URL, without credentials.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.ca_pem.is_some() { "mqtts" } else { "mqtt" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }

    /// Options for one connection with a client id of its own.
    pub(crate) fn options(&self, name: &str) -> (MqttOptions, NetworkOptions) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut options = MqttOptions::new(id, self.host.clone(), self.port);
        options.set_clean_session(true);
        options.set_max_packet_size(MAX_PACKET, MAX_PACKET);
        options.set_keep_alive(Duration::from_secs(60));
        options.set_inflight(1000);
        if let Some((user, password)) = &self.credentials {
            options.set_credentials(user, password);
        }
        if let Some(ca) = &self.ca_pem {
            let ca = ca.clone().into_bytes();
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Simple {
                ca,
                alpn: None,
                client_auth: None,
            }));
        }
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(CONNECT_TIMEOUT.as_secs());
        (options, network)
    }
}

/// The address without a password, for messages.
fn redacted(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => address.to_owned(),
    }
}
