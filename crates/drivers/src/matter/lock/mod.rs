//! One lock: what its attributes and events tell (here), what it is (`about`), and what came of what was asked of it (`asked`).

mod about;
mod asked;
mod codes;

pub(super) use self::asked::Reply;

use std::time::Duration;

use serde_json::Value;
use thumbturn_core::codes::Slot;
use thumbturn_core::devices::About;
use thumbturn_core::events::Method;
use thumbturn_core::evidence::Words;
use thumbturn_core::ids::NativeId;
use thumbturn_core::locks::{Bolt, Reachability, Traits};
use thumbturn_core::ports::{How, NotWritten, ReadId, Said, Signal};
use thumbturn_core::time::Moment;

use self::about::{CHARGE, POWER, about};
use super::Outbox;
use super::call::{AUTO_RELOCK, DOOR_LOCK, DOOR_STATE, LOCK_STATE, Target, auto_lock, door_open, said};
use super::codes::Keypad;
use super::operation::{self, Told};
use super::wire::{Node, NodeEvent};

/// How long before its deadline a command must be written: the server takes so long to find out that a lock does not answer.
const MARGIN: Duration = Duration::from_secs(12);

/// How long a movement may take that the lock says nothing of.
const SETTLE: Duration = Duration::from_secs(6);

/// The same where no movement is expected. Reports of one second may come together at its end.
const SETTLE_UNCHANGED: Duration = Duration::from_millis(1500);

/// How long after it took a command a lock may take to report, before it is asked.
const LOOK: Duration = Duration::from_millis(1500);

/// How long a lock may be called offline after the server or the lock has just begun: the server finds it within seconds.
const GRACE: Duration = Duration::from_secs(10);

/// How long a command may matter to what is heard.
const OPEN: Duration = Duration::from_secs(35);

/// A node's count of its events so far below the last one is that of a node that began anew.
const COUNT_RESTARTS: u64 = 1_000;

const DESCRIPTOR: u32 = 29;
const DEVICE_TYPES: u32 = 0;
const LOCK_DEVICE: u64 = 10;
const ACTUATOR_ENABLED: u32 = 2;
const OPERATING_MODE: u32 = 37;
const REQUIRES_PIN: u32 = 51;
/// The cluster and attribute that tell the number that a node gave to the fabric of whoever reads it.
const OPERATIONAL_CREDENTIALS: u32 = 62;
const OWN_FABRIC: u32 = 5;

const NEEDS_PIN: &str = "The lock wants a PIN with every remote command, and Thumbturn holds none for it: switch that off in \
                         the lock's own app or menu (RequirePINforRemoteOperation).";
const NO_ACTUATOR: &str =
    "The lock says that its motor is switched off (ActuatorEnabled): it can be moved by hand alone.";

/// See the module.
#[derive(Debug)]
pub(super) struct Lock {
    pub(super) native: NativeId,
    pub(super) target: Target,
    about: About,
    pub(super) has_door: bool,
    own_fabric: Option<u64>,
    pub(super) keypad: Keypad,
    requires_pin: bool,
    has_actuator: bool,
    mode: u64,
    available: bool,
    /// Until when an offline lock is waited for, since it was not heard of for long.
    grace_until: Moment,
    told_reach: Option<bool>,
    /// What the lock told last.
    told: Option<Said>,
    last_event: Option<u64>,
    open: Option<Open>,
    /// When the lock is to be asked, if it says nothing before.
    pub(super) look_at: Option<Moment>,
    /// The read of the engine that it is asked for.
    pub(super) reading: Option<(ReadId, Moment)>,
    /// A command got no answer, and nothing proves yet what came of it.
    in_doubt: bool,
}

/// A command that was written.
#[derive(Clone, Copy, Debug)]
struct Open {
    wanted: Bolt,
    at: Moment,
    /// Whether a report of its movement is to be expected.
    expects_report: bool,
}

/// A lock's own number in the engine: that of its fabric, its node and its endpoint.
pub(super) fn native(fabric: u64, target: Target) -> NativeId {
    NativeId(format!("{fabric:016x}-{}-{}", target.node, target.endpoint))
}

/// The lock that a number names in this fabric.
pub(super) fn target_of(fabric: u64, native: &NativeId) -> Option<Target> {
    let (of, lock) = native.as_str().split_once('-')?;
    let (node, endpoint) = lock.split_once('-')?;
    let target = Target { node: node.parse().ok()?, endpoint: endpoint.parse().ok()? };
    (of == format!("{fabric:016x}")).then_some(target)
}

