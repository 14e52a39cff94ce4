//! What the engine needs from outside: a store, drivers and a clock. Few methods; about one screen.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, watch};

use crate::accounts::Account;
use crate::attempts::{Attempt, Outcome};
use crate::change::{AsOf, Change, Whole};
use crate::codes::{CodeFault, CodeTraits, Content, Listing, NewCode, Proof, Slot};
use crate::commands::{AutoLock, Command};
use crate::devices::{About, Device};
use crate::events::Method;
use crate::evidence::Words;
use crate::ids::{AccountId, AttemptId, NativeId, NodeId};
use crate::locks::{Bolt, Reachability, Traits, Unavailable};
use crate::nodes::{Channel, News, Owner};
use crate::spaces::Occupied;
use crate::time::Moment;

/// A boxed future, so that the ports can be trait objects.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The clock. Under test it is a simulated one.
pub trait Clock: Send + Sync {
    /// Now, on both clocks.
    fn now(&self) -> Moment;
    /// Returns once `now().reached(moment)`.
    fn sleep_until(&self, moment: Moment) -> Later<'_, ()>;
}

/// Where things are kept. Writes are [`Change`]s, each all or nothing; an answered commit is on disk.
pub trait Store: Send + Sync {
    /// Commits one change.
    fn commit(&self, change: Change) -> Later<'_, Result<(), CommitError>>;
    /// Every connected account, for the start.
    fn accounts(&self) -> Later<'_, Result<Vec<Account>, StoreError>>;
    /// The devices of one account, for the start of its hub session.
    fn devices_of(&self, account: AccountId) -> Later<'_, Result<Vec<Device>, StoreError>>;
    /// The attempts of one account that a stopped server left unfinished, oldest first.
    fn unfinished_attempts(&self, account: AccountId) -> Later<'_, Result<Vec<Attempt>, StoreError>>;
    /// The spaces that an account is in, or some of its devices are, oldest first.
    fn spaces_around(&self, account: AccountId) -> Later<'_, Result<Vec<Occupied>, StoreError>>;
    /// Those of them that the account itself was put into, oldest first: what is found of it comes into these.
    fn spaces_holding(&self, account: AccountId) -> Later<'_, Result<Vec<Occupied>, StoreError>> {
        Box::pin(async move {
            let mut around = self.spaces_around(account).await?;
            around.retain(|space| space.has_account);
            Ok(around)
        })
    }
    /// The state of something before it is read; `None` where nobody else can change it. See [`Change::Over`].
    fn as_of(&self, whole: Whole) -> Later<'_, Result<Option<AsOf>, StoreError>> {
        let _ = whole;
        Box::pin(async { Ok(None) })
    }
    /// What this process is among the nodes of its database; `None` where one process has the database for itself.
    fn nodes(&self) -> Option<&dyn Nodes> {
        None
    }
    /// Whether this process still is the one that commands the hubs, as far as it can know. Asked in the instant before a
    /// command is written: where another process may have taken the database over, nothing is.
    fn may_command(&self) -> bool {
        true
    }
}

/// One of several nodes on a database: who it is, which accounts are its own, and what waits for it there.
///
/// A node lives on a lease, which it puts off with every commit. Whoever finds one whose lease is over ends it: its accounts
/// are free then, and nothing that it would still write is written.
pub trait Nodes: Send + Sync {
    /// Who this node is. After it was ended it begins again as another one, and nothing of what it did before is its own.
    fn node(&self) -> watch::Receiver<NodeId>;
    /// Whether `node` still is this one and may command its hubs, as far as it can know. Asked in the instant before a
    /// command is written.
    fn may_command(&self, node: NodeId) -> bool;
    /// Commits one change as `node`: [`CommitError::LeaseLost`], and nothing is written, if that was ended.
    fn commit_as(&self, node: NodeId, change: Change) -> Later<'_, Result<(), CommitError>>;
    /// Which node commands the hub of an account.
    fn owner_of(&self, account: AccountId) -> Later<'_, Result<Owner, StoreError>>;
    /// Ends the nodes whose lease is over and takes accounts without an owner: of `only` these, or else up to this node's
    /// share of all. What was known of their devices is stale from then on.
    fn take(&self, node: NodeId, only: Option<Vec<AccountId>>) -> Later<'_, Result<Taken, StoreError>>;
    /// The accounts of `node`.
    fn owned(&self, node: NodeId) -> Later<'_, Result<Vec<Account>, StoreError>>;
    /// Gives accounts of `node` up, and tells the others.
    fn release(&self, node: NodeId, accounts: Vec<AccountId>) -> Later<'_, Result<(), StoreError>>;
    /// Says that `node` is about to stop: it counts no more when accounts are shared out.
    fn leave(&self, node: NodeId) -> Later<'_, Result<(), StoreError>>;
    /// The attempts on locks of `node` that nobody has taken yet, oldest first.
    fn waiting(&self, node: NodeId) -> Later<'_, Result<Vec<Waiting>, StoreError>>;
    /// How those of these attempts that have ended did, and which are gone.
    fn ends(&self, attempts: Vec<AttemptId>) -> Later<'_, Result<Vec<Ending>, StoreError>>;
    /// What other nodes tell on a channel, from now on.
    fn news(&self, channel: Channel) -> News;
}

