//! Somebody else's client of a Matter server. It knows messages and nothing of truth.

use std::time::Duration;

use serde_json::{Value, json};

use crate::Error;
use crate::socket::Socket;

/// How long an answer or an event may take: a lock that is commissioned is asked for everything.
const ANSWERED_WITHIN: Duration = Duration::from_secs(40);

/// A connection that listens to what happens.
pub struct Client {
    socket: Socket,
    number: u64,
}

impl Client {
    /// Connects, and listens from then on.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let mut client = Self { socket: Socket::connect(url).await?, number: 0 };
        client.until("a greeting", |message| message.get("schema_version").map(drop)).await?;
        client.call("start_listening", json!({})).await?;
        Ok(client)
    }

    /// Brings a lock into the fabric; its node.
    pub async fn commission(&mut self, code: &str) -> Result<u64, Error> {
        let answer = self.call("commission_with_code", json!({"code": code, "network_only": true})).await?;
        answer["result"]["node_id"].as_u64().ok_or_else(|| Error::Socket(answer.to_string()))
    }

    /// Asks for something; the whole answer. Events that come before it are passed over.
    pub async fn call(&mut self, command: &str, args: Value) -> Result<Value, Error> {
        let number = self.send(command, args).await?;
        self.until("an answer", |message| (message["message_id"] == number.as_str()).then(|| message.clone())).await
    }

    /// Asks for something and does not wait for the answer; its number.
    pub async fn send(&mut self, command: &str, args: Value) -> Result<String, Error> {
        self.number += 1;
        let number = self.number.to_string();
        let message = json!({"message_id": number, "command": command, "args": args});
        self.socket.say(&message).await?;
        Ok(number)
    }

    /// The first message that is as wanted.
    pub async fn until<T>(&mut self, what: &'static str, wanted: impl Fn(&Value) -> Option<T>) -> Result<T, Error> {
        self.socket.until(what, ANSWERED_WITHIN, wanted).await
    }
}
