//! The lanes of one courier: messages that are on their way at the same time, each over a connection of its own. A lane that
//! is free takes what is ready by itself; the courier is called when there is something to decide or enough to write down.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use thumbturn_core::time::Moment;
use thumbturn_core::webhooks::{Delivery, Webhook};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::breaker::{AT_ONCE, Breaker};
use super::destination::Destination;
use super::flight::{Flown, fly};
use super::line::Line;
use super::office::Office;
use super::signature::Signer;

/// A delivery in hand.
pub(super) struct Parcel {
    pub(super) delivery: Delivery,
    /// The event as it is sent; `None`: it has to be read.
    pub(super) body: Option<Bytes>,
    pub(super) kept: Kept,
}

/// Whether a delivery in hand has a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept {
    /// It has, and nobody else takes it until then.
    Until(Timestamp),
    /// It has none: it is written down with what comes of it.
    NotYet(Place),
}

/// Where a delivery stands that is not written down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The place of its event in commit order.
    pub(super) sequence: i64,
    /// The ledger that it is in.
    pub(super) ledger: u64,
}

/// A webhook, with what its messages need.
pub(super) struct Recipient {
    pub(super) webhook: Webhook,
    pub(super) destination: Option<Destination>,
    pub(super) signer: Signer,
}

impl Recipient {
    pub(super) fn of(webhook: &Webhook) -> Arc<Self> {
        let (destination, signer) = (Destination::of(&webhook.url), Signer::of(webhook));
        Arc::new(Self { webhook: webhook.clone(), destination, signer })
    }
}

/// A flight that is over.
pub(super) struct Landed {
    pub(super) flown: Flown,
    /// Whether the message before had failed.
    pub(super) was_failing: bool,
}

/// How the lanes stand.
pub(super) struct Look {
    /// Deliveries that go next.
    pub(super) ready: usize,
    /// Messages on their way.
    pub(super) in_air: usize,
    /// How many may be.
    pub(super) slots: usize,
    /// When there are some, if there are none.
    pub(super) opens_at: Option<Moment>,
    /// How long a message takes, as a rule.
    pub(super) pace: Duration,
}

struct State {
    to: Arc<Recipient>,
    ready: VecDeque<Parcel>,
    in_air: usize,
    landed: Vec<Landed>,
    /// The courier is called when so many have landed.
    calls_at: usize,
    /// And when no more than so many are ready.
    is_low_at: usize,
    /// When something comes back that was in hand for too long.
    comes_back: Option<Timestamp>,
    breaker: Breaker,
    pace: Duration,
    /// Connections that nobody uses.
    lines: Vec<Line>,
}

/// The lanes of a courier.
pub(super) struct Lanes {
    office: Arc<Office>,
    /// Until a message was taken, and after one failed, each is taken to take so long.
    unknown_pace: Duration,
    state: Mutex<State>,
    bell: Notify,
}

