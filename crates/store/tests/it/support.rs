//! A small world to test in, and short ways to say things.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;
use thumbturn_core::accounts::{Account, LinkState, Provider};
use thumbturn_core::attempts::{Attempt, Outcome};
use thumbturn_core::change::{Change, IdempotencyClaim, IdempotencyKey, SetUp};
use thumbturn_core::credentials::{ClientSession, Key, KeyKind};
use thumbturn_core::devices::{About, Device, DeviceState, Reach};
use thumbturn_core::events::{Event, EventKind, Method};
use thumbturn_core::evidence::{Evidence, Manner, Rule, Stage, Step, Words};
use thumbturn_core::ids::{
    AccountId, AttemptId, ClientSessionId, DeviceId, EventId, KeyId, NativeId, OperatorId, WorkspaceId,
};
use thumbturn_core::locks::{Action, Bolt};
use thumbturn_core::ports::Said;
use thumbturn_core::scope::Scope;
use thumbturn_core::workspaces::Workspace;
use thumbturn_store::{CommitError, OpenOptions, PageRequest, Store};
use uuid::Uuid;

pub(crate) const ALL: PageRequest = PageRequest::first(10_000);
pub(crate) const WORKSPACE: WorkspaceId = WorkspaceId(Uuid::from_u128(0x1000));
pub(crate) const ACCOUNT: AccountId = AccountId(Uuid::from_u128(0x2000));
pub(crate) const OTHER_WORKSPACE: WorkspaceId = WorkspaceId(Uuid::from_u128(0x1001));

/// A database for one test, empty at first.
pub(crate) trait Database {
    fn create() -> Self;
    fn open(&self, options: OpenOptions) -> Store;
}

/// SQLite, in the folder of the world.
pub(crate) struct Sqlite;

impl Database for Sqlite {
    fn create() -> Self {
        Self
    }

    fn open(&self, options: OpenOptions) -> Store {
        thumbturn_store::open(options).unwrap()
    }
}

/// PostgreSQL, on the server that the tests share.
pub(crate) struct Postgres(pub(crate) thumbturn_testdb::Database);

impl Database for Postgres {
    fn create() -> Self {
        match thumbturn_testdb::Database::create() {
            Ok(database) => Self(database),
            Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
        }
    }

    fn open(&self, options: OpenOptions) -> Store {
        thumbturn_store::open(OpenOptions { database_url: Some(self.0.url()), ..options }).unwrap()
    }
}

/// A store with a workspace, a sandbox account and five devices in it.
pub(crate) struct World<D> {
    pub(crate) store: Store,
    pub(crate) dir: TempDir,
    pub(crate) database: D,
}

impl<D: Database> World<D> {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut OpenOptions)) -> Self {
        let world = Self::empty_with(change);
        world.commit(Change::SetUp(Box::new(set_up()))).await;
        world
    }

    pub(crate) fn empty() -> Self {
        Self::empty_with(|_| {})
    }

    fn empty_with(change: impl FnOnce(&mut OpenOptions)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = D::create();
        let mut options = OpenOptions::new(dir.path());
        change(&mut options);
        Self { store: database.open(options), dir, database }
    }

    pub(crate) async fn reopen(self) -> Self {
        self.reopen_with(|_| {}).await
    }

    pub(crate) async fn reopen_with(self, change: impl FnOnce(&mut OpenOptions)) -> Self {
        let Self { store, dir, database } = self;
        drop(store);
        let mut options = OpenOptions::new(dir.path());
        change(&mut options);
        Self { store: database.open(options), dir, database }
    }

    pub(crate) async fn commit(&self, change: Change) {
        self.store.commit(change).await.unwrap();
    }

    /// Commits a change that must conflict, and says under which name.
    pub(crate) async fn conflict(&self, change: Change) -> &'static str {
        conflict(self.store.commit(change).await)
    }

    pub(crate) async fn accept(&self, n: u128) -> Attempt {
        let attempt = attempt(n);
        self.commit(Change::AcceptAttempt { attempt: attempt.clone(), claim: None }).await;
        attempt
    }

    pub(crate) async fn finish(&self, n: u128, outcome: Outcome) {
        self.commit(finish(n, outcome)).await;
    }

    /// A second account, with one device.
    pub(crate) async fn second_account(&self) -> (AccountId, DeviceId) {
        let account = account(1);
        self.commit(Change::AccountCreated { account: Box::new(account.clone()), events: Vec::new() }).await;
        let mut device = device(100);
        device.account = account.id;
        self.commit(Change::DeviceSeen { device: Box::new(device.clone()), events: Vec::new() }).await;
        (account.id, device.id)
    }
}

