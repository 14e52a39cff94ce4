//! Workspaces. Rules as in the "Workspaces" chapter of the Seam API reference.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::endpoints;
use crate::enums::string_enum;
use crate::ids::{OrganizationId, WorkspaceId};

/// A workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "workspace", extend("x-route-path" = "/workspaces"))]
pub struct Workspace {
    /// Id of the workspace.
    pub workspace_id: WorkspaceId,
    /// Its name.
    pub name: String,
    /// Name of the company, shown to people who connect an account.
    pub company_name: String,
    /// Another name for `company_name`; both carry the same text.
    pub connect_partner_name: Option<String>,
    /// Whether virtual devices live here.
    pub is_sandbox: bool,
    /// Whether it can only be read.
    pub is_suspended: bool,
    /// Whether publishable keys are accepted.
    pub is_publishable_key_auth_enabled: bool,
    /// The publishable key. It is no secret: browsers carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publishable_key: Option<String>,
    /// Always `null` here.
    pub organization_id: Option<OrganizationId>,
    /// How Connect Webviews look.
    pub connect_webview_customization: ConnectWebviewCustomization,
}

/// How Connect Webviews look; `{}` for the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectWebviewCustomization {
    /// Shape of the logo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo_shape: Option<LogoShape>,
    /// Colour of the main button.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_button_color: Option<String>,
    /// Colour of the text on the main button.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_button_text_color: Option<String>,
    /// What the page says when it worked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_message: Option<String>,
    /// Address of the logo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inviter_logo_url: Option<String>,
}

string_enum! {
    /// Shape of a logo.
    LogoShape {
        /// Round.
        Circle = "circle",
        /// With corners.
        Square = "square",
    }
}

endpoints! {
    /// Returns the workspace of the credential.
    endpoint GetWorkspace {
        path: "/workspaces/get",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [workspace] => Workspace,
        changes: false,
        params: {},
    }

    /// Lists workspaces: all that a personal access token opens, or the one of any other credential.
    endpoint ListWorkspaces {
        path: "/workspaces/list",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, PatWithoutWorkspace, ClientSession],
        response: [workspaces] => Vec<Workspace>,
        changes: false,
        params: {},
    }
}
