//! What the hub publishes when it hears something of a lock.

use serde_json::{Map, Value, json};

use super::{Bridge, Make, lock_state};
use crate::signal::{CodeChange, KeptCode, Operation, Signal, Source};
use crate::{Bolt, Order, Request};

/// At this charge and below a lock calls its battery low.
pub(super) const LOW_BATTERY: u8 = 10;

/// Notes a bolt in a cache: everything but "locked" has the state UNLOCK, a jam too.
pub(super) fn note_bolt(cache: &mut Map<String, Value>, bolt: Bolt) {
    let state = if bolt == Bolt::Locked { "LOCK" } else { "UNLOCK" };
    cache.insert("state".to_owned(), state.into());
    cache.insert("lock_state".to_owned(), lock_state(bolt).into());
}

/// The property that tells when a lock locks itself.
const AUTO_LOCK: &str = "auto_relock_time";

/// How the hub sends what it sends to a lock, in its error lines.
const OPTIONS: &str = r#"{"timeout":10000,"disableResponse":false,"disableRecovery":false,"disableDefaultResponse":true,"direction":0,"reservedBits":0,"writeUndiv":false}"#;

impl Bridge {
    pub(super) fn hear(&mut self, at: usize, signal: Signal) {
        if let Signal::NoAnswer { request, reached_parent } = signal {
            self.gave_up(at, &request, reached_parent);
            return;
        }
        // That a motor starts is not said on the air.
        if matches!(signal, Signal::Starting { .. }) {
            return;
        }
        self.touch(at);
        match signal {
            // Nothing says whether the answer was yes or no: the hub only repeats what it knew before.
            Signal::Answer { request, accepted } => {
                if self.config.last_seen {
                    self.publish_state(at, Map::new());
                }
                if let Request::SetAutoLock { seconds } = request {
                    self.wrote_auto_lock(at, seconds, accepted);
                }
            }
            Signal::AutoLock { seconds } => {
                self.devices[at].cache.insert(AUTO_LOCK.to_owned(), seconds.into());
                self.publish_state(at, Map::new());
            }
            Signal::State { bolt } | Signal::StateRead { bolt } => {
                note_bolt(&mut self.devices[at].cache, bolt);
                self.publish_state(at, Map::new());
            }
            Signal::Operation { operation, source, user, digits } => self.operated(at, operation, source, user, digits),
            Signal::Code { change, source, slot } => self.code_changed(at, change, source, slot),
            Signal::CodeRead { slot, found } => self.code_read(at, slot, found.as_ref()),
            Signal::Battery { level } => self.battery(at, level),
            Signal::NoAnswer { .. } | Signal::Starting { .. } => {}
        }
    }

    /// Any sign of life makes a lock available.
    fn touch(&mut self, at: usize) {
        if self.config.last_seen {
            let now = format!("{:.3}", jiff::Timestamp::now());
            self.devices[at].cache.insert("last_seen".to_owned(), now.into());
        }
        if !self.devices[at].online {
            self.devices[at].online = true;
            self.publish_availability(at);
        }
    }

    fn operated(&mut self, at: usize, operation: Operation, source: Source, user: Option<u16>, digits: Option<String>) {
        let device = &mut self.devices[at];
        if device.make == Make::Onesti {
            let (by, who) = (onesti_source(source), user.map_or(Value::Null, |user| user.to_string().into()));
            let side = if matches!(operation, Operation::Unlock | Operation::ManualUnlock) { "unlock" } else { "lock" };
            device.cache.insert(format!("last_{side}_source"), by.into());
            device.cache.insert(format!("last_{side}_user"), who);
            if let Some(digits) = digits {
                device.cache.insert("last_used_pin_code".to_owned(), digits.into());
            }
        }
        self.act(at, operation_word(operation), source, user);
        // This make's converter asks for the slot after a code was typed.
        let device = &self.devices[at];
        if let (Make::Weiser, Source::Keypad, Some(slot)) = (device.make, source, user) {
            device.lock.send(Request::ReadCode { slot });
        }
    }

    fn act(&self, at: usize, word: &str, source: Source, user: Option<u16>) {
        let (number, name) = source_words(source);
        let once = json!({
            "action": word, "action_source": number, "action_source_name": name, "action_user": user,
        });
        if let Value::Object(once) = once {
            self.publish_state(at, once);
        }
        if self.config.home_assistant {
            let topic = self.topic(&format!("{}/action", self.devices[at].name));
            self.link.publish(crate::link::Outgoing::new(topic, word));
        }
    }

    fn code_changed(&mut self, at: usize, change: CodeChange, source: Source, slot: u16) {
        let device = &mut self.devices[at];
        if device.make == Make::Onesti {
            let what = if change == CodeChange::Deleted { "clear" } else { "save" };
            let now = jiff::Timestamp::now().as_millisecond();
            device.cache.insert(format!("last_successful_pincode_{what}"), now.into());
            self.publish_state(at, Map::new());
            return;
        }
        let word = match change {
            CodeChange::Added => "pin_code_added",
            CodeChange::Changed => "pin_code_changed",
            CodeChange::Deleted => "pin_code_deleted",
        };
        self.act(at, word, source, Some(slot));
    }

