//! Somebody else's client of a Z-Wave JS server. It knows messages and nothing of truth.

use std::time::Duration;

use serde_json::{Value, json};

use crate::Error;
use crate::socket::Socket;

/// How long an answer or an event may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// The version of the protocol that it talks.
const SCHEMA: u32 = 50;

/// A connection that listens to what happens.
pub struct Client {
    socket: Socket,
    number: u64,
}

impl Client {
    /// Connects, and listens from then on.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let mut client = Self { socket: Socket::connect(url).await?, number: 0 };
        client.until("a greeting", |message| (message["type"] == "version").then_some(())).await?;
        client.call(json!({"command": "initialize", "schemaVersion": SCHEMA})).await?;
        client.call(json!({"command": "start_listening"})).await?;
        Ok(client)
    }

    /// Asks for something; the whole answer. Events that come before it are passed over.
    pub async fn call(&mut self, command: Value) -> Result<Value, Error> {
        let number = self.send(command).await?;
        self.until("an answer", |message| (message["messageId"] == number.as_str()).then(|| message.clone())).await
    }

    /// Asks for something and does not wait for the answer; its number.
    pub async fn send(&mut self, mut command: Value) -> Result<String, Error> {
        self.number += 1;
        let number = self.number.to_string();
        command["messageId"] = json!(number);
        self.socket.say(&command).await?;
        Ok(number)
    }

    /// The first message that is as wanted.
    pub async fn until<T>(&mut self, what: &'static str, wanted: impl Fn(&Value) -> Option<T>) -> Result<T, Error> {
        self.socket.until(what, ANSWERED_WITHIN, wanted).await
    }
}
