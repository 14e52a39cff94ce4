//! A histogram that is filled without a lock. (That of the library holds one for each observation.)

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;

/// How often something was how large.
#[derive(Debug)]
pub(super) struct Histogram {
    /// The upper bounds of all buckets but the last, which has none.
    bounds: &'static [u64],
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
    /// How many of what is observed make one of what is shown.
    scale: f64,
}

impl Histogram {
    /// Of what people and locks wait for: 1 ms to 30 s.
    pub(super) fn of_waits() -> Self {
        const BOUNDS: [u64; 14] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];
        const NANOS: [u64; BOUNDS.len()] = times(BOUNDS, MILLI);
        Self::new(&NANOS, 1e9)
    }

    /// Of what a disk does: 50 µs to 1 s.
    pub(super) fn of_commits() -> Self {
        const BOUNDS: [u64; 12] = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 250_000, 1_000_000];
        const NANOS: [u64; BOUNDS.len()] = times(BOUNDS, MICRO);
        Self::new(&NANOS, 1e9)
    }

    /// Of how many there are in a group: 1 to 512.
    pub(super) fn of_sizes() -> Self {
        Self::new(&[1, 2, 4, 8, 16, 32, 64, 128, 256, 512], 1.0)
    }

    fn new(bounds: &'static [u64], scale: f64) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, buckets, sum: AtomicU64::new(0), scale }
    }

    /// Counts one that took so long.
    pub(super) fn took(&self, time: Duration) {
        self.observe(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Counts one of this size.
    pub(super) fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Whether nothing was counted yet.
    pub(super) fn is_empty(&self) -> bool {
        self.buckets.iter().all(|bucket| bucket.load(Ordering::Relaxed) == 0)
    }

    pub(super) fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let shown = |value: u64| value as f64 / self.scale;
        let bounds = self.bounds.iter().map(|bound| shown(*bound)).chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        // Counted anew from what was read, so that it is that of the buckets.
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(shown(self.sum.load(Ordering::Relaxed)), count, &buckets, None)
    }
}

const fn times<const N: usize>(mut bounds: [u64; N], unit: u64) -> [u64; N] {
    let mut at = 0;
    while at < N {
        bounds[at] *= unit;
        at += 1;
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_in_the_first_bucket_that_holds_it() {
        let sizes = Histogram::of_sizes();
        assert!(sizes.is_empty());
        for size in [1, 2, 3, 512, 513] {
            sizes.observe(size);
        }
        let counts: Vec<u64> = sizes.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        assert_eq!(counts, [1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(sizes.sum.load(Ordering::Relaxed), 1 + 2 + 3 + 512 + 513);
    }

    #[test]
    fn times_are_counted_in_nanoseconds() {
        let waits = Histogram::of_waits();
        waits.took(Duration::from_millis(1));
        waits.took(Duration::from_micros(1_001));
        waits.took(Duration::from_secs(31));
        let counts: Vec<u64> = waits.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        assert_eq!((counts[0], counts[1], counts[14]), (1, 1, 1));
    }
}
