//! Where each lock's task can be reached.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::census::Census;
use super::lock::LockHandle;
use crate::ids::{DeviceId, NodeId};

#[derive(Default)]
pub(crate) struct Directory {
    locks: RwLock<HashMap<DeviceId, LockHandle>>,
}

impl Directory {
    pub(crate) fn enter(&self, device: DeviceId, handle: LockHandle) {
        self.locks.write().unwrap_or_else(PoisonError::into_inner).insert(device, handle);
    }

    /// Takes out a lock, unless another task serves it by now.
    pub(crate) fn leave(&self, device: DeviceId, handle: &LockHandle) {
        let mut locks = self.locks.write().unwrap_or_else(PoisonError::into_inner);
        if locks.get(&device).is_some_and(|known| known.mailbox.same_channel(&handle.mailbox)) {
            locks.remove(&device);
        }
    }

    pub(crate) fn find(&self, device: DeviceId) -> Option<LockHandle> {
        self.locks.read().unwrap_or_else(PoisonError::into_inner).get(&device).cloned()
    }

    /// Takes out whatever is not served for `node`.
    pub(crate) fn keep_only(&self, node: NodeId) {
        let mut locks = self.locks.write().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, handle| handle.tenure == Some(node));
    }

    /// Counts locks, and the attempts that wait for them.
    pub(crate) fn count(&self, census: &mut Census) {
        for handle in self.locks.read().unwrap_or_else(PoisonError::into_inner).values() {
            let attempts = handle.load.count();
            *census.locks.entry(handle.provider).or_default() += 1;
            *census.attempts.entry(handle.provider).or_default() += u64::try_from(attempts).unwrap_or(u64::MAX);
        }
    }
}
