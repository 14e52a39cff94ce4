//! A WebSocket to a hub, as every client of one needs it.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::Error;

pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Connects. Messages may be of any size.
    pub(crate) async fn connect(url: &str) -> Result<Self, Error> {
        let limits = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let connecting = tokio_tungstenite::connect_async_with_config(url, Some(limits), true);
        let (socket, _) = connecting.await.map_err(|error| Error::Socket(error.to_string()))?;
        Ok(Self(socket))
    }

    /// Says something.
    pub(crate) async fn say(&mut self, message: &Value) -> Result<(), Error> {
        let sent = self.0.send(Message::text(message.to_string())).await;
        sent.map_err(|error| Error::Socket(error.to_string()))
    }

    /// The first message that is as wanted; others are passed over.
    pub(crate) async fn until<T>(
        &mut self,
        what: &'static str,
        within: Duration,
        wanted: impl Fn(&Value) -> Option<T>,
    ) -> Result<T, Error> {
        let waiting = async {
            loop {
                let message = self.0.next().await.ok_or_else(|| Error::Socket("it hung up".to_owned()))?;
                let message = message.map_err(|error| Error::Socket(error.to_string()))?;
                let Message::Text(text) = message else { continue };
                let message: Value = serde_json::from_str(&text).map_err(|error| Error::Socket(error.to_string()))?;
                if let Some(found) = wanted(&message) {
                    return Ok(found);
                }
            }
        };
        tokio::time::timeout(within, waiting).await.map_err(|_| Error::TimedOut { what, within })?
    }
}
