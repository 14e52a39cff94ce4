//! API keys, personal access tokens and publishable keys.

use jiff::Timestamp;
use thumbturn_core::credentials::{Key, KeyKind};
use thumbturn_core::ids::{KeyId, WorkspaceId};
use thumbturn_core::ports::StoreError;

use crate::Store;
use crate::error::Corrupt;
use crate::sql::Sql;
use crate::statement::{Columns, Query, Row, Statement, args};

const COLUMNS: &str = "SELECT id, kind, workspace_id, operator_id, name, short, long_hash, created_at, revoked_at \
                       FROM keys";

const fn kind_word(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::ApiKey => "api_key",
        KeyKind::PersonalAccessToken => "personal_access_token",
        KeyKind::PublishableKey => "publishable_key",
    }
}

fn kind_from(word: &str) -> Option<KeyKind> {
    [KeyKind::ApiKey, KeyKind::PersonalAccessToken, KeyKind::PublishableKey]
        .into_iter()
        .find(|kind| kind_word(*kind) == word)
}

pub(crate) fn insert(key: &Key) -> Statement {
    Statement::any(
        "INSERT INTO keys (id, kind, workspace_id, operator_id, name, short, long_hash, created_at, revoked_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![
            key.id,
            kind_word(key.kind),
            key.workspace,
            key.operator,
            &key.name,
            &key.short,
            &key.long_hash,
            key.created_at,
            key.revoked_at,
        ],
    )
}

pub(crate) fn revoke(key: KeyId, at: Timestamp) -> Statement {
    Statement::one("UPDATE keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", args![key, at], "key")
}

fn map(row: &dyn Row) -> Result<Key, Corrupt> {
    let mut row = Columns::of(row);
    Ok(Key {
        id: row.id()?,
        kind: row.word(kind_from)?,
        workspace: row.opt_id()?,
        operator: row.opt_id()?,
        name: row.text()?,
        short: row.text()?,
        long_hash: row.text()?,
        created_at: row.time()?,
        revoked_at: row.opt_time()?,
    })
}

impl Store {
    /// The key with this short half, revoked or not: who may come in is for the caller to judge, after comparing the
    /// long half. Cached; a revocation that was answered is never missed.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn key(&self, kind: KeyKind, short: &str) -> Result<Option<Key>, StoreError> {
        let name = (kind, short.to_owned());
        let ticket = match self.caches().keys.get(&name) {
            Ok(key) => return Ok(Some(key)),
            Err(ticket) => ticket,
        };
        let sql = format!("{COLUMNS} WHERE kind = $1 AND short = $2").into();
        let found = self.readers().first(Query { sql, args: args![kind_word(kind), short], map }).await?;
        if let Some(key) = &found {
            self.caches().keys.insert(name, key.clone(), ticket);
        }
        Ok(found)
    }

    /// The key with this id.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn key_by_id(&self, id: KeyId) -> Result<Option<Key>, StoreError> {
        let sql = format!("{COLUMNS} WHERE id = $1").into();
        self.readers().first(Query { sql, args: args![id], map }).await
    }

    /// The keys that open `workspace` alone, or every key of the installation; oldest first. For the operator.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn keys(&self, workspace: Option<WorkspaceId>) -> Result<Vec<Key>, StoreError> {
        let mut sql = Sql::new(COLUMNS);
        sql.push(" WHERE 1 = 1").and_eq("workspace_id", workspace).push(" ORDER BY created_at, id");
        self.readers().all(sql.query(map)).await
    }
}
