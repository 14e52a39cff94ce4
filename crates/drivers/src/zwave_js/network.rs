//! The locks of one network as values, without socket and clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;
use thumbturn_core::codes::{CodeTraits, Slot};
use thumbturn_core::commands::Command;
use thumbturn_core::devices::Device;
use thumbturn_core::ids::NativeId;
use thumbturn_core::locks::Unavailable;
use thumbturn_core::ports::{CodeSlots, NotWritten, Order, ReadId, Signal};
use thumbturn_core::time::Moment;

use super::Outbox;
use super::call::{Call, Target};
use super::codes::{Codes, Keypad};
use super::lock::{Lock, native, node_of};
use super::wire::{Dump, Envelope, Event, Fault, Node, Status};
use crate::websocket::{Hub, Line};

/// How many locks one network may have: more than its radio can number.
const MOST_LOCKS: usize = 4096;

/// How many locks are asked for their state at a time: the radio serves one, and a command must not wait behind a whole house.
const MOST_READS: usize = 4;

/// What is said of a command that is about something else than the bolt.
const NO_WORDS: &str = "Over Z-Wave a lock can be locked and unlocked, and be told when to lock itself.";

/// A message that was understood.
pub(super) enum Heard {
    /// Everything that the hub knows.
    Dump(Box<Dump>),
    /// What came of a request.
    Reply(Call, Result<Value, Fault>),
    /// Something happened.
    Event(Box<Event>),
}

/// What came of a request.
pub(super) type Reply<'a> = Result<&'a Value, &'a Fault>;

/// See the module.
pub(super) struct Network {
    home: u32,
    locks: BTreeMap<u32, Lock>,
    /// Nodes that an earlier session knew as locks and that this one has not yet heard of.
    missing: BTreeSet<u32>,
    is_synced: bool,
    reads: VecDeque<WantedRead>,
    open_reads: usize,
}

struct WantedRead {
    target: Target,
    read: ReadId,
    not_before: Moment,
}

impl Network {
    /// A network of which nothing was heard yet; `known` are the devices of earlier sessions.
    pub(super) fn new(home: u32, known: &[Device]) -> Self {
        let still_there = known.iter().filter(|device| !device.state.reach.is_removed());
        let missing = still_there.filter_map(|device| node_of(home, &device.about.native)).collect();
        Self { home, locks: BTreeMap::new(), missing, is_synced: false, reads: VecDeque::new(), open_reads: 0 }
    }

    /// Takes in everything that the hub knows.
    pub(super) fn listened(&mut self, dump: &Dump, at: Moment, out: &mut Outbox) {
        let mut missing = std::mem::take(&mut self.missing);
        missing.extend(self.locks.keys());
        for node in &dump.state.nodes {
            self.introduced(node, at, out);
            // One that is still being interviewed is there all the same.
            missing.remove(&node.node_id);
        }
        // A list that lacks a lock proves nothing; the hub is asked for each by itself.
        out.asks.extend(missing.into_iter().map(Call::Whereabouts));
        self.is_synced = true;
        out.tell(Signal::Synced);
    }

    /// A node says what it is.
    fn introduced(&mut self, node: &Node, at: Moment, out: &mut Outbox) {
        if !node.ready {
            self.with(node.node_id, |lock| lock.interviewed(false, out));
            return;
        }
        let Some(mut lock) = Lock::of(self.home, node) else { return };
        match self.locks.remove(&node.node_id) {
            Some(before) => lock.resume(before),
            None if self.locks.len() >= MOST_LOCKS => {
                tracing::warn!(node = node.node_id, "a lock is left out: the network has too many");
                return;
            }
            None => {}
        }
        lock.introduce(&node.values, at, out);
        self.locks.insert(node.node_id, lock);
    }

    /// Takes in something that happened.
    pub(super) fn happened(&mut self, event: &Event, at: Moment, out: &mut Outbox) {
        match (event.source.as_str(), event.event.as_str()) {
            ("node", "ready") => {
                if let Some(node) = &event.node_state {
                    self.introduced(node, at, out);
                }
            }
            ("node", what) => {
                let lock = event.node_id.and_then(|node| self.locks.get_mut(&node));
                if let Some(lock) = lock {
                    hear_of(lock, what, event, at, out);
                }
            }
            ("controller", "node removed") => {
                if let Some(node) = &event.node {
                    self.gone(node.node_id, out);
                }
            }
            // The driver behind the server began anew.
            ("driver", "driver ready") => out.asks.push(Call::Listen),
            _ => {}
        }
    }

    fn gone(&mut self, node: u32, out: &mut Outbox) {
        if self.locks.remove(&node).is_some() {
            out.tell(Signal::Gone(native(self.home, node)));
        }
    }

