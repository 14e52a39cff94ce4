//! How the two agree on how to talk: the server greets, we choose a version of the protocol.

use serde_json::json;
use thumbturn_core::ports::ConnectError;

use super::wire::{Agreement, Greeting};
use crate::websocket::{Connection, Server};

/// The oldest version of the protocol that says what we need: which end of a node spoke, and error codes.
const OLDEST_SCHEMA: u64 = 32;

/// The newest version of the protocol that we know.
const NEWEST_SCHEMA: u64 = 50;

/// Connects and agrees on a version of the protocol; the second is the network behind the server.
///
/// # Errors
/// [`ConnectError`], with a text that names the server.
pub(super) async fn connect(server: &Server) -> Result<(Connection, u32), ConnectError> {
    let mut connection = Connection::open(server).await?;
    let greeting: Greeting = connection.hear().await?;
    let home = greeting.home_id.ok_or_else(|| server.unreachable("its Z-Wave driver is not ready"))?;
    let schema = schema(server, &greeting)?;
    let initialize = json!({
        "messageId": "initialize",
        "command": "initialize",
        "schemaVersion": schema,
        "additionalUserAgentComponents": {"thumbturn": env!("CARGO_PKG_VERSION")},
    });
    connection.say(&initialize).await?;
    let answer: Agreement = connection.hear().await?;
    if answer.success != Some(true) {
        return Err(ConnectError::BadConfig(format!(
            "The Z-Wave JS server {} refuses to talk to this server ({}): update both.",
            server.address(),
            answer.error_code
        )));
    }
    tracing::debug!(server = server.address(), version = greeting.server_version, schema, "connected to Z-Wave JS");
    Ok((connection, home))
}

/// The version of the protocol to talk.
fn schema(server: &Server, greeting: &Greeting) -> Result<u64, ConnectError> {
    let (server, version) = (server.address(), &greeting.server_version);
    if greeting.max_schema_version < OLDEST_SCHEMA {
        return Err(ConnectError::BadConfig(format!(
            "The Z-Wave JS server {server} (version {version}) is too old: update it to 1.32 or newer."
        )));
    }
    if greeting.min_schema_version > NEWEST_SCHEMA {
        return Err(ConnectError::BadConfig(format!(
            "The Z-Wave JS server {server} (version {version}) is newer than this server can talk to: update Thumbturn."
        )));
    }
    Ok(greeting.max_schema_version.min(NEWEST_SCHEMA))
}

#[cfg(test)]
mod tests {
    use super::super::config::parse_config;
    use super::*;

    fn agreed(min: u64, max: u64) -> Result<u64, ConnectError> {
        let config = parse_config(r#"{"url": "ws://zwave"}"#).unwrap();
        let greeting = Greeting {
            home_id: Some(1),
            server_version: "1.2.3".to_owned(),
            min_schema_version: min,
            max_schema_version: max,
        };
        schema(&config.server, &greeting)
    }

    #[test]
    fn the_newest_version_that_both_know_is_talked() {
        assert_eq!(agreed(0, 40), Ok(40));
        assert_eq!(agreed(0, 50), Ok(50));
        assert_eq!(agreed(20, 77), Ok(50));
    }

    #[test]
    fn a_version_that_one_does_not_know_names_who_is_to_be_updated() {
        let told = |why: Result<u64, ConnectError>| match why {
            Err(ConnectError::BadConfig(text)) => text,
            other => panic!("{other:?}"),
        };
        assert!(told(agreed(0, 31)).contains("zwave:3000 (version 1.2.3) is too old"));
        assert!(told(agreed(51, 60)).contains("update Thumbturn"));
    }
}
