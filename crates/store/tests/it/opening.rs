//! Opening a data directory: files and their modes, the key, the schema, a second process.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use thumbturn_core::change::Change;
use thumbturn_store::{OpenError, OpenOptions, Store};

use crate::support::{ACCOUNT, World, everything, open, session};

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
    let World { store, dir } = World::new().await;
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
    let World { store, dir } = World::new().await;
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
    let World { store, dir } = World::new().await;
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
    let World { store, dir } = world;
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
    let World { store, dir } = World::new().await;
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
    let World { store, dir } = World::new().await;
    drop(store);
    let database = dir.path().join("thumbturn.db");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o644)).unwrap();
    let _store = try_open(dir.path()).unwrap();
    assert_eq!(mode(&database), 0o600);
}
