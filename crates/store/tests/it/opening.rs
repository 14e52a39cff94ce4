//! Opening a data directory: files and their modes, the key, the schema, a second process.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use thumbturn_core::attempts::Outcome;
use thumbturn_core::change::{Change, IdempotencyKey};
use thumbturn_core::credentials::ClientSession;
use thumbturn_store::{Claimed, DeviceLookup, OpenError, OpenOptions, Store};

use crate::support::{
    ACCOUNT, OTHER_WORKSPACE, Sqlite, WORKSPACE, accept_with_key, at, attempt_id, device_id, everything, open, session,
    session_id,
};

type World = crate::support::World<Sqlite>;

fn try_open(dir: &Path) -> Result<Store, OpenError> {
    thumbturn_store::open(OpenOptions::new(dir))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn folders_and_files_are_their_owners_alone() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("new/data");
    let store = open(&dir);
    store.begin_run().await.unwrap();
    assert_eq!(mode(&dir), 0o700);
    let mut names: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 4, "{names:?}");
    for file in names {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn secrets_are_sealed_at_rest() {
    let world = World::new().await;
    world.commit(Change::SessionCreated(Box::new(session(1, &[ACCOUNT])))).await;
    for entry in fs::read_dir(world.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for canary in ["canary_token_1", "canary-config-0"] {
            let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} in {}", path.display());
        }
    }
    let world = world.reopen().await;
    let account = world.store.account(&everything(), ACCOUNT).await.unwrap().unwrap();
    assert!(account.config.contains("canary-config-0"));
    assert_eq!(world.store.session_by_short("cs1").await.unwrap().unwrap().token, session(1, &[]).token);
    assert!(!format!("{:?}", world.store).contains("canary"));
}

#[tokio::test]
async fn a_missing_key_file_is_named() {
    let World { store, dir, .. } = World::new().await;
    drop(store);
    let key = dir.path().join("secrets.key");
    fs::remove_file(&key).unwrap();
    let error = try_open(dir.path()).unwrap_err();
    assert!(matches!(&error, OpenError::KeyMissing { path } if *path == key));
    assert!(error.to_string().contains(key.to_str().unwrap()));
    assert!(!key.exists(), "no other key is made for a database that has one");
}

#[tokio::test]
async fn a_different_or_broken_key_file_is_named() {
    let World { store, dir, .. } = World::new().await;
    drop(store);
    let key = dir.path().join("secrets.key");
    let right = fs::read_to_string(&key).unwrap();
    fs::write(&key, "00".repeat(32)).unwrap();
    assert!(matches!(try_open(dir.path()).unwrap_err(), OpenError::KeyDiffers { path } if path == key));
    fs::write(&key, "not a key").unwrap();
    assert!(matches!(try_open(dir.path()).unwrap_err(), OpenError::KeyMalformed { path } if path == key));
    fs::write(&key, [0xff, 0xfe]).unwrap();
    assert!(matches!(try_open(dir.path()).unwrap_err(), OpenError::KeyMalformed { .. }));
    fs::write(&key, right.trim()).unwrap();
    assert!(try_open(dir.path()).unwrap().is_set_up().await.unwrap());
}

#[tokio::test]
async fn the_key_may_lie_elsewhere_and_be_there_before() {
    let (dir, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = keys.path().join("shared.key");
    fs::write(&key, "ab".repeat(32)).unwrap();
    let options = OpenOptions { key_file: Some(key.clone()), ..OpenOptions::new(dir.path()) };
    drop(thumbturn_store::open(options.clone()).unwrap());
    assert_eq!(fs::read_to_string(&key).unwrap(), "ab".repeat(32));
    assert!(!dir.path().join("secrets.key").exists());
    drop(thumbturn_store::open(options).unwrap());
    assert!(matches!(try_open(dir.path()).unwrap_err(), OpenError::KeyMissing { .. }));
}

#[tokio::test]
async fn a_newer_database_is_refused_and_left_alone() {
    let World { store, dir, .. } = World::new().await;
    drop(store);
    let path = dir.path().join("thumbturn.db");
    let direct = rusqlite::Connection::open(&path).unwrap();
    direct.execute("INSERT INTO schema_version (version) VALUES (9999)", []).unwrap();
    drop(direct);
    let error = try_open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 9999, .. }), "{error}");
}

