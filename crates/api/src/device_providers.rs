//! Device providers: whose devices a workspace has, and what they can do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::devices::CapabilityFlags;
use crate::endpoint::endpoints;
use crate::enums::string_enum;

/// A provider of devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "device_provider", extend("x-route-path" = "/devices"))]
pub struct ListedProvider {
    /// Lower-case identifier, from the official closed list.
    pub device_provider_name: String,
    /// Name for people.
    pub display_name: String,
    /// Address of a picture.
    pub image_url: String,
    /// Kinds of service.
    pub provider_categories: Vec<ProviderCategory>,
    /// What at least one of its devices here can do.
    #[serde(flatten)]
    pub capabilities: CapabilityFlags,
}

string_enum! {
    /// Kinds of service.
    ProviderCategory {
        /// Ready for use.
        Stable = "stable",
        /// Locks for homes.
        ConsumerSmartlocks = "consumer_smartlocks",
        /// Not yet ready for use.
        Beta = "beta",
        /// Thermostats.
        Thermostats = "thermostats",
        /// Noise sensors.
        NoiseSensors = "noise_sensors",
        /// Access control systems.
        AccessControlSystems = "access_control_systems",
        /// Cameras.
        Cameras = "cameras",
        /// Reservation systems.
        Connectors = "connectors",
    }
}

endpoints! {
    /// Lists the providers whose devices the workspace has, with what at least one device of each can do.
    endpoint ListDeviceProviders {
        path: "/devices/list_device_providers",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [device_providers] => Vec<ListedProvider>,
        changes: false,
        params: {
            /// Only providers of this kind.
            provider_category: Option<ProviderCategory>,
        },
    }
}
