//! How different bridges announce a lock and which words they use.

use serde_json::{Map, Value, json};

use crate::{Bolt, Order};

/// A way to announce and run a lock over Home Assistant MQTT discovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Style {
    /// A Nuki lock: short keys, `~`, numbers as words, a template that folds several states into one.
    Nuki,
    /// ESPHome: short keys, default words, LOCKING and UNLOCKING on the way.
    EspHome,
    /// zwave-js-ui: JSON numbers 255 and 0 as words, JSON payloads, several availability topics, one gateway for all.
    ZwaveJsUi,
    /// A lock that takes commands and never says anything: no state topic.
    Optimistic,
    /// Long keys, templates for commands, states and availability, and a wish for retained commands.
    Templated,
}

/// A message of a lock: topic and payload.
pub(super) type Said = (String, String);

/// One announced lock, as its topics see it.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) style: Style,
    /// Unique part of the topics.
    pub(super) key: String,
    /// What people call it.
    pub(super) name: String,
}

const GATEWAY: &str = "zwave/_CLIENTS/ZWAVE_GATEWAY-locksim/status";

impl Style {
    /// Every style, in the order of this list.
    pub const ALL: [Self; 5] = [Self::Nuki, Self::EspHome, Self::ZwaveJsUi, Self::Optimistic, Self::Templated];

    pub(super) fn key(self, index: usize) -> String {
        let number = index + 1;
        match self {
            Self::Nuki => format!("{:08X}", 0x2FFA_2329 + index),
            Self::EspHome => format!("esp-{number:03}"),
            Self::ZwaveJsUi => format!("nodeID_{}", number + 9),
            Self::Optimistic => format!("relay-{number:03}"),
            Self::Templated => format!("bridge-{number:03}"),
        }
    }

    /// The `unique_id` of the lock that stands at this place of the list.
    pub(crate) fn id(self, index: usize) -> String {
        format!("{}_lock", self.key(index))
    }
}

impl Node {
    /// Where the discovery message goes.
    pub(super) fn config_topic(&self, prefix: &str, device_message: bool) -> String {
        let kind = if device_message { "device" } else { "lock" };
        format!("{prefix}/{kind}/{}/config", self.key)
    }

    /// Whether all locks of this style share one connection.
    pub(super) fn shared(&self) -> bool {
        self.style == Style::ZwaveJsUi
    }

    fn base(&self) -> String {
        let key = &self.key;
        match self.style {
            Style::Nuki => format!("nuki/{key}"),
            Style::EspHome => format!("{key}/lock/door"),
            Style::ZwaveJsUi => format!("zwave/{key}/98/0"),
            Style::Optimistic => format!("relay/{key}"),
            Style::Templated => format!("custom/{key}"),
        }
    }

    /// A topic below the lock's own.
    pub(super) fn at(&self, rest: &str) -> String {
        format!("{}/{rest}", self.base())
    }

    pub(super) fn command_topic(&self) -> String {
        self.at(match self.style {
            Style::Nuki => "lockAction",
            Style::EspHome | Style::Templated => "command",
            Style::ZwaveJsUi => "targetMode/set",
            Style::Optimistic => "set",
        })
    }

    /// What to subscribe to.
    pub(super) fn filter(&self) -> String {
        if self.shared() { "zwave/+/98/0/targetMode/set".to_owned() } else { self.command_topic() }
    }

    /// The last will of its connection.
    pub(super) fn will(&self) -> Said {
        match self.style {
            Style::ZwaveJsUi => (GATEWAY.to_owned(), json!({"value": false}).to_string()),
            _ => self.availability(false),
        }
    }

    /// What the connection says when it stands, besides the locks' own words.
    pub(super) fn greeting(&self) -> Option<Said> {
        self.shared().then(|| (GATEWAY.to_owned(), json!({"value": true}).to_string()))
    }

