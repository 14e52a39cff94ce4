//! What snapshots are taken of: the calls, and how an answer is written down.

use serde_json::{Value, json};
use thumbturn_core::change::Change;
use thumbturn_core::ids::{AccountId, DeviceId, NativeId, WorkspaceId};
use thumbturn_core::scope::Scope;
use thumbturn_store::{DeviceFilter, PageRequest};
use uuid::Uuid;

use crate::app::{TestApp, uuid};
use crate::ask::{Ask, Reply, redacted};

/// Widest line of a body that is written on one line.
const WIDTH: usize = 110;

/// The id of nothing.
pub(super) const NOTHING: Uuid = Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0000);

impl TestApp {
    /// What the own tenant's API key is answered.
    pub(super) async fn snap(&self, path: &str, body: Value) -> String {
        self.snap_as(&self.own.api_key, path, body).await
    }

    /// What the bearer of `token` is answered.
    pub(super) async fn snap_as(&self, token: &str, path: &str, body: Value) -> String {
        self.snap_of(Ask::post(path).bearer(token).json(body)).await
    }

    /// What this is answered.
    pub(super) async fn snap_of(&self, ask: Ask) -> String {
        let path = ask.uri.clone();
        shown(&path, &self.send(ask).await)
    }

    /// A device of the own tenant that is no virtual lock, and its account, whose hub cannot be reached.
    pub(super) async fn real_lock(&self) -> (Uuid, Uuid) {
        // Port 1 refuses at once.
        let hub = json!({"provider": "mqtt", "config": {"url": "mqtt://127.0.0.1:1"}});
        let made = self.post("/thumbturn/connected_accounts/create", hub).await.field("connected_account");
        let account = uuid(&made["connected_account_id"]);
        let id = self
            .another_lock(|device| {
                device.account = AccountId(account);
                device.provider = thumbturn_core::accounts::Provider::Mqtt;
            })
            .await;
        (id, account)
    }

    /// A device of the own tenant like its first, but for what `change` does to it; stored as a driver's discovery would.
    pub(super) async fn another_lock(&self, change: impl FnOnce(&mut thumbturn_core::devices::Device)) -> Uuid {
        let scope = Scope::workspace_wide(WorkspaceId(self.own.workspace));
        let known = self.store.devices(&scope, &DeviceFilter::managed(), PageRequest::first(1)).await.unwrap();
        let mut device = known.items[0].clone();
        let id = Uuid::new_v4();
        device.id = DeviceId(id);
        device.about.native = NativeId(id.to_string());
        change(&mut device);
        self.store.commit(Change::DeviceSeen { device: Box::new(device), events: Vec::new() }).await.unwrap();
        id
    }

    /// Makes the own tenant's device number `index` an unmanaged one.
    pub(super) async fn unmanage(&self, index: usize) -> Value {
        let device = json!({"device_id": self.own.devices[index]});
        self.ok("/devices/update", json!({"device_id": device["device_id"], "is_managed": false})).await;
        device
    }
}

/// An answer as snapshots hold it. `name` is the path, or the name of the layer that answers.
pub(super) fn shown(name: &str, reply: &Reply) -> String {
    shown_without(name, reply, &NOTHING.to_string(), "[unknown id]")
}

/// The same with `text` blotted out of the body.
pub(super) fn shown_without(name: &str, reply: &Reply, text: &str, blot: &str) -> String {
    let body: Value = serde_json::from_str(&reply.body.to_string().replace(text, blot)).unwrap();
    let kind = reply.body["error"]["type"].as_str().map(|kind| format!(" {kind}")).unwrap_or_default();
    format!("{name} {}{kind}\n{}", reply.status.as_u16(), laid_out(&redacted(&body), 0, 0))
}

/// JSON on as few lines as are wide enough. `before` is how much of the first line is taken.
fn laid_out(value: &Value, indent: usize, before: usize) -> String {
    let line = on_one_line(value);
    let inner = indent + 2;
    let (open, parts, close): (char, Vec<String>, char) = match value {
        _ if before + line.len() <= WIDTH => return line,
        Value::Array(items) => ('[', items.iter().map(|item| laid_out(item, inner, inner)).collect(), ']'),
        Value::Object(fields) => ('{', fields.iter().map(|(name, value)| field(name, value, inner)).collect(), '}'),
        _ => return line,
    };
    let (inner, outer) = (" ".repeat(inner), " ".repeat(indent));
    format!("{open}\n{inner}{}\n{outer}{close}", parts.join(&format!(",\n{inner}")))
}

fn field(name: &str, value: &Value, indent: usize) -> String {
    let name = format!("{}: ", json!(name));
    let value = laid_out(value, indent, indent + name.len());
    format!("{name}{value}")
}

fn on_one_line(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(on_one_line).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let parts: Vec<String> =
                fields.iter().map(|(name, value)| format!("{}: {}", json!(name), on_one_line(value))).collect();
            format!("{{{}}}", parts.join(", "))
        }
        other => other.to_string(),
    }
}
