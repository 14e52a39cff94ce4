//! Chance. Every choice of a story comes from here, so that its seed tells it again.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// A source of chance with a fixed algorithm: a seed means the same on every machine.
#[derive(Clone)]
pub(crate) struct Dice(Xoshiro256PlusPlus);

impl Dice {
    /// The source number `stream` of a story. Streams do not disturb each other.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed ^ stream.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.random_range(low..=high.max(low))
    }

    /// True once in `n` times; never for 0.
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        n > 0 && self.between(1, n) == 1
    }

    /// One of `all`.
    pub(crate) fn pick<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let last = u64::try_from(all.len().checked_sub(1)?).ok()?;
        all.get(usize::try_from(self.between(0, last)).ok()?).copied()
    }
}
