//! Code slots: what a lock keeps in them, what can be done with them, and what writing one comes to.
//!
//! A lock keeps each code in a slot with a number, and most locks keep nothing else with it: whose code it is, is known to
//! whoever wrote it there. The port is [`crate::ports::CodeSlots`].
//!
//! Rules, for every driver:
//! - **Done is what the lock has told.** A code is set, or a slot empty, when the lock itself says so: asked afterwards it tells
//!   that very code ([`Proof::ReadBack`]), or, where it shows no codes, it has said that it carried the command out, or it
//!   tells that a slot is taken that was empty before ([`Proof::Word`]). A hub's acknowledgement proves nothing, and neither
//!   does what a hub remembers. Everything else that was written is [`CodeFault::Unknown`].
//! - **What failed is told apart**, since each asks for something else: see [`CodeFault`].
//! - **Codes are secrets.** They are in [`Pin`]s, whose `Debug` shows nothing; no driver logs one, keeps one longer than it
//!   needs it, or passes on words of a hub that may hold one.

use jiff::civil::DateTime;

use crate::pins::Pin;
use crate::ports::NotWritten;

/// The number of a slot, as the lock's hub counts: from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

/// What can be done with the code slots of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeTraits {
    /// How many there are, or, where the hub does not tell, how many may be tried. They are numbered from 1 to this.
    pub slots: u32,
    /// The fewest digits a code may have.
    pub shortest: usize,
    /// The most digits a code may have.
    pub longest: usize,
    /// The digits that the lock takes: nearly always all ten.
    pub digits: String,
    /// Whether a slot can keep from when to when its code opens. Where not, whoever wants that sets and clears in time.
    pub windows: bool,
    /// How much of a slot can be read.
    pub shows: Shows,
    /// How many bytes of a name a slot can keep; `None` where it keeps none.
    pub name_bytes: Option<usize>,
}

/// How much of a slot can be read. A lock that shows codes may still hide single ones: see [`Code::Hidden`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Its code.
    Code,
    /// Whether it is taken.
    Taken,
    /// Nothing.
    Nothing,
}

/// What is in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    Empty,
    /// A code.
    Held(Held),
    /// Something that is no code for the door: a code for programming, a message, a way that is always open.
    Other,
}

/// A code in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which.
    pub code: Code,
    /// Whether it opens, within its window if it has one.
    pub enabled: bool,
    /// The name that is kept with it.
    pub name: Option<String>,
    /// From when to when it opens; `None`: always, or the lock does not tell.
    pub window: Option<Window>,
}

/// A code, as far as the lock shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// There is one, and the lock does not show it: masked, or never told.
    Hidden,
    /// This.
    Shown(Pin),
    /// Something else than digits, so none of ours.
    NotDigits,
}

/// From when to when a code opens, by the lock's own clock, which knows no zones. (Whoever asks for one has converted it.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From then on.
    pub starts: DateTime,
    /// Until then.
    pub ends: DateTime,
}

/// A code that is to be in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCode {
    /// Which.
    pub pin: Pin,
    /// Its name, for locks that keep names.
    pub name: Option<String>,
    /// From when to when it opens, for locks that keep that; `None`: always.
    pub window: Option<Window>,
    /// Whether it may replace what is in the slot. If not, a slot that holds anything is [`CodeFault::Occupied`]: somebody may
    /// have put a code there at the lock.
    pub replaces: bool,
}

/// What is known of the slots of a lock without asking for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Slots and what is in them, in order. Of a slot that is not among them nothing is known.
    pub slots: Vec<(Slot, Content)>,
    /// Whether the lock was asked just now. Otherwise it is what the hub remembers, which costs the lock nothing and may be old:
    /// it says where to look.
    pub asked: bool,
}

/// How a lock has told that a slot is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Asked afterwards, it told the very code, or an empty slot.
    ReadBack,
    /// It does not show the code. It said that it had carried the command out, or told that the slot is taken, which was empty
    /// before.
    Word,
}

