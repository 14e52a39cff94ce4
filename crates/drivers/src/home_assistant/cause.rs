//! What moved a bolt, where an integration tells: `changed_by` is free text.

use thumbturn_core::events::Method;

/// Words that stand for a cause, in the order in which they count: "Keypad (manual)" is a keypad.
const WORDS: [(Method, &[&str]); 4] = [
    (Method::Keycode, &["keypad", "keycode", "pin", "pincode", "code"]),
    (Method::Card, &["card", "nfc", "rfid", "tag", "fob"]),
    (Method::Automatic, &["auto", "autolock", "automatic", "automatically", "autorelock", "relock", "schedule"]),
    (Method::Manual, &["manual", "manually", "hand", "thumbturn", "knob", "key", "button", "inside"]),
];

/// The cause that a text names; `None` where it names a person, an app or something else. That somebody used an app is not
/// told apart from our own command, and proves nothing.
pub(super) fn method(changed_by: &str) -> Option<Method> {
    let lower = changed_by.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
    let names = |known: &[&str]| words.iter().any(|word| known.contains(word));
    WORDS.iter().find(|(_, known)| names(known)).map(|(method, _)| *method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_words_of_their_own() {
        for (text, expected) in [
            ("Keypad", Some(Method::Keycode)),
            ("keypad - Manuela", Some(Method::Keycode)),
            ("Manual Lock", Some(Method::Manual)),
            ("thumbturn", Some(Method::Manual)),
            ("Auto-Lock", Some(Method::Automatic)),
            ("nfc device", Some(Method::Card)),
            ("Manuela", None),
            ("Anna Pinter", None),
            ("mobile device", None),
            ("Remote", None),
            ("", None),
        ] {
            assert_eq!(method(text), expected, "{text}");
        }
    }
}
