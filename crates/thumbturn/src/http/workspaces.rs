//! Workspaces: reads.

use thumbturn_api::ErrorType;
use thumbturn_api::workspaces::{GetWorkspace, ListWorkspaces, Workspace};

use super::call::{Call, Caller};
use super::errors::{Failure, Outcome};
use super::to_wire;
use crate::app::App;

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
