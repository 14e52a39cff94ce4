//! Locks with the command class User Code.

use serde_json::Value;
use thumbturn_core::codes::{CodeFault, CodeTraits, Content, Listing, NewCode, Proof, Shows, Slot};
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::Gate;

use super::NO_CODES;
use super::talk::{Talk, Why};
use super::told::content;
use super::verdict;
use crate::codes::{self, AGAIN, ALL_DIGITS, Said};
use crate::websocket::Unanswered;
use crate::zwave_js::call::CodeCall;
use crate::zwave_js::wire::ValueEntry;

/// The number of the command class.
pub(crate) const USER_CODE: u32 = 99;

/// How many digits a code has, by the command class.
pub(crate) const LENGTHS: (usize, usize) = (4, 10);

/// Where the answer of a command class is.
const RESPONSE: &str = "response";

/// The slots of one lock.
pub(super) struct UserCodes<'a> {
    pub(super) talk: Talk<'a>,
    pub(super) version: u32,
}

impl UserCodes<'_> {
    /// What can be done with the slots. The lock is asked how many it has, once in a session: one that was half codes::away when the
    /// hub got to know it is kept there as one with none.
    pub(super) async fn traits(&self) -> Result<CodeTraits, CodeFault> {
        if let Some(known) = self.talk.line.look(|network| network.code_traits(self.talk.node).cloned()) {
            return Ok(known);
        }
        let count = self.talk.answer(CodeCall::Count, RESPONSE).await?.ok_or_else(codes::away)?;
        let slots = count.as_u64().and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0);
        let slots = slots.ok_or(NO_CODES)?;
        let digits = if self.version >= 2 {
            let told = self.talk.answer(CodeCall::Abilities, RESPONSE).await?.ok_or_else(codes::away)?;
            digits(told.get("supportedASCIIChars"))
        } else {
            ALL_DIGITS.to_owned()
        };
        let (shortest, longest) = LENGTHS;
        let traits =
            CodeTraits { slots, shortest, longest, digits, windows: false, shows: Shows::Code, name_bytes: None };
        self.talk.line.look(|network| network.keep_code_traits(self.talk.node, traits.clone()));
        Ok(traits)
    }

    /// What the hub remembers of the slots.
    pub(super) async fn list(&self) -> Result<Listing, CodeFault> {
        let slots = self.traits().await?.slots;
        let state = match self.talk.ask(CodeCall::Remembered, None).await {
            Ok(result) => result,
            Err(Why::Unanswered(Unanswered::NotWritten(why))) => return Err(CodeFault::NotWritten(why)),
            Err(_) => return Err(CodeFault::Unknown("the Z-Wave hub did not answer")),
        };
        let values = state.get("state").and_then(|state| state.get("values")).and_then(Value::as_array);
        let entries = values.into_iter().flatten().filter_map(|value| serde_json::from_value(value.clone()).ok());
        let entries: Vec<ValueEntry> = entries.filter(is_of_a_slot).collect();
        let value = |slot: u32, property: &str| {
            let fits = |entry: &&ValueEntry| entry.property == property && slot_of(entry) == Some(slot);
            entries.iter().find(fits).and_then(|entry| entry.value.as_ref())
        };
        let known = |slot| Some((Slot(slot), content(value(slot, "userIdStatus"), value(slot, "userCode"))?));
        Ok(Listing { slots: (1..=slots).filter_map(known).collect(), asked: false })
    }

    /// Asks the lock what is in a slot; `None` if it does not tell.
    pub(super) async fn read(&self, slot: Slot) -> Result<Option<Content>, CodeFault> {
        let told = self.talk.answer(CodeCall::Get(slot), RESPONSE).await?;
        Ok(told.and_then(|told| content(told.get("userIdStatus"), told.get("userCode"))))
    }

    /// Puts a code into a slot that held `before`.
    pub(super) async fn set(
        &self,
        slot: Slot,
        code: &NewCode,
        before: &Content,
        gate: Gate<'_>,
    ) -> Result<Proof, CodeFault> {
        let pin = &code.pin;
        let call = CodeCall::Set(slot, pin.clone());
        let (said, after) = self.write(slot, call, Some(pin), gate).await?;
        codes::of(before, Some(pin), said, after.as_ref())
    }

    /// Empties a slot that is taken.
    pub(super) async fn clear(&self, slot: Slot, before: &Content, gate: Gate<'_>) -> Result<Proof, CodeFault> {
        let (said, after) = self.write(slot, CodeCall::Clear(slot), None, gate).await?;
        codes::of(before, None, said, after.as_ref())
    }

    /// Writes a slot and asks the lock about it: at once, and once more where it may take its time. (That it has a code already a
    /// lock tells beside its answer.)
    async fn write(
        &self,
        slot: Slot,
        call: CodeCall,
        wanted: Option<&Pin>,
        gate: Gate<'_>,
    ) -> Result<(Said, Option<Content>), CodeFault> {
        let began = self.talk.now();
        let said = verdict::said(self.talk.ask(call, Some(gate)).await)?;
        let said_since = |said| {
            let duplicate = self.talk.line.look(|network| network.told_duplicate(self.talk.node, slot, began));
            if duplicate { Said::Duplicate } else { said }
        };
        let told = self.read(slot).await.ok().flatten();
        let said = said_since(said);
        if !codes::is_open(wanted, said, told.as_ref()) {
            return Ok((said, told));
        }
        self.talk.line.pause(AGAIN).await;
        let told = self.read(slot).await.ok().flatten().or(told);
        Ok((said_since(said), told))
    }
}

/// The digits among the characters that a lock takes.
fn digits(told: Option<&Value>) -> String {
    let told = told.and_then(Value::as_str).unwrap_or_default();
    let digits: String = ALL_DIGITS.chars().filter(|digit| told.contains(*digit)).collect();
    if digits.is_empty() { ALL_DIGITS.to_owned() } else { digits }
}

fn is_of_a_slot(entry: &ValueEntry) -> bool {
    (entry.command_class, entry.endpoint) == (USER_CODE, 0) && entry.property_key.is_some()
}

fn slot_of(entry: &ValueEntry) -> Option<u32> {
    entry.property_key.as_ref().and_then(Value::as_u64).and_then(|slot| u32::try_from(slot).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_digits_are_those_among_what_a_lock_takes() {
        assert_eq!(digits(Some(&json!("0123456789ABCD"))), ALL_DIGITS);
        assert_eq!(digits(Some(&json!("12345"))), "12345");
        assert_eq!(digits(Some(&json!(""))), ALL_DIGITS);
        assert_eq!(digits(None), ALL_DIGITS);
    }
}
