//! Workspaces. Rules as in the "Workspaces" chapter of the Seam API reference.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action_attempts::ActionAttempt;
use crate::endpoint::endpoints;
use crate::enums::string_enum;
use crate::ids::{OrganizationId, WorkspaceId};
use crate::params::{Nullable, object};
use crate::values::Text;

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
        errors: [WorkspaceNotFound],
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

    /// Makes a workspace. A sandbox begins with five virtual locks.
    endpoint CreateWorkspace {
        path: "/workspaces/create",
        methods: [POST],
        auth: [PatWithoutWorkspace],
        response: [workspace] => Workspace,
        changes: true,
        params: {
            /// Its name.
            name: Text<1, 255>,
            /// Name of the company, shown to people who connect an account.
            connect_partner_name: Nullable<Text<1, 255>>,
            /// Older form of `connect_partner_name`.
            company_name: Option<Text<1, 255>>,
            /// Whether virtual devices live there.
            is_sandbox: bool = false,
            /// Ignored: there are no organizations here.
            organization_id: Option<OrganizationId>,
            /// How Connect Webviews look.
            connect_webview_customization: Option<CustomizationChanges>,
            /// Older form of `connect_webview_customization.logo_shape`.
            webview_logo_shape: Nullable<LogoShape>,
            /// Older form of `connect_webview_customization.primary_button_color`.
            webview_primary_button_color: Nullable<Text<1, 64>>,
            /// Older form of `connect_webview_customization.primary_button_text_color`.
            webview_primary_button_text_color: Nullable<Text<1, 64>>,
            /// Older form of `connect_webview_customization.success_message`.
            webview_success_message: Nullable<Text<1, 1000>>,
        },
    }

    /// Brings a sandbox workspace back to its start: its virtual locks, and nothing else. The workspace itself and its
    /// keys stay.
    endpoint ResetSandbox {
        path: "/workspaces/reset_sandbox",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [action_attempt] => ActionAttempt,
        changes: true,
        attempt: RESET_SANDBOX_WORKSPACE,
        params: {},
        errors: [WorkspaceNotSandbox],
    }

    /// Changes the workspace of the credential.
    endpoint UpdateWorkspace {
        path: "/workspaces/update",
        methods: [PATCH, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// Its name.
            name: Option<Text<1, 255>>,
            /// Name of the company, shown to people who connect an account.
            connect_partner_name: Option<Text<1, 255>>,
            /// How Connect Webviews look.
            connect_webview_customization: Option<CustomizationChanges>,
            /// Whether publishable keys are accepted.
            is_publishable_key_auth_enabled: Option<bool>,
            /// Whether it can only be read.
            is_suspended: Option<bool>,
            /// Ignored: there are no organizations here.
            organization_id: Nullable<OrganizationId>,
        },
        errors: [WorkspaceNotFound],
    }
}

object! {
    /// Changes to how Connect Webviews look; `null` removes one.
    CustomizationChanges {
        /// Shape of the logo.
        logo_shape: Nullable<LogoShape>,
        /// Colour of the main button.
        primary_button_color: Nullable<Text<1, 64>>,
        /// Colour of the text on the main button.
        primary_button_text_color: Nullable<Text<1, 64>>,
        /// What the page says when it worked.
        success_message: Nullable<Text<1, 1000>>,
    }
}

impl CreateWorkspace {
    /// How webviews are to look, whichever of its two forms it came in.
    pub fn customization(&self) -> CustomizationChanges {
        let older = CustomizationChanges {
            logo_shape: self.webview_logo_shape,
            primary_button_color: self.webview_primary_button_color.clone(),
            primary_button_text_color: self.webview_primary_button_text_color.clone(),
            success_message: self.webview_success_message.clone(),
        };
        let Some(newer) = self.connect_webview_customization.clone() else { return older };
        CustomizationChanges {
            logo_shape: newer.logo_shape.or(older.logo_shape),
            primary_button_color: newer.primary_button_color.or(older.primary_button_color),
            primary_button_text_color: newer.primary_button_text_color.or(older.primary_button_text_color),
            success_message: newer.success_message.or(older.success_message),
        }
    }
}

impl CustomizationChanges {
    /// The looks with the changes in them.
    #[must_use]
    pub fn applied_to(self, mut looks: ConnectWebviewCustomization) -> ConnectWebviewCustomization {
        fn put<T, U>(field: &mut Option<U>, change: Nullable<T>, into: impl Fn(T) -> U) {
            if let Some(value) = change.into_change() {
                *field = value.map(into);
            }
        }
        put(&mut looks.logo_shape, self.logo_shape, |shape| shape);
        put(&mut looks.primary_button_color, self.primary_button_color, Text::into_string);
        put(&mut looks.primary_button_text_color, self.primary_button_text_color, Text::into_string);
        put(&mut looks.success_message, self.success_message, Text::into_string);
        looks
    }
}
