//! What is still to happen, in order of time; what falls on the same moment keeps the order in which it was planned.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

use thumbturn_core::time::Moment;

pub(super) struct Agenda<T> {
    entries: BinaryHeap<Entry<T>>,
    planned: u64,
}

impl<T> Agenda<T> {
    pub(super) fn new() -> Self {
        Self { entries: BinaryHeap::new(), planned: 0 }
    }

    pub(super) fn plan(&mut self, at: Moment, what: T) {
        self.planned += 1;
        self.entries.push(Entry { at, number: self.planned, what });
    }

    pub(super) fn next_at(&self) -> Option<Moment> {
        self.entries.peek().map(|entry| entry.at)
    }

    /// Takes the first entry if its moment has come.
    pub(super) fn take_due(&mut self, now: Moment) -> Option<(Moment, T)> {
        if !self.entries.peek().is_some_and(|entry| now.reached(entry.at)) {
            return None;
        }
        self.entries.pop().map(|entry| (entry.at, entry.what))
    }
}

struct Entry<T> {
    at: Moment,
    number: u64,
    what: T,
}

impl<T> Entry<T> {
    /// Reversed, since the heap gives the greatest first.
    fn key(&self) -> Reverse<(Duration, u64)> {
        Reverse((self.at.steady, self.number))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}
