//! The code slots of locks whose integration has services for them.
//!
//! | File | What |
//! |---|---|
//! | `zwave` | locks of the integration `zwave_js` |
//! | `zha` | locks of the integration `zha` |
//! | `told` | what Z-Wave locks tell of their slots |
//!
//! **That a service was called proves nothing**: Home Assistant answers *success* for a lock that refused the code, and for one
//! that got nothing. A Z-Wave lock is asked afterwards, by a service that has it report the slot, and its report is heard by a
//! trigger; both are for administrators. A lock of ZHA can be told and not be asked, so what it keeps stays unknown. Of other
//! integrations this driver knows no services. Nothing that may hold a code is logged, or kept longer than it is needed.

mod told;
mod zha;
mod zwave;

use std::time::Duration;

use thumbturn_core::codes::{CodeFault, CodeTraits, Content, Listing, NewCode, Proof, Slot};
use thumbturn_core::ids::NativeId;
use thumbturn_core::ports::{Answer, CodeSlots, Gate, Later};

use self::zha::ZhaSlots;
use self::zwave::ZwaveSlots;
use super::answer;
use super::call::{Call, CodeCall};
use super::home::{Heard, Home, Reply};
use super::wire::Fault;
use crate::codes;
use crate::websocket::{Line, Unanswered};

pub(super) use self::told::SlotsTold;

/// How a lock's codes are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keypad {
    /// By the services of `zwave_js`; the device, by which its reports are known.
    Zwave(String),
    /// By the services of `zha`.
    Zha,
    /// In no way that this driver knows.
    None,
}

impl Keypad {
    /// That of a lock of this integration and device.
    pub(super) fn of(integration: &str, device: Option<&str>) -> Self {
        match (integration, device) {
            ("zwave_js", Some(device)) => Self::Zwave(device.to_owned()),
            ("zha", _) => Self::Zha,
            _ => Self::None,
        }
    }
}

/// How many slots may be tried, where Home Assistant does not tell how many a lock has.
const MOST_SLOTS: u32 = 255;

/// How long it may take until the instance has told who the token's user is.
const USER_TOLD: Duration = Duration::from_secs(5);

const NO_CODES: CodeFault =
    CodeFault::Unsupported("its integration in Home Assistant has no services for codes that this server knows");

const NO_ADMIN: CodeFault = CodeFault::Unsupported(
    "the token is not an administrator's, and only such a one may ask a Z-Wave lock for its codes over Home Assistant",
);

/// The slots of the locks of an instance.
pub(super) struct Codes(pub(super) Line<Home>);

/// The slots of one lock.
enum Slots<'a> {
    Zwave(ZwaveSlots<'a>),
    Zha(ZhaSlots<'a>),
}

/// One lock, and the line to its instance.
#[derive(Clone, Copy)]
struct Talk<'a> {
    line: &'a Line<Home>,
    lock: &'a NativeId,
}

impl Codes {
    async fn slots<'a>(&'a self, lock: &'a NativeId) -> Result<Slots<'a>, CodeFault> {
        let (entity, keypad) = self.0.look(|home| home.keypad(lock)).map_err(CodeFault::NotWritten)?;
        let talk = Talk { line: &self.0, lock };
        match keypad {
            // At the start of a session this may not have been told yet.
            Keypad::Zwave(device) => match self.0.until(USER_TOLD, |home| home.is_admin()).await {
                Some(true) => Ok(Slots::Zwave(ZwaveSlots { talk, entity, device })),
                Some(false) | None => Err(NO_ADMIN),
            },
            Keypad::Zha => Ok(Slots::Zha(ZhaSlots { talk, entity })),
            Keypad::None => Err(NO_CODES),
        }
    }
}

impl Talk<'_> {
    /// Asks the instance. With a `gate` it is a command.
    async fn ask(&self, call: CodeCall, gate: Option<Gate<'_>>) -> Result<Result<Reply, Fault>, Unanswered> {
        match self.line.ask(Call::Code(call), gate).await? {
            Heard::Reply(_, reply) => Ok(reply),
            Heard::Event(_) => Err(Unanswered::Silence),
        }
    }

    /// Has a slot written; whether the integration says that it did that. What it says is no proof, and neither is a failure: the
    /// lock may have got the command all the same.
    ///
    /// # Errors
    /// [`CodeFault`] if nothing of it reached the integration.
    async fn write(&self, call: CodeCall, gate: Gate<'_>) -> Result<bool, CodeFault> {
        if !self.takes_commands() {
            return Err(codes::away());
        }
        match self.ask(call, Some(gate)).await {
            // It leaves out locks that are not available, and says that it worked.
            Ok(Ok(_)) => Ok(self.takes_commands()),
            Ok(Err(fault)) => match answer::of_fault(&fault) {
                Answer::Refused(_) => {
                    Err(CodeFault::Refused("Home Assistant does not take this command for this lock."))
                }
                _ => Ok(false),
            },
            Err(Unanswered::NotWritten(why)) => Err(CodeFault::NotWritten(why)),
            Err(Unanswered::Silence) => Ok(false),
        }
    }

    fn takes_commands(&self) -> bool {
        self.line.look(|home| home.takes_commands(self.lock))
    }
}

impl CodeSlots for Codes {
    fn traits<'a>(&'a self, lock: &'a NativeId) -> Later<'a, Result<CodeTraits, CodeFault>> {
        Box::pin(async move {
            Ok(match self.slots(lock).await? {
                Slots::Zwave(_) => zwave::traits(),
                Slots::Zha(_) => zha::traits(),
            })
        })
    }

    fn list<'a>(&'a self, lock: &'a NativeId) -> Later<'a, Result<Listing, CodeFault>> {
        Box::pin(async move {
            self.slots(lock).await?;
            // Home Assistant remembers nothing of them, so nothing is known without asking for each.
            Ok(Listing { slots: Vec::new(), asked: false })
        })
    }

    fn read<'a>(&'a self, lock: &'a NativeId, slot: Slot) -> Later<'a, Result<Content, CodeFault>> {
        Box::pin(async move {
            match self.slots(lock).await? {
                Slots::Zwave(slots) => slots.read(slot).await,
                Slots::Zha(_) => zha::read(slot),
            }
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
            match self.slots(lock).await? {
                Slots::Zwave(slots) => slots.set(slot, code, gate).await,
                Slots::Zha(slots) => slots.set(slot, code, gate).await,
            }
        })
    }

    fn clear<'a>(&'a self, lock: &'a NativeId, slot: Slot, gate: Gate<'a>) -> Later<'a, Result<Proof, CodeFault>> {
        Box::pin(async move {
            match self.slots(lock).await? {
                Slots::Zwave(slots) => slots.clear(slot, gate).await,
                Slots::Zha(slots) => slots.clear(slot, gate).await,
            }
        })
    }
}
