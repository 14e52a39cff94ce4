//! What came of what was asked of a lock.

use std::time::Duration;

use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::{Answer, How, ReadId, Said, Signal};
use thumbturn_core::time::Moment;

use super::{Lock, Nature};
use crate::home_assistant::Outbox;
use crate::home_assistant::answer;
use crate::home_assistant::call::Call;
use crate::home_assistant::entity::Standing;
use crate::home_assistant::wire::Fault;

/// How long after a command was taken the lock may say nothing before its integration is asked to look. It brings the next
/// poll forward for those that poll, and does nothing for the others.
const LOOK: Duration = Duration::from_secs(3);

/// How long until a lock that is on its way is asked once more.
const AGAIN: Duration = Duration::from_secs(1);

/// How often.
const TIMES: u8 = 8;

/// A read of the engine that was not yet answered.
#[derive(Debug)]
pub(super) struct OpenRead {
    read: ReadId,
    /// The lock was on its way, and is asked once more then.
    pub(super) again_at: Option<Moment>,
    times: u8,
}

impl Lock {
    /// How a command is said.
    pub(in crate::home_assistant) fn move_to(&self, attempt: AttemptId, to: Bolt) -> Call {
        Call::Move(self.native.clone(), self.entity.clone(), attempt, to)
    }

    /// A command was written.
    pub(in crate::home_assistant) const fn commanded(&mut self) {
        self.look_at = None;
    }

    /// The instance dealt with a command.
    pub(in crate::home_assistant) fn moved(
        &mut self,
        attempt: AttemptId,
        to: Bolt,
        reply: Result<(), &Fault>,
        at: Moment,
        out: &mut Outbox,
    ) {
        match reply {
            Ok(()) => {
                if self.nature == Nature::Heard && self.standing != Standing::Says(Said::At(to)) {
                    self.look_at = Some(at.after(LOOK).steadily());
                }
                out.answered(&self.native, attempt, Answer::Accepted, at, answer::TAKEN);
            }
            Err(fault) => out.answered(&self.native, attempt, answer::of_fault(fault), at, answer::words(fault)),
        }
    }

    /// The engine wants to know where the bolt is.
    pub(in crate::home_assistant) fn want_read(&mut self, read: ReadId, out: &mut Outbox) {
        if self.nature != Nature::Asked || self.standing == Standing::Away {
            out.tell(Signal::ReadFailed(self.native.clone(), read));
            return;
        }
        self.reads.push(OpenRead { read, again_at: None, times: TIMES });
        out.asks.push(self.update(Some(read)));
    }

    fn update(&self, read: Option<ReadId>) -> Call {
        Call::Update(self.native.clone(), self.entity.clone(), read)
    }

    /// The integration has looked at the lock, or could not.
    pub(in crate::home_assistant) fn updated(&mut self, read: ReadId, worked: bool, at: Moment, out: &mut Outbox) {
        let Some(place) = self.reads.iter().position(|open| open.read == read) else { return };
        match self.standing {
            Standing::Says(said) if worked => {
                self.reads.remove(place);
                self.tell(said, How::Read(read), at, out);
                return;
            }
            Standing::Moving if worked && self.reads[place].times > 0 => {
                self.reads[place].again_at = Some(at.after(AGAIN).steadily());
                self.reads[place].times -= 1;
                return;
            }
            _ => {}
        }
        self.reads.remove(place);
        out.tell(Signal::ReadFailed(self.native.clone(), read));
        if let Standing::Says(said) = self.standing
            && self.reads.is_empty()
            && self.told != Some(said)
        {
            // It came while the lock was asked, and was no answer.
            self.tell(said, How::Untagged, at, out);
        }
    }

    /// Asks what is to be asked once more.
    pub(super) fn ask_again(&mut self, now: Moment, out: &mut Outbox) {
        if self.look_at.take_if(|at| now.reached(*at)).is_some() && self.takes_commands() {
            out.asks.push(self.update(None));
        }
        let due = self.reads.iter_mut().filter_map(|open| {
            let is_due = open.again_at.take_if(|at| now.reached(*at)).is_some();
            is_due.then_some(open.read)
        });
        for read in due.collect::<Vec<_>>() {
            out.asks.push(self.update(Some(read)));
        }
    }
}
