//! How accounts are shared out among nodes: on a connection of its own, in transactions of its own.
//!
//! Whoever takes accounts holds an advisory lock meanwhile, so that each statement sees what the one before it took. It also
//! holds its own row: nobody can end the node in the middle.

use std::sync::Arc;
use std::time::Duration;

use thumbturn_core::ids::{AccountId, NodeId};
use thumbturn_core::nodes::Channel;
use thumbturn_core::ports::StoreError;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::connect::{Link, SharedConnector};
use super::execute::Fault;
use super::news;
use crate::error::unavailable;

/// How long one look or one transaction may take.
const LONGEST: Duration = Duration::from_secs(5);

/// One at a time shares out. The number of the lock is "thua".
const LOCK: &str = "SELECT pg_advisory_xact_lock(1952609633, hashtext(current_schema()))";

/// Whether the node may still take anything; nobody ends it before this transaction is over.
const ALIVE: &str = "SELECT 1 FROM writers WHERE id = $1 AND NOT ended FOR SHARE";

/// Nodes whose lease is over end. One that is just in a transaction is left for the next look: that ends by itself.
const END: &str = "UPDATE writers SET ended = TRUE WHERE id IN (SELECT id FROM writers WHERE NOT ended \
     AND lease_until < clock_timestamp() AND id <> $1 FOR UPDATE SKIP LOCKED) RETURNING id";

/// Nodes whose lease is over, accounts without an owner, all accounts, nodes to share them, accounts of this node.
const LOOK: &str = "SELECT \
     (SELECT COUNT(*) FROM writers WHERE NOT ended AND lease_until < clock_timestamp() AND id <> $1), \
     (SELECT COUNT(*) FROM accounts a WHERE NOT EXISTS (SELECT 1 FROM account_owners o JOIN writers w ON w.id = o.node_id \
      WHERE o.account_id = a.id AND NOT w.ended)), \
     (SELECT COUNT(*) FROM accounts), \
     (SELECT COUNT(*) FROM writers WHERE NOT ended AND NOT leaving AND lease_until >= clock_timestamp()), \
     (SELECT COUNT(*) FROM account_owners WHERE node_id = $1)";

/// Takes accounts without an owner: at most `$2`, and of these ids if `$3` is not null. Gives their ids.
const TAKE: &str = "INSERT INTO account_owners (account_id, node_id, fence) \
     SELECT a.id, $1, 1 FROM accounts a WHERE ($3::text[] IS NULL OR a.id = ANY ($3)) AND NOT EXISTS (\
      SELECT 1 FROM account_owners o JOIN writers w ON w.id = o.node_id WHERE o.account_id = a.id AND NOT w.ended) \
     ORDER BY a.created_at, a.id LIMIT $2 \
     ON CONFLICT (account_id) DO UPDATE SET node_id = excluded.node_id, fence = account_owners.fence + 1 \
     RETURNING account_id";

/// What was known of their devices is from another node.
const STALE: &str = "UPDATE devices SET fresh = 0 WHERE fresh = 1 AND account_id = ANY ($1)";

const OWN: &str = "SELECT account_id FROM account_owners WHERE node_id = $1 AND account_id = ANY ($2)";

const RELEASE: &str = "UPDATE account_owners SET node_id = NULL, fence = fence + 1 WHERE node_id = $1 \
     AND account_id = ANY ($2)";

const LEAVE: &str = "UPDATE writers SET leaving = TRUE WHERE id = $1";

/// How accounts are shared out.
pub(crate) struct Accounts {
    runtime: Handle,
    place: Arc<Place>,
    are_shared: bool,
}

struct Place {
    connector: SharedConnector,
    link: Mutex<Option<Link>>,
}

/// What a node has after it took accounts.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) accounts: Vec<AccountId>,
    pub(crate) owned: usize,
    pub(crate) surplus: usize,
}

/// How many of what there are.
struct Looked {
    expired: i64,
    free: i64,
    total: i64,
    nodes: i64,
    own: i64,
}

impl Looked {
    fn of(row: &Row) -> Result<Self, Error> {
        let [expired, free, total, nodes, own] = [0, 1, 2, 3, 4];
        Ok(Self {
            expired: row.try_get(expired)?,
            free: row.try_get(free)?,
            total: row.try_get(total)?,
            nodes: row.try_get(nodes)?,
            own: row.try_get(own)?,
        })
    }

    /// How many accounts a node may have before it gives some up: a fair share and one more, so that none goes to and fro.
    fn most(&self) -> i64 {
        let nodes = self.nodes.max(1);
        (self.total + nodes - 1) / nodes + 1
    }

    fn may_take(&self) -> i64 {
        (self.most() - self.own).max(0).min(self.free)
    }
}

impl Accounts {
    pub(super) fn new(connector: SharedConnector, runtime: Handle, are_shared: bool) -> Self {
        Self { runtime, place: Arc::new(Place { connector, link: Mutex::new(None) }), are_shared }
    }

    /// Whether there may be other nodes.
    pub(crate) const fn are_shared(&self) -> bool {
        self.are_shared
    }

    /// Ends nodes whose lease is over, and takes accounts: of `only` these, or up to the node's share.
    pub(crate) async fn take(&self, node: NodeId, only: Option<Vec<AccountId>>) -> Result<Taken, StoreError> {
        self.at_place(node, Work::Take(only)).await
    }