#[tokio::test]
async fn a_data_directory_has_one_process() {
    let world = World::new().await;
    assert!(matches!(try_open(world.dir.path()).unwrap_err(), OpenError::InUse { .. }));
    let second_handle = world.store.clone();
    let World { store, dir, .. } = world;
    drop(store);
    assert!(matches!(try_open(dir.path()).unwrap_err(), OpenError::InUse { .. }), "a handle is left");
    drop(second_handle);
    try_open(dir.path()).unwrap();
}

#[test]
fn a_file_that_is_no_database_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thumbturn.db"), "this is not a database, but long enough to look at".repeat(40))
        .unwrap();
    assert!(matches!(try_open(dir.path()).unwrap_err(), OpenError::Database { .. }));
}

#[tokio::test]
async fn a_start_that_broke_off_before_the_schema_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thumbturn.db"), "").unwrap();
    fs::write(dir.path().join("secrets.key"), "cd".repeat(32)).unwrap();
    assert!(!try_open(dir.path()).unwrap().is_set_up().await.unwrap());
}

#[tokio::test]
async fn after_a_clean_end_the_database_needs_no_log() {
    let World { store, dir, .. } = World::new().await;
    store.close().await;
    let copy = tempfile::tempdir().unwrap();
    for name in ["thumbturn.db", "secrets.key"] {
        fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    drop(store);
    assert!(try_open(copy.path()).unwrap().is_set_up().await.unwrap());
}

#[tokio::test]
async fn a_database_that_others_may_read_is_closed_to_them() {
    let World { store, dir, .. } = World::new().await;
    drop(store);
    let database = dir.path().join("thumbturn.db");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o644)).unwrap();
    let _store = try_open(dir.path()).unwrap();
    assert_eq!(mode(&database), 0o600);
}

/// A database after so many steps, and nothing in it but what every database has.
fn older(dir: &Path, steps: &[&str]) -> rusqlite::Connection {
    drop(open(dir));
    let path = dir.join(thumbturn_store::DATABASE_FILE);
    let fingerprint: String = {
        let database = rusqlite::Connection::open(&path).unwrap();
        let sql = "SELECT value FROM settings WHERE key = 'key_fingerprint'";
        database.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    for file in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(thumbturn_store::DATABASE_FILE)) {
            fs::remove_file(file).unwrap();
        }
    }
    let old = rusqlite::Connection::open(&path).unwrap();
    old.pragma_update(None, "journal_mode", "WAL").unwrap();
    old.execute_batch("CREATE TABLE schema_version (version BIGINT PRIMARY KEY)").unwrap();
    for (step, number) in steps.iter().zip(1..) {
        old.execute_batch(step).unwrap();
        old.execute("INSERT INTO schema_version VALUES (?1)", [number]).unwrap();
    }
    old.execute("INSERT INTO settings VALUES ('key_fingerprint', ?1)", [fingerprint]).unwrap();
    old
}

const STEPS: [&str; 4] = [
    include_str!("../../migrations/0001_initial.sql"),
    include_str!("../../migrations/0002_actions.sql"),
    include_str!("../../migrations/0003_spaces_and_identities.sql"),
    include_str!("../../migrations/0004_evidence.sql"),
];

/// Whether a text stands in clear in any file of a data directory.
fn is_in_files(dir: &Path, text: &str) -> bool {
    let holds = |bytes: Vec<u8>| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    fs::read_dir(dir).unwrap().any(|entry| holds(fs::read(entry.unwrap().path()).unwrap()))
}

