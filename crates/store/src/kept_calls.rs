//! Calls made under an idempotency key, and what they were answered. Answers hold tokens, so they are sealed.

use jiff::Timestamp;
use thumbturn_core::change::ClaimedCall;
use thumbturn_core::ids::CallId;
use thumbturn_core::ports::StoreError;

use crate::Store;
use crate::attempts::forgotten;
use crate::secrets::{Sealed, Secrets};
use crate::statement::{Columns, Query, Row, Statement, args};

/// What is kept of a call.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptCall {
    /// The hash of the parameters of the first call.
    pub body_hash: String,
    /// The body of its answer; `None` if it was interrupted, or still runs.
    pub answer: Option<String>,
    /// When the first call was claimed.
    pub at: Timestamp,
}

/// Claims the key of a call, once it is no longer remembered from before.
pub(crate) fn claim(call: &ClaimedCall) -> Vec<Statement> {
    let forget = Statement::any(
        "DELETE FROM kept_calls WHERE call_id = $1 AND created_at <= $2",
        args![call.id, forgotten(call.at)],
    );
    let insert = Statement::any(
        "INSERT INTO kept_calls (call_id, workspace_id, body_hash, created_at) VALUES ($1, $2, $3, $4)",
        args![call.id, call.workspace, &call.body_hash, call.at],
    );
    vec![forget, insert]
}

/// Keeps the answer of a call, if it is still claimed: a reset of its workspace takes it along with what it did.
pub(crate) fn answer(call: &ClaimedCall, answer: &str, secrets: &Secrets) -> Result<Statement, StoreError> {
    Ok(Statement::any(
        "UPDATE kept_calls SET answer = $2 WHERE call_id = $1",
        args![call.id, secrets.seal(Sealed::KeptAnswer, call.id.0, answer)?],
    ))
}

pub(crate) fn release(call: CallId) -> Statement {
    Statement::any("DELETE FROM kept_calls WHERE call_id = $1", args![call])
}

impl Store {
    /// What is kept of a call, if it is still remembered at `now`.
    ///
    /// # Errors
    /// If the database cannot be read, or the answer not be opened.
    pub async fn kept_call(&self, call: CallId, now: Timestamp) -> Result<Option<KeptCall>, StoreError> {
        let sql = "SELECT body_hash, answer, created_at FROM kept_calls WHERE call_id = $1 AND created_at > $2";
        let map = |row: &dyn Row| {
            let mut row = Columns::of(row);
            Ok(KeptCall { body_hash: row.text()?, answer: row.opt_text()?, at: row.time()? })
        };
        let query = Query { sql: sql.into(), args: args![call, forgotten(now)], map };
        let Some(kept) = self.readers().first(query).await? else { return Ok(None) };
        let open = |sealed: String| self.secrets().open(Sealed::KeptAnswer, call.0, &sealed);
        Ok(Some(KeptCall { answer: kept.answer.map(open).transpose()?, ..kept }))
    }

    /// A hash of the parameters of a call that tells nothing of them to anybody without the key of this installation:
    /// a PIN could be guessed from a plain one.
    #[must_use]
    pub fn call_hash(&self, parameters: &str) -> String {
        self.secrets().keyed_hash(parameters)
    }
}
