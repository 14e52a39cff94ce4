//! What the answers to a command mean that writes a slot.

use serde_json::Value;
use thumbturn_core::codes::CodeFault;
use thumbturn_core::ports::{Answer, Refused};

use super::talk::Why;
use crate::codes::Said;
use crate::websocket::Unanswered;
use crate::zwave_js::answer;

/// What the hub answers to a command; `None` where nobody says that the lock has it.
///
/// # Errors
/// [`CodeFault`] if nothing was sent, or if the hub kept it from the lock.
pub(super) fn written(answer: Result<Value, Why>) -> Result<Option<Value>, CodeFault> {
    match answer {
        Ok(result) => Ok(Some(result)),
        Err(Why::Unanswered(Unanswered::NotWritten(why))) => Err(CodeFault::NotWritten(why)),
        Err(Why::Unanswered(Unanswered::Silence)) => Ok(None),
        Err(Why::Fault(fault)) => match answer::of_fault(&fault) {
            Answer::Refused(Refused::Other(_)) => Err(CodeFault::Refused("The Z-Wave hub does not take this command.")),
            _ => Ok(None),
        },
    }
}

/// What the answer of a command class means.
///
/// # Errors
/// As [`written`].
pub(super) fn said(answer: Result<Value, Why>) -> Result<Said, CodeFault> {
    let Some(result) = written(answer)? else { return Ok(Said::Nothing) };
    match result.get("response").and_then(|response| response.get("status")).and_then(Value::as_u64) {
        Some(255) => Ok(Said::Done),
        Some(2) => Ok(Said::Failed),
        Some(0 | 3 | 4 | 5) => Err(CodeFault::Refused("The lock does not carry out such a command.")),
        // Without Supervision there is no status at all; one that works says so and is asked.
        Some(_) | None => Ok(Said::Delivered),
    }
}

/// What the hub's access control says of a credential.
///
/// # Errors
/// [`CodeFault`] where the lock says why not.
pub(super) const fn of_credential(result: Option<u64>) -> Result<Said, CodeFault> {
    match result {
        Some(0) => Ok(Said::Done),
        Some(1) => Err(CodeFault::Occupied),
        Some(3) => Ok(Said::Duplicate),
        Some(4) => Err(CodeFault::Refused("The lock's own rules forbid this code.")),
        Some(5) => Err(CodeFault::Refused("This is the code for programming the lock.")),
        Some(2 | 6) => Err(CodeFault::Refused("The slot was changed by somebody else meanwhile.")),
        // It says that it does not know.
        Some(_) | None => Ok(Said::Nothing),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use thumbturn_core::ports::NotWritten;

    use super::*;
    use crate::zwave_js::wire::Fault;

    #[test]
    fn what_never_left_is_told_apart_from_what_nobody_acknowledged() {
        let status = |status: u32| said(Ok(json!({"response": {"status": status}})));
        assert_eq!(status(255), Ok(Said::Done));
        assert_eq!(status(254), Ok(Said::Delivered));
        assert_eq!(status(2), Ok(Said::Failed));
        assert!(matches!(status(0), Err(CodeFault::Refused(_))));
        assert_eq!(said(Ok(json!({}))), Ok(Said::Delivered));
        let fault = |number| Why::Fault(Fault { code: "zwave_error".to_owned(), number: Some(number), name: None });
        assert_eq!(said(Err(fault(204))), Ok(Said::Nothing));
        assert!(matches!(said(Err(fault(322))), Err(CodeFault::Refused(_))));
        assert_eq!(said(Err(Why::Unanswered(Unanswered::Silence))), Ok(Said::Nothing));
        let late = Why::Unanswered(Unanswered::NotWritten(NotWritten::TooLate));
        assert_eq!(said(Err(late)), Err(CodeFault::NotWritten(NotWritten::TooLate)));
    }
}
