//! Virtual locks: their physical truth, their faults, and a hand at the door. Ours, under `/thumbturn/sandbox/`; they
//! act on virtual locks only.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::endpoint::endpoints;
use crate::enums::string_enum;
use crate::ids::DeviceId;
use crate::params::{Nullable, Param, Strict, object};
use crate::problems::Problems;
use crate::sandbox_script::{SandboxScript, SandboxStep};
use crate::schema::{Kind, Schema};
use crate::values::{Fraction, Integer, NonEmptyString, Secret};

/// Longest time that can be set, in milliseconds: ten minutes.
const MAX_MS: i64 = 600_000;

/// Longest time until a lock locks by itself, in seconds: one day.
const MAX_RELOCK_S: i64 = 86_400;

/// A time in milliseconds, up to ten minutes.
pub type Milliseconds = Integer<0, MAX_MS>;

/// What is physically true about a virtual lock, whatever its hub says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "sandbox_lock", extend("x-route-path" = "/thumbturn/sandbox/locks"))]
pub struct SandboxLock {
    /// The lock.
    pub device_id: DeviceId,
    /// Where the bolt is.
    pub bolt: BoltState,
    /// How often the bolt has moved.
    pub moves: u64,
    /// How many commands have arrived at the lock.
    pub commands: u64,
    /// Whether the motor runs.
    pub motor: MotorState,
    /// Charge of the battery, 0 to 1.
    pub battery_level: f64,
    /// Whether the lock has power.
    pub powered: bool,
    /// The slots that hold a code. The codes themselves are not shown.
    pub codes: Vec<u32>,
    /// How long the bolt takes, in milliseconds.
    pub latency_ms: u64,
    /// How much that varies, in milliseconds.
    pub jitter_ms: u64,
    /// After how many seconds the lock locks by itself; `null` if it does not.
    pub relock_after_s: Option<u64>,
    /// Whether calls to lock and unlock it are limited as those for a real lock are.
    pub rate_limited: bool,
    /// What kind of lock it plays.
    pub profile: String,
    /// What is wrong with it.
    pub faults: SandboxFaults,
    /// What is left of its script.
    pub script: Vec<SandboxStep>,
}

string_enum! {
    /// Where a bolt is.
    BoltState {
        /// Extended.
        Locked = "locked",
        /// Withdrawn.
        Unlocked = "unlocked",
        /// Stuck somewhere between.
        Jammed = "jammed",
    }
}

string_enum! {
    /// What a motor does.
    MotorState {
        /// Nothing.
        Idle = "idle",
        /// It moves the bolt.
        Moving = "moving",
    }
}

string_enum! {
    /// What a hand at the door can do.
    SandboxAction {
        /// Turn the thumb-turn so that it locks.
        TurnLock = "turn_lock",
        /// Turn the thumb-turn so that it unlocks.
        TurnUnlock = "turn_unlock",
        /// Type a code.
        Keypad = "keypad",
        /// Take the battery out.
        PowerOff = "power_off",
        /// Put the battery in.
        PowerOn = "power_on",
        /// Restart the hub: the server loses its connection to all locks of the account, and connects again.
        RestartHub = "restart_hub",
    }
}

/// How often a fault happens. On the wire `true`: every time; a number: the next so many times; `false` or 0: never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FaultTimes {
    /// Never.
    #[default]
    Never,
    /// The next so many times.
    Count(u32),
    /// Every time.
    Always,
}

impl From<bool> for FaultTimes {
    fn from(always: bool) -> Self {
        if always { Self::Always } else { Self::Never }
    }
}

impl From<u32> for FaultTimes {
    fn from(count: u32) -> Self {
        if count == 0 { Self::Never } else { Self::Count(count) }
    }
}

impl Serialize for FaultTimes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Never => serializer.serialize_bool(false),
            Self::Count(count) => serializer.serialize_u32(*count),
            Self::Always => serializer.serialize_bool(true),
        }
    }
}

impl<'de> Deserialize<'de> for FaultTimes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Wire {
            Always(bool),
            Count(u32),
        }
        Ok(match Wire::deserialize(deserializer)? {
            Wire::Always(always) => always.into(),
            Wire::Count(count) => count.into(),
        })
    }
}

crate::schema::inline_schema!(FaultTimes, {"oneOf": [{"type": "boolean"}, {"type": "integer"}]});

impl Param for FaultTimes {
    fn schema() -> Schema {
        let count = Schema::of(Kind::Integer { min: Some(0), max: Some(u32::MAX.into()) });
        Schema::of(Kind::OneOf(vec![count, Schema::of(Kind::Boolean)]))
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        match value {
            Value::Bool(always) => Some((*always).into()),
            Value::Number(_) => {
                let count = Integer::<0, { u32::MAX as i64 }>::read(value, problems)?;
                u32::try_from(count.get()).ok().map(Self::from)
            }
            _ => {
                problems.add_type("boolean or number", value);
                None
            }
        }
    }
}

