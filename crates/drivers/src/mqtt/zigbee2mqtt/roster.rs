//! What a new device list changes: locks that appear, change, are renamed or are gone.

use std::collections::HashSet;
use std::time::Duration;

use thumbturn_core::devices::About;
use thumbturn_core::ids::NativeId;
use thumbturn_core::locks::{Reachability, Traits};
use thumbturn_core::ports::Signal;
use thumbturn_core::time::Moment;

use super::device::{Device, Ear, native};
use super::devices::{BoltSpec, DeviceList, Listed};
use super::{Hub, Topic};
use crate::brand;
use crate::mqtt::outbox::Outbox;
use crate::mqtt::topic;

/// When the lock's answer gets lost on the air, the hub sends the same command again 13.3 s after the first time: what
/// is written must be through with that before the deadline.
const MARGIN: Duration = Duration::from_secs(14);

/// A sleeping lock takes seconds to hear a command and its motor 2 to 3 s more; locks report by themselves, so a read
/// before that costs battery for nothing.
const SETTLE: Duration = Duration::from_secs(6);

/// A lock that already is where it should be may run its motor again; a read in the middle of that might see a bolt
/// between its ends.
const SETTLE_UNCHANGED: Duration = Duration::from_millis(2500);

/// What a list took away.
#[derive(Debug, Default)]
pub(in crate::mqtt) struct Vanished {
    /// No longer listed, which may be a mistake.
    pub(in crate::mqtt) missing: Vec<NativeId>,
    /// No longer listed after the hub had said that they left.
    pub(in crate::mqtt) left: Vec<NativeId>,
}

impl Hub {
    /// Takes in a device list. `room` is how many further locks may be listed.
    pub(in crate::mqtt) fn apply(
        &mut self,
        list: DeviceList,
        mut room: usize,
        at: Moment,
        out: &mut Outbox,
    ) -> Vanished {
        self.lists += 1;
        self.relist = None;
        let is_evidence = list.is_evidence();
        let everyone: HashSet<String> =
            list.devices.iter().filter(|device| !device.is_coordinator).map(|device| device.ieee.clone()).collect();
        let vanished = self.drop_absent(&everyone, is_evidence, out);
        if is_evidence {
            self.everyone = everyone;
        }
        for listed in list.devices {
            self.left.remove(&listed.ieee);
            let count = listed.bolts.len();
            if count == 0 {
                continue;
            }
            if self.devices.contains_key(&listed.ieee) {
                self.update(listed, at, out);
            } else if count <= room {
                room -= count;
                self.add(listed, out);
            } else {
                tracing::warn!(base_topic = self.base, "a lock is left out: this account has too many");
            }
        }
        vanished
    }

    /// Keeps back the devices of a list that is about to be applied which another hub drives.
    pub(in crate::mqtt) fn withhold(&mut self, devices: Vec<Listed>) {
        self.withheld = devices.into_iter().map(|listed| (listed.ieee.clone(), listed)).collect();
    }

    /// The addresses of the devices that were kept back.
    pub(in crate::mqtt) fn withheld(&self) -> impl Iterator<Item = &str> {
        self.withheld.keys().map(String::as_str)
    }

    /// Drives devices that were kept back, as far as there is room.
    pub(in crate::mqtt) fn adopt(&mut self, addresses: &[String], mut room: usize, out: &mut Outbox) {
        for listed in addresses.iter().filter_map(|ieee| self.withheld.remove(ieee)).collect::<Vec<_>>() {
            let count = listed.bolts.len();
            if count <= room {
                room -= count;
                self.add(listed, out);
            }
        }
    }

    fn drop_absent(&mut self, everyone: &HashSet<String>, is_evidence: bool, out: &mut Outbox) -> Vanished {
        let mut vanished = Vanished::default();
        let absent: Vec<String> = self.devices.keys().filter(|ieee| !everyone.contains(*ieee)).cloned().collect();
        for ieee in absent {
            let left = self.left.remove(&ieee);
            if !left && !is_evidence {
                continue;
            }
            let Some(mut device) = self.devices.remove(&ieee) else { continue };
            device.lost_sight(out);
            self.unlisten(&device.listed, out);
            let natives = device.bolts.into_iter().map(|bolt| bolt.native);
            for native in natives {
                self.natives.remove(&native);
                if left { vanished.left.push(native) } else { vanished.missing.push(native) }
            }
        }
        vanished
    }

    fn add(&mut self, listed: Listed, out: &mut Outbox) {
        let audible = self.listen(&listed, out);
        let mut device = Device::new(listed);
        if !audible {
            device.ear = Ear::Deaf;
        }
        describe(&device.listed, out);
        for bolt in &device.bolts {
            self.natives.insert(bolt.native.clone(), device.listed.ieee.clone());
        }
        self.devices.insert(device.listed.ieee.clone(), device);
    }

