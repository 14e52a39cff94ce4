//! What a lock is, how it misbehaves, and what its bolt did.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

/// Where a bolt really is. The numbers are those of the attribute `LockState` of the Zigbee door lock cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Between the two.
    Stuck = 0,
    /// Thrown.
    Locked = 1,
    /// Drawn back.
    Unlocked = 2,
}

/// What moves a bolt at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A hand.
    Hand,
    /// The lock itself.
    Itself,
    /// Something of which the lock does not tell what it was: it only reports where the bolt is.
    Untold,
    /// A code in this slot.
    Code(u16),
}

/// What a lock is.
#[derive(Clone, Debug)]
pub struct LockSpec {
    /// Its friendly name, which the hub is configured with.
    pub name: String,
    /// Its maker, as it says.
    pub maker: &'static str,
    /// Its model, as it says. What that means the hub knows.
    pub model: &'static str,
    /// The number of its endpoint: 2 on locks of Kwikset and Weiser, else 1.
    pub endpoint: u8,
    /// Where its bolt is at first.
    pub bolt: Place,
    /// Its battery, in percent.
    pub battery: u8,
    /// After how many seconds it locks itself, as it says; 0: never. It does so only when a test has it.
    pub auto_lock: u32,
    /// How long its motor takes.
    pub motor: Duration,
    /// Whether it tells what moved its bolt, besides where it is.
    pub tells_cause: bool,
    /// The hub's options for it, an object.
    pub options: Value,
}

impl LockSpec {
    /// A plain lock: a Yale Assure, which takes codes.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            maker: "Yale",
            model: "YRD226 TSDB",
            endpoint: 1,
            bolt: Place::Locked,
            battery: 92,
            auto_lock: 0,
            motor: Duration::ZERO,
            tells_cause: true,
            options: json!({}),
        }
    }
}

/// How a lock misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Its bolt gets stuck.
    pub jam: bool,
    /// The coordinator gets no acknowledgement from it, nor does it hear anything.
    pub unreachable: bool,
    /// Its parent takes what is for it, and it never hears of it.
    pub silent: bool,
    /// It acts, and what it answers and reports is lost.
    pub lost: bool,
    /// It acts and reports, and its answer to the command is lost.
    pub lost_answer: bool,
    /// It takes commands, acts, and reports nothing by itself.
    pub mute: bool,
    /// It does not answer when it is asked.
    pub unreadable: bool,
    /// It says that it carries a command out or takes a setting, and does nothing.
    pub idle: bool,
    /// It says that it does not carry a command out or take a setting.
    pub refuse: bool,
    /// It says that it stored a code, and did not.
    pub forgets_codes: bool,
    /// How long its motor takes, instead of its own time.
    pub motor: Option<Duration>,
    /// How long it takes to answer a command, which it acts on before.
    pub answers_after: Option<Duration>,
    /// How often it says everything once more.
    pub repeats: usize,
    /// It says where its bolt is once more after so long.
    pub repeats_after: Option<Duration>,
    /// It tells what moved its bolt before it tells where that is.
    pub reordered: bool,
}

/// What a lock really did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// Where its bolt is.
    pub bolt: Place,
    /// How often it went from one end to the other, by whatever.
    pub moves: usize,
    /// How often its motor ran.
    pub motor_runs: usize,
    /// The commands that came over the radio, in order, without those that the hub only repeated.
    pub commands: Vec<Place>,
    /// How often the hub sent a command again by itself.
    pub repeated_commands: usize,
    /// How often it was asked where its bolt is.
    pub reads: usize,
    /// After how many seconds it locks itself, as it says.
    pub auto_lock: u32,
    /// The codes that it keeps, by slot.
    pub codes: BTreeMap<u16, String>,
    /// How often a slot was written to.
    pub code_writes: usize,
    /// How often it was asked for a slot.
    pub code_reads: usize,
}
