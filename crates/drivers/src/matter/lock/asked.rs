//! What came of what was asked of a lock.

use serde_json::Value;
use thumbturn_core::commands::AutoLock;
use thumbturn_core::evidence::Words;
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::{Answer, How, ReadId, Refused, Said, Signal};
use thumbturn_core::time::Moment;

use super::{LOOK, Lock};
use crate::matter::Outbox;
use crate::matter::answer::{self, Verdict, refused};
use crate::matter::call::{AUTO_RELOCK, Call, DOOR_STATE, LOCK_STATE, auto_lock, said};
use crate::matter::wire::Fault;

/// What came of a request.
pub(in crate::matter) type Reply<'a> = Result<&'a Value, &'a Fault>;

const REFUSED: &str = "The lock refused the command.";
const NO_REMOTE: &str = "The lock is in a mode in which it takes no remote commands (NoRemoteLockUnlock).";

/// `OperatingMode`: privacy, and nothing from remote.
const PRIVACY: u64 = 2;
const NO_REMOTE_MODE: u64 = 3;

impl Lock {
    /// The server answered a command. That it went well says that the lock took it, not that the bolt moved.
    pub(in crate::matter) fn moved(
        &mut self,
        attempt: AttemptId,
        to: Bolt,
        reply: Reply<'_>,
        at: Moment,
        out: &mut Outbox,
    ) -> Option<Call> {
        let (answer, words) = match reply {
            Ok(_) => {
                self.expect_report(to, at);
                (Answer::Accepted, Words::fixed("result, without an error"))
            }
            Err(fault) => match answer::verdict(fault) {
                Verdict::Failed => return Some(Call::Inquest(self.target, attempt, to)),
                Verdict::Refused(why) => (refused(why), answer::words(fault)),
                Verdict::Unknown => {
                    self.in_doubt = true;
                    (Answer::NotAcknowledged, answer::words(fault))
                }
            },
        };
        out.answered(&self.native, attempt, answer, at, words);
        None
    }

    fn expect_report(&mut self, to: Bolt, at: Moment) {
        let expects = self.open.is_some_and(|open| open.wanted == to && open.expects_report);
        if expects && self.told != Some(Said::At(to)) {
            self.look_at.get_or_insert(at.after(LOOK).steadily());
        }
    }

    /// The lock had said that it failed; this is where its bolt is now, if it told.
    pub(in crate::matter) fn held_inquest(
        &self,
        attempt: AttemptId,
        wanted: Bolt,
        reply: Reply<'_>,
        at: Moment,
        out: &mut Outbox,
    ) {
        let found = reply.ok().and_then(|values| values.get(self.target.path(LOCK_STATE))).map(said);
        let answer = match found {
            Some(Said::Jammed) => Answer::Refused(Refused::Jammed),
            // It stands where it should all the same: a read of the engine decides.
            Some(Said::At(bolt)) if bolt == wanted => Answer::NotAcknowledged,
            _ if self.mode == PRIVACY => Answer::Refused(Refused::PrivacyMode),
            _ if self.mode == NO_REMOTE_MODE => refused(NO_REMOTE),
            _ => refused(REFUSED),
        };
        out.answered(&self.native, attempt, answer, at, Words::fixed("result, status 1"));
    }

    /// A read of the engine was answered.
    pub(in crate::matter) fn read(&mut self, read: ReadId, reply: Reply<'_>, at: Moment, out: &mut Outbox) {
        if self.reading.take_if(|(wanted, _)| *wanted == read).is_none() {
            // Whoever asked has given up.
            return;
        }
        if !self.took_in(reply, How::Read(read), at, out) {
            out.tell(Signal::ReadFailed(self.native.clone(), read));
        }
    }

    /// The lock was asked since it had said nothing.
    pub(in crate::matter) fn looked(&mut self, reply: Reply<'_>, at: Moment, out: &mut Outbox) {
        self.took_in(reply, How::Untagged, at, out);
    }

    fn took_in(&mut self, reply: Reply<'_>, how: How, at: Moment, out: &mut Outbox) -> bool {
        let Ok(values) = reply else { return false };
        if let Some(door) = values.get(self.target.path(DOOR_STATE)) {
            self.beside_the_bolt(DOOR_STATE, door, out);
        }
        let path = self.target.path(LOCK_STATE);
        let Some(state) = values.get(&path) else { return false };
        self.in_doubt = false;
        let text = format!("answer of node {}: {path} {state}", self.target.node);
        self.said(said(state), how, at, Words::heard(&text), out);
        true
    }

    /// The server wrote a setting, or did not: what the lock made of it is asked of it.
    pub(in crate::matter) fn set(
        &self,
        attempt: AttemptId,
        to: AutoLock,
        reply: Reply<'_>,
        at: Moment,
        out: &mut Outbox,
    ) -> Option<Call> {
        let fault = match reply {
            Ok(_) => return Some(Call::CheckAutoLock(self.target, attempt, to)),
            Err(fault) => fault,
        };
        let answer = match answer::verdict(fault) {
            Verdict::Failed => refused("The lock refused the setting."),
            Verdict::Refused(why) => refused(why),
            Verdict::Unknown => Answer::NotAcknowledged,
        };
        out.answered(&self.native, attempt, answer, at, answer::words(fault));
        None
    }

    /// The lock told its setting.
    pub(in crate::matter) fn checked(
        &self,
        attempt: AttemptId,
        to: AutoLock,
        reply: Reply<'_>,
        at: Moment,
        out: &mut Outbox,
    ) {
        let path = self.target.path(AUTO_RELOCK);
        let value = reply.ok().and_then(|values| values.get(&path));
        let told = value.and_then(auto_lock);
        if let Some(told) = told {
            out.tell(Signal::AutoLock(self.native.clone(), told));
        }
        let answer = match told {
            Some(told) if told == to => Answer::Accepted,
            Some(_) => refused("The lock kept its old setting."),
            None => Answer::NotAcknowledged,
        };
        let words = value.map(|value| format!("answer of node {}: {path} {value}", self.target.node));
        let words = words.map_or(Words::fixed("no answer to a read"), |words| Words::heard(&words));
        out.answered(&self.native, attempt, answer, at, words);
    }
}
