//! Calls that need the memory of the node that commands a hub: they are handed over as they came, through the database, and
//! answered as that node answered. It judges them as if they had come to it, credentials included.
//!
//! Invariants: at most one node carries a call out, and none begins it late ([`Store::take_call`]). A call that was handed
//! over is not handed on. What is in the database of it is sealed. Whoever gets no answer in time is told whether the call
//! may have been carried out.
//!
//! [`Store::take_call`]: thumbturn_store::Store::take_call

mod letter;

use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use thumbturn_api::ErrorType;
use thumbturn_core::accounts::Provider;
use thumbturn_core::ids::{AccountId, CallId, DeviceId, NodeId};
use thumbturn_core::nodes::{Channel, News, Owner, Told};
use thumbturn_core::ports::CommitError;
use thumbturn_store::{AccountFilter, ForwardedCall, PageRequest};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use self::letter::{Answer, HandedOver, Sent, given, received, sent, told};
use super::call::Call;
use super::errors::{Failure, Outcome};
use crate::app::App;
use crate::hubs::{HubView, HubsRequest};

/// Within which time a call must be begun.
const BEGUN_WITHIN: Duration = Duration::from_secs(5);
/// Within which time it must be answered.
const ANSWERED_WITHIN: Duration = Duration::from_secs(25);
/// Between two looks at what nobody told of.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long what nobody waits for any more is kept.
const KEPT: Duration = Duration::from_secs(600);
/// How often a node tries to store an answer, and the pause before each further try.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// Whose node a call needs: that of the hub which it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The hub of the device in `device_id`.
    Device,
    /// The hub in `connected_account_id`.
    Account,
    /// That of the workspace's virtual locks.
    VirtualLocks,
}

/// The answer of the node that commands the hub of this call, if that is another one; `None`: it is to be carried out here.
///
/// # Errors
/// 503 if that node does not answer, or there is none at present.
pub(super) async fn elsewhere(
    app: &App,
    whose: Whose,
    call: &Call,
    parts: &Parts,
    body: &Bytes,
) -> Outcome<Option<Response>> {
    if !app.store().is_shared() {
        return Ok(None);
    }
    let Some(account) = account(app, whose, call).await? else { return Ok(None) };
    let was_handed_over = parts.extensions.get::<HandedOver>().is_some();
    match app.engine().owner_of(account).await? {
        Owner::Here => Ok(None),
        Owner::Node(node) if !was_handed_over => {
            let answer = hand_over(app, node, &sent(parts, body)).await?;
            given(answer).ok_or_else(|| Unanswered::Unreadable.into()).map(Some)
        }
        Owner::Node(_) | Owner::Nobody => {
            let message = "Another node is taking this hub over. Nothing was done; try again shortly.";
            Err(Failure::unavailable(message).harmless())
        }
    }
}

/// The account that a call is about. What is unknown, or out of the caller's scope, is refused here as everywhere.
async fn account(app: &App, whose: Whose, call: &Call) -> Outcome<Option<AccountId>> {
    let Ok(scope) = call.caller.scope() else { return Ok(None) };
    let id = |name: &str| call.input.get(name).and_then(|id| Uuid::try_parse(id.as_str()?).ok());
    Ok(match whose {
        Whose::Account => match id("connected_account_id") {
            Some(account) => {
                let filter = AccountFilter { ids: Some(vec![account.into()]), ..AccountFilter::default() };
                let found = app.store().accounts(&scope, &filter, PageRequest::first(1)).await?;
                found.items.first().map(|account| account.id)
            }
            None => None,
        },
        Whose::Device => match id("device_id") {
            Some(device) => {
                let route = app.store().route(DeviceId(device)).await?;
                route.filter(|route| route.workspace == scope.workspace()).map(|route| route.account)
            }
            None => None,
        },
        Whose::VirtualLocks if app.is_sandbox(scope.workspace()).await? => {
            let all = PageRequest::first(crate::app::LARGEST_PAGE);
            let found = app.store().accounts(&scope, &AccountFilter::default(), all).await?;
            found.items.iter().find(|account| account.provider == Provider::Sandbox).map(|account| account.id)
        }
        Whose::VirtualLocks => None,
    })
}

/// Why there is no answer of another node.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("the node that commands this hub did not take the call. Nothing was done; try again shortly")]
    NotTaken,
    #[error(
        "the node that commands this hub has not answered in time, and the call may have been carried out. Look before you \
         try again"
    )]
    Late,
    #[error("the call could not be handed over: {0}")]
    Store(#[from] CommitError),
    #[error("a call between nodes could not be read")]
    Unreadable,
}

impl From<Unanswered> for Failure {
    fn from(why: Unanswered) -> Self {
        match why {
            Unanswered::NotTaken => {
                let message =
                    "The node that commands this hub did not take the call. Nothing was done; try again shortly.";
                Self::unavailable(message).harmless()
            }
            Unanswered::Late => Self::unavailable(
                "The node that commands this hub has not answered in time, and the call may have been carried out. Look \
                 before you try again.",
            ),
            Unanswered::Store(error) => error.into(),
            Unanswered::Unreadable => {
                Self::new(ErrorType::InternalServerError, "A call between nodes could not be read")
            }
        }
    }
}

