//! Events: written with the change that they tell of, read in the order of commits.

use std::borrow::Cow;

use jiff::Timestamp;
use thumbturn_core::events::{Event, RecordedEvent};
use thumbturn_core::ids::{AccountId, DeviceId, EventId, SpaceId, WorkspaceId};
use thumbturn_core::ports::StoreError;
use thumbturn_core::scope::Scope;

use crate::Store;
use crate::accounts::and_of_customer;
use crate::devices::and_seen;
use crate::error::Corrupt;
use crate::event_detail;
use crate::listeners::EventsWatch;
use crate::page::of_workspace;
use crate::sql::{DeviceIndex, Sql};
use crate::statement::{Columns, Query, Row, Statement, Value, args};

const COLUMNS: &str = "SELECT e.sequence, e.created_at, e.event_id, e.workspace_id, e.account_id, e.device_id, \
     e.occurred_at, e.type, e.attempt_id, e.detail, d.custom_metadata, a.custom_metadata FROM events e \
     LEFT JOIN devices d ON d.id = e.device_id LEFT JOIN accounts a ON a.id = e.account_id";

/// Which events are wanted. Conditions combine with *and*; an empty list lets nothing through, and an event without
/// the thing that is asked for does not match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Committed after this time.
    pub after: Option<Timestamp>,
    /// Committed before this time.
    pub before: Option<Timestamp>,
    /// After this place in commit order: for a live stream, which must miss nothing.
    pub after_sequence: Option<i64>,
    /// Only these.
    pub ids: Option<Vec<EventId>>,
    /// Of these types, in the contract's words.
    pub types: Option<Vec<String>>,
    /// About these devices.
    pub devices: Option<Vec<DeviceId>>,
    /// About these accounts.
    pub accounts: Option<Vec<AccountId>>,
    /// About this customer's accounts.
    pub customer_key: Option<String>,
    /// About these spaces.
    pub spaces: Option<Vec<SpaceId>>,
}

pub(crate) const INSERT: &str = "INSERT INTO events (event_id, workspace_id, type, device_id, account_id, attempt_id, \
     occurred_at, detail, space_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

pub(crate) fn insert(event: &Event) -> Result<Statement, Corrupt> {
    let mut args = args![
        event.id,
        event.workspace,
        event.kind.name(),
        event.device,
        event.account,
        event_detail::attempt_of(&event.kind),
        event.occurred_at,
        event_detail::to_json(&event.kind)?,
        event.kind.space(),
    ];
    args.push(Value::CommitTime);
    Ok(Statement::any(INSERT, args))
}

pub(crate) fn map(row: &dyn Row) -> Result<RecordedEvent, Corrupt> {
    let row = &mut Columns::of(row);
    let (sequence, created_at) = (row.integer()?, row.time()?);
    let (id, workspace, account, device) = (row.id()?, row.id()?, row.opt_id()?, row.opt_id()?);
    let occurred_at = row.time()?;
    let kind = event_detail::from_row(row.str()?, row.opt_id()?, row.str()?)?;
    Ok(RecordedEvent {
        sequence,
        created_at,
        event: Event { id, workspace, account, device, occurred_at, kind },
        device_custom_metadata: row.opt_str()?.map(metadata),
        account_custom_metadata: row.opt_str()?.map(metadata),
    })
}

/// Most have none.
fn metadata(text: &str) -> Cow<'static, str> {
    if text == "{}" { Cow::Borrowed("{}") } else { Cow::Owned(text.to_owned()) }
}

