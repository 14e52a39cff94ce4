//! Locks that the engine knows and no hub lists at present.
//!
//! A lock is called gone only after two device lists in a row that are evidence and lack it (or the hub's word that it
//! left, and one such list): one empty, broken or premature list removes nothing.

use std::collections::HashMap;

use thumbturn_core::ids::NativeId;

/// How many lists must lack a lock.
const ENOUGH: u8 = 2;

/// The locks that are missed.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    locks: HashMap<NativeId, Orphan>,
}

#[derive(Debug, Default)]
struct Orphan {
    /// The hub that listed it in this session; `None`: an earlier session, any hub may have been it.
    owner: Option<usize>,
    /// Per hub, how many lists lacked it.
    misses: HashMap<usize, u8>,
}

impl Orphans {
    /// The locks of earlier sessions, before any hub has spoken.
    pub(super) fn of(known: impl Iterator<Item = NativeId>) -> Self {
        Self { locks: known.map(|native| (native, Orphan::default())).collect() }
    }

    /// Misses a lock that `hub` listed until now.
    pub(super) fn add(&mut self, native: NativeId, hub: usize) {
        self.locks.insert(native, Orphan { owner: Some(hub), misses: HashMap::new() });
    }

    /// The lock is listed.
    pub(super) fn found(&mut self, native: &NativeId) {
        self.locks.remove(native);
    }

    /// The missed locks.
    pub(super) fn iter(&self) -> impl Iterator<Item = &NativeId> {
        self.locks.keys()
    }

    /// A list of `hub` that is evidence lacks every lock for which `concerns` is true. Returns those that are gone now:
    /// missed often enough by the hub that had them, or by all `hubs` where that is not known.
    pub(super) fn missed(&mut self, hub: usize, hubs: usize, concerns: impl Fn(&NativeId) -> bool) -> Vec<NativeId> {
        for (native, orphan) in &mut self.locks {
            if concerns(native) {
                let misses = orphan.misses.entry(hub).or_insert(0);
                *misses = misses.saturating_add(1);
            }
        }
        let gone: Vec<NativeId> =
            self.locks.iter().filter(|(_, orphan)| orphan.is_gone(hubs)).map(|(native, _)| native.clone()).collect();
        for native in &gone {
            self.locks.remove(native);
        }
        gone
    }

    /// Whether a further list of `hub` could settle something.
    pub(super) fn wait_for(&self, hub: usize) -> bool {
        self.locks.values().any(|orphan| orphan.misses.get(&hub).is_some_and(|misses| *misses < ENOUGH))
    }
}

impl Orphan {
    fn is_gone(&self, hubs: usize) -> bool {
        let enough = |hub: usize| self.misses.get(&hub).is_some_and(|misses| *misses >= ENOUGH);
        match self.owner {
            Some(owner) => enough(owner),
            None => hubs > 0 && (0..hubs).all(enough),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn native(id: &str) -> NativeId {
        NativeId(id.to_owned())
    }

    #[test]
    fn one_list_is_not_enough() {
        let mut orphans = Orphans::default();
        orphans.add(native("0x1"), 0);
        assert!(orphans.missed(0, 1, |_| true).is_empty());
        assert!(orphans.wait_for(0));
        assert_eq!(orphans.missed(0, 1, |_| true), [native("0x1")]);
        assert!(!orphans.wait_for(0));
    }

    #[test]
    fn a_lock_that_comes_back_starts_anew() {
        let mut orphans = Orphans::of([native("0x1")].into_iter());
        orphans.missed(0, 1, |_| true);
        orphans.found(&native("0x1"));
        orphans.add(native("0x1"), 0);
        assert!(orphans.missed(0, 1, |_| true).is_empty());
    }

    #[test]
    fn a_lock_of_unknown_hub_is_gone_when_all_hubs_miss_it() {
        let mut orphans = Orphans::of([native("0x1")].into_iter());
        for hub in [0, 0, 0, 1] {
            assert!(orphans.missed(hub, 2, |_| true).is_empty());
        }
        assert_eq!(orphans.missed(1, 2, |_| true), [native("0x1")]);
    }
}
