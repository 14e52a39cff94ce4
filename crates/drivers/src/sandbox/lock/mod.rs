//! One virtual lock: bolt, motor, radio, keypad, battery and its standing with its hub. Pure: moments come in, words go out through [`Air`].

mod bolt;
mod keypad;
mod power;
mod radio;
mod script;
mod standing;

use std::collections::VecDeque;
use std::time::Duration;

use thumbturn_core::commands::AutoLock;
use thumbturn_core::events::Method;
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::{Bolt, Reachability, Traits};
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::{How, ReadId, Said};
use thumbturn_core::time::Moment;

use super::agenda::Agenda;
use super::fate::Chance;
use super::fixtures::{PRESET_PIN, PRESET_SLOT};
use super::physical::{Code, MotorState, Physical, Position, Restored};
use super::physics::{Command, Emission, Remembered, Word};
use super::settings::{Patch, Settings, Times};
use keypad::Keypad;
use script::Script;

/// How much longer than its latency a lock's motor may take.
const MOTOR_ALLOWANCE: Duration = Duration::from_secs(1);
/// The same where no movement is expected.
const UNMOVED_ALLOWANCE: Duration = Duration::from_millis(250);

/// Something still to happen to a lock.
#[derive(Clone, Copy, Debug)]
pub(super) enum Happening {
    /// A command reaches the lock; from there the motor takes so long.
    Arrive { command: Command, motor: Duration, life: u32 },
    /// A new auto-lock reaches the lock.
    Configure { attempt: AttemptId, auto_lock: AutoLock, life: u32 },
    /// The motor stops.
    MotorStops { life: u32 },
    /// The lock may have to lock itself.
    Relock,
    /// A read reaches the lock.
    Asked(ReadId),
    /// The hub repeats a report.
    Repeat { said: Said, how: How, sequence: u64 },
    /// The hub notices that the lock went or came back.
    Notice,
    /// What a used step of the script had in store may be due.
    Script,
}

/// The world around one lock at one moment.
pub(super) struct Air<'a> {
    pub(super) at: Moment,
    pub(super) lock: usize,
    pub(super) agenda: &'a mut Agenda<(usize, Happening)>,
    pub(super) heard: &'a mut Vec<Emission>,
}

impl Air<'_> {
    fn plan(&mut self, at: Moment, what: Happening) {
        self.agenda.plan(at, (self.lock, what));
    }

    fn plan_in(&mut self, by: Duration, what: Happening) {
        self.plan(self.at.after(by), what);
    }

    fn emit(&mut self, word: Word) {
        self.heard.push(Emission { at: self.at, lock: self.lock, word });
    }

    fn emit_said(&mut self, said: Said, how: How, sequence: Option<u64>) {
        self.emit(Word::Said { said, how, sequence });
    }
}

/// What set the motor going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Command,
    Keypad(u32),
    LockButton,
    Relock,
}

impl Cause {
    const fn how(self) -> How {
        match self {
            Self::Command => How::Tagged(Method::Remote, None),
            Self::Keypad(slot) => How::Tagged(Method::Keycode, Some(slot)),
            Self::LockButton => How::Tagged(Method::Manual, None),
            Self::Relock => How::Tagged(Method::Automatic, None),
        }
    }
}

/// How a run of the motor ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Arrives,
    Jams,
    Returns,
}

/// One run of the motor.
#[derive(Clone, Copy, Debug)]
struct Run {
    cause: Cause,
    wanted: Bolt,
    takes: Duration,
    end: End,
    mute: bool,
    /// The attempt that is to hear that it is done.
    attempt: Option<AttemptId>,
}

/// When the lock locks itself. At most one happening is planned for it, however often the door is unlocked.
#[derive(Clone, Copy, Debug, Default)]
struct Relock {
    due: Option<Moment>,
    planned: Option<Moment>,
}

pub(super) struct VirtualLock {
    settings: Settings,
    chance: Chance,
    codes: Vec<Code>,
    bolt: Position,
    powered: bool,
    /// Fell off the network: works, but is not heard and hears nothing.
    silent: bool,
    /// Cut off from its hub, which knows it.
    cut: bool,
    /// The hub of its own cannot be reached.
    hub_lost: bool,
    removed: bool,
    unpaid: bool,
    keypad: Keypad,
    script: Script,
    /// Counts power cuts, so that what was under way before one is not finished after it.
    life: u32,
    motor: Option<Run>,
    waiting: VecDeque<Run>,
    relock: Relock,
    /// When the last word sent to the lock reaches it: words do not overtake each other.
    last_arrival: Option<Moment>,
    commands_in_air: usize,
    reads_in_air: usize,
    repeats_kept: usize,
    notice_planned: bool,
    /// Was silent and has not yet told that it is back.
    returning: bool,
    moves: u64,
    relocks: u64,
    commands: u64,
    reports: u64,
    battery: f64,
    hub: Remembered,
}

