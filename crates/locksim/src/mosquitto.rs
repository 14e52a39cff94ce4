//! A real Mosquitto for tests: started on a free port, killed, frozen and restarted at will, gone when dropped.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rumqttc::{AsyncClient, Event, Packet};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use thumbturn_testports::Port;

use crate::{Broker, Error, TestCertificates};

const ACCEPT_WITHIN: Duration = Duration::from_secs(10);
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Whether retained messages outlive the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Persistence {
    /// Every restart loses them.
    #[default]
    Off,
    /// Written when the broker is stopped politely: a kill loses them.
    OnStop,
    /// Written after every change: a kill loses at most the last second.
    EveryChange,
}

/// How a broker is to be set up. The default is one that anybody may use, without TLS and without persistence.
#[derive(Debug, Clone, Default)]
pub struct MosquittoConfig {
    /// What outlives a restart.
    pub persistence: Persistence,
    /// The only user and password let in.
    pub credentials: Option<(String, String)>,
    /// Talk TLS with certificates made for the occasion.
    pub tls: bool,
    /// Further lines for `mosquitto.conf`.
    pub extra: Vec<String>,
}

/// A running Mosquitto with a temporary folder of its own. It is killed when this is dropped.
#[derive(Debug)]
pub struct Mosquitto {
    dir: TempDir,
    program: PathBuf,
    broker: Broker,
    /// Kept while it is stopped too.
    _port: Port,
    child: Option<Child>,
}

impl Mosquitto {
    /// Starts a broker with the default set-up.
    pub async fn start() -> Result<Self, Error> {
        Self::with(MosquittoConfig::default()).await
    }

    /// Starts a broker and waits until a client got in.
    pub async fn with(config: MosquittoConfig) -> Result<Self, Error> {
        let program = find("mosquitto")?;
        let dir = tempfile::Builder::new()
            .prefix("locksim-mosquitto-")
            .tempdir()
            .map_err(Error::io("make a folder for the broker", std::env::temp_dir()))?;
        let certificates = config.tls.then(TestCertificates::make).transpose()?;
        let port = Port::free().map_err(Error::io("look for a free port", "127.0.0.1"))?;
        let broker = Broker {
            host: if config.tls { "localhost".to_owned() } else { Ipv4Addr::LOCALHOST.to_string() },
            port: port.number(),
            credentials: config.credentials.clone(),
            ca_pem: certificates.as_ref().map(|made| made.ca.clone()),
        };
        let mut this = Self { dir, program, broker, _port: port, child: None };
        this.write_secrets(&config, certificates.as_ref())?;
        this.write(this.path("mosquitto.conf"), &this.render(&config))?;
        this.launch().await?;
        Ok(this)
    }

