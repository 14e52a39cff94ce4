//! Which account holds which home. The address of a hub can be spelled in many ways; what is behind it (a Z-Wave network, a
//! fabric) has one id. Two accounts of a workspace with one home would each take the other's commands for a hand at the door.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thumbturn_core::ids::{AccountId, WorkspaceId};

type Held = HashMap<(WorkspaceId, String), (AccountId, u64)>;

/// See the module.
#[derive(Clone, Default)]
pub(crate) struct Claims(Arc<Mutex<Held>>);

/// The right to a home, until it is dropped.
pub(crate) struct Claim {
    claims: Claims,
    of: (WorkspaceId, String),
    number: u64,
}

impl Claims {
    /// Claims a home; `None` if another account of the workspace holds it.
    pub(crate) fn claim(&self, workspace: WorkspaceId, home: &str, account: AccountId) -> Option<Claim> {
        let of = (workspace, home.to_owned());
        let mut held = self.held();
        let before = held.get(&of).copied();
        if before.is_some_and(|(holder, _)| holder != account) {
            return None;
        }
        // A session that begins before the last one of the same account is quite over takes its place.
        let number = before.map_or(0, |(_, number)| number + 1);
        held.insert(of.clone(), (account, number));
        drop(held);
        Some(Claim { claims: self.clone(), of, number })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut held = self.claims.held();
        if held.get(&self.of).is_some_and(|(_, number)| *number == self.number) {
            held.remove(&self.of);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_home_has_one_account_in_a_workspace() {
        let claims = Claims::default();
        let (here, there) = (WorkspaceId(Uuid::from_u128(1)), WorkspaceId(Uuid::from_u128(2)));
        let (first, second) = (AccountId(Uuid::from_u128(3)), AccountId(Uuid::from_u128(4)));
        let claim = claims.claim(here, "7", first).unwrap();
        assert!(claims.claim(here, "7", second).is_none());
        assert!(claims.claim(here, "8", second).is_some());
        assert!(claims.claim(there, "7", second).is_some());
        let again = claims.claim(here, "7", first).unwrap();
        drop(claim);
        assert!(claims.claim(here, "7", second).is_none(), "the newer session still holds it");
        drop(again);
        assert!(claims.claim(here, "7", second).is_some());
    }
}
