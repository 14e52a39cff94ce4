//! Connections: accepted up to a bound, slow ones cut off, idle ones closed when the server stops.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Most connections at the same time; further ones wait in the system's queue.
const MOST: usize = 16_384;

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
pub async fn serve(listener: TcpListener, service: Router, stop: CancellationToken) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(MOST));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let accepted = tokio::select! {
            accepted = async { (place.await, listener.accept().await) } => accepted,
            () = stop.cancelled() => break,
        };
        let (Ok(place), Ok((stream, _))) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
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
    if tokio::time::timeout(FAREWELL, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections were still open when the server stopped");
    }
    Ok(())
}

/// Answers are small and must not wait for more to send.
fn prepared(stream: TcpStream) -> TokioIo<TcpStream> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    TokioIo::new(stream)
}
