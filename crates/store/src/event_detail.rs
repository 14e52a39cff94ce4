//! Events as they lie in the database: the contract's word for the kind, and the rest as JSON of our own.

use serde::{Deserialize, Serialize};
use thumbturn_core::devices::BatteryStatus;
use thumbturn_core::events::{EventKind, Method, SpaceFacts};
use thumbturn_core::ids::{AttemptId, ClientSessionId, DeviceId, SpaceId};
use thumbturn_core::locks::{Action, Bolt};
use uuid::Uuid;

use crate::accounts::{trouble_from, trouble_word};
use crate::devices::{because_from, because_word};
use crate::error::Corrupt;

/// What an event tells beyond the columns of its row. Fields are only ever added, so that old rows stay readable. What is a
/// word of ours needs no escapes in JSON.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Detail<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    because: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<f64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slot: Option<u32>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    space: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    space_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    devices: Option<Vec<Uuid>>,
}

/// The attempt that an event names.
pub(crate) const fn attempt_of(kind: &EventKind) -> Option<AttemptId> {
    match kind {
        EventKind::LockMoved { attempt, .. } => *attempt,
        EventKind::AttemptEnded { attempt, .. } => Some(*attempt),
        _ => None,
    }
}

/// The JSON text of an event's details.
pub(crate) fn to_json(kind: &EventKind) -> Result<String, Corrupt> {
    serde_json::to_string(&detail_of(kind)).map_err(|error| Corrupt::new(format!("an event cannot be kept: {error}")))
}

fn detail_of(kind: &EventKind) -> Detail<'_> {
    match kind {
        EventKind::DeviceDisconnected { because, .. } => {
            Detail { because: Some(because_word(*because)), ..Detail::default() }
        }
        EventKind::AccountDisconnected { trouble } => {
            Detail { because: Some(trouble_word(*trouble)), ..Detail::default() }
        }
        EventKind::DeviceDeleted { name } | EventKind::DeviceNameChanged { name } => {
            Detail { name: Some(name.clone()), ..Detail::default() }
        }
        EventKind::DeviceLowBattery { level } => Detail { level: Some(*level), ..Detail::default() },
        EventKind::DeviceBatteryStatusChanged { status, level } => {
            Detail { status: Some(status.as_str()), level: Some(*level), ..Detail::default() }
        }
        EventKind::LockMoved { method, slot, .. } => {
            Detail { method: Some(method.as_str()), slot: *slot, ..Detail::default() }
        }
        EventKind::LockAccessDenied { reason } => Detail { reason: *reason, ..Detail::default() },
        EventKind::SessionDeleted { session } => Detail { session: Some(session.0), ..Detail::default() },
        EventKind::SpaceCreated(facts)
        | EventKind::SpaceDeleted(facts)
        | EventKind::SpaceDeviceMembershipChanged(facts) => Detail {
            space: Some(facts.space.0),
            space_key: facts.key.clone(),
            devices: Some(facts.devices.iter().map(|device| device.0).collect()),
            ..Detail::default()
        },
        // The type or a column says everything. Listed, so that a new kind cannot lose its details unseen.
        EventKind::DeviceAdded
        | EventKind::DeviceConnected { .. }
        | EventKind::DeviceRemoved
        | EventKind::DeviceConvertedToUnmanaged
        | EventKind::DeviceConvertedToManaged
        | EventKind::DeviceSubscriptionRequired
        | EventKind::DeviceSubscriptionResolved
        | EventKind::AttemptEnded { .. }
        | EventKind::AccountConnected
        | EventKind::AccountCompletedFirstSync
        | EventKind::AccountCompletedFirstSyncAfterReconnection
        | EventKind::AccountDeleted => Detail::default(),
    }
}

