//! Requests: how many were answered how, and how long that took.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use prometheus_client::encoding::DescriptorEncoder;

use super::encode::{counters, gauge, histograms};
use super::histogram::Histogram;

/// The statuses that are answered. Any other is counted as the last.
const STATUSES: [&str; 14] =
    ["200", "400", "401", "403", "404", "405", "408", "409", "413", "429", "500", "501", "503", "other"];

/// What is counted under no path of its own: paths of the official API that are not served, and all other paths.
const ELSEWHERE: [&str; 2] = ["(not implemented)", "(unknown)"];

/// What is counted of requests.
#[derive(Debug)]
pub(crate) struct Requests {
    by_path: HashMap<&'static str, Answered>,
    held: AtomicU64,
}

#[derive(Debug)]
struct Answered {
    took: Histogram,
    by_status: [AtomicU64; STATUSES.len()],
}

impl Requests {
    /// Of a server that serves these paths.
    pub(super) fn new(paths: impl Iterator<Item = &'static str>) -> Self {
        let answered = |path| {
            let by_status = std::array::from_fn(|_| AtomicU64::new(0));
            (path, Answered { took: Histogram::of_waits(), by_status })
        };
        Self { by_path: paths.chain(ELSEWHERE).map(answered).collect(), held: AtomicU64::new(0) }
    }

    /// Counts one. `path` is that of an endpoint, or of the official API, or `(unknown)`.
    pub(crate) fn answered(&self, path: &str, status: StatusCode, took: Duration) {
        let Some(figures) = self.by_path.get(path).or_else(|| self.by_path.get(ELSEWHERE[0])) else { return };
        let status = STATUSES.iter().position(|known| *known == status.as_str()).unwrap_or(STATUSES.len() - 1);
        figures.by_status[status].fetch_add(1, Ordering::Relaxed);
        figures.took.took(took);
    }

    /// Counts a request whose answer waits for the outcome of an attempt, until this is dropped.
    pub(crate) fn held(&self) -> Held<'_> {
        self.held.fetch_add(1, Ordering::Relaxed);
        Held(&self.held)
    }

    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut paths: Vec<_> = self.by_path.iter().collect();
        paths.sort_unstable_by_key(|(path, _)| **path);
        let answered = paths.iter().flat_map(|(path, figures)| {
            let statuses = STATUSES.iter().zip(&figures.by_status);
            let counts = statuses.map(|(status, count)| (*status, count.load(Ordering::Relaxed)));
            let seen = counts.filter(|(_, count)| *count > 0);
            seen.map(|(status, count)| (vec![("path", **path), ("status", status)], count))
        });
        counters(encoder, "thumbturn_http_requests", "Requests that were answered.", answered)?;
        let seen = paths.iter().filter(|(_, figures)| !figures.took.is_empty());
        let took = seen.map(|(path, figures)| (vec![("path", **path)], &figures.took));
        histograms(encoder, "thumbturn_http_request_seconds", "From a request's head to its answer.", took)?;
        let held = self.held.load(Ordering::Relaxed);
        gauge(encoder, "thumbturn_http_requests_held", "Answers that wait for the outcome of an attempt.", held)
    }
}

/// A request whose answer waits.
#[derive(Debug)]
pub(crate) struct Held<'a>(&'a AtomicU64);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