    /// The hub answered a request.
    pub(super) fn answered(&mut self, call: &Call, reply: Reply<'_>, at: Moment, out: &mut Outbox) {
        if call.is_read() {
            self.open_reads = self.open_reads.saturating_sub(1);
        }
        match *call {
            Call::Whereabouts(node) => self.found(node, reply, out),
            Call::Move(Target { node, .. }, attempt, to) => self.with(node, |lock| match reply {
                Ok(result) => lock.moved(attempt, to, result, at, out),
                Err(fault) => lock.not_moved(attempt, fault, at, out),
            }),
            Call::Read(target, read) => self.with(target.node, |lock| lock.read(read, polled(reply), at, out)),
            Call::Inquest(target, attempt, to) => {
                self.with(target.node, |lock| lock.held_inquest(attempt, to, polled(reply), at, out));
            }
            Call::SetAutoLock(node, attempt, to) => self.with(node, |lock| match reply {
                Ok(result) => lock.set(attempt, to, result, at, out),
                Err(fault) => lock.not_moved(attempt, fault, at, out),
            }),
            Call::SetParameters(node, attempt, ..) => self.with(node, |lock| match reply {
                Ok(result) => lock.set_parameters(call, result, at, out),
                Err(fault) => lock.not_moved(attempt, fault, at, out),
            }),
            Call::CheckParameter(node, attempt, parameter) => {
                self.with(node, |lock| lock.checked_parameter(attempt, parameter, polled(reply), at, out));
            }
            Call::CheckAutoLock(node, attempt, to) => {
                self.with(node, |lock| lock.checked(attempt, to, polled(reply), at, out));
            }
            // What it brings to light comes as a report.
            Call::Look(_) | Call::Listen => {}
            // It is for whoever asked.
            Call::Code(..) => {}
        }
        self.send_reads(at, out);
    }

    /// Only the hub's own word that it has no such node removes a lock.
    fn found(&mut self, node: u32, reply: Reply<'_>, out: &mut Outbox) {
        if reply.is_err_and(|fault| fault.code == "node_not_found") {
            self.locks.remove(&node);
            out.tell(Signal::Gone(native(self.home, node)));
        }
    }

    fn with(&mut self, node: u32, act: impl FnOnce(&mut Lock)) {
        if let Some(lock) = self.locks.get_mut(&node) {
            act(lock);
        }
    }

    fn lock(&self, native: &NativeId) -> Result<&Lock, NotWritten> {
        let lock = node_of(self.home, native).and_then(|node| self.locks.get(&node));
        lock.ok_or(NotWritten::Unavailable(Unavailable::DeviceDisconnected))
    }

    /// How a lock that can be asked now keeps codes, with its node.
    ///
    /// # Errors
    /// [`NotWritten`]: it is not there, or takes no commands at present.
    pub(super) fn keypad(&self, native: &NativeId) -> Result<(u32, Keypad), NotWritten> {
        let lock = self.lock(native)?;
        if !lock.takes_commands() {
            return Err(NotWritten::Unavailable(Unavailable::DeviceDisconnected));
        }
        Ok((lock.target.node, lock.codes.keypad))
    }

    /// What can be done with the slots of a node, if it was asked in this session.
    pub(super) fn code_traits(&self, node: u32) -> Option<&CodeTraits> {
        self.locks.get(&node).and_then(|lock| lock.codes.traits.as_ref())
    }

    /// Keeps what can be done with the slots of a node.
    pub(super) fn keep_code_traits(&mut self, node: u32, traits: CodeTraits) {
        self.with(node, |lock| lock.codes.traits = Some(traits));
    }

    /// Whether a lock has told since then that it has the code for this slot in another one already.
    pub(super) fn told_duplicate(&self, node: u32, slot: Slot, since: Moment) -> bool {
        self.locks.get(&node).is_some_and(|lock| lock.codes.told_duplicate(slot, since))
    }

    /// Sends what may be asked now: for locks that were commanded at once, for the others a few at a time.
    fn send_reads(&mut self, now: Moment, out: &mut Outbox) {
        let mut kept = VecDeque::with_capacity(self.reads.len());
        while let Some(wanted) = self.reads.pop_front() {
            let is_urgent = self.locks.get(&wanted.target.node).is_some_and(|lock| lock.is_commanded(now));
            let has_room = is_urgent || self.open_reads < MOST_READS;
            if now.reached(wanted.not_before) && has_room {
                self.open_reads += 1;
                out.asks.push(Call::Read(wanted.target, wanted.read));
            } else {
                kept.push_back(wanted);
            }
        }
        self.reads = kept;
    }
}

impl Hub for Network {
    type Ask = Call;
    type Heard = Heard;

