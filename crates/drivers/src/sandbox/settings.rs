//! What can be set on a virtual lock: latency, faults, profiles; and what can be done to it by hand.

use std::ops::RangeInclusive;

use thumbturn_core::locks::Bolt;
use thumbturn_core::pins::Pin;

use super::config::Config;
use super::script::{MOST_STEPS, Step};

/// The longest latency, jitter and repeat delay: ten minutes.
pub(super) const MOST_LATENCY_MS: u64 = 600_000;
/// The longest auto-relock: a day.
const MOST_RELOCK_S: u64 = 86_400;

/// For how many commands a fault is still on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Times {
    /// Off.
    #[default]
    Off,
    /// For so many commands; never zero.
    Next(u32),
    /// Until it is switched off.
    Always,
}

impl Times {
    /// Whether the fault strikes now; uses up one.
    pub(super) const fn take(&mut self) -> bool {
        match *self {
            Self::Off => return false,
            Self::Next(0 | 1) => *self = Self::Off,
            Self::Next(left) => *self = Self::Next(left - 1),
            Self::Always => {}
        }
        true
    }
}

impl From<u32> for Times {
    fn from(count: u32) -> Self {
        if count == 0 { Self::Off } else { Self::Next(count) }
    }
}

impl From<bool> for Times {
    fn from(on: bool) -> Self {
        if on { Self::Always } else { Self::Off }
    }
}

/// The faults of a lock. Of the first six at most one strikes a command, in the order in which they stand here, and
/// only that one is used up; the others come on top.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The lock refuses.
    pub refuse: Times,
    /// The lock is in privacy mode and refuses remote operation.
    pub privacy: Times,
    /// The hub claims the wanted position by itself; the bolt does not move.
    pub lie: Times,
    /// Accepted, and nothing happens.
    pub ignore: Times,
    /// Something blocks the bolt; it goes back.
    pub obstruct: Times,
    /// The bolt stops half-way.
    pub jam: Times,
    /// The lock reports nothing by itself; reads still answer.
    pub mute: Times,
    /// The hub repeats the old position right after the command.
    pub stale: Times,
    /// The lock falls off the network as it takes the command.
    pub offline: Times,
    /// Every report comes once more, unchanged, so many milliseconds later. 0: off.
    pub repeat_after_ms: u64,
    /// The hub is busy and takes up each command only so many milliseconds after it was given it. 0: off.
    pub busy_ms: u64,
}

/// Chances of a bad radio, in per cent. Set by profiles only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Odds {
    /// The acknowledgement is lost and the hub says so.
    pub unacknowledged: u8,
    /// The report is lost.
    pub mute: u8,
    /// The hub repeats the old position right after the command.
    pub stale: u8,
    /// A report comes once more.
    pub repeat: u8,
}

/// Everything that is set on one lock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The profile that was set last, if any. Later changes stand on top of it.
    pub profile: Option<Profile>,
    /// Milliseconds from a command to the bolt's arrival.
    pub latency_ms: u64,
    /// By how much that varies in either direction.
    pub jitter_ms: u64,
    /// Seconds after an unlock until the lock locks itself. 0: never.
    pub relock_after_s: u64,
    /// Faults.
    pub faults: Faults,
    /// Chances of a bad radio.
    pub odds: Odds,
    /// How much of the battery one run of the motor takes, 0 to 1.
    pub drain: f64,
}

impl Settings {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            profile: None,
            latency_ms: config.latency_ms,
            jitter_ms: config.jitter_ms,
            relock_after_s: 0,
            faults: Faults::default(),
            odds: Odds::default(),
            drain: 0.0,
        }
    }

    /// Takes over what `patch` sets. What belongs to the lock rather than to its settings (battery) is left to the lock.
    pub(super) fn apply(&mut self, patch: &Patch) {
        if let Some(profile) = patch.profile {
            profile.shape(self);
        }
        self.latency_ms = patch.latency_ms.unwrap_or(self.latency_ms);
        self.jitter_ms = patch.jitter_ms.unwrap_or(self.jitter_ms);
        self.relock_after_s = patch.relock_after_s.unwrap_or(self.relock_after_s);
        patch.faults.apply(&mut self.faults, &mut self.odds);
    }
}

