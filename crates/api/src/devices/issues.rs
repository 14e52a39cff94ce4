//! Errors and warnings of devices. The lists of codes are closed in the official API.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What keeps a device from working.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceError {
    /// One of a closed list, such as `device_disconnected`.
    pub error_code: String,
    /// Text for people.
    pub message: String,
    /// Since when.
    pub created_at: Timestamp,
    /// `true` for errors of the device, `false` for errors copied from its account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_device_error: Option<bool>,
    /// `true` for errors copied from the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_connected_account_error: Option<bool>,
    /// Only with `bridge_disconnected`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_bridge_error: Option<bool>,
}

impl DeviceError {
    /// An error of the device itself.
    pub fn of_device(error_code: impl Into<String>, message: impl Into<String>, created_at: Timestamp) -> Self {
        Self {
            error_code: error_code.into(),
            message: message.into(),
            created_at,
            is_device_error: Some(true),
            is_connected_account_error: None,
            is_bridge_error: None,
        }
    }

    /// An error of the account, copied onto the device.
    pub fn of_account(error_code: impl Into<String>, message: impl Into<String>, created_at: Timestamp) -> Self {
        Self {
            is_device_error: Some(false),
            is_connected_account_error: Some(true),
            ..Self::of_device(error_code, message, created_at)
        }
    }
}

/// What may become a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceWarning {
    /// One of a closed list, such as `device_communication_degraded`.
    pub warning_code: String,
    /// Text for people.
    pub message: String,
    /// Since when.
    pub created_at: Timestamp,
    /// With `max_access_codes_reached`: how many codes are on the lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_access_code_count: Option<u32>,
    /// With `max_access_codes_reached`: how many codes the lock holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active_access_code_count: Option<u32>,
}
