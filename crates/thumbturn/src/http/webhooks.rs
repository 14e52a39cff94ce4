//! Webhooks: made, listed, changed; and what became of their deliveries.

use std::net::IpAddr;

use jiff::SignedDuration;
use thumbturn_api::event_types::EventType;
use thumbturn_api::webhooks::{
    CreateWebhook, DeleteWebhook, DeliveryStatus, EnableWebhook, GetWebhook, GetWebhookDelivery, ListWebhookDeliveries,
    ListWebhookStates, ListWebhooks, ReplayWebhookDeliveries, ReplayWebhookDelivery, RotateWebhookSecret,
    UpdateWebhook, Webhook, WebhookDelivery, WebhookDeliveryAttempt, WebhookReplay, WebhookState,
};
use thumbturn_api::{ErrorType, NonEmptyString, Secret, WebhookDeliveryId};
use thumbturn_core::change::Change;
use thumbturn_core::ids::{DeliveryId, WebhookId};
use thumbturn_core::ports::CommitError;
use thumbturn_core::scope::Scope;
use thumbturn_core::webhooks::{self as domain, Delivery, DeliveryAnswer, DeliveryStanding, EVERY_TYPE};
use thumbturn_store::DeliveryFilter;
use url::{Host, Url};
use uuid::Uuid;

use super::call::Call;
use super::errors::{Failure, Outcome};
use crate::app::App;
use crate::webhooks::replay::{self, Range};
use crate::webhooks::{is_public, message_id, new_secret};

/// Most webhooks of a workspace.
const MOST: usize = 100;

/// How long the secret before the newest signs as well.
const OLD_SECRET: SignedDuration = SignedDuration::from_hours(24);

/// `/webhooks/create`
pub(crate) async fn create(app: App, call: Call, params: CreateWebhook) -> Outcome<Webhook> {
    let scope = call.caller.scope()?;
    let event_types = match params.event_types {
        Some(types) => checked_types(types.into_vec())?,
        None => vec![EVERY_TYPE.to_owned()],
    };
    let url = params.url.into_string();
    check_url(&app, &scope, &url).await?;
    if app.store().webhook_count(scope.workspace()).await? >= MOST {
        return Err(Failure::invalid(format!("A workspace has at most {MOST} webhooks")));
    }
    let now = app.now();
    let webhook = domain::Webhook {
        id: WebhookId::new_at(now),
        workspace: scope.workspace(),
        url,
        event_types,
        secret: new_secret(),
        previous: None,
        queued_until: app.store().last_sequence().await?,
        failing_since: None,
        disabled_at: None,
        created_at: now,
    };
    app.store().commit(Change::WebhookCreated(Box::new(webhook.clone()))).await?;
    app.webhooks().changed();
    Ok(to_wire(&webhook))
}

/// `/webhooks/get`
pub(crate) async fn get(app: App, call: Call, params: GetWebhook) -> Outcome<Webhook> {
    Ok(to_wire(&found(&app, &call.caller.scope()?, &params.webhook_id).await?))
}

/// `/webhooks/list`
pub(crate) async fn list(app: App, call: Call, _: ListWebhooks) -> Outcome<Vec<Webhook>> {
    Ok(app.store().webhooks(&call.caller.scope()?).await?.iter().map(to_wire).collect())
}

/// `/webhooks/update`
pub(crate) async fn update(app: App, call: Call, params: UpdateWebhook) -> Outcome<()> {
    let webhook = found(&app, &call.caller.scope()?, &params.webhook_id).await?.id;
    let event_types = checked_types(params.event_types.into_vec())?;
    changed(&app, webhook, Change::WebhookChanged { webhook, event_types }).await
}

/// `/webhooks/delete`
pub(crate) async fn delete(app: App, call: Call, params: DeleteWebhook) -> Outcome<()> {
    let webhook = found(&app, &call.caller.scope()?, &params.webhook_id).await?.id;
    changed(&app, webhook, Change::WebhookDeleted(webhook)).await
}

/// `/thumbturn/webhooks/list_states`
pub(crate) async fn list_states(app: App, call: Call, _: ListWebhookStates) -> Outcome<Vec<WebhookState>> {
    let mut states = Vec::new();
    for webhook in app.store().webhooks(&call.caller.scope()?).await? {
        states.push(WebhookState {
            webhook_id: webhook.id.0.into(),
            is_disabled: webhook.disabled_at.is_some(),
            disabled_at: webhook.disabled_at.map(Into::into),
            failing_since: webhook.failing_since.map(Into::into),
            pending_deliveries: app.store().pending_deliveries(webhook.id).await?,
            url: webhook.url,
        });
    }
    Ok(states)
}

