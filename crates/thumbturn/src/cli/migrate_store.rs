//! `thumbturn migrate-store`: words and flags, how far it is, and what is printed.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use thumbturn_store::{DATABASE_FILE, KEY_FILE, MoveOptions, Moved, Progress, move_to_postgres};

use super::{CliError, Place, print};
use crate::config::Config;

#[derive(Args)]
pub(super) struct MigrateStoreArgs {
    /// The SQLite database that is moved: a data directory, its thumbturn.db, or sqlite:///path/to/it. No server may run
    /// on it. [default: the data directory of the settings]
    #[arg(long, value_name = "PLACE")]
    from: Option<PathBuf>,
    /// The empty PostgreSQL database that takes everything, postgres://user@host/database?sslmode=verify-full. Other people
    /// on this machine may see it: one with a password belongs into THUMBTURN_DATABASE_URL or the settings file.
    /// [default: database_url of the settings]
    #[arg(long, value_name = "URL", conflicts_with = "database_url")]
    to: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What is shown here holds no password.
impl std::fmt::Debug for MigrateStoreArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MigrateStoreArgs").field("from", &self.from).finish_non_exhaustive()
    }
}

/// Moves the database and says what is to be done next.
pub(super) async fn run(args: MigrateStoreArgs) -> Result<(), CliError> {
    let place = Place { database_url: args.to.or(args.place.database_url), ..args.place };
    let config = place.settings(None)?;
    let to = config.postgres().ok_or(CliError::NoTarget)?.to_owned();
    let from = match &args.from {
        Some(from) => database_file(from)?,
        None => config.data_dir.join(DATABASE_FILE),
    };
    let key_file = key_file(&config, &from);
    let options = MoveOptions { from: from.clone(), key_file: key_file.clone(), database_url: to };
    let shown = Shown::default();
    let moved = move_to_postgres(options, &|progress| shown.tell(progress)).await;
    shown.end();
    let moved = moved?;
    if args.json {
        let tables: Vec<_> = moved
            .tables
            .iter()
            .map(|table| json!({"name": table.name, "rows": table.rows, "checksum": table.checksum}))
            .collect();
        let told = json!({"to": moved.to, "tables": tables, "key_file": key_file});
        print(&(serde_json::to_string_pretty(&told)? + "\n"))
    } else {
        print(&describe(&moved, &from, &key_file))
    }
}

/// The file that is meant.
fn database_file(from: &Path) -> Result<PathBuf, CliError> {
    let path = match from.to_str().and_then(|text| text.split_once("://")) {
        Some(("sqlite", path)) if !path.is_empty() && !path.contains('?') => PathBuf::from(path),
        Some((scheme, _)) => return Err(CliError::NoSource(scheme.to_owned())),
        None => from.to_owned(),
    };
    Ok(if path.is_dir() { path.join(DATABASE_FILE) } else { path })
}

/// The key of the settings, or the one beside the database.
fn key_file(config: &Config, database: &Path) -> PathBuf {
    if config.secrets.key_file.as_os_str().is_empty() {
        database.with_file_name(KEY_FILE)
    } else {
        config.secrets.key_file.clone()
    }
}

/// What was moved, for people.
fn describe(moved: &Moved, from: &Path, key_file: &Path) -> String {
    let mut text = format!("{:<24}{:>12}  {}\n", "TABLE", "ROWS", "CHECKSUM");
    for table in &moved.tables {
        let _ = writeln!(text, "{:<24}{:>12}  {}", table.name, table.rows, &table.checksum);
    }
    let rows: u64 = moved.tables.iter().map(|table| table.rows).sum();
    let (from, to, key) = (from.display(), &moved.to, key_file.display());
    let _ = write!(
        text,
        "\n{rows} rows were moved from {from} to {to}; their number and checksums are the same in both.\n\n\
         The key file {key} is not in the database, and nothing that is sealed there can be read without it. Each server on \
         the new database needs it (secrets.key_file). Keep a copy apart from the backups of the database.\n\n\
         Start the server with THUMBTURN_DATABASE_URL, or database_url in its settings. The old database was left as it \
         is. Start no server on it again: it would command the same hubs.\n"
    );
    text
}

/// How far it is: a bar for people, lines for whatever else reads them.
#[derive(Default)]
struct Shown {
    bar: OnceLock<Option<ProgressBar>>,
}

impl Shown {
    fn tell(&self, progress: Progress<'_>) {
        match progress {
            Progress::Begins { tables, rows } => {
                let bar = io::stderr().is_terminal().then(|| bar(rows));
                if bar.is_none() {
                    line(&format!("copying {rows} rows of {tables} tables"));
                }
                let _ = self.bar.set(bar);
            }
            Progress::Copied { table, rows } => self.go_on(rows, "copying", table),
            Progress::Verified { table, rows } => {
                self.go_on(rows, "comparing", table);
                if self.bar().is_none() {
                    line(&format!("{table}: {rows} rows copied and compared"));
                }
            }
        }
    }

    fn bar(&self) -> Option<&ProgressBar> {
        self.bar.get().and_then(Option::as_ref)
    }

    fn go_on(&self, rows: u64, what: &str, table: &str) {
        if let Some(bar) = self.bar() {
            bar.set_message(format!("{what} {table}"));
            bar.inc(rows);
        }
    }

    fn end(&self) {
        if let Some(bar) = self.bar() {
            bar.finish_and_clear();
        }
    }
}

/// A bar for copying so many rows and reading them back.
fn bar(rows: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:<28} {wide_bar} {percent:>3} %, {eta} left");
    ProgressBar::new(rows * 2).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn line(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_by_folder_file_or_url() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(DATABASE_FILE);
        let found = |from: &str| database_file(Path::new(from)).unwrap();
        assert_eq!(found(dir.path().to_str().unwrap()), file);
        assert_eq!(found(&format!("sqlite://{}", file.display())), file);
        assert_eq!(found(&format!("sqlite://{}", dir.path().display())), file);
        assert_eq!(found("copy.db"), Path::new("copy.db"));
        for wrong in ["postgres://host/doors", "sqlite://", "sqlite://a.db?mode=ro"] {
            assert!(matches!(database_file(Path::new(wrong)), Err(CliError::NoSource(_))), "{wrong}");
        }
    }
}