/// Hands something over to a node and waits for its answer.
async fn hand_over(app: &App, node: NodeId, sent: &Sent) -> Result<Answer, Unanswered> {
    let sent = serde_json::to_string(sent).map_err(|_| Unanswered::Unreadable)?;
    let call = CallId(Uuid::new_v4());
    let mut news = app.store().news(Channel::Answers);
    app.store().forward_call(call, node, &sent, BEGUN_WITHIN).await?;
    let answered = tokio::time::timeout(ANSWERED_WITHIN, answer_to(app, call, &mut news)).await;
    match answered {
        Ok(Some(answer)) => {
            let app = app.clone();
            tokio::spawn(async move { app.store().forget_call(call).await });
            serde_json::from_str(&answer).map_err(|_| Unanswered::Unreadable)
        }
        Ok(None) => Err(Unanswered::NotTaken),
        Err(_) => Err(Unanswered::Late),
    }
}

/// The answer to a call, however long it takes; `None` if it was not begun in time and never will be.
async fn answer_to(app: &App, call: CallId, news: &mut News) -> Option<String> {
    let (began, name) = (tokio::time::Instant::now(), call.to_string());
    let mut is_begun = false;
    loop {
        match app.store().forwarded_call(call).await {
            Ok(ForwardedCall::Answered(answer)) => return Some(answer),
            Ok(ForwardedCall::Gone) => return None,
            // A database that cannot be read now may hold the answer later.
            Ok(ForwardedCall::Open) | Err(_) => {}
        }
        if !is_begun && began.elapsed() > BEGUN_WITHIN {
            match app.store().withdraw_call(call).await {
                Ok(true) => return None,
                Ok(false) => is_begun = true,
                Err(_) => {}
            }
        }
        let _ = tokio::time::timeout(LOOK_AGAIN, async { while !concerns(&news.next().await, &name) {} }).await;
    }
}

fn concerns(told: &Told, name: &str) -> bool {
    match told {
        Told::Words(words) => words.split(' ').any(|word| word == name),
        Told::Missed => true,
    }
}

/// Has the node that commands a hub forget it, as an operator wants; `None`: it is to be done here.
pub(crate) async fn forget_hub(app: &App, hub: Uuid) -> Option<Result<Vec<HubView>, String>> {
    if !app.store().is_shared() {
        return None;
    }
    match app.engine().owner_of(AccountId(hub)).await {
        Ok(Owner::Here | Owner::Nobody) => None,
        Ok(Owner::Node(node)) => {
            let answer = hand_over(app, node, &Sent::ForgetHub(hub)).await;
            Some(answer.map_err(|why| why.to_string()).and_then(forgotten))
        }
        Err(error) => Some(Err(error.to_string())),
    }
}

/// What an operator is shown of a hub that another node has forgotten, or why it has not.
fn forgotten(answer: Answer) -> Result<Vec<HubView>, String> {
    serde_json::from_str(&answer.into_text()?).map_err(|_| Unanswered::Unreadable.to_string())
}

async fn forget(app: &App, hub: Uuid) -> Answer {
    let done = app.hubs().carry_out(HubsRequest::Remove { hub }).await.map_err(|error| error.to_string());
    let shown = done.and_then(|hubs| serde_json::to_string(&hubs).map_err(|error| error.to_string()));
    match shown {
        Ok(text) => Answer::of_text(StatusCode::OK, &text),
        Err(why) => Answer::of_text(StatusCode::CONFLICT, &why),
    }
}

/// Carries out what other nodes hand over to this one, until the server stops.
pub async fn serve(app: App) {
    let mut news = app.store().news(Channel::Calls);
    while !app.is_draining() {
        let Some(node) = app.node() else { return };
        let name = node.to_string();
        let _ = tokio::time::timeout(LOOK_AGAIN, async { while !concerns(&news.next().await, &name) {} }).await;
        // A database that cannot be read is looked at again.
        for call in app.store().waiting_calls(node).await.unwrap_or_default() {
            tokio::spawn(carry_out(app.clone(), node, call));
        }
    }
}

/// Takes a call, if it is still to be had, and answers it. One for which there is no place waits until its time is over.
async fn carry_out(app: App, node: NodeId, call: CallId) {
    let Some(place) = app.admit() else { return };
    let sent = match app.store().take_call(call, node).await {
        Ok(Some(sent)) => sent,
        Ok(None) => return,
        Err(error) => return tracing::warn!(%error, "a call of another node could not be taken"),
    };
    let Some(answer) = answer(&app, &sent, place).await else { return };
    let Ok(answer) = serde_json::to_string(&answer) else { return };
    for tries in 1..=TRIES {
        match app.store().answer_call(call, &answer).await {
            Ok(()) => return,
            Err(error) if tries == TRIES => {
                tracing::warn!(%error, "the answer to a call of another node was not stored")
            }
            Err(_) => tokio::time::sleep(PAUSE * tries).await,
        }
    }
}

/// What this node says to something that another one handed over.
async fn answer(app: &App, sent: &str, place: OwnedSemaphorePermit) -> Option<Answer> {
    let unreadable = || Failure::from(Unanswered::Unreadable).into_response();
    match serde_json::from_str(sent) {
        Ok(Sent::ForgetHub(hub)) => Some(forget(app, hub).await),
        Ok(Sent::Call { method, uri, headers, body }) => match received(&method, &uri, headers, &body) {
            Some(request) => {
                let (parts, mut body) = request.into_parts();
                told(super::guarded(app, &parts, &mut body, place).await).await
            }
            None => told(unreadable()).await,
        },
        Err(_) => told(unreadable()).await,
    }
}

/// Forgets what was handed over and never fetched.
pub(crate) async fn tidy(app: &App) {
    if let Err(error) = app.store().forget_old_calls(KEPT).await {
        tracing::warn!(%error, "old calls between nodes could not be deleted; trying again later");
    }
}
