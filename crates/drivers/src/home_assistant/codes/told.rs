//! What Z-Wave locks tell of their slots, while somebody asks them.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;
use thumbturn_core::codes::{Content, Slot};
use thumbturn_core::time::Moment;

use crate::home_assistant::wire::SlotValue;
use crate::zwave_js::codes::told::content;

/// See the module.
#[derive(Debug, Default)]
pub(in crate::home_assistant) struct SlotsTold {
    /// What was heard of those that are asked for, by device and slot.
    asked: HashMap<(String, u32), Heard>,
    /// When a device told last that it has a code already, and for which slot where it told that.
    duplicates: HashMap<String, (Option<u32>, Moment)>,
}

/// What was heard of a slot since somebody asks for it.
#[derive(Default)]
struct Heard {
    /// How many do.
    askers: usize,
    state: Option<Value>,
    code: Option<Value>,
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heard").field("askers", &self.askers).finish_non_exhaustive()
    }
}

impl Heard {
    fn content(&self) -> Option<Content> {
        content(self.state.as_ref(), self.code.as_ref())
    }
}

impl SlotsTold {
    /// Somebody begins to ask for a slot: what was heard before is no answer to that.
    pub(in crate::home_assistant) fn begin(&mut self, device: &str, slot: Slot) {
        let heard = self.asked.entry((device.to_owned(), slot.0)).or_default();
        *heard = Heard { askers: heard.askers + 1, ..Heard::default() };
    }

    /// He no longer does. Nothing is kept of a slot that nobody asks for.
    pub(in crate::home_assistant) fn end(&mut self, device: &str, slot: Slot) {
        let key = (device.to_owned(), slot.0);
        if let Some(heard) = self.asked.get_mut(&key) {
            heard.askers = heard.askers.saturating_sub(1);
            if heard.askers == 0 {
                self.asked.remove(&key);
            }
        }
    }

    /// A lock reports something of a slot.
    pub(in crate::home_assistant) fn hear(&mut self, told: &SlotValue) {
        let Some(heard) = self.asked.get_mut(&(told.device.clone(), told.slot)) else { return };
        match told.property.as_str() {
            "userIdStatus" => heard.state = Some(told.value.clone()),
            "userCode" => heard.code = Some(told.value.clone()),
            _ => {}
        }
    }

    /// What a slot holds, once everything was heard that the lock has to tell of it: of one that is taken its code as well.
    pub(in crate::home_assistant) fn whole(&self, device: &str, slot: Slot) -> Option<Content> {
        let heard = self.asked.get(&(device.to_owned(), slot.0))?;
        heard.content().filter(|content| !matches!(content, Content::Held(_)) || heard.code.is_some())
    }

    /// What a slot holds, from what was heard.
    pub(in crate::home_assistant) fn so_far(&self, device: &str, slot: Slot) -> Option<Content> {
        self.asked.get(&(device.to_owned(), slot.0))?.content()
    }

    /// A lock has not taken a code, since it has it already.
    pub(in crate::home_assistant) fn duplicate(&mut self, device: &str, slot: Option<u32>, at: Moment) {
        self.duplicates.insert(device.to_owned(), (slot, at));
    }

    /// Whether a lock has told since then that it has the code for this slot in another one already.
    pub(in crate::home_assistant) fn told_duplicate(&self, device: &str, slot: Slot, since: Moment) -> bool {
        let fits =
            |(told, at): &(Option<u32>, Moment)| at.steady >= since.steady && told.is_none_or(|told| told == slot.0);
        self.duplicates.get(device).is_some_and(fits)
    }
}
