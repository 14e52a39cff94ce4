//! Which entities are locks, what they are, and which other entities belong to them.

use std::collections::{BTreeSet, HashMap};

use thumbturn_core::devices::About;
use thumbturn_core::ids::NativeId;

use super::codes::Keypad;
use super::entity::Entity;
use super::habits;
use super::lock::Nature;
use super::wire::{DeviceEntry, Entry, is_lock};
use crate::brand;

/// How long a name may be.
const MOST_NAME: usize = 100;

/// What the instance has told, as far as it is needed to find locks.
pub(super) struct Told<'a> {
    pub(super) entries: &'a [Entry],
    pub(super) devices: &'a [DeviceEntry],
    pub(super) entities: &'a HashMap<String, Entity>,
    /// The integrations that the account vouches for.
    pub(super) reads: &'a BTreeSet<String>,
}

/// A lock that was found.
pub(super) struct Found {
    /// Its registry id; the name of its entity where the registry does not have it.
    pub(super) native: NativeId,
    pub(super) entity: String,
    /// How its codes are written.
    pub(super) keypad: Keypad,
    /// What it is; `None` for one that is disabled, or not loaded, and so has told nothing.
    pub(super) what: Option<(About, Nature)>,
    /// Entities of its device: batteries and doors are among them.
    pub(super) beside: Vec<String>,
}

/// Whether a lock has no registry entry: its entity's name is all that it has.
pub(super) fn is_bare(native: &NativeId) -> bool {
    native.as_str().contains('.')
}

impl Told<'_> {
    /// Every lock that is a door's.
    pub(super) fn locks(&self) -> Vec<Found> {
        let registered = self.entries.iter().filter(|entry| is_lock(&entry.entity_id));
        let doors = registered.filter(|entry| habits::has_doors(&entry.platform) && entry.entity_category.is_none());
        let mut found: Vec<_> = doors.map(|entry| self.registered(entry)).collect();
        let names: BTreeSet<&str> = self.entries.iter().map(|entry| entry.entity_id.as_str()).collect();
        let bare = self.entities.iter().filter(|(name, _)| is_lock(name) && !names.contains(name.as_str()));
        found.extend(bare.map(|(name, entity)| self.bare(name, entity)));
        found
    }

    fn registered(&self, entry: &Entry) -> Found {
        let native = NativeId(entry.id.clone());
        let belongs = |other: &&Entry| {
            other.device_id.is_some() && other.device_id == entry.device_id && !is_lock(&other.entity_id)
        };
        let beside: Vec<_> = self.entries.iter().filter(belongs).map(|other| other.entity_id.clone()).collect();
        let device = self.devices.iter().find(|device| Some(&device.id) == entry.device_id.as_ref());
        let what = self.entities.get(&entry.entity_id).map(|entity| {
            let has_battery = beside.iter().filter_map(|name| self.entities.get(name)).any(has_battery);
            let about = about(&native, &entry.entity_id, entity, device, has_battery);
            (about, self.nature(&entry.platform, entity))
        });
        let keypad = Keypad::of(&entry.platform, entry.device_id.as_deref());
        Found { native, entity: entry.entity_id.clone(), keypad, what, beside }
    }

    fn bare(&self, name: &str, entity: &Entity) -> Found {
        let native = NativeId(name.to_owned());
        let about = about(&native, name, entity, None, false);
        // Nobody says which integration it is of.
        let what = Some((about, self.nature("", entity)));
        Found { native, entity: name.to_owned(), keypad: Keypad::None, what, beside: Vec::new() }
    }

    fn nature(&self, integration: &str, entity: &Entity) -> Nature {
        if entity.is_assumed {
            Nature::Supposed
        } else if habits::guesses(integration) {
            Nature::Guessed
        } else if self.reads.contains(integration) {
            Nature::Asked
        } else {
            Nature::Heard
        }
    }
}

fn has_battery(entity: &Entity) -> bool {
    entity.device_class.as_deref() == Some("battery")
}

fn about(
    native: &NativeId,
    entity_id: &str,
    entity: &Entity,
    device: Option<&DeviceEntry>,
    has_battery: bool,
) -> About {
    let told = |text: Option<&String>| text.map(|text| text.trim()).filter(|text| !text.is_empty()).map(shortened);
    let brand = brand::of(device.and_then(|device| device.manufacturer.as_deref()));
    About {
        native: native.clone(),
        name: told(entity.name.as_ref()).unwrap_or_else(|| shortened(entity_id)),
        device_type: brand.device_type.to_owned(),
        manufacturer: brand.manufacturer,
        manufacturer_name: brand.display_name,
        model: told(device.and_then(|device| device.model.as_ref())).unwrap_or_else(|| "Unknown".to_owned()),
        serial_number: told(device.and_then(|device| device.serial_number.as_ref())),
        can_lock: true,
        can_unlock: true,
        can_configure_auto_lock: false,
        has_keypad: false,
        has_direct_power: !has_battery,
    }
}

pub(super) fn shortened(text: &str) -> String {
    text.chars().take(MOST_NAME).collect()
}
