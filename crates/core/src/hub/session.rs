//! One supervised task per connected account: connects, reconnects with a growing, jittered pause, passes on what the
//! hub says to the locks' tasks, and reads the locks back after each reconnection. A dead hub delays no other hub.

mod found;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::census::{Standing, Stands};
use super::directory::Directory;
use super::guard::guarded;
use super::lock::{self, LockHandle, Message};
use super::shared::Shared;
use crate::accounts::{Account, LinkState, LinkTrouble};
use crate::attempts::Attempt;
use crate::change::Change;
use crate::devices::{About, Device, OfflineBecause, Reach};
use crate::events::{Event, EventKind};
use crate::ids::{DeviceId, NativeId, NodeId};
use crate::locks::{Reachability, Traits};
use crate::ports::{CONNECT_LIMIT, Clock, CommitError, ConnectError, Driver, Link, Signal};
use crate::spaces::Turnover;
use crate::time::Moment;

/// Signals of one hub that may wait, and that are taken in at one go; a driver that is faster than that waits itself.
const SIGNALS: usize = 1024;

/// Signals that are kept while the connection is still being made; a driver that says more waits.
const EARLY: usize = 65_536;

/// First and longest pause between connection attempts.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// The pause after refused credentials: only a person can change that.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);

/// What a session's task can be told.
pub(crate) enum Order {
    /// End everything of this account and then say so.
    Stop(oneshot::Sender<()>),
    /// End everything of this account as it stands, for another node to go on, unless an attempt is in a queue or runs.
    /// Then say whether.
    Leave(oneshot::Sender<bool>),
    /// Ask the hub once more which locks it has, and where their bolts are.
    Sync,
    /// End everything of this device and delete its record, with what is told about it.
    Forget(DeviceId, Event, oneshot::Sender<Result<(), CommitError>>),
}

/// The way to a session's task.
pub(crate) struct SessionHandle {
    pub(crate) orders: mpsc::Sender<Order>,
    /// The node that it serves for.
    pub(crate) tenure: Option<NodeId>,
    /// Whether devices found from now on start managed.
    pub(crate) manages_new_devices: Arc<AtomicBool>,
    /// Becomes true once the first connection attempt has succeeded (and synced) or failed.
    pub(crate) settled: tokio::sync::watch::Receiver<bool>,
}

pub(crate) struct Session {
    shared: Arc<Shared>,
    directory: Arc<Directory>,
    driver: Arc<dyn Driver>,
    account: Account,
    manages_new_devices: Arc<AtomicBool>,
    locks: BTreeMap<NativeId, Known>,
    /// Locks whose records were deleted and of which the hub has not yet spoken its last word.
    let_go: BTreeSet<NativeId>,
    resync: VecDeque<DeviceId>,
    settled: tokio::sync::watch::Sender<bool>,
    reconnection: bool,
    stands: Stands,
    pause: Duration,
    /// Whether this connection is one that is told of.
    is_news: bool,
}

struct Known {
    /// As it was first seen, with what the hub last said of it. Its state is known to its task alone.
    device: Device,
    handle: LockHandle,
    /// How it behaves, as the hub last described it.
    traits: Option<Traits>,
    /// Whether the hub last called it reachable, or worth a try.
    in_reach: bool,
}

enum Ended {
    Lost(ConnectError),
    /// The account is being deleted.
    Stopped(oneshot::Sender<()>),
    /// The engine is gone, or another node has the account. What is unfinished stays so, for the next owner to settle.
    Abandoned,
}

/// How long the story of a sync waits for the stories of its locks.
const AWAIT_LIMIT: Duration = Duration::from_secs(1);

/// Traits of a lock before its driver has described it in this session: nothing can be written then anyway.
const UNDESCRIBED: Traits = Traits {
    reports: true,
    readable: true,
    tags: false,
    margin: Duration::from_secs(1),
    settle: Duration::from_secs(5),
    settle_unchanged: Duration::from_secs(1),
};

