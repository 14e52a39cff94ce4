//! Lines on `bridge/logging`: the only place where Zigbee2MQTT says that a command failed.
//!
//! A line may hold the digits of a code. Nothing of it is logged or passed on but words of our own.

use std::borrow::Cow;

use serde::Deserialize;

/// What an error line says of one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Complaint<'a> {
    /// A command or read was not carried out.
    Failed {
        /// Whether it was a `/get`.
        is_read: bool,
        /// The property that was to be set or read.
        key: &'a str,
        /// The name of the device, friendly name or IEEE address.
        entity: &'a str,
        /// Why.
        why: Why,
    },
    /// No such device.
    Unknown {
        /// The name that was used.
        entity: &'a str,
    },
}

/// Why something failed, as far as the line's form tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The hub does not take such a value; nothing was sent to the lock.
    NotAllowed,
    /// The hub knows no way to do this with the device; nothing was sent.
    NoConverter,
    /// The lock itself said that it does not do it.
    Refused,
    /// Everything else, most of all "the lock did not acknowledge". The bolt may have moved.
    Radio,
}

/// Before the status with which a lock answered, where it is not that of success.
const REFUSED: &str = " failed (Status '";

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    level: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
}

/// The text of an error line; `None` for every other line. By default the hub writes one line per message it publishes,
/// so most lines are thrown away here.
pub(super) fn error_text(payload: &[u8]) -> Option<String> {
    let line: Line<'_> = serde_json::from_slice(payload).ok()?;
    (line.level == "error").then(|| line.message.into_owned())
}

/// Reads an error line. A name may hold anything, even what ends it in a line, so `is_known` tells which of the possible
/// ones is a device's; if none is, the shortest is taken.
pub(super) fn read<'a>(text: &'a str, is_known: impl Fn(&str) -> bool) -> Option<Complaint<'a>> {
    let text = text.strip_prefix("z2m:").unwrap_or(text).trim_start();
    if let Some(rest) = text.strip_prefix("Publish '") {
        return failed(rest, is_known);
    }
    if let Some(rest) = text.strip_prefix("No converter available for '") {
        let (key, rest) = rest.split_once("' on '")?;
        let entity = entity(rest, "'", is_known)?.0;
        return Some(Complaint::Failed { is_read: false, key, entity, why: Why::NoConverter });
    }
    let entity = entity(text.strip_prefix("Entity '")?, "' is unknown", is_known)?.0;
    Some(Complaint::Unknown { entity })
}

fn failed<'a>(rest: &'a str, is_known: impl Fn(&str) -> bool) -> Option<Complaint<'a>> {
    let (verb, rest) = rest.split_once("' '")?;
    let (key, rest) = rest.split_once("' to '")?;
    let (entity, error) = entity(rest, "' failed: ", is_known)?;
    let why = if error.contains(" not allowed, choose between") {
        Why::NotAllowed
    } else if error.contains(REFUSED) {
        Why::Refused
    } else {
        Why::Radio
    };
    Some(Complaint::Failed { is_read: verb == "get", key, entity, why })
}

/// The name before `end`, and what follows: the longest that is known, or else the shortest.
fn entity<'a>(text: &'a str, end: &str, is_known: impl Fn(&str) -> bool) -> Option<(&'a str, &'a str)> {
    let ends = text.rmatch_indices(end).map(|(at, _)| (&text[..at], &text[at + end.len()..]));
    let mut shortest = None;
    for (name, rest) in ends {
        if is_known(name) {
            return Some((name, rest));
        }
        shortest = Some((name, rest));
    }
    shortest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captured_lines_are_understood() {
        let set = |key, entity, why| Some(Complaint::Failed { is_read: false, key, entity, why });
        for (line, expected) in [
            (
                "z2m: Publish 'set' 'state' to 'lock-001' failed: 'Error: 'OPEN' not allowed, choose between: LOCK,UNLOCK,TOGGLE'",
                set("state", "lock-001", Why::NotAllowed),
            ),
            (
                "z2m: Publish 'set' 'pin_code' to 'floor 1/room 101' failed: 'Error: user must be in range for device'",
                set("pin_code", "floor 1/room 101", Why::Radio),
            ),
            (
                "z2m: No converter available for 'colour' on 'lock-001': (\"red\")",
                set("colour", "lock-001", Why::NoConverter),
            ),
            ("z2m: Entity 'nobody' is unknown", Some(Complaint::Unknown { entity: "nobody" })),
            (
                "z2m: Publish 'set' 'state' to 'Haustür Süd' failed: 'Error: ZCL command 0x00158d0000a00001/1 closuresDoorLock.unlockDoor({\"pincodevalue\":\"\"}, {\"timeout\":10000}) failed (Timeout - 8193 - 1)'",
                set("state", "Haustür Süd", Why::Radio),
            ),
            (
                "z2m: Publish 'get' 'state' to 'lock-001' failed: 'Error: ZCL command 0x1/1 closuresDoorLock.read([\"lockState\"]) failed (x)'",
                Some(Complaint::Failed { is_read: true, key: "state", entity: "lock-001", why: Why::Radio }),
            ),
            (
                "z2m: Publish 'set' 'auto_relock_time' to 'lock-001' failed: 'Error: ZCL command 0x1/1 closuresDoorLock.write({\"autoRelockTime\":45}, {\"timeout\":10000}) failed (Status 'INVALID_VALUE')'",
                set("auto_relock_time", "lock-001", Why::Refused),
            ),
            ("z2m: Invalid message 'undefined', skipping...", None),
            ("z2m: Adapter disconnected, stopping", None),
            ("", None),
        ] {
            assert_eq!(read(line, |_| false), expected, "{line}");
        }
    }

    #[test]
    fn only_error_lines_count() {
        assert_eq!(error_text(br#"{"level":"error","message":"z2m: \"x\""}"#).as_deref(), Some("z2m: \"x\""));
        assert_eq!(error_text(br#"{"level":"info","message":"z2m:mqtt: MQTT publish"}"#), None);
        assert_eq!(error_text(b"not json"), None);
        assert_eq!(error_text(br#"{"level":"error"}"#), None);
    }
}
