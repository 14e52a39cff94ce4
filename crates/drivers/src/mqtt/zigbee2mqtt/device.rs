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
//! | a first position, heard just now, nothing open | the lock's word; without `last_seen` it may be old: remembered, and asked about |
//! | the same position otherwise; anything retained; the hub's start | remembered: confirms nothing |
//!
//! What a message says of when the lock locks itself has rules of its own: see `auto_lock`.
//!
//! On a device with several bolts one message settles at most one request, the oldest of the device; what one bolt does
//! is news that settles none of the other's.
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

use super::actions::{self, Refusal, Told};
use super::auto_lock::{Outcome, Setting, Telling};
use super::devices::{BoltSpec, Listed};
use super::info::Settings;
use super::message::{self, LastSeen};
use super::pending::{Due, Next, OWN_READ, Pending};
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
    /// Its place in the device.
    place: usize,
    readable: bool,
    /// What the hub's last message said of it.
    cached: Option<Said>,
    /// Everything else that the hub's last message said.
    rest: Option<u64>,
}

/// A device of the list that has bolts.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) listed: Listed,
    pub(super) bolts: Vec<BoltState>,
    /// What was asked of it.
    pub(super) pending: Pending,
    /// What the hub says of its availability, where it does.
    pub(super) available: Option<bool>,
    /// Whether its word is heard. A device that is not listened to is not called reachable; the engine reads a lock that
    /// becomes reachable.
    pub(super) ear: Ear,
    /// What the engine was told last.
    pub(super) reach: Option<Reachability>,
    /// The hub has started and has not yet published what it cached of this device.
    pub(super) cache_due: bool,
    last_seen: Option<(LastSeen, Moment)>,
    battery: Option<f64>,
    door: Option<bool>,
    /// When it locks itself.
    pub(super) setting: Setting,
}

/// Whether a device's word is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ear {
    /// Its name cannot be part of a topic that we could listen to.
    Deaf,
    /// The broker has not yet confirmed the subscription to its topics.
    Opening,
    /// It was heard under another name, and the broker has not yet confirmed the subscription to its new topics. What it
    /// says meanwhile is missed.
    Turning,
    /// It is listened to.
    Open,
}

impl Ear {
    /// Whether it may be commanded: under a new name it will be heard before a bolt has moved, or else read.
    pub(super) const fn may_command(self) -> bool {
        matches!(self, Self::Open | Self::Turning)
    }
}

