//! Client sessions: made, found and read.

use std::collections::HashSet;

use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use thumbturn_api::client_sessions::{
    ClientSession, ClientSessionGrants, CreateClientSession, DeleteClientSession, GetClientSession,
    GetOrCreateClientSession, GrantClientSessionAccess, ListClientSessions, RevokeClientSession,
};
use thumbturn_api::{ApiError, ErrorType, Nullable, Problems, Text};
use thumbturn_core::change::{AsOf, Change, Whole};
use thumbturn_core::credentials::{self as domain, SessionStanding};
use thumbturn_core::events::{Event, EventKind};
use thumbturn_core::ids::{AccountId, ClientSessionId, DeviceId, EventId, UserIdentityId, WorkspaceId};
use thumbturn_core::ports::CommitError;
use thumbturn_core::scope::Scope;
use thumbturn_store::SessionFilter;

use super::call::{Call, Caller};
use super::errors::{Failure, Outcome};
use super::{connected_accounts, to_wire, user_identities};
use crate::app::App;
use crate::tokens::{Token, TokenKind};

/// How long a session lives where the caller does not say: a year.
const LIFETIME: SignedDuration = SignedDuration::from_hours(365 * 24);

/// Most sessions that a list shows.
const MOST: usize = 10_000;

/// Longest user identifier key, in characters: whoever has a publishable key, which is no secret, may store one.
const USER_KEY_CHARS: usize = 1_000;

/// How often a race for the same user identifier key is run again.
const TRIES: usize = 5;

/// What a session is asked to be.
struct Wanted {
    workspace: WorkspaceId,
    user_key: Option<String>,
    accounts: Vec<AccountId>,
    identity: Option<UserIdentityId>,
    customer_key: Option<String>,
    expires_at: Option<Timestamp>,
}

/// `/client_sessions/create`
pub(crate) async fn create(app: App, call: Call, params: CreateClientSession) -> Outcome<ClientSession> {
    let customer_key = params.customer_key.or(params.customer_id).map(Text::into_string);
    let key = params.grants.user_identifier_key.as_deref().map(str::to_owned);
    let wanted = wanted(&app, &call, &params.grants, key, customer_key, StatusCode::UNAUTHORIZED).await?;
    for _ in 0..TRIES {
        if let Some(session) = holder(&app, &wanted).await? {
            if call.method == Method::PUT {
                return shown(&app, session).await;
            }
            return Err(Failure::new(
                ErrorType::ClientSessionTokenAlreadyExists,
                "A client session with this user_identifier_key already exists",
            ));
        }
        if let Some(session) = made(&app, &wanted).await? {
            return shown(&app, session).await;
        }
    }
    Err(Failure::unavailable("Others are making sessions with the same user_identifier_key. Try again."))
}

/// `/client_sessions/get_or_create`
pub(crate) async fn get_or_create(app: App, call: Call, params: GetOrCreateClientSession) -> Outcome<ClientSession> {
    let in_body = params.grants.user_identifier_key.as_deref().map(str::to_owned);
    let key = in_body.or_else(|| call.user_identifier_key.clone().filter(|key| !key.is_empty()));
    let wanted = wanted(&app, &call, &params.grants, key, None, StatusCode::BAD_REQUEST).await?;
    for _ in 0..TRIES {
        match holder(&app, &wanted).await? {
            // Whoever has only the key that browsers carry must not change how long somebody's session lives.
            Some(session) if matches!(call.caller, Caller::Publishable { .. }) => return shown(&app, session).await,
            Some(session) => match extended(&app, session, &wanted).await? {
                Some(session) => return shown(&app, session).await,
                None => continue,
            },
            None => {}
        }
        if let Some(session) = made(&app, &wanted).await? {
            return shown(&app, session).await;
        }
    }
    Err(Failure::unavailable("Others are making sessions with the same user_identifier_key. Try again."))
}

/// `/client_sessions/get`
pub(crate) async fn get(app: App, call: Call, params: GetClientSession) -> Outcome<ClientSession> {
    let id = params.client_session_id.map(|id| ClientSessionId(id.0));
    let key = params.user_identifier_key.as_deref();
    if let Caller::Session(own) = call.caller {
        return own_session(&app, *own, id, key).await;
    }
    if id.is_none() && key.is_none() {
        return Err(one_is_required());
    }
    shown(&app, named(&app, &call, id, key).await?).await
}

