//! The slots of one lock: conversations that end with what the lock told.

use serde_json::Value;
use thumbturn_core::codes::{CodeFault, Content, Listing, NewCode, Proof, Slot};
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::Gate;

use super::Slotted;
use super::call::CodeCall;
use super::told::{self, Credential, Place, User};
use super::users::Room;
use super::verdict::{self, Why};
use crate::codes::{self, AGAIN, Said};
use crate::matter::answer::{self, Verdict};
use crate::matter::call::{Call, Target};
use crate::matter::nodes::{Heard, Nodes};
use crate::websocket::{Line, Unanswered};

const GARBLED: CodeFault = CodeFault::Unknown("the lock's answer cannot be understood");
const HALF: CodeFault = CodeFault::Unknown("a part was written, and then it was too late for the rest");

/// See the module.
pub(super) struct Slots<'a> {
    pub(super) line: &'a Line<Nodes>,
    pub(super) target: Target,
    pub(super) slotted: Slotted,
}

/// What is in a slot, and whose it is.
pub(super) struct Told {
    pub(super) content: Content,
    credential: Option<Credential>,
    user: Option<User>,
}

impl Slots<'_> {
    async fn ask(&self, call: CodeCall, gate: Option<Gate<'_>>) -> Result<Value, Why> {
        match self.line.ask(Call::Code(self.target, call), gate).await {
            Ok(Heard::Reply(_, reply)) => reply.map_err(Why::Fault),
            Ok(Heard::Nodes(_) | Heard::Event(_)) => Err(Why::Unanswered(Unanswered::Silence)),
            Err(why) => Err(Why::Unanswered(why)),
        }
    }

    /// Asks what changes nothing. A server finds out that it has lost a lock, or that it is back, by asking it in vain: so such a
    /// question is asked twice.
    async fn question(&self, call: CodeCall) -> Result<Value, CodeFault> {
        let answer = match self.ask(call.clone(), None).await {
            Err(Why::Fault(fault)) if answer::verdict(&fault) == Verdict::Unknown => self.ask(call, None).await,
            answer => answer,
        };
        answer.map_err(|why| verdict::untold(&why))
    }

    /// What is at a number for users.
    pub(super) async fn place(&self, index: u32) -> Result<Place, CodeFault> {
        let answer = self.question(CodeCall::User(index)).await?;
        told::place(&answer, index).ok_or(GARBLED)
    }

    /// Asks the lock what is in a slot.
    pub(super) async fn told(&self, slot: Slot) -> Result<Told, CodeFault> {
        let answer = self.question(CodeCall::Credential(slot)).await?;
        let Some(credential) = told::credential(&answer).ok_or(GARBLED)? else {
            return Ok(Told { content: Content::Empty, credential: None, user: None });
        };
        let user = match credential.user {
            Some(index) => self.place(index).await?.user,
            None => None,
        };
        let content = user.as_ref().map_or_else(told::nobodys, User::content);
        Ok(Told { content, credential: Some(credential), user })
    }

    /// Asks the lock for each of its users. Every code has one, so what none of them has is empty.
    pub(super) async fn list(&self) -> Result<Listing, CodeFault> {
        let mut slots: Vec<(Slot, Content)> =
            (1..=self.slotted.traits.slots).map(|slot| (Slot(slot), Content::Empty)).collect();
        let mut index = Some(1);
        while let Some(asked) = index.filter(|index| *index <= self.slotted.users) {
            let place = self.place(asked).await?;
            for (user, pin) in place.user.iter().flat_map(|user| user.pins.iter().map(move |pin| (user, pin))) {
                if let Some((_, content)) = slots.iter_mut().find(|(slot, _)| slot == pin) {
                    *content = user.content();
                }
            }
            index = place.next;
        }
        Ok(Listing { slots, asked: true })
    }

    /// Puts a code into a slot.
    pub(super) async fn set(&self, slot: Slot, code: &NewCode, gate: Gate<'_>) -> Result<Proof, CodeFault> {
        let before = self.before(slot).await?;
        let Some(credential) = before.credential else {
            return self.add(slot, code, gate).await;
        };
        if !code.replaces {
            return Err(CodeFault::Occupied);
        }
        match (&before.user, credential.user) {
            (Some(user), Some(index)) if self.is_ours(credential.creator) && self.is_ours(user.creator) => {
                let said = self.modify(slot, (index, user), code, gate).await?;
                self.proven(slot, &before.content, Some(&code.pin), said).await
            }
            // A lock lets nobody change what another fabric, or somebody at its keypad, has set.
            _ => {
                self.empty(slot, &before, gate).await?;
                self.add(slot, code, gate).await.map_err(half_done)
            }
        }
    }

    /// What is in a slot before it is written. A lock that does not tell is not written to.
    async fn before(&self, slot: Slot) -> Result<Told, CodeFault> {
        self.told(slot).await.map_err(|fault| match fault {
            CodeFault::Unknown(_) => codes::away(),
            other => other,
        })
    }

    /// A user with his code, for an empty slot. If the lock does not take the code, the user goes again.
    async fn add(&self, slot: Slot, code: &NewCode, gate: Gate<'_>) -> Result<Proof, CodeFault> {
        let room = self.room(slot).await.map_err(|fault| match fault {
            CodeFault::Unknown(_) => codes::away(),
            other => other,
        })?;
        let (user, call) = match room {
            Room::Free(user) => (user, CodeCall::AddUser(user, slot, code.name.clone())),
            Room::LeftOver(user) => (user, CodeCall::ModifyUser(user, Some(code.name.clone().unwrap_or_default()))),
        };
        match verdict::written(self.ask(call, Some(gate)).await)? {
            Said::Done => {}
            Said::Nothing => return Err(CodeFault::Unknown("the lock did not acknowledge the user of the code")),
            _ => return Err(CodeFault::Refused("The lock refused a user for the code.")),
        }
        let call = CodeCall::AddPin(slot, user, code.pin.clone());
        let said = verdict::of_pin(self.ask(call, Some(gate)).await);
        let is_refused = match &said {
            Ok(said) => matches!(said, Said::Failed | Said::Duplicate),
            Err(fault) => !matches!(fault, CodeFault::NotWritten(_)),
        };
        if is_refused {
            let _ = self.ask(CodeCall::ClearUser(user), Some(gate)).await;
        }
        self.proven(slot, &Content::Empty, Some(&code.pin), said.map_err(half_done)?).await
    }

    /// Another code, and another name if one is wanted, for a user of ours. If he was kept from the door, he no longer is; the
    /// code comes first, so that the old one does not open it again.
    async fn modify(
        &self,
        slot: Slot,
        (index, user): (u32, &User),
        code: &NewCode,
        gate: Gate<'_>,
    ) -> Result<Said, CodeFault> {
        let call = CodeCall::ModifyPin(slot, index, code.pin.clone());
        let said = verdict::of_pin(self.ask(call, Some(gate)).await)?;
        let is_renamed = code.name.is_some() && code.name != user.name;
        if said == Said::Done && (is_renamed || !user.is_unrestricted()) {
            let call = CodeCall::ModifyUser(index, code.name.clone());
            return verdict::written(self.ask(call, Some(gate)).await).map_err(half_done);
        }
        Ok(said)
    }

    /// Empties a slot.
    pub(super) async fn clear(&self, slot: Slot, gate: Gate<'_>) -> Result<Proof, CodeFault> {
        let before = self.before(slot).await?;
        if before.credential.is_none() {
            return Ok(Proof::ReadBack);
        }
        self.empty(slot, &before, gate).await
    }

    /// Empties a slot that is taken. The user goes with his last code if he is one of ours.
    async fn empty(&self, slot: Slot, before: &Told, gate: Gate<'_>) -> Result<Proof, CodeFault> {
        let said = verdict::written(self.ask(CodeCall::ClearPin(slot), Some(gate)).await)?;
        let proof = self.proven(slot, &before.content, None, said).await?;
        if let Some(index) = before.credential.and_then(|credential| credential.user) {
            // Many locks have removed him by themselves.
            let left = self.place(index).await.ok().and_then(|place| place.user);
            if left.is_some_and(|user| self.is_ours(user.creator) && user.has_nothing()) {
                let _ = self.ask(CodeCall::ClearUser(index), Some(gate)).await;
            }
        }
        Ok(proof)
    }

    /// What writing a slot came to: the lock is asked, and once more where it may take its time.
    async fn proven(&self, slot: Slot, before: &Content, wanted: Option<&Pin>, said: Said) -> Result<Proof, CodeFault> {
        let mut after = self.told(slot).await.ok().map(|told| told.content);
        if after.is_some() && codes::is_open(wanted, said, after.as_ref()) {
            self.line.pause(AGAIN).await;
            after = self.told(slot).await.ok().map(|told| told.content).or(after);
        }
        codes::of(before, wanted, said, after.as_ref())
    }
}

/// What a closed gate cut short, or a lost hub, is not known.
fn half_done(fault: CodeFault) -> CodeFault {
    if matches!(fault, CodeFault::NotWritten(_)) { HALF } else { fault }
}
