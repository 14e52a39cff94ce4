//! A PostgreSQL that keeps what it was told, for our server, and beside it what our writer is compared with: a server that
//! writes each unlock by itself over a pool of connections, into the same tables with the same indexes, and does nothing else
//! of a lock API: no credentials, no engine, no locks, no order of events across connections. The load generator takes it for
//! one of ours.
//!
//! It does so in two ways. In `transactions` an unlock is a pending attempt, committed, and then a transaction that ends it
//! and writes the lock's state and the two events, as one writes that with any client. In `statements` each of the two is a
//! single statement: the least that one can ask of the database for it.
//!
//! `cargo run --release -p thumbturn-bench --bin postgres -- LOCKS`; prints one line of JSON (`database_url` of an empty
//! database, `endpoints` of the naive servers) and goes on until its input ends. `BENCH_POSTGRES` may hold further settings of
//! the database, as `name=value` with spaces between them.

#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::{Value, json};
use thumbturn_bench::Fallible;
use thumbturn_core::ids::{AttemptId, EventId};
use thumbturn_store::OpenOptions;
use thumbturn_testdb::{Server, Settings};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio_postgres::{Client, NoTls, Statement};
use uuid::Uuid;

/// Connections of a naive server.
const CONNECTIONS: usize = 16;

const BEGIN: &str = "INSERT INTO attempts (id, workspace_id, account_id, device_id, action, status, created_at) \
     VALUES ($1, $2, $3, $4, 'UNLOCK_DOOR', 'pending', $5)";
const END: &str = "UPDATE attempts SET status = 'success', confirmed = 1, ended_at = $2, evidence = $3, words = $4 \
     WHERE id = $1 AND ended_at IS NULL";
const STATE: &str = "UPDATE devices SET bolt = 'unlocked', fresh = 1, reported_at = $2 WHERE id = $1";
const TELL: &str = "INSERT INTO events (event_id, workspace_id, type, device_id, account_id, attempt_id, occurred_at, detail, \
     created_at) VALUES ($1, $3, 'action_attempt.unlock_door.succeeded', $4, $5, $6, $7, '{}', $7), \
     ($2, $3, 'lock.unlocked', $4, $5, $6, $7, '{\"method\":\"seamapi\"}', $7)";
/// [`END`], [`STATE`] and [`TELL`] in one.
const END_AND_TELL: &str = "WITH ended AS (UPDATE attempts SET status = 'success', confirmed = 1, ended_at = $2, \
     evidence = $3, words = $4 WHERE id = $1 AND ended_at IS NULL RETURNING workspace_id, device_id, account_id, id), \
     state AS (UPDATE devices SET bolt = 'unlocked', fresh = 1, reported_at = $2 FROM ended WHERE devices.id = ended.device_id) \
     INSERT INTO events (event_id, workspace_id, type, device_id, account_id, attempt_id, occurred_at, detail, created_at) \
     SELECT m.event_id, workspace_id, m.type, device_id, account_id, ended.id, $2, m.detail, $2 FROM ended, \
     (VALUES ($5, 'action_attempt.unlock_door.succeeded', '{}'), ($6, 'lock.unlocked', '{\"method\":\"seamapi\"}')) \
     AS m (event_id, type, detail)";

const WORKSPACE: &str = "INSERT INTO workspaces (id, name, company_name, is_sandbox, is_suspended, publishable_key_enabled, \
     customization, created_at) VALUES ($1, 'Bench', '', 1, 0, 0, '{}', 0)";
const ACCOUNT: &str = "INSERT INTO accounts (id, workspace_id, provider, display_name, hub_key, config, custom_metadata, \
     manages_new_devices, link, first_sync_done, created_at) VALUES ($1, $2, 'sandbox', '', '', '', '{}', 1, 'up', 1, 0)";
const DEVICES: &str = "INSERT INTO devices (id, workspace_id, account_id, provider, native_id, name, device_type, manufacturer, \
     manufacturer_name, model, can_lock, can_unlock, has_keypad, has_direct_power, custom_metadata, is_managed, fresh, reach, \
     created_at) SELECT id, $2::text, $1::text, 'sandbox', id, 'Door', 'yale_lock', 'yale', 'Yale', 'Bench', 1, 1, 1, 0, '{}', 1, 0, \
     'online', 0 FROM UNNEST($3::text[]) AS m (id)";

/// What our server keeps of a confirmed unlock, and as many bytes as its sealed words have.
const EVIDENCE: &str =
    "1412 turn_came;1418 written;1421 acknowledged;1430 reported unlocked tagged remote;1436 ended reported_remote";
const WORDS: usize = 108;

/// How an unlock is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Transactions,
    Statements,
}

/// A connection with what it has prepared.
struct Link {
    client: Client,
    begin: Statement,
    end: Statement,
    state: Statement,
    tell: Statement,
    end_and_tell: Statement,
}

struct Naive {
    way: Way,
    workspace: String,
    account: String,
    devices: Vec<String>,
    words: String,
    back: mpsc::Sender<Link>,
    free: Mutex<mpsc::Receiver<Link>>,
}

