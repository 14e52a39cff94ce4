//! What a lock tells of a slot and of a user. All of its answers are values: nobody says that they are as they should be.

use serde_json::Value;
use thumbturn_core::codes::{Code, Content, Held, Slot};

use super::call::is_pin;

/// A slot that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Credential {
    /// Whose it is.
    pub(super) user: Option<u32>,
    /// The fabric that put it there; `None`: none did.
    pub(super) creator: Option<u64>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    status: u64,
    kind: u64,
    pub(super) name: Option<String>,
    pub(super) unique: Option<u64>,
    pub(super) creator: Option<u64>,
    /// His PINs, and whether he has anything else.
    pub(super) pins: Vec<Slot>,
    pub(super) has_others: bool,
}

/// What is at a number for users: somebody or nobody, and the next number that is taken, if one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) user: Option<User>,
    pub(super) next: Option<u32>,
}

/// `UserStatusEnum`.
const ENABLED: u64 = 1;

/// `UserTypeEnum`: who opens the door at all times, and who never does.
const UNRESTRICTED: u64 = 0;
const PROGRAMMING: u64 = 3;
const NO_ACCESS: u64 = 4;
const REMOTE_ONLY: u64 = 9;

/// Reads what a lock tells of a slot; `None` in it where that is empty. `None` if it cannot be understood.
pub(super) fn credential(answer: &Value) -> Option<Option<Credential>> {
    let is_there = answer.get("credentialExists")?.as_bool()?;
    let found = Credential { user: number(answer, "userIndex"), creator: wide(answer, "creatorFabricIndex") };
    Some(is_there.then_some(found))
}

/// Reads what a lock tells of the user `index`; `None` if it cannot be understood.
pub(super) fn place(answer: &Value, index: u32) -> Option<Place> {
    if number(answer, "userIndex")? != index {
        return None;
    }
    // Numbers rise; a lock that goes round would be asked for ever.
    let next = number(answer, "nextUserIndex").filter(|next| *next > index);
    let Some(status) = wide(answer, "userStatus").filter(|status| *status != 0) else {
        return Some(Place { user: None, next });
    };
    let credentials = answer.get("credentials").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_of_pin = |credential: &&Value| wide(credential, "credentialType").is_some_and(is_pin);
    let pins: Vec<Slot> = credentials
        .iter()
        .filter(is_of_pin)
        .filter_map(|credential| number(credential, "credentialIndex"))
        .map(Slot)
        .collect();
    let user = User {
        status,
        kind: wide(answer, "userType").unwrap_or_default(),
        name: answer.get("userName").and_then(Value::as_str).filter(|name| !name.is_empty()).map(str::to_owned),
        unique: wide(answer, "userUniqueID").or_else(|| wide(answer, "userUniqueId")),
        creator: wide(answer, "creatorFabricIndex"),
        has_others: credentials.len() > pins.len(),
        pins,
    };
    Some(Place { user: Some(user), next })
}

fn wide(value: &Value, key: &str) -> Option<u64> {
    value.get(key).and_then(Value::as_u64)
}

fn number(value: &Value, key: &str) -> Option<u32> {
    wide(value, key).and_then(|number| u32::try_from(number).ok())
}

impl User {
    /// What is in a slot of his.
    pub(super) fn content(&self) -> Content {
        if matches!(self.kind, PROGRAMMING | NO_ACCESS | REMOTE_ONLY) {
            return Content::Other;
        }
        // When those with a schedule may open the door, the lock knows.
        let enabled = self.status == ENABLED;
        Content::Held(Held { code: Code::Hidden, enabled, name: self.name.clone(), window: None })
    }

    /// Whether his codes open the door at all times.
    pub(super) const fn is_unrestricted(&self) -> bool {
        self.status == ENABLED && self.kind == UNRESTRICTED
    }

    /// Whether he has nothing to open the door with.
    pub(super) const fn has_nothing(&self) -> bool {
        self.pins.is_empty() && !self.has_others
    }
}

/// What is in a slot whose user the lock does not tell.
pub(super) const fn nobodys() -> Content {
    Content::Held(Held { code: Code::Hidden, enabled: true, name: None, window: None })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(changes: &Value) -> Value {
        let mut user = json!({
            "userIndex": 2, "userName": "Guest", "userUniqueID": 4242, "userStatus": 1, "userType": 0,
            "credentialRule": 0, "credentials": [{"credentialType": 1, "credentialIndex": 3}],
            "creatorFabricIndex": 1, "lastModifiedFabricIndex": 1, "nextUserIndex": 5,
        });
        for (key, value) in changes.as_object().into_iter().flatten() {
            user[key] = value.clone();
        }
        user
    }

    #[test]
    fn a_slot_is_taken_or_empty() {
        let told = |exists: Value, user: Value, creator: Value| {
            let answer = json!({
                "credentialExists": exists, "userIndex": user, "creatorFabricIndex": creator,
                "lastModifiedFabricIndex": null, "nextCredentialIndex": null,
            });
            credential(&answer)
        };
        let found = Credential { user: Some(2), creator: Some(1) };
        assert_eq!(told(json!(true), json!(2), json!(1)), Some(Some(found)));
        let keypads = Credential { user: Some(2), creator: None };
        assert_eq!(told(json!(true), json!(2), json!(null)), Some(Some(keypads)), "put there at the keypad");
        assert_eq!(told(json!(false), json!(null), json!(null)), Some(None));
        assert_eq!(told(json!(null), json!(null), json!(null)), None);
        assert_eq!(credential(&Value::Null), None);
    }

    #[test]
    fn a_user_says_what_his_slots_hold() {
        let content = |changes: Value| place(&user(&changes), 2).unwrap().user.unwrap().content();
        let held = |enabled, name: Option<&str>| {
            Content::Held(Held { code: Code::Hidden, enabled, name: name.map(str::to_owned), window: None })
        };
        assert_eq!(content(json!({})), held(true, Some("Guest")));
        assert_eq!(content(json!({"userStatus": 3, "userName": ""})), held(false, None));
        for kind in [1, 2, 5, 6, 7, 8] {
            assert_eq!(content(json!({"userType": kind})), held(true, Some("Guest")), "{kind}");
        }
        for kind in [3, 4, 9] {
            assert_eq!(content(json!({"userType": kind})), Content::Other, "{kind}");
        }
    }

    #[test]
    fn a_number_for_users_is_free_or_taken() {
        let told = place(&user(&json!({})), 2).unwrap();
        assert_eq!(told.next, Some(5));
        let found = told.user.unwrap();
        assert_eq!((found.pins.as_slice(), found.has_others, found.creator), (&[Slot(3)][..], false, Some(1)));
        let nobody = json!({
            "userIndex": 2, "userName": null, "userUniqueID": null, "userStatus": null, "userType": null,
            "credentialRule": null, "credentials": null, "creatorFabricIndex": null, "lastModifiedFabricIndex": null,
            "nextUserIndex": null,
        });
        assert_eq!(place(&nobody, 2), Some(Place { user: None, next: None }));
        assert_eq!(place(&nobody, 3), None, "it tells of somebody else");
        let card = place(&user(&json!({"credentials": [{"credentialType": 2, "credentialIndex": 1}]})), 2).unwrap();
        assert!(card.user.is_some_and(|user| user.pins.is_empty() && user.has_others && !user.has_nothing()));
        let round = place(&user(&json!({"nextUserIndex": 1})), 2).unwrap();
        assert_eq!(round.next, None);
        assert_eq!(place(&Value::Null, 1), None);
    }
}
