//! The messages of the protocol, as far as locks need them. Unknown fields, events and numbers pass through.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The server's first word.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Greeting {
    /// The network; missing while the driver behind the server is not ready.
    pub(super) home_id: Option<u32>,
    /// The version of the server, for people.
    #[serde(default)]
    pub(super) server_version: String,
    /// The oldest version of the protocol that it talks.
    pub(super) min_schema_version: u64,
    /// The newest version of the protocol that it talks.
    pub(super) max_schema_version: u64,
}

/// The answer to `initialize`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Agreement {
    /// Whether the server talks that version.
    pub(super) success: Option<bool>,
    /// Why not.
    #[serde(default)]
    pub(super) error_code: String,
}

/// Any message after it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope<'a> {
    /// `result` or `event`.
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    /// Which message of ours it answers.
    pub(super) message_id: Option<&'a str>,
    /// Whether the command was handled. That is not: whether it did what it should.
    pub(super) success: Option<bool>,
    /// The answer.
    #[serde(borrow)]
    pub(super) result: Option<&'a RawValue>,
    /// What happened.
    #[serde(borrow)]
    pub(super) event: Option<&'a RawValue>,
    /// Why a command was not handled.
    pub(super) error_code: Option<String>,
    /// The driver's own number for it.
    pub(super) zwave_error_code: Option<i64>,
    /// The driver's own name for it.
    pub(super) zwave_error_code_name: Option<String>,
}

/// Why the hub did not carry out what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The kind of error, such as `zwave_error` or `node_not_found`.
    pub(super) code: String,
    /// The driver's number for it.
    pub(super) number: Option<i64>,
    /// The driver's name for it.
    pub(super) name: Option<String>,
}

impl Envelope<'_> {
    /// The fault of a command that was not handled.
    pub(super) fn fault(&self) -> Fault {
        Fault {
            code: self.error_code.clone().unwrap_or_default(),
            number: self.zwave_error_code,
            name: self.zwave_error_code_name.clone(),
        }
    }
}

/// The answer to `start_listening`.
#[derive(Debug, Deserialize)]
pub(super) struct Dump {
    pub(super) state: DumpState,
}

/// Everything that the server knows.
#[derive(Debug, Deserialize)]
pub(super) struct DumpState {
    #[serde(default)]
    pub(super) nodes: Vec<Node>,
}

/// A node of the network.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Node {
    pub(super) node_id: u32,
    /// Whether it can be used: its interview is done.
    #[serde(default)]
    pub(super) ready: bool,
    /// See [`Status`].
    #[serde(default)]
    pub(super) status: u64,
    /// The name that people gave it.
    pub(super) name: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) label: Option<String>,
    pub(super) device_config: Option<DeviceConfig>,
    #[serde(default)]
    pub(super) endpoints: Vec<Endpoint>,
    #[serde(default)]
    pub(super) values: Vec<ValueEntry>,
}

/// What the driver's database says of a model.
#[derive(Debug, Deserialize)]
pub(super) struct DeviceConfig {
    pub(super) manufacturer: Option<String>,
    pub(super) label: Option<String>,
}

/// One end of a node; the first is the node as a whole.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Endpoint {
    pub(super) index: u32,
    #[serde(default)]
    pub(super) command_classes: Vec<CommandClass>,
}

/// Something that a node can do.
#[derive(Debug, Deserialize)]
pub(super) struct CommandClass {
    pub(super) id: u32,
    #[serde(default)]
    pub(super) version: u32,
}

/// A value of a node, as the server remembers it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ValueEntry {
    pub(crate) command_class: u32,
    #[serde(default)]
    pub(crate) endpoint: u32,
    pub(crate) property: Value,
    pub(crate) property_key: Option<Value>,
    /// Missing where it is not known.
    pub(crate) value: Option<Value>,
    pub(crate) metadata: Option<Metadata>,
}

/// What the server says of a value, as far as it is about parameters. It is nobody's word but that of a database.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) label: Value,
    pub(crate) writeable: Value,
    pub(crate) unit: Value,
    pub(crate) min: Value,
    pub(crate) max: Value,
    pub(crate) states: Value,
    pub(crate) allow_manual_entry: Value,
}

/// Something that happened.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    pub(super) source: String,
    pub(super) event: String,
    pub(super) node_id: Option<u32>,
    #[serde(default)]
    pub(super) endpoint_index: u32,
    pub(super) cc_id: Option<u32>,
    pub(super) args: Option<Value>,
    /// The node, once it is ready.
    pub(super) node_state: Option<Node>,
    /// The node that was added or removed.
    pub(super) node: Option<NodeNumber>,
}

/// A node, by its number.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NodeNumber {
    pub(super) node_id: u32,
}

/// How a node is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It sleeps, and the hub keeps what is said to it until it wakes up.
    Asleep,
    /// It did not answer last time; the next time it may.
    Dead,
    /// It can be reached, as far as is known.
    Alive,
}

impl Status {
    pub(super) const fn of(number: u64) -> Self {
        match number {
            1 => Self::Asleep,
            3 => Self::Dead,
            _ => Self::Alive,
        }
    }
}