/// An attempt that has ended, and how; one without an outcome is gone.
pub type Ending = (AttemptId, Option<Outcome>);

/// What a node has after it took accounts.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Those that it took just now, or was asked for and has.
    pub accounts: Vec<Account>,
    /// How many it has in all.
    pub owned: usize,
    /// How many of them are more than its share.
    pub surplus: usize,
}

/// An attempt that another node accepted for this one, or for whoever has the account next.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The attempt.
    pub attempt: Attempt,
    /// What it asks of the lock.
    pub command: Command,
    /// How long ago it was accepted, by the database's clock.
    pub age: Duration,
}

/// Why a read did not work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not do it now: full disk, I/O error, closed. Trying again may help.
    #[error("the database is not available")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// What was read cannot be understood: a fault of ours or a damaged file. Trying again does not help.
    #[error("the database holds something unexpected: {0}")]
    Corrupt(String),
}

/// Why a commit did not happen. Nothing of the change was written.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A condition of the change did not hold: the row is gone, has ended or has changed since it was read, or a
    /// unique name is taken. The text names the condition.
    #[error("a condition of the change does not hold: {0}")]
    Conflict(&'static str),
    /// The node that wanted it was ended: another one may have its accounts by now.
    #[error("this node has lost its lease")]
    LeaseLost,
    /// The write queue is full: the caller should answer "try again later".
    #[error("the write queue is full")]
    Busy,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A driver: turns one kind of hub into the same few words. It reports; it never decides whether an attempt succeeded.
pub trait Driver: Send + Sync {
    /// Connects to the hub of `account`. What the hub says goes into `signals`, in order, beginning with the locks it
    /// knows and then [`Signal::Synced`]; the session is over when the driver sends [`Signal::Lost`] or drops its end.
    /// `known` are the devices of earlier sessions.
    fn connect<'a>(
        &'a self,
        account: &'a Account,
        known: &'a [Device],
        signals: mpsc::Sender<Signal>,
    ) -> Later<'a, Result<Arc<dyn Link>, ConnectError>>;

    /// An account was deleted: what the driver kept of it beyond its sessions can go.
    fn forget(&self, account: AccountId) {
        let _ = account;
    }

    /// How long to wait between two reads when all locks of a hub are read back after a connection.
    fn resync_pace(&self) -> Duration {
        Duration::from_millis(20)
    }
}

/// A live connection to a hub. Dropping it closes the connection and everything queued in it.
pub trait Link: Send + Sync {
    /// Hands one command to the hub. The driver asks `gate` in the instant before it writes; it never queues a command
    /// while disconnected and never sends one twice. What the hub says of it comes as [`Signal::Answered`].
    ///
    /// The engine drops the future when the attempt ends before it does (the hub is lost, the time is over), and from
    /// then on nothing may be written: gate and write belong into this future, not into a task of their own.
    fn carry_out<'a>(&'a self, order: Order, gate: Gate<'a>) -> Later<'a, Result<(), NotWritten>>;
    /// Asks a lock for its state. The answer comes as a report with [`How::Read`], or as [`Signal::ReadFailed`].
    fn ask<'a>(&'a self, lock: &'a NativeId, read: ReadId) -> Later<'a, Result<(), NotWritten>>;
    /// The record of a lock was deleted. `true`: the hub lets it go as well, and says [`Signal::Gone`] after everything
    /// that it said of it before. Real hubs do not: the lock is still at its door.
    fn let_go(&self, lock: &NativeId) -> bool {
        let _ = lock;
        false
    }
    /// Asks the hub once more which locks it has. What it says comes as [`Signal::Discovered`]; nothing is waited for.
    /// A hub that tells of every change by itself needs nothing.
    fn rediscover(&self) -> Later<'_, ()> {
        Box::pin(async {})
    }
    /// The code slots of its locks; `None` where the driver cannot write any.
    fn codes(&self) -> Option<&dyn CodeSlots> {
        None
    }
}

