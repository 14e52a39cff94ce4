//! The steps that bring a database to the schema of this program. A step that was released is never changed.

use rusqlite::Connection;
use rusqlite::types::Type;
use uuid::Uuid;

use crate::secrets::{Sealed, Secrets};
use crate::{attempts, sessions, sqlite};

/// One step.
pub(crate) struct Step {
    pub(crate) sql: &'static str,
    /// What SQL cannot do of it: it needs the key. What it replaces was in clear, so the file is scrubbed afterwards.
    pub(crate) hides: Option<fn(&Connection, &Secrets) -> rusqlite::Result<()>>,
    /// What follows on PostgreSQL alone, in its own words.
    pub(crate) on_postgres: &'static str,
    /// What follows on SQLite alone.
    pub(crate) on_sqlite: &'static str,
}

const fn plain(sql: &'static str) -> Step {
    Step { sql, hides: None, on_postgres: "", on_sqlite: "" }
}

const fn hiding(sql: &'static str, hide: fn(&Connection, &Secrets) -> rusqlite::Result<()>) -> Step {
    Step { sql, hides: Some(hide), on_postgres: "", on_sqlite: "" }
}

/// Every step, in order; the schema's version is how many were taken.
pub(crate) const STEPS: &[Step] = &[
    plain(include_str!("../migrations/0001_initial.sql")),
    plain(include_str!("../migrations/0002_actions.sql")),
    plain(include_str!("../migrations/0003_spaces_and_identities.sql")),
    plain(include_str!("../migrations/0004_evidence.sql")),
    hiding(include_str!("../migrations/0005_hashed_keys.sql"), hash_idempotency_keys),
    hiding(include_str!("../migrations/0006_sealed_user_keys.sql"), seal_user_keys),
    Step {
        on_postgres: include_str!("../migrations/0007_nodes.postgres.sql"),
        ..plain(include_str!("../migrations/0007_nodes.sql"))
    },
    plain(include_str!("../migrations/0008_action_rates.sql")),
    plain(include_str!("../migrations/0009_versions.sql")),
    plain(include_str!("../migrations/0010_forwarded_calls.sql")),
    plain(include_str!("../migrations/0011_webhooks.sql")),
    plain(include_str!("../migrations/0012_deliveries_by_event.sql")),
    plain(include_str!("../migrations/0013_waiting_attempts.sql")),
    Step { on_sqlite: include_str!("../migrations/0014_runs_of_devices.sqlite.sql"), ..plain("") },
    plain(include_str!("../migrations/0015_fewer_indexes_of_deliveries.sql")),
];

/// Kept in the settings from a step that hid something until the file holds no more of it.
const SCRUB_DUE: &str = "scrub_due";

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
    secrets: &Secrets,
    finish: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute_batch("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)")?;
    for (step, number) in STEPS.iter().zip(1_i64..).filter(|(_, number)| *number > version) {
        transaction.execute_batch(step.sql)?;
        transaction.execute_batch(step.on_sqlite)?;
        if let Some(hide) = step.hides.filter(|_| version > 0) {
            hide(&transaction, secrets)?;
            let due = "INSERT INTO settings (key, value) VALUES (?1, '1') ON CONFLICT (key) DO NOTHING";
            transaction.execute(due, [SCRUB_DUE])?;
        }
        transaction.execute("INSERT INTO schema_version (version) VALUES (?1)", [number])?;
    }
    finish(&transaction)?;
    transaction.commit()
}

/// Writes the file anew if a step hid something: what was in clear would stay in its unused places. A start that breaks
/// off before the end leaves that to the next.
pub(crate) fn scrub(connection: &Connection) -> rusqlite::Result<()> {
    let due = "SELECT COUNT(*) FROM settings WHERE key = ?1";
    if connection.query_row(due, [SCRUB_DUE], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(());
    }
    connection.execute_batch("VACUUM")?;
    sqlite::fold_log(connection)?;
    connection.execute("DELETE FROM settings WHERE key = ?1", [SCRUB_DUE]).map(drop)
}

/// Those of before are kept as their hashes, so that a call that is made again is still the same call.
fn hash_idempotency_keys(connection: &Connection, secrets: &Secrets) -> rusqlite::Result<()> {
    let mut every = connection.prepare("SELECT rowid, workspace_id, credential, path, key_hash FROM idempotency")?;
    let mut rows = every.query([])?;
    let mut hashed: Vec<(i64, String)> = Vec::new();
    while let Some(row) = rows.next()? {
        let text = |column| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
        hashed.push((row.get(0)?, attempts::key_hash(secrets, text(1)?, text(2)?, text(3)?, text(4)?)));
    }
    let mut change = connection.prepare("UPDATE idempotency SET key_hash = ?2 WHERE rowid = ?1")?;
    hashed.into_iter().try_for_each(|kept| change.execute(kept).map(drop))
}

fn seal_user_keys(connection: &Connection, secrets: &Secrets) -> rusqlite::Result<()> {
    let every = "SELECT id, workspace_id, user_identifier_hash FROM client_sessions \
                 WHERE user_identifier_hash IS NOT NULL";
    let mut every = connection.prepare(every)?;
    let mut rows = every.query([])?;
    let mut kept: Vec<[String; 3]> = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, workspace, key): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let unusable = |error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error);
        let session = Uuid::try_parse(&id).map_err(|error| unusable(error.into()))?;
        let sealed = secrets.seal(Sealed::UserIdentifierKey, session, &key).map_err(|error| unusable(error.into()))?;
        kept.push([id, sessions::user_key_hash(secrets, &workspace, &key), sealed]);
    }
    let change = "UPDATE client_sessions SET user_identifier_hash = ?2, user_identifier_key = ?3 WHERE id = ?1";
    let mut change = connection.prepare(change)?;
    kept.into_iter().try_for_each(|kept| change.execute(kept).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_database_holds_is_kept_by_every_later_step() {
        let mut connection = Connection::open_in_memory().unwrap();
        let first = STEPS.first().unwrap();
        connection.execute_batch(first.sql).unwrap();
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
        migrate(&mut connection, 1, &Secrets::new(&[1; 32]), |_| Ok(())).unwrap();
        assert_eq!(version(&connection).unwrap(), KNOWN);
        for kept in [
            "SELECT COUNT(*) FROM client_sessions WHERE id = 's' AND short = 'short' AND user_identity_id IS NULL",
            "SELECT COUNT(*) FROM events WHERE event_id = 'e' AND space_id IS NULL",
        ] {
            assert_eq!(connection.query_row(kept, [], |row| row.get::<_, i64>(0)).unwrap(), 1, "{kept}");
        }
    }
}
