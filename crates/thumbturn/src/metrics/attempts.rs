//! Attempts: how many were accepted and how they ended, how long each part took, and how often locks were read.

use std::array::from_fn;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::DescriptorEncoder;
use thumbturn_core::accounts::Provider;
use thumbturn_core::attempts::{FailureKind, Outcome};
use thumbturn_core::locks::Action;
use thumbturn_core::meter::{Meter, Purpose, Spans};

use super::encode::{Labels, counters, histograms};
use super::histogram::Histogram;

const DRIVERS: usize = Provider::ALL.len();
const ACTIONS: usize = Action::ALL.len();
/// Confirmed, unconfirmed, and each kind of failure.
const OUTCOMES: usize = 2 + FailureKind::ALL.len();

/// The parts of an attempt, as [`Spans`] has them.
const STAGES: [&str; 5] =
    ["accepted_to_turn", "turn_to_written", "written_to_answered", "written_to_reported", "accepted_to_ended"];

/// What is counted of attempts.
#[derive(Debug)]
pub(super) struct Attempts {
    drivers: [Driver; DRIVERS],
}

#[derive(Debug)]
struct Driver {
    accepted: [AtomicU64; ACTIONS],
    ended: [[AtomicU64; OUTCOMES]; ACTIONS],
    stages: [Histogram; STAGES.len()],
    reads: [AtomicU64; Purpose::ALL.len()],
    put_off: AtomicU64,
}

impl Attempts {
    pub(super) fn new() -> Self {
        let driver = |_| Driver {
            accepted: from_fn(|_| AtomicU64::new(0)),
            ended: from_fn(|_| from_fn(|_| AtomicU64::new(0))),
            stages: from_fn(|_| Histogram::of_waits()),
            reads: from_fn(|_| AtomicU64::new(0)),
            put_off: AtomicU64::new(0),
        };
        Self { drivers: from_fn(driver) }
    }

    fn driver(&self, provider: Provider) -> &Driver {
        // Every provider is among all of them, so the first is never taken for another.
        &self.drivers[place(&Provider::ALL, provider)]
    }

    fn each(&self) -> impl Iterator<Item = (&'static str, &Driver)> {
        Provider::ALL.iter().map(|provider| provider.as_str()).zip(&self.drivers)
    }

    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let accepted = self.each().flat_map(|(driver, figures)| {
            let actions = Action::ALL.iter().zip(&figures.accepted);
            actions.map(move |(action, count)| (vec![("driver", driver), ("action", action.as_str())], read(count)))
        });
        counters(encoder, "thumbturn_attempts_accepted", "Attempts that were accepted.", seen(accepted))?;
        let ended = self.each().flat_map(|(driver, figures)| {
            Action::ALL.iter().zip(&figures.ended).flat_map(move |(action, counts)| {
                let labels = vec![("driver", driver), ("action", action.as_str())];
                outcomes().zip(counts).map(move |((status, outcome), count)| {
                    ([labels.clone(), vec![("status", status), ("outcome", outcome)]].concat(), read(count))
                })
            })
        });
        counters(encoder, "thumbturn_attempts_ended", "Attempts that have ended, by how.", seen(ended))?;
        let stages = self.each().flat_map(|(driver, figures)| {
            let stages = STAGES.iter().zip(&figures.stages).filter(|(_, times)| !times.is_empty());
            stages.map(move |(stage, times)| (vec![("driver", driver), ("stage", *stage)], times))
        });
        histograms(encoder, "thumbturn_attempt_stage_seconds", "How long the parts of ended attempts took.", stages)?;
        let reads = self.each().flat_map(|(driver, figures)| {
            let purposes = Purpose::ALL.iter().zip(&figures.reads);
            purposes.map(move |(purpose, count)| (vec![("driver", driver), ("purpose", purpose.as_str())], read(count)))
        });
        counters(encoder, "thumbturn_lock_reads", "Times that a lock was asked for its state.", reads)?;
        let put_off = self.each().map(|(driver, figures)| (vec![("driver", driver)], read(&figures.put_off)));
        let help = "Reads that wait because their lock's budget for the day is spent.";
        counters(encoder, "thumbturn_lock_reads_put_off", help, put_off)
    }
}

impl Meter for Attempts {
    fn accepted(&self, provider: Provider, action: Action) {
        count(&self.driver(provider).accepted[place(&Action::ALL, action)]);
    }

    fn ended(&self, provider: Provider, action: Action, outcome: &Outcome, spans: Spans) {
        let driver = self.driver(provider);
        let outcome = match outcome {
            Outcome::Success { confirmed: true } => 0,
            Outcome::Success { confirmed: false } => 1,
            Outcome::Failure(failure) => 2 + place(FailureKind::ALL, failure.kind),
        };
        count(&driver.ended[place(&Action::ALL, action)][outcome]);
        let Spans { queued, handed, answered, reported, whole } = spans;
        for (times, took) in driver.stages.iter().zip([queued, handed, answered, reported, Some(whole)]) {
            if let Some(took) = took {
                times.took(took);
            }
        }
    }

    fn asked(&self, provider: Provider, purpose: Purpose) {
        count(&self.driver(provider).reads[place(&Purpose::ALL, purpose)]);
    }

    fn put_off(&self, provider: Provider) {
        count(&self.driver(provider).put_off);
    }
}

/// `status` and what more is known, in the order in which they are counted.
fn outcomes() -> impl Iterator<Item = (&'static str, &'static str)> {
    let failures = FailureKind::ALL.iter().map(|kind| ("error", kind.as_str()));
    [("success", "confirmed"), ("success", "unconfirmed")].into_iter().chain(failures)
}

/// There are many combinations, and most never happen.
fn seen(all: impl Iterator<Item = (Labels, u64)>) -> impl Iterator<Item = (Labels, u64)> {
    all.filter(|(_, count)| *count > 0)
}

fn place<T: PartialEq + Copy>(all: &[T], one: T) -> usize {
    all.iter().position(|other| *other == one).unwrap_or(0)
}

fn count(figure: &AtomicU64) {
    figure.fetch_add(1, Ordering::Relaxed);
}

fn read(figure: &AtomicU64) -> u64 {
    figure.load(Ordering::Relaxed)
}
