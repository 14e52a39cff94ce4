//! What the database of a stopped server says of what was acknowledged.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::server::Server;

/// Holds every acknowledged attempt against the database; the server must have ended.
pub(crate) fn examine(server: &Server, acknowledged: &[(String, String)]) {
    let database = Connection::open(server.database()).unwrap();
    let mut statuses = database.prepare("SELECT id, status FROM attempts").unwrap();
    let statuses = statuses.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let statuses: HashMap<String, String> = statuses.collect::<Result<_, _>>().unwrap();
    for (attempt, told) in acknowledged {
        let kept = statuses.get(attempt).unwrap_or_else(|| panic!("the acknowledged attempt {attempt} is lost"));
        assert_ne!(kept, "pending", "the attempt {attempt} never ended");
        assert!(told == "pending" || told == kept, "the attempt {attempt} was told to be {told} and is {kept}");
    }
    assert!(!statuses.values().any(|status| status == "pending"), "an attempt never ended");

    // Without an index on the attempts of events this would take for ever.
    let gather = "CREATE TEMP TABLE ends AS SELECT attempt_id FROM events WHERE type LIKE 'action_attempt.%'; \
                  CREATE INDEX temp.ends_by_attempt ON ends (attempt_id)";
    database.execute_batch(gather).unwrap();
    let untold = "SELECT COUNT(*) FROM attempts WHERE 1 <> (SELECT COUNT(*) FROM ends WHERE attempt_id = attempts.id)";
    let untold: i64 = database.query_row(untold, [], |row| row.get(0)).unwrap();
    assert_eq!(untold, 0, "each end is told once");
}
