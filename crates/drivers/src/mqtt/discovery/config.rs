//! What a discovery message says of a lock.

use serde_json::{Map, Value};
use thumbturn_core::ids::NativeId;

use super::words::{spelled_out, text, with_base};
use crate::mqtt::topic;

/// The longest discovery message that is read.
const MOST: usize = 256 * 1024;

/// The longest id.
const MOST_ID: usize = 512;

/// How many availability topics a lock may have.
const MOST_AVAILABILITIES: usize = 16;

/// Where a discovery message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `<prefix>/lock/…/config`: one lock.
    Lock,
    /// `<prefix>/device/…/config`: a device with components.
    Device,
}

/// What one discovery message holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Found {
    /// A lock.
    Lock(Box<Spec>),
    /// A component that holds only its platform: it is removed.
    Removed(String),
    /// Something that cannot be used, and why.
    Unusable(String),
}

/// One lock as announced.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spec {
    pub(super) native: NativeId,
    /// Its id within a device message; empty in a message of its own.
    pub(super) component: String,
    pub(super) name: String,
    pub(super) maker: Option<String>,
    pub(super) model: Option<String>,
    pub(super) serial_number: Option<String>,
    pub(super) identifiers: Vec<String>,
    pub(super) origin: Option<String>,
    pub(super) command_topic: String,
    pub(super) command_template: Option<String>,
    pub(super) payload_lock: String,
    pub(super) payload_unlock: String,
    pub(super) state_topic: Option<String>,
    pub(super) value_template: Option<String>,
    pub(super) words: Words,
    pub(super) wants_code: bool,
    pub(super) availability: Vec<Availability>,
    pub(super) mode: Mode,
}

/// The words of the state topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) locked: String,
    pub(super) unlocked: String,
    pub(super) jammed: String,
    pub(super) open: String,
    pub(super) reset: String,
}

/// One availability topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Availability {
    pub(super) topic: String,
    pub(super) available: String,
    pub(super) not_available: String,
    pub(super) template: Option<String>,
}

/// How several availability topics count together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    All,
    Any,
    Latest,
}

/// Reads a discovery message. `id` is the part of the topic that names it.
///
/// # Errors
/// Why the message as a whole makes no sense.
pub(super) fn parse(kind: Kind, id: &str, payload: &[u8]) -> Result<Vec<Found>, &'static str> {
    if payload.len() > MOST {
        return Err("it is too long");
    }
    let value: Value = serde_json::from_slice(payload).map_err(|_| "it is not JSON")?;
    let Value::Object(message) = value else { return Err("it is not a JSON object") };
    let mut message = spelled_out(message);
    if is_true(&message, "migrate_discovery") {
        // The lock is about to be announced on another topic. Until this one is emptied it stays as it is.
        return Ok(Vec::new());
    }
    let base = message.remove("~").and_then(|base| text(&base)).unwrap_or_default();
    match kind {
        Kind::Lock => Ok(vec![one(message, &base, id, "")]),
        Kind::Device => components(message, &base, id),
    }
}

fn components(mut message: Map<String, Value>, base: &str, id: &str) -> Result<Vec<Found>, &'static str> {
    let Some(Value::Object(components)) = message.remove("components") else { return Err("it has no components") };
    let mut found = Vec::new();
    for (key, component) in components {
        let Value::Object(component) = component else { continue };
        let component = spelled_out(component);
        if component.get("platform").and_then(Value::as_str) != Some("lock") {
            continue;
        }
        if component.len() == 1 {
            found.push(Found::Removed(key));
            continue;
        }
        // What stands at the top is shared by all components.
        let mut merged = message.clone();
        merged.extend(component);
        found.push(one(merged, base, &format!("{id}/{key}"), &key));
    }
    Ok(found)
}

fn one(message: Map<String, Value>, base: &str, id: &str, component: &str) -> Found {
    match spec(message, base, id, component) {
        Ok(spec) => Found::Lock(Box::new(spec)),
        Err(why) => Found::Unusable(why.to_owned()),
    }
}

