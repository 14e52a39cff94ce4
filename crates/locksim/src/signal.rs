//! The words that pass between a lock and its hub, in no particular dialect.

use std::time::Instant;

/// Where a bolt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bolt {
    /// Fully thrown.
    Locked,
    /// Fully drawn.
    Unlocked,
    /// Somewhere between: a jam.
    Stuck,
}

/// What a lock can be told to do with its bolt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Throw the bolt.
    Lock,
    /// Draw the bolt.
    Unlock,
    /// The opposite of what it is: exists on the air, and no server should use it.
    Toggle,
    /// Draw the bolt and the latch.
    Open,
}

/// What arrived at a lock over the air.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Move the bolt.
    Operate {
        /// How.
        order: Order,
        /// A code that came with the command.
        code: Option<String>,
    },
    /// Say where the bolt is.
    ReadState,
    /// Say how full the battery is.
    ReadBattery,
    /// Lock yourself so long after each unlocking; 0: never.
    SetAutoLock {
        /// How long.
        seconds: u32,
    },
    /// Say when you lock yourself.
    ReadAutoLock,
    /// Keep a code in a slot.
    SetCode {
        /// The slot.
        slot: u16,
        /// The digits.
        digits: String,
        /// Whether the code opens.
        enabled: bool,
    },
    /// Forget the code of a slot.
    ClearCode {
        /// The slot.
        slot: u16,
    },
    /// Make a kept code open or not open.
    SetCodeStatus {
        /// The slot.
        slot: u16,
        /// Whether the code opens.
        enabled: bool,
    },
    /// Say what is in a slot.
    ReadCode {
        /// The slot.
        slot: u16,
    },
}

/// A request as it arrived at a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// What was asked.
    pub request: Request,
    /// When it arrived.
    pub at: Instant,
    /// Whether the hub sent it a second time by itself.
    pub repeat: bool,
}

/// Why a bolt moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// A command over the air.
    Radio,
    /// A code at the keypad, with its slot.
    Keypad(u16),
    /// A hand at the knob.
    Hand,
    /// The lock itself, some time after it was opened.
    AutoRelock,
    /// Something blocked the bolt while nobody asked for a move.
    Obstacle,
}

/// One physical change of a bolt's position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoltMove {
    /// The lock's name when the simulation began.
    pub lock: String,
    /// Where the bolt was.
    pub from: Bolt,
    /// Where it came to rest.
    pub to: Bolt,
    /// Why.
    pub cause: Cause,
    /// When it came to rest.
    pub at: Instant,
}

/// A code that a lock keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCode {
    /// The digits.
    pub digits: String,
    /// Whether it opens.
    pub enabled: bool,
}

/// The word of an operation event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Lock,
    Unlock,
    ManualLock,
    ManualUnlock,
    AutoLock,
    UnlockFailureInvalidCode,
}

/// Who caused an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Keypad,
    Radio,
    Manual,
}

/// The word of a programming event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeChange {
    Added,
    Changed,
    Deleted,
}

/// What a hub hears of a lock.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Signal {
    /// The lock answered a command, with yes or no.
    Answer { request: Request, accepted: bool },
    /// The hub gave up waiting for an answer.
    NoAnswer { request: Request, reached_parent: bool },
    /// The motor started towards a position.
    Starting { target: Bolt },
    /// The lock reported its bolt by itself.
    State { bolt: Bolt },
    /// The lock answered a read of its bolt.
    StateRead { bolt: Bolt },
    /// The lock said what happened and who did it.
    Operation { operation: Operation, source: Source, user: Option<u16>, digits: Option<String> },
    /// The lock said that a code changed.
    Code { change: CodeChange, source: Source, slot: u16 },
    /// The lock answered a read of a slot.
    CodeRead { slot: u16, found: Option<KeptCode> },
    /// The battery's charge in per cent.
    Battery { level: u8 },
    /// After how many seconds it locks itself.
    AutoLock { seconds: u32 },
}