/// The code slots of the locks of a hub. The rules are those of [`crate::codes`]; each method answers in bounded time.
///
/// Unlike a movement, what is written to a slot can be read back at once, so that each of these is a conversation with the
/// hub that ends with what the lock told. A driver asks nothing and writes nothing behind its caller's back: one lock is not
/// to be given two of them at once, and commands for the bolt go first.
pub trait CodeSlots: Send + Sync {
    /// What can be done with the slots of a lock. Asks the lock once in a session at most.
    ///
    /// # Errors
    /// [`CodeFault::Unsupported`] if it has none that its hub lets us write; [`CodeFault::NotWritten`] or
    /// [`CodeFault::Unknown`] if it could not be asked.
    fn traits<'a>(&'a self, lock: &'a NativeId) -> Later<'a, Result<CodeTraits, CodeFault>>;
    /// What is known of all slots in the cheapest way: from the hub's memory where it has one, since a lock on batteries may
    /// take minutes to be asked for each.
    ///
    /// # Errors
    /// As [`Self::traits`].
    fn list<'a>(&'a self, lock: &'a NativeId) -> Later<'a, Result<Listing, CodeFault>>;
    /// Asks the lock itself what is in one slot.
    ///
    /// # Errors
    /// [`CodeFault::Unknown`] if it does not tell; [`CodeFault::NoSuchSlot`]; as [`Self::traits`].
    fn read<'a>(&'a self, lock: &'a NativeId, slot: Slot) -> Later<'a, Result<Content, CodeFault>>;
    /// Puts a code into a slot, and makes sure. One that is there already is not written again. `gate` is asked in the
    /// instant before each write (some hubs need several for one code), and what a closed gate cut short is
    /// [`CodeFault::Unknown`] unless nothing had left. If the future is dropped nothing more is written.
    ///
    /// # Errors
    /// Any [`CodeFault`].
    fn set<'a>(
        &'a self,
        lock: &'a NativeId,
        slot: Slot,
        code: &'a NewCode,
        gate: Gate<'a>,
    ) -> Later<'a, Result<Proof, CodeFault>>;
    /// Empties a slot, and makes sure. One that is empty already is left alone. No other slot is ever touched: the number
    /// that means all of them on some locks is no slot.
    ///
    /// # Errors
    /// Any [`CodeFault`] but those about the code.
    fn clear<'a>(&'a self, lock: &'a NativeId, slot: Slot, gate: Gate<'a>) -> Later<'a, Result<Proof, CodeFault>>;
}

/// One command.
#[derive(Clone, Debug)]
pub struct Order {
    /// The attempt behind it; answers name it.
    pub attempt: AttemptId,
    /// The lock.
    pub lock: NativeId,
    /// What to do. What the driver's hub has no words for is [`NotWritten::Rejected`].
    pub command: Command,
}

/// Numbers a read, so that its answer can be told from other reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReadId(pub u64);

/// Who may still command hubs. Asked in the instant before a command is written.
pub(crate) trait Standing: Send + Sync {
    fn may_command(&self) -> bool;
}

/// Asked by a driver in the instant before it writes a command.
#[derive(Clone, Copy)]
pub struct Gate<'a> {
    clock: &'a dyn Clock,
    send_by: Moment,
    standing: Option<&'a dyn Standing>,
    passed: Option<&'a OnceLock<Moment>>,
}

impl<'a> Gate<'a> {
    /// A gate that closes at `send_by`.
    #[must_use]
    pub fn new(clock: &'a dyn Clock, send_by: Moment) -> Self {
        Self { clock, send_by, standing: None, passed: None }
    }

    /// A gate that also closes when this process may command no more, and notes when it let a command pass: what was heard
    /// before cannot be the command's doing.
    pub(crate) fn noting(
        clock: &'a dyn Clock,
        send_by: Moment,
        standing: &'a dyn Standing,
        passed: &'a OnceLock<Moment>,
    ) -> Self {
        Self { clock, send_by, standing: Some(standing), passed: Some(passed) }
    }

    /// Whether the command may still be written.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let now = self.clock.now();
        let is_open = !now.reached(self.send_by) && self.standing.is_none_or(Standing::may_command);
        if let Some(passed) = self.passed.filter(|_| is_open) {
            // Asked twice, the first time counts: the command may have left right after it.
            let _ = passed.set(now);
        }
        is_open
    }
}

impl fmt::Debug for Gate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("send_by", &self.send_by).finish_non_exhaustive()
    }
}

