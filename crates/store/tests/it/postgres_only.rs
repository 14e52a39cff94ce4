//! What only PostgreSQL can do to the store: end, restart, break off in the middle of a commit, have other guests.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use thumbturn_core::attempts::Outcome;
use thumbturn_core::change::{AsOf, Change, ClaimedCall, IdempotencyKey, KeptAnswer, Whole};
use thumbturn_core::credentials::KeyKind;
use thumbturn_core::events::EventKind;
use thumbturn_core::ids::{CallId, NodeId};
use thumbturn_core::locks::Action;
use thumbturn_core::nodes::{Channel, Told};
use thumbturn_locksim::TestCertificates;
use thumbturn_store::{AttemptFilter, CommitError, EventFilter, ForwardedCall, OpenError, OpenOptions, Role, Store};
use thumbturn_testdb::{Server, Settings, Stop};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{
    ACCOUNT, ALL, Database as _, Postgres, WORKSPACE, accept_with_key, at, attempt, attempt_id, conflict, device_event,
    device_id, everything, finish, key, set_up, tell,
};

type World = crate::support::World<Postgres>;

const PASSWORD: &str = "hunter2 canary";
const PATIENCE: Duration = Duration::from_secs(60);

fn options(world: &World) -> OpenOptions {
    OpenOptions { database_url: Some(world.database.0.url()), ..OpenOptions::new(world.dir.path()) }
}

fn may_command(store: &Store) -> bool {
    thumbturn_core::ports::Store::may_command(store)
}

fn visitor(world: &World) -> Store {
    thumbturn_store::open(OpenOptions { role: Role::Visitor, ..options(world) }).unwrap()
}

#[tokio::test]
async fn a_second_server_is_refused_and_a_visitor_is_not() {
    let world = World::new().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let key_file = Some(world.dir.path().join("secrets.key"));
    let second = OpenOptions { key_file, data_dir: elsewhere.path().to_owned(), ..options(&world) };
    let error = thumbturn_store::open(second).unwrap_err();
    assert!(matches!(&error, OpenError::NotShared { .. }), "{error}");
    for part in [world.database.0.name(), "several_nodes = true", "THUMBTURN_DATABASE__SEVERAL_NODES=true"] {
        assert!(error.to_string().contains(part), "{part} is not in {error}");
    }
    assert!(visitor(&world).is_set_up().await.unwrap());
    let _next = world.reopen().await;
}

