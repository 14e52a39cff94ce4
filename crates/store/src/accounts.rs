//! Connected accounts.

use std::collections::HashMap;

use thumbturn_core::accounts::{Account, AccountEdit, LinkState, LinkTrouble, Provider};
use thumbturn_core::ids::{AccountId, DeviceId, SpaceId, WorkspaceId};
use thumbturn_core::ports::StoreError;
use thumbturn_core::scope::{Reach, Scope};

use crate::Store;
use crate::devices;
use crate::error::Corrupt;
use crate::metadata::{self, MetadataValue};
use crate::page::{Cursor, Page, PageRequest, of_workspace, paged, paged_of_ids};
use crate::secrets::{Sealed, Secrets};
use crate::sessions::user_key_hash;
use crate::sql::Sql;
use crate::statement::{Columns, Query, Row, Statement, args, one_integer};

const COLUMNS: &str = "SELECT id, workspace_id, provider, display_name, hub_key, config, custom_metadata, \
                       customer_key, manages_new_devices, link, link_message, link_since, first_sync_done, created_at \
                       FROM accounts";

/// Which accounts are wanted. Conditions combine with *and*.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// Only these.
    pub ids: Option<Vec<AccountId>>,
    /// Those of this customer.
    pub customer_key: Option<String>,
    /// Those granted to the session that holds this user identifier key.
    pub user_identifier_key: Option<String>,
    /// Those in one of these spaces, or with devices in one.
    pub spaces: Option<Vec<SpaceId>>,
    /// What their custom metadata must have.
    pub metadata: Vec<(String, MetadataValue)>,
    /// A part of the id, the provider, the customer key or a value of the custom metadata; case does not matter.
    pub search: Option<String>,
}

impl AccountFilter {
    fn is_plain(&self) -> bool {
        self.metadata.is_empty() && self.search.is_none()
    }

    fn keeps(&self, account: &Account, search: Option<&str>) -> bool {
        let found = |part: &str| {
            account.id.to_string().contains(part)
                || account.provider.as_str().contains(part)
                || account.customer_key.as_ref().is_some_and(|key| key.to_lowercase().contains(part))
                || metadata::mentions(&account.custom_metadata, part)
        };
        metadata::has(&account.custom_metadata, &self.metadata) && search.is_none_or(found)
    }
}

pub(crate) fn insert(account: &Account, secrets: &Secrets) -> Result<Statement, StoreError> {
    let config = secrets.seal(Sealed::AccountConfig, account.id.0, &account.config)?;
    let (link, message, since) = link_columns(&account.link);
    Ok(Statement::any(
        "INSERT INTO accounts (id, workspace_id, provider, display_name, hub_key, config, custom_metadata, \
         customer_key, manages_new_devices, link, link_message, link_since, first_sync_done, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        args![
            account.id,
            account.workspace,
            account.provider.as_str(),
            &account.display_name,
            &account.hub_key,
            config,
            &account.custom_metadata,
            account.customer_key.as_ref(),
            account.manages_new_devices,
            link,
            message,
            since,
            account.first_sync_done,
            account.created_at,
        ],
    ))
}

pub(crate) fn write_link(account: AccountId, link: &LinkState, first_sync_done: bool) -> Statement {
    let (link, message, since) = link_columns(link);
    Statement::one(
        "UPDATE accounts SET link = $2, link_message = $3, link_since = $4, first_sync_done = $5 WHERE id = $1",
        args![account, link, message, since, first_sync_done],
        "account",
    )
}

pub(crate) fn edit(account: AccountId, edit: &AccountEdit) -> Statement {
    Statement::one(
        "UPDATE accounts SET display_name = COALESCE($2, display_name), \
         custom_metadata = COALESCE($3, custom_metadata), customer_key = COALESCE(customer_key, $4), \
         manages_new_devices = COALESCE($5, manages_new_devices) \
         WHERE id = $1 AND COALESCE(customer_key = $4, TRUE)",
        args![
            account,
            edit.display_name.as_ref(),
            edit.custom_metadata.as_ref(),
            edit.customer_key.as_ref(),
            edit.manages_new_devices,
        ],
        "account",
    )
}

/// Deletes an account, its devices and its place in sessions. Its attempts and events stay readable, so none of its
/// attempts may be pending: nobody would be left to end it.
pub(crate) fn delete(account: AccountId) -> Vec<Statement> {
    vec![
        Statement::one("UPDATE accounts SET first_sync_done = 0 WHERE id = $1", args![account], "account"),
        Statement::any("DELETE FROM devices WHERE account_id = $1", args![account]),
        Statement::any("DELETE FROM session_accounts WHERE account_id = $1", args![account]),
        Statement::one(
            "DELETE FROM accounts WHERE id = $1 AND NOT EXISTS \
             (SELECT 1 FROM attempts WHERE account_id = $1 AND ended_at IS NULL)",
            args![account],
            "pending_attempts",
        ),
    ]
}