/// The session with this id, this user identifier key, or both.
async fn named(
    app: &App,
    call: &Call,
    id: Option<ClientSessionId>,
    key: Option<&str>,
) -> Outcome<domain::ClientSession> {
    let scope = call.caller.scope()?;
    let found = match (id, key) {
        (Some(id), key) => {
            let found = app.store().session(&scope, id).await?;
            found.filter(|session| key.is_none_or(|key| session.user_identifier_key.as_deref() == Some(key)))
        }
        (None, Some(key)) => app.store().session_by_user_key(scope.workspace(), key).await?,
        (None, None) => None,
    };
    found.ok_or_else(not_found)
}

/// `/client_sessions/list`
pub(crate) async fn list(app: App, call: Call, params: ListClientSessions) -> Outcome<Vec<ClientSession>> {
    if params.connect_webview_id.value().is_some() {
        return Ok(Vec::new()); // no session here has any
    }
    let scope = call.caller.scope()?;
    let without_identity = matches!(params.user_identity_id, Nullable::Null);
    let identity = match params.user_identity_id.value() {
        Some(id) => match app.store().user_identity(&scope, UserIdentityId(id.0)).await? {
            Some(identity) => Some(identity.id),
            None => return Ok(Vec::new()),
        },
        None => None,
    };
    let filter = SessionFilter {
        id: params.client_session_id.map(|id| ClientSessionId(id.0)),
        user_identifier_key: params.user_identifier_key.map(Text::into_string),
        without_user_identifier_key: params.without_user_identifier_key,
        identity,
        without_identity,
        unrevoked: true,
    };
    let sessions = app.store().sessions(&scope, &filter, MOST).await?;
    let counts = app.store().device_counts(&scope).await?;
    let count = |session: &domain::ClientSession| {
        let beside = session.granted.iter().filter(|grant| !session.accounts.contains(&grant.account)).map(|_| 1);
        session.accounts.iter().filter_map(|account| counts.get(account)).copied().chain(beside).sum::<u64>()
    };
    Ok(sessions.iter().map(|session| to_wire::client_session(session, count(session))).collect())
}

/// `/client_sessions/grant_access`
pub(crate) async fn grant_access(app: App, call: Call, params: GrantClientSessionAccess) -> Outcome<ClientSession> {
    let id = params.client_session_id.map(|id| ClientSessionId(id.0));
    let session = named(&app, &call, id, params.user_identifier_key.as_deref()).await?;
    let grants = ClientSessionGrants {
        user_identifier_key: None,
        connected_account_ids: params.connected_account_ids,
        connect_webview_ids: params.connect_webview_ids,
        user_identity_id: params.user_identity_id,
        user_identity_ids: params.user_identity_ids,
        expires_at: None,
    };
    let wanted = wanted(&app, &call, &grants, None, None, StatusCode::BAD_REQUEST).await?;
    shown(&app, extended(&app, session, &wanted).await?.ok_or_else(not_found)?).await
}

/// `/client_sessions/revoke`. One that was revoked before stays as it is.
pub(crate) async fn revoke(app: App, call: Call, params: RevokeClientSession) -> Outcome<()> {
    let session = named(&app, &call, Some(ClientSessionId(params.client_session_id.0)), None).await?;
    if session.revoked_at.is_some() {
        return Ok(());
    }
    let events = vec![ended(&app, &session)];
    match app.store().commit(Change::SessionRevoked { session: session.id, at: app.now(), events }).await {
        Err(CommitError::Conflict(_)) => Ok(()),
        other => Ok(other?),
    }
}

/// `/client_sessions/delete`
pub(crate) async fn delete(app: App, call: Call, params: DeleteClientSession) -> Outcome<()> {
    let session = named(&app, &call, Some(ClientSessionId(params.client_session_id.0)), None).await?;
    // One that was revoked has told of its end.
    let events = session.revoked_at.is_none().then(|| ended(&app, &session)).into_iter().collect();
    match app.store().commit(Change::SessionDeleted { session: session.id, events }).await {
        Err(CommitError::Conflict(_)) => Err(not_found()),
        other => Ok(other?),
    }
}

