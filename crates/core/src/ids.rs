//! Typed ids, so that a device id cannot be passed where an attempt id belongs.
//!
//! New ids are `UUIDv7`, made in the program: they sort by the time they were made, which keeps database indexes dense.

use std::fmt;

use jiff::Timestamp;
use uuid::{NoContext, Uuid};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id that carries the time `at`.
            #[must_use]
            pub fn new_at(at: Timestamp) -> Self {
                Self(uuid_at(at))
            }

            /// An id that is always the same for the same `name` under `parent` (`UUIDv5`), for fixtures.
            #[must_use]
            pub fn derived(parent: Uuid, name: &str) -> Self {
                Self(Uuid::new_v5(&parent, name.as_bytes()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

ids! {
    /// A workspace: the tenant.
    WorkspaceId,
    /// A connected account: one hub, or one set of virtual locks.
    AccountId,
    /// A device.
    DeviceId,
    /// An action attempt.
    AttemptId,
    /// An event.
    EventId,
    /// A call made under an idempotency key; derived from its caller, its path and its key.
    CallId,
    /// A client session.
    ClientSessionId,
    /// An API key, a personal access token or a publishable key.
    KeyId,
    /// A space: a room, a flat, a building.
    SpaceId,
    /// A user identity: one end user of the application.
    UserIdentityId,
    /// A person who runs the installation; owns personal access tokens.
    OperatorId,
}

/// A new `UUIDv7` that carries the time `at`.
#[must_use]
pub fn uuid_at(at: Timestamp) -> Uuid {
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    let nanos = u32::try_from(at.subsec_nanosecond()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos))
}

/// The name a hub gives to one of its locks: an IEEE address, a node id, a unique id. Opaque to the engine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NativeId(pub String);

impl NativeId {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NativeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
