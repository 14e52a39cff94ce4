//! What is said to and by a device: messages of the Zigbee Cluster Library.

use super::frame::{Reader, join};

/// The clusters of a lock.
pub(super) const BASIC: u16 = 0x0000;
pub(super) const POWER: u16 = 0x0001;
pub(super) const DOOR_LOCK: u16 = 0x0101;

/// What can be said in every cluster.
pub(super) mod general {
    pub(crate) const READ: u8 = 0x00;
    pub(crate) const READ_ANSWER: u8 = 0x01;
    pub(crate) const WRITE: u8 = 0x02;
    pub(crate) const WRITE_ANSWER: u8 = 0x04;
    pub(crate) const CONFIGURE_REPORTS: u8 = 0x06;
    pub(crate) const CONFIGURE_REPORTS_ANSWER: u8 = 0x07;
    pub(crate) const REPORT: u8 = 0x0a;
    pub(crate) const DEFAULT_ANSWER: u8 = 0x0b;
}

/// The attribute is none of ours.
const UNSUPPORTED_ATTRIBUTE: u8 = 0x86;
/// The value is not one that is taken.
const INVALID_VALUE: u8 = 0x87;
/// The command is none of ours.
const UNSUPPORTED_COMMAND: u8 = 0x81;

const FOR_CLUSTER: u8 = 0x01;
const OF_MAKER: u8 = 0x04;
const FROM_SERVER: u8 = 0x08;
const NO_DEFAULT_ANSWER: u8 = 0x10;

/// The value of an attribute, with the number of its type before it.
pub(super) fn byte(value: u8) -> Vec<u8> {
    vec![0x20, value]
}

/// The same for one of several.
pub(super) fn choice(value: u8) -> Vec<u8> {
    vec![0x30, value]
}

/// The same for a long number.
pub(super) fn long(value: u32) -> Vec<u8> {
    join(&[&[0x23], &value.to_le_bytes()])
}

/// The same for text.
pub(super) fn text(value: &str) -> Vec<u8> {
    join(&[&[0x42], &octets(value)])
}

/// Bytes with their number before them.
pub(super) fn octets(value: &str) -> Vec<u8> {
    join(&[&[u8::try_from(value.len()).unwrap_or(u8::MAX)], value.as_bytes()])
}

/// A message to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) cluster: u16,
    pub(super) is_for_cluster: bool,
    /// Its number: the answer has the same, and so has the message when it is sent again.
    pub(super) number: u8,
    pub(super) command: u8,
    pub(super) data: Vec<u8>,
}

impl Message {
    /// Reads a message; `None` if it is too short, or if only devices of some maker understand it.
    pub(super) fn read(cluster: u16, bytes: &[u8]) -> Option<Self> {
        let (head, data) = bytes.split_at_checked(3)?;
        let is_for_cluster = head[0] & 0x03 == FOR_CLUSTER;
        (head[0] & OF_MAKER == 0).then(|| Self {
            cluster,
            is_for_cluster,
            number: head[1],
            command: head[2],
            data: data.to_vec(),
        })
    }

    /// An answer in the words of the cluster.
    pub(super) fn answer(&self, command: u8, data: &[u8]) -> Vec<u8> {
        join(&[&[FOR_CLUSTER | FROM_SERVER | NO_DEFAULT_ANSWER, self.number, command], data])
    }

    /// An answer in the words of all clusters.
    pub(super) fn general_answer(&self, command: u8, data: &[u8]) -> Vec<u8> {
        join(&[&[FROM_SERVER | NO_DEFAULT_ANSWER, self.number, command], data])
    }

    /// The attribute and the long number that it is to be, where a message writes just one of those.
    pub(super) fn long_to_write(&self) -> Option<(u16, u32)> {
        match self.data[..] {
            [low, high, 0x23, a, b, c, d] => Some((u16::from_le_bytes([low, high]), u32::from_le_bytes([a, b, c, d]))),
            _ => None,
        }
    }

    /// The answer to a message that wrote: everything was taken, or this one attribute was not.
    pub(super) fn written(&self, refused: Option<u16>) -> Vec<u8> {
        let verdict = refused.map_or_else(|| vec![0], |id| join(&[&[INVALID_VALUE], &id.to_le_bytes()]));
        self.general_answer(general::WRITE_ANSWER, &verdict)
    }

    /// The answer to something that is not understood.
    pub(super) fn not_understood(&self) -> Vec<u8> {
        self.general_answer(general::DEFAULT_ANSWER, &[self.command, UNSUPPORTED_COMMAND])
    }

    /// The attributes that it asks for.
    pub(super) fn asked_for(&self) -> Vec<u16> {
        let mut data = Reader(&self.data);
        (0..self.data.len() / 2).map(|_| data.u16()).collect()
    }

    /// The answer to a question for attributes.
    pub(super) fn attributes(&self, value: impl Fn(u16) -> Option<Vec<u8>>) -> Vec<u8> {
        let record = |id: u16| match value(id) {
            Some(value) => join(&[&id.to_le_bytes(), &[0], &value]),
            None => join(&[&id.to_le_bytes(), &[UNSUPPORTED_ATTRIBUTE]]),
        };
        let records: Vec<u8> = self.asked_for().into_iter().flat_map(record).collect();
        self.general_answer(general::READ_ANSWER, &records)
    }
}

/// A report of an attribute.
pub(super) fn report(number: u8, attribute: u16, value: &[u8]) -> Vec<u8> {
    let head = [FROM_SERVER | NO_DEFAULT_ANSWER, number, general::REPORT];
    join(&[&head, &attribute.to_le_bytes(), value])
}

/// Something that happened, in the words of the cluster.
pub(super) fn event(number: u8, command: u8, data: &[u8]) -> Vec<u8> {
    join(&[&[FOR_CLUSTER | FROM_SERVER | NO_DEFAULT_ANSWER, number, command], data])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_attribute_by_attribute() {
        let question = Message::read(BASIC, &[0x10, 7, general::READ, 0x05, 0x00, 0x34, 0x12]).unwrap();
        let answer = question.attributes(|id| (id == 5).then(|| text("YRD")));
        assert_eq!(answer, [0x18, 7, 1, 0x05, 0, 0, 0x42, 3, b'Y', b'R', b'D', 0x34, 0x12, 0x86]);
    }

    #[test]
    fn messages_for_one_maker_and_broken_ones_are_none() {
        assert_eq!(Message::read(BASIC, &[0x04, 0x01, 0x02, 0x03]), None);
        assert_eq!(Message::read(BASIC, &[0x00, 0x01]), None);
    }
}