fn not_found() -> Failure {
    Failure::new(ErrorType::ClientSessionNotFound, "Could not find client session")
}

/// What is told when a session ends.
pub(crate) fn ended(app: &App, session: &domain::ClientSession) -> Event {
    let now = app.now();
    Event {
        id: EventId::new_at(now),
        workspace: session.workspace,
        account: None,
        device: None,
        occurred_at: now,
        kind: EventKind::SessionDeleted { session: session.id },
    }
}

fn one_is_required() -> Failure {
    let mut problems = Problems::default();
    problems.add("Either 'client_session_id' or 'user_identifier_key' is required");
    ApiError::from(problems).into()
}

/// A session may only look at itself.
async fn own_session(
    app: &App,
    own: domain::ClientSession,
    id: Option<ClientSessionId>,
    key: Option<&str>,
) -> Outcome<ClientSession> {
    if id.is_some() && key.is_some() {
        return Err(Failure::new(
            ErrorType::InvalidOptions,
            "With a client session token, client_session_id and user_identifier_key cannot be given together",
        ));
    }
    let other =
        id.is_some_and(|id| id != own.id) || key.is_some_and(|key| own.user_identifier_key.as_deref() != Some(key));
    if other {
        return Err(not_found());
    }
    shown(app, own).await
}

/// Checks what is asked for. With a publishable key: a user identifier key, and nothing granted.
async fn wanted(
    app: &App,
    call: &Call,
    grants: &ClientSessionGrants,
    user_key: Option<String>,
    customer_key: Option<String>,
    missing_key: StatusCode,
) -> Outcome<Wanted> {
    if grants.expires_at.is_some_and(|at| at.0 <= app.now()) {
        return Err(Failure::invalid_parameter("expires_at", "Must be in the future"));
    }
    if user_key.as_ref().is_some_and(|key| key.chars().count() > USER_KEY_CHARS) {
        let problem = format!("String must contain at most {USER_KEY_CHARS} character(s)");
        return Err(Failure::invalid_parameter("user_identifier_key", problem));
    }
    let workspace = match &call.caller {
        Caller::Publishable { workspace } => {
            check_publishable(grants, user_key.as_deref(), customer_key.as_deref(), missing_key)?;
            *workspace
        }
        caller => caller.scope()?.workspace(),
    };
    let scope = Scope::workspace_wide(workspace);
    let asked = grants.connected_account_ids.iter().flatten().map(|id| AccountId(id.0));
    let accounts = connected_accounts::known(app, &scope, asked).await?;
    if let Some(webview) = grants.connect_webview_ids.iter().flatten().next() {
        return Err(Failure::new(ErrorType::ConnectWebviewNotFound, "Connect webview not found")
            .with_data("connect_webview_id", webview.0));
    }
    let identity = match grants.user_identity() {
        Some(id) => Some(user_identities::found(app, &scope, id).await?.id),
        None => None,
    };
    let expires_at = grants.expires_at.map(|at| at.0);
    Ok(Wanted { workspace, user_key, accounts, identity, customer_key, expires_at })
}

fn check_publishable(
    grants: &ClientSessionGrants,
    key: Option<&str>,
    customer_key: Option<&str>,
    missing_key: StatusCode,
) -> Outcome<()> {
    if key.is_none() {
        return Err(Failure::new(
            ErrorType::PublishableKeyRequiresUserIdentifierKey,
            "With a publishable key, user_identifier_key is required",
        )
        .with_status(missing_key));
    }
    let grants_something = grants.connected_account_ids.is_some()
        || grants.connect_webview_ids.is_some()
        || grants.user_identity().is_some()
        || customer_key.is_some();
    if grants_something {
        return Err(Failure::new(
            ErrorType::PublishableKeysMustCreateEmptyClientSessions,
            "With a publishable key, a client session starts without accounts, webviews, identities and customer",
        ));
    }
    Ok(())
}