#[tokio::test]
async fn servers_that_start_at_once_make_the_schema_once() {
    let database = Postgres::create();
    let keys = tempfile::tempdir().unwrap();
    let start = || {
        let dir = tempfile::tempdir().unwrap();
        let options = OpenOptions {
            database_url: Some(database.0.url()),
            key_file: Some(keys.path().join("secrets.key")),
            ..OpenOptions::new(dir.path())
        };
        std::thread::spawn(move || {
            let _dir = dir;
            match thumbturn_store::open(options) {
                Ok(_) | Err(OpenError::NotShared { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        })
    };
    let starts: Vec<_> = (0..4).map(|_| start()).collect();
    starts.into_iter().for_each(|start| start.join().unwrap());
    let options = OpenOptions {
        database_url: Some(database.0.url()),
        key_file: Some(keys.path().join("secrets.key")),
        role: Role::Visitor,
        ..OpenOptions::new(keys.path())
    };
    thumbturn_store::open(options).unwrap().health().await.unwrap();
}

#[tokio::test]
async fn a_visitor_does_not_set_an_empty_database_up() {
    let (database, dir) = (Postgres::create(), tempfile::tempdir().unwrap());
    let options =
        OpenOptions { role: Role::Visitor, database_url: Some(database.0.url()), ..OpenOptions::new(dir.path()) };
    assert!(matches!(thumbturn_store::open(options).unwrap_err(), OpenError::Empty { .. }));
    assert!(!dir.path().join("secrets.key").exists());
}

#[tokio::test]
async fn another_key_file_is_refused() {
    let world = World::new().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let there = |dir: &tempfile::TempDir| OpenOptions {
        role: Role::Visitor,
        database_url: Some(world.database.0.url()),
        ..OpenOptions::new(dir.path())
    };
    assert!(matches!(thumbturn_store::open(there(&elsewhere)).unwrap_err(), OpenError::KeyMissing { .. }));
    std::fs::write(elsewhere.path().join("secrets.key"), "00".repeat(32)).unwrap();
    assert!(matches!(thumbturn_store::open(there(&elsewhere)).unwrap_err(), OpenError::KeyDiffers { .. }));
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let world = World::new().await;
    world.database.0.run("INSERT INTO schema_version (version) VALUES (9999)").unwrap();
    let error = thumbturn_store::open(OpenOptions { role: Role::Visitor, ..options(&world) }).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 9999, .. }), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_shown() {
    let server = Server::start(Settings { password: Some("right".to_owned()), ..Settings::default() }).unwrap();
    let database = server.database().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let open = |password: &str| {
        let url = server.url(&database, password);
        thumbturn_store::open(OpenOptions { database_url: Some(url), ..OpenOptions::new(dir.path()) })
    };
    let told = with_causes(&open("hunter2").unwrap_err());
    assert!(told.contains("password") && told.contains(database.name()), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    open("right").unwrap().health().await.unwrap();
}

fn with_causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The words of `sslmode` mean what they mean to libpq, at a real server that takes nobody without TLS.
#[tokio::test]
async fn tls_is_as_strict_as_the_url_asks() {
    let (ours, others) = (TestCertificates::make().unwrap(), TestCertificates::make().unwrap());
    let (password, tls) = (Some("right".to_owned()), Some((ours.server, ours.key)));
    let server = Server::start(Settings { password, tls, ..Settings::default() }).unwrap();
    let database = server.database().unwrap();
    let dir = tempfile::tempdir().unwrap();
    for (name, authority) in [("ours.pem", ours.ca), ("others.pem", others.ca)] {
        std::fs::write(dir.path().join(name), authority).unwrap();
    }
    let url = |query: &str| format!("{}?{query}", server.url(&database, "right"));
    // The certificate does not name this host.
    let renamed = |query: &str| url(&format!("hostaddr=127.0.0.1&{query}")).replace("@127.0.0.1", "@db.example");
    let root = |name: &str| format!("sslrootcert={}", dir.path().join(name).display());
    let (ours, others) = (root("ours.pem"), root("others.pem"));
    let open =
        |url: String| thumbturn_store::open(OpenOptions { database_url: Some(url), ..OpenOptions::new(dir.path()) });

    for taken in [
        url("sslmode=prefer"),
        url("sslmode=require"),
        renamed("sslmode=require"),
        url(&format!("sslmode=verify-ca&{ours}")),
        renamed(&format!("sslmode=verify-ca&{ours}")),
        url(&format!("sslmode=verify-full&{ours}")),
    ] {
        let store = open(taken.clone()).unwrap_or_else(|error| panic!("{taken}: {}", with_causes(&error)));
        store.health().await.unwrap();
        store.close().await;
    }
    for (refused, why) in [
        (url("sslmode=disable"), "no encryption"),
        (url(&format!("sslmode=require&{others}")), "certificate"),
        (url(&format!("sslmode=verify-ca&{others}")), "certificate"),
        (url(&format!("sslmode=verify-full&{others}")), "certificate"),
        (url("sslmode=verify-full"), "certificate"),
        (renamed(&format!("sslmode=verify-full&{ours}")), "not valid for name"),
    ] {
        let error = open(refused.clone()).err().unwrap_or_else(|| panic!("{refused} was taken"));
        let told = with_causes(&error);
        assert!(told.contains(why) && !told.contains("right@"), "{refused}: {told}");
    }
}

#[tokio::test]
async fn what_another_process_revokes_is_revoked_within_a_second() {
    let world = World::new().await;
    let asked = async || world.store.key(KeyKind::ApiKey, "short1").await.unwrap().unwrap().revoked_at;
    assert_eq!(asked().await, None);
    let other = visitor(&world);
    other.commit(Change::KeyRevoked { key: key(1, KeyKind::ApiKey).id, at: at(9) }).await.unwrap();
    let noticed = async {
        while asked().await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(1), noticed).await.unwrap();
}

#[tokio::test]
async fn what_another_process_tells_on_a_channel_is_heard_there_and_nowhere_else() {
    let world = World::new().await;
    let (mut calls, mut answers) = (world.store.news(Channel::Calls), world.store.news(Channel::Answers));
    let other = visitor(&world);
    // Until the connection listens, what is told may be missed, and is said to be.
    let heard = async {
        loop {
            other.tell(Channel::Calls, "word".to_owned()).await.unwrap();
            if let Ok(Told::Words(words)) = tokio::time::timeout(Duration::from_millis(100), calls.next()).await {
                return words;
            }
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, heard).await.unwrap(), "word");
    let many: Vec<String> = (0..2_000).map(|n| format!("answer-{n}")).collect();
    let tell = |word: &String| {
        let (other, word) = (other.clone(), word.clone());
        tokio::spawn(async move { other.tell(Channel::Answers, word).await.unwrap() })
    };
    let telling: Vec<_> = many.iter().map(tell).collect();
    for told in telling {
        told.await.unwrap();
    }
    let mut words = Vec::new();
    while words.len() < many.len() {
        match tokio::time::timeout(PATIENCE, answers.next()).await.unwrap() {
            Told::Words(text) => words.extend(text.split(' ').map(str::to_owned).collect::<Vec<_>>()),
            Told::Missed => assert!(words.is_empty(), "a listener that keeps up misses nothing"),
        }
    }
    assert_eq!(words, many);
}

/// The sequence is the order of commits, and times grow with it, whoever writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_of_several_processes_are_in_the_order_of_their_commits() {
    let world = World::new().await;
    let others = [visitor(&world), visitor(&world)];
    let stores: Vec<Store> = std::iter::once(world.store.clone()).chain(others).collect();
    let write = |(which, store): (u128, Store)| {
        tokio::spawn(async move {
            for n in 0..60 {
                let event = device_event(which * 1000 + n, 0, EventKind::DeviceAdded);
                store.commit(tell(vec![event])).await.unwrap();
            }
        })
    };
    let writers: Vec<_> = (0..).zip(stores).map(write).collect();
    // A stream that follows the sequence misses nothing.
    let mut seen = Vec::new();
    let mut filter = EventFilter::default();
    while seen.len() < 180 {
        let page = world.store.events(&everything(), &filter, 1_000, 0).await.unwrap();
        filter.after_sequence = page.last().map(|event| event.sequence).or(filter.after_sequence);
        seen.extend(page);
        assert!(
            writers.iter().any(|writer| !writer.is_finished()) || seen.len() >= 180 || filter.after_sequence.is_some()
        );
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(seen, world.store.events(&everything(), &EventFilter::default(), 1_000, 0).await.unwrap());
    assert!(seen.is_sorted_by(|one, other| one.sequence < other.sequence && one.created_at < other.created_at));
}

/// Sixteen callers, each with attempts of its own, while the server is ended and started again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restart_of_the_database_loses_nothing_and_fails_nothing() {
    let mut server = Server::start(Settings { durable: true, ..Settings::default() }).unwrap();
    let database = Postgres(server.database().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let store = database.open(OpenOptions::new(dir.path()));
    store.commit(Change::SetUp(Box::new(set_up()))).await.unwrap();
    let stop = Arc::new(AtomicU8::new(0));
    let call = |task: u128| {
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut answered = Vec::new();
            for n in (task..).step_by(16) {
                if stop.load(Ordering::Acquire) > 0 {
                    break;
                }
                store.commit(Change::AcceptAttempt { attempt: attempt(n), claim: None }).await.unwrap();
                store.commit(finish(n, Outcome::Success { confirmed: true })).await.unwrap();
                answered.push(n);
            }
            answered
        })
    };
    let callers: Vec<_> = (0..16).map(call).collect();
    for how in [Stop::Fast, Stop::Crash, Stop::Crash] {
        let before = store.last_sequence().await.unwrap();
        while store.last_sequence().await.unwrap() < before + 100 {
            tokio::task::yield_now().await;
        }
        server = tokio::task::spawn_blocking(move || {
            server.stop(how).unwrap();
            server.run().unwrap();
            server
        })
        .await
        .unwrap();
    }
    let before = store.last_sequence().await.unwrap();
    while store.last_sequence().await.unwrap() < before + 100 {
        tokio::task::yield_now().await;
    }
    stop.store(1, Ordering::Release);
    let mut answered = Vec::new();
    for caller in callers {
        answered.extend(caller.await.unwrap());
    }
    let kept =
        store.attempts(&everything(), &AttemptFilter::default(), thumbturn_store::PageRequest::first(1_000_000)).await;
    let mut kept: Vec<_> =
        kept.unwrap().items.into_iter().map(|attempt| (attempt.id, attempt.outcome.is_some())).collect();
    let mut wanted: Vec<_> = answered.into_iter().map(|n| (attempt_id(n), true)).collect();
    kept.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(kept, wanted, "what is there is what was answered");
    let events = store.events(&everything(), &EventFilter::default(), 1_000_000, 0).await.unwrap();
    assert_eq!(events.len(), wanted.len(), "each end was told once");
    assert!(events.is_sorted_by(|one, other| one.sequence < other.sequence && one.created_at < other.created_at));
    drop(store);
    drop(database);
    drop(server);
}

/// What the wire does to commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Cut {
    Nowhere,
    /// The next commit does not reach the server.
    BeforeCommit,
    /// The next commit happens, and its answer is lost.
    AfterCommit,
    /// Nobody gets through.
    Everything,
}

