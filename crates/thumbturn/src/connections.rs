//! Connections: accepted up to a bound, slow ones cut off, idle ones closed when the server stops.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Most connections at the same time; further ones wait in the system's queue.
const MOST: usize = 16_384;

/// Open files that are kept for everything but connections: the database, hubs, the admin socket.
const OTHER_FILES: u64 = 128;

/// Allows the process as many open files as the system lets it, and says how many connections that is good for.
#[must_use]
pub fn allow_many() -> usize {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let Some(files) = getrlimit(Resource::Nofile).current else { return MOST };
    let most = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(MOST).clamp(16, MOST);
    if most < 1_024 {
        tracing::warn!(connections = most, "few files may be open, so few connections are served at the same time");
    }
    most
}

/// How serving ends.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// No new connections; the answers that are on their way are sent.
    pub soon: CancellationToken,
    /// Every connection is cut.
    pub now: CancellationToken,
}

/// How long a client may take for the head of a request.
const HEAD: Duration = Duration::from_secs(30);

/// How long the answers that are on their way may take when the server stops.
const FAREWELL: Duration = Duration::from_secs(12);

/// After a failed accept (out of file descriptors) it is tried again after this pause.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `service` until `stop`.
///
/// # Errors
/// None at present; accepting goes on after errors of single connections.
pub async fn serve(listener: TcpListener, service: Router, stop: Stop, most: usize) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(most));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let accepted = tokio::select! {
            accepted = async { (place.await, listener.accept().await) } => accepted,
            () = stop.soon.cancelled() => break,
        };
        let (place, stream) = match accepted {
            (Ok(place), Ok((stream, _))) => (place, stream),
            (_, Err(error)) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
            (Err(_), Ok(_)) => continue, // the places are never closed
        };
        let connection = http.serve_connection(prepared(stream), TowerToHyperService::new(service.clone()));
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => return Ok(()),
        () = tokio::time::sleep(FAREWELL) => {}
        () = stop.now.cancelled() => {}
    }
    tracing::warn!("some connections were still open when the server stopped");
    Ok(())
}

/// Answers are small and must not wait for more to send.
fn prepared(stream: TcpStream) -> TokioIo<TcpStream> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    TokioIo::new(stream)
}
