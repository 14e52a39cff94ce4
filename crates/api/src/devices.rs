//! Devices: the wire object and its endpoints. Rules as in the "Devices" chapter of the Seam API reference.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::device_filters::DeviceFilters;
use crate::endpoint::endpoints;
use crate::envelope::Page;
use crate::ids::{ConnectedAccountId, DeviceId, SpaceId, WorkspaceId};
use crate::metadata::{CustomMetadata, MetadataChanges};
use crate::params::{Nullable, object};
use crate::time::Timestamp;
use crate::values::{Limit, List, NonEmptyString};

mod issues;
mod properties;

pub use issues::{DeviceError, DeviceWarning};
pub use properties::{
    AccessoryKeypad, Appearance, Battery, BatteryLevel, BatteryStatus, CapabilityFlags, CodeConstraint, DeviceModel,
    DeviceProperties,
};

/// A managed device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "device", extend("x-route-path" = "/devices"))]
pub struct Device {
    /// Stable for the life of the connection.
    pub device_id: DeviceId,
    /// One of a closed list, such as `schlage_lock`.
    pub device_type: String,
    /// The nickname if there is one, else the name on the hub.
    pub display_name: String,
    /// Name set through the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// The account through which the device is reached.
    pub connected_account_id: ConnectedAccountId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// Always `true`.
    pub is_managed: bool,
    /// Older form of the flags: `access_code`, `lock`, `noise_detection`, `thermostat`, `battery`, `phone`.
    pub capabilities_supported: Vec<String>,
    /// What it can do now.
    #[serde(flatten)]
    pub capabilities: CapabilityFlags,
    /// What is known about it.
    pub properties: DeviceProperties,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<DeviceLocation>,
    /// The spaces it is in.
    pub space_ids: Vec<SpaceId>,
    /// Pairs attached by the application.
    pub custom_metadata: CustomMetadata,
    /// What keeps it from working.
    pub errors: Vec<DeviceError>,
    /// What may become a problem.
    pub warnings: Vec<DeviceWarning>,
    /// The brand of the hardware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_manufacturer: Option<DeviceManufacturer>,
    /// The service through which it is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_provider: Option<DeviceProvider>,
}

/// Where a device is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceLocation {
    /// Name of the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_name: Option<String>,
    /// IANA time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The same under its older name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Name of the room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_name: Option<String>,
}

/// The brand of the hardware.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceManufacturer {
    /// Lower-case identifier.
    pub manufacturer: String,
    /// Name for people.
    pub display_name: String,
    /// Address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
}

/// The service through which a device is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceProvider {
    /// Lower-case identifier.
    pub device_provider_name: String,
    /// Name for people.
    pub display_name: String,
    /// Kind of service.
    pub provider_category: String,
    /// Address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
}

object! {
    /// What a provider says of one device. Only the time zone counts, whichever of the three it came in.
    ReportedDevice {
        /// The device.
        device_id: DeviceId,
        /// What Omnitec says of it.
        omnitec_metadata: Option<ReportedMetadata>,
        /// What Schlage says of it.
        schlage_metadata: Option<ReportedMetadata>,
        /// What U-tec says of it.
        ultraloq_metadata: Option<ReportedMetadata>,
    }
}

object! {
    /// What a provider says of a device.
    ReportedMetadata {
        /// The IANA name of its time zone.
        time_zone: NonEmptyString,
    }
}

impl ReportedDevice {
    /// The time zones that were given, each with the name of the object that it is in.
    pub fn time_zones(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("omnitec_metadata", &self.omnitec_metadata),
            ("schlage_metadata", &self.schlage_metadata),
            ("ultraloq_metadata", &self.ultraloq_metadata),
        ];
        all.into_iter().filter_map(|(name, metadata)| Some((name, &*metadata.as_ref()?.time_zone)))
    }
}

object! {
    /// Older form of the changes to a device.
    DevicePropertiesUpdate {
        /// New nickname; `null` removes it.
        name: Nullable<String>,
    }
}

endpoints! {
    /// Returns one managed device.
    endpoint GetDevice {
        path: "/devices/get",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [device] => Device,
        changes: false,
        params: {
            /// The device. Together with `name` both have to match.
            device_id: Option<DeviceId>,
            /// Its name. With several devices of this name the first one is answered.
            name: Option<NonEmptyString>,
        },
        rules: [AtLeastOne("device_id", "name")],
    }

    /// Lists managed devices.
    endpoint ListDevices {
        path: "/devices/list",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [devices] => Page<Device>,
        changes: false,
        groups: {
            /// Which devices to list.
            filters: DeviceFilters,
        },
        params: {
            /// Largest number of devices to answer.
            limit: Limit = Limit::DEFAULT,
            /// Where to go on, from the previous page.
            page_cursor: Nullable<String>,
        },
    }

    /// Changes a managed device.
    endpoint UpdateDevice {
        path: "/devices/update",
        methods: [PATCH, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [] => (),
        changes: true,
        params: {
            /// The device.
            device_id: DeviceId,
            /// New nickname; `null` removes it.
            name: Nullable<String>,
            /// Older form of `name`.
            properties: Option<DevicePropertiesUpdate>,
            /// Pairs to merge into the metadata; `null` or an empty text removes a key.
            custom_metadata: Option<MetadataChanges>,
            /// `false` makes the device unmanaged.
            is_managed: bool = true,
            /// `false` stops and empties the pool of backup access codes.
            backup_access_code_pool_enabled: Option<bool>,
        },
        errors: [DeviceUnmanaged],
        without: "the pool of backup access codes",
    }

    /// Deletes the record of one device. The hardware stays as it is: a hub that still knows the lock tells of it again,
    /// as of a new one.
    endpoint DeleteDevice {
        path: "/devices/delete",
        methods: [DELETE, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The device, managed or not.
            device_id: DeviceId,
        },
    }

    /// Tells in which time zones devices are.
    endpoint ReportProviderMetadata {
        path: "/devices/report_provider_metadata",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The devices; either all of them are changed or none.
            devices: List<ReportedDevice, 1, 500>,
        },
        errors: [DeviceNotFound],
    }
}

impl UpdateDevice {
    /// The change of the nickname, whichever of its two places it came in.
    pub fn nickname(&self) -> Nullable<&str> {
        let older = self.properties.as_ref().map(|properties| &properties.name);
        match (&self.name, older) {
            (Nullable::Absent, Some(name)) => name.as_deref(),
            (name, _) => name.as_deref(),
        }
    }
}
