//! What `bridge/info` tells of the hub's settings, as far as locks care.
//!
//! It carries the whole configuration, which differs between versions and holds what people wrote by hand, so every part
//! is read by itself and one that is not understood costs no other.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

/// The settings that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// `advanced.output` is `attribute`: each field is published on a topic of its own, and no state message comes.
    pub(super) single_attributes: bool,
    /// Whether availability is told, where a device has no setting of its own.
    availability: Option<bool>,
    /// The settings of single devices, by IEEE address.
    of_device: HashMap<String, bool>,
}

#[derive(Deserialize)]
struct Info {
    config: Config,
}

#[derive(Deserialize)]
#[serde(default)]
struct Config {
    advanced: Value,
    availability: Value,
    device_options: Value,
    devices: Value,
}

impl Default for Config {
    fn default() -> Self {
        Self { advanced: Value::Null, availability: Value::Null, device_options: Value::Null, devices: Value::Null }
    }
}

impl Settings {
    /// Reads `bridge/info`; `None` if it is no such thing.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let config = serde_json::from_slice::<Info>(payload).ok()?.config;
        let own = |(ieee, options): (&String, &Value)| Some((ieee.clone(), is_on(&options["availability"])?));
        Some(Self {
            single_attributes: config.advanced["output"] == "attribute",
            availability: is_on(&config.device_options["availability"]).or_else(|| is_on(&config.availability)),
            of_device: config.devices.as_object().into_iter().flatten().filter_map(own).collect(),
        })
    }

    /// Whether the hub tells the availability of a device, as far as is known. If it does not, what the broker kept of it
    /// is from a time when it did.
    pub(super) fn tells_availability(&self, ieee: &str) -> bool {
        self.of_device.get(ieee).copied().or(self.availability).unwrap_or(true)
    }
}

/// Whether `availability` is switched on: `{"enabled": …}`, or as in older versions and for single devices a word or the
/// presence of its settings.
fn is_on(setting: &Value) -> Option<bool> {
    match setting {
        Value::Bool(on) => Some(*on),
        Value::Object(settings) => Some(settings.get("enabled").and_then(Value::as_bool).unwrap_or(true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(config: &Value) -> Settings {
        Settings::read(json!({"version": "2.14.1", "config": config}).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn availability_is_read_in_all_its_forms() {
        for (config, expected) in [
            (json!({}), true),
            (json!({"availability": {"enabled": true, "active": {"timeout": 10}}}), true),
            (json!({"availability": {"enabled": false, "active": {"timeout": 10}}}), false),
            (json!({"availability": {"active": {"timeout": 10}}}), true),
            (json!({"availability": false}), false),
            (json!({"availability": true}), true),
            (json!({"availability": "odd"}), true),
            (json!({"availability": false, "device_options": {"availability": true}}), true),
            (json!({"availability": {"enabled": true}, "devices": {"0x1": {"availability": false}}}), false),
            (json!({"availability": {"enabled": false}, "devices": {"0x1": {"availability": {"timeout": 3}}}}), true),
            (json!({"availability": {"enabled": false}, "devices": {"0x2": {"availability": true}}}), false),
            (json!({"availability": {"enabled": false}, "devices": ["0x1"]}), false),
        ] {
            assert_eq!(read(&config).tells_availability("0x1"), expected, "{config}");
        }
    }

    #[test]
    fn the_output_mode_is_read() {
        for (config, expected) in [
            (json!({"advanced": {"output": "attribute"}}), true),
            (json!({"advanced": {"output": "attribute_and_json"}}), false),
            (json!({"advanced": {"output": "json"}}), false),
            (json!({"advanced": null}), false),
            (json!({}), false),
        ] {
            assert_eq!(read(&config).single_attributes, expected, "{config}");
        }
        for odd in [&b""[..], b"[]", b"{}", br#"{"config":5}"#] {
            assert_eq!(Settings::read(odd), None);
        }
    }
}
