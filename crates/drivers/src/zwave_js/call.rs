//! What we ask of the hub, and how it is said.

use std::time::Duration;

use serde_json::{Value, json};
use thumbturn_core::codes::Slot;
use thumbturn_core::commands::AutoLock;
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::Bolt;
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::{ReadId, Said};

use super::auto_lock::{CONFIGURATION, Parameter, Setting};
use super::codes::USER_CODE;
use crate::websocket::Ask;

/// The command class of a lock, by its number in the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// 98: says more than open and shut.
    DoorLock,
    /// 118: the older one.
    Lock,
}

/// The number of the Door Lock command class.
pub(super) const DOOR_LOCK: u32 = 98;

/// The number of the Lock command class.
pub(super) const LOCK: u32 = 118;

/// The setting of a lock that locks itself.
pub(super) const AUTO_RELOCK: &str = "autoRelockTime";

/// The state of a slot whose code opens.
const ENABLED: u64 = 1;

const UNSECURED: u64 = 0;
const UNKNOWN: u64 = 254;
const SECURED: u64 = 255;

impl Class {
    const fn number(self) -> u32 {
        match self {
            Self::DoorLock => DOOR_LOCK,
            Self::Lock => LOCK,
        }
    }

    /// The value that tells where the bolt is.
    pub(super) const fn property(self) -> &'static str {
        match self {
            Self::DoorLock => "currentMode",
            Self::Lock => "locked",
        }
    }

    fn wanted(self, to: Bolt) -> Value {
        match (self, to) {
            (Self::DoorLock, Bolt::Locked) => json!(SECURED),
            (Self::DoorLock, Bolt::Unlocked) => json!(UNSECURED),
            (Self::Lock, to) => json!(to == Bolt::Locked),
        }
    }

    /// What the value tells; `None` for a value that this class does not have.
    pub(super) fn said(self, value: &Value) -> Option<Said> {
        match self {
            Self::Lock => value.as_bool().map(|locked| Said::At(if locked { Bolt::Locked } else { Bolt::Unlocked })),
            Self::DoorLock => value.as_u64().map(|mode| match mode {
                SECURED => Said::At(Bolt::Locked),
                // Open, perhaps for a while only, for the handle inside, outside or both.
                0 | 1 | 16 | 17 | 32 | 33 => Said::At(Bolt::Unlocked),
                // The bolt is neither fully out nor fully in.
                UNKNOWN => Said::Jammed,
                _ => Said::Unsure,
            }),
        }
    }
}

/// A lock to talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) node: u32,
    pub(super) class: Class,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// For everything that the server knows, and for everything that happens from now on.
    Listen,
    /// To move a bolt.
    Move(Target, AttemptId, Bolt),
    /// For the state of a lock, for the engine.
    Read(Target, ReadId),
    /// For the state of a lock that has said nothing of a movement that should be over, or that was not heard for a while.
    Look(Target),
    /// For the state of a lock that said that it failed: is it jammed?
    Inquest(Target, AttemptId, Bolt),
    /// To change when a lock locks itself.
    SetAutoLock(u32, AttemptId, AutoLock),
    /// For what a lock made of that.
    CheckAutoLock(u32, AttemptId, AutoLock),
    /// The same for one that keeps it in its parameters: these are written, by one request.
    SetParameters(u32, AttemptId, [Option<Setting>; 2]),
    /// For what it made of one of them.
    CheckParameter(u32, AttemptId, Parameter),
    /// Whether a node is still in the network.
    Whereabouts(u32),
    /// For something about the codes of a lock. Whoever asks waits for the answer: `codes`.
    Code(u32, CodeCall),
}

/// What is asked about codes. A code is in no `Debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CodeCall {
    /// How many slots the lock has.
    Count,
    /// What it can do with them.
    Abilities,
    /// What the hub remembers of the node.
    Remembered,
    /// What is in a slot.
    Get(Slot),
    /// To put a code into a slot.
    Set(Slot, Pin),
    /// To empty a slot.
    Clear(Slot),
    /// What the hub knows of what a lock can do with users, and with what they open it.
    UserAbilities,
    CredentialAbilities,
    /// The users and their PINs that the hub remembers.
    Users,
    Credentials,
    /// Who a user is.
    User(u32),
    /// Which PIN is in a slot.
    Credential(Slot),
    /// Everything that a user opens the lock with.
    CredentialsOf(u32),
    /// To make the user of a slot, perhaps with a name, and give him a PIN.
    AddUser(Slot, Option<String>, Pin),
    /// To give a user a PIN in a slot.
    SetCredential(u32, Slot, Pin),
    /// To give a user a name.
    SetUser(u32, Option<String>),
    /// To take a PIN from a user.
    DeleteCredential(u32, Slot),
    /// To remove a user.
    DeleteUser(u32),
}