    fn read(text: &str, take: impl FnOnce(u64) -> Option<Call>) -> Option<Heard> {
        let envelope: Envelope<'_> = serde_json::from_str(text).ok()?;
        if envelope.kind == "event" {
            let event = envelope.event.and_then(|event| serde_json::from_str(event.get()).ok())?;
            return Some(Heard::Event(Box::new(event)));
        }
        let call = take(envelope.message_id?.parse().ok()?)?;
        if envelope.success != Some(true) {
            return Some(Heard::Reply(call, Err(envelope.fault())));
        }
        let result = envelope.result.map_or("{}", |result| result.get());
        if call != Call::Listen {
            return Some(Heard::Reply(call, Ok(serde_json::from_str(result).unwrap_or(Value::Null))));
        }
        match serde_json::from_str(result) {
            Ok(dump) => Some(Heard::Dump(Box::new(dump))),
            Err(error) => {
                tracing::warn!(%error, "what the Z-Wave JS server says of its nodes cannot be understood");
                None
            }
        }
    }

    fn list(&mut self, out: &mut Outbox) {
        out.asks.push(Call::Listen);
    }

    fn is_synced(&self) -> bool {
        self.is_synced
    }

    fn hear(&mut self, heard: &Heard, at: Moment, out: &mut Outbox) {
        match heard {
            Heard::Dump(dump) => self.listened(dump, at, out),
            Heard::Reply(call, reply) => self.answered(call, reply.as_ref(), at, out),
            Heard::Event(event) => self.happened(event, at, out),
        }
    }

    fn unanswered(&mut self, call: &Call, at: Moment, out: &mut Outbox) {
        match call {
            // Long over for whoever asked.
            Call::Move(..) | Call::Whereabouts(_) | Call::Code(..) => {}
            _ => {
                let fault = Fault { code: "no answer".to_owned(), number: None, name: None };
                self.answered(call, Err(&fault), at, out);
            }
        }
    }

    fn command(&self, order: &Order) -> Result<Call, NotWritten> {
        let lock = self.lock(&order.lock)?;
        if !lock.takes_commands() {
            return Err(NotWritten::Unavailable(Unavailable::DeviceDisconnected));
        }
        match order.command {
            Command::Move(to) => Ok(Call::Move(lock.target, order.attempt, to)),
            Command::AutoLock(to) => lock.auto_lock(order.attempt, to),
            Command::Simulate(_) => Err(NotWritten::Rejected(NO_WORDS.to_owned())),
        }
    }

    fn commanded(&mut self, call: &Call, at: Moment) {
        if let Call::Move(target, _, to) = *call {
            self.with(target.node, |lock| lock.commanded(to, at));
        }
    }

    fn want_read(&mut self, native: &NativeId, read: ReadId, now: Moment, out: &mut Outbox) -> Result<(), NotWritten> {
        let target = self.lock(native)?.target;
        let not_before = self.locks.get_mut(&target.node).and_then(|lock| lock.may_be_read(now));
        match not_before {
            Some(not_before) => self.reads.push_back(WantedRead { target, read, not_before }),
            None => out.tell(Signal::ReadFailed(native.clone(), read)),
        }
        self.send_reads(now, out);
        Ok(())
    }

    fn wake_at(&self, now: Moment) -> Option<Moment> {
        let looks = self.locks.values().filter_map(Lock::wake_at);
        let reads = self.reads.iter().map(|wanted| wanted.not_before).filter(|at| !now.reached(*at));
        looks.chain(reads).min_by_key(|at| at.steady)
    }

    fn tick(&mut self, now: Moment, out: &mut Outbox) {
        self.locks.values_mut().for_each(|lock| lock.tick(now, out));
        self.send_reads(now, out);
    }

    fn codes(line: Line<Self>) -> Option<Box<dyn CodeSlots>> {
        Some(Box::new(Codes(line)))
    }
}

/// The value in the answer to a poll.
fn polled<'a>(reply: Reply<'a>) -> Option<&'a Value> {
    reply.ok().and_then(|result| result.get("value"))
}

fn hear_of(lock: &mut Lock, what: &str, event: &Event, at: Moment, out: &mut Outbox) {
    let args = event.args.as_ref();
    match what {
        "value added" | "value updated" => args.into_iter().for_each(|args| lock.value(args, at, out)),
        "notification" if event.endpoint_index == 0 && event.cc_id == Some(113) => {
            args.into_iter().for_each(|args| lock.notified(args, at, out));
        }
        "credential added" | "credential modified" | "credential deleted" | "user modified" | "user deleted" => {
            args.into_iter().for_each(|args| lock.credential_changed(args, out));
        }
        "alive" | "wake up" => lock.is_now(Status::Alive, at, out),
        "dead" => lock.is_now(Status::Dead, at, out),
        "sleep" => lock.is_now(Status::Asleep, at, out),
        "interview started" => lock.interviewed(false, out),
        "interview completed" => lock.interviewed(true, out),
        _ => {}
    }
}
