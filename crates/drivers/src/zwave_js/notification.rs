//! What a lock's notifications tell: which way the bolt went and what moved it.

use serde_json::Value;
use thumbturn_core::events::Method;
use thumbturn_core::locks::Bolt;

/// The type of notifications that are about locks: Access Control.
const ACCESS_CONTROL: u64 = 6;

/// What a notification means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The bolt was moved (or sent again to where it was), by this, with the slot that was used.
    Operated(Bolt, Method, Option<u32>),
    /// It was moved, and did not come to its end.
    NotFully,
    /// A code or credential was refused at the lock; the reason in the contract's words where it is clear.
    Denied(Option<&'static str>),
    /// A code was added or removed: in this slot, or in any.
    CodesChanged(Option<u32>),
    /// A code was not added, since it is in another slot already.
    DuplicateCode(Option<u32>),
    /// Nothing of these.
    Nothing,
}

/// Reads the arguments of a notification.
pub(crate) fn read(args: &Value) -> Told {
    if args.get("type").and_then(Value::as_u64) != Some(ACCESS_CONTROL) {
        return Told::Nothing;
    }
    let Some(event) = args.get("event").and_then(Value::as_u64) else { return Told::Nothing };
    let parameters = args.get("parameters");
    let slot = parameters.and_then(slot);
    match event {
        1 => Told::Operated(Bolt::Locked, Method::Manual, None),
        2 => Told::Operated(Bolt::Unlocked, Method::Manual, None),
        3 => Told::Operated(Bolt::Locked, Method::Remote, None),
        4 => Told::Operated(Bolt::Unlocked, Method::Remote, None),
        5 | 33 => Told::Operated(Bolt::Locked, Method::Keycode, slot),
        6 | 34 => Told::Operated(Bolt::Unlocked, Method::Keycode, slot),
        9 => Told::Operated(Bolt::Locked, Method::Automatic, None),
        35 => Told::Operated(Bolt::Locked, credential(parameters), slot),
        36 => Told::Operated(Bolt::Unlocked, credential(parameters), slot),
        7 | 8 | 10 => Told::NotFully,
        12 => Told::CodesChanged(None),
        13 | 14 => Told::CodesChanged(slot),
        15 => Told::DuplicateCode(slot),
        47..=49 => Told::Denied(Some("credential_error")),
        50 => Told::Denied(Some("unknown_code")),
        _ => Told::Nothing,
    }
}

/// The words of a notification: numbers alone, since its parameters may hold a code.
pub(super) fn words(node: u32, args: &Value) -> String {
    let number = |key: &str| args.get(key).and_then(Value::as_u64).unwrap_or_default();
    let slot = args.get("parameters").and_then(slot).map(|slot| format!(", slot {slot}")).unwrap_or_default();
    format!("notification of node {node}: type {}, event {}{slot}", number("type"), number("event"))
}

fn slot(parameters: &Value) -> Option<u32> {
    let user = parameters.get("userId").and_then(Value::as_u64)?;
    u32::try_from(user).ok().filter(|user| *user != 0)
}

/// What moved the bolt, by the kind of credential.
fn credential(parameters: Option<&Value>) -> Method {
    match parameters.and_then(|parameters| parameters.get("credentialType")).and_then(Value::as_u64) {
        Some(1 | 2) => Method::Keycode,
        Some(3 | 5) => Method::Card,
        _ => Method::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(event: u64, parameters: Value) -> Told {
        read(&json!({"type": 6, "event": event, "label": "Access Control", "parameters": parameters}))
    }

    #[test]
    fn an_operation_names_its_cause_and_the_slot() {
        for (event, bolt, method) in [
            (1, Bolt::Locked, Method::Manual),
            (2, Bolt::Unlocked, Method::Manual),
            (3, Bolt::Locked, Method::Remote),
            (4, Bolt::Unlocked, Method::Remote),
            (9, Bolt::Locked, Method::Automatic),
        ] {
            assert_eq!(of(event, Value::Null), Told::Operated(bolt, method, None), "{event}");
        }
        assert_eq!(of(6, json!({"userId": 3})), Told::Operated(Bolt::Unlocked, Method::Keycode, Some(3)));
        assert_eq!(of(5, json!({})), Told::Operated(Bolt::Locked, Method::Keycode, None));
        assert_eq!(of(6, json!({"userId": 0})), Told::Operated(Bolt::Unlocked, Method::Keycode, None));
        let card = json!({"userId": 2, "credentialType": 3});
        assert_eq!(of(36, card), Told::Operated(Bolt::Unlocked, Method::Card, Some(2)));
    }

    #[test]
    fn what_is_no_operation_is_none() {
        for event in [7, 8, 10] {
            assert_eq!(of(event, Value::Null), Told::NotFully, "{event}");
        }
        assert_eq!(of(50, Value::Null), Told::Denied(Some("unknown_code")));
        assert_eq!(of(9999, Value::Null), Told::Nothing);
        assert_eq!(read(&json!({"type": 7, "event": 3})), Told::Nothing);
        assert_eq!(read(&json!({"event": 3})), Told::Nothing);
        assert_eq!(read(&json!("text")), Told::Nothing);
    }

    #[test]
    fn a_change_of_codes_names_the_slot_to_look_at() {
        for event in [13, 14] {
            assert_eq!(of(event, json!({"userId": 3})), Told::CodesChanged(Some(3)), "{event}");
            assert_eq!(of(event, json!({})), Told::CodesChanged(None), "{event}");
        }
        assert_eq!(of(12, json!({"userId": 3})), Told::CodesChanged(None), "all of them");
        assert_eq!(of(15, json!({"userId": 3})), Told::DuplicateCode(Some(3)));
        assert_eq!(of(15, Value::Null), Told::DuplicateCode(None));
    }

    #[test]
    fn words_hold_no_code() {
        let args = json!({"type": 6, "event": 6, "parameters": {"userId": 3, "userCode": "8642"}});
        assert_eq!(words(2, &args), "notification of node 2: type 6, event 6, slot 3");
    }
}
