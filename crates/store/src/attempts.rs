//! Action attempts, and the idempotency keys under which they were asked for.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use thumbturn_core::attempts::{Attempt, Failure, FailureKind, Outcome};
use thumbturn_core::change::{IdempotencyClaim, IdempotencyKey, OUT_OF_TURN};
use thumbturn_core::commands::{AutoLock, Command, Simulation};
use thumbturn_core::evidence::Evidence;
use thumbturn_core::ids::{AccountId, AttemptId, DeviceId, NodeId, WorkspaceId};
use thumbturn_core::locks::{Action, Bolt};
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::{Ending, StoreError, Waiting};
use thumbturn_core::scope::Scope;

use crate::Store;
use crate::devices::and_seen;
use crate::error::Corrupt;
use crate::evidence;
use crate::page::{Cursor, Page, PageRequest, of_workspace, paged, paged_of_ids};
use crate::secrets::{Sealed, Secrets};
use crate::sql::{DeviceIndex, Sql};
use crate::statement::{Columns, Query, Row, Statement, args};

/// How long an idempotency key is remembered.
pub const CLAIM_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// How many attempts are looked at at once.
const MOST_WAITING: usize = 512;

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

pub(crate) const ACCEPT: &str = "INSERT INTO attempts (id, workspace_id, account_id, device_id, action, status, created_at, taken_by) \
     SELECT CAST($1 AS TEXT), workspace_id, account_id, id, CAST($2 AS TEXT), 'pending', CAST($3 AS BIGINT), \
     CAST($7 AS TEXT) FROM devices WHERE id = $4 AND account_id = $5 AND workspace_id = $6";

/// The same among nodes, unless others for the same lock still wait to be taken: they were acknowledged before, and one
/// lock's commands run in the order of their arrival (promise P5).
pub(crate) const ACCEPT_IN_TURN: &str = "INSERT INTO attempts (id, workspace_id, account_id, device_id, action, status, created_at, taken_by) \
     SELECT CAST($1 AS TEXT), workspace_id, account_id, id, CAST($2 AS TEXT), 'pending', CAST($3 AS BIGINT), \
     CAST($7 AS TEXT) FROM devices WHERE id = $4 AND account_id = $5 AND workspace_id = $6 \
     AND NOT EXISTS (SELECT 1 FROM attempts AS earlier WHERE earlier.device_id = devices.id \
     AND earlier.waits_since IS NOT NULL AND earlier.taken_by IS NULL AND earlier.ended_at IS NULL)";

pub(crate) const END: &str = "UPDATE attempts SET status = $1, confirmed = $2, error_type = $3, error_message = $4, \
     ended_at = $5, evidence = $6, words = $7, command = NULL WHERE id = $8 AND ended_at IS NULL";

/// Inserts a pending attempt for whoever serves its lock, unless as many as there may be are pending there. Only where there
/// are nodes.
pub(crate) const LEAVE: &str = "INSERT INTO attempts (id, workspace_id, account_id, device_id, action, status, created_at, command, waits_since) \
     SELECT CAST($1 AS TEXT), workspace_id, account_id, id, CAST($2 AS TEXT), 'pending', CAST($3 AS BIGINT), \
     CAST($7 AS TEXT), CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) \
     FROM devices WHERE id = $4 AND account_id = $5 AND workspace_id = $6 \
     AND (SELECT COUNT(*) FROM attempts AS others WHERE others.account_id = devices.account_id \
     AND others.device_id = devices.id AND others.ended_at IS NULL) < CAST($8 AS BIGINT)";

pub(crate) const TAKE: &str =
    "UPDATE attempts SET taken_by = $2 WHERE id = $1 AND taken_by IS NULL AND ended_at IS NULL";

/// Inserts a pending attempt on a device that is still there: nobody would end one on a deleted device. Where there are
/// nodes, it is in the queue of this one from the beginning.
pub(crate) fn accept(
    attempt: &Attempt,
    claim: Option<&IdempotencyClaim>,
    taken_by: Option<NodeId>,
    secrets: &Secrets,
) -> Vec<Statement> {
    let (sql, conflict) = if taken_by.is_some() { (ACCEPT_IN_TURN, OUT_OF_TURN) } else { (ACCEPT, "device") };
    let insert = Statement::one(
        sql,
        args![
            attempt.id,
            attempt.action.as_str(),
            attempt.created_at,
            attempt.device,
            attempt.account,
            attempt.workspace,
            taken_by,
        ],
        conflict,
    );
    claim.map(|claim| claim_key(claim, attempt.id, secrets)).into_iter().flatten().chain([insert]).collect()
}

/// The database's clock, as it is written into rows.
const CLOCK: &str = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)";

/// Inserts a pending attempt for whoever serves its lock, unless `queue` are pending there (or the lock is gone: the caller
/// finds that out when it asks again). Only where there are nodes.
pub(crate) fn leave(
    attempt: &Attempt,
    command: &Command,
    claim: Option<&IdempotencyClaim>,
    queue: usize,
    secrets: &Secrets,
) -> Result<Vec<Statement>, StoreError> {
    let sealed = match words(command) {
        Some(words) => Some(secrets.seal(Sealed::Command, attempt.id.0, &words)?),
        None => None,
    };
    let most = i64::try_from(queue).unwrap_or(i64::MAX);
    let insert = Statement::one(
        LEAVE,
        args![
            attempt.id,
            attempt.action.as_str(),
            attempt.created_at,
            attempt.device,
            attempt.account,
            attempt.workspace,
            sealed,
            most,
        ],
        "queue",
    );
    let claimed = claim.map(|claim| claim_key(claim, attempt.id, secrets));
    Ok(claimed.into_iter().flatten().chain([insert]).collect())
}

