//! What we ask of the server, and how it is said.

use std::time::Duration;

use serde_json::{Value, json};
use thumbturn_core::commands::AutoLock;
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::{ReadId, Said};

use super::codes::CodeCall;
use crate::websocket::Ask;

/// The cluster of door locks.
pub(super) const DOOR_LOCK: u32 = 257;

/// Its attribute that tells where the bolt is.
pub(super) const LOCK_STATE: u32 = 0;

/// Its attribute that tells whether the door stands open.
pub(super) const DOOR_STATE: u32 = 3;

/// Its attribute that tells after how many seconds the lock locks itself.
pub(super) const AUTO_RELOCK: u32 = 35;

/// Within what time a lock must get the second half of a command, in milliseconds: without it, locks refuse to move.
const TIMED: u64 = 5000;

/// How long the server waits for a lock's answer to a command, in milliseconds. Some locks answer after they have moved.
const INTERACTION: u64 = 8000;

/// How long an answer about codes is waited for. The server may go on for longer; a command waits for that.
const PATIENCE: Duration = Duration::from_secs(20);

/// A lock to talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Target {
    pub(super) node: u64,
    pub(super) endpoint: u32,
}

impl Target {
    /// The path of one of its attributes.
    pub(super) fn path(self, attribute: u32) -> String {
        format!("{}/{DOOR_LOCK}/{attribute}", self.endpoint)
    }
}

/// Where the bolt is, as `LockState` tells; nothing that is not in the protocol is a position.
pub(super) fn said(state: &Value) -> Said {
    match state.as_u64() {
        Some(0) => Said::Jammed,
        Some(1) => Said::At(Bolt::Locked),
        // Unlocked, or even the latch is drawn back.
        Some(2 | 3) => Said::At(Bolt::Unlocked),
        _ => Said::Unsure,
    }
}

/// Whether the door stands open, as `DoorState` tells.
pub(super) fn door_open(state: &Value) -> Option<bool> {
    match state.as_u64() {
        // Open, forced open or ajar.
        Some(0 | 3 | 5) => Some(true),
        Some(1) => Some(false),
        _ => None,
    }
}

/// When a lock locks itself, as it tells.
pub(super) fn auto_lock(value: &Value) -> Option<AutoLock> {
    let seconds = value.as_u64().and_then(|seconds| u32::try_from(seconds).ok())?;
    Some(if seconds == 0 { AutoLock::Off } else { AutoLock::After(seconds) })
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// For every node, and for everything that happens from now on. Once for each connection: the second time, the server
    /// hangs up.
    Listen,
    /// For every node.
    List,
    /// Whether a node is still in the fabric.
    Whereabouts(u64),
    /// To move a bolt.
    Move(Target, AttemptId, Bolt),
    /// For the state of a lock, for the engine. (The second says whether it has a door sensor.)
    Read(Target, bool, ReadId),
    /// For the state of a lock that has said nothing of a movement, or that was not heard for a while.
    Look(Target, bool),
    /// For the state of a lock that said that it failed: is it jammed?
    Inquest(Target, AttemptId, Bolt),
    /// To change when a lock locks itself.
    SetAutoLock(Target, AttemptId, AutoLock),
    /// For what a lock made of that.
    CheckAutoLock(Target, AttemptId, AutoLock),
    /// For something about the codes of a lock. Whoever asks waits for the answer: `codes`.
    Code(Target, CodeCall),
}

impl Call {
    fn body(&self) -> Value {
        match *self {
            Self::Listen => json!({"command": "start_listening"}),
            Self::List => json!({"command": "get_nodes"}),
            Self::Whereabouts(node) => json!({"command": "get_node", "args": {"node_id": node}}),
            Self::Move(target, _, to) => {
                let name = match to {
                    Bolt::Locked => "LockDoor",
                    Bolt::Unlocked => "UnlockDoor",
                };
                command(target, name, json!({}), true)
            }
            Self::Code(target, ref call) => {
                let (name, payload) = call.said();
                command(target, name, payload, call.is_timed())
            }
            Self::Read(target, has_door, _) | Self::Look(target, has_door) => {
                let state = target.path(LOCK_STATE);
                if has_door {
                    read(target, &json!([state, target.path(DOOR_STATE)]))
                } else {
                    read(target, &json!(state))
                }
            }
            Self::Inquest(target, ..) => read(target, &json!(target.path(LOCK_STATE))),
            Self::SetAutoLock(target, _, to) => json!({
                "command": "write_attribute",
                "args": {"node_id": target.node, "attribute_path": target.path(AUTO_RELOCK), "value": seconds(to)},
            }),
            Self::CheckAutoLock(target, ..) => read(target, &json!(target.path(AUTO_RELOCK))),
        }
    }

