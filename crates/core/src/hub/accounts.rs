//! The connected accounts of a node: their sessions, opened and closed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, RwLock, oneshot};

use super::directory::Directory;
use super::recovery::Recovery;
use super::session::{self, Order, SessionHandle};
use super::shared::Shared;
use crate::accounts::{Account, AccountEdit, Provider};
use crate::attempts::Attempt;
use crate::change::{Change, Reset};
use crate::devices::Device;
use crate::events::{Event, EventKind};
use crate::evidence::End;
use crate::ids::{AccountId, DeviceId, NodeId, WorkspaceId};
use crate::ports::{CommitError, Driver, Nodes, StoreError};
use crate::spaces::Turnover;

/// Between two tries to open a session again whose account could not be deleted.
const REOPEN_PAUSE: Duration = Duration::from_secs(1);

/// The accounts of one node.
pub(crate) struct Accounts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) directory: Arc<Directory>,
    drivers: HashMap<Provider, Arc<dyn Driver>>,
    sessions: Mutex<HashMap<AccountId, SessionHandle>>,
    /// Held to make or delete accounts; alone, to reset a workspace: nothing may appear in it meanwhile.
    changing: RwLock<()>,
    draining: AtomicBool,
    /// Whether no session is ever opened: the server does not run.
    pub(super) at_rest: bool,
}

impl Accounts {
    pub(crate) fn new(shared: Arc<Shared>, drivers: HashMap<Provider, Arc<dyn Driver>>) -> Self {
        Self {
            shared,
            directory: Arc::default(),
            drivers,
            sessions: Mutex::default(),
            changing: RwLock::default(),
            draining: AtomicBool::new(false),
            at_rest: false,
        }
    }

    /// The accounts of a server that does not run.
    pub(crate) fn at_rest(shared: Arc<Shared>) -> Self {
        Self { at_rest: true, ..Self::new(shared, HashMap::new()) }
    }

    /// Makes an account and opens its session.
    pub(crate) async fn add(&self, account: Account) -> Result<(), CommitError> {
        let _shared = self.changing.read().await;
        let created = Change::AccountCreated { account: Box::new(account.clone()), events: Vec::new() };
        self.shared.store.commit(created).await?;
        Ok(self.take(account).await?)
    }

    /// Opens the session of an account that was stored with its workspace, unless a reset of that came first: it has
    /// opened the account itself, or taken it.
    pub(crate) async fn open_stored(&self, account: Account) -> Result<(), StoreError> {
        let _shared = self.changing.read().await;
        if self.sessions.lock().await.contains_key(&account.id) {
            return Ok(());
        }
        let is_stored = self.shared.store.accounts().await?.iter().any(|stored| stored.id == account.id);
        if is_stored { self.take(account).await } else { Ok(()) }
    }

    /// Opens the session of an account, if this node is the one to command its hub.
    async fn take(&self, account: Account) -> Result<(), StoreError> {
        let Some((nodes, node)) = self.node().filter(|_| !self.at_rest) else { return self.open(account).await };
        for account in nodes.take(node, Some(vec![account.id])).await?.accounts {
            self.open_as(account, Arc::new(self.shared.under(node))).await?;
        }
        Ok(())
    }

    /// The nodes of this database, and who this one is at present.
    pub(crate) fn node(&self) -> Option<(&dyn Nodes, NodeId)> {
        self.shared.store.nodes().map(|nodes| (nodes, *nodes.node().borrow()))
    }

    /// What this node serves with at present.
    fn current(&self) -> Arc<Shared> {
        self.node().map_or_else(|| Arc::clone(&self.shared), |(_, node)| Arc::new(self.shared.under(node)))
    }

    /// Takes no more attempts.
    pub(crate) fn begin_drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether it takes no more attempts.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Opens the session of an account. Returns without waiting for its hub.
    pub(crate) async fn open(&self, account: Account) -> Result<(), StoreError> {
        self.open_as(account, self.current()).await
    }

