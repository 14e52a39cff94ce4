//! The frames of TI's MT protocol, which a hub talks with its coordinator over a serial line or TCP.
//!
//! `FE`, the number of data bytes, two command bytes, the data, and the exclusive or of everything between `FE` and itself.
//! The first command byte holds the kind of the frame and the part of the coordinator that it is for; numbers are little
//! endian.

/// What each frame begins with.
const START: u8 = 0xfe;

/// Bytes around the data: start, length, two of the command and the check.
const AROUND: usize = 5;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A request, which is answered at once.
    Request = 1,
    /// Something that is told without being answered.
    Tell = 2,
    /// The answer to a request.
    Answer = 3,
}

/// The part of a coordinator that a frame is for, or from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The chip.
    Sys = 1,
    /// Messages of applications.
    Af = 4,
    /// Messages on devices themselves.
    Zdo = 5,
    /// What else can be asked.
    Util = 7,
    /// Commissioning.
    AppCnf = 15,
}

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) part: Part,
    pub(super) command: u8,
    pub(super) data: Vec<u8>,
}

impl Frame {
    /// Something that is told.
    pub(super) fn tell(part: Part, command: u8, data: Vec<u8>) -> Self {
        Self { kind: Kind::Tell, part, command, data }
    }

    /// The answer to this request.
    pub(super) fn answer(&self, data: Vec<u8>) -> Self {
        Self { kind: Kind::Answer, part: self.part, command: self.command, data }
    }

    /// Its bytes. More data than a frame can hold (250 bytes) is never made here.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let length = u8::try_from(self.data.len()).unwrap_or(u8::MAX);
        let mut bytes = vec![START, length, ((self.kind as u8) << 5) | self.part as u8, self.command];
        bytes.extend(&self.data);
        bytes.push(check(&bytes[1..]));
        bytes
    }
}

/// Bytes in a row.
pub(super) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn check(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum ^ byte)
}

/// Cuts a stream of bytes into frames.
#[derive(Default)]
pub(super) struct Cutter(Vec<u8>);

impl Cutter {
    /// Takes bytes in.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    /// The next whole frame. What is none, or is for a part that is not known, is skipped: a coordinator does not answer it.
    pub(super) fn next(&mut self) -> Option<Frame> {
        loop {
            let start = self.0.iter().position(|byte| *byte == START)?;
            self.0.drain(..start);
            let whole = usize::from(*self.0.get(1)?) + AROUND;
            if self.0.len() < whole {
                return None;
            }
            let bytes: Vec<u8> = self.0[..whole].to_vec();
            if check(&bytes[1..]) != 0 {
                self.0.remove(0);
                continue;
            }
            self.0.drain(..whole);
            if let Some(frame) = parse(&bytes) {
                return Some(frame);
            }
        }
    }
}

fn parse(bytes: &[u8]) -> Option<Frame> {
    let kind = match bytes[2] >> 5 {
        1 => Kind::Request,
        2 => Kind::Tell,
        3 => Kind::Answer,
        _ => return None,
    };
    let part = match bytes[2] & 0x1f {
        1 => Part::Sys,
        4 => Part::Af,
        5 => Part::Zdo,
        7 => Part::Util,
        15 => Part::AppCnf,
        _ => return None,
    };
    Some(Frame { kind, part, command: bytes[3], data: bytes[4..bytes.len() - 1].to_vec() })
}

/// Reads numbers out of a frame; what is missing reads as 0.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn u8(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    pub(super) fn u16(&mut self) -> u16 {
        let bytes = self.take(2);
        u16::from_le_bytes([bytes.first().copied().unwrap_or_default(), bytes.get(1).copied().unwrap_or_default()])
    }

    /// So many bytes, or as many as there are.
    pub(super) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_out_of_a_stream_in_any_pieces() {
        let frames = [
            Frame { kind: Kind::Request, part: Part::Sys, command: 1, data: vec![] },
            Frame::tell(Part::Af, 0x81, vec![0xfe, 0, 0xfe, 7]),
        ];
        assert_eq!(frames[0].bytes(), [0xfe, 0x00, 0x21, 0x01, 0x20], "a ping as it is documented");
        let stream: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        for piece in 1..stream.len() {
            let (mut cutter, mut cut) = (Cutter::default(), Vec::new());
            for bytes in stream.chunks(piece) {
                cutter.push(bytes);
                cut.extend(std::iter::from_fn(|| cutter.next()));
            }
            assert_eq!(cut, frames);
        }
    }

    #[test]
    fn noise_and_broken_frames_are_passed_over() {
        let good = Frame::tell(Part::Zdo, 0xca, vec![1, 2, 3]);
        let mut broken = good.bytes();
        broken[4] ^= 0x80;
        let mut cutter = Cutter::default();
        cutter.push(&[0xef, 0x00]);
        cutter.push(&broken);
        cutter.push(&good.bytes());
        assert_eq!(cutter.next(), Some(good));
        assert_eq!(cutter.next(), None);
    }
}
