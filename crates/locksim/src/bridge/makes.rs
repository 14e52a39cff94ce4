//! The makes of locks a simulated Zigbee2MQTT knows, and what it says of each.

use serde_json::{Map, Value, json};

/// A make of Zigbee lock with a definition of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Make {
    /// Yale YRD226HA2619: codes, auto relock, volume.
    YaleAssure,
    /// Yale YRL256 TS: codes; the battery can be read.
    YaleYrl256,
    /// Danalock V3-BTZB/V3-BTZBE: codes.
    Danalock,
    /// Weiser 9GED18000-009: codes; the hub reads a slot back after a code was typed.
    Weiser,
    /// Kwikset 99100-006: no codes.
    Kwikset,
    /// Onesti easyCodeTouch_v1: action before state, actions not listed, tells typed digits in clear.
    Onesti,
}

/// What identifies a make on the air and in its definition.
pub(crate) struct Identity {
    pub(crate) zigbee_model: &'static str,
    pub(crate) manufacturer: &'static str,
    pub(crate) model: &'static str,
    pub(crate) vendor: &'static str,
    pub(crate) description: &'static str,
}

const USER_TYPES: [&str; 5] = ["unrestricted", "year_day_schedule", "week_day_schedule", "master", "non_access"];
const ACTIONS: [&str; 16] = [
    "unknown",
    "lock",
    "unlock",
    "lock_failure_invalid_pin_or_id",
    "lock_failure_invalid_schedule",
    "unlock_failure_invalid_pin_or_id",
    "unlock_failure_invalid_schedule",
    "one_touch_lock",
    "key_lock",
    "key_unlock",
    "auto_lock",
    "schedule_lock",
    "schedule_unlock",
    "manual_lock",
    "manual_unlock",
    "non_access_user_operational_event",
];

impl Make {
    /// Every make, in the order of this list.
    pub const ALL: [Self; 6] =
        [Self::YaleAssure, Self::YaleYrl256, Self::Danalock, Self::Weiser, Self::Kwikset, Self::Onesti];

    /// The IEEE address of the lock that stands at this place of the list.
    pub(crate) fn ieee(self, index: usize) -> String {
        format!("0x00158d0000{:06x}", 0xa0_0001 + index)
    }

    /// How many code slots the lock has: not in the device list, only felt.
    pub(crate) fn slots(self) -> u16 {
        match self {
            Self::YaleAssure | Self::YaleYrl256 => 250,
            Self::Danalock => 20,
            Self::Weiser | Self::Kwikset => 30,
            Self::Onesti => 1000,
        }
    }

    /// Whether the lock says what happened before it says where the bolt is.
    pub(crate) fn acts_first(self) -> bool {
        self == Self::Onesti
    }

    pub(crate) fn takes_codes(self) -> bool {
        self != Self::Kwikset
    }

    pub(crate) fn has_user_status(self) -> bool {
        !matches!(self, Self::Kwikset | Self::Onesti)
    }

    pub(crate) fn identity(self) -> Identity {
        let (zigbee_model, manufacturer, model, vendor, description) = match self {
            Self::YaleAssure => ("YRD226 TSDB", "Yale", "YRD226HA2619", "Yale", "Assure lock"),
            Self::YaleYrl256 => ("YRL256 TS", "Yale", "YRL256 TS", "Yale", "Assure lock SL"),
            Self::Danalock => ("V3-BTZB", "Danalock", "V3-BTZB/V3-BTZBE", "Danalock", "BT/ZB smartlock"),
            Self::Weiser => ("SMARTCODE_DEADBOLT_10", "Weiser", "9GED18000-009", "Weiser", "SmartCode 10"),
            Self::Kwikset => ("SMARTCODE_DEADBOLT_5_L", "Kwikset", "99100-006", "Kwikset", "SmartCode deadbolt 5"),
            Self::Onesti => {
                ("easyCodeTouch_v1", "Onesti Products AS", "easyCodeTouch_v1", "Onesti Products AS", "EasyCodeTouch")
            }
        };
        Identity { zigbee_model, manufacturer, model, vendor, description }
    }

    /// The `definition` of the device list.
    pub(crate) fn definition(self) -> Value {
        let identity = self.identity();
        json!({
            "model": identity.model, "vendor": identity.vendor, "description": identity.description,
            "source": "native", "supports_ota": false, "version": "1.0.0", "icon": null,
            "exposes": self.exposes(), "options": options(self.takes_codes()),
        })
    }

    /// Properties that a state message may carry, for the `null`s of Home Assistant support.
    pub(crate) fn properties(self) -> Vec<String> {
        let transient = |name: &str| name.starts_with("action");
        let mut names = Vec::new();
        for expose in self.exposes() {
            let features = expose["features"].as_array().filter(|_| expose["type"] == "lock");
            let listed = features.cloned().unwrap_or_else(|| vec![expose.clone()]);
            names.extend(listed.iter().filter_map(|one| one["property"].as_str().map(str::to_owned)));
        }
        names.retain(|name| !transient(name));
        names
    }

