//! `thumbturn webhooks`: words and flags, and what is printed.

use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;
use thumbturn_api::webhooks::{DeliveryStatus, WebhookDelivery};
use thumbturn_store::{Role, Store};
use uuid::Uuid;

use super::{CliError, Place, now, open_existing, print, printable};
use crate::admin::{self, AdminError};
use crate::config::Config;
use crate::webhooks::operators::{self, ReplayView, WebhookView, WebhooksAnswer, WebhooksRequest};

/// Most deliveries that are shown at once.
const MOST: u64 = 1_000;

#[derive(Debug, Args)]
pub(super) struct WebhooksArgs {
    #[command(subcommand)]
    command: WebhooksCommand,
    #[command(flatten)]
    place: Place,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum WebhooksCommand {
    /// List the webhooks of all workspaces, without their secrets.
    List,
    /// Show one webhook.
    Get {
        /// Its id, as `list` shows it.
        webhook: Uuid,
    },
    /// Enable a webhook that was disabled. It is told of what happens from then on.
    Enable {
        /// Its id, as `list` shows it.
        webhook: Uuid,
    },
    /// List deliveries to a webhook, newest first.
    Deliveries {
        /// Its id, as `list` shows it.
        webhook: Uuid,
        /// Only those that stand so.
        #[arg(long, value_parser = PossibleValuesParser::new(DeliveryStatus::WORDS))]
        status: Option<String>,
        /// Only those of this event.
        #[arg(long, value_name = "ID")]
        event: Option<Uuid>,
        /// How many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=MOST))]
        limit: u64,
    },
    /// Send one delivery again, or what happened in a range of time.
    Replay(ReplayArgs),
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["delivery", "since"])))]
struct ReplayArgs {
    /// The webhook's id, as `list` shows it.
    webhook: Uuid,
    /// Only this delivery.
    #[arg(long, value_name = "ID")]
    delivery: Option<Uuid>,
    /// What happened after this time, such as 2026-01-15T08:30:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// What happened before this time; all there is by default.
    #[arg(long, value_name = "TIME", requires = "since")]
    until: Option<Timestamp>,
    /// Only events of this type; may be given several times.
    #[arg(long, value_name = "TYPE", requires = "since")]
    event_type: Vec<String>,
    /// Also what the receiver has taken.
    #[arg(long, requires = "since")]
    include_delivered: bool,
}

impl WebhooksCommand {
    fn request(self) -> WebhooksRequest {
        match self {
            Self::List => WebhooksRequest::List,
            Self::Get { webhook } => WebhooksRequest::Get { webhook },
            Self::Enable { webhook } => WebhooksRequest::Enable { webhook },
            Self::Deliveries { webhook, status, event, limit } => WebhooksRequest::Deliveries {
                webhook,
                status: status.and_then(|word| DeliveryStatus::ALL.iter().copied().find(|one| one.as_str() == word)),
                event,
                limit: usize::try_from(limit).unwrap_or(usize::MAX),
            },
            Self::Replay(ReplayArgs { webhook, delivery: Some(delivery), .. }) => {
                WebhooksRequest::Replay { webhook, delivery }
            }
            Self::Replay(args) => WebhooksRequest::ReplayRange {
                webhook: args.webhook,
                since: args.since.unwrap_or(Timestamp::MIN).into(),
                until: args.until.map(Into::into),
                types: (!args.event_type.is_empty()).then_some(args.event_type),
                with_delivered: args.include_delivered,
            },
        }
    }
}

/// Who carries requests out: the running server, or else this process on its store.
struct Office {
    config: Config,
    store: Option<Store>,
}

impl Office {
    async fn ask(&mut self, request: &WebhooksRequest) -> Result<WebhooksAnswer, CliError> {
        if self.store.is_none() {
            match admin::webhooks(&self.config.admin_socket(), request).await {
                Err(AdminError::NotRunning) => self.store = Some(open_existing(&self.config, Role::Visitor)?),
                answer => return Ok(answer?),
            }
        }
        let Some(store) = &self.store else { return Err(AdminError::NotRunning.into()) };
        Ok(operators::carry_out(store, request.clone(), now()).await?)
    }
}