/// The ends of a node that are locks.
pub(super) fn endpoints(node: &Node) -> Vec<u32> {
    let is_lock = |endpoint: &u32| {
        let types = node.attribute(*endpoint, DESCRIPTOR, DEVICE_TYPES).and_then(Value::as_array);
        types.is_some_and(|types| types.iter().any(|kind| kind.get("0").and_then(Value::as_u64) == Some(LOCK_DEVICE)))
    };
    node.endpoints_with(DESCRIPTOR, DEVICE_TYPES).into_iter().filter(is_lock).collect()
}

const TRAITS: Traits = Traits {
    reports: true,
    readable: true,
    tags: true,
    margin: MARGIN,
    settle: SETTLE,
    settle_unchanged: SETTLE_UNCHANGED,
};

impl Lock {
    /// The lock at one end of a node, of which nothing was told yet.
    pub(super) fn new(fabric: u64, node: &Node, endpoint: u32, at: Moment) -> Self {
        let target = Target { node: node.node_id, endpoint };
        let native = native(fabric, target);
        let mut lock = Self {
            about: about(&native, node, target),
            native,
            target,
            has_door: false,
            own_fabric: None,
            keypad: Keypad::None,
            requires_pin: false,
            has_actuator: true,
            mode: 0,
            available: node.available,
            grace_until: at.after(GRACE).steadily(),
            told_reach: None,
            told: None,
            last_event: None,
            open: None,
            look_at: None,
            reading: None,
            in_doubt: false,
        };
        lock.learn(node);
        lock
    }

    fn learn(&mut self, node: &Node) {
        let end = self.target.endpoint;
        self.has_door = node.attribute(end, DOOR_LOCK, DOOR_STATE).is_some();
        self.own_fabric = node.number(0, OPERATIONAL_CREDENTIALS, OWN_FABRIC);
        self.keypad = codes::keypad(node, end, self.own_fabric);
        for attribute in [ACTUATOR_ENABLED, OPERATING_MODE, REQUIRES_PIN] {
            if let Some(value) = node.attribute(end, DOOR_LOCK, attribute) {
                self.setting(attribute, value);
            }
        }
    }

    fn setting(&mut self, attribute: u32, value: &Value) {
        match attribute {
            ACTUATOR_ENABLED => self.has_actuator = value.as_bool() != Some(false),
            OPERATING_MODE => self.mode = value.as_u64().unwrap_or_default(),
            REQUIRES_PIN => self.requires_pin = value.as_bool() == Some(true),
            _ => {}
        }
    }

    /// Introduces the lock to the engine, with what the server remembers of it.
    pub(super) fn introduce(&mut self, node: &Node, at: Moment, out: &mut Outbox) {
        out.tell(Signal::Discovered { about: Box::new(self.about.clone()), traits: TRAITS });
        self.tell_reach(at, out);
        if let Some(state) = node.attribute(self.target.endpoint, DOOR_LOCK, LOCK_STATE) {
            out.said(&self.native, said(state), How::Remembered, at, None);
        }
        if let Some(seconds) = node.attribute(self.target.endpoint, DOOR_LOCK, AUTO_RELOCK) {
            self.beside_the_bolt(AUTO_RELOCK, seconds, out);
        }
        // Its own battery, or else that of the whole node.
        let ends = node.endpoints_with(POWER, CHARGE);
        let own = ends.iter().find(|end| **end == self.target.endpoint).or_else(|| ends.first());
        if let Some(charge) = own.and_then(|end| node.attribute(*end, POWER, CHARGE)) {
            self.charged(charge, out);
        }
    }

    /// The server says what the lock is by now, and whether it hears it.
    pub(super) fn updated(&mut self, node: &Node, at: Moment, out: &mut Outbox) {
        self.learn(node);
        let about = about(&self.native, node, self.target);
        if about != self.about {
            self.about = about;
            out.tell(Signal::Discovered { about: Box::new(self.about.clone()), traits: TRAITS });
        }
        let was = std::mem::replace(&mut self.available, node.available);
        if node.available && !was {
            // What the server remembers may be older than what happened meanwhile.
            self.look_at = Some(at);
        }
        self.tell_reach(at, out);
    }

    fn tell_reach(&mut self, now: Moment, out: &mut Outbox) {
        let is_waited_for = !self.available && self.told_reach.is_none() && !now.reached(self.grace_until);
        if is_waited_for || self.told_reach == Some(self.available) {
            return;
        }
        self.told_reach = Some(self.available);
        let reach = if self.available { Reachability::Reachable } else { Reachability::Unreachable };
        out.tell(Signal::Reach(self.native.clone(), reach));
    }

    /// When it is to be told that the lock is offline, if it is not heard of before.
    pub(super) fn waited_for_until(&self) -> Option<Moment> {
        (!self.available && self.told_reach.is_none()).then_some(self.grace_until)
    }

