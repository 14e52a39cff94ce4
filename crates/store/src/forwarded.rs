//! Calls that one node hands to another, and what they were answered. Both hold tokens and PINs, so both are sealed.
//!
//! Invariants: a call is begun at most once, by the node that it is for, and never after its time is over. Whoever handed it
//! over can take it back as long as it was not begun, and knows then that nothing was done.

use std::time::Duration;

use thumbturn_core::ids::{CallId, NodeId};
use thumbturn_core::nodes::Channel;
use thumbturn_core::ports::{CommitError, StoreError};

use crate::Store;
use crate::secrets::Sealed;
use crate::statement::{Columns, Query, Row, Statement, args, one_id};
use crate::writer::Plan;

/// The database's clock in microseconds, on PostgreSQL.
macro_rules! now {
    () => {
        "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
    };
}

/// How many calls a node is told of at once.
const MOST: i64 = 256;

/// What became of a call that was handed over.
#[derive(Clone, PartialEq, Eq)]
pub enum ForwardedCall {
    /// It waits to be begun, or runs.
    Open,
    /// It was answered so.
    Answered(String),
    /// There is nothing of it any more.
    Gone,
}

impl Store {
    /// Hands a call over to a node, to be begun `within` this time or not at all.
    ///
    /// # Errors
    /// A [`CommitError`]; nothing was handed over then.
    pub async fn forward_call(
        &self,
        call: CallId,
        to: NodeId,
        request: &str,
        within: Duration,
    ) -> Result<(), CommitError> {
        let sealed = self.secrets().seal(Sealed::ForwardedCall, call.0, request)?;
        let within = i64::try_from(within.as_micros()).unwrap_or(i64::MAX / 4);
        let sql = concat!(
            "INSERT INTO forwarded_calls (id, node_id, request, created_at, expires_at) ",
            "SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), us, us + CAST($4 AS BIGINT) FROM (SELECT ",
            now!(),
            " AS us) moment"
        );
        let insert = Statement::one(sql, args![call, to, sealed, within], "call");
        self.write(Plan { news: vec![(Channel::Calls, to.to_string())], ..Plan::new(vec![insert], Vec::new()) })
            .await
            .map(drop)
    }

    /// The calls that wait to be begun by a node, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn waiting_calls(&self, node: NodeId) -> Result<Vec<CallId>, StoreError> {
        let sql = concat!(
            "SELECT id FROM forwarded_calls WHERE node_id = $1 AND taken_at IS NULL AND expires_at > ",
            now!(),
            " ORDER BY created_at, id LIMIT $2"
        );
        self.readers().all(Query { sql: sql.into(), args: args![node, MOST], map: one_id }).await
    }

    /// Takes a call that waits for `node`, to begin it at once: what it asks. `None`: it was begun, taken back or is too old.
    ///
    /// # Errors
    /// A [`CommitError`]. It may count as begun then, and is not begun.
    pub async fn take_call(&self, call: CallId, node: NodeId) -> Result<Option<String>, CommitError> {
        let sql = concat!(
            "UPDATE forwarded_calls SET taken_at = ",
            now!(),
            " WHERE id = $1 AND node_id = $2 AND taken_at IS NULL AND expires_at > ",
            now!()
        );
        let take = Statement::one(sql, args![call, node], "call");
        match self.write(Plan::new(vec![take], Vec::new())).await {
            Err(CommitError::Conflict(_)) => return Ok(None),
            other => other?,
        };
        let map = |row: &dyn Row| Columns::of(row).opt_text();
        let sql = "SELECT request FROM forwarded_calls WHERE id = $1".into();
        let sealed = self.readers().first(Query { sql, args: args![call], map }).await?.flatten();
        Ok(sealed.map(|sealed| self.secrets().open(Sealed::ForwardedCall, call.0, &sealed)).transpose()?)
    }

    /// Keeps the answer of a call for the node that handed it over, and nothing of what it asked.
    ///
    /// # Errors
    /// A [`CommitError`]
    pub async fn answer_call(&self, call: CallId, answer: &str) -> Result<(), CommitError> {
        let sealed = self.secrets().seal(Sealed::ForwardedAnswer, call.0, answer)?;
        let sql = "UPDATE forwarded_calls SET answer = $2, request = NULL WHERE id = $1";
        let keep = Statement::any(sql, args![call, sealed]);
        self.write(Plan { news: vec![(Channel::Answers, call.to_string())], ..Plan::new(vec![keep], Vec::new()) })
            .await
            .map(drop)
    }

    /// What became of a call that was handed over.
    ///
    /// # Errors
    /// If the database cannot be read, or the answer not be opened.
    pub async fn forwarded_call(&self, call: CallId) -> Result<ForwardedCall, StoreError> {
        let map = |row: &dyn Row| Columns::of(row).opt_text();
        let sql = "SELECT answer FROM forwarded_calls WHERE id = $1".into();
        Ok(match self.readers().first(Query { sql, args: args![call], map }).await? {
            None => ForwardedCall::Gone,
            Some(None) => ForwardedCall::Open,
            Some(Some(sealed)) => {
                ForwardedCall::Answered(self.secrets().open(Sealed::ForwardedAnswer, call.0, &sealed)?)
            }
        })
    }

    /// Takes a call back that was handed over. `true`: it was not begun and never will be.
    ///
    /// # Errors
    /// A [`CommitError`]
    pub async fn withdraw_call(&self, call: CallId) -> Result<bool, CommitError> {
        let delete = Statement::any("DELETE FROM forwarded_calls WHERE id = $1 AND taken_at IS NULL", args![call]);
        Ok(self.write(Plan::new(vec![delete], Vec::new())).await? == 1)
    }

    /// Forgets a call whose answer was heard.
    ///
    /// # Errors
    /// A [`CommitError`]
    pub async fn forget_call(&self, call: CallId) -> Result<(), CommitError> {
        let delete = Statement::any("DELETE FROM forwarded_calls WHERE id = $1", args![call]);
        self.write(Plan::new(vec![delete], Vec::new())).await.map(drop)
    }

    /// Forgets the calls that nobody waits for any more: those whose time was over so long ago.
    ///
    /// # Errors
    /// A [`CommitError`]
    pub async fn forget_old_calls(&self, age: Duration) -> Result<(), CommitError> {
        if !self.is_shared() {
            return Ok(());
        }
        let sql = concat!("DELETE FROM forwarded_calls WHERE expires_at < ", now!(), " - $1");
        let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX / 4);
        self.write(Plan::new(vec![Statement::any(sql, args![age])], Vec::new())).await.map(drop)
    }
}
