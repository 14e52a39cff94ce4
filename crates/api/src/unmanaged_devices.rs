//! Unmanaged devices: known, but neither controlled nor watched. Rules as in the "Devices" chapter of the Seam API
//! reference.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::device_filters::DeviceFilters;
use crate::devices::{Battery, CapabilityFlags, DeviceError, DeviceLocation, DeviceModel, DeviceWarning};
use crate::endpoint::endpoints;
use crate::envelope::Page;
use crate::ids::{ConnectedAccountId, DeviceId, WorkspaceId};
use crate::metadata::{CustomMetadata, MetadataChanges};
use crate::params::Nullable;
use crate::problems::Problems;
use crate::time::Timestamp;
use crate::values::{Limit, NonEmptyString};

/// An unmanaged device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "unmanaged_device", extend("x-route-path" = "/devices/unmanaged"))]
pub struct UnmanagedDevice {
    /// Stable for the life of the connection.
    pub device_id: DeviceId,
    /// One of a closed list, such as `schlage_lock`.
    pub device_type: String,
    /// The nickname if there is one, else the name on the hub.
    pub display_name: String,
    /// The account through which the device is reached.
    pub connected_account_id: ConnectedAccountId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// Always `false`.
    pub is_managed: bool,
    /// Older form of the flags.
    pub capabilities_supported: Vec<String>,
    /// What it could do, were it managed.
    #[serde(flatten)]
    pub capabilities: CapabilityFlags,
    /// What is known about it.
    pub properties: UnmanagedDeviceProperties,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<DeviceLocation>,
    /// Pairs attached by the application.
    pub custom_metadata: CustomMetadata,
    /// What keeps it from working.
    pub errors: Vec<DeviceError>,
    /// What may become a problem.
    pub warnings: Vec<DeviceWarning>,
}

/// What is known about an unmanaged device: not where its bolt is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UnmanagedDeviceProperties {
    /// Older form of the display name.
    pub name: String,
    /// Whether it can be reached now.
    pub online: bool,
    /// Its model.
    pub model: DeviceModel,
    /// Lower-case maker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    /// Address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// What the picture shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_alt_text: Option<String>,
    /// Left out while offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery: Option<Battery>,
    /// The same as `battery.level`, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery_level: Option<f64>,
}

endpoints! {
    /// Returns one unmanaged device.
    endpoint GetUnmanagedDevice {
        path: "/devices/unmanaged/get",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [device] => UnmanagedDevice,
        changes: false,
        params: {
            /// The device. Together with `name` both have to match.
            device_id: Option<DeviceId>,
            /// Its name. With several devices of this name the first one is answered.
            name: Option<NonEmptyString>,
        },
        rules: [AtLeastOne("device_id", "name")],
    }

    /// Lists unmanaged devices.
    endpoint ListUnmanagedDevices {
        path: "/devices/unmanaged/list",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [devices] => Page<UnmanagedDevice>,
        changes: false,
        groups: {
            /// Which devices to list.
            filters: DeviceFilters,
        },
        params: {
            /// Largest number of devices to answer.
            limit: Limit = Limit::of(22_900),
            /// Where to go on, from the previous page.
            page_cursor: Nullable<String>,
        },
    }

    /// Changes an unmanaged device, or makes it a managed one.
    endpoint UpdateUnmanagedDevice {
        path: "/devices/unmanaged/update",
        methods: [PATCH, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The device.
            device_id: DeviceId,
            /// `true` makes the device managed.
            is_managed: Option<bool>,
            /// Pairs to merge into the metadata; `null` or an empty text removes a key.
            custom_metadata: Option<MetadataChanges>,
        },
        check: only_becomes_managed,
        errors: [DeviceManaged],
    }
}

/// It is unmanaged already, so `false` can only be a mistake.
fn only_becomes_managed(params: &UpdateUnmanagedDevice, problems: &mut Problems) {
    if params.is_managed == Some(false) {
        problems.at("is_managed", |at| at.add("Invalid literal value, expected true"));
    }
}
