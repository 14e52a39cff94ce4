//! What every handler holds: the store, the engine, the settings. Cheap to clone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use thumbturn_api::Limit;
use thumbturn_core::hub::Engine;
use thumbturn_core::ids::{DeviceId, NodeId, WorkspaceId};
use thumbturn_core::ports::{Clock, StoreError};
use thumbturn_drivers::sandbox::SandboxHubs;
use thumbturn_store::Store;
use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::config::ResetTo;
use crate::http::cors::Origins;
use crate::http::documents::Documents;
use crate::http::idempotency::Running;
use crate::http::routes::Routes;
use crate::hubs::Hubs;
use crate::limits::ActionLimits;
use crate::metrics::Metrics;
use crate::room::Room;
use crate::webhooks::Webhooks;

/// Most items that one page holds, whatever was asked for; the contract's largest default is 22,900.
pub(crate) const LARGEST_PAGE: usize = 25_000;

/// The application behind the HTTP layer.
#[derive(Clone)]
pub struct App(Arc<State>);

/// What an application is made of.
pub struct Parts {
    /// Where things are kept.
    pub store: Store,
    /// The engine.
    pub engine: Engine,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The virtual locks.
    pub sandbox: SandboxHubs,
    /// How long an action's answer waits for the outcome.
    pub hold: Duration,
    /// How often a lock may be commanded.
    pub limits: ActionLimits,
    /// Who may call from a browser.
    pub origins: Origins,
    /// Base of the URLs that are handed out, without a slash at the end.
    pub public_url: String,
    /// What a reset of a sandbox workspace leaves there.
    pub reset_to: ResetTo,
    /// The endpoints.
    pub routes: Routes,
    /// What the API says of itself.
    pub documents: Documents,
    /// How many requests may be answered at the same time.
    pub concurrent_requests: usize,
    /// How many clients may follow events at the same time.
    pub event_streams: usize,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whether `/metrics` is served beside the API.
    pub shows_metrics: bool,
    /// Who delivers events to webhooks.
    pub webhooks: Webhooks,
}

