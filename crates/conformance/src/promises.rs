//! The promises. Each takes a new site.

use std::time::{Duration, Instant};

use thumbturn_core::attempts::{FailureKind, Outcome};
use thumbturn_core::events::Method;
use thumbturn_core::hub::outcome_of;
use thumbturn_core::locks::{Action, Bolt};

use crate::{By, CONFIRMED, SOON, Site, Trouble, failure, wait_until};

/// Makes a test of each promise: `promises!(build)`, where `build` is an async function that makes a new [`Site`] with so
/// many locks.
#[macro_export]
macro_rules! promises {
    ($build:path) => {
        $crate::promises!($build, 1:
            unlock_and_lock_move_the_bolt_once_each_and_are_told_once,
            a_jam_is_a_jam_until_the_next_movement,
            a_dead_lock_does_not_succeed_and_works_when_it_is_back,
            a_slow_motor_is_waited_for,
            a_lock_that_reports_nothing_is_asked,
            a_lock_that_is_never_heard_is_unknown,
            a_lock_that_does_nothing_is_no_success,
            a_hand_in_the_middle_of_a_command_confirms_nothing,
            a_relock_right_after_the_unlock_is_told_by_itself,
            what_is_said_twice_is_told_once,
            what_is_said_in_the_wrong_order_is_told_once,
            a_late_repetition_moves_nothing,
            a_hub_that_dies_in_the_middle_leaves_the_outcome_to_a_read,
            a_dead_hub_gets_no_command_and_what_happened_meanwhile_is_read,
        );
        $crate::promises!($build, 10: ten_locks_at_once_and_one_is_dead);
    };
    ($build:path, $locks:literal: $($promise:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                let mut site = $build($locks).await;
                $crate::promises::$promise(&mut site).await;
            }
        )+
    };
}

fn first(site: &impl Site) -> String {
    site.locks().into_iter().next().unwrap()
}

