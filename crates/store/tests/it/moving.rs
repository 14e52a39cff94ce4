//! Moving from SQLite to PostgreSQL: every table and every value, or nothing.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use thumbturn_core::credentials::KeyKind;
use thumbturn_core::events::EventKind;
use thumbturn_store::{
    DATABASE_FILE, EventFilter, KEY_FILE, MoveError, MoveOptions, Moved, OpenError, OpenOptions, Progress, Store,
    move_to_postgres,
};

use crate::support::{
    ACCOUNT, Database as _, Postgres, Sqlite, World, attempt_id, device_event, everything, open, tell,
};

/// A SQLite database that nobody has open, and an empty PostgreSQL database.
struct Move {
    world: World<Sqlite>,
    target: Postgres,
}

impl Move {
    /// From a small installation.
    async fn of_a_small_house() -> Self {
        let world = World::<Sqlite>::new().await;
        Self { world, target: Postgres::create() }
    }

    /// The same with nobody on the old database.
    fn stopped(self) -> Stopped {
        let World { store, dir, .. } = self.world;
        drop(store);
        Stopped { dir, target: self.target }
    }
}

/// The same without a server.
struct Stopped {
    dir: tempfile::TempDir,
    target: Postgres,
}

impl Stopped {
    async fn small_house() -> Self {
        Move::of_a_small_house().await.stopped()
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join(DATABASE_FILE)
    }

    fn sqlite(&self) -> Connection {
        Connection::open(self.file()).unwrap()
    }

    fn options(&self) -> MoveOptions {
        MoveOptions { from: self.file(), key_file: self.dir.path().join(KEY_FILE), database_url: self.target.0.url() }
    }

    async fn go(&self) -> Result<Moved, MoveError> {
        move_to_postgres(self.options(), &|_| {}).await
    }

    fn open(&self) -> Store {
        self.target.open(OpenOptions::new(self.dir.path()))
    }

