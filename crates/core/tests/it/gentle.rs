//! Locks on batteries are read sparingly.

use std::time::Duration;

use thumbturn_core::attempts::FailureKind;
use thumbturn_core::events::Method;
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::How;

use crate::house::{CONFIRMED, House, TALKATIVE, TERSE, failed};
use crate::hub::{Deed, Reads, Word};

const DAY_S: u64 = 86_400;
/// The default.
const BUDGET: usize = 48;

/// The hub goes and comes back, so that its locks are to be read.
async fn flap(house: &House) {
    house.hub.go_away().await;
    house.pass(1_000).await;
    house.hub.come_back();
    house.pass(29_000).await;
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_comes_and_goes_all_day_costs_a_lock_no_more_than_its_budget() {
    let house = House::with(1, TALKATIVE).await;
    for _ in 0..DAY_S / 30 - 4 {
        flap(&house).await;
    }
    let first_day = house.hub.reads();
    assert!((BUDGET - 2..=BUDGET).contains(&first_day), "{first_day}");
    for _ in 0..DAY_S / 30 {
        flap(&house).await;
    }
    let second_day = house.hub.reads() - first_day;
    assert!((BUDGET / 2 - 2..=BUDGET).contains(&second_day), "{second_day}");
}

#[tokio::test(start_paused = true)]
async fn a_lock_with_direct_power_is_read_whenever_it_helps() {
    let house = House::built(1, TALKATIVE, |hub| hub.set(|state| state.locks[0].about.has_direct_power = true)).await;
    for _ in 0..100 {
        flap(&house).await;
    }
    assert!(house.hub.reads() >= 100, "{}", house.hub.reads());
}

#[tokio::test(start_paused = true)]
async fn when_the_budget_is_spent_what_may_not_be_true_is_not_shown_until_a_read_comes_back() {
    let house = House::with(1, TALKATIVE).await;
    for _ in 0..40 {
        flap(&house).await;
    }
    let spent = house.hub.reads();
    assert!(spent <= BUDGET / 2 + 2, "{spent}");
    assert!(!house.state(0).fresh, "nobody has asked it since the hub is back");
    house.pass(3_600_000).await;
    assert_eq!(house.hub.reads(), spent + 1, "an hour later the next read has come back");
    assert!(house.state(0).fresh);
    house.pass(DAY_S * 1_000).await;
    assert_eq!(house.hub.reads(), spent + 1, "there is nothing to ask for");
}

#[tokio::test(start_paused = true)]
async fn a_report_of_the_lock_ends_the_waiting() {
    let house = House::with(1, TALKATIVE).await;
    for _ in 0..40 {
        flap(&house).await;
    }
    house.hub.moved(0, Bolt::Unlocked, How::Tagged(Method::Manual, None)).await;
    house.pass(10).await;
    let state = house.state(0);
    assert_eq!((state.fresh, state.bolt), (true, Some(Bolt::Unlocked)));
}

#[tokio::test(start_paused = true)]
async fn reads_that_decide_an_attempt_go_out_whatever_was_spent() {
    let house = House::with(1, TERSE).await;
    for _ in 0..40 {
        flap(&house).await;
    }
    let spent = house.hub.reads();
    for n in 0..60 {
        // Acknowledged, moved and not a word: only a read can tell.
        house.hub.next(0, Deed::Write(vec![(20, Word::Ack), (500, Word::Move)]));
        let ticket = if n % 2 == 0 { house.unlock(0).await } else { house.lock(0).await };
        assert_eq!(house.end(ticket).await, CONFIRMED);
        house.pass(10_000).await;
    }
    assert!(house.hub.reads() - spent >= 60, "{}", house.hub.reads() - spent);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_never_answers_is_asked_within_its_budget() {
    let house = House::with(1, TERSE).await;
    house.hub.set(|state| state.locks[0].reads = Reads::Fail);
    let before = house.hub.reads();
    for _ in 0..DAY_S / 600 {
        house.hub.next(0, Deed::Write(vec![]));
        let ticket = house.unlock(0).await;
        assert_eq!(house.end(ticket).await, failed(FailureKind::OutcomeUnknown));
        house.pass(Duration::from_secs(570).as_millis().try_into().unwrap()).await;
    }
    // Each attempt reads at most twice for itself.
    let attempts = usize::try_from(DAY_S / 600).unwrap();
    assert!(house.hub.reads() - before <= BUDGET + 2 * attempts, "{}", house.hub.reads() - before);
}
