//! Everything that is known through one connection: hubs, announced locks, and how far the start of the session is.
//!
//! No clock, no socket and no task: messages and moments come in, an [`Outbox`] comes out.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use thumbturn_core::commands::AutoLock;
use thumbturn_core::devices::{Device, OfflineBecause, Reach};
use thumbturn_core::ids::{AttemptId, NativeId};
use thumbturn_core::locks::{Bolt, Reachability, Unavailable};
use thumbturn_core::ports::{NotWritten, ReadId, Signal};
use thumbturn_core::time::Moment;

use super::config::Config;
use super::discovery::{self, Discovery};
use super::orphans::Orphans;
use super::outbox::Outbox;
use super::quote;
use super::subscriptions::Answered;
use super::zigbee2mqtt::{self, DeviceList, Hub};

/// Locks that one account may have.
const MOST_LOCKS: usize = 10_000;

/// MQTT does not say where the retained messages end: the start is over when everything is subscribed to and this long
/// nothing came that was kept.
const QUIET: Duration = Duration::from_millis(250);

/// But it is over after this long, whatever is still missing: what comes later is taken in all the same.
const START_LIMIT: Duration = Duration::from_secs(5);

/// How soon a second list is asked for when a lock is missing.
const SECOND_LIST: Duration = Duration::from_secs(1);

/// A message as it came from the broker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) topic: &'a str,
    pub(super) payload: &'a [u8],
    pub(super) retained: bool,
    pub(super) at: Moment,
}

/// A command, ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) topic: String,
    pub(super) payload: String,
    /// Whether the broker's acknowledgement is all the acceptance there is.
    pub(super) accepted_by_broker: bool,
}

/// The state of one session.
#[derive(Debug)]
pub(super) struct State {
    hubs: Vec<Hub>,
    discovery: Discovery,
    orphans: Orphans,
    /// What the broker refuses to send.
    refused: HashSet<String>,
    started: Moment,
    stirred: Moment,
    synced: bool,
}

impl State {
    /// The state of a session that begins `now`, with the locks of earlier ones.
    pub(super) fn new(config: &Config, known: Vec<NativeId>, now: Moment) -> Self {
        let bases = &config.zigbee2mqtt_base_topics;
        let addresses: BTreeSet<String> =
            known.iter().filter(|native| is_zigbee(native)).map(|native| address(native).to_owned()).collect();
        let addresses: Vec<String> = addresses.into_iter().collect();
        Self {
            hubs: bases.iter().map(|base| Hub::new(base, addresses.clone())).collect(),
            discovery: Discovery::new(&config.discovery_prefix, bases),
            orphans: Orphans::of(known.into_iter()),
            refused: HashSet::new(),
            started: now,
            stirred: now,
            synced: false,
        }
    }

    /// What to subscribe to first.
    pub(super) fn first_topics(&self) -> Vec<String> {
        self.hubs.iter().flat_map(Hub::own_topics).chain(self.discovery.own_topics()).collect()
    }

    /// Whether the start of the session is over.
    pub(super) fn is_synced(&self) -> bool {
        self.synced
    }

    /// The hub whose device list `topic` carries: lists are long and parsed elsewhere, then given to [`State::listed`].
    pub(super) fn list_of(&self, topic: &str) -> Option<usize> {
        self.hubs.iter().position(|hub| hub.below(topic) == Some("bridge/devices"))
    }

    /// Takes in a message that is no device list.
    pub(super) fn hear(&mut self, message: &Message<'_>, out: &mut Outbox) {
        if message.retained {
            self.stirred = message.at;
        }
        let before = out.signals.len();
        for hub in &mut self.hubs {
            if let Some(rest) = hub.below(message.topic).map(str::to_owned) {
                let (payload, retained, at) = (message.payload, message.retained, message.at);
                hub.hear(&zigbee2mqtt::Incoming { rest: &rest, payload, retained, at }, out);
            }
        }
        let room = self.room();
        let hubs = &self.hubs;
        let is_native = |ieee: &str| hubs.iter().any(|hub| hub.knows(ieee));
        let (topic, payload, retained, at) = (message.topic, message.payload, message.retained, message.at);
        let incoming = discovery::Incoming { topic, payload, retained, at };
        let gone = self.discovery.hear(&incoming, room, &is_native, out);
        out.quote(before, || quote::words(message.topic, message.payload));
        self.after(out);
        out.signals.extend(gone.into_iter().map(Signal::Gone));
    }

