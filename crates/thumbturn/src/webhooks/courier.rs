//! One courier for each webhook: what happens in its workspace becomes deliveries, and what is due is sent. Couriers know
//! nothing of each other, so a receiver that is slow or dead delays nobody else.
//!
//! The events are the queue. Where there is no other node, a delivery is sent first and written down with what came of it, in
//! one transaction with how far the courier has come; among several nodes it is written down when there is a place to send it
//! from. So nothing is lost when the program ends in between, and a receiver that is away for long fills no table.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use thumbturn_core::ports::StoreError;
use thumbturn_core::scope::Scope;
use thumbturn_core::time::Moment;
use thumbturn_core::webhooks::Webhook;
use thumbturn_store::Settlement;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::breaker::AT_ONCE;
use super::flight::{Flown, Recorded, Settled, record, settle};
use super::lanes::{Kept, Landed, Lanes, Look};
use super::ledger::{Landing, Ledger, WORTH_A_COMMIT};
use super::office::Office;
use super::refill::{Refill, Refilled, UNNOTED};

/// A courier has in hand what it can send within this time: those on their way, those that go next, and those whose end is
/// being written down.
const WORTH: Duration = Duration::from_millis(250);

/// At least and at most so many times what is on its way at once.
const ROUNDS: (u32, u32) = (4, 16);

/// At most so many times, where there is no other node that would wait for them if this one dies: a commit has its price, and
/// so has a look at the events.
const ROUNDS_ALONE: u32 = 128;

/// Even if nobody says that there is something to do, a courier looks after this time.
const LOOKS_AFTER: Duration = Duration::from_secs(30);

/// After the database failed.
const TRIES_AGAIN: Duration = Duration::from_secs(1);

/// How long messages that are on their way may take at the end of the server, and how long it may take then to write down what
/// came of them.
const LAST_WAITS: [Duration; 2] = [Duration::from_secs(4), Duration::from_secs(1)];

/// Who serves one webhook.
pub(super) struct Courier {
    office: Arc<Office>,
    webhook: Webhook,
    /// The place up to which every event was looked at.
    seen: i64,
    /// Whether there may be events after it.
    is_behind: bool,
    /// What is sent next, and what is on its way.
    lanes: Arc<Lanes>,
    flights: JoinSet<()>,
    /// What is in hand and has no row yet. It has a number: what is given up is not taken for what comes after it.
    ledger: Ledger,
    ledger_number: u64,
    /// Whether the webhook has failed, as far as that is not written down: since when, in the order of the attempts.
    failing: Vec<(bool, Timestamp)>,
    /// At most one, which writes down what is in the ledger.
    writing: JoinSet<Settled>,
    /// What could not be written down must not be sent every second.
    writes_first: bool,
    /// At most one, which takes more in hand.
    refills: JoinSet<Refilled>,
    /// After trouble with the database: when to try again.
    rests_until: Option<Moment>,
    /// What has landed and had a row before.
    records: JoinSet<Recorded>,
    /// When the next delivery that is not in hand is due, as far as is known.
    next_due: Option<Timestamp>,
    /// When to look whether it still is.
    looks_at: Moment,
    is_gone: bool,
    /// Somebody made something due.
    due: Arc<Notify>,
}

impl Courier {
    pub(super) fn new(office: Arc<Office>, webhook: Webhook, due: Arc<Notify>) -> Self {
        let now = office.clock.now();
        Self {
            lanes: Lanes::new(Arc::clone(&office), &webhook, WORTH),
            office,
            seen: webhook.queued_until,
            webhook,
            is_behind: true,
            flights: JoinSet::new(),
            ledger: Ledger::default(),
            ledger_number: 0,
            failing: Vec::new(),
            writing: JoinSet::new(),
            writes_first: false,
            refills: JoinSet::new(),
            rests_until: None,
            records: JoinSet::new(),
            next_due: Some(Timestamp::MIN),
            looks_at: now.after(LOOKS_AFTER),
            is_gone: false,
            due,
        }
    }

