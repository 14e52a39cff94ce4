//! Opening a PostgreSQL database: connection, lock, key, schema.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio_postgres::Error;

use super::accounts::Accounts;
use super::connect::{Connector, Link};
use super::pool::Pool;
use super::url::Target;
use super::writer::Session;
use super::{lock, migrate, news};
use crate::board::Board;
use crate::caches::Caches;
use crate::error::OpenError;
use crate::files;
use crate::open::{OpenOptions, Role};
use crate::reader::Readers;
use crate::secrets::Secrets;
use crate::store::{Parts, Store};
use crate::writer::{Standing, Writer};

/// How long a start waits for the lock of a server that is just ending.
const LOCK: Duration = Duration::from_secs(3);
/// The oldest server that has all we use.
const OLDEST: i32 = 130_000;

/// What the thread hands back once the database is open.
struct Opened {
    readers: Pool,
    secrets: Secrets,
    accounts: Option<Accounts>,
}

/// Opens the database behind `url`, and makes schema and key file if it is empty.
pub(crate) fn open(options: OpenOptions, url: &str) -> Result<Store, OpenError> {
    let target = Target::parse(url).map_err(OpenError::DatabaseUrl)?;
    let name = target.name();
    let unsuitable = |reason| OpenError::Unsuitable { path: PathBuf::from(&name), reason };
    let connector = Arc::new(Connector::new(target).map_err(unsuitable)?);
    files::make_dir(&options.data_dir)?;
    // One server a folder, as with SQLite: its socket for operators is there.
    let dir_lock = match options.role {
        Role::Server | Role::Node => Some(files::lock_dir(&options.data_dir)?),
        Role::Visitor => None,
    };
    let caches = Arc::new(Caches::new());
    let (tell, told) = sync_channel(1);
    let (queue, meter) = (options.queue, Arc::clone(&options.meter));
    let standing = Arc::new(Standing::new());
    let board = Arc::new(Board::new());
    let start = Start {
        connector,
        caches: Arc::clone(&caches),
        board: Arc::clone(&board),
        standing: Arc::clone(&standing),
        options,
        name: name.clone(),
    };
    let writer = Writer::start(queue, meter, move |queue| {
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(tell.send(Err(files::io_error(Path::new(&start.name), error)))),
        };
        runtime.block_on(async {
            if let Some(session) = start.begin(&tell).await {
                session.run(queue).await;
            }
        });
        drop(dir_lock);
    });
    let writer = writer.map_err(|source| files::io_error(Path::new(&name), source))?;
    let broke = || files::io_error(Path::new(&name), io::Error::other("the thread of the database ended"));
    let Opened { readers, secrets, accounts } = told.recv().map_err(|_| broke())??;
    let (readers, standing) = (Readers::Postgres(readers), Some(standing));
    Ok(Store::new(Parts { writer, readers, caches, board: Some(board), secrets, standing, accounts }))
}

/// A start on its way.
struct Start {
    connector: Arc<Connector>,
    caches: Arc<Caches>,
    board: Arc<Board>,
    standing: Arc<Standing>,
    options: OpenOptions,
    name: String,
}

impl Start {
    /// Opens the database and says how that went.
    async fn begin(&self, tell: &SyncSender<Result<Opened, OpenError>>) -> Option<Session> {
        match self.try_begin().await {
            Ok((session, opened)) => {
                if self.options.role != Role::Visitor {
                    self.caches.suspend();
                    let (caches, board) = (Arc::clone(&self.caches), Arc::clone(&self.board));
                    tokio::spawn(news::listen(Arc::clone(&self.connector), caches, board, self.standing.node()));
                }
                tell.send(Ok(opened)).ok().map(|()| session)
            }
            Err(error) => {
                let _ = tell.send(Err(error));
                None
            }
        }
    }

    async fn try_begin(&self) -> Result<(Session, Opened), OpenError> {
        let failed = |error: Error| self.failed(error);
        let link = self.connector.connect("writer", None).await.map_err(failed)?;
        check(&link, &self.name).await?;
        let is_shared = self.options.role == Role::Node;
        if self.options.role != Role::Visitor && !lock::of_server(&link, is_shared, None, LOCK).await.map_err(failed)? {
            return Err(OpenError::NotShared { path: PathBuf::from(&self.name) });
        }
        let secrets = migrate::unlock(&link, &self.name, &self.options.key_path(), self.options.role).await?;
        let OpenOptions { role, clock, readers, .. } = &self.options;
        let (connector, caches) = (Arc::clone(&self.connector), Arc::clone(&self.caches));
        let standing = Arc::clone(&self.standing);
        let notes = (*role == Role::Node).then(|| self.options.data_dir.clone());
        let session =
            Session::begin(link, connector, *role, caches, Arc::clone(clock), standing, notes).await.map_err(failed)?;
        let readers = Pool::new(Arc::clone(&self.connector), Handle::current(), *readers);
        let accounts = Accounts::new(Arc::clone(&self.connector), Handle::current(), is_shared);
        let accounts = (*role != Role::Visitor).then_some(accounts);
        Ok((session, Opened { readers, secrets, accounts }))
    }

    fn failed(&self, source: Error) -> OpenError {
        OpenError::Database { path: PathBuf::from(&self.name), source: source.into() }
    }
}

/// Whether the server can keep what we keep, and keeps it.
pub(super) async fn check(link: &Link, name: &str) -> Result<(), OpenError> {
    let failed = |source: Error| OpenError::Database { path: PathBuf::from(name), source: source.into() };
    let sql = "SELECT current_setting('server_version_num')::int4, current_setting('server_version'), \
               current_setting('server_encoding'), current_setting('fsync')";
    let row = link.client.query_one(sql, &[]).await.map_err(failed)?;
    let text = |column: usize| row.try_get::<_, String>(column).map_err(failed);
    let number: i32 = row.try_get(0).map_err(failed)?;
    let unsuitable = |reason| OpenError::Unsuitable { path: PathBuf::from(name), reason };
    if number < OLDEST {
        return Err(unsuitable(format!("it is PostgreSQL {}, and 13 or newer is needed", text(1)?)));
    }
    if text(2)? != "UTF8" {
        return Err(unsuitable(format!("its encoding is {}, and UTF8 is needed (createdb -E UTF8)", text(2)?)));
    }
    if text(3)? != "on" {
        tracing::warn!("the database runs with fsync=off: a power cut may lose what was acknowledged");
    }
    Ok(())
}
