//! How a device introduces itself: what it is, what it has, where it is.

use super::frame::{Frame, Part, Reader, join};

/// Zigbee Home Automation, which every endpoint here belongs to.
const PROFILE: u16 = 0x0104;

/// A door lock.
const DEVICE: u16 = 0x000a;

/// What a lock's endpoint takes: Basic, Power Configuration, Identify, Door Lock.
const CLUSTERS: [u16; 4] = [0x0000, 0x0001, 0x0003, 0x0101];

/// A device that sleeps and runs on a battery.
const SLEEPY: u8 = 0x80;

/// Yale's number.
const MAKER: u16 = 0x101d;

/// Where a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// In its network.
    pub(super) short: u16,
    /// In the world, least significant byte first.
    pub(super) ieee: [u8; 8],
    /// The part of it that is the lock.
    pub(super) endpoint: u8,
}

/// What is asked of a device itself.
pub(super) enum Question {
    /// What is it?
    Node(u16),
    /// Which endpoints has it?
    Endpoints(u16),
    /// What has an endpoint?
    Simple(u16, u8),
    /// It shall report to the hub.
    Bind(u16),
    /// It shall no longer do that.
    Unbind(u16),
    /// It shall go.
    Leave(u16),
    /// Where is the one with this address?
    Find([u8; 8]),
    /// Others may join.
    PermitJoin,
}

/// Reads a question out of a request for ZDO.
pub(super) fn question(request: &Frame) -> Option<Question> {
    let data = &mut Reader(&request.data);
    if request.part != Part::Zdo {
        return None;
    }
    // Only the question for an address does not begin with one.
    if request.command == 0x00 {
        return Some(Question::Find(data.take(8).try_into().ok()?));
    }
    let whose = data.u16();
    Some(match request.command {
        0x02 => Question::Node(whose),
        0x04 => {
            data.u16();
            Question::Simple(whose, data.u8())
        }
        0x05 => Question::Endpoints(whose),
        0x21 => Question::Bind(whose),
        0x22 => Question::Unbind(whose),
        0x34 => Question::Leave(whose),
        0x36 => Question::PermitJoin,
        _ => return None,
    })
}

/// An answer of a device: from where, with the status 0, and what follows.
fn answer(command: u8, from: u16, rest: &[u8]) -> Frame {
    Frame::tell(Part::Zdo, command, join(&[&from.to_le_bytes(), &[0], rest]))
}

/// What a lock answers.
pub(super) fn answer_of_lock(question: &Question, at: Address) -> Vec<Frame> {
    let short = at.short.to_le_bytes();
    match question {
        Question::Node(_) => vec![answer(0x82, at.short, &join(&[&short, &node(2, SLEEPY, MAKER)]))],
        Question::Endpoints(_) => vec![answer(0x85, at.short, &join(&[&short, &[1, at.endpoint]]))],
        Question::Simple(..) => {
            vec![answer(0x84, at.short, &join(&[&short, &simple(at.endpoint, DEVICE, &CLUSTERS)]))]
        }
        Question::Bind(_) => vec![answer(0xa1, at.short, &[])],
        Question::Unbind(_) => vec![answer(0xa2, at.short, &[])],
        Question::Leave(_) => vec![answer(0xb4, at.short, &[]), leaves(at)],
        Question::Find(_) => vec![Frame::tell(Part::Zdo, 0x80, join(&[&[0], &at.ieee, &short, &[0, 0]]))],
        Question::PermitJoin => Vec::new(),
    }
}

/// What the coordinator answers for itself.
pub(super) fn answer_of_coordinator(question: &Question, endpoints: &[u8]) -> Vec<Frame> {
    match question {
        Question::Node(_) => vec![answer(0x82, 0, &join(&[&[0, 0], &node(0, 0x8f, 0)]))],
        Question::Endpoints(_) => {
            let count = u8::try_from(endpoints.len()).unwrap_or(u8::MAX);
            vec![answer(0x85, 0, &join(&[&[0, 0, count], endpoints]))]
        }
        Question::Simple(_, endpoint) => vec![answer(0x84, 0, &join(&[&[0, 0], &simple(*endpoint, 5, &[])]))],
        Question::PermitJoin => vec![answer(0xb6, 0, &[])],
        _ => Vec::new(),
    }
}

/// The descriptor of a node: its type, its abilities, its maker, and sizes that every stack takes.
fn node(what: u8, abilities: u8, maker: u16) -> Vec<u8> {
    let maker = maker.to_le_bytes();
    vec![what, 0x40, abilities, maker[0], maker[1], 82, 82, 0, 0, 0, 82, 0, 0]
}

/// The descriptor of an endpoint, with its length before it.
fn simple(endpoint: u8, device: u16, clusters: &[u16]) -> Vec<u8> {
    let count = u8::try_from(clusters.len()).unwrap_or(u8::MAX);
    let mut bytes = vec![8 + 2 * count, endpoint];
    bytes.extend(PROFILE.to_le_bytes());
    bytes.extend(device.to_le_bytes());
    bytes.extend([0, count]);
    bytes.extend(clusters.iter().flat_map(|cluster| cluster.to_le_bytes()));
    bytes.push(0);
    bytes
}

/// A device joins: its parent, here the coordinator, tells of it, and it tells of itself.
pub(super) fn joins(at: Address) -> [Frame; 2] {
    let short = at.short.to_le_bytes();
    let heard = Frame::tell(Part::Zdo, 0xca, join(&[&short, &at.ieee, &[0, 0]]));
    let says = Frame::tell(Part::Zdo, 0xc1, join(&[&short, &short, &at.ieee, &[SLEEPY]]));
    [heard, says]
}

/// A device goes.
pub(super) fn leaves(at: Address) -> Frame {
    Frame::tell(Part::Zdo, 0xc9, join(&[&at.short.to_le_bytes(), &at.ieee, &[0, 0, 0]]))
}
