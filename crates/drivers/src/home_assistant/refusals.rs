//! A token that was refused is not tried again and again: an instance may be set to ban who does that.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thumbturn_core::ids::AccountId;
use thumbturn_core::ports::ConnectError;
use thumbturn_core::time::Moment;

/// How long settings that were refused once are left alone; each time they are refused again for twice as long.
const FIRST: Duration = Duration::from_secs(600);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// See the module.
#[derive(Default)]
pub(super) struct Refusals(Mutex<HashMap<AccountId, Refusal>>);

struct Refusal {
    /// The settings that were refused: others may be tried at once.
    config: String,
    until: Moment,
    pause: Duration,
}

impl Refusals {
    /// Whether these settings may not be tried now.
    pub(super) fn forbid(&self, account: AccountId, config: &str, now: Moment) -> bool {
        self.held().get(&account).is_some_and(|refusal| refusal.config == config && !now.reached(refusal.until))
    }

    /// Notes how a try ended.
    pub(super) fn note(&self, account: AccountId, config: &str, error: Option<&ConnectError>, now: Moment) {
        let mut held = self.held();
        match error {
            Some(ConnectError::CredentialsRefused(_)) => {
                let before = held.get(&account).filter(|refusal| refusal.config == config);
                let pause = before.map_or(FIRST, |refusal| (refusal.pause * 2).min(LONGEST));
                let until = now.after(pause).steadily();
                held.insert(account, Refusal { config: config.to_owned(), until, pause });
            }
            // Not reached, so nothing is known.
            Some(_) => {}
            None => drop(held.remove(&account)),
        }
    }

    /// The account is gone.
    pub(super) fn forget(&self, account: AccountId) {
        self.held().remove(&account);
    }

    fn held(&self) -> MutexGuard<'_, HashMap<AccountId, Refusal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn at(secs: u64) -> Moment {
        Moment { wall: Timestamp::constant(1_800_000_000, 0), steady: Duration::ZERO }.after(Duration::from_secs(secs))
    }

    #[test]
    fn refused_settings_are_left_alone_for_longer_and_longer_and_others_are_tried_at_once() {
        let (refusals, account) = (Refusals::default(), AccountId(Uuid::from_u128(1)));
        let refused = ConnectError::CredentialsRefused(String::new());
        assert!(!refusals.forbid(account, "old", at(0)));
        refusals.note(account, "old", Some(&refused), at(0));
        assert!(refusals.forbid(account, "old", at(599)));
        assert!(!refusals.forbid(account, "new", at(1)));
        assert!(!refusals.forbid(AccountId(Uuid::from_u128(2)), "old", at(1)));
        assert!(!refusals.forbid(account, "old", at(600)));
        refusals.note(account, "old", Some(&refused), at(600));
        refusals.note(account, "old", Some(&ConnectError::Unreachable(String::new())), at(601));
        assert!(refusals.forbid(account, "old", at(1799)));
        refusals.note(account, "old", None, at(1800));
        assert!(!refusals.forbid(account, "old", at(1801)));
    }
}
