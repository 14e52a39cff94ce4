//! Devices that come and go, and the spaces that they are in: one transaction tells of both.
//!
//! Nobody else changes what is in these spaces between the look at them and the commit, neither the API nor another hub.
//! Hubs whose accounts are in no space do not wait for each other.

use super::shared::{Recorded, Shared};
use crate::change::Change;
use crate::events::Event;
use crate::ids::AccountId;
use crate::ports::CommitError;
use crate::spaces::{Occupied, Turnover};

impl Shared {
    /// Commits the turnover of an account's devices together with what it means for the spaces around them. `change`
    /// makes the change out of what is told of these.
    pub(crate) async fn commit_turnover(
        &self,
        account: AccountId,
        turnover: &Turnover,
        change: &(impl Fn(Vec<Event>) -> Change + Sync),
    ) -> Result<(), CommitError> {
        {
            let _unchanged = self.spaces.read().await;
            if self.store.spaces_around(account).await?.is_empty() {
                return self.store.commit(change(Vec::new())).await;
            }
        }
        let _alone = self.spaces.write().await;
        let around = self.store.spaces_around(account).await?;
        let told = around.iter().filter_map(|space| self.told(space, turnover)).collect();
        self.store.commit(change(told)).await
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
