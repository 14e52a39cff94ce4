//! What was answered survives whatever happens to the process.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use thumbturn_core::attempts::Outcome;
use thumbturn_core::change::Change;
use thumbturn_store::OpenOptions;

use crate::support::{ACCOUNT, Sqlite, attempt, attempt_id, everything, finish, open, set_up};

type World = crate::support::World<Sqlite>;

const DIR: &str = "THUMBTURN_STORE_TEST_DIR";

#[tokio::test]
async fn a_copy_of_the_files_of_a_living_store_has_every_answered_change() {
    let world = World::new().await;
    for n in 0..50 {
        world.accept(n).await;
        if n % 2 == 0 {
            world.finish(n, Outcome::Success { confirmed: true }).await;
        }
    }
    let copy = tempfile::tempdir().unwrap();
    for name in ["thumbturn.db", "thumbturn.db-wal", "secrets.key"] {
        fs::copy(world.dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let store = open(copy.path());
    for n in 0..50 {
        let attempt = store.attempt(&everything(), attempt_id(n)).await.unwrap().unwrap();
        assert_eq!(attempt.outcome.is_some(), n % 2 == 0);
    }
    assert_eq!(thumbturn_core::ports::Store::unfinished_attempts(&store, ACCOUNT).await.unwrap().len(), 25);
}

#[tokio::test]
async fn every_answered_change_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "durability::commits_until_killed", "--ignored", "--nocapture"])
        .env(DIR, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let answered: Vec<u128> = lines.filter_map(|line| line.strip_prefix("answered ")?.parse().ok()).take(300).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(answered.len(), 300);

    let store = open(dir.path());
    for n in answered {
        let attempt = store.attempt(&everything(), attempt_id(n)).await.unwrap();
        assert!(attempt.is_some_and(|attempt| attempt.outcome.is_some()), "attempt {n} was answered and is lost");
    }
}

/// The child of the test above: not a test of its own.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by every_answered_change_survives_a_kill, which kills it"]
async fn commits_until_killed() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let store = thumbturn_store::open(OpenOptions::new(dir)).unwrap();
    store.commit(Change::SetUp(Box::new(set_up()))).await.unwrap();
    let commit_all = async |store: thumbturn_store::Store, task: u128| {
        for n in (task..100_000).step_by(16) {
            store.commit(Change::AcceptAttempt { attempt: attempt(n), claim: None }).await.unwrap();
            store.commit(finish(n, Outcome::Success { confirmed: true })).await.unwrap();
            println!("answered {n}");
        }
    };
    let tasks: Vec<_> = (0..16).map(|task| tokio::spawn(commit_all(store.clone(), task))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}
