//! Hubs: connected, listed, forgotten. The same for the API, for operators beside a running server (through the admin
//! socket) and for operators on the store of a stopped one.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thumbturn_api::connected_accounts::{ConnectHub, Provider};
use thumbturn_api::{ApiError, Endpoint as _, ErrorType, JsonObject, Problems, Secret, Text};
use thumbturn_core::accounts::{self as domain, Account, LinkState, LinkTrouble};
use thumbturn_core::hub::Engine;
use thumbturn_core::ids::{AccountId, WorkspaceId};
use thumbturn_core::ports::{self, CommitError, StoreError};
use thumbturn_core::scope::Scope;
use thumbturn_drivers::ConfigProblem;
use thumbturn_store::Store;
use uuid::Uuid;

use crate::keys::{self, KeysError};

/// How long the answer waits for the first connection, so that a wrong address or password shows at once.
const FIRST_CONNECTION: Duration = Duration::from_secs(5);

/// What an operator asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum HubsRequest {
    /// Connects a hub.
    Add {
        /// The workspace; the only one, if there is only one.
        workspace: Option<Uuid>,
        /// The parameters of `/thumbturn/connected_accounts/create`. They hold the hub's password.
        hub: Secret<JsonObject>,
    },
    /// Every hub.
    List,
    /// Forgets a hub and its devices.
    Remove {
        /// The id of its connected account.
        hub: Uuid,
    },
}

/// A hub as operators see it: nothing of how to log in there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HubView {
    /// The id of its connected account.
    pub connected_account_id: Uuid,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// The kind of hub.
    pub provider: String,
    /// Its name.
    pub display_name: String,
    /// Where it is; `null` for virtual locks.
    pub address: Option<String>,
    /// How many devices it has; of a removed one, how many went with it.
    pub devices: u64,
    /// How its connection is; `null` where no server runs that would know.
    pub state: Option<HubState>,
    /// What is wrong and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// When it was connected.
    pub created_at: thumbturn_api::Timestamp,
}

/// How a hub's connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HubState {
    /// The first connection is still being made.
    Connecting,
    /// It is connected.
    Connected,
    /// It cannot be reached; the server keeps trying.
    Unreachable,
    /// It refuses the credentials.
    Refused,
    /// It was removed.
    Removed,
}

impl HubState {
    /// The word that operators read.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Removed => "removed",
        }
    }

    const fn of(link: &LinkState) -> Self {
        match link {
            LinkState::Connecting => Self::Connecting,
            LinkState::Up => Self::Connected,
            LinkState::Down { trouble: LinkTrouble::HubDisconnected, .. } => Self::Unreachable,
            LinkState::Down { trouble: LinkTrouble::CredentialsRefused, .. } => Self::Refused,
        }
    }
}

