//! Who gets a code: users of a lock, of which each of ours has one PIN.

use thumbturn_core::codes::{CodeFault, Slot};

use super::call::is_marked;
use super::slots::Slots;
use super::told::User;

/// A number for a new user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// Nobody has it.
    Free(u32),
    /// One of ours has it and no code: he was left over when something was cut short.
    LeftOver(u32),
}

impl Slots<'_> {
    /// Where the user of a slot can be: at the slot's own number, or else the first free one.
    pub(super) async fn room(&self, slot: Slot) -> Result<Room, CodeFault> {
        let users = 1..=self.slotted.users;
        let own = users.contains(&slot.0).then_some(slot.0);
        for index in own.into_iter().chain(users.filter(|index| *index != slot.0)) {
            let place = self.place(index).await?;
            if let Some(room) = self.room_at(index, place.user.as_ref(), slot) {
                return Ok(room);
            }
        }
        Err(CodeFault::Full)
    }

    fn room_at(&self, index: u32, user: Option<&User>, slot: Slot) -> Option<Room> {
        match user {
            None => Some(Room::Free(index)),
            Some(user) if self.is_ours(user.creator) && user.has_nothing() && is_marked(user.unique, slot) => {
                Some(Room::LeftOver(index))
            }
            Some(_) => None,
        }
    }

    /// Whether the server's own fabric brought something about.
    pub(super) fn is_ours(&self, creator: Option<u64>) -> bool {
        creator.is_some() && creator == self.slotted.own_fabric
    }
}
