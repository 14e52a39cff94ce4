//! What a courier has in hand of events whose deliveries are not written down yet, where there is no other node. A delivery is
//! written once, with what came of it. As long as it is not, its event is behind the place that the webhook is noted to have
//! come to, and is sent again after a crash, under the same id.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use thumbturn_core::time::Moment;
use thumbturn_core::webhooks::Delivery;
use thumbturn_store::NewDelivery;

/// So many are written down at once, if the receiver is fast.
pub(super) const WORTH_A_COMMIT: usize = 512;

/// What has landed is written down after this time, however few they are, and with it what has begun before and has no answer.
pub(super) const LONGEST: Duration = Duration::from_millis(25);

/// What has no answer after this time is written down without one, so that it is listed.
pub(super) const OVERDUE: Duration = Duration::from_secs(1);

struct Entry {
    sequence: i64,
    added: Moment,
    /// `None` while it is being written down with what came of it.
    delivery: Option<Delivery>,
    has_landed: bool,
}

/// Deliveries that are not written down yet, in the order of their events.
#[derive(Default)]
pub(super) struct Ledger {
    entries: VecDeque<Entry>,
    /// How many have landed and are not being written down.
    landed: usize,
    /// Since when there are any.
    since: Option<Moment>,
    /// So many of the first are being written down.
    leaving: usize,
    /// Of those what has landed since, and whether its webhook fails.
    late: Vec<(Delivery, Option<bool>)>,
}

/// What becomes of a delivery that has landed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Landing {
    /// It is written down with what came of it.
    Joined,
    /// It is being written down without: it is given back afterwards.
    Late,
    /// It was written down without, so its row has to be changed.
    HasRow(Delivery),
}

impl Ledger {
    /// Deliveries that are sent from `now` on, of events behind all others.
    pub(super) fn add(&mut self, deliveries: impl Iterator<Item = (i64, Delivery)>, now: Moment) {
        let entry = |(sequence, delivery)| Entry { sequence, added: now, delivery: Some(delivery), has_landed: false };
        self.entries.extend(deliveries.map(entry));
    }

    /// How many have landed and are not written down.
    pub(super) const fn landed(&self) -> usize {
        self.landed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// When something has to be written down at the latest, unless something is being written.
    pub(super) fn due(&self) -> Option<Moment> {
        if self.leaving > 0 {
            return None;
        }
        let landed = self.since.map(|since| since.after(LONGEST));
        let begun = self.entries.front().map(|first| first.added.after(OVERDUE));
        [landed, begun].into_iter().flatten().reduce(Moment::or_earlier)
    }

    /// How many of the first have to be written down now, whether they have landed or not.
    fn overdue(&self, now: Moment, is_idle: bool) -> usize {
        let is_due = is_idle || self.since.is_some_and(|since| now.reached(since.after(LONGEST)));
        let landed = self.entries.iter().rposition(|entry| is_due && entry.has_landed).map_or(0, |at| at + 1);
        landed.max(self.entries.partition_point(|entry| now.reached(entry.added.after(OVERDUE))))
    }

    /// A delivery has landed; `failing` says whether its webhook fails, if that is news.
    pub(super) fn land(&mut self, sequence: i64, delivery: Delivery, failing: Option<bool>, now: Moment) -> Landing {
        let at = self.entries.binary_search_by_key(&sequence, |entry| entry.sequence);
        if at.is_ok_and(|at| at < self.leaving) {
            self.late.push((delivery, failing));
            return Landing::Late;
        }
        let Some(entry) = at.ok().and_then(|at| self.entries.get_mut(at)) else { return Landing::HasRow(delivery) };
        (entry.delivery, entry.has_landed) = (Some(delivery), true);
        self.landed += 1;
        self.since.get_or_insert(now);
        Landing::Joined
    }

    /// What is to be written down now, and the place that is come to with it; `None`: nothing. `seen` is the place up to which
    /// every event was looked at; `is_idle` says that there is nothing on its way. What has no answer yet is in hand until
    /// `claimed_until`.
    pub(super) fn take(
        &mut self,
        now: Moment,
        is_idle: bool,
        seen: i64,
        claimed_until: Timestamp,
    ) -> Option<(Vec<NewDelivery>, i64)> {
        if self.leaving > 0 {
            return None;
        }
        let landed = self.entries.iter().take_while(|entry| entry.has_landed).count();
        let count = if landed < WORTH_A_COMMIT { self.overdue(now, is_idle) } else { landed };
        if count == 0 {
            return None;
        }
        let until = if count == self.entries.len() { seen } else { self.entries.get(count - 1)?.sequence };
        self.leaving = count;
        let rows: Vec<NewDelivery> =
            self.entries.iter_mut().take(count).filter_map(|entry| entry.row(claimed_until)).collect();
        self.landed -= self.entries.iter().take(count).filter(|entry| entry.has_landed).count();
        self.since = (self.landed > 0).then_some(now);
        Some((rows, until))
    }

    /// What was taken is written down. Gives back what has landed since of what was written without an answer.
    pub(super) fn written(&mut self) -> Vec<(Delivery, Option<bool>)> {
        self.entries.drain(..self.leaving.min(self.entries.len()));
        self.leaving = 0;
        std::mem::take(&mut self.late)
    }
}

impl Entry {
    fn row(&mut self, claimed_until: Timestamp) -> Option<NewDelivery> {
        let (delivery, claimed_until) =
            if self.has_landed { (self.delivery.take()?, None) } else { (self.delivery.clone()?, Some(claimed_until)) };
        Some(NewDelivery { delivery, sequence: self.sequence, claimed_until })
    }
}

#[cfg(test)]
mod tests {
    use thumbturn_core::ids::{DeliveryId, EventId, WebhookId};
    use thumbturn_core::webhooks::DeliveryStanding;
    use uuid::Uuid;

