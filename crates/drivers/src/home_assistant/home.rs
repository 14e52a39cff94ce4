//! The instance and its locks as values, without socket and clock; how it is a hub to the session is in `hub`.

mod hub;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use thumbturn_core::codes::Slot;
use thumbturn_core::devices::{About, Device};
use thumbturn_core::ids::NativeId;
use thumbturn_core::locks::Unavailable;
use thumbturn_core::ports::{NotWritten, Signal};
use thumbturn_core::time::Moment;

use super::Outbox;
use super::call::{Call, ParameterCall};
use super::codes::{Keypad, SlotsTold};
use super::entity::{Changes, Entity};
use super::lock::Lock;
use super::roster::{Found, Told, is_bare, shortened};
use super::wire::{self, DeviceEntry, Diff, Entry, Event, Fault, Full, Notified, RegistryChange, is_lock};
use crate::zwave_js::notification::Told as Notification;
use crate::zwave_js::wire::ValueEntry;

/// How many locks one instance may have.
const MOST_LOCKS: usize = 4096;

/// How long a lock must be missing, in two lists, before it counts as removed.
const MISSING: Duration = Duration::from_secs(60);

/// How long until a list that could not be had is asked for once more.
const LIST_AGAIN: Duration = Duration::from_secs(5);

/// How long to wait between two lists while the registries change: a large instance has many entities.
const LIST_PAUSE: Duration = Duration::from_secs(1);

/// A message that was understood.
pub(super) enum Heard {
    /// What came of a request.
    Reply(Call, Result<Reply, Fault>),
    /// Something happened.
    Event(Event),
}

/// The answer to a request.
pub(super) enum Reply {
    /// Done.
    Done,
    /// The registry of entities.
    Entries(Vec<Entry>),
    /// The registry of devices.
    Devices(Vec<DeviceEntry>),
    /// Whether the token's user is an administrator.
    User(bool),
    /// What was asked to be heard is told under this number.
    Listening(u64),
    /// The configuration parameters of a lock.
    Parameters(Vec<ValueEntry>),
}

/// See the module.
pub(super) struct Home {
    /// The integrations that the account vouches for.
    vouched: BTreeSet<String>,
    /// The locks of earlier sessions.
    known: BTreeSet<NativeId>,
    /// Those of them that could be told when to lock themselves.
    had_auto_lock: BTreeSet<NativeId>,
    entities: HashMap<String, Entity>,
    entries: Option<Vec<Entry>>,
    devices: Option<Vec<DeviceEntry>>,
    lists: Lists,
    /// Every state was told.
    is_watching: bool,
    is_synced: bool,
    locks: BTreeMap<NativeId, Lock>,
    /// Which lock an entity is or belongs to.
    of_entity: HashMap<String, NativeId>,
    missing: BTreeMap<NativeId, Missing>,
    /// Whether the token's user is an administrator, once that was told.
    is_admin: Option<bool>,
    /// What Z-Wave locks notify of is told.
    is_notified: bool,
    /// What Z-Wave locks tell of their codes.
    slots: SlotsTold,
}

/// How far the asking for the registries is.
#[derive(Default)]
struct Lists {
    began: bool,
    entries_open: bool,
    devices_open: bool,
    /// Something changed since they were asked for.
    again: bool,
    again_at: Option<Moment>,
}

/// A lock that is in no list.
struct Missing {
    since: Moment,
    /// The instance said that its entity was removed.
    was_removed: bool,
}

impl Home {
    /// An instance of which nothing was heard yet; `known` are the devices of earlier sessions.
    pub(super) fn new(known: &[Device], vouched: BTreeSet<String>) -> Self {
        let still_there = known.iter().filter(|device| !device.state.reach.is_removed());
        let had_auto_lock = still_there.clone().filter(|device| device.about.can_configure_auto_lock);
        Self {
            vouched,
            known: still_there.map(|device| device.about.native.clone()).collect(),
            had_auto_lock: had_auto_lock.map(|device| device.about.native.clone()).collect(),
            entities: HashMap::new(),
            entries: None,
            devices: None,
            lists: Lists::default(),
            is_watching: false,
            is_synced: false,
            locks: BTreeMap::new(),
            of_entity: HashMap::new(),
            missing: BTreeMap::new(),
            is_admin: None,
            is_notified: false,
            slots: SlotsTold::default(),
        }
    }

