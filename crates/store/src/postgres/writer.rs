//! The writer: takes everything that waits, commits it, and connects again when the connection broke.
//!
//! A commit whose answer was lost may have happened. Each batch leaves its number in the row of its writer; after the
//! next connection (which ended the one before, with whatever it was doing) the row says whether it did. Until then nobody
//! is answered: an attempt that is on disk must not be called refused.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thumbturn_core::nodes::Channel;
use thumbturn_core::ports::CommitError;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Error;

use super::batch::{Batch, Trouble, waiting_events};
use super::connect::{Link, SharedConnector};
use super::execute::Fault;
use super::{lock, news, round};
use crate::caches::Caches;
use crate::error::{again, unavailable};
use crate::files;
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

/// Writes down who writes; those that ended long ago are forgotten. A node (`$2`) lives on a lease.
const SIGN: &str = "WITH forgotten AS (DELETE FROM writers WHERE (ended OR lease_until IS NULL) \
     AND began_at < now() - interval '7 days') \
     INSERT INTO writers (id, batch, lease_until, backend_pid, backend_start) \
     SELECT $1, 0, CASE WHEN $2 THEN clock_timestamp() + interval '5 s' END, pid, extract(epoch FROM backend_start)::text \
     FROM pg_stat_activity WHERE pid = pg_backend_pid() ON CONFLICT (id) DO NOTHING";

/// Puts the end of the lease off, unless the node was ended.
const RENEW: &str = "UPDATE writers SET lease_until = CASE WHEN lease_until IS NOT NULL \
     THEN clock_timestamp() + interval '5 s' END WHERE id = $1 AND NOT ended";

/// Which batch of this writer is in the database.
const NEWEST: &str = "SELECT batch FROM writers WHERE id = $1 FOR UPDATE";

/// The connection of a node.
const BACKEND: &str = "SELECT backend_pid, backend_start FROM writers WHERE id = $1 AND NOT ended \
     AND backend_pid IS NOT NULL AND backend_start IS NOT NULL";

/// A writer that stops has no accounts any more.
const STOP: &str = "UPDATE writers SET ended = TRUE WHERE id = $1";

/// Who has the database for itself ends those that had it before.
const STOP_OTHERS: &str = "UPDATE writers SET ended = TRUE WHERE NOT ended AND lease_until IS NOT NULL";

/// Ends the node that this process's predecessor was: it had this folder, whose lock is held, so its process is gone. Its
/// connection is ended too, with whatever it was doing: should it be there after all, it has nothing to command with.
async fn stop_former(link: &Link, node: &String) -> Result<(), Error> {
    if let Some(row) = link.client.query_opt(BACKEND, &[node]).await? {
        lock::end_former(link, Some(&(row.try_get(0)?, row.try_get(1)?))).await?;
    }
    link.client.execute(STOP, &[node]).await.map(drop)
}

