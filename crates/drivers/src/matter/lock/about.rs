//! What a lock is.

use thumbturn_core::devices::About;
use thumbturn_core::ids::NativeId;

use crate::brand;
use crate::matter::call::{AUTO_RELOCK, DOOR_LOCK, Target};
use crate::matter::wire::Node;

/// The cluster that tells what a node is, and the one that tells it of something behind a bridge.
const BASIC: u32 = 40;
const BRIDGED: u32 = 57;

const VENDOR: u32 = 1;
const PRODUCT: u32 = 3;
const LABEL: u32 = 5;
const SERIAL: u32 = 15;
const UNIQUE: u32 = 18;

/// The cluster that tells where the power comes from.
pub(super) const POWER: u32 = 47;
/// Its attribute that tells the charge of a battery, in half percent.
pub(super) const CHARGE: u32 = 12;
const WIRED: u64 = 0x1;
const BATTERY: u64 = 0x2;

pub(super) const FEATURES: u32 = 65532;
const ACCEPTED_COMMANDS: u32 = 65529;
/// Codes can be typed at the lock.
pub(super) const PIN: u64 = 0x1;

/// Its make, name and abilities.
pub(super) fn about(native: &NativeId, node: &Node, target: Target) -> About {
    let told = |attribute| node.text(target.endpoint, BRIDGED, attribute).or_else(|| node.text(0, BASIC, attribute));
    let brand = brand::of(told(VENDOR).as_deref());
    let model = told(PRODUCT);
    About {
        native: native.clone(),
        name: told(LABEL).unwrap_or_else(|| {
            let kind = model.as_deref().unwrap_or("Matter lock");
            format!("{kind} ({})", place(node, target))
        }),
        device_type: brand.device_type.to_owned(),
        manufacturer: brand.manufacturer,
        manufacturer_name: brand.display_name,
        model: model.unwrap_or_else(|| "Unknown".to_owned()),
        serial_number: told(SERIAL).or_else(|| told(UNIQUE)),
        can_lock: takes(node, target, 0),
        can_unlock: takes(node, target, 1),
        can_configure_auto_lock: node.number(target.endpoint, DOOR_LOCK, AUTO_RELOCK).is_some(),
        has_keypad: node.number(target.endpoint, DOOR_LOCK, FEATURES).is_some_and(|bits| bits & PIN != 0),
        has_direct_power: is_wired(node),
    }
}

fn place(node: &Node, target: Target) -> String {
    if super::endpoints(node).len() == 1 {
        format!("node {}", node.node_id)
    } else {
        format!("node {}, endpoint {}", node.node_id, target.endpoint)
    }
}

/// Whether a lock takes a command; one that does not list them takes those that every lock must.
fn takes(node: &Node, target: Target, command: u64) -> bool {
    let accepted = node.attribute(target.endpoint, DOOR_LOCK, ACCEPTED_COMMANDS).and_then(|list| list.as_array());
    accepted.is_none_or(|list| list.iter().any(|taken| taken.as_u64() == Some(command)))
}

fn is_wired(node: &Node) -> bool {
    let features =
        || node.endpoints_with(POWER, FEATURES).into_iter().filter_map(|end| node.number(end, POWER, FEATURES));
    features().any(|bits| bits & WIRED != 0) && !features().any(|bits| bits & BATTERY != 0)
}
