//! Workspaces and operators.

use jiff::Timestamp;
use thumbturn_core::ids::{CallId, KeyId, OperatorId, WorkspaceId};
use thumbturn_core::locks::Action;
use thumbturn_core::ports::StoreError;
use thumbturn_core::workspaces::Workspace;

use crate::Store;
use crate::error::Corrupt;
use crate::statement::{Columns, Query, Row, Statement, args, one_id, one_integer};

const COLUMNS: &str = "SELECT id, name, company_name, is_sandbox, is_suspended, publishable_key_enabled, \
                       publishable_key, customization, created_at FROM workspaces";

/// Makes sure that only one set-up ever happens: the second breaks the unique key of the settings.
pub(crate) fn claim_set_up(workspace: WorkspaceId) -> Statement {
    Statement::any("INSERT INTO settings (key, value) VALUES ('set_up', $1)", args![workspace])
}

pub(crate) fn insert_operator(operator: OperatorId, created_at: Timestamp) -> Statement {
    Statement::any("INSERT INTO operators (id, created_at) VALUES ($1, $2)", args![operator, created_at])
}

pub(crate) fn insert(workspace: &Workspace) -> Statement {
    Statement::any(
        "INSERT INTO workspaces (id, name, company_name, is_sandbox, is_suspended, publishable_key_enabled, \
         publishable_key, customization, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![
            workspace.id,
            &workspace.name,
            &workspace.company_name,
            workspace.is_sandbox,
            workspace.is_suspended,
            workspace.publishable_key_enabled,
            workspace.publishable_key.as_ref(),
            &workspace.customization,
            workspace.created_at,
        ],
    )
}

/// What the API may change of a workspace.
pub(crate) fn change(workspace: &Workspace) -> Statement {
    Statement::one(
        "UPDATE workspaces SET name = $2, company_name = $3, is_suspended = $4, publishable_key_enabled = $5, \
         customization = $6 WHERE id = $1",
        args![
            workspace.id,
            &workspace.name,
            &workspace.company_name,
            workspace.is_suspended,
            workspace.publishable_key_enabled,
            &workspace.customization,
        ],
        "workspace",
    )
}

/// Has the workspace show this publishable key.
pub(crate) fn show_key(workspace: WorkspaceId, shown: Option<String>) -> Statement {
    Statement::any("UPDATE workspaces SET publishable_key = $2 WHERE id = $1", args![workspace, shown])
}

/// Has the workspace that shows this key show none. Its text begins with a prefix of eight letters, then the short half.
pub(crate) fn hide_key(key: KeyId) -> Statement {
    Statement::any(
        "UPDATE workspaces SET publishable_key = NULL WHERE EXISTS (SELECT 1 FROM keys k WHERE k.id = $1 \
         AND k.kind = 'publishable_key' AND k.workspace_id = workspaces.id \
         AND substr(workspaces.publishable_key, 9, length(k.short)) = k.short)",
        args![key],
    )
}

/// Deletes everything of a sandbox workspace but the workspace itself and its keys. Idempotency keys go with the
/// attempts that they name, kept answers except that of the call `but`, and attempts to reset stay. None of its attempts may be pending: nobody would be left to end it.
pub(crate) fn empty(workspace: WorkspaceId, but: Option<CallId>) -> Vec<Statement> {
    const TABLES: [&str; 9] = [
        "DELETE FROM webhooks WHERE workspace_id = $1",
        "DELETE FROM session_accounts WHERE session_id IN (SELECT id FROM client_sessions WHERE workspace_id = $1)",
        "DELETE FROM devices WHERE workspace_id = $1",
        "DELETE FROM client_sessions WHERE workspace_id = $1",
        "DELETE FROM spaces WHERE workspace_id = $1",
        "DELETE FROM user_identities WHERE workspace_id = $1",
        "DELETE FROM accounts WHERE workspace_id = $1",
        "DELETE FROM events WHERE workspace_id = $1",
        "DELETE FROM idempotency WHERE workspace_id = $1",
    ];
    let guard = Statement::one(
        "UPDATE workspaces SET name = name WHERE id = $1 AND is_sandbox = 1 AND NOT EXISTS \
         (SELECT 1 FROM attempts WHERE workspace_id = $1 AND ended_at IS NULL)",
        args![workspace],
        "sandbox",
    );
    let attempts = Statement::any(
        "DELETE FROM attempts WHERE workspace_id = $1 AND action <> $2",
        args![workspace, Action::ResetSandboxWorkspace.as_str()],
    );
    let calls = Statement::any(
        "DELETE FROM kept_calls WHERE workspace_id = $1 AND call_id <> COALESCE(CAST($2 AS TEXT), '')",
        args![workspace, but],
    );
    let tables = TABLES.map(|sql| Statement::any(sql, args![workspace]));
    [guard, attempts, calls].into_iter().chain(tables).collect()
}

fn map(row: &dyn Row) -> Result<Workspace, Corrupt> {
    let mut row = Columns::of(row);
    Ok(Workspace {
        id: row.id()?,
        name: row.text()?,
        company_name: row.text()?,
        is_sandbox: row.flag()?,
        is_suspended: row.flag()?,
        publishable_key_enabled: row.flag()?,
        publishable_key: row.opt_text()?,
        customization: row.text()?,
        created_at: row.time()?,
    })
}

impl Store {
    /// Whether the first start is done: a workspace exists.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn is_set_up(&self) -> Result<bool, StoreError> {
        let sql = "SELECT COUNT(*) FROM settings WHERE key = 'set_up'".into();
        Ok(self.readers().one(Query { sql, args: Vec::new(), map: one_integer }).await? > 0)
    }

    /// One workspace. Cached.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn workspace(&self, id: WorkspaceId) -> Result<Option<Workspace>, StoreError> {
        let ticket = match self.caches().workspaces.get(&id) {
            Ok(workspace) => return Ok(Some(workspace)),
            Err(ticket) => ticket,
        };
        let found = self.stored_workspace(id).await?;
        if let Some(workspace) = &found {
            self.caches().workspaces.insert(id, workspace.clone(), ticket);
        }
        Ok(found)
    }

    /// One workspace as the database has it now, to be changed: what is cached may be from before another node's change.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn stored_workspace(&self, id: WorkspaceId) -> Result<Option<Workspace>, StoreError> {
        let sql = format!("{COLUMNS} WHERE id = $1").into();
        self.readers().first(Query { sql, args: args![id], map }).await
    }

    /// Every workspace of the installation, oldest first: what a personal access token opens.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn workspaces(&self) -> Result<Vec<Workspace>, StoreError> {
        let sql = format!("{COLUMNS} ORDER BY created_at, id").into();
        self.readers().all(Query { sql, args: Vec::new(), map }).await
    }

    /// Every operator of the installation, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn operators(&self) -> Result<Vec<OperatorId>, StoreError> {
        let sql = "SELECT id FROM operators ORDER BY created_at, id".into();
        self.readers().all(Query { sql, args: Vec::new(), map: one_id }).await
    }
}
