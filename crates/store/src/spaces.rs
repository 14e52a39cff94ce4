//! Spaces and what was put into them.

use std::collections::HashMap;

use thumbturn_core::ids::{AccountId, DeviceId, SpaceId};
use thumbturn_core::ports::StoreError;
use thumbturn_core::scope::{Reach, Scope};
use thumbturn_core::spaces::{Members, Occupied, Space, SpaceEdit};

use crate::Store;
use crate::error::Corrupt;
use crate::page::{Cursor, Page, PageRequest, of_workspace, paged, paged_of_ids};
use crate::sql::Sql;
use crate::statement::{Columns, Query, Row, Statement, args, one_id};

const COLUMNS: &str = "SELECT id, workspace_id, name, space_key, customer_key, customer_data, created_at FROM spaces";

/// The spaces that an account is in, or some of its devices are.
const AROUND: &str = "WITH around (id) AS (SELECT space_id FROM space_accounts WHERE account_id = $1 \
     UNION SELECT m.space_id FROM space_devices m JOIN devices d ON d.id = m.device_id WHERE d.account_id = $1)";

/// The spaces that an account itself is in.
const HOLDING: &str = "WITH around (id) AS (SELECT space_id FROM space_accounts WHERE account_id = $1)";

/// Every device of every space, once: put there by itself or with its account.
const IN_SPACES: &str = "(SELECT space_id, device_id FROM space_devices UNION SELECT a.space_id, d.id \
     FROM space_accounts a JOIN devices d ON d.account_id = a.account_id) m";

const BY_ITSELF: &str = "JOIN space_devices m ON m.device_id = d.id";
const WITH_ACCOUNT: &str = "JOIN space_accounts m ON m.account_id = d.account_id";

/// Which spaces are wanted. Conditions combine with *and*; an empty list lets nothing through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpaceFilter {
    /// Only these.
    pub ids: Option<Vec<SpaceId>>,
    /// Those with one of these keys.
    pub keys: Option<Vec<String>>,
    /// Those of this customer.
    pub customer_key: Option<String>,
    /// Those with this account in them, or with a device of it.
    pub account: Option<AccountId>,
    /// A part of the name, the key or the customer key; case does not matter.
    pub search: Option<String>,
}

pub(crate) fn insert(space: &Space, members: &Members) -> Vec<Statement> {
    let insert = Statement::any(
        "INSERT INTO spaces (id, workspace_id, name, space_key, customer_key, customer_data, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        args![
            space.id,
            space.workspace,
            &space.name,
            space.key.as_ref(),
            space.customer_key.as_ref(),
            &space.customer_data,
            space.created_at,
        ],
    );
    std::iter::once(insert).chain(put(space.id, members)).collect()
}

pub(crate) fn change(space: SpaceId, edit: &SpaceEdit, joined: &Members, left: &Members) -> Vec<Statement> {
    let edit = Statement::one(
        "UPDATE spaces SET name = COALESCE($2, name), customer_data = COALESCE($3, customer_data) WHERE id = $1",
        args![space, edit.name.as_ref(), edit.customer_data.as_ref()],
        "space",
    );
    std::iter::once(edit).chain(take(space, left)).chain(put(space, joined)).collect()
}

pub(crate) fn delete(space: SpaceId) -> Statement {
    Statement::one("DELETE FROM spaces WHERE id = $1", args![space], "space")
}

/// Puts devices and accounts of the space's own workspace into it, and no others.
fn put(space: SpaceId, members: &Members) -> impl Iterator<Item = Statement> {
    let device = move |device: &DeviceId| {
        Statement::one(
            "INSERT INTO space_devices (space_id, device_id) SELECT s.id, d.id FROM spaces s \
             JOIN devices d ON d.workspace_id = s.workspace_id WHERE s.id = $1 AND d.id = $2",
            args![space, *device],
            "member",
        )
    };
    let account = move |account: &AccountId| {
        Statement::one(
            "INSERT INTO space_accounts (space_id, account_id) SELECT s.id, a.id FROM spaces s \
             JOIN accounts a ON a.workspace_id = s.workspace_id WHERE s.id = $1 AND a.id = $2",
            args![space, *account],
            "member",
        )
    };
    members.devices.iter().map(device).chain(members.accounts.iter().map(account))
}

/// Takes devices and accounts out of a space, where they are in it.
fn take(space: SpaceId, members: &Members) -> impl Iterator<Item = Statement> {
    let device = move |device: &DeviceId| {
        let sql = "DELETE FROM space_devices WHERE space_id = $1 AND device_id = $2";
        Statement::any(sql, args![space, *device])
    };
    let account = move |account: &AccountId| {
        let sql = "DELETE FROM space_accounts WHERE space_id = $1 AND account_id = $2";
        Statement::any(sql, args![space, *account])
    };
    members.devices.iter().map(device).chain(members.accounts.iter().map(account))
}

