//! Lists of devices and their filters.

use jiff::Timestamp;
use thumbturn_core::devices::Device;
use thumbturn_core::ids::{AccountId, DeviceId, SpaceId, UserIdentityId, WorkspaceId};
use thumbturn_core::ports::StoreError;
use thumbturn_core::scope::Scope;

use crate::Store;
use crate::accounts::{and_of_customer, of_user};
use crate::devices::{COLUMNS, and_seen, map};
use crate::metadata::{self, MetadataValue};
use crate::page::{Cursor, Page, PageRequest, of_workspace, paged, paged_of_ids};
use crate::secrets::Secrets;
use crate::sessions::user_key_hash;
use crate::sql::Sql;
use crate::statement::Query;

/// A search for a shorter text than this does not look at device ids.
const ID_PREFIX: usize = 4;

/// Which devices are wanted. Conditions combine with *and*; an empty list lets nothing through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceFilter {
    /// Only these.
    pub ids: Option<Vec<DeviceId>>,
    /// Those of these accounts.
    pub accounts: Option<Vec<AccountId>>,
    /// Those of this customer's accounts.
    pub customer_key: Option<String>,
    /// Those that the session which holds this user identifier key sees.
    pub user_identifier_key: Option<String>,
    /// Those in one of these spaces.
    pub spaces: Option<Vec<SpaceId>>,
    /// Those granted to this user identity.
    pub granted_to: Option<UserIdentityId>,
    /// Those of these types.
    pub device_types: Option<Vec<String>>,
    /// Those of this maker; case does not matter.
    pub manufacturer: Option<String>,
    /// Those first seen before this time.
    pub created_before: Option<Timestamp>,
    /// What their custom metadata must have.
    pub metadata: Vec<(String, MetadataValue)>,
    /// The beginning of the id (4 characters or more), or a part of the account's id, the shown name or a value of the
    /// custom metadata; case does not matter.
    pub search: Option<String>,
    /// Managed or unmanaged ones; `None` for both.
    pub managed: Option<bool>,
}

impl DeviceFilter {
    /// Managed devices.
    #[must_use]
    pub fn managed() -> Self {
        Self { managed: Some(true), ..Self::default() }
    }

    /// Unmanaged devices.
    #[must_use]
    pub fn unmanaged() -> Self {
        Self { managed: Some(false), ..Self::default() }
    }

    fn is_plain(&self) -> bool {
        self.metadata.is_empty() && self.search.is_none()
    }

    fn keeps(&self, device: &Device, search: Option<&str>) -> bool {
        metadata::has(&device.custom_metadata, &self.metadata) && search.is_none_or(|part| mentions(device, part))
    }
}

/// Whether a search for `part`, in lower case, finds the device.
fn mentions(device: &Device, part: &str) -> bool {
    let name = device.nickname.as_ref().unwrap_or(&device.about.name);
    (part.chars().count() >= ID_PREFIX && device.id.to_string().starts_with(part))
        || device.account.to_string().contains(part)
        || name.to_lowercase().contains(part)
        || metadata::mentions(&device.custom_metadata, part)
}

/// Adds the condition that a device may be seen by the session that holds this user identifier key: its account or
/// itself was granted.
fn and_of_user(sql: &mut Sql, workspace: WorkspaceId, user_key: Option<&String>, secrets: &Secrets) {
    let Some(user_key) = user_key else { return };
    let user_hash = user_key_hash(secrets, &workspace.to_string(), user_key);
    of_user(sql.push(" AND ("), "account_id", workspace, &user_hash);
    sql.push(
        " OR id IN (SELECT g.device_id FROM device_grants g JOIN client_sessions s \
         ON s.user_identity_id = g.user_identity_id WHERE s.retired = 0 AND s.workspace_id = ",
    );
    sql.bind(workspace).push(" AND s.user_identifier_hash = ").bind(user_hash).push("))");
}

/// Adds the condition that a device is in one of these spaces, by itself or with its account.
fn and_in_spaces(sql: &mut Sql, spaces: Option<&Vec<SpaceId>>) {
    let Some(spaces) = spaces else { return };
    sql.push(" AND (id IN (SELECT device_id FROM space_devices WHERE ").within("space_id", spaces.iter().copied());
    sql.push(") OR account_id IN (SELECT account_id FROM space_accounts WHERE ");
    sql.within("space_id", spaces.iter().copied()).push("))");
}

/// Adds the condition that a device was granted to this user identity.
fn and_granted_to(sql: &mut Sql, identity: Option<UserIdentityId>) {
    if let Some(identity) = identity {
        sql.push(" AND id IN (SELECT device_id FROM device_grants WHERE user_identity_id = ").bind(identity).push(")");
    }
}

fn list(scope: &Scope, filter: &DeviceFilter, secrets: &Secrets, after: Option<Cursor>, limit: usize) -> Query<Device> {
    let mut sql = Sql::new(COLUMNS);
    of_workspace(sql.push(" WHERE "), "workspace_id", scope.workspace(), filter.ids.is_some());
    and_seen(&mut sql, "account_id", "id", scope);
    if let Some(ids) = &filter.ids {
        sql.and_in("id", ids.iter().copied());
    }
    if let Some(accounts) = &filter.accounts {
        sql.and_in("account_id", accounts.iter().copied());
    }
    if let Some(types) = &filter.device_types {
        sql.and_in("device_type", types);
    }
    and_of_customer(&mut sql, "account_id", scope.workspace(), filter.customer_key.as_ref());
    and_of_user(&mut sql, scope.workspace(), filter.user_identifier_key.as_ref(), secrets);
    and_in_spaces(&mut sql, filter.spaces.as_ref());
    and_granted_to(&mut sql, filter.granted_to);
    sql.and_eq("manufacturer", filter.manufacturer.as_ref().map(|name| name.to_lowercase()));
    sql.and_eq("is_managed", filter.managed);
    if let Some(before) = filter.created_before {
        sql.push(" AND created_at < ").bind(before);
    }
    let paged = if filter.ids.is_some() { paged_of_ids } else { paged };
    paged(&mut sql, after, limit);
    sql.query(map)
}

impl Store {
    /// A page of the devices that `filter` lets through, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn devices(
        &self,
        scope: &Scope,
        filter: &DeviceFilter,
        page: PageRequest,
    ) -> Result<Page<Device>, StoreError> {
        if filter.is_plain() {
            let query = |after, limit| list(scope, filter, self.secrets(), after, limit);
            return self.readers().page(page, query, place).await;
        }
        self.devices_where(scope, filter, page, |_| true).await
    }

    /// The same, of those for which `keep` holds as well: for conditions on what only the caller can work out, such as
    /// capability flags. Pages are as full as without.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn devices_where(
        &self,
        scope: &Scope,
        filter: &DeviceFilter,
        page: PageRequest,
        keep: impl Fn(&Device) -> bool + Send + Sync,
    ) -> Result<Page<Device>, StoreError> {
        let search = filter.search.as_ref().map(|search| search.to_lowercase());
        let query = |after, limit| list(scope, filter, self.secrets(), after, limit);
        let keep = |device: &Device| filter.keeps(device, search.as_deref()) && keep(device);
        self.readers().page_where(page, query, place, keep).await
    }
}

fn place(device: &Device) -> Cursor {
    Cursor::at(device.created_at, device.id.0)
}