    use super::*;

    const SEEN: i64 = 10_000;

    fn at(millis: u64) -> Moment {
        Moment { wall: Timestamp::UNIX_EPOCH, steady: Duration::ZERO }.after(Duration::from_millis(millis))
    }

    fn delivery(sequence: i64, standing: DeliveryStanding) -> Delivery {
        let id = Uuid::from_u128(u128::try_from(sequence).unwrap());
        Delivery {
            id: DeliveryId(id),
            webhook: WebhookId(Uuid::nil()),
            event: EventId(id),
            event_type: "lock.unlocked".into(),
            attempts: Vec::new(),
            standing,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn begun(sequence: i64) -> Delivery {
        delivery(sequence, DeliveryStanding::Pending { due_at: Timestamp::UNIX_EPOCH })
    }

    fn landed(sequence: i64) -> Delivery {
        delivery(sequence, DeliveryStanding::Delivered)
    }

    /// One with deliveries of the events at these places.
    fn ledger(sequences: impl Iterator<Item = i64>) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.add(sequences.map(|sequence| (sequence, begun(sequence))), at(0));
        ledger
    }

    fn take(ledger: &mut Ledger, now: Moment, is_idle: bool) -> Option<(Vec<NewDelivery>, i64)> {
        ledger.take(now, is_idle, SEEN, Timestamp::MAX)
    }

    #[test]
    fn what_is_worth_a_commit_is_written_up_to_the_first_without_an_answer() {
        let many = i64::try_from(WORTH_A_COMMIT).unwrap();
        let mut ledger = ledger((1..=2 * many).map(|n| 2 * n));
        for n in (1..many).chain(many + 1..=many + 5) {
            assert_eq!(ledger.land(2 * n, landed(2 * n), None, at(0)), Landing::Joined);
        }
        assert_eq!(take(&mut ledger, at(1), false), None, "the last before those behind is still on its way");
        ledger.land(2 * many, landed(2 * many), None, at(1));
        let (rows, until) = take(&mut ledger, at(1), false).unwrap();
        assert_eq!((rows.len(), until), (WORTH_A_COMMIT + 5, 2 * (many + 5)));
        assert!(rows.iter().all(|row| row.claimed_until.is_none()));
        assert!(rows.iter().all(|row| row.delivery == landed(row.sequence)));
        assert_eq!(take(&mut ledger, at(1), true), None, "one after the other");
        assert_eq!(ledger.written(), []);
        assert!(!ledger.is_empty());
    }

    #[test]
    fn where_nothing_is_on_its_way_what_has_landed_is_written_at_once() {
        let mut ledger = ledger(1..=2);
        assert_eq!(take(&mut ledger, at(0), true), None);
        ledger.land(1, landed(1), None, at(0));
        ledger.land(2, landed(2), None, at(0));
        let (rows, until) = take(&mut ledger, at(0), true).unwrap();
        assert_eq!((rows.len(), until), (2, SEEN), "everything that was looked at is dealt with");
        ledger.written();
        assert!(ledger.is_empty());
        assert_eq!(ledger.due(), None);
    }

    #[test]
    fn what_has_no_answer_for_long_is_written_without_one() {
        let mut ledger = ledger(1..=2);
        ledger.add([(3, begun(3))].into_iter(), at(10));
        assert_eq!(ledger.due(), Some(at(0).after(OVERDUE)));
        assert_eq!(take(&mut ledger, at(999), false), None);
        let (rows, until) = take(&mut ledger, at(1_000), false).unwrap();
        assert_eq!((rows.len(), until), (2, 2));
        assert!(rows.iter().all(|row| row.claimed_until == Some(Timestamp::MAX)));
        ledger.written();
        assert_eq!(ledger.due(), Some(at(10).after(OVERDUE)));
        assert_eq!(ledger.land(1, landed(1), None, at(1_001)), Landing::HasRow(landed(1)));
    }

    #[test]
    fn nobody_waits_long_for_one_that_has_no_answer() {
        let mut ledger = ledger(1..=4);
        ledger.land(2, landed(2), None, at(0));
        ledger.land(3, landed(3), None, at(5));
        assert_eq!(ledger.due(), Some(at(0).after(LONGEST)));
        assert_eq!(take(&mut ledger, at(24), false), None);
        let (rows, until) = take(&mut ledger, at(25), false).unwrap();
        assert_eq!(until, 3);
        let claims: Vec<bool> = rows.iter().map(|row| row.claimed_until.is_some()).collect();
        assert_eq!(claims, [true, false, false], "the first is in hand still");
        assert_eq!(rows[0].delivery, begun(1));
        // It lands while it is being written without what came of it, and the next one afterwards.
        assert_eq!(ledger.land(1, landed(1), Some(true), at(26)), Landing::Late);
        assert_eq!(ledger.written(), [(landed(1), Some(true))], "it has a row now, which has to be changed");
        assert_eq!(ledger.land(4, landed(4), None, at(27)), Landing::Joined);
        assert_eq!(ledger.landed(), 1);
        assert_eq!(
            ledger.land(1, landed(1), None, at(28)),
            Landing::HasRow(landed(1)),
            "it is not in the ledger any more"
        );
    }
}