/// A change of a lock's settings. What is `None` stays as it is. A profile is applied first, the rest on top of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    /// 0 to 600,000.
    pub latency_ms: Option<u64>,
    /// 0 to 600,000.
    pub jitter_ms: Option<u64>,
    /// 0 to 1.
    pub battery_level: Option<f64>,
    /// 0 (off) to 86,400.
    pub relock_after_s: Option<u64>,
    /// A preset; it takes away the script.
    pub profile: Option<Profile>,
    /// Faults.
    pub faults: FaultsPatch,
    /// A new script of up to [`MOST_STEPS`] steps, in place of the whole old one; none: away with it.
    pub script: Option<Vec<Step>>,
}

/// A change of a lock's faults. What is `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `Faults`")]
pub struct FaultsPatch {
    pub refuse: Option<Times>,
    pub privacy: Option<Times>,
    pub lie: Option<Times>,
    pub ignore: Option<Times>,
    pub obstruct: Option<Times>,
    pub jam: Option<Times>,
    pub mute: Option<Times>,
    pub stale: Option<Times>,
    pub offline: Option<Times>,
    pub repeat_after_ms: Option<u64>,
    pub busy_ms: Option<u64>,
}

impl FaultsPatch {
    fn apply(&self, faults: &mut Faults, odds: &mut Odds) {
        for (new, old) in [
            (self.refuse, &mut faults.refuse),
            (self.privacy, &mut faults.privacy),
            (self.lie, &mut faults.lie),
            (self.ignore, &mut faults.ignore),
            (self.obstruct, &mut faults.obstruct),
            (self.jam, &mut faults.jam),
            (self.mute, &mut faults.mute),
            (self.stale, &mut faults.stale),
            (self.offline, &mut faults.offline),
        ] {
            *old = new.unwrap_or(*old);
        }
        if let Some(repeat_after_ms) = self.repeat_after_ms {
            faults.repeat_after_ms = repeat_after_ms;
            odds.repeat = 100;
        }
        faults.busy_ms = self.busy_ms.unwrap_or(faults.busy_ms);
    }
}

/// A value out of its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct PatchProblem {
    /// The field, with dots between levels.
    pub field: &'static str,
    /// What would be right.
    pub problem: String,
}

impl Patch {
    /// Checks the ranges.
    ///
    /// # Errors
    /// The first field out of its range.
    pub fn check(&self) -> Result<(), PatchProblem> {
        within("latency_ms", self.latency_ms, 0..=MOST_LATENCY_MS)?;
        within("jitter_ms", self.jitter_ms, 0..=MOST_LATENCY_MS)?;
        within("relock_after_s", self.relock_after_s, 0..=MOST_RELOCK_S)?;
        within("faults.repeat_after_ms", self.faults.repeat_after_ms, 0..=MOST_LATENCY_MS)?;
        within("faults.busy_ms", self.faults.busy_ms, 0..=MOST_LATENCY_MS)?;
        within("battery_level", self.battery_level, 0.0..=1.0)?;
        let steps = self.script.as_deref().unwrap_or_default();
        if steps.len() > MOST_STEPS {
            return Err(PatchProblem { field: "script", problem: format!("must have at most {MOST_STEPS} steps") });
        }
        for step in steps {
            within("script.after_ms", Some(step.after_ms), 0..=MOST_LATENCY_MS)?;
            within("script.battery_level", step.battery_level, 0.0..=1.0)?;
        }
        Ok(())
    }
}

fn within<T>(field: &'static str, value: Option<T>, range: RangeInclusive<T>) -> Result<(), PatchProblem>
where
    T: PartialOrd + std::fmt::Display,
{
    if value.is_none_or(|value| range.contains(&value)) {
        return Ok(());
    }
    Err(PatchProblem { field, problem: format!("must be from {} to {}", range.start(), range.end()) })
}

/// A preset over latency, jitter and faults; it replaces all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// No latency, no faults, a full battery.
    Perfect,
    /// A motor bolt of the slow kind: 2,674 ± 400 ms.
    SlowMotor,
    /// 150 ± 120 ms; of a hundred commands 10 lose their acknowledgement, 10 their report, 10 hear an old position
    /// first, and 20 reports come again 4.4 s later.
    FlakyRadio,
    /// The hub claims what was asked for, and no bolt moves.
    Liar,
    /// 1,200 ± 400 ms and 6 % charge, of which each run of the motor takes 1; at zero the lock goes dark.
    DyingBattery,
}