/// Puts such an attempt into the queue of a node.
pub(crate) fn take(attempt: AttemptId, by: NodeId) -> Statement {
    Statement::one(TAKE, args![attempt, by], "attempt")
}

/// What a command's action alone does not tell.
fn words(command: &Command) -> Option<String> {
    match command {
        Command::Move(_) | Command::Simulate(Simulation::LockAtKeypad) => None,
        Command::AutoLock(AutoLock::Off) => Some("off".to_owned()),
        Command::AutoLock(AutoLock::After(seconds)) => Some(seconds.to_string()),
        Command::Simulate(Simulation::TypeCode(pin)) => Some(pin.digits().to_owned()),
    }
}

/// The command of an action and these words.
fn command(action: Action, words: Option<&str>) -> Option<Command> {
    Some(match action {
        Action::LockDoor => Command::Move(Bolt::Locked),
        Action::UnlockDoor => Command::Move(Bolt::Unlocked),
        Action::SimulateManualLockViaKeypad => Command::Simulate(Simulation::LockAtKeypad),
        Action::ConfigureAutoLock => Command::AutoLock(match words? {
            "off" => AutoLock::Off,
            seconds => AutoLock::After(seconds.parse().ok()?),
        }),
        Action::SimulateKeypadCodeEntry => Command::Simulate(Simulation::TypeCode(Pin::new(words?)?)),
        Action::ResetSandboxWorkspace => return None,
    })
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
        END,
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

pub(crate) fn map(row: &dyn Row) -> Result<Attempt, Corrupt> {
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
    index: DeviceIndex,
) -> Sql {
    let mut sql = Sql::new("SELECT ");
    sql.push(before).push(COLUMNS).push(" FROM attempts WHERE ");
    let names_ids = filter.ids.is_some() || filter.device.is_some_and(|_| index.has_runs_for(1));
    of_workspace(&mut sql, "workspace_id", scope.workspace(), names_ids);
    and_seen(&mut sql, "account_id", "device_id", scope);
    if let Some(ids) = &filter.ids {
        sql.and_in("id", ids.iter().copied());
    }
    if let Some(device) = filter.device {
        sql.and_of_devices("device_id", &[device], index);
    }
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
        self.readers().first(list(scope, &filter, None, 1, "", self.readers().device_index()).query(map)).await
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
        let index = self.readers().device_index();
        self.readers().page(page, |after, limit| list(scope, filter, after, limit, "", index).query(map), place).await
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

    /// The pending attempts of one account, oldest first, but for those that wait for a node to take them: for the start of a
    /// session.
    pub(crate) async fn pending_attempts(&self, account: AccountId) -> Result<Vec<Attempt>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM attempts WHERE account_id = $1 AND ended_at IS NULL \
             AND (taken_by IS NOT NULL OR waits_since IS NULL) ORDER BY created_at, id"
        )
        .into();
        self.readers().all(Query { sql, args: args![account], map }).await
    }

    /// The pending attempts on accounts of a node that nobody has taken, oldest first.
    pub(crate) async fn waiting_attempts(&self, node: NodeId) -> Result<Vec<Waiting>, StoreError> {
        let sql = format!(
            "SELECT command, {CLOCK} - waits_since, {COLUMNS} FROM attempts WHERE ended_at IS NULL AND taken_by IS NULL \
             AND waits_since IS NOT NULL AND account_id IN (SELECT account_id FROM account_owners WHERE node_id = $1) \
             ORDER BY waits_since LIMIT {MOST_WAITING}"
        )
        .into();
        let map = |row: &dyn Row| {
            let mut row = Columns::of(row);
            Ok((row.opt_text()?, row.integer()?, columns(&mut row)?))
        };
        let rows = self.readers().all(Query { sql, args: args![node], map }).await?;
        let waiting = |(sealed, age, attempt): (Option<String>, i64, Attempt)| {
            let words = sealed.map(|sealed| self.secrets().open(Sealed::Command, attempt.id.0, &sealed)).transpose()?;
            let unknown = || Corrupt::new(format!("attempt {} says not what it asks for", attempt.id));
            let command = command(attempt.action, words.as_deref()).ok_or_else(unknown)?;
            let age = std::time::Duration::from_micros(u64::try_from(age).unwrap_or(0));
            Ok(Waiting { attempt, command, age })
        };
        rows.into_iter().map(waiting).collect()
    }

    /// How those of these attempts that have ended did, and which are gone.
    pub(crate) async fn ends_of(&self, attempts: Vec<AttemptId>) -> Result<Vec<Ending>, StoreError> {
        let mut ends = Vec::with_capacity(attempts.len());
        for some in attempts.chunks(MOST_WAITING) {
            let mut sql = Sql::new("SELECT ");
            sql.push(COLUMNS).push(" FROM attempts WHERE ").within("id", some.iter().copied());
            let found = self.readers().all(sql.query(map)).await?;
            let there: HashSet<AttemptId> = found.iter().map(|attempt| attempt.id).collect();
            ends.extend(some.iter().filter(|id| !there.contains(id)).map(|id| (*id, None)));
            ends.extend(
                found.into_iter().filter(|found| found.outcome.is_some()).map(|found| (found.id, found.outcome)),
            );
        }
        Ok(ends)
    }
}
