//! Keys for operators: made, listed, revoked. The same three requests run on the store of a stopped server and, through
//! the admin socket, beside a running one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thumbturn_api::Secret;
use thumbturn_core::change::Change;
use thumbturn_core::credentials::{Key, KeyKind};
use thumbturn_core::ids::{KeyId, WorkspaceId};
use thumbturn_core::ports::{CommitError, StoreError};
use thumbturn_store::Store;
use uuid::Uuid;

use crate::setup::key;
use crate::tokens::{Token, TokenKind};

/// Longest name of a key, in characters.
const NAME_CHARS: usize = 255;

/// What an operator asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum KeysRequest {
    /// A new key.
    Create {
        /// Which kind.
        kind: Kind,
        /// A name for people.
        name: String,
        /// The workspace; the only one, if there is only one. A personal access token without it opens all.
        workspace: Option<Uuid>,
    },
    /// Every key, without secrets.
    List,
    /// Ends a key, named by its id or by the short half of its token.
    Revoke {
        /// The id or the short half.
        key: String,
    },
}

/// The kinds of key, as operators write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Kind {
    /// Opens one workspace.
    ApiKey,
    /// Opens every workspace, or one.
    PersonalAccessToken,
    /// Makes client sessions from a browser.
    PublishableKey,
}

impl Kind {
    const fn domain(self) -> (KeyKind, TokenKind) {
        match self {
            Self::ApiKey => (KeyKind::ApiKey, TokenKind::ApiKey),
            Self::PersonalAccessToken => (KeyKind::PersonalAccessToken, TokenKind::PersonalAccessToken),
            Self::PublishableKey => (KeyKind::PublishableKey, TokenKind::PublishableKey),
        }
    }

    const fn of(kind: KeyKind) -> Self {
        match kind {
            KeyKind::ApiKey => Self::ApiKey,
            KeyKind::PersonalAccessToken => Self::PersonalAccessToken,
            KeyKind::PublishableKey => Self::PublishableKey,
        }
    }

    /// The word that operators read and write.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::PersonalAccessToken => "personal_access_token",
            Self::PublishableKey => "publishable_key",
        }
    }
}

/// A key as operators see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyView {
    /// Its id.
    pub key_id: Uuid,
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The short half of its token.
    pub short: String,
    /// The workspace it opens; `null`: all.
    pub workspace_id: Option<Uuid>,
    /// When it was made.
    pub created_at: thumbturn_api::Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<thumbturn_api::Timestamp>,
    /// The whole token; only in the answer to its making.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret<String>>,
}

impl From<&Key> for KeyView {
    fn from(key: &Key) -> Self {
        Self {
            key_id: key.id.0,
            kind: Kind::of(key.kind),
            name: key.name.clone(),
            short: key.short.clone(),
            workspace_id: key.workspace.map(|id| id.0),
            created_at: key.created_at.into(),
            revoked_at: key.revoked_at.map(Into::into),
            token: None,
        }
    }
}

