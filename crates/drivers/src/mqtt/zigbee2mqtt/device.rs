//! One device with its bolts: what its messages mean.
//!
//! Every state message repeats everything the hub has cached, whatever caused it: a lock's report, the radio
//! acknowledgement of a command (20 to 45 ms after it, with the *old* position), a battery report, the hub's own start.
//! What each is taken for:
//!
//! | Message | Taken for |
//! |---|---|
//! | with an `action` | a report that says what moved the bolt; its position comes from the action, not from its state |
//! | another position than the hub's last message had | the lock's word: an untagged report |
//! | the same position, a command open, `last_seen` is newer | the acknowledgement of that command: accepted, no word on the bolt |
//! | the same position, a read open, nothing but `last_seen` and `linkquality` is new | the answer to that read |
//! | the same position otherwise; anything retained; the hub's start | remembered: confirms nothing |
//!
//! What remains: something else that makes the lock talk (a periodic report that changes no field, an update query)
//! between a read and its answer is taken for the answer. It repeats the position that the hub has on record, so it
//! misleads only if that record is wrong as well.

use std::time::Duration;

use serde_json::{Map, Value};
use thumbturn_core::events::Method;
use thumbturn_core::ids::{AttemptId, NativeId};
use thumbturn_core::locks::Reachability;
use thumbturn_core::ports::{Answer, How, ReadId, Refused, Report, Said, Signal};
use thumbturn_core::time::Moment;

use super::actions::{self, Told};
use super::devices::{BoltSpec, Listed};
use super::message::{self, LastSeen};
use super::pending::{Due, Next, Pending};
use crate::mqtt::outbox::Outbox;

/// By how much the hub's clock may differ from ours where nothing better tells whether a message is new.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(3);

/// Beyond this the hub's clock is not worth passing on.
const WORTH_TELLING: Duration = Duration::from_secs(60);

/// How a message came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    /// When.
    pub(super) at: Moment,
    /// Kept by the broker from before.
    pub(super) retained: bool,
    /// The hub started a short while ago and publishes what it had cached.
    pub(super) hub_starting: bool,
}

/// One bolt of a device: what the engine calls a lock.
#[derive(Debug)]
pub(super) struct BoltState {
    pub(super) native: NativeId,
    /// What the hub's last message said of it.
    cached: Option<Said>,
    pub(super) pending: Pending,
}

/// A device of the list that has bolts.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) listed: Listed,
    pub(super) bolts: Vec<BoltState>,
    /// What the hub says of its availability, where it does.
    pub(super) available: Option<bool>,
    /// Whether the broker has confirmed the subscription to its topics. Before that its word would be missed, so it is not
    /// called reachable; the engine reads a lock that becomes reachable.
    pub(super) listening: bool,
    /// What the engine was told last.
    pub(super) reach: Option<Reachability>,
    /// The hub has started and has not yet published what it cached of this device.
    pub(super) cache_due: bool,
    last_seen: Option<(LastSeen, Moment)>,
    rest: Option<u64>,
    battery: Option<f64>,
    door: Option<bool>,
}

/// Whether the hub heard the lock for this message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freshness {
    Fresh,
    Stale,
    /// `last_seen` is switched off.
    Untold,
}

impl Device {
    pub(super) fn new(listed: Listed) -> Self {
        let bolts = listed.bolts.iter().map(|bolt| BoltState::new(native(&listed.ieee, bolt))).collect();
        Self {
            listed,
            bolts,
            available: None,
            listening: false,
            reach: None,
            cache_due: false,
            last_seen: None,
            rest: None,
            battery: None,
            door: None,
        }
    }

    /// Takes in a state message. Returns the properties that must be asked for once more.
    pub(super) fn hear(&mut self, message: &Map<String, Value>, heard: Heard, out: &mut Outbox) -> Vec<String> {
        let mut ask_again = Vec::new();
        let freshness = self.freshness(message, heard);
        let rest = message::rest(message, &self.listed.bolts);
        let context = Context {
            heard,
            freshness,
            seen: message::last_seen(message),
            other_news: self.rest.is_some_and(|known| known != rest),
            is_replay: heard.hub_starting
                && (freshness == Freshness::Stale || (freshness == Freshness::Untold && self.cache_due)),
        };
        if heard.retained {
            self.recall(message, heard, out);
        } else {
            ask_again = self.hear_live(message, &context, out);
            self.cache_due = false;
        }
        self.rest = Some(rest);
        if let Some(seen) = context.seen {
            self.last_seen = Some((seen, heard.at));
        }
        self.tell_battery_and_door(message, out);
        ask_again
    }