    fn relist(&mut self, out: &mut Outbox) {
        if self.lists.entries_open || self.lists.devices_open {
            self.lists.again = true;
            return;
        }
        (self.lists.entries_open, self.lists.devices_open) = (true, true);
        self.lists.again_at = None;
        out.asks.extend([Call::Entries, Call::Devices]);
    }

    /// Asks for the lists no later than then.
    fn relist_at(&mut self, due: Moment) {
        let before = self.lists.again_at.filter(|before| before.steady < due.steady);
        self.lists.again_at = Some(before.unwrap_or(due));
    }

    fn answered(&mut self, call: &Call, reply: Result<&Reply, &Fault>, at: Moment, out: &mut Outbox) {
        match (call, reply) {
            (Call::Entries, Ok(Reply::Entries(entries))) => {
                self.entries = Some(entries.clone());
                self.lists.entries_open = false;
                self.listed(at, out);
            }
            (Call::Devices, Ok(Reply::Devices(devices))) => {
                self.devices = Some(devices.clone());
                self.lists.devices_open = false;
                self.listed(at, out);
            }
            (Call::Entries | Call::Devices, _) => {
                (self.lists.entries_open, self.lists.devices_open) = (false, false);
                self.lists.again_at = Some(at.after(LIST_AGAIN).steadily());
            }
            (Call::Move(native, _, attempt, to), reply) => {
                if let Some(lock) = self.locks.get_mut(native) {
                    lock.moved(*attempt, *to, reply.map(drop), at, out);
                }
            }
            (Call::Update(native, _, Some(read)), reply) => {
                if let Some(lock) = self.locks.get_mut(native) {
                    lock.updated(*read, reply.is_ok(), at, out);
                }
            }
            (Call::User, reply) => {
                // Whoever cannot be asked is none.
                let is_admin = matches!(reply, Ok(Reply::User(true)));
                self.is_admin = Some(is_admin);
                self.watch_zwave(out);
                self.locks.values_mut().for_each(|lock| lock.may_configure(is_admin, out));
            }
            (Call::Parameters(native, call), reply) => {
                if let Some(lock) = self.locks.get_mut(native) {
                    about_parameters(lock, call, reply, at, out);
                }
            }
            (Call::Update(_, _, None) | Call::Code(_) | Call::Unlisten(_), _) | (_, Ok(_)) => {}
            (Call::Watch | Call::WatchEntries | Call::WatchDevices | Call::WatchZwave, Err(fault)) => {
                tracing::warn!(?call, code = fault.code, "the Home Assistant does not tell what happens");
            }
        }
    }

    fn listed(&mut self, at: Moment, out: &mut Outbox) {
        if self.lists.entries_open || self.lists.devices_open {
            return;
        }
        self.regroup(at, out);
        if std::mem::take(&mut self.lists.again) {
            self.relist_at(at.after(LIST_PAUSE).steadily());
        }
    }

    /// Finds the locks in what was told.
    fn regroup(&mut self, at: Moment, out: &mut Outbox) {
        let (Some(entries), Some(devices), true) = (&self.entries, &self.devices, self.is_watching) else { return };
        let told = Told { entries, devices, entities: &self.entities, reads: &self.vouched };
        let found = told.locks();
        let has_entries = !entries.is_empty();
        self.of_entity.clear();
        let listed: BTreeSet<_> = found.iter().map(|found| found.native.clone()).collect();
        for found in found {
            self.found(found, at, out);
        }
        self.miss(&listed, has_entries, at, out);
        self.watch_zwave(out);
        if !self.is_synced {
            self.is_synced = true;
            out.tell(Signal::Synced);
        }
    }

    /// Asks to hear what Z-Wave locks notify of, once there is one, and if that is allowed.
    fn watch_zwave(&mut self, out: &mut Outbox) {
        let has_zwave = || self.locks.values().any(|lock| matches!(lock.keypad, Keypad::Zwave(_)));
        if self.is_admin == Some(true) && !self.is_notified && has_zwave() {
            self.is_notified = true;
            out.asks.push(Call::WatchZwave);
        }
    }

