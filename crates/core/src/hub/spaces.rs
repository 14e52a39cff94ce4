//! Devices that come and go, and the spaces that they are in: one transaction tells of both.
//!
//! Nobody else changes what is in these spaces between the look at them and the commit, neither the API nor another hub; if
//! another node does, its version tells, and both are done again.
//! Hubs whose accounts are in no space do not wait for each other.

use super::shared::{Recorded, Shared};
use crate::change::{AsOf, Change, Whole};
use crate::events::Event;
use crate::ids::AccountId;
use crate::ports::{CommitError, Later, StoreError};
use crate::spaces::{Occupied, Turnover};

/// How often another node may be faster.
const TRIES: usize = 20;

impl Shared {
    /// Commits the turnover of an account's devices together with what it means for the spaces around them. `change`
    /// makes the change out of what is told of these.
    pub(crate) async fn commit_turnover(
        &self,
        account: AccountId,
        turnover: &Turnover,
        change: &(impl Fn(Vec<Event>) -> Change + Sync),
    ) -> Result<(), CommitError> {
        for _ in 0..TRIES {
            match self.try_turnover(account, turnover, change).await {
                Err(CommitError::Conflict(AsOf::OUTRUN)) => {}
                other => return other,
            }
        }
        Err(CommitError::Busy)
    }

    async fn try_turnover(
        &self,
        account: AccountId,
        turnover: &Turnover,
        change: &(impl Fn(Vec<Event>) -> Change + Sync),
    ) -> Result<(), CommitError> {
        {
            let _unchanged = self.spaces.read().await;
            let read = self.store.as_of(Whole::SpacesAround(account)).await?.map(AsOf::unchanged);
            if self.spaces_changed_by(account, turnover).await?.is_empty() {
                return self.commit(change(Vec::new()).over(read)).await;
            }
        }
        let _alone = self.spaces.write().await;
        let read = self.store.as_of(Whole::SpacesAround(account)).await?;
        let around = self.spaces_changed_by(account, turnover).await?;
        let told = around.iter().filter_map(|space| self.told(space, turnover)).collect();
        self.commit(change(told).over(read)).await
    }

    /// The same for what has already happened in the world: tries until it is stored.
    pub(crate) async fn record_turnover(
        &self,
        account: AccountId,
        turnover: &Turnover,
        change: &(impl Fn(Vec<Event>) -> Change + Sync),
    ) -> Recorded {
        self.insist(|| Box::pin(self.commit_turnover(account, turnover, change))).await
    }

    /// The spaces that hold others after the turnover. Devices come only into those that their account is in: the places
    /// of thousands that are there already need not be looked at for a few more.
    fn spaces_changed_by(
        &self,
        account: AccountId,
        turnover: &Turnover,
    ) -> Later<'_, Result<Vec<Occupied>, StoreError>> {
        match turnover {
            Turnover::Found(_) => self.store.spaces_holding(account),
            Turnover::Gone(_) => self.store.spaces_around(account),
        }
    }

    /// Spaces are none of a session's business: their events name neither account nor device.
    fn told(&self, around: &Occupied, turnover: &Turnover) -> Option<Event> {
        let kind = around.told(turnover)?;
        Some(Event {
            id: self.next_event(),
            workspace: around.space.workspace,
            account: None,
            device: None,
            occurred_at: self.now().wall,
            kind,
        })
    }
}
