//! The filters that the lists of devices and of locks share, and the closed lists of words behind them.

use crate::enums::string_enum;
use crate::ids::{ConnectWebviewId, ConnectedAccountId, DeviceId, SpaceId};
use crate::metadata::MetadataFilter;
use crate::params::{Nullable, object};
use crate::time::Timestamp;
use crate::values::NonEmptyString;

/// The device types that count as locks, sorted ("Locks" in the Seam API reference).
pub const LOCK_DEVICE_TYPES: &[&str] = &[
    "akiles_lock",
    "akuvox_lock",
    "aqara_lock",
    "august_lock",
    "avigilon_alta_entry",
    "brivo_access_point",
    "butterflymx_panel",
    "controlbyweb_device",
    "doorking_lock",
    "dormakaba_oracode_door",
    "four_suites_door",
    "genie_door",
    "igloo_lock",
    "igloohome_lock",
    "keyincode_lock",
    "kisi_lock",
    "kwikset_lock",
    "linear_lock",
    "lockly_lock",
    "nuki_lock",
    "omnitec_lock",
    "salto_lock",
    "schlage_lock",
    "smartthings_lock",
    "tedee_lock",
    "ttlock_lock",
    "two_n_intercom",
    "ultraloq_lock",
    "wyze_lock",
    "yacan_lock",
    "yale_lock",
];

/// Whether a device of this type is a lock.
pub fn is_lock_device_type(device_type: &str) -> bool {
    LOCK_DEVICE_TYPES.binary_search(&device_type).is_ok()
}

string_enum! {
    /// What a device can do at this moment.
    CapabilityFlag {
        /// Unlock through the API.
        RemotelyUnlock = "can_remotely_unlock",
        /// Lock through the API.
        RemotelyLock = "can_remotely_lock",
        /// Change the auto-lock settings.
        ConfigureAutoLock = "can_configure_auto_lock",
        /// Unlock with a code at the keypad.
        UnlockWithCode = "can_unlock_with_code",
        /// Program access codes over the air.
        ProgramOnlineAccessCodes = "can_program_online_access_codes",
        /// Make access codes without reaching the lock.
        ProgramOfflineAccessCodes = "can_program_offline_access_codes",
        /// Simulate that the device comes back.
        SimulateConnection = "can_simulate_connection",
        /// Simulate that the device goes away.
        SimulateDisconnection = "can_simulate_disconnection",
        /// Simulate that the device is removed.
        SimulateRemoval = "can_simulate_removal",
        /// Simulate that the hub comes back.
        SimulateHubConnection = "can_simulate_hub_connection",
        /// Simulate that the hub goes away.
        SimulateHubDisconnection = "can_simulate_hub_disconnection",
        /// Simulate the end of a paid subscription.
        SimulatePaidSubscription = "can_simulate_paid_subscription",
        /// Heat.
        HvacHeat = "can_hvac_heat",
        /// Cool.
        HvacCool = "can_hvac_cool",
        /// Heat and cool.
        HvacHeatCool = "can_hvac_heat_cool",
        /// Switch heating and cooling off.
        TurnOffHvac = "can_turn_off_hvac",
        /// Run thermostat programs.
        RunThermostatPrograms = "can_run_thermostat_programs",
        /// Thermostat programs for weekdays and weekends.
        ProgramThermostatProgramsAsWeekdayWeekend = "can_program_thermostat_programs_as_weekday_weekend",
        /// Thermostat programs for each day.
        ProgramThermostatProgramsAsDifferentEachDay = "can_program_thermostat_programs_as_different_each_day",
        /// One thermostat program for all days.
        ProgramThermostatProgramsAsSameEachDay = "can_program_thermostat_programs_as_same_each_day",
    }
}

object! {
    /// Which devices to list. Filters combine with AND.
    DeviceFilters {
        /// Only these devices; an empty array matches none.
        device_ids: Option<Vec<DeviceId>>,
        /// Only devices of this account.
        connected_account_id: Option<ConnectedAccountId>,
        /// Only devices of these accounts.
        connected_account_ids: Option<Vec<ConnectedAccountId>>,
        /// Only devices of the account that was connected through this webview.
        connect_webview_id: Option<ConnectWebviewId>,
        /// Only devices of this customer.
        customer_key: Option<NonEmptyString>,
        /// Only devices that the client session made with this key can reach.
        user_identifier_key: Option<NonEmptyString>,
        /// Only devices of this type; a type that is not known matches none.
        device_type: Option<NonEmptyString>,
        /// Only devices of these types.
        device_types: Option<Vec<NonEmptyString>>,
        /// Only devices of this maker, as in `properties.manufacturer`.
        manufacturer: Option<NonEmptyString>,
        /// Only devices in this space.
        space_id: Option<SpaceId>,
        /// Older name of `space_id`.
        unstable_location_id: Nullable<SpaceId>,
        /// Only devices that were created strictly earlier.
        created_before: Option<Timestamp>,
        /// Only devices with all of these pairs; `null` matches where the key is unset.
        custom_metadata_has: Option<MetadataFilter>,
        /// Only devices in which this text occurs: id, account id, display name, metadata or location name. Case does
        /// not matter.
        search: Option<NonEmptyString>,
        /// Only devices for which all of these flags are `true`.
        include_if: Option<Vec<CapabilityFlag>>,
        /// Only devices for which none of these flags is `true`.
        exclude_if: Option<Vec<CapabilityFlag>>,
    }
}

impl DeviceFilters {
    /// The space to filter by, whichever of its two names it came under.
    pub fn space(&self) -> Option<SpaceId> {
        self.space_id.or(self.unstable_location_id.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closed_lists_are_complete() {
        assert_eq!(LOCK_DEVICE_TYPES.len(), 31);
        assert!(LOCK_DEVICE_TYPES.is_sorted());
        assert_eq!(CapabilityFlag::ALL.len(), 20);
    }
}
