//! One of several nodes on a database, as the engine sees it.

use thumbturn_core::accounts::Account;
use thumbturn_core::change::Change;
use thumbturn_core::ids::{AccountId, AttemptId, NodeId};
use thumbturn_core::nodes::{Channel, News, Owner};
use thumbturn_core::ports::{CommitError, Ending, Later, Nodes, StoreError, Taken, Waiting};
use tokio::sync::watch;
use uuid::Uuid;

use crate::Store;
use crate::error::unavailable;
use crate::postgres::Accounts;
use crate::statement::{Columns, Query, Row, args};
use crate::statements;

/// How many accounts are read at once.
const AT_ONCE: usize = 500;

impl Store {
    fn shared_out(&self) -> Result<&Accounts, StoreError> {
        self.parts().accounts.as_ref().ok_or_else(|| unavailable("this process is no node"))
    }

    async fn accounts_of(&self, ids: &[AccountId]) -> Result<Vec<Account>, StoreError> {
        let mut accounts = Vec::with_capacity(ids.len());
        for some in ids.chunks(AT_ONCE) {
            accounts.extend(self.accounts_with(some).await?);
        }
        Ok(accounts)
    }
}

impl Nodes for Store {
    fn node(&self) -> watch::Receiver<NodeId> {
        let nobody = || watch::Sender::new(NodeId(Uuid::nil())).subscribe();
        self.parts().standing.as_ref().map_or_else(nobody, |standing| standing.node())
    }

    fn may_command(&self, node: NodeId) -> bool {
        self.parts().standing.as_ref().is_some_and(|standing| standing.holds_for(node))
    }

    fn commit_as(&self, node: NodeId, change: Change) -> Later<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let plan = statements::plan(change, Some(node), self.secrets())?;
            self.write(plan).await.map(drop)
        })
    }

    fn owner_of(&self, account: AccountId) -> Later<'_, Result<Owner, StoreError>> {
        Box::pin(async move {
            let sql = "SELECT o.node_id FROM account_owners o JOIN writers w ON w.id = o.node_id \
                       WHERE o.account_id = $1 AND NOT w.ended";
            let map = |row: &dyn Row| Columns::of(row).id::<NodeId>();
            let owner = self.readers().first(Query { sql: sql.into(), args: args![account], map }).await?;
            let here = *self.node().borrow();
            Ok(owner.map_or(Owner::Nobody, |owner| if owner == here { Owner::Here } else { Owner::Node(owner) }))
        })
    }

    fn take(&self, node: NodeId, only: Option<Vec<AccountId>>) -> Later<'_, Result<Taken, StoreError>> {
        Box::pin(async move {
            let taken = self.shared_out()?.take(node, only).await?;
            let accounts = self.accounts_of(&taken.accounts).await?;
            Ok(Taken { accounts, owned: taken.owned, surplus: taken.surplus })
        })
    }

    fn owned(&self, node: NodeId) -> Later<'_, Result<Vec<Account>, StoreError>> {
        Box::pin(async move {
            let sql = "SELECT account_id FROM account_owners WHERE node_id = $1 ORDER BY account_id";
            let map = |row: &dyn Row| Columns::of(row).id::<AccountId>();
            let ids = self.readers().all(Query { sql: sql.into(), args: args![node], map }).await?;
            self.accounts_of(&ids).await
        })
    }

    fn release(&self, node: NodeId, accounts: Vec<AccountId>) -> Later<'_, Result<(), StoreError>> {
        Box::pin(async move { self.shared_out()?.release(node, accounts).await })
    }

    fn leave(&self, node: NodeId) -> Later<'_, Result<(), StoreError>> {
        Box::pin(async move { self.shared_out()?.leave(node).await })
    }

    fn waiting(&self, node: NodeId) -> Later<'_, Result<Vec<Waiting>, StoreError>> {
        Box::pin(self.waiting_attempts(node))
    }

    fn ends(&self, attempts: Vec<AttemptId>) -> Later<'_, Result<Vec<Ending>, StoreError>> {
        Box::pin(self.ends_of(attempts))
    }

    fn news(&self, channel: Channel) -> News {
        Self::news(self, channel)
    }
}
