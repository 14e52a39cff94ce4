//! Pages of a list, found again by the place of their last item, so that deleted items neither shift nor end a list.

use jiff::Timestamp;
use thumbturn_core::ids::WorkspaceId;
use uuid::Uuid;

use crate::sql::Sql;

/// A place in a list that is ordered by time of creation, then id: after this item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When the item was made, in microseconds since 1970.
    pub created_at_us: i64,
    /// Its id.
    pub id: Uuid,
}

impl Cursor {
    /// The place of an item.
    pub(crate) fn at(created_at: Timestamp, id: Uuid) -> Self {
        Self { created_at_us: created_at.as_microsecond(), id }
    }
}

/// Which page of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items at most.
    pub limit: usize,
    /// After which item; `None` from the beginning.
    pub after: Option<Cursor>,
}

impl PageRequest {
    /// The first `limit` items.
    #[must_use]
    pub const fn first(limit: usize) -> Self {
        Self { limit, after: None }
    }

    /// `limit` items after `cursor`.
    #[must_use]
    pub const fn after(limit: usize, cursor: Cursor) -> Self {
        Self { limit, after: Some(cursor) }
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// The page of at most `limit` items, of which `items` may hold one more: the proof that there is a next page.
    pub(crate) fn cut(mut items: Vec<T>, limit: usize, place: impl Fn(&T) -> Cursor) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(place) } else { None };
        Self { items, next }
    }
}

/// Adds the condition that a row is of this workspace. Where the query names ids, it is hidden from SQLite's planner, which
/// takes a workspace for ten rows and would walk through all of them.
pub(crate) fn of_workspace(sql: &mut Sql, column: &str, workspace: WorkspaceId, names_ids: bool) {
    if names_ids {
        sql.push("COALESCE(").push(column).push(", '') = ").bind(workspace);
    } else {
        sql.push(column).push(" = ").bind(workspace);
    }
}

/// Adds the condition, order and limit of a page to a query on a table with `created_at` and `id`.
pub(crate) fn paged(sql: &mut Sql, after: Option<Cursor>, limit: usize) {
    page_of(sql, after, limit, " ORDER BY created_at, id LIMIT ");
}

fn page_of(sql: &mut Sql, after: Option<Cursor>, limit: usize, order: &str) {
    if let Some(after) = after {
        sql.push(" AND (created_at, id) > (").bind(after.created_at_us).push(", ").bind(after.id).push(")");
    }
    sql.push(order).bind(i64::try_from(limit).unwrap_or(i64::MAX));
}

/// The same for a query that names ids: `+` keeps the database from walking the list's index in search of them.
pub(crate) fn paged_of_ids(sql: &mut Sql, after: Option<Cursor>, limit: usize) {
    page_of(sql, after, limit, " ORDER BY +created_at, id LIMIT ");
}
