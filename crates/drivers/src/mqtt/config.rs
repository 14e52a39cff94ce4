//! The settings of an MQTT account, and what can be wrong with them.

use std::fmt;

use serde_json::{Map, Value};
use url::Url;

use super::topic;
use crate::config::{ConfigProblem, keys_of, text_of};
use crate::{address, tls};

/// The base topic of a Zigbee2MQTT that nobody changed.
const DEFAULT_BASE_TOPIC: &str = "zigbee2mqtt";

/// The discovery prefix of a Home Assistant that nobody changed.
const DEFAULT_PREFIX: &str = "homeassistant";

/// How many Zigbee2MQTT hubs one account may have.
const MOST_BASE_TOPICS: usize = 16;

/// How long a user name or a password may be in MQTT, in bytes.
const MOST_MQTT_TEXT: usize = 65_535;

const KNOWN_KEYS: &str = "url, username, password, ca_pem, discovery_prefix and zigbee2mqtt_base_topics";

/// What an MQTT account asks for. Its `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// The broker's host name or address, lower-case; an IPv6 address without brackets.
    pub host: String,
    /// The broker's port.
    pub port: u16,
    /// Whether the connection is encrypted (`mqtts://`).
    pub tls: bool,
    /// The user name, where the broker wants one.
    pub username: Option<String>,
    /// The password that belongs to it.
    pub password: Option<String>,
    /// The authorities to trust instead of the system's, in PEM.
    pub ca_pem: Option<String>,
    /// The prefix of Home Assistant discovery topics.
    pub discovery_prefix: String,
    /// The base topics of the Zigbee2MQTT hubs on this broker.
    pub zigbee2mqtt_base_topics: Vec<String>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("broker", &self.address())
            .field("tls", &self.tls)
            .field("username", &self.username.as_ref().map(|_| "…"))
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("ca_pem", &self.ca_pem.is_some())
            .field("discovery_prefix", &self.discovery_prefix)
            .field("zigbee2mqtt_base_topics", &self.zigbee2mqtt_base_topics)
            .finish()
    }
}

impl Config {
    /// What makes the broker unique: its address, however it is spelled. The same broker is not connected twice in a
    /// workspace, since each of the two would take the other's commands for a hand at the door.
    #[must_use]
    pub fn hub_key(&self) -> String {
        address::key(&self.host, self.port)
    }

    /// Where the broker is, as it was given.
    pub(super) fn address(&self) -> String {
        address::with_port(&self.host, self.port)
    }
}

/// Reads an MQTT account's settings.
///
/// # Errors
/// The first key that is missing, unknown or cannot work; or a text that is no JSON object.
pub fn parse_config(text: &str) -> Result<Config, ConfigProblem> {
    let keys = keys_of(text)?;
    let mut config = broker(text_of(&keys, "url")?)?;
    for key in keys.keys() {
        apply(&mut config, key, &keys)?;
    }
    if [&config.username, &config.password].into_iter().flatten().all(String::is_empty) {
        // Nothing, or a form that was left empty.
        (config.username, config.password) = (None, None);
    }
    check(&config)?;
    Ok(config)
}

fn apply(config: &mut Config, key: &str, keys: &Map<String, Value>) -> Result<(), ConfigProblem> {
    match key {
        "url" => {}
        "username" => config.username = text_of(keys, key)?.map(str::to_owned),
        "password" => config.password = text_of(keys, key)?.map(str::to_owned),
        "ca_pem" => config.ca_pem = text_of(keys, key)?.map(str::to_owned),
        "discovery_prefix" => {
            if let Some(prefix) = text_of(keys, key)? {
                config.discovery_prefix = topic_root(key, prefix)?;
            }
        }
        "zigbee2mqtt_base_topics" => {
            if let Some(topics) = base_topics(key, keys.get(key))? {
                config.zigbee2mqtt_base_topics = topics;
            }
        }
        _ => return Err(ConfigProblem::new(key, format!("is unknown; known are {KNOWN_KEYS}"))),
    }
    Ok(())
}

