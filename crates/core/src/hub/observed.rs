//! What is known of one device, and how facts change it. Each change says which events it is worth.

use std::time::Duration;

use jiff::Timestamp;

use crate::commands::AutoLock;
use crate::devices::{BatteryStatus, DeviceState, OfflineBecause, Reach};
use crate::events::{EventKind, Method};
use crate::ids::AttemptId;
use crate::locks::Bolt;
use crate::memory::{Cause, Fact, Known, What};
use crate::ports::Said;
use crate::time::Moment;

/// A device's state and whether it is managed; unmanaged devices raise no lock events.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) state: DeviceState,
    pub(crate) managed: bool,
}

/// For how long a movement that comes after an unknown outcome is still called that attempt's doing.
const CREDIT: Duration = Duration::from_secs(120);

/// Who is to be named as the cause of a movement to `wanted`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credit {
    pub(crate) attempt: AttemptId,
    pub(crate) wanted: Bolt,
}

/// The attempts of one lock whose outcome stayed unknown: the last one for each position.
#[derive(Debug, Default)]
pub(crate) struct Unresolved(Vec<(Credit, Moment)>);

impl Unresolved {
    /// Keeps an attempt that ended as unknown `now`.
    pub(crate) fn keep(&mut self, credit: Credit, now: Moment) {
        self.0.retain(|(other, _)| other.wanted != credit.wanted);
        self.0.push((credit, now.after(CREDIT)));
    }

    /// The attempt whose doing a movement `to` there may be.
    pub(crate) fn of(&self, to: Bolt, now: Moment) -> Option<Credit> {
        self.0.iter().find(|(credit, until)| credit.wanted == to && !now.reached(*until)).map(|(credit, _)| *credit)
    }

    /// Forgets an attempt whose movement was told.
    pub(crate) fn settle(&mut self, attempt: AttemptId) {
        self.0.retain(|(credit, _)| credit.attempt != attempt);
    }
}

impl Observed {
    /// Applies what the lock told. `credit` is an earlier attempt whose outcome stayed unknown: a movement that it
    /// wanted and that nobody else claims is its doing.
    pub(crate) fn apply(&mut self, fact: &Fact, credit: Option<Credit>) -> Vec<EventKind> {
        let at = fact.occurred_at.unwrap_or(fact.heard.wall);
        match fact.what {
            // An old report said again must not clear a jam, and a movement to be told with its cause is told then.
            What::Moved { doubtful: true, .. } if self.state.jammed_since.is_some() => Vec::new(),
            What::Read { awaits_cause: true, .. } => Vec::new(),
            What::Moved { from, to, cause, .. } => self.moved(from != Known::Nothing, to, cause, credit, at),
            What::Operated { at: bolt, cause, doubtful, late_cause } => {
                self.stands_at(bolt, at);
                if doubtful || late_cause { Vec::new() } else { self.told(bolt, Some(cause), credit) }
            }
            What::Read { said: Said::At(to), from, cause, .. } => {
                self.moved(from == Known::At(to.other()), to, cause, credit, at)
            }
            What::Recalled { at: bolt } => {
                let reported_at = self.state.reported_at;
                let events = self.moved(false, bolt, None, None, at);
                self.state.reported_at = reported_at;
                events
            }
            What::Jammed | What::Read { said: Said::Jammed, .. } => {
                self.jammed(at);
                Vec::new()
            }
            What::Unsure | What::Read { said: Said::Unsure, .. } => {
                self.state.fresh = false;
                Vec::new()
            }
            What::Doubt { to } => {
                self.doubted(to);
                Vec::new()
            }
            What::Obstructed | What::Read { said: Said::Obstructed, .. } => Vec::new(),
        }
    }

    /// Notes that the bolt stands at `bolt` without raising an event: the caller raises its own.
    pub(crate) fn stands_at(&mut self, bolt: Bolt, at: Timestamp) {
        self.state.bolt = Some(bolt);
        self.state.fresh = true;
        self.state.jammed_since = None;
        self.state.reported_at = Some(at);
    }

    /// What the lock perhaps says contradicts what it said before: until a read settles it, neither is shown as true.
    fn doubted(&mut self, to: Known) {
        let agrees = match to {
            Known::Nothing => true,
            Known::At(bolt) => self.state.bolt == Some(bolt) && self.state.jammed_since.is_none(),
            Known::Jammed => self.state.jammed_since.is_some(),
        };
        self.state.fresh &= agrees;
    }

    /// A first word after a silence is a movement only if it differs from the last word before.
    fn moved(
        &mut self,
        surely: bool,
        to: Bolt,
        cause: Option<Cause>,
        credit: Option<Credit>,
        at: Timestamp,
    ) -> Vec<EventKind> {
        let differs = self.state.bolt.is_some_and(|bolt| bolt != to) || self.state.jammed_since.is_some();
        self.stands_at(to, at);
        if surely || differs || cause.is_some() { self.told(to, cause, credit) } else { Vec::new() }
    }

