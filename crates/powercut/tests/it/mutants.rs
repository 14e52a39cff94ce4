//! Faults of the kind that the cuts are to find. Each must be found: a test that cannot fail proves nothing.

use thumbturn_core::accounts::Account;
use thumbturn_core::attempts::Attempt;
use thumbturn_core::change::Change;
use thumbturn_core::devices::Device;
use thumbturn_core::ids::AccountId;
use thumbturn_core::ports::{self, CommitError, Later, StoreError};
use thumbturn_core::spaces::Occupied;
use thumbturn_powercut::Honesty;
use thumbturn_store::Store;
use tokio::runtime::Handle;

use crate::ledger::Broken;
use crate::story::{Settings, Story};

/// What is wrong with the program under test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// Nothing.
    #[default]
    None,
    /// An acceptance is answered before it is on disk.
    AnswersEarly,
    /// The driver sends each command twice.
    SendsTwice,
    /// The driver sends the last command of each lock again when it connects.
    SendsAgainAfterRestart,
    /// What a stopped server left unfinished is not looked for.
    ForgetsUnfinished,
    /// An end is stored without its events.
    LosesEvents,
}

/// The store as the engine sees it. A commit counts as work in progress, so that simulated time stands still meanwhile:
/// the store's writer is a thread that tokio does not know.
pub(crate) struct Kept {
    pub(crate) store: Store,
    pub(crate) mutant: Mutant,
}

/// Commits while simulated time stands still.
pub(crate) async fn commit(store: &Store, change: Change) -> Result<(), CommitError> {
    let (store, runtime) = (store.clone(), Handle::current());
    tokio::task::spawn_blocking(move || runtime.block_on(store.commit(change))).await.unwrap()
}

impl ports::Store for Kept {
    fn commit(&self, mut change: Change) -> Later<'_, Result<(), CommitError>> {
        Box::pin(async move {
            match &mut change {
                Change::AcceptAttempt { .. } if self.mutant == Mutant::AnswersEarly => {
                    let store = self.store.clone();
                    tokio::spawn(async move { commit(&store, change).await });
                    return Ok(());
                }
                Change::FinishAttempt { events, .. } if self.mutant == Mutant::LosesEvents => events.clear(),
                _ => {}
            }
            commit(&self.store, change).await
        })
    }

    fn accounts(&self) -> Later<'_, Result<Vec<Account>, StoreError>> {
        ports::Store::accounts(&self.store)
    }

    fn devices_of(&self, account: AccountId) -> Later<'_, Result<Vec<Device>, StoreError>> {
        ports::Store::devices_of(&self.store, account)
    }

    fn unfinished_attempts(&self, account: AccountId) -> Later<'_, Result<Vec<Attempt>, StoreError>> {
        if self.mutant == Mutant::ForgetsUnfinished {
            return Box::pin(async { Ok(Vec::new()) });
        }
        ports::Store::unfinished_attempts(&self.store, account)
    }

    fn spaces_around(&self, account: AccountId) -> Later<'_, Result<Vec<Occupied>, StoreError>> {
        ports::Store::spaces_around(&self.store, account)
    }
}

/// Tells stories until one breaks the promise, at most 30.
fn finds(settings: Settings, expected: impl Fn(&Broken) -> bool) {
    let found = (1..=30).any(|seed| Story::new(seed, settings).tell().broken.iter().any(&expected));
    assert!(found, "{settings:?} was not found");
}

fn mutant(mutant: Mutant) -> Settings {
    Settings { mutant, ..Settings::default() }
}

#[test]
fn a_disk_that_does_not_sync_is_found() {
    let settings = Settings { honesty: Honesty::ForgetsFiles, ..Settings::default() };
    finds(settings, |broken| matches!(broken, Broken::Lost(_)));
    finds(settings, |broken| matches!(broken, Broken::OtherEnd(..)));
    finds(settings, |broken| matches!(broken, Broken::SentBeforeDisk(_)));
}

#[test]
fn a_disk_that_does_not_sync_its_folder_is_found() {
    let settings = Settings { honesty: Honesty::ForgetsFolders, ..Settings::default() };
    finds(settings, |broken| matches!(broken, Broken::Lost(_) | Broken::SetUpLost));
}

#[test]
fn an_answer_before_the_commit_is_found() {
    finds(mutant(Mutant::AnswersEarly), |broken| matches!(broken, Broken::Lost(_)));
}

#[test]
fn a_command_that_is_sent_twice_is_found() {
    finds(mutant(Mutant::SendsTwice), |broken| matches!(broken, Broken::SecondCommand(..)));
}

#[test]
fn a_command_that_is_sent_again_after_a_restart_is_found() {
    finds(mutant(Mutant::SendsAgainAfterRestart), |broken| matches!(broken, Broken::SentAfterRestart(_)));
}

#[test]
fn an_attempt_that_nobody_ends_is_found() {
    finds(mutant(Mutant::ForgetsUnfinished), |broken| matches!(broken, Broken::Pending(_)));
}

#[test]
fn an_end_without_its_event_is_found() {
    finds(mutant(Mutant::LosesEvents), |broken| matches!(broken, Broken::Events(_, 0)));
}
