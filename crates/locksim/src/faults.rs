//! What can be wrong with a lock, settable while it runs.

use std::time::Duration;

use crate::{Bolt, Order};

/// One thing that is wrong with a lock. Several may be set at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The motor takes this long (250 ms without this).
    Motor(Duration),
    /// The lock says yes and leaves the bolt where it is; it reports nothing.
    AckWithoutMove,
    /// The lock answers "failure": a Zigbee2MQTT hub says nothing of it.
    Refuse,
    /// The bolt jams on its way out: `not_fully_locked`.
    JamOnLock,
    /// The bolt jams on its way in: `not_fully_locked`.
    JamOnUnlock,
    /// The lock moves and reports nothing at all, neither state nor action.
    Mute,
    /// The lock's answer is lost on the air; after the given time the hub sends the same command again by itself.
    LostAnswer {
        /// Time from the first sending to the second; 13.3 s with the real hub.
        resend_after: Duration,
    },
    /// The lock does not hear the command; the hub writes its error line after the given time (17.1 s in reality).
    Unreachable {
        /// Time from the command to the error line.
        error_after: Duration,
    },
    /// The lock's parent takes the command, the lock never gets it: as unreachable, only later (23.0 s in reality).
    Silent {
        /// Time from the command to the error line.
        error_after: Duration,
    },
    /// The lock moves and reports, but its answer comes too late: the error line (23.1 s) although the bolt moved.
    /// Together with [`Fault::Mute`] nothing but the error line is heard.
    LateAnswer {
        /// Time from the command to the error line.
        error_after: Duration,
    },
    /// Every report of the bolt is sent a second time after the given time, with what it said then.
    RepeatReport {
        /// Time from the report to its repetition.
        after: Duration,
    },
    /// Every report of the bolt is sent twice in a row.
    DoubleReport,
    /// The lock reports the bolt but never says who moved it.
    NoAction,
    /// The action comes before the report of the bolt, so its message still carries the old state.
    ActionFirst,
    /// The bolt's report comes before the action, also for makes that usually do it the other way round.
    StateFirst,
    /// A read gets no answer; the hub writes its error line after the given time.
    ReadFails {
        /// Time from the read to the error line.
        error_after: Duration,
    },
    /// A read is answered with the position from before the latest move.
    StaleGet,
}

impl Fault {
    /// [`Fault::Unreachable`] with the time measured at a real hub.
    pub const UNREACHABLE: Self = Self::Unreachable { error_after: Duration::from_millis(17_100) };
    /// [`Fault::Silent`] with the time measured at a real hub.
    pub const SILENT: Self = Self::Silent { error_after: Duration::from_millis(23_000) };
    /// [`Fault::LateAnswer`] with the time measured at a real hub.
    pub const LATE_ANSWER: Self = Self::LateAnswer { error_after: Duration::from_millis(23_100) };
    /// [`Fault::LostAnswer`] with the time measured at a real hub.
    pub const LOST_ANSWER: Self = Self::LostAnswer { resend_after: Duration::from_millis(13_300) };
    /// [`Fault::ReadFails`] with the time measured for commands at a real hub.
    pub const READ_FAILS: Self = Self::ReadFails { error_after: Duration::from_millis(17_100) };
}

/// Everything that is wrong with a lock at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Faults {
    pub(crate) motor: Duration,
    pub(crate) ack_without_move: bool,
    pub(crate) refuse: bool,
    pub(crate) jam_on_lock: bool,
    pub(crate) jam_on_unlock: bool,
    pub(crate) mute: bool,
    pub(crate) lost_answer: Option<Duration>,
    pub(crate) unreachable: Option<Duration>,
    pub(crate) silent: Option<Duration>,
    pub(crate) late_answer: Option<Duration>,
    pub(crate) repeat_report: Option<Duration>,
    pub(crate) double_report: bool,
    pub(crate) no_action: bool,
    pub(crate) action_first: bool,
    pub(crate) read_fails: Option<Duration>,
    pub(crate) stale_get: bool,
}

impl Faults {
    /// A healthy lock.
    pub(crate) fn none(action_first: bool) -> Self {
        Self {
            motor: Duration::from_millis(250),
            ack_without_move: false,
            refuse: false,
            jam_on_lock: false,
            jam_on_unlock: false,
            mute: false,
            lost_answer: None,
            unreachable: None,
            silent: None,
            late_answer: None,
            repeat_report: None,
            double_report: false,
            no_action: false,
            action_first,
            read_fails: None,
            stale_get: false,
        }
    }

    pub(crate) fn set(&mut self, fault: Fault) {
        match fault {
            Fault::Motor(time) => self.motor = time,
            Fault::AckWithoutMove => self.ack_without_move = true,
            Fault::Refuse => self.refuse = true,
            Fault::JamOnLock => self.jam_on_lock = true,
            Fault::JamOnUnlock => self.jam_on_unlock = true,
            Fault::Mute => self.mute = true,
            Fault::LostAnswer { resend_after } => self.lost_answer = Some(resend_after),
            Fault::Unreachable { error_after } => self.unreachable = Some(error_after),
            Fault::Silent { error_after } => self.silent = Some(error_after),
            Fault::LateAnswer { error_after } => self.late_answer = Some(error_after),
            Fault::RepeatReport { after } => self.repeat_report = Some(after),
            Fault::DoubleReport => self.double_report = true,
            Fault::NoAction => self.no_action = true,
            Fault::ActionFirst => self.action_first = true,
            Fault::StateFirst => self.action_first = false,
            Fault::ReadFails { error_after } => self.read_fails = Some(error_after),
            Fault::StaleGet => self.stale_get = true,
        }
    }

    /// Where a bolt that is sent to `target` comes to rest.
    pub(crate) fn rest(&self, target: Bolt) -> Bolt {
        let jams = match target {
            Bolt::Locked => self.jam_on_lock,
            Bolt::Unlocked => self.jam_on_unlock,
            Bolt::Stuck => false,
        };
        if jams { Bolt::Stuck } else { target }
    }
}

impl Order {
    /// Where the bolt shall go, seen from where it is.
    pub(crate) fn target(self, from: Bolt) -> Bolt {
        match (self, from) {
            (Self::Lock, _) | (Self::Toggle, Bolt::Unlocked | Bolt::Stuck) => Bolt::Locked,
            (Self::Unlock | Self::Open, _) | (Self::Toggle, Bolt::Locked) => Bolt::Unlocked,
        }
    }
}
