//! The device list: coordinator, locks and things that are no locks.

use serde_json::{Value, json};

use super::makes::Make;

/// The clusters a lock serves, as its endpoint lists them.
const SERVED: [&str; 9] = [
    "genBasic",
    "genPowerCfg",
    "genIdentify",
    "genGroups",
    "genAlarms",
    "genTime",
    "genPollCtrl",
    "closuresDoorLock",
    "haDiagnostic",
];

/// Entry 0.
pub(super) fn coordinator() -> Value {
    json!({
        "ieee_address": "0x00124b0000c00001", "friendly_name": "Coordinator", "type": "Coordinator",
        "network_address": 0, "supported": true, "disabled": false, "definition": null,
        "interview_completed": true, "interviewing": false, "interview_state": "SUCCESSFUL",
        "endpoints": {"1": {"bindings": [], "clusters": {"input": [], "output": []}, "configured_reportings": [], "scenes": []}},
    })
}

/// A lock.
pub(super) fn lock(make: Make, ieee: &str, name: &str, network_address: usize) -> Value {
    let identity = make.identity();
    let coordinator = json!({"type": "endpoint", "ieee_address": "0x00124b0000c00001", "endpoint": 1});
    let bound = |cluster: &str| json!({"cluster": cluster, "target": coordinator});
    let reporting = |cluster: &str, attribute: &str, min: u32, max: u32, change: u32| {
        json!({"cluster": cluster, "attribute": attribute, "minimum_report_interval": min,
               "maximum_report_interval": max, "reportable_change": change})
    };
    json!({
        "ieee_address": ieee, "friendly_name": name, "type": "EndDevice", "network_address": network_address,
        "supported": true, "disabled": false, "description": null,
        "interview_completed": true, "interviewing": false, "interview_state": "SUCCESSFUL",
        "power_source": "Battery", "model_id": identity.zigbee_model, "manufacturer": identity.manufacturer,
        "software_build_id": "2.17.0", "date_code": "20240101",
        "definition": make.definition(),
        "endpoints": {"1": {
            "name": null,
            "bindings": [bound("closuresDoorLock"), bound("genPowerCfg")],
            "configured_reportings": [
                reporting("closuresDoorLock", "lockState", 0, 3600, 0),
                reporting("genPowerCfg", "batteryPercentageRemaining", 3600, 62_000, 0),
            ],
            "clusters": {"input": SERVED, "output": ["genOta", "genTime"]},
            "scenes": [],
        }},
    })
}

/// The `n`-th thing that is no lock: a bulb, a contact, and one that nobody knows (without definition).
pub(super) fn other(n: usize) -> Value {
    let ieee = format!("0x00158d0000{:06x}", 0xb0_0001 + n);
    let (kind, name, model, exposes) = match n % 3 {
        0 => ("Router", format!("bulb-{n}"), "LWA001", light()),
        1 => ("EndDevice", format!("contact-{n}"), "MCCGQ11LM", contact()),
        _ => ("EndDevice", format!("unknown-{n}"), "XT-9000", Value::Null),
    };
    let definition = if exposes.is_null() {
        Value::Null
    } else {
        json!({"model": model, "vendor": "Simulated", "description": "not a lock", "source": "native",
               "supports_ota": true, "exposes": exposes, "options": []})
    };
    json!({
        "ieee_address": ieee, "friendly_name": name, "type": kind, "network_address": 20_000 + n,
        "supported": !definition.is_null(), "disabled": false,
        "interview_completed": true, "interviewing": false, "interview_state": "SUCCESSFUL",
        "power_source": if kind == "Router" { "Mains (single phase)" } else { "Battery" },
        "model_id": model, "manufacturer": "Simulated", "definition": definition,
        "endpoints": {"1": {"bindings": [], "clusters": {"input": ["genBasic"], "output": []},
                            "configured_reportings": [], "scenes": []}},
    })
}

fn light() -> Value {
    json!([
        {"type": "light", "features": [
            {"type": "binary", "name": "state", "property": "state", "label": "State", "access": 7,
             "value_on": "ON", "value_off": "OFF", "value_toggle": "TOGGLE"},
            {"type": "numeric", "name": "brightness", "property": "brightness", "label": "Brightness", "access": 7,
             "value_min": 0, "value_max": 254},
        ]},
        {"type": "numeric", "name": "linkquality", "property": "linkquality", "access": 1, "unit": "lqi"},
    ])
}

fn contact() -> Value {
    json!([
        {"type": "binary", "name": "contact", "property": "contact", "label": "Contact", "access": 1,
         "value_on": false, "value_off": true},
        {"type": "numeric", "name": "battery", "property": "battery", "access": 1, "unit": "%"},
    ])
}
