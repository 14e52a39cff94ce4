//! The locks between connections, and the memory that they share: `SQLite`'s own rules, within one process. A cut takes
//! all of it.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::atomic::AtomicU32;

/// One opened file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Handle(pub(crate) u64);

/// How far a connection has locked the database file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Unlocked,
    Shared,
    Reserved,
    Pending,
    Exclusive,
}

/// The lock of one file.
#[derive(Debug, Default)]
pub(crate) struct FileLocks {
    held: HashMap<Handle, Level>,
}

impl FileLocks {
    fn of(&self, handle: Handle) -> Level {
        self.held.get(&handle).copied().unwrap_or(Level::Unlocked)
    }

    fn highest_of_others(&self, handle: Handle) -> Level {
        self.held
            .iter()
            .filter(|(other, _)| **other != handle)
            .map(|(_, level)| *level)
            .max()
            .unwrap_or(Level::Unlocked)
    }

    /// Whether `handle` has the lock now. Who waits for the last readers keeps new ones out.
    pub(crate) fn lock(&mut self, handle: Handle, wanted: Level) -> bool {
        if self.of(handle) >= wanted {
            return true;
        }
        let others = self.highest_of_others(handle);
        let (got, level) = match wanted {
            Level::Unlocked => (true, Level::Unlocked),
            Level::Shared => (others < Level::Pending, Level::Shared),
            Level::Reserved => (others < Level::Reserved, Level::Reserved),
            Level::Pending | Level::Exclusive if others >= Level::Reserved => (false, self.of(handle)),
            Level::Pending => (true, Level::Pending),
            Level::Exclusive if others == Level::Shared => (false, Level::Pending),
            Level::Exclusive => (true, Level::Exclusive),
        };
        if got || level == Level::Pending {
            self.held.insert(handle, level);
        }
        got
    }

    pub(crate) fn unlock(&mut self, handle: Handle, to: Level) {
        if self.of(handle) > to {
            self.held.insert(handle, to);
        }
    }

    pub(crate) fn forget(&mut self, handle: Handle) {
        self.held.remove(&handle);
    }

    pub(crate) fn is_reserved(&self) -> bool {
        self.held.values().any(|level| *level >= Level::Reserved)
    }
}

/// Locks in the shared memory of a write-ahead log.
const SLOTS: usize = 8;
/// The size of a region of shared memory. `SQLite` asks for no other.
pub(crate) const REGION: usize = 32 * 1024;

#[derive(Debug, Default)]
struct Slot {
    shared: Vec<Handle>,
    exclusive: Option<Handle>,
}

type Region = Box<[AtomicU32]>;

/// The index of a write-ahead log: memory that all connections share, with locks. It is never on the disk.
#[derive(Debug, Default)]
pub(crate) struct SharedMemory {
    regions: Vec<Region>,
    users: Vec<Handle>,
    slots: [Slot; SLOTS],
}

impl SharedMemory {
    /// Where region `index` lies; `None` if it is not there and not to be made. It stays there until the last user has
    /// let go of it.
    pub(crate) fn map(&mut self, handle: Handle, index: usize, make: bool) -> Option<*mut c_void> {
        if !self.users.contains(&handle) {
            self.users.push(handle);
        }
        while make && self.regions.len() <= index {
            self.regions.push((0..REGION / size_of::<u32>()).map(|_| AtomicU32::new(0)).collect());
        }
        self.regions.get(index).and_then(|region| region.first()).map(|first| first.as_ptr().cast())
    }

    /// Whether `handle` has these slots now: for itself alone, or one of them with others.
    pub(crate) fn lock(&mut self, handle: Handle, first: usize, count: usize, alone: bool) -> bool {
        let Some(slots) = self.slots.get_mut(first..first + count) else { return false };
        let mine = |other: &Handle| *other == handle;
        let is_free =
            |slot: &Slot| slot.exclusive.as_ref().is_none_or(mine) && (!alone || slot.shared.iter().all(mine));
        if !slots.iter().all(is_free) {
            return false;
        }
        for slot in slots {
            if alone {
                slot.exclusive = Some(handle);
            } else if !slot.shared.contains(&handle) {
                slot.shared.push(handle);
            }
        }
        true
    }

    pub(crate) fn unlock(&mut self, handle: Handle, first: usize, count: usize) {
        for slot in self.slots.iter_mut().skip(first).take(count) {
            slot.shared.retain(|other| *other != handle);
            slot.exclusive = slot.exclusive.filter(|other| *other != handle);
        }
    }

    /// `handle` uses it no more. With its last user the memory goes, and the next one finds it empty.
    pub(crate) fn unmap(&mut self, handle: Handle) {
        self.unlock(handle, 0, SLOTS);
        self.users.retain(|other| *other != handle);
        if self.users.is_empty() {
            self.regions.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Handle = Handle(1);
    const B: Handle = Handle(2);

    #[test]
    fn one_writes_while_others_read_and_nobody_comes_in_behind_who_waits() {
        let mut locks = FileLocks::default();
        assert!(locks.lock(A, Level::Shared) && locks.lock(B, Level::Shared));
        assert!(locks.lock(A, Level::Reserved) && !locks.lock(B, Level::Reserved));
        assert!(!locks.lock(A, Level::Exclusive), "B reads");
        locks.unlock(B, Level::Unlocked);
        assert!(!locks.lock(B, Level::Shared), "A waits");
        assert!(locks.lock(A, Level::Exclusive));
        locks.forget(A);
        assert!(locks.lock(B, Level::Exclusive));
    }

    #[test]
    fn a_slot_belongs_to_many_readers_or_to_one_alone() {
        let mut memory = SharedMemory::default();
        assert!(memory.lock(A, 3, 1, false) && memory.lock(B, 3, 1, false));
        assert!(!memory.lock(A, 0, 8, true), "B reads");
        memory.unlock(B, 3, 1);
        assert!(memory.lock(A, 3, 1, true) && !memory.lock(B, 3, 1, false));
        memory.unmap(A);
        assert!(memory.lock(B, 3, 1, false));
    }

    #[test]
    fn memory_stays_where_it_is_while_somebody_uses_it() {
        let mut memory = SharedMemory::default();
        assert_eq!(memory.map(A, 0, false), None);
        let there = memory.map(A, 0, true);
        assert!(there.is_some() && memory.map(B, 5, true).is_some());
        assert_eq!(memory.map(B, 0, false), there);
        memory.unmap(A);
        assert_eq!(memory.map(B, 0, false), there);
        memory.unmap(B);
        assert_eq!(memory.map(B, 0, false), None);
    }
}
