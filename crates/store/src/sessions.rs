//! Client sessions and what they were granted.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use thumbturn_core::credentials::{ClientSession, Granted};
use thumbturn_core::ids::{AccountId, ClientSessionId, UserIdentityId, WorkspaceId};
use thumbturn_core::ports::StoreError;
use thumbturn_core::scope::{Reach, Scope};

use crate::Store;
use crate::error::Corrupt;
use crate::secrets::{Sealed, Secrets};
use crate::sql::Sql;
use crate::statement::{Columns, Query, Row, Statement, args};

/// One row for each account of a session, and one without account for a session that has none.
const COLUMNS: &str = "SELECT s.id, s.workspace_id, s.short, s.long_hash, s.token, s.user_identifier_key, \
                       s.user_identity_id, s.customer_key, s.created_at, s.expires_at, s.revoked_at, a.account_id \
                       FROM client_sessions s LEFT JOIN session_accounts a ON a.session_id = s.id";
const ORDER: &str = " ORDER BY s.created_at, s.id, a.place";

/// Which client sessions are wanted. Conditions combine with *and*.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// This one.
    pub id: Option<ClientSessionId>,
    /// Those with this user identifier key, also such as gave it up.
    pub user_identifier_key: Option<String>,
    /// Those without a user identifier key.
    pub without_user_identifier_key: bool,
    /// Those of this user identity.
    pub identity: Option<UserIdentityId>,
    /// Those without a user identity.
    pub without_identity: bool,
    /// Those that were not revoked.
    pub unrevoked: bool,
}

pub(crate) fn insert(session: &ClientSession, secrets: &Secrets) -> Result<Vec<Statement>, StoreError> {
    let token = secrets.seal(Sealed::SessionToken, session.id.0, &session.token)?;
    let user_key = session.user_identifier_key.as_ref();
    let user_hash = user_key.map(|key| user_key_hash(secrets, &session.workspace.to_string(), key));
    let sealed_user = user_key.map(|key| secrets.seal(Sealed::UserIdentifierKey, session.id.0, key)).transpose()?;
    let insert = Statement::any(
        "INSERT INTO client_sessions (id, workspace_id, short, long_hash, token, user_identifier_hash, \
         user_identifier_key, customer_key, created_at, expires_at, revoked_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        args![
            session.id,
            session.workspace,
            &session.short,
            &session.long_hash,
            token,
            user_hash,
            sealed_user,
            session.customer_key.as_ref(),
            session.created_at,
            session.expires_at,
            session.revoked_at,
        ],
    );
    let identity = session.identity.map(|identity| belongs_to(session.id, identity));
    Ok(std::iter::once(insert).chain(grants(session.id, &session.accounts)).chain(identity).collect())
}

/// What a user identifier key is found by. Without the key of this installation nobody finds it out by trying.
pub(crate) fn user_key_hash(secrets: &Secrets, workspace: &str, key: &str) -> String {
    secrets.keyed_hash(&format!("user identifier key\n{workspace}\n{key}"))
}

/// Gives a session to an identity of its own workspace, and to no other.
fn belongs_to(session: ClientSessionId, identity: UserIdentityId) -> Statement {
    Statement::one(
        "UPDATE client_sessions SET user_identity_id = $2 WHERE id = $1 AND EXISTS (SELECT 1 FROM user_identities i \
         WHERE i.id = $2 AND i.workspace_id = client_sessions.workspace_id AND i.merged_into IS NULL)",
        args![session, identity],
        "user_identity",
    )
}

/// Grants accounts of the session's own workspace, and no others.
fn grants(session: ClientSessionId, accounts: &[AccountId]) -> Vec<Statement> {
    let mut granted: Vec<AccountId> = Vec::with_capacity(accounts.len());
    for account in accounts {
        if !granted.contains(account) {
            granted.push(*account);
        }
    }
    let grant = |(place, account)| {
        Statement::one(
            "INSERT INTO session_accounts (session_id, account_id, place) \
             SELECT s.id, a.id, CAST($3 AS BIGINT) FROM client_sessions s \
             JOIN accounts a ON a.workspace_id = s.workspace_id WHERE s.id = $1 AND a.id = $2",
            args![session, account, i64::try_from(place).unwrap_or(i64::MAX)],
            "account",
        )
    };
    granted.into_iter().enumerate().map(grant).collect()
}

