//! Devices: rows, the statements of their changes, and reads of single ones. Lists are in [`crate::device_list`].

use thumbturn_core::accounts::Provider;
use thumbturn_core::commands::AutoLock;
use thumbturn_core::devices::{About, Device, DeviceState, Editable, OfflineBecause, Reach};
use thumbturn_core::ids::{AccountId, DeviceId, NativeId};
use thumbturn_core::locks::{Bolt, Route};
use thumbturn_core::ports::StoreError;
use thumbturn_core::scope::{self, Scope, Visibility};

use crate::Store;
use crate::error::Corrupt;
use crate::sql::Sql;
use crate::statement::{Columns, Query, Row, Statement, Value, args};

pub(crate) const COLUMNS: &str = "SELECT id, workspace_id, account_id, provider, native_id, name, device_type, \
     manufacturer, manufacturer_name, model, serial_number, can_lock, can_unlock, can_configure_auto_lock, has_keypad, has_direct_power, \
     nickname, custom_metadata, is_managed, time_zone, bolt, fresh, jammed_since, door_open, reach, reach_since, battery, \
     auto_lock_s, subscription_ended_since, reported_at, created_at FROM devices";

/// What a scope finds under a device's id or name.
#[derive(Clone, Debug, PartialEq)]
pub enum DeviceLookup {
    /// It may be seen.
    Found(Box<Device>),
    /// It exists in the workspace, but was not granted to the session.
    Refused,
    /// There is no such device in the workspace.
    NotFound,
}

const fn bolt_word(bolt: Bolt) -> &'static str {
    match bolt {
        Bolt::Locked => "locked",
        Bolt::Unlocked => "unlocked",
    }
}

pub(crate) fn bolt_from(word: &str) -> Option<Bolt> {
    [Bolt::Locked, Bolt::Unlocked].into_iter().find(|bolt| bolt_word(*bolt) == word)
}

/// The contract has one word for both kinds of hubs.
pub(crate) const fn because_word(because: OfflineBecause) -> &'static str {
    match because {
        OfflineBecause::OwnHubDisconnected => "own_hub_disconnected",
        _ => because.as_str(),
    }
}

pub(crate) fn because_from(word: &str) -> Option<OfflineBecause> {
    use OfflineBecause::{AccountDisconnected, DeviceDisconnected, DeviceRemoved, HubDisconnected, OwnHubDisconnected};
    [DeviceDisconnected, HubDisconnected, OwnHubDisconnected, AccountDisconnected, DeviceRemoved]
        .into_iter()
        .find(|because| because_word(*because) == word)
}

/// An auto-lock as a number of seconds; 0: never.
fn auto_lock_seconds(auto_lock: AutoLock) -> i64 {
    match auto_lock {
        AutoLock::Off => 0,
        AutoLock::After(seconds) => seconds.into(),
    }
}

fn auto_lock_from(seconds: i64) -> Result<AutoLock, Corrupt> {
    match u32::try_from(seconds) {
        Ok(0) => Ok(AutoLock::Off),
        Ok(seconds) => Ok(AutoLock::After(seconds)),
        Err(_) => Err(Corrupt::new(format!("an auto-lock after {seconds} seconds"))),
    }
}

/// The columns of a state, in the order of the table.
fn state_values(state: &DeviceState) -> Vec<Value> {
    let (reach, since) = match state.reach {
        Reach::Unknown => ("unknown", None),
        Reach::Online => ("online", None),
        Reach::Offline { because, since } => (because_word(because), Some(since)),
    };
    args![
        state.bolt.map(bolt_word),
        state.fresh,
        state.jammed_since,
        state.door_open,
        reach,
        since,
        state.battery,
        state.auto_lock.map(auto_lock_seconds),
        state.subscription_ended_since,
        state.reported_at,
    ]
}

pub(crate) const WRITE_STATE: &str = "UPDATE devices SET bolt = $1, fresh = $2, jammed_since = $3, door_open = $4, reach = $5, \
     reach_since = $6, battery = $7, auto_lock_s = $8, subscription_ended_since = $9, reported_at = $10 WHERE id = $11";

/// Writes a state, if the device is still there.
pub(crate) fn write_state(device: DeviceId, state: &DeviceState) -> Statement {
    let mut args = state_values(state);
    args.push(device.into());
    Statement::any(WRITE_STATE, args)
}

/// Writes the state of a device that must be there.
pub(crate) fn must_write_state(device: DeviceId, state: &DeviceState) -> Statement {
    let Statement { sql, args, .. } = write_state(device, state);
    Statement::one(sql, args, "device")
}

/// Marks every state as not fresh: nothing was heard since this run of the program began.
pub(crate) const fn mark_stale() -> Statement {
    Statement::any("UPDATE devices SET fresh = 0 WHERE fresh = 1", Vec::new())
}

