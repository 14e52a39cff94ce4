//! The engine: hub sessions, one task per lock, waiters.
//!
//! [`Engine::begin`] accepts an attempt; its lock's task carries it out when its turn comes; the outcome appears in the
//! [`Ticket`] after it is on disk. Nothing here knows HTTP, SQL or a hub's protocol.

mod accounts;
mod census;
mod directory;
mod guard;
mod lock;
mod nodes;
mod observed;
mod recovery;
mod session;
mod shared;
mod spaces;
mod waiters;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{RwLockWriteGuard, oneshot};

use crate::accounts::{Account, AccountEdit, Provider};
use crate::attempts::Attempt;
use crate::change::{Change, IdempotencyClaim, OUT_OF_TURN, Reset};
use crate::commands::Command;
use crate::devices::{Device, Editable};
use crate::events::{Event, EventKind};
use crate::ids::{AccountId, AttemptId};
use crate::locks::{Refusal, Route, may_begin};
use crate::meter::{Meter, NoMeter};
use crate::nodes::Owner;
use crate::ports::{Clock, CommitError, Driver, Store, StoreError};
use crate::scope::Scope;
use crate::time::Moment;

use accounts::Accounts;
use lock::{Entry, Job, Message};
use shared::Shared;

pub use census::{Census, Standing};
pub use shared::EngineSettings;
pub use waiters::{OutcomeWatch, outcome_of};

/// An accepted attempt and where its outcome will appear.
#[derive(Debug)]
pub struct Ticket {
    /// The attempt, as it was when it was accepted.
    pub attempt: Attempt,
    /// Where its outcome appears.
    pub outcome: OutcomeWatch,
}

/// Why no attempt was begun. Nothing was written and nothing will move.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The device may not be commanded, now or by this caller.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many attempts wait for this lock: try again later.
    #[error("too many attempts are waiting for this lock")]
    Busy,
    /// The server stops and takes no attempts.
    #[error("the server is stopping")]
    Stopping,
    /// The idempotency key was used before.
    #[error("the idempotency key was used before")]
    Repeated,
    /// The database failed.
    #[error(transparent)]
    Store(StoreError),
}

/// The engine of one node.
pub struct Engine {
    shared: Arc<Shared>,
    accounts: Arc<Accounts>,
}

impl Engine {
    /// Starts a session for every connected account. Returns without waiting for any hub; see [`Engine::settled`].
    ///
    /// # Errors
    /// [`StoreError`] if what is needed for the start cannot be read.
    pub async fn start(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        drivers: HashMap<Provider, Arc<dyn Driver>>,
        settings: EngineSettings,
    ) -> Result<Self, StoreError> {
        Self::start_metered(store, clock, drivers, settings, Arc::new(NoMeter)).await
    }