    fn found(&mut self, found: Found, at: Moment, out: &mut Outbox) {
        let Found { native, entity: name, keypad, what, beside } = found;
        self.missing.remove(&native);
        self.of_entity.insert(name.clone(), native.clone());
        self.of_entity.extend(beside.iter().map(|beside| (beside.clone(), native.clone())));
        let Some(((about, nature), entity)) = what.zip(self.entities.get(&name)) else {
            // Disabled, or not loaded.
            if let Some(lock) = self.locks.get_mut(&native) {
                lock.lost(at);
            }
            return;
        };
        if let Some(lock) = self.locks.get_mut(&native) {
            lock.keypad = keypad;
            lock.describe(&name, about, nature, out);
            lock.hear(entity, Changes::default(), at, out);
        } else if self.locks.len() < MOST_LOCKS {
            // Whether it still can be told when to lock itself is known later.
            let had_auto_lock = matches!(keypad, Keypad::Zwave(_)) && self.had_auto_lock.contains(&native);
            let about = About { can_configure_auto_lock: had_auto_lock, ..about };
            let mut lock = Lock::new(&name, keypad, about, nature);
            lock.introduce(entity, at, out);
            if let Some(is_admin) = self.is_admin {
                lock.may_configure(is_admin, out);
            }
            self.locks.insert(native.clone(), lock);
        } else {
            tracing::warn!(entity = name, "a lock is left out: the Home Assistant has too many");
            return;
        }
        let Some(lock) = self.locks.get_mut(&native) else { return };
        for name in &beside {
            if let Some(entity) = self.entities.get(name) {
                lock.beside(name, entity, out);
            }
        }
    }

    /// What becomes of locks that are in no list. One list proves nothing.
    fn miss(&mut self, listed: &BTreeSet<NativeId>, has_entries: bool, at: Moment, out: &mut Outbox) {
        let known: BTreeSet<NativeId> = self.known.iter().chain(self.locks.keys()).cloned().collect();
        for native in known.difference(listed) {
            if let Some(lock) = self.locks.get_mut(native) {
                lock.lost(at);
            }
            let missing = self.missing.entry(native.clone()).or_insert(Missing { since: at, was_removed: false });
            let Missing { since, was_removed } = *missing;
            // Locks of YAML are in no registry; whoever's integration failed to load is not there either.
            let is_told = was_removed || (!is_bare(native) && has_entries);
            if is_told && at.since(since) >= MISSING {
                self.gone(native, out);
            } else if is_told {
                self.relist_at(since.after(MISSING).steadily());
            }
        }
    }

    fn gone(&mut self, native: &NativeId, out: &mut Outbox) {
        self.known.remove(native);
        self.missing.remove(native);
        self.locks.remove(native);
        out.tell(Signal::Gone(native.clone()));
    }

    fn happened(&mut self, event: &Event, at: Moment, out: &mut Outbox) {
        for (name, full) in event.added.iter().flatten() {
            self.added(name, full, at, out);
        }
        if event.added.is_some() && !self.is_watching {
            self.is_watching = true;
            self.listed(at, out);
        }
        for (name, diff) in &event.changed {
            self.changed(name, diff, at, out);
        }
        for name in &event.removed {
            self.removed(name, at, out);
        }
        if let Some(change) = &event.registry {
            self.registered(change, out);
        }
        if let Some(slot) = &event.slot {
            self.slots.hear(slot);
        }
        if let Some(told) = &event.parameter
            && let Some(lock) = self.locks.values_mut().find(|lock| lock.keypad == Keypad::Zwave(told.device.clone()))
        {
            lock.parameter(told, at, out);
        }
        if let Some(notified) = &event.notified {
            self.notified(notified, at, out);
        }
    }

    /// A Z-Wave lock notifies of something. What is about its bolt the state of its entity tells as well.
    fn notified(&mut self, notified: &Notified, at: Moment, out: &mut Outbox) {
        let Notified { device, told } = notified;
        let of_device = |lock: &&Lock| lock.keypad == Keypad::Zwave(device.clone());
        let Some(lock) = self.locks.values().find(of_device) else { return };
        match told {
            Notification::CodesChanged(slot) => out.tell(Signal::CodesChanged(lock.native.clone(), slot.map(Slot))),
            Notification::DuplicateCode(slot) => self.slots.duplicate(device, *slot, at),
            _ => {}
        }
    }

