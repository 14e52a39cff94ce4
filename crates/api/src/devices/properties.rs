//! What is known about a device, and what it can do. Unknown facts are left out, never `null`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::enums::string_enum;
use crate::params::JsonObject;

/// What a device can do. Absent: its model cannot. `false`: it can, but not now; errors and warnings say why.
/// `true`: it works.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CapabilityFlags {
    /// Unlock through the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_remotely_unlock: Option<bool>,
    /// Lock through the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_remotely_lock: Option<bool>,
    /// Change the auto-lock settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_configure_auto_lock: Option<bool>,
    /// Unlock with a code at the keypad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_unlock_with_code: Option<bool>,
    /// Program access codes over the air.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_program_online_access_codes: Option<bool>,
    /// Make access codes without reaching the lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_program_offline_access_codes: Option<bool>,
    /// Sandbox: simulate that the device comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_simulate_connection: Option<bool>,
    /// Sandbox: simulate that the device goes away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_simulate_disconnection: Option<bool>,
    /// Sandbox: simulate that the device is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_simulate_removal: Option<bool>,
    /// Sandbox: simulate that the hub comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_simulate_hub_connection: Option<bool>,
    /// Sandbox: simulate that the hub goes away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_simulate_hub_disconnection: Option<bool>,
    /// Sandbox: simulate the end of a paid subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_simulate_paid_subscription: Option<bool>,
}

impl CapabilityFlags {
    /// Adds what another device can do now.
    pub fn add(&mut self, other: &Self) {
        for (flag, others) in [
            (&mut self.can_remotely_unlock, other.can_remotely_unlock),
            (&mut self.can_remotely_lock, other.can_remotely_lock),
            (&mut self.can_configure_auto_lock, other.can_configure_auto_lock),
            (&mut self.can_unlock_with_code, other.can_unlock_with_code),
            (&mut self.can_program_online_access_codes, other.can_program_online_access_codes),
            (&mut self.can_program_offline_access_codes, other.can_program_offline_access_codes),
            (&mut self.can_simulate_connection, other.can_simulate_connection),
            (&mut self.can_simulate_disconnection, other.can_simulate_disconnection),
            (&mut self.can_simulate_removal, other.can_simulate_removal),
            (&mut self.can_simulate_hub_connection, other.can_simulate_hub_connection),
            (&mut self.can_simulate_hub_disconnection, other.can_simulate_hub_disconnection),
            (&mut self.can_simulate_paid_subscription, other.can_simulate_paid_subscription),
        ] {
            if others == Some(true) {
                *flag = others;
            }
        }
    }
}

/// What is known about a device.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceProperties {
    /// Older form of the display name.
    pub name: String,
    /// Whether it can be reached now.
    pub online: bool,
    /// Its model.
    pub model: DeviceModel,
    /// How it looks on its hub.
    pub appearance: Appearance,
    /// Where the bolt is. Left out when unknown, jammed or offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<bool>,
    /// Only with a door sensor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door_open: Option<bool>,
    /// Left out while offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery: Option<Battery>,
    /// The same as `battery.level`, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery_level: Option<f64>,
    /// Whether it is wired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_direct_power: Option<bool>,
    /// Battery of a built-in keypad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keypad_battery: Option<BatteryLevel>,
    /// A separate keypad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accessory_keypad: Option<AccessoryKeypad>,
    /// Whether the lock locks by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_lock_enabled: Option<bool>,
    /// After how many seconds it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_lock_delay_seconds: Option<f64>,
    /// Whether the lock reports who entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_native_entry_events: Option<bool>,
    /// Allowed numbers of digits of a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supported_code_lengths: Option<Vec<u32>>,
    /// How many codes the lock holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active_codes_supported: Option<u32>,
    /// Rules for codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_constraints: Option<Vec<CodeConstraint>>,
    /// Whether backup codes are possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supports_backup_access_code_pool: Option<bool>,
    /// Whether backup codes are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_access_code_pool_enabled: Option<bool>,
    /// Serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
    /// Lower-case identifier of the maker, not its display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    /// Address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// What the picture shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_alt_text: Option<String>,
    /// Older form of `can_program_online_access_codes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online_access_codes_enabled: Option<bool>,
    /// Older form of `can_program_offline_access_codes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline_access_codes_enabled: Option<bool>,
    /// Older form of `can_program_offline_access_codes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supports_offline_access_codes: Option<bool>,
    /// Older form of `model.can_connect_accessory_keypad`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supports_accessory_keypad: Option<bool>,
    /// `<provider>_metadata` objects, by name.
    #[serde(flatten)]
    pub provider_metadata: JsonObject,
}

/// The model of a device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceModel {
    /// Name of the model.
    pub display_name: String,
    /// Name of the maker for people.
    pub manufacturer_display_name: String,
    /// Whether it has a keypad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_built_in_keypad: Option<bool>,
    /// Whether a separate keypad can be added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_connect_accessory_keypad: Option<bool>,
    /// Older form of `can_connect_accessory_keypad`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accessory_keypad_supported: Option<bool>,
    /// Older form of `can_program_online_access_codes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online_access_codes_supported: Option<bool>,
    /// Older form of `can_program_offline_access_codes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline_access_codes_supported: Option<bool>,
}

/// How a device looks on its hub.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Appearance {
    /// Its name there; never changed through the API.
    pub name: String,
}

/// A battery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Battery {
    /// Charge, 0 to 1.
    pub level: f64,
    /// The charge in words.
    pub status: BatteryStatus,
}

/// A battery of which only the charge is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BatteryLevel {
    /// Charge, 0 to 1.
    pub level: f64,
}

/// A separate keypad.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccessoryKeypad {
    /// Whether it is there.
    pub is_connected: bool,
    /// Its battery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery: Option<BatteryLevel>,
}

/// A rule for codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CodeConstraint {
    /// Name of the rule, such as `no_zeros`.
    pub constraint_type: String,
    /// Smallest number of digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    /// Largest number of digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
}

string_enum! {
    /// The charge of a battery in words.
    BatteryStatus {
        /// 10 % or less.
        Critical = "critical",
        /// 25 % or less.
        Low = "low",
        /// In between.
        Good = "good",
        /// 80 % or more.
        Full = "full",
    }
}

impl BatteryStatus {
    /// The word for a charge from 0 to 1.
    pub fn of_level(level: f64) -> Self {
        match level {
            level if level <= 0.1 => Self::Critical,
            level if level <= 0.25 => Self::Low,
            level if level >= 0.8 => Self::Full,
            _ => Self::Good,
        }
    }
}
