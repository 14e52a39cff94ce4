//! What a lock is, how it misbehaves, and what its bolt did.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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

/// How a lock tells of a movement by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tells {
    /// By a notification, which says what moved it, and a report.
    Both,
    /// By a notification alone.
    Notification,
    /// By a report alone.
    Report,
    /// Not at all. It answers when it is asked.
    None,
}

/// What a lock is. The default is one that is locked, supervised, not encrypted, and tells by both means.
#[derive(Clone, Debug, Serialize)]
pub struct LockSpec {
    /// Its node.
    pub id: u32,
    /// Whether it says that it carried a command out.
    pub supervised: bool,
    /// Whether it is encrypted (S2).
    pub secure: bool,
    /// Whether it has the older command class.
    pub lock_cc: bool,
    /// Whether it has notifications at all.
    pub notifies: bool,
    /// How it tells of a movement.
    pub tells: Tells,
    /// How long its motor takes, in milliseconds.
    pub motor_ms: u64,
    /// Where its bolt is at first.
    pub bolt: Place,
    /// Its battery, in percent.
    pub battery: u8,
    /// How many codes it can hold; none without a keypad.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes: Option<u16>,
    /// How many users and PINs it can hold, if it has the newer command class for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<u16>,
    /// The version of its command class for codes.
    pub code_version: u8,
    /// Whether it shows stars instead of its codes.
    pub hides_codes: bool,
    /// The characters that it takes for codes.
    pub code_characters: &'static str,
    /// Maker, product type and product, as they are in the driver's database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<[u16; 3]>,
    /// After how many seconds it locks itself (0 for never), if it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_relock: Option<u16>,
    /// Its configuration parameters. What they mean the hub knows by its `model`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
}

/// A configuration parameter of a lock.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Parameter {
    /// Its number.
    pub number: u8,
    /// How many bytes its value has.
    pub size: u8,
    /// Its value.
    pub value: i32,
}

impl LockSpec {
    /// A plain lock at a node.
    #[must_use]
    pub fn at(id: u32) -> Self {
        Self {
            id,
            supervised: true,
            secure: false,
            lock_cc: false,
            notifies: true,
            tells: Tells::Both,
            motor_ms: 0,
            bolt: Place::Locked,
            battery: 80,
            codes: None,
            credentials: None,
            code_version: 2,
            hides_codes: false,
            code_characters: "0123456789",
            model: None,
            auto_relock: None,
            parameters: Vec::new(),
        }
    }
}

/// How a lock misbehaves from now on.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Faults {
    /// It cannot be reached, nor heard.
    pub unreachable: bool,
    /// It takes commands and does nothing.
    pub deaf: bool,
    /// It refuses commands.
    pub refuse: bool,
    /// It says that it did what it did not do.
    pub lie: bool,
    /// Its bolt gets stuck.
    pub jam: bool,
    /// It acts, and neither acknowledgement nor answer comes back.
    pub lost_answer: bool,
    /// It acts and tells nothing by itself.
    pub mute: bool,
    /// It does not answer when it is asked.
    pub unreadable: bool,
    /// From the first code on that is written, it is not heard any more.
    pub silent_codes: bool,
    /// It stores a code so many milliseconds after it said so.
    #[serde(skip_serializing_if = "is_zero")]
    pub store_after_ms: u64,
    /// It tells its report before its notification.
    pub reordered: bool,
    /// It says everything so many times more.
    pub repeats: u32,
    /// It says its report once more after so many milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub repeat_after_ms: u64,
    /// Its motor takes so many milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub motor_ms: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Who moves a bolt at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A hand.
    Manual,
    /// Somebody else's radio command.
    Remote,
    /// A code.
    Keypad,
    /// The lock itself.
    Auto,
}

/// Something that a lock says by itself, true or not.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Saying {
    /// A report with this mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u8>,
    /// A notification of Access Control with this event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<u8>,
    /// The slot in that notification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<u8>,
    /// Its battery, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery: Option<u8>,
    /// Its door: `open` or `closed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub door: Option<&'static str>,
}

/// A code that a lock keeps.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct KeptCode {
    /// Its slot.
    pub slot: u32,
    /// Whether it opens: 1 for yes, 2 for no.
    pub status: u8,
    /// The code.
    pub code: String,
}

/// What a lock really did.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Truth {
    /// Its node.
    pub id: u32,
    /// Where its bolt is.
    pub bolt: Place,
    /// How often the bolt went from one end to the other, by whatever.
    pub moves: u32,
    /// How often the motor ran.
    pub motor_runs: u32,
    /// The commands that came over the radio, in order.
    pub commands: Vec<Place>,
    /// How often it was asked for its state.
    pub reads: u32,
    /// Its battery, in percent.
    pub battery: u8,
    /// After how many seconds it locks itself; 0 for never.
    pub auto_relock: u16,
    /// The codes that it keeps, by slot.
    pub codes: Vec<KeptCode>,
    /// How often a slot was written to over the radio.
    pub code_writes: u32,
    /// How often it was asked for a slot.
    pub code_reads: u32,
    /// Its configuration parameters, by number; a byte is one with a sign.
    pub parameters: BTreeMap<u8, i32>,
}
