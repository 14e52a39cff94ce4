//! User identities and what was granted to them.

use std::collections::HashMap;

use jiff::Timestamp;
use thumbturn_core::ids::{ClientSessionId, DeviceId, UserIdentityId};
use thumbturn_core::ports::StoreError;
use thumbturn_core::scope::{Reach, Scope};
use thumbturn_core::user_identities::{Merged, UserIdentity};

use crate::Store;
use crate::error::Corrupt;
use crate::page::{Cursor, Page, PageRequest, paged};
use crate::sql::Sql;
use crate::statement::{Columns, Query, Row, Statement, args};

const COLUMNS: &str = "SELECT id, workspace_id, user_identity_key, email_address, phone_number, full_name, created_at \
                       FROM user_identities WHERE merged_into IS NULL AND workspace_id = ";

/// Which user identities are wanted. Conditions combine with *and*; an empty list lets nothing through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityFilter {
    /// Those that are found under these ids.
    pub ids: Option<Vec<UserIdentityId>>,
    /// Those that are found under this key.
    pub key: Option<String>,
    /// Those made before this time.
    pub created_before: Option<Timestamp>,
    /// A part of the full name, the phone number, the e-mail address or the id; case does not matter.
    pub search: Option<String>,
}

pub(crate) fn insert(identity: &UserIdentity) -> Statement {
    Statement::any(
        "INSERT INTO user_identities (id, workspace_id, user_identity_key, email_address, phone_number, full_name, \
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        args![
            identity.id,
            identity.workspace,
            identity.key.as_ref(),
            identity.email_address.as_ref(),
            identity.phone_number.as_ref(),
            identity.full_name.as_ref(),
            identity.created_at,
        ],
    )
}

pub(crate) fn change(identity: &UserIdentity) -> Statement {
    Statement::one(
        "UPDATE user_identities SET user_identity_key = $2, email_address = $3, phone_number = $4, full_name = $5 \
         WHERE id = $1 AND merged_into IS NULL",
        args![
            identity.id,
            identity.key.as_ref(),
            identity.email_address.as_ref(),
            identity.phone_number.as_ref(),
            identity.full_name.as_ref(),
        ],
        "user_identity",
    )
}

/// Deletes an identity with what was merged into it, its grants and these sessions of it.
pub(crate) fn delete(identity: UserIdentityId, sessions: &[ClientSessionId]) -> Vec<Statement> {
    let session = |session: &ClientSessionId| {
        let sql = "DELETE FROM client_sessions WHERE id = $1 AND user_identity_id = $2";
        Statement::any(sql, args![*session, identity])
    };
    let mut statements = vec![Statement::one(
        "UPDATE user_identities SET merged_into = NULL WHERE id = $1 AND merged_into IS NULL",
        args![identity],
        "user_identity",
    )];
    statements.extend(sessions.iter().map(session));
    statements.push(Statement::one(
        "DELETE FROM user_identities WHERE id = $1 AND NOT EXISTS \
         (SELECT 1 FROM client_sessions WHERE user_identity_id = $1)",
        args![identity],
        "identity_sessions",
    ));
    statements
}

/// Moves what others have to `into`, of the same workspace, and leaves their ids and keys as names of it.
pub(crate) fn merge(into: &UserIdentity, merged: &[UserIdentityId]) -> Vec<Statement> {
    let one = |from: &UserIdentityId| {
        let pair = args![into.id, *from];
        [
            Statement::one(
                "UPDATE user_identities SET merged_into = $1, email_address = NULL, phone_number = NULL \
                 WHERE id = $2 AND id <> $1 AND merged_into IS NULL \
                 AND workspace_id = (SELECT workspace_id FROM user_identities WHERE id = $1)",
                pair.clone(),
                "user_identity",
            ),
            Statement::any("UPDATE user_identities SET merged_into = $1 WHERE merged_into = $2", pair.clone()),
            Statement::any(
                "INSERT INTO device_grants (user_identity_id, device_id, granted_at) \
                 SELECT CAST($1 AS TEXT), g.device_id, g.granted_at FROM device_grants g \
                 WHERE g.user_identity_id = $2 AND NOT EXISTS (SELECT 1 FROM device_grants h \
                 WHERE h.user_identity_id = $1 AND h.device_id = g.device_id)",
                pair.clone(),
            ),
            Statement::any("DELETE FROM device_grants WHERE user_identity_id = $1", args![*from]),
            Statement::any("UPDATE client_sessions SET user_identity_id = $1 WHERE user_identity_id = $2", pair),
        ]
    };
    merged.iter().flat_map(one).chain([change(into)]).collect()
}

/// Grants a device of the identity's own workspace, and no other.
pub(crate) fn grant(identity: UserIdentityId, device: DeviceId, at: Timestamp) -> Statement {
    Statement::one(
        "INSERT INTO device_grants (user_identity_id, device_id, granted_at) \
         SELECT i.id, d.id, CAST($3 AS BIGINT) FROM user_identities i \
         JOIN devices d ON d.workspace_id = i.workspace_id WHERE i.id = $1 AND i.merged_into IS NULL AND d.id = $2",
        args![identity, device, at],
        "grant",
    )
}

