//! Scripts: what a lock does with each of its next commands.

use thumbturn_core::locks::Bolt;

/// How many steps a script may have.
pub const MOST_STEPS: usize = 100;

/// One step of a script, used up by one command that reaches the lock. While a step is left, it alone decides what
/// becomes of a command; counted faults and the chances of a bad radio wait.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Step {
    /// What is wrong with the command; `None`: the lock obeys.
    pub fault: Option<StepFault>,
    /// What a hand does at the door afterwards.
    pub then: Option<Then>,
    /// To which charge, 0 to 1, the battery falls afterwards.
    pub battery_level: Option<f64>,
    /// How many milliseconds after the command reached the lock; 0 to 600,000.
    pub after_ms: u64,
}

/// A fault that strikes one command; what each does is said at [`Faults`](super::Faults).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the fields of `Faults`")]
pub enum StepFault {
    Refuse,
    Privacy,
    Lie,
    Ignore,
    Obstruct,
    Jam,
    Mute,
    Stale,
    Offline,
}

/// What a hand does at the door of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The thumb-turn is turned.
    Turn(Bolt),
    /// The batteries are taken out.
    PowerOff,
    /// The batteries are put in, or the lock joins the network again.
    PowerOn,
}
