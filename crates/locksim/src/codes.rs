//! The codes a lock keeps, changed as a real lock would change them.

use std::collections::BTreeMap;

use crate::lock::Reply;
use crate::signal::{CodeChange, Signal, Source};
use crate::{KeptCode, Request};

/// Obeys a request about codes: digits that another slot keeps are refused, and so is a slot that does not exist.
pub(crate) fn change(kept: &mut BTreeMap<u16, KeptCode>, request: &Request, slots: u16) -> Reply {
    let changed = |change, slot| {
        let then = Some(Signal::Code { change, source: Source::Radio, slot });
        Reply::Done { accepted: true, then }
    };
    match request {
        Request::SetCode { slot, digits, enabled } => {
            let taken = kept.iter().any(|(other, code)| other != slot && code.digits == *digits);
            if taken || *slot >= slots {
                return Reply::bare(false);
            }
            let code = KeptCode { digits: digits.clone(), enabled: *enabled };
            let change = match kept.insert(*slot, code) {
                None => CodeChange::Added,
                Some(_) => CodeChange::Changed,
            };
            changed(change, *slot)
        }
        Request::ClearCode { slot } => match kept.remove(slot) {
            Some(_) => changed(CodeChange::Deleted, *slot),
            None => Reply::bare(true),
        },
        Request::SetCodeStatus { slot, enabled } => match kept.get_mut(slot) {
            Some(code) => {
                code.enabled = *enabled;
                Reply::bare(true)
            }
            None => Reply::bare(false),
        },
        _ => Reply::bare(false),
    }
}
