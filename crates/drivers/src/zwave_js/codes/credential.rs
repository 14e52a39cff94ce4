//! Locks with the command class User Credential, through the hub's access control: users and what they open with are two things.
//! A slot is one for a PIN; who has it is the user of the same number, unless somebody else put it there.

use serde_json::Value;
use thumbturn_core::codes::{Code, CodeFault, CodeTraits, Content, Held, Listing, NewCode, Proof, Shows, Slot};
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::Gate;

use super::NO_CODES;
use super::talk::{Talk, Why};
use super::verdict;
use crate::codes::{self, AGAIN, ALL_DIGITS, Said};
use crate::websocket::Unanswered;
use crate::zwave_js::call::CodeCall;

/// The number of the command class.
pub(in crate::zwave_js) const USER_CREDENTIAL: u32 = 131;

const TOO_OLD: CodeFault = CodeFault::Unsupported("its Z-Wave JS server is too old for how it keeps codes");

/// A kind of user whose code opens the door, as often as he likes.
const GENERAL: u64 = 0;

/// The slots of one lock.
pub(super) struct Credentials<'a> {
    pub(super) talk: Talk<'a>,
}

/// Who has a slot, and what is in it.
struct Told {
    owner: u32,
    content: Content,
}

impl Credentials<'_> {
    /// What can be done with the slots, as the lock told the hub when that got to know it.
    pub(super) async fn traits(&self) -> Result<CodeTraits, CodeFault> {
        let users = self.abilities(CodeCall::UserAbilities).await?;
        let credentials = self.abilities(CodeCall::CredentialAbilities).await?;
        traits(&users, &credentials).ok_or(NO_CODES)
    }

    async fn abilities(&self, call: CodeCall) -> Result<Value, CodeFault> {
        match self.talk.ask(call, None).await {
            Ok(result) => Ok(result.get("capabilities").cloned().unwrap_or_default()),
            Err(Why::Fault(_)) => Err(TOO_OLD),
            Err(Why::Unanswered(Unanswered::NotWritten(why))) => Err(CodeFault::NotWritten(why)),
            Err(Why::Unanswered(Unanswered::Silence)) => Err(CodeFault::Unknown("the Z-Wave hub did not answer")),
        }
    }

    /// What the hub remembers. Of slots that it does not know nothing is said.
    pub(super) async fn list(&self) -> Result<Listing, CodeFault> {
        let unheard = CodeFault::Unknown("the Z-Wave hub did not answer");
        let credentials = self.talk.answer(CodeCall::Credentials, "credentials").await?.ok_or(unheard.clone())?;
        let users = self.talk.answer(CodeCall::Users, "users").await?.ok_or(unheard)?;
        let user_of = |owner: u32| {
            let users = users.as_array().into_iter().flatten();
            users.into_iter().find(|user| number(user, "userId") == Some(owner))
        };
        let known = |credential: &Value| {
            let owner = number(credential, "userId")?;
            Some((Slot(number(credential, "slot")?), content(credential, user_of(owner))))
        };
        let mut slots: Vec<_> = credentials.as_array().into_iter().flatten().filter_map(known).collect();
        slots.sort_by_key(|(slot, _)| *slot);
        Ok(Listing { slots, asked: false })
    }

    /// Asks the lock what is in a slot; `None` if it does not tell.
    pub(super) async fn read(&self, slot: Slot) -> Result<Option<Content>, CodeFault> {
        Ok(self.told(slot).await?.map(|told| told.content))
    }

    async fn told(&self, slot: Slot) -> Result<Option<Told>, CodeFault> {
        let Some(credential) = self.talk.answer(CodeCall::Credential(slot), "credential").await? else {
            return Ok(None);
        };
        let owner = number(&credential, "userId").unwrap_or_default();
        if owner == 0 {
            return Ok(Some(Told { owner, content: Content::Empty }));
        }
        let Some(user) = self.talk.answer(CodeCall::User(owner), "user").await? else { return Ok(None) };
        Ok(Some(Told { owner, content: content(&credential, Some(&user)) }))
    }

    /// Puts a code into a slot that held `before`.
    pub(super) async fn set(
        &self,
        slot: Slot,
        code: &NewCode,
        before: &Content,
        gate: Gate<'_>,
    ) -> Result<Proof, CodeFault> {
        let said = match before {
            Content::Empty => self.add(slot, code, gate).await?,
            Content::Held(_) | Content::Other => self.replace(slot, code, before, gate).await?,
        };
        let after = self.made_sure(slot, Some(&code.pin), said).await;
        codes::of(before, Some(&code.pin), said, after.as_ref())
    }

    /// A new user with his code. If the lock does not take the code, the user goes again.
    async fn add(&self, slot: Slot, code: &NewCode, gate: Gate<'_>) -> Result<Said, CodeFault> {
        let call = CodeCall::AddUser(slot, code.name.clone(), code.pin.clone());
        let answer = verdict::written(self.talk.ask(call, Some(gate)).await)?;
        let result = answer.as_ref().and_then(|answer| answer.get("result"));
        let part = |key: &str| result.and_then(|result| result.get(key)).and_then(Value::as_u64);
        match (part("user"), part("credential")) {
            // There is one of this number: with other means to open the door, or left over.
            (Some(1), _) if code.replaces => {
                let call = CodeCall::SetCredential(slot.0, slot, code.pin.clone());
                self.written(call, gate).await
            }
            (Some(1), _) => Err(CodeFault::Occupied),
            (Some(0), Some(0)) => Ok(Said::Done),
            (Some(0), failed) => {
                let said = verdict::of_credential(failed);
                if matches!(said, Ok(Said::Failed | Said::Duplicate) | Err(_)) {
                    let _ = self.talk.ask(CodeCall::DeleteUser(slot.0), Some(gate)).await;
                }
                said
            }
            _ => Ok(Said::Nothing),
        }
    }

    /// Another code, or another name, for the user who has the slot.
    async fn replace(&self, slot: Slot, code: &NewCode, before: &Content, gate: Gate<'_>) -> Result<Said, CodeFault> {
        let owner = self.told(slot).await?.filter(|told| told.owner != 0).map_or(slot.0, |told| told.owner);
        let mut said = Said::Done;
        if !before.is(&code.pin) {
            said = self.written(CodeCall::SetCredential(owner, slot, code.pin.clone()), gate).await?;
        }
        if code.name.is_some() && said == Said::Done {
            self.written(CodeCall::SetUser(owner, code.name.clone()), gate).await?;
        }
        Ok(said)
    }

    /// Empties a slot that is taken. The user goes with his last means to open the door, if he is the one of that number.
    pub(super) async fn clear(&self, slot: Slot, before: &Content, gate: Gate<'_>) -> Result<Proof, CodeFault> {
        let owner = self.told(slot).await?.ok_or_else(codes::away)?.owner;
        let said = self.written(CodeCall::DeleteCredential(owner, slot), gate).await?;
        let after = self.made_sure(slot, None, said).await;
        let proof = codes::of(before, None, said, after.as_ref())?;
        if owner == slot.0 {
            let others = self.talk.answer(CodeCall::CredentialsOf(owner), "credentials").await?;
            if others.as_ref().and_then(Value::as_array).is_some_and(Vec::is_empty) {
                let _ = self.talk.ask(CodeCall::DeleteUser(owner), Some(gate)).await;
            }
        }
        Ok(proof)
    }

    async fn written(&self, call: CodeCall, gate: Gate<'_>) -> Result<Said, CodeFault> {
        let answer = verdict::written(self.talk.ask(call, Some(gate)).await)?;
        let result = answer.as_ref().and_then(|answer| answer.get("result")).and_then(Value::as_u64);
        verdict::of_credential(result)
    }

    async fn made_sure(&self, slot: Slot, wanted: Option<&Pin>, said: Said) -> Option<Content> {
        let told = self.read(slot).await.ok().flatten();
        if !codes::is_open(wanted, said, told.as_ref()) {
            return told;
        }
        self.talk.line.pause(AGAIN).await;
        self.read(slot).await.ok().flatten().or(told)
    }
}

