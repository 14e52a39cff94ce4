//! The real clock. Everything else in the program gets its time from here.

use std::time::Duration;

use jiff::Timestamp;
use thumbturn_core::ports::{Clock, Later};
use thumbturn_core::time::Moment;
use tokio::time::Instant;

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

/// A wall clock that is set forward, or a machine that wakes from sleep, is noticed within this time.
const LONGEST_NAP: Duration = Duration::from_secs(1);

impl SystemClock {
    /// A clock whose steady time starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment { wall: Timestamp::now(), steady: self.start.elapsed() }
    }

    fn sleep_until(&self, moment: Moment) -> Later<'_, ()> {
        Box::pin(async move {
            loop {
                let now = self.now();
                if now.reached(moment) {
                    return;
                }
                let left = moment.steady.saturating_sub(now.steady).max(Duration::from_micros(50));
                tokio::time::sleep(left.min(LONGEST_NAP)).await;
            }
        })
    }
}
