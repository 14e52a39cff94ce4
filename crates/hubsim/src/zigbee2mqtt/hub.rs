//! The real Zigbee2MQTT.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::House;
use super::stick::{CHANNEL, EXTENDED_PAN_ID, NETWORK_KEY, PAN_ID};
use crate::Error;
use crate::process;

/// How long a hub may take until it runs: Node reads a lot of files.
const RUNNING_WITHIN: Duration = Duration::from_secs(90);

/// How long a lock may take to join and be set up.
const JOINED_WITHIN: Duration = Duration::from_secs(60);

/// How long a hub may take to stop.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);

/// Its word that it runs.
const RUNNING: &str = "Zigbee2MQTT started!";

/// What can be chosen of a hub. The default is one as it is recommended to be set up, with the time of each word of a lock.
#[derive(Clone, Debug)]
pub struct HubSettings {
    /// Whether each message says when the lock was heard.
    pub last_seen: bool,
    /// Whether locks are announced by Home Assistant MQTT discovery as well.
    pub home_assistant: bool,
    /// After so many minutes of silence a lock is called unavailable, and after those of the hub's own choice without.
    pub silent_minutes: Option<u32>,
    /// Whether the last state of each lock is kept over a restart.
    pub keeps_state: bool,
}

impl Default for HubSettings {
    fn default() -> Self {
        Self { last_seen: true, home_assistant: false, silent_minutes: None, keeps_state: true }
    }
}

/// A running hub. It is killed when this is dropped.
pub struct Hub {
    folder: TempDir,
    child: Child,
}

impl Hub {
    /// Starts a hub on the locks of a house, with the broker at this address (`mqtt://host:port`), and waits until every
    /// lock has joined it and was set up.
    pub async fn on(house: &House, broker: &str) -> Result<Self, Error> {
        Self::with(house, broker, &HubSettings::default()).await
    }

    /// The same with other settings.
    pub async fn with(house: &House, broker: &str, settings: &HubSettings) -> Result<Self, Error> {
        let folder = tempfile::Builder::new().prefix("hubsim-").tempdir();
        let folder = folder.map_err(Error::io("make a folder for a hub"))?;
        let file = folder.path().join("configuration.yaml");
        std::fs::write(file, configuration(house, broker, settings)).map_err(Error::io("write a hub's settings"))?;
        let child = start(folder.path())?;
        let mut hub = Self { folder, child };
        hub.says(RUNNING, RUNNING_WITHIN).await?;
        hub.knows_new(house).await?;
        Ok(hub)
    }

    /// Has locks join that are new to the coordinator, and waits until each was set up.
    pub async fn knows_new(&mut self, house: &House) -> Result<(), Error> {
        for lock in house.introduce() {
            self.says(&format!("Successfully configured '{lock}'"), JOINED_WITHIN).await?;
        }
        Ok(())
    }

    /// Kills it on the spot, whatever it is doing.
    pub async fn kill(&mut self) -> Result<(), Error> {
        self.child.kill().await.map_err(Error::io("kill a program"))
    }

    /// Stops it politely: it says that it goes, and keeps what it knows.
    pub async fn stop(&mut self) -> Result<(), Error> {
        self.signal(Signal::TERM)?;
        self.ends().await
    }

    /// Waits until it ends by itself.
    pub async fn ends(&mut self) -> Result<(), Error> {
        let ended = tokio::time::timeout(STOPPED_WITHIN, self.child.wait()).await;
        let ended = ended.map_err(|_| Error::TimedOut { what: "the end of a hub", within: STOPPED_WITHIN })?;
        ended.map(drop).map_err(Error::io("wait for the end of a program"))
    }

