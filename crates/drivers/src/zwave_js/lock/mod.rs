//! One lock: what its values and notifications tell (here), what it is (`about`), what came of what was asked of it
//! (`asked`), when it locks itself (`auto_lock`), and what it tells of its codes (`codes`).
//!
//! A report of a Door Lock comes as a burst of values, its position among them. The position alone is either the hub's own
//! note of a notification, which follows and says more, or what the hub supposes after a command of somebody else: neither
//! is the lock's word.

mod about;
mod asked;
mod auto_lock;
mod codes;

use std::time::Duration;

use serde_json::Value;
use thumbturn_core::devices::About;
use thumbturn_core::evidence::Words;
use thumbturn_core::ids::NativeId;
use thumbturn_core::locks::{Bolt, Reachability, Traits};
use thumbturn_core::ports::{How, Said, Signal};
use thumbturn_core::time::Moment;

use self::about::{about, classes};
use self::codes::Codes;
use super::auto_lock::{Settings, Way, parameter, whole};
use super::call::{AUTO_RELOCK, Call, Class, DOOR_LOCK, LOCK, Target, auto_lock};
use super::codes::USER_CODE;
use super::notification::{self, Told};
use super::wire::{Node, Status, ValueEntry};
use super::{Outbox, answer};

/// How long before its deadline a command must be written: the hub tries three times to reach a lock that does not answer.
const MARGIN: Duration = Duration::from_secs(12);

/// How long a movement may take that the lock says nothing of.
const SETTLE: Duration = Duration::from_secs(6);

/// The same where no movement is expected.
const SETTLE_UNCHANGED: Duration = Duration::from_secs(1);

/// How long after it took a command a lock may take to report, before it is asked. The hub itself would ask after 5 s.
const LOOK: Duration = Duration::from_millis(1500);

/// How long after the time that it named for its work a lock may take to report.
const LOOK_AFTER_WORK: Duration = Duration::from_secs(1);

/// How long a lock that does not answer is left alone, unless somebody commands it: each try keeps the radio from everybody
/// else for seconds.
const DEAD_PAUSE: Duration = Duration::from_secs(600);

/// How long a command may matter to what is heard.
const OPEN: Duration = Duration::from_secs(35);

/// What makes a node a lock; the first that it has is used.
const LOCK_CLASSES: [u32; 2] = [DOOR_LOCK, LOCK];
const NOTIFICATION: u32 = 113;
const BATTERY: u32 = 128;

/// `Lock state` of a jammed lock.
const JAMMED: u64 = 11;

/// See the module.
#[derive(Debug)]
pub(super) struct Lock {
    pub(super) native: NativeId,
    pub(super) target: Target,
    about: About,
    traits: Traits,
    status: Status,
    is_ready: bool,
    /// What the lock told last.
    told: Option<Said>,
    /// A report is coming in, and the lock is at work according to it.
    burst: Option<Burst>,
    /// The lock told a jam, and nothing that ends it.
    jammed: bool,
    /// What answered a read, and is yet to come as a report too.
    echo: Option<Said>,
    open: Option<Open>,
    /// When the lock is to be asked, if it says nothing before.
    look_at: Option<Moment>,
    /// Until when the lock says that it works.
    busy_until: Option<Moment>,
    /// When it was last tried while it did not answer.
    tried: Option<Moment>,
    pub(super) codes: Codes,
    /// How it is told when to lock itself.
    way: Option<Way>,
    settings: Settings,
}

#[derive(Clone, Copy, Debug, Default)]
struct Burst {
    is_moving: bool,
}

/// A command that was written.
#[derive(Clone, Copy, Debug)]
struct Open {
    wanted: Bolt,
    at: Moment,
    /// Whether a report of its movement is to be expected.
    expects_report: bool,
}

/// A lock's own number in the engine: that of its network and its node.
pub(super) fn native(home: u32, node: u32) -> NativeId {
    NativeId(format!("{home:08x}-{node}"))
}

/// The node that a number names in this network.
pub(super) fn node_of(home: u32, native: &NativeId) -> Option<u32> {
    let (network, node) = native.as_str().split_once('-')?;
    (network == format!("{home:08x}")).then(|| node.parse().ok()).flatten()
}

impl Lock {
    /// The lock that a node is; `None` for everything else.
    pub(super) fn of(home: u32, node: &Node) -> Option<Self> {
        let classes = classes(node);
        let has = |class| classes.contains(&class);
        let class = LOCK_CLASSES.into_iter().find(|class| has(*class))?;
        let class = if class == DOOR_LOCK { Class::DoorLock } else { Class::Lock };
        let native = native(home, node.node_id);
        let way = Way::of(&node.values);
        Some(Self {
            about: about(&native, node, &classes, way.is_some()),
            native,
            target: Target { node: node.node_id, class },
            traits: Traits {
                reports: true,
                readable: true,
                tags: has(NOTIFICATION),
                margin: MARGIN,
                settle: SETTLE,
                settle_unchanged: SETTLE_UNCHANGED,
            },
            status: Status::of(node.status),
            is_ready: node.ready,
            told: None,
            burst: None,
            jammed: false,
            echo: None,
            open: None,
            look_at: None,
            busy_until: None,
            tried: None,
            codes: Codes::of(node),
            way,
            settings: Settings::default(),
        })
    }

