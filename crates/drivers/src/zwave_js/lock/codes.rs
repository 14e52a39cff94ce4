//! What a lock tells of its codes, by itself: which slot to look at. What is in it is asked (`crate::zwave_js::codes`).

use serde_json::Value;
use thumbturn_core::codes::{CodeTraits, Slot};
use thumbturn_core::ports::Signal;
use thumbturn_core::time::Moment;

use super::Lock;
use super::about::version_of;
use crate::zwave_js::Outbox;
use crate::zwave_js::codes::{Keypad, USER_CODE, USER_CREDENTIAL};
use crate::zwave_js::wire::Node;

/// The codes of a lock. None of them is kept here.
#[derive(Debug)]
pub(in crate::zwave_js) struct Codes {
    /// How they are kept.
    pub(in crate::zwave_js) keypad: Keypad,
    /// What can be done with them, once the lock was asked.
    pub(in crate::zwave_js) traits: Option<CodeTraits>,
    /// When it last told that it has a code already, and for which slot where it told that.
    duplicate: Option<(Option<u32>, Moment)>,
}

impl Codes {
    pub(super) fn of(node: &Node) -> Self {
        // The hub's access control prefers the newer class as well.
        let keypad = match version_of(node, USER_CREDENTIAL) {
            Some(_) => Keypad::Credential,
            None => version_of(node, USER_CODE).map_or(Keypad::None, Keypad::UserCode),
        };
        Self { keypad, traits: None, duplicate: None }
    }

    /// Whether the lock has told since then that it has the code for this slot in another one already.
    pub(in crate::zwave_js) fn told_duplicate(&self, slot: Slot, since: Moment) -> bool {
        self.duplicate.is_some_and(|(told, at)| at.steady >= since.steady && told.is_none_or(|told| told == slot.0))
    }
}

impl Lock {
    /// A code was added or removed at the lock, or over the radio.
    pub(super) fn codes_changed(&self, slot: Option<u32>, out: &mut Outbox) {
        out.tell(Signal::CodesChanged(self.native.clone(), slot.map(Slot)));
    }

    /// The lock has not taken a code, since it has it already.
    pub(super) fn duplicate_code(&mut self, slot: Option<u32>, at: Moment) {
        self.codes.duplicate = Some((slot, at));
    }

    /// The hub tells of a credential that was added, changed or deleted, or of a user who was.
    pub(in crate::zwave_js) fn credential_changed(&self, args: &Value, out: &mut Outbox) {
        // Cards and others are in slots of their own.
        if args.get("credentialType").and_then(Value::as_u64).is_some_and(|kind| kind != 1) {
            return;
        }
        let slot = args.get("credentialSlot").or_else(|| args.get("userId")).and_then(Value::as_u64);
        self.codes_changed(slot.and_then(|slot| u32::try_from(slot).ok()).filter(|slot| *slot != 0), out);
    }

    /// What the hub remembers of a slot has changed. The values themselves may be codes and are not looked at further.
    pub(super) fn slot_value(&self, args: &Value, out: &mut Outbox) {
        let slot = args.get("propertyKey").and_then(Value::as_u64).and_then(|slot| u32::try_from(slot).ok());
        let has_changed = args.get("newValue") != args.get("prevValue");
        if let Some(slot) = slot.filter(|_| has_changed) {
            self.codes_changed(Some(slot), out);
        }
    }
}