    fn hear_live(&mut self, message: &Map<String, Value>, context: &Context, out: &mut Outbox) -> Vec<String> {
        let mut ask_again = Vec::new();
        // An action does not name its bolt, so on a device with several it says nothing.
        let told = if self.bolts.len() == 1 { actions::read(message) } else { None };
        let has_action = message.get("action").is_some_and(|action| !action.is_null());
        for (bolt, spec) in self.bolts.iter_mut().zip(&self.listed.bolts) {
            let said = message::position(message, spec);
            match told {
                Some(Told::Operated(to, cause)) if said != Some(Said::Jammed) => {
                    bolt.operated(Said::At(to), cause, said, context, out);
                    continue;
                }
                Some(Told::Denied(reason)) => {
                    out.tell(Signal::Denied(bolt.native.clone(), reason, context.heard.at));
                }
                Some(Told::RadioRefused) => bolt.refused(context, out),
                _ => {}
            }
            if let Some(said) = said
                && bolt.hear(said, context, has_action, out)
            {
                ask_again.push(spec.state.clone());
            }
        }
        ask_again
    }

    /// What the broker kept: true once.
    fn recall(&mut self, message: &Map<String, Value>, heard: Heard, out: &mut Outbox) {
        for (bolt, spec) in self.bolts.iter_mut().zip(&self.listed.bolts) {
            if let Some(said) = message::position(message, spec) {
                bolt.cached.get_or_insert(said);
                out.said(&bolt.native, said, How::Remembered, heard.at);
            }
        }
    }

    fn freshness(&self, message: &Map<String, Value>, heard: Heard) -> Freshness {
        let Some(seen) = message::last_seen(message) else { return Freshness::Untold };
        let is_new = match self.last_seen {
            Some((known, _)) if seen.at > known.at => true,
            // Whole seconds cannot tell two messages within one second apart.
            Some((known, before)) if seen.at == known.at => {
                seen.coarse && heard.at.since(before) <= Duration::from_secs(1)
            }
            // Older than before: what a starting hub had on disk, or else its clock was put back.
            Some(_) => !heard.hub_starting,
            None => seen.is_near(heard.at, CLOCK_TOLERANCE),
        };
        if is_new { Freshness::Fresh } else { Freshness::Stale }
    }

    fn tell_battery_and_door(&mut self, message: &Map<String, Value>, out: &mut Outbox) {
        let battery = message::battery(message).filter(|level| self.battery.replace(*level) != Some(*level));
        let door = message::door(message).filter(|open| self.door.replace(*open) != Some(*open));
        for bolt in &self.bolts {
            if let Some(level) = battery {
                out.tell(Signal::Battery(bolt.native.clone(), level));
            }
            if let Some(open) = door {
                out.tell(Signal::Door(bolt.native.clone(), open));
            }
        }
    }

    /// The device cannot be reached: what was asked is void, and the next word is a first word.
    pub(super) fn lost_sight(&mut self, out: &mut Outbox) {
        for bolt in &mut self.bolts {
            bolt.cached = None;
            for read in bolt.pending.clear() {
                out.tell(Signal::ReadFailed(bolt.native.clone(), read));
            }
        }
    }

    /// What time alone brings about.
    pub(super) fn tick(&mut self, now: Moment, out: &mut Outbox) {
        for bolt in &mut self.bolts {
            for due in bolt.pending.tick(now) {
                match due {
                    Due::Failed(read) => out.tell(Signal::ReadFailed(bolt.native.clone(), read)),
                    Due::Settled(read, said, heard) => out.said(&bolt.native, said, How::Read(read), heard),
                }
            }
        }
    }
}

/// The name by which the engine knows a bolt: stable over renames.
pub(super) fn native(ieee: &str, bolt: &BoltSpec) -> NativeId {
    match &bolt.endpoint {
        Some(endpoint) => NativeId(format!("{ieee}/{endpoint}")),
        None => NativeId(ieee.to_owned()),
    }
}

/// What is known of a message besides its words.
struct Context {
    heard: Heard,
    freshness: Freshness,
    seen: Option<LastSeen>,
    other_news: bool,
    is_replay: bool,
}

