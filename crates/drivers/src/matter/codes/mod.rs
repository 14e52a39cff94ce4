//! The code slots of Matter locks: a slot is a credential that is a PIN, and its number is the credential's index, which the
//! lock's events name as well.
//!
//! | File | What |
//! |---|---|
//! | `call` | what is asked about codes, and how it is said |
//! | `told` | what a lock tells of slots and users |
//! | `verdict` | what the answers to a command mean; what writing a slot came to says `crate::codes` |
//! | `users` | who gets a code |
//! | `slots` | the slots of one lock |
//!
//! A PIN belongs to a user, which a lock keeps beside it. Ours have one PIN each, and a mark in their unique id. What belongs
//! to another fabric, or was put there at the keypad, a lock lets us remove and not change. A PIN can never be read back: that
//! there is one is all that a lock tells.

mod call;
mod slots;
mod told;
mod users;
mod verdict;

use thumbturn_core::codes::{CodeFault, CodeTraits, Content, Listing, NewCode, Proof, Slot};
use thumbturn_core::ids::NativeId;
use thumbturn_core::ports::{CodeSlots, Gate, Later};

use self::slots::Slots;
use super::nodes::Nodes;
use crate::websocket::Line;

pub(super) use self::call::CodeCall;

/// How a lock keeps codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keypad {
    /// In slots, with users.
    Slots(Slotted),
    /// Without users, as the protocol did before it had them.
    Older,
    /// Not at all, or it does not say how many.
    None,
}

/// A lock with slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slotted {
    /// What can be done with them.
    pub(super) traits: CodeTraits,
    /// How many users it may have. They are numbered from 1 to this.
    pub(super) users: u32,
    /// The number that the lock gave to the fabric of the server.
    pub(super) own_fabric: Option<u64>,
}

const NO_CODES: CodeFault = CodeFault::Unsupported("it keeps no codes that can be written over Matter");
const OLDER: CodeFault = CodeFault::Unsupported("it keeps codes without users, which this server does not write");

/// The slots of the locks of a fabric.
pub(super) struct Codes(pub(super) Line<Nodes>);

impl Codes {
    fn slots(&self, lock: &NativeId) -> Result<Slots<'_>, CodeFault> {
        let (target, keypad) = self.0.look(|nodes| nodes.keypad(lock)).map_err(CodeFault::NotWritten)?;
        match keypad {
            Keypad::Slots(slotted) => Ok(Slots { line: &self.0, target, slotted }),
            Keypad::Older => Err(OLDER),
            Keypad::None => Err(NO_CODES),
        }
    }
}

impl CodeSlots for Codes {
    fn traits<'a>(&'a self, lock: &'a NativeId) -> Later<'a, Result<CodeTraits, CodeFault>> {
        Box::pin(async move { Ok(self.slots(lock)?.slotted.traits) })
    }

    fn list<'a>(&'a self, lock: &'a NativeId) -> Later<'a, Result<Listing, CodeFault>> {
        Box::pin(async move { self.slots(lock)?.list().await })
    }

    fn read<'a>(&'a self, lock: &'a NativeId, slot: Slot) -> Later<'a, Result<Content, CodeFault>> {
        Box::pin(async move {
            let slots = self.slots(lock)?;
            slots.slotted.traits.has(slot)?;
            Ok(slots.told(slot).await?.content)
        })
    }

    fn set<'a>(
        &'a self,
        lock: &'a NativeId,
        slot: Slot,
        code: &'a NewCode,
        gate: Gate<'a>,
    ) -> Later<'a, Result<Proof, CodeFault>> {
        Box::pin(async move {
            let slots = self.slots(lock)?;
            slots.slotted.traits.takes(slot, code)?;
            slots.set(slot, code, gate).await
        })
    }

    fn clear<'a>(&'a self, lock: &'a NativeId, slot: Slot, gate: Gate<'a>) -> Later<'a, Result<Proof, CodeFault>> {
        Box::pin(async move {
            let slots = self.slots(lock)?;
            slots.slotted.traits.has(slot)?;
            slots.clear(slot, gate).await
        })
    }
}
