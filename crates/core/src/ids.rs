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
    /// A webhook: a receiver that is told of events.
    WebhookId,
    /// One event on its way to one webhook.
    DeliveryId,
    /// A person who runs the installation; owns personal access tokens.
    OperatorId,
    /// A node: one of several servers on one database, from its start until it stops or loses its lease.
    NodeId,
}

impl DeliveryId {
    /// The delivery of this event to this webhook (`UUIDv8`): always the same, so that a receiver knows a message again even
    /// where what was kept of its first delivery is gone. It begins with the event's time, as the event's id does.
    #[must_use]
    pub fn of(webhook: WebhookId, event: EventId) -> Self {
        const TIME: usize = 6;
        let mut bytes = Uuid::new_v5(&webhook.0, event.0.as_bytes()).into_bytes();
        bytes[..TIME].copy_from_slice(&event.0.as_bytes()[..TIME]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_event_each_webhook_has_one_delivery_that_carries_its_time() {
        let event = EventId::new_at("2026-01-15T08:30:00Z".parse().unwrap());
        let later = EventId::new_at("2026-01-15T08:30:01Z".parse().unwrap());
        let (one, other) = (WebhookId(Uuid::from_u128(1)), WebhookId(Uuid::from_u128(2)));
        let delivery = DeliveryId::of(one, event);
        assert_eq!(delivery, DeliveryId::of(one, event));
        assert_ne!(delivery, DeliveryId::of(other, event));
        assert!(delivery < DeliveryId::of(one, later));
        assert_eq!(delivery.0.get_version_num(), 8);
    }
}