fn check(config: &Config) -> Result<(), ConfigProblem> {
    check_credentials(config)?;
    if config.zigbee2mqtt_base_topics.contains(&config.discovery_prefix) {
        return Err(ConfigProblem::new("discovery_prefix", "must not be one of zigbee2mqtt_base_topics"));
    }
    let Some(pem) = &config.ca_pem else { return Ok(()) };
    if !config.tls {
        return Err(ConfigProblem::new("ca_pem", "needs an encrypted connection: use mqtts:// in url"));
    }
    tls::roots_of(pem).map(|_| ()).map_err(|problem| ConfigProblem::new("ca_pem", problem))
}

/// What MQTT can carry: a broker hangs up on everything else, without a word on what was wrong.
fn check_credentials(config: &Config) -> Result<(), ConfigProblem> {
    let bad = |key: &str, problem: &str| Err(ConfigProblem::new(key, problem));
    let is_too_long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > MOST_MQTT_TEXT);
    match &config.username {
        None if config.password.is_some() => bad("username", "is missing: MQTT has no password without a user name"),
        Some(name) if name.is_empty() => bad("username", "is empty: MQTT has no password without a user name"),
        Some(name) if !topic::is_text(name) => {
            bad("username", "holds a control character or something that is no text")
        }
        _ if is_too_long(&config.username) => bad("username", "is longer than the 65,535 bytes that MQTT allows"),
        _ if is_too_long(&config.password) => bad("password", "is longer than the 65,535 bytes that MQTT allows"),
        _ => Ok(()),
    }
}

