//! A message as it may be kept as evidence: its topic and its payload, without what may be a secret.
//!
//! What is hidden is decided here and not at the reader: whatever a hub or a template puts into a payload, a PIN must not
//! reach the database. So a value whose name sounds like a secret goes, and so does every run of four digits or more that
//! is not a time, whatever its name.

use serde_json::Value;
use thumbturn_core::evidence::Words;

/// Payloads above this size are not read a second time for their words.
const LONGEST: usize = 16 * 1024;

/// What stands where something was hidden.
const HIDDEN: &str = "(hidden)";

/// Parts of names whose values are hidden.
const SECRET: [&str; 14] = [
    "pin",
    "code",
    "pass",
    "pwd",
    "secret",
    "token",
    "auth",
    "key",
    "user",
    "guest",
    "card",
    "tag",
    "finger",
    "credential",
];

/// Names that sound like a secret and hold the number of a slot.
const SLOTS: [&str; 2] = ["action_user", "action_source_user"];

/// Names whose digits are times and measurements.
const MEASURED: [&str; 5] = ["last_seen", "time", "timestamp", "elapsed", "voltage"];

/// The words of a message.
pub(super) fn words(topic: &str, payload: &[u8]) -> Words {
    let payload = match std::str::from_utf8(payload) {
        Ok(text) if text.len() <= LONGEST => redacted(text),
        _ => format!("({} bytes)", payload.len()),
    };
    Words::heard(&format!("{topic} {payload}"))
}

fn redacted(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(mut value) if value.is_object() || value.is_array() => {
            hide_in(&mut value);
            value.to_string()
        }
        _ => without_digits(text),
    }
}

fn hide_in(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                hide_field(name, value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide_in),
        Value::String(text) if text.parse::<jiff::Timestamp>().is_err() => *text = without_digits(text),
        Value::Number(number) => {
            let shown = without_digits(&number.to_string());
            if shown != number.to_string() {
                *value = Value::String(shown);
            }
        }
        Value::String(_) | Value::Bool(_) | Value::Null => {}
    }
}

fn hide_field(name: &str, value: &mut Value) {
    let name = name.to_lowercase();
    if MEASURED.contains(&name.as_str()) && value.is_number() {
        return;
    }
    let is_slot = SLOTS.contains(&name.as_str());
    if !is_slot && !value.is_null() && SECRET.iter().any(|part| name.contains(part)) {
        *value = Value::String(HIDDEN.to_owned());
    } else {
        hide_in(value);
    }
}

/// The text with a single sign for each run of digits that is long enough for a code.
fn without_digits(text: &str) -> String {
    const SHORTEST_CODE: usize = 4;
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(char::is_numeric) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|letter: char| !letter.is_numeric()).unwrap_or(from.len());
        let (digits, after) = from.split_at(end);
        kept.push_str(before);
        kept.push_str(if digits.chars().count() < SHORTEST_CODE { digits } else { "#" });
        rest = after;
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(payload: &str) -> String {
        words("z2m/Front door", payload.as_bytes()).as_str().to_owned()
    }

    #[test]
    fn a_state_message_is_quoted_with_its_topic() {
        let state =
            r#"{"lock_state":"unlocked","state":"UNLOCK","last_seen":1795394094360,"action_user":3,"battery":92}"#;
        let expected = r#"z2m/Front door {"action_user":3,"battery":92,"last_seen":1795394094360,"lock_state":"unlocked","state":"UNLOCK"}"#;
        let sorted = |text: &str| {
            let mut letters: Vec<char> = text.chars().collect();
            letters.sort_unstable();
            letters
        };
        assert_eq!(sorted(&quoted(state)), sorted(expected));
        assert_eq!(quoted("UNLOCKED"), "z2m/Front door UNLOCKED");
        assert!(quoted(r#"{"last_seen":"2026-11-23T00:34:54.360Z"}"#).contains("2026-11-23T00:34:54.360Z"));
    }

    #[test]
    fn a_pin_is_hidden_wherever_it_stands() {
        for payload in [
            r#"{"pin_code":{"user":1,"user_type":"unrestricted","pin_code":"8642"}}"#,
            r#"{"users":{"1":{"status":"enabled","pin_code":8642}}}"#,
            r#"{"PIN":"8642"}"#,
            r#"{"entered":8642}"#,
            r#"{"entered":"8642"}"#,
            r#"{"nested":[{"entered":"a8642b"}]}"#,
            r#"{"last_seen":"code 8642"}"#,
            r#"{"level":"error","message":"z2m: Publish 'set' 'pin_code' to 'x' failed: 'Error: 8642'"}"#,
            r#"{"guest_name":"8642"}"#,
            "8642",
            "\"8642\"",
            "opened with 8642",
            r#"{"broken": 8642"#,
            r#"{"entered":"٨٦٤٢"}"#,
        ] {
            let shown = quoted(payload);
            assert!(!shown.contains("8642") && !shown.contains("٨٦٤٢"), "{shown}");
        }
    }

    #[test]
    fn what_is_no_text_or_too_long_is_only_counted() {
        assert_eq!(words("a/b", &[0xff, 0xfe]).as_str(), "a/b (2 bytes)");
        assert_eq!(words("a/b", "x".repeat(20_000).as_bytes()).as_str(), "a/b (20000 bytes)");
    }
}
