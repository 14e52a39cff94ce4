//! A program that is talked to in lines. It ends when this is dropped.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use thumbturn_testports::Port;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::Error;

/// How often a hub is started.
const STARTS: usize = 3;

pub(crate) struct Process {
    name: &'static str,
    child: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
    errors: tempfile::NamedTempFile,
}

/// The Node that is one of the packages in a folder, since hubs need a newer one than Debian 12 has; elsewhere the system's.
pub(crate) fn node(folder: &Path) -> PathBuf {
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    let ours = folder.join(format!("node_modules/node-linux-{machine}/bin/node"));
    if ours.is_file() { ours } else { PathBuf::from("node") }
}

/// A port that is a hub's for as long as it is kept, over restarts too.
pub(crate) fn free_port() -> Result<Port, Error> {
    Port::free().map_err(Error::io("look for a free port"))
}

/// Starts a hub and waits for what it says while it comes up; again if it ended or never came up: one that was killed in the
/// middle of something may wait for its stick for ever, or meet what it had half written. Whoever watches over it at home
/// does the same.
pub(crate) async fn start_hub(
    name: &'static str,
    mut command: Command,
    says: &[&'static str],
    within: Duration,
) -> Result<(Process, Vec<Value>), Error> {
    for _ in 1..STARTS {
        match start_once(name, &mut command, says, within).await {
            Err(Error::TimedOut { .. } | Error::Ended(..)) => {}
            other => return other,
        }
    }
    start_once(name, &mut command, says, within).await
}

async fn start_once(
    name: &'static str,
    command: &mut Command,
    says: &[&'static str],
    within: Duration,
) -> Result<(Process, Vec<Value>), Error> {
    let mut process = Process::start(name, command)?;
    let mut said = Vec::with_capacity(says.len());
    for what in says {
        said.push(process.next(what, within).await?);
    }
    Ok((process, said))
}

impl Process {
    /// Starts a program; `name` is what it is called where it fails.
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Result<Self, Error> {
        let errors = tempfile::NamedTempFile::new().map_err(Error::io("make a file for a program's errors"))?;
        let log = errors.reopen().map_err(Error::io("open a file for a program's errors"))?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::io("start a program"))?;
        let closed = || Error::Ended(name, String::new());
        let to = child.stdin.take().ok_or_else(closed)?;
        let from = BufReader::new(child.stdout.take().ok_or_else(closed)?).lines();
        Ok(Self { name, child, to, from, errors })
    }

    /// Its next line that is a JSON object; others are talk.
    pub(crate) async fn next(&mut self, what: &'static str, within: Duration) -> Result<Value, Error> {
        let reading = async {
            loop {
                let line = self.from.next_line().await.map_err(Error::io("read what a program says"))?;
                let Some(line) = line else { return Err(self.ended()) };
                if let Ok(value @ Value::Object(_)) = serde_json::from_str(&line) {
                    return Ok(value);
                }
            }
        };
        tokio::time::timeout(within, reading).await.map_err(|_| Error::TimedOut { what, within })?
    }

    /// Says a line to it.
    pub(crate) async fn say(&mut self, message: &Value) -> Result<(), Error> {
        let line = format!("{message}\n");
        self.to.write_all(line.as_bytes()).await.map_err(Error::io("talk to a program"))
    }

    /// Ends it on the spot.
    pub(crate) async fn kill(&mut self) -> Result<(), Error> {
        self.child.kill().await.map_err(Error::io("kill a program"))
    }

    fn ended(&self) -> Error {
        Error::Ended(self.name, std::fs::read_to_string(self.errors.path()).unwrap_or_default())
    }
}
