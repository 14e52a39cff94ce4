//! The device list (`bridge/devices`): about 5 kB per lock, 5 MB for a thousand.
//!
//! Parsing is apart from everything else, so that a long list is read on a thread of its own. One malformed entry costs
//! that entry, never the list.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// `access` bit: the property can be set.
const SETTABLE: u64 = 2;

/// `access` bit: the property can be read with `/get`.
const READABLE: u64 = 4;

/// Makers whose locks send action words although the list does not say so.
const SILENT_ACTORS: [&str; 4] = ["onesti", "nimly", "datek", "easyaccess"];

/// What a device list says.
#[derive(Clone, Debug, Default)]
pub(in crate::mqtt) struct DeviceList {
    /// Every device, locks or not, the coordinator included.
    pub(in crate::mqtt) devices: Vec<Listed>,
    /// How many entries could not be understood.
    pub(in crate::mqtt) malformed: usize,
}

impl DeviceList {
    /// Whether what is missing in this list may count as evidence: everything in it was understood, and it holds
    /// something besides the coordinator.
    pub(in crate::mqtt) fn is_evidence(&self) -> bool {
        self.malformed == 0 && self.devices.iter().any(|device| !device.is_coordinator)
    }
}

/// One device of the list.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::mqtt) struct Listed {
    pub(super) ieee: String,
    pub(super) name: String,
    pub(super) is_coordinator: bool,
    pub(super) is_disabled: bool,
    pub(super) is_wired: bool,
    pub(super) maker: Option<String>,
    pub(super) model: Option<String>,
    pub(super) has_keypad: bool,
    pub(super) tags: bool,
    /// One per bolt; none if it is no lock.
    pub(super) bolts: Vec<BoltSpec>,
}

impl Listed {
    /// The address that outlives every rename.
    pub(in crate::mqtt) fn ieee(&self) -> &str {
        &self.ieee
    }
}

/// How one bolt is read and moved.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::mqtt) struct BoltSpec {
    /// The endpoint's name, where a device has several bolts.
    pub(super) endpoint: Option<String>,
    /// The property that takes commands.
    pub(super) state: String,
    /// The property that tells a jam from an open bolt, where there is one.
    pub(super) position: Option<String>,
    /// The value of `state` for locked.
    pub(super) locked: Value,
    /// The value of `state` for unlocked.
    pub(super) unlocked: Value,
    /// Whether commands are understood.
    pub(super) settable: bool,
    /// Whether the state can be asked for.
    pub(super) readable: bool,
}

/// Reads a device list; `None` if it is no list at all.
pub(in crate::mqtt) fn parse(payload: &[u8]) -> Option<DeviceList> {
    let entries: Vec<&RawValue> = serde_json::from_slice(payload).ok()?;
    let mut list = DeviceList::default();
    for entry in entries {
        match serde_json::from_str::<RawDevice>(entry.get()) {
            Ok(raw) => list.devices.push(raw.listed()),
            Err(_) => list.malformed += 1,
        }
    }
    Some(list)
}

#[derive(Deserialize)]
struct RawDevice {
    ieee_address: String,
    friendly_name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    disabled: Option<bool>,
    power_source: Option<String>,
    manufacturer: Option<String>,
    model_id: Option<String>,
    definition: Option<RawDefinition>,
}

#[derive(Deserialize)]
struct RawDefinition {
    model: Option<String>,
    vendor: Option<String>,
    description: Option<String>,
    #[serde(default)]
    exposes: Vec<Expose>,
}

#[derive(Deserialize)]
struct Expose {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    property: Option<String>,
    endpoint: Option<String>,
    access: Option<u64>,
    value_on: Option<Value>,
    value_off: Option<Value>,
    #[serde(default)]
    features: Vec<Self>,
}

impl RawDevice {
    fn listed(self) -> Listed {
        let definition = self.definition.as_ref();
        let exposes = definition.map_or(&[][..], |definition| &definition.exposes);
        let maker = definition.and_then(|definition| definition.vendor.clone()).or(self.manufacturer);
        let lower = maker.as_deref().unwrap_or_default().to_lowercase();
        Listed {
            is_coordinator: self.kind.as_deref() == Some("Coordinator"),
            is_disabled: self.disabled == Some(true),
            is_wired: self
                .power_source
                .as_deref()
                .is_some_and(|source| !source.contains("Battery") && source != "Unknown"),
            has_keypad: exposes.iter().any(|expose| expose.is("pin_code")),
            tags: exposes.iter().any(|expose| expose.is("action"))
                || SILENT_ACTORS.iter().any(|maker| lower.contains(maker)),
            bolts: exposes
                .iter()
                .filter(|expose| expose.kind.as_deref() == Some("lock"))
                .filter_map(Expose::bolt)
                .collect(),
            model: definition.and_then(model_name).or(self.model_id),
            name: self.friendly_name.filter(|name| !name.is_empty()).unwrap_or_else(|| self.ieee_address.clone()),
            ieee: self.ieee_address,
            maker,
        }
    }
}

/// What people call the model: description and number.
fn model_name(definition: &RawDefinition) -> Option<String> {
    let known = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    match (known(&definition.description), known(&definition.model)) {
        (Some(description), Some(model)) => Some(format!("{description} ({model})")),
        (description, model) => description.or(model),
    }
}