/// Why something about a slot did not come to a good end. Texts are for people and hold no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeFault {
    /// Nothing was written: too late, nobody to write to, or the lock did not answer when it was asked before.
    #[error("nothing was sent to the lock")]
    NotWritten(NotWritten),
    /// The lock, or its hub, cannot do it at all. The text says what.
    #[error("the lock cannot do that: {0}")]
    Unsupported(&'static str),
    /// The lock has no slot of this number.
    #[error("the lock has slots from 1 to {slots}")]
    NoSuchSlot {
        /// How many it has.
        slots: u32,
    },
    /// The code is too short or too long for the lock.
    #[error("the lock takes codes of {shortest} to {longest} digits")]
    WrongLength {
        /// The fewest digits.
        shortest: usize,
        /// The most digits.
        longest: usize,
    },
    /// The lock takes only some digits.
    #[error("the lock takes only the digits {digits}")]
    WrongDigits {
        /// Which.
        digits: String,
    },
    /// The slot holds something, and it was not to be replaced.
    #[error("the slot is taken")]
    Occupied,
    /// The lock says that the code is in another slot already; which, where it tells.
    #[error("the lock has this code already")]
    Duplicate(Option<Slot>),
    /// The lock says that it has no room for another code.
    #[error("the lock has no room for another code")]
    Full,
    /// The lock or its hub refused, or took the command and did not do it, as it told when it was asked. The text says which, in
    /// words of ours.
    #[error("{0}")]
    Refused(&'static str),
    /// Nobody knows what is in the slot: what was asked, or written, got no answer that tells. The text says what was heard.
    #[error("it is not known what is in the slot: {0}")]
    Unknown(&'static str),
}

impl CodeTraits {
    /// Whether the lock has the slot.
    ///
    /// # Errors
    /// [`CodeFault::NoSuchSlot`] if not.
    pub const fn has(&self, slot: Slot) -> Result<(), CodeFault> {
        if slot.0 >= 1 && slot.0 <= self.slots { Ok(()) } else { Err(CodeFault::NoSuchSlot { slots: self.slots }) }
    }

    /// Whether the lock can take the code in that slot, as far as that is known beforehand. Asked before anything is written.
    ///
    /// # Errors
    /// [`CodeFault::NoSuchSlot`], [`CodeFault::WrongLength`], [`CodeFault::WrongDigits`] or [`CodeFault::Unsupported`].
    pub fn takes(&self, slot: Slot, code: &NewCode) -> Result<(), CodeFault> {
        self.has(slot)?;
        let (digits, shortest, longest) = (code.pin.digits(), self.shortest, self.longest);
        if !(shortest..=longest).contains(&digits.len()) {
            return Err(CodeFault::WrongLength { shortest, longest });
        }
        if !digits.chars().all(|digit| self.digits.contains(digit)) {
            return Err(CodeFault::WrongDigits { digits: self.digits.clone() });
        }
        if code.window.is_some() && !self.windows {
            return Err(CodeFault::Unsupported("its slots keep no times"));
        }
        match (&code.name, self.name_bytes) {
            (Some(_), None) => Err(CodeFault::Unsupported("its slots keep no names")),
            (Some(name), Some(most)) if name.len() > most => Err(CodeFault::Unsupported("the name is too long for it")),
            _ => Ok(()),
        }
    }
}

impl Content {
    /// Whether this is that very code, in use.
    #[must_use]
    pub fn is(&self, pin: &Pin) -> bool {
        matches!(self, Self::Held(Held { code: Code::Shown(shown), enabled: true, .. }) if shown == pin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> CodeTraits {
        CodeTraits {
            slots: 10,
            shortest: 4,
            longest: 8,
            digits: "12345".to_owned(),
            windows: false,
            shows: Shows::Code,
            name_bytes: Some(5),
        }
    }

    fn code(pin: &str) -> NewCode {
        NewCode { pin: Pin::new(pin).unwrap(), name: None, window: None, replaces: false }
    }

    #[test]
    fn what_a_lock_cannot_take_is_known_before_anything_is_written() {
        let lock = lock();
        assert_eq!(lock.takes(Slot(1), &code("1234")), Ok(()));
        assert_eq!(lock.takes(Slot(10), &code("12345123")), Ok(()));
        for slot in [Slot(0), Slot(11)] {
            assert_eq!(lock.takes(slot, &code("1234")), Err(CodeFault::NoSuchSlot { slots: 10 }), "{slot:?}");
        }
        for pin in ["123", "123451234"] {
            let wrong = CodeFault::WrongLength { shortest: 4, longest: 8 };
            assert_eq!(lock.takes(Slot(1), &code(pin)), Err(wrong), "{pin}");
        }
        let wrong = CodeFault::WrongDigits { digits: "12345".to_owned() };
        assert_eq!(lock.takes(Slot(1), &code("1236")), Err(wrong));
        let named = |name: &str| NewCode { name: Some(name.to_owned()), ..code("1234") };
        assert_eq!(lock.takes(Slot(1), &named("Guest")), Ok(()));
        assert!(matches!(lock.takes(Slot(1), &named("Guests")), Err(CodeFault::Unsupported(_))));
        let nameless = CodeTraits { name_bytes: None, ..lock.clone() };
        assert!(matches!(nameless.takes(Slot(1), &named("Guest")), Err(CodeFault::Unsupported(_))));
        let at = DateTime::constant(2026, 12, 1, 15, 0, 0, 0);
        let timed = NewCode { window: Some(Window { starts: at, ends: at }), ..code("1234") };
        assert!(matches!(lock.takes(Slot(1), &timed), Err(CodeFault::Unsupported(_))));
    }

    #[test]
    fn no_code_is_shown_by_debug() {
        let pin = Pin::new("8642").unwrap();
        let held = Held { code: Code::Shown(pin.clone()), enabled: true, name: None, window: None };
        let listing = Listing { slots: vec![(Slot(1), Content::Held(held))], asked: true };
        for text in [format!("{listing:?}"), format!("{:?}", code("8642"))] {
            assert!(!text.contains("8642"), "{text}");
        }
        assert!(listing.slots[0].1.is(&pin));
        assert!(!Content::Empty.is(&pin));
    }
}