    fn update(&mut self, listed: Listed, at: Moment, out: &mut Outbox) {
        let Some(known) = self.devices.get(&listed.ieee).map(|device| device.listed.clone()) else { return };
        if known == listed {
            return;
        }
        if known.name != listed.name {
            self.unlisten(&known, out);
            let audible = self.listen(&listed, out);
            if let Some(device) = self.devices.get_mut(&listed.ieee) {
                device.renamed(audible, at, out);
            }
        }
        describe(&listed, out);
        let ieee = listed.ieee.clone();
        if known.bolts == listed.bolts {
            if let Some(device) = self.devices.get_mut(&ieee) {
                device.listed = listed;
            }
            return;
        }
        self.natives.retain(|_, owner| *owner != ieee);
        let mut device = Device::new(listed);
        if let Some(mut before) = self.devices.remove(&ieee) {
            device.available = before.available;
            device.ear = before.ear;
            // What was known of the bolts is void. One that becomes reachable is read.
            before.lost_sight(out);
            for bolt in before.bolts {
                out.tell(Signal::Reach(bolt.native, Reachability::Unreachable));
            }
        }
        for bolt in &device.bolts {
            self.natives.insert(bolt.native.clone(), ieee.clone());
        }
        self.devices.insert(ieee, device);
    }

    /// Wants the topics of a device; `false` if its name cannot be part of one that tells of it alone.
    fn listen(&mut self, listed: &Listed, out: &mut Outbox) -> bool {
        if !self.is_audible(listed) {
            tracing::warn!(
                base_topic = self.base,
                ieee_address = listed.ieee,
                "a lock cannot be heard: its name cannot be part of an MQTT topic; rename it in Zigbee2MQTT"
            );
            return false;
        }
        let [state, availability] = topics(listed);
        out.subscribe.extend([&state, &availability].map(|rest| format!("{}/{rest}", self.base)));
        self.topics.insert(state, Topic::State(listed.ieee.clone()));
        self.topics.insert(availability, Topic::Availability(listed.ieee.clone()));
        self.names.insert(listed.name.clone(), listed.ieee.clone());
        true
    }

    fn is_audible(&self, listed: &Listed) -> bool {
        let [state, availability] = topics(listed);
        topic::is_plain(&format!("{}/{availability}", self.base)) && !state.starts_with("bridge/")
    }

    /// Lets go of the topics of a device, unless another device has taken them over meanwhile (two locks may swap names).
    fn unlisten(&mut self, listed: &Listed, out: &mut Outbox) {
        if !self.is_audible(listed) {
            return;
        }
        for rest in topics(listed) {
            let is_own = matches!(self.topics.get(&rest), Some(Topic::State(owner) | Topic::Availability(owner)) if *owner == listed.ieee);
            if is_own {
                self.topics.remove(&rest);
            }
            out.unsubscribe.push(format!("{}/{rest}", self.base));
        }
        if self.names.get(&listed.name) == Some(&listed.ieee) {
            self.names.remove(&listed.name);
        }
    }

    /// How many locks this hub has.
    pub(in crate::mqtt) fn count(&self) -> usize {
        self.natives.len()
    }
}

fn topics(listed: &Listed) -> [String; 2] {
    [listed.name.clone(), format!("{}/availability", listed.name)]
}

fn describe(listed: &Listed, out: &mut Outbox) {
    for bolt in &listed.bolts {
        out.tell(Signal::Discovered { about: Box::new(about(listed, bolt)), traits: traits(listed, bolt) });
    }
}

fn about(listed: &Listed, bolt: &BoltSpec) -> About {
    let brand = brand::of(listed.maker.as_deref());
    About {
        native: native(&listed.ieee, bolt),
        name: match &bolt.endpoint {
            Some(endpoint) => format!("{} {endpoint}", listed.name),
            None => listed.name.clone(),
        },
        device_type: brand.device_type.to_owned(),
        manufacturer: brand.manufacturer,
        manufacturer_name: brand.display_name,
        model: listed.model.clone().unwrap_or_else(|| "Zigbee lock".to_owned()),
        serial_number: None,
        can_lock: bolt.settable,
        can_unlock: bolt.settable,
        can_configure_auto_lock: listed.auto_lock.is_some(),
        has_keypad: listed.has_keypad,
        has_direct_power: listed.is_wired,
    }
}

fn traits(listed: &Listed, bolt: &BoltSpec) -> Traits {
    Traits {
        reports: true,
        readable: bolt.readable,
        tags: listed.tags && listed.bolts.len() == 1,
        margin: MARGIN,
        settle: SETTLE,
        settle_unchanged: SETTLE_UNCHANGED,
    }
}
