//! What virtual locks are called and what make they pretend to be.

use thumbturn_core::devices::About;
use thumbturn_core::ids::NativeId;

/// The PIN that every virtual lock with a keypad holds from the start.
pub const PRESET_PIN: &str = "1234";

/// The keypad slot that holds [`PRESET_PIN`].
pub const PRESET_SLOT: u32 = 1;

/// One virtual lock as its hub describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixture {
    /// The hub's id of it; the same at every start.
    pub native: NativeId,
    /// Its name.
    pub name: String,
    /// The device type on the wire.
    pub device_type: &'static str,
    /// Lower-case maker, as filters compare it.
    pub manufacturer: &'static str,
    /// The maker's name for people.
    pub manufacturer_name: &'static str,
    /// The model's name for people.
    pub model: &'static str,
    /// Serial number.
    pub serial_number: String,
    /// Whether it has a keypad.
    pub has_keypad: bool,
}

impl Fixture {
    /// The same in the engine's words.
    #[must_use]
    pub fn about(&self) -> About {
        About {
            native: self.native.clone(),
            name: self.name.clone(),
            device_type: self.device_type.to_owned(),
            manufacturer: self.manufacturer.to_owned(),
            manufacturer_name: self.manufacturer_name.to_owned(),
            model: self.model.to_owned(),
            serial_number: Some(self.serial_number.clone()),
            can_lock: true,
            can_unlock: true,
            can_configure_auto_lock: true,
            has_keypad: self.has_keypad,
            has_direct_power: false,
        }
    }
}

struct Make {
    native: &'static str,
    name: &'static str,
    device_type: &'static str,
    manufacturer: &'static str,
    manufacturer_name: &'static str,
    model: &'static str,
    has_keypad: bool,
}

#[rustfmt::skip]
const MAKES: [Make; 5] = [
    Make { native: "front_door", name: "Front Door", device_type: "august_lock", manufacturer: "august", manufacturer_name: "August", model: "Smart Lock Pro", has_keypad: true },
    Make { native: "back_door", name: "Back Door", device_type: "yale_lock", manufacturer: "yale", manufacturer_name: "Yale", model: "Assure Lock 2", has_keypad: true },
    Make { native: "garage", name: "Garage", device_type: "schlage_lock", manufacturer: "schlage", manufacturer_name: "Schlage", model: "Encode", has_keypad: true },
    Make { native: "side_gate", name: "Side Gate", device_type: "kwikset_lock", manufacturer: "kwikset", manufacturer_name: "Kwikset", model: "Halo", has_keypad: true },
    Make { native: "office", name: "Office", device_type: "nuki_lock", manufacturer: "nuki", manufacturer_name: "Nuki", model: "Smart Lock 4.0 Pro", has_keypad: false },
];

/// The lock number `index`, counted from 0. The first five have names of their own; the others are called `Lock 006`
/// and so on and take turns with the five makes.
#[must_use]
pub fn fixture(index: usize) -> Fixture {
    let make = &MAKES[index % MAKES.len()];
    let number = index + 1;
    let (native, name) = if index < MAKES.len() {
        (make.native.to_owned(), make.name.to_owned())
    } else {
        (format!("lock-{number:03}"), format!("Lock {number:03}"))
    };
    Fixture {
        native: NativeId(native),
        name,
        device_type: make.device_type,
        manufacturer: make.manufacturer,
        manufacturer_name: make.manufacturer_name,
        model: make.model,
        serial_number: format!("VIRTUAL-{number:05}"),
        has_keypad: make.has_keypad,
    }
}

/// The five locks of a new sandbox workspace.
#[must_use]
pub fn fixtures() -> Vec<Fixture> {
    (0..MAKES.len()).map(fixture).collect()
}

/// Whether the lock number `index` has a keypad.
pub(super) const fn has_keypad(index: usize) -> bool {
    MAKES[index % MAKES.len()].has_keypad
}
