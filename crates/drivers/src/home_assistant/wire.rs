//! The messages of the protocol, as far as locks need them. Unknown fields, events and entities pass through.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::zwave_js::auto_lock::{self, CONFIGURATION, Parameter};
use crate::zwave_js::codes::USER_CODE;
use crate::zwave_js::notification::{self, Told};
use crate::zwave_js::wire::{Metadata, ValueEntry};

/// Any message after the handshake.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<'a> {
    /// `result`, `event` or `pong`.
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    /// Which request of ours it belongs to.
    pub(super) id: Option<u64>,
    /// Whether the request was carried out. That is not: whether it did what it should.
    pub(super) success: Option<bool>,
    /// The answer.
    #[serde(borrow)]
    pub(super) result: Option<&'a RawValue>,
    /// What happened.
    #[serde(borrow)]
    pub(super) event: Option<&'a RawValue>,
    /// Why a request was not carried out.
    pub(super) error: Option<Fault>,
}

/// Why a request was not carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Fault {
    /// The kind of error, such as `service_validation_error`.
    #[serde(default)]
    pub(super) code: String,
    /// What it is about. Its text is for people and differs between versions.
    pub(super) translation_key: Option<String>,
    /// The text. It is an integration's own and may quote anything: it is neither kept nor shown.
    pub(super) message: Option<String>,
}

/// Something happened: to entities, or to the registries.
#[derive(Debug, Deserialize)]
pub(super) struct RawEvent<'a> {
    #[serde(borrow)]
    a: Option<HashMap<&'a str, &'a RawValue>>,
    #[serde(borrow)]
    c: Option<HashMap<&'a str, &'a RawValue>>,
    r: Option<Vec<String>>,
    event_type: Option<&'a str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    variables: Option<Variables<'a>>,
}

/// What a trigger of ours tells.
#[derive(Debug, Deserialize)]
struct Variables<'a> {
    #[serde(borrow)]
    trigger: Option<&'a RawValue>,
}

/// The same, of the entities that may matter.
#[derive(Debug, Default)]
pub(super) struct Event {
    /// Entities that are told in full; `None` where none are, which the first message of all never is.
    pub(super) added: Option<Vec<(String, Full)>>,
    /// What changed of entities.
    pub(super) changed: Vec<(String, Diff)>,
    /// Entities that are no longer there.
    pub(super) removed: Vec<String>,
    /// What was changed in a registry.
    pub(super) registry: Option<RegistryChange>,
    /// What a Z-Wave lock notifies of.
    pub(super) notified: Option<Notified>,
    /// What a Z-Wave lock reports of a slot.
    pub(super) slot: Option<SlotValue>,
    /// What a Z-Wave lock reports of a configuration parameter.
    pub(super) parameter: Option<ParameterValue>,
}

/// What a Z-Wave lock notifies of.
#[derive(Debug)]
pub(super) struct Notified {
    /// Its device.
    pub(super) device: String,
    /// What.
    pub(super) told: Told,
}

/// What a Z-Wave lock reports of a slot: its state, or its code.
#[derive(Deserialize)]
pub(super) struct SlotValue {
    /// Its device.
    #[serde(rename = "device_id")]
    pub(super) device: String,
    command_class: u32,
    pub(super) property: String,
    #[serde(rename = "property_key")]
    pub(super) slot: u32,
    /// It may be a code, so it is in no `Debug`.
    #[serde(rename = "current_value_raw", default)]
    pub(super) value: Value,
}

impl fmt::Debug for SlotValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlotValue").field("property", &self.property).field("slot", &self.slot).finish_non_exhaustive()
    }
}

/// What a Z-Wave lock reports of a configuration parameter.
#[derive(Debug)]
pub(super) struct ParameterValue {
    /// Its device.
    pub(super) device: String,
    pub(super) of: Parameter,
    pub(super) value: Value,
}

/// The same as it is told.
#[derive(Deserialize)]
struct RawParameterValue {
    device_id: String,
    command_class: u32,
    property: Value,
    property_key: Option<Value>,
    current_value_raw: Value,
}

/// A configuration parameter in the list of those of a lock.
#[derive(Deserialize)]
struct ListedParameter {
    property: Value,
    property_key: Option<Value>,
    #[serde(default)]
    endpoint: u32,
    #[serde(default)]
    configuration_value_type: Value,
    #[serde(default)]
    metadata: Metadata,
    value: Option<Value>,
}

/// The event by which Home Assistant passes on what Z-Wave locks notify of.
pub(super) const NOTIFIED: &str = "zwave_js_notification";

/// What was changed in a registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct RegistryChange {
    /// `create`, `update` or `remove`.
    #[serde(default)]
    pub(super) action: String,
    /// The entity, in the registry of entities.
    pub(super) entity_id: Option<String>,
}

/// An entity's state.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Full {
    pub(super) s: String,
    #[serde(default)]
    pub(super) a: Map<String, Value>,
    #[serde(default)]
    pub(super) c: Value,
}

/// What changed of an entity's state.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Diff {
    #[serde(rename = "+", default)]
    pub(super) plus: Plus,
    #[serde(rename = "-", default)]
    pub(super) minus: Minus,
}

