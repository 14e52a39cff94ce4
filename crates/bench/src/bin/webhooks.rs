//! How many events a server delivers to a fast receiver beside what a bare HTTP client sends there, and how long after the
//! bolt has moved a receiver knows; also with 100,000 deliveries waiting for a receiver that is dead. Prints one line of
//! JSON.
//!
//! `cargo run --release -p thumbturn-bench --bin webhooks -- URL API_KEY PID [SECONDS] [WAITING]`. The server must allow private
//! addresses (`webhooks.allow_private_addresses`). `PID` is its process: what a delivery costs it in processor time differs
//! less than rates do on a machine that others use.
//!
//! The bare client sends messages of the same size with the same headers to the same receiver, on as many connections as the
//! server uses for one receiver, and does nothing else: it reads no event, signs nothing and writes nothing down.

#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use thumbturn_bench::{Connection, Fallible, Target, percentile};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Messages on their way to one receiver at the same time: the server's own number.
const AT_ONCE: usize = 16;

/// Unlocks whose delay is measured.
const UNLOCKS: usize = 300;

/// Calls at the same time while events are made.
const CALLERS: usize = 64;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(300);

/// About as large as an event of an unlock.
const BODY: usize = 560;

/// A receiver on a port of its own.
#[derive(Default)]
struct Receiver {
    refuses: AtomicBool,
    taken: AtomicU64,
    /// Whether events are looked at.
    watches: AtomicBool,
    /// When the unlock of an attempt was received, in seconds since 1970.
    unlocked: Mutex<HashMap<String, f64>>,
}

impl Receiver {
    async fn serve(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
        let mut answer = Response::new(Empty::new());
        let body = request.into_body().collect().await.map(|body| body.to_bytes());
        let Ok(body) = body else { return Ok(answer) };
        if self.refuses.load(Ordering::Acquire) {
            *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            return Ok(answer);
        }
        if self.watches.load(Ordering::Acquire) {
            self.look_at(&body);
        }
        self.taken.fetch_add(1, Ordering::AcqRel);
        *answer.status_mut() = StatusCode::NO_CONTENT;
        Ok(answer)
    }

