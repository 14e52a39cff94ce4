//! `bridge/request/…`: management, which is answered.

use serde_json::{Map, Value, json};

use super::Bridge;
use crate::hub::After;

/// What a request came to: the `data` of its answer, or an error text.
type Outcome = Result<Value, String>;

impl Bridge {
    pub(super) fn request(&mut self, what: &str, payload: &str) -> After {
        let body = match serde_json::from_str::<Value>(payload) {
            Ok(body) => body,
            Err(_) => Value::String(payload.to_owned()),
        };
        let outcome = match what {
            "health_check" => Ok(json!({"healthy": true})),
            "restart" => Ok(json!({})),
            "permit_join" => self.set_permit_join(&body),
            "options" => Ok(json!({"restart_required": false})),
            "device/options" => self.change_options(&body),
            "device/rename" => self.rename(&body),
            "device/remove" => self.remove(&body),
            "device/configure" | "device/interview" => self.named(&body).map(|at| json!({"id": self.devices[at].name})),
            // The real hub is silent about a request it does not know.
            _ => return After::Continue,
        };
        let restarts = what == "restart";
        self.respond(what, outcome, body.get("transaction"));
        if restarts { After::Restart } else { After::Continue }
    }

    fn respond(&self, what: &str, outcome: Outcome, transaction: Option<&Value>) {
        let mut response = match outcome {
            Ok(data) => json!({"data": data, "status": "ok"}),
            Err(error) => json!({"data": {}, "error": error, "status": "error"}),
        };
        if let Some(transaction) = transaction {
            response["transaction"] = transaction.clone();
        }
        self.publish(&format!("bridge/response/{what}"), &response);
    }

    /// The device a request means: by its `id`, or by a payload that is nothing but the name.
    fn named(&self, body: &Value) -> Result<usize, String> {
        let id = body.get("id").unwrap_or(body);
        let Some(id) = id.as_str() else { return Err("Invalid payload".to_owned()) };
        self.entity(id).ok_or_else(|| unknown(id))
    }

    fn set_permit_join(&mut self, body: &Value) -> Outcome {
        let time = body.get("time").and_then(Value::as_u64).ok_or("Invalid payload")?;
        self.permit_join = time > 0;
        self.publish_info();
        Ok(json!({"time": time}))
    }

    fn change_options(&mut self, body: &Value) -> Outcome {
        let at = self.named(body)?;
        let Some(Value::Object(changes)) = body.get("options") else { return Err("Invalid payload".to_owned()) };
        let device = &mut self.devices[at];
        let from = Value::Object(device.options.clone());
        device.options.extend(changes.clone());
        let to = Value::Object(device.options.clone());
        let id = body.get("id").cloned().unwrap_or_default();
        self.publish_lists();
        Ok(json!({"from": from, "to": to, "id": id, "restart_required": false}))
    }

    fn rename(&mut self, body: &Value) -> Outcome {
        let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
        let (Some(from), Some(to)) = (text("from"), text("to")) else { return Err("Invalid payload".to_owned()) };
        let at = self.entity(&from).ok_or_else(|| unknown(&from))?;
        if self.entity(&to).is_some_and(|other| other != at) {
            return Err(format!("friendly_name '{to}' is already in use"));
        }
        let old = std::mem::replace(&mut self.devices[at].name, to.clone());
        self.clear(&old);
        self.clear(&format!("{old}/availability"));
        self.publish_devices();
        self.publish_availability(at);
        if self.config.home_assistant {
            self.announce(at);
        }
        self.publish_state(at, Map::new());
        Ok(json!({"from": old, "to": to, "homeassistant_rename": false}))
    }

    fn remove(&mut self, body: &Value) -> Outcome {
        let at = self.named(body)?;
        let flag = |key: &str| body.get(key).and_then(Value::as_bool).unwrap_or(false);
        let id = body.get("id").cloned().unwrap_or_else(|| body.clone());
        self.leave(at);
        Ok(json!({"block": flag("block"), "force": flag("force"), "id": id}))
    }
}

fn unknown(id: &str) -> String {
    format!("Device '{id}' does not exist")
}