/// The kind of credential that is a PIN.
const PIN_CODE: u32 = 1;

impl CodeCall {
    fn body(&self, node: u32) -> Value {
        let (method, args) = match self {
            Self::Remembered => return json!({"command": "node.get_state", "nodeId": node}),
            Self::Count => ("getUsersCount", json!([])),
            Self::Abilities => ("getCapabilities", json!([])),
            Self::Get(slot) => ("get", json!([slot.0])),
            Self::Set(slot, pin) => ("set", json!([slot.0, ENABLED, pin.digits()])),
            Self::Clear(slot) => ("clear", json!([slot.0])),
            other => return other.of_access_control(node),
        };
        invoke(node, USER_CODE, method, args)
    }

    fn of_access_control(&self, node: u32) -> Value {
        let (command, fields) = match self {
            Self::CredentialAbilities => ("get_credential_capabilities_cached", json!({})),
            Self::Users => ("get_users_cached", json!({})),
            Self::Credentials => ("get_credentials_by_type_cached", json!({"credentialType": PIN_CODE})),
            Self::User(user) => ("get_user", json!({"userId": user})),
            Self::Credential(slot) => ("get_credential", json!({"credentialType": PIN_CODE, "credentialSlot": slot.0})),
            Self::CredentialsOf(user) => ("get_credentials", json!({"userId": user})),
            Self::AddUser(slot, name, pin) => {
                let mut options = json!({"active": true, "userType": 0, "credentialRule": 1});
                if let Some(name) = name {
                    options["userName"] = json!(name);
                }
                let credential = json!({"credentialType": PIN_CODE, "credentialSlot": slot.0, "data": pin.digits()});
                ("add_user", json!({"userId": slot.0, "options": options, "credential": credential}))
            }
            Self::SetCredential(user, slot, pin) => {
                let fields = json!({
                    "userId": user, "credentialType": PIN_CODE, "credentialSlot": slot.0, "data": pin.digits(),
                });
                ("set_credential", fields)
            }
            Self::SetUser(user, name) => ("set_user", json!({"userId": user, "options": {"userName": name}})),
            Self::DeleteCredential(user, slot) => {
                let fields = json!({"userId": user, "credentialType": PIN_CODE, "credentialSlot": slot.0});
                ("delete_credential", fields)
            }
            Self::DeleteUser(user) => ("delete_user", json!({"userId": user})),
            _ => ("get_user_capabilities_cached", json!({})),
        };
        let mut message = fields;
        message["command"] = json!(format!("endpoint.access_control.{command}"));
        message["nodeId"] = json!(node);
        message["endpoint"] = json!(0);
        message
    }
}

/// Has a command class of a node do something. Unlike `node.set_value` this neither has the hub note what is wanted as if the
/// lock had told it nor poll the lock behind our back.
fn invoke(node: u32, class: u32, method: &str, args: Value) -> Value {
    json!({
        "command": "endpoint.invoke_cc_api",
        "nodeId": node,
        "endpoint": 0,
        "commandClass": class,
        "methodName": method,
        "args": args,
    })
}

impl Call {
    fn body(&self) -> Value {
        match *self {
            Self::Listen => json!({"command": "start_listening"}),
            Self::Move(Target { node, class }, _, to) => invoke(node, class.number(), "set", json!([class.wanted(to)])),
            Self::Code(node, ref call) => call.body(node),
            Self::Read(target, _) | Self::Look(target) | Self::Inquest(target, ..) => {
                poll(target.node, target.class.number(), target.class.property())
            }
            Self::SetAutoLock(node, _, to) => json!({
                "command": "node.set_value",
                "nodeId": node,
                "valueId": {"commandClass": DOOR_LOCK, "endpoint": 0, "property": AUTO_RELOCK},
                "value": seconds(to),
            }),
            Self::CheckAutoLock(node, ..) => poll(node, DOOR_LOCK, AUTO_RELOCK),
            Self::SetParameters(node, _, settings) => {
                let settings: Vec<Value> = settings.iter().flatten().map(Setting::for_bulk).collect();
                invoke(node, CONFIGURATION, "setBulk", json!([settings]))
            }
            Self::CheckParameter(node, _, parameter) => {
                let mut value = json!({"commandClass": CONFIGURATION, "endpoint": 0, "property": parameter.number});
                if let Some(bits) = parameter.bits {
                    value["propertyKey"] = json!(bits);
                }
                json!({"command": "node.poll_value", "nodeId": node, "valueId": value})
            }
            Self::Whereabouts(node) => json!({"command": "node.get_state", "nodeId": node}),
        }
    }