#[tokio::test]
async fn an_idempotency_key_is_not_in_the_files() {
    let world = World::new().await;
    world.commit(accept_with_key(1, "canary in a key", 0)).await;
    assert!(is_in_files(world.dir.path(), "hash of 1"), "what is beside it is there");
    assert!(!is_in_files(world.dir.path(), "canary in a key"));
    assert!(!format!("{:?}", accept_with_key(1, "canary in a key", 0)).contains("canary"));
}

/// Found under the same keys, and nothing of them is left, not even of those that were deleted before.
#[tokio::test]
async fn idempotency_keys_of_an_older_database_are_hashed_and_their_text_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let old = older(dir.path(), &STEPS);
    let workspace = WORKSPACE.to_string();
    let insert = "INSERT INTO idempotency VALUES (?1, 'api_key', '/locks/unlock_door', ?2, ?3, ?4, ?5)";
    for n in 0..200_u128 {
        let (key, hash) = (format!("canary key {n}."), format!("hash of {n}"));
        let made = rusqlite::params![workspace, key, hash, attempt_id(n).to_string(), at(0).as_microsecond()];
        old.execute(insert, made).unwrap();
    }
    old.execute("DELETE FROM idempotency WHERE body_hash <> 'hash of 7'", []).unwrap();
    drop(old);
    assert!(is_in_files(dir.path(), "canary key"));

    let store = open(dir.path());
    assert!(!is_in_files(dir.path(), "canary key"));
    let find = async |key: &str| {
        let key = IdempotencyKey(key.to_owned());
        store.idempotent(WORKSPACE, "api_key", "/locks/unlock_door", &key, at(1)).await.unwrap()
    };
    let expected = Claimed { body_hash: "hash of 7".to_owned(), attempt: attempt_id(7), at: at(0) };
    assert_eq!(find("canary key 7.").await, Some(expected));
    assert_eq!(find("canary key 8.").await, None);
    drop(store);
    let direct = rusqlite::Connection::open(dir.path().join(thumbturn_store::DATABASE_FILE)).unwrap();
    let due = "SELECT COUNT(*) FROM settings WHERE key = 'scrub_due'";
    assert_eq!(direct.query_row(due, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "the file is written anew once");
}

/// Found under the same key and shown as it was, and its text is gone from the file.
#[tokio::test]
async fn user_identifier_keys_of_an_older_database_are_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let old = older(dir.path(), &STEPS);
    let workspace = WORKSPACE.to_string();
    old.execute("INSERT INTO workspaces VALUES (?1, 'w', 'c', 1, 0, 1, NULL, '{}', 1)", [&workspace]).unwrap();
    let insert = "INSERT INTO client_sessions (id, workspace_id, short, long_hash, token, user_identifier_key, \
                  created_at, expires_at) VALUES (?1, ?2, ?3, 'h', 'sealed', ?4, 1, 2)";
    for n in 1..3 {
        let (id, short) = (session_id(n).to_string(), format!("s{n}"));
        old.execute(insert, [&id, &workspace, &short, &format!("canary user {n}.")]).unwrap();
    }
    drop(old);
    drop(open(dir.path()));
    assert!(!is_in_files(dir.path(), "canary user"));
    let (sealed, hash): (String, String) = {
        let direct = rusqlite::Connection::open(dir.path().join(thumbturn_store::DATABASE_FILE)).unwrap();
        let sql = "SELECT user_identifier_key, user_identifier_hash FROM client_sessions WHERE short = 's1'";
        direct.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    assert!(sealed.starts_with("1.") && hash.len() == 64, "{sealed} {hash}");
}