/// The live session that has the wanted user identifier key. A dead one gives it up.
async fn holder(app: &App, wanted: &Wanted) -> Outcome<Option<domain::ClientSession>> {
    let Some(key) = &wanted.user_key else { return Ok(None) };
    let Some(session) = app.store().session_by_user_key(wanted.workspace, key).await? else { return Ok(None) };
    if session.standing(app.now()) == SessionStanding::Live {
        return Ok(Some(session));
    }
    match app.store().commit(Change::SessionRetired(session.id)).await {
        // Somebody else retired or deleted it.
        Err(CommitError::Conflict(_)) => Ok(None),
        other => other.map(|()| None).map_err(Failure::from),
    }
}

/// A new session; `None` if somebody else took the user identifier key meanwhile.
async fn made(app: &App, wanted: &Wanted) -> Outcome<Option<domain::ClientSession>> {
    let now = app.now();
    let token = Token::random(TokenKind::ClientSession, false);
    let session = domain::ClientSession {
        id: ClientSessionId::new_at(now),
        workspace: wanted.workspace,
        short: token.short().to_owned(),
        long_hash: token.long_hash(),
        token: token.reveal(),
        user_identifier_key: wanted.user_key.clone(),
        accounts: wanted.accounts.clone(),
        identity: wanted.identity,
        granted: Vec::new(),
        customer_key: wanted.customer_key.clone(),
        created_at: now,
        expires_at: wanted.expires_at.unwrap_or_else(|| now.checked_add(LIFETIME).unwrap_or(Timestamp::MAX)),
        revoked_at: None,
    };
    match app.store().commit(Change::SessionCreated(Box::new(session.clone()))).await {
        Ok(()) if session.identity.is_some() => with_grants(app, &session).await,
        Ok(()) => Ok(Some(session)),
        // It was deleted, or became part of another one.
        Err(CommitError::Conflict("user_identity")) => Err(user_identities::gone(wanted.identity)),
        Err(CommitError::Conflict(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The session as it is stored, with what its user identity was granted; `None` if it was deleted meanwhile.
async fn with_grants(app: &App, session: &domain::ClientSession) -> Outcome<Option<domain::ClientSession>> {
    Ok(app.store().session(&Scope::workspace_wide(session.workspace), session.id).await?)
}

/// A session that exists gets the new end and the listed accounts in addition; `None` if it was deleted meanwhile.
async fn extended(
    app: &App,
    session: domain::ClientSession,
    wanted: &Wanted,
) -> Outcome<Option<domain::ClientSession>> {
    if !extend(&mut session.clone(), wanted) {
        return Ok(Some(session));
    }
    // The change names all grants of the session, so what others granted meanwhile must be read first.
    let _alone = app.changing_sessions().await;
    let read = app.store().as_of(Whole::Sessions(session.workspace)).await?;
    let Some(mut session) = with_grants(app, &session).await? else { return Ok(None) };
    if !extend(&mut session, wanted) {
        return Ok(Some(session));
    }
    let change = Change::SessionChanged {
        session: session.id,
        accounts: session.accounts.clone(),
        identity: session.identity,
        expires_at: session.expires_at,
    };
    match app.store().commit(change.over(read)).await {
        Err(CommitError::Conflict("user_identity")) => Err(user_identities::gone(wanted.identity)),
        Err(CommitError::Conflict(what)) if what != AsOf::OUTRUN => Ok(None),
        other => {
            other?;
            with_grants(app, &session).await
        }
    }
}

/// Whether that changes anything.
fn extend(session: &mut domain::ClientSession, wanted: &Wanted) -> bool {
    let before = (session.accounts.len(), session.identity, session.expires_at);
    let known: HashSet<AccountId> = session.accounts.iter().copied().collect();
    session.accounts.extend(wanted.accounts.iter().filter(|account| !known.contains(account)));
    session.identity = wanted.identity.or(session.identity);
    session.expires_at = wanted.expires_at.unwrap_or(session.expires_at);
    before != (session.accounts.len(), session.identity, session.expires_at)
}

async fn shown(app: &App, session: domain::ClientSession) -> Outcome<ClientSession> {
    let scope = Scope::workspace_wide(session.workspace);
    let granted: Vec<DeviceId> = session.granted.iter().map(|grant| grant.device).collect();
    let count = app.store().device_count(&scope, &session.accounts, &granted).await?;
    Ok(to_wire::client_session(&session, count))
}
