//! What the hub says of a command, in the engine's words.
//!
//! `success` of a message only says that the hub dealt with the command. Whether the lock did is in the status of the
//! Supervision, if the lock knows that: and even then only the lock's own report is a proof.

use std::time::Duration;

use serde_json::Value;
use thumbturn_core::evidence::Words;
use thumbturn_core::ports::{Answer, Refused};

use super::wire::Fault;

/// What came of a command that the hub dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The lock says that it is done, or the lock got it and said nothing of it.
    Accepted,
    /// The lock says that it is at work, for so long.
    Working(Duration),
    /// The lock says that it failed: it is jammed, or it refused.
    Failed,
    /// The lock cannot do that at all.
    Impossible,
}

/// How long a lock works that does not say how long.
const UNTOLD: Duration = Duration::from_secs(5);

/// The longest work that is believed.
const LONGEST: Duration = Duration::from_secs(20);

/// Reads the answer to a command: that of `endpoint.invoke_cc_api` under `response`, that of `node.set_value` under `result`.
pub(super) fn verdict(result: &Value) -> Verdict {
    let supervision = result.get("response").or_else(|| result.get("result"));
    let status = supervision.and_then(|supervision| supervision.get("status")).and_then(Value::as_u64);
    match status {
        Some(1) => {
            let remaining = supervision.and_then(|supervision| supervision.get("remainingDuration"));
            Verdict::Working(remaining.and_then(duration).unwrap_or(UNTOLD).min(LONGEST))
        }
        Some(2) => Verdict::Failed,
        Some(0 | 3 | 4 | 5) => Verdict::Impossible,
        // Without Supervision there is no status at all.
        Some(_) | None => Verdict::Accepted,
    }
}

/// A duration of the protocol; `None` where it is not told.
pub(super) fn duration(value: &Value) -> Option<Duration> {
    let amount = value.get("value").and_then(Value::as_u64)?;
    match value.get("unit").and_then(Value::as_str)? {
        "seconds" => Some(Duration::from_secs(amount)),
        "minutes" => Some(Duration::from_secs(amount.saturating_mul(60))),
        _ => None,
    }
}

/// The words of an answer: its status and nothing else.
pub(super) fn words(result: &Value) -> Words {
    let supervision = result.get("response").or_else(|| result.get("result"));
    match supervision.and_then(|supervision| supervision.get("status")).and_then(Value::as_u64) {
        Some(status) => Words::heard(&format!("result, status {status}")),
        None => Words::fixed("result, without a status"),
    }
}

/// The words of an error.
pub(super) fn fault_words(fault: &Fault) -> Words {
    let number = fault.number.map(|number| format!(" {number}")).unwrap_or_default();
    let name = fault.name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
    Words::heard(&format!("error {}{number}{name}", fault.code))
}

/// What an error means for a command. Only what is known to have kept the command from the radio is a refusal; after
/// everything else the lock may have done it.
pub(super) fn of_fault(fault: &Fault) -> Answer {
    let refused = |why: &str| Answer::Refused(Refused::Other(why.to_owned()));
    match (fault.code.as_str(), fault.number) {
        ("zwave_error", Some(211 | 213)) | ("node_not_found" | "endpoint_not_found", _) => {
            refused("The lock is no longer in the Z-Wave network.")
        }
        ("zwave_error", Some(302..=304)) => {
            refused("The Z-Wave hub says that the lock has no such command; it may have to be interviewed again.")
        }
        ("zwave_error", Some(322)) | ("invalid_params_passed_to_command" | "unknown_command", _) => {
            refused("The Z-Wave hub does not take this command.")
        }
        _ => Answer::NotAcknowledged,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_status_says_what_success_does_not() {
        for (result, expected) in [
            (json!({"response": {"status": 255}}), Verdict::Accepted),
            (json!({"response": {"status": 254}}), Verdict::Accepted),
            (json!({}), Verdict::Accepted),
            (json!({"response": null}), Verdict::Accepted),
            (json!({"result": {"status": 254}}), Verdict::Accepted),
            (json!({"response": {"status": 2}}), Verdict::Failed),
            (json!({"response": {"status": 0}}), Verdict::Impossible),
            (json!({"result": {"status": 5, "message": "x"}}), Verdict::Impossible),
        ] {
            assert_eq!(verdict(&result), expected, "{result}");
        }
        let working = |remaining: Value| verdict(&json!({"response": {"status": 1, "remainingDuration": remaining}}));
        assert_eq!(working(json!({"value": 3, "unit": "seconds"})), Verdict::Working(Duration::from_secs(3)));
        assert_eq!(working(json!({"value": 2, "unit": "minutes"})), Verdict::Working(LONGEST));
        assert_eq!(working(json!("unknown")), Verdict::Working(UNTOLD));
    }

    #[test]
    fn only_what_never_reached_the_radio_is_a_refusal() {
        let fault = |code: &str, number| Fault { code: code.to_owned(), number, name: None };
        for number in [204, 201, 202, 205, 215, 100, 101, 102, 103, 9999] {
            assert_eq!(of_fault(&fault("zwave_error", Some(number))), Answer::NotAcknowledged, "{number}");
        }
        for number in [211, 213, 302, 303, 304, 322] {
            assert!(matches!(of_fault(&fault("zwave_error", Some(number))), Answer::Refused(_)), "{number}");
        }
        assert!(matches!(of_fault(&fault("node_not_found", None)), Answer::Refused(_)));
        assert_eq!(of_fault(&fault("unknown_error", None)), Answer::NotAcknowledged);
        assert_eq!(of_fault(&fault("", None)), Answer::NotAcknowledged);
    }

    #[test]
    fn words_hold_numbers_and_names_of_the_protocol_alone() {
        let fault = Fault {
            code: "zwave_error".to_owned(),
            number: Some(204),
            name: Some("Controller_CallbackNOK".to_owned()),
        };
        assert_eq!(fault_words(&fault).as_str(), "error zwave_error 204 Controller_CallbackNOK");
        assert_eq!(words(&json!({"response": {"status": 255, "code": "8642"}})).as_str(), "result, status 255");
    }
}
