//! Action attempts, and the idempotency keys under which they were asked for.

use jiff::{SignedDuration, Timestamp};
use thumbturn_core::attempts::{Attempt, Failure, FailureKind, Outcome};
use thumbturn_core::change::{IdempotencyClaim, IdempotencyKey};
use thumbturn_core::evidence::Evidence;
use thumbturn_core::ids::{AccountId, AttemptId, DeviceId, WorkspaceId};
use thumbturn_core::locks::Action;
use thumbturn_core::ports::StoreError;
use thumbturn_core::scope::Scope;

use crate::Store;
use crate::devices::and_seen;
use crate::error::Corrupt;
use crate::evidence;
use crate::page::{Cursor, Page, PageRequest, paged, paged_of_ids};
use crate::secrets::Secrets;
use crate::sql::Sql;
use crate::statement::{Columns, Query, Row, Statement, args};

/// How long an idempotency key is remembered.
pub const CLAIM_KEPT: SignedDuration = SignedDuration::from_hours(24);

const COLUMNS: &str = "id, workspace_id, account_id, device_id, action, created_at, status, confirmed, error_type, \
                       error_message";

/// Which attempts are wanted. Conditions combine with *and*; an empty list lets nothing through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptFilter {
    /// Only these.
    pub ids: Option<Vec<AttemptId>>,
    /// Those on this device.
    pub device: Option<DeviceId>,
}

/// What was asked for under an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The keyed hash of the parameters of the first request.
    pub body_hash: String,
    /// The attempt that it made.
    pub attempt: AttemptId,
    /// When it was made.
    pub at: Timestamp,
}

/// Inserts a pending attempt on a device that is still there: nobody would end one on a deleted device.
pub(crate) fn accept(attempt: &Attempt, claim: Option<&IdempotencyClaim>, secrets: &Secrets) -> Vec<Statement> {
    let insert = Statement::one(
        "INSERT INTO attempts (id, workspace_id, account_id, device_id, action, status, created_at) \
         SELECT CAST($1 AS TEXT), workspace_id, account_id, id, CAST($2 AS TEXT), 'pending', CAST($3 AS BIGINT) \
         FROM devices WHERE id = $4 AND account_id = $5 AND workspace_id = $6",
        args![
            attempt.id,
            attempt.action.as_str(),
            attempt.created_at,
            attempt.device,
            attempt.account,
            attempt.workspace,
        ],
        "device",
    );
    claim.map(|claim| claim_key(claim, attempt.id, secrets)).into_iter().flatten().chain([insert]).collect()
}

/// Claims an idempotency key, once it is no longer remembered from before.
fn claim_key(claim: &IdempotencyClaim, attempt: AttemptId, secrets: &Secrets) -> [Statement; 2] {
    let IdempotencyClaim { workspace, credential, path, key, body_hash, at } = claim;
    let key_hash = key_hash(secrets, &workspace.to_string(), credential, path, &key.0);
    let forget = Statement::any(
        "DELETE FROM idempotency WHERE workspace_id = $1 AND credential = $2 AND path = $3 AND key_hash = $4 \
         AND created_at <= $5",
        args![*workspace, *credential, *path, &key_hash, forgotten(*at)],
    );
    let insert = Statement::any(
        "INSERT INTO idempotency (workspace_id, credential, path, key_hash, body_hash, attempt_id, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        args![*workspace, *credential, *path, &key_hash, body_hash, attempt, *at],
    );
    [forget, insert]
}

/// What is kept of an idempotency key. It cannot be guessed without the key of this installation, and the same text gives
/// another hash in another workspace, so nobody can tell whether two tenants used one.
pub(crate) fn key_hash(secrets: &Secrets, workspace: &str, credential: &str, path: &str, key: &str) -> String {
    // The key comes last: it alone may hold a line break.
    secrets.keyed_hash(&format!("idempotency key\n{workspace}\n{credential}\n{path}\n{key}"))
}

/// Claims up to this time are no longer remembered at `now`.
pub(crate) fn forgotten(now: Timestamp) -> Timestamp {
    now.checked_sub(CLAIM_KEPT).unwrap_or(Timestamp::MIN)
}

/// Inserts an attempt about a workspace as a whole, which is pending until [`finish`].
pub(crate) fn insert(attempt: &Attempt) -> Statement {
    Statement::any(
        "INSERT INTO attempts (id, workspace_id, action, status, created_at) VALUES ($1, $2, $3, 'pending', $4)",
        args![attempt.id, attempt.workspace, attempt.action.as_str(), attempt.created_at],
    )
}

/// Ends an attempt, with why it ended so.
pub(crate) fn finish(
    attempt: AttemptId,
    outcome: &Outcome,
    ended_at: Timestamp,
    evidence: &Evidence,
    secrets: &Secrets,
) -> Result<Statement, StoreError> {
    let words = evidence::seal(evidence, attempt, secrets)?;
    Ok(end(attempt, outcome, ended_at, Some(evidence::stages(evidence)), words))
}

