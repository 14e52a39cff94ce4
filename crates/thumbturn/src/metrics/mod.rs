//! Figures for the operator's Prometheus, at `/metrics`: requests, attempts and their stages, hub sessions, the store, the
//! process. They name no workspace, device or caller and hold no secret, so they need no credentials.
//!
//! Counting is a matter of some atomic additions; whatever can be looked up is looked up when somebody asks.

mod attempts;
mod encode;
mod histogram;
mod process;
mod requests;
mod store;
mod webhooks;

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, header};
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::registry::Registry;
use thumbturn_core::accounts::Provider;
use thumbturn_core::hub::{Census, Standing};
use thumbturn_core::meter::Meter;
use thumbturn_store::StoreMeter;

use self::attempts::Attempts;
use self::encode::{counter, gauge, gauges};
use self::process::Process;
pub(crate) use self::requests::Requests;
use self::store::StoreFigures;
pub use self::webhooks::WebhookFigures;
use crate::app::App;
use crate::logging;

/// The newer format, for who asks for it. Everybody understands the older one.
const OPEN_METRICS: &str = "application/openmetrics-text";
const OPEN_METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    requests: Requests,
    attempts: Arc<Attempts>,
    store: Arc<StoreFigures>,
    webhooks: Arc<WebhookFigures>,
    process: Process,
}

impl Metrics {
    /// Of a process that started then.
    #[must_use]
    pub fn new(started: Timestamp) -> Self {
        let endpoints = thumbturn_api::endpoints().into_iter().map(|endpoint| endpoint.path);
        Self {
            requests: Requests::new(endpoints.chain(crate::http::probes())),
            attempts: Arc::new(Attempts::new()),
            store: Arc::new(StoreFigures::new()),
            webhooks: Arc::default(),
            process: Process { started },
        }
    }

    /// Who counts for the engine.
    #[must_use]
    pub fn of_engine(&self) -> Arc<dyn Meter> {
        Arc::clone(&self.attempts) as Arc<dyn Meter>
    }

    /// Who counts for the store.
    #[must_use]
    pub fn of_store(&self) -> Arc<dyn StoreMeter> {
        Arc::clone(&self.store) as Arc<dyn StoreMeter>
    }

    /// Who counts for webhooks.
    #[must_use]
    pub fn of_webhooks(&self) -> Arc<WebhookFigures> {
        Arc::clone(&self.webhooks)
    }

    /// Who counts requests.
    pub(crate) const fn requests(&self) -> &Requests {
        &self.requests
    }
}

/// The page that Prometheus reads, and its content type.
///
/// # Errors
/// None that the formats know; they write into memory.
pub(crate) fn page(app: &App, headers: &HeaderMap) -> Result<(&'static str, String), fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape::of(app)));
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut page = String::new();
    if accepted.into_iter().any(|value| value.contains(OPEN_METRICS)) {
        text::encode(&mut page, &registry)?;
        return Ok((OPEN_METRICS_TYPE, page));
    }
    prometheus_text::encode(&mut page, &registry)?;
    Ok((prometheus_text::CONTENT_TYPE, page))
}

/// What was counted, and what is looked up when somebody asks.
#[derive(Debug)]
struct Scrape {
    metrics: Arc<Metrics>,
    census: Census,
    /// Requests that are being answered.
    running: u64,
    /// Clients that follow events.
    followers: u64,
    /// Changes that wait to be written, and how many may.
    queue: (usize, usize),
    is_draining: bool,
}

impl Scrape {
    fn of(app: &App) -> Self {
        Self {
            metrics: Arc::clone(app.metrics()),
            census: app.engine().census(),
            running: app.running_requests(),
            followers: app.followers(),
            queue: app.store().queue(),
            is_draining: app.is_draining(),
        }
    }

    fn encode_census(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let of_driver = |counted: &std::collections::BTreeMap<Provider, u64>| {
            let count = |provider: &Provider| counted.get(provider).copied().unwrap_or_default();
            Provider::ALL.map(|provider| (vec![("driver", provider.as_str())], count(&provider)))
        };
        let attempts = of_driver(&self.census.attempts);
        gauges(encoder, "thumbturn_attempts_waiting", "Attempts that wait for their turn or have it.", attempts)?;
        gauges(encoder, "thumbturn_locks", "Locks that are served.", of_driver(&self.census.locks))?;
        let sessions = Provider::ALL.into_iter().flat_map(|provider| {
            Standing::ALL.into_iter().map(move |standing| {
                let count = self.census.sessions.get(&(provider, standing)).copied().unwrap_or_default();
                (vec![("driver", provider.as_str()), ("state", standing.as_str())], count)
            })
        });
        gauges(encoder, "thumbturn_hub_sessions", "Hub sessions, by how they stand.", sessions)
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let (waiting, most) = self.queue;
        self.metrics.process.encode(encoder)?;
        gauge(encoder, "thumbturn_draining", "1 while the server stops.", u64::from(self.is_draining))?;
        counter(encoder, "thumbturn_panics", "Faults of the server that were caught.", logging::panics())?;
        self.metrics.requests.encode(encoder)?;
        gauge(encoder, "thumbturn_http_requests_running", "Requests that are being answered.", self.running)?;
        gauge(encoder, "thumbturn_event_streams", "Clients that follow events.", self.followers)?;
        self.metrics.attempts.encode(encoder)?;
        self.encode_census(encoder)?;
        self.metrics.store.encode(encoder)?;
        self.metrics.webhooks.encode(encoder)?;
        gauge(encoder, "thumbturn_store_queue", "Changes that wait to be written.", waiting)?;
        gauge(encoder, "thumbturn_store_queue_limit", "How many changes may wait.", most)
    }
}
