//! Topics that can be published to and subscribed to exactly.
//!
//! Names of topics come from the network. A broker that is asked for one that it does not like hangs up instead of saying
//! no, and would do so again after every new connection: one bad announcement would take away every lock of the account.

/// The longest topic in use, in bytes. MQTT could carry 65,535; real ones have some dozens.
const MOST: usize = 1024;

/// How many levels a topic may have. Mosquitto hangs up above 200.
const MOST_LEVELS: usize = 200;

/// How many levels a prefix may have that further levels are hung onto, and how long it may be.
const MOST_ROOT_LEVELS: usize = 100;
const MOST_ROOT: usize = 512;

/// Whether `topic` names one topic that every broker takes.
pub(super) fn is_plain(topic: &str) -> bool {
    problem(topic).is_none()
}

/// Why `topic` does not name one topic that every broker takes.
fn problem(topic: &str) -> Option<&'static str> {
    if topic.is_empty() {
        Some("is empty")
    } else if topic.len() > MOST {
        Some("is too long")
    } else if topic.contains(['+', '#']) {
        Some("must not hold a wildcard (+ or #)")
    } else if !is_text(topic) {
        Some("holds a control character or something else that is no text")
    } else if levels(topic) > MOST_LEVELS {
        Some("has too many levels")
    } else {
        None
    }
}

/// Why `topic` cannot be the beginning of topics: a base topic or a prefix.
pub(super) fn problem_as_root(topic: &str) -> Option<&'static str> {
    if let Some(problem) = problem(topic) {
        Some(problem)
    } else if topic.starts_with('$') {
        Some("must not begin with $: such topics belong to the broker")
    } else if topic.split('/').any(str::is_empty) {
        Some("must not begin with a slash or hold an empty level (//)")
    } else if levels(topic) > MOST_ROOT_LEVELS {
        Some("has too many levels")
    } else {
        (topic.len() > MOST_ROOT).then_some("is too long")
    }
}

/// Whether `topic` is for everybody: those that begin with `$` are the broker's own, and some are orders to it.
pub(super) fn is_public(topic: &str) -> bool {
    !topic.starts_with('$')
}

fn levels(topic: &str) -> usize {
    topic.split('/').count()
}

/// Whether a text may be a string of MQTT: no control characters and none of the code points that are no characters.
pub(super) fn is_text(text: &str) -> bool {
    !text.chars().any(|character| character.is_control() || is_non_character(character))
}

fn is_non_character(character: char) -> bool {
    let code = u32::from(character);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_not_plain() {
        for topic in ["zigbee2mqtt/floor 1/room 101", "zigbee2mqtt/Haustür Süd", "/"] {
            assert!(is_plain(topic), "{topic}");
        }
        for topic in ["", "a/+", "a/#", "a+b", "C#", "a\0b"] {
            assert!(!is_plain(topic), "{topic}");
        }
        assert!(!is_plain(&"x".repeat(65_536)));
    }

    #[test]
    fn what_makes_a_broker_hang_up_is_not_plain() {
        for character in ['\u{1}', '\u{1f}', '\u{7f}', '\u{9f}', '\u{fdd0}', '\u{fffe}', '\u{ffff}', '\u{10ffff}'] {
            assert!(!is_plain(&format!("a/{character}/b")), "{character:?}");
        }
        assert!(is_plain("a/\u{a0}\u{fdcf}\u{fffd}"));
        assert!(is_plain(&vec!["x"; 200].join("/")));
        assert!(!is_plain(&vec!["x"; 201].join("/")));
        assert!(!is_plain(&"x".repeat(1025)));
    }

    #[test]
    fn a_root_leaves_room_for_what_is_hung_onto_it() {
        assert_eq!(problem_as_root("haus/eg"), None);
        for root in ["", "/a", "a/", "a//b", "$SYS", "a/+", &"x/".repeat(150), &"x".repeat(600)] {
            assert!(problem_as_root(root).is_some(), "{root}");
        }
    }
}