fn map(row: &dyn Row) -> Result<Space, Corrupt> {
    map_space(&mut Columns::of(row))
}

fn map_space(row: &mut Columns<'_>) -> Result<Space, Corrupt> {
    Ok(Space {
        id: row.id()?,
        workspace: row.id()?,
        name: row.text()?,
        key: row.opt_text()?,
        customer_key: row.opt_text()?,
        customer_data: row.text()?,
        created_at: row.time()?,
    })
}

/// Maps a row to a space around an account, without its devices.
fn map_around(row: &dyn Row) -> Result<Occupied, Corrupt> {
    let mut row = Columns::of(row);
    Ok(Occupied { space: map_space(&mut row)?, has_account: row.flag()?, devices: Vec::new() })
}

fn place(space: &Space) -> Cursor {
    Cursor::at(space.created_at, space.id.0)
}

/// Adds the condition that the spaces in question are in scope: a session sees none.
fn and_seen(sql: &mut Sql, scope: &Scope) {
    if matches!(scope.reach(), Reach::Session { .. }) {
        sql.push(" AND 1 = 0");
    }
}

fn list(scope: &Scope, filter: &SpaceFilter, after: Option<Cursor>, limit: usize) -> Query<Space> {
    let mut sql = Sql::new(COLUMNS);
    of_workspace(sql.push(" WHERE "), "workspace_id", scope.workspace(), filter.ids.is_some());
    and_seen(&mut sql, scope);
    if let Some(ids) = &filter.ids {
        sql.and_in("id", ids.iter().copied());
    }
    if let Some(keys) = &filter.keys {
        sql.and_in("space_key", keys);
    }
    sql.and_eq("customer_key", filter.customer_key.as_ref());
    if let Some(account) = filter.account {
        sql.push(" AND (id IN (SELECT space_id FROM space_accounts WHERE account_id = ").bind(account);
        sql.push(
            ") OR id IN (SELECT m.space_id FROM space_devices m JOIN devices d ON d.id = m.device_id \
             WHERE d.account_id = ",
        );
        sql.bind(account).push("))");
    }
    let paged = if filter.ids.is_some() { paged_of_ids } else { paged };
    paged(&mut sql, after, limit);
    sql.query(map)
}

/// Whether a search for `part`, in lower case, finds the space.
fn mentions(space: &Space, part: &str) -> bool {
    [Some(&space.name), space.key.as_ref(), space.customer_key.as_ref()]
        .into_iter()
        .flatten()
        .any(|text| text.to_lowercase().contains(part))
}