    /// What PostgreSQL answers, as text.
    async fn ask(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let (client, connection) = tokio_postgres::connect(&self.target.0.url(), tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let answers = client.simple_query(sql).await.unwrap();
        let rows = answers.iter().filter_map(|answer| match answer {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| (0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect()).collect()
    }

    async fn is_empty(&self) -> bool {
        self.ask("SELECT 1 FROM pg_class WHERE relnamespace = 'public'::regnamespace").await.is_empty()
    }
}

/// The tables that are moved, with their columns and types.
fn tables(sqlite: &Connection) -> Vec<(String, Vec<(String, String)>)> {
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' \
                 AND name <> 'schema_version' ORDER BY name";
    let mut names = sqlite.prepare(names).unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let columns = |name: &String| {
        let mut columns = sqlite.prepare("SELECT name, type FROM pragma_table_info(?1)").unwrap();
        columns.query_map([name], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    names.into_iter().map(|name| (name.clone(), columns(&name))).collect()
}

/// Texts that a database could get wrong: a NUL, what stands for it in PostgreSQL, and more than one byte a letter.
fn text(row: i64) -> String {
    format!("{row} \u{0} \u{1a}0 \u{1a}\u{1a} \\N \t 'é' 号 \u{1f511}")
}

/// Puts rows into every table that there is: whatever refers to a row of the same number finds it, as all its texts are
/// the same. What may be absent is absent in every second row.
fn fill(sqlite: &Connection, rows: i64) {
    sqlite.execute_batch("PRAGMA foreign_keys = off; BEGIN").unwrap();
    for (table, _) in tables(sqlite) {
        let mut columns = sqlite.prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1)").unwrap();
        let columns: Vec<(String, String, bool, bool)> = columns
            .query_map([&table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, i64>(3)? > 0)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for row in 1..=rows {
            let value = |(_, kind, must, is_key): &(String, String, bool, bool)| -> rusqlite::types::Value {
                match kind.as_str() {
                    _ if row % 2 == 0 && !must && !is_key => rusqlite::types::Value::Null,
                    "TEXT" => text(row).into(),
                    "DOUBLE PRECISION" => rusqlite::types::Value::Real(-0.1 / f64::from(i32::try_from(row).unwrap())),
                    _ if *is_key => (row * 7).into(),
                    _ => (i64::MIN + row).into(),
                }
            };
            let names: Vec<&str> = columns.iter().map(|(name, ..)| name.as_str()).collect();
            let places = vec!["?"; names.len()].join(", ");
            let sql = format!("INSERT INTO {table} ({}) VALUES ({places})", names.join(", "));
            sqlite.execute(&sql, rusqlite::params_from_iter(columns.iter().map(value))).unwrap();
        }
    }
    // Each attempt has ended, or was in the queue of some server: others are settled, and so not the same afterwards.
    sqlite.execute_batch("UPDATE attempts SET taken_by = id WHERE ended_at IS NULL; COMMIT").unwrap();
}

fn unescaped(text: &str) -> String {
    text.replace("\u{1a}\u{1a}", "\u{e000}").replace("\u{1a}0", "\u{0}").replace('\u{e000}', "\u{1a}")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_of_the_schema_is_copied_value_by_value() {
    let house = Stopped::small_house().await;
    let sqlite = house.sqlite();
    fill(&sqlite, 1_203);
    let told = Mutex::new((0, 0, 0));
    let moved = move_to_postgres(house.options(), &|progress| {
        let mut told = told.lock().unwrap();
        match progress {
            Progress::Begins { rows, .. } => told.0 = rows,
            Progress::Copied { rows, .. } => told.1 += rows,
            Progress::Verified { rows, .. } => told.2 += rows,
        }
    })
    .await
    .unwrap();
    let all = tables(&sqlite);
    let names: Vec<&String> = all.iter().map(|(name, _)| name).collect();
    let mut moved_names: Vec<&String> = moved.tables.iter().map(|table| &table.name).collect();
    moved_names.sort();
    assert_eq!(moved_names, names);
    assert!(moved.tables.iter().all(|table| table.rows >= 1_203 && table.checksum.len() == 64), "{moved:?}");
    let rows: u64 = moved.tables.iter().map(|table| table.rows).sum();
    assert_eq!(told.into_inner().unwrap(), (rows, rows, rows));
    for (table, columns) in all {
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let sql = format!("SELECT {} FROM {table}", names.join(", "));
        let mut before: Vec<Vec<Option<String>>> = Vec::new();
        let mut every = sqlite.prepare(&sql).unwrap();
        let mut rows = every.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let shown = |column| match row.get_ref(column).unwrap() {
                ValueRef::Null => None,
                ValueRef::Integer(value) => Some(value.to_string()),
                ValueRef::Real(value) => Some(format!("{value:e}")),
                other => Some(other.as_str().unwrap().to_owned()),
            };
            before.push((0..names.len()).map(shown).collect());
        }
        let mut after = house.ask(&sql).await;
        for row in &mut after {
            for (value, (_, kind)) in row.iter_mut().zip(&columns) {
                *value = value.take().map(|value| match kind.as_str() {
                    "DOUBLE PRECISION" => format!("{:e}", value.parse::<f64>().unwrap()),
                    "TEXT" => unescaped(&value),
                    _ => value,
                });
            }
        }
        before.sort();
        after.sort();
        assert!(before == after, "{table}: {} rows before, {} after", before.len(), after.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_go_on_behind_those_that_ever_were() {
    let world = World::<Sqlite>::new().await;
    for n in 1..=3 {
        world.commit(tell(vec![device_event(n, 0, EventKind::DeviceConnected { managed: true })])).await;
    }
    let World { store, dir, .. } = world;
    drop(store);
    let house = Stopped { dir, target: Postgres::create() };
    let sqlite = house.sqlite();
    // The newest is gone, and its number must not come back; the one before is from the future.
    sqlite
        .execute_batch(
            "DELETE FROM events WHERE sequence = 3; UPDATE events SET created_at = 4000000000000000 \
                          WHERE sequence = 2",
        )
        .unwrap();
    drop(sqlite);
    house.go().await.unwrap();
    let store = house.open();
    store.commit(tell(vec![device_event(4, 0, EventKind::DeviceConnected { managed: true })])).await.unwrap();
    let order = house.ask("SELECT sequence, created_at > 4000000000000000 FROM events ORDER BY sequence").await;
    let row = |sequence: &str, is_later: &str| vec![Some(sequence.to_owned()), Some(is_later.to_owned())];
    assert_eq!(order, [row("1", "f"), row("2", "f"), row("4", "t")]);
    let listed = store.events(&everything(), &EventFilter::default(), 10, 0).await.unwrap();
    assert_eq!(listed.len(), 3);
    assert!(store.key(KeyKind::ApiKey, "short1").await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_a_killed_server_left_is_settled_and_never_written_again() {
    let world = World::<Sqlite>::new().await;
    let pending = world.accept(1).await;
    world.accept(2).await;
    world.finish(2, thumbturn_core::attempts::Outcome::Success { confirmed: true }).await;
    let World { store, dir, .. } = world;
    drop(store);
    let house = Stopped { dir, target: Postgres::create() };
    house.go().await.unwrap();
    let store = house.open();
    let unfinished = thumbturn_core::ports::Store::unfinished_attempts(&store, ACCOUNT).await.unwrap();
    assert_eq!(unfinished, [pending]);
    let taken = house.ask("SELECT id FROM attempts WHERE taken_by IS NOT NULL").await;
    assert_eq!(taken, [[Some(attempt_id(1).to_string())]], "it was in the queue of a node that is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_empty_is_refused_and_left_alone() {
    let house = Stopped::small_house().await;
    house.target.0.run("CREATE TABLE shopping (item TEXT); INSERT INTO shopping VALUES ('bread')").unwrap();
    let error = house.go().await.unwrap_err().to_string();
    assert!(error.contains("is not empty: it holds shopping."), "{error}");
    assert_eq!(house.ask("SELECT item FROM shopping").await, [[Some("bread".to_owned())]]);
    house.target.0.run("DROP TABLE shopping").unwrap();
    house.go().await.unwrap();
    let error = house.go().await.unwrap_err().to_string();
    assert!(error.contains("a Thumbturn installation (workspaces: 1, devices: 5, events: 0)"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_use_is_refused() {
    let house = Move::of_a_small_house().await;
    let options = MoveOptions {
        from: house.world.dir.path().join(DATABASE_FILE),
        key_file: house.world.dir.path().join(KEY_FILE),
        database_url: house.target.0.url(),
    };
    let error = move_to_postgres(options, &|_| {}).await.unwrap_err();
    assert!(matches!(error, MoveError::Open(OpenError::InUse { .. })), "{error}");
    let house = house.stopped();
    assert!(house.is_empty().await);
    house.go().await.unwrap();
    drop(open(house.dir.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_database_of_ours_or_has_another_key_is_refused() {
    let house = Stopped::small_house().await;
    let nothing = MoveOptions { from: house.dir.path().join("elsewhere.db"), ..house.options() };
    assert!(matches!(move_to_postgres(nothing, &|_| {}).await, Err(MoveError::NothingThere { .. })));
    assert!(!house.dir.path().join("elsewhere.db").exists());
    let no_key = MoveOptions { key_file: house.dir.path().join("no.key"), ..house.options() };
    assert!(matches!(move_to_postgres(no_key, &|_| {}).await, Err(MoveError::Open(OpenError::KeyMissing { .. }))));
    let other = house.dir.path().join("other.key");
    std::fs::write(&other, "00".repeat(32)).unwrap();
    let other = MoveOptions { key_file: other, ..house.options() };
    assert!(matches!(move_to_postgres(other, &|_| {}).await, Err(MoveError::Open(OpenError::KeyDiffers { .. }))));
    let sqlite = house.sqlite();
    sqlite.execute("DELETE FROM schema_version WHERE version > 3", []).unwrap();
    assert!(matches!(house.go().await, Err(MoveError::Open(OpenError::Older { found: 3, .. }))));
    assert!(house.is_empty().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_fails_on_its_way_leaves_the_new_database_empty() {
    let house = Stopped::small_house().await;
    let sqlite = house.sqlite();
    fill(&sqlite, 600);
    let refused = async |change: &str, back: &str| {
        sqlite.execute_batch(&format!("PRAGMA foreign_keys = off; {change}")).unwrap();
        let error = house.go().await.unwrap_err();
        assert!(house.is_empty().await, "{error}");
        sqlite.execute_batch(back).unwrap();
        error.to_string()
    };
    let odd = refused(
        "UPDATE attempts SET created_at = 'yesterday' WHERE rowid = 599",
        "UPDATE attempts SET created_at = 1 WHERE rowid = 599",
    );
    assert!(odd.await.contains("text in attempts.created_at, where an integer belongs"));
    let unknown = refused("CREATE TABLE shopping (item TEXT)", "DROP TABLE shopping").await;
    assert!(unknown.contains("holds the table shopping, which"), "{unknown}");
    // A row that refers to nothing.
    let refused = refused(
        "DELETE FROM operators WHERE rowid = 4",
        "INSERT INTO operators SELECT operator_id, 1 FROM keys WHERE operator_id NOT IN (SELECT id FROM operators)",
    );
    assert!(refused.await.contains("nothing was kept"));
    house.go().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_differs_is_not_kept() {
    let house = Stopped::small_house().await;
    // Somebody's own trigger changes what comes in.
    let spoil = "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN NEW.name := NEW.name || '!'; RETURN NEW; END $$; \
                 CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
                 IF to_regclass('workspaces') IS NOT NULL AND NOT EXISTS \
                 (SELECT FROM pg_trigger WHERE tgname = 'spoils') THEN \
                 CREATE TRIGGER spoils BEFORE INSERT ON workspaces FOR EACH ROW EXECUTE FUNCTION spoil(); \
                 END IF; END $$; \
                 CREATE EVENT TRIGGER watches ON ddl_command_end WHEN TAG IN ('CREATE TABLE') \
                 EXECUTE FUNCTION watch()";
    house.target.0.run(spoil).unwrap();
    let error = house.go().await.unwrap_err();
    assert!(matches!(&error, MoveError::Differs { table, rows: 1, found: 1 } if table == "workspaces"), "{error}");
    assert!(house.is_empty().await);
    house.target.0.run("DROP EVENT TRIGGER watches").unwrap();
    house.go().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_database_stays_as_it_was() {
    let house = Stopped::small_house().await;
    let dump = |path: &Path| {
        let sqlite = Connection::open(path).unwrap();
        let count = |(name, _): &(String, _)| -> i64 {
            sqlite.query_row(&format!("SELECT COUNT(*) FROM {name}"), [], |row| row.get(0)).unwrap()
        };
        tables(&sqlite).iter().map(count).collect::<Vec<_>>()
    };
    let before = dump(&house.file());
    house.go().await.unwrap();
    assert_eq!(dump(&house.file()), before);
    assert!(open(house.dir.path()).is_set_up().await.unwrap());
}
