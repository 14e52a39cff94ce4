//! What operators ask about webhooks: the same beside a running server, through the admin socket, and on the store of a
//! stopped one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thumbturn_api::PreciseTimestamp;
use thumbturn_api::webhooks::{DeliveryStatus, WebhookDelivery};
use thumbturn_core::change::Change;
use thumbturn_core::ids::{DeliveryId, EventId, WebhookId};
use thumbturn_core::ports::{CommitError, StoreError};
use thumbturn_core::scope::Scope;
use thumbturn_core::webhooks::Webhook;
use thumbturn_store::{DeliveryFilter, Store};
use uuid::Uuid;

use super::replay::{Range, step};
use crate::http::webhook_delivery;

/// How many events one request of a replay deals with: the next one goes on.
const EVENTS: usize = 500;

/// What an operator asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum WebhooksRequest {
    /// Every webhook.
    List,
    /// One of them.
    Get {
        /// Its id.
        webhook: Uuid,
    },
    /// Enables one that was disabled.
    Enable {
        /// Its id.
        webhook: Uuid,
    },
    /// Deliveries to a webhook, newest first.
    Deliveries {
        /// Its id.
        webhook: Uuid,
        /// Only those that stand so.
        status: Option<DeliveryStatus>,
        /// Only those of this event.
        event: Option<Uuid>,
        /// So many at most.
        limit: usize,
    },
    /// Sends one delivery again.
    Replay {
        /// The id of the webhook.
        webhook: Uuid,
        /// The id of the delivery.
        delivery: Uuid,
    },
    /// Sends again what happened in a range of time: a part of it, and the answer says where to go on.
    ReplayRange {
        /// The id of the webhook.
        webhook: Uuid,
        /// Only events recorded after this time.
        since: PreciseTimestamp,
        /// Only events recorded before this time.
        until: Option<PreciseTimestamp>,
        /// Only events of these types.
        types: Option<Vec<String>>,
        /// Whether what the receiver has taken is sent again as well.
        with_delivered: bool,
    },
}

impl WebhooksRequest {
    /// The webhook that has deliveries due after this.
    pub(crate) fn makes_due(&self) -> Option<WebhookId> {
        match self {
            Self::Replay { webhook, .. } | Self::ReplayRange { webhook, .. } => Some(WebhookId(*webhook)),
            _ => None,
        }
    }
}

/// A webhook as operators see it: without its secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WebhookView {
    /// Its id.
    pub webhook_id: Uuid,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// Where the events go.
    pub url: String,
    /// The types of events that it is told of; `*` stands for all.
    pub event_types: Vec<String>,
    /// Whether nothing is sent any more.
    pub is_disabled: bool,
    /// Since when.
    pub disabled_at: Option<thumbturn_api::Timestamp>,
    /// Since when every attempt has failed.
    pub failing_since: Option<thumbturn_api::Timestamp>,
    /// Deliveries that have begun and are not over.
    pub pending_deliveries: u64,
    /// When it was made.
    pub created_at: thumbturn_api::Timestamp,
}

/// What one request of a replay did.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ReplayView {
    /// Deliveries that begin again.
    pub again_count: u64,
    /// Deliveries of events that had none.
    pub new_count: u64,
    /// Every event that was created up to here has been dealt with.
    pub replayed_until: PreciseTimestamp,
    /// Whether the range goes on after it.
    pub has_more: bool,
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhooksAnswer {
    /// The webhooks that it is about.
    Webhooks(Vec<WebhookView>),
    /// The deliveries that it is about.
    Deliveries(Vec<WebhookDelivery>),
    /// How far a replay has come.
    Replay(ReplayView),
}

