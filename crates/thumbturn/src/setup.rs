//! The first start: an operator, a sandbox workspace with five virtual locks, and credentials.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use thumbturn_api::Secret;
use thumbturn_core::accounts::{Account, LinkState, Provider};
use thumbturn_core::change::{Change, SetUp};
use thumbturn_core::credentials::{Key, KeyKind};
use thumbturn_core::devices::{Device, DeviceState};
use thumbturn_core::events::{Event, EventKind};
use thumbturn_core::ids::{AccountId, DeviceId, EventId, KeyId, OperatorId, WorkspaceId};
use thumbturn_core::ports::{CommitError, StoreError};
use thumbturn_core::scope::Scope;
use thumbturn_core::workspaces::Workspace;
use thumbturn_drivers::sandbox::fixtures;
use thumbturn_store::{DeviceFilter, PageRequest, Store};
use uuid::Uuid;

use crate::tokens::{Token, TokenKind};

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
        let publishable_key = Token::random(TokenKind::PublishableKey, true);
        let operator = OperatorId::new_at(now);
        let workspace = sandbox_workspace(now, &publishable_key);
        let account = sandbox_account(workspace.id, now);
        // Lists are in order of creation: a microsecond apart, the locks keep the order that they have here.
        let times = (0..).map(|index| now.checked_add(SignedDuration::from_micros(index)).unwrap_or(now));
        let locks = fixtures().into_iter().zip(times);
        let devices: Vec<Device> =
            locks.map(|(fixture, made_at)| virtual_lock(&account, fixture.about(), made_at)).collect();
        let keys = vec![
            key(KeyKind::ApiKey, &api_key, Some(workspace.id), None, "Default API key", now),
            key(KeyKind::PersonalAccessToken, &personal_access_token, None, Some(operator), "Default token", now),
            key(KeyKind::PublishableKey, &publishable_key, Some(workspace.id), None, "Default publishable key", now),
        ];
        let events = devices.iter().map(added).collect();
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

fn sandbox_workspace(now: Timestamp, publishable_key: &Token) -> Workspace {
    Workspace {
        id: WorkspaceId(Uuid::new_v4()),
        name: "Sandbox".to_owned(),
        company_name: "Thumbturn".to_owned(),
        is_sandbox: true,
        is_suspended: false,
        publishable_key_enabled: true,
        publishable_key: Some(publishable_key.reveal()),
        created_at: now,
    }
}

/// The account of the five locks; its id is derived, so that a reset can bring the same one back.
fn sandbox_account(workspace: WorkspaceId, now: Timestamp) -> Account {
    Account {
        id: AccountId::derived(workspace.0, "sandbox"),
        workspace,
        provider: Provider::Sandbox,
        display_name: "Sandbox locks".to_owned(),
        hub_key: "sandbox".to_owned(),
        config: "{}".to_owned(),
        custom_metadata: "{}".to_owned(),
        customer_key: None,
        manages_new_devices: true,
        link: LinkState::Connecting,
        first_sync_done: false,
        created_at: now,
    }
}

fn virtual_lock(account: &Account, about: thumbturn_core::devices::About, now: Timestamp) -> Device {
    Device {
        id: DeviceId::derived(account.workspace.0, about.native.as_str()),
        workspace: account.workspace,
        account: account.id,
        provider: Provider::Sandbox,
        about,
        nickname: None,
        custom_metadata: "{}".to_owned(),
        is_managed: true,
        state: DeviceState::default(),
        created_at: now,
    }
}

fn added(device: &Device) -> Event {
    Event {
        id: EventId::new_at(device.created_at),
        workspace: device.workspace,
        account: Some(device.account),
        device: Some(device.id),
        occurred_at: device.created_at,
        kind: EventKind::DeviceAdded,
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