impl Context {
    fn report(&self, said: Said, how: How) -> Report {
        let occurred_at = self
            .seen
            .filter(|seen| {
                self.freshness == Freshness::Fresh && !seen.coarse && seen.is_near(self.heard.at, WORTH_TELLING)
            })
            .map(|seen| seen.at);
        Report { said, how, heard: self.heard.at, occurred_at, sequence: None }
    }
}

impl LastSeen {
    fn is_near(&self, moment: Moment, tolerance: Duration) -> bool {
        moment.wall.duration_since(self.at).unsigned_abs() <= tolerance
    }
}

impl BoltState {
    fn new(native: NativeId) -> Self {
        Self { native, cached: None, pending: Pending::default() }
    }

    /// The lock says what moved its bolt. The message may still carry the state from before; the hub will repeat that
    /// one until the lock reports its state as well, so it is noted as what the hub has cached.
    fn operated(
        &mut self,
        to: Said,
        cause: Option<(Method, Option<u32>)>,
        cached: Option<Said>,
        context: &Context,
        out: &mut Outbox,
    ) {
        let how = cause.map_or(How::Untagged, |(method, slot)| How::Tagged(method, slot));
        if matches!(cause, Some((Method::Remote, _))) {
            self.pending.commands_are_through();
        }
        out.report(&self.native, context.report(to, how));
        if cached.is_some() {
            self.cached = cached;
        }
    }

    /// A code that came over the radio was wrong: our command is the only one that can have brought it.
    fn refused(&mut self, context: &Context, out: &mut Outbox) {
        if let Some(attempt) = self.pending.command_failed() {
            let why = "The lock wants a code with commands that come over the radio.";
            self.answer(attempt, Answer::Refused(Refused::Other(why.to_owned())), context.heard.at, out);
        }
    }

    fn answer(&self, attempt: AttemptId, answer: Answer, at: Moment, out: &mut Outbox) {
        out.tell(Signal::Answered(self.native.clone(), attempt, answer, at));
    }

    /// Takes in a position; `true` if an open read must be asked again.
    fn hear(&mut self, said: Said, context: &Context, has_action: bool, out: &mut Outbox) -> bool {
        let before = self.cached.replace(said);
        if before.is_some_and(|before| before != said) && !context.is_replay {
            self.pending.changed(said, context.heard.at);
            out.report(&self.native, context.report(said, How::Untagged));
            return false;
        }
        let is_clean = !has_action && !context.other_news && !context.is_replay;
        match self.pending.next(context.seen.is_some()) {
            Next::Acknowledgement if is_clean && context.freshness == Freshness::Fresh => {
                self.acknowledged(said, context, out);
                false
            }
            Next::Answer if is_clean && context.freshness != Freshness::Stale => {
                self.answered(said, context, out);
                false
            }
            next => {
                self.remember(said, before, next, context, out);
                let doubtful = context.is_replay || context.freshness == Freshness::Stale;
                next == Next::Answer && doubtful && !has_action && self.pending.ask_again()
            }
        }
    }

    /// The hub heard the lock and had nothing new to say: that was the acknowledgement. (A lock that refuses looks the
    /// same, so this says that the lock was reached, never that it moved.)
    fn acknowledged(&mut self, said: Said, context: &Context, out: &mut Outbox) {
        if let Some(attempt) = self.pending.acknowledged() {
            self.answer(attempt, Answer::Accepted, context.heard.at, out);
        }
        out.report(&self.native, context.report(said, How::Remembered));
    }

    fn answered(&mut self, said: Said, context: &Context, out: &mut Outbox) {
        if let Some(read) = self.pending.answered() {
            out.report(&self.native, context.report(said, How::Read(read)));
        }
    }

    /// A first word that the hub heard just now is the lock's, if no command may have caused it; everything else is what
    /// the hub had cached.
    fn remember(&self, said: Said, before: Option<Said>, next: Next, context: &Context, out: &mut Outbox) {
        let is_first_word = before.is_none() && next == Next::Nothing && !context.is_replay;
        let how = match context.freshness {
            Freshness::Fresh if is_first_word => How::Untagged,
            Freshness::Untold if is_first_word && !context.heard.hub_starting => How::Untagged,
            _ => How::Remembered,
        };
        out.report(&self.native, context.report(said, how));
    }

    /// Notes a command that was handed to the hub.
    pub(super) fn commanded(&mut self, attempt: AttemptId, at: Moment) {
        self.pending.commanded(attempt, at);
    }

    /// Notes a read that was handed to the hub.
    pub(super) fn asked(&mut self, read: ReadId, at: Moment) {
        self.pending.asked(read, at);
    }
}