    /// Whether it is a read of the engine.
    pub(super) const fn is_read(&self) -> bool {
        matches!(self, Self::Read(..))
    }
}

impl Ask for Call {
    fn message(&self, number: u64) -> String {
        let mut message = self.body();
        message["messageId"] = json!(number.to_string());
        message.to_string()
    }

    /// The hub itself gives up on a lock after 3 to 10 s.
    fn limit(&self) -> Duration {
        match self {
            Self::Listen => Duration::from_secs(60),
            Self::Move(..) => Duration::from_secs(120),
            Self::Inquest(..) => Duration::from_secs(4),
            Self::SetAutoLock(..) | Self::SetParameters(..) | Self::Code(..) => Duration::from_secs(15),
            Self::CheckAutoLock(..) | Self::CheckParameter(..) => Duration::from_secs(10),
            Self::Read(..) | Self::Look(_) | Self::Whereabouts(_) => Duration::from_secs(10),
        }
    }
}

fn poll(node: u32, class: u32, property: &str) -> Value {
    json!({
        "command": "node.poll_value",
        "nodeId": node,
        "valueId": {"commandClass": class, "endpoint": 0, "property": property},
    })
}

const fn seconds(to: AutoLock) -> u32 {
    match to {
        AutoLock::Off => 0,
        AutoLock::After(seconds) => seconds,
    }
}

/// When a lock locks itself, as it tells.
pub(super) fn auto_lock(value: &Value) -> Option<AutoLock> {
    let seconds = value.as_u64().and_then(|seconds| u32::try_from(seconds).ok())?;
    Some(if seconds == 0 { AutoLock::Off } else { AutoLock::After(seconds) })
}

#[cfg(test)]
mod tests {
    use thumbturn_core::ids::AttemptId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn modes_are_positions() {
        for mode in [0, 1, 16, 17, 32, 33] {
            assert_eq!(Class::DoorLock.said(&json!(mode)), Some(Said::At(Bolt::Unlocked)), "{mode}");
        }
        assert_eq!(Class::DoorLock.said(&json!(255)), Some(Said::At(Bolt::Locked)));
        assert_eq!(Class::DoorLock.said(&json!(254)), Some(Said::Jammed));
        assert_eq!(Class::DoorLock.said(&json!(77)), Some(Said::Unsure));
        assert_eq!(Class::DoorLock.said(&json!("x")), None);
        assert_eq!(Class::Lock.said(&json!(true)), Some(Said::At(Bolt::Locked)));
        assert_eq!(Class::Lock.said(&json!(false)), Some(Said::At(Bolt::Unlocked)));
        assert_eq!(Class::Lock.said(&json!(255)), None);
    }

    #[test]
    fn a_command_goes_past_the_hubs_guesses() {
        let target = Target { node: 7, class: Class::DoorLock };
        let message = Call::Move(target, AttemptId(Uuid::nil()), Bolt::Unlocked).message(3);
        let message: Value = serde_json::from_str(&message).unwrap();
        assert_eq!(message["command"], "endpoint.invoke_cc_api");
        assert_eq!(
            (&message["messageId"], &message["nodeId"], &message["args"]),
            (&json!("3"), &json!(7), &json!([0]))
        );
        let old = Call::Move(Target { class: Class::Lock, ..target }, AttemptId(Uuid::nil()), Bolt::Locked).message(4);
        let old: Value = serde_json::from_str(&old).unwrap();
        assert_eq!((&old["commandClass"], &old["args"]), (&json!(118), &json!([true])));
    }

    #[test]
    fn no_time_is_never() {
        assert_eq!(auto_lock(&json!(0)), Some(AutoLock::Off));
        assert_eq!(auto_lock(&json!(30)), Some(AutoLock::After(30)));
        assert_eq!(auto_lock(&json!(-1)), None);
    }
}
