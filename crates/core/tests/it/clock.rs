//! A clock on tokio's paused time, with a wall clock that can be set.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use thumbturn_core::ports::{Clock, Later};
use thumbturn_core::time::Moment;
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) struct SimClock {
    start: Instant,
    set_by: watch::Sender<SignedDuration>,
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
impl SimClock {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), set_by: watch::Sender::new(SignedDuration::ZERO) }
    }

    /// Sets the wall clock forward or back; the steady clock does not notice.
    pub(crate) fn jump(&self, by: SignedDuration) {
        self.set_by.send_modify(|set_by| *set_by += by);
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
impl Clock for SimClock {
    fn now(&self) -> Moment {
        let steady = Instant::now().duration_since(self.start);
        let wall = Timestamp::constant(1_800_000_000, 0) + SignedDuration::try_from(steady).unwrap();
        Moment { wall: wall + *self.set_by.borrow(), steady }
    }

    fn sleep_until(&self, moment: Moment) -> Later<'_, ()> {
        let mut set_by = self.set_by.subscribe();
        Box::pin(async move {
            loop {
                let now = self.now();
                if now.reached(moment) {
                    return;
                }
                let wall = Duration::try_from(moment.wall.duration_since(now.wall)).unwrap();
                tokio::select! {
                    () = tokio::time::sleep(moment.steady.saturating_sub(now.steady).min(wall)) => {}
                    _ = set_by.changed() => {}
                }
            }
        })
    }
}