/// What is wrong with a virtual lock; the fields are explained at [`SandboxFaultsUpdate`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SandboxFaults {
    /// The bolt gets stuck.
    pub jam: FaultTimes,
    /// Something is in the way.
    pub obstruct: FaultTimes,
    /// Acknowledged without a movement.
    pub ignore: FaultTimes,
    /// Reported without a movement.
    pub lie: FaultTimes,
    /// Moved without a report.
    pub mute: FaultTimes,
    /// The old state is reported.
    pub stale: FaultTimes,
    /// The last report is repeated after this many milliseconds; 0: it is not.
    pub repeat_after_ms: u64,
    /// The hub takes up a command only after this many milliseconds; 0: at once.
    pub busy_ms: u64,
    /// Out of reach.
    pub offline: FaultTimes,
    /// Refused.
    pub refuse: FaultTimes,
    /// Refused, since somebody inside wants to be left alone.
    pub privacy: FaultTimes,
}

object! {
    /// Faults to set; those that are left out stay as they are.
    SandboxFaultsUpdate {
        /// The bolt gets stuck half-way and the lock says so.
        jam: Option<FaultTimes>,
        /// Something is in the bolt's way and the lock says so.
        obstruct: Option<FaultTimes>,
        /// The command is acknowledged and nothing happens.
        ignore: Option<FaultTimes>,
        /// The lock reports a movement that did not happen.
        lie: Option<FaultTimes>,
        /// The bolt moves and the lock says nothing.
        mute: Option<FaultTimes>,
        /// The lock reports its old state.
        stale: Option<FaultTimes>,
        /// The lock repeats its last report after this many milliseconds; 0 switches that off.
        repeat_after_ms: Option<Milliseconds>,
        /// The hub is busy and takes up a command only after this many milliseconds; 0 switches that off.
        busy_ms: Option<Milliseconds>,
        /// The lock cannot be reached.
        offline: Option<FaultTimes>,
        /// The lock refuses the command.
        refuse: Option<FaultTimes>,
        /// The lock is in privacy mode and refuses remote operation.
        privacy: Option<FaultTimes>,
    }
}

endpoints! {
    /// Shows what is physically true about a virtual lock.
    endpoint GetSandboxLock {
        path: "/thumbturn/sandbox/locks/get",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [sandbox_lock] => SandboxLock,
        changes: false,
        params: {
            /// The virtual lock.
            device_id: DeviceId,
        },
        errors: [DeviceTypeNotSupported],
    }

    /// Changes how a virtual lock behaves. What is left out stays as it is.
    endpoint SetSandboxLock {
        path: "/thumbturn/sandbox/locks/set",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [sandbox_lock] => SandboxLock,
        changes: true,
        params: {
            /// The virtual lock.
            device_id: DeviceId,
            /// How long the bolt takes, in milliseconds.
            latency_ms: Option<Milliseconds>,
            /// How much that varies, in milliseconds.
            jitter_ms: Option<Milliseconds>,
            /// Charge of the battery, 0 to 1.
            battery_level: Option<Fraction>,
            /// After how many seconds the lock locks by itself; `null` or 0: it does not.
            relock_after_s: Nullable<Integer<0, MAX_RELOCK_S>>,
            /// Whether calls to lock and unlock it are limited as those for a real lock are.
            rate_limited: Option<bool>,
            /// What kind of lock it plays.
            profile: Option<NonEmptyString>,
            /// What is wrong with it.
            faults: Option<Strict<SandboxFaultsUpdate>>,
            /// What becomes of each of the next commands, in place of the whole old script; `[]` takes it away. A word
            /// such as `"jam"` is short for `{"fault": "jam"}`.
            script: Option<SandboxScript>,
        },
        errors: [DeviceTypeNotSupported],
    }

    /// Does at the door of a virtual lock what a hand could do.
    endpoint ActOnSandboxLock {
        path: "/thumbturn/sandbox/locks/act",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [sandbox_lock] => SandboxLock,
        changes: true,
        params: {
            /// The virtual lock.
            device_id: DeviceId,
            /// What to do.
            action: SandboxAction,
            /// The code to type; required with `keypad`.
            code: Option<Secret<NonEmptyString>>,
        },
        check: keypad_needs_a_code,
        errors: [DeviceTypeNotSupported],
    }
}

fn keypad_needs_a_code(params: &ActOnSandboxLock, problems: &mut Problems) {
    if params.action == SandboxAction::Keypad && params.code.is_none() {
        problems.at("code", Problems::add_required);
    }
}
