//! How the two agree on how to talk: the server says which versions of the protocol it takes.

use thumbturn_core::ports::ConnectError;

use super::wire::ServerInfo;
use crate::websocket::{Connection, Server};

/// The version of the protocol that we talk.
const SCHEMA: u64 = 11;

/// Connects; the second is the fabric of the server, by its compressed id.
///
/// # Errors
/// [`ConnectError`], with a text that names the server.
pub(super) async fn connect(server: &Server) -> Result<(Connection, u64), ConnectError> {
    let mut connection = Connection::open(server).await?;
    let info: ServerInfo = connection.hear().await?;
    check(server, &info)?;
    tracing::debug!(server = server.address(), version = info.sdk_version, info.schema_version, "connected to Matter");
    Ok((connection, info.compressed_fabric_id))
}

fn check(server: &Server, info: &ServerInfo) -> Result<(), ConnectError> {
    let (address, version) = (server.address(), &info.sdk_version);
    if info.schema_version < SCHEMA {
        return Err(ConnectError::BadConfig(format!(
            "The Matter server {address} (SDK {version}) is too old: update it to 7.0 or newer."
        )));
    }
    if info.min_supported_schema_version > SCHEMA {
        return Err(ConnectError::BadConfig(format!(
            "The Matter server {address} (SDK {version}) is newer than this server can talk to: update Thumbturn."
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::config::parse_config;
    use super::*;

    fn checked(min: u64, max: u64) -> Result<(), ConnectError> {
        let config = parse_config(r#"{"url": "ws://matter"}"#).unwrap();
        // As a server of 2024 greets, with ids that no double can hold.
        let info = json!({
            "fabric_id": 1, "compressed_fabric_id": 8_149_785_468_402_443_321_u64, "schema_version": max,
            "min_supported_schema_version": min, "sdk_version": "2024.11.4", "wifi_credentials_set": false,
        });
        let info: ServerInfo = serde_json::from_value(info).unwrap();
        assert_eq!(info.compressed_fabric_id, 8_149_785_468_402_443_321);
        check(&config.server, &info)
    }

    #[test]
    fn both_kinds_of_server_are_talked_to() {
        assert_eq!(checked(9, 11), Ok(()));
        assert_eq!(checked(11, 13), Ok(()));
    }

    #[test]
    fn a_version_that_one_does_not_know_names_who_is_to_be_updated() {
        let told = |why: Result<(), ConnectError>| match why {
            Err(ConnectError::BadConfig(text)) => text,
            other => panic!("{other:?}"),
        };
        assert!(told(checked(5, 10)).contains("matter:5580 (SDK 2024.11.4) is too old"));
        assert!(told(checked(12, 14)).contains("update Thumbturn"));
    }
}
