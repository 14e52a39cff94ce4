//! The locks of one fabric as values, without socket and clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde_json::Value;
use thumbturn_core::commands::Command;
use thumbturn_core::devices::Device;
use thumbturn_core::ids::NativeId;
use thumbturn_core::locks::Unavailable;
use thumbturn_core::ports::{CodeSlots, NotWritten, Order, ReadId, Signal};
use thumbturn_core::time::Moment;

use super::Outbox;
use super::call::{Call, DOOR_LOCK, Target};
use super::codes::{Codes, Keypad};
use super::lock::{Lock, Reply, endpoints, native, target_of};
use super::wire::{Envelope, Event, Fault, Node, read_path};
use crate::websocket::{Hub, Line};

/// How many locks one fabric may have here.
const MOST_LOCKS: usize = 4096;

/// How many locks are asked for their state at a time, besides those that were commanded.
const MOST_READS: usize = 8;

/// How long the engine waits for the answer to a read. The server itself may try for 45 s.
const READ_LIMIT: Duration = Duration::from_secs(10);

/// What is said of a command that is about something else than the bolt.
const NO_WORDS: &str = "Over Matter a lock can be locked and unlocked, and some be told when to lock themselves.";

/// The cluster and attribute that tell the charge of a battery.
const CHARGE: (u32, u32) = (47, 12);

/// A message that was understood.
pub(super) enum Heard {
    /// Every node.
    Nodes(Vec<Node>),
    /// What came of a request.
    Reply(Call, Result<Value, Fault>),
    /// Something happened.
    Event(Event),
}

/// See the module.
pub(super) struct Nodes {
    fabric: u64,
    locks: BTreeMap<Target, Lock>,
    /// Locks that an earlier session knew and that this one has not yet heard of.
    missing: BTreeSet<Target>,
    listens: bool,
    is_synced: bool,
    reads: VecDeque<WantedRead>,
    /// How much the server was asked of each node and has not yet answered.
    open: BTreeMap<u64, usize>,
}

struct WantedRead {
    target: Target,
    read: ReadId,
    since: Moment,
}

impl Nodes {
    /// A fabric of which nothing was heard yet; `known` are the devices of earlier sessions.
    pub(super) fn new(fabric: u64, known: &[Device]) -> Self {
        let still_there = known.iter().filter(|device| !device.state.reach.is_removed());
        Self {
            fabric,
            locks: BTreeMap::new(),
            missing: still_there.filter_map(|device| target_of(fabric, &device.about.native)).collect(),
            listens: false,
            is_synced: false,
            reads: VecDeque::new(),
            open: BTreeMap::new(),
        }
    }

    fn listed(&mut self, nodes: &[Node], at: Moment, out: &mut Outbox) {
        let expected = self.missing.iter().chain(self.locks.keys()).map(|target| target.node);
        let mut absent: BTreeSet<u64> = expected.collect();
        for node in nodes {
            self.introduced(node, at, out);
            absent.remove(&node.node_id);
        }
        self.missing.retain(|target| absent.contains(&target.node));
        // A list that lacks a lock proves nothing; the server is asked for each by itself.
        out.asks.extend(absent.into_iter().map(Call::Whereabouts));
        self.is_synced = true;
        out.tell(Signal::Synced);
    }

    /// A node says what it is.
    fn introduced(&mut self, node: &Node, at: Moment, out: &mut Outbox) {
        for endpoint in endpoints(node) {
            let target = Target { node: node.node_id, endpoint };
            if let Some(lock) = self.locks.get_mut(&target) {
                lock.updated(node, at, out);
            } else if self.locks.len() < MOST_LOCKS {
                let mut lock = Lock::new(self.fabric, node, endpoint, at);
                lock.introduce(node, at, out);
                self.locks.insert(target, lock);
            } else {
                tracing::warn!(node = node.node_id, "a lock is left out: the fabric has too many");
            }
        }
    }

