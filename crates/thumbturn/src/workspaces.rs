//! New workspaces: what each begins with, and what operators ask about them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use thumbturn_core::accounts::{Account, LinkState, Provider};
use thumbturn_core::attempts::{Attempt, Outcome};
use thumbturn_core::change::{Change, NewWorkspace, Reset};
use thumbturn_core::credentials::KeyKind;
use thumbturn_core::devices::{About, Device, DeviceState};
use thumbturn_core::events::{Event, EventKind};
use thumbturn_core::ids::{AccountId, AttemptId, CallId, DeviceId, EventId, WorkspaceId};
use thumbturn_core::locks::Action;
use thumbturn_core::ports::{CommitError, StoreError};
use thumbturn_core::workspaces::Workspace;
use thumbturn_drivers::sandbox::fixtures;
use thumbturn_store::Store;
use uuid::Uuid;

use crate::config::ResetTo;
use crate::keys::check_name;
use crate::setup::key;
use crate::tokens::{Token, TokenKind};

/// A new workspace with its publishable key and, if it is a sandbox, five virtual locks.
#[must_use]
pub fn new(name: &str, company_name: &str, is_sandbox: bool, now: Timestamp) -> NewWorkspace {
    let publishable_key = Token::random(TokenKind::PublishableKey, is_sandbox);
    let workspace = Workspace {
        id: WorkspaceId(Uuid::new_v4()),
        name: name.to_owned(),
        company_name: company_name.to_owned(),
        is_sandbox,
        is_suspended: false,
        publishable_key_enabled: true,
        publishable_key: Some(publishable_key.reveal()),
        customization: "{}".to_owned(),
        created_at: now,
    };
    let account = is_sandbox.then(|| sandbox_account(workspace.id, now));
    let devices: Vec<Device> = account.iter().flat_map(|account| virtual_locks(account, now)).collect();
    let only = Some(workspace.id);
    NewWorkspace {
        keys: vec![key(KeyKind::PublishableKey, &publishable_key, only, None, "Default publishable key", now)],
        events: devices.iter().map(added).collect(),
        workspace,
        account,
        devices,
    }
}

/// The account of the five locks; its id is derived, so that a reset can bring the same one back.
#[must_use]
pub fn sandbox_account(workspace: WorkspaceId, now: Timestamp) -> Account {
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

/// What a reset brings a sandbox workspace back to: its virtual locks with the ids that they had, or nothing.
#[must_use]
pub fn reset(workspace: WorkspaceId, to: ResetTo, call: Option<CallId>, now: Timestamp) -> Reset {
    let account = (to == ResetTo::Locks).then(|| sandbox_account(workspace, now));
    let attempt = Attempt {
        id: AttemptId::new_at(now),
        workspace,
        account: None,
        device: None,
        action: Action::ResetSandboxWorkspace,
        created_at: now,
        outcome: Some(Outcome::Success { confirmed: true }),
    };
    let devices: Vec<Device> = account.iter().flat_map(|account| virtual_locks(account, now)).collect();
    let events = devices.iter().map(added).collect();
    Reset { attempt, call, account, devices, events }
}

/// Lists are in order of creation: a microsecond apart, the locks keep the order that they have here.
fn virtual_locks(account: &Account, now: Timestamp) -> Vec<Device> {
    let times = (0..).map(|index| now.checked_add(SignedDuration::from_micros(index)).unwrap_or(now));
    fixtures()
        .into_iter()
        .zip(times)
        .map(|(fixture, made_at)| virtual_lock(account, fixture.about(), made_at))
        .collect()
}

fn virtual_lock(account: &Account, about: About, now: Timestamp) -> Device {
    Device {
        id: DeviceId::derived(account.workspace.0, about.native.as_str()),
        workspace: account.workspace,
        account: account.id,
        provider: Provider::Sandbox,
        about,
        nickname: None,
        custom_metadata: "{}".to_owned(),
        is_managed: true,
        time_zone: None,
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

/// What an operator asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum WorkspacesRequest {
    /// A new workspace.
    Create {
        /// Its name.
        name: String,
        /// Whether virtual locks live there.
        sandbox: bool,
    },
    /// Every workspace.
    List,
}

/// A workspace as operators see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceView {
    /// Its id.
    pub workspace_id: Uuid,
    /// Its name.
    pub name: String,
    /// Whether virtual locks live there.
    pub is_sandbox: bool,
    /// Whether it can only be read.
    pub is_suspended: bool,
    /// The publishable key that it shows.
    pub publishable_key: Option<String>,
    /// When it was made.
    pub created_at: thumbturn_api::Timestamp,
}

impl From<&Workspace> for WorkspaceView {
    fn from(workspace: &Workspace) -> Self {
        Self {
            workspace_id: workspace.id.0,
            name: workspace.name.clone(),
            is_sandbox: workspace.is_sandbox,
            is_suspended: workspace.is_suspended,
            publishable_key: workspace.publishable_key.clone(),
            created_at: workspace.created_at.into(),
        }
    }
}

/// Why a request about workspaces was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum WorkspacesError {
    /// A name that cannot be shown.
    #[error("the name must have 1 to 255 characters and no control characters")]
    Name,
    /// The database could not be read.
    #[error("the database could not be read: {0}")]
    Store(#[from] StoreError),
    /// The database could not be written.
    #[error("the change could not be stored: {0}")]
    Commit(#[from] CommitError),
}

/// Carries out a request. The answer is the workspaces it concerns, and the account whose session is to be opened.
///
/// # Errors
/// [`WorkspacesError`]; nothing was changed.
pub async fn carry_out(
    store: &Store,
    request: WorkspacesRequest,
    now: Timestamp,
) -> Result<(Vec<WorkspaceView>, Option<Account>), WorkspacesError> {
    match request {
        WorkspacesRequest::List => Ok((store.workspaces().await?.iter().map(WorkspaceView::from).collect(), None)),
        WorkspacesRequest::Create { name, sandbox } => {
            if name.trim().is_empty() || check_name(&name).is_err() {
                return Err(WorkspacesError::Name);
            }
            let new = new(&name, &name, sandbox, now);
            let (view, account) = (WorkspaceView::from(&new.workspace), new.account.clone());
            store.commit(Change::WorkspaceCreated(Box::new(new))).await?;
            Ok((vec![view], account))
        }
    }
}
