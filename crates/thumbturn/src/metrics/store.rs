//! The store: its commits, and SQLite's log.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::DescriptorEncoder;
use thumbturn_store::{Group, StoreMeter};

use super::encode::{Labels, counter, counters, gauge, histograms};
use super::histogram::Histogram;

/// What is counted of the store.
#[derive(Debug)]
pub(super) struct StoreFigures {
    took: Histogram,
    sizes: Histogram,
    written: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    turned_away: AtomicU64,
    log: AtomicU64,
    unfolded: AtomicU64,
}

impl StoreFigures {
    pub(super) fn new() -> Self {
        let none = || AtomicU64::new(0);
        Self {
            took: Histogram::of_commits(),
            sizes: Histogram::of_sizes(),
            written: none(),
            refused: none(),
            failed: none(),
            turned_away: none(),
            log: none(),
            unfolded: none(),
        }
    }

    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        let results = [("written", &self.written), ("refused", &self.refused), ("failed", &self.failed)];
        let changes = results.map(|(result, count)| (vec![("result", result)], read(count)));
        counters(encoder, "thumbturn_store_changes", "Changes, by what became of them.", changes)?;
        let turned_away = read(&self.turned_away);
        counter(encoder, "thumbturn_store_turned_away", "Changes that found the write queue full.", turned_away)?;
        let took = [(Labels::new(), &self.took)];
        histograms(encoder, "thumbturn_store_commit_seconds", "From a transaction's begin to the disk's word.", took)?;
        let sizes = [(Labels::new(), &self.sizes)];
        histograms(encoder, "thumbturn_store_group_changes", "Changes in one transaction.", sizes)?;
        gauge(encoder, "thumbturn_store_log_pages", "Pages in SQLite's write-ahead log.", read(&self.log))?;
        let unfolded = read(&self.unfolded);
        gauge(encoder, "thumbturn_store_log_unfolded_pages", "Those that are not in the database yet.", unfolded)
    }
}

impl StoreMeter for StoreFigures {
    fn group(&self, group: Group) {
        let Group { written, refused, failed, took } = group;
        for (figure, more) in [(&self.written, written), (&self.refused, refused), (&self.failed, failed)] {
            figure.fetch_add(more, Ordering::Relaxed);
        }
        self.took.took(took);
        self.sizes.observe(written + refused + failed);
    }

    fn turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    fn log(&self, pages: u64, unfolded: u64) {
        self.log.store(pages, Ordering::Relaxed);
        self.unfolded.store(unfolded, Ordering::Relaxed);
    }
}