/// `/thumbturn/webhooks/enable`
pub(crate) async fn enable(app: App, call: Call, params: EnableWebhook) -> Outcome<()> {
    let webhook = found(&app, &call.caller.scope()?, &params.webhook_id).await?.id;
    let from = app.store().last_sequence().await?;
    changed(&app, webhook, Change::WebhookEnabled { webhook, from }).await
}

/// `/thumbturn/webhooks/rotate_secret`
pub(crate) async fn rotate_secret(app: App, call: Call, params: RotateWebhookSecret) -> Outcome<Webhook> {
    let scope = call.caller.scope()?;
    let webhook = found(&app, &scope, &params.webhook_id).await?.id;
    let until = app.now().checked_add(OLD_SECRET).unwrap_or(jiff::Timestamp::MAX);
    changed(&app, webhook, Change::WebhookRotated { webhook, secret: new_secret(), until }).await?;
    Ok(to_wire(&found(&app, &scope, &params.webhook_id).await?))
}

/// `/thumbturn/webhooks/deliveries/list`
pub(crate) async fn list_deliveries(
    app: App,
    call: Call,
    params: ListWebhookDeliveries,
) -> Outcome<Vec<WebhookDelivery>> {
    let webhook = match params.webhook_id.as_deref().map(Uuid::try_parse) {
        Some(Err(_)) => return Ok(Vec::new()), // no webhook has such an id
        Some(Ok(id)) => Some(WebhookId(id)),
        None => None,
    };
    let filter = DeliveryFilter {
        id: None,
        webhook,
        event: params.event_id.map(|id| id.0.into()),
        status: params.status.map(DeliveryStatus::as_str),
    };
    let found = app.store().deliveries(&call.caller.scope()?, &filter, app.page_limit(params.limit)).await?;
    Ok(found.iter().map(delivery_to_wire).collect())
}

/// `/thumbturn/webhooks/deliveries/get`
pub(crate) async fn get_delivery(app: App, call: Call, params: GetWebhookDelivery) -> Outcome<WebhookDelivery> {
    Ok(delivery_to_wire(&found_delivery(&app, &call.caller.scope()?, params.webhook_delivery_id).await?))
}

/// `/thumbturn/webhooks/deliveries/replay`
pub(crate) async fn replay_delivery(app: App, call: Call, params: ReplayWebhookDelivery) -> Outcome<()> {
    let delivery = found_delivery(&app, &call.caller.scope()?, params.webhook_delivery_id).await?;
    match app.store().replay_delivery(delivery.id, app.now()).await {
        Err(CommitError::Conflict(_)) => return Err(delivery_not_found(params.webhook_delivery_id)),
        other => other?,
    }
    app.webhooks().due(delivery.webhook);
    Ok(())
}

/// `/thumbturn/webhooks/deliveries/replay_range`
pub(crate) async fn replay_range(app: App, call: Call, params: ReplayWebhookDeliveries) -> Outcome<WebhookReplay> {
    let webhook = found(&app, &call.caller.scope()?, &params.webhook_id).await?;
    let (since, until) = (params.since.0, params.until.map(|until| until.0));
    if until.is_some_and(|until| until <= since) {
        return Err(Failure::invalid_parameter("until", "Must be later than since"));
    }
    let types = params.event_types.map(|types| checked_types(types.into_vec())).transpose()?;
    let range = Range {
        since,
        until,
        types: types.filter(|types| *types != [EVERY_TYPE]),
        with_delivered: params.include_delivered,
        limit: usize::try_from(params.limit.get()).unwrap_or(usize::MAX),
    };
    let step = replay::step(app.store(), &webhook, &range, app.now()).await?;
    app.webhooks().due(webhook.id);
    Ok(WebhookReplay {
        webhook_id: webhook.id.0.into(),
        again_count: step.again,
        new_count: step.new,
        replayed_until: step.until.into(),
        has_more: step.has_more,
    })
}

/// Commits a change of a webhook and tells who delivers.
async fn changed(app: &App, webhook: WebhookId, change: Change) -> Outcome<()> {
    match app.store().commit(change).await {
        Err(CommitError::Conflict("webhook")) => return Err(not_found(&webhook.to_string())),
        other => other?,
    }
    app.webhooks().changed();
    Ok(())
}

