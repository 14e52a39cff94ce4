//! What the drivers share that write code slots: limits where nothing else is said, and what writing came to, from what was in
//! the slot before, what was said of the command, and what the lock tells afterwards.

use std::time::Duration;

use thumbturn_core::codes::{Code, CodeFault, Content, Held, NewCode, Proof};
use thumbturn_core::locks::Unavailable;
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::NotWritten;

/// What a code may be made of, where nothing else is said.
pub(crate) const ALL_DIGITS: &str = "0123456789";

/// How long a lock is given to store a code before it is asked once more.
pub(crate) const AGAIN: Duration = Duration::from_secs(2);

/// What was said of a command to write a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// The lock says that it carried it out.
    Done,
    /// The lock has it, and says nothing.
    Delivered,
    /// The lock says that it did not carry it out.
    Failed,
    /// The lock says that it has the code in another slot already.
    Duplicate,
    /// Nobody says that the lock has it.
    Nothing,
}

/// The fault of a lock that cannot be written to at present. One that does not tell what is in a slot is not written to.
pub(crate) const fn away() -> CodeFault {
    CodeFault::NotWritten(NotWritten::Unavailable(Unavailable::DeviceDisconnected))
}

/// Whether a slot holds that very code, under that name if one is wanted.
pub(crate) fn is_there(content: &Content, code: &NewCode) -> bool {
    let Content::Held(held) = content else { return false };
    content.is(&code.pin) && (code.name.is_none() || held.name == code.name)
}

/// Whether what the lock tells leaves room for something else, so that it is worth asking once more.
pub(crate) fn is_open(wanted: Option<&Pin>, said: Said, after: Option<&Content>) -> bool {
    let there = after.is_some_and(|after| is_as_wanted(wanted, after));
    let failed = matches!(said, Said::Failed | Said::Duplicate);
    !there && !failed && !after.is_some_and(|after| wanted.is_some() && is_hidden(after))
}

fn is_as_wanted(wanted: Option<&Pin>, after: &Content) -> bool {
    wanted.map_or(*after == Content::Empty, |pin| after.is(pin))
}

fn is_hidden(content: &Content) -> bool {
    matches!(content, Content::Held(Held { code: Code::Hidden, enabled: true, .. }))
}

/// How setting (`wanted`) or emptying a slot ended.
///
/// # Errors
/// [`CodeFault`] if the lock does not tell that the slot is as wanted.
pub(crate) fn of(
    before: &Content,
    wanted: Option<&Pin>,
    said: Said,
    after: Option<&Content>,
) -> Result<Proof, CodeFault> {
    match (after, said) {
        (Some(after), _) if is_as_wanted(wanted, after) => Ok(Proof::ReadBack),
        (_, Said::Duplicate) => Err(CodeFault::Duplicate(None)),
        (_, Said::Failed) => Err(CodeFault::Refused("The lock refused the command.")),
        (Some(after), said) if wanted.is_some() && is_hidden(after) => hidden(before, said),
        (Some(_), Said::Done | Said::Delivered) => {
            Err(CodeFault::Refused("The lock took the command and did not do it."))
        }
        (Some(_), Said::Nothing) => Err(CodeFault::Unknown("the lock did not acknowledge the command")),
        (None, _) => Err(CodeFault::Unknown("the lock did not answer when it was asked afterwards")),
    }
}

/// The slot is taken, and the lock does not show by which code.
fn hidden(before: &Content, said: Said) -> Result<Proof, CodeFault> {
    if *before == Content::Empty || said == Said::Done {
        return Ok(Proof::Word);
    }
    Err(CodeFault::Unknown("the slot was taken before, and the lock shows no codes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(digits: &str) -> Pin {
        Pin::new(digits).unwrap()
    }

    fn held(code: Code) -> Content {
        Content::Held(Held { code, enabled: true, name: None, window: None })
    }

    #[test]
    fn a_code_is_set_when_the_lock_tells_it() {
        let (mine, other) = (held(Code::Shown(pin("2345"))), held(Code::Shown(pin("9876"))));
        let (empty, hidden) = (Content::Empty, held(Code::Hidden));
        let all = [Said::Done, Said::Delivered, Said::Failed, Said::Duplicate, Said::Nothing];
        let set = |before: &Content, said, after: Option<&Content>| of(before, Some(&pin("2345")), said, after);
        for said in all {
            assert_eq!(set(&empty, said, Some(&mine)), Ok(Proof::ReadBack), "{said:?}");
            assert_eq!(set(&other, said, Some(&mine)), Ok(Proof::ReadBack), "{said:?}");
        }
        for said in [Said::Done, Said::Delivered] {
            assert!(matches!(set(&empty, said, Some(&empty)), Err(CodeFault::Refused(_))), "{said:?}: it lies");
            assert!(matches!(set(&other, said, Some(&other)), Err(CodeFault::Refused(_))), "{said:?}");
            assert!(matches!(set(&empty, said, None), Err(CodeFault::Unknown(_))), "{said:?}");
        }
        assert!(matches!(set(&empty, Said::Nothing, Some(&empty)), Err(CodeFault::Unknown(_))), "it may come yet");
        assert!(matches!(set(&empty, Said::Nothing, None), Err(CodeFault::Unknown(_))));
        assert_eq!(set(&empty, Said::Duplicate, Some(&empty)), Err(CodeFault::Duplicate(None)));
        assert!(matches!(set(&empty, Said::Failed, None), Err(CodeFault::Refused(_))));
        // A lock that shows no codes.
        assert_eq!(set(&empty, Said::Delivered, Some(&hidden)), Ok(Proof::Word), "it was empty before");
        assert_eq!(set(&empty, Said::Nothing, Some(&hidden)), Ok(Proof::Word));
        assert_eq!(set(&hidden, Said::Done, Some(&hidden)), Ok(Proof::Word));
        assert!(matches!(set(&hidden, Said::Delivered, Some(&hidden)), Err(CodeFault::Unknown(_))));
        assert!(matches!(set(&hidden, Said::Nothing, Some(&hidden)), Err(CodeFault::Unknown(_))));
        assert!(matches!(set(&hidden, Said::Failed, Some(&hidden)), Err(CodeFault::Refused(_))));
    }

    #[test]
    fn a_slot_is_empty_when_the_lock_says_so() {
        let other = held(Code::Hidden);
        let clear = |said, after: Option<&Content>| of(&other, None, said, after);
        assert_eq!(clear(Said::Nothing, Some(&Content::Empty)), Ok(Proof::ReadBack));
        assert!(matches!(clear(Said::Done, Some(&other)), Err(CodeFault::Refused(_))), "it lies");
        assert!(matches!(clear(Said::Nothing, Some(&other)), Err(CodeFault::Unknown(_))));
        assert!(matches!(clear(Said::Done, None), Err(CodeFault::Unknown(_))));
    }

    #[test]
    fn it_is_asked_again_only_while_that_may_tell_something_else() {
        let wanted = pin("2345");
        assert!(is_open(Some(&wanted), Said::Delivered, Some(&Content::Empty)));
        assert!(is_open(Some(&wanted), Said::Nothing, None));
        assert!(is_open(None, Said::Done, Some(&held(Code::Hidden))));
        assert!(!is_open(Some(&wanted), Said::Failed, Some(&Content::Empty)));
        assert!(!is_open(Some(&wanted), Said::Done, Some(&held(Code::Hidden))));
        assert!(!is_open(Some(&wanted), Said::Done, Some(&held(Code::Shown(wanted.clone())))));
        assert!(!is_open(None, Said::Nothing, Some(&Content::Empty)));
    }
}