/// The kind of an event from its row.
pub(crate) fn from_row(name: &str, attempt: Option<AttemptId>, json: &str) -> Result<EventKind, Corrupt> {
    let detail: Detail<'_> =
        serde_json::from_str(json).map_err(|error| Corrupt::new(format!("details of {name}: {error}")))?;
    kind_of(name, attempt, detail).ok_or_else(|| Corrupt::new(format!("an event of type {name:?} is incomplete")))
}

fn kind_of(name: &str, attempt: Option<AttemptId>, detail: Detail<'_>) -> Option<EventKind> {
    Some(match name {
        "device.added" => EventKind::DeviceAdded,
        "device.connected" => EventKind::DeviceConnected { managed: true },
        "device.unmanaged.connected" => EventKind::DeviceConnected { managed: false },
        "device.disconnected" | "device.unmanaged.disconnected" => EventKind::DeviceDisconnected {
            managed: name == "device.disconnected",
            because: because_from(detail.because?)?,
        },
        "device.removed" => EventKind::DeviceRemoved,
        "device.deleted" => EventKind::DeviceDeleted { name: detail.name? },
        "device.name_changed" => EventKind::DeviceNameChanged { name: detail.name? },
        "device.converted_to_unmanaged" => EventKind::DeviceConvertedToUnmanaged,
        "device.unmanaged.converted_to_managed" => EventKind::DeviceConvertedToManaged,
        "device.low_battery" => EventKind::DeviceLowBattery { level: detail.level? },
        "device.battery_status_changed" => {
            EventKind::DeviceBatteryStatusChanged { status: status_from(detail.status?)?, level: detail.level? }
        }
        "device.error.subscription_required" => EventKind::DeviceSubscriptionRequired,
        "device.error.subscription_required.resolved" => EventKind::DeviceSubscriptionResolved,
        "lock.locked" => moved(Bolt::Locked, attempt, &detail)?,
        "lock.unlocked" => moved(Bolt::Unlocked, attempt, &detail)?,
        "lock.access_denied" => EventKind::LockAccessDenied { reason: detail.reason.and_then(reason_from) },
        "connected_account.connected" => EventKind::AccountConnected,
        "connected_account.disconnected" => EventKind::AccountDisconnected { trouble: trouble_from(detail.because?)? },
        "connected_account.completed_first_sync" => EventKind::AccountCompletedFirstSync,
        "connected_account.completed_first_sync_after_reconnection" => {
            EventKind::AccountCompletedFirstSyncAfterReconnection
        }
        "connected_account.deleted" => EventKind::AccountDeleted,
        "client_session.deleted" => EventKind::SessionDeleted { session: ClientSessionId(detail.session?) },
        "space.created" => EventKind::SpaceCreated(space_facts(detail)?),
        "space.deleted" => EventKind::SpaceDeleted(space_facts(detail)?),
        "space.device_membership_changed" => EventKind::SpaceDeviceMembershipChanged(space_facts(detail)?),
        _ => return ended_from(name, attempt?),
    })
}

fn space_facts(detail: Detail<'_>) -> Option<SpaceFacts> {
    Some(SpaceFacts {
        space: SpaceId(detail.space?),
        key: detail.space_key,
        devices: detail.devices?.into_iter().map(DeviceId).collect(),
    })
}

/// The end of an attempt, if `name` is that of one.
fn ended_from(name: &str, attempt: AttemptId) -> Option<EventKind> {
    let ends =
        Action::ALL.into_iter().flat_map(|action| [true, false].map(|end| EventKind::of_end(attempt, action, end)));
    ends.flatten().find(|kind| kind.name() == name)
}

fn moved(to: Bolt, attempt: Option<AttemptId>, detail: &Detail<'_>) -> Option<EventKind> {
    let method = Method::from_word(detail.method?)?;
    Some(EventKind::LockMoved { to, method, attempt, slot: detail.slot })
}

fn status_from(word: &str) -> Option<BatteryStatus> {
    use BatteryStatus::{Critical, Full, Good, Low};
    [Critical, Low, Good, Full].into_iter().find(|status| status.as_str() == word)
}

