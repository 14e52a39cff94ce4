//! The writer: takes everything that waits, commits it, and connects again when the connection broke.
//!
//! A commit whose answer was lost may have happened. Each batch leaves its number in the row of its writer; after the
//! next connection (which ended the one before, with whatever it was doing) the row says whether it did. Until then nobody
//! is answered: an attempt that is on disk must not be called refused.

use std::sync::Arc;
use std::time::Duration;

use thumbturn_core::ports::CommitError;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Error;

use super::batch::{Batch, Trouble, waiting_events};
use super::connect::{Link, SharedConnector};
use super::execute::Fault;
use super::lock;
use crate::caches::Caches;
use crate::error::{again, unavailable};
use crate::open::Role;
use crate::statement::Value;
use crate::writer::{Answer, BATCH, Queue, Standing, Waiting, WallClock, gather};

/// How long changes wait for a database that cannot be reached: a restart takes a moment.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long they wait when those before them have waited in vain.
const LITTLE_PATIENCE: Duration = Duration::from_millis(500);
/// Between two tries to connect.
const RETRY: Duration = Duration::from_millis(100);
/// An idle connection proves that it lives so often.
const BEAT: Duration = Duration::from_millis(500);
/// How long such a proof may take.
const SILENCE: Duration = Duration::from_secs(1);
/// How long one try to connect may take, with everything that belongs to it.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a new connection waits for the lock that the one before it held.
const LOCK: Duration = Duration::from_secs(3);
/// How often two transactions may be in each other's way.
const TRIES: usize = 10;

/// Writes down who writes, once at the start; those who wrote long ago are forgotten.
const SIGN: &str = "WITH forgotten AS (DELETE FROM writers WHERE began_at < now() - interval '7 days') \
     INSERT INTO writers (id, batch) VALUES ($1, 0)";

/// Which batch of this writer is in the database.
const NEWEST: &str = "SELECT batch FROM writers WHERE id = $1 FOR UPDATE";

/// The writer of this process.
pub(super) struct Session {
    pub(super) connector: SharedConnector,
    pub(super) role: Role,
    pub(super) caches: Arc<Caches>,
    pub(super) clock: WallClock,
    /// Its name among the writers.
    pub(super) id: String,
    standing: Arc<Standing>,
    link: Option<Link>,
    /// The connection before, as the database knows it.
    former: Option<(i32, String)>,
    /// The number of the newest batch.
    number: i64,
    /// Whether the log says already that the database cannot be reached.
    is_away: bool,
    /// Another server has taken the database: nothing may be written any more.
    is_taken: bool,
}

impl Session {
    /// A session over a connection that holds what its role needs.
    pub(super) async fn begin(
        link: Link,
        connector: SharedConnector,
        role: Role,
        caches: Arc<Caches>,
        clock: WallClock,
        standing: Arc<Standing>,
    ) -> Result<Self, Error> {
        let asked = Standing::now();
        let id = uuid::Uuid::new_v4().to_string();
        link.client.execute(SIGN, &[&id]).await?;
        standing.prove(asked);
        let former = Some(link.backend.clone());
        Ok(Self {
            connector,
            role,
            caches,
            clock,
            id,
            standing,
            link: Some(link),
            former,
            number: 0,
            is_away: false,
            is_taken: false,
        })
    }

    /// Commits what comes until the store is closed, or the database was taken by another server.
    pub(super) async fn run(mut self, mut queue: Queue) {
        let mut batch = Vec::with_capacity(BATCH);
        while !self.is_taken {
            let first = tokio::select! {
                message = queue.messages.recv() => match message {
                    Some(message) => message,
                    None => break,
                },
                () = self.broke() => {
                    let _ = self.connect().await;
                    continue;
                }
            };
            let close = gather(first, &mut queue.messages, &mut batch);
            self.commit_batch(&mut batch, &queue).await;
            if let Some(reply) = close {
                queue.messages.close();
                drop(queue.messages);
                self.end().await;
                let _ = reply.send(());
                // Reads go on until the last handle is gone.
                let _ = queue.gone.await;
                return;
            }
        }
        self.end().await;
    }

    async fn end(&mut self) {
        self.standing.lose();
        if let Some(link) = self.link.take() {
            link.end().await;
        }
    }

    /// Returns when an idle connection is found broken; a missing one at once, but not too often.
    async fn broke(&mut self) {
        let Some(link) = &mut self.link else { return sleep(RETRY).await };
        loop {
            tokio::select! {
                () = link.over() => return,
                () = sleep(BEAT) => {
                    let asked = Standing::now();
                    if !matches!(timeout(SILENCE, link.client.batch_execute("")).await, Ok(Ok(()))) {
                        self.standing.lose();
                        self.link = None;
                        return;
                    }
                    self.standing.prove(asked);
                }
            }
        }
    }

