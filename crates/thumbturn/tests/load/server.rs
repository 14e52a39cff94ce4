//! The built server, with few places, in a temporary folder.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::listening;

/// Longest wait for a start or an end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// Open files that the process may have. The server keeps 256 of them for itself and for those whom it turns away.
const FILES: u32 = 512;

/// A server process. It is killed when it is dropped.
pub(crate) struct Server {
    folder: TempDir,
    child: Option<Child>,
    pub(crate) address: String,
    pub(crate) api_key: String,
    pub(crate) devices: Vec<String>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let binary = env!("CARGO_BIN_EXE_thumbturn");
        let made = Command::new(binary).args(["init", "--json", "--data-dir"]).arg(folder.path()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("ulimit -n {FILES} && exec \"$0\" \"$@\"")).arg(binary);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path());
        command.env("THUMBTURN_LIMITS__CONCURRENT_REQUESTS", "100");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let address = listening::address(child.stdout.take().unwrap(), PATIENCE).await;
        let api_key = made["api_key"].as_str().unwrap().to_owned();
        let devices = made["devices"].as_array().unwrap().iter();
        let devices = devices.map(|device| device["device_id"].as_str().unwrap().to_owned()).collect();
        Self { folder, child: Some(child), address, api_key, devices }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join(thumbturn_store::DATABASE_FILE)
    }

    /// Memory that it has in use, in MiB. 0 where the system does not say.
    pub(crate) fn memory(&self) -> u64 {
        self.memory_reader()()
    }

    /// Reads the same, wherever it is called.
    pub(crate) fn memory_reader(&self) -> impl Fn() -> u64 + Send + 'static {
        let pid = self.child.as_ref().unwrap().id();
        move || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()).unwrap_or(0) / 1024
        }
    }

    /// Asks it to end and waits until it has.
    pub(crate) async fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "the server ended with {status}");
                return;
            }
            if Instant::now() > until {
                child.kill().unwrap();
                panic!("the server did not end");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