    fn happened(&mut self, event: &Event, at: Moment, out: &mut Outbox) {
        match event {
            Event::Node(node) => self.introduced(node, at, out),
            Event::Removed(node) => self.gone(*node, None, out),
            Event::EndpointRemoved(gone) => self.gone(gone.node_id, Some(gone.endpoint_id), out),
            Event::Changed(changed) => {
                let Some((endpoint, cluster, attribute)) = read_path(&changed.1) else { return };
                if (cluster, attribute) == CHARGE {
                    self.charged(changed.0, endpoint, &changed.2, out);
                } else if cluster == DOOR_LOCK {
                    let target = Target { node: changed.0, endpoint };
                    self.with(target, |lock| lock.changed(attribute, &changed.2, at, out));
                }
            }
            Event::Happened(event) if event.cluster_id == DOOR_LOCK => {
                let target = Target { node: event.node_id, endpoint: event.endpoint_id };
                self.with(target, |lock| lock.happened(event, at, out));
            }
            Event::Happened(_) => {}
        }
    }

    /// The battery of a lock, or of its whole node.
    fn charged(&self, node: u64, endpoint: u32, charge: &Value, out: &mut Outbox) {
        let of_node = self.locks.values().filter(|lock| lock.target.node == node);
        let own = self.locks.get(&Target { node, endpoint });
        match own {
            Some(lock) => lock.charged(charge, out),
            None => of_node.for_each(|lock| lock.charged(charge, out)),
        }
    }

    /// The server says that a node, or one end of it, was removed.
    fn gone(&mut self, node: u64, endpoint: Option<u32>, out: &mut Outbox) {
        let is_gone = |target: &Target| target.node == node && endpoint.is_none_or(|end| end == target.endpoint);
        let known: BTreeSet<Target> = self.missing.iter().chain(self.locks.keys()).copied().filter(is_gone).collect();
        for target in known {
            self.missing.remove(&target);
            self.locks.remove(&target);
            out.tell(Signal::Gone(native(self.fabric, target)));
        }
    }

    fn answered(&mut self, call: &Call, reply: Reply<'_>, at: Moment, out: &mut Outbox) {
        if let Some(open) = call.target().and_then(|target| self.open.get_mut(&target.node)) {
            *open = open.saturating_sub(1);
        }
        if let Some(next) = self.worked_through(call, reply, at, out) {
            self.ask(next, out);
        }
        self.ask_what_is_due(at, out);
    }

    /// What came of a request, and what is to be asked next because of it.
    fn worked_through(&mut self, call: &Call, reply: Reply<'_>, at: Moment, out: &mut Outbox) -> Option<Call> {
        if let Call::Whereabouts(node) = *call {
            self.found(node, reply, at, out);
        }
        let lock = self.locks.get_mut(&call.target()?)?;
        match *call {
            Call::Move(_, attempt, to) => return lock.moved(attempt, to, reply, at, out),
            Call::SetAutoLock(_, attempt, to) => return lock.set(attempt, to, reply, at, out),
            Call::Read(_, _, read) => lock.read(read, reply, at, out),
            Call::Look(..) => lock.looked(reply, at, out),
            Call::Inquest(_, attempt, to) => lock.held_inquest(attempt, to, reply, at, out),
            Call::CheckAutoLock(_, attempt, to) => lock.checked(attempt, to, reply, at, out),
            // Those about codes are for whoever asked.
            Call::Whereabouts(_) | Call::Listen | Call::List | Call::Code(..) => {}
        }
        None
    }

    /// Only the server's own word that it has no such node removes a lock.
    fn found(&mut self, node: u64, reply: Reply<'_>, at: Moment, out: &mut Outbox) {
        match reply {
            Err(fault) if fault.code == Fault::NODE_NOT_EXISTS => self.gone(node, None, out),
            Ok(value) => {
                if let Ok(node) = serde_json::from_value::<Node>(value.clone()) {
                    self.introduced(&node, at, out);
                }
            }
            Err(_) => {}
        }
    }

    fn with(&mut self, target: Target, act: impl FnOnce(&mut Lock)) {
        if let Some(lock) = self.locks.get_mut(&target) {
            act(lock);
        }
    }

