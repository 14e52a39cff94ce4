//! When a lock locks itself, where it keeps that among its configuration parameters.

use std::collections::BTreeMap;

use serde_json::Value;
use thumbturn_core::commands::AutoLock;
use thumbturn_core::evidence::Words;
use thumbturn_core::ids::AttemptId;
use thumbturn_core::ports::{Answer, NotWritten, Refused, Signal};
use thumbturn_core::time::Moment;

use super::Lock;
use crate::zwave_js::Outbox;
use crate::zwave_js::answer::{self, Verdict};
use crate::zwave_js::auto_lock::{self, Parameter, Setting, Way};
use crate::zwave_js::call::Call;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// What the lock told last of them.
    told: BTreeMap<Parameter, u32>,
    checking: Option<Checking>,
}

/// The lock is asked what it made of a command.
#[derive(Debug)]
struct Checking {
    attempt: AttemptId,
    wanted: Vec<Setting>,
    /// It said that it did not take it.
    refused: bool,
    open: Vec<Parameter>,
    answers: BTreeMap<Parameter, u32>,
}

impl Settings {
    /// Takes over what was asked before the lock introduced itself again.
    pub(super) fn resume(&mut self, before: Self) {
        self.checking = before.checking;
    }
}

impl Lock {
    /// How it is told when to lock itself.
    ///
    /// # Errors
    /// [`NotWritten`] if it cannot be told that.
    pub(in crate::zwave_js) fn auto_lock(&self, attempt: AttemptId, to: AutoLock) -> Result<Call, NotWritten> {
        match &self.way {
            Some(Way::DoorLock) => Ok(Call::SetAutoLock(self.target.node, attempt, to)),
            Some(Way::Parameters(parameters)) => {
                let settings = parameters.settings(to).map_err(NotWritten::Rejected)?;
                Ok(Call::SetParameters(self.target.node, attempt, settings))
            }
            None => Err(NotWritten::Rejected("This lock cannot be told when to lock itself.".to_owned())),
        }
    }

    /// A parameter is told, or remembered.
    pub(super) fn parameter(&mut self, of: Parameter, value: Option<&Value>, out: &mut Outbox) {
        let Some(Way::Parameters(parameters)) = &self.way else { return };
        let Some(value) = value.and_then(auto_lock::value).filter(|_| parameters.has(of)) else { return };
        let before = parameters.told(&self.settings.told);
        self.settings.told.insert(of, value);
        let now = parameters.told(&self.settings.told);
        // While it is asked, one of two may be old.
        if let Some(now) = now.filter(|_| now != before && self.settings.checking.is_none()) {
            out.tell(Signal::AutoLock(self.native.clone(), now));
        }
    }

    /// The hub took settings: whether the lock did, is asked of it. So it is where the lock refused, since it may have taken one of
    /// two.
    pub(in crate::zwave_js) fn set_parameters(&mut self, call: &Call, result: &Value, at: Moment, out: &mut Outbox) {
        let Call::SetParameters(node, attempt, settings) = *call else { return };
        let refused = match answer::verdict(result) {
            Verdict::Accepted | Verdict::Working(_) => false,
            Verdict::Failed => true,
            Verdict::Impossible => {
                let why = "The lock does not carry out such a command.".to_owned();
                let answer = Answer::Refused(Refused::Other(why));
                out.answered(&self.native, attempt, answer, at, answer::words(result));
                return;
            }
        };
        let wanted: Vec<_> = settings.iter().flatten().copied().collect();
        let open: Vec<_> = wanted.iter().map(|setting| setting.parameter).collect();
        out.asks.extend(open.iter().map(|parameter| Call::CheckParameter(node, attempt, *parameter)));
        self.settings.checking = Some(Checking { attempt, wanted, refused, open, answers: BTreeMap::new() });
    }

    /// The lock told a parameter, or did not answer.
    pub(in crate::zwave_js) fn checked_parameter(
        &mut self,
        attempt: AttemptId,
        of: Parameter,
        value: Option<&Value>,
        at: Moment,
        out: &mut Outbox,
    ) {
        let Some(checking) = self.settings.checking.as_mut().filter(|checking| checking.attempt == attempt) else {
            return;
        };
        checking.open.retain(|open| *open != of);
        if let Some(value) = value.and_then(auto_lock::value) {
            checking.answers.insert(of, value);
        }
        if checking.open.is_empty()
            && let Some(checking) = self.settings.checking.take()
        {
            self.checked_all(&checking, at, out);
        }
    }

    fn checked_all(&mut self, checking: &Checking, at: Moment, out: &mut Outbox) {
        let Some(Way::Parameters(parameters)) = &self.way else { return };
        for Setting { parameter, .. } in &checking.wanted {
            match checking.answers.get(parameter) {
                Some(told) => self.settings.told.insert(*parameter, *told),
                // What was known of it may be over.
                None => self.settings.told.remove(parameter),
            };
        }
        if let Some(now) = parameters.told(&self.settings.told) {
            out.tell(Signal::AutoLock(self.native.clone(), now));
        }
        let refused = |why: &str| Answer::Refused(Refused::Other(why.to_owned()));
        let answer_to = |setting: &Setting| checking.answers.get(&setting.parameter).copied();
        let is_as_wanted = |setting: &Setting| answer_to(setting) == Some(setting.value);
        let is_other = |setting: &Setting| answer_to(setting).is_some_and(|told| told != setting.value);
        let answer = if checking.wanted.iter().all(is_as_wanted) {
            Answer::Accepted
        } else if checking.refused {
            refused("The lock refused the setting.")
        } else if checking.wanted.iter().any(is_other) {
            refused("The lock kept its old setting.")
        } else {
            Answer::NotAcknowledged
        };
        let told = checking.answers.iter().map(|(parameter, value)| format!(" {} {value}", parameter.number));
        let words = format!("answers of node {}, parameters:{}", self.target.node, told.collect::<String>());
        out.answered(&self.native, checking.attempt, answer, at, Words::heard(&words));
    }
}