/// The query without its order.
pub(crate) fn matching(scope: &Scope, filter: &EventFilter, index: DeviceIndex) -> Sql {
    let mut sql = Sql::new(COLUMNS);
    let in_runs = filter.devices.as_ref().is_some_and(|devices| index.has_runs_for(devices.len()));
    let names_ids = filter.ids.is_some() || in_runs;
    of_workspace(sql.push(" WHERE "), "e.workspace_id", scope.workspace(), names_ids);
    and_seen(&mut sql, "e.account_id", "e.device_id", scope);
    if let Some(after) = filter.after {
        sql.push(" AND e.created_at > ").bind(after);
    }
    if let Some(before) = filter.before {
        sql.push(" AND e.created_at < ").bind(before);
    }
    if let Some(after) = filter.after_sequence {
        // The time of that place bounds the walk through the index; the row itself may be gone by now.
        sql.push(" AND e.sequence > ").bind(after);
        sql.push(" AND e.created_at >= COALESCE((SELECT created_at FROM events WHERE sequence <= ").bind(after);
        sql.push(" ORDER BY sequence DESC LIMIT 1), 0)");
    }
    if let Some(ids) = &filter.ids {
        sql.and_in("e.event_id", ids.iter().copied());
    }
    if let Some(types) = &filter.types {
        sql.and_in("e.type", types);
    }
    if let Some(devices) = &filter.devices {
        sql.and_of_devices("e.device_id", devices, index);
    }
    if let Some(accounts) = &filter.accounts {
        sql.and_in("e.account_id", accounts.iter().copied());
    }
    and_of_customer(&mut sql, "e.account_id", scope.workspace(), filter.customer_key.as_ref());
    if let Some(spaces) = &filter.spaces {
        sql.and_in("e.space_id", spaces.iter().copied());
    }
    sql
}

/// The event as `scope` may see it: whoever was granted a device was not granted its account.
fn shown(scope: &Scope, mut event: RecordedEvent) -> RecordedEvent {
    if event.event.account.is_some_and(|account| !scope.sees_account(account)) {
        event.account_custom_metadata = None;
    }
    event
}

impl Store {
    /// The newest event that `filter` lets through. A session sees only events of its accounts and devices.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn event(&self, scope: &Scope, filter: &EventFilter) -> Result<Option<RecordedEvent>, StoreError> {
        let mut sql = matching(scope, filter, self.readers().device_index());
        sql.push(" ORDER BY e.created_at DESC, e.sequence DESC LIMIT 1");
        Ok(self.readers().first(sql.query(map)).await?.map(|event| shown(scope, event)))
    }

    /// The events that `filter` lets through, in the order of their commits: at most `limit`, leaving out the first
    /// `offset`. A session sees only events of its accounts and devices.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn events(
        &self,
        scope: &Scope,
        filter: &EventFilter,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let number = |number| i64::try_from(number).unwrap_or(i64::MAX);
        let mut sql = matching(scope, filter, self.readers().device_index());
        sql.push(" ORDER BY e.created_at, e.sequence LIMIT ").bind(number(limit));
        sql.push(" OFFSET ").bind(number(offset));
        Ok(self.readers().all(sql.query(map)).await?.into_iter().map(|event| shown(scope, event)).collect())
    }

    /// Hears of the commits from now on that tell of something in `workspace`.
    #[must_use]
    pub fn watch_events(&self, workspace: WorkspaceId) -> EventsWatch {
        self.caches().listeners.listen(workspace)
    }

    /// When the newest event of `workspace` was recorded; `None` if it has none. No event has the same time as another, and
    /// one that is committed later has a later time: whoever has read up to here has missed none.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn newest_event_at(&self, workspace: WorkspaceId) -> Result<Option<Timestamp>, StoreError> {
        let mut sql = Sql::new("SELECT created_at FROM events WHERE workspace_id = ");
        sql.bind(workspace).push(" ORDER BY created_at DESC LIMIT 1");
        self.readers().first(sql.query(|row| Columns::of(row).time())).await
    }

    /// The place of the newest event in commit order; 0 if there is none yet. Where a live stream begins.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn last_sequence(&self) -> Result<i64, StoreError> {
        let sql = "SELECT COALESCE(MAX(sequence), 0) FROM events".into();
        self.readers().one(Query { sql, args: Vec::new(), map: crate::statement::one_integer }).await
    }
}
