//! The handle: cheap to clone, one door for writes, scoped reads. The reads are with their nouns.

use std::fmt;
use std::sync::Arc;

use thumbturn_core::accounts::Account;
use thumbturn_core::attempts::Attempt;
use thumbturn_core::change::{AsOf, Change, Whole};
use thumbturn_core::devices::Device;
use thumbturn_core::ids::AccountId;
use thumbturn_core::nodes::{Channel, News};
use thumbturn_core::ports::{self, CommitError, Later, Nodes, StoreError};
use thumbturn_core::spaces::Occupied;

use crate::board::Board;
use crate::caches::Caches;
use crate::devices;
use crate::error::unavailable;
use crate::postgres;
use crate::reader::Readers;
use crate::secrets::Secrets;
use crate::statement::{Query, Statement, one_integer};
use crate::statements;
use crate::writer::{Plan, Standing, Writer};

/// A handle to the store. Once the last one is dropped, the data directory is free for another process.
#[derive(Clone)]
pub struct Store {
    parts: Arc<Parts>,
}

/// What a store is made of.
pub(crate) struct Parts {
    pub(crate) writer: Writer,
    pub(crate) readers: Readers,
    pub(crate) caches: Arc<Caches>,
    /// What other nodes say; `None` where there can be none.
    pub(crate) board: Option<Arc<Board>>,
    pub(crate) secrets: Secrets,
    /// `None` where nobody else can have the database.
    pub(crate) standing: Option<Arc<Standing>>,
    /// How accounts are shared out; `None` unless this is a node.
    pub(crate) accounts: Option<postgres::Accounts>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    pub(crate) fn readers(&self) -> &Readers {
        &self.parts.readers
    }

    pub(crate) fn caches(&self) -> &Caches {
        &self.parts.caches
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.parts.secrets
    }

    pub(crate) async fn write(&self, plan: Plan) -> Result<u64, CommitError> {
        self.parts.writer.commit(plan).await
    }

    /// Commits one change: when this answers, the change is on disk, every later read sees it, and no cache holds
    /// anything older. A caller that stops waiting does not undo its change.
    ///
    /// # Errors
    /// A [`CommitError`]; nothing of the change was written then. (After [`StoreError::Unavailable`] of a broken disk
    /// nobody can know.)
    pub async fn commit(&self, change: Change) -> Result<(), CommitError> {
        let plan = statements::plan(change, None, self.secrets())?;
        self.write(plan).await.map(drop)
    }

    /// Begins a run of the program: what was known of every device is from before, so none of it is fresh. (For a node among
    /// others that is so of an account when it takes it, and nothing is done here.)
    ///
    /// # Errors
    /// A [`CommitError`], if the database failed.
    pub async fn begin_run(&self) -> Result<(), CommitError> {
        if self.parts.accounts.as_ref().is_some_and(postgres::Accounts::are_shared) {
            return Ok(());
        }
        let plan = Plan::new(vec![devices::mark_stale()], Vec::new());
        self.write(plan).await.map(drop)
    }

    /// Whether the store can read and takes changes.
    ///
    /// # Errors
    /// If it does not.
    pub async fn health(&self) -> Result<(), StoreError> {
        if !self.parts.writer.is_open() {
            return Err(unavailable("the store is closed"));
        }
        let sql = "SELECT COUNT(*) FROM schema_version".into();
        self.readers().one(Query { sql, args: Vec::new(), map: one_integer }).await?;
        if self.parts.writer.is_failing() {
            self.try_writing().await?;
        }
        Ok(())
    }

    /// After a failed commit only another one can tell whether the disk takes writes again.
    async fn try_writing(&self) -> Result<(), StoreError> {
        let sql = "UPDATE settings SET value = value WHERE key = 'key_fingerprint'";
        let plan = Plan::new(vec![Statement::any(sql, Vec::new())], Vec::new());
        match self.write(plan).await {
            Err(CommitError::Store(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether other nodes may work on the same database.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.readers(), Readers::Postgres(_))
    }

    /// What other nodes tell on a channel, from now on. Nothing ever where there are none, or none are listened to.
    #[must_use]
    pub fn news(&self, channel: Channel) -> News {
        self.parts.board.as_ref().map_or(News::none(), |board| board.listen(channel))
    }

    /// Tells a word to every node on the same database, this one included. Words hold no space.
    ///
    /// # Errors
    /// A [`CommitError`], if the database failed.
    pub async fn tell(&self, channel: Channel, word: String) -> Result<(), CommitError> {
        let plan = Plan { news: vec![(channel, word)], ..Plan::default() };
        self.write(plan).await.map(drop)
    }

    /// How many changes wait to be written, and how many may.
    #[must_use]
    pub fn queue(&self) -> (usize, usize) {
        self.parts.writer.queue()
    }

    /// Returns once the store takes no more changes: it was closed, its thread is gone, or another server has taken its
    /// database. What was accepted before must not be commanded any more then.
    pub async fn ended(&self) {
        self.parts.writer.closed().await;
    }

    /// Commits what is queued and takes nothing more, on any handle. Reads still work.
    pub async fn close(&self) {
        self.parts.writer.close().await;
    }
}

impl ports::Store for Store {
    fn nodes(&self) -> Option<&dyn Nodes> {
        self.parts.accounts.as_ref().map(|_| self as &dyn Nodes)
    }

    fn may_command(&self) -> bool {
        self.parts.standing.as_ref().is_none_or(|standing| standing.holds())
    }

    fn commit(&self, change: Change) -> Later<'_, Result<(), CommitError>> {
        Box::pin(Self::commit(self, change))
    }

    fn accounts(&self) -> Later<'_, Result<Vec<Account>, StoreError>> {
        Box::pin(self.every_account())
    }

    fn devices_of(&self, account: AccountId) -> Later<'_, Result<Vec<Device>, StoreError>> {
        Box::pin(self.every_device_of(account))
    }

    fn unfinished_attempts(&self, account: AccountId) -> Later<'_, Result<Vec<Attempt>, StoreError>> {
        Box::pin(self.pending_attempts(account))
    }

    fn as_of(&self, whole: Whole) -> Later<'_, Result<Option<AsOf>, StoreError>> {
        Box::pin(Self::as_of(self, whole))
    }

    fn spaces_around(&self, account: AccountId) -> Later<'_, Result<Vec<Occupied>, StoreError>> {
        Box::pin(self.every_space_around(account))
    }

    fn spaces_holding(&self, account: AccountId) -> Later<'_, Result<Vec<Occupied>, StoreError>> {
        Box::pin(self.every_space_holding(account))
    }
}