/// The writer of this process.
pub(super) struct Session {
    pub(super) connector: SharedConnector,
    pub(super) role: Role,
    pub(super) caches: Arc<Caches>,
    pub(super) clock: WallClock,
    standing: Arc<Standing>,
    /// The folder in which a node notes who it is.
    notes: Option<PathBuf>,
    link: Option<Link>,
    /// The connection before, as the database knows it.
    former: Option<(i32, String)>,
    /// The number of the newest batch.
    number: i64,
    /// Whether this node is written down.
    is_signed: bool,
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
        notes: Option<PathBuf>,
    ) -> Result<Self, Error> {
        if role == Role::Server {
            link.client.execute(STOP_OTHERS, &[]).await?;
        }
        if let Some(node) = notes.as_ref().and_then(|dir| files::noted_node(dir)) {
            stop_former(&link, &node).await?;
        }
        let former = Some(link.backend.clone());
        let mut session = Self {
            connector,
            role,
            caches,
            clock,
            standing,
            notes,
            link: Some(link),
            former,
            number: 0,
            is_signed: false,
            is_away: false,
            is_taken: false,
        };
        session.sign().await?;
        Ok(session)
    }

    /// Its name among the writers.
    fn id(&self) -> String {
        self.standing.node().borrow().to_string()
    }

    /// Writes this writer down, if it is not.
    async fn sign(&mut self) -> Result<(), Error> {
        let Some(link) = self.link.as_ref().filter(|_| !self.is_signed) else { return Ok(()) };
        let asked = Standing::now();
        link.client.execute(SIGN, &[&self.id(), &(self.role != Role::Visitor)]).await?;
        self.is_signed = true;
        if let Some(dir) = &self.notes {
            files::note_node(dir, &self.id());
        }
        self.standing.prove(asked);
        Ok(())
    }

    /// Goes on as another writer. What was cached may be stale, for the lease was over before.
    fn begin_again(&mut self) {
        tracing::error!(node = self.id(), "the lease of this node is over: it begins again without its accounts");
        self.standing.begin_again();
        self.caches.forget_all();
        self.is_signed = false;
        self.number = 0;
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
                    if self.connect().await.is_ok() {
                        self.beat().await;
                    }
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
            let stop = async {
                link.client.execute(STOP, &[&self.id()]).await?;
                link.client.execute(news::NOTIFY, &[&Channel::Owners.name(), &""]).await
            };
            let _ = timeout(SILENCE, stop).await;
            link.end().await;
        }
    }

    /// Returns when an idle connection is found broken; a missing one at once, but not too often.
    async fn broke(&mut self) {
        loop {
            let Some(link) = &mut self.link else { return sleep(RETRY).await };
            tokio::select! {
                () = link.over() => return,
                () = sleep(BEAT) => {}
            }
            self.beat().await;
        }
    }

    /// Proves that the database can be reached, and puts the end of the lease off. A node that was ended meanwhile begins
    /// again.
    async fn beat(&mut self) {
        let asked = Standing::now();
        let id = self.id();
        let Some(link) = &self.link else { return };
        match timeout(SILENCE, link.client.execute(RENEW, &[&id])).await {
            Ok(Ok(1)) => self.standing.prove(asked),
            Ok(Ok(_)) => {
                self.begin_again();
                if timeout(SILENCE, self.sign()).await.is_err() {
                    self.leave();
                }
            }
            _ => self.leave(),
        }
    }

    async fn commit_batch(&mut self, batch: &mut Vec<Waiting>, queue: &Queue) {
        if batch.is_empty() {
            return;
        }
        let began = std::time::Instant::now();
        let is_failing = queue.failing.load(std::sync::atomic::Ordering::Acquire);
        let patience = if is_failing { LITTLE_PATIENCE } else { PATIENCE };
        let until = Instant::now() + patience;
        let answers = loop {
            self.turn_away_former(batch);
            if batch.is_empty() {
                return;
            }
            match self.answers_to(batch, until).await {
                Ok(answers) => break answers,
                // Of those that are no node's own the next one can write.
                Err(Fault::Fenced) => self.begin_again(),
                Err(fault) => {
                    tracing::error!(error = %fault, changes = batch.len(), "a commit failed; nothing of it was written");
                    let error = CommitError::Store(unavailable(fault));
                    break batch.iter().map(|_| Err(again(&error))).collect();
                }
            }
        };
        queue.answer(batch, answers, &self.caches, began);
    }

    /// Answers what a node wanted that this writer was before.
    fn turn_away_former(&self, batch: &mut Vec<Waiting>) {
        let node = *self.standing.node().borrow();
        let (kept, former): (Vec<_>, Vec<_>) =
            std::mem::take(batch).into_iter().partition(|waiting| waiting.plan.by.is_none_or(|by| by == node));
        *batch = kept;
        former.into_iter().for_each(|waiting| waiting.refuse(CommitError::LeaseLost));
    }

    /// What became of each change. An error means that nothing was written.
    async fn answers_to(&mut self, batch: &[Waiting], until: Instant) -> Result<Vec<Answer>, Fault> {
        let now = if waiting_events(batch) > 0 { (self.clock)().as_microsecond() } else { 0 };
        let mut unsure: Option<Option<Vec<Answer>>> = None;
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
                match self.committed(batch, answers.is_some()).await {
                    Ok(Some(found)) => return Ok(answers.unwrap_or(found)),
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%error, "whether a commit happened could not be read; trying again");
                        unsure = Some(answers);
                        self.leave();
                        continue;
                    }
                }
            }
            if let Err(error) = self.sign().await {
                tracing::warn!(%error, "this node could not be written down; trying again");
                self.leave();
                if Instant::now() >= until {
                    return Err(error.into());
                }
                sleep(RETRY).await;
                continue;
            }
            tries += 1;
            let asked = Standing::now();
            match self.attempt(batch, now).await {
                Ok(answers) => {
                    self.standing.prove(asked);
                    return Ok(answers);
                }
                Err(Trouble::Fenced) => return Err(Fault::Fenced),
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
        self.number += 1;
        let (writer, number) = (Value::from(self.id()), Value::Integer(self.number));
        let Some(link) = &mut self.link else { return Err(Trouble::Lost(Fault::Silent)) };
        let is_alone = self.role == Role::Server;
        Batch { link, waiting: batch, writer: &writer, number, now, is_alone }.commit().await
    }

    /// What became of the changes of the newest batch, if it is in the database; nothing where that `is_known`. Its
    /// connection has ended by now.
    async fn committed(&self, batch: &[Waiting], is_known: bool) -> Result<Option<Vec<Answer>>, Error> {
        let Some(link) = &self.link else { return Ok(None) };
        let newest: Option<i64> = match link.client.query_opt(NEWEST, &[&self.id()]).await? {
            Some(row) => Some(row.try_get(0)?),
            None => None,
        };
        if newest != Some(self.number) {
            return Ok(None);
        }
        if is_known { Ok(Some(Vec::new())) } else { round::found(link, batch).await.map(Some) }
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
        let link = self.connector.connect("writer", None).await?;
        let is_shared = match self.role {
            Role::Visitor => {
                lock::end_former(&link, self.former.as_ref()).await?;
                return Ok(link);
            }
            Role::Node => true,
            Role::Server => false,
        };
        if !lock::of_server(&link, is_shared, self.former.as_ref(), LOCK).await? {
            if !is_shared {
                tracing::error!("another server has taken the database; this one writes nothing any more");
                self.is_taken = true;
            }
            return Err(Fault::Taken);
        }
        // A node with the lock shared has to be let go of by whoever had it before: nothing else ends that connection.
        lock::end_former(&link, self.former.as_ref()).await?;
        Ok(link)
    }
}
