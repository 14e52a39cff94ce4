//! What the store tells whoever counts for the operator.
//!
//! It is called on the writer's thread between two commits, so an implementation only changes numbers.

use std::time::Duration;

/// Counts what the store does. Nothing in the store depends on it.
pub trait StoreMeter: Send + Sync {
    /// A group of changes went through one transaction.
    fn group(&self, group: Group);
    /// A change was not taken: the queue was full.
    fn turned_away(&self);
    /// How much of SQLite's log is there, and how much of it is not in the database yet; in pages.
    fn log(&self, pages: u64, unfolded: u64);
}

/// What became of the changes of one transaction, and how long it took from its begin to the disk's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Those that were written.
    pub written: u64,
    /// Those of which a condition did not hold.
    pub refused: u64,
    /// Those that the database failed.
    pub failed: u64,
    /// How long it took.
    pub took: Duration,
}

/// Counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMeter;

impl StoreMeter for NoMeter {
    fn group(&self, _: Group) {}
    fn turned_away(&self) {}
    fn log(&self, _: u64, _: u64) {}
}