    async fn commit_batch(&mut self, batch: &mut Vec<Waiting>, queue: &Queue) {
        if batch.is_empty() {
            return;
        }
        let began = std::time::Instant::now();
        let is_failing = queue.failing.load(std::sync::atomic::Ordering::Acquire);
        let patience = if is_failing { LITTLE_PATIENCE } else { PATIENCE };
        let answers = match self.answers_to(batch, Instant::now() + patience).await {
            Ok(answers) => answers,
            Err(fault) => {
                tracing::error!(error = %fault, changes = batch.len(), "a commit failed; nothing of it was written");
                let error = CommitError::Store(unavailable(fault));
                batch.iter().map(|_| Err(again(&error))).collect()
            }
        };
        queue.answer(batch, answers, &self.caches, began);
    }

    /// What became of each change. An error means that nothing was written.
    async fn answers_to(&mut self, batch: &[Waiting], until: Instant) -> Result<Vec<Answer>, Fault> {
        let now = if waiting_events(batch) > 0 { (self.clock)().as_microsecond() } else { 0 };
        let mut unsure: Option<Vec<Answer>> = None;
        let mut tries = 0;
        loop {
            if let Err(fault) = self.connect().await {
                // What may be on disk is not given up before it is known.
                if self.is_taken || (unsure.is_none() && Instant::now() >= until) {
                    return Err(fault);
                }
                sleep(RETRY).await;
                continue;
            }
            if let Some(answers) = unsure.take() {
                match self.has_committed().await {
                    Ok(true) => return Ok(answers),
                    Ok(false) => {}
                    Err(error) => {
                        tracing::warn!(%error, "whether a commit happened could not be read; trying again");
                        unsure = Some(answers);
                        self.leave();
                        continue;
                    }
                }
            }
            tries += 1;
            let asked = Standing::now();
            match self.attempt(batch, now).await {
                Ok(answers) => {
                    self.standing.prove(asked);
                    return Ok(answers);
                }
                Err(Trouble::Refused(fault)) => {
                    self.leave();
                    return Err(fault);
                }
                Err(Trouble::Again(fault)) => {
                    self.leave();
                    if tries >= TRIES {
                        return Err(fault);
                    }
                }
                Err(Trouble::Lost(fault)) => {
                    tracing::warn!(error = %fault, "the database was lost in the middle of a batch; trying again");
                    self.leave();
                    if Instant::now() >= until {
                        return Err(fault);
                    }
                }
                Err(Trouble::Unsure(answers, fault)) => {
                    tracing::warn!(error = %fault, "the database was lost in the middle of a commit; asking it later");
                    unsure = Some(answers);
                    self.leave();
                }
            }
        }
    }

    async fn attempt(&mut self, batch: &[Waiting], now: i64) -> Result<Vec<Answer>, Trouble> {
        let Some(link) = &mut self.link else { return Err(Trouble::Lost(Fault::Silent)) };
        self.number += 1;
        let (writer, number) = (Value::Text(self.id.clone()), Value::Integer(self.number));
        Batch { link, waiting: batch, writer: &writer, number, now }.commit().await
    }

    /// Whether the newest batch is in the database. Its connection has ended by now.
    async fn has_committed(&self) -> Result<bool, Error> {
        let Some(link) = &self.link else { return Ok(false) };
        let newest: Option<i64> = match link.client.query_opt(NEWEST, &[&self.id]).await? {
            Some(row) => Some(row.try_get(0)?),
            None => None,
        };
        Ok(newest == Some(self.number))
    }

    /// Drops a connection that cannot be trusted any more. Whatever it was doing is ended with the next one.
    fn leave(&mut self) {
        self.standing.lose();
        self.link = None;
    }

    /// Makes sure that there is a connection, with the server's lock if this is the server.
    async fn connect(&mut self) -> Result<(), Fault> {
        if self.link.as_ref().is_some_and(|link| !link.is_over()) {
            return Ok(());
        }
        self.leave();
        match timeout(CONNECT, self.connect_again()).await {
            Ok(Ok(link)) => {
                self.is_away = false;
                tracing::info!("connected to the database again");
                self.former = Some(link.backend.clone());
                self.link = Some(link);
                Ok(())
            }
            failed => {
                let fault = failed.map_or(Fault::Silent, |answer| answer.err().unwrap_or(Fault::Silent));
                if !std::mem::replace(&mut self.is_away, true) {
                    tracing::warn!(error = %fault, "the database cannot be reached; trying again");
                }
                Err(fault)
            }
        }
    }

    async fn connect_again(&mut self) -> Result<Link, Fault> {
        let asked = Standing::now();
        let link = self.connector.connect("writer", None).await?;
        match self.role {
            Role::Visitor => lock::end_former(&link, self.former.as_ref()).await?,
            Role::Server => {
                if !lock::of_server(&link, self.former.as_ref(), LOCK).await? {
                    tracing::error!("another server has taken the database; this one writes nothing any more");
                    self.is_taken = true;
                    return Err(Fault::Taken);
                }
            }
        }
        self.standing.prove(asked);
        Ok(link)
    }
}