pub(crate) fn upsert(device: &Device) -> Statement {
    let about = &device.about;
    let mut args = args![
        device.id,
        device.workspace,
        device.account,
        device.provider.as_str(),
        &about.native,
        &about.name,
        &about.device_type,
        &about.manufacturer,
        &about.manufacturer_name,
        &about.model,
        about.serial_number.as_ref(),
        about.can_lock,
        about.can_unlock,
        about.can_configure_auto_lock,
        about.has_keypad,
        about.has_direct_power,
        device.nickname.as_ref(),
        &device.custom_metadata,
        device.is_managed,
        device.time_zone.as_ref(),
    ];
    args.extend(state_values(&device.state));
    args.push(device.created_at.into());
    Statement::one(UPSERT, args, "device")
}

/// A device never changes its account, so that an id cannot be taken over.
const UPSERT: &str = "INSERT INTO devices (id, workspace_id, account_id, provider, native_id, name, device_type, \
     manufacturer, manufacturer_name, model, serial_number, can_lock, can_unlock, can_configure_auto_lock, \
     has_keypad, has_direct_power, nickname, custom_metadata, is_managed, time_zone, bolt, fresh, jammed_since, door_open, \
     reach, reach_since, battery, auto_lock_s, subscription_ended_since, reported_at, created_at) VALUES ($1, $2, $3, \
     $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, \
     $27, $28, $29, $30, $31) \
     ON CONFLICT (id) DO UPDATE SET native_id = excluded.native_id, name = excluded.name, \
     device_type = excluded.device_type, manufacturer = excluded.manufacturer, \
     manufacturer_name = excluded.manufacturer_name, model = excluded.model, serial_number = excluded.serial_number, \
     can_lock = excluded.can_lock, can_unlock = excluded.can_unlock, \
     can_configure_auto_lock = excluded.can_configure_auto_lock, has_keypad = excluded.has_keypad, \
     has_direct_power = excluded.has_direct_power, bolt = excluded.bolt, fresh = excluded.fresh, \
     jammed_since = excluded.jammed_since, door_open = excluded.door_open, reach = excluded.reach, \
     reach_since = excluded.reach_since, battery = excluded.battery, auto_lock_s = excluded.auto_lock_s, \
     subscription_ended_since = excluded.subscription_ended_since, reported_at = excluded.reported_at \
     WHERE devices.account_id = excluded.account_id AND devices.workspace_id = excluded.workspace_id";

/// Deletes a device. Its attempts and events stay readable, so none of its attempts may be pending.
pub(crate) fn delete(device: DeviceId) -> Vec<Statement> {
    vec![Statement::one(
        "DELETE FROM devices WHERE id = $1 AND NOT EXISTS \
         (SELECT 1 FROM attempts WHERE account_id = devices.account_id AND device_id = $1 AND ended_at IS NULL)",
        args![device],
        "device",
    )]
}

pub(crate) fn tell_time_zone(device: DeviceId, time_zone: &String) -> Statement {
    Statement::one("UPDATE devices SET time_zone = $2 WHERE id = $1", args![device, time_zone], "device")
}

pub(crate) fn edit(device: DeviceId, before: Editable, after: Editable) -> Statement {
    Statement::one(
        "UPDATE devices SET nickname = $1, custom_metadata = $2, is_managed = $3 WHERE id = $4 \
         AND nickname IS NOT DISTINCT FROM $5 AND custom_metadata = $6 AND is_managed = $7",
        args![
            after.nickname,
            after.custom_metadata,
            after.is_managed,
            device,
            before.nickname,
            before.custom_metadata,
            before.is_managed,
        ],
        "device_edited",
    )
}

pub(crate) fn map(row: &dyn Row) -> Result<Device, Corrupt> {
    let row = &mut Columns::of(row);
    Ok(Device {
        id: row.id()?,
        workspace: row.id()?,
        account: row.id()?,
        provider: row.word(Provider::from_word)?,
        about: map_about(row)?,
        nickname: row.opt_text()?,
        custom_metadata: row.text()?,
        is_managed: row.flag()?,
        time_zone: row.opt_text()?,
        state: map_state(row)?,
        created_at: row.time()?,
    })
}

fn map_about(row: &mut Columns<'_>) -> Result<About, Corrupt> {
    Ok(About {
        native: NativeId(row.text()?),
        name: row.text()?,
        device_type: row.text()?,
        manufacturer: row.text()?,
        manufacturer_name: row.text()?,
        model: row.text()?,
        serial_number: row.opt_text()?,
        can_lock: row.flag()?,
        can_unlock: row.flag()?,
        can_configure_auto_lock: row.flag()?,
        has_keypad: row.flag()?,
        has_direct_power: row.flag()?,
    })
}

