//! The steps that bring a database to the schema of this program. A step that was released is never changed.

use rusqlite::Connection;

/// Every step, in order; the schema's version is how many were taken.
const STEPS: &[&str] = &[
    include_str!("../migrations/0001_initial.sql"),
    include_str!("../migrations/0002_actions.sql"),
    include_str!("../migrations/0003_spaces_and_identities.sql"),
    include_str!("../migrations/0004_evidence.sql"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_database_holds_is_kept_by_every_later_step() {
        let mut connection = Connection::open_in_memory().unwrap();
        let first = STEPS.first().unwrap();
        connection.execute_batch(first).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE schema_version (version BIGINT PRIMARY KEY);
                 INSERT INTO schema_version (version) VALUES (1);
                 INSERT INTO workspaces VALUES ('w', 'House', 'Doors', 1, 0, 1, NULL, '{}', 1);
                 INSERT INTO client_sessions (id, workspace_id, short, long_hash, token, created_at, expires_at)
                     VALUES ('s', 'w', 'short', 'hash', 'sealed', 1, 2);
                 INSERT INTO events (event_id, workspace_id, type, occurred_at, created_at, detail)
                     VALUES ('e', 'w', 'device.added', 1, 1, '{}');",
            )
            .unwrap();
        assert_eq!(version(&connection).unwrap(), 1);
        migrate(&mut connection, 1, |_| Ok(())).unwrap();
        assert_eq!(version(&connection).unwrap(), KNOWN);
        for kept in [
            "SELECT COUNT(*) FROM client_sessions WHERE id = 's' AND short = 'short' AND user_identity_id IS NULL",
            "SELECT COUNT(*) FROM events WHERE event_id = 'e' AND space_id IS NULL",
        ] {
            assert_eq!(connection.query_row(kept, [], |row| row.get::<_, i64>(0)).unwrap(), 1, "{kept}");
        }
    }
}