    /// Takes over what was known of the same node before it introduced itself again.
    pub(super) fn resume(&mut self, before: Self) {
        self.open = before.open;
        self.look_at = before.look_at;
        self.busy_until = before.busy_until;
        self.tried = before.tried;
        self.settings.resume(before.settings);
    }

    /// Introduces the lock to the engine, with what the hub remembers of it.
    pub(super) fn introduce(&mut self, values: &[ValueEntry], at: Moment, out: &mut Outbox) {
        out.tell(Signal::Discovered { about: Box::new(self.about.clone()), traits: self.traits });
        out.tell(self.reach());
        for entry in whole(values) {
            if let Some(of) = parameter(entry.command_class, &entry.property, entry.property_key.as_ref()) {
                self.parameter(of, entry.value.as_ref(), out);
            }
            let Some(value) = &entry.value else { continue };
            let key = entry.property_key.as_ref().and_then(Value::as_str);
            let Some(property) = entry.property.as_str() else { continue };
            self.remember((entry.command_class, property, key), value, at, out);
        }
    }

    fn remember(&mut self, of: (u32, &str, Option<&str>), value: &Value, at: Moment, out: &mut Outbox) {
        match of {
            (DOOR_LOCK, "currentMode", _) | (LOCK, "locked", _) => {
                if let Some(said) = self.target.class.said(value) {
                    out.said(&self.native, said, How::Remembered, at, None);
                }
            }
            // Whether that is still so, the first read tells.
            (NOTIFICATION, "Access Control", Some("Lock state")) => {}
            _ => self.beside_the_bolt(of, value, out),
        }
    }

    /// What is told of something else than the bolt.
    fn beside_the_bolt(&self, of: (u32, &str, Option<&str>), value: &Value, out: &mut Outbox) {
        let native = || self.native.clone();
        match of {
            (BATTERY, "level", _) => {
                if let Some(level) = value.as_f64().filter(|level| (0.0..=100.0).contains(level)) {
                    out.tell(Signal::Battery(native(), level / 100.0));
                }
            }
            (DOOR_LOCK, "doorStatus", _) => match value.as_str() {
                Some("open") => out.tell(Signal::Door(native(), true)),
                Some("closed") => out.tell(Signal::Door(native(), false)),
                _ => {}
            },
            (NOTIFICATION, "Access Control", Some("Door state")) => match value.as_u64() {
                // Open, regularly or tilted.
                Some(22 | 5632 | 5633) => out.tell(Signal::Door(native(), true)),
                Some(23) => out.tell(Signal::Door(native(), false)),
                _ => {}
            },
            (DOOR_LOCK, AUTO_RELOCK, _) if self.way == Some(Way::DoorLock) => {
                if let Some(told) = auto_lock(value) {
                    out.tell(Signal::AutoLock(native(), told));
                }
            }
            _ => {}
        }
    }

    /// Takes in a value that changed or was said again.
    pub(super) fn value(&mut self, args: &Value, at: Moment, out: &mut Outbox) {
        if args.get("endpoint").and_then(Value::as_u64).unwrap_or_default() != 0 {
            return;
        }
        let class = args.get("commandClass").and_then(Value::as_u64).and_then(|class| u32::try_from(class).ok());
        if class == Some(USER_CODE) {
            self.slot_value(args, out);
            return;
        }
        let property = args.get("property").unwrap_or(&Value::Null);
        if let Some(of) = class.and_then(|class| parameter(class, property, args.get("propertyKey"))) {
            self.parameter(of, args.get("newValue"), out);
            return;
        }
        let (Some(class), Some(property)) = (class, args.get("property").and_then(Value::as_str)) else { return };
        let Some(value) = args.get("newValue") else { return };
        let key = args.get("propertyKey").and_then(Value::as_str);
        match (class, property, key) {
            (DOOR_LOCK, "insideHandlesCanOpenDoor" | "outsideHandlesCanOpenDoor", _) => {
                self.burst.get_or_insert_default();
            }
            (DOOR_LOCK, "duration", _) => {
                if let Some(burst) = &mut self.burst {
                    burst.is_moving = answer::duration(value) != Some(Duration::ZERO);
                }
            }
            (DOOR_LOCK, "currentMode", _) => {
                if let Some(burst) = self.burst.take() {
                    self.reported(value, burst.is_moving, at, out);
                }
            }
            (LOCK, "locked", _) => self.reported(value, false, at, out),
            (NOTIFICATION, "Access Control", Some("Lock state")) => self.lock_state(value, at, out),
            of => self.beside_the_bolt(of, value, out),
        }
    }

