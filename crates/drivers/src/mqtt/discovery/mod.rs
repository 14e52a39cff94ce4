//! Home Assistant MQTT discovery: locks that other bridges announce.
//!
//! Such a lock has words for its states and sometimes for its availability, and nothing else: no read, no cause of a
//! movement, no answer to a command. The broker's acknowledgement is all that can be had of a command, so here it counts
//! as accepted (proving no movement); a lock without a state topic ends its attempts with it, unconfirmed.

mod config;
mod entity;
mod template;
#[cfg(test)]
mod tests;
mod words;

use std::collections::HashMap;

use thumbturn_core::ids::NativeId;
use thumbturn_core::locks::{Bolt, Reachability, Unavailable};
use thumbturn_core::ports::{NotWritten, Signal};
use thumbturn_core::time::Moment;

use self::config::{Found, Kind, Spec};
use self::entity::{Entity, Heard};
use self::template::Renderer;
use super::outbox::Outbox;

/// What the native ids of these locks begin with.
pub(super) const NATIVE_PREFIX: &str = "discovery:";

/// Everything that was announced under one prefix.
#[derive(Debug)]
pub(super) struct Discovery {
    prefix: String,
    /// Base topics whose locks are driven natively.
    native_bases: Vec<String>,
    renderer: Renderer,
    entities: HashMap<NativeId, Entity>,
    successors: HashMap<NativeId, Successor>,
    listeners: HashMap<String, Vec<NativeId>>,
}

/// A second announcement of a lock. Bridges that move a lock to another topic announce it there first and empty the old
/// announcement afterwards: then this one counts, and the lock was never away.
#[derive(Debug)]
struct Successor {
    announced_by: String,
    spec: Spec,
}

/// A message that may concern discovery.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incoming<'a> {
    pub(super) topic: &'a str,
    pub(super) payload: &'a [u8],
    pub(super) retained: bool,
    pub(super) at: Moment,
}

impl Discovery {
    pub(super) fn new(prefix: &str, native_bases: &[String]) -> Self {
        Self {
            prefix: prefix.to_owned(),
            native_bases: native_bases.to_vec(),
            renderer: Renderer::default(),
            entities: HashMap::new(),
            successors: HashMap::new(),
            listeners: HashMap::new(),
        }
    }

    /// The topics on which locks are announced.
    pub(super) fn own_topics(&self) -> Vec<String> {
        ["lock/+/config", "lock/+/+/config", "device/+/config", "device/+/+/config"]
            .map(|rest| format!("{}/{rest}", self.prefix))
            .to_vec()
    }

    /// How many locks were announced.
    pub(super) fn count(&self) -> usize {
        self.entities.len()
    }

    pub(super) fn has(&self, lock: &NativeId) -> bool {
        self.entities.contains_key(lock)
    }

    /// Takes in a message. `room` is how many further locks may be listed; `is_native` says whether the native interface
    /// of a Zigbee2MQTT knows an IEEE address. Returns the locks that were removed.
    pub(super) fn hear(
        &mut self,
        incoming: &Incoming<'_>,
        room: usize,
        is_native: &dyn Fn(&str) -> bool,
        out: &mut Outbox,
    ) -> Vec<NativeId> {
        if let Some((kind, id)) = self.announcement(incoming.topic) {
            let id = id.to_owned();
            return self.announced(kind, &id, incoming, room, is_native, out);
        }
        let Some(natives) = self.listeners.get(incoming.topic) else { return Vec::new() };
        let Ok(payload) = std::str::from_utf8(incoming.payload) else { return Vec::new() };
        let heard = Heard { topic: incoming.topic, payload, retained: incoming.retained, at: incoming.at };
        for native in natives {
            if let Some(entity) = self.entities.get_mut(native) {
                entity.hear(&heard, &self.renderer, out);
            }
        }
        Vec::new()
    }