#[tokio::test]
async fn a_user_identifier_key_is_sealed_and_found() {
    let world = World::new().await;
    let jane = |n| ClientSession { user_identifier_key: Some("canary user".to_owned()), ..session(n, &[ACCOUNT]) };
    world.commit(Change::SessionCreated(Box::new(jane(1)))).await;
    let taken = world.conflict(Change::SessionCreated(Box::new(jane(2)))).await;
    assert_eq!(taken, "user_identifier_key", "one at a time has it");
    assert!(!is_in_files(world.dir.path(), "canary user"));
    let found = world.store.session_by_user_key(WORKSPACE, "canary user").await.unwrap().unwrap();
    assert_eq!(found, jane(1));
    assert_eq!(world.store.session_by_user_key(WORKSPACE, "canary").await.unwrap(), None);
    assert_eq!(world.store.session_by_user_key(OTHER_WORKSPACE, "canary user").await.unwrap(), None);
}

/// A database of the first release, with a device and an attempt, as this program finds it.
#[tokio::test]
async fn an_older_database_is_brought_up_to_date_with_what_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let old = older(dir.path(), &STEPS[..1]);
    let (workspace, account) = (WORKSPACE.to_string(), ACCOUNT.to_string());
    let (device, attempt) = (device_id(1).to_string(), attempt_id(1).to_string());
    old.execute("INSERT INTO workspaces VALUES (?1, 'w', 'c', 1, 0, 1, NULL, '{}', 1)", [&workspace]).unwrap();
    old.execute(
        "INSERT INTO accounts VALUES (?1, ?2, 'sandbox', 'a', 'h', 'sealed', '{}', NULL, 1, 'up', NULL, NULL, 1, 1)",
        [&account, &workspace],
    )
    .unwrap();
    old.execute(
        "INSERT INTO devices VALUES (?1, ?2, ?3, 'sandbox', 'native', 'Door', 'yale_lock', 'yale', 'Yale', 'Assure', \
         NULL, 1, 1, 1, 0, NULL, '{}', 1, 'locked', 1, NULL, NULL, 'online', NULL, 0.5, 1, 1)",
        [&device, &workspace, &account],
    )
    .unwrap();
    old.execute(
        "INSERT INTO attempts VALUES (?1, ?2, ?3, ?4, 'UNLOCK_DOOR', 'success', 1, NULL, NULL, 1, 2)",
        [&attempt, &workspace, &account, &device],
    )
    .unwrap();
    drop(old);

    let store = open(dir.path());
    let found = store.attempt(&everything(), attempt_id(1)).await.unwrap().unwrap();
    assert_eq!((found.device, found.account), (Some(device_id(1)), Some(ACCOUNT)));
    assert_eq!(found.outcome, Some(Outcome::Success { confirmed: true }));
    let DeviceLookup::Found(device) = store.device(&everything(), device_id(1)).await.unwrap() else { panic!("gone") };
    assert_eq!((device.about.name.as_str(), device.about.can_configure_auto_lock), ("Door", false));
    assert_eq!((device.state.battery, device.state.auto_lock, device.time_zone), (Some(0.5), None, None));
}

#[tokio::test]
async fn closing_leaves_the_database_in_one_file() {
    let world = World::new().await;
    world.accept(1).await;
    let log = world.dir.path().join("thumbturn.db-wal");
    assert!(log.exists());
    world.store.close().await;
    assert_eq!(log.metadata().map_or(0, |log| log.len()), 0, "whoever copies the database needs no log");

    let copy = tempfile::tempdir().unwrap();
    for name in ["thumbturn.db", "secrets.key"] {
        std::fs::copy(world.dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let store = open(copy.path());
    assert!(store.attempt(&everything(), attempt_id(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn the_hubs_words_are_sealed_at_rest() {
    let world = World::new().await;
    world.accept(1).await;
    world.finish(1, Outcome::Success { confirmed: true }).await;
    let kept = world.store.attempt_evidence(&everything(), attempt_id(1)).await.unwrap().unwrap().1.unwrap();
    assert_eq!(kept.words.unwrap().as_str(), "planted words");
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(world.dir.path()).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("reported unlocked tagged remote"), "stages are kept in clear");
    assert!(!holds("planted words"));
}