fn broker(url: Option<&str>) -> Result<Config, ConfigProblem> {
    let bad = |problem: &str| ConfigProblem::new("url", problem);
    let url = url.ok_or_else(|| bad("is missing; it looks like mqtt://192.168.1.5:1883"))?;
    let url = Url::parse(url.trim()).map_err(|_| bad("is not a URL; it looks like mqtt://192.168.1.5:1883"))?;
    let tls = match url.scheme() {
        "mqtt" => false,
        "mqtts" => true,
        _ => return Err(bad("must begin with mqtt:// or, for an encrypted connection, mqtts://")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("must not hold credentials: put them into username and password"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(bad("must end after the port"));
    }
    if tls && url.host_str().is_some_and(|host| host.starts_with('[')) {
        // The TLS layer of the MQTT library takes the same text for the address and for the name in the certificate.
        return Err(bad("cannot use an IPv6 address with TLS: use a host name"));
    }
    let host = address::host(&url).map_err(bad)?;
    let port = url.port().unwrap_or(if tls { 8883 } else { 1883 });
    if port == 0 {
        return Err(bad("has the port 0"));
    }
    Ok(Config {
        host,
        port,
        tls,
        username: None,
        password: None,
        ca_pem: None,
        discovery_prefix: DEFAULT_PREFIX.to_owned(),
        zigbee2mqtt_base_topics: vec![DEFAULT_BASE_TOPIC.to_owned()],
    })
}

fn topic_root(key: &str, text: &str) -> Result<String, ConfigProblem> {
    let trimmed = text.trim_end_matches('/');
    match topic::problem_as_root(trimmed) {
        Some(problem) => Err(ConfigProblem::new(key, format!("{problem}; it is a topic such as zigbee2mqtt"))),
        None => Ok(trimmed.to_owned()),
    }
}

fn base_topics(key: &str, value: Option<&Value>) -> Result<Option<Vec<String>>, ConfigProblem> {
    let list = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(ConfigProblem::new(key, "must be a list of topics, such as [\"zigbee2mqtt\"]")),
    };
    if list.len() > MOST_BASE_TOPICS {
        return Err(ConfigProblem::new(key, format!("may name at most {MOST_BASE_TOPICS} topics")));
    }
    let mut topics: Vec<String> = Vec::new();
    for value in list {
        let text = value.as_str().ok_or_else(|| ConfigProblem::new(key, "must be a list of strings"))?;
        let topic = topic_root(key, text)?;
        if topics.contains(&topic) {
            return Err(ConfigProblem::new(key, "names a topic twice"));
        }
        topics.push(topic);
    }
    Ok(Some(topics))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(text: &str) -> (String, String) {
        let problem = parse_config(text).unwrap_err();
        (problem.field, problem.problem)
    }

    #[test]
    fn a_url_is_enough() {
        let config = parse_config(r#"{"url": "mqtt://Broker.local"}"#).unwrap();
        assert_eq!(config.hub_key(), "broker.local:1883");
        assert_eq!(config.discovery_prefix, "homeassistant");
        assert_eq!(config.zigbee2mqtt_base_topics, ["zigbee2mqtt"]);
        assert!(!config.tls);
        let config =
            parse_config(r#"{"url": "mqtts://broker.local/", "zigbee2mqtt_base_topics": ["a/b", "c"]}"#).unwrap();
        assert_eq!((config.hub_key().as_str(), config.tls), ("broker.local:8883", true));
        assert_eq!(config.zigbee2mqtt_base_topics, ["a/b", "c"]);
        let config = parse_config(r#"{"url": "mqtt://[FE80::1]:1884"}"#).unwrap();
        assert_eq!((config.host.as_str(), config.hub_key().as_str()), ("fe80::1", "[fe80::1]:1884"));
    }

    #[test]
    fn every_problem_names_its_field() {
        for (text, field) in [
            ("nonsense", "config"),
            ("[]", "config"),
            ("{}", "url"),
            (r#"{"url": 5}"#, "url"),
            (r#"{"url": "broker:1883"}"#, "url"),
            (r#"{"url": "http://broker"}"#, "url"),
            (r#"{"url": "mqtt://"}"#, "url"),
            (r#"{"url": "mqtt://käse.local"}"#, "url"),
            (r#"{"url": "mqtt://broker/topic"}"#, "url"),
            (r#"{"url": "mqtts://[::1]"}"#, "url"),
            (r#"{"url": "mqtt://broker:0"}"#, "url"),
            (r#"{"url": "mqtt://broker", "usrname": "x"}"#, "usrname"),
            (r#"{"url": "mqtt://broker", "password": "x"}"#, "username"),
            (r#"{"url": "mqtt://broker", "ca_pem": "x"}"#, "ca_pem"),
            (r#"{"url": "mqtts://broker", "ca_pem": "x"}"#, "ca_pem"),
            (r#"{"url": "mqtt://broker", "discovery_prefix": "a/#"}"#, "discovery_prefix"),
            (r#"{"url": "mqtt://broker", "discovery_prefix": ""}"#, "discovery_prefix"),
            (r#"{"url": "mqtt://broker", "zigbee2mqtt_base_topics": "x"}"#, "zigbee2mqtt_base_topics"),
            (r#"{"url": "mqtt://broker", "zigbee2mqtt_base_topics": ["x", "x"]}"#, "zigbee2mqtt_base_topics"),
            (r#"{"url": "mqtt://broker", "zigbee2mqtt_base_topics": ["+"]}"#, "zigbee2mqtt_base_topics"),
        ] {
            assert_eq!(problem(text).0, field, "{text}");
        }
    }

    /// What else would end as a connection that is cut, and as nothing more telling than that.
    #[test]
    fn what_no_broker_takes_names_its_field() {
        let long = "x".repeat(65_536);
        let levels = vec!["x"; 150].join("/");
        let host = format!("mqtt://{}.local", vec!["x".repeat(50); 5].join("."));
        for (key, value, field) in [
            ("url", json!(host), "url"),
            ("url", json!("mqtt://1.2.3.256"), "url"),
            ("username", json!(""), "username"),
            ("username", json!(long), "username"),
            ("username", json!("an\u{0}na"), "username"),
            ("username", json!("anna\u{7f}"), "username"),
            ("username", json!("anna\u{ffff}"), "username"),
            ("password", json!(long), "password"),
            ("discovery_prefix", json!("a\u{1}b"), "discovery_prefix"),
            ("discovery_prefix", json!("a//b"), "discovery_prefix"),
            ("discovery_prefix", json!("/a"), "discovery_prefix"),
            ("discovery_prefix", json!("$a"), "discovery_prefix"),
            ("discovery_prefix", json!(levels), "discovery_prefix"),
            ("discovery_prefix", json!("zigbee2mqtt"), "discovery_prefix"),
            ("zigbee2mqtt_base_topics", json!(["a\u{9f}"]), "zigbee2mqtt_base_topics"),
            ("zigbee2mqtt_base_topics", json!(["a//b"]), "zigbee2mqtt_base_topics"),
            ("zigbee2mqtt_base_topics", json!(["a/+"]), "zigbee2mqtt_base_topics"),
            ("zigbee2mqtt_base_topics", json!([levels]), "zigbee2mqtt_base_topics"),
            ("zigbee2mqtt_base_topics", json!([long]), "zigbee2mqtt_base_topics"),
        ] {
            let mut config = json!({"url": "mqtt://broker", "username": "anna", "password": "secret"});
            config[key] = value;
            assert_eq!(problem(&config.to_string()).0, field, "{config}");
        }
    }

    #[test]
    fn credentials_that_are_left_empty_are_none() {
        let config = parse_config(r#"{"url": "mqtt://broker", "username": "", "password": ""}"#).unwrap();
        assert_eq!((config.username, config.password), (None, None));
        let config = parse_config(r#"{"url": "mqtt://broker", "username": ""}"#).unwrap();
        assert_eq!(config.username, None);
        let config = parse_config(r#"{"url": "mqtt://broker", "username": "anna", "password": ""}"#).unwrap();
        assert_eq!(config.username.as_deref(), Some("anna"));
    }

    #[test]
    fn one_broker_has_one_key() {
        let key = |url: &str| parse_config(&json!({ "url": url }).to_string()).unwrap().hub_key();
        for url in [
            "mqtt://127.0.0.1",
            "mqtt://127.1",
            "mqtt://0x7f.1:1883",
            "mqtt://2130706433",
            "mqtt://127.0.0.1.",
            "mqtt://127.0.0.9",
            "mqtt://0.0.0.0",
            "mqtt://localhost",
            "mqtt://LOCALHOST.",
            "mqtt://[::1]",
            "mqtt://[::ffff:127.0.0.1]",
        ] {
            assert_eq!(key(url), "127.0.0.1:1883", "{url}");
        }
        assert_eq!(key("mqtt://Broker.Local."), "broker.local:1883");
        assert_eq!(key("mqtt://192.168.5"), "192.168.0.5:1883");
        assert_eq!(key("mqtt://[::ffff:192.168.0.5]"), "192.168.0.5:1883");
        assert_eq!(key("mqtt://my_broker"), "my_broker:1883");
        assert_ne!(key("mqtt://localhost:1884"), key("mqtt://localhost"));
    }

    #[test]
    fn credentials_in_the_url_are_refused_and_not_repeated() {
        let (field, problem) = problem(r#"{"url": "mqtt://anna:CANARY@broker"}"#);
        assert_eq!(field, "url");
        assert!(problem.contains("username") && !problem.contains("CANARY"), "{problem}");
    }

    #[test]
    fn debug_shows_no_secret() {
        let config = parse_config(r#"{"url": "mqtt://broker", "username": "CANARY1", "password": "CANARY2"}"#).unwrap();
        assert!(!format!("{config:?}").contains("CANARY"));
    }
}
