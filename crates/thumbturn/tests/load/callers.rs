//! Callers who know how to behave: each sends a whole request and reads the answer, but none waits for another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::server::Server;

type Sender = SendRequest<Full<Bytes>>;

/// No caller waits longer: a held answer takes 4 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection that was not used for so long is not used again: the server may be closing it.
const STALE: Duration = Duration::from_secs(5);

/// How many calls may be on their way; whoever would be one more is not there. Far more than the server has places.
const CROWD: usize = 1_500;

/// How often calls that are due are sent.
const TICK: Duration = Duration::from_millis(4);

/// What came of many calls.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) sent: usize,
    /// Not sent, as the crowd was too large.
    pub(crate) stayed_away: usize,
    pub(crate) statuses: BTreeMap<u16, usize>,
    pub(crate) refused_without_hint: usize,
    /// What went wrong with calls that got no answer.
    pub(crate) unanswered: BTreeMap<String, usize>,
    /// Attempts and the status that they were acknowledged with.
    pub(crate) acknowledged: Vec<(String, String)>,
}

/// Everybody who calls.
pub(crate) struct Callers {
    address: String,
    key: String,
    idle: Mutex<Vec<(Sender, Instant)>>,
    tally: Mutex<Tally>,
}

/// One call.
pub(crate) struct Call {
    path: &'static str,
    body: Value,
    header: Option<(&'static str, String)>,
}

impl Call {
    pub(crate) fn unlock(device: &str) -> Self {
        Self { path: "/locks/unlock_door", body: json!({"device_id": device}), header: None }
    }

    pub(crate) fn list() -> Self {
        Self { path: "/devices/list", body: json!({}), header: None }
    }

    pub(crate) fn new(path: &'static str, body: Value) -> Self {
        Self { path, body, header: None }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.header = Some((name, value.into()));
        self
    }
}

impl Callers {
    pub(crate) fn of(server: &Server) -> Arc<Self> {
        let (address, key) = (server.address.clone(), server.api_key.clone());
        Arc::new(Self { address, key, idle: Mutex::default(), tally: Mutex::default() })
    }

    /// What came of the calls until now; the next begin anew.
    pub(crate) fn tally(&self) -> Tally {
        std::mem::take(&mut self.tally.lock().unwrap())
    }

    /// Sends `rate` calls a second for `time`, whether or not earlier ones were answered; those that were not are left.
    pub(crate) async fn rush(
        self: &Arc<Self>,
        rate: f64,
        time: Duration,
        mut next: impl FnMut(usize) -> Call,
    ) -> JoinSet<()> {
        let (began, mut due) = (Instant::now(), 0);
        let mut calls = JoinSet::new();
        let mut ticks = tokio::time::interval(TICK);
        while began.elapsed() < time {
            ticks.tick().await;
            while calls.try_join_next().is_some() {}
            let until = (began.elapsed().as_secs_f64() * rate) as usize;
            for number in due..until {
                if calls.len() < CROWD {
                    let (callers, call) = (Arc::clone(self), next(number));
                    calls.spawn(async move { drop(callers.call(call).await) });
                } else {
                    self.tally.lock().unwrap().stayed_away += 1;
                }
            }
            due = until.max(due);
        }
        calls
    }

    /// Sends one call, counts what came of it, and gives the answer if it was a success.
    pub(crate) async fn call(&self, call: Call) -> Option<Value> {
        let is_action = call.path.starts_with("/locks/");
        let answered = tokio::time::timeout(PATIENCE, self.send(call)).await;
        let mut tally = self.tally.lock().unwrap();
        tally.sent += 1;
        let (status, hint, body) = match answered {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                *tally.unanswered.entry(error).or_default() += 1;
                return None;
            }
            Err(_) => {
                *tally.unanswered.entry("no answer in time".to_owned()).or_default() += 1;
                return None;
            }
        };
        *tally.statuses.entry(status).or_default() += 1;
        tally.refused_without_hint += usize::from(status != 200 && !hint);
        if status != 200 {
            return None;
        }
        let body: Value = serde_json::from_slice(&body).unwrap();
        if is_action {
            let word = |name: &str| body["action_attempt"][name].as_str().unwrap().to_owned();
            tally.acknowledged.push((word("action_attempt_id"), word("status")));
        }
        Some(body)
    }

    /// Status, whether there was a `retry-after`, and the body.
    async fn send(&self, call: Call) -> Result<(u16, bool, Bytes), String> {
        let mut sender = self.connection().await?;
        let mut request = Request::post(call.path)
            .header(header::HOST, &self.address)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some((name, value)) = call.header {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(call.body.to_string()))).unwrap();
        let answer = sender.send_request(request).await.map_err(|error| format!("sending: {error}"))?;
        let (status, hint) = (answer.status().as_u16(), answer.headers().contains_key(header::RETRY_AFTER));
        let stays = answer.headers().get(header::CONNECTION).is_none_or(|value| value != "close");
        let body = answer.into_body().collect().await.map_err(|error| format!("reading: {error}"))?.to_bytes();
        if stays {
            self.idle.lock().unwrap().push((sender, Instant::now()));
        }
        Ok((status, hint, body))
    }

    async fn connection(&self) -> Result<Sender, String> {
        while let Some((mut sender, since)) = self.pop() {
            if since.elapsed() < STALE && sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let stream = TcpStream::connect(&self.address).await.map_err(|error| format!("connecting: {error}"))?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        Ok(sender)
    }

    fn pop(&self) -> Option<(Sender, Instant)> {
        self.idle.lock().unwrap().pop()
    }
}
