//! The real application on a temporary data directory, with two tenants, driven without a socket.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Response;
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use thumbturn::app::App;
use thumbturn::config::{Config, Flags};
use thumbturn::metrics::Metrics;
use thumbturn::setup::key;
use thumbturn::tokens::{Token, TokenKind};
use thumbturn_api::{Credential, EndpointInfo, ErrorType, Secret};
use thumbturn_core::accounts::{Account, Provider};
use thumbturn_core::change::{Change, SetUp};
use thumbturn_core::credentials::{ClientSession, Key, KeyKind};
use thumbturn_core::devices::{Device, DeviceState};
use thumbturn_core::ids::{AccountId, ClientSessionId, DeviceId, OperatorId, WorkspaceId};
use thumbturn_core::ports::Clock;
use thumbturn_core::workspaces::Workspace;
use thumbturn_drivers::sandbox::fixtures;
use thumbturn_store::{OpenOptions, Store};
use uuid::Uuid;

use crate::ask::{Ask, EVENT_STREAM, Reply};

/// The base of the URLs that the application hands out.
pub(crate) const PUBLIC_URL: &str = "http://thumbturn.test";

/// Longest wait for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What a tenant is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) sandbox: bool,
    pub(crate) suspended: bool,
    pub(crate) publishable: bool,
}

pub(crate) const SANDBOX: Kind = Kind { sandbox: true, suspended: false, publishable: true };
pub(crate) const ORDINARY: Kind = Kind { sandbox: false, ..SANDBOX };
pub(crate) const SUSPENDED: Kind = Kind { suspended: true, ..SANDBOX };
pub(crate) const WITHOUT_PUBLISHABLE: Kind = Kind { publishable: false, ..SANDBOX };

/// A workspace with five virtual locks, and what opens it.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) workspace: Uuid,
    pub(crate) account: Uuid,
    pub(crate) devices: Vec<Uuid>,
    pub(crate) api_key: String,
    /// Bound to this workspace.
    pub(crate) pat: String,
    pub(crate) publishable_key: String,
}

impl Tenant {
    pub(crate) fn device(&self) -> Value {
        json!({"device_id": self.devices[0]})
    }
}