type LinkColumns<'a> = (&'static str, Option<&'a String>, Option<jiff::Timestamp>);

fn link_columns(link: &LinkState) -> LinkColumns<'_> {
    match link {
        LinkState::Connecting => ("connecting", None, None),
        LinkState::Up => ("up", None, None),
        LinkState::Down { trouble, message, since } => (trouble_word(*trouble), Some(message), Some(*since)),
    }
}

pub(crate) const fn trouble_word(trouble: LinkTrouble) -> &'static str {
    match trouble {
        LinkTrouble::HubDisconnected => "hub_disconnected",
        LinkTrouble::CredentialsRefused => "credentials_refused",
    }
}

pub(crate) fn trouble_from(word: &str) -> Option<LinkTrouble> {
    [LinkTrouble::HubDisconnected, LinkTrouble::CredentialsRefused]
        .into_iter()
        .find(|trouble| trouble_word(*trouble) == word)
}

fn map_link(row: &mut Columns<'_>) -> Result<LinkState, Corrupt> {
    let (word, message, since) = (row.str()?, row.opt_text()?, row.opt_time()?);
    let trouble = match word {
        "connecting" => return Ok(LinkState::Connecting),
        "up" => return Ok(LinkState::Up),
        other => trouble_from(other).ok_or_else(|| Corrupt::new(format!("unknown link state {other:?}")))?,
    };
    let since = since.ok_or_else(|| Corrupt::new("a link is down since no time"))?;
    Ok(LinkState::Down { trouble, message: message.unwrap_or_default(), since })
}

/// Maps a row to an account whose settings are still sealed.
fn map(row: &dyn Row) -> Result<Account, Corrupt> {
    let mut row = Columns::of(row);
    Ok(Account {
        id: row.id()?,
        workspace: row.id()?,
        provider: row.word(Provider::from_word)?,
        display_name: row.text()?,
        hub_key: row.text()?,
        config: row.text()?,
        custom_metadata: row.text()?,
        customer_key: row.opt_text()?,
        manages_new_devices: row.flag()?,
        link: map_link(&mut row)?,
        first_sync_done: row.flag()?,
        created_at: row.time()?,
    })
}

fn open(mut account: Account, secrets: &Secrets) -> Result<Account, StoreError> {
    account.config = secrets.open(Sealed::AccountConfig, account.id.0, &account.config)?;
    Ok(account)
}

fn place(account: &Account) -> Cursor {
    Cursor::at(account.created_at, account.id.0)
}

/// Adds the condition that `column` is an account which `scope` sees.
pub(crate) fn and_seen(sql: &mut Sql, column: &str, scope: &Scope) {
    if let Reach::Session { accounts, .. } = scope.reach() {
        sql.and_in(column, accounts.iter().copied());
    }
}

/// Adds the condition that `column` is an account of this customer.
pub(crate) fn and_of_customer(sql: &mut Sql, column: &str, workspace: WorkspaceId, customer_key: Option<&String>) {
    if let Some(customer_key) = customer_key {
        sql.push(" AND ").push(column).push(" IN (SELECT id FROM accounts WHERE workspace_id = ").bind(workspace);
        sql.push(" AND customer_key = ").bind(customer_key).push(")");
    }
}

/// Adds that `column` is an account granted to the session that holds the user identifier key of this hash.
pub(crate) fn of_user(sql: &mut Sql, column: &str, workspace: WorkspaceId, user_hash: &str) {
    sql.push(column).push(
        " IN (SELECT g.account_id FROM session_accounts g JOIN client_sessions s ON s.id = g.session_id \
         WHERE s.retired = 0 AND s.workspace_id = ",
    );
    sql.bind(workspace).push(" AND s.user_identifier_hash = ").bind(user_hash).push(")");
}

/// Adds the condition that an account is in one of these spaces, or has devices in one.
fn and_in_spaces(sql: &mut Sql, spaces: Option<&Vec<SpaceId>>) {
    let Some(spaces) = spaces else { return };
    sql.push(" AND (id IN (SELECT account_id FROM space_accounts WHERE ").within("space_id", spaces.iter().copied());
    sql.push(") OR id IN (SELECT d.account_id FROM space_devices m JOIN devices d ON d.id = m.device_id WHERE ");
    sql.within("m.space_id", spaces.iter().copied()).push("))");
}

