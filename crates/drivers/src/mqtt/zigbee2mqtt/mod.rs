//! Zigbee2MQTT: one hub under one base topic, its devices and what is asked of them.
//!
//! Devices are keyed by their IEEE address, which outlives every rename; commands and reads are addressed by it too, so
//! that a rename in the middle of a command misleads nobody. Reports come on topics that hold the friendly name, which
//! may contain slashes, blanks and any letters, so each is subscribed to exactly.
//!
//! | File | What |
//! |---|---|
//! | `devices` | the device list, parsed |
//! | `roster` | what a new list changes |
//! | `relist` | asking for a list that the broker lost |
//! | `device` | one device: what its messages mean |
//! | `auto_lock` | when a lock locks itself: set, asked and told |
//! | `pending` | commands and reads that are still open |
//! | `message`, `actions`, `logging` | fields, action words and error lines, as text |
//! | `info` | the hub's settings |
//! | `complaints` | what an error line answers |

mod actions;
mod auto_lock;
mod complaints;
mod device;
mod devices;
mod info;
mod logging;
mod message;
mod pending;
mod relist;
mod roster;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::{Map, Value, json};
use thumbturn_core::commands::AutoLock;
use thumbturn_core::ids::{AttemptId, NativeId};
use thumbturn_core::locks::{Bolt, Reachability, Unavailable};
use thumbturn_core::ports::{NotWritten, ReadId, Signal};
use thumbturn_core::time::Moment;

use self::device::{Device, Ear, Heard};
use self::devices::{BoltSpec, Listed};
use self::info::Settings;
use self::relist::Relist;
use super::outbox::Outbox;

pub(super) use self::devices::{DeviceList, parse};

/// For this long after its start a hub may publish what it had cached, which can be older than what it said before it
/// went away: it saves its cache every few minutes only.
const STARTING: Duration = Duration::from_secs(60);

/// A hub says that it is online before it subscribes to its own topics, so for this long what it is asked may be lost. A read
/// is asked once more then, if nothing answers it.
const SUBSCRIBING: Duration = Duration::from_secs(5);

/// How long the retained device list may take before the hub is asked to publish it again.
const LIST_GRACE: Duration = Duration::from_millis(1500);

/// One hub.
#[derive(Debug)]
pub(super) struct Hub {
    base: String,
    online: Option<bool>,
    started: Option<Moment>,
    devices: HashMap<String, Device>,
    /// Devices of the last list that another hub drives.
    withheld: HashMap<String, Listed>,
    /// Every IEEE address of the last list, locks or not.
    everyone: HashSet<String>,
    /// IEEE addresses of earlier sessions: something to name in a request when there is no list.
    known: Vec<String>,
    names: HashMap<String, String>,
    natives: HashMap<NativeId, String>,
    topics: HashMap<String, Topic>,
    left: HashSet<String>,
    lists: u32,
    relist: Option<Relist>,
    settings: Settings,
}

#[derive(Clone, Debug)]
enum Topic {
    State(String),
    Availability(String),
}

/// A message on one of a hub's topics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incoming<'a> {
    /// The topic below the base topic.
    pub(super) rest: &'a str,
    pub(super) payload: &'a [u8],
    pub(super) retained: bool,
    pub(super) at: Moment,
}

impl Hub {
    /// A hub of which nothing is known but the devices of earlier sessions.
    pub(super) fn new(base: &str, known: Vec<String>) -> Self {
        Self {
            base: base.to_owned(),
            online: None,
            started: None,
            devices: HashMap::new(),
            withheld: HashMap::new(),
            everyone: HashSet::new(),
            known,
            names: HashMap::new(),
            natives: HashMap::new(),
            topics: HashMap::new(),
            left: HashSet::new(),
            lists: 0,
            relist: None,
            settings: Settings::default(),
        }
    }

