//! What `SQLite` does with our settings, counted on the disk.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use thumbturn_core::accounts::AccountEdit;
use thumbturn_core::change::Change;
use thumbturn_powercut::{Disk, Mount, VFS, mount};
use thumbturn_store::{OpenError, OpenOptions, Store};

use crate::life;

const DATABASE: &str = "thumbturn.db";
const LOG: &str = "thumbturn.db-wal";

fn open(folder: &Path) -> Result<Store, OpenError> {
    let options = OpenOptions::new(folder);
    thumbturn_store::open(OpenOptions { vfs: Some(VFS.to_owned()), ..options })
}

fn machine() -> (tempfile::TempDir, Arc<Disk>, Mount) {
    let (folder, disk) = (tempfile::tempdir().unwrap(), Arc::new(Disk::default()));
    let mount = mount(folder.path(), Arc::clone(&disk));
    (folder, disk, mount)
}

#[tokio::test]
async fn every_commit_syncs_the_log_once_and_nothing_else() {
    let (folder, disk, _mount) = machine();
    let store = open(folder.path()).unwrap();
    store.commit(Change::SetUp(Box::new(life::set_up(Timestamp::UNIX_EPOCH)))).await.unwrap();
    let before = (disk.syncs(LOG), disk.syncs(DATABASE));
    for n in 1..=50 {
        let edit = AccountEdit { display_name: Some(format!("Hub {n}")), ..AccountEdit::default() };
        store.commit(Change::AccountEdited { account: life::ACCOUNT, edit }).await.unwrap();
        assert_eq!((disk.syncs(LOG), disk.syncs(DATABASE)), (before.0 + n, before.1));
    }
}

#[tokio::test]
async fn the_names_of_database_and_log_are_safe_after_the_first_start() {
    let (folder, disk, _mount) = machine();
    let store = open(folder.path()).unwrap();
    store.begin_run().await.unwrap();
    for seed in 0..50 {
        let survivor = disk.survivor(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
        assert!(survivor.has(DATABASE) && survivor.has(LOG), "{seed}");
    }
}

#[tokio::test]
async fn the_log_is_gone_after_an_orderly_end() {
    let (folder, disk, _mount) = machine();
    let store = open(folder.path()).unwrap();
    assert!(disk.has(LOG));
    drop(store);
    assert!(!disk.has(LOG));
    open(folder.path()).unwrap();
}

#[tokio::test]
async fn one_machine_has_one_writer() {
    let (folder, _disk, _mount) = machine();
    let store = open(folder.path()).unwrap();
    assert!(matches!(open(folder.path()), Err(OpenError::InUse { .. })));
    drop(store);
    open(folder.path()).unwrap();
}
