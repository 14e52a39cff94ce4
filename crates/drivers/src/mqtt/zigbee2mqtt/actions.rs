//! What an `action` field tells: which way the bolt went and what moved it.

use serde_json::{Map, Value};
use thumbturn_core::events::Method;
use thumbturn_core::locks::Bolt;

/// The user number that means "nobody known" on the air.
const NO_USER: u64 = 65_535;

/// What an action word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The bolt was moved (or sent again to where it was). `None`: the lock does not say by what.
    Operated(Bolt, Option<(Method, Option<u32>)>),
    /// A code was refused at the lock; the reason in the contract's words where it is clear.
    Denied(Option<&'static str>),
    /// What came over the radio was refused: our command was not carried out.
    RadioRefused(Refusal),
    /// Nothing about the bolt (a code was added, …).
    Nothing,
}

/// Why a lock refused what came over the radio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It wants a code.
    Code,
    /// Its schedule does not allow it now.
    Schedule,
    /// It does not say.
    Untold,
}

impl Refusal {
    /// In words for people.
    pub(super) const fn why(self) -> &'static str {
        match self {
            Self::Code => "The lock wants a code with commands that come over the radio.",
            Self::Schedule => "The lock's schedule does not allow this at present.",
            Self::Untold => "The lock refused the command.",
        }
    }
}

/// Reads the action of a state message; `None` if there is none. It appears in one message and is not repeated.
pub(super) fn read(message: &Map<String, Value>) -> Option<Told> {
    let word = message.get("action")?.as_str().filter(|word| !word.is_empty())?;
    let source = source(message);
    Some(if is_refusal(word) { refused(word, source) } else { operated(word, source, user(message)) })
}

/// Who is at work, as far as `action_source_name` or its number tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Keypad,
    Radio,
    Manual,
    Card,
    Fingerprint,
}

fn source(message: &Map<String, Value>) -> Option<Source> {
    let by_number = || match message.get("action_source")?.as_u64()? {
        0 => Some(Source::Keypad),
        1 => Some(Source::Radio),
        2 => Some(Source::Manual),
        3 => Some(Source::Card),
        4 => Some(Source::Fingerprint),
        _ => None,
    };
    let by_name = message.get("action_source_name").and_then(Value::as_str).and_then(|name| match name {
        "keypad" => Some(Source::Keypad),
        "rf" | "zigbee" => Some(Source::Radio),
        "manual" => Some(Source::Manual),
        "rfid" => Some(Source::Card),
        "fingerprint" | "fingerprintsensor" => Some(Source::Fingerprint),
        _ => None,
    });
    by_name.or_else(by_number)
}

fn user(message: &Map<String, Value>) -> Option<u32> {
    let user = message.get("action_user")?;
    let number = user.as_u64().or_else(|| user.as_str()?.parse().ok())?;
    u32::try_from(number).ok().filter(|_| number != NO_USER)
}

fn is_refusal(word: &str) -> bool {
    ["failure", "failed", "invalid", "error", "wrong"].iter().any(|part| word.contains(part))
}

fn refused(word: &str, source: Option<Source>) -> Told {
    let is_about_code = word.contains("invalid_pin");
    match source {
        Some(Source::Radio) if is_about_code => Told::RadioRefused(Refusal::Code),
        Some(Source::Radio) if word.contains("schedule") => Told::RadioRefused(Refusal::Schedule),
        Some(Source::Radio) => Told::RadioRefused(Refusal::Untold),
        _ => Told::Denied(is_about_code.then_some("unknown_code")),
    }
}

fn operated(word: &str, source: Option<Source>, user: Option<u32>) -> Told {
    let Some((bolt, rest)) = split(word) else { return Told::Nothing };
    Told::Operated(bolt, cause(rest, source, user))
}

/// The direction at the end of a word, and what stands before it.
fn split(word: &str) -> Option<(Bolt, &str)> {
    let (bolt, rest) = match word.strip_suffix("unlock") {
        Some(rest) => (Bolt::Unlocked, rest),
        None => (Bolt::Locked, word.strip_suffix("lock")?),
    };
    if rest.is_empty() { Some((bolt, "")) } else { rest.strip_suffix('_').map(|rest| (bolt, rest)) }
}