    fn exposes(self) -> Vec<Value> {
        let lock = json!({"type": "lock", "features": [
            binary("state", "State", 7, "State of the lock", ("LOCK", "UNLOCK")),
            choice("lock_state", "Lock state", 1, "Actual state of the lock", &["not_fully_locked", "locked", "unlocked"]),
        ]});
        let battery = numeric("battery", "Battery", if self == Self::YaleYrl256 { 5 } else { 1 }, "%", (0, 100));
        let mut list = vec![lock];
        if self != Self::Onesti {
            list.push(battery.clone());
        }
        if self.takes_codes() {
            list.push(composite(
                "pin_code",
                "Pin code",
                7,
                &[
                    numeric("user", "User", 2, "", (0, i64::from(self.slots()) - 1)),
                    choice("user_type", "User type", 2, "Kind of user", &USER_TYPES),
                    flag("user_enabled", "User enabled", 2, "Whether the user may open"),
                    numeric("pin_code", "Pin code", 2, "", (0, 99_999_999)),
                ],
            ));
        }
        if self.has_user_status() {
            list.push(composite(
                "user_status",
                "User status",
                2,
                &[
                    numeric("user", "User", 2, "", (0, i64::from(self.slots()) - 1)),
                    choice("status", "Status", 2, "State of the slot", &["available", "enabled", "disabled"]),
                ],
            ));
        }
        if self == Self::Onesti {
            list.push(battery);
            list.extend(onesti_extras());
        } else {
            list.push(choice("action", "Action", 1, "What happened at the lock", &ACTIONS));
            list.push(choice(
                "action_source_name",
                "Action source name",
                1,
                "Who did it",
                &["keypad", "rfid", "manual", "rf"],
            ));
            list.push(numeric("action_user", "Action user", 1, "", (0, 65_535)));
        }
        if matches!(self, Self::YaleAssure | Self::Onesti) {
            // This make only tells it.
            let access = if self == Self::Onesti { 1 } else { 7 };
            list.push(numeric("auto_relock_time", "Auto relock time", access, "s", (0, 3600)));
            list.push(choice(
                "sound_volume",
                "Sound volume",
                7,
                "Loudness of the lock",
                &["silent_mode", "low_volume", "high_volume"],
            ));
        }
        if self == Self::YaleAssure {
            list.push(flag("battery_low", "Battery low", 1, "Whether the battery is almost empty"));
        }
        list.push(numeric("linkquality", "Linkquality", 1, "lqi", (0, 255)));
        list
    }
}

fn onesti_extras() -> Vec<Value> {
    let source = ["zigbee", "keypad", "fingerprintsensor", "rfid", "self", "unknown"];
    vec![
        numeric("last_successful_pincode_save", "Last successful pincode save", 1, "ms", (0, i64::MAX)),
        numeric("last_successful_pincode_clear", "Last successful pincode clear", 1, "ms", (0, i64::MAX)),
        choice("last_unlock_source", "Last unlock source", 1, "Who opened last", &source),
        text("last_unlock_user", "Last unlock user"),
        choice("last_lock_source", "Last lock source", 1, "Who locked last", &source),
        text("last_lock_user", "Last lock user"),
        text("last_used_pin_code", "Last used pin code"),
        numeric("max_pin_users", "Max pin users", 1, "", (0, 1000)),
        numeric("min_pin_length", "Min pin length", 1, "", (0, 16)),
        numeric("max_pin_length", "Max pin length", 1, "", (0, 16)),
    ]
}

fn base(kind: &str, name: &str, label: &str, access: u8, description: &str) -> Map<String, Value> {
    let mut map = Map::new();
    for (key, value) in [("type", kind), ("name", name), ("property", name), ("label", label)] {
        map.insert(key.to_owned(), value.into());
    }
    map.insert("access".to_owned(), access.into());
    if !description.is_empty() {
        map.insert("description".to_owned(), description.into());
    }
    map
}

fn extended(map: Map<String, Value>, more: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut map = map;
    map.extend(more.into_iter().map(|(key, value)| (key.to_owned(), value)));
    Value::Object(map)
}

fn binary(name: &str, label: &str, access: u8, description: &str, (on, off): (&str, &str)) -> Value {
    extended(base("binary", name, label, access, description), [("value_on", on.into()), ("value_off", off.into())])
}

fn flag(name: &str, label: &str, access: u8, description: &str) -> Value {
    extended(base("binary", name, label, access, description), [("value_on", true.into()), ("value_off", false.into())])
}

fn choice(name: &str, label: &str, access: u8, description: &str, values: &[&str]) -> Value {
    extended(base("enum", name, label, access, description), [("values", json!(values))])
}

fn numeric(name: &str, label: &str, access: u8, unit: &str, (min, max): (i64, i64)) -> Value {
    let mut more = vec![("value_min", min.into()), ("value_max", max.into())];
    if !unit.is_empty() {
        more.push(("unit", unit.into()));
    }
    extended(base("numeric", name, label, access, label), more)
}

fn text(name: &str, label: &str) -> Value {
    Value::Object(base("text", name, label, 1, label))
}

fn composite(name: &str, label: &str, access: u8, features: &[Value]) -> Value {
    extended(base("composite", name, label, access, ""), [("features", json!(features))])
}

fn options(codes: bool) -> Value {
    let mut list = vec![
        numeric("throttle", "Throttle", 2, "s", (0, 3600)),
        numeric("debounce", "Debounce", 2, "s", (0, 3600)),
        numeric("linkquality_interval", "Linkquality interval", 2, "s", (0, 3600)),
    ];
    if codes {
        list.insert(0, flag("expose_pin", "Expose PIN", 2, "Whether codes read from the lock are published in clear"));
    }
    Value::Array(list)
}
