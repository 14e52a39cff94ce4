//! What the answers to a command mean that writes codes or users. A lock says why it refuses a PIN within an answer that goes
//! well; every other refusal comes as a fault.

use serde_json::Value;
use thumbturn_core::codes::CodeFault;

use crate::codes::{Said, away};
use crate::matter::answer::{self, Verdict};
use crate::matter::wire::Fault;
use crate::websocket::Unanswered;

/// Why a question or a command has no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// There was none.
    Unanswered(Unanswered),
    /// It was a fault.
    Fault(Fault),
}

const SILENCE: &str = "the lock did not answer";
const REFUSED: &str = "The lock refused the command.";
const TAKEN: &str = "Somebody else changed the lock's users meanwhile.";

/// `DlStatus`, and the statuses of the protocol that mean the same.
const DUPLICATE: u64 = 2;
const OCCUPIED: u64 = 3;
const INVALID: u64 = 0x85;
const EXHAUSTED: u64 = 0x89;
const NOT_FOUND: u64 = 0x8b;

/// Why a lock does not tell what it was asked for.
pub(super) fn untold(why: &Why) -> CodeFault {
    match why {
        Why::Unanswered(Unanswered::NotWritten(why)) => CodeFault::NotWritten(why.clone()),
        Why::Unanswered(Unanswered::Silence) => CodeFault::Unknown(SILENCE),
        Why::Fault(fault) if is_away(fault) => away(),
        Why::Fault(fault) => match answer::verdict(fault) {
            Verdict::Failed => CodeFault::Refused(REFUSED),
            Verdict::Refused(why) => CodeFault::Refused(why),
            Verdict::Unknown => CodeFault::Unknown(SILENCE),
        },
    }
}

/// What the answer to a command means that has no status in it.
///
/// # Errors
/// [`CodeFault`] if nothing was sent, or if the lock says why not.
pub(super) fn written(answer: Result<Value, Why>) -> Result<Said, CodeFault> {
    match answer {
        Ok(_) => Ok(Said::Done),
        Err(Why::Unanswered(Unanswered::NotWritten(why))) => Err(CodeFault::NotWritten(why)),
        Err(Why::Unanswered(Unanswered::Silence)) => Ok(Said::Nothing),
        Err(Why::Fault(fault)) if is_away(&fault) => Err(away()),
        Err(Why::Fault(fault)) => match (answer::cluster_status(&fault.details), answer::status(&fault.details)) {
            (Some(OCCUPIED), _) => Err(CodeFault::Refused(TAKEN)),
            (_, Some(EXHAUSTED)) => Err(CodeFault::Full),
            _ => match answer::verdict(&fault) {
                Verdict::Failed => Ok(Said::Failed),
                Verdict::Refused(why) => Err(CodeFault::Refused(why)),
                Verdict::Unknown => Ok(Said::Nothing),
            },
        },
    }
}

/// What the answer to a command means that gives a user a PIN.
///
/// # Errors
/// As [`written`].
pub(super) fn of_pin(answer: Result<Value, Why>) -> Result<Said, CodeFault> {
    let status = match answer {
        Ok(answer) => answer.get("status").and_then(Value::as_u64),
        Err(why) => return written(Err(why)),
    };
    match status {
        Some(0) => Ok(Said::Done),
        // Some locks say this of a code that they have already, too.
        Some(1) => Ok(Said::Failed),
        Some(DUPLICATE) => Ok(Said::Duplicate),
        Some(OCCUPIED) => Err(CodeFault::Occupied),
        Some(INVALID) => Err(CodeFault::Refused("The lock does not take this code, for this slot or this user.")),
        Some(EXHAUSTED) => Err(CodeFault::Full),
        Some(NOT_FOUND) => Err(CodeFault::Refused(TAKEN)),
        // It says something that means nothing to us.
        Some(_) | None => Ok(Said::Nothing),
    }
}

/// The fault of what never left the server.
fn is_away(fault: &Fault) -> bool {
    [Fault::NODE_NOT_READY, Fault::NODE_NOT_EXISTS].contains(&fault.code)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use thumbturn_core::ports::NotWritten;

    use super::*;

    const TIMEOUT: &str = "src/app/CommandSender.cpp:343: CHIP Error 0x00000032: Timeout";

    fn fault(code: i64, details: &str) -> Why {
        Why::Fault(Fault { code, details: details.to_owned() })
    }

    #[test]
    fn a_lock_says_why_it_does_not_take_a_code() {
        let status = |status: u32| of_pin(Ok(json!({"status": status, "userIndex": null, "nextCredentialIndex": 2})));
        assert_eq!(status(0), Ok(Said::Done));
        assert_eq!(status(1), Ok(Said::Failed));
        assert_eq!(status(2), Ok(Said::Duplicate));
        assert_eq!(status(3), Err(CodeFault::Occupied));
        assert!(matches!(status(133), Err(CodeFault::Refused(_))));
        assert_eq!(status(137), Err(CodeFault::Full));
        assert!(matches!(status(139), Err(CodeFault::Refused(_))));
        assert_eq!(status(77), Ok(Said::Nothing));
        assert_eq!(of_pin(Ok(Value::Null)), Ok(Said::Nothing));
        assert_eq!(of_pin(Err(fault(0, TIMEOUT))), Ok(Said::Nothing));
        assert_eq!(of_pin(Err(fault(0, "Failure (code 1)"))), Ok(Said::Failed));
    }

    #[test]
    fn what_never_left_is_told_apart_from_what_nobody_acknowledged() {
        assert_eq!(written(Ok(Value::Null)), Ok(Said::Done));
        assert_eq!(written(Err(fault(0, TIMEOUT))), Ok(Said::Nothing));
        assert_eq!(written(Err(fault(0, "InteractionModelError: Failure (0x1)"))), Ok(Said::Failed));
        let taken = written(Err(fault(0, "InteractionModelError: Failure (0x1, clusterStatus: 3)")));
        assert_eq!(taken, Err(CodeFault::Refused(TAKEN)));
        assert_eq!(written(Err(fault(0, "InteractionModelError: ResourceExhausted (0x89)"))), Err(CodeFault::Full));
        let access = written(Err(fault(0, "InteractionModelError: UnsupportedAccess (0x7e)")));
        assert!(matches!(access, Err(CodeFault::Refused(_))));
        for code in [3, 5] {
            assert_eq!(written(Err(fault(code, "x"))), Err(away()), "{code}");
            assert_eq!(untold(&fault(code, "x")), away(), "{code}");
        }
        assert_eq!(written(Err(Why::Unanswered(Unanswered::Silence))), Ok(Said::Nothing));
        let late = Unanswered::NotWritten(NotWritten::TooLate);
        assert_eq!(written(Err(Why::Unanswered(late))), Err(CodeFault::NotWritten(NotWritten::TooLate)));
        assert_eq!(untold(&fault(0, TIMEOUT)), CodeFault::Unknown(SILENCE));
        assert!(matches!(untold(&fault(0, "InteractionModelError: UnsupportedCommand (0x81)")), CodeFault::Refused(_)));
    }
}