    /// Starts it again after it ended, on what it remembered, and waits until it runs.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.child = start(self.folder.path())?;
        self.says(RUNNING, RUNNING_WITHIN).await
    }

    /// Stops its clock: connections stay, nothing moves.
    pub fn freeze(&self) -> Result<(), Error> {
        self.signal(Signal::STOP)
    }

    /// Lets a frozen hub go on.
    pub fn thaw(&self) -> Result<(), Error> {
        self.signal(Signal::CONT)
    }

    /// What it wrote to its log since it was started last.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(log_of(self.folder.path())).unwrap_or_default()
    }

    /// Waits until it says something in its log.
    pub async fn says(&mut self, words: &str, within: Duration) -> Result<(), Error> {
        let until = Instant::now() + within;
        loop {
            if self.log().contains(words) {
                return Ok(());
            }
            let ended = self.child.try_wait().map_err(Error::io("look after a program"))?;
            if ended.is_some() {
                return Err(Error::Ended("Zigbee2MQTT", self.log()));
            }
            if Instant::now() > until {
                return Err(Error::Problem(format!("no {words:?} within {within:?}: {}", self.log())));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn signal(&self, signal: Signal) -> Result<(), Error> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let id = id.ok_or_else(|| Error::Problem("the hub does not run".to_owned()))?;
        kill_process(id, signal).map_err(|error| Error::Problem(error.to_string()))
    }
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("hub.log")
}

/// Starts the program. It works in its own folder, since it looks for a Git repository around it.
fn start(folder: &Path) -> Result<Child, Error> {
    let suites = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../e2e"));
    let program = suites.join("zigbee2mqtt/node_modules/zigbee2mqtt/index.js");
    if !program.is_file() {
        return Err(Error::NotInstalled(suites.join("zigbee2mqtt")));
    }
    let log = std::fs::File::create(log_of(folder)).map_err(Error::io("make a hub's log"))?;
    let errors = log.try_clone().map_err(Error::io("make a hub's log"))?;
    // That of the Z-Wave JS server; the system's is too old on Debian 12.
    let mut command = Command::new(process::node(&suites.join("zwave")));
    command.arg(program).env("ZIGBEE2MQTT_DATA", folder).env("GIT_CEILING_DIRECTORIES", folder).current_dir(folder);
    // Should it not like its settings it ends, instead of showing that on a page at a fixed port.
    command.env("Z2M_ONBOARD_NO_FAILURE_PAGE", "1").env("Z2M_ONBOARD_NO_SERVER", "1");
    command.stdin(Stdio::null()).stdout(log).stderr(errors).kill_on_drop(true);
    command.spawn().map_err(Error::io("start a program"))
}

fn configuration(house: &House, broker: &str, settings: &HubSettings) -> String {
    let mut text = String::from("version: 5\n");
    let mut put = |key: &str, value: serde_json::Value| {
        // What is JSON is YAML too.
        let _ = writeln!(text, "{key}: {value}");
    };
    let mut availability = json!({"enabled": true});
    if let Some(minutes) = settings.silent_minutes {
        availability["passive"] = json!({"timeout": minutes});
    }
    put("mqtt", json!({"base_topic": "zigbee2mqtt", "server": broker}));
    put("serial", json!({"port": format!("tcp://127.0.0.1:{}", house.port()), "adapter": "zstack"}));
    put("frontend", json!({"enabled": false}));
    put("homeassistant", json!({"enabled": settings.home_assistant}));
    put("availability", availability);
    put(
        "advanced",
        json!({
            "channel": CHANNEL,
            "pan_id": PAN_ID,
            "ext_pan_id": EXTENDED_PAN_ID,
            "network_key": NETWORK_KEY,
            "log_level": "info",
            "log_output": ["console"],
            "last_seen": if settings.last_seen { "ISO_8601" } else { "disable" },
            "cache_state_persistent": settings.keeps_state,
        }),
    );
    let devices = house.locks().into_iter().map(|(ieee, spec)| {
        let mut options = spec.options;
        options["friendly_name"] = json!(spec.name);
        (ieee, options)
    });
    put("devices", devices.collect::<serde_json::Map<_, _>>().into());
    text
}
