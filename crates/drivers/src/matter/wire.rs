//! The messages of the protocol, as far as locks need them. Unknown fields, events and numbers pass through.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The server's first word.
#[derive(Debug, Deserialize)]
pub(super) struct ServerInfo {
    /// The fabric that its nodes belong to; unlike the fabric's own id it is one for one fabric.
    pub(super) compressed_fabric_id: u64,
    /// The version of the protocol that it talks.
    pub(super) schema_version: u64,
    /// The oldest version of a client that it talks to.
    pub(super) min_supported_schema_version: u64,
    /// The version of what it is made of, for people.
    #[serde(default)]
    pub(super) sdk_version: String,
}

/// Any message after it.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<'a> {
    /// Which message of ours it answers; no event has one.
    pub(super) message_id: Option<String>,
    /// The answer.
    #[serde(borrow)]
    pub(super) result: Option<&'a RawValue>,
    /// Why there is none.
    pub(super) error_code: Option<i64>,
    /// The same, in words.
    #[serde(default)]
    pub(super) details: Option<String>,
    /// What happened.
    pub(super) event: Option<String>,
    /// More of what happened.
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
}

/// Why the server did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The server's number for it; [`Fault::NO_ANSWER`] if it never answered.
    pub(super) code: i64,
    /// The same, in words: those of a lock's refusal hold a number.
    pub(super) details: String,
}

impl Fault {
    /// The code of a request that got no answer.
    pub(super) const NO_ANSWER: i64 = -1;
    /// The node is offline, and the request went nowhere.
    pub(super) const NODE_NOT_READY: i64 = 3;
    /// There is no such node.
    pub(super) const NODE_NOT_EXISTS: i64 = 5;
    /// The server does not take the request.
    pub(super) const INVALID: [i64; 2] = [8, 9];
}

/// A node of the fabric.
#[derive(Debug, Deserialize)]
pub(super) struct Node {
    pub(super) node_id: u64,
    /// Whether the server hears the node, as far as it knows.
    #[serde(default)]
    pub(super) available: bool,
    /// What the server remembers of it: `endpoint/cluster/attribute`.
    #[serde(default)]
    pub(super) attributes: HashMap<String, Value>,
}

impl Node {
    /// What the server remembers of an attribute.
    pub(super) fn attribute(&self, endpoint: u32, cluster: u32, attribute: u32) -> Option<&Value> {
        self.attributes.get(&format!("{endpoint}/{cluster}/{attribute}")).filter(|value| !value.is_null())
    }

    /// The same of a number.
    pub(super) fn number(&self, endpoint: u32, cluster: u32, attribute: u32) -> Option<u64> {
        self.attribute(endpoint, cluster, attribute).and_then(Value::as_u64)
    }

    /// The same of a text that says something.
    pub(super) fn text(&self, endpoint: u32, cluster: u32, attribute: u32) -> Option<String> {
        let text = self.attribute(endpoint, cluster, attribute).and_then(Value::as_str).map(str::trim);
        text.filter(|text| !text.is_empty()).map(|text| text.chars().take(100).collect())
    }

    /// Its endpoints that have a cluster's attribute.
    pub(super) fn endpoints_with(&self, cluster: u32, attribute: u32) -> Vec<u32> {
        let paths = self.attributes.keys().filter_map(|path| read_path(path));
        let mut endpoints: Vec<u32> =
            paths.filter(|path| (path.1, path.2) == (cluster, attribute)).map(|path| path.0).collect();
        endpoints.sort_unstable();
        endpoints
    }
}

/// Endpoint, cluster and attribute of a path.
pub(super) fn read_path(path: &str) -> Option<(u32, u32, u32)> {
    let mut parts = path.split('/').map(|part| part.parse().ok());
    let path = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(path)
}

/// An attribute that changed: node, path, value.
#[derive(Debug, Deserialize)]
pub(super) struct Changed(pub(super) u64, pub(super) String, pub(super) Value);

/// Something that happened at a node.
#[derive(Debug, Deserialize)]
pub(super) struct NodeEvent {
    pub(super) node_id: u64,
    pub(super) endpoint_id: u32,
    pub(super) cluster_id: u32,
    pub(super) event_id: u32,
    /// The node's own count of its events.
    #[serde(default)]
    pub(super) event_number: u64,
    #[serde(default)]
    pub(super) data: Value,
}

/// An end of a node that came or went.
#[derive(Debug, Deserialize)]
pub(super) struct EndpointGone {
    pub(super) node_id: u64,
    pub(super) endpoint_id: u32,
}

/// What a message says.
#[derive(Debug)]
pub(super) enum Event {
    /// A node is new, or something about it is.
    Node(Box<Node>),
    /// A node was removed.
    Removed(u64),
    /// An end of a node was removed.
    EndpointRemoved(EndpointGone),
    /// An attribute changed.
    Changed(Changed),
    /// Something happened at a node.
    Happened(NodeEvent),
}

impl Event {
    /// Reads an event; `None` for those that are not about locks, and for what cannot be understood.
    pub(super) fn read(kind: &str, data: &str) -> Option<Self> {
        match kind {
            "node_added" | "node_updated" => serde_json::from_str(data).ok().map(|node| Self::Node(Box::new(node))),
            "node_removed" => serde_json::from_str(data).ok().map(Self::Removed),
            "endpoint_removed" => serde_json::from_str(data).ok().map(Self::EndpointRemoved),
            "attribute_updated" => serde_json::from_str(data).ok().map(Self::Changed),
            "node_event" => serde_json::from_str(data).ok().map(Self::Happened),
            _ => None,
        }
    }
}