pub(crate) fn open(dir: &Path) -> Store {
    thumbturn_store::open(OpenOptions::new(dir)).unwrap()
}

pub(crate) fn conflict(result: Result<(), CommitError>) -> &'static str {
    match result {
        Err(CommitError::Conflict(name)) => name,
        other => panic!("expected a conflict, got {other:?}"),
    }
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_770_000_000 + seconds).unwrap()
}

pub(crate) fn everything() -> Scope {
    Scope::workspace_wide(WORKSPACE)
}

pub(crate) fn elsewhere() -> Scope {
    Scope::workspace_wide(OTHER_WORKSPACE)
}

pub(crate) fn session_scope(n: u128, accounts: &[AccountId]) -> Scope {
    Scope::of_session(WORKSPACE, session_id(n), accounts.to_vec())
}

pub(crate) fn device_id(n: u128) -> DeviceId {
    DeviceId(Uuid::from_u128(0x3000 + n))
}

pub(crate) fn attempt_id(n: u128) -> AttemptId {
    AttemptId(Uuid::from_u128(0x40_0000 + n))
}

pub(crate) fn session_id(n: u128) -> ClientSessionId {
    ClientSessionId(Uuid::from_u128(0x5000 + n))
}

pub(crate) fn event_id(n: u128) -> EventId {
    EventId(Uuid::from_u128(0x60_0000 + n))
}

pub(crate) fn account_id(n: u128) -> AccountId {
    AccountId(Uuid::from_u128(0x2000 + n))
}

pub(crate) fn workspace() -> Workspace {
    Workspace {
        id: WORKSPACE,
        name: "House".to_owned(),
        company_name: "Doors Ltd".to_owned(),
        is_sandbox: true,
        is_suspended: false,
        publishable_key_enabled: true,
        publishable_key: Some("seam_pk_shown".to_owned()),
        customization: "{}".to_owned(),
        created_at: at(0),
    }
}

