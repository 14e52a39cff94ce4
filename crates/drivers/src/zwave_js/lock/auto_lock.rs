//! When a lock locks itself, where it keeps that among its configuration parameters.

use serde_json::Value;
use thumbturn_core::commands::AutoLock;
use thumbturn_core::evidence::Words;
use thumbturn_core::ids::AttemptId;
use thumbturn_core::ports::{Answer, NotWritten, Refused, Signal};
use thumbturn_core::time::Moment;

use super::Lock;
use crate::zwave_js::Outbox;
use crate::zwave_js::answer::{self, Verdict};
use crate::zwave_js::auto_lock::{Checked, Parameter, Way};
use crate::zwave_js::call::Call;

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
        if let Some(now) = self.settings.hear(parameters, of, value) {
            out.tell(Signal::AutoLock(self.native.clone(), now));
        }
    }

    /// The hub dealt with settings.
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
        let open = self.settings.check(attempt, settings, refused);
        out.asks.extend(open.into_iter().map(|parameter| Call::CheckParameter(node, attempt, parameter)));
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
        let Some(Way::Parameters(parameters)) = &self.way else { return };
        let Some(Checked { attempt, now, answer, words }) = self.settings.answered(parameters, attempt, of, value)
        else {
            return;
        };
        if let Some(now) = now {
            out.tell(Signal::AutoLock(self.native.clone(), now));
        }
        let words = format!("answers of node {}, {words}", self.target.node);
        out.answered(&self.native, attempt, answer, at, Words::heard(&words));
    }
}
