//! The real Home Assistant.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use thumbturn_testports::Port;
use tokio::process::Command;

use super::House;
use crate::Error;
use crate::process::{Process, free_port, start_hub};

/// How long a hub may take until it runs: Python reads a lot of files.
const RUNNING_WITHIN: Duration = Duration::from_secs(120);

/// A running hub. It is killed when this is dropped.
pub struct Hub {
    folder: TempDir,
    port: Port,
    process: Process,
    token: String,
    admin: String,
    zwave: Option<String>,
}

impl Hub {
    /// Starts a hub on the locks of a house, and waits until it runs.
    pub async fn on(house: &House) -> Result<Self, Error> {
        Self::begin(house, None).await
    }

    /// The same, connected to a Z-Wave JS server as well, by the integration that it has for that.
    pub async fn with_zwave(house: &House, server: &str) -> Result<Self, Error> {
        Self::begin(house, Some(server.to_owned())).await
    }

    async fn begin(house: &House, zwave: Option<String>) -> Result<Self, Error> {
        let folder = tempfile::Builder::new().prefix("hubsim-").tempdir();
        let folder = folder.map_err(Error::io("make a folder for a hub"))?;
        let port = free_port()?;
        let (process, words) = start(house, port.number(), &folder, zwave.as_deref()).await?;
        let token = |of: &str| words[of].as_str().unwrap_or_default().to_owned();
        Ok(Self { folder, port, process, token: token("token"), admin: token("admin"), zwave })
    }

    /// Its address, the same over restarts.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number())
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port.number()
    }

    /// The token of an ordinary user.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The token of an administrator.
    #[must_use]
    pub fn admin(&self) -> &str {
        &self.admin
    }

    /// Kills it on the spot, whatever it is doing.
    pub async fn kill(&mut self) -> Result<(), Error> {
        self.process.kill().await
    }

    /// Starts it again after it was killed, on what it remembered, and waits until it runs.
    pub async fn restart(&mut self, house: &House) -> Result<(), Error> {
        (self.process, _) = start(house, self.port.number(), &self.folder, self.zwave.as_deref()).await?;
        Ok(())
    }
}

/// Starts it and waits until it runs; what it says first are its tokens.
async fn start(house: &House, port: u16, folder: &TempDir, zwave: Option<&str>) -> Result<(Process, Value), Error> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let environment = target.unwrap_or_else(|| root.join("target")).join("e2e-venv-home-assistant");
    let python = environment.join("bin/python");
    if !python.is_file() {
        return Err(Error::NoPython(environment));
    }
    let home = folder.path().join("home");
    let spec =
        json!({"folder": home, "port": port, "locks": house.port(), "zigbee": house.has_zigbee(), "zwave": zwave});
    let program = root.join("e2e/home_assistant/hub.py");
    let mut command = Command::new(python);
    command.arg(program).arg(spec.to_string()).env("PYTHONDONTWRITEBYTECODE", "1");
    let says = ["the tokens of a Home Assistant", "a Home Assistant that runs"];
    let (process, mut said) = start_hub("Home Assistant", command, &says, RUNNING_WITHIN).await?;
    Ok((process, said.swap_remove(0)))
}
