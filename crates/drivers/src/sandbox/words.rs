//! In which words a virtual hub passes on what its locks say. They are few and fixed, so that they cost nothing.

use thumbturn_core::events::Method;
use thumbturn_core::evidence::Words;
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::{Answer, How, Refused, Said};

/// What a lock said.
pub(super) const fn of_report(said: Said, how: How) -> Words {
    macro_rules! state {
        ($state:literal) => {
            match how {
                How::Untagged => concat!("report: ", $state),
                How::Tagged(Method::Remote, _) => concat!("report: ", $state, " by remote"),
                How::Tagged(Method::Manual, _) => concat!("report: ", $state, " by hand"),
                How::Tagged(Method::Keycode, _) => concat!("report: ", $state, " by keypad"),
                How::Tagged(Method::Automatic, _) => concat!("report: ", $state, " by itself"),
                How::Tagged(Method::Card, _) => concat!("report: ", $state, " by card"),
                How::Tagged(Method::Unknown, _) => concat!("report: ", $state, " by something"),
                How::Read(_) => concat!("answer to a read: ", $state),
                How::Remembered => concat!("cached: ", $state),
                How::Assumed => concat!("assumed: ", $state),
            }
        };
    }
    Words::fixed(match said {
        Said::At(Bolt::Locked) => state!("locked"),
        Said::At(Bolt::Unlocked) => state!("unlocked"),
        Said::Jammed => state!("jammed"),
        Said::Obstructed => state!("obstructed"),
        Said::Unsure => state!("not sure"),
    })
}

/// What the hub said of a command.
pub(super) const fn of_answer(answer: &Answer) -> Words {
    Words::fixed(match answer {
        Answer::Accepted => "command: accepted",
        Answer::NotAcknowledged => "command: not acknowledged",
        Answer::Refused(Refused::Jammed) => "command: refused, jammed",
        Answer::Refused(Refused::Obstructed) => "command: refused, obstructed",
        Answer::Refused(Refused::PrivacyMode) => "command: refused, privacy mode",
        Answer::Refused(Refused::UnknownCode) => "command: refused, unknown code",
        Answer::Refused(Refused::TooManyAttempts) => "command: refused, too many attempts",
        Answer::Refused(Refused::Other(_)) => "command: refused",
    })
}