pub(crate) fn account(n: u128) -> Account {
    Account {
        id: account_id(n),
        workspace: WORKSPACE,
        provider: Provider::Sandbox,
        display_name: format!("Hub {n}"),
        hub_key: format!("hub-{n}"),
        config: format!(r#"{{"password":"canary-config-{n}"}}"#),
        custom_metadata: "{}".to_owned(),
        customer_key: None,
        manages_new_devices: true,
        link: LinkState::Connecting,
        first_sync_done: false,
        created_at: at(i64::try_from(n).unwrap()),
    }
}

pub(crate) fn device(n: u128) -> Device {
    Device {
        id: device_id(n),
        workspace: WORKSPACE,
        account: ACCOUNT,
        provider: Provider::Sandbox,
        about: About {
            native: NativeId(format!("native-{n}")),
            name: format!("Door {n}"),
            device_type: "yale_lock".to_owned(),
            manufacturer: "yale".to_owned(),
            manufacturer_name: "Yale".to_owned(),
            model: "Conexis".to_owned(),
            serial_number: Some(format!("S{n}")),
            can_lock: true,
            can_unlock: true,
            can_configure_auto_lock: false,
            has_keypad: true,
            has_direct_power: false,
        },
        nickname: None,
        custom_metadata: "{}".to_owned(),
        is_managed: true,
        time_zone: None,
        state: online(Bolt::Locked),
        created_at: at(i64::try_from(n).unwrap()),
    }
}

pub(crate) fn online(bolt: Bolt) -> DeviceState {
    DeviceState {
        bolt: Some(bolt),
        fresh: true,
        reach: Reach::Online,
        battery: Some(0.9),
        reported_at: Some(at(1)),
        ..DeviceState::default()
    }
}

pub(crate) fn key(n: u128, kind: KeyKind) -> Key {
    Key {
        id: KeyId(Uuid::from_u128(0x7000 + n)),
        kind,
        workspace: Some(WORKSPACE),
        operator: None,
        name: format!("key {n}"),
        short: format!("short{n}"),
        long_hash: format!("{n:064x}"),
        created_at: at(i64::try_from(n).unwrap()),
        revoked_at: None,
    }
}

pub(crate) fn session(n: u128, accounts: &[AccountId]) -> ClientSession {
    ClientSession {
        id: session_id(n),
        workspace: WORKSPACE,
        short: format!("cs{n}"),
        long_hash: format!("{n:064x}"),
        token: format!("seam_cst1_canary_token_{n}"),
        user_identifier_key: None,
        accounts: accounts.to_vec(),
        identity: None,
        granted: Vec::new(),
        customer_key: None,
        created_at: at(i64::try_from(n).unwrap()),
        expires_at: at(1_000_000),
        revoked_at: None,
    }
}

pub(crate) fn attempt(n: u128) -> Attempt {
    Attempt {
        id: attempt_id(n),
        workspace: WORKSPACE,
        account: Some(ACCOUNT),
        device: Some(device_id(n % 5)),
        action: Action::UnlockDoor,
        created_at: at(i64::try_from(n).unwrap()),
        outcome: None,
    }
}

pub(crate) fn accept_with_key(n: u128, key: &str, seconds: i64) -> Change {
    let claim = IdempotencyClaim {
        workspace: WORKSPACE,
        credential: "api_key",
        path: "/locks/unlock_door",
        key: IdempotencyKey(key.to_owned()),
        body_hash: format!("hash of {n}"),
        at: at(seconds),
    };
    Change::AcceptAttempt { attempt: attempt(n), claim: Some(claim) }
}

pub(crate) fn finish(n: u128, outcome: Outcome) -> Change {
    let succeeded = outcome.succeeded();
    let ended = EventKind::AttemptEnded { attempt: attempt_id(n), action: Action::UnlockDoor, succeeded };
    Change::FinishAttempt {
        attempt: attempt_id(n),
        outcome,
        ended_at: at(10),
        evidence: evidence(),
        is_awaited_elsewhere: false,
        state: Some((device_id(n % 5), online(Bolt::Unlocked))),
        events: vec![device_event(n, n % 5, ended)],
    }
}

/// What is kept of an unlock that the lock confirmed.
pub(crate) fn evidence() -> Evidence {
    let stage = |ms, step| Stage { after: Duration::from_millis(ms), step };
    let manner = Manner::Tagged(Method::Remote, None);
    let stages = vec![
        stage(1, Step::TurnCame),
        stage(2, Step::Written),
        stage(500, Step::Reported { said: Said::At(Bolt::Unlocked), manner }),
        stage(501, Step::Ended(Rule::ReportedRemote)),
    ];
    Evidence { stages, left_out: 0, words: Some(Words::fixed("planted words")) }
}

pub(crate) fn device_event(n: u128, device: u128, kind: EventKind) -> Event {
    Event {
        id: event_id(n),
        workspace: WORKSPACE,
        account: Some(ACCOUNT),
        device: Some(device_id(device)),
        occurred_at: at(5),
        kind,
    }
}

pub(crate) fn tell(events: Vec<Event>) -> Change {
    Change::DeviceChanged { device: device_id(0), state: online(Bolt::Locked), events }
}

pub(crate) fn set_up() -> SetUp {
    let operator = OperatorId(Uuid::from_u128(0x8000));
    let mut token = key(2, KeyKind::PersonalAccessToken);
    (token.workspace, token.operator) = (None, Some(operator));
    SetUp {
        operator,
        workspace: workspace(),
        keys: vec![key(1, KeyKind::ApiKey), token, key(3, KeyKind::PublishableKey)],
        account: account(0),
        devices: (0..5).map(device).collect(),
        events: Vec::new(),
    }
}
