//! Locks of the integration `zha`. It passes a code on, does not look at what the lock answers, and cannot be had to ask.

use thumbturn_core::codes::{CodeFault, CodeTraits, Content, NewCode, Proof, Shows, Slot};
use thumbturn_core::ports::Gate;

use super::{MOST_SLOTS, Talk};
use crate::codes::ALL_DIGITS;
use crate::home_assistant::call::{CodeCall, Service};

/// How many digits a code has, where a Zigbee lock does not say otherwise, which ZHA does not pass on.
const LENGTHS: (usize, usize) = (4, 8);

const UNTOLD: CodeFault = CodeFault::Unknown("over ZHA a lock cannot be asked for its codes");

/// The slots of one lock.
pub(super) struct ZhaSlots<'a> {
    pub(super) talk: Talk<'a>,
    pub(super) entity: String,
}

/// What can be done with the slots.
pub(super) fn traits() -> CodeTraits {
    CodeTraits {
        slots: MOST_SLOTS,
        shortest: LENGTHS.0,
        longest: LENGTHS.1,
        digits: ALL_DIGITS.to_owned(),
        windows: false,
        shows: Shows::Nothing,
        name_bytes: None,
    }
}

/// What is in a slot.
pub(super) fn read(slot: Slot) -> Result<Content, CodeFault> {
    traits().has(slot)?;
    Err(UNTOLD)
}

impl ZhaSlots<'_> {
    /// Writes a code. Whether the lock has it then nobody can tell.
    pub(super) async fn set(&self, slot: Slot, code: &NewCode, gate: Gate<'_>) -> Result<Proof, CodeFault> {
        traits().takes(slot, code)?;
        if !code.replaces {
            return Err(CodeFault::Unsupported(
                "over ZHA nobody can tell whether a slot is taken: it can only be replaced",
            ));
        }
        let call = CodeCall::Set(Service::Zha, self.entity.clone(), slot, code.pin.clone());
        self.talk.write(call, gate).await?;
        Err(UNTOLD)
    }

    /// Empties a slot; likewise.
    pub(super) async fn clear(&self, slot: Slot, gate: Gate<'_>) -> Result<Proof, CodeFault> {
        traits().has(slot)?;
        self.talk.write(CodeCall::Clear(Service::Zha, self.entity.clone(), slot), gate).await?;
        Err(UNTOLD)
    }
}
