//! How a lock keeps codes, as its attributes tell.

use thumbturn_core::codes::{CodeTraits, Shows};

use super::about::{FEATURES, PIN};
use crate::codes::ALL_DIGITS;
use crate::matter::call::DOOR_LOCK;
use crate::matter::codes::{Keypad, Slotted};
use crate::matter::wire::Node;

/// Its codes belong to users.
const USERS: u64 = 0x100;

const TOTAL_USERS: u32 = 17;
const PIN_USERS: u32 = 18;
const LONGEST: u32 = 23;
const SHORTEST: u32 = 24;

/// The last index that a slot or a user may have: the ones above mean all of them, or none.
const LAST: u64 = 0xfffd;

/// How many bytes the name of a user may have, by the protocol.
const NAME_BYTES: usize = 10;

/// How the lock at one end of a node keeps codes; `own_fabric` is the number that it gave to the fabric of the server.
pub(super) fn keypad(node: &Node, end: u32, own_fabric: Option<u64>) -> Keypad {
    let features = node.number(end, DOOR_LOCK, FEATURES).unwrap_or_default();
    if features & PIN == 0 {
        return Keypad::None;
    }
    if features & USERS == 0 {
        return Keypad::Older;
    }
    let traits = traits(node, end);
    traits.map_or(Keypad::None, |(traits, users)| Keypad::Slots(Slotted { traits, users, own_fabric }))
}

/// What can be done with its slots, and how many users it may have.
fn traits(node: &Node, end: u32) -> Option<(CodeTraits, u32)> {
    let number = |attribute| node.number(end, DOOR_LOCK, attribute).filter(|number| *number > 0);
    let count = |attribute| number(attribute).and_then(|number| u32::try_from(number.min(LAST)).ok());
    let length = |attribute| number(attribute).and_then(|number| usize::try_from(number).ok());
    let traits = CodeTraits {
        slots: count(PIN_USERS)?,
        shortest: length(SHORTEST).unwrap_or(1),
        longest: length(LONGEST)?,
        digits: ALL_DIGITS.to_owned(),
        windows: false,
        shows: Shows::Taken,
        name_bytes: Some(NAME_BYTES),
    };
    Some((traits, count(TOTAL_USERS)?))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(attributes: &Value) -> Keypad {
        let node = serde_json::from_value(json!({"node_id": 1, "attributes": attributes})).unwrap();
        keypad(&node, 1, Some(2))
    }

    #[test]
    fn a_lock_tells_what_it_can_do_with_codes() {
        let mut attributes = json!({
            "1/257/65532": 0x101, "1/257/17": 12, "1/257/18": 10, "1/257/23": 8, "1/257/24": 4, "1/257/28": 5,
        });
        let Keypad::Slots(Slotted { traits, users, own_fabric }) = told(&attributes) else { panic!() };
        assert_eq!((traits.slots, traits.shortest, traits.longest, users, own_fabric), (10, 4, 8, 12, Some(2)));
        assert_eq!((traits.shows, traits.windows, traits.name_bytes), (Shows::Taken, false, Some(10)));
        // The numbers that mean all of them, and none, are no slots.
        attributes["1/257/18"] = json!(65535);
        assert!(matches!(told(&attributes), Keypad::Slots(slotted) if slotted.traits.slots == 0xfffd));
        for missing in ["1/257/17", "1/257/18", "1/257/23"] {
            let mut without = attributes.clone();
            without.as_object_mut().unwrap().remove(missing);
            assert_eq!(told(&without), Keypad::None, "{missing}");
        }
        attributes["1/257/65532"] = json!(0x1);
        assert_eq!(told(&attributes), Keypad::Older);
        attributes["1/257/65532"] = json!(0x102);
        assert_eq!(told(&attributes), Keypad::None, "cards alone");
    }
}
