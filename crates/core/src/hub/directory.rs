//! Where each lock's task can be reached.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, RwLock};

use super::census::Census;
use super::lock::LockHandle;
use crate::ids::DeviceId;

#[derive(Default)]
pub(crate) struct Directory {
    locks: RwLock<HashMap<DeviceId, LockHandle>>,
}

impl Directory {
    pub(crate) fn enter(&self, device: DeviceId, handle: LockHandle) {
        self.locks.write().unwrap_or_else(PoisonError::into_inner).insert(device, handle);
    }

    pub(crate) fn leave(&self, device: DeviceId) {
        self.locks.write().unwrap_or_else(PoisonError::into_inner).remove(&device);
    }

    pub(crate) fn find(&self, device: DeviceId) -> Option<LockHandle> {
        self.locks.read().unwrap_or_else(PoisonError::into_inner).get(&device).cloned()
    }

    /// Counts locks, and the attempts that wait for them.
    pub(crate) fn count(&self, census: &mut Census) {
        for handle in self.locks.read().unwrap_or_else(PoisonError::into_inner).values() {
            let attempts = handle.load.attempts.load(Ordering::Relaxed);
            *census.locks.entry(handle.provider).or_default() += 1;
            *census.attempts.entry(handle.provider).or_default() += u64::try_from(attempts).unwrap_or(u64::MAX);
        }
    }
}
