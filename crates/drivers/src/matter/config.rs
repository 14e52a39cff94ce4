//! The settings of a Matter account, and what can be wrong with them.

use crate::config::{ConfigProblem, keys_of};
use crate::websocket::{Kind, Server};

const KIND: Kind = Kind {
    name: "Matter server",
    example: "ws://192.168.1.5:5580/ws",
    plain: "ws",
    encrypted: "wss",
    port: 5580,
    encrypted_port: 443,
    no_credentials: "a Matter server asks for none",
    // A node with everything that it knows of itself takes 20 to 100 kB.
    largest: 64 * 1024 * 1024,
};

const KNOWN_KEYS: &str = "url and ca_pem";

/// Where a Matter server takes WebSockets.
const PATH: &str = "/ws";

/// What a Matter account asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) server: Server,
}

impl Config {
    /// What makes the server unique: its address, however it is spelled, and its path.
    #[must_use]
    pub fn hub_key(&self) -> String {
        self.server.hub_key()
    }
}

/// Reads a Matter account's settings.
///
/// # Errors
/// The first key that is missing, unknown or cannot work; or a text that is no JSON object.
pub fn parse_config(text: &str) -> Result<Config, ConfigProblem> {
    let keys = keys_of(text)?;
    let mut server = Server::of(&KIND, &keys)?;
    if server.path == "/" {
        server.path = PATH.to_owned();
    }
    match keys.keys().find(|key| !matches!(key.as_str(), "url" | "ca_pem")) {
        Some(key) => Err(ConfigProblem::new(key, format!("is unknown; known are {KNOWN_KEYS}"))),
        None => Ok(Config { server }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(url: &str) -> Config {
        parse_config(&json!({ "url": url }).to_string()).unwrap()
    }

    #[test]
    fn a_url_is_enough_and_the_usual_path_may_be_left_out() {
        for url in ["ws://Matter.local", "ws://matter.local:5580/", "ws://matter.local/ws", " ws://matter.local/ws/ "] {
            let config = parsed(url);
            assert_eq!((config.hub_key().as_str(), config.server.tls), ("matter.local:5580/ws", false), "{url}");
        }
        assert_eq!(parsed("ws://matter.local").server.url(), "ws://matter.local:5580/ws");
        assert_eq!(parsed("wss://matter.local/matter/ws").hub_key(), "matter.local:443/matter/ws");
    }

    #[test]
    fn every_problem_names_its_field() {
        for (text, field) in [
            ("nonsense", "config"),
            ("{}", "url"),
            (r#"{"url": "http://matter:5580"}"#, "url"),
            (r#"{"url": "ws://anna:secret@matter"}"#, "url"),
            (r#"{"url": "ws://matter", "token": "x"}"#, "token"),
            (r#"{"url": "ws://matter", "ca_pem": "x"}"#, "ca_pem"),
        ] {
            assert_eq!(parse_config(text).unwrap_err().field, field, "{text}");
        }
    }
}