    fn code_read(&mut self, at: usize, slot: u16, found: Option<&KeptCode>) {
        let exposed = self.devices[at].option("expose_pin");
        let status = match found {
            None => "available",
            Some(code) if code.enabled => "enabled",
            Some(_) => "disabled",
        };
        let mut entry = json!({"status": status});
        if let Some(code) = found.filter(|_| exposed) {
            entry["pin_code"] = code.digits.clone().into();
        }
        let users = self.devices[at].cache.entry("users").or_insert_with(|| json!({}));
        users[slot.to_string()] = entry;
        self.publish_state(at, Map::new());
    }

    fn battery(&mut self, at: usize, level: u8) {
        self.devices[at].cache.insert("battery".to_owned(), level.into());
        self.publish_state(at, Map::new());
        let low = Value::from(level <= LOW_BATTERY);
        let device = &mut self.devices[at];
        if device.make == Make::YaleAssure && device.cache.get("battery_low") != Some(&low) {
            device.cache.insert("battery_low".to_owned(), low);
            self.publish_state(at, Map::new());
        }
    }

    /// The hub takes what the lock accepted for its setting, and publishes it without asking the lock.
    fn wrote_auto_lock(&mut self, at: usize, seconds: u32, accepted: bool) {
        if accepted {
            self.devices[at].cache.insert(AUTO_LOCK.to_owned(), seconds.into());
            self.publish_state(at, Map::new());
            return;
        }
        let device = &self.devices[at];
        let (name, ieee) = (&device.name, device.lock.id());
        let call = format!("closuresDoorLock.write({{\"autoRelockTime\":{seconds}}}, {OPTIONS})");
        self.error(&format!(
            "Publish 'set' '{AUTO_LOCK}' to '{name}' failed: 'Error: ZCL command {ieee}/1 {call} failed (Status 'INVALID_VALUE')'"
        ));
    }

    /// The only trace of a command that did not get through.
    fn gave_up(&self, at: usize, request: &Request, reached_parent: bool) {
        let device = &self.devices[at];
        let (verb, key, call) = on_the_air(request);
        let cause = if reached_parent {
            format!("Timeout - {} - 1 - 44 - 257 - 10 after 10000ms", device.network_address)
        } else {
            "Data request failed with error: 'MAC_TRANSACTION_EXPIRED' (0xf0)".to_owned()
        };
        let (name, ieee) = (&device.name, device.lock.id());
        self.error(&format!(
            "Publish '{verb}' '{key}' to '{name}' failed: 'Error: ZCL command {ieee}/1 {call}, {OPTIONS}) failed ({cause})'"
        ));
    }
}

/// Verb, key and call of a request as the hub's error lines name them.
fn on_the_air(request: &Request) -> (&'static str, &'static str, String) {
    let lock = |call: &str| format!("closuresDoorLock.{call}");
    match request {
        Request::Operate { order, code } => {
            let command = match order {
                Order::Lock => "lockDoor",
                Order::Unlock | Order::Open => "unlockDoor",
                Order::Toggle => "toggleDoor",
            };
            let pin = json!({"pincodevalue": code.as_deref().unwrap_or_default()});
            ("set", "state", lock(&format!("{command}({pin}")))
        }
        Request::ReadState => ("get", "state", lock("read([\"lockState\"]")),
        Request::ReadBattery => ("get", "battery", "genPowerCfg.read([\"batteryPercentageRemaining\"]".to_owned()),
        Request::SetAutoLock { seconds } => {
            ("set", AUTO_LOCK, lock(&format!("write({{\"autoRelockTime\":{seconds}}}")))
        }
        Request::ReadAutoLock => ("get", AUTO_LOCK, lock("read([\"autoRelockTime\"]")),
        Request::SetCode { slot, digits, .. } => {
            let body = json!({"userid": slot, "userstatus": 1, "usertype": 0, "pincodevalue": digits});
            ("set", "pin_code", lock(&format!("setPinCode({body}")))
        }
        Request::ClearCode { slot } => ("set", "pin_code", lock(&format!("clearPinCode({{\"userid\":{slot}}}"))),
        Request::SetCodeStatus { slot, enabled } => {
            let status = if *enabled { 1 } else { 3 };
            let body = json!({"userid": slot, "userstatus": status});
            ("set", "user_status", lock(&format!("setUserStatus({body}")))
        }
        Request::ReadCode { slot } => ("get", "pin_code", lock(&format!("getPinCode({{\"userid\":{slot}}}"))),
    }
}

fn operation_word(operation: Operation) -> &'static str {
    match operation {
        Operation::Lock => "lock",
        Operation::Unlock => "unlock",
        Operation::ManualLock => "manual_lock",
        Operation::ManualUnlock => "manual_unlock",
        Operation::AutoLock => "auto_lock",
        Operation::UnlockFailureInvalidCode => "unlock_failure_invalid_pin_or_id",
    }
}

fn source_words(source: Source) -> (u8, &'static str) {
    match source {
        Source::Keypad => (0, "keypad"),
        Source::Radio => (1, "rf"),
        Source::Manual => (2, "manual"),
    }
}

fn onesti_source(source: Source) -> &'static str {
    match source {
        Source::Keypad => "keypad",
        Source::Radio => "zigbee",
        Source::Manual => "self",
    }
}
