//! What a lock's events tell: which way the bolt went and what moved it.

use serde_json::Value;
use thumbturn_core::events::Method;
use thumbturn_core::locks::Bolt;

use super::wire::NodeEvent;

/// What an event means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The bolt was moved (or sent again to where it was), by this, with the slot that was used.
    Operated(Bolt, Method, Option<u32>),
    /// The bolt is stuck.
    Jammed,
    /// A code or credential was refused at the lock; the reason in the contract's words where it is clear.
    Denied(Option<&'static str>),
    /// Codes were changed: the one in this slot, or any.
    CodesChanged(Option<u32>),
    /// Nothing about the bolt or its codes.
    Nothing,
}

/// `DoorLockAlarm`, `LockOperation`, `LockOperationError` and `LockUserChange`.
const ALARM: u32 = 0;
const OPERATION: u32 = 2;
const OPERATION_ERROR: u32 = 3;
const USER_CHANGE: u32 = 4;

/// The index that means all.
const ALL: u32 = 0xfffe;

/// Reads an event of a lock; `own_fabric` is the number that the lock gave to the fabric of the server.
pub(super) fn read(event: &NodeEvent, own_fabric: Option<u64>) -> Told {
    let number = |key: &str| event.data.get(key).and_then(Value::as_u64);
    match event.event_id {
        ALARM => match number("alarmCode") {
            Some(0) => Told::Jammed,
            Some(4) => Told::Denied(Some("too_many_attempts")),
            _ => Told::Nothing,
        },
        OPERATION => {
            let to = match number("lockOperationType") {
                Some(0) => Bolt::Locked,
                Some(1 | 4) => Bolt::Unlocked,
                // A code that opens nothing, or one that was typed under duress: the lock's state tells the rest.
                _ => return Told::Nothing,
            };
            let method = method(&event.data, own_fabric);
            Told::Operated(to, method, slot(&event.data).filter(|_| matches!(method, Method::Keycode | Method::Card)))
        }
        OPERATION_ERROR => match (number("operationSource"), number("operationError")) {
            (Some(3), Some(1)) => Told::Denied(Some("unknown_code")),
            (Some(3 | 8 | 9), Some(3)) => Told::Denied(Some("expired_code")),
            (Some(3 | 8 | 9), Some(1 | 2)) => Told::Denied(Some("credential_error")),
            (Some(3 | 8 | 9), _) => Told::Denied(None),
            // A command over the network: whoever sent it has its answer.
            _ => Told::Nothing,
        },
        USER_CHANGE => user_change(number("lockDataType"), number("dataOperationType"), number("dataIndex")),
        _ => Told::Nothing,
    }
}

fn user_change(kind: Option<u64>, operation: Option<u64>, index: Option<u64>) -> Told {
    match (kind, operation) {
        // A PIN.
        (Some(6), _) => {
            let slot = index.and_then(|index| u32::try_from(index).ok()).filter(|index| (1..ALL).contains(index));
            Told::CodesChanged(slot)
        }
        // A user was removed, with whatever he had, or may open no longer. One who was added has no code yet.
        (Some(2), Some(1 | 2)) => Told::CodesChanged(None),
        _ => Told::Nothing,
    }
}

fn method(data: &Value, own_fabric: Option<u64>) -> Method {
    let fabric = data.get("fabricIndex").and_then(Value::as_u64);
    let is_other = fabric.zip(own_fabric).is_some_and(|(fabric, own)| fabric != own);
    match data.get("operationSource").and_then(Value::as_u64) {
        Some(1 | 5) => Method::Manual,
        Some(3) => Method::Keycode,
        Some(4 | 6) => Method::Automatic,
        // Of another fabric's command nothing is proven about ours.
        Some(7) if !is_other => Method::Remote,
        Some(8) => Method::Card,
        // The maker's own app, another fabric, a finger, a phone at the door.
        _ => Method::Unknown,
    }
}

/// The slot of the code that was used: the credential's, or else its user's.
fn slot(data: &Value) -> Option<u32> {
    let credential = data.get("credentials").and_then(|all| all.get(0)).and_then(|first| first.get("credentialIndex"));
    let slot = credential.or_else(|| data.get("userIndex")).and_then(Value::as_u64);
    slot.and_then(|slot| u32::try_from(slot).ok())
}