/// Carries a request about webhooks out and prints what it answered.
pub(super) async fn run(args: WebhooksArgs) -> Result<(), CliError> {
    let mut office = Office { config: args.place.settings(None)?, store: None };
    let request = args.command.request();
    let answer = match office.ask(&request).await? {
        WebhooksAnswer::Replay(first) => WebhooksAnswer::Replay(to_its_end(&mut office, request, first).await?),
        answer => answer,
    };
    if let Some(store) = office.store {
        store.close().await;
    }
    print(&if args.json { json_text(&answer)? } else { text(&answer) })
}

/// Goes on with a replay where the server has stopped.
async fn to_its_end(office: &mut Office, request: WebhooksRequest, first: ReplayView) -> Result<ReplayView, CliError> {
    let (mut whole, mut request) = (first, request);
    while whole.has_more {
        if let WebhooksRequest::ReplayRange { since, .. } = &mut request {
            *since = whole.replayed_until;
        }
        let WebhooksAnswer::Replay(next) = office.ask(&request).await? else { break };
        whole = ReplayView {
            again_count: whole.again_count + next.again_count,
            new_count: whole.new_count + next.new_count,
            ..next
        };
    }
    Ok(whole)
}

fn json_text(answer: &WebhooksAnswer) -> Result<String, CliError> {
    let value = match answer {
        WebhooksAnswer::Webhooks(webhooks) => json!(webhooks),
        WebhooksAnswer::Deliveries(deliveries) => json!(deliveries),
        WebhooksAnswer::Replay(replay) => json!(replay),
    };
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

fn text(answer: &WebhooksAnswer) -> String {
    match answer {
        WebhooksAnswer::Webhooks(webhooks) => webhooks_table(webhooks),
        WebhooksAnswer::Deliveries(deliveries) => deliveries_table(deliveries),
        WebhooksAnswer::Replay(replay) => format!(
            "{} deliveries are sent again and {} for the first time: all of events up to {}.\n",
            replay.again_count, replay.new_count, replay.replayed_until
        ),
    }
}

fn webhooks_table(webhooks: &[WebhookView]) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "{:<38}{:<38}{:<10}{:<9}{:<34}{}\n",
        "WEBHOOK ID", "WORKSPACE", "STATE", "PENDING", "EVENT TYPES", "URL"
    );
    for webhook in webhooks {
        let state = match (webhook.is_disabled, webhook.failing_since) {
            (true, _) => "disabled",
            (false, Some(_)) => "failing",
            (false, None) => "live",
        };
        let _ = writeln!(
            text,
            "{:<38}{:<38}{state:<10}{:<9}{:<34}{}",
            webhook.webhook_id.to_string(),
            webhook.workspace_id.to_string(),
            webhook.pending_deliveries,
            types(&webhook.event_types),
            printable(&webhook.url)
        );
    }
    for webhook in webhooks {
        if let Some(at) = webhook.disabled_at {
            let id = webhook.webhook_id;
            let _ = writeln!(
                text,
                "\n{id} was disabled at {at}: every attempt had failed for too long. Once its receiver is well:\n  \
                 thumbturn webhooks enable {id}"
            );
        } else if let Some(since) = webhook.failing_since {
            let _ = writeln!(text, "\n{}: every attempt has failed since {since}.", webhook.webhook_id);
        }
    }
    text
}

/// The first type, and how many there are besides.
fn types(types: &[String]) -> String {
    match types {
        [] => String::new(),
        [one] => printable(one),
        [first, rest @ ..] => format!("{} and {} more", printable(first), rest.len()),
    }
}

fn deliveries_table(deliveries: &[WebhookDelivery]) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "{:<38}{:<11}{:<10}{:<17}{:<29}{:<38}{}\n",
        "DELIVERY ID", "STATUS", "ATTEMPTS", "LAST ANSWER", "NEXT ATTEMPT", "EVENT ID", "EVENT TYPE"
    );
    for delivery in deliveries {
        let last = delivery.attempts.last().map_or_else(String::new, |attempt| {
            match (&attempt.error, attempt.response_status) {
                (Some(error), _) => error.clone(),
                (None, status) => status.map_or_else(String::new, |status| status.to_string()),
            }
        });
        let next = delivery.next_attempt_at.map_or_else(String::new, |at| at.to_string());
        let _ = writeln!(
            text,
            "{:<38}{:<11}{:<10}{last:<17}{next:<29}{:<38}{}",
            delivery.webhook_delivery_id.0.to_string(),
            delivery.status.as_str(),
            delivery.attempts.len(),
            delivery.event_id.0.to_string(),
            printable(&delivery.event_type)
        );
    }
    text
}
