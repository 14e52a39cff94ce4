//! What the promises need of a hub and its locks.

use std::future::Future;
use std::time::Duration;

use thumbturn_core::locks::Bolt;

use crate::Home;

/// How a lock or the way to it misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Its bolt gets stuck on the way to being unlocked.
    Jam,
    /// It cannot be reached.
    Dead,
    /// Its motor takes so long.
    Slow(Duration),
    /// It takes commands, acts, and is never heard of: it neither reports nor answers.
    NeverHeard,
    /// It acts and reports nothing by itself, but answers when it is asked.
    Mute,
    /// It takes commands and does nothing, and says that it does.
    Idle,
    /// It says everything several times.
    Repeats,
    /// It says everything once more after so long.
    RepeatsLate(Duration),
    /// Of what belongs together it says the second first.
    Reordered,
}

/// What moves a bolt at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A hand.
    Hand,
    /// The lock itself.
    Itself,
}

/// What a lock really did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truth {
    /// Where its bolt is; `None` if it is stuck.
    pub bolt: Option<Bolt>,
    /// How often it went from one end to the other.
    pub moves: usize,
    /// How many commands came to the lock.
    pub commands: usize,
}

/// A real hub with locks that are locked, and the engine on it. Everything is known when it is built.
pub trait Site: Send + Sync {
    /// The engine and what it stored.
    fn home(&self) -> &Home;
    /// The names of the locks.
    fn locks(&self) -> Vec<String>;
    /// Has a lock misbehave from now on, or behave again.
    fn trouble(&self, lock: &str, trouble: Option<Trouble>) -> impl Future<Output = ()> + Send;
    /// What a lock really did.
    fn truth(&self, lock: &str) -> impl Future<Output = Truth> + Send;
    /// Moves a bolt at the door; the lock tells by what.
    fn turn(&self, lock: &str, to: Bolt, by: By) -> impl Future<Output = ()> + Send;
    /// Ends the hub on the spot.
    fn hub_dies(&mut self) -> impl Future<Output = ()> + Send;
    /// Starts it again.
    fn hub_returns(&mut self) -> impl Future<Output = ()> + Send;
}
