//! The spaces of the store in memory. After each commit, what was told last of a space is what is in it.

use std::collections::{BTreeSet, HashMap};

use thumbturn_core::devices::Device;
use thumbturn_core::events::{Event, EventKind};
use thumbturn_core::ids::{AccountId, DeviceId, SpaceId};
use thumbturn_core::spaces::{Members, Occupied, Space};
use uuid::Uuid;

use crate::house::WORKSPACE;

struct Room {
    space: Space,
    members: Members,
    told: BTreeSet<DeviceId>,
}

#[derive(Default)]
pub(crate) struct Rooms(Vec<Room>);

pub(crate) fn space(n: u128) -> Space {
    Space {
        id: SpaceId(Uuid::from_u128(500 + n)),
        workspace: WORKSPACE,
        name: format!("Room {n}"),
        key: Some(format!("room-{n}")),
        customer_key: None,
        customer_data: "{}".to_owned(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

impl Room {
    fn holds(&self, device: &Device) -> bool {
        self.members.devices.contains(&device.id) || self.members.accounts.contains(&device.account)
    }

    fn devices(&self, all: &HashMap<DeviceId, Device>) -> BTreeSet<DeviceId> {
        all.values().filter(|device| self.holds(device)).map(|device| device.id).collect()
    }
}

impl Rooms {
    /// What the API would do: makes a space, or fills one anew, and tells of it.
    pub(crate) fn fill(&mut self, space: Space, members: Members, all: &HashMap<DeviceId, Device>) {
        self.0.retain(|room| room.space.id != space.id);
        let mut room = Room { space, members, told: BTreeSet::new() };
        room.told = room.devices(all);
        self.0.push(room);
    }

    pub(crate) fn around(&self, account: AccountId, all: &HashMap<DeviceId, Device>) -> Vec<Occupied> {
        let is_around = |room: &&Room| {
            let has_device = all.values().any(|device| device.account == account && room.holds(device));
            room.members.accounts.contains(&account) || has_device
        };
        let occupied = |room: &Room| Occupied {
            space: room.space.clone(),
            has_account: room.members.accounts.contains(&account),
            devices: room.devices(all).into_iter().collect(),
        };
        self.0.iter().filter(is_around).map(occupied).collect()
    }

    /// What a commit that told `events` broke.
    pub(crate) fn check(&mut self, all: &HashMap<DeviceId, Device>, events: &[Event]) -> Vec<String> {
        let mut faults = Vec::new();
        for room in &mut self.0 {
            let inside = room.devices(all);
            let told: Vec<BTreeSet<DeviceId>> = events.iter().filter_map(|event| tells(event, room.space.id)).collect();
            let expected: Vec<BTreeSet<DeviceId>> = (inside != room.told).then(|| inside.clone()).into_iter().collect();
            if told != expected {
                faults.push(format!("{}: holds {expected:?}, and the commit tells of {told:?}", room.space.name));
            }
            room.told = inside;
        }
        faults
    }
}

fn tells(event: &Event, space: SpaceId) -> Option<BTreeSet<DeviceId>> {
    match &event.kind {
        EventKind::SpaceDeviceMembershipChanged(facts) if facts.space == space => {
            Some(facts.devices.iter().copied().collect())
        }
        _ => None,
    }
}
