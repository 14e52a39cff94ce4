//! What a lock is, how it misbehaves, and what its bolt did.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

/// Where a bolt really is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Thrown.
    Locked,
    /// Drawn back.
    Unlocked,
    /// Between the two.
    Stuck,
}

impl Place {
    /// The state that Home Assistant has for it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Unlocked => "unlocked",
            Self::Stuck => "jammed",
        }
    }
}

/// What a lock is. The default is one with a battery and a device, that can be asked.
#[derive(Clone, Debug)]
pub struct LockSpec {
    /// Its id, and its name in Home Assistant.
    pub name: String,
    /// Whether the integration asks it on `homeassistant.update_entity`.
    pub reads: bool,
    /// Whether the integration only supposes its state.
    pub assumed: bool,
    /// Whether its entity has no id and no device, as those of YAML have.
    pub bare: bool,
    /// The form of the code that it wants with each command.
    pub code_format: Option<&'static str>,
    /// Whether it is one of the integration ZHA, which takes codes.
    pub zigbee: bool,
    /// Its battery, in percent.
    pub battery: Option<u8>,
    /// Whether its door stands open, where it has a contact.
    pub door_open: Option<bool>,
    /// How long its motor takes; it says that it is on its way meanwhile.
    pub motor: Duration,
}

impl LockSpec {
    /// A plain lock.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            reads: true,
            assumed: false,
            bare: false,
            code_format: None,
            zigbee: false,
            battery: Some(80),
            door_open: None,
            motor: Duration::ZERO,
        }
    }

    /// As the integration is told of it; `said` is what it says at first.
    pub(super) fn described(&self, said: &Value) -> Value {
        let mut said = said.clone();
        if let Some(battery) = self.battery {
            said["battery"] = json!(battery);
        }
        if let Some(open) = self.door_open {
            said["door_open"] = json!(open);
        }
        json!({
            "id": self.name,
            "name": self.name,
            "maker": "Yale",
            "model": "YRD226",
            "bare": self.bare,
            "reads": self.reads,
            "assumed": self.assumed,
            "code_format": self.code_format,
            "zigbee": self.zigbee,
            "said": said,
        })
    }
}

/// How a lock misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Its bolt gets stuck.
    pub jam: bool,
    /// It cannot be reached.
    pub unreachable: bool,
    /// It takes commands, acts, and says nothing by itself.
    pub mute: bool,
    /// It does not answer when it is asked.
    pub unreadable: bool,
    /// It takes commands and does nothing.
    pub idle: bool,
    /// The integration says that the lock refused.
    pub refuse: bool,
    /// How long its motor takes, instead of its own time.
    pub motor: Option<Duration>,
    /// How often it says everything once more.
    pub repeats: usize,
    /// It says everything once more after so long.
    pub repeats_after: Option<Duration>,
    /// It says that it is on its way only after it has arrived.
    pub reordered: bool,
    /// On its way it says for so long that it still is where it was: an old poll came in between.
    pub flip_flop: Option<Duration>,
}

/// What a lock really did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// Where its bolt is.
    pub bolt: Place,
    /// How often it went from one end to the other.
    pub moves: usize,
    /// The commands that came to it, in order, with the code if there was one.
    pub commands: Vec<(Place, Option<String>)>,
    /// How often it was asked where its bolt is.
    pub reads: usize,
    /// The codes that it keeps, by slot.
    pub codes: BTreeMap<u32, String>,
    /// How often a slot was written to.
    pub code_writes: usize,
}