/// What a position was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// The lock's word.
    Word,
    /// What the hub had cached.
    Memory,
    /// The same, and the bolt must be asked.
    Doubt,
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
        let specs = listed.bolts.iter().enumerate();
        let bolts = specs.map(|(place, spec)| BoltState::new(native(&listed.ieee, spec), place, spec)).collect();
        Self {
            listed,
            bolts,
            pending: Pending::default(),
            available: None,
            ear: Ear::Opening,
            reach: None,
            cache_due: false,
            last_seen: None,
            battery: None,
            door: None,
            setting: Setting::default(),
        }
    }

    /// Whether the hub says nothing against it. Once it no longer tells availability, what it told is void.
    pub(super) fn is_available(&self, settings: &Settings) -> bool {
        let is_called_away = self.available == Some(false) && settings.tells_availability(&self.listed.ieee);
        !is_called_away && !self.listed.is_disabled
    }

    /// Takes in a state message. Returns the properties that must be asked for.
    pub(super) fn hear(&mut self, message: &Map<String, Value>, heard: Heard, out: &mut Outbox) -> Vec<String> {
        let mut ask = Vec::new();
        let freshness = self.freshness(message, heard);
        let seen = message::last_seen(message);
        let context = Context {
            heard,
            freshness,
            seen,
            next: self.pending.next(seen.is_some()),
            is_shared: self.bolts.len() > 1,
            has_action: message.get("action").is_some_and(|action| !action.is_null()),
            is_replay: heard.hub_starting
                && (freshness == Freshness::Stale || (freshness == Freshness::Untold && self.cache_due)),
        };
        if heard.retained {
            self.recall(message, heard, out);
        } else {
            ask = self.hear_live(message, &context, out);
            self.cache_due = false;
        }
        ask.extend(self.hear_setting(message, &context, out));
        for (bolt, spec) in self.bolts.iter_mut().zip(&self.listed.bolts) {
            bolt.rest = Some(message::rest(message, spec));
        }
        if let Some(seen) = context.seen {
            self.last_seen = Some((seen, heard.at));
        }
        self.tell_battery_and_door(message, out);
        ask
    }

    fn hear_live(&mut self, message: &Map<String, Value>, context: &Context, out: &mut Outbox) -> Vec<String> {
        let mut ask = Vec::new();
        let mut has_spoken = context.freshness == Freshness::Fresh || context.has_action;
        // An action does not name its bolt, so on a device with several it says nothing.
        let told = if context.is_shared { None } else { actions::read(message) };
        let pending = &mut self.pending;
        for (bolt, spec) in self.bolts.iter_mut().zip(&self.listed.bolts) {
            let said = message::position(message, spec);
            match told {
                Some(Told::Operated(to, cause)) if said != Some(Said::Jammed) => {
                    bolt.operated((Said::At(to), cause), said, context, pending, out);
                    continue;
                }
                Some(Told::Denied(reason)) => {
                    out.tell(Signal::Denied(bolt.native.clone(), reason, context.heard.at));
                }
                Some(Told::RadioRefused(refusal)) => bolt.refused(refusal, context, pending, out),
                _ => {}
            }
            let Some(said) = said else { continue };
            match bolt.hear((said, message::rest(message, spec)), context, pending, out) {
                Taken::Word => has_spoken = true,
                Taken::Memory => {}
                Taken::Doubt => ask.push(spec.state.clone()),
            }
        }
        if has_spoken {
            // Whatever was said of its availability is older than its own word.
            self.available = None;
        }
        ask
    }

    /// What a message says of when the lock locks itself. Returns the property if it must be asked for.
    fn hear_setting(&mut self, message: &Map<String, Value>, context: &Context, out: &mut Outbox) -> Option<String> {
        let offer = self.listed.auto_lock.as_ref()?;
        let telling = Telling {
            at: context.heard.at,
            value: offer.told(message),
            rest: message::fingerprint(message, |key| key == offer.property),
            may_answer: !context.has_action && context.freshness != Freshness::Stale,
            is_old: context.heard.retained || context.is_replay,
            has_spoken: context.freshness == Freshness::Fresh || context.has_action,
            next: context.next,
        };
        let outcome = self.setting.hear(telling, &mut self.pending);
        self.settle_setting(outcome, context.heard.at, out)
    }

    /// Tells what came of a setting. Returns the property if it must be asked for.
    pub(super) fn settle_setting(&self, outcome: Outcome, at: Moment, out: &mut Outbox) -> Option<String> {
        let native = &self.bolts.first()?.native;
        if let Some(told) = outcome.told {
            out.tell(Signal::AutoLock(native.clone(), told));
        }
        if let Some((attempt, answer)) = outcome.answer {
            out.tell(Signal::Answered(native.clone(), attempt, answer, at, None));
        }
        self.listed.auto_lock.as_ref().filter(|_| outcome.ask).map(|offer| offer.property.clone())
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

    /// The device has another name: until it is heard under that, and was asked, nobody knows what it said meanwhile.
    /// `audible`: the name can be part of a topic.
    pub(super) fn renamed(&mut self, audible: bool, at: Moment, out: &mut Outbox) {
        let was_heard = matches!(self.ear, Ear::Open | Ear::Turning);
        self.ear = match (audible, was_heard) {
            (false, _) => Ear::Deaf,
            (true, true) => Ear::Turning,
            (true, false) => Ear::Opening,
        };
        for bolt in &mut self.bolts {
            bolt.cached = None;
            out.said(&bolt.native, Said::Unsure, How::Untagged, at);
        }
    }

    /// The broker has confirmed the subscription to its topics. Returns the properties that must be asked for.
    pub(super) fn heard_from_now_on(&mut self, at: Moment) -> Vec<String> {
        // The engine asks a lock that becomes reachable.
        let missed_something = self.ear == Ear::Turning && self.reach == Some(Reachability::Reachable);
        if self.ear != Ear::Deaf {
            self.ear = Ear::Open;
        }
        let mut ask = Vec::new();
        for (bolt, spec) in self.bolts.iter().zip(&self.listed.bolts) {
            if missed_something && spec.readable && self.pending.has_room(bolt.place) {
                self.pending.asked(bolt.place, OWN_READ, at);
                ask.push(spec.state.clone());
            }
        }
        ask
    }

    /// The device cannot be reached: what was asked is void, and the next word is a first word.
    pub(super) fn lost_sight(&mut self, out: &mut Outbox) {
        self.bolts.iter_mut().for_each(|bolt| bolt.cached = None);
        self.setting.lost_sight();
        self.give_up_reads(out);
    }

    /// Nothing that was asked will be answered.
    pub(super) fn give_up_reads(&mut self, out: &mut Outbox) {
        for (place, read) in self.pending.clear() {
            if let Some(bolt) = self.bolts.get(place) {
                out.tell(Signal::ReadFailed(bolt.native.clone(), read));
            }
        }
    }

    /// Notes a command to a bolt that was handed to the hub.
    pub(super) fn commanded(&mut self, lock: &NativeId, attempt: AttemptId, at: Moment) {
        if let Some(bolt) = self.bolts.iter().find(|bolt| bolt.native == *lock) {
            self.pending.commanded(bolt.place, attempt, at);
        }
    }

    /// Notes a read of a bolt that was handed to the hub.
    pub(super) fn asked(&mut self, lock: &NativeId, read: ReadId, at: Moment) {
        if let Some(bolt) = self.bolts.iter().find(|bolt| bolt.native == *lock) {
            self.pending.asked(bolt.place, read, at);
        }
    }

    /// What time alone brings about. Returns the properties that must be asked for once more.
    pub(super) fn tick(&mut self, now: Moment, out: &mut Outbox) -> Vec<String> {
        let mut ask = Vec::new();
        for (place, due) in self.pending.tick(now) {
            let (Some(bolt), Some(spec)) = (self.bolts.get(place), self.listed.bolts.get(place)) else { continue };
            match due {
                Due::Failed(read) => out.tell(Signal::ReadFailed(bolt.native.clone(), read)),
                Due::Settled(read, said, heard) => out.said(&bolt.native, said, How::Read(read), heard),
                Due::Again => ask.push(spec.state.clone()),
            }
        }
        let outcome = self.setting.tick(now, &mut self.pending);
        ask.extend(self.settle_setting(outcome, now, out));
        ask
    }

    /// When something is due.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        self.pending.wake_at().into_iter().chain(self.setting.wake_at()).min_by_key(|at| at.steady)
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
    /// What the device owed when the message came: a message settles one request at most.
    next: Next,
    /// The device has further bolts, so that the hub's having heard it says nothing of this one.
    is_shared: bool,
    has_action: bool,
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
    const fn new(native: NativeId, place: usize, spec: &BoltSpec) -> Self {
        Self { native, place, readable: spec.readable, cached: None, rest: None }
    }

    /// The lock says what moved its bolt. The message may still carry the state from before; the hub will repeat that
    /// one until the lock reports its state as well, so it is noted as what the hub has cached.
    fn operated(
        &mut self,
        (to, cause): (Said, Option<(Method, Option<u32>)>),
        cached: Option<Said>,
        context: &Context,
        pending: &mut Pending,
        out: &mut Outbox,
    ) {
        let how = cause.map_or(How::Untagged, |(method, slot)| How::Tagged(method, slot));
        if matches!(cause, Some((Method::Remote, _))) {
            pending.commands_are_through(self.place);
        }
        out.report(&self.native, context.report(to, how));
        if cached.is_some() {
            self.cached = cached;
        }
    }

    /// What came over the radio was refused: our command is the only one that can have brought it.
    fn refused(&self, refusal: Refusal, context: &Context, pending: &mut Pending, out: &mut Outbox) {
        if let Some(attempt) = pending.refused(self.place, context.heard.at) {
            let answer = Answer::Refused(Refused::Other(refusal.why().to_owned()));
            self.answer(attempt, answer, context.heard.at, out);
        }
    }

    fn answer(&self, attempt: AttemptId, answer: Answer, at: Moment, out: &mut Outbox) {
        out.tell(Signal::Answered(self.native.clone(), attempt, answer, at, None));
    }

    /// Takes in a position and the fingerprint of what came with it.
    fn hear(&mut self, (said, rest): (Said, u64), context: &Context, pending: &mut Pending, out: &mut Outbox) -> Taken {
        let before = self.cached.replace(said);
        if before.is_some_and(|before| before != said) && !context.is_replay {
            pending.changed(self.place, said, context.heard.at);
            out.report(&self.native, context.report(said, How::Untagged));
            return Taken::Word;
        }
        let other_news = self.rest.is_some_and(|known| known != rest);
        let is_clean = !context.has_action && !other_news && !context.is_replay;
        match context.next {
            Next::Acknowledgement(place)
                if place == self.place && is_clean && context.freshness == Freshness::Fresh =>
            {
                self.acknowledged(said, context, pending, out);
                Taken::Word
            }
            Next::Answer(place) if place == self.place && is_clean && context.freshness != Freshness::Stale => {
                self.answered(said, context, pending, out);
                Taken::Word
            }
            next => {
                if before.is_none() && !pending.owes(self.place) && !context.is_replay {
                    return self.first_word(said, context, pending, out);
                }
                out.report(&self.native, context.report(said, How::Remembered));
                let is_doubtful = context.is_replay || context.freshness == Freshness::Stale;
                if next == Next::Answer(self.place) && is_doubtful && !context.has_action {
                    pending.doubted(context.heard.at);
                }
                Taken::Memory
            }
        }
    }

    /// The hub heard the lock and had nothing new to say: that was the acknowledgement. (A lock that refuses looks the
    /// same, so this says that the lock was reached, never that it moved.)
    fn acknowledged(&self, said: Said, context: &Context, pending: &mut Pending, out: &mut Outbox) {
        if let Some(attempt) = pending.acknowledged(context.heard.at) {
            self.answer(attempt, Answer::Accepted, context.heard.at, out);
        }
        out.report(&self.native, context.report(said, How::Remembered));
    }

    fn answered(&self, said: Said, context: &Context, pending: &mut Pending, out: &mut Outbox) {
        if let Some(read) = pending.answered(context.heard.at) {
            out.report(&self.native, context.report(said, How::Read(read)));
        }
    }

    /// A first word that the hub heard just now is the lock's, since no command can have caused it. Where that is not
    /// told, or another bolt may have spoken, it may be what the hub had cached.
    fn first_word(&self, said: Said, context: &Context, pending: &mut Pending, out: &mut Outbox) -> Taken {
        let is_own = context.freshness == Freshness::Fresh && !context.is_shared;
        let is_all_there_is = context.freshness == Freshness::Untold && !context.heard.hub_starting && !self.readable;
        let how = if is_own || is_all_there_is { How::Untagged } else { How::Remembered };
        out.report(&self.native, context.report(said, how));
        // A hub that starts has its locks read anyway.
        if is_own || is_all_there_is || !self.readable || context.heard.hub_starting {
            return if is_own { Taken::Word } else { Taken::Memory };
        }
        pending.asked(self.place, OWN_READ, context.heard.at);
        Taken::Doubt
    }
}
