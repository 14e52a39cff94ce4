//! Settings: the compiled-in defaults, then a TOML file, then `THUMBTURN_*` variables, then flags. The whole is checked
//! at the start; what is unknown or out of range is named.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::{Table, Value};

use crate::logging;

/// The commented file with every default.
pub const DEFAULTS: &str = include_str!("config.default.toml");

/// How the variables start that are settings.
const PREFIX: &str = "THUMBTURN_";

/// Variables that start like settings and are something else.
const NOT_SETTINGS: &[&str] = &["THUMBTURN_BIN", "THUMBTURN_LOG", "THUMBTURN_CONFIG"];

/// Every setting.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address and port to serve on.
    pub listen: SocketAddr,
    /// Where the database, the key file and the admin socket are.
    pub data_dir: PathBuf,
    /// The PostgreSQL database; `None` or empty: SQLite in the data directory. It may hold a password.
    pub database_url: Option<String>,
    /// Base of the URLs that are handed out; empty: made from the address that is served.
    pub public_url: String,
    /// How the database is used.
    pub database: Database,
    /// Lock actions.
    pub actions: Actions,
    /// Limits.
    pub limits: Limits,
    /// Sandbox workspaces.
    pub sandbox: Sandbox,
    /// Browsers.
    pub cors: Cors,
    /// How long things are kept.
    pub retention: Retention,
    /// Secrets at rest.
    pub secrets: Secrets,
    /// Webhooks.
    pub webhooks: Webhooks,
    /// Figures for the operator.
    pub metrics: MetricsSettings,
    /// The log.
    pub log: Log,
}

/// How the database is used.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Reads at the same time, each on a connection of its own.
    pub readers: usize,
    /// Whether other nodes may serve the same PostgreSQL beside this one.
    pub several_nodes: bool,
}

/// Settings of lock actions.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actions {
    /// How long an answer waits for the outcome, milliseconds.
    pub hold_ms: u64,
    /// When an action must have ended, milliseconds.
    pub deadline_ms: u64,
    /// How many actions may wait for one lock.
    pub queue_per_lock: usize,
}

impl Actions {
    /// How long an answer waits for the outcome.
    #[must_use]
    pub const fn hold(&self) -> Duration {
        Duration::from_millis(self.hold_ms)
    }

    /// When an action must have ended.
    #[must_use]
    pub const fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }
}

/// Limits.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Lock and unlock calls per minute and device, each; 0 = no limit.
    pub lock_actions_per_minute: u32,
    /// The same in sandbox workspaces.
    pub sandbox_lock_actions_per_minute: u32,
    /// Requests that are being answered at the same time.
    pub concurrent_requests: usize,
    /// Clients that follow events at the same time.
    pub event_streams: usize,
    /// Reads of a lock on batteries in a day that decide no action; 0 = none.
    pub lock_reads_per_day: u32,
}

/// Settings of sandbox workspaces.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// What a reset leaves there.
    pub reset_to: ResetTo,
}

/// What a reset leaves in a sandbox workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetTo {
    /// The virtual locks that it began with, under the same ids.
    Locks,
    /// Nothing.
    Empty,
}

/// Settings for browsers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Origins that may call the API; empty: any.
    #[serde(deserialize_with = "list")]
    pub allowed_origins: Vec<String>,
}

/// How long things are kept.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days that events are kept.
    pub events_days: u32,
    /// Days that ended attempts are kept.
    pub attempts_days: u32,
    /// Days that deliveries to webhooks are kept once they are over.
    pub deliveries_days: u32,
}

/// Secrets at rest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// The key file; empty: `secrets.key` in the data directory.
    pub key_file: PathBuf,
}

/// Settings of webhooks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Certificate authorities to trust beside the system's, in PEM; empty: none.
    pub ca_file: PathBuf,
    /// Whether webhooks may go to private addresses, and without TLS.
    pub allow_private_addresses: bool,
    /// How long a receiver may take to answer, milliseconds.
    pub timeout_ms: u64,
    /// How long to wait before each further attempt, milliseconds.
    #[serde(deserialize_with = "numbers")]
    pub retry_delays_ms: Vec<u64>,
    /// After so many hours of nothing but failures a webhook is disabled.
    pub disable_after_hours: u32,
}

