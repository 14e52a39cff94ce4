//! Workspaces: the tenants.

use jiff::Timestamp;

use crate::ids::WorkspaceId;

/// A workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its name.
    pub name: String,
    /// The company name shown to people.
    pub company_name: String,
    /// Whether virtual locks and simulations are allowed.
    pub is_sandbox: bool,
    /// Whether writes and actions are refused.
    pub is_suspended: bool,
    /// Whether its publishable key may create client sessions.
    pub publishable_key_enabled: bool,
    /// The publishable key, shown on reads: it is not a secret.
    pub publishable_key: Option<String>,
    /// How its webviews look, as JSON text.
    pub customization: String,
    /// When it was made.
    pub created_at: Timestamp,
}
