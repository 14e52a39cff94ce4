//! What an attempt asks of a lock.

use crate::locks::{Action, Bolt};
use crate::pins::Pin;

/// One command for a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Bring the bolt there.
    Move(Bolt),
    /// Change when the lock locks itself.
    AutoLock(AutoLock),
    /// Do something at the keypad of a virtual lock.
    Simulate(Simulation),
}

impl From<Bolt> for Command {
    fn from(to: Bolt) -> Self {
        Self::Move(to)
    }
}

impl Command {
    /// The action that it is a part of.
    #[must_use]
    pub const fn action(&self) -> Action {
        match self {
            Self::Move(Bolt::Locked) => Action::LockDoor,
            Self::Move(Bolt::Unlocked) => Action::UnlockDoor,
            Self::AutoLock(_) => Action::ConfigureAutoLock,
            Self::Simulate(Simulation::TypeCode(_)) => Action::SimulateKeypadCodeEntry,
            Self::Simulate(Simulation::LockAtKeypad) => Action::SimulateManualLockViaKeypad,
        }
    }

    /// Whether it needs a lock that can be reached. A hand at the keypad does not: the lock works alone.
    #[must_use]
    pub const fn needs_reach(&self) -> bool {
        !matches!(self, Self::Simulate(_))
    }
}

/// When a lock locks itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AutoLock {
    /// Never.
    Off,
    /// So many seconds after it was unlocked.
    After(u32),
}

/// Something done at the keypad of a virtual lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Simulation {
    /// A PIN is typed.
    TypeCode(Pin),
    /// The lock button is pressed.
    LockAtKeypad,
}