    /// Gives accounts up, and tells the other nodes.
    pub(crate) async fn release(&self, node: NodeId, accounts: Vec<AccountId>) -> Result<(), StoreError> {
        self.at_place(node, Work::Release(accounts)).await.map(drop)
    }

    /// Says that the node counts no more when accounts are shared out.
    pub(crate) async fn leave(&self, node: NodeId) -> Result<(), StoreError> {
        self.at_place(node, Work::Leave).await.map(drop)
    }

    /// Does something on the connection, which is made if there is none and left if that fails.
    async fn at_place(&self, node: NodeId, work: Work) -> Result<Taken, StoreError> {
        let place = Arc::clone(&self.place);
        // In a task of its own, so that a caller who goes away leaves no open transaction behind.
        let working = self.runtime.spawn(async move {
            let mut kept = place.link.lock().await;
            let link = kept.take().filter(|link| !link.is_over());
            let working = async {
                let mut link = match link {
                    Some(link) => link,
                    None => place.connector.connect("nodes", None).await?,
                };
                let taken = link.work(&node.to_string(), work).await?;
                Ok::<_, Error>((link, taken))
            };
            let (link, taken) = timeout(LONGEST, working).await.map_err(|_| Fault::Silent)??;
            *kept = Some(link);
            Ok::<_, Fault>(taken)
        });
        working.await.map_err(unavailable)?.map_err(unavailable)
    }
}

/// What is done on the connection.
enum Work {
    Take(Option<Vec<AccountId>>),
    Release(Vec<AccountId>),
    Leave,
}

impl Link {
    async fn work(&mut self, node: &String, work: Work) -> Result<Taken, Error> {
        match work {
            Work::Take(None) => self.take_share(node).await,
            Work::Take(Some(only)) => self.take_these(node, &texts(&only)).await,
            Work::Release(accounts) => {
                self.ask(RELEASE, &[node, &texts(&accounts)]).await?;
                self.ask(news::NOTIFY, &[&Channel::Owners.name(), &""]).await.map(|_| Taken::default())
            }
            Work::Leave => self.ask(LEAVE, &[node]).await.map(|_| Taken::default()),
        }
    }

    async fn ask(&mut self, sql: &str, args: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        let prepared = self.prepare(sql).await?;
        self.client.query(&prepared, args).await
    }

    async fn look(&mut self, node: &String) -> Result<Looked, Error> {
        let prepared = self.prepare(LOOK).await?;
        Looked::of(&self.client.query_one(&prepared, &[node]).await?)
    }

    async fn take_share(&mut self, node: &String) -> Result<Taken, Error> {
        let mut looked = self.look(node).await?;
        let mut taken = Vec::new();
        // Most looks find nothing to do, and cost one question.
        if (looked.expired > 0 || looked.may_take() > 0) && self.begin(node).await? {
            for ended in self.ask(END, &[node]).await? {
                let node: String = ended.try_get(0)?;
                tracing::warn!(node, "the lease of another node is over: its accounts are free");
            }
            looked = self.look(node).await?;
            let may_take = looked.may_take();
            taken = ids(&self.ask(TAKE, &[node, &may_take, &None::<Vec<String>>]).await?)?;
            self.close(&taken).await?;
        }
        let owned = looked.own + i64::try_from(taken.len()).unwrap_or(i64::MAX);
        let surplus = usize::try_from(owned - looked.most()).unwrap_or(0);
        Ok(Taken { accounts: taken, owned: usize::try_from(owned).unwrap_or(0), surplus })
    }

    async fn take_these(&mut self, node: &String, only: &Vec<String>) -> Result<Taken, Error> {
        if !self.begin(node).await? {
            return Ok(Taken::default());
        }
        let taken = ids(&self.ask(TAKE, &[node, &i64::MAX, &Some(only)]).await?)?;
        self.close(&taken).await?;
        let accounts = ids(&self.ask(OWN, &[node, only]).await?)?;
        Ok(Taken { accounts, ..Taken::default() })
    }

    /// Begins to share out, unless the node was ended.
    async fn begin(&mut self, node: &String) -> Result<bool, Error> {
        self.client.batch_execute("BEGIN").await?;
        self.ask(LOCK, &[]).await?;
        let is_alive = !self.ask(ALIVE, &[node]).await?.is_empty();
        if !is_alive {
            self.client.batch_execute("ROLLBACK").await?;
        }
        Ok(is_alive)
    }

    async fn close(&mut self, taken: &[AccountId]) -> Result<(), Error> {
        if !taken.is_empty() {
            self.ask(STALE, &[&texts(taken)]).await?;
        }
        self.client.batch_execute("COMMIT").await
    }
}

fn texts(accounts: &[AccountId]) -> Vec<String> {
    accounts.iter().map(AccountId::to_string).collect()
}

fn ids(rows: &[Row]) -> Result<Vec<AccountId>, Error> {
    let texts = rows.iter().map(|row| row.try_get::<_, String>(0)).collect::<Result<Vec<_>, _>>()?;
    Ok(texts.iter().filter_map(|text| Uuid::try_parse(text).ok()).map(AccountId).collect())
}