fn number(value: &Value, key: &str) -> Option<u32> {
    value.get(key).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok())
}

fn traits(users: &Value, credentials: &Value) -> Option<CodeTraits> {
    let pins = credentials.get("supportedCredentialTypes")?.get("1")?;
    let size = |value: &Value, key: &str| number(value, key).and_then(|number| usize::try_from(number).ok());
    let slots = number(pins, "numberOfCredentialSlots")?.min(number(users, "maxUsers")?);
    let (shortest, longest) = (size(pins, "minCredentialLength")?, size(pins, "maxCredentialLength")?);
    (slots > 0 && longest > 0).then(|| CodeTraits {
        slots,
        shortest,
        longest,
        digits: ALL_DIGITS.to_owned(),
        windows: false,
        shows: Shows::Code,
        name_bytes: size(users, "maxUserNameLength").filter(|length| *length > 0),
    })
}

/// What is in a slot that is taken.
fn content(credential: &Value, user: Option<&Value>) -> Content {
    let of_user = |key: &str| user.and_then(|user| user.get(key));
    if of_user("userType").and_then(Value::as_u64).is_some_and(|kind| kind != GENERAL) {
        return Content::Other;
    }
    let code = match credential.get("data") {
        Some(Value::String(digits)) if digits.is_empty() => Code::Hidden,
        Some(Value::String(digits)) => Pin::new(digits).map_or(Code::NotDigits, Code::Shown),
        Some(Value::Null) | None => Code::Hidden,
        Some(_) => Code::NotDigits,
    };
    let name = of_user("userName").and_then(Value::as_str).filter(|name| !name.is_empty()).map(str::to_owned);
    Content::Held(Held {
        code,
        enabled: of_user("active").and_then(Value::as_bool).unwrap_or_default(),
        name,
        window: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_lock_can_do_is_of_its_pins_and_its_users() {
        let users = json!({"maxUsers": 8, "maxUserNameLength": 32, "supportedUserTypes": [0]});
        let pins = json!({"numberOfCredentialSlots": 10, "minCredentialLength": 4, "maxCredentialLength": 8});
        let found = traits(&users, &json!({"supportedCredentialTypes": {"1": pins, "3": {}}})).unwrap();
        assert_eq!((found.slots, found.shortest, found.longest, found.name_bytes), (8, 4, 8, Some(32)));
        assert_eq!(traits(&users, &json!({"supportedCredentialTypes": {"3": pins}})), None, "cards alone");
        assert_eq!(traits(&json!({}), &json!({})), None);
    }

    #[test]
    fn a_slot_is_what_its_credential_and_its_user_say() {
        let user = json!({"userId": 3, "active": true, "userType": 0, "userName": "Guest"});
        let told = content(&json!({"userId": 3, "slot": 3, "data": "2468"}), Some(&user));
        assert!(told.is(&Pin::new("2468").unwrap()));
        let Content::Held(held) = content(&json!({"userId": 3, "slot": 3}), Some(&user)) else { panic!() };
        assert_eq!((held.code, held.enabled, held.name.as_deref()), (Code::Hidden, true, Some("Guest")));
        let programmer = json!({"userId": 3, "active": true, "userType": 3});
        assert_eq!(content(&json!({"data": "2468"}), Some(&programmer)), Content::Other);
        let Content::Held(held) = content(&json!({"data": "24ab"}), None) else { panic!() };
        assert_eq!((held.code, held.enabled), (Code::NotDigits, false));
    }
}
