//! The settings of a Z-Wave JS account, and what can be wrong with them.

use crate::config::{ConfigProblem, keys_of};
use crate::websocket::{Kind, Server};

const KIND: Kind = Kind {
    name: "Z-Wave JS server",
    example: "ws://192.168.1.5:3000",
    plain: "ws",
    encrypted: "wss",
    port: 3000,
    encrypted_port: 443,
    no_credentials: "a Z-Wave JS server asks for none",
    // A network of 200 locks with 20 codes each introduces itself in 5 MB.
    largest: 64 * 1024 * 1024,
};

const KNOWN_KEYS: &str = "url and ca_pem";

/// What a Z-Wave JS account asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) server: Server,
}

impl Config {
    /// What makes the server unique: its address, however it is spelled, and its path where it has one.
    #[must_use]
    pub fn hub_key(&self) -> String {
        self.server.hub_key()
    }
}

/// Reads a Z-Wave JS account's settings.
///
/// # Errors
/// The first key that is missing, unknown or cannot work; or a text that is no JSON object.
pub fn parse_config(text: &str) -> Result<Config, ConfigProblem> {
    let keys = keys_of(text)?;
    let server = Server::of(&KIND, &keys)?;
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
    fn a_url_is_enough() {
        let config = parsed("ws://ZWave.local");
        assert_eq!((config.hub_key().as_str(), config.server.tls), ("zwave.local:3000", false));
        assert_eq!(config.server.url(), "ws://zwave.local:3000/");
        let config = parsed(" wss://zwave.local/zwave ");
        assert_eq!((config.hub_key().as_str(), config.server.tls), ("zwave.local:443/zwave", true));
        assert_eq!(parsed("ws://zwave.local:80").server.port, 80);
        assert_eq!(parsed("wss://zwave.local:443").server.port, 443);
        assert_eq!(parsed("ws://[FE80::1]").server.url(), "ws://[fe80::1]:3000/");
        assert_eq!(parsed("ws://[fe80::1]:3001").server.port, 3001);
    }

    #[test]
    fn every_problem_names_its_field() {
        for (text, field) in [
            ("nonsense", "config"),
            ("[]", "config"),
            ("{}", "url"),
            (r#"{"url": 5}"#, "url"),
            (r#"{"url": "zwave:3000"}"#, "url"),
            (r#"{"url": "http://zwave:3000"}"#, "url"),
            (r#"{"url": "ws://"}"#, "url"),
            (r#"{"url": "ws://zwave:0"}"#, "url"),
            (r#"{"url": "ws://1.2.3.256"}"#, "url"),
            (r#"{"url": "ws://zwave?token=x"}"#, "url"),
            (r#"{"url": "ws://zwave", "token": "x"}"#, "token"),
            (r#"{"url": "ws://zwave", "ca_pem": "x"}"#, "ca_pem"),
            (r#"{"url": "wss://zwave", "ca_pem": "x"}"#, "ca_pem"),
            (r#"{"url": "wss://zwave", "ca_pem": 5}"#, "ca_pem"),
        ] {
            assert_eq!(parse_config(text).unwrap_err().field, field, "{text}");
        }
        let long = format!("ws://zwave/{}", "x".repeat(1024));
        assert_eq!(parse_config(&json!({ "url": long }).to_string()).unwrap_err().field, "url");
    }

    #[test]
    fn credentials_in_the_url_are_refused_and_not_repeated() {
        let problem = parse_config(r#"{"url": "ws://anna:CANARY@zwave"}"#).unwrap_err();
        assert_eq!(problem.field, "url");
        assert!(!problem.problem.contains("CANARY"), "{problem}");
    }

    #[test]
    fn one_server_has_one_key() {
        for url in ["ws://127.0.0.1", "ws://localhost:3000/", "ws://127.1", "ws://[::1]:3000", "ws://LOCALHOST."] {
            assert_eq!(parsed(url).hub_key(), "127.0.0.1:3000", "{url}");
        }
        assert_ne!(parsed("ws://zwave/a").hub_key(), parsed("ws://zwave/b").hub_key());
    }
}
