//! Events on the wire: as an object of the API, and as the JSON that webhooks and streams are sent. Both have the same fields,
//! which are told in one place.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use thumbturn_api::events::Event;
use thumbturn_api::{JsonObject, PreciseTimestamp, Secret, Timestamp};
use thumbturn_core::accounts::LinkTrouble;
use thumbturn_core::devices::OfflineBecause;
use thumbturn_core::events::{EventKind, RecordedEvent, SpaceFacts};
use thumbturn_core::locks::Bolt;

use super::to_wire::{ACCOUNT_ERROR, ACCOUNT_WARNING, AWAY, REFUSED, device_error, metadata, subscription_required};

/// An empty list.
const NONE: [Value; 0] = [];

/// Takes the fields of an event one after the other, each once.
trait Fields {
    fn put(&mut self, name: &'static str, value: impl Serialize);
}

impl Fields for JsonObject {
    fn put(&mut self, name: &'static str, value: impl Serialize) {
        self.insert(name.to_owned(), json!(value));
    }
}

/// Fields that are written as they come.
struct Written<'a, M: SerializeMap> {
    map: &'a mut M,
    outcome: Result<(), M::Error>,
}

impl<M: SerializeMap> Fields for Written<'_, M> {
    fn put(&mut self, name: &'static str, value: impl Serialize) {
        if self.outcome.is_ok() {
            self.outcome = self.map.serialize_entry(name, &value);
        }
    }
}

/// An event: flat, with the fields that its type has.
pub(super) fn event(recorded: &RecordedEvent) -> Event {
    let event = &recorded.event;
    let mut fields = JsonObject::new();
    fields_of(recorded, &mut fields);
    Event {
        event_id: event.id.0.into(),
        event_type: event.kind.name().to_owned(),
        workspace_id: event.workspace.0.into(),
        created_at: recorded.created_at.into(),
        occurred_at: event.occurred_at.into(),
        event_description: Some(description(&event.kind).to_owned()),
        fields: Secret::new(fields),
    }
}

/// The same object where it is written at once, without one value being made for each field: webhooks are told of many.
pub(super) struct Sent<'a>(pub(super) &'a RecordedEvent);

impl Serialize for Sent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = &self.0.event;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("event_id", &event.id.0)?;
        map.serialize_entry("event_type", event.kind.name())?;
        map.serialize_entry("workspace_id", &event.workspace.0)?;
        map.serialize_entry("created_at", &PreciseTimestamp(self.0.created_at))?;
        map.serialize_entry("occurred_at", &Timestamp(event.occurred_at))?;
        map.serialize_entry("event_description", description(&event.kind))?;
        let mut fields = Written { map: &mut map, outcome: Ok(()) };
        fields_of(self.0, &mut fields);
        fields.outcome?;
        map.end()
    }
}

/// What an event has beyond what every event has.
fn fields_of(recorded: &RecordedEvent, fields: &mut impl Fields) {
    let event = &recorded.event;
    put(fields, "device_id", event.device.map(|id| id.0));
    put(fields, "connected_account_id", event.account.map(|id| id.0));
    kind_fields(&event.kind, event.occurred_at, fields);
    if !matches!(event.kind, EventKind::AttemptEnded { .. }) {
        put(fields, "device_custom_metadata", recorded.device_custom_metadata.as_deref().map(pairs));
        put(fields, "connected_account_custom_metadata", recorded.account_custom_metadata.as_deref().map(pairs));
    }
}

fn put(fields: &mut impl Fields, name: &'static str, value: Option<impl Serialize>) {
    if let Some(value) = value {
        fields.put(name, value);
    }
}

fn pairs(text: &str) -> Value {
    // Most have none, and webhooks are told of many.
    if text == "{}" { Value::Object(JsonObject::new()) } else { json!(metadata(text)) }
}

