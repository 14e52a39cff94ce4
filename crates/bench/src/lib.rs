//! What the programs share that measure a server from outside: an HTTP client that costs little, and percentiles.

pub mod hubs;

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// These programs end with the first error.
pub type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Where a server is and what opens it.
#[derive(Clone, Debug)]
pub struct Target {
    host: String,
    authorization: String,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    target: Target,
    sender: SendRequest<Full<Bytes>>,
}

impl Target {
    /// The server at `url`, opened by `key`.
    #[must_use]
    pub fn new(url: &str, key: &str) -> Self {
        let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { host, authorization: format!("Bearer {key}") }
    }

    /// A new connection.
    ///
    /// # Errors
    /// If nobody answers there.
    pub async fn connect(&self) -> Fallible<Connection> {
        let stream = TcpStream::connect(&self.host).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Connection { target: self.clone(), sender })
    }
}

impl Connection {
    /// One call and its answer; `preference` is a `Prefer` header.
    ///
    /// # Errors
    /// If the connection breaks.
    pub async fn call(&mut self, path: &str, body: String, preference: Option<&str>) -> Fallible<(StatusCode, Bytes)> {
        let mut request = Request::post(path)
            .header(header::HOST, &self.target.host)
            .header(header::AUTHORIZATION, &self.target.authorization)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(preference) = preference {
            request = request.header("prefer", preference);
        }
        self.sender.ready().await?;
        let answer = self.sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    /// The same for a call that must succeed, with its answer as JSON.
    ///
    /// # Errors
    /// If it does not succeed.
    pub async fn ask(&mut self, path: &str, body: &Value) -> Fallible<Value> {
        let (status, answer) = self.call(path, body.to_string(), None).await?;
        if !status.is_success() {
            return Err(format!("{path}: {status} {}", String::from_utf8_lossy(&answer)).into());
        }
        Ok(serde_json::from_slice(&answer)?)
    }
}

/// The microseconds that this share of the measurements does not exceed. Sorts them.
pub fn percentile(times: &mut [Duration], share: f64) -> u64 {
    times.sort_unstable();
    let index = ((times.len() as f64 - 1.0) * share).max(0.0) as usize;
    times.get(index).map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}
