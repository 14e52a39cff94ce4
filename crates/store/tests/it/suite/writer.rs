use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use thumbturn_core::attempts::{Attempt, FailureKind, Outcome};
use thumbturn_core::change::Change;
use thumbturn_core::events::EventKind;
use thumbturn_core::locks::Bolt;
use thumbturn_store::{AttemptFilter, CommitError, DeviceLookup, EventFilter, OpenOptions};
use tokio::task::JoinSet;

use super::World;
use crate::support::{
    ALL, accept_with_key, attempt, attempt_id, conflict, device_event, device_id, everything, finish, online, tell,
};

/// A clock at which the writer can be made to wait, so that a test decides what comes into one batch.
#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    shut: bool,
    waiting: bool,
    /// How often it was shut.
    batches: u128,
}

impl Gate {
    fn install(self: &Arc<Self>, options: &mut OpenOptions) {
        let gate = Arc::clone(self);
        options.clock = Arc::new(move || {
            gate.pass();
            Timestamp::now()
        });
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        while state.shut {
            state.waiting = true;
            self.changed.notify_all();
            state = self.changed.wait(state).unwrap();
        }
        state.waiting = false;
    }

    /// Shuts it, and says how often that was done before.
    fn shut(&self) -> u128 {
        let mut state = self.state.lock().unwrap();
        state.shut = true;
        state.batches += 1;
        state.batches - 1
    }

    fn open(&self) {
        self.state.lock().unwrap().shut = false;
        self.changed.notify_all();
    }

    fn wait_for_writer(&self) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| !state.waiting).unwrap());
    }
}

/// Commits `changes` in one batch, and gives their answers in order.
async fn in_one_batch(world: &World, gate: &Gate, changes: Vec<Change>) -> Vec<Result<(), CommitError>> {
    in_one_batch_after(world, gate, changes, || {}).await
}

/// The same, once `before` has run, which runs when the batch waits and everything older is with the writer.
async fn in_one_batch_after(
    world: &World,
    gate: &Gate,
    changes: Vec<Change>,
    before: impl FnOnce(),
) -> Vec<Result<(), CommitError>> {
    let before_it = gate.shut();
    let spawn = |change| {
        let store = world.store.clone();
        tokio::spawn(async move { store.commit(change).await })
    };
    let first = spawn(tell(vec![device_event(999 + before_it, 0, EventKind::DeviceAdded)]));
    tokio::task::yield_now().await;
    gate.wait_for_writer();
    let rest: Vec<_> = changes.into_iter().map(spawn).collect();
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
    before();
    gate.open();
    first.await.unwrap().unwrap();
    let mut answers = Vec::new();
    for answer in rest {
        answers.push(answer.await.unwrap());
    }
    answers
}

fn accept(n: u128) -> Change {
    Change::AcceptAttempt { attempt: attempt(n), claim: None }
}

/// Batches of what an unlock is made of, which PostgreSQL is told in one round.
#[tokio::test]
async fn of_a_batch_of_unlocks_only_those_fail_that_cannot_be() {
    let gate = Arc::new(Gate::default());
    let world = World::with(|options| gate.install(options)).await;
    let names = |answers: Vec<Result<(), CommitError>>| -> Vec<_> {
        answers.into_iter().map(|answer| answer.err().map(|error| conflict(Err(error)))).collect()
    };
    let mut gone = attempt(2);
    gone.device = Some(device_id(99));
    let gone = Change::AcceptAttempt { attempt: gone, claim: None };
    let answers = in_one_batch(&world, &gate, vec![accept(1), gone, accept(3), accept(4)]).await;
    assert_eq!(names(answers), [None, Some("device"), None, None]);
    let end = |n| finish(n, Outcome::Success { confirmed: true });
    let answers = in_one_batch(&world, &gate, vec![end(1), accept(5), end(3)]).await;
    assert_eq!(names(answers), [None, None, None]);
    let answers = in_one_batch(&world, &gate, vec![end(4), end(77), accept(6), end(1), end(5)]).await;
    assert_eq!(names(answers), [None, Some("attempt"), None, Some("attempt"), None]);
    let attempts = world.store.attempts(&everything(), &AttemptFilter::default(), ALL).await.unwrap().items;
    let mut ended: Vec<_> = attempts.iter().map(|attempt| (attempt.id, attempt.outcome.is_some())).collect();
    ended.sort_unstable();
    assert_eq!(ended, [(1, true), (3, true), (4, true), (5, true), (6, false)].map(|(n, is)| (attempt_id(n), is)));
    let events = world.store.events(&everything(), &EventFilter::default(), 100, 0).await.unwrap();
    assert_eq!(events.iter().filter(|event| matches!(event.event.kind, EventKind::AttemptEnded { .. })).count(), 4);
    assert!(events.is_sorted_by(|one, other| one.sequence < other.sequence && one.created_at < other.created_at));
}