/// A wire to the database that can be cut at the worst moment.
struct Wire {
    port: u16,
    cut: Arc<AtomicU8>,
}

impl Wire {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Self { port: listener.local_addr().unwrap().port(), cut: Arc::new(AtomicU8::new(0)) };
        let cut = Arc::clone(&wire.cut);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if cut.load(Ordering::Acquire) != Cut::Everything as u8 {
                    tokio::spawn(carry(client, port, Arc::clone(&cut)));
                }
            }
        });
        wire
    }

    fn cut(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::Release);
    }
}

async fn carry(client: TcpStream, port: u16, cut: Arc<AtomicU8>) {
    let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // The first that ends takes the other along: both sides are closed then.
    tokio::select! {
        () = ask(from_client, to_server, &cut) => {}
        () = answer(from_server, to_client, &cut) => {}
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// Client to server. Learns under which name the client has prepared its commit.
async fn ask(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, cut: &AtomicU8) {
    let mut buffer = vec![0; 1 << 20];
    let mut commit: Option<Vec<u8>> = None;
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let bytes = &buffer[..length];
        if let Some(end) = find(bytes, b"\0COMMIT\0") {
            let begin = bytes[..end].iter().rposition(|byte| *byte == 0 || *byte == b'P').unwrap();
            // A message that binds: portal (none), statement, each with a zero behind it.
            let name = &bytes[begin + 1..end];
            let start = name.iter().position(|byte| *byte == b's').unwrap();
            commit = Some([b"\0", &name[start..], b"\0"].concat());
        } else if commit.as_ref().is_some_and(|commit| find(bytes, commit).is_some())
            && cut.compare_exchange(1, 0, Ordering::AcqRel, Ordering::Acquire).is_ok()
        {
            return;
        }
        if cut.load(Ordering::Acquire) == Cut::Everything as u8 || to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

/// Server to client.
async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, cut: &AtomicU8) {
    let mut buffer = vec![0; 1 << 20];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let bytes = &buffer[..length];
        if find(bytes, b"COMMIT\0").is_some() && cut.compare_exchange(2, 0, Ordering::AcqRel, Ordering::Acquire).is_ok()
        {
            return;
        }
        if cut.load(Ordering::Acquire) == Cut::Everything as u8 || to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

/// A store behind a wire.
struct Wired {
    store: Store,
    wire: Wire,
    dir: tempfile::TempDir,
    direct: String,
    _database: thumbturn_testdb::Database,
    _server: Server,
}

impl Wired {
    async fn new() -> Self {
        let server =
            Server::start(Settings { password: Some(PASSWORD.replace(' ', "")), ..Settings::default() }).unwrap();
        let database = server.database().unwrap();
        let direct = server.url(&database, &PASSWORD.replace(' ', ""));
        let wire = Wire::to(server.port()).await;
        let wired = direct.replace(&format!(":{}/", server.port()), &format!(":{}/", wire.port));
        let dir = tempfile::tempdir().unwrap();
        let options = OpenOptions { database_url: Some(wired), ..OpenOptions::new(dir.path()) };
        // Opening blocks, and the wire is on this runtime.
        let store = tokio::task::spawn_blocking(|| thumbturn_store::open(options).unwrap()).await.unwrap();
        store.commit(Change::SetUp(Box::new(set_up()))).await.unwrap();
        Self { store, wire, dir, direct, _database: database, _server: server }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_commit_whose_answer_was_lost_is_looked_up_and_happens_once() {
    let wired = Wired::new().await;
    for (n, cut) in (0..).zip([Cut::AfterCommit, Cut::BeforeCommit, Cut::AfterCommit, Cut::BeforeCommit]) {
        wired.wire.cut(cut);
        let change = match n {
            0 | 1 => accept_with_key(n, &format!("key {n}"), 0),
            _ => Change::AcceptAttempt { attempt: attempt(n), claim: None },
        };
        tokio::time::timeout(PATIENCE, wired.store.commit(change)).await.unwrap().unwrap();
        assert_eq!(wired.wire.cut.load(Ordering::Acquire), 0, "the wire was cut: {cut:?}");
        wired.wire.cut(cut);
        let change = finish(n, Outcome::Success { confirmed: true });
        tokio::time::timeout(PATIENCE, wired.store.commit(change)).await.unwrap().unwrap();
        assert_eq!(wired.wire.cut.load(Ordering::Acquire), 0, "the wire was cut: {cut:?}");
    }
    // Of changes that fail by themselves in a batch that happens, the rows say whether they did.
    for cut in [Cut::AfterCommit, Cut::BeforeCommit] {
        wired.wire.cut(cut);
        let mut gone = attempt(8);
        gone.device = Some(device_id(99));
        let change = Change::AcceptAttempt { attempt: gone, claim: None };
        let answer = tokio::time::timeout(PATIENCE, wired.store.commit(change)).await.unwrap();
        assert_eq!(conflict(answer), "device", "{cut:?}");
        assert_eq!(wired.wire.cut.load(Ordering::Acquire), 0, "the wire was cut: {cut:?}");
    }
    // A change that fails is not taken for one that worked.
    wired.wire.cut(Cut::BeforeCommit);
    assert_eq!(conflict(wired.store.commit(accept_with_key(9, "key 1", 0)).await), "idempotency_key");
    wired.wire.cut(Cut::Nowhere);
    let attempts = wired.store.attempts(&everything(), &AttemptFilter::default(), ALL).await.unwrap().items;
    assert_eq!(attempts.len(), 4);
    assert!(attempts.iter().all(|attempt| attempt.outcome.is_some()));
    assert_eq!(wired.store.events(&everything(), &EventFilter::default(), 100, 0).await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_lost_its_database_to_another_writes_nothing_any_more() {
    let wired = Wired::new().await;
    assert!(may_command(&wired.store));
    wired.wire.cut(Cut::Everything);
    let stops = async {
        while may_command(&wired.store) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(3), stops).await.expect("who hears nothing commands nothing");
    let accept = |n| Change::AcceptAttempt { attempt: attempt(n), claim: None };
    let store = wired.store.clone();
    let lost = tokio::spawn(async move { store.commit(accept(1)).await });
    let elsewhere = tempfile::tempdir().unwrap();
    let options = OpenOptions {
        database_url: Some(wired.direct.clone()),
        key_file: Some(wired.dir.path().join("secrets.key")),
        ..OpenOptions::new(elsewhere.path())
    };
    let open = move || {
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            match thumbturn_store::open(options.clone()) {
                Err(OpenError::NotShared { .. }) if std::time::Instant::now() < until => {}
                opened => return opened.unwrap(),
            }
        }
    };
    let other = tokio::task::spawn_blocking(open).await.unwrap();
    wired.wire.cut(Cut::Nowhere);
    tokio::time::timeout(PATIENCE, wired.store.ended()).await.unwrap();
    assert!(matches!(lost.await.unwrap(), Err(CommitError::Store(_))));
    assert!(matches!(wired.store.commit(accept(2)).await, Err(CommitError::Store(_))));
    assert!(wired.store.health().await.is_err());
    other.commit(accept(3)).await.unwrap();
    let attempts = other.attempts(&everything(), &AttemptFilter::default(), ALL).await.unwrap().items;
    assert_eq!(attempts.iter().map(|attempt| attempt.id).collect::<Vec<_>>(), [attempt_id(3)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_the_database_is_away_changes_fail_in_time_and_the_store_comes_back() {
    let wired = Wired::new().await;
    wired.wire.cut(Cut::Everything);
    let accept = |n| Change::AcceptAttempt { attempt: attempt(n), claim: None };
    let refused = tokio::time::timeout(PATIENCE, wired.store.commit(accept(1))).await.unwrap();
    assert!(matches!(refused, Err(CommitError::Store(_))));
    assert!(wired.store.health().await.is_err());
    wired.wire.cut(Cut::Nowhere);
    let back = async { while wired.store.commit(accept(2)).await.is_err() {} };
    tokio::time::timeout(PATIENCE, back).await.unwrap();
    wired.store.health().await.unwrap();
    assert_eq!(wired.store.attempt(&everything(), attempt_id(1)).await.unwrap(), None, "what was refused is not there");
}

#[tokio::test(flavor = "multi_thread")]
async fn movements_are_counted_over_all_nodes() {
    let world = World::new().await;
    let nodes = [world.store.clone(), visitor(&world), visitor(&world)];
    let per_minute = NonZeroU32::new(15).unwrap();
    let count = |node: &Store, device, action| {
        let node = node.clone();
        async move { node.count_movement(device_id(device), action, per_minute).await.unwrap() }
    };
    let calls = nodes.iter().cycle().take(60).map(|node| tokio::spawn(count(node, 1, Action::UnlockDoor)));
    let calls: Vec<_> = calls.collect();
    let mut waits = Vec::new();
    for call in calls {
        waits.extend(call.await.unwrap());
    }
    assert_eq!(waits.len(), 45, "15 of 60 calls are made, whichever node they come to");
    assert!(waits.iter().all(|wait| *wait > Duration::ZERO && *wait <= Duration::from_secs(4)), "{waits:?}");
    assert!(count(&nodes[1], 1, Action::UnlockDoor).await.unwrap() > Duration::from_millis(100));
    for (device, action) in [(1, Action::LockDoor), (2, Action::UnlockDoor)] {
        assert_eq!(count(&nodes[2], device, action).await, None, "each device and action has a count of its own");
    }
    assert_eq!(count(&nodes[0], 99, Action::UnlockDoor).await, None, "what is not there is refused for that");
    // Time goes by: the next call is due.
    world.database.0.run("UPDATE action_rates SET due_at = due_at - 4000000").unwrap();
    let twice = [count(&nodes[0], 1, Action::UnlockDoor).await, count(&nodes[1], 1, Action::UnlockDoor).await];
    assert!(twice[0].is_none() && twice[1].is_some(), "{twice:?}");
    world.commit(Change::DeviceDeleted { device: device_id(1), events: Vec::new() }).await;
    let again = Change::DeviceSeen { device: Box::new(crate::support::device(1)), events: Vec::new() };
    world.commit(again).await;
    assert_eq!(count(&nodes[1], 1, Action::UnlockDoor).await, None, "a device that is gone takes its count along");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_get_the_same_key_at_the_same_time_make_one_attempt() {
    let world = World::new().await;
    let nodes = [world.store.clone(), visitor(&world)];
    for round in 0..20_u128 {
        let key = format!("key {round}");
        let accept = |n: u128| {
            let node = nodes[usize::try_from(n).unwrap()].clone();
            let change = accept_with_key(round * 2 + n, &key, 1);
            tokio::spawn(async move { node.commit(change).await })
        };
        let accepted = [accept(0), accept(1)];
        let mut made = Vec::new();
        for (n, accepted) in accepted.into_iter().enumerate() {
            match accepted.await.unwrap() {
                Ok(()) => made.push(attempt_id(round * 2 + n as u128)),
                other => assert_eq!(conflict(other), "idempotency_key"),
            }
        }
        assert_eq!(made.len(), 1, "round {round}");
        for node in &nodes {
            let claim = IdempotencyKey(key.clone());
            let found = node.idempotent(WORKSPACE, "api_key", "/locks/unlock_door", &claim, at(2)).await.unwrap();
            assert_eq!(found.unwrap().attempt, made[0], "both nodes name it");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_claim_the_same_call_at_the_same_time_run_it_once() {
    let world = World::new().await;
    let nodes = [world.store.clone(), visitor(&world)];
    for round in 0..20 {
        let claimed = ClaimedCall {
            id: CallId::derived(WORKSPACE.0, &format!("round {round}")),
            workspace: Some(WORKSPACE),
            body_hash: "hash".to_owned(),
            at: at(1),
        };
        let claim = |node: &Store| {
            let (node, claimed) = (node.clone(), claimed.clone());
            tokio::spawn(async move { node.commit(Change::CallClaimed(claimed)).await })
        };
        let claims = [claim(&nodes[0]), claim(&nodes[1])];
        let mut winners = 0;
        for claim in claims {
            match claim.await.unwrap() {
                Ok(()) => winners += 1,
                other => assert_eq!(conflict(other), "kept_call"),
            }
        }
        assert_eq!(winners, 1, "round {round}");
        let answer = KeptAnswer("{\"ok\":true}".to_owned());
        nodes[0].commit(Change::CallAnswered { call: claimed.clone(), answer }).await.unwrap();
        let kept = nodes[1].kept_call(claimed.id, at(2)).await.unwrap().unwrap();
        assert_eq!(kept.answer.as_deref(), Some("{\"ok\":true}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_that_change_what_they_read_together_one_is_outrun() {
    let world = World::new().await;
    let nodes = [world.store.clone(), visitor(&world)];
    let spaces = Whole::Spaces(WORKSPACE);
    for round in 0..10 {
        let read = [nodes[0].as_of(spaces).await.unwrap(), nodes[1].as_of(spaces).await.unwrap()];
        assert!(read[0].is_some() && read[0] == read[1]);
        let grants = [0, 1].map(|n| {
            let (node, read) = (nodes[n].clone(), read[n].clone());
            let told = vec![(device_id(n as u128), format!("Zone {round} {n}"))];
            tokio::spawn(async move { node.commit(Change::TimeZonesTold(told).over(read)).await })
        });
        let mut outrun = 0;
        for change in grants {
            match change.await.unwrap() {
                Ok(()) => {}
                other => {
                    assert_eq!(conflict(other), AsOf::OUTRUN);
                    outrun += 1;
                }
            }
        }
        assert_eq!(outrun, 1, "round {round}");
    }
    // What only has to stay as it is may be taken for granted by many, until one changes it.
    let read = nodes[0].as_of(Whole::SpacesAround(ACCOUNT)).await.unwrap().map(AsOf::unchanged);
    assert_eq!(
        read.as_ref().map(|read| read.name.clone()),
        nodes[1].as_of(spaces).await.unwrap().map(|read| read.name)
    );
    let told = |zone: &str| Change::TimeZonesTold(vec![(device_id(3), zone.to_owned())]);
    for node in &nodes {
        node.commit(told("Europe/Berlin").over(read.clone())).await.unwrap();
    }
    nodes[1].commit(told("UTC").over(nodes[1].as_of(spaces).await.unwrap())).await.unwrap();
    assert_eq!(conflict(nodes[0].commit(told("Asia/Tokyo").over(read)).await), AsOf::OUTRUN);
    assert_eq!(nodes[0].as_of(Whole::SpacesAround(crate::support::account_id(9))).await.unwrap(), None);
}

/// Before there were nodes nobody wrote down who had taken an attempt: it may have been sent.
#[tokio::test]
async fn a_pending_attempt_of_an_older_program_is_one_that_was_taken() {
    let world = World::new().await;
    world.accept(1).await;
    let account = crate::support::ACCOUNT;
    let left = thumbturn_core::ports::Store::unfinished_attempts(&world.store, account).await.unwrap();
    assert_eq!(left.iter().map(|attempt| attempt.id).collect::<Vec<_>>(), [attempt_id(1)]);
    let nodes = thumbturn_core::ports::Store::nodes(&world.store).unwrap();
    let node = *nodes.node().borrow();
    nodes.take(node, None).await.unwrap();
    assert!(nodes.waiting(node).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_handed_over_is_begun_at_most_once_and_answered() {
    let world = World::new().await;
    let (here, there) = (visitor(&world), world.store.clone());
    let (node, other) = (NodeId(uuid(1)), NodeId(uuid(2)));
    let mut answers = there.news(Channel::Answers);
    for round in 10..20 {
        let call = CallId(uuid(round));
        here.forward_call(call, node, "canary-request", PATIENCE).await.unwrap();
        assert_eq!(there.waiting_calls(node).await.unwrap(), [call]);
        assert!(there.waiting_calls(other).await.unwrap().is_empty());
        assert_eq!(there.take_call(call, other).await.unwrap(), None, "it is not for that node");
        let take = |store: &Store| {
            let store = store.clone();
            tokio::spawn(async move { store.take_call(call, node).await.unwrap() })
        };
        let takes = [take(&there), take(&here), take(&there)];
        let mut taken = Vec::new();
        for one in takes {
            taken.extend(one.await.unwrap());
        }
        assert_eq!(taken, ["canary-request"]);
        assert!(!here.withdraw_call(call).await.unwrap(), "it was begun");
        assert!(here.forwarded_call(call).await.unwrap() == ForwardedCall::Open);
        there.answer_call(call, "canary-answer").await.unwrap();
        let told = async { while answers.next().await != Told::Words(call.to_string()) {} };
        tokio::time::timeout(PATIENCE, told).await.expect("who handed it over hears of its answer");
        assert!(here.forwarded_call(call).await.unwrap() == ForwardedCall::Answered("canary-answer".to_owned()));
        here.forget_call(call).await.unwrap();
        assert!(here.forwarded_call(call).await.unwrap() == ForwardedCall::Gone);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_handed_over_is_sealed_and_never_begun_late_or_after_it_was_taken_back() {
    let world = World::new().await;
    let (store, node) = (&world.store, NodeId(uuid(1)));
    let late = CallId(uuid(2));
    store.forward_call(late, node, "canary-request", Duration::ZERO).await.unwrap();
    assert!(store.waiting_calls(node).await.unwrap().is_empty());
    assert_eq!(store.take_call(late, node).await.unwrap(), None);
    assert!(store.withdraw_call(late).await.unwrap());
    let back = CallId(uuid(3));
    store.forward_call(back, node, "canary-request", PATIENCE).await.unwrap();
    world
        .database
        .0
        .run(
            "DO $$ BEGIN IF EXISTS (SELECT FROM forwarded_calls c WHERE c::text LIKE '%canary%') \
         OR NOT EXISTS (SELECT FROM forwarded_calls) THEN RAISE EXCEPTION 'in clear'; END IF; END $$",
        )
        .unwrap();
    assert!(store.withdraw_call(back).await.unwrap());
    assert_eq!(store.take_call(back, node).await.unwrap(), None);
    let lost = CallId(uuid(4));
    store.forward_call(lost, node, "canary-request", Duration::ZERO).await.unwrap();
    store.forget_old_calls(PATIENCE).await.unwrap();
    assert!(store.forwarded_call(lost).await.unwrap() == ForwardedCall::Open);
    store.forget_old_calls(Duration::ZERO).await.unwrap();
    assert!(store.forwarded_call(lost).await.unwrap() == ForwardedCall::Gone);
}

const fn uuid(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(n)
}
