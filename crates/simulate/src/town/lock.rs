//! Simulated locks: what each makes of a command.

use std::collections::VecDeque;
use std::time::Duration;

use thumbturn_core::devices::About;
use thumbturn_core::ids::NativeId;
use thumbturn_core::locks::{Bolt, Reachability, Traits};
use thumbturn_core::ports::{Answer, Refused, Said};

use super::trouble::Trouble;
use crate::dice::Dice;
use crate::door::{Place, SharedDoor};

/// How a kind of lock talks. Between them they cover what `Traits` can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manners {
    /// Says what moved its bolt, at once or right after; can be read. Like Z-Wave.
    Talkative,
    /// Says only where its bolt is; can be read; its hub may send a command again by itself. Like Zigbee.
    Terse,
    /// Counts its reports; can be read.
    Counted,
    /// Says only where its bolt is and cannot be read; its hub keeps its last word. Like retained MQTT topics.
    Retained,
    /// Says nothing: its hub assumes.
    Assumed,
}

impl Manners {
    pub(crate) const ALL: [Self; 5] = [Self::Talkative, Self::Terse, Self::Counted, Self::Retained, Self::Assumed];

    pub(crate) fn traits(self) -> Traits {
        let margin = if self == Self::Terse { 15 } else { 2 };
        Traits {
            reports: self != Self::Assumed,
            readable: matches!(self, Self::Talkative | Self::Terse | Self::Counted),
            tags: matches!(self, Self::Talkative | Self::Counted),
            margin: Duration::from_secs(margin),
            settle: Duration::from_secs(5),
            settle_unchanged: Duration::from_secs(1),
        }
    }
}

/// What becomes of a report.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Telling {
    pub(crate) lost: bool,
    pub(crate) late_ms: u64,
    pub(crate) repeated: bool,
    /// How much later the cause is told; `None`: as the lock likes.
    pub(crate) cause_after_ms: Option<u64>,
    pub(crate) cause_lost: bool,
}

/// What the motor does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Motion {
    /// Comes to the wanted end after so many milliseconds.
    Arrives(u64),
    /// Does not run.
    Still,
    /// Gets stuck.
    Sticks(u64),
    /// Comes back.
    Returns(u64),
    /// The lock loses its position; the bolt stays.
    Forgets(u64),
}

/// What one command meets.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    /// How many milliseconds after its arrival the hub says what.
    pub(crate) answer: Option<(u64, Answer)>,
    pub(crate) motion: Motion,
    pub(crate) telling: Telling,
    /// The hub claims the wanted position by itself.
    pub(crate) claimed: bool,
    /// The hub repeats the old position.
    pub(crate) stale: bool,
    /// The hub sends it again after 13 s.
    pub(crate) resent: bool,
    /// So many milliseconds after it has told of its movement, the lock moves the bolt back by itself.
    pub(crate) back_after: Option<u64>,
}

impl Deed {
    /// What a sound lock does.
    pub(crate) fn sound(dice: &mut Dice) -> Self {
        Self {
            answer: Some((dice.between(5, 40), Answer::Accepted)),
            motion: Motion::Arrives(dice.between(300, 2_500)),
            telling: Telling::default(),
            claimed: false,
            stale: false,
            resent: false,
            back_after: None,
        }
    }