    /// Takes in the device list of a hub; `None` if it could not be understood.
    pub(super) fn listed(&mut self, hub: usize, list: Option<DeviceList>, at: Moment, out: &mut Outbox) {
        self.stirred = at;
        let Some(mut list) = list else {
            tracing::warn!("a Zigbee2MQTT published a device list that cannot be understood; it changes nothing");
            return;
        };
        if list.malformed > 0 {
            tracing::warn!(entries = list.malformed, "entries of a Zigbee2MQTT device list cannot be understood");
        }
        let others = |ieee: &str| self.hubs.iter().enumerate().any(|(at, other)| at != hub && other.drives(ieee));
        let (withheld, devices) = list.devices.into_iter().partition(|device| others(device.ieee()));
        list.devices = devices;
        let room = self.room();
        let is_evidence = list.is_evidence();
        let Some(own) = self.hubs.get_mut(hub) else { return };
        own.withhold(withheld);
        let vanished = own.apply(list, room, at, out);
        for native in &vanished.missing {
            self.orphans.add(native.clone(), hub);
            out.tell(Signal::Reach(native.clone(), Reachability::Unreachable));
        }
        self.hand_over(out);
        self.after(out);
        let left = vanished.left.into_iter().filter(|native| !self.hubs.iter().any(|hub| hub.has(native)));
        out.signals.extend(left.map(Signal::Gone));
        if is_evidence {
            let count = self.hubs.len();
            out.signals.extend(self.orphans.missed(hub, count, is_zigbee).into_iter().map(Signal::Gone));
        }
        self.sort_addresses(hub);
        for (index, hub) in self.hubs.iter_mut().enumerate() {
            if self.orphans.wait_for(index) {
                hub.ask_for_list(at.after(SECOND_LIST));
            }
        }
    }

    /// What its hub no longer lists, another may have listed already: a lock that was paired anew.
    fn hand_over(&mut self, out: &mut Outbox) {
        for at in 0..self.hubs.len() {
            let room = self.room();
            let is_free = |ieee: &&str| !self.hubs.iter().any(|hub| hub.drives(ieee));
            let Some(withheld) = self.hubs.get(at).map(Hub::withheld) else { continue };
            let free: Vec<String> = withheld.filter(is_free).map(str::to_owned).collect();
            let Some(hub) = self.hubs.get_mut(at) else { continue };
            hub.adopt(&free, room, out);
        }
    }

    /// What one hub lists, no other hub is asked about.
    fn sort_addresses(&mut self, hub: usize) {
        let (before, from) = self.hubs.split_at_mut(hub);
        let Some((own, after)) = from.split_first_mut() else { return };
        for other in before.iter_mut().chain(after) {
            other.cannot_have(|ieee| own.knows(ieee));
        }
    }

    /// What follows from every message: locks that are there again are missed no longer, and reach may have changed.
    fn after(&mut self, out: &mut Outbox) {
        for signal in &out.signals {
            if let Signal::Discovered { about, .. } = signal {
                self.orphans.found(&about.native);
            }
        }
        if self.synced {
            self.tell_reach(out);
        }
    }

    fn tell_reach(&mut self, out: &mut Outbox) {
        for hub in &mut self.hubs {
            hub.tell_reach(out);
        }
        self.discovery.tell_reach(out);
    }

    fn room(&self) -> usize {
        let count: usize = self.hubs.iter().map(Hub::count).sum();
        MOST_LOCKS.saturating_sub(count + self.discovery.count())
    }

    // --- Commands and reads ---------------------------------------------------------------------------------------

    /// The command that brings `lock` to `wanted`.
    pub(super) fn command(&self, lock: &NativeId, wanted: Bolt) -> Result<Command, NotWritten> {
        if self.discovery.has(lock) {
            let (topic, payload) = self.discovery.command(lock, wanted)?;
            return Ok(Command { topic, payload, accepted_by_broker: true });
        }
        let (topic, payload) = self.hub_of(lock)?.command(lock, wanted)?;
        Ok(Command { topic, payload, accepted_by_broker: false })
    }

