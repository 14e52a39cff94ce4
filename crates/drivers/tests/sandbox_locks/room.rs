//! A room for the driver: a clock that the test turns, an account, and an ear for signals.

use std::sync::Arc;
use std::time::Duration;

use thumbturn_core::accounts::{Account, LinkState, Provider};
use thumbturn_core::devices::{Device, DeviceState};
use thumbturn_core::ids::{AccountId, DeviceId, NativeId, WorkspaceId};
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::{Clock, ConnectError, Driver, Gate, Later, Link, NotWritten, Order, ReadId, Signal};
use thumbturn_core::time::Moment;
use thumbturn_drivers::sandbox::{Pace, SandboxDriver, SandboxHubs, fixture};
use tokio::sync::{mpsc, watch};

use crate::bench::{attempt, moment};

/// A clock that stands still until it is turned.
pub(crate) struct HandClock(watch::Sender<Moment>);

impl HandClock {
    pub(crate) fn turn_to(&self, ms: u64) {
        self.0.send_replace(moment(ms));
    }
}

impl Clock for HandClock {
    fn now(&self) -> Moment {
        *self.0.borrow()
    }

    fn sleep_until(&self, moment: Moment) -> Later<'_, ()> {
        let mut now = self.0.subscribe();
        Box::pin(async move {
            now.wait_for(|now| now.reached(moment)).await.unwrap();
        })
    }
}

pub(crate) struct Room {
    pub(crate) clock: Arc<HandClock>,
    pub(crate) driver: SandboxDriver,
    pub(crate) account: Account,
}

pub(crate) struct Talk {
    pub(crate) link: Arc<dyn Link>,
    pub(crate) signals: mpsc::Receiver<Signal>,
    clock: Arc<HandClock>,
}

pub(crate) fn front_door() -> NativeId {
    fixture(0).native
}

impl Room {
    pub(crate) fn new(pace: Pace, config: &str) -> Self {
        let clock = Arc::new(HandClock(watch::Sender::new(moment(0))));
        let driver = SandboxDriver::new(Arc::clone(&clock) as Arc<dyn Clock>, pace);
        Self { clock, driver, account: account(config) }
    }

    pub(crate) fn hubs(&self) -> SandboxHubs {
        self.driver.hubs()
    }

    /// Connects, with a channel of that capacity; nothing is listened to yet.
    pub(crate) async fn connect(&self, known: &[Device], capacity: usize) -> Result<Talk, ConnectError> {
        let (sender, signals) = mpsc::channel(capacity);
        let link = self.driver.connect(&self.account, known, sender).await?;
        Ok(Talk { link, signals, clock: Arc::clone(&self.clock) })
    }

    /// Connects and listens until the hub has described itself.
    pub(crate) async fn settle(&self, known: &[Device]) -> (Talk, Vec<Signal>) {
        let mut talk = self.connect(known, 1_024).await.unwrap();
        let mut greeting = Vec::new();
        loop {
            match talk.hear().await {
                Signal::Synced => return (talk, greeting),
                signal => greeting.push(signal),
            }
        }
    }
}

impl Talk {
    pub(crate) async fn hear(&mut self) -> Signal {
        tokio::time::timeout(Duration::from_secs(10), self.signals.recv()).await.expect("silence").expect("hung up")
    }

    pub(crate) fn hears_nothing(&mut self) -> bool {
        matches!(self.signals.try_recv(), Err(mpsc::error::TryRecvError::Empty))
    }

    pub(crate) async fn order(&self, number: u64, wanted: Bolt, send_by_ms: u64) -> Result<(), NotWritten> {
        let order = Order { attempt: attempt(number), lock: front_door(), command: wanted.into() };
        self.link.carry_out(order, Gate::new(self.clock.as_ref(), moment(send_by_ms))).await
    }

    pub(crate) async fn ask(&self, read: u64) -> Result<(), NotWritten> {
        self.link.ask(&front_door(), ReadId(read)).await
    }
}

pub(crate) fn account(config: &str) -> Account {
    let nil = AccountId(Default::default()).0;
    Account {
        id: AccountId::derived(nil, "account"),
        workspace: WorkspaceId::derived(nil, "workspace"),
        provider: Provider::Sandbox,
        display_name: "Sandbox".to_owned(),
        hub_key: "sandbox".to_owned(),
        config: config.to_owned(),
        custom_metadata: "{}".to_owned(),
        customer_key: None,
        manages_new_devices: true,
        link: LinkState::Connecting,
        first_sync_done: false,
        created_at: moment(0).wall,
    }
}

/// A device of an earlier session.
pub(crate) fn device(number: usize, state: DeviceState) -> Device {
    let account = account("{}");
    Device {
        id: DeviceId::derived(account.id.0, &number.to_string()),
        workspace: account.workspace,
        account: account.id,
        provider: Provider::Sandbox,
        about: fixture(number).about(),
        nickname: None,
        custom_metadata: "{}".to_owned(),
        is_managed: true,
        time_zone: None,
        state,
        created_at: moment(0).wall,
    }
}