fn list(
    scope: &Scope,
    filter: &AccountFilter,
    secrets: &Secrets,
    after: Option<Cursor>,
    limit: usize,
) -> Query<Account> {
    let mut sql = Sql::new(COLUMNS);
    of_workspace(sql.push(" WHERE "), "workspace_id", scope.workspace(), filter.ids.is_some());
    and_seen(&mut sql, "id", scope);
    if let Some(ids) = &filter.ids {
        sql.and_in("id", ids.iter().copied());
    }
    sql.and_eq("customer_key", filter.customer_key.as_ref());
    if let Some(user_key) = &filter.user_identifier_key {
        let user_hash = user_key_hash(secrets, &scope.workspace().to_string(), user_key);
        of_user(sql.push(" AND "), "id", scope.workspace(), &user_hash);
    }
    and_in_spaces(&mut sql, filter.spaces.as_ref());
    let paged = if filter.ids.is_some() { paged_of_ids } else { paged };
    paged(&mut sql, after, limit);
    sql.query(map)
}

impl Store {
    /// One account. A session sees only those that it was granted.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn account(&self, scope: &Scope, id: AccountId) -> Result<Option<Account>, StoreError> {
        let filter = AccountFilter { ids: Some(vec![id]), ..AccountFilter::default() };
        Ok(self.accounts(scope, &filter, PageRequest::first(1)).await?.items.into_iter().next())
    }

    /// A page of the accounts that `filter` lets through, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn accounts(
        &self,
        scope: &Scope,
        filter: &AccountFilter,
        page: PageRequest,
    ) -> Result<Page<Account>, StoreError> {
        let query = |after, limit| list(scope, filter, self.secrets(), after, limit);
        let found = if filter.is_plain() {
            self.readers().page(page, query, place).await?
        } else {
            let search = filter.search.as_ref().map(|search| search.to_lowercase());
            let keep = |account: &Account| filter.keeps(account, search.as_deref());
            self.readers().page_where(page, query, place, keep).await?
        };
        let items = found.items.into_iter().map(|account| open(account, self.secrets())).collect::<Result<_, _>>()?;
        Ok(Page { items, next: found.next })
    }

    /// How many devices these accounts have together with these devices, managed or not.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn device_count(
        &self,
        scope: &Scope,
        accounts: &[AccountId],
        devices: &[DeviceId],
    ) -> Result<u64, StoreError> {
        let mut sql = Sql::new("SELECT COUNT(*) FROM devices WHERE workspace_id = ");
        sql.bind(scope.workspace()).push(" AND (").within("account_id", accounts.iter().copied());
        sql.push(" OR ").within("id", devices.iter().copied()).push(")");
        devices::and_seen(&mut sql, "account_id", "id", scope);
        Ok(self.readers().one(sql.query(one_integer)).await?.unsigned_abs())
    }

    /// How many devices each account in scope has, managed or not. Accounts without devices are left out.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn device_counts(&self, scope: &Scope) -> Result<HashMap<AccountId, u64>, StoreError> {
        let mut sql = Sql::new("SELECT account_id, COUNT(*) FROM devices WHERE workspace_id = ");
        sql.bind(scope.workspace());
        devices::and_seen(&mut sql, "account_id", "id", scope);
        sql.push(" GROUP BY account_id");
        let query = sql.query(|row| {
            let mut row = Columns::of(row);
            Ok((row.id()?, row.integer()?.unsigned_abs()))
        });
        Ok(self.readers().all(query).await?.into_iter().collect())
    }

    /// These accounts of the installation, oldest first: for a node that serves them.
    pub(crate) async fn accounts_with(&self, ids: &[AccountId]) -> Result<Vec<Account>, StoreError> {
        let mut sql = Sql::new(COLUMNS);
        sql.push(" WHERE ").within("id", ids.iter().copied()).push(" ORDER BY created_at, id");
        let accounts = self.readers().all(sql.query(map)).await?;
        accounts.into_iter().map(|account| open(account, self.secrets())).collect()
    }

    /// Every account of the installation: for the engine's start.
    pub(crate) async fn every_account(&self) -> Result<Vec<Account>, StoreError> {
        let sql = format!("{COLUMNS} ORDER BY created_at, id").into();
        let accounts = self.readers().all(Query { sql, args: Vec::new(), map }).await?;
        accounts.into_iter().map(|account| open(account, self.secrets())).collect()
    }
}
