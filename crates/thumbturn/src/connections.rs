//! Connections: accepted up to a bound, slow ones cut off, idle ones closed when the server stops. A few more than the
//! bound are taken to be told that the server is busy; whoever comes then waits in the system's queue.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

/// Most connections that are served at the same time.
const MOST: usize = 16_384;

/// How many connections beyond those are taken to be told that the server is busy.
const SPARE: usize = 128;

/// How many more may wait in the system's queue. Whom it has no room for tries again after a whole second.
const WAITING: u32 = 4_096;

/// Open files that are kept for everything but the connections that are served: the database, hubs, the admin socket,
/// and those that are told to come back.
const OTHER_FILES: u64 = 128 + SPARE as u64;

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

/// Listens at `address`.
///
/// # Errors
/// If the address is in use or not ours.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

/// How serving ends.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// No new connections; the answers that are on their way are sent.
    pub soon: CancellationToken,
    /// Every connection is cut.
    pub now: CancellationToken,
}

/// How long a client may take for the head of a request, and how long it may take nothing of an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The same for a client that is told to come back, and how long it may take for everything. Not less: when the machine has
/// no time for the server, it has none for its clients either, and who is cut off too soon gets no answer at all.
const SHORT_PATIENCE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15));

/// Largest head of a request, and how much of an answer is kept ready for a connection, in bytes.
const BUFFER: usize = 64 * 1024;

/// How long the answers that are on their way may take when the server stops.
const FAREWELL: Duration = Duration::from_secs(12);

/// After a failed accept (out of file descriptors) it is tried again after this pause.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many connections, and how patient each is.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections that are served at the same time.
    pub places: usize,
    /// Connections beyond those that are told to come back.
    pub spare: usize,
    /// How long a client may take for the head of a request, and how long it may take nothing of an answer.
    pub patience: Duration,
}

impl Limits {
    /// So many places; the rest as usual.
    #[must_use]
    pub const fn of(places: usize) -> Self {
        Self { places, spare: SPARE, patience: PATIENCE }
    }
}

/// Marks the requests of a connection that found no place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WithoutPlace;

/// Serves `service` until `stop`.
///
/// # Errors
/// None at present; accepting goes on after errors of single connections.
pub async fn serve(listener: TcpListener, service: Router, stop: Stop, limits: Limits) -> io::Result<()> {
    let seats = Seats::new(&limits);
    let graceful = GracefulShutdown::new();
    let busy = service.clone().layer(Extension(WithoutPlace));
    loop {
        let accepted = tokio::select! {
            accepted = seats.next(&listener) => accepted,
            () = stop.soon.cancelled() => break,
        };
        let (seat, stream) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(if seat.is_place { &service } else { &busy }.clone());
        let (patience, in_all) = seat.patience(&limits);
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(BUFFER).keep_alive(seat.is_place);
        let connection = graceful.watch(http.serve_connection(prepared(stream, patience), service));
        tokio::spawn(async move {
            let ended = match in_all {
                None => connection.await,
                // That it took too long is no news.
                Some(in_all) => tokio::time::timeout(in_all, connection).await.unwrap_or(Ok(())),
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(seat);
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

/// Where connections sit.
struct Seats {
    places: Arc<Semaphore>,
    spare: Arc<Semaphore>,
}

struct Seat {
    is_place: bool,
    _permit: OwnedSemaphorePermit,
}

impl Seats {
    fn new(limits: &Limits) -> Self {
        Self { places: Arc::new(Semaphore::new(limits.places)), spare: Arc::new(Semaphore::new(limits.spare)) }
    }

    /// The next connection and its seat: a place if there is one by then.
    async fn next(&self, listener: &TcpListener) -> io::Result<(Seat, TcpStream)> {
        let waiting = tokio::select! {
            biased;
            place = Arc::clone(&self.places).acquire_owned() => place.map(|permit| Seat { is_place: true, _permit: permit }),
            spare = Arc::clone(&self.spare).acquire_owned() => spare.map(|permit| Seat { is_place: false, _permit: permit }),
        };
        let waiting = waiting.map_err(io::Error::other)?;
        let (stream, _) = listener.accept().await?;
        if !waiting.is_place
            && let Ok(permit) = Arc::clone(&self.places).try_acquire_owned()
        {
            return Ok((Seat { is_place: true, _permit: permit }, stream));
        }
        Ok((waiting, stream))
    }
}

impl Seat {
    /// How long its client may do nothing, and how long it may stay.
    const fn patience(&self, limits: &Limits) -> (Duration, Option<Duration>) {
        if self.is_place { (limits.patience, None) } else { (SHORT_PATIENCE.0, Some(SHORT_PATIENCE.1)) }
    }
}

/// Answers are small and must not wait for more to send. Who takes nothing of an answer for long is cut off.
fn prepared(stream: TcpStream, patience: Duration) -> TokioIo<Pin<Box<TimeoutStream<TcpStream>>>> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(patience));
    TokioIo::new(Box::pin(stream))
}
