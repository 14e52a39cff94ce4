//! The handle a test holds: locks by name, the hub's misfortunes, and an end when it is dropped.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

use crate::air::Air;
use crate::bridge::Bridge;
use crate::discovery::Announcer;
use crate::hub::{Control, Dialect, Hub};
use crate::wait::guard;
use crate::{BoltMove, Broker, DialectConfig, Error, Lock, LockSpec, Order, SimConfig, Told, Typed};

/// A running hub with its locks. Everything ends when this is dropped, as if the hub had been killed.
pub struct Sim {
    hub: Arc<Hub>,
    air: Arc<Air>,
    locks: Mutex<Vec<Arc<Lock>>>,
    next: AtomicUsize,
    zigbee: bool,
    restarter: AbortHandle,
}

impl Sim {
    /// Starts a hub on a broker; returns when it listens. Needs a Tokio runtime with time and I/O.
    pub async fn start(broker: &Broker, config: SimConfig) -> Result<Self, Error> {
        config.check()?;
        let zigbee = matches!(config.dialect, DialectConfig::Zigbee2mqtt(_));
        let air = Arc::new(Air::new(Handle::current(), config.hop));
        let locks: Vec<Arc<Lock>> =
            config.locks.iter().enumerate().map(|(index, spec)| build(index, spec, zigbee, &air)).collect();
        let members: Vec<_> = locks.iter().cloned().zip(config.locks).collect();
        let dialect: Box<dyn Dialect> = match config.dialect {
            DialectConfig::Zigbee2mqtt(settings) => Box::new(Bridge::new(settings, members)),
            DialectConfig::HomeAssistant(settings) => Box::new(Announcer::new(settings, members)),
        };
        let (hub, mut wanted) = Hub::new(broker.clone(), dialect, Arc::clone(&air));
        let again = Arc::clone(&hub);
        let restarter = tokio::spawn(async move {
            while wanted.recv().await.is_some() {
                if let Err(error) = again.start().await {
                    tracing::warn!(%error, "the simulated hub could not restart");
                }
            }
        })
        .abort_handle();
        let next = AtomicUsize::new(locks.len());
        // From here on dropping it ends everything, also when the start fails or is given up.
        let this = Self { hub, air, locks: Mutex::new(locks), next, zigbee, restarter };
        this.hub.start().await?;
        this.hub.has_arrived().await?;
        Ok(this)
    }

    /// The lock that answers to this name now, was called so at first, or has this IEEE address or id.
    ///
    /// # Panics
    ///
    /// If there is none: a test that names a wrong lock is wrong itself. [`Sim::find_lock`] does not panic.
    #[must_use]
    pub fn lock(&self, name: &str) -> Arc<Lock> {
        match self.find_lock(name) {
            Some(lock) => lock,
            None => {
                let known: Vec<String> = self.locks().iter().map(|lock| lock.first_name().to_owned()).collect();
                panic!("no simulated lock answers to {name:?}; there are {known:?}")
            }
        }
    }

    /// Like [`Sim::lock`], but says so if there is none.
    #[must_use]
    pub fn find_lock(&self, name: &str) -> Option<Arc<Lock>> {
        let now = self.hub.find(name);
        now.or_else(|| guard(&self.locks).iter().find(|lock| lock.first_name() == name || lock.id() == name).cloned())
    }

    /// All locks, those that left the hub included.
    #[must_use]
    pub fn locks(&self) -> Vec<Arc<Lock>> {
        guard(&self.locks).clone()
    }

    /// How often the bolts moved, all locks together.
    #[must_use]
    pub fn total_moves(&self) -> usize {
        guard(&self.locks).iter().map(|lock| lock.moves()).sum()
    }

    /// Every move of a bolt from now on.
    #[must_use]
    pub fn watch_moves(&self) -> broadcast::Receiver<BoltMove> {
        self.air.moves.subscribe()
    }

    /// [`Lock::turn_by_hand`] by name.
    pub fn turn_by_hand(&self, name: &str, order: Order, told: Told) {
        self.lock(name).turn_by_hand(order, told);
    }

    /// [`Lock::keypad`] by name.
    pub fn keypad(&self, name: &str, typed: &Typed) -> bool {
        self.lock(name).keypad(typed)
    }

    /// [`Lock::auto_relock`] by name.
    pub fn auto_relock(&self, name: &str) {
        self.lock(name).auto_relock();
    }

    /// [`Lock::battery`] by name.
    pub fn battery(&self, name: &str, level: u8) {
        self.lock(name).battery(level);
    }

    /// [`Lock::jam_now`] by name.
    pub fn jam_now(&self, name: &str) {
        self.lock(name).jam_now();
    }

    /// Lets the hub say that a lock is reachable or not.
    pub fn set_available(&self, name: &str, online: bool) {
        self.hub.control(Control::Availability { lock: self.lock(name).index, online });
    }

    /// A new lock joins the running hub.
    pub fn add_lock(&self, spec: LockSpec) -> Arc<Lock> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let lock = build(index, &spec, self.zigbee, &self.air);
        guard(&self.locks).push(Arc::clone(&lock));
        self.hub.control(Control::Join { lock: Arc::clone(&lock), spec: Box::new(spec) });
        lock
    }

    /// A lock leaves the hub: it is taken out of the device list, or its discovery message is emptied.
    pub fn remove_lock(&self, name: &str) {
        self.hub.control(Control::Leave { lock: self.lock(name).index });
    }

    /// The hub announces a lock once more (Home Assistant discovery), also after [`Sim::remove_lock`].
    pub fn announce_again(&self, name: &str) {
        self.hub.control(Control::Announce { lock: self.lock(name).index });
    }

    /// Kills the hub: its connections are cut, so that the broker publishes its last will. Locks live on, unheard.
    pub async fn die(&self) {
        self.hub.die().await;
    }

    /// Starts a dead hub again, with the memory it had.
    pub async fn revive(&self) -> Result<(), Error> {
        self.hub.start().await
    }

    /// Kills the hub and starts it again.
    pub async fn restart(&self) -> Result<(), Error> {
        self.hub.start().await
    }

    /// The hub takes no notice of anything for this long; then it does everything that arrived meanwhile.
    pub fn freeze(&self, time: Duration) {
        self.hub.freeze(time);
    }

    /// Ends a freeze early.
    pub fn thaw(&self) {
        self.hub.thaw();
    }

    /// Clears every retained message of the hub except its state, as a broker's restart without persistence does.
    /// Whoever listens sees empty payloads; the real thing is [`crate::Mosquitto::restart`].
    pub fn lose_retained(&self) {
        self.hub.control(Control::LoseRetained);
    }
}

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim").field("locks", &guard(&self.locks).len()).finish_non_exhaustive()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.restarter.abort();
        self.hub.abandon();
    }
}

fn build(index: usize, spec: &LockSpec, zigbee: bool, air: &Arc<Air>) -> Arc<Lock> {
    let (id, slots, action_first) = if zigbee {
        (spec.make.ieee(index), spec.make.slots(), spec.make.acts_first())
    } else {
        (spec.style.id(index), 0, false)
    };
    Arc::new(Lock::new(index, id, spec, slots, action_first, Arc::clone(air)))
}
