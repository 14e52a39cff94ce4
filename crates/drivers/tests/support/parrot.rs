//! A server that says the same to everybody, and understands nothing.

use std::net::SocketAddr;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

/// Something that says these words over a WebSocket to everybody who connects, each after the first for something that it is told.
pub(crate) async fn that_says(words: Vec<Value>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let words = words.clone();
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                for word in words {
                    socket.send(Message::text(word.to_string())).await.unwrap();
                    let _ = socket.next().await;
                }
                while socket.next().await.is_some() {}
            });
        }
    });
    address
}
