//! Connections, and the statements that each has prepared.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Error, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::{Target, Trust};

/// How many statements a connection keeps prepared. Those of lists have as many texts as there are filters.
const STATEMENTS_KEPT: usize = 256;
/// How long the database has to take leave.
const LEAVE: Duration = Duration::from_secs(1);

/// What every session is told. A commit that was answered is on disk, whatever the database's own default; one that the
/// database was configured to do even more for stays so. An open transaction of a node that went silent ends: others wait for
/// it, and for its lease.
const SESSION: &str = "SELECT set_config('synchronous_commit', 'on', false) \
     WHERE current_setting('synchronous_commit') IN ('off', 'local'); \
     SET idle_in_transaction_session_timeout = '3s'; \
     SET default_transaction_isolation = 'read committed'; \
     SET default_transaction_read_only = off; \
     SET client_min_messages = error";

/// Makes connections.
pub(super) struct Connector {
    target: Target,
    tls: Option<MakeRustlsConnect>,
}

/// One connection.
pub(super) struct Link {
    pub(super) client: Client,
    task: JoinHandle<()>,
    prepared: HashMap<String, Statement>,
    /// The server's process behind it, and when that began: its number may come back.
    pub(super) backend: (i32, String),
}

impl Connector {
    /// # Errors
    /// Why TLS cannot be prepared, for the operator.
    pub(super) fn new(target: Target) -> Result<Self, String> {
        let tls = match target.trust {
            Trust::Off => None,
            _ => Some(MakeRustlsConnect::new(super::tls::client_config(&target)?)),
        };
        Ok(Self { target, tls })
    }

    /// Connects. What is notified goes to `news`.
    pub(super) async fn connect(
        &self,
        purpose: &str,
        news: Option<mpsc::UnboundedSender<tokio_postgres::Notification>>,
    ) -> Result<Link, Error> {
        let mut config = self.target.config.clone();
        if config.get_application_name().is_none() {
            config.application_name(format!("thumbturn {purpose}"));
        }
        let (client, task) = match &self.tls {
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                (client, tokio::spawn(drive(connection, news)))
            }
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                (client, tokio::spawn(drive(connection, news)))
            }
        };
        client.batch_execute(SESSION).await?;
        let own =
            "SELECT pid, extract(epoch FROM backend_start)::text FROM pg_stat_activity WHERE pid = pg_backend_pid()";
        let own = client.query_one(own, &[]).await?;
        let backend = (own.try_get(0)?, own.try_get(1)?);
        Ok(Link { client, task, prepared: HashMap::new(), backend })
    }
}

/// Moves what comes and goes until the connection is over.
async fn drive<S, T>(
    mut connection: tokio_postgres::Connection<S, T>,
    news: Option<mpsc::UnboundedSender<tokio_postgres::Notification>>,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notification(told))) => {
                if let Some(news) = &news {
                    let _ = news.send(told);
                }
            }
            Some(Ok(AsyncMessage::Notice(notice))) => tracing::warn!(%notice, "the database says"),
            Some(Ok(_)) => {}
            Some(Err(error)) => return tracing::warn!(%error, "a connection to the database broke"),
            None => return,
        }
    }
}

impl Link {
    /// Whether nothing can be asked over it any more.
    pub(super) fn is_over(&self) -> bool {
        self.client.is_closed() || self.task.is_finished()
    }

    /// Returns once the connection is over.
    pub(super) async fn over(&mut self) {
        if !self.task.is_finished() {
            let _ = (&mut self.task).await;
        }
    }

    /// The prepared form of a text.
    pub(super) async fn prepare(&mut self, sql: &str) -> Result<Statement, Error> {
        if let Some(prepared) = self.prepared.get(sql) {
            return Ok(prepared.clone());
        }
        if self.prepared.len() >= STATEMENTS_KEPT {
            self.prepared.clear();
        }
        let prepared = self.client.prepare(sql).await?;
        self.prepared.insert(sql.to_owned(), prepared.clone());
        Ok(prepared)
    }

    /// Takes leave, so that the database knows at once.
    pub(super) async fn end(self) {
        let Self { client, task, prepared, .. } = self;
        drop((prepared, client));
        let _ = tokio::time::timeout(LEAVE, task).await;
    }
}

/// A connector that several tasks use.
pub(super) type SharedConnector = Arc<Connector>;