/// The words of an event: numbers alone.
pub(super) fn words(event: &NodeEvent) -> String {
    let named = ["alarmCode", "lockOperationType", "operationSource", "operationError", "fabricIndex"];
    let known = named.iter().filter_map(|key| Some((key, event.data.get(key)?.as_u64()?)));
    let told: String = known.map(|(key, number)| format!(", {key} {number}")).collect();
    format!("event {} of node {}: number {}{told}", event.event_id, event.node_id, event.event_number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(event_id: u32, data: Value) -> NodeEvent {
        NodeEvent { node_id: 1, endpoint_id: 1, cluster_id: 257, event_id, event_number: 4, data }
    }

    /// An operation as it was captured, but for its source.
    fn operated(kind: u32, source: u32, fabric: Option<u64>) -> Told {
        let data = json!({
            "lockOperationType": kind, "operationSource": source, "userIndex": null, "fabricIndex": fabric,
            "sourceNode": null, "credentials": null,
        });
        read(&event(2, data), Some(1))
    }

    #[test]
    fn an_operation_tells_its_cause() {
        for (source, method) in [
            (0, Method::Unknown),
            (1, Method::Manual),
            (2, Method::Unknown),
            (3, Method::Keycode),
            (4, Method::Automatic),
            (5, Method::Manual),
            (6, Method::Automatic),
            (7, Method::Remote),
            (8, Method::Card),
            (9, Method::Unknown),
            (10, Method::Unknown),
            (77, Method::Unknown),
        ] {
            assert_eq!(operated(1, source, None), Told::Operated(Bolt::Unlocked, method, None), "{source}");
        }
        assert_eq!(operated(0, 7, Some(1)), Told::Operated(Bolt::Locked, Method::Remote, None));
        assert_eq!(operated(4, 7, Some(1)), Told::Operated(Bolt::Unlocked, Method::Remote, None));
        assert_eq!(operated(2, 3, None), Told::Nothing);
    }

    #[test]
    fn another_fabrics_command_is_not_ours() {
        assert_eq!(operated(1, 7, Some(2)), Told::Operated(Bolt::Unlocked, Method::Unknown, None));
    }

    #[test]
    fn a_keypad_tells_the_slot() {
        let data = |user: Option<u32>, credentials: Value| {
            let data = json!({
                "lockOperationType": 1, "operationSource": 3, "userIndex": user, "credentials": credentials,
            });
            read(&event(2, data), Some(1))
        };
        let told = |slot| Told::Operated(Bolt::Unlocked, Method::Keycode, slot);
        assert_eq!(data(Some(1), json!([{"credentialType": 1, "credentialIndex": 3}])), told(Some(3)));
        assert_eq!(data(Some(2), Value::Null), told(Some(2)));
        assert_eq!(data(None, json!([])), told(None));
    }

    #[test]
    fn refusals_at_the_door_are_told_and_those_of_commands_are_not() {
        let error = |source: u32, error: u32| {
            read(&event(3, json!({"lockOperationType": 1, "operationSource": source, "operationError": error})), None)
        };
        assert_eq!(error(3, 1), Told::Denied(Some("unknown_code")));
        assert_eq!(error(3, 2), Told::Denied(Some("credential_error")));
        assert_eq!(error(3, 3), Told::Denied(Some("expired_code")));
        assert_eq!(error(8, 1), Told::Denied(Some("credential_error")));
        assert_eq!(error(3, 0), Told::Denied(None));
        assert_eq!(error(7, 1), Told::Nothing);
        assert_eq!(read(&event(0, json!({"alarmCode": 4})), None), Told::Denied(Some("too_many_attempts")));
        assert_eq!(read(&event(0, json!({"alarmCode": 0})), None), Told::Jammed);
        assert_eq!(read(&event(0, json!({"alarmCode": 3})), None), Told::Nothing);
    }

    #[test]
    fn a_code_that_was_changed_is_told_with_its_slot() {
        let change = |kind: u32, operation: u32, index: Option<u32>| {
            let data = json!({
                "lockDataType": kind, "dataOperationType": operation, "operationSource": 3, "userIndex": 1,
                "fabricIndex": null, "sourceNode": null, "dataIndex": index,
            });
            read(&event(4, data), Some(1))
        };
        for operation in [0, 1, 2] {
            assert_eq!(change(6, operation, Some(4)), Told::CodesChanged(Some(4)), "{operation}");
        }
        assert_eq!(change(6, 1, Some(0xfffe)), Told::CodesChanged(None), "all of them");
        assert_eq!(change(6, 0, None), Told::CodesChanged(None));
        assert_eq!(change(2, 0, None), Told::Nothing, "a user without a code");
        assert_eq!(change(2, 1, None), Told::CodesChanged(None));
        assert_eq!(change(2, 2, None), Told::CodesChanged(None));
        assert_eq!(change(7, 0, Some(4)), Told::Nothing, "a card");
        assert_eq!(change(4, 0, Some(1)), Told::Nothing, "a schedule");
    }

    #[test]
    fn words_hold_numbers_alone() {
        let data = json!({"lockOperationType": 1, "operationSource": 3, "credentials": [{"pin": "CANARY"}]});
        let words = words(&event(2, data));
        assert_eq!(words, "event 2 of node 1: number 4, lockOperationType 1, operationSource 3");
    }
}
