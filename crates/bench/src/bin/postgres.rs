//! A PostgreSQL that keeps what it was told, for our server, and beside it what our writer is compared with: a server that
//! writes each unlock with two statements, each committed by itself, over a pool of connections, and does nothing else of a
//! lock API. The load generator takes it for one of ours.
//!
//! `cargo run --release -p thumbturn-bench --bin postgres -- LOCKS`; prints one line of JSON (`database_url` of an empty
//! database, `endpoint` of the naive server) and goes on until its input ends.

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
use serde_json::{Value, json};
use thumbturn_bench::Fallible;
use thumbturn_testdb::{Server, Settings};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio_postgres::{Client, NoTls, Statement};
use uuid::Uuid;

/// Connections of the naive server.
const CONNECTIONS: usize = 16;

const TABLE: &str = "CREATE TABLE attempts (id TEXT PRIMARY KEY, device_id TEXT NOT NULL, action TEXT NOT NULL, \
     status TEXT NOT NULL, created_at TIMESTAMPTZ NOT NULL DEFAULT now(), ended_at TIMESTAMPTZ); \
     CREATE INDEX attempts_by_device ON attempts (device_id, created_at)";
const BEGIN: &str = "INSERT INTO attempts (id, device_id, action, status) VALUES ($1, $2, 'UNLOCK_DOOR', 'pending')";
const END: &str = "UPDATE attempts SET status = 'success', ended_at = now() WHERE id = $1";

/// A connection with what it has prepared.
struct Link {
    client: Client,
    begin: Statement,
    end: Statement,
}

struct Naive {
    devices: Vec<String>,
    back: mpsc::Sender<Link>,
    free: Mutex<mpsc::Receiver<Link>>,
}

impl Naive {
    async fn connect(url: &str, locks: usize) -> Fallible<Self> {
        let (back, free) = mpsc::channel(CONNECTIONS);
        for number in 0..CONNECTIONS {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(connection);
            if number == 0 {
                client.batch_execute(TABLE).await?;
            }
            let (begin, end) = (client.prepare(BEGIN).await?, client.prepare(END).await?);
            back.send(Link { client, begin, end }).await?;
        }
        let devices = (0..locks).map(|_| Uuid::new_v4().to_string()).collect();
        Ok(Self { devices, back, free: Mutex::new(free) })
    }

    async fn unlock(&self, device: &str) -> Fallible<Value> {
        let id = Uuid::new_v4().to_string();
        let link = self.free.lock().await.recv().await.ok_or("no connection is left")?;
        link.client.execute(&link.begin, &[&id, &device]).await?;
        link.client.execute(&link.end, &[&id]).await?;
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

#[tokio::main]
async fn main() -> Fallible<()> {
    let locks = std::env::args().nth(1).map_or(Ok(1000), |text| text.parse())?;
    let server = Server::start(Settings { durable: true, ..Settings::default() })?;
    let (ours, theirs) = (server.database()?, server.database()?);
    let naive = Arc::new(Naive::connect(&theirs.url(), locks).await?);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    tokio::spawn(accept(listener, naive));
    println!("{}", json!({"database_url": ours.url(), "endpoint": endpoint}));
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}