/// The application under test.
pub(crate) struct TestApp {
    pub(crate) app: App,
    pub(crate) store: Store,
    pub(crate) own: Tenant,
    pub(crate) foreign: Tenant,
    /// A personal access token that opens every workspace.
    pub(crate) pat: String,
    service: TowerToHyperService<Router>,
    dir: TempDir,
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::with(SANDBOX, &[]).await
    }

    /// The application whose own tenant is of this kind, with these settings.
    pub(crate) async fn with(own: Kind, settings: &[(&str, &str)]) -> Self {
        let dir = TempDir::new().unwrap();
        let config = config(dir.path(), settings);
        let clock: Arc<dyn Clock> = Arc::new(thumbturn::clock::SystemClock::start());
        let metrics = Arc::new(Metrics::new(clock.now().wall));
        let options = OpenOptions { meter: metrics.of_store(), ..OpenOptions::new(dir.path()) };
        let store = thumbturn_store::open(options).unwrap();
        let own = tenant(&store, own).await;
        forget_set_up(dir.path());
        let foreign = tenant(&store, SANDBOX).await;
        let pat = new_key(&store, TokenKind::PersonalAccessToken, None, None).await;
        let app = thumbturn::serve::start(&config, store.clone(), clock, PUBLIC_URL.to_owned(), metrics).await.unwrap();
        app.engine().settled(PATIENCE).await;
        let service = TowerToHyperService::new(thumbturn::http::service(app.clone()));
        let app = Self { app, store, own, foreign, pat, service, dir };
        app.all_known(&app.own.api_key).await;
        app.all_known(&app.foreign.api_key).await;
        app
    }

    /// A new installation as the first start makes it: one tenant, who is the foreign one as well.
    pub(crate) async fn fresh(settings: &[(&str, &str)]) -> Self {
        let dir = TempDir::new().unwrap();
        let config = config(dir.path(), settings);
        let store = thumbturn::cli::open_store(&config, thumbturn_store::Role::Server).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(thumbturn::clock::SystemClock::start());
        let metrics = Arc::new(Metrics::new(clock.now().wall));
        let made = thumbturn::setup::set_up(&store, Timestamp::now()).await.unwrap();
        let token = |secret: Option<Secret<String>>| secret.unwrap().into_exposed();
        let pat = token(made.personal_access_token);
        let account = thumbturn::workspaces::sandbox_account(WorkspaceId(made.workspace_id), Timestamp::now());
        let own = Tenant {
            workspace: made.workspace_id,
            account: account.id.0,
            devices: made.devices.iter().map(|device| device.device_id).collect(),
            api_key: token(made.api_key),
            pat: pat.clone(),
            publishable_key: made.publishable_key.unwrap(),
        };
        let app = thumbturn::serve::start(&config, store.clone(), clock, PUBLIC_URL.to_owned(), metrics).await.unwrap();
        app.engine().settled(PATIENCE).await;
        let service = TowerToHyperService::new(thumbturn::http::service(app.clone()));
        let app = Self { app, store, foreign: own.clone(), own, pat, service, dir };
        app.all_known(&app.own.api_key).await;
        app
    }

    /// Waits until every lock has told where its bolt is.
    async fn all_known(&self, api_key: &str) {
        eventually("every lock tells its state", async || {
            let devices = self.send(Ask::get("/devices/list").bearer(api_key)).await.field("devices");
            let known = |device: &Value| {
                device["properties"]["locked"].is_boolean() && device["properties"]["battery"].is_object()
            };
            devices.as_array().unwrap().iter().all(known).then_some(())
        })
        .await;
    }

    pub(crate) fn router(&self) -> Router {
        thumbturn::http::service(self.app.clone())
    }

    /// The file of the database.
    pub(crate) fn database(&self) -> PathBuf {
        self.dir.path().join(thumbturn_store::DATABASE_FILE)
    }

    /// Every file of the data directory.
    pub(crate) fn files(&self) -> Vec<Vec<u8>> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter_map(|path| std::fs::read(path).ok()).collect()
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, ask: Ask) -> Reply {
        let method = ask.method.clone();
        self.send_http(method, ask.into_http()).await
    }

    /// Sends a request whose answer goes on.
    pub(crate) async fn open(&self, ask: Ask) -> Response<Body> {
        self.service.call(ask.into_http()).await.unwrap()
    }

    pub(crate) async fn send_http(&self, method: http::Method, request: http::Request<Body>) -> Reply {
        let path = request.uri().path().to_owned();
        let sending = async {
            let answer = self.service.call(request).await.unwrap();
            let (parts, mut body) = answer.into_parts();
            if parts.headers.get("content-type").is_some_and(|kind| kind == EVENT_STREAM) {
                // It goes on for ever: what is said first has to do. To HEAD nothing is said.
                let first = body.frame().await.map(|frame| frame.unwrap().into_data().unwrap());
                return (parts, first.unwrap_or_default());
            }
            (parts, body.collect().await.unwrap().to_bytes())
        };
        let (parts, bytes) = tokio::time::timeout(PATIENCE, sending).await.expect("no answer");
        let reply = Reply::of(&method, &path, parts.status, parts.headers, &bytes);
        check_declared(&path, &reply);
        reply
    }

    /// POSTs as the own tenant's API key.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Ask::post(path).bearer(&self.own.api_key).json(body)).await
    }

    /// A token that opens the endpoint: the own tenant's API key, where that is enough.
    pub(crate) fn opens(&self, endpoint: &EndpointInfo) -> &str {
        let by_key = endpoint.auth.iter().any(|kind| matches!(kind, Credential::ApiKey | Credential::Public));
        if by_key { &self.own.api_key } else { &self.pat }
    }

    /// POSTs to the endpoint as somebody who may.
    pub(crate) async fn post_to(&self, endpoint: &EndpointInfo, body: Value) -> Reply {
        self.send(Ask::post(endpoint.path).bearer(self.opens(endpoint)).json(body)).await
    }

    /// GETs as the own tenant's API key.
    pub(crate) async fn get(&self, uri: &str) -> Reply {
        self.send(Ask::get(uri).bearer(&self.own.api_key)).await
    }

    /// A call that must succeed.
    pub(crate) async fn ok(&self, path: &str, body: Value) -> Map<String, Value> {
        self.post(path, body).await.ok()
    }

    /// The attempt that an action answers.
    pub(crate) async fn attempt(&self, path: &str, body: Value) -> Value {
        self.post(path, body).await.field("action_attempt")
    }

    /// Unlocks the own tenant's lock number `index`.
    pub(crate) async fn unlock(&self, index: usize) -> Value {
        self.attempt("/locks/unlock_door", json!({"device_id": self.own.devices[index]})).await
    }

    /// Reads an attempt until it is decided.
    pub(crate) async fn decided(&self, attempt: &Value) -> Value {
        let body = json!({"action_attempt_id": attempt["action_attempt_id"]});
        eventually("the attempt is decided", async || {
            let found = self.post("/action_attempts/get", body.clone()).await.field("action_attempt");
            (found["status"] != "pending").then_some(found)
        })
        .await
    }

    /// The physical truth of the own tenant's lock number `index`.
    pub(crate) async fn physical(&self, index: usize) -> Value {
        let body = json!({"device_id": self.own.devices[index]});
        self.post("/thumbturn/sandbox/locks/get", body).await.field("sandbox_lock")
    }

    /// Sets up the own tenant's virtual lock number `index`.
    pub(crate) async fn set(&self, index: usize, mut body: Value) {
        body["device_id"] = json!(self.own.devices[index]);
        self.ok("/thumbturn/sandbox/locks/set", body).await;
    }

    /// A hand at the own tenant's virtual lock number `index`.
    pub(crate) async fn act(&self, index: usize, mut body: Value) {
        body["device_id"] = json!(self.own.devices[index]);
        self.ok("/thumbturn/sandbox/locks/act", body).await;
    }

    /// The own tenant's device number `index`.
    pub(crate) async fn device(&self, index: usize) -> Value {
        self.post("/devices/get", json!({"device_id": self.own.devices[index]})).await.field("device")
    }

    /// The events of the own tenant's device number `index`, oldest first.
    pub(crate) async fn events(&self, index: usize) -> Vec<Value> {
        let body = json!({"since": "2000-01-01T00:00:00Z", "device_id": self.own.devices[index]});
        let Value::Array(events) = self.post("/events/list", body).await.field("events") else { panic!("no list") };
        events
    }

    /// The token of a session of the own tenant that sees `accounts`.
    pub(crate) async fn session(&self, accounts: &[Uuid]) -> String {
        let body = json!({"connected_account_ids": accounts});
        let session = self.post("/client_sessions/create", body).await.field("client_session");
        session["token"].as_str().unwrap().to_owned()
    }

    /// A further account of the own tenant with virtual locks; its id and those of its devices.
    pub(crate) async fn another_account(&self, locks: usize) -> (Uuid, Vec<Uuid>) {
        let body = json!({"provider": "sandbox", "config": {"locks": locks}});
        let made = self.post("/thumbturn/connected_accounts/create", body).await.field("connected_account");
        let id = uuid(&made["connected_account_id"]);
        let devices =
            self.post("/devices/list", json!({"connected_account_id": id, "limit": 10_000})).await.field("devices");
        let devices: Vec<Uuid> = devices.as_array().unwrap().iter().map(|device| uuid(&device["device_id"])).collect();
        assert_eq!(devices.len(), locks);
        (id, devices)
    }
}