    fn look_at(&self, body: &[u8]) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let Ok(event) = serde_json::from_slice::<Value>(body) else { return };
        if let (Some("lock.unlocked"), Some(attempt)) =
            (event["event_type"].as_str(), event["action_attempt_id"].as_str())
        {
            let mut unlocked = self.unlocked.lock().unwrap_or_else(PoisonError::into_inner);
            unlocked.entry(attempt.to_owned()).or_insert(now);
        }
    }

    fn taken(&self) -> u64 {
        self.taken.load(Ordering::Acquire)
    }

    async fn start() -> Fallible<(Arc<Self>, String)> {
        let receiver = Arc::new(Self::default());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let desk = Arc::clone(&receiver);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let desk = Arc::clone(&desk);
                // A lost option costs some milliseconds, no more.
                let _ = stream.set_nodelay(true);
                let service = service_fn(move |request| Arc::clone(&desk).serve(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok((receiver, url))
    }
}

/// The server that is measured.
struct Server {
    target: Target,
    process: String,
    devices: Vec<String>,
}

impl Server {
    async fn new(target: Target, process: &str) -> Fallible<Self> {
        let page = target.connect().await?.ask("/devices/list", &json!({"limit": 1000})).await?;
        let devices = page["devices"].as_array().ok_or("no devices")?;
        let devices = devices.iter().filter_map(|device| Some(device["device_id"].as_str()?.to_owned())).collect();
        Ok(Self { target, process: process.to_owned(), devices })
    }

    async fn webhook(&self, url: &str, types: &[&str]) -> Fallible<String> {
        let body = json!({"url": url, "event_types": types});
        let made = self.target.connect().await?.ask("/webhooks/create", &body).await?;
        Ok(made["webhook"]["webhook_id"].as_str().ok_or("no webhook")?.to_owned())
    }

    async fn delete(&self, webhook: &str) -> Fallible<()> {
        let body = json!({"webhook_id": webhook});
        self.target.connect().await?.ask("/webhooks/delete", &body).await.map(drop)
    }

    /// Unlocks until so many have succeeded.
    async fn unlock(self: &Arc<Self>, count: usize) -> Fallible<()> {
        let left = Arc::new(AtomicUsize::new(count));
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let (server, left) = (Arc::clone(self), Arc::clone(&left));
            callers.spawn(async move {
                let mut connection = server.target.connect().await?;
                for device in server.devices.iter().cycle().skip(caller * server.devices.len() / CALLERS) {
                    if left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_err() {
                        break;
                    }
                    connection.ask("/locks/unlock_door", &json!({"device_id": device})).await?;
                }
                Fallible::Ok(())
            });
        }
        while let Some(ended) = callers.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// How long after the lock has reported that it is open the receiver knows, of some unlocks one after the other.
    async fn delays(&self, receiver: &Receiver) -> Fallible<Vec<Duration>> {
        let mut connection = self.target.connect().await?;
        let mut delays = Vec::new();
        receiver.watches.store(true, Ordering::Release);
        for device in self.devices.iter().cycle().take(UNLOCKS) {
            let answer = connection.ask("/locks/unlock_door", &json!({"device_id": device})).await?;
            let attempt = answer["action_attempt"]["action_attempt_id"].as_str().ok_or("no attempt")?.to_owned();
            let received = until("an unlock is received", || {
                receiver.unlocked.lock().unwrap_or_else(PoisonError::into_inner).get(&attempt).copied()
            })
            .await?;
            let reported = reported(&mut connection, &attempt).await?;
            delays.push(Duration::from_secs_f64((received - reported).max(0.0)));
        }
        receiver.watches.store(false, Ordering::Release);
        Ok(delays)
    }
}

/// When the lock reported, in seconds since 1970.
async fn reported(connection: &mut Connection, attempt: &str) -> Fallible<f64> {
    let evidence =
        connection.ask("/thumbturn/action_attempts/evidence", &json!({"action_attempt_id": attempt})).await?;
    let stages = evidence["action_attempt_evidence"]["stages"].as_array().ok_or("no stages")?;
    let stage = stages.iter().rev().find(|stage| stage["stage"] == "reported").ok_or("no report")?;
    let at: jiff::Timestamp = stage["at"].as_str().ok_or("no time")?.parse()?;
    Ok(at.as_microsecond() as f64 / 1e6)
}

/// The processor time that a process has had. The system counts it in hundredths of a second.
fn processor_time(process: &str) -> Fallible<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is a name in parentheses, which may hold anything; the times are the 14th and the 15th.
    let (_, fields) = stat.rsplit_once(')').ok_or("no process")?;
    let times = fields.split_ascii_whitespace().skip(11).take(2);
    let ticks = times.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(10 * ticks))
}

/// Messages, and how long that took: by the clock, and in processor time of who sent them and of this process.
struct Turn {
    count: u64,
    took: Duration,
    sender: Duration,
    here: Duration,
}

impl Turn {
    fn per_second(&self) -> f64 {
        self.count as f64 / self.took.as_secs_f64()
    }

    /// Microseconds of processor time for a message: the sender's, and this process's.
    fn each(&self) -> [f64; 2] {
        [self.sender, self.here].map(|time| time.as_secs_f64() * 1e6 / self.count as f64)
    }
}

async fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> Fallible<T> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Some(found) = look() {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    Err(format!("waited in vain until {what}").into())
}

/// Messages that a bare client sends. It is in this process, as the receiver is.
async fn bare(url: &str, time: Duration) -> Fallible<Turn> {
    let before = processor_time("self")?;
    let sent = Arc::new(AtomicU64::new(0));
    let until = Instant::now() + time;
    let mut loops = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (sent, target) =
            (Arc::clone(&sent), Target::new(url, "a signature is about as long as this authorization"));
        loops.spawn(async move {
            let mut connection = target.connect().await?;
            while Instant::now() < until {
                let (status, _) =
                    connection.call("/", "x".repeat(BODY), Some("the timestamp and the message's id")).await?;
                if !status.is_success() {
                    return Err(format!("the receiver answers {status}").into());
                }
                sent.fetch_add(1, Ordering::AcqRel);
            }
            Fallible::Ok(())
        });
    }
    while let Some(ended) = loops.join_next().await {
        ended??;
    }
    let here = processor_time("self")?.saturating_sub(before);
    Ok(Turn { count: sent.load(Ordering::Acquire), took: time, sender: Duration::ZERO, here })
}

