//! The settings of a Home Assistant account, and what can be wrong with them.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use crate::config::{ConfigProblem, keys_of, text_of};
use crate::websocket::{Kind, Server};

pub(super) const KIND: Kind = Kind {
    name: "Home Assistant",
    example: "http://192.168.1.5:8123",
    plain: "http",
    encrypted: "https",
    port: 8123,
    encrypted_port: 443,
    no_credentials: "the token goes into token",
    // An instance with 10,000 entities tells their states in 5 MB and its registry in as much.
    largest: 64 * 1024 * 1024,
};

const KNOWN_KEYS: &str = "url, token, ca_pem and reads";

/// How long a token may be; those of Home Assistant have about 180 letters.
const MOST_TOKEN: usize = 4096;

/// How many integrations an account may vouch for.
const MOST_READS: usize = 100;

/// What a Home Assistant account asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// The address as it was given: the WebSocket is below it.
    server: Server,
    pub(super) token: String,
    /// The integrations that are known to ask their locks when an entity is updated.
    pub(super) reads: BTreeSet<String>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("server", &self.server).field("reads", &self.reads).finish_non_exhaustive()
    }
}

impl Config {
    /// What makes the instance unique: its address, however it is spelled, and its path where it has one.
    #[must_use]
    pub fn hub_key(&self) -> String {
        self.server.hub_key()
    }

    /// Where its WebSocket is.
    pub(super) fn websocket(&self) -> Server {
        let path = format!("{}/api/websocket", self.server.path.trim_end_matches('/'));
        Server { path, ..self.server.clone() }
    }
}

/// Reads a Home Assistant account's settings.
///
/// # Errors
/// The first key that is missing, unknown or cannot work; or a text that is no JSON object.
pub fn parse_config(text: &str) -> Result<Config, ConfigProblem> {
    let keys = keys_of(text)?;
    let server = Server::of(&KIND, &keys)?;
    let token = token(&keys)?;
    let reads = reads(&keys)?;
    match keys.keys().find(|key| !matches!(key.as_str(), "url" | "token" | "ca_pem" | "reads")) {
        Some(key) => Err(ConfigProblem::new(key, format!("is unknown; known are {KNOWN_KEYS}"))),
        None => Ok(Config { server, token, reads }),
    }
}

fn token(keys: &Map<String, Value>) -> Result<String, ConfigProblem> {
    let bad = |problem: &str| ConfigProblem::new("token", problem);
    let token = text_of(keys, "token")?.map(str::trim).filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| {
        bad("is missing: make a long-lived access token on your profile page of Home Assistant, under Security")
    })?;
    if token.len() > MOST_TOKEN {
        return Err(bad("is too long for a token of Home Assistant"));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(bad("must be one word: it holds blanks or other signs that no token has"));
    }
    Ok(token.to_owned())
}

fn reads(keys: &Map<String, Value>) -> Result<BTreeSet<String>, ConfigProblem> {
    let bad = || ConfigProblem::new("reads", "must be a list of integrations, such as [\"my_lock\"]");
    let list = match keys.get("reads") {
        None | Some(Value::Null) => return Ok(BTreeSet::new()),
        Some(Value::Array(list)) if list.len() <= MOST_READS => list,
        Some(_) => return Err(bad()),
    };
    let is_integration = |name: &&str| {
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        !name.is_empty() && name.len() <= 64 && name.bytes().all(is_part)
    };
    let names = list.iter().map(|name| name.as_str().filter(is_integration).map(str::to_owned));
    names.collect::<Option<_>>().ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(url: &str) -> Config {
        parse_config(&json!({"url": url, "token": "CANARY"}).to_string()).unwrap()
    }

    #[test]
    fn an_address_and_a_token_are_enough() {
        let config = parsed("http://Home.local");
        assert_eq!(config.hub_key(), "home.local:8123");
        assert_eq!(config.websocket().url(), "ws://home.local:8123/api/websocket");
        let config = parsed(" https://house.example/ha/ ");
        assert_eq!(config.hub_key(), "house.example:443/ha");
        assert_eq!(config.websocket().url(), "wss://house.example:443/ha/api/websocket");
        assert_eq!(parsed("http://localhost").hub_key(), parsed("http://127.0.0.1:8123/").hub_key());
    }

    #[test]
    fn every_problem_names_its_field() {
        for (config, field) in [
            (json!([]), "config"),
            (json!({"token": "x"}), "url"),
            (json!({"url": "ws://home", "token": "x"}), "url"),
            (json!({"url": "http://anna:CANARY@home", "token": "x"}), "url"),
            (json!({"url": "http://home"}), "token"),
            (json!({"url": "http://home", "token": ""}), "token"),
            (json!({"url": "http://home", "token": 5}), "token"),
            (json!({"url": "http://home", "token": "a b"}), "token"),
            (json!({"url": "http://home", "token": "x".repeat(5000)}), "token"),
            (json!({"url": "http://home", "token": "x", "reads": "nuki"}), "reads"),
            (json!({"url": "http://home", "token": "x", "reads": ["Nuki!"]}), "reads"),
            (json!({"url": "http://home", "token": "x", "ca_pem": "x"}), "ca_pem"),
            (json!({"url": "http://home", "token": "x", "password": "x"}), "password"),
        ] {
            let problem = parse_config(&config.to_string()).unwrap_err();
            assert_eq!(problem.field, field, "{config}");
            assert!(!problem.problem.contains("CANARY"), "{problem}");
        }
    }

    #[test]
    fn the_token_is_not_shown() {
        assert!(!format!("{:?}", parsed("http://home")).contains("CANARY"));
    }
}
