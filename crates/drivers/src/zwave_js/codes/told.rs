//! What a lock with User Code tells of a slot.

use serde_json::Value;
use thumbturn_core::codes::{Code, Content, Held};
use thumbturn_core::pins::Pin;

/// The states of a slot.
const AVAILABLE: u64 = 0;
const ENABLED: u64 = 1;
const DISABLED: u64 = 2;

/// What is in a slot, by its state and its code. `None` if the lock says that it has no such slot, or says nothing.
///
/// The state decides whether a slot is taken: some locks send zeros for an empty one, and some that mask their codes do so for a
/// taken one.
pub(crate) fn content(state: Option<&Value>, code: Option<&Value>) -> Option<Content> {
    let enabled = match state?.as_u64()? {
        AVAILABLE => return Some(Content::Empty),
        ENABLED => true,
        DISABLED => false,
        // A message, or a way that is always open.
        3 | 4 => return Some(Content::Other),
        _ => return None,
    };
    let code = shown(code);
    Some(Content::Held(Held { code, enabled, name: None, window: None }))
}

fn shown(code: Option<&Value>) -> Code {
    let Some(text) = code.and_then(Value::as_str) else {
        // Bytes that are no text, or nothing at all.
        return if code.is_some_and(|code| !code.is_null()) { Code::NotDigits } else { Code::Hidden };
    };
    let is_mask = |mask: char| text.chars().all(|digit| digit == mask);
    if is_mask('*') || is_mask('0') {
        // All of an empty text, too.
        return Code::Hidden;
    }
    Pin::new(text).map_or(Code::NotDigits, Code::Shown)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn held(code: Code, enabled: bool) -> Option<Content> {
        Some(Content::Held(Held { code, enabled, name: None, window: None }))
    }

    #[test]
    fn the_state_says_whether_a_slot_is_taken_and_the_code_by_what() {
        let pin = Code::Shown(Pin::new("2345").unwrap());
        for (state, code, expected) in [
            (json!(0), json!(""), Some(Content::Empty)),
            (json!(0), json!("0000"), Some(Content::Empty)),
            (json!(1), json!("2345"), held(pin.clone(), true)),
            (json!(2), json!("2345"), held(pin, false)),
            (json!(1), json!("****"), held(Code::Hidden, true)),
            (json!(1), json!("0000000000"), held(Code::Hidden, true)),
            (json!(1), json!(""), held(Code::Hidden, true)),
            (json!(1), Value::Null, held(Code::Hidden, true)),
            (json!(1), json!("12ab"), held(Code::NotDigits, true)),
            (json!(1), json!({"type": "Buffer", "data": [1, 2, 3, 4]}), held(Code::NotDigits, true)),
            (json!(3), json!("2345"), Some(Content::Other)),
            (json!(254), json!(""), None),
            (json!("x"), json!("2345"), None),
        ] {
            assert_eq!(content(Some(&state), Some(&code)), expected, "{state} {code}");
        }
        assert_eq!(content(None, Some(&json!("2345"))), None);
    }
}
