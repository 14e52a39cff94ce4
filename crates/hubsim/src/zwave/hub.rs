//! The real Z-Wave JS driver and server.

use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use thumbturn_testports::Port;

use super::House;
use crate::Error;
use crate::process::{Process, free_port, start_hub};

/// How long a hub may take until it knows every lock.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running hub. It is killed when this is dropped.
pub struct Hub {
    cache: TempDir,
    port: Port,
    process: Process,
}

impl Hub {
    /// Starts a hub on the stick of a house, and waits until it serves and knows every lock.
    pub async fn on(house: &House) -> Result<Self, Error> {
        let cache = tempfile::Builder::new().prefix("hubsim-").tempdir();
        let cache = cache.map_err(Error::io("make a folder for a hub"))?;
        let port = free_port()?;
        let process = start(house, port.number(), &cache).await?;
        Ok(Self { cache, port, process })
    }

    /// The address of its WebSocket, the same over restarts.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port.number())
    }

    /// The port of its WebSocket.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port.number()
    }

    /// Kills it on the spot, whatever it is doing.
    pub async fn kill(&mut self) -> Result<(), Error> {
        self.process.kill().await
    }

    /// Starts it again after it was killed, on what it remembered.
    pub async fn restart(&mut self, house: &House) -> Result<(), Error> {
        self.process = start(house, self.port.number(), &self.cache).await?;
        Ok(())
    }
}

async fn start(house: &House, port: u16, cache: &TempDir) -> Result<Process, Error> {
    let spec = json!({"serial": house.serial(), "port": port, "cache": cache.path()});
    let command = super::command("hub.mjs", &spec)?;
    let (process, _) = start_hub("hub.mjs", command, &["a hub that knows its locks"], READY_WITHIN).await?;
    Ok(process)
}
