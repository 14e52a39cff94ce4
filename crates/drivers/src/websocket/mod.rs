//! Hubs that are talked to over one WebSocket: what their drivers have in common.
//!
//! A driver of such a hub brings three things: settings ([`Server`] reads the address), a handshake on a [`Connection`], and
//! what the hub and its locks say as a value without socket and clock ([`Hub`]). The rest is here:
//!
//! | File | What |
//! |---|---|
//! | `server` | where the hub is, as the settings say it |
//! | `connection` | one connection: limits, pings, what its errors mean |
//! | `session` | the task that works through what comes, in order |
//! | `link` | commands and reads of the engine |
//! | `line` | conversations: requests whose answer somebody waits for |
//! | `desk` | what session and link share, and what was asked |
//! | `outbox` | what is to be done |
//! | `claims` | one account for each home |
//!
//! **Invariants.** A command is written by `link` alone, only into a connection that stands, once. A connection is used once
//! and thrown away at its first error with everything queued in it.

mod claims;
mod connection;
mod desk;
mod line;
mod link;
mod outbox;
mod server;
mod session;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use thumbturn_core::ids::NativeId;
use thumbturn_core::ports::{Clock, CodeSlots, ConnectError, Link, NotWritten, Order, ReadId, Signal};
use thumbturn_core::time::Moment;
use tokio::sync::{mpsc, watch};

pub(crate) use self::claims::{Claim, Claims};
pub(crate) use self::connection::Connection;
pub(crate) use self::line::{Line, Unanswered};
pub(crate) use self::outbox::Outbox;
pub(crate) use self::server::{Kind, Server};

use self::connection::Outgoing;
use self::desk::Desk;
use self::link::SocketLink;
use self::session::Session;
use crate::session::{Phase, Shared, Tasks, started};

/// How long the start of a session may hold up the connection to the engine: with the time that a connection takes at most,
/// this stays below [`thumbturn_core::ports::CONNECT_LIMIT`].
const START_LIMIT: Duration = Duration::from_secs(2);

/// One request to a hub.
pub(crate) trait Ask: Clone + std::fmt::Debug + Send + 'static {
    /// The message that asks for it, under this number. Numbers begin with 1 and rise in the order of writing.
    fn message(&self, number: u64) -> String;

    /// How long its answer is waited for.
    fn limit(&self) -> Duration;

    /// The same of somebody who waits for it in a conversation; the hub may be at it for longer.
    fn patience(&self) -> Duration {
        self.limit()
    }
}

/// A hub and its locks as values: what it says becomes signals to the engine and requests to the hub.
pub(crate) trait Hub: Send + 'static {
    /// What can be asked of the hub.
    type Ask: Ask;
    /// A message of the hub that was understood.
    type Heard: Send + 'static;

    /// Reads a message; `take` gives the request of a number, once. `None` for what cannot be understood: newer hubs say more
    /// than we know. Long messages are read on a thread of their own.
    fn read(text: &str, take: impl FnOnce(u64) -> Option<Self::Ask>) -> Option<Self::Heard>;

    /// Asks for the locks, at the start of a session and whenever the engine wants to know them anew.
    fn list(&mut self, out: &mut Outbox<Self::Ask>);

    /// Whether the hub has told its locks.
    fn is_synced(&self) -> bool;

    /// Takes in what the hub said; the answers of conversations too, which are then handed to whoever waits for them.
    fn hear(&mut self, heard: &Self::Heard, at: Moment, out: &mut Outbox<Self::Ask>);

    /// An answer was heard for which nobody waits in a conversation, or no longer.
    fn unclaimed(&mut self, heard: &Self::Heard, out: &mut Outbox<Self::Ask>) {
        let _ = (heard, out);
    }

    /// The hub has not answered a request within its limit.
    fn unanswered(&mut self, ask: &Self::Ask, at: Moment, out: &mut Outbox<Self::Ask>);

    /// Whether a command for a lock is to be kept back for now, because the hub would do so, and for longer than it may be.
    /// Whoever hands it over is asked again when something was heard.
    fn must_wait(&self, lock: &NativeId) -> bool {
        let _ = lock;
        false
    }

    /// How a command is said.
    ///
    /// # Errors
    /// [`NotWritten`]: the lock is not there, takes no commands at present, or cannot do that.
    fn command(&self, order: &Order) -> Result<Self::Ask, NotWritten>;

    /// Whether a request of a conversation can be passed on now; `false` if the hub would keep it back. Commands for the locks
    /// in `first` wait as well, and go before it. Whoever asks is told when something was heard.
    ///
    /// # Errors
    /// [`NotWritten`]: the lock that it is about is not there.
    fn admits(&self, ask: &Self::Ask, first: &[NativeId]) -> Result<bool, NotWritten> {
        let _ = (ask, first);
        Ok(true)
    }

    /// A command was written, or a request of a conversation.
    fn commanded(&mut self, ask: &Self::Ask, at: Moment);

    /// The engine wants to know where a bolt is.
    ///
    /// # Errors
    /// [`NotWritten`] if there is no such lock.
    fn want_read(
        &mut self,
        lock: &NativeId,
        read: ReadId,
        now: Moment,
        out: &mut Outbox<Self::Ask>,
    ) -> Result<(), NotWritten>;

    /// When something is due.
    fn wake_at(&self, now: Moment) -> Option<Moment>;

    /// Does what is due at `now`.
    fn tick(&mut self, now: Moment, out: &mut Outbox<Self::Ask>);

    /// The code slots of its locks, as conversations over `line`; `None` where its driver writes none.
    fn codes(line: Line<Self>) -> Option<Box<dyn CodeSlots>>
    where
        Self: Sized,
    {
        let _ = line;
        None
    }
}

/// Begins a session on a connection that stands, and waits until the locks were told (but not for long).
///
/// # Errors
/// The connection ended before.
pub(crate) async fn begin<H: Hub>(
    connection: Connection,
    hub: H,
    claim: Claim,
    clock: Arc<dyn Clock>,
    signals: mpsc::Sender<Signal>,
) -> Result<Arc<dyn Link>, ConnectError> {
    let name = connection.server().kind.name;
    let (outgoing, written) = Outgoing::new();
    let alive = Arc::new(AtomicBool::new(true));
    let mut desk = Desk::new(hub, outgoing, name);
    desk.list(clock.now());
    let shared = Arc::new(Shared::new(Arc::clone(&clock), Arc::clone(&alive), desk));
    let (wires, arriving) = mpsc::unbounded_channel();
    let (phase, phases) = watch::channel(Phase::Starting);
    let session = Session { shared: Arc::clone(&shared), wires: arriving, signals, phase };
    let pump = tokio::spawn(connection.pump(clock, alive, written, wires));
    let tasks = Tasks(vec![pump.abort_handle(), tokio::spawn(session.run()).abort_handle()]);
    let codes = H::codes(Line(Arc::clone(&shared)));
    let link = SocketLink { shared, codes, tasks, _claim: claim };
    started(phases, START_LIMIT, &format!("The session with the {name} ended.")).await?;
    Ok(Arc::new(link))
}