/// Why a request about webhooks was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum WebhooksRequestError {
    /// No such webhook.
    #[error("there is no webhook {0}; `thumbturn webhooks list` shows them")]
    Unknown(Uuid),
    /// No such delivery to it.
    #[error("there is no delivery {0} to this webhook; `thumbturn webhooks deliveries` shows them")]
    UnknownDelivery(Uuid),
    /// Types of events that the contract does not have.
    #[error("there is no type of event `{0}`")]
    UnknownType(String),
    /// A range that ends before it begins.
    #[error("--until must be later than --since")]
    Backwards,
    /// The database could not be read.
    #[error("the database could not be read: {0}")]
    Store(#[from] StoreError),
    /// The database could not be written.
    #[error("the change could not be stored: {0}")]
    Commit(#[from] CommitError),
}

type Outcome<T> = Result<T, WebhooksRequestError>;

/// Carries a request out.
///
/// # Errors
/// [`WebhooksRequestError`]; nothing was changed.
pub async fn carry_out(store: &Store, request: WebhooksRequest, now: Timestamp) -> Outcome<WebhooksAnswer> {
    match request {
        WebhooksRequest::List => {
            let mut views = Vec::new();
            for webhook in store.every_webhook().await? {
                views.push(view(store, webhook).await?);
            }
            Ok(WebhooksAnswer::Webhooks(views))
        }
        WebhooksRequest::Get { webhook } => shown(store, webhook).await,
        WebhooksRequest::Enable { webhook } => {
            let (id, from) = (found(store, webhook).await?.id, store.last_sequence().await?);
            match store.commit(Change::WebhookEnabled { webhook: id, from }).await {
                Err(CommitError::Conflict("webhook")) => return Err(WebhooksRequestError::Unknown(webhook)),
                other => other?,
            }
            shown(store, webhook).await
        }
        WebhooksRequest::Deliveries { webhook, status, event, limit } => {
            let filter = DeliveryFilter {
                event: event.map(EventId),
                status: status.map(DeliveryStatus::as_str),
                ..DeliveryFilter::default()
            };
            deliveries(store, webhook, filter, limit).await
        }
        WebhooksRequest::Replay { webhook, delivery } => {
            let one = DeliveryFilter { id: Some(DeliveryId(delivery)), ..DeliveryFilter::default() };
            let unknown = || WebhooksRequestError::UnknownDelivery(delivery);
            match deliveries(store, webhook, one.clone(), 1).await? {
                WebhooksAnswer::Deliveries(found) if found.is_empty() => return Err(unknown()),
                _ => {}
            }
            match store.replay_delivery(DeliveryId(delivery), now).await {
                Err(CommitError::Conflict(_)) => return Err(unknown()),
                other => other?,
            }
            deliveries(store, webhook, one, 1).await
        }
        WebhooksRequest::ReplayRange { webhook, since, until, types, with_delivered } => {
            if until.is_some_and(|until| until <= since) {
                return Err(WebhooksRequestError::Backwards);
            }
            check_types(types.as_deref())?;
            let webhook = found(store, webhook).await?;
            let range =
                Range { since: since.0, until: until.map(|until| until.0), types, with_delivered, limit: EVENTS };
            let step = step(store, &webhook, &range, now).await?;
            Ok(WebhooksAnswer::Replay(ReplayView {
                again_count: step.again,
                new_count: step.new,
                replayed_until: step.until.into(),
                has_more: step.has_more,
            }))
        }
    }
}

fn check_types(types: Option<&[String]>) -> Outcome<()> {
    use thumbturn_api::event_types::EventType;
    match types.unwrap_or_default().iter().find(|kind| EventType::from_word(kind).is_none()) {
        Some(kind) => Err(WebhooksRequestError::UnknownType(kind.clone())),
        None => Ok(()),
    }
}

async fn found(store: &Store, id: Uuid) -> Outcome<Webhook> {
    let all = store.every_webhook().await?;
    all.into_iter().find(|webhook| webhook.id.0 == id).ok_or(WebhooksRequestError::Unknown(id))
}

async fn shown(store: &Store, id: Uuid) -> Outcome<WebhooksAnswer> {
    Ok(WebhooksAnswer::Webhooks(vec![view(store, found(store, id).await?).await?]))
}

async fn view(store: &Store, webhook: Webhook) -> Outcome<WebhookView> {
    Ok(WebhookView {
        webhook_id: webhook.id.0,
        workspace_id: webhook.workspace.0,
        pending_deliveries: store.pending_deliveries(webhook.id).await?,
        url: webhook.url,
        event_types: webhook.event_types,
        is_disabled: webhook.disabled_at.is_some(),
        disabled_at: webhook.disabled_at.map(Into::into),
        failing_since: webhook.failing_since.map(Into::into),
        created_at: webhook.created_at.into(),
    })
}

async fn deliveries(store: &Store, webhook: Uuid, filter: DeliveryFilter, limit: usize) -> Outcome<WebhooksAnswer> {
    let webhook = found(store, webhook).await?;
    let filter = DeliveryFilter { webhook: Some(webhook.id), ..filter };
    let found = store.deliveries(&Scope::workspace_wide(webhook.workspace), &filter, limit).await?;
    Ok(WebhooksAnswer::Deliveries(found.iter().map(webhook_delivery).collect()))
}