/// Figures for the operator.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSettings {
    /// Whether `/metrics` is served.
    pub enabled: bool,
    /// An address of its own to serve it on, instead of the API's.
    #[serde(deserialize_with = "address_or_none")]
    pub listen: Option<SocketAddr>,
}

/// The log, on standard error.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// How an event is written.
    pub format: LogFormat,
    /// What is written: a level, or one for each part of the program. `THUMBTURN_LOG` wins over it.
    pub level: String,
}

/// How an event is written. Each is one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object: `timestamp`, `level`, `target`, and `fields` with the `message`.
    Json,
}

/// What the command line sets.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--database-url`
    pub database_url: Option<String>,
}

/// A setting that cannot be used. The text names it and says what would be right.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the settings file {0}")]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// The file is not TOML.
    #[error("the settings file {0} is not valid TOML: {1}")]
    NotToml(PathBuf, toml::de::Error),
    /// A key that does not exist, or a value of the wrong kind.
    #[error("{source_name}: {problem}")]
    Wrong {
        /// Where it came from.
        source_name: String,
        /// What is wrong.
        problem: String,
    },
    /// A value out of range.
    #[error("{setting} is {value}, but must be {wanted}")]
    OutOfRange {
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        wanted: &'static str,
    },
}

impl Config {
    /// Reads the settings from everywhere.
    ///
    /// # Errors
    /// [`ConfigError`], which names the setting and what would be right.
    pub fn load(flags: &Flags, variables: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut all = defaults()?;
        if let Some(path) = &flags.config {
            merge_checked(&mut all, read_file(path)?, &path.display().to_string())?;
        }
        let mut variables: Vec<_> = variables.collect();
        variables.sort();
        let known = all.clone();
        for (name, value) in variables {
            if let Some(overlay) = from_variable(&name, value, &known) {
                merge_checked(&mut all, overlay, &name)?;
            }
        }
        merge_checked(&mut all, from_flags(flags), "the command line")?;
        let mut config = understand(all).map_err(|problem| wrong("the settings", problem))?;
        if let Some(path) = &flags.data_dir {
            config.data_dir.clone_from(path); // as it is, also where it is no text
        }
        config.check()?;
        Ok(config)
    }

    /// The key file.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        if self.secrets.key_file.as_os_str().is_empty() {
            self.data_dir.join("secrets.key")
        } else {
            self.secrets.key_file.clone()
        }
    }

    /// The PostgreSQL database; `None`: SQLite in the data directory.
    #[must_use]
    pub fn postgres(&self) -> Option<&str> {
        self.database_url.as_deref().filter(|url| !url.is_empty())
    }

    /// The admin socket, through which commands reach a running server.
    #[must_use]
    pub fn admin_socket(&self) -> PathBuf {
        self.data_dir.join("admin.sock")
    }

    fn check(&self) -> Result<(), ConfigError> {
        within("actions.hold_ms", self.actions.hold_ms, 0..=10_000, "0 to 10000 milliseconds")?;
        within("actions.deadline_ms", self.actions.deadline_ms, 1_000..=600_000, "1000 to 600000 milliseconds")?;
        within("actions.queue_per_lock", self.actions.queue_per_lock, 1..=200, "1 to 200")?;
        within("limits.concurrent_requests", self.limits.concurrent_requests, 1..=100_000, "1 to 100000")?;
        within("limits.event_streams", self.limits.event_streams, 0..=100_000, "0 to 100000")?;
        within("limits.lock_reads_per_day", self.limits.lock_reads_per_day, 0..=10_000, "0 to 10000")?;
        within("retention.events_days", self.retention.events_days, 1..=3_650, "1 to 3650 days")?;
        within("retention.attempts_days", self.retention.attempts_days, 1..=3_650, "1 to 3650 days")?;
        within("retention.deliveries_days", self.retention.deliveries_days, 1..=3_650, "1 to 3650 days")?;
        within("webhooks.timeout_ms", self.webhooks.timeout_ms, 100..=30_000, "100 to 30000 milliseconds")?;
        within("webhooks.disable_after_hours", self.webhooks.disable_after_hours, 1..=8_760, "1 to 8760 hours")?;
        within("webhooks.retry_delays_ms", self.webhooks.retry_delays_ms.len(), 0..=20, "at most 20 numbers")?;
        for delay in &self.webhooks.retry_delays_ms {
            within("webhooks.retry_delays_ms", *delay, 1..=604_800_000, "numbers from 1 to 604800000 milliseconds")?;
        }
        logging::filter("log.level", &self.log.level)?;
        within("database.readers", self.database.readers, 1..=100, "1 to 100")?;
        check_database_url(self.database_url.as_deref().unwrap_or_default())?;
        check_public_url(&self.public_url)?;
        self.cors.allowed_origins.iter().try_for_each(|origin| check_origin(origin))
    }
}

