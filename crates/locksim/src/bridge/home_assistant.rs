//! The discovery messages of a Zigbee2MQTT with Home Assistant support: the same locks a second time, which a client
//! must not list twice.

use serde_json::json;

use super::Bridge;
use crate::link::Outgoing;

impl Bridge {
    pub(super) fn announce(&self, at: usize) {
        let device = &self.devices[at];
        let (name, ieee, identity) = (&device.name, device.lock.id(), device.make.identity());
        let base = &self.config.base_topic;
        let mut availability =
            vec![json!({"topic": self.topic("bridge/state"), "value_template": "{{ value_json.state }}"})];
        if self.config.availability {
            let topic = self.topic(&format!("{name}/availability"));
            availability.push(json!({"topic": topic, "value_template": "{{ value_json.state }}"}));
        }
        let message = json!({
            "availability": availability, "availability_mode": "all",
            "command_topic": format!("{base}/{name}/set"), "state_topic": format!("{base}/{name}"),
            "state_locked": "LOCK", "state_unlocked": "UNLOCK", "value_template": "{{ value_json[\"state\"] }}",
            "name": null, "object_id": slug(name), "default_entity_id": format!("lock.{}", slug(name)),
            "unique_id": format!("{ieee}_lock_{base}"),
            "device": {
                "identifiers": [format!("{base}_{ieee}")], "name": name, "manufacturer": identity.vendor,
                "model": identity.description, "model_id": identity.model, "sw_version": "2.17.0",
                "via_device": format!("{base}_bridge_0x00124b0000c00001"),
            },
            "origin": {"name": "Zigbee2MQTT", "sw": "2.14.1", "url": "https://www.zigbee2mqtt.io"},
        });
        self.discovery(at, &message.to_string());
    }

    pub(super) fn retract(&self, at: usize) {
        self.discovery(at, "");
    }

    fn discovery(&self, at: usize, payload: &str) {
        let topic = format!("homeassistant/lock/{}/lock/config", self.devices[at].lock.id());
        self.link.publish(Outgoing::new(topic, payload).retained());
    }
}

fn slug(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}