/// What moved the bolt: the word itself says it best; a plain `lock` or `unlock` leaves it to the source.
fn cause(word: &str, source: Option<Source>, user: Option<u32>) -> Option<(Method, Option<u32>)> {
    match word {
        "" => source.map(|source| by_source(source, user)),
        "auto" | "schedule" => Some((Method::Automatic, None)),
        "manual" | "key" | "one_touch" => Some((Method::Manual, None)),
        "keypad" | "pin" => Some((Method::Keycode, user)),
        "zigbee" | "rf" | "remote" => Some((Method::Remote, None)),
        "rfid" | "card" | "nfc" => Some((Method::Card, None)),
        _ => Some((Method::Unknown, None)),
    }
}

const fn by_source(source: Source, user: Option<u32>) -> (Method, Option<u32>) {
    match source {
        Source::Keypad => (Method::Keycode, user),
        Source::Radio => (Method::Remote, None),
        Source::Manual => (Method::Manual, None),
        Source::Card => (Method::Card, None),
        Source::Fingerprint => (Method::Unknown, None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(message: &Value) -> Option<Told> {
        read(message.as_object().unwrap())
    }

    #[test]
    fn every_captured_action_has_its_meaning() {
        let by = |bolt, method| Some(Told::Operated(bolt, Some((method, None))));
        let code = |bolt, slot| Some(Told::Operated(bolt, Some((Method::Keycode, slot))));
        for (message, expected) in [
            (
                json!({"action": "unlock", "action_source": 1, "action_source_name": "rf", "action_user": null}),
                by(Bolt::Unlocked, Method::Remote),
            ),
            (json!({"action": "lock", "action_source_name": "rf"}), by(Bolt::Locked, Method::Remote)),
            (
                json!({"action": "unlock", "action_source": 0, "action_source_name": "keypad", "action_user": 3}),
                code(Bolt::Unlocked, Some(3)),
            ),
            (json!({"action": "unlock", "action_source": 0, "action_user": 65535}), code(Bolt::Unlocked, None)),
            (
                json!({"action": "manual_lock", "action_source": 2, "action_source_name": "manual", "action_user": null}),
                by(Bolt::Locked, Method::Manual),
            ),
            (json!({"action": "manual_unlock"}), by(Bolt::Unlocked, Method::Manual)),
            (json!({"action": "one_touch_lock"}), by(Bolt::Locked, Method::Manual)),
            (json!({"action": "key_unlock", "action_source_name": "manual"}), by(Bolt::Unlocked, Method::Manual)),
            (json!({"action": "auto_lock", "action_source_name": "rf"}), by(Bolt::Locked, Method::Automatic)),
            (json!({"action": "schedule_unlock"}), by(Bolt::Unlocked, Method::Automatic)),
            (
                json!({"action": "unlock", "action_source_name": "rfid", "action_user": 9}),
                by(Bolt::Unlocked, Method::Card),
            ),
            (
                json!({"action": "unlock", "action_source_name": "fingerprint", "action_user": 9}),
                by(Bolt::Unlocked, Method::Unknown),
            ),
            (json!({"action": "zigbee_unlock"}), by(Bolt::Unlocked, Method::Remote)),
            (json!({"action": "keypad_unlock", "action_user": "12"}), code(Bolt::Unlocked, Some(12))),
            (json!({"action": "fingerprint_unlock"}), by(Bolt::Unlocked, Method::Unknown)),
            (json!({"action": "unlock"}), Some(Told::Operated(Bolt::Unlocked, None))),
            (
                json!({"action": "unlock_failure_invalid_pin_or_id", "action_source_name": "keypad"}),
                Some(Told::Denied(Some("unknown_code"))),
            ),
            (
                json!({"action": "lock_failure_invalid_schedule", "action_source_name": "keypad"}),
                Some(Told::Denied(None)),
            ),
            (
                json!({"action": "unlock_failure_invalid_pin_or_id", "action_source_name": "rf"}),
                Some(Told::RadioRefused(Refusal::Code)),
            ),
            (
                json!({"action": "lock_failure_invalid_schedule", "action_source": 1}),
                Some(Told::RadioRefused(Refusal::Schedule)),
            ),
            (json!({"action": "lock_failure", "action_source_name": "rf"}), Some(Told::RadioRefused(Refusal::Untold))),
            (
                json!({"action": "pin_code_added", "action_source_name": "keypad", "action_user": 7}),
                Some(Told::Nothing),
            ),
            (json!({"action": "unknown"}), Some(Told::Nothing)),
            (json!({"action": "non_access_user_operational_event"}), Some(Told::Nothing)),
            (json!({"action": "clock"}), Some(Told::Nothing)),
            (json!({"action": null}), None),
            (json!({"action": ""}), None),
            (json!({"action": 5}), None),
            (json!({}), None),
        ] {
            assert_eq!(told(&message), expected, "{message}");
        }
    }
}