#[tokio::test]
async fn a_change_that_fails_in_a_batch_fails_alone_and_as_a_whole() {
    let gate = Arc::new(Gate::default());
    let world = World::with(|options| gate.install(options)).await;
    let twice = device_event(999, 3, EventKind::DeviceAdded);
    let half = Change::DeviceChanged { device: device_id(3), state: online(Bolt::Unlocked), events: vec![twice] };
    let changes = vec![
        accept_with_key(1, "k", 0),
        finish(77, Outcome::Success { confirmed: true }),
        accept_with_key(2, "k", 0),
        half,
        finish(1, Outcome::Success { confirmed: true }),
        accept(4),
    ];
    let answers = in_one_batch(&world, &gate, changes).await;
    let names: Vec<_> = answers.into_iter().map(|answer| answer.err().map(|error| conflict(Err(error)))).collect();
    assert_eq!(names, [None, Some("attempt"), Some("idempotency_key"), Some("event_id"), None, None]);

    let attempts = world.store.attempts(&everything(), &AttemptFilter::default(), ALL).await.unwrap().items;
    assert_eq!(attempts.iter().map(|attempt| attempt.id).collect::<Vec<_>>(), [attempt_id(1), attempt_id(4)]);
    assert_eq!(attempts[0].outcome, Some(Outcome::Success { confirmed: true }), "seen by a later change of its batch");
    let DeviceLookup::Found(device) = world.store.device(&everything(), device_id(3)).await.unwrap() else { panic!() };
    assert_eq!(device.state.bolt, Some(Bolt::Locked), "the half that had worked was taken back");
    assert_eq!(world.store.events(&everything(), &EventFilter::default(), 10, 0).await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_same_changes_of_many_locks_in_a_batch_keep_apart() {
    let gate = Arc::new(Gate::default());
    let world = World::with(|options| gate.install(options)).await;
    let stranger = Attempt { device: Some(device_id(99)), ..attempt(9) };
    let mut accepts: Vec<Change> = (1..=5).map(accept).collect();
    accepts.insert(2, Change::AcceptAttempt { attempt: stranger, claim: None });
    let answers = in_one_batch(&world, &gate, accepts).await;
    let refused: Vec<_> = answers.iter().map(Result::is_err).collect();
    assert_eq!(refused, [false, false, true, false, false, false]);

    let failed = |kind: FailureKind| Outcome::Failure(kind.into());
    let outcomes = [
        Outcome::Success { confirmed: true },
        failed(FailureKind::LockJammed),
        Outcome::Success { confirmed: false },
        failed(FailureKind::Expired),
        Outcome::Success { confirmed: true },
    ];
    let ends: Vec<Change> = (1..=5).zip(outcomes.clone()).map(|(n, outcome)| finish(n, outcome)).collect();
    let mut changes = JoinSet::new();
    for change in ends {
        let store = world.store.clone();
        changes.spawn(async move { store.commit(change).await });
    }
    assert!(changes.join_all().await.iter().all(Result::is_ok));

    let attempts = world.store.attempts(&everything(), &AttemptFilter::default(), ALL).await.unwrap().items;
    let stored: Vec<_> = attempts.into_iter().map(|attempt| (attempt.id, attempt.outcome)).collect();
    let expected: Vec<_> = (1..=5).map(attempt_id).zip(outcomes.iter().cloned().map(Some)).collect();
    assert_eq!(stored, expected);
    let events = world.store.events(&everything(), &EventFilter::default(), 10, 0).await.unwrap();
    let ended = |kind: &EventKind| match kind {
        EventKind::AttemptEnded { attempt, .. } => Some(*attempt),
        _ => None,
    };
    let mut told: Vec<_> = events.iter().filter_map(|event| ended(&event.event.kind)).collect();
    told.sort();
    assert_eq!(told, (1..=5).map(attempt_id).collect::<Vec<_>>());
    assert!(
        events.windows(2).all(|pair| pair[0].created_at < pair[1].created_at && pair[0].sequence < pair[1].sequence)
    );
    for n in 0..5 {
        let DeviceLookup::Found(device) = world.store.device(&everything(), device_id(n)).await.unwrap() else {
            panic!()
        };
        assert_eq!(device.state, online(Bolt::Unlocked));
    }
}

#[tokio::test]
async fn a_full_queue_is_busy_and_loses_nothing() {
    let gate = Arc::new(Gate::default());
    let world = World::with(|options| {
        gate.install(options);
        options.queue = 3;
    })
    .await;
    let answers = in_one_batch(&world, &gate, (0..5).map(accept).collect()).await;
    assert!(answers[..3].iter().all(Result::is_ok));
    assert!(answers[3..].iter().all(|answer| matches!(answer, Err(CommitError::Busy))));
    assert_eq!(world.store.attempts(&everything(), &AttemptFilter::default(), ALL).await.unwrap().items.len(), 3);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_undo_its_change() {
    let gate = Arc::new(Gate::default());
    let world = World::with(|options| gate.install(options)).await;
    gate.shut();
    let store = world.store.clone();
    let caller =
        tokio::spawn(async move { store.commit(tell(vec![device_event(1, 0, EventKind::DeviceAdded)])).await });
    tokio::task::yield_now().await;
    gate.wait_for_writer();
    caller.abort();
    gate.open();
    world.commit(accept(1)).await;
    assert_eq!(world.store.events(&everything(), &EventFilter::default(), 10, 0).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_callers_at_once() {
    let world = World::new().await;
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let store = world.store.clone();
            tokio::spawn(async move {
                for n in task * 20..task * 20 + 20 {
                    store.commit(accept(n)).await.unwrap();
                    store.commit(finish(n, Outcome::Success { confirmed: true })).await.unwrap();
                    let read = store.attempt(&everything(), attempt_id(n)).await.unwrap().unwrap();
                    assert!(read.outcome.is_some(), "an answered commit is visible at once");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let attempts = world.store.attempts(&everything(), &AttemptFilter::default(), ALL).await.unwrap().items;
    assert_eq!(attempts.len(), 64 * 20);
    let events = world.store.events(&everything(), &EventFilter::default(), 10_000, 0).await.unwrap();
    assert_eq!(events.len(), 64 * 20);
    assert!(events.is_sorted_by(|one, other| one.sequence < other.sequence && one.created_at < other.created_at));
}

#[tokio::test]
async fn a_closed_store_keeps_what_was_queued_and_takes_nothing_more() {
    let world = World::new().await;
    let store = world.store.clone();
    let (queued, ()) = tokio::join!(store.commit(accept(1)), store.close());
    queued.unwrap();
    assert!(matches!(world.store.commit(accept(2)).await, Err(CommitError::Store(_))));
    assert!(world.store.health().await.is_err());
    assert!(world.store.attempt(&everything(), attempt_id(1)).await.unwrap().is_some(), "reads still work");
    store.close().await;
}

#[tokio::test]
async fn a_panic_in_the_middle_of_a_batch_loses_nothing_that_was_answered() {
    let gate = Arc::new(Gate::default());
    let panics = Arc::new(AtomicBool::new(false));
    let world = World::with(|options| {
        let (gate, panics) = (Arc::clone(&gate), Arc::clone(&panics));
        options.clock = Arc::new(move || {
            assert!(!panics.load(Ordering::Acquire), "the clock breaks");
            gate.pass();
            Timestamp::now()
        });
    })
    .await;
    world.accept(1).await;

    panic_after_the_first(&world, &gate, &panics).await;
    // Whoever waits is answered a moment before the thread is gone.
    let is_told = async {
        while world.store.health().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(10), is_told).await;
    assert!(told.is_ok(), "the writer is gone, and the server says so");

    let world = world.reopen().await;
    let attempts = world.store.attempts(&everything(), &AttemptFilter::default(), ALL).await.unwrap().items;
    assert_eq!(attempts.iter().map(|attempt| attempt.id).collect::<Vec<_>>(), [attempt_id(1)]);
    assert_eq!(world.store.events(&everything(), &EventFilter::default(), 10, 0).await.unwrap().len(), 1);
    world.accept(2).await;
}

/// One change that is acknowledged, then a batch of four in whose middle the writer panics.
async fn panic_after_the_first(world: &World, gate: &Gate, panics: &AtomicBool) {
    let success = Outcome::Success { confirmed: true };
    let batch = vec![accept(2), accept(3), finish(2, success.clone()), finish(3, success)];
    for answer in in_one_batch_after(world, gate, batch, || panics.store(true, Ordering::Release)).await {
        assert!(matches!(answer, Err(CommitError::Store(_))), "nothing of the batch is acknowledged");
    }
}