async fn found(app: &App, scope: &Scope, id: &NonEmptyString) -> Outcome<domain::Webhook> {
    let found = match Uuid::try_parse(id) {
        Ok(id) => app.store().webhook(scope, WebhookId(id)).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| not_found(id))
}

async fn found_delivery(app: &App, scope: &Scope, id: WebhookDeliveryId) -> Outcome<Delivery> {
    let filter = DeliveryFilter { id: Some(DeliveryId(id.0)), ..DeliveryFilter::default() };
    let found = app.store().deliveries(scope, &filter, 1).await?.into_iter().next();
    found.ok_or_else(|| delivery_not_found(id))
}

fn not_found(id: &str) -> Failure {
    Failure::new(ErrorType::WebhookNotFound, "Webhook not found").with_data("webhook_id", id)
}

fn delivery_not_found(id: WebhookDeliveryId) -> Failure {
    Failure::new(ErrorType::WebhookDeliveryNotFound, "Delivery not found").with_data("webhook_delivery_id", id)
}

/// Types of events that exist, or `*` alone.
fn checked_types(types: Vec<NonEmptyString>) -> Outcome<Vec<String>> {
    let mut types: Vec<String> = types.into_iter().map(NonEmptyString::into_string).collect();
    types.dedup();
    if types == [EVERY_TYPE] {
        return Ok(types);
    }
    match types.iter().find(|kind| EventType::from_word(kind).is_none()) {
        None => Ok(types),
        Some(kind) if kind == EVERY_TYPE => {
            Err(Failure::new(ErrorType::InvalidEventTypes, "* stands for every type, so it must stand alone"))
        }
        Some(kind) => {
            Err(Failure::new(ErrorType::InvalidEventTypes, "There is no such type of event")
                .with_data("event_type", kind))
        }
    }
}

/// Whether events may be sent there. Where a name leads is judged again for each connection.
async fn check_url(app: &App, scope: &Scope, text: &str) -> Outcome<()> {
    let refused = |problem: &str| Err(Failure::invalid_parameter("url", problem));
    let Ok(url) = Url::parse(text) else { return refused("Invalid url") };
    if !url.username().is_empty() || url.password().is_some() {
        return refused("A url with a user name or password is not supported: verify the signature instead");
    }
    let is_plain = match url.scheme() {
        "https" => false,
        "http" => true,
        _ => return refused("Invalid url, expected http:// or https://"),
    };
    if app.webhooks().allows_private() {
        return Ok(());
    }
    if is_plain && !app.is_sandbox(scope.workspace()).await? {
        return refused(
            "Invalid url, expected https://; the operator may allow http:// by webhooks.allow_private_addresses",
        );
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => {
            Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST))
        }
        _ => None,
    };
    match address {
        Some(address) if !is_public(address) => {
            refused("A private address; the operator may allow those by webhooks.allow_private_addresses")
        }
        _ => Ok(()),
    }
}

fn to_wire(webhook: &domain::Webhook) -> Webhook {
    Webhook {
        webhook_id: webhook.id.0.into(),
        url: webhook.url.clone(),
        event_types: Some(webhook.event_types.clone()),
        secret: Some(Secret::new(webhook.secret.0.clone())),
    }
}

/// A delivery as it is listed.
pub(crate) fn delivery_to_wire(delivery: &Delivery) -> WebhookDelivery {
    let (status, next_attempt_at) = match delivery.standing {
        DeliveryStanding::Pending { due_at } => (DeliveryStatus::Pending, Some(due_at)),
        DeliveryStanding::Delivered => (DeliveryStatus::Delivered, None),
        DeliveryStanding::Failed => (DeliveryStatus::Failed, None),
        DeliveryStanding::Dropped => (DeliveryStatus::Dropped, None),
    };
    let attempts = delivery.attempts.iter().map(|attempt| {
        let (response_status, error) = match attempt.answer {
            DeliveryAnswer::Status(status) => (Some(status), None),
            DeliveryAnswer::Trouble(trouble) => (None, Some(trouble.as_str().to_owned())),
        };
        WebhookDeliveryAttempt {
            attempted_at: attempt.at.into(),
            took_ms: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
            response_status,
            error,
        }
    });
    WebhookDelivery {
        webhook_delivery_id: delivery.id.0.into(),
        message_id: message_id(delivery.id),
        webhook_id: delivery.webhook.0.into(),
        event_id: delivery.event.0.into(),
        event_type: delivery.event_type.to_string(),
        status,
        next_attempt_at: next_attempt_at.map(Into::into),
        attempts: attempts.collect(),
        created_at: delivery.created_at.into(),
    }
}