    /// Topic, payload and value of the setting that has `lock` lock itself at `to`.
    pub(super) fn auto_lock(&self, lock: &NativeId, to: AutoLock) -> Result<(String, String, u32), NotWritten> {
        if self.discovery.has(lock) {
            return Err(NotWritten::Rejected("The hub offers no setting of this lock.".to_owned()));
        }
        self.hub_of(lock)?.auto_lock(lock, to)
    }

    /// The read of `lock`.
    pub(super) fn read(&self, lock: &NativeId) -> Result<(String, String), NotWritten> {
        if self.discovery.has(lock) {
            return Err(NotWritten::Rejected("The hub offers no read of this lock.".to_owned()));
        }
        self.hub_of(lock)?.read(lock)
    }

    fn hub_of(&self, lock: &NativeId) -> Result<&Hub, NotWritten> {
        let unlisted = || {
            let is_missed = self.orphans.iter().any(|native| native == lock);
            let why = if is_missed { Unavailable::HubDisconnected } else { Unavailable::DeviceRemoved };
            NotWritten::Unavailable(why)
        };
        self.hubs.iter().find(|hub| hub.has(lock)).ok_or_else(unlisted)
    }

    /// Notes a command that was handed to the broker.
    pub(super) fn commanded(&mut self, lock: &NativeId, attempt: AttemptId, at: Moment) {
        if let Some(hub) = self.hubs.iter_mut().find(|hub| hub.has(lock)) {
            hub.commanded(lock, attempt, at);
        }
    }

    /// Notes a setting that was handed to the broker.
    pub(super) fn set(&mut self, lock: &NativeId, attempt: AttemptId, value: u32, at: Moment) {
        if let Some(hub) = self.hubs.iter_mut().find(|hub| hub.has(lock)) {
            hub.set(lock, attempt, value, at);
        }
    }

    /// Notes a read that was handed to the broker.
    pub(super) fn asked(&mut self, lock: &NativeId, read: ReadId, at: Moment) {
        if let Some(hub) = self.hubs.iter_mut().find(|hub| hub.has(lock)) {
            hub.asked(lock, read, at);
        }
    }

    // --- Time -----------------------------------------------------------------------------------------------------

    /// When something is due.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        let start = (!self.synced).then(|| {
            let quiet = self.stirred.after(QUIET);
            let limit = self.started.after(START_LIMIT);
            if quiet.steady < limit.steady { quiet } else { limit }
        });
        self.hubs.iter().filter_map(Hub::wake_at).chain(start).min_by_key(|at| at.steady)
    }

    /// What time alone brings about. `subscribed`: the broker has confirmed all subscriptions.
    pub(super) fn tick(&mut self, now: Moment, subscribed: bool, out: &mut Outbox) {
        for hub in &mut self.hubs {
            hub.tick(now, out);
        }
        if self.synced {
            return;
        }
        let is_late = now.since(self.started) >= START_LIMIT;
        let is_quiet = now.since(self.stirred) >= QUIET;
        let is_complete = subscribed && !self.hubs.iter().any(Hub::lacks_list);
        if is_late || (is_quiet && is_complete) {
            self.finish_start(out);
        } else if is_quiet {
            self.stirred = now;
        }
    }

    /// The broker answered for a portion of subscriptions; `all`: it was the last one.
    pub(super) fn subscribed(&mut self, answered: Answered, all: bool, now: Moment, out: &mut Outbox) {
        self.stirred = now;
        for topic in &answered.granted {
            self.refused.remove(topic);
            self.discovery.granted(topic);
        }
        answered.refused.iter().for_each(|topic| self.discovery.refused(topic));
        self.refused.extend(answered.refused);
        if all {
            for hub in &mut self.hubs {
                hub.subscribed(now, out);
                self.refused.iter().for_each(|topic| hub.refused(topic));
            }
        }
        self.after(out);
    }

    /// Whether the broker refuses everything that locks could be found by.
    pub(super) fn is_deaf(&self) -> bool {
        self.first_topics().iter().all(|topic| self.refused.contains(topic))
    }

    /// The start is over: now it is clear what can be reached, and which locks of earlier sessions are not there.
    fn finish_start(&mut self, out: &mut Outbox) {
        self.synced = true;
        self.tell_reach(out);
        for native in self.orphans.iter() {
            out.tell(Signal::Reach(native.clone(), Reachability::Unreachable));
        }
        out.tell(Signal::Synced);
    }
}

