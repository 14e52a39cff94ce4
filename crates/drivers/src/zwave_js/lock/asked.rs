//! What came of what was asked of a lock.

use serde_json::Value;
use thumbturn_core::commands::AutoLock;
use thumbturn_core::evidence::Words;
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::{Answer, How, ReadId, Refused, Said, Signal};
use thumbturn_core::time::Moment;

use super::{LOOK, LOOK_AFTER_WORK, Lock};
use crate::zwave_js::Outbox;
use crate::zwave_js::answer::{self, Verdict};
use crate::zwave_js::call::{AUTO_RELOCK, Call, auto_lock};
use crate::zwave_js::wire::Fault;

impl Lock {
    /// The hub dealt with a command.
    pub(in crate::zwave_js) fn moved(
        &mut self,
        attempt: AttemptId,
        to: Bolt,
        result: &Value,
        at: Moment,
        out: &mut Outbox,
    ) {
        let words = answer::words(result);
        match answer::verdict(result) {
            Verdict::Accepted => {
                self.expect_report(to, at.after(LOOK).steadily());
                out.answered(&self.native, attempt, Answer::Accepted, at, words);
            }
            Verdict::Working(remaining) => {
                let done = at.after(remaining).steadily();
                self.busy_until = Some(done);
                self.expect_report(to, done.after(LOOK_AFTER_WORK).steadily());
                out.answered(&self.native, attempt, Answer::Accepted, at, words);
            }
            Verdict::Failed if self.jammed => {
                out.answered(&self.native, attempt, Answer::Refused(Refused::Jammed), at, words);
            }
            Verdict::Failed => out.asks.push(Call::Inquest(self.target, attempt, to)),
            Verdict::Impossible => out.answered(&self.native, attempt, no_such_command(), at, words),
        }
    }

    fn expect_report(&mut self, to: Bolt, by: Moment) {
        let expects = self.open.is_some_and(|open| open.wanted == to && open.expects_report);
        if expects && self.told != Some(Said::At(to)) {
            self.look_at = Some(by);
        }
    }

    /// The hub did not deal with a command.
    pub(in crate::zwave_js) fn not_moved(&self, attempt: AttemptId, fault: &Fault, at: Moment, out: &mut Outbox) {
        out.answered(&self.native, attempt, answer::of_fault(fault), at, answer::fault_words(fault));
    }

    /// The lock had said that it failed; this is where its bolt is now, if it told.
    pub(in crate::zwave_js) fn held_inquest(
        &self,
        attempt: AttemptId,
        wanted: Bolt,
        value: Option<&Value>,
        at: Moment,
        out: &mut Outbox,
    ) {
        let said = value.and_then(|value| self.target.class.said(value));
        let answer = match said {
            _ if self.jammed => Answer::Refused(Refused::Jammed),
            Some(Said::Jammed) => Answer::Refused(Refused::Jammed),
            // It stands where it should all the same: a read of the engine decides.
            Some(Said::At(bolt)) if bolt == wanted => Answer::NotAcknowledged,
            _ => Answer::Refused(Refused::Other("The lock refused the command.".to_owned())),
        };
        out.answered(&self.native, attempt, answer, at, Words::fixed("result, status 2"));
    }

    /// A read was answered.
    pub(in crate::zwave_js) fn read(&mut self, read: ReadId, value: Option<&Value>, at: Moment, out: &mut Outbox) {
        let said = value.and_then(|value| self.target.class.said(value));
        let Some(said) = said else {
            out.tell(Signal::ReadFailed(self.native.clone(), read));
            return;
        };
        self.echo = Some(said);
        let value = value.unwrap_or(&Value::Null);
        let text = format!("answer of node {}: {} {value}", self.target.node, self.target.class.property());
        self.said(said, How::Read(read), at, Words::heard(&text), out);
    }

    /// The hub took a setting: whether the lock did, is asked of it.
    pub(in crate::zwave_js) fn set(
        &self,
        attempt: AttemptId,
        to: AutoLock,
        result: &Value,
        at: Moment,
        out: &mut Outbox,
    ) {
        match answer::verdict(result) {
            Verdict::Accepted | Verdict::Working(_) => {
                out.asks.push(Call::CheckAutoLock(self.target.node, attempt, to));
            }
            Verdict::Failed => {
                let refused = Refused::Other("The lock refused the setting.".to_owned());
                out.answered(&self.native, attempt, Answer::Refused(refused), at, answer::words(result));
            }
            Verdict::Impossible => {
                out.answered(&self.native, attempt, no_such_command(), at, answer::words(result));
            }
        }
    }

    /// The lock told its setting.
    pub(in crate::zwave_js) fn checked(
        &self,
        attempt: AttemptId,
        to: AutoLock,
        value: Option<&Value>,
        at: Moment,
        out: &mut Outbox,
    ) {
        let told = value.and_then(auto_lock);
        if let Some(told) = told {
            out.tell(Signal::AutoLock(self.native.clone(), told));
        }
        let answer = match told {
            Some(told) if told == to => Answer::Accepted,
            Some(_) => Answer::Refused(Refused::Other("The lock kept its old setting.".to_owned())),
            None => Answer::NotAcknowledged,
        };
        let words = value.map(|value| format!("answer of node {}: {AUTO_RELOCK} {value}", self.target.node));
        let words = words.map_or(Words::fixed("no answer to a read"), |words| Words::heard(&words));
        out.answered(&self.native, attempt, answer, at, words);
    }
}

fn no_such_command() -> Answer {
    Answer::Refused(Refused::Other("The lock does not carry out such a command.".to_owned()))
}
