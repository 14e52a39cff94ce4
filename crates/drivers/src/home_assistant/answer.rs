//! What the instance says of a command, in the engine's words.
//!
//! A success says that the integration took the command, no more: it is told of a lock that jammed, that is not there and that
//! never answers.

use thumbturn_core::evidence::Words;
use thumbturn_core::ports::{Answer, Refused};

use super::wire::Fault;

/// The words of a success.
pub(super) const TAKEN: Words = Words::fixed("result of call_service: success");

/// The words of an error: its code and key. Its text is the integration's own and may quote a code.
pub(super) fn words(fault: &Fault) -> Words {
    let key = fault.translation_key.as_deref().map(|key| format!(" {key}")).unwrap_or_default();
    Words::heard(&format!("error of call_service: {}{key}", fault.code))
}

/// What an error means for a command. Only what is known to have kept it from the integration is a refusal; after everything
/// else the lock may have done it.
pub(super) fn of_fault(fault: &Fault) -> Answer {
    let refused = |why: &str| Answer::Refused(Refused::Other(why.to_owned()));
    let may_not = "The user of the token may not control this lock in Home Assistant.";
    match (fault.code.as_str(), fault.translation_key.as_deref()) {
        ("service_validation_error", Some("add_default_code")) => refused(
            "The lock wants a code with each command: set a default code in the settings of its entity in Home Assistant.",
        ),
        ("service_validation_error" | "invalid_format", _) => {
            refused("Home Assistant does not take this command for this lock.")
        }
        ("not_found", _) => refused("Home Assistant has no integration loaded that could lock or unlock."),
        ("unauthorized", _) => refused(may_not),
        // Inside a service it has no code of its own.
        ("home_assistant_error", None) if fault.message.as_deref() == Some("Unauthorized") => refused(may_not),
        _ => Answer::NotAcknowledged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(code: &str, key: Option<&str>, message: &str) -> Fault {
        let key = key.map(str::to_owned);
        Fault { code: code.to_owned(), translation_key: key, message: Some(message.to_owned()) }
    }

    #[test]
    fn only_what_never_reached_the_integration_is_a_refusal() {
        for (code, key) in [
            ("service_validation_error", Some("add_default_code")),
            ("service_validation_error", None),
            ("invalid_format", None),
            ("not_found", None),
            ("unauthorized", None),
        ] {
            assert!(matches!(of_fault(&fault(code, key, "")), Answer::Refused(_)), "{code}");
        }
        assert!(matches!(of_fault(&fault("home_assistant_error", None, "Unauthorized")), Answer::Refused(_)));
        for code in ["home_assistant_error", "unknown_error", "timeout", "", "new"] {
            assert_eq!(of_fault(&fault(code, None, "failed")), Answer::NotAcknowledged, "{code}");
        }
    }

    #[test]
    fn words_hold_no_text_of_an_integration() {
        let fault = fault("home_assistant_error", Some("lock_failed"), "code 8642 failed");
        assert_eq!(words(&fault).as_str(), "error of call_service: home_assistant_error lock_failed");
    }
}
