//! Connected accounts: reads, connecting a hub, forgetting one.

use std::time::Duration;

use thumbturn_api::connected_accounts::{
    AcceptedCapability, ConnectHub, ConnectedAccount, DeleteConnectedAccount, GetConnectedAccount,
    ListConnectedAccounts, Provider, SyncConnectedAccount, UpdateConnectedAccount,
};
use thumbturn_api::{ApiError, ErrorType, Page, Problems, Text};
use thumbturn_core::accounts::{self as domain, LinkState};
use thumbturn_core::ids::{AccountId, WorkspaceId};
use thumbturn_core::ports::CommitError;
use thumbturn_core::scope::Scope;
use thumbturn_drivers::ConfigProblem;
use thumbturn_store::{AccountFilter, PageRequest};

use super::call::Call;
use super::errors::{Failure, Outcome};
use super::{cursors, devices, to_wire};
use crate::app::App;

/// How long the answer waits for the first connection, so that a wrong address or password shows at once.
const FIRST_CONNECTION: Duration = Duration::from_secs(5);

fn not_found(id: impl ToString) -> Failure {
    Failure::new(ErrorType::ConnectedAccountNotFound, "Connected account not found")
        .with_data("connected_account_id", id)
}

/// The account, if it is in scope.
pub(crate) async fn find(app: &App, scope: &Scope, id: AccountId) -> Outcome<domain::Account> {
    app.store().account(scope, id).await?.ok_or_else(|| not_found(id))
}

/// `/connected_accounts/get`. No account has an e-mail address here, so looking one up by it finds none.
pub(crate) async fn get(app: App, call: Call, params: GetConnectedAccount) -> Outcome<ConnectedAccount> {
    let Some(id) = params.connected_account_id else {
        return Err(Failure::new(ErrorType::ConnectedAccountNotFound, "Connected account not found"));
    };
    let account = app.store().account(&call.caller.scope()?, id.0.into()).await?;
    account.as_ref().map(to_wire::connected_account).ok_or_else(|| not_found(id.0))
}

/// `/connected_accounts/list`
pub(crate) async fn list(app: App, call: Call, params: ListConnectedAccounts) -> Outcome<Page<ConnectedAccount>> {
    let after = cursors::read::<ListConnectedAccounts>(&call.input, &params.page_cursor)?;
    if params.space_id.is_some() {
        return Ok(Page::last(Vec::new()));
    }
    let filter = AccountFilter {
        ids: None,
        customer_key: params.customer_key.map(Text::into_string),
        user_identifier_key: params.user_identifier_key.map(Text::into_string),
        metadata: devices::wanted(params.custom_metadata_has),
        search: params.search.map(Text::into_string),
    };
    let page = PageRequest { limit: app.page_limit(params.limit), after };
    let found = app.store().accounts(&call.caller.scope()?, &filter, page).await?;
    Ok(Page {
        items: found.items.iter().map(to_wire::connected_account).collect(),
        pagination: cursors::pagination::<ListConnectedAccounts>(app.public_url(), &call.input, found.next.as_ref()),
    })
}

/// `/connected_accounts/update`
pub(crate) async fn update(app: App, call: Call, params: UpdateConnectedAccount) -> Outcome<ConnectedAccount> {
    let scope = call.caller.scope()?;
    let id: AccountId = params.connected_account_id.0.into();
    let found = async || find(&app, &scope, id).await;
    found().await?;
    match app.engine().edit_account(id, edit(params)?).await {
        Err(CommitError::Conflict(_)) => {
            let account = found().await?;
            let message = "The connected account belongs to another customer already";
            return Err(Failure::new(ErrorType::CustomerKeyAlreadySet, message)
                .with_data("customer_key", account.customer_key.unwrap_or_default()));
        }
        other => other?,
    }
    Ok(to_wire::connected_account(&found().await?))
}

fn edit(params: UpdateConnectedAccount) -> Outcome<domain::AccountEdit> {
    let is_locks = |kinds: Vec<AcceptedCapability>| kinds.iter().all(|kind| *kind == AcceptedCapability::Lock);
    if params.accepted_capabilities.is_some_and(|kinds| kinds.is_empty() || !is_locks(kinds)) {
        let message = "Accounts take in locks and nothing else yet: accepted_capabilities can only be [\"lock\"]";
        return Err(Failure::new(ErrorType::NotImplemented, message));
    }
    Ok(domain::AccountEdit {
        display_name: params.display_name.map(Text::into_string),
        custom_metadata: params.custom_metadata.map(|pairs| devices::merged("{}", &pairs)).transpose()?,
        customer_key: params.customer_key.map(Text::into_string),
        manages_new_devices: params.automatically_manage_new_devices,
    })
}