/// The reasons of the contract; one that it does not have is left out rather than passed on.
fn reason_from(word: &str) -> Option<&'static str> {
    const REASONS: &[&str] = &[
        "unknown_code",
        "expired_code",
        "blocklisted_code",
        "too_many_attempts",
        "blocked_by_privacy_mode",
        "credential_error",
    ];
    REASONS.iter().copied().find(|reason| *reason == word)
}

#[cfg(test)]
mod tests {
    use thumbturn_core::accounts::LinkTrouble;
    use thumbturn_core::devices::OfflineBecause;

    use super::*;

    fn space(key: Option<&str>, devices: &[u128]) -> SpaceFacts {
        let devices = devices.iter().map(|n| DeviceId(Uuid::from_u128(*n))).collect();
        SpaceFacts { space: SpaceId(Uuid::from_u128(9)), key: key.map(str::to_owned), devices }
    }

    #[test]
    fn every_kind_comes_back_as_it_was() {
        let attempt = AttemptId(Uuid::from_u128(7));
        let moved = |to, attempt, slot| EventKind::LockMoved { to, method: Method::Keycode, attempt, slot };
        let kinds = [
            EventKind::DeviceAdded,
            EventKind::DeviceConnected { managed: true },
            EventKind::DeviceConnected { managed: false },
            EventKind::DeviceDisconnected { managed: true, because: OfflineBecause::HubDisconnected },
            EventKind::DeviceDisconnected { managed: true, because: OfflineBecause::OwnHubDisconnected },
            EventKind::DeviceDisconnected { managed: false, because: OfflineBecause::DeviceRemoved },
            EventKind::DeviceRemoved,
            EventKind::DeviceDeleted { name: "Front \"door\"".to_owned() },
            EventKind::DeviceNameChanged { name: "Tür".to_owned() },
            EventKind::DeviceConvertedToUnmanaged,
            EventKind::DeviceConvertedToManaged,
            EventKind::DeviceLowBattery { level: 0.1 },
            EventKind::DeviceBatteryStatusChanged { status: BatteryStatus::Critical, level: 0.3 },
            EventKind::DeviceSubscriptionRequired,
            EventKind::DeviceSubscriptionResolved,
            moved(Bolt::Locked, Some(attempt), None),
            moved(Bolt::Unlocked, None, Some(3)),
            EventKind::LockAccessDenied { reason: Some("unknown_code") },
            EventKind::LockAccessDenied { reason: None },
            EventKind::AccountConnected,
            EventKind::AccountDisconnected { trouble: LinkTrouble::HubDisconnected },
            EventKind::AccountDisconnected { trouble: LinkTrouble::CredentialsRefused },
            EventKind::AccountCompletedFirstSync,
            EventKind::AccountCompletedFirstSyncAfterReconnection,
            EventKind::AccountDeleted,
            EventKind::SessionDeleted { session: ClientSessionId(Uuid::from_u128(8)) },
            EventKind::SpaceCreated(space(None, &[])),
            EventKind::SpaceDeleted(space(Some("lobby"), &[1])),
            EventKind::SpaceDeviceMembershipChanged(space(Some("lobby"), &[2, 1])),
        ];
        let ends =
            Action::ALL.into_iter().flat_map(|action| [true, false].map(|end| EventKind::of_end(attempt, action, end)));
        for kind in kinds.into_iter().chain(ends.flatten()) {
            let json = to_json(&kind).unwrap();
            assert_eq!(from_row(kind.name(), attempt_of(&kind), &json).unwrap(), kind, "{json}");
        }
    }

    #[test]
    fn an_unknown_type_is_corrupt_and_not_a_panic() {
        assert!(from_row("device.exploded", None, "{}").is_err());
        assert!(from_row("device.low_battery", None, "{}").is_err());
        assert!(from_row("device.added", None, "not json").is_err());
    }
}
