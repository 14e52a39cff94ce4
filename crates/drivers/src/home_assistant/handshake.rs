//! How a connection begins: the token, and whether the instance runs.

use serde::Deserialize;
use serde_json::json;
use thumbturn_core::ports::ConnectError;

use super::config::Config;
use crate::websocket::Connection;

/// The number of our first request; those of the session come after it (`super::call::FIRST`).
const NUMBER: u64 = 1;

/// What is said before there are requests.
#[derive(Debug, Deserialize)]
struct Word {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    ha_version: String,
}

/// The answer to `get_config`, as far as we need it.
#[derive(Debug, Deserialize)]
struct Settings {
    result: Running,
}

#[derive(Debug, Deserialize)]
struct Running {
    state: String,
    #[serde(default)]
    recovery_mode: bool,
}

/// Connects, and makes sure that the instance runs: while it starts it takes every command and carries out none.
///
/// # Errors
/// [`ConnectError`], with a text that names the instance and what to do.
pub(super) async fn connect(config: &Config) -> Result<Connection, ConnectError> {
    let server = config.websocket();
    let mut connection = Connection::open(&server).await?;
    let word: Word = connection.hear().await?;
    if word.kind != "auth_required" {
        return Err(server.unreachable("what it says is not what a Home Assistant says"));
    }
    connection.say(&json!({"type": "auth", "access_token": config.token})).await?;
    match connection.hear::<Word>().await?.kind.as_str() {
        "auth_ok" => {}
        "auth_invalid" => return Err(refused(config)),
        _ => return Err(server.unreachable("what it says is not what a Home Assistant says")),
    }
    connection.say(&json!({"id": NUMBER, "type": "get_config"})).await?;
    let Settings { result: running } = connection.hear().await?;
    if running.recovery_mode {
        return Err(server.unreachable("it runs in recovery mode, without its locks: look at its own log"));
    }
    if running.state != "RUNNING" {
        return Err(server.unreachable("it is starting or stopping"));
    }
    tracing::debug!(server = server.address(), version = word.ha_version, "connected to Home Assistant");
    Ok(connection)
}

/// The token is not taken.
pub(super) fn refused(config: &Config) -> ConnectError {
    ConnectError::CredentialsRefused(format!(
        "The Home Assistant {} refuses the token: make a new long-lived access token on your profile page there, and put it \
         into this account's token.",
        config.websocket().address()
    ))
}
