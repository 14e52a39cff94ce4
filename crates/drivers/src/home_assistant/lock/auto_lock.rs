//! When a Z-Wave lock locks itself, where it keeps that among its configuration parameters.
//!
//! Which of them mean that, and what comes of a command, is decided as over Z-Wave JS itself (`crate::zwave_js::auto_lock`).
//! Here is how Home Assistant is brought to ask. That it called the service proves nothing, and what it remembers is no answer:
//! the lock is asked for each parameter, and a trigger tells what it reports.

use std::time::Duration;

use thumbturn_core::commands::AutoLock;
use thumbturn_core::evidence::Words;
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::Unavailable;
use thumbturn_core::ports::{Answer, NotWritten, Signal};
use thumbturn_core::time::Moment;

use super::Lock;
use crate::home_assistant::Outbox;
use crate::home_assistant::answer;
use crate::home_assistant::call::{Call, ParameterCall};
use crate::home_assistant::codes::Keypad;
use crate::home_assistant::entity::Standing;
use crate::home_assistant::wire::{Fault, ParameterValue};
use crate::zwave_js::auto_lock::{Checked, Parameter, Parameters, Setting, Settings, parameter, whole};
use crate::zwave_js::wire::ValueEntry;

/// How long after the answers of the service a lock's report may come: both are passed on, in no order.
const LATE: Duration = Duration::from_millis(500);

/// How often a lock is asked. What is told of a value for the first time is an event that triggers do not hear.
const TIMES: u8 = 2;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Relock {
    /// Whether the token's user may see and write parameters.
    may: bool,
    /// They were asked for, and the entity was there ever since.
    is_asked: bool,
    /// The lock had some in an earlier session, and has not yet told in this one.
    had: bool,
    /// Those that are about this.
    ours: Option<Parameters>,
    settings: Settings,
    /// Under which number is told what the lock reports of them.
    ear: Option<u64>,
    asking: Option<Asking>,
}

/// The lock is asked for its parameters.
#[derive(Debug)]
struct Asking {
    attempt: AttemptId,
    /// How many questions Home Assistant has not dealt with.
    open: usize,
    /// How often it may be asked.
    times: u8,
    /// Until when its reports are waited for.
    until: Option<Moment>,
}

impl Relock {
    pub(super) fn with(had: bool) -> Self {
        Self { had, ..Self::default() }
    }

    pub(super) const fn is_offered(&self) -> bool {
        self.ours.is_some() || self.had
    }

    /// The entity is away: its integration may come back with other parameters.
    pub(super) const fn lost(&mut self) {
        self.is_asked = false;
    }

    pub(super) fn wake_at(&self) -> Option<Moment> {
        self.asking.as_ref().and_then(|asking| asking.until)
    }
}

impl Lock {
    /// Whether the token's user may see and write parameters, which Home Assistant lets administrators do.
    pub(in crate::home_assistant) fn may_configure(&mut self, may: bool, out: &mut Outbox) {
        self.relock.may = may;
        if !may {
            self.relock.had = false;
            self.redescribe(out);
        }
        self.ask_parameters(out);
    }

    /// Asks which parameters the lock has, once while it is there.
    pub(super) fn ask_parameters(&mut self, out: &mut Outbox) {
        let Keypad::Zwave(device) = &self.keypad else { return };
        if self.relock.may && self.standing != Standing::Away && !self.relock.is_asked {
            let list = ParameterCall::List(device.clone());
            out.asks.push(Call::Parameters(self.native.clone(), list));
            self.relock.is_asked = true;
        }
    }

    fn redescribe(&mut self, out: &mut Outbox) {
        let is_offered = self.relock.is_offered();
        if std::mem::replace(&mut self.about.can_configure_auto_lock, is_offered) != is_offered {
            out.tell(self.discovered());
        }
    }

    /// Home Assistant told the parameters of the lock, and what it remembers of them.
    pub(in crate::home_assistant) fn listed_parameters(&mut self, all: &[ValueEntry], out: &mut Outbox) {
        self.relock.ours = Parameters::among(all);
        self.relock.had = false;
        self.redescribe(out);
        for entry in whole(all) {
            let (Some(ours), Some(of)) = (&self.relock.ours, of(entry)) else { continue };
            if let Some(now) = self.relock.settings.hear(ours, of, entry.value.as_ref()) {
                out.tell(Signal::AutoLock(self.native.clone(), now));
            }
        }
        if self.relock.asking.is_none() {
            self.listen(None, out);
        }
    }

    /// Asks to hear what the lock reports of its parameters, anew: what was asked before may have gone with the integration.
    fn listen(&self, attempt: Option<AttemptId>, out: &mut Outbox) {
        if let Some(ours) = &self.relock.ours {
            let listen = ParameterCall::Listen(self.entity.clone(), ours.all().collect(), attempt);
            out.asks.push(Call::Parameters(self.native.clone(), listen));
        }
    }

    /// How it is told when to lock itself.
    ///
    /// # Errors
    /// [`NotWritten`] if it cannot be told that, or Home Assistant has not yet said how.
    pub(in crate::home_assistant) fn auto_lock(&self, attempt: AttemptId, to: AutoLock) -> Result<Call, NotWritten> {
        let Some(ours) = &self.relock.ours else {
            return Err(if self.relock.had {
                NotWritten::Unavailable(Unavailable::HubDisconnected)
            } else {
                NotWritten::Rejected("Over Home Assistant this lock cannot be told when to lock itself.".to_owned())
            });
        };
        let settings = ours.settings(to).map_err(NotWritten::Rejected)?;
        let set = ParameterCall::Set(self.entity.clone(), settings, attempt);
        Ok(Call::Parameters(self.native.clone(), set))
    }

