//! One connection to a hub, used once and thrown away at its first error with everything queued in it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use rustls::pki_types::ServerName;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thumbturn_core::ports::{Clock, ConnectError};
use thumbturn_core::time::Moment;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message, Utf8Bytes};

use super::server::Server;
use crate::backlog::{Backlog, Share};
use crate::tls;

/// How long a connection may take to be made, up to the server's first word.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// How long a hub may take for its next word while the two agree on how to talk.
const WORD_LIMIT: Duration = Duration::from_secs(2);

/// How often a ping is sent: the server sends none, and a dead one is noticed by nothing else.
const PING: Duration = Duration::from_secs(5);

/// A server that was silent for this long is gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(10);

/// How long the server may take to take one message in.
const WRITE_LIMIT: Duration = Duration::from_secs(5);

/// What came over the connection, in order.
#[derive(Debug)]
pub(super) enum Wire {
    /// A message; the last is its share of the backlog.
    Message(Utf8Bytes, Moment, Share),
    /// The connection is over.
    Ended(ConnectError),
}

trait Line: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Line for T {}

type Socket = WebSocketStream<Box<dyn Line>>;

/// A connection that stands.
pub(crate) struct Connection {
    socket: Socket,
    server: Server,
}

/// The way into a connection. What is handed over is written at once, as long as the server takes it in.
#[derive(Clone)]
pub(super) struct Outgoing {
    messages: mpsc::UnboundedSender<String>,
    waiting: Arc<AtomicUsize>,
}

/// What the connection still has to write.
pub(super) struct Written {
    messages: mpsc::UnboundedReceiver<String>,
    waiting: Arc<AtomicUsize>,
}

impl Outgoing {
    pub(super) fn new() -> (Self, Written) {
        let (messages, taken) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        (Self { messages, waiting: Arc::clone(&waiting) }, Written { messages: taken, waiting })
    }

    /// How many messages were handed over and are not yet written.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Hands a message over; `false` if the connection is over.
    pub(super) fn write(&self, message: String) -> bool {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.messages.send(message).is_ok()
    }
}

impl Connection {
    /// Connects. The handshake is the driver's: [`Connection::hear`] and [`Connection::say`].
    ///
    /// # Errors
    /// [`ConnectError`], with a text that names the hub.
    pub(crate) async fn open(server: &Server) -> Result<Self, ConnectError> {
        let connecting = tokio::time::timeout(CONNECT_LIMIT, connect(server)).await;
        let socket = connecting.map_err(|_| server.unreachable("it does not answer"))??;
        Ok(Self { socket, server: server.clone() })
    }

    /// Where it leads.
    pub(crate) const fn server(&self) -> &Server {
        &self.server
    }

    /// Says something while the two agree on how to talk.
    ///
    /// # Errors
    /// [`ConnectError`] if it could not be written.
    pub(crate) async fn say(&mut self, message: &Value) -> Result<(), ConnectError> {
        let sent = send(&mut self.socket, Message::text(message.to_string())).await;
        sent.map_err(|error| explain(&self.server, &error))
    }

    /// The next message, read as what is due now while the two agree on how to talk.
    ///
    /// # Errors
    /// [`ConnectError`] if none comes in time, or something else.
    pub(crate) async fn hear<T: DeserializeOwned>(&mut self) -> Result<T, ConnectError> {
        let server = &self.server;
        let waiting = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(text),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(_)) | None => return Err(server.unreachable("the connection was closed")),
                    Some(Err(error)) => return Err(explain(server, &error)),
                }
            }
        };
        let heard = tokio::time::timeout(WORD_LIMIT, waiting).await;
        let text = heard.map_err(|_| server.unreachable("it says nothing"))??;
        serde_json::from_str(&text)
            .map_err(|_| server.unreachable(&format!("what it says is not what a {} says", server.kind.name)))
    }

    /// Passes on what comes and writes what is handed over until the connection is over; `alive` tells at once when.
    pub(super) async fn pump(
        mut self,
        clock: Arc<dyn Clock>,
        alive: Arc<AtomicBool>,
        mut outgoing: Written,
        wires: mpsc::UnboundedSender<Wire>,
    ) {
        let backlog = Backlog::new();
        let mut pings = tokio::time::interval(PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        let why = loop {
            let step = tokio::select! {
                Some(message) = outgoing.messages.recv() => {
                    let written = send(&mut self.socket, Message::text(message)).await;
                    outgoing.waiting.fetch_sub(1, Ordering::AcqRel);
                    written.map_err(|error| explain(&self.server, &error))
                }
                message = self.socket.next() => {
                    heard = Instant::now();
                    take(&self.server, message, &*clock, &backlog, &wires).await
                }
                _ = pings.tick() => {
                    if heard.elapsed() >= SILENCE_LIMIT {
                        Err(self.server.unreachable("it no longer answers"))
                    } else {
                        let ping = send(&mut self.socket, Message::Ping(Default::default())).await;
                        ping.map_err(|error| explain(&self.server, &error))
                    }
                }
            };
            if let Err(why) = step {
                break why;
            }
        };
        alive.store(false, Ordering::Release);
        let _ = wires.send(Wire::Ended(why));
    }
}

