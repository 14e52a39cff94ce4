//! Somebody else's client of Home Assistant. It knows messages and nothing of truth.

use std::time::Duration;

use serde_json::{Value, json};

use super::Hub;
use crate::Error;
use crate::socket::Socket;

/// How long an answer or an event may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// A connection of an administrator.
pub struct Client {
    socket: Socket,
    number: u64,
}

impl Client {
    /// Connects.
    pub async fn connect(hub: &Hub) -> Result<Self, Error> {
        let url = format!("ws://127.0.0.1:{}/api/websocket", hub.port());
        let mut client = Self { socket: Socket::connect(&url).await?, number: 0 };
        client.socket.say(&json!({"type": "auth", "access_token": hub.admin()})).await?;
        client.until("a welcome", |message| (message["type"] == "auth_ok").then_some(())).await?;
        Ok(client)
    }

    /// Asks for something; the result. Events that come before it are passed over.
    pub async fn call(&mut self, command: Value) -> Result<Value, Error> {
        let number = self.ask(command).await?;
        let is_answer = |message: &Value| message["type"] == "result" && message["id"] == number;
        let answer = self.until("an answer", |message| is_answer(message).then(|| message.clone())).await?;
        match &answer["success"] {
            Value::Bool(true) => Ok(answer["result"].clone()),
            _ => Err(Error::Problem(answer.to_string())),
        }
    }

    /// Asks for something and does not wait for the answer; its number.
    pub async fn ask(&mut self, mut command: Value) -> Result<u64, Error> {
        self.number += 1;
        command["id"] = json!(self.number);
        self.socket.say(&command).await?;
        Ok(self.number)
    }

    /// The first message that is as wanted.
    pub async fn until<T>(&mut self, what: &'static str, wanted: impl Fn(&Value) -> Option<T>) -> Result<T, Error> {
        self.socket.until(what, ANSWERED_WITHIN, wanted).await
    }
}
