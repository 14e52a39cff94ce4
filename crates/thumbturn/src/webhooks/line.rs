//! A connection to a receiver, for one message at a time. It is driven by whoever sends over it: no task stands between the
//! message and the socket, so nobody wakes anybody for an answer.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::task::coop::unconstrained;

use super::connector::Link;
use crate::rest::read_away;

/// How much of an answer's body is read away, so that its connection can be used again, and for how long.
const UNWANTED: (usize, Duration) = (64 * 1024, Duration::from_secs(1));

/// How long a connection that is not used is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Why there is no answer.
pub(super) enum Unanswered {
    /// The connection was closed before anything of the message had left.
    Unsent(Box<Request<Full<Bytes>>>),
    /// It broke off, or what came is no HTTP.
    BrokenOff,
}

/// A connection.
pub(super) struct Line {
    sender: SendRequest<Full<Bytes>>,
    /// `None` once it is closed.
    connection: Option<Open>,
    used_at: Instant,
}

impl Line {
    /// A line over a new connection. `None`: it is closed already.
    pub(super) async fn over(link: TokioIo<Link>) -> Option<Self> {
        let (sender, connection) = handshake(link).await.ok()?;
        Some(Self { sender, connection: Some(connection), used_at: Instant::now() })
    }

    /// Whether it was used a short time ago, so that the receiver may still have it.
    pub(super) fn is_fresh(&self) -> bool {
        self.connection.is_some() && self.used_at.elapsed() < IDLE
    }

    /// Sends a message and waits for the head of its answer. Who stops waiting must give the line up.
    ///
    /// # Errors
    /// [`Unanswered`]
    pub(super) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Unanswered> {
        if !self.is_at_hand() && alongside(&mut self.connection, self.sender.ready()).await.is_err() {
            return Err(Unanswered::Unsent(Box::new(request)));
        }
        let answer = self.sender.try_send_request(request);
        brought_about(&mut self.connection, answer).await.map_err(|mut error| match error.take_message() {
            Some(request) => Unanswered::Unsent(Box::new(request)),
            None => Unanswered::BrokenOff,
        })
    }

    /// Whether a message can be sent at once, after the connection has noticed what has happened since it was last used. It
    /// wakes nobody when the message is handed to it: who does that lets it work right afterwards.
    fn is_at_hand(&mut self) -> bool {
        advance(&mut self.connection, &mut Context::from_waker(Waker::noop()));
        self.sender.is_ready()
    }

    /// Reads the rest of an answer away; the line, if it can be used again.
    pub(super) async fn over_with(mut self, body: Incoming) -> Option<Self> {
        if !body.is_end_stream() {
            let (most, patience) = UNWANTED;
            if !alongside(&mut self.connection, read_away(body, most, patience)).await {
                return None;
            }
        }
        self.used_at = Instant::now();
        self.connection.is_some().then_some(self)
    }
}

type Open = Connection<TokioIo<Link>, Full<Bytes>>;

/// Lets the connection work. What waits for it hears of its end when it is dropped.
fn advance(connection: &mut Option<Open>, context: &mut Context<'_>) {
    if connection.as_mut().is_some_and(|open| Pin::new(open).poll(context).is_ready()) {
        *connection = None;
    }
}

/// Waits for something, and lets the connection work meanwhile.
async fn alongside<F: Future>(connection: &mut Option<Open>, awaited: F) -> F::Output {
    let mut awaited = pin!(awaited);
    poll_fn(|context| {
        advance(connection, context);
        awaited.as_mut().poll(context)
    })
    .await
}

/// Waits for something that comes about only while the connection works. So it is looked at after that and wakes nobody: the
/// task would wake itself, which costs it a turn. (Nor is it told to wait because the task has done enough for now, as nothing
/// would wake it then.)
async fn brought_about<F: Future>(connection: &mut Option<Open>, awaited: F) -> F::Output {
    let mut awaited = pin!(unconstrained(awaited));
    poll_fn(|context| {
        advance(connection, context);
        awaited.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    })
    .await
}
