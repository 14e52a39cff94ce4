//! The codes of a lock.

use std::time::Duration;

use super::frame::{Reader, join};
use super::lock::{BY_KEYPAD, BY_RADIO, Event, Lock, at_once};
use super::zcl::{self, Message};

/// Something changed what a lock keeps.
const PROGRAMMING_EVENT: u8 = 0x21;

/// How many slots a lock has.
const SLOTS: u16 = 250;

/// What a lock says of a code it is given, by the numbers of the cluster.
const STORED: u8 = 0;
const FAILED: u8 = 1;
const DUPLICATE: u8 = 3;

/// What is in a slot.
const FREE: u8 = 0;
const IN_USE: u8 = 1;

impl Lock {
    /// What the hub says about codes.
    pub(super) fn hear_keypad(&mut self, message: &Message) -> Vec<(Duration, Event)> {
        let data = &mut Reader(&message.data);
        let slot = data.u16();
        match message.command {
            0x05 => {
                let (_, length) = (data.take(2), data.u8());
                let code = String::from_utf8_lossy(data.take(usize::from(length))).into_owned();
                self.write(message, slot, Some(code))
            }
            0x06 => {
                self.truth.code_reads += 1;
                if self.faults.unreadable {
                    return Vec::new();
                }
                let code = self.truth.codes.get(&slot);
                let status = if code.is_some() { IN_USE } else { FREE };
                let code = zcl::octets(code.map_or("", String::as_str));
                let answer = join(&[&slot.to_le_bytes(), &[status, 0], &code]);
                at_once(zcl::DOOR_LOCK, message.answer(0x06, &answer))
            }
            0x07 => self.write(message, slot, None),
            _ => at_once(zcl::DOOR_LOCK, message.not_understood()),
        }
    }

    /// A slot is written to over the radio: a code, or nothing.
    fn write(&mut self, message: &Message, slot: u16, code: Option<String>) -> Vec<(Duration, Event)> {
        self.truth.code_writes += 1;
        let status = self.verdict(slot, code.as_deref());
        let mut course = Vec::new();
        if !self.faults.lost {
            course = at_once(zcl::DOOR_LOCK, message.answer(message.command, &[status]));
        }
        if status == STORED && !self.faults.forgets_codes {
            let told = self.keep(slot, code, BY_RADIO);
            course.extend(if self.faults.lost || self.faults.mute { Vec::new() } else { told });
        }
        course
    }

    fn verdict(&self, slot: u16, code: Option<&str>) -> u8 {
        let is_elsewhere =
            |code: &str| self.truth.codes.iter().any(|(other, kept)| *other != slot && kept.as_str() == code);
        if self.faults.refuse || slot >= SLOTS {
            FAILED
        } else if code.is_some_and(is_elsewhere) {
            DUPLICATE
        } else {
            STORED
        }
    }

    /// Somebody at the lock puts a code into a slot, or empties it.
    pub(super) fn program(&mut self, slot: u16, code: Option<String>) -> Vec<(Duration, Event)> {
        let told = self.keep(slot, code, BY_KEYPAD);
        self.unless_away(told)
    }

    /// A slot changes, and the lock tells of it.
    fn keep(&mut self, slot: u16, code: Option<String>, by: u8) -> Vec<(Duration, Event)> {
        let (status, is_removal) = (u8::from(code.is_some()), code.is_none());
        let before = match code {
            Some(code) => self.truth.codes.insert(slot, code),
            None => self.truth.codes.remove(&slot),
        };
        let how = match (is_removal, before.is_some()) {
            (false, false) => 2,
            (true, true) => 3,
            (false, true) => 4,
            (true, false) => return Vec::new(),
        };
        let slot = slot.to_le_bytes();
        // Without the code, of an unrestricted user, at no time, without further data.
        let data = [by, how, slot[0], slot[1], 0, 0, status, 0, 0, 0, 0, 0];
        let event = zcl::event(self.next_number(), PROGRAMMING_EVENT, &data);
        vec![(Duration::ZERO, Event::Says(zcl::DOOR_LOCK, event))]
    }
}
