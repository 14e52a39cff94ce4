//! What a lock is, how it misbehaves, and what its bolt did.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a bolt really is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Thrown.
    Locked,
    /// Drawn back.
    Unlocked,
    /// Between the two.
    Stuck,
}

/// What a lock is. The default is one that is locked, has a quick motor and a battery, and no keypad.
#[derive(Clone, Debug, Serialize)]
pub struct LockSpec {
    /// Its number in the house. The hub gives out node ids in the order of commissioning: those of a house are 1, 2, 3, …
    pub id: u32,
    /// Its maker.
    pub vendor: &'static str,
    /// Its model.
    pub product: &'static str,
    /// The name that somebody gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<&'static str>,
    /// Where its bolt is at first.
    pub bolt: Place,
    /// How long its motor takes, in milliseconds.
    pub motor_ms: u64,
    /// Its battery, in percent; none if it is wired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery: Option<u8>,
    /// How many codes it can hold; none without a keypad.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes: Option<u16>,
    /// The fewest and the most digits of a code. Only with a keypad.
    pub shortest: u8,
    /// See `shortest`.
    pub longest: u8,
    /// Whether it says no more than that it failed where a code or its slot is taken. Only with a keypad.
    pub curt: bool,
    /// Whether its users go with their last code. Only with a keypad.
    pub users_go: bool,
    /// Whether it wants a PIN with every command. Only with a keypad.
    pub requires_pin: bool,
    /// Whether it has a door sensor.
    pub door_sensor: bool,
    /// After how many seconds it locks itself (0 for never), if it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_relock: Option<u32>,
    /// Whether it tells its state alone, and not what moved it.
    pub untold: bool,
    /// Its operating mode: 0 is the normal one, 2 privacy.
    pub mode: u8,
}

impl LockSpec {
    /// A plain lock.
    #[must_use]
    pub fn at(id: u32) -> Self {
        Self {
            id,
            vendor: "Thumb",
            product: "Turn",
            label: None,
            bolt: Place::Locked,
            motor_ms: 0,
            battery: Some(80),
            codes: None,
            shortest: 4,
            longest: 8,
            curt: false,
            users_go: false,
            requires_pin: false,
            door_sensor: false,
            auto_relock: None,
            untold: false,
            mode: 0,
        }
    }
}

/// How a lock misbehaves from now on.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Faults {
    /// Nothing comes to it, nor from it.
    pub unreachable: bool,
    /// It acts on a command, and from then on nothing comes to it, nor from it.
    pub silent_when_commanded: bool,
    /// It refuses commands, with this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refuse: Option<&'static str>,
    /// It takes commands and does nothing.
    pub lie: bool,
    /// Its bolt gets stuck.
    pub jam: bool,
    /// It acts and tells nothing by itself.
    pub mute: bool,
    /// It tells what moved it so many milliseconds after its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reordered: Option<u64>,
    /// It says what moved it so many times more.
    pub repeats: u32,
    /// It says what moved it once more after so many milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat_after_ms: Option<u64>,
    /// Its motor takes so many milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub motor_ms: Option<u64>,
    /// It stores a code, and from then on nothing comes to it, nor from it.
    pub silent_codes: bool,
    /// It stores a code only so many milliseconds after it said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_after_ms: Option<u64>,
    /// It answers this to whoever gives a user a code: a status of its cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_status: Option<u8>,
}

/// Who moves a bolt at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A hand.
    Manual,
    /// A code.
    Keypad,
    /// The lock itself.
    Auto,
    /// A card.
    Rfid,
    /// The maker's own app.
    Proprietary,
}

/// Something that a lock says by itself, true or not.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Saying {
    /// Attributes of its cluster, as matter.js names them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Value>,
    /// An event of its cluster, as matter.js names it, and what it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<&'static str>,
    /// What the event holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// Its battery, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery: Option<u8>,
}

/// What a lock really did.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Truth {
    /// Its number in the house.
    pub id: u32,
    /// Where its bolt is.
    pub bolt: Place,
    /// How often the bolt went from one end to the other, by whatever.
    pub moves: u32,
    /// How often the motor ran.
    pub motor_runs: u32,
    /// The commands that came over the network, in order.
    pub commands: Vec<Place>,
    /// After how many seconds it locks itself; 0 for never.
    pub auto_relock: u32,
    /// The codes that open the door, in the order of their slots.
    pub codes: Vec<KeptCode>,
    /// The numbers of its users, in order.
    pub users: Vec<u32>,
    /// How often it was told something about codes or users.
    pub code_writes: u32,
    /// How often it was asked.
    pub code_reads: u32,
}

/// A code that opens the door.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct KeptCode {
    /// The index of the credential.
    pub slot: u32,
    /// The code.
    pub code: String,
    /// The index of the user.
    pub user: u32,
    /// His name.
    pub name: String,
}