/// Starts the session of `account` with the devices of earlier sessions and the attempts they left unfinished.
pub(crate) fn spawn(
    shared: Arc<Shared>,
    directory: Arc<Directory>,
    driver: Arc<dyn Driver>,
    account: Account,
    devices: Vec<Device>,
    leftovers: Vec<Attempt>,
) -> SessionHandle {
    let (orders, inbox) = mpsc::channel(4);
    let (settled, watch) = tokio::sync::watch::channel(false);
    let (reconnection, tenure) = (account.first_sync_done, shared.tenure);
    let manages_new_devices = Arc::new(AtomicBool::new(account.manages_new_devices));
    let stands = shared.standings.enter(account.provider);
    let mut session = Session {
        shared,
        directory,
        driver,
        account,
        manages_new_devices: Arc::clone(&manages_new_devices),
        locks: BTreeMap::new(),
        let_go: BTreeSet::new(),
        resync: VecDeque::new(),
        settled,
        reconnection,
        stands,
        pause: PAUSE.0,
        is_news: false,
    };
    session.adopt(devices, leftovers);
    tokio::spawn(session.run(inbox));
    SessionHandle { orders, tenure, manages_new_devices, settled: watch }
}

impl Session {
    /// Starts the locks in an order that follows from the hub: ids are chance, and a simulated story must go the same way again.
    fn adopt(&mut self, mut devices: Vec<Device>, leftovers: Vec<Attempt>) {
        devices.sort_by(|one, other| one.about.native.cmp(&other.about.native));
        let mut by_device: HashMap<DeviceId, Vec<Attempt>> = HashMap::new();
        for attempt in leftovers {
            if let Some(device) = attempt.device {
                by_device.entry(device).or_default().push(attempt);
            }
        }
        for device in devices {
            let leftovers = by_device.remove(&device.id).unwrap_or_default();
            self.start_lock(device, None, leftovers);
        }
    }