/// The URL may hold a password, so it is never repeated.
fn check_database_url(url: &str) -> Result<(), ConfigError> {
    if url.is_empty() {
        return Ok(());
    }
    let wanted = "postgres://user:password@host:5432/database?sslmode=verify-full, or left out: then the data are kept in \
                  SQLite in the data directory (`data_dir`)";
    thumbturn_store::check_database_url(url).map_err(|why| ConfigError::OutOfRange {
        setting: "database_url",
        value: why.to_owned(),
        wanted,
    })
}

fn check_public_url(url: &str) -> Result<(), ConfigError> {
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let is_right = |host: &str| !host.starts_with('/') && !host.is_empty() && !host.contains(char::is_whitespace);
    if url.is_empty() || host.is_some_and(is_right) {
        return Ok(());
    }
    Err(ConfigError::OutOfRange {
        setting: "public_url",
        value: format!("`{url}`"),
        wanted: "an http:// or https:// URL",
    })
}

/// Browsers send scheme, host and port and nothing else, so another text would never match.
fn check_origin(origin: &str) -> Result<(), ConfigError> {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    let host = origin.split_once("://").filter(|(scheme, _)| is_scheme(scheme)).map(|(_, host)| host);
    let is_right = |host: &str| !host.is_empty() && !host.contains(['/', '*', '?', '#', '@', ' ', '"', '\'']);
    if host.is_some_and(is_right) {
        return Ok(());
    }
    Err(ConfigError::OutOfRange {
        setting: "cors.allowed_origins",
        value: format!("`{origin}`"),
        wanted: "origins such as https://app.example or http://localhost:3000, without a path; none at all: any",
    })
}

/// The settings among the variables of the process.
///
/// # Errors
/// [`ConfigError`] if one of them is no text.
pub fn variables() -> Result<Vec<(String, String)>, ConfigError> {
    let named = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    named
        .filter(|(name, _)| name.starts_with(PREFIX) && !NOT_SETTINGS.contains(&name.as_str()))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(wrong(&name, "the value is not valid UTF-8")),
        })
        .collect()
}

fn within<T: PartialOrd + ToString + Copy>(
    setting: &'static str,
    value: T,
    range: std::ops::RangeInclusive<T>,
    wanted: &'static str,
) -> Result<(), ConfigError> {
    if range.contains(&value) {
        Ok(())
    } else {
        Err(ConfigError::OutOfRange { setting, value: value.to_string(), wanted })
    }
}

fn wrong(source_name: &str, problem: impl ToString) -> ConfigError {
    ConfigError::Wrong { source_name: source_name.to_owned(), problem: problem.to_string().trim().to_owned() }
}

fn defaults() -> Result<Table, ConfigError> {
    DEFAULTS.parse().map_err(|error| ConfigError::NotToml("config.default.toml".into(), error))
}

fn read_file(path: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable(path.to_owned(), error))?;
    text.parse().map_err(|error| ConfigError::NotToml(path.to_owned(), error))
}