/// Whatever an endpoint refuses with is among what its declaration says.
fn check_declared(path: &str, reply: &Reply) {
    let Some(endpoint) = thumbturn_api::endpoints().into_iter().find(|endpoint| endpoint.path == path) else { return };
    let Some(error) = reply.body["error"]["type"].as_str().and_then(ErrorType::from_code) else { return };
    let declared = ErrorType::ANYWHERE.contains(&error) || endpoint.possible_errors().contains(&error);
    assert!(declared, "{path} answers {error:?}: add `errors: [{error:?}]` to the declaration of {}", endpoint.name);
}

pub(crate) fn uuid(value: &Value) -> Uuid {
    value.as_str().unwrap().parse().unwrap()
}

/// Settings for `dir`.
pub(crate) fn config(dir: &Path, settings: &[(&str, &str)]) -> Config {
    let flags = Flags { data_dir: Some(dir.to_owned()), ..Flags::default() };
    Config::load(&flags, settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).unwrap()
}

/// Waits until `look` finds something.
pub(crate) async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < until, "it never happened that {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A second set-up is refused, and there is no other way yet to make a workspace. Only here this is forgotten.
fn forget_set_up(dir: &Path) {
    let database = rusqlite::Connection::open(dir.join(thumbturn_store::DATABASE_FILE)).unwrap();
    let forgotten = database.execute("DELETE FROM settings WHERE key = 'set_up'", []).unwrap();
    assert_eq!(forgotten, 1);
}

