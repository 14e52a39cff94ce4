//! MQTT locks as the engine meets them: the real engine and driver, a real Mosquitto, and simulated hubs and locks that
//! count what their bolts really did.

#[cfg(test)]
mod conformance {
    thumbturn_conformance::promises!(crate::house::site);
}
#[cfg(test)]
mod house;
#[cfg(test)]
mod mqtt_auto_lock;
#[cfg(test)]
mod mqtt_broker;
#[cfg(test)]
mod mqtt_discovery;
#[cfg(test)]
mod mqtt_hostile;
#[cfg(test)]
mod mqtt_hub;
#[cfg(test)]
mod mqtt_lists;
#[cfg(test)]
mod mqtt_truth;