/// Ends an attempt that was about no lock: there is nothing to keep of it.
pub(crate) fn finish_at_once(attempt: AttemptId, outcome: &Outcome, ended_at: Timestamp) -> Statement {
    end(attempt, outcome, ended_at, None, None)
}

fn end(
    attempt: AttemptId,
    outcome: &Outcome,
    ended_at: Timestamp,
    evidence: Option<String>,
    words: Option<String>,
) -> Statement {
    let (status, confirmed, failure) = match outcome {
        Outcome::Success { confirmed } => ("success", Some(*confirmed), None),
        Outcome::Failure(failure) => ("error", None, Some(failure)),
    };
    Statement::one(
        "UPDATE attempts SET status = $1, confirmed = $2, error_type = $3, error_message = $4, ended_at = $5, \
         evidence = $6, words = $7 WHERE id = $8 AND ended_at IS NULL",
        args![
            status,
            confirmed,
            failure.map(|failure| failure.kind.as_str()),
            failure.map(|failure| &failure.message),
            ended_at,
            evidence,
            words,
            attempt,
        ],
        "attempt",
    )
}

fn map(row: &dyn Row) -> Result<Attempt, Corrupt> {
    columns(&mut Columns::of(row))
}

/// Reads the columns of an attempt.
pub(crate) fn columns(row: &mut Columns<'_>) -> Result<Attempt, Corrupt> {
    Ok(Attempt {
        id: row.id()?,
        workspace: row.id()?,
        account: row.opt_id()?,
        device: row.opt_id()?,
        action: row.word(Action::from_word)?,
        created_at: row.time()?,
        outcome: map_outcome(row)?,
    })
}

fn map_outcome(row: &mut Columns<'_>) -> Result<Option<Outcome>, Corrupt> {
    match row.str()? {
        "pending" => Ok(None),
        "success" => Ok(Some(Outcome::Success { confirmed: row.flag()? })),
        "error" => {
            row.opt_flag()?;
            let kind = row.word(FailureKind::from_word)?;
            Ok(Some(Outcome::Failure(Failure { kind, message: row.text()? })))
        }
        other => Err(Corrupt::new(format!("unknown status {other:?}"))),
    }
}

fn place(attempt: &Attempt) -> Cursor {
    Cursor::at(attempt.created_at, attempt.id.0)
}

/// The attempts that a filter lets through, with these columns before those of every attempt.
pub(crate) fn list(
    scope: &Scope,
    filter: &AttemptFilter,
    after: Option<Cursor>,
    limit: usize,
    before: &'static str,
) -> Sql {
    let mut sql = Sql::new("SELECT ");
    sql.push(before).push(COLUMNS).push(" FROM attempts WHERE workspace_id = ").bind(scope.workspace());
    and_seen(&mut sql, "account_id", "device_id", scope);
    if let Some(ids) = &filter.ids {
        sql.and_in("id", ids.iter().copied());
    }
    sql.and_eq("device_id", filter.device);
    let paged = if filter.ids.is_some() { paged_of_ids } else { paged };
    paged(&mut sql, after, limit);
    sql
}

impl Store {
    /// One attempt. A session sees only those on its devices. Outlives its device.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn attempt(&self, scope: &Scope, id: AttemptId) -> Result<Option<Attempt>, StoreError> {
        let filter = AttemptFilter { ids: Some(vec![id]), device: None };
        self.readers().first(list(scope, &filter, None, 1, "").query(map)).await
    }

    /// A page of the attempts that `filter` lets through, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn attempts(
        &self,
        scope: &Scope,
        filter: &AttemptFilter,
        page: PageRequest,
    ) -> Result<Page<Attempt>, StoreError> {
        self.readers().page(page, |after, limit| list(scope, filter, after, limit, "").query(map), place).await
    }

    /// What was asked for under this idempotency key, if it is still remembered at `now`.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn idempotent(
        &self,
        workspace: WorkspaceId,
        credential: &str,
        path: &str,
        key: &IdempotencyKey,
        now: Timestamp,
    ) -> Result<Option<Claimed>, StoreError> {
        let sql = "SELECT body_hash, attempt_id, created_at FROM idempotency WHERE workspace_id = $1 \
                   AND credential = $2 AND path = $3 AND key_hash = $4 AND created_at > $5";
        let key_hash = key_hash(self.secrets(), &workspace.to_string(), credential, path, &key.0);
        let args = args![workspace, credential, path, key_hash, forgotten(now)];
        let map = |row: &dyn Row| {
            let mut row = Columns::of(row);
            Ok(Claimed { body_hash: row.text()?, attempt: row.id()?, at: row.time()? })
        };
        self.readers().first(Query { sql: sql.into(), args, map }).await
    }

    /// The pending attempts of one account, oldest first: for the engine's start.
    pub(crate) async fn pending_attempts(&self, account: AccountId) -> Result<Vec<Attempt>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM attempts WHERE account_id = $1 AND ended_at IS NULL ORDER BY created_at, id"
        )
        .into();
        self.readers().all(Query { sql, args: args![account], map }).await
    }
}
