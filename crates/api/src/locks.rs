//! Locks. A lock is an ordinary [`Device`]; here are the actions on it and the older reads.

use crate::action_attempts::ActionAttempt;
use crate::device_filters::DeviceFilters;
use crate::devices::Device;
use crate::endpoint::endpoints;
use crate::envelope::Page;
use crate::ids::DeviceId;
use crate::params::Nullable;
use crate::problems::Problems;
use crate::values::{Decimal, Limit, NonEmptyString};

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
        errors: [DeviceUnmanaged, NotSupported, RateLimitExceeded],
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
        errors: [DeviceUnmanaged, NotSupported, RateLimitExceeded],
    }

    /// Has a lock lock itself some seconds after it was unlocked, or not.
    endpoint ConfigureAutoLock {
        path: "/locks/configure_auto_lock",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [action_attempt] => ActionAttempt,
        changes: true,
        attempt: CONFIGURE_AUTO_LOCK,
        params: {
            /// The lock.
            device_id: DeviceId,
            /// Whether it locks itself.
            auto_lock_enabled: bool,
            /// After how many seconds; required to enable it. Locks count whole seconds, so a part of one counts as one.
            auto_lock_delay_seconds: Option<Decimal<1, 60>>,
        },
        check: enabling_needs_a_delay,
        errors: [DeviceUnmanaged, NotSupported],
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

fn enabling_needs_a_delay(params: &ConfigureAutoLock, problems: &mut Problems) {
    if params.auto_lock_enabled && params.auto_lock_delay_seconds.is_none() {
        problems.at("auto_lock_delay_seconds", Problems::add_required);
    }
}
