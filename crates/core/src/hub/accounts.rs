//! The connected accounts of a node: their sessions, opened and closed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{Mutex, oneshot};

use super::directory::Directory;
use super::session::{self, Order, SessionHandle};
use super::shared::Shared;
use crate::accounts::{Account, AccountEdit, Provider};
use crate::change::Change;
use crate::devices::Device;
use crate::events::{Event, EventKind};
use crate::ids::{AccountId, DeviceId};
use crate::ports::{CommitError, Driver, StoreError};

/// Between two tries to open a session again whose account could not be deleted.
const REOPEN_PAUSE: Duration = Duration::from_secs(1);

/// The accounts of one node.
pub(crate) struct Accounts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) directory: Arc<Directory>,
    drivers: HashMap<Provider, Arc<dyn Driver>>,
    sessions: Mutex<HashMap<AccountId, SessionHandle>>,
}

impl Accounts {
    pub(crate) fn new(shared: Arc<Shared>, drivers: HashMap<Provider, Arc<dyn Driver>>) -> Self {
        Self { shared, directory: Arc::new(Directory::default()), drivers, sessions: Mutex::new(HashMap::new()) }
    }

    /// Opens the session of an account. Returns without waiting for its hub.
    pub(crate) async fn open(&self, account: Account) -> Result<(), StoreError> {
        let Some(driver) = self.drivers.get(&account.provider) else {
            tracing::warn!(account.id = %account.id, "no driver for this account's provider");
            return Ok(());
        };
        let devices = self.shared.store.devices_of(account.id).await?;
        let leftovers = self.shared.store.unfinished_attempts(account.id).await?;
        let id = account.id;
        let session = session::spawn(
            Arc::clone(&self.shared),
            Arc::clone(&self.directory),
            Arc::clone(driver),
            account,
            devices,
            leftovers,
        );
        self.sessions.lock().await.insert(id, session);
        Ok(())
    }

    /// Where each session says that it has synced or failed for the first time; of one account, or of all.
    pub(crate) async fn settling(&self, only: Option<AccountId>) -> Vec<tokio::sync::watch::Receiver<bool>> {
        let sessions = self.sessions.lock().await;
        let wanted = sessions.iter().filter(|(id, _)| only.is_none_or(|only| only == **id));
        wanted.map(|(_, session)| session.settled.clone()).collect()
    }

    /// Ends the session of an account, then deletes it with its devices. If that cannot be stored, the session is
    /// opened again: an account that is there must be listened to.
    pub(crate) async fn remove(&self, account: Account) -> Result<(), CommitError> {
        let devices = self.shared.store.devices_of(account.id).await?;
        self.close(account.id).await;
        let mut events: Vec<Event> =
            devices.iter().map(|device| self.event(&account, Some(device.id), deleted(device))).collect();
        events.push(self.event(&account, None, EventKind::AccountDeleted));
        let change = Change::AccountDeleted { account: account.id, events };
        let result = self.shared.store.commit(change).await;
        if matches!(result, Err(CommitError::Busy | CommitError::Store(_))) {
            self.reopen(account).await;
        }
        result
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

    async fn close(&self, account: AccountId) {
        let session = self.sessions.lock().await.remove(&account);
        let Some(session) = session else { return };
        let (done, stopped) = oneshot::channel();
        if session.orders.send(Order::Stop(done)).await.is_ok() {
            let _ = stopped.await;
        }
    }

    async fn reopen(&self, account: Account) {
        while let Err(error) = self.open(account.clone()).await {
            tracing::error!(account.id = %account.id, %error, "an account could not be opened again; trying again");
            self.shared.clock.sleep_until(self.shared.now().after(REOPEN_PAUSE)).await;
        }
    }

    fn event(&self, account: &Account, device: Option<DeviceId>, kind: EventKind) -> Event {
        Event {
            id: self.shared.next_event(),
            workspace: account.workspace,
            account: Some(account.id),
            device,
            occurred_at: self.shared.now().wall,
            kind,
        }
    }
}

fn deleted(device: &Device) -> EventKind {
    EventKind::DeviceDeleted { name: device.nickname.clone().unwrap_or_else(|| device.about.name.clone()) }
}
