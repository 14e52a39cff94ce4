//! The code slots of Z-Wave locks.
//!
//! | File | What |
//! |---|---|
//! | `user_code` | locks with the command class User Code (99): nearly all of them |
//! | `credential` | locks with User Credential (131): newer ones |
//! | `talk` | questions about one lock |
//! | `told` | what a lock tells of a slot |
//! | `verdict` | what the answers to a command mean; what writing a slot came to says `crate::codes` |
//!
//! The hub's own access control (`endpoint.access_control.*`) is not used for class 99: it takes the Supervision of a lock for
//! a proof, which a lock that lies gives as well, and calls every failure unknown. Instead the class is told to set, and asked
//! afterwards. Nothing of an answer that may hold a code is logged or kept.

mod credential;
mod talk;
pub(crate) mod told;
pub(crate) mod user_code;
mod verdict;

use thumbturn_core::codes::{CodeFault, CodeTraits, Content, Listing, NewCode, Proof, Slot};
use thumbturn_core::ids::NativeId;
use thumbturn_core::ports::{CodeSlots, Gate, Later};

use self::credential::Credentials;
use self::talk::Talk;
use self::user_code::UserCodes;
use super::network::Network;
use crate::codes;
use crate::websocket::Line;

pub(super) use self::credential::USER_CREDENTIAL;
pub(crate) use self::user_code::USER_CODE;

/// How a lock keeps codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keypad {
    /// With User Code of this version.
    UserCode(u32),
    /// With User Credential.
    Credential,
    /// Not at all, or in a way that we do not know.
    None,
}

const NO_CODES: CodeFault = CodeFault::Unsupported("it keeps no codes, or in a way that this server does not know");

/// The slots of the locks of a network.
pub(super) struct Codes(pub(super) Line<Network>);

impl Codes {
    /// The slots of a lock that can be asked now.
    fn slots(&self, lock: &NativeId) -> Result<Slots<'_>, CodeFault> {
        let (node, keypad) = self.0.look(|network| network.keypad(lock)).map_err(CodeFault::NotWritten)?;
        let talk = Talk { line: &self.0, node };
        match keypad {
            Keypad::UserCode(version) => Ok(Slots::UserCode(UserCodes { talk, version })),
            Keypad::Credential => Ok(Slots::Credential(Credentials { talk })),
            Keypad::None => Err(NO_CODES),
        }
    }
}

/// The slots of one lock.
enum Slots<'a> {
    UserCode(UserCodes<'a>),
    Credential(Credentials<'a>),
}

impl Slots<'_> {
    async fn traits(&self) -> Result<CodeTraits, CodeFault> {
        match self {
            Self::UserCode(slots) => slots.traits().await,
            Self::Credential(slots) => slots.traits().await,
        }
    }

    async fn list(&self) -> Result<Listing, CodeFault> {
        match self {
            Self::UserCode(slots) => slots.list().await,
            Self::Credential(slots) => slots.list().await,
        }
    }

    async fn read(&self, slot: Slot) -> Result<Option<Content>, CodeFault> {
        match self {
            Self::UserCode(slots) => slots.read(slot).await,
            Self::Credential(slots) => slots.read(slot).await,
        }
    }

    async fn set(&self, slot: Slot, code: &NewCode, before: &Content, gate: Gate<'_>) -> Result<Proof, CodeFault> {
        match self {
            Self::UserCode(slots) => slots.set(slot, code, before, gate).await,
            Self::Credential(slots) => slots.set(slot, code, before, gate).await,
        }
    }

    async fn clear(&self, slot: Slot, before: &Content, gate: Gate<'_>) -> Result<Proof, CodeFault> {
        match self {
            Self::UserCode(slots) => slots.clear(slot, before, gate).await,
            Self::Credential(slots) => slots.clear(slot, before, gate).await,
        }
    }
}

impl CodeSlots for Codes {
    fn traits<'a>(&'a self, lock: &'a NativeId) -> Later<'a, Result<CodeTraits, CodeFault>> {
        Box::pin(async move { self.slots(lock)?.traits().await })
    }

    fn list<'a>(&'a self, lock: &'a NativeId) -> Later<'a, Result<Listing, CodeFault>> {
        Box::pin(async move { self.slots(lock)?.list().await })
    }

    fn read<'a>(&'a self, lock: &'a NativeId, slot: Slot) -> Later<'a, Result<Content, CodeFault>> {
        Box::pin(async move {
            let slots = self.slots(lock)?;
            slots.traits().await?.has(slot)?;
            slots.read(slot).await?.ok_or(CodeFault::Unknown("the lock did not answer"))
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
            slots.traits().await?.takes(slot, code)?;
            let before = slots.read(slot).await?.ok_or_else(codes::away)?;
            if codes::is_there(&before, code) {
                return Ok(Proof::ReadBack);
            }
            if before != Content::Empty && !before.is(&code.pin) && !code.replaces {
                return Err(CodeFault::Occupied);
            }
            slots.set(slot, code, &before, gate).await
        })
    }

    fn clear<'a>(&'a self, lock: &'a NativeId, slot: Slot, gate: Gate<'a>) -> Later<'a, Result<Proof, CodeFault>> {
        Box::pin(async move {
            let slots = self.slots(lock)?;
            slots.traits().await?.has(slot)?;
            match slots.read(slot).await?.ok_or_else(codes::away)? {
                Content::Empty => Ok(Proof::ReadBack),
                before => slots.clear(slot, &before, gate).await,
            }
        })
    }
}