    /// The same with what it is to serve with.
    pub(crate) async fn open_as(&self, account: Account, shared: Arc<Shared>) -> Result<(), StoreError> {
        if self.at_rest {
            return Ok(());
        }
        let Some(driver) = self.drivers.get(&account.provider) else {
            tracing::warn!(account.id = %account.id, "no driver for this account's provider");
            return Ok(());
        };
        let devices = self.shared.store.devices_of(account.id).await?;
        let leftovers = self.shared.store.unfinished_attempts(account.id).await?;
        let mut sessions = self.sessions.lock().await;
        if sessions
            .get(&account.id)
            .is_some_and(|session| session.tenure == shared.tenure && !session.orders.is_closed())
        {
            return Ok(());
        }
        let id = account.id;
        let session =
            session::spawn(shared, Arc::clone(&self.directory), Arc::clone(driver), account, devices, leftovers);
        sessions.insert(id, session);
        Ok(())
    }

    /// Whether the hub of an account has its session here.
    pub(crate) async fn serves(&self, account: AccountId) -> bool {
        let node = self.node().map(|(_, node)| node);
        self.sessions.lock().await.get(&account).is_some_and(|session| session.tenure == node)
    }

    /// Ends the sessions that do not serve for `node`, or of which `is_own` says that they are none of its accounts, as they
    /// stand, and gives the accounts that have one.
    pub(crate) async fn keep_only(&self, node: NodeId, is_own: impl Fn(AccountId) -> bool) -> HashSet<AccountId> {
        let mut sessions = self.sessions.lock().await;
        sessions
            .retain(|account, session| session.tenure == Some(node) && !session.orders.is_closed() && is_own(*account));
        self.directory.keep_only(node);
        sessions.keys().copied().collect()
    }

    /// Ends the session of an account for another node to go on, unless an attempt is in a queue or runs.
    pub(crate) async fn leave(&self, account: AccountId) -> bool {
        let orders = self.sessions.lock().await.get(&account).map(|session| session.orders.clone());
        let Some(orders) = orders else { return false };
        let (done, left) = oneshot::channel();
        if orders.send(Order::Leave(done)).await.is_err() || left.await != Ok(true) {
            return false;
        }
        self.sessions.lock().await.remove(&account);
        true
    }

    /// Where each session says that it has synced or failed for the first time; of one account, or of all.
    pub(crate) async fn settling(&self, only: Option<AccountId>) -> Vec<tokio::sync::watch::Receiver<bool>> {
        let sessions = self.sessions.lock().await;
        let wanted = sessions.iter().filter(|(id, _)| only.is_none_or(|only| only == **id));
        wanted.map(|(_, session)| session.settled.clone()).collect()
    }

    /// Ends the session of an account, then deletes it with its devices. If that cannot be stored, the session is
    /// opened again: an account that is there must be listened to. Says how many devices went.
    pub(crate) async fn remove(&self, account: Account) -> Result<usize, CommitError> {
        let _shared = self.changing.read().await;
        // A store that cannot be read is found out about before the session is closed.
        self.shared.store.devices_of(account.id).await?;
        self.close(account.id).await;
        let result = self.delete(&account).await;
        if matches!(result, Err(CommitError::Busy | CommitError::LeaseLost | CommitError::Store(_))) {
            self.retake(account).await;
        } else {
            self.forgotten(&account);
        }
        result
    }

    /// Deletes an account that has no session: its devices stay as they are meanwhile. Says how many went.
    async fn delete(&self, account: &Account) -> Result<usize, CommitError> {
        if self.at_rest {
            self.end_leftovers(account).await?;
        }
        let devices = self.shared.store.devices_of(account.id).await?;
        let event = |device: Option<DeviceId>, kind| self.event(account.workspace, account.id, device, kind);
        let gone: Vec<Event> = devices.iter().map(|device| event(Some(device.id), deleted(device))).collect();
        let last = event(None, EventKind::AccountDeleted);
        let change = |told: Vec<Event>| {
            let events = gone.iter().cloned().chain(told).chain([last.clone()]).collect();
            Change::AccountDeleted { account: account.id, events }
        };
        let turnover = Turnover::Gone(devices.iter().map(|device| device.id).collect());
        let waiting = |attempt: &Attempt| attempt.account == Some(account.id);
        let (shared, deleting) = (self.current(), || self.shared.commit_turnover(account.id, &turnover, &change));
        shared.emptied(waiting, "pending_attempts", deleting).await?;
        Ok(devices.len())
    }