/// `THUMBTURN_ACTIONS__HOLD_MS=4000` is `actions.hold_ms = 4000`. What is a text in `known` stays a text.
fn from_variable(name: &str, value: String, known: &Table) -> Option<Table> {
    if NOT_SETTINGS.contains(&name) {
        return None;
    }
    let path = name.strip_prefix(PREFIX)?.to_lowercase();
    let mut keys: Vec<&str> = path.split("__").collect();
    let first = keys.remove(0).to_owned();
    let default = known.get(&first).and_then(|node| keys.iter().try_fold(node, |node, key| node.get(key)));
    let mut node = match default {
        Some(Value::Integer(_) | Value::Boolean(_) | Value::Float(_)) => scalar(value),
        _ => Value::String(value),
    };
    for key in keys.into_iter().rev() {
        node = Value::Table(Table::from_iter([(key.to_owned(), node)]));
    }
    Some(Table::from_iter([(first, node)]))
}

fn scalar(text: String) -> Value {
    if let Ok(number) = text.parse() {
        Value::Integer(number)
    } else if let Ok(flag) = text.parse() {
        Value::Boolean(flag)
    } else {
        Value::String(text)
    }
}

fn from_flags(flags: &Flags) -> Table {
    let given = [("listen", flags.listen.clone()), ("database_url", flags.database_url.clone())];
    given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::String(value?)))).collect()
}

/// Lays `overlay` over `all` and checks the result, so that the error can say where the bad value came from and what
/// would be right.
fn merge_checked(all: &mut Table, overlay: Table, source_name: &str) -> Result<(), ConfigError> {
    let before = all.clone();
    merge(all, overlay.clone());
    understand(all.clone()).map(drop).map_err(|problem| {
        let hint = culprit(&before, &overlay).map_or_else(String::new, |setting| {
            let default = defaults().ok().and_then(|all| look_up(&Value::Table(all), &setting).map(Value::to_string));
            default.map_or_else(String::new, |default| format!("; `{setting}` is by default {default}"))
        });
        wrong(source_name, format!("{}{hint}", problem.message()))
    })
}

/// The first setting of `overlay` that cannot be used.
fn culprit(before: &Table, overlay: &Table) -> Option<String> {
    leaves(overlay, "")
        .into_iter()
        .find(|(path, value)| {
            let mut all = before.clone();
            merge(&mut all, nested(path, value.clone()));
            understand(all).is_err()
        })
        .map(|(path, _)| path)
}

fn leaves(table: &Table, prefix: &str) -> Vec<(String, Value)> {
    table
        .iter()
        .flat_map(|(key, value)| match value {
            Value::Table(inner) => leaves(inner, &format!("{prefix}{key}.")),
            value => vec![(format!("{prefix}{key}"), value.clone())],
        })
        .collect()
}

fn nested(path: &str, value: Value) -> Table {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let value = if rest.is_empty() { value } else { Value::Table(nested(rest, value)) };
    Table::from_iter([(first.to_owned(), value)])
}

fn look_up<'a>(node: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(node, |node, key| node.get(key))
}

fn merge(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => merge(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

fn understand(all: Table) -> Result<Config, toml::de::Error> {
    Config::deserialize(all)
}

/// An address, or an empty text for none.
fn address_or_none<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(input)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| serde::de::Error::custom("expected an address with its port, or an empty text"))
}

/// Numbers, or in a variable a text of them with commas in between.
fn numbers<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Vec<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum TextOrMany {
        Text(String),
        Many(Vec<u64>),
    }
    let parsed = match TextOrMany::deserialize(input)? {
        TextOrMany::Many(many) => Ok(many),
        TextOrMany::Text(text) => {
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::parse).collect()
        }
    };
    parsed.map_err(|_| serde::de::Error::custom("expected whole numbers, such as 5000,300000"))
}

