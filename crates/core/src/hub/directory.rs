//! Where each lock's task can be reached.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

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
}