    /// How to reach this broker.
    #[must_use]
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// The TCP port on 127.0.0.1, the same over restarts.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.broker.port
    }

    /// The certificate authority as a file, for clients that want a path. Present with TLS only.
    #[must_use]
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.broker.ca_pem.is_some().then(|| self.path("ca.pem"))
    }

    /// Kills the broker on the spot (SIGKILL), whatever it is doing.
    pub fn kill(&mut self) -> Result<(), Error> {
        if let Some(mut child) = self.child.take() {
            child.kill().and_then(|()| child.wait()).map_err(Error::io("kill the broker", &self.program))?;
        }
        Ok(())
    }

    /// Stops the broker politely (SIGTERM), so that it writes what it keeps.
    pub async fn stop(&mut self) -> Result<(), Error> {
        if self.child.is_none() {
            return Ok(());
        }
        self.signal(Signal::TERM)?;
        // A frozen broker would not hear it.
        self.signal(Signal::CONT)?;
        let deadline = Instant::now() + STOP_WITHIN;
        loop {
            if self.ended()?.is_some() {
                self.child = None;
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Error::TimedOut { what: "the broker's end".to_owned(), within: STOP_WITHIN });
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Stops the broker if it runs and starts it again on the same port with the same set-up.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.stop().await?;
        self.launch().await
    }

    /// Stops the clock of the broker (SIGSTOP): connections stay, nothing moves.
    pub fn freeze(&self) -> Result<(), Error> {
        self.signal(Signal::STOP)
    }

    /// Lets a frozen broker go on (SIGCONT).
    pub fn thaw(&self) -> Result<(), Error> {
        self.signal(Signal::CONT)
    }

    /// What the broker wrote to its log since it was started last.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("mosquitto.log")).unwrap_or_default()
    }

    async fn launch(&mut self) -> Result<(), Error> {
        self.child = Some(self.spawn()?);
        let deadline = Instant::now() + ACCEPT_WITHIN;
        loop {
            if let Some(status) = self.ended()? {
                self.child = None;
                return Err(Error::BrokerEnded { status, log: self.log_end() });
            }
            // Only its own word that it runs counts: a stranger who took the port first would greet just as nicely.
            if self.says_it_runs() && hello(&self.broker).await {
                return Ok(());
            }
            if Instant::now() > deadline {
                let what = format!("a connection to the broker; its log: {}", self.log_end());
                return Err(Error::TimedOut { what, within: ACCEPT_WITHIN });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn spawn(&self) -> Result<Child, Error> {
        let log = self.path("mosquitto.log");
        let out = fs::File::create(&log).map_err(Error::io("make the broker's log", &log))?;
        let err = out.try_clone().map_err(Error::io("make the broker's log", &log))?;
        Command::new(&self.program)
            .arg("-c")
            .arg(self.path("mosquitto.conf"))
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(Error::io("start the broker", &self.program))
    }

    fn ended(&mut self) -> Result<Option<String>, Error> {
        let Some(child) = &mut self.child else { return Ok(Some("not running".to_owned())) };
        let status = child.try_wait().map_err(Error::io("look after the broker", &self.program))?;
        Ok(status.map(|status| status.to_string()))
    }

    fn signal(&self, signal: Signal) -> Result<(), Error> {
        let child = self.child.as_ref().ok_or_else(|| Error::Signal("it is not running".to_owned()))?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| Error::Signal("it has no process id".to_owned()))?;
        kill_process(pid, signal).map_err(|error| Error::Signal(error.to_string()))
    }

    fn render(&self, config: &MosquittoConfig) -> String {
        let mut text = format!("listener {} 127.0.0.1\nset_tcp_nodelay true\nlog_dest stderr\n", self.broker.port);
        if rustix::process::geteuid().is_root() {
            // Otherwise it drops to a user of its own, who may not enter the temporary folder.
            text.push_str("user root\n");
        }
        if config.credentials.is_some() {
            let _ = write!(text, "allow_anonymous false\npassword_file {}\n", self.path("passwords").display());
        } else {
            text.push_str("allow_anonymous true\n");
        }
        if config.tls {
            let (server, key) = (self.path("server.pem"), self.path("server.key"));
            let _ = write!(text, "certfile {}\nkeyfile {}\n", server.display(), key.display());
        }
        if config.persistence != Persistence::Off {
            let _ = write!(text, "persistence true\npersistence_location {}/\n", self.dir.path().display());
        }
        if config.persistence == Persistence::EveryChange {
            text.push_str("autosave_on_changes true\nautosave_interval 1\n");
        }
        for line in &config.extra {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    fn write_secrets(&self, config: &MosquittoConfig, made: Option<&TestCertificates>) -> Result<(), Error> {
        if let Some(made) = made {
            self.write(self.path("ca.pem"), &made.ca)?;
            self.write(self.path("server.pem"), &made.server)?;
            self.write(self.path("server.key"), &made.key)?;
        }
        let Some((user, password)) = &config.credentials else { return Ok(()) };
        let program = find("mosquitto_passwd")?;
        let file = self.path("passwords");
        let output = Command::new(&program)
            .args(["-b", "-c"])
            .arg(&file)
            .args([user, password])
            .output()
            .map_err(Error::io("run mosquitto_passwd", &program))?;
        if output.status.success() {
            return Ok(());
        }
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Error::BrokerEnded { status: format!("mosquitto_passwd: {}", output.status), log })
    }

    fn write(&self, path: PathBuf, text: &str) -> Result<(), Error> {
        fs::write(&path, text).map_err(Error::io("write a file for the broker", path))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Whether the log says that every listener is open: it comes after the port was taken.
    fn says_it_runs(&self) -> bool {
        self.log().lines().any(|line| line.contains("mosquitto version") && line.ends_with("running"))
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            tracing::warn!(%error, "the broker could not be killed");
        }
    }
}

/// The program's path: `/usr/sbin`, where Debian puts the broker, is often not on an ordinary user's PATH.
fn find(program: &'static str) -> Result<PathBuf, Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/sbin"];
    std::env::split_paths(&path)
        .chain(usual.iter().map(|dir| Path::new(dir).to_path_buf()))
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
        .ok_or(Error::NotInstalled { program })
}

/// Whether a whole MQTT greeting succeeds.
async fn hello(broker: &Broker) -> bool {
    let (options, network) = broker.options("hello");
    let (_client, mut events) = AsyncClient::new(options, 8);
    events.set_network_options(network);
    let greeting = async { matches!(events.poll().await, Ok(Event::Incoming(Packet::ConnAck(_)))) };
    tokio::time::timeout(Duration::from_secs(1), greeting).await.unwrap_or(false)
}
