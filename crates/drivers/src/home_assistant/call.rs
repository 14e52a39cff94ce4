//! What we ask of the instance, and how it is said.

use std::time::Duration;

use serde_json::{Value, json};
use thumbturn_core::codes::Slot;
use thumbturn_core::ids::{AttemptId, NativeId};
use thumbturn_core::locks::Bolt;
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::ReadId;

use super::wire;
use crate::websocket::Ask;
use crate::zwave_js::auto_lock::{CONFIGURATION, Parameter, Setting};
use crate::zwave_js::codes::USER_CODE;

/// Numbers begin after those of the handshake: the instance takes none twice.
pub(super) const FIRST: u64 = 10;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// To hear of changes in the registry of entities.
    WatchEntries,
    /// To hear of changes in the registry of devices.
    WatchDevices,
    /// For every state, and for everything that happens from now on.
    Watch,
    /// For the registry of entities.
    Entries,
    /// For the registry of devices.
    Devices,
    /// To move a bolt: the lock, the entity that it is, and where to.
    Move(NativeId, String, AttemptId, Bolt),
    /// Who the token's user is.
    User,
    /// To hear what Z-Wave locks notify of, which only an administrator may.
    WatchZwave,
    /// About the codes of a lock.
    Code(CodeCall),
    /// About the configuration parameters of a lock, which only an administrator may.
    Parameters(NativeId, ParameterCall),
    /// To hear no more of something: the number of the request to hear it.
    Unlisten(u64),
    /// To have the integration look at a lock, for a read of the engine or since it has said nothing.
    Update(NativeId, String, Option<ReadId>),
}

/// One request about the codes of a lock; the entity comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CodeCall {
    /// To hear what a Z-Wave lock reports of a slot.
    Listen(String, Slot),
    /// To have a Z-Wave lock asked what is in a slot. Its report is heard, not answered.
    Get(String, Slot),
    /// To put a code into a slot, as this integration does.
    Set(Service, String, Slot, Pin),
    /// To empty a slot.
    Clear(Service, String, Slot),
}

/// One request about the configuration parameters of a Z-Wave lock; the entity comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ParameterCall {
    /// For all that it has, with what Home Assistant remembers of them: its device.
    List(String),
    /// To hear what it reports of some, for an attempt or at any time.
    Listen(String, Vec<Parameter>, Option<AttemptId>),
    /// To have it asked for the one with this number. Its report is heard, not answered.
    Get(String, u32, AttemptId),
    /// To write some, by one request.
    Set(String, [Option<Setting>; 2], AttemptId),
}

/// An integration that has services for codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// `zwave_js`.
    Zwave,
    /// `zha`.
    Zha,
}

impl CodeCall {
    fn body(&self) -> Value {
        match self {
            Self::Listen(entity, slot) => {
                let told = |property: &str| {
                    json!({"platform": "zwave_js.value_updated", "entity_id": entity, "command_class": USER_CODE,
                           "property": property, "property_key": slot.0})
                };
                json!({"type": "subscribe_trigger", "trigger": [told("userIdStatus"), told("userCode")]})
            }
            Self::Get(entity, slot) => invoke(entity, USER_CODE, "get", &json!([slot.0])),
            Self::Set(Service::Zwave, entity, slot, pin) => {
                let data = json!({"code_slot": slot.0, "usercode": pin.digits()});
                service_with("zwave_js", "set_lock_usercode", entity, data)
            }
            Self::Set(Service::Zha, entity, slot, pin) => {
                let data = json!({"code_slot": slot.0, "user_code": pin.digits()});
                service_with("zha", "set_lock_user_code", entity, data)
            }
            Self::Clear(Service::Zwave, entity, slot) => {
                service_with("zwave_js", "clear_lock_usercode", entity, json!({"code_slot": slot.0}))
            }
            Self::Clear(Service::Zha, entity, slot) => {
                service_with("zha", "clear_lock_user_code", entity, json!({"code_slot": slot.0}))
            }
        }
    }
}

impl ParameterCall {
    fn body(&self) -> Value {
        match self {
            Self::List(device) => json!({"type": "zwave_js/get_config_parameters", "device_id": device}),
            Self::Listen(entity, parameters, _) => {
                let told = |of: &Parameter| {
                    let mut told = json!({"platform": "zwave_js.value_updated", "entity_id": entity, "endpoint": 0,
                                          "command_class": CONFIGURATION, "property": of.number});
                    if let Some(bits) = of.bits {
                        told["property_key"] = json!(bits);
                    }
                    told
                };
                json!({"type": "subscribe_trigger", "trigger": parameters.iter().map(told).collect::<Vec<_>>()})
            }
            Self::Get(entity, number, _) => invoke(entity, CONFIGURATION, "get", &json!([number])),
            Self::Set(entity, settings, _) => {
                let settings: Vec<_> = settings.iter().flatten().map(Setting::for_bulk).collect();
                invoke(entity, CONFIGURATION, "setBulk", &json!([settings]))
            }
        }
    }
}

impl Call {
    fn body(&self) -> Value {
        match self {
            Self::WatchEntries => json!({"type": "subscribe_events", "event_type": "entity_registry_updated"}),
            Self::WatchDevices => json!({"type": "subscribe_events", "event_type": "device_registry_updated"}),
            // All of them: older versions take no patterns, and locks without a registry entry have no list.
            Self::Watch => json!({"type": "subscribe_entities"}),
            Self::Entries => json!({"type": "config/entity_registry/list"}),
            Self::Devices => json!({"type": "config/device_registry/list"}),
            Self::Move(_, entity, _, to) => {
                let service = if *to == Bolt::Locked { "lock" } else { "unlock" };
                service_call("lock", service, entity)
            }
            Self::Update(_, entity, _) => service_call("homeassistant", "update_entity", entity),
            Self::User => json!({"type": "auth/current_user"}),
            Self::WatchZwave => json!({"type": "subscribe_events", "event_type": wire::NOTIFIED}),
            Self::Code(call) => call.body(),
            Self::Parameters(_, call) => call.body(),
            Self::Unlisten(number) => json!({"type": "unsubscribe_events", "subscription": number}),
        }
    }
}

fn service_call(domain: &str, service: &str, entity: &str) -> Value {
    json!({"type": "call_service", "domain": domain, "service": service, "target": {"entity_id": entity}})
}

fn service_with(domain: &str, service: &str, entity: &str, data: Value) -> Value {
    let mut call = service_call(domain, service, entity);
    call["service_data"] = data;
    call
}

/// Has a command class of a Z-Wave lock do something. Home Assistant passes on no answer; that it worked says that the hub
/// behind it dealt with it.
fn invoke(entity: &str, class: u32, method: &str, parameters: &Value) -> Value {
    let data = json!({"command_class": class, "endpoint": 0, "method_name": method, "parameters": parameters});
    service_with("zwave_js", "invoke_cc_api", entity, data)
}

impl Ask for Call {
    fn message(&self, number: u64) -> String {
        let mut message = self.body();
        message["id"] = json!(number + FIRST);
        message.to_string()
    }

    /// A service call lasts as long as its integration likes.
    fn limit(&self) -> Duration {
        match self {
            Self::Move(..) => Duration::from_secs(120),
            Self::Update(..) | Self::Parameters(_, ParameterCall::Get(..)) => Duration::from_secs(10),
            Self::Parameters(_, ParameterCall::Set(..)) => Duration::from_secs(15),
            _ => Duration::from_secs(30),
        }
    }
}
