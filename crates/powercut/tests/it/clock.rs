//! A clock on tokio's paused time. Its wall clock goes on from one life of the machine to the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use thumbturn_core::ports::{Clock, Later};
use thumbturn_core::time::Moment;
use thumbturn_store::WallClock;
use tokio::time::Instant;

pub(crate) struct SimClock {
    start: Instant,
    wall: Timestamp,
    last_read: Arc<AtomicI64>,
}

impl SimClock {
    /// A clock whose steady time starts now, when people read `wall`.
    pub(crate) fn at(wall: Timestamp) -> Self {
        Self { start: Instant::now(), wall, last_read: Arc::new(AtomicI64::new(wall.as_microsecond())) }
    }

    /// The same for threads that tokio does not know, where its paused time cannot be read.
    pub(crate) fn for_store(&self) -> WallClock {
        let last_read = Arc::clone(&self.last_read);
        Arc::new(move || Timestamp::from_microsecond(last_read.load(Ordering::Relaxed)).unwrap())
    }
}

impl Clock for SimClock {
    fn now(&self) -> Moment {
        let steady = self.start.elapsed();
        let wall = self.wall + SignedDuration::try_from(steady).unwrap();
        self.last_read.store(wall.as_microsecond(), Ordering::Relaxed);
        Moment { wall, steady }
    }

    fn sleep_until(&self, moment: Moment) -> Later<'_, ()> {
        Box::pin(async move {
            while !self.now().reached(moment) {
                let now = self.now();
                let wall = std::time::Duration::try_from(moment.wall.duration_since(now.wall)).unwrap();
                tokio::time::sleep(moment.steady.saturating_sub(now.steady).min(wall)).await;
            }
        })
    }
}
