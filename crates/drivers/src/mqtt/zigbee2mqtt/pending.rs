//! What one device still owes us: acknowledgements of commands and answers to reads, in the order of asking.
//!
//! Zigbee2MQTT marks neither. It works through the requests for one device one after another, whichever of its bolts
//! they are for, so what comes first belongs to what was asked first. That keeps the acknowledgement of a command (which
//! makes the hub repeat its cached state) from being taken for the answer to a read that was asked after it, and what
//! one bolt answers from being taken for the other's word.

use std::collections::VecDeque;
use std::time::Duration;

use thumbturn_core::ids::AttemptId;
use thumbturn_core::ports::{ReadId, Said};
use thumbturn_core::time::Moment;

/// After this long a read counts as failed. A sleeping lock may take seconds; the hub itself gives up after 17 to 23 s,
/// and a read that follows such a failure must still end before the default deadline of 30 s.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(6);

/// The number of reads that the driver asks by itself. The engine counts its own upwards, so it takes the answer for
/// what it is: the lock's word, but no evidence for a command.
pub(super) const OWN_READ: ReadId = ReadId(u64::MAX);

/// After this long nothing more can come of a request: the hub gives up after 23.1 s at most.
const FORGET: Duration = Duration::from_secs(40);

/// Something that cannot be told from the answer to a read came while it was open, or the hub may not have got it. It is asked
/// again if no answer follows within this time: a hub that comes back greets with its cache while the locks are being read.
const DOUBTED: Duration = Duration::from_secs(2);

/// A report of a change while a read is open may be its answer. The read is settled by it if nothing else comes within
/// this time; until then a word on the cause may follow.
const COVERED: Duration = Duration::from_millis(300);

/// For this long after its acknowledgement a command may still be called refused by the lock.
const REFUSABLE: Duration = Duration::from_secs(30);

/// How many requests may be open for one bolt.
const MOST: usize = 16;

/// Requests without an answer, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    entries: VecDeque<Entry>,
    /// The last command that the lock took, with its bolt, of which no effect was heard: it may yet refuse it.
    taken: Option<(usize, AttemptId, Moment)>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The place of the bolt in its device.
    bolt: usize,
    since: Moment,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Command(AttemptId),
    Read {
        id: ReadId,
        told_failed: bool,
        doubt: Doubt,
        covered: Option<(Said, Moment)>,
    },
    /// When the lock locks itself was set or asked for. Of the whole device; `auto_lock` has the rest.
    Setting,
}

/// Whether the answer to a read may have come without being known as such.
#[derive(Clone, Copy, Debug)]
enum Doubt {
    /// No.
    Never,
    /// Perhaps, at that moment.
    Since(Moment),
    /// Perhaps, and so it was asked again. Once is enough.
    Settled,
}

/// What is due next, and for which bolt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing is open.
    Nothing,
    /// The acknowledgement of a command.
    Acknowledgement(usize),
    /// The answer to a read.
    Answer(usize),
    /// Something about when the lock locks itself.
    Setting,
}

/// What time brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A read got no answer in time.
    Failed(ReadId),
    /// A read is settled by a change that was reported after it was asked, at that moment.
    Settled(ReadId, Said, Moment),
    /// A read is to be asked again.
    Again,
}

impl Pending {
    /// Whether one more request may be open for a bolt.
    pub(super) fn has_room(&self, bolt: usize) -> bool {
        self.of(bolt).count() < MOST
    }

    /// Whether a read, or else a command, is open for a bolt.
    pub(super) fn has_open(&self, bolt: usize, is_read: bool) -> bool {
        self.of(bolt).any(|entry| entry.is_read() == is_read)
    }

    /// Whether anything is open for a bolt.
    pub(super) fn owes(&self, bolt: usize) -> bool {
        self.of(bolt).next().is_some() || self.entries.iter().any(Entry::is_setting)
    }