pub(crate) fn revoke(identity: UserIdentityId, device: DeviceId) -> Statement {
    let sql = "DELETE FROM device_grants WHERE user_identity_id = $1 AND device_id = $2";
    Statement::any(sql, args![identity, device])
}

fn map(row: &dyn Row) -> Result<UserIdentity, Corrupt> {
    let mut row = Columns::of(row);
    Ok(UserIdentity {
        id: row.id()?,
        workspace: row.id()?,
        key: row.opt_text()?,
        email_address: row.opt_text()?,
        phone_number: row.opt_text()?,
        full_name: row.opt_text()?,
        merged: Vec::new(),
        created_at: row.time()?,
    })
}

fn place(identity: &UserIdentity) -> Cursor {
    Cursor::at(identity.created_at, identity.id.0)
}

fn list(scope: &Scope, filter: &IdentityFilter, after: Option<Cursor>, limit: usize) -> Query<UserIdentity> {
    let mut sql = Sql::new(COLUMNS);
    sql.bind(scope.workspace());
    if let Reach::Session { identity, .. } = scope.reach() {
        sql.and_in("id", *identity);
    }
    if let Some(ids) = &filter.ids {
        sql.push(" AND id IN (SELECT COALESCE(merged_into, id) FROM user_identities WHERE ");
        sql.within("id", ids.iter().copied()).push(")");
    }
    if let Some(key) = &filter.key {
        sql.push(" AND id IN (SELECT COALESCE(merged_into, id) FROM user_identities WHERE workspace_id = ");
        sql.bind(scope.workspace()).and_eq("user_identity_key", Some(key)).push(")");
    }
    if let Some(before) = filter.created_before {
        sql.push(" AND created_at < ").bind(before);
    }
    paged(&mut sql, after, limit);
    sql.query(map)
}

/// Whether a search for `part`, in lower case, finds the identity.
fn mentions(identity: &UserIdentity, part: &str) -> bool {
    let said = [&identity.full_name, &identity.phone_number, &identity.email_address];
    identity.id.to_string().contains(part) || said.into_iter().flatten().any(|text| text.to_lowercase().contains(part))
}

impl Store {
    /// The identity that is found under this id: its own, or one that was merged into it. A session sees its own alone.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn user_identity(&self, scope: &Scope, id: UserIdentityId) -> Result<Option<UserIdentity>, StoreError> {
        let filter = IdentityFilter { ids: Some(vec![id]), ..IdentityFilter::default() };
        Ok(self.user_identities(scope, &filter, PageRequest::first(1)).await?.items.into_iter().next())
    }

    /// The identity that is found under this key: its own, or one that was merged into it.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn user_identity_by_key(&self, scope: &Scope, key: &str) -> Result<Option<UserIdentity>, StoreError> {
        let filter = IdentityFilter { key: Some(key.to_owned()), ..IdentityFilter::default() };
        Ok(self.user_identities(scope, &filter, PageRequest::first(1)).await?.items.into_iter().next())
    }

    /// A page of the user identities that `filter` lets through, oldest first. A session sees its own alone.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn user_identities(
        &self,
        scope: &Scope,
        filter: &IdentityFilter,
        page: PageRequest,
    ) -> Result<Page<UserIdentity>, StoreError> {
        let query = |after, limit| list(scope, filter, after, limit);
        let mut found = match filter.search.as_ref().map(|search| search.to_lowercase()) {
            None => self.readers().page(page, query, place).await?,
            Some(part) => self.readers().page_where(page, query, place, |identity| mentions(identity, &part)).await?,
        };
        let mut merged = self.merged_into(&found.items).await?;
        for identity in &mut found.items {
            identity.merged = merged.remove(&identity.id).unwrap_or_default();
        }
        Ok(found)
    }

    /// What was merged into each of these identities, in the order in which they were made.
    async fn merged_into(
        &self,
        identities: &[UserIdentity],
    ) -> Result<HashMap<UserIdentityId, Vec<Merged>>, StoreError> {
        if identities.is_empty() {
            return Ok(HashMap::new());
        }
        let mut sql = Sql::new("SELECT merged_into, id, user_identity_key FROM user_identities WHERE ");
        sql.within("merged_into", identities.iter().map(|identity| identity.id)).push(" ORDER BY created_at, id");
        let query = sql.query(|row| {
            let mut row = Columns::of(row);
            Ok((row.id()?, Merged { id: row.id()?, key: row.opt_text()? }))
        });
        let mut merged: HashMap<UserIdentityId, Vec<Merged>> = HashMap::new();
        for (into, old) in self.readers().all(query).await? {
            merged.entry(into).or_default().push(old);
        }
        Ok(merged)
    }
}