/// Messages that the server delivers: the events are there, and the receiver, which took none before, takes them.
async fn ours(server: &Arc<Server>, receiver: &Receiver, url: &str, time: Duration, events: usize) -> Fallible<Turn> {
    receiver.refuses.store(true, Ordering::Release);
    let webhook = server.webhook(url, &["*"]).await?;
    server.unlock(events / 2).await?;
    receiver.refuses.store(false, Ordering::Release);
    let before = receiver.taken();
    // The first that is taken lets all go.
    until("a message is taken", || (receiver.taken() > before + AT_ONCE as u64).then_some(())).await?;
    let times = || Fallible::Ok([processor_time(&server.process)?, processor_time("self")?]);
    let (first, began, [sender, here]) = (receiver.taken(), Instant::now(), times()?);
    let all = events as u64 * 9 / 10;
    while began.elapsed() < time && receiver.taken() - before < all {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (count, took, [sender_after, here_after]) = (receiver.taken() - first, began.elapsed(), times()?);
    server.delete(&webhook).await?;
    Ok(Turn { count, took, sender: sender_after.saturating_sub(sender), here: here_after.saturating_sub(here) })
}

/// Queues everything there is for a receiver that is dead; how many deliveries that are.
async fn crowd(server: &Arc<Server>, waiting: usize) -> Fallible<(String, u64)> {
    server.unlock(waiting / 2).await?;
    // Nobody listens at this port.
    let webhook = server.webhook("http://127.0.0.1:1/", &["*"]).await?;
    let mut connection = server.target.connect().await?;
    let (mut queued, mut since) = (0, json!("2020-01-01T00:00:00Z"));
    loop {
        let range = json!({"webhook_id": webhook, "since": since, "limit": 1000});
        let answer = connection.ask("/thumbturn/webhooks/deliveries/replay_range", &range).await?;
        let step = &answer["webhook_replay"];
        queued += step["new_count"].as_u64().unwrap_or(0);
        if step["has_more"] != true || queued >= waiting as u64 {
            return Ok((webhook, queued));
        }
        since = step["replayed_until"].clone();
    }
}

#[tokio::main]
async fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, key, process, rest @ ..] = args.as_slice() else { return Err("URL, API_KEY and PID are needed".into()) };
    let seconds: u64 = rest.first().map_or(Ok(10), |text| text.parse())?;
    let waiting: usize = rest.get(1).map_or(Ok(100_000), |text| text.parse())?;
    let time = Duration::from_secs(seconds);
    let server = Arc::new(Server::new(Target::new(url, key), process).await?);
    let (receiver, at) = Receiver::start().await?;
    let figures = |times: &mut Vec<Duration>| json!({"median_us": percentile(times, 0.5), "p99_us": percentile(times, 0.99), "max_us": percentile(times, 1.0)});
    let (mut rates, mut bares) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        bares.push(bare(&at, time / 2).await?);
        rates.push(ours(&server, &receiver, &at, time, 10_000 * seconds.max(1) as usize).await?);
    }
    let webhook = server.webhook(&at, &["lock.unlocked"]).await?;
    let mut alone = server.delays(&receiver).await?;
    let (dead, queued) = crowd(&server, waiting).await?;
    let mut crowded = server.delays(&receiver).await?;
    for webhook in [&webhook, &dead] {
        server.delete(webhook).await?;
    }
    println!(
        "{}",
        json!({
            "per_second": rates.iter().map(Turn::per_second).collect::<Vec<_>>(),
            "bare_per_second": bares.iter().map(Turn::per_second).collect::<Vec<_>>(),
            "processor_us": rates.iter().map(Turn::each).collect::<Vec<_>>(),
            "bare_processor_us": bares.iter().map(|bare| bare.each()[1]).collect::<Vec<_>>(),
            "delay": figures(&mut alone), "waiting": queued,
            "delay_beside_waiting": figures(&mut crowded),
        })
    );
    Ok(())
}
