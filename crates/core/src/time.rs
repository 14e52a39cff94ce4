//! Points in time, as values. Nothing in this crate reads a clock: moments come in from [`crate::ports::Clock`].

use std::time::Duration;

use jiff::Timestamp;

/// A point in time on both clocks: the wall clock, which people read and which may jump, and the steady clock, which
/// never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Wall-clock time, UTC.
    pub wall: Timestamp,
    /// Time since the clock started, steady.
    pub steady: Duration,
}

impl Moment {
    /// The moment `by` later on both clocks.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        let wall = jiff::SignedDuration::try_from(by)
            .ok()
            .and_then(|by| self.wall.checked_add(by).ok())
            .unwrap_or(Timestamp::MAX);
        Self { wall, steady: self.steady.saturating_add(by) }
    }

    /// The moment `by` earlier on both clocks.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        let wall = jiff::SignedDuration::try_from(by)
            .ok()
            .and_then(|by| self.wall.checked_sub(by).ok())
            .unwrap_or(Timestamp::MIN);
        Self { wall, steady: self.steady.saturating_sub(by) }
    }

    /// Whether `limit` has come on *either* clock.
    ///
    /// A machine that slept has a steady clock that stood still, and a corrected wall clock may have jumped back:
    /// a door must not open late in either case, so the earlier verdict counts.
    #[must_use]
    pub fn reached(self, limit: Self) -> bool {
        self.steady >= limit.steady || self.wall >= limit.wall
    }

    /// The same moment on the steady clock alone: for waits that a corrected wall clock must not cut short.
    #[must_use]
    pub const fn steadily(self) -> Self {
        Self { wall: Timestamp::MAX, steady: self.steady }
    }

    /// Reached as soon as this or `other` is.
    #[must_use]
    pub fn or_earlier(self, other: Self) -> Self {
        Self { wall: self.wall.min(other.wall), steady: self.steady.min(other.steady) }
    }

    /// How long after `earlier` this is, on the steady clock; zero if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.steady.saturating_sub(earlier.steady)
    }
}
