//! Questions about the codes of one lock, and what comes back.

use serde_json::Value;
use thumbturn_core::codes::CodeFault;
use thumbturn_core::ports::Gate;
use thumbturn_core::time::Moment;

use crate::websocket::{Line, Unanswered};
use crate::zwave_js::call::{Call, CodeCall};
use crate::zwave_js::network::{Heard, Network};
use crate::zwave_js::wire::Fault;

/// A lock to talk about.
#[derive(Clone, Copy)]
pub(super) struct Talk<'a> {
    pub(super) line: &'a Line<Network>,
    pub(super) node: u32,
}

/// Why a question to the hub came to nothing.
#[derive(Debug)]
pub(super) enum Why {
    /// There was no answer.
    Unanswered(Unanswered),
    /// The answer was a fault.
    Fault(Fault),
}

impl Talk<'_> {
    /// Asks the hub. With a `gate` it is a command.
    pub(super) async fn ask(&self, call: CodeCall, gate: Option<Gate<'_>>) -> Result<Value, Why> {
        match self.line.ask(Call::Code(self.node, call), gate).await {
            Ok(Heard::Reply(_, Ok(result))) => Ok(result),
            Ok(Heard::Reply(_, Err(fault))) => Err(Why::Fault(fault)),
            Ok(Heard::Dump(_) | Heard::Event(_)) => Err(Why::Unanswered(Unanswered::Silence)),
            Err(why) => Err(Why::Unanswered(why)),
        }
    }

    /// What is said to a question, under this key of the hub's answer; `None` if nothing is said.
    pub(super) async fn answer(&self, call: CodeCall, key: &str) -> Result<Option<Value>, CodeFault> {
        match self.ask(call, None).await {
            Ok(mut result) => Ok(result.get_mut(key).map(Value::take).filter(|answer| !answer.is_null())),
            Err(Why::Unanswered(Unanswered::NotWritten(why))) => Err(CodeFault::NotWritten(why)),
            Err(Why::Unanswered(Unanswered::Silence) | Why::Fault(_)) => Ok(None),
        }
    }

    /// Now.
    pub(super) fn now(&self) -> Moment {
        self.line.now()
    }
}