    /// The same, with somebody who counts what the engine does.
    ///
    /// # Errors
    /// [`StoreError`] if what is needed for the start cannot be read.
    pub async fn start_metered(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        drivers: HashMap<Provider, Arc<dyn Driver>>,
        settings: EngineSettings,
        meter: Arc<dyn Meter>,
    ) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::new(store, clock, settings, meter));
        let accounts = Arc::new(Accounts::new(Arc::clone(&shared), drivers));
        if shared.store.nodes().is_some() {
            nodes::start(&accounts).await?;
        } else {
            for account in shared.store.accounts().await? {
                accounts.open(account).await?;
            }
        }
        Ok(Self { shared, accounts })
    }

    /// The engine of a server that does not run: it opens no session, and changes accounts as a running one does.
    #[must_use]
    pub fn at_rest(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let shared = Arc::new(Shared::new(store, clock, EngineSettings::default(), Arc::new(NoMeter)));
        let accounts = Arc::new(Accounts::at_rest(Arc::clone(&shared)));
        Self { shared, accounts }
    }

    /// Whether this is the engine of a server that does not run.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.accounts.at_rest
    }

    /// How much of everything there is at present.
    #[must_use]
    pub fn census(&self) -> Census {
        let mut census = Census { sessions: self.shared.standings.count(), ..Census::default() };
        self.accounts.directory.count(&mut census);
        census
    }

    /// Waits until each hub session has synced or failed for the first time, but not longer than `limit`.
    pub async fn settled(&self, limit: Duration) {
        self.await_settled(None, limit).await;
    }

    async fn await_settled(&self, only: Option<AccountId>, limit: Duration) {
        let until = self.shared.now().after(limit);
        for mut watch in self.accounts.settling(only).await {
            tokio::select! {
                biased;
                _ = watch.wait_for(|settled| *settled) => {}
                () = self.shared.clock.sleep_until(until) => return,
            }
        }
    }

    /// Accepts `command` for the device behind `route`. When this returns a ticket, the attempt is on disk.
    ///
    /// # Errors
    /// [`BeginError`]; no attempt exists then.
    pub async fn begin(
        &self,
        scope: &Scope,
        route: Option<&Route>,
        command: Command,
        claim: Option<IdempotencyClaim>,
    ) -> Result<Ticket, BeginError> {
        may_begin(scope, route, &command)?;
        let Some(route) = route else { return Err(Refusal::NotFound.into()) };
        if self.accounts.is_draining() {
            return Err(BeginError::Stopping);
        }
        let Some(handle) = self.accounts.directory.find(route.device) else {
            return self.leave(route, command, claim).await;
        };
        match handle.load.enter(self.shared.settings.queue_per_lock) {
            Entry::In => {}
            Entry::Full => return Err(BeginError::Busy),
            Entry::Closed => return self.leave(route, command, claim).await,
        }
        let accepted = self.shared.now();
        let (attempt, action) = (new_attempt(route, &command, accepted), command.action());
        let outcome = self.shared.waiters.announce(attempt.id);
        let (on_disk, durable) = oneshot::channel();
        let job = Box::new(Job { attempt: attempt.clone(), command: command.clone(), accepted, durable });
        if handle.mailbox.try_send(Message::Run(job)).is_err() {
            handle.load.leave();
            self.shared.waiters.forget(attempt.id);
            return Err(BeginError::Busy);
        }
        let shared = match handle.tenure {
            Some(node) => Arc::new(self.shared.under(node)),
            None => Arc::clone(&self.shared),
        };
        let (provider, meter) = (handle.provider, Arc::clone(&self.shared.meter));
        let accepted = move || {
            meter.accepted(provider, action);
            let _ = on_disk.send(());
        };
        let change = Change::AcceptAttempt { attempt: attempt.clone(), claim: claim.clone() };
        match self.accept(shared, attempt, change, outcome, accepted).await {
            // The lock drops what is not on disk in its turn, and takes this one from the database, behind the others.
            Err(NotAccepted::OutOfTurn) => self.leave(route, command, claim).await,
            Err(NotAccepted::Because(error)) => Err(error),
            Ok(ticket) => Ok(ticket),
        }
    }

    /// Accepts `command` for a lock that is not served here: another node's, or one that is being taken over just now. Its
    /// node takes the attempt from the database.
    async fn leave(
        &self,
        route: &Route,
        command: Command,
        claim: Option<IdempotencyClaim>,
    ) -> Result<Ticket, BeginError> {
        if self.shared.store.nodes().is_none() {
            return Err(BeginError::Busy);
        }
        let attempt = new_attempt(route, &command, self.shared.now());
        let outcome = self.shared.waiters.announce_elsewhere(attempt.id);
        let queue = self.shared.settings.queue_per_lock;
        let change = Change::AttemptLeft { attempt: attempt.clone(), command, claim, queue };
        match self.accept(Arc::clone(&self.shared), attempt, change, outcome, || {}).await {
            Err(NotAccepted::OutOfTurn) => Err(BeginError::Busy),
            Err(NotAccepted::Because(error)) => Err(error),
            Ok(ticket) => Ok(ticket),
        }
    }

    /// Commits the acceptance in a task of its own: a caller that goes away in the middle must not leave an attempt
    /// that is on disk and never runs.
    async fn accept(
        &self,
        shared: Arc<Shared>,
        attempt: Attempt,
        change: Change,
        outcome: OutcomeWatch,
        accepted: impl FnOnce() + Send + 'static,
    ) -> Result<Ticket, NotAccepted> {
        let id = attempt.id;
        let accepting = tokio::spawn(async move {
            match shared.commit(change).await {
                Ok(()) => {
                    if shared.store.nodes().is_some() {
                        shared.waiters.accepted(attempt.id);
                    }
                    accepted();
                    Ok(Ticket { attempt, outcome })
                }
                Err(error) => {
                    shared.waiters.forget(attempt.id);
                    Err(not_accepted(error))
                }
            }
        });
        match accepting.await {
            Ok(result) => result,
            Err(_) => {
                // The store panicked. Nobody will ever wake this attempt's waiter.
                self.shared.waiters.forget(id);
                Err(NotAccepted::Because(BeginError::Busy))
            }
        }
    }

    /// Where the outcome of an attempt that is pending in the database will appear; `None` if it has ended since.
    #[must_use]
    pub fn watch(&self, attempt: AttemptId) -> Option<OutcomeWatch> {
        let here = self.shared.waiters.watch(attempt);
        // One that has ended meanwhile is found out about at the next look.
        here.or_else(|| self.shared.store.nodes().map(|_| self.shared.waiters.await_elsewhere(attempt)))
    }

    /// Which node commands the hub of an account. What needs the memory of that node has to be asked there.
    ///
    /// # Errors
    /// [`StoreError`] if the hub is not served here and the database cannot be read.
    pub async fn owner_of(&self, account: AccountId) -> Result<Owner, StoreError> {
        match self.shared.store.nodes() {
            Some(nodes) if !self.accounts.serves(account).await => nodes.owner_of(account).await,
            _ => Ok(Owner::Here),
        }
    }

    /// Connects a new hub.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] (`"hub_key"`) if the workspace already has it.
    pub async fn add_account(&self, account: Account) -> Result<(), CommitError> {
        let accounts = Arc::clone(&self.accounts);
        whole(async move { accounts.add(account).await }).await
    }

    /// Opens the session of an account that was stored otherwise: with its workspace. A reset of the workspace may have
    /// done so, or have taken the account; then there is nothing to do.
    ///
    /// # Errors
    /// [`StoreError`] if its devices cannot be read; the next start opens it then.
    pub async fn open_account(&self, account: Account) -> Result<(), StoreError> {
        self.accounts.open_stored(account).await
    }

    /// Waits until the session of `account` has synced or failed for the first time, but not longer than `limit`.
    pub async fn account_settled(&self, account: AccountId, limit: Duration) {
        self.await_settled(Some(account), limit).await;
    }

    /// Ends the session of an account, then deletes it with its devices, and says how many went. The hardware is left as
    /// it is.
    ///
    /// # Errors
    /// [`CommitError`] if the deletion could not be stored; the account is served as before then.
    pub async fn remove_account(&self, account: &Account) -> Result<usize, CommitError> {
        let (accounts, account) = (Arc::clone(&self.accounts), account.clone());
        whole(async move { accounts.remove(account).await }).await
    }

    /// Changes what the API may change of an account. Whether new devices start managed counts for those found from now
    /// on.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] (`"account"`) if it is gone or belongs to another customer already.
    pub async fn edit_account(&self, account: AccountId, edit: AccountEdit) -> Result<(), CommitError> {
        let accounts = Arc::clone(&self.accounts);
        whole(async move { accounts.edit(account, edit).await }).await
    }

    /// Changes what the API may change of a device: its name, its metadata, whether it is managed.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] (`"device_edited"`) if somebody else changed it since `device` was read: read it and
    /// try again.
    pub async fn edit_device(&self, device: &Device, after: Editable) -> Result<(), CommitError> {
        let before = device.editable();
        let new_name = after.nickname.as_ref().unwrap_or(&device.about.name);
        let mut kinds = Vec::new();
        if before.nickname.as_ref().unwrap_or(&device.about.name) != new_name {
            kinds.push(EventKind::DeviceNameChanged { name: new_name.clone() });
        }
        if before.is_managed && !after.is_managed {
            kinds.push(EventKind::DeviceConvertedToUnmanaged);
        } else if !before.is_managed && after.is_managed {
            kinds.push(EventKind::DeviceConvertedToManaged);
        }
        let events = kinds.into_iter().map(|kind| self.device_event(device, kind)).collect();
        let (was_managed, is_managed, device) = (before.is_managed, after.is_managed, device.id);
        let accounts = Arc::clone(&self.accounts);
        whole(async move {
            accounts.shared.store.commit(Change::DeviceEdited { device, before, after, events }).await?;
            if is_managed != was_managed
                && let Some(handle) = accounts.directory.find(device)
            {
                let _ = handle.mailbox.send(Message::Managed(is_managed)).await;
            }
            Ok(())
        })
        .await
    }

    /// Ends everything of a device, then deletes its record. The hardware is left as it is: a hub that still knows the
    /// lock tells of it again, as of a new one.
    ///
    /// # Errors
    /// [`CommitError`] if the deletion could not be stored; the device is served as before then.
    pub async fn delete_device(&self, device: &Device) -> Result<(), CommitError> {
        let (accounts, device) = (Arc::clone(&self.accounts), device.clone());
        whole(async move { accounts.forget(&device).await }).await
    }

    /// Asks the hub of an account once more which locks it has, and those where their bolts are; a hub that is not
    /// connected is tried at once. Nothing is waited for.
    pub async fn sync_account(&self, account: AccountId) {
        self.accounts.sync(account).await;
    }

    /// Ends the hub sessions of a sandbox workspace and whatever runs in them, then brings it back to its start.
    ///
    /// # Errors
    /// [`CommitError`] if the reset could not be stored; everything is served as before then.
    pub async fn reset_workspace(&self, reset: Reset) -> Result<(), CommitError> {
        let accounts = Arc::clone(&self.accounts);
        whole(async move { accounts.reset(reset).await }).await
    }

    /// Held to change what is in spaces: what is in them is read, then changed, and no device comes into one or leaves it
    /// meanwhile.
    pub async fn changing_spaces(&self) -> RwLockWriteGuard<'_, ()> {
        self.shared.spaces.write().await
    }

    /// Waits until each lock of an account has dealt with what it was told before, but not longer than `limit`.
    ///
    /// # Errors
    /// [`StoreError`] if the devices cannot be read.
    pub async fn caught_up(&self, account: AccountId, limit: Duration) -> Result<(), StoreError> {
        let until = self.shared.now().after(limit);
        let mut pending = Vec::new();
        for device in self.shared.store.devices_of(account).await? {
            let Some(handle) = self.accounts.directory.find(device.id) else { continue };
            let (done, dealt_with) = oneshot::channel();
            let _ = handle.mailbox.send(Message::Ping(done)).await;
            pending.push(dealt_with);
        }
        for dealt_with in pending {
            tokio::select! {
                biased;
                _ = dealt_with => {}
                () = self.shared.clock.sleep_until(until) => break,
            }
        }
        Ok(())
    }

    /// Takes no new attempts and waits until the running ones have ended, at most for a deadline's length. Accounts where
    /// nothing runs go to other nodes meanwhile.
    pub async fn drain(&self) {
        self.accounts.begin_drain();
        nodes::leave(&self.accounts).await;
        let until = self.shared.now().after(self.shared.settings.deadline);
        while self.shared.waiters.count() > 0 && !self.shared.now().reached(until) {
            self.shared.clock.sleep_until(self.shared.now().after(Duration::from_millis(20))).await;
        }
        nodes::release_idle(&self.accounts, usize::MAX).await;
    }

    fn device_event(&self, device: &Device, kind: EventKind) -> Event {
        Event {
            id: self.shared.next_event(),
            workspace: device.workspace,
            account: Some(device.account),
            device: Some(device.id),
            occurred_at: self.shared.now().wall,
            kind,
        }
    }
}

