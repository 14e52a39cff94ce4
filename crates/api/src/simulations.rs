//! Simulations: what virtual locks and their accounts can be made to go through, at Seam's own paths. Only in sandbox
//! workspaces; rules as in the "Sandbox" chapter of the Seam guides.

use crate::action_attempts::ActionAttempt;
use crate::endpoint::endpoints;
use crate::ids::{ConnectedAccountId, DeviceId};
use crate::values::{NonEmptyString, Secret};

endpoints! {
    /// Types a code at the keypad of a virtual lock.
    ///
    /// What comes of it is decided by what the lock itself holds: a code that it knows unlocks it, any other is denied,
    /// and after five wrong ones in a row the keypad is dead for a minute.
    endpoint SimulateKeypadCodeEntry {
        path: "/locks/simulate/keypad_code_entry",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [action_attempt] => ActionAttempt,
        changes: true,
        attempt: SIMULATE_KEYPAD_CODE_ENTRY,
        params: {
            /// The virtual lock.
            device_id: DeviceId,
            /// The code to type: 1 to 32 digits.
            code: Secret<NonEmptyString>,
        },
        errors: [DeviceUnmanaged],
    }

    /// Presses the lock button at the keypad of a virtual lock.
    endpoint SimulateManualLockViaKeypad {
        path: "/locks/simulate/manual_lock_via_keypad",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [action_attempt] => ActionAttempt,
        changes: true,
        attempt: SIMULATE_MANUAL_LOCK_VIA_KEYPAD,
        params: {
            /// The virtual lock.
            device_id: DeviceId,
        },
        errors: [DeviceUnmanaged],
    }

    /// Brings a virtual lock back online, whatever took it away.
    endpoint SimulateConnection {
        path: "/devices/simulate/connect",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The virtual lock.
            device_id: DeviceId,
        },
    }

    /// Takes a virtual lock offline. It goes on working alone, and tells later what was done at its keypad.
    endpoint SimulateDisconnection {
        path: "/devices/simulate/disconnect",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The virtual lock.
            device_id: DeviceId,
        },
    }

    /// Brings the hub of a virtual lock back.
    endpoint SimulateHubConnection {
        path: "/devices/simulate/connect_to_hub",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The virtual lock.
            device_id: DeviceId,
        },
    }

    /// Takes the hub of a virtual lock away, and with it the lock.
    endpoint SimulateHubDisconnection {
        path: "/devices/simulate/disconnect_from_hub",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The virtual lock.
            device_id: DeviceId,
        },
    }

    /// Has the paid subscription of a virtual lock end, or begin again. Without it the lock refuses commands.
    endpoint SimulatePaidSubscription {
        path: "/devices/simulate/paid_subscription",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The virtual lock.
            device_id: DeviceId,
            /// Whether the subscription has ended.
            is_expired: bool,
        },
    }

    /// Removes a virtual lock from its hub. Its record stays, with the error `device_removed`, until it is deleted.
    endpoint SimulateRemoval {
        path: "/devices/simulate/remove",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The virtual lock.
            device_id: DeviceId,
        },
    }

    /// Has the login of an account of virtual locks refused from now on. A reset of the sandbox connects it again.
    endpoint SimulateAccountDisconnection {
        path: "/connected_accounts/simulate/disconnect",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The account.
            connected_account_id: ConnectedAccountId,
        },
    }
}