    fn lock(&self, native: &NativeId) -> Result<&Lock, NotWritten> {
        let lock = target_of(self.fabric, native).and_then(|target| self.locks.get(&target));
        lock.ok_or(NotWritten::Unavailable(Unavailable::DeviceDisconnected))
    }

    /// How a lock keeps codes, and what it is talked to as.
    ///
    /// # Errors
    /// [`NotWritten`] if it is not there.
    pub(super) fn keypad(&self, native: &NativeId) -> Result<(Target, Keypad), NotWritten> {
        self.lock(native).map(|lock| (lock.target, lock.keypad.clone()))
    }

    /// Whether the server has answered everything that it was asked of a node.
    fn is_free(&self, node: u64) -> bool {
        self.open.get(&node).is_none_or(|open| *open == 0)
    }

    fn ask(&mut self, call: Call, out: &mut Outbox) {
        if let Some(target) = call.target() {
            *self.open.entry(target.node).or_default() += 1;
        }
        out.asks.push(call);
    }

    /// Asks what may be asked now: one thing of each node, and of locks that nobody has commanded a few at a time.
    fn ask_what_is_due(&mut self, now: Moment, out: &mut Outbox) {
        for wanted in std::mem::take(&mut self.reads) {
            self.ask_or_keep(wanted, now, out);
        }
        let due: Vec<(Target, bool)> = self
            .locks
            .values()
            .filter(|lock| lock.is_available() && lock.look_at.is_some_and(|at| now.reached(at)))
            .map(|lock| (lock.target, lock.has_door))
            .collect();
        for (target, has_door) in due {
            if self.is_free(target.node) {
                self.with(target, |lock| lock.look_at = None);
                self.ask(Call::Look(target, has_door), out);
            }
        }
    }

    fn ask_or_keep(&mut self, wanted: WantedRead, now: Moment, out: &mut Outbox) {
        let is_free = self.is_free(wanted.target.node);
        let reading = self.locks.values().filter(|lock| lock.reading.is_some()).count();
        let Some(lock) = self.locks.get_mut(&wanted.target) else {
            return out.tell(Signal::ReadFailed(native(self.fabric, wanted.target), wanted.read));
        };
        let will_be_heard = lock.is_available() || lock.waited_for_until().is_some();
        if !will_be_heard || now.reached(wanted.since.after(READ_LIMIT)) {
            out.tell(Signal::ReadFailed(lock.native.clone(), wanted.read));
        } else if lock.is_available() && is_free && (lock.is_commanded(now) || reading < MOST_READS) {
            lock.reading = Some((wanted.read, now));
            lock.look_at = None;
            let has_door = lock.has_door;
            self.ask(Call::Read(wanted.target, has_door, wanted.read), out);
        } else {
            self.reads.push_back(wanted);
        }
    }

    fn give_up_reads(&mut self, now: Moment, out: &mut Outbox) {
        for lock in self.locks.values_mut() {
            if let Some((read, _)) = lock.reading.take_if(|(_, since)| now.reached(since.after(READ_LIMIT))) {
                out.tell(Signal::ReadFailed(lock.native.clone(), read));
            }
        }
    }
}

impl Hub for Nodes {
    type Ask = Call;
    type Heard = Heard;

    fn read(text: &str, take: impl FnOnce(u64) -> Option<Call>) -> Option<Heard> {
        let envelope: Envelope<'_> = serde_json::from_str(text).ok()?;
        if let Some(kind) = envelope.event {
            return Event::read(&kind, envelope.data?.get()).map(Heard::Event);
        }
        let call = take(envelope.message_id?.parse().ok()?)?;
        if let Some(code) = envelope.error_code {
            return Some(Heard::Reply(call, Err(Fault { code, details: envelope.details.unwrap_or_default() })));
        }
        let result = envelope.result.map_or("null", |result| result.get());
        if !matches!(call, Call::Listen | Call::List) {
            return Some(Heard::Reply(call, Ok(serde_json::from_str(result).unwrap_or(Value::Null))));
        }
        match serde_json::from_str(result) {
            Ok(nodes) => Some(Heard::Nodes(nodes)),
            Err(error) => {
                tracing::warn!(%error, "what the Matter server says of its nodes cannot be understood");
                None
            }
        }
    }

