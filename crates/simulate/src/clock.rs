//! A clock on tokio's paused time, with a wall clock that can be set.

use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use thumbturn_core::ports::{Clock, Later};
use thumbturn_core::time::Moment;
use thumbturn_store::WallClock;
use tokio::sync::Notify;
use tokio::time::Instant;

/// When every story begins.
const BEGINNING: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// Simulated time, on tokio's paused clock: nobody waits for it, and the wall clock can be set while the steady clock goes
/// on.
pub struct SimClock {
    start: Instant,
    wall: Timestamp,
    set_by: Mutex<SignedDuration>,
    /// Rung at each jump. (A watch would wake its waiters in an order of its own.)
    jumped: Notify,
    /// The wall clock for threads that have no simulated time: in microseconds, as of the last look.
    last_look: Arc<AtomicI64>,
}

impl SimClock {
    pub(crate) fn new() -> Self {
        Self::at(BEGINNING)
    }

    /// A clock whose steady time starts now, when people read `wall`.
    #[must_use]
    pub fn at(wall: Timestamp) -> Self {
        Self {
            start: Instant::now(),
            wall,
            set_by: Mutex::new(SignedDuration::ZERO),
            jumped: Notify::new(),
            last_look: Arc::new(AtomicI64::new(wall.as_microsecond())),
        }
    }

    /// Sets the wall clock forward or back; the steady clock does not notice.
    pub(crate) fn jump(&self, by: SignedDuration) {
        *self.set_by.lock().unwrap_or_else(PoisonError::into_inner) += by;
        self.jumped.notify_waiters();
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    /// The wall clock as the simulation last saw it: the store's own thread lives outside of simulated time.
    #[must_use]
    pub fn for_store(&self) -> WallClock {
        let last = Arc::clone(&self.last_look);
        Arc::new(move || Timestamp::from_microsecond(last.load(Ordering::Relaxed)).unwrap_or(BEGINNING))
    }
}

impl Clock for SimClock {
    fn now(&self) -> Moment {
        let steady = Instant::now().duration_since(self.start);
        let since = SignedDuration::try_from(steady).unwrap_or(SignedDuration::MAX);
        let wall = self.wall + since + *self.set_by.lock().unwrap_or_else(PoisonError::into_inner);
        self.last_look.store(wall.as_microsecond(), Ordering::Relaxed);
        Moment { wall, steady }
    }

    fn sleep_until(&self, moment: Moment) -> Later<'_, ()> {
        Box::pin(async move {
            loop {
                let mut jumped = pin!(self.jumped.notified());
                jumped.as_mut().enable();
                let now = self.now();
                if now.reached(moment) {
                    return;
                }
                let wall = Duration::try_from(moment.wall.duration_since(now.wall)).unwrap_or_default();
                tokio::select! {
                    biased;
                    () = jumped => {}
                    () = tokio::time::sleep(moment.steady.saturating_sub(now.steady).min(wall)) => {}
                }
            }
        })
    }
}
