//! What a lock told of its parameters, and what it makes of a command for them: for every driver that reaches a Z-Wave lock.

use std::collections::BTreeMap;

use serde_json::Value;
use thumbturn_core::commands::AutoLock;
use thumbturn_core::ids::AttemptId;
use thumbturn_core::ports::{Answer, Refused};

use super::{Parameter, Parameters, Setting, value};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Settings {
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

/// What a lock made of a command, by its own answers.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The attempt that it was.
    pub(crate) attempt: AttemptId,
    /// When it locks itself now; `None` if that is not known any more.
    pub(crate) now: Option<AutoLock>,
    /// How the attempt ends.
    pub(crate) answer: Answer,
    /// Its answers: a number and a value for each.
    pub(crate) words: String,
}

impl Settings {
    /// Takes over what was asked before the lock introduced itself again.
    pub(crate) fn resume(&mut self, before: Self) {
        self.checking = before.checking;
    }

    /// A parameter is told, or remembered. Gives when the lock locks itself if that is news.
    pub(crate) fn hear(&mut self, ours: &Parameters, of: Parameter, told: Option<&Value>) -> Option<AutoLock> {
        let told = told.and_then(value).filter(|_| ours.has(of))?;
        let before = ours.told(&self.told);
        self.told.insert(of, told);
        let now = ours.told(&self.told);
        // While it is asked, one of two may be old.
        now.filter(|_| now != before && self.checking.is_none())
    }

    /// The hub took settings: whether the lock did, is asked of it. So it is where the lock refused, since it may have taken one of
    /// two. Gives what is to be asked for.
    pub(crate) fn check(&mut self, attempt: AttemptId, to: [Option<Setting>; 2], refused: bool) -> Vec<Parameter> {
        let wanted: Vec<_> = to.iter().flatten().copied().collect();
        let open: Vec<_> = wanted.iter().map(|setting| setting.parameter).collect();
        self.checking = Some(Checking { attempt, wanted, refused, open: open.clone(), answers: BTreeMap::new() });
        open
    }

    /// What an attempt still waits for.
    pub(crate) fn open(&self, attempt: AttemptId) -> Vec<Parameter> {
        let checking = self.checking.as_ref().filter(|checking| checking.attempt == attempt);
        checking.map(|checking| checking.open.clone()).unwrap_or_default()
    }

    /// The lock told a parameter when it was asked, or did not answer. Gives what came of the attempt with the last one.
    pub(crate) fn answered(
        &mut self,
        ours: &Parameters,
        attempt: AttemptId,
        of: Parameter,
        told: Option<&Value>,
    ) -> Option<Checked> {
        let checking = self.checking.as_mut().filter(|checking| checking.attempt == attempt)?;
        checking.open.retain(|open| *open != of);
        if let Some(told) = told.and_then(value) {
            checking.answers.insert(of, told);
        }
        let checking = self.checking.take_if(|checking| checking.open.is_empty())?;
        for Setting { parameter, .. } in &checking.wanted {
            match checking.answers.get(parameter) {
                Some(told) => self.told.insert(*parameter, *told),
                // What was known of it may be over.
                None => self.told.remove(parameter),
            };
        }
        let words = checking.answers.iter().map(|(parameter, value)| format!(" {} {value}", parameter.number));
        let words = format!("parameters:{}", words.collect::<String>());
        Some(Checked { attempt, now: ours.told(&self.told), answer: checking.answer(), words })
    }
}

impl Checking {
    fn answer(&self) -> Answer {
        let refused = |why: &str| Answer::Refused(Refused::Other(why.to_owned()));
        let answer_to = |setting: &Setting| self.answers.get(&setting.parameter).copied();
        let is_as_wanted = |setting: &Setting| answer_to(setting) == Some(setting.value);
        let is_other = |setting: &Setting| answer_to(setting).is_some_and(|told| told != setting.value);
        if self.wanted.iter().all(is_as_wanted) {
            Answer::Accepted
        } else if self.refused {
            refused("The lock refused the setting.")
        } else if self.wanted.iter().any(is_other) {
            refused("The lock kept its old setting.")
        } else {
            Answer::NotAcknowledged
        }
    }
}