/// Why a request about keys was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// No such workspace, or several and none named.
    #[error("{0}")]
    Workspace(String),
    /// No such key.
    #[error("there is no key `{0}`; `thumbturn keys list` shows them")]
    Unknown(String),
    /// A name that cannot be shown in a table.
    #[error("the name must have at most 255 characters and no control characters")]
    Name,
    /// The database could not be read.
    #[error("the database could not be read: {0}")]
    Store(#[from] StoreError),
    /// The database could not be written.
    #[error("the change could not be stored: {0}")]
    Commit(#[from] CommitError),
}

/// Carries out a request; the answer is the keys it concerns.
///
/// # Errors
/// [`KeysError`]; nothing was changed.
pub async fn carry_out(store: &Store, request: KeysRequest, now: Timestamp) -> Result<Vec<KeyView>, KeysError> {
    match request {
        KeysRequest::List => Ok(store.keys(None).await?.iter().map(KeyView::from).collect()),
        KeysRequest::Create { kind, name, workspace } => create(store, kind, &name, workspace, now).await,
        KeysRequest::Revoke { key } => revoke(store, &key, now).await,
    }
}

async fn create(
    store: &Store,
    kind: Kind,
    name: &str,
    workspace: Option<Uuid>,
    now: Timestamp,
) -> Result<Vec<KeyView>, KeysError> {
    check_name(name)?;
    let (key_kind, token_kind) = kind.domain();
    let (workspace, sandbox) = match (kind, workspace) {
        (Kind::PersonalAccessToken, None) => (None, true),
        (_, asked) => {
            let found = opened(store, asked).await?;
            (Some(found.0), found.1)
        }
    };
    let operator = match kind {
        Kind::PersonalAccessToken => store.operators().await?.into_iter().next(),
        Kind::ApiKey | Kind::PublishableKey => None,
    };
    let token = Token::random(token_kind, sandbox);
    let key = key(key_kind, &token, workspace, operator, name, now);
    let shown = (kind == Kind::PublishableKey).then(|| token.reveal());
    store.commit(Change::KeyCreated { key: Box::new(key.clone()), shown }).await?;
    Ok(vec![KeyView { token: Some(Secret::new(token.reveal())), ..KeyView::from(&key) }])
}

/// The asked workspace, or the only one; and whether it is a sandbox.
pub(crate) async fn opened(store: &Store, asked: Option<Uuid>) -> Result<(WorkspaceId, bool), KeysError> {
    let all = store.workspaces().await?;
    let found = match asked {
        Some(id) => all.iter().find(|workspace| workspace.id.0 == id),
        None if all.len() == 1 => all.first(),
        None => None,
    };
    found.map(|workspace| (workspace.id, workspace.is_sandbox)).ok_or_else(|| {
        KeysError::Workspace(match asked {
            Some(id) => format!("there is no workspace {id}"),
            None => format!("there are {} workspaces: name one with --workspace", all.len()),
        })
    })
}

async fn revoke(store: &Store, name: &str, now: Timestamp) -> Result<Vec<KeyView>, KeysError> {
    let id = Uuid::try_parse(name).ok().map(KeyId);
    let short = short_of(name);
    let found = store.keys(None).await?.into_iter().find(|key| Some(key.id) == id || key.short == short);
    let mut key = found.ok_or_else(|| KeysError::Unknown(short.to_owned()))?;
    if key.revoked_at.is_none() {
        store.commit(Change::KeyRevoked { key: key.id, at: now }).await?;
        key.revoked_at = Some(now);
    }
    Ok(vec![KeyView::from(&key)])
}

/// The short half, also of a whole token: that may have been pasted, and must not be repeated.
fn short_of(name: &str) -> &str {
    const KINDS: [&str; 3] = ["seam_at1", "seam_pk1", "seam_"];
    let token = KINDS.iter().find_map(|prefix| name.strip_prefix(prefix));
    token.and_then(|rest| rest.split('_').next()).unwrap_or(name)
}

/// Whether a name can be shown in a table.
pub(crate) fn check_name(name: &str) -> Result<(), KeysError> {
    if name.chars().count() <= NAME_CHARS && !name.contains(char::is_control) {
        return Ok(());
    }
    Err(KeysError::Name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_whole_token_only_the_short_half_is_taken() {
        for name in ["seam_at1abcdefgh_secret", "seam_pk1abcdefgh_secret", "seam_abcdefgh_secret", "abcdefgh"] {
            assert_eq!(short_of(name), "abcdefgh", "{name}");
        }
    }

    #[test]
    fn names_are_short_and_printable() {
        assert!(check_name("Café door").is_ok());
        assert!(check_name(&"x".repeat(NAME_CHARS + 1)).is_err());
        assert!(check_name("red\u{1b}[31m").is_err());
    }
}