    /// Home Assistant dealt with settings. What the lock said of them it does not pass on.
    pub(in crate::home_assistant) fn set_parameters(
        &mut self,
        attempt: AttemptId,
        settings: [Option<Setting>; 2],
        reply: Result<(), &Fault>,
        at: Moment,
        out: &mut Outbox,
    ) {
        if let Err(fault) = reply {
            out.answered(&self.native, attempt, answer::of_fault(fault), at, answer::words(fault));
            return;
        }
        // It leaves out locks that are not there any more, and says that it worked.
        self.relock.settings.check(attempt, settings, false);
        self.relock.asking = Some(Asking { attempt, open: 0, times: TIMES, until: None });
        self.listen(Some(attempt), out);
    }

    /// What the lock reports of its parameters is told from now on, or is not.
    pub(in crate::home_assistant) fn listening(
        &mut self,
        attempt: Option<AttemptId>,
        number: Option<u64>,
        at: Moment,
        out: &mut Outbox,
    ) {
        if let Some(number) = number
            && let Some(before) = self.relock.ear.replace(number)
        {
            out.asks.push(Call::Unlisten(before));
        }
        match attempt {
            Some(attempt) if number.is_some() => self.get_parameters(attempt, out),
            Some(attempt) => self.give_up(attempt, at, out),
            None => {}
        }
    }

    /// Has the lock asked for what it has not told.
    fn get_parameters(&mut self, attempt: AttemptId, out: &mut Outbox) {
        let Some(asking) = self.relock.asking.as_mut().filter(|asking| asking.attempt == attempt) else { return };
        // Several may be bits of the same one.
        let mut numbers: Vec<_> = self.relock.settings.open(attempt).iter().map(|open| open.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        (asking.open, asking.times, asking.until) = (numbers.len(), asking.times.saturating_sub(1), None);
        out.asks.extend(numbers.into_iter().map(|number| {
            let get = ParameterCall::Get(self.entity.clone(), number, attempt);
            Call::Parameters(self.native.clone(), get)
        }));
    }

    /// Home Assistant has asked the lock, or could not.
    pub(in crate::home_assistant) fn got_parameter(&mut self, attempt: AttemptId, worked: bool, at: Moment) {
        let Some(asking) = self.relock.asking.as_mut().filter(|asking| asking.attempt == attempt) else { return };
        asking.open = asking.open.saturating_sub(1);
        if !worked {
            asking.times = 0;
        }
        if asking.open == 0 {
            asking.until = Some(at.after(LATE).steadily());
        }
    }

    /// The lock reports a parameter.
    pub(in crate::home_assistant) fn parameter(&mut self, told: &ParameterValue, at: Moment, out: &mut Outbox) {
        let Some(ours) = &self.relock.ours else { return };
        let (of, value) = (told.of, Some(&told.value));
        // What comes before it is asked is no answer.
        let asking = self.relock.asking.as_ref().filter(|asking| asking.open > 0 || asking.until.is_some());
        let attempt = asking.map(|asking| asking.attempt);
        match attempt.filter(|attempt| self.relock.settings.open(*attempt).contains(&of)) {
            Some(attempt) => {
                let checked = self.relock.settings.answered(ours, attempt, of, value);
                self.checked(checked, at, out);
            }
            None => {
                if let Some(now) = self.relock.settings.hear(ours, of, value) {
                    out.tell(Signal::AutoLock(self.native.clone(), now));
                }
            }
        }
    }

    fn checked(&mut self, checked: Option<Checked>, at: Moment, out: &mut Outbox) {
        let Some(Checked { attempt, now, answer, words }) = checked else { return };
        self.relock.asking = None;
        if let Some(now) = now {
            out.tell(Signal::AutoLock(self.native.clone(), now));
        }
        let words = format!("reports of {}, {words}", self.entity);
        out.answered(&self.native, attempt, answer, at, Words::heard(&words));
    }

    /// The lock has not told the rest.
    fn give_up(&mut self, attempt: AttemptId, at: Moment, out: &mut Outbox) {
        let mut checked = None;
        for open in self.relock.settings.open(attempt) {
            if let Some(ours) = &self.relock.ours {
                checked = self.relock.settings.answered(ours, attempt, open, None);
            }
        }
        if checked.is_none() && self.relock.asking.take_if(|asking| asking.attempt == attempt).is_some() {
            // It has no such parameters any more.
            let words = Words::fixed("no such parameters");
            out.answered(&self.native, attempt, Answer::NotAcknowledged, at, words);
        }
        self.checked(checked, at, out);
    }

    /// Asks once more, or no longer, where it is time.
    pub(super) fn ask_parameters_again(&mut self, now: Moment, out: &mut Outbox) {
        let Some(asking) = &mut self.relock.asking else { return };
        if asking.until.take_if(|at| now.reached(*at)).is_none() {
            return;
        }
        let attempt = asking.attempt;
        if asking.times > 0 {
            self.get_parameters(attempt, out);
        } else {
            self.give_up(attempt, now, out);
        }
    }
}

fn of(entry: &ValueEntry) -> Option<Parameter> {
    parameter(entry.command_class, &entry.property, entry.property_key.as_ref())
}
