//! Locks of the integration `zwave_js`, with the command class User Code.

use std::time::Duration;

use thumbturn_core::codes::{CodeFault, CodeTraits, Content, NewCode, Proof, Shows, Slot};
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::Gate;

use super::{MOST_SLOTS, Talk};
use crate::codes::{self, AGAIN, ALL_DIGITS, Said};
use crate::home_assistant::call::{Call, CodeCall, Service};
use crate::home_assistant::home::Reply;
use crate::websocket::Unanswered;
use crate::zwave_js::codes::user_code::LENGTHS;

/// How long after the answer of the service a lock's report may come: both are passed on, in no order.
const LATE: Duration = Duration::from_millis(500);

/// The same of a lock that is not available: Home Assistant answers at once then, and has it asked all the same. It may answer,
/// and is available again.
const AWAKENS: Duration = Duration::from_secs(5);

/// How often a lock is asked. What is told of a value for the first time is an event that triggers do not hear.
const TIMES: u8 = 2;

/// The slots of one lock.
pub(super) struct ZwaveSlots<'a> {
    pub(super) talk: Talk<'a>,
    pub(super) entity: String,
    pub(super) device: String,
}

/// Somebody who listens to what a lock reports of a slot. When that is over, nobody does.
struct Ear<'a> {
    slots: &'a ZwaveSlots<'a>,
    slot: Slot,
    /// Under which number it is told.
    number: Option<u64>,
}

impl Drop for Ear<'_> {
    fn drop(&mut self) {
        let line = self.slots.talk.line;
        line.look(|home| home.slots().end(&self.slots.device, self.slot));
        if let Some(number) = self.number {
            line.send(Call::Unlisten(number));
        }
    }
}

/// What can be done with the slots, by the command class: Home Assistant does not tell what the lock can do.
pub(super) fn traits() -> CodeTraits {
    CodeTraits {
        slots: MOST_SLOTS,
        shortest: LENGTHS.0,
        longest: LENGTHS.1,
        digits: ALL_DIGITS.to_owned(),
        windows: false,
        shows: Shows::Code,
        name_bytes: None,
    }
}

impl ZwaveSlots<'_> {
    /// Asks the lock what is in a slot.
    pub(super) async fn read(&self, slot: Slot) -> Result<Content, CodeFault> {
        traits().has(slot)?;
        self.told(slot).await?.ok_or(CodeFault::Unknown("the lock did not answer"))
    }

    /// Puts a code into a slot, and makes sure.
    pub(super) async fn set(&self, slot: Slot, code: &NewCode, gate: Gate<'_>) -> Result<Proof, CodeFault> {
        traits().takes(slot, code)?;
        let before = self.told(slot).await?.ok_or_else(codes::away)?;
        if codes::is_there(&before, code) {
            return Ok(Proof::ReadBack);
        }
        if before != Content::Empty && !before.is(&code.pin) && !code.replaces {
            return Err(CodeFault::Occupied);
        }
        let call = CodeCall::Set(Service::Zwave, self.entity.clone(), slot, code.pin.clone());
        let (said, after) = self.write(slot, call, Some(&code.pin), gate).await?;
        codes::of(&before, Some(&code.pin), said, after.as_ref())
    }

    /// Empties a slot, and makes sure.
    pub(super) async fn clear(&self, slot: Slot, gate: Gate<'_>) -> Result<Proof, CodeFault> {
        traits().has(slot)?;
        let before = self.told(slot).await?.ok_or_else(codes::away)?;
        if before == Content::Empty {
            return Ok(Proof::ReadBack);
        }
        let call = CodeCall::Clear(Service::Zwave, self.entity.clone(), slot);
        let (said, after) = self.write(slot, call, None, gate).await?;
        codes::of(&before, None, said, after.as_ref())
    }

    /// Has a slot written, and asks the lock about it: at once, and once more where it may take its time.
    async fn write(
        &self,
        slot: Slot,
        call: CodeCall,
        wanted: Option<&Pin>,
        gate: Gate<'_>,
    ) -> Result<(Said, Option<Content>), CodeFault> {
        let began = self.talk.line.now();
        let said = if self.talk.write(call, gate).await? { Said::Delivered } else { Said::Nothing };
        let said_since = || {
            let told = self.talk.line.look(|home| home.slots().told_duplicate(&self.device, slot, began));
            if told { Said::Duplicate } else { said }
        };
        let told = self.told(slot).await.ok().flatten();
        if !codes::is_open(wanted, said_since(), told.as_ref()) {
            return Ok((said_since(), told));
        }
        self.talk.line.pause(AGAIN).await;
        let told = self.told(slot).await.ok().flatten().or(told);
        Ok((said_since(), told))
    }

    /// Has the lock report a slot, and hears what it reports; `None` if it does not.
    async fn told(&self, slot: Slot) -> Result<Option<Content>, CodeFault> {
        let mut ear = Ear { slots: self, slot, number: None };
        let line = self.talk.line;
        line.look(|home| home.slots().begin(&self.device, slot));
        match self.asked(CodeCall::Listen(self.entity.clone(), slot)).await? {
            Some(Reply::Listening(number)) => ear.number = Some(number),
            _ => return Ok(None),
        }
        let (times, late) = if self.talk.takes_commands() { (TIMES, LATE) } else { (1, AWAKENS) };
        for _ in 0..times {
            if self.asked(CodeCall::Get(self.entity.clone(), slot)).await?.is_none() {
                return Ok(None);
            }
            let whole = line.until(late, |home| home.slots().whole(&self.device, slot)).await;
            if whole.is_some() {
                return Ok(whole);
            }
        }
        Ok(line.look(|home| home.slots().so_far(&self.device, slot)))
    }

    /// Asks the instance; `None` if it could not do it, or said nothing.
    async fn asked(&self, call: CodeCall) -> Result<Option<Reply>, CodeFault> {
        match self.talk.ask(call, None).await {
            Ok(reply) => Ok(reply.ok()),
            Err(Unanswered::NotWritten(why)) => Err(CodeFault::NotWritten(why)),
            Err(Unanswered::Silence) => Ok(None),
        }
    }
}