    /// How the lock is called reachable or not.
    pub(super) fn availability(&self, online: bool) -> Said {
        let word = if online { "online" } else { "offline" };
        match self.style {
            Style::Nuki => (self.at("connected"), online.to_string()),
            Style::EspHome => (format!("{}/status", self.key), word.to_owned()),
            Style::ZwaveJsUi => {
                let status = if online { "Alive" } else { "Dead" };
                let payload = json!({"time": millis(), "value": online, "status": status});
                (format!("zwave/{}/status", self.key), payload.to_string())
            }
            Style::Optimistic => (self.at("status"), word.to_owned()),
            Style::Templated => (self.at("health"), json!({"alive": online}).to_string()),
        }
    }

    /// What a resting bolt is called.
    pub(super) fn state(&self, bolt: Bolt) -> Option<Said> {
        let word = |locked: &str, unlocked: &str, stuck: &str| {
            match bolt {
                Bolt::Locked => locked,
                Bolt::Unlocked => unlocked,
                Bolt::Stuck => stuck,
            }
            .to_owned()
        };
        match self.style {
            Style::Nuki => Some((self.at("state"), word("1", "3", "254"))),
            Style::EspHome => Some((self.at("state"), word("LOCKED", "UNLOCKED", "JAMMED"))),
            Style::ZwaveJsUi => {
                // 254 is "unknown" in this class: it has no word for a jam.
                let value: u8 = word("255", "0", "254").parse().unwrap_or(254);
                Some((self.at("currentMode"), json!({"time": millis(), "value": value}).to_string()))
            }
            Style::Optimistic => None,
            Style::Templated => {
                Some((self.at("state"), json!({"bolt": word("secure", "open", "blocked")}).to_string()))
            }
        }
    }

    /// What a bolt on its way is called, where there is a word for it.
    pub(super) fn moving(&self, target: Bolt) -> Option<Said> {
        let locking = target == Bolt::Locked;
        match self.style {
            Style::Nuki => Some((self.at("state"), if locking { "4" } else { "2" }.to_owned())),
            Style::EspHome => Some((self.at("state"), if locking { "LOCKING" } else { "UNLOCKING" }.to_owned())),
            _ => None,
        }
    }

    /// What a command means, if anything.
    pub(super) fn order(&self, payload: &str) -> Option<Order> {
        let templated =
            || serde_json::from_str::<Value>(payload).ok().and_then(|v| v["do"].as_str().map(str::to_owned));
        let word = match self.style {
            Style::Templated => templated()?,
            Style::EspHome => payload.to_uppercase(),
            _ => payload.trim().to_owned(),
        };
        match (self.style, word.as_str()) {
            (Style::Nuki, "1") | (Style::ZwaveJsUi, "0") => Some(Order::Unlock),
            (Style::Nuki, "2") | (Style::ZwaveJsUi, "255") => Some(Order::Lock),
            (Style::Nuki, "3") => Some(Order::Open),
            (Style::EspHome | Style::Optimistic | Style::Templated, "LOCK") => Some(Order::Lock),
            (Style::EspHome | Style::Optimistic | Style::Templated, "UNLOCK") => Some(Order::Unlock),
            (Style::EspHome | Style::Templated, "OPEN") => Some(Order::Open),
            _ => None,
        }
    }

