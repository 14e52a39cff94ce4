//! The store as one life of the server sees it: the real one, on a disk that can be slow, full or gone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::executor::block_on;
use futures::future::join_all;
use thumbturn_core::accounts::Account;
use thumbturn_core::attempts::Attempt;
use thumbturn_core::change::Change;
use thumbturn_core::devices::Device;
use thumbturn_core::ids::AccountId;
use thumbturn_core::ports::{self, Clock, CommitError, Later, StoreError};
use thumbturn_core::spaces::Occupied;
use thumbturn_core::time::Moment;
use thumbturn_store::Store;
use tokio::sync::{mpsc, oneshot};

use crate::clock::SimClock;
use crate::judge::Judge;
use crate::life::Life;

/// How the disk is doing. It outlives the server's crashes.
#[derive(Default)]
pub(crate) struct Health {
    pub(crate) fails_until: Duration,
    pub(crate) slow_until: Duration,
    pub(crate) fails_next: u32,
    pub(crate) busy_next: u32,
}

/// How long a commit takes on a sound disk, and on a slow one.
const COMMIT_MS: u64 = 1;
const SLOW_COMMIT_MS: u64 = 400;

struct Waiting {
    change: Change,
    asked: Moment,
    answer: oneshot::Sender<Result<(), CommitError>>,
}

pub(crate) struct Disk {
    clock: Arc<SimClock>,
    judge: Arc<Judge>,
    life: Arc<Life>,
    health: Arc<Mutex<Health>>,
    /// Taken away at the crash, so that the next life can open the same files.
    store: Mutex<Option<Store>>,
    queue: mpsc::UnboundedSender<Waiting>,
}

impl Disk {
    pub(crate) fn new(
        store: Store,
        clock: Arc<SimClock>,
        judge: Arc<Judge>,
        life: Arc<Life>,
        health: Arc<Mutex<Health>>,
    ) -> Arc<Self> {
        let (queue, waiting) = mpsc::unbounded_channel();
        let disk = Arc::new(Self { clock, judge, life, health, store: Mutex::new(Some(store)), queue });
        tokio::spawn(Arc::clone(&disk).work(waiting));
        disk
    }

    pub(crate) fn store(&self) -> Option<Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives the files up.
    pub(crate) fn crash(&self) {
        drop(self.store.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn health<T>(&self, look: impl FnOnce(&mut Health) -> T) -> T {
        look(&mut self.health.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes all changes that came while the last commit was made, and commits them together, as the real writer does.
    async fn work(self: Arc<Self>, mut waiting: mpsc::UnboundedReceiver<Waiting>) {
        while let Some(first) = waiting.recv().await {
            let is_slow = self.health(|health| health.slow_until > self.clock.now().steady);
            self.clock.pass(if is_slow { SLOW_COMMIT_MS } else { COMMIT_MS }).await;
            let mut batch = vec![first];
            while let Ok(next) = waiting.try_recv() {
                batch.push(next);
            }
            self.life.step().await;
            let failed = self.failure();
            let answers = match failed {
                Some(failed) => batch.iter().map(|_| Err(again(&failed))).collect(),
                None => self.commit_all(&batch),
            };
            self.life.step().await;
            for (waiting, answer) in batch.into_iter().zip(answers) {
                let _ = waiting.answer.send(answer);
            }
        }
    }

    fn failure(&self) -> Option<CommitError> {
        let now = self.clock.now().steady;
        self.health(|health| {
            if health.busy_next > 0 {
                health.busy_next -= 1;
                return Some(CommitError::Busy);
            }
            let fails = health.fails_next > 0 || health.fails_until > now;
            health.fails_next = health.fails_next.saturating_sub(1);
            fails.then(|| disk_full().into())
        })
    }

    fn commit_all(&self, batch: &[Waiting]) -> Vec<Result<(), CommitError>> {
        let Some(store) = self.store() else { return batch.iter().map(|_| Err(disk_full().into())).collect() };
        let answers = block_on(join_all(batch.iter().map(|waiting| store.commit(waiting.change.clone()))));
        for (waiting, answer) in batch.iter().zip(&answers) {
            match answer {
                Ok(()) => self.judge.committed(&waiting.change, waiting.asked),
                Err(CommitError::Conflict(condition)) => self.judge.conflict(&waiting.change, condition),
                Err(_) => {}
            }
        }
        answers
    }

    /// Reads are made at once: what they answer is what is on disk.
    async fn read<T>(&self, read: impl FnOnce(&Store) -> Result<T, StoreError> + Send) -> Result<T, StoreError> {
        self.life.step().await;
        let store = self.store().ok_or_else(disk_full)?;
        let answer = read(&store);
        drop(store);
        self.life.step().await;
        answer
    }
}

fn again(error: &CommitError) -> CommitError {
    match error {
        CommitError::Busy => CommitError::Busy,
        CommitError::LeaseLost => CommitError::LeaseLost,
        _ => disk_full().into(),
    }
}

fn disk_full() -> StoreError {
    StoreError::Unavailable(Arc::new(std::io::Error::other("the disk is full")))
}

impl ports::Store for Disk {
    fn commit(&self, change: Change) -> Later<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let asked = self.clock.now();
            let _ = self.queue.send(Waiting { change, asked, answer });
            match answered.await {
                Ok(answer) => answer,
                Err(_) => std::future::pending().await,
            }
        })
    }

    fn accounts(&self) -> Later<'_, Result<Vec<Account>, StoreError>> {
        Box::pin(self.read(|store| block_on(ports::Store::accounts(store))))
    }

    fn devices_of(&self, account: AccountId) -> Later<'_, Result<Vec<Device>, StoreError>> {
        Box::pin(self.read(move |store| block_on(ports::Store::devices_of(store, account))))
    }

    fn unfinished_attempts(&self, account: AccountId) -> Later<'_, Result<Vec<Attempt>, StoreError>> {
        Box::pin(self.read(move |store| block_on(ports::Store::unfinished_attempts(store, account))))
    }

    /// A crash around this read is one before the commit that comes next: it is no step of its own, so that stories are
    /// told as before.
    fn spaces_around(&self, account: AccountId) -> Later<'_, Result<Vec<Occupied>, StoreError>> {
        Box::pin(async move {
            if self.life.is_over() {
                std::future::pending::<()>().await;
            }
            let store = self.store().ok_or_else(disk_full)?;
            block_on(ports::Store::spaces_around(&store, account))
        })
    }
}
