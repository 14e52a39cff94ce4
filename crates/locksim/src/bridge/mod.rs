//! A simulated Zigbee2MQTT: topics, timing and silences as captured from the real one.

mod catalog;
mod commands;
mod heard;
mod home_assistant;
mod info;
mod makes;
mod requests;

use std::sync::Arc;

use serde_json::{Map, Value, json};

pub use makes::Make;

use crate::hub::{After, Control, Dialect};
use crate::link::{Incoming, Link, LinkSpec, Outgoing};
use crate::signal::Signal;
use crate::{Bolt, Lock, LockSpec, Zigbee2mqttConfig};

/// The hub's memory. It survives restarts, as the real one's database does.
pub(crate) struct Bridge {
    config: Zigbee2mqttConfig,
    link: Link,
    devices: Vec<Device>,
    permit_join: bool,
}

/// A paired lock.
struct Device {
    lock: Arc<Lock>,
    make: Make,
    name: String,
    network_address: usize,
    options: Map<String, Value>,
    cache: Map<String, Value>,
    online: bool,
}

impl Device {
    fn new(lock: Arc<Lock>, spec: &LockSpec) -> Self {
        let mut cache = Map::new();
        cache.insert("linkquality".to_owned(), 121.into());
        if spec.known {
            cache.insert("battery".to_owned(), spec.battery.into());
            if spec.make == Make::YaleAssure {
                cache.insert("battery_low".to_owned(), (spec.battery <= heard::LOW_BATTERY).into());
            }
            heard::note_bolt(&mut cache, spec.bolt);
        }
        let mut options = Map::new();
        if spec.retain {
            options.insert("retain".to_owned(), true.into());
        }
        let network_address = 0x2001 + lock.index;
        Self { lock, make: spec.make, name: spec.name.clone(), network_address, options, cache, online: true }
    }

    fn option(&self, name: &str) -> bool {
        self.options.get(name).and_then(Value::as_bool).unwrap_or(false)
    }
}

impl Bridge {
    pub(crate) fn new(config: Zigbee2mqttConfig, members: Vec<(Arc<Lock>, LockSpec)>) -> Self {
        let devices = members.into_iter().map(|(lock, spec)| Device::new(lock, &spec)).collect();
        Self { config, link: Link::default(), devices, permit_join: false }
    }

    fn topic(&self, rest: &str) -> String {
        format!("{}/{rest}", self.config.base_topic)
    }

    fn publish(&self, rest: &str, payload: &Value) {
        self.link.publish(Outgoing::new(self.topic(rest), payload.to_string()));
    }

    fn publish_retained(&self, rest: &str, payload: &Value) {
        self.link.publish(Outgoing::new(self.topic(rest), payload.to_string()).retained());
    }

    /// Removes what the broker keeps for a topic.
    fn clear(&self, rest: &str) {
        self.link.publish(Outgoing::new(self.topic(rest), "").retained());
    }

    fn log(&self, level: &str, message: &str) {
        self.publish("bridge/logging", &json!({"level": level, "message": format!("z2m: {message}")}));
    }

    fn error(&self, message: &str) {
        self.log("error", message);
    }

    fn event(&self, kind: &str, data: &Value) {
        self.publish("bridge/event", &json!({"type": kind, "data": data}));
    }

    fn publish_info(&self) {
        let mut devices = Map::new();
        for device in &self.devices {
            let mut entry = device.options.clone();
            entry.insert("friendly_name".to_owned(), device.name.clone().into());
            devices.insert(device.lock.id().to_owned(), Value::Object(entry));
        }
        self.publish_retained("bridge/info", &info::info(&self.config, devices, self.permit_join));
    }

    fn publish_devices(&self) {
        let mut list = vec![catalog::coordinator()];
        list.extend(
            self.devices.iter().map(|one| catalog::lock(one.make, one.lock.id(), &one.name, one.network_address)),
        );
        list.extend((0..self.config.other_devices).map(catalog::other));
        self.publish_retained("bridge/devices", &Value::Array(list));
    }

    fn publish_definitions(&self) {
        self.publish_retained("bridge/definitions", &info::definitions());
    }

    /// Info, devices and definitions: what a change of a device's options brings.
    fn publish_lists(&self) {
        self.publish_info();
        self.publish_devices();
        self.publish_definitions();
    }

    fn publish_availability(&self, at: usize) {
        if !self.config.availability {
            return;
        }
        let device = &self.devices[at];
        let state = if device.online { "online" } else { "offline" };
        let topic = self.topic(&format!("{}/availability", device.name));
        self.link.publish(Outgoing::new(topic, json!({"state": state}).to_string()).retained().qos1());
    }

    /// Publishes the cache of a device together with fields that are said only once.
    fn publish_state(&self, at: usize, once: Map<String, Value>) {
        let device = &self.devices[at];
        let mut message = device.cache.clone();
        if self.config.home_assistant {
            for name in device.make.properties() {
                message.entry(name).or_insert(Value::Null);
            }
        }
        message.extend(once);
        let (topic, payload) = (self.topic(&device.name), Value::Object(message).to_string());
        let line = format!("MQTT publish: topic '{topic}', payload '{payload}'");
        let mut out = Outgoing::new(topic, payload);
        out.retain = device.option("retain");
        self.link.publish(out);
        if self.config.log_publishes {
            let message = format!("z2m:mqtt: {line}");
            self.publish("bridge/logging", &json!({"level": "info", "message": message}));
        }
    }

