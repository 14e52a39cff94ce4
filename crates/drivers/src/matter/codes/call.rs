//! What is asked about codes, and how it is said.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use thumbturn_core::codes::Slot;
use thumbturn_core::pins::Pin;

/// The kind of credential that is a PIN.
const PIN: u64 = 1;

/// `DataOperationType`.
const ADD: u32 = 0;
const MODIFY: u32 = 2;

/// A user whose credentials open the door.
const ENABLED: u32 = 1;
/// A kind of user whose credentials open it at all times.
const UNRESTRICTED: u32 = 0;
/// One credential is enough.
const SINGLE: u32 = 0;

/// What is in the upper half of the unique ids of our users: "TB". The lower half is their slot.
const MARK: u32 = 0x5442_0000;

/// One question or command. A code is in no `Debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::matter) enum CodeCall {
    /// Whether a slot is taken, and by whom.
    Credential(Slot),
    /// Who a user is.
    User(u32),
    /// To make a user for a slot, with a name if there is one.
    AddUser(u32, Slot, Option<String>),
    /// To have one of our users open the door at all times, and to give him another name if there is one.
    ModifyUser(u32, Option<String>),
    /// To give a user a PIN in an empty slot.
    AddPin(Slot, u32, Pin),
    /// To give the user of a slot another PIN.
    ModifyPin(Slot, u32, Pin),
    /// To empty a slot.
    ClearPin(Slot),
    /// To remove a user, with everything that he has.
    ClearUser(u32),
}

impl CodeCall {
    /// The command and what goes with it.
    pub(in crate::matter) fn said(&self) -> (&'static str, Value) {
        match self {
            Self::Credential(slot) => ("GetCredentialStatus", json!({"credential": credential(*slot)})),
            Self::User(user) => ("GetUser", json!({"userIndex": user})),
            Self::AddUser(user, slot, name) => {
                let fields = json!({
                    "operationType": ADD, "userIndex": user, "userName": name.as_deref().unwrap_or_default(),
                    "userUniqueID": MARK | slot.0, "userStatus": ENABLED, "userType": UNRESTRICTED,
                    "credentialRule": SINGLE,
                });
                ("SetUser", fields)
            }
            Self::ModifyUser(user, name) => {
                let fields = json!({
                    "operationType": MODIFY, "userIndex": user, "userName": name, "userUniqueID": null,
                    "userStatus": ENABLED, "userType": UNRESTRICTED, "credentialRule": null,
                });
                ("SetUser", fields)
            }
            Self::AddPin(slot, user, pin) => ("SetCredential", set_pin(ADD, *slot, *user, pin)),
            Self::ModifyPin(slot, user, pin) => ("SetCredential", set_pin(MODIFY, *slot, *user, pin)),
            Self::ClearPin(slot) => ("ClearCredential", json!({"credential": credential(*slot)})),
            Self::ClearUser(user) => ("ClearUser", json!({"userIndex": user})),
        }
    }

    /// Whether a lock takes it only as a timed one.
    pub(in crate::matter) const fn is_timed(&self) -> bool {
        !matches!(self, Self::Credential(_) | Self::User(_))
    }
}

fn credential(slot: Slot) -> Value {
    json!({"credentialType": PIN, "credentialIndex": slot.0})
}

fn set_pin(operation: u32, slot: Slot, user: u32, pin: &Pin) -> Value {
    json!({
        "operationType": operation, "credential": credential(slot), "credentialData": STANDARD.encode(pin.digits()),
        "userIndex": user, "userStatus": null, "userType": null,
    })
}

/// Whether a PIN of a lock is meant by this kind of credential.
pub(super) const fn is_pin(kind: u64) -> bool {
    kind == PIN
}

/// Whether a user's unique id is one of ours, for this slot.
pub(super) fn is_marked(unique: Option<u64>, slot: Slot) -> bool {
    unique == Some(u64::from(MARK | slot.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_said_as_the_protocol_spells_them() {
        let pin = Pin::new("1234").unwrap();
        let (name, payload) = CodeCall::AddPin(Slot(3), 2, pin.clone()).said();
        let expected = json!({
            "operationType": 0, "credential": {"credentialType": 1, "credentialIndex": 3},
            "credentialData": "MTIzNA==", "userIndex": 2, "userStatus": null, "userType": null,
        });
        assert_eq!((name, payload), ("SetCredential", expected));
        assert_eq!(CodeCall::ModifyPin(Slot(3), 2, pin).said().1["operationType"], 2);
        let (name, payload) = CodeCall::AddUser(2, Slot(3), None).said();
        assert_eq!(
            (name, &payload["userUniqueID"], &payload["userName"]),
            ("SetUser", &json!(0x5442_0003), &json!(""))
        );
        assert!(is_marked(payload["userUniqueID"].as_u64(), Slot(3)));
        assert!(!is_marked(payload["userUniqueID"].as_u64(), Slot(4)));
        assert_eq!(CodeCall::ModifyUser(2, None).said().1["userName"], Value::Null, "his name stays");
        let timed = |call: CodeCall| call.is_timed();
        assert!(!timed(CodeCall::User(1)) && !timed(CodeCall::Credential(Slot(1))));
        assert!(
            timed(CodeCall::ClearPin(Slot(1))) && timed(CodeCall::ClearUser(1)) && timed(CodeCall::ModifyUser(1, None))
        );
    }

    #[test]
    fn no_code_is_shown_by_debug() {
        let call = CodeCall::AddPin(Slot(1), 1, Pin::new("8642").unwrap());
        assert!(!format!("{call:?}").contains("8642"), "{call:?}");
    }
}