/// No profile has that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be perfect, slow_motor, flaky_radio, liar or dying_battery")]
pub struct UnknownProfile;

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 5] = [Self::Perfect, Self::SlowMotor, Self::FlakyRadio, Self::Liar, Self::DyingBattery];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Perfect => "perfect",
            Self::SlowMotor => "slow_motor",
            Self::FlakyRadio => "flaky_radio",
            Self::Liar => "liar",
            Self::DyingBattery => "dying_battery",
        }
    }

    /// The profile that `word` names, with spaces or underscores.
    ///
    /// # Errors
    /// [`UnknownProfile`].
    pub fn from_word(word: &str) -> Result<Self, UnknownProfile> {
        let word = word.replace(' ', "_");
        Self::ALL.into_iter().find(|profile| profile.as_str() == word).ok_or(UnknownProfile)
    }

    /// The charge that comes with it.
    pub(super) const fn battery(self) -> Option<f64> {
        match self {
            Self::Perfect => Some(1.0),
            Self::DyingBattery => Some(0.06),
            Self::SlowMotor | Self::FlakyRadio | Self::Liar => None,
        }
    }

    fn shape(self, settings: &mut Settings) {
        let (latency_ms, jitter_ms) = match self {
            Self::Perfect => (0, 0),
            Self::SlowMotor => (2_674, 400),
            Self::FlakyRadio => (150, 120),
            Self::Liar => (20, 0),
            Self::DyingBattery => (1_200, 400),
        };
        let mut faults = Faults::default();
        let mut odds = Odds::default();
        match self {
            Self::FlakyRadio => {
                faults.repeat_after_ms = 4_400;
                odds = Odds { unacknowledged: 10, mute: 10, stale: 10, repeat: 20 };
            }
            Self::Liar => faults.lie = Times::Always,
            Self::Perfect | Self::SlowMotor | Self::DyingBattery => {}
        }
        let drain = if self == Self::DyingBattery { 0.01 } else { 0.0 };
        *settings = Settings { profile: Some(self), latency_ms, jitter_ms, faults, odds, drain, ..*settings };
    }
}

/// Something done at the door, not through the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// The thumb-turn is turned; this also frees a jammed bolt.
    Turn(Bolt),
    /// A PIN is typed at the keypad.
    Keypad(Pin),
    /// The batteries are taken out.
    PowerOff,
    /// The batteries are put back in.
    PowerOn,
}

/// An action cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownAct {
    /// No such action.
    #[error("must be turn_lock, turn_unlock, keypad, power_off or power_on")]
    Action,
    /// The keypad needs a PIN of 1 to 32 digits.
    #[error("keypad needs a code of 1 to 32 digits")]
    Code,
}

impl Act {
    /// The act that `action` and `code` name; `code` counts for `keypad` only.
    ///
    /// # Errors
    /// [`UnknownAct`]: an unknown action, or a keypad action without a code of digits.
    pub fn from_words(action: &str, code: Option<&str>) -> Result<Self, UnknownAct> {
        Ok(match action {
            "turn_lock" => Self::Turn(Bolt::Locked),
            "turn_unlock" => Self::Turn(Bolt::Unlocked),
            "keypad" => Self::Keypad(code.and_then(Pin::new).ok_or(UnknownAct::Code)?),
            "power_off" => Self::PowerOff,
            "power_on" => Self::PowerOn,
            _ => return Err(UnknownAct::Action),
        })
    }
}

/// A change of a lock's standing with its hub, as if it came from outside. Repeated, it changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simulated {
    /// The lock comes back, whatever took it away.
    Connect,
    /// The lock can no longer be reached. It goes on working alone.
    Disconnect,
    /// The hub of its own comes back.
    ConnectHub,
    /// The hub of its own can no longer be reached.
    DisconnectHub,
    /// The lock is removed from its hub.
    Remove,
    /// Its paid subscription ends, or is there again.
    Subscription {
        /// Whether it has ended.
        ended: bool,
    },
}
