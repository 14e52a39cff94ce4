//! The built server in a temporary folder, and just enough of an HTTP client.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use thumbturn_locksim::Broker;
use tokio::net::TcpStream;

use crate::listening;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server process. It is killed when it is dropped.
pub(crate) struct Server {
    folder: TempDir,
    settings: Vec<(String, String)>,
    child: Option<Child>,
    address: String,
    api_key: String,
}

impl Server {
    /// A new installation, served.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut server = Self { folder, settings, child: None, address: String::new(), api_key: String::new() };
        let made = server.command("init").arg("--json").output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        server.api_key = made["api_key"].as_str().unwrap().to_owned();
        server.serve().await;
        server
    }

    /// Another node on the same database, served.
    pub(crate) async fn beside(&self) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::copy(self.folder().join("secrets.key"), folder.path().join("secrets.key")).unwrap();
        let (settings, api_key) = (self.settings.clone(), self.api_key.clone());
        let mut server = Self { folder, settings, child: None, address: String::new(), api_key };
        server.serve().await;
        server
    }

    /// Sends the process a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().and_then(|child| Pid::from_raw(child.id().cast_signed()));
        kill_process(pid.unwrap(), signal).unwrap();
    }

    /// The data directory.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// What it has logged, over restarts.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("test.log")
    }

    fn command(&self, word: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thumbturn"));
        command.arg(word).arg("--data-dir").arg(self.folder.path()).env_remove("THUMBTURN_BIN");
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts the process and waits until it says that it listens.
    pub(crate) async fn serve(&mut self) {
        let mut child = self.command("serve");
        let log = File::options().append(true).create(true).open(self.log()).unwrap();
        let mut child = child.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let out = child.stdout.take().unwrap();
        self.child = Some(child);
        self.address = listening::address(out, PATIENCE).await;
    }

    /// Starts the process and kills it after `time`, wherever its start is then.
    pub(crate) async fn serve_briefly(&mut self, time: Duration) {
        let mut command = self.command("serve");
        let command = command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        tokio::time::sleep(time).await;
        self.kill();
    }

    /// Ends the process without warning.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Calls the API. A connection that breaks off is an error.
    pub(crate) async fn try_call(&self, path: &str, body: Value) -> Result<(u16, Value), hyper::Error> {
        call(&self.address, &self.api_key, path, body).await
    }

    /// Calls the API.
    pub(crate) async fn call(&self, path: &str, body: Value) -> (u16, Value) {
        self.try_call(path, body).await.unwrap()
    }

    /// What another task needs for calls of its own.
    pub(crate) fn address_and_key(&self) -> (String, String) {
        (self.address.clone(), self.api_key.clone())
    }

    /// Connects a hub; the account.
    pub(crate) async fn connect_hub(&self, provider: &str, config: Value) -> Value {
        let body = json!({"provider": provider, "config": config});
        let (status, answer) = self.call("/thumbturn/connected_accounts/create", body).await;
        assert_eq!(status, 200, "{answer}");
        answer["connected_account"].clone()
    }

    /// Connects a broker; the account's id.
    pub(crate) async fn connect(&self, broker: &Broker) -> String {
        let mut config = json!({"url": broker.url()});
        if let Some((username, password)) = &broker.credentials {
            config["username"] = json!(username);
            config["password"] = json!(password);
        }
        if let Some(ca) = &broker.ca_pem {
            config["ca_pem"] = json!(ca);
        }
        let account = self.connect_hub("mqtt", config).await;
        account["connected_account_id"].as_str().unwrap().to_owned()
    }

    /// The device of that name, once `ready` holds for it.
    pub(crate) async fn device(&self, name: &str, ready: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        let mut last = Value::Null;
        while Instant::now() < until {
            let (_, answer) = self.call("/devices/list", json!({"limit": 5000})).await;
            let devices = answer["devices"].as_array().cloned().unwrap_or_default();
            if let Some(found) = devices.into_iter().find(|device| device["properties"]["appearance"]["name"] == name) {
                if ready(&found) {
                    return found;
                }
                last = found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the device {name} did not become as expected: {last}");
    }

    /// The id of the device of that name, once its position is known.
    pub(crate) async fn lock(&self, name: &str) -> String {
        let device = self.device(name, |device| device["properties"]["locked"].is_boolean()).await;
        device["device_id"].as_str().unwrap().to_owned()
    }

    /// Locks or unlocks, waiting for the end.
    pub(crate) async fn act(&self, path: &str, device: &str) -> Value {
        let (status, answer) = self.call(path, json!({"device_id": device, "sync": true})).await;
        assert_eq!(status, 200, "{answer}");
        answer["action_attempt"].clone()
    }

    /// The attempt, once it has ended.
    pub(crate) async fn ended(&self, attempt: &str) -> Value {
        let until = Instant::now() + PATIENCE + PATIENCE;
        loop {
            let (_, answer) = self.call("/action_attempts/get", json!({"action_attempt_id": attempt})).await;
            if answer["action_attempt"]["status"] != "pending" {
                return answer["action_attempt"].clone();
            }
            assert!(Instant::now() < until, "the attempt is pending for ever");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What is kept of an attempt.
    pub(crate) async fn evidence(&self, attempt: &Value) -> Value {
        let id = json!({"action_attempt_id": attempt["action_attempt_id"]});
        let (status, answer) = self.call("/thumbturn/action_attempts/evidence", id).await;
        assert_eq!(status, 200, "{answer}");
        answer["action_attempt_evidence"].clone()
    }

    /// Waits until an attempt on the device has been accepted.
    pub(crate) async fn accepted(&self, device: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let (_, answer) = self.call("/action_attempts/list", json!({"device_id": device})).await;
            if answer["action_attempts"].as_array().is_some_and(|attempts| !attempts.is_empty()) {
                return;
            }
            assert!(Instant::now() < until, "no attempt was accepted");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every event of a device, oldest first.
    pub(crate) async fn events(&self, device: &str) -> Vec<Value> {
        let body = json!({"since": "2020-01-01T00:00:00Z", "device_id": device, "limit": 10_000});
        let (_, answer) = self.call("/events/list", body).await;
        answer["events"].as_array().cloned().unwrap_or_default()
    }

    /// The event that `matches`, once there is one.
    pub(crate) async fn event(&self, device: &str, matches: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let events = self.events(device).await;
            if let Some(found) = events.iter().find(|event| matches(event)) {
                return found.clone();
            }
            assert!(Instant::now() < until, "no such event among {events:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One call on a connection of its own.
pub(crate) async fn call(address: &str, key: &str, path: &str, body: Value) -> Result<(u16, Value), hyper::Error> {
    call_with(address, key, path, body, &[]).await
}

/// The same with more headers than every call has.
pub(crate) async fn call_with(
    address: &str,
    key: &str,
    path: &str,
    body: Value,
    headers: &[(&str, &str)],
) -> Result<(u16, Value), hyper::Error> {
    let stream = match TcpStream::connect(address).await {
        Ok(stream) => stream,
        Err(_) => return Ok((0, Value::Null)),
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::post(path)
        .header("host", address)
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json");
    let request = headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value))
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap();
    let answer = sender.send_request(request).await?;
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await?.to_bytes();
    Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
}
