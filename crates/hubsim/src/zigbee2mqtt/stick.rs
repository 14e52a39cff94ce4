//! The coordinator: a chip with Z-Stack 3 that is part of a network already.

use std::collections::BTreeMap;

use super::frame::{Frame, Part, Reader, join};

/// The network, as the hub is configured for it.
pub(super) const CHANNEL: u8 = 11;
pub(super) const PAN_ID: u16 = 0x1a62;
/// The same in either direction, so that it does not matter in which one it is read.
pub(super) const EXTENDED_PAN_ID: [u8; 8] = [0x5a; 8];
pub(super) const NETWORK_KEY: [u8; 16] = [1, 3, 5, 7, 9, 11, 13, 15, 0, 2, 4, 6, 8, 10, 12, 13];

/// The address of the coordinator.
pub(super) const IEEE: [u8; 8] = [0x01, 0x00, 0xa0, 0x00, 0x00, 0x4b, 0x12, 0x00];

/// A firmware of which the hub knows that it looks after its lamp by itself.
const REVISION: u32 = 20_240_710;

/// What the coordinator is: in charge of a network.
const STATE_COORDINATOR: u8 = 9;

/// An item of the memory has been made.
const ITEM_MADE: u8 = 9;

/// What the coordinator remembers, by the numbers of Z-Stack's items. Nothing of it is lost when a hub goes away.
pub(super) struct Stick {
    memory: BTreeMap<u16, Vec<u8>>,
    endpoints: Vec<u8>,
}

impl Stick {
    /// One that is in charge of the network, without devices.
    pub(super) fn new() -> Self {
        let key_info = join(&[&[0], &NETWORK_KEY]);
        let memory = BTreeMap::from([
            // Whether it was set up, by the mark of the hub's own library.
            (0x60, vec![0x55]),
            // The key that it was set up with, and whether it passes that on.
            (0x62, NETWORK_KEY.to_vec()),
            (0x63, vec![0]),
            // The key in use and the next one.
            (0x3a, key_info.clone()),
            (0x3b, key_info.clone()),
            // The key with its counter; by its length the hub tells how memory is laid out.
            (0x82, join(&[&key_info, &[0; 4]])),
            (0x101, vec![0x77; 16]),
            (0x21, network_block()),
        ]);
        Self { memory, endpoints: Vec::new() }
    }

    /// The endpoints that the hub has registered.
    pub(super) fn endpoints(&self) -> &[u8] {
        &self.endpoints
    }

    /// What is answered to a request; `None` for one that gets none.
    pub(super) fn answer(&mut self, request: &Frame) -> Vec<u8> {
        let data = &mut Reader(&request.data);
        match (request.part, request.command) {
            // Ping: what it can do.
            (Part::Sys, 0x01) => vec![0x79, 0x07],
            (Part::Sys, 0x02) => join(&[&[2, 1, 2, 7, 1], &REVISION.to_le_bytes()]),
            (Part::Sys, 0x04) => IEEE.to_vec(),
            (Part::Sys, 0x07) => {
                let (item, _, length) = (data.u16(), data.u16(), data.u8());
                self.memory.insert(item, data.take(usize::from(length)).to_vec());
                vec![ITEM_MADE]
            }
            (Part::Sys, 0x12) => {
                self.memory.remove(&data.u16());
                vec![0]
            }
            (Part::Sys, 0x13) => self.length(data.u16()).to_le_bytes().to_vec(),
            (Part::Sys, 0x1c) => self.read(data.u16(), data.u16()),
            (Part::Sys, 0x1d) => {
                let (item, offset, length) = (data.u16(), usize::from(data.u16()), usize::from(data.u16()));
                self.write(item, offset, data.take(length));
                vec![0]
            }
            // The length of an item of a table: there are no tables.
            (Part::Sys, 0x32) => vec![0],
            (Part::Util, 0x00) => join(&[&[0], &IEEE, &[0, 0, 7, STATE_COORDINATOR, 0]]),
            // Whose child a device is: not ours.
            (Part::Util, 0x4a) => vec![0xfe, 0xff, 0xff, 0xff, 0xff],
            (Part::Zdo, 0x50) => network_info(),
            // A group of an endpoint: it is there.
            (Part::Zdo, 0x4a) => vec![0, 0, 0, 0],
            (Part::Af, 0x00) => {
                self.endpoints.push(data.u8());
                vec![0]
            }
            _ => vec![0],
        }
    }

    fn length(&self, item: u16) -> u16 {
        self.memory.get(&item).map_or(0, |value| u16::try_from(value.len()).unwrap_or(u16::MAX))
    }

    fn read(&self, item: u16, offset: u16) -> Vec<u8> {
        let value = self.memory.get(&item).map_or(&[][..], Vec::as_slice);
        let rest = value.get(usize::from(offset)..).unwrap_or_default();
        join(&[&[0, u8::try_from(rest.len()).unwrap_or(u8::MAX)], rest])
    }

    fn write(&mut self, item: u16, offset: usize, value: &[u8]) {
        let kept = self.memory.entry(item).or_default();
        kept.resize(kept.len().max(offset + value.len()), 0);
        kept[offset..offset + value.len()].copy_from_slice(value);
    }
}

/// What Z-Stack keeps of the network it is in, laid out as it is in its memory: 110 bytes, of which a hub looks at these.
fn network_block() -> Vec<u8> {
    let mut block = vec![0; 110];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    // Security level, and the channel.
    put(12, &[5]);
    put(22, &[CHANNEL]);
    put(25, &IEEE);
    put(33, &PAN_ID.to_le_bytes());
    put(35, &[STATE_COORDINATOR]);
    put(36, &(1_u32 << CHANNEL).to_le_bytes());
    put(53, &EXTENDED_PAN_ID);
    // A key is loaded.
    put(61, &[1]);
    block
}

fn network_info() -> Vec<u8> {
    let pan_id = PAN_ID.to_le_bytes();
    join(&[&[0, 0, STATE_COORDINATOR], &pan_id, &[0, 0], &EXTENDED_PAN_ID, &IEEE, &[CHANNEL]])
}