    /// What kind of announcement a topic carries, and the ids in it.
    fn announcement<'a>(&self, topic: &'a str) -> Option<(Kind, &'a str)> {
        let rest = topic.strip_prefix(self.prefix.as_str())?.strip_prefix('/')?.strip_suffix("/config")?;
        match rest.split_once('/')? {
            ("lock", id) => Some((Kind::Lock, id)),
            ("device", id) => Some((Kind::Device, id)),
            _ => None,
        }
    }

    fn announced(
        &mut self,
        kind: Kind,
        id: &str,
        incoming: &Incoming<'_>,
        room: usize,
        is_native: &dyn Fn(&str) -> bool,
        out: &mut Outbox,
    ) -> Vec<NativeId> {
        if incoming.payload.is_empty() {
            return self.remove(incoming.topic, None, out);
        }
        let found = match config::parse(kind, id, incoming.payload) {
            Ok(found) => found,
            Err(why) => {
                tracing::warn!(topic = incoming.topic, why, "a discovery message cannot be used");
                return Vec::new();
            }
        };
        let mut removed = Vec::new();
        for one in found {
            match one {
                Found::Lock(spec) => self.announce(incoming.topic, *spec, room, is_native, out),
                Found::Removed(component) => {
                    removed.extend(self.remove(incoming.topic, Some(&component), out));
                }
                Found::Unusable(why) => {
                    tracing::warn!(topic = incoming.topic, why, "an announced lock cannot be used");
                }
            }
        }
        removed
    }

    fn announce(&mut self, topic: &str, spec: Spec, room: usize, is_native: &dyn Fn(&str) -> bool, out: &mut Outbox) {
        let known = self.entities.get(&spec.native);
        let is_unchanged = known.is_some_and(|entity| entity.announced_by == topic && entity.spec == spec);
        if is_unchanged || self.is_driven_natively(&spec, is_native) {
            return;
        }
        let is_elsewhere = known.is_some_and(|entity| entity.announced_by != topic);
        if let Some(why) = self.reason_against(&spec, room) {
            tracing::warn!(topic, why, "an announced lock is left out");
        } else if is_elsewhere {
            self.stand_by(topic, spec);
        } else {
            self.accept(topic, spec, out);
        }
    }

    /// Keeps an announcement until the one before it is taken back.
    fn stand_by(&mut self, topic: &str, spec: Spec) {
        let native = spec.native.clone();
        let successor = Successor { announced_by: topic.to_owned(), spec };
        let before = self.successors.insert(native.clone(), successor);
        if before.is_none_or(|before| before.announced_by != topic) {
            tracing::info!(lock = %native, topic, "a lock is announced twice: this waits until the other is taken back");
        }
    }

    /// Takes an announcement over. Topics that mean the same as before are left alone, so that no word gets lost.
    fn accept(&mut self, topic: &str, spec: Spec, out: &mut Outbox) {
        let native = spec.native.clone();
        let (mut entity, before, changed) = match self.entities.remove(&native) {
            Some(mut entity) => {
                let before = entity.topics();
                let changed = entity.update(topic, spec);
                (entity, before, changed)
            }
            None => (Entity::new(topic, spec), Vec::new(), Vec::new()),
        };
        let after = entity.topics();
        for topic in before.iter().filter(|topic| !after.contains(topic) || changed.contains(topic)) {
            self.unlisten(topic, &native, out);
            entity.granted(topic);
        }
        for topic in after.into_iter().filter(|topic| !before.contains(topic) || changed.contains(topic)) {
            entity.asked_for(&topic);
            self.listeners.entry(topic.clone()).or_default().push(native.clone());
            out.subscribe.push(topic);
        }
        entity.describe(out);
        self.entities.insert(native, entity);
    }

    /// Whether this is a lock of a Zigbee2MQTT that we talk to directly: its IEEE address is among the identifiers, or its
    /// commands go to that hub.
    fn is_driven_natively(&self, spec: &Spec, is_native: &dyn Fn(&str) -> bool) -> bool {
        let mut addresses = spec.identifiers.iter().filter_map(|id| id.rsplit_once("_0x"));
        let commands_go_to =
            |base: &String| spec.command_topic.strip_prefix(base.as_str()).is_some_and(|rest| rest.starts_with('/'));
        addresses.any(|(_, digits)| is_native(&format!("0x{digits}")))
            || (is_from_zigbee2mqtt(spec) && self.native_bases.iter().any(commands_go_to))
    }

    fn reason_against(&self, spec: &Spec, room: usize) -> Option<String> {
        if room == 0 && !self.entities.contains_key(&spec.native) {
            return Some("this account has too many locks".to_owned());
        }
        if is_from_zigbee2mqtt(spec) {
            let topic = &spec.command_topic;
            return Some(format!(
                "Zigbee2MQTT calls a jammed lock unlocked here, so its locks are driven over its own topics only; \
                 if this one is missing, the base topic of {topic} is not in zigbee2mqtt_base_topics"
            ));
        }
        let availability = spec.availability.iter().filter_map(|one| one.template.as_deref());
        let templates = [&spec.value_template, &spec.command_template].into_iter().filter_map(Option::as_deref);
        templates
            .chain(availability)
            .find_map(|template| self.renderer.check(template).err())
            .map(|why| format!("a template is not supported: {why}"))
    }

    /// The announcement on `topic`, or one component of it, is taken back. Returns the locks that nobody else announces.
    fn remove(&mut self, topic: &str, component: Option<&str>, out: &mut Outbox) -> Vec<NativeId> {
        let is_meant = |announced_by: &str, spec: &Spec| {
            announced_by == topic && component.is_none_or(|component| spec.component == component)
        };
        self.successors.retain(|_, next| !is_meant(&next.announced_by, &next.spec));
        let left = self.entities.iter().filter(|(_, entity)| is_meant(&entity.announced_by, &entity.spec));
        let left: Vec<NativeId> = left.map(|(native, _)| native.clone()).collect();
        let mut gone = Vec::new();
        for native in left {
            if let Some(next) = self.successors.remove(&native) {
                self.accept(&next.announced_by, next.spec, out);
                continue;
            }
            let topics = self.entities.remove(&native).map(|entity| entity.topics()).unwrap_or_default();
            topics.iter().for_each(|topic| self.unlisten(topic, &native, out));
            gone.push(native);
        }
        gone
    }

    fn unlisten(&mut self, topic: &str, native: &NativeId, out: &mut Outbox) {
        if let Some(natives) = self.listeners.get_mut(topic) {
            natives.retain(|other| other != native);
            if natives.is_empty() {
                self.listeners.remove(topic);
            }
        }
        out.unsubscribe.push(topic.to_owned());
    }

    /// The broker will send what is published on `topic`.
    pub(super) fn granted(&mut self, topic: &str) {
        for native in self.listeners.get(topic).into_iter().flatten() {
            if let Some(entity) = self.entities.get_mut(native) {
                entity.granted(topic);
            }
        }
    }

    /// The broker refuses `topic`: the locks that should be heard there stay unreachable.
    pub(super) fn refused(&self, topic: &str) {
        for lock in self.listeners.get(topic).into_iter().flatten() {
            tracing::warn!(%lock, topic, "an announced lock stays offline: the MQTT broker refuses one of its topics");
        }
    }

    /// Topic and payload of a command.
    pub(super) fn command(&self, lock: &NativeId, wanted: Bolt) -> Result<(String, String), NotWritten> {
        let entity = self.entities.get(lock).ok_or(NotWritten::Unavailable(Unavailable::DeviceRemoved))?;
        if entity.reach() == Reachability::Unreachable && entity.is_usable() {
            return Err(NotWritten::Unavailable(Unavailable::DeviceDisconnected));
        }
        entity.command(wanted, &self.renderer)
    }

    /// Tells which locks can be reached, where that changed.
    pub(super) fn tell_reach(&mut self, out: &mut Outbox) {
        for (native, entity) in &mut self.entities {
            let reach = entity.reach();
            if entity.reach.replace(reach) != Some(reach) {
                out.tell(Signal::Reach(native.clone(), reach));
            }
        }
    }
}

fn is_from_zigbee2mqtt(spec: &Spec) -> bool {
    spec.origin.as_deref() == Some("Zigbee2MQTT")
}
