//! How much a receiver is sent at the same time. One that fails again and again is tried with one message now and then; the
//! others wait meanwhile, and lose no attempt by it.

use std::time::Duration;

use thumbturn_core::time::Moment;

/// Messages on their way to one receiver at the same time.
pub(crate) const AT_ONCE: usize = 16;

/// So many failures in a row open the breaker.
const OPENS_AFTER: u32 = 5;

/// The first pause; each further failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The breaker of one receiver.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breaker {
    /// Failures since the last success.
    failures: u32,
    /// Until when nothing is sent.
    closed_until: Option<Moment>,
}

impl Breaker {
    /// How many messages may be on their way at `now`: all, one, or none.
    pub(crate) fn slots(&self, now: Moment) -> usize {
        match self.closed_until {
            None => AT_ONCE,
            Some(until) if now.reached(until) => 1,
            Some(_) => 0,
        }
    }

    /// When there is a slot again, if there is none.
    pub(crate) fn opens_at(&self, now: Moment) -> Option<Moment> {
        self.closed_until.filter(|until| !now.reached(*until))
    }

    /// Whether the last message failed.
    pub(crate) const fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// The receiver took a message.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A message failed. One that was on its way when the breaker closed says nothing new: the pause is not for all that failed
    /// at once, or a receiver that restarts would be left alone for a minute.
    pub(crate) fn failed(&mut self, now: Moment) {
        if self.opens_at(now).is_some() {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if let Some(beyond) = self.failures.checked_sub(OPENS_AFTER) {
            let pause = FIRST_PAUSE.saturating_mul(1 << beyond.min(16)).min(LONGEST_PAUSE);
            self.closed_until = Some(now.after(pause));
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment { wall: Timestamp::UNIX_EPOCH, steady: Duration::ZERO }.after(Duration::from_secs(seconds))
    }

    #[test]
    fn a_few_failures_change_nothing() {
        let mut breaker = Breaker::default();
        (0..4).for_each(|_| breaker.failed(at(0)));
        assert_eq!(breaker.slots(at(0)), AT_ONCE);
        assert!(breaker.is_failing());
        breaker.succeeded();
        assert!(!breaker.is_failing());
        (0..4).for_each(|_| breaker.failed(at(0)));
        assert_eq!(breaker.slots(at(0)), AT_ONCE, "they were not in a row");
    }

    #[test]
    fn many_in_a_row_leave_one_probe_after_a_pause_that_grows() {
        let mut breaker = Breaker::default();
        (0..5).for_each(|_| breaker.failed(at(0)));
        assert_eq!((breaker.slots(at(0)), breaker.slots(at(1))), (0, 1));
        assert_eq!(breaker.opens_at(at(0)), Some(at(1)));
        assert_eq!(breaker.opens_at(at(1)), None);
        breaker.failed(at(1));
        assert_eq!((breaker.slots(at(2)), breaker.slots(at(3))), (0, 1));
        (0..50).for_each(|probe| breaker.failed(at(100 * (probe + 1))));
        assert_eq!((breaker.slots(at(5_059)), breaker.slots(at(5_060))), (0, 1), "a minute at most");
        breaker.succeeded();
        assert_eq!(breaker.slots(at(5_060)), AT_ONCE);
    }

    #[test]
    fn those_that_fail_at_once_are_worth_one_pause() {
        let mut breaker = Breaker::default();
        (0..AT_ONCE).for_each(|_| breaker.failed(at(0)));
        assert_eq!((breaker.slots(at(0)), breaker.slots(at(1))), (0, 1), "a second, as after five of them");
    }
}
