//! What is physically true of one virtual lock, whether or not anybody heard of it.

use thumbturn_core::commands::AutoLock;
use thumbturn_core::locks::Bolt;
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::Said;

use super::script::Step;
use super::settings::Settings;

/// Where a bolt really stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Thrown.
    Locked,
    /// Drawn back.
    Unlocked,
    /// Stuck half-way.
    Jammed,
}

impl Position {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Unlocked => "unlocked",
            Self::Jammed => "jammed",
        }
    }

    pub(super) const fn said(self) -> Said {
        match self {
            Self::Locked => Said::At(Bolt::Locked),
            Self::Unlocked => Said::At(Bolt::Unlocked),
            Self::Jammed => Said::Jammed,
        }
    }
}

impl From<Bolt> for Position {
    fn from(bolt: Bolt) -> Self {
        match bolt {
            Bolt::Locked => Self::Locked,
            Bolt::Unlocked => Self::Unlocked,
        }
    }
}

/// What the motor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MotorState {
    /// Nothing.
    Idle,
    /// It turns.
    Moving,
}

impl MotorState {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Moving => "moving",
        }
    }
}

/// One code that a lock holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// Its keypad slot.
    pub slot: u32,
    /// Its PIN.
    pub pin: Pin,
}

/// The physical truth of one lock.
#[derive(Clone, Debug, PartialEq)]
pub struct Physical {
    /// Where the bolt stands.
    pub bolt: Position,
    /// How often the bolt came to an end at which it was not before, by whatever cause.
    pub moves: u64,
    /// How often it locked itself, of those movements.
    pub relocks: u64,
    /// How many commands reached the lock.
    pub commands: u64,
    /// What the motor does.
    pub motor: MotorState,
    /// Charge, 0 to 1.
    pub battery_level: f64,
    /// Whether it has power.
    pub powered: bool,
    /// Whether its radio is heard: it has power and has not fallen off the network.
    pub heard: bool,
    /// The lock's own count of its reports.
    pub reports: u64,
    /// The codes it holds.
    pub codes: Vec<Code>,
    /// What is set on it, with what is left of each fault.
    pub settings: Settings,
    /// What is left of its script.
    pub script: Vec<Step>,
}

/// What is known of a lock from before this process started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Restored {
    /// Where its bolt stood.
    pub bolt: Position,
    /// Its charge.
    pub battery_level: f64,
    /// Whether it had power.
    pub powered: bool,
    /// Whether it was cut off from its hub.
    pub cut: bool,
    /// Whether the hub of its own was lost.
    pub hub_lost: bool,
    /// Whether it was removed from its hub.
    pub removed: bool,
    /// Whether its paid subscription had ended.
    pub unpaid: bool,
    /// When it locked itself, where it had told.
    pub auto_lock: Option<AutoLock>,
}
