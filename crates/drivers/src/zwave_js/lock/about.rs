//! What a lock is.

use thumbturn_core::devices::About;
use thumbturn_core::ids::NativeId;

use super::BATTERY;
use crate::brand;
use crate::zwave_js::codes::{USER_CODE, USER_CREDENTIAL};
use crate::zwave_js::wire::Node;

/// The command classes of a node as a whole.
pub(super) fn classes(node: &Node) -> Vec<u32> {
    let whole = node.endpoints.iter().filter(|endpoint| endpoint.index == 0);
    whole.flat_map(|endpoint| endpoint.command_classes.iter().map(|class| class.id)).collect()
}

/// The version of a command class of a node as a whole; `None` where it has none.
pub(super) fn version_of(node: &Node, class: u32) -> Option<u32> {
    let whole = node.endpoints.iter().filter(|endpoint| endpoint.index == 0);
    let mut classes = whole.flat_map(|endpoint| &endpoint.command_classes);
    classes.find(|entry| entry.id == class).map(|entry| entry.version)
}

/// Its make, name and abilities.
pub(super) fn about(native: &NativeId, node: &Node, classes: &[u32], can_configure_auto_lock: bool) -> About {
    let config = node.device_config.as_ref();
    let told = |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(shortened);
    let maker = told(&node.manufacturer).or_else(|| config.and_then(|config| told(&config.manufacturer)));
    let model = told(&node.label).or_else(|| config.and_then(|config| told(&config.label)));
    let brand = brand::of(maker.as_deref());
    let named = |model: &String| format!("{model} (node {})", node.node_id);
    About {
        native: native.clone(),
        name: told(&node.name)
            .or_else(|| model.as_ref().map(named))
            .unwrap_or_else(|| format!("Z-Wave lock (node {})", node.node_id)),
        device_type: brand.device_type.to_owned(),
        manufacturer: brand.manufacturer,
        manufacturer_name: brand.display_name,
        model: model.unwrap_or_else(|| "Unknown".to_owned()),
        serial_number: None,
        can_lock: true,
        can_unlock: true,
        can_configure_auto_lock,
        has_keypad: classes.contains(&USER_CODE) || classes.contains(&USER_CREDENTIAL),
        has_direct_power: !classes.contains(&BATTERY),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}
