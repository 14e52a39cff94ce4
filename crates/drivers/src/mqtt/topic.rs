//! Topics that can be published to and subscribed to exactly.

/// The longest topic that MQTT can carry.
const MOST: usize = 65_535;

/// Whether `topic` names one topic: no wildcard, no NUL, not empty, not too long.
pub(super) fn is_plain(topic: &str) -> bool {
    !topic.is_empty() && topic.len() <= MOST && !topic.contains(['+', '#', '\0'])
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
}