/// Takes in what came over the socket.
async fn take(
    server: &Server,
    message: Option<Result<Message, SocketError>>,
    clock: &dyn Clock,
    backlog: &Backlog,
    wires: &mpsc::UnboundedSender<Wire>,
) -> Result<(), ConnectError> {
    let text = match message {
        Some(Ok(Message::Text(text))) => text,
        Some(Ok(Message::Close(_))) | None => return Err(server.unreachable("the connection was closed")),
        Some(Ok(_)) => return Ok(()),
        Some(Err(error)) => return Err(explain(server, &error)),
    };
    let at = clock.now();
    let Some(share) = backlog.room(text.len()).await else {
        return Err(server.unreachable("it sends more than this server can take in"));
    };
    wires.send(Wire::Message(text, at, share)).map_err(|_| server.unreachable("the session ended"))
}

async fn send(socket: &mut Socket, message: Message) -> Result<(), SocketError> {
    match tokio::time::timeout(WRITE_LIMIT, socket.send(message)).await {
        Ok(sent) => sent,
        Err(_) => Err(SocketError::Io(io::Error::new(io::ErrorKind::TimedOut, "it takes nothing in"))),
    }
}

async fn connect(server: &Server) -> Result<Socket, ConnectError> {
    let io = |error: io::Error| server.unreachable(&error.to_string());
    let stream = TcpStream::connect((server.host.as_str(), server.port)).await.map_err(io)?;
    stream.set_nodelay(true).map_err(io)?;
    let line: Box<dyn Line> = if server.tls { encrypted(server, stream).await? } else { Box::new(stream) };
    let largest = server.kind.largest;
    let limits = WebSocketConfig::default().max_message_size(Some(largest)).max_frame_size(Some(largest));
    match tokio_tungstenite::client_async_with_config(server.url(), line, Some(limits)).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(explain(server, &error)),
    }
}

async fn encrypted(server: &Server, stream: TcpStream) -> Result<Box<dyn Line>, ConnectError> {
    let ca_pem = server.ca_pem.clone();
    // The system's authorities are files: read them on a thread of its own.
    let client = match tokio::task::spawn_blocking(move || tls::client_config(ca_pem.as_deref())).await {
        Ok(Ok(client)) => client,
        Ok(Err(why)) => return Err(ConnectError::BadConfig(why.to_owned())),
        Err(_) => return Err(server.unreachable("TLS could not be prepared")),
    };
    let name = ServerName::try_from(server.host.clone())
        .map_err(|_| ConnectError::BadConfig(format!("{} is no name for TLS.", server.host)))?;
    let hint = "is its port one for TLS, and is its authority in ca_pem?";
    let stream = TlsConnector::from(client).connect(name, stream).await;
    stream.map(|stream| Box::new(stream) as Box<dyn Line>).map_err(|error| {
        let why = format!("TLS failed: {error} ({hint})");
        server.unreachable(&why)
    })
}

impl Server {
    /// Why the hub is not connected, for people.
    pub(crate) fn unreachable(&self, why: &str) -> ConnectError {
        ConnectError::Unreachable(format!("The {} {} is not connected: {why}.", self.kind.name, self.address()))
    }
}

/// What an error of the WebSocket means for people. Only words of ours and of the operating system go in.
fn explain(server: &Server, error: &SocketError) -> ConnectError {
    match error {
        SocketError::Io(error) => server.unreachable(&error.to_string()),
        SocketError::Http(answer) => {
            server.unreachable(&format!("something else answers there (HTTP status {})", answer.status().as_u16()))
        }
        SocketError::Capacity(_) => server.unreachable("it sent a message that is too large"),
        SocketError::ConnectionClosed | SocketError::AlreadyClosed => server.unreachable("the connection was closed"),
        _ => server.unreachable("the connection was cut, or it does not speak WebSocket"),
    }
}
