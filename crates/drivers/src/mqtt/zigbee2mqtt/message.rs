//! The fields of a state message.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use jiff::Timestamp;
use serde_json::{Map, Value};
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::Said;

use super::devices::BoltSpec;

/// Fields that change with every word on the air, or that are not the lock's.
const VOLATILE: [&str; 4] = ["last_seen", "linkquality", "elapsed", "device"];

/// When the hub last heard the lock, by the hub's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastSeen {
    pub(super) at: Timestamp,
    /// Whole seconds only.
    pub(super) coarse: bool,
}

/// Reads `last_seen` in any of its three formats: `ISO_8601`, `ISO_8601_local` and `epoch` (milliseconds).
pub(super) fn last_seen(message: &Map<String, Value>) -> Option<LastSeen> {
    match message.get("last_seen")? {
        Value::String(text) => Some(LastSeen { at: text.parse().ok()?, coarse: !text.contains('.') }),
        number => Some(LastSeen { at: Timestamp::from_millisecond(number.as_i64()?).ok()?, coarse: false }),
    }
}

/// Where a message says that a bolt stands. A jam is told by `lock_state` alone: `state` calls it unlocked.
pub(super) fn position(message: &Map<String, Value>, bolt: &BoltSpec) -> Option<Said> {
    if let Some(word) = bolt.position.as_ref().and_then(|property| message.get(property)).and_then(Value::as_str) {
        return match word {
            "locked" => Some(Said::At(Bolt::Locked)),
            "unlocked" => Some(Said::At(Bolt::Unlocked)),
            "not_fully_locked" => Some(Said::Jammed),
            _ => None,
        };
    }
    let state = message.get(&bolt.state).filter(|state| !state.is_null())?;
    if *state == bolt.locked {
        return Some(Said::At(Bolt::Locked));
    }
    // Without the field that tells a jam, "unlocked" proves nothing on a lock that has such a field.
    (*state == bolt.unlocked && bolt.position.is_none()).then_some(Said::At(Bolt::Unlocked))
}

/// The battery's charge, 0 to 1. A lock that calls its battery low has at most a quarter of it for us, whatever its
/// percentage says.
pub(super) fn battery(message: &Map<String, Value>) -> Option<f64> {
    let percent = message.get("battery").and_then(Value::as_f64).filter(|percent| (0.0..=100.0).contains(percent));
    let level = percent.map(|percent| percent / 100.0);
    let is_low = message.get("battery_low").and_then(Value::as_bool) == Some(true);
    if is_low { Some(level.map_or(0.25, |level| level.min(0.25))) } else { level }
}

/// Whether the door stands open, on locks with a door sensor.
pub(super) fn door(message: &Map<String, Value>) -> Option<bool> {
    match message.get("door_state")?.as_str()? {
        "open" => Some(true),
        "closed" => Some(false),
        _ => None,
    }
}

/// A fingerprint of everything in a message that is neither about `bolt` nor volatile. If it changes, the message has
/// another cause than an answer about this bolt: another bolt of the device may have moved, for one.
pub(super) fn rest(message: &Map<String, Value>, bolt: &BoltSpec) -> u64 {
    fingerprint(message, |key| *key == bolt.state || bolt.position.as_deref() == Some(key))
}

/// A fingerprint of everything in a message that is neither volatile nor `is_own`.
pub(super) fn fingerprint(message: &Map<String, Value>, is_own: impl Fn(&str) -> bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (key, value) in message {
        if VOLATILE.contains(&key.as_str()) || key.starts_with("action") || is_own(key) {
            continue;
        }
        key.hash(&mut hasher);
        value.to_string().hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn yale() -> BoltSpec {
        super::super::devices::tests::list(vec![super::super::devices::tests::yale("0x1", "x")]).devices[1].bolts[0]
            .clone()
    }

    #[test]
    fn lock_state_wins_over_state() {
        let bolt = yale();
        for (message, expected) in [
            (json!({"lock_state": "locked", "state": "LOCK"}), Some(Said::At(Bolt::Locked))),
            (json!({"lock_state": "unlocked", "state": "UNLOCK"}), Some(Said::At(Bolt::Unlocked))),
            (json!({"lock_state": "not_fully_locked", "state": "UNLOCK"}), Some(Said::Jammed)),
            (json!({"lock_state": null, "state": "LOCK"}), Some(Said::At(Bolt::Locked))),
            (json!({"lock_state": null, "state": "UNLOCK"}), None),
            (json!({"state": "UNLOCK"}), None),
            (json!({"lock_state": null, "state": null}), None),
            (json!({"lock_state": "new word", "state": "LOCK"}), None),
            (json!({"battery": 3}), None),
        ] {
            assert_eq!(position(&object(message.clone()), &bolt), expected, "{message}");
        }
        let plain = BoltSpec { position: None, ..bolt };
        assert_eq!(position(&object(json!({"state": "UNLOCK"})), &plain), Some(Said::At(Bolt::Unlocked)));
        assert_eq!(position(&object(json!({"state": "TOGGLE"})), &plain), None);
    }

    #[test]
    fn last_seen_has_three_formats() {
        let at: Timestamp = "2026-11-23T00:34:54.360Z".parse().unwrap();
        let whole: Timestamp = "2026-11-23T00:34:54Z".parse().unwrap();
        for (value, expected) in [
            (json!("2026-11-23T00:34:54.360Z"), Some(LastSeen { at, coarse: false })),
            (json!("2026-11-23T01:34:54+01:00"), Some(LastSeen { at: whole, coarse: true })),
            (json!(1_795_394_094_360_i64), Some(LastSeen { at, coarse: false })),
            (json!(null), None),
            (json!("yesterday"), None),
            (json!(i64::MAX), None),
        ] {
            assert_eq!(last_seen(&object(json!({"last_seen": value}))), expected, "{value}");
        }
        assert_eq!(last_seen(&Map::new()), None);
    }

    #[test]
    fn a_battery_that_is_called_low_is_low() {
        for (message, expected) in [
            (json!({"battery": 92, "battery_low": false}), Some(0.92)),
            (json!({"battery": 40, "battery_low": true}), Some(0.25)),
            (json!({"battery": 7, "battery_low": true}), Some(0.07)),
            (json!({"battery": null, "battery_low": true}), Some(0.25)),
            (json!({"battery": 400}), None),
            (json!({"battery_low": false}), None),
        ] {
            assert_eq!(battery(&object(message.clone())), expected, "{message}");
        }
    }

    #[test]
    fn the_rest_of_a_message_ignores_what_every_word_changes() {
        let bolt = yale();
        let of = |value: Value| rest(&object(value), &bolt);
        let plain =
            of(json!({"battery": 92, "lock_state": "locked", "state": "LOCK", "last_seen": 1, "linkquality": 3}));
        assert_eq!(plain, of(json!({"battery": 92, "lock_state": "unlocked", "action": "unlock", "last_seen": 2})));
        assert_ne!(plain, of(json!({"battery": 91, "lock_state": "locked", "state": "LOCK"})));
        assert_ne!(plain, of(json!({"battery": 92, "lock_state": "locked", "state": "LOCK", "state_left": "LOCK"})));
    }
}
