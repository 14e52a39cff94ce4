//! A whole database, read table by table to be copied elsewhere. It is not changed.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension};

use super::open_folder;
use crate::error::OpenError;
use crate::files;
use crate::migrations;
use crate::moving::{Kind, MoveError, Sum, Table, Values};
use crate::secrets::Secrets;
use crate::statement::Value;

/// How many rows are handed on at once.
const CHUNK: usize = 500;

/// Tables that are not copied: the schema's version comes with the schema.
const OWN: &[&str] = &["schema_version"];

/// A database that nobody else has open, as it was in one moment.
pub(crate) struct Source {
    connection: Connection,
    path: PathBuf,
    /// Held as long as anything is read.
    _lock: File,
}

impl Source {
    /// Opens a database of the newest schema, for which this is the key.
    pub(crate) fn open(path: &Path, key_file: &Path) -> Result<Self, MoveError> {
        if !path.metadata().is_ok_and(|file| file.is_file() && file.len() > 0) {
            return Err(MoveError::NothingThere { path: path.to_owned() });
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let lock = files::lock_dir(folder)?;
        let failed = failed(path);
        let connection = open_folder(path, None).map_err(failed)?;
        connection.pragma_update(None, "query_only", true).map_err(failed)?;
        connection.execute_batch("BEGIN").map_err(failed)?;
        let source = Self { connection, path: path.to_owned(), _lock: lock };
        source.check(key_file)?;
        Ok(source)
    }

    fn check(&self, key_file: &Path) -> Result<(), MoveError> {
        let path = || self.path.clone();
        let found = migrations::version(&self.connection).map_err(failed(&self.path))?;
        let known = migrations::KNOWN;
        match found {
            0 => return Err(OpenError::Empty { path: path() }.into()),
            _ if found > known => return Err(OpenError::Newer { path: path(), found, known }.into()),
            _ if found < known => return Err(OpenError::Older { path: path(), found, known }.into()),
            _ => {}
        }
        let secrets = Secrets::read(key_file)?;
        let kept = super::open::fingerprint(&self.connection).map_err(failed(&self.path))?;
        if kept.as_deref() != Some(secrets.fingerprint()) {
            return Err(OpenError::KeyDiffers { path: key_file.to_owned() }.into());
        }
        Ok(())
    }

    /// Every table, those that others refer to before them.
    pub(crate) fn tables(&self) -> Result<Vec<Table>, MoveError> {
        self.every_table().map_err(failed(&self.path)).and_then(in_order)
    }

    fn every_table(&self) -> rusqlite::Result<Vec<(Table, Vec<String>)>> {
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
                   ORDER BY name";
        let mut every = self.connection.prepare(sql)?;
        let names: Vec<String> = every.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        names.into_iter().filter(|name| !OWN.contains(&name.as_str())).map(|name| self.table(name)).collect()
    }

    /// A table, and the names of those that it refers to.
    fn table(&self, name: String) -> rusqlite::Result<(Table, Vec<String>)> {
        let mut columns = self.connection.prepare("SELECT name, type FROM pragma_table_info(?1) ORDER BY cid")?;
        let columns = columns.query_map([&name], |row| Ok((row.get(0)?, kind(&row.get::<_, String>(1)?))))?;
        let columns = columns.collect::<rusqlite::Result<_>>()?;
        let mut refers = self.connection.prepare("SELECT \"table\" FROM pragma_foreign_key_list(?1)")?;
        let refers = refers.query_map([&name], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let count = format!("SELECT COUNT(*) FROM {}", quoted(&name));
        let rows = self.connection.query_row(&count, [], |row| row.get::<_, i64>(0))?.unsigned_abs();
        let counter = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
        let counter = self.connection.query_row(counter, [&name], |row| row.get(0)).optional()?;
        Ok((Table { name, columns, rows, counter }, refers))
    }

    /// Hands all rows on, some at a time, while `take` wants more; how many they were, and their sum.
    pub(crate) fn read(
        &self,
        table: &Table,
        mut take: impl FnMut(Vec<Values>) -> bool,
    ) -> Result<(u64, Sum), MoveError> {
        let failed = failed(&self.path);
        let columns: Vec<String> = table.columns.iter().map(|(name, _)| quoted(name)).collect();
        let sql = format!("SELECT {} FROM {}", columns.join(", "), quoted(&table.name));
        let mut every = self.connection.prepare(&sql).map_err(failed)?;
        let mut rows = every.query([]).map_err(failed)?;
        let (mut count, mut sum, mut chunk) = (0, Sum::default(), Vec::with_capacity(CHUNK));
        while let Some(row) = rows.next().map_err(failed)? {
            let values = self.values(table, row)?;
            sum.add(&values);
            count += 1;
            chunk.push(values);
            if chunk.len() == CHUNK && !take(std::mem::take(&mut chunk)) {
                return Ok((count, sum));
            }
        }
        take(chunk);
        Ok((count, sum))
    }

    fn values(&self, table: &Table, row: &rusqlite::Row<'_>) -> Result<Values, MoveError> {
        let value = |(at, (column, kind)): (usize, &(String, Kind))| {
            let found = row.get_ref(at).map_err(failed(&self.path))?;
            understood(found, *kind).map_err(|(found, wanted)| MoveError::Odd {
                table: table.name.clone(),
                column: column.clone(),
                found,
                wanted,
            })
        };
        table.columns.iter().enumerate().map(value).collect()
    }
}

fn failed(path: &Path) -> impl Fn(rusqlite::Error) -> MoveError + Copy + '_ {
    |source| MoveError::Source { path: path.to_owned(), source: source.into() }
}

/// A name as SQL has it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The types that the schema declares.
fn kind(declared: &str) -> Kind {
    match declared {
        "TEXT" => Kind::Text,
        "DOUBLE PRECISION" => Kind::Real,
        _ => Kind::Integer,
    }
}

/// A value that belongs into such a column; otherwise what it is, and what it should be. SQLite takes anything anywhere.
fn understood(found: ValueRef<'_>, kind: Kind) -> Result<Value, (&'static str, &'static str)> {
    let wanted = match kind {
        Kind::Integer => "an integer",
        Kind::Real => "a number",
        Kind::Text => "text in UTF-8",
    };
    match (found, kind) {
        (ValueRef::Null, _) => Ok(Value::Null),
        (ValueRef::Integer(value), Kind::Integer) => Ok(Value::Integer(value)),
        (ValueRef::Real(value), Kind::Real) => Ok(Value::Real(value)),
        (ValueRef::Text(text), Kind::Text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(Value::from(text)),
            Err(_) => Err(("bytes", wanted)),
        },
        (ValueRef::Integer(_), _) => Err(("an integer", wanted)),
        (ValueRef::Real(_), _) => Err(("a number with decimals", wanted)),
        (ValueRef::Text(_), _) => Err(("text", wanted)),
        (ValueRef::Blob(_), _) => Err(("bytes", wanted)),
    }
}

/// Sorts tables so that each comes after those that it refers to.
fn in_order(tables: Vec<(Table, Vec<String>)>) -> Result<Vec<Table>, MoveError> {
    let mut waiting: HashMap<String, (Table, Vec<String>)> =
        tables.into_iter().map(|(table, refers)| (table.name.clone(), (table, refers))).collect();
    let mut sorted = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let is_free = |(table, refers): &(Table, Vec<String>)| {
            refers.iter().all(|name| *name == table.name || !waiting.contains_key(name))
        };
        let mut free: Vec<String> =
            waiting.values().filter(|entry| is_free(entry)).map(|(table, _)| table.name.clone()).collect();
        free.sort();
        if free.is_empty() {
            let names: Vec<&str> = waiting.keys().map(String::as_str).collect();
            return Err(MoveError::Unknown { what: format!("tables that refer to each other ({})", names.join(", ")) });
        }
        sorted.extend(free.iter().filter_map(|name| waiting.remove(name)).map(|(table, _)| table));
    }
    Ok(sorted)
}
