//! The big retained messages that are not about locks: a client must be able to swallow them.

use serde_json::{Map, Value, json};

use crate::Zigbee2mqttConfig;

/// Sections of the settings, for a schema of realistic size.
const SECTIONS: [&str; 12] = [
    "mqtt",
    "serial",
    "frontend",
    "availability",
    "homeassistant",
    "ota",
    "advanced",
    "device_options",
    "devices",
    "groups",
    "blocklist",
    "health",
];
const SETTINGS_PER_SECTION: usize = 12;
const CLUSTERS: usize = 140;
const ATTRIBUTES_PER_CLUSTER: usize = 24;

/// `bridge/info`: some 28 kB and more.
pub(super) fn info(config: &Zigbee2mqttConfig, devices: Map<String, Value>, permit_join: bool) -> Value {
    json!({
        "version": "2.14.1", "commit": "simulated", "zigbee_herdsman": {"version": "10.9.2"},
        "zigbee_herdsman_converters": {"version": "26.105.0"},
        "coordinator": {"ieee_address": "0x00124b0000c00001", "type": "zStack3x0", "meta": {
            "maintrel": 1, "majorrel": 2, "minorrel": 7, "product": 1, "revision": 20_230_507, "transportrev": 2}},
        "network": {"channel": 11, "extended_pan_id": "0x00124b0000c0ffee", "pan_id": 6754},
        "log_level": "info", "log_namespace": "z2m",
        "permit_join": permit_join, "permit_join_end": null, "restart_required": false,
        "os": {"version": "Linux - simulated", "node_version": "v24", "cpus": "2", "memory_mb": 4096},
        "mqtt": {"server": "mqtt://127.0.0.1", "version": 4},
        "config": settings(config, devices),
        "config_schema": schema(),
    })
}

/// `bridge/definitions`: some 200 kB and more.
pub(super) fn definitions() -> Value {
    let clusters: Map<String, Value> = (0..CLUSTERS)
        .map(|n| {
            let attributes: Map<String, Value> = (0..ATTRIBUTES_PER_CLUSTER)
                .map(|a| {
                    let body = json!({"ID": a, "type": 32, "write": a % 2 == 0, "max": 255, "name": format!("attribute{a:02}")});
                    (format!("attribute{a:02}"), body)
                })
                .collect();
            let body = json!({"ID": n, "attributes": attributes, "commands": {}, "commandsResponse": {}});
            (format!("simulatedCluster{n:03}"), body)
        })
        .collect();
    json!({"clusters": clusters, "custom_clusters": {}})
}

fn settings(config: &Zigbee2mqttConfig, devices: Map<String, Value>) -> Value {
    json!({
        "version": 5,
        "mqtt": {"base_topic": config.base_topic, "server": "mqtt://127.0.0.1", "keepalive": 60, "version": 4,
                 "include_device_information": false, "force_disable_retain": false, "maximum_packet_size": 1_048_576},
        "serial": {"port": "/dev/ttyACM0", "adapter": "zstack", "disable_led": false},
        "frontend": {"enabled": false, "port": 8080, "base_url": "/"},
        "availability": {"enabled": config.availability, "active": {"timeout": 10}, "passive": {"timeout": 1500}},
        "homeassistant": {"enabled": config.home_assistant, "discovery_topic": "homeassistant",
                          "status_topic": "homeassistant/status", "legacy_action_sensor": false},
        "advanced": {
            "output": "json", "last_seen": if config.last_seen { "ISO_8601" } else { "disable" },
            "cache_state": true, "cache_state_persistent": true, "cache_state_send_on_startup": true,
            "log_level": "info", "log_output": ["console", "file"], "channel": 11, "pan_id": 6754,
            "elapsed": false, "timestamp_format": "YYYY-MM-DD HH:mm:ss", "transmit_power": null},
        "device_options": {}, "devices": devices, "groups": {}, "passlist": [], "blocklist": [],
        "ota": {"disable_automatic_update_check": false, "update_check_interval": 1440},
        "health": {"interval": 10, "reset_on_check": false},
    })
}

fn schema() -> Value {
    let sections: Map<String, Value> = SECTIONS
        .iter()
        .map(|section| {
            let properties: Map<String, Value> = (0..SETTINGS_PER_SECTION)
                .map(|n| {
                    let body = json!({
                        "type": "string", "title": format!("Setting {n} of {section}"), "requiresRestart": n % 2 == 0,
                        "description": format!("Place holder {n} with about as many words as a real setting of {section} has."),
                    });
                    (format!("{section}_{n}"), body)
                })
                .collect();
            ((*section).to_owned(), json!({"type": "object", "title": section, "properties": properties}))
        })
        .collect();
    json!({"type": "object", "properties": sections, "required": ["mqtt"], "definitions": {}})
}