async fn tenant(store: &Store, kind: Kind) -> Tenant {
    let now = Timestamp::now();
    let (api_key, pat, publishable) = (
        Token::random(TokenKind::ApiKey, kind.sandbox),
        Token::random(TokenKind::PersonalAccessToken, kind.sandbox),
        Token::random(TokenKind::PublishableKey, kind.sandbox),
    );
    let workspace = Workspace {
        id: WorkspaceId(Uuid::new_v4()),
        name: "A workspace".to_owned(),
        company_name: "A company".to_owned(),
        is_sandbox: kind.sandbox,
        is_suspended: kind.suspended,
        publishable_key_enabled: kind.publishable,
        publishable_key: Some(publishable.reveal()),
        customization: "{}".to_owned(),
        created_at: now,
    };
    let account = thumbturn::workspaces::sandbox_account(workspace.id, now);
    let devices: Vec<Device> = fixtures().iter().map(|fixture| device(&account, fixture.about(), now)).collect();
    let only = Some(workspace.id);
    let keys = vec![
        key(KeyKind::ApiKey, &api_key, only, None, "API key", now),
        key(KeyKind::PersonalAccessToken, &pat, only, None, "token", now),
        key(KeyKind::PublishableKey, &publishable, only, None, "publishable key", now),
    ];
    let tenant = Tenant {
        workspace: workspace.id.0,
        account: account.id.0,
        devices: devices.iter().map(|device| device.id.0).collect(),
        api_key: api_key.reveal(),
        pat: pat.reveal(),
        publishable_key: publishable.reveal(),
    };
    let set_up = SetUp { operator: OperatorId::new_at(now), workspace, keys, account, devices, events: Vec::new() };
    store.commit(Change::SetUp(Box::new(set_up))).await.unwrap();
    tenant
}

fn device(account: &Account, about: thumbturn_core::devices::About, now: Timestamp) -> Device {
    Device {
        id: DeviceId::derived(account.workspace.0, about.native.as_str()),
        workspace: account.workspace,
        account: account.id,
        provider: Provider::Sandbox,
        about,
        nickname: None,
        custom_metadata: "{}".to_owned(),
        is_managed: true,
        time_zone: None,
        state: DeviceState::default(),
        created_at: now,
    }
}

/// A new key's token.
pub(crate) async fn new_key(
    store: &Store,
    kind: TokenKind,
    workspace: Option<Uuid>,
    revoked: Option<Timestamp>,
) -> String {
    let token = Token::random(kind, true);
    let now = Timestamp::now();
    let domain = match kind {
        TokenKind::ApiKey => KeyKind::ApiKey,
        TokenKind::PersonalAccessToken => KeyKind::PersonalAccessToken,
        TokenKind::PublishableKey => KeyKind::PublishableKey,
        TokenKind::ClientSession => panic!("a session is not a key"),
    };
    let made = key(domain, &token, workspace.map(WorkspaceId), None, "", now);
    store.commit(Change::KeyCreated { key: Box::new(Key { revoked_at: revoked, ..made }), shown: None }).await.unwrap();
    token.reveal()
}

/// The token of a session as the database may hold one: revoked or expired, too.
pub(crate) async fn stored_session(
    store: &Store,
    workspace: Uuid,
    accounts: &[Uuid],
    expires_at: Timestamp,
    revoked_at: Option<Timestamp>,
) -> String {
    let token = Token::random(TokenKind::ClientSession, true);
    let now = Timestamp::now();
    let session = ClientSession {
        id: ClientSessionId::new_at(now),
        workspace: WorkspaceId(workspace),
        short: token.short().to_owned(),
        long_hash: token.long_hash(),
        token: token.reveal(),
        user_identifier_key: None,
        accounts: accounts.iter().copied().map(AccountId).collect(),
        identity: None,
        granted: Vec::new(),
        customer_key: None,
        created_at: now,
        expires_at,
        revoked_at,
    };
    store.commit(Change::SessionCreated(Box::new(session))).await.unwrap();
    token.reveal()
}
