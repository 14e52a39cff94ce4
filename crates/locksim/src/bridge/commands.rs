//! `<name>/set` and `<name>/get`: what the hub passes on to a lock and what it complains about.

use serde_json::{Map, Value, json};

use super::{Bridge, Make};
use crate::{Order, Request};

/// Words that the hub also takes bare, without JSON around them.
const BARE: [&str; 3] = ["LOCK", "UNLOCK", "TOGGLE"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Set,
    Get,
}

impl Bridge {
    /// A message below the base topic: a command if its topic says so, otherwise most likely our own echo.
    pub(super) fn command(&mut self, rest: &str, payload: &str) {
        let Some((name, verb, attribute)) = parse(rest) else { return };
        let Some(at) = self.entity(name) else {
            self.error(&format!("Entity '{name}' is unknown"));
            return;
        };
        let Some(wanted) = message(verb, attribute, payload) else {
            self.error("Invalid message 'undefined', skipping...");
            return;
        };
        for (key, value) in &wanted {
            let done = match verb {
                Verb::Set => self.set(at, key, value),
                Verb::Get => self.get(at, key, value),
            };
            if let Err(line) = done {
                self.error(&line);
            }
        }
    }

    fn set(&mut self, at: usize, key: &str, value: &Value) -> Result<(), String> {
        let device = &self.devices[at];
        let failed = |why: &str| format!("Publish 'set' '{key}' to '{}' failed: 'Error: {why}'", device.name);
        match key {
            "state" => {
                let (word, code) = match value {
                    Value::Object(map) => (map.get("state"), map.get("code").and_then(Value::as_str)),
                    other => (Some(other), None),
                };
                let word = word.map(plain).unwrap_or_default();
                let order = match word.to_uppercase().as_str() {
                    "LOCK" => Order::Lock,
                    "UNLOCK" => Order::Unlock,
                    "TOGGLE" => Order::Toggle,
                    _ => {
                        return Err(failed(&format!("'{word}' not allowed, choose between: LOCK,UNLOCK,TOGGLE")));
                    }
                };
                device.lock.send(Request::Operate { order, code: code.map(str::to_owned) });
            }
            "pin_code" if device.make.takes_codes() => {
                let slot = slot(value, device.make).map_err(|why| failed(&why))?;
                let enabled = value.get("user_enabled").and_then(Value::as_bool).unwrap_or(true);
                let request = match value.get("pin_code") {
                    None | Some(Value::Null) => Request::ClearCode { slot },
                    // A number is taken as it is written: leading zeros are gone by then.
                    Some(digits) => Request::SetCode { slot, digits: plain(digits), enabled },
                };
                device.lock.send(request);
            }
            "user_status" if device.make.has_user_status() => {
                let slot = slot(value, device.make).map_err(|why| failed(&why))?;
                let request = match value.get("status").map(plain).unwrap_or_default().as_str() {
                    "enabled" => Request::SetCodeStatus { slot, enabled: true },
                    "disabled" => Request::SetCodeStatus { slot, enabled: false },
                    "available" => Request::ClearCode { slot },
                    other => return Err(failed(&format!("Unsupported status '{other}'"))),
                };
                device.lock.send(request);
            }
            "auto_relock_time" if device.make == Make::YaleAssure => {
                let seconds = value.as_u64().and_then(|seconds| u32::try_from(seconds).ok());
                let seconds = seconds.ok_or_else(|| failed("The value is no number of seconds"))?;
                device.lock.send(Request::SetAutoLock { seconds });
            }
            "sound_volume" if matches!(device.make, Make::YaleAssure | Make::Onesti) => {
                self.devices[at].cache.insert(key.to_owned(), value.clone());
                self.publish_state(at, Map::new());
            }
            _ => return Err(no_converter(key, &device.name, value)),
        }
        Ok(())
    }

    fn get(&self, at: usize, key: &str, value: &Value) -> Result<(), String> {
        let device = &self.devices[at];
        match key {
            "state" => device.lock.send(Request::ReadState),
            "auto_relock_time" if device.make == Make::YaleAssure => device.lock.send(Request::ReadAutoLock),
            "battery" if device.make == Make::YaleYrl256 => device.lock.send(Request::ReadBattery),
            "pin_code" if device.make.takes_codes() => {
                if value.get("user").is_some_and(|user| !user.is_null()) {
                    let failed =
                        |why: String| format!("Publish 'get' '{key}' to '{}' failed: 'Error: {why}'", device.name);
                    let slot = slot(value, device.make).map_err(failed)?;
                    device.lock.send(Request::ReadCode { slot });
                } else {
                    (0..device.make.slots()).for_each(|slot| device.lock.send(Request::ReadCode { slot }));
                }
            }
            _ => return Err(no_converter(key, &device.name, value)),
        }
        Ok(())
    }
}

/// Name, verb and attribute of a command topic.
fn parse(rest: &str) -> Option<(&str, Verb, Option<&str>)> {
    let (head, last) = rest.rsplit_once('/')?;
    match last {
        "set" => return Some((head, Verb::Set, None)),
        "get" => return Some((head, Verb::Get, None)),
        _ => {}
    }
    let (name, verb) = head.rsplit_once('/')?;
    match verb {
        "set" => Some((name, Verb::Set, Some(last))),
        "get" => Some((name, Verb::Get, Some(last))),
        _ => None,
    }
}

/// What a command asks for, by attribute; nothing if it makes no sense.
fn message(verb: Verb, attribute: Option<&str>, payload: &str) -> Option<Map<String, Value>> {
    let parsed = serde_json::from_str::<Value>(payload).ok();
    if let Some(attribute) = attribute {
        let value = match verb {
            Verb::Set => parsed.unwrap_or_else(|| payload.into()),
            Verb::Get => parsed.unwrap_or_else(|| "".into()),
        };
        return Some(Map::from_iter([(attribute.to_owned(), value)]));
    }
    match parsed {
        Some(Value::Object(map)) => Some(map),
        _ if BARE.contains(&payload.to_uppercase().as_str()) => {
            Some(Map::from_iter([("state".to_owned(), payload.into())]))
        }
        _ => None,
    }
}

fn slot(value: &Value, make: Make) -> Result<u16, String> {
    let slot = value.get("user").and_then(Value::as_u64).and_then(|user| u16::try_from(user).ok());
    slot.filter(|slot| *slot < make.slots()).ok_or_else(|| "user must be in range for device".to_owned())
}

fn no_converter(key: &str, name: &str, value: &Value) -> String {
    format!("No converter available for '{key}' on '{name}': ({})", json!(value))
}

/// A value as text, without the quotes of a string.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