/// The locks of earlier sessions that may still be there. One that its hub removed is not missed: to look for it would
/// make the hub publish all its lists at each start. If it comes back, a list says so.
pub(super) fn still_there(known: &[Device]) -> Vec<NativeId> {
    let removed = |reach| matches!(reach, Reach::Offline { because: OfflineBecause::DeviceRemoved, .. });
    known.iter().filter(|device| !removed(device.state.reach)).map(|device| device.about.native.clone()).collect()
}

/// The address of the device that a lock of a Zigbee2MQTT belongs to.
fn address(native: &NativeId) -> &str {
    native.as_str().split('/').next().unwrap_or_default()
}

/// Whether a lock is one of a Zigbee2MQTT.
fn is_zigbee(native: &NativeId) -> bool {
    !native.as_str().starts_with(discovery::NATIVE_PREFIX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::config::parse_config;
    use super::*;

    const NOW: Moment = Moment { wall: jiff::Timestamp::UNIX_EPOCH, steady: Duration::from_secs(100) };

    /// The state of a broker with the hubs `a` and `b`, both online.
    fn two_hubs(known: &[&str]) -> State {
        let config = json!({"url": "mqtt://x", "zigbee2mqtt_base_topics": ["a", "b"]}).to_string();
        let known = known.iter().map(|native| NativeId((*native).to_owned())).collect();
        let mut state = State::new(&parse_config(&config).unwrap(), known, NOW);
        for topic in ["a/bridge/state", "b/bridge/state"] {
            state.hear(&Message { topic, payload: b"online", retained: true, at: NOW }, &mut Outbox::default());
        }
        state
    }

    fn lock(ieee: &str) -> Value {
        json!({"ieee_address": ieee, "friendly_name": ieee, "definition": {"exposes": [{"type": "lock", "features": [
            {"name": "state", "property": "state", "access": 7}]}]}})
    }

    fn list(state: &mut State, hub: usize, locks: &[&str]) -> Vec<Signal> {
        let entries: Vec<Value> = locks.iter().map(|ieee| lock(ieee)).collect();
        let mut out = Outbox::default();
        state.listed(hub, zigbee2mqtt::parse(Value::from(entries).to_string().as_bytes()), NOW, &mut out);
        out.signals
    }

    #[test]
    fn a_hub_is_not_asked_about_the_locks_of_another() {
        let mut state = two_hubs(&["0x1", "0x2/left", "0x2/right", "0x3"]);
        list(&mut state, 0, &["0x1", "0x2"]);
        let mut out = Outbox::default();
        state.tick(NOW.after(Duration::from_secs(2)), true, &mut out);
        let asked: Vec<&str> = out.requests.iter().map(|(topic, _)| topic.as_str()).collect();
        assert_eq!(asked, ["a/bridge/request/device/options", "b/bridge/request/device/options"]);
        assert!(out.requests[1].1.contains("0x3"), "{out:?}");
    }

    #[test]
    fn a_lock_that_moves_to_another_hub_is_driven_there_once_the_first_lets_go_of_it() {
        let leave = json!({"type": "device_leave", "data": {"ieee_address": "0x1"}}).to_string();
        for says_so in [true, false] {
            let mut state = two_hubs(&[]);
            list(&mut state, 0, &["0x1", "0x2"]);
            list(&mut state, 1, &["0x1", "0x3"]);
            let hub_of = |state: &State| state.command(&NativeId("0x1".to_owned()), Bolt::Locked).unwrap().topic;
            assert_eq!(hub_of(&state), "a/0x1/set");
            if says_so {
                let event = Message { topic: "a/bridge/event", payload: leave.as_bytes(), retained: false, at: NOW };
                state.hear(&event, &mut Outbox::default());
            }
            let signals = list(&mut state, 0, &["0x2"]);
            assert_eq!(hub_of(&state), "b/0x1/set");
            assert!(!signals.iter().any(|signal| matches!(signal, Signal::Gone(_))), "{signals:?}");
            let signals = list(&mut state, 0, &["0x2"]);
            assert!(signals.is_empty(), "{signals:?}");
        }
    }
}