    /// What a lock does under `trouble`; troubles of other things leave it sound.
    pub(crate) fn under(trouble: Trouble, dice: &mut Dice) -> Self {
        let mut deed = Self::sound(dice);
        let quick = dice.between(300, 2_000);
        match trouble {
            Trouble::AckLost => deed.answer = None,
            Trouble::AckLate => deed.answer = Some((dice.between(1_000, 8_000), Answer::Accepted)),
            Trouble::NotAcknowledgedMoved => deed.answer = Some((dice.between(100, 4_000), Answer::NotAcknowledged)),
            Trouble::NotAcknowledgedStill => {
                deed.answer = Some((dice.between(100, 4_000), Answer::NotAcknowledged));
                deed.motion = Motion::Still;
            }
            Trouble::Refused => {
                let why = [Refused::PrivacyMode, Refused::Other("The lock is busy.".to_owned())];
                let why = why.get(usize::from(dice.one_in(2))).cloned().unwrap_or(Refused::PrivacyMode);
                deed.answer = Some((dice.between(50, 500), Answer::Refused(why)));
                deed.motion = Motion::Still;
            }
            Trouble::ReportLost | Trouble::ReadFails | Trouble::ReadNever | Trouble::ReadLate | Trouble::ReadHangs => {
                deed.telling.lost = true
            }
            Trouble::ReportLate => deed.telling.late_ms = dice.between(500, 4_000),
            Trouble::ReportRepeated => deed.telling.repeated = true,
            Trouble::TagLate => deed.telling.cause_after_ms = Some(dice.between(80, 1_400)),
            Trouble::TagLost => deed.telling.cause_lost = true,
            Trouble::Ignored => deed.motion = Motion::Still,
            Trouble::Claimed => {
                deed.motion = Motion::Still;
                deed.claimed = true;
            }
            Trouble::Jam => deed.motion = Motion::Sticks(quick),
            Trouble::Blocked => deed.motion = Motion::Returns(quick),
            Trouble::SlowMotor => deed.motion = Motion::Arrives(dice.between(5_000, 20_000)),
            Trouble::VerySlowMotor => deed.motion = Motion::Arrives(dice.between(25_000, 45_000)),
            Trouble::Resent => deed.resent = true,
            Trouble::StaleAfterAck => deed.stale = true,
            Trouble::Vanished => {
                deed.answer = None;
                deed.telling.lost = true;
            }
            Trouble::Lost => {
                deed.answer = None;
                deed.motion = Motion::Still;
            }
            Trouble::CameBack => {
                deed.motion = Motion::Arrives(quick.min(600));
                deed.back_after = Some(dice.between(5, 300));
            }
            Trouble::Unsure => deed.motion = Motion::Forgets(quick),
            _ => {}
        }
        deed
    }
}

/// What strikes a read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ReadTrouble {
    Fails,
    Never,
    Late(u64),
    Hangs,
}

/// What strikes a driver that has a command to write.
#[derive(Clone, Copy, Debug)]
pub(crate) enum DriverTrouble {
    Hangs,
    HangsAfter,
    Slow(u64),
    Rejects,
    Panics,
}

/// One lock in its hub.
pub(crate) struct SimLock {
    /// Its number in the whole town.
    pub(crate) index: usize,
    pub(crate) about: About,
    pub(crate) manners: Manners,
    pub(crate) door: SharedDoor,
    pub(crate) reach: Reachability,
    /// What it last told its hub.
    pub(crate) cached: Option<Said>,
    pub(crate) count: u64,
    /// What strikes the next command.
    pub(crate) next: Option<Trouble>,
    pub(crate) driver: Option<DriverTrouble>,
    pub(crate) reads: VecDeque<ReadTrouble>,
    /// Counts the runs of its motor: a later one ends an earlier one.
    pub(crate) runs: u64,
    /// Reports of one lock are told in order.
    pub(crate) tells_after: Duration,
    pub(crate) greets_stale: bool,
    pub(crate) dice: Dice,
}

impl SimLock {
    pub(crate) fn new(index: usize, manners: Manners, mut dice: Dice) -> Self {
        let bolt = if dice.one_in(2) { Bolt::Locked } else { Bolt::Unlocked };
        let about = About {
            native: NativeId(format!("lock-{index:04}")),
            name: format!("Door {index}"),
            device_type: "yale_lock".to_owned(),
            manufacturer: "yale".to_owned(),
            manufacturer_name: "Yale".to_owned(),
            model: format!("{manners:?}"),
            serial_number: None,
            can_lock: true,
            can_unlock: true,
            can_configure_auto_lock: false,
            has_keypad: true,
            has_direct_power: false,
        };
        Self {
            index,
            about,
            manners,
            door: SharedDoor::new(bolt),
            reach: Reachability::Reachable,
            cached: Some(Said::At(bolt)),
            count: 0,
            next: None,
            driver: None,
            reads: VecDeque::new(),
            runs: 0,
            tells_after: Duration::ZERO,
            greets_stale: false,
            dice,
        }
    }

    /// Whether its hub reaches it.
    pub(crate) fn hears(&self) -> bool {
        matches!(self.reach, Reachability::Reachable | Reachability::WorthATry)
    }

    /// What it would say now.
    pub(crate) fn says(&self) -> Said {
        match self.door.look().place() {
            Place::At(bolt) => Said::At(bolt),
            Place::Stuck => Said::Jammed,
        }
    }
}
