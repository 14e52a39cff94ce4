//! Webhooks: events on their way to receivers, signed and at least once.
//!
//! Invariants:
//! - An event that was committed is delivered, or its delivery says why not, whatever ends in between. What is delivered
//!   twice has the same message id.
//! - The way of an unlock does not pay for it: deliveries are made of the events behind it, and only where there is a
//!   webhook.
//! - On several nodes each delivery is made by one: who writes it down first, or takes it in hand first. Where there is no other,
//!   it is written down with what came of it.

mod address;
mod breaker;
mod connector;
mod courier;
mod destination;
mod flight;
mod lanes;
mod ledger;
mod line;
mod office;
pub mod operators;
mod refill;
pub(crate) mod replay;
mod schedule;
mod sender;
mod signature;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use thumbturn_core::ids::WebhookId;
use thumbturn_core::ports::{Clock, CommitError, StoreError};
use thumbturn_core::webhooks::Webhook;
use thumbturn_store::Store;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub(crate) use self::address::is_public;
use self::connector::Connector;
use self::courier::Courier;
pub(crate) use self::flight::message_id;
use self::office::Office;
use self::schedule::Schedule;
use self::sender::Sender;
pub(crate) use self::signature::new_secret;
use crate::config;
use crate::metrics::WebhookFigures;

/// How often it is looked which webhooks there are: other nodes make some too.
const LOOKS_EVERY: Duration = Duration::from_secs(2);

/// How long the end of the server waits for messages that are on their way.
const LAST_WAIT: Duration = Duration::from_secs(6);

/// Why webhooks cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum WebhooksError {
    /// The authorities.
    #[error("webhooks.ca_file: {0}")]
    Authorities(String),
    /// The database.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Who delivers events to webhooks. Ends when it is dropped.
#[derive(Debug)]
pub struct Webhooks {
    changed: Arc<Notify>,
    due: mpsc::UnboundedSender<WebhookId>,
    stop: CancellationToken,
    tasks: TaskTracker,
    allows_private: bool,
    _guard: DropGuard,
}

impl Webhooks {
    /// Starts to deliver. `is_alone` says that no other node has the database, so that what was in hand when the last run
    /// ended can be taken again at once.
    ///
    /// # Errors
    /// [`WebhooksError`]
    pub async fn start(
        store: Store,
        clock: Arc<dyn Clock>,
        settings: &config::Webhooks,
        is_alone: bool,
        figures: Arc<WebhookFigures>,
    ) -> Result<Self, WebhooksError> {
        let allows_private = settings.allow_private_addresses;
        let connector = Connector::new(&settings.ca_file, allows_private).map_err(WebhooksError::Authorities)?;
        if is_alone {
            store.release_deliveries().await?;
        }
        let office = Office {
            store,
            clock,
            sender: Sender::new(connector, Duration::from_millis(settings.timeout_ms)),
            schedule: Schedule::new(settings.retry_delays_ms.iter().copied().map(Duration::from_millis).collect()),
            disable_after: SignedDuration::from_hours(i64::from(settings.disable_after_hours)),
            is_alone,
            allows_plain: allows_private,
            figures,
        };
        let (changed, stop, tasks) = (Arc::new(Notify::new()), CancellationToken::new(), TaskTracker::new());
        let (due, told) = mpsc::unbounded_channel();
        tasks.spawn(supervise(Arc::new(office), Arc::clone(&changed), told, stop.clone()));
        tasks.close();
        Ok(Self { changed, due, stop: stop.clone(), tasks, allows_private, _guard: stop.drop_guard() })
    }

    /// Somebody made, changed or deleted a webhook.
    pub(crate) fn changed(&self) {
        self.changed.notify_one();
    }

    /// A delivery to this webhook is due earlier than its courier may know.
    pub(crate) fn due(&self, webhook: WebhookId) {
        // Nobody listens while the server stops.
        let _ = self.due.send(webhook);
    }

    /// Whether receivers may have private addresses, and be told without TLS.
    pub(crate) const fn allows_private(&self) -> bool {
        self.allows_private
    }

    /// Sends nothing more, and waits a little for what is on its way.
    pub async fn stop(&self) {
        self.stop.cancel();
        if tokio::time::timeout(LAST_WAIT, self.tasks.wait()).await.is_err() {
            tracing::warn!("some webhook deliveries were cut off; they are sent again after the next start");
        }
    }
}

/// A courier at work.
struct AtWork {
    webhook: watch::Sender<Webhook>,
    /// Says that something is due.
    due: Arc<Notify>,
    stop: CancellationToken,
    task: Id,
}

/// Has a courier for every webhook there is.
async fn supervise(
    office: Arc<Office>,
    changed: Arc<Notify>,
    mut due: mpsc::UnboundedReceiver<WebhookId>,
    stop: CancellationToken,
) {
    let mut couriers: HashMap<WebhookId, AtWork> = HashMap::new();
    let mut tasks = JoinSet::new();
    loop {
        if let Err(error) = assign(&office, &mut couriers, &mut tasks, &stop).await {
            tracing::warn!(%error, "the webhooks cannot be read; trying again");
        }
        let look = office.clock.sleep_until(office.clock.now().after(LOOKS_EVERY));
        tokio::select! {
            () = stop.cancelled() => break,
            () = changed.notified() => {}
            Some(webhook) = due.recv() => {
                if let Some(courier) = couriers.get(&webhook) {
                    courier.due.notify_one();
                }
            }
            Some(ended) = tasks.join_next_with_id() => {
                // One that ended by a fault of ours begins anew, from what was written down.
                let task = ended.map_or_else(|error| error.id(), |(task, ())| task);
                couriers.retain(|_, courier| courier.task != task);
            }
            () = look => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}

async fn assign(
    office: &Arc<Office>,
    couriers: &mut HashMap<WebhookId, AtWork>,
    tasks: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    let webhooks = office.store.every_webhook().await?;
    couriers.retain(|id, courier| {
        let stays = webhooks.iter().any(|webhook| webhook.id == *id);
        if !stays {
            courier.stop.cancel();
        }
        stays
    });
    for webhook in webhooks {
        let id = webhook.id;
        if let Some(courier) = couriers.get(&id) {
            courier.webhook.send_if_modified(|known| {
                // How far it has come, its courier knows best.
                let is_news = Webhook { queued_until: known.queued_until, ..webhook.clone() } != *known;
                *known = webhook;
                is_news
            });
            continue;
        }
        let (sender, receiver) = watch::channel(webhook.clone());
        let (due, stop) = (Arc::new(Notify::new()), stop.child_token());
        let courier = Courier::new(Arc::clone(office), webhook, Arc::clone(&due));
        let task = tasks.spawn(courier.run(receiver, stop.clone())).id();
        couriers.insert(id, AtWork { webhook: sender, due, stop, task });
    }
    Ok(())
}