struct State {
    parts: Parts,
    sandboxes: RwLock<HashMap<WorkspaceId, bool>>,
    running: Running,
    changing_sessions: Mutex<()>,
    changing_workspaces: Mutex<()>,
    changing_identities: Mutex<()>,
    changing_devices: [Mutex<()>; 64],
    admission: Arc<Semaphore>,
    followers: Arc<Semaphore>,
    room: Room,
    draining: AtomicBool,
    drained: CancellationToken,
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let admission = Arc::new(Semaphore::new(parts.concurrent_requests));
        let followers = Arc::new(Semaphore::new(parts.event_streams));
        let state = State {
            parts,
            sandboxes: RwLock::default(),
            running: Running::default(),
            changing_sessions: Mutex::default(),
            changing_workspaces: Mutex::default(),
            changing_identities: Mutex::default(),
            changing_devices: std::array::from_fn(|_| Mutex::default()),
            admission,
            followers,
            room: Room::default(),
            draining: AtomicBool::new(false),
            drained: CancellationToken::new(),
        };
        Self(Arc::new(state))
    }

    /// Where things are kept.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.parts.store
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.0.parts.engine
    }

    /// Which node of its database this process is; `None` where there can be no other.
    #[must_use]
    pub fn node(&self) -> Option<NodeId> {
        thumbturn_core::ports::Store::nodes(self.store()).map(|nodes| *nodes.node().borrow())
    }

    /// The virtual locks.
    #[must_use]
    pub fn sandbox(&self) -> &SandboxHubs {
        &self.0.parts.sandbox
    }

    /// Where hubs are connected and forgotten.
    #[must_use]
    pub fn hubs(&self) -> Hubs<'_> {
        Hubs { store: self.store(), engine: self.engine(), now: self.now() }
    }

    /// How often a lock may be commanded.
    #[must_use]
    pub fn limits(&self) -> &ActionLimits {
        &self.0.parts.limits
    }

    /// Who may call from a browser.
    #[must_use]
    pub fn origins(&self) -> &Origins {
        &self.0.parts.origins
    }

    /// The endpoints.
    #[must_use]
    pub fn routes(&self) -> &Routes {
        &self.0.parts.routes
    }

    /// How long an action's answer waits for the outcome.
    #[must_use]
    pub fn hold(&self) -> Duration {
        self.0.parts.hold
    }

    /// Base of the URLs that are handed out.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.0.parts.public_url
    }

    /// What a reset of a sandbox workspace leaves there.
    #[must_use]
    pub fn reset_to(&self) -> ResetTo {
        self.0.parts.reset_to
    }

    /// What the API says of itself.
    #[must_use]
    pub fn documents(&self) -> &Documents {
        &self.0.parts.documents
    }

    /// Wall-clock time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.parts.clock.now().wall
    }

    /// How many items a page holds.
    #[must_use]
    pub fn page_limit(&self, asked: Limit) -> usize {
        usize::try_from(asked.get()).unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE)
    }

    /// A place among the requests that are being answered; `None` if there is none left.
    #[must_use]
    pub fn admit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.admission).try_acquire_owned().ok()
    }

    /// A seat among the clients that follow events; `None` if there is none left.
    #[must_use]
    pub fn follow(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.followers).try_acquire_owned().ok()
    }

    /// How many clients follow events.
    #[must_use]
    pub fn followers(&self) -> u64 {
        let free = self.0.followers.available_permits();
        u64::try_from(self.0.parts.event_streams.saturating_sub(free)).unwrap_or(u64::MAX)
    }

    /// What is counted.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.0.parts.metrics
    }

    /// Whether `/metrics` is served beside the API.
    #[must_use]
    pub fn shows_metrics(&self) -> bool {
        self.0.parts.shows_metrics
    }

    /// How many requests are being answered.
    #[must_use]
    pub fn running_requests(&self) -> u64 {
        let free = self.0.admission.available_permits();
        u64::try_from(self.0.parts.concurrent_requests.saturating_sub(free)).unwrap_or(u64::MAX)
    }

    /// Who delivers events to webhooks.
    #[must_use]
    pub fn webhooks(&self) -> &Webhooks {
        &self.0.parts.webhooks
    }

    /// Room for what is large.
    pub(crate) fn room(&self) -> &Room {
        &self.0.room
    }

    /// The calls under an idempotency key that run at present.
    pub(crate) fn running(&self) -> &Running {
        &self.0.running
    }

    /// Only one client session that exists is changed at a time: it is read, then written as a whole.
    pub(crate) async fn changing_sessions(&self) -> MutexGuard<'_, ()> {
        self.0.changing_sessions.lock().await
    }

    /// Only one workspace is changed at a time: it is read, then written as a whole.
    pub(crate) async fn changing_workspaces(&self) -> MutexGuard<'_, ()> {
        self.0.changing_workspaces.lock().await
    }

    /// Only one user identity that exists is changed at a time: it is read, then written as a whole.
    pub(crate) async fn changing_identities(&self) -> MutexGuard<'_, ()> {
        self.0.changing_identities.lock().await
    }

    /// Only one edit of a device runs at a time: it is read, then written as a whole.
    pub(crate) async fn changing_device(&self, device: DeviceId) -> MutexGuard<'_, ()> {
        let places = &self.0.changing_devices;
        let place = usize::from(device.0.as_bytes()[15]) % places.len();
        places[place].lock().await
    }

    /// Whether the workspace is a sandbox. That never changes, so it is asked once.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn is_sandbox(&self, workspace: WorkspaceId) -> Result<bool, StoreError> {
        let known = self.0.sandboxes.read().unwrap_or_else(PoisonError::into_inner).get(&workspace).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let Some(found) = self.store().workspace(workspace).await? else { return Ok(false) };
        self.0.sandboxes.write().unwrap_or_else(PoisonError::into_inner).insert(workspace, found.is_sandbox);
        Ok(found.is_sandbox)
    }

    /// Takes no new attempts and waits for the running ones.
    pub async fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
        self.engine().drain().await;
        self.0.drained.cancel();
    }

    /// Returns once no attempt runs any more and none will: nothing happens here that could be told of.
    pub async fn drained(&self) {
        self.0.drained.cancelled().await;
    }

    /// Whether that is so already.
    #[must_use]
    pub fn has_drained(&self) -> bool {
        self.0.drained.is_cancelled()
    }

    /// Whether the server is on its way out.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }
}