/// Waits until so many commands have come to the lock.
async fn commanded(site: &impl Site, lock: &str, count: usize) {
    let until = Instant::now() + SOON;
    while site.truth(lock).await.commands < count {
        assert!(Instant::now() < until, "{count} commands did not come to {lock}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until the bolt has moved so often.
async fn moved(site: &impl Site, lock: &str, count: usize) {
    let until = Instant::now() + SOON;
    while site.truth(lock).await.moves < count {
        assert!(Instant::now() < until, "{lock} did not move {count} times");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// P1, P3, P6.
pub async fn unlock_and_lock_move_the_bolt_once_each_and_are_told_once(site: &mut impl Site) {
    let lock = first(site);
    assert_eq!(site.home().unlock(&lock).await, CONFIRMED);
    let truth = site.truth(&lock).await;
    assert_eq!((truth.bolt, truth.moves, truth.commands), (Some(Bolt::Unlocked), 1, 1));
    assert_eq!(site.home().state(&lock).shown_bolt(), Some(Bolt::Unlocked));
    assert_eq!(site.home().lock_door(&lock).await, CONFIRMED);
    let truth = site.truth(&lock).await;
    assert_eq!((truth.bolt, truth.moves, truth.commands), (Some(Bolt::Locked), 2, 2));
    let told = [(Bolt::Unlocked, Method::Remote, None), (Bolt::Locked, Method::Remote, None)];
    assert_eq!(site.home().moves(), told);
    // Already there: confirmed by what the lock says after the command, and told once more.
    assert_eq!(site.home().lock_door(&lock).await, CONFIRMED);
    assert_eq!(site.truth(&lock).await.moves, 2);
}

/// P7.
pub async fn a_jam_is_a_jam_until_the_next_movement(site: &mut impl Site) {
    let lock = first(site);
    site.trouble(&lock, Some(Trouble::Jam)).await;
    assert_eq!(failure(&site.home().unlock(&lock).await), FailureKind::LockJammed);
    assert_eq!(site.home().state(&lock).shown_bolt(), None);
    assert!(site.home().state(&lock).jammed_since.is_some());
    site.trouble(&lock, None).await;
    assert_eq!(site.home().lock_door(&lock).await, CONFIRMED);
    assert_eq!(site.home().state(&lock).shown_bolt(), Some(Bolt::Locked));
}

/// P1, P7.
pub async fn a_dead_lock_does_not_succeed_and_works_when_it_is_back(site: &mut impl Site) {
    let lock = first(site);
    site.trouble(&lock, Some(Trouble::Dead)).await;
    let outcome = site.home().unlock(&lock).await;
    let kind = failure(&outcome);
    assert!(matches!(kind, FailureKind::OutcomeUnknown | FailureKind::DeviceDisconnected), "{outcome:?}");
    assert_eq!(site.truth(&lock).await.moves, 0);
    assert_eq!(site.home().moves(), []);
    site.trouble(&lock, None).await;
    assert_eq!(site.home().unlock(&lock).await, CONFIRMED);
    assert_eq!(site.truth(&lock).await.moves, 1);
}

/// P1.
pub async fn a_slow_motor_is_waited_for(site: &mut impl Site) {
    let lock = first(site);
    site.trouble(&lock, Some(Trouble::Slow(Duration::from_secs(2)))).await;
    let began = Instant::now();
    assert_eq!(site.home().unlock(&lock).await, CONFIRMED);
    assert!(began.elapsed() >= Duration::from_secs(2), "confirmed before the bolt was there");
    let truth = site.truth(&lock).await;
    assert_eq!((truth.bolt, truth.moves, truth.commands), (Some(Bolt::Unlocked), 1, 1));
}

/// P1.
pub async fn a_lock_that_reports_nothing_is_asked(site: &mut impl Site) {
    let lock = first(site);
    site.trouble(&lock, Some(Trouble::Mute)).await;
    assert_eq!(site.home().unlock(&lock).await, CONFIRMED);
    let truth = site.truth(&lock).await;
    assert_eq!((truth.bolt, truth.moves, truth.commands), (Some(Bolt::Unlocked), 1, 1));
}

/// P7.
pub async fn a_lock_that_is_never_heard_is_unknown(site: &mut impl Site) {
    let lock = first(site);
    site.trouble(&lock, Some(Trouble::NeverHeard)).await;
    assert_eq!(failure(&site.home().unlock(&lock).await), FailureKind::OutcomeUnknown);
    assert_eq!(site.home().state(&lock).shown_bolt(), None, "nobody knows where it is");
    assert_eq!(site.home().moves(), []);
    assert_eq!(site.truth(&lock).await.commands, 1);
}

/// P1.
pub async fn a_lock_that_does_nothing_is_no_success(site: &mut impl Site) {
    let lock = first(site);
    site.trouble(&lock, Some(Trouble::Idle)).await;
    let outcome = site.home().unlock(&lock).await;
    assert!(!outcome.succeeded(), "{outcome:?}");
    assert_eq!(site.truth(&lock).await.moves, 0);
    site.home().shows(&lock, Bolt::Locked).await;
    assert_eq!(site.home().moves(), []);
}

/// P1.
pub async fn a_hand_in_the_middle_of_a_command_confirms_nothing(site: &mut impl Site) {
    let lock = first(site);
    site.trouble(&lock, Some(Trouble::Idle)).await;
    let unlocking = site.home().begin(&lock, Action::UnlockDoor).await;
    commanded(site, &lock, 1).await;
    site.turn(&lock, Bolt::Unlocked, By::Hand).await;
    let outcome = outcome_of(unlocking).await.unwrap();
    assert_ne!(outcome, CONFIRMED);
    site.home().shows(&lock, Bolt::Unlocked).await;
    assert_eq!(site.home().moves(), [(Bolt::Unlocked, Method::Manual, None)]);
}

/// P6.
pub async fn a_relock_right_after_the_unlock_is_told_by_itself(site: &mut impl Site) {
    let lock = first(site);
    // What is heard right after a connection is asked about, and by then the bolt is back.
    site.home().is_settled().await;
    let unlocking = site.home().begin(&lock, Action::UnlockDoor).await;
    moved(site, &lock, 1).await;
    site.turn(&lock, Bolt::Locked, By::Itself).await;
    assert_eq!(outcome_of(unlocking).await.unwrap(), CONFIRMED);
    site.home().shows(&lock, Bolt::Locked).await;
    site.home().told(2).await;
    let told = site.home().moves();
    assert_eq!(told[0], (Bolt::Unlocked, Method::Remote, None));
    // Some hubs do not say what it was, but none says that it was the command.
    assert!(matches!(told[1], (Bolt::Locked, Method::Automatic | Method::Unknown, None)), "{told:?}");
    assert_eq!(told.len(), 2);
    // And a command right after another one.
    let unlocking = site.home().begin(&lock, Action::UnlockDoor).await;
    let locking = site.home().begin(&lock, Action::LockDoor).await;
    assert_eq!(outcome_of(unlocking).await.unwrap(), CONFIRMED);
    assert_eq!(outcome_of(locking).await.unwrap(), CONFIRMED);
    assert_eq!(site.truth(&lock).await.bolt, Some(Bolt::Locked));
    site.home().shows(&lock, Bolt::Locked).await;
}

/// P6.
pub async fn what_is_said_twice_is_told_once(site: &mut impl Site) {
    told_once_in_spite_of(site, Trouble::Repeats).await;
}

/// P6.
pub async fn what_is_said_in_the_wrong_order_is_told_once(site: &mut impl Site) {
    told_once_in_spite_of(site, Trouble::Reordered).await;
}

async fn told_once_in_spite_of(site: &impl Site, trouble: Trouble) {
    let lock = first(site);
    site.trouble(&lock, Some(trouble)).await;
    assert_eq!(site.home().unlock(&lock).await, CONFIRMED);
    assert_eq!(site.home().lock_door(&lock).await, CONFIRMED);
    assert_eq!(site.truth(&lock).await.moves, 2);
    let told = [(Bolt::Unlocked, Method::Remote, None), (Bolt::Locked, Method::Remote, None)];
    assert_eq!(site.home().moves(), told);
}

/// P1, P6.
pub async fn a_late_repetition_moves_nothing(site: &mut impl Site) {
    let lock = first(site);
    let late = Duration::from_secs(2);
    site.trouble(&lock, Some(Trouble::RepeatsLate(late))).await;
    assert_eq!(site.home().unlock(&lock).await, CONFIRMED);
    site.trouble(&lock, None).await;
    assert_eq!(site.home().lock_door(&lock).await, CONFIRMED);
    // "Unlocked" is said once more meanwhile.
    tokio::time::sleep(late + Duration::from_millis(500)).await;
    site.home().shows(&lock, Bolt::Locked).await;
    let told = [(Bolt::Unlocked, Method::Remote, None), (Bolt::Locked, Method::Remote, None)];
    assert_eq!(site.home().moves(), told);
}

/// P2, P3.
pub async fn a_hub_that_dies_in_the_middle_leaves_the_outcome_to_a_read(site: &mut impl Site) {
    let lock = first(site);
    site.trouble(&lock, Some(Trouble::Slow(Duration::from_millis(500)))).await;
    let unlocking = site.home().begin(&lock, Action::UnlockDoor).await;
    commanded(site, &lock, 1).await;
    site.hub_dies().await;
    moved(site, &lock, 1).await;
    site.hub_returns().await;
    assert_eq!(outcome_of(unlocking).await.unwrap(), CONFIRMED);
    let truth = site.truth(&lock).await;
    assert_eq!((truth.bolt, truth.moves, truth.commands), (Some(Bolt::Unlocked), 1, 1));
    site.home().shows(&lock, Bolt::Unlocked).await;
    assert_eq!(site.home().moves(), [(Bolt::Unlocked, Method::Remote, None)]);
}

/// P2, P7.
pub async fn a_dead_hub_gets_no_command_and_what_happened_meanwhile_is_read(site: &mut impl Site) {
    let lock = first(site);
    site.hub_dies().await;
    site.home().until("offline", &lock, |state| !state.reach.is_online()).await;
    assert_eq!(site.home().state(&lock).shown_bolt(), None);
    let kind = failure(&site.home().unlock(&lock).await);
    assert!(matches!(kind, FailureKind::HubDisconnected | FailureKind::DeviceDisconnected), "{kind:?}");
    site.turn(&lock, Bolt::Unlocked, By::Hand).await;
    site.hub_returns().await;
    site.home().shows(&lock, Bolt::Unlocked).await;
    assert_eq!(site.home().moves().len(), 1, "told once: {:?}", site.home().moves());
    let truth = site.truth(&lock).await;
    assert_eq!((truth.moves, truth.commands), (1, 0), "nothing was kept for later");
    assert_eq!(site.home().lock_door(&lock).await, CONFIRMED);
}

/// P5.
pub async fn ten_locks_at_once_and_one_is_dead(site: &mut impl Site) {
    let locks = site.locks();
    assert_eq!(locks.len(), 10);
    let (dead, alive) = locks.split_first().unwrap();
    site.trouble(dead, Some(Trouble::Dead)).await;
    let mut attempts = Vec::new();
    for lock in &locks {
        attempts.push(site.home().begin(lock, Action::UnlockDoor).await);
    }
    let mut outcomes = Vec::new();
    for attempt in attempts {
        outcomes.push(outcome_of(attempt).await.unwrap());
    }
    assert!(!outcomes[0].succeeded(), "{:?}", outcomes[0]);
    let failed: Vec<&Outcome> = outcomes[1..].iter().filter(|outcome| **outcome != CONFIRMED).collect();
    assert!(failed.is_empty(), "{failed:?}");
    for lock in alive {
        let truth = site.truth(lock).await;
        assert_eq!((truth.bolt, truth.moves, truth.commands), (Some(Bolt::Unlocked), 1, 1), "{lock}");
    }
    assert_eq!(site.truth(dead).await.moves, 0);
    wait_until("nine movements", SOON, || site.home().moves().len() == 9).await;
}