fn kind_fields(kind: &EventKind, at: jiff::Timestamp, fields: &mut impl Fields) {
    match kind {
        EventKind::LockMoved { method, attempt, .. } => {
            fields.put("method", method.as_str());
            put(fields, "action_attempt_id", attempt.map(|id| id.0));
        }
        EventKind::LockAccessDenied { reason } => {
            let told = reason.map(|code| json!({"reason_code": code, "message": denied(code)}));
            put(fields, "reason", told);
        }
        EventKind::AttemptEnded { attempt, action, succeeded } => {
            fields.put("action_attempt_id", attempt.0);
            fields.put("action_type", action.as_str());
            fields.put("status", if *succeeded { "success" } else { "error" });
        }
        EventKind::DeviceDisconnected { because, .. } => device_disconnected(*because, at, fields),
        EventKind::DeviceDeleted { name } | EventKind::DeviceNameChanged { name } => {
            fields.put("device_name", name);
        }
        EventKind::DeviceLowBattery { level } => {
            fields.put("battery_level", level);
            fields.put("battery_source", "lock");
            fields.put("device_battery_level", level);
        }
        EventKind::DeviceBatteryStatusChanged { status, level } => {
            fields.put("battery_status", status.as_str());
            fields.put("battery_level", level);
        }
        EventKind::AccountDisconnected { trouble } => account_disconnected(*trouble, at, fields),
        EventKind::SessionDeleted { session } => fields.put("client_session_id", session.0),
        EventKind::DeviceSubscriptionRequired => {
            let error = subscription_required(at);
            fields.put("device_errors", [issue("error_code", &error.error_code, &error.message, at)]);
            for none in ["device_warnings", "connected_account_errors", "connected_account_warnings"] {
                fields.put(none, NONE);
            }
        }
        EventKind::SpaceCreated(facts)
        | EventKind::SpaceDeleted(facts)
        | EventKind::SpaceDeviceMembershipChanged(facts) => space_facts(facts, fields),
        EventKind::DeviceAdded
        | EventKind::DeviceConnected { .. }
        | EventKind::DeviceRemoved
        | EventKind::DeviceSubscriptionResolved
        | EventKind::DeviceConvertedToUnmanaged
        | EventKind::DeviceConvertedToManaged
        | EventKind::AccountConnected
        | EventKind::AccountCompletedFirstSync
        | EventKind::AccountCompletedFirstSyncAfterReconnection
        | EventKind::AccountDeleted => {}
    }
}

fn space_facts(facts: &SpaceFacts, fields: &mut impl Fields) {
    fields.put("space_id", facts.space.0);
    put(fields, "space_key", facts.key.as_ref());
    fields.put("device_ids", facts.devices.iter().map(|device| device.0).collect::<Vec<_>>());
    fields.put("acs_entrance_ids", NONE);
}

/// What stands in the way, as it was when the event happened.
fn device_disconnected(because: OfflineBecause, at: jiff::Timestamp, fields: &mut impl Fields) {
    let code = match because {
        OfflineBecause::DeviceRemoved => OfflineBecause::DeviceDisconnected,
        _ => because,
    };
    fields.put("error_code", code.as_str());
    let error = device_error(code, at);
    fields.put("device_errors", [issue("error_code", &error.error_code, &error.message, at)]);
    fields.put("device_warnings", NONE);
    match code {
        OfflineBecause::AccountDisconnected => {
            account_disconnected(LinkTrouble::CredentialsRefused, at, fields);
        }
        OfflineBecause::HubDisconnected => account_disconnected(LinkTrouble::HubDisconnected, at, fields),
        OfflineBecause::DeviceDisconnected | OfflineBecause::OwnHubDisconnected | OfflineBecause::DeviceRemoved => {
            fields.put("connected_account_errors", NONE);
            fields.put("connected_account_warnings", NONE);
        }
    }
}

fn account_disconnected(trouble: LinkTrouble, at: jiff::Timestamp, fields: &mut impl Fields) {
    let (errors, warnings) = match trouble {
        LinkTrouble::CredentialsRefused => (vec![issue("error_code", ACCOUNT_ERROR, REFUSED, at)], Vec::new()),
        LinkTrouble::HubDisconnected => (Vec::new(), vec![issue("warning_code", ACCOUNT_WARNING, AWAY, at)]),
    };
    fields.put("connected_account_errors", errors);
    fields.put("connected_account_warnings", warnings);
}

/// An error or warning as events carry it.
fn issue(name: &str, code: &str, message: &str, at: jiff::Timestamp) -> Value {
    json!({name: code, "message": message, "created_at": Timestamp(at)})
}

fn denied(code: &str) -> &'static str {
    match code {
        "unknown_code" => "The code is not known to the lock.",
        "expired_code" => "The code is outside its time.",
        "blocked_by_privacy_mode" => "The lock is in privacy mode.",
        "too_many_attempts" => "Too many wrong codes were entered.",
        _ => "Access was denied.",
    }
}