    /// The discovery message for one lock.
    pub(super) fn config(&self) -> Map<String, Value> {
        let unique = format!("{}_lock", self.key);
        let (key, name) = (&self.key, &self.name);
        let message = match self.style {
            Style::Nuki => json!({
                "~": self.base(), "name": null, "uniq_id": unique,
                "avty_t": "~/connected", "pl_avail": "true", "pl_not_avail": "false",
                "cmd_t": "~/lockAction", "pl_lock": "2", "pl_unlk": "1", "pl_open": "3",
                "stat_t": "~/state", "stat_locked": "1", "stat_locking": "4", "stat_unlocked": "3",
                "stat_unlocking": "2", "stat_jam": "254",
                "val_tpl": "{% if value in (\"5\",\"6\",\"7\") %}3{% else %}{{value}}{% endif %}",
                "dev": {"ids": format!("[{key}]"), "name": name, "mf": "Nuki", "mdl": "Smart Lock 3.0 Pro", "sw": "3.9.5"},
                "o": {"name": "Nuki", "sw": "3.9.5"},
            }),
            Style::EspHome => json!({
                "name": name, "uniq_id": unique, "avty_t": format!("{key}/status"),
                "cmd_t": self.command_topic(), "stat_t": self.at("state"), "pl_open": "OPEN",
                "dev": {"ids": [key], "name": name, "mf": "Espressif", "mdl": "esp32dev", "sw": "2026.10.1", "sa": "Hall"},
                "o": {"name": "ESPHome", "sw": "2026.10.1"},
            }),
            Style::ZwaveJsUi => json!({
                "name": "door lock", "unique_id": unique, "object_id": format!("{key}_lock"),
                "availability": [
                    {"topic": format!("zwave/{key}/status"), "payload_available": "true", "payload_not_available": "false",
                     "value_template": "{{'true' if value_json.value else 'false'}}"},
                    {"topic": GATEWAY, "value_template": "{{ 'online' if value_json.value else 'offline' }}"},
                ],
                "availability_mode": "all",
                "command_topic": self.command_topic(), "state_topic": self.at("currentMode"),
                "payload_lock": 255, "payload_unlock": 0, "state_locked": 255, "state_unlocked": 0,
                "value_template": "{{ value_json.value }}",
                "device": {"identifiers": [format!("zwavejs2mqtt_0xc0ffee_{key}")], "name": name,
                           "manufacturer": "Yale", "model": "YRD446", "sw_version": "2.8", "via_device": "zwavejs2mqtt_0xc0ffee_nodeID_1"},
                "origin": {"name": "zwave-js-ui", "sw": "10.9.0", "url": "https://zwave-js.github.io/zwave-js-ui/"},
            }),
            Style::Optimistic => json!({
                "name": name, "unique_id": unique, "command_topic": self.command_topic(), "optimistic": true,
                "availability_topic": self.at("status"),
                "device": {"identifiers": [key], "name": name, "manufacturer": "Relay maker", "model": "R1"},
            }),
            Style::Templated => json!({
                "name": name, "unique_id": unique, "retain": true, "qos": 1,
                "command_topic": self.command_topic(), "command_template": "{\"do\": \"{{ value }}\"}",
                "payload_open": "OPEN", "code_format": "^\\d{4}$",
                "state_topic": self.at("state"), "value_template": "{{ value_json.bolt }}",
                "state_locked": "secure", "state_unlocked": "open", "state_jammed": "blocked",
                "availability_topic": self.at("health"),
                "availability_template": "{{ 'online' if value_json.alive else 'offline' }}",
                "json_attributes_topic": self.at("attributes"),
                "device": {"identifiers": [key], "name": name, "manufacturer": "Bridge maker", "model": "B2",
                           "connections": [["mac", "02:00:00:00:00:01"]]},
                "origin": {"name": "custom bridge"},
            }),
        };
        match message {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    /// The same as a device message: what is shared at the top, the lock as a component.
    pub(super) fn device_config(&self) -> Value {
        let mut lock = self.config();
        let mut top = Map::new();
        let shared = [
            "~",
            "dev",
            "device",
            "o",
            "origin",
            "avty_t",
            "availability_topic",
            "availability",
            "availability_mode",
            "pl_avail",
            "pl_not_avail",
            "availability_template",
            "qos",
        ];
        for key in shared {
            if let Some(value) = lock.remove(key) {
                top.insert(key.to_owned(), value);
            }
        }
        let short = top.contains_key("dev");
        lock.insert(if short { "p" } else { "platform" }.to_owned(), "lock".into());
        // The receiver must know who speaks in such a message.
        if !top.contains_key("o") {
            top.entry("origin").or_insert_with(|| json!({"name": "locksim"}));
        }
        top.insert(if short { "cmps" } else { "components" }.to_owned(), json!({"door": lock}));
        Value::Object(top)
    }
}

fn millis() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