fn list<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(input)? {
        OneOrMany::Many(many) => many,
        OneOrMany::One(one) => {
            one.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(&Flags::default(), variables)
    }

    #[test]
    fn the_defaults_are_as_documented() {
        let config = load(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!((config.actions.hold_ms, config.actions.deadline_ms), (4_000, 30_000));
        assert_eq!(config.limits.lock_actions_per_minute, 15);
        assert_eq!(config.limits.sandbox_lock_actions_per_minute, 0);
        assert_eq!(config.key_file(), Path::new("./thumbturn-data/secrets.key"));
    }

    #[test]
    fn variables_win_over_defaults_and_flags_over_variables() {
        let variables = [("THUMBTURN_ACTIONS__HOLD_MS", "5"), ("THUMBTURN_LISTEN", "127.0.0.1:1")];
        let flags = Flags { listen: Some("127.0.0.1:2".to_owned()), ..Flags::default() };
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config::load(&flags, variables).unwrap();
        assert_eq!(config.actions.hold_ms, 5);
        assert_eq!(config.listen.port(), 2);
    }

    #[test]
    fn what_does_not_work_yet_may_be_set_where_it_changes_nothing() {
        let config = load(&[
            ("THUMBTURN_DATABASE_URL", ""),
            ("THUMBTURN_WEBHOOKS__CA_FILE", "ca.pem"),
            ("THUMBTURN_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES", "true"),
        ])
        .unwrap();
        assert!(config.webhooks.allow_private_addresses);
    }

    #[test]
    fn a_text_may_look_like_a_number() {
        let config = load(&[("THUMBTURN_DATA_DIR", "1"), ("THUMBTURN_SECRETS__KEY_FILE", "true")]).unwrap();
        assert_eq!((config.data_dir.as_path(), config.key_file().as_path()), (Path::new("1"), Path::new("true")));
    }

    #[test]
    fn metrics_may_have_an_address_of_their_own() {
        assert_eq!(load(&[]).unwrap().metrics.listen, None);
        let apart = load(&[("THUMBTURN_METRICS__LISTEN", "127.0.0.1:9100")]).unwrap();
        assert_eq!(apart.metrics.listen.unwrap().port(), 9100);
    }

    #[test]
    fn a_list_may_be_written_with_commas() {
        let config = load(&[("THUMBTURN_CORS__ALLOWED_ORIGINS", "https://a.example, https://b.example")]).unwrap();
        assert_eq!(config.cors.allowed_origins, ["https://a.example", "https://b.example"]);
    }

    #[test]
    fn an_unknown_or_bad_setting_is_named() {
        for (name, value, expected) in [
            ("THUMBTURN_ACTIONS__HOLDMS", "5", "holdms"),
            ("THUMBTURN_NO_SUCH", "5", "no_such"),
            ("THUMBTURN_ACTIONS__HOLD_MS", "soon", "THUMBTURN_ACTIONS__HOLD_MS"),
            ("THUMBTURN_ACTIONS__HOLD_MS", "soon", "`actions.hold_ms` is by default 4000"),
            ("THUMBTURN_LISTEN", "localhost:8080", "`listen` is by default \"127.0.0.1:8080\""),
            ("THUMBTURN_ACTIONS__HOLD_MS", "999999", "actions.hold_ms is 999999"),
            ("THUMBTURN_PUBLIC_URL", "ftp://x", "public_url"),
            ("THUMBTURN_PUBLIC_URL", "http://", "public_url"),
            ("THUMBTURN_LISTEN", "nowhere", "THUMBTURN_LISTEN"),
            ("THUMBTURN_METRICS__LISTEN", "nowhere", "`metrics.listen` is by default \"\""),
            ("THUMBTURN_LOG__FORMAT", "xml", "expected `text` or `json`"),
            ("THUMBTURN_LOG__LEVEL", "loud", "log.level is `loud`"),
            ("THUMBTURN_METRICS__ENABLED", "maybe", "`metrics.enabled` is by default true"),
            ("THUMBTURN_CORS__ALLOWED_ORIGINS", r#"["https://a.example"]"#, "cors.allowed_origins"),
            ("THUMBTURN_CORS__ALLOWED_ORIGINS", "*", "cors.allowed_origins is `*`"),
            ("THUMBTURN_CORS__ALLOWED_ORIGINS", "https://a.example/", "without a path"),
            ("THUMBTURN_DATABASE_URL", "postgres://u:secret@h/d?sslmode=maybe", "verify-full"),
            ("THUMBTURN_DATABASE__READERS", "0", "database.readers is 0"),
            ("THUMBTURN_DATABASE_URL", "sqlite:///x.db", "data_dir"),
            ("THUMBTURN_DATABASE_URL", "mysql://h", "database_url"),
        ] {
            let message = load(&[(name, value)]).unwrap_err().to_string();
            assert!(!message.contains("secret@"), "{message}");
            assert!(message.contains(expected), "{name}={value}: {message}");
        }
    }
}
