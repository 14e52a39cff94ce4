//! Opening the data directory: lock, key, schema, connections.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::writer::{Parts, start};
use super::{Pool, open_writer, room};
use crate::caches::Caches;
use crate::error::OpenError;
use crate::files::{self, DATABASE_FILE};
use crate::folding::{Folder, FolderError};
use crate::migrations;
use crate::open::OpenOptions;
use crate::reader::Readers;
use crate::secrets::Secrets;
use crate::store::{self, Store};

/// Opens the store, and makes database and key file if there is no database yet.
pub(crate) fn open(options: OpenOptions) -> Result<Store, OpenError> {
    files::make_dir(&options.data_dir)?;
    let lock = files::lock_dir(&options.data_dir)?;
    let path = options.data_dir.join(DATABASE_FILE);
    let was_there = path.metadata().is_ok_and(|file| file.len() > 0);
    files::make_private(&path)?;
    files::close_to_others(&path);
    let failed = |source: rusqlite::Error| OpenError::Database { path: path.clone(), source: source.into() };

    let mut connection = open_writer(&path, options.vfs.as_deref()).map_err(failed)?;
    let secrets = unlock(&mut connection, &path, &options.key_path(), was_there)?;
    let last_event = newest_event(&connection).map_err(failed)?;
    let readers = Pool::open(&path, options.vfs.as_deref(), options.readers).map_err(failed)?;
    let caches = Arc::new(Caches::new());
    if options.log_room && options.vfs.is_none() {
        room::make(&connection, &path);
    }
    let folder = Folder::start(&path, options.vfs.as_deref()).map_err(|error| match error {
        FolderError::Database(source) => failed(source),
        FolderError::Thread(source) => files::io_error(&path, source),
    })?;
    let (clock, meter) = (options.clock, options.meter);
    let parts = Parts { connection, folder, caches: Arc::clone(&caches), clock, meter, last_event, lock };
    let writer = start(parts, options.queue).map_err(|source| files::io_error(&path, source))?;
    Ok(Store::new(store::Parts {
        writer,
        readers: Readers::Sqlite(readers),
        caches,
        board: None,
        secrets,
        standing: None,
        accounts: None,
    }))
}

/// Brings the schema up to date and checks that the key is the database's.
fn unlock(connection: &mut Connection, path: &Path, key_path: &Path, was_there: bool) -> Result<Secrets, OpenError> {
    let failed = |source: rusqlite::Error| OpenError::Database { path: path.to_owned(), source: source.into() };
    let version = migrations::version(connection).map_err(failed)?;
    if version > migrations::KNOWN {
        return Err(OpenError::Newer { path: path.to_owned(), found: version, known: migrations::KNOWN });
    }
    if version == 0 {
        if was_there {
            tracing::warn!(
                path = %path.display(),
                "this database file is empty and is set up anew; if it is a copy, stop and copy its -wal file as well"
            );
        }
        let secrets = Secrets::read_or_make(key_path)?;
        let finish = |fresh: &Connection| keep_fingerprint(fresh, &secrets);
        migrations::migrate(connection, version, &secrets, finish).map_err(failed)?;
        return Ok(secrets);
    }
    // The key comes first: a database that cannot be read is not touched.
    let secrets = Secrets::read(key_path)?;
    let expected = fingerprint(connection).map_err(failed)?.ok_or_else(|| OpenError::Corrupt {
        path: path.to_owned(),
        reason: "the fingerprint of its key is missing".to_owned(),
    })?;
    if expected != secrets.fingerprint() {
        return Err(OpenError::KeyDiffers { path: key_path.to_owned() });
    }
    if version < migrations::KNOWN {
        migrations::migrate(connection, version, &secrets, |_| Ok(())).map_err(failed)?;
    }
    if let Err(error) = migrations::scrub(connection) {
        tracing::warn!(%error, "what an older version kept in clear may still be in the file; the next start tries again");
    }
    Ok(secrets)
}

fn keep_fingerprint(connection: &Connection, secrets: &Secrets) -> rusqlite::Result<()> {
    let sql = "INSERT INTO settings (key, value) VALUES ('key_fingerprint', ?1)";
    connection.execute(sql, [secrets.fingerprint()]).map(drop)
}

/// What the database keeps of its key.
pub(super) fn fingerprint(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT value FROM settings WHERE key = 'key_fingerprint'";
    connection.query_row(sql, [], |row| row.get(0)).optional()
}

/// The time of the newest event, in microseconds: no later event may be older.
fn newest_event(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT created_at FROM events ORDER BY sequence DESC LIMIT 1";
    Ok(connection.query_row(sql, [], |row| row.get(0)).optional()?.unwrap_or(0))
}