impl Lanes {
    pub(super) fn new(office: Arc<Office>, webhook: &Webhook, unknown_pace: Duration) -> Arc<Self> {
        let state = State {
            to: Recipient::of(webhook),
            ready: VecDeque::new(),
            in_air: 0,
            landed: Vec::new(),
            calls_at: 1,
            is_low_at: 0,
            comes_back: None,
            breaker: Breaker::default(),
            pace: unknown_pace,
            lines: Vec::new(),
        };
        Arc::new(Self { office, unknown_pace, state: Mutex::new(state), bell: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when the courier is called.
    pub(super) async fn called(&self) {
        self.bell.notified().await;
    }

    /// The webhook was changed: what is sent from now on is for what it is now.
    pub(super) fn readdress(&self, webhook: &Webhook) {
        let to = Recipient::of(webhook);
        self.state().to = to;
    }

    /// Forgets that messages have failed.
    pub(super) fn close_breaker(&self) {
        self.state().breaker = Breaker::default();
    }

    /// More that is to be sent, after what is ready.
    pub(super) fn add(&self, parcels: Vec<Parcel>) {
        self.state().ready.extend(parcels);
    }

    /// Gives up what is ready, unless `stays` says otherwise.
    pub(super) fn give_up(&self, stays: impl FnMut(&Parcel) -> bool) {
        self.state().ready.retain(stays);
    }

    /// What is ready of events up to `until` has a row now, and nobody else takes it until then.
    pub(super) fn kept(&self, until: i64, claimed_until: Timestamp) {
        for parcel in &mut self.state().ready {
            if matches!(parcel.kept, Kept::NotYet(place) if place.sequence <= until) {
                parcel.kept = Kept::Until(claimed_until);
            }
        }
    }

    /// What has landed since the last time, oldest first, and when something comes back that was in hand for too long. The
    /// courier is called again when so many more have landed, or none is on its way.
    pub(super) fn take_landed(&self, calls_at: impl FnOnce(&[Landed]) -> usize) -> (Vec<Landed>, Option<Timestamp>) {
        let mut state = self.state();
        let landed = std::mem::take(&mut state.landed);
        state.calls_at = calls_at(&landed);
        (landed, state.comes_back.take())
    }

    /// Has the courier called when no more than so many are ready.
    pub(super) fn call_when_low(&self, ready: usize) {
        self.state().is_low_at = ready;
    }

    pub(super) fn look(&self, now: Moment) -> Look {
        let state = self.state();
        Look {
            ready: state.ready.len(),
            in_air: state.in_air,
            slots: state.breaker.slots(now),
            opens_at: state.breaker.opens_at(now),
            pace: state.pace,
        }
    }

    /// Sends what there are slots for.
    pub(super) fn start(self: &Arc<Self>, now: Moment, flights: &mut JoinSet<()>) {
        let mut state = self.state();
        state.lines.retain(Line::is_fresh);
        while let Some(parcel) = self.next(&mut state, now) {
            let (to, line) = (Arc::clone(&state.to), state.lines.pop());
            flights.spawn(Arc::clone(self).lane(to, parcel, line));
        }
    }

    /// What is sent next, if there is a slot for it. What was in hand for too long may be somebody else's by now.
    fn next(&self, state: &mut State, now: Moment) -> Option<Parcel> {
        if state.in_air >= state.breaker.slots(now) {
            return None;
        }
        while let Some(parcel) = state.ready.pop_front() {
            if let Kept::Until(claimed_until) = parcel.kept {
                let latest = claimed_until.checked_sub(self.office.sender.timeout() + Duration::from_secs(5));
                if latest.is_ok_and(|latest| latest < now.wall) {
                    state.comes_back = [state.comes_back, Some(claimed_until)].into_iter().flatten().min();
                    continue;
                }
            }
            state.in_air += 1;
            return Some(parcel);
        }
        None
    }

    /// Sends one after the other as long as there are any.
    async fn lane(self: Arc<Self>, mut to: Arc<Recipient>, mut parcel: Parcel, mut line: Option<Line>) {
        loop {
            let flown = fly(&self.office, &to, &mut line, parcel).await;
            match self.land(flown, &mut line) {
                Some(next) => (to, parcel) = next,
                None => return,
            }
        }
    }

    /// A flight is over; the next one, if there is any. Otherwise the line is kept for later.
    fn land(&self, flown: Flown, line: &mut Option<Line>) -> Option<(Arc<Recipient>, Parcel)> {
        let now = self.office.clock.now();
        let mut state = self.state();
        let (was_failing, ready) = (state.breaker.is_failing(), state.ready.len());
        let has_succeeded = flown.attempt.as_ref().is_none_or(|attempt| attempt.answer.is_success());
        match &flown.attempt {
            None => {}
            Some(attempt) if has_succeeded => {
                state.breaker.succeeded();
                state.pace = (3 * state.pace + attempt.took) / 4;
            }
            Some(_) => {
                state.breaker.failed(now);
                state.pace = self.unknown_pace;
            }
        }
        state.landed.push(Landed { flown, was_failing });
        state.in_air -= 1;
        let next = self.next(&mut state, now);
        if next.is_none() && state.lines.len() < AT_ONCE {
            state.lines.extend(line.take());
        }
        let is_low = ready > state.is_low_at && state.ready.len() <= state.is_low_at;
        let calls =
            !has_succeeded || was_failing || is_low || state.in_air == 0 || state.landed.len() >= state.calls_at;
        let next = next.map(|parcel| (Arc::clone(&state.to), parcel));
        drop(state);
        if calls {
            self.bell.notify_one();
        }
        next
    }
}
