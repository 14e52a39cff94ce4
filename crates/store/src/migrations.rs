//! The steps that bring a database to the schema of this program. A step that was released is never changed.

use rusqlite::Connection;

/// Every step, in order; the schema's version is how many were taken.
const STEPS: &[&str] = &[
    include_str!("../migrations/0001_initial.sql"),
    include_str!("../migrations/0002_actions.sql"),
    include_str!("../migrations/0003_spaces_and_identities.sql"),
];

/// The newest schema that this program knows.
pub(crate) const KNOWN: i64 = STEPS.len() as i64;

/// The version of the database's schema: 0 if it is empty.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    let tables = "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'";
    let exists: i64 = connection.query_row(tables, [], |row| row.get(0))?;
    if exists == 0 {
        return Ok(0);
    }
    connection.query_row("SELECT COALESCE(MAX(version), 0) FROM schema_version", [], |row| row.get(0))
}

/// Takes the steps after `version`, and `finish` with them: all in one transaction.
pub(crate) fn migrate(
    connection: &mut Connection,
    version: i64,
    finish: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute_batch("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)")?;
    for (step, number) in STEPS.iter().zip(1_i64..).filter(|(_, number)| *number > version) {
        transaction.execute_batch(step)?;
        transaction.execute("INSERT INTO schema_version (version) VALUES (?1)", [number])?;
    }
    finish(&transaction)?;
    transaction.commit()
}
