//! A receiver that keeps what it is told, and what the tests ask of the server about it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;
use thumbturn_core::change::Change;
use thumbturn_core::ids::{WebhookId, WorkspaceId};
use thumbturn_core::webhooks::{SigningSecret, Webhook};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::app::{TestApp, eventually};

pub(crate) const ALLOWED: (&str, &str) = ("THUMBTURN_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES", "true");
pub(crate) const DELAYS: &str = "THUMBTURN_WEBHOOKS__RETRY_DELAYS_MS";
pub(crate) const TIMEOUT: &str = "THUMBTURN_WEBHOOKS__TIMEOUT_MS";

/// A message that was received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) at: Timestamp,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(crate) fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Verifies what the message is signed with, as a receiver would.
    pub(crate) fn verify(&self, secrets: &[&str]) {
        for what in ["id", "timestamp", "signature"] {
            assert_eq!(self.header(&format!("svix-{what}")), self.header(&format!("webhook-{what}")));
        }
        let (id, timestamp) = (self.header("svix-id"), self.header("svix-timestamp"));
        assert!(id.starts_with("msg_") && !id.contains('.'), "{id}");
        assert!((timestamp.parse::<i64>().unwrap() - self.at.as_second()).abs() <= 30, "the signature is fresh");
        let expected: Vec<String> = secrets
            .iter()
            .map(|secret| {
                let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
                let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
                mac.update(format!("{id}.{timestamp}.").as_bytes());
                mac.update(&self.body);
                format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
            })
            .collect();
        assert_eq!(self.header("svix-signature"), expected.join(" "));
    }
}

/// How a receiver answers.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    Status(u16),
    Redirect(String),
    Hang,
}

#[derive(Clone)]
pub(crate) struct Desk {
    received: Arc<Mutex<Vec<Received>>>,
    manner: Arc<Mutex<Manner>>,
}

/// A receiver on a port of its own.
pub(crate) struct Receiver {
    desk: Desk,
    pub(crate) url: String,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(crate) async fn receive(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    let at = Timestamp::now();
    desk.received.lock().unwrap().push(Received { headers, body, at });
    let manner = desk.manner.lock().unwrap().clone();
    match manner {
        Manner::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Manner::Redirect(to) => (StatusCode::FOUND, [("location", to)]).into_response(),
        Manner::Hang => std::future::pending().await,
    }
}

impl Receiver {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?tenant=a%20b", listener.local_addr().unwrap());
        Self::at(listener, url, manner)
    }

    /// Who is told at `url` what comes through `listener`.
    pub(crate) fn at<L>(listener: L, url: String, manner: Manner) -> Self
    where
        L: Listener,
        L::Addr: std::fmt::Debug,
    {
        let desk = Desk { received: Arc::default(), manner: Arc::new(Mutex::new(manner)) };
        let router = Router::new().fallback(receive).with_state(desk.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { desk, url, serving }
    }

    pub(crate) fn now_answers(&self, manner: Manner) {
        *self.desk.manner.lock().unwrap() = manner;
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.desk.received.lock().unwrap().clone()
    }

    /// The messages about events of this type, once there are so many.
    pub(crate) async fn of_type(&self, kind: &str, count: usize) -> Vec<Received> {
        eventually(&format!("{count} messages of {kind} come"), async || {
            let all: Vec<Received> =
                self.received().into_iter().filter(|received| received.event()["event_type"] == kind).collect();
            (all.len() >= count).then_some(all)
        })
        .await
    }
}

/// The webhook that is told of these types at the receiver: its id and its secret.
pub(crate) async fn made(app: &TestApp, receiver: &Receiver, types: &[&str]) -> (Value, String) {
    let body = json!({"url": receiver.url, "event_types": types});
    let webhook = app.post("/webhooks/create", body).await.field("webhook");
    (webhook["webhook_id"].clone(), webhook["secret"].as_str().unwrap().to_owned())
}

/// A webhook with a private address that was made while the operator allowed that, and who listens there.
pub(crate) async fn private(app: &TestApp) -> (TcpListener, Uuid) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (id, _) = kept(app, &url, "*", app.store.last_sequence().await.unwrap()).await;
    (listener, id)
}

/// A webhook that is told of these events after this place in commit order; its courier hears of it within seconds. Its id
/// and its secret.
pub(crate) async fn kept(app: &TestApp, url: &str, kind: &str, queued_until: i64) -> (Uuid, &'static str) {
    const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
    let id = Uuid::new_v4();
    let webhook = Webhook {
        id: WebhookId(id),
        workspace: WorkspaceId(app.own.workspace),
        url: url.to_owned(),
        event_types: vec![kind.to_owned()],
        secret: SigningSecret(SECRET.to_owned()),
        previous: None,
        queued_until,
        failing_since: None,
        disabled_at: None,
        created_at: Timestamp::now(),
    };
    app.store.commit(Change::WebhookCreated(Box::new(webhook))).await.unwrap();
    (id, SECRET)
}

pub(crate) async fn deliveries(app: &TestApp, filter: Value) -> Vec<Value> {
    let found = app.post("/thumbturn/webhooks/deliveries/list", filter).await.field("webhook_deliveries");
    found.as_array().unwrap().clone()
}

/// The newest delivery to the webhook, once `look` says so of it.
pub(crate) async fn delivery(app: &TestApp, webhook: &Value, what: &str, look: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || {
        deliveries(app, json!({"webhook_id": webhook, "limit": 1})).await.into_iter().next().filter(|found| look(found))
    })
    .await
}

pub(crate) fn has_attempts(count: usize) -> impl Fn(&Value) -> bool {
    move |delivery: &Value| delivery["attempts"].as_array().is_some_and(|attempts| attempts.len() >= count)
}

/// Asks for a range to be sent again until there is no more of it: how many deliveries began again, and how many are new.
pub(crate) async fn replayed(app: &TestApp, mut body: Value) -> (u64, u64) {
    let (mut again, mut new) = (0, 0);
    loop {
        let step = app.post("/thumbturn/webhooks/deliveries/replay_range", body.clone()).await.field("webhook_replay");
        again += step["again_count"].as_u64().unwrap();
        new += step["new_count"].as_u64().unwrap();
        if step["has_more"] == false {
            return (again, new);
        }
        body["since"] = step["replayed_until"].clone();
    }
}
