//! The server as a process: its start, its neighbours, its end, and its death.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

use crate::app::{PATIENCE, eventually};
use crate::ask::{Ask, Reply};

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

fn command(args: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thumbturn"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("THUMBTURN_") {
            command.env_remove(name);
        }
    }
    command.args(args).envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn run(args: &[&str], variables: &[(&str, &str)]) -> Ended {
    Ended::of(command(args, variables).output().unwrap())
}

/// Runs a command whose output nobody reads.
pub(crate) fn run_unread(args: &[&str]) -> Ended {
    let mut child = command(args, &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    Ended::of(child.wait_with_output().unwrap())
}

/// Runs a command that reads `input`.
pub(crate) fn run_reading(args: &[&str], input: &str) -> Ended {
    use std::io::Write as _;
    let mut command = command(args, &[]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Ended::of(child.wait_with_output().unwrap())
}

/// A running server. It is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    greeting: String,
    pub(crate) log: PathBuf,
}

impl Server {
    /// Starts a server on a free port, and waits until it says that it is ready.
    pub(crate) fn start(data: &Path, variables: &[(&str, &str)]) -> Self {
        let folder = data.display().to_string();
        let log = data.with_extension(format!("{}.log", uuid::Uuid::new_v4().simple()));
        let mut child = command(&["serve", "--data-dir", &folder, "--listen", "127.0.0.1:0"], variables)
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let lines = lines(child.stdout.take().unwrap());
        let mut greeting = String::new();
        let address = loop {
            let line = lines.recv_timeout(PATIENCE).unwrap_or_else(|_| {
                let _ = child.kill();
                panic!("no greeting: {}", std::fs::read_to_string(&log).unwrap());
            });
            greeting.push_str(&line);
            greeting.push('\n');
            if let Some((_, url)) = line.split_once(" listening on http://") {
                break url.to_owned();
            }
        };
        Self { child, address, greeting, log }
    }

    /// What stands behind `name` in the greeting.
    pub(crate) fn told(&self, name: &str) -> Option<String> {
        let line = self.greeting.lines().find_map(|line| line.strip_prefix(name))?.trim();
        (!line.starts_with('(')).then(|| line.to_owned())
    }

    pub(crate) async fn send(&self, ask: Ask) -> Option<Reply> {
        let stream = TcpStream::connect(&self.address).await.ok()?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let method = ask.method.clone();
        let body = Bytes::from(ask.body.clone());
        let mut request = ask.into_http().map(|_| Full::new(body));
        let path = request.uri().path().to_owned();
        request.headers_mut().insert("host", self.address.parse().unwrap());
        let answer = tokio::time::timeout(PATIENCE, sender.send_request(request)).await.ok()?.ok()?;
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.ok()?.to_bytes();
        Some(Reply::of(&method, &path, parts.status, parts.headers, &bytes))
    }

    async fn post(&self, key: &str, path: &str, body: Value) -> Reply {
        self.send(Ask::post(path).bearer(key).json(body)).await.expect("no answer")
    }

    pub(crate) async fn devices(&self, key: &str) -> Vec<Value> {
        let Value::Array(devices) = self.post(key, "/devices/list", json!({})).await.field("devices") else { panic!() };
        devices.iter().map(|device| device["device_id"].clone()).collect()
    }

    async fn attempts(&self, key: &str) -> Vec<Value> {
        let all = self.post(key, "/action_attempts/list", json!({"limit": 20_000})).await.field("action_attempts");
        all.as_array().unwrap().clone()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end; the exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the server does not end");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// An empty folder, and a data directory that is not there yet.
pub(crate) struct Place {
    _dir: TempDir,
    pub(crate) data: PathBuf,
}

pub(crate) fn place() -> Place {
    let dir = TempDir::new().unwrap();
    Place { data: dir.path().join("data"), _dir: dir }
}

#[tokio::test]
async fn the_first_start_prints_a_call_that_unlocks_and_later_ones_no_secrets() {
    let place = place();
    let mut server = Server::start(&place.data, &[]);
    let key = server.told("API key").unwrap();
    for part in [
        "curl -sS -X POST http://",
        "/locks/unlock_door \\",
        &format!("-H 'Authorization: Bearer {key}' \\"),
        "-H 'Content-Type: application/json' \\",
        "Front Door",
    ] {
        assert!(server.greeting.contains(part), "{part} is not in\n{}", server.greeting);
    }
    let curl: String = server
        .greeting
        .lines()
        .skip_while(|line| !line.starts_with("curl"))
        .take(4)
        .map(|line| format!("{line}\n"))
        .collect();
    let body = curl.split("-d '").nth(1).unwrap().split('\'').next().unwrap();
    let answer = server.post(&key, "/locks/unlock_door", serde_json::from_str(body).unwrap()).await;
    assert_eq!(answer.field("action_attempt")["result"], json!({"was_confirmed_by_device": true}));
    assert!(server.told("personal access token").unwrap().starts_with("seam_at1"));
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));

    let again = Server::start(&place.data, &[]);
    assert_eq!(again.greeting.lines().count(), 1, "{}", again.greeting);
    assert_eq!(again.devices(&key).await.len(), 5);
}

#[tokio::test]
async fn a_first_start_that_fails_keeps_the_secrets_for_the_next() {
    let place = place();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = place.data.display().to_string();
    let ended = run(&["serve", "--data-dir", &folder, "--listen", &address], &[]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("cannot listen on") && ended.err.contains(&address), "{ended:?}");
    assert!(Server::start(&place.data, &[]).told("API key").is_some());
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_refused() {
    let place = place();
    let server = Server::start(&place.data, &[]);
    let folder = place.data.display().to_string();
    let ended = run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", &folder], &[]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("another thumbturn is running on") && ended.err.contains(&folder), "{ended:?}");
    let told = run(&["init", "--json", "--data-dir", &folder], &[]);
    let told: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((&told["already_set_up"], told.get("api_key")), (&json!(true), None), "the running server was asked");
    assert_eq!(told["devices"].as_array().unwrap().len(), 5);
    let key = server.told("API key").unwrap();
    assert_eq!(server.devices(&key).await.len(), 5, "the first one goes on");
    let listed = run(&["keys", "list", "--data-dir", &folder], &[]);
    assert_eq!(listed.code, 0, "the admin socket is still there: {listed:?}");
}

#[tokio::test]
async fn keys_beside_a_running_server_work_and_end_at_once() {
    let place = place();
    let server = Server::start(&place.data, &[]);
    let folder = place.data.display().to_string();
    let keys = |args: &[&str]| -> Value {
        let mut all = vec!["keys"];
        all.extend(args);
        all.extend(["--data-dir", &folder, "--json"]);
        let ended = run(&all, &[]);
        assert_eq!(ended.code, 0, "{ended:?}");
        serde_json::from_str(&ended.out).unwrap()
    };
    use std::os::unix::fs::PermissionsExt as _;
    let socket = place.data.join("admin.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    for kind in ["api_key", "personal_access_token"] {
        let new = keys(&["create", "--kind", kind, "--name", "x"]);
        let token = new[0]["token"].as_str().unwrap();
        let ask = || Ask::get("/workspaces/list").bearer(token);
        assert_eq!(server.send(ask()).await.unwrap().status, 200);
        keys(&["revoke", new[0]["short"].as_str().unwrap()]);
        server.send(ask()).await.unwrap().assert_refused(401, "unauthorized");
    }
    let new = keys(&["create", "--kind", "publishable_key"]);
    let ask = || {
        let ask = Ask::post("/client_sessions/get_or_create")
            .header("seam-publishable-key", new[0]["token"].as_str().unwrap());
        ask.json(json!({"user_identifier_key": "u"}))
    };
    assert_eq!(server.send(ask()).await.unwrap().status, 200);
    keys(&["revoke", new[0]["key_id"].as_str().unwrap()]);
    server.send(ask()).await.unwrap().assert_refused(400, "workspace_not_found");
    assert_eq!(keys(&["list"]).as_array().unwrap().len(), 6);
    let ended = run(&["keys", "revoke", "nothing", "--data-dir", &folder], &[]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("there is no key `nothing`"), "{ended:?}");
}

async fn slow(server: &Server, key: &str, device: &Value, latency_ms: u64) {
    let body = json!({"device_id": device, "latency_ms": latency_ms});
    server.post(key, "/thumbturn/sandbox/locks/set", body).await.ok();
}

async fn commands(server: &Server, key: &str, device: &Value) -> u64 {
    let body = json!({"device_id": device});
    let lock = server.post(key, "/thumbturn/sandbox/locks/get", body).await.field("sandbox_lock");
    lock["commands"].as_u64().unwrap()
}

fn unlock(key: &str, device: &Value) -> Ask {
    let ask = Ask::post("/locks/unlock_door").bearer(key).header("prefer", "respond-async");
    ask.json(json!({"device_id": device}))
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_ends_its_attempts_first() {
    let place = place();
    let mut server = Server::start(&place.data, &[]);
    let key = server.told("API key").unwrap();
    let devices = server.devices(&key).await;
    let mut ids = Vec::new();
    for device in &devices {
        slow(&server, &key, device, 500).await;
        let attempt = server.send(unlock(&key, device)).await.unwrap().field("action_attempt");
        assert_eq!(attempt["status"], "pending");
        ids.push(attempt["action_attempt_id"].clone());
    }
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(!place.data.join("admin.sock").exists());
    let server = Server::start(&place.data, &[]);
    let attempts = server.attempts(&key).await;
    assert_eq!(attempts.len(), ids.len());
    for attempt in attempts {
        assert!(ids.contains(&attempt["action_attempt_id"]));
        assert_eq!(attempt["result"], json!({"was_confirmed_by_device": true}), "{attempt:#}");
    }
}

/// What is on its way is told, what is new is sent away, and connections that wait for nothing are closed.
#[tokio::test]
async fn a_server_that_stops_answers_what_it_holds_and_takes_nothing_new() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let place = place();
    let mut server = Server::start(&place.data, &[]);
    let key = server.told("API key").unwrap();
    let devices = server.devices(&key).await;
    slow(&server, &key, &devices[0], 2_000).await;
    // After one call the engine knows how slow the lock is.
    server.post(&key, "/locks/lock_door", json!({"device_id": devices[0], "sync": true})).await.ok();
    let before = commands(&server, &key, &devices[0]).await;
    let mut idle = TcpStream::connect(&server.address).await.unwrap();
    idle.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut start = [0; 15];
    idle.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");

    let holding = server.post(&key, "/locks/unlock_door", json!({"device_id": devices[0]}));
    let stopping = async {
        eventually("the command is sent", async || {
            (commands(&server, &key, &devices[0]).await == before + 1).then_some(())
        })
        .await;
        server.signal("TERM");
        eventually("the server stops", async || {
            let ready = server.send(Ask::get("/health/ready")).await?;
            (ready.status == 503).then_some(())
        })
        .await;
        let refused = server.send(unlock(&key, &devices[1])).await.unwrap();
        refused.assert_refused(503, "service_unavailable");
        assert!(refused.header("retry-after").is_some());
    };
    let (held, ()) = tokio::join!(holding, stopping);
    let held = held.field("action_attempt");
    assert_eq!(held["result"], json!({"was_confirmed_by_device": true}), "{held:#}");
    let closed = async { idle.read_to_end(&mut Vec::new()).await.unwrap() };
    tokio::time::timeout(PATIENCE, closed).await.expect("an idle connection stays open");
    assert_eq!(server.wait(), Some(0));
    let server = Server::start(&place.data, &[]);
    assert_eq!(server.attempts(&key).await.len(), 2, "what was refused does not exist");
}

#[tokio::test]
async fn an_attempt_that_hears_nothing_holds_a_stopping_server_until_its_deadline() {
    let place = place();
    let mut server = Server::start(&place.data, &[("THUMBTURN_ACTIONS__DEADLINE_MS", "1500")]);
    let key = server.told("API key").unwrap();
    let device = server.devices(&key).await.remove(0);
    slow(&server, &key, &device, 600_000).await;
    let attempt = server.send(unlock(&key, &device)).await.unwrap().field("action_attempt");
    assert_eq!(attempt["status"], "pending");
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    let server = Server::start(&place.data, &[]);
    let attempts = server.attempts(&key).await;
    assert_eq!(attempts[0]["error"]["type"], "outcome_unknown");
    let evidence = json!({"action_attempt_id": attempt["action_attempt_id"]});
    let evidence = server.post(&key, "/thumbturn/action_attempts/evidence", evidence).await;
    let evidence = Value::Object(evidence.ok());
    assert!(evidence.to_string().contains("\"silence\""), "it ended before the server did: {evidence:#}");
}

#[tokio::test]
async fn a_second_signal_does_not_wait() {
    let place = place();
    let mut server = Server::start(&place.data, &[]);
    let key = server.told("API key").unwrap();
    let device = server.devices(&key).await.remove(0);
    slow(&server, &key, &device, 600_000).await;
    server.send(unlock(&key, &device)).await.unwrap().field("action_attempt");
    server.signal("INT");
    eventually("the server stops", async || {
        let ready = server.send(Ask::get("/health/ready")).await?;
        (ready.status == 503).then_some(())
    })
    .await;
    let told = Instant::now();
    server.signal("INT");
    assert_eq!(server.wait(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_no_attempt_and_sends_nothing_again() {
    let place = place();
    let mut server = Server::start(&place.data, &[]);
    let key = server.told("API key").unwrap();
    let devices = server.devices(&key).await;
    for device in &devices {
        slow(&server, &key, device, 40).await;
    }
    let (acknowledged, acknowledging) = mpsc::channel();
    let callers = devices.iter().cycle().take(10).map(|device| {
        let (server, key, sender) = (&server, &key, acknowledged.clone());
        async move {
            while let Some(answer) = server.send(unlock(key, device)).await {
                if answer.status == 200 {
                    let attempt = answer.field("action_attempt");
                    if sender.send(attempt["action_attempt_id"].clone()).is_err() {
                        return;
                    }
                } else {
                    answer.assert_refused(503, "service_unavailable");
                }
            }
        }
    });
    let killer = async {
        let mut count = 0;
        eventually("there is load", async || {
            let ended = server.attempts(&key).await.iter().filter(|attempt| attempt["status"] != "pending").count();
            (ended >= 40).then_some(())
        })
        .await;
        server.signal("KILL");
        count += 1;
        count
    };
    let (_, killed) = tokio::join!(futures::future::join_all(callers), killer);
    assert_eq!(killed, 1);
    drop(acknowledged);
    let acknowledged: Vec<Value> = acknowledging.iter().collect();
    assert_eq!(server.wait(), None);
    assert!(acknowledged.len() >= 40);

    let server = Server::start(&place.data, &[]);
    let attempts = eventually("every attempt ends", async || {
        let attempts = server.attempts(&key).await;
        attempts.iter().all(|attempt| attempt["status"] != "pending").then_some(attempts)
    })
    .await;
    let known: std::collections::HashSet<String> =
        attempts.iter().map(|attempt| attempt["action_attempt_id"].to_string()).collect();
    let lost: Vec<&Value> = acknowledged.iter().filter(|id| !known.contains(&id.to_string())).collect();
    assert!(lost.is_empty(), "{} of {} were lost", lost.len(), acknowledged.len());
    for device in &devices {
        assert_eq!(commands(&server, &key, device).await, 0, "a command was sent after the restart");
    }
    let unproven = attempts.iter().filter(|attempt| {
        attempt["error"]["type"] == "outcome_unknown" || attempt["result"]["was_confirmed_by_device"] == false
    });
    assert!(unproven.count() > 0, "the kill met nothing unfinished");
    let filter = json!({"since": "2000-01-01T00:00:00Z", "limit": 25_000, "event_types":
        ["action_attempt.unlock_door.succeeded", "action_attempt.unlock_door.failed"]});
    let events = server.post(&key, "/events/list", filter).await.field("events");
    let mut named: Vec<String> =
        events.as_array().unwrap().iter().map(|event| event["action_attempt_id"].to_string()).collect();
    assert_eq!(named.len(), attempts.len(), "each ended attempt has exactly one event");
    named.sort();
    named.dedup();
    assert_eq!(named.len(), attempts.len());
    let device = &devices[0];
    let fresh = server.post(&key, "/locks/unlock_door", json!({"device_id": device})).await.field("action_attempt");
    assert_eq!(fresh["status"], "success");
}

#[tokio::test]
async fn an_idempotency_key_survives_a_kill() {
    let place = place();
    let mut server = Server::start(&place.data, &[]);
    let key = server.told("API key").unwrap();
    let device = server.devices(&key).await.remove(0);
    let ask = || unlock(&key, &device).header("idempotency-key", "k");
    let first = server.send(ask()).await.unwrap().field("action_attempt");
    server.signal("KILL");
    server.wait();
    let server = Server::start(&place.data, &[]);
    let again = server.send(ask()).await.unwrap().field("action_attempt");
    assert_eq!(again["action_attempt_id"], first["action_attempt_id"]);
    assert_eq!(commands(&server, &key, &device).await, 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_crash_leaves_no_core_dump_with_secrets() {
    let place = place();
    let server = Server::start(&place.data, &[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.child.id())).unwrap();
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().take(2).collect::<Vec<_>>(), ["0", "0"]);
}

/// Whether the log holds a line that ends so; what stands before the end of it on that line.
fn logged(server: &Server, before: &str) -> Option<String> {
    let log = std::fs::read_to_string(&server.log).unwrap();
    log.lines().find_map(|line| Some(line.split_once(before)?.1.trim().to_owned()))
}

/// Whatever is at `path`, as it is.
pub(crate) async fn fetched(address: &str, path: &str) -> (u16, Vec<u8>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get(path).header("host", "x").body(Full::new(Bytes::new())).unwrap();
    let answer = tokio::time::timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap();
    (answer.status().as_u16(), answer.into_body().collect().await.unwrap().to_bytes().to_vec())
}

#[tokio::test]
async fn metrics_may_have_an_address_of_their_own() {
    let place = place();
    let mut server = Server::start(&place.data, &[("THUMBTURN_METRICS__LISTEN", "127.0.0.1:0")]);
    server.send(Ask::get("/metrics")).await.unwrap().assert_refused(404, "not_found");
    let address = eventually("the address is told", async || logged(&server, "metrics are served address=")).await;
    let (status, page) = fetched(&address, "/metrics").await;
    let page = String::from_utf8(page).unwrap();
    assert!(status == 200 && page.contains("thumbturn_build_info{"), "{status} {page}");
    assert_eq!(fetched(&address, "/devices/list").await.0, 404);
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
}

#[tokio::test]
async fn a_workspace_shows_the_publishable_key_that_works() {
    let place = place();
    let server = Server::start(&place.data, &[]);
    let (key, folder) = (server.told("API key").unwrap(), place.data.display().to_string());
    let shown = async || {
        let answer = server.post(&key, "/workspaces/get", json!({})).await.field("workspace");
        answer.get("publishable_key").and_then(Value::as_str).map(str::to_owned)
    };
    let first = shown().await.unwrap();
    let made = run(&["keys", "create", "--kind", "publishable_key", "--json", "--data-dir", &folder], &[]);
    let made: Value = serde_json::from_str(&made.out).unwrap();
    let second = made[0]["token"].as_str().unwrap();
    assert_ne!(first, second);
    assert_eq!(shown().await.as_deref(), Some(second));
    // The whole token is taken as well, and not repeated.
    let revoked = run(&["keys", "revoke", second, "--data-dir", &folder], &[]);
    assert_eq!(revoked.code, 0, "{revoked:?}");
    assert!(!format!("{revoked:?}").contains(second));
    assert_eq!(shown().await, None);
}

#[tokio::test]
async fn workspaces_are_made_beside_a_running_server_and_on_a_stopped_one() {
    let place = place();
    let folder = place.data.display().to_string();
    assert_eq!(run(&["workspaces", "list", "--data-dir", &folder], &[]).code, 1, "nothing is set up");
    let server = Server::start(&place.data, &[]);
    let create = |name: &str, more: &[&str]| {
        let mut args = vec!["workspaces", "create", "--name", name, "--json", "--data-dir", &folder];
        args.extend(more);
        let made: Value = serde_json::from_str(&run(&args, &[]).out).unwrap();
        made[0]["workspace_id"].as_str().unwrap().to_owned()
    };
    let lab = create("Lab", &["--sandbox"]);
    let made = run(&["keys", "create", "--workspace", &lab, "--json", "--data-dir", &folder], &[]);
    let made: Value = serde_json::from_str(&made.out).unwrap();
    let key = made[0]["token"].as_str().unwrap().to_owned();
    let devices = server.devices(&key).await;
    assert_eq!(devices.len(), 5);
    let attempt = server.post(&key, "/locks/unlock_door", json!({"device_id": devices[0], "sync": true})).await;
    assert_eq!(attempt.field("action_attempt")["result"], json!({"was_confirmed_by_device": true}));
    drop(server);
    create("Hotel", &[]);
    let listed = run(&["workspaces", "list", "--data-dir", &folder], &[]);
    assert!(
        listed.out.contains("Hotel") && listed.out.contains("production") && listed.out.contains(&lab),
        "{listed:?}"
    );
    assert_eq!(run(&["workspaces", "create", "--name", " ", "--data-dir", &folder], &[]).code, 1);
}

/// `thumbturn hubs` with these words; what it prints.
fn hubs(folder: &str, args: &[&str]) -> Value {
    let mut all = vec!["hubs"];
    all.extend(args);
    all.extend(["--data-dir", folder, "--json"]);
    let ended = run(&all, &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    serde_json::from_str(&ended.out).unwrap()
}

fn events_of(hub: &Value) -> Value {
    json!({"since": "2000-01-01T00:00:00Z", "connected_account_id": hub["connected_account_id"]})
}

#[tokio::test]
async fn a_hub_is_connected_and_forgotten_beside_a_running_server() {
    let place = place();
    let server = Server::start(&place.data, &[]);
    let (key, folder) = (server.told("API key").unwrap(), place.data.display().to_string());
    let made = hubs(&folder, &["add", "--provider", "sandbox", "--hub-config", r#"{"locks": 2}"#, "--name", "Annex"]);
    assert_eq!((&made[0]["display_name"], &made[0]["address"]), (&json!("Annex"), &Value::Null));
    assert_eq!((&made[0]["state"], &made[0]["devices"]), (&json!("connected"), &json!(2)));
    let id = made[0]["connected_account_id"].as_str().unwrap();
    let devices = server.post(&key, "/devices/list", json!({"connected_account_id": id})).await.field("devices");
    let device = json!({"device_id": devices[1]["device_id"]});
    let attempt = server.post(&key, "/locks/unlock_door", device.clone()).await.field("action_attempt");
    assert_eq!(attempt["status"], "success", "its session was opened at once");
    let listed = hubs(&folder, &["list"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[1], made[0]);

    let removed = run(&["hubs", "remove", id, "--data-dir", &folder], &[]);
    assert_eq!(removed.code, 0, "{removed:?}");
    assert!(removed.out.contains("removed") && removed.out.contains("with 2 devices"), "{removed:?}");
    server.post(&key, "/locks/unlock_door", device).await.assert_refused(404, "device_not_found");
    let events = server.post(&key, "/events/list", events_of(&made[0])).await.field("events");
    let count = |kind: &str| events.as_array().unwrap().iter().filter(|event| event["event_type"] == kind).count();
    assert_eq!((count("connected_account.deleted"), count("device.deleted")), (1, 2), "{events:#}");
    let again = run(&["hubs", "remove", id, "--data-dir", &folder], &[]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains(&format!("there is no hub {id}")), "{again:?}");
}

#[tokio::test]
async fn a_hub_is_connected_and_forgotten_on_a_stopped_server() {
    let place = place();
    let server = Server::start(&place.data, &[]);
    let (key, folder) = (server.told("API key").unwrap(), place.data.display().to_string());
    let before = hubs(&folder, &["list"]);
    drop(server);
    let made = hubs(&folder, &["add", "--provider", "sandbox", "--hub-config", r#"{"locks": 1}"#]);
    assert_eq!((&made[0]["state"], &made[0]["devices"]), (&Value::Null, &json!(0)), "nothing is running");
    let removed = hubs(&folder, &["remove", before[0]["connected_account_id"].as_str().unwrap()]);
    assert_eq!((&removed[0]["state"], &removed[0]["devices"]), (&json!("removed"), &json!(5)));

    let server = Server::start(&place.data, &[]);
    assert_eq!(
        server.devices(&key).await.len(),
        1,
        "the new hub's session is opened, and the old one's devices are gone"
    );
    let events = server.post(&key, "/events/list", events_of(&before[0])).await.field("events");
    let count = |kind: &str| events.as_array().unwrap().iter().filter(|event| event["event_type"] == kind).count();
    assert_eq!((count("connected_account.deleted"), count("device.deleted")), (1, 5), "{events:#}");
}

/// The same refusals with and without a server, and no password in anything that is printed.
#[tokio::test]
async fn a_hub_that_the_api_would_refuse_is_refused() {
    let place = place();
    let mut server = Some(Server::start(&place.data, &[]));
    let folder = place.data.display().to_string();
    let other = run(&["workspaces", "create", "--name", "Hotel", "--json", "--data-dir", &folder], &[]);
    let other: Value = serde_json::from_str(&other.out).unwrap();
    let other = other[0]["workspace_id"].as_str().unwrap();
    let broken = place.data.with_extension("json");
    std::fs::write(&broken, "{\"url\": ").unwrap();
    let broken = broken.display().to_string();
    let nobody = "0d7a1c54-3b0e-4c5e-8d6f-9a1b2c3d4e5f";
    for running in [true, false] {
        let broker = |port: u16| json!({"url": format!("mqtt://u:canary@127.0.0.1:{port}"), "password": "canary"});
        // Port 1 refuses at once.
        let config = json!({"url": "mqtt://127.0.0.1:1", "username": "u", "password": "canary"}).to_string();
        let add = ["hubs", "add", "--workspace", other, "--provider", "mqtt", "--data-dir", &folder];
        let reading = [&add[..], &["--hub-config-file", "-"]].concat();
        if running {
            let made = run_reading(&reading, &config);
            assert_eq!(made.code, 0, "{made:?}");
            assert!(made.out.contains("unreachable") && made.out.contains("MQTT 127.0.0.1:1"), "{made:?}");
            assert!(!format!("{made:?}").contains("canary"), "{made:?}");
        }
        let twice = run_reading(&reading, &config);
        assert_eq!(twice.code, 1, "{twice:?}");
        assert!(twice.err.contains("hub_already_connected"), "{twice:?}");
        for (args, expected) in [
            (vec!["--provider", "mqtt"], "name one with --workspace"),
            (vec!["--provider", "mqtt", "--workspace", nobody], nobody),
            (vec!["--provider", "mqtt", "--workspace", other], "config.url"),
            (vec!["--provider", "mqtt", "--workspace", other, "--hub-config", &broker(2).to_string()], "config.url"),
            (vec!["--provider", "mqtt", "--workspace", other, "--hub-config", "[]"], "\"config\""),
            (vec!["--provider", "mqtt", "--workspace", other, "--hub-config", "url"], "not JSON"),
            (vec!["--provider", "mqtt", "--workspace", other, "--hub-config-file", &broken], "not JSON"),
            (vec!["--provider", "mqtt", "--workspace", other, "--hub-config-file", nobody], "cannot read"),
            (vec!["--provider", "mqtt", "--workspace", other, "--name", ""], "display_name"),
            (vec!["--provider", "sandbox", "--workspace", other], "workspace_not_sandbox"),
            (vec!["--provider", "matter", "--workspace", other], "config.url"),
        ] {
            let ended = run(&[&["hubs", "add", "--data-dir", &folder], &args[..]].concat(), &[]);
            assert_eq!(ended.code, 1, "{args:?}: {ended:?}");
            assert!(ended.err.contains(expected), "{expected} is not in {ended:?}");
            assert!(!format!("{ended:?}").contains("canary"), "{ended:?}");
        }
        assert_eq!(run(&["hubs", "add", "--provider", "pigeon", "--data-dir", &folder], &[]).code, 2);
        let listed = run(&["hubs", "list", "--data-dir", &folder], &[]);
        assert_eq!(listed.out.lines().filter(|line| line.contains("mqtt")).count(), 1, "{listed:?}");
        assert_eq!(listed.out.contains("not running"), !running, "{listed:?}");
        assert!(!listed.out.contains("canary"), "{listed:?}");
        server.take();
    }
}

#[tokio::test]
async fn a_suspended_workspace_keeps_its_hubs_as_they_are() {
    let place = place();
    let server = Server::start(&place.data, &[]);
    let (key, folder) = (server.told("API key").unwrap(), place.data.display().to_string());
    server.post(&key, "/workspaces/update", json!({"is_suspended": true})).await.ok();
    let listed = hubs(&folder, &["list"]);
    let id = listed[0]["connected_account_id"].as_str().unwrap();
    for args in [vec!["add", "--provider", "sandbox"], vec!["remove", id]] {
        let ended = run(&[&["hubs", "--data-dir", &folder], &args[..]].concat(), &[]);
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.err.contains("workspace_suspended"), "{ended:?}");
    }
    assert_eq!(hubs(&folder, &["list"]), listed);
}

#[tokio::test]
async fn a_hubs_name_does_not_steer_the_terminal() {
    let place = place();
    let server = Server::start(&place.data, &[]);
    let (key, folder) = (server.told("API key").unwrap(), place.data.display().to_string());
    let body = json!({"provider": "sandbox", "display_name": "red\u{1b}[31m"});
    server.post(&key, "/thumbturn/connected_accounts/create", body).await.ok();
    let listed = run(&["hubs", "list", "--data-dir", &folder], &[]);
    assert!(listed.out.contains("red\u{fffd}[31m") && !listed.out.contains('\u{1b}'), "{listed:?}");
}

#[tokio::test]
async fn a_hub_that_goes_after_a_kill_leaves_no_attempt_unfinished() {
    let place = place();
    let mut server = Server::start(&place.data, &[]);
    let (key, folder) = (server.told("API key").unwrap(), place.data.display().to_string());
    let made = hubs(&folder, &["add", "--provider", "sandbox", "--hub-config", r#"{"locks": 1}"#]);
    let id = made[0]["connected_account_id"].as_str().unwrap();
    let device = server.devices(&key).await.pop().unwrap();
    slow(&server, &key, &device, 600_000).await;
    let attempt = server.send(unlock(&key, &device)).await.unwrap().field("action_attempt");
    assert_eq!(attempt["status"], "pending");
    server.signal("KILL");
    server.wait();
    let removed = hubs(&folder, &["remove", id]);
    assert_eq!(removed[0]["devices"], 1);
    let server = Server::start(&place.data, &[]);
    let attempts = server.attempts(&key).await;
    assert_eq!((&attempts[0]["status"], &attempts[0]["error"]["type"]), (&json!("error"), &json!("outcome_unknown")));
    let events = server.post(&key, "/events/list", events_of(&made[0])).await.field("events");
    let kinds: Vec<&str> =
        events.as_array().unwrap().iter().rev().take(3).map(|event| event["event_type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["connected_account.deleted", "device.deleted", "action_attempt.unlock_door.failed"]);
}
