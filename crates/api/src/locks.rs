//! Locks. A lock is an ordinary [`Device`]; here are the actions on it and the older reads.

use crate::action_attempts::ActionAttempt;
use crate::device_filters::DeviceFilters;
use crate::devices::Device;
use crate::endpoint::endpoints;
use crate::envelope::Page;
use crate::ids::DeviceId;
use crate::params::Nullable;
use crate::values::{Limit, NonEmptyString};

endpoints! {
    /// Unlocks a door.
    ///
    /// Each call is an attempt of its own, also when the door is already unlocked. The answer waits a few seconds for
    /// the outcome; an attempt that is still `pending` then can be read with `/action_attempts/get`.
    endpoint UnlockDoor {
        path: "/locks/unlock_door",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [action_attempt] => ActionAttempt,
        changes: true,
        attempt: UNLOCK_DOOR,
        params: {
            /// The lock.
            device_id: DeviceId,
            /// Whether the answer waits until the attempt is decided, up to 10 seconds.
            sync: bool = false,
        },
    }

    /// Locks a door.
    ///
    /// Each call is an attempt of its own, also when the door is already locked. The answer waits a few seconds for
    /// the outcome; an attempt that is still `pending` then can be read with `/action_attempts/get`.
    endpoint LockDoor {
        path: "/locks/lock_door",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [action_attempt] => ActionAttempt,
        changes: true,
        attempt: LOCK_DOOR,
        params: {
            /// The lock.
            device_id: DeviceId,
            /// Whether the answer waits until the attempt is decided, up to 10 seconds.
            sync: bool = false,
        },
    }

    /// Returns one lock. Older form of `/devices/get`.
    endpoint GetLock {
        path: "/locks/get",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [device, lock] => Device,
        changes: false,
        params: {
            /// The lock.
            device_id: Option<DeviceId>,
            /// Its name. With several locks of this name the first one is answered.
            name: Option<NonEmptyString>,
        },
        rules: [AtLeastOne("device_id", "name")],
    }

    /// Lists locks: all of them, unless a `limit` is given.
    endpoint ListLocks {
        path: "/locks/list",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [devices, locks] => Page<Device>,
        changes: false,
        groups: {
            /// Which locks to list.
            filters: DeviceFilters,
        },
        params: {
            /// Largest number of locks to answer.
            limit: Limit = Limit::DEFAULT,
            /// Where to go on.
            page_cursor: Nullable<String>,
        },
    }
}