/// What was set.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Plus {
    pub(super) s: Option<String>,
    #[serde(default)]
    pub(super) a: Map<String, Value>,
    #[serde(default)]
    pub(super) c: Value,
}

/// What is no longer set.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Minus {
    #[serde(default)]
    pub(super) a: Vec<String>,
}

/// An entity in its registry.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Entry {
    /// The registry's id: it outlives renames.
    pub(super) id: String,
    /// The name that people may change at any time.
    pub(super) entity_id: String,
    /// The integration.
    #[serde(default)]
    pub(super) platform: String,
    pub(super) device_id: Option<String>,
    /// `config` or `diagnostic` for what is no door.
    pub(super) entity_category: Option<String>,
}

/// A device in its registry.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct DeviceEntry {
    pub(super) id: String,
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
    pub(super) serial_number: Option<String>,
}

/// Who the token's user is.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct User {
    #[serde(default)]
    pub(super) is_admin: bool,
}

/// Whether an entity may be a lock or belong to one.
pub(super) fn may_matter(entity_id: &str) -> bool {
    is_lock(entity_id) || entity_id.starts_with("sensor.") || entity_id.starts_with("binary_sensor.")
}

/// Whether an entity is a lock.
pub(super) fn is_lock(entity_id: &str) -> bool {
    entity_id.starts_with("lock.")
}

/// Reads an event; `None` for one that says nothing of what may matter.
pub(super) fn event(text: &str) -> Option<Event> {
    let raw: RawEvent<'_> = serde_json::from_str(text).ok()?;
    let registry = match (raw.event_type, raw.data) {
        (None | Some(NOTIFIED), _) => None,
        (Some(_), data) => Some(data.and_then(|data| serde_json::from_str(data.get()).ok()).unwrap_or_default()),
    };
    let notified = raw.data.filter(|_| raw.event_type == Some(NOTIFIED)).and_then(|data| notified(data.get()));
    let trigger = raw.variables.and_then(|variables| variables.trigger);
    let slot = trigger.and_then(|trigger| serde_json::from_str::<SlotValue>(trigger.get()).ok());
    let slot = slot.filter(|slot| slot.command_class == USER_CODE);
    let parameter = trigger.and_then(|trigger| reported(trigger.get()));
    let event = Event {
        added: raw.a.map(|added| relevant(&added)),
        changed: raw.c.map(|changed| relevant(&changed)).unwrap_or_default(),
        removed: raw.r.unwrap_or_default().into_iter().filter(|entity| may_matter(entity)).collect(),
        registry,
        notified,
        slot,
        parameter,
    };
    let of_entities = event.added.is_some() || !event.changed.is_empty() || !event.removed.is_empty();
    let of_others =
        event.registry.is_some() || event.notified.is_some() || event.slot.is_some() || event.parameter.is_some();
    (of_entities || of_others).then_some(event)
}

fn notified(data: &str) -> Option<Notified> {
    let data: Value = serde_json::from_str(data).ok()?;
    let told = notification::read(&data);
    let device = data.get("device_id").and_then(Value::as_str)?.to_owned();
    (told != Told::Nothing).then_some(Notified { device, told })
}

fn reported(trigger: &str) -> Option<ParameterValue> {
    let raw: RawParameterValue = serde_json::from_str(trigger).ok()?;
    let of = auto_lock::parameter(raw.command_class, &raw.property, raw.property_key.as_ref())?;
    Some(ParameterValue { device: raw.device_id, of, value: raw.current_value_raw })
}

/// Reads the configuration parameters of a Z-Wave lock. One that cannot be understood is left out. They are as Z-Wave JS tells
/// them, but for the question whether other values may be entered than those that have names: the kind answers it.
pub(super) fn parameters(text: &str) -> Option<Vec<ValueEntry>> {
    let listed: HashMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    let entries = listed.into_values().filter_map(|listed| {
        let listed: ListedParameter = serde_json::from_str(listed.get()).ok()?;
        let is_free = listed.configuration_value_type.as_str() != Some("enumerated");
        Some(ValueEntry {
            command_class: CONFIGURATION,
            endpoint: listed.endpoint,
            property: listed.property,
            property_key: listed.property_key,
            value: listed.value,
            metadata: Some(Metadata { allow_manual_entry: Value::Bool(is_free), ..listed.metadata }),
        })
    });
    Some(entries.collect())
}

fn relevant<T: for<'de> Deserialize<'de>>(told: &HashMap<&str, &RawValue>) -> Vec<(String, T)> {
    let matters = told.iter().filter(|(entity, _)| may_matter(entity));
    matters.filter_map(|(entity, told)| Some(((*entity).to_owned(), serde_json::from_str(told.get()).ok()?))).collect()
}

/// Reads a list of a registry. An entry that cannot be understood is left out, and not the whole list.
pub(super) fn list<T: for<'de> Deserialize<'de>>(text: &str) -> Option<Vec<T>> {
    let entries: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(entries.into_iter().filter_map(|entry| serde_json::from_str(entry.get()).ok()).collect())
}
