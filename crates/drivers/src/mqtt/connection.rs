//! One connection to a broker, used once and thrown away at its first error, with everything queued in it.
//!
//! A client that outlives its connection would deliver a command when the broker is back, to a door nobody stands at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, NetworkOptions, Outgoing, Packet,
    Publish, SubscribeReasonCode, TlsConfiguration, Transport,
};
use thumbturn_core::ports::{Clock, ConnectError};
use thumbturn_core::time::Moment;
use tokio::sync::mpsc;

use super::config::Config;
use crate::backlog::{Backlog, Share};
use crate::tls;

/// The largest message taken: the device list of 1,000 locks is 5 MB.
const LARGEST_IN: usize = 64 * 1024 * 1024;

/// The largest message sent.
const LARGEST_OUT: usize = 1024 * 1024;

/// How long a connection may take to be made.
const CONNECT_LIMIT_S: u64 = 3;

/// A broker that has not answered a ping within this time is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Requests that may wait for the connection.
const REQUESTS: usize = 1024;

/// Messages that the broker may owe an acknowledgement for. More than [`super::desk::MOST_OPEN`], so that none waits.
const IN_FLIGHT: u16 = 1000;

/// What came over the connection, in order.
#[derive(Debug)]
pub(super) enum Wire {
    /// A message; the permit is its share of the backlog.
    Message(Publish, Moment, Share),
    /// The next of our messages was written, under this number.
    Sent(u16),
    /// The broker took the message of this number.
    Taken(u16, Moment),
    /// The broker answered a subscription: for each of its topics, in order, whether it grants it.
    Subscribed(Vec<bool>),
    /// The connection is over.
    Ended(ConnectError),
}

/// A connection that stands.
pub(super) struct Connection {
    pub(super) client: AsyncClient,
    events: EventLoop,
}

impl Connection {
    /// Connects and logs in.
    ///
    /// # Errors
    /// [`ConnectError`], with a text that names the broker and no secret.
    pub(super) async fn open(config: &Config) -> Result<Self, ConnectError> {
        let (client, mut events) = AsyncClient::new(options(config).await?, REQUESTS);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(CONNECT_LIMIT_S);
        events.set_network_options(network);
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => Ok(Self { client, events }),
            Ok(_) => Err(unreachable(config, "it does not speak MQTT")),
            Err(error) => Err(explain(config, &error)),
        }
    }

    /// Passes on what comes until the connection is over; `alive` tells at once when it is.
    pub(super) async fn pump(
        mut self,
        config: Config,
        clock: Arc<dyn Clock>,
        alive: Arc<AtomicBool>,
        wires: mpsc::UnboundedSender<Wire>,
    ) {
        let backlog = Backlog::new();
        let why = loop {
            let event = match self.events.poll().await {
                Ok(event) => event,
                Err(error) => break explain(&config, &error),
            };
            let now = clock.now();
            let wire = match event {
                Event::Incoming(Packet::Publish(message)) => match backlog.room(message.payload.len()).await {
                    Some(share) => Wire::Message(message, now, share),
                    None => break unreachable(&config, "it sends more than this server can take in"),
                },
                Event::Incoming(Packet::PubAck(ack)) => Wire::Taken(ack.pkid, now),
                Event::Incoming(Packet::SubAck(ack)) => Wire::Subscribed(grants(&ack.return_codes)),
                Event::Outgoing(Outgoing::Publish(number)) => Wire::Sent(number),
                _ => continue,
            };
            if wires.send(wire).is_err() {
                break unreachable(&config, "the session ended");
            }
        };
        alive.store(false, Ordering::Release);
        let _ = wires.send(Wire::Ended(why));
    }
}

fn grants(codes: &[SubscribeReasonCode]) -> Vec<bool> {
    codes.iter().map(|code| matches!(code, SubscribeReasonCode::Success(_))).collect()
}

async fn options(config: &Config) -> Result<MqttOptions, ConnectError> {
    let id = format!("thumbturn-{:012x}", rand::random::<u64>() >> 16);
    let host = match (config.host.contains(':'), config.tls) {
        (true, false) => format!("[{}]", config.host),
        _ => config.host.clone(),
    };
    let mut options = MqttOptions::new(id, host, config.port);
    options.set_clean_session(true);
    options.set_keep_alive(KEEP_ALIVE);
    options.set_max_packet_size(LARGEST_IN, LARGEST_OUT);
    options.set_inflight(IN_FLIGHT);
    if let Some(username) = &config.username {
        options.set_credentials(username.clone(), config.password.clone().unwrap_or_default());
    }
    if config.tls {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(trust(config).await?)));
    }
    Ok(options)
}

/// Reads the authorities to trust, on a thread of its own: the system's are files.
async fn trust(config: &Config) -> Result<Arc<rustls::ClientConfig>, ConnectError> {
    let ca_pem = config.ca_pem.clone();
    match tokio::task::spawn_blocking(move || tls::client_config(ca_pem.as_deref())).await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(why)) => Err(ConnectError::BadConfig(why.to_owned())),
        Err(_) => Err(unreachable(config, "TLS could not be prepared")),
    }
}

fn unreachable(config: &Config, why: &str) -> ConnectError {
    ConnectError::Unreachable(format!("The MQTT broker {} is not connected: {why}.", config.address()))
}

/// What an error of the MQTT library means for people. Only words of ours and of the operating system go in: errors of the
/// library may quote packets.
fn explain(config: &Config, error: &ConnectionError) -> ConnectError {
    match error {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
        ) => ConnectError::CredentialsRefused(refused(config)),
        ConnectionError::ConnectionRefused(code) => unreachable(config, refusal(*code)),
        ConnectionError::Io(error) => unreachable(config, &format!("{error}")),
        ConnectionError::Tls(error) => unreachable(config, &tls_problem(error)),
        ConnectionError::NetworkTimeout => unreachable(config, "it does not answer"),
        ConnectionError::FlushTimeout => unreachable(config, "it takes nothing in"),
        ConnectionError::MqttState(error) => unreachable(config, state_problem(error)),
        ConnectionError::NotConnAck(_) => unreachable(config, "it does not speak MQTT"),
        ConnectionError::RequestsDone => unreachable(config, "the session ended"),
    }
}

fn refused(config: &Config) -> String {
    let broker = config.address();
    match &config.username {
        Some(_) => format!("The MQTT broker {broker} refuses the user name or the password."),
        None => format!("The MQTT broker {broker} wants a user name and a password."),
    }
}

const fn refusal(code: ConnectReturnCode) -> &'static str {
    match code {
        ConnectReturnCode::RefusedProtocolVersion => "it does not speak MQTT 3.1.1",
        ConnectReturnCode::BadClientId => "it refuses the client id",
        _ => "it refuses connections at present",
    }
}

fn tls_problem(error: &rumqttc::TlsError) -> String {
    match error {
        rumqttc::TlsError::TLS(error) => format!("TLS failed: {error}"),
        rumqttc::TlsError::Io(error) => {
            format!("TLS failed: {error} (is its port one for TLS, and is its authority in ca_pem?)")
        }
        _ => "TLS failed".to_owned(),
    }
}

fn state_problem(error: &rumqttc::StateError) -> &'static str {
    match error {
        rumqttc::StateError::AwaitPingResp => "it no longer answers",
        rumqttc::StateError::ConnectionAborted | rumqttc::StateError::Io(_) => "the connection was cut",
        rumqttc::StateError::Deserialization(_) => "the connection was cut, or it sent something that is not MQTT",
        _ => "it broke the rules of MQTT",
    }
}