    /// Works until it is stopped, or its webhook is gone. `known` tells when somebody changed the webhook.
    pub(super) async fn run(mut self, mut known: watch::Receiver<Webhook>, stop: CancellationToken) {
        let mut events = self.office.store.watch_events(self.webhook.workspace);
        while !self.is_gone {
            let next = self.work().await;
            let (clock, due, lanes) = (Arc::clone(&self.office.clock), Arc::clone(&self.due), Arc::clone(&self.lanes));
            tokio::select! {
                () = stop.cancelled() => break,
                () = lanes.called() => {}
                Some(ended) = self.flights.join_next() => {
                    if ended.is_err() {
                        // A fault of ours: another courier begins anew, from what was written down.
                        break;
                    }
                }
                Some(written) = self.writing.join_next() => self.written(written).await,
                Some(recorded) = self.records.join_next() => self.recorded(recorded).await,
                Some(refilled) = self.refills.join_next() => self.refilled(refilled),
                told = events.told() => {
                    if !told {
                        break;
                    }
                    self.is_behind = true;
                }
                changed = known.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let webhook = known.borrow_and_update().clone();
                    self.learn(webhook);
                }
                () = due.notified() => self.next_due = Some(Timestamp::MIN),
                () = clock.sleep_until(next) => {}
            }
        }
        self.come_home().await;
    }

    /// Waits for what is on its way, and until it is written down. Who does not make it is sent again, under the same id.
    async fn come_home(&mut self) {
        self.lanes.give_up(|_| false);
        self.refills.abort_all();
        let [flights, writing] = LAST_WAITS;
        let _ = tokio::time::timeout(flights, async { while self.flights.join_next().await.is_some() {} }).await;
        let last = async {
            while let Some(written) = self.writing.join_next().await {
                self.written(written).await;
            }
            self.take_landed(self.office.clock.now());
            self.write(self.office.clock.now(), true);
            while self.writing.join_next().await.is_some() {}
            while self.records.join_next().await.is_some() {}
        };
        let _ = tokio::time::timeout(writing, last).await;
    }

    /// What the database says of the webhook. How far this courier has come, it may not know yet.
    fn learn(&mut self, webhook: Webhook) {
        let queued_until = self.webhook.queued_until.max(webhook.queued_until);
        let (was_disabled, is_disabled) = (self.webhook.disabled_at.is_some(), webhook.disabled_at.is_some());
        self.seen = self.seen.max(queued_until);
        self.webhook = Webhook { queued_until, ..webhook };
        self.lanes.readdress(&self.webhook);
        self.is_behind = true;
        if was_disabled != is_disabled {
            self.give_up(); // dropped when it was disabled
        }
        if was_disabled && !is_disabled {
            self.lanes.close_breaker();
            self.next_due = Some(Timestamp::MIN); // what was replayed meanwhile
        }
    }

    /// Gives up what is ready, and everything that is not written down.
    fn give_up(&mut self) {
        self.lanes.give_up(|_| false);
        self.give_up_unwritten();
    }

    /// Begins anew after what was written down.
    fn give_up_unwritten(&mut self) {
        self.lanes.give_up(|parcel| matches!(parcel.kept, Kept::Until(_)));
        self.ledger = Ledger::default();
        self.ledger_number += 1;
        self.failing.clear();
        self.seen = self.webhook.queued_until;
        self.is_behind = true;
    }

    /// Takes what there is room for, sends what may be sent, has written down what has landed, and says when to look again.
    async fn work(&mut self) -> Moment {
        let now = self.office.clock.now();
        self.take_landed(now);
        if self.webhook.disabled_at.is_some() {
            if now.reached(self.looks_at) {
                self.looks_at = now.after(LOOKS_AFTER);
                if let Err(error) = self.ask().await {
                    tracing::warn!(webhook = %self.webhook.id, %error, "a webhook cannot be read; trying again");
                }
            }
            return self.looks_at;
        }
        if now.reached(self.looks_at) {
            self.looks_at = now.after(LOOKS_AFTER);
            self.is_behind = true;
            self.next_due = Some(Timestamp::MIN);
        }
        self.lanes.start(now, &mut self.flights);
        let look = self.lanes.look(now);
        self.write(now, look.in_air == 0);
        self.refill(now, &look);
        let next = self.next_look(now, &look);
        self.ledger.due().filter(|_| self.writing.is_empty()).map_or(next, |due| due.or_earlier(next))
    }

    fn next_look(&self, now: Moment, look: &Look) -> Moment {
        if let Some(opens_at) = look.opens_at {
            return opens_at.or_earlier(self.looks_at);
        }
        if self.room(look) == 0 || !self.refills.is_empty() {
            return self.looks_at; // what lands makes room, and what is taken tells
        }
        if let Some(until) = self.rests_until.filter(|until| !now.reached(*until)) {
            return until.or_earlier(self.looks_at);
        }
        if self.is_behind {
            return now;
        }
        match self.next_due {
            Some(due) => {
                let wait = Duration::try_from(due.duration_since(now.wall)).unwrap_or_default();
                now.after(wait).or_earlier(self.looks_at)
            }
            None => self.looks_at,
        }
    }

    /// How many deliveries are worth to be in hand, if a message takes so long: what is sent within a moment.
    fn in_hand(&self, pace: Duration) -> usize {
        let rounds = WORTH.as_micros() / pace.as_micros().max(1);
        let most = if self.office.is_alone { ROUNDS_ALONE } else { ROUNDS.1 };
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX).clamp(ROUNDS.0, most);
        AT_ONCE * usize::try_from(rounds).unwrap_or(1)
    }

    /// How many more deliveries may be taken in hand.
    fn room(&self, look: &Look) -> usize {
        let in_hand = self.in_hand(look.pace);
        let most = match look.slots {
            slots if slots < AT_ONCE => slots,
            _ if look.ready > in_hand / 2 => 0, // some at a time: each costs some reads
            _ => in_hand,
        };
        most.saturating_sub(look.ready + look.in_air + self.ledger.landed() + self.records.len())
    }

    /// Has more taken in hand, if there may be more and there is room.
    fn refill(&mut self, now: Moment, look: &Look) {
        let (room, is_due) = (self.room(look), self.next_due.is_some_and(|due| due <= now.wall));
        let rests = self.rests_until.is_some_and(|until| !now.reached(until));
        self.lanes.call_when_low(self.in_hand(look.pace) / 2);
        if room == 0 || rests || !self.refills.is_empty() || !(is_due || self.is_behind) {
            return;
        }
        // What is heard from now on, counts for the next time.
        let is_behind = std::mem::take(&mut self.is_behind);
        if is_due {
            self.next_due = None;
        }
        let is_early = self.office.is_alone && !self.writes_first;
        let (office, webhook, seen) = (Arc::clone(&self.office), self.webhook.clone(), self.seen);
        let refill = Refill { office, webhook, seen, room, is_due, is_behind, ledger: self.ledger_number, is_early };
        self.refills.spawn(refill.run());
    }

    /// Has what was taken in hand.
    fn refilled(&mut self, taken: Result<Refilled, JoinError>) {
        let mut taken = match taken {
            Ok(taken) => taken,
            Err(error) if error.is_cancelled() => return,
            Err(_) => Refilled { is_behind: true, next_due: Some(Timestamp::MIN), ..Refilled::default() },
        };
        self.is_behind |= taken.is_behind;
        self.due_at(taken.next_due);
        if taken.ledger == self.ledger_number {
            self.seen = self.seen.max(taken.seen.unwrap_or(self.seen));
            if let Some(noted) = taken.noted {
                self.webhook.queued_until = self.webhook.queued_until.max(noted);
                self.writes_first = false;
            }
        } else {
            // What was in hand was given up meanwhile: what came after it comes again.
            taken.parcels.retain(|parcel| matches!(parcel.kept, Kept::Until(_)));
            self.is_behind = true;
        }
        if self.webhook.disabled_at.is_none() {
            let now = self.office.clock.now();
            let begun = taken.parcels.iter().filter_map(|parcel| match parcel.kept {
                Kept::NotYet(place) => Some((place.sequence, parcel.delivery.clone())),
                Kept::Until(_) => None,
            });
            self.ledger.add(begun, now);
            self.lanes.add(taken.parcels);
        }
        match taken.webhook {
            None => {}
            Some(None) => self.is_gone = true,
            Some(Some(webhook)) => {
                let queued_until = webhook.queued_until;
                self.learn(webhook);
                if self.ledger.is_empty() {
                    (self.seen, self.webhook.queued_until) = (queued_until, queued_until);
                }
            }
        }
        self.rests_until = None;
        if let Some(error) = taken.trouble {
            self.rest(&error);
        }
    }

    /// The database failed.
    fn rest(&mut self, error: &dyn std::error::Error) {
        tracing::warn!(webhook = %self.webhook.id, %error, "webhook deliveries cannot be queued; trying again");
        self.rests_until = Some(self.office.clock.now().after(TRIES_AGAIN));
        self.is_behind = true;
        self.next_due = Some(Timestamp::MIN);
    }

    /// A delivery is due then.
    fn due_at(&mut self, due: Option<Timestamp>) {
        self.next_due = [self.next_due, due].into_iter().flatten().min();
    }

    /// Reads what the webhook is now.
    async fn ask(&mut self) -> Result<(), StoreError> {
        let scope = Scope::workspace_wide(self.webhook.workspace);
        match self.office.store.webhook(&scope, self.webhook.id).await? {
            Some(webhook) => {
                self.learn(webhook);
                self.give_up_unwritten();
            }
            None => self.is_gone = true,
        }
        Ok(())
    }

    /// Learns from the flights that are over. As long as some wait to be written down, it is enough to hear of more when they
    /// are worth it.
    fn take_landed(&mut self, now: Moment) {
        let waits = self.ledger.landed() > 0;
        let is_early = |landed: &Landed| matches!(landed.flown.kept, Kept::NotYet(_));
        let calls_at = |landed: &[Landed]| if waits || landed.iter().any(is_early) { WORTH_A_COMMIT / 2 } else { 1 };
        let (landed, comes_back) = self.lanes.take_landed(calls_at);
        self.due_at(comes_back);
        for landed in landed {
            self.land(landed, now);
        }
    }

    /// Learns from a flight that is over, and sees to it that it is written down.
    fn land(&mut self, landed: Landed, now: Moment) {
        let Landed { flown: Flown { delivery, attempt, kept }, was_failing } = landed;
        let was_failing = was_failing || self.webhook.failing_since.is_some();
        let failing = match &attempt {
            None => None,
            Some(attempt) if attempt.answer.is_success() => {
                self.webhook.failing_since = None;
                was_failing.then_some(false)
            }
            Some(attempt) => {
                self.webhook.failing_since.get_or_insert(attempt.at);
                Some(true)
            }
        };
        let Kept::NotYet(place) = kept else {
            self.records.spawn(record(Arc::clone(&self.office), delivery, failing));
            return;
        };
        if place.ledger != self.ledger_number {
            return; // its event is taken again
        }
        match self.ledger.land(place.sequence, delivery, failing, now) {
            Landing::Joined => {
                if let (Some(failing), Some(attempt)) = (failing, attempt)
                    && self.failing.last().is_none_or(|(last, _)| *last != failing)
                {
                    self.failing.push((failing, attempt.at));
                }
            }
            Landing::Late => {}
            Landing::HasRow(delivery) => {
                self.records.spawn(record(Arc::clone(&self.office), delivery, failing));
            }
        }
    }

    /// Has written down what is worth it.
    fn write(&mut self, now: Moment, is_idle: bool) {
        if !self.writing.is_empty() {
            return;
        }
        let claimed_until = self.office.claimed_until(now.wall);
        let (rows, until) = match self.ledger.take(now, is_idle, self.seen, claimed_until) {
            Some(taken) => taken,
            // Nobody wants to be told of all that.
            None if self.ledger.is_empty() && self.seen - self.webhook.queued_until >= UNNOTED => {
                (Vec::new(), self.seen)
            }
            None => return,
        };
        let settlement = Settlement {
            webhook: self.webhook.id,
            from: self.webhook.queued_until,
            until,
            rows,
            failing: std::mem::take(&mut self.failing),
        };
        self.writing.spawn(settle(Arc::clone(&self.office), settlement, self.ledger_number));
    }

    /// What was in the ledger was written down, or could not be.
    async fn written(&mut self, written: Result<Settled, JoinError>) {
        let Ok(Settled { ledger, until, claimed_until, next_due, has_failed, outcome }) = written else {
            return self.give_up_unwritten();
        };
        let is_current = ledger == self.ledger_number;
        match outcome {
            Ok(true) => {
                self.webhook.queued_until = self.webhook.queued_until.max(until);
                self.seen = self.seen.max(until);
                self.due_at(next_due);
                if is_current {
                    if let Some(claimed_until) = claimed_until {
                        self.lanes.kept(until, claimed_until);
                    }
                    for (late, failing) in self.ledger.written() {
                        self.records.spawn(record(Arc::clone(&self.office), late, failing));
                    }
                }
            }
            Ok(false) => {
                if let Err(error) = self.ask().await {
                    self.give_up_unwritten();
                    self.rest(&error);
                }
            }
            Err(error) => {
                self.give_up_unwritten();
                self.writes_first = true;
                self.rest(&error);
            }
        }
        if has_failed {
            self.judge().await;
        }
    }

    /// What came of an attempt was written down.
    async fn recorded(&mut self, recorded: Result<Recorded, JoinError>) {
        let Ok(Recorded { next_due, has_failed }) = recorded else {
            self.next_due = Some(Timestamp::MIN);
            return;
        };
        self.due_at(next_due);
        if has_failed {
            self.judge().await;
        }
    }

    /// Disables the webhook, if every attempt has failed for too long.
    async fn judge(&mut self) {
        let now = self.office.clock.now().wall;
        if let Some(since) = self.webhook.failing_since
            && now.duration_since(since) >= self.office.disable_after
        {
            self.disable(since, now).await;
        }
    }

    async fn disable(&mut self, since: Timestamp, now: Timestamp) {
        match self.office.store.disable_webhook(self.webhook.id, since, now).await {
            Ok(true) => {
                self.office.figures.disabled();
                tracing::warn!(
                    webhook = %self.webhook.id,
                    failing_since = %since,
                    "a webhook is disabled: every attempt has failed for too long; /thumbturn/webhooks/enable enables it"
                );
            }
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(webhook = %self.webhook.id, %error, "a webhook could not be disabled; trying again");
                return;
            }
        }
        self.webhook.disabled_at = Some(now);
        self.refills.abort_all();
        self.give_up();
        self.next_due = None;
    }
}
