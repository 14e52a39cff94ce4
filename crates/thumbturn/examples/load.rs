//! A load generator: many connections, one request at a time on each; prints one line of JSON.
//!
//! `cargo run --release -p thumbturn --example load -- URL API_KEY CALL [CONNECTIONS] [SECONDS]`, where `CALL` is
//! `unlock` (held until the outcome), `unlock-async` (`Prefer: respond-async`) or `health` (no storage; what the rest is
//! compared with). Devices are taken from `/devices/list`. `cargo xtask bench` runs it.

#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Unlock,
    UnlockAsync,
    Health,
}

impl Call {
    fn read(word: &str) -> Fallible<Self> {
        match word {
            "unlock" => Ok(Self::Unlock),
            "unlock-async" => Ok(Self::UnlockAsync),
            "health" => Ok(Self::Health),
            _ => Err("CALL must be unlock, unlock-async or health".into()),
        }
    }
}

struct Target {
    host: String,
    key: String,
    call: Call,
    devices: Vec<String>,
}

impl Target {
    fn next(&self, at: usize) -> Fallible<Request<Full<Bytes>>> {
        if self.call == Call::Health {
            return self.request("/health/get_health", "{}".to_owned());
        }
        let device = self.devices.get(at % self.devices.len().max(1)).ok_or("no devices")?;
        self.request("/locks/unlock_door", format!("{{\"device_id\":\"{device}\"}}"))
    }

    fn request(&self, path: &str, body: String) -> Fallible<Request<Full<Bytes>>> {
        let mut request = Request::post(path)
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::CONTENT_TYPE, "application/json");
        if self.call == Call::UnlockAsync {
            request = request.header("prefer", "respond-async");
        }
        Ok(request.body(Full::new(Bytes::from(body)))?)
    }

    async fn connect(&self) -> Fallible<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(&self.host).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn list_devices(&self) -> Fallible<Vec<String>> {
        let mut sender = self.connect().await?;
        let answer = sender.send_request(self.request("/devices/list", "{\"limit\":20000}".to_owned())?).await?;
        let body: serde_json::Value = serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
        let devices = body["devices"].as_array().ok_or("no devices")?;
        Ok(devices.iter().filter_map(|device| Some(device["device_id"].as_str()?.to_owned())).collect())
    }
}

#[tokio::main]
async fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, key, call, rest @ ..] = args.as_slice() else { return Err("URL, API_KEY and CALL are needed".into()) };
    let connections: usize = rest.first().map_or(Ok(64), |text| text.parse())?;
    let seconds: u64 = rest.get(1).map_or(Ok(10), |text| text.parse())?;
    let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let mut target = Target { host, key: key.clone(), call: Call::read(call)?, devices: Vec::new() };
    target.devices = target.list_devices().await?;
    let target = Arc::new(target);
    let until = Instant::now() + Duration::from_secs(seconds);
    let workers: Vec<_> =
        (0..connections).map(|worker| tokio::spawn(run(Arc::clone(&target), worker, connections, until))).collect();
    let mut latencies = Vec::new();
    let mut failed = 0;
    for worker in workers {
        let (mut done, refused) = worker.await??;
        latencies.append(&mut done);
        failed += refused;
    }
    report(&mut latencies, failed, seconds);
    Ok(())
}

fn report(latencies: &mut [Duration], failed: usize, seconds: u64) {
    latencies.sort_unstable();
    let micros = |share: f64| {
        let index = ((latencies.len() as f64 - 1.0) * share).max(0.0) as usize;
        latencies.get(index).copied().unwrap_or_default().as_micros()
    };
    println!(
        "{{\"per_second\": {}, \"median_us\": {}, \"p99_us\": {}, \"failed\": {failed}}}",
        latencies.len() as u64 / seconds.max(1),
        micros(0.5),
        micros(0.99)
    );
}

/// One connection: the latencies of what succeeded, and how much did not.
async fn run(target: Arc<Target>, worker: usize, step: usize, until: Instant) -> Fallible<(Vec<Duration>, usize)> {
    let mut sender = target.connect().await?;
    let mut latencies = Vec::new();
    let mut failed = 0;
    let mut at = worker;
    while Instant::now() < until {
        let request = target.next(at)?;
        at += step;
        let started = Instant::now();
        let answer = sender.send_request(request).await?;
        let succeeded = answer.status().is_success();
        let body = answer.into_body().collect().await?.to_bytes();
        if succeeded && is_as_wanted(target.call, &body) {
            latencies.push(started.elapsed());
        } else {
            failed += 1;
        }
    }
    Ok((latencies, failed))
}

/// A held unlock counts only if the bolt moved.
fn is_as_wanted(call: Call, body: &[u8]) -> bool {
    const MOVED: &[u8] = b"\"was_confirmed_by_device\":true";
    call != Call::Unlock || body.windows(MOVED.len()).any(|part| part == MOVED)
}