    /// The lock reported its position.
    fn reported(&mut self, value: &Value, is_moving: bool, at: Moment, out: &mut Outbox) {
        let Some(said) = self.target.class.said(value) else { return };
        if is_moving && said == Said::Jammed {
            // Neither out nor in, since it is on its way.
            return;
        }
        let is_echo = self.echo.take() == Some(said);
        if !is_echo {
            let text = format!("report of node {}: {} {value}", self.target.node, self.target.class.property());
            self.said(said, How::Untagged, at, Words::heard(&text), out);
        }
    }

    fn said(&mut self, said: Said, how: How, at: Moment, words: Words, out: &mut Outbox) {
        self.told = Some(said);
        self.jammed = said == Said::Jammed;
        if !matches!(how, How::Read(_)) {
            self.echo = None;
        }
        if self.open.is_none_or(|open| said != Said::At(open.wanted.other())) {
            self.look_at = None;
            self.busy_until = None;
        }
        out.said(&self.native, said, how, at, Some(words));
    }

    fn lock_state(&mut self, value: &Value, at: Moment, out: &mut Outbox) {
        if value.as_u64() == Some(JAMMED) {
            let text = format!("report of node {}: Lock state {JAMMED}", self.target.node);
            self.said(Said::Jammed, How::Untagged, at, Words::heard(&text), out);
        }
    }

    /// Takes in a notification.
    pub(super) fn notified(&mut self, args: &Value, at: Moment, out: &mut Outbox) {
        let words = || Words::heard(&notification::words(self.target.node, args));
        match notification::read(args) {
            Told::Operated(bolt, method, slot) => {
                let words = words();
                self.said(Said::At(bolt), How::Tagged(method, slot), at, words, out);
            }
            Told::NotFully => {
                let words = words();
                self.said(Said::Jammed, How::Untagged, at, words, out);
            }
            Told::CodesChanged(slot) => self.codes_changed(slot, out),
            Told::DuplicateCode(slot) => self.duplicate_code(slot, at),
            Told::Denied(reason) => out.tell(Signal::Denied(self.native.clone(), reason, at)),
            Told::Nothing => {}
        }
    }

    /// Whether the lock can be reached.
    fn reach(&self) -> Signal {
        let reach = match self.status {
            _ if !self.is_ready => Reachability::Unreachable,
            // The hub would keep a command until the lock wakes up, however late that is.
            Status::Asleep => Reachability::Unreachable,
            Status::Dead => Reachability::WorthATry,
            Status::Alive => Reachability::Reachable,
        };
        Signal::Reach(self.native.clone(), reach)
    }

    /// The hub says how the lock is reached. One that was not heard for a while may have been moved meanwhile.
    pub(super) fn is_now(&mut self, status: Status, at: Moment, out: &mut Outbox) {
        let was = std::mem::replace(&mut self.status, status);
        if was == status {
            return;
        }
        out.tell(self.reach());
        self.tried = None;
        if was == Status::Dead && status == Status::Alive && !self.is_commanded(at) {
            out.asks.push(Call::Look(self.target));
        }
    }

    /// The hub gets to know the lock anew, or is done with that. Meanwhile it takes no commands for it.
    pub(super) fn interviewed(&mut self, is_ready: bool, out: &mut Outbox) {
        if std::mem::replace(&mut self.is_ready, is_ready) != is_ready {
            out.tell(self.reach());
        }
    }

    /// Whether commands are taken for it.
    pub(super) fn takes_commands(&self) -> bool {
        self.is_ready && self.status != Status::Asleep
    }

    /// Whether a command was written not long ago.
    pub(super) fn is_commanded(&self, now: Moment) -> bool {
        self.open.is_some_and(|open| now.since(open.at) < OPEN)
    }

    /// A command was written.
    pub(super) fn commanded(&mut self, wanted: Bolt, at: Moment) {
        self.open = Some(Open { wanted, at, expects_report: self.told != Some(Said::At(wanted)) });
        self.look_at = None;
        self.busy_until = None;
    }

    /// When a read may be asked of the lock: not while it says that it works. `None`: not at all, since it does not answer.
    pub(super) fn may_be_read(&mut self, now: Moment) -> Option<Moment> {
        if !self.takes_commands() {
            return None;
        }
        if self.status == Status::Dead && !self.is_commanded(now) {
            if self.tried.is_some_and(|tried| now.since(tried) < DEAD_PAUSE) {
                return None;
            }
            self.tried = Some(now);
        }
        Some(self.busy_until.filter(|until| !now.reached(*until)).unwrap_or(now))
    }

    /// When the lock is to be asked, if it says nothing before.
    pub(super) const fn wake_at(&self) -> Option<Moment> {
        self.look_at
    }

    /// The lock has said nothing of its movement: it is asked, where it is time.
    pub(super) fn tick(&mut self, now: Moment, out: &mut Outbox) {
        if self.look_at.take_if(|at| now.reached(*at)).is_some() && self.takes_commands() {
            out.asks.push(Call::Look(self.target));
        }
    }
}
