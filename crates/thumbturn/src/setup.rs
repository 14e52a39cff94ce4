//! The first start: an operator, a sandbox workspace with five virtual locks, and credentials.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thumbturn_api::Secret;
use thumbturn_core::change::{Change, SetUp};
use thumbturn_core::credentials::{Key, KeyKind};
use thumbturn_core::devices::Device;
use thumbturn_core::ids::{KeyId, OperatorId, WorkspaceId};
use thumbturn_core::ports::{CommitError, StoreError};
use thumbturn_core::scope::Scope;
use thumbturn_store::{DeviceFilter, PageRequest, Store};
use uuid::Uuid;

use crate::tokens::{Token, TokenKind};
use crate::workspaces;

/// What `thumbturn init --json` prints. The secrets are there only the first time.
#[derive(Debug, Serialize, Deserialize)]
pub struct Installation {
    /// The sandbox workspace.
    pub workspace_id: Uuid,
    /// An API key of the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Secret<String>>,
    /// A personal access token that opens every workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal_access_token: Option<Secret<String>>,
    /// The publishable key of the workspace; not a secret.
    pub publishable_key: Option<String>,
    /// The virtual locks.
    pub devices: Vec<InstalledDevice>,
    /// Present and true if there was nothing to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub already_set_up: Option<bool>,
}

/// A device in [`Installation`].
#[derive(Debug, Serialize, Deserialize)]
pub struct InstalledDevice {
    /// Its id.
    pub device_id: Uuid,
    /// Its name.
    pub display_name: String,
}

/// Why the installation could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The database could not be written.
    #[error("the first workspace could not be stored")]
    Commit(#[from] CommitError),
    /// The database could not be read.
    #[error("the database could not be read")]
    Store(#[from] StoreError),
    /// There is no workspace although the database says that it is set up.
    #[error("the database has no workspace")]
    NoWorkspace,
}

/// Sets the installation up if it is not, and says what it consists of.
///
/// # Errors
/// [`SetUpError`]
pub async fn set_up(store: &Store, now: Timestamp) -> Result<Installation, SetUpError> {
    if store.is_set_up().await? {
        return existing(store).await;
    }
    let new = NewInstallation::random(now);
    let installation = new.describe();
    store.commit(Change::SetUp(Box::new(new.change))).await?;
    Ok(installation)
}

async fn existing(store: &Store) -> Result<Installation, SetUpError> {
    let workspace = store.workspaces().await?.into_iter().next().ok_or(SetUpError::NoWorkspace)?;
    let scope = Scope::workspace_wide(workspace.id);
    let devices = store.devices(&scope, &DeviceFilter::managed(), PageRequest::first(100)).await?;
    Ok(Installation {
        workspace_id: workspace.id.0,
        api_key: None,
        personal_access_token: None,
        publishable_key: workspace.publishable_key,
        devices: devices.items.iter().map(described).collect(),
        already_set_up: Some(true),
    })
}

fn described(device: &Device) -> InstalledDevice {
    let display_name = device.nickname.clone().unwrap_or_else(|| device.about.name.clone());
    InstalledDevice { device_id: device.id.0, display_name }
}

struct NewInstallation {
    change: SetUp,
    api_key: Token,
    personal_access_token: Token,
}

impl NewInstallation {
    fn random(now: Timestamp) -> Self {
        let api_key = Token::random(TokenKind::ApiKey, true);
        let personal_access_token = Token::random(TokenKind::PersonalAccessToken, true);
        let operator = OperatorId::new_at(now);
        let new = workspaces::new("Sandbox", "Thumbturn", true, now);
        let workspace = new.workspace.id;
        let mut keys = new.keys;
        keys.push(key(KeyKind::ApiKey, &api_key, Some(workspace), None, "Default API key", now));
        keys.push(key(
            KeyKind::PersonalAccessToken,
            &personal_access_token,
            None,
            Some(operator),
            "Default token",
            now,
        ));
        let (workspace, devices, events) = (new.workspace, new.devices, new.events);
        let account = new.account.unwrap_or_else(|| workspaces::sandbox_account(workspace.id, now));
        let change = SetUp { operator, workspace, keys, account, devices, events };
        Self { change, api_key, personal_access_token }
    }

    fn describe(&self) -> Installation {
        Installation {
            workspace_id: self.change.workspace.id.0,
            api_key: Some(Secret::new(self.api_key.reveal())),
            personal_access_token: Some(Secret::new(self.personal_access_token.reveal())),
            publishable_key: self.change.workspace.publishable_key.clone(),
            devices: self.change.devices.iter().map(described).collect(),
            already_set_up: None,
        }
    }
}

/// A key as it is kept: the short half and the hash of the long one.
#[must_use]
pub fn key(
    kind: KeyKind,
    token: &Token,
    workspace: Option<WorkspaceId>,
    operator: Option<OperatorId>,
    name: &str,
    now: Timestamp,
) -> Key {
    Key {
        id: KeyId::new_at(now),
        kind,
        workspace,
        operator,
        name: name.to_owned(),
        short: token.short().to_owned(),
        long_hash: token.long_hash(),
        created_at: now,
        revoked_at: None,
    }
}