    /// The topics of the hub itself.
    pub(super) fn own_topics(&self) -> impl Iterator<Item = String> + '_ {
        ["state", "info", "devices", "event", "logging", "response/device/options"]
            .into_iter()
            .map(|what| format!("{}/bridge/{what}", self.base))
    }

    /// The part of `topic` below the base topic.
    pub(super) fn below<'a>(&self, topic: &'a str) -> Option<&'a str> {
        topic.strip_prefix(self.base.as_str())?.strip_prefix('/')
    }

    /// Whether the list of this hub names the device, lock or not.
    pub(super) fn knows(&self, ieee: &str) -> bool {
        self.everyone.contains(ieee) || self.devices.contains_key(ieee)
    }

    /// Whether the hub is there and its list is not.
    pub(super) fn lacks_list(&self) -> bool {
        self.online == Some(true) && self.lists == 0
    }

    /// Whether the locks of this device are driven by this hub.
    pub(super) fn drives(&self, ieee: &str) -> bool {
        self.devices.contains_key(ieee)
    }

    pub(super) fn has(&self, lock: &NativeId) -> bool {
        self.natives.contains_key(lock)
    }

    /// Takes in a message, except for device lists; see [`Hub::apply`].
    pub(super) fn hear(&mut self, incoming: &Incoming<'_>, out: &mut Outbox) {
        match incoming.rest {
            "bridge/state" => self.hear_state(incoming),
            "bridge/info" => self.hear_info(incoming.payload),
            "bridge/event" => self.hear_event(incoming.payload),
            "bridge/logging" => self.hear_complaint(incoming, out),
            "bridge/response/device/options" => self.hear_list_response(incoming.payload, out),
            rest => match self.topics.get(rest).cloned() {
                Some(Topic::State(ieee)) => self.hear_device(&ieee, incoming, out),
                Some(Topic::Availability(ieee)) => self.hear_availability(&ieee, incoming),
                None => {}
            },
        }
    }

    fn hear_state(&mut self, incoming: &Incoming<'_>) {
        let Some(online) = is_online(incoming.payload) else { return };
        tracing::debug!(base_topic = self.base, online, retained = incoming.retained, "the state of a Zigbee2MQTT");
        if online && !incoming.retained {
            self.started = Some(incoming.at);
            self.devices.values_mut().for_each(|device| device.cache_due = true);
        }
        self.online = Some(online);
        if self.lacks_list() {
            self.ask_for_list(incoming.at.after(LIST_GRACE));
        }
    }

    fn hear_info(&mut self, payload: &[u8]) {
        let Some(settings) = Settings::read(payload) else { return };
        if settings.single_attributes && !self.settings.single_attributes {
            tracing::warn!(
                base_topic = self.base,
                "this Zigbee2MQTT publishes single attributes (advanced.output: attribute); its locks cannot be heard and \
                 are called offline. Set it to json or attribute_and_json"
            );
        }
        self.settings = settings;
    }

    /// A device that left may come back in the same breath (a repair does that), so this only counts together with a
    /// list that no longer has it.
    fn hear_event(&mut self, payload: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Value>(payload) else { return };
        let Some(ieee) = event["data"]["ieee_address"].as_str() else { return };
        match event["type"].as_str() {
            Some("device_leave") if self.devices.contains_key(ieee) => {
                self.left.insert(ieee.to_owned());
            }
            Some("device_joined") => {
                self.left.remove(ieee);
            }
            _ => {}
        }
    }

    fn hear_availability(&mut self, ieee: &str, incoming: &Incoming<'_>) {
        let Some(device) = self.devices.get_mut(ieee) else { return };
        // An empty payload clears the topic, as a rename does: no word on the lock.
        if let Some(online) = is_online(incoming.payload) {
            device.available = Some(online);
        }
    }

    fn hear_device(&mut self, ieee: &str, incoming: &Incoming<'_>, out: &mut Outbox) {
        let hub_starting = self.is_starting(incoming.at);
        let Some(device) = self.devices.get_mut(ieee) else { return };
        let Ok(Value::Object(message)) = serde_json::from_slice::<Value>(incoming.payload) else { return };
        let heard = Heard { at: incoming.at, retained: incoming.retained, hub_starting };
        let ask = device.hear(&message, heard, out);
        ask_for(&self.base, ieee, &ask, out);
    }

    fn is_starting(&self, now: Moment) -> bool {
        self.started.is_some_and(|started| now.since(started) < STARTING)
    }

    // --- What is asked of the locks -------------------------------------------------------------------------------

    /// Topic and payload of a command. Never `TOGGLE`: the hub may repeat a command by itself.
    pub(super) fn command(&self, lock: &NativeId, wanted: Bolt) -> Result<(String, String), NotWritten> {
        let (device, spec) = self.find_available(lock)?;
        let value = match wanted {
            Bolt::Locked => &spec.locked,
            Bolt::Unlocked => &spec.unlocked,
        };
        Ok((format!("{}/{}/set", self.base, device.listed.ieee), json!({ spec.state.as_str(): value }).to_string()))
    }

    /// Topic, payload and value of the setting that has a lock lock itself at `to`.
    pub(super) fn auto_lock(&self, lock: &NativeId, to: AutoLock) -> Result<(String, String, u32), NotWritten> {
        let (device, _) = self.find_available(lock)?;
        let none = || NotWritten::Rejected("This lock cannot be told when to lock itself.".to_owned());
        let offer = device.listed.auto_lock.as_ref().ok_or_else(none)?;
        let value = offer.value(to).map_err(NotWritten::Rejected)?;
        let payload = json!({ offer.property.as_str(): value }).to_string();
        Ok((format!("{}/{}/set", self.base, device.listed.ieee), payload, value))
    }

    /// A lock that its hub does not call away, and to which not too much was said already.
    fn find_available(&self, lock: &NativeId) -> Result<(&Device, &BoltSpec), NotWritten> {
        let (device, place, spec) = self.find(lock)?;
        if !device.is_available(&self.settings) {
            return Err(NotWritten::Unavailable(Unavailable::DeviceDisconnected));
        }
        if !device.pending.has_room(place) {
            return Err(NotWritten::Rejected("Too many requests to this lock are still open.".to_owned()));
        }
        Ok((device, spec))
    }

    /// Topic and payload of a read. A lock that is said to be unavailable may be asked: its answer brings it back.
    pub(super) fn read(&self, lock: &NativeId) -> Result<(String, String), NotWritten> {
        let (device, place, spec) = self.find(lock)?;
        if !spec.readable {
            return Err(NotWritten::Rejected("The hub offers no read of this lock.".to_owned()));
        }
        if !device.pending.has_room(place) {
            return Err(NotWritten::Rejected("Too many requests to this lock are still open.".to_owned()));
        }
        Ok(read_request(&self.base, &device.listed.ieee, &spec.state))
    }

    fn find(&self, lock: &NativeId) -> Result<(&Device, usize, &BoltSpec), NotWritten> {
        if self.online != Some(true) {
            return Err(NotWritten::Unavailable(Unavailable::HubDisconnected));
        }
        let ieee = self.natives.get(lock);
        let device = ieee.and_then(|ieee| self.devices.get(ieee));
        let found = device.and_then(|device| {
            let place = device.bolts.iter().position(|bolt| bolt.native == *lock)?;
            Some((device, place, device.listed.bolts.get(place)?))
        });
        let found = found.ok_or(NotWritten::Unavailable(Unavailable::DeviceRemoved))?;
        if found.0.ear == Ear::Deaf || self.settings.single_attributes {
            return Err(NotWritten::Unavailable(Unavailable::DeviceDisconnected));
        }
        Ok(found)
    }

    fn device_mut(&mut self, lock: &NativeId) -> Option<&mut Device> {
        self.devices.get_mut(self.natives.get(lock)?)
    }

    /// Notes a command that was handed to the broker.
    pub(super) fn commanded(&mut self, lock: &NativeId, attempt: AttemptId, at: Moment) {
        if let Some(device) = self.device_mut(lock) {
            device.commanded(lock, attempt, at);
        }
    }

    /// Notes a setting that was handed to the broker.
    pub(super) fn set(&mut self, lock: &NativeId, attempt: AttemptId, value: u32, at: Moment) {
        if let Some(device) = self.device_mut(lock) {
            device.setting.sent(attempt, value, at, &mut device.pending);
        }
    }

    /// Notes a read that was handed to the broker.
    pub(super) fn asked(&mut self, lock: &NativeId, read: ReadId, at: Moment) {
        let may_be_lost = self.started.is_some_and(|started| at.since(started) < SUBSCRIBING);
        if let Some(device) = self.device_mut(lock) {
            device.asked(lock, read, at);
            if may_be_lost {
                device.pending.doubted(at);
            }
        }
    }

    // --- Reach and time -------------------------------------------------------------------------------------------

    /// The broker has confirmed every subscription.
    pub(super) fn subscribed(&mut self, at: Moment, out: &mut Outbox) {
        for device in self.devices.values_mut() {
            let ask = device.heard_from_now_on(at);
            ask_for(&self.base, &device.listed.ieee, &ask, out);
        }
    }

    /// The broker refuses `topic`: a device that should be heard there is not.
    pub(super) fn refused(&mut self, topic: &str) {
        let owner = self.below(topic).and_then(|rest| self.topics.get(rest));
        let Some(Topic::State(ieee) | Topic::Availability(ieee)) = owner else { return };
        if let Some(device) = self.devices.get_mut(ieee) {
            device.ear = Ear::Deaf;
        }
    }

    /// Tells which locks can be reached, where that changed: those of a hub that is online and publishes whole states,
    /// unless the hub says that they are not available.
    ///
    /// Availability is a slow signal: for a battery lock "offline" means that nothing was heard for hours. It is the
    /// hub's verdict all the same and what people see there, so the lock counts as unreachable until its next word
    /// (or the answer to a read) takes that back. It counts for nothing on a hub whose settings say that it tells no
    /// availability: then it is what the broker kept from before that was switched off.
    pub(super) fn tell_reach(&mut self, out: &mut Outbox) {
        let is_heard = self.online == Some(true) && !self.settings.single_attributes;
        for device in self.devices.values_mut() {
            let reachable = is_heard && device.ear.may_command() && device.is_available(&self.settings);
            let reach = if reachable { Reachability::Reachable } else { Reachability::Unreachable };
            if device.reach.replace(reach) == Some(reach) {
                continue;
            }
            if !reachable {
                device.lost_sight(out);
            }
            for bolt in &device.bolts {
                out.tell(Signal::Reach(bolt.native.clone(), reach));
            }
        }
    }

    /// When something is due.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        let pending = self.devices.values().filter_map(Device::wake_at);
        pending.chain(self.relist.as_ref().map(|relist| relist.due)).min_by_key(|at| at.steady)
    }

    /// What time alone brings about.
    pub(super) fn tick(&mut self, now: Moment, out: &mut Outbox) {
        for device in self.devices.values_mut() {
            let ask = device.tick(now, out);
            ask_for(&self.base, &device.listed.ieee, &ask, out);
        }
        self.request_list(now, out);
    }
}

/// Has the hub read properties of a device.
fn ask_for(base: &str, ieee: &str, properties: &[String], out: &mut Outbox) {
    for property in properties {
        let (topic, payload) = read_request(base, ieee, property);
        out.request(topic, payload);
    }
}

/// Topic and payload of a read.
fn read_request(base: &str, ieee: &str, property: &str) -> (String, String) {
    (format!("{base}/{ieee}/get"), json!({ property: "" }).to_string())
}

/// `{"state":"online"}`, or the bare word that older hubs publish.
fn is_online(payload: &[u8]) -> Option<bool> {
    let parsed = serde_json::from_slice::<Map<String, Value>>(payload).ok();
    let word = parsed.as_ref().and_then(|map| map.get("state")).and_then(Value::as_str);
    match word.or_else(|| std::str::from_utf8(payload).ok())? {
        "online" => Some(true),
        "offline" => Some(false),
        _ => None,
    }
}