impl Store {
    /// A page of the spaces that `filter` lets through, oldest first. A session sees none.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn spaces(
        &self,
        scope: &Scope,
        filter: &SpaceFilter,
        page: PageRequest,
    ) -> Result<Page<Space>, StoreError> {
        let query = |after, limit| list(scope, filter, after, limit);
        match filter.search.as_ref().map(|search| search.to_lowercase()) {
            None => self.readers().page(page, query, place).await,
            Some(part) => self.readers().page_where(page, query, place, |space| mentions(space, &part)).await,
        }
    }

    /// What was put into a space, in the order of the ids.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn space_members(&self, scope: &Scope, space: SpaceId) -> Result<Members, StoreError> {
        let devices =
            "SELECT m.device_id FROM space_devices m JOIN spaces s ON s.id = m.space_id WHERE s.workspace_id = ";
        let accounts =
            "SELECT m.account_id FROM space_accounts m JOIN spaces s ON s.id = m.space_id WHERE s.workspace_id = ";
        let query = |text, order| {
            let mut sql = Sql::new(text);
            sql.bind(scope.workspace()).and_eq("s.id", Some(space));
            and_seen(&mut sql, scope);
            sql.push(order);
            sql
        };
        Ok(Members {
            devices: self.readers().all(query(devices, " ORDER BY m.device_id").query(one_id)).await?,
            accounts: self.readers().all(query(accounts, " ORDER BY m.account_id").query(one_id)).await?,
        })
    }

    /// The devices that these members bring into a space, managed or not, oldest first. What is out of scope is left
    /// out.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn devices_of_members(&self, scope: &Scope, members: &Members) -> Result<Vec<DeviceId>, StoreError> {
        if members.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = Sql::new("SELECT id FROM devices WHERE workspace_id = ");
        sql.bind(scope.workspace()).push(" AND (").within("id", members.devices.iter().copied());
        sql.push(" OR ").within("account_id", members.accounts.iter().copied()).push(")");
        crate::devices::and_seen(&mut sql, "account_id", "id", scope);
        sql.push(" ORDER BY created_at, id");
        self.readers().all(sql.query(one_id)).await
    }

    /// How many devices are in each of these spaces, managed or not. Spaces without devices are left out.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn space_sizes(&self, scope: &Scope, spaces: &[SpaceId]) -> Result<HashMap<SpaceId, u64>, StoreError> {
        if spaces.is_empty() {
            return Ok(HashMap::new());
        }
        let mut sql = Sql::new("SELECT m.space_id, COUNT(*) FROM ");
        sql.push(IN_SPACES).push(" JOIN spaces s ON s.id = m.space_id WHERE s.workspace_id = ").bind(scope.workspace());
        sql.and_in("m.space_id", spaces.iter().copied());
        and_seen(&mut sql, scope);
        sql.push(" GROUP BY m.space_id");
        let query = sql.query(|row| {
            let mut row = Columns::of(row);
            Ok((row.id()?, row.integer()?.unsigned_abs()))
        });
        Ok(self.readers().all(query).await?.into_iter().collect())
    }

    /// The spaces that each of these devices is in, in the order of the ids. Devices in no space, and those out of
    /// scope, are left out.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn spaces_of(
        &self,
        scope: &Scope,
        devices: &[DeviceId],
    ) -> Result<HashMap<DeviceId, Vec<SpaceId>>, StoreError> {
        if devices.is_empty() {
            return Ok(HashMap::new());
        }
        // By itself, and with its account. From each of the devices, not through all that are in a space.
        let mut sql = Sql::new("");
        for (begin, place) in [("", BY_ITSELF), (" UNION ", WITH_ACCOUNT)] {
            sql.push(begin).push("SELECT d.id, m.space_id FROM devices d ").push(place).push(" WHERE ");
            of_workspace(&mut sql, "d.workspace_id", scope.workspace(), true);
            crate::devices::and_seen(&mut sql, "d.account_id", "d.id", scope);
            sql.and_in("d.id", devices.iter().copied());
        }
        sql.push(" ORDER BY 2");
        let query = sql.query(|row| {
            let mut row = Columns::of(row);
            Ok((row.id()?, row.id()?))
        });
        let mut spaces: HashMap<DeviceId, Vec<SpaceId>> = HashMap::new();
        for (device, space) in self.readers().all(query).await? {
            spaces.entry(device).or_default().push(space);
        }
        Ok(spaces)
    }

    /// The spaces that an account is in, or some of its devices are, with all their devices, oldest first: for the
    /// engine.
    pub(crate) async fn every_space_around(&self, account: AccountId) -> Result<Vec<Occupied>, StoreError> {
        self.occupied(AROUND, account).await
    }

    /// Those that the account itself is in: for the engine.
    pub(crate) async fn every_space_holding(&self, account: AccountId) -> Result<Vec<Occupied>, StoreError> {
        self.occupied(HOLDING, account).await
    }

    /// The spaces that `around` names, with all their devices, oldest first.
    async fn occupied(&self, around: &str, account: AccountId) -> Result<Vec<Occupied>, StoreError> {
        let spaces = format!(
            "{around} SELECT s.id, s.workspace_id, s.name, s.space_key, s.customer_key, s.customer_data, s.created_at, \
             (SELECT COUNT(*) FROM space_accounts a WHERE a.space_id = s.id AND a.account_id = $1) \
             FROM spaces s JOIN around r ON r.id = s.id ORDER BY s.created_at, s.id"
        );
        let query = Query { sql: spaces.into(), args: args![account], map: map_around };
        let mut occupied = self.readers().all(query).await?;
        if occupied.is_empty() {
            return Ok(occupied);
        }
        let inside = format!(
            "{around} SELECT m.space_id, m.device_id FROM (SELECT i.space_id, i.device_id FROM space_devices i \
             JOIN around r ON r.id = i.space_id UNION SELECT a.space_id, d.id FROM space_accounts a \
             JOIN around r ON r.id = a.space_id JOIN devices d ON d.account_id = a.account_id) m \
             JOIN devices d ON d.id = m.device_id ORDER BY d.created_at, d.id"
        );
        let query = Query {
            sql: inside.into(),
            args: args![account],
            map: |row| {
                let mut row = Columns::of(row);
                Ok((row.id::<SpaceId>()?, row.id()?))
            },
        };
        let mut devices: HashMap<SpaceId, Vec<DeviceId>> = HashMap::new();
        for (space, device) in self.readers().all(query).await? {
            devices.entry(space).or_default().push(device);
        }
        for room in &mut occupied {
            room.devices = devices.remove(&room.space.id).unwrap_or_default();
        }
        Ok(occupied)
    }
}
