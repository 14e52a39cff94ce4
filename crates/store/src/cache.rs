//! What is read on every request, kept in memory: bounded, and never older than the last answered commit.
//!
//! Our own hundred lines and not a general cache, because one step must be atomic: "put this in, unless a commit has
//! made it stale since I began to read". A reader takes a [`Ticket`] before it reads; the writer, after the commit and
//! before it answers, moves the shard's generation on; an entry with an older ticket is not taken. When a shard is
//! full, an arbitrary entry makes room.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

const SHARDS: usize = 16;

/// A bounded map from `K` to copies of `V`.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    shards: Box<[RwLock<Shard<K, V>>]>,
    per_shard: usize,
    hasher: RandomState,
    open: AtomicBool,
}

#[derive(Debug)]
struct Shard<K, V> {
    generation: u64,
    entries: HashMap<K, V>,
}

/// Says how new a read is: taken before the read began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(u64);

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    /// A cache of about `capacity` entries.
    pub(crate) fn new(capacity: usize) -> Self {
        let shard = || RwLock::new(Shard { generation: 0, entries: HashMap::new() });
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            per_shard: capacity.div_ceil(SHARDS).max(1),
            hasher: RandomState::new(),
            open: AtomicBool::new(true),
        }
    }

    /// What is known of `key`, or a ticket to put in what is about to be read.
    pub(crate) fn get(&self, key: &K) -> Result<V, Ticket> {
        let shard = self.read(key);
        shard.entries.get(key).cloned().ok_or(Ticket(shard.generation))
    }

    /// Whether anything is taken in from now on. (Looked at under the shard's lock: what is forgotten after this has
    /// closed the cache stays forgotten.)
    pub(crate) fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Release);
    }

    /// Keeps what was read, unless something was forgotten in between.
    pub(crate) fn insert(&self, key: K, value: V, ticket: Ticket) {
        let mut shard = self.write(&key);
        if shard.generation != ticket.0 || !self.open.load(Ordering::Acquire) {
            return;
        }
        if shard.entries.len() >= self.per_shard && !shard.entries.contains_key(&key) {
            shard.evict_one();
        }
        shard.entries.insert(key, value);
    }

    /// Forgets `key`, and what is being read of it now.
    pub(crate) fn forget(&self, key: &K) {
        let mut shard = self.write(key);
        shard.generation += 1;
        shard.entries.remove(key);
    }

    /// Forgets `key` unless what is kept still holds. An entry that is kept proves that the database had the same
    /// before the commit, so a read that runs now cannot bring back anything else.
    pub(crate) fn forget_unless(&self, key: &K, holds: impl FnOnce(&V) -> bool) {
        if !self.read(key).entries.get(key).is_some_and(holds) {
            self.forget(key);
        }
    }

    /// Forgets every entry that `is_stale` names, and everything that is being read now.
    pub(crate) fn forget_where(&self, is_stale: impl Fn(&V) -> bool) {
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.generation += 1;
            shard.entries.retain(|_, value| !is_stale(value));
        }
    }

    fn shard(&self, key: &K) -> &RwLock<Shard<K, V>> {
        let hash = self.hasher.hash_one(key);
        // The top bits: the map inside the shard uses the others.
        &self.shards[(hash >> 60) as usize % SHARDS]
    }

    fn read(&self, key: &K) -> RwLockReadGuard<'_, Shard<K, V>> {
        self.shard(key).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, key: &K) -> RwLockWriteGuard<'_, Shard<K, V>> {
        self.shard(key).write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone, V> Shard<K, V> {
    fn evict_one(&mut self) {
        if let Some(key) = self.entries.keys().next().cloned() {
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(cache: &Cache<u32, u32>, key: u32) -> Ticket {
        cache.get(&key).unwrap_err()
    }

    #[test]
    fn keeps_what_was_put_in() {
        let cache = Cache::new(100);
        cache.insert(1, 10, ticket(&cache, 1));
        assert_eq!(cache.get(&1).unwrap(), 10);
    }

    #[test]
    fn a_read_that_began_before_a_commit_is_not_kept() {
        let cache = Cache::new(100);
        let before = ticket(&cache, 1);
        cache.forget(&1);
        cache.insert(1, 10, before);
        assert!(cache.get(&1).is_err());

        let before = ticket(&cache, 1);
        cache.forget_where(|_| false);
        cache.insert(1, 10, before);
        assert!(cache.get(&1).is_err());
    }

    #[test]
    fn an_entry_that_still_holds_stays() {
        let cache = Cache::new(100);
        cache.insert(1, 10, ticket(&cache, 1));
        cache.forget_unless(&1, |value| *value == 10);
        assert_eq!(cache.get(&1).unwrap(), 10);
        cache.forget_unless(&1, |value| *value == 11);
        assert!(cache.get(&1).is_err());
    }

    #[test]
    fn a_missing_entry_stops_reads_that_run() {
        let cache = Cache::new(100);
        let before = ticket(&cache, 1);
        cache.forget_unless(&1, |_| true);
        cache.insert(1, 10, before);
        assert!(cache.get(&1).is_err());
    }

    #[test]
    fn a_closed_cache_takes_nothing_in() {
        let cache = Cache::new(100);
        cache.set_open(false);
        cache.insert(1, 10, ticket(&cache, 1));
        assert!(cache.get(&1).is_err());
        cache.set_open(true);
        cache.insert(1, 10, ticket(&cache, 1));
        assert_eq!(cache.get(&1).unwrap(), 10);
    }

    #[test]
    fn is_bounded() {
        let cache = Cache::new(64);
        for key in 0..10_000 {
            cache.insert(key, key, ticket(&cache, key));
        }
        let kept = (0..10_000).filter(|key| cache.get(key).is_ok()).count();
        assert!(kept <= 64, "{kept}");
    }
}