/// Runs something to its end, in a task of its own: a caller that goes away in the middle must not leave half of it.
async fn whole<T: Send + 'static>(
    work: impl Future<Output = Result<T, CommitError>> + Send + 'static,
) -> Result<T, CommitError> {
    // A task that panicked has stored nothing that it had not answered.
    tokio::spawn(work).await.unwrap_or(Err(CommitError::Busy))
}

fn new_attempt(route: &Route, command: &Command, accepted: Moment) -> Attempt {
    Attempt {
        id: AttemptId::new_at(accepted.wall),
        workspace: route.workspace,
        account: Some(route.account),
        device: Some(route.device),
        action: command.action(),
        created_at: accepted.wall,
        outcome: None,
    }
}

/// Why an acceptance was not committed.
enum NotAccepted {
    /// Others for the same lock wait to be taken, and the lock may be gone too.
    OutOfTurn,
    /// That is what the caller is told.
    Because(BeginError),
}

fn not_accepted(error: CommitError) -> NotAccepted {
    NotAccepted::Because(match error {
        CommitError::Conflict(OUT_OF_TURN) => return NotAccepted::OutOfTurn,
        CommitError::Conflict("queue") => BeginError::Busy,
        CommitError::Conflict("idempotency_key") => BeginError::Repeated,
        CommitError::Conflict(_) => Refusal::NotFound.into(),
        CommitError::Busy | CommitError::LeaseLost => BeginError::Busy,
        CommitError::Store(error) => BeginError::Store(error),
    })
}
