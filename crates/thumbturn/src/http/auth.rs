//! Who calls: credentials are resolved in the contract's order; the first kind that applies decides.

use http::{HeaderMap, StatusCode};
use thumbturn_api::client_sessions::GetOrCreateClientSession;
use thumbturn_api::{Credential, Endpoint as _, ErrorType};
use thumbturn_core::credentials::{Key, KeyKind, SessionStanding};
use thumbturn_core::ids::WorkspaceId;
use uuid::Uuid;

use super::call::Caller;
use super::credential_headers;
use super::errors::{Failure, Outcome};
use crate::app::App;
use crate::tokens::{Token, TokenKind};

/// Where an unknown publishable key answers 400, not 401.
const GET_OR_CREATE: &str = GetOrCreateClientSession::PATH;

/// The credentials of one request, as sent.
struct Sent<'a> {
    path: &'a str,
    headers: &'a HeaderMap,
    bearer: Option<&'a str>,
    session: Option<&'a str>,
}

/// Resolves the caller for the endpoint at `path`, which accepts `allowed`.
///
/// # Errors
/// What the first kind of credential that applies says; 401 `unauthorized` if none does.
pub async fn authenticate(app: &App, path: &str, allowed: &[Credential], headers: &HeaderMap) -> Outcome<Caller> {
    if allowed.contains(&Credential::Public) {
        return Ok(Caller::Public);
    }
    let sent = Sent {
        path,
        headers,
        bearer: credential_headers::bearer(headers),
        session: credential_headers::session(headers),
    };
    const ORDER: [Credential; 5] = [
        Credential::ClientSession,
        Credential::PatWithWorkspace,
        Credential::PatWithoutWorkspace,
        Credential::ApiKey,
        Credential::PublishableKey,
    ];
    for kind in ORDER.iter().filter(|kind| allowed.contains(kind)) {
        let caller = match kind {
            Credential::ClientSession => client_session(app, &sent).await?,
            Credential::PatWithWorkspace => pat_with_workspace(app, &sent).await?,
            Credential::PatWithoutWorkspace => pat_without_workspace(app, &sent).await?,
            Credential::ApiKey => api_key(app, &sent).await?,
            Credential::PublishableKey => publishable_key(app, &sent).await?,
            Credential::Public => None,
        };
        if let Some(caller) = caller {
            return Ok(caller);
        }
    }
    Err(unauthorized("No authentication methods succeeded"))
}

fn unauthorized(message: &str) -> Failure {
    Failure::new(ErrorType::Unauthorized, message)
}

async fn client_session(app: &App, sent: &Sent<'_>) -> Outcome<Option<Caller>> {
    let text = match (sent.session, sent.bearer) {
        (Some(text), _) if !text.starts_with("seam_cst") => {
            return Err(Failure::new(
                ErrorType::InvalidClientSessionToken,
                "The client session header does not hold a client session token: those start with seam_cst",
            ));
        }
        (Some(text), _) => text,
        (None, Some(text)) if text.starts_with("seam_cst") => text,
        _ => return Ok(None),
    };
    let unknown = || {
        Failure::new(ErrorType::ClientSessionNotFound, "Could not find client session")
            .with_status(StatusCode::UNAUTHORIZED)
    };
    let token = Token::parse(TokenKind::ClientSession, text).ok_or_else(unknown)?;
    let session = app.store().session_by_short(token.short()).await?.ok_or_else(unknown)?;
    if !token.has_hash(&session.long_hash) {
        return Err(unknown());
    }
    match session.standing(app.now()) {
        SessionStanding::Live => Ok(Some(Caller::Session(Box::new(session)))),
        SessionStanding::Revoked => {
            Err(Failure::new(ErrorType::ClientSessionRevoked, "This client session was revoked"))
        }
        SessionStanding::Expired => {
            Err(Failure::new(ErrorType::ClientSessionExpired, "This client session has expired"))
        }
    }
}

/// A personal access token, if the bearer is one.
async fn pat(app: &App, sent: &Sent<'_>) -> Outcome<Option<Key>> {
    let Some(text) = sent.bearer.filter(|text| text.starts_with("seam_at")) else { return Ok(None) };
    let unknown = || unauthorized("Access token not found");
    let token = Token::parse(TokenKind::PersonalAccessToken, text).ok_or_else(unknown)?;
    live_key(app, KeyKind::PersonalAccessToken, &token).await?.map(Some).ok_or_else(unknown)
}

async fn live_key(app: &App, kind: KeyKind, token: &Token) -> Outcome<Option<Key>> {
    let key = app.store().key(kind, token.short()).await?;
    Ok(key.filter(|key| token.has_hash(&key.long_hash) && key.revoked_at.is_none()))
}

async fn pat_with_workspace(app: &App, sent: &Sent<'_>) -> Outcome<Option<Caller>> {
    let Some(workspace) = credential_headers::workspace(sent.headers) else { return Ok(None) };
    let Some(key) = pat(app, sent).await? else { return Ok(None) };
    let unknown = || unauthorized("Access token not found");
    let workspace = Uuid::try_parse(workspace).map(WorkspaceId).map_err(|_| unknown())?;
    if key.workspace.is_some_and(|only| only != workspace) || app.store().workspace(workspace).await?.is_none() {
        return Err(unknown());
    }
    Ok(Some(Caller::Workspace { workspace, credential: "personal_access_token" }))
}

async fn pat_without_workspace(app: &App, sent: &Sent<'_>) -> Outcome<Option<Caller>> {
    let key = pat(app, sent).await?;
    Ok(key.map(|key| Caller::Operator { operator: key.operator, only: key.workspace }))
}

async fn api_key(app: &App, sent: &Sent<'_>) -> Outcome<Option<Caller>> {
    let others = ["seam_at", "seam_cst", "seam_pk", "ey"];
    let Some(text) = sent.bearer.filter(|text| !others.iter().any(|other| text.starts_with(other))) else {
        return Ok(None);
    };
    let unknown = || unauthorized("API Key not found");
    let token = Token::parse(TokenKind::ApiKey, text).ok_or_else(unknown)?;
    let key = live_key(app, KeyKind::ApiKey, &token).await?.ok_or_else(unknown)?;
    let workspace = key.workspace.ok_or_else(unknown)?;
    Ok(Some(Caller::Workspace { workspace, credential: "api_key" }))
}

async fn publishable_key(app: &App, sent: &Sent<'_>) -> Outcome<Option<Caller>> {
    let mut values = sent.headers.get_all("seam-publishable-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    if sent.headers.contains_key("authorization") {
        return Ok(None);
    }
    let text = value.to_str().ok().filter(|_| values.next().is_none());
    let text = text.ok_or_else(|| {
        Failure::new(ErrorType::InvalidPublishableKey, "The seam-publishable-key header must be one publishable key")
    })?;
    let status = if sent.path == GET_OR_CREATE { StatusCode::BAD_REQUEST } else { StatusCode::UNAUTHORIZED };
    let unknown = || Failure::new(ErrorType::WorkspaceNotFound, "Workspace not found").with_status(status);
    let token = Token::parse(TokenKind::PublishableKey, text).ok_or_else(unknown)?;
    let key = live_key(app, KeyKind::PublishableKey, &token).await?.ok_or_else(unknown)?;
    let workspace = key.workspace.ok_or_else(unknown)?;
    let enabled = app.store().workspace(workspace).await?.ok_or_else(unknown)?.publishable_key_enabled;
    if enabled {
        Ok(Some(Caller::Publishable { workspace }))
    } else {
        Err(unauthorized("Publishable keys are switched off in this workspace"))
    }
}
