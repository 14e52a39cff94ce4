//! A server of one test.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use thumbturn_testports::Port;

use crate::programs::Programs;
use crate::{Database, Error};

const READY_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

/// How a server is to be set up. The default is one for this machine's users alone, over its socket, which forgets what it
/// has when the power goes.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What is committed is on the disk.
    pub durable: bool,
    /// Who comes over the network (127.0.0.1) must know this password; without it nobody may come that way.
    pub password: Option<String>,
    /// Certificate and key, as PEM: who comes over the network must do so with TLS.
    pub tls: Option<(String, String)>,
    /// Further settings, as `name=value`.
    pub extra: Vec<String>,
}

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Connections are cut off, and what is there is written down.
    Fast,
    /// As if the machine had lost its power, but for what the system has in memory.
    Crash,
}

/// A running PostgreSQL. It is killed when this is dropped, and its folder removed.
#[derive(Debug)]
pub struct Server {
    programs: Programs,
    dir: TempDir,
    port: Port,
    settings: Settings,
    child: Option<Child>,
}

impl Server {
    /// Makes a server and waits until it answers.
    ///
    /// # Errors
    /// [`Error`]
    pub fn start(settings: Settings) -> Result<Self, Error> {
        let programs = Programs::find()?;
        let dir = tempfile::Builder::new()
            .prefix("thumbturn-pg-")
            .tempdir()
            .map_err(Error::io("make a folder in", std::env::temp_dir()))?;
        make(&programs, dir.path(), &settings)?;
        let port = Port::free().map_err(Error::io("listen on", "127.0.0.1"))?;
        let mut server = Self { programs, dir, port, settings, child: None };
        server.run()?;
        Ok(server)
    }

    /// Starts the stopped server again, with what it has, at the same address.
    ///
    /// # Errors
    /// [`Error`]
    pub fn run(&mut self) -> Result<(), Error> {
        self.child = Some(launch(&self.programs, self.dir.path(), self.port.number(), &self.settings)?);
        Ok(())
    }

    /// Stops the server and waits until it is gone.
    ///
    /// # Errors
    /// [`Error`]
    pub fn stop(&mut self, how: Stop) -> Result<(), Error> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let signal = match how {
            Stop::Fast => Signal::INT,
            Stop::Crash => Signal::QUIT,
        };
        if let Some(pid) = Pid::from_raw(child.id().cast_signed()) {
            let _ = kill_process(pid, signal);
        }
        child.wait().map(drop).map_err(Error::io("wait for", self.dir.path()))
    }

    /// Makes an empty database; it goes with the server.
    ///
    /// # Errors
    /// [`Error`]
    pub fn database(&self) -> Result<Database, Error> {
        Database::make(self.programs.clone(), socket_folder(self.dir.path()), self.port.number(), false)
    }

    /// Its port, on the network as on its socket.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port.number()
    }

    /// The URL of a database for whoever comes over the network as `postgres`.
    #[must_use]
    pub fn url(&self, database: &Database, password: &str) -> String {
        format!("postgres://postgres:{password}@127.0.0.1:{}/{}", self.port(), database.name())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop(Stop::Crash);
    }
}

pub(crate) fn socket_folder(dir: &Path) -> PathBuf {
    dir.join("socket")
}

fn data_folder(dir: &Path) -> PathBuf {
    dir.join("data")
}

/// Makes what a server needs in its folder.
pub(crate) fn make(programs: &Programs, dir: &Path, settings: &Settings) -> Result<(), Error> {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o711)).map_err(Error::io("open", dir))?;
    let (data, socket) = (data_folder(dir), socket_folder(dir));
    programs.make_folder(&data)?;
    programs.make_folder(&socket)?;
    let path = data.to_string_lossy();
    let arguments =
        ["-D", &path, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions"];
    programs.run("initdb", &arguments)?;
    let entrance = match (&settings.password, &settings.tls) {
        (None, _) => "local all all trust\n",
        (Some(_), None) => "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n",
        (Some(_), Some(_)) => "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n",
    };
    let rules = data.join("pg_hba.conf");
    fs::write(&rules, entrance).map_err(Error::io("write", &rules))?;
    if let Some((certificate, key)) = &settings.tls {
        for (name, content) in [("server.crt", certificate), ("server.key", key)] {
            let path = data.join(name);
            fs::write(&path, content).map_err(Error::io("write", &path))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(Error::io("close", &path))?;
            programs.give(&path)?;
        }
    }
    Ok(())
}

/// Starts a server and waits until it answers.
pub(crate) fn launch(programs: &Programs, dir: &Path, port: u16, settings: &Settings) -> Result<Child, Error> {
    let log = dir.join("log");
    let file = File::create(&log).map_err(Error::io("make", &log))?;
    let again = file.try_clone().map_err(Error::io("open", &log))?;
    let mut command = programs.command("postgres");
    command.arg("-D").arg(data_folder(dir)).arg("-k").arg(socket_folder(dir)).arg("-p").arg(port.to_string());
    let address = if settings.password.is_some() { "listen_addresses=127.0.0.1" } else { "listen_addresses=" };
    let mut lines = vec![address, "max_connections=200", "shared_buffers=64MB", "autovacuum_naptime=10s"];
    if !settings.durable {
        lines.extend(["fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0"]);
    }
    if settings.tls.is_some() {
        lines.push("ssl=on");
    }
    if settings.password.is_some() {
        lines.push("password_encryption=scram-sha-256");
    }
    for line in lines.into_iter().chain(settings.extra.iter().map(String::as_str)) {
        command.args(["-c", line]);
    }
    let child = command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(again)
        .process_group(0)
        .spawn()
        .map_err(Error::io("run", "postgres"))?;
    await_ready(programs, dir, port, &log, settings)?;
    Ok(child)
}

fn await_ready(programs: &Programs, dir: &Path, port: u16, log: &Path, settings: &Settings) -> Result<(), Error> {
    let until = Instant::now() + READY_WITHIN;
    let pid_file = data_folder(dir).join("postmaster.pid");
    // The last line of this file says how far the start is.
    while !fs::read_to_string(&pid_file)
        .is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.trim() == "ready"))
    {
        if Instant::now() >= until {
            let text = fs::read_to_string(log).unwrap_or_default();
            return Err(Error::NotReady { seconds: READY_WITHIN.as_secs(), log: text });
        }
        sleep(POLL);
    }
    let Some(password) = &settings.password else { return Ok(()) };
    let sql = format!("ALTER USER postgres PASSWORD '{}'", password.replace('\'', "''"));
    let (socket, port) = (socket_folder(dir).to_string_lossy().into_owned(), port.to_string());
    programs
        .run("psql", &["-q", "-X", "-h", &socket, "-p", &port, "-U", "postgres", "-d", "postgres", "-c", &sql])
        .map(drop)
}