    /// Does what is due at `now`.
    pub(super) fn tick(&mut self, now: Moment, out: &mut Outbox) {
        self.tell_reach(now, out);
    }

    /// Whether the server would pass something on to the lock.
    pub(super) const fn is_available(&self) -> bool {
        self.available
    }

    /// Whether the lock takes commands.
    ///
    /// # Errors
    /// [`NotWritten::Rejected`], with what to do.
    pub(super) fn takes_commands(&self) -> Result<(), NotWritten> {
        // It would refuse, and count each try as one with a wrong code.
        let why = if self.requires_pin {
            NEEDS_PIN
        } else if !self.has_actuator {
            NO_ACTUATOR
        } else {
            return Ok(());
        };
        Err(NotWritten::Rejected(why.to_owned()))
    }

    /// Whether it can be told when to lock itself.
    pub(super) const fn offers_auto_lock(&self) -> bool {
        self.about.can_configure_auto_lock
    }

    /// Whether a command was written not long ago.
    pub(super) fn is_commanded(&self, now: Moment) -> bool {
        self.open.is_some_and(|open| now.since(open.at) < OPEN)
    }

    /// A command was written.
    pub(super) fn commanded(&mut self, wanted: Bolt, at: Moment) {
        self.open = Some(Open { wanted, at, expects_report: self.told != Some(Said::At(wanted)) });
        self.look_at = None;
    }

    /// Takes in an attribute of the lock that changed.
    pub(super) fn changed(&mut self, attribute: u32, value: &Value, at: Moment, out: &mut Outbox) {
        if attribute == LOCK_STATE && self.in_doubt {
            // It may be what an earlier command did, told late: the lock is asked instead.
            self.look_at = Some(at);
        } else if attribute == LOCK_STATE {
            let text = format!("report of node {}: {} {value}", self.target.node, self.target.path(LOCK_STATE));
            self.said(said(value), How::Untagged, at, Words::heard(&text), out);
        } else {
            self.beside_the_bolt(attribute, value, out);
        }
    }

    fn beside_the_bolt(&mut self, attribute: u32, value: &Value, out: &mut Outbox) {
        match attribute {
            DOOR_STATE => {
                if let Some(open) = door_open(value) {
                    out.tell(Signal::Door(self.native.clone(), open));
                }
            }
            AUTO_RELOCK => {
                if let Some(told) = auto_lock(value) {
                    out.tell(Signal::AutoLock(self.native.clone(), told));
                }
            }
            _ => self.setting(attribute, value),
        }
    }

    /// Takes in the charge of its battery, in half percent.
    pub(super) fn charged(&self, value: &Value, out: &mut Outbox) {
        if let Some(level) = value.as_f64().filter(|level| (0.0..=200.0).contains(level)) {
            out.tell(Signal::Battery(self.native.clone(), level / 200.0));
        }
    }

    fn said(&mut self, said: Said, how: How, at: Moment, words: Words, out: &mut Outbox) {
        self.told = Some(said);
        if self.open.is_none_or(|open| said != Said::At(open.wanted.other())) {
            self.look_at = None;
        }
        out.said(&self.native, said, how, at, Some(words));
    }

    /// Takes in something that happened at the lock.
    pub(super) fn happened(&mut self, event: &NodeEvent, at: Moment, out: &mut Outbox) {
        if self.is_repeat(event) {
            return;
        }
        let told = operation::read(event, self.own_fabric);
        if let Told::CodesChanged(slot) = told {
            // Whoever looks there finds what is there by now, so when it was does not matter.
            out.tell(Signal::CodesChanged(self.native.clone(), slot.map(Slot)));
        }
        if !self.available {
            // It happened while the server did not hear the lock: it says those afterwards.
            return;
        }
        let words = || Words::heard(&operation::words(event));
        match told {
            Told::Operated(_, Method::Remote, _) if self.in_doubt => self.look_at = Some(at),
            Told::Operated(bolt, method, slot) => {
                self.said(Said::At(bolt), How::Tagged(method, slot), at, words(), out);
            }
            Told::Jammed => self.said(Said::Jammed, How::Untagged, at, words(), out),
            Told::Denied(reason) => out.tell(Signal::Denied(self.native.clone(), reason, at)),
            Told::CodesChanged(_) | Told::Nothing => {}
        }
    }

    /// Whether an event was told before.
    fn is_repeat(&mut self, event: &NodeEvent) -> bool {
        let number = event.event_number;
        let is_repeat = self.last_event.is_some_and(|last| number <= last && last - number <= COUNT_RESTARTS);
        if !is_repeat {
            self.last_event = Some(number);
        }
        is_repeat
    }
}
