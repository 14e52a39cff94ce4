//! How SQLite goes about the reads that would take long without their index.

use rusqlite::Connection;
use thumbturn_core::ids::{DeviceId, WorkspaceId};
use thumbturn_core::scope::Scope;
use uuid::Uuid;

use crate::attempts::{self, AttemptFilter};
use crate::events::{self, EventFilter};
use crate::migrations;
use crate::secrets::Secrets;
use crate::sql::DeviceIndex;
use crate::statement::Query;

fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    migrations::migrate(&mut connection, 0, &Secrets::new(&[1; 32]), |_| Ok(())).unwrap();
    connection
}

/// The steps of SQLite's plan for a query.
fn plan<T>(query: &Query<T>) -> Vec<String> {
    let connection = database();
    let mut explained = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", query.sql)).unwrap();
    let mut rows = explained.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get(3).unwrap());
    }
    steps
}

fn everything() -> Scope {
    Scope::workspace_wide(WorkspaceId(Uuid::from_u128(1)))
}

fn devices(count: u128) -> Vec<DeviceId> {
    (0..count).map(|n| DeviceId(Uuid::from_u128(n << 60))).collect()
}

#[test]
fn attempts_of_a_device_are_found_in_its_run() {
    let filter = AttemptFilter { ids: None, device: devices(1).pop() };
    let query = attempts::list(&everything(), &filter, None, 10, "", DeviceIndex::Runs).query(attempts::map);
    assert_eq!(
        plan(&query),
        ["SEARCH attempts USING INDEX attempts_by_device (<expr>=?)", "USE TEMP B-TREE FOR LAST TERM OF ORDER BY"]
    );
}

#[test]
fn events_of_a_device_are_found_in_its_run() {
    let filter = EventFilter { devices: Some(devices(1)), ..EventFilter::default() };
    let mut sql = events::matching(&everything(), &filter, DeviceIndex::Runs);
    sql.push(" ORDER BY e.created_at, e.sequence LIMIT 10");
    let steps = plan(&sql.query(events::map));
    assert_eq!(steps.first().unwrap(), "SEARCH e USING INDEX events_by_device (<expr>=?)");
    assert!(!steps.iter().any(|step| step == "USE TEMP B-TREE FOR ORDER BY"), "they come in order: {steps:?}");
}

#[test]
fn events_of_many_devices_are_found_in_the_order_of_their_workspace() {
    let filter = EventFilter { devices: Some(devices(17)), ..EventFilter::default() };
    let mut sql = events::matching(&everything(), &filter, DeviceIndex::Runs);
    sql.push(" ORDER BY e.created_at, e.sequence LIMIT 10");
    let steps = plan(&sql.query(events::map));
    assert_eq!(steps.first().unwrap(), "SEARCH e USING INDEX events_by_workspace (workspace_id=?)");
}