    /// How the codes of a lock are written: its entity and its integration.
    ///
    /// # Errors
    /// [`NotWritten`] if there is no such lock.
    pub(super) fn keypad(&self, native: &NativeId) -> Result<(String, Keypad), NotWritten> {
        self.lock(native).map(|lock| (lock.entity.clone(), lock.keypad.clone()))
    }

    /// Whether commands reach a lock. Home Assistant says that they worked where they do not.
    pub(super) fn takes_commands(&self, native: &NativeId) -> bool {
        self.lock(native).is_ok_and(Lock::takes_commands)
    }

    /// Whether the token's user is an administrator; `None` until that is told.
    pub(super) const fn is_admin(&self) -> Option<bool> {
        self.is_admin
    }

    pub(super) const fn slots(&mut self) -> &mut SlotsTold {
        &mut self.slots
    }

    fn added(&mut self, name: &str, full: &Full, at: Moment, out: &mut Outbox) {
        let entity = Entity::of(full);
        if !is_lock(name) && !entity.is_beside_locks() {
            return;
        }
        let lock = self.of_entity.get(name).and_then(|native| self.locks.get_mut(native));
        match lock {
            Some(lock) if is_lock(name) => lock.hear(&entity, Changes::default(), at, out),
            Some(lock) => lock.beside(name, &entity, out),
            // Which lock it is, or belongs to, the registry knows.
            None if self.is_watching => self.relist(out),
            None => {}
        }
        self.entities.insert(name.to_owned(), entity);
    }

    fn changed(&mut self, name: &str, diff: &Diff, at: Moment, out: &mut Outbox) {
        let Some(entity) = self.entities.get_mut(name) else { return };
        let changes = entity.change(diff);
        let Some(lock) = self.of_entity.get(name).and_then(|native| self.locks.get_mut(native)) else { return };
        if !is_lock(name) {
            lock.beside(name, entity, out);
            return;
        }
        if let Some(name) = entity.name.as_deref().filter(|_| changes.name) {
            lock.rename(shortened(name), out);
        }
        lock.hear(entity, changes, at, out);
    }

    /// An entity is not there any more: removed, disabled, renamed, or to be loaded anew.
    fn removed(&mut self, name: &str, at: Moment, out: &mut Outbox) {
        if self.entities.remove(name).is_none() || !is_lock(name) {
            return;
        }
        let Some(native) = self.of_entity.get(name) else { return };
        if let Some(lock) = self.locks.get_mut(native) {
            lock.lost(at);
        }
        if is_bare(native) {
            self.missing.entry(native.clone()).or_insert(Missing { since: at, was_removed: true });
        }
        self.relist(out);
    }

    fn registered(&mut self, change: &RegistryChange, out: &mut Outbox) {
        let entity = change.entity_id.as_deref();
        if entity.is_some_and(|entity| !wire::may_matter(entity)) {
            return;
        }
        let lock = entity.filter(|entity| is_lock(entity)).and_then(|entity| self.of_entity.get(entity)).cloned();
        if let Some(native) = lock.filter(|native| change.action == "remove" && !is_bare(native)) {
            self.gone(&native, out);
        }
        self.relist(out);
    }

    fn lock(&self, native: &NativeId) -> Result<&Lock, NotWritten> {
        self.locks.get(native).ok_or(NotWritten::Unavailable(Unavailable::DeviceDisconnected))
    }
}

/// What came of something that was asked about the parameters of a lock.
fn about_parameters(
    lock: &mut Lock,
    call: &ParameterCall,
    reply: Result<&Reply, &Fault>,
    at: Moment,
    out: &mut Outbox,
) {
    match (call, reply) {
        (ParameterCall::List(_), Ok(Reply::Parameters(all))) => lock.listed_parameters(all, out),
        (ParameterCall::List(_), _) => {}
        (ParameterCall::Listen(.., attempt), reply) => {
            let number = match reply {
                Ok(Reply::Listening(number)) => Some(*number),
                _ => None,
            };
            lock.listening(*attempt, number, at, out);
        }
        (ParameterCall::Get(.., attempt), reply) => lock.got_parameter(*attempt, reply.is_ok(), at),
        (ParameterCall::Set(_, settings, attempt), reply) => {
            lock.set_parameters(*attempt, *settings, reply.map(drop), at, out);
        }
    }
}