    /// Everything a starting hub says.
    fn greet(&self) {
        self.publish_lists();
        for rest in ["bridge/groups", "bridge/extensions", "bridge/converters"] {
            self.publish_retained(rest, &json!([]));
        }
        for at in 0..self.devices.len() {
            self.publish_availability(at);
            if self.config.home_assistant {
                self.announce(at);
            }
        }
        for at in 0..self.devices.len() {
            self.publish_state(at, Map::new());
        }
    }

    fn place(&self, lock: usize) -> Option<usize> {
        self.devices.iter().position(|device| device.lock.index == lock)
    }

    /// The device with this friendly name or IEEE address.
    fn entity(&self, name: &str) -> Option<usize> {
        self.devices.iter().position(|device| device.name == name || device.lock.id() == name)
    }

    fn join(&mut self, lock: Arc<Lock>, spec: &LockSpec) {
        let ieee = lock.id().to_owned();
        let who = json!({"friendly_name": spec.name, "ieee_address": ieee});
        self.event("device_joined", &who);
        let mut started = who.clone();
        started["status"] = "started".into();
        self.event("device_interview", &started);
        self.event("device_announce", &who);
        self.devices.push(Device::new(lock, spec));
        let mut done = who;
        done["status"] = "successful".into();
        done["supported"] = true.into();
        done["definition"] = spec.make.definition();
        self.event("device_interview", &done);
        self.publish_devices();
        let at = self.devices.len() - 1;
        self.publish_availability(at);
        if self.config.home_assistant {
            self.announce(at);
        }
        self.publish_state(at, Map::new());
    }

    /// Takes a device out, together with everything the broker keeps for it.
    fn leave(&mut self, at: usize) {
        if self.config.home_assistant {
            self.retract(at);
        }
        let gone = self.devices.remove(at);
        self.clear(&gone.name);
        self.clear(&format!("{}/availability", gone.name));
        self.event("device_leave", &json!({"friendly_name": gone.name, "ieee_address": gone.lock.id()}));
        self.publish_devices();
    }

    fn lose_retained(&self) {
        for rest in ["info", "devices", "definitions", "groups", "extensions", "converters"] {
            self.clear(&format!("bridge/{rest}"));
        }
        for at in 0..self.devices.len() {
            self.clear(&format!("{}/availability", self.devices[at].name));
            if self.config.home_assistant {
                self.retract(at);
            }
        }
    }
}

impl Dialect for Bridge {
    fn links(&self) -> Vec<(LinkSpec, Link)> {
        let spec = LinkSpec {
            name: "simulated-zigbee2mqtt".to_owned(),
            will: (self.topic("bridge/state"), json!({"state": "offline"}).to_string()),
            filters: vec![self.topic("#")],
        };
        vec![(spec, self.link.clone())]
    }

    /// A reconnect says only that the hub is there: lists that the broker lost stay lost.
    fn up(&mut self, _link: usize, first: bool) {
        self.publish_retained("bridge/state", &json!({"state": "online"}));
        if first {
            self.greet();
        }
    }

    fn message(&mut self, _link: usize, message: &Incoming) -> After {
        let rest = message.topic.strip_prefix(self.config.base_topic.as_str()).and_then(|t| t.strip_prefix('/'));
        let Some(rest) = rest.map(str::to_owned) else { return After::Continue };
        if let Some(what) = rest.strip_prefix("bridge/request/") {
            return self.request(what, &message.text());
        }
        if !rest.starts_with("bridge/") {
            self.command(&rest, &message.text());
        }
        After::Continue
    }

    fn signal(&mut self, lock: usize, signal: Signal) {
        if let Some(at) = self.place(lock) {
            self.hear(at, signal);
        }
    }

    fn control(&mut self, control: Control) {
        match control {
            Control::Availability { lock, online } => {
                if let Some(at) = self.place(lock) {
                    self.devices[at].online = online;
                    self.publish_availability(at);
                }
            }
            Control::Join { lock, spec } => self.join(lock, &spec),
            Control::Leave { lock } => {
                if let Some(at) = self.place(lock) {
                    self.leave(at);
                }
            }
            Control::Announce { lock } => {
                if let Some(at) = self.place(lock).filter(|_| self.config.home_assistant) {
                    self.announce(at);
                }
            }
            Control::LoseRetained => self.lose_retained(),
        }
    }

    fn find(&self, name: &str) -> Option<Arc<Lock>> {
        self.entity(name).map(|at| Arc::clone(&self.devices[at].lock))
    }
}

/// The word of `lock_state`.
fn lock_state(bolt: Bolt) -> &'static str {
    match bolt {
        Bolt::Locked => "locked",
        Bolt::Unlocked => "unlocked",
        Bolt::Stuck => "not_fully_locked",
    }
}