/// A sentence for people.
const fn description(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::DeviceAdded => "A device was added.",
        EventKind::DeviceConnected { .. } => "A device can be reached.",
        EventKind::DeviceDisconnected { .. } => "A device can no longer be reached.",
        EventKind::DeviceRemoved => "A device was removed from its hub.",
        EventKind::DeviceDeleted { .. } => "A device was deleted.",
        EventKind::DeviceNameChanged { .. } => "A device was renamed.",
        EventKind::DeviceConvertedToUnmanaged => "A device became unmanaged.",
        EventKind::DeviceConvertedToManaged => "A device became managed.",
        EventKind::DeviceLowBattery { .. } => "A device's battery is low.",
        EventKind::DeviceBatteryStatusChanged { .. } => "The status of a device's battery changed.",
        EventKind::DeviceSubscriptionRequired => "The paid subscription that a device needs has ended.",
        EventKind::DeviceSubscriptionResolved => "The paid subscription that a device needs is there again.",
        EventKind::LockMoved { to: Bolt::Locked, .. } => "A door was locked.",
        EventKind::LockMoved { to: Bolt::Unlocked, .. } => "A door was unlocked.",
        EventKind::LockAccessDenied { .. } => "A lock denied access.",
        EventKind::AttemptEnded { succeeded: true, .. } => "An action attempt succeeded.",
        EventKind::AttemptEnded { succeeded: false, .. } => "An action attempt failed.",
        EventKind::AccountConnected => "An account was connected.",
        EventKind::AccountDisconnected { .. } => "An account lost its connection.",
        EventKind::AccountCompletedFirstSync => "The devices of an account are known.",
        EventKind::AccountCompletedFirstSyncAfterReconnection => "The devices of an account are known again.",
        EventKind::AccountDeleted => "An account was deleted.",
        EventKind::SessionDeleted { .. } => "A client session was ended.",
        EventKind::SpaceCreated(_) => "A space was made.",
        EventKind::SpaceDeleted(_) => "A space was deleted.",
        EventKind::SpaceDeviceMembershipChanged(_) => "Devices came into a space or left it.",
    }
}

#[cfg(test)]
mod tests {
    use thumbturn_core::devices::BatteryStatus;
    use thumbturn_core::events::{self, Method};
    use thumbturn_core::ids::{AccountId, AttemptId, ClientSessionId, DeviceId, EventId, SpaceId, WorkspaceId};
    use thumbturn_core::locks::Action;
    use uuid::Uuid;

    use super::*;

    fn kinds() -> Vec<EventKind> {
        let attempt = AttemptId(Uuid::from_u128(7));
        let offline = |because| EventKind::DeviceDisconnected { managed: true, because };
        let facts = |key: Option<&str>, devices: &[u128]| SpaceFacts {
            space: SpaceId(Uuid::from_u128(9)),
            key: key.map(str::to_owned),
            devices: devices.iter().map(|n| DeviceId(Uuid::from_u128(*n))).collect(),
        };
        let method = Method::Keycode;
        vec![
            EventKind::DeviceAdded,
            offline(OfflineBecause::DeviceDisconnected),
            offline(OfflineBecause::DeviceRemoved),
            offline(OfflineBecause::HubDisconnected),
            offline(OfflineBecause::OwnHubDisconnected),
            offline(OfflineBecause::AccountDisconnected),
            EventKind::DeviceNameChanged { name: "Café \"門\" 🚪".to_owned() },
            EventKind::DeviceLowBattery { level: 0.1 },
            EventKind::DeviceBatteryStatusChanged { status: BatteryStatus::Critical, level: 1.0 },
            EventKind::DeviceSubscriptionRequired,
            EventKind::LockMoved { to: Bolt::Locked, method, attempt: Some(attempt), slot: None },
            EventKind::LockMoved { to: Bolt::Unlocked, method, attempt: None, slot: Some(3) },
            EventKind::LockAccessDenied { reason: Some("unknown_code") },
            EventKind::LockAccessDenied { reason: None },
            EventKind::AttemptEnded { attempt, action: Action::UnlockDoor, succeeded: true },
            EventKind::AccountDisconnected { trouble: LinkTrouble::HubDisconnected },
            EventKind::AccountDisconnected { trouble: LinkTrouble::CredentialsRefused },
            EventKind::SessionDeleted { session: ClientSessionId(Uuid::from_u128(8)) },
            EventKind::SpaceCreated(facts(None, &[])),
            EventKind::SpaceDeleted(facts(Some("lobby"), &[2, 1])),
        ]
    }

    #[test]
    fn what_is_sent_is_what_is_listed() {
        let at: jiff::Timestamp = "2026-01-15T08:30:01.250731Z".parse().unwrap();
        for (kind, has_device) in kinds().into_iter().flat_map(|kind| [(kind.clone(), true), (kind, false)]) {
            let recorded = RecordedEvent {
                sequence: 1,
                created_at: at,
                event: events::Event {
                    id: EventId(Uuid::from_u128(1)),
                    workspace: WorkspaceId(Uuid::from_u128(2)),
                    account: has_device.then_some(AccountId(Uuid::from_u128(3))),
                    device: has_device.then_some(DeviceId(Uuid::from_u128(4))),
                    occurred_at: at,
                    kind,
                },
                device_custom_metadata: has_device.then(|| r#"{"floor":"Erdgeschoß","vip":true}"#.into()),
                account_custom_metadata: has_device.then(|| "{}".into()),
            };
            let sent = serde_json::to_string(&Sent(&recorded)).unwrap();
            let read: Value = serde_json::from_str(&sent).unwrap();
            assert_eq!(read, serde_json::to_value(event(&recorded)).unwrap());
            assert_eq!(read.to_string().len(), sent.len(), "a field is there twice: {sent}");
        }
    }
}