    fn start_lock(&mut self, device: Device, traits: Option<Traits>, leftovers: Vec<Attempt>) -> LockHandle {
        let handle = lock::spawn(
            Arc::clone(&self.shared),
            device.clone(),
            traits.unwrap_or(UNDESCRIBED),
            traits.is_some(),
            leftovers,
        );
        self.directory.enter(device.id, handle.clone());
        let native = device.about.native.clone();
        self.locks.insert(native, Known { device, handle: handle.clone(), traits, in_reach: false });
        handle
    }

    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            let why = match self.connected(&mut orders).await {
                Ended::Stopped(done) => {
                    self.stop_locks().await;
                    let _ = done.send(());
                    return;
                }
                Ended::Abandoned => return self.disperse(),
                Ended::Lost(why) => why,
            };
            self.down(&why).await;
            self.settled.send_replace(true);
            let resume = self.shared.now().after(self.next_pause(&why));
            let clock = Arc::clone(&self.shared.clock);
            match self.pause(&mut orders, &*clock, resume).await {
                Some(Ended::Stopped(done)) => {
                    self.stop_locks().await;
                    let _ = done.send(());
                    return;
                }
                Some(_) => return self.disperse(),
                None => {}
            }
        }
    }

    /// Nobody finds the locks any more: their tasks end.
    fn disperse(self) {
        for known in self.locks.values() {
            self.directory.leave(known.device.id, &known.handle);
        }
    }

    /// Waits until it is time to connect again, or until somebody asks for it.
    async fn pause(&mut self, orders: &mut mpsc::Receiver<Order>, clock: &dyn Clock, resume: Moment) -> Option<Ended> {
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => {
                    if matches!(order, Some(Order::Sync)) {
                        return None;
                    }
                    if let Some(ended) = self.obey(order, None).await {
                        return Some(ended);
                    }
                }
                () = clock.sleep_until(resume) => return None,
            }
        }
    }

    /// Carries out one order; `Some` if it ends the session.
    async fn obey(&mut self, order: Option<Order>, link: Option<&Arc<dyn Link>>) -> Option<Ended> {
        match order {
            None => return Some(Ended::Abandoned),
            Some(Order::Stop(done)) => return Some(Ended::Stopped(done)),
            Some(Order::Leave(done)) => {
                let leaves = self.leave().await;
                let _ = done.send(leaves);
                return leaves.then_some(Ended::Abandoned);
            }
            Some(Order::Sync) => {
                if let Some(link) = link {
                    let _ = guarded(link.rediscover()).await;
                    self.resync = self.locks.values().map(|known| known.device.id).collect();
                }
            }
            Some(Order::Forget(device, event, done)) => {
                let _ = done.send(self.forget(device, event, link).await);
            }
        }
        None
    }

    /// Ends the tasks of all locks as they stand, unless one of them has an attempt. From here on attempts that are accepted
    /// on this node wait in the database.
    async fn leave(&mut self) -> bool {
        let mut closed = Vec::with_capacity(self.locks.len());
        for known in self.locks.values() {
            if !known.handle.load.close() {
                closed.iter().for_each(|handle: &&LockHandle| handle.load.reopen());
                return false;
            }
            closed.push(&known.handle);
        }
        let mut leaving = Vec::with_capacity(self.locks.len());
        for (_, known) in std::mem::take(&mut self.locks) {
            self.directory.leave(known.device.id, &known.handle);
            let (done, left) = oneshot::channel();
            send(&known.handle, Message::Leave(done)).await;
            leaving.push(left);
        }
        for left in leaving {
            let _ = left.await;
        }
        true
    }

    /// Ends everything of a device, then deletes its record. If that cannot be stored, the device is served as before.
    async fn forget(
        &mut self,
        device: DeviceId,
        event: Event,
        link: Option<&Arc<dyn Link>>,
    ) -> Result<(), CommitError> {
        let native =
            self.locks.values().find(|known| known.device.id == device).map(|known| &known.device.about.native);
        let Some(known) = native.cloned().and_then(|native| self.locks.remove(&native)) else {
            return Err(CommitError::Conflict("device"));
        };
        self.directory.leave(device, &known.handle);
        stop_lock(&known.handle).await;
        let change = |told: Vec<Event>| {
            let events = std::iter::once(event.clone()).chain(told).collect();
            Change::DeviceDeleted { device, events }
        };
        let gone = Turnover::Gone(vec![device]);
        let waiting = |attempt: &Attempt| attempt.device == Some(device);
        let deleting = || self.shared.commit_turnover(self.account.id, &gone, &change);
        let deleted = self.shared.emptied(waiting, "device", deleting).await;
        if matches!(deleted, Err(CommitError::Busy | CommitError::LeaseLost | CommitError::Store(_))) {
            self.readopt(known, link).await;
        } else if link.is_some_and(|link| link.let_go(&known.device.about.native)) {
            self.let_go.insert(known.device.about.native);
        }
        deleted
    }

    async fn readopt(&mut self, known: Known, link: Option<&Arc<dyn Link>>) {
        // What its task knew last is in the database; what cannot be read there is heard from the lock again.
        let stored = self.shared.store.devices_of(self.account.id).await.unwrap_or_default();
        let device = stored.into_iter().find(|stored| stored.id == known.device.id).unwrap_or(known.device);
        let id = device.id;
        let handle = self.start_lock(device, known.traits, Vec::new());
        match link {
            Some(link) => {
                send(&handle, Message::LinkUp(Arc::clone(link))).await;
                let reach = if known.in_reach { Reachability::WorthATry } else { Reachability::Unreachable };
                send(&handle, Message::Reach(reach)).await;
                self.resync.push_back(id);
            }
            None => send(&handle, Message::LinkDown(self.offline_because())).await,
        }
    }

    /// Why no lock of this hub can be reached while there is no connection.
    const fn offline_because(&self) -> OfflineBecause {
        match self.account.link {
            LinkState::Down { trouble: LinkTrouble::CredentialsRefused, .. } => OfflineBecause::AccountDisconnected,
            _ => OfflineBecause::HubDisconnected,
        }
    }

    /// Doubles up to the longest pause, less up to a third so that many hubs do not come back in step.
    fn next_pause(&mut self, why: &ConnectError) -> Duration {
        if !matches!(why, ConnectError::Unreachable(_)) {
            return REFUSED_PAUSE;
        }
        let pause = self.pause;
        self.pause = (self.pause * 2).min(PAUSE.1);
        let jitter = self.shared.now().steady.subsec_micros() % 333;
        pause - pause * jitter / 1000
    }

    /// One connection, from the first byte to the last.
    async fn connected(&mut self, orders: &mut mpsc::Receiver<Order>) -> Ended {
        self.let_go.clear();
        let (sender, mut signals) = mpsc::channel(SIGNALS);
        let link = match self.connect(sender, &mut signals, orders).await {
            Ok(link) => link,
            Err(ended) => return ended,
        };
        for known in self.locks.values() {
            send(&known.handle, Message::LinkUp(Arc::clone(&link))).await;
        }
        let ended = self.serve(&link, &mut signals, orders).await;
        drop(link);
        ended
    }

    /// Connects, while already taking in what the hub says.
    async fn connect(
        &mut self,
        sender: mpsc::Sender<Signal>,
        signals: &mut mpsc::Receiver<Signal>,
        orders: &mut mpsc::Receiver<Order>,
    ) -> Result<Arc<dyn Link>, Ended> {
        let driver = Arc::clone(&self.driver);
        let account = self.account.clone();
        let known: Vec<Device> = self.locks.values().map(|known| known.device.clone()).collect();
        let clock = Arc::clone(&self.shared.clock);
        let limit = clock.now().after(CONNECT_LIMIT);
        let mut connecting = Box::pin(async {
            let failed = || Err(ConnectError::Unreachable("A fault of the server ended the connection.".to_owned()));
            guarded(driver.connect(&account, &known, sender)).await.unwrap_or_else(failed)
        });
        let mut early = Vec::new();
        let connected = loop {
            tokio::select! {
                biased;
                connected = &mut connecting => break connected,
                Some(signal) = signals.recv(), if early.len() < EARLY => early.push(signal),
                order = orders.recv() => {
                    if let Some(ended) = self.obey(order, None).await {
                        return Err(ended);
                    }
                }
                () = clock.sleep_until(limit) => {
                    break Err(ConnectError::Unreachable("The hub did not answer in time.".to_owned()));
                }
            }
        };
        drop(connecting);
        let link = connected.map_err(Ended::Lost)?;
        self.up().await;
        let mut early = early.into_iter().peekable();
        while early.peek().is_some() {
            let mut said = early.by_ref().take(SIGNALS).collect();
            if let Some(why) = self.on_signals(&mut said, None).await {
                return Err(Ended::Lost(why));
            }
        }
        Ok(link)
    }

    async fn serve(
        &mut self,
        link: &Arc<dyn Link>,
        signals: &mut mpsc::Receiver<Signal>,
        orders: &mut mpsc::Receiver<Order>,
    ) -> Ended {
        let clock = Arc::clone(&self.shared.clock);
        let pace = self.driver.resync_pace();
        let mut next = clock.now();
        let mut said = Vec::new();
        loop {
            let waiting = !self.resync.is_empty();
            tokio::select! {
                biased;
                order = orders.recv() => {
                    if let Some(ended) = self.obey(order, Some(link)).await {
                        return ended;
                    }
                    next = clock.now();
                }
                count = signals.recv_many(&mut said, SIGNALS) => {
                    if count == 0 {
                        return Ended::Lost(ConnectError::Unreachable("The connection to the hub ended.".to_owned()));
                    }
                    if let Some(why) = self.on_signals(&mut said, Some(link)).await {
                        return Ended::Lost(why);
                    }
                }
                () = clock.sleep_until(next), if waiting => {
                    next = self.resync_some(pace);
                }
            }
        }
    }

    /// Reads locks back after a (re)connection, at the pace that the driver's hub can bear.
    fn resync_some(&mut self, pace: Duration) -> Moment {
        let batch = if pace.is_zero() { usize::MAX } else { 1 };
        for _ in 0..batch {
            let Some(device) = self.resync.pop_front() else { break };
            if let Some(handle) = self.directory.find(device) {
                handle.tell(Message::Resync);
            }
        }
        self.shared.now().after(pace)
    }

    /// Takes in one signal; `Some` if it says that the connection is over. Without a link it was said while the
    /// connection was being made: every lock gets the link afterwards, when it knows all that was said.
    async fn on_signal(&mut self, signal: Signal, link: Option<&Arc<dyn Link>>) -> Option<ConnectError> {
        match signal {
            Signal::Discovered { about, traits } => self.discovered(*about, traits, link).await,
            Signal::Synced => self.synced().await,
            Signal::Lost(why) => return Some(why),
            Signal::Gone(native) if self.let_go.remove(&native) => {}
            Signal::Gone(native) => {
                self.note_reach(&native, false);
                self.note_removal(&native);
                self.tell(&native, Message::Gone);
            }
            Signal::Reach(native, reach) => {
                self.tell(&native, Message::Reach(reach));
                self.note_reach(&native, !matches!(reach, Reachability::Unreachable | Reachability::HubUnreachable));
            }
            Signal::Said(native, report, words) => self.tell(&native, Message::Said(Box::new((report, words)))),
            Signal::Battery(native, level) => self.tell(&native, Message::Battery(level)),
            Signal::AutoLock(native, told) => self.tell(&native, Message::AutoLock(told)),
            Signal::SubscriptionEnded(native, ended) => self.tell(&native, Message::SubscriptionEnded(ended)),
            Signal::Door(native, open) => self.tell(&native, Message::Door(open)),
            Signal::Denied(native, reason, at) => self.tell(&native, Message::Denied(reason, at)),
            // Nobody's business until codes are kept here: whoever keeps them asks the lock then.
            Signal::CodesChanged(native, slot) => tracing::debug!(%native, ?slot, "the codes of a lock were changed"),
            Signal::Answered(native, attempt, answer, at, words) => {
                self.tell(&native, Message::Answered(Box::new((attempt, answer, at, words))));
            }
            Signal::DealtWith(native, done) => self.tell(&native, Message::DealtWith(done)),
            Signal::ReadFailed(native, read) => self.tell(&native, Message::ReadFailed(read)),
        }
        None
    }

    /// A lock that comes into reach is read, in its turn: a whole house that comes back must not be asked at once.
    fn note_reach(&mut self, native: &NativeId, in_reach: bool) {
        let Some(known) = self.locks.get_mut(native) else { return };
        let was = std::mem::replace(&mut known.in_reach, in_reach);
        if in_reach && !was {
            self.resync.push_back(known.device.id);
        }
    }

    /// The next connection must not look for it as if it were there.
    fn note_removal(&mut self, native: &NativeId) {
        let since = self.shared.now().wall;
        if let Some(known) = self.locks.get_mut(native) {
            known.device.state.reach = Reach::Offline { because: OfflineBecause::DeviceRemoved, since };
        }
    }

    fn tell(&self, native: &NativeId, message: Message) {
        match self.locks.get(native) {
            Some(known) => known.handle.tell(message),
            None => tracing::debug!(lock = %native, "a hub spoke of a lock that it had not described"),
        }
    }

    async fn discovered(&mut self, about: About, traits: Traits, link: Option<&Arc<dyn Link>>) {
        if self.let_go.contains(&about.native) {
            return;
        }
        let Some(known) = self.locks.get_mut(&about.native) else {
            let device = self.found(about);
            self.record_found(std::slice::from_ref(&device)).await;
            self.begin_lock(device, traits, link).await;
            return;
        };
        let changed = (known.device.about != about).then(|| Box::new(about.clone()));
        known.device.about = about;
        known.device.state.reach = Reach::Unknown;
        known.traits = Some(traits);
        send(&known.handle, Message::Described { about: changed, traits }).await;
    }

    /// The hub is connected; its devices are told of after this. A start of ours that finds everything as it was is
    /// no news.
    async fn up(&mut self) {
        self.is_news = match self.account.link {
            LinkState::Up => false,
            LinkState::Connecting => !self.reconnection,
            LinkState::Down { .. } => true,
        };
        let kinds = if self.is_news { vec![EventKind::AccountConnected] } else { Vec::new() };
        self.set_link(LinkState::Up, kinds).await;
    }

    /// Every lock is known. What was said of them before is told before this.
    async fn synced(&mut self) {
        let is_first = !std::mem::replace(&mut self.account.first_sync_done, true);
        let kinds = match (is_first, std::mem::take(&mut self.is_news)) {
            (true, _) => vec![EventKind::AccountCompletedFirstSync],
            (false, true) => vec![EventKind::AccountCompletedFirstSyncAfterReconnection],
            (false, false) => Vec::new(),
        };
        if !kinds.is_empty() {
            self.await_locks().await;
            self.set_link(LinkState::Up, kinds).await;
        }
        self.pause = PAUSE.0;
        self.resync = self.locks.values().map(|known| known.device.id).collect();
        self.settled.send_replace(true);
    }

    /// Waits until each lock has dealt with what it was told, but not long: a slow one must not hold up the others.
    async fn await_locks(&self) {
        let limit = self.shared.now().after(AWAIT_LIMIT).steadily();
        let all = async {
            let mut waiting = Vec::with_capacity(self.locks.len());
            for known in self.locks.values() {
                let (done, dealt_with) = oneshot::channel();
                send(&known.handle, Message::Ping(done)).await;
                waiting.push(dealt_with);
            }
            for dealt_with in waiting {
                let _ = dealt_with.await;
            }
        };
        tokio::select! {
            biased;
            () = all => {}
            () = self.shared.clock.sleep_until(limit) => {}
        }
    }

    async fn down(&mut self, why: &ConnectError) {
        let trouble = match why {
            ConnectError::Unreachable(_) => LinkTrouble::HubDisconnected,
            ConnectError::CredentialsRefused(_) | ConnectError::BadConfig(_) => LinkTrouble::CredentialsRefused,
        };
        let because = match trouble {
            LinkTrouble::HubDisconnected => OfflineBecause::HubDisconnected,
            LinkTrouble::CredentialsRefused => OfflineBecause::AccountDisconnected,
        };
        self.stands.at(Standing::from(trouble));
        self.resync.clear();
        for known in self.locks.values_mut() {
            known.in_reach = false;
            send(&known.handle, Message::LinkDown(because)).await;
        }
        if matches!(&self.account.link, LinkState::Down { trouble: known, .. } if *known == trouble) {
            return;
        }
        tracing::warn!(account.id = %self.account.id, %why, "a hub is not connected");
        let was_up = !matches!(self.account.link, LinkState::Down { .. });
        let kinds = if was_up { vec![EventKind::AccountDisconnected { trouble }] } else { Vec::new() };
        let since = self.shared.now().wall;
        self.set_link(LinkState::Down { trouble, message: why.to_string(), since }, kinds).await;
    }

    async fn set_link(&mut self, link: LinkState, kinds: Vec<EventKind>) {
        let events = kinds.into_iter().map(|kind| self.event(kind)).collect();
        let first_sync_done = self.account.first_sync_done;
        let change = Change::AccountLink { account: self.account.id, link: link.clone(), first_sync_done, events };
        self.stands.at(Standing::from(&link));
        self.shared.record(change).await;
        self.account.link = link;
    }

    fn event(&self, kind: EventKind) -> Event {
        Event {
            id: self.shared.next_event(),
            workspace: self.account.workspace,
            account: Some(self.account.id),
            device: None,
            occurred_at: self.shared.now().wall,
            kind,
        }
    }

    /// Tells all before it waits for any, so that the slowest lock sets the time and not the sum.
    async fn stop_locks(&mut self) {
        let mut stopping = Vec::with_capacity(self.locks.len());
        for (_, known) in std::mem::take(&mut self.locks) {
            self.directory.leave(known.device.id, &known.handle);
            let (done, stopped) = oneshot::channel();
            send(&known.handle, Message::Stop(done)).await;
            stopping.push(stopped);
        }
        for stopped in stopping {
            let _ = stopped.await;
        }
    }
}

async fn stop_lock(handle: &LockHandle) {
    let (done, stopped) = oneshot::channel();
    send(handle, Message::Stop(done)).await;
    let _ = stopped.await;
}

/// For what a lock must not miss: waits for room in its mailbox. The lock's task never waits for the session, so this
/// ends.
async fn send(handle: &LockHandle, message: Message) {
    let _ = handle.mailbox.send(message).await;
}