impl VirtualLock {
    pub(super) fn new(settings: Settings, chance: Chance, has_keypad: bool) -> Self {
        let preset = Pin::new(PRESET_PIN).filter(|_| has_keypad).map(|pin| Code { slot: PRESET_SLOT, pin });
        Self {
            settings,
            chance,
            codes: preset.into_iter().collect(),
            bolt: Position::Locked,
            powered: true,
            silent: false,
            cut: false,
            hub_lost: false,
            removed: false,
            unpaid: false,
            keypad: Keypad::default(),
            script: Script::default(),
            life: 0,
            motor: None,
            waiting: VecDeque::new(),
            relock: Relock::default(),
            last_arrival: None,
            commands_in_air: 0,
            reads_in_air: 0,
            repeats_kept: 0,
            notice_planned: false,
            returning: false,
            moves: 0,
            relocks: 0,
            commands: 0,
            reports: 0,
            battery: 1.0,
            hub: Remembered {
                reach: Reachability::Reachable,
                said: Position::Locked.said(),
                battery_level: 1.0,
                auto_lock: AutoLock::Off,
                unpaid: false,
            },
        }
    }

    pub(super) fn restore(&mut self, restored: Restored) {
        self.bolt = restored.bolt;
        self.battery = restored.battery_level;
        self.powered = restored.powered;
        self.cut = restored.cut;
        self.hub_lost = restored.hub_lost;
        self.removed = restored.removed;
        self.unpaid = restored.unpaid;
        if let Some(auto_lock) = restored.auto_lock {
            self.settings.relock_after_s = seconds(auto_lock);
        }
        self.hub = Remembered {
            reach: self.standing(),
            said: restored.bolt.said(),
            battery_level: restored.battery_level,
            auto_lock: self.auto_lock(),
            unpaid: self.unpaid,
        };
    }

    pub(super) const fn remembered(&self) -> Remembered {
        self.hub
    }

    pub(super) fn traits(&self) -> Traits {
        let longest = Duration::from_millis(self.settings.latency_ms.saturating_add(self.settings.jitter_ms));
        Traits {
            reports: true,
            readable: true,
            tags: true,
            margin: Duration::ZERO,
            settle: longest.saturating_add(MOTOR_ALLOWANCE),
            settle_unchanged: longest.saturating_add(UNMOVED_ALLOWANCE),
        }
    }

    pub(super) fn physical(&self) -> Physical {
        Physical {
            bolt: self.bolt,
            moves: self.moves,
            relocks: self.relocks,
            commands: self.commands,
            motor: if self.motor.is_some() { MotorState::Moving } else { MotorState::Idle },
            battery_level: self.battery,
            powered: self.powered,
            heard: self.on_air(),
            reports: self.reports,
            codes: self.codes.clone(),
            settings: self.settings,
            script: self.script.left(),
        }
    }

    pub(super) const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn set_latency(&mut self, latency_ms: u64, jitter_ms: u64) {
        self.settings.latency_ms = latency_ms;
        self.settings.jitter_ms = jitter_ms;
    }

    pub(super) fn set(&mut self, air: &mut Air<'_>, patch: &Patch) {
        let before = self.traits();
        self.settings.apply(patch);
        match &patch.script {
            Some(steps) => self.script.replace(steps),
            None if patch.profile.is_some() => self.script.replace(&[]),
            None => {}
        }
        if self.traits() != before {
            air.emit(Word::Described);
        }
        if let Some(level) = patch.battery_level.or_else(|| patch.profile.and_then(super::settings::Profile::battery)) {
            self.set_battery(air, level);
        }
        self.tell_auto_lock(air);
        let offline_is_off = patch.faults.offline == Some(Times::Off) || patch.profile.is_some();
        if offline_is_off && self.settings.faults.offline == Times::Off {
            self.come_back(air);
        }
    }
}

/// An auto-lock as the seconds of the settings; 0: never.
fn seconds(auto_lock: AutoLock) -> u64 {
    match auto_lock {
        AutoLock::Off => 0,
        AutoLock::After(seconds) => seconds.into(),
    }
}