pub(crate) fn change(
    session: ClientSessionId,
    accounts: &[AccountId],
    identity: Option<UserIdentityId>,
    expires_at: Timestamp,
) -> Vec<Statement> {
    let mut statements = vec![
        Statement::one(
            "UPDATE client_sessions SET expires_at = $2, user_identity_id = NULL WHERE id = $1",
            args![session, expires_at],
            "session",
        ),
        Statement::any("DELETE FROM session_accounts WHERE session_id = $1", args![session]),
    ];
    statements.extend(grants(session, accounts));
    statements.extend(identity.map(|identity| belongs_to(session, identity)));
    statements
}

pub(crate) fn retire(session: ClientSessionId) -> Statement {
    Statement::one("UPDATE client_sessions SET retired = 1 WHERE id = $1", args![session], "session")
}

pub(crate) fn revoke(session: ClientSessionId, at: Timestamp) -> Statement {
    let sql = "UPDATE client_sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    Statement::one(sql, args![session, at], "session")
}

pub(crate) fn delete(session: ClientSessionId) -> Vec<Statement> {
    vec![
        Statement::any("DELETE FROM session_accounts WHERE session_id = $1", args![session]),
        Statement::one("DELETE FROM client_sessions WHERE id = $1", args![session], "session"),
    ]
}

/// A row: the session with its token and its user identifier key still sealed, and one of its accounts.
type SessionRow = (ClientSession, Option<AccountId>);

fn map(row: &dyn Row) -> Result<SessionRow, Corrupt> {
    let mut row = Columns::of(row);
    let session = ClientSession {
        id: row.id()?,
        workspace: row.id()?,
        short: row.text()?,
        long_hash: row.text()?,
        token: row.text()?,
        user_identifier_key: row.opt_text()?,
        accounts: Vec::new(),
        identity: row.opt_id()?,
        granted: Vec::new(),
        customer_key: row.opt_text()?,
        created_at: row.time()?,
        expires_at: row.time()?,
        revoked_at: row.opt_time()?,
    };
    Ok((session, row.opt_id()?))
}

/// Puts the rows of each session together and opens what is sealed of it.
fn gather(rows: Vec<SessionRow>, secrets: &Secrets) -> Result<Vec<ClientSession>, StoreError> {
    let mut sessions: Vec<ClientSession> = Vec::new();
    for (mut session, account) in rows {
        match sessions.last_mut().filter(|last| last.id == session.id) {
            Some(last) => last.accounts.extend(account),
            None => {
                let id = session.id.0;
                session.token = secrets.open(Sealed::SessionToken, id, &session.token)?;
                let sealed = session.user_identifier_key.take();
                session.user_identifier_key =
                    sealed.map(|key| secrets.open(Sealed::UserIdentifierKey, id, &key)).transpose()?;
                session.accounts.extend(account);
                sessions.push(session);
            }
        }
    }
    Ok(sessions)
}

impl Store {
    async fn find_sessions(&self, query: Query<SessionRow>) -> Result<Vec<ClientSession>, StoreError> {
        let mut sessions = gather(self.readers().all(query).await?, self.secrets())?;
        let identities: HashSet<UserIdentityId> = sessions.iter().filter_map(|session| session.identity).collect();
        if !identities.is_empty() {
            let grants = self.grants_of(identities).await?;
            for session in &mut sessions {
                let granted = session.identity.and_then(|identity| grants.get(&identity));
                session.granted = granted.cloned().unwrap_or_default();
            }
        }
        Ok(sessions)
    }

