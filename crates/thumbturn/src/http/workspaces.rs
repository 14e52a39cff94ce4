//! Workspaces: reads, new ones, changes.

use std::time::Duration;

use thumbturn_api::ErrorType;
use thumbturn_api::action_attempts::ActionAttempt;
use thumbturn_api::workspaces::{
    ConnectWebviewCustomization, CreateWorkspace, CustomizationChanges, GetWorkspace, ListWorkspaces, ResetSandbox,
    UpdateWorkspace, Workspace,
};
use thumbturn_core::change::{Change, Whole};

use super::call::{Call, Caller};
use super::errors::{Failure, Outcome};
use super::to_wire;
use crate::app::App;
use crate::workspaces;

/// How long the answer waits for the virtual locks of a new sandbox.
const VIRTUAL_LOCKS: Duration = Duration::from_secs(2);

/// `/workspaces/get`
pub(crate) async fn get(app: App, call: Call, _params: GetWorkspace) -> Outcome<Workspace> {
    let workspace = app.store().workspace(call.caller.scope()?.workspace()).await?;
    let missing = || Failure::new(ErrorType::WorkspaceNotFound, "Workspace not found");
    workspace.as_ref().map(to_wire::workspace).ok_or_else(missing)
}

/// `/workspaces/list`: the caller's own; for a personal access token without a workspace, all that it opens.
pub(crate) async fn list(app: App, call: Call, params: ListWorkspaces) -> Outcome<Vec<Workspace>> {
    let _ = params;
    if let Caller::Operator { only, .. } = call.caller {
        let all = app.store().workspaces().await?;
        let opened = all.iter().filter(|workspace| only.is_none_or(|only| workspace.id == only));
        return Ok(opened.map(to_wire::workspace).collect());
    }
    Ok(vec![get(app, call, GetWorkspace {}).await?])
}

/// `/workspaces/create`. A token that is bound to one workspace opens no other, so it makes none.
pub(crate) async fn create(app: App, call: Call, params: CreateWorkspace) -> Outcome<Workspace> {
    if !matches!(call.caller, Caller::Operator { only: None, .. }) {
        return Err(Failure::new(ErrorType::Unauthorized, "This token is bound to one workspace"));
    }
    let looks = looks(ConnectWebviewCustomization::default(), Some(params.customization()))?;
    let company = params.connect_partner_name.value().or(params.company_name).unwrap_or_else(|| params.name.clone());
    let mut new = workspaces::new(&params.name, &company, params.is_sandbox, app.now());
    new.workspace.customization = looks;
    let (workspace, account) = (new.workspace.clone(), new.account.clone());
    app.store().commit(Change::WorkspaceCreated(Box::new(new))).await?;
    if let Some(account) = account {
        let id = account.id;
        app.engine().open_account(account).await?;
        app.engine().account_settled(id, VIRTUAL_LOCKS).await;
    }
    Ok(to_wire::workspace(&workspace))
}

/// `/workspaces/update`
pub(crate) async fn update(app: App, call: Call, params: UpdateWorkspace) -> Outcome<()> {
    let missing = || Failure::new(ErrorType::WorkspaceNotFound, "Workspace not found");
    let id = call.caller.scope()?.workspace();
    let _alone = app.changing_workspaces().await;
    let read = app.store().as_of(Whole::Workspace(id)).await?;
    let mut workspace = app.store().stored_workspace(id).await?.ok_or_else(missing)?;
    if let Some(name) = params.name {
        workspace.name = name.into_string();
    }
    if let Some(company) = params.connect_partner_name {
        workspace.company_name = company.into_string();
    }
    workspace.publishable_key_enabled =
        params.is_publishable_key_auth_enabled.unwrap_or(workspace.publishable_key_enabled);
    workspace.is_suspended = params.is_suspended.unwrap_or(workspace.is_suspended);
    workspace.customization =
        looks(to_wire::customization(&workspace.customization), params.connect_webview_customization)?;
    app.store().commit(Change::WorkspaceChanged(Box::new(workspace)).over(read)).await?;
    Ok(())
}

/// `/workspaces/reset_sandbox`. The attempt is over when it is answered: all of it is one transaction.
pub(crate) async fn reset_sandbox(app: App, call: Call, params: ResetSandbox) -> Outcome<ActionAttempt> {
    let ResetSandbox {} = params;
    let workspace = call.caller.scope()?.workspace();
    if !app.is_sandbox(workspace).await? {
        let message = "can only reset sandbox on sandbox workspaces";
        return Err(Failure::new(ErrorType::WorkspaceNotSandbox, message));
    }
    let reset = workspaces::reset(workspace, app.reset_to(), call.claimed, app.now());
    let (attempt, account) = (reset.attempt.clone(), reset.account.as_ref().map(|account| account.id));
    app.engine().reset_workspace(reset).await?;
    app.limits().reset(workspace);
    if let Some(account) = account {
        app.engine().account_settled(account, VIRTUAL_LOCKS).await;
        app.engine().caught_up(account, VIRTUAL_LOCKS).await?;
    }
    Ok(to_wire::action_attempt(&attempt))
}

fn looks(before: ConnectWebviewCustomization, changes: Option<CustomizationChanges>) -> Outcome<String> {
    let looks = match changes {
        Some(changes) => changes.applied_to(before),
        None => before,
    };
    serde_json::to_string(&looks).map_err(|_| Failure::new(ErrorType::InternalServerError, "Cannot write the looks"))
}