    fn told(&self, to: Bolt, cause: Option<Cause>, credit: Option<Credit>) -> Vec<EventKind> {
        if !self.managed {
            return Vec::new();
        }
        let unclaimed = cause.is_none_or(|cause| cause.method == Method::Remote);
        let attempt = credit.filter(|credit| unclaimed && credit.wanted == to).map(|credit| credit.attempt);
        let told = cause.map_or(Method::Unknown, |cause| cause.method);
        let method = if attempt.is_some() { Method::Remote } else { told };
        vec![EventKind::LockMoved { to, method, attempt, slot: cause.and_then(|cause| cause.slot) }]
    }

    /// Nothing was heard in this session yet: what was told before is no longer fresh.
    pub(crate) fn forget(&mut self) -> Vec<EventKind> {
        self.state.fresh = false;
        Vec::new()
    }

    /// The bolt is stuck between its ends.
    pub(crate) fn jammed(&mut self, at: Timestamp) {
        self.state.jammed_since.get_or_insert(at);
        self.state.fresh = true;
        self.state.reported_at = Some(at);
    }

    /// The hub describes the device. One that it had removed is there again, but perhaps out of reach.
    pub(crate) fn described(&mut self) -> Vec<EventKind> {
        match self.state.reach {
            Reach::Offline { because: OfflineBecause::DeviceRemoved, .. } => {
                self.state.reach = Reach::Unknown;
                vec![EventKind::DeviceAdded]
            }
            _ => Vec::new(),
        }
    }

    /// The device can be reached.
    pub(crate) fn online(&mut self) -> Vec<EventKind> {
        let was = std::mem::replace(&mut self.state.reach, Reach::Online);
        match was {
            Reach::Online => Vec::new(),
            Reach::Offline { because: OfflineBecause::DeviceRemoved, .. } => {
                vec![EventKind::DeviceAdded, EventKind::DeviceConnected { managed: self.managed }]
            }
            Reach::Unknown | Reach::Offline { .. } => vec![EventKind::DeviceConnected { managed: self.managed }],
        }
    }

    /// The device cannot be reached; what it told before is no longer fresh.
    pub(crate) fn offline(&mut self, because: OfflineBecause, since: Timestamp) -> Vec<EventKind> {
        self.state.fresh = false;
        match self.state.reach {
            Reach::Offline { because: known, .. } if known == because || known == OfflineBecause::DeviceRemoved => {
                Vec::new()
            }
            Reach::Offline { .. } => {
                self.state.reach = Reach::Offline { because, since };
                Vec::new()
            }
            was @ (Reach::Online | Reach::Unknown) => {
                self.state.reach = Reach::Offline { because, since };
                if was == Reach::Online {
                    vec![EventKind::DeviceDisconnected { managed: self.managed, because }]
                } else {
                    Vec::new()
                }
            }
        }
    }

    /// The hub no longer knows the device.
    pub(crate) fn removed(&mut self, since: Timestamp) -> Vec<EventKind> {
        self.state.fresh = false;
        let was =
            std::mem::replace(&mut self.state.reach, Reach::Offline { because: OfflineBecause::DeviceRemoved, since });
        match was {
            Reach::Offline { because: OfflineBecause::DeviceRemoved, .. } => Vec::new(),
            _ => vec![EventKind::DeviceRemoved],
        }
    }

    /// The battery's charge, 0 to 1.
    pub(crate) fn battery(&mut self, level: f64) -> Vec<EventKind> {
        if !level.is_finite() {
            return Vec::new();
        }
        let level = level.clamp(0.0, 1.0);
        let before = self.state.battery.replace(level).map(BatteryStatus::of);
        let status = BatteryStatus::of(level);
        let is_low = |status| matches!(status, BatteryStatus::Low | BatteryStatus::Critical);
        let mut events = Vec::new();
        if before.is_some_and(|before| before != status) {
            events.push(EventKind::DeviceBatteryStatusChanged { status, level });
        }
        if is_low(status) && !before.is_some_and(is_low) {
            events.push(EventKind::DeviceLowBattery { level });
        }
        events
    }

    /// When the lock locks itself.
    pub(crate) fn auto_lock(&mut self, told: AutoLock) -> Vec<EventKind> {
        self.state.auto_lock = Some(told);
        Vec::new()
    }

    /// Whether the paid subscription that the lock needs has ended.
    pub(crate) fn subscription(&mut self, ended: bool, since: Timestamp) -> Vec<EventKind> {
        if self.state.subscription_ended_since.is_some() == ended {
            return Vec::new();
        }
        self.state.subscription_ended_since = ended.then_some(since);
        vec![if ended { EventKind::DeviceSubscriptionRequired } else { EventKind::DeviceSubscriptionResolved }]
    }

    /// Whether the door stands open.
    pub(crate) fn door(&mut self, open: bool) -> Vec<EventKind> {
        self.state.door_open = Some(open);
        Vec::new()
    }
}
