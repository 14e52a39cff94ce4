//! How many reads of a lock nobody's attempt asked for may go out: its battery pays for each.

use std::time::Duration;

use jiff::Timestamp;

use crate::time::Moment;

const DAY: Duration = Duration::from_secs(86_400);

/// What is left of a lock's reads of a day. Half of them may go out at once; the others come back one by one through the
/// day, so that in no 24 hours more go out than there are in a day, and nobody waits a day for the next one. (It is the
/// generic cell rate algorithm, which keeps one time and no list.)
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget {
    /// When everything that was spent has come back, on the steady clock.
    whole_at: Duration,
}

impl Budget {
    /// From when on the next read may go out, if there are `daily` in a day; `None`: never.
    pub(super) fn next(self, daily: u32) -> Option<Moment> {
        let (every, at_once) = terms(daily)?;
        let steady = self.whole_at.saturating_sub(every.saturating_mul(at_once.saturating_sub(1)));
        Some(Moment { wall: Timestamp::MAX, steady })
    }

    /// A read goes out.
    pub(super) fn spend(&mut self, daily: u32, now: Moment) {
        if let Some((every, _)) = terms(daily) {
            self.whole_at = self.whole_at.max(now.steady).saturating_add(every);
        }
    }
}

/// How long it takes until one read comes back, and how many may go out at once.
fn terms(daily: u32) -> Option<(Duration, u32)> {
    let come_back = (daily / 2).max(1);
    (daily > 0).then(|| (DAY / come_back, daily + 1 - come_back))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(steady: Duration) -> Moment {
        Moment { wall: Timestamp::UNIX_EPOCH, steady }
    }

    /// When reads go out that are wanted all the time, in so many days.
    fn greedy(daily: u32, days: u32) -> Vec<Duration> {
        let (mut budget, mut times, mut now) = (Budget::default(), Vec::new(), Duration::from_secs(5));
        while now < DAY * days {
            let next = budget.next(daily).unwrap().steady;
            now = now.max(next);
            budget.spend(daily, at(now));
            times.push(now);
        }
        times
    }

    #[test]
    fn no_day_has_more_reads_than_the_budget_whenever_it_begins() {
        for daily in [1, 2, 3, 24, 48, 49, 1_000] {
            let times = greedy(daily, 5);
            for (first, from) in times.iter().enumerate() {
                let within = times[first..].iter().take_while(|time| **time < *from + DAY).count();
                assert!(within <= daily as usize, "{within} of {daily}");
            }
            let all = times.iter().filter(|time| **time < DAY + Duration::from_secs(5)).count();
            assert_eq!(all, daily as usize, "and all of them are there to be had");
        }
    }

    #[test]
    fn after_half_of_a_day_s_reads_at_once_the_next_one_is_not_far() {
        let times = greedy(48, 1);
        assert_eq!(times.iter().filter(|time| **time == times[0]).count(), 25);
        assert_eq!(times[25] - times[24], Duration::from_secs(3_600));
    }

    #[test]
    fn a_budget_of_none_has_none() {
        let mut budget = Budget::default();
        budget.spend(0, at(DAY));
        assert!(budget.next(0).is_none());
    }

    #[test]
    fn what_was_not_spent_is_not_saved_up() {
        let mut budget = Budget::default();
        let late = DAY * 30;
        for _ in 0..25 {
            assert!(budget.next(48).unwrap().steady <= late);
            budget.spend(48, at(late));
        }
        assert!(budget.next(48).unwrap().steady > late);
    }
}
