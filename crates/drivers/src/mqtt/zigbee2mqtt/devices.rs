//! The device list (`bridge/devices`): about 5 kB per lock, 5 MB for a thousand.
//!
//! Parsing is apart from everything else, so that a long list is read on a thread of its own. One malformed entry costs
//! that entry, never the list.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::auto_lock::Offer;

/// `access` bit: the property can be set.
const SETTABLE: u64 = 2;

/// `access` bit: the property can be read with `/get`.
const READABLE: u64 = 4;

/// What a time is called after which a lock locks itself.
const AUTO_LOCK: &str = "auto_relock_time";

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
    /// How it is told when to lock itself; `None` where it cannot be told that and asked for it, or has several bolts.
    pub(super) auto_lock: Option<Offer>,
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
    unit: Option<String>,
    value_min: Option<Value>,
    value_max: Option<Value>,
    #[serde(default)]
    features: Vec<Self>,
}

impl RawDevice {
    fn listed(self) -> Listed {
        let definition = self.definition.as_ref();
        let exposes = definition.map_or(&[][..], |definition| &definition.exposes);
        let maker = definition.and_then(|definition| definition.vendor.clone()).or(self.manufacturer);
        let lower = maker.as_deref().unwrap_or_default().to_lowercase();
        let bolts: Vec<_> =
            exposes.iter().filter(|expose| expose.kind.as_deref() == Some("lock")).filter_map(Expose::bolt).collect();
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
            auto_lock: bolts.first().filter(|_| bolts.len() == 1).and_then(|bolt| auto_lock(exposes, bolt)),
            bolts,
            model: definition.and_then(model_name).or(self.model_id),
            name: self.friendly_name.filter(|name| !name.is_empty()).unwrap_or_else(|| self.ieee_address.clone()),
            ieee: self.ieee_address,
            maker,
        }
    }
}

/// What a device with one bolt offers about when it locks itself.
fn auto_lock(exposes: &[Expose], bolt: &BoltSpec) -> Option<Offer> {
    let is_same_end = |expose: &&Expose| expose.endpoint.is_none() || expose.endpoint == bolt.endpoint;
    let mut found = exposes.iter().filter(|expose| expose.name.as_deref() == Some(AUTO_LOCK)).filter(is_same_end);
    let only = found.next().filter(|_| found.next().is_none());
    only.and_then(Expose::auto_lock)
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

    /// A time in seconds that can be set and read, and 0 among what it takes: without that nobody could switch it off.
    fn auto_lock(&self) -> Option<Offer> {
        let both = SETTABLE | READABLE;
        let is_time = self.kind.as_deref() == Some("numeric") && self.unit.as_deref() == Some("s");
        let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
        let least = self.value_min.as_ref().map_or(Some(0), number)?;
        let most = self.value_max.as_ref().map_or(Some(u32::MAX), number)?;
        let fits = is_time && self.access.unwrap_or(0) & both == both && least == 0 && most > 0;
        let property = self.property.clone().filter(|_| fits)?;
        Some(Offer { property, least: 1, most })
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
                {"type": "numeric", "name": "auto_relock_time", "property": "auto_relock_time", "access": 7, "unit": "s",
                 "value_min": 0, "value_max": 3600},
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
    fn an_auto_lock_is_offered_where_it_can_be_set_and_asked_and_switched_off() {
        let offer = |entry: Value| list(vec![entry]).devices[1].auto_lock.clone();
        let with = |field: &str, value: Value| {
            let mut entry = yale("0x1", "x");
            entry["definition"]["exposes"][3][field] = value;
            offer(entry)
        };
        let whole = Offer { property: "auto_relock_time".to_owned(), least: 1, most: 3600 };
        assert_eq!(offer(yale("0x1", "x")), Some(whole.clone()));
        assert_eq!(with("value_max", Value::Null), Some(Offer { most: u32::MAX, ..whole.clone() }));
        assert_eq!(with("value_min", Value::Null), Some(whole.clone()));
        for (field, value) in [
            ("access", json!(1)),
            ("access", json!(3)),
            ("access", json!(5)),
            ("unit", json!("min")),
            ("unit", Value::Null),
            ("type", json!("binary")),
            ("value_min", json!(5)),
            ("value_max", json!(0)),
            ("value_max", json!("much")),
            ("property", Value::Null),
            ("endpoint", json!("left")),
        ] {
            assert_eq!(with(field, value.clone()), None, "{field} {value}");
        }
        assert_eq!(whole.value(thumbturn_core::commands::AutoLock::Off), Ok(0));
        assert_eq!(whole.value(thumbturn_core::commands::AutoLock::After(3600)), Ok(3600));
        for seconds in [0, 3601] {
            let refused = whole.value(thumbturn_core::commands::AutoLock::After(seconds)).unwrap_err();
            assert_eq!(refused, "The lock takes 1 to 3600 seconds.");
        }
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