impl Naive {
    async fn connect(url: &str, locks: usize, way: Way) -> Fallible<Self> {
        let (back, free) = mpsc::channel(CONNECTIONS);
        let id = || Uuid::new_v4().to_string();
        let (workspace, account, words) = (id(), id(), "w".repeat(WORDS));
        let devices: Vec<String> = (0..locks).map(|_| id()).collect();
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        client.execute(WORKSPACE, &[&workspace]).await?;
        client.execute(ACCOUNT, &[&account, &workspace]).await?;
        client.execute(DEVICES, &[&account, &workspace, &devices]).await?;
        for _ in 0..CONNECTIONS {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(connection);
            let (begin, end) = (client.prepare(BEGIN).await?, client.prepare(END).await?);
            let (state, tell) = (client.prepare(STATE).await?, client.prepare(TELL).await?);
            let end_and_tell = client.prepare(END_AND_TELL).await?;
            back.send(Link { client, begin, end, state, tell, end_and_tell }).await?;
        }
        Ok(Self { way, workspace, account, devices, words, back, free: Mutex::new(free) })
    }

    async fn unlock(&self, device: &str) -> Fallible<Value> {
        let mut link = self.free.lock().await.recv().await.ok_or("no connection is left")?;
        let now = Timestamp::now();
        let id = AttemptId::new_at(now).to_string();
        let began = now.as_microsecond();
        link.client.execute(&link.begin, &[&id, &self.workspace, &self.account, &device, &began]).await?;
        let now = Timestamp::now();
        let (moved, ended) = (EventId::new_at(now).to_string(), EventId::new_at(now).to_string());
        let at = now.as_microsecond();
        match self.way {
            Way::Statements => {
                let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
                    [&id, &at, &EVIDENCE, &self.words, &ended, &moved];
                link.client.execute(&link.end_and_tell, &values).await?;
            }
            Way::Transactions => {
                let transaction = link.client.transaction().await?;
                transaction.execute(&link.end, &[&id, &at, &EVIDENCE, &self.words]).await?;
                transaction.execute(&link.state, &[&device, &at]).await?;
                let (workspace, account) = (&self.workspace, &self.account);
                transaction.execute(&link.tell, &[&ended, &moved, workspace, &device, account, &id, &at]).await?;
                transaction.commit().await?;
            }
        }
        self.back.send(link).await?;
        Ok(json!({"action_attempt": {
            "action_attempt_id": id,
            "action_type": "UNLOCK_DOOR",
            "status": "success",
            "result": {"was_confirmed_by_device": true},
            "error": null,
        }}))
    }

    async fn answer(&self, path: &str, body: &[u8]) -> Fallible<Value> {
        let body: Value = serde_json::from_slice(body)?;
        match path {
            "/locks/unlock_door" => self.unlock(body["device_id"].as_str().ok_or("no device_id")?).await,
            "/devices/list" => {
                let devices: Vec<Value> = self.devices.iter().map(|id| json!({"device_id": id})).collect();
                Ok(json!({"devices": devices, "pagination": {"next_page_cursor": null}}))
            }
            _ => Err("there is no such call".into()),
        }
    }

    async fn serve(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path().to_owned();
        let answer = match request.into_body().collect().await {
            Ok(body) => self.answer(&path, &body.to_bytes()).await,
            Err(error) => Err(error.into()),
        };
        let (status, text) = match answer {
            Ok(answer) => (StatusCode::OK, answer.to_string()),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        };
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        Ok(response)
    }
}

async fn accept(listener: TcpListener, naive: Arc<Naive>) -> Fallible<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let naive = Arc::clone(&naive);
        let service = service_fn(move |request| Arc::clone(&naive).serve(request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// Makes our tables in an empty database.
async fn make_tables(url: String) -> Fallible<()> {
    let dir = tempfile::tempdir()?;
    let options = OpenOptions { database_url: Some(url), ..OpenOptions::new(dir.path()) };
    Ok(tokio::task::spawn_blocking(move || thumbturn_store::open(options).map(drop)).await??)
}

#[tokio::main]
async fn main() -> Fallible<()> {
    let locks = std::env::args().nth(1).map_or(Ok(1000), |text| text.parse())?;
    let extra = std::env::var("BENCH_POSTGRES").unwrap_or_default();
    let extra = extra.split_whitespace().map(str::to_owned).collect();
    let server = Server::start(Settings { durable: true, extra, ..Settings::default() })?;
    let ours = server.database()?;
    let mut endpoints = json!({});
    for (name, way) in [("transactions", Way::Transactions), ("statements", Way::Statements)] {
        let theirs = server.database()?.url();
        make_tables(theirs.clone()).await?;
        let naive = Arc::new(Naive::connect(&theirs, locks, way).await?);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        endpoints[name] = format!("http://{}", listener.local_addr()?).into();
        tokio::spawn(accept(listener, naive));
    }
    println!("{}", json!({"database_url": ours.url(), "endpoints": endpoints}));
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}
