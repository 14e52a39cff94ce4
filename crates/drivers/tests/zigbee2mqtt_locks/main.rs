//! The locks of a Zigbee2MQTT as the engine meets them: the real engine and driver, a real Mosquitto, a real Zigbee2MQTT, and
//! simulated locks on its radio that count what their bolts really did.
//!
//! What a hub that is only simulated cannot show: `mqtt_locks` has the rest.

#[cfg(test)]
mod conformance {
    thumbturn_conformance::promises!(crate::house::site);
}
#[cfg(test)]
mod house;
#[cfg(test)]
mod zigbee_hub;
#[cfg(test)]
mod zigbee_truth;