fn map_state(row: &mut Columns<'_>) -> Result<DeviceState, Corrupt> {
    let bolt = row.opt_str()?;
    let bolt = bolt.map(|word| bolt_from(word).ok_or_else(|| Corrupt::new(format!("unknown bolt {word:?}"))));
    Ok(DeviceState {
        bolt: bolt.transpose()?,
        fresh: row.flag()?,
        jammed_since: row.opt_time()?,
        door_open: row.opt_flag()?,
        reach: map_reach(row)?,
        battery: row.opt_real()?,
        auto_lock: row.opt_integer()?.map(auto_lock_from).transpose()?,
        subscription_ended_since: row.opt_time()?,
        reported_at: row.opt_time()?,
    })
}

fn map_reach(row: &mut Columns<'_>) -> Result<Reach, Corrupt> {
    let (word, since) = (row.str()?, row.opt_time()?);
    match (word, because_from(word), since) {
        ("unknown", ..) => Ok(Reach::Unknown),
        ("online", ..) => Ok(Reach::Online),
        (_, Some(because), Some(since)) => Ok(Reach::Offline { because, since }),
        _ => Err(Corrupt::new(format!("unknown reach {word:?}"))),
    }
}

fn map_route(row: &dyn Row) -> Result<Route, Corrupt> {
    let row = &mut Columns::of(row);
    Ok(Route {
        device: row.id()?,
        workspace: row.id()?,
        account: row.id()?,
        is_managed: row.flag()?,
        can_lock: row.flag()?,
        can_unlock: row.flag()?,
        can_configure_auto_lock: row.flag()?,
        has_keypad: row.flag()?,
        is_limited_like_real: row.flag()?,
        is_removed: map_reach(row)?.is_removed(),
    })
}

/// Adds the condition that a device, whose id is in `device` and its account's in `account`, is one which `scope` sees:
/// the condition of [`Scope::judge`] within a workspace.
pub(crate) fn and_seen(sql: &mut Sql, account: &str, device: &str, scope: &Scope) {
    if let scope::Reach::Session { accounts, devices, .. } = scope.reach() {
        sql.push(" AND (").within(account, accounts.iter().copied());
        sql.push(" OR ").within(device, devices.iter().copied()).push(")");
    }
}

/// What `scope` may know of `devices`, which all have what was looked for: the first that it may see.
fn look(scope: &Scope, devices: Vec<Device>) -> DeviceLookup {
    let mut lookup = DeviceLookup::NotFound;
    for device in devices {
        match scope.judge(device.workspace, device.account, device.id) {
            Visibility::Visible => return DeviceLookup::Found(Box::new(device)),
            Visibility::Refused => lookup = DeviceLookup::Refused,
            Visibility::Invisible => {}
        }
    }
    lookup
}

impl Store {
    /// What is needed to begin an action on a device, of whatever workspace: the caller judges it by its scope
    /// ([`thumbturn_core::locks::may_begin`]). Cached.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn route(&self, device: DeviceId) -> Result<Option<Route>, StoreError> {
        let ticket = match self.caches().routes.get(&device) {
            Ok(route) => return Ok(Some(route)),
            Err(ticket) => ticket,
        };
        let sql = "SELECT id, workspace_id, account_id, is_managed, can_lock, can_unlock, can_configure_auto_lock, \
                   has_keypad, limited_like_real, reach, reach_since \
                   FROM devices WHERE id = $1";
        let found = self.readers().first(Query { sql: sql.into(), args: args![device], map: map_route }).await?;
        if let Some(route) = &found {
            self.caches().routes.insert(device, route.clone(), ticket);
        }
        Ok(found)
    }

    /// One device, managed or not.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn device(&self, scope: &Scope, id: DeviceId) -> Result<DeviceLookup, StoreError> {
        let sql = format!("{COLUMNS} WHERE id = $1 AND workspace_id = $2").into();
        let found = self.readers().all(Query { sql, args: args![id, scope.workspace()], map }).await?;
        Ok(look(scope, found))
    }

    /// The oldest device that is shown under this name (its nickname if it has one, else its hub's name for it),
    /// managed or not.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn device_by_name(&self, scope: &Scope, name: &str, managed: bool) -> Result<DeviceLookup, StoreError> {
        let sql = format!(
            "{COLUMNS} WHERE workspace_id = $1 AND COALESCE(nickname, name) = $2 AND is_managed = $3 \
             ORDER BY created_at, id"
        );
        let query = Query { sql: sql.into(), args: args![scope.workspace(), name, managed], map };
        Ok(look(scope, self.readers().all(query).await?))
    }

    /// The devices of one account: for the engine's start.
    pub(crate) async fn every_device_of(&self, account: AccountId) -> Result<Vec<Device>, StoreError> {
        let sql = format!("{COLUMNS} WHERE account_id = $1 ORDER BY created_at, id").into();
        self.readers().all(Query { sql, args: args![account], map }).await
    }
}
