//! The real Matter server.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use thumbturn_testports::Port;
use tokio::process::Command;

use super::{Client, House, folder};
use crate::Error;
use crate::process::{Process, free_port, start_hub};

/// How long a hub may take until it serves.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The Python environment that holds the server, beside the build's own folders.
const PYTHON: &str = "e2e-venv-matter";

/// A running hub. It is killed when this is dropped.
pub struct Hub {
    storage: TempDir,
    port: Port,
    process: Process,
}

impl Hub {
    /// Starts a hub beside a house, and commissions every lock, in order.
    pub async fn on(house: &House) -> Result<Self, Error> {
        let storage = tempfile::Builder::new().prefix("hubsim-").tempdir();
        let storage = storage.map_err(Error::io("make a folder for a hub"))?;
        let port = free_port()?;
        let process = start(house, port.number(), &storage).await?;
        let hub = Self { storage, port, process };
        let mut client = Client::connect(&hub.url()).await?;
        for code in house.built().codes.values() {
            client.commission(code).await?;
        }
        Ok(hub)
    }

    /// The address of its WebSocket, the same over restarts.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/ws", self.port.number())
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
        self.process = start(house, self.port.number(), &self.storage).await?;
        Ok(())
    }
}

async fn start(house: &House, port: u16, storage: &TempDir) -> Result<Process, Error> {
    let built = house.built();
    let spec = json!({
        "house": built.pid, "port": port, "storage": storage.path(), "authority": built.authority,
    });
    let mut command = Command::new(python()?);
    command.arg(folder().join("hub.py")).arg(spec.to_string());
    let (process, _) = start_hub("hub.py", command, &["a hub that serves"], READY_WITHIN).await?;
    Ok(process)
}

fn python() -> Result<PathBuf, Error> {
    let program = std::env::current_exe().map_err(Error::io("find out where the tests are"))?;
    let mut places = program.ancestors().map(|folder| folder.join(PYTHON).join("bin/python"));
    places.find(|python| python.is_file()).ok_or_else(|| Error::NoPython(PathBuf::from(PYTHON)))
}