    fn of(&self, bolt: usize) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.is_of(bolt))
    }

    /// Notes a command that was handed to the hub.
    pub(super) fn commanded(&mut self, bolt: usize, attempt: AttemptId, at: Moment) {
        self.entries.push_back(Entry { bolt, since: at, what: What::Command(attempt) });
    }

    /// Notes that a setting was handed to the hub, or asked for.
    pub(super) fn set(&mut self, at: Moment) {
        self.entries.push_back(Entry { bolt: 0, since: at, what: What::Setting });
    }

    /// What was asked about a setting is through.
    pub(super) fn setting_is_through(&mut self) {
        self.entries.retain(|entry| !entry.is_setting());
    }

    /// The hub told what it tells when a setting is through. It works through the requests for a device one after another, so
    /// commands before it are through as well, and reads that nobody waits for any more.
    pub(super) fn is_through_until_setting(&mut self) {
        let mut is_before = true;
        self.entries.retain(|entry| {
            is_before &= !entry.is_setting();
            let is_waited_for = matches!(entry.what, What::Read { told_failed: false, .. });
            !is_before || is_waited_for
        });
        self.setting_is_through();
    }

    /// Notes a read that was handed to the hub.
    pub(super) fn asked(&mut self, bolt: usize, id: ReadId, at: Moment) {
        let what = What::Read { id, told_failed: false, doubt: Doubt::Never, covered: None };
        self.entries.push_back(Entry { bolt, since: at, what });
    }

    /// What is due next. A hub that repeats nothing upon an acknowledgement (`repeats_cache` is false) leaves commands
    /// unmarked, so that an answer means that the commands before it are through.
    pub(super) fn next(&self, repeats_cache: bool) -> Next {
        let Some(first) = self.entries.front() else { return Next::Nothing };
        let marked = |entry: &&Entry| repeats_cache || entry.is_marked();
        match self.entries.iter().find(marked).unwrap_or(first) {
            Entry { what: What::Setting, .. } => Next::Setting,
            Entry { what: What::Read { .. }, bolt, .. } => Next::Answer(*bolt),
            Entry { what: What::Command(_), bolt, .. } => Next::Acknowledgement(*bolt),
        }
    }

    /// The oldest command was acknowledged, as far as the message tells: as long as a read is open it may be its answer,
    /// and as long as another bolt has a request open it may be that one's. Then nothing is said.
    pub(super) fn acknowledged(&mut self, at: Moment) -> Option<AttemptId> {
        let Entry { bolt, what: What::Command(attempt), .. } = *self.entries.front()? else { return None };
        self.entries.pop_front();
        self.taken = Some((bolt, attempt, at));
        self.entries.iter().all(|entry| entry.bolt == bolt && !entry.is_read()).then_some(attempt)
    }

    /// The oldest read was answered; commands before it are through.
    pub(super) fn answered(&mut self, at: Moment) -> Option<ReadId> {
        while let Some(entry) = self.entries.pop_front() {
            match entry.what {
                What::Read { id, .. } => return Some(id),
                What::Command(attempt) => self.taken = Some((entry.bolt, attempt, at)),
                What::Setting => {}
            }
        }
        None
    }

    /// The lock refused what came over the radio: the command that it took last, or else the oldest that is open. (If
    /// the newest is meant after all, its end stays unknown rather than wrong.)
    pub(super) fn refused(&mut self, bolt: usize, at: Moment) -> Option<AttemptId> {
        let taken = self.taken.take_if(|(of, _, _)| *of == bolt);
        let recent = taken.filter(|(_, _, since)| at.since(*since) <= REFUSABLE);
        recent.map(|(_, attempt, _)| attempt).or_else(|| self.command_failed(bolt))
    }

    /// Commands to a bolt before its first read are through: their effect was reported.
    pub(super) fn commands_are_through(&mut self, bolt: usize) {
        self.taken.take_if(|(of, _, _)| *of == bolt);
        let mut before_read = true;
        self.entries.retain(|entry| {
            before_read &= !entry.is_of(bolt) || !entry.is_read();
            !before_read || !entry.is_of(bolt)
        });
    }

    /// A bolt reported a change: commands before its first read are through, and that read may be answered by it.
    pub(super) fn changed(&mut self, bolt: usize, said: Said, heard: Moment) {
        self.commands_are_through(bolt);
        let first = self.entries.iter_mut().find(|entry| entry.is_of(bolt));
        if let Some(Entry { what: What::Read { covered, .. }, .. }) = first {
            *covered = Some((said, heard));
        }
    }

    /// The hub says that a command to a bolt failed: the oldest.
    pub(super) fn command_failed(&mut self, bolt: usize) -> Option<AttemptId> {
        match self.take(bolt, false)?.what {
            What::Command(attempt) => Some(attempt),
            What::Read { .. } | What::Setting => None,
        }
    }

    /// The hub says that a read of a bolt failed: the oldest. `None` also if that was told already.
    pub(super) fn read_failed(&mut self, bolt: usize) -> Option<ReadId> {
        match self.take(bolt, true)?.what {
            What::Read { id, told_failed: false, .. } => Some(id),
            _ => None,
        }
    }

    fn take(&mut self, bolt: usize, is_read: bool) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.is_of(bolt) && entry.is_read() == is_read)?;
        self.entries.remove(at)
    }

    /// Something came that cannot be told from the answer to the oldest read, or nobody may have got it.
    pub(super) fn doubted(&mut self, at: Moment) {
        let doubt = self.entries.iter_mut().find_map(|entry| match &mut entry.what {
            What::Read { doubt, told_failed: false, .. } => Some(doubt),
            _ => None,
        });
        if let Some(doubt @ Doubt::Never) = doubt {
            *doubt = Doubt::Since(at);
        }
    }

    /// Everything is void, since the hub is gone: the reads that were open, each with its bolt.
    pub(super) fn clear(&mut self) -> Vec<(usize, ReadId)> {
        self.taken = None;
        let entries = std::mem::take(&mut self.entries);
        let reads = entries.into_iter().filter_map(|entry| match entry.what {
            What::Read { id, told_failed: false, .. } => Some((entry.bolt, id)),
            _ => None,
        });
        reads.collect()
    }

    /// When something is due.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        self.entries.iter().map(Entry::due).min_by_key(|at| at.steady)
    }

    /// What is due at `now`, each with its bolt.
    pub(super) fn tick(&mut self, now: Moment) -> Vec<(usize, Due)> {
        let mut due = Vec::new();
        self.entries.retain_mut(|entry| {
            if entry.due().steady > now.steady {
                return true;
            }
            match &mut entry.what {
                What::Read { id, covered: Some((said, heard)), .. } => {
                    due.push((entry.bolt, Due::Settled(*id, *said, *heard)));
                    false
                }
                What::Read { doubt: doubt @ Doubt::Since(_), told_failed: false, .. } => {
                    *doubt = Doubt::Settled;
                    due.push((entry.bolt, Due::Again));
                    true
                }
                What::Read { id, told_failed, .. } if !*told_failed => {
                    *told_failed = true;
                    due.push((entry.bolt, Due::Failed(*id)));
                    true
                }
                _ => false,
            }
        });
        due
    }
}

impl Entry {
    const fn is_read(&self) -> bool {
        matches!(self.what, What::Read { .. })
    }

    const fn is_setting(&self) -> bool {
        matches!(self.what, What::Setting)
    }

    /// Whether a hub that tells no times says something when it is through.
    const fn is_marked(&self) -> bool {
        !matches!(self.what, What::Command(_))
    }

    /// Whether it is about this bolt.
    const fn is_of(&self, bolt: usize) -> bool {
        self.bolt == bolt && !self.is_setting()
    }

    fn due(&self) -> Moment {
        match self.what {
            What::Read { covered: Some((_, heard)), .. } => heard.after(COVERED),
            What::Read { doubt: Doubt::Since(at), told_failed: false, .. } => at.after(DOUBTED),
            What::Read { told_failed: false, .. } => self.since.after(READ_LIMIT),
            What::Read { .. } | What::Command(_) | What::Setting => self.since.after(FORGET),
        }
    }
}