/// Why a hub was not connected or not forgotten. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum HubRefusal {
    /// There is no such account, or no longer.
    #[error("there is no hub {0}; `thumbturn hubs list` shows them")]
    Unknown(AccountId),
    /// What the API refuses, with the same type and text.
    #[error(transparent)]
    Refused(#[from] ApiError),
    /// The database could not be read.
    #[error("the database could not be read: {0}")]
    Store(#[from] StoreError),
    /// The database could not be written.
    #[error("the change could not be stored: {0}")]
    Commit(#[from] CommitError),
}

/// Why a request about hubs was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum HubsError {
    /// No such workspace, or several and none named.
    #[error(transparent)]
    Workspace(#[from] KeysError),
    /// The hub.
    #[error(transparent)]
    Refusal(#[from] HubRefusal),
}

impl From<StoreError> for HubsError {
    fn from(error: StoreError) -> Self {
        HubRefusal::from(error).into()
    }
}

/// Where hubs are connected and forgotten: a running server or a stopped one.
#[derive(Clone, Copy)]
pub struct Hubs<'a> {
    /// Where they are kept.
    pub store: &'a Store,
    /// What opens and closes their sessions; at rest where the server does not run.
    pub engine: &'a Engine,
    /// Wall-clock time.
    pub now: Timestamp,
}

impl Hubs<'_> {
    /// Connects a hub, waits a little for its first connection, and says how it is then.
    ///
    /// # Errors
    /// [`HubRefusal`]: settings that the driver cannot use, a hub that the workspace has already, a workspace without
    /// virtual locks, a kind of hub that is not implemented.
    pub async fn connect(&self, workspace: WorkspaceId, hub: ConnectHub) -> Result<Account, HubRefusal> {
        let account = self.described(workspace, hub).await?;
        let id = account.id;
        match self.engine.add_account(account).await {
            Err(CommitError::Conflict(_)) => {
                let message = "This workspace already has a connected account for this hub";
                return Err(ApiError::new(ErrorType::HubAlreadyConnected, message).into());
            }
            other => other?,
        }
        self.engine.account_settled(id, FIRST_CONNECTION).await;
        self.store.account(&Scope::workspace_wide(workspace), id).await?.ok_or(HubRefusal::Unknown(id))
    }

    /// Ends the session of a hub, forgets it and its devices, and says how many these were.
    ///
    /// # Errors
    /// [`HubRefusal`]; the hub is served as before then, if it is still there.
    pub async fn forget(&self, account: &Account) -> Result<usize, HubRefusal> {
        match self.engine.remove_account(account).await {
            Err(CommitError::Conflict(_)) => Err(HubRefusal::Unknown(account.id)),
            other => Ok(other?),
        }
    }

    /// The new account, its settings checked by the driver that will use them.
    async fn described(&self, workspace: WorkspaceId, hub: ConnectHub) -> Result<Account, HubRefusal> {
        let id = AccountId::new_at(self.now);
        let config = serde_json::Value::Object(hub.config.into_exposed()).to_string();
        let (provider, hub_key) = match hub.provider {
            Provider::Sandbox => (domain::Provider::Sandbox, self.sandbox_hub(workspace, &config, id).await?),
            Provider::Mqtt => (domain::Provider::Mqtt, mqtt_hub(&config)?),
            Provider::ZwaveJs => (domain::Provider::ZwaveJs, zwave_hub(&config)?),
            Provider::HomeAssistant => (domain::Provider::HomeAssistant, home_assistant_hub(&config)?),
            Provider::Matter => (domain::Provider::Matter, matter_hub(&config)?),
        };
        let display_name = hub.display_name.map(Text::into_string);
        Ok(Account {
            id,
            workspace,
            provider,
            display_name: display_name.unwrap_or_else(|| named(provider, &hub_key)),
            hub_key,
            config,
            custom_metadata: "{}".to_owned(),
            customer_key: None,
            manages_new_devices: true,
            link: LinkState::Connecting,
            first_sync_done: false,
            created_at: self.now,
        })
    }

    /// Virtual locks have no address: each account is a hub of its own, and only sandbox workspaces have them.
    async fn sandbox_hub(&self, workspace: WorkspaceId, config: &str, id: AccountId) -> Result<String, HubRefusal> {
        if !self.store.workspace(workspace).await?.is_some_and(|found| found.is_sandbox) {
            let message = "Virtual locks can only be made in a sandbox workspace";
            return Err(ApiError::new(ErrorType::WorkspaceNotSandbox, message).into());
        }
        thumbturn_drivers::sandbox::parse_config(config).map_err(bad_config)?;
        Ok(format!("sandbox:{id}"))
    }

    /// Carries out a request; the answer is the hubs it concerns.
    ///
    /// # Errors
    /// [`HubsError`]; nothing was changed.
    pub async fn carry_out(&self, request: HubsRequest) -> Result<Vec<HubView>, HubsError> {
        match request {
            HubsRequest::List => self.list().await,
            HubsRequest::Add { workspace, hub } => {
                let (workspace, _) = keys::opened(self.store, workspace).await?;
                self.refuse_suspended(workspace).await?;
                let hub = ConnectHub::read(hub.expose()).map_err(ApiError::from).map_err(HubRefusal::from)?;
                let account = self.connect(workspace, hub).await?;
                let devices = self.store.device_count(&Scope::workspace_wide(workspace), &[account.id], &[]).await?;
                Ok(vec![self.view(&account, devices)])
            }
            HubsRequest::Remove { hub } => self.remove(hub.into()).await,
        }
    }

    async fn list(&self) -> Result<Vec<HubView>, HubsError> {
        let accounts = ports::Store::accounts(self.store).await?;
        let mut devices = HashMap::new();
        for workspace in accounts.iter().map(|account| account.workspace).collect::<HashSet<_>>() {
            devices.extend(self.store.device_counts(&Scope::workspace_wide(workspace)).await?);
        }
        let count = |account: &Account| devices.get(&account.id).copied().unwrap_or_default();
        Ok(accounts.iter().map(|account| self.view(account, count(account))).collect())
    }

    async fn remove(&self, id: AccountId) -> Result<Vec<HubView>, HubsError> {
        let found = ports::Store::accounts(self.store).await?.into_iter().find(|account| account.id == id);
        let account = found.ok_or(HubRefusal::Unknown(id))?;
        self.refuse_suspended(account.workspace).await?;
        let devices = self.forget(&account).await?;
        let devices = u64::try_from(devices).unwrap_or(u64::MAX);
        Ok(vec![HubView { state: Some(HubState::Removed), problem: None, ..self.view(&account, devices) }])
    }

    async fn refuse_suspended(&self, workspace: WorkspaceId) -> Result<(), HubRefusal> {
        match self.store.workspace(workspace).await? {
            Some(found) if found.is_suspended => Err(suspended().into()),
            _ => Ok(()),
        }
    }

    /// What the database says of a connection is from the last run where none is running now.
    fn view(&self, account: &Account, devices: u64) -> HubView {
        let problem = match &account.link {
            LinkState::Down { message, .. } => Some(message.clone()),
            LinkState::Connecting | LinkState::Up => None,
        };
        let is_running = !self.engine.is_at_rest();
        HubView {
            connected_account_id: account.id.0,
            workspace_id: account.workspace.0,
            provider: account.provider.as_str().to_owned(),
            display_name: account.display_name.clone(),
            address: (account.provider != domain::Provider::Sandbox).then(|| account.hub_key.clone()),
            devices,
            state: is_running.then(|| HubState::of(&account.link)),
            problem: problem.filter(|_| is_running),
            created_at: account.created_at.into(),
        }
    }
}

/// What changes in a suspended workspace answer.
pub(crate) fn suspended() -> ApiError {
    ApiError::new(ErrorType::WorkspaceSuspended, "This workspace is suspended: it can only be read")
}

fn named(provider: domain::Provider, hub_key: &str) -> String {
    match provider {
        domain::Provider::Sandbox => "Sandbox locks".to_owned(),
        domain::Provider::Mqtt => format!("MQTT {hub_key}"),
        domain::Provider::ZwaveJs => format!("Z-Wave JS {hub_key}"),
        domain::Provider::HomeAssistant => format!("Home Assistant {hub_key}"),
        domain::Provider::Matter => format!("Matter {hub_key}"),
    }
}

fn mqtt_hub(config: &str) -> Result<String, ApiError> {
    let config = thumbturn_drivers::mqtt::parse_config(config).map_err(bad_config)?;
    Ok(config.hub_key())
}

fn zwave_hub(config: &str) -> Result<String, ApiError> {
    let config = thumbturn_drivers::zwave_js::parse_config(config).map_err(bad_config)?;
    Ok(config.hub_key())
}

fn home_assistant_hub(config: &str) -> Result<String, ApiError> {
    let config = thumbturn_drivers::home_assistant::parse_config(config).map_err(bad_config)?;
    Ok(config.hub_key())
}

fn matter_hub(config: &str) -> Result<String, ApiError> {
    let config = thumbturn_drivers::matter::parse_config(config).map_err(bad_config)?;
    Ok(config.hub_key())
}

/// Names the setting inside `config`, and what would be right.
fn bad_config(ConfigProblem { field, problem }: ConfigProblem) -> ApiError {
    let mut problems = Problems::default();
    problems.at("config", |config| config.at(&field, |at| at.add(problem)));
    problems.into()
}