/// Why a command or a read was not handed to the hub. Nothing of it left this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotWritten {
    /// The gate was closed.
    TooLate,
    /// There is nobody to write to.
    Unavailable(Unavailable),
    /// The lock or the protocol has no such command, or the driver's bounded queue is full.
    Rejected(String),
}

/// What a hub says of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Accepted by the lock, or by its hub where nothing better can be had. Proves no movement. Of anything else than a
    /// movement it is the whole proof, so it is said once the lock itself has told that it is done, and after
    /// everything that the lock told about it.
    Accepted,
    /// The hub says the lock did not acknowledge. The bolt may have moved all the same.
    NotAcknowledged,
    /// Refused: the command was not carried out.
    Refused(Refused),
}

/// Why a lock or hub refused a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The bolt is jammed.
    Jammed,
    /// Something blocks the bolt.
    Obstructed,
    /// The lock is in privacy mode.
    PrivacyMode,
    /// The lock does not know the PIN that was typed.
    UnknownCode,
    /// Too many wrong PINs were typed in a row.
    TooManyAttempts,
    /// Anything else, in the hub's words. Holds no secret.
    Other(String),
}

/// What a driver says about its hub.
#[derive(Clone, Debug)]
pub enum Signal {
    /// A lock exists: new, or something about it changed.
    Discovered {
        /// What it is.
        about: Box<About>,
        /// How it behaves.
        traits: Traits,
    },
    /// The hub says that a lock was removed. (An empty or failed list is not this.)
    Gone(NativeId),
    /// Every lock that the hub knows at the start of the session has been sent.
    Synced,
    /// Whether a lock can be reached. Said of each lock in each session: when a session ends, all of its locks are
    /// called offline until the next one says otherwise.
    Reach(NativeId, Reachability),
    /// A lock said something about its bolt, and its hub's words for it where the driver has them. They are kept as
    /// evidence, so they hold no secret.
    Said(NativeId, Report, Option<Words>),
    /// A lock told its battery's charge, 0 to 1.
    Battery(NativeId, f64),
    /// A lock told when it locks itself.
    AutoLock(NativeId, AutoLock),
    /// A hub told whether the paid subscription that a lock needs has ended.
    SubscriptionEnded(NativeId, bool),
    /// A door sensor told whether the door stands open.
    Door(NativeId, bool),
    /// A wrong code was entered at a lock; the reason in the contract's words where the lock tells.
    Denied(NativeId, Option<&'static str>, Moment),
    /// The codes of a lock were changed: in this slot, or in any if it does not say. By whoever: at its keypad, by another
    /// client of its hub, or by us, since not every hub tells that apart. It says where to look; what is there now is told by
    /// [`CodeSlots::read`].
    CodesChanged(NativeId, Option<Slot>),
    /// The hub said something of a command, at that moment, in these words.
    Answered(NativeId, AttemptId, Answer, Moment, Option<Words>),
    /// A read got no answer.
    ReadFailed(NativeId, ReadId),
    /// To be notified once everything said of the lock before this has been dealt with.
    DealtWith(NativeId, Arc<Notify>),
    /// The connection is over.
    Lost(ConnectError),
}

/// What a lock said about its bolt, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// What.
    pub said: Said,
    /// How it was said.
    pub how: How,
    /// When the driver heard it.
    pub heard: Moment,
    /// When it happened, by the lock's or hub's own clock, where told.
    pub occurred_at: Option<Timestamp>,
    /// The lock's own count of its reports, where the protocol carries one: a count already seen is a repeat.
    pub sequence: Option<u64>,
}

/// What a lock says about its bolt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Where it stands.
    At(Bolt),
    /// It is stuck between its ends.
    Jammed,
    /// Something blocks it.
    Obstructed,
    /// The lock does not know.
    Unsure,
}

/// How a lock said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// A report of the lock, without a word on what moved the bolt.
    Untagged,
    /// A report that says what moved the bolt, and the keypad slot where there is one.
    Tagged(Method, Option<u32>),
    /// The answer to a read of ours.
    Read(ReadId),
    /// Retained, cached or replayed: it was true once. Confirms nothing.
    Remembered,
    /// Set by the hub by itself, without word from the lock. Confirms nothing and changes nothing.
    Assumed,
}

/// Why there is no connection to a hub. Texts are for people and hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// Not reachable, or went away. Trying again may help.
    #[error("{0}")]
    Unreachable(String),
    /// The hub refuses the credentials. Somebody has to act; we try again now and then.
    #[error("{0}")]
    CredentialsRefused(String),
    /// The account's settings cannot work. Trying again does not help.
    #[error("{0}")]
    BadConfig(String),
}

/// How long a driver may take to connect before the engine gives up on it and tries again.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);
