//! A load generator: unlocks virtual locks over many connections and prints how many and how fast.
//!
//! `cargo run --release --example load -- URL API_KEY [CONNECTIONS] [SECONDS] [PREFER]`; devices are taken from
//! `/devices/list`.

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

struct Target {
    host: String,
    key: String,
    prefer: Option<String>,
    devices: Vec<String>,
}

#[tokio::main]
async fn main() -> Fallible<()> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("URL missing")?;
    let key = args.next().ok_or("API_KEY missing")?;
    let connections: usize = args.next().unwrap_or_else(|| "64".to_owned()).parse()?;
    let seconds: u64 = args.next().unwrap_or_else(|| "10".to_owned()).parse()?;
    let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let mut target = Target { host, key, prefer: args.next(), devices: Vec::new() };
    target.devices = devices(&target).await?;
    let target = Arc::new(target);
    let until = Instant::now() + Duration::from_secs(seconds);
    let workers: Vec<_> =
        (0..connections).map(|worker| tokio::spawn(run(Arc::clone(&target), worker, connections, until))).collect();
    let mut latencies = Vec::new();
    let mut other = 0;
    for worker in workers {
        let (mut done, failed) = worker.await??;
        latencies.append(&mut done);
        other += failed;
    }
    report(&mut latencies, other, seconds, target.devices.len());
    Ok(())
}

fn report(latencies: &mut [Duration], other: usize, seconds: u64, devices: usize) {
    latencies.sort_unstable();
    let at = |share: f64| {
        let index = ((latencies.len() as f64 - 1.0) * share).max(0.0) as usize;
        latencies.get(index).copied().unwrap_or_default()
    };
    println!(
        "{} unlocks/s over {devices} locks, median {:?}, p99 {:?}, longest {:?}, not 200: {other}",
        latencies.len() as u64 / seconds.max(1),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

async fn connect(target: &Target) -> Fallible<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(&target.host).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

fn request(target: &Target, path: &str, body: String) -> Fallible<Request<Full<Bytes>>> {
    let mut request = Request::post(path)
        .header(header::HOST, &target.host)
        .header(header::AUTHORIZATION, format!("Bearer {}", target.key))
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(prefer) = &target.prefer {
        request = request.header("prefer", prefer);
    }
    Ok(request.body(Full::new(Bytes::from(body)))?)
}

async fn devices(target: &Target) -> Fallible<Vec<String>> {
    let mut sender = connect(target).await?;
    let answer = sender.send_request(request(target, "/devices/list", "{\"limit\":2000}".to_owned())?).await?;
    let body: serde_json::Value = serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
    let devices = body["devices"].as_array().ok_or("no devices")?;
    Ok(devices.iter().filter_map(|device| Some(device["device_id"].as_str()?.to_owned())).collect())
}

async fn run(target: Arc<Target>, worker: usize, step: usize, until: Instant) -> Fallible<(Vec<Duration>, usize)> {
    let mut sender = connect(&target).await?;
    let mut latencies = Vec::new();
    let mut other = 0;
    let mut at = worker;
    while Instant::now() < until {
        let device = target.devices.get(at % target.devices.len().max(1)).ok_or("no devices")?;
        at += step;
        let request = request(&target, "/locks/unlock_door", format!("{{\"device_id\":\"{device}\"}}"))?;
        let started = Instant::now();
        let answer = sender.send_request(request).await?;
        let ok = answer.status().is_success();
        answer.into_body().collect().await?;
        if ok {
            latencies.push(started.elapsed());
        } else {
            other += 1;
        }
    }
    Ok((latencies, other))
}