impl Expose {
    fn is(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name) || self.property.as_deref() == Some(name)
    }

    fn bolt(&self) -> Option<BoltSpec> {
        let feature = |name: &str| self.features.iter().find(|feature| feature.name.as_deref() == Some(name));
        let state = feature("state")?;
        let access = state.access.unwrap_or(0);
        Some(BoltSpec {
            endpoint: self.endpoint.clone().or_else(|| state.endpoint.clone()),
            state: state.property.clone()?,
            position: feature("lock_state").and_then(|feature| feature.property.clone()),
            locked: state.value_on.clone().unwrap_or_else(|| "LOCK".into()),
            unlocked: state.value_off.clone().unwrap_or_else(|| "UNLOCK".into()),
            settable: access & SETTABLE != 0,
            readable: access & READABLE != 0,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// An entry of the list as captured from Zigbee2MQTT 2.14.1, shortened.
    pub(in crate::mqtt::zigbee2mqtt) fn yale(ieee: &str, name: &str) -> Value {
        json!({"ieee_address": ieee, "friendly_name": name, "type": "EndDevice", "network_address": 8193,
            "supported": true, "disabled": false, "interview_completed": true, "power_source": "Battery",
            "model_id": "YRD226 TSDB", "manufacturer": "Yale", "definition": {
            "model": "YRD226HA2619", "vendor": "Yale", "description": "Assure lock", "source": "native",
            "exposes": [
                {"type": "lock", "features": [
                    {"type": "binary", "name": "state", "property": "state", "access": 7, "value_on": "LOCK", "value_off": "UNLOCK"},
                    {"type": "enum", "name": "lock_state", "property": "lock_state", "access": 1,
                     "values": ["not_fully_locked", "locked", "unlocked"]}]},
                {"type": "numeric", "name": "battery", "property": "battery", "access": 1, "unit": "%"},
                {"type": "composite", "name": "pin_code", "property": "pin_code", "access": 7, "features": [
                    {"type": "numeric", "name": "user", "access": 2}]},
                {"type": "enum", "name": "action", "property": "action", "access": 1, "values": ["lock", "unlock"]},
                {"type": "binary", "name": "battery_low", "access": 1, "value_on": true, "value_off": false}],
            "options": [{"name": "expose_pin", "type": "binary", "access": 2}]}})
    }

    pub(in crate::mqtt::zigbee2mqtt) fn list(entries: Vec<Value>) -> DeviceList {
        let mut all =
            vec![json!({"ieee_address": "0x00124b0000c00001", "type": "Coordinator", "friendly_name": "Coordinator"})];
        all.extend(entries);
        parse(Value::Array(all).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_captured_lock_is_understood() {
        let list = list(vec![yale("0x00158d0000a00001", "lock-001")]);
        assert_eq!(list.malformed, 0);
        let lock = &list.devices[1];
        assert_eq!((lock.ieee.as_str(), lock.name.as_str()), ("0x00158d0000a00001", "lock-001"));
        assert_eq!(lock.model.as_deref(), Some("Assure lock (YRD226HA2619)"));
        assert!(lock.tags && lock.has_keypad && !lock.is_wired && !lock.is_disabled);
        let bolt = &lock.bolts[0];
        assert!(bolt.readable && bolt.settable);
        assert_eq!((bolt.state.as_str(), bolt.position.as_deref()), ("state", Some("lock_state")));
        assert!(list.is_evidence());
    }

    #[test]
    fn odd_entries_do_not_cost_the_list() {
        let list = list(vec![
            json!({"ieee_address": "0x1", "friendly_name": "no definition", "definition": null}),
            json!({"ieee_address": 5}),
            json!("what"),
            json!({"ieee_address": "0x2", "friendly_name": null, "definition": {"exposes": [{"type": "lock"}]}}),
            yale("0x3", "good"),
        ]);
        assert_eq!((list.devices.len(), list.malformed), (4, 2));
        assert_eq!(list.devices.iter().filter(|device| !device.bolts.is_empty()).count(), 1);
        assert_eq!(list.devices[2].name, "0x2");
        assert!(!list.is_evidence());
    }

    #[test]
    fn a_list_of_the_coordinator_alone_proves_nothing() {
        assert!(!list(Vec::new()).is_evidence());
        assert!(!parse(b"[]").unwrap().is_evidence());
        for broken in [&b""[..], b"{}", b"null", b"[", b"\xff"] {
            assert!(parse(broken).is_none());
        }
    }

    #[test]
    fn several_bolts_are_told_apart_by_endpoint() {
        let bolt = |endpoint: &str| {
            json!({"type": "lock", "endpoint": endpoint, "features": [
            {"name": "state", "property": format!("state_{endpoint}"), "access": 3, "value_on": true, "value_off": false}]})
        };
        let list = list(vec![json!({"ieee_address": "0x1", "friendly_name": "twin",
            "definition": {"vendor": "X", "exposes": [bolt("left"), bolt("right")]}})]);
        let bolts = &list.devices[1].bolts;
        assert_eq!(bolts.len(), 2);
        assert_eq!((bolts[1].endpoint.as_deref(), bolts[1].state.as_str()), (Some("right"), "state_right"));
        assert_eq!((&bolts[1].locked, bolts[1].readable), (&json!(true), false));
    }

    #[test]
    fn a_maker_that_does_not_list_its_actions_is_known_to_send_them() {
        let list = list(vec![json!({"ieee_address": "0x1", "friendly_name": "o",
            "definition": {"vendor": "Onesti Products AS", "exposes": []}})]);
        assert!(list.devices[1].tags);
    }
}