    fn list(&mut self, out: &mut Outbox) {
        out.asks.push(if std::mem::replace(&mut self.listens, true) { Call::List } else { Call::Listen });
    }

    fn is_synced(&self) -> bool {
        self.is_synced
    }

    fn hear(&mut self, heard: &Heard, at: Moment, out: &mut Outbox) {
        match heard {
            Heard::Nodes(nodes) => self.listed(nodes, at, out),
            Heard::Reply(call, reply) => return self.answered(call, reply.as_ref(), at, out),
            Heard::Event(event) => self.happened(event, at, out),
        }
        self.ask_what_is_due(at, out);
    }

    fn unanswered(&mut self, call: &Call, at: Moment, out: &mut Outbox) {
        let fault = Fault { code: Fault::NO_ANSWER, details: String::new() };
        self.answered(call, Err(&fault), at, out);
    }

    fn must_wait(&self, lock: &NativeId) -> bool {
        let Ok(lock) = self.lock(lock) else { return false };
        lock.waited_for_until().is_some() || (lock.is_available() && !self.is_free(lock.target.node))
    }

    fn admits(&self, call: &Call, first: &[NativeId]) -> Result<bool, NotWritten> {
        let Some(target) = call.target() else { return Ok(true) };
        let lock = self.lock(&native(self.fabric, target))?;
        if lock.waited_for_until().is_some() {
            return Ok(false);
        }
        if !lock.is_available() {
            return Err(NotWritten::Unavailable(Unavailable::DeviceDisconnected));
        }
        let mut goes_first = first.iter().filter_map(|native| target_of(self.fabric, native));
        Ok(self.is_free(target.node) && !goes_first.any(|other| other.node == target.node))
    }

    fn command(&self, order: &Order) -> Result<Call, NotWritten> {
        let lock = self.lock(&order.lock)?;
        if !lock.is_available() {
            return Err(NotWritten::Unavailable(Unavailable::DeviceDisconnected));
        }
        match order.command {
            Command::Move(to) => lock.takes_commands().map(|()| Call::Move(lock.target, order.attempt, to)),
            Command::AutoLock(to) if lock.offers_auto_lock() => Ok(Call::SetAutoLock(lock.target, order.attempt, to)),
            Command::AutoLock(_) | Command::Simulate(_) => Err(NotWritten::Rejected(NO_WORDS.to_owned())),
        }
    }

    fn commanded(&mut self, call: &Call, at: Moment) {
        if let Some(target) = call.target() {
            *self.open.entry(target.node).or_default() += 1;
        }
        if let Call::Move(target, _, to) = *call {
            self.with(target, |lock| lock.commanded(to, at));
        }
    }

    fn want_read(&mut self, native: &NativeId, read: ReadId, now: Moment, out: &mut Outbox) -> Result<(), NotWritten> {
        let target = self.lock(native)?.target;
        self.reads.push_back(WantedRead { target, read, since: now });
        self.ask_what_is_due(now, out);
        Ok(())
    }

    fn wake_at(&self, _now: Moment) -> Option<Moment> {
        let looks = self.locks.values().filter(|lock| lock.is_available() && self.is_free(lock.target.node));
        let looks = looks.filter_map(|lock| lock.look_at);
        let waits = self.locks.values().filter_map(Lock::waited_for_until);
        let readings = self.locks.values().filter_map(|lock| lock.reading).map(|(_, since)| since);
        let reads = self
            .reads
            .iter()
            .map(|wanted| wanted.since)
            .chain(readings)
            .map(|since| since.after(READ_LIMIT).steadily());
        looks.chain(waits).chain(reads).min_by_key(|at| at.steady)
    }

    fn tick(&mut self, now: Moment, out: &mut Outbox) {
        self.locks.values_mut().for_each(|lock| lock.tick(now, out));
        self.give_up_reads(now, out);
        self.ask_what_is_due(now, out);
    }

    fn codes(line: Line<Self>) -> Option<Box<dyn CodeSlots>> {
        Some(Box::new(Codes(line)))
    }
}
