//! The built server on PostgreSQL: first unlock, operators' commands, a database that restarts under load, a kill.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use thumbturn_testdb::{Database, Server as Postgres, Settings, Stop};

use crate::server::{PATIENCE, Server, call};

const CALLERS: usize = 8;
/// How many attempts are acknowledged between two events of the test.
const SOME: usize = 30;

async fn locks(server: &Server) -> Vec<String> {
    let (status, answer) = server.call("/devices/list", json!({})).await;
    assert_eq!(status, 200, "{answer}");
    let id = |device: &Value| device["device_id"].as_str().unwrap().to_owned();
    answer["devices"].as_array().unwrap().iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_unlock_and_the_operators_commands_work_on_postgresql() {
    let database = Database::create().unwrap();
    let url = database.url();
    let server = Server::start(&[("THUMBTURN_DATABASE_URL", &url)]).await;
    let lock = locks(&server).await.swap_remove(0);
    let (status, answer) = server.call("/locks/unlock_door", json!({"device_id": lock, "sync": true})).await;
    assert_eq!(
        (status, &answer["action_attempt"]["result"]["was_confirmed_by_device"]),
        (200, &json!(true)),
        "{answer}"
    );

    // From another folder with the same key: there is no socket to the running server.
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::copy(server.folder().join("secrets.key"), elsewhere.path().join("secrets.key")).unwrap();
    let run = |words: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_thumbturn"));
        command.args(words).arg("--data-dir").arg(elsewhere.path()).env("THUMBTURN_DATABASE_URL", &url);
        command.output().unwrap()
    };
    let json_of = |words: &[&str]| -> Value {
        let output = run(words);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    assert_eq!(json_of(&["init", "--json"])["already_set_up"], json!(true));
    assert_eq!(json_of(&["hubs", "list", "--json"]).as_array().unwrap().len(), 1);
    assert_eq!(json_of(&["workspaces", "list", "--json"]).as_array().unwrap().len(), 1);
    let keys = json_of(&["keys", "list", "--json"]);
    let key = keys.as_array().unwrap().iter().find(|key| key["kind"] == "api_key").unwrap();
    let key = key["key_id"].as_str().unwrap();
    json_of(&["keys", "revoke", key, "--json"]);
    let refused = async {
        while server.call("/devices/list", json!({})).await.0 != 401 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(2), refused).await.expect("a revoked key stops working within a second");

    for words in [&["serve", "--listen", "127.0.0.1:0"][..], &["workspaces", "create", "--name", "Second"]] {
        let output = run(words);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains("another thumbturn is running on postgres://"), "{told}");
    }
}

/// What callers were promised: each attempt that was acknowledged.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    count: AtomicUsize,
}

impl Load {
    async fn caller(self: Arc<Self>, address: String, key: String, locks: Vec<String>, which: usize) -> Vec<String> {
        let mut acknowledged = Vec::new();
        for n in which.. {
            if self.stop.load(Ordering::Acquire) {
                break;
            }
            let path = if n % 2 == 0 { "/locks/unlock_door" } else { "/locks/lock_door" };
            let body = json!({"device_id": locks[n % locks.len()]});
            if let Ok((200, answer)) = call(&address, &key, path, body).await {
                acknowledged.push(answer["action_attempt"]["action_attempt_id"].as_str().unwrap().to_owned());
                self.count.fetch_add(1, Ordering::AcqRel);
            }
        }
        acknowledged
    }

    async fn some_more(&self) {
        let until = self.count.load(Ordering::Acquire) + SOME;
        let waiting = async {
            while self.count.load(Ordering::Acquire) < until {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE * 3, waiting).await.expect("the server goes on");
    }
}

/// Each attempt is there, and ends.
async fn all_ended(server: &Server, attempts: &[String]) {
    for attempt in attempts {
        let ended = async {
            loop {
                let (status, answer) = server.call("/action_attempts/get", json!({"action_attempt_id": attempt})).await;
                assert_eq!(status, 200, "an acknowledged attempt is lost: {answer}");
                if answer["action_attempt"]["status"] != "pending" {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE * 2, ended).await.expect("an acknowledged attempt ends");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_postgresql_under_load_and_a_kill_lose_no_acknowledged_attempt() {
    let settings = Settings { durable: true, password: Some("canary".to_owned()), ..Settings::default() };
    let mut postgres = Postgres::start(settings).unwrap();
    let database = postgres.database().unwrap();
    let url = postgres.url(&database, "canary");
    let mut server = Server::start(&[("THUMBTURN_DATABASE_URL", &url)]).await;
    let locks = locks(&server).await;
    let load = Arc::new(Load::default());
    let (address, key) = server.address_and_key();
    let caller = |which| tokio::spawn(Arc::clone(&load).caller(address.clone(), key.clone(), locks.clone(), which));
    let callers: Vec<_> = (0..CALLERS).map(caller).collect();
    for how in [Stop::Fast, Stop::Crash] {
        load.some_more().await;
        postgres = tokio::task::spawn_blocking(move || {
            postgres.stop(how).unwrap();
            postgres.run().unwrap();
            postgres
        })
        .await
        .unwrap();
    }
    load.some_more().await;
    server.kill();
    load.stop.store(true, Ordering::Release);
    let mut acknowledged = Vec::new();
    for caller in callers {
        acknowledged.extend(caller.await.unwrap());
    }
    server.serve().await;
    println!("{} attempts acknowledged over two restarts of the database and a kill", acknowledged.len());
    all_ended(&server, &acknowledged).await;
    server.kill();
    drop((database, postgres));
}