    /// The lock that the server asks for it, if it asks any.
    pub(super) const fn target(&self) -> Option<Target> {
        match *self {
            Self::Listen | Self::List | Self::Whereabouts(_) => None,
            Self::Move(target, ..)
            | Self::Read(target, ..)
            | Self::Look(target, _)
            | Self::Inquest(target, ..)
            | Self::SetAutoLock(target, ..)
            | Self::CheckAutoLock(target, ..)
            | Self::Code(target, _) => Some(target),
        }
    }
}

impl Ask for Call {
    fn message(&self, number: u64) -> String {
        let mut message = self.body();
        message["message_id"] = json!(number.to_string());
        message.to_string()
    }

    fn limit(&self) -> Duration {
        match self.target() {
            // How long a lock may take is the server's affair, which gives up after 90 s. Until then it takes nothing else for
            // that node.
            Some(_) => Duration::from_secs(120),
            None => Duration::from_secs(60),
        }
    }

    fn patience(&self) -> Duration {
        if matches!(self, Self::Code(..)) { PATIENCE } else { self.limit() }
    }
}

/// Has a lock do something. What is timed it takes only so, as everything that moves its bolt or writes its codes.
fn command(target: Target, name: &str, payload: Value, is_timed: bool) -> Value {
    let mut args = json!({
        "node_id": target.node,
        "endpoint_id": target.endpoint,
        "cluster_id": DOOR_LOCK,
        "command_name": name,
        "payload": payload,
        "interaction_timeout_ms": INTERACTION,
    });
    if is_timed {
        args["timed_request_timeout_ms"] = json!(TIMED);
    }
    json!({"command": "device_command", "args": args})
}

fn read(target: Target, path: &Value) -> Value {
    json!({"command": "read_attribute", "args": {"node_id": target.node, "attribute_path": path}})
}

const fn seconds(to: AutoLock) -> u32 {
    match to {
        AutoLock::Off => 0,
        AutoLock::After(seconds) => seconds,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const LOCK: Target = Target { node: 9_007_199_254_740_993, endpoint: 2 };

    fn message(call: Call) -> Value {
        serde_json::from_str(&call.message(17)).unwrap()
    }

    #[test]
    fn a_command_is_timed_and_spelled_as_the_sdk_spells_it() {
        let unlock = message(Call::Move(LOCK, AttemptId(Uuid::nil()), Bolt::Unlocked));
        let expected = json!({
            "message_id": "17", "command": "device_command",
            "args": {
                "node_id": 9_007_199_254_740_993_u64, "endpoint_id": 2, "cluster_id": 257, "command_name": "UnlockDoor",
                "payload": {}, "timed_request_timeout_ms": 5000, "interaction_timeout_ms": 8000,
            },
        });
        assert_eq!(unlock, expected);
        let lock = message(Call::Move(LOCK, AttemptId(Uuid::nil()), Bolt::Locked));
        assert_eq!(lock["args"]["command_name"], "LockDoor");
    }

    #[test]
    fn the_door_is_read_where_there_is_a_sensor() {
        let read = |has_door| message(Call::Read(LOCK, has_door, ReadId(1)))["args"]["attribute_path"].clone();
        assert_eq!(read(false), "2/257/0");
        assert_eq!(read(true), json!(["2/257/0", "2/257/3"]));
    }

    #[test]
    fn states_are_positions() {
        for (state, expected) in [
            (json!(0), Said::Jammed),
            (json!(1), Said::At(Bolt::Locked)),
            (json!(2), Said::At(Bolt::Unlocked)),
            (json!(3), Said::At(Bolt::Unlocked)),
            (json!(null), Said::Unsure),
            (json!(77), Said::Unsure),
        ] {
            assert_eq!(said(&state), expected, "{state}");
        }
        assert_eq!([0, 1, 2, 3, 4, 5].map(|state| door_open(&json!(state))), {
            [Some(true), Some(false), None, Some(true), None, Some(true)]
        });
    }
}