    /// Ends what a server that stopped in the middle left unfinished: without a session nobody else does.
    async fn end_leftovers(&self, account: &Account) -> Result<(), CommitError> {
        if let Some((nodes, node)) = self.node() {
            // So that what waits for a node to take it is this one's to end.
            nodes.take(node, Some(vec![account.id])).await?;
        }
        let now = self.shared.now();
        let leftovers = Recovery::of(self.shared.store.unfinished_attempts(account.id).await?, now, now);
        for (attempt, record, End { outcome, rule }) in leftovers.into_iter().flat_map(|leftovers| leftovers.ends(None))
        {
            let (id, evidence) = (attempt.id, record.ended(now, rule));
            let ended = EventKind::of_end(id, attempt.action, outcome.succeeded());
            let event = |kind| self.event(account.workspace, account.id, attempt.device, kind);
            let events = ended.map(event).into_iter().collect();
            let change = Change::FinishAttempt {
                attempt: id,
                outcome,
                ended_at: now.wall,
                evidence,
                is_awaited_elsewhere: false,
                state: None,
                events,
            };
            self.shared.store.commit(change).await?;
        }
        Ok(())
    }

    fn forgotten(&self, account: &Account) {
        if let Some(driver) = self.drivers.get(&account.provider) {
            driver.forget(account.id);
        }
    }

    /// Changes what the API may change of an account.
    pub(crate) async fn edit(&self, account: AccountId, edit: AccountEdit) -> Result<(), CommitError> {
        // Held over the commit, so that of two edits the later one is the one that stays in force.
        let sessions = self.sessions.lock().await;
        let manages = edit.manages_new_devices;
        self.shared.store.commit(Change::AccountEdited { account, edit }).await?;
        if let (Some(manages), Some(session)) = (manages, sessions.get(&account)) {
            session.manages_new_devices.store(manages, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Deletes the record of one device.
    pub(crate) async fn forget(&self, device: &Device) -> Result<(), CommitError> {
        let _shared = self.changing.read().await;
        let event = self.event(device.workspace, device.account, Some(device.id), deleted(device));
        let (done, forgotten) = oneshot::channel();
        self.tell(device.account, Order::Forget(device.id, event, done)).await;
        // A session that is gone has taken its devices with it.
        forgotten.await.unwrap_or(Err(CommitError::Conflict("device")))
    }

    /// Asks a hub once more which locks it has. Nothing is waited for.
    pub(crate) async fn sync(&self, account: AccountId) {
        self.tell(account, Order::Sync).await;
    }

    async fn tell(&self, account: AccountId, order: Order) {
        let orders = self.sessions.lock().await.get(&account).map(|session| session.orders.clone());
        if let Some(orders) = orders {
            let _ = orders.send(order).await;
        }
    }

    /// Ends the sessions of a workspace, then brings it back to its start. If that cannot be stored, the sessions are
    /// opened again.
    pub(crate) async fn reset(&self, reset: Reset) -> Result<(), CommitError> {
        let _alone = self.changing.write().await;
        let all = self.shared.store.accounts().await?;
        let before: Vec<Account> =
            all.into_iter().filter(|account| account.workspace == reset.attempt.workspace).collect();
        for account in &before {
            self.close(account.id).await;
        }
        let fresh = reset.account.clone();
        let result = self.shared.store.commit(Change::WorkspaceReset(Box::new(reset))).await;
        if result.is_ok() {
            before.iter().for_each(|account| self.forgotten(account));
        }
        let open = if result.is_ok() { fresh.into_iter().collect() } else { before };
        for account in open {
            self.retake(account).await;
        }
        result
    }

    async fn close(&self, account: AccountId) {
        let session = self.sessions.lock().await.remove(&account);
        let Some(session) = session else { return };
        let (done, stopped) = oneshot::channel();
        if session.orders.send(Order::Stop(done)).await.is_ok() {
            let _ = stopped.await;
        }
    }

    async fn retake(&self, account: Account) {
        while let Err(error) = self.take(account.clone()).await {
            tracing::error!(account.id = %account.id, %error, "an account could not be opened again; trying again");
            self.shared.clock.sleep_until(self.shared.now().after(REOPEN_PAUSE)).await;
        }
    }

    fn event(&self, workspace: WorkspaceId, account: AccountId, device: Option<DeviceId>, kind: EventKind) -> Event {
        Event {
            id: self.shared.next_event(),
            workspace,
            account: Some(account),
            device,
            occurred_at: self.shared.now().wall,
            kind,
        }
    }
}

fn deleted(device: &Device) -> EventKind {
    EventKind::DeviceDeleted { name: device.nickname.clone().unwrap_or_else(|| device.about.name.clone()) }
}
