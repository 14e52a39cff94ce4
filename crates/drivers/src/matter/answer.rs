//! What a fault of the server means for a command.
//!
//! The server passes the lock's own status on in words: `InteractionModelError: Busy (0x9c)` says the one kind of server,
//! `Busy (code 156)` the other. Without a status nobody knows what the lock did.

use thumbturn_core::evidence::Words;
use thumbturn_core::ports::{Answer, Refused};

use super::wire::Fault;

/// The status in the words of a fault. One that the cluster has of its own may follow it: `Failure (0x1, clusterStatus: 3)`.
pub(super) fn status(details: &str) -> Option<u64> {
    let inner = |text: &str| {
        let text = text.split([')', ',']).next()?;
        match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => text.strip_prefix("code ")?.parse().ok(),
        }
    };
    details.split('(').skip(1).find_map(inner)
}

/// The status of its own that a cluster adds, in the words of a fault.
pub(super) fn cluster_status(details: &str) -> Option<u64> {
    let (_, after) = details.split_once("clusterStatus: ")?;
    after.split(')').next()?.trim().parse().ok()
}

/// What came of a command that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The lock did not do it, for a reason that it does not name.
    Failed,
    /// It did not reach the lock, or the lock refused it, for this reason.
    Refused(&'static str),
    /// The lock may have done it.
    Unknown,
}

/// Reads a fault. Only what a lock said itself, or what is known to have kept the command from it, is a refusal.
pub(super) fn verdict(fault: &Fault) -> Verdict {
    match fault.code {
        Fault::NODE_NOT_READY => return Verdict::Refused("The Matter server says that the lock is offline."),
        Fault::NODE_NOT_EXISTS => return Verdict::Refused("The lock is no longer in the Matter fabric."),
        code if Fault::INVALID.contains(&code) => {
            return Verdict::Refused("The Matter server does not take this command.");
        }
        _ => {}
    }
    match status(&fault.details) {
        Some(0x01) => Verdict::Failed,
        Some(0x9c) => Verdict::Refused("The lock is busy; try again."),
        Some(0x7e) => Verdict::Refused(
            "The lock does not let the Matter server operate it: give the server's fabric the right to in the app that \
             manages the lock.",
        ),
        Some(0x7f | 0x81 | 0x8b | 0xc3) => Verdict::Refused("The lock has no such command."),
        Some(0x80 | 0x85 | 0x87) => Verdict::Refused("The lock does not take this command."),
        Some(0x88) => Verdict::Refused("The lock does not let this be changed."),
        Some(0xc6) => Verdict::Refused("The lock wants a timed command, and the Matter server sent none: update it."),
        Some(0xcb) => Verdict::Refused("The lock does not do that in its present mode."),
        _ => Verdict::Unknown,
    }
}

/// The engine's answer to a refusal.
pub(super) fn refused(why: &str) -> Answer {
    Answer::Refused(Refused::Other(why.to_owned()))
}

/// The words of a fault.
pub(super) fn words(fault: &Fault) -> Words {
    match fault.code {
        Fault::NO_ANSWER => Words::fixed("no answer"),
        code => Words::heard(&format!("error {code}: {}", fault.details)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: i64, details: &str) -> Verdict {
        verdict(&Fault { code, details: details.to_owned() })
    }

    #[test]
    fn both_kinds_of_server_pass_the_status_on() {
        for (details, expected) in [
            ("InteractionModelError: Failure (0x1)", Some(1)),
            ("Failure (code 1)", Some(1)),
            ("InteractionModelError: Busy (0x9c)", Some(156)),
            ("Busy (code 156)", Some(156)),
            ("InteractionModelError: NeedsTimedInteraction (0xc6)", Some(0xc6)),
            ("InteractionModelError: UnsupportedCommand (0x81)", Some(0x81)),
            ("Endpoint 9 does not exist (code 139)", Some(139)),
            ("InteractionModelError: Failure (0x1, clusterStatus: 3)", Some(1)),
            ("src/app/CommandSender.cpp:343: CHIP Error 0x00000032: Timeout", None),
            ("Operation aborted", None),
            ("something (else)", None),
            ("(0x", None),
        ] {
            assert_eq!(status(details), expected, "{details}");
        }
    }

    #[test]
    fn a_clusters_own_status_comes_beside_it() {
        assert_eq!(cluster_status("InteractionModelError: Failure (0x1, clusterStatus: 3)"), Some(3));
        assert_eq!(cluster_status("InteractionModelError: Failure (0x1)"), None);
    }

    #[test]
    fn only_what_the_lock_said_or_what_never_reached_it_is_a_refusal() {
        for (code, details) in [
            (0, "src/app/CommandSender.cpp:343: CHIP Error 0x00000032: Timeout"),
            (0, "src/lib/address_resolve/AddressResolve_DefaultImpl.cpp:119: CHIP Error 0x00000032: Timeout"),
            (0, "Operation aborted"),
            (0, "type object 'Commands' has no attribute 'unlockDoor'"),
            (0, "InteractionModelError: Timeout (0x94)"),
            (4, "Node 7 does not resolve"),
            (7, "x"),
            (Fault::NO_ANSWER, ""),
        ] {
            assert_eq!(told(code, details), Verdict::Unknown, "{code} {details}");
        }
        for (code, details) in [
            (0, "InteractionModelError: Busy (0x9c)"),
            (0, "Busy (code 156)"),
            (0, "InteractionModelError: NeedsTimedInteraction (0xc6)"),
            (0, "InteractionModelError: UnsupportedCommand (0x81)"),
            (0, "InteractionModelError: UnsupportedEndpoint (0x7f)"),
            (0, "Endpoint 9 does not exist (code 139)"),
            (3, "Node 7 is not (yet) available."),
            (5, "Node 7 does not exist or has not been interviewed."),
            (9, "Invalid command"),
        ] {
            assert!(matches!(told(code, details), Verdict::Refused(_)), "{code} {details}");
        }
        assert_eq!(told(0, "InteractionModelError: Failure (0x1)"), Verdict::Failed);
        assert_eq!(told(0, "Failure (code 1)"), Verdict::Failed);
    }
}