    /// What was granted to each of these identities, oldest grant first.
    async fn grants_of(
        &self,
        identities: impl IntoIterator<Item = UserIdentityId>,
    ) -> Result<HashMap<UserIdentityId, Vec<Granted>>, StoreError> {
        let mut sql = Sql::new(
            "SELECT g.user_identity_id, d.id, d.account_id FROM device_grants g JOIN devices d ON d.id = g.device_id \
             WHERE ",
        );
        sql.within("g.user_identity_id", identities).push(" ORDER BY g.granted_at, g.device_id");
        let query = sql.query(|row| {
            let mut row = Columns::of(row);
            Ok((row.id()?, Granted { device: row.id()?, account: row.id()? }))
        });
        let mut grants: HashMap<UserIdentityId, Vec<Granted>> = HashMap::new();
        for (identity, granted) in self.readers().all(query).await? {
            grants.entry(identity).or_default().push(granted);
        }
        Ok(grants)
    }

    /// The session with this short half, whatever its standing: who may come in is for the caller to judge, after
    /// comparing the long half. Cached.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn session_by_short(&self, short: &str) -> Result<Option<ClientSession>, StoreError> {
        let name = short.to_owned();
        let ticket = match self.caches().sessions.get(&name) {
            Ok(session) => return Ok(Some(session)),
            Err(ticket) => ticket,
        };
        let sql = format!("{COLUMNS} WHERE s.short = $1{ORDER}").into();
        let found = self.find_sessions(Query { sql, args: args![short], map }).await?.into_iter().next();
        if let Some(session) = &found {
            self.caches().sessions.insert(name, session.clone(), ticket);
        }
        Ok(found)
    }

    /// One session. A session sees itself alone.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn session(&self, scope: &Scope, id: ClientSessionId) -> Result<Option<ClientSession>, StoreError> {
        let filter = SessionFilter { id: Some(id), ..SessionFilter::default() };
        Ok(self.sessions(scope, &filter, 1).await?.into_iter().next())
    }

    /// The session that holds this user identifier key now. It may be revoked or expired: then it has not been retired
    /// yet.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn session_by_user_key(
        &self,
        workspace: WorkspaceId,
        key: &str,
    ) -> Result<Option<ClientSession>, StoreError> {
        let sql =
            format!("{COLUMNS} WHERE s.workspace_id = $1 AND s.user_identifier_hash = $2 AND s.retired = 0{ORDER}");
        let hash = user_key_hash(self.secrets(), &workspace.to_string(), key);
        let query = Query { sql: sql.into(), args: args![workspace, hash], map };
        Ok(self.find_sessions(query).await?.into_iter().next())
    }

    /// The sessions that `filter` lets through, oldest first, at most `limit`. A session sees itself alone.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn sessions(
        &self,
        scope: &Scope,
        filter: &SessionFilter,
        limit: usize,
    ) -> Result<Vec<ClientSession>, StoreError> {
        let mut sql = Sql::new(COLUMNS);
        sql.push(" WHERE s.id IN (SELECT id FROM client_sessions WHERE workspace_id = ").bind(scope.workspace());
        if let Reach::Session { session, .. } = scope.reach() {
            sql.and_eq("id", Some(*session));
        }
        let workspace = scope.workspace().to_string();
        let user_key = filter.user_identifier_key.as_ref().map(|key| user_key_hash(self.secrets(), &workspace, key));
        sql.and_eq("id", filter.id).and_eq("user_identifier_hash", user_key);
        if filter.without_user_identifier_key {
            sql.push(" AND user_identifier_hash IS NULL");
        }
        sql.and_eq("user_identity_id", filter.identity);
        if filter.without_identity {
            sql.push(" AND user_identity_id IS NULL");
        }
        if filter.unrevoked {
            sql.push(" AND revoked_at IS NULL");
        }
        sql.push(" ORDER BY created_at, id LIMIT ").bind(i64::try_from(limit).unwrap_or(i64::MAX)).push(")");
        sql.push(ORDER);
        self.find_sessions(sql.query(map)).await
    }
}