/// `/connected_accounts/delete`
pub(crate) async fn delete(app: App, call: Call, params: DeleteConnectedAccount) -> Outcome<()> {
    let id: AccountId = params.connected_account_id.0.into();
    let account = find(&app, &call.caller.scope()?, id).await?;
    match app.engine().remove_account(&account).await {
        Err(CommitError::Conflict(_)) => Err(not_found(id)),
        other => Ok(other?),
    }
}

/// `/connected_accounts/sync`
pub(crate) async fn sync(app: App, call: Call, params: SyncConnectedAccount) -> Outcome<()> {
    let id: AccountId = params.connected_account_id.0.into();
    find(&app, &call.caller.scope()?, id).await?;
    app.engine().sync_account(id).await;
    Ok(())
}

/// `/thumbturn/connected_accounts/create`
pub(crate) async fn create(app: App, call: Call, params: ConnectHub) -> Outcome<ConnectedAccount> {
    let scope = call.caller.scope()?;
    let display_name = params.display_name.map(Text::into_string);
    let account =
        described(&app, scope.workspace(), params.provider, params.config.into_exposed(), display_name).await?;
    let id = account.id;
    match app.engine().add_account(account).await {
        Err(CommitError::Conflict(_)) => {
            return Err(Failure::new(
                ErrorType::HubAlreadyConnected,
                "This workspace already has a connected account for this hub",
            ));
        }
        other => other?,
    }
    app.engine().account_settled(id, FIRST_CONNECTION).await;
    let account = app.store().account(&scope, id).await?;
    account.as_ref().map(to_wire::connected_account).ok_or_else(|| not_found(id))
}

/// The new account, its settings checked by the driver that will use them.
async fn described(
    app: &App,
    workspace: WorkspaceId,
    provider: Provider,
    config: thumbturn_api::JsonObject,
    display_name: Option<String>,
) -> Outcome<domain::Account> {
    let id = AccountId::new_at(app.now());
    let config = serde_json::Value::Object(config).to_string();
    let (provider, hub_key) = match provider {
        Provider::Sandbox => (domain::Provider::Sandbox, sandbox_hub(app, workspace, &config, id).await?),
        Provider::Mqtt => (domain::Provider::Mqtt, mqtt_hub(&config)?),
        Provider::ZwaveJs | Provider::HomeAssistant | Provider::Matter => {
            let message = format!("The provider {} is not implemented yet", provider.as_str());
            return Err(Failure::new(ErrorType::NotImplemented, message));
        }
    };
    Ok(domain::Account {
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
        created_at: app.now(),
    })
}

fn named(provider: domain::Provider, hub_key: &str) -> String {
    match provider {
        domain::Provider::Sandbox => "Sandbox locks".to_owned(),
        domain::Provider::Mqtt => format!("MQTT {hub_key}"),
    }
}

/// Virtual locks have no address: each account is a hub of its own, and only sandbox workspaces have them.
async fn sandbox_hub(app: &App, workspace: WorkspaceId, config: &str, id: AccountId) -> Outcome<String> {
    if !app.is_sandbox(workspace).await? {
        return Err(Failure::new(
            ErrorType::WorkspaceNotSandbox,
            "Virtual locks can only be made in a sandbox workspace",
        ));
    }
    thumbturn_drivers::sandbox::parse_config(config).map_err(bad_config)?;
    Ok(format!("sandbox:{id}"))
}

fn mqtt_hub(config: &str) -> Outcome<String> {
    let config = thumbturn_drivers::mqtt::parse_config(config).map_err(bad_config)?;
    Ok(config.hub_key())
}

/// Names the setting inside `config`, and what would be right.
fn bad_config(ConfigProblem { field, problem }: ConfigProblem) -> Failure {
    let mut problems = Problems::default();
    problems.at("config", |config| config.at(&field, |at| at.add(problem)));
    ApiError::from(problems).into()
}
