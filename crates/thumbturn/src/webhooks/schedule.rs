//! When a delivery that failed is tried again. Chance comes in, so that the rules can be tested.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// Jitter: a wait is this much shorter or longer at most, as a share of it.
const JITTER: f64 = 0.2;

/// Shortest wait after a receiver was too slow or said that it has too much to do.
const OVERLOADED: Duration = Duration::from_secs(60);

/// The waits between the attempts of one delivery, each counted from the failure before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    delays: Vec<Duration>,
}

impl Schedule {
    /// One attempt at once, and one more after each of these.
    pub(crate) const fn new(delays: Vec<Duration>) -> Self {
        Self { delays }
    }

    /// How long to wait after so many failed attempts; `None`: that was the last. `chance` is from 0 to 1. A receiver may ask
    /// for at most twice the planned wait.
    pub(crate) fn wait(
        &self,
        failed: usize,
        is_overloaded: bool,
        asked: Option<Duration>,
        chance: f64,
    ) -> Option<Duration> {
        let planned = *self.delays.get(failed.checked_sub(1)?)?;
        let jittered = planned.mul_f64(JITTER.mul_add(2.0f64.mul_add(chance.clamp(0.0, 1.0), -1.0), 1.0));
        let least = if is_overloaded { OVERLOADED } else { Duration::ZERO };
        let wait = jittered.max(least);
        Some(asked.map_or(wait, |asked| wait.max(asked.min(2 * planned.max(least)))))
    }
}

/// How long a `Retry-After` header asks to wait: seconds, or a date.
pub(crate) fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = rfc2822::parse(header).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn standard() -> Schedule {
        Schedule::new([5, 300, 1_800, 7_200, 18_000, 36_000, 36_000].map(seconds).to_vec())
    }

    #[test]
    fn there_are_eight_attempts_within_28_hours() {
        let waits: Vec<Duration> = (1..).map_while(|failed| standard().wait(failed, false, None, 0.5)).collect();
        assert_eq!(waits.len(), 7);
        assert_eq!(waits.iter().sum::<Duration>(), seconds(27 * 3600 + 35 * 60 + 5));
        assert_eq!(standard().wait(0, false, None, 0.5), None);
    }

    #[test]
    fn jitter_is_a_fifth_at_most() {
        let wait = |chance| standard().wait(2, false, None, chance).unwrap();
        assert_eq!((wait(0.0), wait(1.0)), (seconds(240), seconds(360)));
        assert_eq!(wait(7.0), seconds(360), "chance out of range");
    }

    #[test]
    fn who_has_too_much_to_do_is_left_alone_for_a_minute() {
        assert_eq!(standard().wait(1, true, None, 0.5), Some(seconds(60)));
        assert_eq!(standard().wait(2, true, None, 0.5), Some(seconds(300)));
    }

    #[test]
    fn a_receiver_may_ask_for_more_but_not_for_much_more() {
        let asked = |asked| standard().wait(2, false, Some(seconds(asked)), 0.5).unwrap();
        assert_eq!(asked(1), seconds(300));
        assert_eq!(asked(400), seconds(400));
        assert_eq!(asked(86_400), seconds(600));
        assert_eq!(standard().wait(1, true, Some(seconds(100)), 0.5), Some(seconds(100)));
        assert_eq!(standard().wait(1, true, Some(seconds(500)), 0.5), Some(seconds(120)));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "1994-11-06T08:49:37Z".parse().unwrap();
        assert_eq!(retry_after("120", now), Some(seconds(120)));
        assert_eq!(retry_after(" 0 ", now), Some(seconds(0)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now), Some(seconds(60)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:40:37 GMT", now), Some(seconds(0)), "it is past");
        for nonsense in ["", "soon", "-5", "1.5", "Sun, 99 Nov 1994 08:50:37 GMT"] {
            assert_eq!(retry_after(nonsense, now), None, "{nonsense}");
        }
    }
}