fn spec(mut message: Map<String, Value>, base: &str, id: &str, component: &str) -> Result<Spec, &'static str> {
    with_base(&mut message, base);
    let own = |key: &str| message.get(key).and_then(text);
    let or = |key: &str, default: &str| own(key).unwrap_or_else(|| default.to_owned());
    let device = object(&message, "device");
    let of_device = |key: &str| device.get(key).and_then(text).filter(|text| !text.is_empty());
    let unique = own("unique_id").filter(|id| !id.is_empty()).unwrap_or_else(|| id.to_owned());
    if unique.len() > MOST_ID {
        return Err("its unique_id is too long");
    }
    let command_topic = plain(own("command_topic"))?.ok_or("it has no command_topic")?;
    // A state topic that repeats our own commands is no report of the lock.
    let state_topic =
        plain(own("state_topic"))?.filter(|topic| *topic != command_topic && !is_true(&message, "optimistic"));
    Ok(Spec {
        native: NativeId(format!("discovery:{unique}")),
        component: component.to_owned(),
        name: name(own("name"), of_device("name"), &unique),
        maker: of_device("manufacturer"),
        model: of_device("model").or_else(|| of_device("model_id")),
        serial_number: of_device("serial_number"),
        identifiers: device.get("identifiers").map(texts).unwrap_or_default(),
        origin: object(&message, "origin").get("name").and_then(text),
        command_topic,
        command_template: own("command_template"),
        payload_lock: or("payload_lock", "LOCK"),
        payload_unlock: or("payload_unlock", "UNLOCK"),
        state_topic,
        value_template: own("value_template"),
        words: Words {
            locked: or("state_locked", "LOCKED"),
            unlocked: or("state_unlocked", "UNLOCKED"),
            jammed: or("state_jammed", "JAMMED"),
            open: or("state_open", "OPEN"),
            reset: or("payload_reset", "None"),
        },
        wants_code: own("code_format").is_some_and(|format| !accepts_nothing(&format)),
        availability: availability(&message, base)?,
        mode: match own("availability_mode").as_deref() {
            Some("all") => Mode::All,
            Some("any") => Mode::Any,
            _ => Mode::Latest,
        },
    })
}

fn object(message: &Map<String, Value>, key: &str) -> Map<String, Value> {
    message.get(key).and_then(Value::as_object).cloned().map(spelled_out).unwrap_or_default()
}

fn is_true(message: &Map<String, Value>, key: &str) -> bool {
    message
        .get(key)
        .and_then(text)
        .is_some_and(|text| matches!(text.to_lowercase().as_str(), "true" | "1" | "yes" | "on"))
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().filter_map(text).collect(),
        other => text(other).into_iter().collect(),
    }
}

fn plain(name: Option<String>) -> Result<Option<String>, &'static str> {
    match name.filter(|name| !name.is_empty()) {
        Some(name) if topic::is_plain(&name) && topic::is_public(&name) => Ok(Some(name)),
        Some(_) => Err("one of its topics cannot be used"),
        None => Ok(None),
    }
}

/// The device's name, followed by the lock's own where there are both; `name: null` means that the device is the lock.
fn name(own: Option<String>, device: Option<String>, unique: &str) -> String {
    let name = match (device, own.filter(|name| !name.is_empty())) {
        (Some(device), Some(own)) if own.starts_with(&device) => own,
        (Some(device), Some(own)) => format!("{device} {own}"),
        (device, own) => own.or(device).unwrap_or_else(|| unique.to_owned()),
    };
    name.chars().take(200).collect()
}

/// Whether a code format, a regular expression, accepts an empty code, so that the code may be left out. Only plain forms
/// are recognised; any other counts as "a code is needed".
fn accepts_nothing(format: &str) -> bool {
    let inner = format.trim().trim_start_matches('^').trim_end_matches('$');
    inner.is_empty()
        || matches!(inner, ".*" | "\\d*" | "[0-9]*" | "\\w*")
        || (inner.starts_with('(') && inner.ends_with(")?") && inner.matches('(').count() == 1)
}

fn availability(message: &Map<String, Value>, base: &str) -> Result<Vec<Availability>, &'static str> {
    let listed: Vec<Map<String, Value>> = match message.get("availability") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_object).cloned().collect(),
        Some(Value::Object(one)) => vec![one.clone()],
        _ => Vec::new(),
    };
    if listed.len() > MOST_AVAILABILITIES {
        return Err("it has too many availability topics");
    }
    let mut all = Vec::new();
    for entry in listed {
        let mut entry = spelled_out(entry);
        with_base(&mut entry, base);
        all.extend(one_availability(&entry, "topic", "value_template")?);
    }
    if all.is_empty() {
        all.extend(one_availability(message, "availability_topic", "availability_template")?);
    }
    Ok(all)
}

fn one_availability(
    entry: &Map<String, Value>,
    topic: &str,
    template: &str,
) -> Result<Option<Availability>, &'static str> {
    let own = |key: &str| entry.get(key).and_then(text);
    Ok(plain(own(topic))?.map(|topic| Availability {
        topic,
        available: own("payload_available").unwrap_or_else(|| "online".to_owned()),
        not_available: own("payload_not_available").unwrap_or_else(|| "offline".to_owned()),
        template: own(template),
    }))
}
